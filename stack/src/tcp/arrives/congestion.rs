//! What an acknowledgment means for congestion control (RFC 5681 §3): the moves of cwnd, and the
//! clauses that explain them.
//!
//! `check_ack.rs` calls it once loss recovery has come to its conclusion. It decides nothing itself:
//! the algorithm in `tcp/congestion` does.

use crate::base::Duration;
use crate::context::Context;
use crate::tcp::congestion::{Acked, CongestionControl, Utilisation};
use crate::tcp::connection::Connection;
use crate::tcp::recovery::LossRecovery;
use crate::tcp::sample::{AckSample, LossSignal};

/// What recovery concluded becomes a move of cwnd.
pub(crate) fn on_signal(
    connection: &mut Connection,
    sample: &AckSample,
    signal: LossSignal,
    round_trip: Option<Duration>,
    cx: &mut Context<'_>,
) {
    let before = connection.congestion.cwnd_octets();
    let clause = match signal {
        LossSignal::None if sample.acked_octets() == 0 => return,
        LossSignal::None => {
            let acked = acked(connection, sample, round_trip, cx);
            connection.congestion.on_ack(&acked);
            "RFC 5681 §3.1"
        }
        // RFC 4821 §7.6.2: the loss of a probe alone is no sign of congestion.
        LossSignal::LossDetected { .. } if connection.path_probe_excuses_loss() => return,
        LossSignal::Recovered if connection.path_probe_excused_loss() => return,
        LossSignal::LossDetected { flight_octets } => {
            connection.congestion.on_loss(flight_octets, cx.now);
            "RFC 5681 §3.2"
        }
        LossSignal::Recovering => return,
        LossSignal::Recovered => {
            connection.congestion.on_recovered();
            "RFC 6582 §3.2"
        }
    };
    if before != connection.congestion.cwnd_octets() {
        connection.tell_cwnd(clause, cx);
    }
}

fn acked(
    connection: &Connection,
    sample: &AckSample,
    round_trip: Option<Duration>,
    cx: &Context<'_>,
) -> Acked {
    Acked {
        now: cx.now,
        octets: sample.acked_octets(),
        una: sample.ack,
        nxt: sample.nxt,
        round_trip,
        srtt: connection.rtt.srtt(),
        utilisation: if connection.cwnd_limited {
            Utilisation::CwndLimited
        } else {
            Utilisation::ApplicationLimited
        },
        in_flight: connection.recovery.pipe_octets(sample.nxt),
    }
}
