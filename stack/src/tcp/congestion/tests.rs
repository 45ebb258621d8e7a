//! Reno against the numbers of its RFCs.

use super::{Acked, CongestionControl, Expiry, Handshake, Reno, Utilisation};
use crate::base::{Instant, SeqNumber};
use crate::config::Config;

const SMSS: u32 = 1_000;

fn acked(octets: u32, utilisation: Utilisation) -> Acked {
    Acked {
        now: Instant::ZERO,
        octets,
        una: SeqNumber::new(octets),
        nxt: SeqNumber::new(octets),
        round_trip: None,
        srtt: None,
        utilisation,
        in_flight: 0,
    }
}

fn open() -> Reno {
    let mut reno = Reno::new(&Config::strict());
    reno.on_established(SMSS, Handshake::Clean);
    reno
}

#[test]
fn rfc6928_01_the_initial_window_is_ten_segments_or_14600_octets() {
    assert_eq!(open().cwnd_octets(), 10_000);
    let mut large = Reno::new(&Config::strict());
    large.on_established(8_960, Handshake::Clean);
    assert_eq!(large.cwnd_octets(), 2 * 8_960);
    let mut lossy = Reno::new(&Config::strict());
    lossy.on_established(SMSS, Handshake::Lossy);
    assert_eq!(lossy.cwnd_octets(), SMSS);
}

#[test]
fn rfc5681_02_slow_start_counts_octets_up_to_two_segments() {
    let mut reno = open();
    reno.on_ack(&acked(1, Utilisation::CwndLimited));
    assert_eq!(reno.cwnd_octets(), 10_001);
    reno.on_ack(&acked(2_000, Utilisation::CwndLimited));
    assert_eq!(reno.cwnd_octets(), 12_001);
    reno.on_ack(&acked(9_000, Utilisation::CwndLimited));
    assert_eq!(reno.cwnd_octets(), 14_001);
    reno.on_ack(&acked(9_000, Utilisation::ApplicationLimited));
    assert_eq!(reno.cwnd_octets(), 14_001);
}

#[test]
fn rfc5681_03_congestion_avoidance_adds_one_segment_a_window() {
    let mut reno = open();
    reno.on_loss(20_000, Instant::ZERO);
    reno.on_recovered();
    assert_eq!(reno.cwnd_octets(), 10_000);
    for _ in 0..9 {
        reno.on_ack(&acked(1_000, Utilisation::CwndLimited));
        assert_eq!(reno.cwnd_octets(), 10_000);
    }
    reno.on_ack(&acked(1_000, Utilisation::CwndLimited));
    assert_eq!(reno.cwnd_octets(), 11_000);
}

#[test]
fn rfc5681_04_loss_halves_the_flight_and_a_timeout_leaves_one_segment() {
    let mut reno = open();
    reno.on_loss(3_000, Instant::ZERO);
    assert_eq!(reno.ssthresh_octets(), 2_000);
    reno.on_timeout(30_000, Expiry::First, Instant::ZERO);
    assert_eq!((reno.cwnd_octets(), reno.ssthresh_octets()), (SMSS, 15_000));
    // The same text again: ssthresh is held.
    reno.on_timeout(1_000, Expiry::Repeated, Instant::ZERO);
    assert_eq!((reno.cwnd_octets(), reno.ssthresh_octets()), (SMSS, 15_000));
    // After a timeout L is one segment (RFC 3465 §2.3).
    reno.on_ack(&acked(2_000, Utilisation::CwndLimited));
    assert_eq!(reno.cwnd_octets(), 2_000);
}

#[test]
fn rfc5681_10_an_idle_sender_restarts_from_the_initial_window() {
    let mut reno = open();
    for _ in 0..50 {
        reno.on_ack(&acked(2_000, Utilisation::CwndLimited));
    }
    assert_eq!(reno.cwnd_octets(), 110_000);
    reno.on_idle();
    assert_eq!(reno.cwnd_octets(), 10_000);
}

#[test]
fn rfc4015_3_2_a_spurious_reduction_is_undone_once() {
    let mut reno = open();
    reno.on_loss(10_000, Instant::ZERO);
    assert_eq!(reno.cwnd_octets(), 5_000);
    reno.on_spurious(Instant::ZERO);
    assert_eq!(reno.cwnd_octets(), 10_000);
    assert!(reno.ssthresh_octets() > 1_000_000);
    reno.on_timeout(10_000, Expiry::First, Instant::ZERO);
    reno.on_timeout(10_000, Expiry::Repeated, Instant::ZERO);
    assert_eq!(reno.cwnd_octets(), SMSS);
    reno.on_spurious(Instant::ZERO);
    assert_eq!(reno.cwnd_octets(), 10_000);
    reno.on_timeout(10_000, Expiry::First, Instant::ZERO);
    reno.on_spurious(Instant::ZERO);
    reno.on_congestion_mark(10_000, Instant::ZERO);
    // A mark is no loss: no acknowledgment can prove it wrong.
    reno.on_spurious(Instant::ZERO);
    assert_eq!(reno.cwnd_octets(), 5_000);
}
