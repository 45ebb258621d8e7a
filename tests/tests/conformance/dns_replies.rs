//! Names over UDP: what is asked, which replies are believed, and what is never asked
//! (RFC 1035, RFC 2181, RFC 2308, RFC 5452, RFC 6761, RFC 6891, RFC 7686).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use bytes::Bytes;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};
use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};
use sidestep_stack::Packet;
use sidestep_stack::call::{CacheSettings, Families, Question, ResolverSettings};
use sidestep_stack::event::{Answer, LookupError};
use sidestep_tests::craft::{Ip, icmp, protocol};
use sidestep_tests::scene::Family;

use super::dns_scene::{
    Asked, Names, datagram, denied, ip, name, octets, one_server, record, reply_to, with_addresses,
    with_code,
};

const ADDRESSES: Question = Question::Addresses(Families::Both);
const V4: Question = Question::Addresses(Families::V4);

/// A look-up whose only query has left.
fn waiting() -> (Names, Asked) {
    let mut names = Names::new(one_server());
    names.ask("www.example", V4);
    let asked = names.only_asked();
    (names, asked)
}

/// The right reply is still believed.
fn still_answers(mut names: Names, asked: &Asked) {
    assert_eq!(names.told(), None);
    names.reply(asked, &with_addresses(&asked.query, &["192.0.2.80"]));
    assert_eq!(names.addresses(), Ok(vec!["192.0.2.80".into()]));
    assert_eq!(names.scene.host.stack.counters().udp_sockets, 0);
}

#[test]
fn both_families_are_asked_for_and_sorted_by_where_they_can_be_reached_from() {
    let mut names = Names::new(one_server());
    names.ask("www.example", ADDRESSES);
    let asked = names.asked();
    let kinds: Vec<_> = asked.iter().map(Asked::kind).collect();
    assert_eq!(kinds, [RecordType::AAAA, RecordType::A]);
    for asked in &asked {
        let all = ["198.51.100.1", "2001:db8:1::1"];
        names.reply(asked, &with_addresses(&asked.query, &all));
    }
    // Precedence of IPv6 (RFC 6724 §2.1): the host has addresses and routes of both families.
    let sorted = ["2001:db8:1::1", "198.51.100.1"].map(String::from);
    assert_eq!(names.addresses(), Ok(sorted.to_vec()));
}

#[test]
fn rfc5452_01_on_the_wire_each_field_is_compared() {
    let (mut names, asked) = waiting();
    let right = with_addresses(&asked.query, &["192.0.2.66"]);
    let changed = |change: fn(&mut Message)| {
        let mut reply = right.clone();
        change(&mut reply);
        octets(&reply)
    };
    let good = octets(&right);
    let at = |address: &str, port| SocketAddr::new(ip(address), port);
    let Asked { from, to, .. } = asked.clone();
    let near_misses = [
        (at("192.0.2.10", 53), from, good.clone()),
        (SocketAddr::new(to.ip(), 54), from, good.clone()),
        (
            to,
            SocketAddr::new(from.ip(), from.port() ^ 1),
            good.clone(),
        ),
        (at("2001:db8::9", 53), at("2001:db8::1", from.port()), good),
        (to, from, changed(|reply| reply.metadata.id ^= 1)),
        (
            to,
            from,
            changed(|reply| {
                reply.queries[0].set_name(name("www.exampl."));
            }),
        ),
        (
            to,
            from,
            changed(|reply| {
                reply.queries[0].set_query_class(DNSClass::CH);
            }),
        ),
        (
            to,
            from,
            changed(|reply| {
                reply.queries[0].set_query_type(RecordType::AAAA);
            }),
        ),
    ];
    for (from, to, octets) in near_misses {
        names.datagram(from, to, &octets);
        names.scene.host.all_sent();
        assert_eq!(names.told(), None);
    }
    still_answers(names, &asked);
}

#[test]
fn rfc5452_03_on_the_wire_simultaneous_queries_have_different_ports_and_ids() {
    let mut names = Names::new(one_server());
    for number in 0..50 {
        names.ask(&format!("host{number}.example"), ADDRESSES);
    }
    let asked = names.asked();
    let ports: BTreeSet<u16> = asked.iter().map(|asked| asked.from.port()).collect();
    let ids: BTreeSet<u16> = asked.iter().map(|asked| asked.query.metadata.id).collect();
    assert_eq!((asked.len(), ports.len()), (100, 100));
    // Of 100 random ids, hardly ever are more than two equal to others.
    assert!(ids.len() >= 97, "{}", ids.len());
}

