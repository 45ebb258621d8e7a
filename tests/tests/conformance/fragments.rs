//! RFC 791 §3.2, RFC 815, RFC 1122 §3.3.2, RFC 5722, RFC 6864, RFC 6946, RFC 8200 §4.5: fragments.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use sidestep_stack::Call;
use sidestep_stack::base::Duration;
use sidestep_stack::call::{CallRefused, SocketId};
use sidestep_stack::discard::Discard;
use sidestep_tests::craft::{Ip, More, echo_request, icmp, icmp_protocol, pattern, protocol, udp};
use sidestep_tests::scene::{BOTH, Family, Scene};
use sidestep_tests::seen::Payload;

use super::rfc1122::reassemble;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A scene with a UDP socket on port 5,000.
fn with_socket(family: Family) -> (Scene, SocketId) {
    let mut scene = Scene::new(family);
    let socket = scene.host.open_udp(5_000);
    (scene, socket)
}

/// A datagram of so many octets to port 5,000, in fragments of at most `size` octets.
fn fragments(ip: &Ip, octets: usize, size: usize) -> Vec<Vec<u8>> {
    ip.fragments(
        protocol::UDP,
        &udp(ip, 6_000, 5_000, &pattern(0, octets)),
        size,
    )
}

fn received(scene: &mut Scene, socket: SocketId) -> Option<Vec<u8>> {
    scene
        .host
        .receive_udp(socket)
        .map(|got| got.octets.to_vec())
}

/// An order of `count` things that follows from `seed`.
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for at in (1..count).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(at, (state % (at as u64 + 1)) as usize);
    }
    order
}

#[test]
fn rfc1122_16_datagrams_up_to_the_largest_are_put_together_in_any_order() {
    for family in BOTH {
        let (mut scene, socket) = with_socket(family);
        for (octets, size) in [(568, 64), (1_472, 512), (20_000, 1_480), (65_507, 1_480)] {
            for seed in 0..3 {
                let ip = scene.ip().id((octets as u32) << 8 | seed as u32);
                let parts = fragments(&ip, octets, size);
                for at in shuffled(parts.len(), seed) {
                    scene.host.arrives(&parts[at]);
                }
                let got = received(&mut scene, socket);
                assert!(
                    got == Some(pattern(0, octets)),
                    "{octets} octets, order {seed}"
                );
                scene.silence();
            }
        }
    }
}

#[test]
fn rfc1122_17_a_datagram_that_stays_incomplete_ends_by_its_timer() {
    let (mut scene, socket) = with_socket(Family::V4);
    let ip = scene.ip().id(7);
    let parts = fragments(&ip, 3_000, 1_000);
    // Only the first fragment came: that is reported.
    scene.host.arrives(&parts[0]);
    scene.silence_for(secs(59));
    scene.host.advance(secs(62));
    let sent = scene.host.all_sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].icmp(), Some((11, 1)));
    let Payload::Icmp { rest, .. } = &sent[0].payload else {
        panic!("no ICMP");
    };
    assert_eq!(rest[..28], parts[0][..28]);
    assert_eq!(scene.host.count(Discard::FragmentTimeout), 1);
    // Only another one came: silence.
    scene.host.arrives(&parts[2]);
    scene.silence_for(secs(200));
    assert_eq!(received(&mut scene, socket), None);
}

#[test]
fn rfc8200_07_reassembly_is_abandoned_after_sixty_seconds() {
    for first in [true, false] {
        let (mut scene, socket) = with_socket(Family::V6);
        let ip = scene.ip().id(7);
        let parts = fragments(&ip, 3_000, 1_000);
        let part = if first { &parts[0] } else { &parts[1] };
        scene.host.arrives(part);
        scene.silence_for(Duration::from_millis(59_900));
        // A later fragment does not give it more time.
        scene.host.arrives(&parts[2]);
        scene.host.advance(Duration::from_millis(200));
        let sent = scene.host.all_sent();
        assert_eq!(sent.len(), usize::from(first));
        if let Some(error) = sent.first() {
            assert_eq!(error.icmp(), Some((3, 1)));
        }
        // What is missing comes too late.
        for part in &parts {
            scene.host.arrives(part);
        }
        assert!(
            received(&mut scene, socket).is_some(),
            "a new datagram of the same id"
        );
    }
}

