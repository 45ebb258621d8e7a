//! F8: one TCP socket in any state: packets, calls and time from octets (RFC 9293 §3.10).
//!
//! The head chooses a snapshot, each record a segment, a call or a pause. Segments are near what the
//! connection expects; [`Watch`] holds it to what a peer can see and predicts what must be acknowledged.

use bytes::Bytes;
use sidestep_stack::Duration;
use sidestep_stack::call::{
    Call, CongestionAlgorithm, ConnectionId, ConnectionOptions, KeepAlive, OpenConnection, Release,
    Reply, Shutdown, Status,
};
use sidestep_stack::observe::State;

use crate::fuzz::flow::{Flow, stream};
use crate::fuzz::outcome::Outcome;
use crate::fuzz::record::{Input, Record, noise};
use crate::fuzz::snapshot::{Profile, Snapshot};
use crate::fuzz::trace::Trace;
use crate::fuzz::watch::{Reads, Watch, check_status};
use crate::packet::craft::{Ip, Segment, flags, icmp, icmp_protocol, option};
use crate::packet::seen::Seen;

/// Text that one input may write.
const WRITTEN_OCTETS_MAX: usize = 200_000;
/// Connections that one input may open besides.
const OPENED_MAX: usize = 4;

/// A run of an input.
pub(crate) struct Run {
    snapshot: Snapshot,
    watch: Option<Watch>,
    /// The last segment that arrived, to be repeated.
    last: Vec<u8>,
    /// The last packet that left, to be quoted.
    left: Vec<u8>,
    /// Connections that it has opened.
    opened: usize,
}

/// See the module.
pub(crate) fn run(input: Input<'_>, outcome: &mut Outcome) {
    if let Some(mut run) = Run::new(input) {
        run.steps(input, outcome);
    }
}

/// The same, and what happened from the first packet on.
pub(crate) fn traced(input: Input<'_>, outcome: &mut Outcome) -> Option<Trace> {
    let mut run = Run::new(input)?;
    run.snapshot.rig.trace = Some(run.snapshot.trace.clone());
    run.steps(input, outcome);
    run.snapshot.rig.trace.take()
}

impl Run {
    fn new(input: Input<'_>) -> Option<Self> {
        let snapshot = Snapshot::of(Profile::of(&input.head()))?;
        let mut run = Self {
            snapshot,
            watch: None,
            last: Vec::new(),
            left: Vec::new(),
            opened: 0,
        };
        let written = run.snapshot.written;
        run.watch = run
            .standing()
            .map(|(name, status)| Watch::begins(name, &status, written));
        Some(run)
    }

    fn steps(&mut self, input: Input<'_>, outcome: &mut Outcome) {
        for record in input.records() {
            if let Some(status) = self.status() {
                outcome.reached.in_state(status.state);
            }
            match record.byte(0) & 15 {
                0..=7 => self.segment(&record, outcome),
                8 => self.fill(&record, outcome),
                9 => self.send(&record, outcome),
                10 => self.receive(&record, outcome),
                11 | 12 => self.call(&record, outcome),
                13 => self.quote_or_repeat(&record, outcome),
                _ => self.pause(&record, outcome),
            }
            self.look(outcome);
            if outcome.is_broken() {
                return;
            }
        }
    }

    fn name(&self) -> Option<ConnectionId> {
        let Flow { local, remote, .. } = self.snapshot.flow;
        self.snapshot.rig.stack.connection_between(local, remote)
    }

    fn status(&self) -> Option<Status> {
        self.standing().map(|(_, status)| status)
    }

    fn standing(&self) -> Option<(ConnectionId, Status)> {
        let name = self.name()?;
        let status = self.snapshot.rig.stack.status(name)?;
        Some((name, status))
    }

