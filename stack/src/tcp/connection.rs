//! One connection: the TCB of RFC 9293 §3.3.1 as a sum of parts that do not know each other.
//!
//! `arrives/*`, `call/*`, `timeout/*` and `output.rs` are handed one and compose its parts. What
//! stands here is only what more than one of them needs; the protocol is in their files.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::net::IpAddr;

use super::autotune::ReceiveTuning;
use super::challenge::ChallengeLimiter;
use super::congestion::{Congestion, CongestionControl, Handshake};
use super::ecn::EcnState;
use super::fast_open::FastOpening;
use super::flow::Flow;
use super::negotiate::{self, Agreed, TIMESTAMP_OPTION_OCTETS};
use super::path_probe::PathProbe;
use super::receive::{OutOfOrder, ReceiveHalf};
use super::recovery::rtt::RttEstimator;
use super::recovery::{LossRecovery, Recovery, Sack, new_recovery};
use super::send::SendHalf;
use super::settings::Settings;
use super::state::OurFin;
use super::timers::{Timer, Timers};
use super::timestamps::TimestampState;
use super::totals::Totals;
use crate::base::{Instant, SeqNumber};
use crate::call::{ConnectionId, ListenerId};
use crate::config::Config;
use crate::context::Context;
use crate::event::{ConnectionError, SoftError};
use crate::observe::{Observation, SendReason, State};
use crate::socket::FourTuple;
use crate::wire::tcp_options::SACK_BLOCKS_MAX;

/// How the connection began (MUST-11: SYN-RECEIVED remembers).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Opening {
    /// By a call of the user.
    Active,
    /// By a SYN to this listener.
    Passive(ListenerId),
}

/// Who owns the connection's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Handle {
    /// It waits in an accept queue; the user does not know of it.
    Waiting,
    /// It waits for text before it is offered.
    Deferred,
    /// The user.
    Held,
    /// Nobody any more: text of the peer has no reader.
    Released,
}

/// What the user is to be told. Each stands for one event; a second of its kind changes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Notices {
    /// The handshake is over.
    pub(crate) established: bool,
    /// There is text, or the end.
    pub(crate) readable: bool,
    /// There is room again.
    pub(crate) writable: bool,
    /// Urgent text is ahead.
    pub(crate) urgent: bool,
    /// Trouble that may pass.
    pub(crate) soft: Option<SoftError>,
    /// The end before its time.
    pub(crate) failed: Option<ConnectionError>,
}

impl Notices {
    /// True if there is nothing to tell.
    pub(crate) const fn is_empty(&self) -> bool {
        !(self.established || self.readable || self.writable || self.urgent)
            && self.soft.is_none()
            && self.failed.is_none()
    }
}

/// Segments that something other than the queue asks for. `output.rs` pays them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Owed {
    /// SYN or SYN-ACK.
    pub(crate) syn: bool,
    /// A zero-window probe.
    pub(crate) window_probe: bool,
    /// A tail loss probe.
    pub(crate) tail_probe: bool,
    /// A keep-alive probe.
    pub(crate) keep_alive: bool,
    /// The user timeout option (RFC 5482 §3.1).
    pub(crate) user_timeout: bool,
    /// Whatever fits a small window goes (RFC 9293 §3.8.6.2.1, rule 4).
    pub(crate) sws_override: bool,
}

/// How often we tried without success.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attempts {
    /// Retransmission timeouts since something was last acknowledged.
    pub(crate) timeouts: u32,
    /// Window probes since the window was last open.
    pub(crate) window_probes: u32,
    /// Window probes since the peer last said anything.
    pub(crate) unanswered_probes: u32,
    /// Keep-alive probes since the peer last said anything.
    pub(crate) keep_alives: u32,
}

/// What the path takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    /// Path MTU that segments are made for, in octets.
    pub(crate) mtu_octets: u16,
    /// What IP knows of the path: never less than that.
    pub(crate) ip_mtu_octets: u16,
    /// MSS that we advertise.
    pub(crate) advertised_mss: u16,
    /// MSS that the peer advertised, or the default.
    pub(crate) peer_mss: u16,
}

