//! How large the buffers of a connection should be: the receive buffer follows what the application
//! takes in a round trip (dynamic right-sizing), the send buffer follows cwnd.
//!
//! RFC 7323 §2 needs windows of a bandwidth-delay product, and RFC 9293 §3.8.6 leaves their size to
//! us. `arrives/take_text.rs`, `call/receive.rs` and `call/send.rs` ask; the right edge of the window
//! is never moved here, and a buffer whose size the user chose is left alone.

use alloc::boxed::Box;

use super::congestion::CongestionControl;
use super::connection::{Connection, Pressure};
use super::segment::Segment;
use crate::base::{Duration, Instant, SeqNumber};
use crate::context::Context;
use crate::observe::Observation;

/// A window of one round trip is too small as soon as the sender speeds up; two let it double.
const ROUND_TRIPS: u64 = 2;
/// Segments that a window holds beyond that, so that a few losses do not close it.
const SPARE_SEGMENTS: u64 = 16;
/// The weight of a new sample of the round trip is one part of so many.
const SAMPLE_PARTS: u32 = 8;
/// What the clock of timestamps may hide (RFC 7323 §5.4: ours ticks in milliseconds).
const ROUND_TRIP_MIN: Duration = Duration::from_millis(1);
/// One connection gets at most this part of the stack's memory by growing.
const MEMORY_PART: u64 = 8;

/// What a receiver has measured. It exists from the first text on.
#[derive(Clone, Debug)]
pub(crate) struct ReceiveTuning {
    /// The round trip as the receiver sees it, smoothed.
    round_trip: Option<Duration>,
    /// The echo that was last measured: each gives one sample.
    measured_echo: u32,
    /// Without timestamps: when this number arrives, a window has gone by since then.
    window_mark: Option<(SeqNumber, Instant)>,
    /// When this period of a round trip began.
    began_at: Instant,
    /// What RECEIVE had taken then.
    taken_before: u64,
    /// The most octets that it ever took in one round trip.
    per_round_trip: u64,
}

impl ReceiveTuning {
    /// Measuring begins, with the round trip that the handshake measured, and what the first window
    /// holds for the most that was ever taken.
    pub(crate) const fn new(
        round_trip: Option<Duration>,
        taken: u64,
        buffer_octets: u32,
        now: Instant,
    ) -> Self {
        Self {
            round_trip,
            measured_echo: 0,
            window_mark: None,
            began_at: now,
            taken_before: taken,
            per_round_trip: buffer_octets as u64 / (2 * ROUND_TRIPS),
        }
    }

    /// The round trip as the receiver sees it.
    pub(crate) const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// The most octets that RECEIVE ever took in one round trip.
    pub(crate) const fn per_round_trip(&self) -> u64 {
        self.per_round_trip
    }

    /// A segment with text echoed `echo`, which we sent `round_trip` ago. The peer may have waited for
    /// its application, so one sample weighs little.
    pub(crate) fn on_echo(&mut self, echo: u32, round_trip: Duration) {
        if core::mem::replace(&mut self.measured_echo, echo) == echo {
            return;
        }
        let sample = round_trip.max(ROUND_TRIP_MIN);
        self.round_trip = Some(match self.round_trip {
            Some(before) => (before * (SAMPLE_PARTS - 1) + sample) / SAMPLE_PARTS,
            None => sample,
        });
    }

    /// Text arrived up to `nxt`, and there are no timestamps: a window of text takes a round trip at
    /// least, so the shortest time counts. `edge` is RCV.NXT + RCV.WND.
    pub(crate) fn on_window(&mut self, nxt: SeqNumber, edge: SeqNumber, now: Instant) {
        match self.window_mark {
            Some((mark, since)) if mark.is_at_or_before(nxt) => {
                let sample = now.since(since).max(ROUND_TRIP_MIN);
                self.round_trip = Some(self.round_trip.map_or(sample, |it| it.min(sample)));
                self.window_mark = Some((edge, now));
            }
            Some(_) => {}
            None => self.window_mark = Some((edge, now)),
        }
    }

