//! A share of the sweep, by fixed seeds, and what the grid covers.

use super::*;
use crate::sim::app::{Ending, Talk};
use crate::sim::near_wrap::NearWrap;
use crate::sim::transfer::Family;

fn verdicts(seeds: Range<u64>, jobs: usize) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    sweep(seeds, jobs, |verdict| verdicts.push(verdict));
    verdicts
}

#[test]
fn every_octet_arrives_and_every_run_ends_in_a_fixed_share_of_the_seeds() {
    let mut summary = Summary::default();
    for verdict in verdicts(0..160, 2) {
        if let Err(SweepError::Failure(failure)) = &verdict.outcome {
            panic!("{}", failure.report());
        }
        summary.add(&verdict);
    }
    assert_eq!((summary.passed, summary.failures), (160, 0), "{summary:?}");
    assert!(
        summary.retransmissions > 1_000 && summary.resets > 5,
        "{summary:?}"
    );
}

/// Each of these found something that was wrong once.
#[test]
fn seeds_that_failed_before_pass() {
    for seed in [145, 979, 1_951, 3_352, 5_071, 6_890] {
        if let Err(error) = run(seed) {
            panic!("seed {seed}: {error}");
        }
    }
}

#[test]
fn a_range_can_be_split_in_any_way() {
    let whole = verdicts(20..32, 2);
    assert_eq!(whole.len(), 12);
    let mut parts = verdicts(20..25, 1);
    parts.extend(verdicts(25..32, 3));
    assert_eq!(whole, parts);
}

#[test]
fn the_grid_has_all_that_it_promises() {
    let plans: Vec<Plan> = (0..2_000).map(|seed| Plan::of(seed).unwrap()).collect();
    let some = |what: &str, has: &dyn Fn(&Plan) -> bool| {
        let count = plans.iter().filter(|plan| has(plan)).count();
        assert!(count >= 20, "{what}: {count} of 2000");
    };
    for family in [Family::V4, Family::V6] {
        some("family", &|plan| plan.family == family);
    }
    for topology in [
        Topology::Direct,
        Topology::Routed(1),
        Topology::Routed(2),
        Topology::Switched,
    ] {
        some("topology", &|plan| plan.topology == topology);
    }
    let never = crate::link::Share::default();
    some("heavy loss", &|plan| {
        plan.recipes[0].loss.billionths() > 250_000_000
    });
    some("duplication", &|plan| plan.recipes[0].duplicate != never);
    some("reordering", &|plan| plan.recipes[0].reorder != never);
    some("single bits", &|plan| plan.recipes[1].corrupt != never);
    some("bursts", &|plan| plan.recipes[1].corrupt_burst != never);
    some("truncation", &|plan| plan.recipes[1].truncate != never);
    for wrapped in [0, 1] {
        some("wrapping sequence", &|plan| {
            matches!(plan.near_wrap[wrapped], NearWrap::Sequence { .. })
        });
        some("wrapping timestamps", &|plan| {
            matches!(plan.near_wrap[wrapped], NearWrap::Timestamps { .. })
        });
    }
    let some_end = |what: &str, has: &dyn Fn(&Talk) -> bool| {
        some(what, &|plan| {
            plan.conversations.iter().any(|it| match it {
                Conversation::Talk { ends, .. } => ends.iter().any(has),
                Conversation::Dialogue { .. } | Conversation::Datagrams { .. } => false,
            })
        });
    };
    some_end("half closes", &|end| end.ending == Ending::HalfClose);
    some_end("closes after the peer", &|end| {
        end.ending == Ending::AfterPeer
    });
    some_end("aborts", &|end| matches!(end.ending, Ending::Abort { .. }));
    some_end("early closes", &|end| {
        matches!(end.ending, Ending::Close { .. })
    });
    some_end("one octet at a time", &|end| end.read_max == 1);
    some_end("16 MiB at a time", &|end| end.write_max > 8 << 20);
    some_end("pauses", &|end| end.pause_max > Duration::from_secs(1));
    some_end("megabytes", &|end| end.write.octets > 1 << 20);
    let some_buffer = |what: &str, has: &dyn Fn(usize) -> bool| {
        some(what, &|plan| {
            plan.conversations.iter().any(|it| match it {
                Conversation::Talk { options, .. } => options
                    .iter()
                    .any(|it| it.receive_buffer_octets.is_some_and(has)),
                Conversation::Dialogue { .. } | Conversation::Datagrams { .. } => false,
            })
        });
    };
    some_buffer("a buffer of 1 octet", &|octets| octets == 1);
    some_buffer("a buffer of 16 MiB", &|octets| octets > 8 << 20);
}

#[test]
fn a_panic_is_a_failed_seed_and_not_the_end_of_the_sweep() {
    let mut summary = Summary::default();
    summary.add(&Verdict {
        seed: 5,
        outcome: Err(SweepError::Panicked("so".to_owned())),
    });
    assert_eq!((summary.failures, &summary.failed[..]), (1, &[5][..]));
}