    /// Looks at all that came out.
    fn look(&mut self, outcome: &mut Outcome) {
        let standing = self.standing();
        if let Some((name, status)) = &standing {
            check_status(status, outcome);
            if !self.watch.as_ref().is_some_and(|watch| watch.is_of(*name)) {
                self.watch = Some(Watch::begins(*name, status, 0));
            }
        }
        let status = standing.map(|(_, status)| status);
        let flow = self.snapshot.flow;
        for seen in self.snapshot.rig.sent.drain(..) {
            if let Some(segment) = seen.tcp()
                && segment.source_port == flow.local.port()
                && segment.destination_port == flow.remote.port()
            {
                if let Some((value, _)) = segment.stamps() {
                    self.snapshot.flow.echo = value;
                }
                if let (Some(watch), Some(status)) = (&mut self.watch, &status) {
                    watch.leaves(segment, status, outcome);
                }
            }
            self.left = seen.octets;
        }
        self.snapshot.rig.events.clear();
    }

    fn arrives(&mut self, segment: &Segment, outcome: &mut Outcome) {
        self.watched_arrives(segment, segment.packet(), outcome);
    }

    /// A packet that arrived before: what it acknowledged too early may have been sent by now.
    fn arrives_again(&mut self, packet: Vec<u8>, outcome: &mut Outcome) {
        let seen = Seen::try_read(&packet).ok();
        match seen.as_ref().and_then(Seen::tcp) {
            Some(segment) => self.watched_arrives(segment, packet, outcome),
            None => self.snapshot.rig.arrives(outcome, &packet),
        }
    }

    fn watched_arrives(&mut self, segment: &Segment, packet: Vec<u8>, outcome: &mut Outcome) {
        let expected = match (self.standing(), &mut self.watch) {
            (Some((name, status)), Some(watch)) if watch.is_of(name) => {
                Some(watch.arrives(segment, &status))
            }
            _ => None,
        };
        self.last = packet;
        self.snapshot.rig.arrives(outcome, &self.last);
        if let (Some(expected), Some(watch), Some((name, after))) =
            (expected, &self.watch, self.standing())
            && watch.is_of(name)
        {
            watch.arrived(expected, &after, outcome);
        }
    }

    fn segment(&mut self, record: &Record, outcome: &mut Outcome) {
        let status = self.status();
        let mut segment = self.snapshot.flow.segment(status.as_ref());
        segment.flags = FLAGS[usize::from(record.byte(1)) % FLAGS.len()];
        if record.byte(1) == 0xff {
            segment.flags = record.byte(15);
        }
        segment.window = record.pick(
            4,
            [60_000, 65_535, 0, 1, 1_000, 100, 8_000, record.half(12)],
        );
        let octets = text_octets(record);
        if let Some(status) = &status {
            segment.seq = seq_of(record, status, octets);
            segment.ack = ack_of(record, status);
        } else {
            segment.seq = segment.seq.wrapping_add_signed(record.nudge(2));
            segment.ack = record.word(12);
        }
        if segment.flags & flags::ACK == 0 {
            segment.ack = 0;
        }
        if record.bit(0, 4) {
            segment = segment.urgent(record.half(13));
        }
        if record.bit(0, 5) {
            segment.flags |= record.pick(14, [flags::ECE, flags::CWR, flags::ECE | flags::CWR]);
        }
        segment.options = self.options(record, &segment, status.as_ref());
        let irs = match &status {
            Some(status) if status.state != State::SynSent => status.irs,
            _ => segment.seq,
        };
        let syn = u32::from(segment.flags & flags::SYN != 0);
        let from = segment
            .seq
            .wrapping_add(syn)
            .wrapping_sub(irs)
            .wrapping_sub(1);
        segment.text = stream(from, octets);
        self.arrives(&segment, outcome);
    }

    fn options(&self, record: &Record, segment: &Segment, status: Option<&Status>) -> Vec<u8> {
        let how = record.byte(6);
        let flow = &self.snapshot.flow;
        let clock = flow.clock(self.snapshot.rig.now);
        if segment.flags & flags::SYN != 0 {
            return syn_options(how, record, clock);
        }
        let agreed = status.is_some_and(|status| status.timestamps);
        let mut options = match (agreed, clock) {
            (true, Some(clock)) => match how & 0x1f {
                0x1f => Vec::new(),
                0x1e => Flow::stamps(clock.wrapping_sub(record.word(10) >> 12), flow.echo),
                0x1d => Flow::stamps(clock, record.word(10)),
                0x1c => Flow::stamps(record.word(10), flow.echo),
                _ => Flow::stamps(clock, flow.echo),
            },
            _ => Vec::new(),
        };
        if let Some(status) = status
            && how & 0xe0 > 0x80
        {
            let in_flight = status.snd_nxt.wrapping_sub(status.snd_una);
            let blocks: Vec<(u32, u32)> = (0..usize::from(how >> 5) - 4)
                .map(|at| block(record, at, status, in_flight))
                .collect();
            options.extend([1, 1]);
            options.extend(option::sack(&blocks));
        }
        if how == 0x60 {
            options.extend(noise(record.word(10), 4));
        }
        options.truncate(40);
        options
    }

