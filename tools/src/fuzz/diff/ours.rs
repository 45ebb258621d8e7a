//! Our side of the comparison: makes steps of an input's records and plays them to a stack.
//!
//! What a step is depends on where the connection stands, so that it reaches deep states; the kernel is
//! then given the same steps. Time passes a little with each step, and no timer ever expires.

use sidestep_stack::call::{
    Call, ConnectionId, ConnectionOptions, Listen, ListenerId, Local, OpenConnection, Release,
    Reply, Shutdown, Status,
};
use sidestep_stack::observe::State;
use sidestep_stack::{Duration, Event};

use super::step::{Answer, Inbound, Played, Stamp, Step, Turn};
use crate::fuzz::flow::{Flow, is_stream, stream};
use crate::fuzz::outcome::Outcome;
use crate::fuzz::packets::LISTEN_PORT;
use crate::fuzz::record::{Input, Record};
use crate::fuzz::rig::{Family, Rig, them, us};
use crate::fuzz::trace::Said;
use crate::packet::craft::{Ip, Segment, flags, option};

/// The peer's port, and ours where we open.
const PEER_PORT: u16 = 40_000;
const OUR_PORT: u16 = 41_000;
/// Text that is written in one sequence: below the initial window, so that cwnd never matters.
const WRITTEN_OCTETS_MAX: usize = 8_000;
/// Between two steps.
const PAUSE: Duration = Duration::from_micros(200);
/// What the peer's clock shows first.
pub(crate) const CLOCK: u32 = 5_000;

struct Player {
    rig: Rig,
    outcome: Outcome,
    family: Family,
    irs: u32,
    opens: bool,
    modern: bool,
    listener: Option<ListenerId>,
    connection: Option<ConnectionId>,
    iss: Option<u32>,
    echo: u32,
    written: usize,
    read: usize,
    intact: bool,
    turns: Vec<Turn>,
    closed: bool,
    /// Whether the application was told that the connection failed.
    failed: bool,
}

/// Plays an input; `None` if the stack broke a promise, which is what the other targets are for.
pub(crate) fn play(input: Input<'_>) -> Option<Played> {
    let mut player = Player::new(&input.head())?;
    player.begin(&input.head());
    for record in input.records() {
        let step = player.step(&record);
        player.take(step);
    }
    player.end();
    (!player.outcome.is_broken()).then_some(Played {
        family: player.family,
        irs: player.irs,
        opens: player.opens,
        turns: player.turns,
        delivered: player.read,
        intact: player.intact,
    })
}

impl Player {
    fn new(head: &Record) -> Option<Self> {
        let rig = Rig::new(11, |config| {
            config.challenge_acks_per_second = 1_000;
            config.time_wait_ms = 240_000;
        })?;
        Some(Self {
            rig,
            outcome: Outcome::default(),
            family: head.pick(0, [Family::V4, Family::V6]),
            irs: head.pick(1, [77_000, u32::MAX - 2_000, (1 << 31) - 2_000]),
            opens: head.byte(2) % 4 == 3,
            modern: !head.bit(3, 0),
            listener: None,
            connection: None,
            iss: None,
            echo: 0,
            written: 0,
            read: 0,
            intact: true,
            turns: Vec::new(),
            closed: false,
            failed: false,
        })
    }

    fn status(&self) -> Option<Status> {
        let (local, remote) = self.ends();
        let stack = &self.rig.stack;
        stack.status(stack.connection_between(local, remote)?)
    }

    fn ends(&self) -> (std::net::SocketAddr, std::net::SocketAddr) {
        let port = if self.opens { OUR_PORT } else { LISTEN_PORT };
        (
            (us(self.family), port).into(),
            (them(self.family), PEER_PORT).into(),
        )
    }

