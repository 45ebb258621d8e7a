//! `sidestep sim`: a transfer in a world of virtual time, and sweeps over many seeds.
//!
//! The worlds are the library's. Here are the arguments, the progress bar, and the lines. What is
//! printed follows from the arguments alone, but for how long a sweep took.

use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use sidestep_tools::link::{Recipe, RecipeError};
use sidestep_tools::sim::Checks;
use sidestep_tools::sim::record::RecordError;
use sidestep_tools::sim::sweep::{self, Plan, Summary, SweepError, Terms, Verdict};
use sidestep_tools::sim::transfer::{Family, Report, Transfer};

use super::{Failure, output};

const HELP: &str = "\
Two hosts, one link, virtual time: the same seed, recipe and bytes give the same packets at the same
nanoseconds on any machine, and so the same digest. Rules are checked after every step: see the book,
\"A world in a process\". `sidestep link --help` lists the keys of a recipe.

Examples:
  sidestep sim --seed 7 --recipe delay=20ms,loss=2% --bytes 4MiB --json
  sidestep sim --seed 7 --recipe delay=20ms,loss=2% --pcap transfer.pcapng
  sidestep sim sweep --seeds 0..20000
  sidestep sim sweep --seeds 5000..10000 --json   # the second quarter, on another machine";

/// Runs a transfer in a world of virtual time, and prints its goodput and its digest
#[derive(Debug, Args)]
#[command(after_help = HELP, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Everything follows from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// What the link does in both directions
    #[arg(long, value_name = "RECIPE", default_value = "delay=20ms")]
    recipe: Recipe,
    /// How much the first host sends: a number, with KiB, MiB or GiB if wanted
    #[arg(long, value_name = "OCTETS", default_value = "1MiB", value_parser = octets)]
    bytes: u64,
    /// The hosts speak IPv6
    #[arg(short = '6', long)]
    ipv6: bool,
    /// Does not check the rules after every step: faster, and the same digest
    #[arg(long)]
    unchecked: bool,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
    /// Writes a capture (pcapng) of both hosts' packets, each with its reason
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Sweep(SweepArguments),
}

const SWEEP_HELP: &str = "\
Each seed is a world of its own kind: loss to 30 %, duplication, reordering, corruption, small and large
MTUs and buffers, routers and switches, rates and queues of several kinds, every controller, ECN, SYN
cookies, Fast Open, pauses, half closes, aborts, numbers that wrap. A seed is the
whole input, so a range can be split over machines in any way. A failing seed fails again,
and alone it shows its plan and the last packets.

Examples:
  sidestep sim sweep --seeds 0..20000
  sidestep sim sweep --seeds 7..8
  sidestep sim sweep --seeds 5000..10000 --json
  sidestep sim sweep --seeds 0..2000 --loss 30%";

/// Runs many seeds, each a world of its own kind: does every octet arrive, and every run end?
#[derive(Debug, Args)]
#[command(after_help = SWEEP_HELP)]
struct SweepArguments {
    /// Which seeds: from A, up to but without B
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Range<u64>,
    /// Both directions lose so many packets by chance, nothing is damaged, queued or too big, and
    /// hosts give up as their defaults say: how many seeds complete? One does not if a connection of
    /// it is given up by a timeout (RFC 9293 §3.8.3)
    #[arg(long, value_name = "SHARE", value_parser = loss)]
    loss: Option<Recipe>,
    /// Prints one JSON object for each seed, in their order, and one of the sums
    #[arg(long)]
    json: bool,
    /// How many threads [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
}

impl SweepArguments {
    fn terms(&self) -> Terms {
        self.loss
            .as_ref()
            .map_or(Terms::Grid, |recipe| Terms::Loss(recipe.loss))
    }

    /// What runs a seed once more.
    fn again(&self, seed: u64) -> String {
        let loss = self
            .loss
            .as_ref()
            .map_or_else(String::new, |recipe| format!(" --loss {}", recipe.loss));
        format!("sidestep sim sweep --seeds {seed}..{}{loss}", seed + 1)
    }
}

fn octets(text: &str) -> Result<u64, String> {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10), ("", 0)];
    let split = units
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    split
        .and_then(|(number, shift)| number.trim().parse::<u64>().ok()?.checked_mul(1 << shift))
        .ok_or_else(|| "must be a number of octets, as in 4096 or 4MiB".to_owned())
}

/// A share of packets, as the key `loss` of a recipe reads it.
fn loss(text: &str) -> Result<Recipe, RecipeError> {
    format!("loss={text}").parse()
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let wanted = || "must be two numbers, as in 0..1000, the second one larger".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(wanted)?;
    match (from.parse(), to.parse()) {
        (Ok(from), Ok(to)) if from < to => Ok(from..to),
        _ => Err(wanted()),
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Some(Command::Sweep(arguments)) => run_sweep(arguments),
        None => run_transfer(arguments),
    }
}

fn run_transfer(arguments: &Arguments) -> Result<(), Failure> {
    let transfer = Transfer {
        seed: arguments.seed,
        recipe: arguments.recipe.clone(),
        octets: arguments.bytes,
        family: if arguments.ipv6 {
            Family::V6
        } else {
            Family::V4
        },
        checks: if arguments.unchecked {
            Checks::Off
        } else {
            Checks::On
        },
    };
    let running = transfer.begin()?;
    let outcome = match &arguments.pcap {
        Some(path) => {
            let file = File::create(path).map_err(|source| Failure::Output {
                file: path.clone(),
                source,
            })?;
            running.record(BufWriter::new(file))
        }
        None => running.finish().map_err(RecordError::from),
    };
    let report = outcome.map_err(|error| match error {
        RecordError::Failure(failure) => {
            output::remark(failure.report());
            Failure::Said
        }
        RecordError::Output(source) => Failure::Output {
            file: arguments.pcap.clone().unwrap_or_default(),
            source,
        },
    })?;
    if arguments.json {
        return output::line(report.to_json());
    }
    print_report(&report)
}

