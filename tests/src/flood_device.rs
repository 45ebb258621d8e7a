//! A flood of SYNs in real time: a [`Device`] that receives, besides what its cable brings, SYNs of many
//! hosts that do not exist (RFC 4987 §2).
//!
//! The program `syn_flood` puts it under a server. SYNs come at a steady rate, from ports and addresses of
//! 198.18.0.0/15 (RFC 2544) without end; what the server answers to them is counted and goes nowhere.
//! The cable itself is left as it is.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::epoll;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use sidestep::device::{Capabilities, Device, OutPacket, Packet, RoomSignal};
use sidestep_tools::packet::craft::{Ip, Segment, flags_of};

/// The sources: 131,072 addresses.
const NETWORK: u32 = 0xc612_0000;
const HOSTS: u64 = 1 << 17;

/// How often the packet thread is woken for the flood.
const TICK: Duration = Duration::from_micros(500);

/// What can be done with a flood from outside, and how much there was of it.
#[derive(Debug, Default)]
pub struct Flood {
    /// Whether SYNs come.
    pub is_on: AtomicBool,
    /// SYNs so far.
    pub syns: AtomicU64,
    /// What the server answered to them.
    pub answers: AtomicU64,
}

/// See the module.
#[derive(Debug)]
pub struct FloodDevice<D> {
    inner: D,
    flood: Arc<Flood>,
    server: (Ipv4Addr, u16),
    per_second: u64,
    /// Since when the flood runs, and how many SYNs it had then.
    since: Option<(Instant, u64)>,
    both: OwnedFd,
    timer: OwnedFd,
}

impl<D: Device> FloodDevice<D> {
    /// Floods `server` behind `inner` with `per_second` SYNs, while `flood` is on.
    ///
    /// # Errors
    ///
    /// No descriptor is left, or `inner` tells of its room in another way than by being readable.
    pub fn new(
        inner: D,
        flood: Arc<Flood>,
        server: (Ipv4Addr, u16),
        per_second: u64,
    ) -> io::Result<Self> {
        if inner.room_signal() != RoomSignal::Readable {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        let tick = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(TICK.subsec_nanos()),
        };
        let setting = Itimerspec {
            it_interval: tick,
            it_value: tick,
        };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &setting)?;
        let both = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for descriptor in [inner.descriptor(), timer.as_fd()] {
            let data = epoll::EventData::new_u64(0);
            epoll::add(&both, descriptor, data, epoll::EventFlags::IN)?;
        }
        Ok(Self {
            inner,
            flood,
            server,
            per_second,
            since: None,
            both,
            timer,
        })
    }

    /// SYNs that are due and did not come yet.
    fn due(&mut self) -> u64 {
        if !self.flood.is_on.load(Ordering::Relaxed) {
            self.since = None;
            return 0;
        }
        let sent = self.flood.syns.load(Ordering::Relaxed);
        let (since, before) = *self.since.get_or_insert((Instant::now(), sent));
        let elapsed_us = since.elapsed().as_micros() as u64;
        let due = before + elapsed_us * self.per_second / 1_000_000;
        due.saturating_sub(sent)
    }
}

/// The SYN with this number: like one of a usual host, so that all options are at stake.
fn syn(number: u64, server: (Ipv4Addr, u16)) -> Vec<u8> {
    let host = Ipv4Addr::from(NETWORK + (number.wrapping_mul(0x9e37_79b9) % HOSTS) as u32);
    let port = 1_024 + (number / HOSTS % 60_000) as u16;
    let ip = Ip::new(IpAddr::V4(host), IpAddr::V4(server.0));
    let options = [
        2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0, 1, 3, 3, 7,
    ];
    Segment {
        ip,
        source_port: port,
        destination_port: server.1,
        seq: number as u32,
        ack: 0,
        flags: flags_of("S"),
        window: 64_240,
        urgent: 0,
        options: options.to_vec(),
        text: Vec::new(),
    }
    .packet()
}

impl<D: Device> Device for FloodDevice<D> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn receive(&mut self, batch: &mut Vec<Packet>, packets_max: usize) -> io::Result<()> {
        // Takes the tick back.
        let _ = rustix::io::read(&self.timer, &mut [0; 8]);
        // What is meant comes first, so that the flood cannot starve it here.
        let before = batch.len();
        self.inner.receive(batch, packets_max)?;
        let room = packets_max.saturating_sub(batch.len() - before) as u64;
        let due = self.due().min(room);
        let first = self.flood.syns.fetch_add(due, Ordering::Relaxed);
        for number in first..first + due {
            batch.push(Packet::new(syn(number, self.server).into()));
        }
        Ok(())
    }

    fn transmit(&mut self, batch: &mut VecDeque<OutPacket>) -> io::Result<()> {
        let before = batch.len();
        batch.retain(|packet| {
            let header = packet.header.as_slice();
            let is_v4 = header.first().is_some_and(|octet| octet >> 4 == 4);
            let destination = header.get(16..20).and_then(|it| it.first_chunk::<4>());
            let of_flood =
                |it: &[u8; 4]| u64::from(u32::from_be_bytes(*it).wrapping_sub(NETWORK)) < HOSTS;
            !(is_v4 && destination.is_some_and(of_flood))
        });
        let answers = (before - batch.len()) as u64;
        self.flood.answers.fetch_add(answers, Ordering::Relaxed);
        self.inner.transmit(batch)
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.both.as_fd()
    }

    fn room_signal(&self) -> RoomSignal {
        RoomSignal::Readable
    }
}
