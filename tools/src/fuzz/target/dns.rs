//! F12: DNS messages, read and written, against hickory-proto (RFC 1035 §4, RFC 6891, RFC 9267).
//!
//! Octets that are damaged messages are read by both; what both can read, both read alike, and what we
//! write, both read as it was. It knows nothing of who asks whom.

use hickory_proto::op::Message as Theirs;
use hickory_proto::rr::RData;
use sidestep_stack::wire::dns_message::{
    Class, Data, Message, Opt, Rcode, Record as DnsRecord, RecordType, StartOfAuthority,
};
use sidestep_stack::wire::dns_name::Name;

use crate::fuzz::outcome::{Outcome, Promise};
use crate::fuzz::packets::TELLING;
use crate::fuzz::record::{Input, Record, noise};

/// Records of one message that are read.
const RECORDS_MAX: usize = 1_024;

/// See the module.
pub(crate) fn run(input: Input<'_>, outcome: &mut Outcome) {
    let message = compose(input);
    let mut octets = message.emit();
    written_alike(&message, &octets, outcome);
    for record in input.records().skip(1) {
        damage(&record, &mut octets);
    }
    read_alike(&octets, outcome);
    read_alike(input.octets(), outcome);
}

/// A message of as many records as the input has.
fn compose(input: Input<'_>) -> Message {
    let head = input.head();
    let opt = head.bit(0, 0).then(|| Opt {
        udp_octets: head.half(2).max(512),
        version: 0,
        dnssec_ok: head.bit(0, 1),
    });
    let kind = head.pick(1, [RecordType::A, RecordType::SRV, RecordType::PTR]);
    let mut message = Message::query(head.half(4), name_of(&head, 6), kind, opt);
    message.header.response = head.bit(0, 2);
    message.header.authoritative = head.bit(0, 3);
    message.header.truncated = head.bit(0, 4);
    message.header.recursion_available = head.bit(0, 5);
    message.header.authentic_data = head.bit(0, 6);
    message.rcode = Rcode(u16::from(head.byte(12)) % if opt.is_some() { 24 } else { 11 });
    for record in input.records().take(12) {
        let place = if record.bit(0, 7) {
            &mut message.authorities
        } else {
            &mut message.answers
        };
        place.push(record_of(&record));
    }
    message
}

/// A name of up to four labels of hosts' letters.
fn name_of(record: &Record, at: usize) -> Name {
    let labels = usize::from(record.byte(at)) % 5;
    let text: Vec<String> = (0..labels)
        .map(|label| {
            let seed = u32::from(record.byte(at + 1)) * 5 + label as u32;
            let octets = 1 + usize::from(record.byte(at + 2)) % 12;
            noise(seed, octets)
                .iter()
                .map(|octet| char::from(b'a' + octet % 26))
                .collect()
        })
        .collect();
    Name::from_text(&text.join(".")).unwrap_or_else(|_| Name::root())
}

fn record_of(record: &Record) -> DnsRecord {
    let target = name_of(record, 8);
    let (record_type, data) = match record.byte(0) % 10 {
        0 => (RecordType::A, Data::V4(record.word(1).into())),
        1 => {
            let wide = u128::from(record.word(1)) << 64 | u128::from(record.word(5));
            (RecordType::AAAA, Data::V6(wide.into()))
        }
        2 => (RecordType::CNAME, Data::Alias(target)),
        3 => (RecordType::NS, Data::NameServer(target)),
        4 => (RecordType::PTR, Data::Pointer(target)),
        5 => (
            RecordType::MX,
            Data::MailExchange {
                preference: record.half(1),
                host: target,
            },
        ),
        6 => (
            RecordType::SRV,
            Data::Service {
                priority: record.half(1),
                weight: record.half(3),
                port: record.half(5),
                target,
            },
        ),
        7 => {
            let octets = usize::from(record.half(1)) % 600;
            (RecordType::TXT, Data::text(&noise(record.word(3), octets)))
        }
        8 => (
            RecordType::SOA,
            Data::StartOfAuthority(StartOfAuthority {
                primary: target.clone(),
                mailbox: target,
                numbers: [1, 3, 5, 7, 9].map(|at| record.word(at)),
            }),
        ),
        // For private use (RFC 6895 §3.1).
        _ => (
            RecordType(65_280),
            Data::Other(noise(record.word(1), 1 + usize::from(record.byte(5)) % 40).into()),
        ),
    };
    DnsRecord {
        name: name_of(record, 12),
        record_type,
        class: Class::IN,
        ttl_s: record.word(10) & 0x7fff_ffff,
        data,
    }
}

