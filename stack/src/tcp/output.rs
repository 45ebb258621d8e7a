//! What is most urgent for one connection now? (RFC 9293 §3.8, RFC 5681, RFC 6675)
//!
//! `mod.rs` pulls: after a batch of arrivals, calls and timeouts it asks each connection that was
//! touched until the answer is `None`. Every segment of a connection but the RST of ABORT is made here,
//! and every timer that follows from what is in flight is set here.

use super::congestion::CongestionControl;
use super::connection::Connection;
use super::path_probe::ProbeRoom;
use super::recovery::{LossRecovery, Resend, ResendAll, SentStamp};
use super::segment_out::{Form, emit};
use super::send::segmentize::{Cut, Offer, Override, Stream, cut};
use super::state;
use super::timers::Timer;
use crate::base::{Duration, SeqNumber};
use crate::config::millis;
use crate::context::Context;
use crate::observe::{SendReason, State};
use crate::tcp::receive::acknowledge::Urgency;
use crate::wire::packet::{Outgoing, Text};
use crate::wire::tcp::TcpFlags;

pub(crate) mod room;
mod tail;

use room::cwnd_room;

/// The next segment, or `None` if everything has to wait for something.
pub(crate) fn next_segment(connection: &mut Connection, cx: &mut Context<'_>) -> Option<Outgoing> {
    let segment = match connection.state {
        State::Closed | State::Listen => None,
        State::SynSent => open(connection, cx),
        // RFC 7413 §4.2: a Fast Open sends before its handshake is over.
        State::SynReceived if connection.is_pending_fast_open() => {
            open(connection, cx).or_else(|| synchronized(connection, cx))
        }
        State::SynReceived => open(connection, cx).or_else(|| acknowledge(connection, cx)),
        State::Established
        | State::FinWait1
        | State::FinWait2
        | State::CloseWait
        | State::Closing
        | State::LastAck
        | State::TimeWait => synchronized(connection, cx),
    };
    if segment.is_none() {
        rest(connection, cx);
    }
    segment
}

/// In the order of urgency.
fn synchronized(connection: &mut Connection, cx: &mut Context<'_>) -> Option<Outgoing> {
    // The peer hears of a hole by an ACK of its own before any text: duplicate ACKs count only while
    // they carry none (RFC 5681 §2).
    if connection.rcv.acknowledge.urgency() == Urgency::Now
        && (connection.has_sack_to_report() || connection.rcv.acknowledge.owes_duplicates())
    {
        return acknowledge(connection, cx);
    }
    if sends_text(connection) {
        let text = offer_new(connection, cx)
            .or_else(|| tail::probe_tail(connection, cx))
            .or_else(|| retransmit(connection, cx))
            .or_else(|| probe_window(connection, cx))
            .or_else(|| send_new(connection, cx));
        if text.is_some() {
            return text;
        }
    }
    keep_alive(connection, cx).or_else(|| acknowledge(connection, cx))
}

/// SYN, or SYN-ACK of a simultaneous open.
fn open(connection: &mut Connection, cx: &mut Context<'_>) -> Option<Outgoing> {
    if !core::mem::take(&mut connection.owed.syn) {
        return None;
    }
    let iss = connection.snd.iss;
    let attempts = connection.attempts.timeouts;
    let flags = match connection.state {
        State::SynSent => TcpFlags::SYN.with(connection.ecn.ask(connection.settings.ecn, attempts)),
        _ => TcpFlags::SYN
            .with(TcpFlags::ACK)
            .with(connection.ecn.on_syn_ack()),
    };
    let first = connection.snd.window.nxt == iss;
    let text = connection.take_text_for_syn();
    connection.snd.window.nxt = connection.nxt_after_syn(&text);
    if first {
        connection.snd.in_flight.on_sent(iss + 1, cx.now);
    } else {
        connection.snd.in_flight.on_retransmitted(cx.now);
    }
    let rto = connection.rtt.rto();
    connection.timers.set(Timer::Retransmission, cx.now + rto);
    let reason = if first {
        SendReason::Open
    } else {
        SendReason::OpenAgain
    };
    let reason = if text.is_empty() {
        reason
    } else {
        SendReason::OpenFast
    };
    let mut form = Form::new(iss, flags, reason);
    form.text = text;
    Some(emit(connection, form, cx))
}

/// Whether text, or a FIN, may be sent now.
fn sends_text(connection: &Connection) -> bool {
    state::sends_text(connection.state) || connection.is_pending_fast_open()
}

