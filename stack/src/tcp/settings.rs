//! What the user chose for a connection, with the defaults of [`Config`] filled in.
//!
//! `call/open.rs` and listeners make it, `call/status.rs` changes it. It decides nothing.

use crate::base::Duration;
use crate::call::{CongestionAlgorithm, ConnectionOptions, EcnUse, KeepAlive};
use crate::config::Config;
use crate::tcp::send::segmentize::{Cork, Nagle};

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

/// Whose choice a setting is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Choice {
    /// The user named it.
    User,
    /// It is a default, or what the peer brought about.
    Nobody,
}

/// Whether user timeouts are told to the peer, and its own are followed (RFC 5482, ENABLED).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum UserTimeoutOption {
    /// They are.
    On,
    /// They are not.
    Off,
}

/// Whether acknowledgments of text may wait (RFC 9293 §3.8.6.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AckDelay {
    /// Every second full segment is acknowledged at once, others wait.
    Allowed,
    /// All are acknowledged at once.
    Forbidden,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// RFC 9293 §3.7.4.
    pub(crate) nagle: Nagle,
    /// RFC 9293 §3.8.4; `None` is off.
    pub(crate) keep_alive: Option<KeepAlive>,
    /// R2: what the user chose, or what the peer's user timeout brought about.
    pub(crate) patience: Patience,
    /// Who chose it: the peer changes nothing that the user chose.
    pub(crate) patience_is_of: Choice,
    /// RFC 5482.
    pub(crate) user_timeout_option: UserTimeoutOption,
    /// The most received octets that wait for the user, to begin with.
    pub(crate) receive_buffer_octets: usize,
    /// How far that may grow; not beyond it if the user chose the size.
    pub(crate) receive_buffer_octets_max: usize,
    /// The most octets that wait to be sent or acknowledged, to begin with.
    pub(crate) send_buffer_octets: usize,
    /// How far that may grow; not beyond it if the user chose the size.
    pub(crate) send_buffer_octets_max: usize,
    /// The most text in one segment, in either direction (MSS clamping).
    pub(crate) mss_octets_max: u16,
    /// RFC 9293 §3.8.6.3: whether acknowledgments may wait.
    pub(crate) delay: AckDelay,
    /// Whether small segments wait for more text whatever was acknowledged.
    pub(crate) cork: Cork,
    /// Time to live or hop limit (MUST-49).
    pub(crate) hop_limit: u8,
    /// MUST-48.
    pub(crate) dscp: u8,
    /// RFC 5681.
    pub(crate) congestion: CongestionAlgorithm,
    /// RFC 3168.
    pub(crate) ecn: EcnUse,
}

/// Bounds of the buffers that a user may choose.
const BUFFER_OCTETS_MIN: usize = 2_048;
const BUFFER_OCTETS_MAX: usize = 65_535 << 14;
/// The least bound of segments that a user may choose: Linux's is 88.
const MSS_OCTETS_MIN: u16 = 88;

impl Settings {
    /// `options` over the defaults.
    pub(crate) fn new(options: &ConnectionOptions, config: &Config) -> Self {
        let mut settings = Self {
            nagle: Nagle::On,
            keep_alive: None,
            patience: Patience::Retransmissions,
            patience_is_of: Choice::Nobody,
            user_timeout_option: UserTimeoutOption::Off,
            receive_buffer_octets: octets(config.receive_buffer_octets),
            receive_buffer_octets_max: grown(
                config.receive_buffer_octets,
                config.receive_buffer_octets_max,
            ),
            send_buffer_octets: octets(config.send_buffer_octets),
            send_buffer_octets_max: grown(config.send_buffer_octets, config.send_buffer_octets_max),
            mss_octets_max: u16::MAX,
            delay: AckDelay::Allowed,
            cork: Cork::Out,
            hop_limit: u8::try_from(config.hop_limit).unwrap_or(64),
            dscp: 0,
            congestion: CongestionAlgorithm::ALL
                .get(config.congestion_algorithm as usize)
                .copied()
                .unwrap_or_default(),
            ecn: EcnUse::ALL
                .get(config.ecn as usize)
                .copied()
                .unwrap_or_default(),
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
            (self.patience, self.patience_is_of) = match user_timeout {
                Some(Duration::ZERO) => (Patience::Retransmissions, Choice::Nobody),
                Some(timeout) => (Patience::Time(timeout), Choice::User),
                None => (Patience::Unlimited, Choice::User),
            };
        }
        if let Some(buffer) = options.receive_buffer_octets {
            self.receive_buffer_octets = buffer.clamp(BUFFER_OCTETS_MIN, BUFFER_OCTETS_MAX);
            self.receive_buffer_octets_max = self.receive_buffer_octets;
        }
        if let Some(buffer) = options.send_buffer_octets {
            self.send_buffer_octets = buffer.clamp(BUFFER_OCTETS_MIN, BUFFER_OCTETS_MAX);
            self.send_buffer_octets_max = self.send_buffer_octets;
        }
        if let Some(is_on) = options.user_timeout_option {
            self.user_timeout_option = if is_on {
                UserTimeoutOption::On
            } else {
                UserTimeoutOption::Off
            };
        }
        if let Some(mss) = options.mss_octets_max {
            self.mss_octets_max = mss.max(MSS_OCTETS_MIN);
        }
        if let Some(quick_ack) = options.quick_ack {
            self.delay = if quick_ack {
                AckDelay::Forbidden
            } else {
                AckDelay::Allowed
            };
        }
        if let Some(cork) = options.cork {
            self.cork = if cork { Cork::In } else { Cork::Out };
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
        if let Some(ecn) = options.ecn {
            self.ecn = ecn;
        }
    }
}

/// How far a buffer may grow: never below what it begins with.
fn grown(begins_with: u64, most: u64) -> usize {
    octets(begins_with.max(most))
}

fn octets(value: u64) -> usize {
    usize::try_from(value).unwrap_or(BUFFER_OCTETS_MAX)
}
