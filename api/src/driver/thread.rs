//! The packet thread: the only endless loop of this crate.
//!
//! It takes turns while there is work, looks again for a moment, then sleeps until the device, the
//! mailbox or a timer has something. However it ends, its desk is dropped and everybody is told.
//! It never touches an application's buffer and never waits for an application.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sidestep_stack::call::ConnectionId;
use sidestep_stack::observe::State;
use sidestep_stack::{Call, Instant, Reply, Stack};

use super::clock::Clock;
use super::desk::Desk;
use super::turn::{DeviceState, TheEnd, Turned, Work, turn};
use crate::bell::Bell;
use crate::channel::failure::{Gone, StreamLimits};
use crate::channel::mailbox::{Mailbox, MaySleep};
use crate::device::{Device, RoomSignal};
use crate::driver::request::Request;
use crate::trace::ThreadTrace;
use crate::watch::Watch;

/// How long the thread rests at most after the device failed, or made no progress though it said
/// that it would. It begins with a hundredth of it.
const REST_MAX: Duration = Duration::from_millis(100);
const REST_MIN: Duration = Duration::from_millis(1);

/// How long the last connections may take to say goodbye once nobody holds a handle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Farewell(pub(crate) Duration);

/// What the thread is made of.
pub(crate) struct Parts {
    pub(crate) stack: Stack,
    pub(crate) device: Box<dyn Device>,
    pub(crate) clock: Clock,
    pub(crate) stream_limits: StreamLimits,
    pub(crate) requests_max: usize,
    /// How long to look again before sleeping; zero never looks.
    pub(crate) look_again: Duration,
    pub(crate) farewell: Farewell,
    pub(crate) watch: Option<Watch>,
}

/// A thread that runs, and the way to reach it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) mailbox: Arc<Mailbox<Request>>,
    pub(crate) thread: JoinHandle<()>,
}

/// Starts the packet thread.
///
/// # Errors
///
/// No descriptor or no thread is left.
pub(crate) fn start(parts: Parts) -> io::Result<Running> {
    let wake = Arc::new(Bell::new()?);
    let bell = Arc::clone(&wake);
    let mailbox = Arc::new(Mailbox::new(
        parts.requests_max,
        Box::new(move || bell.ring()),
    ));
    let mut desk = Desk::new(parts.stack, Arc::clone(&mailbox), parts.stream_limits);
    if let Some(watch) = parts.watch {
        desk.watch(watch);
    }
    let runner = Runner {
        desk,
        device: parts.device,
        clock: parts.clock,
        wake,
        look_again: LookAgain::new(parts.look_again),
        farewell: parts.farewell,
        rest: Duration::ZERO,
        trace: ThreadTrace::default(),
    };
    let thread = std::thread::Builder::new()
        .name("sidestep".into())
        .spawn(move || runner.live())?;
    Ok(Running { mailbox, thread })
}

struct Runner {
    desk: Desk,
    device: Box<dyn Device>,
    clock: Clock,
    wake: Arc<Bell>,
    look_again: LookAgain,
    farewell: Farewell,
    /// How long to rest after the last turn failed.
    rest: Duration,
    trace: ThreadTrace,
}

impl Runner {
    /// Runs to the end, and tells everybody why it is one.
    fn live(mut self) {
        self.trace = ThreadTrace::started();
        let end = self.run();
        self.trace.ended(&self.desk.stack);
        if end == TheEnd::DeviceGone {
            self.desk.deliver_the_rest(self.clock.now());
        }
        self.desk.gone = match end {
            TheEnd::DeviceGone => Gone::Device,
            TheEnd::Closed => Gone::Closed,
        };
        drop(self);
    }

    fn run(&mut self) -> TheEnd {
        loop {
            let now = self.clock.now();
            let turned = match turn(&mut self.desk, &mut *self.device, now) {
                Ok(turned) => turned,
                Err(end) => return end,
            };
            if self.has_said_goodbye(now) {
                return TheEnd::Closed;
            }
            if turned.work == Work::Some {
                self.look_again.found_work();
            }
            if turned.device != DeviceState::Failing {
                if turned.work == Work::Some && turned.device == DeviceState::Ready {
                    self.rest = Duration::ZERO;
                    continue;
                }
                if turned.device == DeviceState::Ready && self.look_again.once_more(&self.clock) {
                    std::hint::spin_loop();
                    continue;
                }
            }
            self.sleep(turned, now);
        }
    }

