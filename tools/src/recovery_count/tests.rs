//! The patterns, the device that loses them, the kernel's counters, and the verdict.

use std::collections::VecDeque;

use bytes::Bytes;
use etherparse::PacketBuilder;
use sidestep::device::memory::{MemoryOptions, Offload, cable};
use sidestep::device::{Device as _, OutPacket};
use sidestep_stack::base::Duration;

use super::*;

#[test]
fn a_burst_lies_within_the_transfer_and_the_tail_ends_with_it() {
    for place in Place::ALL {
        for burst in 1..=30 {
            let octets = Pattern { place, burst }.octets();
            assert_eq!(octets.end - octets.start, u64::from(burst) * SEGMENT_OCTETS);
            assert!(octets.start < TRANSFER_OCTETS, "{place}");
            let is_tail = octets.contains(&(TRANSFER_OCTETS - 1));
            assert_eq!(is_tail, place == Place::Tail, "{burst} at {place}");
        }
    }
}

fn packet(seq: u32, syn: bool, octets: usize) -> Bytes {
    let mut builder = PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64).tcp(9, 7, seq, 1_000);
    if syn {
        builder = builder.syn();
    }
    let mut packet = Vec::new();
    builder
        .write(&mut packet, &vec![7; octets])
        .expect("a vector takes all");
    packet.into()
}

#[test]
fn only_the_first_transmission_of_the_burst_is_lost() {
    let plain = MemoryOptions {
        offload: Offload::Stack,
        ..MemoryOptions::default()
    };
    let (mut sender, device) = cable(plain).expect("a cable");
    let mut lossy = BurstLoss::new(device, 2_000..4_000);
    let iss = u32::MAX - 500;
    let at = |octet: u32| iss.wrapping_add(1 + octet);
    let sent = [
        (packet(iss, true, 0), true),
        (packet(at(0), false, 1_000), true),
        (packet(at(1_000), false, 1_000), true),
        (packet(at(2_000), false, 1_000), false),
        (packet(at(3_000), false, 0), true),
        (packet(at(3_000), false, 1_000), false),
        (packet(at(4_000), false, 1_000), true),
        // All of it once more.
        (packet(at(2_000), false, 1_000), true),
        (packet(at(3_000), false, 1_000), true),
    ];
    let mut batch: VecDeque<OutPacket> = sent
        .iter()
        .map(|(packet, _)| OutPacket {
            text: packet.clone().into(),
            ..OutPacket::default()
        })
        .collect();
    sender.transmit(&mut batch).expect("there is room");
    let mut arrived = Vec::new();
    lossy.receive(&mut arrived, 64).expect("it carries");
    let arrived: Vec<Bytes> = arrived.into_iter().map(|it| it.octets).collect();
    let wanted: Vec<Bytes> = sent
        .into_iter()
        .filter_map(|(packet, passes)| passes.then_some(packet))
        .collect();
    assert_eq!(arrived, wanted);
    assert_eq!(lossy.lost_packets(), 2);
}

#[test]
fn the_verdict_compares_timeouts_and_no_run_may_fail() {
    let outcome = |timeouts| Outcome {
        lost: 1,
        timeouts,
        retransmissions: 1,
        time: Duration::from_millis(100),
    };
    let pattern = |burst| Pattern {
        place: Place::Tail,
        burst,
    };
    let mut summary = Summary::default();
    summary.add(Whose::Sidestep, pattern(1), outcome(1));
    // Its other half is missing: it does not count yet.
    assert_eq!(summary.timeouts(), [0, 0]);
    summary.add(Whose::Kernel, pattern(1), outcome(1));
    assert!(summary.is_no_higher());
    summary.add(Whose::Sidestep, pattern(2), outcome(1));
    summary.add(Whose::Kernel, pattern(2), outcome(0));
    assert_eq!(summary.timeouts(), [2, 1]);
    assert!(!summary.is_no_higher());
    summary.add(Whose::Kernel, pattern(2), outcome(1));
    assert!(summary.is_no_higher());
    summary.fail();
    assert!(!summary.is_no_higher());
}
