//! Moves octets and news between the stack and the channels: RECEIVE when there is room, SEND when
//! there is text, and what should follow it.
//!
//! Called by `turn.rs` for each channel that called for attention and each event.
//! Nothing here waits, and nothing is copied.

use std::sync::Arc;

use sidestep_stack::call::{
    ConnectionId, Decision, ListenerId, RawId, ReceivedDatagram, Release, SendDatagram, Shutdown,
    SocketId,
};
use sidestep_stack::event::{LookedUp, SynArrived};
use sidestep_stack::{Call, CallRefused, Event, Instant, Reply, Stack};

use super::desk::{Asked, Channels, Desk};
use super::request::Arrival;
use crate::channel::accept::Acceptor;
use crate::channel::datagram::{DatagramChannel, Departing};
use crate::channel::failure::{Failure, Source};
use crate::channel::stream::Stream;
use crate::channel::stream_thread::EndOfStream;

impl Desk {
    /// Looks at a channel that called for attention.
    pub(crate) fn attend(&mut self, now: Instant, source: Source) {
        match source {
            Source::Connection(connection) => self.attend_connection(now, connection),
            Source::Listener(listener) => self.attend_listener(now, listener),
            Source::Socket(socket) => self.attend_socket(now, socket),
            Source::Raw(raw) => self.attend_raw(now, raw),
        }
    }

    pub(super) fn attend_connection(&mut self, now: Instant, connection: ConnectionId) {
        let Some(stream) = self.channels.connections.get(connection.0) else {
            return;
        };
        stream.attended();
        receive(&mut self.stack, stream, now, connection);
        self.send_and_serve(now, connection);
    }

    /// Sends what was written, then does what should follow it.
    fn send_and_serve(&mut self, now: Instant, connection: ConnectionId) {
        let Some(stream) = self.channels.connections.get(connection.0) else {
            return;
        };
        let wants = stream.wants();
        if let Some(how @ (Release::Abort | Release::CloseUnread)) = wants.release {
            // Nothing that waits is worth sending: the peer is reset.
            self.release(now, connection, how);
            return;
        }
        loop {
            stream.take_text(&mut self.text);
            if self.text.is_empty() {
                break;
            }
            let taken = send(
                &mut self.stack,
                now,
                connection,
                &mut self.text,
                &mut self.rest,
            );
            let all = self.rest.is_empty();
            stream.text_sent(taken, &mut self.rest);
            if !all {
                // `Writable` comes when there is room again.
                return;
            }
        }
        let shutdown = |stack: &mut Stack, direction| {
            let _ = stack.user_calls(
                now,
                Call::Shutdown {
                    connection,
                    direction,
                },
            );
        };
        // Asked again: the text of a writer that was closed meanwhile is out by now.
        let wants = stream.wants();
        if wants.end_read {
            shutdown(&mut self.stack, Shutdown::Read);
            stream.read_ended();
        }
        if let Some(how) = wants.release
            && stream.text_is_empty()
        {
            self.release(now, connection, how);
        } else if wants.end_write && stream.text_is_empty() {
            shutdown(&mut self.stack, Shutdown::Write);
            stream.write_ended();
        }
    }

    fn release(&mut self, now: Instant, connection: ConnectionId, how: Release) {
        if let Some(stream) = self.channels.connections.remove(connection.0) {
            stream.released();
        }
        let call = Call::Release { connection, how };
        if self.stack.user_calls(now, call).is_ok() {
            self.channels.leaving.insert(connection.0, ());
        }
    }

    fn attend_listener(&mut self, now: Instant, listener: ListenerId) {
        let Some(channel) = self.channels.listeners.get(listener.0) else {
            return;
        };
        channel.attended();
        if channel.take_close() {
            self.close_listener(now, listener);
            return;
        }
        let channel = Arc::clone(channel);
        self.accept(now, listener, &channel);
    }

    pub(super) fn close_listener(&mut self, now: Instant, listener: ListenerId) {
        self.channels.listeners.remove(listener.0);
        self.channels.questions.remove(listener.0);
        self.channels.admitted.close(listener);
        let _ = self.stack.user_calls(now, Call::CloseListener(listener));
    }

    /// Lets the application decide about a SYN; one for which there is no room is dropped.
    fn ask(&mut self, now: Instant, syn: SynArrived) {
        if let Some(questions) = self.channels.questions.get(syn.listener.0)
            && questions.room() > 0
            && questions.deliver(syn).is_ok()
        {
            return;
        }
        let call = Call::Decide {
            connection: syn.connection,
            decision: Decision::Drop,
        };
        let _ = self.stack.user_calls(now, call);
    }

