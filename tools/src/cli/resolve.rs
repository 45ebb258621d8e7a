//! `sidestep resolve`: what `lookup_host` makes of a name.

use std::net::IpAddr;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use sidestep::Net;

use super::options::StackOptions;
use super::{Failure, output};

const HELP: &str = "\
Names come from the hosts file of this machine, then from the servers of --dns; an address is its own
answer. Without --dns the servers of /etc/resolv.conf are asked, through the TUN device.

Examples:
  sidestep resolve --dns 192.0.2.1 www.example.com
  sidestep resolve --dns 192.0.2.1:5353 --dns 2001:db8::1 --json example.com example.org
  sidestep resolve --memory host.peer.test   # no rights needed: the peer answers for peer.test";

/// Looks up the addresses of names, with the stack's own resolver
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Names to look up
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Prints one JSON object for each name, each on its line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let up = arguments.stack.bring_up()?;
    let mut all_found = true;
    for name in &arguments.names {
        all_found &= resolve(up.net(), name, arguments)?;
    }
    if all_found {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}

fn resolve(net: &Net, name: &str, arguments: &Arguments) -> Result<bool, Failure> {
    let began_at = Instant::now();
    let outcome = net.lookup_host(name);
    let millis = u64::try_from(began_at.elapsed().as_millis()).unwrap_or(u64::MAX);
    if arguments.json {
        let object = match &outcome {
            Ok(addresses) => json!({
                "name": name, "ok": true, "addresses": addresses, "ms": millis,
            }),
            Err(error) => json!({
                "name": name, "ok": false, "error": error.to_string(),
                "not_found": error.is_not_found, "ms": millis,
            }),
        };
        output::line(object)?;
        return Ok(outcome.is_ok());
    }
    match outcome {
        Ok(addresses) => {
            for address in addresses {
                let family = match address.parse() {
                    Ok(IpAddr::V4(_)) => "IPv4",
                    // What is no plain address has a zone, and only IPv6 has zones.
                    Ok(IpAddr::V6(_)) | Err(_) => "IPv6",
                };
                output::line(format_args!("{name}\t{family}\t{address}"))?;
            }
            Ok(true)
        }
        Err(error) => {
            output::remark(error);
            Ok(false)
        }
    }
}
