use super::*;
use crate::wire::path_error::{PathErrorKind, Unreachable};

fn error_v4(kind: u8, code: u8, word: [u8; 4], quote: &[u8]) -> Datagram {
    message_v4(&[&[kind, code, 0, 0][..], &word, quote].concat())
}

fn error_v6(kind: u8, code: u8, word: [u8; 4], quote: &[u8]) -> Datagram {
    message_v6(&[&[kind, code, 0, 0][..], &word, quote].concat())
}

#[track_caller]
fn path_error(datagram: &Datagram) -> PathError {
    let mut bench = Bench::new();
    match bench.arrives(datagram) {
        Input::PathError(error) => {
            assert_eq!(bench.discards(), []);
            error
        }
        other => panic!("{other:?}, {:?}", bench.discards()),
    }
}

const SEGMENT: &[u8] = b"\x30\x39\x00\x50SEQNACKN";

#[test]
fn rfc1122_13_and_rfc4443_09_an_echo_comes_back_unchanged() {
    for data_octets in [0, 1, 2, 1_472, 65_507] {
        let data: Vec<u8> = (0..data_octets).map(|place| place as u8).collect();
        let request = [&[8, 0, 0, 0, 1, 2, 3, 4][..], &data].concat();
        let asked = message_v4(&request);
        let Input::Reply(reply) = Bench::new().arrives(&asked) else {
            panic!("no reply to {data_octets}");
        };
        assert_eq!(reply.header.as_slice(), [0, 0, 0, 0, 1, 2, 3, 4]);
        assert_eq!(
            reply.text.slices().flatten().copied().collect::<Vec<u8>>(),
            data
        );
        assert_eq!(
            (reply.source, reply.destination),
            (asked.destination, asked.source)
        );
        // The type of service comes back, the ECN field does not.
        assert_eq!(reply.traffic_class, TrafficClass::new(46, Ecn::NotCapable));

        let request = [&[128, 0, 0, 0, 1, 2, 3, 4][..], &data].concat();
        let asked = message_v6(&request);
        let Input::Reply(reply) = Bench::new().arrives(&asked) else {
            panic!("no reply to {data_octets}");
        };
        assert_eq!(reply.header.as_slice(), [129, 0, 0, 0, 1, 2, 3, 4]);
        assert_eq!(reply.text.octets(), data_octets);
        assert_eq!(reply.protocol, Protocol::ICMP_V6);
    }
}

