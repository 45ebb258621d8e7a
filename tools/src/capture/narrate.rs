//! What is to be said about a packet: why it left or what became of it, with the clause of the RFC,
//! what happened on the way, and the control block's numbers.
//!
//! Whoever drives a stack gives it what the stack observed around each packet. Between packets it
//! keeps what happened to a connection until that connection's next packet; that memory is bounded.

use std::collections::VecDeque;
use std::fmt::Write as _;

use sidestep_stack::base::Duration;
use sidestep_stack::call::ConnectionId;
use sidestep_stack::observe::{Cause, Observation};
use sidestep_stack::status::{CongestionPhase, RecoveryPhase};
use sidestep_stack::{Instant, Stack, Status};

use super::pcapng::Direction;

/// So many happenings wait for their connection's next packet; older ones make room.
const WAITING_MAX: usize = 256;

/// So many happenings are told of one packet.
const TOLD_MAX: usize = 12;

/// Something that a stack observed.
pub type Observed = (Instant, Observation);

/// Everything that a stack has observed and nobody has read: to be called after each door.
pub fn drain(stack: &mut Stack) -> Vec<Observed> {
    std::iter::from_fn(|| stack.next_observation()).collect()
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Narrator {
    waiting: VecDeque<Observed>,
}

impl Narrator {
    /// Nothing has happened yet.
    pub const fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
        }
    }

    /// Something happened that came with no packet: a call, a timer.
    pub fn happens(&mut self, observed: impl IntoIterator<Item = Observed>) {
        for observed in observed {
            if self.waiting.len() == WAITING_MAX {
                self.waiting.pop_front();
            }
            self.waiting.push_back(observed);
        }
    }

    /// The comments about a packet. `observed` came out of the stack together with it; `status` is
    /// that of the connection that it belongs to, if it belongs to one, after it.
    pub fn packet(
        &mut self,
        direction: Direction,
        connection: Option<ConnectionId>,
        observed: &[Observed],
        status: Option<&Status>,
    ) -> Vec<String> {
        let mut comments = vec![headline(direction, observed)];
        let mut happened = self.take_waiting(connection);
        happened.extend(observed.iter().cloned());
        let lines = happened.iter().filter_map(|(_, what)| words(what));
        let mut lines: Vec<String> = lines.collect();
        if lines.len() > TOLD_MAX {
            let more = lines.len() - TOLD_MAX;
            lines.truncate(TOLD_MAX);
            lines.push(format!("and {more} more"));
        }
        if !lines.is_empty() {
            comments.push(lines.join("; "));
        }
        if let Some(status) = status {
            comments.push(numbers(status));
        }
        comments
    }

    /// What has waited for a packet of `connection`.
    fn take_waiting(&mut self, connection: Option<ConnectionId>) -> Vec<Observed> {
        let (taken, kept) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, what)| what.connection() == connection);
        self.waiting = kept;
        Vec::from_iter::<VecDeque<Observed>>(taken)
    }
}

/// Why it left, or what became of it.
fn headline(direction: Direction, observed: &[Observed]) -> String {
    let clause = |words: &str, clause: &str| format!("{words} ({clause})");
    match direction {
        Direction::Out => match cause(observed) {
            Some(cause) => clause(&format!("sent: {}", cause.words()), cause.clause()),
            None => "sent".to_owned(),
        },
        Direction::In => {
            let discard = observed.iter().find_map(|(_, what)| match what {
                Observation::Discarded { reason } => Some(*reason),
                _ => None,
            });
            match discard {
                Some(reason) => clause(&format!("dropped: {}", reason.name()), reason.clause()),
                None => "taken".to_owned(),
            }
        }
    }
}

/// The cause of the packet that left last.
pub fn cause(observed: &[Observed]) -> Option<Cause> {
    observed.iter().rev().find_map(|(_, what)| match what {
        Observation::PacketSent { cause, .. } => Some(*cause),
        _ => None,
    })
}