    /// The opening: mostly the whole handshake, sometimes only its beginning.
    fn begin(&mut self, head: &Record) {
        let depth = match head.byte(4) % 8 {
            0 => 1,
            1 => 2,
            _ => 3,
        };
        if self.opens {
            self.take(Step::Call(Said::Open));
            if depth > 1 {
                let mut syn = self.inbound(flags::SYN | flags::ACK, 0, 1);
                syn.options = self.syn_options();
                self.take(Step::Segment(syn));
            }
            return;
        }
        self.take(Step::Call(Said::Listen));
        let mut syn = self.inbound(flags::SYN, 0, 0);
        syn.options = self.syn_options();
        self.take(Step::Segment(syn));
        if depth > 1 {
            let ack = self.inbound(flags::ACK, 1, 1);
            self.take(Step::Segment(ack));
        }
        if depth > 2 {
            self.take(Step::Call(Said::Accept));
        }
    }

    fn syn_options(&self) -> Vec<u8> {
        let mut options = option::mss(1_460).to_vec();
        if self.modern {
            options.extend(option::SACK_PERMITTED);
            options.extend(option::NOP);
            options.extend(option::window_scale(7));
        }
        options
    }

    fn inbound(&self, flags: u8, seq: u32, ack: u32) -> Inbound {
        Inbound {
            flags,
            seq,
            ack,
            window: if self.modern && flags & flags::SYN == 0 {
                500
            } else {
                60_000
            },
            octets: 0,
            stamp: if self.modern {
                Stamp::Clock(CLOCK + self.turns.len() as u32)
            } else {
                Stamp::None
            },
            options: Vec::new(),
            sack: Vec::new(),
        }
    }

    /// What a record asks for where the connection stands.
    fn step(&self, record: &Record) -> Step {
        match record.byte(0) % 16 {
            0..=9 => Step::Segment(self.segment(record)),
            10 | 11 => Step::Call(Said::Send(1 + usize::from(record.half(8)) % 3_000)),
            12 | 13 => Step::Call(Said::Receive(1 + usize::from(record.half(8)) % 4_000)),
            14 => Step::Call(match record.byte(1) % 4 {
                0 | 1 => Said::ShutdownWrite,
                2 => Said::Close,
                _ => Said::Abort,
            }),
            _ => Step::Call(Said::Accept),
        }
    }

    fn segment(&self, record: &Record) -> Inbound {
        let status = self.status();
        let iss = self.iss.unwrap_or(0);
        let (rcv_nxt, una, nxt) = match &status {
            Some(status) if self.iss.is_some() && status.state != State::SynSent => (
                status.rcv_nxt.wrapping_sub(self.irs),
                status.snd_una.wrapping_sub(iss),
                status.snd_nxt.wrapping_sub(iss),
            ),
            _ => (1, 1, 1),
        };
        let kind = FLAGS[usize::from(record.byte(1)) % FLAGS.len()];
        let mut segment = self.inbound(kind, rcv_nxt, nxt);
        segment.octets = match record.byte(5) % 6 {
            0 | 1 => 0,
            2 => 1,
            3 => usize::from(record.byte(8)),
            4 => 1_000,
            _ => 1_400,
        };
        if kind & (flags::SYN | flags::RST) != 0 {
            segment.octets = 0;
        }
        segment.seq = match record.byte(2) % 16 {
            0..=6 => rcv_nxt,
            7 | 8 => rcv_nxt.wrapping_add(segment.octets as u32),
            9 => rcv_nxt.wrapping_add(u32::from(record.half(10)) % 6_000),
            10 | 11 => rcv_nxt.wrapping_sub(1 + u32::from(record.half(10)) % 2_000),
            12 => rcv_nxt.wrapping_sub(1),
            13 => rcv_nxt.wrapping_add(1 << 30),
            14 => rcv_nxt.wrapping_add(1),
            _ => 0,
        };
        if kind & flags::SYN != 0 && status.as_ref().is_none_or(|it| it.state == State::SynSent) {
            // The peer's numbers begin here, and nowhere else.
            segment.seq = 0;
        }
        segment.ack = match record.byte(3) % 16 {
            0..=9 => nxt,
            10 | 11 => una,
            12 => nxt.wrapping_add(1 + u32::from(record.byte(10))),
            13 => una.wrapping_add(nxt.wrapping_sub(una) / 2),
            14 => una.wrapping_sub(1 + (1 << 30)),
            _ => una,
        };
        if kind & flags::ACK == 0 {
            segment.ack = 0;
        }
        if kind & flags::SYN != 0 {
            segment.options = self.syn_options();
        }
        if let (Stamp::Clock(clock), 15) = (segment.stamp, record.byte(6) & 15) {
            segment.stamp = if record.bit(6, 4) {
                Stamp::Clock(clock.wrapping_sub(1 << 20))
            } else {
                Stamp::None
            };
        }
        if record.byte(7) & 15 == 15 {
            segment.window = 0;
        }
        segment
    }

