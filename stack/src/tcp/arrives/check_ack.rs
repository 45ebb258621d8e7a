//! Fifth, check the ACK field (RFC 9293 §3.10.7.4, RFC 5961 §5.2).
//!
//! Called by `synchronized.rs`. Here an acknowledgment becomes an [`AckSample`] and goes from the
//! sending half to the estimator of round trips, loss recovery and congestion control.

use core::ops::ControlFlow;

use super::{Verdict, congestion, loss};
use crate::base::{Duration, Instant};
use crate::context::Context;
use crate::discard::Discard;
use crate::observe::{Observation, SendReason, State};
use crate::tcp::connection::Connection;
use crate::tcp::recovery::{LossRecovery, ResendAll};
use crate::tcp::sample::AckSample;
use crate::tcp::segment::Segment;
use crate::tcp::send::window::AckStanding;
use crate::tcp::state;
use crate::tcp::timers::Timer;
use crate::wire::tcp::TcpFlags;
use crate::wire::tcp_options::SackBlocks;

const FIFTH: &str = "RFC 9293 §3.10.7.4, fifth";

/// See the module.
pub(crate) fn check_ack(
    connection: &mut Connection,
    segment: &Segment,
    cx: &mut Context<'_>,
) -> ControlFlow<Verdict> {
    if !segment.has(TcpFlags::ACK) {
        return ControlFlow::Break(Verdict::Dropped(Discard::TcpNoAck));
    }
    let standing = connection.snd.window.standing_of(segment.ack);
    if connection.state == State::SynReceived {
        if standing != AckStanding::New {
            return ControlFlow::Break(Verdict::Refused(Discard::TcpUnacceptableAck));
        }
        our_syn_is_acked(connection, segment, cx);
    } else {
        match standing {
            AckStanding::TooOld | AckStanding::Future => {
                connection.challenge(SendReason::ChallengeAck, cx);
                return ControlFlow::Break(Verdict::Dropped(Discard::TcpUnacceptableAck));
            }
            AckStanding::New | AckStanding::Repeated => take_ack(connection, segment, cx),
            // Old news, but for what it reports; its text may still be new.
            AckStanding::Old => take_late_reports(connection, segment, cx),
        }
    }
    hear(connection, segment, cx);
    connection.hear_user_timeout(segment, cx);
    our_fin_may_be_acked(connection, cx)
}

/// SYN-RECEIVED to ESTABLISHED.
fn our_syn_is_acked(connection: &mut Connection, segment: &Segment, cx: &mut Context<'_>) {
    let (una, nxt) = (connection.snd.iss + 1, connection.snd.window.nxt);
    let round_trip = connection.snd.in_flight.on_acked(una, nxt, cx.now);
    if let Some(round_trip) = round_trip {
        connection.rtt.on_sample(round_trip);
        connection.rtt.on_least(round_trip, cx.now);
    }
    connection.snd.window.acknowledge(una);
    connection.timers.stop(Timer::Retransmission);
    connection.on_synchronized("RFC 9293 §3.10.7.4, fifth", cx);
    connection
        .snd
        .window
        .update(segment.seq, segment.ack, segment.wnd);
    connection.take_ack_beyond_syn(segment, cx);
}

/// An acknowledgment at or beyond SND.UNA.
pub(crate) fn take_ack(connection: &mut Connection, segment: &Segment, cx: &mut Context<'_>) {
    let window = &mut connection.snd.window;
    let una_before = window.una;
    let wnd_before = window.wnd();
    let was_closed = window.wnd() == 0;
    window.acknowledge(segment.ack);
    window.update(segment.seq, segment.ack, segment.wnd);
    let sample = AckSample {
        una_before,
        ack: segment.ack,
        nxt: window.nxt,
        smss: connection.smss(),
        is_duplicate: una_before == segment.ack
            && una_before != connection.snd.window.nxt
            && segment.seg_len() == 0
            && wnd_before == connection.snd.window.wnd(),
        clock: loss::clock(connection, cx),
        echoed_at: echoed_at(connection, segment, cx),
    };
    take_sample(
        connection,
        segment.flags,
        &sample,
        &segment.options.sack,
        cx,
    );
    let opened = was_closed && connection.snd.window.wnd() > 0;
    if opened && sample.acked_octets() == 0 {
        on_window_opened(connection);
    }
}

/// An acknowledgment below SND.UNA was overtaken. "Upon the receipt of any ACK containing SACK
/// information, the scoreboard MUST be updated" (RFC 6675 §5): with what stands above SND.UNA. What lies
/// below may have been a duplicate then or not, and nobody can tell any more.
fn take_late_reports(connection: &mut Connection, segment: &Segment, cx: &mut Context<'_>) {
    let una = connection.snd.window.una;
    let mut reports = SackBlocks::new();
    for block in segment.options.sack.as_slice() {
        if una.is_before(block.left) {
            reports.push(*block);
        }
    }
    if reports.is_empty() {
        return;
    }
    let sample = AckSample {
        una_before: una,
        ack: una,
        nxt: connection.snd.window.nxt,
        smss: connection.smss(),
        is_duplicate: false,
        clock: loss::clock(connection, cx),
        echoed_at: None,
    };
    take_sample(connection, segment.flags, &sample, &reports, cx);
}

