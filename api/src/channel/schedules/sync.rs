//! Locks, conditions and time for the randomised schedules: shuttle's, and a clock that is a number.
//!
//! Stands in for `channel/sync.rs` where the channel's files are compiled a second time. A wait
//! with a deadline looks at the clock again and again; a wait without one blocks for good, so that
//! shuttle reports a lost wake-up as a deadlock.

use std::ops::{Deref, DerefMut};

use shuttle::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::Arc;

use crate::deadline::Deadline;

/// `parking_lot`'s shape over shuttle's lock.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            inner: Some(self.0.lock().unwrap()),
            mutex: &self.0,
        }
    }
}

/// The guard; it is taken apart only while a condition is waited for.
#[derive(Debug)]
pub(crate) struct MutexGuard<'a, T> {
    inner: Option<shuttle::sync::MutexGuard<'a, T>>,
    mutex: &'a shuttle::sync::Mutex<T>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.inner.as_ref().unwrap()
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.inner.as_mut().unwrap()
    }
}

/// The clock of one schedule, in nanoseconds.
#[derive(Debug)]
struct Clock(AtomicU64);

shuttle::lazy_static! {
    static ref CLOCK: Clock = Clock(AtomicU64::new(1));
}

/// Moves the clock on to `nanos`.
pub(crate) fn set_clock(nanos: u64) {
    CLOCK.0.store(nanos, Ordering::SeqCst);
}

pub(crate) fn has_passed(deadline: Deadline) -> bool {
    !deadline.is_none() && deadline.as_nanos() <= CLOCK.0.load(Ordering::SeqCst)
}

/// `channel/sync.rs`'s condition over shuttle's.
#[derive(Debug, Default)]
pub(crate) struct Condvar(shuttle::sync::Condvar);

impl Condvar {
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Deadline) {
        let inner = guard.inner.take().unwrap();
        if deadline.is_none() {
            guard.inner = Some(self.0.wait(inner).unwrap());
        } else {
            // Wakes by itself: the caller looks at the clock and comes back.
            drop(inner);
            shuttle::thread::yield_now();
            guard.inner = Some(guard.mutex.lock().unwrap());
        }
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