    /// The text from RCV.NXT on that closes all holes.
    fn fill(&mut self, record: &Record, outcome: &mut Outcome) {
        let Some(status) = self.status() else {
            return;
        };
        let mut segment = self.snapshot.flow.segment(Some(&status));
        if status.timestamps
            && let Some(clock) = self.snapshot.flow.clock(self.snapshot.rig.now)
        {
            segment.options = Flow::stamps(clock, self.snapshot.flow.echo);
        }
        let octets = (usize::from(record.half(8)) % 12_000).min(status.rcv_wnd as usize);
        let from = status.rcv_nxt.wrapping_sub(status.irs).wrapping_sub(1);
        segment.text = stream(from, octets);
        if record.bit(1, 0) {
            segment.flags |= flags::FIN;
        }
        self.arrives(&segment, outcome);
    }

    fn send(&mut self, record: &Record, outcome: &mut Outcome) {
        let Some(connection) = self.snapshot.connection else {
            return;
        };
        let octets = match record.byte(1) % 4 {
            0 => usize::from(record.byte(8)),
            1 => usize::from(record.half(8)),
            2 => 1_460 * (1 + usize::from(record.byte(8)) % 20),
            _ => 1,
        };
        let ours = Some(connection) == self.name();
        let written = match &self.watch {
            Some(watch) if ours => watch.written,
            _ => 0,
        };
        if written + octets > WRITTEN_OCTETS_MAX {
            return;
        }
        let call = Call::Send {
            connection,
            octets: Bytes::from(stream(written as u32, octets)),
        };
        // It must be known before it leaves.
        let before = written;
        if let Ok(Reply::Sent(taken)) = self.snapshot.rig.call(outcome, call)
            && ours
            && let Some(watch) = &mut self.watch
        {
            watch.written = before + taken;
        }
    }

    fn receive(&mut self, record: &Record, outcome: &mut Outcome) {
        let Some(connection) = self.snapshot.connection else {
            return;
        };
        let octets_max = record.pick(1, [usize::MAX, 1, 100, 1_460, 5_000]);
        let call = Call::Receive {
            connection,
            octets_max,
        };
        let ours = Some(connection) == self.name();
        if let Ok(Reply::Received(received)) = self.snapshot.rig.call(outcome, call)
            && ours
            && let Some(watch) = &mut self.watch
        {
            watch.reads(&received.slices, outcome);
        }
    }

    fn call(&mut self, record: &Record, outcome: &mut Outcome) {
        let call = match record.byte(1) % 10 {
            0 | 1 => self.snapshot.connection.map(|connection| Call::Shutdown {
                connection,
                direction: Shutdown::Write,
            }),
            2 => {
                self.stop_reading();
                self.snapshot.connection.map(|connection| Call::Shutdown {
                    connection,
                    direction: record.pick(8, [Shutdown::Read, Shutdown::Write]),
                })
            }
            3 | 4 => {
                self.stop_reading();
                let how = record.pick(8, [Release::Close, Release::CloseUnread, Release::Abort]);
                self.snapshot
                    .connection
                    .take()
                    .map(|connection| Call::Release { connection, how })
            }
            5 | 6 => return self.accept(outcome),
            7 => return self.open(outcome),
            8 => self.snapshot.connection.map(|connection| Call::SetOptions {
                connection,
                options: settings(record),
            }),
            _ => match record.byte(8) {
                200..=255 => self.snapshot.listener.take().map(Call::CloseListener),
                _ => None,
            },
        };
        if let Some(call) = call {
            let _ = self.snapshot.rig.call(outcome, call);
        }
    }

    fn stop_reading(&mut self) {
        if let Some(watch) = &mut self.watch
            && self.snapshot.connection.is_some()
        {
            watch.reads = Reads::No;
        }
    }

