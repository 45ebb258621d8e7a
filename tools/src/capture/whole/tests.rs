use std::net::SocketAddr;

use sidestep_stack::wire::packet::{Offload, PartialChecksum};

use super::*;
use crate::capture::tests::pair;
use crate::packet::seen::Seen;

/// What `offload` makes of one transfer, as it is on the wire.
fn transfer(offload: Offload, remote: SocketAddr) -> Vec<Vec<u8>> {
    let mut pair = pair(offload);
    pair.connect(remote);
    pair.send(&[9; 20_000]);
    pair.sent.iter().flat_map(sent).collect()
}

const CLEVER: Offload = Offload {
    partial_checksum: true,
    segmentation: true,
};

#[test]
fn superpackets_and_unfinished_checksums_become_the_packets_of_a_plain_device() {
    for remote in ["192.0.2.1:7", "[2001:db8::1]:7"] {
        let remote: SocketAddr = remote.parse().expect("an address");
        let plain = transfer(Offload::default(), remote);
        let clever = transfer(CLEVER, remote);
        assert!(plain.len() > 14, "20,000 octets are many segments");
        for packet in &clever {
            // `try_read` computes every checksum with another library.
            Seen::try_read(packet).expect("a right packet");
        }
        let texts = |packets: &[Vec<u8>]| -> Vec<(u32, usize)> {
            let seen = packets.iter().map(|it| Seen::read(it));
            seen.filter_map(|it| it.tcp().map(|tcp| (tcp.seq, tcp.text.len())))
                .filter(|(_, octets)| *octets > 0)
                .collect()
        };
        assert_eq!(texts(&clever), texts(&plain));
    }
}

#[test]
fn psh_and_fin_stay_on_the_last_part() {
    let clever = transfer(CLEVER, "192.0.2.1:7".parse().expect("an address"));
    let last = clever
        .iter()
        .map(|it| Seen::read(it))
        .filter(|it| it.tcp().is_some_and(|tcp| !tcp.text.is_empty()));
    let pushed: Vec<bool> = last
        .map(|it| it.tcp().is_some_and(|tcp| tcp.has("P")))
        .collect();
    assert_eq!(pushed.iter().filter(|it| **it).count(), 1);
    assert_eq!(pushed.last(), Some(&true));
}

#[test]
fn a_checksum_that_was_wrong_on_the_wire_stays_wrong() {
    let mut packet = transfer(Offload::default(), "192.0.2.1:7".parse().expect("it is"))[0].clone();
    packet[37] ^= 1;
    let wrong = packet.clone();
    assert_eq!(
        on_the_wire(packet.clone(), Checksum::Present, None),
        std::slice::from_ref(&wrong)
    );
    let finished = on_the_wire(packet, Checksum::Offloaded, None);
    assert_ne!(finished, [wrong]);
    Seen::try_read(&finished[0]).expect("right now");
}

#[test]
fn octets_that_make_no_sense_are_left_as_they_are() {
    for octets in [vec![], vec![0x45], vec![0x60; 41], vec![0xff; 60]] {
        let same = on_the_wire(octets.clone(), Checksum::Offloaded, Some(1));
        assert_eq!(same, [octets]);
    }
    let packet = OutPacket {
        partial_checksum: Some(PartialChecksum {
            start: 65_000,
            offset: 65_000,
        }),
        ..OutPacket::default()
    };
    assert_eq!(sent(&packet), [Vec::<u8>::new()]);
}

#[test]
fn an_error_that_quotes_an_unfinished_checksum_quotes_the_finished_one() {
    let mut pair = pair(CLEVER);
    let remote: SocketAddr = "192.0.2.1:9".parse().expect("an address");
    pair.connect(remote);
    let syn = pair.sent[0].clone();
    assert!(syn.partial_checksum.is_some(), "it is left to the device");
    let (unfinished, finished) = (syn.to_vec(), sent(&syn).remove(0));
    let ip = crate::packet::craft::Ip::new(remote.ip(), "192.0.2.2".parse().expect("it is"));
    let error = |quote: &[u8]| {
        let message = crate::packet::craft::icmp(&ip, 3, 3, [0; 4], quote);
        ip.packet(1, &message)
    };
    let mended = on_the_wire(error(&unfinished), Checksum::Present, None);
    assert_eq!(mended, [error(&finished)]);
    // What is only a part cannot be finished, and what was right stays.
    for quote in [&unfinished[..28], &finished[..]] {
        assert_eq!(
            on_the_wire(error(quote), Checksum::Present, None),
            [error(quote)]
        );
    }
}
