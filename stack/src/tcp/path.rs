//! What ICMP says about a path (RFC 9293 §3.9.2.2, RFC 1191, RFC 8201, RFC 5461, RFC 5927).
//!
//! `ingress.rs` carries it here. A message is believed only if it quotes what is in flight; it never
//! ends a connection that is open, and of those that are not only if it says that nobody listens.

use super::connection::Connection;
use super::{Record, Tcp};
use crate::base::{Key, SeqNumber};
use crate::context::Context;
use crate::event::{ConnectionError, SoftError};
use crate::observe::State;
use crate::socket::FourTuple;
use crate::wire::path_error::{PathError, PathErrorKind, Quote, Unreachable};
use core::net::{IpAddr, SocketAddr};

impl Tcp {
    /// RFC 5927 §4.1: whether the quoted segment can be one that we sent and that is not
    /// acknowledged: SND.UNA =< SEG.SEQ < SND.NXT.
    pub fn quote_is_in_flight(&self, quote: &Quote) -> bool {
        self.quoted(quote).is_some()
    }

    /// An ICMP error about one of our segments.
    pub fn path_error(&mut self, cx: &mut Context<'_>, error: &PathError) {
        let Some(key) = self.quoted(&error.quote) else {
            return;
        };
        match self.records.get_mut(key) {
            Some(Record::Connection(connection)) => {
                take_error(connection, error.kind, cx);
                self.settle(cx, key);
            }
            // The peer has gone; its SYN-ACK is repeated until that is given up.
            Some(Record::HalfOpen(_) | Record::TimeWait(_)) | None => {}
        }
    }

    /// The path to `destination` takes packets of `mtu_octets` only. What was too big is sent again
    /// at once, and cwnd stays as it is (RFC 1191 §6.4, RFC 8201 §5.4).
    pub fn path_mtu_changed(&mut self, cx: &mut Context<'_>, destination: IpAddr, mtu_octets: u16) {
        for key in self.destinations.to(destination) {
            if let Some(Record::Connection(connection)) = self.records.get_mut(key) {
                connection.follow_path_mtu(mtu_octets, cx);
                self.settle(cx, key);
            }
        }
    }

    fn quoted(&self, quote: &Quote) -> Option<Key> {
        let (local, remote) = quote.ports()?;
        let tuple = FourTuple {
            local: SocketAddr::new(quote.source, local),
            remote: SocketAddr::new(quote.destination, remote),
        };
        let raw = quote.transport.get(4..8)?.try_into().ok()?;
        let seq = SeqNumber::new(u32::from_be_bytes(raw));
        let key = self.demux.connected(&tuple)?;
        let (una, nxt) = match self.records.get(key)? {
            Record::Connection(connection) => {
                (connection.snd.window.una, connection.snd.window.nxt)
            }
            Record::HalfOpen(half_open) => (half_open.iss, half_open.iss + 1),
            // Nothing is in flight any more.
            Record::TimeWait(_) => return None,
        };
        (una.distance_to(seq) < una.distance_to(nxt)).then_some(key)
    }
}

fn take_error(connection: &mut Connection, kind: PathErrorKind, cx: &mut Context<'_>) {
    let is_opening = matches!(connection.state, State::SynSent);
    let soft = match kind {
        PathErrorKind::Unreachable(Unreachable::Port | Unreachable::Protocol) if is_opening => {
            // SHLD-26: hard, but only before the connection is synchronized (RFC 5461 §4.1).
            return connection.fail(ConnectionError::Refused, "RFC 9293 §3.9.2.2", cx);
        }
        PathErrorKind::Unreachable(Unreachable::Port) => SoftError::PortUnreachable,
        PathErrorKind::Unreachable(Unreachable::Protocol) => SoftError::ProtocolUnreachable,
        PathErrorKind::Unreachable(Unreachable::Network) => SoftError::NetworkUnreachable,
        PathErrorKind::Unreachable(Unreachable::Host | Unreachable::SourceRouteFailed) => {
            SoftError::HostUnreachable
        }
        PathErrorKind::Unreachable(Unreachable::Prohibited) => SoftError::Prohibited,
        PathErrorKind::HopLimit | PathErrorKind::Reassembly => SoftError::TimeExceeded,
        PathErrorKind::Parameter => SoftError::ParameterProblem,
        PathErrorKind::UnknownType => SoftError::UnknownType,
        // Path MTU is told apart.
        PathErrorKind::TooBig { .. } => return,
    };
    connection.note_soft_error(soft, cx);
}
