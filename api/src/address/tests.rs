use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sidestep_stack::wire::protocol::Protocol;

use super::service::{protocol_in_file, service_in_file};
use super::*;
use crate::error::{Cause, DNSErrorKind};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("a literal")
}

fn network(text: &str) -> Network {
    Network::parse(text).expect("a network")
}

fn target(net: &str, address: &str) -> Target {
    Target::parse(network(net), address, Purpose::Listen).expect("an address")
}

#[test]
fn addresses_print_as_in_go() {
    let zoned = TCPAddr {
        ip: Some(ip("fe80::1")),
        port: 80,
        zone: "eth0".into(),
    };
    let mapped = TCPAddr {
        ip: Some(ip("::ffff:1.2.3.4")),
        port: 80,
        zone: Zone::NONE,
    };
    let cases = [
        (TCPAddr::default(), ":0"),
        (TCPAddr::new(None, 80), ":80"),
        (TCPAddr::new(ip("::1"), 80), "[::1]:80"),
        (zoned, "[fe80::1%eth0]:80"),
        (mapped, "1.2.3.4:80"),
        (TCPAddr::new(ip("0.0.0.0"), 0), "0.0.0.0:0"),
        (TCPAddr::new(ip("::"), 7), "[::]:7"),
    ];
    for (addr, text) in cases {
        assert_eq!(addr.to_string(), text);
        let udp = UDPAddr {
            ip: addr.ip,
            port: addr.port,
            zone: addr.zone.clone(),
        };
        assert_eq!(udp.to_string(), text);
        let reread: TCPAddr = text.parse().expect("it reads what it prints");
        assert_eq!(reread.to_string(), text);
    }
    let raw = IPAddr {
        ip: Some(ip("fe80::1")),
        zone: "eth0".into(),
    };
    assert_eq!(raw.to_string(), "fe80::1%eth0");
    assert_eq!(IPAddr::default().to_string(), "");
    assert_eq!(NetAddr::from(raw).network(), "ip");
    assert_eq!(NetAddr::from(TCPAddr::default()).network(), "tcp");
    assert_eq!(UDPAddr::default().network(), "udp");
}

#[test]
fn only_literals_are_read_without_a_look_up() {
    assert_eq!(
        "192.0.2.1:80".parse::<TCPAddr>(),
        Ok(TCPAddr::new(ip("192.0.2.1"), 80))
    );
    assert_eq!(
        "a.example:80".parse::<TCPAddr>().map_err(|e| e.to_string()),
        Err("address a.example: not an IP address".into())
    );
    assert_eq!(
        "192.0.2.1:http"
            .parse::<TCPAddr>()
            .map_err(|e| e.to_string()),
        Err("address http: invalid port".into())
    );
    assert!("192.0.2.1:65536".parse::<TCPAddr>().is_err());
    assert!("192.0.2.1:65535".parse::<TCPAddr>().is_ok());
}

#[test]
fn socket_addresses_convert_both_ways() {
    for text in ["192.0.2.1:80", "[2001:db8::1]:80", "[fe80::1%3]:80"] {
        let addr: SocketAddr = text.parse().expect("a literal");
        assert_eq!(SocketAddr::try_from(&TCPAddr::from(addr)), Ok(addr));
        assert_eq!(TCPAddr::from(addr).to_string(), text);
    }
    assert!(SocketAddr::try_from(&TCPAddr::default()).is_err());
    let zoned: UDPAddr = "[fe80::1%eth0]:80".parse().expect("a literal");
    assert!(SocketAddr::try_from(&zoned).is_err());
    let resolved = zoned.to_socket_addr(|name| (name == "eth0").then_some(7));
    assert_eq!(resolved, Ok("[fe80::1%7]:80".parse().expect("a literal")));
}

#[test]
fn a_mapped_address_is_the_ipv4_address() {
    let mapped: SocketAddr = "[::ffff:192.0.2.1]:80".parse().expect("a literal");
    assert_eq!(TCPAddr::from(mapped).ip, Some(ip("192.0.2.1")));
    assert_eq!(parse_ip("::ffff:192.0.2.1"), Some(ip("192.0.2.1")));
}

