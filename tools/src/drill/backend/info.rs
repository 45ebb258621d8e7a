//! The fields of `struct tcp_info`, by name (linux/tcp.h), and the numbers of Linux's interface.
//!
//! Assertions of scripts read them. A back end fills in what it knows; an assertion over a field that
//! it does not know fails with the field's name instead of comparing with an invented number.

use std::collections::BTreeMap;
use std::time::Duration;

use sidestep_stack::Instant;
use sidestep_stack::observe::State;
use sidestep_stack::status::{RecoveryPhase, Status};

/// What `TCP_INFO` says. Times are microseconds where Linux has microseconds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TcpInfo(BTreeMap<&'static str, i64>);

impl TcpInfo {
    /// Nothing is known.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// `name`, such as `tcpi_snd_cwnd`, is `value`.
    pub fn set(&mut self, name: &'static str, value: impl TryInto<i64>) {
        self.0.insert(name, value.try_into().unwrap_or(i64::MAX));
    }

    /// The value of `name`, if it is known.
    pub fn get(&self, name: &str) -> Option<i64> {
        self.0.get(name).copied()
    }

    /// All that is known, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, i64)> {
        self.0.iter().map(|(name, value)| (*name, *value))
    }
}

/// The number of a state in Linux's `enum` (include/net/tcp_states.h).
pub const fn state_number(state: State) -> i64 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => 7,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Listen => 10,
        State::Closing => 11,
    }
}

/// What is known of a socket without a connection.
pub fn of_state(state: State) -> TcpInfo {
    let mut info = TcpInfo::new();
    info.set("tcpi_state", state_number(state));
    info
}

/// Linux's infinite `ssthresh`.
const SSTHRESH_UNKNOWN: i64 = 0x7fff_ffff;

/// What STATUS knows, in Linux's terms. Linux counts segments where we count octets; a count is that of
/// segments of SND.MSS, a started one counted whole. Without `now`, how long ago things happened is
/// not known.
pub fn of_status(status: &Status, now: Option<Instant>) -> TcpInfo {
    let mut info = of_state(status.state);
    let mss = u64::from(status.snd_mss.max(1));
    let segments = |octets: u64| octets.div_ceil(mss);
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);

    let phase = match status.recovery_phase {
        RecoveryPhase::Open if status.duplicate_acks > 0 => 1,
        RecoveryPhase::Open => 0,
        RecoveryPhase::FastRecovery => 3,
        RecoveryPhase::Resending => 4,
    };
    info.set("tcpi_ca_state", phase);
    info.set("tcpi_retransmits", status.timeouts);
    info.set(
        "tcpi_probes",
        status
            .window_probes
            .saturating_add(status.keep_alive_probes),
    );
    info.set("tcpi_backoff", status.backoffs);
    let agreed = [
        (status.timestamps, 1),
        (status.sack, 2),
        (status.window_scaling, 4),
    ];
    let options: i64 = agreed.iter().filter(|it| it.0).map(|it| it.1).sum();
    info.set("tcpi_options", options);
    info.set("tcpi_snd_wscale", status.snd_wind_shift);
    info.set("tcpi_rcv_wscale", status.rcv_wind_shift);

    info.set("tcpi_rto", micros(status.rto));
    info.set("tcpi_snd_mss", status.snd_mss);
    info.set("tcpi_rcv_mss", status.rcv_mss);
    info.set("tcpi_advmss", status.advertised_mss);
    info.set("tcpi_pmtu", status.path_mtu_octets);
    info.set("tcpi_unacked", segments(u64::from(status.in_flight_octets)));
    info.set("tcpi_sacked", segments(u64::from(status.sacked_octets)));
    info.set("tcpi_total_retrans", status.retransmissions);
    info.set("tcpi_total_rto", status.timeouts_total);

    info.set("tcpi_rtt", status.srtt.map_or(0, micros));
    info.set("tcpi_rttvar", status.rttvar.map_or(0, micros));
    info.set("tcpi_snd_cwnd", segments(u64::from(status.cwnd_octets)));
    let ssthresh = u64::from(status.ssthresh_octets);
    if ssthresh >= 1 << 30 {
        info.set("tcpi_snd_ssthresh", SSTHRESH_UNKNOWN);
    } else {
        info.set("tcpi_snd_ssthresh", segments(ssthresh));
    }
    info.set("tcpi_rcv_space", status.rcv_wnd);
    info.set("tcpi_snd_wnd", status.snd_wnd);
    info.set("tcpi_rcv_wnd", status.rcv_wnd);
    info.set("tcpi_bytes_acked", status.acked_octets);
    info.set("tcpi_bytes_received", status.received_octets);
    info.set("tcpi_notsent_bytes", status.unsent_octets as u64);
    let Some(now) = now else {
        return info;
    };
    if let Some(at) = status.last_sent_at {
        info.set("tcpi_last_data_sent", now.since(at).as_millis() as u64);
    }
    let heard = now.since(status.last_heard_at).as_millis() as u64;
    info.set("tcpi_last_data_recv", heard);
    info.set("tcpi_last_ack_recv", heard);
    info
}
