//! Runs a race on the thread that dials: asks it when a waker was called or its time has come, and
//! sleeps in between.
//!
//! `dialer.rs` calls it; `future` has a driver of its own for tasks. A thread whose attempts are
//! sockets of the kernel sleeps in `poll`, any other one is parked. Nothing here knows an address.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::race::{GaveUp, Race, Racer};
use crate::bell::Bell;
use crate::cancel::CancelToken;
use crate::deadline::Deadline;

/// How long to sleep at most where the process has no descriptor left for a bell.
const WITHOUT_BELL: Duration = Duration::from_millis(5);

/// Wakes a thread that sleeps, whether it is parked or in `poll`.
#[derive(Debug)]
struct Alarm {
    thread: Thread,
    rung: AtomicBool,
    /// There once the thread has slept in `poll`.
    bell: OnceLock<Bell>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Before looking for the bell: whoever hangs it up looks here afterwards.
        self.rung.store(true, Ordering::SeqCst);
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
        self.thread.unpark();
    }
}

impl Alarm {
    fn new() -> Self {
        Self {
            thread: thread::current(),
            rung: AtomicBool::new(false),
            bell: OnceLock::new(),
        }
    }

    /// Returns when it was rung, when `until` has come, or when a descriptor can be written to; or
    /// sometimes for no reason.
    fn sleep(&self, until: Deadline, descriptors: &[BorrowedFd<'_>]) {
        if descriptors.is_empty() {
            if !self.rung.swap(false, Ordering::SeqCst) {
                match until.remaining() {
                    Some(left) => thread::park_timeout(left),
                    None => thread::park(),
                }
                self.rung.store(false, Ordering::SeqCst);
            }
            return;
        }
        if self.bell.get().is_none()
            && let Ok(bell) = Bell::new()
        {
            let _ = self.bell.set(bell);
        }
        if self.rung.swap(false, Ordering::SeqCst) {
            return;
        }
        let bell = self.bell.get();
        let mut watched: Vec<PollFd<'_>> = descriptors
            .iter()
            .map(|descriptor| PollFd::from_borrowed_fd(*descriptor, PollFlags::OUT))
            .collect();
        let mut left = until.remaining();
        match bell {
            Some(bell) => watched.push(PollFd::from_borrowed_fd(bell.descriptor(), PollFlags::IN)),
            None => left = Some(left.unwrap_or(WITHOUT_BELL).min(WITHOUT_BELL)),
        }
        let timeout = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        // Whatever it says, the race is asked next.
        let _ = poll(&mut watched, timeout.as_ref());
        if self.rung.swap(false, Ordering::SeqCst)
            && let Some(bell) = bell
        {
            bell.silence();
        }
    }
}

/// Runs `race` to its end, or until `cancel` is used.
///
/// # Errors
///
/// As for [`Race::poll`] and [`Race::give_up`].
pub(crate) fn drive<R: Racer>(
    mut race: Race<R>,
    cancel: Option<&CancelToken>,
) -> Result<R::Conn, Option<R::Error>> {
    let alarm = Arc::new(Alarm::new());
    let waker = Waker::from(Arc::clone(&alarm));
    let _registration = cancel.map(|token| {
        let waker = waker.clone();
        token.on_cancel(Box::new(move || waker.wake()))
    });
    loop {
        if cancel.is_some_and(CancelToken::is_canceled) {
            return Err(race.give_up(GaveUp::Canceled));
        }
        let mut cx = Context::from_waker(&waker);
        if let Poll::Ready(outcome) = race.poll(&mut cx, Deadline::now()) {
            return outcome;
        }
        let descriptors: Vec<BorrowedFd<'_>> = race.attempts().filter_map(R::descriptor).collect();
        alarm.sleep(race.next_deadline(), &descriptors);
    }
}
