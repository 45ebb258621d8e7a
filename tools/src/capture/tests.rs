//! Two stacks that talk, for the tests of captures.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use sidestep_stack::call::{
    ConnectionId, ConnectionOptions, InterfaceAddress, Listen, Local, OpenConnection,
};
use sidestep_stack::wire::packet::Offload;
use sidestep_stack::{Call, Config, Instant, OutPacket, Packet, Reply, Stack};

/// A client and a server that hear each other at once.
pub(super) struct Pair {
    pub(super) client: Stack,
    pub(super) server: Stack,
    pub(super) connection: Option<ConnectionId>,
    /// What the client sent.
    pub(super) sent: Vec<OutPacket>,
    pub(super) now: Instant,
}

pub(super) fn stack(addresses: [&str; 2], offload: Offload, seed: u8) -> Stack {
    let mut stack = Stack::new(Config::default(), [seed; 32], offload).expect("good settings");
    for address in addresses {
        let address: IpAddr = address.parse().expect("an address");
        let prefix_bits = if address.is_ipv4() { 24 } else { 64 };
        let address = InterfaceAddress {
            address,
            prefix_bits,
        };
        stack
            .user_calls(Instant::ZERO, Call::AddAddress(address))
            .expect("it is taken");
    }
    stack
}

pub(super) fn pair(offload: Offload) -> Pair {
    let mut server = stack(["192.0.2.1", "2001:db8::1"], Offload::default(), 2);
    let local = Local {
        port: 7,
        ..Local::default()
    };
    let listen = Call::Listen(Listen {
        local,
        ..Listen::default()
    });
    server
        .user_calls(Instant::ZERO, listen)
        .expect("it listens");
    Pair {
        client: stack(["192.0.2.2", "2001:db8::2"], offload, 1),
        server,
        connection: None,
        sent: Vec::new(),
        now: Instant::ZERO,
    }
}

impl Pair {
    pub(super) fn connect(&mut self, remote: SocketAddr) {
        let open = Call::OpenConnection(OpenConnection {
            remote,
            local_address: None,
            local_port: 40_000,
            options: ConnectionOptions::default(),
        });
        match self.client.user_calls(self.now, open) {
            Ok(Reply::Connection { connection, .. }) => self.connection = Some(connection),
            other => panic!("{other:?}"),
        }
        self.run();
    }

    pub(super) fn send(&mut self, octets: &[u8]) {
        let send = Call::Send {
            connection: self.connection.expect("it is open"),
            octets: Bytes::copy_from_slice(octets),
        };
        self.client.user_calls(self.now, send).expect("it is taken");
        self.run();
    }

    /// Carries packets until nobody has one.
    pub(super) fn run(&mut self) {
        for _ in 0..1_000 {
            let mut quiet = true;
            while let Some(packet) = self.client.next_packet(self.now) {
                quiet = false;
                for octets in super::whole::sent(&packet) {
                    let packet = Packet::new(Bytes::from(octets));
                    self.server.packet_arrives(self.now, packet);
                }
                self.sent.push(packet);
            }
            while let Some(packet) = self.server.next_packet(self.now) {
                quiet = false;
                let packet = Packet::new(Bytes::from(packet.to_vec()));
                self.client.packet_arrives(self.now, packet);
            }
            if quiet {
                return;
            }
        }
        panic!("they never fall silent");
    }
}
