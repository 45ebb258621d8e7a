//! How the stack of a host is set: controller, ECN, pacing, path MTU, SYN cookies.
//!
//! [`Plan::of`](super::Plan::of) chooses it for each host, and [`world`](super::Plan::world) sets it.
//! Connections may choose another controller and another use of ECN.

use sidestep_stack::Config;

use super::chooser::Chooser;

/// A cookie is good for at least so long in a plan: ten minutes of losses end no handshake.
const COOKIE_PERIOD_MS: u64 = 600_000;

/// Values of [`Config`], by the names that they have there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HostSettings {
    /// 0 is Reno, 1 CUBIC, 2 BBR.
    pub congestion_algorithm: u64,
    /// 0 is off, 1 asks and answers, 2 answers only.
    pub ecn: u64,
    /// Whether Reno and CUBIC are paced.
    pub pacing: u64,
    /// 0 never, 1 once full segments seem to vanish, 2 from the start. A link that tells nobody what
    /// is too big needs one of the last two.
    pub mtu_probing: u64,
    /// 1 when the SYN queue is full, 2 always.
    pub syn_cookies_mode: u64,
}

impl HostSettings {
    pub(super) fn of(later: &mut Chooser) -> Self {
        Self {
            congestion_algorithm: later.one_of(1, &[0, 2]),
            ecn: later.one_of(2, &[0, 1, 1]),
            pacing: later.one_of(0, &[0, 1]),
            mtu_probing: later.one_of(1, &[1, 2]),
            syn_cookies_mode: later.one_of(1, &[1, 1, 2]),
        }
    }

    /// True if it keeps nothing of a connection before its first acknowledgment.
    pub(super) const fn answers_with_cookies(&self) -> bool {
        self.syn_cookies_mode == 2
    }

    /// It does after all, as by default.
    pub(super) const fn keep_half_open_connections(&mut self) {
        self.syn_cookies_mode = 1;
    }

    pub(super) const fn set(&self, config: &mut Config) {
        config.congestion_algorithm = self.congestion_algorithm;
        config.ecn = self.ecn;
        config.pacing = self.pacing;
        config.mtu_probing = self.mtu_probing;
        config.syn_cookies_mode = self.syn_cookies_mode;
        config.syn_cookie_period_ms = COOKIE_PERIOD_MS;
    }
}
