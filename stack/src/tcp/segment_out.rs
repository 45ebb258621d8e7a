//! A segment on its way out: header, options and what IP needs to know.
//!
//! `output.rs` says what it is; here it gets RCV.NXT, the window, timestamps and SACK blocks, and the
//! connection learns that it has acknowledged. Nothing is decided here.

use super::connection::Connection;
use super::ecn::{Cargo, Marks};
use super::half_open::HalfOpen;
use super::negotiate;
use super::settings::Settings;
use crate::base::SeqNumber;
use crate::call::ConnectionId;
use crate::context::Context;
use crate::observe::{Observation, SendReason, State};
use crate::socket::FourTuple;
use crate::wire::cause::Cause;
use crate::wire::packet::{Fragmentation, HeaderOctets, Outgoing, Text};
use crate::wire::protocol::{Ecn, Protocol, TrafficClass};
use crate::wire::tcp::{TcpFlags, TcpHeader};
use crate::wire::tcp_options::{SACK_BLOCKS_MAX, SackBlock, SackBlocks, TcpOptions, Timestamps};

/// What a segment is.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    /// SEG.SEQ.
    pub(crate) seq: SeqNumber,
    /// The control bits.
    pub(crate) flags: TcpFlags,
    /// Why it is sent.
    pub(crate) reason: SendReason,
    /// The text.
    pub(crate) text: Text,
    /// For a superpacket: the most text in one segment.
    pub(crate) segment_octets: Option<u16>,
}

impl Form {
    /// Without text.
    pub(crate) const fn new(seq: SeqNumber, flags: TcpFlags, reason: SendReason) -> Self {
        Self {
            seq,
            flags,
            reason,
            text: Text::new(),
            segment_octets: None,
        }
    }
}

/// Makes the segment, and notes what it acknowledges and advertises.
pub(crate) fn emit(connection: &mut Connection, form: Form, cx: &mut Context<'_>) -> Outgoing {
    let is_syn = form.flags.contains(TcpFlags::SYN);
    let options = if is_syn {
        syn_options(connection, cx)
    } else {
        options(connection, &form, cx)
    };
    let mut header = TcpHeader {
        source_port: connection.tuple.local.port(),
        destination_port: connection.tuple.remote.port(),
        seq: form.seq,
        flags: form.flags,
        options,
        ..TcpHeader::default()
    };
    let (unread, rcv_mss) = (connection.unread_octets(), connection.rcv_mss());
    let rcv = &mut connection.rcv;
    header.window = if is_syn {
        rcv.window.advertise_unscaled(rcv.nxt)
    } else {
        rcv.window.advertise(rcv.nxt, unread, rcv_mss)
    };
    if form.flags.contains(TcpFlags::ACK) {
        header.ack = rcv.nxt;
        rcv.acknowledge.on_sent(rcv.nxt);
    }
    connection.count_out(form.text.octets(), form.segment_octets);
    let marks = match is_syn {
        true => Marks::NONE,
        false => connection.ecn.marks(cargo(&form)),
    };
    header.flags = header.flags.with(marks.flags);
    let mut outgoing = outgoing(
        &connection.tuple,
        &connection.settings,
        &header,
        form.text,
        form.segment_octets,
        cause(Some(connection.id), form.reason),
    );
    outgoing.traffic_class = TrafficClass::new(connection.settings.dscp, marks.codepoint);
    observe(
        Some(connection.id),
        &connection.tuple,
        &header,
        outgoing.text.octets(),
        form.reason,
        cx,
    );
    outgoing
}

/// What of a segment counts for ECN (RFC 3168 §6.1.4 to §6.1.6).
fn cargo(form: &Form) -> Cargo {
    if form.reason == SendReason::NewText && !form.text.is_empty() {
        Cargo::NewText
    } else {
        Cargo::Other
    }
}

/// The SYN-ACK, or the bare ACK, that a half-open connection owes.
pub(crate) fn emit_half_open(
    id: ConnectionId,
    half_open: &mut HalfOpen,
    settings: &Settings,
    cx: &mut Context<'_>,
) -> Option<Outgoing> {
    let (header, reason) = if let Some(reason) = half_open.owes_syn_ack.take() {
        (half_open.syn_ack(settings, cx.now), reason)
    } else if let Some(reason) = half_open.owes_ack.take() {
        (half_open.bare_ack(settings, cx.now), reason)
    } else {
        return None;
    };
    observe(Some(id), &half_open.tuple, &header, 0, reason, cx);
    Some(outgoing(
        &half_open.tuple,
        settings,
        &header,
        Text::new(),
        None,
        cause(Some(id), reason),
    ))
}

