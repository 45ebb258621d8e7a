use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::{Input, Udp};
use crate::base::Instant;
use crate::call::{
    CallRefused, Local, OpenSocket, ReusePort, SendDatagram, SocketId, SocketOptions,
};
use crate::config::Config;
use crate::context::Surroundings;
use crate::discard::Discard;
use crate::event::{Event, SocketError};
use crate::wire::packet::{Cast, Datagram, HeaderOctets, ReceivedChecksum};
use crate::wire::path_error::{PathError, PathErrorKind, Quote, Unreachable};
use crate::wire::protocol::{Protocol, TrafficClass};
use crate::wire::udp::UdpHeader;

fn us() -> IpAddr {
    "192.0.2.2".parse().unwrap()
}

fn them() -> SocketAddr {
    "192.0.2.1:5000".parse().unwrap()
}

fn world(config: Config) -> (Surroundings, Udp) {
    let mut around = Surroundings::new(config, 4);
    let udp = Udp::new(&around.config, &mut around.random);
    (around, udp)
}

fn bind(around: &mut Surroundings, udp: &mut Udp, port: u16) -> SocketId {
    let call = OpenSocket {
        local: Local {
            port,
            ..Local::default()
        },
        remote: None,
        ..Default::default()
    };
    udp.open(&mut around.at(Instant::ZERO), &call, None)
        .unwrap()
        .0
}

fn connect(around: &mut Surroundings, udp: &mut Udp) -> (SocketId, SocketAddr) {
    let call = OpenSocket {
        local: Local::default(),
        remote: Some(them()),
        ..Default::default()
    };
    udp.open(&mut around.at(Instant::ZERO), &call, Some(us()))
        .unwrap()
}

fn datagram(from: SocketAddr, to: SocketAddr, text: &[u8]) -> Datagram {
    let mut header = HeaderOctets::new();
    UdpHeader {
        source_port: from.port(),
        destination_port: to.port(),
    }
    .emit(text.len(), &mut header);
    let mut octets = header.as_slice().to_vec();
    octets.extend_from_slice(text);
    let payload = Bytes::from(octets);
    Datagram {
        source: from.ip(),
        destination: to.ip(),
        cast: Cast::Unicast,
        protocol: Protocol::UDP,
        hop_limit: 64,
        traffic_class: TrafficClass::default(),
        packet: payload.clone(),
        payload,
        checksum: ReceivedChecksum::Vouched,
        segment_octets: None,
        protocol_pointer: 9,
    }
}

fn send(octets: usize, remote: Option<SocketAddr>) -> SendDatagram {
    let octets = Bytes::from(std::vec![0; octets]);
    SendDatagram {
        remote,
        source: None,
        octets,
        hop_limit: None,
        traffic_class: None,
    }
}

#[test]
fn rfc768_02_an_empty_datagram_is_delivered_with_its_source() {
    let (mut around, mut udp) = world(Config::default());
    let socket = bind(&mut around, &mut udp, 7);
    let arrived = datagram(them(), SocketAddr::new(us(), 7), b"");
    let input = udp.datagram_arrives(&mut around.at(Instant::ZERO), &arrived);
    assert_eq!(input, Input::Queued(socket));
    assert_eq!(udp.next_event(), Some(Event::DatagramArrived(socket)));
    assert_eq!(
        udp.next_event(),
        None,
        "one event until the socket is looked at"
    );
    let received = udp.receive(socket).unwrap().unwrap();
    assert_eq!((received.octets.len(), received.remote), (0, them()));
    assert_eq!(udp.receive(socket).unwrap(), None);
}

#[test]
fn rfc1122_23_the_application_learns_the_address_that_was_asked_and_answers_from_it() {
    let (mut around, mut udp) = world(Config::default());
    let socket = bind(&mut around, &mut udp, 7);
    let second: IpAddr = "192.0.2.9".parse().unwrap();
    let arrived = datagram(them(), SocketAddr::new(second, 7), b"?");
    udp.datagram_arrives(&mut around.at(Instant::ZERO), &arrived);
    assert_eq!(udp.receive(socket).unwrap().unwrap().destination, second);
    assert_eq!(
        udp.target(socket, &send(1, Some(them()))).unwrap().source,
        Some(second)
    );
    let other = Some("192.0.2.1:5001".parse().unwrap());
    assert_eq!(udp.target(socket, &send(1, other)).unwrap().source, None);
}

