//! The published kit of the contract, on every transport: pipe, TCP over a perfect and over a lossy
//! link, Unix sockets, the host's kernel; blocking and under tokio.
//!
//! `SIDESTEP_CONTRACT_RUNS=100` repeats each test so often. Every other run is disturbed: threads
//! yield, spin and sleep by seed at each call and at each lock of the channels, on one core or two.
//! What is random there is the pressure, not the schedule; random schedules that repeat are those of
//! `api/src/channel/schedules`, under shuttle.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

mod blocking;
mod broken;
mod measured;
mod runs;
mod tasks;
mod worlds;
