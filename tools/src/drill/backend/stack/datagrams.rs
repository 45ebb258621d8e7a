//! Sockets of UDP as Linux has them: bound, connected, and what waits at them.
//!
//! The table calls these with the socket that a descriptor means. They make calls of the stack, and
//! let no time pass.

use std::net::SocketAddr;

use bytes::Bytes;
use sidestep::error::Errno;
use sidestep_stack::call::{OpenSocket, SendDatagram};
use sidestep_stack::{Call, Reply};

use super::socket::{Datagrams, Role, Socket};
use super::table::{Attempt, Door, waits};
use crate::drill::backend::Outcome;

/// Opens the UDP socket, or opens it again with a peer.
pub(super) fn open(
    socket: &mut Socket,
    door: &mut Door<'_>,
    remote: Option<SocketAddr>,
) -> Outcome {
    let mut local = socket.local();
    if let Role::Datagrams(old) = &socket.role {
        local.port = old.local.port();
        let _ = door.call(Call::CloseSocket(old.socket));
        socket.role = Role::Fresh;
    }
    let call = Call::OpenSocket(OpenSocket {
        local,
        remote,
        reuse_port: socket.chosen.reuse_port,
    });
    match door.call(call) {
        Ok(Reply::Socket { socket: id, local }) => {
            socket.role = Role::Datagrams(Datagrams {
                socket: id,
                local,
                remote,
                waiting: 0,
            });
            Outcome::done()
        }
        Ok(_) => Errno::EPROTO.into(),
        Err(errno) => errno.into(),
    }
}

pub(super) fn send(
    socket: &Socket,
    door: &mut Door<'_>,
    octets: Bytes,
    to: Option<SocketAddr>,
) -> Outcome {
    let Role::Datagrams(datagrams) = &socket.role else {
        return Errno::EDESTADDRREQ.into();
    };
    let count = octets.len();
    // On a connected socket, Linux takes its own peer's address too.
    let remote = to.filter(|to| Some(*to) != datagrams.remote);
    let call = Call::SendDatagram {
        socket: datagrams.socket,
        datagram: SendDatagram {
            remote,
            octets,
            ..SendDatagram::default()
        },
    };
    match door.call(call) {
        Ok(_) => Outcome::of(i64::try_from(count).unwrap_or(i64::MAX)),
        Err(errno) => errno.into(),
    }
}

pub(super) fn receive(
    socket: &mut Socket,
    door: &mut Door<'_>,
    octets_max: usize,
    flags: i32,
) -> Attempt {
    let may_wait = waits(socket, flags);
    let give_up_after = socket.chosen.receive_timeout;
    let Role::Datagrams(datagrams) = &mut socket.role else {
        return match may_wait {
            true => Attempt::Blocks { give_up_after },
            false => Errno::EAGAIN.into(),
        };
    };
    match door.call(Call::ReceiveDatagram(datagrams.socket)) {
        Ok(Reply::Datagram(Some(datagram))) => {
            datagrams.waiting = datagrams.waiting.saturating_sub(1);
            let mut octets = datagram.octets.to_vec();
            octets.truncate(octets_max);
            Outcome {
                address: Some(datagram.remote),
                ..Outcome::received(octets)
            }
            .into()
        }
        Ok(_) if may_wait => Attempt::Blocks { give_up_after },
        Ok(_) => Errno::EAGAIN.into(),
        Err(errno) => errno.into(),
    }
}
