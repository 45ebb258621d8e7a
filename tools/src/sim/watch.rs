//! The rules that hold after every step, whatever the network does to the packets.
//!
//! A host's [`Watch`] sees each packet that leaves it, as etherparse reads it, and the numbers of its
//! connections after each turn. It never changes anything, so a world without it has the same digest.
//!
//! The allowances, each with its reason:
//! - flight may pass the furthest edge that the peer ever offered by two octets: a window probe (RFC
//!   9293 §3.8.6.1) and a FIN, which needs no window;
//! - a right edge may go back by less than one unit of the window's scale, for the window of a SYN has
//!   none and those after it have (RFC 7323 §2.4, appendix F); that of a SYN-ACK that is repeated after
//!   text was sent (RFC 7413 §3) may go back further, for it can say no more than 65,535;
//! - text on a SYN may count for nothing, and is then sent once more as if it were new (RFC 7413 §4.2);
//! - new text may pass cwnd by the same two octets, and by what is [`CWND_ALLOWANCE_SEGMENTS`]; a tail
//!   loss probe of one segment leaves whatever cwnd says (RFC 8985 §7.3);
//! - queues may pass the cap by what each connection may always hold: see [`HELD_OCTETS_ALWAYS`].

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sidestep_stack::Stack;
use sidestep_stack::call::ConnectionId;
use sidestep_stack::observe::State;
use sidestep_stack::status::{AcknowledgmentDue, Status};

use super::failure::Violation;
use crate::packet::craft::{Segment, flags};
use crate::packet::seen::{Payload, Seen};

/// A window probe and a FIN.
const WINDOW_ALLOWANCE_OCTETS: u32 = 2;

/// Segments of new text beyond cwnd: limited transmit sends two (RFC 3042 §2, RFC 5681 §3.2 (1)).
const CWND_ALLOWANCE_SEGMENTS: u32 = 2;

/// What a connection may hold however short memory is: a first write of 4 KiB, and one (super)packet
/// that had arrived before anybody counted.
const HELD_OCTETS_ALWAYS: u64 = 4_096 + 65_536;

/// Up to so many connections of a host are all looked at after each turn; of more, those whose
/// segments left in it, and all of them every [`TURNS_BETWEEN`] turns.
const ALL_CONNECTIONS_MAX: usize = 32;

/// See [`ALL_CONNECTIONS_MAX`].
const TURNS_BETWEEN: u64 = 1_024;

/// So many flows are remembered; then all are forgotten, and their rules begin anew.
const FLOWS_MAX: usize = 65_536;

/// The two ends of a flow: ours, the peer's.
type Ends = (SocketAddr, SocketAddr);

/// What a host has said on the wire of one flow.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    /// SEG.SEQ of our SYN.
    iss: u32,
    /// The first number that was never sent.
    nxt: u32,
    /// The first number that was never sent but on a SYN, whose text may count for nothing.
    nxt_without_syn: u32,
    /// The shift that our SYN offered.
    shift: Option<u8>,
    /// Whether the peer's SYN offered one, too: both must (RFC 7323 §2.2).
    scaling: bool,
    /// The last acknowledgment.
    ack: Option<u32>,
    /// The last right edge of our window.
    edge: Option<u32>,
}

/// The numbers of a connection after the last look.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    iss: u32,
    una: u32,
    nxt: u32,
    /// RCV.NXT, once the peer's SYN was seen.
    rcv_nxt: Option<u32>,
    /// The furthest right edge that the peer ever offered.
    edge: u32,
    /// Whether the timer of the tail loss probe ran.
    probes_tail: bool,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    flows: BTreeMap<Ends, Said>,
    connections: BTreeMap<ConnectionId, Numbers>,
    /// Whose segments left in this turn.
    touched: Vec<Ends>,
    turns: u64,
}

impl Watch {
    /// A packet reaches the host: of interest is only whether a SYN offers to scale windows.
    pub(super) fn arrives(&mut self, packet: &[u8]) {
        if !may_be_syn(packet) {
            return;
        }
        let Ok(seen) = Seen::try_read(packet) else {
            return;
        };
        if let Payload::Tcp(segment) = &seen.payload
            && segment.flags & flags::SYN != 0
        {
            let ends = (
                SocketAddr::new(seen.ip.destination, segment.destination_port),
                SocketAddr::new(seen.ip.source, segment.source_port),
            );
            let scaling = segment.scale().is_some();
            self.said(ends).scaling = scaling;
        }
    }