/// Whether the stack runs out of memory (design §6).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Pressure {
    /// There is enough.
    #[default]
    None,
    /// Windows do not grow, and text out of order is not kept.
    High,
    /// No text is taken at all, until some is read or acknowledged.
    Full,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// Its name.
    pub(crate) id: ConnectionId,
    /// The two ends.
    pub(crate) tuple: FourTuple,
    /// Figure 5 of RFC 9293.
    pub(crate) state: State,
    /// How it began.
    pub(crate) opening: Opening,
    /// Who owns its name.
    pub(crate) handle: Handle,
    /// SND.*
    pub(crate) snd: SendHalf,
    /// RCV.*; before the peer's SYN it only holds our buffer's size.
    pub(crate) rcv: ReceiveHalf,
    /// RFC 7323 timestamps, if agreed.
    pub(crate) timestamps: Option<TimestampState>,
    /// The offset of our timestamp clock.
    pub(crate) timestamp_offset: u32,
    /// Whether window scaling was agreed.
    pub(crate) scaling: bool,
    /// Whether SACK was agreed.
    pub(crate) sack: Sack,
    /// Sizes of segments.
    pub(crate) path: Path,
    /// What was lost.
    pub(crate) recovery: Recovery,
    /// How much may be in flight.
    pub(crate) congestion: Congestion,
    /// What is on its way; `None` while nothing is.
    pub(crate) flow: Option<Box<Flow>>,
    /// RFC 3168.
    pub(crate) ecn: EcnState,
    /// How long to wait.
    pub(crate) rtt: RttEstimator,
    /// When to act although nothing arrives.
    pub(crate) timers: Timers,
    /// What the user chose: shared with the listener and its other connections until it is changed.
    pub(crate) settings: Arc<Settings>,
    /// How many challenges may be sent.
    pub(crate) challenge: ChallengeLimiter,
    /// What was tried in vain.
    pub(crate) attempts: Attempts,
    /// Retransmissions in all.
    pub(crate) retransmissions: u64,
    /// When the peer was last heard of.
    pub(crate) last_heard_at: Instant,
    /// Segments that are due.
    pub(crate) owed: Owed,
    /// Why the next bare acknowledgment is sent.
    pub(crate) ack_reason: SendReason,
    /// What the user is to be told.
    pub(crate) notices: Notices,
    /// The user was refused room and waits for it.
    pub(crate) writer_waits: bool,
    /// The user shut reading down: what arrives is acknowledged and thrown away.
    pub(crate) reading_is_shut: bool,
    /// The last soft error.
    pub(crate) soft_error: Option<SoftError>,
    /// Whether memory is short.
    pub(crate) pressure: Pressure,
    /// The search for the path MTU without ICMP, while there is or was one.
    pub(crate) path_probe: Option<Box<PathProbe>>,
    /// What the size of the receive buffer follows, once text has arrived.
    pub(crate) receive_tuning: Option<Box<ReceiveTuning>>,
    /// Segments that left and arrived (SegsOut, SegsIn of RFC 4898).
    pub(crate) segments_out: u32,
    pub(crate) segments_in: u32,
    /// What else is counted, once text was sent or has arrived.
    pub(crate) totals: Option<Box<Totals>>,
    /// Whether it stands in the queue of those that hear when memory is there again.
    pub(crate) is_starved: bool,
    /// Whether it stands in the queue of those whose text out of order may be shed.
    pub(crate) is_sheddable: bool,
    /// Octets that the stack's total counts for this connection.
    pub(crate) counted_octets: usize,
    /// Whether the user ever heard of it; only then is it told that the name is gone.
    pub(crate) is_known: bool,
    /// Its place among the connections to the same destination; `None` once it gave its ends free.
    pub(crate) place: Option<u32>,
    /// Whether it stands in the queue of those that may have something to send.
    pub(crate) is_ready: bool,
    /// Whether it stands in the queue of those that have something to tell.
    pub(crate) is_announced: bool,
    /// Whether the stack counts it among those in TIME-WAIT.
    pub(crate) counts_as_time_wait: bool,
    /// Until the handshake is over: what there is to know of its Fast Open.
    pub(crate) fast_open: Option<Box<FastOpening>>,
}

