//! What needs no packet, and in which order names are tried.

use super::*;

/// Looks a name up that must not cause any query.
fn without_a_packet(settings: &ResolverSettings, name: &str) -> Result<Vec<IpAddr>, LookupError> {
    let mut world = World::new(settings);
    let lookup = world.look_up(name, Families::Both);
    assert!(world.next_transmit().is_none(), "{name}");
    let answer = world.answer().expect("an answer at once");
    assert_eq!((answer.lookup, &answer.server), (lookup, &None));
    assert_eq!(world.dns.next_deadline(), None);
    addresses_in(&answer)
}

/// All names that are asked for if none exists.
fn tried(settings: &ResolverSettings, name: &str) -> Vec<String> {
    let mut world = World::new(settings);
    world.look_up(name, Families::V4);
    let ran = world.run(|_, query| Act::Reply(with_rcode(query, Rcode::NAME_ERROR)));
    assert_eq!(ran.error(), LookupError::NotFound);
    let names = ran.asked.iter().filter_map(|line| line.split(' ').nth(3));
    names.map(String::from).collect()
}

fn searching(domains: &[&str], ndots: u8) -> ResolverSettings {
    ResolverSettings {
        search: domains.iter().map(|domain| String::from(*domain)).collect(),
        ndots,
        ..settings(&[SERVER_1])
    }
}

#[test]
fn literals_are_their_own_answer() {
    for (text, address) in [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ] {
        let found = without_a_packet(&settings(&[SERVER_1]), text);
        assert_eq!(found, Ok(vec![ip(address)]), "{text}");
    }
}

#[test]
fn a_literal_of_the_other_family_is_not_found() {
    for (text, families) in [("::1", Families::V4), ("192.0.2.1", Families::V6)] {
        let mut world = World::new(&settings(&[SERVER_1]));
        world.look_up(text, families);
        let answer = world.answer().expect("an answer");
        assert_eq!(answer.result, Err(LookupError::NotFound));
    }
}

#[test]
fn what_is_no_name_is_not_found_without_a_packet() {
    let long_label = "a".repeat(64);
    let long_name = ["a".repeat(63).as_str(); 4].join(".");
    for text in [
        "",
        " ",
        "a b",
        "127.1",
        "0127.0.0.1",
        "1.2.3",
        "..",
        ".a",
        "a..b",
        "-a",
        "[::1]",
        "a:80",
        "::1%",
        &long_label,
        &long_name,
    ] {
        let found = without_a_packet(&searching(&["example.org"], 1), text);
        assert_eq!(found, Err(LookupError::NameInvalid), "{text:?}");
    }
    assert_eq!(
        LookupError::NameInvalid.to_string(),
        LookupError::NotFound.to_string()
    );
}

#[test]
fn rfc6761_01_localhost_is_loopback_without_a_packet() {
    let loopback = Ok(vec![ip("::1"), ip("127.0.0.1")]);
    for name in ["localhost", "LOCALHOST.", "a.localhost", "a.b.Localhost."] {
        // Not even the hosts file can change it.
        let mut settings = searching(&["example.org"], 1);
        settings.hosts = "192.0.2.1 localhost a.localhost".into();
        assert_eq!(without_a_packet(&settings, name), loopback, "{name}");
    }
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("localhost", Families::V4);
    let answer = world.answer().expect("an answer");
    assert_eq!(addresses_in(&answer), Ok(vec![ip("127.0.0.1")]));
}

#[test]
fn rfc6761_02_names_under_invalid_are_denied_without_a_packet() {
    for name in ["x.invalid", "X.INVALID."] {
        let found = without_a_packet(&searching(&["example.org"], 1), name);
        assert_eq!(found, Err(LookupError::NotFound));
    }
}

#[test]
fn rfc6761_03_test_and_example_names_are_asked_for() {
    for name in [
        "a.test",
        "a.example",
        "example.com",
        "invalid.example",
        "onion.example",
    ] {
        assert_eq!(
            tried(&settings(&[SERVER_1]), name),
            [name.to_string() + "."]
        );
    }
}

#[test]
fn rfc7686_01_names_under_onion_never_leave() {
    for name in ["x.onion", "a.b.Onion."] {
        let mut settings = searching(&["example.org", "onion"], 5);
        settings.hosts = "192.0.2.1 x.onion".into();
        assert_eq!(
            without_a_packet(&settings, name),
            Err(LookupError::NotFound)
        );
    }
    // Nor does the search list make one.
    assert_eq!(tried(&searching(&["onion", "x.onion"], 1), "a"), ["a."]);
}

#[test]
fn rfc6762_01_names_under_local_are_not_for_unicast_servers() {
    let mut settings = searching(&["example.org", "local"], 1);
    assert_eq!(
        without_a_packet(&settings, "printer.local"),
        Err(LookupError::NotFound)
    );
    settings.hosts = "192.0.2.9 printer.local".into();
    assert_eq!(
        without_a_packet(&settings, "Printer.LOCAL."),
        Ok(vec![ip("192.0.2.9")])
    );
    assert_eq!(tried(&settings, "a"), ["a.example.org.", "a."]);
}

