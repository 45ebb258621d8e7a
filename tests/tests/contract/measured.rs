//! `close` wakes blocked calls within 10 ms, and deadlines fire within 2 ms of their time.
//!
//! Other tests share the machine, so the best of a few trials counts: it fails if the wake-up is
//! missing or slow by design. `contract_latency` measures the rest on an idle machine.

use sidestep_tests::latency::{Measurement, Place, of_local, of_place, of_tasks, runtime};
use sidestep_tests::namespace_net::in_own_network;

const TRIALS: usize = 8;

fn in_time(all: Vec<Measurement>) {
    for mut measurement in all {
        let Measurement { wake, .. } = measurement;
        let best = (0..TRIALS)
            .map(|_| (measurement.trial)().unwrap_or_else(|error| panic!("{error}")))
            .min();
        assert!(
            best <= Some(wake.limit()),
            "{wake:?} of {}: {best:?}",
            measurement.name
        );
    }
}

#[test]
fn calls_on_the_stack_wake_in_time() {
    let place = Place::stack();
    in_time(of_place(&place));
    let runtime = runtime().expect("threads are left");
    in_time(of_tasks(&place, runtime.handle()));
}

#[test]
fn calls_on_pipes_and_unix_sockets_wake_in_time() {
    in_time(of_local());
}

#[test]
fn calls_on_the_kernel_wake_in_time() {
    in_own_network(
        "contract::measured::calls_on_the_kernel_wake_in_time",
        env!("CARGO_BIN_EXE_in-own-network"),
        || {
            let (place, _deaf) = Place::kernel().expect("it gives sockets");
            in_time(of_place(&place));
            let runtime = runtime().expect("threads are left");
            in_time(of_tasks(&place, runtime.handle()));
        },
    );
}
