//! Unix sockets of the host kernel: streams, datagrams and records (unix(7)).
//!
//! `unix.rs` of the crate makes `UnixConn` and `UnixListener` of them, on every `Net`. What they
//! share with other sockets is in `end.rs` and `listener.rs`; here are their names, descriptors as
//! ancillary data, and the file that a listener leaves behind.

#[cfg(feature = "async")]
mod poll;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno as Raw;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, RecvMsg, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrAny, SocketAddrUnix,
    SocketFlags, SocketType, bind, connect, getpeername, getsockname, recvfrom, recvmsg, sendmsg,
    sendmsg_addr, sendto, socket_with,
};

use super::end::{Carries, End};
use super::listener::{Listening, wait_for_connections};
use super::socket::{Socket, Way};
use crate::address::{NetAddr, Network, UnixAddr, UnixKind};
use crate::deadline::Deadline;
use crate::error::{Cause, Errno, Op, OpError, SysCall};

/// The octets of `sun_path`.
const PATH_OCTETS_MAX: usize = 108;

/// The most descriptors that the kernel passes with one message: `SCM_MAX_FD`.
const DESCRIPTORS_MAX: usize = 253;

/// A Unix socket that the kernel keeps.
pub type HostUnix = End<UnixAddr>;

/// A listener at a Unix socket. What it bound is removed from the file system when it is closed.
#[derive(Debug)]
pub struct HostUnixListener {
    listening: Listening<UnixAddr>,
    unlink_on_close: AtomicBool,
}

/// Connects to `remote`, from `local` if that is given and not empty. A datagram socket may do
/// without a peer if it has a `local`.
///
/// # Errors
///
/// With op `dial`: [`Cause::MissingAddress`], the deadline passed, or what the kernel says.
pub fn dial_unix(
    kind: UnixKind,
    local: Option<&UnixAddr>,
    remote: &UnixAddr,
    deadline: Deadline,
) -> Result<HostUnix, OpError> {
    dial_once(kind, local, remote, deadline).map_err(|cause| {
        OpError::new(Op::Dial, Network::Unix(kind).as_str(), cause)
            .with_source(local.cloned().map(NetAddr::Unix))
            .with_addr(NetAddr::Unix(remote.clone()))
    })
}

fn dial_once(
    kind: UnixKind,
    local: Option<&UnixAddr>,
    remote: &UnixAddr,
    deadline: Deadline,
) -> Result<HostUnix, Cause> {
    let local = local.filter(|local| !local.is_empty());
    let lonely = remote.is_empty();
    if lonely && (kind != UnixKind::Datagram || local.is_none()) {
        return Err(Cause::MissingAddress);
    }
    if deadline.has_passed() {
        return Err(Cause::Timeout);
    }
    let descriptor = open(kind)?;
    if let Some(local) = local {
        bind_to(&descriptor, local)?;
    }
    let mut peer = None;
    if !lonely {
        // It is never in progress: a listener has room, or the kernel says at once that it has not.
        kernel_name(&remote.name)
            .and_then(|name| connect(&descriptor, &name))
            .map_err(|error| Cause::sys(SysCall::Connect, error.into()))?;
        let named = getpeername(&descriptor).ok().flatten();
        let named = named.and_then(|address| unix_addr(kind, address));
        peer = Some(named.unwrap_or_else(|| remote.clone()));
    }
    of_descriptor(descriptor, kind, peer)
}

/// Listens at `local` for connections: of streams, or of records. An empty name lets the kernel
/// choose an abstract one.
///
/// # Errors
///
/// With op `listen`: what the kernel says.
pub fn listen_unix(
    kind: UnixKind,
    local: &UnixAddr,
    backlog: Option<usize>,
) -> Result<HostUnixListener, OpError> {
    let listen = || {
        let descriptor = open(kind)?;
        bind_to(&descriptor, local)?;
        wait_for_connections(&descriptor, backlog)?;
        Ok(HostUnixListener::new(
            local_addr(kind, &descriptor)?,
            descriptor,
            true,
        ))
    };
    listen().map_err(|cause| not_listening(kind, local, cause))
}

/// A socket of datagrams at `local` that exchanges them with everybody.
///
/// # Errors
///
/// With op `listen`: what the kernel says.
pub fn listen_unixgram(local: &UnixAddr) -> Result<HostUnix, OpError> {
    let kind = UnixKind::Datagram;
    let listen = || {
        let descriptor = open(kind)?;
        bind_to(&descriptor, local)?;
        of_descriptor(descriptor, kind, None)
    };
    listen().map_err(|cause| not_listening(kind, local, cause))
}

