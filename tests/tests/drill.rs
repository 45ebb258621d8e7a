//! The drill scripts of `tests/drill/`: all hold on our stack and through the crate, and on the kernel
//! but for the exceptions that are listed.
//!
//! The scripts are the claim, the kernel is the control: where it differs, `kernel-exceptions.tsv` has
//! the sentence of the RFC, and the list is exact both ways. Without the right to make a namespace the
//! kernel's share is left out, loudly.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sidestep_tools::drill::ladder::{Extent, ladder};
use sidestep_tools::drill::report::{Backend, Outcome};
use sidestep_tools::drill::run::{Matching, Settings};
use sidestep_tools::drill::suite::{Judged, Tally, run_all, run_file, scripts};
use sidestep_tools::drill::{parse, parse_octets};

/// Scripts at one time where they mostly wait for time to pass.
const JOBS_IN_REAL_TIME: usize = 24;

/// How often a script that failed among others is played by itself.
const HEARINGS: usize = 3;

/// How late a busy machine may be.
const REAL_TIME_TOLERANCE: Duration = Duration::from_millis(60);

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("drill")
}

fn files() -> Vec<PathBuf> {
    let files = scripts(&[directory()]).expect("the directory is there");
    assert!(files.len() >= 200, "only {} scripts", files.len());
    files
}

/// `states/active-close` for the file of this name.
fn name_of(file: &str) -> String {
    let directory = format!("{}/", directory().display());
    let name = file.strip_prefix(&directory).unwrap_or(file);
    name.strip_suffix(".pkt").unwrap_or(name).to_owned()
}

/// What became of all scripts.
struct Played {
    tally: Tally,
    /// What went wrong with each script that did not pass, by name.
    wrong: BTreeMap<String, String>,
    /// What this machine lacks for a script, by name.
    not_run: BTreeMap<String, String>,
}

fn play(backend: Backend, settings: &Settings, jobs: usize) -> Played {
    let mut wrong = BTreeMap::new();
    let mut not_run = BTreeMap::new();
    let tally = run_all(
        &files(),
        backend,
        settings,
        jobs,
        |judged: &Judged| match judged {
            Ok(report) if report.passed() => {}
            Ok(report) => {
                let name = name_of(&report.file);
                match &report.outcome {
                    Outcome::Unavailable { what } => not_run.insert(name, what.clone()),
                    Outcome::Passed | Outcome::Failed(_) | Outcome::Unsupported { .. } => {
                        wrong.insert(name, ladder(report, Extent::default()))
                    }
                };
            }
            Err(error) => panic!("{error}"),
        },
    );
    Played {
        tally,
        wrong,
        not_run,
    }
}

/// The lines of a table below `tests/drill`: the script, then what is said of it.
fn table(file: &str) -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(directory().join(file)).expect("the table is there");
    let mut lines = BTreeMap::new();
    for line in text.lines().skip(1).filter(|it| !it.starts_with('#')) {
        let mut cells = line.split('\t').map(str::to_owned);
        let name = cells.next().unwrap_or_default();
        let said: Vec<String> = cells.collect();
        assert_eq!(said.len(), 2, "{file}: {line}");
        assert!(said.iter().all(|it| !it.is_empty()), "{file}: {line}");
        assert!(
            directory().join(format!("{name}.pkt")).is_file(),
            "{file}: there is no script {name}"
        );
        assert!(lines.insert(name, said).is_none(), "{file}: twice: {line}");
    }
    lines
}

/// True if a script passes when it is played by itself: where many are played at one time, a busy
/// machine may be late for some.
fn passes_alone(name: &str, backend: Backend, settings: &Settings) -> bool {
    (0..HEARINGS).any(|_| passes_once(name, backend, settings))
}

/// True if it passes however often it is played by itself: what the backend does otherwise may be close
/// to what the tolerance allows.
fn passes_always(name: &str, backend: Backend, settings: &Settings) -> bool {
    (0..HEARINGS).all(|_| passes_once(name, backend, settings))
}

fn passes_once(name: &str, backend: Backend, settings: &Settings) -> bool {
    let file = directory().join(format!("{name}.pkt"));
    run_file(&file, backend, settings).is_ok_and(|it| it.passed())
}

/// Everything that is wrong is in the table, and everything in the table that was run is wrong.
fn exactly(played: &Played, file: &str, backend: Backend, settings: &Settings) {
    let listed = table(file);
    let wrong = &played.wrong;
    for (name, text) in wrong {
        assert!(
            listed.contains_key(name) || passes_alone(name, backend, settings),
            "{name} is not in {file}:\n{text}"
        );
    }
    for name in listed.keys() {
        assert!(
            wrong.contains_key(name)
                || played.not_run.contains_key(name)
                || !passes_always(name, backend, settings),
            "{name} passes: take it out of {file}"
        );
    }
}

#[test]
fn every_script_holds_on_our_stack() {
    let began_at = Instant::now();
    let played = play(Backend::Stack, &Settings::default(), 2);
    if let Some(text) = played.wrong.values().next() {
        panic!("{} fail, the first one:\n{text}", played.wrong.len());
    }
    assert_eq!(played.tally.passed, files().len());
    assert!(began_at.elapsed() < Duration::from_secs(10));
}

#[test]
fn another_seed_changes_no_outcome() {
    let settings = Settings {
        seed: 4_294_967_291,
        ..Settings::default()
    };
    let played = play(Backend::Stack, &settings, 2);
    assert_eq!(played.wrong.into_values().next(), None);
}

#[test]
fn every_script_holds_through_the_crate_but_for_what_it_has_no_call_for() {
    let settings = Settings {
        real_time_tolerance: REAL_TIME_TOLERANCE,
        ..Settings::default()
    };
    let played = play(Backend::Api, &settings, JOBS_IN_REAL_TIME);
    assert_eq!(played.tally.unavailable, 0, "{:?}", played.not_run);
    exactly(&played, "api-exceptions.tsv", Backend::Api, &settings);
}

#[test]
fn every_script_holds_on_the_kernel_but_for_the_exceptions() {
    let settings = Settings {
        matching: Matching::Relaxed,
        real_time_tolerance: REAL_TIME_TOLERANCE,
        ..Settings::default()
    };
    let played = play(Backend::Kernel, &settings, JOBS_IN_REAL_TIME);
    // A host may refuse one setting, such as an algorithm that its administrator does not allow.
    for (name, why) in &played.not_run {
        println!("SKIPPED: {name} on the kernel: {why}");
    }
    exactly(&played, "kernel-exceptions.tsv", Backend::Kernel, &settings);
}

#[test]
fn every_script_says_which_sentence_it_is_about() {
    let mut first_lines = BTreeSet::new();
    for file in files() {
        let text = fs::read_to_string(&file).expect("is text");
        let comment: String = text
            .lines()
            .take_while(|it| it.starts_with("//"))
            .collect::<Vec<_>>()
            .join(" ");
        assert!(
            comment.contains("RFC ") || comment.contains("STD "),
            "{} names no RFC in its first comment",
            file.display()
        );
        assert!(
            first_lines.insert(comment),
            "{} has the comment of another one",
            file.display()
        );
    }
}

#[test]
fn every_script_is_the_same_after_it_was_printed() {
    for file in files() {
        let octets = fs::read(&file).expect("is there");
        let script = parse_octets("x", &octets).unwrap_or_else(|error| panic!("{error}"));
        let printed = script.to_string();
        let again = parse("x", &printed).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again.to_string(), printed, "{}", file.display());
        assert_eq!(again.events.len(), script.events.len());
    }
}
