use super::*;
use crate::wire::ipv6::FragmentHeader;
use crate::wire::ipv6_chain::{ParameterProblemCode, ToGroup};
use crate::wire::report::Problem;

/// An extension header of eight octets with one option of `kind` and PadN behind it.
fn options(next_header: Protocol, kind: u8) -> [u8; 8] {
    [next_header.0, 0, kind, 0, 1, 2, 0, 0]
}

fn chain(first: Protocol, octets: &[&[u8]]) -> Vec<u8> {
    let header = Ipv6Header {
        next_header: first,
        ..header_v6()
    };
    packet_v6(header, &octets.concat())
}

fn fragment(identification: u32, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    fragment_of(Protocol::UDP, identification, offset, more, payload)
}

fn fragment_of(
    next_header: Protocol,
    identification: u32,
    offset_octets: u16,
    more: bool,
    payload: &[u8],
) -> Vec<u8> {
    let mut octets = HeaderOctets::new();
    let header = FragmentHeader {
        next_header,
        offset_octets,
        more,
        identification,
    };
    header.emit(&mut octets);
    chain(Protocol::FRAGMENT, &[octets.as_slice(), payload])
}

/// The packet is dropped for `reason`, and the sender may be told of `code` at `pointer`.
#[track_caller]
fn reports(octets: Vec<u8>, reason: Discard, code: ParameterProblemCode, pointer: u16) -> Report {
    let mut host = Host::new();
    let Input::Problem(report) = host.arrives(octets.clone()) else {
        panic!("{:?}", host.discards());
    };
    let Problem::Parameter(problem) = report.problem else {
        panic!("{report:?}");
    };
    assert_eq!((problem.code, problem.pointer), (code, pointer));
    assert_eq!(host.discards(), [(reason, 1)]);
    assert_eq!(report.packet, octets);
    report
}

#[test]
fn rfc8200_01_a_hop_limit_of_zero_is_accepted() {
    let header = Ipv6Header {
        hop_limit: 0,
        ..header_v6()
    };
    assert_eq!(Host::new().delivers(packet_v6(header, b"x")).hop_limit, 0);
}

#[test]
fn an_impossible_source_is_dropped_silently() {
    for (source, reason) in [
        ("::", Discard::MartianSource),
        ("::1", Discard::MartianSource),
        ("ff02::1", Discard::MartianSource),
        ("::ffff:192.0.2.9", Discard::MartianSource),
        ("2001:db8::1", Discard::OwnSource),
    ] {
        let header = Ipv6Header {
            source: source.parse().unwrap(),
            ..header_v6()
        };
        Host::new().drops(packet_v6(header, b"x"), reason);
    }
}

#[test]
fn only_our_own_groups_are_ours() {
    for (destination, cast) in [
        ("2001:db8::1", Some(Cast::Unicast)),
        ("ff02::1", Some(Cast::Multicast)),
        ("ff02::1:ff00:1", Some(Cast::Multicast)),
        ("ff02::1:ff00:2", None),
        ("ff02::2", None),
        ("ff0e::1", None),
        ("::1", None),
        ("::", None),
        ("2001:db8::3", None),
    ] {
        let header = Ipv6Header {
            destination: destination.parse().unwrap(),
            ..header_v6()
        };
        let octets = packet_v6(header, b"x");
        match cast {
            Some(cast) => assert_eq!(Host::new().delivers(octets).cast, cast),
            None => Host::new().drops(octets, Discard::NotForUs),
        }
    }
}

#[test]
fn rfc8200_02_headers_are_taken_in_any_order_but_hop_by_hop_only_first() {
    let routing = [Protocol::DESTINATION_OPTIONS.0, 0, 99, 0, 0, 0, 0, 0];
    let octets = chain(
        Protocol::HOP_BY_HOP,
        &[
            &options(Protocol::DESTINATION_OPTIONS, 0x1e),
            &options(Protocol::ROUTING, 0x1e),
            &routing,
            &options(Protocol::UDP, 0x1e),
            b"payload!",
        ],
    );
    let datagram = Host::new().delivers(octets);
    assert_eq!(datagram.protocol, Protocol::UDP);
    assert_eq!(&datagram.payload[..], b"payload!");
    assert_eq!(datagram.protocol_pointer, 40 + 24);

    let second = chain(
        Protocol::DESTINATION_OPTIONS,
        &[
            &options(Protocol::HOP_BY_HOP, 0x1e),
            &options(Protocol::UDP, 0x1e),
            b"payload!",
        ],
    );
    reports(
        second,
        Discard::Ipv6Extension,
        ParameterProblemCode::UnknownNextHeader,
        40,
    );
}

