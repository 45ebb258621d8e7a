//! The tail loss probe leaves (RFC 8985 §7.3), and the timers that RACK-TLP adds (§5.4).
//!
//! `output.rs` calls it in its turn. What may be sent when is decided in `recovery`; the timers run
//! out in `timeout/reordering.rs` and `timeout/tail_loss_probe.rs`.

use super::{Fin, emit_text, note_sent, stamp, start_retransmission_timer};
use crate::config::millis;
use crate::context::Context;
use crate::observe::SendReason;
use crate::tcp::connection::Connection;
use crate::tcp::recovery::tail_probe::{Flight, probe_timeout};
use crate::tcp::recovery::{LossRecovery, Resend, TailProbeSent};
use crate::tcp::segment_out::Form;
use crate::tcp::timers::Timer;
use crate::wire::packet::Outgoing;

/// TLP_send_probe: new text if there is some and the window takes it, else the last segment again.
pub(super) fn probe_tail(connection: &mut Connection, cx: &mut Context<'_>) -> Option<Outgoing> {
    if !core::mem::take(&mut connection.owed.tail_probe) {
        return None;
    }
    new_segment(connection, cx).or_else(|| last_segment(connection, cx))
}

/// One segment beyond cwnd, until the next acknowledgment.
fn new_segment(connection: &mut Connection, cx: &mut Context<'_>) -> Option<Outgoing> {
    let unsent = u32::try_from(connection.snd.unsent_octets()).unwrap_or(u32::MAX);
    let octets = unsent.min(connection.text_octets_max());
    if octets == 0 || connection.snd.window.usable() < octets {
        return None;
    }
    let seq = connection.snd.window.nxt;
    let text = connection.snd.queue.text(seq, octets as usize);
    let end = seq + text.octets() as u32;
    let with_fin = Fin::at(end, connection);
    note_sent(connection, seq, end + with_fin.seg_len(), cx);
    let nxt = connection.snd.window.nxt;
    let stamp = stamp(connection, 0, cx);
    connection
        .recovery
        .on_tail_probe_sent(TailProbeSent::NewText, nxt, stamp);
    start_retransmission_timer(connection, cx);
    let form = Form::new(seq, with_fin.flags(), SendReason::TailLossProbe);
    Some(emit_text(connection, form, text, cx))
}

fn last_segment(connection: &mut Connection, cx: &mut Context<'_>) -> Option<Outgoing> {
    let nxt = connection.snd.window.nxt;
    let Resend { seq, octets } = connection.recovery.last_segment(nxt)?;
    let text = connection.snd.queue.text(seq, octets as usize);
    let end = seq + text.octets() as u32;
    // SHLD-15, SHLD-16: only what lies within the window, however it shrank.
    if !text.is_empty() && connection.snd.window.right_edge().is_before(end) {
        return None;
    }
    let with_fin = if connection.snd.fin_is_sent() {
        Fin::at(end, connection)
    } else {
        Fin::NotIncluded
    };
    let octets = text.octets() as u32 + with_fin.seg_len();
    if octets == 0 {
        return None;
    }
    let stamp = stamp(connection, octets, cx);
    let probe = TailProbeSent::LastSegment(Resend { seq, octets });
    connection.recovery.on_tail_probe_sent(probe, nxt, stamp);
    connection.snd.in_flight.on_retransmitted(cx.now);
    connection.retransmissions += 1;
    connection.count_resent(octets);
    let form = Form::new(seq, with_fin.flags(), SendReason::TailLossProbe);
    Some(emit_text(connection, form, text, cx))
}

/// Something is in flight and nothing more leaves for now. The timer of retransmissions runs beside
/// the two of RACK-TLP, as the last resort; it never expires before them (RFC 8985 §8).
pub(super) fn arm_timers(connection: &mut Connection, cx: &Context<'_>) {
    let rto_at = connection.timers.at(Timer::Retransmission);
    match connection.recovery.reordering_deadline() {
        Some(at) => {
            connection.timers.set(Timer::Reordering, at);
            if rto_at.is_some_and(|rto_at| rto_at < at) {
                connection.timers.set(Timer::Retransmission, at);
            }
        }
        None => connection.timers.stop(Timer::Reordering),
    }
    if !connection.recovery.probe_is_useful() {
        connection.timers.stop(Timer::TailLossProbe);
    } else if connection.recovery.take_probe_start() {
        let flight = if connection.snd.window.in_flight() <= connection.smss() {
            Flight::OneSegment
        } else {
            Flight::More
        };
        let max_ack_delay = millis(cx.config.tail_probe_ack_delay_ms);
        let interval = probe_timeout(connection.rtt.srtt(), flight, max_ack_delay);
        let at = cx.now + interval;
        let at = rto_at.map_or(at, |rto_at| at.min(rto_at));
        connection.timers.set(Timer::TailLossProbe, at);
    }
}

/// Nothing is in flight that a probe could tell of.
pub(super) fn stop_timers(connection: &mut Connection) {
    connection.timers.stop(Timer::Reordering);
    connection.timers.stop(Timer::TailLossProbe);
}
