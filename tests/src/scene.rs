//! A host and, across a wire that loses nothing by itself, a peer that does what a test says.
//!
//! The peer has no state machine: a [`Flow`] only remembers numbers, and every segment is written by
//! the test, so it can lie, overlap, shrink its window or go silent. Helpers exist for what most
//! tests begin with: a connection that is open, from either side.

use std::net::{IpAddr, SocketAddr};

use sidestep_stack::Config;
use sidestep_stack::base::{Duration, Instant};
use sidestep_stack::call::{ConnectionId, ConnectionOptions, ListenerId, OpenConnection};
use sidestep_stack::observe::State;

use crate::craft::{self, Ip, Segment, option};
use crate::expect::{Expect, see};
use crate::host::{Host, seed_of};
use crate::seen::{Payload, Seen};

/// The two families.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Both families, for claims that must hold in each.
pub const BOTH: [Family; 2] = [Family::V4, Family::V6];

impl Family {
    /// The host's address.
    pub fn us(self) -> IpAddr {
        self.address(1)
    }

    /// The peer's address.
    pub fn them(self) -> IpAddr {
        self.address(9)
    }

    /// An address of the test network.
    pub fn address(self, number: u8) -> IpAddr {
        match self {
            Self::V4 => IpAddr::from([192, 0, 2, number]),
            Self::V6 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(number)]),
        }
    }

    /// Octets of the IP header.
    pub const fn header_octets(self) -> usize {
        match self {
            Self::V4 => 20,
            Self::V6 => 40,
        }
    }
}

/// How the scripted peer opens.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its initial sequence number.
    pub iss: u32,
    /// Its port.
    pub port: u16,
    /// The window that it advertises, as it stands in the header.
    pub window: u16,
    /// Its maximum segment size.
    pub mss: Option<u16>,
    /// Its window scale.
    pub scale: Option<u8>,
    /// Whether it permits SACK.
    pub sack: bool,
    /// Its timestamp clock, if it has one.
    pub stamp: Option<u32>,
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            iss: 1_000,
            port: 40_000,
            window: 65_535,
            mss: Some(1_460),
            scale: None,
            sack: false,
            stamp: None,
        }
    }
}

impl Peer {
    /// A peer with every option that the stack knows.
    pub fn modern() -> Self {
        Self {
            scale: Some(7),
            sack: true,
            stamp: Some(5_000_000),
            ..Self::default()
        }
    }

    /// A peer with SACK and nothing else.
    pub fn sack() -> Self {
        Self {
            sack: true,
            ..Self::default()
        }
    }

    /// The options of its SYN.
    pub fn syn_options(&self, echo: u32) -> Vec<u8> {
        let mut options = Vec::new();
        if let Some(mss) = self.mss {
            options.extend(option::mss(mss));
        }
        if self.sack {
            options.extend(option::SACK_PERMITTED);
        }
        if let Some(stamp) = self.stamp {
            options.extend(option::timestamps(stamp, echo));
        }
        if let Some(shift) = self.scale {
            options.extend(option::NOP);
            options.extend(option::window_scale(shift));
        }
        options
    }
}

/// What a scripted peer remembers of a connection. All numbers may be changed at will.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The stack's name for it; meaningless before it is accepted.
    pub connection: ConnectionId,
    /// The stack's end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// The stack's initial sequence number.
    pub irs: u32,
    /// What the peer sends next.
    pub nxt: u32,
    /// What the peer expects next.
    pub rcv: u32,
    /// The window that the peer advertises, as it stands in the header.
    pub window: u16,
    /// The peer's timestamp clock, if timestamps were agreed.
    pub stamp: Option<u32>,
    /// The last TSval of the stack.
    pub echo: u32,
    /// The stack's window scale, if scaling was agreed.
    pub scale: u8,
}

impl Flow {
    /// A bare ACK with the numbers as they are.
    pub fn seg(&self) -> Segment {
        let mut segment = Segment {
            ip: Ip::new(self.remote.ip(), self.local.ip()),
            source_port: self.remote.port(),
            destination_port: self.local.port(),
            seq: self.nxt,
            ack: self.rcv,
            flags: craft::flags::ACK,
            window: self.window,
            urgent: 0,
            options: Vec::new(),
            text: Vec::new(),
        };
        if let Some(stamp) = self.stamp {
            segment.options = stamp_option(stamp, self.echo);
        }
        segment
    }

    /// A segment that begins `offset` octets after what the peer sends next.
    pub fn at(&self, offset: i64) -> Segment {
        let segment = self.seg();
        let seq = segment.seq.wrapping_add(offset as u32);
        segment.seq(seq)
    }

