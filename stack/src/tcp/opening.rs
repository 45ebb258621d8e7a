//! How listeners begin connections (RFC 9293 §3.10.7.2, RFC 4987 §3, RFC 7413 §4.2): from a SYN to the
//! accept queue.
//!
//! `input.rs` brings segments that fit no connection, and those of handshakes. What a SYN becomes is
//! decided here: a half-open connection, a cookie, a question to the user, a Fast Open, or nothing.
//! Dialled connections never come here.

use alloc::boxed::Box;
use core::ops::ControlFlow;

use super::arrives::{Verdict, closed, listen};
use super::connection::{Connection, Handle, Opening};
use super::fast_open::Offered;
use super::half_open::{Admitted, HalfOpen};
use super::negotiate::shift_for;
use super::segment::Segment;
use super::syn_cookie::{self, Heard, Verified};
use super::timers::Timer;
use super::timestamps::ts_value;
use super::{PathTo, Record, Tcp, reset};
use crate::base::{Instant, Key, SeqNumber};
use crate::call::{Admission, CallRefused, ConnectionId, Decision, ListenerId};
use crate::config::millis;
use crate::context::Context;
use crate::discard::Discard;
use crate::event::{ConnectionError, Event, SynArrived};
use crate::observe::{Observation, SendReason, State};
use crate::wire::tcp::TcpFlags;
use crate::wire::tcp_options::FastOpen;

/// How many half-open connections are looked at for the oldest among them, which makes room.
const LOTS: usize = 4;

/// What becomes of a SYN that is neither dropped nor a Fast Open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// A half-open connection.
    Kept,
    /// A SYN-ACK of which nothing is kept.
    Cookie,
}

impl Tcp {
    /// A segment for a listener. `iss_least` is set if a connection made room for it.
    pub(super) fn listener_arrives(
        &mut self,
        cx: &mut Context<'_>,
        id: ListenerId,
        segment: &mut Segment,
        path: PathTo,
        iss_least: Option<SeqNumber>,
    ) -> ControlFlow<Verdict> {
        self.cookie_arrives(cx, id, segment, path)?;
        listen::check_segment(segment)?;
        let way = self.admit(cx, id, segment, iss_least)?;
        let Some(listener) = self.listeners.get(id.0) else {
            return ControlFlow::Break(closed::segment_arrives());
        };
        let beginning = listen::Beginning {
            iss: self.iss(cx, segment, iss_least),
            timestamp_offset: self.timestamp_offsets.offset(&segment.tuple),
            path,
        };
        let mut half_open = listen::begin(listener, segment, &beginning, cx);
        match way {
            Way::Cookie => self.answer_with_cookie(cx, half_open),
            Way::Kept => match self.fast_open_arrives(cx, id, segment) {
                Offered::Text => self.open_fast(cx, half_open, None, segment),
                Offered::TextAndCookie(cookie) => {
                    self.open_fast(cx, half_open, Some(cookie), segment);
                }
                Offered::Cookie(cookie) => {
                    half_open.fast_open = Some(cookie);
                    self.keep_half_open(cx, half_open);
                }
                Offered::Nothing => {
                    self.keep_half_open(cx, half_open);
                }
            },
        }
        ControlFlow::Continue(())
    }

    fn iss(&self, cx: &Context<'_>, segment: &Segment, iss_least: Option<SeqNumber>) -> SeqNumber {
        let iss = self.initial_sequence.iss(&segment.tuple, cx.now);
        match iss_least {
            Some(least) if iss.is_before(least) => least,
            Some(_) | None => iss,
        }
    }

