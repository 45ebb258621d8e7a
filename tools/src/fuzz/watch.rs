//! What a peer can hold a TCP to: acknowledgments and window edges that only advance, text that is the
//! application's, and nothing beyond the window (RFC 9293 §3.4, §3.8.6).
//!
//! The TCP targets show it every segment in both directions. It is a model written from the outside and
//! knows nothing of the stack's inside but STATUS.

use std::ops::Range;

use sidestep_stack::call::{ConnectionId, Status};
use sidestep_stack::observe::State;
use sidestep_stack::status::RecoveryPhase;

use super::flow::is_stream;
use super::outcome::{Outcome, Promise};
use crate::packet::craft::{Segment, flags};

/// What is known of one incarnation of a connection. Positions count from the octet after the SYN.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    /// Its name: numbers may be the same again within a tick of the clock.
    name: Option<ConnectionId>,
    iss: u32,
    /// The last acknowledgment and right edge that left.
    ack: Option<u32>,
    edge: Option<u32>,
    /// The rightmost edge that the peer ever offered.
    peer_edge: Option<u32>,
    /// Text that surely waits or was delivered, and text that may.
    sure: Octets,
    possible: Octets,
    /// The first FIN that the peer ever sent, where it claims its text to end.
    fin_at: Option<u64>,
    /// What the application took.
    pub(crate) read: u64,
    /// What the application handed over.
    pub(crate) written: usize,
    /// Whether the application still reads.
    pub(crate) reads: Reads,
}

/// Whether the application still reads.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Reads {
    #[default]
    Yes,
    No,
}

/// Octets as merged ranges: the naive way.
#[derive(Clone, Debug, Default)]
struct Octets(Vec<Range<u64>>);

impl Octets {
    fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.0.push(range);
        self.0.sort_by_key(|range| range.start);
        let mut merged: Vec<Range<u64>> = Vec::new();
        for range in self.0.drain(..) {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        self.0 = merged;
    }

    /// Where what begins at `from` or before ends; `from` if there is nothing.
    fn end_from(&self, from: u64) -> u64 {
        self.0
            .iter()
            .filter(|range| range.start <= from)
            .map(|range| range.end)
            .max()
            .map_or(from, |end| end.max(from))
    }
}

/// What a segment that arrives must bring about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Expected {
    /// So many octets have arrived in order afterwards, at least.
    pub(crate) at_least: u64,
    /// And not more than so many.
    pub(crate) at_most: u64,
}

const fn is_at_or_after(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) < 1 << 31
}

impl Watch {
    /// The connection `name` is at `status`; `written` octets were handed over before.
    pub(crate) fn begins(name: ConnectionId, status: &Status, written: usize) -> Self {
        let mut watch = Self {
            name: Some(name),
            iss: status.iss,
            written,
            peer_edge: Some(status.snd_una.wrapping_add(status.snd_max_wnd)),
            ..Self::default()
        };
        // What waits out of order before we look is not known.
        if status.out_of_order_octets > 0 {
            watch.possible.insert(0..status.received_octets + (1 << 20));
        }
        watch
    }

    /// True if `name` is still that of the connection that is watched.
    pub(crate) fn is_of(&self, name: ConnectionId) -> bool {
        self.name == Some(name)
    }

    /// A segment is about to arrive.
    pub(crate) fn arrives(&mut self, segment: &Segment, status: &Status) -> Expected {
        let has = |bit: u8| segment.flags & bit != 0;
        self.offers(segment, status);
        let position = status.received_octets;
        let syn = u32::from(has(flags::SYN));
        let begin = if status.state == State::SynSent {
            // The peer's numbers are not known yet: its SYN brings them.
            0
        } else {
            i64::from(segment.seq.wrapping_add(syn).wrapping_sub(status.rcv_nxt) as i32)
        };
        let end = begin + segment.text.len() as i64;
        let absolute = |relative: i64| position.saturating_add_signed(relative.max(0));
        self.possible.insert(absolute(begin)..absolute(end));
        if has(flags::FIN) {
            let at = absolute(end);
            self.fin_at = Some(self.fin_at.map_or(at, |known| known.min(at)));
        }
        if self.is_plain(segment, status) {
            let window = i64::from(status.rcv_wnd);
            let seg_len = end - begin + i64::from(has(flags::FIN));
            let touches = begin < window && begin + seg_len > 0 && seg_len > 0;
            if touches && window > 0 {
                self.sure.insert(absolute(begin)..absolute(end.min(window)));
            }
        }
        Expected {
            // What lies behind a FIN is a lie of the peer's.
            at_least: self
                .sure
                .end_from(position)
                .min(self.fin_at.unwrap_or(u64::MAX).max(position)),
            at_most: self.possible.end_from(position),
        }
    }

    /// True if the segment is one that every RFC has us take, as far as it lies in the window.
    fn is_plain(&self, segment: &Segment, status: &Status) -> bool {
        let bits = segment.flags & !(flags::PSH | flags::FIN);
        let acked = segment.ack.wrapping_sub(status.snd_una);
        let in_flight = status.snd_nxt.wrapping_sub(status.snd_una);
        let stamps_fit = match (status.timestamps, segment.stamps()) {
            (false, _) => true,
            (true, Some((value, _))) => status
                .ts_recent
                .is_none_or(|recent| is_at_or_after(value, recent)),
            (true, None) => false,
        };
        let takes = matches!(
            status.state,
            State::Established | State::FinWait1 | State::FinWait2
        );
        // One with an option of an impossible length is thrown away whole (MUST-7).
        let options_fit = segment.options_are_whole()
            && segment.option_kinds().iter().all(|(kind, _)| *kind == 8);
        bits == flags::ACK
            && acked <= in_flight
            && stamps_fit
            && takes
            && options_fit
            && !status.peer_fin
            && self.reads == Reads::Yes
    }

