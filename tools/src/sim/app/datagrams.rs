//! Datagrams that come back (RFC 862 over UDP): what returns must be what was sent.
//!
//! [`DatagramSource`] sends a number of them and takes what comes back, in any order, twice or not at
//! all, for UDP promises no more; but an altered one is a failure. [`DatagramEcho`] sends each back to
//! where it came from. Neither retries.

use std::net::SocketAddr;

use sidestep_stack::call::{CallRefused, SendDatagram, SocketId};
use sidestep_stack::event::Event;
use sidestep_stack::{Duration, Instant};

use super::{Application, Calls, Discontent, Occasion};
use crate::octets::Pattern;

/// Octets in front of the content: the datagram's number.
const NUMBER_OCTETS: usize = 4;

/// How long it waits for the last one to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// The end that sends first.
#[derive(Clone, Debug)]
pub struct DatagramSource {
    remote: SocketAddr,
    seed: u64,
    count: u32,
    octets: u32,
    interval: Duration,
    socket: Option<SocketId>,
    sent: u32,
    returned: u32,
    next_at: Option<Instant>,
    done: bool,
}

impl DatagramSource {
    /// Sends `count` datagrams of up to `octets` octets (at least 4), one every `interval`.
    pub const fn new(
        remote: SocketAddr,
        seed: u64,
        count: u32,
        octets: u32,
        interval: Duration,
    ) -> Self {
        Self {
            remote,
            seed,
            count,
            octets,
            interval,
            socket: None,
            sent: 0,
            returned: 0,
            next_at: None,
            done: false,
        }
    }

    /// The content of datagram `number`.
    fn content(&self, number: u32) -> Vec<u8> {
        let mut octets = number.to_be_bytes().to_vec();
        let span = u64::from(self.octets).saturating_sub(NUMBER_OCTETS as u64);
        // Sizes differ from one to the next.
        let size = u64::from(number).wrapping_mul(7_919) % (span + 1);
        let seed = self.seed ^ (u64::from(number) << 32);
        octets.extend(Pattern::new(seed, size).to_vec());
        octets
    }

    fn send(&mut self, socket: SocketId, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        let datagram = SendDatagram {
            remote: Some(self.remote),
            octets: self.content(self.sent).into(),
            ..SendDatagram::default()
        };
        match calls.send_datagram(socket, datagram) {
            // The outbox is full: UDP may lose it here as well as on the way.
            Ok(()) | Err(Discontent::Refused(CallRefused::LimitReached)) => {}
            // Its fragments' identifications are used up, or a router says that it is too big.
            Err(Discontent::Refused(CallRefused::MessageTooLong | CallRefused::Pending(_))) => {}
            Err(other) => return Err(other),
        }
        self.sent += 1;
        let rest = if self.sent == self.count {
            PATIENCE
        } else {
            self.interval
        };
        self.next_at = Some(calls.now() + rest);
        Ok(())
    }

    fn receive(&mut self, socket: SocketId, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        // A bound for the loop: as many as could have been sent back, each twice.
        for _ in 0..=self.count.saturating_mul(2) {
            let datagram = match calls.receive_datagram(socket) {
                Ok(Some(datagram)) => datagram,
                Ok(None) | Err(Discontent::Refused(CallRefused::Pending(_))) => return Ok(()),
                Err(other) => return Err(other),
            };
            let number = datagram.octets.first_chunk::<NUMBER_OCTETS>();
            let number = u32::from_be_bytes(number.copied().unwrap_or([0xff; 4]));
            if number >= self.sent || datagram.octets != self.content(number) {
                return Err(Discontent::Datagram { number });
            }
            self.returned += 1;
        }
        Ok(())
    }

    fn end(&mut self, socket: SocketId, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        self.done = true;
        self.next_at = None;
        calls.call(sidestep_stack::Call::CloseSocket(socket))?;
        Ok(())
    }
}

impl Application for DatagramSource {
    fn turn(&mut self, occasion: Occasion<'_>, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        if self.done {
            return Ok(());
        }
        let socket = match self.socket {
            Some(socket) => socket,
            None => *self.socket.insert(calls.open_udp(0)?),
        };
        match occasion {
            Occasion::Event(Event::DatagramArrived(_)) => {
                self.receive(socket, calls)?;
                if self.returned >= self.count && self.sent == self.count {
                    self.end(socket, calls)?;
                }
            }
            Occasion::Event(_) => {}
            Occasion::Begin | Occasion::Time => {
                if self.sent < self.count {
                    self.send(socket, calls)?;
                } else {
                    self.end(socket, calls)?;
                }
            }
        }
        Ok(())
    }

    fn next_moment(&self) -> Option<Instant> {
        self.next_at
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn clone_box(&self) -> Box<dyn Application> {
        Box::new(self.clone())
    }
}

/// The end that sends back. It never ends, and a run does not wait for it.
#[derive(Clone, Debug)]
pub struct DatagramEcho {
    port: u16,
}

impl DatagramEcho {
    /// It echoes at `port`.
    pub const fn new(port: u16) -> Self {
        Self { port }
    }
}

/// So many datagrams at one occasion: as many as may wait at a socket.
const DATAGRAMS_MAX: u32 = 1_024;

impl Application for DatagramEcho {
    fn turn(&mut self, occasion: Occasion<'_>, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        let socket = match occasion {
            Occasion::Begin => {
                calls.open_udp(self.port)?;
                return Ok(());
            }
            Occasion::Event(Event::DatagramArrived(socket)) => *socket,
            Occasion::Event(_) | Occasion::Time => return Ok(()),
        };
        for _ in 0..DATAGRAMS_MAX {
            let datagram = match calls.receive_datagram(socket) {
                Ok(Some(datagram)) => datagram,
                Ok(None) | Err(Discontent::Refused(CallRefused::Pending(_))) => return Ok(()),
                Err(other) => return Err(other),
            };
            let reply = SendDatagram {
                remote: Some(datagram.remote),
                source: Some(datagram.destination),
                octets: datagram.octets,
                ..SendDatagram::default()
            };
            // What does not fit is lost, as on the way.
            match calls.send_datagram(socket, reply) {
                Ok(()) | Err(Discontent::Refused(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    fn next_moment(&self) -> Option<Instant> {
        None
    }

    fn is_done(&self) -> bool {
        true
    }

    fn clone_box(&self) -> Box<dyn Application> {
        Box::new(self.clone())
    }
}