#[test]
fn rfc791_01_fragments_of_different_datagrams_never_mix() {
    let (mut scene, socket) = with_socket(Family::V4);
    scene.host.add_address(Family::V4.address(2), 24);
    let ips = [
        Ip::new(Family::V4.them(), Family::V4.us()).id(1),
        Ip::new(Family::V4.them(), Family::V4.us()).id(2),
        Ip::new(Family::V4.address(10), Family::V4.us()).id(1),
        Ip::new(Family::V4.them(), Family::V4.address(2)).id(1),
    ];
    let parts: Vec<Vec<Vec<u8>>> = ips
        .iter()
        .enumerate()
        .map(|(at, ip)| {
            let payload = udp(ip, 6_000, 5_000, &pattern(at * 10_000, 3_000));
            ip.fragments(protocol::UDP, &payload, 1_000)
        })
        .collect();
    // The same key but for the protocol.
    let echo = icmp(&ips[0], 8, 0, [0; 4], &pattern(90_000, 3_000));
    let echo = ips[0].fragments(protocol::ICMP_V4, &echo, 1_000);
    for at in [3, 1, 0, 2] {
        for datagram in &parts {
            scene.host.arrives(&datagram[at]);
        }
        scene.host.arrives(&echo[at]);
    }
    for at in 0..4 {
        assert!(received(&mut scene, socket) == Some(pattern(at * 10_000, 3_000)));
    }
    assert!(reassemble(&scene.host.all_sent())[8..] == pattern(90_000, 3_000));
}

#[test]
fn rfc791_02_no_datagram_is_longer_than_65535_octets() {
    let (mut scene, socket) = with_socket(Family::V4);
    let ip = scene.ip().id(9);
    for part in fragments(&ip, 65_000, 1_480).iter().take(40) {
        scene.host.arrives(part);
    }
    scene
        .host
        .arrives(&ip.fragment(protocol::UDP, 65_528 / 8, More::Nothing, &pattern(0, 100)));
    scene.silence_for(secs(200));
    assert_eq!(received(&mut scene, socket), None);
    assert_eq!(scene.host.count(Discard::FragmentTooLong), 1);
    // One that ends exactly there is whole: 20 octets of header and 65,515 of payload.
    let largest = 65_507;
    for part in fragments(&ip.clone().id(10), largest, 1_480) {
        scene.host.arrives(&part);
    }
    assert!(received(&mut scene, socket) == Some(pattern(0, largest)));
}

#[test]
fn rfc791_03_all_fragments_but_the_last_are_multiples_of_eight() {
    let (mut scene, socket) = with_socket(Family::V4);
    let ip = scene.ip().id(9);
    scene
        .host
        .arrives(&ip.fragment(protocol::UDP, 1, More::Fragments, &pattern(0, 13)));
    scene.silence();
    assert_eq!(scene.host.count(Discard::FragmentMalformed), 1);
    // The last one may have any length.
    for part in fragments(&ip, 1_005, 1_000) {
        scene.host.arrives(&part);
    }
    assert!(received(&mut scene, socket) == Some(pattern(0, 1_005)));
}

/// Sends a datagram whose fragments overlap as `extra` says, and looks whether anything came of it.
fn overlap_is_dropped(family: Family, extra: &dyn Fn(&Ip, &[u8]) -> Vec<u8>) {
    for position in 0..3 {
        let (mut scene, socket) = with_socket(family);
        let ip = scene.ip().id(5);
        let payload = udp(&ip, 6_000, 5_000, &pattern(0, 2_392));
        let mut parts = ip.fragments(protocol::UDP, &payload, 800);
        parts.insert(position, extra(&ip, &payload));
        for part in &parts {
            scene.host.arrives(part);
        }
        assert!(
            received(&mut scene, socket).is_none(),
            "at position {position}"
        );
        assert!(scene.host.count(Discard::FragmentOverlap) >= 1);
        // No ICMP about it, neither now nor later (RFC 8200 §4.5).
        scene.silence_for(secs(200));
    }
}

