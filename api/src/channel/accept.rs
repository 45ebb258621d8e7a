//! Connections of one listener on their way from the packet thread to `accept`.
//!
//! The packet thread takes connections from the stack only while there is room here, so the
//! listener's backlog keeps its meaning. Closing wakes every `accept`; what was not accepted is
//! aborted by dropping it. Nothing here opens or names a connection.

use std::collections::VecDeque;
use std::mem;
use std::task::Poll;

use super::failure::{Attention, Failure, Gone, Source};
use super::sync::{Arc, Condvar, Mutex, MutexGuard, has_passed};
use super::waiters::{Waiters, Woken};
use crate::deadline::Deadline;

#[derive(Debug)]
struct State<C> {
    source: Option<Source>,
    waiting: VecDeque<C>,
    /// The packet thread knows of more, but found no room.
    starved: bool,
    waiters: Waiters,
    deadline: Deadline,
    closed: bool,
    /// The packet thread knows that it is closed.
    released: bool,
    gone: Option<Gone>,
    attended: bool,
}

/// See the module. `C` is a connection that was not accepted yet.
#[derive(Debug)]
pub(crate) struct Acceptor<C> {
    state: Mutex<State<C>>,
    arrived: Condvar,
    /// So many connections are taken from the stack before anybody asks for them.
    ahead_max: usize,
    attention: Arc<dyn Attention>,
}

impl<C> Acceptor<C> {
    /// No connection yet. `ahead_max` may be 0: then each is fetched when it is asked for.
    pub(crate) fn new(ahead_max: usize, attention: Arc<dyn Attention>) -> Self {
        Self {
            state: Mutex::new(State {
                source: None,
                waiting: VecDeque::new(),
                starved: false,
                waiters: Waiters::default(),
                deadline: Deadline::NONE,
                closed: false,
                released: false,
                gone: None,
                attended: false,
            }),
            arrived: Condvar::default(),
            ahead_max,
            attention,
        }
    }

    /// The oldest connection, waited for until the deadline.
    pub(crate) fn accept(&self) -> Result<C, Failure> {
        let mut state = self.state.lock();
        loop {
            if let Poll::Ready(outcome) = check_accept(&mut state) {
                if outcome.is_ok() {
                    self.ask_if_starved(state);
                }
                return outcome;
            }
            state.waiters.threads += 1;
            if state.starved {
                // The stack has some: ask for one, and look again.
                state.starved = false;
                self.unlock_and_call(state);
                state = self.state.lock();
                if !state.waiting.is_empty() || state.closed || state.gone.is_some() {
                    state.waiters.threads -= 1;
                    continue;
                }
            }
            let deadline = state.deadline;
            self.arrived.wait(&mut state, deadline);
            state.waiters.threads -= 1;
        }
    }

    /// As [`accept`](Self::accept), without waiting.
    #[cfg_attr(not(feature = "async"), allow(dead_code))]
    pub(crate) fn poll_accept(
        &self,
        cx: &std::task::Context<'_>,
        seat: &mut super::waiters::Seat,
    ) -> Poll<Result<C, Failure>> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        let outcome = check_accept(&mut state);
        if outcome.is_pending() {
            state.waiters.sit(seat, cx, &mut woken);
        }
        if !matches!(outcome, Poll::Ready(Err(_))) {
            self.ask_if_starved(state);
        }
        outcome
    }

    /// Whoever polled with `seat` waits no more.
    #[cfg_attr(not(feature = "async"), allow(dead_code))]
    pub(crate) fn leave(&self, seat: &mut super::waiters::Seat) {
        let mut woken = Woken::default();
        self.state.lock().waiters.leave(seat, &mut woken);
    }

    /// The deadline of `accept`.
    pub(crate) fn deadline(&self) -> Deadline {
        self.state.lock().deadline
    }

    /// The packet thread knows of more, and may bring it.
    fn ask_if_starved(&self, mut state: MutexGuard<'_, State<C>>) {
        if mem::take(&mut state.starved) {
            self.unlock_and_call(state);
        }
    }

    fn unlock_and_call(&self, mut state: MutexGuard<'_, State<C>>) {
        if state.attended {
            return;
        }
        let Some(source) = state.source else {
            return;
        };
        state.attended = true;
        drop(state);
        self.attention.attend(source);
    }

    /// Sets the deadline of `accept`; one that waits sees it at once.
    pub(crate) fn set_deadline(&self, deadline: Deadline) -> Result<(), Failure> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if state.closed {
            return Err(Failure::Closed);
        }
        state.deadline = deadline;
        state.waiters.wake(&self.arrived, &mut woken);
        Ok(())
    }

    /// Ends the listener: every `accept` fails, and what waits is dropped.
    pub(crate) fn close(&self) -> Result<(), Failure> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if state.closed {
            return Err(Failure::Closed);
        }
        state.closed = true;
        let waiting = mem::take(&mut state.waiting);
        state.waiters.wake(&self.arrived, &mut woken);
        self.unlock_and_call(state);
        drop(waiting);
        Ok(())
    }

    /// The name of the listener, once the stack has one.
    pub(crate) fn source(&self) -> Option<Source> {
        self.state.lock().source
    }

    /// Packet thread: the stack has a name for the listener.
    pub(crate) fn attach(&self, source: Source) {
        self.state.lock().source = Some(source);
    }

    /// Packet thread: how many connections may be taken from the stack now. After zero the channel
    /// calls for attention when more are wanted.
    pub(crate) fn room(&self) -> usize {
        let mut state = self.state.lock();
        if state.closed {
            return 0;
        }
        let room = self
            .ahead_max
            .max(state.waiters.count())
            .saturating_sub(state.waiting.len());
        state.starved = room == 0;
        room
    }

    /// Packet thread: hands a connection over; hands it back if the listener is closed.
    pub(crate) fn deliver(&self, connection: C) -> Result<(), C> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if state.closed {
            return Err(connection);
        }
        state.waiting.push_back(connection);
        state.waiters.wake(&self.arrived, &mut woken);
        Ok(())
    }

    /// Packet thread: begins to look here.
    pub(crate) fn attended(&self) {
        self.state.lock().attended = false;
    }

    /// Packet thread: true once, when the stack should be told that the listener is closed.
    pub(crate) fn take_close(&self) -> bool {
        let mut state = self.state.lock();
        state.closed && !mem::replace(&mut state.released, true)
    }

    /// Packet thread: it ends.
    pub(crate) fn die(&self, gone: Gone) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        state.gone = Some(gone);
        state.waiters.wake(&self.arrived, &mut woken);
    }
}

/// The rules that every `accept` begins with, and looks at again after each wait.
fn check_accept<C>(state: &mut State<C>) -> Poll<Result<C, Failure>> {
    if state.closed {
        return Poll::Ready(Err(Failure::Closed));
    }
    if has_passed(state.deadline) {
        return Poll::Ready(Err(Failure::Timeout));
    }
    if let Some(connection) = state.waiting.pop_front() {
        if state.waiting.is_empty() {
            state.waiting = VecDeque::new();
        }
        return Poll::Ready(Ok(connection));
    }
    match state.gone {
        Some(gone) => Poll::Ready(Err(Failure::Gone(gone))),
        None => Poll::Pending,
    }
}
