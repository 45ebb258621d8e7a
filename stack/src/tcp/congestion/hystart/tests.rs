//! HyStart++ against the rounds and thresholds of RFC 9406 §4.2.

use super::{Growth, HyStart};
use crate::base::{Duration, Instant, SeqNumber};
use crate::tcp::congestion::{Acked, Utilisation};

/// A flow that sends a thousand octets for each ACK.
struct Flow {
    hystart: HyStart,
    una: u32,
    nxt: u32,
}

impl Flow {
    fn new(base: u64) -> Self {
        let mut flow = Self {
            hystart: HyStart::default(),
            una: 0,
            nxt: 0,
        };
        // The first ACK begins the first round.
        flow.round(1, base);
        flow
    }

    /// A round of so many ACKs whose round trips take so many milliseconds.
    fn round(&mut self, acks: u32, millis: u64) -> Growth {
        let mut growth = Growth::SlowStart;
        for at in 0..acks {
            self.una += 1_000;
            self.nxt = self.nxt.max(self.una);
            // Everything that the next round acknowledges has been sent when this one ends.
            let nxt = if at + 1 == acks {
                self.una + 1_000 * acks
            } else {
                self.nxt
            };
            self.nxt = nxt;
            growth = self.hystart.on_ack(&Acked {
                now: Instant::ZERO,
                octets: 1_000,
                una: SeqNumber::new(self.una),
                nxt: SeqNumber::new(nxt),
                round_trip: Some(Duration::from_millis(millis)),
                srtt: None,
                utilisation: Utilisation::CwndLimited,
                in_flight: 0,
            });
        }
        growth
    }
}

#[test]
fn rfc9406_4_2_the_threshold_is_an_eighth_between_4_and_16_ms() {
    for (base, same, grown) in [(8, 11, 12), (80, 89, 90), (800, 815, 816)] {
        let mut flow = Flow::new(base);
        flow.round(20, base);
        assert_eq!(flow.round(20, same), Growth::SlowStart, "{base} to {same}");
        let mut flow = Flow::new(base);
        flow.round(20, base);
        assert_eq!(
            flow.round(20, grown),
            Growth::Conservative,
            "{base} to {grown}"
        );
    }
}

#[test]
fn rfc9406_4_2_eight_samples_are_needed_within_a_round() {
    let mut flow = Flow::new(50);
    flow.round(20, 50);
    let before_the_eighth = flow.hystart.clone();
    assert!(!before_the_eighth.is_conservative());
    let mut seen = 0;
    while !flow.hystart.is_conservative() {
        flow.una += 1_000;
        seen += 1;
        flow.hystart.on_ack(&Acked {
            now: Instant::ZERO,
            octets: 1_000,
            una: SeqNumber::new(flow.una),
            nxt: SeqNumber::new(flow.una + 50_000),
            round_trip: Some(Duration::from_millis(90)),
            srtt: None,
            utilisation: Utilisation::CwndLimited,
            in_flight: 0,
        });
    }
    assert_eq!(seen, 8);
}

#[test]
fn rfc9406_4_2_five_conservative_rounds_end_slow_start() {
    let mut flow = Flow::new(50);
    flow.round(20, 50);
    assert_eq!(flow.round(20, 80), Growth::Conservative);
    // The round in which it began counts.
    for round in 0..3 {
        assert_eq!(flow.round(20, 85), Growth::Conservative, "{round}");
    }
    assert_eq!(flow.round(20, 90), Growth::Over);
}

#[test]
fn rfc9406_4_2_a_round_trip_below_the_baseline_resumes_slow_start() {
    let mut flow = Flow::new(50);
    flow.round(20, 50);
    assert_eq!(flow.round(20, 80), Growth::Conservative);
    assert_eq!(flow.round(20, 79), Growth::SlowStart);
    assert_eq!(flow.round(20, 80), Growth::SlowStart);
}

#[test]
fn a_peer_that_acknowledges_by_the_batch_is_judged_round_by_round() {
    let mut flow = Flow::new(50);
    flow.round(2, 50);
    assert_eq!(flow.round(2, 50), Growth::SlowStart);
    assert_eq!(flow.round(2, 80), Growth::Conservative);
}
