//! What happened and why: a closed set of typed events, each with the clause that explains it.
//!
//! Every part writes through [`Context::observe`](crate::context::Context::observe); captures,
//! `explain` views and tests read with [`Log::take`]. Nobody listening costs one comparison.

use alloc::collections::VecDeque;
use core::net::SocketAddr;

use crate::base::{Duration, Instant, SeqNumber};
use crate::call::ConnectionId;
use crate::discard::Discard;
use crate::event::{ConnectionError, SoftError};
use crate::status::CongestionMode;
pub use crate::wire::cause::{Cause, SendReason};

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

/// The timers of a connection (RFC 9293 §3.10.8, and those that other sections add).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Timer {
    /// RFC 6298 §5.
    Retransmission,
    /// RFC 9293 §3.8.6.1: the peer's window is zero. Also the override of §3.8.6.2.1.
    Persist,
    /// RFC 9293 §3.8.6.3.
    DelayedAck,
    /// RFC 9293 §3.8.4.
    KeepAlive,
    /// RFC 9293 §3.8.3: R2 as a time; and the limits of connections without a user.
    User,
    /// RFC 9293 §3.6.1: 2 MSL.
    TimeWait,
    /// draft-ietf-ccwg-bbr §5.6.2: the pace lets more text out.
    Pacing,
    /// RFC 8985 §6.2: what waits behind something newer that arrived is lost by now.
    Reordering,
    /// RFC 8985 §7: an acknowledgment of the tail is overdue.
    TailLossProbe,
}

impl Timer {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retransmission => "retransmission",
            Self::Persist => "persist",
            Self::DelayedAck => "delayed ACK",
            Self::KeepAlive => "keep-alive",
            Self::User => "user timeout",
            Self::TimeWait => "TIME-WAIT",
            Self::Pacing => "pacing",
            Self::Reordering => "reordering",
            Self::TailLossProbe => "tail loss probe",
        }
    }

    /// The clause that has it.
    pub const fn clause(self) -> &'static str {
        match self {
            Self::Retransmission => "RFC 6298 §5",
            Self::Persist => "RFC 9293 §3.8.6.1",
            Self::DelayedAck => "RFC 9293 §3.8.6.3",
            Self::KeepAlive => "RFC 9293 §3.8.4",
            Self::User => "RFC 9293 §3.8.3",
            Self::TimeWait => "RFC 9293 §3.6.1",
            Self::Pacing => "draft-ietf-ccwg-bbr §5.6.2",
            Self::Reordering => "RFC 8985 §6.2",
            Self::TailLossProbe => "RFC 8985 §7.2",
        }
    }
}

/// What came of a Fast Open of ours (RFC 7413 §4.2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum FastOpenOutcome {
    /// The server took text of the SYN.
    TextTaken,
    /// It acknowledged the SYN only: the text is sent again.
    TextIgnored,
    /// It gave the cookie that we asked for.
    CookieGiven,
    /// It gave none.
    NoCookie,
    /// Nobody answered the SYN; the next one is a plain one.
    Unanswered,
}