#[test]
fn rfc791_04_overlapping_fragments_drop_the_whole_datagram() {
    // Teardrop: the second lies inside the first.
    overlap_is_dropped(Family::V4, &|ip, payload| {
        ip.fragment(protocol::UDP, 110, More::Fragments, &payload[880..960])
    });
    // The same place, other octets.
    overlap_is_dropped(Family::V4, &|ip, _| {
        ip.fragment(protocol::UDP, 100, More::Fragments, &[0x41; 800])
    });
    // Across the border of two.
    overlap_is_dropped(Family::V4, &|ip, payload| {
        ip.fragment(protocol::UDP, 99, More::Fragments, &payload[792..808])
    });
}

#[test]
fn rfc791_04_an_exact_copy_is_tolerated() {
    for family in BOTH {
        let (mut scene, socket) = with_socket(family);
        let ip = scene.ip().id(5);
        let parts = fragments(&ip, 3_000, 800);
        let (last, others) = parts.split_last().unwrap();
        for part in others {
            scene.host.arrives(part);
            scene.host.arrives(part);
        }
        scene.host.arrives(last);
        assert!(received(&mut scene, socket) == Some(pattern(0, 3_000)));
        assert_eq!(scene.host.count(Discard::FragmentDuplicate), 3);
    }
}

#[test]
fn rfc791_05_two_ends_of_one_datagram_drop_it() {
    for family in BOTH {
        let (mut scene, socket) = with_socket(family);
        let ip = scene.ip().id(5);
        let payload = udp(&ip, 6_000, 5_000, &pattern(0, 1_592));
        scene
            .host
            .arrives(&ip.fragment(protocol::UDP, 100, More::Nothing, &payload[800..1_600]));
        // Another end, further on.
        scene
            .host
            .arrives(&ip.fragment(protocol::UDP, 200, More::Nothing, &[0; 8]));
        scene
            .host
            .arrives(&ip.fragment(protocol::UDP, 0, More::Fragments, &payload[..800]));
        assert_eq!(received(&mut scene, socket), None);
        // Octets beyond the known end.
        let ip = ip.id(6);
        scene
            .host
            .arrives(&ip.fragment(protocol::UDP, 100, More::Nothing, &payload[800..1_600]));
        scene
            .host
            .arrives(&ip.fragment(protocol::UDP, 200, More::Fragments, &[0; 8]));
        scene
            .host
            .arrives(&ip.fragment(protocol::UDP, 0, More::Fragments, &payload[..800]));
        assert_eq!(received(&mut scene, socket), None);
    }
}

#[test]
fn rfc791_06_an_empty_fragment_is_dropped() {
    for family in BOTH {
        let (mut scene, socket) = with_socket(family);
        let ip = scene.ip().id(5);
        scene
            .host
            .arrives(&ip.fragment(protocol::UDP, 1, More::Fragments, &[]));
        assert_eq!(scene.host.discards(), 1);
        let parts = fragments(&ip, 900, 800);
        for part in parts {
            scene.host.arrives(&part);
        }
        assert!(received(&mut scene, socket).is_some());
    }
}

#[test]
fn rfc6864_01_the_identification_of_a_whole_datagram_means_nothing() {
    let (mut scene, socket) = with_socket(Family::V4);
    let ip = scene.ip().id(42);
    for text in [b"first", b"again"] {
        let payload = udp(&ip, 6_000, 5_000, text);
        scene.host.arrives(&ip.packet(protocol::UDP, &payload));
        scene.host.arrives(&ip.packet(protocol::UDP, &payload));
    }
    for _ in 0..4 {
        assert!(received(&mut scene, socket).is_some());
    }
}

