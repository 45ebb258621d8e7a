//! The memory contract of TCP (design §6): what all queues hold together stays below the cap.
//!
//! `mod.rs` and `calls.rs` ask how short memory is before anything is taken. Above three quarters of
//! the cap windows stop growing, text out of order is shed and writers get little; close to the cap
//! nothing is taken any more. The right edge of a window is never moved back: text within it that
//! finds no memory is dropped and not acknowledged, so the peer sends it again.

use alloc::collections::VecDeque;
use core::mem::replace;

use super::connection::Pressure;
use super::{Record, Tcp};
use crate::base::{Key, Table};
use crate::context::Context;
use crate::observe::SendReason;

/// The most that one segment, super or not, can add.
const SEGMENT_OCTETS_MAX: u64 = 65_536;

impl Tcp {
    /// Above this, memory is short.
    const fn short_at_octets(cx: &Context<'_>) -> u64 {
        cx.config.memory_octets_max / 4 * 3
    }

    /// How short memory is.
    pub(super) fn pressure(&self, cx: &Context<'_>) -> Pressure {
        let queued = self.queued_octets as u64;
        if queued + SEGMENT_OCTETS_MAX > cx.config.memory_octets_max {
            Pressure::Full
        } else if queued > Self::short_at_octets(cx) {
            Pressure::High
        } else {
            Pressure::None
        }
    }

    /// What may be taken before memory is short.
    pub(super) fn memory_left_octets(&self, cx: &Context<'_>) -> usize {
        let left = Self::short_at_octets(cx).saturating_sub(self.queued_octets as u64);
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    /// A connection changed: those that memory is short for, and those that hold text out of order,
    /// stand in a queue each. Names of connections that are gone leave when they outnumber the rest.
    pub(super) fn settle_memory(&mut self, key: Key) {
        let Some(Record::Connection(connection)) = self.records.get_mut(key) else {
            return;
        };
        let is_starved = connection.pressure != Pressure::None;
        if is_starved && !replace(&mut connection.is_starved, true) {
            self.starved.push_back(key);
            trim(&mut self.starved, &self.records);
        }
        let Some(Record::Connection(connection)) = self.records.get_mut(key) else {
            return;
        };
        let holds = connection.rcv.out_of_order.is_some();
        if holds && !replace(&mut connection.is_sheddable, true) {
            self.sheddable.push_back(key);
            trim(&mut self.sheddable, &self.records);
        }
    }

    /// While memory is short, text out of order is forgotten, oldest holder first: the peer has kept
    /// it (RFC 2018 §8). Once there is memory again, those who met none hear of it. The cost is
    /// that of becoming a holder, or starved, before.
    pub(super) fn relieve(&mut self, cx: &mut Context<'_>) {
        while self.pressure(cx) != Pressure::None
            && let Some(key) = self.sheddable.pop_front()
        {
            let Some(Record::Connection(connection)) = self.records.get_mut(key) else {
                continue;
            };
            connection.is_sheddable = false;
            connection.rcv.out_of_order = None;
            connection.pressure = Pressure::High;
            self.settle(cx, key);
        }
        while !self.starved.is_empty() && self.pressure(cx) == Pressure::None {
            let Some(key) = self.starved.pop_front() else {
                return;
            };
            let Some(Record::Connection(connection)) = self.records.get_mut(key) else {
                continue;
            };
            connection.is_starved = false;
            connection.pressure = Pressure::None;
            connection.notices.writable |= core::mem::take(&mut connection.writer_waits);
            let (unread, mss) = (connection.unread_octets(), connection.rcv_mss());
            let rcv = &connection.rcv;
            let deserves = rcv.window.deserves_update(rcv.nxt, unread, mss);
            if connection.is_synchronized() && !rcv.fin_is_received() && deserves {
                connection.acknowledge_now(SendReason::WindowUpdate);
            }
            self.settle(cx, key);
        }
    }
}

/// So many names may stand in a queue in vain.
const NAMES_IN_VAIN: usize = 64;

/// Drops the names of those that are gone, once most are.
fn trim(queue: &mut VecDeque<Key>, records: &Table<Record>) {
    if queue.len() > 2 * records.len() + NAMES_IN_VAIN {
        queue.retain(|key| matches!(records.get(*key), Some(Record::Connection(_))));
    }
}
