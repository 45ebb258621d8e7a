//! Watching packets: what crosses the device, with the reasons that the stack gives for it.
//!
//! [`NetOptions::watch`](crate::NetOptions::watch) installs a [`PacketWatcher`]; captures and flight
//! recorders are such watchers. It is called on a thread of its own: one that is slow loses packets,
//! which are counted, one that fails or panics is not called again, and neither ever holds up the
//! network. Nobody watching costs nothing.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant as WallInstant, SystemTime};

use parking_lot::{Condvar, Mutex};
use sidestep_stack::call::ConnectionId;
use sidestep_stack::{Instant, OutPacket, Packet, Status};

use crate::conn_events::ConnEventKind;

/// So much may wait for the watchers; what comes on top is lost to them.
const ENTRIES_MAX: usize = 8_192;
/// So many octets of packets may wait.
const OCTETS_MAX: usize = 32 << 20;
/// How long the end of a network waits for its watchers to look at what is left.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// Looks at packets. All methods are called on the watchers' own thread, one after the other; the
/// first error ends the watching.
pub trait PacketWatcher: fmt::Debug + Send {
    /// The network begins.
    ///
    /// # Errors
    ///
    /// The watcher cannot go on; it is not called again.
    fn begins(&mut self, about: &Watching) -> io::Result<()> {
        let _ = about;
        Ok(())
    }

    /// Something crossed the device, or happened.
    ///
    /// # Errors
    ///
    /// The watcher cannot go on; it is not called again.
    fn sees(&mut self, watched: &Watched) -> io::Result<()>;

    /// Nothing else waits: a good moment to write out what was held back.
    ///
    /// # Errors
    ///
    /// The watcher cannot go on; it is not called again.
    fn rests(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The network has ended; `how` tells whether in order.
    ///
    /// # Errors
    ///
    /// They change nothing any more.
    fn ends(&mut self, how: WatchEnd) -> io::Result<()> {
        let _ = how;
        Ok(())
    }
}

/// What is watched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Watching {
    /// What the device is called.
    pub device_name: String,
    /// When the stack's own time began.
    pub began: SystemTime,
    /// Octets of the largest packet.
    pub mtu_octets: u16,
}

/// How a network ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WatchEnd {
    /// It was closed, or its device is gone.
    InOrder,
    /// The packet thread panicked.
    Panic,
}

/// Something that crossed the device or happened, and what the stack observed with it.
#[derive(Clone, Debug)]
pub struct Watched {
    /// When, on the stack's own time line.
    pub at: Instant,
    /// What crossed the device.
    pub crossing: Crossing,
    /// What the stack observed with it, oldest first.
    pub observed: Vec<(Instant, ConnEventKind)>,
    /// The connection that the packet belongs to, if it belongs to one.
    pub connection: Option<ConnectionId>,
    /// That connection afterwards.
    pub status: Option<Box<Status>>,
    /// So many before this one were lost, because the watchers were too slow.
    pub lost_before: u64,
}

/// What crossed the device.
#[derive(Clone, Debug)]
pub enum Crossing {
    /// A (super)packet came.
    Arrived(Packet),
    /// A (super)packet left.
    Left(OutPacket),
    /// Nothing: a timer fired, or a call brought something about.
    Nothing,
}

impl Crossing {
    fn octets(&self) -> usize {
        match self {
            Self::Arrived(packet) => packet.octets.len(),
            Self::Left(packet) => packet.octets(),
            Self::Nothing => 0,
        }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<Watched>,
    octets: usize,
    /// Lost since the last entry that was taken in.
    lost: u64,
    lost_ever: u64,
    ended: Option<WatchEnd>,
    /// Nobody watches any more: all have failed, or the end was seen.
    is_over: bool,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    over: Condvar,
}

/// The packet thread's end of the queue to the watchers.
#[derive(Debug)]
pub(crate) struct Watch {
    queue: Arc<Queue>,
}

/// Whether anybody watches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Audience {
    /// Somebody does.
    Watching,
    /// All have failed.
    Gone,
}

