//! `sidestep replay`: plays one side of a capture to this stack, and says what is not as it was.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use sidestep_tools::capture::replay::{Settings, Side, Windows, replay};
use sidestep_tools::capture::{Captured, ReadError, Reader};

use super::{Failure, output};

const HELP: &str = "\
Each TCP conversation of the capture gets a stack of its own, in virtual time. What arrived then
arrives now, with the numbers of this run; what the application did is read off the capture. The
first difference of each conversation is shown, with what led to it. pcapng and pcap are read, from
any program; in captures of others the order and the times count, not what stood between them, and
windows are not compared.

Exit code 1 means that something differs.

Examples:
  sidestep ping --memory --pcap ping.pcapng 192.0.2.1
  sidestep replay transfer.pcapng
  sidestep replay --set initial_window_segments=4 transfer.pcapng
  sidestep replay --side 192.0.2.2:80 --tolerance 0.1 --json server.pcap";

/// Plays one side of a capture to the stack, and says where it behaves differently
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The capture: pcapng, or pcap
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Our end, ADDRESS or ADDRESS:PORT; repeatable [default: as the capture says, else who began]
    #[arg(long, value_name = "END")]
    side: Vec<Side>,
    /// An entry of the configuration, as in initial_window_segments=4; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    set: Vec<(String, u64)>,
    /// How many seconds the times of one segment may lie apart
    #[arg(long, value_name = "SECONDS", value_parser = super::options::seconds)]
    tolerance: Option<Duration>,
    /// Does not compare windows: the application reads at once
    #[arg(long)]
    ignore_windows: bool,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

fn setting(text: &str) -> Result<(String, u64), String> {
    const FORM: &str = "must be NAME=NUMBER, as in initial_window_segments=4";
    let (name, value) = text.split_once('=').ok_or(FORM)?;
    let value = sidestep_stack::Config::value_of(name, value).ok_or(FORM)?;
    // Whether there is such an entry, and whether it may have that value.
    sidestep_stack::Config::default()
        .set(name, value)
        .map_err(|refused| refused.to_string())?;
    Ok((name.to_owned(), value))
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let failed = |source| Failure::Replay {
        path: arguments.file.clone(),
        source,
    };
    let (packets, mut settings) = read(&arguments.file).map_err(|it| failed(it.into()))?;
    for (name, value) in &arguments.set {
        if settings.config.set(name, *value).is_err() {
            return Err(Failure::Usage("an entry cannot be set"));
        }
    }
    if let Some(tolerance) = arguments.tolerance {
        settings.tolerance = tolerance;
    }
    if arguments.ignore_windows {
        settings.windows = Windows::Ignored;
    }
    settings.sides.clone_from(&arguments.side);
    let report = replay(&packets, &settings).map_err(failed)?;
    if arguments.json {
        output::line(report.to_json())?;
    } else {
        output::line(&report)?;
    }
    if report.is_same() {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}

fn read(path: &Path) -> Result<(Vec<Captured>, Settings), ReadError> {
    let mut reader = Reader::new(BufReader::new(File::open(path)?))?;
    let packets = reader.by_ref().collect::<Result<_, _>>()?;
    let settings = Settings::suiting(reader.application());
    Ok((packets, settings))
}
