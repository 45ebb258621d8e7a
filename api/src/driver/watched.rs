//! The doors of the stack that packets go through, with somebody looking on or not.
//!
//! `turn.rs` lets packets in and pulls them out through here. While nobody watches, these are the
//! stack's own doors behind one comparison; else what the stack observed goes with each packet.

use sidestep_stack::call::ConnectionId;
use sidestep_stack::wire::flow::Flow;
use sidestep_stack::{Instant, OutPacket, Packet, Stack};

use super::desk::Desk;
use crate::watch::{Audience, Crossing, Watch, Watched};

impl Desk {
    /// Packets are watched from now on.
    pub(crate) fn watch(&mut self, watch: Watch) {
        self.watch = Some(watch);
        self.onlookers.keep_for_watch(&mut self.stack);
    }

    /// A packet comes.
    pub(crate) fn packet_arrives(&mut self, now: Instant, packet: Packet) {
        if self.watch.is_none() {
            return self.stack.packet_arrives(now, packet);
        }
        self.happens(now);
        // The octets are shared, not copied.
        let seen = packet.clone();
        // Before, because it may end the connection, and after, because it may begin it.
        let before = connection_of(&self.stack, &seen);
        self.stack.packet_arrives(now, packet);
        let connection = before.or_else(|| connection_of(&self.stack, &seen));
        self.show(now, Crossing::Arrived(seen), connection);
    }

    /// The next packet that leaves.
    pub(crate) fn next_packet(&mut self, now: Instant) -> Option<OutPacket> {
        if self.watch.is_none() {
            return self.stack.next_packet(now);
        }
        self.happens(now);
        let packet = self.stack.next_packet(now)?;
        let connection = packet.cause.and_then(|cause| cause.connection());
        self.show(now, Crossing::Left(packet.clone()), connection);
        Some(packet)
    }

    /// Passes on what was observed since a packet last crossed.
    pub(crate) fn happens(&mut self, now: Instant) {
        self.onlookers.tell(&mut self.stack);
        if self.watch.is_some() && self.onlookers.has_for_watch() {
            self.show(now, Crossing::Nothing, None);
        }
    }

    fn show(&mut self, now: Instant, crossing: Crossing, connection: Option<ConnectionId>) {
        self.onlookers.tell(&mut self.stack);
        let observed = self.onlookers.take_for_watch();
        let status = connection.and_then(|id| self.stack.status(id));
        let Some(watch) = &self.watch else { return };
        let audience = watch.put(Watched {
            at: now,
            crossing,
            observed,
            connection,
            status: status.map(Box::new),
            lost_before: 0,
        });
        if audience == Audience::Gone {
            self.watch = None;
            self.onlookers.forget_watch(&mut self.stack);
        }
    }
}

/// The connection that a packet that came belongs to.
fn connection_of(stack: &Stack, packet: &Packet) -> Option<ConnectionId> {
    let flow = Flow::of(&packet.octets)?;
    stack.connection_between(flow.destination, flow.source)
}
