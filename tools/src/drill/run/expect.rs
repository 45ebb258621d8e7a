//! A packet that has to leave: it is waited for, read, and compared with what the script says.
//!
//! What the first SYN of the host and its first timestamp tell is learned here. With
//! [`Matching::Relaxed`] a text may come in other pieces than the script has it.

use std::net::SocketAddr;
use std::time::Duration;

use sidestep_stack::Instant;

use super::clock::Due;
use super::flow::{FIRST_STAMP, Numbers, Transport};
use super::matching::{Matching, Rules, difference};
use super::player::{Player, Stop, said, since_start};
use super::read::{Read, read};
use super::text;
use crate::drill::ast::{
    Contents, Event, Packet, Payload, Segment, TcpFlags, TcpOption, TcpOptions,
};
use crate::drill::backend::Emitted;
use crate::drill::report::{Row, Said, Verdict};
use crate::packet::craft;
use crate::packet::seen::{self, Seen};

/// Pieces that a text of the script may come in.
const PIECES_MAX: usize = 1_024;

/// How long one tick of the clock of timestamps is, if the script does not say.
const STAMP_TICK_MICROS: u64 = 1_000;

/// Whether a piece was all that the script says.
enum Matched {
    /// It was.
    Whole,
    /// This is still to come.
    Rest(Packet),
}