#[test]
fn rfc5452_04_on_the_wire_twenty_wrong_ids_move_the_query_to_tcp() {
    let (mut names, asked) = waiting();
    for wrong in 1..=20 {
        let mut forged = with_addresses(&asked.query, &["192.0.2.66"]);
        forged.metadata.id ^= wrong;
        names.reply(&asked, &forged);
    }
    names.scene.host.all_events();
    let sent = names.scene.segments();
    assert!(sent.iter().any(|segment| segment.has("S")), "{sent:?}");
}

#[test]
fn bad_35_on_the_wire_a_million_forgeries_are_not_believed() {
    // About fifteen of them hit the port: the move to TCP is another claim.
    let mut names = Names::with(one_server(), |config| config.dns_forged_replies_max = 1_000);
    names.ask("www.example", V4);
    let asked = names.only_asked();
    let mut random = ChaCha12Rng::seed_from_u64(35);
    let mut forged = octets(&with_addresses(&asked.query, &["192.0.2.66"]));
    for round in 0..1_000_000_u32 {
        let mut to = asked.from;
        to.set_port(random.random());
        let id: u16 = random.random();
        if to.port() == asked.from.port() && id == asked.query.metadata.id {
            continue;
        }
        forged[..2].copy_from_slice(&id.to_be_bytes());
        let packet = datagram(asked.to, to, &forged);
        let host = &mut names.scene.host;
        host.stack
            .packet_arrives(host.now, Packet::new(Bytes::from(packet)));
        if round % 10_000 == 0 {
            host.settle();
            host.all_sent();
        }
    }
    names.scene.host.settle();
    names.scene.host.all_sent();
    still_answers(names, &asked);
}

#[test]
fn bad_36_on_the_wire_garbage_before_the_answer_changes_nothing() {
    let (mut names, asked) = waiting();
    let right = octets(&with_addresses(&asked.query, &["192.0.2.66"]));
    let mut no_question = with_code(&asked.query, ResponseCode::FormErr);
    no_question.queries.clear();
    no_question.edns = None;
    let mut other_question = with_addresses(&asked.query, &["192.0.2.66"]);
    other_question.queries[0].set_name(name("www.example.org."));
    for garbage in [
        Vec::new(),
        vec![0],
        right[..11].to_vec(),
        right[..right.len() - 1].to_vec(),
        octets(&asked.query),
        octets(&no_question),
        octets(&other_question),
    ] {
        names.datagram(asked.to, asked.from, &garbage);
        names.assert_waiting();
    }
    // An ICMP error that quotes another port is about somebody else.
    let mut quoted = datagram(
        SocketAddr::new(asked.from.ip(), asked.from.port() ^ 1),
        asked.to,
        &octets(&asked.query),
    );
    quoted.truncate(28);
    let from_server = Ip::new(asked.to.ip(), asked.from.ip());
    let error = icmp(&from_server, 3, 3, [0; 4], &quoted);
    let packet = from_server.packet(protocol::ICMP_V4, &error);
    names.scene.host.arrives(&packet);
    names.assert_waiting();
    still_answers(names, &asked);
}

#[test]
fn rfc5452_05_on_the_wire_malformed_replies_do_not_move_the_deadline() {
    let (mut names, asked) = waiting();
    for _ in 0..4 {
        names.advance(1);
        names.datagram(asked.to, asked.from, b"garbage");
        names.assert_waiting();
    }
    names.advance(1);
    assert_eq!(
        names.only_asked().to,
        asked.to,
        "the next try, after five seconds"
    );
}

/// Replies with the right header and question, and this behind them.
fn hostile(asked: &Asked, answers: u16, rest: &[u8]) -> Vec<u8> {
    let mut reply = reply_to(&asked.query);
    reply.edns = None;
    let mut octets = octets(&reply);
    octets[6..8].copy_from_slice(&answers.to_be_bytes());
    octets.extend_from_slice(rest);
    octets
}

