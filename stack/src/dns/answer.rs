//! What a reply means: records, an alias, a denial or a failure (RFC 1034 §4.3.1, RFC 2308,
//! RFC 2181 §5.4.1).
//!
//! `asking.rs` asks it about every reply that matched its query. It follows aliases from the
//! question, and whatever is not reached from there is not used; it never keeps a record.

use alloc::vec::Vec;

use super::search::may_be_asked;
use crate::event::LookupError;
use crate::wire::dns_message::{Class, Data, Message, Rcode, Record, RecordType};
use crate::wire::dns_name::Name;

/// The records that answer a question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Found {
    /// Whose they are: the name at the end of the aliases.
    pub(super) owner: Name,
    pub(super) record_type: RecordType,
    /// At least one, all of that type, in the order of the reply, none of them twice.
    pub(super) records: Vec<Data>,
    /// How long all of this is true: the least TTL of the records and of the aliases before them.
    pub(super) ttl_s: u32,
}

/// What to do after a reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Judgement {
    /// These are the records.
    Found(Found),
    /// The name does not exist, for so many seconds if the server said so.
    NameMissing(Option<u32>),
    /// The name exists, but has no record of this type.
    DataMissing(Option<u32>),
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
    pub(super) record_type: RecordType,
    pub(super) edns: bool,
}

/// The way from the name that the user asked for to the one that is asked for now.
#[derive(Clone, Debug)]
pub(super) struct Trail {
    /// The aliases passed, for the limit and the loop check.
    pub(super) aliases: Vec<Name>,
    /// The least TTL of them.
    pub(super) ttl_s: u32,
}

impl Trail {
    /// No alias yet.
    pub(super) const fn new() -> Self {
        Self {
            aliases: Vec::new(),
            ttl_s: u32::MAX,
        }
    }
}

/// Judges a reply that matches its query. The aliases that the reply leads through are added to
/// `trail`. No more than `aliases_max` are followed in all.
pub(super) fn judge(
    message: &Message,
    asked: &Asked<'_>,
    trail: &mut Trail,
    aliases_max: usize,
) -> Judgement {
    match message.rcode {
        Rcode::NAME_ERROR => {
            // With aliases on the way, NXDOMAIN is about the last of them (RFC 2308 §2.1).
            let last =
                walk(message, asked, trail, aliases_max).unwrap_or_else(|_| asked.name.clone());
            Judgement::NameMissing(negative_ttl(message, &last, trail))
        }
        Rcode::NO_ERROR => follow(message, asked, trail, aliases_max),
        Rcode::SERVER_FAILURE => Judgement::NextServer(LookupError::ServerFailed),
        // RFC 6891 §6.1.3, §7.
        Rcode::FORMAT_ERROR | Rcode::NOT_IMPLEMENTED | Rcode::BAD_VERSION if asked.edns => {
            Judgement::WithoutEdns
        }
        Rcode::BAD_VERSION => Judgement::NextServer(LookupError::ServerFailed),
        _ => Judgement::NextServer(LookupError::ServerMisbehaving),
    }
}

/// More aliases than the limit, or a loop of them.
struct TrailTooLong;

/// Walks from the question through aliases to the name that has none, or that has what is wanted.
/// The work is at most one look at every record for each alias, and both are bounded.
fn walk(
    message: &Message,
    asked: &Asked<'_>,
    trail: &mut Trail,
    aliases_max: usize,
) -> Result<Name, TrailTooLong> {
    let mut name = asked.name.clone();
    while owned(message, &name, asked.record_type).next().is_none() {
        let Some((target, ttl_s)) = alias_of(message, &name) else {
            break;
        };
        let is_loop = *target == name || trail.aliases.contains(target);
        if is_loop || trail.aliases.len() >= aliases_max {
            return Err(TrailTooLong);
        }
        trail.ttl_s = trail.ttl_s.min(ttl_s);
        let target = target.clone();
        trail.aliases.push(core::mem::replace(&mut name, target));
    }
    Ok(name)
}

fn follow(
    message: &Message,
    asked: &Asked<'_>,
    trail: &mut Trail,
    aliases_max: usize,
) -> Judgement {
    let began_with = trail.aliases.len();
    let Ok(name) = walk(message, asked, trail, aliases_max) else {
        return Judgement::GiveUp(LookupError::ServerMisbehaving);
    };
    if let Some(found) = found(message, &name, asked.record_type, trail) {
        return Judgement::Found(found);
    }
    let denies = denial(message, &name).is_some();
    if trail.aliases.len() > began_with && !denies {
        // An alias must not lead where no query may go (RFC 7686 §2).
        return if may_be_asked(&name) {
            Judgement::Follow(name)
        } else {
            Judgement::DataMissing(None)
        };
    }
    if is_lame(message) {
        return Judgement::NextServer(LookupError::LameReferral);
    }
    Judgement::DataMissing(negative_ttl(message, &name, trail))
}

/// The name behind an alias, and how long it is true.
fn alias_of<'a>(message: &'a Message, name: &Name) -> Option<(&'a Name, u32)> {
    let mut aliases = owned(message, name, RecordType::CNAME);
    aliases.find_map(|record| match &record.data {
        Data::Alias(target) => Some((target, record.ttl_s)),
        _ => None,
    })
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

/// The records of this name and type. Equal ones are one (RFC 2181 §5), and all of them live as
/// long as the first that dies (RFC 2181 §5.2).
fn found(message: &Message, name: &Name, kind: RecordType, trail: &Trail) -> Option<Found> {
    let mut found = Found {
        owner: name.clone(),
        record_type: kind,
        records: Vec::new(),
        ttl_s: trail.ttl_s,
    };
    for record in owned(message, name, kind) {
        found.ttl_s = found.ttl_s.min(record.ttl_s);
        if !found.records.contains(&record.data) {
            found.records.push(record.data.clone());
        }
    }
    (!found.records.is_empty()).then_some(found)
}

/// The SOA record that says that the data of `name` does not exist, not only that the server did
/// not look further (RFC 2308 §2.2, type 1 and 2).
fn denial<'a>(message: &'a Message, name: &Name) -> Option<&'a Record> {
    message
        .authorities
        .iter()
        .find(|record| record.record_type == RecordType::SOA && name.is_at_or_under(&record.name))
}

/// How long a denial is true: the lesser of the SOA's TTL and its MINIMUM, and the aliases that
/// lead there (RFC 2308 §3, §5). Without SOA nobody knows, and it must not be kept.
fn negative_ttl(message: &Message, name: &Name, trail: &Trail) -> Option<u32> {
    let record = denial(message, name)?;
    match &record.data {
        Data::StartOfAuthority(soa) => {
            let [.., minimum] = soa.numbers;
            Some(record.ttl_s.min(minimum).min(trail.ttl_s))
        }
        _ => None,
    }
}

/// True if the server neither knows nor asks others: it points elsewhere (RFC 1034 §4.3.1).
fn is_lame(message: &Message) -> bool {
    let header = &message.header;
    let has_soa = |record: &Record| record.record_type == RecordType::SOA;
    message.answers.is_empty()
        && !header.authoritative
        && !header.recursion_available
        && !message.authorities.iter().any(has_soa)
}