/// What loss recovery wants, as far as cwnd and the peer's window let it.
fn retransmit(connection: &mut Connection, cx: &mut Context<'_>) -> Option<Outgoing> {
    let most = resend_octets_max(connection, cx);
    if most == 0 {
        return None;
    }
    let resend = connection
        .recovery
        .next_resend(most, connection.text_octets_max())?;
    let reason = match connection.recovery.resends_all() {
        Some(ResendAll::Timeout) => SendReason::RetransmissionTimeout,
        Some(ResendAll::NotCongestion) => SendReason::Refit,
        None => SendReason::FastRetransmit,
    };
    send_again(connection, resend, reason, cx)
}

/// F-RTO: new text first, for what the peer says of it tells whether the timeout was a mistake (RFC
/// 5682 §2.1, §3.1, step 2b).
fn offer_new(connection: &mut Connection, cx: &mut Context<'_>) -> Option<Outgoing> {
    if !connection.recovery.offers_new_text() {
        return None;
    }
    let text = send_new(connection, cx);
    if text.is_none() {
        connection.recovery.on_no_new_text();
    }
    text
}

/// How much of a lost part may be sent again at once.
fn resend_octets_max(connection: &mut Connection, cx: &Context<'_>) -> u32 {
    if !connection.recovery.is_recovering() {
        return 0;
    }
    let smss = connection.text_octets_max();
    let room = cwnd_room(connection);
    let most = super_octets(cx, smss).min(connection.paced_octets(cx));
    if most == 0 {
        return 0;
    }
    if connection.recovery.resends_regardless() {
        room.clamp(smss, most)
    } else {
        room.min(most)
    }
}

fn send_again(
    connection: &mut Connection,
    resend: Resend,
    reason: SendReason,
    cx: &mut Context<'_>,
) -> Option<Outgoing> {
    // SHLD-15, SHLD-16: only what lies within the window, however it shrank.
    let edge = connection.snd.window.right_edge();
    let fin = connection.snd.queue.fin();
    let is_bare_fin = fin == Some(resend.seq);
    if !resend.seq.is_before(edge) && !is_bare_fin {
        return None;
    }
    let octets = if is_bare_fin {
        1
    } else {
        resend.octets.min(resend.seq.distance_to(edge))
    };
    let text = connection.snd.queue.text(resend.seq, octets as usize);
    let text_octets = text.octets() as u32;
    let end = resend.seq + text_octets;
    let with_fin = if connection.snd.fin_is_sent() {
        Fin::at(end, connection)
    } else {
        Fin::NotIncluded
    };
    let octets = text_octets + with_fin.seg_len();
    if octets == 0 {
        return None;
    }
    let seq = resend.seq;
    connection.path_probe_resent(seq, end);
    connection.count_resent(octets);
    let stamp = stamp(connection, octets, cx);
    connection.recovery.on_resent(Resend { seq, octets }, stamp);
    connection.snd.in_flight.on_retransmitted(cx.now);
    connection.retransmissions += u64::from(octets.div_ceil(connection.smss()));
    if seq == connection.snd.window.una {
        // Nothing is resent within one RTO of its last transmission (RFC 6298 §5).
        let rto = connection.rtt.rto();
        connection.timers.set(Timer::Retransmission, cx.now + rto);
    }
    start_retransmission_timer(connection, cx);
    Some(emit_text(
        connection,
        Form::new(seq, with_fin.flags(), reason),
        text,
        cx,
    ))
}

/// RFC 9293 §3.8.6.1: one octet beyond (or at the edge of) a closed window.
fn probe_window(connection: &mut Connection, cx: &mut Context<'_>) -> Option<Outgoing> {
    if !core::mem::take(&mut connection.owed.window_probe) {
        return None;
    }
    let window = &connection.snd.window;
    let (una, nxt) = (window.una, window.nxt);
    let is_new = una == nxt;
    let text = connection.snd.queue.text(una, 1);
    let with_fin = Fin::at(una + text.octets() as u32, connection);
    let octets = text.octets() as u32 + with_fin.seg_len();
    if octets == 0 {
        return None;
    }
    if is_new {
        note_sent(connection, una, nxt + octets, cx);
    } else {
        connection.count_resent(octets);
        let stamp = stamp(connection, octets, cx);
        let resend = Resend { seq: una, octets };
        connection.recovery.on_window_probe_resent(resend, stamp);
    }
    connection.snd.in_flight.on_retransmitted(cx.now);
    let form = Form::new(una, with_fin.flags(), SendReason::WindowProbe);
    Some(emit_text(connection, form, text, cx))
}