#[test]
fn rfc6864_02_fragmented_datagrams_do_not_share_an_identification() {
    let (mut scene, socket) = with_socket(Family::V4);
    let remote = scene.remote(9);
    let mut ids = HashSet::new();
    for _ in 0..1_000 {
        scene
            .host
            .send_udp(socket, Some(remote), &pattern(0, 3_000));
        let sent = scene.host.all_sent();
        let id = sent[0].ip.identification;
        assert!(sent.iter().all(|seen| seen.ip.identification == id));
        assert!(ids.insert(id), "identification {id} twice");
    }
}

#[test]
fn rfc6864_03_a_packet_with_df_is_never_fragmented() {
    // TCP sets DF; a longer text is cut into segments, never into fragments.
    let mut scene = Scene::new(Family::V4);
    let mut flow = scene.dial(sidestep_tests::scene::Peer::default());
    scene.host.send(flow.connection, &pattern(0, 50_000));
    for segment in scene.take_flight(&mut flow) {
        assert!(segment.ip.dont_fragment);
        assert!(segment.packet().len() <= 1_500);
    }
    // More than any datagram holds is refused.
    let socket = scene.host.open_udp(5_000);
    let remote = scene.remote(9);
    let refused = scene
        .host
        .try_send_udp(socket, Some(remote), &pattern(0, 65_508));
    assert_eq!(refused, Err(CallRefused::MessageTooLong));
    scene.silence();
    scene
        .host
        .send_udp(socket, Some(remote), &pattern(0, 65_507));
    assert_eq!(reassemble(&scene.host.all_sent()).len(), 65_515);
}

/// The identifications of 1,000 packets to two destinations in turn.
fn identifications(family: Family, octets: usize) -> [Vec<u32>; 2] {
    let (mut scene, socket) = with_socket(family);
    let mut ids = [Vec::new(), Vec::new()];
    for step in 0..1_000 {
        let at = step % 2;
        let remote = SocketAddr::new(family.address(9 + at as u8), 9);
        scene
            .host
            .send_udp(socket, Some(remote), &pattern(0, octets));
        ids[at].push(scene.host.all_sent()[0].ip.identification);
    }
    ids
}

/// True if the identifications of both destinations together follow one counter.
fn share_a_counter(ids: &[Vec<u32>; 2]) -> bool {
    let steps = ids[0].iter().zip(&ids[1]).map(|(a, b)| b.wrapping_sub(*a));
    let small = steps.filter(|step| (1..=4).contains(step)).count();
    small > 50
}

#[test]
fn rfc6864_04_identifications_tell_nothing_across_destinations() {
    assert!(!share_a_counter(&identifications(Family::V4, 100)));
    assert!(!share_a_counter(&identifications(Family::V4, 3_000)));
}

#[test]
fn rfc8200_13_fragment_identifications_neither_repeat_nor_count() {
    let ids = identifications(Family::V6, 3_000);
    assert!(!share_a_counter(&ids));
    for ids in &ids {
        let distinct: HashSet<u32> = ids.iter().copied().collect();
        assert_eq!(distinct.len(), ids.len());
    }
}

#[test]
fn bad_12_two_observers_see_no_common_sequence() {
    for family in BOTH {
        assert!(!share_a_counter(&identifications(family, 3_000)));
    }
    // What cannot be fragmented carries no counter: atomic packets all have zero, or chance.
    let mut scene = Scene::new(Family::V4);
    let mut ids = Vec::new();
    for port in 0..100 {
        scene.host.open(scene.remote(7 + port));
        let (_, seen) = scene.host.next_sent().unwrap();
        assert!(seen.ip.dont_fragment);
        ids.push(seen.ip.identification);
    }
    let steps = ids
        .windows(2)
        .filter(|pair| pair[1].wrapping_sub(pair[0]) == 1)
        .count();
    assert!(steps < 5, "{steps} of 99 steps are one");
}

