//! The user timeout option (RFC 5482): how long each side lets text go unacknowledged, told to the
//! other one, and followed where the user did not choose.
//!
//! `segment_out.rs` asks what to send, `arrives/check_ack.rs` and `on_synchronized` tell what arrived.
//! A value of zero is never sent, and one that arrives was dropped by the parser (§3.4).

use alloc::sync::Arc;

use super::connection::Connection;
use super::segment::Segment;
use super::settings::{Choice, Patience, UserTimeoutOption};
use crate::base::Duration;
use crate::config::{Config, millis};
use crate::context::Context;
use crate::observe::Observation;

/// The bit that makes the value count minutes (§3.2).
const MINUTES: u16 = 0x8000;
const VALUE_MAX: u16 = 0x7fff;
/// ADV_UTO unless the user chose: "five minutes" (RFC 9293 §3.9.1.1).
const DEFAULT: Duration = Duration::from_secs(300);

/// The field of the option, seconds if that is exact or minutes, rounded up so that nobody gives up too
/// early.
pub(crate) fn encode(timeout: Duration) -> u16 {
    let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
    match u16::try_from(seconds) {
        Ok(seconds) if seconds <= VALUE_MAX => seconds.max(1),
        _ => {
            MINUTES | u16::try_from(seconds.div_ceil(60)).map_or(VALUE_MAX, |it| it.min(VALUE_MAX))
        }
    }
}

/// The time that the field says.
pub(crate) const fn decode(field: u16) -> Duration {
    let value = (field & VALUE_MAX) as u64;
    if field & MINUTES == 0 {
        Duration::from_secs(value)
    } else {
        Duration::from_secs(60 * value)
    }
}

/// USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)) (§3.1). L_LIMIT stays above RTO
/// (§3.1), so that a segment is sent again at least once.
pub(crate) fn adopted(
    advertised: Duration,
    remote: Duration,
    rto: Duration,
    config: &Config,
) -> Duration {
    let least = millis(config.user_timeout_min_ms).max(rto.saturating_mul(2));
    let most = millis(config.user_timeout_max_ms).max(least);
    advertised.max(remote).clamp(least, most)
}

impl Connection {
    /// ADV_UTO.
    fn advertised_user_timeout(&self) -> Duration {
        match (self.settings.patience_is_of, self.settings.patience) {
            (Choice::User, Patience::Time(timeout)) => timeout,
            (Choice::User, Patience::Unlimited) => decode(MINUTES | VALUE_MAX),
            (Choice::User, Patience::Retransmissions) | (Choice::Nobody, _) => DEFAULT,
        }
    }

    /// The option of a SYN.
    pub(crate) fn user_timeout_of_syn(&self) -> Option<u16> {
        (self.settings.user_timeout_option == UserTimeoutOption::On)
            .then(|| encode(self.advertised_user_timeout()))
    }

    /// The option of any other segment with `room` octets left for options and text: once after the
    /// handshake, in case our SYN was not remembered, and after each change (§3.1).
    pub(crate) fn user_timeout_due(&mut self, room: u32) -> Option<u16> {
        if !self.owed.user_timeout || room < 4 {
            return None;
        }
        self.owed.user_timeout = false;
        self.user_timeout_of_syn()
    }

    /// A segment arrived that is good. REMOTE_UTO counts if the option is on and the user did not
    /// choose a time (CHANGEABLE, §3.1).
    pub(crate) fn hear_user_timeout(&mut self, segment: &Segment, cx: &mut Context<'_>) {
        let Some(field) = segment.options.user_timeout else {
            return;
        };
        let follows = self.settings.user_timeout_option == UserTimeoutOption::On
            && self.settings.patience_is_of == Choice::Nobody;
        if !follows {
            return;
        }
        let (advertised, remote) = (self.advertised_user_timeout(), decode(field));
        let timeout = adopted(advertised, remote, self.rtt.rto(), cx.config);
        if self.settings.patience == Patience::Time(timeout) {
            return;
        }
        Arc::make_mut(&mut self.settings).patience = Patience::Time(timeout);
        let connection = self.id;
        cx.observe(|| Observation::UserTimeoutAdopted {
            connection,
            timeout,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{adopted, decode, encode};
    use crate::base::Duration;
    use crate::config::Config;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn rfc5482_3_2_times_are_told_in_seconds_or_minutes_and_never_as_zero() {
        for (timeout, told) in [
            (S(1), S(1)),
            (Duration::from_millis(1), S(1)),
            (Duration::ZERO, S(1)),
            (Duration::from_millis(1_001), S(2)),
            (S(32_767), S(32_767)),
            (S(32_768), S(32_820)),
            (S(60 * 32_767), S(60 * 32_767)),
            (S(60 * 32_767 + 1), S(60 * 32_767)),
            (S(u64::MAX), S(60 * 32_767)),
        ] {
            let field = encode(timeout);
            assert_eq!(decode(field), told, "{timeout:?}");
            assert!(field & 0x7fff != 0);
        }
    }

    #[test]
    fn rfc5482_02_the_limits_hold() {
        let config = Config::default();
        let rto = S(1);
        // L_LIMIT: a peer cannot hurry us below 100 seconds.
        assert_eq!(adopted(S(1), S(1), rto, &config), S(100));
        assert_eq!(adopted(S(1), S(101), rto, &config), S(101));
        assert_eq!(adopted(S(300), S(101), rto, &config), S(300));
        // U_LIMIT: nor keep us for weeks.
        let most = Duration::from_millis(config.user_timeout_max_ms);
        assert_eq!(adopted(S(1), S(1_900_000), rto, &config), most);
        // Larger than the current RTO.
        assert_eq!(adopted(S(1), S(1), S(60), &config), S(120));
    }
}
