use super::*;
use crate::icmp::Icmp;
use crate::wire::ipv6::FragmentHeader;

/// Packets that mutate into everything else.
fn seeds() -> Vec<Vec<u8>> {
    let udp = [0x12, 0x34, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4];
    let fragment_v4 = Ipv4Header {
        more_fragments: true,
        fragment_offset_octets: 8,
        ..header_v4()
    };
    let quote = packet_v4(
        Ipv4Header {
            source: US_V4,
            destination: PEER_V4,
            ..header_v4()
        },
        &udp,
    );
    let error = [&[3, 4, 0, 0, 0, 0, 5, 0][..], &quote].concat();
    let icmp_v4 = Ipv4Header {
        protocol: Protocol::ICMP_V4,
        ..header_v4()
    };
    let mut fragment = HeaderOctets::new();
    FragmentHeader {
        next_header: Protocol::UDP,
        offset_octets: 16,
        more: true,
        identification: 3,
    }
    .emit(&mut fragment);
    let chained = |first, octets: &[&[u8]]| {
        let header = Ipv6Header {
            next_header: first,
            ..header_v6()
        };
        packet_v6(header, &octets.concat())
    };
    let options = [Protocol::UDP.0, 0, 1, 4, 0, 0, 0, 0];
    let routing = [Protocol::UDP.0, 0, 0, 0, 0, 0, 0, 0];
    std::vec![
        packet_v4(header_v4(), &udp),
        packet_v4(fragment_v4, &[1; 64]),
        packet_v4(icmp_v4, &error),
        packet_v4(icmp_v4, &[8, 0, 0, 0, 1, 2, 3, 4]),
        packet_v6(header_v6(), &udp),
        chained(Protocol::FRAGMENT, &[fragment.as_slice(), &[1; 64]]),
        chained(Protocol::HOP_BY_HOP, &[&options, &udp]),
        chained(Protocol::ROUTING, &[&routing, &udp]),
        chained(
            Protocol::ICMP_V6,
            &[&[1, 4, 0, 0, 0, 0, 0, 0], &packet_v6(header_v6(), &udp)]
        ),
    ]
}

fn mutate(random: &mut Random, octets: &mut Vec<u8>) {
    for _ in 0..=random.below(4) {
        match random.below(4) {
            0 => octets.truncate(random.below(octets.len() as u32 + 1) as usize),
            1 => octets.extend(std::iter::repeat_n(0, random.below(40) as usize)),
            _ => {
                let place = random.below(octets.len() as u32) as usize;
                if let Some(octet) = octets.get_mut(place) {
                    *octet = random.bits_16() as u8;
                }
            }
        }
    }
    // Most mutants should get past the header checksum.
    if octets.len() >= 20 && octets[0] >> 4 == 4 && random.below(8) != 0 {
        let end = (usize::from(octets[0] & 15) * 4).clamp(20, octets.len());
        octets[10..12].fill(0);
        let checksum = crate::wire::checksum::Sum::of(&octets[..end]).checksum();
        octets[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
}

fn may_be_fragment(octets: &[u8]) -> bool {
    match octets.first().map(|octet| octet >> 4) {
        Some(4) => octets
            .get(6..8)
            .is_some_and(|field| field[0] & 0x3f != 0 || field[1] != 0),
        _ => octets.contains(&Protocol::FRAGMENT.0),
    }
}

#[test]
fn no_packet_brings_us_down_and_each_one_thrown_away_is_counted_once() {
    let mut random = Random::new([42; 32]);
    let mut host = Host::new();
    let mut icmp = Icmp::new(&host.around.config, &mut random);
    let seeds = seeds();
    let mut delivered = 0;
    for step in 0..300_000_u64 {
        let mut octets = seeds[step as usize % seeds.len()].clone();
        mutate(&mut random, &mut octets);
        host.now = Instant::from_millis(step / 10);
        let before = host.around.discards.total();
        let input = host.arrives(octets.clone());
        let discarded = host.around.discards.total() - before;
        match input {
            Input::Deliver(mut datagram) => {
                assert_eq!(discarded, 0);
                delivered += 1;
                datagram.checksum = ReceivedChecksum::Vouched;
                let mut cx = host.around.at(host.now);
                icmp.datagram_arrives(&mut cx, &datagram, |address| host.ip.is_ours(address));
                let report = Report::protocol_unknown(&datagram);
                icmp.report(&mut cx, &report, datagram.destination);
            }
            Input::Problem(report) => {
                assert_eq!(discarded, 1);
                let mut cx = host.around.at(host.now);
                icmp.report(&mut cx, &report, report.destination);
            }
            // A fragment may wait, or make others go.
            Input::Nothing if may_be_fragment(&octets) => {}
            Input::Nothing => assert_eq!(discarded, 1),
        }
    }
    assert!(delivered > 30_000, "{delivered}");
}
