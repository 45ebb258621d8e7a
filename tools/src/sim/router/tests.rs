//! Routers and switches, packet by packet.

use super::*;
use crate::packet::seen::Seen;

const V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0xff, 0, 0, 0, 1);
const HERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const THERE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// A router with HERE's network at port 0, and all else at port 1 but for one host at port 2.
fn router() -> Router {
    let mut router = Router::new(V4, V6);
    router.add_route(Ipv4Addr::new(192, 0, 2, 0).into(), 24, 0);
    router.add_route(Ipv4Addr::UNSPECIFIED.into(), 0, 1);
    router.add_route(THERE.into(), 32, 2);
    router.add_route(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0).into(), 64, 0);
    router
}

fn packet_v4(source: Ipv4Addr, destination: Ipv4Addr, hop_limit: u8) -> Bytes {
    let mut header = HeaderOctets::new();
    Ipv4Header {
        source,
        destination,
        protocol: Protocol(253),
        hop_limit,
        traffic_class: TrafficClass(0),
        identification: 0,
        dont_fragment: true,
        more_fragments: false,
        fragment_offset_octets: 0,
    }
    .emit(8, &mut header);
    join(&[header.as_slice(), &[7; 8]])
}

fn packet_v6(hop_limit: u8, destination: Ipv6Addr) -> Bytes {
    let mut header = HeaderOctets::new();
    Ipv6Header {
        source: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
        destination,
        next_header: Protocol(253),
        hop_limit,
        traffic_class: TrafficClass(0),
        flow_label: 0,
    }
    .emit(8, &mut header);
    join(&[header.as_slice(), &[7; 8]])
}

#[test]
fn rfc1812_5_2_4_3_the_longest_prefix_wins_and_5_3_1_a_hop_is_taken() {
    let mut router = router();
    for (destination, port) in [(HERE, 0), (THERE, 2), (Ipv4Addr::new(198, 51, 100, 3), 1)] {
        let sent = router.packet_arrives(&packet_v4(V4, destination, 64));
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].0, port);
        // The second opinion finds the header's checksum right.
        assert_eq!(Seen::read(&sent[0].1).ip.hop_limit, 63);
    }
    assert_eq!(router.counters().forwarded, 3);
}

#[test]
fn rfc1812_5_3_1_a_hop_limit_that_runs_out_is_told_to_the_sender() {
    let mut router = router();
    assert_eq!(router.packet_arrives(&packet_v4(HERE, THERE, 2))[0].0, 2);
    let told = router.packet_arrives(&packet_v4(HERE, THERE, 1));
    assert_eq!(told[0].0, 0);
    let seen = Seen::read(&told[0].1);
    assert_eq!(seen.icmp(), Some((11, 0)));
    assert_eq!(seen.ip.source, IpAddr::V4(V4));

    let told = router.packet_arrives(&packet_v6(1, V6));
    assert_eq!(Seen::read(&told[0].1).icmp(), Some((3, 0)));
    assert_eq!(router.counters().hop_limit_exceeded, 2);
}

#[test]
fn rfc4443_3_1_no_route_is_told_to_the_sender_and_nothing_about_errors() {
    let mut router = router();
    let nowhere = Ipv6Addr::new(0x2001, 0xdb8, 7, 7, 0, 0, 0, 7);
    let told = router.packet_arrives(&packet_v6(64, nowhere));
    assert_eq!(told[0].0, 0);
    let error = told[0].1.clone();
    assert_eq!(Seen::read(&error).icmp(), Some((1, 0)));
    // The same error on its way to nowhere is dropped without a word.
    let mut lost = BytesMut::from(&error[..]);
    lost[24..40].copy_from_slice(&nowhere.octets());
    assert!(router.packet_arrives(&lost.freeze()).is_empty());
    assert_eq!(router.counters().no_route, 2);
    assert_eq!(router.counters().errors_sent, 1);
}

#[test]
fn rfc1812_5_2_2_a_damaged_header_is_dropped() {
    let mut router = router();
    let mut packet = BytesMut::from(&packet_v4(HERE, THERE, 64)[..]);
    packet[16] ^= 1;
    assert!(router.packet_arrives(&packet.freeze()).is_empty());
    assert!(
        router
            .packet_arrives(&Bytes::from_static(&[0x45, 0]))
            .is_empty()
    );
    assert!(router.packet_arrives(&Bytes::new()).is_empty());
    assert_eq!(router.counters().malformed, 3);
}

#[test]
fn a_switch_sends_everywhere_until_it_has_heard_of_the_destination() {
    const NOW: Instant = Instant::from_secs(7);
    let mut switch = Switch::default();
    let there = packet_v4(HERE, THERE, 64);
    let back = packet_v4(THERE, HERE, 64);
    let ports = |sent: Sent| sent.into_iter().map(|(port, _)| port).collect::<Vec<_>>();
    assert_eq!(ports(switch.packet_arrives(NOW, 1, 4, &there)), [0, 2, 3]);
    assert_eq!(ports(switch.packet_arrives(NOW, 3, 4, &back)), [1]);
    assert_eq!(ports(switch.packet_arrives(NOW, 1, 4, &there)), [3]);
    // A host that moved is heard from at its new place.
    assert_eq!(ports(switch.packet_arrives(NOW, 2, 4, &back)), [1]);
    assert_eq!(ports(switch.packet_arrives(NOW, 1, 4, &there)), [2]);
    // What comes from where it would go is not sent back.
    assert_eq!(
        ports(switch.packet_arrives(NOW, 2, 4, &there)),
        [] as [Port; 0]
    );
}

#[test]
fn a_switch_forgets_where_an_address_was_heard_after_five_minutes() {
    const NOW: Instant = Instant::from_secs(7);
    let mut switch = Switch::default();
    let back = packet_v4(THERE, HERE, 64);
    let there = packet_v4(HERE, THERE, 64);
    switch.packet_arrives(NOW, 1, 4, &back);
    let ports = |sent: Sent| sent.into_iter().map(|(port, _)| port).collect::<Vec<_>>();
    let almost = NOW + Duration::from_millis(299_999);
    assert_eq!(ports(switch.packet_arrives(almost, 2, 4, &there)), [1]);
    let after = NOW + AGEING;
    assert_eq!(ports(switch.packet_arrives(after, 2, 4, &there)), [0, 1, 3]);
}
