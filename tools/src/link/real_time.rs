//! Joins two devices through a link in each direction, in real time.
//!
//! `sidestep link` and tests of the kernel's TCP call [`join`] with two TUN devices, each in a network
//! namespace of its own ([`Side`]). It moves packets with the same [`Link`]s as the simulator, reads
//! the clock for them, and says how late it handed packets over: it never claims to be exact.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant as Clock;

use bytes::Bytes;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use sidestep::device::{Device, OutPacket, Packet, is_gone};
use sidestep_stack::base::{Duration, Instant};
use thiserror::Error;

use super::{Counters, Link, Recipe, Transit};

mod lateness;
mod measure;
mod side;
#[cfg(test)]
mod tests;

pub use lateness::Lateness;
pub use measure::{MeasureFailed, Probed, Transferred, probe, transfer};
pub use side::{Side, SideFailed, SideOptions, Terminal};

/// Packets that are taken from a device before the other one has its turn.
const BATCH_PACKETS: usize = 64;

/// The kernel may be this late when we ask to be woken; without, it may be 50 µs late to save power.
const TIMER_SLACK_NANOS: NonZeroU64 = NonZeroU64::MIN;

/// The nice value of whoever shall run as soon as it can.
const FIRST_IN_LINE: i32 = -20;

/// No wait for packets is longer, so that what else must be looked at is.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Errors of a device in a row, without a packet between, after which it is given up.
const ERRORS_IN_A_ROW_MAX: u32 = 1_000;

/// What two devices are joined by, and for how long.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From the first device to the second, and from the second to the first.
    pub recipes: [Recipe; 2],
    /// The seed of the first direction; the other one has the next number.
    pub seed: u64,
    /// Ends by itself after this time.
    pub time: Option<Duration>,
    /// Looks at the clock without sleeping for this long before a packet is due. It costs a core for
    /// as long, and does not help where there is only one.
    pub spin: Duration,
}

/// Ends a [`join`] from another thread. Clones end the same one.
#[derive(Clone, Debug)]
pub struct Stop(Arc<StopState>);

#[derive(Debug)]
struct StopState {
    is_set: AtomicBool,
    wake: OwnedFd,
}

impl Stop {
    /// One that is not set.
    ///
    /// # Errors
    ///
    /// The process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(StopState {
            is_set: AtomicBool::new(false),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })))
    }

    /// The join ends as soon as it looks.
    pub fn set(&self) {
        self.0.is_set.store(true, Ordering::Release);
        // A counter that is full is readable already.
        let _ = rustix::io::write(&self.0.wake, &1_u64.to_ne_bytes());
    }

    fn is_set(&self) -> bool {
        self.0.is_set.load(Ordering::Acquire)
    }
}