    /// Whether there is room for a SYN, and which way it takes.
    fn admit(
        &mut self,
        cx: &mut Context<'_>,
        id: ListenerId,
        segment: &Segment,
        iss_least: Option<SeqNumber>,
    ) -> ControlFlow<Verdict, Way> {
        let dropped = |reason| ControlFlow::Break(Verdict::Dropped(reason));
        let Some(listener) = self.listeners.get(id.0) else {
            return ControlFlow::Break(closed::segment_arrives());
        };
        if listener.is_full() {
            return dropped(Discard::TcpAcceptQueueFull);
        }
        let is_full = listener.syn_queue.len() as u64 >= cx.config.syn_queue_segments_max;
        let of_source = listener.syn_queue.of_source(segment.tuple.remote.ip()) as u64;
        let is_hogged = of_source >= cx.config.syn_queue_source_segments_max;
        // The user decides before anything is sent, and a number that a connection made room for
        // cannot be chosen: neither goes with a cookie.
        let may_be_cookie = listener.admission == Admission::Automatic && iss_least.is_none();
        let way = match cx.config.syn_cookies_mode {
            1 if may_be_cookie && (is_full || is_hogged) => Way::Cookie,
            2 if may_be_cookie => Way::Cookie,
            _ => Way::Kept,
        };
        if way == Way::Cookie {
            return ControlFlow::Continue(way);
        }
        let too_many_questions = listener.admission == Admission::Ask
            && listener.undecided as u64 >= cx.config.syn_decisions_max;
        if is_hogged || too_many_questions {
            return dropped(Discard::TcpSynQueueFull);
        }
        if is_full {
            self.make_room(cx, id);
        }
        if self.records.len() as u64 >= cx.config.connections_max {
            return dropped(Discard::TcpConnectionsFull);
        }
        ControlFlow::Continue(way)
    }

    /// RFC 4987 §3.4: the oldest of some that were drawn by lot makes room. An attacker cannot know who
    /// it is, and one that means it has most likely answered by then.
    fn make_room(&mut self, cx: &mut Context<'_>, id: ListenerId) {
        let Some(listener) = self.listeners.get(id.0) else {
            return;
        };
        let oldest = (0..LOTS)
            .filter_map(|_| listener.syn_queue.any(cx.random))
            .min_by_key(|key| match self.records.get(*key) {
                Some(Record::HalfOpen(half_open)) => half_open.began_at,
                Some(Record::Connection(_) | Record::TimeWait(_)) | None => Instant::NEVER,
            });
        if let Some(oldest) = oldest {
            cx.discard(Discard::TcpSynQueueFull);
            self.forget_half_open(cx, oldest, "RFC 4987 §3.4");
        }
    }

    fn keep_half_open(&mut self, cx: &mut Context<'_>, mut half_open: HalfOpen) -> Option<Key> {
        let (tuple, id) = (half_open.tuple, half_open.listener);
        let listener = self.listeners.get_mut(id.0)?;
        let asks = listener.admission == Admission::Ask;
        if asks {
            half_open.admitted = Admitted::Undecided;
            half_open.owes_syn_ack = None;
        }
        let key = self.records.insert_with(|key| {
            half_open.place = listener.syn_queue.push(key, tuple.remote.ip());
            Record::HalfOpen(Box::new(half_open))
        });
        self.half_open += 1;
        cx.observe(|| Observation::StateChanged {
            connection: ConnectionId(key),
            from: State::Listen,
            to: State::SynReceived,
            clause: "RFC 9293 §3.10.7.2, third",
        });
        // Nobody has these ends: `connected` was asked first.
        let _ = self.demux.connect(tuple, key);
        if asks {
            listener.undecided += 1;
            listener.asking.push(key);
            self.deadlines
                .set(key, cx.now + millis(cx.config.syn_decision_ms));
            self.announce_listener(id);
        } else {
            self.make_ready(key);
        }
        Some(key)
    }

    /// What was half open is so no more: its place in the queues is free.
    pub(super) fn leave_syn_queue(&mut self, key: Key, half_open: &HalfOpen) {
        self.half_open -= 1;
        let records = &mut self.records;
        let Some(listener) = self.listeners.get_mut(half_open.listener.0) else {
            return;
        };
        let remote = half_open.tuple.remote.ip();
        let moved = listener.syn_queue.remove(half_open.place, remote);
        if let Some(Record::HalfOpen(moved)) = moved.and_then(|moved| records.get_mut(moved)) {
            moved.place = half_open.place;
        }
        if half_open.admitted == Admitted::Undecided {
            listener.undecided = listener.undecided.saturating_sub(1);
            if !half_open.was_told {
                listener
                    .asking
                    .on_left(|other| other != key && is_undecided(records.get(other)));
            }
        }
    }

