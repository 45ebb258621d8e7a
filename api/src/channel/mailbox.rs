//! The packet thread's in-tray: requests, and channels that have something for it, in the order in
//! which they came.
//!
//! Application threads fill it, the packet thread empties it once in each turn. Requests are bounded
//! by a number; a channel is in it at most once, so those are bounded by the number of channels. The
//! order is kept, so that a port that was closed is free for the next one. The thread is woken only
//! while it sleeps, by the `wake` that the owner gives (an eventfd; in tests anything).

use std::collections::VecDeque;
use std::fmt;
use std::mem;

use super::failure::{Attention, Failure, Gone, Source};
use super::sync::{Condvar, Mutex, MutexGuard, has_passed};
use super::waiters::{Waiters, Woken};
use crate::deadline::Deadline;

/// What the packet thread is, as far as senders must know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Thread {
    /// It will look into the mailbox without being told.
    Awake,
    /// It waits, and must be woken.
    Asleep,
    /// It will never look again.
    Gone(Gone),
}

/// One thing for the packet thread.
#[derive(Debug)]
pub(crate) enum Letter<R> {
    /// A request.
    Request(R),
    /// A channel that wants to be looked at.
    Attention(Source),
}

#[derive(Debug)]
struct State<R> {
    letters: VecDeque<Letter<R>>,
    /// How many of them are requests.
    requests: usize,
    thread: Thread,
    /// The last handle is gone: the thread should finish.
    farewell: bool,
    /// The thread knows of it; until then it must not sleep.
    farewell_taken: bool,
    senders: Waiters,
}

/// See the module.
pub(crate) struct Mailbox<R> {
    state: Mutex<State<R>>,
    room: Condvar,
    requests_max: usize,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl<R> fmt::Debug for Mailbox<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("requests_max", &self.requests_max)
            .finish_non_exhaustive()
    }
}

/// What the packet thread found. The queue is swapped out whole, so taking costs no copy.
#[derive(Debug)]
pub(crate) struct Mail<R> {
    /// Oldest first.
    pub(crate) letters: VecDeque<Letter<R>>,
    /// The last handle is gone.
    pub(crate) farewell: bool,
}

impl<R> Default for Mail<R> {
    fn default() -> Self {
        Self {
            letters: VecDeque::new(),
            farewell: false,
        }
    }
}

/// Whether the packet thread may go to sleep.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MaySleep {
    /// The mailbox is empty, a farewell included; whoever fills it will wake the thread.
    Yes,
    /// There is work.
    No,
}

impl<R> Mailbox<R> {
    /// An empty mailbox for `requests_max` requests. `wake` ends the packet thread's sleep.
    pub(crate) fn new(requests_max: usize, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            state: Mutex::new(State {
                letters: VecDeque::new(),
                requests: 0,
                thread: Thread::Awake,
                farewell: false,
                farewell_taken: false,
                senders: Waiters::default(),
            }),
            room: Condvar::default(),
            requests_max,
            wake,
        }
    }

    /// Puts a request in, waiting for room until `deadline`.
    pub(crate) fn post(&self, request: R, deadline: Deadline) -> Result<(), Failure> {
        let mut state = self.state.lock();
        while !self.has_room(&state)? {
            if has_passed(deadline) {
                return Err(Failure::Timeout);
            }
            state.senders.threads += 1;
            self.room.wait(&mut state, deadline);
            state.senders.threads -= 1;
        }
        self.put(state, request);
        Ok(())
    }

    /// As [`post`](Self::post), without waiting: takes the request out once there is room.
    #[cfg_attr(not(feature = "async"), allow(dead_code))]
    pub(crate) fn poll_post(
        &self,
        cx: &std::task::Context<'_>,
        seat: &mut super::waiters::Seat,
        request: &mut Option<R>,
    ) -> std::task::Poll<Result<(), Failure>> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if !self.has_room(&state)? {
            state.senders.sit(seat, cx, &mut woken);
            return std::task::Poll::Pending;
        }
        if let Some(request) = request.take() {
            self.put(state, request);
        }
        std::task::Poll::Ready(Ok(()))
    }

    /// Whoever polled with `seat` waits no more.
    #[cfg_attr(not(feature = "async"), allow(dead_code))]
    pub(crate) fn leave(&self, seat: &mut super::waiters::Seat) {
        let mut woken = Woken::default();
        self.state.lock().senders.leave(seat, &mut woken);
    }

    fn has_room(&self, state: &State<R>) -> Result<bool, Failure> {
        match state.thread {
            Thread::Gone(gone) => Err(Failure::Gone(gone)),
            Thread::Awake | Thread::Asleep => Ok(state.requests < self.requests_max),
        }
    }

    fn put(&self, mut state: MutexGuard<'_, State<R>>, request: R) {
        state.requests += 1;
        state.letters.push_back(Letter::Request(request));
        let asleep = wake_up(&mut state);
        drop(state);
        if asleep {
            (self.wake)();
        }
    }

    /// The last handle is gone: the thread should finish what it has and end.
    pub(crate) fn say_farewell(&self) {
        let mut state = self.state.lock();
        state.farewell = true;
        let asleep = wake_up(&mut state);
        drop(state);
        if asleep {
            (self.wake)();
        }
    }

    /// Packet thread: takes everything out. `mail` must be empty; its buffers are used again.
    pub(crate) fn take(&self, mail: &mut Mail<R>) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        mem::swap(&mut state.letters, &mut mail.letters);
        state.requests = 0;
        mail.farewell = state.farewell;
        state.farewell_taken = state.farewell;
        state.senders.wake(&self.room, &mut woken);
    }

    /// Packet thread: about to sleep. After `Yes`, whoever brings something calls `wake` once.
    pub(crate) fn try_sleep(&self) -> MaySleep {
        let mut state = self.state.lock();
        if state.letters.is_empty() && state.farewell == state.farewell_taken {
            if state.thread == Thread::Awake {
                state.thread = Thread::Asleep;
            }
            MaySleep::Yes
        } else {
            MaySleep::No
        }
    }

    /// Packet thread: awake again, for whatever reason.
    pub(crate) fn awake(&self) {
        let _ = wake_up(&mut self.state.lock());
    }

    /// The packet thread ends: every later request fails with `gone`, and those that wait are
    /// dropped, which fails their tickets.
    pub(crate) fn end(&self, gone: Gone) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if !matches!(state.thread, Thread::Gone(_)) {
            state.thread = Thread::Gone(gone);
        }
        let letters = mem::take(&mut state.letters);
        state.requests = 0;
        state.senders.wake(&self.room, &mut woken);
        drop(state);
        drop(letters);
    }
}

/// Marks the thread awake; true if it slept.
fn wake_up<R>(state: &mut State<R>) -> bool {
    if state.thread == Thread::Asleep {
        state.thread = Thread::Awake;
        true
    } else {
        false
    }
}

impl<R: Send> Attention for Mailbox<R> {
    fn attend(&self, source: Source) {
        let mut state = self.state.lock();
        if matches!(state.thread, Thread::Gone(_)) {
            return;
        }
        state.letters.push_back(Letter::Attention(source));
        let asleep = wake_up(&mut state);
        drop(state);
        if asleep {
            (self.wake)();
        }
    }
}