#[test]
fn the_hosts_file_comes_before_all_servers() {
    let mut settings = searching(&["example.org"], 1);
    settings.hosts = "192.0.2.9 server\n2001:db8::9 server".into();
    assert_eq!(
        without_a_packet(&settings, "SERVER"),
        Ok(vec![ip("192.0.2.9"), ip("2001:db8::9")])
    );
    settings.hosts = "192.0.2.9 server".into();
    let mut world = World::new(&settings);
    world.look_up("server", Families::V6);
    let answer = world.answer().expect("an answer");
    assert_eq!(answer.result, Err(LookupError::NotFound));
}

#[test]
fn without_a_server_nobody_is_asked() {
    let nobody = settings(&[]);
    assert_eq!(
        without_a_packet(&nobody, "www.example"),
        Err(LookupError::NoServer)
    );
    assert_eq!(
        without_a_packet(&nobody, "192.0.2.1"),
        Ok(vec![ip("192.0.2.1")])
    );
}

#[test]
fn ndots_decides_whether_the_search_list_comes_first() {
    let domains = ["example.org", "example.net."];
    for (name, ndots, order) in [
        ("a", 0, ["a.", "a.example.org.", "a.example.net."]),
        ("a", 1, ["a.example.org.", "a.example.net.", "a."]),
        ("a.b", 1, ["a.b.", "a.b.example.org.", "a.b.example.net."]),
        ("a.b", 2, ["a.b.example.org.", "a.b.example.net.", "a.b."]),
        // More than 15 counts as 15.
        (
            "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.x",
            99,
            [
                "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.x.",
                "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.x.example.org.",
                "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.x.example.net.",
            ],
        ),
    ] {
        assert_eq!(tried(&searching(&domains, ndots), name), order);
    }
}

#[test]
fn a_dot_at_the_end_keeps_the_search_list_out() {
    assert_eq!(tried(&searching(&["example.org"], 5), "a."), ["a."]);
}

#[test]
fn domains_that_are_no_names_or_too_long_are_passed_over() {
    let long = [
        "a".repeat(63).as_str(),
        &"a".repeat(63),
        &"a".repeat(63),
        &"a".repeat(60),
    ]
    .join(".");
    let domains = ["", ".", "a..b", &long, "good.example"];
    assert_eq!(
        tried(&searching(&domains, 1), "a"),
        ["a.good.example.", "a."]
    );
}

#[test]
fn the_search_ends_with_the_first_name_that_has_an_address() {
    let mut world = World::new(&searching(&["a.example", "b.example", "c.example"], 1));
    world.look_up("host", Families::Both);
    let ran = world.run(|_, query| {
        let (asked, kind) = asks_for(query);
        Act::Reply(match (asked == name("host.b.example"), kind) {
            (true, RecordType::A) => with_addresses(query, &["192.0.2.1"]),
            // It exists, but has no AAAA.
            (true, _) => with_addresses(query, &[]),
            (false, _) => with_rcode(query, Rcode::NAME_ERROR),
        })
    });
    assert_eq!(ran.addresses(), ["192.0.2.1"]);
    assert_eq!(
        ran.asked,
        [
            "192.0.2.53:53 udp AAAA host.a.example.",
            "192.0.2.53:53 udp A host.a.example.",
            "192.0.2.53:53 udp AAAA host.b.example.",
            "192.0.2.53:53 udp A host.b.example.",
        ]
    );
}

#[test]
fn settings_are_bounded() {
    let config = Config::default();
    let mut dns = Dns::new(&config);
    let mut bad = settings(&[SERVER_1]);
    bad.servers[0].set_port(0);
    assert_eq!(dns.set(&bad, &config), Err(CallRefused::Invalid));
    let mut long = settings(&[SERVER_1]);
    long.hosts = " ".repeat(config.dns_hosts_octets_max as usize + 1);
    assert_eq!(dns.set(&long, &config), Err(CallRefused::LimitReached));
    long.hosts.pop();
    assert_eq!(dns.set(&long, &config), Ok(()));
}

#[test]
fn new_settings_do_not_disturb_a_lookup_that_goes_on() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("a.example", Families::V4);
    let config = Config::default();
    world.dns.set(&settings(&[SERVER_2]), &config).expect("set");
    let ran = world.run(|_, _| Act::Break);
    assert_eq!(ran.asked, ["192.0.2.53:53 udp A a.example."; 2]);
    world.look_up("a.example", Families::V4);
    let ran = world.run(|_, _| Act::Break);
    assert_eq!(ran.asked, ["198.51.100.53:53 udp A a.example."; 2]);
}
