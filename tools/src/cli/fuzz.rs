//! `sidestep fuzz`: the generator against the targets, with a line of progress and a report.
//!
//! What it finds is written to a directory: the input that breaks a promise, and for TCP a drill script
//! that fails. `sidestep fuzz diff` is in `fuzz/diff.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use sidestep_tools::fuzz::campaign::{Campaign, Crash};
use sidestep_tools::fuzz::coverage::Coverage;
use sidestep_tools::fuzz::{self, Target, report};

use super::interrupt::Interrupt;
use super::options::seconds;
use super::{Failure, output};

mod diff;

const HELP: &str = "\
Without --target all fifteen run, and --seconds is for all of them together. The same seed and the same
--executions give the same inputs, packets and digest on any machine.

Examples:
  sidestep fuzz
  sidestep fuzz --seconds 600 --target tcp-socket
  sidestep fuzz --executions 1000 --seed 7 --json
  sidestep fuzz --target F8 --input fuzz-findings/tcp-socket-delivered.hex   # one input again";

/// Feeds inputs that follow from a seed to the stack, from any state, and checks what must hold
#[derive(Debug, Args)]
#[command(after_help = HELP, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// A target by name or number (F1 to F15); may be repeated
    #[arg(long, value_name = "TARGET")]
    target: Vec<Target>,
    /// How long to run
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    seconds: Duration,
    /// So many inputs for each target instead of a time
    #[arg(long, value_name = "N")]
    executions: Option<u64>,
    /// From which all inputs follow
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Runs this one input, in hexadecimal, and nothing else
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
    /// Where findings are written; it is made when there is one
    #[arg(long, value_name = "DIRECTORY", default_value = "fuzz-findings")]
    findings: PathBuf,
    /// Prints one JSON object at the end
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Diff(diff::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(Command::Diff(arguments)) = &arguments.command {
        return diff::run(arguments);
    }
    if let Some(file) = &arguments.input {
        return one_input(arguments, file);
    }
    let targets = if arguments.target.is_empty() {
        Target::ALL.to_vec()
    } else {
        arguments.target.clone()
    };
    let interrupt = Interrupt::new(|| {})?;
    let mut ends = Vec::new();
    for (at, target) in targets.iter().enumerate() {
        let share = arguments.seconds / targets.len() as u32;
        let end = campaign(arguments, *target, share, &interrupt)?;
        if !arguments.json {
            output::line(end.line())?;
        }
        ends.push(end);
        if at + 1 < targets.len() && interrupt.wait(Duration::ZERO) {
            break;
        }
    }
    conclude(arguments, &ends)
}

/// One target's end.
struct End {
    campaign: Campaign,
    took: Duration,
    files: Vec<PathBuf>,
}

impl End {
    fn rate(&self) -> u64 {
        let millis = self.took.as_millis().max(1) as u64;
        self.campaign.executions() * 1_000 / millis
    }

    fn line(&self) -> String {
        let coverage = self.campaign.coverage();
        format!(
            "F{:<2} {:<12} {:>9} executions {:>7}/s  transitions {:>2}  clauses {:>2}  discards {:>2}  corpus {:>4}  crashes {}",
            self.campaign.target().number(),
            self.campaign.target(),
            self.campaign.executions(),
            self.rate(),
            coverage.transitions().reached,
            coverage.clauses().reached,
            coverage.discards().reached,
            self.campaign.kept(),
            self.campaign.crashes().len(),
        )
    }

    fn json(&self) -> Value {
        let crashes: Vec<Value> = self
            .campaign
            .crashes()
            .iter()
            .zip(&self.files)
            .map(|(crash, file)| {
                json!({
                    "promise": crash.shrunk.violation.promise.name(),
                    "detail": crash.shrunk.violation.detail,
                    "execution": crash.number,
                    "file": file.display().to_string(),
                })
            })
            .collect();
        json!({
            "target": self.campaign.target().name(),
            "number": self.campaign.target().number(),
            "executions": self.campaign.executions(),
            "executions_per_second": self.rate(),
            "seconds": self.took.as_secs_f64(),
            "coverage": coverage_json(self.campaign.coverage()),
            "corpus": self.campaign.kept(),
            "digest": format!("{:016x}", self.campaign.digest()),
            "crashes": crashes,
        })
    }
}

fn campaign(
    arguments: &Arguments,
    target: Target,
    share: Duration,
    interrupt: &Interrupt,
) -> Result<End, Failure> {
    let began = Instant::now();
    let mut campaign = Campaign::new(target, arguments.seed);
    let bar = bar(arguments, target);
    loop {
        let enough = match arguments.executions {
            Some(executions) => campaign.executions() >= executions,
            None => began.elapsed() >= share,
        };
        if enough {
            break;
        }
        campaign.step();
        if campaign.executions().is_multiple_of(128) {
            bar.set_message(format!(
                "{} executions, {} kept, {} crashes",
                campaign.executions(),
                campaign.kept(),
                campaign.crashes().len()
            ));
            bar.tick();
            if interrupt.wait(Duration::ZERO) {
                break;
            }
        }
    }
    bar.finish_and_clear();
    let took = began.elapsed();
    let mut files = Vec::new();
    for crash in campaign.crashes() {
        files.push(keep(arguments, crash)?);
    }
    Ok(End {
        campaign,
        took,
        files,
    })
}

