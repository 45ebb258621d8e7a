use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;
use crate::packet::craft::{self, Ip, More, protocol};
use crate::packet::seen::{Payload, Seen};

const V4: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)),
];
const V6: [IpAddr; 2] = [
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
];

fn recipe(text: &str) -> Recipe {
    text.parse().expect("it is a recipe")
}

/// A UDP packet of `octets` in all, which may not be fragmented.
fn packet([source, destination]: [IpAddr; 2], octets: usize) -> Bytes {
    let mut ip = Ip::new(source, destination);
    ip.dont_fragment = true;
    sized(&ip, octets)
}

fn sized(ip: &Ip, octets: usize) -> Bytes {
    let header = if ip.source.is_ipv4() { 20 } else { 40 } + ip.options.len();
    let payload = craft::pattern(0, octets - header - 8);
    let udp = craft::udp(ip, 4_000, 53, &payload);
    ip.packet(protocol::UDP, &udp).into()
}

fn enter(text: &str, packet: Bytes) -> Entrance {
    Mtu::default().packet_arrives(
        Instant::ZERO,
        &recipe(text),
        &mut Counters::default(),
        packet,
    )
}

#[test]
fn a_packet_of_the_mtu_enters_and_one_octet_more_does_not() {
    for addresses in [V4, V6] {
        let fits = packet(addresses, 1_400);
        assert!(matches!(enter("mtu=1400", fits), Entrance::Whole(_)));
        let too_big = packet(addresses, 1_401);
        assert!(matches!(enter("mtu=1400", too_big), Entrance::Back(_)));
    }
}

#[test]
fn rfc1191_4_the_source_of_an_ipv4_packet_hears_the_mtu_and_sees_its_own_packet() {
    let too_big = packet(V4, 1_401);
    let Entrance::Back(message) = enter("mtu=1400", too_big.clone()) else {
        panic!("no message");
    };
    let seen = Seen::read(&message);
    assert_eq!((seen.ip.source, seen.ip.destination), (V4[1], V4[0]));
    assert_eq!(message.len(), 576);
    let [high, low] = 1_400_u16.to_be_bytes();
    assert_eq!(
        seen.payload,
        Payload::Icmp {
            kind: 3,
            code: 4,
            word: [0, 0, high, low],
            rest: too_big[..548].to_vec(),
        }
    );
}

#[test]
fn rfc4443_3_2_the_source_of_an_ipv6_packet_hears_the_mtu_and_sees_its_own_packet() {
    let too_big = packet(V6, 1_501);
    let Entrance::Back(message) = enter("mtu=1500", too_big.clone()) else {
        panic!("no message");
    };
    let seen = Seen::read(&message);
    assert_eq!((seen.ip.source, seen.ip.destination), (V6[1], V6[0]));
    assert_eq!(message.len(), 1_280);
    assert_eq!(
        seen.payload,
        Payload::Icmp {
            kind: 2,
            code: 0,
            word: 1_500_u32.to_be_bytes(),
            rest: too_big[..1_232].to_vec(),
        }
    );
}

#[test]
fn a_short_packet_is_quoted_whole() {
    let too_big = packet(V4, 101);
    let Entrance::Back(message) = enter("mtu=100", too_big.clone()) else {
        panic!("no message");
    };
    assert_eq!(message.len(), 20 + 8 + 101);
    assert_eq!(message[28..], too_big[..]);
}

#[test]
fn a_black_hole_says_nothing() {
    for addresses in [V4, V6] {
        let outcome = enter("mtu=1400,icmp=off", packet(addresses, 1_401));
        assert!(matches!(outcome, Entrance::Nothing));
    }
}

#[test]
fn no_message_is_sent_where_the_rfcs_forbid_one() {
    let group4 = [V4[0], IpAddr::V4(Ipv4Addr::new(224, 0, 0, 251))];
    let all4 = [V4[0], IpAddr::V4(Ipv4Addr::BROADCAST)];
    let nobody4 = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), V4[1]];
    let nobody6 = [IpAddr::V6(Ipv6Addr::UNSPECIFIED), V6[1]];
    for addresses in [group4, all4, nobody4, nobody6] {
        let outcome = enter("mtu=1280", packet(addresses, 1_400));
        assert!(matches!(outcome, Entrance::Nothing), "{addresses:?}");
    }
    for (addresses, kind) in [(V4, 3), (V6, 1)] {
        let mut ip = Ip::new(addresses[0], addresses[1]);
        ip.dont_fragment = true;
        let error = craft::icmp(&ip, kind, 0, [0; 4], &[0; 1_400]);
        let packet = ip.packet(craft::icmp_protocol(ip.source), &error);
        assert!(matches!(
            enter("mtu=1280", packet.into()),
            Entrance::Nothing
        ));
        let echo = craft::echo_request(&ip, 1, 1, &[0; 1_400]);
        assert!(matches!(enter("mtu=1280", echo.into()), Entrance::Back(_)));
    }
}

