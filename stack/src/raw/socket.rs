//! The table of raw sockets and their bounded queues.
//!
//! Called by `ingress.rs` and `calls.rs`. It never parses a payload.

use alloc::collections::VecDeque;
use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::base::Table;
use crate::call::{CallRefused, Local, RawId, ReceivedDatagram};
use crate::config::Config;
use crate::context::Context;
use crate::discard::Discard;
use crate::event::Event;
use crate::socket::demux::covers;
use crate::wire::packet::Datagram;
use crate::wire::protocol::Protocol;

/// Whether a raw socket got a copy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Claimed {
    /// At least one socket asked for it, even if its queue was full.
    BySomebody,
    /// No socket asked for it.
    ByNobody,
}

#[derive(Clone, Debug)]
struct Socket {
    local: Local,
    protocol: Protocol,
    queue: VecDeque<ReceivedDatagram>,
    queued_octets: usize,
    is_ready: bool,
}

/// All raw sockets of a stack: few, so they are looked through one by one.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    sockets: Table<Socket>,
    ready: VecDeque<RawId>,
    queued_octets: usize,
}

impl Raw {
    /// No sockets.
    pub const fn new() -> Self {
        Self {
            sockets: Table::new(),
            ready: VecDeque::new(),
            queued_octets: 0,
        }
    }

    /// How many sockets there are.
    pub const fn len(&self) -> usize {
        self.sockets.len()
    }

    /// True if there is no socket.
    pub const fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    /// Octets that wait in all queues.
    pub const fn queued_octets(&self) -> usize {
        self.queued_octets
    }

    /// A socket for the payloads of `protocol`.
    ///
    /// # Errors
    ///
    /// `LimitReached`; `Invalid` for TCP and UDP, which have sockets of their own.
    pub fn open(
        &mut self,
        config: &Config,
        local: Local,
        protocol: Protocol,
    ) -> Result<RawId, CallRefused> {
        if matches!(protocol, Protocol::TCP | Protocol::UDP) {
            return Err(CallRefused::Invalid);
        }
        if self.sockets.len() as u64 >= config.raw_sockets_max {
            return Err(CallRefused::LimitReached);
        }
        let queue = VecDeque::new();
        let socket = Socket {
            local,
            protocol,
            queue,
            queued_octets: 0,
            is_ready: false,
        };
        Ok(RawId(self.sockets.insert(socket)))
    }

    /// The protocol of a socket, and the address that it is bound to.
    ///
    /// # Errors
    ///
    /// `NoSuchEntry`.
    pub fn bound_to(&self, socket: RawId) -> Result<(Protocol, Option<IpAddr>), CallRefused> {
        let entry = self.sockets.get(socket.0).ok_or(CallRefused::NoSuchEntry)?;
        Ok((entry.protocol, entry.local.address))
    }

    /// Takes the oldest payload.
    ///
    /// # Errors
    ///
    /// `NoSuchEntry`.
    pub fn receive(&mut self, socket: RawId) -> Result<Option<ReceivedDatagram>, CallRefused> {
        let entry = self
            .sockets
            .get_mut(socket.0)
            .ok_or(CallRefused::NoSuchEntry)?;
        let datagram = entry.queue.pop_front();
        if let Some(datagram) = &datagram {
            entry.queued_octets -= datagram.octets.len();
            self.queued_octets -= datagram.octets.len();
        }
        Ok(datagram)
    }

    /// Ends a socket and what waits in its queue.
    ///
    /// # Errors
    ///
    /// `NoSuchEntry`.
    pub fn close(&mut self, socket: RawId) -> Result<(), CallRefused> {
        let entry = self
            .sockets
            .remove(socket.0)
            .ok_or(CallRefused::NoSuchEntry)?;
        self.queued_octets -= entry.queued_octets;
        Ok(())
    }

    /// A datagram arrived: every socket that asked for its protocol gets a copy.
    pub fn datagram_arrives(&mut self, cx: &mut Context<'_>, datagram: &Datagram) -> Claimed {
        if self.sockets.is_empty() {
            return Claimed::ByNobody;
        }
        let mut claimed = Claimed::ByNobody;
        let wanted: alloc::vec::Vec<_> = self
            .sockets
            .iter()
            .filter(|(_, socket)| wants(socket, datagram))
            .map(|(key, _)| key)
            .collect();
        for key in wanted {
            claimed = Claimed::BySomebody;
            let Some(socket) = self.sockets.get_mut(key) else {
                continue;
            };
            let octets = datagram.payload.len();
            if socket.queue.len() as u64 >= cx.config.socket_datagrams_max
                || (socket.queued_octets + octets) as u64 > cx.config.socket_octets_max
            {
                cx.discard(Discard::RawQueueFull);
                continue;
            }
            socket.queued_octets += octets;
            self.queued_octets += octets;
            socket.queue.push_back(ReceivedDatagram {
                remote: SocketAddr::new(datagram.source, 0),
                destination: datagram.destination,
                octets: Bytes::copy_from_slice(&datagram.payload),
                hop_limit: datagram.hop_limit,
                traffic_class: datagram.traffic_class,
            });
            if !socket.is_ready {
                socket.is_ready = true;
                self.ready.push_back(RawId(key));
            }
        }
        claimed
    }

    /// A socket that has a payload to fetch.
    pub fn next_event(&mut self) -> Option<Event> {
        while let Some(socket) = self.ready.pop_front() {
            if let Some(entry) = self.sockets.get_mut(socket.0) {
                entry.is_ready = false;
                return Some(Event::RawArrived(socket));
            }
        }
        None
    }
}

fn wants(socket: &Socket, datagram: &Datagram) -> bool {
    socket.protocol == datagram.protocol
        && match socket.local.address {
            Some(address) => address == datagram.destination,
            None => covers(socket.local.families, datagram.destination),
        }
}
