//! `sidestep recovery`: who needs the retransmission timer when a burst of packets is lost?
//!
//! The library runs the transfers. Here are the arguments, the progress bar, the table and the verdict.

use std::collections::BTreeSet;

use clap::Args;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use sidestep_tools::namespace::enter_own_network;
use sidestep_tools::recovery_count::{Outcome, Pattern, Place, Row, Summary, run_all};

use super::{Failure, output};

const HELP: &str = "\
A MiB crosses a link of 100 Mbit/s with a round trip of 20 ms, in real time, between namespaces that the
run makes. The first transmission of a burst of full segments is lost, and nothing else. Each pattern runs
from Sidestep to the kernel and from the kernel to the kernel, both with CUBIC. The verdict: Sidestep's
retransmission timer expired no more often than the kernel's.

Examples:
  sidestep recovery
  sidestep recovery --bursts 1..10 --places start,tail
  sidestep recovery --json";

/// Loses bursts of 1 to 30 packets of a transfer, and counts the timeouts of both stacks
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// How many segments a burst has: from A to B, both included
    #[arg(long, value_name = "A..B", default_value = "1..30", value_parser = bursts)]
    bursts: (u32, u32),
    /// Where in the transfer: start, quarter, middle, three-quarters, tail
    #[arg(
        long,
        value_name = "PLACE",
        value_delimiter = ',',
        default_value = "start,quarter,middle,three-quarters,tail"
    )]
    places: Vec<Place>,
    /// How many transfers at one time
    #[arg(long, value_name = "N", default_value_t = 8)]
    jobs: usize,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

/// More would be all of the transfer.
const BURST_MAX: u32 = 700;

fn bursts(text: &str) -> Result<(u32, u32), &'static str> {
    const WANTED: &str =
        "must be two numbers from 1 to 700, as in 1..30, the second one not smaller";
    let (from, to) = text.split_once("..").ok_or(WANTED)?;
    match (from.parse(), to.parse()) {
        (Ok(from), Ok(to)) if 1 <= from && from <= to && to <= BURST_MAX => Ok((from, to)),
        _ => Err(WANTED),
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // First of all: without the right of root it works only while there is one thread.
    enter_own_network().map_err(Failure::Namespace)?;
    let (from, to) = arguments.bursts;
    let places: BTreeSet<Place> = arguments.places.iter().copied().collect();
    let patterns: Vec<Pattern> = places
        .iter()
        .flat_map(|place| {
            (from..=to).map(|burst| Pattern {
                place: *place,
                burst,
            })
        })
        .collect();
    let bar = ProgressBar::new(patterns.len() as u64 * 2);
    let mut summary = Summary::default();
    run_all(&patterns, arguments.jobs, |told| {
        bar.inc(1);
        match told.outcome {
            Ok(outcome) => summary.add(told.whose, told.pattern, outcome),
            Err(error) => {
                summary.fail();
                let (whose, pattern) = (told.whose.name(), told.pattern);
                bar.suspend(|| output::remark(format_args!("{whose}, {pattern}: {error}")));
            }
        }
    });
    bar.finish_and_clear();
    if arguments.json {
        output::line(to_json(&summary))?;
    } else {
        print(&summary, &places, from..=to)?;
    }
    if summary.is_no_higher() {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}

/// A line for each length: at each place the timeouts of both, and their milliseconds.
fn print(
    summary: &Summary,
    places: &BTreeSet<Place>,
    bursts: std::ops::RangeInclusive<u32>,
) -> Result<(), Failure> {
    output::line("timeouts and milliseconds, Sidestep's and the kernel's")?;
    let heads: Vec<String> = places.iter().map(|place| format!("{place:>16}")).collect();
    output::line(format_args!("lost {}", heads.join("")))?;
    for burst in bursts {
        let cells: Vec<String> = places
            .iter()
            .map(|place| {
                let pattern = Pattern {
                    place: *place,
                    burst,
                };
                let row = summary.rows().find(|(it, _)| *it == pattern);
                format!("{:>16}", cell(row.map(|(_, row)| row)))
            })
            .collect();
        output::line(format_args!("{burst:>4} {}", cells.join("")))?;
    }
    for (pattern, row) in summary.rows().filter(|(_, row)| row.is_worse()) {
        let cell = cell(Some(row));
        output::line(format_args!("more than the kernel's: {pattern}: {cell}"))?;
    }
    let [ours, theirs] = summary.timeouts();
    let [our_time, their_time] = summary.milliseconds();
    let verdict = if summary.is_no_higher() {
        "ours are no more"
    } else {
        "ours are more, or a run failed"
    };
    output::line(format_args!(
        "timeouts: Sidestep {ours}, kernel {theirs}; time: {our_time} ms, {their_time} ms; {} runs failed",
        summary.failures()
    ))?;
    output::line(format_args!("verdict: {verdict}"))
}

fn cell(row: Option<Row>) -> String {
    match row.and_then(|row| row.both()) {
        Some([ours, theirs]) => format!(
            "{}/{} {}/{}",
            ours.timeouts,
            theirs.timeouts,
            ours.time.as_millis(),
            theirs.time.as_millis()
        ),
        None => "failed".to_owned(),
    }
}

fn to_json(summary: &Summary) -> Value {
    let outcome = |outcome: Option<Outcome>| {
        outcome.map(|it| {
            json!({
                "lost": it.lost,
                "timeouts": it.timeouts,
                "retransmissions": it.retransmissions,
                "seconds": it.time.as_secs_f64(),
            })
        })
    };
    let rows: Vec<Value> = summary
        .rows()
        .map(|(pattern, row)| {
            json!({
                "place": pattern.place.name(),
                "burst": pattern.burst,
                "sidestep": outcome(row.sidestep),
                "kernel": outcome(row.kernel),
            })
        })
        .collect();
    let [ours, theirs] = summary.timeouts();
    json!({
        "patterns": rows,
        "timeouts": { "sidestep": ours, "kernel": theirs },
        "failures": summary.failures(),
        "no_higher": summary.is_no_higher(),
    })
}
