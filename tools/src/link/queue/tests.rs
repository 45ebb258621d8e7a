use std::net::IpAddr;

use sidestep_stack::base::Duration;

use super::codel::control_law;
use super::*;
use crate::link::{Link, Transit};
use crate::packet::craft::{self, Ip, protocol};

const RATE: &str = "rate=10mbit,queue=100000";

fn link(recipe: &str) -> Link {
    match recipe.parse() {
        Ok(recipe) => Link::new(&recipe, 7),
        Err(error) => panic!("{error}"),
    }
}

/// A packet of `octets` in all, of the flow with this port.
fn packet(port: u16, octets: usize, traffic_class: u8) -> Bytes {
    let [source, destination] = [1, 2].map(|host| IpAddr::from([192, 0, 2, host]));
    let mut ip = Ip::new(source, destination);
    ip.traffic_class = traffic_class;
    let udp = craft::udp(&ip, port, 53, &vec![0; octets - 28]);
    ip.packet(protocol::UDP, &udp).into()
}

/// What a flow sends: so many octets in each packet, one each `gap`.
struct Sender {
    port: u16,
    octets: usize,
    gap: Duration,
}

/// Lets the senders send for `time`; says for each packet that left its port, octets and wait.
fn run(link: &mut Link, senders: &[Sender], time: Duration) -> Vec<(u16, usize, Duration)> {
    let mut next: Vec<Instant> = senders.iter().map(|_| Instant::ZERO).collect();
    let mut sent_at = std::collections::HashMap::new();
    let mut left = Vec::new();
    let end = Instant::ZERO + time;
    loop {
        let (at, who) = next
            .iter()
            .enumerate()
            .map(|(who, at)| (*at, who))
            .min()
            .expect("there is a sender");
        let now = at.min(end);
        while let Some(due) = link.next_deadline().filter(|due| *due <= now) {
            while let Some(Transit::Forward(octets)) = link.next_packet(due) {
                let port = u16::from_be_bytes([octets[20], octets[21]]);
                let number = u32::from_be_bytes([octets[28], octets[29], octets[30], octets[31]]);
                let sent: Instant = sent_at[&(port, number)];
                left.push((port, octets.len(), due.since(sent)));
            }
        }
        if at >= end {
            return left;
        }
        let sender = &senders[who];
        let mut octets = packet(sender.port, sender.octets, 0).to_vec();
        let number = sent_at.len() as u32;
        octets[28..32].copy_from_slice(&number.to_be_bytes());
        sent_at.insert((sender.port, number), at);
        link.packet_arrives(at, octets.into());
        next[who] = at + sender.gap;
    }
}

fn octets_of(left: &[(u16, usize, Duration)], port: u16) -> usize {
    let ours = left.iter().filter(|(of, _, _)| *of == port);
    ours.map(|(_, octets, _)| octets).sum()
}

#[test]
fn rfc8289_5_5_the_control_law_shortens_the_interval_by_the_root_of_the_count() {
    let interval = Duration::from_millis(100);
    let after = |count| control_law(Instant::from_secs(1), interval, count).as_nanos();
    assert_eq!(after(1), 1_100_000_000);
    assert_eq!(after(2), 1_070_710_678);
    assert_eq!(after(4), 1_050_000_000);
    assert_eq!(after(100), 1_010_000_000);
    assert_eq!(after(0), after(1));
}

/// The moments at which CoDel drops while packets come twice as fast as they leave.
fn drops(link: &mut Link, time: Duration) -> Vec<Instant> {
    let mut drops = Vec::new();
    for at in 0..time.as_micros() as u64 / 500 {
        let now = Instant::from_micros(at * 500);
        while let Some(due) = link.next_deadline().filter(|due| *due <= now) {
            let before = link.counters().lost_codel;
            while link.next_packet(due).is_some() {}
            let after = link.counters().lost_codel;
            drops.extend((before..after).map(|_| due));
        }
        link.packet_arrives(now, packet(1, 1_250, 0));
    }
    drops
}

#[test]
fn rfc8289_4_codel_drops_nothing_until_the_wait_was_above_target_for_an_interval() {
    let mut link = link(&format!("{RATE},aqm=codel"));
    let drops = drops(&mut link, Duration::from_millis(300));
    // Packet n comes at n/2 ms and is taken out at n ms: the tenth has waited for 5 ms.
    assert_eq!(drops.first(), Some(&Instant::from_millis(110)));
}

#[test]
fn rfc8289_5_5_codel_drops_when_the_control_law_says() {
    let mut link = link(&format!("{RATE},aqm=codel"));
    let drops = drops(&mut link, Duration::from_secs(3));
    assert!(drops.len() > 50, "{}", drops.len());
    let interval = Duration::from_millis(100);
    let mut next = drops[0];
    for (count, drop) in (1..).zip(&drops[1..]) {
        next = control_law(next, interval, count);
        // A packet is taken out each millisecond; the next one after the moment is dropped.
        assert!(
            *drop >= next && next.until(*drop) < Duration::from_millis(1),
            "drop {count}"
        );
    }
}

