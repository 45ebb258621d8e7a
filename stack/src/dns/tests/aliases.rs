//! CNAME chains: followed within a reply and beyond it, and never without end.

use super::*;
use crate::wire::dns_message::{Class, Data, StartOfAuthority};

/// `host0` is an alias of `host1`, …, and the last one has an address.
fn chain(query: &Message, aliases: usize) -> Message {
    let mut reply = with_addresses(query, &[]);
    let host = |number: usize| name(&alloc::format!("host{number}.example"));
    for number in 0..aliases {
        reply
            .answers
            .push(Record::alias(host(number), host(number + 1), 60));
    }
    reply
        .answers
        .push(Record::address(host(aliases), ip("192.0.2.1"), 60));
    reply
}

fn start_of_authority(owner: &str) -> Record {
    Record {
        name: name(owner),
        record_type: RecordType::SOA,
        class: Class::IN,
        ttl_s: 60,
        data: Data::StartOfAuthority(StartOfAuthority {
            primary: name("ns.example"),
            mailbox: name("post.example"),
            numbers: [1, 2, 3, 4, 5],
        }),
    }
}

#[test]
fn rfc1035_08_a_chain_within_one_reply_is_followed_up_to_the_limit() {
    for (aliases, follows) in [
        (1, true),
        (10, true),
        (11, false),
        (20, false),
        (1_000, false),
    ] {
        let mut world = World::new(&settings(&[SERVER_1]));
        world.look_up("host0.example", Families::V4);
        let ran = world.run(|transmit, query| match transmit.transport {
            // It needs a stream: a datagram holds no such chain.
            Transport::Udp if aliases > 20 => {
                let mut reply = with_addresses(query, &[]);
                reply.header.truncated = true;
                Act::Reply(reply)
            }
            Transport::Udp | Transport::Tcp => Act::Reply(chain(query, aliases)),
        });
        if follows {
            assert_eq!(ran.addresses(), ["192.0.2.1"], "{aliases}");
        } else {
            assert_eq!(ran.error(), LookupError::ServerMisbehaving, "{aliases}");
        }
        assert!(ran.asked.len() <= 2);
    }
}

#[test]
fn a_chain_is_followed_in_any_order_and_case() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("HOST0.example", Families::V4);
    let ran = world.run(|_, query| {
        let mut reply = chain(query, 5);
        reply.answers.reverse();
        Act::Reply(reply)
    });
    assert_eq!(ran.addresses(), ["192.0.2.1"]);
}

#[test]
fn rfc1035_08_a_loop_of_aliases_ends_with_an_error() {
    for hosts in 1..=3 {
        let mut world = World::new(&settings(&[SERVER_1, SERVER_2]));
        world.look_up("host0.example", Families::V4);
        let ran = world.run(|_, query| {
            let mut reply = with_addresses(query, &[]);
            let host = |number: usize| name(&alloc::format!("host{}.example", number % hosts));
            for number in 0..hosts {
                reply
                    .answers
                    .push(Record::alias(host(number), host(number + 1), 60));
            }
            Act::Reply(reply)
        });
        assert_eq!(ran.error(), LookupError::ServerMisbehaving);
        assert_eq!(ran.asked.len(), 1);
    }
}

#[test]
fn an_alias_without_its_target_leads_to_one_more_query() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::Both);
    let ran = world.run(|_, query| {
        let (asked, _) = asks_for(query);
        if asked == name("cdn.example") {
            return Act::Reply(with_addresses(query, &["192.0.2.1", "2001:db8::1"]));
        }
        let mut reply = with_addresses(query, &[]);
        reply
            .answers
            .push(Record::alias(asked, name("cdn.example"), 60));
        Act::Reply(reply)
    });
    assert_eq!(ran.addresses(), ["2001:db8::1", "192.0.2.1"]);
    assert_eq!(ran.asked.len(), 4);
}

