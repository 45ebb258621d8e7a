//! Two stacks in virtual time, through the six doors only.

use core::net::{IpAddr, SocketAddr};
use std::vec::Vec;

use bytes::{Bytes, BytesMut};

use super::Stack;
use crate::base::{Duration, Instant};
use crate::call::{
    Call, CallRefused, InterfaceAddress, Local, OpenSocket, RawId, ReceivedDatagram, Reply,
    SendDatagram, SocketId,
};
use crate::config::Config;
use crate::discard::Discard;
use crate::event::{Event, SocketError};
use crate::wire::packet::{Offload, Packet};
use crate::wire::protocol::Protocol;

mod explained;

const NOW: Instant = Instant::ZERO;

fn stack(config: Config, addresses: &[&str]) -> Stack {
    let mut stack = Stack::new(config, [9; 32], Offload::default()).unwrap();
    for address in addresses {
        let address: IpAddr = address.parse().unwrap();
        let prefix_bits = if address.is_ipv4() { 24 } else { 64 };
        stack
            .user_calls(
                NOW,
                Call::AddAddress(InterfaceAddress {
                    address,
                    prefix_bits,
                }),
            )
            .unwrap();
    }
    stack
}

fn pair() -> (Stack, Stack) {
    let ours = stack(Config::default(), &["192.0.2.2", "2001:db8::2"]);
    let theirs = stack(Config::default(), &["192.0.2.1", "2001:db8::1"]);
    (ours, theirs)
}

/// Carries packets until neither has one.
fn exchange(one: &mut Stack, other: &mut Stack) {
    for _ in 0..1_000 {
        let mut quiet = true;
        for _ in 0..2 {
            while let Some(packet) = one.next_packet(NOW) {
                quiet = false;
                let packet = Packet::new(Bytes::from(packet.to_vec()));
                other.packet_arrives(NOW, packet);
            }
            core::mem::swap(one, other);
        }
        if quiet {
            return;
        }
    }
    panic!("the two never fall silent");
}

fn socket(stack: &mut Stack, port: u16, remote: Option<SocketAddr>) -> SocketId {
    let local = Local {
        port,
        ..Local::default()
    };
    match stack.user_calls(
        NOW,
        Call::OpenSocket(OpenSocket {
            local,
            remote,
            ..Default::default()
        }),
    ) {
        Ok(Reply::Socket { socket, .. }) => socket,
        other => panic!("{other:?}"),
    }
}

fn raw(stack: &mut Stack, protocol: Protocol) -> RawId {
    match stack.user_calls(
        NOW,
        Call::OpenRaw {
            local: Local::default(),
            protocol,
        },
    ) {
        Ok(Reply::Raw(socket)) => socket,
        other => panic!("{other:?}"),
    }
}

fn to(remote: Option<SocketAddr>, octets: &[u8]) -> SendDatagram {
    let octets = Bytes::copy_from_slice(octets);
    SendDatagram {
        remote,
        source: None,
        octets,
        hop_limit: None,
        traffic_class: None,
    }
}

fn received(stack: &mut Stack, call: Call) -> Option<ReceivedDatagram> {
    match stack.user_calls(NOW, call) {
        Ok(Reply::Datagram(datagram)) => datagram,
        other => panic!("{other:?}"),
    }
}

#[test]
fn datagrams_of_every_size_cross_both_families() {
    let (mut ours, mut theirs) = pair();
    let server = socket(&mut theirs, 7, None);
    for (remote, largest) in [("192.0.2.1:7", 65_507), ("[2001:db8::1]:7", 65_527)] {
        let client = socket(&mut ours, 0, Some(remote.parse().unwrap()));
        for size in [0, 1, 1_400, 1_473, largest] {
            let text: Vec<u8> = (0..size).map(|n| n as u8).collect();
            ours.user_calls(
                NOW,
                Call::SendDatagram {
                    socket: client,
                    datagram: to(None, &text),
                },
            )
            .unwrap();
            exchange(&mut ours, &mut theirs);
            assert_eq!(
                theirs.next_event(),
                Some(Event::DatagramArrived(server)),
                "{size}"
            );
            let asked = received(&mut theirs, Call::ReceiveDatagram(server)).unwrap();
            assert_eq!(asked.octets, text);
            let answer = to(Some(asked.remote), &asked.octets);
            theirs
                .user_calls(
                    NOW,
                    Call::SendDatagram {
                        socket: server,
                        datagram: answer,
                    },
                )
                .unwrap();
            exchange(&mut ours, &mut theirs);
            let answered = received(&mut ours, Call::ReceiveDatagram(client)).unwrap();
            assert_eq!(answered.octets, text);
        }
        let too_long = to(None, &std::vec![0; largest + 1]);
        let call = Call::SendDatagram {
            socket: client,
            datagram: too_long,
        };
        assert_eq!(ours.user_calls(NOW, call), Err(CallRefused::MessageTooLong));
    }
}

#[test]
fn rfc1122_21_a_port_that_nobody_has_is_told_to_the_connected_socket_once() {
    for remote in ["192.0.2.1:9", "[2001:db8::1]:9"] {
        let (mut ours, mut theirs) = pair();
        let client = socket(&mut ours, 0, Some(remote.parse().unwrap()));
        let send = Call::SendDatagram {
            socket: client,
            datagram: to(None, b"anyone?"),
        };
        ours.user_calls(NOW, send.clone()).unwrap();
        exchange(&mut ours, &mut theirs);
        let told = Err(CallRefused::Pending(SocketError::Refused));
        assert_eq!(ours.user_calls(NOW, Call::ReceiveDatagram(client)), told);
        assert_eq!(ours.user_calls(NOW, send), Ok(Reply::Done), "told once");
        assert_eq!(theirs.counters().discards.get(Discard::UdpNoSocket), 1);
    }
}

