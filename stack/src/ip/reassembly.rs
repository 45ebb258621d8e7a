//! Fragments that wait for their datagram (RFC 791 §3.2, RFC 1122 §3.3.2, RFC 8200 §4.5, RFC 5722).
//!
//! `ip/input.rs` brings each fragment, already checked as a packet. Both families follow one rule: the
//! timer runs from the fragment that came first, and any overlap but an exact duplicate ends the whole
//! datagram. Nothing here grows beyond the three `reassembly_*_max` limits, and a fragment costs the
//! same however many others wait.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::Bytes;

use crate::base::aged::AgedMap;
use crate::base::{Duration, Instant, Random};
use crate::config::millis;
use crate::context::Context;
use crate::discard::Discard;
use crate::wire::packet::Cast;
use crate::wire::protocol::{Ecn, Protocol, TrafficClass};
use crate::wire::report::{Problem, Report};

/// What a waiting datagram holds besides its fragments: entry, index and age.
const DATAGRAM_OCTETS: usize = 384;
/// What a waiting fragment holds besides its octets.
const FRAGMENT_OCTETS: usize = 96;
/// The longest datagram (RFC 791 §3.1, RFC 8200 §3).
const DATAGRAM_OCTETS_MAX: usize = 65_535;

/// What fragments of one datagram have in common.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Key {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// IPv4 only (RFC 791 §3.2); IPv6 leaves it out, because fragments may differ in it (RFC 8200
    /// §4.5).
    pub(crate) protocol: Option<Protocol>,
    pub(crate) identification: u32,
}

/// Whether more fragments follow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Position {
    More,
    Last,
}

/// The fields that a reassembled datagram takes from its first fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// The first header of the fragmentable part.
    pub(crate) protocol: Protocol,
    /// Where the first fragment says so.
    pub(crate) protocol_pointer: u16,
    pub(crate) hop_limit: u8,
    pub(crate) traffic_class: TrafficClass,
    /// So many octets of the first fragment go in front of the reassembled payload: IPv6's
    /// unfragmentable part; none over IPv4.
    pub(crate) kept_octets: usize,
}

/// A fragment that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    pub(crate) key: Key,
    pub(crate) cast: Cast,
    pub(crate) position: Position,
    /// Where in the datagram its payload belongs, in octets.
    pub(crate) offset: usize,
    /// From the IP header to the end of the fragment's payload.
    pub(crate) packet: Bytes,
    /// Where in `packet` the payload begins.
    pub(crate) payload_at: usize,
    /// Octets of header that count towards 65,535 once it is whole: the IPv4 header, or the IPv6
    /// extension headers in front of the fragment header.
    pub(crate) counted_header_octets: usize,
    pub(crate) head: Head,
}

impl Fragment {
    fn payload(&self) -> &[u8] {
        self.packet.get(self.payload_at..).unwrap_or_default()
    }
}

/// A datagram whose last missing fragment has come.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) head: Head,
    /// The first fragment from its IP header on.
    pub(crate) first: Bytes,
    /// What of the first fragment is kept, then the payload.
    pub(crate) octets: Vec<u8>,
}

/// What became of a fragment.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It waits for others, or was thrown away and counted.
    Taken,
    /// It completed its datagram.
    Whole(Whole),
}

#[derive(Clone, Debug)]
struct Piece {
    offset: usize,
    octets: Bytes,
}

impl Piece {
    fn end(&self) -> usize {
        self.offset + self.octets.len()
    }
}

/// Fragments of one datagram, none of which overlaps another.
#[derive(Clone, Debug)]
struct Pieces {
    /// By offset.
    pieces: VecDeque<Piece>,
    received_octets: usize,
    /// Known once the last fragment came.
    total_octets: Option<usize>,
    first: Option<(Head, Bytes)>,
    cast: Cast,
    saw_congestion: bool,
    saw_not_capable: bool,
}

#[derive(Clone, Debug)]
enum State {
    Waiting(Pieces),
    /// It broke a rule: fragments that still come are thrown away too, for this reason.
    Refused(Discard),
}

