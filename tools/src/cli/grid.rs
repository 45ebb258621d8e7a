//! `sidestep grid`: the TCP of Sidestep beside the kernel's, over the same bad paths.
//!
//! The library makes the runs and the ratios. Here are the arguments, the progress line, the lines of
//! JSON and the judgement: a ratio below the bound, or an index below it, is a check that fails.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sidestep_stack::call::CongestionAlgorithm;
use sidestep_tools::grid::fairness::{self, Contest, JAIN_MIN, START_UP, Shares};
use sidestep_tools::grid::{
    BUDGET_PACKETS, Cell, Depth, Facts, GridFailed, Job, Loss, Outcome, Pair, Party, Plan,
    RATIO_MIN, Row, Sent, Summary, Time, facts, rows, run as run_real, run_all, simulate, table,
};
use sidestep_tools::namespace::enter_own_network;

use super::interrupt::Interrupt;
use super::options::seconds;
use super::{Failure, output};

const HELP: &str = "\
Cells of up to 200 Mbit/s run in real time, each pair in network namespaces of its own; faster ones in the
simulator, Sidestep alone. Ratios are Sidestep's goodput in parts of the kernel's. Several runs share the
machine as far as --budget allows; run it on a machine that does nothing else. See the book, \"The grid\".

Examples:
  sidestep grid
  sidestep grid --rates 10 --rtts 20,100 --losses 0,1%,bursts --queues 1 --json cells.jsonl
  sidestep grid --rates 100 --rtts 300 --losses 0 --pairs sidestep-kernel --captures seen
  sidestep grid --rates 1000 --congestion bbr
  sidestep grid fairness";

/// Measures the goodput of Sidestep and the kernel over a grid of paths
#[derive(Debug, Args)]
#[command(after_help = HELP, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Mbit/s
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "10,100,1000", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rates: Vec<u32>,
    /// Round trips in milliseconds
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1,20,100,300", value_parser = clap::value_parser!(u32).range(1..=2_000))]
    rtts: Vec<u32>,
    /// Losses: shares, or the word bursts
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "0,0.1%,1%,3%,bursts"
    )]
    losses: Vec<Loss>,
    /// Queues, in parts of the bandwidth-delay product
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "0.25,1"
    )]
    queues: Vec<Depth>,
    /// Senders and receivers
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "sidestep-kernel,kernel-sidestep,kernel-kernel"
    )]
    pairs: Vec<Pair>,
    /// How long each run is [default: 6, or 60 round trips]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,
    /// Runs of each pair over a path that loses packets at random; up to four times as many where
    /// a run meets few losses
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// Runs of each pair over a path that loses none
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs_lossless: u32,
    /// The seed of chance: the same losses for each pair of a run
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The algorithm of all senders: cubic, reno or bbr
    #[arg(long, value_name = "NAME", default_value = "cubic", value_parser = congestion)]
    congestion: CongestionAlgorithm,
    #[command(flatten)]
    machine: Machine,
    /// Writes a capture of Sidestep's packets for each run, each packet with its reason
    #[arg(long, value_name = "DIRECTORY")]
    captures: Option<PathBuf>,
}

/// What the machine carries.
#[derive(Clone, Debug, Args)]
struct Machine {
    /// The most runs at one time
    #[arg(long, value_name = "N", default_value_t = 24)]
    jobs: usize,
    /// The most packets a second that all runs of one time are expected to need
    #[arg(long, value_name = "PACKETS", default_value_t = BUDGET_PACKETS)]
    budget: u64,
    /// Writes one JSON object a line: the settings, then each cell
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fairness(FairnessArguments),
}

const FAIRNESS_HELP: &str = "\
Two CUBIC flows, ours and the kernel's, wait in one queue; their index must be 0.95. Flows of the kernel
alone, and BBR against CUBIC, are shown beside them and not judged.

Examples:
  sidestep grid fairness
  sidestep grid fairness --seconds 20 --json shares.jsonl";

/// Lets two flows share one bottleneck, and prints Jain's index of their goodput
#[derive(Debug, Args)]
#[command(after_help = FAIRNESS_HELP)]
struct FairnessArguments {
    /// How long each contest is
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    seconds: Duration,
    /// The seed of chance
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Leaves out what is not judged
    #[arg(long)]
    judged: bool,
    #[command(flatten)]
    machine: Machine,
}