    /// The octet of the stack's stream at `offset` (the first one has 0).
    pub fn our_seq(&self, offset: u32) -> u32 {
        self.irs.wrapping_add(1).wrapping_add(offset)
    }
}

/// A name of nothing, for a flow whose connection the application does not have yet.
fn no_connection() -> ConnectionId {
    let mut table = sidestep_stack::base::Table::new();
    for _ in 0..1_000 {
        let key = table.insert(());
        table.remove(key);
    }
    ConnectionId(table.insert(()))
}

/// The timestamps option, aligned as most senders do (RFC 7323 appendix A).
pub fn stamp_option(value: u32, echo: u32) -> Vec<u8> {
    let mut options = vec![1, 1];
    options.extend(option::timestamps(value, echo));
    options
}

/// A host with an address of one family, and the wire to its peers.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The host.
    pub host: Host,
    /// Which family the peers use. The host has addresses of both.
    pub family: Family,
    listener: Option<ListenerId>,
}

/// The port that [`Scene::accept`] listens on.
pub const PORT: u16 = 80;

/// Longer than any ACK may wait (RFC 9293 MUST-40).
pub const ACK_LIMIT: Duration = Duration::from_millis(499);

/// Room for all that a test writes at once.
const SEND_BUFFER_OCTETS: u64 = 4 << 20;

impl Scene {
    /// A host with the default configuration, but for Reno and a large send buffer.
    #[track_caller]
    pub fn new(family: Family) -> Self {
        Self::with(family, |_| {})
    }

    /// A host with a changed configuration.
    #[track_caller]
    pub fn with(family: Family, change: impl FnOnce(&mut Config)) -> Self {
        Self::with_seed(family, 1, change)
    }

    /// A host with a changed configuration and a seed of its own.
    #[track_caller]
    pub fn with_seed(family: Family, seed: u64, change: impl FnOnce(&mut Config)) -> Self {
        // Tests write all of their text at once, and the rows about cwnd are those of RFC 5681: CUBIC,
        // BBR and buffers that grow have tests of their own beside the code.
        let mut config = Config {
            send_buffer_octets: SEND_BUFFER_OCTETS,
            congestion_algorithm: 0,
            ..Config::default()
        };
        change(&mut config);
        let mut host = Host::new(config, seed_of(seed));
        host.add_address(Family::V4.us(), 24);
        // IPv6 has no links below 1,280 octets (RFC 8200 §5).
        if host.stack.config().mtu_octets >= 1_280 {
            host.add_address(Family::V6.us(), 64);
            host.add_route(IpAddr::from([0_u16; 8]), 0);
        }
        host.add_route(IpAddr::from([0, 0, 0, 0]), 0);
        // Not the moment zero: a clock that began just now hides mistakes.
        host.advance(Duration::from_secs(10));
        host.all_sent();
        host.all_events();
        Self {
            host,
            family,
            listener: None,
        }
    }

    /// A header from the peer to the host.
    pub fn ip(&self) -> Ip {
        Ip::new(self.family.them(), self.family.us())
    }