fn not_listening(kind: UnixKind, local: &UnixAddr, cause: Cause) -> OpError {
    OpError::new(Op::Listen, Network::Unix(kind).as_str(), cause)
        .with_addr(NetAddr::Unix(local.clone()))
}

fn open(kind: UnixKind) -> Result<OwnedFd, Cause> {
    let kind = match kind {
        UnixKind::Stream => SocketType::STREAM,
        UnixKind::Datagram => SocketType::DGRAM,
        UnixKind::Packet => SocketType::SEQPACKET,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::UNIX, kind, flags, None)
        .map_err(|error| Cause::sys(SysCall::Socket, error.into()))
}

fn bind_to(descriptor: impl AsFd, local: &UnixAddr) -> Result<(), Cause> {
    kernel_name(&local.name)
        .and_then(|name| bind(descriptor, &name))
        .map_err(|error| Cause::sys(SysCall::Bind, error.into()))
}

/// The socket behind `descriptor`, which does not block.
pub(super) fn of_descriptor(
    descriptor: OwnedFd,
    kind: UnixKind,
    peer: Option<UnixAddr>,
) -> Result<HostUnix, Cause> {
    let carries = match kind {
        UnixKind::Stream => Carries::Octets,
        UnixKind::Datagram | UnixKind::Packet => Carries::Messages,
    };
    let local = local_addr(kind, &descriptor)?;
    Ok(HostUnix::new(
        Socket::new(descriptor),
        Network::Unix(kind),
        carries,
        local,
        peer,
    ))
}

pub(super) fn local_addr(kind: UnixKind, descriptor: impl AsFd) -> Result<UnixAddr, Cause> {
    let address =
        getsockname(descriptor).map_err(|error| Cause::sys(SysCall::GetSockName, error.into()))?;
    Ok(shown(kind, address))
}

/// The name that the kernel gave, or what stands for none.
pub(super) fn shown(kind: UnixKind, address: SocketAddrAny) -> UnixAddr {
    unix_addr(kind, address).unwrap_or_else(|| unnamed(kind))
}

/// How Go shows a socket without a name.
fn unnamed(kind: UnixKind) -> UnixAddr {
    UnixAddr::new(kind, "@")
}

/// `name` for the kernel: `@` begins an abstract name, and no name asks for one.
///
/// Whatever cannot be a name is an invalid argument, as in Go.
fn kernel_name(name: &OsStr) -> rustix::io::Result<SocketAddrUnix> {
    match name.as_bytes() {
        [] => Ok(SocketAddrUnix::new_unnamed()),
        [b'@', rest @ ..] => SocketAddrUnix::new_abstract_name(rest).map_err(|_| Raw::INVAL),
        path if path.len() >= PATH_OCTETS_MAX => Err(Raw::INVAL),
        path => SocketAddrUnix::new(path),
    }
}

/// The name that the kernel gave; `None` for a socket that has none.
fn unix_addr(kind: UnixKind, address: SocketAddrAny) -> Option<UnixAddr> {
    let address = SocketAddrUnix::try_from(address).ok()?;
    let name = match (address.path_bytes(), address.abstract_name()) {
        // The kernel counts a NUL that ends a path or does not; none is part of it.
        (Some(path), _) => path.split(|octet| *octet == 0).next()?.to_vec(),
        (None, Some(name)) => [b"@", name].concat(),
        (None, None) => return None,
    };
    Some(UnixAddr::new(kind, OsString::from_vec(name)))
}

/// One message, or piece of a stream, with what came beside it.
#[derive(Debug)]
#[non_exhaustive]
pub struct UnixMsg {
    /// How many octets were copied into the buffer.
    pub n: usize,
    /// Who sent it; `None` from a socket that is not bound, and on a connection.
    pub from: Option<UnixAddr>,
    /// The descriptors that came with it (SCM_RIGHTS); programs that this one starts do not inherit
    /// them.
    #[doc(alias = "oob")]
    pub descriptors: Vec<OwnedFd>,
    /// True if the message was longer than the buffer; the rest is gone.
    #[doc(alias = "MSG_TRUNC")]
    pub truncated: bool,
    /// True if there were more descriptors than asked for; the kernel has closed the rest.
    #[doc(alias = "MSG_CTRUNC")]
    pub descriptors_truncated: bool,
}

impl HostUnix {
    /// The peer's end, if it has one; known after `close` as well.
    pub const fn remote_addr(&self) -> Option<&UnixAddr> {
        self.remote.as_ref()
    }

    const fn kind(&self) -> UnixKind {
        self.local.net
    }

