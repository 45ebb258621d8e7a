//! Calls that block while the promise goes on: threads whose result is waited for with an end.
//!
//! A call that never returns leaves its thread behind; the promise is broken then, and says which
//! call it was. Nothing here panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::report::Breach;
use crate::any_conn::Conn;

/// A call in a thread of its own.
#[derive(Debug)]
pub(super) struct Background<T> {
    what: &'static str,
    told: Receiver<T>,
}

impl<T: Send + 'static> Background<T> {
    /// Begins `work`, which the report calls `what`.
    pub(super) fn begin(
        what: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Self, Breach> {
        let (tell, told) = channel();
        thread::Builder::new()
            .name(what.into())
            .spawn(move || {
                let _ = tell.send(work());
            })
            .map_err(|error| Breach {
                expected: format!("a thread for {what}"),
                seen: error.to_string(),
            })?;
        Ok(Self { what, told })
    }

    /// Work that goes on elsewhere, and tells its result here.
    #[cfg(feature = "tokio")]
    pub(super) const fn told(what: &'static str, told: Receiver<T>) -> Self {
        Self { what, told }
    }

    /// Its result, if it comes within `time`.
    pub(super) fn within(&self, time: Duration) -> Result<T, Breach> {
        self.told.recv_timeout(time).map_err(|error| Breach {
            expected: format!("{} to return within {time:?}", self.what),
            seen: match error {
                RecvTimeoutError::Timeout => "it is still blocked".into(),
                RecvTimeoutError::Disconnected => "a panic".into(),
            },
        })
    }

    /// Its result, if it has one already.
    pub(super) fn now(&self) -> Option<T> {
        self.told.try_recv().ok()
    }
}

/// Reads and writes back what was read, until the connection ends. Gives how many octets.
pub(super) fn echo(conn: &Arc<dyn Conn>) -> Result<Background<usize>, Breach> {
    let conn = Arc::clone(conn);
    Background::begin("an echo", move || {
        let mut octets = [0; 1024];
        let mut count = 0;
        while let Ok(len @ 1..) = conn.read(&mut octets) {
            if conn.write(&octets[..len]).is_err() {
                break;
            }
            count += len;
        }
        count
    })
}

/// Reads and forgets, until the connection ends.
pub(super) fn discard(conn: &Arc<dyn Conn>) -> Result<Background<usize>, Breach> {
    let conn = Arc::clone(conn);
    Background::begin("a reader", move || {
        let mut octets = [0; 4096];
        let mut count = 0;
        while let Ok(len @ 1..) = conn.read(&mut octets) {
            count += len;
        }
        count
    })
}

/// Writes until the connection ends.
pub(super) fn supply(conn: &Arc<dyn Conn>) -> Result<Background<usize>, Breach> {
    let conn = Arc::clone(conn);
    Background::begin("a writer", move || {
        let octets = [b'x'; 4096];
        let mut count = 0;
        while let Ok(len) = conn.write(&octets) {
            count += len;
        }
        count
    })
}

/// Runs `work` in `threads` threads at once, each with its number, and gives the first failure.
pub(super) fn all_at_once(
    what: &'static str,
    threads: usize,
    time: Duration,
    work: impl Fn(usize) -> Result<(), Breach> + Clone + Send + 'static,
) -> Result<(), Breach> {
    let begun = Arc::new(AtomicUsize::new(0));
    let calls: Vec<_> = (0..threads)
        .map(|number| {
            let (work, begun) = (work.clone(), Arc::clone(&begun));
            Background::begin(what, move || {
                // They set off together, or nothing would race.
                begun.fetch_add(1, Ordering::SeqCst);
                while begun.load(Ordering::SeqCst) < threads {
                    thread::yield_now();
                }
                work(number)
            })
        })
        .collect::<Result<_, _>>()?;
    for call in calls {
        call.within(time)??;
    }
    Ok(())
}