    /// Takes connections from the stack's accept queue while there is room for them. Where the
    /// application let each of them in, it takes them all: some are waited for by whoever did.
    fn accept(&mut self, now: Instant, listener: ListenerId, channel: &Acceptor<Arrival>) {
        let was_asked = self.channels.questions.get(listener.0).is_some();
        while channel.room() > 0 || was_asked {
            let reply = self.stack.user_calls(now, Call::Accept(listener));
            let Ok(Reply::Accepted(Some(accepted))) = reply else {
                return;
            };
            let connection = accepted.connection;
            if let Some(stream) = self.channels.admitted.take(connection) {
                stream.attach(Source::Connection(connection), accepted.local);
                stream.established();
                receive(&mut self.stack, &stream, now, connection);
                self.channels.connections.insert(connection.0, stream);
                // It may have been given up before it had a name to call attention by.
                self.attend_connection(now, connection);
                continue;
            }
            let stream = Arc::new(Stream::open(self.stream_limits, self.attention()));
            stream.attach(Source::Connection(connection), accepted.local);
            // Text, or the end of the stream, may have come before.
            receive(&mut self.stack, &stream, now, connection);
            let arrival = Arrival::new(Arc::clone(&stream), accepted.local, accepted.remote);
            self.channels.connections.insert(connection.0, stream);
            // A listener that was closed hands it back, and dropping it resets the connection.
            drop(channel.deliver(arrival));
        }
    }

    fn attend_socket(&mut self, now: Instant, socket: SocketId) {
        let Some(channel) = self.channels.sockets.get(socket.0) else {
            return;
        };
        channel.attended();
        let departed = send_datagrams(&mut self.stack, channel, now, |datagram| {
            Call::SendDatagram { socket, datagram }
        });
        if departed == Departed::Some {
            self.blocked.push(Source::Socket(socket));
            return;
        }
        if channel.take_close() {
            self.channels.sockets.remove(socket.0);
            let _ = self.stack.user_calls(now, Call::CloseSocket(socket));
            return;
        }
        receive_datagrams(&mut self.stack, channel, now, || {
            Call::ReceiveDatagram(socket)
        });
    }

    fn attend_raw(&mut self, now: Instant, raw: RawId) {
        let Some(channel) = self.channels.raws.get(raw.0) else {
            return;
        };
        channel.attended();
        let departed = send_datagrams(&mut self.stack, channel, now, |datagram| Call::SendRaw {
            socket: raw,
            datagram,
        });
        if departed == Departed::Some {
            self.blocked.push(Source::Raw(raw));
            return;
        }
        if channel.take_close() {
            self.channels.raws.remove(raw.0);
            let _ = self.stack.user_calls(now, Call::CloseRaw(raw));
            return;
        }
        receive_datagrams(&mut self.stack, channel, now, || Call::ReceiveRaw(raw));
    }

    /// There will be no further turn: what the stack has acknowledged to the peers goes to the
    /// applications now, whether their channels have room or not. The stack's receive buffers bound
    /// it. Walks over all connections, once.
    pub(crate) fn deliver_the_rest(&mut self, now: Instant) {
        for (key, stream) in self.channels.connections.iter() {
            let call = Call::Receive {
                connection: ConnectionId(key),
                octets_max: usize::MAX,
            };
            if let Ok(Reply::Received(received)) = self.stack.user_calls(now, call) {
                let end = if received.end_of_stream {
                    EndOfStream::Reached
                } else {
                    EndOfStream::NotYet
                };
                stream.deliver(received.slices, end);
            }
        }
    }

    /// Passes on what the stack has to say.
    pub(crate) fn event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Established(connection) => {
                if let Some(stream) = self.channels.connections.get(connection.0) {
                    stream.established();
                }
            }
            Event::Acceptable(listener) => {
                if let Some(channel) = self.channels.listeners.get(listener.0) {
                    let channel = Arc::clone(channel);
                    self.accept(now, listener, &channel);
                }
            }
            Event::Readable(connection) => {
                if let Some(stream) = self.channels.connections.get(connection.0) {
                    receive(&mut self.stack, stream, now, connection);
                }
            }
            Event::Writable(connection) => self.send_and_serve(now, connection),
            Event::Failed { connection, error } => {
                if let Some(stream) = self.channels.connections.get(connection.0) {
                    // What was received before it failed is the application's.
                    receive(&mut self.stack, stream, now, connection);
                    stream.fail(error);
                }
                // Somebody may be waiting for the text to go before it is released.
                self.send_and_serve(now, connection);
            }
            Event::SynArrived(syn) => self.ask(now, syn),
            // In line, and asked for by STATUS; soft errors likewise.
            Event::Urgent(_) | Event::Soft { .. } => {}
            Event::Released(connection) => {
                self.onlookers.released(&mut self.stack, connection);
                self.channels.leaving.remove(connection.0);
                self.channels.connections.remove(connection.0);
            }
            Event::DatagramArrived(socket) => {
                if let Some(channel) = self.channels.sockets.get(socket.0) {
                    receive_datagrams(&mut self.stack, channel, now, || {
                        Call::ReceiveDatagram(socket)
                    });
                }
            }
            Event::RawArrived(raw) => {
                if let Some(channel) = self.channels.raws.get(raw.0) {
                    receive_datagrams(&mut self.stack, channel, now, || Call::ReceiveRaw(raw));
                }
            }
            Event::LookedUp(looked_up) => looked_up_arrives(&mut self.channels, looked_up),
        }
    }
}

