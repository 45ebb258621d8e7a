//! A bad scheduler on real threads, by seed: yields, spins and short sleeps where threads meet.
//!
//! While a [`Disturbance`] lives, every lock of the channels between application threads and the
//! packet thread begins with one of them, and so does every call on a [`Pair`](super::Pair) that is
//! [`disturbed`](super::Pair::disturbed). Without the feature `contract` nothing of it is compiled;
//! with it and without a disturbance, a lock costs one relaxed load more.
//!
//! What each thread does follows from the seed and from the order in which threads first come here.
//! Which of them runs is still the kernel's choice: a seed repeats the pressure, not the schedule.
//! (The schedules themselves are random, and repeat, where the channels are tried under shuttle.)

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::kit::HalfClose;
use crate::any_conn::Conn;
use crate::deadline::Deadline;
use crate::{NetAddr, OpError};

/// The seed of the disturbance that goes on; 0 is none.
static SEED: AtomicU64 = AtomicU64::new(0);

/// Threads that have come here.
static THREADS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The seed that this thread's numbers follow from, and where they stand.
    static NUMBERS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// While this lives, all threads of the process are disturbed.
#[derive(Debug)]
#[must_use = "the disturbance ends when this is dropped"]
pub struct Disturbance(());

impl Disturbance {
    /// Begins to disturb all threads of the process; one that goes on already is replaced.
    pub fn begin(seed: u64) -> Self {
        SEED.store(seed | 1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Disturbance {
    fn drop(&mut self) {
        SEED.store(0, Ordering::Relaxed);
    }
}

/// A place where threads meet: yields, spins or sleeps a little, or does nothing.
#[inline]
pub(crate) fn point() {
    let seed = SEED.load(Ordering::Relaxed);
    if seed != 0 {
        disturb(seed);
    }
}

#[cold]
fn disturb(seed: u64) {
    let number = NUMBERS.with(|numbers| {
        let (of, mut state) = numbers.get();
        if of != seed {
            let thread = THREADS.fetch_add(1, Ordering::Relaxed);
            state = seed ^ thread.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        numbers.set((seed, state));
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    });
    match number % 256 {
        0..=63 => thread::yield_now(),
        64..=79 => {
            for _ in 0..(number >> 8) % 2_000 {
                std::hint::spin_loop();
            }
        }
        80..=81 => thread::sleep(Duration::from_micros((number >> 8) % 200)),
        _ => {}
    }
}

/// A connection whose every call is disturbed before and after.
pub(super) struct Disturbed<C: ?Sized>(pub(super) Arc<C>);

impl<C: Conn + ?Sized> fmt::Debug for Disturbed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<C: ?Sized> Disturbed<C> {
    fn call<T>(&self, call: impl FnOnce(&C) -> T) -> T {
        point();
        let result = call(&self.0);
        point();
        result
    }
}

impl<C: Conn + ?Sized> Conn for Disturbed<C> {
    fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        self.call(|conn| conn.read(octets))
    }

    fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        self.call(|conn| conn.write(octets))
    }

    fn write_some(&self, octets: &[u8]) -> Result<usize, OpError> {
        self.call(|conn| conn.write_some(octets))
    }

    fn close(&self) -> Result<(), OpError> {
        self.call(Conn::close)
    }

    fn local_addr(&self) -> NetAddr {
        self.call(Conn::local_addr)
    }

    fn remote_addr(&self) -> Option<NetAddr> {
        self.call(Conn::remote_addr)
    }

    fn set_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        self.call(|conn| conn.set_deadline(deadline))
    }

    fn set_read_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        self.call(|conn| conn.set_read_deadline(deadline))
    }

    fn set_write_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        self.call(|conn| conn.set_write_deadline(deadline))
    }
}

impl<C: HalfClose + ?Sized> HalfClose for Disturbed<C> {
    fn close_write(&self) -> Result<(), OpError> {
        self.call(HalfClose::close_write)
    }

    fn close_read(&self) -> Result<(), OpError> {
        self.call(HalfClose::close_read)
    }
}
