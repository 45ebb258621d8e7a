//! A bad link in real time: a [`Device`] that loses, repeats, overtakes and delays what it receives.
//!
//! It wraps an end of a cable, as the contract's tests do for "TCP over a lossy link". What happens
//! to a packet follows from the seed and from how many came before it; when, is up to the clock and
//! to the threads. It never changes an octet of a packet: [`link`](crate::link) does, in virtual time.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};
use rustix::event::epoll;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use sidestep::device::{Capabilities, Device, OutPacket, Packet, RoomSignal};

/// What happens to packets on the way in. Chances are in thousandths.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Habits {
    /// A packet is lost.
    pub loss: u32,
    /// A packet arrives twice.
    pub duplication: u32,
    /// A packet is late by up to [`late_max`](Self::late_max), so that others overtake it.
    pub reordering: u32,
    /// How much later than others a packet is at the most.
    pub late_max: Duration,
    /// How long every packet takes.
    pub delay: Duration,
}

impl Habits {
    /// Bad enough that every recovery of TCP is seen in a short transfer: one packet in fifty is
    /// lost, in a hundred repeated, and in twenty overtaken.
    pub const BAD: Self = Self {
        loss: 20,
        duplication: 10,
        reordering: 50,
        late_max: Duration::from_millis(2),
        delay: Duration::from_micros(100),
    };
}

/// Packets that are held back, at the most: a longer queue loses what comes.
const HELD_PACKETS_MAX: usize = 4_096;

/// Packets that are taken from the other device at once.
const BATCH_PACKETS: usize = 64;

/// See the module.
#[derive(Debug)]
pub struct LossyDevice<D> {
    inner: D,
    habits: Habits,
    random: ChaCha12Rng,
    /// By the moment of arrival, then by order.
    held: BTreeMap<(Instant, u64), Packet>,
    count: u64,
    /// Readable when the inner device is, or when a packet that was held back is due.
    both: OwnedFd,
    timer: OwnedFd,
    /// What the timer is set to.
    rings_at: Option<Instant>,
    /// Met while packets were still held back: told once they are delivered.
    failure: Option<io::Error>,
    batch: Vec<Packet>,
}

impl<D: Device> LossyDevice<D> {
    /// Puts a bad link behind `inner`, whose room must be told by a readable descriptor.
    ///
    /// # Errors
    ///
    /// No descriptor is left, or `inner` tells of its room in another way.
    pub fn new(inner: D, habits: Habits, seed: u64) -> io::Result<Self> {
        if inner.room_signal() != RoomSignal::Readable {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        let both = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for descriptor in [inner.descriptor(), timer.as_fd()] {
            let data = epoll::EventData::new_u64(0);
            epoll::add(&both, descriptor, data, epoll::EventFlags::IN)?;
        }
        Ok(Self {
            inner,
            habits,
            random: ChaCha12Rng::seed_from_u64(seed),
            held: BTreeMap::new(),
            count: 0,
            both,
            timer,
            rings_at: None,
            failure: None,
            batch: Vec::new(),
        })
    }

    /// Decides what becomes of a packet.
    fn meet(&mut self, now: Instant, packet: Packet) {
        // All are drawn each time, so that one habit does not change what another one does.
        let lost = self.chance(self.habits.loss);
        let repeated = self.chance(self.habits.duplication);
        let late = self.chance(self.habits.reordering);
        let late_us = u64::try_from(self.habits.late_max.as_micros()).unwrap_or(u64::MAX);
        let extra = Duration::from_micros(self.random.random_range(0..=late_us));
        if lost || self.held.len() >= HELD_PACKETS_MAX {
            return;
        }
        let at = now + self.habits.delay;
        if repeated {
            self.hold(at + extra, packet.clone());
        }
        self.hold(if late { at + extra } else { at }, packet);
    }

    fn hold(&mut self, at: Instant, packet: Packet) {
        self.count += 1;
        self.held.insert((at, self.count), packet);
    }

    fn chance(&mut self, thousandths: u32) -> bool {
        self.random.random_range(0..1_000) < thousandths
    }

    /// Has the descriptor become readable when the next packet is due.
    fn wind_up(&mut self, now: Instant) -> io::Result<()> {
        let next = self.held.keys().next().map(|(at, _)| *at);
        // A failure that waits is fetched without delay.
        let next = if self.failure.is_some() && next.is_none() {
            Some(now)
        } else {
            next
        };
        if next == self.rings_at {
            return Ok(());
        }
        let mut setting = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::default(),
        };
        if let Some(at) = next {
            // Zero would switch it off.
            let left = at
                .saturating_duration_since(now)
                .max(Duration::from_nanos(1));
            setting.it_value = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            };
        }
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &setting)?;
        self.rings_at = next;
        Ok(())
    }
}

impl<D: Device> Device for LossyDevice<D> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn receive(&mut self, batch: &mut Vec<Packet>, packets_max: usize) -> io::Result<()> {
        let now = Instant::now();
        let mut arrived = std::mem::take(&mut self.batch);
        if self.failure.is_none()
            && let Err(error) = self.inner.receive(&mut arrived, BATCH_PACKETS)
        {
            self.failure = Some(error);
        }
        for packet in arrived.drain(..) {
            self.meet(now, packet);
        }
        self.batch = arrived;
        let mut delivered = 0;
        while delivered < packets_max
            && let Some(entry) = self.held.first_entry()
            && entry.key().0 <= now
        {
            batch.push(entry.remove());
            delivered += 1;
        }
        if self.held.is_empty()
            && delivered == 0
            && let Some(error) = self.failure.take()
        {
            return Err(error);
        }
        self.wind_up(now)
    }

    fn transmit(&mut self, batch: &mut VecDeque<OutPacket>) -> io::Result<()> {
        self.inner.transmit(batch)
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.both.as_fd()
    }

    fn room_signal(&self) -> RoomSignal {
        RoomSignal::Readable
    }
}
