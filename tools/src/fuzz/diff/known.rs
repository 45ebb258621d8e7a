//! Differences from the kernel that are known and allowed: a short list, with the clause of each.
//!
//! The table is `known_differences.tsv` beside this file, which the book shows; the conditions are here.
//! A difference that no entry explains is a finding.

use sidestep_stack::observe::State;

use super::compare::{Summary, What};
use super::step::{Inbound, Played, Stamp, Step, Turn};
use crate::fuzz::trace::Said;
use crate::packet::craft::flags;

/// The table: name, clause, and what each side does.
pub const TABLE: &str = include_str!("known_differences.tsv");

macro_rules! known {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal;)*) => {
        /// An entry of the list.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum Known {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Known {
            /// All entries, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The first column.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

known! {
    /// A segment without the timestamps that were agreed on.
    TimestampsMissing = "timestamps-missing";
    /// Something that is neither the right ACK nor the SYN again, in SYN-RECEIVED behind a listener.
    HalfOpen = "half-open";
    /// Which duplicates are reported by D-SACK.
    DuplicateReports = "duplicate-reports";
    /// A segment without ACK, RST and SYN.
    NoAck = "no-ack";
    /// Text or a FIN behind the peer's FIN.
    BehindFin = "behind-fin";
    /// The options of a SYN-ACK when two SYNs cross.
    CrossingSyn = "crossing-syn";
    /// An acknowledgment of what was never sent.
    AckOfUnsent = "ack-of-unsent";
    /// A call that the kernel refuses or holds back before the connection is open, and we take.
    CallBeforeOpen = "call-before-open";
    /// A connection that ended before it was accepted.
    AcceptOfDead = "accept-of-dead";
}

/// The entry that explains what differs at `step`.
pub(super) fn explain(
    what: What,
    ours: &Played,
    step: usize,
    our: &Summary,
    their: &Summary,
) -> Option<Known> {
    // What one side took and the other did not shows at any later step.
    let so_far = ours.turns.get(..=step).unwrap_or_default();
    let turn = so_far.last()?;
    if lacks_timestamps(so_far) {
        return Some(Known::TimestampsMissing);
    }
    if so_far.iter().any(is_odd_for_half_open) {
        return Some(Known::HalfOpen);
    }
    let segment = match &turn.step {
        Step::Segment(segment) => Some(segment),
        Step::Call(_) => None,
    };
    match (what, segment) {
        (What::Sack, _) if only_duplicates_differ(our, their) => Some(Known::DuplicateReports),
        (What::Syn, _) if turn.state == Some(State::SynSent) => Some(Known::CrossingSyn),
        (What::AckPresence, Some(segment))
            if segment.flags & (flags::ACK | flags::RST | flags::SYN) == 0 =>
        {
            Some(Known::NoAck)
        }
        (What::AckPresence | What::Reset, Some(segment))
            if has_seen_fin(turn.state)
                && (segment.octets > 0 || segment.flags & flags::FIN != 0) =>
        {
            Some(Known::BehindFin)
        }
        (What::AckPresence, Some(segment)) if acks_unsent(segment, so_far) => {
            Some(Known::AckOfUnsent)
        }
        (What::Answer, None) if turn.state.is_none_or(is_opening) => Some(match turn.step {
            Step::Call(Said::Accept) => Known::AcceptOfDead,
            _ => Known::CallBeforeOpen,
        }),
        _ => None,
    }
}

fn is_opening(state: State) -> bool {
    matches!(state, State::SynSent | State::SynReceived)
}

const fn has_seen_fin(state: Option<State>) -> bool {
    matches!(
        state,
        Some(State::CloseWait | State::LastAck | State::Closing | State::TimeWait)
    )
}

/// Blocks that only one side reports are all of octets that it reports otherwise too.
fn only_duplicates_differ(our: &Summary, their: &Summary) -> bool {
    let ack = our.ack.unwrap_or(0);
    let all = || our.sack.iter().chain(&their.sack);
    our.sack.symmetric_difference(&their.sack).all(|block| {
        let (left, right) = *block;
        right.wrapping_sub(ack) as i32 <= 0
            || all().any(|other| other != block && other.0 <= left && right <= other.1)
    })
}

fn lacks_timestamps(turns: &[Turn]) -> bool {
    let segments = || {
        turns.iter().filter_map(|turn| match &turn.step {
            Step::Segment(segment) => Some(segment),
            Step::Call(_) => None,
        })
    };
    segments().any(|it| it.flags & flags::SYN != 0 && it.stamp != Stamp::None)
        && segments().any(|it| it.flags & (flags::SYN | flags::RST) == 0 && it.stamp == Stamp::None)
}

/// In SYN-RECEIVED we go through the checks in the RFC's order and keep what is in the window; the kernel
/// looks at the ACK first and gives the connection up for a SYN or RST.
fn is_odd_for_half_open(turn: &Turn) -> bool {
    let Step::Segment(segment) = &turn.step else {
        return false;
    };
    let is_right = segment.ack == 1 && segment.seq == 1 && segment.flags & flags::ACK != 0;
    let is_plain = segment.flags & (flags::SYN | flags::RST) == 0;
    turn.state == Some(State::SynReceived) && !(is_right && is_plain)
}

/// The text and FIN that had left when a segment acknowledged more.
fn acks_unsent(segment: &Inbound, turns: &[Turn]) -> bool {
    let sent = turns.iter().rev().skip(1).flat_map(|turn| {
        turn.out.iter().map(|out| {
            let iss = turn.iss.unwrap_or(0);
            let syn_or_fin = u32::from(out.flags & (flags::SYN | flags::FIN) != 0);
            out.seq
                .wrapping_sub(iss)
                .wrapping_add(out.text.len() as u32)
                .wrapping_add(syn_or_fin)
        })
    });
    segment.ack > sent.max().unwrap_or(0)
}
