//! F14: the arithmetic of RTO and of the congestion window (RFC 6298, RFC 5681, RFC 3465, RFC 6928).
//!
//! Each step of [`Arithmetic`] is compared with the RFC's own formula in wide integers, taken from the
//! values before it, and with the bounds that hold whatever the samples are.

use sidestep_stack::tcp::arithmetic::{Arithmetic, Step, Values};
use sidestep_stack::{Config, Duration};

use crate::fuzz::outcome::{Outcome, Promise};
use crate::fuzz::record::{Input, Record};

/// What division may lose, in nanoseconds.
const ROUNDING_NS: u128 = 4;
/// The largest window that there can be (RFC 7323 §2.3).
const CWND_OCTETS_MAX: u32 = 1 << 30;

/// See the module.
pub(crate) fn run(input: Input<'_>, outcome: &mut Outcome) {
    let head = input.head();
    let config = Config {
        rto_min_ms: 1 + u64::from(head.half(1)) % 60_000,
        initial_window_segments: 1 + u64::from(head.byte(3)) % 64,
        slow_start_segments_max: 2,
        ..Config::default()
    };
    let mut arithmetic = Arithmetic::new(&config);
    let mut smss = 64 + u32::from(head.half(4)) % 65_000;
    let established = Step::Established {
        smss,
        is_lossy: head.bit(6, 0),
    };
    arithmetic.step(established);
    for record in input.records() {
        let before = arithmetic.values();
        let step = step_of(&record, &before, &mut smss);
        arithmetic.step(step);
        let after = arithmetic.values();
        match step {
            Step::RoundTrip(r) => round_trip(&config, &before, &after, r, outcome),
            Step::Expired { .. } => expired(&config, &before, &after, smss, outcome),
            _ => window(&step, &before, &after, smss, outcome),
        }
        always(&config, &after, smss, outcome);
        outcome.digest(format!("{after:?}").as_bytes());
        outcome.reached.guide(
            28,
            after.cwnd_octets.ilog2() << 5 | after.ssthresh_octets.ilog2(),
        );
        outcome.reached.guide(
            29,
            (after.rto.as_millis() as u32).checked_ilog2().unwrap_or(0),
        );
        if outcome.is_broken() {
            return;
        }
    }
}

fn step_of(record: &Record, before: &Values, smss: &mut u32) -> Step {
    let flight = record.word(4) & 0x3fff_ffff;
    match record.byte(0) % 12 {
        0..=2 => Step::RoundTrip(match record.byte(1) % 4 {
            0 => Duration::from_nanos(u64::from(record.word(4))),
            1 => Duration::from_micros(u64::from(record.word(4))),
            2 => Duration::from_millis(u64::from(record.half(4))),
            _ => Duration::from_millis(u64::from(record.word(4))),
        }),
        3 => Step::Expired {
            flight_octets: flight,
            is_first: record.bit(1, 0),
        },
        4..=7 => {
            let acked = match record.byte(1) % 4 {
                0 => *smss,
                1 => *smss * (u32::from(record.byte(2)) % 64),
                2 => flight,
                _ => before.cwnd_octets,
            };
            Step::Acked {
                octets: acked.min(1 << 30),
                smss: *smss,
                is_cwnd_limited: !record.bit(1, 7),
            }
        }
        8 => Step::Lost {
            flight_octets: flight,
        },
        9 => Step::Recovered,
        10 => Step::Idle,
        _ => {
            *smss = 64 + u32::from(record.half(4)) % 65_000;
            Step::SmssChanged(*smss)
        }
    }
}

/// RFC 6298 §2.2, §2.3 and our rule for a least RTO below a second.
fn round_trip(
    config: &Config,
    before: &Values,
    after: &Values,
    r: Duration,
    outcome: &mut Outcome,
) {
    let r = r.as_nanos();
    let (srtt, rttvar) = match (before.srtt, before.rttvar) {
        (Some(srtt), Some(rttvar)) => {
            let (srtt, rttvar) = (srtt.as_nanos(), rttvar.as_nanos());
            ((7 * srtt + r) / 8, (3 * rttvar + srtt.abs_diff(r)) / 4)
        }
        _ => (r, r / 2),
    };
    let near = |value: Option<Duration>, expected: u128| {
        value.is_some_and(|value| value.as_nanos().abs_diff(expected) <= ROUNDING_NS)
    };
    outcome.require(
        near(after.srtt, srtt) && near(after.rttvar, rttvar),
        Promise::AsModel,
        || format!("{before:?}, a round trip of {r} ns: {after:?}, not {srtt} and {rttvar}"),
    );
    let least = u128::from(config.rto_min_ms) * 1_000_000;
    let most = u128::from(config.rto_max_ms) * 1_000_000;
    // §2.4 rounds up to one second; a shorter least one of ours comes on top of the round trip.
    let rto = if least < 1_000_000_000 {
        srtt + least.max(4 * rttvar)
    } else {
        least.max(srtt + 4 * rttvar)
    };
    let rto = rto.min(most);
    let near = after.rto.as_nanos().abs_diff(rto) <= 8 * ROUNDING_NS;
    outcome.require(near, Promise::AsModel, || {
        format!("RTO is {:?}, not {rto} ns", after.rto)
    });
}

/// RFC 6298 §5.5 and RFC 5681 §3.1.
fn expired(config: &Config, before: &Values, after: &Values, smss: u32, outcome: &mut Outcome) {
    let most = Duration::from_millis(config.rto_max_ms);
    let doubled = after.rto == (before.rto * 2).min(most) || after.rto == before.rto;
    let grows = after.rto >= before.rto;
    outcome.require(
        doubled && grows && after.cwnd_octets == smss,
        Promise::AsModel,
        || format!("expired: {before:?} became {after:?} with SMSS {smss}"),
    );
}

fn window(step: &Step, before: &Values, after: &Values, smss: u32, outcome: &mut Outcome) {
    let (cwnd, ssthresh) = (before.cwnd_octets, before.ssthresh_octets);
    let right = match *step {
        Step::Acked {
            octets,
            is_cwnd_limited,
            ..
        } => {
            let grown = after.cwnd_octets.wrapping_sub(cwnd);
            let most = match (is_cwnd_limited, cwnd < ssthresh) {
                (false, _) => 0,
                (true, true) => octets.min(2 * smss),
                (true, false) => smss,
            };
            grown <= most && after.ssthresh_octets == ssthresh
        }
        Step::Lost { flight_octets } => {
            let half = (flight_octets / 2).max(2 * smss);
            after.ssthresh_octets == half && after.cwnd_octets == half
        }
        Step::Recovered => after.cwnd_octets == ssthresh,
        Step::Idle => after.cwnd_octets <= cwnd,
        Step::SmssChanged(smss) => after.cwnd_octets == cwnd.max(smss),
        Step::Established { .. } | Step::RoundTrip(_) | Step::Expired { .. } => true,
    };
    outcome.require(right, Promise::AsModel, || {
        format!("{step:?} with SMSS {smss}: {before:?} became {after:?}")
    });
}

fn always(config: &Config, after: &Values, smss: u32, outcome: &mut Outcome) {
    let rto = after.rto;
    let in_range = rto >= Duration::from_millis(config.rto_min_ms.min(config.rto_initial_ms))
        && rto <= Duration::from_millis(config.rto_max_ms);
    let ceiling = CWND_OCTETS_MAX.max(smss);
    let bounded = after.cwnd_octets > 0 && after.cwnd_octets <= ceiling;
    outcome.require(in_range && bounded, Promise::AsModel, || {
        format!("out of range: {after:?}")
    });
}