#[test]
fn split_host_port_takes_what_go_takes() {
    let cases = [
        ("a:1", ("a", "1")),
        (":1", ("", "1")),
        ("a:", ("a", "")),
        ("[::1%lo]:80", ("::1%lo", "80")),
        ("[]:1", ("", "1")),
        (":", ("", "")),
        ("localhost:http", ("localhost", "http")),
    ];
    for (text, parts) in cases {
        assert_eq!(split_host_port(text), Ok(parts), "{text}");
    }
}

#[test]
fn split_host_port_refuses_what_go_refuses_with_its_words() {
    let cases = [
        ("a", "address a: missing port in address"),
        ("[::1]", "address [::1]: missing port in address"),
        ("[a]b:1", "address [a]b:1: missing port in address"),
        ("", "missing port in address"),
        ("::1", "address ::1: too many colons in address"),
        ("a:1:2", "address a:1:2: too many colons in address"),
        ("[a]:1:2", "address [a]:1:2: too many colons in address"),
        ("a[b:1", "address a[b:1: unexpected '[' in address"),
        ("a]b:1", "address a]b:1: unexpected ']' in address"),
        ("[a]:b]", "address [a]:b]: unexpected ']' in address"),
        ("[a]:[b", "address [a]:[b: unexpected '[' in address"),
        ("[[a]:1", "address [[a]:1: unexpected '[' in address"),
        ("[a:1", "address [a:1: missing ']' in address"),
    ];
    for (text, why) in cases {
        let error = split_host_port(text).expect_err(text);
        assert_eq!(error.to_string(), why);
    }
}

#[test]
fn join_host_port_brackets_what_has_colons_or_a_zone() {
    assert_eq!(join_host_port("a", "1"), "a:1");
    assert_eq!(join_host_port("::1", "1"), "[::1]:1");
    assert_eq!(join_host_port("fe80::1%lo", "1"), "[fe80::1%lo]:1");
    assert_eq!(join_host_port("", ""), ":");
}

#[test]
fn parse_ip_is_strict() {
    for bad in [
        "",
        "1.2.3",
        "127.1",
        "01.2.3.4",
        "1.2.3.04",
        "1.2.3.256",
        "0x7f.0.0.1",
        "::1%lo",
        "1::2::3",
        ":::",
        " 1.2.3.4",
        "1.2.3.4 ",
    ] {
        assert_eq!(parse_ip(bad), None, "{bad}");
    }
    assert_eq!(
        parse_ip("2001:DB8:0:0::0001").map(|ip| ip.to_string()),
        Some("2001:db8::1".into())
    );
    assert_eq!(
        parse_ip_zone("fe80::1%eth0"),
        Some((ip("fe80::1"), "eth0".into()))
    );
    assert_eq!(parse_ip_zone("fe80::1%"), None);
    assert_eq!(parse_ip_zone("192.0.2.1%eth0"), None);
}

#[test]
fn networks_are_known_by_goes_names_only() {
    for text in [
        "tcp",
        "tcp4",
        "tcp6",
        "udp",
        "udp4",
        "udp6",
        "unix",
        "unixgram",
        "unixpacket",
    ] {
        assert_eq!(network(text).to_string(), text);
    }
    assert_eq!(
        network("ip4:icmp"),
        Network::IP(Families::V4, Protocol::ICMP_V4)
    );
    assert_eq!(network("ip6:58"), Network::IP(Families::V6, Protocol(58)));
    assert_eq!(network("ip:ICMP").as_str(), "ip");
    for bad in ["", "TCP", "tcp5", "ip", "ip4", "tcp:80", "foo", "ip5:icmp"] {
        let error = Network::parse(bad).expect_err(bad);
        assert_eq!(error.to_string(), format!("unknown network {bad}"));
    }
    assert_eq!(
        Network::parse("ip4:256").map_err(|e| e.to_string()),
        Err("address 256: unknown IP protocol specified".into())
    );
    assert!(Network::parse("ip4:nonsense").is_err());
    assert!(Network::parse("ip4:").is_err());
}