fn damage(record: &Record, octets: &mut Vec<u8>) {
    if record.byte(14) & 3 != 3 || octets.is_empty() {
        return;
    }
    let at = usize::from(record.half(12)) % octets.len();
    match record.byte(15) % 6 {
        0 => octets[at] ^= 1 << (record.byte(11) & 7),
        1 => octets[at] = TELLING[usize::from(record.byte(11)) % TELLING.len()],
        2 => octets.truncate(at.max(12)),
        3 => octets.insert(at, record.byte(11)),
        4 => {
            octets[at] = 0xc0;
            if let Some(next) = octets.get_mut(at + 1) {
                *next = record.byte(11);
            }
        }
        _ => {
            let end = (at + usize::from(record.byte(11) & 63)).min(octets.len());
            octets.extend_from_within(at..end);
        }
    }
}

/// What we wrote is read by us and by hickory as it was.
fn written_alike(message: &Message, octets: &[u8], outcome: &mut Outcome) {
    let again = Message::parse(octets, RECORDS_MAX);
    let same = again.as_ref().is_ok_and(|again| {
        again.answers == message.answers
            && again.authorities == message.authorities
            && again.question == message.question
            && again.rcode == message.rcode
            && again.opt == message.opt
    });
    outcome.require(same, Promise::RoundTrip, || {
        format!("{message:?} became {again:?}")
    });
    match Theirs::from_vec(octets) {
        Ok(their) => compare(message, &their, outcome),
        Err(error) => outcome.require(false, Promise::RoundTrip, || {
            format!("hickory cannot read what we wrote: {error}")
        }),
    }
    outcome.digest(octets);
}

/// What both can read, both read alike; what we read can be written and read again.
fn read_alike(octets: &[u8], outcome: &mut Outcome) {
    let ours = match Message::parse(octets, RECORDS_MAX) {
        Ok(ours) => ours,
        Err(rejected) => {
            outcome.digest(format!("{rejected:?}").as_bytes());
            outcome
                .reached
                .guide(26, format!("{rejected:?}").len() as u32);
            return;
        }
    };
    for record in ours.answers.iter().chain(&ours.authorities) {
        outcome.reached.guide(27, u32::from(record.record_type.0));
    }
    let again = Message::parse(&ours.emit(), 2 * RECORDS_MAX);
    let same = again
        .as_ref()
        .is_ok_and(|again| again.answers == ours.answers && again.authorities == ours.authorities);
    // A name that was compressed may be too long for RDLENGTH only if there are very many of them.
    outcome.require(same, Promise::RoundTrip, || {
        format!("{ours:?} became {again:?}")
    });
    if let Ok(their) = Theirs::from_vec(octets) {
        compare(&ours, &their, outcome);
    }
}

fn compare(ours: &Message, their: &Theirs, outcome: &mut Outcome) {
    outcome.require(
        ours.header.id == their.metadata.id,
        Promise::AsModel,
        || "hickory reads another ID".to_owned(),
    );
    for (our, their) in ours.answers.iter().zip(&their.answers) {
        // Read differently on purpose: other classes and types are carried as they stand, a TTL above
        // the limit is 0, and data without octets is nothing to hickory.
        let apart = our.class != Class::IN
            || their.ttl > i32::MAX as u32
            || matches!(their.data, RData::Update0(_))
            || matches!(our.data, Data::Other(_));
        if apart {
            continue;
        }
        let labels = |name: &Name| -> Vec<Vec<u8>> { name.labels().map(<[u8]>::to_vec).collect() };
        let their_labels: Vec<Vec<u8>> = their.name.iter().map(<[u8]>::to_vec).collect();
        let alike = labels(&our.name) == their_labels
            && our.ttl_s == their.ttl
            && data_alike(&our.data, &their.data);
        outcome.require(alike, Promise::AsModel, || {
            format!("we read {our:?}, hickory {their:?}")
        });
    }
}

fn data_alike(our: &Data, their: &RData) -> bool {
    let same = |our: &Name, their: &hickory_proto::rr::Name| our.labels().eq(their.iter());
    match (our, their) {
        (Data::V4(our), RData::A(their)) => *our == their.0,
        (Data::V6(our), RData::AAAA(their)) => *our == their.0,
        (Data::Alias(our), RData::CNAME(their)) => same(our, &their.0),
        (Data::NameServer(our), RData::NS(their)) => same(our, &their.0),
        (Data::Pointer(our), RData::PTR(their)) => same(our, &their.0),
        (Data::MailExchange { preference, host }, RData::MX(their)) => {
            *preference == their.preference && same(host, &their.exchange)
        }
        (Data::Service { port, target, .. }, RData::SRV(their)) => {
            *port == their.port && same(target, &their.target)
        }
        (Data::Text(_), RData::TXT(their)) => {
            let joined: Vec<u8> = their.txt_data.iter().flatten().copied().collect();
            our.joined_text()[..] == joined[..]
        }
        (Data::StartOfAuthority(our), RData::SOA(their)) => {
            same(&our.primary, &their.mname) && our.numbers[0] == their.serial
        }
        _ => false,
    }
}
