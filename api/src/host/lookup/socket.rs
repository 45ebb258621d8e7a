//! The kernel sockets of queries: made, written, read, never waited for.
//!
//! `engine.rs` waits for all of them together. Each datagram has a socket of its own, so the kernel
//! draws its port (RFC 5452 §9.2); it is connected, so that it hears of errors and of nobody else.
//! Queries over TCP share the connection to their server.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::{Buf as _, Bytes};
use rustix::event::PollFlags;
use rustix::io::Errno as Raw;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, getsockname, recv, send,
    socket_with, sockopt,
};
use sidestep_stack::ip::source_address::{self, Candidate, PolicyTable};

/// Any port: a datagram socket is connected to it and sends nothing (the port of discard).
const ANY_PORT: u16 = 9;

/// Octets of an IPv6 address that rule 9 compares: the network's, as in Go.
const V6_NETWORK_BITS: u8 = 64;

/// What came of reading.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Got {
    /// So many octets.
    Octets(usize),
    /// Nothing more for now.
    Nothing,
    /// The socket is of no more use: an error, or the end of the stream.
    End,
}

/// The socket of one query, or the connection of several.
#[derive(Debug)]
pub(super) enum Socket {
    Datagram(OwnedFd),
    Stream {
        descriptor: OwnedFd,
        /// What the kernel has not taken yet, all of it while the connection is being opened.
        unsent: Bytes,
    },
}

impl Socket {
    /// Sends `query` as a datagram.
    pub(super) fn datagram(server: SocketAddr, query: &[u8]) -> rustix::io::Result<Self> {
        let descriptor = connected(server, SocketType::DGRAM)?;
        rustix::io::retry_on_intr(|| send(&descriptor, query, SendFlags::NOSIGNAL))?;
        Ok(Self::Datagram(descriptor))
    }

    /// Begins to open a connection for `query`.
    pub(super) fn stream(server: SocketAddr, query: Bytes) -> rustix::io::Result<Self> {
        let descriptor = connected(server, SocketType::STREAM)?;
        // The query is short: it must not wait for more.
        sockopt::set_tcp_nodelay(&descriptor, true)?;
        Ok(Self::Stream {
            descriptor,
            unsent: query,
        })
    }

    /// Sends one more query on a stream that carries others (RFC 7766 §6.2.1.1).
    pub(super) fn send_more(&mut self, query: &[u8]) -> rustix::io::Result<()> {
        match self {
            Self::Datagram(descriptor) => {
                rustix::io::retry_on_intr(|| send(&*descriptor, query, SendFlags::NOSIGNAL))?;
                Ok(())
            }
            Self::Stream { unsent, .. } => {
                *unsent = [&unsent[..], query].concat().into();
                self.flush()
            }
        }
    }

    /// What to wait for.
    pub(super) fn interest(&self) -> PollFlags {
        match self {
            Self::Stream { unsent, .. } if !unsent.is_empty() => PollFlags::IN | PollFlags::OUT,
            Self::Datagram(_) | Self::Stream { .. } => PollFlags::IN,
        }
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Datagram(descriptor) | Self::Stream { descriptor, .. } => descriptor.as_fd(),
        }
    }

    /// Sends what is left of a stream's queries.
    pub(super) fn flush(&mut self) -> rustix::io::Result<()> {
        let Self::Stream { descriptor, unsent } = self else {
            return Ok(());
        };
        while !unsent.is_empty() {
            match send(&*descriptor, unsent, SendFlags::NOSIGNAL) {
                Ok(octets) => unsent.advance(octets),
                // NOTCONN: the handshake goes on, and poll will tell of its end.
                Err(Raw::AGAIN | Raw::NOTCONN) => return Ok(()),
                Err(Raw::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there into `room`.
    pub(super) fn read(&self, room: &mut [u8]) -> Got {
        let received =
            rustix::io::retry_on_intr(|| recv(self.descriptor(), &mut *room, RecvFlags::empty()));
        match (received, self) {
            (Ok((0, _)), Self::Stream { .. }) => Got::End,
            (Ok((octets, _)), _) => Got::Octets(octets),
            (Err(Raw::AGAIN | Raw::NOTCONN), _) => Got::Nothing,
            (Err(_), _) => Got::End,
        }
    }
}

fn connected(server: SocketAddr, kind: SocketType) -> rustix::io::Result<OwnedFd> {
    let family = match server {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let descriptor = socket_with(family, kind, flags, None)?;
    match connect(&descriptor, &server) {
        Ok(()) | Err(Raw::INPROGRESS | Raw::INTR) => Ok(descriptor),
        Err(error) => Err(error),
    }
}

/// Sorts by RFC 6724 §6. Source(D) is what the kernel would send from: a datagram socket is
/// connected there, as Go does it, and nothing is sent.
pub(crate) fn sort_destinations(destinations: &mut [IpAddr]) {
    if destinations.len() < 2 {
        return;
    }
    let policies = PolicyTable::default();
    source_address::sort_destinations(&policies, destinations, source_of);
}

fn source_of(destination: IpAddr) -> Option<Candidate> {
    let probe = connected(SocketAddr::new(destination, ANY_PORT), SocketType::DGRAM).ok()?;
    let source = SocketAddr::try_from(getsockname(&probe).ok()?).ok()?.ip();
    let prefix_bits = match source {
        // Rule 9 does more harm than good for IPv4 behind translators; Go leaves it out too.
        IpAddr::V4(_) => 0,
        IpAddr::V6(_) => V6_NETWORK_BITS,
    };
    Candidate::new(source, prefix_bits)
}