    fn accept(&mut self, outcome: &mut Outcome) {
        let Some(listener) = self.snapshot.listener else {
            return;
        };
        let reply = self.snapshot.rig.call(outcome, Call::Accept(listener));
        if let Ok(Reply::Accepted(Some(accepted))) = reply {
            self.snapshot.connection = Some(accepted.connection);
        }
    }

    fn open(&mut self, outcome: &mut Outcome) {
        if self.opened >= OPENED_MAX {
            return;
        }
        self.opened += 1;
        let open = OpenConnection {
            remote: self.snapshot.flow.remote,
            local_address: None,
            local_port: self.snapshot.flow.local.port(),
            options: ConnectionOptions::default(),
        };
        let reply = self.snapshot.rig.call(outcome, Call::OpenConnection(open));
        if let Ok(Reply::Connection { connection, .. }) = reply {
            self.snapshot.connection = Some(connection);
        }
    }

    /// An ICMP error about the last packet, or the last segment again.
    fn quote_or_repeat(&mut self, record: &Record, outcome: &mut Outcome) {
        if record.bit(1, 0) {
            let last = self.last.clone();
            for _ in 0..1 + record.byte(2) % 4 {
                self.arrives_again(last.clone(), outcome);
            }
            return;
        }
        let Flow { local, remote, .. } = self.snapshot.flow;
        let ip = Ip::new(remote.ip(), local.ip());
        let keep = self.left.len().min(28 + usize::from(record.byte(2)));
        let (kind, code) = if local.is_ipv4() {
            record.pick(
                3,
                [(3, 4), (3, 3), (3, 2), (3, 1), (11, 0), (12, 0), (4, 0)],
            )
        } else {
            record.pick(
                3,
                [(2, 0), (1, 4), (1, 0), (3, 0), (4, 1), (1, 1), (100, 0)],
            )
        };
        let mtu = u32::from(record.half(8)) % 1_600;
        let message = icmp(&ip, kind, code, mtu.to_be_bytes(), &self.left[..keep]);
        let packet = ip.packet(icmp_protocol(remote.ip()), &message);
        self.snapshot.rig.arrives(outcome, &packet);
    }

    fn pause(&mut self, record: &Record, outcome: &mut Outcome) {
        let until_deadline = self
            .snapshot
            .rig
            .stack
            .next_deadline()
            .map_or(Duration::ZERO, |at| self.snapshot.rig.now.until(at));
        let pause = match record.byte(1) % 8 {
            0 => Duration::from_millis(1),
            1 => Duration::from_millis(41),
            2 | 3 => until_deadline.min(Duration::from_secs(8_000)),
            4 => Duration::from_millis(200 + u64::from(record.byte(2))),
            5 => Duration::from_secs(1),
            6 => Duration::from_secs(61),
            _ => Duration::from_millis(u64::from(record.half(2)) * 8),
        };
        self.snapshot.rig.pass(outcome, pause);
    }
}

/// Control bits, the usual ones first.
const FLAGS: [u8; 18] = [
    flags::ACK,
    flags::ACK | flags::PSH,
    flags::ACK,
    flags::ACK | flags::FIN,
    flags::ACK | flags::PSH,
    flags::SYN,
    flags::SYN | flags::ACK,
    flags::RST,
    flags::RST | flags::ACK,
    flags::FIN,
    0,
    flags::SYN | flags::FIN,
    flags::ACK,
    flags::ACK | flags::PSH,
    flags::ACK,
    flags::SYN | flags::RST,
    flags::ACK | flags::FIN | flags::PSH,
    0xff,
];

fn text_octets(record: &Record) -> usize {
    match record.byte(5) % 8 {
        0 | 1 => 0,
        2 => 1,
        3 => usize::from(record.byte(8)),
        4 => 1_460,
        5 => 1_000,
        6 => usize::from(record.half(8)) % 4_000,
        _ => 536,
    }
}

