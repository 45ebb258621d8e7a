//! The table of raw sockets and their bounded queues.
//!
//! Called by `ingress.rs` and `calls.rs`. It never parses a payload.

use alloc::collections::VecDeque;
use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::base::Table;
use crate::call::{CallRefused, Local, RawId, ReceivedDatagram, SocketOptions};
use crate::config::Config;
use crate::context::Context;
use crate::discard::Discard;
use crate::event::Event;
use crate::socket::Settings;
use crate::socket::demux::covers;
use crate::wire::checksum::Sum;
use crate::wire::ipv4::IPV4_HEADER_OCTETS;
use crate::wire::packet::Datagram;
use crate::wire::protocol::Protocol;

/// Whether a raw socket got a copy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Claimed {
    /// At least one socket asked for it, even if its queue was full.
    BySomebody,
    /// No socket asked for it.
    ByNobody,
}

/// What a raw socket sends with.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// The protocol of its payloads.
    pub protocol: Protocol,
    /// The address that it is bound to.
    pub address: Option<IpAddr>,
    /// What the application has set.
    pub settings: Settings,
}

#[derive(Clone, Debug)]
struct Socket {
    local: Local,
    protocol: Protocol,
    settings: Settings,
    queue: VecDeque<ReceivedDatagram>,
    queued_octets: usize,
    is_ready: bool,
}

/// All raw sockets of a stack: few, so they are looked through one by one.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    sockets: Table<Socket>,
    ready: VecDeque<RawId>,
    queued_octets: usize,
}

impl Raw {
    /// No sockets.
    pub const fn new() -> Self {
        Self {
            sockets: Table::new(),
            ready: VecDeque::new(),
            queued_octets: 0,
        }
    }

    /// How many sockets there are.
    pub const fn len(&self) -> usize {
        self.sockets.len()
    }

    /// True if there is no socket.
    pub const fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    /// Octets that wait in all queues.
    pub const fn queued_octets(&self) -> usize {
        self.queued_octets
    }

    /// A socket for the payloads of `protocol`.
    ///
    /// # Errors
    ///
    /// `LimitReached`; `Invalid` for TCP and UDP, which have sockets of their own, and for 0, which
    /// only ever begins a chain of IPv6 headers (RFC 8200 §4.3).
    pub fn open(
        &mut self,
        config: &Config,
        local: Local,
        protocol: Protocol,
    ) -> Result<RawId, CallRefused> {
        if matches!(
            protocol,
            Protocol::TCP | Protocol::UDP | Protocol::HOP_BY_HOP
        ) {
            return Err(CallRefused::Invalid);
        }
        if self.sockets.len() as u64 >= config.raw_sockets_max {
            return Err(CallRefused::LimitReached);
        }
        let socket = Socket {
            local,
            protocol,
            settings: Settings::new(config),
            queue: VecDeque::new(),
            queued_octets: 0,
            is_ready: false,
        };
        Ok(RawId(self.sockets.insert(socket)))
    }

    /// What a socket sends with.
    ///
    /// # Errors
    ///
    /// `NoSuchEntry`.
    pub fn sender(&self, socket: RawId) -> Result<Sender, CallRefused> {
        let entry = self.sockets.get(socket.0).ok_or(CallRefused::NoSuchEntry)?;
        Ok(Sender {
            protocol: entry.protocol,
            address: entry.local.address,
            settings: entry.settings,
        })
    }

    /// Changes settings of a socket; what is `None` stays.
    ///
    /// # Errors
    ///
    /// `NoSuchEntry`.
    pub fn set_options(
        &mut self,
        config: &Config,
        socket: RawId,
        options: &SocketOptions,
    ) -> Result<(), CallRefused> {
        let entry = self.sockets.get_mut(socket.0);
        let entry = entry.ok_or(CallRefused::NoSuchEntry)?;
        entry.settings.set(config, options);
        Ok(())
    }

    /// Takes the oldest payload.
    ///
    /// # Errors
    ///
    /// `NoSuchEntry`.
    pub fn receive(&mut self, socket: RawId) -> Result<Option<ReceivedDatagram>, CallRefused> {
        let entry = self
            .sockets
            .get_mut(socket.0)
            .ok_or(CallRefused::NoSuchEntry)?;
        let datagram = entry.queue.pop_front();
        if let Some(datagram) = &datagram {
            let octets = datagram.octets.len() + datagram.ip_header.len();
            entry.queued_octets -= octets;
            self.queued_octets -= octets;
            if entry.queue.is_empty() {
                // An idle socket owns no buffer.
                entry.queue = VecDeque::new();
            }
        }
        Ok(datagram)
    }

