//! The `sidestep` crate.
pub mod device;
