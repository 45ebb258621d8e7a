//! The resolver's sockets: every exchange that [`dns`](crate::dns) asks for gets one of its own.
//!
//! A third page, between `dns` on one side and `udp`, `tcp` and `ip` on the other. A query over UDP
//! has a fresh socket, and so an unpredictable port (RFC 5452 §9.2). Nothing here reads a message.

use alloc::collections::BTreeMap;
use core::net::SocketAddr;

use bytes::Bytes;

use crate::call::{
    ConnectionId, ConnectionOptions, Local, OpenConnection, OpenSocket, Release, SendDatagram,
    SocketId,
};
use crate::context::Context;
use crate::dns::{ExchangeId, Transmit, Transport};
use crate::event::Event;
use crate::ingress::path_to;
use crate::observe::State;
use crate::stack::Protocols;

/// Who serves which exchange. Bounded by the look-ups that `dns` takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    sockets: BTreeMap<SocketId, (ExchangeId, SocketAddr)>,
    streams: BTreeMap<ConnectionId, Stream>,
}

#[derive(Clone, Debug)]
struct Stream {
    /// `None` once the exchange is over: the connection only has to end.
    exchange: Option<ExchangeId>,
    /// What is to be sent as soon as the connection is open.
    query: Bytes,
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
        let exchange = transmit.exchange;
        let sent = match transmit.transport {
            Transport::Udp => send_datagram(protocols, cx, transmit),
            Transport::Tcp => open_stream(protocols, cx, transmit),
        };
        if sent.is_none() {
            protocols.dns.exchange_failed(cx, exchange);
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
    protocols
        .names
        .sockets
        .insert(socket, (transmit.exchange, server));
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
    let stream = Stream {
        exchange: Some(transmit.exchange),
        query: transmit.octets,
    };
    protocols.names.streams.insert(connection, stream);
    Some(())
}

/// A datagram, or an error, waits at `socket`: if it is the resolver's, it is fetched.
pub(crate) fn datagram_arrives(protocols: &mut Protocols, cx: &mut Context<'_>, socket: SocketId) {
    let Some((exchange, _)) = protocols.names.sockets.get(&socket).copied() else {
        return;
    };
    loop {
        match protocols.udp.receive(socket) {
            Ok(Some(reply)) => {
                protocols
                    .dns
                    .datagram_arrives(cx, exchange, reply.remote, &reply.octets);
            }
            Ok(None) => break,
            Err(_) => {
                protocols.dns.exchange_failed(cx, exchange);
                break;
            }
        }
    }
    finish(protocols, cx);
}

/// Segments arrived or a path failed: the resolver's own connections may have moved on.
pub(crate) fn streams_change(protocols: &mut Protocols, cx: &mut Context<'_>) {
    if protocols.names.streams.is_empty() {
        return;
    }
    let open: alloc::vec::Vec<_> = protocols
        .names
        .streams
        .iter()
        .filter_map(|(connection, stream)| Some((*connection, stream.exchange?)))
        .collect();
    for (connection, exchange) in open {
        stream_changes(protocols, cx, connection, exchange);
    }
    finish(protocols, cx);
}

fn stream_changes(
    protocols: &mut Protocols,
    cx: &mut Context<'_>,
    connection: ConnectionId,
    exchange: ExchangeId,
) {
    let state = match protocols.tcp.status(cx, connection) {
        Ok(status) => status.state,
        Err(_) => State::Closed,
    };
    match state {
        State::Listen | State::SynSent | State::SynReceived => return,
        State::Closed => {
            protocols.dns.exchange_failed(cx, exchange);
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
    if let Some(stream) = protocols.names.streams.get_mut(&connection) {
        let query = core::mem::take(&mut stream.query);
        if !query.is_empty() && protocols.tcp.send(cx, connection, query).is_err() {
            protocols.dns.exchange_failed(cx, exchange);
            return;
        }
    }
    let Ok(received) = protocols.tcp.receive(cx, connection, usize::MAX) else {
        return;
    };
    for slice in &received.slices {
        protocols.dns.stream_arrives(cx, exchange, slice);
    }
    if received.end_of_stream {
        protocols.dns.exchange_failed(cx, exchange);
    }
}

/// Closes the sockets of exchanges that are over.
pub(crate) fn finish(protocols: &mut Protocols, cx: &mut Context<'_>) {
    while let Some(exchange) = protocols.dns.next_finished() {
        let names = &mut protocols.names;
        let socket = names.sockets.iter().find(|(_, (of, _))| *of == exchange);
        if let Some(socket) = socket.map(|(socket, _)| *socket) {
            names.sockets.remove(&socket);
            // It was there a line ago; there is nothing to tell if it is not.
            let _ = protocols.udp.close(socket);
            continue;
        }
        let stream = names
            .streams
            .iter_mut()
            .find(|(_, stream)| stream.exchange == Some(exchange));
        if let Some((connection, stream)) = stream {
            stream.exchange = None;
            let connection = *connection;
            let _ = protocols.tcp.release(cx, connection, Release::Close);
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
        Event::Acceptable(_) | Event::RawArrived(_) | Event::LookedUp(_) => false,
    }
}

#[cfg(test)]
mod tests;
