//! SEGMENT ARRIVES: RFC 9293 §3.10.7, one file for each of its parts.
//!
//! `input.rs` finds the connection or listener and carries out what these files answer. None of them
//! sends anything: they change a connection, or say what is to be done.

pub(crate) mod check_ack;
pub(crate) mod check_fin;
pub(crate) mod check_reset;
pub(crate) mod check_sequence;
pub(crate) mod check_syn;
pub(crate) mod check_urgent;
pub(crate) mod closed;
pub(crate) mod congestion;
pub(crate) mod fast_open;
pub(crate) mod listen;
pub(crate) mod loss;
pub(crate) mod syn_received;
pub(crate) mod syn_sent;
pub(crate) mod synchronized;
pub(crate) mod take_text;

use crate::discard::Discard;

/// How the walk through the checks ended before its time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// The segment is dropped; an acknowledgment, if one is due, is noted in the connection.
    Dropped(Discard),
    /// The segment is dropped and answered by a RST that fits it (RFC 9293 §3.5.2).
    Refused(Discard),
    /// The segment was taken; the connection ended with it (RST, or the ACK of our last FIN).
    Ended,
    /// Text arrived that nobody will read: the connection is aborted (RFC 9293 §3.6.1, SHLD-3).
    Unread,
    /// A SYN that begins a new incarnation: the old one makes room (RFC 6191 §2).
    Reopens,
}
