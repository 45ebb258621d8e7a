//! A rate that follows a trace: the moments at which an MTU's worth of octets may leave.
//!
//! The format is mahimahi's: a line for each opportunity, with its moment in whole milliseconds (a
//! fraction is allowed here), in ascending order; several lines with one moment are several
//! opportunities, and after the last one the trace begins again. The key `trace` reads it, the
//! bottleneck asks for the next opportunity.

use std::fmt;
use std::fs;
use std::io;
use std::sync::Arc;

use sidestep_stack::base::Instant;
use thiserror::Error;

use super::value::decimal;

#[cfg(test)]
mod tests;

/// Octets that may leave at one opportunity.
pub const OPPORTUNITY_OCTETS: usize = 1_500;

/// A trace has no more opportunities than this.
const OPPORTUNITIES_MAX: usize = 10_000_000;

/// A file of a trace is no larger than this.
const FILE_OCTETS_MAX: u64 = 256 << 20;

/// Moments at which [`OPPORTUNITY_OCTETS`] may leave; repeats after the last one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trace {
    /// Where it was read, or empty.
    file: String,
    /// In nanoseconds; ascending, not empty, and the last is above zero.
    moments: Arc<[u64]>,
}

/// Why a trace cannot be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum TraceError {
    /// The file cannot be read.
    #[error("{kind}")]
    File {
        /// Why not.
        kind: io::ErrorKind,
    },
    /// A line, or a part between two `+`, is no moment in milliseconds.
    #[error("line {line} is no number of milliseconds")]
    Moment {
        /// Which one; the first is 1.
        line: usize,
    },
    /// A moment is before the one above it.
    #[error("line {line} goes back in time")]
    Backwards {
        /// Which one; the first is 1.
        line: usize,
    },
    /// Nothing may ever leave, or all at once: the last moment is the trace's period.
    #[error("the last moment must be above zero")]
    NoPeriod,
    /// It has too many opportunities, or is too large a file.
    #[error("more than 10,000,000 moments, or 256 MiB")]
    TooLong,
}

impl Trace {
    /// A trace from its lines.
    ///
    /// # Errors
    ///
    /// See [`TraceError`].
    pub fn from_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Self, TraceError> {
        let mut moments = Vec::new();
        for (at, text) in lines.enumerate() {
            let line = at + 1;
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            let moment = decimal(text, 6).ok_or(TraceError::Moment { line })?;
            if moments.last().is_some_and(|before| moment < *before) {
                return Err(TraceError::Backwards { line });
            }
            if moments.len() == OPPORTUNITIES_MAX {
                return Err(TraceError::TooLong);
            }
            moments.push(moment);
        }
        if moments.last().is_none_or(|last| *last == 0) {
            return Err(TraceError::NoPeriod);
        }
        Ok(Self {
            file: String::new(),
            moments: moments.into(),
        })
    }

    /// A trace from a file.
    ///
    /// # Errors
    ///
    /// See [`TraceError`].
    pub fn read_file(file: &str) -> Result<Self, TraceError> {
        let failed = |error: io::Error| TraceError::File { kind: error.kind() };
        if fs::metadata(file).map_err(failed)?.len() > FILE_OCTETS_MAX {
            return Err(TraceError::TooLong);
        }
        let text = fs::read_to_string(file).map_err(failed)?;
        let mut trace = Self::from_lines(text.lines())?;
        file.clone_into(&mut trace.file);
        Ok(trace)
    }

    /// As a recipe writes it: `@FILE`, or the moments with `+` between.
    pub(super) fn read(text: &str) -> Result<Self, TraceError> {
        match text.strip_prefix('@') {
            Some(file) => Self::read_file(file),
            None => Self::from_lines(text.split('+')),
        }
    }

    /// Opportunity `number`, counted from 0 through all rounds.
    pub(super) fn moment(&self, number: u64) -> Instant {
        let count = self.moments.len() as u64;
        let within = self.moments.get((number % count) as usize);
        let rounds = (number / count).saturating_mul(self.period());
        Instant::from_nanos(rounds.saturating_add(within.copied().unwrap_or(0)))
    }

    /// The first opportunity at `now` or later.
    pub(super) fn first_from(&self, now: Instant) -> u64 {
        let count = self.moments.len() as u64;
        // The last moment of a round is that of the next one's beginning: look one round back.
        let round = (now.as_nanos() / self.period()).saturating_sub(1);
        let first = round * count;
        let later = |number: &u64| self.moment(*number) >= now;
        let (mut low, mut high) = (first, first + 2 * count);
        while low < high {
            let middle = low + (high - low) / 2;
            if later(&middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    fn period(&self) -> u64 {
        self.moments.last().copied().unwrap_or(1).max(1)
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            return write!(f, "@{}", self.file);
        }
        for (at, moment) in self.moments.iter().enumerate() {
            let separator = if at == 0 { "" } else { "+" };
            write!(f, "{separator}{}", super::value::show_decimal(*moment, 6))?;
        }
        Ok(())
    }
}
