//! A stack whose doors are watched: packets and what was observed with them go into a capture.
//!
//! Simulated worlds, scripts and replay drive a [`Stack`] themselves; they go through a [`Tap`], or
//! do as it does. It decides nothing, and a capture that fails is dropped without a word to the
//! stack: the error is kept for whoever asks.

use std::io::{self, Write};

use sidestep_stack::call::ConnectionId;
use sidestep_stack::wire::flow::Flow;
use sidestep_stack::{Call, CallRefused, Instant, OutPacket, Packet, Reply, Stack};

use super::narrate::{Narrator, cause, drain};
use super::pcapng::Direction;
use super::whole;
use super::writer::{InterfaceId, Writer, Written};

/// So many observations are kept between two doors.
pub const OBSERVATIONS_MAX: usize = 16_384;

/// The connection that a packet belongs to, seen from `stack`.
pub fn connection_of(stack: &Stack, direction: Direction, packet: &[u8]) -> Option<ConnectionId> {
    let flow = Flow::of(packet)?;
    let (local, remote) = match direction {
        Direction::In => (flow.destination, flow.source),
        Direction::Out => (flow.source, flow.destination),
    };
    stack.connection_between(local, remote)
}

/// Watches one stack: its interface in a capture, and what is to be said.
#[derive(Clone, Debug)]
pub struct Tap {
    interface: InterfaceId,
    narrator: Narrator,
    /// Nanoseconds since 1970 when the stack began.
    zero_nanos: u64,
}

impl Tap {
    /// Begins to watch `stack`, whose time began `zero_nanos` nanoseconds after 1970.
    pub fn new(stack: &mut Stack, interface: InterfaceId, zero_nanos: u64) -> Self {
        stack.observe(OBSERVATIONS_MAX);
        Self {
            interface,
            narrator: Narrator::new(),
            zero_nanos,
        }
    }

    /// [`Stack::packet_arrives`], written down.
    ///
    /// # Errors
    ///
    /// Those of the capture. The packet has arrived all the same.
    pub fn packet_arrives<W: Write>(
        &mut self,
        writer: &mut Writer<W>,
        stack: &mut Stack,
        now: Instant,
        packet: Packet,
    ) -> io::Result<()> {
        self.narrator.happens(drain(stack));
        let octets = whole::received(&packet);
        let whose = |stack: &Stack| {
            let packet = octets.first()?;
            connection_of(stack, Direction::In, packet)
        };
        // Before, because it may end the connection, and after, because it may begin it.
        let before = whose(stack);
        stack.packet_arrives(now, packet);
        let observed = drain(stack);
        let connection = before.or_else(|| whose(stack));
        let status = connection.and_then(|id| stack.status(id));
        let comments = self
            .narrator
            .packet(Direction::In, connection, &observed, status.as_ref());
        self.write(writer, now, Direction::In, &octets, comments)
    }

    /// [`Stack::user_calls`]; what it brings about is told with the connection's next packet.
    ///
    /// # Errors
    ///
    /// Those of the call.
    pub fn user_calls(
        &mut self,
        stack: &mut Stack,
        now: Instant,
        call: Call,
    ) -> Result<Reply, CallRefused> {
        let reply = stack.user_calls(now, call);
        self.narrator.happens(drain(stack));
        reply
    }

    /// [`Stack::time_passes`]; which timers fired is told with the connection's next packet.
    pub fn time_passes(&mut self, stack: &mut Stack, now: Instant) {
        stack.time_passes(now);
        self.narrator.happens(drain(stack));
    }

    /// [`Stack::next_packet`], written down.
    ///
    /// # Errors
    ///
    /// Those of the capture; the packet is lost with them.
    pub fn next_packet<W: Write>(
        &mut self,
        writer: &mut Writer<W>,
        stack: &mut Stack,
        now: Instant,
    ) -> io::Result<Option<OutPacket>> {
        self.narrator.happens(drain(stack));
        let Some(packet) = stack.next_packet(now) else {
            return Ok(None);
        };
        let observed = drain(stack);
        let connection = cause(&observed).and_then(|cause| cause.connection());
        let status = connection.and_then(|id| stack.status(id));
        let comments = self
            .narrator
            .packet(Direction::Out, connection, &observed, status.as_ref());
        let octets = whole::sent(&packet);
        self.write(writer, now, Direction::Out, &octets, comments)?;
        Ok(Some(packet))
    }

    fn write<W: Write>(
        &self,
        writer: &mut Writer<W>,
        now: Instant,
        direction: Direction,
        packets: &[Vec<u8>],
        comments: Vec<String>,
    ) -> io::Result<()> {
        let stamp = Stamp {
            interface: self.interface,
            at_nanos: self.zero_nanos.saturating_add(now.as_nanos()),
            direction,
            lost_before: 0,
        };
        write_pieces(writer, &stamp, packets, comments)
    }
}

/// Writes what one (super)packet was on the wire. The comments stand at the first piece; the others
/// say which one of how many they are.
pub(super) fn write_pieces<W: Write>(
    writer: &mut Writer<W>,
    stamp: &Stamp,
    packets: &[Vec<u8>],
    mut comments: Vec<String>,
) -> io::Result<()> {
    let pieces = packets.len();
    for (place, octets) in packets.iter().enumerate() {
        if pieces > 1 {
            comments.push(format!("part {} of {pieces} of a superpacket", place + 1));
        }
        writer.packet(&Written {
            interface: stamp.interface,
            at_nanos: stamp.at_nanos,
            direction: stamp.direction,
            octets,
            comments: &comments,
            lost_before: if place == 0 { stamp.lost_before } else { 0 },
        })?;
        comments.clear();
    }
    Ok(())
}

/// Where and when a (super)packet crossed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) interface: InterfaceId,
    pub(super) at_nanos: u64,
    pub(super) direction: Direction,
    /// Packets that are missing before it.
    pub(super) lost_before: u64,
}

#[cfg(test)]
mod tests;
