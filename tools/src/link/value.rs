//! The values of a recipe: shares, times and lists of packets, read and written.
//!
//! The keys of [`recipe`](super::recipe) call these. Each reads exactly what it writes, and a text
//! that it cannot read is a [`ValueError`] that says what would be right; nothing rounds silently.

use std::fmt;

use sidestep_stack::base::Duration;
use thiserror::Error;

use super::trace::TraceError;

mod amount;
#[cfg(test)]
mod tests;

pub use amount::{Limit, Rate, read_octets};

/// Why the value of a key makes no sense.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ValueError {
    /// It is not of the form that the key has.
    #[error("wanted {wanted}")]
    Form {
        /// What would be right, with an example.
        wanted: &'static str,
    },
    /// It is of the form, but too small or too large.
    #[error("is outside {range}")]
    Range {
        /// What would be right.
        range: &'static str,
    },
    /// The trace cannot be used.
    #[error("trace: {0}")]
    Trace(#[from] TraceError),
}

const fn form(wanted: &'static str) -> ValueError {
    ValueError::Form { wanted }
}

/// How many of all: from none to all, in billionths.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Share(u32);

impl Share {
    /// Billionths of all.
    pub const WHOLE: u32 = 1_000_000_000;
    /// None.
    pub const NONE: Self = Self(0);
    /// All.
    pub const ALL: Self = Self(Self::WHOLE);

    /// So many billionths; `None` above all.
    pub const fn from_billionths(billionths: u32) -> Option<Self> {
        if billionths <= Self::WHOLE {
            Some(Self(billionths))
        } else {
            None
        }
    }

    /// So many thousandths; more than all is all.
    pub const fn from_thousandths(thousandths: u32) -> Self {
        let billionths = thousandths.saturating_mul(Self::WHOLE / 1_000);
        if billionths > Self::WHOLE {
            Self::ALL
        } else {
            Self(billionths)
        }
    }

    /// In billionths.
    pub const fn billionths(self) -> u32 {
        self.0
    }

    /// True if it never happens.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(super) fn read(text: &str) -> Result<Self, ValueError> {
        const WANTED: &str = "a share in percent such as 1% or 0.05%";
        let number = text.strip_suffix('%').ok_or(form(WANTED))?;
        let billionths = decimal(number, 7).ok_or(form(WANTED))?;
        u32::try_from(billionths)
            .ok()
            .and_then(Self::from_billionths)
            .ok_or(ValueError::Range {
                range: "0% to 100%",
            })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", show_decimal(u64::from(self.0), 7))
    }
}

/// `text` times 10^`places`, if it is a decimal number with no more places than that.
pub(super) fn decimal(text: &str, places: usize) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    let is_number = digits(whole) && digits(part) && !whole.is_empty();
    if !is_number || part.len() > places || (text.contains('.') && part.is_empty()) {
        return None;
    }
    let scale = 10_u64.checked_pow(u32::try_from(places).ok()?)?;
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = format!("{part:0<places$}").parse().unwrap_or(0);
    whole.checked_mul(scale)?.checked_add(part)
}

/// `value` / 10^`places` with no more places than it needs.
pub(super) fn show_decimal(value: u64, places: usize) -> String {
    let scale = 10_u64.pow(places as u32);
    let mut text = format!("{}.{:0places$}", value / scale, value % scale);
    text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    text
}

/// The longest time in a recipe.
const TIME_MAX: Duration = Duration::from_secs(1_000);

/// A time of up to a thousand seconds.
pub(super) fn read_time(text: &str) -> Result<Duration, ValueError> {
    const WANTED: &str = "a time such as 20ms, 1.5s, 250us or 100ns";
    let units = [("ns", 0), ("us", 3), ("ms", 6), ("s", 9)];
    let (number, places) = units
        .iter()
        .find_map(|(unit, places)| Some((text.strip_suffix(unit)?, *places)))
        .ok_or(form(WANTED))?;
    let nanos = decimal(number, places).ok_or(form(WANTED))?;
    let time = Duration::from_nanos(nanos);
    if time > TIME_MAX {
        return Err(ValueError::Range {
            range: "0s to 1000s",
        });
    }
    Ok(time)
}

/// In the largest unit that needs no more than three places.
pub(super) fn show_time(time: Duration) -> String {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let (unit, places) = match nanos {
        0 => ("ms", 6),
        _ if nanos % 1_000_000 == 0 && nanos >= 1_000_000_000 => ("s", 9),
        _ if nanos % 1_000 == 0 && nanos >= 1_000_000 => ("ms", 6),
        _ if nanos >= 1_000 => ("us", 3),
        _ => ("ns", 0),
    };
    format!("{}{unit}", show_decimal(nanos, places))
}

/// A whole number from `least` to `most`.
pub(super) fn read_number(
    text: &str,
    least: u64,
    most: u64,
    range: &'static str,
) -> Result<u64, ValueError> {
    let number = decimal(text, 0).ok_or(form("a whole number"))?;
    if number < least || number > most {
        return Err(ValueError::Range { range });
    }
    Ok(number)
}

/// A list of packets by their numbers; the first packet that is handed in has the number 1.
///
/// Written as `2+5-7+20-`: the second, the fifth to the seventh, and all from the twentieth on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PacketRanges(Vec<(u64, u64)>);

/// A list is no longer than this.
const RANGES_MAX: usize = 1_000;

impl PacketRanges {
    /// From these ranges, each with its first and its last packet; `None` if they are not in
    /// ascending order, overlap, are empty, begin before 1, or are more than a thousand.
    pub fn new(ranges: Vec<(u64, u64)>) -> Option<Self> {
        let mut end = 0;
        for (first, last) in &ranges {
            if *first <= end || last < first {
                return None;
            }
            end = *last;
        }
        (ranges.len() <= RANGES_MAX).then_some(Self(ranges))
    }

    /// True if packet `number` is in the list.
    pub fn contains(&self, number: u64) -> bool {
        let next = self.0.partition_point(|(_, last)| *last < number);
        self.0.get(next).is_some_and(|(first, _)| *first <= number)
    }

    /// True if no packet is in the list.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn read(text: &str) -> Result<Self, ValueError> {
        const WANTED: &str = "packets in ascending order such as 2+5-7+20- (the first is 1)";
        let number = |text: &str| decimal(text, 0).ok_or(form(WANTED));
        let range = |text: &str| match text.split_once('-') {
            None => number(text).map(|only| (only, only)),
            Some((first, "")) => Ok((number(first)?, u64::MAX)),
            Some((first, last)) => Ok((number(first)?, number(last)?)),
        };
        let ranges: Result<Vec<_>, _> = text.split('+').map(range).collect();
        Self::new(ranges?).ok_or(form(WANTED))
    }
}

impl fmt::Display for PacketRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "+" };
            write!(f, "{separator}{first}")?;
            match *last {
                u64::MAX => write!(f, "-")?,
                last if last == *first => {}
                last => write!(f, "-{last}")?,
            }
        }
        Ok(())
    }
}
