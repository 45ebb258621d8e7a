//! What happened and why: a closed set of typed events, each with the clause that explains it.
//!
//! Every part writes through [`Context::observe`](crate::context::Context::observe); captures,
//! `explain` views and tests read with [`Log::take`]. Nobody listening costs one comparison.

use alloc::collections::VecDeque;
use core::net::SocketAddr;

use crate::base::{Duration, Instant, SeqNumber};
use crate::call::ConnectionId;
use crate::discard::Discard;

/// The states of Figure 5 of RFC 9293, spelled as there. LISTEN belongs to listeners.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(missing_docs)]
pub enum State {
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

/// Why a segment is sent. The order is that of urgency in `tcp/output.rs`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SendReason {
    /// RFC 9293 §3.10.7: a segment that fits no connection, or an abort.
    Reset,
    /// RFC 9293 §3.10.1: SYN or SYN-ACK.
    Open,
    /// RFC 9293 §3.10.7.4: an acknowledgment that waits for nothing.
    AcknowledgeNow,
    /// RFC 9293 §3.8.6.3: an acknowledgment that waited for its timer.
    AcknowledgeDelayed,
    /// RFC 5961 §3 to §5: a challenge.
    Challenge,
    /// RFC 6298 §5.4: the retransmission timer expired.
    RetransmissionTimeout,
    /// RFC 5681 §3.2, RFC 6582 §3.2: the peer is missing this.
    FastRetransmit,
    /// RFC 9293 §3.8.6.1: the peer's window is zero.
    WindowProbe,
    /// RFC 9293 §3.8.4: are you still there?
    KeepAlive,
    /// RFC 9293 §3.8.6.2.2: the window has opened.
    WindowUpdate,
    /// RFC 9293 §3.10.2: text that was never sent before.
    NewText,
    /// RFC 9293 §3.10.4: no more text from us.
    Fin,
}

/// Why a name server is asked.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum NameQueryReason {
    /// A name is asked for, for the first time or of another server.
    Ask,
    /// The reply held an alias only, and its target is asked for.
    FollowAlias,
    /// The reply did not fit a datagram: the same over TCP.
    Truncated,
    /// The server does not know EDNS: the same without it.
    WithoutEdns,
    /// Replies with wrong IDs arrive: the same over TCP.
    Forged,
    /// The reply's letters have another case than the query's: the same over TCP.
    CaseLost,
    /// The connection ended before the reply came: the same over a new one.
    StreamEnded,
}

/// Something that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Observation {
    /// A packet was thrown away.
    Discarded {
        /// Why.
        reason: Discard,
    },
    /// A connection changed its state (RFC 9293 §3.3.2).
    StateChanged {
        /// Which one.
        connection: ConnectionId,
        /// The state it left.
        from: State,
        /// The state it is in.
        to: State,
        /// The clause that has it change.
        clause: &'static str,
    },
    /// A segment was handed to IP.
    SegmentSent {
        /// By which connection; `None` for a reset that belongs to none.
        connection: Option<ConnectionId>,
        /// To whom.
        remote: SocketAddr,
        /// SEG.SEQ.
        seq: SeqNumber,
        /// SEG.LEN.
        seg_len: u32,
        /// Why it was sent.
        reason: SendReason,
    },
    /// A timer of a connection fired (RFC 9293 §3.10.8).
    TimerFired {
        /// Which one.
        connection: ConnectionId,
        /// Which timer.
        timer: &'static str,
    },
    /// The retransmission timeout has a new value (RFC 6298).
    RetransmissionTimeoutChanged {
        /// Of which connection.
        connection: ConnectionId,
        /// The new value.
        rto: Duration,
    },
    /// The congestion window moved (RFC 5681).
    CongestionWindowChanged {
        /// Of which connection.
        connection: ConnectionId,
        /// The new window.
        cwnd_octets: u32,
        /// The slow start threshold.
        ssthresh_octets: u32,
        /// The clause that has it move.
        clause: &'static str,
    },
    /// The path MTU to a destination has a new value (RFC 1191, RFC 8201).
    PathMtuChanged {
        /// To whom.
        destination: core::net::IpAddr,
        /// Octets of the largest packet.
        mtu_octets: u16,
    },
    /// The resolver asks a name server (RFC 1035 §7.2).
    NameQuerySent {
        /// Whom.
        server: SocketAddr,
        /// TYPE of the records that are asked for.
        record_type: u16,
        /// Why.
        reason: NameQueryReason,
    },
}

