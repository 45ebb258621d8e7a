//! A moment after which a call gives up: absolute, so that it means the same on every retry.
//!
//! Every `set_deadline` takes one. It counts nanoseconds on a clock that begins with the process and
//! never jumps (BAD-85); a std `Instant` could neither lie safely in the past nor be virtual. Nothing
//! here waits.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// Where the clock begins. The second of head start lets `Instant`s from just before the first use
/// keep their order; all earlier ones are in the past anyway.
static ORIGIN: LazyLock<Instant> = LazyLock::new(|| {
    let now = Instant::now();
    now.checked_sub(Duration::from_secs(1)).unwrap_or(now)
});

thread_local! {
    /// The clock of this thread's deadlines, if it is not the machine's.
    static CLOCK: RefCell<Option<VirtualClock>> = const { RefCell::new(None) };
}

/// A clock that stands until it is set, for threads that live in virtual time.
///
/// A simulator runs programs that know nothing of it: what they compute from [`Deadline::now`] or
/// from a [`Duration`] must follow its clock and not the machine's. Deadlines of such a thread mean
/// nothing to connections of a `Net`, which wait in real time.
///
/// ```
/// use sidestep::Deadline;
/// use sidestep::deadline::VirtualClock;
/// use std::time::Duration;
/// let clock = VirtualClock::default();
/// let here = clock.enter();
/// let deadline = Deadline::from(Duration::from_secs(3600));
/// assert!(!deadline.has_passed());
/// clock.set(3_600_000_000_000);
/// assert!(deadline.has_passed());
/// drop(here);
/// ```
#[derive(Clone, Debug, Default)]
pub struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// Sets it to so many nanoseconds since it began.
    pub fn set(&self, nanos: u64) {
        self.0.store(nanos, Ordering::Release);
    }

    /// Nanoseconds since it began.
    pub fn nanos(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// From here on it is the clock of this thread's deadlines, until the answer is dropped.
    #[must_use]
    pub fn enter(&self) -> EnteredClock {
        let before = CLOCK.with(|clock| clock.replace(Some(self.clone())));
        EnteredClock {
            before,
            stays_here: PhantomData,
        }
    }
}

/// While it lives, this thread's deadlines follow a [`VirtualClock`].
#[derive(Debug)]
pub struct EnteredClock {
    before: Option<VirtualClock>,
    /// It belongs to the thread that entered.
    stays_here: PhantomData<*const ()>,
}

impl Drop for EnteredClock {
    fn drop(&mut self) {
        let before = self.before.take();
        // The thread may be about to end.
        let _ = CLOCK.try_with(|clock| clock.replace(before));
    }
}

/// The virtual moment of this thread, if it lives in one.
fn virtual_now() -> Option<Deadline> {
    CLOCK.with(|clock| clock.borrow().as_ref().map(|clock| Deadline(clock.nanos())))
}

/// When a blocked or coming call gives up with [`Cause::Timeout`](crate::error::Cause::Timeout).
///
/// It stays until it is changed, holds for calls that are already blocked, and does not damage the
/// stream. Eight octets, `Copy`, ordered: an earlier one is less.
///
/// ```
/// use sidestep::Deadline;
/// use std::time::Duration;
/// assert!(Deadline::past() < Deadline::from(Duration::from_secs(5)));
/// assert!(Deadline::from(Duration::from_secs(5)) < Deadline::NONE);
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Deadline(u64);

impl Deadline {
    /// No deadline: calls wait for as long as it takes. Go's zero `time.Time`.
    pub const NONE: Self = Self(u64::MAX);

    /// A moment that has passed: calls fail at once, and blocked ones wake.
    pub const fn past() -> Self {
        Self(0)
    }

    /// The moment now, on this thread's clock.
    pub fn now() -> Self {
        virtual_now().unwrap_or_else(|| Self::from(Instant::now()))
    }

    /// True for [`Deadline::NONE`].
    pub const fn is_none(self) -> bool {
        self.0 == u64::MAX
    }

    /// True if the moment has come.
    pub fn has_passed(self) -> bool {
        match self.0 {
            // Both ends without a look at the clock.
            0 => true,
            u64::MAX => false,
            _ => self <= Self::now(),
        }
    }

    /// How long until the moment comes: zero if it has, `None` if it never will.
    pub fn remaining(self) -> Option<Duration> {
        if self.is_none() {
            return None;
        }
        if self.0 == 0 {
            return Some(Duration::ZERO);
        }
        let left = self.0.saturating_sub(Self::now().0);
        Some(Duration::from_nanos(left))
    }

    /// The moment on std's clock; `None` for [`Deadline::NONE`].
    pub fn to_instant(self) -> Option<Instant> {
        if self.is_none() {
            return None;
        }
        // A moment beyond the range of std's clock never comes.
        ORIGIN.checked_add(Duration::from_nanos(self.0))
    }

    /// Nanoseconds on the clock of deadlines, for an atomic to hold.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The inverse of [`as_nanos`](Self::as_nanos).
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }
}

impl Default for Deadline {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<Instant> for Deadline {
    /// Absolute. A moment before the process began is [`Deadline::past`].
    fn from(instant: Instant) -> Self {
        let nanos = instant.saturating_duration_since(*ORIGIN).as_nanos();
        Self(u64::try_from(nanos).unwrap_or(u64::MAX).min(u64::MAX - 1))
    }
}

impl From<Duration> for Deadline {
    /// So long from now. A time too long to count is [`Deadline::NONE`].
    fn from(duration: Duration) -> Self {
        let Ok(nanos) = u64::try_from(duration.as_nanos()) else {
            return Self::NONE;
        };
        Self(Self::now().0.saturating_add(nanos))
    }
}

impl From<Option<Instant>> for Deadline {
    fn from(instant: Option<Instant>) -> Self {
        instant.map_or(Self::NONE, Self::from)
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.remaining() {
            None => f.write_str("Deadline::NONE"),
            Some(Duration::ZERO) => f.write_str("Deadline::past()"),
            Some(left) => write!(f, "Deadline(in {left:?})"),
        }
    }
}
