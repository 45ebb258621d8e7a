//! STATUS (RFC 9293 §3.10.6), and changes of settings (§3.9.1.9, §3.8.3, §3.8.4).
//!
//! `tcp/calls.rs` asks for it. Telling changes nothing.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::base::{Instant, Key};
use crate::call::ConnectionOptions;
use crate::config::Config;
use crate::context::Context;
use crate::observe::SendReason;
use crate::status::{AcknowledgmentDue, CongestionPhase, FinProgress, Owner, Status, Timers};
use crate::tcp::congestion::CongestionControl;
use crate::tcp::connection::{Connection, Handle};
use crate::tcp::delivery::Supply;
use crate::tcp::ecn::Standing;
use crate::tcp::half_open::HalfOpen;
use crate::tcp::receive::ReceiveHalf;
use crate::tcp::receive::acknowledge::Urgency;
use crate::tcp::recovery::{LossRecovery, Sack};
use crate::tcp::settings::{Patience, Settings};
use crate::tcp::state::OurFin;
use crate::tcp::timers::Timer;

/// What can be told of a connection.
pub(crate) fn status(connection: &Connection) -> Box<Status> {
    let window = &connection.snd.window;
    let rcv = &connection.rcv;
    let cwnd_octets = crate::tcp::output::room::cwnd_octets(connection);
    let ssthresh_octets = connection.congestion.ssthresh_octets();
    let recovery = connection.recovery.standing();
    let totals = connection.told_totals();
    Box::new(Status {
        state: connection.state,
        local: connection.tuple.local,
        remote: connection.tuple.remote,
        owner: owner(connection.handle),

        iss: connection.snd.iss.raw(),
        snd_una: window.una.raw(),
        snd_nxt: window.nxt.raw(),
        snd_wnd: window.wnd(),
        snd_max_wnd: window.max_wnd(),
        irs: rcv.irs.raw(),
        rcv_nxt: rcv.nxt.raw(),
        rcv_wnd: rcv.window.wnd(rcv.nxt),
        last_ack_sent: rcv.acknowledge.last_sent().raw(),

        unsent_octets: connection.snd.unsent_octets(),
        in_flight_octets: window.in_flight(),
        pipe_octets: connection.recovery.pipe_octets(window.nxt),
        sacked_octets: recovery.sacked_octets,
        lost_octets: recovery.lost_octets,
        resent_in_flight_octets: recovery.resent_octets,
        unread_octets: rcv.queue.octets(),
        out_of_order_octets: rcv
            .out_of_order
            .as_ref()
            .map_or(0, |it| it.reassembly.held_octets()),
        send_buffer_octets: connection.send_buffer_octets(),
        receive_buffer_octets: rcv.window.buffer_octets() as usize,
        rcv_rtt: connection
            .receive_tuning
            .as_ref()
            .and_then(|it| it.round_trip()),
        rcv_space_octets: connection
            .receive_tuning
            .as_ref()
            .map_or(0, |it| it.per_round_trip()),

        cwnd_octets,
        ssthresh_octets,
        congestion_phase: if cwnd_octets < ssthresh_octets {
            CongestionPhase::SlowStart
        } else {
            CongestionPhase::Avoidance
        },
        congestion_algorithm: connection.congestion.algorithm(),
        congestion_mode: connection.congestion.mode(),
        pacing_rate: connection.flow.as_ref().and_then(|it| it.pacing.rate()),
        delivery_rate: totals.delivery_rate,
        delivery_rate_is_app_limited: totals.delivery_supply == Supply::ApplicationLimited,
        recovery_phase: recovery.phase,
        duplicate_acks: recovery.duplicate_acks,
        reordering_seen: recovery.reordering_seen,
        dsacks: recovery.dsacks,
        srtt: connection.rtt.srtt(),
        min_rtt: connection.rtt.min_rtt(),
        rttvar: connection.rtt.rttvar(),
        rto: connection.rtt.rto(),
        backoffs: connection.rtt.backoffs(),
        timeouts: connection.attempts.timeouts,
        window_probes: connection.attempts.window_probes,
        keep_alive_probes: connection.attempts.keep_alives,
        timers: timers(connection),
        acknowledgment: match rcv.acknowledge.urgency() {
            Urgency::Idle => AcknowledgmentDue::No,
            Urgency::Delayed => AcknowledgmentDue::Delayed,
            Urgency::Now => AcknowledgmentDue::Now,
        },

        snd_mss: u16::try_from(connection.smss()).unwrap_or(u16::MAX),
        rcv_mss: u16::try_from(connection.rcv_mss()).unwrap_or(u16::MAX),
        peer_mss: connection.path.peer_mss,
        advertised_mss: connection.path.advertised_mss,
        path_mtu_octets: connection.path.mtu_octets,
        window_scaling: connection.scaling,
        timestamps: connection.timestamps.is_some(),
        sack: connection.sack == Sack::Agreed,
        ecn: connection.ecn.standing() == Standing::Agreed,
        marked_segments_in: totals.marked_segments_in,
        ecn_echoes_in: totals.echoes_in,
        snd_wind_shift: window.shift(),
        rcv_wind_shift: rcv.window.shift(),
        ts_recent: connection.timestamps.map(|it| it.ts_recent()),

        acked_octets: acked_octets(connection, recovery.una_position),
        received_octets: received_octets(rcv),
        retransmissions: connection.retransmissions,
        sent_octets: acked_octets(connection, recovery.una_position)
            + u64::from(window.in_flight())
            + totals.resent_octets,
        resent_octets: totals.resent_octets,
        timeouts_total: totals.timeouts,
        segments_out: connection.segments_out,
        segments_in: connection.segments_in,
        text_segments_out: totals.text_segments_out,
        text_segments_in: totals.text_segments_in,
        busy_time: totals.busy,
        rwnd_limited_time: totals.peer_window,
        sndbuf_limited_time: totals.send_buffer,
        last_text_at: rcv.last_text_at,
        user_timeout: match connection.settings.patience {
            Patience::Time(timeout) => Some(timeout),
            Patience::Retransmissions | Patience::Unlimited => None,
        },
        path_search: connection.path_probe.is_some(),
        last_sent_at: connection.snd.in_flight.last_sent_at(),
        last_heard_at: connection.last_heard_at,

        our_fin: match connection.our_fin() {
            OurFin::NotSent => FinProgress::NotSent,
            OurFin::InFlight => FinProgress::InFlight,
            OurFin::Acked => FinProgress::Acked,
        },
        peer_fin: rcv.fin_is_received(),
        urgent_pending: rcv.urgent.is_pending(rcv.queue.taken()),
        soft_error: connection.soft_error,
    })
}