    fn take(&mut self, step: Step) {
        self.rig.pass(&mut self.outcome, PAUSE);
        let at = self.rig.now;
        let state = self.status().map(|status| status.state);
        let (wire, answer) = match &step {
            Step::Segment(inbound) => {
                let wire = self.wire(inbound);
                self.rig.arrives(&mut self.outcome, &wire.packet());
                (Some(wire), Answer::None)
            }
            Step::Call(said) => (None, self.call(*said)),
        };
        let (local, remote) = self.ends();
        let mut out = Vec::new();
        for seen in std::mem::take(&mut self.rig.sent) {
            if let Some(segment) = seen.tcp()
                && (segment.source_port, segment.destination_port) == (local.port(), remote.port())
            {
                if segment.flags & flags::SYN != 0 {
                    self.iss = Some(segment.seq);
                }
                if let Some((value, _)) = segment.stamps() {
                    self.echo = value;
                }
                out.push(segment.clone());
            }
        }
        for event in self.rig.events.drain(..) {
            self.failed |= matches!(event, Event::Failed { .. });
        }
        self.turns.push(Turn {
            step,
            at,
            wire,
            out,
            answer,
            iss: self.iss,
            irs: self.irs,
            state,
        });
    }

    fn wire(&self, inbound: &Inbound) -> Segment {
        let (local, remote) = self.ends();
        wire(
            inbound,
            (local, remote),
            self.irs,
            self.iss.unwrap_or(0),
            self.echo,
        )
    }

    fn call(&mut self, said: Said) -> Answer {
        let call = match said {
            Said::Listen => Call::Listen(Listen {
                local: Local {
                    port: LISTEN_PORT,
                    ..Local::default()
                },
                options: no_delay(),
                ..Listen::default()
            }),
            Said::Open => Call::OpenConnection(OpenConnection {
                remote: self.ends().1,
                local_address: None,
                local_port: OUR_PORT,
                options: no_delay(),
            }),
            Said::Accept => match (self.listener, self.connection, self.closed) {
                (Some(listener), None, false) => Call::Accept(listener),
                _ => return Answer::None,
            },
            _ => return self.connection_call(said),
        };
        match self.rig.call(&mut self.outcome, call) {
            Ok(Reply::Listener { listener, .. }) => self.listener = Some(listener),
            Ok(Reply::Connection { connection, .. }) => self.connection = Some(connection),
            Ok(Reply::Accepted(Some(accepted))) => self.connection = Some(accepted.connection),
            Ok(Reply::Accepted(None)) => return Answer::Blocks,
            Ok(_) => {}
            Err(_) => return Answer::Refused,
        }
        Answer::Octets(0)
    }

