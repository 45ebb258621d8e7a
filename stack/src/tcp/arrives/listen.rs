//! SEGMENT ARRIVES in LISTEN (RFC 9293 §3.10.7.2).
//!
//! `input.rs` calls it with the listener that a segment reached. A SYN makes a [`HalfOpen`], which is
//! much less than a connection; text and FIN on it are not acknowledged, so the peer repeats them
//! (9293-S04).

use core::ops::ControlFlow;

use super::Verdict;
use crate::base::SeqNumber;
use crate::context::Context;
use crate::discard::Discard;
use crate::observe::SendReason;
use crate::tcp::PathTo;
use crate::tcp::connection::mss_least;
use crate::tcp::ecn::answer_to_syn;
use crate::tcp::half_open::{Admitted, HalfOpen};
use crate::tcp::listener::Listener;
use crate::tcp::negotiate::{self, Agreed};
use crate::tcp::segment::Segment;
use crate::wire::tcp::TcpFlags;

/// What a SYN needs to become a [`HalfOpen`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning {
    /// ISS.
    pub(crate) iss: SeqNumber,
    /// The offset of our timestamp clock for these ends.
    pub(crate) timestamp_offset: u32,
    /// The way back.
    pub(crate) path: PathTo,
}

/// The first three checks: only a plain SYN goes on.
pub(crate) fn check_segment(segment: &Segment) -> ControlFlow<Verdict> {
    // First, RST: "should be ignored".
    if segment.has(TcpFlags::RST) {
        return ControlFlow::Break(Verdict::Dropped(Discard::TcpNotForListener));
    }
    // Second, ACK: "any acknowledgment is bad if it arrives on a connection still in LISTEN".
    if segment.has(TcpFlags::ACK) {
        return ControlFlow::Break(Verdict::Refused(Discard::TcpNotForListener));
    }
    // Third, SYN. A SYN with FIN is no way to begin (BAD-43).
    if !segment.has(TcpFlags::SYN) || segment.has(TcpFlags::FIN) {
        return ControlFlow::Break(Verdict::Dropped(Discard::TcpNotForListener));
    }
    ControlFlow::Continue(())
}

/// The half-open connection that a SYN brings about.
pub(crate) fn begin(
    listener: &Listener,
    segment: &Segment,
    beginning: &Beginning,
    cx: &Context<'_>,
) -> HalfOpen {
    let remote = segment.tuple.remote.ip();
    let shift = negotiate::shift_for(listener.settings.receive_buffer_octets_max);
    let least = mss_least(cx.config);
    HalfOpen {
        listener: listener.id,
        tuple: segment.tuple,
        irs: segment.seq,
        iss: beginning.iss,
        agreed: Agreed {
            ecn: answer_to_syn(listener.settings.ecn, segment.flags),
            ..negotiate::agree(&segment.options, shift, remote, least)
        },
        syn_wnd: segment.wnd,
        advertised_mss: negotiate::advertised_mss(remote, beginning.path.link_mtu_octets, least)
            .min(listener.settings.mss_octets_max),
        path: beginning.path,
        timestamp_offset: beginning.timestamp_offset,
        began_at: cx.now,
        retransmissions: 0,
        owes_syn_ack: Some(SendReason::Open),
        owes_ack: None,
        is_ready: false,
        challenge: crate::tcp::challenge::ChallengeLimiter::default(),
        place: 0,
        admitted: Admitted::Yes,
        was_told: false,
        fast_open: None,
    }
}