    /// Receives octets or a message, and says from whom: `None` if the sender has no name.
    ///
    /// # Errors
    ///
    /// With op `read`.
    #[doc(alias = "ReadFromUnix")]
    pub fn read_from(&self, buffer: &mut [u8]) -> Result<(usize, Option<UnixAddr>), OpError> {
        let received = self.socket.perform(Way::In, SysCall::ReadFrom, |fd| {
            let (_, octets, from) = recvfrom(fd, &mut *buffer, RecvFlags::empty())?;
            Ok((octets, from))
        });
        let (octets, from) = received.map_err(|cause| self.failed(Op::Read, cause))?;
        Ok((
            octets,
            from.and_then(|address| unix_addr(self.kind(), address)),
        ))
    }

    /// Sends a message to `to`.
    ///
    /// # Errors
    ///
    /// With op `write`; [`Cause::WriteToConnected`] if there is a peer, `EAFNOSUPPORT` if `to` is
    /// of another kind.
    #[doc(alias = "WriteToUnix")]
    pub fn write_to(&self, octets: &[u8], to: &UnixAddr) -> Result<usize, OpError> {
        let write = || {
            let name = self.name_of(to)?;
            self.socket.perform(Way::Out, SysCall::WriteTo, |fd| {
                sendto(fd, octets, SendFlags::NOSIGNAL, &name)
            })
        };
        write().map_err(|cause| self.not_sent(to.clone(), cause))
    }

    /// As [`read_from`](Self::read_from), with up to `descriptors_max` descriptors.
    ///
    /// # Errors
    ///
    /// With op `read`.
    #[doc(alias = "ReadMsgUnix")]
    pub fn read_msg(&self, buffer: &mut [u8], descriptors_max: usize) -> Result<UnixMsg, OpError> {
        self.receive_msg(buffer, descriptors_max)
            .map_err(|cause| self.failed(Op::Read, cause))
    }

    fn receive_msg(&self, buffer: &mut [u8], descriptors_max: usize) -> Result<UnixMsg, Cause> {
        let room = rustix::cmsg_space!(ScmRights(descriptors_max.min(DESCRIPTORS_MAX)));
        let mut room = vec![MaybeUninit::uninit(); if descriptors_max == 0 { 0 } else { room }];
        // Descriptors on a stream travel with an octet: without room for one, none would come.
        let mut dummy = [0];
        let for_descriptors_only =
            buffer.is_empty() && descriptors_max > 0 && self.kind() != UnixKind::Datagram;
        self.socket.perform(Way::In, SysCall::RecvMsg, |fd| {
            let mut descriptors = RecvAncillaryBuffer::new(&mut room);
            let octets = if for_descriptors_only {
                &mut dummy
            } else {
                &mut *buffer
            };
            let received = recvmsg(
                fd,
                &mut [IoSliceMut::new(octets)],
                &mut descriptors,
                RecvFlags::CMSG_CLOEXEC,
            )?;
            let RecvMsg {
                bytes,
                flags,
                address,
            } = received;
            let mut taken = drain(&mut descriptors);
            // The room is rounded up, and the kernel uses all of it.
            let too_many = taken.len() > descriptors_max;
            taken.truncate(descriptors_max);
            Ok(UnixMsg {
                n: if for_descriptors_only { 0 } else { bytes },
                from: address.and_then(|address| unix_addr(self.kind(), address)),
                descriptors: taken,
                truncated: flags.contains(ReturnFlags::TRUNC),
                descriptors_truncated: too_many || flags.contains(ReturnFlags::CTRUNC),
            })
        })
    }

