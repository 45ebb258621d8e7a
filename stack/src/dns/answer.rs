//! What a reply means: addresses, an alias, a denial or a failure (RFC 1034 §4.3.1, RFC 2308,
//! RFC 2181 §5.4.1).
//!
//! `resolver.rs` asks it about every reply that matched its query. It follows aliases from the
//! question, and whatever is not reached from there is not used; it never keeps a record.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::lookup::Family;
use super::search::may_be_asked;
use crate::event::LookupError;
use crate::wire::dns_message::{Class, Data, Message, Rcode, Record, RecordType};
use crate::wire::dns_name::Name;

/// What to do after a reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Judgement {
    /// These are the addresses.
    Found(Vec<IpAddr>),
    /// The name does not exist.
    NameMissing,
    /// The name exists, but has no address of this family.
    DataMissing,
    /// The server told an alias only: ask it for this name.
    Follow(Name),
    /// The server does not know EDNS: ask it again without.
    WithoutEdns,
    /// This server is of no help.
    NextServer(LookupError),
    /// No server can be of help.
    GiveUp(LookupError),
}

/// What was asked.
pub(super) struct Asked<'a> {
    pub(super) name: &'a Name,
    pub(super) family: Family,
    pub(super) edns: bool,
}

/// Judges a reply that matches its query. `aliases` are the names that led to this question; those
/// that the reply leads through are added. No more than `aliases_max` are followed in all.
pub(super) fn judge(
    message: &Message,
    asked: &Asked<'_>,
    aliases: &mut Vec<Name>,
    aliases_max: usize,
) -> Judgement {
    match message.rcode {
        // With aliases on the way, NXDOMAIN is about the last of them (RFC 2308 §2.1).
        Rcode::NAME_ERROR => Judgement::NameMissing,
        Rcode::NO_ERROR => follow(message, asked, aliases, aliases_max),
        Rcode::SERVER_FAILURE => Judgement::NextServer(LookupError::ServerFailed),
        // RFC 6891 §6.1.3, §7.
        Rcode::FORMAT_ERROR | Rcode::NOT_IMPLEMENTED | Rcode::BAD_VERSION if asked.edns => {
            Judgement::WithoutEdns
        }
        Rcode::BAD_VERSION => Judgement::NextServer(LookupError::ServerFailed),
        _ => Judgement::NextServer(LookupError::ServerMisbehaving),
    }
}

/// Walks from the question through aliases to addresses. The work is at most one look at every
/// record for each alias, and both are bounded.
fn follow(
    message: &Message,
    asked: &Asked<'_>,
    aliases: &mut Vec<Name>,
    aliases_max: usize,
) -> Judgement {
    let mut name = asked.name.clone();
    let began_with = aliases.len();
    loop {
        let addresses = addresses_of(message, &name, asked.family.record_type());
        if !addresses.is_empty() {
            return Judgement::Found(addresses);
        }
        let Some(target) = alias_of(message, &name) else {
            break;
        };
        if *target == name || aliases.contains(target) || aliases.len() >= aliases_max {
            return Judgement::GiveUp(LookupError::ServerMisbehaving);
        }
        let target = target.clone();
        aliases.push(core::mem::replace(&mut name, target));
    }
    if aliases.len() > began_with && !denies_data(message) {
        // An alias must not lead where no query may go (RFC 7686 §2).
        return if may_be_asked(&name) {
            Judgement::Follow(name)
        } else {
            Judgement::DataMissing
        };
    }
    if is_lame(message) {
        return Judgement::NextServer(LookupError::ServerMisbehaving);
    }
    Judgement::DataMissing
}

fn owned<'a>(
    message: &'a Message,
    name: &Name,
    kind: RecordType,
) -> impl Iterator<Item = &'a Record> {
    message.answers.iter().filter(move |record| {
        record.record_type == kind && record.class == Class::IN && record.name == *name
    })
}

fn addresses_of(message: &Message, name: &Name, kind: RecordType) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for address in owned(message, name, kind).filter_map(|record| record.data.address()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

fn alias_of<'a>(message: &'a Message, name: &Name) -> Option<&'a Name> {
    let mut aliases = owned(message, name, RecordType::CNAME);
    aliases.find_map(|record| match &record.data {
        Data::Alias(target) => Some(target),
        Data::V4(_) | Data::V6(_) | Data::StartOfAuthority(_) | Data::Other(_) => None,
    })
}

/// True if the server says that the data does not exist, not only that it did not look further:
/// the SOA record of RFC 2308 §2.2, type 1 and 2.
fn denies_data(message: &Message) -> bool {
    message
        .authorities
        .iter()
        .any(|record| record.record_type == RecordType::SOA)
}

/// True if the server neither knows nor asks others: it points elsewhere (RFC 1034 §4.3.1).
fn is_lame(message: &Message) -> bool {
    let header = &message.header;
    message.answers.is_empty()
        && !header.authoritative
        && !header.recursion_available
        && !denies_data(message)
}
