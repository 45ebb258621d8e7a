//! A stack that resolves names and a stack with a name server, through the six doors.

use core::net::{IpAddr, SocketAddr};
use std::collections::HashSet;
use std::vec::Vec;

use bytes::Bytes;

use crate::base::{Duration, Instant};
use crate::call::{
    Call, ConnectionId, Families, InterfaceAddress, Listen, ListenerId, Local, LookUp, OpenSocket,
    Release, Reply, ResolverSettings, SendDatagram, SocketId,
};
use crate::event::{Answer, Event, LookedUp, LookupError};
use crate::stack::Stack;
use crate::wire::dns_message::{Data, Message, Rcode, Record, RecordType};
use crate::wire::packet::{Offload, Packet};
use crate::{Config, OutPacket};

const ADDRESS: &str = "192.0.2.77";
const ADDRESS_V6: &str = "2001:db8:7::7";

/// How the name server answers over UDP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Manner {
    Whole,
    Truncated,
    Silent,
}

struct World {
    now: Instant,
    client: Stack,
    server: Stack,
    udp: SocketId,
    listener: ListenerId,
    accepted: Vec<(ConnectionId, Vec<u8>)>,
    manner: Manner,
    client_ports: Vec<u16>,
}

fn stack(seed: u8, address: &str) -> Stack {
    let mut stack = Stack::new(Config::default(), [seed; 32], Offload::default()).unwrap();
    let address = InterfaceAddress {
        address: address.parse().unwrap(),
        prefix_bits: 24,
    };
    stack
        .user_calls(Instant::ZERO, Call::AddAddress(address))
        .unwrap();
    stack
}

impl World {
    fn new(manner: Manner) -> Self {
        let now = Instant::ZERO;
        let mut client = stack(1, "192.0.2.2");
        let mut server = stack(2, "192.0.2.1");
        let settings = ResolverSettings {
            servers: [SocketAddr::new("192.0.2.1".parse().unwrap(), 53)].to_vec(),
            ndots: 1,
            timeout: Some(Duration::from_secs(1)),
            ..ResolverSettings::default()
        };
        client.user_calls(now, Call::SetResolver(settings)).unwrap();
        let local = Local {
            port: 53,
            ..Local::default()
        };
        let Ok(Reply::Socket { socket: udp, .. }) = server.user_calls(
            now,
            Call::OpenSocket(OpenSocket {
                local,
                remote: None,
                ..Default::default()
            }),
        ) else {
            panic!("no socket")
        };
        let listen = Listen {
            local,
            ..Listen::default()
        };
        let Ok(Reply::Listener { listener, .. }) = server.user_calls(now, Call::Listen(listen))
        else {
            panic!("no listener")
        };
        let (accepted, client_ports) = (Vec::new(), Vec::new());
        Self {
            now,
            client,
            server,
            udp,
            listener,
            accepted,
            manner,
            client_ports,
        }
    }

    fn look_up(&mut self, name: &str) {
        let call = LookUp::addresses(name, Families::Both);
        self.client
            .user_calls(self.now, Call::LookUp(call))
            .unwrap();
    }

    /// Runs until there are `answers`, at most a minute.
    fn run(&mut self, answers: usize) -> Vec<LookedUp> {
        let mut found = Vec::new();
        let end = self.now + Duration::from_secs(60);
        while found.len() < answers && self.now < end {
            while self.carry() {
                self.serve();
            }
            while let Some(event) = self.client.next_event() {
                match event {
                    Event::LookedUp(answer) => found.push(answer),
                    other => panic!("the application was told of {other:?}"),
                }
            }
            if found.len() == answers {
                break;
            }
            let next = [self.client.next_deadline(), self.server.next_deadline()];
            self.now = next
                .into_iter()
                .flatten()
                .min()
                .unwrap_or(end)
                .max(self.now);
            self.client.time_passes(self.now);
            self.server.time_passes(self.now);
        }
        found
    }

    /// Carries packets both ways; true if there were any.
    fn carry(&mut self) -> bool {
        let arrived = |packet: OutPacket| Packet::new(Bytes::from(packet.to_vec()));
        let mut any = false;
        while let Some(packet) = self.client.next_packet(self.now) {
            any = true;
            let octets = packet.to_vec();
            if octets[9] == 17 {
                self.client_ports
                    .push(u16::from_be_bytes([octets[20], octets[21]]));
            }
            self.server.packet_arrives(self.now, arrived(packet));
        }
        while let Some(packet) = self.server.next_packet(self.now) {
            any = true;
            self.client.packet_arrives(self.now, arrived(packet));
        }
        any
    }

