//! The delayed acknowledgment has waited long enough (RFC 9293 §3.8.6.3, MUST-40), and whether one
//! waits at all.
//!
//! `timeout/mod.rs` and `arrives/take_text.rs` call it. It sends nothing.

use crate::base::Instant;
use crate::config::Config;
use crate::observe::SendReason;
use crate::tcp::connection::Connection;
use crate::tcp::settings::AckDelay;

/// See the module.
pub(crate) const fn expires(connection: &mut Connection) {
    connection.acknowledge_now(SendReason::AcknowledgeDelayed);
}

impl Connection {
    /// `segments` with text arrived in order: they are acknowledged at once if the user says so, or
    /// while the peer's cwnd is likely to be small: at the beginning and after silence.
    pub(crate) fn acknowledge_quickly(&mut self, segments: u32, config: &Config, now: Instant) {
        let before = self.rcv.last_text_at.replace(now);
        let was_idle = before.is_some_and(|before| self.rtt.rto() < now.since(before));
        let acknowledge = &mut self.rcv.acknowledge;
        if was_idle && config.quick_ack_segments > 0 {
            acknowledge.quicken(config.quick_ack_segments);
        }
        let is_quick = acknowledge.takes_quickly(segments);
        if is_quick || self.settings.delay == AckDelay::Forbidden {
            self.acknowledge_now(SendReason::AcknowledgeNow);
        }
    }
}