/// What can be told of a handshake that a listener began: what its connection would begin with.
/// `resends_at` is when its SYN-ACK is repeated.
pub(crate) fn half_open_status(
    half_open: &HalfOpen,
    key: Key,
    listener: &Arc<Settings>,
    config: &Config,
    resends_at: Option<Instant>,
) -> Box<Status> {
    let began_at = half_open.began_at;
    let connection = half_open
        .clone()
        .into_connection(key, Arc::clone(listener), config, began_at);
    let mut status = status(&connection);
    status.timers.retransmission = resends_at;
    status
}

const fn owner(handle: Handle) -> Owner {
    match handle {
        Handle::Waiting | Handle::Deferred => Owner::Listener,
        Handle::Held => Owner::User,
        Handle::Released => Owner::Nobody,
    }
}

fn timers(connection: &Connection) -> Timers {
    let timers = &connection.timers;
    Timers {
        retransmission: timers.at(Timer::Retransmission),
        persist: timers.at(Timer::Persist),
        delayed_ack: timers.at(Timer::DelayedAck),
        keep_alive: timers.at(Timer::KeepAlive),
        user: timers.at(Timer::User),
        time_wait: timers.at(Timer::TimeWait),
        pacing: timers.at(Timer::Pacing),
        reordering: timers.at(Timer::Reordering),
        tail_loss_probe: timers.at(Timer::TailLossProbe),
    }
}

/// Text of ours that was acknowledged, `una` being how far SND.UNA has come since ISS: our SYN and
/// FIN took a number each.
fn acked_octets(connection: &Connection, una: u64) -> u64 {
    una.saturating_sub(1 + u64::from(connection.snd.fin_is_acked()))
}

/// Octets of text that arrived in order: the peer's FIN took a number.
fn received_octets(rcv: &ReceiveHalf) -> u64 {
    rcv.position
        .saturating_sub(u64::from(rcv.fin_is_received()))
}

/// Changes what `options` names. They hold from the next segment on (SHLD-21).
pub(crate) fn change(connection: &mut Connection, options: &ConnectionOptions, cx: &Context<'_>) {
    Arc::make_mut(&mut connection.settings).change(options);
    if let Some(algorithm) = options.congestion {
        let smss = connection.smss();
        connection.congestion.change(algorithm, smss, cx.config);
    }
    if options.receive_buffer_octets.is_some() {
        let buffer_octets = connection.settings.receive_buffer_octets;
        connection.rcv.window.set_buffer_octets(buffer_octets);
        connection.receive_tuning = None;
        let (unread, mss) = (connection.unread_octets(), connection.rcv_mss());
        let rcv = &connection.rcv;
        if rcv.window.deserves_update(rcv.nxt, unread, mss) && connection.is_synchronized() {
            connection.acknowledge_now(SendReason::WindowUpdate);
        }
    }
    if options.keep_alive.is_some() && connection.is_synchronized() {
        connection.start_keep_alive(cx.now);
    }
}
