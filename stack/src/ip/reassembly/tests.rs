use core::net::Ipv4Addr;

use super::*;
use crate::config::Config;
use crate::context::Surroundings;

const HEADER_OCTETS: usize = 20;
const START: Instant = Instant::from_secs(10);

struct Bench {
    reassembly: Reassembly,
    around: Surroundings,
    now: Instant,
}

impl Bench {
    fn new(config: Config) -> Self {
        let mut around = Surroundings::new(config, 3);
        Self {
            reassembly: Reassembly::new(&mut around.random),
            around,
            now: START,
        }
    }

    fn arrives(&mut self, fragment: &Fragment) -> Option<Whole> {
        let mut cx = self.around.at(self.now);
        match self.reassembly.fragment_arrives(&mut cx, fragment) {
            Outcome::Taken => None,
            Outcome::Whole(whole) => Some(whole),
        }
    }

    fn time_passes(&mut self, to: Instant) {
        self.now = to;
        let mut cx = self.around.at(to);
        self.reassembly.time_passes(&mut cx);
    }

    fn count(&self, reason: Discard) -> u64 {
        self.around.discards.get(reason)
    }
}

fn bench() -> Bench {
    Bench::new(Config::default())
}

fn key(identification: u32) -> Key {
    Key {
        source: Ipv4Addr::new(192, 0, 2, 2).into(),
        destination: Ipv4Addr::new(192, 0, 2, 1).into(),
        protocol: Some(Protocol::UDP),
        identification,
    }
}

/// Octets that tell where they belong.
fn text(range: core::ops::Range<usize>) -> Vec<u8> {
    range.map(|place| (place / 8 % 251) as u8).collect()
}

fn piece(identification: u32, range: core::ops::Range<usize>, position: Position) -> Fragment {
    let mut packet = alloc::vec![0xee; HEADER_OCTETS];
    packet.extend(text(range.clone()));
    Fragment {
        key: key(identification),
        cast: Cast::Unicast,
        position,
        offset: range.start,
        packet: Bytes::from(packet),
        payload_at: HEADER_OCTETS,
        counted_header_octets: HEADER_OCTETS,
        head: Head {
            protocol: Protocol::UDP,
            protocol_pointer: 9,
            hop_limit: 64,
            traffic_class: TrafficClass::default(),
            kept_octets: 0,
        },
    }
}

fn more(identification: u32, range: core::ops::Range<usize>) -> Fragment {
    piece(identification, range, Position::More)
}

fn last(identification: u32, range: core::ops::Range<usize>) -> Fragment {
    piece(identification, range, Position::Last)
}

fn with_ecn(mut fragment: Fragment, ecn: Ecn) -> Fragment {
    fragment.head.traffic_class = TrafficClass::new(10, ecn);
    fragment
}

#[test]
fn rfc1122_16_the_longest_datagram_comes_together_in_any_order() {
    let octets = 65_535 - HEADER_OCTETS;
    for start in 0..45 {
        let mut bench = bench();
        let mut whole = None;
        // 13 has no common divisor with 45: all pieces come, in a scattered order.
        for step in 0..45 {
            let place = (start + 13 * step) % 45 * 1_480;
            let end = (place + 1_480).min(octets);
            let fragment = if end == octets {
                last(1, place..end)
            } else {
                more(1, place..end)
            };
            assert!(whole.is_none());
            whole = bench.arrives(&fragment);
        }
        assert_eq!(whole.unwrap().octets, text(0..octets));
        assert_eq!(bench.reassembly.cost_octets(), 0);
        assert_eq!(bench.around.discards.total(), 0);
    }
}

#[test]
fn rfc791_01_each_part_of_the_key_tells_datagrams_apart() {
    let mut bench = bench();
    let mut others = [more(1, 0..8), more(1, 0..8), more(1, 0..8), more(2, 0..8)];
    others[0].key.source = Ipv4Addr::new(192, 0, 2, 3).into();
    others[1].key.destination = Ipv4Addr::new(192, 0, 2, 4).into();
    others[2].key.protocol = Some(Protocol::TCP);
    for other in &others {
        assert!(bench.arrives(other).is_none());
    }
    assert!(bench.arrives(&last(1, 8..16)).is_none());
    assert!(bench.arrives(&more(1, 0..8)).is_some());
    for other in &others {
        let mut end = last(1, 8..9);
        end.key = other.key;
        assert!(bench.arrives(&end).is_some());
    }
}

