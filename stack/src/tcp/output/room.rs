//! How much the network may take of a connection now: cwnd, or PRR while losses are repaired (RFC
//! 5681 §3, RFC 9937).
//!
//! `output.rs` and STATUS ask. Nothing is decided here: recovery and congestion control have said it.

use crate::tcp::congestion::{CongestionControl, RepairPace};
use crate::tcp::connection::Connection;
use crate::tcp::recovery::LossRecovery;

/// What may leave now, new or old.
pub(crate) fn cwnd_room(connection: &Connection) -> u32 {
    repair_room(connection).unwrap_or_else(|| {
        let pipe = connection.recovery.pipe_octets(connection.snd.window.nxt);
        connection.congestion.cwnd_octets().saturating_sub(pipe)
    })
}

/// cwnd as it holds now. In fast recovery that is what is in flight and what may be added (RFC 9937:
/// "cwnd = inflight + sndcnt").
pub(crate) fn cwnd_octets(connection: &Connection) -> u32 {
    match repair_room(connection) {
        Some(room) => connection
            .recovery
            .pipe_octets(connection.snd.window.nxt)
            .saturating_add(room),
        None => connection.congestion.cwnd_octets(),
    }
}

fn repair_room(connection: &Connection) -> Option<u32> {
    match connection.congestion.repair_pace() {
        RepairPace::ProportionalRate => connection.recovery.repair_room(),
        RepairPace::Cwnd => None,
    }
}
