//! `sidestep resolve`: what the look-ups of Go's `net` make of a name or an address.

use std::net::IpAddr;
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use sidestep::{DNSError, Net};

use super::options::StackOptions;
use super::{Failure, output};

const HELP: &str = "\
Names come from the hosts file of this machine, then from the servers of --dns; an address is its own
answer. Without --dns the servers of /etc/resolv.conf are asked, through the TUN device.

Examples:
  sidestep resolve --dns 192.0.2.1 www.example.com
  sidestep resolve --dns 192.0.2.1:5353 --dns 2001:db8::1 --json example.com example.org
  sidestep resolve --dns 192.0.2.1 --type MX example.com
  sidestep resolve --dns 192.0.2.1 --type SRV _sip._tcp.example.com
  sidestep resolve --dns 192.0.2.1 --reverse 198.51.100.7
  sidestep resolve --memory host.peer.test   # no rights needed: the peer answers for peer.test";

/// What is asked about a name.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Kind {
    /// IPv4 and IPv6 addresses: `LookupHost`
    #[default]
    #[value(name = "ADDR", alias = "addr")]
    Addresses,
    /// IPv4 addresses: `LookupIP` of ip4
    #[value(name = "A", alias = "a")]
    V4,
    /// IPv6 addresses: `LookupIP` of ip6
    #[value(name = "AAAA", alias = "aaaa")]
    V6,
    /// The name at the end of the aliases: `LookupCNAME`
    #[value(name = "CNAME", alias = "cname")]
    CanonicalName,
    /// Who takes its mail: `LookupMX`
    #[value(name = "MX", alias = "mx")]
    MailExchanges,
    /// Its zone's servers: `LookupNS`
    #[value(name = "NS", alias = "ns")]
    NameServers,
    /// Where a service is, for _SERVICE._PROTO.NAME: `LookupSRV`
    #[value(name = "SRV", alias = "srv")]
    Services,
    /// Its texts: `LookupTXT`
    #[value(name = "TXT", alias = "txt")]
    Texts,
    /// The names of an address: `LookupAddr`
    #[value(name = "PTR", alias = "ptr")]
    Pointer,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Addresses => "ADDR",
            Self::V4 => "A",
            Self::V6 => "AAAA",
            Self::CanonicalName => "CNAME",
            Self::MailExchanges => "MX",
            Self::NameServers => "NS",
            Self::Services => "SRV",
            Self::Texts => "TXT",
            Self::Pointer => "PTR",
        }
    }
}

/// Looks up names and addresses, with the stack's own resolver
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Names to look up; for PTR, addresses
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// What to ask
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t)]
    kind: Kind,
    /// The same as --type PTR
    #[arg(long, short = 'x', conflicts_with = "kind")]
    reverse: bool,
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
    let kind = if arguments.reverse {
        Kind::Pointer
    } else {
        arguments.kind
    };
    let began_at = Instant::now();
    let outcome = look_up(net, name, kind);
    let millis = u64::try_from(began_at.elapsed().as_millis()).unwrap_or(u64::MAX);
    let found = outcome.is_ok();
    if arguments.json {
        output::line(match outcome {
            Ok(records) => json!({
                "name": name, "type": kind.as_str(), "ok": true, "ms": millis,
                // Programs that only ever asked for addresses look for them here.
                kind.plural(): records.iter().map(Record::to_json).collect::<Vec<_>>(),
            }),
            Err(error) => json!({
                "name": name, "type": kind.as_str(), "ok": false, "error": error.to_string(),
                "not_found": error.is_not_found, "ms": millis,
            }),
        })?;
        return Ok(found);
    }
    match outcome {
        Ok(records) => {
            for record in records {
                output::line(format_args!("{name}\t{}\t{}", record.label, record.text))?;
            }
        }
        Err(error) => output::remark(error),
    }
    Ok(found)
}

impl Kind {
    const fn plural(self) -> &'static str {
        match self {
            Self::Addresses | Self::V4 | Self::V6 => "addresses",
            Self::CanonicalName
            | Self::MailExchanges
            | Self::NameServers
            | Self::Services
            | Self::Texts
            | Self::Pointer => "records",
        }
    }
}

/// One line of the answer.
#[derive(Debug)]
struct Record {
    /// What it is: a family or a type.
    label: &'static str,
    text: String,
    /// Its parts, where it has several.
    parts: Option<Value>,
}

impl Record {
    fn plain(kind: Kind, text: impl Into<String>) -> Self {
        Self {
            label: kind.as_str(),
            text: text.into(),
            parts: None,
        }
    }

    fn address(text: String) -> Self {
        let label = match text.parse() {
            Ok(IpAddr::V4(_)) => "IPv4",
            // What is no plain address has a zone, and only IPv6 has zones.
            Ok(IpAddr::V6(_)) | Err(_) => "IPv6",
        };
        Self {
            label,
            text,
            parts: None,
        }
    }

    fn to_json(&self) -> Value {
        self.parts.clone().unwrap_or_else(|| json!(self.text))
    }
}

fn look_up(net: &Net, name: &str, kind: Kind) -> Result<Vec<Record>, DNSError> {
    let plain = |text: String| Record::plain(kind, text);
    let records = match kind {
        Kind::Addresses => {
            let found = net.lookup_host(name)?;
            found.into_iter().map(Record::address).collect()
        }
        Kind::V4 => addresses_of(net, name, IpAddr::is_ipv4)?,
        Kind::V6 => addresses_of(net, name, IpAddr::is_ipv6)?,
        Kind::CanonicalName => vec![plain(net.lookup_cname(name)?)],
        Kind::MailExchanges => net
            .lookup_mx(name)?
            .into_iter()
            .map(|mx| Record {
                parts: Some(json!({ "host": mx.host, "pref": mx.pref })),
                ..plain(format!("{} {}", mx.pref, mx.host))
            })
            .collect(),
        Kind::NameServers => {
            let servers = net.lookup_ns(name)?;
            servers.into_iter().map(|ns| plain(ns.host)).collect()
        }
        Kind::Services => {
            let (owner, services) = net.lookup_srv("", "", name)?;
            services
                .into_iter()
                .map(|srv| Record {
                    parts: Some(json!({
                        "name": owner, "target": srv.target, "port": srv.port,
                        "priority": srv.priority, "weight": srv.weight,
                    })),
                    ..plain(format!(
                        "{} {} {} {}",
                        srv.priority, srv.weight, srv.port, srv.target
                    ))
                })
                .collect()
        }
        Kind::Texts => net.lookup_txt(name)?.into_iter().map(plain).collect(),
        Kind::Pointer => net.lookup_addr(name)?.into_iter().map(plain).collect(),
    };
    Ok(records)
}

/// The addresses of one family; that there are none of it is not found, either.
fn addresses_of(
    net: &Net,
    name: &str,
    wanted: impl Fn(&IpAddr) -> bool,
) -> Result<Vec<Record>, DNSError> {
    let found = net.lookup_ip(name)?;
    let texts: Vec<Record> = found
        .iter()
        .filter(|ip| wanted(ip))
        .map(|ip| Record::address(ip.to_string()))
        .collect();
    if texts.is_empty() {
        return Err(DNSError::new(
            sidestep::error::DNSErrorKind::NoSuchHost,
            name,
        ));
    }
    Ok(texts)
}
