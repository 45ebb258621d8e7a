//! The resolver's sockets and connections, opened and closed as [`dns`](crate::dns) asks for them.
//!
//! A third page, between `dns` on one side and `udp`, `tcp` and `ip` on the other. A query over UDP
//! has a fresh socket, and so an unpredictable port (RFC 5452 §9.2); queries over TCP share the
//! connection to their server (RFC 7766 §6.2.1). Nothing here reads a message.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::Bytes;

use crate::call::{
    ConnectionId, ConnectionOptions, Local, OpenConnection, OpenSocket, Release, SendDatagram,
    SocketId,
};
use crate::context::Context;
use crate::dns::{Carrier, Transmit, Transport};
use crate::event::Event;
use crate::ingress::path_to;
use crate::observe::State;
use crate::stack::Protocols;

/// Who serves which query. Bounded by the look-ups that `dns` takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    sockets: BTreeMap<SocketId, Carrier>,
    streams: BTreeMap<ConnectionId, Stream>,
    /// The other way round.
    serving: BTreeMap<Carrier, Serving>,
}

/// What serves a query.
#[derive(Clone, Copy, Debug)]
enum Serving {
    Socket(SocketId),
    Connection(ConnectionId),
}

#[derive(Clone, Debug)]
struct Stream {
    server: IpAddr,
    /// `None` once it is finished: the connection only has to end.
    carrier: Option<Carrier>,
    /// Queries that are to be sent as soon as the connection takes them, in order.
    waiting: Vec<Bytes>,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self::default()
    }
}

/// Sends the queries that `dns` has. One that cannot be sent may lead to the next at once; there
/// are as many as `dns` has servers and tries.
pub(crate) fn next_transmit(protocols: &mut Protocols, cx: &mut Context<'_>) {
    finish(protocols, cx);
    while let Some(transmit) = protocols.dns.next_transmit(cx) {
        let carrier = transmit.carrier;
        let sent = match (transmit.transport, protocols.names.serving.get(&carrier)) {
            (Transport::Udp, _) => send_datagram(protocols, cx, transmit),
            (Transport::Tcp, Some(Serving::Connection(connection))) => {
                let connection = *connection;
                send_on_stream(protocols, cx, connection, transmit.octets)
            }
            (Transport::Tcp, _) => open_stream(protocols, cx, transmit),
        };
        if sent.is_none() {
            protocols.dns.carrier_failed(cx, carrier);
        }
    }
    finish(protocols, cx);
}

fn send_datagram(
    protocols: &mut Protocols,
    cx: &mut Context<'_>,
    transmit: Transmit,
) -> Option<()> {
    let server = transmit.server;
    let path = protocols.ip.route(server.ip(), None).ok()?;
    let call = OpenSocket {
        local: Local::default(),
        remote: Some(server),
        ..Default::default()
    };
    let (socket, _) = protocols.udp.open(cx, &call, Some(path.source)).ok()?;
    let names = &mut protocols.names;
    names.sockets.insert(socket, transmit.carrier);
    names
        .serving
        .insert(transmit.carrier, Serving::Socket(socket));
    let query = SendDatagram {
        remote: None,
        source: None,
        octets: transmit.octets,
        hop_limit: None,
        traffic_class: None,
    };
    let outgoing = protocols
        .udp
        .datagram(socket, query, server, path.source)
        .ok()?;
    protocols.outbox.push(cx, outgoing);
    Some(())
}

fn open_stream(protocols: &mut Protocols, cx: &mut Context<'_>, transmit: Transmit) -> Option<()> {
    let path = protocols.ip.route(transmit.server.ip(), None).ok()?;
    let options = ConnectionOptions {
        no_delay: Some(true),
        ..ConnectionOptions::default()
    };
    let call = OpenConnection {
        remote: transmit.server,
        local_address: None,
        local_port: 0,
        options,
    };
    let (connection, _) = protocols.tcp.open(cx, &call, path_to(path)).ok()?;
    let names = &mut protocols.names;
    names
        .serving
        .insert(transmit.carrier, Serving::Connection(connection));
    let stream = Stream {
        server: transmit.server.ip(),
        carrier: Some(transmit.carrier),
        waiting: alloc::vec![transmit.octets],
    };
    names.streams.insert(connection, stream);
    Some(())
}

/// One more query on a connection that exists (RFC 7766 §6.2.1.1). `None` if it has ended.
fn send_on_stream(
    protocols: &mut Protocols,
    cx: &mut Context<'_>,
    connection: ConnectionId,
    query: Bytes,
) -> Option<()> {
    let stream = protocols.names.streams.get_mut(&connection)?;
    stream.waiting.push(query);
    match protocols.tcp.status(cx, connection).ok()?.state {
        State::Listen | State::SynSent | State::SynReceived => Some(()),
        State::Closed => None,
        State::Established
        | State::FinWait1
        | State::FinWait2
        | State::CloseWait
        | State::Closing
        | State::LastAck
        | State::TimeWait => send_waiting(protocols, cx, connection),
    }
}