impl Player<'_> {
    /// `>`: the next packet that leaves is this one, at its time.
    pub(super) fn expect(&mut self, event: &Event, packet: &Packet, due: Due) -> Result<(), Stop> {
        let mut wanted = packet.clone();
        for _ in 0..PIECES_MAX {
            let Some(emitted) = self.next_packet(due)? else {
                let reasons = self.recent_remarks();
                self.push_row(Row {
                    position: Some(event.position),
                    expected: Some(said(due, text::of_packet(&wanted))),
                    verdict: Verdict::Differs,
                    reasons,
                    ..Row::default()
                });
                return Err(Self::fail(
                    event,
                    format!("nothing had left by {}", text::of_moment(self.now())),
                ));
            };
            let at = since_start(emitted.at);
            match self.match_one(event, &wanted, due, emitted)? {
                Matched::Whole => {
                    self.clock.happened(event.time, due, at);
                    return Ok(());
                }
                Matched::Rest(rest) => wanted = rest,
            }
        }
        Err(Self::fail(event, "the text comes in too many pieces"))
    }

    fn next_packet(&mut self, due: Due) -> Result<Option<Emitted>, Stop> {
        let latest = self.latest(due);
        self.drain()?;
        while self.queue.is_empty() && self.now() < latest {
            self.host.pass(Instant::ZERO + latest)?;
            self.drain()?;
        }
        Ok(self.queue.pop_front())
    }

    fn recent_remarks(&mut self) -> Vec<String> {
        let remarks = self.host.remarks();
        let from = remarks.len().saturating_sub(8);
        remarks
            .into_iter()
            .skip(from)
            .map(|(_, line)| line)
            .collect()
    }

    fn match_one(
        &mut self,
        event: &Event,
        wanted: &Packet,
        due: Due,
        emitted: Emitted,
    ) -> Result<Matched, Stop> {
        let at = since_start(emitted.at);
        let mut rest = None;
        let compared = self.compare(event, wanted, &emitted, &mut rest);
        let (shown, found) = match compared {
            Ok(shown) => (shown, None),
            Err((shown, message)) => (shown, Some(message)),
        };
        let found = found.or_else(|| {
            let untimely = out_of_time(at, due);
            // On a busy machine that may be the machine's doing.
            self.is_late |= untimely.is_some();
            untimely
        });
        self.push_row(Row {
            position: Some(event.position),
            expected: Some(said(due, text::of_packet(wanted))),
            actual: Some(Said {
                at,
                until: None,
                text: shown.clone(),
            }),
            verdict: if found.is_some() {
                Verdict::Differs
            } else {
                Verdict::Agrees
            },
            reasons: emitted.reasons,
        });
        match found {
            None => {
                self.last_packet = Some(emitted.octets);
                Ok(rest.map_or(Matched::Whole, Matched::Rest))
            }
            Some(message) => {
                let is_early = at + due.tolerance < due.from;
                let message = if is_early {
                    format!(
                        "in the silence before this, at {}, there left: {shown}",
                        text::of_moment(at)
                    )
                } else {
                    message
                };
                Err(Self::fail(event, message))
            }
        }
    }

    /// The packet in the script's language, or that and what is wrong with it.
    fn compare(
        &mut self,
        event: &Event,
        wanted: &Packet,
        emitted: &Emitted,
        rest: &mut Option<Packet>,
    ) -> Result<String, (String, String)> {
        let seen = match Seen::try_read(&emitted.octets) {
            Ok(seen) => seen,
            Err(wrong) => return Err(("?".to_owned(), wrong.to_string())),
        };
        self.learn(wanted, &seen);
        let found = match read(&seen, &self.flows) {
            Ok(found) => found,
            Err(what) => return Err((what.clone(), format!("there left {what}"))),
        };
        self.keep_shown(&found);
        let mut actual = found.in_words_of(wanted);
        say_ports(wanted, &mut actual, &seen);
        let shown = text::of_actual(wanted, &actual);
        let mut wanted = wanted.clone();
        if self.settings.matching == Matching::Relaxed {
            *rest = self.split(&mut wanted, &mut actual, emitted);
        }
        let rules = Rules {
            matching: self.settings.matching,
            stamp_tolerance: self.stamp_tolerance(event),
        };
        match found
            .wrong
            .clone()
            .or_else(|| difference(&wanted, &actual, rules))
        {
            None => {
                self.seen_datagram(&found);
                Ok(shown)
            }
            Some(message) => Err((shown, message)),
        }
    }

    /// Datagrams are seen in the order in which they were sent.
    fn seen_datagram(&mut self, found: &Read) {
        if matches!(found.packet.contents, Contents::Udp(_))
            && let Some(flow) = found.flow.and_then(|index| self.flows.get_mut(index))
        {
            flow.unseen.pop_front();
        }
    }

    /// Lines without ports are about the flow that was last heard of.
    fn keep_shown(&mut self, found: &Read) {
        if let (Contents::Udp(_), Some(flow)) = (&found.packet.contents, found.flow) {
            self.flows.choose(flow);
        }
    }

    /// How far a TSval may be off, in ticks.
    fn stamp_tolerance(&self, event: &Event) -> Option<u32> {
        let options = &self.script.options;
        let tick = options.tcp_ts_tick_usecs.unwrap_or(STAMP_TICK_MICROS);
        if tick == 0 {
            return None;
        }
        let due = self.clock.due(event.time, options);
        let slack = due.to.unwrap_or(due.from).saturating_sub(due.from) + due.tolerance;
        let ticks = u64::try_from(slack.as_micros()).unwrap_or(u64::MAX) / tick;
        // Both ends of the interval fall on ticks of their own.
        Some(u32::try_from(ticks).unwrap_or(u32::MAX).saturating_add(2))
    }

    /// What a packet tells about its flow the first time: ports, the first number, a timestamp.
    fn learn(&mut self, wanted: &Packet, seen: &Seen) {
        match (&wanted.contents, &seen.payload) {
            (Contents::Tcp(said), seen::Payload::Tcp(segment)) => {
                self.learn_segment(said, segment);
            }
            (
                Contents::Udp(_),
                seen::Payload::Udp {
                    source_port,
                    destination_port,
                    ..
                },
            ) => self.learn_ports(seen, *source_port, *destination_port),
            _ => {}
        }
    }

    fn learn_segment(&mut self, said: &Segment, segment: &craft::Segment) {
        let transport = Transport::Tcp;
        let local = SocketAddr::new(segment.ip.source, segment.source_port);
        let remote = SocketAddr::new(segment.ip.destination, segment.destination_port);
        let is_syn = segment.flags & craft::flags::SYN != 0;
        let index = self.flows.find(transport, local, remote).or_else(|| {
            let unfinished = self.flows.find_unfinished(transport, remote);
            unfinished.filter(|_| is_syn)
        });
        let is_taken_again = is_syn
            && index
                .and_then(|index| self.flows.get(index))
                .is_some_and(|flow| {
                    let asked = flow.asked_again.map(|it| it.live.wrapping_add(1));
                    asked == Some(segment.ack) && segment.seq != flow.host.live
                });
        let index = if is_taken_again {
            index.and_then(|index| self.flows.renew(index))
        } else {
            index
        };
        let Some(flow) = index.and_then(|index| self.flows.get_mut(index)) else {
            return;
        };
        flow.local = local;
        if let Some(ack) = said.ack {
            flow.name_peer(ack);
        }
        if is_syn && !flow.host_is_known {
            flow.host_is_known = true;
            flow.host = Numbers {
                script: said.seq,
                live: segment.seq,
            };
        }
        if flow.stamps.is_none()
            && let Some((value, _)) = segment.stamps()
        {
            let script = stamp_of(&said.options).unwrap_or(FIRST_STAMP);
            flow.stamps = Some(Numbers {
                script,
                live: value,
            });
        }
    }

    /// A UDP socket's own port shows with its first datagram.
    fn learn_ports(&mut self, seen: &Seen, source_port: u16, destination_port: u16) {
        let remote = SocketAddr::new(seen.ip.destination, destination_port);
        let unfinished = self.flows.find_unfinished(Transport::Udp, remote);
        if let Some(flow) = unfinished.and_then(|index| self.flows.get_mut(index)) {
            flow.local = SocketAddr::new(seen.ip.source, source_port);
        }
    }

    /// A text that comes in other pieces: what the script says is cut to what came, or the rest of
    /// what came goes back into the queue. What is left of the script's is returned.
    fn split(
        &mut self,
        wanted: &mut Packet,
        actual: &mut Packet,
        emitted: &Emitted,
    ) -> Option<Packet> {
        let (Contents::Tcp(said), Contents::Tcp(found)) =
            (&mut wanted.contents, &mut actual.contents)
        else {
            return None;
        };
        if said.seq != found.seq || said.octets == 0 || found.octets == 0 {
            return None;
        }
        if found.octets < said.octets {
            let mut rest = said.clone();
            rest.seq = rest.seq.wrapping_add(found.octets);
            rest.octets -= found.octets;
            if let Payload::Octets(text) = &rest.payload {
                let left = text.get(found.octets as usize..).unwrap_or_default();
                rest.payload = Payload::Octets(left.to_vec());
            }
            said.octets = found.octets;
            // FIN belongs to the end.
            said.flags.0 &= !TcpFlags::FIN;
            return Some(Packet {
                contents: Contents::Tcp(rest),
                ..wanted.clone()
            });
        }
        if found.octets > said.octets {
            let first = said.octets;
            if let Some(rest) = without_first(emitted, first) {
                self.queue.push_front(rest);
                found.octets = first;
                if !said.flags.has(TcpFlags::FIN) {
                    found.flags.0 &= !TcpFlags::FIN;
                }
            }
        }
        None
    }

    /// A packet in the script's language, for people.
    pub(super) fn show(&mut self, emitted: &Emitted) -> (String, Option<Packet>) {
        let seen = match Seen::try_read(&emitted.octets) {
            Ok(seen) => seen,
            Err(wrong) => return (wrong.to_string(), None),
        };
        match read(&seen, &self.flows) {
            Ok(found) => (text::of_unexpected(&found.packet), Some(found.packet)),
            Err(what) => (what, None),
        }
    }
}

