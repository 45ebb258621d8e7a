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

pub use sidestep_stack::call::ReusePort;

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
    /// TCP: the connection fails when octets were unacknowledged for so long (RFC 5482).
    pub user_timeout: Option<Duration>,
    /// Whether the port may have several owners.
    pub reuse_port: ReusePort,
}

impl SocketOptions {
    /// What connections of this crate begin with.
    pub(crate) fn with_keep_alive(keep_alive: KeepAliveConfig) -> Self {
        Self {
            keep_alive: Some(keep_alive),
            ..Self::default()
        }
    }

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
            ..ConnectionOptions::default()
        }
    }
}

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
        let off = SocketOptions::with_keep_alive(KeepAliveConfig::off()).for_connection();
        assert_eq!(off.keep_alive, Some(None));
    }
}