    fn offers(&mut self, segment: &Segment, status: &Status) {
        if segment.flags & flags::ACK == 0 {
            return;
        }
        let acked = segment.ack.wrapping_sub(status.snd_una);
        if acked > status.snd_nxt.wrapping_sub(status.snd_una) {
            return;
        }
        let shift = if segment.flags & flags::SYN == 0 {
            status.snd_wind_shift
        } else {
            0
        };
        let edge = segment
            .ack
            .wrapping_add(u32::from(segment.window) << shift.min(14));
        if self
            .peer_edge
            .is_none_or(|known| is_at_or_after(edge, known))
        {
            self.peer_edge = Some(edge);
        }
    }

    /// After a segment arrived: what it brought is what was expected.
    pub(crate) fn arrived(&self, expected: Expected, after: &Status, outcome: &mut Outcome) {
        let reads = self.reads == Reads::Yes && after.state != State::Closed;
        let got = after.received_octets;
        let holds = !reads || got >= expected.at_least;
        outcome.require_acknowledged(holds, expected.at_least, got);
        outcome.require(got <= expected.at_most, Promise::Acknowledged, || {
            format!(
                "{got} octets are acknowledged, {} ever arrived",
                expected.at_most
            )
        });
    }

    /// A segment of this connection left.
    pub(crate) fn leaves(&mut self, segment: &Segment, status: &Status, outcome: &mut Outcome) {
        let has = |bit: u8| segment.flags & bit != 0;
        if has(flags::RST) || has(flags::SYN) {
            return;
        }
        if has(flags::ACK) {
            let ack = segment.ack;
            let advances = self.ack.is_none_or(|last| is_at_or_after(ack, last));
            outcome.require(advances, Promise::AckAdvances, || {
                format!("ACK {ack} after {:?}", self.ack)
            });
            self.ack = Some(ack);
            let edge = ack.wrapping_add(u32::from(segment.window) << status.rcv_wind_shift);
            let advances = self.edge.is_none_or(|last| is_at_or_after(edge, last));
            // Once the peer has sent all, its window means nothing any more.
            outcome.require(advances || status.peer_fin, Promise::EdgeAdvances, || {
                format!("right edge {edge} after {:?}", self.edge)
            });
            self.edge = Some(edge);
        }
        self.text_leaves(segment, outcome);
    }

    fn text_leaves(&self, segment: &Segment, outcome: &mut Outcome) {
        let octets = segment.text.len();
        if octets == 0 {
            return;
        }
        let from = segment.seq.wrapping_sub(self.iss).wrapping_sub(1);
        // A keep-alive may carry one octet from before the stream; ours carries none.
        let known = (from as usize).saturating_add(octets) <= self.written;
        outcome.require(
            known && is_stream(from, &segment.text),
            Promise::Sent,
            || {
                format!(
                    "{octets} octets from {from} on are not what was written, {} octets",
                    self.written
                )
            },
        );
        let end = segment.seq.wrapping_add(octets as u32);
        let within = self
            .peer_edge
            .is_none_or(|edge| is_at_or_after(edge.wrapping_add(1), end));
        outcome.require(within, Promise::WithinWindow, || {
            format!(
                "text up to {end}, the peer's window ends at {:?}",
                self.peer_edge
            )
        });
    }

    /// What the application read.
    pub(crate) fn reads(&mut self, slices: &[bytes::Bytes], outcome: &mut Outcome) {
        for slice in slices {
            let right = is_stream(self.read as u32, slice);
            outcome.require(right, Promise::Delivered, || {
                format!("{} octets from {} on are wrong", slice.len(), self.read)
            });
            self.read += slice.len() as u64;
        }
    }
}

/// Holds of every status, whatever happened (RFC 9293 §3.3.1, RFC 6298 §5).
pub(crate) fn check_status(status: &Status, outcome: &mut Outcome) {
    let unacknowledged = status.snd_nxt.wrapping_sub(status.snd_una);
    outcome.require(
        unacknowledged <= 1 << 30 && status.in_flight_octets <= unacknowledged,
        Promise::NumbersInOrder,
        || {
            format!(
                "SND.UNA {} SND.NXT {}, {} octets in flight",
                status.snd_una, status.snd_nxt, status.in_flight_octets
            )
        },
    );
    let received = status.rcv_nxt.wrapping_sub(status.irs);
    let synchronized = !matches!(status.state, State::Closed | State::SynSent | State::Listen);
    outcome.require(
        !synchronized || received as u64 >= status.received_octets.min(1 << 31),
        Promise::NumbersInOrder,
        || {
            format!(
                "RCV.NXT is {received} after IRS, {} octets arrived",
                status.received_octets
            )
        },
    );
    let is_open = !matches!(status.state, State::Closed | State::TimeWait);
    let guarded = status.timers.retransmission.is_some() || status.timers.persist.is_some();
    outcome.require(
        !is_open || status.in_flight_octets == 0 || guarded,
        Promise::TimerArmed,
        || {
            format!(
                "{:?} with {} octets in flight, timers {:?}",
                status.state, status.in_flight_octets, status.timers
            )
        },
    );
    outcome.require(
        // In fast recovery PRR says how much may leave, and that may be nothing (RFC 9937 §6).
        status.cwnd_octets >= u32::from(status.snd_mss).min(536)
            || status.recovery_phase == RecoveryPhase::FastRecovery
            || !is_open,
        Promise::NumbersInOrder,
        || format!("cwnd {} SMSS {}", status.cwnd_octets, status.snd_mss),
    );
}
