//! What loss recovery concluded, told to those who listen and turned into a pace (RFC 8985, RFC
//! 9937).
//!
//! `check_ack.rs` and `timeout/reordering.rs` call it after recovery has spoken. It decides nothing.

use crate::context::Context;
use crate::observe::Observation;
use crate::tcp::congestion::CongestionControl;
use crate::tcp::connection::Connection;
use crate::tcp::recovery::{LossRecovery, Pace, Sack};
use crate::tcp::sample::{AckOutcome, LossSignal, PathClock};

/// Whether SND.UNA advanced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// It did.
    Yes,
    /// It did not.
    No,
}

/// What times are measured by.
pub(crate) fn clock(connection: &Connection, cx: &Context<'_>) -> PathClock {
    PathClock {
        now: cx.now,
        srtt: connection.rtt.srtt(),
        min_rtt: connection.rtt.min_rtt(),
    }
}

/// Those who observe hear what is lost, and what was not.
pub(crate) fn tell(connection: &Connection, outcome: &AckOutcome, cx: &mut Context<'_>) {
    let id = connection.id;
    if outcome.lost_octets > 0 {
        let octets = outcome.lost_octets;
        let clause = match connection.sack {
            Sack::Agreed => "RFC 8985 §6.2",
            Sack::NotAgreed => "RFC 6582 §3.2",
        };
        cx.observe(|| Observation::LossDetected {
            connection: id,
            octets,
            clause,
        });
    }
    match outcome.signal {
        LossSignal::Spurious(evidence) => cx.observe(|| Observation::RecoveryUndone {
            connection: id,
            clause: evidence.clause(),
        }),
        LossSignal::TailLossRepaired { .. } => cx.observe(|| Observation::LossDetected {
            connection: id,
            octets: connection.smss(),
            clause: "RFC 8985 §7.4.2",
        }),
        LossSignal::None
        | LossSignal::LossDetected { .. }
        | LossSignal::Recovering
        | LossSignal::Recovered => {}
    }
}

/// How much may leave now, while losses are repaired.
pub(crate) fn pace(connection: &mut Connection, outcome: &AckOutcome, progress: Progress) {
    let pace = Pace {
        progress: progress == Progress::Yes,
        nxt: connection.snd.window.nxt,
        ssthresh: connection.congestion.ssthresh_octets(),
    };
    connection.recovery.on_pace(outcome, pace);
}
