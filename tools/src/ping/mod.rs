//! Echo requests and replies, as octets and as numbers (RFC 792, RFC 4443 §4).
//!
//! `sidestep ping` and the demo send them from a Sidestep stack, through a connection of the network
//! `ip4:icmp` or `ip6:ipv6-icmp`; the demo also from the kernel, through a raw socket. Errors that quote
//! our requests are not read here.

mod kernel;

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use sidestep::{AnyConn, Deadline, Net, NetError as _, OpError};
use thiserror::Error;

use kernel::RawSocket;

#[cfg(test)]
mod tests;

/// Octets of an echo header.
const HEADER_OCTETS: usize = 8;
/// The most payload of an echo request: what an IPv4 packet holds.
pub const PAYLOAD_OCTETS_MAX: usize = 65_535 - 20 - HEADER_OCTETS;

/// An echo message, request or reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Echo {
    /// Names the sender of requests.
    pub identifier: u16,
    /// Counts its requests.
    pub sequence: u16,
    /// Comes back as it was sent.
    pub payload: Vec<u8>,
}

/// Which of the two protocols: they number their messages differently.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// ICMP (RFC 792).
    V4,
    /// ICMPv6 (RFC 4443).
    V6,
}

impl Family {
    /// That of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// What `dial` calls it.
    pub const fn network(self) -> &'static str {
        match self {
            Self::V4 => "ip4:icmp",
            Self::V6 => "ip6:ipv6-icmp",
        }
    }

    const fn request_type(self) -> u8 {
        match self {
            Self::V4 => 8,
            Self::V6 => 128,
        }
    }

    const fn reply_type(self) -> u8 {
        match self {
            Self::V4 => 0,
            Self::V6 => 129,
        }
    }
}

impl Echo {
    /// The octets of a request. The checksum of ICMPv6 covers addresses that only the sending stack
    /// knows, so that stack fills it in (RFC 3542 §3.1).
    pub fn to_request(&self, family: Family) -> Vec<u8> {
        let mut octets = Vec::with_capacity(HEADER_OCTETS + self.payload.len());
        octets.extend_from_slice(&[family.request_type(), 0, 0, 0]);
        octets.extend_from_slice(&self.identifier.to_be_bytes());
        octets.extend_from_slice(&self.sequence.to_be_bytes());
        octets.extend_from_slice(&self.payload);
        if family == Family::V4 {
            let sum = internet_checksum(&octets);
            if let Some(place) = octets.get_mut(2..4) {
                place.copy_from_slice(&sum.to_be_bytes());
            }
        }
        octets
    }

    /// The reply in what was received, and its hop limit if a header tells it; `None` for anything
    /// else. A backend may leave the IPv4 header in front, as Go does: no ICMP type begins with the
    /// bits of version 4 and this length.
    pub fn from_reply(family: Family, received: &[u8]) -> Option<(Self, Option<u8>)> {
        let (hop_limit, message) = match (family, received.first()?) {
            (Family::V4, first) if first >> 4 == 4 => {
                let header_octets = usize::from(first & 0x0f) * 4;
                (Some(*received.get(8)?), received.get(header_octets..)?)
            }
            _ => (None, received),
        };
        let (header, payload) = message.split_at_checked(HEADER_OCTETS)?;
        let [kind, 0, _, _, id_0, id_1, sequence_0, sequence_1] = *header else {
            return None;
        };
        if kind != family.reply_type() {
            return None;
        }
        if family == Family::V4 && internet_checksum(message) != 0 {
            return None;
        }
        let echo = Self {
            identifier: u16::from_be_bytes([id_0, id_1]),
            sequence: u16::from_be_bytes([sequence_0, sequence_1]),
            payload: payload.to_vec(),
        };
        Some((echo, hop_limit))
    }
}

