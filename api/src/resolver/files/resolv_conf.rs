//! `/etc/resolv.conf`: which servers are asked, and how (resolv.conf(5), as Go's `net` reads it).
//!
//! `files.rs` reads the text again when the file has changed. A line that cannot be read says
//! nothing, and an option that is not known changes nothing; nothing here fails.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::address::{Zone, parse_ip_zone};

/// Servers that are used, as the C library's `MAXNS`.
const SERVERS_MAX: usize = 3;

/// Domains that are searched. The C library once had six, Go has no bound.
const SEARCH_MAX: usize = 16;

/// The most dots that `ndots` can ask for.
const NDOTS_MAX: u32 = 15;

/// Bounds of the options' numbers. Go has only the lower ones; the stack could not count the time
/// of a larger one.
const TIMEOUT_S_MAX: u32 = 60;
const ATTEMPTS_MAX: u32 = 10;

/// What a `resolv.conf` says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ResolvConf {
    /// In order. The file can give a zone, but no port.
    pub(crate) servers: Vec<(IpAddr, Zone)>,
    /// Without the dot at the end.
    pub(crate) search: Vec<String>,
    pub(crate) ndots: u8,
    pub(crate) timeout: Duration,
    pub(crate) attempts: u32,
    pub(crate) rotate: bool,
    pub(crate) single_request: bool,
    pub(crate) use_vc: bool,
}

impl Default for ResolvConf {
    /// What holds without a file, but for servers and domains: those depend on who asks.
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            single_request: false,
            use_vc: false,
        }
    }
}

impl ResolvConf {
    /// Reads the text of the file.
    pub(crate) fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines() {
            // Only whole lines are comments, as in Go: an option may hold either character.
            if line.starts_with([';', '#']) {
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") if conf.servers.len() < SERVERS_MAX => {
                    conf.servers.extend(words.next().and_then(parse_ip_zone));
                }
                // The last of the two wins.
                Some("domain") => {
                    if let Some(word) = words.next() {
                        conf.search = vec![domain(word)];
                    }
                }
                Some("search") => conf.search = words.take(SEARCH_MAX).map(domain).collect(),
                Some("options") => words.for_each(|word| conf.option(word)),
                Some(_) | None => {}
            }
        }
        // The root is what every name is asked in anyway.
        conf.search.retain(|domain| !domain.is_empty());
        conf
    }

    /// Adds what Go assumes if the file names nobody: a server on this host, and the domain that
    /// the host's own name is in.
    pub(crate) fn with_defaults_of(mut self, host_name: &str) -> Self {
        if self.servers.is_empty() {
            self.servers = vec![
                (Ipv4Addr::LOCALHOST.into(), Zone::NONE),
                (Ipv6Addr::LOCALHOST.into(), Zone::NONE),
            ];
        }
        if self.search.is_empty()
            && let Some((_, parent)) = host_name.split_once('.')
            && !parent.is_empty()
        {
            self.search = vec![domain(parent)];
        }
        self
    }

    fn option(&mut self, word: &str) {
        match word.split_once(':') {
            Some(("ndots", value)) => self.ndots = number(value).min(NDOTS_MAX) as u8,
            Some(("timeout", value)) => {
                let seconds = number(value).clamp(1, TIMEOUT_S_MAX);
                self.timeout = Duration::from_secs(u64::from(seconds));
            }
            Some(("attempts", value)) => self.attempts = number(value).clamp(1, ATTEMPTS_MAX),
            Some(_) => {}
            None => match word {
                "rotate" => self.rotate = true,
                "single-request" | "single-request-reopen" => self.single_request = true,
                "use-vc" | "usevc" | "tcp" => self.use_vc = true,
                // EDNS is always offered (`edns0`), the AD bit is never looked at (`trust-ad`),
                // and whatever else there is means nothing here.
                _ => {}
            },
        }
    }
}

fn domain(word: &str) -> String {
    word.trim_end_matches('.').to_owned()
}

/// The digits that `text` begins with; 0 if there are none, the most that there is if too many.
fn number(text: &str) -> u32 {
    text.bytes()
        .map_while(|octet| char::from(octet).to_digit(10))
        .fold(0, |number: u32, digit| {
            number.saturating_mul(10).saturating_add(digit)
        })
}

#[cfg(test)]
mod tests;
