//! User calls on one page: each goes to the protocol that serves it (RFC 9293 §3.10.1 to §3.10.6).
//!
//! Only [`Stack::user_calls`](crate::Stack::user_calls) comes here. What a protocol needs to know
//! of another one, such as the route of a new connection, is fetched here and handed over as a
//! value.

use alloc::boxed::Box;
use core::net::{IpAddr, SocketAddr};

use bytes::{Buf, Bytes, BytesMut};

use crate::call::{
    Call, CallRefused, GroupLoop, Local, OpenConnection, OpenSocket, RawId, Reply, SendDatagram,
    SocketId,
};
use crate::context::Context;
use crate::ingress::{path_to, tell_routers};
use crate::ip::{Ip, Membership};
use crate::raw;
use crate::stack::Protocols;
use crate::wire::cause::Cause;
use crate::wire::packet::{
    Cast, Datagram, Fragmentation, HeaderOctets, Outgoing, ReceivedChecksum, Text,
};
use crate::wire::protocol::Protocol;

type Answer = Result<Reply, CallRefused>;

/// Takes a call, or says why not.
pub(crate) fn user_calls(protocols: &mut Protocols, cx: &mut Context<'_>, call: Call) -> Answer {
    let done = |()| Reply::Done;
    let Protocols {
        ip,
        udp,
        raw,
        tcp,
        dns,
        ..
    } = protocols;
    match call {
        Call::AddAddress(address) => ip.add_address(address).map(done),
        Call::RemoveAddress(address) => ip.remove_address(address).map(done),
        Call::AddRoute(route) => ip.add_route(route).map(done),
        Call::RemoveRoute {
            destination,
            prefix_bits,
        } => ip.remove_route(destination, prefix_bits).map(done),
        Call::SetPolicies(policies) => ip.set_policies(&policies).map(done),
        Call::SetMtu(mtu_octets) => ip.set_mtu(mtu_octets).map(done),
        Call::SetReach(reach) => {
            ip.set_reach(reach);
            Ok(Reply::Done)
        }
        Call::Interface => Ok(Reply::Interface(Box::new(ip.status()))),
        Call::SetResolver(settings) => dns.set(&settings, cx.config).map(done),
        Call::AddResolver(settings) => dns.add(&settings, cx.config).map(Reply::Resolver),
        Call::RemoveResolver(resolver) => {
            dns.remove(resolver);
            Ok(Reply::Done)
        }

        Call::OpenConnection(call) => open_connection(protocols, cx, &call, None),
        Call::OpenFast { open, text } => open_connection(protocols, cx, &open, Some(text)),
        Call::Decide {
            connection,
            decision,
        } => tcp.decide(cx, connection, decision).map(done),
        Call::Listen(call) => {
            check_local(ip, &call.local)?;
            let (listener, port) = tcp.listen(cx, &call)?;
            Ok(Reply::Listener { listener, port })
        }
        Call::Accept(listener) => tcp.accept(cx, listener).map(Reply::Accepted),
        Call::CloseListener(listener) => tcp.close_listener(cx, listener).map(done),
        Call::Send { connection, octets } => tcp.send(cx, connection, octets).map(Reply::Sent),
        Call::Receive {
            connection,
            octets_max,
        } => tcp.receive(cx, connection, octets_max).map(Reply::Received),
        Call::Shutdown {
            connection,
            direction,
        } => tcp.shutdown(cx, connection, direction).map(done),
        Call::Release { connection, how } => tcp.release(cx, connection, how).map(done),
        Call::Status(connection) => tcp.status(cx, connection).map(Reply::Status),
        Call::SetOptions {
            connection,
            options,
        } => tcp.set_options(cx, connection, &options).map(done),

        Call::OpenSocket(call) => open_socket(protocols, cx, &call),
        Call::SendDatagram { socket, datagram } => send_datagram(protocols, cx, socket, datagram),
        Call::ReceiveDatagram(socket) => udp.receive(socket).map(Reply::Datagram),
        Call::SetSocketOptions { socket, options } => {
            udp.set_options(cx.config, socket, &options).map(done)
        }
        Call::JoinGroup { socket, group } => join_group(protocols, cx, socket, group),
        Call::LeaveGroup { socket, group } => {
            udp.leave(socket, group)?;
            leave_group(protocols, cx, group);
            Ok(Reply::Done)
        }
        Call::CloseSocket(socket) => {
            for group in udp.close(socket)? {
                leave_group(protocols, cx, group);
            }
            Ok(Reply::Done)
        }

        Call::OpenRaw { local, protocol } => {
            check_local(ip, &local)?;
            raw.open(cx.config, local, protocol).map(Reply::Raw)
        }
        Call::SendRaw { socket, datagram } => send_raw(protocols, cx, socket, datagram),
        Call::ReceiveRaw(socket) => raw.receive(socket).map(Reply::Datagram),
        Call::SetRawOptions { socket, options } => {
            raw.set_options(cx.config, socket, &options).map(done)
        }
        Call::CloseRaw(socket) => raw.close(socket).map(done),

        Call::LookUp(call) => dns.look_up(cx, &call).map(Reply::Lookup),
        Call::CancelLookUp(lookup) => {
            dns.cancel(cx, lookup);
            crate::names::finish(protocols, cx);
            Ok(Reply::Done)
        }
    }
}

