//! Locks, conditions and the passing of deadlines, as the channels use them.
//!
//! Every file of `channel/` takes them from `super::sync`. The randomised-schedule tests compile
//! the same files against another module of this name (`schedules/sync.rs`), whose locks belong to
//! a scheduler that tries many interleavings and whose time is a number.

pub(crate) use parking_lot::{Mutex, MutexGuard};
pub(crate) use std::sync::Arc;

use crate::deadline::Deadline;

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
