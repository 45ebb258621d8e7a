//! The resolver in virtual time, against scripted servers that may lie, stay silent or break.
//!
//! `World` plays the page `stack.rs`: it takes what is to be sent, keeps the list of open sockets,
//! and checks at the end that each of them was told to be finished.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::{Carrier, Dns, Transmit, Transport};
use crate::base::{Duration, Instant};
use crate::call::{
    CallRefused, Families, LookUp, LookupId, Question, ResolverId, ResolverSettings,
};
use crate::config::Config;
use crate::context::Surroundings;
use crate::discard::Discard;
use crate::event::{Answer, LookedUp, LookupError};
use crate::wire::dns_message::{Message, Rcode, Record, RecordType};
use crate::wire::dns_name::Name;

mod aliases;
mod case;
mod fuzz;
mod hostile;
mod kept;
mod merge;
mod names;
mod options;
mod questions;
mod resolvers;
mod retry;
mod stream;

const SERVER_1: &str = "192.0.2.53:53";
const SERVER_2: &str = "198.51.100.53:53";
const SERVER_3: &str = "[2001:db8::53]:53";
/// The default time of one try.
const TRY: Duration = Duration::from_secs(5);

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("a socket address")
}

fn name(text: &str) -> Name {
    Name::from_text(text).expect("a name")
}

fn settings(servers: &[&str]) -> ResolverSettings {
    ResolverSettings {
        servers: servers.iter().map(|server| at(server)).collect(),
        ndots: 1,
        ..ResolverSettings::default()
    }
}

/// What a scripted server does with a query.
enum Act {
    /// It answers.
    Reply(Message),
    /// It answers in these octets.
    Raw(Vec<u8>),
    /// It says nothing.
    Silence,
    /// Its port is closed, or it breaks the connection.
    Break,
}

struct World {
    around: Surroundings,
    dns: Dns,
    now: Instant,
    open: BTreeSet<Carrier>,
}

impl World {
    fn new(settings: &ResolverSettings) -> Self {
        let config = Config::default();
        let mut dns = Dns::new(&config);
        dns.set(settings, &config).expect("settings");
        Self {
            around: Surroundings::new(config, 1),
            dns,
            now: Instant::ZERO,
            open: BTreeSet::new(),
        }
    }

    fn look_up(&mut self, name: &str, families: Families) -> LookupId {
        let call = LookUp::addresses(name, families);
        let lookup = self.dns.look_up(&mut self.around.at(self.now), &call);
        lookup.expect("a look-up")
    }

    fn ask(&mut self, name: &str, question: Question) -> LookupId {
        let call = LookUp::new(name, question);
        let lookup = self.dns.look_up(&mut self.around.at(self.now), &call);
        lookup.expect("a look-up")
    }

    fn next_transmit(&mut self) -> Option<Transmit> {
        self.close_finished();
        let transmit = self.dns.next_transmit(&mut self.around.at(self.now))?;
        let is_new = self.open.insert(transmit.carrier);
        assert!(
            is_new || transmit.transport == Transport::Tcp,
            "each has its own"
        );
        Some(transmit)
    }

    /// The only query that is to be sent now.
    fn only_transmit(&mut self) -> Transmit {
        let transmit = self.next_transmit().expect("a query");
        assert!(self.next_transmit().is_none(), "no second query");
        transmit
    }

    fn close_finished(&mut self) {
        while let Some(finished) = self.dns.next_finished() {
            assert!(self.open.remove(&finished), "finished once");
        }
    }

    fn datagram(&mut self, transmit: &Transmit, from: SocketAddr, octets: &[u8]) {
        let cx = &mut self.around.at(self.now);
        self.dns
            .datagram_arrives(cx, transmit.carrier, from, octets);
    }

    fn stream(&mut self, transmit: &Transmit, octets: &[u8]) {
        let cx = &mut self.around.at(self.now);
        self.dns.stream_arrives(cx, transmit.carrier, octets);
    }

    fn fail(&mut self, transmit: &Transmit) {
        let cx = &mut self.around.at(self.now);
        self.dns.carrier_failed(cx, transmit.carrier);
    }

    fn reply(&mut self, transmit: &Transmit, message: &Message) {
        match transmit.transport {
            Transport::Udp => self.datagram(transmit, transmit.server, &message.emit()),
            Transport::Tcp => self.stream(transmit, &message.emit_for_stream()),
        }
    }

    fn advance_to(&mut self, now: Instant) {
        self.now = now;
        self.dns.time_passes(&mut self.around.at(now));
    }

    fn advance(&mut self, duration: Duration) {
        self.advance_to(self.now + duration);
    }

    /// All sockets are closed now, and all connections once they were idle for a while.
    fn assert_nothing_is_left(&self) {
        let mut later = self.dns.clone();
        let mut around = Surroundings::new(self.around.config.clone(), 1);
        let mut open = self.open.clone();
        assert!(!open.iter().any(|open| matches!(open, Carrier::Datagram(_))));
        let idle = Duration::from_millis(self.around.config.dns_stream_idle_ms);
        later.time_passes(&mut around.at(self.now + idle));
        while let Some(finished) = later.next_finished() {
            assert!(open.remove(&finished), "finished once");
        }
        assert!(open.is_empty(), "every socket can be closed");
        assert_eq!(later.entries(), 0);
    }