/// What a new connection begins with.
#[derive(Clone, Debug)]
pub(crate) struct NewConnection {
    /// Its name.
    pub(crate) id: ConnectionId,
    /// The two ends.
    pub(crate) tuple: FourTuple,
    /// How it begins.
    pub(crate) opening: Opening,
    /// ISS.
    pub(crate) iss: SeqNumber,
    /// The offset of our timestamp clock.
    pub(crate) timestamp_offset: u32,
    /// What the user chose: shared with the listener and its other connections until it is changed.
    pub(crate) settings: Arc<Settings>,
    /// Path MTU, in octets.
    pub(crate) path_mtu_octets: u16,
    /// MTU of the link, in octets: what our MSS is made of.
    pub(crate) link_mtu_octets: u16,
}

impl Connection {
    /// Before any segment: `state` is SYN-SENT or SYN-RECEIVED.
    pub(crate) fn new(new: NewConnection, state: State, config: &Config, now: Instant) -> Self {
        let remote = new.tuple.remote.ip();
        let shift = negotiate::shift_for(new.settings.receive_buffer_octets_max);
        let least = mss_least(config);
        Self {
            id: new.id,
            tuple: new.tuple,
            state,
            opening: new.opening,
            handle: match new.opening {
                Opening::Active => Handle::Held,
                Opening::Passive(_) => Handle::Waiting,
            },
            snd: SendHalf::new(new.iss),
            rcv: ReceiveHalf::new(
                SeqNumber::default(),
                new.settings.receive_buffer_octets,
                shift,
            ),
            timestamps: None,
            timestamp_offset: new.timestamp_offset,
            scaling: false,
            sack: Sack::NotAgreed,
            path: Path {
                mtu_octets: new.path_mtu_octets,
                ip_mtu_octets: new.path_mtu_octets,
                advertised_mss: negotiate::advertised_mss(remote, new.link_mtu_octets, least)
                    .min(new.settings.mss_octets_max),
                peer_mss: negotiate::default_mss(remote),
            },
            recovery: new_recovery(config, new.iss),
            congestion: Congestion::new(new.settings.congestion, config),
            flow: None,
            ecn: EcnState::default(),
            rtt: RttEstimator::new(config),
            timers: Timers::default(),
            settings: new.settings,
            challenge: ChallengeLimiter::default(),
            attempts: Attempts::default(),
            retransmissions: 0,
            last_heard_at: now,
            owed: Owed::default(),
            ack_reason: SendReason::AcknowledgeNow,
            notices: Notices::default(),
            writer_waits: false,
            reading_is_shut: false,
            soft_error: None,
            pressure: Pressure::None,
            path_probe: None,
            receive_tuning: None,
            segments_out: 0,
            segments_in: 0,
            totals: None,
            is_starved: false,
            is_sheddable: false,
            counted_octets: 0,
            is_known: new.opening == Opening::Active,
            place: None,
            is_ready: false,
            is_announced: false,
            counts_as_time_wait: false,
            fast_open: None,
        }
    }

    /// The peer's SYN arrived: RCV.* begins, and the options are agreed on.
    pub(crate) fn on_peer_syn(&mut self, irs: SeqNumber, agreed: &Agreed, now: Instant) {
        let buffer_octets = self.settings.receive_buffer_octets;
        let shift = agreed.shifts.map_or(0, |it| it.rcv);
        self.rcv = ReceiveHalf::new(irs, buffer_octets, shift);
        self.snd
            .window
            .set_shift(agreed.shifts.map_or(0, |it| it.snd));
        self.scaling = agreed.shifts.is_some();
        self.timestamps = agreed
            .timestamps
            .map(|ts_value| TimestampState::new(self.timestamp_offset, ts_value, now));
        self.sack = if agreed.sack {
            Sack::Agreed
        } else {
            Sack::NotAgreed
        };
        self.path.peer_mss = agreed.peer_mss;
    }

