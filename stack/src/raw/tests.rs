use bytes::Bytes;

use super::{Claimed, Raw};
use crate::base::Instant;
use crate::call::{CallRefused, Families, Local};
use crate::config::Config;
use crate::context::Surroundings;
use crate::discard::Discard;
use crate::wire::packet::{Cast, Datagram, ReceivedChecksum};
use crate::wire::protocol::{Protocol, TrafficClass};

fn datagram(protocol: Protocol) -> Datagram {
    let payload = Bytes::from_static(b"payload");
    Datagram {
        source: "192.0.2.1".parse().unwrap(),
        destination: "192.0.2.2".parse().unwrap(),
        cast: Cast::Unicast,
        protocol,
        hop_limit: 64,
        traffic_class: TrafficClass::default(),
        packet: payload.clone(),
        payload,
        checksum: ReceivedChecksum::Unverified,
        segment_octets: None,
        protocol_pointer: 9,
    }
}

#[test]
fn every_socket_that_asked_for_a_protocol_gets_a_copy() {
    let mut around = Surroundings::new(Config::default(), 1);
    let mut raw = Raw::new();
    let v4 = Local {
        families: Families::V4,
        ..Local::default()
    };
    let v6 = Local {
        families: Families::V6,
        ..Local::default()
    };
    let one = raw.open(&around.config, v4, Protocol(89)).unwrap();
    let two = raw
        .open(&around.config, Local::default(), Protocol(89))
        .unwrap();
    let six = raw.open(&around.config, v6, Protocol(89)).unwrap();
    let mut cx = around.at(Instant::ZERO);
    assert_eq!(
        raw.datagram_arrives(&mut cx, &datagram(Protocol(89))),
        Claimed::BySomebody
    );
    assert_eq!(
        raw.datagram_arrives(&mut cx, &datagram(Protocol(90))),
        Claimed::ByNobody
    );
    for socket in [one, two] {
        assert_eq!(
            &raw.receive(socket).unwrap().unwrap().octets[..],
            b"payload"
        );
        assert_eq!(raw.receive(socket).unwrap(), None);
    }
    assert_eq!(raw.receive(six).unwrap(), None);
    assert_eq!(raw.queued_octets(), 0);
}

#[test]
fn a_full_queue_counts_what_it_loses_and_goes_with_its_socket() {
    let config = Config {
        socket_datagrams_max: 2,
        ..Config::default()
    };
    let mut around = Surroundings::new(config, 1);
    let mut raw = Raw::new();
    let socket = raw
        .open(&around.config, Local::default(), Protocol(89))
        .unwrap();
    for _ in 0..5 {
        raw.datagram_arrives(&mut around.at(Instant::ZERO), &datagram(Protocol(89)));
    }
    assert_eq!(around.discards.get(Discard::RawQueueFull), 3);
    assert_eq!(raw.queued_octets(), 14);
    raw.close(socket).unwrap();
    assert_eq!(raw.queued_octets(), 0);
    assert_eq!(raw.close(socket), Err(CallRefused::NoSuchEntry));
    assert_eq!(
        raw.next_event(),
        None,
        "an ended socket has nothing to tell"
    );
}

#[test]
fn there_are_no_raw_sockets_for_tcp_udp_and_hop_by_hop_options() {
    let mut raw = Raw::new();
    for protocol in [Protocol::TCP, Protocol::UDP, Protocol::HOP_BY_HOP] {
        let refused = raw.open(&Config::default(), Local::default(), protocol);
        assert_eq!(refused, Err(CallRefused::Invalid));
    }
}
