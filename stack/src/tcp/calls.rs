//! The user's door: which connection or listener is a call about? (RFC 9293 §3.10.1 to §3.10.6)
//!
//! `stack.rs` hands each call to one of these methods; `call/*` does what the RFC says. After each
//! call the connection is settled: timers, events, readiness.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::net::SocketAddr;

use bytes::Bytes;

use super::call::{abort, accept, close, open, receive, send, status};
use super::connection::{Connection, Handle, NewConnection, Opening};
use super::half_open::Admitted;
use super::listener::Listener;
use super::opening::{is_deferred, is_waiting};
use super::settings::Settings;
use super::time_wait_record::TimeWaitRecord;
use super::{PathTo, Record, Tcp, reset};
use crate::base::{Instant, Key};
use crate::call::{
    Accepted, CallRefused, ConnectionId, ConnectionOptions, Listen, ListenerId, Local,
    OpenConnection, Received, Release, Shutdown, Status,
};
use crate::config::Config;
use crate::context::Context;
use crate::observe::{SendReason, State};
use crate::socket::{FourTuple, ports};

const ABORT: &str = "RFC 9293 §3.10.5";

impl Tcp {
    /// OPEN, active (RFC 9293 §3.10.1). `path` leads to the remote end.
    ///
    /// # Errors
    ///
    /// See [`CallRefused`]: families, groups, ports and limits.
    pub fn open(
        &mut self,
        cx: &mut Context<'_>,
        call: &OpenConnection,
        path: PathTo,
    ) -> Result<(ConnectionId, SocketAddr), CallRefused> {
        self.open_with(cx, call, path, None)
    }

    /// As [`open`](Self::open); with `text`, as much of it as may be goes with the SYN (RFC 7413).
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_with(
        &mut self,
        cx: &mut Context<'_>,
        call: &OpenConnection,
        path: PathTo,
        text: Option<Bytes>,
    ) -> Result<(ConnectionId, SocketAddr), CallRefused> {
        open::check_addresses(path.source, call.remote.ip())?;
        if call.remote.port() == 0 {
            return Err(CallRefused::RemoteNotUnicast);
        }
        if self.records.len() as u64 >= cx.config.connections_max {
            return Err(CallRefused::LimitReached);
        }
        let memory_octets = self.memory_left_octets(cx);
        let tuple = self.choose_ends(cx, call, path)?;
        let settings = Arc::new(Settings::new(&call.options, cx.config));
        let (iss, timestamp_offset) = (
            self.initial_sequence.iss(&tuple, cx.now),
            self.timestamp_offsets.offset(&tuple),
        );
        let key = self.records.insert_with(|key| {
            let new = NewConnection {
                id: ConnectionId(key),
                tuple,
                opening: Opening::Active,
                iss,
                timestamp_offset,
                settings,
                path_mtu_octets: path.path_mtu_octets,
                link_mtu_octets: path.link_mtu_octets,
            };
            Record::Connection(Box::new(open::user_calls(new, cx)))
        });
        // Free: `choose_ends` has looked.
        let _ = self.demux.connect(tuple, key);
        let place = self.destinations.add(tuple.remote.ip(), key);
        if let Some(Record::Connection(connection)) = self.records.get_mut(key) {
            connection.place = Some(place);
            if let Some(text) = text {
                let (server, mss) = (tuple.remote.ip(), connection.path.peer_mss);
                if let Some(offer) = self.fast_open.offer(server, mss, cx.now) {
                    connection.offer_fast(&offer);
                }
                // It is SYN-SENT: text is queued.
                let _ = send::user_calls(connection, text, memory_octets);
            }
        }
        self.settle(cx, key);
        Ok((ConnectionId(key), tuple.local))
    }

    /// Our end: the port that was asked for, or one that nobody can guess (RFC 6056).
    fn choose_ends(
        &self,
        cx: &mut Context<'_>,
        call: &OpenConnection,
        path: PathTo,
    ) -> Result<FourTuple, CallRefused> {
        let tuple_with = |port| FourTuple {
            local: SocketAddr::new(path.source, port),
            remote: call.remote,
        };
        if call.local_port != 0 {
            let tuple = tuple_with(call.local_port);
            return match self.demux.connected(&tuple) {
                Some(_) => Err(CallRefused::AddressInUse),
                None => Ok(tuple),
            };
        }
        // A port that listens is left alone: it is likely to be known for something.
        ports::choose(cx.random, |port| {
            self.demux.is_bound(port) || self.demux.connected(&tuple_with(port)).is_some()
        })
        .map(tuple_with)
        .ok_or(CallRefused::PortsExhausted)
    }

