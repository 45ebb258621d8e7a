//! The way in: checksum, form, which connection? (RFC 9293 §3.10.7, §3.1, §3.9.2.3)
//!
//! `ingress.rs` hands a datagram to [`Tcp::datagram_arrives`]; from here it goes to one of
//! `arrives/*`, whose [`Verdict`] is carried out here. Nothing is answered that was not meant for us
//! alone.

use core::net::SocketAddr;
use core::ops::ControlFlow;

use super::arrives::{Verdict, closed, syn_received, syn_sent, synchronized};
use super::call::{abort, open};
use super::connection::{Connection, Handle};
use super::segment::Segment;
use super::{PathTo, Record, Tcp, reset};
use crate::base::{Key, SeqNumber};
use crate::call::{ConnectionId, ListenerId};
use crate::context::Context;
use crate::discard::Discard;
use crate::observe::{SendReason, State};
use crate::socket::FourTuple;
use crate::wire::checksum::Sum;
use crate::wire::packet::{Cast, Datagram, ReceivedChecksum};
use crate::wire::protocol::Protocol;
use crate::wire::tcp::{TcpHeader, TcpRejected};

/// A new incarnation's ISS is so far beyond the last number of the old one (RFC 9293 §3.4.3).
const REOPEN_GAP_OCTETS: u32 = 0x1_0001;

impl Tcp {
    /// SEGMENT ARRIVES. `path` is the way back to the sender.
    pub fn datagram_arrives(&mut self, cx: &mut Context<'_>, datagram: Datagram, path: PathTo) {
        let mut segment = match parse(datagram) {
            Ok(segment) => segment,
            Err(reason) => return cx.discard(reason),
        };
        match self.demux.connected(&segment.tuple) {
            Some(key) if self.is_half_open(key) => {
                self.half_open_arrives(cx, key, &mut segment, path);
            }
            Some(key) => {
                self.expand_time_wait(cx, key, None);
                self.connection_arrives(cx, key, &mut segment, path);
            }
            None => self.unconnected_arrives(cx, &mut segment, path, None),
        }
    }

    fn is_half_open(&self, key: Key) -> bool {
        matches!(self.records.get(key), Some(Record::HalfOpen(_)))
    }

    /// A segment for a connection.
    pub(super) fn connection_arrives(
        &mut self,
        cx: &mut Context<'_>,
        key: Key,
        segment: &mut Segment,
        path: PathTo,
    ) {
        let pressure = self.pressure(cx);
        let Some(Record::Connection(connection)) = self.records.get_mut(key) else {
            return;
        };
        connection.pressure = pressure;
        connection.follow_path_mtu(path.path_mtu_octets, cx);
        connection.count_in(segment);
        let step = match connection.state {
            State::SynSent => syn_sent::segment_arrives(connection, segment, cx),
            _ => synchronized::segment_arrives(connection, segment, cx),
        };
        let mut why = SendReason::Reset;
        let rst = match step {
            ControlFlow::Continue(()) | ControlFlow::Break(Verdict::Ended) => None,
            ControlFlow::Break(Verdict::Dropped(reason)) => {
                cx.discard(reason);
                None
            }
            ControlFlow::Break(Verdict::Refused(reason)) => {
                cx.discard(reason);
                reset::answering(segment)
            }
            ControlFlow::Break(Verdict::Unread) => {
                why = SendReason::Abort;
                abort::abort(connection, "RFC 9293 §3.6.1, SHLD-3", cx)
            }
            ControlFlow::Break(Verdict::Reopens)
                if self.demux.bound_for(&segment.tuple).is_none() =>
            {
                // Nobody would take it up: what TIME-WAIT protects stays (RFC 1337), and the peer
                // hears where it is.
                connection.acknowledge_now(SendReason::AcknowledgeUnacceptable);
                cx.discard(Discard::TcpSynInTimeWait);
                None
            }
            ControlFlow::Break(Verdict::Reopens) => {
                let last = connection.snd.window.nxt + REOPEN_GAP_OCTETS;
                connection.enter_closed("RFC 6191 §2", cx);
                self.settle(cx, key);
                return self.unconnected_arrives(cx, segment, path, Some(last));
            }
        };
        if let Some(rst) = rst {
            let (id, settings) = (connection.id, connection.settings.clone());
            self.push_reply(cx, &segment.tuple, &settings, &rst, Some(id), why);
        }
        self.settle(cx, key);
    }