    /// RECEIVE has taken `taken` octets in all. The answer is the buffer that would do, once in each
    /// round trip and only if more was taken in it than ever before.
    pub(crate) fn on_taken(&mut self, taken: u64, mss: u32, now: Instant) -> Option<u64> {
        let round_trip = self.round_trip?;
        if now.since(self.began_at) < round_trip {
            return None;
        }
        let octets = taken - self.taken_before;
        self.began_at = now;
        self.taken_before = taken;
        let before = self.per_round_trip;
        self.per_round_trip = before.max(octets);
        if octets <= before {
            return None;
        }
        // A sender that speeds up goes on doing so (slow start): it is met half way.
        let base = ROUND_TRIPS * octets + SPARE_SEGMENTS * u64::from(mss);
        let growth = base.saturating_mul(octets - before) / before.max(1);
        Some(base.saturating_add(growth.min(base).saturating_mul(2)))
    }
}

impl Connection {
    /// The most octets that wait to be sent or acknowledged: twice what cwnd lets fly, so that the
    /// next round trip is at hand when this one is acknowledged.
    pub(crate) fn send_buffer_octets(&self) -> usize {
        let (least, most) = (
            self.settings.send_buffer_octets,
            self.settings.send_buffer_octets_max,
        );
        if most <= least {
            return least;
        }
        let flight = self.snd.window.in_flight();
        let round_trip = self.congestion.cwnd_octets().max(flight) as usize;
        round_trip.saturating_mul(2).clamp(least, most)
    }

    /// Whether the receive buffer follows what the application takes.
    fn tunes_receive_buffer(&self) -> bool {
        self.settings.receive_buffer_octets < self.settings.receive_buffer_octets_max
    }

    /// Text arrived: the round trip is measured.
    pub(crate) fn measure_receive(&mut self, segment: &Segment, now: Instant) {
        if !self.tunes_receive_buffer() {
            return;
        }
        let echo = segment.options.timestamps.map(|it| it.echo_reply);
        let echoed = echo.and_then(|echo| {
            let state = self.timestamps.as_ref()?;
            Some((echo, state.round_trip(echo, now)?))
        });
        let (srtt, taken) = (self.rtt.srtt(), self.rcv.queue.taken());
        let buffer = self.rcv.window.buffer_octets();
        let tuning = self
            .receive_tuning
            .get_or_insert_with(|| Box::new(ReceiveTuning::new(srtt, taken, buffer, now)));
        match echoed {
            Some((echo, round_trip)) => tuning.on_echo(echo, round_trip),
            None => tuning.on_window(self.rcv.nxt, self.rcv.window.edge(), now),
        }
    }

    /// RECEIVE took text: the buffer may grow. It never shrinks, and it does not grow while memory is
    /// short (design §6).
    pub(crate) fn tune_receive_buffer(&mut self, cx: &mut Context<'_>) {
        let (taken, mss) = (self.rcv.queue.taken(), self.rcv_mss());
        let tunes = self.tunes_receive_buffer() && self.pressure == Pressure::None;
        let wanted = match &mut self.receive_tuning {
            Some(tuning) if tunes => tuning.on_taken(taken, mss, cx.now),
            Some(_) | None => None,
        };
        let Some(wanted) = wanted else {
            return;
        };
        let most = (self.settings.receive_buffer_octets_max as u64)
            .min(cx.config.memory_octets_max / MEMORY_PART)
            .min(u64::from(u16::MAX) << self.rcv.window.shift());
        let buffer_octets = wanted.min(most);
        if buffer_octets <= u64::from(self.rcv.window.buffer_octets()) {
            return;
        }
        self.rcv.window.set_buffer_octets(buffer_octets as usize);
        let connection = self.id;
        cx.observe(|| Observation::ReceiveBufferGrew {
            connection,
            buffer_octets,
        });
    }
}

#[cfg(test)]
mod tests;
