//! `sidestep drill`: scripts of packets and system calls, run and judged.

use std::fs::File;
use std::io::{self, BufWriter};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use sidestep_tools::capture::{Direction, Interface, Writer, Written};
use sidestep_tools::drill;
use sidestep_tools::drill::ladder::{Extent, ladder};
use sidestep_tools::drill::report::{Backend, Outcome, Report, Said};
use sidestep_tools::drill::run::{Matching, Settings};
use sidestep_tools::drill::suite::{self, Judged, ScriptUnread};

use super::{Failure, output};

const HELP: &str = "\
A script is a text in packetdrill's language: system calls, packets that arrive, and packets that have
to leave. The book's chapter \"Writing a drill script\" has all of it.

Examples:
  sidestep drill tests/drill
  sidestep drill -v tests/drill/states/active-close.pkt
  sidestep drill --relaxed --backend kernel tests/drill/rfc5961
  sidestep drill --json --pcap drill.pcapng other.pkt";

/// Jobs at one time where scripts mostly wait for time to pass.
const JOBS_IN_REAL_TIME: usize = 8;

/// Who is under test.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Under {
    /// Our stack in memory, in virtual time: milliseconds a script
    #[default]
    Stack,
    /// The kernel behind a TUN, in a network namespace of its own: the control
    Kernel,
    /// Our stack through `dial` and `listen`, on a cable in memory
    Api,
}

impl Under {
    const fn backend(self) -> Backend {
        match self {
            Self::Stack => Backend::Stack,
            Self::Kernel => Backend::Kernel,
            Self::Api => Backend::Api,
        }
    }
}

/// Runs packetdrill scripts against our stack, the kernel, or the crate
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Scripts; of a directory, every .pkt file below
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Who is under test
    #[arg(long, value_enum, default_value_t)]
    backend: Under,
    /// Takes options in any order, PSH as it likes and bursts joined or split
    #[arg(long)]
    relaxed: bool,
    /// What the back end cannot do is no failure
    #[arg(long)]
    skip_unsupported: bool,
    /// Scripts at one time; by default what suits the machine
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// The seed of the stack's chance
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Prints one JSON object for each script, each on its line
    #[arg(long)]
    json: bool,
    /// Writes every packet of all scripts, each with its reason, to this pcapng file
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Draws the whole ladder of every script
    #[arg(long, short)]
    verbose: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let files = suite::scripts(&arguments.files).map_err(Failure::Script)?;
    let backend = arguments.backend.backend();
    let settings = Settings {
        matching: if arguments.relaxed {
            Matching::Relaxed
        } else {
            Matching::Strict
        },
        seed: arguments.seed,
        ..Settings::default()
    };
    let mut capture = arguments.pcap.as_deref().map(Capture::create).transpose()?;
    let mut told = Ok(());
    let tally = suite::run_all(&files, backend, &settings, jobs(arguments), |judged| {
        if told.is_ok() {
            told = tell(judged, arguments).and_then(|()| match (&mut capture, judged) {
                (Some(capture), Ok(report)) => capture.write(report),
                (None, _) | (_, Err(_)) => Ok(()),
            });
        }
    });
    told?;
    if let Some(capture) = capture {
        capture.finish()?;
    }
    if tally.unsupported > 0 {
        output::remark(format!("{} cannot be done here", tally.unsupported));
    }
    if tally.unavailable > 0 {
        output::remark(format!(
            "{} were not run: this machine lacks what they need",
            tally.unavailable
        ));
    }
    output::line(format!("{} passed, {} failed", tally.passed, tally.failed))?;
    let skipped = if arguments.skip_unsupported {
        0
    } else {
        tally.unsupported
    };
    if tally.failed + skipped + tally.unavailable > 0 {
        return Err(Failure::Said);
    }
    Ok(())
}

/// The file of `--pcap`: an interface for each script.
struct Capture {
    file: PathBuf,
    writer: Writer<BufWriter<File>>,
}

