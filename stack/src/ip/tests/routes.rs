use super::*;

fn add_route(host: &mut Host, destination: &str, prefix_bits: u8, source: Option<&str>) {
    host.ip
        .add_route(Route {
            destination: ip(destination),
            prefix_bits,
            source: source.map(ip),
        })
        .unwrap();
}

fn add_address(host: &mut Host, address: &str, prefix_bits: u8) -> Result<(), CallRefused> {
    host.ip.add_address(InterfaceAddress {
        address: ip(address),
        prefix_bits,
    })
}

fn source(host: &Host, destination: &str) -> Result<IpAddr, CallRefused> {
    host.ip.route(ip(destination), None).map(|path| path.source)
}

#[test]
fn without_a_route_only_our_own_networks_can_be_reached() {
    let mut host = Host::new();
    assert_eq!(source(&host, "192.0.2.77"), Ok(US_V4.into()));
    assert_eq!(source(&host, "2001:db8::77"), Ok(US_V6.into()));
    assert_eq!(source(&host, "198.51.100.1"), Err(CallRefused::NoRoute));
    assert_eq!(source(&host, "2001:db8:1::1"), Err(CallRefused::NoRoute));
    assert_eq!(source(&host, "0.0.0.0"), Err(CallRefused::NoRoute));
    add_route(&mut host, "0.0.0.0", 0, None);
    assert_eq!(source(&host, "198.51.100.1"), Ok(US_V4.into()));
    assert_eq!(source(&host, "2001:db8:1::1"), Err(CallRefused::NoRoute));
}

#[test]
fn the_longest_prefix_wins() {
    let mut host = Host::new();
    add_address(&mut host, "10.0.0.1", 8).unwrap();
    add_route(&mut host, "0.0.0.0", 0, Some("10.0.0.1"));
    add_route(&mut host, "198.51.100.0", 24, Some("192.0.2.1"));
    add_route(&mut host, "198.51.100.128", 25, Some("10.0.0.1"));
    add_route(&mut host, "198.51.100.200", 32, Some("192.0.2.1"));
    let sources = [
        "203.0.113.1",
        "198.51.100.1",
        "198.51.100.129",
        "198.51.100.200",
    ]
    .map(|destination| source(&host, destination).unwrap());
    let [a, b] = ["10.0.0.1", "192.0.2.1"].map(ip);
    assert_eq!(sources, [a, b, a, b]);
    // A route is replaced by one with the same prefix, however its address is written.
    add_route(&mut host, "198.51.100.77", 24, Some("10.0.0.1"));
    assert_eq!(source(&host, "198.51.100.1"), Ok(a));
    // A preferred source that is gone is no longer preferred.
    host.ip.remove_address(a).unwrap();
    assert_eq!(source(&host, "203.0.113.1"), Ok(b));
}

#[test]
fn rfc1122_18_a_source_that_was_chosen_is_kept() {
    let mut host = Host::new();
    add_address(&mut host, "192.0.2.9", 24).unwrap();
    let chosen = host
        .ip
        .route(ip("192.0.2.77"), Some(ip("192.0.2.9")))
        .unwrap();
    assert_eq!(chosen.source, ip("192.0.2.9"));
    let route = |destination: &str, source: &str| {
        host.ip
            .route(ip(destination), Some(ip(source)))
            .map(|path| path.source)
    };
    assert_eq!(
        route("192.0.2.77", "192.0.2.8"),
        Err(CallRefused::AddressNotOurs)
    );
    assert_eq!(
        route("192.0.2.77", "2001:db8::1"),
        Err(CallRefused::FamilyMismatch)
    );
    // RFC 1122 §3.2.1.3(g): loopback never leaves the host.
    assert_eq!(
        route("192.0.2.77", "127.0.0.1"),
        Err(CallRefused::AddressNotOurs)
    );
    assert_eq!(route("127.0.0.1", "192.0.2.1"), Ok(US_V4.into()));
}