    /// A packet leaves the host.
    pub(super) fn leaves(&mut self, packet: &[u8]) -> Result<(), Violation> {
        let seen = Seen::try_read(packet)?;
        let Payload::Tcp(segment) = &seen.payload else {
            return Ok(());
        };
        let ends = (
            SocketAddr::new(seen.ip.source, segment.source_port),
            SocketAddr::new(seen.ip.destination, segment.destination_port),
        );
        if !self.touched.contains(&ends) {
            self.touched.push(ends);
        }
        // A reset belongs to what it answers, and promises nothing.
        if segment.flags & flags::RST != 0 {
            return Ok(());
        }
        check_segment(self.said(ends), segment)
    }

    fn said(&mut self, ends: Ends) -> &mut Said {
        if self.flows.len() >= FLOWS_MAX && !self.flows.contains_key(&ends) {
            self.flows.clear();
        }
        self.flows.entry(ends).or_default()
    }

    /// A turn is over.
    pub(super) fn turn_ends(&mut self, stack: &Stack) -> Result<(), Violation> {
        self.turns += 1;
        let counters = stack.counters();
        let connections = counters.tcp.connections + counters.tcp.half_open;
        check_memory(stack, &counters)?;
        let all = connections <= ALL_CONNECTIONS_MAX || self.turns.is_multiple_of(TURNS_BETWEEN);
        let touched = std::mem::take(&mut self.touched);
        if all {
            let mut after = BTreeMap::new();
            for connection in stack.connections() {
                if let Some(status) = stack.status(connection) {
                    self.check_covered(&status)?;
                    let before = self.connections.get(&connection);
                    after.insert(connection, check_connection(&status, before)?);
                }
            }
            self.connections = after;
            return Ok(());
        }
        for (local, remote) in touched {
            let Some(connection) = stack.connection_between(local, remote) else {
                continue;
            };
            if let Some(status) = stack.status(connection) {
                self.check_covered(&status)?;
                let before = self.connections.get(&connection);
                let after = check_connection(&status, before)?;
                self.connections.insert(connection, after);
            }
        }
        Ok(())
    }
}

impl Watch {
    /// SND.NXT covers all that was sent: an acknowledgment of the rest would be refused.
    fn check_covered(&self, status: &Status) -> Result<(), Violation> {
        let Some(said) = self.flows.get(&(status.local, status.remote)) else {
            return Ok(());
        };
        if said.iss == status.iss
            && is_synchronized(status.state)
            && is_before(status.snd_nxt, said.nxt_without_syn)
        {
            return Err(Violation::NotCovered {
                sent: said.nxt_without_syn,
                nxt: status.snd_nxt,
            });
        }
        Ok(())
    }
}

/// A cheap look at the octets: TCP with SYN, without a header in between.
fn may_be_syn(packet: &[u8]) -> bool {
    let tcp_at = match packet.first().map(|first| first >> 4) {
        Some(4) if packet.get(9) == Some(&6) => usize::from(packet[0] & 0x0f) * 4,
        Some(6) if packet.get(6) == Some(&6) => 40,
        _ => return false,
    };
    packet
        .get(tcp_at + 13)
        .is_some_and(|octet| octet & flags::SYN != 0)
}

/// True if `a` lies before `b` on the circle.
const fn is_before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

fn no_retreat(what: &'static str, before: u32, after: u32) -> Result<(), Violation> {
    if is_before(after, before) {
        return Err(Violation::Retreat {
            what,
            before,
            after,
        });
    }
    Ok(())
}

/// What a segment says follows from what was said before.
fn check_segment(said: &mut Said, segment: &Segment) -> Result<(), Violation> {
    let has = |bit| segment.flags & bit != 0;
    let end = segment
        .seq
        .wrapping_add(segment.text.len() as u32)
        .wrapping_add(u32::from(has(flags::SYN)))
        .wrapping_add(u32::from(has(flags::FIN)));
    let mut shift = 0;
    if has(flags::SYN) {
        let is_new = said.iss != segment.seq || said.nxt == 0;
        if is_new {
            *said = Said {
                iss: segment.seq,
                nxt: end,
                nxt_without_syn: segment.seq.wrapping_add(1),
                shift: segment.scale(),
                scaling: said.scaling,
                ack: None,
                edge: None,
            };
        }
    } else {
        if said.nxt == 0 && said.ack.is_none() {
            // A flow that was forgotten: it begins here.
            said.nxt = end;
            said.nxt_without_syn = end;
        }
        if is_before(said.nxt, segment.seq) {
            return Err(Violation::Hole {
                seq: segment.seq,
                nxt: said.nxt,
            });
        }
        if is_before(said.nxt_without_syn, end) {
            said.nxt_without_syn = end;
        }
        if said.scaling {
            shift = said.shift.unwrap_or(0);
        }
    }
    if is_before(said.nxt, end) {
        said.nxt = end;
    }
    if has(flags::ACK) {
        let edge = segment.ack.wrapping_add(u32::from(segment.window) << shift);
        no_retreat(
            "the acknowledgment",
            said.ack.unwrap_or(segment.ack),
            segment.ack,
        )?;
        let unit = (1_u32 << shift) - 1;
        let before = said.edge.unwrap_or(edge);
        if !has(flags::SYN) {
            no_retreat("the window's right edge", before, edge.wrapping_add(unit))?;
        }
        said.ack = Some(segment.ack);
        said.edge = Some(if is_before(edge, before) {
            before
        } else {
            edge
        });
    }
    Ok(())
}

