//! F11: the set of ranges against a set of every octet.
//!
//! Reassembly in IP and TCP and the SACK scoreboard all stand on it. Every answer of [`Ranges`] is
//! compared with that of a naive array after every step.

use sidestep_stack::base::ranges::Ranges;

use crate::fuzz::outcome::{Outcome, Promise};
use crate::fuzz::record::Input;

/// Offsets are below it.
const SIZE: usize = 512;

/// See the module.
pub(crate) fn run(input: Input<'_>, outcome: &mut Outcome) {
    let base = match input.head().byte(1) % 3 {
        0 => 0,
        1 => u64::from(u32::MAX) - 100,
        _ => u64::MAX - 2 * SIZE as u64,
    };
    let mut ranges = Ranges::new();
    let mut naive = [false; SIZE];
    for record in input.records() {
        let (a, b) = (
            usize::from(record.half(2)) % SIZE,
            usize::from(record.half(4)) % SIZE,
        );
        let (start, end) = (a.min(b), a.max(b));
        let range = base + start as u64..base + end as u64;
        let ranges_max = 1 + usize::from(record.byte(1)) % 40;
        let before = naive;
        match record.byte(0) % 8 {
            0..=3 => {
                let expected = (start..end).filter(|at| !naive[*at]).count() as u64;
                naive[start..end].fill(true);
                let refused =
                    count_runs(&naive) > count_runs(&before) && count_runs(&before) >= ranges_max;
                match ranges.insert(range, ranges_max) {
                    Ok(new) => check(outcome, "insert", !refused && new == expected),
                    Err(_) => {
                        naive = before;
                        check(outcome, "insert", refused);
                    }
                }
            }
            4 => {
                naive[..end].fill(false);
                let gone = count(&before[..end]);
                check(
                    outcome,
                    "remove_below",
                    ranges.remove_below(base + end as u64) == gone,
                );
            }
            5 => {
                naive[start..].fill(false);
                let gone = count(&before[start..]);
                check(
                    outcome,
                    "remove_from",
                    ranges.remove_from(base + start as u64) == gone,
                );
            }
            6 => {
                ranges.clear();
                naive.fill(false);
            }
            _ => {}
        }
        compare(&ranges, &naive, base, start..end, outcome);
        outcome.digest(&ranges.octets().to_le_bytes());
        outcome.reached.guide(
            20,
            (ranges.len() as u32) << 3 | u32::from(record.byte(0) % 8),
        );
        if outcome.is_broken() {
            return;
        }
    }
}

fn compare(
    ranges: &Ranges,
    naive: &[bool; SIZE],
    base: u64,
    within: std::ops::Range<usize>,
    outcome: &mut Outcome,
) {
    let mut listed = [false; SIZE];
    let mut last_end = None;
    for range in ranges.iter() {
        let apart = last_end.is_none_or(|end| range.start > end) && range.start < range.end;
        check(outcome, "order", apart);
        last_end = Some(range.end);
        let from = (range.start - base) as usize;
        listed[from..(range.end - base) as usize].fill(true);
    }
    check(outcome, "octets listed", listed == *naive);
    check(outcome, "octets", ranges.octets() == count(naive));
    check(outcome, "len", ranges.len() == count_runs(naive));
    check(
        outcome,
        "is_empty",
        ranges.is_empty() == (count(naive) == 0),
    );
    let span = base + within.start as u64..base + within.end as u64;
    let inside = count(&naive[within.clone()]);
    check(
        outcome,
        "octets_within",
        ranges.octets_within(span.clone()) == inside,
    );
    let all = inside == within.len() as u64;
    check(
        outcome,
        "contains_all",
        ranges.contains_all(span.clone()) == all,
    );
    check(
        outcome,
        "contains",
        ranges.contains(span.start) == naive[within.start],
    );
    let missing: u64 = ranges.gaps(span).map(|gap| gap.end - gap.start).sum();
    check(outcome, "gaps", missing == within.len() as u64 - inside);
}

fn check(outcome: &mut Outcome, what: &str, holds: bool) {
    outcome.require(holds, Promise::AsModel, || {
        format!("{what} differs from the naive set")
    });
}

fn count(naive: &[bool]) -> u64 {
    naive.iter().filter(|is_in| **is_in).count() as u64
}

fn count_runs(naive: &[bool]) -> usize {
    let first = usize::from(naive.first().copied().unwrap_or(false));
    first + naive.windows(2).filter(|pair| !pair[0] && pair[1]).count()
}