    /// So many answers wait, all of them good.
    fn assert_answers(&mut self, count: usize) {
        for _ in 0..count {
            assert!(self.answer().expect("an answer").result.is_ok());
        }
        assert_eq!(self.answer(), None);
    }

    fn cancel(&mut self, lookup: LookupId) {
        self.dns.cancel(&mut self.around.at(self.now), lookup);
    }

    fn answer(&mut self) -> Option<LookedUp> {
        self.dns.next_answer()
    }

    fn ignored(&self) -> u64 {
        self.around.discards.get(Discard::DnsReplyIgnored)
    }

    /// Lets the script answer every query until the look-up ends; returns the answer, and all
    /// queries as `server transport TYPE name`.
    fn run(&mut self, mut script: impl FnMut(&Transmit, &Message) -> Act) -> Ran {
        let mut asked = Vec::new();
        for _ in 0..1_000 {
            while let Some(transmit) = self.next_transmit() {
                let query = query_in(&transmit);
                asked.push(line_of(&transmit, &query));
                match script(&transmit, &query) {
                    Act::Reply(message) => self.reply(&transmit, &message),
                    Act::Raw(octets) => self.datagram(&transmit, transmit.server, &octets),
                    Act::Silence => {}
                    Act::Break => self.fail(&transmit),
                }
            }
            if let Some(answer) = self.answer() {
                self.close_finished();
                self.assert_nothing_is_left();
                return Ran { answer, asked };
            }
            let deadline = self
                .dns
                .next_deadline()
                .expect("a deadline while it goes on");
            self.advance_to(deadline);
        }
        panic!("the look-up never ends");
    }
}

struct Ran {
    answer: LookedUp,
    asked: Vec<String>,
}

impl Ran {
    fn addresses(&self) -> Vec<String> {
        let addresses = addresses_in(&self.answer).expect("addresses");
        addresses.iter().map(IpAddr::to_string).collect()
    }

    fn error(&self) -> LookupError {
        self.answer.result.clone().expect_err("an error")
    }
}

/// What was found by a question about addresses.
fn addresses_in(answer: &LookedUp) -> Result<Vec<IpAddr>, LookupError> {
    answer.result.clone().map(Answer::into_addresses)
}

fn query_in(transmit: &Transmit) -> Message {
    let octets = match transmit.transport {
        Transport::Udp => &transmit.octets[..],
        Transport::Tcp => {
            let (length, message) = transmit.octets.split_at(2);
            assert_eq!(length, (message.len() as u16).to_be_bytes());
            message
        }
    };
    Message::parse(octets, 10).expect("our own query")
}

fn line_of(transmit: &Transmit, query: &Message) -> String {
    let question = query.question.as_ref().expect("a question");
    let kind = match question.record_type {
        RecordType::A => "A",
        RecordType::AAAA => "AAAA",
        RecordType::MX => "MX",
        RecordType::NS => "NS",
        RecordType::TXT => "TXT",
        RecordType::SRV => "SRV",
        RecordType::PTR => "PTR",
        _ => "?",
    };
    let transport = match transmit.transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    };
    alloc::format!("{} {transport} {kind} {}", transmit.server, question.name)
}

fn asks_for(query: &Message) -> (Name, RecordType) {
    let question = query.question.as_ref().expect("a question");
    (question.name.clone(), question.record_type)
}

/// A reply with those of `addresses` that the query asks for.
fn with_addresses(query: &Message, addresses: &[&str]) -> Message {
    let (name, kind) = asks_for(query);
    let mut reply = Message::reply_to(query, Rcode::NO_ERROR);
    for address in addresses.iter().map(|address| ip(address)) {
        let record = Record::address(name.clone(), address, 60);
        if record.record_type == kind {
            reply.answers.push(record);
        }
    }
    reply
}

fn with_rcode(query: &Message, rcode: Rcode) -> Message {
    Message::reply_to(query, rcode)
}

#[test]
fn both_families_are_asked_at_once_and_their_answers_joined() {
    let mut world = World::new(&settings(&[SERVER_1]));
    let lookup = world.look_up("www.example", Families::Both);
    let first = world.next_transmit().expect("AAAA");
    let second = world.next_transmit().expect("A");
    assert!(world.next_transmit().is_none());
    assert_eq!(asks_for(&query_in(&first)).1, RecordType::AAAA);
    assert_eq!(asks_for(&query_in(&second)).1, RecordType::A);

    // The answers may come in any order.
    let reply = with_addresses(&query_in(&second), &["192.0.2.1", "192.0.2.2"]);
    world.reply(&second, &reply);
    assert_eq!(world.answer(), None);
    let reply = with_addresses(&query_in(&first), &["2001:db8::1"]);
    world.reply(&first, &reply);
    assert_eq!(
        world.answer(),
        Some(LookedUp {
            lookup,
            result: Ok(Answer::Addresses(vec![
                ip("2001:db8::1"),
                ip("192.0.2.1"),
                ip("192.0.2.2")
            ])),
            left_out: 0,
            server: Some(SERVER_1.into()),
        })
    );
    world.close_finished();
    assert!(world.open.is_empty());
}

