//! F13: the resolver against a hostile server (RFC 1035, RFC 5452, RFC 9267).
//!
//! Every query is answered as a record says: rightly, wrongly, too late, in pieces, never. However the
//! server behaves, each look-up ends, in bounded time and with a bounded number of queries.

use sidestep_stack::call::{CacheSettings, Families, LookUp, Question, ResolverSettings};
use sidestep_stack::dns::{Carrier, Resolver, Transmit, Transport};
use sidestep_stack::wire::dns_message::{
    Class, Data, Message, Opt, Rcode, Record as DnsRecord, RecordType,
};
use sidestep_stack::wire::dns_name::Name;
use sidestep_stack::{Config, Duration, Instant};

use crate::fuzz::outcome::{Outcome, Promise};
use crate::fuzz::packets::TELLING;
use crate::fuzz::record::{Input, Record, noise};
use crate::fuzz::rig::seed_of;

/// Queries for one look-up at most: families × search list × servers × attempts × (first, without EDNS,
/// over TCP) × aliases.
const QUERIES_MAX: usize = 2 * 3 * 2 * 2 * 3 * 11;
/// Look-ups in one input.
const LOOKUPS_MAX: usize = 6;

struct Run {
    resolver: Resolver,
    now: Instant,
    open: Vec<Transmit>,
    asked: usize,
    lookups: usize,
}

/// See the module.
pub(crate) fn run(input: Input<'_>, outcome: &mut Outcome) {
    let Some(mut run) = Run::new(&input.head()) else {
        return;
    };
    for record in input.records() {
        match record.byte(0) % 16 {
            0 => run.look_up(&record),
            1 => {
                run.now += Duration::from_millis(u64::from(record.half(2)));
                run.resolver.time_passes(run.now);
            }
            2 => run.fail(&record),
            _ => run.reply(&record),
        }
        run.pull(outcome);
        if outcome.is_broken() {
            return;
        }
    }
    run.end(outcome);
}

impl Run {
    fn new(head: &Record) -> Option<Self> {
        let config = Config {
            observations_max: 4_096,
            dns_forged_replies_max: 3,
            ..Config::default()
        };
        let mut resolver = Resolver::new(config, seed_of(u64::from(head.byte(1)))).ok()?;
        let settings = ResolverSettings {
            servers: ["192.0.2.53:53", "[2001:db8::53]:53"]
                .iter()
                .filter_map(|text| text.parse().ok())
                .collect(),
            search: vec!["example".to_owned(), "test".to_owned()],
            ndots: head.byte(2) % 3,
            rotate: head.bit(3, 0),
            single_request: head.bit(3, 1),
            use_vc: head.bit(3, 2),
            strict_errors: head.bit(3, 3),
            randomise_case: head.bit(3, 4),
            trust_ad: head.bit(3, 5),
            cache: head.bit(3, 6).then(CacheSettings::default),
            ..ResolverSettings::default()
        };
        resolver.set_settings(&settings).ok()?;
        let mut run = Self {
            resolver,
            now: Instant::from_secs(1),
            open: Vec::new(),
            asked: 0,
            lookups: 0,
        };
        run.look_up(head);
        Some(run)
    }

