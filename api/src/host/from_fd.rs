//! What a descriptor from elsewhere is: of which network, with which ends.
//!
//! `from_fd.rs` of the crate makes connections of what is found here. The socket is told not to
//! block, which all who share it will notice; else it is left as it is.

use std::os::fd::OwnedFd;

use rustix::io::ioctl_fionbio;
use rustix::net::{AddressFamily, SocketType, getpeername, sockopt};
use sidestep_stack::wire::protocol::Protocol;

use super::datagram::HostSocket;
use super::end::Carries;
use super::listener::HostListener;
use super::options;
use super::raw::{self, HostRaw};
use super::socket::Socket;
use super::stream::HostStream;
use super::unix::{self, HostUnix, HostUnixListener};
use crate::address::{Families, Network, UnixKind};
use crate::error::{Cause, Errno, SysCall};

/// A socket that octets or messages can be exchanged with.
#[derive(Debug)]
pub(crate) enum Opened {
    Stream(HostStream),
    Datagram(HostSocket),
    Raw(HostRaw),
    Unix(HostUnix),
}

/// A socket that connections can be accepted from.
#[derive(Debug)]
pub(crate) enum OpenedListener {
    Stream(HostListener),
    Unix(HostUnixListener),
}

/// The socket behind `descriptor`.
pub(crate) fn open_descriptor(descriptor: OwnedFd) -> Result<Opened, Cause> {
    match network_of(&descriptor)? {
        network @ Network::TCP(_) => {
            let peer = options::peer(&descriptor);
            HostStream::open(Socket::new(descriptor), network, peer).map(Opened::Stream)
        }
        network @ Network::UDP(_) => {
            let peer = options::peer(&descriptor).map(options::udp_addr);
            let local = options::udp_addr(options::local(&descriptor)?);
            let socket = Socket::new(descriptor);
            let carries = Carries::Messages;
            Ok(Opened::Datagram(HostSocket::new(
                socket, network, carries, local, peer,
            )))
        }
        network @ Network::IP(..) => {
            let peer = options::peer(&descriptor).map(raw::ip_addr);
            raw::of_descriptor(descriptor, network, peer).map(Opened::Raw)
        }
        Network::Unix(kind) => {
            let peer = getpeername(&descriptor).ok().flatten();
            let peer = peer.map(|peer| unix::shown(kind, peer));
            unix::of_descriptor(descriptor, kind, peer).map(Opened::Unix)
        }
    }
}

/// The listener behind `descriptor`.
pub(crate) fn open_listener_descriptor(descriptor: OwnedFd) -> Result<OpenedListener, Cause> {
    match network_of(&descriptor)? {
        network @ Network::TCP(_) => {
            let local = options::tcp_addr(options::local(&descriptor)?);
            let socket = Socket::new(descriptor);
            Ok(OpenedListener::Stream(HostListener::new(
                socket, network, local,
            )))
        }
        Network::Unix(kind @ (UnixKind::Stream | UnixKind::Packet)) => {
            let local = unix::local_addr(kind, &descriptor)?;
            Ok(OpenedListener::Unix(HostUnixListener::new(
                local, descriptor, false,
            )))
        }
        Network::UDP(_) | Network::IP(..) | Network::Unix(UnixKind::Datagram) => {
            Err(Cause::Errno(Errno::EINVAL))
        }
    }
}

/// Of which network the socket is; it does not block from here on. As in Go, nothing says whether
/// it was opened for one family or for both.
fn network_of(descriptor: &OwnedFd) -> Result<Network, Cause> {
    let unknown = |error: rustix::io::Errno| Cause::sys(SysCall::GetSockOpt, error.into());
    let kind = sockopt::socket_type(descriptor).map_err(unknown)?;
    let family = sockopt::socket_domain(descriptor).map_err(unknown)?;
    let network = match (family, kind) {
        (AddressFamily::INET | AddressFamily::INET6, SocketType::STREAM) => {
            Network::TCP(Families::Both)
        }
        (AddressFamily::INET | AddressFamily::INET6, SocketType::DGRAM) => {
            Network::UDP(Families::Both)
        }
        (AddressFamily::INET | AddressFamily::INET6, SocketType::RAW) => {
            let protocol = sockopt::socket_protocol(descriptor).map_err(unknown)?;
            let number = protocol.map_or(0, |protocol| protocol.as_raw().get());
            let protocol = Protocol(u8::try_from(number).unwrap_or(u8::MAX));
            Network::IP(Families::Both, protocol)
        }
        (AddressFamily::UNIX, SocketType::STREAM) => Network::Unix(UnixKind::Stream),
        (AddressFamily::UNIX, SocketType::DGRAM) => Network::Unix(UnixKind::Datagram),
        (AddressFamily::UNIX, SocketType::SEQPACKET) => Network::Unix(UnixKind::Packet),
        _ => return Err(Cause::Errno(Errno::EPROTONOSUPPORT)),
    };
    ioctl_fionbio(descriptor, true)
        .map_err(|error| Cause::sys(SysCall::SetNonblock, error.into()))?;
    Ok(network)
}