#[derive(Clone, Debug)]
struct Assembly {
    began_at: Instant,
    cost_octets: usize,
    state: State,
}

/// All datagrams that wait for fragments.
#[derive(Clone, Debug)]
pub(crate) struct Reassembly {
    /// By age, which never changes: the timer runs from the fragment that came first.
    assemblies: AgedMap<Key, Assembly>,
    cost_octets: usize,
    /// Timeouts that the sender may be told about.
    reports: VecDeque<Report>,
}

impl Reassembly {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            assemblies: AgedMap::new(random.key()),
            cost_octets: 0,
            reports: VecDeque::new(),
        }
    }

    /// Adds a fragment to its datagram. Whatever is thrown away has been counted.
    pub(crate) fn fragment_arrives(
        &mut self,
        cx: &mut Context<'_>,
        fragment: &Fragment,
    ) -> Outcome {
        self.time_passes(cx);
        let payload = fragment.payload();
        let end = fragment.offset + payload.len();
        let is_uneven = fragment.position == Position::More && !payload.len().is_multiple_of(8);
        if payload.is_empty() || is_uneven {
            cx.discard(Discard::FragmentMalformed);
            return Outcome::Taken;
        }
        if let Some(State::Refused(reason)) = self.state_of(&fragment.key) {
            cx.discard(*reason);
            return Outcome::Taken;
        }
        if end + fragment.counted_header_octets > DATAGRAM_OCTETS_MAX {
            self.refuse(cx, fragment.key, Discard::FragmentTooLong);
            return Outcome::Taken;
        }
        match self.place_of(cx, fragment, end) {
            Ok(place) => self.keep(cx, fragment, place, end),
            Err(Misfit::Duplicate) => {
                cx.discard(Discard::FragmentDuplicate);
                Outcome::Taken
            }
            Err(Misfit::Refused(reason)) => {
                self.refuse(cx, fragment.key, reason);
                Outcome::Taken
            }
        }
    }

    /// Gives up datagrams whose time is over (RFC 1122 §3.3.2, RFC 8200 §4.5).
    pub(crate) fn time_passes(&mut self, cx: &mut Context<'_>) {
        let timeout = millis(cx.config.reassembly_timeout_ms);
        while let Some((_, oldest)) = self.assemblies.oldest()
            && oldest.began_at + timeout <= cx.now
        {
            let Some((key, assembly)) = self.remove_oldest() else {
                return;
            };
            let State::Waiting(pieces) = assembly.state else {
                continue;
            };
            cx.discard(Discard::FragmentTimeout);
            // Only about a datagram whose first fragment came, for that is what is quoted.
            if let Some((_, packet)) = pieces.first
                && self.reports.len() < cx.config.reassembly_datagrams_max as usize
            {
                self.reports.push_back(Report {
                    problem: Problem::ReassemblyTimeout,
                    source: key.source,
                    destination: key.destination,
                    cast: pieces.cast,
                    packet,
                });
            }
        }
    }

    /// The next timeout that the sender may be told about.
    pub(crate) fn next_report(&mut self) -> Option<Report> {
        self.reports.pop_front()
    }

    /// When the oldest datagram has waited for `timeout`; at once if a report waits.
    pub(crate) fn next_deadline(&self, timeout: Duration) -> Option<Instant> {
        if !self.reports.is_empty() {
            return Some(Instant::ZERO);
        }
        let (_, oldest) = self.assemblies.oldest()?;
        Some(oldest.began_at + timeout)
    }

    #[cfg(test)]
    pub(crate) const fn cost_octets(&self) -> usize {
        self.cost_octets
    }

    fn state_of(&self, key: &Key) -> Option<&State> {
        self.assemblies.get(key).map(|assembly| &assembly.state)
    }

    fn pieces_of(&self, key: &Key) -> Option<&Pieces> {
        match self.state_of(key)? {
            State::Waiting(pieces) => Some(pieces),
            State::Refused(_) => None,
        }
    }

    /// Where among its datagram's pieces the fragment belongs.
    fn place_of(&self, cx: &Context<'_>, fragment: &Fragment, end: usize) -> Result<usize, Misfit> {
        let Some(pieces) = self.pieces_of(&fragment.key) else {
            return Ok(0);
        };
        pieces.check_end(fragment.position, end)?;
        let place = pieces.check_overlap(fragment, end)?;
        if pieces.pieces.len() >= cx.config.reassembly_fragments_max as usize {
            return Err(Misfit::Refused(Discard::FragmentMemory));
        }
        Ok(place)
    }

    /// Puts the fragment in its place, and hands the datagram out if that completes it.
    fn keep(
        &mut self,
        cx: &mut Context<'_>,
        fragment: &Fragment,
        place: usize,
        end: usize,
    ) -> Outcome {
        let is_first = fragment.offset == 0;
        // A copy of our own, so that what is charged is what is held: a slice would pin its frame.
        let (first, octets) = if is_first {
            let packet = Bytes::copy_from_slice(&fragment.packet);
            let octets = packet.slice(fragment.payload_at..);
            (Some((fragment.head, packet)), octets)
        } else {
            (None, Bytes::copy_from_slice(fragment.payload()))
        };
        let held_octets = first
            .as_ref()
            .map_or(octets.len(), |(_, packet)| packet.len());
        let is_new = self.assemblies.get(&fragment.key).is_none();
        let cost = held_octets + FRAGMENT_OCTETS + if is_new { DATAGRAM_OCTETS } else { 0 };
        if !self.make_room(cx, &fragment.key, cost, is_new) {
            return Outcome::Taken;
        }
        if is_new {
            self.assemblies.insert(
                fragment.key,
                Assembly {
                    began_at: cx.now,
                    cost_octets: 0,
                    state: State::Waiting(Pieces::new(fragment.cast)),
                },
            );
        }
        let Some(assembly) = self.assemblies.get_mut(&fragment.key) else {
            return Outcome::Taken;
        };
        assembly.cost_octets += cost;
        self.cost_octets += cost;
        let State::Waiting(pieces) = &mut assembly.state else {
            return Outcome::Taken;
        };
        pieces.insert(place, fragment, octets, first);
        if fragment.position == Position::Last {
            pieces.total_octets = Some(end);
        }
        if pieces.total_octets == Some(pieces.received_octets) {
            return self.hand_out(cx, &fragment.key);
        }
        Outcome::Taken
    }

    /// Lets the oldest datagrams go until `cost` more octets fit. False if the fragment's own datagram
    /// had to go.
    fn make_room(&mut self, cx: &mut Context<'_>, key: &Key, cost: usize, is_new: bool) -> bool {
        let octets_max = cx.config.reassembly_octets_max as usize;
        let datagrams_max = cx.config.reassembly_datagrams_max as usize;
        while self.cost_octets + cost > octets_max
            || (is_new && self.assemblies.len() >= datagrams_max)
        {
            let Some((gone, assembly)) = self.remove_oldest() else {
                cx.discard(Discard::FragmentMemory);
                return false;
            };
            if let State::Waiting(_) = assembly.state {
                cx.discard(Discard::FragmentMemory);
            }
            if gone == *key {
                return false;
            }
        }
        true
    }

    fn hand_out(&mut self, cx: &mut Context<'_>, key: &Key) -> Outcome {
        let Some(assembly) = self.assemblies.remove(key) else {
            return Outcome::Taken;
        };
        self.cost_octets -= assembly.cost_octets;
        let State::Waiting(pieces) = assembly.state else {
            return Outcome::Taken;
        };
        let Some((mut head, first)) = pieces.first else {
            return Outcome::Taken;
        };
        // RFC 3168 §5.3: congestion that one fragment met is not lost, but a datagram that says both
        // "congested" and "not capable" is a lie.
        if pieces.saw_congestion {
            if pieces.saw_not_capable {
                cx.discard(Discard::FragmentEcn);
                return Outcome::Taken;
            }
            let dscp = head.traffic_class.dscp();
            head.traffic_class = TrafficClass::new(dscp, Ecn::CongestionExperienced);
        }
        let kept = first.get(..head.kept_octets).unwrap_or_default();
        let mut octets = Vec::with_capacity(kept.len() + pieces.received_octets);
        octets.extend_from_slice(kept);
        for piece in &pieces.pieces {
            octets.extend_from_slice(&piece.octets);
        }
        Outcome::Whole(Whole {
            head,
            first,
            octets,
        })
    }

    /// Ends the datagram; its key stays until the timer ends, to refuse what still comes (RFC 5722
    /// §4, RFC 8200 §4.5).
    fn refuse(&mut self, cx: &mut Context<'_>, key: Key, reason: Discard) {
        cx.discard(reason);
        if let Some(assembly) = self.assemblies.get_mut(&key) {
            self.cost_octets -= assembly.cost_octets - DATAGRAM_OCTETS;
            assembly.cost_octets = DATAGRAM_OCTETS;
            assembly.state = State::Refused(reason);
        } else if self.make_room(cx, &key, DATAGRAM_OCTETS, true) {
            self.cost_octets += DATAGRAM_OCTETS;
            self.assemblies.insert(
                key,
                Assembly {
                    began_at: cx.now,
                    cost_octets: DATAGRAM_OCTETS,
                    state: State::Refused(reason),
                },
            );
        }
    }

    fn remove_oldest(&mut self) -> Option<(Key, Assembly)> {
        let (key, assembly) = self.assemblies.remove_oldest()?;
        self.cost_octets -= assembly.cost_octets;
        Some((key, assembly))
    }
}

