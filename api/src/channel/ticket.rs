//! One answer to one request, from the packet thread to the caller that waits for it.
//!
//! [`pair`] makes both ends: the [`Answer`] travels in the request, the caller keeps the
//! [`Ticket`]. An answer that is dropped unanswered fails the ticket, so nobody waits for a thread
//! that died; a ticket that is dropped tells the answering side that nobody waits any more.

use super::failure::{Failure, Gone};
use super::sync::{Arc, Condvar, Mutex, has_passed};
use crate::deadline::Deadline;

#[derive(Debug)]
enum Slot<T> {
    Waiting,
    Answered(T),
    /// The answering side was dropped.
    Unanswered,
    /// The waiting side was dropped.
    Abandoned,
}

#[derive(Debug)]
struct Shared<T> {
    slot: Mutex<Slot<T>>,
    answered: Condvar,
}

/// The caller's end.
#[derive(Debug)]
pub(crate) struct Ticket<T>(Arc<Shared<T>>);

/// The packet thread's end.
#[derive(Debug)]
pub(crate) struct Answer<T>(Option<Arc<Shared<T>>>);

/// Two ends of one answer.
pub(crate) fn pair<T>() -> (Ticket<T>, Answer<T>) {
    let shared = Arc::new(Shared {
        slot: Mutex::new(Slot::Waiting),
        answered: Condvar::default(),
    });
    (Ticket(Arc::clone(&shared)), Answer(Some(shared)))
}

impl<T> Ticket<T> {
    /// Waits for the answer until `deadline`. An answer that is there is given even past it.
    pub(crate) fn wait(self, deadline: Deadline) -> Result<T, Failure> {
        let mut slot = self.0.slot.lock();
        loop {
            match std::mem::replace(&mut *slot, Slot::Waiting) {
                Slot::Answered(answer) => return Ok(answer),
                Slot::Unanswered => {
                    *slot = Slot::Unanswered;
                    return Err(Failure::Gone(Gone::Died));
                }
                Slot::Waiting | Slot::Abandoned => {}
            }
            if has_passed(deadline) {
                return Err(Failure::Timeout);
            }
            self.0.answered.wait(&mut slot, deadline);
        }
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        let mut slot = self.0.slot.lock();
        // An answer that came too late is dropped outside the lock: it may own a channel.
        let late = std::mem::replace(&mut *slot, Slot::Abandoned);
        drop(slot);
        drop(late);
    }
}

impl<T> Answer<T> {
    /// Gives the answer; hands it back if nobody waits for it any more.
    pub(crate) fn give(mut self, answer: T) -> Result<(), T> {
        let Some(shared) = self.0.take() else {
            return Err(answer);
        };
        let mut slot = shared.slot.lock();
        if matches!(*slot, Slot::Abandoned) {
            return Err(answer);
        }
        *slot = Slot::Answered(answer);
        shared.answered.notify_all();
        Ok(())
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            let mut slot = shared.slot.lock();
            if matches!(*slot, Slot::Waiting) {
                *slot = Slot::Unanswered;
                shared.answered.notify_all();
            }
        }
    }
}
