//! The grid: how Sidestep's TCP fares against the kernel's over the same bad paths.
//!
//! A [`Cell`] is a path: rate, round trip, loss, queue. Three [`Pair`]s of senders and receivers cross it,
//! in real time where the machine can carry it and in the simulator elsewhere, and the goodput of
//! Sidestep is compared with that of the kernel alone. `sidestep grid` prints; nothing here does.

mod cell;
pub mod fairness;
mod flow;
mod plan;
mod rig;
mod run;
mod schedule;
mod simulated;
mod summary;
#[cfg(test)]
mod tests;

pub use cell::{Cell, Depth, Loss, NotOfTheGrid, Pair, Party};
pub use flow::{FlowFailed, Sent};
pub use plan::{BUDGET_PACKETS, Job, Plan, RATE_MBIT_REAL_MAX, Time};
pub use rig::{Facts, GridFailed, facts};
pub use run::{Outcome, run};
pub use schedule::{Weighted, run_all};
pub use simulated::simulate;
pub use summary::{Goodput, MEDIAN_MIN, RATIO_MIN, Row, Summary, rows, table};
