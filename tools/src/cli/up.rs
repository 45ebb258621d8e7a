//! `sidestep up`: a stack that answers ping and counts, until Ctrl-C.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};
use sidestep::NetCounters;

use super::interrupt::Interrupt;
use super::options::{StackOptions, seconds};
use super::{Failure, output};

const HELP: &str = "\
Nothing listens: ping answers, connections are refused. Ctrl-C takes the device away.

Examples:
  sidestep up                          # then: ping 192.0.2.2
  sidestep up --tun t0 --addr 192.0.2.9/24 --interval 5
  sidestep up --json | jq .packets_received";

/// Brings a TUN device and the stack up, and shows what it counts until Ctrl-C
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Seconds from one line of counts to the next
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// Prints each line as a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let interrupt = Interrupt::new(|| {})?;
    let up = arguments.stack.bring_up()?;
    let ours = up.addresses();
    if !arguments.json {
        output::line(format_args!(
            "up: {}; Ctrl-C takes it down",
            ours.join(", ")
        ))?;
    }
    let mut shown = None;
    loop {
        let counters = up.net().counters().map_err(Failure::Gone)?;
        if arguments.json {
            output::line(to_json(&counters, &ours))?;
        } else if shown.as_ref() != Some(&counters) {
            output::line(to_text(&counters))?;
            shown = Some(counters);
        }
        if interrupt.wait(arguments.interval) {
            return Ok(());
        }
    }
}

fn to_text(counters: &NetCounters) -> String {
    let mut text = format!(
        "in {} out {} packets, {} connections, {} discarded",
        counters.packets_received,
        counters.packets_sent,
        counters.connections_open,
        counters.stack.discards.total(),
    );
    for (reason, count) in counters
        .stack
        .discards
        .iter()
        .filter(|(_, count)| *count > 0)
    {
        text.push_str(&format!(
            "\n  {count} × {} ({})",
            reason.name(),
            reason.clause()
        ));
    }
    if counters.device_errors > 0 {
        text.push_str(&format!(
            "\n  {} errors of the device",
            counters.device_errors
        ));
    }
    text
}

fn to_json(counters: &NetCounters, ours: &[String]) -> Value {
    let discards: Map<String, Value> = counters
        .stack
        .discards
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| (reason.name().to_owned(), json!(count)))
        .collect();
    json!({
        "addresses": ours,
        "packets_received": counters.packets_received,
        "packets_sent": counters.packets_sent,
        "device_errors": counters.device_errors,
        "connections": counters.connections_open,
        "discards": discards,
    })
}
