//! What is different between two answers, step by step, in numbers that count from each side's SYN.
//!
//! How text is cut and whether an acknowledgment waits are nobody's business; what is acknowledged, sent,
//! reset and delivered is. The list of known differences is asked for each one that is found.

use std::collections::BTreeSet;
use std::fmt;

use super::known::{Known, explain};
use super::step::{Answer, Played, Step, Turn};
use crate::fuzz::trace::Said;
use crate::packet::craft::{Segment, flags};

/// What is different at one step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// The place of the step; one past the last for what was delivered in all.
    pub step: usize,
    /// What was done there.
    pub done: String,
    /// What differs.
    pub what: What,
    /// What our stack did.
    pub ours: String,
    /// What the kernel did.
    pub kernel: String,
    /// The entry of the list that explains it.
    pub known: Option<Known>,
}

/// What differs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum What {
    /// Whether there is a reset, or its numbers.
    Reset,
    /// SYN or SYN-ACK, or its options.
    Syn,
    /// Which new text was sent, or whether a FIN was.
    Text,
    /// Whether there is an acknowledgment.
    AckPresence,
    /// What is acknowledged.
    AckNumber,
    /// Which blocks are reported by SACK.
    Sack,
    /// Whether a segment has timestamps.
    Timestamps,
    /// What a call returned.
    Answer,
    /// How much was delivered, or what.
    Delivered,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} differs at step {} ({})\n  our stack: {}\n  the kernel: {}",
            self.what, self.step, self.done, self.ours, self.kernel
        )
    }
}

/// The answers of one side to one step.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Summary {
    pub(super) resets: BTreeSet<(u8, u32, u32)>,
    pub(super) syns: Vec<String>,
    /// The end of the new text, and whether a new FIN is behind it.
    pub(super) text: Option<(u32, u32)>,
    pub(super) fin: bool,
    pub(super) ack: Option<u32>,
    pub(super) sack: BTreeSet<(u32, u32)>,
    pub(super) stamps: BTreeSet<bool>,
}

/// What one side has done so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    /// The end of all text and FIN that were ever sent.
    max: u32,
    /// The last acknowledgment.
    pub(super) acked: u32,
}

impl Side {
    /// Reads the answers to one step, and remembers.
    fn summary(&mut self, turn: &Turn) -> Summary {
        let mut summary = Summary::default();
        let iss = turn.iss.unwrap_or(0);
        for segment in &turn.out {
            self.add(segment, iss, turn.irs, &mut summary);
        }
        summary
    }

    fn add(&mut self, segment: &Segment, iss: u32, irs: u32, summary: &mut Summary) {
        let has = |bit: u8| segment.flags & bit != 0;
        let seq = segment.seq.wrapping_sub(iss);
        let ack = segment.ack.wrapping_sub(irs);
        if has(flags::RST) {
            // The answer to a segment without ACK counts from nobody's SYN (RFC 9293 §3.5.2).
            let seq = if segment.seq == 0 { 0 } else { seq };
            let ack = if has(flags::ACK) { ack } else { 0 };
            summary
                .resets
                .insert((segment.flags & !flags::PSH, seq, ack));
            return;
        }
        if has(flags::SYN) {
            // Also of the next incarnation, whose numbers begin anew.
            self.max = 1;
            let mut kinds: Vec<u8> = segment
                .option_kinds()
                .iter()
                .map(|(kind, _)| *kind)
                .collect();
            kinds.sort_unstable();
            let ack = if has(flags::ACK) { ack } else { 0 };
            let mss = segment.mss();
            let flags = segment.flags & (flags::SYN | flags::ACK);
            summary.syns.push(format!(
                "{flags:#04x} ack {ack} mss {mss:?} options {kinds:?}"
            ));
            self.acked = ack;
            return;
        }
        summary.stamps.insert(segment.stamps().is_some());
        let end = seq
            .wrapping_add(segment.text.len() as u32)
            .wrapping_add(u32::from(has(flags::FIN)));
        // What was sent before is recovery's business.
        if end > self.max && end < 1 << 30 {
            let from = summary.text.map_or(self.max, |(from, _)| from);
            summary.text = Some((from, end));
            summary.fin |= has(flags::FIN);
            self.max = end;
        }
        if has(flags::ACK) {
            summary.ack = Some(ack);
            summary.sack = segment
                .sack_blocks()
                .iter()
                .map(|(left, right)| (left.wrapping_sub(irs), right.wrapping_sub(irs)))
                .collect();
        }
    }
}

