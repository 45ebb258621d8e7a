//! What became of a script: one row for each thing that was expected or happened, side by side.
//!
//! The runner writes it, the ladder draws it, the command counts with it. It holds texts, not
//! packets, so every back end can fill it and it can be kept, compared and printed as JSON.

use core::time::Duration;

use super::ast::{Direction, Position};

/// Who ran the script.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Backend {
    /// Our stack, in memory, in virtual time.
    Stack,
    /// The kernel behind a TUN in a namespace of its own.
    Kernel,
    /// Our stack through `dial` and `listen`, on a cable in memory.
    Api,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Stack, Self::Kernel, Self::Api];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::Kernel => "kernel",
            Self::Api => "api",
        }
    }
}

/// What became of one script.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// The script's file.
    pub file: String,
    /// Who ran it.
    pub backend: Backend,
    /// How it ended.
    pub outcome: Outcome,
    /// What happened, in order, up to the first difference and a little beyond.
    pub rows: Vec<Row>,
    /// Every packet that crossed the wire, in the order of time.
    pub packets: Vec<OnWire>,
    /// How long the script lasted in its own time.
    pub lasted: Duration,
}

impl Report {
    /// True if everything was as the script says.
    pub const fn passed(&self) -> bool {
        matches!(self.outcome, Outcome::Passed)
    }
}

/// A packet that crossed the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OnWire {
    /// When, since the script began.
    pub at: Duration,
    /// Which way.
    pub direction: Direction,
    /// All of it, from the IP header on.
    pub octets: Vec<u8>,
    /// Why it was sent, as far as the back end says so.
    pub reasons: Vec<String>,
}

/// How a script ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Everything was as the script says.
    Passed,
    /// Something was not.
    Failed(Failure),
    /// This back end cannot do what a line asks for.
    Unsupported {
        /// Which line.
        position: Position,
        /// What it cannot do.
        what: String,
    },
    /// The machine lacks what the back end needs (a right, a device).
    Unavailable {
        /// What is missing.
        what: String,
    },
}

/// The first difference.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// The event that did not come true; `None` for what happened after the last one.
    pub position: Option<Position>,
    /// The difference in one sentence: `the window is 65535, the script says 1000`.
    pub message: String,
}

/// One thing that was expected, or happened, or both.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Row {
    /// The event in the script, if it is one.
    pub position: Option<Position>,
    /// What the script says, in its own language (`> S. 0:0(0) ack 1 <...>`).
    pub expected: Option<Said>,
    /// What happened, in the same language.
    pub actual: Option<Said>,
    /// Whether they agree.
    pub verdict: Verdict,
    /// Why the stack did what it did, from its observations; empty where they are not known (the
    /// kernel).
    pub reasons: Vec<String>,
}

/// A line of one side.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Said {
    /// When, since the script began.
    pub at: Duration,
    /// Until when it may happen, if that is another moment.
    pub until: Option<Duration>,
    /// What, without the time.
    pub text: String,
}

/// Whether both sides of a row agree.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Verdict {
    /// They do, or there is nothing to compare.
    #[default]
    Agrees,
    /// They do not: the first difference.
    Differs,
    /// It came after the first difference and is shown only to help.
    After,
}