    /// OPEN, passive (RFC 9293 §3.10.1).
    ///
    /// # Errors
    ///
    /// The address and port are in use, or a limit is reached.
    pub fn listen(
        &mut self,
        cx: &mut Context<'_>,
        call: &Listen,
    ) -> Result<(ListenerId, u16), CallRefused> {
        if call.local.address.is_some_and(|it| !open::is_one_host(it)) {
            return Err(CallRefused::AddressNotOurs);
        }
        if self.listeners.len() as u64 >= cx.config.listeners_max {
            return Err(CallRefused::LimitReached);
        }
        let with_port = |port| Local { port, ..call.local };
        let port = if call.local.port == 0 {
            ports::choose(cx.random, |port| self.demux.conflicts(&with_port(port)))
                .ok_or(CallRefused::PortsExhausted)?
        } else {
            call.local.port
        };
        let local = with_port(port);
        if self.demux.conflicts_as(&local, call.reuse_port) {
            return Err(CallRefused::AddressInUse);
        }
        let key = self
            .listeners
            .insert_with(|key| Listener::new(ListenerId(key), local, call, cx.config, cx.random));
        // Free: looked at above.
        let _ = self.demux.bind_as(local, key, call.reuse_port);
        Ok((ListenerId(key), port))
    }

    /// Takes the oldest connection that waits.
    ///
    /// # Errors
    ///
    /// There is no such listener.
    pub fn accept(
        &mut self,
        cx: &mut Context<'_>,
        id: ListenerId,
    ) -> Result<Option<Accepted>, CallRefused> {
        let listener = self
            .listeners
            .get_mut(id.0)
            .ok_or(CallRefused::NoSuchEntry)?;
        let records = &self.records;
        let Some(key) = listener.accept_queue.pop(|it| is_waiting(records.get(it))) else {
            return Ok(None);
        };
        let Some(Record::Connection(connection)) = self.records.get_mut(key) else {
            return Ok(None);
        };
        let accepted = accept::hand_over(connection);
        self.settle(cx, key);
        Ok(Some(accepted))
    }

    /// Ends a listener. What waits in its queues is reset.
    ///
    /// # Errors
    ///
    /// There is no such listener.
    pub fn close_listener(
        &mut self,
        cx: &mut Context<'_>,
        id: ListenerId,
    ) -> Result<(), CallRefused> {
        let mut listener = self
            .listeners
            .remove(id.0)
            .ok_or(CallRefused::NoSuchEntry)?;
        self.demux.unbind(&listener.local, id.0);
        loop {
            let records = &self.records;
            let waiting = listener.accept_queue.pop(|it| is_waiting(records.get(it)));
            let deferred = || listener.deferred.pop(|it| is_deferred(records.get(it)));
            let Some(key) = waiting.or_else(deferred) else {
                break;
            };
            self.abort(cx, key);
        }
        for key in listener.syn_queue.drain() {
            let Some(Record::HalfOpen(half_open)) = self.records.get(key) else {
                continue;
            };
            if half_open.admitted == Admitted::Undecided {
                self.forget_half_open(cx, key, "RFC 9293 §3.10.4");
                continue;
            }
            let tuple = half_open.tuple;
            let rst = reset::aborting(
                tuple.local.port(),
                tuple.remote.port(),
                half_open.iss + 1,
                half_open.rcv_nxt(),
            );
            let (id, why) = (Some(ConnectionId(key)), SendReason::Abort);
            self.push_reply(cx, &tuple, &listener.settings, &rst, id, why);
            self.forget_half_open(cx, key, "RFC 9293 §3.10.4");
        }
        Ok(())
    }

    /// SEND (RFC 9293 §3.10.2). The answer is how many octets were taken.
    ///
    /// # Errors
    ///
    /// See `call/send.rs`.
    pub fn send(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        octets: Bytes,
    ) -> Result<usize, CallRefused> {
        let (pressure, memory_octets) = (self.pressure(cx), self.memory_left_octets(cx));
        let connection = self.connection(id)?;
        connection.pressure = pressure;
        let taken = send::user_calls(connection, octets, memory_octets)?;
        self.settle(cx, id.0);
        Ok(taken)
    }

    /// RECEIVE (RFC 9293 §3.10.3).
    ///
    /// # Errors
    ///
    /// See `call/receive.rs`.
    pub fn receive(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        octets_max: usize,
    ) -> Result<Received, CallRefused> {
        let pressure = self.pressure(cx);
        let connection = self.connection(id)?;
        connection.pressure = pressure;
        let received = receive::user_calls(connection, octets_max, cx)?;
        self.settle(cx, id.0);
        Ok(received)
    }

    /// CLOSE in one direction (RFC 9293 §3.10.4).
    ///
    /// # Errors
    ///
    /// See `call/close.rs`.
    pub fn shutdown(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        direction: Shutdown,
    ) -> Result<(), CallRefused> {
        let connection = self.connection(id)?;
        close::user_shuts_down(connection, direction, cx)?;
        self.settle(cx, id.0);
        Ok(())
    }

