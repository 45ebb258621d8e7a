//! With a cache, what was said is not asked again until its time is over.

use super::*;
use crate::call::CacheSettings;
use crate::wire::dns_message::{Class, Data, StartOfAuthority};

fn caching() -> World {
    World::new(&ResolverSettings {
        cache: Some(CacheSettings::default()),
        search: vec!["search.example".into()],
        ..settings(&[SERVER_1])
    })
}

/// A denial for so many seconds.
fn denied(query: &Message, rcode: Rcode, zone: &str, ttl_s: u32, minimum: u32) -> Message {
    let mut reply = with_rcode(query, rcode);
    reply.authorities.push(Record {
        name: name(zone),
        record_type: RecordType::SOA,
        class: Class::IN,
        ttl_s,
        data: Data::StartOfAuthority(StartOfAuthority {
            primary: name("ns.example"),
            mailbox: name("post.example"),
            numbers: [1, 2, 3, 4, minimum],
        }),
    });
    reply
}

/// How many queries a look-up needs.
fn queries(
    world: &mut World,
    name: &str,
    question: Question,
    mut script: impl FnMut(&Message) -> Message,
) -> usize {
    world.ask(name, question);
    let ran = world.run(|_, query| Act::Reply(script(query)));
    ran.asked.len()
}

#[test]
fn without_a_cache_everything_is_asked_again() {
    let mut world = World::new(&settings(&[SERVER_1]));
    let question = Question::Addresses(Families::Both);
    for _ in 0..2 {
        let asked = queries(&mut world, "www.example.", question, |query| {
            with_addresses(query, &["192.0.2.1", "2001:db8::1"])
        });
        assert_eq!(asked, 2);
    }
    assert_eq!(world.dns.cached_answers(), 0);
}

#[test]
fn an_answer_is_told_again_until_its_ttl_is_over() {
    let mut world = caching();
    let question = Question::Addresses(Families::V4);
    let script = |query: &Message| with_addresses(query, &["192.0.2.1"]);
    assert_eq!(queries(&mut world, "www.example.", question, script), 1);
    world.advance(Duration::from_secs(59));
    world.ask("WWW.example.", question);
    let answer = world.answer().expect("at once");
    assert_eq!(addresses_in(&answer), Ok(vec![ip("192.0.2.1")]));
    assert_eq!(answer.server.as_deref(), Some(SERVER_1));
    world.advance(Duration::from_secs(1));
    assert_eq!(queries(&mut world, "www.example.", question, script), 1);
}

#[test]
fn the_least_ttl_of_aliases_and_records_counts() {
    for (alias_ttl_s, ttl_s) in [(10, 60), (60, 10)] {
        let mut world = caching();
        let question = Question::Addresses(Families::V4);
        let script = |query: &Message| {
            let mut reply = with_addresses(query, &[]);
            let (asked, _) = asks_for(query);
            let target = name("cdn.example");
            reply.answers = vec![
                Record::alias(asked, target.clone(), alias_ttl_s),
                Record::address(target, ip("192.0.2.1"), ttl_s),
            ];
            reply
        };
        assert_eq!(queries(&mut world, "www.example.", question, script), 1);
        world.advance(Duration::from_secs(9));
        assert_eq!(queries(&mut world, "www.example.", question, script), 0);
        world.advance(Duration::from_secs(1));
        assert_eq!(queries(&mut world, "www.example.", question, script), 1);
    }
}

#[test]
fn rfc2308_01_a_denied_name_is_not_asked_for_until_the_soa_minimum() {
    // The lesser of the SOA's own TTL and its MINIMUM (RFC 2308 §5).
    for (ttl_s, minimum) in [(3_600, 60), (60, 3_600)] {
        let mut world = caching();
        let script = |query: &Message| denied(query, Rcode::NAME_ERROR, "example", ttl_s, minimum);
        let question = Question::Addresses(Families::V4);
        assert_eq!(queries(&mut world, "www.example.", question, script), 1);
        world.advance(Duration::from_secs(59));
        assert_eq!(queries(&mut world, "www.example.", question, script), 0);
        // The name has no records of any other type either.
        assert_eq!(
            queries(&mut world, "www.example.", Question::Texts, script),
            0
        );
        world.advance(Duration::from_secs(1));
        assert_eq!(queries(&mut world, "www.example.", question, script), 1);
    }
}