fn looked_up_arrives(channels: &mut Channels, looked_up: LookedUp) {
    if let Some(Asked { asked, answer }) = channels.lookups.remove(&looked_up.lookup) {
        channels.asked.remove(&asked);
        drop(answer.give(Ok(looked_up)));
    }
}

/// RECEIVE while there is both room and text.
fn receive(stack: &mut Stack, stream: &Stream, now: Instant, connection: ConnectionId) {
    loop {
        let room = stream.receive_room();
        if room == 0 {
            return;
        }
        let reply = stack.user_calls(
            now,
            Call::Receive {
                connection,
                octets_max: room,
            },
        );
        let Ok(Reply::Received(received)) = reply else {
            return;
        };
        let octets: usize = received.slices.iter().map(|slice| slice.len()).sum();
        if octets == 0 && !received.end_of_stream {
            return;
        }
        if received.end_of_stream {
            stream.deliver(received.slices, EndOfStream::Reached);
            return;
        }
        stream.deliver(received.slices, EndOfStream::NotYet);
        if octets < room {
            return;
        }
    }
}

/// SEND of all slices of `text`; what the stack has no room for goes to `rest`. Gives the octets
/// that are off the channel's hands.
fn send(
    stack: &mut Stack,
    now: Instant,
    connection: ConnectionId,
    text: &mut Vec<bytes::Bytes>,
    rest: &mut Vec<bytes::Bytes>,
) -> usize {
    let mut taken = 0;
    for mut octets in text.drain(..) {
        if !rest.is_empty() {
            rest.push(octets);
            continue;
        }
        let call = Call::Send {
            connection,
            octets: octets.clone(),
        };
        match stack.user_calls(now, call) {
            Ok(Reply::Sent(sent)) => {
                let sent = sent.min(octets.len());
                taken += sent;
                if sent < octets.len() {
                    rest.push(octets.split_off(sent));
                }
            }
            // The connection is over; its failure is told by an event, the text goes nowhere.
            Ok(_) | Err(_) => taken += octets.len(),
        }
    }
    taken
}

/// Takes datagrams from the stack while there is room for them.
fn receive_datagrams(
    stack: &mut Stack,
    channel: &DatagramChannel,
    now: Instant,
    call: impl Fn() -> Call,
) {
    while channel.has_room() {
        match stack.user_calls(now, call()) {
            Ok(Reply::Datagram(Some(datagram))) => channel.deliver(canonical(datagram)),
            Err(CallRefused::Pending(error)) => channel.fail(Failure::Socket(error)),
            Ok(_) | Err(_) => return,
        }
    }
}

/// A peer of an IPv6 socket that speaks IPv4 is shown as IPv4.
fn canonical(mut datagram: ReceivedDatagram) -> ReceivedDatagram {
    datagram.remote.set_ip(datagram.remote.ip().to_canonical());
    datagram
}

/// Whether the stack took all datagrams.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Departed {
    /// It did, or it told why not.
    All,
    /// It has no room for more until packets have left.
    Some,
}

/// Hands departing datagrams to the stack, and its verdicts to those who wait for them.
fn send_datagrams(
    stack: &mut Stack,
    channel: &DatagramChannel,
    now: Instant,
    call: impl Fn(SendDatagram) -> Call,
) -> Departed {
    let mut waiting = channel.take_departing();
    while let Some(departing) = waiting.pop_front() {
        let mut verdict = stack.user_calls(now, call(departing.datagram.clone()));
        if let (Err(CallRefused::Pending(error)), None) = (&verdict, &departing.answer) {
            // The error of an earlier datagram is told, and this one is tried again.
            channel.fail(Failure::Socket(*error));
            verdict = stack.user_calls(now, call(departing.datagram.clone()));
        }
        match (departing.answer, verdict) {
            (answer, Err(CallRefused::LimitReached)) => {
                waiting.push_front(Departing {
                    datagram: departing.datagram,
                    answer,
                });
                channel.put_back(waiting);
                return Departed::Some;
            }
            (Some(answer), verdict) => drop(answer.give(verdict.map(|_| ()))),
            (None, Ok(_)) => {}
            (None, Err(CallRefused::Pending(error))) => channel.fail(Failure::Socket(error)),
            (None, Err(refused)) => channel.fail(Failure::Refused(refused)),
        }
    }
    Departed::All
}