impl FastOpenOutcome {
    /// What it is, in a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::TextTaken => "the text of the SYN was taken",
            Self::TextIgnored => "the text of the SYN is sent again",
            Self::CookieGiven => "a cookie was given",
            Self::NoCookie => "no cookie was given",
            Self::Unanswered => "nobody answered the SYN",
        }
    }
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
    /// A packet leaves: the last observation of the call of
    /// [`next_packet`](crate::Stack::next_packet) that returns it. The pieces of a superpacket that
    /// is cut here, and fragments, have the same cause.
    PacketSent {
        /// Why.
        cause: Cause,
        /// Octets of the packet.
        octets: u32,
    },
    /// A connection ended before its time, and its user is told so.
    Failed {
        /// Which one.
        connection: ConnectionId,
        /// Why.
        error: ConnectionError,
        /// The clause that has it end.
        clause: &'static str,
    },
    /// ICMP, or the peer's silence, told of trouble that may pass (RFC 9293 §3.9.1.8).
    SoftError {
        /// Of which connection.
        connection: ConnectionId,
        /// What.
        error: SoftError,
    },
    /// A timer of a connection fired (RFC 9293 §3.10.8).
    TimerFired {
        /// Which one.
        connection: ConnectionId,
        /// Which timer.
        timer: Timer,
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
    /// What came of a Fast Open of ours (RFC 7413 §4.2).
    FastOpen {
        /// Of which connection.
        connection: ConnectionId,
        /// What.
        outcome: FastOpenOutcome,
    },
    /// Timeouts in a row: full segments seem to vanish on the way, so smaller ones are sent.
    BlackHoleSuspected {
        /// By which connection.
        connection: ConnectionId,
        /// Octets of the largest packet from now on.
        mtu_octets: u16,
    },
    /// SMSS changed with the path MTU.
    SegmentSizeChanged {
        /// Of which connection.
        connection: ConnectionId,
        /// The new one.
        smss_octets: u32,
    },
    /// The peer's user timeout is followed.
    UserTimeoutAdopted {
        /// By which connection.
        connection: ConnectionId,
        /// USER_TIMEOUT.
        timeout: Duration,
    },
    /// The receive buffer grew with what the application takes in a round trip.
    ReceiveBufferGrew {
        /// Of which connection.
        connection: ConnectionId,
        /// Its new size.
        buffer_octets: u64,
    },
    /// Congestion control goes about it in another way.
    CongestionModeChanged {
        /// Of which connection.
        connection: ConnectionId,
        /// What it did.
        from: CongestionMode,
        /// What it does now.
        to: CongestionMode,
    },
    /// Octets in flight are known to be lost.
    LossDetected {
        /// Of which connection.
        connection: ConnectionId,
        /// How many, beyond those that were known to be.
        octets: u32,
        /// The clause by which.
        clause: &'static str,
    },
    /// Recovery was a mistake: nothing was lost, and the reduction is undone (RFC 4015).
    RecoveryUndone {
        /// Of which connection.
        connection: ConnectionId,
        /// The clause that shows it.
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
            | Self::Failed { connection, .. }
            | Self::SoftError { connection, .. }
            | Self::RetransmissionTimeoutChanged { connection, .. }
            | Self::FastOpen { connection, .. }
            | Self::ReceiveBufferGrew { connection, .. }
            | Self::UserTimeoutAdopted { connection, .. }
            | Self::BlackHoleSuspected { connection, .. }
            | Self::SegmentSizeChanged { connection, .. }
            | Self::CongestionWindowChanged { connection, .. }
            | Self::CongestionModeChanged { connection, .. }
            | Self::LossDetected { connection, .. }
            | Self::RecoveryUndone { connection, .. } => Some(*connection),
            Self::SegmentSent { connection, .. } => *connection,
            // What a connection sent is told by `SegmentSent`, once for a superpacket.
            Self::PacketSent { .. }
            | Self::Discarded { .. }
            | Self::PathMtuChanged { .. }
            | Self::NameQuerySent { .. } => None,
        }
    }

    /// The clause that explains it.
    pub const fn clause(&self) -> &'static str {
        match self {
            Self::Discarded { reason } => reason.clause(),
            Self::StateChanged { clause, .. }
            | Self::CongestionWindowChanged { clause, .. }
            | Self::LossDetected { clause, .. }
            | Self::RecoveryUndone { clause, .. }
            | Self::Failed { clause, .. } => clause,
            Self::PacketSent { cause, .. } => cause.clause(),
            Self::SoftError { .. } => "RFC 9293 §3.9.1.8",
            Self::SegmentSent { reason, .. } => reason.clause(),
            Self::TimerFired { timer, .. } => timer.clause(),
            Self::CongestionModeChanged { to, .. } => to.clause(),
            Self::RetransmissionTimeoutChanged { .. } => "RFC 6298 §2",
            Self::FastOpen { .. } => "RFC 7413 §4.2",
            Self::BlackHoleSuspected { .. } => "RFC 4821 §7.7, RFC 8899 §4.3",
            Self::SegmentSizeChanged { .. } => "RFC 1191 §6.4, RFC 4821 §7.6",
            Self::UserTimeoutAdopted { .. } => "RFC 5482 §3.1",
            Self::ReceiveBufferGrew { .. } => "RFC 9293 §3.8.6, RFC 7323 §2",
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

impl Cause {
    /// The connection whose segment it is, if it is one's.
    pub const fn connection(self) -> Option<ConnectionId> {
        match self {
            Self::Segment {
                connection: Some(key),
                ..
            } => Some(ConnectionId(key)),
            Self::Segment {
                connection: None, ..
            }
            | Self::Datagram { .. }
            | Self::Payload { .. }
            | Self::EchoReply
            | Self::PortUnreachable
            | Self::ProtocolUnknown
            | Self::ParameterProblem
            | Self::ReassemblyTimeout
            | Self::MembershipReport => None,
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
