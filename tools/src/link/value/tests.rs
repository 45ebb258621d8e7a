use super::*;

#[test]
fn a_share_is_read_to_seven_places_and_no_further() {
    assert_eq!(Share::read("1%").map(Share::billionths), Ok(10_000_000));
    assert_eq!(Share::read("0.0000001%").map(Share::billionths), Ok(1));
    assert!(Share::read("0.00000001%").is_err());
    assert_eq!(Share::read("100%"), Ok(Share::ALL));
    let outside = ValueError::Range {
        range: "0% to 100%",
    };
    assert_eq!(Share::read("100.0000001%"), Err(outside.clone()));
    assert_eq!(Share::read("400000000000%"), Err(outside));
    for wrong in [
        "", "%", "1", "1 %", "-1%", "1.%", ".5%", "1e2%", "+1%", "1%%",
    ] {
        assert!(Share::read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_share_above_all_cannot_be_built() {
    assert_eq!(Share::from_billionths(1_000_000_000), Some(Share::ALL));
    assert_eq!(Share::from_billionths(1_000_000_001), None);
    assert_eq!(Share::from_thousandths(1_000), Share::ALL);
    assert_eq!(Share::from_thousandths(u32::MAX), Share::ALL);
    assert_eq!(Share::from_thousandths(999).billionths(), 999_000_000);
}

#[test]
fn a_time_is_read_in_each_unit_and_to_a_nanosecond() {
    for (text, nanos) in [
        ("20ms", 20_000_000),
        ("1.5s", 1_500_000_000),
        ("0.000000001s", 1),
        ("7us", 7_000),
        ("7.001us", 7_001),
        ("9ns", 9),
        ("1000s", 1_000_000_000_000),
    ] {
        assert_eq!(read_time(text), Ok(Duration::from_nanos(nanos)), "{text}");
    }
    for wrong in [
        "",
        "20",
        "ms",
        "1.5ns",
        "0.0000000001s",
        "1000.1s",
        "-1ms",
        "1 ms",
    ] {
        assert!(read_time(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_written_is_read_again_and_short() {
    for nanos in [
        0,
        1,
        999,
        1_000,
        1_001,
        1_000_000,
        20_000_000,
        20_000_001,
        1_500_000_000,
    ] {
        let time = Duration::from_nanos(nanos);
        assert_eq!(read_time(&show_time(time)), Ok(time), "{}", show_time(time));
    }
    assert_eq!(show_time(Duration::from_millis(20)), "20ms");
    assert_eq!(show_time(Duration::from_millis(1_500)), "1.5s");
    assert_eq!(show_time(Duration::from_micros(2_500)), "2.5ms");
    assert_eq!(show_time(Duration::ZERO), "0ms");
    for text in ["0%", "1%", "0.05%", "99.9999999%", "100%"] {
        assert_eq!(
            Share::read(text).map(|share| share.to_string()),
            Ok(text.to_owned())
        );
    }
}

#[test]
fn a_list_of_packets_holds_its_ends_and_nothing_beside_them() {
    let list = PacketRanges::read("2+5-7+20-").expect("it is a list");
    let held: Vec<u64> = (0..23).filter(|number| list.contains(*number)).collect();
    assert_eq!(held, [2, 5, 6, 7, 20, 21, 22]);
    assert!(list.contains(u64::MAX));
    assert_eq!(list.to_string(), "2+5-7+20-");
}

#[test]
fn a_list_of_packets_ascends_from_one() {
    for wrong in [
        "", "0", "2+2", "3+2", "5-4", "1-3+3", "1-+5", "a", "1,2", "1--3", "-3", "1+",
    ] {
        assert!(PacketRanges::read(wrong).is_err(), "{wrong}");
    }
    let of = |count: usize| {
        let numbers: Vec<String> = (1..=count).map(|n| (2 * n).to_string()).collect();
        PacketRanges::read(&numbers.join("+"))
    };
    assert!(of(1_000).is_ok());
    assert!(of(1_001).is_err());
}