    fn look_up(&mut self, record: &Record) {
        if self.lookups >= LOOKUPS_MAX {
            return;
        }
        let question = record.pick(
            4,
            [
                Question::Addresses(Families::Both),
                Question::Addresses(Families::V4),
                Question::CanonicalName,
                Question::MailExchanges,
                Question::NameServers,
                Question::Services,
                Question::Texts,
                Question::Pointer(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7))),
            ],
        );
        let name = record.pick(5, ["www.example.", "host", "a.b.c", "_x._tcp.example."]);
        let asked = LookUp::new(name, question);
        if self.resolver.ask(self.now, &asked).is_ok() {
            self.lookups += 1;
        }
    }

    fn pull(&mut self, outcome: &mut Outcome) {
        let allowed = QUERIES_MAX * self.lookups.max(1);
        while let Some(query) = self.resolver.next_query(self.now) {
            self.asked += 1;
            outcome.digest(&query.octets);
            let body = match query.transport {
                Transport::Udp => &query.octets[..],
                Transport::Tcp => query.octets.get(2..).unwrap_or_default(),
            };
            outcome.require(
                Message::parse(body, 16).is_ok(),
                Promise::PacketsRight,
                || format!("a query that cannot be read: {:02x?}", query.octets),
            );
            outcome.require(self.asked <= allowed, Promise::OutputBounded, || {
                format!("more than {allowed} queries")
            });
            if outcome.is_broken() {
                return;
            }
            self.open.push(query);
        }
        while let Some(finished) = self.resolver.next_finished() {
            self.open.retain(|query| query.carrier != finished);
        }
        while let Some(answer) = self.resolver.next_answer() {
            outcome.digest(format!("{:?}", answer.result).as_bytes());
            outcome
                .reached
                .guide(25, format!("{:.12?}", answer.result).len() as u32);
        }
        while let Some((_, observation)) = self.resolver.next_observation() {
            outcome.reached.observe(&observation);
        }
    }

    fn fail(&mut self, record: &Record) {
        if let Some(query) = self.chosen(record) {
            self.resolver.carrier_failed(self.now, query.carrier);
        }
    }

    fn chosen(&self, record: &Record) -> Option<Transmit> {
        let at = record.below(1, self.open.len());
        self.open.get(at).cloned()
    }

    fn reply(&mut self, record: &Record) {
        let Some(query) = self.chosen(record) else {
            return;
        };
        let body = match query.transport {
            Transport::Udp => &query.octets[..],
            Transport::Tcp => query.octets.get(2..).unwrap_or_default(),
        };
        let Ok(asked) = Message::parse(body, 16) else {
            return;
        };
        let mut octets = reply_to(&asked, record).emit();
        corrupt(record, &mut octets);
        match query.carrier {
            Carrier::Datagram(_) => {
                let mut from = query.server;
                if record.byte(15) == 1 {
                    from.set_port(54);
                }
                self.resolver
                    .reply_arrives(self.now, query.carrier, from, &octets);
            }
            Carrier::Stream(_) => {
                let mut stream = (octets.len() as u16).to_be_bytes().to_vec();
                stream.extend(octets);
                let cut = usize::from(record.byte(14)) % (stream.len() + 1);
                let (first, second) = stream.split_at(cut);
                self.resolver.stream_arrives(self.now, query.carrier, first);
                self.resolver
                    .stream_arrives(self.now, query.carrier, second);
            }
        }
    }

    /// Time goes on and nobody answers any more: all look-ups must end.
    fn end(&mut self, outcome: &mut Outcome) {
        for _ in 0..2_000 {
            let Some(deadline) = self.resolver.next_deadline() else {
                break;
            };
            self.now = self.now.max(deadline);
            self.resolver.time_passes(self.now);
            // Connections that were opened are refused; else TCP would go on.
            for query in std::mem::take(&mut self.open) {
                if query.transport == Transport::Tcp {
                    self.resolver.carrier_failed(self.now, query.carrier);
                }
            }
            self.pull(outcome);
            if outcome.is_broken() || self.resolver.lookups() == 0 {
                break;
            }
        }
        let left = self.resolver.lookups();
        outcome.require(left == 0, Promise::TransferEnds, || {
            format!("{left} look-ups never end")
        });
        let discarded = self.resolver.discards().total();
        outcome.digest(&discarded.to_le_bytes());
    }
}

fn name(text: &str) -> Name {
    Name::from_text(text).unwrap_or_else(|_| Name::root())
}

