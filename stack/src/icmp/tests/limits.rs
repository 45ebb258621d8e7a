use super::*;
use crate::base::Duration;
use crate::wire::report::Problem;

fn report_from(source: Ipv4Addr) -> Report {
    Report {
        problem: Problem::PortUnreachable,
        source: source.into(),
        destination: US_V4.into(),
        cast: Cast::Unicast,
        packet: packet_v4(source, US_V4, Protocol::UDP, b"8 octets").into(),
    }
}

#[test]
fn rfc4443_06_errors_to_one_destination_are_limited() {
    let mut bench = Bench::new();
    let mut sent = 0;
    for step in 0..1_000_u64 {
        bench.now = Instant::from_millis(1_000 + step);
        sent += u32::from(bench.reports(&report_from(PEER_V4)).is_some());
    }
    assert!((18..=20).contains(&sent), "{sent}");
    let limited = bench.around.discards.get(Discard::IcmpRateLimited);
    assert_eq!(limited, 1_000 - u64::from(sent));
    // Ten flow in during a second of silence, and no more however long it lasts.
    for silence in [1, 1_000] {
        bench.now += Duration::from_secs(silence);
        let sent = (0..50).filter(|_| bench.reports(&report_from(PEER_V4)).is_some());
        assert_eq!(sent.count(), 10);
    }
}

#[test]
fn rfc4443_06_the_limit_is_a_setting() {
    let mut bench = Bench::with(Config {
        icmp_errors_per_second: 0,
        ..Config::default()
    });
    assert!(bench.reports(&report_from(PEER_V4)).is_none());
    let mut bench = Bench::with(Config {
        icmp_errors_total_per_second: 0,
        ..Config::default()
    });
    assert!((0..100).all(|_| bench.reports(&report_from(PEER_V4)).is_none()));
}

/// How many errors leave at once if each goes to somebody else.
fn total_burst(seed: u8) -> usize {
    let mut bench = Bench::new();
    bench.around.random = Random::new([seed; 32]);
    (0..1_000_u32)
        .filter(|step| {
            let source = Ipv4Addr::from_bits(0x0a00_0001 + step);
            bench.reports(&report_from(source)).is_some()
        })
        .count()
}

#[test]
fn bad_24_the_shared_limit_is_not_a_number_that_anybody_knows() {
    let bursts: Vec<usize> = (0..20).map(total_burst).collect();
    assert!(
        bursts.iter().all(|burst| (70..=150).contains(burst)),
        "{bursts:?}"
    );
    let different: std::collections::HashSet<_> = bursts.iter().collect();
    assert!(different.len() > 5, "{bursts:?}");
}

#[test]
fn bad_24_who_is_limited_for_himself_takes_nothing_from_others() {
    let mut bench = Bench::new();
    for _ in 0..10_000 {
        bench.reports(&report_from(PEER_V4));
    }
    let others = (0..50_u32)
        .filter(|step| {
            let source = Ipv4Addr::from_bits(0x0a00_0001 + step);
            bench.reports(&report_from(source)).is_some()
        })
        .count();
    assert!(others >= 40, "{others}");
}

#[test]
fn a_full_table_forgets_who_was_sent_nothing_for_longest() {
    let mut bench = Bench::with(Config {
        icmp_limiter_entries_max: 2,
        icmp_errors_burst: 1,
        ..Config::default()
    });
    let sources = [2, 3, 4].map(|last| report_from(Ipv4Addr::new(192, 0, 2, last)));
    assert!(bench.reports(&sources[0]).is_some());
    assert!(bench.reports(&sources[1]).is_some());
    // The first is asked for again, so the second makes room for the third.
    assert!(bench.reports(&sources[0]).is_none());
    assert!(bench.reports(&sources[2]).is_some());
    assert!(bench.reports(&sources[0]).is_none());
    assert!(bench.reports(&sources[1]).is_some());
}
