//! When the events of a script are due.
//!
//! Times count from the script's beginning or from the event before, and an event may be as far from
//! its time as `--tolerance_usecs` says. The player asks; nothing here waits.

use std::time::Duration;

use crate::drill::ast::Time;
use crate::drill::options::Options;

/// When an event has to happen, counted from the script's beginning.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Due {
    /// The earliest moment.
    pub(super) from: Duration,
    /// The latest moment; `None`: whenever it likes.
    pub(super) to: Option<Duration>,
    /// How far beside it may be.
    pub(super) tolerance: Duration,
}

/// The moments that times are relative to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// When the event before happened, by the script where the script says when.
    last: Duration,
    /// The least tolerance: clocks of machines need some.
    tolerance_min: Duration,
}

impl Clock {
    pub(super) const fn new(tolerance_min: Duration) -> Self {
        Self {
            last: Duration::ZERO,
            tolerance_min,
        }
    }

    /// When an event with this time is due.
    pub(super) fn due(&self, time: Time, options: &Options) -> Due {
        let (from, to) = match time {
            Time::Absolute(at) => (at, Some(at)),
            Time::Relative(after) => (self.last + after, Some(self.last + after)),
            Time::AbsoluteRange { from, to } => (from, Some(to)),
            Time::RelativeRange { from, to } => (self.last + from, Some(self.last + to)),
            Time::Any => (self.last, None),
        };
        Due {
            from,
            to,
            tolerance: self.tolerance(from.saturating_sub(self.last), options),
        }
    }

    /// How far an event may be from its time, which is `since_last` after the event before it.
    pub(super) fn tolerance(&self, since_last: Duration, options: &Options) -> Duration {
        options.tolerance(since_last).max(self.tolerance_min)
    }

    /// When a call that blocks has to return.
    pub(super) fn returns(&self, time: Time, at: Duration) -> Duration {
        match time {
            Time::Relative(_) | Time::RelativeRange { .. } => self.last + at,
            Time::Absolute(_) | Time::AbsoluteRange { .. } | Time::Any => at,
        }
    }

    /// An event happened at `actual`. Where the script says exactly when it had to, that is what the
    /// next one counts from, so that small delays do not add up.
    pub(super) fn happened(&mut self, time: Time, due: Due, actual: Duration) {
        self.last = match time {
            Time::Absolute(_) | Time::Relative(_) => due.from,
            Time::AbsoluteRange { .. } | Time::RelativeRange { .. } | Time::Any => actual,
        };
    }
}
