//! The way in for UDP (RFC 768, RFC 1122 §4.1.3): is it whole, and whose is it?
//!
//! Called by `ingress.rs` for every UDP datagram that IP delivers, and for ICMP errors that quote
//! one. It answers nothing itself: that nobody has the port is told to the page.

use core::net::SocketAddr;

use bytes::Bytes;

use super::Udp;
use crate::base::Key;
use crate::call::{ReceivedDatagram, SocketId};
use crate::context::Context;
use crate::discard::Discard;
use crate::event::SocketError;
use crate::socket::FourTuple;
use crate::wire::packet::Datagram;
use crate::wire::path_error::{PathError, PathErrorKind, Quote, Unreachable};
use crate::wire::udp::{UDP_HEADER_OCTETS, UdpHeader, UdpRejected};

/// What became of a datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Input {
    /// It waits at this socket.
    Queued(SocketId),
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
        let connected = self.demux.connected(&FourTuple { local, remote });
        let Some(key) = connected.or_else(|| self.demux.bound(local)) else {
            cx.discard(Discard::UdpNoSocket);
            return Input::NoSocket;
        };
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
        Input::Queued(SocketId(key))
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
        socket.put(ReceivedDatagram {
            remote,
            destination: datagram.destination,
            octets,
            hop_limit: datagram.hop_limit,
            traffic_class: datagram.traffic_class,
        });
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