/// Sends what waits. A connection that does not take all of it is of no use: its peer reads nothing
/// of what is far less than a send buffer.
fn send_waiting(
    protocols: &mut Protocols,
    cx: &mut Context<'_>,
    connection: ConnectionId,
) -> Option<()> {
    let stream = protocols.names.streams.get_mut(&connection)?;
    for query in core::mem::take(&mut stream.waiting) {
        let octets = query.len();
        match protocols.tcp.send(cx, connection, query) {
            Ok(taken) if taken == octets => {}
            Ok(_) | Err(_) => return None,
        }
    }
    Some(())
}

/// A datagram, or an error, waits at `socket`: if it is the resolver's, it is fetched.
pub(crate) fn datagram_arrives(protocols: &mut Protocols, cx: &mut Context<'_>, socket: SocketId) {
    let Some(carrier) = protocols.names.sockets.get(&socket).copied() else {
        return;
    };
    loop {
        match protocols.udp.receive(socket) {
            Ok(Some(reply)) => {
                protocols
                    .dns
                    .datagram_arrives(cx, carrier, reply.remote, &reply.octets);
            }
            Ok(None) => break,
            Err(_) => {
                protocols.dns.carrier_failed(cx, carrier);
                break;
            }
        }
    }
    finish(protocols, cx);
}

/// A segment arrived from `source`: the resolver's own connections to it may have moved on. It costs
/// next to nothing for everybody else's segments.
pub(crate) fn segment_arrives(protocols: &mut Protocols, cx: &mut Context<'_>, source: IpAddr) {
    change(protocols, cx, |stream| stream.server == source);
}

/// A path failed, or TCP has news: the resolver's own connections may have moved on.
pub(crate) fn streams_change(protocols: &mut Protocols, cx: &mut Context<'_>) {
    change(protocols, cx, |_| true);
}

fn change(protocols: &mut Protocols, cx: &mut Context<'_>, concerned: impl Fn(&Stream) -> bool) {
    let streams = protocols.names.streams.iter();
    let open: Vec<_> = streams
        .filter(|(_, stream)| concerned(stream))
        .filter_map(|(connection, stream)| Some((*connection, stream.carrier?)))
        .collect();
    if open.is_empty() {
        return;
    }
    for (connection, carrier) in open {
        stream_changes(protocols, cx, connection, carrier);
    }
    finish(protocols, cx);
}

fn stream_changes(
    protocols: &mut Protocols,
    cx: &mut Context<'_>,
    connection: ConnectionId,
    carrier: Carrier,
) {
    let state = match protocols.tcp.status(cx, connection) {
        Ok(status) => status.state,
        Err(_) => State::Closed,
    };
    match state {
        State::Listen | State::SynSent | State::SynReceived => return,
        State::Closed => {
            protocols.dns.carrier_failed(cx, carrier);
            return;
        }
        State::Established
        | State::FinWait1
        | State::FinWait2
        | State::CloseWait
        | State::Closing
        | State::LastAck
        | State::TimeWait => {}
    }
    if send_waiting(protocols, cx, connection).is_none() {
        protocols.dns.carrier_failed(cx, carrier);
        return;
    }
    let Ok(received) = protocols.tcp.receive(cx, connection, usize::MAX) else {
        return;
    };
    for slice in &received.slices {
        protocols.dns.stream_arrives(cx, carrier, slice);
    }
    if received.end_of_stream {
        protocols.dns.carrier_failed(cx, carrier);
    }
}

/// Closes the sockets and connections of which `dns` has no need any more.
pub(crate) fn finish(protocols: &mut Protocols, cx: &mut Context<'_>) {
    while let Some(carrier) = protocols.dns.next_finished() {
        let names = &mut protocols.names;
        match names.serving.remove(&carrier) {
            Some(Serving::Socket(socket)) => {
                names.sockets.remove(&socket);
                // It was there a line ago; there is nothing to tell if it is not.
                let _ = protocols.udp.close(socket);
            }
            Some(Serving::Connection(connection)) => {
                if let Some(stream) = names.streams.get_mut(&connection) {
                    stream.carrier = None;
                    stream.waiting = Vec::new();
                }
                let _ = protocols.tcp.release(cx, connection, Release::Close);
            }
            // It could not even be opened.
            None => {}
        }
    }
}

/// Whether `event` was about a socket or connection of the resolver, and so is nobody else's.
pub(crate) fn takes_event(protocols: &mut Protocols, cx: &mut Context<'_>, event: &Event) -> bool {
    match event {
        Event::DatagramArrived(socket) => protocols.names.sockets.contains_key(socket),
        Event::Released(connection) => protocols.names.streams.remove(connection).is_some(),
        Event::Established(connection)
        | Event::Readable(connection)
        | Event::Writable(connection)
        | Event::Urgent(connection)
        | Event::Failed { connection, .. }
        | Event::Soft { connection, .. } => {
            let is_ours = protocols.names.streams.contains_key(connection);
            if is_ours {
                streams_change(protocols, cx);
            }
            is_ours
        }
        Event::Acceptable(_) | Event::SynArrived(_) | Event::RawArrived(_) | Event::LookedUp(_) => {
            false
        }
    }
}

#[cfg(test)]
mod tests;
