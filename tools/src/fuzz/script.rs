//! What happened on one connection, told as a drill script (the language is in `docs/src/drill.md`).
//!
//! [`Teller`] writes calls and segments with the numbers of the script: ours count from our SYN, the
//! peer's from its own unless they are to wrap. The reports of findings and differences use it; it
//! decides nothing about what is right.

use std::fmt::Write as _;
use std::time::Duration;

use sidestep_stack::Instant;

use super::trace::Said;
use crate::drill::ast::{
    Action, Checksum, Contents, Direction, Event, IpFields, Packet, Payload, Position, SackBlock,
    Segment as Told, TcpFlags, TcpOption, TcpOptions, Time,
};
use crate::drill::run::flow::FIRST_STAMP;
use crate::packet::craft::{Segment, flags};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Teller {
    text: String,
    /// When the last event was.
    last: Option<Instant>,
    /// The first number of each side, once it was seen; what the script says for it.
    ours: Option<u32>,
    peer: Option<u32>,
    peer_says: u32,
    /// Our first timestamp, which a script that leaves it open calls [`FIRST_STAMP`].
    first_stamp: Option<u32>,
    listener: Option<u32>,
    connection: Option<u32>,
    next_fd: u32,
}

/// Numbers that begin so close to the wrap are told as they are, so that the script wraps as well.
const NEAR_WRAP: u32 = 1 << 20;

impl Teller {
    /// Nothing happened yet; `title` becomes comments.
    pub(crate) fn new(title: &str, family_is_v6: Ip) -> Self {
        let mut text = String::new();
        for line in title.lines() {
            let _ = writeln!(text, "// {line}");
        }
        if family_is_v6 == Ip::V6 {
            let _ = writeln!(text, "--ip_version=ipv6");
        }
        Self {
            text,
            last: None,
            ours: None,
            peer: None,
            peer_says: 0,
            first_stamp: None,
            listener: None,
            connection: None,
            next_fd: 3,
        }
    }

    /// The script.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// A remark before the next event.
    pub(crate) fn comment(&mut self, text: &str) {
        for line in text.lines() {
            let _ = writeln!(self.text, "// {line}");
        }
    }

    /// The time of an event at `now`.
    fn time(&mut self, now: Instant) -> Duration {
        let after = self.last.map_or(Duration::ZERO, |last| now.since(last));
        self.last = Some(now);
        after
    }

    fn line(&mut self, now: Instant, call: &str) {
        let after = self.time(now);
        let _ = writeln!(self.text, "{} {call}", Time::Relative(after));
    }

    fn fd(&mut self) -> u32 {
        self.next_fd += 1;
        self.next_fd - 1
    }

    /// The application said something.
    pub(crate) fn call(&mut self, now: Instant, said: Said) {
        let fd = self.connection;
        match (said, fd) {
            (Said::Listen, _) => {
                let fd = self.fd();
                self.listener = Some(fd);
                self.line(
                    now,
                    &format!("socket(..., SOCK_STREAM, IPPROTO_TCP) = {fd}"),
                );
                self.line(now, &format!("bind({fd}, ..., ...) = 0"));
                self.line(now, &format!("listen({fd}, 100) = 0"));
            }
            (Said::Accept, _) => {
                let Some(listener) = self.listener else {
                    return;
                };
                let fd = self.fd();
                self.connection = Some(fd);
                self.line(now, &format!("accept({listener}, ..., ...) = {fd}"));
            }
            (Said::Open, _) => {
                let fd = self.fd();
                self.connection = Some(fd);
                self.line(
                    now,
                    &format!("socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = {fd}"),
                );
                self.line(
                    now,
                    &format!(
                        "connect({fd}, ..., ...) = -1 EINPROGRESS (Operation now in progress)"
                    ),
                );
            }
            (Said::Send(octets), Some(fd)) if octets > 0 => {
                self.line(now, &format!("write({fd}, ..., {octets}) = {octets}"));
            }
            (Said::Receive(octets), Some(fd)) if octets > 0 => {
                self.line(now, &format!("read({fd}, ..., {octets}) = {octets}"));
            }
            (Said::ShutdownWrite, Some(fd)) => {
                self.line(now, &format!("shutdown({fd}, SHUT_WR) = 0"));
            }
            (Said::ShutdownRead, Some(fd)) => {
                self.line(now, &format!("shutdown({fd}, SHUT_RD) = 0"));
            }
            (Said::Close, Some(fd)) => {
                self.connection = None;
                self.line(now, &format!("close({fd}) = 0"));
            }
            (Said::Abort, Some(fd)) => {
                self.connection = None;
                self.line(
                    now,
                    &format!(
                        "setsockopt({fd}, SOL_SOCKET, SO_LINGER, {{onoff=1, linger=0}}, 8) = 0"
                    ),
                );
                self.line(now, &format!("close({fd}) = 0"));
            }
            _ => {}
        }
    }