#[test]
fn garbage_that_is_too_big_is_lost() {
    for first in [0, 0x40, 0x45, 0x60, 0xff] {
        let mut octets = vec![0xff; 1_401];
        octets[0] = first;
        let outcome = enter("mtu=1400", octets.into());
        assert!(!matches!(outcome, Entrance::Whole(_) | Entrance::Pieces(_)));
    }
}

/// The payload of all pieces, which must lie end to end.
fn joined_payload(pieces: &[Bytes], from: usize) -> (Vec<u8>, bool) {
    let mut whole = Vec::new();
    let mut last_has_more = true;
    for piece in pieces {
        let seen = Seen::read(piece);
        let Payload::Fragment {
            offset,
            more,
            octets,
            ..
        } = seen.payload
        else {
            panic!("no fragment: {seen:?}");
        };
        assert_eq!(offset, from + whole.len());
        whole.extend(octets);
        last_has_more = more;
    }
    (whole, last_has_more)
}

#[test]
fn rfc791_3_2_a_packet_that_may_be_fragmented_is_cut_into_pieces_that_fit() {
    let ip = Ip::new(V4[0], V4[1]).id(77);
    let whole = sized(&ip, 3_000);
    for mtu in [68, 576, 1_399, 1_400, 2_999] {
        let Entrance::Pieces(pieces) = enter(&format!("mtu={mtu}"), whole.clone()) else {
            panic!("not cut");
        };
        assert!(pieces.iter().all(|piece| piece.len() <= mtu));
        let count = 2_980_usize.div_ceil((mtu - 20) / 8 * 8);
        assert_eq!(pieces.len(), count, "no more pieces than needed at {mtu}");
        assert_eq!(joined_payload(&pieces, 0), (whole[20..].to_vec(), false));
        assert!(
            pieces
                .iter()
                .all(|piece| Seen::read(piece).ip.identification == 77)
        );
    }
}

#[test]
fn a_fragment_is_cut_again_and_stays_where_it_was_in_the_datagram() {
    let ip = Ip::new(V4[0], V4[1]).id(77);
    let payload = craft::pattern(0, 1_480);
    let middle: Bytes = ip
        .fragment(protocol::UDP, 185, More::Fragments, &payload)
        .into();
    let Entrance::Pieces(pieces) = enter("mtu=500", middle) else {
        panic!("not cut");
    };
    assert_eq!(joined_payload(&pieces, 1_480), (payload, true));
}

#[test]
fn options_with_the_copied_flag_are_in_every_piece_and_others_in_the_first() {
    // Record route (7) is not copied; router alert (148) is.
    let options = [7, 7, 4, 0, 0, 0, 0, 1, 148, 4, 0, 0];
    let ip = Ip::new(V4[0], V4[1]).options(&options);
    let whole = sized(&ip, 1_000);
    let Entrance::Pieces(pieces) = enter("mtu=500", whole) else {
        panic!("not cut");
    };
    assert_eq!(pieces.len(), 3);
    for (at, piece) in pieces.iter().enumerate() {
        let parsed = Ipv4Header::parse(piece).expect("its checksum is right");
        assert_eq!(parsed.total_octets, piece.len());
        let wanted: &[u8] = if at == 0 { &options } else { &options[8..] };
        assert_eq!(piece[20..parsed.header_octets], *wanted);
    }
}

#[test]
fn messages_are_as_frequent_as_the_limit_and_no_more() {
    let recipe = recipe("mtu=1400,icmp=10/s");
    let (mut mtu, mut counters) = (Mtu::default(), Counters::default());
    let mut ask = |now| {
        let outcome = mtu.packet_arrives(now, &recipe, &mut counters, packet(V4, 1_401));
        matches!(outcome, Entrance::Back(_))
    };
    let begin = Instant::from_secs(5);
    let at_once = (0..20).filter(|_| ask(begin)).count();
    assert_eq!(at_once, 10);
    let tenth = Duration::from_millis(100);
    assert!(!ask(begin + Duration::from_nanos(99_999_999)));
    assert!(ask(begin + tenth));
    assert!(!ask(begin + tenth));
    let for_ten_seconds = (0..10_000).filter(|ms| ask(begin + tenth + Duration::from_millis(*ms)));
    assert!(for_ten_seconds.count().abs_diff(100) <= 1);
}

#[test]
fn what_was_too_big_is_counted() {
    let (mut mtu, mut counters) = (Mtu::default(), Counters::default());
    let recipe = recipe("mtu=1400,icmp=1/s");
    for _ in 0..3 {
        mtu.packet_arrives(Instant::ZERO, &recipe, &mut counters, packet(V4, 1_401));
    }
    let may_be_cut = sized(&Ip::new(V4[0], V4[1]), 1_401);
    mtu.packet_arrives(Instant::ZERO, &recipe, &mut counters, may_be_cut);
    let counted = (counters.lost_too_big, counters.icmp_sent);
    assert_eq!(counted, (3, 1));
    assert_eq!((counters.fragmented, counters.fragments), (1, 2));
}
