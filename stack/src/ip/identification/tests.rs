use super::*;
use core::net::Ipv4Addr;
use std::collections::HashSet;

const US: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3));

fn new() -> Identifications {
    Identifications::new(&mut Random::new([9; 32]))
}

#[test]
fn rfc6864_02_a_lap_has_no_repeats_and_the_next_one_waits_for_the_old_to_die() {
    let mut ids = new();
    let mut seen = HashSet::new();
    for step in 0..65_536_u64 {
        // The second half is used a second after the first.
        let now = Instant::from_secs(step / 32_768);
        let id = ids.next_v4(US, A, Protocol::UDP, now).unwrap();
        assert!(seen.insert(id));
    }
    let just_before = Instant::from_nanos(120_000_000_000 - 1);
    assert_eq!(ids.next_v4(US, A, Protocol::UDP, just_before), None);
    for _ in 0..32_768 {
        assert!(
            ids.next_v4(US, A, Protocol::UDP, Instant::from_secs(120))
                .is_some()
        );
    }
    assert_eq!(
        ids.next_v4(US, A, Protocol::UDP, Instant::from_secs(120)),
        None
    );
    assert!(
        ids.next_v4(US, A, Protocol::UDP, Instant::from_secs(121))
            .is_some()
    );
}

#[test]
fn bad_12_two_observers_see_no_shared_sequence() {
    let mut ids = new();
    let mut seen = [std::vec::Vec::new(), std::vec::Vec::new()];
    for _ in 0..1_000 {
        for (place, peer) in [A, B].into_iter().enumerate() {
            let id = ids.next_v4(US, peer, Protocol::UDP, Instant::ZERO).unwrap();
            seen[place].push(i64::from(id));
        }
    }
    for observed in &seen {
        let small_steps = observed
            .windows(2)
            .filter(|pair| (1..=4).contains(&(pair[1] - pair[0])));
        assert!(small_steps.count() < 10);
    }
    let shared = seen[0]
        .iter()
        .zip(&seen[1])
        .filter(|(a, b)| (*a - *b).abs() < 4);
    assert!(shared.count() < 10);
}

#[test]
fn rfc8200_13_fragment_identifications_do_not_repeat_or_count() {
    let mut ids = new();
    let mut seen = HashSet::new();
    let mut last = 0_u32;
    for _ in 0..10_000 {
        let id = ids.next_v6(US, A, Protocol::UDP);
        assert!(seen.insert(id));
        assert!(id.wrapping_sub(last) > 16);
        last = id;
    }
}