/// Text that was never sent, and the FIN after it.
fn send_new(connection: &mut Connection, cx: &mut Context<'_>) -> Option<Outgoing> {
    let unsent = u32::try_from(connection.snd.unsent_octets()).unwrap_or(u32::MAX);
    if unsent == 0 {
        // Once all was sent, what is sent again may still wait for room in cwnd.
        if connection.recovery.is_recovering() && cwnd_room(connection) < connection.smss() {
            connection.flow().validation.on_limited();
        } else {
            connection.note_application_limited();
        }
        return send_bare_fin(connection, cx);
    }
    restart_after_idle(connection, cx);
    let smss = connection.text_octets_max();
    let paced = connection.paced_octets(cx);
    if paced == 0 {
        connection.flow().validation.on_limited();
        return None;
    }
    let decision = cut(&Offer {
        unsent,
        usable: connection.snd.window.usable(),
        cwnd_room: cwnd_room(connection),
        mss: smss,
        max_wnd: connection.snd.window.max_wnd(),
        in_flight: connection.text_in_flight(),
        nagle: connection.settings.nagle,
        cork: connection.settings.cork,
        stream: if connection.snd.queue.is_closed() {
            Stream::Ending
        } else {
            Stream::Open
        },
        sws_override: if connection.owed.sws_override {
            Override::Expired
        } else {
            Override::Waiting
        },
        super_octets: super_octets(cx, smss).min(paced),
    });
    if decision == Cut::CwndIsFull {
        connection.flow().validation.on_limited();
    }
    let Cut::Send { octets } = decision else {
        return None;
    };
    connection.owed.sws_override = false;
    let room = ProbeRoom {
        unsent,
        usable: connection.snd.window.usable(),
        cwnd_room: cwnd_room(connection),
    };
    let probe = connection.path_probe_size(room, cx.now);
    let octets = probe.map_or(octets, |it| it.text_octets);
    let seq = connection.snd.window.nxt;
    let text = connection.snd.queue.text(seq, octets as usize);
    let end = seq + text.octets() as u32;
    let with_fin = Fin::at(end, connection);
    note_sent(connection, seq, end + with_fin.seg_len(), cx);
    start_retransmission_timer(connection, cx);
    let reason = connection.path_probe_sent(probe, seq, end);
    let form = Form::new(seq, with_fin.flags(), reason);
    Some(emit_text(connection, form, text, cx))
}

/// What lies between `start`, which is SND.NXT, and `end` leaves for the first time.
fn note_sent(connection: &mut Connection, start: SeqNumber, end: SeqNumber, cx: &Context<'_>) {
    let stamp = stamp(connection, start.distance_to(end), cx);
    connection.recovery.on_sent(start, end, stamp);
    connection.snd.window.nxt = end;
    connection.snd.in_flight.on_sent(end, cx.now);
}

/// What is known when `octets` leave.
fn stamp(connection: &mut Connection, octets: u32, cx: &Context<'_>) -> SentStamp {
    SentStamp {
        now: cx.now,
        snapshot: connection.note_departure(octets, cx.now),
        smss: connection.smss(),
    }
}

/// The FIN alone: it needs no window.
fn send_bare_fin(connection: &mut Connection, cx: &mut Context<'_>) -> Option<Outgoing> {
    let fin = connection.snd.queue.fin()?;
    if connection.snd.window.nxt != fin {
        return None;
    }
    note_sent(connection, fin, fin + 1, cx);
    start_retransmission_timer(connection, cx);
    Some(emit(
        connection,
        Form::new(fin, Fin::Included.flags(), SendReason::Fin),
        cx,
    ))
}

/// RFC 9293 §3.8.4, SHLD-12: SEG.SEQ = SND.NXT-1 and no text.
fn keep_alive(connection: &mut Connection, cx: &mut Context<'_>) -> Option<Outgoing> {
    if !core::mem::take(&mut connection.owed.keep_alive) {
        return None;
    }
    let seq = connection.snd.window.nxt - 1;
    let form = Form::new(seq, TcpFlags::ACK, SendReason::KeepAlive);
    Some(emit(connection, form, cx))
}

/// <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>
///
/// What was sent beyond the peer's window, a FIN or the octet of a window probe, is not counted: to a
/// peer whose window is closed no segment is acceptable but one that begins at its edge (RFC 9293
/// §3.10.7.4), and it would throw away what the acknowledgment says.
fn acknowledge(connection: &mut Connection, cx: &mut Context<'_>) -> Option<Outgoing> {
    if connection.rcv.acknowledge.urgency() != Urgency::Now {
        return None;
    }
    let window = &connection.snd.window;
    let edge = window.right_edge();
    let seq = if edge.is_before(window.nxt) {
        edge
    } else {
        window.nxt
    };
    let form = Form::new(seq, TcpFlags::ACK, connection.ack_reason);
    connection.ack_reason = SendReason::AcknowledgeNow;
    Some(emit(connection, form, cx))
}

/// Emits text as one segment, or as a superpacket of segments of SMSS.
fn emit_text(
    connection: &mut Connection,
    mut form: Form,
    text: Text,
    cx: &mut Context<'_>,
) -> Outgoing {
    let smss = connection.text_octets_max();
    let end = form.seq + text.octets() as u32;
    if !text.is_empty() && end == connection.snd.queue.end() {
        // MUST-61: the last of what is queued is pushed.
        form.flags = form.flags.with(TcpFlags::PSH);
    }
    if text.octets() > smss as usize && form.reason != SendReason::PathProbe {
        form.segment_octets = u16::try_from(smss).ok();
    }
    form.text = text;
    emit(connection, form, cx)
}

