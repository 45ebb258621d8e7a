use bytes::Bytes;
use sidestep_stack::call::{ConnectionOptions, OpenConnection};
use sidestep_stack::wire::packet::Offload;

use super::*;
use crate::capture::tests::pair;
use crate::capture::{Captured, Interface, Reader};

#[test]
fn every_packet_of_a_watched_stack_is_in_the_capture_with_its_reason() {
    let mut pair = pair(Offload {
        partial_checksum: true,
        segmentation: true,
    });
    let mut writer = Writer::new(Vec::new()).expect("memory takes it");
    let interface = writer
        .add_interface(&Interface::raw("client"))
        .expect("memory takes it");
    let now = Instant::ZERO;
    let mut tap = Tap::new(&mut pair.client, interface, 0);
    let open = Call::OpenConnection(OpenConnection {
        remote: "192.0.2.1:7".parse().expect("an address"),
        local_address: None,
        local_port: 0,
        options: ConnectionOptions::default(),
    });
    let Ok(Reply::Connection { connection, .. }) = tap.user_calls(&mut pair.client, now, open)
    else {
        panic!("it opens");
    };
    let mut counted = 0;
    for round in 0..8 {
        if round == 4 {
            let send = Call::Send {
                connection,
                octets: Bytes::from(vec![1; 9_000]),
            };
            tap.user_calls(&mut pair.client, now, send).expect("taken");
        }
        while let Some(packet) = tap
            .next_packet(&mut writer, &mut pair.client, now)
            .expect("memory takes it")
        {
            for octets in whole::sent(&packet) {
                counted += 1;
                let packet = Packet::new(Bytes::from(octets));
                pair.server.packet_arrives(now, packet);
            }
        }
        while let Some(packet) = pair.server.next_packet(now) {
            counted += 1;
            let packet = Packet::new(Bytes::from(packet.to_vec()));
            tap.packet_arrives(&mut writer, &mut pair.client, now, packet)
                .expect("memory takes it");
        }
    }
    let file = writer.finish().expect("memory takes it");
    let packets: Vec<Captured> = Reader::new(file.as_slice())
        .expect("a capture")
        .collect::<Result<_, _>>()
        .expect("it can be read");
    assert_eq!(packets.len(), counted);
    let headlines: Vec<&str> = packets.iter().map(|it| it.comments[0].as_str()).collect();
    assert_eq!(headlines[0], "sent: open (RFC 9293 §3.10.1)");
    assert_eq!(headlines[1], "taken");
    let text = packets[3].comments.join(" | ");
    assert!(
        text.starts_with("sent: new text (RFC 9293 §3.10.2) | "),
        "{text}"
    );
    assert!(text.contains(" | ESTABLISHED SND.UNA="), "{text}");
    assert!(text.ends_with("part 1 of 6 of a superpacket"), "{text}");
    assert_eq!(packets[4].comments, ["part 2 of 6 of a superpacket"]);
}
