//! What the user chose for a connection, with the defaults of [`Config`] filled in.
//!
//! `call/open.rs` and listeners make it, `call/status.rs` changes it. It decides nothing.

use crate::base::Duration;
use crate::call::{CongestionAlgorithm, ConnectionOptions, KeepAlive};
use crate::config::Config;
use crate::tcp::send::segmentize::Nagle;

/// R2 of RFC 9293 §3.8.3.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Patience {
    /// So many retransmissions, as `Config` says.
    Retransmissions,
    /// So long without an acknowledgment.
    Time(Duration),
    /// For ever.
    Unlimited,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// RFC 9293 §3.7.4.
    pub(crate) nagle: Nagle,
    /// RFC 9293 §3.8.4; `None` is off.
    pub(crate) keep_alive: Option<KeepAlive>,
    /// R2.
    pub(crate) patience: Patience,
    /// The most received octets that wait for the user.
    pub(crate) receive_buffer_octets: usize,
    /// The most octets that wait to be sent or acknowledged.
    pub(crate) send_buffer_octets: usize,
    /// Time to live or hop limit (MUST-49).
    pub(crate) hop_limit: u8,
    /// MUST-48.
    pub(crate) dscp: u8,
    /// RFC 5681.
    pub(crate) congestion: CongestionAlgorithm,
}

/// Bounds of the buffers that a user may choose.
const BUFFER_OCTETS_MIN: usize = 2_048;
const BUFFER_OCTETS_MAX: usize = 65_535 << 14;

impl Settings {
    /// `options` over the defaults.
    pub(crate) fn new(options: &ConnectionOptions, config: &Config) -> Self {
        let mut settings = Self {
            nagle: Nagle::On,
            keep_alive: None,
            patience: Patience::Retransmissions,
            receive_buffer_octets: octets(config.receive_buffer_octets),
            send_buffer_octets: octets(config.send_buffer_octets),
            hop_limit: u8::try_from(config.hop_limit).unwrap_or(64),
            dscp: 0,
            congestion: CongestionAlgorithm::default(),
        };
        settings.change(options);
        settings
    }

    /// Changes what `options` names.
    pub(crate) fn change(&mut self, options: &ConnectionOptions) {
        if let Some(no_delay) = options.no_delay {
            self.nagle = if no_delay { Nagle::Off } else { Nagle::On };
        }
        if let Some(keep_alive) = options.keep_alive {
            self.keep_alive = keep_alive;
        }
        if let Some(user_timeout) = options.user_timeout {
            self.patience = user_timeout.map_or(Patience::Unlimited, Patience::Time);
        }
        if let Some(buffer) = options.receive_buffer_octets {
            self.receive_buffer_octets = buffer.clamp(BUFFER_OCTETS_MIN, BUFFER_OCTETS_MAX);
        }
        if let Some(buffer) = options.send_buffer_octets {
            self.send_buffer_octets = buffer.clamp(BUFFER_OCTETS_MIN, BUFFER_OCTETS_MAX);
        }
        if let Some(hop_limit) = options.hop_limit {
            self.hop_limit = hop_limit.max(1);
        }
        if let Some(dscp) = options.dscp {
            self.dscp = dscp & 0x3f;
        }
        if let Some(congestion) = options.congestion {
            self.congestion = congestion;
        }
    }
}

fn octets(value: u64) -> usize {
    usize::try_from(value).unwrap_or(BUFFER_OCTETS_MAX)
}
