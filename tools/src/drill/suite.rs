//! Runs many scripts side by side, and counts what became of them.
//!
//! Called by `sidestep drill` and the tests. Scripts share nothing, so their order in time does not
//! matter; they are told in the order of the files all the same. Nothing here prints.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use thiserror::Error;

use super::error::ParseError;
use super::parse_octets;
use super::report::{Backend, Outcome, Report};
use super::run::{Settings, run};

#[cfg(test)]
mod tests;

/// How deep directories are searched for scripts.
const DEPTH_MAX: usize = 16;

/// The most octets that are read of a file; a script is never that long.
const FILE_OCTETS_MAX: u64 = 2_097_152;

/// Why a file is no script.
#[derive(Debug, Error)]
pub enum ScriptUnread {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    File {
        /// Which one.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is too long for a script.
    #[error("{}: longer than any script", file.display())]
    TooLong {
        /// Which one.
        file: PathBuf,
    },
    /// There is a mistake in it.
    #[error(transparent)]
    Mistake(#[from] ParseError),
}

/// What became of one file.
pub type Judged = Result<Report, ScriptUnread>;

/// How many scripts ended how.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Everything was as they say.
    pub passed: usize,
    /// Something was not, or they are no scripts.
    pub failed: usize,
    /// The back end or the language here cannot do what they ask for.
    pub unsupported: usize,
    /// The machine lacks what the back end needs.
    pub unavailable: usize,
}

impl Tally {
    /// Counts one more.
    pub const fn add(&mut self, judged: &Judged) {
        match judged {
            Ok(report) => match report.outcome {
                Outcome::Passed => self.passed += 1,
                Outcome::Failed(_) => self.failed += 1,
                Outcome::Unsupported { .. } => self.unsupported += 1,
                Outcome::Unavailable { .. } => self.unavailable += 1,
            },
            Err(ScriptUnread::Mistake(error)) if error.is_unsupported() => self.unsupported += 1,
            Err(_) => self.failed += 1,
        }
    }
}

/// The scripts that paths stand for: files as they are, and of directories every `.pkt` file below,
/// by name.
///
/// # Errors
///
/// A directory cannot be read.
pub fn scripts(paths: &[PathBuf]) -> Result<Vec<PathBuf>, ScriptUnread> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            below(path, DEPTH_MAX, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn below(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ScriptUnread> {
    let unread = |source| ScriptUnread::File {
        file: directory.to_owned(),
        source,
    };
    let entries: Result<Vec<PathBuf>, io::Error> = fs::read_dir(directory)
        .map_err(unread)?
        .map(|entry| entry.map(|it| it.path()))
        .collect();
    let mut entries = entries.map_err(unread)?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() && depth > 0 {
            below(&entry, depth - 1, files)?;
        } else if entry.extension().is_some_and(|it| it == "pkt") {
            files.push(entry);
        }
    }
    Ok(())
}

/// Reads and runs one file.
///
/// # Errors
///
/// [`ScriptUnread`] if it is no script.
pub fn run_file(file: &Path, backend: Backend, settings: &Settings) -> Judged {
    let unread = |source| ScriptUnread::File {
        file: file.to_owned(),
        source,
    };
    if fs::metadata(file).map_err(unread)?.len() > FILE_OCTETS_MAX {
        let file = file.to_owned();
        return Err(ScriptUnread::TooLong { file });
    }
    let octets = fs::read(file).map_err(unread)?;
    let script = parse_octets(&file.display().to_string(), &octets)?;
    Ok(run(&script, backend, settings))
}

/// Runs all files, `jobs` at a time, and tells what became of each, in their order.
pub fn run_all(
    files: &[PathBuf],
    backend: Backend,
    settings: &Settings,
    jobs: usize,
    mut tell: impl FnMut(&Judged),
) -> Tally {
    let mut tally = Tally::default();
    let next = AtomicUsize::new(0);
    let (done, ended) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, files.len().max(1)) {
            let (done, next) = (done.clone(), &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = files.get(index) else {
                        return;
                    };
                    if done
                        .send((index, run_file(file, backend, settings)))
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
        drop(done);
        // What ended before its turn waits here; there are no more of them than files.
        let mut waiting: Vec<Option<Judged>> = files.iter().map(|_| None).collect();
        let mut told = 0;
        for (index, judged) in ended {
            if let Some(place) = waiting.get_mut(index) {
                *place = Some(judged);
            }
            while let Some(judged) = waiting.get_mut(told).and_then(Option::take) {
                tally.add(&judged);
                tell(&judged);
                told += 1;
            }
        }
    });
    tally
}