#[test]
fn rfc8200_08_a_middle_fragment_that_is_no_multiple_of_eight_is_a_parameter_problem() {
    let (mut scene, _) = with_socket(Family::V6);
    let ip = scene.ip().id(3);
    scene
        .host
        .arrives(&ip.fragment(protocol::UDP, 0, More::Fragments, &pattern(0, 13)));
    let sent = scene.host.all_sent();
    assert_eq!(sent[0].icmp(), Some((4, 0)));
    assert!(matches!(
        sent[0].payload,
        Payload::Icmp {
            word: [0, 0, 0, 4],
            ..
        }
    ));
}

#[test]
fn rfc8200_09_a_fragment_beyond_65535_is_a_parameter_problem() {
    let (mut scene, _) = with_socket(Family::V6);
    let ip = scene.ip().id(3);
    scene
        .host
        .arrives(&ip.fragment(protocol::UDP, 65_528 / 8, More::Nothing, &pattern(0, 100)));
    let sent = scene.host.all_sent();
    assert_eq!(sent[0].icmp(), Some((4, 0)));
    // The offset field is the third octet of the fragment header.
    assert!(matches!(
        sent[0].payload,
        Payload::Icmp {
            word: [0, 0, 0, 42],
            ..
        }
    ));
}

#[test]
fn rfc8200_10_an_overlap_drops_everything_in_silence() {
    overlap_is_dropped(Family::V6, &|ip, payload| {
        ip.fragment(protocol::UDP, 99, More::Fragments, &payload[792..808])
    });
    overlap_is_dropped(Family::V6, &|ip, _| {
        ip.fragment(protocol::UDP, 100, More::Fragments, &[0x41; 800])
    });
}

#[test]
fn rfc8200_10_what_comes_after_an_overlap_is_dropped_too() {
    let (mut scene, socket) = with_socket(Family::V6);
    let ip = scene.ip().id(5);
    let payload = udp(&ip, 6_000, 5_000, &pattern(0, 1_592));
    scene
        .host
        .arrives(&ip.fragment(protocol::UDP, 0, More::Fragments, &payload[..800]));
    scene
        .host
        .arrives(&ip.fragment(protocol::UDP, 99, More::Fragments, &payload[792..1_592]));
    // The rest and even a whole set of good ones: until the time is over it is all the same packet.
    scene
        .host
        .arrives(&ip.fragment(protocol::UDP, 100, More::Nothing, &payload[800..]));
    assert_eq!(received(&mut scene, socket), None);
    scene
        .host
        .arrives(&ip.fragment(protocol::UDP, 0, More::Fragments, &payload[..800]));
    assert_eq!(received(&mut scene, socket), None);
    scene.silence_for(secs(61));
}

#[test]
fn rfc8200_11_the_first_fragment_holds_the_whole_header_chain() {
    let (mut scene, _) = with_socket(Family::V6);
    let mut pointer_zero = |packet: &[u8]| {
        scene.host.advance(secs(2));
        scene.host.arrives(packet);
        let sent = scene.host.all_sent();
        assert_eq!(sent[0].icmp(), Some((4, 3)));
        assert!(matches!(
            sent[0].payload,
            Payload::Icmp {
                word: [0, 0, 0, 0],
                ..
            }
        ));
    };
    let ip = Ip::new(Family::V6.them(), Family::V6.us());
    // It ends inside the TCP header, and inside destination options of 32 octets.
    pointer_zero(
        &ip.clone()
            .id(1)
            .fragment(protocol::TCP, 0, More::Fragments, &pattern(0, 16)),
    );
    let mut options = vec![protocol::UDP, 3, 1, 12];
    options.resize(16, 0);
    let kind = protocol::DESTINATION_OPTIONS;
    pointer_zero(
        &ip.clone()
            .id(2)
            .fragment(kind, 0, More::Fragments, &options),
    );
}

#[test]
fn rfc8200_12_an_atomic_fragment_stands_by_itself() {
    let (mut scene, socket) = with_socket(Family::V6);
    let ip = scene.ip().id(77);
    let parts = fragments(&ip, 3_000, 1_000);
    scene.host.arrives(&parts[0]);
    scene.host.arrives(&parts[1]);
    let atomic = udp(&ip, 6_000, 5_000, b"atomic");
    scene
        .host
        .arrives(&ip.fragment(protocol::UDP, 0, More::Nothing, &atomic));
    assert_eq!(received(&mut scene, socket), Some(b"atomic".to_vec()));
    for part in &parts[2..] {
        scene.host.arrives(part);
    }
    assert!(received(&mut scene, socket) == Some(pattern(0, 3_000)));
}