/// Why two devices are no longer joined, or never were.
#[derive(Debug, Error)]
pub enum JoinFailed {
    /// Machine: it cannot be waited for packets.
    #[error("waiting for packets: {0}")]
    Wait(io::Error),
    /// Machine: a device carries no packets any more.
    #[error("{which}: {source}")]
    Device {
        /// Which one.
        which: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// What was joined, and how it went.
#[derive(Clone, Debug)]
pub struct Report {
    /// How long it was.
    pub time: Duration,
    /// What the links did, from the first device and from the second.
    pub counters: [Counters; 2],
    /// How late packets were handed over.
    pub lateness: Lateness,
    /// Packets that the kernel did not take, because a device was down or had no room.
    pub refused: u64,
}

/// Joins `a` and `b` until `stop` is set or the time of the settings is over.
///
/// What is held in the links then is lost. The calling thread is given the highest priority that the
/// kernel allows it, and keeps it.
///
/// # Errors
///
/// See [`JoinFailed`].
pub fn join<'a>(
    a: &'a mut dyn Device,
    b: &'a mut dyn Device,
    settings: &Settings,
    stop: &Stop,
) -> Result<Report, JoinFailed> {
    // A kernel that refuses either makes packets a little later. Both are the calling thread's.
    let _ = rustix::thread::set_current_timer_slack(Some(TIMER_SLACK_NANOS));
    let _ = rustix::process::setpriority_process(None, FIRST_IN_LINE);
    let [forward, back] = &settings.recipes;
    let mut joint = Joint {
        began: Clock::now(),
        links: [
            Link::new(forward, settings.seed),
            Link::new(back, settings.seed.wrapping_add(1)),
        ],
        lateness: Lateness::default(),
        refused: 0,
        errors_in_a_row: 0,
        arrived: Vec::new(),
        sending: VecDeque::new(),
    };
    let end = settings.time.map(|time| Instant::ZERO + time);
    let mut devices = [a, b];
    while !stop.is_set() && end.is_none_or(|end| joint.now() < end) {
        let [a, b] = &mut devices;
        joint.take(0, &mut **a)?;
        joint.take(1, &mut **b)?;
        joint.deliver([&mut **a, &mut **b])?;
        let [a, b] = &devices;
        joint.wait([&**a, &**b], stop, end, settings.spin)?;
    }
    Ok(Report {
        time: joint.now().since(Instant::ZERO),
        counters: joint.links.map(|link| *link.counters()),
        lateness: joint.lateness,
        refused: joint.refused,
    })
}

const NAMES: [&str; 2] = ["the first device", "the second device"];

/// Two links between two devices.
#[derive(Debug)]
struct Joint {
    began: Clock,
    links: [Link; 2],
    lateness: Lateness,
    refused: u64,
    errors_in_a_row: u32,
    /// Empty between two turns; kept for their room.
    arrived: Vec<Packet>,
    sending: VecDeque<OutPacket>,
}

impl Joint {
    fn now(&self) -> Instant {
        let nanos = self.began.elapsed().as_nanos();
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// What a device has enters its link.
    fn take(&mut self, from: usize, device: &mut dyn Device) -> Result<(), JoinFailed> {
        let outcome = device.receive(&mut self.arrived, BATCH_PACKETS);
        let now = self.now();
        if !self.arrived.is_empty() {
            self.errors_in_a_row = 0;
        }
        for packet in self.arrived.drain(..) {
            self.links[from].packet_arrives(now, packet.octets);
        }
        outcome.or_else(|error| self.survive(from, error))
    }

    /// All that is due leaves, in order of time, each direction by itself.
    fn deliver(&mut self, devices: [&mut dyn Device; 2]) -> Result<(), JoinFailed> {
        let [a, b] = devices;
        // What leaves the first link goes to the second device, unless it goes back.
        self.deliver_from(0, &mut *a, &mut *b)?;
        self.deliver_from(1, b, a)
    }

    fn deliver_from(
        &mut self,
        from: usize,
        sender: &mut dyn Device,
        receiver: &mut dyn Device,
    ) -> Result<(), JoinFailed> {
        let now = self.now();
        // Ends: each round is at a later moment, or takes a packet out.
        while let Some(due) = self.links[from].next_deadline().filter(|due| *due <= now) {
            while let Some(transit) = self.links[from].next_packet(due) {
                self.lateness.add(self.now().since(due));
                match transit {
                    Transit::Forward(packet) => self.send(1 - from, receiver, packet)?,
                    Transit::Back(packet) => self.send(from, sender, packet)?,
                }
            }
        }
        Ok(())
    }

    fn send(
        &mut self,
        to: usize,
        device: &mut dyn Device,
        packet: Bytes,
    ) -> Result<(), JoinFailed> {
        self.sending.push_back(OutPacket {
            text: packet.into(),
            ..OutPacket::default()
        });
        let outcome = device.transmit(&mut self.sending);
        self.refused += self.sending.len() as u64;
        self.sending.clear();
        outcome.or_else(|error| {
            self.refused += 1;
            self.survive(to, error)
        })
    }

    /// A device that is down may come up again; one that is gone does not.
    fn survive(&mut self, which: usize, source: io::Error) -> Result<(), JoinFailed> {
        self.errors_in_a_row += 1;
        if is_gone(&source) || self.errors_in_a_row > ERRORS_IN_A_ROW_MAX {
            let which = NAMES[which];
            return Err(JoinFailed::Device { which, source });
        }
        Ok(())
    }

    /// Sleeps until a packet comes or is due.
    fn wait(
        &self,
        devices: [&dyn Device; 2],
        stop: &Stop,
        end: Option<Instant>,
        spin: Duration,
    ) -> Result<(), JoinFailed> {
        let deadlines = self.links.iter().filter_map(Link::next_deadline);
        let next = deadlines.chain(end).min();
        let now = self.now();
        let left = next.map_or(WAIT_MAX, |next| now.until(next)).min(WAIT_MAX);
        if left.is_zero() {
            return Ok(());
        }
        let time = left.saturating_sub(spin);
        let timeout = Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: i64::from(time.subsec_nanos()),
        };
        let [a, b] = devices.map(Device::descriptor);
        let mut waiting =
            [a, b, stop.0.wake.as_fd()].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        match poll(&mut waiting, Some(&timeout)) {
            Ok(0) => {}
            Ok(_) | Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(JoinFailed::Wait(error.into())),
        }
        if let Some(next) = next.filter(|next| self.now().until(*next) <= spin) {
            while self.now() < next && !stop.is_set() {
                std::hint::spin_loop();
            }
        }
        Ok(())
    }
}