#[test]
fn rfc791_02_and_bad_02_a_datagram_never_ends_beyond_65535() {
    for (end, refused) in [(65_515, 0), (65_516, 1), (65_628, 1)] {
        let mut bench = bench();
        assert!(bench.arrives(&more(1, 0..8)).is_none());
        assert!(bench.arrives(&last(1, 65_512..end)).is_none());
        assert_eq!(bench.count(Discard::FragmentTooLong), refused);
        // What comes later is thrown away with it.
        bench.arrives(&more(1, 8..16));
        assert_eq!(bench.count(Discard::FragmentTooLong), refused * 2);
    }
}

#[test]
fn rfc791_03_and_06_impossible_lengths_are_dropped() {
    let mut bench = bench();
    bench.arrives(&more(1, 0..13));
    bench.arrives(&more(1, 0..0));
    bench.arrives(&last(1, 8..8));
    assert_eq!(bench.count(Discard::FragmentMalformed), 3);
    assert_eq!(bench.reassembly.cost_octets(), 0);
    assert!(bench.arrives(&more(1, 0..16)).is_none());
    assert!(bench.arrives(&last(1, 16..29)).is_some());
}

#[test]
fn rfc791_05_two_ends_or_octets_beyond_the_end_drop_everything() {
    let cases = [
        [last(1, 8..16), last(1, 16..24)],
        [last(1, 16..24), last(1, 8..16)],
        [last(1, 8..16), more(1, 16..24)],
        [last(1, 8..16), more(1, 8..16)],
        [more(1, 16..24), last(1, 8..16)],
        [more(1, 8..16), last(1, 8..16)],
    ];
    for case in cases {
        let mut bench = bench();
        for fragment in &case {
            assert!(bench.arrives(fragment).is_none());
        }
        assert!(bench.arrives(&more(1, 0..8)).is_none(), "{case:?}");
        assert!(bench.arrives(&last(1, 24..32)).is_none(), "{case:?}");
        assert!(bench.around.discards.total() >= 2);
    }
}

#[test]
fn bad_03_any_overlap_drops_the_whole_datagram_and_what_still_comes() {
    // Pieces at 8..24 and 32..48; each of these overlaps one of them by at least one unit.
    for range in [
        0..16,
        16..24,
        16..32,
        8..16,
        0..32,
        24..40,
        40..48,
        24..56,
        0..64,
    ] {
        let mut bench = bench();
        bench.arrives(&more(1, 8..24));
        bench.arrives(&more(1, 32..48));
        bench.arrives(&more(1, range.clone()));
        assert_eq!(bench.count(Discard::FragmentOverlap), 1, "{range:?}");
        for rest in [more(1, 0..8), more(1, 24..32), last(1, 48..50)] {
            assert!(bench.arrives(&rest).is_none());
        }
        assert_eq!(bench.count(Discard::FragmentOverlap), 4, "{range:?}");
        // Nobody is told, and the key is free again once the timer has ended.
        bench.time_passes(START + Duration::from_secs(60));
        assert!(bench.reassembly.next_report().is_none());
        assert_eq!(bench.reassembly.cost_octets(), 0);
        bench.arrives(&more(1, 0..8));
        assert!(bench.arrives(&last(1, 8..16)).is_some());
    }
}