/// Why a segment of `connection` leaves.
pub(crate) fn cause(connection: Option<ConnectionId>, reason: SendReason) -> Cause {
    let connection = connection.map(|id| id.0);
    Cause::Segment { connection, reason }
}

/// Header and text for IP. Segments are never fragmented: their size follows the path MTU.
pub(crate) fn outgoing(
    tuple: &FourTuple,
    settings: &Settings,
    header: &TcpHeader,
    text: Text,
    segment_octets: Option<u16>,
    cause: Cause,
) -> Outgoing {
    let mut octets = HeaderOctets::new();
    header.emit(&mut octets);
    Outgoing {
        source: tuple.local.ip(),
        destination: tuple.remote.ip(),
        protocol: Protocol::TCP,
        hop_limit: settings.hop_limit,
        traffic_class: TrafficClass::new(settings.dscp, Ecn::NotCapable),
        fragmentation: Fragmentation::Forbidden,
        header: octets,
        text,
        segment_octets,
        cause,
    }
}

/// Writes down that a segment was sent.
pub(crate) fn observe(
    connection: Option<ConnectionId>,
    tuple: &FourTuple,
    header: &TcpHeader,
    text_octets: usize,
    reason: SendReason,
    cx: &mut Context<'_>,
) {
    cx.observe(|| Observation::SegmentSent {
        connection,
        remote: tuple.remote,
        seq: header.seq,
        seg_len: text_octets as u32
            + u32::from(header.flags.contains(TcpFlags::SYN))
            + u32::from(header.flags.contains(TcpFlags::FIN)),
        reason,
    });
}

/// What a SYN offers, or a SYN-ACK of a simultaneous open agrees to.
fn syn_options(connection: &Connection, cx: &Context<'_>) -> TcpOptions {
    let offers = connection.state == State::SynSent;
    let shift = negotiate::shift_for(connection.settings.receive_buffer_octets_max);
    let timestamps = match connection.timestamps {
        Some(state) => Some(state.option(cx.now)),
        // 7323-06: the echo is zero while there is no ACK.
        None => offers.then(|| Timestamps {
            value: super::timestamps::ts_value(connection.timestamp_offset, cx.now),
            echo_reply: 0,
        }),
    };
    TcpOptions {
        mss: Some(connection.path.advertised_mss),
        window_scale: (offers || connection.scaling).then_some(shift),
        user_timeout: connection.user_timeout_of_syn(),
        sack_permitted: offers || connection.sack == super::recovery::Sack::Agreed,
        timestamps,
        fast_open: connection.fast_open_option(),
        ..TcpOptions::default()
    }
}

/// Timestamps on every segment, SACK blocks on every one that acknowledges less than what is here
/// (RFC 2018 §4): as many as fit, beside text as many as [`Connection::text_octets_max`] left room for.
fn options(connection: &mut Connection, form: &Form, cx: &Context<'_>) -> TcpOptions {
    let mut options = TcpOptions {
        timestamps: connection.timestamps.map(|it| it.option(cx.now)),
        ..TcpOptions::default()
    };
    if connection.has_sack_to_report() {
        let room = if form.text.is_empty() {
            // RFC 2018 §3: four blocks, or three beside timestamps.
            SACK_BLOCKS_MAX - usize::from(options.timestamps.is_some())
        } else {
            connection.sack_blocks_beside_text()
        };
        options.sack = sack_blocks(connection, room);
    } else {
        let room = connection.smss().saturating_sub(form.text.octets() as u32);
        options.user_timeout = connection.user_timeout_due(room);
    }
    options
}

fn sack_blocks(connection: &mut Connection, room: usize) -> SackBlocks {
    let (nxt, position) = (connection.rcv.nxt, connection.rcv.position);
    let seq_at = |at: u64| nxt + at.wrapping_sub(position) as u32;
    let mut blocks = SackBlocks::new();
    if let Some(waiting) = &mut connection.rcv.out_of_order {
        waiting
            .sack
            .report(waiting.reassembly.ranges(), room, |block| {
                blocks.push(SackBlock {
                    left: seq_at(block.start),
                    right: seq_at(block.end),
                });
            });
        if waiting.reassembly.is_empty() && !waiting.sack.has_duplicate() {
            connection.rcv.out_of_order = None;
        }
    }
    blocks
}