/// An address that somebody wants to be reached at must be one of ours.
fn check_local(ip: &Ip, local: &Local) -> Result<(), CallRefused> {
    match local.address {
        Some(address) if !ip.is_ours(address) => Err(CallRefused::AddressNotOurs),
        Some(_) | None => Ok(()),
    }
}

/// MUST-46: nothing is opened to a group, to everybody or to nobody.
fn open_connection(
    protocols: &mut Protocols,
    cx: &mut Context<'_>,
    call: &OpenConnection,
    text: Option<Bytes>,
) -> Answer {
    let remote = call.remote.ip();
    let is_one_host = protocols.ip.cast_of(remote) == Cast::Unicast && !remote.is_unspecified();
    if !is_one_host || call.remote.port() == 0 {
        return Err(CallRefused::RemoteNotUnicast);
    }
    let path = protocols.ip.route(remote, call.local_address)?;
    let (connection, local) = protocols.tcp.open_with(cx, call, path_to(path), text)?;
    Ok(Reply::Connection { connection, local })
}

fn open_socket(protocols: &mut Protocols, cx: &mut Context<'_>, call: &OpenSocket) -> Answer {
    let Protocols { ip, udp, .. } = protocols;
    check_local(ip, &call.local)?;
    let source = match call.remote {
        Some(remote) if remote.port() == 0 => return Err(CallRefused::Invalid),
        Some(remote) => Some(ip.route(remote.ip(), call.local.address)?.source),
        None => None,
    };
    let (socket, local) = udp.open(cx, call, source)?;
    Ok(Reply::Socket { socket, local })
}

fn send_datagram(
    protocols: &mut Protocols,
    cx: &mut Context<'_>,
    socket: SocketId,
    datagram: SendDatagram,
) -> Answer {
    let Protocols {
        ip, udp, outbox, ..
    } = protocols;
    let target = udp.target(socket, &datagram)?;
    let path = ip.route(target.remote.ip(), target.source)?;
    if !outbox.has_room(cx, datagram.octets.len()) {
        return Err(CallRefused::LimitReached);
    }
    let outgoing = udp.datagram(socket, datagram, target.remote, path.source)?;
    if target.remote.ip().is_multicast() {
        if udp.group_loop(socket) == GroupLoop::Heard && ip.is_our_group(target.remote.ip()) {
            udp.datagram_arrives(cx, &heard_here(&outgoing));
        }
        if outgoing.hop_limit == 0 {
            // It stays on this host (RFC 1112 §6.1).
            return Ok(Reply::Done);
        }
    }
    outbox.push(cx, outgoing);
    Ok(Reply::Done)
}