fn congestion(text: &str) -> Result<CongestionAlgorithm, &'static str> {
    CongestionAlgorithm::by_name(text).ok_or("must be cubic, reno or bbr")
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Some(Command::Fairness(arguments)) => run_fairness(arguments),
        None => run_grid(arguments),
    }
}

/// Lines of JSON, if somebody wants them.
struct Lines(Option<(PathBuf, BufWriter<File>)>);

impl Lines {
    fn create(path: Option<&PathBuf>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self(None));
        };
        let file = File::create(path).map_err(|source| Failure::Output {
            file: path.clone(),
            source,
        })?;
        Ok(Self(Some((path.clone(), BufWriter::new(file)))))
    }

    fn line(&mut self, value: &Value) -> Result<(), Failure> {
        let Some((path, out)) = &mut self.0 else {
            return Ok(());
        };
        writeln!(out, "{value}")
            .and_then(|()| out.flush())
            .map_err(|source| Failure::Output {
                file: path.clone(),
                source,
            })
    }
}

fn bar(length: usize) -> ProgressBar {
    let template = "{elapsed} {wide_bar} {pos}/{len} runs, {eta} left, {msg}";
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(length as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn told(facts: &Facts) -> String {
    let pairs = |list: &[(String, String)]| {
        let list: Vec<String> = list
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        list.join("; ")
    };
    format!(
        "Linux {}: {}\nSidestep: {}\nEvery packet crosses plain TUN devices of 1,500 octets, one at a \
         time, without offloads.",
        facts.kernel,
        pairs(&facts.settings),
        pairs(&facts.ours)
    )
}

fn facts_json(facts: &Facts) -> Value {
    let object = |list: &[(String, String)]| -> Value {
        let pairs = list
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)));
        Value::Object(pairs.collect())
    };
    json!({
        "kernel": facts.kernel,
        "settings": object(&facts.settings),
        "sidestep": object(&facts.ours),
    })
}

type Ran = (Job, Result<Outcome, GridFailed>);

fn run_grid(arguments: &Arguments) -> Result<(), Failure> {
    let plan = Plan {
        rates: arguments.rates.clone(),
        rtts: arguments.rtts.clone(),
        losses: arguments.losses.clone(),
        depths: arguments.queues.clone(),
        pairs: arguments.pairs.clone(),
        runs: arguments.runs,
        runs_lossless: arguments.runs_lossless,
        time: arguments.seconds,
        seed: arguments.seed,
    };
    let (real, simulated) = (plan.jobs(Time::Real), plan.jobs(Time::Virtual));
    let mut lines = Lines::create(arguments.machine.json.as_ref())?;
    if let Some(directory) = &arguments.captures {
        fs::create_dir_all(directory).map_err(|source| Failure::Output {
            file: directory.clone(),
            source,
        })?;
    }
    if !real.is_empty() {
        // First of all: without the right of root it works only while there is one thread.
        enter_own_network().map_err(Failure::Namespace)?;
        let facts = facts(arguments.congestion)?;
        output::line(told(&facts))?;
        lines.line(&facts_json(&facts))?;
    }
    let interrupt = Interrupt::new(|| {})?;
    let mut ran = measure(arguments, &interrupt, real, simulated);
    ran.sort_by_key(|(job, _)| (job.number, job.run, job.pair));
    let good = ran
        .iter()
        .filter_map(|(job, outcome)| Some((job, outcome.as_ref().ok()?)));
    let rows = rows(good);
    for row in &rows {
        lines.line(&row_json(row, &ran))?;
    }
    conclude(&rows, &ran)
}

fn measure(
    arguments: &Arguments,
    interrupt: &Interrupt,
    real: Vec<Job>,
    simulated: Vec<Job>,
) -> Vec<Ran> {
    let bar = bar(real.len() + simulated.len());
    let mut ran: Vec<Ran> = Vec::new();
    let mut over = |job: Job, outcome: Result<Outcome, GridFailed>| {
        bar.inc(1);
        bar.set_message(match &outcome {
            Ok(outcome) => {
                let rate = outcome.goodput() / 1e6;
                format!("{}, {}: {rate:.2} Mbit/s", job.cell, job.pair)
            }
            Err(error) => format!("{}, {}: {error}", job.cell, job.pair),
        });
        ran.push((job, outcome));
        !interrupt.wait(Duration::ZERO)
    };
    let congestion = arguments.congestion;
    let machine = &arguments.machine;
    let capture = |job: &Job| {
        let directory = arguments.captures.as_ref()?;
        let takes_part = job.pair.parties().contains(&Party::Sidestep);
        takes_part.then(|| directory.join(format!("{}.pcapng", name(job))))
    };
    let in_real_time = |job: &Job| run_real(job, congestion, capture(job).as_deref());
    run_all(real, machine.budget, machine.jobs, in_real_time, &mut over);
    // One for each core: what they weigh is the processor's time alone.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let virtually = |job: &Job| simulate(job, congestion);
    run_all(simulated, u64::MAX, cores, virtually, &mut over);
    bar.finish_and_clear();
    ran
}

