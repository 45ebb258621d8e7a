//! A kernel socket that tasks wait for: the reactor of `async-io` says when it is ready.
//!
//! The reactor knows one waker for each direction, ours, and that one wakes all tasks which wait
//! here; so does a close and a deadline that is moved. The reactor's share of the descriptor ends
//! with the socket, so a close is a close at once, whoever waits.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use async_io::Async;
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno as Raw;

use super::{Socket, Way};
use crate::channel::stream::Which;
use crate::channel::waiters::{Seat, Waiters, Woken};
use crate::deadline::Deadline;
use crate::error::{Cause, Errno, SysCall};
use crate::future::waiting::Waiting;

/// The tasks that wait for one direction.
#[derive(Debug, Default)]
struct Relay(Mutex<Waiters>);

impl Relay {
    fn wake_tasks(&self) {
        let mut woken = Woken::default();
        self.0.lock().wake_tasks(&mut woken);
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_tasks();
    }
}

/// All tasks that wait for a socket, and its place in the reactor, once somebody has waited.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    readers: Arc<Relay>,
    writers: Arc<Relay>,
    reactor: Mutex<Option<Async<Arc<OwnedFd>>>>,
}

impl Tasks {
    fn relay(&self, way: Way) -> &Arc<Relay> {
        match way {
            Way::In => &self.readers,
            Way::Out => &self.writers,
        }
    }

    /// Something has changed that tasks which wait must look at.
    pub(super) fn wake_all(&self) {
        self.readers.wake_tasks();
        self.writers.wake_tasks();
    }

    /// The writer's turn has ended.
    pub(super) fn wake_writers(&self) {
        self.writers.wake_tasks();
    }

    /// The socket is closed: the reactor forgets it.
    pub(super) fn close(&self) {
        let reactor = self.reactor.lock().take();
        drop(reactor);
    }

    /// Ready if the socket may have become ready since the last poll.
    fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        (way, seat): (Way, &mut Seat),
        descriptor: &Arc<OwnedFd>,
        woken: &mut Woken,
    ) -> Poll<Result<(), Cause>> {
        let failed = |error: &std::io::Error| Cause::sys(SysCall::Poll, Errno::of(error));
        let relay = self.relay(way);
        relay.0.lock().sit(seat, cx, woken);
        let waker = Waker::from(Arc::clone(relay));
        let mut reactor = self.reactor.lock();
        let source = match &mut *reactor {
            Some(source) => source,
            empty => {
                let source = Async::new_nonblocking(Arc::clone(descriptor))
                    .map_err(|error| failed(&error))?;
                empty.insert(source)
            }
        };
        let mut cx = Context::from_waker(&waker);
        match way {
            Way::In => source.poll_readable(&mut cx),
            Way::Out => source.poll_writable(&mut cx),
        }
        .map_err(|error| failed(&error))
    }
}

impl From<Which> for Way {
    fn from(which: Which) -> Self {
        match which {
            Which::Read | Which::Both => Self::In,
            Which::Write => Self::Out,
        }
    }
}

impl Socket {
    /// As `perform`, without waiting.
    pub(crate) fn poll_perform<T>(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        (way, call): (Way, SysCall),
        mut attempt: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<T>,
    ) -> Poll<Result<T, Cause>> {
        waiting.until(
            cx,
            || self.deadline(way),
            |cx, seat| {
                loop {
                    // A waker that is displaced may run anything, so it is dropped last.
                    let mut woken = Woken::default();
                    let share = self.descriptor.read();
                    let descriptor = share.as_ref().ok_or(Cause::Closed)?;
                    self.check(way)?;
                    match attempt(descriptor.as_fd()) {
                        Ok(done) => return Poll::Ready(Ok(done)),
                        Err(Raw::INTR) => {}
                        Err(Raw::AGAIN) => {
                            let seat = (way, &mut *seat);
                            match self.tasks.poll_ready(cx, seat, descriptor, &mut woken) {
                                Poll::Ready(outcome) => outcome?,
                                // What was changed before the task sat down woke nobody.
                                Poll::Pending => {
                                    self.check(way)?;
                                    return Poll::Pending;
                                }
                            }
                        }
                        Err(error) => return Poll::Ready(Err(Cause::sys(call, error.into()))),
                    }
                }
            },
        )
    }

    /// Ready once the socket can be written to: the end of a `connect`.
    pub(crate) fn poll_writable(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
    ) -> Poll<Result<(), Cause>> {
        self.poll_perform(cx, waiting, (Way::Out, SysCall::Poll), |descriptor| {
            let mut fds = [PollFd::from_borrowed_fd(descriptor, PollFlags::OUT)];
            match poll(&mut fds, Some(&Timespec::default()))? {
                0 => Err(Raw::AGAIN),
                _ => Ok(()),
            }
        })
    }

    /// Takes the writer's turn, once nobody else has it. `end_turn` gives it up.
    pub(crate) fn poll_turn(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
    ) -> Poll<Result<(), Cause>> {
        waiting.until(
            cx,
            || self.deadline(Way::Out),
            |cx, seat| {
                let mut woken = Woken::default();
                let mut state = self.state.lock();
                state.check(Way::Out)?;
                if state.writing {
                    let relay = self.tasks.relay(Way::Out);
                    relay.0.lock().sit(seat, cx, &mut woken);
                    state.turn_wanted = true;
                    return Poll::Pending;
                }
                state.writing = true;
                Poll::Ready(Ok(()))
            },
        )
    }

    /// Whoever polled with `seat` waits no more.
    pub(crate) fn leave(&self, way: Way, seat: &mut Seat) {
        let mut woken = Woken::default();
        self.tasks.relay(way).0.lock().leave(seat, &mut woken);
    }

    fn deadline(&self, way: Way) -> Deadline {
        self.state.lock().deadline(way)
    }
}
