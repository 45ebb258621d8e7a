//! Locks, conditions and the passing of deadlines, as the channels use them.
//!
//! Every file of `channel/` takes them from `super::sync`. The randomised-schedule tests compile
//! the same files against another module of this name (`schedules/sync.rs`), whose locks belong to
//! a scheduler that tries many interleavings and whose time is a number.

#[cfg(not(feature = "contract"))]
pub(crate) use parking_lot::Mutex;
pub(crate) use parking_lot::MutexGuard;
pub(crate) use std::sync::Arc;

use crate::deadline::Deadline;

/// `parking_lot`'s, where the tests of the contract may put a bad scheduler in front.
#[cfg(feature = "contract")]
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(parking_lot::Mutex<T>);

#[cfg(feature = "contract")]
impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(parking_lot::Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        crate::contract::disturb::point();
        self.0.lock()
    }
}

/// True once `deadline` has come.
pub(crate) fn has_passed(deadline: Deadline) -> bool {
    deadline.has_passed()
}

/// A condition that threads wait for under a lock.
#[derive(Debug, Default)]
pub(crate) struct Condvar(parking_lot::Condvar);

impl Condvar {
    /// Waits until notified or until `deadline`. The caller looks at the state again in any case.
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Deadline) {
        match deadline.to_instant() {
            Some(instant) => {
                let _ = self.0.wait_until(guard, instant);
            }
            None => self.0.wait(guard),
        }
    }

    /// Wakes all who wait.
    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
