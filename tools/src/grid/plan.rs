//! Which runs a grid is made of, and what each of them asks of the machine.
//!
//! The command gives lists; every combination is a cell, every cell has its pairs, and a pair has one
//! or several runs. The same number of a run means the same losses for every pair. It runs nothing.

use sidestep_stack::base::Duration;

use super::cell::{Cell, Depth, Loss, Pair, Party};
use super::schedule::Weighted;

/// Beyond this rate a cell is simulated: a joined pair of devices carries some 60,000 packets a second
/// altogether (see the book, "Links"), and 1,000 Mbit/s would be 125,000.
pub const RATE_MBIT_REAL_MAX: u32 = 200;

/// Packets a second that all runs at one time may ask for, in kernel-to-kernel packets: less than a half
/// of what the machine carries, so that it is never the machine that is measured.
pub const BUDGET_PACKETS: u64 = 25_000;

/// All runs of a pair together are to meet so many losses: the goodput of one that meets fifteen is off by
/// a fifth as often as not.
const LOSSES_WANTED: f64 = 100.0;

/// But no cell has more than so many times the runs that the plan says.
const RUNS_FACTOR_MAX: u32 = 4;

/// Whose clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Time {
    /// The machine's: with the kernel.
    Real,
    /// A world's: without it.
    Virtual,
}

/// What a grid is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Mbit/s.
    pub rates: Vec<u32>,
    /// Milliseconds.
    pub rtts: Vec<u32>,
    /// Loss.
    pub losses: Vec<Loss>,
    /// Queues.
    pub depths: Vec<Depth>,
    /// Who, in real time.
    pub pairs: Vec<Pair>,
    /// Runs of a cell with random loss; up to four times as many where one meets few losses.
    pub runs: u32,
    /// Of a cell without loss.
    pub runs_lossless: u32,
    /// How long each is, whatever the cell says.
    pub time: Option<Duration>,
    /// All chances follow from it.
    pub seed: u64,
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    /// Which cell: its place in [`Plan::cells`].
    pub number: usize,
    /// The cell.
    pub cell: Cell,
    /// Who.
    pub pair: Pair,
    /// Which run of them, from 0.
    pub run: u32,
    /// Of the link; the same for all pairs.
    pub seed: u64,
    /// How long.
    pub time: Duration,
}

impl Cell {
    /// Where this cell is measured.
    pub const fn clock(&self) -> Time {
        if self.rate_mbit <= RATE_MBIT_REAL_MAX {
            Time::Real
        } else {
            Time::Virtual
        }
    }
}

impl Plan {
    /// All cells, in the order of the table.
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for &rate_mbit in &self.rates {
            for &rtt_ms in &self.rtts {
                for &loss in &self.losses {
                    for &depth in &self.depths {
                        cells.push(Cell {
                            rate_mbit,
                            rtt_ms,
                            loss,
                            depth,
                        });
                    }
                }
            }
        }
        cells
    }

    /// How many runs a cell has: the fewer losses one of them is expected to meet, the more.
    fn runs_of(&self, cell: &Cell, time: Duration) -> u32 {
        if cell.loss == Loss::None {
            return self.runs_lossless;
        }
        let wanted = (LOSSES_WANTED / cell.losses(time).max(1e-9)).ceil() as u32;
        wanted.clamp(self.runs, self.runs.saturating_mul(RUNS_FACTOR_MAX))
    }

    /// All runs on one clock.
    pub fn jobs(&self, clock: Time) -> Vec<Job> {
        let mut jobs = Vec::new();
        let cells = self.cells().into_iter().enumerate();
        for (number, cell) in cells.filter(|(_, cell)| cell.clock() == clock) {
            let time = self.time.unwrap_or_else(|| cell.time());
            let runs = match clock {
                Time::Real => self.runs_of(&cell, time),
                // It repeats, and there is nobody to compare it with.
                Time::Virtual => 1,
            };
            let pairs = match clock {
                Time::Real => self.pairs.as_slice(),
                Time::Virtual => &[Pair::SidestepToSidestep],
            };
            for run in 0..runs {
                for &pair in pairs {
                    jobs.push(Job {
                        number,
                        cell,
                        pair,
                        run,
                        seed: seed(self.seed, number, run),
                        time,
                    });
                }
            }
        }
        jobs
    }
}

/// Links use a seed and the one after it.
fn seed(seed: u64, number: usize, run: u32) -> u64 {
    let place = (number as u64) << 16 | u64::from(run) << 1;
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(place)
}

impl Weighted for Job {
    /// With Sidestep each packet crosses three devices instead of two.
    fn weight(&self) -> u64 {
        let packets = self.cell.packets_a_second();
        if self.pair.parties().contains(&Party::Sidestep) {
            packets * 3 / 2
        } else {
            packets
        }
    }

    fn time(&self) -> Duration {
        self.time
    }
}
