//! What can be set on a socket before it is used: [`SocketOptions`] and [`KeepAliveConfig`].
//!
//! `Dialer` and `ListenConfig` fill the options in and show them to a control hook, which stands for
//! Go's `Control`: there is no descriptor to give away, so the options have names and types instead.
//! Nothing here touches a socket; the backends read the options when they open one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sidestep_stack::call::{ConnectionOptions, KeepAlive};

pub use sidestep_stack::call::{CongestionAlgorithm, EcnUse, ReusePort};

use crate::error::Cause;

/// Go's default for the silence before the first probe and the time between probes.
const KEEP_ALIVE_TIME: Duration = Duration::from_secs(15);

/// Go's default for the unanswered probes that end a connection.
const KEEP_ALIVE_COUNT: u32 = 9;

/// When a silent peer is asked whether it is still there (RFC 9293 §3.8.4): Go's type of the same
/// name. A time of zero, and a count of zero, stand for the default.
///
/// ```
/// use sidestep::KeepAliveConfig;
/// use std::time::Duration;
///
/// let config = KeepAliveConfig { idle: Duration::from_secs(60), ..Default::default() };
/// assert!(config.enable);
/// assert_eq!((config.interval, config.count), (Duration::from_secs(15), 9));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[doc(alias = "net.KeepAliveConfig")]
pub struct KeepAliveConfig {
    /// Whether it is asked at all.
    #[doc(alias = "Enable")]
    pub enable: bool,
    /// Silence before the first probe; 15 s by default.
    #[doc(alias = "Idle")]
    pub idle: Duration,
    /// Time between probes; 15 s by default.
    #[doc(alias = "Interval")]
    pub interval: Duration,
    /// So many unanswered probes end the connection; 9 by default.
    #[doc(alias = "Count")]
    pub count: u32,
}

impl Default for KeepAliveConfig {
    /// Enabled, after 15 s, 15 s apart, 9 times: what Go's connections begin with.
    fn default() -> Self {
        Self::GO
    }
}

impl KeepAliveConfig {
    /// Go's defaults.
    pub(crate) const GO: Self = Self {
        enable: true,
        idle: KEEP_ALIVE_TIME,
        interval: KEEP_ALIVE_TIME,
        count: KEEP_ALIVE_COUNT,
    };

    /// Switched off.
    pub fn off() -> Self {
        Self {
            enable: false,
            ..Self::default()
        }
    }

    /// Enabled after `idle`, with the other defaults: Go's `Dialer.KeepAlive` and
    /// `SetKeepAlivePeriod`.
    pub fn after(idle: Duration) -> Self {
        Self {
            idle,
            ..Self::default()
        }
    }

    /// With the defaults for what is zero; `None` if it is switched off.
    pub(crate) fn times(self) -> Option<KeepAlive> {
        let or_default = |time: Duration| {
            if time.is_zero() {
                KEEP_ALIVE_TIME
            } else {
                time
            }
        };
        let times = KeepAlive {
            idle: or_default(self.idle),
            interval: or_default(self.interval),
            probes_max: match self.count {
                0 => KEEP_ALIVE_COUNT,
                count => count,
            },
        };
        self.enable.then_some(times)
    }
}

/// `None` switches it off, a time is the silence before the first probe.
impl From<Option<Duration>> for KeepAliveConfig {
    fn from(idle: Option<Duration>) -> Self {
        idle.map_or_else(Self::off, Self::after)
    }
}

impl From<Duration> for KeepAliveConfig {
    fn from(idle: Duration) -> Self {
        Self::after(idle)
    }
}

impl From<KeepAlive> for KeepAliveConfig {
    fn from(times: KeepAlive) -> Self {
        Self {
            enable: true,
            idle: times.idle,
            interval: times.interval,
            count: times.probes_max,
        }
    }
}

