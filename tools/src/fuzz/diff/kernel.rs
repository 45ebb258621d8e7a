//! The kernel's side of the comparison: its sockets, and the other end of a TUN.
//!
//! A packet that is written to the TUN is processed before the write returns, so what the kernel has to
//! say at once can mostly be read at once; where our stack said something, it is waited for a moment. All of it is in the calling thread's network
//! namespace, whose settings are those under which both follow the same RFCs.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, accept_with, bind,
    connect, ipproto, listen, recv, send, shutdown, socket_with, sockopt,
};
use sidestep::device::tun::{TunDevice, TunError, TunOptions};
use sidestep::device::{Device, OutPacket};
use sidestep_stack::call::InterfaceAddress;
use sidestep_stack::wire::packet::Text;
use thiserror::Error;

use super::ours::wire;
use super::step::{Answer, Played, Stamp, Step, Turn};
use crate::fuzz::flow::{is_stream, stream};
use crate::fuzz::packets::{LISTEN_PORT, segment_of};
use crate::fuzz::rig::{Family, them, us};
use crate::fuzz::trace::Said;
use crate::packet::craft::{Segment, flags};

/// Packets read at once.
const BATCH_MAX: usize = 64;
/// The peer's ports, used in turn: an old connection is long gone when its port comes again.
const PORTS: std::ops::Range<u16> = 10_000..60_000;
/// Packets that may wait for us.
const TX_QUEUE_PACKETS: u32 = 4_096;
/// How long the kernel may take to say what our stack says at once.
const PATIENCE: Duration = Duration::from_millis(3);
/// Octets that are read in one call.
const READ_OCTETS_MAX: usize = 65_536;

/// Settings of the namespace: what the kernel does beyond the RFCs that we follow is off, and no answer
/// is held back by a limit. Those that an older kernel does not have are left out.
const SETTINGS: [(&str, &str); 20] = [
    ("net/ipv4/tcp_invalid_ratelimit", "0"),
    ("net/ipv4/tcp_challenge_ack_limit", "2147483647"),
    ("net/ipv4/tcp_ecn", "0"),
    ("net/ipv4/tcp_fastopen", "0"),
    ("net/ipv4/tcp_recovery", "0"),
    ("net/ipv4/tcp_early_retrans", "0"),
    ("net/ipv4/tcp_frto", "0"),
    ("net/ipv4/tcp_no_metrics_save", "1"),
    ("net/ipv4/tcp_autocorking", "0"),
    ("net/ipv4/tcp_comp_sack_nr", "0"),
    ("net/ipv4/tcp_rfc1337", "1"),
    ("net/ipv4/tcp_syncookies", "0"),
    ("net/ipv4/tcp_moderate_rcvbuf", "0"),
    ("net/ipv4/tcp_max_syn_backlog", "60000"),
    ("net/core/somaxconn", "60000"),
    ("net/ipv4/tcp_congestion_control", "reno"),
    ("net/ipv4/tcp_max_tw_buckets", "200000"),
    ("net/ipv4/tcp_abort_on_overflow", "0"),
    ("net/ipv4/icmp_ratelimit", "0"),
    ("net/ipv6/conf/all/accept_dad", "0"),
];

