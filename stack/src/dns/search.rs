//! From what the user wrote to the names that are asked for, in order (RFC 1123 §6.1.4.3,
//! resolv.conf(5), and the special names of RFC 6761, RFC 6762 and RFC 7686).
//!
//! `resolver.rs` asks it once for each look-up. It sends nothing, and whatever must never be sent
//! ends here.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::hosts;
use super::server::Settings;
use crate::call::Families;
use crate::event::LookupError;
use crate::wire::dns_name::Name;

/// What is to be done for a look-up.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// It needs no packet.
    Answer(Result<Vec<IpAddr>, LookupError>),
    /// These names are asked for until one has an address.
    Ask(Candidates),
}

/// The names to ask for.
#[derive(Clone, Debug)]
pub(super) struct Candidates {
    /// In order.
    pub(super) names: Vec<Name>,
    /// Whether the name as the user wrote it is the first one.
    pub(super) as_written: AsWritten,
}

impl Candidates {
    /// Nothing to ask for.
    pub(super) const fn none() -> Self {
        Self {
            names: Vec::new(),
            as_written: AsWritten::First,
        }
    }
}

/// When the name is asked for as the user wrote it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AsWritten {
    /// It has enough dots to be meant like that.
    First,
    /// After all domains of the search list.
    Last,
}

/// Why a name has a meaning of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Special {
    /// This host (RFC 6761 §6.3).
    Localhost,
    /// It cannot exist, or only outside of DNS (RFC 6761 §6.4, RFC 7686 §2).
    Nowhere,
    /// Only multicast DNS knows it (RFC 6762 §22.1).
    LinkLocal,
}

fn special(name: &Name) -> Option<Special> {
    if name.is_under_top("localhost") {
        Some(Special::Localhost)
    } else if name.is_under_top("invalid") || name.is_under_top("onion") {
        Some(Special::Nowhere)
    } else if name.is_under_top("local") {
        Some(Special::LinkLocal)
    } else {
        None
    }
}

/// True if `name` may stand in a query.
pub(super) fn may_be_asked(name: &Name) -> bool {
    special(name).is_none()
}

/// Decides what a look-up needs.
pub(super) fn plan(settings: &Settings, text: &str, families: Families) -> Plan {
    if let Some(address) = hosts::literal(text) {
        return local_answer(&[address], families);
    }
    let Ok(name) = Name::from_host_text(text) else {
        return Plan::Answer(Err(LookupError::NameInvalid));
    };
    let special = special(&name);
    match special {
        Some(Special::Localhost) => {
            let loopback = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
            return local_answer(&loopback, families);
        }
        Some(Special::Nowhere) => return Plan::Answer(Err(LookupError::NotFound)),
        Some(Special::LinkLocal) | None => {}
    }
    // The hosts file has the last word even for the family that it does not have, as in Go.
    let known = settings.hosts.get(text);
    if !known.is_empty() {
        return local_answer(known, families);
    }
    if special.is_some() {
        return Plan::Answer(Err(LookupError::NotFound));
    }
    if settings.has_no_server() {
        return Plan::Answer(Err(LookupError::NoServer));
    }
    Plan::Ask(candidates(settings, text, name))
}

/// The addresses of the wanted families.
fn local_answer(addresses: &[IpAddr], families: Families) -> Plan {
    let wanted = |address: &&IpAddr| match families {
        Families::Both => true,
        Families::V4 => address.is_ipv4(),
        Families::V6 => address.is_ipv6(),
    };
    let found: Vec<IpAddr> = addresses.iter().filter(wanted).copied().collect();
    Plan::Answer(if found.is_empty() {
        Err(LookupError::NotFound)
    } else {
        Ok(found)
    })
}

fn candidates(settings: &Settings, text: &str, name: Name) -> Candidates {
    if text.ends_with('.') {
        return Candidates {
            names: alloc::vec![name],
            as_written: AsWritten::First,
        };
    }
    let dots = name.labels().count().saturating_sub(1);
    let mut names: Vec<Name> = settings
        .search
        .iter()
        .filter_map(|domain| name.within(domain))
        .filter(may_be_asked)
        .collect();
    let as_written = if dots >= settings.ndots {
        names.insert(0, name);
        AsWritten::First
    } else {
        names.push(name);
        AsWritten::Last
    };
    Candidates { names, as_written }
}