/// Why a fragment has no place in its datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Misfit {
    /// It is there already, octet for octet.
    Duplicate,
    /// The whole datagram is refused.
    Refused(Discard),
}

impl Pieces {
    const fn new(cast: Cast) -> Self {
        Self {
            pieces: VecDeque::new(),
            received_octets: 0,
            total_octets: None,
            first: None,
            cast,
            saw_congestion: false,
            saw_not_capable: false,
        }
    }

    /// There is one end, and nothing lies beyond it.
    fn check_end(&self, position: Position, end: usize) -> Result<(), Misfit> {
        let fits = match (position, self.total_octets) {
            (Position::More, None) => true,
            (Position::More, Some(total)) => end < total,
            (Position::Last, Some(total)) => end == total,
            (Position::Last, None) => self.pieces.back().is_none_or(|piece| piece.end() <= end),
        };
        if fits {
            Ok(())
        } else {
            Err(Misfit::Refused(Discard::FragmentMalformed))
        }
    }

    /// RFC 5722 §4: fragments must not overlap; an exact duplicate may be ignored (RFC 8200 §4.5).
    fn check_overlap(&self, fragment: &Fragment, end: usize) -> Result<usize, Misfit> {
        let place = self
            .pieces
            .partition_point(|piece| piece.offset < fragment.offset);
        if let Some(next) = self.pieces.get(place) {
            // A last fragment in the place of one that had more to follow is no duplicate.
            let same_position =
                (fragment.position == Position::Last) == (self.total_octets == Some(next.end()));
            if next.offset == fragment.offset && same_position && next.octets == fragment.payload()
            {
                return Err(Misfit::Duplicate);
            }
            if next.offset < end {
                return Err(Misfit::Refused(Discard::FragmentOverlap));
            }
        }
        let before = place
            .checked_sub(1)
            .and_then(|place| self.pieces.get(place));
        if before.is_some_and(|before| before.end() > fragment.offset) {
            return Err(Misfit::Refused(Discard::FragmentOverlap));
        }
        Ok(place)
    }

    fn insert(
        &mut self,
        place: usize,
        fragment: &Fragment,
        octets: Bytes,
        first: Option<(Head, Bytes)>,
    ) {
        match fragment.head.traffic_class.ecn() {
            Ecn::CongestionExperienced => self.saw_congestion = true,
            Ecn::NotCapable => self.saw_not_capable = true,
            Ecn::Capable0 | Ecn::Capable1 => {}
        }
        self.received_octets += octets.len();
        self.first = first.or(self.first.take());
        let offset = fragment.offset;
        self.pieces.insert(place, Piece { offset, octets });
    }
}

#[cfg(test)]
mod tests;