    /// A segment came.
    pub(crate) fn arrives(&mut self, now: Instant, segment: &Segment) {
        if self.peer.is_none() {
            self.peer = Some(segment.seq);
            if segment.seq.wrapping_neg() < NEAR_WRAP {
                self.peer_says = segment.seq;
            }
        }
        let told = Told {
            ports: None,
            flags: TcpFlags(u16::from(segment.flags)),
            seq: self.peer_number(segment.seq),
            octets: segment.text.len() as u32,
            ack: (segment.flags & flags::ACK != 0).then(|| self.our_number(segment.ack)),
            window: Some(segment.window),
            urgent: (segment.urgent != 0).then_some(segment.urgent),
            options: TcpOptions::List(self.options(segment)),
            payload: Payload::Pattern,
            checksum: Checksum::Right,
        };
        let after = self.time(now);
        self.packet(Time::Relative(after), Direction::Inbound, told);
    }

    /// A segment left, or has to leave, with whatever options and window.
    pub(crate) fn leaves(&mut self, now: Instant, segment: &Segment) {
        self.leaves_with(now, segment, TcpOptions::Any);
    }

    /// A segment has to leave with these blocks of the peer's octets, and with the timestamps of `stamped`
    /// if that has some: as our stack writes these options.
    pub(crate) fn leaves_reporting(&mut self, now: Instant, segment: &Segment, stamped: &Segment) {
        let mut options = Vec::new();
        if let Some((value, echo)) = stamped.stamps() {
            let first = self.first_stamp.unwrap_or(value);
            options.extend([TcpOption::Nop, TcpOption::Nop]);
            options.push(TcpOption::Timestamps {
                value: value.wrapping_sub(first).wrapping_add(FIRST_STAMP),
                echo,
            });
        }
        let blocks: Vec<SackBlock> = segment
            .sack_blocks()
            .into_iter()
            .map(|(left, right)| SackBlock {
                left: self.peer_number(left),
                right: self.peer_number(right),
            })
            .collect();
        if !blocks.is_empty() {
            options.extend([TcpOption::Nop, TcpOption::Nop, TcpOption::Sack(blocks)]);
        }
        self.leaves_with(now, segment, TcpOptions::List(options));
    }

    fn leaves_with(&mut self, now: Instant, segment: &Segment, options: TcpOptions) {
        if segment.flags & flags::SYN != 0 {
            self.ours = Some(segment.seq);
        }
        if self.first_stamp.is_none() {
            self.first_stamp = segment.stamps().map(|(value, _)| value);
        }
        let after = self.time(now);
        let told = self.outbound(segment, options);
        self.packet(Time::Relative(after), Direction::Outbound, told);
    }

