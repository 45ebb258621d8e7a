//! Short fuzz runs with fixed seeds: random and mutated packets into a stack that has listeners,
//! connections and sockets. No panic, bounded memory, bounded output.
//!
//! Each run follows from its seed, so a failure repeats. `SIDESTEP_FUZZ_ROUNDS` makes them longer.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};
use sidestep_stack::base::Duration;
use sidestep_tests::craft::{
    Ip, More, checksum, echo_request, fill_checksum, icmp, icmp_protocol, mend_ipv4_checksum,
    pattern, protocol, udp,
};
use sidestep_tests::host::seed_of;
use sidestep_tests::scene::{BOTH, Family, Flow, Peer, Scene};

fn rounds() -> usize {
    std::env::var("SIDESTEP_FUZZ_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(30_000)
}

/// A scene in which every protocol has something to do.
fn busy(family: Family, seed: u64) -> (Scene, Vec<Flow>) {
    let mut scene = Scene::with_seed(family, seed, |config| {
        config.reassembly_octets_max = 65_536 * 4;
    });
    scene.host.open_udp(5_000);
    let flows = vec![
        scene.accept(Peer::default()),
        scene.accept(Peer {
            port: 40_001,
            ..Peer::modern()
        }),
        scene.dial(Peer {
            port: 7,
            ..Peer::modern()
        }),
    ];
    for flow in &flows {
        scene.host.send(flow.connection, &pattern(0, 50_000));
    }
    scene.host.all_sent();
    (scene, flows)
}

/// One of the packets that make sense.
fn seed_packet(random: &mut ChaCha12Rng, scene: &Scene, flows: &[Flow]) -> Vec<u8> {
    let ip = scene.ip().id(random.random_range(0..4));
    let flow = &flows[random.random_range(0..flows.len())];
    let size = random.random_range(0..600);
    match random.random_range(0..10) {
        0 => echo_request(&ip, 1, 2, &pattern(0, size)),
        1 => ip.packet(protocol::UDP, &udp(&ip, 6_000, 5_000, &pattern(0, size))),
        2 => ip.packet(protocol::UDP, &udp(&ip, 6_000, 5_001, &pattern(0, size))),
        3 => {
            let parts = ip.fragments(
                protocol::UDP,
                &udp(&ip, 6_000, 5_000, &pattern(0, size + 100)),
                64,
            );
            parts[random.random_range(0..parts.len())].clone()
        }
        4 => scene.syn(&Peer::modern()).packet(),
        5 => {
            let quoted = flow.seg().packet();
            let kind = if ip.source.is_ipv4() { 3 } else { 1 };
            let code = random.random_range(0..6);
            let word = random.random::<u32>().to_be_bytes();
            let message = icmp(&ip, kind, code, word, &quoted);
            ip.packet(icmp_protocol(ip.source), &message)
        }
        6 => ip.fragment(protocol::TCP, 1, More::Fragments, &pattern(0, size / 8 * 8)),
        7 => flow
            .at(random.random_range(-100..70_000))
            .text(pattern(0, size))
            .packet(),
        8 => {
            let mut segment = flow
                .at(random.random_range(-2..3))
                .text(pattern(0, size / 10));
            segment.flags = random.random();
            segment.ack = segment.ack.wrapping_add(random.random_range(0..60_000));
            segment.packet()
        }
        _ => {
            let options: Vec<u8> = (0..random.random_range(0..40))
                .map(|_| random.random())
                .collect();
            flow.seg().options(&options).text(pattern(0, size)).packet()
        }
    }
}

/// Changes some octets, cuts or grows; half of the time the checksums are mended, so that the
/// change gets past the first look.
fn mutate(random: &mut ChaCha12Rng, packet: &mut Vec<u8>) {
    for _ in 0..random.random_range(0..4) {
        if packet.is_empty() {
            return;
        }
        let at = random.random_range(0..packet.len().min(120));
        packet[at] = random.random();
    }
    match random.random_range(0..8) {
        0 => packet.truncate(random.random_range(0..=packet.len())),
        1 => packet.extend(pattern(0, random.random_range(0..100))),
        _ => {}
    }
    if random.random() {
        mend(packet);
    }
}

/// Recomputes the checksums of a packet that still looks like one.
fn mend(packet: &mut [u8]) {
    let header = match packet.first().map(|first| first >> 4) {
        Some(4) if packet.len() >= 20 => {
            mend_ipv4_checksum(packet);
            usize::from(packet[0] & 15) * 4
        }
        Some(6) if packet.len() >= 40 => 40,
        _ => return,
    };
    if packet.len() < header + 20 || header < 20 {
        return;
    }
    let (number, source, destination): (u8, std::net::IpAddr, std::net::IpAddr) =
        if header == 40 && packet[0] >> 4 == 6 {
            let address = |at: usize| {
                let octets: [u8; 16] = packet[at..at + 16].try_into().unwrap();
                octets.into()
            };
            (packet[6], address(8), address(24))
        } else {
            let address = |at: usize| {
                let octets: [u8; 4] = packet[at..at + 4].try_into().unwrap();
                octets.into()
            };
            (packet[9], address(12), address(16))
        };
    let ip = Ip::new(source, destination);
    let payload = &mut packet[header..];
    match number {
        protocol::TCP => fill_checksum(&ip, number, payload, 16),
        protocol::UDP => fill_checksum(&ip, number, payload, 6),
        protocol::ICMP_V6 => fill_checksum(&ip, number, payload, 2),
        protocol::ICMP_V4 => {
            payload[2..4].copy_from_slice(&[0, 0]);
            let sum = checksum(&[payload]);
            payload[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        _ => {}
    }
}

fn run(family: Family, seed: u64, packets: impl Fn(&mut ChaCha12Rng, &Scene, &[Flow]) -> Vec<u8>) {
    let mut random = ChaCha12Rng::from_seed(seed_of(seed ^ 0x6675_7a7a));
    let (mut scene, flows) = busy(family, seed);
    let mut sent = 0;
    for round in 0..rounds() {
        let packet = packets(&mut random, &scene, &flows);
        scene.host.arrives(&packet);
        sent += scene.host.all_sent().len();
        scene.host.all_events();
        if random.random_range(0..20) == 0 {
            scene
                .host
                .advance(Duration::from_millis(random.random_range(0..200)));
            sent += scene.host.all_sent().len();
        }
        if round % 1_000 == 0 {
            let counters = scene.host.stack.counters();
            assert!(counters.datagram_octets <= 2 << 20);
        }
    }
    // Nobody is amplified: in all, not many more packets leave than came, retransmissions included.
    assert!(
        sent < rounds() * 3,
        "{sent} packets left for {} that came",
        rounds()
    );
}

#[test]
fn mutated_packets_do_no_harm() {
    for family in BOTH {
        for seed in 0..2 {
            run(family, seed, |random, scene, flows| {
                let mut packet = seed_packet(random, scene, flows);
                mutate(random, &mut packet);
                packet
            });
        }
    }
}

#[test]
fn random_octets_do_no_harm() {
    for family in BOTH {
        run(family, 9, |random, scene, _| {
            let octets: Vec<u8> = (0..random.random_range(0..120))
                .map(|_| random.random())
                .collect();
            match random.random_range(0..4) {
                0 => octets,
                1 => scene.ip().packet(random.random(), &octets),
                2 => scene.ip().packet(protocol::TCP, &octets),
                _ => {
                    let kinds = [0, 6, 17, 43, 44, 58, 60, 1];
                    let kind = kinds[random.random_range(0..kinds.len())];
                    let mut packet = scene.ip().packet(kind, &octets);
                    mend(&mut packet);
                    packet
                }
            }
        });
    }
}

#[test]
fn the_same_packets_in_give_the_same_packets_out() {
    let digest = |seed: u64| {
        let mut random = ChaCha12Rng::from_seed(seed_of(seed));
        let (mut scene, flows) = busy(BOTH[0], seed);
        let mut digest = 0_u64;
        for _ in 0..5_000 {
            let mut packet = seed_packet(&mut random, &scene, &flows);
            mutate(&mut random, &mut packet);
            scene.host.arrives(&packet);
            if random.random_range(0..20) == 0 {
                scene.host.advance(Duration::from_millis(50));
            }
            for seen in scene.host.all_sent() {
                for octet in seen.octets {
                    digest = digest.wrapping_mul(31).wrapping_add(u64::from(octet));
                }
            }
        }
        digest
    };
    assert_eq!(digest(5), digest(5));
    assert_ne!(digest(5), digest(6));
}

#[test]
fn a_fork_of_the_world_goes_on_the_same_way() {
    let mut random = ChaCha12Rng::from_seed(seed_of(77));
    let (mut scene, flows) = busy(BOTH[1], 7);
    for _ in 0..500 {
        let packet = seed_packet(&mut random, &scene, &flows);
        scene.host.arrives(&packet);
    }
    scene.host.all_sent();
    let mut fork = scene.clone();
    for _ in 0..2_000 {
        let packet = seed_packet(&mut random, &scene, &flows);
        for world in [&mut scene, &mut fork] {
            world.host.arrives(&packet);
            world.host.advance(Duration::from_millis(3));
        }
        assert_eq!(scene.host.all_sent_timed(), fork.host.all_sent_timed());
    }
}
