//! SYN cookies (RFC 4987 §3.6): a SYN-ACK whose number holds what the SYN said, so that nothing is kept.
//!
//! `opening.rs` answers a SYN with one when the SYN queue is full, and asks here what an ACK that no
//! connection knows brings back. The number holds the class of the MSS, and a code under a secret key to
//! which IRS is added; window scale, SACK and ECN ride in the low bits of our timestamp, which the peer
//! echoes. Nothing is sent here, and no state grows with the number of cookies.
//!
//! Without the code the number tells IRS, and so how far behind it a segment stands: one that is not
//! the first, but lies within the window of our SYN-ACK, follows one that was lost. It is dropped, and
//! not answered by a reset, so that the text comes again in its order. A sum and no second code, for no
//! later segment may pass for the first by chance: its text would stand where the lost one's belongs.

use core::hash::{Hash, Hasher};
use core::net::IpAddr;

use siphasher::sip::SipHasher24;

use super::ecn::Standing;
use super::negotiate::{Agreed, Shifts, default_mss};
use super::timestamps::is_earlier;
use crate::base::{Duration, Instant, Random, SeqNumber};
use crate::socket::FourTuple;

/// MSS classes: what the peer advertised is rounded down to one of them. The first one stands for
/// whatever is below, and counts as the least that a peer can bring about.
const MSS_CLASSES: [u16; 8] = [64, 256, 536, 1_220, 1_360, 1_440, 1_460, 8_940];

const MSS_BITS: u32 = 3;
/// What is left for the code.
const CODE_MASK: u32 = u32::MAX >> MSS_BITS;
/// Text that the peer may send behind a SYN-ACK with a cookie: the most that its window can say.
const EARLY_OCTETS: u32 = 65_535;

/// The low bits of the timestamp that hold options.
const OPTION_BITS: u32 = 6;
const OPTION_MASK: u32 = (1 << OPTION_BITS) - 1;
const SHIFT_MASK: u32 = 0b1111;
/// The shift that stands for no window scaling.
const NO_SCALING: u32 = 0b1111;
const SACK_BIT: u32 = 1 << 4;
const ECN_BIT: u32 = 1 << 5;
/// What goes into the codes if there were no timestamps.
const NO_TIMESTAMPS: u32 = 1 << OPTION_BITS;

/// How many periods a cookie is good for: the one in which it was made, and the next.
const PERIODS: u64 = 2;

/// What an ACK says of the SYN that it follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verified {
    /// The handshake is over.
    Completes {
        /// IRS.
        irs: SeqNumber,
        /// What the options agree on.
        agreed: Agreed,
    },
    /// It belongs to a handshake with a cookie, but the segment that completes it was lost.
    Early,
    /// The number is none of ours, or too old.
    Wrong,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct SynCookies {
    key: [u8; 16],
    failures: FailureLimiter,
}

impl SynCookies {
    /// With a secret of its own.
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            key: random.key(),
            failures: FailureLimiter::new(random.key()),
        }
    }

    /// ISS for the answer to a SYN with the number `irs` that `agreed` came of.
    pub(crate) fn iss(
        &self,
        tuple: &FourTuple,
        irs: SeqNumber,
        agreed: &Agreed,
        period: u64,
    ) -> SeqNumber {
        let class = mss_class(agreed.peer_mss);
        let options = match agreed.timestamps {
            Some(_) => option_bits(agreed),
            None => NO_TIMESTAMPS,
        };
        SeqNumber::new(self.number(tuple, irs, class, options, period))
    }

    /// What an ACK of `ack` says that arrives with the number `seq`. `echo_reply` is its TSecr.
    /// The number of the SYN is one before `seq`, or `seq` itself if the ACK is a keep-alive probe.
    pub(crate) fn verify(
        &self,
        tuple: &FourTuple,
        heard: &Heard,
        our_shift: u8,
        mss_least: u16,
        period: u64,
    ) -> Verified {
        let number = (heard.ack - 1).raw();
        let class = number & ((1 << MSS_BITS) - 1);
        let options = match heard.timestamps {
            Some((_, echo_reply)) => echo_reply & OPTION_MASK,
            None => NO_TIMESTAMPS,
        };
        let mut verdict = Verified::Wrong;
        for age in 0..PERIODS.min(period + 1) {
            let code = self.code(tuple, class, options, period - age);
            let irs = (number >> MSS_BITS).wrapping_sub(code);
            let irs = match (heard.seq - 1).raw().wrapping_sub(irs) & CODE_MASK {
                0 => heard.seq - 1,
                CODE_MASK => heard.seq,
                behind => {
                    if behind <= EARLY_OCTETS {
                        verdict = Verified::Early;
                    }
                    continue;
                }
            };
            let agreed = restored(tuple, heard, class, our_shift, mss_least);
            return Verified::Completes { irs, agreed };
        }
        verdict
    }

    /// Whether another ACK from `source` may be checked, after those that failed.
    pub(crate) fn may_check(&mut self, source: IpAddr, now: Instant, per_second: u64) -> bool {
        self.failures.permits(source, now, per_second)
    }

    /// An ACK from `source` did not bring a cookie of ours.
    pub(crate) fn on_failure(&mut self, source: IpAddr, now: Instant) {
        self.failures.count(source, now);
    }

    fn number(
        &self,
        tuple: &FourTuple,
        irs: SeqNumber,
        class: u32,
        options: u32,
        period: u64,
    ) -> u32 {
        let code = self.code(tuple, class, options, period);
        code.wrapping_add(irs.raw()) << MSS_BITS | class
    }

    fn code(&self, tuple: &FourTuple, class: u32, options: u32, period: u64) -> u32 {
        let mut hash = SipHasher24::new_with_key(&self.key);
        tuple.hash(&mut hash);
        hash.write(&(class << 8 | options).to_be_bytes());
        hash.write(&period.to_be_bytes());
        hash.finish() as u32
    }
}

