//! The stack and its six doors (RFC 9293 §3.10).
//!
//! The packet thread, the simulator, the fuzzer and the tests all come in through these doors and
//! no other. The doors only lend the parts to the two pages, [`ingress`](crate::ingress) and
//! [`egress`](crate::egress), and to `calls`; they decide nothing themselves.

use core::net::SocketAddr;

use crate::base::random::Seed;
use crate::base::{Instant, Random};
use crate::call::{Call, CallRefused, ConnectionId, Reply};
use crate::config::{Config, ConfigRefused};
use crate::context::Context;
use crate::discard::DiscardCounters;
use crate::dns::Dns;
use crate::event::Event;
use crate::group::Groups;
use crate::icmp::Icmp;
use crate::ip::{Arrival, Ip};
use crate::names::Names;
use crate::observe::{Log, Observation};
use crate::raw::Raw;
use crate::status::Status;
use crate::tcp::{OpeningCounters, Tcp, TcpCounts};
use crate::udp::Udp;
use crate::wire::packet::{Offload, OutPacket, Packet};
use crate::{calls, egress, ingress};

/// The protocols. They do not know each other; only the pages see more than one of them.
#[derive(Clone, Debug)]
pub(crate) struct Protocols {
    pub(crate) ip: Ip,
    pub(crate) icmp: Icmp,
    pub(crate) group: Groups,
    pub(crate) udp: Udp,
    pub(crate) raw: Raw,
    pub(crate) tcp: Tcp,
    pub(crate) dns: Dns,
    /// The sockets and connections that `dns` is served with.
    pub(crate) names: Names,
    /// Packets that are ready to leave.
    pub(crate) outbox: egress::Outbox,
}

/// How much of everything there is. All of it is back at its start when all is closed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Counters {
    /// How often a packet was thrown away for which reason.
    pub discards: DiscardCounters,
    /// Packets that came through `packet_arrives`.
    pub packets_in: u64,
    /// Packets that left through `next_packet`.
    pub packets_out: u64,
    /// Octets of those that came.
    pub octets_in: u64,
    /// Octets of those that left.
    pub octets_out: u64,
    /// Connections, listeners and what they hold.
    pub tcp: TcpCounts,
    /// How connections began so far.
    pub openings: OpeningCounters,
    /// UDP sockets.
    pub udp_sockets: usize,
    /// Raw sockets.
    pub raw_sockets: usize,
    /// Octets of datagrams that wait at UDP and raw sockets.
    pub datagram_octets: usize,
    /// Look-ups that go on.
    pub lookups: usize,
    /// Answers of name servers that are kept.
    pub names_kept: usize,
    /// What they cost, in octets.
    pub names_kept_octets: u64,
}

/// A TCP/IP stack: packets, calls and time in, packets and events out.
///
/// A turn is: give it the packets that arrived, then the calls that wait, let time pass, and pull
/// packets and events until there are none. Output is pulled after the batch, so one
/// acknowledgment answers a whole batch.
///
/// A clone is a fork: both go on from the same state, with the same choices ahead of them.
#[derive(Clone, Debug)]
pub struct Stack {
    config: Config,
    offload: Offload,
    random: Random,
    discards: DiscardCounters,
    log: Log,
    protocols: Protocols,
    now: Instant,
    packets_in: u64,
    packets_out: u64,
    octets_in: u64,
    octets_out: u64,
}

impl Stack {
    /// A stack without addresses other than 127.0.0.1 and ::1.
    ///
    /// `seed` must be known to nobody: initial sequence numbers, ports, identifications and hash
    /// keys follow from it. `offload` is what the device can do.
    ///
    /// # Errors
    ///
    /// An entry of `config` is out of its range.
    pub fn new(config: Config, seed: Seed, offload: Offload) -> Result<Self, ConfigRefused> {
        config.check()?;
        let mut random = Random::new(seed);
        let mut log = Log::default();
        log.listen(config.observations_max as usize);
        let protocols = Protocols {
            ip: Ip::new(&config, &mut random),
            icmp: Icmp::new(&config, &mut random),
            group: Groups::new(&config),
            udp: Udp::new(&config, &mut random),
            raw: Raw::new(),
            tcp: Tcp::new(&config, &mut random),
            dns: Dns::new(&config),
            names: Names::new(),
            outbox: egress::Outbox::new(),
        };
        Ok(Self {
            config,
            offload,
            random,
            discards: DiscardCounters::default(),
            log,
            protocols,
            now: Instant::ZERO,
            packets_in: 0,
            packets_out: 0,
            octets_in: 0,
            octets_out: 0,
        })
    }

    /// SEGMENT ARRIVES, and its like for every other protocol: door one in.
    ///
    /// `packet` begins with its IP header. Whatever is wrong with it is counted in
    /// [`Counters::discards`].
    pub fn packet_arrives(&mut self, now: Instant, packet: Packet) {
        self.packets_in += 1;
        self.octets_in += packet.octets.len() as u64;
        let (protocols, mut cx) = self.lend(now);
        ingress::packet_arrives(protocols, &mut cx, packet, Arrival::Device);
    }

