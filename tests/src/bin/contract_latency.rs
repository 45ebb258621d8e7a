//! Measures two promises of the contract: `close` wakes a blocked call within 10 ms, and a deadline
//! fires within 2 ms of its time, on an idle machine.
//!
//! `contract_latency [TRIALS]` (200 unless said) prints a line for each blocked call: how long it
//! took, in microseconds, at least, half of the time, but for one in a hundred, and at most. Meanwhile
//! a thread on each processor does nothing but sleep a millisecond at a time: a trial during which one
//! of them woke a millisecond late did not fall on an idle machine and is set aside; the last two
//! columns tell how many were, and the longest of them. A row is `LATE` if one in a hundred took longer
//! than promised, and `DISTURBED` if more trials were set aside than counted. After either the program
//! ends with 1.
//! Run it where the right of root is, for the kernel's part needs a network namespace of its own.

use std::process::ExitCode;
use std::time::Duration;

use sidestep_tests::latency::idle::Watch;
use sidestep_tests::latency::{
    Distribution, Measurement, Place, Wake, of_local, of_place, of_tasks, runtime,
};
use sidestep_tools::namespace::enter_own_network;

fn main() -> ExitCode {
    let trials = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(200);
    // First thing: without the right of root it works only while there is one thread.
    let namespace = enter_own_network();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            println!("FAILED: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let watch = match Watch::begin() {
        Ok(watch) => watch,
        Err(error) => {
            println!("FAILED: the processors cannot be watched: {error}");
            return ExitCode::FAILURE;
        }
    };
    let stack = Place::stack();
    let mut all = of_place(&stack);
    all.extend(of_tasks(&stack, runtime.handle()));
    all.extend(of_local());
    let _deaf = match namespace.map(|_| Place::kernel()) {
        Ok(Ok((place, deaf))) => {
            all.extend(of_place(&place));
            all.extend(of_tasks(&place, runtime.handle()));
            Some(deaf)
        }
        Ok(Err(error)) => {
            println!("SKIPPED: the kernel: {error}");
            None
        }
        Err(error) => {
            println!("SKIPPED: the kernel: {error}");
            None
        }
    };
    println!("{trials} trials each, in microseconds");
    println!(
        "{:<10} {:<22} {:>9} {:>9} {:>9} {:>9} {:>10} {:>9}",
        "wake-up", "of a blocked", "min", "median", "p99", "max", "set aside", "max"
    );
    let mut kept = true;
    for measurement in &mut all {
        kept &= print(measurement, trials, &watch);
    }
    if kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Measures and prints; true if what is promised was seen.
fn print(measurement: &mut Measurement, trials: usize, watch: &Watch) -> bool {
    let wake = match measurement.wake {
        Wake::Close => "close",
        Wake::Deadline => "deadline",
    };
    let name = measurement.name.clone();
    let measured = match measurement.run(trials, watch) {
        Ok(measured) => measured,
        Err(error) => {
            println!("{wake:<10} {name:<22} FAILED: {error}");
            return false;
        }
    };
    let late = measured.is_late(measurement.wake.limit());
    let set_aside = measured.set_aside.len();
    let longest = measured.set_aside.iter().max().unwrap_or(&Duration::ZERO);
    let longest = longest.as_secs_f64() * 1e6;
    let times = Distribution::of(measured.times.clone());
    match times {
        Some(times) => print!("{wake:<10} {name:<22} {times}"),
        None => print!("{wake:<10} {name:<22} {:>39}", "never on an idle machine"),
    }
    let disturbed = measured.was_disturbed();
    let verdict = match (late, disturbed) {
        (true, _) => "  LATE",
        (false, true) => "  DISTURBED",
        (false, false) => "",
    };
    println!(" {set_aside:>10} {longest:>9.1}{verdict}");
    !(late || disturbed)
}
