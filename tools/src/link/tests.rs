use bytes::Bytes;
use sidestep_stack::base::{Duration, Instant};

use super::*;

const SEED: u64 = 7;

fn link(recipe: &str) -> Link {
    match recipe.parse() {
        Ok(recipe) => Link::new(&recipe, SEED),
        Err(error) => panic!("{error}"),
    }
}

/// Packet `number`, with room for it to be recognised.
fn packet(number: u64) -> Bytes {
    let mut octets = vec![0; 40];
    octets[..8].copy_from_slice(&number.to_be_bytes());
    octets.into()
}

fn number_of(packet: &Bytes) -> u64 {
    let mut octets = [0; 8];
    octets.copy_from_slice(&packet[..8]);
    u64::from_be_bytes(octets)
}

/// All that leaves, each with the moment at which it does.
fn drain(link: &mut Link) -> Vec<(Instant, Bytes)> {
    let mut all = Vec::new();
    while let Some(at) = link.next_deadline() {
        while let Some(transit) = link.next_packet(at) {
            match transit {
                Transit::Forward(packet) => all.push((at, packet)),
                Transit::Back(_) => panic!("nothing was too big"),
            }
        }
    }
    all
}

/// Hands `count` packets in, one each `gap`, and says when which left.
fn run(link: &mut Link, count: u64, gap: Duration) -> Vec<(Instant, Bytes)> {
    for number in 1..=count {
        let now = Instant::from_nanos(gap.as_nanos() as u64 * number);
        link.packet_arrives(now, packet(number));
    }
    drain(link)
}

