use std::net::IpAddr;

use bytes::Bytes;

use super::mark;
use crate::packet::craft::{self, Ip, protocol};
use crate::packet::seen::Seen;

fn packet(version: u8, traffic_class: u8) -> Bytes {
    let [source, destination]: [IpAddr; 2] = match version {
        4 => [[192, 0, 2, 1].into(), [192, 0, 2, 2].into()],
        _ => [1, 2].map(|host| [0x2001, 0xdb8, 0, 0, 0, 0, 0, host].into()),
    };
    let mut ip = Ip::new(source, destination);
    ip.traffic_class = traffic_class;
    let udp = craft::udp(&ip, 4_000, 53, b"text");
    ip.packet(protocol::UDP, &udp).into()
}

#[test]
fn rfc3168_5_a_capable_packet_is_marked_and_nothing_else_of_it_changes() {
    for version in [4, 6] {
        // ECT(1) and ECT(0), with a DSCP beside them that must stay.
        for capable in [0b01, 0b10] {
            let before = packet(version, 0xb8 | capable);
            let after = mark(&before).expect("it is capable");
            assert_eq!(after, packet(version, 0xb8 | 0b11));
            Seen::read(&after);
        }
    }
}

#[test]
fn rfc3168_5_a_packet_that_is_not_capable_is_never_marked() {
    for version in [4, 6] {
        assert_eq!(mark(&packet(version, 0xb8)), None);
    }
}

#[test]
fn a_packet_with_the_mark_keeps_it() {
    for version in [4, 6] {
        let marked = packet(version, 0b11);
        assert_eq!(mark(&marked), Some(marked));
    }
}

#[test]
fn what_is_no_packet_is_not_marked() {
    for octets in [&[][..], &[0x45], &[0x45, 2, 0], &[0x60, 0x20], &[0xff; 60]] {
        assert_eq!(mark(&Bytes::copy_from_slice(octets)), None);
    }
}