/// A file's name that says which run it is.
fn name(job: &Job) -> String {
    let Cell {
        rate_mbit,
        rtt_ms,
        loss,
        depth,
    } = job.cell;
    let [sender, receiver] = job.pair.parties().map(|party| match party {
        Party::Sidestep => "sidestep",
        Party::Kernel => "kernel",
    });
    let run = job.run;
    format!("{rate_mbit}mbit-{rtt_ms}ms-{loss}-{depth}bdp-{sender}-{receiver}-{run}")
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn sent_json(sent: &Sent) -> Value {
    json!({
        "retransmissions": sent.retransmissions,
        "timeouts": sent.timeouts,
        "srtt_us": micros(sent.srtt),
        "cwnd_octets": sent.cwnd_octets,
        "rwnd_limited_us": micros(sent.rwnd_limited),
        "sndbuf_limited_us": micros(sent.sndbuf_limited),
    })
}

fn cell_json(cell: &Cell) -> Value {
    json!({
        "rate_mbit": cell.rate_mbit,
        "rtt_ms": cell.rtt_ms,
        "loss": cell.loss.to_string(),
        "queue_bdp": cell.depth.to_string(),
        "queue_packets": cell.queue_packets(),
    })
}

fn row_json(row: &Row, ran: &[Ran]) -> Value {
    let of_cell = ran.iter().filter(|(job, _)| job.number == row.number);
    let runs: Vec<Value> = of_cell
        .map(|(job, outcome)| match outcome {
            Ok(outcome) => json!({
                "pair": job.pair.to_string(),
                "run": job.run,
                "seed": job.seed,
                "seconds": outcome.time.as_secs_f64(),
                "octets": outcome.octets,
                "mbit": outcome.goodput() / 1e6,
                "sender": sent_json(&outcome.sent),
                "link": {
                    "arrived": outcome.link.arrived,
                    "lost": outcome.link.lost(),
                    "forwarded": outcome.link.forwarded,
                },
                "late_p99_us": micros(outcome.late_p99),
                "refused": outcome.refused,
            }),
            Err(error) => json!({
                "pair": job.pair.to_string(),
                "run": job.run,
                "error": error.to_string(),
            }),
        })
        .collect();
    json!({
        "cell": cell_json(&row.cell),
        "ratio_sidestep_kernel": row.ratio(Pair::SidestepToKernel),
        "ratio_kernel_sidestep": row.ratio(Pair::KernelToSidestep),
        "share_simulated": row.share(Pair::SidestepToSidestep),
        "runs": runs,
    })
}

/// The table, what it comes to, and whether that is enough.
fn conclude(rows: &[Row], ran: &[Ran]) -> Result<(), Failure> {
    output::line(format_args!("\n{}", table(rows)))?;
    let mut is_enough = true;
    for pair in [Pair::SidestepToKernel, Pair::KernelToSidestep] {
        let ratios = rows
            .iter()
            .filter_map(|row| Some((row.cell, row.ratio(pair)?)));
        let Some(summary) = Summary::of(ratios) else {
            continue;
        };
        is_enough &= summary.is_enough();
        output::line(format_args!(
            "{pair}: {} cells, least ratio {:.3}, median {:.3}, {} below {RATIO_MIN}",
            summary.cells,
            summary.least,
            summary.median,
            summary.below.len()
        ))?;
        for (cell, ratio) in &summary.below {
            output::line(format_args!("  {ratio:.3}  {cell}"))?;
        }
    }
    for pair in [
        Pair::KernelToKernel,
        Pair::SidestepToKernel,
        Pair::KernelToSidestep,
    ] {
        let counts = rows.iter().filter_map(|row| row.of(pair)?.timeouts);
        let (cells, sum) = counts.fold((0, 0), |(cells, sum), count| (cells + 1, sum + count));
        if cells > 0 {
            output::line(format_args!(
                "{pair}: {sum} retransmission timeouts in {cells} cells"
            ))?;
        }
    }
    let failed = ran
        .iter()
        .filter_map(|(job, outcome)| Some((job, outcome.as_ref().err()?)));
    for (job, error) in failed {
        is_enough = false;
        output::line(format_args!(
            "no outcome: {}, {}: {error}",
            job.cell, job.pair
        ))?;
    }
    if is_enough {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}

fn run_fairness(arguments: &FairnessArguments) -> Result<(), Failure> {
    let mut contests = fairness::contests(arguments.seconds, arguments.seed);
    if arguments.judged {
        contests.retain(|contest| contest.is_judged);
    }
    let mut lines = Lines::create(arguments.machine.json.as_ref())?;
    enter_own_network().map_err(Failure::Namespace)?;
    let facts = facts(CongestionAlgorithm::Cubic)?;
    output::line(told(&facts))?;
    lines.line(&facts_json(&facts))?;
    let interrupt = Interrupt::new(|| {})?;
    let bar = bar(contests.len());
    let mut ran: Vec<(Contest, Result<Shares, GridFailed>)> = Vec::new();
    let machine = &arguments.machine;
    let order = contests.clone();
    run_all(
        contests,
        machine.budget,
        machine.jobs,
        fairness::run,
        |contest, shares| {
            bar.inc(1);
            ran.push((contest, shares));
            !interrupt.wait(Duration::ZERO)
        },
    );
    bar.finish_and_clear();
    ran.sort_by_key(|(contest, _)| order.iter().position(|it| it == contest));
    let mut text = String::from(
        "| Mbit/s | RTT | queue | first | second | Mbit/s | index | after the start | |\n\
         |---:|---:|---:|---|---|---:|---:|---:|---|\n",
    );
    let mut is_enough = true;
    for (contest, shares) in &ran {
        let shares = match shares {
            Ok(shares) => shares,
            Err(error) => {
                is_enough = false;
                output::line(format_args!("no outcome: {}: {error}", contest.cell))?;
                continue;
            }
        };
        lines.line(&shares_json(contest, shares))?;
        let is_fair = shares.jain_from(start_of(contest)) >= JAIN_MIN
            && shares.jain_from(Duration::ZERO) >= JAIN_MIN;
        is_enough &= is_fair || !contest.is_judged;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", shares_row(contest, shares, is_fair));
    }
    output::line(format_args!("\n{text}"))?;
    if is_enough {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}

/// A short contest is judged over its second half.
fn start_of(contest: &Contest) -> Duration {
    START_UP.min(contest.time / 2)
}

fn shares_row(contest: &Contest, shares: &Shares, is_fair: bool) -> String {
    let [first, second] = contest.senders.map(|sender| {
        let party = match sender.party {
            Party::Sidestep => "Sidestep",
            Party::Kernel => "kernel",
        };
        format!("{party}, {}", sender.congestion.name())
    });
    let [one, other] = shares.goodput_from(Duration::ZERO).map(|rate| rate / 1e6);
    let verdict = match (contest.is_judged, is_fair) {
        (false, _) => "not judged",
        (true, true) => "fair",
        (true, false) => "**unfair**",
    };
    format!(
        "| {} | {} ms | {} BDP: {} | {first} | {second} | {one:.2}, {other:.2} | {:.3} | {:.3} | {verdict} |",
        contest.cell.rate_mbit,
        contest.cell.rtt_ms,
        contest.cell.depth,
        contest.cell.queue_packets(),
        shares.jain_from(Duration::ZERO),
        shares.jain_from(start_of(contest)),
    )
}

fn shares_json(contest: &Contest, shares: &Shares) -> Value {
    let flow = |number: usize| {
        let sender = contest.senders[number];
        let octets: Vec<u64> = shares.octets.iter().map(|both| both[number]).collect();
        json!({
            "party": match sender.party {
                Party::Sidestep => "Sidestep",
                Party::Kernel => "kernel",
            },
            "congestion": sender.congestion.name(),
            "octets_each_second": octets,
            "sender": sent_json(&shares.sent[number]),
        })
    };
    json!({
        "cell": cell_json(&contest.cell),
        "seconds": contest.time.as_secs_f64(),
        "is_judged": contest.is_judged,
        "jain": shares.jain_from(Duration::ZERO),
        "jain_after_start": shares.jain_from(start_of(contest)),
        "flows": [flow(0), flow(1)],
    })
}