/// The first step at which the two differ.
pub(super) fn first_difference(ours: &Played, theirs: &Played) -> Option<Difference> {
    let (mut our_side, mut their_side) = (Side::default(), Side::default());
    for (step, (our, their)) in ours.turns.iter().zip(&theirs.turns).enumerate() {
        let before = [our_side.acked, their_side.acked];
        let our_summary = our_side.summary(our);
        let their_summary = their_side.summary(their);
        let what = differs(&our_summary, &their_summary, before, our, their);
        if let Some(ack) = our_summary.ack {
            our_side.acked = our_side.acked.max(ack);
        }
        if let Some(ack) = their_summary.ack {
            their_side.acked = their_side.acked.max(ack);
        }
        let Some(what) = what else {
            continue;
        };
        let known = explain(what, ours, step, &our_summary, &their_summary);
        return Some(Difference {
            step,
            done: ours.describe(step),
            what,
            ours: show(our, &our_summary),
            kernel: show(their, &their_summary),
            known,
        });
    }
    let same = ours.delivered == theirs.delivered && ours.intact && theirs.intact;
    (!same).then(|| Difference {
        step: ours.turns.len(),
        done: "everything".to_owned(),
        what: What::Delivered,
        ours: format!("{} octets, right: {}", ours.delivered, ours.intact),
        kernel: format!("{} octets, right: {}", theirs.delivered, theirs.intact),
        known: None,
    })
}

fn differs(
    ours: &Summary,
    theirs: &Summary,
    acked: [u32; 2],
    our: &Turn,
    their: &Turn,
) -> Option<What> {
    if ours.resets != theirs.resets {
        return Some(What::Reset);
    }
    if ours.syns != theirs.syns {
        return Some(What::Syn);
    }
    if ours.text.map(|(_, end)| end) != theirs.text.map(|(_, end)| end) || ours.fin != theirs.fin {
        return Some(What::Text);
    }
    let reads = matches!(our.step, Step::Call(Said::Receive(_)));
    match (ours.ack, theirs.ack) {
        (Some(our), Some(their)) if our != their => return Some(What::AckNumber),
        // An ACK of new text may wait on one side (RFC 9293 §3.8.6.3), which then owes it; and a read may open the window by
        // more on one side than on the other (§3.8.6.2.2).
        (Some(our), None) if our <= acked[0].min(acked[1]) && !reads => {
            return Some(What::AckPresence);
        }
        (None, Some(their)) if their <= acked[0].min(acked[1]) && !reads => {
            return Some(What::AckPresence);
        }
        (Some(_), Some(_)) if ours.sack != theirs.sack => return Some(What::Sack),
        (Some(_), Some(_)) if ours.stamps != theirs.stamps => return Some(What::Timestamps),
        _ => {}
    }
    (!answers_alike(our.answer, their.answer)).then_some(What::Answer)
}

/// The end of the stream and an error are told apart when all that was delivered is compared: once the
/// error was told, POSIX has the next read return 0.
fn answers_alike(ours: Answer, theirs: Answer) -> bool {
    let over = |answer| matches!(answer, Answer::Refused | Answer::Octets(0));
    ours == theirs || (over(ours) && over(theirs))
}

fn show(turn: &Turn, summary: &Summary) -> String {
    let mut parts = Vec::new();
    for (flags, seq, ack) in &summary.resets {
        parts.push(format!("reset {flags:#04x} seq {seq} ack {ack}"));
    }
    parts.extend(summary.syns.iter().map(|syn| format!("SYN {syn}")));
    if let Some((from, end)) = summary.text {
        let fin = if summary.fin { " with FIN" } else { "" };
        parts.push(format!("text {from}:{end}{fin}"));
    }
    if let Some(ack) = summary.ack {
        parts.push(format!("ack {ack}"));
    }
    if !summary.sack.is_empty() {
        parts.push(format!("sack {:?}", summary.sack));
    }
    if turn.answer != Answer::None {
        parts.push(format!("returned {:?}", turn.answer));
    }
    if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join(", ")
    }
}