#[test]
fn rfc1122_14_and_bad_15_an_echo_to_a_group_is_not_answered() {
    for mut asked in [
        message_v4(&[8, 0, 0, 0, 0, 0, 0, 0]),
        message_v6(&[128, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        for cast in [Cast::Broadcast, Cast::Multicast] {
            asked.cast = cast;
            assert_dropped(&asked, Discard::IcmpEchoToGroup);
        }
    }
}

#[test]
fn bad_23_messages_shorter_than_their_header_are_dropped() {
    for octets in 0..8 {
        assert_dropped(&message_v4(&[8; 8][..octets]), Discard::IcmpTruncated);
        assert_dropped(&message_v6(&[128; 8][..octets]), Discard::IcmpTruncated);
    }
}

#[test]
fn rfc4443_02_the_checksum_is_verified() {
    for mut datagram in [
        message_v4(&[8, 0, 0, 0, 1, 2, 3, 4]),
        message_v6(&[128, 0, 0, 0, 1, 2, 3, 4]),
    ] {
        let mut octets = datagram.payload.to_vec();
        octets[7] ^= 1;
        datagram.payload = octets.into();
        assert_dropped(&datagram, Discard::IcmpChecksum);
    }
    // The pseudo-header counts over IPv6.
    let mut moved = message_v6(&[128, 0, 0, 0, 1, 2, 3, 4]);
    moved.source = PEER_V6.into();
    assert_dropped(&moved, Discard::IcmpChecksum);
}

#[test]
fn rfc1122_09_and_rfc4443_03_unknown_types_are_dropped_but_unknown_errors_are_told() {
    assert_dropped(
        &message_v4(&[44, 0, 0, 0, 0, 0, 0, 0]),
        Discard::IcmpUnknown,
    );
    assert_dropped(
        &message_v6(&[200, 0, 0, 0, 0, 0, 0, 0]),
        Discard::IcmpUnknown,
    );
    let quote = sent_v6(Protocol::TCP, SEGMENT);
    let error = path_error(&error_v6(100, 0, [0; 4], &quote));
    assert_eq!(error.kind, PathErrorKind::UnknownType);
    assert_dropped(&error_v6(200, 0, [0; 4], &quote), Discard::IcmpUnknown);
}

#[test]
fn rfc1122_15_redirects_and_source_quenches_are_ignored() {
    let quote = sent_v4(Protocol::TCP, SEGMENT);
    assert_dropped(
        &error_v4(5, 1, [192, 0, 2, 9], &quote),
        Discard::IcmpRedirect,
    );
    assert_dropped(&error_v4(4, 0, [0; 4], &quote), Discard::IcmpSourceQuench);
    let quote = sent_v6(Protocol::TCP, SEGMENT);
    assert_dropped(&error_v6(137, 0, [0; 4], &quote), Discard::IcmpRedirect);
}

#[test]
fn echo_replies_are_for_raw_sockets() {
    for datagram in [
        message_v4(&[0, 0, 0, 0, 1, 2, 3, 4]),
        message_v6(&[129, 0, 0, 0, 1, 2, 3, 4]),
    ] {
        let mut bench = Bench::new();
        assert!(matches!(bench.arrives(&datagram), Input::ForRawSockets));
        assert_eq!(bench.discards(), []);
    }
}

#[test]
fn every_code_has_its_meaning() {
    let quote = sent_v4(Protocol::TCP, SEGMENT);
    let meaning = |kind, code| path_error(&error_v4(kind, code, [0, 0, 5, 120], &quote)).kind;
    for (code, why) in [
        (0, Unreachable::Network),
        (1, Unreachable::Host),
        (2, Unreachable::Protocol),
        (3, Unreachable::Port),
        (5, Unreachable::SourceRouteFailed),
        (6, Unreachable::Network),
        (7, Unreachable::Host),
        (8, Unreachable::Host),
        (9, Unreachable::Prohibited),
        (10, Unreachable::Prohibited),
        (11, Unreachable::Network),
        (12, Unreachable::Host),
        (13, Unreachable::Prohibited),
        (15, Unreachable::Prohibited),
    ] {
        assert_eq!(meaning(3, code), PathErrorKind::Unreachable(why), "{code}");
    }
    assert_eq!(meaning(3, 4), PathErrorKind::TooBig { mtu_octets: 1_400 });
    assert_eq!(meaning(11, 0), PathErrorKind::HopLimit);
    assert_eq!(meaning(11, 1), PathErrorKind::Reassembly);
    assert_eq!(meaning(12, 0), PathErrorKind::Parameter);
    for (kind, code) in [(3, 16), (11, 2)] {
        assert_dropped(&error_v4(kind, code, [0; 4], &quote), Discard::IcmpUnknown);
    }

    let quote = sent_v6(Protocol::TCP, SEGMENT);
    let meaning = |kind, code| path_error(&error_v6(kind, code, [0, 0, 5, 120], &quote)).kind;
    for (code, why) in [
        (0, Unreachable::Network),
        (1, Unreachable::Prohibited),
        (2, Unreachable::Host),
        (3, Unreachable::Host),
        (4, Unreachable::Port),
        (5, Unreachable::Prohibited),
        (6, Unreachable::Prohibited),
    ] {
        assert_eq!(meaning(1, code), PathErrorKind::Unreachable(why), "{code}");
    }
    assert_eq!(meaning(2, 0), PathErrorKind::TooBig { mtu_octets: 1_400 });
    assert_eq!(meaning(3, 0), PathErrorKind::HopLimit);
    assert_eq!(meaning(3, 1), PathErrorKind::Reassembly);
    assert_eq!(meaning(4, 1), PathErrorKind::Parameter);
}

#[test]
fn rfc1122_11_an_error_names_the_packet_that_it_is_about() {
    let quote = sent_v4(Protocol::TCP, SEGMENT);
    let error = path_error(&error_v4(3, 3, [0; 4], &quote));
    assert_eq!(error.reporter, IpAddr::V4(ROUTER_V4));
    assert_eq!(error.quote.source, IpAddr::V4(US_V4));
    assert_eq!(error.quote.destination, IpAddr::V4(PEER_V4));
    assert_eq!(error.quote.protocol, Protocol::TCP);
    assert_eq!(error.quote.transport, SEGMENT);
    assert_eq!(error.quote.packet_octets, 32);
    assert_eq!(error.quote.ports(), Some((12_345, 80)));

    // What is quoted beyond the packet's end is not part of it; a packet may be quoted in part.
    let mut padded = quote.clone();
    padded.extend([0; 20]);
    assert_eq!(
        path_error(&error_v4(3, 3, [0; 4], &padded)).quote.transport,
        SEGMENT
    );
    let error = path_error(&error_v4(3, 3, [0; 4], &quote[..28]));
    assert_eq!(
        (error.quote.transport.len(), error.quote.packet_octets),
        (8, 32)
    );

    // Extension headers of ours are skipped.
    let options = [Protocol::FRAGMENT.0, 0, 1, 4, 0, 0, 0, 0];
    let fragment = [Protocol::TCP.0, 0, 0, 1, 0, 0, 0, 7];
    let payload = [&options[..], &fragment, SEGMENT].concat();
    let quote = sent_v6(Protocol::DESTINATION_OPTIONS, &payload);
    let error = path_error(&error_v6(2, 0, [0, 0, 5, 0], &quote));
    assert_eq!(error.quote.protocol, Protocol::TCP);
    assert_eq!(error.quote.transport, SEGMENT);
    assert_eq!(error.quote.packet_octets, 40 + 28);
}

#[test]
fn bad_22_a_quote_that_is_cut_off_at_any_octet_is_dropped() {
    let quote = sent_v4(Protocol::TCP, SEGMENT);
    for octets in 0..28 {
        assert_dropped(
            &error_v4(3, 3, [0; 4], &quote[..octets]),
            Discard::IcmpQuote,
        );
    }
    let options = [Protocol::TCP.0, 0, 1, 4, 0, 0, 0, 0];
    let quote = sent_v6(
        Protocol::DESTINATION_OPTIONS,
        &[&options[..], SEGMENT].concat(),
    );
    for octets in 0..56 {
        assert_dropped(
            &error_v6(1, 0, [0; 4], &quote[..octets]),
            Discard::IcmpQuote,
        );
    }
    path_error(&error_v6(1, 0, [0; 4], &quote[..56]));
}

#[test]
fn bad_22_a_quote_with_an_impossible_header_is_dropped() {
    let plain = sent_v4(Protocol::TCP, SEGMENT);
    let patched = |place: usize, octet: u8| {
        let mut quote = plain.clone();
        quote[place] = octet;
        quote
    };
    // IHL below five, beyond the quote, or so far that fewer than eight octets are left.
    for words in [0, 4, 7, 8, 15] {
        assert_dropped(
            &error_v4(3, 3, [0; 4], &patched(0, 0x40 | words)),
            Discard::IcmpQuote,
        );
    }
    assert_dropped(
        &error_v4(3, 3, [0; 4], &patched(0, 0x55)),
        Discard::IcmpQuote,
    );
    // A total length that does not hold the header and eight octets.
    assert_dropped(&error_v4(3, 3, [0; 4], &patched(3, 27)), Discard::IcmpQuote);
    // A fragment other than the first has no transport header.
    assert_dropped(&error_v4(3, 3, [0; 4], &patched(7, 1)), Discard::IcmpQuote);
    // The peer's packet is not ours, nor is one to nobody.
    let foreign = packet_v4(PEER_V4, US_V4, Protocol::TCP, SEGMENT);
    assert_dropped(&error_v4(3, 3, [0; 4], &foreign), Discard::IcmpQuote);
    let to_nobody = packet_v4(US_V4, Ipv4Addr::UNSPECIFIED, Protocol::TCP, SEGMENT);
    assert_dropped(&error_v4(3, 3, [0; 4], &to_nobody), Discard::IcmpQuote);
    // IPv6 inside ICMPv4.
    let mixed = sent_v6(Protocol::TCP, SEGMENT);
    assert_dropped(&error_v4(3, 3, [0; 4], &mixed), Discard::IcmpQuote);
    // A later fragment over IPv6.
    let fragment = [Protocol::TCP.0, 0, 0, 8, 0, 0, 0, 7];
    let later = sent_v6(Protocol::FRAGMENT, &[&fragment[..], SEGMENT].concat());
    assert_dropped(&error_v6(1, 0, [0; 4], &later), Discard::IcmpQuote);
    // A chain that never ends.
    let mut endless = Vec::new();
    for _ in 0..100 {
        endless.extend([Protocol::DESTINATION_OPTIONS.0, 0, 1, 4, 0, 0, 0, 0]);
    }
    let endless = sent_v6(Protocol::DESTINATION_OPTIONS, &endless);
    assert_dropped(&error_v6(1, 0, [0; 4], &endless), Discard::IcmpQuote);
}

#[test]
fn bad_22_an_error_about_an_error_is_dropped_and_one_about_an_echo_is_not() {
    let inner = sent_v4(Protocol::ICMP_V4, &[3, 3, 0, 0, 0, 0, 0, 0]);
    assert_dropped(&error_v4(3, 3, [0; 4], &inner), Discard::IcmpQuote);
    let echo = sent_v4(Protocol::ICMP_V4, &[8, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(
        path_error(&error_v4(3, 1, [0; 4], &echo)).quote.protocol,
        Protocol::ICMP_V4
    );
    let inner = sent_v6(Protocol::ICMP_V6, &[1, 4, 0, 0, 0, 0, 0, 0]);
    assert_dropped(&error_v6(1, 4, [0; 4], &inner), Discard::IcmpQuote);
    let echo = sent_v6(Protocol::ICMP_V6, &[128, 0, 0, 0, 0, 0, 0, 0]);
    path_error(&error_v6(1, 3, [0; 4], &echo));
}

#[test]
fn icmp_of_the_other_family_says_nothing() {
    let mut datagram = message_v4(&[8, 0, 0, 0, 0, 0, 0, 0]);
    datagram.protocol = Protocol::ICMP_V6;
    assert_dropped(&datagram, Discard::IcmpUnknown);
}