fn bar(arguments: &Arguments, target: Target) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if arguments.json {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {prefix}: {msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(format!("F{} {target}", target.number()));
    bar
}

/// Writes a finding, tells of it, and names the file that shows it best.
fn keep(arguments: &Arguments, crash: &Crash) -> Result<PathBuf, Failure> {
    let folder = &arguments.findings;
    let failed = |source| Failure::Findings {
        place: folder.clone(),
        source,
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let name = format!("{}-{}", crash.target, crash.shrunk.violation.promise.name());
    let hex = folder.join(format!("{name}.hex"));
    fs::write(&hex, report::hex(&crash.shrunk.input)).map_err(failed)?;
    let shown = match report::script(crash) {
        Some(script) => {
            let file = folder.join(format!("{name}.pkt"));
            fs::write(&file, &script).map_err(failed)?;
            file
        }
        None => {
            let file = folder.join(format!("{name}.rs"));
            fs::write(&file, report::test_stub(crash)).map_err(failed)?;
            file
        }
    };
    if !arguments.json {
        output::line(format_args!(
            "CRASH in {} at execution {}: {}\n  {}\n  again: sidestep fuzz --target {} --input {}",
            crash.target,
            crash.number,
            crash.shrunk.violation,
            shown.display(),
            crash.target,
            hex.display()
        ))?;
    }
    Ok(shown)
}

fn one_input(arguments: &Arguments, file: &Path) -> Result<(), Failure> {
    let text = fs::read_to_string(file).map_err(|source| Failure::Findings {
        place: file.to_owned(),
        source,
    })?;
    let Some(octets) = report::from_hex(&text) else {
        return Err(Failure::Usage("the input is no hexadecimal"));
    };
    let mut ok = true;
    for target in &arguments.target {
        let outcome = fuzz::run_twice(*target, &octets);
        match outcome.violation {
            Some(violation) => {
                ok = false;
                output::line(format_args!("{target}: {violation}"))?;
            }
            None => output::line(format_args!("{target}: every promise holds"))?,
        }
    }
    if ok { Ok(()) } else { Err(Failure::Said) }
}

fn coverage_json(coverage: &Coverage) -> Value {
    let share = |share: fuzz::coverage::Share| json!({"reached": share.reached, "all": share.all});
    json!({
        "transitions": share(coverage.transitions()),
        "clauses": share(coverage.clauses()),
        "discards": share(coverage.discards()),
    })
}

fn conclude(arguments: &Arguments, ends: &[End]) -> Result<(), Failure> {
    let mut all = Coverage::default();
    for end in ends {
        all.merge(end.campaign.coverage());
    }
    let executions: u64 = ends.iter().map(|end| end.campaign.executions()).sum();
    let took: Duration = ends.iter().map(|end| end.took).sum();
    let crashes: usize = ends.iter().map(|end| end.campaign.crashes().len()).sum();
    let rate = executions * 1_000 / took.as_millis().max(1) as u64;
    let unknown = all.unknown_transitions();
    if arguments.json {
        output::line(json!({
            "seed": arguments.seed,
            "executions": executions,
            "executions_per_second": rate,
            "coverage": coverage_json(&all),
            "missing": {
                "transitions": all.missing_transitions().iter()
                    .map(|(from, to)| format!("{from:?} -> {to:?}")).collect::<Vec<_>>(),
                "clauses": all.missing_clauses(),
                "discards": all.missing_discards().iter()
                    .map(|reason| reason.name()).collect::<Vec<_>>(),
            },
            "unknown_transitions": unknown.iter()
                .map(|(from, to)| format!("{from:?} -> {to:?}")).collect::<Vec<_>>(),
            "crashes": crashes,
            "targets": ends.iter().map(End::json).collect::<Vec<_>>(),
        }))?;
    } else {
        let (transitions, clauses, discards) = (all.transitions(), all.clauses(), all.discards());
        output::line(format_args!(
            "{executions} executions, {rate} a second; transitions {}/{}, clauses {}/{}, reasons to discard {}/{}; {crashes} crashes",
            transitions.reached,
            transitions.all,
            clauses.reached,
            clauses.all,
            discards.reached,
            discards.all,
        ))?;
        for (from, to) in all.missing_transitions() {
            output::line(format_args!("  not taken: {from:?} -> {to:?}"))?;
        }
        for clause in all.missing_clauses() {
            output::line(format_args!("  not reached: {clause}"))?;
        }
        for (from, to) in &unknown {
            output::line(format_args!("  not known to exist: {from:?} -> {to:?}"))?;
        }
    }
    if crashes == 0 && unknown.is_empty() {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}