    /// Our SYN was acknowledged and the peer's has arrived: ESTABLISHED.
    pub(crate) fn on_synchronized(&mut self, clause: &'static str, cx: &mut Context<'_>) {
        let handshake = if self.attempts.timeouts > 0 {
            Handshake::Lossy
        } else {
            Handshake::Clean
        };
        if handshake == Handshake::Lossy {
            self.rtt.on_lossy_handshake();
        }
        self.attempts = Attempts::default();
        self.owed.syn = false;
        self.recovery.on_established(self.snd.window.una, self.sack);
        let smss = self.smss();
        self.congestion.on_established(smss, handshake);
        self.tell_cwnd("RFC 6928 §2", cx);
        self.begin_path_search(cx);
        self.owed.user_timeout = true;
        self.rcv.acknowledge.quicken(cx.config.quick_ack_segments);
        if self.handle != Handle::Deferred {
            self.timers.stop(Timer::User);
        }
        self.enter(State::Established, clause, cx);
        self.notices.established = self.opening == Opening::Active;
        if self.snd.queue.is_closed() {
            // The user closed before: the FIN follows what was queued (RFC 9293 §3.10.4).
            self.enter(State::FinWait1, "RFC 9293 §3.10.4", cx);
        }
        self.start_keep_alive(cx.now);
    }

    /// Changes the state.
    pub(crate) fn enter(&mut self, to: State, clause: &'static str, cx: &mut Context<'_>) {
        let from = self.state;
        if from == to {
            return;
        }
        self.state = to;
        let connection = self.id;
        cx.observe(|| Observation::StateChanged {
            connection,
            from,
            to,
            clause,
        });
    }

    /// True in ESTABLISHED and later, until CLOSED.
    pub(crate) const fn is_synchronized(&self) -> bool {
        !matches!(
            self.state,
            State::Closed | State::Listen | State::SynSent | State::SynReceived
        )
    }

    /// TIME-WAIT (RFC 9293 §3.6.1): everything but the memory of the numbers is given back.
    pub(crate) fn enter_time_wait(&mut self, clause: &'static str, cx: &mut Context<'_>) {
        self.enter(State::TimeWait, clause, cx);
        self.snd.queue.clear();
        self.rcv.out_of_order = None;
        self.flow = None;
        self.restart_time_wait(cx);
    }

    /// The 2 MSL begin anew.
    pub(crate) fn restart_time_wait(&mut self, cx: &Context<'_>) {
        self.timers.stop_all();
        let two_msl = crate::config::millis(cx.config.time_wait_ms);
        self.timers.set(Timer::TimeWait, cx.now + two_msl);
    }

    /// CLOSED: all timers stop and our queue is dropped; what was received stays for RECEIVE.
    pub(crate) fn enter_closed(&mut self, clause: &'static str, cx: &mut Context<'_>) {
        self.enter(State::Closed, clause, cx);
        self.timers.stop_all();
        self.owed = Owed::default();
        self.snd.queue.clear();
        self.rcv.out_of_order = None;
    }

    /// CLOSED, before its time: the user is told why.
    pub(crate) fn fail(
        &mut self,
        error: ConnectionError,
        clause: &'static str,
        cx: &mut Context<'_>,
    ) {
        self.enter_closed(clause, cx);
        self.notices.failed = Some(error);
        let connection = self.id;
        cx.observe(|| Observation::Failed {
            connection,
            error,
            clause,
        });
    }

    /// A soft error (RFC 9293 §3.9.1.8).
    pub(crate) fn note_soft_error(&mut self, error: SoftError, cx: &mut Context<'_>) {
        // What ICMP said explains more than that nobody answers.
        if !matches!(error, SoftError::NoAnswer) || self.soft_error.is_none() {
            self.soft_error = Some(error);
        }
        self.notices.soft = Some(error);
        let connection = self.id;
        cx.observe(|| Observation::SoftError { connection, error });
    }

    /// Those who observe hear where cwnd stands now.
    pub(crate) fn tell_cwnd(&self, clause: &'static str, cx: &mut Context<'_>) {
        cx.observe(|| Observation::CongestionWindowChanged {
            connection: self.id,
            cwnd_octets: self.congestion.cwnd_octets(),
            ssthresh_octets: self.congestion.ssthresh_octets(),
            clause,
        });
    }

    /// How far our FIN has come.
    pub(crate) fn our_fin(&self) -> OurFin {
        if self.snd.fin_is_acked() {
            OurFin::Acked
        } else if self.snd.fin_is_sent() {
            OurFin::InFlight
        } else {
            OurFin::NotSent
        }
    }