#[test]
fn rfc2308_01_missing_data_is_kept_for_its_type_alone() {
    let mut world = caching();
    let script = |query: &Message| denied(query, Rcode::NO_ERROR, "example", 60, 60);
    let question = Question::Addresses(Families::V4);
    assert_eq!(queries(&mut world, "www.example.", question, script), 1);
    assert_eq!(queries(&mut world, "www.example.", question, script), 0);
    assert_eq!(
        queries(&mut world, "www.example.", Question::Texts, script),
        1
    );
}

#[test]
fn rfc2308_01_a_denial_without_soa_or_with_a_foreign_one_is_not_kept() {
    let question = Question::Addresses(Families::V4);
    for zone in [None, Some("example.org"), Some("a.www.example")] {
        let mut world = caching();
        let script = |query: &Message| match zone {
            None => with_rcode(query, Rcode::NAME_ERROR),
            Some(zone) => denied(query, Rcode::NAME_ERROR, zone, 60, 60),
        };
        for _ in 0..2 {
            assert_eq!(queries(&mut world, "www.example.", question, script), 1);
        }
    }
}

#[test]
fn failures_are_not_kept() {
    let mut world = caching();
    let question = Question::Addresses(Families::V4);
    let script = |query: &Message| with_rcode(query, Rcode::SERVER_FAILURE);
    for _ in 0..2 {
        assert_eq!(queries(&mut world, "www.example.", question, script), 2);
    }
    assert_eq!(world.dns.cached_answers(), 0);
}

#[test]
fn every_name_of_the_search_list_is_kept_by_itself() {
    let mut world = caching();
    let question = Question::Addresses(Families::Both);
    let script = |query: &Message| {
        if asks_for(query).0 == name("host.search.example") {
            denied(query, Rcode::NAME_ERROR, "example", 60, 60)
        } else {
            with_addresses(query, &["192.0.2.1", "2001:db8::1"])
        }
    };
    assert_eq!(queries(&mut world, "host", question, script), 4);
    assert_eq!(queries(&mut world, "host", question, script), 0);
    assert_eq!(queries(&mut world, "host.", question, script), 0);
}

#[test]
fn other_servers_begin_with_nothing_and_the_same_ones_with_what_is_kept() {
    let mut world = caching();
    let question = Question::Addresses(Families::V4);
    let script = |query: &Message| with_addresses(query, &["192.0.2.1"]);
    assert_eq!(queries(&mut world, "www.example.", question, script), 1);
    let config = Config::default();
    let mut settings = ResolverSettings {
        cache: Some(CacheSettings::default()),
        ..settings(&[SERVER_1])
    };
    settings.hosts = "192.0.2.9 other".into();
    world.dns.set(&settings, &config).expect("settings");
    assert_eq!(queries(&mut world, "www.example.", question, script), 0);
    settings.servers = vec![at(SERVER_2)];
    world.dns.set(&settings, &config).expect("settings");
    assert_eq!(queries(&mut world, "www.example.", question, script), 1);
}

#[test]
fn a_flood_of_names_stays_within_the_limits() {
    let limits = CacheSettings {
        entries_max: 50,
        octets_max: 20_000,
        ..CacheSettings::default()
    };
    let mut world = World::new(&ResolverSettings {
        cache: Some(limits),
        ..settings(&[SERVER_1])
    });
    let question = Question::Addresses(Families::V4);
    for number in 0..500 {
        let host = alloc::format!("host{number}.example.");
        queries(&mut world, &host, question, |query| {
            with_addresses(query, &["192.0.2.1"])
        });
        assert!(world.dns.cached_answers() <= 50);
        assert!(world.dns.cached_octets() <= 20_000);
    }
}
