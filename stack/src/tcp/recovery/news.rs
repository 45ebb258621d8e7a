//! What one acknowledgment says about transmissions: how much arrived, what of it was sent last, and
//! the round trip that this measures (RFC 6298 §3, RFC 8985 §6.2).
//!
//! `repair.rs` shows it each burst, or part of one, that is acknowledged or reported for the first
//! time. It changes nothing else.

use super::sent::{Burst, History};
use crate::base::Duration;
use crate::tcp::delivery::Newest;
use crate::tcp::sample::AckSample;

/// How a part was acknowledged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum By {
    /// By SEG.ACK.
    Ack,
    /// By a block of SACK.
    Sack,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct News {
    /// Octets that arrived.
    pub(crate) delivered: u64,
    /// Octets that SACK reports for the first time.
    pub(crate) newly_sacked: u64,
    /// What was sent last of what arrived.
    pub(crate) newest: Option<Burst>,
    /// The same of what is no spurious retransmission, as far as is known (RFC 8985 §6.2, step 2).
    pub(crate) newest_valid: Option<Burst>,
    /// Something that was sent once was acknowledged after what was sent behind it.
    pub(crate) out_of_order: bool,
    /// A round trip from SEG.ACK. The first part tells: it is what the peer waited for.
    by_ack: Option<Option<Duration>>,
    /// A round trip from SACK.
    by_sack: Option<Duration>,
}

impl News {
    /// `burst`, or a part of one, was acknowledged by `sample` for the first time.
    pub(crate) fn note(&mut self, burst: &Burst, by: By, sample: &AckSample) {
        self.delivered += burst.end - burst.start;
        if self
            .newest
            .is_none_or(|it| burst.is_sent_after(it.sent_at, it.end))
        {
            self.newest = Some(*burst);
        }
        let round_trip = sample.clock.now.since(burst.sent_at);
        let is_echo_of_last = || {
            let tick = sample.echoed_at?.as_millis();
            Some(burst.sent_at.as_millis() <= tick)
        };
        let is_original = burst.history == History::Original;
        match by {
            By::Ack if self.by_ack.is_none() => {
                // An echo of the last copy settles whose acknowledgment it is (RFC 7323 §4.1).
                let is_clear = is_original || is_echo_of_last() == Some(true);
                self.by_ack = Some(is_clear.then_some(round_trip));
            }
            By::Sack if is_original => {
                let least = self.by_sack.map_or(round_trip, |it| it.min(round_trip));
                self.by_sack = Some(least);
            }
            By::Ack | By::Sack => {}
        }
        let is_spurious = match burst.history {
            History::Original => false,
            // TSecr speaks of what advanced RCV.NXT only: a segment that waits behind a hole is
            // acknowledged with the TSval of one before the hole (RFC 7323 §4.3), and says nothing.
            // Step 2 has RACK.min_rtt as it is. An eighth of it is left for a probe of the tail, which is
            // alone and often short: it may be faster than all the full segments before it.
            History::Resent => {
                (by == By::Ack && is_echo_of_last() == Some(false))
                    || sample
                        .clock
                        .min_rtt
                        .is_some_and(|least| round_trip < least - least / 8)
            }
        };
        if !is_spurious
            && self
                .newest_valid
                .is_none_or(|it| burst.is_sent_after(it.sent_at, it.end))
        {
            self.newest_valid = Some(*burst);
        }
    }

    /// The round trip that it measures.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.by_ack.unwrap_or(self.by_sack)
    }

    /// For samples of the delivery rate.
    pub(crate) fn newest(&self) -> Option<Newest> {
        self.newest.map(|it| Newest {
            sent_at: it.sent_at,
            snapshot: it.snapshot,
        })
    }
}