fn reply_to(asked: &Message, record: &Record) -> Message {
    let rcode = record.pick(
        2,
        [
            Rcode::NO_ERROR,
            Rcode::NO_ERROR,
            Rcode::NO_ERROR,
            Rcode::NAME_ERROR,
            Rcode::SERVER_FAILURE,
            Rcode::REFUSED,
            Rcode::FORMAT_ERROR,
            Rcode(9),
        ],
    );
    let mut reply = Message::reply_to(asked, rcode);
    let owner = asked
        .question
        .as_ref()
        .map_or_else(Name::root, |question| question.name.clone());
    let mut owner = owner;
    for at in 0..usize::from(record.byte(3)) % 6 {
        let (next, record) = answer(&owner, record.byte(6 + at), asked, record);
        reply.answers.push(record);
        owner = next;
    }
    reply.header.truncated = record.byte(12) % 8 == 1;
    reply.header.authoritative = record.bit(12, 3);
    reply.header.recursion_available = !record.bit(12, 4);
    if record.bit(12, 5) {
        reply.opt = Some(Opt {
            udp_octets: 512,
            version: 0,
            dnssec_ok: false,
        });
    }
    if record.bit(12, 6) {
        let (_, soa) = answer(&owner, 7, asked, record);
        reply.authorities.push(soa);
    }
    reply
}

/// A record, and the name that the next one should have.
fn answer(owner: &Name, which: u8, asked: &Message, record: &Record) -> (Name, DnsRecord) {
    let target = match which >> 4 {
        0 => name("cdn.example"),
        1 => owner.clone(),
        2 => name("www.example"),
        3 => Name::root(),
        number => name(&format!("n{number}.example")),
    };
    let wanted = asked
        .question
        .as_ref()
        .map_or(RecordType::A, |question| question.record_type);
    let (record_type, data) = match which % 8 {
        0 => match wanted {
            RecordType::AAAA => (wanted, Data::V6(record.word(8).wrapping_mul(3).into_v6())),
            _ => (RecordType::A, Data::V4(record.word(8).into())),
        },
        1 => (RecordType::CNAME, Data::Alias(target.clone())),
        2 => (RecordType::NS, Data::NameServer(target.clone())),
        3 => (RecordType::PTR, Data::Pointer(target.clone())),
        4 => (
            RecordType::MX,
            Data::MailExchange {
                preference: record.half(8),
                host: target.clone(),
            },
        ),
        5 => (
            RecordType::SRV,
            Data::Service {
                priority: record.half(8),
                weight: record.half(9),
                port: record.half(10),
                target: target.clone(),
            },
        ),
        6 => (RecordType::TXT, Data::text(&noise(record.word(8), 40))),
        _ => (wanted, Data::Other(noise(record.word(8), 7).into())),
    };
    let next = if matches!(data, Data::Alias(_)) {
        target
    } else {
        owner.clone()
    };
    let record = DnsRecord {
        name: owner.clone(),
        record_type,
        class: Class::IN,
        ttl_s: record.word(11) & 0x7fff_ffff,
        data,
    };
    (next, record)
}

/// An IPv6 address from a small number.
trait IntoV6 {
    fn into_v6(self) -> std::net::Ipv6Addr;
}

impl IntoV6 for u32 {
    fn into_v6(self) -> std::net::Ipv6Addr {
        (0x2001_0db8_u128 << 96 | u128::from(self)).into()
    }
}

/// Changes the octets of a reply as the last ones of a record say.
fn corrupt(record: &Record, octets: &mut Vec<u8>) {
    let how = record.byte(13);
    if how & 0x80 == 0 || octets.is_empty() {
        return;
    }
    let at = usize::from(record.byte(14)) % octets.len();
    match how % 4 {
        0 => octets[at] = TELLING[usize::from(record.byte(15)) % TELLING.len()],
        1 => octets.truncate(at),
        2 => octets[at] ^= 1 << (record.byte(15) & 7),
        _ => {
            octets[at] = record.byte(15);
            // A pointer back to the question.
            if let Some(next) = octets.get_mut(at + 1) {
                *next = 12;
            }
        }
    }
}
