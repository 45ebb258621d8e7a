//! [`ConnEvents`]: what happens to one connection and why, as the stack tells it.
//!
//! `TCPConn::subscribe` makes it; the packet thread fills it while somebody reads. State changes,
//! segments, timers, the retransmission timeout and the congestion window each come with the clause
//! of the RFC that has them happen. It never slows the connection down: who reads too slowly loses.

use std::sync::Arc;
use std::time::Duration;

use crate::channel::events::{EventQueue, Next};
use crate::deadline::Deadline;

/// What happened, with the clause that explains it.
pub use sidestep_stack::observe::Observation as ConnEventKind;
pub use sidestep_stack::observe::{SendReason, State};

/// Something that happened to a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnEvent {
    /// When, counted from the beginning of the stack.
    pub at: Duration,
    /// What.
    pub kind: ConnEventKind,
}

/// The events of one connection, oldest first; as an iterator it waits for each, and ends when the
/// stack has forgotten the connection.
#[derive(Debug)]
pub struct ConnEvents(Arc<EventQueue<ConnEvent>>);

impl ConnEvents {
    pub(crate) const fn new(queue: Arc<EventQueue<ConnEvent>>) -> Self {
        Self(queue)
    }

    /// The next event, waited for until `deadline`; `None` if there is none until then, or never
    /// will be.
    pub fn next_until(&self, deadline: impl Into<Deadline>) -> Option<ConnEvent> {
        match self.0.next(deadline.into()) {
            Next::Event(event) => Some(event),
            Next::Timeout | Next::End => None,
        }
    }

    /// The next event if it is there already.
    pub fn try_next(&self) -> Option<ConnEvent> {
        self.next_until(Deadline::past())
    }

    /// How many events were lost because they were not read in time.
    pub fn lost(&self) -> u64 {
        self.0.lost()
    }
}

impl Iterator for ConnEvents {
    type Item = ConnEvent;

    fn next(&mut self) -> Option<ConnEvent> {
        self.next_until(Deadline::NONE)
    }
}

impl Drop for ConnEvents {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
