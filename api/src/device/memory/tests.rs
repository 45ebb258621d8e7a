use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sidestep_stack::wire::packet::{HeaderOctets, PartialChecksum, ReceivedChecksum, Text};

use super::*;
use crate::device::is_gone;

const PLAIN: MemoryOptions = MemoryOptions {
    mtu_octets: 1_500,
    queue_packets_max: 4,
    queue_octets_max: 4_000,
    offload: Offload::Stack,
};

fn packet(text: &[u8]) -> OutPacket {
    let mut header = HeaderOctets::new();
    header.push(&[0x45; 20]);
    OutPacket {
        header,
        text: Text::from(Bytes::copy_from_slice(text)),
        ..OutPacket::default()
    }
}

fn is_readable(device: &MemoryDevice) -> bool {
    readable_within(device, Duration::ZERO)
}

fn readable_within(device: &MemoryDevice, patience: Duration) -> bool {
    let descriptor = device.descriptor();
    let mut fds = [PollFd::new(&descriptor, PollFlags::IN)];
    let timeout = Timespec {
        tv_sec: patience.as_secs() as i64,
        tv_nsec: i64::from(patience.subsec_nanos()),
    };
    poll(&mut fds, Some(&timeout)).expect("poll works") > 0
}

fn send(device: &mut MemoryDevice, packets: &[OutPacket]) -> VecDeque<OutPacket> {
    let mut batch: VecDeque<_> = packets.iter().cloned().collect();
    device.transmit(&mut batch).expect("the cable is whole");
    batch
}

fn receive(device: &mut MemoryDevice, packets_max: usize) -> Vec<Packet> {
    let mut batch = Vec::new();
    device
        .receive(&mut batch, packets_max)
        .expect("the cable is whole");
    batch
}

#[test]
fn packets_come_out_of_the_other_end_once_and_in_order() {
    let (mut a, mut b) = cable(PLAIN).expect("descriptors are left");
    assert!(!is_readable(&b));
    assert!(receive(&mut b, 8).is_empty(), "none is no error");

    assert!(send(&mut a, &[packet(b"one"), packet(b"two")]).is_empty());
    assert!(is_readable(&b) && !is_readable(&a));

    assert_eq!(receive(&mut b, 1)[0].octets[20..], *b"one");
    assert!(is_readable(&b), "one more waits");
    let last = receive(&mut b, 8);
    assert_eq!(last.len(), 1);
    assert_eq!(last[0].octets[20..], *b"two");
    assert_eq!(last[0].checksum, ReceivedChecksum::Unverified);
    assert!(!is_readable(&b), "nothing waits");
}

#[test]
fn a_full_cable_keeps_packets_with_the_sender_and_calls_when_half_is_free() {
    let (mut a, mut b) = cable(PLAIN).expect("descriptors are left");
    let mut left = send(&mut a, &vec![packet(b"x"); 6]);
    assert_eq!(left.len(), 2);
    assert!(
        !is_readable(&a),
        "a full cable must not make its sender spin"
    );

    receive(&mut b, 1);
    assert!(!is_readable(&a), "three of four are still there");
    receive(&mut b, 1);
    assert!(is_readable(&a), "half of the room is free");
    assert!(receive(&mut a, 8).is_empty());
    assert!(is_readable(&a), "only transmitting takes the signal back");

    a.transmit(&mut left).expect("the cable is whole");
    assert!(left.is_empty());
    assert!(!is_readable(&a));
}

#[test]
fn octets_are_bounded_as_well_as_packets() {
    let (mut a, mut b) = cable(PLAIN).expect("descriptors are left");
    let left = send(&mut a, &vec![packet(&[0; 1_480]); 3]);
    assert_eq!(left.len(), 1, "two times 1,500 octets fit in 4,000");
    assert_eq!(receive(&mut b, 8).len(), 2);
    assert!(is_readable(&a));
}

#[test]
fn a_packet_larger_than_the_whole_queue_goes_alone() {
    let options = MemoryOptions {
        queue_octets_max: 1_000,
        queue_packets_max: 0,
        ..PLAIN
    };
    let (mut a, mut b) = cable(options).expect("descriptors are left");
    let left = send(&mut a, &vec![packet(&[0; 1_480]); 2]);
    assert_eq!(left.len(), 1);
    assert_eq!(receive(&mut b, 8).len(), 1);
    assert!(is_readable(&a));
}

#[test]
fn a_plain_wire_refuses_what_is_over_its_mtu_and_what_is_unfinished() {
    let (mut a, mut b) = cable(PLAIN).expect("descriptors are left");
    let fits = packet(&[0; 1_480]);
    let too_long = packet(&[0; 1_481]);
    let unfinished = OutPacket {
        partial_checksum: Some(PartialChecksum {
            start: 20,
            offset: 16,
        }),
        ..fits.clone()
    };
    let mut batch = VecDeque::from([too_long, fits.clone(), unfinished, fits]);
    let error = a.transmit(&mut batch).expect_err("over the MTU");
    assert!(!is_gone(&error));
    assert_eq!(batch.len(), 3, "the packet that met the error is gone");
    assert!(a.transmit(&mut batch).is_err());
    assert_eq!(batch.len(), 1, "one was sent, one met the error");
    assert!(a.transmit(&mut batch).is_ok());
    assert_eq!(receive(&mut b, 8).len(), 2);
}

