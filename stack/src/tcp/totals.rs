//! What a connection has sent and received in all, and what held it back for how long: for STATUS
//! (RFC 9293 §3.10.6). The names that RFC 4898 gives to such counters are beside them.
//!
//! `segment_out.rs`, `input.rs` and `output.rs` tell it. Nothing is ever decided by it.

use alloc::boxed::Box;

use super::connection::Connection;
use super::delivery::{RateSample, Supply};
use super::segment::Segment;
use crate::base::{Duration, Instant};

/// What keeps text of ours from being sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Limit {
    /// There is nothing to send and nothing in flight.
    #[default]
    Idle,
    /// Text is in flight, or waits for cwnd.
    Busy,
    /// Text waits for the peer's window (SndLimTimeRwin).
    PeerWindow,
    /// The application waits for room in the send buffer, and nothing unsent is left.
    SendBuffer,
}

/// See the module. It exists from the first text on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    /// DataSegsOut.
    text_segments_out: u64,
    /// DataSegsIn.
    text_segments_in: u64,
    /// OctetsRetrans.
    resent_octets: u64,
    /// CongSignals that the network gave us for the peer: segments with text and CE.
    marked_segments_in: u64,
    /// ECNsignals: acknowledgments with ECE.
    echoes_in: u64,
    /// Timeouts.
    timeouts: u64,
    /// The newest sample of the rate of delivery, as Linux keeps it: one that the application limited
    /// counts only if it is not less than what was known.
    delivery_rate: Option<u64>,
    delivery_supply: Supply,
    busy: Duration,
    peer_window: Duration,
    send_buffer: Duration,
    limit: Limit,
    since: Instant,
}

/// What STATUS tells of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Told {
    pub(crate) text_segments_out: u64,
    pub(crate) text_segments_in: u64,
    pub(crate) resent_octets: u64,
    pub(crate) marked_segments_in: u64,
    pub(crate) echoes_in: u64,
    pub(crate) timeouts: u64,
    pub(crate) delivery_rate: Option<u64>,
    pub(crate) delivery_supply: Supply,
    pub(crate) busy: Duration,
    pub(crate) peer_window: Duration,
    pub(crate) send_buffer: Duration,
}

impl Totals {
    /// What goes on from `now` on.
    fn change_limit(&mut self, limit: Limit, now: Instant) {
        let lasted = now.since(self.since);
        self.since = now;
        match core::mem::replace(&mut self.limit, limit) {
            Limit::Idle => return,
            Limit::Busy => {}
            Limit::PeerWindow => self.peer_window += lasted,
            Limit::SendBuffer => self.send_buffer += lasted,
        }
        // Whatever held it back: it was busy meanwhile.
        self.busy += lasted;
    }

    /// For STATUS. What goes on now counts up to when it was last looked at.
    const fn told(&self) -> Told {
        Told {
            text_segments_out: self.text_segments_out,
            text_segments_in: self.text_segments_in,
            resent_octets: self.resent_octets,
            marked_segments_in: self.marked_segments_in,
            echoes_in: self.echoes_in,
            timeouts: self.timeouts,
            delivery_rate: self.delivery_rate,
            delivery_supply: self.delivery_supply,
            busy: self.busy,
            peer_window: self.peer_window,
            send_buffer: self.send_buffer,
        }
    }
}

impl Connection {
    fn totals(&mut self) -> &mut Totals {
        self.totals.get_or_insert_with(Box::default)
    }

    /// For STATUS.
    pub(crate) fn told_totals(&self) -> Told {
        self.totals
            .as_ref()
            .map_or_else(Told::default, |it| it.told())
    }

    /// A segment, or a superpacket of segments of `segment_octets`, leaves with so much text.
    pub(crate) fn count_out(&mut self, text_octets: usize, segment_octets: Option<u16>) {
        let most = segment_octets.map_or(text_octets, usize::from).max(1);
        let segments = text_octets.div_ceil(most).max(1);
        self.segments_out = self.segments_out.wrapping_add(segments as u32);
        if text_octets > 0 {
            self.totals().text_segments_out += segments as u64;
        }
    }

    /// A segment arrived, or several that came as one.
    pub(crate) fn count_in(&mut self, segment: &Segment) {
        let segments = segment.segments.max(1);
        self.segments_in = self.segments_in.wrapping_add(segments);
        if !segment.text.is_empty() {
            self.totals().text_segments_in += u64::from(segments);
        }
    }

    /// So much of what leaves had left before.
    pub(crate) fn count_resent(&mut self, octets: u32) {
        self.totals().resent_octets += u64::from(octets);
    }

    /// The retransmission timer has expired, and text is sent again because of it.
    pub(crate) fn count_timeout(&mut self) {
        self.totals().timeouts += 1;
    }

    /// Text arrived that the network had marked (RFC 3168 §5), in so many segments.
    pub(crate) fn count_marked(&mut self, segments: u32) {
        let totals = self.totals();
        totals.marked_segments_in += u64::from(segments.max(1));
    }

    /// An acknowledgment said that the peer had seen a mark (RFC 3168 §6.1.2).
    pub(crate) fn count_echo(&mut self) {
        self.totals().echoes_in += 1;
    }

    /// The rate of delivery was measured (draft-ietf-ccwg-bbr §4.1).
    pub(crate) fn note_rate(&mut self, sample: &RateSample) {
        let Some(rate) = sample.octets_per_second() else {
            return;
        };
        let totals = self.totals();
        if sample.supply == Supply::Plenty || totals.delivery_rate.is_none_or(|it| it <= rate) {
            totals.delivery_rate = Some(rate);
            totals.delivery_supply = sample.supply;
        }
    }

    /// Nothing more can be sent for now: why? The congestion window takes `cwnd_room` octets more.
    pub(crate) fn note_limit(&mut self, cwnd_room: u32, now: Instant) {
        let unsent = self.snd.unsent_octets();
        let usable = self.snd.window.usable();
        let limit = if unsent > 0 && usable < self.smss() && usable <= cwnd_room {
            Limit::PeerWindow
        } else if unsent == 0 && self.writer_waits {
            Limit::SendBuffer
        } else if unsent > 0 || self.snd.window.in_flight() > 0 {
            Limit::Busy
        } else {
            Limit::Idle
        };
        if let Some(totals) = &mut self.totals {
            totals.change_limit(limit, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Limit, Totals};
    use crate::base::{Duration, Instant};

    #[test]
    fn times_of_each_limit_add_up_and_idle_time_counts_for_none() {
        let mut totals = Totals::default();
        for (at, limit) in [
            (10, Limit::Busy),
            (15, Limit::PeerWindow),
            (45, Limit::SendBuffer),
            (52, Limit::Idle),
            (100, Limit::Busy),
            (101, Limit::Idle),
        ] {
            totals.change_limit(limit, Instant::from_millis(at));
        }
        let told = totals.told();
        let ms = Duration::from_millis;
        assert_eq!(
            (told.busy, told.peer_window, told.send_buffer),
            (ms(43), ms(30), ms(7))
        );
    }
}