#[test]
fn bad_03_random_overlaps_never_deliver_mixed_octets() {
    let mut random = Random::new([77; 32]);
    for identification in 0..1_000 {
        let mut bench = bench();
        for _ in 0..12 {
            let start = random.below(8) as usize * 8;
            let end = start + 8 + random.below(3) as usize * 8;
            let mut fragment = if end >= 64 {
                last(identification, start..64)
            } else {
                more(identification, start..end)
            };
            // Half of the fragments carry forged octets.
            let forged = random.below(2) == 0;
            if forged {
                let mut packet = fragment.packet.to_vec();
                packet[HEADER_OCTETS..].fill(0xbb);
                fragment.packet = Bytes::from(packet);
            }
            if let Some(whole) = bench.arrives(&fragment) {
                // Every octet came once: overlaps would have ended the datagram.
                assert_eq!(bench.count(Discard::FragmentOverlap), 0);
                assert_eq!(whole.octets.len(), 64);
            }
        }
    }
}

#[test]
fn bad_04_an_exact_duplicate_is_tolerated_and_a_forged_one_is_not() {
    let mut bench = bench();
    bench.arrives(&more(1, 0..16));
    bench.arrives(&more(1, 0..16));
    bench.arrives(&last(1, 32..40));
    bench.arrives(&last(1, 32..40));
    assert_eq!(bench.count(Discard::FragmentDuplicate), 2);
    assert_eq!(bench.arrives(&more(1, 16..32)).unwrap().octets, text(0..40));

    let mut forged = more(2, 0..16);
    bench.arrives(&forged);
    let mut packet = forged.packet.to_vec();
    packet[HEADER_OCTETS + 3] ^= 1;
    forged.packet = Bytes::from(packet);
    bench.arrives(&forged);
    assert_eq!(bench.count(Discard::FragmentOverlap), 1);
    assert!(bench.arrives(&last(2, 16..24)).is_none());
}

#[test]
fn rfc1122_17_the_timer_runs_from_the_fragment_that_came_first() {
    let mut bench = bench();
    bench.arrives(&last(1, 16..24));
    bench.now = START + Duration::from_secs(59);
    bench.arrives(&more(1, 0..8));
    bench.time_passes(Instant::from_nanos(
        (START + Duration::from_secs(60)).as_nanos() - 1,
    ));
    assert_eq!(bench.count(Discard::FragmentTimeout), 0);
    bench.time_passes(START + Duration::from_secs(60));
    assert_eq!(bench.count(Discard::FragmentTimeout), 1);
    // Fragment zero came, so the sender may be told; it is what is quoted.
    let report = bench.reassembly.next_report().unwrap();
    assert_eq!(report.problem, Problem::ReassemblyTimeout);
    assert_eq!(report.packet, more(1, 0..8).packet);
    assert!(bench.reassembly.next_report().is_none());
    assert_eq!(
        bench.reassembly.next_deadline(Duration::from_secs(60)),
        None
    );
}

#[test]
fn rfc1122_17_without_fragment_zero_nobody_is_told() {
    let mut bench = bench();
    bench.arrives(&more(1, 16..24));
    bench.time_passes(START + Duration::from_secs(60));
    assert_eq!(bench.count(Discard::FragmentTimeout), 1);
    assert!(bench.reassembly.next_report().is_none());
}

#[test]
fn rfc8200_07_a_fragment_that_comes_after_the_timer_begins_a_new_datagram() {
    let mut bench = bench();
    bench.arrives(&more(1, 0..8));
    bench.now = START + Duration::from_secs(60);
    assert!(bench.arrives(&last(1, 8..16)).is_none());
    assert_eq!(bench.count(Discard::FragmentTimeout), 1);
    // A report waits to be taken, so the deadline is now.
    let timeout = Duration::from_secs(60);
    assert_eq!(bench.reassembly.next_deadline(timeout), Some(Instant::ZERO));
    assert!(bench.reassembly.next_report().is_some());
    assert_eq!(
        bench.reassembly.next_deadline(timeout),
        Some(bench.now + timeout)
    );
    assert!(bench.arrives(&more(1, 0..8)).is_some());
}

