//! Many runs at one time, as far as the machine can carry them.
//!
//! Each run has a weight, and no more run at once than a budget holds; what is heavier than the whole
//! budget runs alone. The heaviest begin first, so that the light ones fill the gaps. It does not know
//! what a run does.

use std::sync::mpsc::channel;
use std::thread;

use sidestep_stack::base::Duration;

/// Something that takes a part of the machine for a time.
pub trait Weighted {
    /// How large a part.
    fn weight(&self) -> u64;

    /// For how long.
    fn time(&self) -> Duration;
}

/// Runs all `jobs`, no more than `jobs_max` of them and no more than `budget` at one time, and hands each
/// with its outcome to `done` as soon as it is over. Once `done` says false, no more are begun.
pub fn run_all<J, T>(
    mut jobs: Vec<J>,
    budget: u64,
    jobs_max: usize,
    work: impl Fn(&J) -> T + Sync,
    mut done: impl FnMut(J, T) -> bool,
) where
    J: Weighted + Send,
    T: Send,
{
    jobs.sort_by_key(|job| std::cmp::Reverse(u128::from(job.weight()) * job.time().as_millis()));
    let (over, ended) = channel();
    thread::scope(|scope| {
        let (mut used, mut running, mut goes_on) = (0, 0, true);
        loop {
            while goes_on && running < jobs_max.max(1) {
                let fits = |job: &J| running == 0 || used + job.weight() <= budget;
                let Some(next) = jobs.iter().position(fits) else {
                    break;
                };
                let job = jobs.remove(next);
                (used, running) = (used + job.weight(), running + 1);
                let (over, work) = (over.clone(), &work);
                scope.spawn(move || {
                    let outcome = work(&job);
                    // The receiver waits for every one that was begun.
                    let _ = over.send((job, outcome));
                });
            }
            if running == 0 {
                break;
            }
            let Ok((job, outcome)) = ended.recv() else {
                break;
            };
            (used, running) = (used - job.weight(), running - 1);
            goes_on &= done(job, outcome);
        }
    });
}
