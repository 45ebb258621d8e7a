//! What a replay begins with: a stack like the one of the capture, and the capture cut into rounds.
//!
//! [`play`](super::play) calls these once for a conversation. Nothing here plays or compares.

use std::net::SocketAddr;

use sidestep_stack::call::{InterfaceAddress, Route};
use sidestep_stack::wire::flow::Flow;
use sidestep_stack::wire::packet::Offload;
use sidestep_stack::wire::tcp::TcpFlags;
use sidestep_stack::{Call, CallRefused, Instant, Stack};

use super::SEED;
use crate::capture::pcapng::Direction;
use crate::capture::replay::conversation::{Conversation, Segment};
use crate::capture::replay::rewrite::{Checksums, OUR_V4, OUR_V6, THEIR_V4, THEIR_V6, is_right};
use crate::capture::replay::{Order, Settings};
use crate::capture::tap::OBSERVATIONS_MAX;

/// A round: places of segments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    pub(super) at_nanos: u64,
    pub(super) start: usize,
    pub(super) departs: usize,
    pub(super) end: usize,
}

pub(super) fn departures(segments: &[Segment]) -> impl Iterator<Item = &Segment> {
    segments.iter().filter(|it| it.direction == Direction::Out)
}

/// Our end and the peer's in every run: the ports are those of the capture.
pub(super) fn ends(conversation: &Conversation) -> (SocketAddr, SocketAddr) {
    let (ours, theirs) = match conversation.local {
        SocketAddr::V4(_) => (OUR_V4.into(), THEIR_V4.into()),
        SocketAddr::V6(_) => (OUR_V6.into(), THEIR_V6.into()),
    };
    (
        SocketAddr::new(ours, conversation.local.port()),
        SocketAddr::new(theirs, conversation.remote.port()),
    )
}

/// A stack with our address, and the MTU that our SYN spoke of.
pub(super) fn stack(
    conversation: &Conversation,
    settings: &Settings,
) -> Result<Stack, CallRefused> {
    let mut config = settings.config.clone();
    let headers = if conversation.local.is_ipv4() { 40 } else { 60 };
    let mss = departures(&conversation.segments).find_map(|it| it.header.options.mss);
    if let Some(mss) = mss {
        let least = if conversation.local.is_ipv4() {
            68
        } else {
            1_280
        };
        config.mtu_octets = (u64::from(mss) + headers).clamp(least, 65_535);
    }
    let mut stack =
        Stack::new(config, SEED, Offload::default()).map_err(|_| CallRefused::Invalid)?;
    let (ours, theirs) = ends(conversation);
    let bits = |address: SocketAddr| if address.is_ipv4() { 24 } else { 64 };
    let address = InterfaceAddress {
        address: ours.ip(),
        prefix_bits: bits(ours),
    };
    stack.user_calls(Instant::ZERO, Call::AddAddress(address))?;
    let route = Route {
        destination: theirs.ip(),
        prefix_bits: bits(theirs),
        source: None,
    };
    stack.user_calls(Instant::ZERO, Call::AddRoute(route))?;
    stack.observe(OBSERVATIONS_MAX);
    Ok(stack)
}

/// If no segment that arrived has a right checksum, none of them was finished yet.
pub(super) fn checksums(conversation: &Conversation) -> Checksums {
    let arrived = conversation
        .segments
        .iter()
        .filter(|it| it.direction == Direction::In);
    let mut right =
        arrived.map(|it| Flow::of(&it.packet).is_some_and(|flow| is_right(&it.packet, &flow)));
    if right.any(|it| it) {
        Checksums::Real
    } else {
        Checksums::Offloaded
    }
}

/// Rcv.Wind.Shift, if both ends offered scaling.
pub(super) fn shift(conversation: &Conversation) -> u8 {
    let offered = |direction| {
        conversation
            .segments
            .iter()
            .find(|it| it.has(TcpFlags::SYN) && it.direction == direction)
            .and_then(|it| it.header.options.window_scale)
    };
    match (offered(Direction::Out), offered(Direction::In)) {
        (Some(ours), Some(_)) => ours.min(14),
        _ => 0,
    }
}

/// What arrived, then what was sent. A capture of our own has all of a turn at one moment; in those
/// of others each arrival stands for itself.
pub(super) fn rounds(segments: &[Segment], order: Order) -> Vec<Round> {
    let mut rounds: Vec<Round> = Vec::new();
    for (place, segment) in segments.iter().enumerate() {
        let arrives = segment.direction == Direction::In;
        let goes_on = rounds.last().is_some_and(|round| {
            let is_empty_yet = round.departs == round.end;
            let joins = !arrives || (is_empty_yet && order == Order::Exact);
            round.at_nanos == segment.at_nanos && joins
        });
        if !goes_on {
            rounds.push(Round {
                at_nanos: segment.at_nanos,
                start: place,
                departs: place,
                end: place,
            });
        }
        if let Some(round) = rounds.last_mut() {
            round.end = place + 1;
            if arrives {
                round.departs = place + 1;
            }
        }
    }
    rounds
}