#[test]
fn rfc8200_03_an_unknown_next_header_is_handed_up_with_its_pointer() {
    let octets = chain(
        Protocol::DESTINATION_OPTIONS,
        &[&options(Protocol(253), 0x1e), b"x"],
    );
    let datagram = Host::new().delivers(octets);
    let report = Report::protocol_unknown(&datagram);
    assert_eq!(report.problem, Problem::ProtocolUnknown { pointer: 40 });
    let datagram = Host::new().delivers(chain(Protocol(253), &[b"x"]));
    assert_eq!(datagram.protocol_pointer, 6);
}

#[test]
fn rfc8200_04_the_top_bits_of_an_option_decide() {
    let packet = |kind| {
        chain(
            Protocol::DESTINATION_OPTIONS,
            &[&options(Protocol::UDP, kind), b"x"],
        )
    };
    Host::new().delivers(packet(0x1e));
    Host::new().drops(packet(0x5e), Discard::Ipv6OptionUnknown);
    let code = ParameterProblemCode::UnknownOption;
    for (kind, to_group) in [(0x9e, ToGroup::Replied), (0xde, ToGroup::Silent)] {
        let report = reports(packet(kind), Discard::Ipv6OptionUnknown, code, 42);
        let Problem::Parameter(problem) = report.problem else {
            panic!()
        };
        assert_eq!(problem.to_group, to_group);
    }
}

#[test]
fn rfc8200_06_and_bad_08_a_routing_header_with_segments_left_is_refused() {
    for kind in [0, 4, 99] {
        let mut routing = [Protocol::UDP.0, 0, kind, 1, 0, 0, 0, 0];
        let octets = chain(Protocol::ROUTING, &[&routing, b"x"]);
        reports(
            octets,
            Discard::RoutingHeader,
            ParameterProblemCode::ErroneousField,
            42,
        );
        routing[3] = 0;
        Host::new().delivers(chain(Protocol::ROUTING, &[&routing, b"x"]));
    }
}

#[test]
fn rfc8200_08_an_uneven_fragment_is_reported_at_the_payload_length() {
    let octets = fragment(1, 8, true, &[0; 13]);
    reports(
        octets,
        Discard::FragmentMalformed,
        ParameterProblemCode::ErroneousField,
        4,
    );
}

#[test]
fn rfc8200_09_a_packet_that_would_be_too_long_is_reported_at_the_offset() {
    let octets = fragment(1, 65_528, false, &[0; 100]);
    reports(
        octets,
        Discard::FragmentTooLong,
        ParameterProblemCode::ErroneousField,
        42,
    );
    assert!(matches!(
        Host::new().arrives(fragment(1, 65_528, false, &[0; 7])),
        Input::Nothing
    ));
}

#[test]
fn rfc8200_10_and_bad_04_an_overlap_ends_the_packet_without_a_word() {
    let mut host = Host::new();
    host.arrives(fragment(1, 0, true, &[1; 24]));
    host.arrives(fragment(1, 0, true, &[1; 24]));
    assert_eq!(host.discards(), [(Discard::FragmentDuplicate, 1)]);
    host.drops(fragment(1, 16, true, &[2; 16]), Discard::FragmentOverlap);
    host.drops(fragment(1, 32, false, &[3; 8]), Discard::FragmentOverlap);
    let mut cx = host.around.at(START + millis(60_000));
    host.ip.time_passes(&mut cx);
    assert!(host.ip.next_report().is_none());
}

#[test]
fn rfc8200_11_the_first_fragment_holds_the_whole_chain() {
    let code = ParameterProblemCode::IncompleteFirstFragment;
    let tcp = fragment_of(Protocol::TCP, 1, 0, true, &[0x50; 16]);
    reports(tcp, Discard::FragmentTiny, code, 0);
    let long_options = [Protocol::UDP.0, 3, 1, 28, 0, 0, 0, 0];
    let cut = fragment_of(Protocol::DESTINATION_OPTIONS, 1, 0, true, &long_options);
    reports(cut, Discard::FragmentTiny, code, 0);
    let whole = fragment_of(Protocol::TCP, 1, 0, true, &[0x50; 24]);
    assert!(matches!(Host::new().arrives(whole), Input::Nothing));
}