/// What happened besides; `None` for what the headline says.
pub(super) fn words(what: &Observation) -> Option<String> {
    let text = match what {
        Observation::StateChanged { from, to, .. } => format!("{} → {}", state(*from), state(*to)),
        Observation::TimerFired { timer, .. } => format!("{} timer fired", timer.name()),
        Observation::RetransmissionTimeoutChanged { rto, .. } => {
            format!("rto is now {}", millis(*rto))
        }
        Observation::CongestionWindowChanged {
            cwnd_octets,
            ssthresh_octets,
            ..
        } => {
            let ssthresh = unlimited(*ssthresh_octets);
            format!("cwnd is now {cwnd_octets}, ssthresh {ssthresh}")
        }
        Observation::PathMtuChanged {
            destination,
            mtu_octets,
        } => format!("path MTU to {destination} is now {mtu_octets}"),
        Observation::NameQuerySent { server, reason, .. } => {
            format!("name server {server} is asked: {reason:?}")
        }
        Observation::LossDetected { octets, .. } => format!("{octets} octets are lost"),
        Observation::RecoveryUndone { .. } => "nothing was lost after all".to_owned(),
        Observation::Failed { error, .. } => format!("the connection fails: {error}"),
        Observation::SoftError { error, .. } => format!("soft error: {error:?}"),
        Observation::Discarded { .. }
        | Observation::SegmentSent { .. }
        | Observation::PacketSent { .. } => return None,
        other => format!("{other:?}"),
    };
    Some(format!("{text} ({})", what.clause()))
}

/// The control block's numbers, in the RFC's terms; sequence numbers also relative to ISS and IRS.
pub fn numbers(status: &Status) -> String {
    let of_iss = |seq: u32| format!("{seq}(+{})", seq.wrapping_sub(status.iss));
    let of_irs = |seq: u32| format!("{seq}(+{})", seq.wrapping_sub(status.irs));
    let mut text = format!(
        "{} SND.UNA={} SND.NXT={} SND.WND={} RCV.NXT={} RCV.WND={} cwnd={} ssthresh={}",
        state(status.state),
        of_iss(status.snd_una),
        of_iss(status.snd_nxt),
        status.snd_wnd,
        of_irs(status.rcv_nxt),
        status.rcv_wnd,
        status.cwnd_octets,
        unlimited(status.ssthresh_octets),
    );
    // Writing to a string cannot fail.
    let _ = match status.srtt {
        Some(srtt) => write!(text, " srtt={}", millis(srtt)),
        None => write!(text, " srtt=none"),
    };
    let _ = write!(
        text,
        " rto={} flight={}",
        millis(status.rto),
        status.in_flight_octets
    );
    let _ = write!(
        text,
        " {}",
        match (status.recovery_phase, status.congestion_phase) {
            (RecoveryPhase::FastRecovery, _) => "fast-recovery",
            (RecoveryPhase::Resending, _) => "resending",
            (RecoveryPhase::Open, CongestionPhase::SlowStart) => "slow-start",
            (RecoveryPhase::Open, CongestionPhase::Avoidance) => "congestion-avoidance",
        }
    );
    for (timer, at) in status.timers.armed() {
        let _ = write!(text, " {}@{}s", timer.name().replace(' ', "-"), seconds(at));
    }
    text
}

/// A state as Figure 5 of RFC 9293 writes it.
pub fn state(state: sidestep_stack::observe::State) -> &'static str {
    use sidestep_stack::observe::State;
    match state {
        State::Closed => "CLOSED",
        State::Listen => "LISTEN",
        State::SynSent => "SYN-SENT",
        State::SynReceived => "SYN-RECEIVED",
        State::Established => "ESTABLISHED",
        State::FinWait1 => "FIN-WAIT-1",
        State::FinWait2 => "FIN-WAIT-2",
        State::CloseWait => "CLOSE-WAIT",
        State::Closing => "CLOSING",
        State::LastAck => "LAST-ACK",
        State::TimeWait => "TIME-WAIT",
    }
}

fn unlimited(octets: u32) -> String {
    // Before the first loss it is the largest window that there can be.
    if octets >= 1 << 30 {
        "unlimited".to_owned()
    } else {
        octets.to_string()
    }
}

fn millis(duration: Duration) -> String {
    let micros = duration.as_micros();
    format!("{}.{:03}ms", micros / 1_000, micros % 1_000)
}

/// A moment of the stack, in seconds with microseconds.
pub(super) fn seconds(at: Instant) -> String {
    let micros = at.as_micros();
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests;
