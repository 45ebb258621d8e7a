//! Runs the stream test over the bad link for many seeds and prints one line.
//!
//! `cargo run --release -p sidestep-tests --bin lossy_stream -- --seeds 0..1000`. Every failing seed
//! is named; the program then ends with 1. Each seed is run twice, and both runs must be the same.

use std::ops::Range;
use std::process::ExitCode;

use sidestep_tests::stream::run;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seeds = match arguments.as_slice() {
        [] => Some(0..1_000),
        [name, range] if name == "--seeds" => parse(range),
        _ => None,
    };
    let Some(seeds) = seeds else {
        eprintln!("usage: lossy_stream [--seeds FIRST..END]");
        return ExitCode::from(2);
    };
    let count = seeds.end.saturating_sub(seeds.start);
    let mut failed = 0_u64;
    let mut packets = 0;
    let mut lost = 0;
    let mut corrupted = 0;
    let mut octets = 0;
    let mut longest = 0;
    for seed in seeds.clone() {
        match (run(seed), run(seed)) {
            (Ok(first), Ok(again)) if first == again => {
                packets += first.packets;
                lost += first.lost;
                corrupted += first.corrupted;
                octets += first.octets.iter().sum::<usize>();
                longest = longest.max(first.virtual_time.as_secs());
            }
            (first, again) => {
                failed += 1;
                eprintln!("seed {seed}: {first:?}; again: {again:?}");
            }
        }
    }
    println!(
        "{count} seeds from {}: {failed} failed; {octets} octets in {packets} packets, {lost} lost, \
         {corrupted} corrupted; longest {longest} s of virtual time",
        seeds.start
    );
    ExitCode::from(u8::from(failed > 0))
}

fn parse(range: &str) -> Option<Range<u64>> {
    let (first, end) = range.split_once("..")?;
    Some(first.parse().ok()?..end.parse().ok()?)
}