#[test]
fn an_alias_whose_target_is_denied_leads_to_no_more_queries() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::V6);
    let ran = world.run(|_, query| {
        let mut reply = with_addresses(query, &[]);
        reply
            .answers
            .push(Record::alias(asks_for(query).0, name("cdn.example"), 60));
        reply.authorities.push(start_of_authority("example"));
        Act::Reply(reply)
    });
    assert_eq!(ran.error(), LookupError::NotFound);
    assert_eq!(ran.asked.len(), 1);
}

#[test]
fn rfc1035_08_a_chain_over_many_replies_has_the_same_limit() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("host0.example", Families::V4);
    let mut next = 0;
    let ran = world.run(|_, query| {
        next += 1;
        let mut reply = with_addresses(query, &[]);
        let target = name(&alloc::format!("host{next}.example"));
        reply
            .answers
            .push(Record::alias(asks_for(query).0, target, 60));
        Act::Reply(reply)
    });
    assert_eq!(ran.error(), LookupError::ServerMisbehaving);
    assert_eq!(ran.asked.len(), 11);
}

#[test]
fn rfc1035_08_a_loop_over_two_replies_is_seen() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("a.example", Families::V4);
    let ran = world.run(|_, query| {
        let (asked, _) = asks_for(query);
        let target = if asked == name("a.example") {
            "b.example"
        } else {
            "A.example"
        };
        let mut reply = with_addresses(query, &[]);
        reply.answers.push(Record::alias(asked, name(target), 60));
        Act::Reply(reply)
    });
    assert_eq!(ran.error(), LookupError::ServerMisbehaving);
    assert_eq!(ran.asked.len(), 2);
}

#[test]
fn rfc7686_01_an_alias_does_not_lead_under_onion() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, query| {
        let mut reply = with_addresses(query, &[]);
        reply
            .answers
            .push(Record::alias(asks_for(query).0, name("x.onion"), 60));
        Act::Reply(reply)
    });
    assert_eq!(ran.error(), LookupError::NotFound);
    assert_eq!(ran.asked.len(), 1);
}

#[test]
fn rfc2181_02_records_of_other_names_are_not_used() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, query| {
        let mut reply = with_addresses(query, &["192.0.2.1"]);
        for foreign in [
            "evil.example",
            "example",
            "www.example.org",
            "a.www.example",
        ] {
            let record = Record::address(name(foreign), ip("192.0.2.66"), 60);
            reply.answers.insert(0, record);
        }
        Act::Reply(reply)
    });
    assert_eq!(ran.addresses(), ["192.0.2.1"]);
}

#[test]
fn bad_38_foreign_records_alone_are_no_answer() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, query| {
        let mut reply = with_addresses(query, &[]);
        let foreign = Record::address(name("evil.example"), ip("192.0.2.66"), 60);
        let alias = Record::alias(name("evil.example"), name("www.example"), 60);
        let mut chaos = Record::address(name("www.example"), ip("192.0.2.67"), 60);
        chaos.class = Class(3);
        let other_family = Record::address(name("www.example"), ip("2001:db8::66"), 60);
        let mut chaos_alias = Record::alias(name("www.example"), name("evil.example"), 60);
        chaos_alias.class = Class(3);
        reply.answers = vec![foreign, alias, chaos, chaos_alias, other_family];
        Act::Reply(reply)
    });
    assert_eq!(ran.error(), LookupError::NotFound);
    // The right name in another case is the right name.
    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, query| {
        let mut reply = with_addresses(query, &[]);
        reply
            .answers
            .push(Record::address(name("WWW.eXample"), ip("192.0.2.1"), 60));
        Act::Reply(reply)
    });
    assert_eq!(ran.addresses(), ["192.0.2.1"]);
}

#[test]
fn an_address_told_twice_is_one_address() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, query| {
        Act::Reply(with_addresses(
            query,
            &["192.0.2.2", "192.0.2.1", "192.0.2.2"],
        ))
    });
    assert_eq!(ran.addresses(), ["192.0.2.2", "192.0.2.1"]);
}
