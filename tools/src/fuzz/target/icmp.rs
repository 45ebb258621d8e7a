//! F4: ICMP and ICMPv6 with quoted packets (RFC 792, RFC 4443, RFC 1191, RFC 8201, RFC 5927).
//!
//! Errors quote what the stack really sent, cut and changed at will, so that they reach connections
//! and sockets; a smaller path MTU must never go below what the RFC allows.

use bytes::Bytes;
use sidestep_stack::Duration;
use sidestep_stack::call::{Call, ConnectionOptions, OpenConnection, Reply, SendDatagram};

use crate::fuzz::outcome::{Outcome, Promise};
use crate::fuzz::packets::{TELLING, damage, header};
use crate::fuzz::record::{Input, Record};
use crate::fuzz::rig::{Family, them};
use crate::fuzz::scene::Scene;
use crate::packet::craft::{echo_request, icmp, icmp_protocol, pattern};

/// Packets that are remembered to be quoted.
const QUOTES_MAX: usize = 16;

struct Run {
    scene: Scene,
    /// What left, and can be quoted.
    quotes: Vec<Vec<u8>>,
}

/// See the module.
pub(crate) fn run(input: Input<'_>, outcome: &mut Outcome) {
    let family = input.head().pick(0, [Family::V4, Family::V6]);
    let Some(scene) = Scene::of(family) else {
        return;
    };
    let mut run = Run {
        scene,
        quotes: Vec::new(),
    };
    for record in input.records() {
        match record.byte(0) & 15 {
            0..=7 => run.error(&record, outcome),
            8 => {
                let ip = header(&record, family);
                let octets = usize::from(record.half(8)) % 3_000;
                let mut packet = echo_request(&ip, 7, record.half(6), &pattern(0, octets));
                damage(&record, &mut packet);
                run.scene.rig.arrives(outcome, &packet);
            }
            9..=11 => run.send(&record, outcome),
            12 | 13 => run.open(&record, outcome),
            _ => {
                let pause = Duration::from_millis(u64::from(record.half(1)));
                run.scene.rig.pass(outcome, pause);
            }
        }
        run.remember();
        if outcome.is_broken() {
            return;
        }
    }
}

impl Run {
    fn remember(&mut self) {
        for seen in self.scene.rig.sent.drain(..) {
            if self.quotes.len() == QUOTES_MAX {
                self.quotes.remove(0);
            }
            self.quotes.push(seen.octets);
        }
        self.scene.rig.forget();
    }

    fn error(&mut self, record: &Record, outcome: &mut Outcome) {
        let ip = header(record, self.scene.family);
        let quotes = self.quotes.len();
        let mut quoted = match quotes.checked_sub(1 + record.below(1, quotes.max(1))) {
            Some(at) => self.quotes[at].clone(),
            None => pattern(0, 40),
        };
        if record.bit(0, 7) && !quoted.is_empty() {
            let at = usize::from(record.byte(14)) % quoted.len().min(64);
            quoted[at] = TELLING[usize::from(record.byte(15)) % TELLING.len()];
        }
        let keep = match record.byte(8) {
            0..=127 => quoted.len(),
            octet => usize::from(octet & 127),
        };
        quoted.truncate(keep);
        let (kind, code) = match self.scene.family {
            Family::V4 => record.pick(
                7,
                [
                    (3, 4),
                    (3, 3),
                    (3, 1),
                    (3, 0),
                    (3, 13),
                    (11, 0),
                    (12, 0),
                    (4, 0),
                    (5, 1),
                    (3, 2),
                ],
            ),
            Family::V6 => record.pick(
                7,
                [
                    (2, 0),
                    (1, 4),
                    (1, 0),
                    (1, 3),
                    (1, 1),
                    (3, 0),
                    (3, 1),
                    (4, 0),
                    (4, 1),
                    (100, 0),
                ],
            ),
        };
        let mtu = u32::from(record.half(10));
        let word = match record.byte(9) % 4 {
            0 => mtu,
            1 => mtu % 1_600,
            2 => record.word(10),
            _ => 0,
        };
        let message = icmp(&ip, kind, code, word.to_be_bytes(), &quoted);
        let packet = ip.packet(icmp_protocol(ip.source), &message);
        let before = self.scene.rig.sent.len();
        self.scene.rig.arrives(outcome, &packet);
        // An error never answers an error (RFC 1122 §3.2.2, RFC 4443 §2.4(e)).
        let answered = self.scene.rig.sent[before..].iter().any(|seen| {
            matches!(seen.icmp(), Some((3..=5 | 11 | 12, _))) && seen.ip.source.is_ipv4()
        });
        outcome.require(!answered, Promise::AsModel, || {
            format!("an ICMP error answers ICMP {kind}/{code}")
        });
    }

    fn send(&mut self, record: &Record, outcome: &mut Outcome) {
        let octets = usize::from(record.half(8)) % 3_000;
        let call = Call::SendDatagram {
            socket: self.scene.socket,
            datagram: SendDatagram {
                remote: Some((them(self.scene.family), 6_000).into()),
                octets: Bytes::from(pattern(0, octets)),
                ..SendDatagram::default()
            },
        };
        let _ = self.scene.rig.call(outcome, call);
    }

    fn open(&mut self, record: &Record, outcome: &mut Outcome) {
        if self.scene.rig.stack.counters().tcp.connections > 6 {
            return;
        }
        let open = OpenConnection {
            remote: (them(self.scene.family), record.pick(8, [7, 9, 80])).into(),
            local_address: None,
            local_port: 0,
            options: ConnectionOptions::default(),
        };
        if let Ok(Reply::Connection { connection, .. }) =
            self.scene.rig.call(outcome, Call::OpenConnection(open))
        {
            let octets = Bytes::from(pattern(0, 3_000));
            let _ = self
                .scene
                .rig
                .call(outcome, Call::Send { connection, octets });
        }
    }
}
