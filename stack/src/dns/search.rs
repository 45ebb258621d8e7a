//! From what the user asked to the names that are asked for, in order (RFC 1123 §6.1.4.3,
//! resolv.conf(5), and the special names of RFC 6761, RFC 6762 and RFC 7686).
//!
//! `resolver.rs` asks it once for each look-up. It sends nothing, and whatever must never be sent
//! ends here.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::hosts;
use super::reverse::reverse_name;
use super::server::Settings;
use crate::call::{Families, LookUp, Question};
use crate::event::{Answer, LookupError};
use crate::wire::dns_name::Name;

/// What is to be done for a look-up.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// It needs no packet.
    Answer(Result<Answer, LookupError>),
    /// These names are asked for until one has what is wanted.
    Ask(Candidates),
}

/// The names to ask for.
#[derive(Clone, Debug)]
pub(super) struct Candidates {
    /// In order.
    pub(super) names: Vec<Name>,
    /// Which of them is the name as the user wrote it.
    pub(super) as_written: usize,
}

impl Candidates {
    /// This name and no other.
    fn only(name: Name) -> Self {
        Self {
            names: alloc::vec![name],
            as_written: 0,
        }
    }
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

const NOT_FOUND: Plan = Plan::Answer(Err(LookupError::NotFound));

/// Decides what a look-up needs.
pub(super) fn plan(settings: &Settings, call: &LookUp) -> Plan {
    match call.question {
        Question::Addresses(families) => {
            if let Some(address) = hosts::literal(&call.name) {
                return addresses(&[address], families);
            }
            plan_for_host(settings, call, families)
        }
        Question::CanonicalName => plan_for_host(settings, call, Families::Both),
        Question::MailExchanges | Question::NameServers | Question::Services | Question::Texts => {
            match Name::from_host_text(&call.name) {
                Err(_) => Plan::Answer(Err(LookupError::NameInvalid)),
                // Such names have no records but addresses (RFC 6761 §6.3, §6.4).
                Ok(name) if !may_be_asked(&name) => NOT_FOUND,
                Ok(name) => ask(settings, || candidates(settings, &call.name, name)),
            }
        }
        Question::Pointer(address) => {
            let names = settings.hosts.names_of(address);
            if !names.is_empty() {
                return Plan::Answer(Ok(Answer::Names(names.to_vec())));
            }
            match Name::from_text(&reverse_name(address)) {
                Ok(name) => ask(settings, || Candidates::only(name)),
                Err(_) => Plan::Answer(Err(LookupError::NameInvalid)),
            }
        }
    }
}

/// For questions that the hosts file can answer.
fn plan_for_host(settings: &Settings, call: &LookUp, families: Families) -> Plan {
    let Ok(name) = Name::from_host_text(&call.name) else {
        return Plan::Answer(Err(LookupError::NameInvalid));
    };
    let answer = |known: &[IpAddr], canonical: &str| match call.question {
        Question::CanonicalName => Plan::Answer(Ok(Answer::CanonicalName(canonical.into()))),
        _ => addresses(known, families),
    };
    let known = settings.hosts.get(&call.name);
    match (special(&name), known) {
        (Some(Special::Localhost), known) => {
            // The hosts file may say which loopback addresses, but not lead elsewhere.
            let only_loopback =
                known.filter(|known| known.addresses.iter().all(IpAddr::is_loopback));
            let loopback = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
            match only_loopback {
                Some(known) => answer(&known.addresses, &known.canonical),
                None => answer(&loopback, &as_text(&name)),
            }
        }
        (Some(Special::Nowhere), _) => NOT_FOUND,
        // The hosts file has the last word even for the family that it does not have, as in Go.
        (Some(Special::LinkLocal) | None, Some(known)) => {
            answer(&known.addresses, &known.canonical)
        }
        (Some(Special::LinkLocal), None) => NOT_FOUND,
        (None, None) => ask(settings, || candidates(settings, &call.name, name)),
    }
}

/// A name as Go tells it.
pub(super) fn as_text(name: &Name) -> String {
    alloc::format!("{name}")
}

fn ask(settings: &Settings, candidates: impl FnOnce() -> Candidates) -> Plan {
    if settings.has_no_server() {
        return Plan::Answer(Err(LookupError::NoServer));
    }
    Plan::Ask(candidates())
}

/// The addresses of the wanted families.
fn addresses(addresses: &[IpAddr], families: Families) -> Plan {
    let wanted = |address: &&IpAddr| match families {
        Families::Both => true,
        Families::V4 => address.is_ipv4(),
        Families::V6 => address.is_ipv6(),
    };
    let found: Vec<IpAddr> = addresses.iter().filter(wanted).copied().collect();
    if found.is_empty() {
        return NOT_FOUND;
    }
    Plan::Answer(Ok(Answer::Addresses(found)))
}

fn candidates(settings: &Settings, text: &str, name: Name) -> Candidates {
    if text.ends_with('.') {
        return Candidates::only(name);
    }
    let dots = name.labels().count().saturating_sub(1);
    let mut names: Vec<Name> = settings
        .search
        .iter()
        .filter_map(|domain| name.within(domain))
        .filter(may_be_asked)
        .collect();
    let as_written = if dots >= settings.ndots {
        0
    } else {
        names.len()
    };
    names.insert(as_written, name);
    Candidates { names, as_written }
}
