//! The application of a back end in real time: one thread that makes the calls of the script.
//!
//! A call that blocks blocks this thread, while the runner's goes on with packets. The end of a call
//! rings a bell that the runner polls together with its device.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use sidestep::error::Errno;
use sidestep_stack::Instant;

use super::{Ended, HostError, Outcome, Syscall};

/// A clock that began when the script did.
#[derive(Clone, Copy, Debug)]
pub(super) struct RealTime {
    origin: time::Instant,
}

impl RealTime {
    pub(super) fn start() -> Self {
        Self {
            origin: time::Instant::now(),
        }
    }

    pub(super) fn now(self) -> Instant {
        let nanos = self.origin.elapsed().as_nanos();
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Worker {
    calls: Sender<Syscall>,
    ended: Receiver<Ended>,
    bell: Arc<OwnedFd>,
}

/// That a system call of the runner's own failed.
pub(super) fn failed(what: &'static str) -> impl Fn(rustix::io::Errno) -> HostError {
    move |errno| HostError::Failed {
        what,
        errno: Errno::from(errno),
    }
}

impl Worker {
    /// Starts the thread. It ends with its last call once the worker is dropped.
    pub(super) fn start(
        clock: RealTime,
        mut carry_out: impl FnMut(Syscall) -> Outcome + Send + 'static,
    ) -> Result<Self, HostError> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let bell = Arc::new(eventfd(0, flags).map_err(failed("eventfd"))?);
        let (calls, to_do) = channel::<Syscall>();
        let (done, ended) = channel();
        let rings = Arc::clone(&bell);
        let body = move || {
            for call in to_do {
                let outcome = carry_out(call);
                let at = clock.now();
                if done.send(Ended { at, outcome }).is_err() {
                    break;
                }
                // It cannot be full: the other side reads it before every call.
                let _ = rustix::io::write(&*rings, &1_u64.to_ne_bytes());
            }
        };
        thread::Builder::new()
            .name("drill application".to_owned())
            .spawn(body)
            .map_err(|error: io::Error| HostError::Failed {
                what: "thread",
                errno: Errno::of(&error),
            })?;
        Ok(Self { calls, ended, bell })
    }

    /// Hands a call over.
    pub(super) fn begin(&self, call: Syscall) -> Result<(), HostError> {
        let gone = HostError::Failed {
            what: "the application's thread",
            errno: Errno::EPIPE,
        };
        self.calls.send(call).map_err(|_| gone)
    }

    /// A call that has ended.
    pub(super) fn next_ended(&self) -> Option<Ended> {
        self.ended.try_recv().ok()
    }

    /// Sleeps until `device` can be read, a call has ended, or `time` is over. True if a call has
    /// ended.
    pub(super) fn sleep(
        &self,
        device: BorrowedFd<'_>,
        time: time::Duration,
    ) -> Result<bool, HostError> {
        let mut wanted = [
            PollFd::new(&device, PollFlags::IN),
            PollFd::from_borrowed_fd(self.bell.as_fd(), PollFlags::IN),
        ];
        let timeout = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(time.subsec_nanos()),
        };
        match poll(&mut wanted, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(failed("poll")(errno)),
        }
        let [_, bell] = &wanted;
        let rang = !bell.revents().is_empty();
        if rang {
            let mut count = [0; 8];
            let _ = rustix::io::read(&*self.bell, &mut count);
        }
        Ok(rang)
    }
}