impl Watch {
    /// Starts the watchers' thread.
    ///
    /// # Errors
    ///
    /// There is no thread left.
    pub(crate) fn start(
        watchers: Vec<Box<dyn PacketWatcher>>,
        about: Watching,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let theirs = Arc::clone(&queue);
        std::thread::Builder::new()
            .name("sidestep-watch".into())
            .spawn(move || watch(&theirs, watchers, &about))?;
        Ok(Self { queue })
    }

    /// Puts one in, or counts it as lost. It never waits for a watcher.
    pub(crate) fn put(&self, mut watched: Watched) -> Audience {
        let octets = watched.crossing.octets();
        let mut waiting = self.queue.waiting.lock();
        if waiting.is_over {
            return Audience::Gone;
        }
        if waiting.entries.len() >= ENTRIES_MAX || waiting.octets + octets > OCTETS_MAX {
            waiting.lost += 1;
            waiting.lost_ever += 1;
            return Audience::Watching;
        }
        watched.lost_before = std::mem::take(&mut waiting.lost);
        waiting.octets += octets;
        let was_empty = waiting.entries.is_empty();
        waiting.entries.push_back(watched);
        drop(waiting);
        if was_empty {
            self.queue.changed.notify_one();
        }
        Audience::Watching
    }

    /// How many were lost because the watchers were too slow.
    pub(crate) fn losses(&self) -> u64 {
        self.queue.waiting.lock().lost_ever
    }

    /// There will be no more. Waits for a bounded time until what is left was looked at.
    fn end(&self) {
        let how = if std::thread::panicking() {
            WatchEnd::Panic
        } else {
            WatchEnd::InOrder
        };
        let until = WallInstant::now() + LAST_LOOK;
        let mut waiting = self.queue.waiting.lock();
        waiting.ended = Some(how);
        self.queue.changed.notify_one();
        while !waiting.is_over {
            let waited = self.queue.over.wait_until(&mut waiting, until);
            if waited.timed_out() {
                return;
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

/// The watchers' thread.
fn watch(queue: &Queue, mut watchers: Vec<Box<dyn PacketWatcher>>, about: &Watching) {
    keep(&mut watchers, |watcher| watcher.begins(about));
    loop {
        let mut waiting = queue.waiting.lock();
        if watchers.is_empty() {
            break over(queue, waiting);
        }
        if waiting.entries.is_empty() {
            if let Some(how) = waiting.ended {
                drop(waiting);
                keep(&mut watchers, |watcher| watcher.ends(how));
                watchers.clear();
                continue;
            }
            drop(waiting);
            keep(&mut watchers, |watcher| watcher.rests());
            let mut waiting = queue.waiting.lock();
            if waiting.entries.is_empty() && waiting.ended.is_none() {
                queue.changed.wait(&mut waiting);
            }
            continue;
        }
        let entries = std::mem::take(&mut waiting.entries);
        drop(waiting);
        for entry in entries {
            keep(&mut watchers, |watcher| watcher.sees(&entry));
            // Only what was looked at makes room.
            queue.waiting.lock().octets -= entry.crossing.octets();
        }
    }
}

fn over(queue: &Queue, mut waiting: parking_lot::MutexGuard<'_, Waiting>) {
    waiting.entries = VecDeque::new();
    waiting.is_over = true;
    drop(waiting);
    queue.over.notify_all();
}

/// Calls each of the watchers, and lets those go that fail.
fn keep(
    watchers: &mut Vec<Box<dyn PacketWatcher>>,
    mut call: impl FnMut(&mut dyn PacketWatcher) -> io::Result<()>,
) {
    watchers.retain_mut(|watcher| {
        // A watcher that panicked is never touched again, so nobody sees it half changed.
        let outcome = catch_unwind(AssertUnwindSafe(|| call(&mut **watcher)));
        matches!(outcome, Ok(Ok(())))
    });
}

#[cfg(test)]
mod tests;
