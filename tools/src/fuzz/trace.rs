//! What happened to a stack under test, in its order: packets both ways and calls.
//!
//! A `Rig` writes it when a script is wanted, `script` prints it. It interprets
//! nothing.

use bytes::Bytes;
use sidestep_stack::base::Instant;
use sidestep_stack::call::{Call, Release, Reply, Shutdown};

/// What an application said, as far as a script can say it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Said {
    /// OPEN, passive.
    Listen,
    /// Takes a connection.
    Accept,
    /// OPEN, active.
    Open,
    /// SEND; so many octets were taken.
    Send(usize),
    /// RECEIVE; so many octets were there.
    Receive(usize),
    /// CLOSE of our direction.
    ShutdownWrite,
    /// The end of our reading.
    ShutdownRead,
    /// Gives the connection up.
    Close,
    /// ABORT.
    Abort,
}

impl Said {
    /// What `call` says, if it is one of these and was answered by `reply`.
    pub(crate) fn of(call: &Call, reply: &Reply) -> Option<Self> {
        Some(match (call, reply) {
            (Call::Listen(_), _) => Self::Listen,
            (Call::Accept(_), Reply::Accepted(Some(_))) => Self::Accept,
            (Call::OpenConnection(_), _) => Self::Open,
            (Call::Send { .. }, Reply::Sent(octets)) => Self::Send(*octets),
            (Call::Receive { .. }, Reply::Received(received)) => {
                Self::Receive(received.slices.iter().map(Bytes::len).sum())
            }
            (Call::Shutdown { direction, .. }, _) => match direction {
                Shutdown::Write => Self::ShutdownWrite,
                Shutdown::Read => Self::ShutdownRead,
            },
            (Call::Release { how, .. }, _) => match how {
                Release::Abort => Self::Abort,
                Release::Close | Release::CloseUnread => Self::Close,
            },
            _ => return None,
        })
    }
}

/// One thing that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Act {
    /// A packet came, from its IP header on.
    Arrives(Vec<u8>),
    /// A packet left.
    Leaves(Vec<u8>),
    /// The application said something.
    Call(Said),
}

/// Everything that happened.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    entries: Vec<(Instant, Act)>,
}

impl Trace {
    /// Adds what happened at `now`.
    pub(crate) fn add(&mut self, now: Instant, act: Act) {
        self.entries.push((now, act));
    }

    /// In order.
    pub fn entries(&self) -> &[(Instant, Act)] {
        &self.entries
    }
}