fn seq_of(record: &Record, status: &Status, octets: usize) -> u32 {
    let nxt = status.rcv_nxt;
    let edge = nxt.wrapping_add(status.rcv_wnd);
    match record.byte(2) % 16 {
        0..=3 => nxt,
        4 => nxt.wrapping_add_signed(record.nudge(7)),
        5 | 6 => nxt.wrapping_add(u32::from(record.half(10)) % status.rcv_wnd.max(1)),
        7 | 8 => nxt.wrapping_add((octets as u32).max(1) * (1 + u32::from(record.byte(7)) % 4)),
        9 => nxt.wrapping_sub(1 + u32::from(record.half(10)) % 3_000),
        10 => edge.wrapping_add_signed(record.nudge(7)),
        11 => edge
            .wrapping_sub(octets as u32)
            .wrapping_add_signed(record.nudge(7)),
        12 => status.irs.wrapping_add_signed(record.nudge(7)),
        13 => record.word(9),
        14 => nxt
            .wrapping_add(1 << 31)
            .wrapping_add_signed(record.nudge(7)),
        _ => nxt.wrapping_sub(1),
    }
}

fn ack_of(record: &Record, status: &Status) -> u32 {
    let (una, nxt) = (status.snd_una, status.snd_nxt);
    let in_flight = nxt.wrapping_sub(una);
    match record.byte(3) % 16 {
        0..=5 => nxt,
        6 | 7 => una,
        8 | 9 => una.wrapping_add(u32::from(record.half(10)) % (in_flight + 1)),
        10 => nxt.wrapping_add_signed(record.nudge(7)),
        11 => una.wrapping_sub(u32::from(record.half(10))),
        12 => una
            .wrapping_sub(status.snd_max_wnd)
            .wrapping_add_signed(record.nudge(7)),
        13 => record.word(9),
        14 => una.wrapping_add((u32::from(status.snd_mss)).min(in_flight)),
        _ => nxt.wrapping_add(1),
    }
}

/// A SACK block: mostly of what is in flight.
fn block(record: &Record, at: usize, status: &Status, in_flight: u32) -> (u32, u32) {
    let (a, b) = (
        u32::from(record.half(8 + at)),
        u32::from(record.half(10 + at)),
    );
    let (a, b) = (a % (in_flight + 1), b % (in_flight + 1));
    let (left, right) = (a.min(b), a.max(b));
    match record.byte(14) % 8 {
        7 => (record.word(8), record.word(9)),
        6 => (status.snd_una.wrapping_sub(right), status.snd_una),
        _ => (
            status.snd_una.wrapping_add(left),
            status.snd_una.wrapping_add(right),
        ),
    }
}

fn syn_options(how: u8, record: &Record, clock: Option<u32>) -> Vec<u8> {
    let mut options = Vec::new();
    if how & 1 == 0 {
        options.extend(option::mss(
            record.pick(14, [1_460, 536, 0, 1, 64, 65_535, 88, 9_000]),
        ));
    }
    if how & 2 == 0 {
        options.extend(option::SACK_PERMITTED);
    }
    if how & 4 == 0
        && let Some(clock) = clock
    {
        options.extend(option::timestamps(clock, 0));
    }
    if how & 8 == 0 {
        options.extend(option::NOP);
        options.extend(option::window_scale(
            record.pick(15, [7, 0, 14, 15, 255, 1]),
        ));
    }
    options
}

fn settings(record: &Record) -> ConnectionOptions {
    let keep_alive = KeepAlive {
        idle: Duration::from_secs(1),
        interval: Duration::from_secs(1),
        probes_max: 2,
    };
    ConnectionOptions {
        no_delay: record.pick(8, [None, Some(true), Some(false)]),
        keep_alive: record.pick(9, [None, Some(None), Some(Some(keep_alive))]),
        user_timeout: record.pick(10, [None, Some(None), Some(Some(Duration::from_secs(2)))]),
        send_buffer_octets: record.pick(11, [None, Some(4_096), Some(1), Some(1 << 20)]),
        hop_limit: record.pick(12, [None, Some(1), Some(255)]),
        cork: record.pick(13, [None, Some(true), Some(false)]),
        quick_ack: record.pick(14, [None, Some(true), Some(false)]),
        congestion: record.pick(
            15,
            [
                None,
                Some(CongestionAlgorithm::Reno),
                Some(CongestionAlgorithm::Cubic),
                Some(CongestionAlgorithm::Bbr),
            ],
        ),
        ..ConnectionOptions::default()
    }
}