#[test]
fn rfc8200_14_fifteen_hundred_octets_and_more_are_put_together() {
    let (mut scene, socket) = with_socket(Family::V6);
    for octets in [1_452, 65_000, 65_527] {
        let ip = scene.ip().id(octets as u32);
        for part in fragments(&ip, octets, 1_232) {
            scene.host.arrives(&part);
        }
        assert!(
            received(&mut scene, socket) == Some(pattern(0, octets)),
            "{octets}"
        );
    }
    // IPv6 has no links below 1,280 octets (§5).
    assert_eq!(
        scene.host.try_call(Call::SetMtu(1_279)),
        Err(CallRefused::Invalid)
    );
    scene.host.call(Call::SetMtu(1_280));
}

#[test]
fn bad_02_no_fragment_ends_past_65535() {
    for family in BOTH {
        let (mut scene, socket) = with_socket(family);
        for units in [8_190, 8_191] {
            for octets in [8, 9, 16, 1_400] {
                let ip = scene.ip().id(units * 10_000 + octets as u32);
                let payload = pattern(0, octets);
                let ends = units as usize * 8 + octets;
                scene.host.advance(secs(2));
                scene.host.arrives(&ip.fragment(
                    protocol::UDP,
                    units as u16,
                    More::Nothing,
                    &payload,
                ));
                if ends > 65_535 {
                    assert!(scene.host.count(Discard::FragmentTooLong) >= 1);
                }
            }
        }
        assert_eq!(received(&mut scene, socket), None);
    }
}

#[test]
fn bad_03_no_pattern_of_overlaps_delivers_mixed_octets() {
    for family in BOTH {
        let (mut scene, socket) = with_socket(family);
        for seed in 0..1_000_u64 {
            let ip = scene.ip().id(seed as u32 + 1);
            let good = udp(&ip, 6_000, 5_000, &pattern(0, 392));
            // Ten fragments, random in place and length, some from the datagram, some not.
            let order = shuffled(64, seed);
            for at in 0..10 {
                let offset = order[at] % 48;
                let length = (1 + order[at + 10] % 8) * 8;
                let end = (offset * 8 + length).min(good.len());
                let more = if order[at + 20].is_multiple_of(4) {
                    More::Nothing
                } else {
                    More::Fragments
                };
                let part = if order[at + 30].is_multiple_of(3) {
                    vec![0xee; end - offset * 8]
                } else {
                    good[offset * 8..end].to_vec()
                };
                scene
                    .host
                    .arrives(&ip.fragment(protocol::UDP, offset as u16, more, &part));
            }
            for part in ip.fragments(protocol::UDP, &good, 80) {
                scene.host.arrives(&part);
            }
            while let Some(got) = received(&mut scene, socket) {
                assert!(got == pattern(0, 392), "mixed octets with seed {seed}");
            }
            scene.host.advance(secs(1));
        }
    }
}

#[test]
fn bad_04_an_overlap_of_one_unit_and_an_exact_copy() {
    let (mut scene, socket) = with_socket(Family::V6);
    let ip = scene.ip().id(5);
    let payload = udp(&ip, 6_000, 5_000, &pattern(0, 1_592));
    scene
        .host
        .arrives(&ip.fragment(protocol::UDP, 0, More::Fragments, &payload[..808]));
    scene
        .host
        .arrives(&ip.fragment(protocol::UDP, 100, More::Nothing, &payload[800..]));
    assert_eq!(received(&mut scene, socket), None);
    assert_eq!(scene.host.count(Discard::FragmentOverlap), 1);
    let ip = ip.id(6);
    let parts = ip.fragments(protocol::UDP, &payload, 800);
    scene.host.arrives(&parts[0]);
    scene.host.arrives(&parts[0]);
    scene.host.arrives(&parts[1]);
    assert!(received(&mut scene, socket).is_some());
    scene.silence_for(secs(100));
}

