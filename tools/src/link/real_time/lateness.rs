//! How late things happened: a histogram of bounded size.
//!
//! [`join`](super::join) adds the lateness of every packet, the probe every round trip. A quantile is right to one part in a thousand, the extremes are exact.

use sidestep_stack::base::Duration;

/// Steps to each power of two.
const STEPS_BITS: u32 = 10;
const BUCKETS: usize = (65 - STEPS_BITS as usize) << STEPS_BITS;

/// See the module.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lateness {
    buckets: Vec<u64>,
    count: u64,
    least: u64,
    most: u64,
}

impl Default for Lateness {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
            count: 0,
            least: u64::MAX,
            most: 0,
        }
    }
}

impl Lateness {
    /// One more.
    pub fn add(&mut self, late: Duration) {
        let nanos = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get_mut(bucket_of(nanos)) {
            *bucket += 1;
        }
        self.count += 1;
        self.least = self.least.min(nanos);
        self.most = self.most.max(nanos);
    }

    /// How many there were.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The least of them; zero if there were none.
    pub fn least(&self) -> Duration {
        Duration::from_nanos(self.least.min(self.most))
    }

    /// The most of them.
    pub const fn most(&self) -> Duration {
        Duration::from_nanos(self.most)
    }

    /// So many thousandths of them were no later, to one part in a thousand.
    pub fn quantile(&self, thousandths: u64) -> Duration {
        let rank = (self.count * thousandths.min(1_000)).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (at, bucket) in self.buckets.iter().enumerate() {
            seen += bucket;
            if seen >= rank {
                return Duration::from_nanos(upper_end(at).clamp(self.least, self.most));
            }
        }
        self.most()
    }
}

/// Numbers below two times the steps have a bucket each; then each power of two has its steps.
const fn bucket_of(nanos: u64) -> usize {
    let steps = 1 << STEPS_BITS;
    if nanos < steps {
        return nanos as usize;
    }
    let exponent = nanos.ilog2() - STEPS_BITS;
    (((exponent as u64) << STEPS_BITS) + (nanos >> exponent)) as usize
}

/// The largest number of a bucket.
const fn upper_end(bucket: usize) -> u64 {
    let (bucket, steps) = (bucket as u64, 1_u64 << STEPS_BITS);
    if bucket < steps {
        return bucket;
    }
    let exponent = (bucket >> STEPS_BITS) - 1;
    let step = bucket & (steps - 1) | steps;
    (((step as u128 + 1) << exponent) - 1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_a_bucket_whose_end_is_near() {
        let mut numbers: Vec<u64> = (0..8_192).collect();
        numbers.extend((13..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1]));
        numbers.push(u64::MAX);
        for number in numbers {
            let bucket = bucket_of(number);
            assert!(bucket < BUCKETS, "{number}");
            let end = upper_end(bucket);
            assert!(
                end >= number && end - number <= number / 1_024,
                "{number} {end}"
            );
            assert!(bucket == 0 || upper_end(bucket - 1) < number, "{number}");
        }
    }

    #[test]
    fn quantiles_are_right_to_one_part_in_a_thousand_and_extremes_exactly() {
        let mut lateness = Lateness::default();
        for micros in 1..=1_000 {
            lateness.add(Duration::from_micros(micros));
        }
        for (thousandths, micros) in [(500, 500), (900, 900), (990, 990), (1, 1)] {
            let found = lateness.quantile(thousandths).as_nanos() as u64;
            let wanted = micros * 1_000;
            assert!(
                found >= wanted && found - wanted <= wanted / 1_024,
                "{thousandths}"
            );
        }
        assert_eq!(lateness.least(), Duration::from_micros(1));
        assert_eq!(lateness.most(), Duration::from_millis(1));
        assert_eq!(lateness.quantile(1_000), Duration::from_millis(1));
        assert_eq!(lateness.count(), 1_000);
    }

    #[test]
    fn nothing_was_late_where_there_was_nothing() {
        let lateness = Lateness::default();
        assert_eq!(lateness.quantile(500), Duration::ZERO);
        assert_eq!((lateness.least(), lateness.most()), Default::default());
    }
}