#[test]
fn superpackets_and_unfinished_checksums_cross_a_clever_cable() {
    let (mut a, mut b) = cable(MemoryOptions::default()).expect("descriptors are left");
    assert!(a.capabilities().segmentation && a.capabilities().partial_checksum);
    let big = OutPacket {
        partial_checksum: Some(PartialChecksum {
            start: 20,
            offset: 16,
        }),
        segment_octets: Some(1_460),
        ..packet(&[7; 60_000])
    };
    assert!(send(&mut a, std::slice::from_ref(&big)).is_empty());
    let got = receive(&mut b, 8);
    assert_eq!(got[0].octets, big.to_vec());
    assert_eq!(got[0].checksum, ReceivedChecksum::Vouched);
    assert_eq!(got[0].segment_octets, Some(1_460));

    let mut over = VecDeque::from([OutPacket {
        segment_octets: Some(1_481),
        ..big
    }]);
    assert!(a.transmit(&mut over).is_err(), "each part must fit the MTU");
}

#[test]
fn what_was_sent_before_an_end_went_away_is_delivered_and_then_it_is_gone() {
    let (mut a, mut b) = cable(PLAIN).expect("descriptors are left");
    send(&mut a, &[packet(b"last")]);
    drop(a);
    assert!(is_readable(&b));
    let mut unheard = VecDeque::from([packet(b"x"), packet(b"y")]);
    assert!(
        b.transmit(&mut unheard).is_ok(),
        "there is something to receive yet"
    );
    assert!(unheard.is_empty());
    assert_eq!(receive(&mut b, 8).len(), 1);
    assert!(is_readable(&b), "the end is news too");
    let error = b.receive(&mut Vec::new(), 8).expect_err("gone");
    assert!(is_gone(&error));
    let mut batch = VecDeque::from([packet(b"x"), packet(b"y")]);
    assert!(is_gone(&b.transmit(&mut batch).expect_err("gone")));
    assert_eq!(batch.len(), 1);
}

#[test]
fn an_end_that_waits_for_room_is_woken_when_the_other_goes_away() {
    let (mut a, b) = cable(PLAIN).expect("descriptors are left");
    let mut left = send(&mut a, &vec![packet(b"x"); 6]);
    drop(b);
    assert!(is_readable(&a));
    assert!(a.transmit(&mut left).is_err());
}

#[test]
fn a_cable_below_the_least_mtu_is_refused() {
    let with = |mtu_octets| {
        cable(MemoryOptions {
            mtu_octets,
            ..PLAIN
        })
    };
    assert!(with(67).is_err());
    assert!(with(68).is_ok());
}

/// Two threads, a queue that is nearly always full or empty, and sleep only in poll: a lost wake-up
/// stops it, and the poll's patience tells.
#[test]
fn no_wake_up_is_lost_between_two_threads() {
    const PACKETS: u32 = 50_000;
    const PATIENCE: Duration = Duration::from_secs(20);
    let (mut a, mut b) = cable(PLAIN).expect("descriptors are left");

    let sender = thread::spawn(move || {
        let mut batch = VecDeque::new();
        let mut next = 0;
        while next < PACKETS || !batch.is_empty() {
            while batch.len() < 7 && next < PACKETS {
                batch.push_back(packet(&next.to_be_bytes()));
                next += 1;
            }
            a.transmit(&mut batch).expect("the cable is whole");
            if !batch.is_empty() {
                assert!(readable_within(&a, PATIENCE), "no call for room");
            }
        }
        a
    });
    let mut expected = 0_u32;
    while expected < PACKETS {
        assert!(readable_within(&b, PATIENCE), "no call for packets");
        for got in receive(&mut b, 3) {
            assert_eq!(got.octets[20..], expected.to_be_bytes());
            expected += 1;
        }
    }
    drop(sender.join().expect("the sender ends"));
}

#[test]
fn buffers_are_used_again_once_their_packets_are_gone() {
    let mut buffers = Buffers::new();
    let first = buffers.gather(&packet(b"first"));
    let place = first.as_ptr();
    let kept = buffers.gather(&packet(b"kept"));
    drop(first);
    assert_eq!(kept[20..], *b"kept");
    drop(kept);
    let mut seen_again = false;
    for round in 0..10_000_u32 {
        let packet = buffers.gather(&packet(&round.to_be_bytes()));
        assert_eq!(packet[20..], round.to_be_bytes());
        seen_again |= packet.as_ptr() == place;
    }
    assert!(seen_again, "the chunk is taken back");
}
