//! Exact fractions: the numbers of `%{ }%`.
//!
//! Used by the evaluator only. A fraction is always in its lowest terms with a positive denominator,
//! so equal numbers are equal values; no operation rounds or wraps.

use core::cmp::Ordering;
use core::fmt;

/// A fraction of two 128-bit numbers.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Number {
    numerator: i128,
    /// At least 1.
    denominator: i128,
}

impl Number {
    /// A whole number.
    pub const fn whole(value: i64) -> Self {
        Self {
            numerator: value as i128,
            denominator: 1,
        }
    }

    /// A fraction; `None` if the denominator is 0 or the number too large.
    pub fn fraction(numerator: i128, denominator: i128) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        let divisor = greatest_common_divisor(numerator.unsigned_abs(), denominator.unsigned_abs());
        let divisor = i128::try_from(divisor).ok()?;
        let (numerator, denominator) = (numerator / divisor, denominator / divisor);
        if denominator < 0 {
            return Some(Self {
                numerator: numerator.checked_neg()?,
                denominator: denominator.checked_neg()?,
            });
        }
        Some(Self {
            numerator,
            denominator,
        })
    }

    /// Reads `12`, `0x1f`, `1.5`, `.5`, `2e6`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            return Self::fraction(i128::from_str_radix(hex, 16).ok()?, 1);
        }
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && part.is_empty() {
            return None;
        }
        let digits = format!("{whole}{part}").parse::<i128>().ok()?;
        let shift = exponent.checked_sub(i32::try_from(part.len()).ok()?)?;
        let power = 10_i128.checked_pow(shift.unsigned_abs())?;
        if shift < 0 {
            Self::fraction(digits, power)
        } else {
            Self::fraction(digits.checked_mul(power)?, 1)
        }
    }

    /// True for 0.
    pub const fn is_zero(self) -> bool {
        self.numerator == 0
    }

    /// The whole number, if it is one.
    pub const fn as_whole(self) -> Option<i128> {
        if self.denominator == 1 {
            Some(self.numerator)
        } else {
            None
        }
    }

    pub(super) fn negative(self) -> Option<Self> {
        Self::fraction(self.numerator.checked_neg()?, self.denominator)
    }

    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let left = self.numerator.checked_mul(other.denominator)?;
        let right = other.numerator.checked_mul(self.denominator)?;
        Self::fraction(
            left.checked_add(right)?,
            self.denominator.checked_mul(other.denominator)?,
        )
    }

    pub(super) fn times(self, other: Self) -> Option<Self> {
        Self::fraction(
            self.numerator.checked_mul(other.numerator)?,
            self.denominator.checked_mul(other.denominator)?,
        )
    }

    /// `None` for a division by zero, too.
    pub(super) fn divided_by(self, other: Self) -> Option<Self> {
        Self::fraction(
            self.numerator.checked_mul(other.denominator)?,
            self.denominator.checked_mul(other.numerator)?,
        )
    }

    /// The largest whole number that is not greater.
    pub(super) const fn floor(self) -> Self {
        Self {
            numerator: self.numerator.div_euclid(self.denominator),
            denominator: 1,
        }
    }

    /// The whole number that is next to it on the side of 0.
    pub(super) const fn truncated(self) -> Self {
        Self {
            numerator: self.numerator / self.denominator,
            denominator: 1,
        }
    }

    /// `None` if the numbers are too large to be compared.
    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        let left = self.numerator.checked_mul(other.denominator)?;
        let right = other.numerator.checked_mul(self.denominator)?;
        Some(left.cmp(&right))
    }
}

fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

impl fmt::Display for Number {
    /// A whole number, a decimal one where that is exact and short, else a fraction.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.denominator == 1 {
            return write!(formatter, "{}", self.numerator);
        }
        let mut power = 1_i128;
        for digits in 1..=9_usize {
            power *= 10;
            if power % self.denominator != 0 {
                continue;
            }
            let Some(scaled) = self.numerator.checked_mul(power / self.denominator) else {
                break;
            };
            let sign = if scaled < 0 { "-" } else { "" };
            let scaled = scaled.unsigned_abs();
            let power = power.unsigned_abs();
            return write!(
                formatter,
                "{sign}{}.{:0digits$}",
                scaled / power,
                scaled % power
            );
        }
        write!(formatter, "{}/{}", self.numerator, self.denominator)
    }
}
