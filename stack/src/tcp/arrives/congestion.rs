//! What an acknowledgment means for congestion control (RFC 5681 §3, RFC 3168 §6.1.2): the moves of
//! cwnd, and the clauses that explain them.
//!
//! `check_ack.rs` calls it once loss recovery has come to its conclusion. It decides nothing itself:
//! the algorithm in `tcp/congestion` does.

use crate::config::millis;
use crate::context::Context;
use crate::observe::Observation;
use crate::tcp::congestion::{Acked, CongestionControl, Mode, Utilisation};
use crate::tcp::connection::Connection;
use crate::tcp::recovery::LossRecovery;
use crate::tcp::sample::{AckOutcome, AckSample, LossSignal, PathClock};
use crate::wire::tcp::TcpFlags;

/// What recovery concluded, and what the peer reports of congestion, become moves of cwnd.
pub(crate) fn on_outcome(
    connection: &mut Connection,
    flags: TcpFlags,
    sample: &AckSample,
    outcome: &AckOutcome,
    cx: &mut Context<'_>,
) {
    let before = connection.congestion.cwnd_octets();
    let mode_before = connection.congestion.mode();
    let acked = acked(connection, sample, outcome, cx);
    deliver(connection, sample, outcome, &acked);
    let is_report = connection.ecn.is_report(flags);
    if is_report {
        connection.count_echo();
    }
    let clause = if is_report && outcome.signal == LossSignal::None {
        // "The value of cwnd should not be increased on receipt of an ECN-Echo ACK packet."
        mark(connection, sample, cx)
    } else {
        move_cwnd(connection, sample, outcome.signal, &acked, cx)
    };
    if before != connection.congestion.cwnd_octets() {
        connection.tell_cwnd(clause, cx);
    }
    tell_mode(connection, mode_before, cx);
}

/// What was delivered is measured, whatever else it means.
fn deliver(connection: &mut Connection, sample: &AckSample, outcome: &AckOutcome, acked: &Acked) {
    // Without a flow nothing was on its way.
    let Some(flow) = &mut connection.flow else {
        return;
    };
    let rate = flow.delivery.on_ack(
        outcome.delivered_octets,
        outcome.lost_octets,
        outcome.newest,
        sample.clock.min_rtt,
        sample.clock.now,
    );
    if outcome.delivered_octets > 0 || outcome.lost_octets > 0 {
        connection.congestion.on_delivery(&rate, acked);
    }
    connection.note_rate(&rate);
}

fn move_cwnd(
    connection: &mut Connection,
    sample: &AckSample,
    signal: LossSignal,
    acked: &Acked,
    cx: &Context<'_>,
) -> &'static str {
    let mode = connection.congestion.mode();
    match signal {
        LossSignal::None if sample.acked_octets() == 0 => {}
        LossSignal::None if is_unvalidated(connection, cx) => {
            connection.congestion.on_unvalidated();
            return "RFC 7661 §4.4.1";
        }
        LossSignal::None => connection.congestion.on_ack(acked),
        // RFC 4821 §7.6.2: the loss of a probe alone is no sign of congestion.
        LossSignal::LossDetected { .. } if connection.path_probe_excuses_loss() => {}
        LossSignal::Recovered if connection.path_probe_excused_loss() => {}
        LossSignal::LossDetected { flight_octets } => {
            connection.congestion.on_loss(flight_octets, cx.now);
            connection.ecn.on_reduced(sample.nxt);
            return "RFC 5681 §3.2";
        }
        LossSignal::Recovering => {}
        LossSignal::Recovered => {
            connection.congestion.on_recovered();
            return "RFC 6582 §3.2";
        }
        LossSignal::TailLossRepaired { flight_octets } => {
            connection.congestion.on_loss(flight_octets, cx.now);
            connection.congestion.on_recovered();
            connection.ecn.on_reduced(sample.nxt);
            return "RFC 8985 §7.4.2";
        }
        LossSignal::Spurious(evidence) => {
            connection.congestion.on_spurious(cx.now);
            connection.rtt.on_spurious();
            return evidence.clause();
        }
    }
    mode.clause()
}

/// The peer saw a mark (RFC 3168 §6.1.2): answered once for each window.
fn mark(connection: &mut Connection, sample: &AckSample, cx: &Context<'_>) -> &'static str {
    if connection.ecn.must_answer(sample.ack) {
        let flight_octets = sample.flight_octets() + sample.acked_octets();
        connection
            .congestion
            .on_congestion_mark(flight_octets, cx.now);
        connection.ecn.on_reduced(sample.nxt);
    }
    "RFC 3168 §6.1.2"
}

/// RFC 7661 §4.4.1.
fn is_unvalidated(connection: &mut Connection, cx: &Context<'_>) -> bool {
    let nvp = millis(cx.config.cwnd_validation_ms);
    connection.flow().validation.has_expired(nvp, cx.now)
}

/// Those who observe hear that the algorithm goes about it in another way.
fn tell_mode(connection: &Connection, from: Mode, cx: &mut Context<'_>) {
    let to = connection.congestion.mode();
    if from != to {
        cx.observe(|| Observation::CongestionModeChanged {
            connection: connection.id,
            from,
            to,
        });
    }
}

fn acked(
    connection: &mut Connection,
    sample: &AckSample,
    outcome: &AckOutcome,
    cx: &Context<'_>,
) -> Acked {
    let cwnd = connection.congestion.cwnd_octets();
    let mode = connection.congestion.mode();
    let utilisation = match &mut connection.flow {
        Some(flow) => flow
            .validation
            .on_ack(sample.ack, sample.nxt, cwnd, mode, cx.now),
        None => Utilisation::ApplicationLimited,
    };
    Acked {
        now: cx.now,
        octets: sample.acked_octets(),
        una: sample.ack,
        nxt: sample.nxt,
        round_trip: outcome.round_trip,
        srtt: connection.rtt.srtt(),
        utilisation,
        in_flight: connection.recovery.pipe_octets(sample.nxt),
    }
}

/// What RACK found when its timer expired: there is no acknowledgment, only a loss.
pub(crate) fn on_timed_loss(
    connection: &mut Connection,
    outcome: &AckOutcome,
    clock: &PathClock,
    cx: &mut Context<'_>,
) {
    let now = clock.now;
    let _ = connection
        .flow()
        .delivery
        .on_ack(0, outcome.lost_octets, None, clock.min_rtt, now);
    let LossSignal::LossDetected { flight_octets } = outcome.signal else {
        return;
    };
    if connection.path_probe_excuses_loss() {
        return;
    }
    connection.congestion.on_loss(flight_octets, now);
    connection.ecn.on_reduced(connection.snd.window.nxt);
    connection.tell_cwnd("RFC 8985 §6.2", cx);
}