#[test]
fn rfc8289_5_6_codel_leaves_a_queue_of_one_packet_alone_however_slow_the_link_is() {
    // A packet takes 12.5 ms, more than twice the target.
    let mut link = link("rate=800kbit,queue=100000,aqm=codel");
    for at in 0..1_000 {
        link.packet_arrives(Instant::from_micros(at * 12_500), packet(1, 1_250, 0));
    }
    while let Some(at) = link.next_deadline() {
        link.next_packet(at);
    }
    assert_eq!(link.counters().lost_codel, 0);
}

#[test]
fn rfc8289_5_4_codel_stops_to_drop_when_the_wait_is_short_again_and_remembers_its_count() {
    let mut link = link(&format!("{RATE},aqm=codel"));
    drops(&mut link, Duration::from_secs(2));
    while let Some(at) = link.next_deadline() {
        while link.next_packet(at).is_some() {}
    }
    let before = link.counters().lost_codel;
    // Half of the rate: nothing waits.
    let begin = 10_000_000_u64;
    for at in 0..1_000 {
        let now = Instant::from_micros(begin + at * 2_000);
        link.packet_arrives(now, packet(1, 1_250, 0));
    }
    while let Some(at) = link.next_deadline() {
        while link.next_packet(at).is_some() {}
    }
    assert_eq!(link.counters().lost_codel, before);
}

#[test]
fn codel_keeps_the_wait_of_a_slow_enough_sender_near_its_target() {
    // A tenth too fast: tail drop lets them wait for as long as the queue is, CoDel does not.
    let senders = [Sender {
        port: 1,
        octets: 1_250,
        gap: Duration::from_micros(909),
    }];
    let wait_at_the_end = |aqm: &str| {
        let mut link = link(&format!("{RATE},aqm={aqm}"));
        let left = run(&mut link, &senders, Duration::from_secs(20));
        left.last().expect("packets left").2
    };
    assert!(wait_at_the_end("tail-drop") > Duration::from_millis(1_500));
    let wait = wait_at_the_end("codel");
    assert!(wait < Duration::from_millis(200), "{wait:?}");
}

#[test]
fn rfc3168_5_codel_marks_what_is_capable_and_drops_the_rest() {
    for (traffic_class, ecn) in [(0b10, "on"), (0, "on"), (0b10, "off")] {
        let mut link = link(&format!("{RATE},aqm=codel,ecn={ecn}"));
        let mut marked = 0;
        for at in 0..4_000 {
            let now = Instant::from_micros(at * 500);
            while let Some(Transit::Forward(octets)) = link.next_packet(now) {
                crate::packet::seen::Seen::read(&octets);
                marked += u64::from(octets[1] & 3 == 3);
            }
            link.packet_arrives(now, packet(1, 1_250, traffic_class));
        }
        let counters = link.counters();
        if traffic_class != 0 && ecn == "on" {
            assert!(marked > 30 && counters.lost_codel == 0, "{counters:?}");
        } else {
            assert!(marked == 0 && counters.lost_codel > 30, "{counters:?}");
        }
        assert!(counters.marked.abs_diff(marked) <= 1);
    }
}

#[test]
fn marks_come_as_often_as_drops_would() {
    let count = |traffic_class| {
        let mut link = link(&format!("{RATE},aqm=codel,ecn=on"));
        for at in 0..2_000 {
            let now = Instant::from_micros(at * 500);
            while link.next_packet(now).is_some() {}
            link.packet_arrives(now, packet(1, 1_250, traffic_class));
        }
        link.counters().marked + link.counters().lost_codel
    };
    let (marks, drops): (u64, u64) = (count(0b01), count(0));
    assert!(marks > 10 && marks.abs_diff(drops) <= 1, "{marks} {drops}");
}

#[test]
fn a_threshold_marks_what_finds_the_queue_longer_and_nothing_before() {
    let mut link = link("rate=10mbit,queue=10,mark=3");
    for _ in 0..8 {
        link.packet_arrives(Instant::ZERO, packet(1, 1_250, 0b10));
    }
    // The first is being sent, three wait unmarked, four are marked.
    let mut marks = Vec::new();
    while let Some(at) = link.next_deadline() {
        while let Some(Transit::Forward(octets)) = link.next_packet(at) {
            marks.push(octets[1] & 3 == 3);
        }
    }
    assert_eq!(marks, [false, false, false, false, true, true, true, true]);
    assert_eq!(link.counters().marked, 4);
}

#[test]
fn rfc8290_two_flows_share_a_link_however_much_more_one_of_them_sends() {
    let senders = [
        Sender {
            port: 1,
            octets: 1_000,
            gap: Duration::from_micros(100),
        },
        Sender {
            port: 2,
            octets: 1_000,
            gap: Duration::from_micros(1_000),
        },
    ];
    let share_of_second = |aqm: &str| {
        let mut link = link(&format!("rate=10mbit,queue=1000,aqm={aqm}"));
        let left = run(&mut link, &senders, Duration::from_secs(10));
        octets_of(&left, 2) * 1_000 / (octets_of(&left, 1) + octets_of(&left, 2))
    };
    let fair = share_of_second("fq-codel");
    assert!(fair.abs_diff(500) < 30, "{fair}");
    assert!(share_of_second("tail-drop") < 200);
}