/// Why the kernel cannot be asked.
#[derive(Debug, Error)]
pub enum KernelError {
    /// No TUN.
    #[error(transparent)]
    Tun(#[from] TunError),
    /// Reading or writing the TUN failed.
    #[error("the TUN: {0}")]
    Device(#[from] io::Error),
    /// A socket could not be made or set up.
    #[error("sockets of the kernel: {0}")]
    Socket(#[from] Errno),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Kernel {
    tun: TunDevice,
    listeners: [OwnedFd; 2],
    next_port: u16,
}

/// A sequence that is being played.
struct Run<'a> {
    kernel: &'a mut Kernel,
    family: Family,
    local: SocketAddr,
    remote: SocketAddr,
    socket: Option<OwnedFd>,
    opens: bool,
    irs: u32,
    iss: Option<u32>,
    echo: u32,
    written: usize,
    read: usize,
    intact: bool,
    closed: bool,
}

impl Kernel {
    /// A TUN with the kernel's addresses, and a listener of each family.
    pub(crate) fn new() -> Result<Self, KernelError> {
        for (file, value) in SETTINGS {
            // See the table: where it is missing there is nothing to switch off.
            let _ = fs::write(format!("/proc/sys/{file}"), value);
        }
        let tun = TunDevice::open(&TunOptions {
            peer_addresses: [(Family::V4, 24), (Family::V6, 64)]
                .into_iter()
                .map(|(family, prefix_bits)| InterfaceAddress {
                    address: us(family),
                    prefix_bits,
                })
                .collect(),
            tx_queue_packets: Some(TX_QUEUE_PACKETS),
            ..TunOptions::new("diff0")
        })?;
        let listeners = [listener(Family::V4)?, listener(Family::V6)?];
        Ok(Self {
            tun,
            listeners,
            next_port: PORTS.start,
        })
    }

    /// Plays to the kernel what was played to our stack.
    pub(crate) fn play(&mut self, ours: &Played) -> Result<Played, KernelError> {
        self.drain()?;
        let port = self.next_port;
        self.next_port = if port + 1 < PORTS.end {
            port + 1
        } else {
            PORTS.start
        };
        let family = ours.family;
        let mut run = Run {
            kernel: self,
            family,
            local: (us(family), LISTEN_PORT).into(),
            remote: (them(family), port).into(),
            socket: None,
            opens: ours.opens,
            irs: ours.irs,
            iss: None,
            echo: 0,
            written: 0,
            read: 0,
            intact: true,
            closed: false,
        };
        let mut turns = Vec::new();
        for turn in &ours.turns {
            turns.push(run.take(turn)?);
        }
        let (delivered, intact) = (run.read, run.intact);
        run.end()?;
        Ok(Played {
            family,
            irs: ours.irs,
            opens: ours.opens,
            turns,
            delivered,
            intact,
        })
    }

    /// Packets that have left.
    fn receive(&mut self) -> Result<Vec<Segment>, KernelError> {
        let mut segments = Vec::new();
        loop {
            let mut batch = Vec::new();
            self.tun.receive(&mut batch, BATCH_MAX)?;
            let is_all = batch.len() < BATCH_MAX;
            segments.extend(batch.iter().filter_map(|packet| segment_of(&packet.octets)));
            if is_all {
                return Ok(segments);
            }
        }
    }

    /// Until something has left, or [`PATIENCE`] is over.
    fn wait(&self) -> Result<(), KernelError> {
        let patience = Timespec::try_from(PATIENCE).unwrap_or_default();
        let descriptor = self.tun.descriptor();
        poll(
            &mut [PollFd::new(&descriptor, PollFlags::IN)],
            Some(&patience),
        )?;
        Ok(())
    }

    fn drain(&mut self) -> Result<(), KernelError> {
        self.receive().map(drop)
    }

    fn transmit(&mut self, packet: Vec<u8>) -> Result<(), KernelError> {
        let mut batch = VecDeque::from([OutPacket {
            text: Text::from(Bytes::from(packet)),
            ..OutPacket::default()
        }]);
        Ok(self.tun.transmit(&mut batch)?)
    }

    const fn listener(&self, family: Family) -> &OwnedFd {
        &self.listeners[family as usize]
    }
}

fn new_socket(family: Family) -> Result<OwnedFd, Errno> {
    let domain = match family {
        Family::V4 => AddressFamily::INET,
        Family::V6 => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(domain, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    Ok(socket)
}

fn listener(family: Family) -> Result<OwnedFd, Errno> {
    let socket = new_socket(family)?;
    bind(&socket, &SocketAddr::new(us(family), LISTEN_PORT))?;
    listen(&socket, 50_000)?;
    Ok(socket)
}

impl Run<'_> {
    fn take(&mut self, turn: &Turn) -> Result<Turn, KernelError> {
        let (wire, answer) = match &turn.step {
            Step::Segment(inbound) => {
                let (ends, iss) = ((self.local, self.remote), self.iss.unwrap_or(0));
                let wire = wire(inbound, ends, self.irs, iss, self.echo);
                self.kernel.transmit(wire.packet())?;
                (Some(wire), Answer::None)
            }
            // What our application did not do, theirs does not either.
            Step::Call(_) if turn.answer == Answer::None => (None, Answer::None),
            Step::Call(said) => (None, self.call(*said)?),
        };
        let mut out = self.out()?;
        if out.is_empty() && !turn.out.is_empty() {
            // Now and then the kernel leaves what it would do at once to another thread of its own.
            self.kernel.wait()?;
            out = self.out()?;
        }
        Ok(Turn {
            step: turn.step.clone(),
            at: turn.at,
            wire,
            out,
            answer,
            iss: self.iss,
            irs: self.irs,
            state: turn.state,
        })
    }

    /// What has left for our peer.
    fn out(&mut self) -> Result<Vec<Segment>, KernelError> {
        let mut out = Vec::new();
        for segment in self.kernel.receive()? {
            if segment.destination_port != self.remote.port()
                || segment.ip.destination != self.remote.ip()
            {
                continue;
            }
            if segment.flags & flags::SYN != 0 {
                self.iss = Some(segment.seq);
                self.local.set_port(segment.source_port);
            }
            if let Some((value, _)) = segment.stamps() {
                self.echo = value;
            }
            out.push(segment);
        }
        Ok(out)
    }

    fn call(&mut self, said: Said) -> Result<Answer, KernelError> {
        Ok(match said {
            Said::Listen => Answer::Octets(0),
            Said::Open => {
                let socket = new_socket(self.family)?;
                let answer = match connect(&socket, &self.remote) {
                    Ok(()) | Err(Errno::INPROGRESS) => Answer::Octets(0),
                    Err(_) => Answer::Refused,
                };
                self.socket = Some(socket);
                answer
            }
            Said::Accept if self.socket.is_some() || self.closed || self.opens => Answer::None,
            Said::Accept => self.accept(),
            _ => self.socket_call(said),
        })
    }

    fn accept(&mut self) -> Answer {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        match accept_with(self.kernel.listener(self.family), flags) {
            Ok(socket) => {
                // Nagle's algorithm is off on the listener, and so it is here.
                self.socket = Some(socket);
                Answer::Octets(0)
            }
            Err(Errno::AGAIN) => Answer::Blocks,
            Err(_) => Answer::Refused,
        }
    }

    fn socket_call(&mut self, said: Said) -> Answer {
        let Some(socket) = &self.socket else {
            return Answer::None;
        };
        let done = match said {
            Said::Send(octets) => {
                let text = stream(self.written as u32, octets);
                let sent = send(socket, &text, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
                if let Ok(sent) = sent {
                    self.written += sent;
                }
                sent
            }
            Said::Receive(octets) => return self.receive(octets),
            Said::ShutdownWrite => shutdown(socket, Shutdown::Write).map(|()| 0),
            Said::Close => {
                self.socket = None;
                self.closed = true;
                Ok(0)
            }
            Said::Abort => {
                let lingers = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
                self.socket = None;
                self.closed = true;
                lingers.map(|()| 0)
            }
            Said::Listen | Said::Accept | Said::Open | Said::ShutdownRead => {
                return Answer::None;
            }
        };
        match done {
            Ok(octets) => Answer::Octets(octets),
            Err(Errno::AGAIN) => Answer::Blocks,
            Err(_) => Answer::Refused,
        }
    }

    fn receive(&mut self, octets_max: usize) -> Answer {
        let Some(socket) = &self.socket else {
            return Answer::None;
        };
        let mut room = vec![0; octets_max.min(READ_OCTETS_MAX)];
        match recv(socket, &mut room[..], RecvFlags::DONTWAIT) {
            Ok((octets, _)) => {
                self.intact &= is_stream(self.read as u32, &room[..octets]);
                self.read += octets;
                Answer::Octets(octets)
            }
            Err(Errno::AGAIN) => Answer::Blocks,
            Err(_) => Answer::Refused,
        }
    }

    /// Nothing of this sequence stays behind but TIME-WAIT.
    fn end(mut self) -> Result<(), KernelError> {
        self.abort();
        if !self.opens {
            // Half open, or established and not accepted, or opened anew after its end.
            let mut reset = super::step::Inbound {
                flags: flags::RST,
                seq: 1,
                ack: 0,
                window: 0,
                octets: 0,
                stamp: Stamp::None,
                options: Vec::new(),
                sack: Vec::new(),
            };
            reset.seq = 1;
            let wire = wire(&reset, (self.local, self.remote), self.irs, 0, 0);
            self.kernel.transmit(wire.packet())?;
            while let Answer::Octets(_) = self.accept() {
                self.abort();
            }
        }
        self.kernel.drain()
    }

    fn abort(&mut self) {
        if let Some(socket) = self.socket.take() {
            let _ = sockopt::set_socket_linger(&socket, Some(Duration::ZERO));
        }
    }
}
