//! One UDP socket: what it is bound to, and the datagrams that wait for the application.
//!
//! Only `udp` itself uses it. It holds no reference to the table that it is in.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use crate::call::{Local, ReceivedDatagram};
use crate::config::Config;
use crate::event::SocketError;
use crate::socket::{FourTuple, Settings};
use crate::wire::packet::Cast;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) local: Local,
    pub(super) remote: Option<SocketAddr>,
    pub(super) settings: Settings,
    /// The groups that it has joined, in that order; bounded by `socket_groups_max`.
    pub(super) groups: Vec<IpAddr>,
    /// Told once, by the next call.
    pub(super) error: Option<SocketError>,
    pub(super) is_ready: bool,
    /// Whom the last datagram came from, and to which of our addresses: an answer leaves from there
    /// (RFC 1122 §4.1.3.5).
    pub(super) last_request: Option<(SocketAddr, IpAddr)>,
    queue: VecDeque<ReceivedDatagram>,
    queued_octets: usize,
}

impl Socket {
    pub(super) fn new(local: Local, remote: Option<SocketAddr>, config: &Config) -> Self {
        Self {
            local,
            remote,
            settings: Settings::new(config),
            groups: Vec::new(),
            error: None,
            is_ready: false,
            last_request: None,
            queue: VecDeque::new(),
            queued_octets: 0,
        }
    }

    /// The ends of a connected socket.
    pub(super) fn four_tuple(&self) -> Option<FourTuple> {
        let remote = self.remote?;
        let local = SocketAddr::new(self.local.address?, self.local.port);
        Some(FourTuple { local, remote })
    }

    pub(super) const fn queued_octets(&self) -> usize {
        self.queued_octets
    }

    /// Whether a datagram of `octets` may still wait here. Where none waits, one of any size may: a
    /// small buffer must not make a socket deaf.
    pub(super) fn has_room(&self, config: &Config, octets: usize) -> bool {
        (self.queue.len() as u64) < config.socket_datagrams_max
            && (self.queue.is_empty()
                || self.queued_octets + octets <= self.settings.receive_buffer_octets)
    }

    /// Whether the socket wants what `sender` sent: with a peer, only the peer's.
    pub(super) fn hears(&self, sender: SocketAddr) -> bool {
        self.remote
            .is_none_or(|peer| (peer.ip(), peer.port()) == (sender.ip(), sender.port()))
    }

    pub(super) fn put(&mut self, datagram: ReceivedDatagram, cast: Cast) {
        self.queued_octets += datagram.octets.len();
        // Nothing is ever sent from a group or a broadcast address (RFC 1122 §3.2.1.3).
        self.last_request =
            (cast == Cast::Unicast).then_some((datagram.remote, datagram.destination));
        self.queue.push_back(datagram);
    }

    pub(super) fn take(&mut self) -> Option<ReceivedDatagram> {
        let datagram = self.queue.pop_front()?;
        self.queued_octets -= datagram.octets.len();
        if self.queue.is_empty() {
            // An idle socket owns no buffer.
            self.queue = VecDeque::new();
        }
        Some(datagram)
    }
}
