//! A kernel socket that can be waited for until a deadline that others may move, and closed under
//! the feet of whoever waits.
//!
//! Streams, listeners and UDP sockets are all made of one. It knows nothing of what is carried.

#[cfg(feature = "async")]
mod tasks;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, RwLock};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno as Raw;

use crate::bell::Bell;
use crate::deadline::Deadline;
use crate::error::{Cause, Errno, SysCall};

/// Which direction a call is of, hence which deadline holds for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    In,
    Out,
}

/// A socket, its deadlines and those who wait for it.
#[derive(Debug)]
pub(crate) struct Socket {
    /// Gone once it is closed. Whoever uses the descriptor holds a share of the lock, so that its
    /// number cannot come to mean another socket meanwhile.
    descriptor: RwLock<Option<Arc<OwnedFd>>>,
    /// Wakes those who wait in `poll`. Made when somebody first waits: most sockets of a busy server
    /// are always ready, and descriptors are few.
    bell: OnceLock<Bell>,
    state: Mutex<State>,
    /// Wakes writers that wait for their turn.
    turn: Condvar,
    /// Those who wait without a thread.
    #[cfg(feature = "async")]
    tasks: Box<tasks::Tasks>,
}

#[derive(Debug)]
struct State {
    deadline_in: Deadline,
    deadline_out: Deadline,
    closed: bool,
    /// A stream is being written to; others wait, so that the octets of one call stay together.
    writing: bool,
    /// A task waits for its turn to write.
    turn_wanted: bool,
    /// How many wait in `poll`.
    waiters: usize,
    /// Grows each time that the bell is rung.
    rung: u64,
    /// How many of those who waited when it was last rung have not left `poll` yet. The last one
    /// silences it.
    unaware: usize,
}

impl Socket {
    pub(super) fn new(descriptor: OwnedFd) -> Self {
        Self {
            descriptor: RwLock::new(Some(Arc::new(descriptor))),
            bell: OnceLock::new(),
            state: Mutex::new(State {
                deadline_in: Deadline::NONE,
                deadline_out: Deadline::NONE,
                closed: false,
                writing: false,
                turn_wanted: false,
                waiters: 0,
                rung: 0,
                unaware: 0,
            }),
            turn: Condvar::new(),
            #[cfg(feature = "async")]
            tasks: Box::default(),
        }
    }

    /// Tries `attempt` until it does not say that it would have to wait.
    ///
    /// The deadline is asked first: past it, nothing is moved even if it could be at once.
    pub(super) fn perform<T>(
        &self,
        way: Way,
        call: SysCall,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<T>,
    ) -> Result<T, Cause> {
        loop {
            let share = self.descriptor.read();
            let descriptor = share.as_ref().ok_or(Cause::Closed)?.as_fd();
            self.check(way)?;
            match attempt(descriptor) {
                Ok(done) => return Ok(done),
                Err(Raw::INTR) => {}
                Err(Raw::AGAIN) => self.wait(descriptor, way)?,
                Err(error) => return Err(Cause::sys(call, error.into())),
            }
        }
    }

    /// Waits once until the socket can be written to: the end of a `connect`.
    pub(super) fn wait_writable(&self) -> Result<(), Cause> {
        loop {
            let share = self.descriptor.read();
            let descriptor = share.as_ref().ok_or(Cause::Closed)?.as_fd();
            self.check(Way::Out)?;
            let mut fds = [PollFd::from_borrowed_fd(descriptor, PollFlags::OUT)];
            match poll(&mut fds, Some(&Timespec::default())) {
                Ok(0) | Err(Raw::INTR) => self.wait(descriptor, Way::Out)?,
                Ok(_) => return Ok(()),
                Err(error) => return Err(Cause::sys(SysCall::Poll, error.into())),
            }
        }
    }

    /// Does what takes no time: options, names, shutdown.
    pub(super) fn at_once<T>(
        &self,
        call: SysCall,
        action: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<T>,
    ) -> Result<T, Cause> {
        let share = self.descriptor.read();
        let descriptor = share.as_ref().ok_or(Cause::Closed)?;
        action(descriptor.as_fd()).map_err(|error| Cause::sys(call, error.into()))
    }

    /// Fails if the socket is closed or the deadline for `way` has passed.
    pub(super) fn check(&self, way: Way) -> Result<(), Cause> {
        self.state.lock().check(way)
    }

    /// Fails if the socket is closed.
    pub(super) fn check_open(&self) -> Result<(), Cause> {
        if self.state.lock().closed {
            return Err(Cause::Closed);
        }
        Ok(())
    }