/// The fields of an ACK that a cookie is looked for in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// SEG.SEQ.
    pub(crate) seq: SeqNumber,
    /// SEG.ACK.
    pub(crate) ack: SeqNumber,
    /// TSval and TSecr.
    pub(crate) timestamps: Option<(u32, u32)>,
}

/// Which period `now` lies in.
pub(crate) const fn period_of(now: Instant, period_ms: u64) -> u64 {
    now.as_millis() / if period_ms == 0 { 1 } else { period_ms }
}

/// Until when a cookie that is made at `now` may come back, at the latest.
pub(crate) fn good_until(now: Instant, period_ms: u64) -> Instant {
    now + Duration::from_millis(period_ms.saturating_mul(PERIODS))
}

/// TSval of a SYN-ACK with a cookie: not later than `ts_value`, with the options in its low bits.
pub(crate) fn stamp(ts_value: u32, agreed: &Agreed) -> u32 {
    let stamp = ts_value & !OPTION_MASK | option_bits(agreed);
    if is_earlier(ts_value, stamp) {
        stamp.wrapping_sub(1 << OPTION_BITS)
    } else {
        stamp
    }
}

/// What is left of what was agreed: the MSS in classes, and without timestamps nothing else. A
/// SYN-ACK with a cookie offers no more.
pub(crate) fn carried(agreed: &Agreed) -> Agreed {
    if agreed.timestamps.is_some() {
        return *agreed;
    }
    Agreed {
        peer_mss: agreed.peer_mss,
        ..Agreed::default()
    }
}

fn option_bits(agreed: &Agreed) -> u32 {
    let shift = agreed.shifts.map_or(NO_SCALING, |it| u32::from(it.snd));
    let sack = if agreed.sack { SACK_BIT } else { 0 };
    let ecn = match agreed.ecn {
        Standing::Agreed => ECN_BIT,
        Standing::Off | Standing::Asked => 0,
    };
    shift & SHIFT_MASK | sack | ecn
}

fn restored(tuple: &FourTuple, heard: &Heard, class: u32, our_shift: u8, mss_least: u16) -> Agreed {
    let mss = MSS_CLASSES.get(class as usize).copied();
    let peer_mss = mss
        .unwrap_or_else(|| default_mss(tuple.remote.ip()))
        .max(mss_least);
    let Some((ts_value, echo_reply)) = heard.timestamps else {
        return Agreed {
            peer_mss,
            ..Agreed::default()
        };
    };
    let shift = echo_reply & SHIFT_MASK;
    Agreed {
        peer_mss,
        shifts: (shift != NO_SCALING).then_some(Shifts {
            snd: shift as u8,
            rcv: our_shift,
        }),
        timestamps: Some(ts_value),
        sack: echo_reply & SACK_BIT != 0,
        ecn: if echo_reply & ECN_BIT == 0 {
            Standing::Off
        } else {
            Standing::Agreed
        },
    }
}

fn mss_class(mss: u16) -> u32 {
    let class = MSS_CLASSES.iter().rposition(|class| *class <= mss);
    class.unwrap_or(0) as u32
}

/// Buckets of sources. Those who share one share its limit.
const BUCKETS: usize = 256;
const SECOND: Duration = Duration::from_secs(1);

/// How many ACKs without a cookie were lately seen, by a keyed hash of their source: guessing costs
/// time, and an ACK flood no more than a look into a table. One bucket tells nothing about another.
#[derive(Clone, Debug)]
struct FailureLimiter {
    key: [u8; 16],
    since: Instant,
    failures: [u16; BUCKETS],
}

impl FailureLimiter {
    const fn new(key: [u8; 16]) -> Self {
        Self {
            key,
            since: Instant::ZERO,
            failures: [0; BUCKETS],
        }
    }

    fn permits(&mut self, source: IpAddr, now: Instant, per_second: u64) -> bool {
        u64::from(*self.bucket(source, now)) < per_second
    }

    fn count(&mut self, source: IpAddr, now: Instant) {
        let bucket = self.bucket(source, now);
        *bucket = bucket.saturating_add(1);
    }

    fn bucket(&mut self, source: IpAddr, now: Instant) -> &mut u16 {
        if self.since + SECOND <= now {
            self.since = now;
            self.failures = [0; BUCKETS];
        }
        let mut hash = SipHasher24::new_with_key(&self.key);
        source.hash(&mut hash);
        &mut self.failures[(hash.finish() % BUCKETS as u64) as usize]
    }
}

#[cfg(test)]
mod tests;