fn check_memory(stack: &Stack, counters: &sidestep_stack::Counters) -> Result<(), Violation> {
    let tcp = &counters.tcp;
    let held = (tcp.queued_octets + counters.datagram_octets) as u64 + counters.names_kept_octets;
    let connections = (tcp.connections + tcp.half_open) as u64;
    let cap = stack.config().memory_octets_max + connections * HELD_OCTETS_ALWAYS;
    if held > cap {
        return Err(Violation::Memory { held, cap });
    }
    Ok(())
}

/// The numbers of one connection. `before` is what the last look saw of it.
fn check_connection(status: &Status, before: Option<&Numbers>) -> Result<Numbers, Violation> {
    let (una, nxt) = (status.snd_una, status.snd_nxt);
    let mut after = Numbers {
        iss: status.iss,
        una,
        nxt,
        rcv_nxt: is_synchronized(status.state).then_some(status.rcv_nxt),
        edge: una.wrapping_add(status.snd_wnd),
        probes_tail: status.timers.tail_loss_probe.is_some(),
    };
    if is_before(nxt, una) {
        return Err(Violation::SendOrder { una, nxt });
    }
    check_timers(status)?;
    if !is_synchronized(status.state) {
        return Ok(after);
    }
    let before = before.filter(|it| it.iss == status.iss);
    if let Some(before) = before {
        no_retreat("SND.UNA", before.una, una)?;
        // Before the handshake was over, SND.NXT counted text on the SYN.
        if before.rcv_nxt.is_some() {
            no_retreat("SND.NXT", before.nxt, nxt)?;
        }
        let rcv_nxt = before.rcv_nxt.unwrap_or(status.rcv_nxt);
        no_retreat("RCV.NXT", rcv_nxt, status.rcv_nxt)?;
        // Windows that overtake each other look as if the peer took some back.
        if is_before(after.edge, before.edge) {
            after.edge = before.edge;
        }
    }
    check_flight(status, before, &after)?;
    Ok(after)
}

const fn is_synchronized(state: State) -> bool {
    matches!(
        state,
        State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
    )
}

fn check_flight(
    status: &Status,
    before: Option<&Numbers>,
    after: &Numbers,
) -> Result<(), Violation> {
    let edge = after.edge.wrapping_add(WINDOW_ALLOWANCE_OCTETS);
    if is_before(edge, status.snd_nxt) {
        return Err(Violation::BeyondWindow {
            flight: status.in_flight_octets,
            window: status.snd_wnd,
        });
    }
    // cwnd limits what is sent, not what is in flight: it may have shrunk since.
    // A FIN alone takes no room in the network that counts.
    let sent_new = before.is_some_and(|it| {
        let octets = status.snd_nxt.wrapping_sub(it.nxt);
        let is_tail_probe =
            it.probes_tail && !after.probes_tail && octets <= u32::from(status.snd_mss);
        octets > WINDOW_ALLOWANCE_OCTETS && !is_tail_probe
    });
    let allowance = WINDOW_ALLOWANCE_OCTETS + CWND_ALLOWANCE_SEGMENTS * u32::from(status.snd_mss);
    if sent_new && status.pipe_octets > status.cwnd_octets.saturating_add(allowance) {
        return Err(Violation::BeyondCwnd {
            pipe: status.pipe_octets,
            cwnd: status.cwnd_octets,
        });
    }
    Ok(())
}

/// What is outstanding is waited for by a timer, and so is an acknowledgment that may wait.
fn check_timers(status: &Status) -> Result<(), Violation> {
    if matches!(
        status.state,
        State::Closed | State::Listen | State::TimeWait
    ) {
        return Ok(());
    }
    let unsent = u32::try_from(status.unsent_octets).unwrap_or(u32::MAX);
    let outstanding = status.in_flight_octets.saturating_add(unsent);
    let timers = &status.timers;
    // What is paced waits for its moment, while nothing else is in flight.
    let is_paced = timers.pacing.is_some() && status.in_flight_octets == 0;
    let acts = timers.retransmission.is_some() || timers.persist.is_some() || is_paced;
    if outstanding > 0 && !acts {
        return Err(Violation::NoTimer { outstanding });
    }
    let waits = status.acknowledgment == AcknowledgmentDue::Delayed;
    if waits && status.timers.delayed_ack.is_none() {
        return Err(Violation::NoTimer { outstanding: 0 });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