    /// The next question to the user of the listener `id`.
    pub(super) fn next_question(&mut self, id: ListenerId) -> Option<Event> {
        let listener = self.listeners.get_mut(id.0)?;
        let records = &self.records;
        let key = listener.asking.pop(|key| is_undecided(records.get(key)))?;
        let Some(Record::HalfOpen(half_open)) = self.records.get_mut(key) else {
            return None;
        };
        half_open.was_told = true;
        Some(Event::SynArrived(SynArrived {
            listener: id,
            connection: ConnectionId(key),
            local: half_open.tuple.local,
            remote: half_open.tuple.remote,
            mss: half_open.agreed.peer_mss,
            window_scale: half_open.agreed.shifts.map(|it| it.snd),
            sack_permitted: half_open.agreed.sack,
            timestamps: half_open.agreed.timestamps.is_some(),
        }))
    }

    /// The user decides about a SYN.
    ///
    /// # Errors
    ///
    /// It was decided before, or nobody waits for the decision any more.
    pub fn decide(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        decision: Decision,
    ) -> Result<(), CallRefused> {
        let Some(Record::HalfOpen(half_open)) = self.records.get_mut(id.0) else {
            return Err(CallRefused::NoSuchEntry);
        };
        if half_open.admitted != Admitted::Undecided {
            return Err(CallRefused::NoSuchEntry);
        }
        match decision {
            Decision::Accept => {
                half_open.admitted = Admitted::Yes;
                half_open.began_at = cx.now;
                half_open.owes_syn_ack = Some(SendReason::Open);
                let (listener, was_told) = (half_open.listener, half_open.was_told);
                if let Some(listener) = self.listeners.get_mut(listener.0) {
                    listener.undecided = listener.undecided.saturating_sub(1);
                    if !was_told {
                        let records = &self.records;
                        listener.asking.on_left(|it| is_undecided(records.get(it)));
                    }
                }
                self.deadlines.clear(id.0);
                self.make_ready(id.0);
            }
            Decision::Reset => {
                let tuple = half_open.tuple;
                let rst = reset::refusing(half_open);
                let settings = self.default_settings(cx);
                let (owner, why) = (Some(id), SendReason::Reset);
                self.push_reply(cx, &tuple, &settings, &rst, owner, why);
                self.forget_half_open(cx, id.0, "RFC 9293 §3.10.7.2");
            }
            Decision::Drop => {
                cx.discard(Discard::TcpSynUndecided);
                self.forget_half_open(cx, id.0, "RFC 9293 §3.10.7.2");
            }
        }
        Ok(())
    }

    /// A SYN-ACK that is kept nowhere but in the packet itself.
    fn answer_with_cookie(&mut self, cx: &mut Context<'_>, mut half_open: HalfOpen) {
        let period = syn_cookie::period_of(cx.now, cx.config.syn_cookie_period_ms);
        let agreed = syn_cookie::carried(&half_open.agreed);
        let tuple = half_open.tuple;
        half_open.agreed = agreed;
        half_open.iss = self.syn_cookies.iss(&tuple, half_open.irs, &agreed, period);
        let Some(listener) = self.listeners.get_mut(half_open.listener.0) else {
            return;
        };
        listener.cookies_until = syn_cookie::good_until(cx.now, cx.config.syn_cookie_period_ms);
        let settings = listener.settings.clone();
        let mut header = half_open.syn_ack(&settings, cx.now);
        if let Some(timestamps) = &mut header.options.timestamps {
            let ts_value = ts_value(half_open.timestamp_offset, cx.now);
            timestamps.value = syn_cookie::stamp(ts_value, &agreed);
        }
        self.openings.cookies_sent += 1;
        self.push_reply(cx, &tuple, &settings, &header, None, SendReason::OpenCookie);
    }