#[test]
fn bad_30_on_the_wire_hostile_names_are_ignored() {
    let (mut names, asked) = waiting();
    // Where the first record begins: header, name, type and class.
    let begins = 12 + 13 + 4;
    let pointer = |to: usize| (0xc000 | to as u16).to_be_bytes();
    let address = [0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 66];
    let long_label = [&[64][..], &[b'a'; 64], &[0]].concat();
    let long_name = [&[63][..], &[b'a'; 63]].concat().repeat(4);
    for name in [
        pointer(begins).to_vec(),
        pointer(begins + 2).to_vec(),
        [pointer(begins + 2), pointer(begins)].concat(),
        pointer(0x3fff).to_vec(),
        pointer(3).to_vec(),
        long_label,
        [&long_name[..], &[0]].concat(),
    ] {
        let octets = hostile(&asked, 1, &[&name[..], &address].concat());
        names.datagram(asked.to, asked.from, &octets);
        names.assert_waiting();
    }
    // A name without an end.
    let octets = hostile(
        &asked,
        1,
        &[
            10, b'a', b'b', b'c', b'd', b'e', b'f', b'g', b'h', b'i', b'j',
        ],
    );
    names.datagram(asked.to, asked.from, &octets);
    names.assert_waiting();
    // Pointers to pointers in the data of one record, and the name of the next one behind them all.
    let data_begins = begins + 2 + 10;
    let mut chain = [&pointer(12)[..], &[0xff, 0, 0, 1, 0, 0, 0, 60, 0x01, 0x90]].concat();
    chain.extend(pointer(12));
    chain.extend((0..199).flat_map(|step| pointer(data_begins + 2 * step)));
    chain.extend(pointer(data_begins + 2 * 199));
    chain.extend(address);
    names.datagram(asked.to, asked.from, &hostile(&asked, 2, &chain));
    names.assert_waiting();
    // The same with an honest pointer is believed.
    let octets = hostile(&asked, 1, &[&pointer(12)[..], &address].concat());
    names.datagram(asked.to, asked.from, &octets);
    assert_eq!(names.addresses(), Ok(vec!["192.0.2.66".into()]));
}

#[test]
fn bad_33_on_the_wire_lengths_and_counts_that_lie_are_ignored() {
    let (mut names, asked) = waiting();
    let with_length = |length: u16| {
        let mut rest = vec![0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60];
        rest.extend(length.to_be_bytes());
        rest.extend([192, 0, 2, 66]);
        hostile(&asked, 1, &rest)
    };
    for length in [0_u16, 3, 5, 15, 17, 0xffff] {
        names.datagram(asked.to, asked.from, &with_length(length));
        names.assert_waiting();
    }
    for answers in [1, 0xffff] {
        let octets = hostile(&asked, answers, &[]);
        names.datagram(asked.to, asked.from, &octets);
        names.assert_waiting();
    }
    // The same with the right length is believed.
    names.datagram(asked.to, asked.from, &with_length(4));
    assert_eq!(names.addresses(), Ok(vec!["192.0.2.66".into()]));
}

#[test]
fn bad_38_on_the_wire_foreign_records_are_not_used() {
    let (mut names, asked) = waiting();
    let mut reply = with_addresses(&asked.query, &["192.0.2.80"]);
    let mut chaos = record(&asked.name(), "192.0.2.66", 60);
    chaos.dns_class = DNSClass::CH;
    let evil = name("evil.example.");
    reply.answers.insert(0, record(&evil, "192.0.2.66", 60));
    reply.answers.insert(0, chaos);
    reply.answers.push(Record::from_rdata(
        evil,
        60,
        RData::CNAME(CNAME(asked.name())),
    ));
    names.reply(&asked, &reply);
    assert_eq!(names.addresses(), Ok(vec!["192.0.2.80".into()]));
}

#[test]
fn rfc6891_01_on_the_wire_a_query_offers_1232_octets_once() {
    let (_, asked) = waiting();
    let edns = asked.query.edns.as_ref().expect("EDNS");
    assert_eq!((edns.max_payload(), edns.version()), (1_232, 0));
    assert!(asked.query.additionals.is_empty());
    assert!(asked.query.metadata.recursion_desired);
    assert_eq!(asked.query.queries.len(), 1);
}

#[test]
fn rfc6891_02_on_the_wire_format_errors_lead_to_a_query_without_edns() {
    let (mut names, asked) = waiting();
    let mut reply = with_code(&asked.query, ResponseCode::FormErr);
    reply.edns = None;
    names.reply(&asked, &reply);
    let again = names.only_asked();
    assert!(again.query.edns.is_none());
    assert_ne!(again.from.port(), asked.from.port());
    still_answers(names, &again);
}

