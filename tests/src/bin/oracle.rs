//! Prints what each scenario of a table comes to: `oracle PLACE TABLE IDS WAIT_MS GO`.
//!
//! PLACE is `stack` (one stack and its loopback), `pair` (two stacks on a cable), `host` (the kernel, in
//! whose own network namespace the test runs this) or `go`: then the program GO answers, next to a
//! name server of ours. IDS is a file with the scenarios to run. Compares nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use sidestep::Net;
use sidestep_tests::oracle::{Place, lookups, outcome, read};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [place, table, ids, wait_ms, go] = arguments.as_slice() else {
        eprintln!("usage: oracle stack|pair|host|go TABLE IDS WAIT_MS GO");
        return ExitCode::FAILURE;
    };
    let printed = match place.as_str() {
        "go" => ask_go(go, &[table, ids, wait_ms]),
        _ => print_all(place, table, ids, wait_ms),
    };
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print_all(place: &str, table: &str, ids: &str, wait_ms: &str) -> Result<(), String> {
    let name = place;
    let read_file =
        |path| std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let table = read(&read_file(table)?)?;
    let ids = read_file(ids)?;
    let ids: BTreeSet<&str> = ids.lines().collect();
    let wait = Duration::from_millis(wait_ms.parse().map_err(|_| "no time to wait")?);
    let place = match name {
        "host" => Place::alone(&Net::host()),
        _ => {
            let (client, server) = Net::memory_pair().map_err(|error| error.to_string())?;
            match name {
                "pair" => Place::pair(client, server),
                // The cable must not end.
                _ => Place::alone(&server).with_far_end(client),
            }
        }
    };
    let place = place.waiting(wait);
    let _server = lookups::serve(&place.server, place.v4)?;
    for scenario in table {
        let runs_here = match scenario.kind.as_str() {
            "script" | "lookup" => true,
            "script1" => name != "pair",

            _ => name == "stack",
        };
        if runs_here && ids.contains(scenario.id.as_str()) {
            println!("{}\t{}", scenario.id, outcome(&scenario, &place));
        }
    }
    Ok(())
}

/// Has Go answer: once all but look-ups, then the look-ups of each settings, which Go only reads from
/// `/etc/resolv.conf`; so it runs in a mount namespace with a file of ours there.
fn ask_go(go: &str, arguments: &[&str]) -> Result<(), String> {
    let _server = lookups::serve(&Net::host(), "127.0.0.1")?;
    let run = |command: &mut Command, settings: &str| {
        let status = command.args(arguments).arg(settings).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("{go}: {status}")),
            Err(error) => Err(format!("{go}: {error}")),
        }
    };
    run(&mut Command::new(go), "")?;
    let directory = std::env::temp_dir().join(format!("oracle-resolv-{}", std::process::id()));
    std::fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    for (name, resolv_conf) in lookups::SETTINGS {
        let bound = [
            (
                "resolv.conf",
                format!("nameserver 127.0.0.1\n{resolv_conf}"),
            ),
            ("hosts", lookups::HOSTS.to_owned()),
        ];
        for (file, text) in &bound {
            std::fs::write(directory.join(file), text).map_err(|error| error.to_string())?;
        }
        let script = r#"mount --bind "$1/resolv.conf" /etc/resolv.conf
            mount --bind "$1/hosts" /etc/hosts
            shift; exec "$@""#;
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec", script, "sh"]);
        command.arg(Path::new(&directory)).arg(go);
        run(&mut command, name)?;
    }
    let _ = std::fs::remove_dir_all(directory);
    Ok(())
}