    /// A bare ACK for `octets` of the peer's text has to leave within half a second (RFC 9293 MUST-40).
    pub(crate) fn expects_ack(&mut self, octets: u64) {
        let first = self.peer_says.wrapping_add(1);
        let told = Told {
            ports: None,
            flags: TcpFlags(TcpFlags::ACK),
            seq: self.our_number(self.ours.unwrap_or(0).wrapping_add(1)),
            octets: 0,
            ack: Some(first.wrapping_add(octets as u32)),
            window: None,
            urgent: None,
            options: TcpOptions::Any,
            payload: Payload::Pattern,
            checksum: Checksum::Right,
        };
        let time = Time::RelativeRange {
            from: Duration::ZERO,
            to: Duration::from_millis(500),
        };
        self.packet(time, Direction::Outbound, told);
    }

    fn outbound(&self, segment: &Segment, options: TcpOptions) -> Told {
        Told {
            ports: None,
            flags: TcpFlags(u16::from(segment.flags)),
            seq: self.our_number(segment.seq),
            octets: segment.text.len() as u32,
            ack: (segment.flags & flags::ACK != 0).then(|| self.peer_number(segment.ack)),
            window: None,
            urgent: None,
            options,
            payload: Payload::Pattern,
            checksum: Checksum::Right,
        }
    }

    fn packet(&mut self, time: Time, direction: Direction, told: Told) {
        let event = Event {
            position: Position::default(),
            last_line: 0,
            time,
            action: Action::Packet(Packet {
                direction,
                ip: IpFields::default(),
                contents: Contents::Tcp(told),
            }),
        };
        let _ = writeln!(self.text, "{event}");
    }

    /// A number of the peer's octets.
    fn peer_number(&self, number: u32) -> u32 {
        number
            .wrapping_sub(self.peer.unwrap_or(0))
            .wrapping_add(self.peer_says)
    }

    /// A number of ours.
    fn our_number(&self, number: u32) -> u32 {
        number.wrapping_sub(self.ours.unwrap_or(0))
    }

    fn options(&self, segment: &Segment) -> Vec<TcpOption> {
        let mut list = Vec::new();
        let mut rest = segment.options.as_slice();
        while let Some((kind, tail)) = rest.split_first() {
            match kind {
                0 => {
                    list.push(TcpOption::End);
                    break;
                }
                1 => {
                    list.push(TcpOption::Nop);
                    rest = tail;
                }
                _ => {
                    let length = usize::from(tail.first().copied().unwrap_or(0));
                    let Some((option, after)) = rest.split_at_checked(length.max(2)) else {
                        list.push(TcpOption::Raw(rest.to_vec()));
                        break;
                    };
                    if length < 2 {
                        list.push(TcpOption::Raw(rest.to_vec()));
                        break;
                    }
                    list.push(self.option(option));
                    rest = after;
                }
            }
        }
        list
    }

    fn option(&self, option: &[u8]) -> TcpOption {
        let word = |at: usize| {
            let octets = option.get(at..at + 4).unwrap_or(&[0; 4]);
            octets
                .iter()
                .fold(0_u32, |word, octet| word << 8 | u32::from(*octet))
        };
        match option {
            [2, 4, high, low] => TcpOption::Mss(u16::from_be_bytes([*high, *low])),
            [3, 3, shift] => TcpOption::WindowScale(*shift),
            [4, 2] => TcpOption::SackPermitted,
            [8, 10, ..] => TcpOption::Timestamps {
                value: word(2),
                echo: match (word(6), self.first_stamp) {
                    (0, _) => 0,
                    (echo, Some(first)) => echo.wrapping_sub(first).wrapping_add(FIRST_STAMP),
                    (echo, None) => echo,
                },
            },
            [5, _, blocks @ ..] if !blocks.is_empty() && blocks.len() % 8 == 0 => {
                // What the peer reports are our octets.
                let number = |number: u32| self.our_number(number);
                let blocks = (2..option.len()).step_by(8).map(|at| SackBlock {
                    left: number(word(at)),
                    right: number(word(at + 4)),
                });
                TcpOption::Sack(blocks.collect())
            }
            [kind, _, octets @ ..] => TcpOption::Unknown {
                kind: *kind,
                octets: octets.to_vec(),
            },
            _ => TcpOption::Raw(option.to_vec()),
        }
    }
}

/// Which IP a script is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ip {
    V4,
    V6,
}
