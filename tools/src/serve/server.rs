//! Accepts connections and gives each a thread, never more than a bound.
//!
//! `sidestep serve` and the demo hold a [`Server`]; [`Server::run`] ends when its listener is
//! closed. While the bound is reached nothing is accepted, so the peers wait in the backlog.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use sidestep::{AnyConn, Listener, NetError as _, OpError};

use super::Service;

/// Stacks of the connections' threads: the services keep their buffers on the heap.
const THREAD_STACK_OCTETS: usize = 256 * 1024;

/// What a server has done so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ServerCounts {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that ended with an error.
    pub failed: u64,
}

/// A service on a listener.
#[derive(Debug)]
pub struct Server {
    service: Service,
    places: Arc<Places>,
    accepted: AtomicU64,
    failed: Arc<AtomicU64>,
}

impl Server {
    /// Serves up to `connections_max` connections at a time.
    pub fn new(service: Service, connections_max: usize) -> Self {
        Self {
            service,
            places: Arc::new(Places::new(connections_max)),
            accepted: AtomicU64::new(0),
            failed: Arc::default(),
        }
    }

    /// What it has done so far.
    pub fn counts(&self) -> ServerCounts {
        ServerCounts {
            accepted: self.accepted.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// Accepts until `listener` is closed. Connections that it accepted live on.
    ///
    /// # Errors
    ///
    /// The listener failed, other than by being closed.
    pub fn run(&self, listener: &dyn Listener) -> Result<(), OpError> {
        loop {
            let place = Places::take(&self.places);
            let conn = match listener.accept() {
                Ok(conn) => conn,
                Err(error) if error.is_closed() => return Ok(()),
                Err(error) if error.temporary() => continue,
                Err(error) => return Err(error),
            };
            self.accepted.fetch_add(1, Ordering::Relaxed);
            self.serve(conn, place);
        }
    }

    fn serve(&self, conn: AnyConn, place: Place) {
        let service = self.service.clone();
        let failed = Arc::clone(&self.failed);
        let thread = thread::Builder::new()
            .name("sidestep-serve".to_owned())
            .stack_size(THREAD_STACK_OCTETS)
            .spawn(move || {
                if service.run(&conn).is_err() {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
                // It may have failed; then there is nothing more to end.
                let _ = conn.close();
                drop(place);
            });
        if thread.is_err() {
            // No thread to be had: the connection was dropped with the closure, which closes it.
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How many threads there may still be.
#[derive(Debug)]
struct Places {
    free: Mutex<usize>,
    freed: Condvar,
}

/// The right to one thread; gives itself back.
#[derive(Debug)]
struct Place(Arc<Places>);

impl Places {
    fn new(places: usize) -> Self {
        Self {
            free: Mutex::new(places.max(1)),
            freed: Condvar::new(),
        }
    }

    fn take(places: &Arc<Self>) -> Place {
        let mut free = places.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = places
                .freed
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Place(Arc::clone(places))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free += 1;
        self.0.freed.notify_one();
    }
}