    /// An ACK for a listener that lately answered with cookies: it may complete a handshake of which
    /// nothing was kept.
    fn cookie_arrives(
        &mut self,
        cx: &mut Context<'_>,
        id: ListenerId,
        segment: &mut Segment,
        path: PathTo,
    ) -> ControlFlow<Verdict> {
        let dropped = |reason| ControlFlow::Break(Verdict::Dropped(reason));
        let is_ack = segment.has(TcpFlags::ACK)
            && !segment.has(TcpFlags::SYN)
            && !segment.has(TcpFlags::RST);
        let Some(listener) = self.listeners.get(id.0) else {
            return ControlFlow::Continue(());
        };
        if !is_ack || listener.cookies_until <= cx.now {
            return ControlFlow::Continue(());
        }
        let source = segment.tuple.remote.ip();
        let most = cx.config.syn_cookie_failures_per_second;
        if !self.syn_cookies.may_check(source, cx.now, most) {
            return dropped(Discard::TcpCookieUnchecked);
        }
        let heard = Heard {
            seq: segment.seq,
            ack: segment.ack,
            timestamps: segment
                .options
                .timestamps
                .map(|it| (it.value, it.echo_reply)),
        };
        let verified = self.syn_cookies.verify(
            &segment.tuple,
            &heard,
            shift_for(listener.settings.receive_buffer_octets_max),
            super::connection::mss_least(cx.config),
            syn_cookie::period_of(cx.now, cx.config.syn_cookie_period_ms),
        );
        let (irs, agreed) = match verified {
            Verified::Completes { irs, agreed } => (irs, agreed),
            Verified::Early => return dropped(Discard::TcpCookieEarly),
            Verified::Wrong => {
                self.syn_cookies.on_failure(source, cx.now);
                return ControlFlow::Break(Verdict::Refused(Discard::TcpCookieWrong));
            }
        };
        // The peer sends its text again until there is room, or the cookie is too old.
        if listener.is_full() {
            return dropped(Discard::TcpAcceptQueueFull);
        }
        if self.records.len() as u64 >= cx.config.connections_max {
            return dropped(Discard::TcpConnectionsFull);
        }
        let beginning = listen::Beginning {
            iss: segment.ack - 1,
            timestamp_offset: self.timestamp_offsets.offset(&segment.tuple),
            path,
        };
        let mut half_open = listen::begin(listener, segment, &beginning, cx);
        half_open.irs = irs;
        half_open.agreed = agreed;
        half_open.owes_syn_ack = None;
        self.openings.cookies_accepted += 1;
        self.complete_cookie(cx, half_open, segment, path);
        ControlFlow::Break(Verdict::Ended)
    }

    fn complete_cookie(
        &mut self,
        cx: &mut Context<'_>,
        half_open: HalfOpen,
        segment: &mut Segment,
        path: PathTo,
    ) {
        let nxt = half_open.irs + 1;
        let now = cx.now;
        let begun = self.begin_at_once(cx, half_open, "RFC 4987 §3.6", |connection| {
            // How long it took was not kept: no round trip is measured.
            connection.snd.in_flight.on_retransmitted(now);
        });
        let Some(key) = begun else {
            return;
        };
        if segment.seq.is_before(nxt) {
            // A keep-alive probe of a peer that waits for us to speak.
            segment.trim_front(nxt);
            segment.seq_on_arrival = nxt;
        }
        self.connection_arrives(cx, key, segment, path);
    }