#[test]
fn one_family_is_asked_for_if_one_is_wanted() {
    for (families, kind) in [(Families::V4, "A"), (Families::V6, "AAAA")] {
        let mut world = World::new(&settings(&[SERVER_3]));
        world.look_up("www.example", families);
        let ran =
            world.run(|_, query| Act::Reply(with_addresses(query, &["192.0.2.1", "2001:db8::1"])));
        assert_eq!(
            ran.asked,
            [alloc::format!("{SERVER_3} udp {kind} www.example.")]
        );
        assert_eq!(ran.addresses().len(), 1);
    }
}

#[test]
fn rfc6891_01_a_query_has_one_opt_record_of_the_root_version_0() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::V4);
    let transmit = world.only_transmit();
    // The parser refuses a second OPT record and one that is not the root's.
    let opt = query_in(&transmit).opt.expect("EDNS");
    assert_eq!(
        (opt.udp_octets, opt.version, opt.dnssec_ok),
        (1_232, 0, false)
    );
    assert!(query_in(&transmit).header.recursion_desired);
}

#[test]
fn rfc5452_02_ids_are_unpredictable() {
    let mut world = World::new(&settings(&[SERVER_1]));
    let mut buckets = [0_u64; 256];
    for _ in 0..10_000 {
        let lookup = world.look_up("www.example", Families::V4);
        let id = query_in(&world.only_transmit()).header.id;
        buckets[usize::from(id >> 8)] += 1;
        buckets[usize::from(id & 0xff)] += 1;
        world.cancel(lookup);
    }
    // Chi-square with 255 degrees of freedom: 99.9 % of fair sources stay below 331.
    let expected = 20_000 / 256;
    let deviation: u64 = buckets
        .iter()
        .map(|count| count.abs_diff(expected).pow(2) / expected)
        .sum();
    assert!(deviation < 340, "{deviation}");
}

#[test]
fn rfc5452_03_simultaneous_queries_have_an_exchange_each() {
    let mut world = World::new(&settings(&[SERVER_1]));
    for number in 0..5 {
        world.look_up(&alloc::format!("host{number}.example"), Families::Both);
    }
    let mut queries = 0;
    while world.next_transmit().is_some() {
        queries += 1;
    }
    assert_eq!((queries, world.open.len()), (10, 10));
}

#[test]
fn lookups_are_bounded_together_with_answers_that_wait() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.around.config.lookups_max = 2;
    world.look_up("www.example", Families::V4);
    world.look_up("192.0.2.1", Families::V4);
    let call = LookUp::addresses("192.0.2.1", Families::V4);
    let refused = world.dns.look_up(&mut world.around.at(world.now), &call);
    assert_eq!(refused, Err(CallRefused::LimitReached));
    assert!(world.answer().is_some());
    world.look_up("192.0.2.1", Families::V4);
}

#[test]
fn a_cancelled_lookup_leaves_nothing_behind() {
    let mut world = World::new(&settings(&[SERVER_1]));
    // Before its queries are sent: the page never hears of them.
    let lookup = world.look_up("www.example", Families::Both);
    world.cancel(lookup);
    assert_eq!(world.dns.entries(), 0);
    assert!(world.next_transmit().is_none());
    // After one of them was sent.
    let lookup = world.look_up("www.example", Families::Both);
    let transmit = world.next_transmit().expect("a query");
    world.cancel(lookup);
    assert!(world.next_transmit().is_none());
    assert!(world.open.is_empty());
    // A late reply is nobody's.
    let reply = with_addresses(&query_in(&transmit), &["2001:db8::1"]);
    world.reply(&transmit, &reply);
    assert_eq!(world.ignored(), 1);
    assert_eq!(world.answer(), None);
    assert_eq!(world.dns.next_deadline(), None);
    // An answer that waits goes too.
    let lookup = world.look_up("192.0.2.1", Families::Both);
    world.cancel(lookup);
    assert_eq!(world.answer(), None);
    assert_eq!(world.dns.entries(), 0);
}

#[test]
fn the_same_seed_gives_the_same_queries_and_a_clone_is_a_fork() {
    let transcript = |world: &mut World| {
        world.look_up("www.example", Families::Both);
        let mut octets = Vec::new();
        while let Some(transmit) = world.next_transmit() {
            octets.push(transmit.octets);
        }
        octets
    };
    let first = transcript(&mut World::new(&settings(&[SERVER_1])));
    let second = transcript(&mut World::new(&settings(&[SERVER_1])));
    assert_eq!(first, second);

    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::V4);
    let transmit = world.only_transmit();
    let mut fork = world.dns.clone();
    let reply = with_addresses(&query_in(&transmit), &["192.0.2.1"]);
    world.reply(&transmit, &reply);
    assert!(world.answer().is_some());
    assert_eq!(fork.next_answer(), None);
    assert!(fork.next_deadline().is_some());
}
