//! BBR's model against numbers worked out by hand.

use super::{Bbr, STARTUP_PACING_GAIN};
use crate::base::{Duration, Instant, SeqNumber};
use crate::config::Config;
use crate::tcp::congestion::{Acked, CongestionControl, Handshake, Mode, Utilisation};
use crate::tcp::delivery::{Delivery, Newest};

const SMSS: u32 = 1_000;

/// A path with a rate, a round trip and a queue without end; ACKs come one by one.
struct Path {
    bbr: Bbr,
    delivery: Delivery,
    /// When what is on its way is delivered, with what was known when it left.
    flying: std::collections::VecDeque<(Instant, Newest)>,
    free_at: Instant,
    send_at: Instant,
    now: Instant,
    octets_per_second: u64,
    rtt: Duration,
    sent: u32,
}

impl Path {
    fn new(octets_per_second: u64, rtt: Duration) -> Self {
        let mut bbr = Bbr::new(&Config::default());
        bbr.on_established(SMSS, Handshake::Clean);
        Self {
            bbr,
            delivery: Delivery::default(),
            flying: std::collections::VecDeque::new(),
            free_at: Instant::ZERO,
            send_at: Instant::from_secs(1),
            now: Instant::from_secs(1),
            octets_per_second,
            rtt,
            sent: 0,
        }
    }

    fn in_flight(&self) -> u32 {
        self.flying.len() as u32 * SMSS
    }

    fn step(&mut self) {
        let can_send = self.in_flight() + SMSS <= self.bbr.cwnd_octets();
        let next_ack = self.flying.front().map_or(Instant::NEVER, |it| it.0);
        if can_send && self.send_at <= next_ack {
            self.now = self.now.max(self.send_at);
            let snapshot = self.delivery.on_sent(self.in_flight(), SMSS, self.now);
            let takes =
                Duration::from_nanos(1_000_000_000 * u64::from(SMSS) / self.octets_per_second);
            self.free_at = self.free_at.max(self.now) + takes;
            let newest = Newest {
                sent_at: self.now,
                snapshot,
            };
            self.flying.push_back((self.free_at + self.rtt, newest));
            let rate = self.bbr.pacing_rate(Some(self.rtt)).unwrap();
            self.send_at = self.now + Duration::from_nanos(1_000_000_000 * u64::from(SMSS) / rate);
            self.sent += SMSS;
            return;
        }
        let Some((at, newest)) = self.flying.pop_front() else {
            return;
        };
        self.now = self.now.max(at);
        let rate = self.delivery.on_ack(SMSS, 0, Some(newest), None, self.now);
        let acked = Acked {
            now: self.now,
            octets: SMSS,
            una: SeqNumber::new(self.sent - self.in_flight()),
            nxt: SeqNumber::new(self.sent),
            round_trip: Some(self.now.since(newest.sent_at)),
            srtt: Some(self.rtt),
            utilisation: Utilisation::CwndLimited,
            in_flight: self.in_flight(),
        };
        self.bbr.on_delivery(&rate, &acked);
        self.send_at = self.send_at.max(self.now);
    }

    fn run_until(&mut self, end: Instant) -> Vec<Mode> {
        let mut modes = std::vec![self.bbr.mode()];
        while self.now < end {
            self.step();
            if modes.last() != Some(&self.bbr.mode()) {
                modes.push(self.bbr.mode());
            }
        }
        modes
    }
}

use std::vec::Vec;

#[test]
fn bbr_5_3_startup_finds_the_bandwidth_drain_empties_the_queue_and_probing_begins() {
    // 1.25 MB/s and 40 ms: 50 segments.
    let mut path = Path::new(1_250_000, Duration::from_millis(40));
    let modes = path.run_until(Instant::from_secs(4));
    assert_eq!(modes[..2], [Mode::Startup, Mode::Drain], "{modes:?}");
    let bw = path.bbr.model.max_bw();
    assert!((1_200_000..=1_300_000).contains(&bw), "{bw}");
    let min_rtt = path.bbr.model.min_rtt.unwrap();
    assert!(min_rtt < Duration::from_millis(42), "{min_rtt:?}");
    for mode in [
        Mode::ProbeBwDown,
        Mode::ProbeBwCruise,
        Mode::ProbeBwRefill,
        Mode::ProbeBwUp,
    ] {
        assert!(modes.contains(&mode), "{mode:?} in {modes:?}");
    }
}

#[test]
fn bbr_5_3_4_probe_rtt_comes_every_five_seconds_and_halves_what_is_in_flight() {
    let mut path = Path::new(1_250_000, Duration::from_millis(40));
    let mut entered = Vec::new();
    let mut least = u32::MAX;
    while path.now < Instant::from_secs(23) {
        let before = path.bbr.mode();
        path.step();
        if path.bbr.mode() == Mode::ProbeRtt {
            least = least.min(path.in_flight());
            if before != Mode::ProbeRtt {
                entered.push(path.now);
            }
        }
    }
    assert!((2..=5).contains(&entered.len()), "{entered:?}");
    for pair in entered.windows(2) {
        assert!(pair[1].since(pair[0]) >= Duration::from_secs(5));
    }
    assert!((4_000..=30_000).contains(&least), "{least}");
}

#[test]
fn bbr_5_6_2_the_first_pace_is_the_initial_window_over_the_round_trip_with_the_gain_of_startup() {
    let mut bbr = Bbr::new(&Config::default());
    bbr.on_established(SMSS, Handshake::Clean);
    let rate = bbr.pacing_rate(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(rate, 100_000 * STARTUP_PACING_GAIN / 1_000);
}

#[test]
fn rfc3168_04_a_mark_cuts_the_model_as_a_loss_does() {
    let mut path = Path::new(1_250_000, Duration::from_millis(40));
    path.run_until(Instant::from_secs(3));
    let (cwnd, bw) = (path.bbr.cwnd_octets(), path.bbr.model.bw);
    path.bbr.on_congestion_mark(cwnd, path.now);
    assert!(path.bbr.cwnd_octets() <= cwnd * 7 / 10 + 1);
    assert!(path.bbr.model.bw <= bw * 7 / 10 + 1);
}
