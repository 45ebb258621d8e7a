//! The options of resolv.conf and of Go's `Resolver`: rotate, single-request, use-vc, strict errors.

use super::*;

#[test]
fn rotate_begins_each_query_with_the_next_server() {
    let mut settings = settings(&[SERVER_1, SERVER_2, SERVER_3]);
    settings.rotate = true;
    let mut world = World::new(&settings);
    for first in [SERVER_1, SERVER_2, SERVER_3, SERVER_1] {
        world.look_up("www.example", Families::V4);
        let ran = world.run(|_, query| Act::Reply(with_addresses(query, &["192.0.2.1"])));
        assert_eq!(ran.asked, [alloc::format!("{first} udp A www.example.")]);
    }
    // From there on, all of them have their turn.
    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, _| Act::Break);
    let servers: Vec<_> = ran
        .asked
        .iter()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(
        servers,
        [SERVER_2, SERVER_3, SERVER_1, SERVER_2, SERVER_3, SERVER_1]
    );
}

#[test]
fn single_request_asks_for_aaaa_when_a_has_ended() {
    let mut settings = settings(&[SERVER_1]);
    settings.single_request = true;
    let mut world = World::new(&settings);
    world.look_up("www.example", Families::Both);
    let first = world.only_transmit();
    assert_eq!(asks_for(&query_in(&first)).1, RecordType::A);
    let reply = with_addresses(&query_in(&first), &["192.0.2.1"]);
    world.reply(&first, &reply);
    let second = world.only_transmit();
    assert_eq!(asks_for(&query_in(&second)).1, RecordType::AAAA);
    let reply = with_addresses(&query_in(&second), &["2001:db8::1"]);
    world.reply(&second, &reply);
    let answer = world.answer().expect("an answer");
    assert_eq!(
        addresses_in(&answer),
        Ok(vec![ip("192.0.2.1"), ip("2001:db8::1")])
    );
    // A failure makes room as well.
    world.look_up("www.example", Families::Both);
    let ran = world.run(|_, query| match asks_for(query).1 {
        RecordType::A => Act::Silence,
        _ => Act::Reply(with_addresses(query, &["2001:db8::1"])),
    });
    assert_eq!(ran.addresses(), ["2001:db8::1"]);
}

#[test]
fn single_request_goes_through_the_search_list_name_by_name() {
    let mut settings = settings(&[SERVER_1]);
    settings.single_request = true;
    settings.search = vec!["a.example".into()];
    let mut world = World::new(&settings);
    world.look_up("host", Families::Both);
    let ran = world.run(|_, query| Act::Reply(with_rcode(query, Rcode::NAME_ERROR)));
    assert_eq!(
        ran.asked,
        [
            "192.0.2.53:53 udp A host.a.example.",
            "192.0.2.53:53 udp AAAA host.a.example.",
            "192.0.2.53:53 udp A host.",
            "192.0.2.53:53 udp AAAA host.",
        ]
    );
}

#[test]
fn use_vc_never_sends_a_datagram() {
    let mut settings = settings(&[SERVER_1, SERVER_2]);
    settings.use_vc = true;
    let mut world = World::new(&settings);
    world.look_up("www.example", Families::Both);
    let ran = world.run(|transmit, query| {
        assert_eq!(transmit.transport, Transport::Tcp);
        if transmit.server == at(SERVER_1) {
            Act::Break
        } else {
            Act::Reply(with_addresses(query, &["192.0.2.1", "2001:db8::1"]))
        }
    });
    assert_eq!(ran.addresses().len(), 2);
}

#[test]
fn trust_ad_sets_the_bit_in_queries() {
    for trust_ad in [true, false] {
        let mut settings = settings(&[SERVER_1]);
        settings.trust_ad = trust_ad;
        let mut world = World::new(&settings);
        world.look_up("www.example", Families::V4);
        let query = query_in(&world.only_transmit());
        assert_eq!(query.header.authentic_data, trust_ad);
    }
}

/// A answers; AAAA fails in this way.
fn half_failing(strict: bool, act: fn(&Message) -> Act) -> Ran {
    let mut settings = settings(&[SERVER_1]);
    settings.strict_errors = strict;
    let mut world = World::new(&settings);
    world.look_up("www.example", Families::Both);
    world.run(|_, query| match asks_for(query).1 {
        RecordType::A => Act::Reply(with_addresses(query, &["192.0.2.1"])),
        _ => act(query),
    })
}

#[test]
fn strict_errors_make_a_partial_failure_a_failure() {
    let servfail = |query: &Message| Act::Reply(with_rcode(query, Rcode::SERVER_FAILURE));
    let silence = |_: &Message| Act::Silence;
    let broken = |_: &Message| Act::Break;
    let refused = |query: &Message| Act::Reply(with_rcode(query, Rcode::REFUSED));
    let denied = |query: &Message| Act::Reply(with_rcode(query, Rcode::NAME_ERROR));
    for act in [servfail, silence, broken, refused, denied] {
        assert_eq!(half_failing(false, act).addresses(), ["192.0.2.1"]);
    }
    let ran = half_failing(true, servfail);
    assert_eq!(ran.error(), LookupError::ServerFailed);
    assert_eq!(half_failing(true, silence).error(), LookupError::TimedOut);
    assert_eq!(half_failing(true, broken).error(), LookupError::NoServer);
    // These are no temporary failures.
    assert_eq!(half_failing(true, refused).addresses(), ["192.0.2.1"]);
    assert_eq!(half_failing(true, denied).addresses(), ["192.0.2.1"]);
}

#[test]
fn strict_errors_end_the_search_with_the_first_temporary_failure() {
    for (strict, names) in [(true, 1), (false, 2)] {
        for question in [Question::Addresses(Families::V4), Question::Texts] {
            let mut settings = settings(&[SERVER_1]);
            settings.strict_errors = strict;
            settings.search = vec!["a.example".into()];
            let mut world = World::new(&settings);
            world.ask("host", question);
            let ran = world.run(|_, _| Act::Silence);
            // Two attempts for each name.
            assert_eq!(ran.asked.len(), 2 * names);
            assert_eq!(ran.error(), LookupError::TimedOut);
        }
    }
}
