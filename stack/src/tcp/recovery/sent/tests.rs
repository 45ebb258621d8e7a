//! The record of transmissions as a conversation in positions and moments.

use std::vec::Vec;

use super::{BURSTS_MAX, History, SentLog};
use crate::base::Instant;
use crate::tcp::delivery::DeliverySnapshot;

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

fn sent(ranges: &[(u64, u64, u64)]) -> SentLog {
    let mut log = SentLog::new();
    for (start, end, ms) in ranges {
        log.on_sent(*start..*end, at(*ms), DeliverySnapshot::default());
    }
    log
}

/// (start, end, milliseconds, sent more than once) of the latest transmissions.
fn latest(log: &SentLog, start: u64, end: u64) -> Vec<(u64, u64, u64, bool)> {
    log.within(start..end)
        .map(|it| {
            let again = it.history == History::Resent;
            (it.start, it.end, it.sent_at.as_millis(), again)
        })
        .collect()
}

#[test]
fn what_leaves_at_one_moment_is_one_entry() {
    let log = sent(&[(0, 100, 1), (100, 200, 1), (200, 300, 2)]);
    assert_eq!(
        latest(&log, 50, 250),
        [(50, 200, 1, false), (200, 250, 2, false)]
    );
}

#[test]
fn the_latest_transmission_of_each_octet_is_known() {
    let mut log = sent(&[(0, 1_000, 1)]);
    log.on_resent(200..300, at(5), DeliverySnapshot::default());
    log.on_resent(600..700, at(6), DeliverySnapshot::default());
    log.on_resent(250..280, at(7), DeliverySnapshot::default());
    assert_eq!(
        latest(&log, 0, 1_000),
        [
            (0, 200, 1, false),
            (200, 250, 5, true),
            (250, 280, 7, true),
            (280, 300, 5, true),
            (300, 600, 1, false),
            (600, 700, 6, true),
            (700, 1_000, 1, false),
        ]
    );
    let mut order = Vec::new();
    while let Some(oldest) = log.oldest_resent() {
        order.push((oldest.start, oldest.sent_at.as_millis()));
        log.forget_oldest_resent();
    }
    order.sort_by_key(|it| it.1);
    assert_eq!(order, [(200, 5), (280, 5), (600, 6), (250, 7)]);
}

#[test]
fn a_probe_of_the_tail_stays_last_in_both_orders() {
    let mut log = sent(&[(0, 1_000, 1), (1_000, 1_500, 2)]);
    log.on_tail_resent(900..1_500, at(9), DeliverySnapshot::default());
    assert_eq!(
        latest(&log, 0, 1_500),
        [(0, 900, 1, false), (900, 1_500, 9, true)]
    );
    log.on_sent(1_500..1_600, at(9), DeliverySnapshot::default());
    assert_eq!(log.sent_until(at(8)), Some(900));
    assert_eq!(log.sent_until(at(9)), Some(1_600));
    assert_eq!(log.sent_before(at(9), 1_200), Some(1_200));
    assert_eq!(log.sent_before(at(9), 900), Some(900));
    assert_eq!(log.sent_before(at(1), 0), None);
}

#[test]
fn an_empty_record_owns_no_memory() {
    let mut log = sent(&[(0, 100, 1), (100, 200, 2)]);
    log.on_resent(0..50, at(3), DeliverySnapshot::default());
    log.advance(150);
    assert!(log.held_octets() > 0);
    assert!(log.oldest_resent().is_none());
    log.advance(200);
    assert_eq!(log.held_octets(), 0);
    assert!(latest(&log, 199, 200).is_empty());
}

#[test]
fn a_full_record_makes_its_last_entry_coarser() {
    let mut log = SentLog::new();
    let many = 2 * BURSTS_MAX as u64;
    for it in 0..many {
        log.on_sent(it..it + 1, at(it), DeliverySnapshot::default());
    }
    assert_eq!(
        latest(&log, many - 1, many),
        [(many - 1, many, many - 1, true)]
    );
    assert_eq!(log.within(0..many).count(), BURSTS_MAX);
}