    /// True once nobody holds a handle, and the peers of those that were closed know.
    fn has_said_goodbye(&mut self, now: Instant) -> bool {
        let Some(since) = self.desk.farewell_since else {
            return false;
        };
        if now.since(since) >= self.farewell.0 {
            return true;
        }
        if self.desk.channels.connections.len() > 0 || !self.desk.departing.is_empty() {
            return false;
        }
        let Desk {
            stack, channels, ..
        } = &mut self.desk;
        // Walks only until the first that is not done, and only in this last second.
        channels.leaving.iter().all(|(key, ())| {
            match stack.user_calls(now, Call::Status(ConnectionId(key))) {
                Ok(Reply::Status(status)) => matches!(
                    status.state,
                    State::Closed | State::TimeWait | State::FinWait2
                ),
                Ok(_) | Err(_) => true,
            }
        })
    }

    /// Sleeps until there is something to do.
    fn sleep(&mut self, turned: Turned, now: Instant) {
        if self.desk.mailbox.try_sleep() == MaySleep::No {
            return;
        }
        self.trace.idle(&self.desk.stack);
        let until = self.wake_up_time(turned, now);
        let resting = turned.device == DeviceState::Failing;
        let mut events = PollFlags::IN;
        if turned.device == DeviceState::Full && self.device.room_signal() == RoomSignal::Writable {
            events |= PollFlags::OUT;
        }
        let bell = PollFd::from_borrowed_fd(self.wake.descriptor(), PollFlags::IN);
        let device = PollFd::from_borrowed_fd(self.device.descriptor(), events);
        // A device that fails is not polled: it would be ready at once, for ever.
        let mut both = [bell, device];
        let watched = if resting {
            &mut both[..1]
        } else {
            &mut both[..]
        };
        let timeout = until.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        let ready = poll(watched, timeout.as_ref());
        let rung = watched
            .first()
            .is_some_and(|bell| bell.revents().contains(PollFlags::IN));
        let device_ready = watched
            .get(1)
            .is_some_and(|device| !device.revents().is_empty());
        if rung {
            self.wake.silence();
        }
        self.desk.mailbox.awake();
        if ready.is_err() {
            // Interrupted, or out of memory: not for ever at full speed.
            self.rest_longer();
            std::thread::sleep(REST_MIN);
        } else if turned.work == Work::None && device_ready && turned.device == DeviceState::Full {
            // It said that there was room, and took nothing.
            self.rest_longer();
            std::thread::sleep(self.rest);
        }
    }

    /// How long to sleep at most; `None` for ever.
    fn wake_up_time(&mut self, turned: Turned, now: Instant) -> Option<Duration> {
        let mut left = self.desk.stack.next_deadline().map(|at| now.until(at));
        if left == Some(Duration::ZERO) && turned.work == Work::None {
            // It was due, and nothing came of it: the device is full, or it waits for something.
            left = Some(match turned.device {
                DeviceState::Full => REST_MIN * 10,
                DeviceState::Ready | DeviceState::Failing => REST_MIN,
            });
        }
        if turned.device == DeviceState::Failing {
            self.rest_longer();
            left = Some(left.unwrap_or(self.rest).max(self.rest).min(REST_MAX));
        }
        if let Some(since) = self.desk.farewell_since {
            let farewell = now.until(since + self.farewell.0);
            left = Some(left.unwrap_or(farewell).min(farewell).min(REST_MAX));
        }
        left
    }

    fn rest_longer(&mut self) {
        self.rest = (self.rest * 2).clamp(REST_MIN, REST_MAX);
    }
}

/// The look again before sleeping: for a bounded moment, and only while it pays.
#[derive(Debug)]
struct LookAgain {
    moment: Duration,
    /// Since when there is nothing to do.
    since: Option<Instant>,
    /// Rises with looks that found work, falls with those that did not.
    credit: u8,
    /// Sleeps until the next try without credit.
    tries_in: u8,
}

impl LookAgain {
    const CREDIT_MAX: u8 = 8;
    const TRY_EVERY: u8 = 32;

    fn new(moment: Duration) -> Self {
        // On one core, looking again keeps the one we wait for from running.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            moment: if cores > 1 { moment } else { Duration::ZERO },
            since: None,
            credit: Self::CREDIT_MAX,
            tries_in: Self::TRY_EVERY,
        }
    }

    fn found_work(&mut self) {
        if self.since.take().is_some() {
            self.credit = (self.credit + 2).min(Self::CREDIT_MAX);
        }
    }

    /// True if the thread should take one more turn before it sleeps.
    fn once_more(&mut self, clock: &Clock) -> bool {
        if self.moment.is_zero() {
            return false;
        }
        let now = clock.now();
        match self.since {
            None => {
                if self.credit == 0 {
                    self.tries_in = self.tries_in.saturating_sub(1);
                    if self.tries_in > 0 {
                        return false;
                    }
                    self.tries_in = Self::TRY_EVERY;
                }
                self.since = Some(now);
                true
            }
            Some(since) if now.since(since) < self.moment => true,
            Some(_) => {
                self.since = None;
                self.credit = self.credit.saturating_sub(1);
                false
            }
        }
    }
}
