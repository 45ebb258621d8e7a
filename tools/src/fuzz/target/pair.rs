//! F9: two stacks and a line between them whose faults the input chooses (RFC 9293 as a whole).
//!
//! Each record is the fate of one packet: lost, doubled, late, damaged, cut. Both sides send text and
//! close. Once the faults are over the transfer must end, with every octet in its place on both sides.

use std::collections::BTreeMap;

use bytes::Bytes;
use sidestep_stack::call::{
    Call, ConnectionId, ConnectionOptions, Listen, Local, OpenConnection, Reply, Shutdown,
};
use sidestep_stack::{Duration, Event, Instant};

use crate::fuzz::flow::{is_stream, stream};
use crate::fuzz::outcome::{Outcome, Promise};
use crate::fuzz::packets::LISTEN_PORT;
use crate::fuzz::record::{Input, Record};
use crate::fuzz::rig::{Family, Rig, THEM, us};
use crate::fuzz::watch::check_status;

/// Packets that meet a fate of the input's: the records over and over, this often.
const ROUNDS: usize = 3;
/// Steps until a transfer must be over.
const STEPS_MAX: usize = 30_000;
/// No transfer here takes longer: R2 ends it.
const LIMIT: Duration = Duration::from_secs(4_000);
/// One way.
const DELAY: Duration = Duration::from_millis(10);

/// One stack and its application.
struct End {
    rig: Rig,
    connection: Option<ConnectionId>,
    to_write: usize,
    written: usize,
    read: usize,
    shut: bool,
    finished: bool,
    failed: bool,
}

impl End {
    fn new(number: u8, seed: u64, to_write: usize) -> Option<Self> {
        Some(Self {
            rig: Rig::numbered(number, seed, |config| config.fix_receive_buffer(16_384))?,
            connection: None,
            to_write,
            written: 0,
            read: 0,
            shut: false,
            finished: false,
            failed: false,
        })
    }

    /// Writes and reads what it can.
    fn work(&mut self, outcome: &mut Outcome) {
        for event in std::mem::take(&mut self.rig.events) {
            match event {
                Event::Failed { .. } => self.failed = true,
                Event::Acceptable(listener) => {
                    let reply = self.rig.call(outcome, Call::Accept(listener));
                    if let Ok(Reply::Accepted(Some(accepted))) = reply
                        && self.connection.is_none()
                    {
                        self.connection = Some(accepted.connection);
                    }
                }
                _ => {}
            }
        }
        let Some(connection) = self.connection else {
            return;
        };
        self.write(connection, outcome);
        let call = Call::Receive {
            connection,
            octets_max: usize::MAX,
        };
        if let Ok(Reply::Received(received)) = self.rig.call(outcome, call) {
            for slice in received.slices {
                let right = is_stream(self.read as u32, &slice);
                outcome.require(right, Promise::Delivered, || {
                    format!("{} octets from {} on are wrong", slice.len(), self.read)
                });
                self.read += slice.len();
            }
            self.finished |= received.end_of_stream;
        }
        if let Some(status) = self.rig.stack.status(connection) {
            outcome.reached.in_state(status.state);
            check_status(&status, outcome);
        }
    }

    fn write(&mut self, connection: ConnectionId, outcome: &mut Outcome) {
        if self.written < self.to_write {
            let octets = Bytes::from(stream(self.written as u32, self.to_write - self.written));
            let send = Call::Send { connection, octets };
            if let Ok(Reply::Sent(taken)) = self.rig.call(outcome, send) {
                self.written += taken;
            }
        }
        if self.written == self.to_write && !self.shut {
            let shutdown = Call::Shutdown {
                connection,
                direction: Shutdown::Write,
            };
            self.shut = self.rig.call(outcome, shutdown).is_ok();
        }
    }
}

/// The two ends, and what is on its way: by the moment and a number that keeps the order.
struct World {
    ends: [End; 2],
    line: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    fates: Vec<Record>,
    packets: usize,
    number: u64,
    now: Instant,
}

/// See the module.
pub(crate) fn run(input: Input<'_>, outcome: &mut Outcome) {
    let Some(mut world) = World::new(input, outcome) else {
        return;
    };
    let begin = world.now;
    for _ in 0..STEPS_MAX {
        if !world.step(outcome) || outcome.is_broken() {
            break;
        }
        if world.now > begin + LIMIT {
            break;
        }
    }
    world.conclude(outcome);
}