    /// SND.MSS: the most text in one segment, with the options that every segment carries (MUST-16).
    pub(crate) fn smss(&self) -> u32 {
        let remote: IpAddr = self.tuple.remote.ip();
        let path = self
            .path
            .mtu_octets
            .saturating_sub(negotiate::headers_octets(remote));
        let options = if self.timestamps.is_some() {
            TIMESTAMP_OPTION_OCTETS
        } else {
            0
        };
        let mss = self
            .path
            .peer_mss
            .min(self.settings.mss_octets_max)
            .min(path);
        u32::from(mss.saturating_sub(options)).max(MSS_OCTETS_MIN)
    }

    /// How many SACK blocks go with text now; none if they would take much of its room.
    pub(crate) fn sack_blocks_beside_text(&self) -> usize {
        if !self.has_sack_to_report() || self.smss() < SMSS_FOR_SACK_OCTETS {
            return 0;
        }
        let waiting = self.rcv.out_of_order.as_ref();
        let blocks = waiting.map_or(0, |it| {
            it.reassembly.ranges().len() + usize::from(it.sack.has_duplicate())
        });
        blocks.min(SACK_BLOCKS_MAX - 1)
    }

    /// The most text in the segment that is made next: SMSS, less what SACK takes of it.
    pub(crate) fn text_octets_max(&self) -> u32 {
        match self.sack_blocks_beside_text() {
            0 => self.smss(),
            // Two NOPs, kind and length, and the blocks (RFC 2018 §3).
            blocks => self.smss() - (4 + 8 * blocks as u32),
        }
    }

    /// The most text that the peer puts into one segment, as far as we know: our MSS.
    pub(crate) fn rcv_mss(&self) -> u32 {
        let options = if self.timestamps.is_some() {
            TIMESTAMP_OPTION_OCTETS
        } else {
            0
        };
        u32::from(self.path.advertised_mss.saturating_sub(options)).max(1)
    }

    /// An acknowledgment is due at once.
    pub(crate) const fn acknowledge_now(&mut self, reason: SendReason) {
        self.rcv.acknowledge.now();
        self.ack_reason = reason;
    }

    /// A challenge ACK, or another answer to something that may be forged, is due, if the limiter
    /// permits (RFC 5961 §7).
    pub(crate) fn challenge(&mut self, reason: SendReason, cx: &Context<'_>) {
        if self
            .challenge
            .permits(cx.now, cx.config.challenge_acks_per_second)
        {
            self.acknowledge_now(reason);
        }
    }

    /// The keep-alive timer begins, if the user wants it.
    pub(crate) fn start_keep_alive(&mut self, now: Instant) {
        self.attempts.keep_alives = 0;
        match &self.settings.keep_alive {
            Some(keep_alive) => self.timers.set(Timer::KeepAlive, now + keep_alive.idle),
            None => self.timers.stop(Timer::KeepAlive),
        }
    }

    /// Text waits out of order, or a duplicate is to be reported.
    pub(crate) fn has_sack_to_report(&self) -> bool {
        self.sack == Sack::Agreed
            && self
                .rcv
                .out_of_order
                .as_ref()
                .is_some_and(|it| !it.reassembly.is_empty() || it.sack.has_duplicate())
    }

    /// The place for text out of order, made if need be.
    pub(crate) fn out_of_order(&mut self) -> &mut OutOfOrder {
        self.rcv
            .out_of_order
            .get_or_insert_with(|| Box::new(OutOfOrder::default()))
    }

    /// Octets in its queues.
    pub(crate) fn held_octets(&self) -> usize {
        self.snd.queue.octets() + self.rcv.held_octets() + self.recovery.held_octets()
    }

    /// Octets of text, received in order or not, that count against the receive buffer.
    pub(crate) fn unread_octets(&self) -> usize {
        match self.pressure {
            Pressure::None => self.rcv.queue.octets(),
            Pressure::High | Pressure::Full => usize::MAX,
        }
    }
}

/// Below this, text needs its room more than SACK does.
const SMSS_FOR_SACK_OCTETS: u32 = 256;

/// However small the path: a segment holds some text.
const MSS_OCTETS_MIN: u32 = 8;

/// The least SND.MSS that a peer can bring about.
pub(crate) fn mss_least(config: &Config) -> u16 {
    u16::try_from(config.snd_mss_octets_min).unwrap_or(536)
}