    /// The peer's end with this port.
    pub fn remote(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.family.them(), port)
    }

    // Opening.

    /// The listener on [`PORT`], opened when first asked for.
    #[track_caller]
    pub fn listener(&mut self) -> ListenerId {
        match self.listener {
            Some(listener) => listener,
            None => {
                let listener = self.host.listen(PORT);
                self.listener = Some(listener);
                listener
            }
        }
    }

    /// The SYN of `peer` to [`PORT`].
    pub fn syn(&self, peer: &Peer) -> Segment {
        Segment {
            ip: self.ip(),
            source_port: peer.port,
            destination_port: PORT,
            seq: peer.iss,
            ack: 0,
            flags: craft::flags::SYN,
            window: peer.window,
            urgent: 0,
            options: peer.syn_options(0),
            text: Vec::new(),
        }
    }

    /// The peer connects to [`PORT`] and the application accepts.
    #[track_caller]
    pub fn accept(&mut self, peer: Peer) -> Flow {
        let listener = self.listener();
        let mut flow = self.half_open(&peer);
        self.send(&flow.seg());
        match self.host.accept(listener) {
            Some(accepted) => flow.connection = accepted.connection,
            None => self.host.fail("nothing to accept after the handshake"),
        }
        self.host.all_events();
        self.silence();
        flow
    }

    /// The peer sends its SYN to [`PORT`] and reads the SYN-ACK; its ACK is not sent.
    #[track_caller]
    pub fn half_open(&mut self, peer: &Peer) -> Flow {
        self.listener();
        self.send(&self.syn(peer));
        let answer = self.expect(see("SA").ack(peer.iss.wrapping_add(1)));
        self.flow_from(peer, &answer, PORT)
    }

    /// The application dials and the peer answers.
    #[track_caller]
    pub fn dial(&mut self, peer: Peer) -> Flow {
        self.dial_with(peer, ConnectionOptions::default())
    }

    /// The application dials with options and the peer answers.
    #[track_caller]
    pub fn dial_with(&mut self, peer: Peer, options: ConnectionOptions) -> Flow {
        let (connection, syn) = self.begin_dial(&peer, options);
        let mut flow = self.flow_from(&peer, &syn, syn.source_port);
        flow.connection = connection;
        self.send(&self.syn_ack(&peer, &flow));
        self.expect(see("A").seq(flow.rcv).ack(flow.nxt).bare());
        assert_eq!(self.host.state(connection), State::Established);
        self.host.all_events();
        flow
    }

    /// The application dials and the peer answers after `rtt`.
    #[track_caller]
    pub fn dial_slowly(&mut self, peer: Peer, rtt: Duration) -> Flow {
        let (connection, syn) = self.begin_dial(&peer, ConnectionOptions::default());
        let mut flow = self.flow_from(&peer, &syn, syn.source_port);
        flow.connection = connection;
        self.host.advance(rtt);
        self.send(&self.syn_ack(&peer, &flow));
        self.expect(see("A").seq(flow.rcv).ack(flow.nxt).bare());
        flow
    }

    /// The application dials; the SYN is returned and not answered.
    #[track_caller]
    pub fn begin_dial(
        &mut self,
        peer: &Peer,
        options: ConnectionOptions,
    ) -> (ConnectionId, Segment) {
        let (connection, _) = self.host.open_with(OpenConnection {
            remote: self.remote(peer.port),
            local_address: None,
            local_port: 0,
            options,
        });
        let syn = self.expect(see("S").bare());
        (connection, syn)
    }

    /// The SYN-ACK of `peer` in a flow that the stack began.
    pub fn syn_ack(&self, peer: &Peer, flow: &Flow) -> Segment {
        let mut segment = flow.seg().flags("SA").seq(peer.iss);
        segment.options = peer.syn_options(flow.echo);
        segment
    }

    /// What the peer knows after it has seen the stack's SYN or SYN-ACK.
    pub fn flow_from(&self, peer: &Peer, syn: &Segment, local_port: u16) -> Flow {
        let stamps = syn.stamps();
        Flow {
            connection: no_connection(),
            local: SocketAddr::new(self.family.us(), local_port),
            remote: self.remote(peer.port),
            irs: syn.seq,
            nxt: peer.iss.wrapping_add(1),
            rcv: syn.seq.wrapping_add(1),
            window: peer.window,
            stamp: peer.stamp.filter(|_| stamps.is_some()),
            echo: stamps.map_or(0, |(value, _)| value),
            scale: syn.scale().filter(|_| peer.scale.is_some()).unwrap_or(0),
        }
    }

    /// Numbers that fit no connection, from the peer to a port that nobody listens on.
    pub fn flow_to_nobody(&self) -> Flow {
        Flow {
            connection: no_connection(),
            local: SocketAddr::new(self.family.us(), 81),
            remote: self.remote(40_000),
            irs: 0,
            nxt: 500,
            rcv: 1,
            window: 1_000,
            stamp: None,
            echo: 0,
            scale: 0,
        }
    }

    // The wire.

    /// The peer sends a segment.
    #[track_caller]
    pub fn send(&mut self, segment: &Segment) {
        self.host.arrives(&segment.packet());
    }

    /// The peer sends several segments that arrive in one batch.
    #[track_caller]
    pub fn send_batch(&mut self, segments: &[Segment]) {
        let packets: Vec<Vec<u8>> = segments.iter().map(Segment::packet).collect();
        self.host.arrives_in_one_batch(&packets);
    }

    /// The peer sends text in order; its numbers move on.
    #[track_caller]
    pub fn data(&mut self, flow: &mut Flow, text: &[u8]) {
        self.send(&flow.seg().flags("PA").text(text));
        flow.nxt = flow.nxt.wrapping_add(text.len() as u32);
    }

    /// The peer acknowledges the first `octets` octets of the stack's stream.
    #[track_caller]
    pub fn ack(&mut self, flow: &mut Flow, octets: u32) {
        flow.rcv = flow.our_seq(octets);
        self.send(&flow.seg());
    }

    /// The peer takes the text that has left: its numbers move to the end of what is in order.
    /// Nothing is acknowledged yet. Segments without text are left out.
    #[track_caller]
    pub fn take_flight(&mut self, flow: &mut Flow) -> Vec<Segment> {
        let mut flight = self.segments();
        flight.retain(|segment| !segment.is_empty());
        for segment in &flight {
            if segment.seq == flow.rcv {
                flow.rcv = flow.rcv.wrapping_add(segment.len());
            }
        }
        flight
    }

    /// The peer acknowledges each segment of a flight by itself, as one without delayed ACKs does.
    #[track_caller]
    pub fn ack_each(&mut self, flow: &Flow, flight: &[Segment]) {
        for segment in flight {
            let end = segment.seq.wrapping_add(segment.len());
            self.send(&flow.seg().ack(end));
        }
    }

    /// An honest peer for so many round trips of 20 ms, on a wire that keeps the order: the text.
    #[track_caller]
    pub fn honest_rounds(&mut self, flow: &mut Flow, rounds: usize) -> Vec<u8> {
        let mut text = Vec::new();
        for _ in 0..rounds {
            let mut expected = flow.rcv;
            let flight = self.take_flight(flow);
            for segment in flight.iter().filter(|segment| !segment.text.is_empty()) {
                assert_eq!(segment.seq, expected, "text out of order on a clean wire");
                expected = expected.wrapping_add(segment.len());
                text.extend(&segment.text);
            }
            self.host.advance(Duration::from_millis(20));
            self.ack_each(flow, &flight);
        }
        text
    }

    /// The next segment that the stack has emitted already, if any.
    #[track_caller]
    pub fn next_segment(&mut self) -> Option<Segment> {
        let (_, seen) = self.host.next_sent()?;
        match &seen.payload {
            Payload::Tcp(segment) => Some(segment.clone()),
            _ => self.host.fail("the next packet is no TCP segment"),
        }
    }

    /// The next segment, which must be there already and look so.
    #[track_caller]
    pub fn expect(&mut self, want: Expect) -> Segment {
        match self.next_segment() {
            Some(segment) => self.check(want, segment),
            None => self.host.fail(&format!("no segment left; wanted {want:?}")),
        }
    }

    /// The next segment, which must leave within `limit` and look so.
    #[track_caller]
    pub fn expect_within(&mut self, limit: Duration, want: Expect) -> Segment {
        let moment = self.host.now + limit;
        if !self.host.advance_to_packet(moment) {
            self.host
                .fail(&format!("nothing left within {limit:?}; wanted {want:?}"));
        }
        self.expect(want)
    }

    /// An ACK of all that the peer has sent, within the time that an ACK may wait.
    #[track_caller]
    pub fn expect_ack(&mut self, flow: &Flow) -> Segment {
        self.expect_within(ACK_LIMIT, see("A").ack(flow.nxt))
    }

    /// The next segment, and when it left; it must leave within `limit`.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> (Instant, Segment) {
        let moment = self.host.now + limit;
        if !self.host.advance_to_packet(moment) {
            self.host.fail(&format!("nothing left within {limit:?}"));
        }
        match self.host.next_sent() {
            Some((at, seen)) => match seen.tcp() {
                Some(segment) => (at, segment.clone()),
                None => self.host.fail("the next packet is no TCP segment"),
            },
            None => self.host.fail("no packet"),
        }
    }

    /// Nothing has left that nobody has looked at.
    #[track_caller]
    pub fn silence(&mut self) {
        if let Some((at, seen)) = self.host.next_sent() {
            let line = crate::expect::line_of(&seen.octets);
            self.host
                .fail(&format!("wanted silence, but at {at} left: {line}"));
        }
    }

    /// Nothing leaves for so long.
    #[track_caller]
    pub fn silence_for(&mut self, duration: Duration) {
        self.host.advance(duration);
        self.silence();
    }

    /// All segments that have left and that nobody has looked at.
    #[track_caller]
    pub fn segments(&mut self) -> Vec<Segment> {
        self.host
            .all_sent()
            .iter()
            .filter_map(Seen::tcp)
            .cloned()
            .collect()
    }

    /// All segments that leave within `duration`, and when.
    #[track_caller]
    pub fn segments_for(&mut self, duration: Duration) -> Vec<(Instant, Segment)> {
        self.host.advance(duration);
        self.host
            .all_sent_timed()
            .into_iter()
            .filter_map(|(at, seen)| Some((at, seen.tcp()?.clone())))
            .collect()
    }

    /// Fails unless the connection is in this state.
    #[track_caller]
    pub fn assert_state(&mut self, flow: &Flow, state: State) {
        let found = self.host.state(flow.connection);
        if found != state {
            self.host
                .fail(&format!("state is {found:?}, wanted {state:?}"));
        }
    }

    #[track_caller]
    fn check(&mut self, want: Expect, segment: Segment) -> Segment {
        let differences = want.differences(&segment);
        if differences.is_empty() {
            segment
        } else {
            self.host
                .fail(&format!("the segment differs:{differences}"))
        }
    }
}
