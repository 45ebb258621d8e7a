//! Rates against numbers worked out by hand.

use super::{Delivery, Newest, Supply};
use crate::base::{Duration, Instant};

const fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn newest(sent_at: Instant, snapshot: super::DeliverySnapshot) -> Option<Newest> {
    Some(Newest { sent_at, snapshot })
}

#[test]
fn bbr_4_1_the_rate_is_what_was_delivered_over_the_slower_of_sending_and_acknowledging() {
    let mut delivery = Delivery::default();
    let first = delivery.on_sent(0, 1_000, at(0));
    let second = delivery.on_sent(1_000, 1_000, at(10));
    let third = delivery.on_sent(2_000, 1_000, at(20));
    // One by one, 50 ms after each was sent: 1,000 octets in each 10 ms.
    let sample = delivery.on_ack(1_000, 0, newest(at(0), first), None, at(50));
    assert_eq!(sample.interval, Some(Duration::from_millis(50)));
    assert_eq!(sample.octets_per_second(), Some(20_000));
    delivery.on_ack(1_000, 0, newest(at(10), second), None, at(60));
    let sample = delivery.on_ack(1_000, 0, newest(at(20), third), None, at(70));
    // Everything since the third was sent: nothing had been delivered then.
    assert_eq!((sample.delivered, sample.prior_delivered), (3_000, 0));
    assert_eq!(sample.interval, Some(Duration::from_millis(70)));
}

#[test]
fn bbr_4_1_acknowledgments_in_a_burst_do_not_make_the_path_faster() {
    let mut delivery = Delivery::default();
    let first = delivery.on_sent(0, 1_000, at(0));
    delivery.on_ack(1_000, 0, newest(at(0), first), None, at(20));
    let mut sent = std::vec::Vec::new();
    for step in 0..10 {
        let now = at(20 + step * 10);
        sent.push((now, delivery.on_sent(1_000, 1_000, now)));
    }
    // Held back, then all at once.
    let (last_at, last) = sent[9];
    let sample = delivery.on_ack(10_000, 0, newest(last_at, last), None, at(121));
    // They left over 110 ms (since the burst that was delivered last), and arrived over 101 ms.
    assert_eq!(sample.interval, Some(Duration::from_millis(110)));
    assert_eq!(sample.octets_per_second(), Some(90_909));
}

#[test]
fn bbr_4_1_less_than_the_shortest_round_trip_is_no_sample() {
    let mut delivery = Delivery::default();
    let sent = delivery.on_sent(0, 1_000, at(0));
    let min_rtt = Some(Duration::from_millis(40));
    let sample = delivery.on_ack(1_000, 0, newest(at(0), sent), min_rtt, at(39));
    assert_eq!(sample.octets_per_second(), None);
    let sent = delivery.on_sent(0, 1_000, at(100));
    let sample = delivery.on_ack(1_000, 0, newest(at(100), sent), min_rtt, at(140));
    assert_eq!(sample.octets_per_second(), Some(25_000));
}

#[test]
fn bbr_4_1_what_was_sent_while_the_application_was_short_is_marked_until_it_is_delivered() {
    let mut delivery = Delivery::default();
    let first = delivery.on_sent(0, 1_000, at(0));
    delivery.on_application_limited(1_000);
    let second = delivery.on_sent(1_000, 1_000, at(1));
    let sample = delivery.on_ack(1_000, 0, newest(at(0), first), None, at(10));
    assert_eq!(sample.supply, Supply::Plenty);
    assert!(delivery.is_app_limited());
    let sample = delivery.on_ack(1_000, 0, newest(at(1), second), None, at(11));
    assert_eq!(sample.supply, Supply::ApplicationLimited);
    assert!(!delivery.is_app_limited());
}

#[test]
fn bbr_4_1_losses_since_the_burst_are_counted_with_it() {
    let mut delivery = Delivery::default();
    let first = delivery.on_sent(0, 5_000, at(0));
    let later = delivery.on_sent(5_000, 5_000, at(1));
    delivery.on_ack(3_000, 2_000, newest(at(0), first), None, at(10));
    let sample = delivery.on_ack(4_000, 1_000, newest(at(1), later), None, at(11));
    assert_eq!((sample.lost, sample.newly_lost), (3_000, 1_000));
    assert_eq!((sample.delivered, sample.sent_in_flight), (7_000, 10_000));
    assert_eq!((delivery.delivered(), delivery.lost()), (7_000, 3_000));
}
