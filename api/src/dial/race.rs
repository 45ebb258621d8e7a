//! Happy Eyeballs (RFC 8305, RFC 6555) with Go's rules, as a state machine without a clock.
//!
//! The addresses of one family are tried in turn; those of the other family join after a delay, or
//! as soon as the first group has failed; whoever opens first wins and the rest are dropped, which
//! closes them. `drive.rs` runs it on a thread, `future` in a task. It never waits, reads no clock and
//! knows no backend: a [`Racer`] opens, and time is an argument.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::deadline::Deadline;

/// An address gets at least so much of the time that is left.
const SHARE_MIN: Duration = Duration::from_secs(2);

/// Opens connections, one attempt for each address.
pub(crate) trait Racer {
    /// What is tried.
    type Address;
    /// A try that goes on. Dropping it closes what it may have opened.
    type Attempt;
    /// What a try opens.
    type Conn;
    /// Why it did not.
    type Error;

    /// Begins to open a connection. What goes wrong at once is told by the first `poll`.
    fn begin(&mut self, address: &Self::Address) -> Self::Attempt;

    /// How the attempt goes. The waker of `cx` is called when it is worth asking again.
    fn poll(
        &mut self,
        attempt: &mut Self::Attempt,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Conn, Self::Error>>;

    /// A descriptor of the kernel that can be written to when it is worth asking again, for an
    /// attempt that calls no waker.
    fn descriptor(_attempt: &Self::Attempt) -> Option<BorrowedFd<'_>> {
        None
    }

    /// What a user is told about an address that was given up.
    fn gave_up(&self, address: &Self::Address, why: GaveUp) -> Self::Error;
}

/// Why an address was given up by those who asked for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum GaveUp {
    /// Its share of the time has passed.
    Timeout,
    /// Nobody wants it any more.
    Canceled,
}

/// The addresses to try, split as Go splits them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Groups<A> {
    /// Those of the first address's kind, in order.
    pub(crate) primaries: Vec<A>,
    /// The others, in order.
    pub(crate) fallbacks: Vec<A>,
}

impl<A> Groups<A> {
    /// All in one group: no race.
    pub(crate) const fn one(addresses: Vec<A>) -> Self {
        Self {
            primaries: addresses,
            fallbacks: Vec::new(),
        }
    }

    /// Those that `is_first_kind` says the same of as of the first one are primaries.
    pub(crate) fn split(addresses: Vec<A>, is_first_kind: impl Fn(&A) -> bool) -> Self {
        let Some(kind) = addresses.first().map(&is_first_kind) else {
            return Self::one(addresses);
        };
        let (primaries, fallbacks) = addresses
            .into_iter()
            .partition(|address| is_first_kind(address) == kind);
        Self {
            primaries,
            fallbacks,
        }
    }
}

/// The address that is being tried.
struct Running<R: Racer> {
    address: R::Address,
    attempt: R::Attempt,
    /// When its share of the time has passed.
    until: Deadline,
}

/// Addresses that are tried one after the other.
struct Group<R: Racer> {
    waiting: VecDeque<R::Address>,
    running: Option<Running<R>>,
    /// That of the first address: the one that its user knows.
    first_error: Option<R::Error>,
}

/// How a group does.
enum Progress<C> {
    /// It goes on.
    Running,
    /// It has opened a connection.
    Open(C),
    /// All of its addresses have failed.
    Failed,
}

impl<R: Racer> Group<R> {
    fn new(addresses: Vec<R::Address>) -> Self {
        Self {
            waiting: addresses.into(),
            running: None,
            first_error: None,
        }
    }

    fn poll(
        &mut self,
        racer: &mut R,
        cx: &mut Context<'_>,
        now: Deadline,
        deadline: Deadline,
    ) -> Progress<R::Conn> {
        loop {
            if let Some(running) = &mut self.running {
                let error = match racer.poll(&mut running.attempt, cx) {
                    Poll::Ready(Ok(conn)) => {
                        self.running = None;
                        return Progress::Open(conn);
                    }
                    Poll::Ready(Err(error)) => error,
                    Poll::Pending if running.until <= now => {
                        racer.gave_up(&running.address, GaveUp::Timeout)
                    }
                    Poll::Pending => return Progress::Running,
                };
                self.running = None;
                self.first_error.get_or_insert(error);
            }
            let left = self.waiting.len();
            let Some(address) = self.waiting.pop_front() else {
                return Progress::Failed;
            };
            if deadline <= now {
                let error = racer.gave_up(&address, GaveUp::Timeout);
                self.first_error.get_or_insert(error);
                self.waiting.clear();
                return Progress::Failed;
            }
            self.running = Some(Running {
                attempt: racer.begin(&address),
                address,
                until: share(now, deadline, left),
            });
        }
    }

