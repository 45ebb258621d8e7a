//! Those who wait for one direction of a channel: threads on a condition variable, and tasks.
//!
//! Every direction has one [`Waiters`] under the channel's lock, beside its condition variable. A
//! task of the `poll_*` forms sits in the one slot, where the last waker wins, as with tokio's
//! sockets; each future has a seat of its own, so any number of tasks may wait at once. Wakers are
//! taken out under the lock and called outside it, because a waker may run anything.

use std::collections::BTreeMap;
use std::mem;
use std::task::{Context, Waker};

use super::sync::Condvar;

/// Where a task waits, kept by the caller from one poll to the next.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) enum Seat {
    /// The direction's one slot: whoever polled last is woken.
    #[default]
    Slot,
    /// A seat of its own, which must be given up with [`Waiters::leave`]; none was taken yet.
    #[cfg_attr(not(feature = "async"), allow(dead_code))]
    Standing,
    /// That seat.
    Taken(u64),
}

/// The tasks that have seats; there once somebody had one. A number is never used again, so one that
/// was woken cannot take another's seat.
#[derive(Debug, Default)]
struct Seats {
    tasks: BTreeMap<u64, Waker>,
    taken_so_far: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// Threads that wait on the condition variable.
    pub(crate) threads: usize,
    slot: Option<Waker>,
    seats: Option<Box<Seats>>,
}

impl Waiters {
    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        let seated = self.seats.as_ref().map_or(0, |seats| seats.tasks.len());
        self.threads + usize::from(self.slot.is_some()) + seated
    }

    /// The task of `cx` waits in `seat` from now on. A waker that it displaces goes to `woken`,
    /// which drops it outside the lock.
    pub(crate) fn sit(&mut self, seat: &mut Seat, cx: &Context<'_>, woken: &mut Woken) {
        let displaced = match seat {
            Seat::Slot => match &self.slot {
                Some(waker) if waker.will_wake(cx.waker()) => None,
                _ => self.slot.replace(cx.waker().clone()),
            },
            Seat::Standing => self.take_seat(seat, cx),
            Seat::Taken(number) => {
                let seats = self.seats.as_mut();
                match seats.and_then(|seats| seats.tasks.get_mut(number)) {
                    Some(waker) if waker.will_wake(cx.waker()) => None,
                    Some(waker) => Some(mem::replace(waker, cx.waker().clone())),
                    // It was woken since.
                    None => self.take_seat(seat, cx),
                }
            }
        };
        woken.displaced = displaced;
    }

    fn take_seat(&mut self, seat: &mut Seat, cx: &Context<'_>) -> Option<Waker> {
        let seats = self.seats.get_or_insert_default();
        seats.taken_so_far += 1;
        let number = seats.taken_so_far;
        *seat = Seat::Taken(number);
        seats.tasks.insert(number, cx.waker().clone())
    }

    /// Whoever sat in `seat` waits no more.
    #[cfg_attr(not(feature = "async"), allow(dead_code))]
    pub(crate) fn leave(&mut self, seat: &mut Seat, woken: &mut Woken) {
        if let Seat::Taken(number) = seat
            && let Some(seats) = &mut self.seats
        {
            woken.displaced = seats.tasks.remove(number);
        }
        *seat = Seat::Standing;
    }

    /// Wakes everybody: threads now, tasks when `woken` is dropped.
    pub(crate) fn wake(&mut self, threads: &Condvar, woken: &mut Woken) {
        if self.threads > 0 {
            threads.notify_all();
        }
        self.wake_tasks(woken);
    }

    /// Wakes the tasks when `woken` is dropped.
    pub(crate) fn wake_tasks(&mut self, woken: &mut Woken) {
        if let Some(waker) = self.slot.take() {
            woken.push(waker);
        }
        if let Some(seats) = &mut self.seats {
            for waker in mem::take(&mut seats.tasks).into_values() {
                woken.push(waker);
            }
        }
    }
}

/// Tasks to be woken when this is dropped. Made before a lock is taken, it is dropped after it.
#[derive(Debug, Default)]
#[must_use = "dropping it wakes"]
pub(crate) struct Woken {
    first: Option<Waker>,
    more: Vec<Waker>,
    /// Not woken, only dropped: that may run anything, too.
    displaced: Option<Waker>,
}

impl Woken {
    fn push(&mut self, waker: Waker) {
        match &self.first {
            None => self.first = Some(waker),
            Some(_) => self.more.push(waker),
        }
    }
}

impl Drop for Woken {
    fn drop(&mut self) {
        for waker in self.first.take().into_iter().chain(self.more.drain(..)) {
            waker.wake();
        }
    }
}
