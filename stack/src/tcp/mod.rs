//! TCP (RFC 9293): the doors of the whole, the table of connections, and what is ready.
//!
//! `ingress.rs` brings datagrams and ICMP errors, `egress.rs` pulls segments, `stack.rs` brings calls
//! and time. Behind each door stands a folder: `arrives/` (§3.10.7), `call/` (§3.10.1 to §3.10.6),
//! `timeout/` (§3.10.8), and `output.rs`. Nothing here walks all connections.

#[doc(hidden)]
pub mod arithmetic;
mod arrives;
mod autotune;
mod call;
mod calls;
mod challenge;
#[allow(dead_code)]
mod congestion;
mod connection;
mod delivery;
mod destinations;
mod ecn;
mod fast_open;
mod flow;
mod half_open;
mod initial_sequence;
mod input;
mod lazy_queue;
mod listener;
mod memory;
mod negotiate;
mod opening;
mod output;
mod pacing;
mod path;
mod path_probe;
mod receive;
mod recovery;
mod reset;
mod sample;
mod segment;
mod segment_out;
mod send;
mod settings;
mod slices;
mod state;
mod syn_cookie;
mod syn_queue;
mod time_wait_record;
mod timeout;
mod timers;
mod timestamps;
mod totals;
mod user_timeout;

#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::net::IpAddr;

use connection::{Connection, Handle};
use destinations::Destinations;
use fast_open::FastOpens;
use half_open::HalfOpen;
use initial_sequence::InitialSequence;
use listener::Listener;
use settings::Settings;
use syn_cookie::SynCookies;
use time_wait_record::TimeWaitRecord;
use timeout::retransmission::HalfOpenStep;
use timestamps::TimestampOffsets;

use crate::base::deadlines::Deadlines;
use crate::base::{Instant, Key, Random, Table};
use crate::call::{ConnectionId, ConnectionOptions, ListenerId};
use crate::config::Config;
use crate::context::Context;
use crate::event::Event;
use crate::observe::{Observation, SendReason, State, Timer};
use crate::socket::{Demux, FourTuple};
use crate::wire::packet::{Outgoing, Text};
use crate::wire::tcp::TcpHeader;

/// What the way to a destination looks like: found by `ip` and carried here by the pages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PathTo {
    /// Our address on it.
    pub source: IpAddr,
    /// Octets of the largest packet that gets through, as far as is known.
    pub path_mtu_octets: u16,
    /// Octets of the largest packet that our link takes.
    pub link_mtu_octets: u16,
}

/// How much there is of everything. All of it returns to where it began when all is closed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TcpCounts {
    /// Connections in any state but half open, those that only wait to be released included.
    pub connections: usize,
    /// Half-open connections.
    pub half_open: usize,
    /// Connections in TIME-WAIT.
    pub time_wait: usize,
    /// Listeners.
    pub listeners: usize,
    /// Octets in all queues.
    pub queued_octets: usize,
    /// Timers that run.
    pub timers: usize,
}

/// What listeners and dialled connections met while they opened, in all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OpeningCounters {
    /// SYN-ACKs with a cookie (RFC 4987 §3.6).
    pub cookies_sent: u64,
    /// Connections that a cookie brought about.
    pub cookies_accepted: u64,
    /// Connections that began with the text of a SYN (RFC 7413 §4.2).
    pub fast_opens_accepted: u64,
}

/// What a name stands for.
#[derive(Clone, Debug)]
enum Record {
    HalfOpen(Box<HalfOpen>),
    Connection(Box<Connection>),
    TimeWait(Box<TimeWaitRecord>),
}

/// Somebody who has something to tell.
#[derive(Clone, Copy, Debug)]
enum Announced {
    Connection(Key),
    Listener(ListenerId),
    Released(ConnectionId),
}

/// RSTs that wait to be pulled: what goes beyond is not answered.
const REPLIES_MAX: usize = 4_096;

