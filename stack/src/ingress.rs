//! The way in on one page: what IP delivers goes to the protocol that it is for.
//!
//! [`Stack::packet_arrives`](crate::Stack::packet_arrives) comes here, and packets from ourselves
//! to ourselves. The protocols hand values back, and this page carries them on: an answer to the
//! outbox, an ICMP error to the socket that it quotes.

use core::net::IpAddr;

use crate::call::CallRefused;
use crate::context::Context;
use crate::discard::Discard;
use crate::event::{Answer, Event};
use crate::icmp;
use crate::ip::{self, Arrival};
use crate::names;
use crate::raw::Claimed;
use crate::stack::Protocols;
use crate::tcp::PathTo;
use crate::udp;
use crate::wire::cause::Cause;
use crate::wire::packet::{Datagram, Fragmentation, Outgoing, Packet, Text};
use crate::wire::path_error::{PathError, PathErrorKind};
use crate::wire::protocol::{Protocol, TrafficClass};
use crate::wire::report::Report;

/// The type of service that IGMP asks for (RFC 3376 §4).
const INTERNETWORK_CONTROL: TrafficClass = TrafficClass(0xc0);

/// A packet arrives: valid, ours, whole? Then to its protocol.
pub(crate) fn packet_arrives(
    protocols: &mut Protocols,
    cx: &mut Context<'_>,
    packet: Packet,
    arrival: Arrival,
) {
    match protocols.ip.packet_arrives(cx, packet, arrival) {
        ip::Input::Deliver(datagram) => datagram_arrives(protocols, cx, datagram),
        ip::Input::Problem(report) => problem_arises(protocols, cx, &report),
        ip::Input::Nothing => {}
    }
}

fn datagram_arrives(protocols: &mut Protocols, cx: &mut Context<'_>, datagram: Datagram) {
    match (datagram.protocol, datagram.destination.is_ipv4()) {
        (Protocol::TCP, _) => segment_arrives(protocols, cx, datagram),
        (Protocol::UDP, _) => match protocols.udp.datagram_arrives(cx, &datagram) {
            udp::Input::Queued(socket) => names::datagram_arrives(protocols, cx, socket),
            // The resolver's own sockets have a peer each, and are no members of any group.
            udp::Input::QueuedByMany | udp::Input::Discarded => {}
            udp::Input::NoSocket => {
                problem_arises(protocols, cx, &Report::port_unreachable(&datagram));
            }
        },
        (Protocol::IGMP, true) => {
            protocols.raw.datagram_arrives(cx, &datagram);
            protocols.group.message_arrives(cx, &datagram);
        }
        (Protocol::ICMP_V4, true) | (Protocol::ICMP_V6, false) => {
            message_arrives(protocols, cx, &datagram);
        }
        _ => match protocols.raw.datagram_arrives(cx, &datagram) {
            Claimed::BySomebody => {}
            Claimed::ByNobody => {
                cx.discard(Discard::ProtocolUnknown);
                problem_arises(protocols, cx, &Report::protocol_unknown(&datagram));
            }
        },
    }
}

fn segment_arrives(protocols: &mut Protocols, cx: &mut Context<'_>, datagram: Datagram) {
    // The way back: what a new connection would use, and a reset.
    match protocols
        .ip
        .route(datagram.source, Some(datagram.destination))
    {
        Ok(path) => {
            let source = datagram.source;
            protocols.tcp.datagram_arrives(cx, datagram, path_to(path));
            names::segment_arrives(protocols, cx, source);
        }
        Err(CallRefused::NoRoute) => cx.discard(Discard::NoRoute),
        // Sent to a group: TCP serves single hosts only.
        Err(_) => cx.discard(Discard::TcpNotUnicast),
    }
}

/// What TCP may know of a path.
pub(crate) fn path_to(path: ip::Path) -> PathTo {
    PathTo {
        source: path.source,
        path_mtu_octets: path.path_mtu_octets,
        link_mtu_octets: path.link_mtu_octets,
    }
}

fn message_arrives(protocols: &mut Protocols, cx: &mut Context<'_>, datagram: &Datagram) {
    let Protocols { icmp, ip, .. } = protocols;
    match icmp.datagram_arrives(cx, datagram, |address| ip.is_ours(address)) {
        icmp::Input::Reply(outgoing) => {
            protocols.raw.datagram_arrives(cx, datagram);
            protocols.outbox.push(cx, outgoing);
        }
        icmp::Input::PathError(error) => {
            let claimed = protocols.raw.datagram_arrives(cx, datagram);
            path_fails(protocols, cx, &error, claimed);
        }
        icmp::Input::Membership => {
            protocols.raw.datagram_arrives(cx, datagram);
            protocols.group.message_arrives(cx, datagram);
        }
        icmp::Input::ForRawSockets => {
            if protocols.raw.datagram_arrives(cx, datagram) == Claimed::ByNobody {
                cx.discard(Discard::IcmpEchoReplyUnclaimed);
            }
        }
        icmp::Input::Nothing => {}
    }
}