#[test]
fn an_echo_request_from_a_raw_socket_is_answered() {
    let (mut ours, mut theirs) = pair();
    let echoes = [
        (
            Protocol::ICMP_V4,
            "192.0.2.1:0",
            [8_u8, 0, 0, 0, 0, 7, 0, 1, b'h', b'i'],
            0_u8,
        ),
        (
            Protocol::ICMP_V6,
            "[2001:db8::1]:0",
            [128, 0, 0, 0, 0, 7, 0, 1, b'h', b'i'],
            129,
        ),
    ];
    for (protocol, remote, mut request, reply_kind) in echoes {
        let pinger = raw(&mut ours, protocol);
        if protocol == Protocol::ICMP_V4 {
            let checksum = crate::wire::checksum::Sum::of(&request).checksum();
            request[2..4].copy_from_slice(&checksum.to_be_bytes());
        }
        let datagram = to(Some(remote.parse().unwrap()), &request);
        ours.user_calls(
            NOW,
            Call::SendRaw {
                socket: pinger,
                datagram,
            },
        )
        .unwrap();
        exchange(&mut ours, &mut theirs);
        let reply = received(&mut ours, Call::ReceiveRaw(pinger)).unwrap();
        assert_eq!(reply.octets[0], reply_kind);
        assert_eq!(&reply.octets[4..], &request[4..]);
        ours.user_calls(NOW, Call::CloseRaw(pinger)).unwrap();
    }
}

#[test]
fn bad_17_a_datagram_to_ourselves_never_reaches_the_device() {
    for own in ["192.0.2.2:7", "127.0.0.1:7", "[::1]:7", "[2001:db8::2]:7"] {
        let (mut ours, _) = pair();
        let server = socket(&mut ours, 7, None);
        let client = socket(&mut ours, 0, Some(own.parse().unwrap()));
        let datagram = to(None, &[5; 60_000]);
        ours.user_calls(
            NOW,
            Call::SendDatagram {
                socket: client,
                datagram,
            },
        )
        .unwrap();
        assert!(ours.next_packet(NOW).is_none());
        let arrived = received(&mut ours, Call::ReceiveDatagram(server)).unwrap();
        assert_eq!(arrived.octets.len(), 60_000);
    }
}

#[test]
fn bad_71_errors_about_packets_to_ourselves_end() {
    // The port is closed, the error goes to ourselves too, and nothing answers an error.
    let (mut ours, _) = pair();
    let client = socket(&mut ours, 0, Some("192.0.2.2:9".parse().unwrap()));
    let call = Call::SendDatagram {
        socket: client,
        datagram: to(None, b"?"),
    };
    ours.user_calls(NOW, call).unwrap();
    assert!(ours.next_packet(NOW).is_none());
    assert_eq!(ours.next_deadline(), None, "nothing goes round");
    let told = Err(CallRefused::Pending(SocketError::Refused));
    assert_eq!(ours.user_calls(NOW, Call::ReceiveDatagram(client)), told);
}

#[test]
fn answers_that_nobody_pulls_are_bounded_and_counted() {
    let config = Config {
        outbox_datagrams_max: 64,
        ..Config::default()
    };
    let mut ours = stack(config, &["192.0.2.2"]);
    let mut theirs = stack(Config::default(), &["192.0.2.1"]);
    let pinger = raw(&mut theirs, Protocol::ICMP_V4);
    let mut request = [8_u8, 0, 0, 0, 0, 7, 0, 1];
    let checksum = crate::wire::checksum::Sum::of(&request).checksum();
    request[2..4].copy_from_slice(&checksum.to_be_bytes());
    for _ in 0..100 {
        let datagram = to(Some("192.0.2.2:0".parse().unwrap()), &request);
        theirs
            .user_calls(
                NOW,
                Call::SendRaw {
                    socket: pinger,
                    datagram,
                },
            )
            .unwrap();
    }
    while let Some(packet) = theirs.next_packet(NOW) {
        ours.packet_arrives(NOW, Packet::new(Bytes::from(packet.to_vec())));
    }
    assert_eq!(ours.counters().discards.get(Discard::OutboxFull), 36);
}

#[test]
fn a_fork_goes_on_from_the_same_state_with_the_same_choices() {
    let (mut ours, _) = pair();
    let client = socket(&mut ours, 0, Some("192.0.2.1:9".parse().unwrap()));
    let mut fork = ours.clone();
    for stack in [&mut ours, &mut fork] {
        let datagram = to(None, &[1; 5_000]);
        stack
            .user_calls(
                NOW,
                Call::SendDatagram {
                    socket: client,
                    datagram,
                },
            )
            .unwrap();
        socket(stack, 0, Some("192.0.2.1:10".parse().unwrap()));
    }
    let packets = |stack: &mut Stack| {
        let mut all = BytesMut::new();
        while let Some(packet) = stack.next_packet(NOW) {
            all.extend_from_slice(&packet.to_vec());
        }
        all
    };
    let ours = packets(&mut ours);
    assert!(ours.len() > 5_000);
    assert_eq!(ours, packets(&mut fork));
}

#[test]
fn time_never_goes_backwards() {
    let mut ours = stack(Config::default(), &["192.0.2.2"]);
    ours.time_passes(Instant::from_secs(5));
    ours.time_passes(Instant::from_secs(3));
    assert_eq!(ours.now, Instant::from_secs(5));
    assert_eq!(Instant::from_secs(5) + Duration::ZERO, ours.now);
}
