//! A transfer repeats, and so do its branches.

use super::*;
use crate::sim::Violation;

fn transfer(seed: u64) -> Transfer {
    Transfer {
        seed,
        recipe: "delay=20ms,loss=2%".parse().unwrap(),
        octets: 400_000,
        family: Family::V4,
        checks: Checks::On,
    }
}

fn report(transfer: &Transfer) -> Report {
    transfer.begin().unwrap().finish().unwrap()
}

#[test]
fn the_same_seed_gives_the_same_report_and_another_one_another_digest() {
    let first = report(&transfer(7));
    assert_eq!(first.octets, 400_000);
    assert!(first.retransmissions > 0, "{first:?}");
    assert_eq!(first, report(&transfer(7)));
    assert_ne!(first.digest, report(&transfer(8)).digest);
    let mut v6 = transfer(7);
    v6.family = Family::V6;
    assert_ne!(first.digest, report(&v6).digest);
}

#[test]
fn a_fork_in_mid_transfer_ends_with_the_same_digest_on_both_branches() {
    let mut running = transfer(7).begin().unwrap();
    running.world.run_until(Instant::from_millis(700)).unwrap();
    let half = running.report();
    assert!(half.octets > 0 && half.octets < 400_000, "{half:?}");
    let fork = running.clone();
    assert_eq!(fork.world.digest(), running.world.digest());
    // The branches do not know each other: one runs to its end before the other goes on.
    let first = fork.finish().unwrap();
    assert_eq!(running.report(), half);
    assert_eq!(first, running.finish().unwrap());
    assert_eq!(first, report(&transfer(7)));
}

#[test]
fn neither_the_rules_nor_a_capture_change_a_packet() {
    let plain = report(&transfer(3));
    let mut unchecked = transfer(3);
    unchecked.checks = Checks::Off;
    assert_eq!(plain, report(&unchecked));
    let mut capture = Vec::new();
    let recorded = transfer(3).begin().unwrap().record(&mut capture).unwrap();
    assert_eq!(plain, recorded);
    // The capture has every packet of both hosts, which is at least all text twice.
    assert!(capture.len() > 800_000, "{}", capture.len());
}

#[test]
fn a_link_without_delay_is_no_trouble() {
    let mut instant = transfer(1);
    instant.recipe = Recipe::default();
    let report = report(&instant);
    assert_eq!(report.octets, 400_000);
    assert_eq!(report.retransmissions, 0);
}

#[test]
fn goodput_is_octets_over_time_and_never_divides_by_zero() {
    let mut report = report(&transfer(1));
    report.octets = 1_000_000;
    report.transfer_time = Duration::from_secs(2);
    assert_eq!(report.goodput_bits_per_second(), 4_000_000);
    report.transfer_time = Duration::ZERO;
    assert!(report.goodput_bits_per_second() > 4_000_000);
}

#[test]
fn a_transfer_that_can_never_end_says_so_with_its_last_packets() {
    let mut lost = transfer(1);
    // Every packet from the sender's 20th on is lost, and nobody ever hears of it.
    lost.recipe = "delay=20ms,drop=20-".parse().unwrap();
    let failure = lost.begin().unwrap().finish().unwrap_err();
    assert_eq!(failure.seed, 1);
    assert!(
        matches!(failure.violation, Violation::Application { .. }),
        "{failure}"
    );
    assert!(
        failure.report().lines().count() > 10,
        "{}",
        failure.report()
    );
}

#[test]
fn what_a_slow_start_loses_at_its_end_is_repaired_once_each_however_much_it_is() {
    // Thousands of segments, every second one: more holes than a small table holds.
    let mut long = transfer(7);
    long.recipe = "rate=100mbit,queue=2500,delay=150ms".parse().unwrap();
    long.octets = 32 << 20;
    long.checks = Checks::Off;
    let report = report(&long);
    assert!(report.lost[0] > 1_000, "{report:?}");
    assert_eq!(report.retransmissions, report.lost[0], "{report:?}");
}