    fn serve(&mut self) {
        let now = self.now;
        while let Ok(Reply::Datagram(Some(asked))) =
            self.server.user_calls(now, Call::ReceiveDatagram(self.udp))
        {
            let mut reply = answer(&asked.octets);
            match self.manner {
                Manner::Silent => continue,
                Manner::Whole => {}
                Manner::Truncated => {
                    reply.header.truncated = true;
                    reply.answers.clear();
                }
            }
            let octets = Bytes::from(reply.emit());
            let datagram = SendDatagram {
                remote: Some(asked.remote),
                source: None,
                octets,
                hop_limit: None,
                traffic_class: None,
            };
            self.server
                .user_calls(
                    now,
                    Call::SendDatagram {
                        socket: self.udp,
                        datagram,
                    },
                )
                .unwrap();
        }
        while let Ok(Reply::Accepted(Some(accepted))) =
            self.server.user_calls(now, Call::Accept(self.listener))
        {
            self.accepted.push((accepted.connection, Vec::new()));
        }
        for (connection, asked) in &mut self.accepted {
            let connection = *connection;
            let call = Call::Receive {
                connection,
                octets_max: 65_535,
            };
            let Ok(Reply::Received(received)) = self.server.user_calls(now, call) else {
                continue;
            };
            for slice in received.slices {
                asked.extend_from_slice(&slice);
            }
            if received.end_of_stream {
                let call = Call::Release {
                    connection,
                    how: Release::Close,
                };
                self.server.user_calls(now, call).unwrap();
            }
            while let Some(length) = asked.first_chunk::<2>() {
                let whole = 2 + usize::from(u16::from_be_bytes(*length));
                if asked.len() < whole {
                    break;
                }
                let query: Vec<u8> = asked.drain(..whole).collect();
                let octets = Bytes::from(answer(&query[2..]).emit_for_stream());
                self.server
                    .user_calls(now, Call::Send { connection, octets })
                    .unwrap();
            }
        }
    }
}

fn answer(query: &[u8]) -> Message {
    let query = Message::parse(query, 10).unwrap();
    let question = query.question.clone().unwrap();
    let mut reply = Message::reply_to(&query, Rcode::NO_ERROR);
    let address: IpAddr = match question.record_type {
        RecordType::A => ADDRESS.parse().unwrap(),
        _ => ADDRESS_V6.parse().unwrap(),
    };
    reply
        .answers
        .push(Record::address(question.name, address, 60));
    assert!(!matches!(reply.answers[0].data, Data::Other(_)));
    reply
}

fn addresses() -> Vec<IpAddr> {
    // No route leads to the IPv6 address: by RFC 6724 rule 1 it comes last.
    [ADDRESS, ADDRESS_V6]
        .map(|text| text.parse().unwrap())
        .to_vec()
}

#[test]
fn a_name_is_asked_over_udp_and_every_socket_is_closed_again() {
    let mut world = World::new(Manner::Whole);
    world.look_up("host.example");
    let found = world.run(1);
    assert_eq!(found[0].result, Ok(Answer::Addresses(addresses())));
    assert_eq!(found[0].server.as_deref(), Some("192.0.2.1:53"));
    let counters = world.client.counters();
    assert_eq!((counters.udp_sockets, counters.lookups), (0, 0));
}

#[test]
fn rfc5452_03_every_query_has_a_port_of_its_own() {
    let mut world = World::new(Manner::Whole);
    for n in 0..10 {
        world.look_up(&std::format!("host{n}.example"));
    }
    assert_eq!(world.run(10).len(), 10);
    let ports: HashSet<u16> = world.client_ports.iter().copied().collect();
    assert_eq!((world.client_ports.len(), ports.len()), (20, 20));
}

#[test]
fn rfc5452_02_ports_of_queries_come_from_the_whole_range() {
    let mut world = World::new(Manner::Whole);
    for n in 0..1_000 {
        world.look_up(&std::format!("host{n}.example"));
        world.run(1);
    }
    let mut shares = [0_u32; 8];
    for port in &world.client_ports {
        shares[(usize::from(*port) - 1_024) * 8 / 64_512] += 1;
    }
    // 250 expected in each eighth of the range, 15 the standard deviation.
    assert!(
        shares.iter().all(|share| (180..320).contains(share)),
        "{shares:?}"
    );
}

#[test]
fn rfc2181_01_a_truncated_answer_is_asked_for_again_over_tcp() {
    let mut world = World::new(Manner::Truncated);
    world.look_up("host.example");
    let found = world.run(1);
    assert_eq!(found[0].result, Ok(Answer::Addresses(addresses())));
    assert_eq!(world.accepted.len(), 1, "one connection for both queries");
    // It is idle for a while, TIME-WAIT passes, and nothing is left.
    assert_eq!(world.client.counters().tcp.connections, 1);
    world.run(1);
    let counters = world.client.counters();
    assert_eq!((counters.udp_sockets, counters.tcp.connections), (0, 0));
}

#[test]
fn a_silent_server_is_given_up_and_leaves_nothing_behind() {
    let mut world = World::new(Manner::Silent);
    world.look_up("host.example");
    let found = world.run(1);
    assert_eq!(found[0].result, Err(LookupError::TimedOut));
    assert_eq!(
        world.now,
        Instant::from_secs(2),
        "two tries of a second each"
    );
    assert_eq!(world.client.counters().udp_sockets, 0);
}

#[test]
fn a_closed_port_is_no_server_at_once() {
    let mut world = World::new(Manner::Whole);
    world
        .server
        .user_calls(world.now, Call::CloseSocket(world.udp))
        .unwrap();
    world.look_up("host.example");
    let found = world.run(1);
    assert_eq!(found[0].result, Err(LookupError::NoServer));
    assert_eq!(world.now, Instant::ZERO, "ICMP told; nobody waited");
}