/// See the module.
#[derive(Clone, Debug)]
pub struct Tcp {
    records: Table<Record>,
    listeners: Table<Listener>,
    demux: Demux,
    destinations: Destinations,
    deadlines: Deadlines,
    /// Records that may have something to send, each once, in turn.
    ready: VecDeque<Key>,
    /// RSTs that belong to no connection any more.
    replies: VecDeque<Outgoing>,
    /// Who has something to tell, each once, in turn.
    announced: VecDeque<Announced>,
    initial_sequence: InitialSequence,
    timestamp_offsets: TimestampOffsets,
    syn_cookies: SynCookies,
    fast_open: FastOpens,
    openings: OpeningCounters,
    /// Connections that met short memory, each once: they hear when there is some again.
    starved: VecDeque<Key>,
    /// Connections that hold text out of order, each once: it is shed when memory is short.
    sheddable: VecDeque<Key>,
    half_open: usize,
    time_wait: usize,
    queued_octets: usize,
}

impl Tcp {
    /// Without any connection. Its secrets come from `random`.
    pub fn new(_config: &Config, random: &mut Random) -> Self {
        Self {
            records: Table::new(),
            listeners: Table::new(),
            demux: Demux::new(random),
            destinations: Destinations::new(random),
            deadlines: Deadlines::new(),
            ready: VecDeque::new(),
            replies: VecDeque::new(),
            announced: VecDeque::new(),
            initial_sequence: InitialSequence::new(random),
            timestamp_offsets: TimestampOffsets::new(random),
            syn_cookies: SynCookies::new(random),
            fast_open: FastOpens::new(random),
            openings: OpeningCounters::default(),
            starved: VecDeque::new(),
            sheddable: VecDeque::new(),
            half_open: 0,
            time_wait: 0,
            queued_octets: 0,
        }
    }

    /// How much there is of everything.
    pub fn counts(&self) -> TcpCounts {
        TcpCounts {
            connections: self.records.len() - self.half_open,
            half_open: self.half_open,
            time_wait: self.time_wait,
            listeners: self.listeners.len(),
            queued_octets: self.queued_octets,
            timers: self.deadlines.len(),
        }
    }

    /// How connections began so far.
    pub const fn openings(&self) -> OpeningCounters {
        self.openings
    }

    /// When [`time_passes`](Self::time_passes) should be called next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// TIMEOUTS: RFC 9293 §3.10.8.
    pub fn time_passes(&mut self, cx: &mut Context<'_>) {
        while let Some(key) = self.deadlines.pop_due(cx.now) {
            self.expand_time_wait(cx, key, Some(cx.now));
            match self.records.get_mut(key) {
                Some(Record::Connection(connection)) => {
                    while let Some(timer) = connection.timers.pop_due(cx.now) {
                        timeout::timer_expires(connection, timer, cx);
                    }
                    self.settle(cx, key);
                }
                Some(Record::HalfOpen(half_open)) => {
                    cx.observe(|| Observation::TimerFired {
                        connection: ConnectionId(key),
                        timer: Timer::Retransmission,
                    });
                    match timeout::retransmission::half_open_expires(half_open, cx.config, cx.now) {
                        HalfOpenStep::Repeats => self.make_ready(key),
                        HalfOpenStep::GivesUp => self.forget_half_open(cx, key, "RFC 9293 §3.8.3"),
                    }
                }
                Some(Record::TimeWait(_)) | None => {}
            }
        }
    }

    /// The next segment, or `None` when nobody has one. Connections take turns, so that none of them
    /// waits for another one to finish.
    pub fn next_segment(&mut self, cx: &mut Context<'_>) -> Option<Outgoing> {
        if let Some(reply) = self.replies.pop_front() {
            return Some(reply);
        }
        self.relieve(cx);
        while let Some(key) = self.ready.pop_front() {
            let pressure = self.pressure(cx);
            let segment = match self.records.get_mut(key) {
                Some(Record::Connection(connection)) => {
                    connection.pressure = pressure;
                    connection.is_ready = false;
                    output::next_segment(connection, cx)
                }
                Some(Record::HalfOpen(half_open)) => {
                    half_open.is_ready = false;
                    self.next_half_open_segment(cx, key)
                }
                Some(Record::TimeWait(_)) | None => continue,
            };
            if segment.is_some() {
                self.make_ready(key);
                return segment;
            }
            self.settle_timers(key);
            self.compact_time_wait(key);
        }
        None
    }

