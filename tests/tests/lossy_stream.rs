//! The stream over the bad link: no octet lost, repeated or swapped, no run stuck, and a seed given
//! twice gives identical packets.
//!
//! `SIDESTEP_SEEDS` says how many seeds are run; the program `lossy_stream` runs any range of them.

#![allow(clippy::panic)]

use sidestep_tests::stream::{Outcome, run};

/// So many seeds fit well into a run of all tests.
const SEEDS: u64 = 1_000;

#[test]
fn what_is_read_over_a_bad_link_is_exactly_what_was_written() {
    let seeds = std::env::var("SIDESTEP_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(SEEDS);
    let outcomes: Vec<Outcome> = (0..seeds)
        .map(|seed| match run(seed) {
            Ok(outcome) => outcome,
            Err(failure) => panic!("seed {seed}: {failure:?}"),
        })
        .collect();
    // A link that does no harm would prove nothing.
    assert!(outcomes.iter().map(|outcome| outcome.lost).sum::<u64>() > 0);
    assert!(
        outcomes
            .iter()
            .map(|outcome| outcome.corrupted)
            .sum::<u64>()
            > 0
    );
}

#[test]
fn a_seed_given_twice_gives_identical_packets() {
    for seed in [3, 17, 40] {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
