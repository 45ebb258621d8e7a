//! What a task needs to wait for one direction: a seat among those who wait, and an alarm for the
//! deadline.
//!
//! The poll forms of connections and listeners take a [`Waiting`], kept by whoever polls from one
//! poll to the next. The alarm is the only timer here; the channels and sockets wake for everything
//! else, a deadline that is moved included.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_io::Timer;

use crate::channel::stream::Which;
use crate::channel::waiters::Seat;
use crate::deadline::Deadline;

/// Wakes a task when a deadline comes. It holds a timer only while there is a deadline to wait for.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<(Deadline, Timer)>);

impl Alarm {
    /// Ready once `deadline` has come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Deadline) -> Poll<()> {
        let Some(instant) = deadline.to_instant() else {
            self.0 = None;
            return Poll::Pending;
        };
        let (set_for, timer) = self.0.get_or_insert_with(|| (deadline, Timer::at(instant)));
        if *set_for != deadline {
            *set_for = deadline;
            timer.set_at(instant);
        }
        let rung = Pin::new(timer).poll(cx);
        if rung.is_ready() {
            self.0 = None;
        }
        rung.map(|_| ())
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) seat: Seat,
    alarm: Alarm,
}

impl Waiting {
    /// In the direction's one slot, where the last waker wins: for the poll forms.
    pub(crate) fn in_slot() -> Self {
        Self {
            seat: Seat::Slot,
            alarm: Alarm::default(),
        }
    }

    /// In a seat of its own: for futures, any number of which may wait. It must be left.
    pub(crate) fn in_seat() -> Self {
        Self {
            seat: Seat::Standing,
            alarm: Alarm::default(),
        }
    }

    /// Polls until it is ready or the deadline is still to come. The deadline is asked after each
    /// poll, so one that was moved before the task took its seat counts, and one moved later wakes.
    pub(crate) fn until<T>(
        &mut self,
        cx: &mut Context<'_>,
        deadline: impl Fn() -> Deadline,
        mut poll: impl FnMut(&mut Context<'_>, &mut Seat) -> Poll<T>,
    ) -> Poll<T> {
        loop {
            if let Poll::Ready(outcome) = poll(cx, &mut self.seat) {
                return Poll::Ready(outcome);
            }
            ready!(self.alarm.poll(cx, deadline()));
        }
    }
}

/// What can be waited for, and left again.
pub(crate) trait Leave {
    /// Whoever polled for `which` with `seat` waits no more.
    fn leave(&self, which: Which, seat: &mut Seat);
}

/// A future's wait, which is left when the future ends or is dropped.
#[derive(Debug)]
pub(crate) struct Seated<'a, T: Leave> {
    of: &'a T,
    which: Which,
    pub(crate) waiting: Waiting,
}

impl<'a, T: Leave> Seated<'a, T> {
    /// Waits for `which` of `of`.
    pub(crate) fn new(of: &'a T, which: Which) -> Self {
        Self {
            of,
            which,
            waiting: Waiting::in_seat(),
        }
    }
}

impl<T: Leave> Drop for Seated<'_, T> {
    fn drop(&mut self) {
        if self.waiting.seat != Seat::Standing {
            self.of.leave(self.which, &mut self.waiting.seat);
        }
    }
}
