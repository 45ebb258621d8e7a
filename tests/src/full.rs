//! How large the floods of hostile input are: a hundredth of what the ledger says, unless
//! `SIDESTEP_FULL=1` asks for all of it.
//!
//! Tests of BAD rows with a flood ask [`scaled`] for its size. CI runs them small with every change; a
//! release runs them full, in release mode: `SIDESTEP_FULL=1 cargo test --release -p sidestep-tests
//! --test conformance bad_`. Nothing else depends on the variable.

/// `full` with `SIDESTEP_FULL=1`, else a hundredth of it.
pub fn scaled(full: u64) -> u64 {
    if std::env::var_os("SIDESTEP_FULL").is_some_and(|value| value == "1") {
        full
    } else {
        full / 100
    }
}