    /// Ends a socket and what waits in its queue.
    ///
    /// # Errors
    ///
    /// `NoSuchEntry`.
    pub fn close(&mut self, socket: RawId) -> Result<(), CallRefused> {
        let entry = self
            .sockets
            .remove(socket.0)
            .ok_or(CallRefused::NoSuchEntry)?;
        self.queued_octets -= entry.queued_octets;
        Ok(())
    }

    /// A datagram arrived: every socket that asked for its protocol gets a copy.
    pub fn datagram_arrives(&mut self, cx: &mut Context<'_>, datagram: &Datagram) -> Claimed {
        if self.sockets.is_empty() {
            return Claimed::ByNobody;
        }
        let mut claimed = Claimed::ByNobody;
        let wanted: alloc::vec::Vec<_> = self
            .sockets
            .iter()
            .filter(|(_, socket)| wants(socket, datagram))
            .map(|(key, _)| key)
            .collect();
        for key in wanted {
            claimed = Claimed::BySomebody;
            let Some(socket) = self.sockets.get_mut(key) else {
                continue;
            };
            let header = header_of(datagram);
            let octets = datagram.payload.len() + header.len();
            let has_room = (socket.queue.len() as u64) < cx.config.socket_datagrams_max
                && (socket.queue.is_empty()
                    || socket.queued_octets + octets <= socket.settings.receive_buffer_octets);
            if !has_room {
                cx.discard(Discard::RawQueueFull);
                continue;
            }
            socket.queued_octets += octets;
            self.queued_octets += octets;
            socket.queue.push_back(ReceivedDatagram {
                remote: SocketAddr::new(datagram.source, 0),
                destination: datagram.destination,
                octets: Bytes::copy_from_slice(&datagram.payload),
                hop_limit: datagram.hop_limit,
                traffic_class: datagram.traffic_class,
                ip_header: header,
            });
            if !socket.is_ready {
                socket.is_ready = true;
                self.ready.push_back(RawId(key));
            }
        }
        claimed
    }

    /// A socket that has a payload to fetch.
    pub fn next_event(&mut self) -> Option<Event> {
        while let Some(socket) = self.ready.pop_front() {
            if let Some(entry) = self.sockets.get_mut(socket.0) {
                entry.is_ready = false;
                return Some(Event::RawArrived(socket));
            }
        }
        None
    }
}

fn wants(socket: &Socket, datagram: &Datagram) -> bool {
    socket.protocol == datagram.protocol
        && match socket.local.address {
            Some(address) => address == datagram.destination,
            None => covers(socket.local.families, datagram.destination),
        }
}

/// The IPv4 header that the payload came behind, options included, as a raw socket shows it. Of a
/// datagram that came in fragments the first one's header is told as if it had come whole, as in
/// Linux. IPv6 shows none (RFC 3542 §3).
fn header_of(datagram: &Datagram) -> Bytes {
    let words = datagram.packet.first().map_or(0, |octet| octet & 0x0f);
    let octets = usize::from(words) * 4;
    let header = match datagram.packet.get(..octets) {
        Some(header) if datagram.destination.is_ipv4() && octets >= IPV4_HEADER_OCTETS => header,
        Some(_) | None => return Bytes::new(),
    };
    let mut header = header.to_vec();
    let total = u16::try_from(octets + datagram.payload.len()).unwrap_or(u16::MAX);
    let is_whole = header.get(2..4) == Some(&total.to_be_bytes()[..]);
    if !is_whole {
        for (place, octet) in header.iter_mut().skip(2).zip(total.to_be_bytes()) {
            *place = octet;
        }
        // Neither "more fragments" nor an offset; and the sum that goes with it.
        for place in header.iter_mut().skip(6).take(2) {
            *place = 0;
        }
        for place in header.iter_mut().skip(10).take(2) {
            *place = 0;
        }
        let checksum = Sum::of(&header).checksum();
        for (place, octet) in header.iter_mut().skip(10).zip(checksum.to_be_bytes()) {
            *place = octet;
        }
    }
    Bytes::from(header)
}