#[test]
fn bad_05_a_flood_of_fragments_stays_within_its_memory_and_keeps_nobody_out() {
    for family in BOTH {
        let mut scene = Scene::with(family, |config| {
            config.reassembly_octets_max = 262_144;
            config.reassembly_datagrams_max = 128;
        });
        let socket = scene.host.open_udp(5_000);
        for step in 0..20_000_u32 {
            let mut ip = scene.ip().id(step);
            ip.source = family.address(10 + (step % 200) as u8);
            let offset = 1 + (step % 100) as u16;
            scene
                .host
                .arrives(&ip.fragment(protocol::UDP, offset, More::Fragments, &[7; 1_400]));
        }
        assert!(scene.host.count(Discard::FragmentMemory) > 19_000);
        scene.host.all_sent();
        // A datagram of an honest host still comes through.
        let ip = scene.ip().id(1);
        for part in fragments(&ip, 3_000, 1_000) {
            scene.host.arrives(&part);
        }
        assert!(received(&mut scene, socket) == Some(pattern(0, 3_000)));
    }
}

#[test]
fn bad_06_tiny_fragments_cannot_hide_or_rewrite_a_header() {
    // IPv4: a SYN in fragments of eight octets, and one with offset 1 that would rewrite its flags.
    let mut scene = Scene::new(Family::V4);
    scene.listener();
    let syn = scene.syn(&sidestep_tests::scene::Peer::default());
    let tcp = syn.tcp();
    let ip = scene.ip().id(3);
    let parts = ip.fragments(protocol::TCP, &tcp, 8);
    scene.host.arrives(&parts[0]);
    scene.host.arrives(&parts[1]);
    let mut flags = tcp[8..16].to_vec();
    flags[5] = 0x10;
    scene
        .host
        .arrives(&ip.fragment(protocol::TCP, 1, More::Fragments, &flags));
    for part in &parts[2..] {
        scene.host.arrives(part);
    }
    scene.silence_for(secs(1));
    // Without the trick it is put together correctly, or dropped.
    let ip = ip.id(4);
    for part in ip.fragments(protocol::TCP, &tcp, 8) {
        scene.host.arrives(&part);
    }
    for answer in scene.segments() {
        assert!(answer.has("SA"));
    }
    // IPv6: the first fragment must hold the whole header (RFC 7112).
    let mut scene = Scene::new(Family::V6);
    scene.listener();
    let tcp = scene.syn(&sidestep_tests::scene::Peer::default()).tcp();
    let ip = scene.ip().id(3);
    scene
        .host
        .arrives(&ip.fragment(protocol::TCP, 0, More::Fragments, &tcp[..8]));
    assert_eq!(scene.host.all_sent()[0].icmp(), Some((4, 3)));
}

#[test]
fn rfc4443_09_echo_of_every_size_comes_back_whole() {
    let mut scene = Scene::new(Family::V6);
    for octets in [0, 1, 1_232, 1_452, 1_453, 30_000, 65_527] {
        let data = pattern(1, octets);
        let ip = scene.ip().id(octets as u32 + 1);
        if octets <= 1_452 {
            scene.host.arrives(&echo_request(&ip, 7, 8, &data));
        } else {
            let message = icmp(&ip, 128, 0, [0, 7, 0, 8], &data);
            for part in ip.fragments(icmp_protocol(ip.source), &message, 1_400) {
                scene.host.arrives(&part);
            }
        }
        let sent = scene.host.all_sent();
        assert_eq!(sent[0].ip.source, Family::V6.us());
        let reply = match &sent[0].payload {
            Payload::Icmp {
                kind: 129, rest, ..
            } => rest.clone(),
            _ => reassemble(&sent)[8..].to_vec(),
        };
        assert!(reply == data, "{octets} octets");
    }
    assert_eq!(
        scene.family.us(),
        IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])
    );
}