impl World {
    fn new(input: Input<'_>, outcome: &mut Outcome) -> Option<Self> {
        let head = input.head();
        let family = head.pick(0, [Family::V4, Family::V6]);
        let seed = u64::from(head.byte(1));
        let mut near = End::new(THEM, 2 * seed, usize::from(head.half(2)))?;
        let mut far = End::new(1, 2 * seed + 1, usize::from(head.half(4)) / 4)?;
        let listen = Listen {
            local: Local {
                port: LISTEN_PORT,
                ..Local::default()
            },
            ..Listen::default()
        };
        far.rig.call(outcome, Call::Listen(listen)).ok()?;
        let open = OpenConnection {
            remote: (us(family), LISTEN_PORT).into(),
            local_address: None,
            local_port: 40_000,
            options: ConnectionOptions::default(),
        };
        let reply = near.rig.call(outcome, Call::OpenConnection(open)).ok()?;
        if let Reply::Connection { connection, .. } = reply {
            near.connection = Some(connection);
        }
        let now = near.rig.now;
        let mut world = Self {
            ends: [near, far],
            line: BTreeMap::new(),
            fates: input.records().collect(),
            packets: 0,
            number: 0,
            now,
        };
        world.carry();
        Some(world)
    }

    /// The next thing happens; false if nothing will.
    fn step(&mut self, outcome: &mut Outcome) -> bool {
        let arrival = self.line.keys().next().map(|(at, _)| *at);
        let deadlines = self.ends.iter().map(|end| end.rig.stack.next_deadline());
        let next = deadlines.chain([arrival]).flatten().min();
        let Some(next) = next else {
            return false;
        };
        self.now = self.now.max(next);
        let now = self.now;
        for end in &mut self.ends {
            let pause = end.rig.now.until(now);
            end.rig.pass(outcome, pause);
        }
        while let Some(entry) = self.line.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let (to, packet) = entry.remove();
            self.ends[to].rig.arrives(outcome, &packet);
        }
        for end in &mut self.ends {
            end.work(outcome);
        }
        self.carry();
        !self.ends.iter().all(|end| end.finished || end.failed)
    }

    /// What left goes on the line, and meets its fate.
    fn carry(&mut self) {
        for from in 0..2 {
            for seen in std::mem::take(&mut self.ends[from].rig.sent) {
                if seen.tcp().is_some() {
                    self.fate(1 - from, seen.octets);
                }
            }
        }
    }

    fn fate(&mut self, to: usize, mut packet: Vec<u8>) {
        let faulty = self.packets < ROUNDS * self.fates.len();
        let record = match self.fates.len() {
            0 => Record::default(),
            count => self.fates[self.packets % count],
        };
        self.packets += 1;
        let at = self.now + DELAY;
        if !faulty {
            return self.put(at, to, packet);
        }
        match record.byte(0) & 15 {
            8 | 9 => {}
            10 => {
                self.put(at, to, packet.clone());
                self.put(at + DELAY, to, packet);
            }
            11 | 12 => {
                let late = Duration::from_micros(u64::from(record.half(2)) * 10);
                self.put(at + late, to, packet);
            }
            13 => {
                let place = usize::from(record.half(2)) % packet.len();
                packet[place] ^= 1 << (record.byte(4) & 7);
                self.put(at, to, packet);
            }
            14 => {
                packet.truncate(usize::from(record.half(2)) % packet.len());
                self.put(at, to, packet);
            }
            15 => self.put(
                at + Duration::from_secs(u64::from(record.byte(2)) / 8),
                to,
                packet,
            ),
            _ => self.put(at, to, packet),
        }
    }

    fn put(&mut self, at: Instant, to: usize, packet: Vec<u8>) {
        self.number += 1;
        self.line.insert((at, self.number), (to, packet));
    }

    fn conclude(&self, outcome: &mut Outcome) {
        let [near, far] = &self.ends;
        outcome
            .reached
            .guide(30, (self.packets as u32).checked_ilog2().unwrap_or(0));
        // Faults may end a connection, but then both sides hear of it.
        if near.failed || far.failed {
            return;
        }
        for (end, peer, what) in [(near, far, "the client"), (far, near, "the server")] {
            outcome.require(end.finished, Promise::TransferEnds, || {
                format!(
                    "{what} has read {} of {} octets and waits",
                    end.read, peer.to_write
                )
            });
            outcome.require(end.read == peer.to_write, Promise::Delivered, || {
                format!("{what} has read {} of {} octets", end.read, peer.to_write)
            });
        }
    }
}
