//! Go is asked what its `net` does in some hundred scenarios, and Sidestep must do the same.
//!
//! Needs Go (Debian's `golang-go`) and nothing from any network: without it the test says `SKIPPED:`,
//! or fails if `SIDESTEP_REQUIRE` is 1. See `tests/oracle/README.md` for the table and its words.

// A failed claim is a panic with a message.
#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sidestep_tests::namespace_net::{skip, within};
use sidestep_tests::oracle::{Scenario, directory, read};

/// Where the Rust program runs the scenarios.
const PLACES: [&str; 3] = ["stack", "pair", "host"];

/// How long `wait` waits, and how long it does for scenarios that differed.
const WAITS_MS: [u32; 2] = [60, 400];

/// A program may run so long.
const PATIENCE: Duration = Duration::from_secs(300);

/// The differences that may be listed.
const DIFFERENCES_MAX: usize = 15;

/// The scenarios that there must be.
const SCENARIOS_MIN: usize = 300;

/// Outcomes by the id of their scenario.
type Outcomes = BTreeMap<String, String>;

#[test]
fn sidestep_does_what_go_does_but_for_the_listed_differences() {
    let Some(go) = build_go() else { return };
    let text = fs::read_to_string(table_path()).expect("the table is there");
    let table = read(&text).expect("the table is one");
    assert!(
        table.len() >= SCENARIOS_MIN,
        "only {} scenarios",
        table.len()
    );
    let listed = listed_differences(&table);

    let mut differing: BTreeSet<String> = table.iter().map(|s| s.id.clone()).collect();
    let mut report = BTreeMap::new();
    for wait in WAITS_MS {
        report = compare(&go, &table, &differing, wait);
        differing = report.keys().cloned().collect();
        if differing.iter().all(|id| listed.contains(id)) {
            break;
        }
    }

    let mut said = String::new();
    for (id, difference) in &report {
        if !listed.contains(id) {
            let _ = writeln!(said, "{difference}");
        }
    }
    for id in listed.difference(&differing) {
        let _ = writeln!(said, "{id} is listed as different, but is not");
    }
    assert!(said.is_empty(), "\n{said}");
}

fn table_path() -> PathBuf {
    directory().join("scenarios.tsv")
}

/// The ids of `differences.tsv`, each of which must be one of the table's.
fn listed_differences(table: &[Scenario]) -> BTreeSet<String> {
    let text = fs::read_to_string(directory().join("differences.tsv")).expect("the list is there");
    let mut listed = BTreeSet::new();
    let mut entries = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (ids, reason) = line.split_once('\t').expect("ids and a reason");
        assert!(!reason.trim().is_empty(), "{ids} has no reason");
        entries += 1;
        for id in ids.split(',') {
            assert!(table.iter().any(|s| s.id == id), "{id} is no scenario");
            assert!(listed.insert(id.to_owned()), "{id} is listed twice");
        }
    }
    assert!(
        entries <= DIFFERENCES_MAX,
        "{entries} differences are listed"
    );
    listed
}

/// Runs the scenarios `ids` everywhere and tells of those that differ somewhere.
fn compare(
    go: &Path,
    table: &[Scenario],
    ids: &BTreeSet<String>,
    wait_ms: u32,
) -> BTreeMap<String, String> {
    let ids_path = scratch(&format!("oracle-ids-{wait_ms}"));
    let list: Vec<_> = ids.iter().map(String::as_str).collect();
    fs::write(&ids_path, list.join("\n")).expect("cargo's directory can be written");
    let run_at = |place: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_in-own-network"));
        command.arg(env!("CARGO_BIN_EXE_oracle"));
        command.args([Path::new(place), &table_path(), &ids_path]);
        command.args([wait_ms.to_string().as_str(), &go.to_string_lossy()]);
        run(command)
    };
    // The program asks Go: the name server that both ask is in Rust.
    let Some(expected) = run_at("go") else {
        return BTreeMap::new();
    };
    assert_eq!(expected.len(), ids.len(), "Go answers all");
    let mut report: BTreeMap<String, String> = BTreeMap::new();
    for place in PLACES {
        let outcomes = run_at(place).expect("there was a namespace for Go");
        assert!(!outcomes.is_empty() || ids.len() < SCENARIOS_MIN, "{place}");
        for (id, outcome) in &outcomes {
            if expected.get(id) == Some(outcome) {
                continue;
            }
            let entry = report.entry(id.clone()).or_insert_with(|| {
                let scenario = table.iter().find(|s| s.id == *id).expect("it was asked");
                let go = expected.get(id).map_or("NOTHING", String::as_str);
                format!(
                    "{id} {} {:?}\n    go:    {go}",
                    scenario.kind, scenario.args
                )
            });
            let _ = write!(entry, "\n    {place}: {outcome}");
        }
    }
    report
}

/// The outcomes that a program prints; `None` after saying that there was no namespace for it.
fn run(mut command: Command) -> Option<Outcomes> {
    let ended = within(PATIENCE, move || command.output().expect("it was built"));
    let out = String::from_utf8_lossy(&ended.stdout).into_owned();
    if let Some(why) = out.strip_prefix("SKIPPED: ") {
        skip(why.trim_end());
        return None;
    }
    let err = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{}: {err}", ended.status);
    let outcomes = out.lines().map(|line| {
        let (id, outcome) = line.split_once('\t').expect("an id and an outcome");
        (id.to_owned(), outcome.to_owned())
    });
    Some(outcomes.collect())
}

/// Builds the Go program; `None` after saying that there is no Go.
fn build_go() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    if !env::split_paths(&path).any(|directory| directory.join("go").is_file()) {
        skip("go is not installed");
        return None;
    }
    let program = scratch("oracle-go");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(directory().join("go"))
        // Go's own resolver and nothing from any network.
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-mod=mod")
        .env("GOPROXY", "off")
        .env("GOCACHE", scratch("go-cache"))
        .output()
        .expect("go is there");
    let err = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{err}");
    Some(program)
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}
