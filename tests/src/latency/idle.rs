//! When the machine was not idle: a watcher on each processor that does nothing but wake in time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A watcher wakes so often.
const TICK: Duration = Duration::from_millis(1);

/// A watcher that wakes later than this after its time did not have an idle processor.
const LATE: Duration = Duration::from_millis(1);

/// Watches every processor that this thread may use, until it is dropped.
#[derive(Debug)]
pub struct Watch {
    processors: Vec<Arc<Processor>>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Processor {
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// The watcher has looked at all that was before.
    until: Instant,
    /// From when a watcher should have woken to when it did, where that was late; oldest first.
    late: Vec<(Instant, Instant)>,
}

impl Watch {
    /// Begins to watch.
    ///
    /// # Errors
    ///
    /// The kernel does not say which processors there are.
    pub fn begin() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let over = Arc::new(AtomicBool::new(false));
        let mut watch = Self {
            processors: Vec::new(),
            over: over.clone(),
            threads: Vec::new(),
        };
        for number in (0..CpuSet::MAX_CPU).filter(|number| allowed.is_set(*number)) {
            let processor = Arc::new(Processor {
                seen: Mutex::new(Seen {
                    until: Instant::now(),
                    late: Vec::new(),
                }),
            });
            watch.processors.push(processor.clone());
            let over = over.clone();
            watch.threads.push(thread::spawn(move || {
                let mut only = CpuSet::new();
                only.set(number);
                // Whose processor was taken away watches wherever it is: `was_idle` waits for all.
                let _ = sched_setaffinity(None, &only);
                processor.watch(&over);
            }));
        }
        Ok(watch)
    }

    /// Whether every processor was idle enough, from `from` to `to`, to wake a thread in time.
    /// Returns when the watchers have looked at all of it.
    pub fn was_idle(&self, from: Instant, to: Instant) -> bool {
        self.processors.iter().all(|it| it.was_idle(from, to))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Processor {
    fn watch(&self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            let due = Instant::now() + TICK;
            thread::sleep(TICK);
            let woke = Instant::now();
            let mut seen = self.seen.lock();
            seen.until = woke;
            if woke - due > LATE {
                seen.late.push((due, woke));
            }
        }
    }

    fn was_idle(&self, from: Instant, to: Instant) -> bool {
        loop {
            let mut seen = self.seen.lock();
            if seen.until >= to {
                // Nobody asks twice about the same time.
                seen.late.retain(|(_, woke)| *woke >= from);
                return seen.late.iter().all(|(due, _)| *due > to);
            }
            drop(seen);
            thread::sleep(TICK);
        }
    }
}