    /// Returns when the socket is ready, the deadline has passed, or something has changed.
    fn wait(&self, descriptor: BorrowedFd<'_>, way: Way) -> Result<(), Cause> {
        let bell = self.bell()?;
        // From here on whoever changes a deadline knows that there is somebody to wake.
        let (deadline, rung) = {
            let mut state = self.state.lock();
            state.check(way)?;
            state.waiters += 1;
            (state.deadline(way), state.rung)
        };
        let wanted = match way {
            Way::In => PollFlags::IN,
            Way::Out => PollFlags::OUT,
        };
        let mut fds = [
            PollFd::from_borrowed_fd(descriptor, wanted),
            PollFd::from_borrowed_fd(bell.descriptor(), PollFlags::IN),
        ];
        let timeout = deadline.remaining().map(timespec);
        let polled = poll(&mut fds, timeout.as_ref());

        let mut state = self.state.lock();
        state.waiters -= 1;
        if rung < state.rung {
            state.unaware -= 1;
            if state.unaware == 0 {
                bell.silence();
            }
        }
        match polled {
            Ok(_) | Err(Raw::INTR) => Ok(()),
            Err(error) => Err(Cause::sys(SysCall::Poll, error.into())),
        }
    }

    fn bell(&self) -> Result<&Bell, Cause> {
        if let Some(bell) = self.bell.get() {
            return Ok(bell);
        }
        let bell = Bell::new().map_err(|error| Cause::sys(SysCall::EventFd, Errno::of(&error)))?;
        Ok(self.bell.get_or_init(|| bell))
    }

    /// Moves the deadline of one direction, or of both, also for calls that wait already.
    pub(super) fn set_deadline(&self, ways: &[Way], deadline: Deadline) -> Result<(), Cause> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Cause::Closed);
        }
        for way in ways {
            match way {
                Way::In => state.deadline_in = deadline,
                Way::Out => state.deadline_out = deadline,
            }
        }
        self.wake_all(&mut state);
        drop(state);
        #[cfg(feature = "async")]
        self.tasks.wake_all();
        Ok(())
    }

    /// Ends the socket. All who wait wake up, and the descriptor is closed when they have left.
    pub(super) fn close(&self) -> Result<(), Cause> {
        {
            let mut state = self.state.lock();
            if state.closed {
                return Err(Cause::Closed);
            }
            state.closed = true;
            self.wake_all(&mut state);
        }
        #[cfg(feature = "async")]
        self.tasks.wake_all();
        let descriptor = self.descriptor.write().take();
        #[cfg(feature = "async")]
        self.tasks.close();
        drop(descriptor);
        Ok(())
    }

    /// Has all who wait try again: something has changed of which the kernel does not tell them.
    pub(super) fn look_again(&self) {
        self.wake_all(&mut self.state.lock());
        #[cfg(feature = "async")]
        self.tasks.wake_all();
    }

    fn wake_all(&self, state: &mut State) {
        if state.waiters > 0
            && let Some(bell) = self.bell.get()
        {
            state.rung += 1;
            // Everybody who waits now, also those who have not noticed the ring before this one.
            state.unaware = state.waiters;
            bell.ring();
        }
        self.turn.notify_all();
    }

    /// Waits until nobody else writes. The turn ends when the value is dropped.
    pub(super) fn write_turn(&self) -> Result<WriteTurn<'_>, Cause> {
        let mut state = self.state.lock();
        loop {
            state.check(Way::Out)?;
            if !state.writing {
                state.writing = true;
                return Ok(WriteTurn(self));
            }
            match state.deadline_out.to_instant() {
                None => self.turn.wait(&mut state),
                Some(instant) => {
                    self.turn.wait_until(&mut state, instant);
                }
            }
        }
    }
}

impl Socket {
    /// Gives the writer's turn up.
    pub(super) fn end_turn(&self) {
        let wanted = {
            let mut state = self.state.lock();
            state.writing = false;
            std::mem::take(&mut state.turn_wanted)
        };
        self.turn.notify_one();
        if wanted {
            #[cfg(feature = "async")]
            self.tasks.wake_writers();
        }
    }
}

impl State {
    const fn deadline(&self, way: Way) -> Deadline {
        match way {
            Way::In => self.deadline_in,
            Way::Out => self.deadline_out,
        }
    }

    fn check(&self, way: Way) -> Result<(), Cause> {
        if self.closed {
            return Err(Cause::Closed);
        }
        if self.deadline(way).has_passed() {
            return Err(Cause::Timeout);
        }
        Ok(())
    }
}

/// The right to write to a stream.
#[derive(Debug)]
pub(super) struct WriteTurn<'a>(&'a Socket);

impl Drop for WriteTurn<'_> {
    fn drop(&mut self) {
        self.0.end_turn();
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