#[test]
fn rfc2308_01_on_the_wire_a_denial_is_kept_for_the_soa_minimum() {
    let mut names = Names::new(ResolverSettings {
        cache: Some(CacheSettings::default()),
        ..one_server()
    });
    for (code, minimum_s) in [(ResponseCode::NXDomain, 60), (ResponseCode::NoError, 30)] {
        let host = format!("host{minimum_s}.example");
        names.ask(&host, V4);
        let asked = names.only_asked();
        names.reply(&asked, &denied(&asked.query, code, minimum_s));
        assert_eq!(names.addresses(), Err(LookupError::NotFound));
        names.advance(u64::from(minimum_s) - 1);
        names.ask(&host, V4);
        assert!(names.asked().is_empty(), "it stays local");
        assert_eq!(names.addresses(), Err(LookupError::NotFound));
        names.advance(1);
        names.ask(&host, V4);
        let asked = names.only_asked();
        names.reply(&asked, &with_addresses(&asked.query, &["192.0.2.80"]));
        assert!(names.addresses().is_ok());
    }
}

#[test]
fn rfc1035_07_on_the_wire_a_ttl_with_its_top_bit_set_is_not_kept() {
    let mut names = Names::new(ResolverSettings {
        cache: Some(CacheSettings::default()),
        ..one_server()
    });
    for _ in 0..2 {
        names.ask("www.example", V4);
        let asked = names.only_asked();
        let mut reply = with_addresses(&asked.query, &["192.0.2.80"]);
        reply.answers[0].ttl = u32::MAX;
        names.reply(&asked, &reply);
        assert!(names.addresses().is_ok());
    }
    assert_eq!(names.scene.host.stack.counters().names_kept, 0);
}

#[test]
fn rfc6761_01_on_the_wire_localhost_causes_no_packet() {
    let mut names = Names::new(one_server());
    for text in ["localhost", "a.localhost", "LOCALHOST."] {
        names.ask(text, ADDRESSES);
        let loopback = ["::1", "127.0.0.1"].map(String::from);
        assert_eq!(names.addresses(), Ok(loopback.to_vec()));
        names.ask(text, Question::MailExchanges);
        assert_eq!(
            names.told().expect("told").result,
            Err(LookupError::NotFound)
        );
    }
    names.assert_waiting();
}

#[test]
fn rfc6761_02_on_the_wire_names_under_invalid_and_onion_cause_no_packet() {
    let mut names = Names::new(one_server());
    for text in ["x.invalid", "x.onion", "a.b.ONION."] {
        for question in [ADDRESSES, Question::Texts, Question::CanonicalName] {
            names.ask(text, question);
            assert_eq!(
                names.told().expect("told").result,
                Err(LookupError::NotFound)
            );
        }
    }
    names.assert_waiting();
}

#[test]
fn rfc7686_01_on_the_wire_the_search_list_makes_no_onion() {
    let mut names = Names::new(ResolverSettings {
        search: vec!["onion".into(), "x.onion".into()],
        ..one_server()
    });
    names.ask("host", V4);
    assert_eq!(names.only_asked().name(), name("host."));
}

#[test]
fn the_hosts_file_answers_both_ways_without_a_packet() {
    let mut names = Names::new(ResolverSettings {
        hosts: "192.0.2.44 Printer.Example printer\n2001:db8::44 printer".into(),
        ..one_server()
    });
    names.ask("printer", ADDRESSES);
    assert_eq!(names.addresses().map(|found| found.len()), Ok(2));
    names.ask("", Question::Pointer(ip("192.0.2.44")));
    let both = ["Printer.Example.", "printer"].map(String::from).to_vec();
    assert_eq!(names.told().expect("told").result, Ok(Answer::Names(both)));
    names.assert_waiting();
}

#[test]
fn the_same_seed_asks_in_the_same_octets() {
    let run = || {
        let mut names = Names::new(ResolverSettings {
            randomise_case: true,
            ..one_server()
        });
        names.ask("www.example", ADDRESSES);
        names.ask("mail.example", Question::MailExchanges);
        let sent = names.scene.host.all_sent();
        sent.into_iter().map(|seen| seen.octets).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn queries_to_an_ipv6_server_go_over_ipv6() {
    let mut names = Names::new(ResolverSettings {
        servers: vec![SocketAddr::new(Family::V6.them(), 53)],
        ..one_server()
    });
    names.ask("www.example", V4);
    let asked = names.only_asked();
    assert_eq!(asked.from.ip(), Family::V6.us());
    still_answers(names, &asked);
}
