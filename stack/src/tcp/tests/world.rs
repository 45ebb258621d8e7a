//! Two [`Tcp`] values and the wire between them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::vec::Vec;

use bytes::Bytes;

use crate::base::{Duration, Instant, Random, SeqNumber};
use crate::call::{
    Accepted, ConnectionId, ConnectionOptions, Families, Listen, ListenerId, Local, OpenConnection,
    Status,
};
use crate::config::Config;
use crate::context::Surroundings;
use crate::event::Event;
use crate::observe::State;
use crate::tcp::{PathTo, Tcp};
use crate::wire::checksum::Sum;
use crate::wire::packet::{Cast, Datagram, HeaderOctets, Outgoing, ReceivedChecksum};
use crate::wire::protocol::{Ecn, Protocol, TrafficClass};
use crate::wire::tcp::{TcpFlags, TcpHeader};

pub(super) const PORT: u16 = 7_000;

/// What the wire does to segments, in parts of a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Impairments {
    pub(super) loss: u32,
    pub(super) duplication: u32,
    pub(super) corruption: u32,
    /// A segment is delayed by up to so many microseconds more.
    pub(super) jitter_us: u32,
}

/// A slow link with a queue, on the way from A to B.
#[derive(Debug)]
pub(super) struct Bottleneck {
    octets_per_second: u64,
    queue_octets: u64,
    /// What comes while more than so many octets wait is marked, if it is ECN-capable.
    pub(super) marks_above: Option<u64>,
    free_at: Instant,
    pub(super) dropped: u64,
    pub(super) marked: u64,
    /// The most that ever waited.
    pub(super) most_octets: u64,
}

impl Bottleneck {
    pub(super) fn new(octets_per_second: u64, queue_octets: u64) -> Self {
        Self {
            octets_per_second,
            queue_octets,
            marks_above: None,
            free_at: Instant::ZERO,
            dropped: 0,
            marked: 0,
            most_octets: 0,
        }
    }

    /// When a packet leaves the queue, and with which codepoint; `None` if it does not fit.
    fn pass(&mut self, octets: u64, ecn: Ecn, now: Instant) -> Option<(Instant, Ecn)> {
        let waits = now.until(self.free_at).as_nanos() as u64;
        let queued = waits / 1_000 * self.octets_per_second / 1_000_000;
        if queued + octets > self.queue_octets {
            self.dropped += 1;
            return None;
        }
        self.most_octets = self.most_octets.max(queued + octets);
        let takes = Duration::from_nanos(1_000_000_000 * octets / self.octets_per_second);
        self.free_at = self.free_at.max(now) + takes;
        let is_marked = self.marks_above.is_some_and(|above| queued > above);
        if is_marked && ecn != Ecn::NotCapable {
            self.marked += 1;
            return Some((self.free_at, Ecn::CongestionExperienced));
        }
        Some((self.free_at, ecn))
    }
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) tcp: Tcp,
    pub(super) around: Surroundings,
    pub(super) address: IpAddr,
    pub(super) events: Vec<Event>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) ends: [End; 2],
    pub(super) delay: Duration,
    pub(super) impairments: Impairments,
    pub(super) dice: Random,
    pub(super) mtu: u16,
    /// How fast the wire is in each direction, in bits a second; 0: without limit.
    pub(super) bits_per_second: u64,
    /// Packets with more octets vanish on the way.
    pub(super) carries_octets: usize,
    /// When each end's side of the wire is free again.
    busy_until: [Instant; 2],
    /// Whether superpackets stay whole.
    pub(super) whole: bool,
    pub(super) bottleneck: Option<Bottleneck>,
    /// The codepoints of what is in `trace`.
    pub(super) codepoints: Vec<Ecn>,
    /// Whoever holds the clock calls at multiples of this only.
    pub(super) quantum: Duration,
    /// Packets with text that are lost: (by whom, which of them, from 0).
    pub(super) lose: BTreeSet<(usize, u64)>,
    /// Sequence numbers with which packets with text begin that are lost, each once.
    pub(super) lose_once: BTreeSet<u32>,
    /// Packets with text that are late, and by how much.
    pub(super) delay_more: BTreeMap<(usize, u64), Duration>,
    /// Acknowledgments without text that are lost, one of so many; 0: none.
    pub(super) lose_acks: u32,
    /// How long the wire needs for a packet with text, in each direction; what follows waits.
    pub(super) serialisation: Duration,
    /// When the wire to each end is free again.
    free_at: [Instant; 2],
    /// Packets with text so far.
    pub(super) with_text: [u64; 2],
    /// In flight: (arrival, number) to (to which end, datagram).
    wire: BTreeMap<(Instant, u64), (usize, Datagram)>,
    sent: u64,
    /// Every segment that was sent, for assertions: (when, by whom, header, octets of text).
    pub(super) trace: Vec<(Instant, usize, TcpHeader, usize)>,
}