fn print_report(report: &Report) -> Result<(), Failure> {
    let kilobits = report.goodput_bits_per_second() / 1_000;
    output::line(format_args!(
        "{} octets in {:.6} s: {}.{:03} Mbit/s",
        report.octets,
        report.transfer_time.as_secs_f64(),
        kilobits / 1_000,
        kilobits % 1_000
    ))?;
    output::line(format_args!(
        "{} packets there, {} back; {} and {} were lost; {} segments were sent again",
        report.packets[0],
        report.packets[1],
        report.lost[0],
        report.lost[1],
        report.retransmissions
    ))?;
    output::line(format_args!(
        "{} things happened in {:.6} virtual seconds",
        report.happenings,
        report.virtual_time.as_secs_f64()
    ))?;
    output::line(format_args!("digest {}", report.digest))
}

fn run_sweep(arguments: &SweepArguments) -> Result<(), Failure> {
    let seeds = arguments.seeds.clone();
    let cores = available_parallelism().map_or(1, usize::from);
    let bar = ProgressBar::new(seeds.end - seeds.start).with_style(style());
    let is_one = seeds.end - seeds.start == 1;
    let mut summary = Summary::default();
    let mut told = Ok(());
    let began = Instant::now();
    let terms = arguments.terms();
    sweep::sweep(seeds, terms, arguments.jobs.unwrap_or(cores), |verdict| {
        summary.add(&verdict);
        bar.inc(1);
        bar.set_message(format!("{} failed", summary.failures));
        if told.is_ok() {
            told = bar.suspend(|| tell(arguments, &verdict, is_one));
        }
    });
    bar.finish_and_clear();
    told?;
    conclude(arguments, &summary, began.elapsed())
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:30} {pos}/{len} seeds, {msg}, {elapsed} gone, {eta} to go")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// What is said of one seed.
fn tell(arguments: &SweepArguments, verdict: &Verdict, is_one: bool) -> Result<(), Failure> {
    let seed = verdict.seed;
    if arguments.json {
        return output::line(match &verdict.outcome {
            Ok(outcome) => json!({
                "seed": seed,
                "ok": true,
                "digest": outcome.digest,
                "virtual_seconds": outcome.virtual_time.as_micros() as f64 / 1e6,
                "happenings": outcome.happenings,
                "packets": outcome.crossings,
                "bytes": outcome.octets,
                "retransmissions": outcome.retransmissions,
                "resets": outcome.resets,
            }),
            Err(error) => json!({
                "seed": seed,
                "ok": false,
                "gave_up": verdict.gave_up(),
                "error": error.to_string(),
            }),
        });
    }
    if is_one {
        if let Ok(plan) = Plan::on(arguments.terms(), seed) {
            output::line(plan)?;
        }
        if let Ok(outcome) = &verdict.outcome {
            output::line(format_args!("{outcome:#?}"))?;
        }
        if let Err(SweepError::Failure(failure)) = &verdict.outcome {
            return output::line(failure.report());
        }
    }
    match &verdict.outcome {
        Ok(_) => Ok(()),
        Err(SweepError::Failure(failure)) => output::line(failure),
        Err(error) => output::line(format_args!("seed {seed}: {error}")),
    }
}

fn conclude(arguments: &SweepArguments, summary: &Summary, took: Duration) -> Result<(), Failure> {
    let simulated = summary.virtual_time.as_secs();
    let speed = summary.virtual_time.as_secs_f64() / took.as_secs_f64().max(1e-9);
    if arguments.json {
        output::line(json!({
            "passed": summary.passed,
            "failed": summary.failures,
            "failed_seeds": summary.failed,
            "gave_up": summary.incomplete,
            "gave_up_seeds": summary.gave_up,
            "virtual_seconds": simulated,
            "real_seconds": took.as_secs_f64(),
            "virtual_seconds_per_real_second": speed.round(),
            "bytes": summary.octets,
            "packets": summary.crossings,
            "retransmissions": summary.retransmissions,
            "resets": summary.resets,
        }))?;
    } else {
        output::line(format_args!(
            "{} octets arrived in {} packets; {} segments were sent again, {} connections reset as \
             planned",
            summary.octets, summary.crossings, summary.retransmissions, summary.resets
        ))?;
        output::line(format_args!(
            "{simulated} simulated seconds in {:.1} s: {speed:.0} for each real one",
            took.as_secs_f64()
        ))?;
        for seed in &summary.failed {
            output::line(format_args!("failed: {}", arguments.again(*seed)))?;
        }
        if let Some(recipe) = &arguments.loss {
            for seed in &summary.gave_up {
                output::line(format_args!("gave up: {}", arguments.again(*seed)))?;
            }
            let all = summary.passed + summary.incomplete;
            output::line(format_args!(
                "{} loss each way: {} of {all} complete ({:.3} %), in {} a connection was given up",
                recipe.loss,
                summary.passed,
                summary.passed as f64 * 100.0 / (all.max(1)) as f64,
                summary.incomplete
            ))?;
        }
        output::line(format_args!(
            "{} passed, {} failed",
            summary.passed, summary.failures
        ))?;
    }
    if summary.failures == 0 {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}
