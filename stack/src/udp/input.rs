//! The way in for UDP (RFC 768, RFC 1122 §4.1.3): is it whole, and whose is it?
//!
//! Called by `ingress.rs` for every UDP datagram that IP delivers, and for ICMP errors that quote
//! one. It answers nothing itself: that nobody has the port is told to the page.

use alloc::vec::Vec;
use core::net::SocketAddr;

use bytes::Bytes;

use super::Udp;
use crate::base::Key;
use crate::call::{ReceivedDatagram, SocketId};
use crate::context::Context;
use crate::discard::Discard;
use crate::event::SocketError;
use crate::socket::FourTuple;
use crate::wire::group;
use crate::wire::packet::{Cast, Datagram};
use crate::wire::path_error::{PathError, PathErrorKind, Quote, Unreachable};
use crate::wire::udp::{UDP_HEADER_OCTETS, UdpHeader, UdpRejected};

/// What became of a datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Input {
    /// It waits at this socket.
    Queued(SocketId),
    /// It was sent to many, and waits at each socket here that is one of them, room permitting.
    QueuedByMany,
    /// It was thrown away, and counted.
    Discarded,
    /// Nobody has the port: the sender may be told (RFC 1122 §4.1.3.1).
    NoSocket,
}

impl Udp {
    /// A datagram arrived: checksum and length, then the socket it is for.
    pub fn datagram_arrives(&mut self, cx: &mut Context<'_>, datagram: &Datagram) -> Input {
        let (source, destination) = (datagram.source, datagram.destination);
        let parsed = UdpHeader::parse(source, destination, &datagram.payload, datagram.checksum);
        let (header, text) = match parsed {
            Ok(parsed) => {
                let text = UDP_HEADER_OCTETS..parsed.total_octets;
                (parsed.header, datagram.payload.slice(text))
            }
            Err(rejected) => {
                cx.discard(reason(rejected));
                return Input::Discarded;
            }
        };
        let local = SocketAddr::new(destination, header.destination_port);
        let remote = SocketAddr::new(source, header.source_port);
        if datagram.cast != Cast::Unicast {
            return self.for_many(cx, datagram, local, remote, &text);
        }
        let flow = FourTuple { local, remote };
        let connected = self.demux.connected(&flow);
        let Some(key) = connected.or_else(|| self.demux.bound_for(&flow)) else {
            cx.discard(Discard::UdpNoSocket);
            return Input::NoSocket;
        };
        self.take(cx, key, datagram, remote, &text);
        Input::Queued(SocketId(key))
    }

    /// A datagram to a group goes to the sockets that joined it; one to everybody on the network, or
    /// to a group that every host belongs to, to all that are bound there (RFC 1112 §7.1, RFC 1122
    /// §4.1.3.5). Nobody is told that there are none.
    fn for_many(
        &mut self,
        cx: &mut Context<'_>,
        datagram: &Datagram,
        local: SocketAddr,
        remote: SocketAddr,
        text: &Bytes,
    ) -> Input {
        let mut keys: Vec<Key> = self.members.of(local.ip(), local.port()).to_vec();
        let is_for_all = datagram.cast == Cast::Broadcast || group::is_permanent(local.ip());
        if is_for_all {
            let most = cx.config.memberships_max as usize;
            keys.extend(self.demux.all_bound(local).take(most));
            keys.sort_unstable();
            keys.dedup();
        }
        keys.retain(|key| {
            self.sockets
                .get(*key)
                .is_some_and(|socket| socket.hears(remote))
        });
        if keys.is_empty() {
            cx.discard(Discard::UdpNoSocket);
            return Input::NoSocket;
        }
        for key in keys {
            self.take(cx, key, datagram, remote, text);
        }
        Input::QueuedByMany
    }

    /// Queues the text of a datagram at one socket.
    fn take(
        &mut self,
        cx: &mut Context<'_>,
        key: Key,
        datagram: &Datagram,
        remote: SocketAddr,
        text: &Bytes,
    ) {
        let piece_octets = datagram
            .segment_octets
            .map_or(text.len(), usize::from)
            .max(1);
        let mut offset = 0;
        // One datagram; or, from a device with offload, several of one size with one header.
        loop {
            let end = text.len().min(offset + piece_octets);
            self.queue(cx, key, datagram, remote, text.slice(offset..end));
            offset = end;
            if offset >= text.len() {
                break;
            }
        }
        self.make_ready(key);
    }

    fn queue(
        &mut self,
        cx: &mut Context<'_>,
        key: Key,
        datagram: &Datagram,
        remote: SocketAddr,
        octets: Bytes,
    ) {
        let Some(socket) = self.sockets.get_mut(key) else {
            return;
        };
        if !socket.has_room(cx.config, octets.len()) {
            cx.discard(Discard::UdpQueueFull);
            return;
        }
        // A small payload must not pin a large frame (design §5.3).
        let octets = if octets.len() * 4 < datagram.packet.len() {
            Bytes::copy_from_slice(&octets)
        } else {
            octets
        };
        self.queued_octets += octets.len();
        let received = ReceivedDatagram {
            remote,
            destination: datagram.destination,
            octets,
            hop_limit: datagram.hop_limit,
            traffic_class: datagram.traffic_class,
            ip_header: Bytes::new(),
        };
        socket.put(received, datagram.cast);
    }

    /// Whether a socket of ours could have sent the quoted datagram.
    pub fn has_sent(&self, quote: &Quote) -> bool {
        self.quoted_socket(quote).is_some()
    }

    /// An ICMP error quotes one of our datagrams: a connected socket hears of it (RFC 1122
    /// §4.1.3.3). Returns that socket.
    pub fn path_error(&mut self, error: &PathError) -> Option<SocketId> {
        let key = self.quoted_socket(&error.quote)?;
        let socket = self.sockets.get_mut(key)?;
        socket.remote?;
        socket.error = Some(match error.kind {
            PathErrorKind::Unreachable(Unreachable::Port | Unreachable::Protocol) => {
                SocketError::Refused
            }
            PathErrorKind::Unreachable(Unreachable::Network) => SocketError::NetworkUnreachable,
            PathErrorKind::Unreachable(
                Unreachable::Host | Unreachable::SourceRouteFailed | Unreachable::Prohibited,
            ) => SocketError::HostUnreachable,
            // The path MTU is learned by IP, which fragments from now on; nothing to tell.
            PathErrorKind::TooBig { .. }
            | PathErrorKind::HopLimit
            | PathErrorKind::Reassembly
            | PathErrorKind::Parameter
            | PathErrorKind::UnknownType => return None,
        });
        self.make_ready(key);
        Some(SocketId(key))
    }

    fn quoted_socket(&self, quote: &Quote) -> Option<Key> {
        let (source_port, destination_port) = quote.ports()?;
        let local = SocketAddr::new(quote.source, source_port);
        let remote = SocketAddr::new(quote.destination, destination_port);
        let connected = self.demux.connected(&FourTuple { local, remote });
        connected.or_else(|| self.demux.bound(local))
    }
}

const fn reason(rejected: UdpRejected) -> Discard {
    match rejected {
        UdpRejected::Truncated { .. } | UdpRejected::Length { .. } => Discard::UdpLength,
        UdpRejected::Checksum | UdpRejected::ChecksumMissing => Discard::UdpChecksum,
    }
}
