//! The connections of a script: which numbers of the wire stand for which numbers of the script.
//!
//! Scripts count from the first number of each side; on the wire these are whatever both sides chose
//! (RFC 9293 §3.4.1), and so are timestamps (RFC 7323 §5.4) and ports. The builder and the reader of
//! packets translate with this. Nothing here sends or waits.

use std::net::{IpAddr, SocketAddr};

use crate::drill::ast::Direction;
use crate::drill::pattern;

/// What the first TSval of a flow counts as, where the script leaves it open.
pub const FIRST_STAMP: u32 = 1_000;

/// Flows of one script.
const FLOWS_MAX: usize = 4_096;

/// Texts of one direction that the script spelled out.
const SPELLED_MAX: usize = 4_096;

/// The first port of the runner's end, where the script says none.
const FIRST_PORT: u16 = 40_000;

/// One side's numbers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Numbers {
    /// The first number in the script.
    pub script: u32,
    /// The first number on the wire.
    pub live: u32,
}

impl Numbers {
    /// A number of the script, on the wire.
    pub const fn to_live(self, number: u32) -> u32 {
        number.wrapping_sub(self.script).wrapping_add(self.live)
    }

    /// A number of the wire, in the script.
    pub const fn to_script(self, number: u32) -> u32 {
        number.wrapping_sub(self.live).wrapping_add(self.script)
    }

    /// How far into the stream a number of the wire is: the octet after the SYN is at 0.
    pub const fn offset(self, number: u32) -> u64 {
        number.wrapping_sub(self.live).wrapping_sub(1) as u64
    }
}

/// What a direction of a stream holds: the pattern, except where the script spells a text out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Content {
    direction: Direction,
    spelled: Vec<(u64, Vec<u8>)>,
}

impl Content {
    const fn new(direction: Direction) -> Self {
        Self {
            direction,
            spelled: Vec::new(),
        }
    }

    /// The octets from `offset` on.
    pub fn at(&self, offset: u64, octets: usize) -> Vec<u8> {
        let mut text = pattern::octets(self.direction, offset, octets).to_vec();
        let end = offset.saturating_add(octets as u64);
        // What was said first stays, as it does in a receiver.
        for (start, said) in self.spelled.iter().rev() {
            let from = (*start).max(offset);
            let to = start.saturating_add(said.len() as u64).min(end);
            if from < to {
                let (to_at, from_at) = ((from - offset) as usize, (from - start) as usize);
                let octets = (to - from) as usize;
                let place = text.get_mut(to_at..to_at + octets);
                let said = said.get(from_at..from_at + octets);
                if let (Some(place), Some(said)) = (place, said) {
                    place.copy_from_slice(said);
                }
            }
        }
        text
    }

    /// The script spells out what is at `offset`.
    pub fn spell(&mut self, offset: u64, octets: Vec<u8>) {
        if self.spelled.len() < SPELLED_MAX && !octets.is_empty() {
            self.spelled.push((offset, octets));
        }
    }
}

/// TCP or UDP.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transport {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
}

/// Two ends and what is known of both.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Flow {
    /// Of which protocol.
    pub transport: Transport,
    /// The host's end; port 0 as long as it is not known.
    pub local: SocketAddr,
    /// The runner's end.
    pub remote: SocketAddr,
    /// The numbers of the host under test; the script's own until its SYN was seen.
    pub host: Numbers,
    /// Whether that SYN was seen.
    pub host_is_known: bool,
    /// The numbers of the runner.
    pub peer: Numbers,
    /// Whether the runner has sent anything.
    pub peer_is_known: bool,
    /// The runner's SYN had a number of its own, and no other one was named since.
    pub peer_may_restart: bool,
    /// A SYN of the runner, with a number of its own, after the connection had begun: another one
    /// between the same ends if the host takes it (RFC 6191 §2).
    pub asked_again: Option<Numbers>,
    /// A TSval of the host in the script and on the wire.
    pub stamps: Option<Numbers>,
    /// What the application writes.
    pub written: Content,
    /// How much of that it has written.
    pub written_octets: u64,
    /// What the runner sends.
    pub arrived: Content,
    /// How much of that the application has read.
    pub read_octets: u64,
    /// Datagrams that arrived and were not read.
    pub unread: std::collections::VecDeque<Vec<u8>>,
    /// Datagrams that the application has sent and nobody has seen.
    pub unseen: std::collections::VecDeque<Vec<u8>>,
}

impl Flow {
    /// Nothing was seen yet. The runner's first number on the wire is `isn`.
    pub const fn new(
        transport: Transport,
        local: SocketAddr,
        remote: SocketAddr,
        isn: u32,
    ) -> Self {
        Self {
            transport,
            local,
            remote,
            host: Numbers { script: 0, live: 0 },
            host_is_known: false,
            peer: Numbers {
                script: 0,
                live: isn,
            },
            peer_is_known: false,
            peer_may_restart: false,
            asked_again: None,
            stamps: None,
            written: Content::new(Direction::Outbound),
            written_octets: 0,
            arrived: Content::new(Direction::Inbound),
            read_octets: 0,
            unread: std::collections::VecDeque::new(),
            unseen: std::collections::VecDeque::new(),
        }
    }