/// What the members of a group on this host hear of a datagram that we send there. It never was on a
/// wire.
fn heard_here(outgoing: &Outgoing) -> Datagram {
    let header = outgoing.header.as_slice();
    let mut octets = BytesMut::with_capacity(header.len() + outgoing.text.octets());
    octets.extend_from_slice(header);
    for slice in outgoing.text.slices() {
        octets.extend_from_slice(slice);
    }
    let payload = octets.freeze();
    Datagram {
        source: outgoing.source,
        destination: outgoing.destination,
        cast: Cast::Multicast,
        protocol: outgoing.protocol,
        hop_limit: outgoing.hop_limit,
        traffic_class: outgoing.traffic_class,
        packet: payload.clone(),
        payload,
        checksum: ReceivedChecksum::Vouched,
        segment_octets: None,
        // No ICMP error is ever sent about it, so nothing points there.
        protocol_pointer: 0,
    }
}

fn join_group(
    protocols: &mut Protocols,
    cx: &mut Context<'_>,
    socket: SocketId,
    group: IpAddr,
) -> Answer {
    let Protocols { ip, udp, .. } = protocols;
    udp.join(cx.config, socket, group)?;
    match ip.join_group(group) {
        Ok(Membership::Unchanged) => Ok(Reply::Done),
        Ok(Membership::Changed) => {
            protocols.group.joined(cx, group);
            tell_routers(protocols, cx);
            Ok(Reply::Done)
        }
        Err(refused) => {
            udp.leave(socket, group)?;
            Err(refused)
        }
    }
}

/// A socket is no longer a member of `group`.
fn leave_group(protocols: &mut Protocols, cx: &mut Context<'_>, group: IpAddr) {
    if protocols.ip.leave_group(group) == Ok(Membership::Changed) {
        protocols.group.left(cx, group);
        tell_routers(protocols, cx);
    }
}

fn send_raw(
    protocols: &mut Protocols,
    cx: &mut Context<'_>,
    socket: RawId,
    datagram: SendDatagram,
) -> Answer {
    let Protocols {
        ip, raw, outbox, ..
    } = protocols;
    let raw::Sender {
        protocol,
        address,
        settings,
    } = raw.sender(socket)?;
    let remote = datagram.remote.as_ref().map(SocketAddr::ip);
    let remote = remote.ok_or(CallRefused::DestinationRequired)?;
    let path = ip.route(remote, datagram.source.or(address))?;
    if datagram.octets.len() > raw_octets_max(remote) {
        return Err(CallRefused::MessageTooLong);
    }
    if !outbox.has_room(cx, datagram.octets.len()) {
        return Err(CallRefused::LimitReached);
    }
    // IP computes the checksum of ICMPv6 in the header, as it must for a raw socket (RFC 3542
    // §3.1); every other payload is the application's own from its first octet on.
    let mut header = HeaderOctets::new();
    let mut text = datagram.octets;
    if protocol == Protocol::ICMP_V6 {
        let Some(start) = text.first_chunk::<4>() else {
            return Err(CallRefused::Invalid);
        };
        header.push(&[start[0], start[1], 0, 0]);
        text.advance(4);
    }
    outbox.push(
        cx,
        Outgoing {
            source: path.source,
            destination: remote,
            protocol,
            hop_limit: datagram
                .hop_limit
                .unwrap_or_else(|| settings.hop_limit_to(remote)),
            traffic_class: datagram.traffic_class.unwrap_or(settings.traffic_class),
            fragmentation: Fragmentation::Allowed,
            header,
            text: Text::from(text),
            segment_octets: None,
            cause: Cause::Payload { socket: socket.0 },
        },
    );
    Ok(Reply::Done)
}

/// The most octets behind an IP header: its length field counts the header for IPv4 only.
const fn raw_octets_max(destination: IpAddr) -> usize {
    match destination {
        IpAddr::V4(_) => 65_535 - 20,
        IpAddr::V6(_) => 65_535,
    }
}
