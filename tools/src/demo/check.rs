//! Runs one check after the other, each with a bound in time, and writes down how it went.
//!
//! `demo/mod.rs` hands over closures. A check that hangs or panics is a check that does not hold;
//! its thread is left behind, and the process ends soon after.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use sidestep::{DNSError, OpError};
use thiserror::Error;

use super::report::Check;
use crate::ping::PingFailed;

#[cfg(test)]
mod tests;

/// How long one check may take.
const CHECK_TIME_MAX: Duration = Duration::from_secs(20);
/// How long all checks together may take.
const CHECKS_TIME_MAX: Duration = Duration::from_secs(50);

/// Why a check does not hold.
#[derive(Debug, Error)]
pub enum Unmet {
    /// A call failed that should not have.
    #[error(transparent)]
    Network(#[from] OpError),
    /// A look-up failed that should not have.
    #[error(transparent)]
    Names(#[from] DNSError),
    /// No echo reply.
    #[error(transparent)]
    Ping(#[from] PingFailed),
    /// The machine failed us: no thread, no file.
    #[error(transparent)]
    Machine(#[from] io::Error),
    /// What came out is not what should.
    #[error("expected {expected}, found {found}")]
    Found {
        /// What should come out.
        expected: &'static str,
        /// What did.
        found: String,
    },
    /// It took too long.
    #[error("not done within {} s", time_max.as_secs())]
    OutOfTime {
        /// What it was allowed.
        time_max: Duration,
    },
    /// A bug of ours: the check panicked.
    #[error("the check panicked: {message}")]
    Panicked {
        /// What it said.
        message: String,
    },
}

impl Unmet {
    /// For what came out but should not have.
    pub fn found(expected: &'static str, found: impl ToString) -> Self {
        Self::Found {
            expected,
            found: found.to_string(),
        }
    }
}

/// Which checks have been run, and how they went.
#[derive(Debug)]
pub(super) struct Checks {
    began_at: Instant,
    done: Vec<Check>,
}

impl Checks {
    /// None yet; the clock of all checks begins.
    pub(super) fn begin() -> Self {
        Self {
            began_at: Instant::now(),
            done: Vec::new(),
        }
    }

    /// Runs `body`, which says in numbers what it saw, or why `name` does not hold.
    pub(super) fn run(
        &mut self,
        name: impl Into<String>,
        body: impl FnOnce() -> Result<String, Unmet> + Send + 'static,
    ) -> &Check {
        let left = CHECKS_TIME_MAX.saturating_sub(self.began_at.elapsed());
        let time_max = CHECK_TIME_MAX.min(left);
        let started_at = Instant::now();
        let outcome = if time_max.is_zero() {
            Err(Unmet::OutOfTime { time_max })
        } else {
            bounded(time_max, body)
        };
        let (ok, detail) = match outcome {
            Ok(detail) => (true, detail),
            Err(unmet) => (false, unmet.to_string()),
        };
        self.done.push(Check {
            name: name.into(),
            ok,
            detail,
            time: started_at.elapsed(),
        });
        &self.done[self.done.len() - 1]
    }

    /// All that were run.
    pub(super) fn into_vec(self) -> Vec<Check> {
        self.done
    }
}

fn bounded(
    time_max: Duration,
    body: impl FnOnce() -> Result<String, Unmet> + Send + 'static,
) -> Result<String, Unmet> {
    let (say, hear) = mpsc::channel();
    thread::Builder::new()
        .name("sidestep-check".to_owned())
        .spawn(move || {
            let outcome = panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
                Err(Unmet::Panicked {
                    message: panic_message(payload.as_ref()),
                })
            });
            // Nobody hears it if it is too late.
            let _ = say.send(outcome);
        })?;
    hear.recv_timeout(time_max)
        .unwrap_or(Err(Unmet::OutOfTime { time_max }))
}

fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