/// What is set on a socket before it is bound, dialled or listened on. A control hook may change it;
/// what it leaves at `None` keeps the backend's default.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[doc(alias = "syscall.RawConn")]
#[non_exhaustive]
pub struct SocketOptions {
    /// TCP: small writes leave at once (true unless set). RFC 9293 §3.7.4.
    pub nodelay: Option<bool>,
    /// TCP: probes of a silent peer.
    pub keep_alive: Option<KeepAliveConfig>,
    /// The most received octets that wait for the application.
    pub read_buffer_octets: Option<usize>,
    /// TCP: the most octets that wait to be sent or acknowledged.
    pub write_buffer_octets: Option<usize>,
    /// Time to live or hop limit of what is sent, 1 to 255.
    pub hop_limit: Option<u8>,
    /// Differentiated services code point of what is sent, 0 to 63 (RFC 2474).
    pub dscp: Option<u8>,
    /// TCP: the connection fails when octets were unacknowledged for so long (RFC 9293 §3.8.3); zero is
    /// the backend's own rule, see [`TCPConn::set_user_timeout`](crate::TCPConn::set_user_timeout).
    pub user_timeout: Option<Duration>,
    /// TCP: the user timeout is told to the peer, and the peer's is followed (RFC 5482). The host has no
    /// such option.
    pub user_timeout_option: Option<bool>,
    /// TCP: segments that are not full wait for more octets.
    pub cork: Option<bool>,
    /// TCP: what arrives is acknowledged at once (RFC 9293 §3.8.6.3).
    pub quick_ack: Option<bool>,
    /// TCP: the most octets of text in one segment, sent or received, at least 88 (RFC 9293 §3.7.1).
    /// The host takes no notice.
    pub mss_octets_max: Option<u16>,
    /// TCP: whether congestion is told instead of shown by losses (RFC 3168). The host does as its
    /// settings say.
    pub ecn: Option<EcnUse>,
    /// TCP: how the connection finds out how much the path carries.
    pub congestion: Option<CongestionAlgorithm>,
    /// Whether the port may have several owners.
    pub reuse_port: ReusePort,
}

impl SocketOptions {
    /// What connections of this crate begin with: Go's keep-alive.
    pub(crate) const GO: Self = Self {
        nodelay: None,
        keep_alive: Some(KeepAliveConfig::GO),
        read_buffer_octets: None,
        write_buffer_octets: None,
        hop_limit: None,
        dscp: None,
        user_timeout: None,
        user_timeout_option: None,
        cork: None,
        quick_ack: None,
        mss_octets_max: None,
        ecn: None,
        congestion: None,
        reuse_port: ReusePort::No,
    };

    /// In the words of the stack.
    pub(crate) fn for_connection(&self) -> ConnectionOptions {
        ConnectionOptions {
            no_delay: Some(self.nodelay.unwrap_or(true)),
            keep_alive: Some(self.keep_alive.unwrap_or_default().times()),
            user_timeout: self.user_timeout.map(Some),
            receive_buffer_octets: self.read_buffer_octets,
            send_buffer_octets: self.write_buffer_octets,
            hop_limit: self.hop_limit,
            dscp: self.dscp,
            user_timeout_option: self.user_timeout_option,
            cork: self.cork,
            quick_ack: self.quick_ack,
            mss_octets_max: self.mss_octets_max,
            ecn: self.ecn,
            congestion: self.congestion,
        }
    }
}