#[test]
fn ports_are_numbers_or_names_of_services() {
    let cases = [
        ("", Some(0)),
        ("0", Some(0)),
        ("-0", Some(0)),
        ("+80", Some(80)),
        ("080", Some(80)),
        ("65535", Some(65_535)),
        ("http", Some(80)),
        ("HTTP", Some(80)),
        ("domain", Some(53)),
        ("-1", None),
        ("65536", None),
        ("99999999999999999999", None),
        ("0x50", None),
        ("no-such-service", None),
    ];
    for (text, port) in cases {
        assert_eq!(lookup_port("tcp", text).ok(), port, "{text}");
        assert_eq!(lookup_port("tcp6", text).ok(), port, "{text}");
    }
    assert_eq!(lookup_port("udp4", "domain"), Ok(53));
    let text = |service| lookup_port("tcp", service).map_err(|e| e.to_string());
    assert_eq!(text("65536"), Err("address 65536: invalid port".into()));
    assert_eq!(text("-1"), Err("address -1: invalid port".into()));
    assert_eq!(text("0x50"), Err("lookup tcp/0x50: unknown port".into()));
    let Err(Cause::DNS(error)) = lookup_port("udp", "no-such-service") else {
        panic!("not a look-up error");
    };
    assert_eq!(error.err, DNSErrorKind::UnknownPort);
    assert!(error.is_not_found);
}

#[test]
fn the_files_of_services_and_protocols_are_read_with_aliases_and_comments() {
    let services =
        "# a comment\nfoo 1234/tcp  bar # baz 1/tcp\nfoo 4321/udp\nbroken\nx 99999/tcp\n";
    let tcp = |of: &str| of == "tcp";
    assert_eq!(service_in_file(services, "foo", tcp), Some(1234));
    assert_eq!(service_in_file(services, "BAR", tcp), Some(1234));
    assert_eq!(
        service_in_file(services, "foo", |of| of == "udp"),
        Some(4321)
    );
    assert_eq!(service_in_file(services, "baz", tcp), None);
    assert_eq!(service_in_file(services, "x", tcp), None);
    let protocols = "ospf 89 OSPFIGP # routing\n";
    assert_eq!(protocol_in_file(protocols, "ospfigp"), Some(89));
    assert_eq!(protocol_in_file(protocols, "routing"), None);
}

#[test]
fn a_wildcard_in_any_spelling_covers_the_families_of_its_network() {
    for text in [":0", "0.0.0.0:0", "[::]:0", ""] {
        let local = target("tcp", text).listen_local(&[]).expect("an address");
        assert_eq!(
            (local.address, local.families, local.port),
            (None, Families::Both, 0),
            "{text}"
        );
    }
    let local = |net, text| target(net, text).listen_local(&[]);
    assert_eq!(local("tcp4", ":7").map(|l| l.families), Ok(Families::V4));
    assert_eq!(local("tcp6", ":7").map(|l| l.families), Ok(Families::V6));
    assert_eq!(local("tcp4", "[::]:7").map(|l| l.address), Ok(None));
    assert_eq!(
        local("tcp6", "0.0.0.0:7").map_err(|e| e.to_string()),
        Err("address 0.0.0.0: no suitable address found".into())
    );
    assert_eq!(
        local("udp", "192.0.2.1:7").map(|l| l.address),
        Ok(Some(ip("192.0.2.1")))
    );
}

#[test]
fn dialling_a_wildcard_means_this_host() {
    let dial = |net, text| {
        let found = target(net, text).dial_addresses(&[]);
        found.map(|list| list.into_iter().map(|(ip, _)| ip).collect::<Vec<_>>())
    };
    let v4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
    assert_eq!(dial("tcp", ":80"), Ok(vec![v4]));
    assert_eq!(dial("tcp4", ":80"), Ok(vec![v4]));
    assert_eq!(dial("tcp6", ":80"), Ok(vec![v6]));
    assert_eq!(dial("tcp", "[::]:80"), Ok(vec![v6, v4]));
    assert_eq!(dial("tcp4", "[::]:80"), Ok(vec![v4]));
    assert_eq!(dial("tcp", "0.0.0.0:80"), Ok(vec![v4]));
    assert_eq!(dial("tcp", "[::ffff:127.0.0.1]:80"), Ok(vec![v4]));
    assert_eq!(
        dial("tcp4", "[::1]:80").map_err(|e| e.to_string()),
        Err("address ::1: no suitable address found".into())
    );
}

