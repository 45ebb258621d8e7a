//! `sidestep fuzz diff`: the stack and the kernel, given the same packets and calls.
//!
//! It runs in a network namespace that it makes itself; no packet leaves the machine. An unexplained
//! difference is printed as a drill script and ends the run.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use sidestep_tools::fuzz::diff::known::Known;
use sidestep_tools::fuzz::diff::{Diff, DiffError, Finding, Verdict};
use sidestep_tools::fuzz::report;
use sidestep_tools::namespace::enter_own_network;

use super::super::interrupt::Interrupt;
use super::super::{Failure, output};

const HELP: &str = "\
It needs a kernel that allows user and network namespaces and a TUN device, as `sidestep demo` does.
Known differences and the clause of each are in the book, in \"fuzzing from any state\".

Examples:
  sidestep fuzz diff
  sidestep fuzz diff --count 20000 --seed 2
  sidestep fuzz diff --count 1000 --json";

/// Plays random packets and calls to the stack and to the kernel, and compares what they do
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// How many sequences
    #[arg(long, value_name = "N", default_value = "2000")]
    count: u64,
    /// From which all sequences follow
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Goes on after a difference, until there are so many
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    differences: u64,
    /// Where differences are written; it is made when there is one
    #[arg(long, value_name = "DIRECTORY", default_value = "fuzz-findings")]
    findings: PathBuf,
    /// Prints one JSON object at the end
    #[arg(long)]
    json: bool,
}

/// What became of all sequences.
#[derive(Debug, Default)]
struct Tally {
    played: u64,
    alike: u64,
    known: BTreeMap<Known, u64>,
    findings: Vec<Finding>,
    took: Duration,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    // Before there is a second thread: only then may a process enter a user namespace.
    enter_own_network().map_err(Failure::Namespace)?;
    let interrupt = Interrupt::new(|| {})?;
    let tally = compare(arguments, &interrupt)?;
    for finding in &tally.findings {
        keep(arguments, finding)?;
    }
    conclude(arguments, &tally)
}

fn compare(arguments: &Arguments, interrupt: &Interrupt) -> Result<Tally, Failure> {
    let failed = |error: DiffError| Failure::Comparison(error);
    let mut diff = Diff::new(arguments.seed).map_err(failed)?;
    let began = Instant::now();
    let mut tally = Tally::default();
    let bar = bar(arguments);
    while tally.played < arguments.count && (tally.findings.len() as u64) < arguments.differences {
        match diff.step().map_err(failed)? {
            Verdict::Alike => tally.alike += 1,
            Verdict::Known(known) => *tally.known.entry(known).or_default() += 1,
            Verdict::Differs(finding) => tally.findings.push(*finding),
        }
        tally.played += 1;
        if tally.played % 64 == 0 {
            bar.set_position(tally.played);
            if interrupt.wait(Duration::ZERO) {
                break;
            }
        }
    }
    bar.finish_and_clear();
    tally.took = began.elapsed();
    Ok(tally)
}

fn bar(arguments: &Arguments) -> ProgressBar {
    let bar = ProgressBar::new(arguments.count);
    if arguments.json {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let template = "{elapsed} {wide_bar} {pos}/{len} sequences, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn keep(arguments: &Arguments, finding: &Finding) -> Result<(), Failure> {
    let failed = |source| Failure::Findings {
        place: arguments.findings.clone(),
        source,
    };
    fs::create_dir_all(&arguments.findings).map_err(failed)?;
    let stem = format!("diff-{}-{}", arguments.seed, finding.number);
    let script = arguments.findings.join(format!("{stem}.pkt"));
    fs::write(&script, &finding.script).map_err(failed)?;
    let hex = arguments.findings.join(format!("{stem}.hex"));
    fs::write(hex, report::hex(&finding.input)).map_err(failed)?;
    if !arguments.json {
        output::line(format_args!(
            "DIFFERENCE in sequence {}: {}\n{}\n{}",
            finding.number,
            script.display(),
            finding.difference,
            finding.script
        ))?;
    }
    Ok(())
}

fn conclude(arguments: &Arguments, tally: &Tally) -> Result<(), Failure> {
    let rate = tally.played * 1_000 / tally.took.as_millis().max(1) as u64;
    let known: u64 = tally.known.values().sum();
    if arguments.json {
        output::line(json!({
            "seed": arguments.seed,
            "sequences": tally.played,
            "sequences_per_second": rate,
            "alike": tally.alike,
            "known": tally.known.iter()
                .map(|(known, count)| (known.name().to_owned(), json!(count)))
                .collect::<serde_json::Map<_, _>>(),
            "unexplained": tally.findings.iter().map(|finding| json!({
                "sequence": finding.number,
                "difference": finding.difference.to_string(),
                "script": finding.script,
            })).collect::<Vec<_>>(),
        }))?;
    } else {
        output::line(format_args!(
            "{} sequences, {rate} a second: {} alike, {known} with a known difference, {} unexplained",
            tally.played,
            tally.alike,
            tally.findings.len()
        ))?;
        for (known, count) in &tally.known {
            output::line(format_args!("  {:<24} {count}", known.name()))?;
        }
    }
    if tally.findings.is_empty() {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}