/// The packet without the first octets of its text.
fn without_first(emitted: &Emitted, octets: u32) -> Option<Emitted> {
    let seen = Seen::try_read(&emitted.octets).ok()?;
    let mut segment = seen.tcp()?.clone();
    segment.seq = segment.seq.wrapping_add(octets);
    segment.text = segment.text.get(octets as usize..)?.to_vec();
    Some(Emitted {
        octets: segment.packet(),
        ..emitted.clone()
    })
}

/// Ports stand on both sides if the script says them.
fn say_ports(wanted: &Packet, actual: &mut Packet, seen: &Seen) {
    let ports = |source, destination| {
        Some(crate::drill::ast::Ports {
            source,
            destination,
        })
    };
    match (&wanted.contents, &mut actual.contents, &seen.payload) {
        (Contents::Tcp(said), Contents::Tcp(found), seen::Payload::Tcp(segment))
            if said.ports.is_some() =>
        {
            found.ports = ports(segment.source_port, segment.destination_port);
        }
        (
            Contents::Udp(said),
            Contents::Udp(found),
            seen::Payload::Udp {
                source_port,
                destination_port,
                ..
            },
        ) if said.ports.is_some() => {
            found.ports = ports(*source_port, *destination_port);
        }
        _ => {}
    }
}

fn stamp_of(options: &TcpOptions) -> Option<u32> {
    let TcpOptions::List(list) = options else {
        return None;
    };
    list.iter().find_map(|option| match option {
        TcpOption::Timestamps { value, .. } => Some(*value),
        _ => None,
    })
}

fn out_of_time(at: Duration, due: Due) -> Option<String> {
    let is_early = at + due.tolerance < due.from;
    let is_late = due.to.is_some_and(|to| at > to + due.tolerance);
    (is_early || is_late).then(|| {
        format!(
            "it left at {}, the script says at {}",
            text::of_moment(at),
            match due.to {
                Some(to) if to != due.from =>
                    format!("{} to {}", text::of_moment(due.from), text::of_moment(to)),
                Some(_) | None => text::of_moment(due.from),
            }
        )
    })
}
