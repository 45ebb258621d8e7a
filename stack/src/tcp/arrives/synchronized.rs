//! SEGMENT ARRIVES in SYN-RECEIVED and all later states (RFC 9293 §3.10.7.4).
//!
//! `input.rs` calls it. The order of the checks is the RFC's and must stay so.

use core::ops::ControlFlow;

use super::Verdict;
use super::check_ack::check_ack;
use super::check_fin::check_fin;
use super::check_reset::check_reset;
use super::check_sequence::check_sequence;
use super::check_syn::check_syn;
use super::check_urgent::check_urgent;
use super::take_text::take_text;
use crate::context::Context;
use crate::tcp::connection::Connection;
use crate::tcp::segment::Segment;

/// The eight checks of RFC 9293 §3.10.7.4, in its order.
///
/// Every check may end the walk with a [`Verdict`]. No check knows of another one: whatever must
/// hold between two of them is a field of [`Connection`].
pub(crate) fn segment_arrives(
    connection: &mut Connection,
    segment: &mut Segment,
    cx: &mut Context<'_>,
) -> ControlFlow<Verdict> {
    check_sequence(connection, segment, cx)?; // first; also trims the segment to the window
    check_reset(connection, segment, cx)?; // second
    // Third, security: we offer no compartments, so all match.
    check_syn(connection, segment, cx)?; // fourth
    check_ack(connection, segment, cx)?; // fifth
    check_urgent(connection, segment)?; // sixth
    take_text(connection, segment, cx)?; // seventh
    check_fin(connection, segment, cx) // eighth
}