    /// The next thing to tell, or `None`.
    pub fn next_event(&mut self) -> Option<Event> {
        while let Some(announced) = self.announced.pop_front() {
            match announced {
                Announced::Released(id) => return Some(Event::Released(id)),
                Announced::Listener(id) => {
                    if let Some(question) = self.next_question(id) {
                        self.announced.push_front(announced);
                        return Some(question);
                    }
                    let Some(listener) = self.listeners.get_mut(id.0) else {
                        continue;
                    };
                    listener.is_announced = false;
                    if core::mem::take(&mut listener.is_acceptable) {
                        return Some(Event::Acceptable(id));
                    }
                }
                Announced::Connection(key) => {
                    let Some(Record::Connection(connection)) = self.records.get_mut(key) else {
                        continue;
                    };
                    connection.is_announced = false;
                    let event = next_notice(connection);
                    if !connection.notices.is_empty() {
                        connection.is_announced = true;
                        self.announced.push_front(announced);
                    }
                    if event.is_some() {
                        return event;
                    }
                }
            }
        }
        None
    }

    fn next_half_open_segment(&mut self, cx: &mut Context<'_>, key: Key) -> Option<Outgoing> {
        let Some(Record::HalfOpen(half_open)) = self.records.get_mut(key) else {
            return None;
        };
        let listener = self.listeners.get(half_open.listener.0)?;
        let repeats = half_open.owes_syn_ack.is_some();
        let segment =
            segment_out::emit_half_open(ConnectionId(key), half_open, &listener.settings, cx);
        if repeats {
            let due_at = half_open.next_retransmission_at(cx.config, cx.now);
            self.deadlines.set(key, due_at);
        }
        segment
    }

    /// What follows from any change of a connection: its timer, its events, its place in the queues,
    /// and its end.
    fn settle(&mut self, cx: &mut Context<'_>, key: Key) {
        let Some(Record::Connection(connection)) = self.records.get_mut(key) else {
            return;
        };
        if connection.state == State::Closed || connection.handle == Handle::Deferred {
            self.settle_waiting(key);
        }
        self.settle_fast_open(cx, key);
        self.settle_memory(key);
        let Some(Record::Connection(connection)) = self.records.get_mut(key) else {
            return;
        };
        let held = connection.held_octets();
        self.queued_octets = self.queued_octets + held - connection.counted_octets;
        connection.counted_octets = held;
        let in_time_wait = connection.state == State::TimeWait;
        if in_time_wait != connection.counts_as_time_wait {
            connection.counts_as_time_wait = in_time_wait;
            if in_time_wait {
                self.time_wait += 1;
            } else {
                self.time_wait -= 1;
            }
        }
        if connection.handle == Handle::Released {
            connection.notices = connection::Notices::default();
        }
        let tells = connection.handle == Handle::Held && !connection.notices.is_empty();
        if tells && !connection.is_announced {
            connection.is_announced = true;
            self.announced.push_back(Announced::Connection(key));
        }
        let is_closed = connection.state == State::Closed;
        let is_over = connection.is_over();
        if is_closed {
            self.give_ends_free(key);
        }
        if is_over {
            self.remove(cx, key);
        } else {
            self.make_ready(key);
            self.settle_timers(key);
        }
    }

    /// A connection that is closed makes room for another one with the same ends, though its name may
    /// live on.
    fn give_ends_free(&mut self, key: Key) {
        let Some(Record::Connection(connection)) = self.records.get_mut(key) else {
            return;
        };
        let Some(place) = connection.place.take() else {
            return;
        };
        let tuple = connection.tuple;
        self.demux.disconnect(&tuple, key);
        let Some(moved) = self.destinations.remove(tuple.remote.ip(), place) else {
            return;
        };
        match self.records.get_mut(moved) {
            Some(Record::Connection(moved)) => moved.place = Some(place),
            Some(Record::TimeWait(moved)) => moved.move_to(place),
            Some(Record::HalfOpen(_)) | None => {}
        }
    }

    fn remove(&mut self, _cx: &mut Context<'_>, key: Key) {
        self.deadlines.clear(key);
        if let Some(Record::Connection(connection)) = self.records.remove(key) {
            self.queued_octets -= connection.counted_octets;
            if connection.is_known {
                self.announced.push_back(Announced::Released(connection.id));
            }
        }
    }

