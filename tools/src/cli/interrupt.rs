//! Ctrl-C and SIGTERM, as something to wait for.
//!
//! `up`, `serve` and `ping` make one [`Interrupt`] before they begin, so that they end with their
//! counts and undo what they set up. `nc` and `resolve` just end.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::Failure;

/// Set once, by the first signal. A second signal ends the process at once.
#[derive(Clone, Debug)]
pub(super) struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    came: Mutex<bool>,
    changed: Condvar,
}

impl Interrupt {
    /// Takes over the signals. `at_once` runs on the first one, in an ordinary thread: it closes what
    /// the command blocks on.
    pub(super) fn new(at_once: impl FnOnce() + Send + 'static) -> Result<Self, Failure> {
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(Failure::Machine)?;
        let shared = Arc::<Shared>::default();
        let ours = Self(Arc::clone(&shared));
        thread::Builder::new()
            .name("sidestep-signals".to_owned())
            .spawn(move || {
                let mut arrived = signals.forever();
                if arrived.next().is_some() {
                    *lock(&shared.came) = true;
                    shared.changed.notify_all();
                    at_once();
                }
                if let Some(signal) = arrived.next() {
                    std::process::exit(128 + signal);
                }
            })
            .map_err(Failure::Machine)?;
        Ok(ours)
    }

    /// Waits for a signal for up to `time`; true if it came.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let (came, _) = self
            .0
            .changed
            .wait_timeout_while(lock(&self.0.came), time, |came| !*came)
            .unwrap_or_else(PoisonError::into_inner);
        *came
    }
}

fn lock(came: &Mutex<bool>) -> std::sync::MutexGuard<'_, bool> {
    came.lock().unwrap_or_else(PoisonError::into_inner)
}
