//! Many seeds, each a world of its own kind: does every octet arrive, and does every run end?
//!
//! A seed is the whole input of a run, so a range of them can be split over threads and over
//! machines in any way. `sidestep sim sweep`, CI and tests call [`run`] and [`sweep`]. A seed that fails
//! says why, and the same seed fails again.

mod plan;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use sidestep_stack::event::ConnectionError;
use sidestep_stack::{Duration, Instant};
use thiserror::Error;

pub use plan::{Conversation, HostSettings, Plan, Terms, Topology};

use super::failure::{Discontent, Violation};
use super::{BuildError, Checks, Failure, Limits};
use crate::link::RecipeError;

/// Why a seed failed.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SweepError {
    /// A rule does not hold, an octet is wrong, or the run does not end.
    #[error(transparent)]
    Failure(#[from] Box<Failure>),
    /// The world cannot be built: a bug of the plan.
    #[error("the world cannot be built: {0}")]
    Build(#[from] BuildError),
    /// The recipe makes no sense: a bug of the plan.
    #[error("the recipe makes no sense: {0}")]
    Recipe(#[from] RecipeError),
    /// The stack or the world panicked.
    #[error("panicked: {0}")]
    Panicked(String),
}

/// How a seed went.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// SHA-256 of all packets and moments.
    pub digest: String,
    /// When the last connection was gone.
    pub virtual_time: Duration,
    /// Steps of the world.
    pub happenings: u64,
    /// Packets that crossed a host's door.
    pub crossings: u64,
    /// Octets that arrived, each verified.
    pub octets: u64,
    /// Segments that were sent again.
    pub retransmissions: u64,
    /// Connections that the peer reset, as planned.
    pub resets: u64,
}

/// A seed and how it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Which seed.
    pub seed: u64,
    /// On which terms.
    pub terms: Terms,
    /// How it went.
    pub outcome: Result<Outcome, SweepError>,
}

impl Verdict {
    /// True if a connection was given up after as many retransmissions as R2 allows, or as much time
    /// as an opening may take (RFC 9293 §3.8.3), where that may be. Its other end hears of it by a
    /// reset, or never.
    pub fn gave_up(&self) -> bool {
        let (Terms::Loss(_), Err(SweepError::Failure(failure))) = (self.terms, &self.outcome)
        else {
            return false;
        };
        match &failure.violation {
            Violation::Application {
                discontent: Discontent::Failed(error),
                ..
            } => matches!(error, ConnectionError::TimedOut | ConnectionError::Reset),
            violation => matches!(violation, Violation::Stuck { .. }),
        }
    }
}

/// A hundred days of virtual time, and more happenings than the worst plan needs.
const LIMITS: Limits = Limits {
    until: Instant::from_secs(8_640_000),
    happenings: 50_000_000,
};

/// Runs one seed.
///
/// # Errors
///
/// See [`SweepError`].
pub fn run(seed: u64) -> Result<Outcome, SweepError> {
    run_with(Terms::Grid, seed, Checks::On)
}

/// As [`run`], on these terms, with the rules checked or not.
///
/// # Errors
///
/// See [`SweepError`].
pub fn run_with(terms: Terms, seed: u64, checks: Checks) -> Result<Outcome, SweepError> {
    let mut world = Plan::on(terms, seed)?.world(checks)?;
    world.run(LIMITS)?;
    let mut outcome = Outcome {
        digest: world.digest(),
        virtual_time: world.now().since(Instant::ZERO),
        happenings: world.happenings(),
        crossings: world.crossings(),
        octets: 0,
        retransmissions: 0,
        resets: 0,
    };
    for (_, host) in world.hosts() {
        for application in host.applications() {
            let progress = application.progress();
            outcome.octets += progress.octets_read;
            outcome.retransmissions += progress.retransmissions;
            outcome.resets += u64::from(progress.failed.is_some());
        }
    }
    Ok(outcome)
}

/// As [`run`], and a panic is a failure like others.
fn judge(terms: Terms, seed: u64) -> Verdict {
    let run = || run_with(terms, seed, Checks::On);
    let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|cause| {
        let text = cause
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| cause.downcast_ref::<&str>().map(ToString::to_string));
        Err(SweepError::Panicked(text.unwrap_or_default()))
    });
    Verdict {
        seed,
        terms,
        outcome,
    }
}

/// So far may a thread be ahead of the slowest seed: what bounds the verdicts that wait their turn.
const AHEAD_MAX: u64 = 4_096;

/// Runs all `seeds` with so many threads, and gives the verdicts in the order of the seeds.
pub fn sweep(seeds: Range<u64>, terms: Terms, jobs: usize, mut verdict: impl FnMut(Verdict)) {
    let next = AtomicU64::new(seeds.start);
    let told = AtomicU64::new(seeds.start);
    let (sender, receiver) = sync_channel(64);
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let sender = sender.clone();
            let (next, told, end) = (&next, &told, seeds.end);
            scope.spawn(move || work(terms, next, told, end, &sender));
        }
        drop(sender);
        in_order(seeds.start, &told, &receiver, &mut verdict);
    });
}

fn work(terms: Terms, next: &AtomicU64, told: &AtomicU64, end: u64, sender: &SyncSender<Verdict>) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return;
        }
        while seed - told.load(Ordering::Acquire).min(seed) > AHEAD_MAX {
            thread::sleep(std::time::Duration::from_millis(1));
        }
        if sender.send(judge(terms, seed)).is_err() {
            return;
        }
    }
}

/// Hands verdicts on in the order of their seeds.
fn in_order(
    first: u64,
    told: &AtomicU64,
    receiver: &Receiver<Verdict>,
    verdict: &mut impl FnMut(Verdict),
) {
    let mut waiting = BTreeMap::new();
    let mut next = first;
    for one in receiver {
        waiting.insert(one.seed, one);
        while let Some(one) = waiting.remove(&next) {
            next += 1;
            told.store(next, Ordering::Release);
            verdict(one);
        }
    }
}

/// The sum of many verdicts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Seeds that went well.
    pub passed: u64,
    /// Seeds that did not, the first [`FAILED_MAX`] of them.
    pub failed: Vec<u64>,
    /// How many did not.
    pub failures: u64,
    /// Seeds in which a connection was given up, as it may be on their terms, the first
    /// [`FAILED_MAX`] of them.
    pub gave_up: Vec<u64>,
    /// How many those are.
    pub incomplete: u64,
    /// Of those that went well, together.
    pub virtual_time: Duration,
    /// Octets that arrived.
    pub octets: u64,
    /// Packets at the doors of hosts.
    pub crossings: u64,
    /// Segments sent again.
    pub retransmissions: u64,
    /// Connections reset as planned.
    pub resets: u64,
}

/// So many failing seeds are listed.
pub const FAILED_MAX: usize = 1_000;

impl Summary {
    /// Adds a verdict.
    pub fn add(&mut self, verdict: &Verdict) {
        match &verdict.outcome {
            Ok(outcome) => {
                self.passed += 1;
                self.virtual_time += outcome.virtual_time;
                self.octets += outcome.octets;
                self.crossings += outcome.crossings;
                self.retransmissions += outcome.retransmissions;
                self.resets += outcome.resets;
            }
            Err(_) if verdict.gave_up() => {
                self.incomplete += 1;
                if self.gave_up.len() < FAILED_MAX {
                    self.gave_up.push(verdict.seed);
                }
            }
            Err(_) => {
                self.failures += 1;
                if self.failed.len() < FAILED_MAX {
                    self.failed.push(verdict.seed);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