#[test]
fn rfc8200_12_an_atomic_fragment_is_whole_by_itself() {
    let mut host = Host::new();
    host.arrives(fragment(9, 0, true, &[1; 16]));
    assert_eq!(
        &host.delivers(fragment(9, 0, false, b"atomic")).payload[..],
        b"atomic"
    );
    let datagram = host.delivers(fragment(9, 16, false, b"end"));
    assert_eq!(datagram.payload.len(), 19);
    assert_eq!(host.discards(), []);
}

#[test]
fn rfc8200_14_a_reassembled_packet_is_one_packet_with_one_chain() {
    let mut host = Host::new();
    let mut payload = options(Protocol::UDP, 0x1e).to_vec();
    payload.extend([7; 1_480]);
    let (first, last) = payload.split_at(1_200);
    host.arrives(fragment_of(
        Protocol::DESTINATION_OPTIONS,
        5,
        0,
        true,
        first,
    ));
    let datagram = host.delivers(fragment_of(Protocol::TCP, 5, 1_200, false, last));
    // The next header of a later fragment means nothing (RFC 8200 §4.5).
    assert_eq!(datagram.protocol, Protocol::UDP);
    assert_eq!(datagram.payload, [7; 1_480][..]);
    assert_eq!(datagram.protocol_pointer, 40);
    let whole = chain(Protocol::DESTINATION_OPTIONS, &[&payload]);
    assert_eq!(datagram.packet, whole);
}

#[test]
fn an_option_that_is_refused_in_a_reassembled_packet_points_into_that_packet() {
    let mut host = Host::new();
    let mut payload = options(Protocol::UDP, 0x9e).to_vec();
    payload.extend([7; 24]);
    host.arrives(fragment_of(
        Protocol::DESTINATION_OPTIONS,
        5,
        0,
        true,
        &payload[..24],
    ));
    let last = fragment_of(Protocol::DESTINATION_OPTIONS, 5, 24, false, &payload[24..]);
    let Input::Problem(report) = host.arrives(last) else {
        panic!("{:?}", host.discards());
    };
    let Problem::Parameter(problem) = report.problem else {
        panic!()
    };
    assert_eq!(report.packet[usize::from(problem.pointer)], 0x9e);
}

#[test]
fn rfc8200_17_no_next_header_ends_it() {
    Host::new().drops(
        chain(Protocol::NO_NEXT_HEADER, &[&[1; 100]]),
        Discard::NoNextHeader,
    );
}

#[test]
fn bad_01_lengths_must_agree_and_padding_is_trimmed() {
    let plain = packet_v6(header_v6(), b"payload!");
    for frame in 0..plain.len() {
        let mut host = Host::new();
        assert!(matches!(
            host.arrives(plain[..frame].to_vec()),
            Input::Nothing
        ));
        assert_eq!(host.around.discards.total(), 1);
    }
    let mut padded = plain;
    padded.extend([0; 30]);
    assert_eq!(&Host::new().delivers(padded).payload[..], b"payload!");
}

#[test]
fn bad_09_and_rfc8504_01_long_chains_end_soon() {
    let mut octets = Vec::new();
    for _ in 0..8_000 {
        octets.extend(options(Protocol::DESTINATION_OPTIONS, 0x1e));
    }
    Host::new().drops(
        chain(Protocol::DESTINATION_OPTIONS, &[&octets]),
        Discard::Ipv6Extension,
    );
    let mut pad1 = [0; 104];
    pad1[0] = Protocol::UDP.0;
    pad1[1] = 12;
    Host::new().drops(
        chain(Protocol::DESTINATION_OPTIONS, &[&pad1, b"x"]),
        Discard::Ipv6Extension,
    );
    // A chain that ends nowhere.
    reports(
        chain(
            Protocol::DESTINATION_OPTIONS,
            &[&options(Protocol::ROUTING, 0x1e)],
        ),
        Discard::Ipv6Extension,
        ParameterProblemCode::ErroneousField,
        40,
    );
}

#[test]
fn bad_14_jumbograms_are_dropped() {
    Host::new().drops(packet_v6(header_v6(), b""), Discard::Jumbogram);
    let jumbo = [Protocol::UDP.0, 0, 0xc2, 4, 0, 1, 0, 0];
    let mut host = Host::new();
    host.arrives(chain(Protocol::HOP_BY_HOP, &[&jumbo, b"x"]));
    assert_eq!(host.discards(), [(Discard::Jumbogram, 1)]);
}
