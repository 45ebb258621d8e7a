//! The stack's time line, read from the machine's monotonic clock (BAD-85: never the wall clock).
//!
//! The packet thread reads it once in each turn. The stack itself reads no clock.

use std::time;

use sidestep_stack::Instant;

/// A clock that began when the stack did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: time::Instant,
}

impl Clock {
    /// A clock that begins now.
    pub(crate) fn start() -> Self {
        Self {
            origin: time::Instant::now(),
        }
    }

    /// The moment now.
    pub(crate) fn now(&self) -> Instant {
        let elapsed = self.origin.elapsed().as_nanos();
        Instant::from_nanos(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }
}
