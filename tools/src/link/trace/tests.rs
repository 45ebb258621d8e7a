use super::*;

fn trace(lines: &str) -> Trace {
    Trace::from_lines(lines.lines()).expect("it is a trace")
}

#[test]
fn a_trace_begins_again_after_its_last_moment() {
    let trace = trace("0\n5\n5\n10");
    let moments: Vec<u64> = (0..9).map(|n| trace.moment(n).as_millis()).collect();
    assert_eq!(moments, [0, 5, 5, 10, 10, 15, 15, 20, 20]);
}

#[test]
fn the_first_opportunity_is_the_one_at_the_moment_itself_and_not_the_one_before() {
    let trace = trace("0\n5\n5\n10");
    for nanos in 0..25_000_000_u64 {
        // Around each moment, and in the middle between two.
        if nanos % 2_500_000 > 1 && nanos % 2_500_000 < 2_499_999 {
            continue;
        }
        let now = Instant::from_nanos(nanos);
        let first = trace.first_from(now);
        assert!(trace.moment(first) >= now, "{nanos}");
        assert!(first == 0 || trace.moment(first - 1) < now, "{nanos}");
    }
}

#[test]
fn moments_may_have_fractions_down_to_a_nanosecond() {
    let trace = trace("0.000001\n1.5");
    assert_eq!(trace.moment(0), Instant::from_nanos(1));
    assert_eq!(trace.moment(1), Instant::from_micros(1_500));
    let too_fine = Trace::from_lines(["0.0000001"].into_iter());
    assert_eq!(too_fine, Err(TraceError::Moment { line: 1 }));
}