#[test]
fn rfc8290_the_share_is_counted_in_octets_and_not_in_packets() {
    let senders = [
        Sender {
            port: 1,
            octets: 1_500,
            gap: Duration::from_micros(600),
        },
        Sender {
            port: 2,
            octets: 150,
            gap: Duration::from_micros(60),
        },
    ];
    let mut link = link("rate=10mbit,queue=10000,aqm=fq-codel");
    let left = run(&mut link, &senders, Duration::from_secs(5));
    let (large, small) = (octets_of(&left, 1), octets_of(&left, 2));
    assert!(
        (large * 1_000 / small).abs_diff(1_000) < 60,
        "{large} {small}"
    );
}

#[test]
fn rfc8290_a_sparse_flow_does_not_wait_behind_a_standing_queue() {
    let senders = [
        Sender {
            port: 1,
            octets: 1_500,
            gap: Duration::from_micros(600),
        },
        Sender {
            port: 2,
            octets: 100,
            gap: Duration::from_millis(50),
        },
    ];
    let mut link = link("rate=10mbit,queue=100,aqm=fq-codel");
    let left = run(&mut link, &senders, Duration::from_secs(10));
    let sparse: Vec<Duration> = left
        .iter()
        .filter(|(port, _, _)| *port == 2)
        .map(|(_, _, wait)| *wait)
        .collect();
    // All arrive, and none waits for more than the packet that is being sent and itself: 1.28 ms.
    assert_eq!(sparse.len(), 200);
    // But for the first one, which came when the other flow was as new as itself.
    let longest = sparse[1..].iter().max().expect("there are some");
    assert!(*longest <= Duration::from_micros(1_281), "{longest:?}");
}

#[test]
fn rfc8290_4_1_a_full_queue_takes_from_the_head_of_the_longest_flow() {
    let mut fair = Fair::new(7);
    let (recipe, mut counters) = (
        "rate=1mbit,queue=10,aqm=fq-codel"
            .parse()
            .expect("a recipe"),
        Counters::default(),
    );
    for number in 0..8 {
        fair.push(
            Instant::ZERO,
            &recipe,
            &mut counters,
            packet(1, 100 + number, 0),
        );
    }
    for number in 0..2 {
        fair.push(
            Instant::ZERO,
            &recipe,
            &mut counters,
            packet(2, 100 + number, 0),
        );
    }
    assert_eq!(counters.lost_queue_full, 0);
    fair.push(Instant::ZERO, &recipe, &mut counters, packet(2, 102, 0));
    // Half of the first flow's 828 octets, from its head: five packets are 510.
    assert_eq!(counters.lost_queue_full, 5);
    let mut lengths = Vec::new();
    while let Some(packet) = fair.pop(Instant::ZERO, &recipe, &mut counters) {
        lengths.push((packet[21], packet.len()));
    }
    lengths.sort_unstable();
    assert_eq!(
        lengths,
        [(1, 105), (1, 106), (1, 107), (2, 100), (2, 101), (2, 102)]
    );
    assert_eq!((fair.packets(), fair.octets()), (0, 0));
}

#[test]
fn a_full_queue_of_empty_packets_takes_one_out() {
    let mut fair = Fair::new(7);
    let recipe = "rate=1mbit,queue=1,aqm=fq-codel".parse().expect("a recipe");
    let mut counters = Counters::default();
    for octets in [&[][..], &[0x45], &[], &[0x60]] {
        let octets = Bytes::copy_from_slice(octets);
        fair.push(Instant::ZERO, &recipe, &mut counters, octets);
    }
    assert_eq!((fair.packets(), counters.lost_queue_full), (1, 3));
}

#[test]
fn a_flow_is_one_whatever_its_packets_hold_and_fragments_stay_together() {
    let fair = Fair::new(7);
    let number = |packet: &[u8]| fair.number_of(packet, 65_536);
    let one = packet(1, 100, 0);
    assert_eq!(number(&one), number(&packet(1, 1_400, 0b11)));
    assert_ne!(number(&one), number(&packet(2, 100, 0)));
    let ip = Ip::new([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    let pieces = ip.fragments(protocol::UDP, &craft::udp(&ip, 1, 53, &[7; 100]), 48);
    assert!(
        pieces
            .windows(2)
            .all(|pair| number(&pair[0]) == number(&pair[1]))
    );
    let v6 = |port| {
        let [source, destination] =
            [1, 2].map(|host| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host]));
        let ip = Ip::new(source, destination);
        ip.packet(protocol::UDP, &craft::udp(&ip, port, 53, b"text"))
    };
    assert_eq!(number(&v6(1)), number(&v6(1)));
    assert_ne!(number(&v6(1)), number(&v6(2)));
    assert_ne!(number(&v6(1)), Fair::new(8).number_of(&v6(1), 65_536));
}