    /// Sends octets or a message in one call of the kernel, together with `descriptors`: to `to`, or
    /// to the peer. On a stream it may take less than all octets, and says how many.
    ///
    /// # Errors
    ///
    /// With op `write`; `EINVAL` for more than 253 descriptors, else as for
    /// [`write_to`](Self::write_to).
    #[doc(alias = "WriteMsgUnix")]
    pub fn write_msg(
        &self,
        octets: &[u8],
        descriptors: &[BorrowedFd<'_>],
        to: Option<&UnixAddr>,
    ) -> Result<usize, OpError> {
        self.send_msg(octets, descriptors, to)
            .map_err(|cause| match to {
                Some(to) => self.not_sent(to.clone(), cause),
                None => OpError::new(Op::Write, self.network().as_str(), cause)
                    .with_source(NetAddr::Unix(self.local.clone())),
            })
    }

    fn send_msg(
        &self,
        octets: &[u8],
        descriptors: &[BorrowedFd<'_>],
        to: Option<&UnixAddr>,
    ) -> Result<usize, Cause> {
        if self.kind() == UnixKind::Datagram && self.remote.is_some() && to.is_some() {
            return Err(Cause::WriteToConnected);
        }
        let name = match to {
            Some(to) => {
                self.check_kind(to)?;
                Some(
                    kernel_name(&to.name)
                        .map_err(|error| Cause::sys(SysCall::SendMsg, error.into()))?,
                )
            }
            None => None,
        };
        if descriptors.len() > DESCRIPTORS_MAX {
            return Err(Cause::sys(SysCall::SendMsg, Errno::EINVAL));
        }
        // As in `receive_msg`: descriptors alone would be sent with nothing, which is nothing.
        let descriptors_only =
            octets.is_empty() && !descriptors.is_empty() && self.kind() != UnixKind::Datagram;
        let slices = [IoSlice::new(if descriptors_only { &[0] } else { octets })];
        let rights = SendAncillaryMessage::ScmRights(descriptors);
        let mut room = vec![MaybeUninit::uninit(); rights.size()];
        let sent = self.socket.perform(Way::Out, SysCall::SendMsg, |fd| {
            let mut ancillary = SendAncillaryBuffer::new(&mut room);
            if !descriptors.is_empty()
                && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors))
            {
                return Err(Raw::INVAL);
            }
            match &name {
                Some(name) => sendmsg_addr(fd, name, &slices, &mut ancillary, SendFlags::NOSIGNAL),
                None => sendmsg(fd, &slices, &mut ancillary, SendFlags::NOSIGNAL),
            }
        })?;
        Ok(if descriptors_only { 0 } else { sent })
    }

    /// Where a datagram for `to` goes; nowhere from a socket that has a peer.
    fn name_of(&self, to: &UnixAddr) -> Result<SocketAddrUnix, Cause> {
        if self.remote.is_some() {
            return Err(Cause::WriteToConnected);
        }
        self.check_kind(to)?;
        kernel_name(&to.name).map_err(|error| Cause::sys(SysCall::WriteTo, error.into()))
    }

    fn check_kind(&self, to: &UnixAddr) -> Result<(), Cause> {
        if to.net == self.kind() {
            Ok(())
        } else {
            Err(Cause::Errno(Errno::EAFNOSUPPORT))
        }
    }
}

/// Takes the descriptors out of what the kernel wrote.
fn drain(ancillary: &mut RecvAncillaryBuffer<'_>) -> Vec<OwnedFd> {
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    descriptors
}

impl HostUnixListener {
    pub(super) fn new(local: UnixAddr, descriptor: OwnedFd, unlink_on_close: bool) -> Self {
        Self {
            listening: Listening::new(Socket::new(descriptor), Network::Unix(local.net), local),
            unlink_on_close: AtomicBool::new(unlink_on_close),
        }
    }

    /// What it shares with other listeners. To close it, use [`close`](Self::close), which removes
    /// the file.
    pub(crate) const fn listening(&self) -> &Listening<UnixAddr> {
        &self.listening
    }

    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// With op `accept`: the deadline passed, the listener was closed, or the process has no
    /// descriptor left.
    #[doc(alias = "AcceptUnix")]
    pub fn accept(&self) -> Result<HostUnix, OpError> {
        self.listening
            .accept_with(|descriptor, address| Some(self.connection(descriptor, address)))
    }

    fn connection(
        &self,
        descriptor: OwnedFd,
        address: Option<SocketAddrAny>,
    ) -> Result<HostUnix, Cause> {
        let kind = self.listening.addr().net;
        let peer = address.and_then(|address| unix_addr(kind, address));
        let peer = peer.unwrap_or_else(|| unnamed(kind));
        of_descriptor(descriptor, kind, Some(peer))
    }

    /// Whether `close` removes the file that `listen` made, which it does unless told otherwise.
    #[doc(alias = "SetUnlinkOnClose")]
    pub fn set_unlink_on_close(&self, unlink: bool) {
        self.unlink_on_close.store(unlink, Ordering::Relaxed);
    }

    /// Removes the file, and ends the listener; connections that were accepted live on.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn close(&self) -> Result<(), OpError> {
        let local = self.listening.addr();
        // Once only: the path may belong to somebody else by the second time.
        if self.unlink_on_close.swap(false, Ordering::Relaxed) && !local.is_abstract() {
            // Gone already is as good as removed, and Go does not ask either.
            let _ = fs::remove_file(&local.name);
        }
        self.listening.close()
    }
}

/// A listener that nobody can use any more leaves nothing behind.
impl Drop for HostUnixListener {
    fn drop(&mut self) {
        let _ = self.close();
    }
}
