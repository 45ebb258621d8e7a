//! A connection that a listener began and whose handshake is not over: SYN-RECEIVED, as small as can
//! be (RFC 4987 §3.6, BAD-47).
//!
//! `arrives/listen.rs` makes it, `arrives/syn_received.rs` turns it into a [`Connection`],
//! `output.rs` sends its SYN-ACK and `timeout/retransmission.rs` repeats that. It owns no queue.

use alloc::sync::Arc;

use super::PathTo;
use super::challenge::ChallengeLimiter;
use super::connection::{Connection, NewConnection, Opening};
use super::ecn::{EcnState, syn_ack_flags};
use super::negotiate::Agreed;
use super::settings::Settings;
use super::timestamps::{TimestampState, ts_value};
use crate::base::{Instant, Key, SeqNumber};
use crate::call::{ConnectionId, ListenerId};
use crate::config::{Config, millis};
use crate::observe::{SendReason, State};
use crate::socket::FourTuple;
use crate::wire::tcp::{TcpFlags, TcpHeader};
use crate::wire::tcp_options::{FastOpen, TcpOptions, Timestamps};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct HalfOpen {
    /// Who began it.
    pub(crate) listener: ListenerId,
    /// The two ends.
    pub(crate) tuple: FourTuple,
    /// IRS.
    pub(crate) irs: SeqNumber,
    /// ISS.
    pub(crate) iss: SeqNumber,
    /// What the options agree on.
    pub(crate) agreed: Agreed,
    /// SEG.WND of the SYN.
    pub(crate) syn_wnd: u16,
    /// The MSS that we advertise.
    pub(crate) advertised_mss: u16,
    /// The way back.
    pub(crate) path: PathTo,
    /// The offset of our timestamp clock.
    pub(crate) timestamp_offset: u32,
    /// When the SYN arrived.
    pub(crate) began_at: Instant,
    /// How often the SYN-ACK was repeated.
    pub(crate) retransmissions: u32,
    /// Whether a SYN-ACK is to be sent, and why.
    pub(crate) owes_syn_ack: Option<SendReason>,
    /// Whether a bare ACK is to be sent, and why.
    pub(crate) owes_ack: Option<SendReason>,
    /// Whether it stands in the queue of those that may have something to send.
    pub(crate) is_ready: bool,
    /// How many answers to what may be forged.
    pub(crate) challenge: ChallengeLimiter,
    /// Its place in the SYN queue.
    pub(crate) place: u32,
    /// Whether it is to be answered at all.
    pub(crate) admitted: Admitted,
    /// Whether the user was told of it.
    pub(crate) was_told: bool,
    /// The cookie that its SYN-ACK brings (RFC 7413 §4.1.1).
    pub(crate) fast_open: Option<FastOpen>,
}

/// Whether a SYN is to be answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Admitted {
    /// It is.
    Yes,
    /// The user was asked and has not decided.
    Undecided,
}

impl HalfOpen {
    /// RCV.NXT.
    pub(crate) fn rcv_nxt(&self) -> SeqNumber {
        self.irs + 1
    }

    /// RCV.WND: never scaled in a SYN-ACK.
    pub(crate) fn rcv_wnd(&self, settings: &Settings) -> u32 {
        u32::try_from(settings.receive_buffer_octets.min(usize::from(u16::MAX))).unwrap_or(0)
    }

    /// When the next SYN-ACK is due, the last one having been sent at `now` (RFC 6298 §5).
    pub(crate) fn next_retransmission_at(&self, config: &Config, now: Instant) -> Instant {
        let rto = millis(config.rto_initial_ms)
            .saturating_mul(1 << self.retransmissions.min(16))
            .min(millis(config.rto_max_ms));
        let give_up_at = self.give_up_at(config);
        (now + rto).min(give_up_at)
    }

