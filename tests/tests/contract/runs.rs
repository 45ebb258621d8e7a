//! How often each test runs, and under which disturbance.

use std::env;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use sidestep::contract::{Disturbance, Report};

/// How often; twice unless told otherwise, so that one run is disturbed.
const RUNS: &str = "SIDESTEP_CONTRACT_RUNS";

/// One of several runs of a test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Follows from its number; another one for each.
    pub(crate) seed: u64,
    /// Whether threads are held up at random.
    pub(crate) scheduler: Scheduler,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scheduler {
    /// The kernel's, undisturbed.
    Plain,
    /// Threads are held up, and share so many cores.
    Disturbed { cores: usize },
}

/// So long a run may take, with the others of the process before it.
const RUN_LIMIT: Duration = Duration::from_secs(120);

/// How often each test runs.
fn runs() -> u32 {
    env::var(RUNS).map_or(2, |text| text.parse().expect("a number of runs"))
}

/// So long all runs of a test may take.
pub(crate) fn limit() -> Duration {
    RUN_LIMIT * runs()
}

/// Only one test is disturbed at a time: a disturbance is of the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `test` as often as the environment says, and fails with the first report that is broken.
pub(crate) fn repeat(what: &str, mut test: impl FnMut(Run) -> Report) {
    let runs = runs();
    let _alone = alone();
    for number in 0..runs {
        let scheduler = match number % 4 {
            0 | 2 => Scheduler::Plain,
            1 => Scheduler::Disturbed { cores: 2 },
            _ => Scheduler::Disturbed { cores: 1 },
        };
        let run = Run {
            seed: 0x5eed_0000 + u64::from(number),
            scheduler,
        };
        let report = match scheduler {
            Scheduler::Plain => test(run),
            Scheduler::Disturbed { cores } => {
                let _pinned = Pinned::to(cores);
                let _disturbance = Disturbance::begin(run.seed);
                test(run)
            }
        };
        assert!(
            report.is_kept() && report.kept() > 0,
            "{what}, run {number} of {runs}, {run:?}:\n{report}"
        );
        if number == 0 {
            let skipped: Vec<_> = report.skipped().collect();
            println!(
                "{what}: {} promises kept, skipped: {skipped:?}",
                report.kept()
            );
        }
    }
}

/// While this lives, the thread runs on the first few of its cores, and so do all that it begins.
struct Pinned(Option<CpuSet>);

impl Pinned {
    fn to(cores: usize) -> Self {
        let Ok(before) = sched_getaffinity(None) else {
            return Self(None);
        };
        let mut few = CpuSet::new();
        (0..CpuSet::MAX_CPU)
            .filter(|core| before.is_set(*core))
            .take(cores)
            .for_each(|core| few.set(core));
        // Where it is not allowed, the disturbance alone has to do.
        match sched_setaffinity(None, &few) {
            Ok(()) => Self(Some(before)),
            Err(_) => Self(None),
        }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = sched_setaffinity(None, before);
        }
    }
}