#[test]
fn bad_05_a_flood_of_fragments_stays_within_its_memory_and_lets_others_through() {
    let mut bench = bench();
    let octets_max = bench.around.config.reassembly_octets_max as usize;
    for step in 0..1_000_000_u32 {
        let mut fragment = more(step, 8..16);
        fragment.key.source = Ipv4Addr::from_bits(0x0a00_0000 | step).into();
        fragment.offset = 65_528 - (step as usize % 8_000) * 8;
        fragment.offset = fragment.offset.min(65_000 / 8 * 8);
        bench.arrives(&fragment);
        assert!(bench.reassembly.cost_octets() <= octets_max);
        if step % 100_000 == 0 {
            // An honest ping whose fragments come close together.
            assert!(bench.arrives(&more(9_999_999, 0..1_480)).is_none());
            assert!(bench.arrives(&last(9_999_999, 1_480..2_000)).is_some());
        }
    }
    assert!(bench.count(Discard::FragmentMemory) > 900_000);
    let datagrams_max = bench.around.config.reassembly_datagrams_max as usize;
    assert!(bench.reassembly.assemblies.len() <= datagrams_max);
}

#[test]
fn bad_05_octets_are_bounded_as_well_as_datagrams() {
    let mut bench = Bench::new(Config {
        reassembly_octets_max: 65_536,
        ..Config::default()
    });
    for step in 0..200 {
        bench.arrives(&more(step, 0..1_480));
        assert!(bench.reassembly.cost_octets() <= 65_536);
    }
    assert!(bench.count(Discard::FragmentMemory) > 150);
}

#[test]
fn a_datagram_of_too_many_pieces_is_refused() {
    let mut bench = Bench::new(Config {
        reassembly_fragments_max: 4,
        ..Config::default()
    });
    for place in 0..4 {
        bench.arrives(&more(7_000, place * 16..place * 16 + 8));
    }
    assert_eq!(bench.count(Discard::FragmentMemory), 0);
    bench.arrives(&more(7_000, 64..72));
    assert_eq!(bench.count(Discard::FragmentMemory), 1);
    assert!(bench.arrives(&last(7_000, 8..16)).is_none());
}

#[test]
fn a_small_piece_does_not_pin_the_frame_that_it_came_in() {
    let mut bench = bench();
    let frame = Bytes::from(alloc::vec![7; 60_000]);
    let mut fragment = more(1, 8..16);
    fragment.packet = frame.slice(..HEADER_OCTETS + 8);
    bench.arrives(&fragment);
    drop(fragment);
    assert!(frame.is_unique());
    assert!(bench.reassembly.cost_octets() < 1_000);
}

#[test]
fn rfc3168_05_congestion_survives_reassembly_and_a_lie_does_not() {
    use Ecn::{Capable0, Capable1, CongestionExperienced, NotCapable};
    let cases = [
        (
            [Capable0, CongestionExperienced],
            Some(CongestionExperienced),
        ),
        (
            [CongestionExperienced, Capable0],
            Some(CongestionExperienced),
        ),
        ([CongestionExperienced; 2], Some(CongestionExperienced)),
        ([Capable0; 2], Some(Capable0)),
        ([Capable1; 2], Some(Capable1)),
        ([NotCapable; 2], Some(NotCapable)),
        ([NotCapable, CongestionExperienced], None),
        ([CongestionExperienced, NotCapable], None),
    ];
    for ([first, second], expected) in cases {
        let mut bench = bench();
        bench.arrives(&with_ecn(more(1, 0..8), first));
        let whole = bench.arrives(&with_ecn(last(1, 8..16), second));
        let class = whole.map(|whole| whole.head.traffic_class);
        assert_eq!(class.map(TrafficClass::ecn), expected);
        assert!(class.is_none_or(|class| class.dscp() == 10));
        assert_eq!(
            bench.count(Discard::FragmentEcn),
            u64::from(expected.is_none())
        );
        assert_eq!(bench.reassembly.cost_octets(), 0);
    }
}

#[test]
fn the_same_fragments_under_the_same_seed_give_the_same_discards() {
    let run = || {
        let mut bench = Bench::new(Config {
            reassembly_datagrams_max: 8,
            ..Config::default()
        });
        let mut random = Random::new([5; 32]);
        for _ in 0..2_000 {
            let start = random.below(6) as usize * 8;
            bench.arrives(&more(random.below(20), start..start + 8));
        }
        bench.around.discards
    };
    assert_eq!(run(), run());
}