pub(super) const A: usize = 0;
pub(super) const B: usize = 1;

impl World {
    pub(super) fn new(seed: u8) -> Self {
        Self::with(seed, Config::default(), Config::default())
    }

    pub(super) fn with(seed: u8, a: Config, b: Config) -> Self {
        let end = |config: Config, seed: u8, last: u8| {
            let mut around = Surroundings::new(config, seed);
            let tcp = Tcp::new(&around.config, &mut around.random);
            End {
                tcp,
                around,
                address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)),
                events: Vec::new(),
            }
        };
        Self {
            now: Instant::from_secs(1),
            ends: [end(a, seed, 1), end(b, seed.wrapping_add(100), 2)],
            delay: Duration::from_millis(5),
            impairments: Impairments::default(),
            dice: Random::new([seed ^ 0x55; 32]),
            mtu: 1_500,
            bits_per_second: 0,
            carries_octets: usize::MAX,
            busy_until: [Instant::ZERO; 2],
            whole: false,
            bottleneck: None,
            codepoints: Vec::new(),
            quantum: Duration::ZERO,
            lose: BTreeSet::new(),
            lose_once: BTreeSet::new(),
            delay_more: BTreeMap::new(),
            lose_acks: 0,
            serialisation: Duration::ZERO,
            free_at: [Instant::ZERO; 2],
            with_text: [0, 0],
            wire: BTreeMap::new(),
            sent: 0,
            trace: Vec::new(),
        }
    }

    pub(super) fn path(&self, end: usize) -> PathTo {
        PathTo {
            source: self.ends[end].address,
            path_mtu_octets: self.mtu,
            link_mtu_octets: self.mtu,
        }
    }

    pub(super) fn listen(&mut self, end: usize) -> ListenerId {
        self.listen_with(end, ConnectionOptions::default(), None)
    }

    pub(super) fn listen_with(
        &mut self,
        end: usize,
        options: ConnectionOptions,
        backlog: Option<usize>,
    ) -> ListenerId {
        let it = &mut self.ends[end];
        let call = Listen {
            local: Local {
                address: None,
                families: Families::Both,
                port: PORT,
            },
            backlog,
            options,
            ..Listen::default()
        };
        it.tcp.listen(&mut it.around.at(self.now), &call).unwrap().0
    }

    pub(super) fn dial(&mut self, from: usize, options: ConnectionOptions) -> ConnectionId {
        let path = self.path(from);
        let remote = SocketAddr::new(self.ends[1 - from].address, PORT);
        let it = &mut self.ends[from];
        let call = OpenConnection {
            remote,
            local_address: None,
            local_port: 0,
            options,
        };
        it.tcp
            .open(&mut it.around.at(self.now), &call, path)
            .unwrap()
            .0
    }

    pub(super) fn accept(&mut self, end: usize, listener: ListenerId) -> Option<Accepted> {
        let it = &mut self.ends[end];
        it.tcp
            .accept(&mut it.around.at(self.now), listener)
            .unwrap()
    }

    /// A connection that is open on both ends: A's and B's name for it.
    pub(super) fn connect(&mut self) -> (ConnectionId, ConnectionId) {
        self.connect_with(ConnectionOptions::default())
    }

    pub(super) fn connect_with(
        &mut self,
        options: ConnectionOptions,
    ) -> (ConnectionId, ConnectionId) {
        let listener = self.listen_with(B, options.clone(), None);
        let a = self.dial(A, options);
        for _ in 0..1_000 {
            self.step();
            if let Some(accepted) = self.accept(B, listener) {
                let it = &mut self.ends[B];
                it.tcp
                    .close_listener(&mut it.around.at(self.now), listener)
                    .unwrap();
                return (a, accepted.connection);
            }
        }
        panic!("never accepted");
    }

    /// Pulls all segments onto the wire, and all events.
    pub(super) fn pull(&mut self) {
        for end in [A, B] {
            loop {
                let it = &mut self.ends[end];
                let Some(outgoing) = it.tcp.next_segment(&mut it.around.at(self.now)) else {
                    break;
                };
                self.transmit(end, outgoing);
            }
            let it = &mut self.ends[end];
            while let Some(event) = it.tcp.next_event() {
                it.events.push(event);
            }
        }
    }

    fn transmit(&mut self, from: usize, outgoing: Outgoing) {
        assert!(
            outgoing.segment_octets.is_some()
                || outgoing.header.as_slice().len() + outgoing.text.octets() + 20
                    <= usize::from(self.mtu)
        );
        let header = TcpHeader::parse(outgoing.header.as_slice()).unwrap().header;
        self.trace
            .push((self.now, from, header.clone(), outgoing.text.octets()));
        self.codepoints.push(outgoing.traffic_class.ecn());
        let most = match outgoing.segment_octets {
            Some(octets) if !self.whole => usize::from(octets),
            _ => outgoing.text.octets().max(1),
        };
        let mut at = 0;
        loop {
            let text = outgoing.text.slice(at, most);
            let last = at + text.octets() >= outgoing.text.octets();
            let mut header = header.clone();
            header.seq += at as u32;
            if at > 0 {
                header.flags = header.flags.without(TcpFlags::CWR);
            }
            if !last {
                header.flags = header.flags.without(TcpFlags::FIN).without(TcpFlags::PSH);
            }
            let mut octets = HeaderOctets::new();
            header.emit(&mut octets);
            let mut payload = octets.as_slice().to_vec();
            for slice in text.slices() {
                payload.extend_from_slice(slice);
            }
            let mut sum = Sum::pseudo_header(
                outgoing.source,
                outgoing.destination,
                Protocol::TCP,
                payload.len(),
            );
            sum.add(&payload);
            payload[16..18].copy_from_slice(&sum.checksum().to_be_bytes());
            self.carry(from, &outgoing, payload);
            if last {
                break;
            }
            at += most;
        }
    }

    fn carry(&mut self, from: usize, outgoing: &Outgoing, mut payload: Vec<u8>) {
        let rates = self.impairments;
        if payload.len() + 20 > self.carries_octets {
            return;
        }
        let mut late = Duration::ZERO;
        if outgoing.text.is_empty() {
            if self.lose_acks > 0 && self.dice.below(self.lose_acks) == 0 {
                return;
            }
        } else {
            let place = (from, self.with_text[from]);
            self.with_text[from] += 1;
            let seq = payload.get(4..8).and_then(|it| it.try_into().ok());
            let is_lost_once = self.lose_once.remove(&seq.map_or(0, u32::from_be_bytes));
            if is_lost_once || self.lose.contains(&place) {
                return;
            }
            late = self.delay_more.get(&place).copied().unwrap_or_default();
        }
        let mut arrives_at = self.now + self.delay;
        if self.serialisation > Duration::ZERO {
            let busy = if outgoing.text.is_empty() {
                Duration::ZERO
            } else {
                self.serialisation
            };
            arrives_at = arrives_at.max(self.free_at[1 - from]) + busy;
            self.free_at[1 - from] = arrives_at;
        }
        if self.dice.below(1_000) < rates.loss {
            return;
        }
        if self.dice.below(1_000) < rates.corruption {
            let bit = self.dice.below(payload.len() as u32 * 8);
            payload[bit as usize / 8] ^= 1 << (bit % 8);
        }
        // Octets of IP and Ethernet count on a real wire, and here.
        let bits = (payload.len() as u64 + 38) * 8;
        let departs = self.busy_until[from].max(self.now);
        let takes = (bits * 1_000_000_000).checked_div(self.bits_per_second);
        let departs = departs + Duration::from_nanos(takes.unwrap_or(0));
        self.busy_until[from] = departs;
        let (mut departs, mut ecn) = (departs, outgoing.traffic_class.ecn());
        if from == A
            && let Some(bottleneck) = &mut self.bottleneck
        {
            let octets = payload.len() as u64 + 20;
            match bottleneck.pass(octets, ecn, self.now) {
                Some(passed) => (departs, ecn) = passed,
                None => return,
            }
        }
        let copies = 1 + u32::from(self.dice.below(1_000) < rates.duplication);
        for _ in 0..copies {
            let mut datagram = datagram(
                outgoing.source,
                outgoing.destination,
                payload.clone().into(),
            );
            datagram.traffic_class = TrafficClass::new(outgoing.traffic_class.dscp(), ecn);
            let jitter = Duration::from_micros(u64::from(self.dice.below(rates.jitter_us.max(1))));
            self.sent += 1;
            self.wire.insert(
                (
                    arrives_at.max(departs + self.delay) + late + jitter,
                    self.sent,
                ),
                (1 - from, datagram),
            );
        }
    }

    /// Hands a datagram to `end` now.
    pub(super) fn deliver(&mut self, end: usize, datagram: Datagram) {
        let path = self.path(end);
        let it = &mut self.ends[end];
        it.tcp
            .datagram_arrives(&mut it.around.at(self.now), datagram, path);
    }

    /// When somebody who wakes up at multiples of the quantum only notices what is due at `at`.
    fn round_up(&self, at: Instant) -> Instant {
        let quantum = self.quantum.as_nanos() as u64;
        match at.as_nanos().checked_rem(quantum) {
            None | Some(0) => at,
            Some(over) => Instant::from_nanos(at.as_nanos() - over + quantum),
        }
    }

    /// The next thing happens. False if there is nothing left to happen.
    pub(super) fn step(&mut self) -> bool {
        self.pull();
        let arrival = self.wire.first_key_value().map(|((at, _), _)| *at);
        let deadline = self
            .ends
            .iter()
            .filter_map(|end| end.tcp.next_deadline())
            .min();
        let Some(next) = arrival.into_iter().chain(deadline).min() else {
            return false;
        };
        self.now = self.now.max(self.round_up(next));
        while let Some(entry) = self.wire.first_entry() {
            if self.now < entry.key().0 {
                break;
            }
            let (end, datagram) = entry.remove();
            self.deliver(end, datagram);
        }
        for end in &mut self.ends {
            end.tcp.time_passes(&mut end.around.at(self.now));
        }
        self.pull();
        true
    }

    /// Lets everything happen until `until`.
    pub(super) fn run_until(&mut self, until: Instant) {
        loop {
            self.pull();
            let arrival = self.wire.first_key_value().map(|((at, _), _)| *at);
            let deadline = self
                .ends
                .iter()
                .filter_map(|end| end.tcp.next_deadline())
                .min();
            match arrival.into_iter().chain(deadline).min() {
                Some(next) if next <= until => self.step(),
                _ => break,
            };
        }
        self.now = until;
    }

    pub(super) fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    pub(super) fn send(&mut self, end: usize, id: ConnectionId, octets: &[u8]) -> usize {
        let it = &mut self.ends[end];
        it.tcp
            .send(
                &mut it.around.at(self.now),
                id,
                Bytes::copy_from_slice(octets),
            )
            .unwrap()
    }

    pub(super) fn receive(&mut self, end: usize, id: ConnectionId, most: usize) -> (Vec<u8>, bool) {
        let it = &mut self.ends[end];
        let received = it
            .tcp
            .receive(&mut it.around.at(self.now), id, most)
            .unwrap();
        (received.slices.concat(), received.end_of_stream)
    }

    pub(super) fn state(&mut self, end: usize, id: ConnectionId) -> State {
        self.status(end, id).state
    }

    pub(super) fn status(&mut self, end: usize, id: ConnectionId) -> Status {
        let it = &mut self.ends[end];
        *it.tcp.status(&it.around.at(self.now), id).unwrap()
    }

    /// Whether a wire holds nothing.
    pub(super) fn is_quiet(&self) -> bool {
        self.wire.is_empty()
    }

    /// Takes everything off the wire.
    pub(super) fn cut_wire(&mut self) {
        self.wire.clear();
    }
}