    /// When it is given up.
    pub(crate) fn give_up_at(&self, config: &Config) -> Instant {
        let patience = match self.admitted {
            Admitted::Yes => config.syn_ack_give_up_ms,
            Admitted::Undecided => config.syn_decision_ms,
        };
        self.began_at + millis(patience)
    }

    /// Whether it was tried for long enough, or often enough.
    pub(crate) fn gives_up(&self, config: &Config, now: Instant) -> bool {
        self.give_up_at(config) <= now
            || u64::from(self.retransmissions) >= config.syn_ack_retransmissions_max
    }

    /// <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>
    pub(crate) fn syn_ack(&self, settings: &Settings, now: Instant) -> TcpHeader {
        TcpHeader {
            seq: self.iss,
            window: self.rcv_wnd(settings) as u16,
            flags: TcpFlags::SYN
                .with(TcpFlags::ACK)
                .with(syn_ack_flags(self.agreed.ecn)),
            options: TcpOptions {
                mss: Some(self.advertised_mss),
                window_scale: self.agreed.shifts.map(|it| it.rcv),
                sack_permitted: self.agreed.sack,
                timestamps: self.timestamps(now),
                fast_open: self.fast_open,
                ..TcpOptions::default()
            },
            ..self.header()
        }
    }

    /// <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>
    pub(crate) fn bare_ack(&self, settings: &Settings, now: Instant) -> TcpHeader {
        let shift = self.agreed.shifts.map_or(0, |it| it.rcv);
        TcpHeader {
            seq: self.iss + 1,
            window: (self.rcv_wnd(settings) >> shift) as u16,
            flags: TcpFlags::ACK,
            options: TcpOptions {
                timestamps: self.timestamps(now),
                ..TcpOptions::default()
            },
            ..self.header()
        }
    }

    fn header(&self) -> TcpHeader {
        TcpHeader {
            source_port: self.tuple.local.port(),
            destination_port: self.tuple.remote.port(),
            ack: self.rcv_nxt(),
            ..TcpHeader::default()
        }
    }

    fn timestamps(&self, now: Instant) -> Option<Timestamps> {
        Some(Timestamps {
            value: ts_value(self.timestamp_offset, now),
            echo_reply: self.agreed.timestamps?,
        })
    }

    /// True if `value` is older than the timestamp of the SYN (PAWS).
    pub(crate) fn is_old(&self, value: u32, now: Instant) -> bool {
        self.agreed.timestamps.is_some_and(|ts_recent| {
            TimestampState::new(self.timestamp_offset, ts_recent, self.began_at).is_old(value, now)
        })
    }

    /// The connection that it becomes when its SYN-ACK is acknowledged, still in SYN-RECEIVED.
    pub(crate) fn into_connection(
        self,
        key: Key,
        settings: Arc<Settings>,
        config: &Config,
        now: Instant,
    ) -> Connection {
        let new = NewConnection {
            id: ConnectionId(key),
            tuple: self.tuple,
            opening: Opening::Passive(self.listener),
            iss: self.iss,
            timestamp_offset: self.timestamp_offset,
            settings,
            path_mtu_octets: self.path.path_mtu_octets,
            link_mtu_octets: self.path.link_mtu_octets,
        };
        let mut connection = Connection::new(new, State::SynReceived, config, now);
        connection.on_peer_syn(self.irs, &self.agreed, self.began_at);
        connection.rcv.window.advertise_unscaled(self.irs + 1);
        connection
            .snd
            .window
            .begin(self.irs, self.iss, self.syn_wnd);
        connection.snd.window.nxt = self.iss + 1;
        connection.ecn = EcnState::agreed(self.agreed.ecn);
        connection.attempts.timeouts = self.retransmissions;
        if self.retransmissions == 0 {
            // One SYN-ACK, one answer: a round trip (Karn's rule).
            connection
                .snd
                .in_flight
                .on_sent(self.iss + 1, self.began_at);
        }
        connection
    }
}
