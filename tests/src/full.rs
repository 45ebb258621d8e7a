//! How large the hostile inputs of the tests are: less than the ledger says with every change, all of it
//! with `SIDESTEP_FULL=1`.
//!
//! Tests of BAD rows ask [`scaled`] or [`sized`]. CI runs them small; a release runs them full, in release
//! mode: `SIDESTEP_FULL=1 cargo test --release -p sidestep-tests --test conformance bad_`. Nothing else
//! depends on the variable.

/// `full` with `SIDESTEP_FULL=1`, else a hundredth of it.
pub fn scaled(full: u64) -> u64 {
    sized(full / 100, full)
}

/// `full` with `SIDESTEP_FULL=1`, else `small`.
pub fn sized(small: u64, full: u64) -> u64 {
    if std::env::var_os("SIDESTEP_FULL").is_some_and(|value| value == "1") {
        full
    } else {
        small
    }
}