impl Capture {
    fn create(file: &Path) -> Result<Self, Failure> {
        let writer = File::create(file).and_then(|it| Writer::new(BufWriter::new(it)));
        Ok(Self {
            file: file.to_owned(),
            writer: writer.map_err(|error| unwritten(file, error))?,
        })
    }

    fn write(&mut self, report: &Report) -> Result<(), Failure> {
        let file = &self.file;
        write_packets(&mut self.writer, report).map_err(|error| unwritten(file, error))
    }

    fn finish(self) -> Result<(), Failure> {
        let file = self.file;
        let finished = self.writer.finish();
        finished.map(drop).map_err(|error| unwritten(&file, error))
    }
}

fn unwritten(file: &Path, source: io::Error) -> Failure {
    let file = file.to_owned();
    Failure::Script(ScriptUnread::File { file, source })
}

fn write_packets(writer: &mut Writer<BufWriter<File>>, report: &Report) -> io::Result<()> {
    let interface = Interface::raw(&report.file).described(report.backend.name());
    let interface = writer.add_interface(&interface)?;
    for packet in &report.packets {
        writer.packet(&Written {
            interface,
            at_nanos: u64::try_from(packet.at.as_nanos()).unwrap_or(u64::MAX),
            direction: match packet.direction {
                drill::ast::Direction::Inbound => Direction::In,
                drill::ast::Direction::Outbound => Direction::Out,
            },
            octets: &packet.octets,
            comments: &packet.reasons,
            lost_before: 0,
        })?;
    }
    Ok(())
}

fn jobs(arguments: &Arguments) -> usize {
    if let Some(jobs) = arguments.jobs {
        return jobs.get();
    }
    match arguments.backend {
        Under::Stack => thread::available_parallelism().map_or(1, NonZeroUsize::get),
        Under::Kernel | Under::Api => JOBS_IN_REAL_TIME,
    }
}

fn tell(judged: &Judged, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.json {
        return output::line(match judged {
            Ok(report) => report_json(report),
            Err(error) => unread_json(error),
        });
    }
    let text = match judged {
        Ok(report) if arguments.verbose => ladder(report, Extent::whole()),
        Ok(report) if report.passed() => return Ok(()),
        Ok(report) => ladder(report, Extent::default()),
        Err(error) => error.to_string(),
    };
    output::line(text.trim_end())
}

fn report_json(report: &Report) -> Value {
    let (outcome, line, message) = match &report.outcome {
        Outcome::Passed => ("passed", None, None),
        Outcome::Failed(failure) => (
            "failed",
            failure.position.map(|it| it.line),
            Some(&failure.message),
        ),
        Outcome::Unsupported { position, what } => ("unsupported", Some(position.line), Some(what)),
        Outcome::Unavailable { what } => ("unavailable", None, Some(what)),
    };
    let said = |said: &Option<Said>| {
        said.as_ref()
            .map(|it| json!({ "at_us": micros(it.at), "text": it.text }))
    };
    let rows: Vec<Value> = report
        .rows
        .iter()
        .map(|row| {
            json!({
                "line": row.position.map(|it| it.line),
                "expected": said(&row.expected),
                "actual": said(&row.actual),
                "verdict": format!("{:?}", row.verdict).to_lowercase(),
                "reasons": row.reasons,
            })
        })
        .collect();
    json!({
        "file": report.file, "backend": report.backend.name(), "outcome": outcome, "line": line,
        "message": message, "lasted_us": micros(report.lasted), "rows": rows,
    })
}

fn unread_json(error: &ScriptUnread) -> Value {
    match error {
        ScriptUnread::Mistake(mistake) => json!({
            "file": mistake.file, "line": mistake.position.line, "column": mistake.position.column,
            "outcome": if mistake.is_unsupported() { "unsupported" } else { "mistake" },
            "message": mistake.mistake.to_string(),
        }),
        ScriptUnread::File { file, .. } | ScriptUnread::TooLong { file } => json!({
            "file": file.display().to_string(), "outcome": "unread", "message": error.to_string(),
        }),
    }
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