/// An ICMP error goes to the socket that it quotes; a path MTU is believed only if that socket has
/// really sent what is quoted (RFC 8201 §4, RFC 5927 §4.1). Raw sockets have seen it already.
fn path_fails(protocols: &mut Protocols, cx: &mut Context<'_>, error: &PathError, by_raw: Claimed) {
    let quote = &error.quote;
    let is_believed = match quote.protocol {
        Protocol::TCP => protocols.tcp.quote_is_in_flight(quote),
        Protocol::UDP => protocols.udp.has_sent(quote),
        _ => false,
    };
    if !is_believed {
        if by_raw == Claimed::ByNobody {
            cx.discard(Discard::IcmpQuote);
        }
        return;
    }
    if let PathErrorKind::TooBig { mtu_octets } = error.kind {
        let destination = quote.destination;
        let sent_octets = quote.packet_octets;
        let learned = protocols
            .ip
            .path_mtu_learned(cx, destination, mtu_octets, sent_octets);
        if let Some(mtu_octets) = learned {
            protocols.tcp.path_mtu_changed(cx, destination, mtu_octets);
        }
        return;
    }
    match quote.protocol {
        Protocol::TCP => {
            protocols.tcp.path_error(cx, error);
            names::streams_change(protocols, cx);
        }
        Protocol::UDP => {
            if let Some(socket) = protocols.udp.path_error(error) {
                names::datagram_arrives(protocols, cx, socket);
            }
        }
        _ => {}
    }
}

/// Puts what routers should know of our groups on its way: from our first address of IPv4; over IPv6
/// from a link-local address, or from none at all if we have none (RFC 3810 §5.2.13).
pub(crate) fn tell_routers(protocols: &mut Protocols, cx: &mut Context<'_>) {
    while let Some(report) = protocols.group.next_report() {
        let source = match report.group() {
            IpAddr::V4(_) => protocols.ip.route(report.group(), None).ok(),
            IpAddr::V6(_) => None,
        };
        let source = match (report.group(), source) {
            (IpAddr::V4(_), Some(path)) => path.source,
            // Without an address nobody can be told, nor send us anything.
            (IpAddr::V4(_), None) => continue,
            (IpAddr::V6(_), _) => protocols.ip.link_local().into(),
        };
        let Some(told) = report.emit(source) else {
            continue;
        };
        protocols.outbox.push(
            cx,
            Outgoing {
                source,
                destination: told.destination,
                protocol: told.protocol,
                // What is said on the link stays there (RFC 3376 §4, RFC 3810 §5).
                hop_limit: 1,
                traffic_class: INTERNETWORK_CONTROL,
                fragmentation: Fragmentation::Forbidden,
                header: told.header,
                text: Text::from(told.text),
                segment_octets: None,
                cause: Cause::MembershipReport,
            },
        );
    }
}

/// Somebody's packet met a problem here: the sender is told, if the rules of ICMP allow it.
pub(crate) fn problem_arises(protocols: &mut Protocols, cx: &mut Context<'_>, report: &Report) {
    let Protocols {
        icmp, ip, outbox, ..
    } = protocols;
    // From the address that the packet was sent to; from a group, IP chooses (RFC 4443 §2.2).
    let own = Some(report.destination).filter(|address| ip.is_ours(*address));
    let Ok(path) = ip.route(report.source, own) else {
        return;
    };
    if let Some(outgoing) = icmp.report(cx, report, path.source) {
        outbox.push(cx, outgoing);
    }
}

/// The next notice to the application. What concerns the resolver's own sockets stays here.
pub(crate) fn next_event(protocols: &mut Protocols, cx: &mut Context<'_>) -> Option<Event> {
    loop {
        if let Some(mut answer) = protocols.dns.next_answer() {
            if let Ok(Answer::Addresses(addresses)) = &mut answer.result {
                protocols.ip.sort_destinations(addresses);
            }
            return Some(Event::LookedUp(answer));
        }
        let event = protocols
            .tcp
            .next_event()
            .or_else(|| protocols.udp.next_event())
            .or_else(|| protocols.raw.next_event())?;
        if !names::takes_event(protocols, cx, &event) {
            return Some(event);
        }
    }
}
