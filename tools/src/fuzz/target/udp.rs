//! F6: UDP (RFC 768, RFC 1122 §4.1): datagrams right and broken, and the calls of sockets.
//!
//! What a socket hands over must be what a datagram that arrived whole carried.

use bytes::Bytes;
use sidestep_stack::Duration;
use sidestep_stack::call::{Call, Local, OpenSocket, Reply, SendDatagram, SocketId, SocketOptions};

use crate::fuzz::outcome::{Outcome, Promise};
use crate::fuzz::packets::{CLOSED_PORT, OPEN_PORT, damage, group_of, header};
use crate::fuzz::record::{Input, Record};
use crate::fuzz::rig::{Family, them};
use crate::fuzz::scene::Scene;
use crate::packet::craft::{icmp, icmp_protocol, pattern, protocol, udp};
use crate::packet::seen::Payload;

/// Sockets that one input may open.
const SOCKETS_MAX: usize = 8;

struct Run {
    scene: Scene,
    sockets: Vec<SocketId>,
    /// The last packet that left, to be quoted.
    last: Vec<u8>,
}

/// See the module.
pub(crate) fn run(input: Input<'_>, outcome: &mut Outcome) {
    let family = input.head().pick(0, [Family::V4, Family::V6]);
    let Some(scene) = Scene::of(family) else {
        return;
    };
    let sockets = vec![scene.socket];
    let mut run = Run {
        scene,
        sockets,
        last: Vec::new(),
    };
    for record in input.records() {
        match record.byte(0) & 15 {
            0..=5 => run.datagram(&record, outcome),
            6 => run.quote(&record, outcome),
            7 | 8 => run.receive(&record, outcome),
            9 | 10 => run.send(&record, outcome),
            11 => run.open(&record, outcome),
            12 => run.set(&record, outcome),
            13 => run.group(&record, outcome),
            14 => run.close(&record, outcome),
            _ => {
                let pause = Duration::from_millis(u64::from(record.half(1)));
                run.scene.rig.pass(outcome, pause);
            }
        }
        if let Some(seen) = run.scene.rig.sent.pop() {
            run.last = seen.octets;
        }
        run.scene.rig.forget();
        if outcome.is_broken() {
            return;
        }
    }
}

impl Run {
    fn socket(&self, record: &Record) -> SocketId {
        let at = usize::from(record.byte(1)) % self.sockets.len().max(1);
        self.sockets.get(at).copied().unwrap_or(self.scene.socket)
    }

    fn datagram(&mut self, record: &Record, outcome: &mut Outcome) {
        let ip = header(record, self.scene.family);
        let port = record.pick(7, [OPEN_PORT, OPEN_PORT, CLOSED_PORT, 0, 5_002, 5_003]);
        let from = record.pick(6, [6_000, 0, 65_535, 53]);
        let octets = usize::from(record.half(8)) % 2_000;
        let mut packet = ip.packet(
            protocol::UDP,
            &udp(&ip, from, port, &pattern(usize::from(from), octets)),
        );
        if record.bit(0, 4) {
            damage(record, &mut packet);
        }
        self.scene.rig.arrives(outcome, &packet);
    }

    /// An ICMP error about what left last.
    fn quote(&mut self, record: &Record, outcome: &mut Outcome) {
        let ip = header(record, self.scene.family);
        let quoted = &self.last[..self.last.len().min(8 + usize::from(record.byte(8)))];
        let kind = record.pick(7, [3, 1, 2, 4, 11, 12]);
        let message = icmp(
            &ip,
            kind,
            record.byte(9) % 8,
            record.word(10).to_be_bytes(),
            quoted,
        );
        let packet = ip.packet(icmp_protocol(ip.source), &message);
        self.scene.rig.arrives(outcome, &packet);
    }

    fn receive(&mut self, record: &Record, outcome: &mut Outcome) {
        let call = Call::ReceiveDatagram(self.socket(record));
        let Ok(Reply::Datagram(Some(datagram))) = self.scene.rig.call(outcome, call) else {
            return;
        };
        // Only what nobody damaged is known; damage may keep the checksum right, but not the length.
        outcome.require(datagram.octets.len() <= 65_527, Promise::Delivered, || {
            format!("a datagram of {} octets", datagram.octets.len())
        });
    }

    fn send(&mut self, record: &Record, outcome: &mut Outcome) {
        let octets = match record.byte(8) % 4 {
            0 => usize::from(record.byte(9)),
            1 => usize::from(record.half(9)),
            2 => 1_472 + usize::from(record.byte(9)) % 40,
            _ => 0,
        };
        let to = them(self.scene.family);
        let remote = match record.byte(7) % 4 {
            0 | 1 => Some((to, 6_000).into()),
            2 => Some((group_of(self.scene.family, 77), OPEN_PORT).into()),
            _ => None,
        };
        let call = Call::SendDatagram {
            socket: self.socket(record),
            datagram: SendDatagram {
                remote,
                octets: Bytes::from(pattern(0, octets)),
                hop_limit: record.pick(6, [None, Some(1), Some(0), Some(255)]),
                ..SendDatagram::default()
            },
        };
        let _ = self.scene.rig.call(outcome, call);
        for seen in &self.scene.rig.sent {
            let Payload::Udp { octets: sent, .. } = &seen.payload else {
                continue;
            };
            let whole = *sent == pattern(0, octets);
            outcome.require(whole, Promise::Sent, || {
                format!("{octets} octets were sent, {} left", sent.len())
            });
        }
    }

    fn open(&mut self, record: &Record, outcome: &mut Outcome) {
        if self.sockets.len() >= SOCKETS_MAX {
            return;
        }
        let remote = record
            .bit(7, 0)
            .then(|| (them(self.scene.family), 6_000).into());
        let open = OpenSocket {
            local: Local {
                port: record.pick(8, [0, 5_002, 5_003, OPEN_PORT]),
                ..Local::default()
            },
            remote,
            ..OpenSocket::default()
        };
        let reply = self.scene.rig.call(outcome, Call::OpenSocket(open));
        if let Ok(Reply::Socket { socket, .. }) = reply {
            self.sockets.push(socket);
        }
    }

    fn set(&mut self, record: &Record, outcome: &mut Outcome) {
        let options = SocketOptions {
            hop_limit: record.pick(6, [None, Some(0), Some(1), Some(255)]),
            group_hop_limit: record.pick(7, [None, Some(0), Some(1), Some(255)]),
            receive_buffer_octets: record.pick(8, [None, Some(0), Some(1_000), Some(usize::MAX)]),
            ..SocketOptions::default()
        };
        let call = Call::SetSocketOptions {
            socket: self.socket(record),
            options,
        };
        let _ = self.scene.rig.call(outcome, call);
    }

    fn group(&mut self, record: &Record, outcome: &mut Outcome) {
        let (socket, family) = (self.socket(record), self.scene.family);
        let group = group_of(family, record.pick(6, [77, 78, 79, 1]));
        let call = if record.bit(7, 0) {
            Call::LeaveGroup { socket, group }
        } else {
            Call::JoinGroup { socket, group }
        };
        let _ = self.scene.rig.call(outcome, call);
    }

    fn close(&mut self, record: &Record, outcome: &mut Outcome) {
        if self.sockets.len() > 1 {
            let at = 1 + usize::from(record.byte(1)) % (self.sockets.len() - 1);
            let socket = self.sockets.remove(at);
            let _ = self.scene.rig.call(outcome, Call::CloseSocket(socket));
        }
    }
}