#[test]
fn names_keep_the_order_of_the_resolver_and_only_the_wanted_family() {
    let found = [ip("2001:db8::1"), ip("192.0.2.1")];
    let dial = |net| {
        let list = target(net, "a.example:80").dial_addresses(&found);
        list.map(|list| list.into_iter().map(|(ip, _)| ip).collect::<Vec<_>>())
    };
    assert_eq!(dial("tcp"), Ok(found.to_vec()));
    assert_eq!(dial("tcp4"), Ok(vec![found[1]]));
    assert_eq!(dial("tcp6"), Ok(vec![found[0]]));
    assert!(
        target("tcp6", "a.example:80")
            .dial_addresses(&found[1..])
            .is_err()
    );
}

#[test]
fn one_address_prefers_ipv4_unless_the_text_has_a_bracket() {
    let found = [ip("2001:db8::1"), ip("192.0.2.1")];
    let one = |text| {
        let one = target("tcp", text).one_address(&found);
        one.map(|one| one.map(|(ip, _)| ip))
    };
    assert_eq!(one("a.example:80"), Ok(Some(found[1])));
    assert_eq!(one("[a.example]:80"), Ok(Some(found[0])));
    assert_eq!(one(":80"), Ok(None));

    let resolved = target("udp", "[fe80::1%eth0]:domain").udp_addr(&[]);
    let resolved = resolved.map(|addr| addr.to_string());
    assert_eq!(resolved, Ok("[fe80::1%eth0]:53".into()));
    let resolved = target("tcp", ":http").tcp_addr(&[]);
    assert_eq!(resolved, Ok(TCPAddr::new(None, 80)));
}

#[test]
fn what_cannot_be_an_address_fails_before_any_look_up() {
    let parse = |net: &str, text: &str, purpose| {
        Target::parse(network(net), text, purpose).map_err(|e| e.to_string())
    };
    assert_eq!(
        parse("tcp", "", Purpose::Dial),
        Err("missing address".into())
    );
    assert!(parse("tcp", "", Purpose::Listen).is_ok());
    assert_eq!(
        parse("unix", "/tmp/x", Purpose::Dial),
        Err("network not supported".into())
    );
    assert_eq!(
        parse("tcp", "a", Purpose::Dial),
        Err("address a: missing port in address".into())
    );
    let raw = target("ip4:icmp", "192.0.2.1");
    assert_eq!(raw.host, Host::Literal(ip("192.0.2.1"), Zone::NONE));
    assert_eq!(raw.port, 0);
    assert_eq!(
        target("tcp", "a.example:80").host,
        Host::Name("a.example".into())
    );
}

#[test]
fn unix_addresses_print_their_name_and_answer_their_network() {
    for (network, kind) in [
        ("unix", UnixKind::Stream),
        ("unixgram", UnixKind::Datagram),
        ("unixpacket", UnixKind::Packet),
    ] {
        let addr = resolve_unix_addr(network, "/tmp/a socket").unwrap();
        assert_eq!(addr, UnixAddr::new(kind, "/tmp/a socket"));
        assert_eq!(addr.network(), network);
        assert_eq!(addr.to_string(), "/tmp/a socket");
        let any = NetAddr::from(addr);
        assert_eq!(
            (any.network(), any.to_string()),
            (network, "/tmp/a socket".into())
        );
        assert_eq!((any.ip(), any.port()), (None, None));
    }
    assert!(UnixAddr::stream("@abstract").is_abstract());
    assert!(!UnixAddr::stream("/tmp/@").is_abstract());
    let error = resolve_unix_addr("tcp", "/tmp/x").unwrap_err();
    assert_eq!(error.to_string(), "unknown network tcp");
}

#[test]
fn the_ends_of_a_pipe_are_called_pipe() {
    assert_eq!(NetAddr::Pipe.network(), "pipe");
    assert_eq!(NetAddr::Pipe.to_string(), "pipe");
    assert_eq!((NetAddr::Pipe.ip(), NetAddr::Pipe.port()), (None, None));
}