    /// User calls: door two in. It answers at once; what takes longer is told by an [`Event`].
    ///
    /// # Errors
    ///
    /// The call was not taken, and nothing has changed.
    pub fn user_calls(&mut self, now: Instant, call: Call) -> Result<Reply, CallRefused> {
        let (protocols, mut cx) = self.lend(now);
        calls::user_calls(protocols, &mut cx, call)
    }

    /// TIMEOUTS: door three in. Every timer whose time has come fires once.
    pub fn time_passes(&mut self, now: Instant) {
        let (protocols, mut cx) = self.lend(now);
        protocols.ip.time_passes(&mut cx);
        while let Some(report) = protocols.ip.next_report() {
            ingress::problem_arises(protocols, &mut cx, &report);
        }
        protocols.group.time_passes(&mut cx);
        ingress::tell_routers(protocols, &mut cx);
        protocols.tcp.time_passes(&mut cx);
        protocols.dns.time_passes(&mut cx);
    }

    /// A packet to send: door one out. Pull until there is none.
    pub fn next_packet(&mut self, now: Instant) -> Option<OutPacket> {
        let offload = self.offload;
        // Two sockets of ours that answer each other for ever must not hold up the turn.
        for _ in 0..=self.config.loopback_packets_max {
            let (protocols, mut cx) = self.lend(now);
            if let Some(packet) = egress::next_packet(protocols, &mut cx, offload) {
                self.packets_out += 1;
                self.octets_out += packet.octets() as u64;
                self.explain(&packet);
                return Some(packet);
            }
            let packet = protocols.outbox.next_to_ourselves()?;
            ingress::packet_arrives(protocols, &mut cx, packet, Arrival::Loopback);
        }
        None
    }

    /// Tells those who observe why `packet` leaves.
    fn explain(&mut self, packet: &OutPacket) {
        if let Some(cause) = packet.cause {
            self.log.write(self.now, || Observation::PacketSent {
                cause,
                octets: packet.octets() as u32,
            });
        }
    }

    /// A notice to the application: door two out. Pull until there is none.
    pub fn next_event(&mut self) -> Option<Event> {
        let now = self.now;
        let (protocols, mut cx) = self.lend(now);
        ingress::next_event(protocols, &mut cx)
    }

    /// When [`time_passes`](Self::time_passes) is wanted next: door three out.
    ///
    /// `None`: not before something else happens. A moment in the past: at once.
    pub fn next_deadline(&self) -> Option<Instant> {
        if !self.protocols.outbox.is_empty() {
            return Some(self.now);
        }
        let parts = &self.protocols;
        [
            parts.ip.next_deadline(),
            parts.group.next_deadline(),
            parts.tcp.next_deadline(),
            parts.dns.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// How much of everything there is.
    pub fn counters(&self) -> Counters {
        let parts = &self.protocols;
        Counters {
            discards: self.discards.clone(),
            packets_in: self.packets_in,
            packets_out: self.packets_out,
            octets_in: self.octets_in,
            octets_out: self.octets_out,
            tcp: parts.tcp.counts(),
            openings: parts.tcp.openings(),
            udp_sockets: parts.udp.len(),
            raw_sockets: parts.raw.len(),
            datagram_octets: parts.udp.queued_octets() + parts.raw.queued_octets(),
            lookups: parts.dns.len(),
            names_kept: parts.dns.cached_answers(),
            names_kept_octets: parts.dns.cached_octets(),
        }
    }

    /// What STATUS tells of a connection, without a call (RFC 9293 §3.10.6): also of one that nobody
    /// accepted yet and of a handshake that goes on. `None` once its name is gone.
    pub fn status(&self, connection: ConnectionId) -> Option<Status> {
        self.protocols.tcp.status_of(&self.config, connection)
    }

    /// All connections in a fixed order: half-open ones too, and those that are closed until their
    /// name is released. It walks all of them: for captures, reports and tests.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.protocols.tcp.connections()
    }

    /// The connection between these ends, half open or not, unless it is closed.
    pub fn connection_between(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<ConnectionId> {
        self.protocols.tcp.connection_between(local, remote)
    }

    /// The limits and defaults in force.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Starts to keep the newest `entries_max` observations; 0 stops it.
    pub fn observe(&mut self, entries_max: usize) {
        self.log.listen(entries_max);
    }

    /// The oldest observation that nobody has read yet.
    pub fn next_observation(&mut self) -> Option<(Instant, Observation)> {
        self.log.take()
    }

    /// The parts, and what they are lent while a door is open. Time never goes backwards.
    fn lend(&mut self, now: Instant) -> (&mut Protocols, Context<'_>) {
        self.now = self.now.max(now);
        let cx = Context {
            now: self.now,
            config: &self.config,
            random: &mut self.random,
            discards: &mut self.discards,
            log: &mut self.log,
        };
        (&mut self.protocols, cx)
    }
}

#[cfg(test)]
mod tests;