#[test]
fn bad_17_what_is_ours_goes_to_ourselves() {
    let host = Host::new();
    for (destination, expected) in [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1.2.3", "127.1.2.3"),
        ("::1", "::1"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
    ] {
        let path = host.ip.route(ip(destination), None).unwrap();
        assert_eq!(path.way, Way::Loopback);
        assert_eq!(path.source, ip(expected));
        assert_eq!(path.path_mtu_octets, 65_535);
    }
    let path = host.ip.route(PEER_V4.into(), None).unwrap();
    assert_eq!((path.way, path.path_mtu_octets), (Way::Device, 1_500));
}

#[test]
fn a_network_can_be_reached_until_its_last_address_is_gone() {
    let mut host = Host::new();
    add_address(&mut host, "198.51.100.1", 24).unwrap();
    add_address(&mut host, "198.51.100.2", 24).unwrap();
    add_address(&mut host, "198.51.100.2", 24).unwrap();
    host.ip.remove_address(ip("198.51.100.1")).unwrap();
    assert_eq!(source(&host, "198.51.100.9"), Ok(ip("198.51.100.2")));
    host.ip.remove_address(ip("198.51.100.2")).unwrap();
    assert_eq!(source(&host, "198.51.100.9"), Err(CallRefused::NoRoute));
    assert_eq!(
        host.ip.remove_address(ip("198.51.100.2")),
        Err(CallRefused::AddressNotOurs)
    );
    assert!(!host.ip.is_ours(ip("198.51.100.2")));
}

#[test]
fn addresses_that_no_host_can_have_are_refused() {
    let mut host = Host::new();
    for (address, prefix_bits) in [
        ("224.0.0.1", 32),
        ("255.255.255.255", 32),
        ("0.0.0.0", 8),
        ("127.0.0.2", 8),
        ("198.51.100.255", 24),
        ("198.51.100.0", 24),
        ("198.51.100.1", 33),
        ("ff02::1", 128),
        ("::", 128),
        ("::1", 128),
        ("::ffff:192.0.2.1", 128),
        ("2001:db8::9", 129),
    ] {
        let refused = add_address(&mut host, address, prefix_bits);
        assert_eq!(
            refused,
            Err(CallRefused::Invalid),
            "{address}/{prefix_bits}"
        );
    }
    assert_eq!(
        add_address(&mut host, "192.0.2.1", 25),
        Err(CallRefused::AddressInUse)
    );
    // A network of two has no broadcast address (RFC 3021).
    assert_eq!(add_address(&mut host, "198.51.100.0", 31), Ok(()));
    assert_eq!(
        host.ip.remove_address(ip("127.0.0.1")),
        Err(CallRefused::Invalid)
    );
}

#[test]
fn addresses_and_routes_have_their_limits() {
    let mut host = Host::with(Config {
        addresses_max: 5,
        routes_max: 2,
        ..Config::default()
    });
    assert_eq!(add_address(&mut host, "192.0.2.5", 24), Ok(()));
    assert_eq!(
        add_address(&mut host, "192.0.2.6", 24),
        Err(CallRefused::LimitReached)
    );
    add_route(&mut host, "10.0.0.0", 8, None);
    add_route(&mut host, "11.0.0.0", 8, None);
    let third = Route {
        destination: ip("12.0.0.0"),
        prefix_bits: 8,
        source: None,
    };
    assert_eq!(host.ip.add_route(third), Err(CallRefused::LimitReached));
    // Replacing one is no addition.
    add_route(&mut host, "10.0.0.0", 8, None);
    let not_ours = Route {
        source: Some(ip("10.0.0.1")),
        ..third
    };
    assert_eq!(
        host.ip.add_route(not_ours),
        Err(CallRefused::AddressNotOurs)
    );
    let mixed = Route {
        source: Some(ip("2001:db8::1")),
        ..third
    };
    assert_eq!(host.ip.add_route(mixed), Err(CallRefused::FamilyMismatch));
    let long = Route {
        prefix_bits: 33,
        ..third
    };
    assert_eq!(host.ip.add_route(long), Err(CallRefused::Invalid));
}

#[test]
fn rfc8200_14_ipv6_needs_an_mtu_of_1280() {
    let mut host = Host::new();
    assert_eq!(host.ip.set_mtu(1_279), Err(CallRefused::Invalid));
    assert_eq!(host.ip.set_mtu(1_280), Ok(()));
    assert_eq!(
        host.ip.route(PEER_V4.into(), None).unwrap().link_mtu_octets,
        1_280
    );
    host.ip.remove_address(US_V6.into()).unwrap();
    assert_eq!(host.ip.set_mtu(67), Err(CallRefused::Invalid));
    assert_eq!(host.ip.set_mtu(68), Ok(()));
    assert_eq!(
        add_address(&mut host, "2001:db8::1", 64),
        Err(CallRefused::Invalid)
    );
}

#[test]
fn rfc1191_01_a_learned_path_mtu_is_part_of_the_path_and_observed() {
    let mut host = Host::new();
    let mut cx = host.around.at(START);
    assert_eq!(
        host.ip
            .path_mtu_learned(&mut cx, PEER_V4.into(), 1_400, 1_500),
        Some(1_400)
    );
    assert_eq!(
        host.ip
            .path_mtu_learned(&mut cx, PEER_V4.into(), 1_400, 1_500),
        None
    );
    assert_eq!(
        host.ip
            .path_mtu_learned(&mut cx, PEER_V6.into(), 1_279, 1_500),
        None
    );
    let path = host.ip.route(PEER_V4.into(), None).unwrap();
    assert_eq!((path.path_mtu_octets, path.link_mtu_octets), (1_400, 1_500));
    assert_eq!(
        host.ip
            .route(ip("192.0.2.3"), None)
            .unwrap()
            .path_mtu_octets,
        1_500
    );
    let told = Observation::PathMtuChanged {
        destination: PEER_V4.into(),
        mtu_octets: 1_400,
    };
    assert_eq!(host.around.log.take(), Some((START, told)));
    let deadline = host.ip.next_deadline().unwrap();
    let mut cx = host.around.at(deadline);
    host.ip.time_passes(&mut cx);
    assert_eq!(
        host.ip.route(PEER_V4.into(), None).unwrap().path_mtu_octets,
        1_500
    );
}

#[test]
fn the_link_needs_no_route_for_its_broadcast_and_groups() {
    let host = Host::new();
    let groups = ["224.0.0.5", "239.1.2.3", "ff02::fb", "ff0e::fb"];
    for destination in groups.into_iter().chain(["255.255.255.255"]) {
        assert!(source(&host, destination).is_ok(), "{destination}");
    }
    assert_eq!(source(&host, "2001:db8:9::fb"), Err(CallRefused::NoRoute));
    assert_eq!(host.ip.cast_of(ip("192.0.2.255")), Cast::Broadcast);
}

#[test]
fn destinations_are_sorted_by_what_we_can_reach() {
    let mut host = Host::new();
    let mut list = [
        "2001:db8:9::1",
        "198.51.100.1",
        "192.0.2.8",
        "2001:db8::8",
        "127.0.0.1",
    ]
    .map(ip);
    host.ip.sort_destinations(&mut list);
    // 127.0.0.1 has the smaller scope; what has no route comes last, in its own order.
    let expected = [
        "2001:db8::8",
        "127.0.0.1",
        "192.0.2.8",
        "2001:db8:9::1",
        "198.51.100.1",
    ]
    .map(ip);
    assert_eq!(list, expected);
    let mut rows = source_address::DEFAULT_POLICIES;
    rows[2].precedence = 100;
    host.ip.set_policies(&rows).unwrap();
    host.ip.sort_destinations(&mut list);
    assert_eq!(list[..3], ["127.0.0.1", "192.0.2.8", "2001:db8::8"].map(ip));
}

#[test]
fn a_route_that_was_added_can_be_removed_and_the_network_of_an_address_stays() {
    let mut host = Host::new();
    let far = ip("198.51.100.7");
    let route = Route {
        destination: ip("198.51.100.0"),
        prefix_bits: 24,
        source: None,
    };
    host.ip.add_route(route).unwrap();
    assert!(host.ip.route(far, None).is_ok());
    host.ip.remove_route(far, 24).unwrap();
    assert_eq!(host.ip.route(far, None), Err(CallRefused::NoRoute));
    assert_eq!(host.ip.remove_route(far, 24), Err(CallRefused::NoSuchEntry));
    assert_eq!(host.ip.remove_route(far, 33), Err(CallRefused::Invalid));
    // The network of 192.0.2.1/24 is there because of the address, added route or not.
    let near = ip("192.0.2.0");
    assert_eq!(
        host.ip.remove_route(near, 24),
        Err(CallRefused::NoSuchEntry)
    );
    host.ip
        .add_route(Route {
            destination: near,
            ..route
        })
        .unwrap();
    host.ip.remove_route(near, 24).unwrap();
    assert!(host.ip.route(ip("192.0.2.9"), None).is_ok());
}

#[test]
fn routes_that_were_removed_make_room_for_others() {
    let config = Config {
        routes_max: 2,
        ..Config::default()
    };
    let mut host = Host::with(config);
    let route = |third| Route {
        destination: IpAddr::from([198, 51, third, 0]),
        prefix_bits: 24,
        source: None,
    };
    for third in 0..10 {
        host.ip.add_route(route(third)).unwrap();
        host.ip.add_route(route(third + 10)).unwrap();
        assert_eq!(host.ip.add_route(route(30)), Err(CallRefused::LimitReached));
        host.ip.remove_route(route(third).destination, 24).unwrap();
        host.ip
            .remove_route(route(third + 10).destination, 24)
            .unwrap();
    }
}

#[test]
fn a_policy_table_that_makes_no_sense_is_refused() {
    let mut host = Host::new();
    let row = source_address::DEFAULT_POLICIES[0];
    assert!(host.ip.set_policies(&[row; 256]).is_ok());
    assert_eq!(
        host.ip.set_policies(&[row; 257]),
        Err(CallRefused::LimitReached)
    );
    let too_long = source_address::Policy {
        prefix_bits: 129,
        ..row
    };
    assert_eq!(host.ip.set_policies(&[too_long]), Err(CallRefused::Invalid));
}