/// What an acknowledgment says goes its way.
fn take_sample(
    connection: &mut Connection,
    flags: TcpFlags,
    sample: &AckSample,
    reports: &SackBlocks,
    cx: &mut Context<'_>,
) {
    let outcome = connection.recovery.on_ack(sample, reports);
    if let Some(round_trip) = outcome.round_trip {
        on_round_trip(connection, round_trip, cx);
    }
    if sample.acked_octets() > 0 {
        on_progress(connection, sample, cx);
        connection.path_probe_acked(sample.ack, cx);
    }
    loss::tell(connection, &outcome, cx);
    congestion::on_outcome(connection, flags, sample, &outcome, cx);
    let progress = if sample.acked_octets() > 0 {
        loss::Progress::Yes
    } else {
        loss::Progress::No
    };
    loss::pace(connection, &outcome, progress);
}

/// When we sent what the peer echoes, in whole ticks of the timestamp clock.
fn echoed_at(connection: &Connection, segment: &Segment, cx: &Context<'_>) -> Option<Instant> {
    let echo_reply = segment.options.timestamps?.echo_reply;
    let round_trip = connection.timestamps?.round_trip(echo_reply, cx.now)?;
    let sent_ms = cx.now.as_millis() - round_trip.as_millis() as u64;
    Some(Instant::from_millis(sent_ms))
}

/// A round trip was measured.
fn on_round_trip(connection: &mut Connection, round_trip: Duration, cx: &mut Context<'_>) {
    let before = connection.rtt.rto();
    connection.rtt.on_sample(round_trip);
    connection.rtt.on_least(round_trip, cx.now);
    let (id, rto) = (connection.id, connection.rtt.rto());
    if before != rto {
        cx.observe(|| Observation::RetransmissionTimeoutChanged {
            connection: id,
            rto,
        });
    }
}

/// SND.UNA advanced.
fn on_progress(connection: &mut Connection, sample: &AckSample, cx: &Context<'_>) {
    let (una, nxt) = (sample.ack, sample.nxt);
    connection.snd.queue.acknowledge(una);
    connection.attempts.timeouts = 0;
    let _ = connection.snd.in_flight.on_acked(una, nxt, cx.now);
    // RFC 6298 §5.2, §5.3; `output.rs` starts it again if anything is in flight.
    connection.timers.stop(Timer::Retransmission);
    if connection.writer_waits {
        let most = connection.send_buffer_octets();
        let room = most.saturating_sub(connection.snd.queue.octets());
        if room >= most / 4 {
            connection.writer_waits = false;
            connection.notices.writable = true;
        }
    }
}

/// The window was zero and is not any more, and what was in flight was not acknowledged: the peer
/// threw it away.
fn on_window_opened(connection: &mut Connection) {
    if connection.snd.window.in_flight() > 0 {
        let nxt = connection.snd.window.nxt;
        connection
            .recovery
            .on_resend_all(nxt, ResendAll::NotCongestion);
    }
}

/// The peer is alive, and its timestamp is to be believed now.
fn hear(connection: &mut Connection, segment: &Segment, cx: &Context<'_>) {
    connection.last_heard_at = cx.now;
    connection.attempts.keep_alives = 0;
    connection.attempts.unanswered_probes = 0;
    if connection.snd.window.wnd() > 0 {
        connection.attempts.window_probes = 0;
    } else {
        // MUST-37: a peer that answers probes is waited for.
        connection.snd.in_flight.on_answered(cx.now);
    }
    // RFC 7323 §4.3 (2).
    let last_ack_sent = connection.rcv.acknowledge.last_sent();
    if let Some(state) = &mut connection.timestamps
        && let Some(timestamps) = segment.options.timestamps
        && segment.seq_on_arrival.is_at_or_before(last_ack_sent)
    {
        state.remember(timestamps.value, cx.now);
    }
}

/// What the acknowledgment of our FIN brings about.
fn our_fin_may_be_acked(connection: &mut Connection, cx: &mut Context<'_>) -> ControlFlow<Verdict> {
    if !connection.snd.fin_is_acked() {
        return ControlFlow::Continue(());
    }
    let before = connection.state;
    match state::after_our_fin_is_acked(before) {
        after if after == before => ControlFlow::Continue(()),
        State::TimeWait => {
            connection.enter_time_wait(FIFTH, cx);
            ControlFlow::Break(Verdict::Ended)
        }
        State::Closed => {
            connection.enter_closed(FIFTH, cx);
            ControlFlow::Break(Verdict::Ended)
        }
        after => {
            connection.enter(after, FIFTH, cx);
            connection.limit_fin_wait_2(cx);
            ControlFlow::Continue(())
        }
    }
}

impl Connection {
    /// FIN-WAIT-2 without a user ends by a timer (BAD-62).
    pub(crate) fn limit_fin_wait_2(&mut self, cx: &Context<'_>) {
        use crate::tcp::connection::Handle;
        if self.state == State::FinWait2 && self.handle == Handle::Released {
            let limit = crate::config::millis(cx.config.fin_wait_2_ms);
            self.timers.set(Timer::User, cx.now + limit);
        }
    }
}
