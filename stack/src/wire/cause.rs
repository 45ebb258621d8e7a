//! Why a packet leaves, with the clause that has it leave. It travels with the packet.
//!
//! Whoever makes an [`Outgoing`](super::packet::Outgoing) names its cause, so no packet can leave
//! without one; [`Stack::next_packet`](crate::Stack::next_packet) tells it to those who observe.
//! Nothing is ever decided by it.

use crate::base::Key;

/// Why a packet leaves.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Cause {
    /// A segment of TCP.
    Segment {
        /// The key of its connection; `None` if it belongs to none.
        connection: Option<Key>,
        /// Why it is sent.
        reason: SendReason,
    },
    /// A user sends a datagram from the UDP socket with this key (RFC 768).
    Datagram {
        /// The socket's key.
        socket: Key,
    },
    /// A user sends a payload from the raw socket with this key.
    Payload {
        /// The socket's key.
        socket: Key,
    },
    /// An echo request arrived (RFC 1122 §3.2.2.6, RFC 4443 §4.2).
    EchoReply,
    /// A packet arrived for a port that nobody has (RFC 1122 §3.2.2.1, RFC 4443 §3.1).
    PortUnreachable,
    /// A packet arrived for a protocol that nobody has (RFC 1122 §3.2.2.1, RFC 8200 §4).
    ProtocolUnknown,
    /// A header field of an IPv6 packet could not be used (RFC 4443 §3.4).
    ParameterProblem,
    /// Fragments did not come in time (RFC 1122 §3.3.2, RFC 8200 §4.5).
    ReassemblyTimeout,
    /// Routers hear of the groups that we belong to (RFC 3376 §4.2, RFC 3810 §5.2).
    MembershipReport,
}

impl Cause {
    /// The clause that has it leave.
    pub const fn clause(self) -> &'static str {
        match self {
            Self::Segment { reason, .. } => reason.clause(),
            Self::Datagram { .. } => "RFC 768",
            Self::Payload { .. } => "RFC 1122 §3.4",
            Self::EchoReply => "RFC 1122 §3.2.2.6, RFC 4443 §4.2",
            Self::PortUnreachable => "RFC 1122 §3.2.2.1, RFC 4443 §3.1",
            Self::ProtocolUnknown => "RFC 1122 §3.2.2.1, RFC 8200 §4",
            Self::ParameterProblem => "RFC 4443 §3.4",
            Self::ReassemblyTimeout => "RFC 1122 §3.3.2, RFC 8200 §4.5",
            Self::MembershipReport => "RFC 3376 §4.2, RFC 3810 §5.2",
        }
    }

    /// What it is, in a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Segment { reason, .. } => reason.words(),
            Self::Datagram { .. } => "the application sends a datagram",
            Self::Payload { .. } => "the application sends a payload from a raw socket",
            Self::EchoReply => "an echo request is answered",
            Self::PortUnreachable => "nobody has that port",
            Self::ProtocolUnknown => "nobody has that protocol",
            Self::ParameterProblem => "a header field could not be used",
            Self::ReassemblyTimeout => "fragments did not come in time",
            Self::MembershipReport => "routers hear of our groups",
        }
    }
}

/// Why a segment is sent.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SendReason {
    /// RFC 9293 §3.5.2: a segment arrived that fits no connection, or that acknowledges what was
    /// never sent.
    Reset,
    /// RFC 9293 §3.10.5: ABORT, or a close while text has no reader.
    Abort,
    /// RFC 9293 §3.10.1: SYN or SYN-ACK.
    Open,
    /// RFC 6298 §5: SYN or SYN-ACK again, because nobody answered or the peer repeats its own.
    OpenAgain,
    /// RFC 4987 §3.6: a SYN-ACK whose number is a cookie; nothing is kept of it.
    OpenCookie,
    /// RFC 7413 §4.2: a SYN, or SYN-ACK, that carries text or answers one that does.
    OpenFast,
    /// RFC 9293 §3.10.7.4: an acknowledgment that waits for nothing.
    AcknowledgeNow,
    /// RFC 9293 §3.8.6.3: text of two full segments has arrived.
    AcknowledgeSecond,
    /// RFC 5681 §4.2: text arrived out of order, or filled a hole.
    AcknowledgeOutOfOrder,
    /// RFC 9293 §3.10.7.4, eighth: the peer's FIN.
    AcknowledgeFin,
    /// RFC 9293 §3.10.7.4, first: text that had arrived before, or that does not fit the window.
    AcknowledgeUnacceptable,
    /// RFC 9293 §3.8.6.3: an acknowledgment that waited for its timer.
    AcknowledgeDelayed,
    /// RFC 5961 §3.2: a challenge to whoever sent a RST that is not exactly right.
    ChallengeReset,
    /// RFC 5961 §4.2: a challenge to whoever sent a SYN.
    ChallengeSyn,
    /// RFC 5961 §5.2: a challenge to whoever acknowledged what cannot be.
    ChallengeAck,
    /// RFC 6298 §5.4: the retransmission timer expired.
    RetransmissionTimeout,
    /// RFC 5681 §3.2, RFC 6582 §3.2, RFC 8985 §6.2: the peer is missing this.
    FastRetransmit,
    /// RFC 8985 §7.3: has the end of the flight arrived?
    TailLossProbe,
    /// RFC 1191 §6.4, RFC 8201 §5.4: it was too big for the path, or the peer's window was closed.
    Refit,
    /// RFC 9293 §3.8.6.1: the peer's window is zero.
    WindowProbe,
    /// RFC 9293 §3.8.4: are you still there?
    KeepAlive,
    /// RFC 9293 §3.8.6.2.2: the window has opened.
    WindowUpdate,
    /// RFC 9293 §3.10.2: text that was never sent before.
    NewText,
    /// RFC 4821 §7.4: text in a segment larger than the path is known to take.
    PathProbe,
    /// RFC 9293 §3.10.4: no more text from us.
    Fin,
}