    /// A connection is there at once, for which no half-open one ever was, and waits to be accepted.
    /// `prepare` makes of it what its handshake left.
    fn begin_at_once(
        &mut self,
        cx: &mut Context<'_>,
        half_open: HalfOpen,
        clause: &'static str,
        prepare: impl FnOnce(&mut Connection),
    ) -> Option<Key> {
        let (id, tuple) = (half_open.listener, half_open.tuple);
        let settings = self.listeners.get(id.0)?.settings.clone();
        let key = self.records.insert_with(|key| {
            let mut connection = half_open.into_connection(key, settings, cx.config, cx.now);
            prepare(&mut connection);
            Record::Connection(Box::new(connection))
        });
        let _ = self.demux.connect(tuple, key);
        cx.observe(|| Observation::StateChanged {
            connection: ConnectionId(key),
            from: State::Listen,
            to: State::SynReceived,
            clause,
        });
        self.enqueue_connection(cx, key, id);
        Some(key)
    }

    /// The half-open connection becomes one, and waits to be accepted.
    pub(super) fn complete_handshake(&mut self, cx: &mut Context<'_>, key: Key) {
        let Some(Record::HalfOpen(half_open)) = self.records.get(key) else {
            return;
        };
        let (half_open, id) = (half_open.as_ref().clone(), half_open.listener);
        let Some(listener) = self.listeners.get(id.0) else {
            return;
        };
        let settings = listener.settings.clone();
        self.leave_syn_queue(key, &half_open);
        let is_ready = half_open.is_ready;
        let mut connection = half_open.into_connection(key, settings, cx.config, cx.now);
        connection.is_ready = is_ready;
        if let Some(record) = self.records.get_mut(key) {
            *record = Record::Connection(Box::new(connection));
        }
        self.enqueue_connection(cx, key, id);
    }

    /// A connection of a listener takes its place among those that wait to be accepted.
    fn enqueue_connection(&mut self, cx: &mut Context<'_>, key: Key, id: ListenerId) {
        let (Some(Record::Connection(connection)), Some(listener)) =
            (self.records.get_mut(key), self.listeners.get_mut(id.0))
        else {
            return;
        };
        let destination = connection.tuple.remote.ip();
        connection.place = Some(self.destinations.add(destination, key));
        let Some(patience) = listener.defer_accept else {
            listener.accept_queue.push(key);
            listener.is_acceptable = true;
            self.announce_listener(id);
            return;
        };
        connection.handle = Handle::Deferred;
        connection.timers.set(Timer::User, cx.now + patience);
        let oldest = if listener.deferred.len() >= listener.backlog {
            let records = &self.records;
            listener.deferred.pop(|key| is_deferred(records.get(key)))
        } else {
            None
        };
        listener.deferred.push(key);
        if let Some(oldest) = oldest {
            // Those who say nothing keep nobody out.
            cx.discard(Discard::TcpAcceptQueueFull);
            self.abort(cx, oldest);
        }
    }

    /// A connection that nobody accepted yet may leave its queue: it failed, or what it was deferred
    /// for has come. One that failed after its handshake stays in the accept queue, as on a kernel:
    /// the user accepts it and hears the error.
    pub(super) fn settle_waiting(&mut self, key: Key) {
        let Some(Record::Connection(connection)) = self.records.get_mut(key) else {
            return;
        };
        let Opening::Passive(id) = connection.opening else {
            return;
        };
        let waits = connection.handle;
        let is_closed = connection.state == State::Closed;
        // RFC 9293 §3.10.7.4, second: the user need not hear of a handshake that was reset.
        let never_opened = connection.fast_open.is_some();
        connection.handle = match waits {
            Handle::Waiting if is_closed && never_opened => Handle::Released,
            Handle::Deferred if is_closed => Handle::Released,
            Handle::Deferred if is_due(connection) => Handle::Waiting,
            _ => return,
        };
        let now_waiting = connection.handle == Handle::Waiting;
        let records = &self.records;
        let Some(listener) = self.listeners.get_mut(id.0) else {
            return;
        };
        if waits == Handle::Waiting {
            listener
                .accept_queue
                .on_left(|it| is_waiting(records.get(it)));
        } else {
            listener.deferred.on_left(|it| is_deferred(records.get(it)));
        }
        if now_waiting {
            listener.accept_queue.push(key);
            listener.is_acceptable = true;
            self.announce_listener(id);
        }
    }