/// The options of TCP that a dialer and a listen config have in common, for a builder with a field
/// `options`. They hold from the SYN or SYN-ACK on.
macro_rules! tcp_option_builders {
    () => {
        /// The algorithm of congestion control of TCP connections, from the first segment on: CUBIC
        /// unless set. [`TCPConn::set_congestion`](crate::TCPConn::set_congestion) changes it later.
        #[doc(alias = "TCP_CONGESTION")]
        pub const fn congestion(mut self, algorithm: $crate::CongestionAlgorithm) -> Self {
            self.options.congestion = Some(algorithm);
            self
        }

        /// Whether TCP connections take part in explicit congestion notification (RFC 3168 §6.1.1); it is
        /// agreed on in the handshake. On [`Net::host`](crate::Net::host) the host's settings hold.
        pub const fn ecn(mut self, ecn: $crate::EcnUse) -> Self {
            self.options.ecn = Some(ecn);
            self
        }

        /// The most octets of text in one segment of a TCP connection, in both directions: what our MSS
        /// option says at most, and the peer's is taken for (RFC 9293 §3.7.1). At least 88. On
        /// [`Net::host`](crate::Net::host) it does nothing.
        #[doc(alias = "TCP_MAXSEG")]
        pub const fn maximum_segment(mut self, octets: u16) -> Self {
            self.options.mss_octets_max = Some(octets);
            self
        }

        /// How long octets of a TCP connection may be unacknowledged before it fails (RFC 9293 §3.8.3),
        /// the handshake of a dial included. See
        /// [`TCPConn::set_user_timeout`](crate::TCPConn::set_user_timeout).
        #[doc(alias = "TCP_USER_TIMEOUT")]
        pub const fn user_timeout(mut self, timeout: std::time::Duration) -> Self {
            self.options.user_timeout = Some(timeout);
            self
        }

        /// Whether TCP connections begin with segments that are not full held back, so that what is
        /// written first leaves together. See [`TCPConn::set_cork`](crate::TCPConn::set_cork).
        #[doc(alias = "TCP_CORK")]
        pub const fn cork(mut self, cork: bool) -> Self {
            self.options.cork = Some(cork);
            self
        }

        /// Whether TCP connections acknowledge what arrives at once. See
        /// [`TCPConn::set_quick_ack`](crate::TCPConn::set_quick_ack).
        #[doc(alias = "TCP_QUICKACK")]
        pub const fn quick_ack(mut self, quick_ack: bool) -> Self {
            self.options.quick_ack = Some(quick_ack);
            self
        }
    };
}
pub(crate) use tcp_option_builders;

/// What a hook is: it sees the network, with its family (`tcp4`), and the address, and may change
/// the options or refuse.
type Hook = dyn FnMut(&str, &str, &mut SocketOptions) -> Result<(), Cause> + Send;

/// A control hook; clones are the same hook, which is called by one thread at a time.
#[derive(Clone)]
pub(crate) struct Control(Arc<Mutex<Box<Hook>>>);

impl Control {
    pub(crate) fn new(
        hook: impl FnMut(&str, &str, &mut SocketOptions) -> Result<(), Cause> + Send + 'static,
    ) -> Self {
        Self(Arc::new(Mutex::new(Box::new(hook))))
    }

    /// Shows the options to the hook.
    pub(crate) fn call(
        &self,
        network: &str,
        address: &str,
        options: &mut SocketOptions,
    ) -> Result<(), Cause> {
        let mut hook = self.0.lock();
        hook(network, address, options)
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Control")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{KeepAliveConfig, SocketOptions};

    #[test]
    fn zero_times_and_counts_are_go_s_defaults() {
        let zero = KeepAliveConfig {
            enable: true,
            idle: Duration::ZERO,
            interval: Duration::ZERO,
            count: 0,
        };
        assert_eq!(zero.times(), KeepAliveConfig::default().times());
        assert_eq!(KeepAliveConfig::off().times(), None);
        let own = KeepAliveConfig::from(Duration::from_secs(60))
            .times()
            .unwrap();
        assert_eq!(own.idle, Duration::from_secs(60));
        assert_eq!(own.interval, Duration::from_secs(15));
        assert_eq!(own.probes_max, 9);
    }

    #[test]
    fn connections_begin_without_nagle_and_with_keep_alive() {
        let begun = SocketOptions::default().for_connection();
        assert_eq!(begun.no_delay, Some(true));
        assert!(matches!(begun.keep_alive, Some(Some(_))));
        let options = SocketOptions {
            keep_alive: Some(KeepAliveConfig::off()),
            ..SocketOptions::GO
        };
        let off = options.for_connection();
        assert_eq!(off.keep_alive, Some(None));
    }
}