/// RFC 1071.
fn internet_checksum(octets: &[u8]) -> u16 {
    let mut sum: u64 = 0;
    for pair in octets.chunks(2) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u64::from(u16::from_be_bytes([high, low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

/// What became of one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RoundTrip {
    /// From sending to receiving.
    pub time: Duration,
    /// Octets of the payload.
    pub payload_octets: usize,
    /// The reply's hop limit, if it is known.
    pub hop_limit: Option<u8>,
}

/// Why there is no round trip.
#[derive(Debug, Error)]
pub enum PingFailed {
    /// The path: no reply came in time.
    #[error("no reply within {} ms", waited.as_millis())]
    NoReply {
        /// How long we waited.
        waited: Duration,
    },
    /// The path or the caller: the request was not sent, or an error came instead.
    #[error(transparent)]
    Network(#[from] OpError),
    /// The same, from the kernel's raw socket.
    #[error("raw socket: {0}")]
    Kernel(#[from] io::Error),
}

/// What was received.
#[derive(Clone, Copy, Debug)]
struct Came {
    octets: usize,
    /// If the socket tells.
    hop_limit: Option<u8>,
}

impl Came {
    const fn of(octets: usize) -> Self {
        Self {
            octets,
            hop_limit: None,
        }
    }
}

/// Whose stack sends the requests.
#[derive(Debug)]
enum Sender {
    Sidestep(AnyConn),
    Kernel(RawSocket),
}

impl Sender {
    fn send(&self, request: &[u8]) -> Result<(), PingFailed> {
        match self {
            Self::Sidestep(conn) => {
                conn.write(request)?;
            }
            Self::Kernel(socket) => socket.send(request)?,
        }
        Ok(())
    }

    /// `None` if nothing came before `deadline`.
    fn receive(&self, room: &mut [u8], deadline: Deadline) -> Result<Option<Came>, PingFailed> {
        match self {
            Self::Sidestep(conn) => {
                conn.set_read_deadline(deadline)?;
                let read = match conn {
                    AnyConn::IP(conn) => conn.read_msg(room).map(|msg| Came {
                        octets: msg.n,
                        hop_limit: msg.hop_limit,
                    }),
                    other => other.read(room).map(Came::of),
                };
                match read {
                    Ok(came) => Ok(Some(came)),
                    Err(error) if error.timeout() => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
            Self::Kernel(socket) => Ok(socket.receive(room, deadline)?.map(Came::of)),
        }
    }
}

/// Sends requests to one address.
#[derive(Debug)]
pub struct Pinger {
    sender: Sender,
    family: Family,
    identifier: u16,
    room: Vec<u8>,
}

impl Pinger {
    /// Requests to `address` from `net`, told apart from others by `identifier`.
    ///
    /// # Errors
    ///
    /// There is no way to `address`.
    pub fn new(net: &Net, address: IpAddr, identifier: u16) -> Result<Self, OpError> {
        let family = Family::of(address);
        let conn = net.dial(family.network(), &address.to_string())?;
        Ok(Self::with(Sender::Sidestep(conn), family, identifier))
    }

    /// Requests to `address` from the kernel of the network namespace that we are in.
    ///
    /// # Errors
    ///
    /// There is no way to `address`, or we have no right to raw sockets (`CAP_NET_RAW`).
    pub fn from_kernel(address: IpAddr, identifier: u16) -> io::Result<Self> {
        let sender = Sender::Kernel(RawSocket::open(address)?);
        Ok(Self::with(sender, Family::of(address), identifier))
    }

    fn with(sender: Sender, family: Family, identifier: u16) -> Self {
        Self {
            sender,
            family,
            identifier,
            room: vec![0; 65_535],
        }
    }

    /// Something that ends a [`ping`](Self::ping) which waits in another thread, and all later ones.
    pub fn stopper(&self) -> impl FnOnce() + Send + use<> {
        let conn = match &self.sender {
            Sender::Sidestep(conn) => Some(conn.clone()),
            Sender::Kernel(_) => None,
        };
        move || {
            if let Some(conn) = conn {
                // It may be closed already; then there is nothing to end.
                let _ = conn.close();
            }
        }
    }

    /// Sends one request and waits up to `wait` for its reply.
    ///
    /// # Errors
    ///
    /// See [`PingFailed`].
    pub fn ping(
        &mut self,
        sequence: u16,
        payload: &[u8],
        wait: Duration,
    ) -> Result<RoundTrip, PingFailed> {
        let request = Echo {
            identifier: self.identifier,
            sequence,
            payload: payload.to_vec(),
        };
        let deadline = Deadline::from(wait);
        let sent_at = Instant::now();
        self.sender.send(&request.to_request(self.family))?;
        loop {
            let Some(came) = self.sender.receive(&mut self.room, deadline)? else {
                return Err(PingFailed::NoReply { waited: wait });
            };
            let time = sent_at.elapsed();
            let received = self.room.get(..came.octets).unwrap_or_default();
            // Replies to others and late ones to us pass by.
            if let Some((reply, hop_limit)) = Echo::from_reply(self.family, received)
                && reply == request
            {
                return Ok(RoundTrip {
                    time,
                    payload_octets: payload.len(),
                    hop_limit: hop_limit.or(came.hop_limit),
                });
            }
        }
    }
}

/// Round trips in numbers, as `ping` prints them.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Requests sent.
    pub sent: u64,
    times: Vec<Duration>,
}

/// Least, mean, largest, and the mean distance from the mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Times {
    /// The least.
    pub min: Duration,
    /// The mean.
    pub avg: Duration,
    /// The largest.
    pub max: Duration,
    /// The mean distance from the mean.
    pub mdev: Duration,
}

impl Statistics {
    /// Counts a request, and its round trip if there was one.
    pub fn count(&mut self, time: Option<Duration>) {
        self.sent += 1;
        self.times.extend(time);
    }

    /// Replies received.
    pub fn received(&self) -> u64 {
        self.times.len() as u64
    }

    /// How many of a hundred requests found no reply, rounded down.
    pub fn loss_percent(&self) -> u64 {
        let lost = self.sent - self.received();
        (lost * 100).checked_div(self.sent).unwrap_or(0)
    }

    /// `None` if no reply came.
    pub fn times(&self) -> Option<Times> {
        let count = u32::try_from(self.times.len()).ok()?;
        let min = *self.times.iter().min()?;
        let max = *self.times.iter().max()?;
        let avg = self.times.iter().sum::<Duration>() / count;
        let mdev = self
            .times
            .iter()
            .map(|time| time.abs_diff(avg))
            .sum::<Duration>()
            / count;
        Some(Times {
            min,
            avg,
            max,
            mdev,
        })
    }
}