#[test]
fn bad_72_a_flood_stops_at_the_bounds_of_its_socket_and_others_are_served() {
    let config = Config {
        socket_datagrams_max: 10,
        ..Config::default()
    };
    let (mut around, mut udp) = world(config);
    let flooded = bind(&mut around, &mut udp, 7);
    let other = bind(&mut around, &mut udp, 8);
    for _ in 0..100 {
        let arrived = datagram(them(), SocketAddr::new(us(), 7), &[1; 1_000]);
        udp.datagram_arrives(&mut around.at(Instant::ZERO), &arrived);
    }
    assert_eq!(around.discards.get(Discard::UdpQueueFull), 90);
    assert_eq!(udp.queued_octets(), 10_000);
    let arrived = datagram(them(), SocketAddr::new(us(), 8), b"hello");
    udp.datagram_arrives(&mut around.at(Instant::ZERO), &arrived);
    assert_eq!(&udp.receive(other).unwrap().unwrap().octets[..], b"hello");
    udp.close(flooded).unwrap();
    assert_eq!(udp.queued_octets(), 0, "what waited went with its socket");
}

#[test]
fn a_connected_socket_hears_its_peer_only_and_is_told_of_its_errors_once() {
    let (mut around, mut udp) = world(Config::default());
    let (socket, local) = connect(&mut around, &mut udp);
    let stranger = datagram("192.0.2.1:5001".parse().unwrap(), local, b"no");
    let input = udp.datagram_arrives(&mut around.at(Instant::ZERO), &stranger);
    assert_eq!(input, Input::NoSocket);
    let peer = datagram(them(), local, b"yes");
    udp.datagram_arrives(&mut around.at(Instant::ZERO), &peer);
    assert_eq!(&udp.receive(socket).unwrap().unwrap().octets[..], b"yes");

    let mut transport = std::vec![];
    transport.extend_from_slice(&local.port().to_be_bytes());
    transport.extend_from_slice(&them().port().to_be_bytes());
    transport.extend_from_slice(&[0, 9, 0, 0]);
    let quote = Quote {
        source: us(),
        destination: them().ip(),
        protocol: Protocol::UDP,
        transport: Bytes::from(transport),
        packet_octets: 29,
    };
    let kind = PathErrorKind::Unreachable(Unreachable::Port);
    let error = PathError {
        reporter: them().ip(),
        kind,
        quote,
    };
    assert_eq!(udp.path_error(&error), Some(socket));
    let told = Err(CallRefused::Pending(SocketError::Refused));
    assert_eq!(udp.target(socket, &send(1, None)).map(|_| ()), told);
    assert!(udp.target(socket, &send(1, None)).is_ok(), "told once");
}

#[test]
fn misuse_is_refused_with_its_own_reason() {
    let (mut around, mut udp) = world(Config::default());
    let wild = bind(&mut around, &mut udp, 7);
    let (connected, _) = connect(&mut around, &mut udp);
    let refused = |udp: &mut Udp, socket, datagram| udp.target(socket, &datagram).unwrap_err();
    assert_eq!(
        refused(&mut udp, wild, send(1, None)),
        CallRefused::DestinationRequired
    );
    assert_eq!(
        refused(&mut udp, connected, send(1, Some(them()))),
        CallRefused::AlreadyConnected
    );
    assert_eq!(
        refused(&mut udp, wild, send(65_508, Some(them()))),
        CallRefused::MessageTooLong
    );
    assert!(udp.target(wild, &send(65_507, Some(them()))).is_ok());
    let six = Some("[2001:db8::1]:9".parse().unwrap());
    assert_eq!(
        refused(&mut udp, wild, send(65_528, six)),
        CallRefused::MessageTooLong
    );
    assert!(udp.target(wild, &send(65_527, six)).is_ok());
    let nowhere = Some("192.0.2.1:0".parse().unwrap());
    assert_eq!(
        refused(&mut udp, wild, send(1, nowhere)),
        CallRefused::Invalid
    );
    let call = OpenSocket {
        local: Local {
            port: 7,
            ..Local::default()
        },
        remote: None,
        ..Default::default()
    };
    let again = udp.open(&mut around.at(Instant::ZERO), &call, None);
    assert_eq!(again.unwrap_err(), CallRefused::AddressInUse);
}

#[test]
fn rfc6056_03_sockets_connected_to_one_peer_never_share_a_port() {
    let config = Config {
        sockets_max: 200_000,
        ..Config::default()
    };
    let (mut around, mut udp) = world(config);
    for _ in 0..64_512 {
        connect(&mut around, &mut udp);
    }
    let call = OpenSocket {
        local: Local::default(),
        remote: Some(them()),
        ..Default::default()
    };
    let refused = udp.open(&mut around.at(Instant::ZERO), &call, Some(us()));
    assert_eq!(refused.unwrap_err(), CallRefused::PortsExhausted);
}

fn to_many(cast: Cast, to: SocketAddr) -> Datagram {
    Datagram {
        cast,
        ..datagram(them(), to, b"all of you")
    }
}

fn waiting(udp: &mut Udp, socket: SocketId) -> usize {
    core::iter::from_fn(|| udp.receive(socket).unwrap()).count()
}

