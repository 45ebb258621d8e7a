//! `sidestep ping`: echo requests to one address, and how long they took.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use sidestep_tools::octets::Pattern;
use sidestep_tools::ping::{PAYLOAD_OCTETS_MAX, PingFailed, Pinger, RoundTrip, Statistics};

use super::interrupt::Interrupt;
use super::options::{FamilyOptions, StackOptions, seconds};
use super::{Failure, output};

const HELP: &str = "\
Examples:
  sidestep ping 192.0.2.1
  sidestep ping -c 3 -i 0.2 2001:db8::1
  sidestep ping -c 1 -s 4000 --json 192.0.2.1   # a payload that crosses in fragments
  sidestep ping --memory -c 3 192.0.2.1         # no rights needed: the peer is a second stack";

/// Sends echo requests and prints the replies (ICMP and ICMPv6)
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// An address or a name
    host: String,
    /// Ends after so many requests; without it, at Ctrl-C
    #[arg(short = 'c', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Seconds from one request to the next
    #[arg(short = 'i', long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// Seconds to wait for each reply
    #[arg(short = 'W', long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    wait: Duration,
    /// Octets of payload
    #[arg(short = 's', long, value_name = "OCTETS", default_value = "56", value_parser = payload)]
    size: usize,
    /// Prints one JSON object at the end
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    family: FamilyOptions,
    #[command(flatten)]
    stack: StackOptions,
}

fn payload(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(octets) if octets <= PAYLOAD_OCTETS_MAX => Ok(octets),
        _ => Err(format!("must be from 0 to {PAYLOAD_OCTETS_MAX}")),
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let up = arguments.stack.bring_up()?;
    let address = arguments.family.address_of(up.net(), &arguments.host)?;
    // The low bits of the process tell our requests from those of another ping.
    let identifier = (std::process::id() & 0xffff) as u16;
    let mut pinger = Pinger::new(up.net(), address, identifier)?;
    // A reply that we wait for is not worth waiting for any more.
    let interrupt = Interrupt::new(pinger.stopper())?;
    if !arguments.json {
        output::line(format_args!(
            "PING {} ({address}): {} octets of payload",
            arguments.host, arguments.size
        ))?;
    }
    let mut run = Run {
        arguments,
        statistics: Statistics::default(),
        replies: Vec::new(),
    };
    run.requests(&mut pinger, &interrupt)?;
    run.conclude(&address.to_string())
}

struct Run<'a> {
    arguments: &'a Arguments,
    statistics: Statistics,
    /// For the JSON form only.
    replies: Vec<Value>,
}

/// Replies that the JSON form lists; the numbers count them all.
const LISTED_MAX: usize = 10_000;

impl Run<'_> {
    fn requests(&mut self, pinger: &mut Pinger, interrupt: &Interrupt) -> Result<(), Failure> {
        let payload = Pattern::new(1, self.arguments.size as u64).to_vec();
        let count = self.arguments.count.unwrap_or(u64::MAX);
        for number in 1..=count {
            let sent_at = Instant::now();
            // The field has 16 bits; the count goes round.
            let sequence = (number & 0xffff) as u16;
            match pinger.ping(sequence, &payload, self.arguments.wait) {
                Ok(trip) => self.reply(number, trip)?,
                Err(PingFailed::Network(error)) if error.is_closed() => return Ok(()),
                Err(failed) => {
                    self.statistics.count(None);
                    self.say(format_args!("seq={number} {failed}"))?;
                }
            }
            let rest = self.arguments.interval.saturating_sub(sent_at.elapsed());
            if number == count || interrupt.wait(rest) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn reply(&mut self, number: u64, trip: RoundTrip) -> Result<(), Failure> {
        self.statistics.count(Some(trip.time));
        if self.arguments.json {
            if self.replies.len() < LISTED_MAX {
                self.replies.push(json!({
                    "sequence": number,
                    "ms": millis(trip.time),
                    "hop_limit": trip.hop_limit,
                }));
            }
            return Ok(());
        }
        let hop_limit = trip
            .hop_limit
            .map_or_else(String::new, |limit| format!(" ttl={limit}"));
        output::line(format_args!(
            "{} octets: seq={number}{hop_limit} time={:.3} ms",
            trip.payload_octets,
            millis(trip.time)
        ))
    }

    fn say(&self, text: impl std::fmt::Display) -> Result<(), Failure> {
        if self.arguments.json {
            return Ok(());
        }
        output::line(text)
    }

    fn conclude(self, address: &str) -> Result<(), Failure> {
        let (sent, received) = (self.statistics.sent, self.statistics.received());
        let loss = self.statistics.loss_percent();
        let times = self.statistics.times();
        if self.arguments.json {
            let times = times.map(|times| {
                json!({
                    "min": millis(times.min), "avg": millis(times.avg),
                    "max": millis(times.max), "mdev": millis(times.mdev),
                })
            });
            output::line(json!({
                "host": self.arguments.host, "address": address,
                "sent": sent, "received": received, "loss_percent": loss,
                "ms": times, "replies": self.replies,
            }))?;
        } else {
            output::line(format_args!(
                "\n{sent} sent, {received} received, {loss} % lost"
            ))?;
            if let Some(times) = times {
                output::line(format_args!(
                    "round trip min/avg/max/mdev = {:.3}/{:.3}/{:.3}/{:.3} ms",
                    millis(times.min),
                    millis(times.avg),
                    millis(times.max),
                    millis(times.mdev)
                ))?;
            }
        }
        if received > 0 {
            Ok(())
        } else {
            Err(Failure::Said)
        }
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
