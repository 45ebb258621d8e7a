//! Clocks are set to the number.

use super::*;
use crate::sim::sweep::Plan;
use crate::sim::transfer::{Family, Transfer};
use crate::sim::{Checks, Limits, NewHost, seed_of};

/// The first SYNs of both hosts of a world.
fn syns(mut world: World) -> [Syn; 2] {
    let mut syns = [None; 2];
    world.keep_crossings();
    while syns.contains(&None::<[u32; 2]>) {
        assert!(world.step().unwrap().is_some());
        for crossing in world.take_crossings() {
            let happening = crossing.happening;
            if happening.way == Way::Out
                && let Some(syn) = syn_in(&happening.packet)
            {
                let numbers = [syn.seq, syn.ts_value.unwrap_or(0)];
                syns[happening.host].get_or_insert(numbers);
            }
        }
    }
    syns.map(|it| {
        let [seq, ts_value] = it.unwrap();
        Syn {
            seq,
            ts_value: Some(ts_value),
        }
    })
}

#[test]
fn a_stack_that_was_up_for_long_enough_wraps_where_it_was_told_to() {
    let mut tried = 0;
    for seed in 0..60 {
        let plan = Plan::of(seed).unwrap();
        if plan.near_wrap == [NearWrap::No; 2] {
            continue;
        }
        tried += 1;
        let found = syns(plan.world(Checks::On).unwrap());
        let wanted = plan.near_wrap.into_iter().zip(&plan.settings);
        for (syn, (wanted, settings)) in found.into_iter().zip(wanted) {
            match wanted {
                NearWrap::No => {}
                // The number of a SYN cookie follows no clock.
                NearWrap::Sequence { .. } if settings.syn_cookies_mode == 2 => {}
                NearWrap::Sequence { octets } => assert_eq!(syn.seq.wrapping_add(octets), 0),
                NearWrap::Timestamps { ms } => {
                    // A SYN cookie has options in the low six bits of its timestamp, in the dry run as
                    // well as here.
                    let apart = ms.wrapping_add(syn.ts_value.unwrap()) as i32;
                    let allowed = match settings.syn_cookies_mode {
                        2 => 63,
                        _ => 0,
                    };
                    assert!(apart.abs() <= allowed, "seed {seed}: {apart}");
                }
            }
        }
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn without_a_wish_the_stack_starts_with_the_world() {
    let transfer = Transfer {
        seed: 1,
        recipe: "delay=1ms".parse().unwrap(),
        octets: 1,
        family: Family::V4,
        checks: Checks::On,
    };
    let world = transfer.begin().unwrap().world;
    assert_eq!(up_for(world, [NearWrap::No; 2]), [Duration::ZERO; 2]);
    // A world without a handshake has no number to set.
    let mut silent = World::new(1);
    silent
        .add_host(&NewHost {
            config: sidestep_stack::Config::default(),
            seed: seed_of(1),
            addresses: vec![Family::V4.interface(0, 1)],
            up_for: Duration::ZERO,
        })
        .unwrap();
    let wanted = [NearWrap::Sequence { octets: 5 }, NearWrap::No];
    assert_eq!(up_for(silent.fork(), wanted), [Duration::ZERO; 2]);
    silent.run(Limits::default()).unwrap();
}