impl Observation {
    /// The connection that it happened to, if it is about one.
    pub const fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::StateChanged { connection, .. }
            | Self::TimerFired { connection, .. }
            | Self::RetransmissionTimeoutChanged { connection, .. }
            | Self::CongestionWindowChanged { connection, .. } => Some(*connection),
            Self::SegmentSent { connection, .. } => *connection,
            Self::Discarded { .. } | Self::PathMtuChanged { .. } | Self::NameQuerySent { .. } => {
                None
            }
        }
    }

    /// The clause that explains it.
    pub const fn clause(&self) -> &'static str {
        match self {
            Self::Discarded { reason } => reason.clause(),
            Self::StateChanged { clause, .. } | Self::CongestionWindowChanged { clause, .. } => {
                clause
            }
            Self::SegmentSent { reason, .. } => reason.clause(),
            Self::TimerFired { .. } => "RFC 9293 §3.10.8",
            Self::RetransmissionTimeoutChanged { .. } => "RFC 6298 §2",
            Self::PathMtuChanged { .. } => "RFC 1191 §3, RFC 8201 §4",
            Self::NameQuerySent { reason, .. } => reason.clause(),
        }
    }
}

impl NameQueryReason {
    /// The clause that has us ask.
    pub const fn clause(self) -> &'static str {
        match self {
            Self::Ask => "RFC 1035 §7.2",
            Self::FollowAlias => "RFC 1034 §5.3.3",
            Self::Truncated => "RFC 2181 §9",
            Self::WithoutEdns => "RFC 6891 §6.2.2",
            Self::Forged => "RFC 5452 §9.3",
            Self::CaseLost => "draft-vixie-dnsext-dns0x20 §5",
            Self::StreamEnded => "RFC 7766 §6.2.4",
        }
    }
}

impl SendReason {
    /// The clause that has us send.
    pub const fn clause(self) -> &'static str {
        match self {
            Self::Reset => "RFC 9293 §3.5.2",
            Self::Open => "RFC 9293 §3.10.1",
            Self::AcknowledgeNow => "RFC 9293 §3.10.7.4",
            Self::AcknowledgeDelayed => "RFC 9293 §3.8.6.3",
            Self::Challenge => "RFC 5961 §3.2",
            Self::RetransmissionTimeout => "RFC 6298 §5.4",
            Self::FastRetransmit => "RFC 5681 §3.2",
            Self::WindowProbe => "RFC 9293 §3.8.6.1",
            Self::KeepAlive => "RFC 9293 §3.8.4",
            Self::WindowUpdate => "RFC 9293 §3.8.6.2.2",
            Self::NewText => "RFC 9293 §3.10.2",
            Self::Fin => "RFC 9293 §3.10.4",
        }
    }
}

/// Where observations go: nowhere, or into a bounded queue that somebody empties.
#[derive(Clone, Debug, Default)]
pub struct Log {
    entries: VecDeque<(Instant, Observation)>,
    /// Zero: nobody listens.
    entries_max: usize,
    lost: u64,
}

impl Log {
    /// Starts listening, keeping the newest `entries_max`; zero stops it.
    pub fn listen(&mut self, entries_max: usize) {
        self.entries_max = entries_max;
        self.entries.truncate(entries_max);
    }

    /// Writes down an observation; the oldest one makes room, and is counted as lost.
    pub fn write(&mut self, now: Instant, observation: impl FnOnce() -> Observation) {
        if self.entries_max == 0 {
            return;
        }
        if self.entries.len() == self.entries_max {
            self.entries.pop_front();
            self.lost += 1;
        }
        self.entries.push_back((now, observation()));
    }

    /// The oldest observation that nobody has read yet.
    pub fn take(&mut self) -> Option<(Instant, Observation)> {
        self.entries.pop_front()
    }

    /// How many observations nobody read before they had to make room.
    pub const fn lost(&self) -> u64 {
        self.lost
    }
}