/// Nothing more to send for now: which timer wakes us?
fn rest(connection: &mut Connection, cx: &Context<'_>) {
    connection.note_limit(cwnd_room(connection), cx.now);
    if connection.rcv.acknowledge.urgency() == Urgency::Delayed {
        let delay = millis(cx.config.delayed_ack_ms);
        connection
            .timers
            .set_if_idle(Timer::DelayedAck, cx.now + delay);
    } else {
        connection.timers.stop(Timer::DelayedAck);
    }
    if !sends_text(connection) {
        return;
    }
    let window = &connection.snd.window;
    let in_flight = window.in_flight() > 0;
    let bare_fin = connection.snd.queue.fin() == Some(window.una);
    let closed = window.wnd() == 0 && !bare_fin;
    let unsent = connection.snd.unsent_octets() > 0;
    if closed && (in_flight || unsent) {
        // What lies in a closed window is probed for, not timed out (SHLD-17).
        connection.timers.stop(Timer::Retransmission);
        tail::stop_timers(connection);
        let wait = persist_interval(connection, cx);
        connection.timers.set_if_idle(Timer::Persist, cx.now + wait);
        return;
    }
    if in_flight {
        start_retransmission_timer(connection, cx);
        tail::arm_timers(connection, cx);
        connection.timers.stop(Timer::Persist);
        set_user_timer(connection, cx);
        return;
    }
    connection.timers.stop(Timer::Retransmission);
    tail::stop_timers(connection);
    if connection.timers.runs(Timer::Pacing) {
        // The pace lets more out soon.
        connection.timers.stop(Timer::Persist);
    } else if unsent {
        // Nothing is in flight, so no ACK will come: the window is too small to be worth it.
        let wait = millis(cx.config.sws_override_ms);
        connection.timers.set_if_idle(Timer::Persist, cx.now + wait);
    } else {
        connection.timers.stop(Timer::Persist);
        connection.rest_flow();
    }
}

/// R2 as a time counts from when the peer last acknowledged something.
fn set_user_timer(connection: &mut Connection, cx: &Context<'_>) {
    use super::settings::Patience;
    let Patience::Time(patience) = connection.settings.patience else {
        return;
    };
    let since = connection.snd.in_flight.waiting_since().unwrap_or(cx.now);
    connection.timers.set(Timer::User, since + patience);
}

/// RFC 6298 §5.1.
fn start_retransmission_timer(connection: &mut Connection, cx: &Context<'_>) {
    let rto = connection.rtt.rto();
    connection
        .timers
        .set_if_idle(Timer::Retransmission, cx.now + rto);
}

/// SHLD-29, SHLD-30: the first probe after one RTO, then twice as long each time.
fn persist_interval(connection: &Connection, cx: &Context<'_>) -> Duration {
    let factor = 1_u32 << connection.attempts.window_probes.min(16);
    connection
        .rtt
        .rto()
        .saturating_mul(factor)
        .min(millis(cx.config.persist_max_ms))
}

/// RFC 5681 §4.1.
fn restart_after_idle(connection: &mut Connection, cx: &mut Context<'_>) {
    if connection.snd.window.in_flight() == 0
        && let Some(last) = connection.snd.in_flight.last_sent_at()
        && connection.rtt.rto() < cx.now.since(last)
    {
        let before = connection.congestion.cwnd_octets();
        connection.congestion.on_idle();
        if before != connection.congestion.cwnd_octets() {
            connection.tell_cwnd("RFC 5681 §4.1", cx);
        }
    }
}

fn super_octets(cx: &Context<'_>, smss: u32) -> u32 {
    let most = u32::try_from(cx.config.super_segment_octets).unwrap_or(0);
    (most / smss * smss).max(smss)
}

/// The control bits of a segment with text, with or without a FIN behind it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fin {
    /// The FIN follows.
    Included,
    /// More follows, or will.
    NotIncluded,
}

impl Fin {
    /// Whether `end`, where the text ends, is where the FIN stands.
    fn at(end: SeqNumber, connection: &Connection) -> Self {
        if connection.snd.queue.fin() == Some(end) {
            Self::Included
        } else {
            Self::NotIncluded
        }
    }

    const fn seg_len(self) -> u32 {
        match self {
            Self::Included => 1,
            Self::NotIncluded => 0,
        }
    }

    const fn flags(self) -> TcpFlags {
        match self {
            Self::Included => TcpFlags::ACK.with(TcpFlags::FIN),
            Self::NotIncluded => TcpFlags::ACK,
        }
    }
}
