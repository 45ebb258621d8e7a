//! Steps of a sequence, and what each side answered: numbers are relative, so that they can be compared.
//!
//! `ours` makes them from the records of an input, `kernel` repeats them. Nothing here compares.

use std::fmt;

use sidestep_stack::Instant;
use sidestep_stack::observe::State;

use crate::fuzz::rig::Family;
use crate::fuzz::trace::Said;
use crate::packet::craft::{Segment, letters_of};

/// How the timestamps option of a segment is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stamp {
    /// There is none.
    None,
    /// The peer's clock shows this; it echoes what it last saw.
    Clock(u32),
}

/// A segment in relative numbers: the peer's count from its SYN, those acknowledged from ours.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Inbound {
    pub(crate) flags: u8,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) window: u16,
    pub(crate) octets: usize,
    pub(crate) stamp: Stamp,
    /// Options besides timestamps, as they stand in the header.
    pub(crate) options: Vec<u8>,
    /// SACK blocks, relative to our SYN.
    pub(crate) sack: Vec<(u32, u32)>,
}

/// One thing that is done to both.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    Segment(Inbound),
    Call(Said),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(said) => write!(f, "{said:?}"),
            Self::Segment(it) => write!(
                f,
                "< {} {}({}) ack {} win {} {:?}",
                letters_of(it.flags),
                it.seq,
                it.octets,
                it.ack,
                it.window,
                it.stamp
            ),
        }
    }
}

/// What an application got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    /// Nothing was asked.
    None,
    /// So many octets, or 0 for "done".
    Octets(usize),
    /// Not now.
    Blocks,
    /// An error.
    Refused,
}

/// A step, and what followed.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) step: Step,
    /// When, on our stack's time line.
    pub(crate) at: Instant,
    /// The segment as it was on the wire.
    pub(crate) wire: Option<Segment>,
    /// What left, as it was on the wire.
    pub(crate) out: Vec<Segment>,
    pub(crate) answer: Answer,
    /// Our initial sequence number, once a SYN left.
    pub(crate) iss: Option<u32>,
    /// What the peer's numbers began with.
    pub(crate) irs: u32,
    /// Where our stack stood before the step.
    pub(crate) state: Option<State>,
}

/// A whole sequence.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    pub(crate) family: Family,
    /// The peer's first number.
    pub(crate) irs: u32,
    /// Whether the application opens, or listens.
    pub(crate) opens: bool,
    pub(crate) turns: Vec<Turn>,
    /// Octets that the application read in all.
    pub(crate) delivered: usize,
    /// Whether every octet was the right one.
    pub(crate) intact: bool,
}
