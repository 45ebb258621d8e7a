//! One answer to one request, from the packet thread to the caller that waits for it.
//!
//! [`pair`] makes both ends: the [`Answer`] travels in the request, the caller keeps the
//! [`Ticket`]. An answer that is dropped unanswered fails the ticket, so nobody waits for a thread
//! that died; a ticket that is dropped tells the answering side that nobody waits any more. A ticket
//! is waited for by a thread, or by a task: it is a future.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::failure::{Failure, Gone};
use super::sync::{Arc, Condvar, Mutex, has_passed};
use super::waiters::{Seat, Waiters, Woken};
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
struct State<T> {
    slot: Slot<T>,
    waiters: Waiters,
}

impl<T> State<T> {
    /// The answer, or that there will be none.
    fn take(&mut self) -> Poll<Result<T, Failure>> {
        match std::mem::replace(&mut self.slot, Slot::Waiting) {
            Slot::Answered(answer) => Poll::Ready(Ok(answer)),
            Slot::Unanswered => {
                self.slot = Slot::Unanswered;
                Poll::Ready(Err(Failure::Gone(Gone::Died)))
            }
            Slot::Waiting | Slot::Abandoned => Poll::Pending,
        }
    }
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
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
        state: Mutex::new(State {
            slot: Slot::Waiting,
            waiters: Waiters::default(),
        }),
        answered: Condvar::default(),
    });
    (Ticket(Arc::clone(&shared)), Answer(Some(shared)))
}

impl<T> Ticket<T> {
    /// Waits for the answer until `deadline`. An answer that is there is given even past it.
    pub(crate) fn wait(self, deadline: Deadline) -> Result<T, Failure> {
        let mut state = self.0.state.lock();
        loop {
            if let Poll::Ready(outcome) = state.take() {
                return outcome;
            }
            if has_passed(deadline) {
                return Err(Failure::Timeout);
            }
            state.waiters.threads += 1;
            self.0.answered.wait(&mut state, deadline);
            state.waiters.threads -= 1;
        }
    }
}

impl<T> Future for Ticket<T> {
    type Output = Result<T, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut woken = Woken::default();
        let mut state = self.0.state.lock();
        let outcome = state.take();
        if outcome.is_pending() {
            state.waiters.sit(&mut Seat::Slot, cx, &mut woken);
        }
        outcome
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        // An answer that came too late is dropped outside the lock: it may own a channel. So is
        // the waker.
        let late = std::mem::replace(&mut state.slot, Slot::Abandoned);
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        drop((late, waiters));
    }
}

impl<T> Answer<T> {
    /// Gives the answer; hands it back if nobody waits for it any more.
    pub(crate) fn give(mut self, answer: T) -> Result<(), T> {
        let Some(shared) = self.0.take() else {
            return Err(answer);
        };
        let mut woken = Woken::default();
        let mut state = shared.state.lock();
        if matches!(state.slot, Slot::Abandoned) {
            return Err(answer);
        }
        state.slot = Slot::Answered(answer);
        state.waiters.wake(&shared.answered, &mut woken);
        Ok(())
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            let mut woken = Woken::default();
            let mut state = shared.state.lock();
            if matches!(state.slot, Slot::Waiting) {
                state.slot = Slot::Unanswered;
                state.waiters.wake(&shared.answered, &mut woken);
            }
        }
    }
}