    /// The address that is tried now, or would be next.
    fn current(&self) -> Option<&R::Address> {
        let running = self.running.as_ref().map(|running| &running.address);
        running.or_else(|| self.waiting.front())
    }
}

/// When the second group may begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fallback {
    /// So long after the first group has begun.
    After(Duration),
    /// At that moment.
    At(Deadline),
    /// It has begun.
    Begun,
}

/// See the module.
pub(crate) struct Race<R: Racer> {
    racer: R,
    primaries: Group<R>,
    fallbacks: Group<R>,
    fallback: Fallback,
    deadline: Deadline,
}

impl<R: Racer> Race<R> {
    /// A race over `groups` until `deadline`. The fallbacks begin `fallback_delay` after the first
    /// poll, or when the primaries have failed.
    pub(crate) fn new(
        racer: R,
        groups: Groups<R::Address>,
        fallback_delay: Duration,
        deadline: Deadline,
    ) -> Self {
        Self {
            racer,
            primaries: Group::new(groups.primaries),
            fallbacks: Group::new(groups.fallbacks),
            fallback: Fallback::After(fallback_delay),
            deadline,
        }
    }

    /// How the race goes at `now`; asked first to begin it. After it is over it must not be asked
    /// again.
    ///
    /// # Errors
    ///
    /// All addresses have failed: the error of the first one. `None` if there was none.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        now: Deadline,
    ) -> Poll<Result<R::Conn, Option<R::Error>>> {
        if let Fallback::After(delay) = self.fallback {
            self.fallback = Fallback::At(later(now, delay));
        }
        let racer = &mut self.racer;
        let first = match self.primaries.poll(racer, cx, now, self.deadline) {
            Progress::Open(conn) => return Poll::Ready(Ok(conn)),
            progress => progress,
        };
        let is_time = match self.fallback {
            Fallback::At(moment) => moment <= now || matches!(first, Progress::Failed),
            Fallback::After(_) | Fallback::Begun => true,
        };
        if !is_time {
            return Poll::Pending;
        }
        self.fallback = Fallback::Begun;
        let second = match self.fallbacks.poll(racer, cx, now, self.deadline) {
            Progress::Open(conn) => return Poll::Ready(Ok(conn)),
            progress => progress,
        };
        match (first, second) {
            (Progress::Failed, Progress::Failed) => {
                Poll::Ready(Err(self.primaries.first_error.take()))
            }
            _ => Poll::Pending,
        }
    }

    /// When [`poll`](Self::poll) must be asked even if no waker was called.
    pub(crate) fn next_deadline(&self) -> Deadline {
        let groups = [&self.primaries, &self.fallbacks];
        let shares = groups
            .into_iter()
            .filter_map(|group| group.running.as_ref().map(|running| running.until));
        let fallback = match self.fallback {
            // Without anybody who waits for it, the moment does not matter.
            Fallback::At(moment) if !self.fallbacks.waiting.is_empty() => Some(moment),
            Fallback::At(_) | Fallback::After(_) | Fallback::Begun => None,
        };
        shares.chain(fallback).min().unwrap_or(Deadline::NONE)
    }

    /// The attempts that go on.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = &R::Attempt> {
        [&self.primaries, &self.fallbacks]
            .into_iter()
            .filter_map(|group| group.running.as_ref().map(|running| &running.attempt))
    }

    /// Ends the race: every attempt is dropped. What its user is told, if there was an address.
    pub(crate) fn give_up(self, why: GaveUp) -> Option<R::Error> {
        let address = self
            .primaries
            .current()
            .or_else(|| self.fallbacks.current())?;
        Some(self.racer.gave_up(address, why))
    }
}

/// The end of the share of one of `addresses_left` addresses: an equal part of the time that is
/// left, but at least [`SHARE_MIN`] of it, taken from those at the end of the list.
fn share(now: Deadline, deadline: Deadline, addresses_left: usize) -> Deadline {
    if deadline.is_none() {
        return Deadline::NONE;
    }
    let left = Duration::from_nanos(deadline.as_nanos().saturating_sub(now.as_nanos()));
    let count = u32::try_from(addresses_left).unwrap_or(u32::MAX).max(1);
    later(now, (left / count).max(SHARE_MIN)).min(deadline)
}

fn later(now: Deadline, by: Duration) -> Deadline {
    let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
    Deadline::from_nanos(now.as_nanos().saturating_add(nanos))
}

#[cfg(test)]
mod tests;
