//! RETRANSMISSION TIMEOUT (RFC 9293 §3.10.8, RFC 6298 §5.4 to §5.6, RFC 5681 §3.1).
//!
//! R1 and R2 are counted here (RFC 9293 §3.8.3).

use crate::base::Instant;
use crate::config::Config;
use crate::context::Context;
use crate::event::{ConnectionError, SoftError};
use crate::observe::Observation;
use crate::observe::{SendReason, State};
use crate::tcp::arrives::loss;
use crate::tcp::congestion::{CongestionControl, Expiry};
use crate::tcp::connection::{Connection, Handle};
use crate::tcp::half_open::HalfOpen;
use crate::tcp::recovery::LossRecovery;
use crate::tcp::settings::Patience;
use crate::tcp::timers::Timer;

/// See the module.
pub(crate) fn expires(connection: &mut Connection, cx: &mut Context<'_>) {
    connection.attempts.timeouts = connection.attempts.timeouts.saturating_add(1);
    let timeouts = u64::from(connection.attempts.timeouts);
    connection.rtt.on_timeout();
    match connection.state {
        // R2 for a SYN is a time (MUST-23), see `user.rs`, and may be a number as well.
        State::SynSent | State::SynReceived if timeouts > cx.config.syn_retransmissions_max => {
            super::user::expires(connection, cx);
            return;
        }
        State::SynSent | State::SynReceived => connection.owed.syn = true,
        _ => {
            // Whatever the user chose ends with the user (BAD-62).
            let counts = connection.settings.patience == Patience::Retransmissions
                || connection.handle == Handle::Released;
            let gives_up = counts && timeouts > cx.config.r2_retransmissions;
            if gives_up {
                connection.fail(ConnectionError::TimedOut, "RFC 9293 §3.8.3", cx);
                return;
            }
            resend(connection, cx);
        }
    }
    if timeouts == cx.config.r1_retransmissions {
        connection.note_soft_error(SoftError::NoAnswer, cx);
    }
}

fn resend(connection: &mut Connection, cx: &mut Context<'_>) {
    connection.count_timeout();
    connection.suspect_black_hole(cx);
    let window = &connection.snd.window;
    let flight_octets = window.in_flight();
    let first = if connection.attempts.timeouts == 1 {
        Expiry::First
    } else {
        Expiry::Repeated
    };
    connection
        .congestion
        .on_timeout(flight_octets, first, cx.now);
    connection.ecn.on_reduced(connection.snd.window.nxt);
    let (nxt, clock) = (connection.snd.window.nxt, loss::clock(connection, cx));
    let octets = connection.recovery.on_timeout(nxt, &clock);
    connection.timers.stop(Timer::Reordering);
    connection.timers.stop(Timer::TailLossProbe);
    connection.owed.tail_probe = false;
    let id = connection.id;
    cx.observe(|| Observation::LossDetected {
        connection: id,
        octets,
        clause: "RFC 8985 §6.3",
    });
    connection.snd.in_flight.on_retransmitted(cx.now);
    connection.tell_cwnd("RFC 5681 §3.1", cx);
}

/// Whether a half-open connection goes on trying.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HalfOpenStep {
    /// Its SYN-ACK is repeated.
    Repeats,
    /// It is forgotten.
    GivesUp,
}

/// The timer of a half-open connection has expired.
pub(crate) fn half_open_expires(
    half_open: &mut HalfOpen,
    config: &Config,
    now: Instant,
) -> HalfOpenStep {
    if half_open.gives_up(config, now) {
        return HalfOpenStep::GivesUp;
    }
    half_open.retransmissions = half_open.retransmissions.saturating_add(1);
    half_open.owes_syn_ack = Some(SendReason::OpenAgain);
    HalfOpenStep::Repeats
}