    fn forget_half_open(&mut self, cx: &mut Context<'_>, key: Key, clause: &'static str) {
        let Some(Record::HalfOpen(half_open)) = self.records.remove(key) else {
            return;
        };
        cx.observe(|| Observation::StateChanged {
            connection: ConnectionId(key),
            from: State::SynReceived,
            to: State::Closed,
            clause,
        });
        self.deadlines.clear(key);
        self.demux.disconnect(&half_open.tuple, key);
        self.leave_syn_queue(key, &half_open);
    }

    /// A connection in TIME-WAIT of which only the numbers matter becomes a record of them.
    fn compact_time_wait(&mut self, key: Key) {
        if let Some(record) = self.records.get_mut(key)
            && let Record::Connection(connection) = record
            && let Some(compact) = TimeWaitRecord::of(connection)
        {
            *record = Record::TimeWait(Box::new(compact));
        }
    }

    /// Something happens to a connection in TIME-WAIT: it becomes one again. `ends_at` is when its
    /// 2 MSL are over, if its deadline does not say so any more.
    fn expand_time_wait(&mut self, cx: &Context<'_>, key: Key, ends_at: Option<Instant>) {
        let ends_at = ends_at.or_else(|| self.deadlines.get(key));
        if let Some(record) = self.records.get_mut(key)
            && let Record::TimeWait(compact) = record
        {
            let connection = compact.to_connection(key, cx.config, ends_at, cx.now);
            *record = Record::Connection(Box::new(connection));
        }
    }

    fn settle_timers(&mut self, key: Key) {
        if let Some(Record::Connection(connection)) = self.records.get(key) {
            let earliest = connection.timers.earliest();
            if self.deadlines.get(key).unwrap_or(Instant::NEVER) != earliest {
                self.deadlines.set(key, earliest);
            }
        }
    }

    fn make_ready(&mut self, key: Key) {
        let is_ready = match self.records.get_mut(key) {
            Some(Record::Connection(connection)) => &mut connection.is_ready,
            Some(Record::HalfOpen(half_open)) => &mut half_open.is_ready,
            Some(Record::TimeWait(_)) | None => return,
        };
        if !core::mem::replace(is_ready, true) {
            self.ready.push_back(key);
        }
    }

    fn announce_listener(&mut self, id: ListenerId) {
        if let Some(listener) = self.listeners.get_mut(id.0)
            && !core::mem::replace(&mut listener.is_announced, true)
        {
            self.announced.push_back(Announced::Listener(id));
        }
    }

    /// Queues a RST that belongs to no connection any more.
    fn push_reply(
        &mut self,
        cx: &mut Context<'_>,
        tuple: &FourTuple,
        settings: &Settings,
        rst: &TcpHeader,
        connection: Option<ConnectionId>,
        reason: SendReason,
    ) {
        if self.replies.len() >= REPLIES_MAX {
            return;
        }
        segment_out::observe(connection, tuple, rst, 0, reason, cx);
        let cause = segment_out::cause(connection, reason);
        let outgoing = segment_out::outgoing(tuple, settings, rst, Text::new(), None, cause);
        self.replies.push_back(outgoing);
    }

    fn default_settings(&self, cx: &Context<'_>) -> Settings {
        Settings::new(&ConnectionOptions::default(), cx.config)
    }
}

/// Takes one notice, in the order in which things happen.
fn next_notice(connection: &mut Connection) -> Option<Event> {
    let id = connection.id;
    let notices = &mut connection.notices;
    let take = core::mem::take::<bool>;
    if take(&mut notices.established) {
        Some(Event::Established(id))
    } else if take(&mut notices.urgent) {
        Some(Event::Urgent(id))
    } else if take(&mut notices.readable) {
        Some(Event::Readable(id))
    } else if take(&mut notices.writable) {
        Some(Event::Writable(id))
    } else if let Some(error) = notices.soft.take() {
        Some(Event::Soft {
            connection: id,
            error,
        })
    } else {
        let error = notices.failed.take()?;
        Some(Event::Failed {
            connection: id,
            error,
        })
    }
}
