//! Writes the names of the tests that exist into `tests/requirements.tsv`.
//!
//! `cargo run -p sidestep-tests --bin ledger` after tests were added, renamed or removed. It prints how
//! each RFC of TCP stands and what still disagrees, which is what the test `ledger` fails on, and ends with 1 if anything does.

use std::collections::BTreeSet;
use std::process::ExitCode;

use sidestep_tests::ledger;

fn main() -> ExitCode {
    match write() {
        Ok(disagreements) if disagreements.is_empty() => ExitCode::SUCCESS,
        Ok(disagreements) => {
            for line in disagreements {
                eprintln!("{line}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> Result<Vec<String>, String> {
    let path = ledger::ledger_path();
    let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let mut lines = ledger::read(&text)?;
    let found = ledger::tests_of_workspace().map_err(|error| error.to_string())?;
    let tests: BTreeSet<String> = found.into_keys().collect();
    ledger::refresh(&mut lines, &tests);
    std::fs::write(&path, ledger::to_text(&lines)).map_err(|error| error.to_string())?;
    let tested = lines
        .iter()
        .filter(|line| line.standing == ledger::Standing::Test)
        .count();
    println!("{tested} of {} requirements have a test", lines.len());
    println!();
    print!("{}", ledger::table_of_tcp(&lines));
    Ok(ledger::disagreements(&lines, &tests))
}
