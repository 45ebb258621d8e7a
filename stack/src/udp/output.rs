//! The way out for UDP (RFC 768): a datagram with its header, ready for IP.
//!
//! Called by `calls.rs` in two steps, because only IP knows the source address: first
//! [`Udp::target`], then [`Udp::datagram`]. Nothing waits here: a datagram leaves or is refused.

use core::net::{IpAddr, SocketAddr};

use super::Udp;
use crate::call::{CallRefused, SendDatagram, SocketId};
use crate::wire::cause::Cause;
use crate::wire::packet::{Fragmentation, HeaderOctets, Outgoing, Text};
use crate::wire::protocol::Protocol;
use crate::wire::udp::UdpHeader;

/// Where a datagram goes, and where from if that is settled already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Target {
    /// The other end.
    pub remote: SocketAddr,
    /// Our address; `None` lets IP choose.
    pub source: Option<IpAddr>,
}

/// The most octets of UDP payload: 65,535 less the headers of UDP and, for IPv4, of IP.
const fn payload_octets_max(destination: IpAddr) -> usize {
    match destination {
        IpAddr::V4(_) => 65_535 - 20 - 8,
        IpAddr::V6(_) => 65_535 - 8,
    }
}

impl Udp {
    /// Where `datagram` would go. Tells an error that an earlier one met, once.
    ///
    /// # Errors
    ///
    /// `NoSuchEntry`, `Pending`, `DestinationRequired`, `AlreadyConnected`, `FamilyMismatch`,
    /// `Invalid` (port 0) or `MessageTooLong`.
    pub fn target(
        &mut self,
        socket: SocketId,
        datagram: &SendDatagram,
    ) -> Result<Target, CallRefused> {
        let entry = self
            .sockets
            .get_mut(socket.0)
            .ok_or(CallRefused::NoSuchEntry)?;
        if let Some(error) = entry.error.take() {
            return Err(CallRefused::Pending(error));
        }
        let remote = match (entry.remote, datagram.remote) {
            (Some(_), Some(_)) => return Err(CallRefused::AlreadyConnected),
            (None, None) => return Err(CallRefused::DestinationRequired),
            (Some(remote), None) | (None, Some(remote)) => remote,
        };
        let bound_elsewhere = match entry.local.address {
            Some(address) => address.is_ipv4() != remote.is_ipv4(),
            None => !crate::socket::demux::covers(entry.local.families, remote.ip()),
        };
        if bound_elsewhere {
            return Err(CallRefused::FamilyMismatch);
        }
        if remote.port() == 0 {
            return Err(CallRefused::Invalid);
        }
        if datagram.octets.len() > payload_octets_max(remote.ip()) {
            return Err(CallRefused::MessageTooLong);
        }
        let answered = entry
            .last_request
            .filter(|(from, _)| *from == remote)
            .map(|(_, to)| to);
        Ok(Target {
            remote,
            source: datagram.source.or(entry.local.address).or(answered),
        })
    }

    /// The datagram itself, from `source` to the target's remote end.
    ///
    /// # Errors
    ///
    /// `NoSuchEntry`.
    pub fn datagram(
        &self,
        socket: SocketId,
        datagram: SendDatagram,
        remote: SocketAddr,
        source: IpAddr,
    ) -> Result<Outgoing, CallRefused> {
        let entry = self.sockets.get(socket.0).ok_or(CallRefused::NoSuchEntry)?;
        let mut header = HeaderOctets::new();
        UdpHeader {
            source_port: entry.local.port,
            destination_port: remote.port(),
        }
        .emit(datagram.octets.len(), &mut header);
        Ok(Outgoing {
            source,
            destination: remote.ip(),
            protocol: Protocol::UDP,
            hop_limit: datagram
                .hop_limit
                .unwrap_or_else(|| entry.settings.hop_limit_to(remote.ip())),
            traffic_class: datagram
                .traffic_class
                .unwrap_or(entry.settings.traffic_class),
            fragmentation: Fragmentation::Allowed,
            header,
            text: Text::from(datagram.octets),
            segment_octets: None,
            cause: Cause::Datagram { socket: socket.0 },
        })
    }
}
