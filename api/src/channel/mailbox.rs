//! The packet thread's in-tray: a bounded queue of requests, and the list of channels that have
//! something for it.
//!
//! Application threads fill it, the packet thread empties it once in each turn. A channel is on the
//! list at most once, so the list is bounded by the number of channels. The thread is woken only
//! while it sleeps, by the `wake` that the owner gives (an eventfd; in tests anything).

use std::collections::VecDeque;
use std::fmt;
use std::mem;

use super::failure::{Attention, Failure, Gone, Source};
use super::sync::{Condvar, Mutex, has_passed};
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

#[derive(Debug)]
struct State<R> {
    requests: VecDeque<R>,
    attention: VecDeque<Source>,
    thread: Thread,
    /// The last handle is gone: the thread should finish.
    farewell: bool,
    senders_waiting: usize,
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

/// What the packet thread found. Both queues are swapped out whole, so taking costs no copy.
#[derive(Debug)]
pub(crate) struct Mail<R> {
    /// Requests, oldest first.
    pub(crate) requests: VecDeque<R>,
    /// Channels that want to be looked at, oldest first.
    pub(crate) attention: VecDeque<Source>,
    /// The last handle is gone.
    pub(crate) farewell: bool,
}

impl<R> Default for Mail<R> {
    fn default() -> Self {
        Self {
            requests: VecDeque::new(),
            attention: VecDeque::new(),
            farewell: false,
        }
    }
}

/// Whether the packet thread may go to sleep.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MaySleep {
    /// The mailbox is empty; whoever fills it will wake the thread.
    Yes,
    /// There is work.
    No,
}

impl<R> Mailbox<R> {
    /// An empty mailbox for `requests_max` requests. `wake` ends the packet thread's sleep.
    pub(crate) fn new(requests_max: usize, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            state: Mutex::new(State {
                requests: VecDeque::new(),
                attention: VecDeque::new(),
                thread: Thread::Awake,
                farewell: false,
                senders_waiting: 0,
            }),
            room: Condvar::default(),
            requests_max,
            wake,
        }
    }

    /// Puts a request in, waiting for room until `deadline`.
    pub(crate) fn post(&self, request: R, deadline: Deadline) -> Result<(), Failure> {
        let mut state = self.state.lock();
        loop {
            if let Thread::Gone(gone) = state.thread {
                return Err(Failure::Gone(gone));
            }
            if state.requests.len() < self.requests_max {
                break;
            }
            if has_passed(deadline) {
                return Err(Failure::Timeout);
            }
            state.senders_waiting += 1;
            self.room.wait(&mut state, deadline);
            state.senders_waiting -= 1;
        }
        state.requests.push_back(request);
        let asleep = wake_up(&mut state);
        drop(state);
        if asleep {
            (self.wake)();
        }
        Ok(())
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
        let mut state = self.state.lock();
        mem::swap(&mut state.requests, &mut mail.requests);
        mem::swap(&mut state.attention, &mut mail.attention);
        mail.farewell = state.farewell;
        if state.senders_waiting > 0 {
            self.room.notify_all();
        }
    }

    /// Packet thread: about to sleep. After `Yes`, whoever brings something calls `wake` once.
    pub(crate) fn try_sleep(&self) -> MaySleep {
        let mut state = self.state.lock();
        if state.requests.is_empty() && state.attention.is_empty() {
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
        let mut state = self.state.lock();
        if !matches!(state.thread, Thread::Gone(_)) {
            state.thread = Thread::Gone(gone);
        }
        let requests = mem::take(&mut state.requests);
        state.attention = VecDeque::new();
        if state.senders_waiting > 0 {
            self.room.notify_all();
        }
        drop(state);
        drop(requests);
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
        state.attention.push_back(source);
        let asleep = wake_up(&mut state);
        drop(state);
        if asleep {
            (self.wake)();
        }
    }
}