    /// The script names the runner's `number`, the first one after its SYN. One that lies before the
    /// SYN's counts from it: scripts of packetdrill give a SYN any number and go on with 1.
    pub fn name_peer(&mut self, number: u32) {
        let is_before = number.wrapping_sub(self.peer.script) > u32::MAX / 2;
        if std::mem::take(&mut self.peer_may_restart) && is_before {
            self.peer.script = 0;
        }
    }
}

/// All flows of a script.
#[derive(Clone, Debug)]
pub struct Flows {
    list: Vec<Flow>,
    /// The flow that lines without ports are about, for TCP and UDP.
    current: [Option<usize>; 2],
    /// Where a listener waits for a SYN that begins a new flow.
    awaiting: Option<SocketAddr>,
    /// Our end where the script says nothing.
    remote_address: IpAddr,
    /// The host's end where the script says nothing.
    default_local: SocketAddr,
    /// The same for UDP.
    default_udp: SocketAddr,
    next_port: u16,
    next_isn: u32,
}

impl Flows {
    /// No flow yet.
    pub const fn new(default_local: SocketAddr, remote_address: IpAddr, isn: u32) -> Self {
        Self {
            list: Vec::new(),
            current: [None, None],
            awaiting: None,
            remote_address,
            default_local,
            default_udp: default_local,
            next_port: FIRST_PORT,
            next_isn: isn,
        }
    }

    /// The flow of a number that was handed out here.
    pub fn get(&self, index: usize) -> Option<&Flow> {
        self.list.get(index)
    }

    /// As [`get`](Self::get), to change it.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut Flow> {
        self.list.get_mut(index)
    }

    /// The flow that lines without ports are about.
    pub const fn current(&self, transport: Transport) -> Option<usize> {
        self.current[transport as usize]
    }

    /// Lines without ports are about `index` from now on.
    pub fn choose(&mut self, index: usize) {
        if let Some(flow) = self.list.get(index) {
            self.current[flow.transport as usize] = Some(index);
        }
    }

    /// A listener was opened: the next SYN without ports begins a flow to it.
    pub const fn listens(&mut self, local: SocketAddr) {
        self.awaiting = Some(local);
    }

    /// A UDP socket was bound: datagrams without ports go there.
    pub const fn binds(&mut self, local: SocketAddr) {
        self.default_udp = local;
    }

    /// The application dials, or names a peer: the flow that follows. Port 0: not known yet.
    pub fn open(
        &mut self,
        transport: Transport,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<usize> {
        if self.list.len() >= FLOWS_MAX {
            return None;
        }
        let isn = self.next_isn;
        self.next_isn = isn.wrapping_add(0x0101_0101);
        self.list.push(Flow::new(transport, local, remote, isn));
        let index = self.list.len() - 1;
        self.choose(index);
        Some(index)
    }

    /// The flow that an inbound packet without ports is about: the current one, or a new one.
    pub fn for_inbound(&mut self, transport: Transport, begins: Begins) -> Option<usize> {
        if begins == Begins::Connection
            && transport == Transport::Tcp
            && let Some(local) = self.awaiting.take()
        {
            return self.open_from_new_port(transport, local);
        }
        match self.current(transport) {
            Some(index) => Some(index),
            None => {
                let local = match transport {
                    Transport::Tcp => self.default_local,
                    Transport::Udp => self.default_udp,
                };
                self.open_from_new_port(transport, local)
            }
        }
    }

    /// The host has taken a SYN between ends that had a connection before: what follows is about a new
    /// one, whose numbers begin anew.
    pub fn renew(&mut self, index: usize) -> Option<usize> {
        let old = self.list.get(index)?;
        let peer = old.asked_again?;
        let (transport, local, remote) = (old.transport, old.local, old.remote);
        let index = self.open(transport, local, remote)?;
        let flow = self.list.get_mut(index)?;
        flow.peer = peer;
        flow.peer_is_known = true;
        Some(index)
    }

    fn open_from_new_port(&mut self, transport: Transport, local: SocketAddr) -> Option<usize> {
        let remote = SocketAddr::new(self.remote_address, self.next_port);
        self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT);
        self.open(transport, local, remote)
    }

    /// The flow between these ports, made if there is none.
    pub fn between(
        &mut self,
        transport: Transport,
        local_port: u16,
        remote_port: u16,
    ) -> Option<usize> {
        let local = SocketAddr::new(self.default_local.ip(), local_port);
        let remote = SocketAddr::new(self.remote_address, remote_port);
        match self.find(transport, local, remote) {
            Some(index) => {
                self.choose(index);
                Some(index)
            }
            None => self.open(transport, local, remote),
        }
    }

    /// The flow between two ends, the newest first.
    pub fn find(
        &self,
        transport: Transport,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<usize> {
        self.list.iter().rposition(|flow| {
            flow.transport == transport && flow.local == local && flow.remote == remote
        })
    }

    /// The flow to `remote` whose host's end is not known yet.
    pub fn find_unfinished(&self, transport: Transport, remote: SocketAddr) -> Option<usize> {
        self.list.iter().rposition(|flow| {
            flow.transport == transport && flow.local.port() == 0 && flow.remote == remote
        })
    }

    /// The flow of a connection from `remote`, whatever the host's end.
    pub fn from_remote(&self, transport: Transport, remote: SocketAddr) -> Option<usize> {
        self.list
            .iter()
            .rposition(|flow| flow.transport == transport && flow.remote == remote)
    }
}

/// Whether a packet can begin a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Begins {
    /// A SYN without ACK.
    Connection,
    /// Everything else.
    Nothing,
}