    fn connection_call(&mut self, said: Said) -> Answer {
        let Some(connection) = self.connection else {
            return Answer::None;
        };
        let call = match said {
            Said::Send(octets) if self.written + octets <= WRITTEN_OCTETS_MAX => Call::Send {
                connection,
                octets: stream(self.written as u32, octets).into(),
            },
            Said::Receive(octets_max) => Call::Receive {
                connection,
                octets_max,
            },
            Said::ShutdownWrite => Call::Shutdown {
                connection,
                direction: Shutdown::Write,
            },
            Said::Close | Said::Abort => {
                self.connection = None;
                self.closed = true;
                let unread = self.status().is_some_and(|status| status.unread_octets > 0);
                let how = match said {
                    Said::Abort => Release::Abort,
                    _ if unread => Release::CloseUnread,
                    _ => Release::Close,
                };
                Call::Release { connection, how }
            }
            _ => return Answer::None,
        };
        match self.rig.call(&mut self.outcome, call) {
            Ok(Reply::Sent(octets)) => {
                self.written += octets;
                Answer::Octets(octets)
            }
            Ok(Reply::Received(received)) => {
                let text = received.slices.concat();
                self.intact &= is_stream(self.read as u32, &text);
                self.read += text.len();
                if text.is_empty() && !received.end_of_stream {
                    // The error was told by an event.
                    return if self.failed {
                        Answer::Refused
                    } else {
                        Answer::Blocks
                    };
                }
                Answer::Octets(text.len())
            }
            Ok(_) => Answer::Octets(0),
            Err(_) => Answer::Refused,
        }
    }

    /// Reads all there is, and asks with an old segment where the connection stands.
    fn end(&mut self) {
        self.take(Step::Call(Said::Receive(1 << 20)));
        let Some(status) = self.status() else {
            return;
        };
        let iss = self.iss.unwrap_or(0);
        let rcv_nxt = status.rcv_nxt.wrapping_sub(self.irs);
        let nxt = status.snd_nxt.wrapping_sub(iss);
        let probe = self.inbound(flags::ACK, rcv_nxt.wrapping_sub(1), nxt);
        self.take(Step::Segment(probe));
    }
}

/// A segment as it is on the wire of a side with these numbers.
pub(crate) fn wire(
    inbound: &Inbound,
    (local, remote): (std::net::SocketAddr, std::net::SocketAddr),
    irs: u32,
    iss: u32,
    echo: u32,
) -> Segment {
    let has_ack = inbound.flags & flags::ACK != 0;
    let syn = u32::from(inbound.flags & flags::SYN != 0);
    let mut options = inbound.options.clone();
    if let Stamp::Clock(clock) = inbound.stamp {
        let echo = if has_ack { echo } else { 0 };
        options.extend(Flow::stamps(clock, echo));
    }
    if !inbound.sack.is_empty() {
        let blocks: Vec<(u32, u32)> = inbound
            .sack
            .iter()
            .map(|(left, right)| (left.wrapping_add(iss), right.wrapping_add(iss)))
            .collect();
        options.extend([1, 1]);
        options.extend(option::sack(&blocks));
    }
    Segment {
        ip: Ip::new(remote.ip(), local.ip()),
        source_port: remote.port(),
        destination_port: local.port(),
        seq: inbound.seq.wrapping_add(irs),
        ack: if has_ack {
            inbound.ack.wrapping_add(iss)
        } else {
            0
        },
        flags: inbound.flags,
        window: inbound.window,
        urgent: 0,
        options,
        text: stream(
            inbound.seq.wrapping_add(syn).wrapping_sub(1),
            inbound.octets,
        ),
    }
}

/// Nagle's algorithm off: what it holds back is another variant in the kernel.
fn no_delay() -> ConnectionOptions {
    ConnectionOptions {
        no_delay: Some(true),
        ..ConnectionOptions::default()
    }
}

/// Control bits, the usual ones most often.
const FLAGS: [u8; 16] = [
    flags::ACK,
    flags::ACK | flags::PSH,
    flags::ACK,
    flags::ACK | flags::FIN,
    flags::ACK,
    flags::ACK | flags::PSH,
    flags::SYN,
    flags::SYN | flags::ACK,
    flags::RST,
    flags::RST | flags::ACK,
    flags::ACK | flags::FIN | flags::PSH,
    flags::ACK,
    flags::ACK,
    flags::FIN,
    0,
    flags::ACK | flags::PSH,
];
