use super::*;
use crate::wire::ipv6_chain::{ParameterProblem, ParameterProblemCode, ToGroup};
use crate::wire::packet::OutPacket;
use crate::wire::report::Problem;

fn report_v4(problem: Problem, packet: Vec<u8>) -> Report {
    Report {
        problem,
        source: PEER_V4.into(),
        destination: US_V4.into(),
        cast: Cast::Unicast,
        packet: packet.into(),
    }
}

fn report_v6(problem: Problem, packet: Vec<u8>) -> Report {
    Report {
        source: PEER_V6.into(),
        destination: US_V6.into(),
        ..report_v4(problem, packet)
    }
}

fn from_peer_v4(protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    packet_v4(PEER_V4, US_V4, protocol, payload)
}

fn from_peer_v6(protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    packet_v6(PEER_V6, US_V6, protocol, payload)
}

fn parameter(code: ParameterProblemCode, pointer: u16, to_group: ToGroup) -> Problem {
    Problem::Parameter(ParameterProblem {
        code,
        pointer,
        to_group,
    })
}

/// The message as the peer sees it, without its IP header.
fn message(outgoing: Outgoing) -> Vec<u8> {
    OutPacket {
        header: outgoing.header,
        text: outgoing.text,
        ..OutPacket::default()
    }
    .to_vec()
}

#[track_caller]
fn assert_silent(report: &Report) {
    let mut bench = Bench::new();
    assert!(bench.reports(report).is_none());
    assert_eq!(bench.discards(), []);
}

#[test]
fn rfc1122_12_and_rfc4443_07_ports_and_protocols_are_reported() {
    let packet = from_peer_v4(Protocol::UDP, b"to a closed port");
    for (problem, kind, code) in [
        (Problem::PortUnreachable, 3, 3),
        (Problem::ProtocolUnknown { pointer: 9 }, 3, 2),
        (Problem::ReassemblyTimeout, 11, 1),
    ] {
        let outgoing = Bench::new()
            .reports(&report_v4(problem, packet.clone()))
            .unwrap();
        assert_eq!(outgoing.source, IpAddr::V4(US_V4));
        assert_eq!(outgoing.destination, IpAddr::V4(PEER_V4));
        assert_eq!(outgoing.protocol, Protocol::ICMP_V4);
        let octets = message(outgoing);
        assert_eq!(octets[..8], [kind, code, 0, 0, 0, 0, 0, 0]);
        assert_eq!(octets[8..], packet);
    }
    let packet = from_peer_v6(Protocol::UDP, b"to a closed port");
    let erroneous = ParameterProblemCode::ErroneousField;
    for (problem, kind, code, pointer) in [
        (Problem::PortUnreachable, 1, 4, 0),
        (Problem::ProtocolUnknown { pointer: 40 }, 4, 1, 40),
        (Problem::ReassemblyTimeout, 3, 1, 0),
        (parameter(erroneous, 42, ToGroup::Silent), 4, 0, 42),
    ] {
        let outgoing = Bench::new()
            .reports(&report_v6(problem, packet.clone()))
            .unwrap();
        let octets = message(outgoing);
        assert_eq!(octets[..8], [kind, code, 0, 0, 0, 0, 0, pointer]);
        assert_eq!(octets[8..], packet);
    }
}

#[test]
fn rfc4443_04_an_error_quotes_as_much_as_fits() {
    for (payload_octets, error_octets) in [(527, 575), (528, 576), (529, 576), (60_000, 576)] {
        let packet = from_peer_v4(Protocol::UDP, &alloc::vec![7; payload_octets]);
        let report = report_v4(Problem::PortUnreachable, packet);
        let outgoing = Bench::new().reports(&report).unwrap();
        assert_eq!(20 + message(outgoing).len(), error_octets);
    }
    for (payload_octets, error_octets) in [(1_191, 1_279), (1_192, 1_280), (1_400, 1_280)] {
        let packet = from_peer_v6(Protocol::UDP, &alloc::vec![7; payload_octets]);
        let report = report_v6(Problem::PortUnreachable, packet);
        let outgoing = Bench::new().reports(&report).unwrap();
        assert_eq!(40 + message(outgoing).len(), error_octets);
    }
}