#[test]
fn rfc1112_7_1_each_member_gets_one_copy_and_others_none() {
    let (mut around, mut udp) = world(Config::default());
    let shared = OpenSocket {
        local: Local {
            port: 7,
            ..Local::default()
        },
        reuse_port: ReusePort::Yes,
        ..OpenSocket::default()
    };
    let sockets = [(); 3].map(|()| {
        udp.open(&mut around.at(Instant::ZERO), &shared, None)
            .unwrap()
            .0
    });
    let group: IpAddr = "239.1.2.3".parse().unwrap();
    for socket in &sockets[..2] {
        udp.join(&around.config, *socket, group).unwrap();
    }
    let again = udp.join(&around.config, sockets[0], group);
    assert_eq!(again, Err(CallRefused::AlreadyMember));
    let arrived = to_many(Cast::Multicast, SocketAddr::new(group, 7));
    let input = udp.datagram_arrives(&mut around.at(Instant::ZERO), &arrived);
    assert_eq!(input, Input::QueuedByMany);
    assert_eq!(sockets.map(|socket| waiting(&mut udp, socket)), [1, 1, 0]);

    // Every host belongs to this one, so that all who share the port hear it.
    let everybody = SocketAddr::new("224.0.0.1".parse().unwrap(), 7);
    let arrived = to_many(Cast::Multicast, everybody);
    udp.datagram_arrives(&mut around.at(Instant::ZERO), &arrived);
    let arrived = to_many(Cast::Broadcast, "192.0.2.255:7".parse().unwrap());
    udp.datagram_arrives(&mut around.at(Instant::ZERO), &arrived);
    assert_eq!(sockets.map(|socket| waiting(&mut udp, socket)), [2, 2, 2]);

    udp.leave(sockets[0], group).unwrap();
    assert_eq!(udp.close(sockets[1]).unwrap(), [group]);
    let arrived = to_many(Cast::Multicast, SocketAddr::new(group, 7));
    let input = udp.datagram_arrives(&mut around.at(Instant::ZERO), &arrived);
    assert_eq!(input, Input::NoSocket, "nobody is a member any more");
    assert_eq!(around.discards.get(Discard::UdpNoSocket), 1);
}

#[test]
fn an_answer_never_leaves_from_the_group_that_was_asked() {
    let (mut around, mut udp) = world(Config::default());
    let socket = bind(&mut around, &mut udp, 7);
    let group: IpAddr = "224.0.0.1".parse().unwrap();
    let arrived = to_many(Cast::Multicast, SocketAddr::new(group, 7));
    udp.datagram_arrives(&mut around.at(Instant::ZERO), &arrived);
    assert_eq!(waiting(&mut udp, socket), 1);
    let target = udp.target(socket, &send(1, Some(them()))).unwrap();
    assert_eq!(target.source, None, "IP chooses");
}

#[test]
fn memberships_are_bounded_for_a_socket_and_for_all() {
    let config = Config {
        socket_groups_max: 2,
        memberships_max: 3,
        ..Config::default()
    };
    let (mut around, mut udp) = world(config);
    let (one, two) = (
        bind(&mut around, &mut udp, 7),
        bind(&mut around, &mut udp, 8),
    );
    let group = |low| IpAddr::from([239, 0, 0, low]);
    let mut join = |socket, low| udp.join(&around.config, socket, group(low));
    assert_eq!(join(one, 1), Ok(()));
    assert_eq!(join(one, 2), Ok(()));
    assert_eq!(join(one, 3), Err(CallRefused::LimitReached), "its own");
    assert_eq!(join(two, 1), Ok(()));
    assert_eq!(join(two, 2), Err(CallRefused::LimitReached), "of all");
    assert_eq!(join(two, 1), Err(CallRefused::AlreadyMember));
    let no_group = udp.join(&around.config, two, us());
    assert_eq!(no_group, Err(CallRefused::NotAGroup));
}

#[test]
fn a_set_buffer_bounds_the_queue_but_one_datagram_always_fits() {
    let (mut around, mut udp) = world(Config::default());
    let socket = bind(&mut around, &mut udp, 7);
    let options = SocketOptions {
        receive_buffer_octets: Some(1_500),
        ..SocketOptions::default()
    };
    udp.set_options(&around.config, socket, &options).unwrap();
    let to = SocketAddr::new(us(), 7);
    for _ in 0..3 {
        let arrived = datagram(them(), to, &[1; 1_000]);
        udp.datagram_arrives(&mut around.at(Instant::ZERO), &arrived);
    }
    assert_eq!(waiting(&mut udp, socket), 1);
    let arrived = datagram(them(), to, &[1; 9_000]);
    udp.datagram_arrives(&mut around.at(Instant::ZERO), &arrived);
    assert_eq!(waiting(&mut udp, socket), 1);
    assert_eq!(around.discards.get(Discard::UdpQueueFull), 2);
}
