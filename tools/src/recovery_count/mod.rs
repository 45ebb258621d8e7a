//! Bursts of loss in short transfers, ours and the kernel's: who needs the retransmission timer?
//!
//! `sidestep recovery` sends a MiB over a joined link of which one burst of first transmissions is
//! lost, once for each length and place of the burst, from our stack to the kernel and from the kernel
//! to itself. RFC 8985 repairs them without a timeout wherever something of the flight, or the probe of
//! its tail, arrives. Every run has namespaces of its own, and they end with it.

mod burst;
mod pattern;
mod run;
mod summary;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use sidestep::device::tun::TunError;
use sidestep::error::Errno;
use sidestep::{OpError, StartError};
use thiserror::Error;

use crate::link::RecipeError;
use crate::link::real_time::{JoinFailed, SideFailed};

pub use burst::BurstLoss;
pub use pattern::{Pattern, Place, SEGMENT_OCTETS, TRANSFER_OCTETS};
pub use run::{Outcome, Whose, run};
pub use summary::{Row, Summary};

/// Why a run came to nothing.
#[derive(Debug, Error)]
pub enum RecoveryFailed {
    /// Right or limit: no namespace, or no device in it.
    #[error(transparent)]
    Side(#[from] SideFailed),
    /// Right: no device.
    #[error(transparent)]
    Tun(#[from] TunError),
    /// Machine: no thread, or no descriptor.
    #[error("the machine: {0}")]
    Machine(#[from] io::Error),
    /// Our stack did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The link broke.
    #[error(transparent)]
    Join(#[from] JoinFailed),
    /// The recipe makes no sense: a bug.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// Path: our connection failed.
    #[error("Sidestep, {doing}: {source}")]
    Sidestep {
        /// What was to be done.
        doing: &'static str,
        /// Why it was not.
        source: OpError,
    },
    /// Path: the kernel's connection failed.
    #[error("the kernel, {doing}: {source}")]
    Kernel {
        /// What was to be done.
        doing: &'static str,
        /// Why it was not.
        source: io::Error,
    },
    /// What arrived is not what was sent.
    #[error("{0} octets arrived, or they were others than those that were sent")]
    Content(u64),
    /// Machine: the kernel does not tell of a connection.
    #[error("TCP_INFO: {0}")]
    Info(Errno),
    /// The kernel does not count its timeouts: Linux does since 6.7.
    #[error("TCP_INFO of this kernel has no tcpi_total_rto")]
    NoCount,
}

/// A run, and how it went.
#[derive(Debug)]
pub struct Told {
    /// Whose sender.
    pub whose: Whose,
    /// What was lost.
    pub pattern: Pattern,
    /// How it went.
    pub outcome: Result<Outcome, RecoveryFailed>,
}

/// Runs all `patterns` for both senders, so many at one time, and tells of each as it ends.
pub fn run_all(patterns: &[Pattern], jobs: usize, mut told: impl FnMut(Told)) {
    let runs: Vec<(Whose, Pattern)> = patterns
        .iter()
        .flat_map(|pattern| Whose::ALL.map(|whose| (whose, *pattern)))
        .collect();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = channel();
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (sender, runs, next) = (sender.clone(), &runs, &next);
            scope.spawn(move || work(runs, next, &sender));
        }
        drop(sender);
        for one in receiver {
            told(one);
        }
    });
}

fn work(runs: &[(Whose, Pattern)], next: &AtomicUsize, sender: &Sender<Told>) {
    while let Some((whose, pattern)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
        let told = Told {
            whose: *whose,
            pattern: *pattern,
            outcome: run(*whose, *pattern),
        };
        if sender.send(told).is_err() {
            return;
        }
    }
}
