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
    /// A peer that contradicts itself about where its stream ends.
    BehindFin = "behind-fin";
    /// The options of a SYN-ACK when two SYNs cross.
    CrossingSyn = "crossing-syn";
    /// An acknowledgment of what was never sent.
    AckOfUnsent = "ack-of-unsent";
    /// A call that the kernel refuses or holds back before the connection is open, and we take.
    CallBeforeOpen = "call-before-open";
    /// A connection that ended before it was accepted.
    AcceptOfDead = "accept-of-dead";
    /// An acknowledgment far below SND.UNA, with text.
    OldAck = "old-ack";
    /// An old segment without text, by its timestamp.
    OldBareAck = "old-bare-ack";
    /// Whether the reset of a connection whose text nobody reads acknowledges.
    UnreadReset = "unread-reset";
    /// Our FIN, where the peer's window is closed.
    FinAtClosedWindow = "fin-at-closed-window";
    /// What was received before a reset, and not read.
    ResetFlushes = "reset-flushes";
    /// A reset at the place of the peer's FIN.
    ResetAtFin = "reset-at-fin";
    /// Text out of order that nobody will read.
    ReleasedSack = "released-sack";
    /// What is not in order, in FIN-WAIT-2 without a user.
    ReleasedFinWait2 = "released-fin-wait-2";
    /// A bare ACK beyond RCV.NXT in TIME-WAIT.
    TimeWaitAck = "time-wait-ack";
    /// A segment that ends at RCV.NXT.
    EndsAtWindow = "ends-at-window";
    /// A SYN at RCV.NXT in TIME-WAIT.
    ReopenAtEdge = "reopen-at-edge";
    /// The window of a segment that begins below RCV.NXT.
    TrimmedWindow = "trimmed-window";
    /// The number of a reset where the window shrank.
    ResetInShrunkWindow = "reset-in-shrunk-window";
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
    let so_far = ours.turns.get(..=step).unwrap_or(&ours.turns);
    let turn = so_far.last()?;
    if lacks_timestamps(so_far) {
        return Some(Known::TimestampsMissing);
    }
    if so_far.iter().any(is_odd_for_half_open) {
        return Some(Known::HalfOpen);
    }
    if contradicts_its_end(so_far) {
        return Some(Known::BehindFin);
    }
    if resets_at_its_fin(so_far) {
        return Some(Known::ResetAtFin);
    }
    if so_far.iter().any(is_call_before_open) {
        return Some(Known::CallBeforeOpen);
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
        (What::AckPresence, Some(segment)) if acks_unsent(segment, so_far) => {
            Some(Known::AckOfUnsent)
        }
        (What::AckPresence, Some(segment)) if is_old_bare_ack(segment, so_far) => {
            Some(Known::OldBareAck)
        }
        (_, Some(segment)) if segment.octets > 0 && segment.ack as i32 <= -(1 << 29) => {
            Some(Known::OldAck)
        }
        (What::Reset, Some(segment))
            if our.resets.len() == 1 && their.resets.len() == 1 && segment.octets > 0 =>
        {
            Some(Known::UnreadReset)
        }
        (What::Reset | What::AckPresence, Some(_))
            if is_released(so_far)
                && matches!(turn.state, Some(State::FinWait1 | State::FinWait2)) =>
        {
            Some(Known::ReleasedFinWait2)
        }
        (What::Reset, None) if was_window_closed(so_far) && only_numbers_differ(our, their) => {
            Some(Known::ResetInShrunkWindow)
        }
        (What::Sack, _) if is_released(so_far) && their.sack.is_empty() => {
            Some(Known::ReleasedSack)
        }
        (What::AckPresence, Some(_))
            if turn.state == Some(State::TimeWait) && our.ack.is_none() =>
        {
            Some(Known::TimeWaitAck)
        }
        (What::AckPresence, Some(segment)) if our.ack == Some(end_of(segment)) => {
            Some(Known::EndsAtWindow)
        }
        (What::Syn, Some(segment))
            if turn.state == Some(State::TimeWait) && their.ack == Some(segment.seq) =>
        {
            Some(Known::ReopenAtEdge)
        }
        (What::Text, _) if our.fin && !their.fin && was_window_closed(so_far) => {
            Some(Known::FinAtClosedWindow)
        }
        (What::Text, _) if our.text.is_none() && closes_window_with_old_text(so_far) => {
            Some(Known::TrimmedWindow)
        }
        (What::Answer | What::Delivered, None) => match turn.step {
            Step::Call(Said::Accept) if turn.state.is_none() || was_reset(so_far) => {
                Some(Known::AcceptOfDead)
            }
            Step::Call(Said::Receive(_)) if was_reset(so_far) => Some(Known::ResetFlushes),
            _ => None,
        },
        _ => None,
    }
}

