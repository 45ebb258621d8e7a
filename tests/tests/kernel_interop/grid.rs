//! The judge of the grid itself: one path that every pair fills, and one that two flows share.
//!
//! Seconds on a machine that is busy elsewhere prove no ratio; that is what `sidestep grid` is for.
//! Here every pair must cross the link, whole and no faster than the path, and nobody may be starved.

use std::time::Duration;

use sidestep_stack::call::CongestionAlgorithm;
use sidestep_tests::namespace_net::{in_own_network, skip};
use sidestep_tools::grid::fairness::{self, Contest, Sender};
use sidestep_tools::grid::{Cell, Depth, GridFailed, Job, Loss, Outcome, Pair, Party, run};

const CUBIC: CongestionAlgorithm = CongestionAlgorithm::Cubic;

/// What came of it, unless this machine has no such devices.
fn unless_skipped<T>(outcome: Result<T, GridFailed>) -> Option<T> {
    match outcome {
        Ok(outcome) => Some(outcome),
        Err(error @ (GridFailed::Side(_) | GridFailed::Tun(_) | GridFailed::Setting { .. })) => {
            skip(&error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn path(loss: Loss) -> Cell {
    Cell {
        rate_mbit: 10,
        rtt_ms: 20,
        loss,
        depth: Depth::Whole,
    }
}

fn outcome(pair: Pair, loss: Loss) -> Option<Outcome> {
    let job = Job {
        number: 0,
        cell: path(loss),
        pair,
        run: 0,
        seed: 5,
        time: Duration::from_secs(3),
    };
    let outcome = unless_skipped(run(&job, CUBIC, None))?;
    assert_eq!(outcome.time, job.time);
    assert!(outcome.goodput() <= job.cell.most(), "{pair}: {outcome:?}");
    Some(outcome)
}

#[test]
fn every_pair_fills_a_path_that_loses_nothing() {
    in_own_network(
        concat!(
            module_path!(),
            "::every_pair_fills_a_path_that_loses_nothing"
        ),
        env!("CARGO_BIN_EXE_in-own-network"),
        || {
            for pair in Pair::REAL {
                let Some(outcome) = outcome(pair, Loss::None) else {
                    return;
                };
                let share = outcome.goodput() / path(Loss::None).most();
                assert!(share > 0.6, "{pair}: {share} {outcome:?}");
            }
        },
    );
}

#[test]
fn every_pair_meets_the_same_losses_and_its_sender_tells_of_them() {
    in_own_network(
        concat!(
            module_path!(),
            "::every_pair_meets_the_same_losses_and_its_sender_tells_of_them"
        ),
        env!("CARGO_BIN_EXE_in-own-network"),
        || {
            for pair in Pair::REAL {
                let loss = Loss::Random { per_100_000: 2_000 };
                let Some(outcome) = outcome(pair, loss) else {
                    return;
                };
                assert!(outcome.link.lost_random > 0, "{pair}: {outcome:?}");
                // The last ones may not be repaired yet.
                let seen = outcome.sent.retransmissions + 20;
                assert!(seen > outcome.link.lost(), "{pair}: {outcome:?}");
            }
        },
    );
}

#[test]
fn two_flows_in_one_queue_both_get_through() {
    in_own_network(
        concat!(module_path!(), "::two_flows_in_one_queue_both_get_through"),
        env!("CARGO_BIN_EXE_in-own-network"),
        || {
            let contest = Contest {
                cell: path(Loss::None),
                senders: [Party::Sidestep, Party::Kernel].map(|party| Sender {
                    party,
                    congestion: CUBIC,
                }),
                is_judged: true,
                time: Duration::from_secs(6),
                seed: 5,
            };
            let Some(shares) = unless_skipped(fairness::run(&contest)) else {
                return;
            };
            let all: f64 = shares.goodput_from(Duration::ZERO).iter().sum();
            assert!(all > 0.6 * contest.cell.most(), "{shares:?}");
            for one in shares.goodput_from(Duration::ZERO) {
                assert!(one > 0.1 * all, "{shares:?}");
            }
        },
    );
}
