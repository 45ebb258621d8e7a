//! A bad link in real time: a [`Device`] that does to what it receives as a recipe says.
//!
//! It wraps an end of a cable with a [`Link`] of the tools, as the contract's tests do for "TCP over a
//! lossy link". What happens to a packet follows from the seed and from how many came before it; when,
//! is up to the clock and to the threads. Devices that take over work are refused: a link carries
//! packets as they are on the wire.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Instant as Clock;

use rustix::event::epoll;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use sidestep::device::{Capabilities, Device, OutPacket, Packet, RoomSignal};
use sidestep_stack::base::{Duration, Instant};
use sidestep_tools::link::{Link, Recipe, Transit};

/// Bad enough that every recovery of TCP is seen in a short transfer: one packet in fifty is lost, in
/// a hundred repeated, and in twenty overtaken.
pub const BAD: &str = "loss=2%,duplicate=1%,reorder=5%,overtakers=20,hold=2ms,delay=100us";

/// Packets that are taken from the other device at once.
const BATCH_PACKETS: usize = 64;

/// See the module.
#[derive(Debug)]
pub struct LossyDevice<D> {
    inner: D,
    link: Link,
    began: Clock,
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
    /// No descriptor is left, or `inner` tells of its room in another way or takes over work.
    pub fn new(inner: D, recipe: &Recipe, seed: u64) -> io::Result<Self> {
        let capabilities = inner.capabilities();
        if inner.room_signal() != RoomSignal::Readable
            || capabilities.partial_checksum
            || capabilities.segmentation
        {
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
            link: Link::new(recipe, seed),
            began: Clock::now(),
            both,
            timer,
            rings_at: None,
            failure: None,
            batch: Vec::new(),
        })
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.began.elapsed()
    }

    /// Has the descriptor become readable when the next packet is due.
    fn wind_up(&mut self, now: Instant) -> io::Result<()> {
        let next = self.link.next_deadline();
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
            let left = now.until(at).max(Duration::from_nanos(1));
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
        let now = self.now();
        let mut arrived = std::mem::take(&mut self.batch);
        if self.failure.is_none()
            && let Err(error) = self.inner.receive(&mut arrived, BATCH_PACKETS)
        {
            self.failure = Some(error);
        }
        for packet in arrived.drain(..) {
            self.link.packet_arrives(now, packet.octets);
        }
        self.batch = arrived;
        let mut delivered = 0;
        while delivered < packets_max
            && let Some(transit) = self.link.next_packet(now)
        {
            let (Transit::Forward(packet) | Transit::Back(packet)) = transit;
            batch.push(Packet::new(packet));
            delivered += 1;
        }
        if self.link.held_packets() == 0
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
