use bytes::Bytes;
use sidestep_stack::base::{Duration, Instant};

use crate::link::{Link, Transit};

fn link(recipe: &str) -> Link {
    match recipe.parse() {
        Ok(recipe) => Link::new(&recipe, 7),
        Err(error) => panic!("{error}"),
    }
}

fn packet(octets: usize) -> Bytes {
    vec![0; octets].into()
}

/// When each packet that is in the link leaves, in microseconds.
fn drain(link: &mut Link) -> Vec<u64> {
    let mut all = Vec::new();
    while let Some(at) = link.next_deadline() {
        while let Some(Transit::Forward(_)) = link.next_packet(at) {
            all.push(at.as_micros());
        }
    }
    all
}

#[test]
fn a_packet_leaves_when_its_last_bit_has_and_not_a_nanosecond_before() {
    let mut link = link("rate=10mbit");
    link.packet_arrives(Instant::from_millis(3), packet(1_250));
    assert_eq!(link.next_packet(Instant::from_nanos(3_999_999)), None);
    assert_eq!(link.next_deadline(), Some(Instant::from_millis(4)));
    assert!(link.next_packet(Instant::from_millis(4)).is_some());
    assert_eq!(link.next_deadline(), None);
}

#[test]
fn packets_leave_one_after_another_and_the_link_rests_between() {
    let mut link = link("rate=10mbit");
    for at in [0, 0, 500, 10_000] {
        link.packet_arrives(Instant::from_micros(at), packet(1_250));
    }
    assert_eq!(drain(&mut link), [1_000, 2_000, 3_000, 11_000]);
}

#[test]
fn the_delay_begins_when_the_packet_has_left_the_queue() {
    let mut link = link("rate=10mbit,delay=20ms");
    link.packet_arrives(Instant::ZERO, packet(1_250));
    link.packet_arrives(Instant::ZERO, packet(1_250));
    assert_eq!(drain(&mut link), [21_000, 22_000]);
}

#[test]
fn a_queue_of_packets_holds_its_limit_beside_the_one_that_is_being_sent() {
    let mut link = link("rate=10mbit,queue=2");
    for _ in 0..4 {
        link.packet_arrives(Instant::ZERO, packet(1_250));
    }
    assert_eq!(link.counters().lost_queue_full, 1);
    assert_eq!(link.held_packets(), 3);
    assert_eq!(link.held_octets(), 3_750);
    // One has left: there is room for one.
    link.packet_arrives(Instant::from_millis(1), packet(1_250));
    link.packet_arrives(Instant::from_millis(1), packet(1_250));
    assert_eq!(link.counters().lost_queue_full, 2);
    assert_eq!(drain(&mut link), [1_000, 2_000, 3_000, 4_000]);
    assert_eq!((link.held_packets(), link.held_octets()), (0, 0));
}

#[test]
fn a_queue_of_octets_holds_its_limit_and_not_an_octet_more() {
    let mut link = link("rate=10mbit,queue=2000B");
    link.packet_arrives(Instant::ZERO, packet(1_250));
    link.packet_arrives(Instant::ZERO, packet(1_250));
    link.packet_arrives(Instant::ZERO, packet(751));
    assert_eq!(link.counters().lost_queue_full, 1);
    link.packet_arrives(Instant::ZERO, packet(750));
    assert_eq!(link.counters().lost_queue_full, 1);
    link.packet_arrives(Instant::ZERO, packet(1));
    assert_eq!(link.counters().lost_queue_full, 2);
}

#[test]
fn a_rate_is_kept_over_many_packets() {
    let mut link = link("rate=7mbit,queue=100000");
    for _ in 0..10_000 {
        link.packet_arrives(Instant::ZERO, packet(1_500));
    }
    // 10,000 packets of 12,000 bits at 7 Mbit/s; each is rounded up to a nanosecond.
    let last = drain(&mut link).pop().expect("they left");
    assert!(last.abs_diff(17_142_857) <= 10, "{last}");
}