/// A whole TCP segment as IP would hand it up.
pub(super) fn datagram(source: IpAddr, destination: IpAddr, payload: Bytes) -> Datagram {
    Datagram {
        source,
        destination,
        cast: Cast::Unicast,
        protocol: Protocol::TCP,
        hop_limit: 64,
        traffic_class: TrafficClass::default(),
        packet: payload.clone(),
        payload,
        checksum: ReceivedChecksum::Unverified,
        segment_octets: None,
        protocol_pointer: 9,
    }
}

/// A segment from `from` to `to` with these fields and text, checksum included.
pub(super) fn forged(
    from: SocketAddr,
    to: SocketAddr,
    mut header: TcpHeader,
    text: &[u8],
) -> Datagram {
    header.source_port = from.port();
    header.destination_port = to.port();
    let mut octets = HeaderOctets::new();
    header.emit(&mut octets);
    let mut payload = octets.as_slice().to_vec();
    payload.extend_from_slice(text);
    let mut sum = Sum::pseudo_header(from.ip(), to.ip(), Protocol::TCP, payload.len());
    sum.add(&payload);
    payload[16..18].copy_from_slice(&sum.checksum().to_be_bytes());
    datagram(from.ip(), to.ip(), payload.into())
}

/// Shorthand for tests.
pub(super) fn seq(raw: u32) -> SeqNumber {
    SeqNumber::new(raw)
}

/// Octets that tell where they belong.
pub(super) fn pattern(octets: usize) -> Vec<u8> {
    (0..octets)
        .map(|at| (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect()
}
