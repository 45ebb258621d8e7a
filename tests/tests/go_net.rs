//! The table of Go's `net`, printed again with a mark for each row and the tests that show it.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use sidestep_tests::go_net::{
    Row, api_source, disagreements, go_exports, read, table_path, tests_by_name,
};
use sidestep_tests::namespace_net::skip;

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(table_path()).expect("the book has the page");
    read(&text).expect("it is a table")
}

#[test]
fn every_row_that_is_due_is_done_and_names_a_test() {
    let rows = rows();
    for row in &rows {
        let (go, more) = match &row.go[..] {
            [go] => (go, String::new()),
            [go, more @ ..] => (go, format!(" and {} more", more.len())),
            [] => panic!("a row without a name"),
        };
        let done = if row.done { "✓" } else { "–" };
        println!("{done} {} {go}{more}: {}", row.mark.letter(), row.evidence);
    }
    let due: Vec<&Row> = rows.iter().filter(|row| row.mark.is_due()).collect();
    println!(
        "{} of {} rows marked S or E are done, {} of {} others",
        due.iter().filter(|row| row.done).count(),
        due.len(),
        rows.iter()
            .filter(|row| row.done && !row.mark.is_due())
            .count(),
        rows.len() - due.len()
    );
    let tests = tests_by_name().expect("the sources are there");
    let source = api_source().expect("the crate is there");
    let list = disagreements(&rows, &tests, &source);
    assert!(list.is_empty(), "{}", list.join("\n"));
}

/// Where Go's own files are.
fn goroot() -> Option<PathBuf> {
    let output = Command::new("go").args(["env", "GOROOT"]).output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    path.join("api").is_dir().then_some(path)
}

#[test]
fn no_export_of_go_is_missing_in_the_table() {
    let Some(goroot) = goroot() else {
        skip("go is not installed");
        return;
    };
    let named: BTreeSet<String> = rows().into_iter().flat_map(|row| row.go).collect();
    let exports = go_exports(&goroot).expect("Go lists its exports");
    assert!(exports.len() > 300, "only {} exports", exports.len());
    let missing: Vec<&String> = exports.difference(&named).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
}