#[test]
fn every_opportunity_of_a_trace_lets_an_mtu_out() {
    let mut link = link("trace=5+10+10+20");
    for _ in 0..6 {
        link.packet_arrives(Instant::ZERO, packet(1_500));
    }
    assert_eq!(
        drain(&mut link),
        [5_000, 10_000, 10_000, 20_000, 25_000, 30_000]
    );
}

#[test]
fn small_packets_share_an_opportunity_and_a_large_one_takes_several() {
    let mut link = link("trace=5+10+15");
    for octets in [700, 700, 200, 1_400, 1_500, 4_000] {
        link.packet_arrives(Instant::ZERO, packet(octets));
    }
    // At 5: 1,500 of 8,500 octets, of which 100 are of the third packet; and so on.
    assert_eq!(
        drain(&mut link),
        [5_000, 5_000, 10_000, 10_000, 15_000, 30_000]
    );
}

#[test]
fn an_opportunity_that_nobody_takes_is_lost() {
    let mut link = link("trace=1+2+3+4+5");
    link.packet_arrives(Instant::from_micros(3_500), packet(1_500));
    link.packet_arrives(Instant::from_micros(3_500), packet(1_500));
    assert_eq!(drain(&mut link), [4_000, 5_000]);
    link.packet_arrives(Instant::from_secs(1_000), packet(1_500));
    link.packet_arrives(Instant::from_secs(1_000), packet(1_500));
    assert_eq!(drain(&mut link), [1_000_000_000, 1_000_001_000]);
}

#[test]
fn the_rate_of_a_trace_is_the_rate_that_is_measured() {
    let mut link = link("trace=1,queue=100000");
    for _ in 0..5_000 {
        link.packet_arrives(Instant::ZERO, packet(1_500));
    }
    // 1,500 octets each millisecond are 12 Mbit/s.
    let last = drain(&mut link).pop();
    assert_eq!(last, Some(5_000_000));
}

#[test]
fn what_a_queue_drops_does_not_stay_in_the_count_of_what_is_held() {
    for aqm in ["tail-drop", "codel", "fq-codel"] {
        let mut link = link(&format!("rate=10mbit,queue=50,aqm={aqm}"));
        for at in 0..2_000 {
            link.packet_arrives(Instant::from_micros(at * 500), packet(1_250));
        }
        drain(&mut link);
        assert_eq!((link.held_packets(), link.held_octets()), (0, 0), "{aqm}");
        let counters = link.counters();
        assert!(counters.lost() > 0, "{aqm}");
        assert_eq!(counters.arrived, counters.forwarded + counters.lost());
    }
}

#[test]
fn a_burst_of_arrivals_before_a_late_look_leaves_as_if_it_had_been_watched() {
    let recipe = "rate=10mbit,queue=20,aqm=codel,target=1ms,interval=5ms,delay=3ms";
    let (mut watched, mut late) = (link(recipe), link(recipe));
    let mut seen = Vec::new();
    for at in 0..400_u64 {
        let now = Instant::from_micros(at * 700);
        while let Some(due) = watched.next_deadline().filter(|due| *due <= now) {
            while let Some(Transit::Forward(packet)) = watched.next_packet(due) {
                seen.push(packet);
            }
        }
        watched.packet_arrives(now, packet(1_000 + at as usize));
        late.packet_arrives(now, packet(1_000 + at as usize));
    }
    let end = Instant::ZERO + Duration::from_secs(10);
    let rest = |link: &mut Link| {
        std::iter::from_fn(|| link.next_packet(end))
            .map(|transit| transit.octets().clone())
            .collect::<Vec<Bytes>>()
    };
    seen.extend(rest(&mut watched));
    assert_eq!(seen, rest(&mut late));
    assert_eq!(watched.counters(), late.counters());
    assert!(late.counters().lost_codel > 0);
}
