//! The last stage: every packet takes a time, and some take more.
//!
//! [`Link`](super::Link) asks it when a packet arrives that enters now. The jitter's distributions are
//! computed with integers only (sums, an integer logarithm, an integer cube root), so they repeat on
//! any machine; no moment is before the one at which the packet entered.

use sidestep_stack::base::{Duration, Instant};

use super::chance::{Chance, Stage};
use super::recipe::{Distribution, Order, Recipe};

/// One jitter, in the fixed-point numbers of this file.
const ONE: i128 = 1 << 32;

/// No packet is later than this many jitters: the tails of some distributions have no end.
const JITTERS_MAX: i128 = 100;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Delay {
    random: Chance,
    /// When the last packet arrives, if order is kept.
    last: Instant,
}

impl Delay {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Chance::new(seed, Stage::Delay),
            last: Instant::ZERO,
        }
    }

    /// When a packet that enters now arrives.
    pub(super) fn packet_arrives(&mut self, now: Instant, recipe: &Recipe) -> Instant {
        let mut at = now + recipe.delay;
        if !recipe.jitter.is_zero() {
            let jitters = self.draw(recipe.distribution).min(JITTERS_MAX * ONE);
            let nanos = recipe.jitter.as_nanos() as i128 * jitters / ONE;
            let delay = (recipe.delay.as_nanos() as i128 + nanos).max(0);
            at = now + Duration::from_nanos(u64::try_from(delay).unwrap_or(u64::MAX));
        }
        if recipe.order == Order::Keep {
            at = at.max(self.last);
            self.last = at;
        }
        at
    }

    /// How many jitters a packet is later than the delay, as a multiple of [`ONE`].
    fn draw(&mut self, distribution: Distribution) -> i128 {
        match distribution {
            Distribution::Uniform => i128::from(self.random.below(2 * ONE as u64 + 1)) - ONE,
            Distribution::Normal => self.normal(),
            Distribution::Exponential => self.exponential(),
            Distribution::Pareto => self.pareto(),
        }
    }

    /// The sum of twelve even chances has the variance one, and is as good as normal to three
    /// standard deviations; it ends at six.
    fn normal(&mut self) -> i128 {
        let sum: i128 = (0..6)
            .map(|_| self.random.bits())
            .map(|bits| i128::from(bits >> 32) + i128::from(bits & 0xffff_ffff))
            .sum();
        sum - 6 * ONE
    }

    /// -ln(u), by squaring: each square that reaches two gives one binary digit of the logarithm.
    fn exponential(&mut self) -> i128 {
        /// ln 2 as a multiple of [`ONE`].
        const LN_2: i128 = 2_977_044_472;
        let drawn = self.random.bits() | 1;
        let whole = drawn.leading_zeros();
        let mut mantissa = drawn << whole;
        let mut fraction = 0_i128;
        for _ in 0..32 {
            fraction <<= 1;
            let square = u128::from(mantissa) * u128::from(mantissa);
            if square >> 127 == 1 {
                fraction |= 1;
                mantissa = (square >> 64) as u64;
            } else {
                mantissa = (square >> 63) as u64;
            }
        }
        // u = mantissa / 2^64 = 2^(fraction - whole - 1).
        (ONE * (i128::from(whole) + 1) - fraction) * LN_2 / ONE
    }

    /// Pareto of the second type (Lomax) with the shape three: `2 (u^(-1/3) - 1)`, whose mean is one.
    fn pareto(&mut self) -> i128 {
        let drawn = u128::from((self.random.bits() >> 1).max(1));
        // The cube root of 2^126 / drawn is u^(-1/3) in units of 2^-21.
        let root = cube_root((1 << 126) / drawn);
        (i128::from(root) << 12) - 2 * ONE
    }
}

/// The largest integer whose cube is no more than `of`, which is at most 2^126.
fn cube_root(of: u128) -> u64 {
    let mut root = 0_u64;
    for bit in (0..=42).rev() {
        let more = root | 1 << bit;
        let cube = u128::from(more) * u128::from(more) * u128::from(more);
        if cube <= of {
            root = more;
        }
    }
    root
}
