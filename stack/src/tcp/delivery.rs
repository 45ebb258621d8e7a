//! How fast the path delivers: delivery-rate samples (draft-ietf-ccwg-bbr §4.1, "Delivery Rate
//! Samples"; first in draft-cheng-iccrg-delivery-rate-estimation).
//!
//! `output.rs` takes a [`DeliverySnapshot`] for each burst that it sends, loss recovery keeps it with
//! the burst, and `arrives/check_ack.rs` hands the newest one that was delivered back, for a
//! [`RateSample`]. It decides nothing and knows no sequence numbers.

use crate::base::{Duration, Instant};

/// What was known when a burst was sent (P.delivered, P.delivered_time, P.first_send_time, P.lost,
/// P.tx_in_flight, P.is_app_limited).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct DeliverySnapshot {
    /// C.delivered.
    delivered: u64,
    /// C.delivered_time.
    delivered_at: Instant,
    /// C.first_send_time.
    first_sent_at: Instant,
    /// C.lost.
    lost: u64,
    /// Octets in flight with the burst itself.
    in_flight: u32,
    /// C.app_limited was set.
    supply: Supply,
}

/// Whether the application gave enough to fill the path.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Supply {
    /// The network, or the peer, set the pace.
    #[default]
    Plenty,
    /// The application did: a rate measured now says only what the path carries at least.
    ApplicationLimited,
}

/// The newest burst of which an acknowledgment says that something was delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newest {
    /// When it was sent.
    pub(crate) sent_at: Instant,
    /// What was known then.
    pub(crate) snapshot: DeliverySnapshot,
}

/// How much was delivered over which time: RS of the draft.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct RateSample {
    /// RS.delivered: octets delivered between the sending of the newest burst and now.
    pub(crate) delivered: u64,
    /// RS.prior_delivered: C.delivered when the newest burst was sent.
    pub(crate) prior_delivered: u64,
    /// C.delivered with what this acknowledgment delivers.
    pub(crate) total_delivered: u64,
    /// Whether it delivers a part of a burst of which a snapshot is known.
    pub(crate) has_newest: bool,
    /// RS.interval; `None` if there is no sample of the rate.
    pub(crate) interval: Option<Duration>,
    /// RS.lost: octets declared lost between the sending of the newest burst and now.
    pub(crate) lost: u64,
    /// RS.newly_acked: octets that this acknowledgment delivers.
    pub(crate) newly_delivered: u32,
    /// RS.newly_lost: octets that this acknowledgment shows to be lost.
    pub(crate) newly_lost: u32,
    /// RS.tx_in_flight: octets in flight when the newest burst had been sent.
    pub(crate) sent_in_flight: u32,
    /// RS.is_app_limited.
    pub(crate) supply: Supply,
}

impl RateSample {
    /// RS.delivery_rate in octets a second; `None` if there is no sample.
    pub(crate) fn octets_per_second(&self) -> Option<u64> {
        let nanos = self.interval?.as_nanos().max(1);
        let rate = u128::from(self.delivered) * 1_000_000_000 / nanos;
        Some(u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

/// The variables C.* of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivery {
    /// C.delivered: octets delivered in all.
    delivered: u64,
    /// C.delivered_time.
    delivered_at: Instant,
    /// C.first_send_time: when the newest burst that was delivered had been sent.
    first_sent_at: Instant,
    /// C.lost: octets declared lost in all.
    lost: u64,
    /// C.app_limited: what was sent until this much is delivered was application limited; 0: nothing.
    app_limited_until: u64,
}

impl Delivery {
    /// C.delivered.
    #[cfg(test)]
    pub(crate) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// C.lost.
    #[cfg(test)]
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    /// True while what is sent counts as application limited.
    pub(crate) const fn is_app_limited(&self) -> bool {
        self.app_limited_until != 0
    }

    /// A burst of `octets` leaves while `in_flight` octets are on their way (OnPacketSent).
    pub(crate) const fn on_sent(
        &mut self,
        in_flight: u32,
        octets: u32,
        now: Instant,
    ) -> DeliverySnapshot {
        if in_flight == 0 {
            self.first_sent_at = now;
            self.delivered_at = now;
        }
        DeliverySnapshot {
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            lost: self.lost,
            in_flight: in_flight.saturating_add(octets),
            supply: if self.is_app_limited() {
                Supply::ApplicationLimited
            } else {
                Supply::Plenty
            },
        }
    }

    /// There is room in cwnd, and nothing to fill it with (CheckIfApplicationLimited).
    pub(crate) fn on_application_limited(&mut self, in_flight: u32) {
        self.app_limited_until = (self.delivered + u64::from(in_flight)).max(1);
    }

    /// An acknowledgment delivered `newly_delivered` octets, some of them of `newest`, and showed that
    /// `newly_lost` are lost (UpdateRateSample, GenerateRateSample). `min_rtt` is the shortest round
    /// trip that is known: whatever took less is no sample.
    pub(crate) fn on_ack(
        &mut self,
        newly_delivered: u32,
        newly_lost: u32,
        newest: Option<Newest>,
        min_rtt: Option<Duration>,
        now: Instant,
    ) -> RateSample {
        self.lost += u64::from(newly_lost);
        if newly_delivered > 0 {
            self.delivered += u64::from(newly_delivered);
            self.delivered_at = now;
        }
        if self.is_app_limited() && self.app_limited_until < self.delivered {
            self.app_limited_until = 0;
        }
        let mut sample = RateSample {
            newly_delivered,
            newly_lost,
            prior_delivered: self.delivered,
            total_delivered: self.delivered,
            ..RateSample::default()
        };
        let Some(Newest { sent_at, snapshot }) = newest else {
            return sample;
        };
        self.first_sent_at = sent_at;
        sample.has_newest = true;
        sample.delivered = self.delivered - snapshot.delivered;
        sample.prior_delivered = snapshot.delivered;
        sample.lost = self.lost - snapshot.lost;
        sample.sent_in_flight = snapshot.in_flight;
        sample.supply = snapshot.supply;
        // The slower of the two: what was sent in a burst is not delivered faster than the path
        // delivers, and ACKs that come in a burst do not prove that it was.
        let send_elapsed = sent_at.since(snapshot.first_sent_at);
        let ack_elapsed = now.since(snapshot.delivered_at);
        let interval = send_elapsed.max(ack_elapsed);
        let is_plausible = !interval.is_zero() && min_rtt.is_none_or(|least| interval >= least);
        sample.interval = is_plausible.then_some(interval);
        sample
    }
}

#[cfg(test)]
mod tests;