impl SendReason {
    /// The clause that has us send.
    pub const fn clause(self) -> &'static str {
        match self {
            Self::Reset => "RFC 9293 §3.5.2",
            Self::Abort => "RFC 9293 §3.10.5",
            Self::Open => "RFC 9293 §3.10.1",
            Self::OpenAgain => "RFC 6298 §5",
            Self::OpenCookie => "RFC 4987 §3.6",
            Self::OpenFast => "RFC 7413 §4.2",
            Self::AcknowledgeNow => "RFC 9293 §3.10.7.4",
            Self::AcknowledgeSecond => "RFC 9293 §3.8.6.3, SHLD-19",
            Self::AcknowledgeOutOfOrder => "RFC 5681 §4.2",
            Self::AcknowledgeFin => "RFC 9293 §3.10.7.4, eighth",
            Self::AcknowledgeUnacceptable => "RFC 9293 §3.10.7.4, first",
            Self::AcknowledgeDelayed => "RFC 9293 §3.8.6.3",
            Self::ChallengeReset => "RFC 5961 §3.2",
            Self::ChallengeSyn => "RFC 5961 §4.2",
            Self::ChallengeAck => "RFC 5961 §5.2",
            Self::RetransmissionTimeout => "RFC 6298 §5.4",
            Self::FastRetransmit => "RFC 5681 §3.2",
            Self::TailLossProbe => "RFC 8985 §7.3",
            Self::Refit => "RFC 1191 §6.4",
            Self::WindowProbe => "RFC 9293 §3.8.6.1",
            Self::KeepAlive => "RFC 9293 §3.8.4",
            Self::WindowUpdate => "RFC 9293 §3.8.6.2.2",
            Self::NewText => "RFC 9293 §3.10.2",
            Self::PathProbe => "RFC 4821 §7.4",
            Self::Fin => "RFC 9293 §3.10.4",
        }
    }

    /// What it is, in a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Reset => "reset: the segment fits no connection",
            Self::Abort => "reset: the connection is aborted",
            Self::Open => "open",
            Self::OpenAgain => "open, again",
            Self::OpenCookie => "SYN cookie",
            Self::OpenFast => "open, with text",
            Self::AcknowledgeNow => "acknowledgment at once",
            Self::AcknowledgeSecond => "acknowledgment of two full segments",
            Self::AcknowledgeOutOfOrder => "acknowledgment of text out of order or filling a hole",
            Self::AcknowledgeFin => "acknowledgment of a FIN",
            Self::AcknowledgeUnacceptable => "acknowledgment of what is not acceptable",
            Self::AcknowledgeDelayed => "delayed acknowledgment",
            Self::ChallengeReset => "challenge ACK for a RST",
            Self::ChallengeSyn => "challenge ACK for a SYN",
            Self::ChallengeAck => "challenge ACK for an acknowledgment",
            Self::RetransmissionTimeout => "retransmission after a timeout",
            Self::FastRetransmit => "fast retransmit",
            Self::TailLossProbe => "tail loss probe",
            Self::Refit => "sent again in another size, or into an open window",
            Self::WindowProbe => "window probe",
            Self::KeepAlive => "keep-alive probe",
            Self::WindowUpdate => "window update",
            Self::NewText => "new text",
            Self::PathProbe => "new text in a larger segment, to try the path",
            Self::Fin => "FIN",
        }
    }
}