fn numbers(left: &[(Instant, Bytes)]) -> Vec<u64> {
    left.iter().map(|(_, packet)| number_of(packet)).collect()
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_link_without_a_recipe_hands_out_at_once_what_it_was_given() {
    let mut link = link("");
    link.packet_arrives(Instant::from_millis(5), packet(1));
    assert_eq!(link.next_deadline(), Some(Instant::from_millis(5)));
    assert_eq!(
        link.next_packet(Instant::from_millis(5)),
        Some(Transit::Forward(packet(1)))
    );
    assert_eq!(link.next_packet(Instant::from_millis(5)), None);
    assert_eq!(link.next_deadline(), None);
    assert_eq!(link.held_packets(), 0);
}

#[test]
fn a_packet_is_due_when_its_delay_is_over_and_not_a_nanosecond_before() {
    let mut link = link("delay=20ms");
    link.packet_arrives(Instant::from_millis(1), packet(1));
    assert_eq!(link.next_deadline(), Some(Instant::from_millis(21)));
    assert_eq!(link.next_packet(Instant::from_nanos(20_999_999)), None);
    assert!(link.next_packet(Instant::from_millis(21)).is_some());
}

#[test]
fn packets_of_one_moment_leave_in_the_order_in_which_they_came() {
    let mut link = link("delay=20ms");
    for number in 1..=100 {
        link.packet_arrives(Instant::ZERO, packet(number));
    }
    assert_eq!(numbers(&drain(&mut link)), Vec::from_iter(1..=100));
}

#[test]
fn one_seed_gives_one_outcome_and_another_seed_another() {
    let recipe: Recipe = "loss=10%,duplicate=5%,corrupt=5%,reorder=10%,delay=5ms,jitter=2ms"
        .parse()
        .expect("it is a recipe");
    let outcome = |seed| run(&mut Link::new(&recipe, seed), 1_000, MS);
    assert_eq!(outcome(1), outcome(1));
    assert_ne!(outcome(1), outcome(2));
}

#[test]
fn a_clone_in_mid_flight_does_what_the_original_does() {
    let mut link = link("loss=10%,duplicate=5%,corrupt=5%,reorder=10%,delay=50ms,jitter=20ms");
    for number in 1..=100 {
        link.packet_arrives(Instant::from_millis(number), packet(number));
    }
    let mut fork = link.clone();
    for number in 101..=200 {
        link.packet_arrives(Instant::from_millis(number), packet(number));
        fork.packet_arrives(Instant::from_millis(number), packet(number));
    }
    assert_eq!(drain(&mut link), drain(&mut fork));
    assert_eq!(link.counters(), fork.counters());
}

#[test]
fn what_a_link_does_does_not_depend_on_how_often_it_is_asked() {
    let recipe = "loss=10%,duplicate=5%,corrupt=5%,reorder=20%,hold=3ms,delay=5ms,jitter=2ms";
    let rarely = run(&mut link(recipe), 500, MS);
    let mut often = link(recipe);
    let mut left = Vec::new();
    for tick in 1..=6_000_u64 {
        let now = Instant::from_micros(tick * 100);
        if tick % 10 == 0 && tick / 10 <= 500 {
            often.packet_arrives(now, packet(tick / 10));
        }
        while let Some(Transit::Forward(packet)) = often.next_packet(now) {
            left.push(packet);
        }
    }
    assert_eq!(
        left,
        rarely
            .into_iter()
            .map(|(_, packet)| packet)
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_stage_more_does_not_change_what_the_others_choose() {
    let lost = numbers(&run(&mut link("loss=10%"), 1_000, MS));
    let mut with_more = numbers(&run(
        &mut link("loss=10%,reorder=5%,delay=5ms,jitter=1ms"),
        1_000,
        MS,
    ));
    with_more.sort_unstable();
    assert_eq!(lost, with_more);
}

#[test]
fn the_script_names_the_packets_that_are_lost() {
    let mut link = link("drop=2+5-7+10-");
    assert_eq!(numbers(&run(&mut link, 12, MS)), [1, 3, 4, 8, 9]);
    assert_eq!(link.counters().lost_scripted, 7);
}

#[test]
fn every_nth_packet_is_lost_and_no_other() {
    assert_eq!(numbers(&run(&mut link("every=3"), 7, MS)), [1, 2, 4, 5, 7]);
    assert_eq!(run(&mut link("every=1"), 7, MS), []);
}

/// How many of 100,000 packets are left.
fn left_of_many(recipe: &str) -> u64 {
    let mut link = link(recipe);
    run(&mut link, 100_000, Duration::from_micros(1)).len() as u64
}

#[test]
fn independent_loss_is_as_frequent_as_it_says() {
    // Three standard deviations of a binomial distribution.
    assert!(left_of_many("loss=10%").abs_diff(90_000) < 285);
    assert!(left_of_many("loss=0.1%").abs_diff(99_900) < 30);
    assert_eq!(left_of_many("loss=100%"), 0);
    assert_eq!(left_of_many("loss=0%"), 100_000);
}

#[test]
fn independent_loss_hits_after_a_loss_as_often_as_after_none() {
    let left = numbers(&run(
        &mut link("loss=20%"),
        100_000,
        Duration::from_micros(1),
    ));
    let mut is_lost = vec![true; 100_001];
    for number in left {
        is_lost[number as usize] = false;
    }
    let pairs = is_lost[1..].windows(2).filter(|pair| pair[0] && pair[1]);
    assert!((pairs.count() as u64).abs_diff(4_000) < 250);
}

#[test]
fn bursts_are_as_long_and_as_frequent_as_the_two_chances_say() {
    let left = numbers(&run(
        &mut link("gilbert=1%/25%"),
        100_000,
        Duration::from_micros(1),
    ));
    // Lost: 1 / (1 + 25) of all. Bursts: a loss ends one with 25 %, so they are 4 packets long.
    let lost = 100_000 - left.len() as u64;
    assert!(lost.abs_diff(3_846) < 350, "{lost}");
    let bursts = left.windows(2).filter(|pair| pair[1] > pair[0] + 1).count() as u64;
    assert!((lost * 10 / bursts).abs_diff(40) < 4, "{lost} in {bursts}");
}

#[test]
fn the_states_of_a_bursty_link_have_the_losses_that_were_given() {
    // It is bad for half of the time and loses half of that, and a tenth of the rest.
    assert!(left_of_many("gilbert=10%/10%/50%/10%").abs_diff(70_000) < 1_000);
    // It never turns bad.
    assert_eq!(left_of_many("gilbert=0%/100%"), 100_000);
    // It turns bad after the first packet and stays so.
    assert_eq!(left_of_many("gilbert=100%/0%"), 1);
}

#[test]
fn a_duplicate_is_the_same_packet_once_more() {
    let mut link = link("duplicate=25%");
    let left = numbers(&run(&mut link, 10_000, MS));
    let copies = left.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
    assert!(copies.abs_diff(2_500) < 130, "{copies}");
    assert_eq!(copies, link.counters().duplicated);
    assert_eq!(left.len() as u64, 10_000 + copies);
}

#[test]
fn a_corrupt_packet_differs_in_one_bit_and_every_bit_is_hit() {
    let mut hit = [0_u32; 320];
    let mut link = link("corrupt=100%");
    for (at, (_, octets)) in run(&mut link, 20_000, MS).iter().enumerate() {
        let bits = flipped(&packet(at as u64 + 1), octets);
        assert_eq!(bits.len(), 1);
        hit[bits[0]] += 1;
    }
    assert!(hit.iter().all(|times| *times > 20), "{hit:?}");
}

fn flipped(before: &[u8], after: &[u8]) -> Vec<usize> {
    assert_eq!(before.len(), after.len());
    (0..before.len() * 8)
        .filter(|bit| (before[bit / 8] ^ after[bit / 8]) << (bit % 8) & 0x80 != 0)
        .collect()
}

#[test]
fn a_burst_spans_2_to_15_bits_and_every_length_occurs() {
    let mut spans = [0_u32; 17];
    let mut link = link("corrupt-burst=100%");
    for (at, (_, octets)) in run(&mut link, 10_000, MS).iter().enumerate() {
        let bits = flipped(&packet(at as u64 + 1), octets);
        spans[bits[bits.len() - 1] - bits[0] + 1] += 1;
    }
    assert_eq!(spans.map(|times| times > 300), {
        let mut want = [false; 17];
        want[2..=15].fill(true);
        want
    });
    assert_eq!(spans.iter().sum::<u32>(), 10_000);
}

#[test]
fn a_packet_cut_short_keeps_its_beginning_and_loses_its_end() {
    let mut lengths = [0_u32; 41];
    let mut link = link("truncate=100%");
    for (at, (_, octets)) in run(&mut link, 10_000, MS).iter().enumerate() {
        assert_eq!(octets[..], packet(at as u64 + 1)[..octets.len()]);
        lengths[octets.len()] += 1;
    }
    assert!(lengths[1..40].iter().all(|times| *times > 100));
    assert_eq!((lengths[0], lengths[40]), (0, 0));
}

#[test]
fn garbage_is_as_long_as_the_packet_was() {
    let mut link = link("garbage=100%");
    let left = run(&mut link, 1_000, MS);
    let changed = left.iter().enumerate().filter(|(at, (_, octets))| {
        assert_eq!(octets.len(), 40);
        octets[..] != packet(*at as u64 + 1)[..]
    });
    assert!(changed.count() > 990);
}

#[test]
fn packets_too_short_to_change_do_not_break_the_link() {
    let mut link = link("corrupt=100%,corrupt-burst=100%,truncate=100%,garbage=100%");
    for octets in 0..4 {
        link.packet_arrives(Instant::ZERO, Bytes::from(vec![0x45; octets]));
    }
    let lengths: Vec<usize> = drain(&mut link).iter().map(|(_, p)| p.len()).collect();
    assert_eq!(lengths.len(), 4);
    assert_eq!(lengths[..2], [0, 1]);
}

#[test]
fn a_held_packet_is_overtaken_by_one_at_least_and_by_no_more_than_it_says() {
    let mut link = link("reorder=10%,overtakers=5");
    let left = numbers(&run(&mut link, 10_000, MS));
    let mut by = [0_u32; 7];
    for (place, number) in left.iter().enumerate() {
        // Those that were held themselves overtake nobody, so they do not count.
        let overtakers = left[..place].iter().filter(|before| *before > number);
        by[overtakers.count().min(6)] += 1;
    }
    assert!(by[1..=5].iter().all(|times| *times > 100), "{by:?}");
    assert_eq!(left.len(), 10_000);
}

#[test]
fn with_one_overtaker_a_held_packet_changes_places_with_the_next() {
    // The seed decides which; find the first place where it happened.
    let left = numbers(&run(&mut link("reorder=1%,overtakers=1"), 1_000, MS));
    let swapped = left
        .windows(2)
        .filter(|pair| pair[1] + 1 == pair[0])
        .count();
    assert!(swapped >= 5, "{swapped}");
    let out_of_place = left
        .iter()
        .zip(1_u64..)
        .filter(|(n, at)| n.abs_diff(*at) > 1);
    assert_eq!(out_of_place.count(), 0);
}

#[test]
fn a_packet_that_nobody_overtakes_leaves_when_its_time_is_over() {
    let mut link = link("reorder=100%,hold=30ms,delay=5ms");
    link.packet_arrives(Instant::from_millis(10), packet(1));
    assert_eq!(link.next_packet(Instant::from_millis(44)), None);
    assert_eq!(link.next_deadline(), Some(Instant::from_millis(45)));
    assert!(link.next_packet(Instant::from_millis(45)).is_some());
}

/// The delays of many packets beyond 100 ms, in microseconds, with a jitter of 10 ms.
fn delays(distribution: &str) -> Vec<i64> {
    let recipe = format!("delay=100ms,jitter=10ms,order=free,distribution={distribution}");
    let mut link = link(&recipe);
    let mut delays = vec![0; 20_000];
    for (at, octets) in run(&mut link, 20_000, MS) {
        let number = number_of(&octets);
        let delay = at.since(Instant::from_millis(number));
        delays[number as usize - 1] = delay.as_micros() as i64 - 100_000;
    }
    delays
}

fn mean_and_deviation(delays: &[i64]) -> (i64, i64) {
    let count = delays.len() as i64;
    let mean = delays.iter().sum::<i64>() / count;
    let squares: i64 = delays.iter().map(|delay| (delay - mean).pow(2)).sum();
    (mean, (squares / count).isqrt())
}

/// How many of a thousand are above `limit`.
fn thousandths_above(delays: &[i64], limit: i64) -> usize {
    delays.iter().filter(|delay| **delay > limit).count() * 1_000 / delays.len()
}

#[test]
fn even_jitter_reaches_one_jitter_to_both_sides() {
    let delays = delays("uniform");
    let (mean, deviation) = mean_and_deviation(&delays);
    assert!(
        mean.abs() < 150 && deviation.abs_diff(5_773) < 100,
        "{mean} {deviation}"
    );
    assert!(delays.iter().all(|delay| delay.abs() <= 10_000));
    assert!(delays.iter().any(|delay| *delay > 9_980));
    assert!(delays.iter().any(|delay| *delay < -9_980));
}

#[test]
fn normal_jitter_has_the_standard_deviation_that_was_given() {
    let delays = delays("normal");
    let (mean, deviation) = mean_and_deviation(&delays);
    assert!(
        mean.abs() < 250 && deviation.abs_diff(10_000) < 200,
        "{mean} {deviation}"
    );
    // 159 thousandths lie above one deviation, 23 above two.
    assert!(thousandths_above(&delays, 10_000).abs_diff(159) <= 8);
    assert!(thousandths_above(&delays, 20_000).abs_diff(23) <= 3);
}

#[test]
fn exponential_jitter_only_delays_and_has_the_mean_that_was_given() {
    let delays = delays("exponential");
    let (mean, deviation) = mean_and_deviation(&delays);
    assert!(
        mean.abs_diff(10_000) < 250 && deviation.abs_diff(10_000) < 400,
        "{mean} {deviation}"
    );
    assert!(delays.iter().all(|delay| *delay >= 0));
    // e^-1 and e^-3.
    assert!(thousandths_above(&delays, 10_000).abs_diff(368) <= 10);
    assert!(thousandths_above(&delays, 30_000).abs_diff(50) <= 5);
}

#[test]
fn pareto_jitter_only_delays_and_has_a_heavy_tail() {
    let delays = delays("pareto");
    let (mean, _) = mean_and_deviation(&delays);
    assert!(mean.abs_diff(10_000) < 600, "{mean}");
    assert!(delays.iter().all(|delay| *delay >= 0));
    // (1 + x / 2)^-3 at one, and at eighteen jitters.
    assert!(thousandths_above(&delays, 10_000).abs_diff(296) <= 10);
    assert!(thousandths_above(&delays, 180_000).abs_diff(1) <= 1);
    assert!(delays.iter().all(|delay| *delay <= 1_000_000));
}

#[test]
fn jitter_keeps_the_order_unless_it_is_free_to_change_it() {
    let kept = numbers(&run(&mut link("delay=10ms,jitter=9ms"), 1_000, MS));
    assert!(kept.is_sorted());
    let free = numbers(&run(
        &mut link("delay=10ms,jitter=9ms,order=free"),
        1_000,
        MS,
    ));
    assert!(!free.is_sorted());
}

#[test]
fn jitter_larger_than_the_delay_never_delivers_before_the_packet_came() {
    let mut link = link("delay=1ms,jitter=10ms,order=free");
    for (at, octets) in run(&mut link, 1_000, MS) {
        assert!(at >= Instant::from_millis(number_of(&octets)));
    }
}

#[test]
fn a_link_holds_no_more_packets_than_its_bound() {
    let mut link = link("delay=1000s");
    for _ in 0..=HELD_PACKETS_MAX {
        link.packet_arrives(Instant::ZERO, Bytes::from_static(b"x"));
    }
    assert_eq!(link.held_packets(), HELD_PACKETS_MAX);
    assert_eq!(link.counters().lost_overflow, 1);
}

#[test]
fn every_packet_has_exactly_one_end() {
    let mut link = link(
        "drop=7,every=50,gilbert=1%/25%,loss=5%,duplicate=5%,corrupt=5%,reorder=10%,delay=5ms,\
         jitter=2ms",
    );
    run(&mut link, 10_000, MS);
    let counters = link.counters();
    assert_eq!(
        counters.arrived + counters.duplicated,
        counters.forwarded + counters.lost()
    );
    assert!(counters.lost_every > 150 && counters.lost_gilbert > 0 && counters.lost_random > 0);
}