    /// What the Fast Open option of a SYN brings about (RFC 7413 §4.2).
    fn fast_open_arrives(
        &mut self,
        cx: &mut Context<'_>,
        id: ListenerId,
        segment: &Segment,
    ) -> Offered {
        let (Some(option), Some(listener)) =
            (segment.options.fast_open, self.listeners.get_mut(id.0))
        else {
            return Offered::Nothing;
        };
        if !listener.fast_open.is_on() || listener.admission == Admission::Ask {
            return Offered::Nothing;
        }
        let (tuple, now) = (&segment.tuple, cx.now);
        let offered = self
            .fast_open
            .answer(tuple, &option, now, cx.config.fast_open_key_ms);
        match offered {
            Offered::Cookie(_) if !option.is_request() => cx.discard(Discard::TcpFastOpenCookie),
            Offered::Text | Offered::TextAndCookie(_) if !listener.fast_open.has_room(now) => {
                cx.discard(Discard::TcpFastOpenFull);
                return Offered::Nothing;
            }
            Offered::Text | Offered::TextAndCookie(_) | Offered::Cookie(_) | Offered::Nothing => {}
        }
        offered
    }

    /// The SYN's cookie is good: a connection is there at once, with the text of the SYN.
    fn open_fast(
        &mut self,
        cx: &mut Context<'_>,
        half_open: HalfOpen,
        cookie: Option<FastOpen>,
        segment: &mut Segment,
    ) {
        let Some(listener) = self.listeners.get_mut(half_open.listener.0) else {
            return;
        };
        listener.fast_open.on_begun();
        let give_up_at = half_open.give_up_at(cx.config);
        let begun = self.begin_at_once(cx, half_open, "RFC 7413 §4.2", |connection| {
            connection.begin_fast(cookie, give_up_at);
        });
        let Some(key) = begun else {
            return;
        };
        self.openings.fast_opens_accepted += 1;
        if let Some(Record::Connection(connection)) = self.records.get_mut(key) {
            connection.take_syn_text(segment, cx);
        }
        self.settle(cx, key);
    }
}

impl Tcp {
    /// The handshake of a Fast Open may be over: its listener counts one less, and what a dialled
    /// connection has learned is kept for the next one.
    pub(super) fn settle_fast_open(&mut self, cx: &Context<'_>, key: Key) {
        let Some(Record::Connection(connection)) = self.records.get_mut(key) else {
            return;
        };
        if connection.fast_open.is_none() || connection.is_pending_fast_open() {
            return;
        }
        let server = connection.tuple.remote.ip();
        if let Some(learned) = connection.take_learned() {
            self.fast_open.learn(server, &learned, cx.config, cx.now);
        }
        let was_reset = connection.notices.failed == Some(ConnectionError::Reset);
        let is_over = connection.ends_pending_fast_open();
        if let (true, Opening::Passive(id)) = (is_over, connection.opening)
            && let Some(listener) = self.listeners.get_mut(id.0)
        {
            if was_reset {
                let until = cx.now + millis(cx.config.fast_open_reset_ms);
                listener.fast_open.on_reset(until);
            } else {
                listener.fast_open.on_over();
            }
        }
    }
}

fn is_undecided(record: Option<&Record>) -> bool {
    matches!(record, Some(Record::HalfOpen(it)) if it.admitted == Admitted::Undecided)
}

pub(super) fn is_waiting(record: Option<&Record>) -> bool {
    matches!(record, Some(Record::Connection(it)) if it.handle == Handle::Waiting)
}

pub(super) fn is_deferred(record: Option<&Record>) -> bool {
    matches!(record, Some(Record::Connection(it)) if it.handle == Handle::Deferred)
}

/// Whether a connection that was deferred is offered now: there is something to read, or it waited for
/// long enough.
fn is_due(connection: &Connection) -> bool {
    let has_text = !connection.rcv.queue.is_empty() || connection.rcv.fin_is_received();
    has_text || (connection.is_synchronized() && !connection.timers.runs(Timer::User))
}