#[test]
fn rfc1122_10_about_some_packets_no_error_is_sent() {
    let udp = from_peer_v4(Protocol::UDP, b"8 octets");
    let plain = report_v4(Problem::PortUnreachable, udp.clone());
    assert!(Bench::new().reports(&plain).is_some());
    // To a group.
    for cast in [Cast::Broadcast, Cast::Multicast] {
        assert_silent(&Report {
            cast,
            ..plain.clone()
        });
    }
    // From nobody, or from many.
    for source in [Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(224, 0, 0, 1)] {
        assert_silent(&Report {
            source: source.into(),
            ..plain.clone()
        });
    }
    // A fragment that is not the first.
    let mut later = udp;
    later[7] = 1;
    assert_silent(&report_v4(Problem::ProtocolUnknown { pointer: 9 }, later));
    // An ICMP error; a query is none.
    for (kind, is_silent) in [
        (3, true),
        (5, true),
        (11, true),
        (12, true),
        (8, false),
        (13, false),
    ] {
        let icmp = from_peer_v4(Protocol::ICMP_V4, &[kind, 0, 0, 0, 0, 0, 0, 0]);
        let report = report_v4(Problem::ReassemblyTimeout, icmp);
        assert_eq!(Bench::new().reports(&report).is_none(), is_silent, "{kind}");
    }
    assert_silent(&report_v4(Problem::PortUnreachable, Vec::new()));
}

#[test]
fn rfc4443_05_about_some_packets_no_error_is_sent() {
    let udp = from_peer_v6(Protocol::UDP, b"8 octets");
    let unknown_option = ParameterProblemCode::UnknownOption;
    let plain = report_v6(Problem::PortUnreachable, udp.clone());
    assert!(Bench::new().reports(&plain).is_some());
    assert_silent(&Report {
        cast: Cast::Multicast,
        ..plain.clone()
    });
    for source in ["::", "ff02::1"] {
        let source = source.parse().unwrap();
        assert_silent(&Report {
            source,
            ..plain.clone()
        });
    }
    // An option whose top bits are 10 is reported even to who sent it to a group.
    for (to_group, is_silent) in [(ToGroup::Replied, false), (ToGroup::Silent, true)] {
        let report = Report {
            cast: Cast::Multicast,
            ..report_v6(parameter(unknown_option, 42, to_group), udp.clone())
        };
        assert_eq!(Bench::new().reports(&report).is_none(), is_silent);
    }
    // Errors and redirects, also behind an extension header.
    for (kind, is_silent) in [
        (1, true),
        (4, true),
        (100, true),
        (137, true),
        (128, false),
        (200, false),
    ] {
        let options = [Protocol::ICMP_V6.0, 0, 1, 4, 0, 0, 0, 0];
        let payload = [&options[..], &[kind, 0, 0, 0, 0, 0, 0, 0]].concat();
        let packet = from_peer_v6(Protocol::DESTINATION_OPTIONS, &payload);
        let report = report_v6(parameter(unknown_option, 42, ToGroup::Replied), packet);
        assert_eq!(Bench::new().reports(&report).is_none(), is_silent, "{kind}");
    }
    // A chain that is broken before it says what it carries is reported.
    let broken = from_peer_v6(Protocol::DESTINATION_OPTIONS, &[Protocol::ROUTING.0, 200]);
    let erroneous = ParameterProblemCode::ErroneousField;
    let report = report_v6(parameter(erroneous, 41, ToGroup::Silent), broken);
    assert!(Bench::new().reports(&report).is_some());
}

#[test]
fn a_quote_does_not_pin_the_frame_that_it_came_from() {
    let frame = Bytes::from(from_peer_v4(Protocol::UDP, &[7; 60_000]));
    let mut report = report_v4(Problem::PortUnreachable, Vec::new());
    report.packet = frame.clone();
    let outgoing = Bench::new().reports(&report);
    drop(report);
    assert!(outgoing.is_some() && frame.is_unique());
}
