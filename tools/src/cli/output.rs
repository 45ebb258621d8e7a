//! Lines on standard output, whose reader may go away at any time.
//!
//! `println!` panics then; these return the error, and the command ends.

use std::fmt::Display;
use std::io::{self, Write as _};

use super::Failure;

/// Prints one line, at once.
pub(super) fn line(text: impl Display) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}")
        .and_then(|()| output.flush())
        .map_err(Failure::Terminal)
}

/// A remark to the person in front of it, on standard error: never part of the result.
pub(super) fn remark(text: impl Display) {
    let _ = writeln!(io::stderr(), "sidestep: {text}");
}