    /// The user gives the name up (RFC 9293 §3.10.4, §3.10.5, §3.6.1).
    ///
    /// # Errors
    ///
    /// The name was given up before.
    pub fn release(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        how: Release,
    ) -> Result<(), CallRefused> {
        let connection = self.connection(id)?;
        if connection.handle != Handle::Held {
            return Err(CallRefused::NoSuchEntry);
        }
        let is_unread = match how {
            Release::Close => !connection.rcv.queue.is_empty(),
            Release::CloseUnread => true,
            Release::Abort => false,
        };
        connection.handle = Handle::Released;
        if connection.state == State::TimeWait && how != Release::Abort {
            // The peer has heard and said everything: a reset would only take away what TIME-WAIT
            // protects (RFC 9293 §3.10.4).
            connection.rcv.queue.clear();
            self.settle(cx, id.0);
            return Ok(());
        }
        if how == Release::Abort || is_unread {
            self.abort(cx, id.0);
            return Ok(());
        }
        match connection.state {
            // "Delete the TCB"; the peer hears nothing.
            State::SynSent => connection.enter_closed("RFC 9293 §3.10.4", cx),
            _ => close::close(connection, cx),
        }
        connection.limit_fin_wait_2(cx);
        self.settle(cx, id.0);
        Ok(())
    }

    /// STATUS (RFC 9293 §3.10.6).
    ///
    /// # Errors
    ///
    /// There is no such connection.
    pub fn status(&self, cx: &Context<'_>, id: ConnectionId) -> Result<Box<Status>, CallRefused> {
        match self.records.get(id.0) {
            Some(Record::Connection(connection)) => Ok(status::status(connection)),
            Some(Record::TimeWait(compact)) => Ok(self.time_wait_status(id, compact, cx.config)),
            Some(Record::HalfOpen(_)) | None => Err(CallRefused::NoSuchEntry),
        }
    }

    /// What is known of the connection or half-open connection `id`.
    pub fn status_of(&self, config: &Config, id: ConnectionId) -> Option<Status> {
        let status = match self.records.get(id.0)? {
            Record::Connection(connection) => status::status(connection),
            Record::TimeWait(compact) => self.time_wait_status(id, compact, config),
            Record::HalfOpen(half_open) => {
                let settings = &self.listeners.get(half_open.listener.0)?.settings;
                let resends_at = self.deadlines.get(id.0);
                status::half_open_status(half_open, id.0, settings, config, resends_at)
            }
        };
        Some(*status)
    }

    /// What is still known of a connection in TIME-WAIT.
    fn time_wait_status(
        &self,
        id: ConnectionId,
        compact: &TimeWaitRecord,
        config: &Config,
    ) -> Box<Status> {
        let ends_at = self.deadlines.get(id.0);
        status::status(&compact.to_connection(id.0, config, ends_at, Instant::ZERO))
    }

    /// All connections, half-open ones too, in the order of their slots.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.records.iter().map(|(key, _)| ConnectionId(key))
    }

    /// The connection or half-open connection between these ends.
    pub fn connection_between(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<ConnectionId> {
        self.demux
            .connected(&FourTuple { local, remote })
            .map(ConnectionId)
    }

    /// Changes settings.
    ///
    /// # Errors
    ///
    /// There is no such connection.
    pub fn set_options(
        &mut self,
        cx: &mut Context<'_>,
        id: ConnectionId,
        options: &ConnectionOptions,
    ) -> Result<(), CallRefused> {
        let connection = self.connection(id)?;
        status::change(connection, options, cx);
        self.settle(cx, id.0);
        Ok(())
    }

    /// ABORT: queues are dropped, the peer is told, the name is given up.
    pub(super) fn abort(&mut self, cx: &mut Context<'_>, key: Key) {
        let Some(Record::Connection(connection)) = self.records.get_mut(key) else {
            return;
        };
        connection.handle = Handle::Released;
        if connection.state == State::Closed {
            return self.settle(cx, key);
        }
        let rst = abort::abort(connection, ABORT, cx);
        let (tuple, settings) = (connection.tuple, connection.settings.clone());
        if let Some(rst) = rst {
            let (id, why) = (Some(ConnectionId(key)), SendReason::Abort);
            self.push_reply(cx, &tuple, &settings, &rst, id, why);
        }
        self.settle(cx, key);
    }

    fn connection(&mut self, id: ConnectionId) -> Result<&mut Connection, CallRefused> {
        match self.records.get_mut(id.0) {
            Some(Record::Connection(connection)) => Ok(connection),
            _ => Err(CallRefused::NoSuchEntry),
        }
    }
}
