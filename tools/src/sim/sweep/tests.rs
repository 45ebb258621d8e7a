//! A share of the sweep, by fixed seeds, and what the grid covers.

use sidestep_stack::call::ConnectionOptions;

use super::*;
use crate::link::Share;
use crate::sim::app::{Ending, Talk};
use crate::sim::near_wrap::NearWrap;
use crate::sim::transfer::Family;

fn verdicts(seeds: Range<u64>, jobs: usize) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    sweep(seeds, Terms::Grid, jobs, |verdict| verdicts.push(verdict));
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
    for seed in [
        12, 19, 51, 145, 256, 413, 473, 634, 979, 1_259, 1_951, 3_352, 4_054, 4_488, 5_071, 5_283,
        6_890,
    ] {
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
fn the_grid_has_all_that_came_later() {
    use crate::link::{Icmp, Management};
    use crate::sim::app::Opening;
    use sidestep_stack::call::{CongestionAlgorithm, EcnUse};

    let plans: Vec<Plan> = (0..2_000).map(|seed| Plan::of(seed).unwrap()).collect();
    let some = |what: &str, has: &dyn Fn(&Plan) -> bool| {
        let count = plans.iter().filter(|plan| has(plan)).count();
        assert!(count >= 20, "{what}: {count} of 2000");
    };
    some("a rate", &|plan| plan.recipes[0].rate.is_some());
    for aqm in [Management::TailDrop, Management::Codel, Management::FqCodel] {
        some("a queue", &|plan| {
            plan.recipes[1].rate.is_some() && plan.recipes[1].aqm == aqm
        });
    }
    some("marks", &|plan| plan.recipes[0].mark.is_some());
    some("CoDel that marks", &|plan| {
        plan.recipes[0].ecn == crate::link::Ecn::On
    });
    for icmp in [Icmp::On, Icmp::Off, Icmp::EachSecond(1)] {
        some("an MTU", &|plan| {
            plan.recipes[0].mtu.is_some() && plan.recipes[0].icmp == icmp
        });
    }
    some("bursts", &|plan| plan.recipes[1].gilbert.is_some());
    some("free jitter", &|plan| {
        plan.recipes[0].order == crate::link::Order::Free
    });
    for value in 0..3 {
        some("a controller", &|plan| {
            plan.settings[0].congestion_algorithm == value
        });
        some("ECN", &|plan| plan.settings[1].ecn == value);
        some("MTU probing", &|plan| {
            plan.settings[0].mtu_probing == value.max(1)
        });
    }
    some("pacing", &|plan| plan.settings[0].pacing == 1);
    some("cookies", &|plan| plan.settings[1].syn_cookies_mode == 2);
    let some_talk = |what: &str, has: &dyn Fn(&Talk, &ConnectionOptions) -> bool| {
        some(what, &|plan| {
            plan.conversations.iter().any(|it| match it {
                Conversation::Talk { ends, options, .. } => {
                    (0..2).any(|at| has(&ends[at], &options[at]))
                }
                Conversation::Dialogue { .. } | Conversation::Datagrams { .. } => false,
            })
        });
    };
    some_talk("Fast Open", &|talk, _| talk.opening == Opening::Fast);
    for algorithm in CongestionAlgorithm::ALL {
        some_talk("a chosen controller", &|_, options| {
            options.congestion == Some(algorithm)
        });
    }
    for ecn in EcnUse::ALL {
        some_talk("a chosen use of ECN", &|_, options| {
            options.ecn == Some(ecn)
        });
    }
    some_talk("small segments", &|_, options| {
        options.mss_octets_max == Some(100)
    });
}

/// The promise for bad paths, by default settings, in a fixed share of the seeds.
#[test]
fn transfers_complete_at_a_tenth_lost_each_way_and_almost_all_at_three() {
    for (percent, least) in [(10, 40), (30, 39)] {
        let terms = Terms::Loss(Share::from_thousandths(percent * 10));
        let mut summary = Summary::default();
        sweep(0..40, terms, 2, |verdict| summary.add(&verdict));
        assert_eq!(summary.failures, 0, "{summary:?}");
        assert!(summary.passed >= least, "{percent} %: {summary:?}");
    }
}

#[test]
fn a_connection_that_is_given_up_is_no_failure_where_it_may_be() {
    let failure = Failure {
        seed: 1,
        at: Instant::ZERO,
        node: None,
        violation: Violation::Application {
            application: 0,
            discontent: Discontent::Failed(ConnectionError::TimedOut),
        },
        packet: None,
        happenings: std::collections::VecDeque::new(),
    };
    for (terms, gave_up) in [
        (Terms::Grid, 0),
        (Terms::Loss(Share::from_thousandths(300)), 1),
    ] {
        let mut summary = Summary::default();
        summary.add(&Verdict {
            seed: 1,
            terms,
            outcome: Err(SweepError::Failure(Box::new(failure.clone()))),
        });
        assert_eq!(summary.incomplete, gave_up);
        assert_eq!(summary.failures, 1 - gave_up);
    }
}

#[test]
fn a_panic_is_a_failed_seed_and_not_the_end_of_the_sweep() {
    let mut summary = Summary::default();
    summary.add(&Verdict {
        seed: 5,
        terms: Terms::Grid,
        outcome: Err(SweepError::Panicked("so".to_owned())),
    });
    assert_eq!((summary.failures, &summary.failed[..]), (1, &[5][..]));
}
