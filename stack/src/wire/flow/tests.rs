use std::vec::Vec;

use super::*;

fn v4(protocol: u8, more_and_offset: u16) -> Vec<u8> {
    let mut packet = std::vec![0_u8; 28];
    packet[0] = 0x45;
    packet[6..8].copy_from_slice(&more_and_offset.to_be_bytes());
    packet[9] = protocol;
    packet[12..16].copy_from_slice(&[192, 0, 2, 1]);
    packet[16..20].copy_from_slice(&[192, 0, 2, 2]);
    packet[20..24].copy_from_slice(&[0, 7, 0, 9]);
    packet
}

#[test]
fn ports_are_those_of_the_first_part_only() {
    let flow = Flow::of(&v4(6, 0x4000)).unwrap();
    assert_eq!(flow.source, "192.0.2.1:7".parse().unwrap());
    assert_eq!(flow.destination, "192.0.2.2:9".parse().unwrap());
    assert_eq!(flow.reversed().source, flow.destination);
    assert_eq!((flow.transport_at, flow.fragment), (20, Fragment::Whole));

    assert_eq!(Flow::of(&v4(17, 0x2000)).unwrap().source.port(), 7);
    let later = Flow::of(&v4(17, 0x2001)).unwrap();
    assert_eq!((later.source.port(), later.fragment), (0, Fragment::Later));
    assert_eq!(Flow::of(&v4(1, 0)).unwrap().source.port(), 0, "ICMP");
}

#[test]
fn extension_headers_are_looked_behind_but_not_without_end() {
    let mut packet = std::vec![0_u8; 40];
    packet[0] = 0x60;
    packet[6] = 0;
    for next in [60, 44, 6] {
        packet.extend([next, 0, 0, 0, 0, 0, 0, 0]);
    }
    packet.extend([0, 7, 0, 9]);
    let flow = Flow::of(&packet).unwrap();
    assert_eq!((flow.protocol, flow.transport_at), (Protocol::TCP, 64));
    assert_eq!(flow.destination.port(), 9);

    let mut endless = std::vec![0_u8; 4_000];
    endless[0] = 0x60;
    assert_eq!(Flow::of(&endless).unwrap().protocol, Protocol(0));
}

#[test]
fn octets_of_any_length_do_no_harm() {
    for packet in [v4(6, 0), std::vec![0x60; 64]] {
        for end in 0..packet.len() {
            let _ = Flow::of(&packet[..end]);
        }
    }
    assert_eq!(Flow::of(&[]), None);
    assert_eq!(Flow::of(&[0; 60]), None, "version 0");
}
