//! SEGMENT ARRIVES where there is no connection: the CLOSED state of RFC 9293 §3.10.7.1.
//!
//! `input.rs` calls it when neither a connection nor a listener wants a segment. No state is made
//! (BAD-48).

use super::Verdict;
use crate::discard::Discard;

/// "All data in the incoming segment is discarded. An incoming segment containing a RST is discarded.
/// An incoming segment not containing a RST causes a RST to be sent in response."
pub(crate) const fn segment_arrives() -> Verdict {
    Verdict::Refused(Discard::TcpNoConnection)
}
