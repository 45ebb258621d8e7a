//! The kernel's own TCP over a bad link: two namespaces, joined in real time by the links of the tools.
//!
//! What the simulator does to our packets it does to the kernel's here, so that both can be compared
//! on the same path. Each test says what must have happened to the packets, not only that it worked.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use sidestep_stack::call::InterfaceAddress;
use sidestep_tests::namespace_net::{PATIENCE, in_own_network, skip};
use sidestep_tools::link::Recipe;
use sidestep_tools::link::real_time::{
    Report, Settings, Side, SideOptions, Stop, join, probe, transfer,
};

const NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// Runs `work` between two sides that are joined by `recipe` one way and `back` the other way.
fn between<T: Send + 'static>(
    name: &'static str,
    [recipe, back]: [&'static str; 2],
    work: impl FnOnce(&Side, &Side) -> T + Send + 'static,
    check: impl FnOnce(T, &Report) + Send + 'static,
) {
    in_own_network(name, env!("CARGO_BIN_EXE_in-own-network"), move || {
        let side = |tun: &str, address: Ipv4Addr| {
            Side::make(&SideOptions {
                tun: tun.to_owned(),
                namespace: None,
                addresses: vec![InterfaceAddress {
                    address: address.into(),
                    prefix_bits: 24,
                }],
                mtu_octets: None,
            })
        };
        let ((near, mut a), (far, mut b)) = match (side("left0", NEAR), side("right0", FAR)) {
            (Ok(near), Ok(far)) => (near, far),
            (Err(error), _) | (_, Err(error)) => return skip(&error.to_string()),
        };
        let recipes = [recipe, back].map(|text| text.parse::<Recipe>().expect("it is a recipe"));
        let settings = Settings {
            recipes,
            seed: 7,
            time: None,
            spin: Duration::ZERO,
        };
        let stop = Stop::new().expect("a descriptor is left");
        let at = stop.clone();
        let joined = thread::spawn(move || join(&mut a, &mut b, &settings, &at));
        let outcome = work(&near, &far);
        stop.set();
        let report = joined.join().expect("no panic").expect("both devices live");
        check(outcome, &report);
    });
}

#[test]
fn the_kernels_octets_arrive_whole_over_a_link_that_loses_repeats_overtakes_and_corrupts() {
    between(
        concat!(
            module_path!(),
            "::the_kernels_octets_arrive_whole_over_a_link_that_loses_repeats_overtakes_and_corrupts"
        ),
        [
            "loss=2%,duplicate=1%,corrupt=1%,reorder=1%,delay=3ms",
            "loss=1%,delay=3ms",
        ],
        |near, far| transfer(near, far, FAR, 2 << 20, PATIENCE),
        |outcome, report| {
            outcome.expect("the content is right");
            let [forward, back] = report.counters;
            assert!(forward.arrived > 1_000, "{forward:?}");
            assert!(
                forward.lost_random > 5 && back.lost_random > 0,
                "{report:?}"
            );
            assert!(forward.duplicated > 0 && forward.corrupted_bit > 0 && forward.reordered > 0);
        },
    );
}

#[test]
fn the_kernel_is_as_fast_as_the_link_and_no_faster() {
    between(
        concat!(
            module_path!(),
            "::the_kernel_is_as_fast_as_the_link_and_no_faster"
        ),
        ["rate=20mbit,queue=50,delay=2ms", "delay=2ms"],
        |near, far| transfer(near, far, FAR, 2 << 20, PATIENCE),
        |outcome, report| {
            let rate = outcome.expect("the content is right").rate();
            assert!(rate < 20_000_000, "{rate}");
            assert!(rate > 10_000_000, "{rate}: {report:?}");
        },
    );
}

#[test]
fn the_kernel_makes_its_packets_smaller_when_the_link_says_that_they_are_too_big() {
    between(
        concat!(
            module_path!(),
            "::the_kernel_makes_its_packets_smaller_when_the_link_says_that_they_are_too_big"
        ),
        ["mtu=1200", ""],
        |near, far| transfer(near, far, FAR, 1 << 20, PATIENCE),
        |outcome, report| {
            outcome.expect("the content is right");
            let [forward, _] = report.counters;
            assert!(
                forward.icmp_sent > 0 && forward.forwarded > 800,
                "{forward:?}"
            );
            assert_eq!(forward.fragmented, 0);
        },
    );
}

#[test]
fn a_round_trip_takes_both_delays_and_little_more() {
    between(
        concat!(
            module_path!(),
            "::a_round_trip_takes_both_delays_and_little_more"
        ),
        ["delay=7ms", "delay=13ms"],
        |near, far| {
            let gap = Duration::from_millis(2);
            probe(near, far, [NEAR, FAR], 200, gap, PATIENCE)
        },
        |outcome, _| {
            let probed = outcome.expect("datagrams cross");
            assert_eq!(probed.round_trips.count(), 200);
            let (least, median) = (probed.round_trips.least(), probed.round_trips.quantile(500));
            assert!(least >= Duration::from_millis(20), "{least:?}");
            // A machine that is busy with other tests is late; most of it is measured in the book.
            assert!(median < Duration::from_millis(25), "{median:?}");
        },
    );
}