const fn is_opening(state: State) -> bool {
    matches!(state, State::SynSent | State::SynReceived)
}

/// A call of one who opens, or was accepted early, that goes beyond opening.
fn is_call_before_open(turn: &Turn) -> bool {
    turn.state.is_some_and(is_opening)
        && matches!(turn.step, Step::Call(said) if !matches!(said, Said::Accept | Said::Listen))
}

/// Text beyond a FIN, or two FINs at different places.
fn contradicts_its_end(turns: &[Turn]) -> bool {
    let ends = turns.iter().filter_map(|turn| match &turn.step {
        Step::Segment(it) if it.flags & flags::SYN == 0 => {
            let has_fin = it.flags & flags::FIN != 0;
            let end = it.seq.wrapping_add(it.octets as u32);
            (it.octets > 0 || has_fin).then_some((end, has_fin))
        }
        _ => None,
    });
    let fins = || ends.clone().filter(|(_, has_fin)| *has_fin);
    fins().any(|(fin, _)| {
        ends.clone()
            .any(|(end, has_fin)| end.wrapping_sub(fin) as i32 > 0 || (has_fin && end != fin))
    })
}

/// PAWS refuses it, and there is nothing in it.
fn is_old_bare_ack(segment: &Inbound, turns: &[Turn]) -> bool {
    let clock = |it: &Inbound| match it.stamp {
        Stamp::Clock(clock) => Some(clock),
        Stamp::None => None,
    };
    let before = turns
        .iter()
        .rev()
        .skip(1)
        .filter_map(|turn| match &turn.step {
            Step::Segment(it) => clock(it),
            Step::Call(_) => None,
        });
    segment.octets == 0
        && segment.flags & (flags::SYN | flags::FIN | flags::RST) == 0
        && clock(segment).is_some_and(|clock| {
            before
                .into_iter()
                .any(|newer| newer.wrapping_sub(clock) as i32 > 0)
        })
}

/// One reset each, with the same bits.
fn only_numbers_differ(our: &Summary, their: &Summary) -> bool {
    let bits = |it: &Summary| it.resets.iter().map(|reset| reset.0).collect::<Vec<_>>();
    our.resets.len() == 1 && bits(our) == bits(their)
}

fn is_released(turns: &[Turn]) -> bool {
    turns
        .iter()
        .any(|turn| matches!(turn.step, Step::Call(Said::Close)))
}

/// SEG.SEQ + SEG.LEN.
const fn end_of(segment: &Inbound) -> u32 {
    let control = (segment.flags & (flags::SYN | flags::FIN)).count_ones();
    segment.seq.wrapping_add(segment.octets as u32 + control)
}

/// Text that was there already in part came with a window of zero.
fn closes_window_with_old_text(turns: &[Turn]) -> bool {
    segments(turns).any(|it| it.octets > 0 && it.window == 0)
}

/// A window of zero was among those that the peer advertised; whether it is the last that counts, the
/// numbers of the segments decide.
fn was_window_closed(turns: &[Turn]) -> bool {
    segments(turns).any(|it| it.flags & flags::RST == 0 && it.window == 0)
}

fn was_reset(turns: &[Turn]) -> bool {
    segments(turns).any(|it| it.flags & flags::RST != 0)
}

fn resets_at_its_fin(turns: &[Turn]) -> bool {
    let fins = segments(turns).filter(|it| it.flags & flags::FIN != 0);
    fins.into_iter().any(|fin| {
        let place = fin.seq.wrapping_add(fin.octets as u32);
        segments(turns).any(|it| it.flags & flags::RST != 0 && it.seq == place)
    })
}

fn segments(turns: &[Turn]) -> impl Iterator<Item = &Inbound> {
    turns.iter().filter_map(|turn| match &turn.step {
        Step::Segment(segment) => Some(segment),
        Step::Call(_) => None,
    })
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
    segments(turns).any(|it| it.flags & flags::SYN != 0 && it.stamp != Stamp::None)
        && segments(turns)
            .any(|it| it.flags & (flags::SYN | flags::RST) == 0 && it.stamp == Stamp::None)
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

#[cfg(test)]
mod tests {
    use super::{Known, TABLE};

    #[test]
    fn the_table_has_a_line_with_clause_and_both_sides_for_each_entry() {
        let lines: Vec<Vec<&str>> = TABLE
            .lines()
            .skip(1)
            .map(|line| line.split('\t').collect())
            .collect();
        let names: Vec<&str> = lines.iter().map(|line| line[0]).collect();
        let entries: Vec<&str> = Known::ALL.iter().map(|known| known.name()).collect();
        assert_eq!(names, entries);
        for line in lines {
            assert_eq!(line.len(), 4, "{line:?}");
            assert!(line[1].starts_with("RFC "), "{line:?}");
        }
    }
}
