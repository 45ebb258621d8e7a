//! The scenarios of `tests/oracle/scenarios.tsv` in Rust: what Sidestep makes of each, in one line.
//!
//! The program `oracle` prints them for one place: a stack on its own, two stacks on a cable, or the
//! host's kernel. The test `oracle` compares them with what a Go program says of the same table.
//! Nothing here knows what the outcome should be.

pub mod lookups;
pub mod name_server;
pub mod script;
pub mod step;
pub mod texts;

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use sidestep::{Cause, DNSError, Net, NetError, OpError};

/// A scenario may take so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Long enough for packets to cross and threads to block, if the machine is idle.
const WAIT: Duration = Duration::from_millis(60);

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name in both outputs.
    pub id: String,
    /// What is done.
    pub kind: String,
    /// With what.
    pub args: Vec<String>,
}

impl Scenario {
    /// An argument; the empty text if it was not given.
    pub fn arg(&self, n: usize) -> &str {
        self.args.get(n).map_or("", String::as_str)
    }
}

/// Where the oracle's data lies.
pub fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("oracle")
}

/// Reads the table: id, kind and arguments between tabs. A line that begins with # says nothing.
///
/// # Errors
///
/// A line has no kind.
pub fn read(text: &str) -> Result<Vec<Scenario>, String> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut fields = line.split('\t').map(str::to_owned);
            let missing = || format!("no scenario: {line}");
            Ok(Scenario {
                id: fields.next().ok_or_else(missing)?,
                kind: fields.next().ok_or_else(missing)?,
                args: fields.collect(),
            })
        })
        .collect()
}

/// Where scripts run: who dials, who listens, and how the two are called.
#[derive(Clone, Debug)]
pub struct Place {
    /// Who dials.
    pub client: Net,
    /// Who listens, and does everything else.
    pub server: Net,
    /// The server's IPv4 address: `$H` in a script.
    pub v4: &'static str,
    /// The server's IPv6 address: `$H6` in a script.
    pub v6: &'static str,
    /// The client's, which must not be told apart from the server's.
    client_v4: &'static str,
    client_v6: &'static str,
    /// Who must live as long as they do.
    far_end: Option<Net>,
    /// How long the step `wait` takes.
    pub wait: Duration,
}

impl Place {
    /// One network that speaks with itself over its loopback: a stack, or the host's kernel.
    pub fn alone(net: &Net) -> Self {
        Self {
            client: net.clone(),
            server: net.clone(),
            v4: "127.0.0.1",
            v6: "::1",
            client_v4: "127.0.0.1",
            client_v6: "::1",
            far_end: None,
            wait: WAIT,
        }
    }

    /// Two stacks on a cable, as [`Net::memory_pair`] gives them.
    pub fn pair(client: Net, server: Net) -> Self {
        Self {
            client,
            server,
            v4: "192.0.2.2",
            v6: "2001:db8::2",
            client_v4: "192.0.2.1",
            client_v6: "2001:db8::1",
            far_end: None,
            wait: WAIT,
        }
    }

    /// Keeps the other end of the cable of a network that only speaks with itself.
    #[must_use]
    pub fn with_far_end(mut self, far_end: Net) -> Self {
        self.far_end = Some(far_end);
        self
    }

    /// With another time for the step `wait`.
    #[must_use]
    pub fn waiting(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Gives the same name to the same host and port that chance or the place chose.
    pub fn named(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for ip in [self.v4, self.client_v4] {
            text = text.replace(ip, "HOST");
        }
        for ip in [self.v6, self.client_v6] {
            text = text.replace(&format!("[{ip}]"), "[HOST6]");
        }
        name_ports(&text)
    }
}

/// `:PORT1` for the first port of 1024 or more, `:PORT2` for the next one, and so on.
fn name_ports(text: &str) -> String {
    let mut names: HashMap<&str, String> = HashMap::new();
    let mut named = String::new();
    let mut pieces = text.split(':');
    named.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let digits = piece
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(piece.len());
        let (port, rest) = piece.split_at(digits);
        let ends = !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let is_chosen =
            ends && (4..=5).contains(&digits) && port.parse::<u32>().is_ok_and(|port| port >= 1024);
        named.push(':');
        if is_chosen {
            let next = names.len() + 1;
            named.push_str(names.entry(port).or_insert_with(|| format!("PORT{next}")));
        } else {
            named.push_str(port);
        }
        named.push_str(rest);
    }
    named
}

/// The outcome of a scenario at a place.
pub fn outcome(scenario: &Scenario, place: &Place) -> String {
    let (done, ended) = channel();
    let (scenario, place) = (scenario.clone(), place.clone());
    thread::spawn(move || {
        let text = match scenario.kind.as_str() {
            "script" | "script1" => script::run(scenario.arg(0), &place),
            "lookup" => lookups::run(&scenario, &place),
            _ => texts::run(&scenario),
        };
        let _ = done.send(text);
    });
    ended
        .recv_timeout(PATIENCE)
        .unwrap_or_else(|_| "DOES NOT END".to_owned())
}

/// An error with what a program can ask it.
pub fn say(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let op = error.downcast_ref::<OpError>();
    let cause = op
        .map(OpError::err)
        .or_else(|| error.downcast_ref::<Cause>());
    let dns = match cause {
        Some(Cause::DNS(error)) => Some(error),
        _ => error.downcast_ref::<DNSError>(),
    };
    let timeout = op.map_or_else(
        || cause.is_some_and(NetError::timeout) || dns.is_some_and(NetError::timeout),
        NetError::timeout,
    );
    if timeout {
        text.push_str(" {timeout}");
    }
    if op.is_some_and(OpError::is_closed) {
        text.push_str(" {closed}");
    }
    if let Some(dns) = dns {
        if dns.is_not_found {
            text.push_str(" {not found}");
        }
        if dns.is_temporary {
            text.push_str(" {temporary}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_chance_chose_are_named_in_their_order() {
        let text = "ok HOST:40000->HOST:80 [::1]:1023 x:65000 y:40000: 40000 :99999x";
        let named = "ok HOST:PORT1->HOST:80 [::1]:1023 x:PORT2 y:PORT1: 40000 :99999x";
        assert_eq!(name_ports(text), named);
    }

    #[test]
    fn a_table_has_ids_kinds_and_arguments_that_may_be_empty() {
        let table = read("# a comment\n\na-1\ta\tx\t\ty\n").expect("a table");
        let [scenario] = table.as_slice() else {
            panic!("one scenario");
        };
        assert_eq!((scenario.id.as_str(), scenario.kind.as_str()), ("a-1", "a"));
        assert_eq!(
            [scenario.arg(0), scenario.arg(1), scenario.arg(2)],
            ["x", "", "y"]
        );
        assert_eq!(scenario.arg(3), "");
        assert!(read("a-1\n").is_err());
    }
}
