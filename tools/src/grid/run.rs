//! One run: a pair over a cell, in real time.
//!
//! The schedule calls [`run`] in a thread of its own. It makes the rig, lets one flow cross it for the
//! time of the cell, and hands back what was read and what the sender, the link and the clock say.

use std::path::Path;
use std::time::Instant as Clock;

use sidestep_stack::base::Duration;
use sidestep_stack::call::CongestionAlgorithm;

use super::cell::Party;
use super::flow::{Flow, Sent};
use super::plan::Job;
use super::rig::{GridFailed, Guests, Rig, Wanted, far};
use crate::link::Counters;

/// Where the receiver listens.
const PORT: u16 = 7_000;

/// How a run went.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Octets that the receiver read and found right.
    pub octets: u64,
    /// In this time, from the first SYN on.
    pub time: Duration,
    /// What the sender knows.
    pub sent: Sent,
    /// What the link did to the data.
    pub link: Counters,
    /// One packet in a hundred was handed over later than this.
    pub late_p99: Duration,
    /// Packets that a device of the link did not take.
    pub refused: u64,
}

impl Outcome {
    /// Bits a second.
    pub fn goodput(&self) -> f64 {
        self.octets as f64 * 8.0 / self.time.as_secs_f64().max(1e-9)
    }
}

/// Runs `job`. What Sidestep sends and receives is written to `capture`, if there is one.
///
/// # Errors
///
/// See [`GridFailed`].
pub fn run(
    job: &Job,
    congestion: CongestionAlgorithm,
    capture: Option<&Path>,
) -> Result<Outcome, GridFailed> {
    let guests = job.pair.parties().map(|party| match party {
        Party::Sidestep => Guests::WithSidestep,
        Party::Kernel => Guests::Kernel,
    });
    let rig = Rig::make(&Wanted {
        recipes: job.cell.recipes()?,
        seed: job.seed,
        guests,
        congestion,
        capture,
    })?;
    let ends = [0, 1].map(|place| rig.sidestep(place).unwrap_or(rig.kernel(place)));
    let end = Clock::now() + job.time;
    let flow = Flow::start(ends, far(ends[1], PORT), congestion, job.seed, end);
    let ended = flow.and_then(Flow::finish);
    let report = rig.finish();
    // What ended the flow says more than what ended the link after it.
    let (octets, sent) = ended?;
    let report = report?;
    Ok(Outcome {
        octets,
        time: job.time,
        sent,
        link: report.counters[0],
        late_p99: report.lateness.quantile(990),
        refused: report.refused,
    })
}