    /// A segment for a handshake that a listener began.
    fn half_open_arrives(
        &mut self,
        cx: &mut Context<'_>,
        key: Key,
        segment: &mut Segment,
        path: PathTo,
    ) {
        let Some(Record::HalfOpen(half_open)) = self.records.get_mut(key) else {
            return;
        };
        let Some(listener) = self.listeners.get_mut(half_open.listener.0) else {
            return self.forget_half_open(cx, key, "RFC 9293 §3.10.4");
        };
        let step = syn_received::segment_arrives(half_open, &listener.settings, segment, cx);
        match step {
            syn_received::Step::Stays(Verdict::Refused(reason)) => {
                cx.discard(reason);
                let settings = listener.settings.clone();
                if let Some(rst) = reset::answering(segment) {
                    let (id, why) = (Some(ConnectionId(key)), SendReason::Reset);
                    self.push_reply(cx, &segment.tuple, &settings, &rst, id, why);
                }
                self.make_ready(key);
            }
            syn_received::Step::Stays(Verdict::Dropped(reason)) => {
                cx.discard(reason);
                self.make_ready(key);
            }
            syn_received::Step::Stays(_) => {}
            syn_received::Step::Forgotten(reason) => {
                if let Some(reason) = reason {
                    cx.discard(reason);
                }
                self.forget_half_open(cx, key, "RFC 9293 §3.10.7.4");
            }
            syn_received::Step::Completes if listener.is_full() => {
                // Our SYN-ACK is repeated later; until then the peer believes to be connected.
                cx.discard(Discard::TcpAcceptQueueFull);
            }
            syn_received::Step::Completes => {
                self.complete_handshake(cx, key);
                self.connection_arrives(cx, key, segment, path);
            }
        }
    }

    /// A segment that fits no connection. `iss_least` is set if one made room for it.
    fn unconnected_arrives(
        &mut self,
        cx: &mut Context<'_>,
        segment: &mut Segment,
        path: PathTo,
        iss_least: Option<SeqNumber>,
    ) {
        let step = match self.demux.bound_for(&segment.tuple) {
            Some(listener) => {
                self.listener_arrives(cx, ListenerId(listener), segment, path, iss_least)
            }
            None => ControlFlow::Break(closed::segment_arrives()),
        };
        match step {
            ControlFlow::Break(Verdict::Dropped(reason)) => cx.discard(reason),
            ControlFlow::Break(Verdict::Refused(reason)) => {
                cx.discard(reason);
                if let Some(rst) = reset::answering(segment) {
                    let settings = self.default_settings(cx);
                    let why = SendReason::Reset;
                    self.push_reply(cx, &segment.tuple, &settings, &rst, None, why);
                }
            }
            _ => {}
        }
    }
}

/// Checksum and form (MUST-3, MUST-57, MUST-63).
fn parse(datagram: Datagram) -> Result<Segment, Discard> {
    let is_unicast = datagram.cast == Cast::Unicast
        && open::is_one_host(datagram.source)
        && open::is_one_host(datagram.destination);
    if !is_unicast {
        return Err(Discard::TcpNotUnicast);
    }
    if datagram.checksum == ReceivedChecksum::Unverified && !checksum_is_right(&datagram) {
        return Err(Discard::TcpChecksum);
    }
    let parsed = TcpHeader::parse(&datagram.payload).map_err(discard_for)?;
    let header = &parsed.header;
    if header.source_port == 0 || header.destination_port == 0 {
        return Err(Discard::TcpPortZero);
    }
    let tuple = FourTuple {
        local: SocketAddr::new(datagram.destination, header.destination_port),
        remote: SocketAddr::new(datagram.source, header.source_port),
    };
    let text = datagram.payload.slice(parsed.header_octets..);
    let frame_octets = datagram.packet.len();
    let mut segment = Segment::new(tuple, header, text, frame_octets);
    segment.ecn = datagram.traffic_class.ecn();
    if let Some(octets) = datagram.segment_octets {
        segment.segments = (segment.text.len() as u32)
            .div_ceil(u32::from(octets).max(1))
            .max(1);
    }
    Ok(segment)
}

fn discard_for(rejected: TcpRejected) -> Discard {
    match rejected {
        TcpRejected::Truncated { .. } | TcpRejected::DataOffset { .. } => Discard::TcpHeader,
        TcpRejected::Option(_) => Discard::TcpOption,
    }
}

fn checksum_is_right(datagram: &Datagram) -> bool {
    let octets = datagram.payload.len();
    let (source, destination) = (datagram.source, datagram.destination);
    let mut sum = Sum::pseudo_header(source, destination, Protocol::TCP, octets);
    sum.add(&datagram.payload);
    sum.is_valid()
}

impl Connection {
    /// True once nothing of it is needed any more.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Closed && self.handle == Handle::Released
    }
}
