//! The words of the promises: what a result has to be, and how it is said if it is not.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use super::report::Breach;
use crate::error::{Errno, NetError, OpError};

/// The result of a step of a promise.
pub(super) type Step<T = ()> = Result<T, Breach>;

/// The promise is broken: `expected` is not what was `seen`.
pub(super) fn breach<T>(expected: impl Into<String>, seen: impl Into<String>) -> Step<T> {
    Err(Breach {
        expected: expected.into(),
        seen: seen.into(),
    })
}

/// `what` has to succeed.
pub(super) fn works<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) -> Step<T> {
    result.map_err(|error| Breach {
        expected: format!("{what} to succeed"),
        seen: error.to_string(),
    })
}

/// `what` has to hold.
pub(super) fn holds(what: &str, seen: bool) -> Step {
    if seen {
        return Ok(());
    }
    breach(what, "the opposite")
}

/// `what` has to be `expected`.
pub(super) fn equal<T: PartialEq + Debug>(what: &str, seen: &T, expected: &T) -> Step {
    if seen == expected {
        return Ok(());
    }
    breach(format!("{what} to be {expected:?}"), format!("{seen:?}"))
}

/// `what` has to fail, and what with is returned.
pub(super) fn fails<T: Debug>(what: &str, how: &str, result: Result<T, OpError>) -> Step<OpError> {
    match result {
        Ok(value) => breach(format!("{what} to fail with {how}"), format!("{value:?}")),
        Err(error) => Ok(error),
    }
}

/// `what` has to fail because its deadline has passed: also for whoever sees it as `io::Error`.
pub(super) fn timed_out<T: Debug>(what: &str, result: Result<T, OpError>) -> Step<OpError> {
    let error = fails(what, "a timeout", result)?;
    let as_io = std::io::Error::from(error.clone()).kind();
    if error.timeout() && !error.is_closed() && as_io == std::io::ErrorKind::TimedOut {
        return Ok(error);
    }
    breach(
        format!("{what} to fail with a timeout"),
        format!("{error} ({as_io:?})"),
    )
}

/// `what` has to fail because the connection was closed here.
pub(super) fn closed<T: Debug>(what: &str, result: Result<T, OpError>) -> Step<OpError> {
    let error = fails(what, "closed", result)?;
    if error.is_closed() && !error.timeout() {
        return Ok(error);
    }
    breach(format!("{what} to fail with closed"), error.to_string())
}

/// `what` has to fail with this number.
pub(super) fn errno<T: Debug>(
    what: &str,
    expected: Errno,
    result: Result<T, OpError>,
) -> Step<OpError> {
    let error = fails(what, &format!("{expected:?}"), result)?;
    if error.errno() == Some(expected) {
        return Ok(error);
    }
    breach(
        format!("{what} to fail with {expected:?}"),
        error.to_string(),
    )
}

/// `what` took from `began` on: not less than `least`, and not more than `late` longer.
pub(super) fn took(what: &str, began: Instant, least: Duration, late: Duration) -> Step {
    let time = began.elapsed();
    if time < least {
        return breach(
            format!("{what} not before {least:?}"),
            format!("it came after {time:?}"),
        );
    }
    if time > least + late {
        return breach(
            format!("{what} after {least:?}, or at most {late:?} later"),
            format!("it came after {time:?}"),
        );
    }
    Ok(())
}

/// Octets that differ from one place to the next, so that a loss or a swap shows.
pub(super) fn pattern(octets: usize, seed: u8) -> Vec<u8> {
    let mut state = u32::from(seed).wrapping_mul(0x9e37_79b9) | 1;
    (0..octets)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 24) as u8
        })
        .collect()
}

/// `seen` has to be the octets `expected`; says where they begin to differ.
pub(super) fn same_octets(what: &str, seen: &[u8], expected: &[u8]) -> Step {
    if let Some(at) = seen.iter().zip(expected).position(|(a, b)| a != b) {
        return breach(
            format!("{what} to arrive as it was written"),
            format!("octet {at} differs"),
        );
    }
    if seen.len() != expected.len() {
        return breach(
            format!("{what} to be {} octets", expected.len()),
            format!("{} octets", seen.len()),
        );
    }
    Ok(())
}
