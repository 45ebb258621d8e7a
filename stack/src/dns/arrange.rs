//! From records to an answer: in which order, and without what is no name (RFC 2782, RFC 5321 §5.1).
//!
//! `resolver.rs` asks it once for everybody who waits for an answer; chance comes from the stack's
//! seed. Addresses are left in the order of arrival: RFC 6724 needs routes, which are not known here.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::answer::Found;
use crate::base::Random;
use crate::call::Question;
use crate::event::{Answer, LookupError, MX, NS, SRV};
use crate::wire::dns_message::Data;
use crate::wire::dns_name::Name;

/// An answer, and how many records are not part of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Arranged {
    pub(super) result: Result<Answer, LookupError>,
    pub(super) left_out: usize,
}

/// Makes the answer to `question` of what its queries found, at least one record.
pub(super) fn arrange(question: Question, found: &[Found], random: &mut Random) -> Arranged {
    let records = || found.iter().flat_map(|found| &found.records);
    let owner = found.first().map(|found| &found.owner);
    let all = |answer| Arranged {
        result: Ok(answer),
        left_out: 0,
    };
    match question {
        Question::Addresses(_) => all(Answer::Addresses(
            records().filter_map(Data::address).collect(),
        )),
        Question::CanonicalName => Arranged {
            result: match owner {
                Some(name) if name.is_host_name() => Ok(Answer::CanonicalName(name.to_string())),
                Some(_) | None => Err(LookupError::InvalidNames),
            },
            left_out: 0,
        },
        Question::MailExchanges => {
            let (mut list, left_out) = named(records(), |data| match data {
                Data::MailExchange { preference, host } => Some((
                    host,
                    MX {
                        host: host.to_string(),
                        pref: *preference,
                    },
                )),
                _ => None,
            });
            shuffle(&mut list, random);
            // A stable sort: equal ones stay in their random order.
            list.sort_by_key(|record| record.pref);
            Arranged {
                result: Ok(Answer::MailExchanges(list)),
                left_out,
            }
        }
        Question::NameServers => {
            let (list, left_out) = named(records(), |data| match data {
                Data::NameServer(host) => Some((
                    host,
                    NS {
                        host: host.to_string(),
                    },
                )),
                _ => None,
            });
            Arranged {
                result: Ok(Answer::NameServers(list)),
                left_out,
            }
        }
        Question::Services => services(owner, records(), random),
        Question::Texts => all(Answer::Texts(records().map(Data::joined_text).collect())),
        Question::Pointer(_) => {
            let (list, left_out) = named(records(), |data| match data {
                Data::Pointer(name) => Some((name, name.to_string())),
                _ => None,
            });
            Arranged {
                result: Ok(Answer::Names(list)),
                left_out,
            }
        }
    }
}

/// What `of` makes of the records whose names are names of hosts, and how many are not.
fn named<'a, T>(
    records: impl Iterator<Item = &'a Data>,
    of: impl Fn(&'a Data) -> Option<(&'a Name, T)>,
) -> (Vec<T>, usize) {
    let mut list = Vec::new();
    let mut left_out = 0;
    for (name, record) in records.filter_map(of) {
        if name.is_host_name() {
            list.push(record);
        } else {
            left_out += 1;
        }
    }
    (list, left_out)
}

fn services<'a>(
    owner: Option<&Name>,
    records: impl Iterator<Item = &'a Data>,
    random: &mut Random,
) -> Arranged {
    let Some(owner) = owner.filter(|owner| owner.is_host_name()) else {
        return Arranged {
            result: Err(LookupError::ServiceNameInvalid),
            left_out: 0,
        };
    };
    let (mut services, left_out) = named(records, |data| match data {
        Data::Service {
            priority,
            weight,
            port,
            target,
        } => Some((
            target,
            SRV {
                target: target.to_string(),
                port: *port,
                priority: *priority,
                weight: *weight,
            },
        )),
        _ => None,
    });
    // As Go does it: those without weight get their places when no weight is left.
    services.sort_by_key(|service| (service.priority, service.weight));
    let mut rest = services.as_mut_slice();
    while let Some(first) = rest.first() {
        let priority = first.priority;
        let equals = rest.partition_point(|service| service.priority == priority);
        let (group, after) = core::mem::take(&mut rest).split_at_mut(equals);
        by_weight(group, random);
        rest = after;
    }
    Arranged {
        result: Ok(Answer::Services {
            name: owner.to_string(),
            services,
        }),
        left_out,
    }
}

/// Each place goes to one of those that have none, by chance and weight (RFC 2782, page 4).
fn by_weight(mut group: &mut [SRV], random: &mut Random) {
    while group.len() > 1 {
        let sum: u32 = group.iter().map(|service| u32::from(service.weight)).sum();
        if sum == 0 {
            return;
        }
        let chosen = random.below(sum);
        let mut so_far = 0;
        let place = group.iter().position(|service| {
            so_far += u32::from(service.weight);
            so_far > chosen
        });
        group.swap(0, place.unwrap_or(0));
        let Some((_, rest)) = core::mem::take(&mut group).split_first_mut() else {
            return;
        };
        group = rest;
    }
}

/// Every order is as likely as the other (Fisher and Yates).
fn shuffle<T>(list: &mut [T], random: &mut Random) {
    for place in 1..list.len() {
        let other = random.below(place as u32 + 1) as usize;
        list.swap(place, other);
    }
}
