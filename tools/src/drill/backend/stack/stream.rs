//! `connect`, `recv`, `send` and `shutdown` on a TCP socket, as Linux answers them.
//!
//! The table calls these with the socket that a descriptor means. They make calls of the stack, and
//! let no time pass.

use std::net::SocketAddr;

use bytes::Bytes;
use sidestep::error::Errno;
use sidestep_stack::call::{OpenConnection, Received, Shutdown};
use sidestep_stack::{Call, Reply};

use super::socket::{Opening, Role, Socket, Stream};
use super::table::{Attempt, Door, Progress, waits};
use crate::drill::backend::numbers::{
    MSG_DONTWAIT, MSG_EOR, MSG_NOSIGNAL, MSG_OOB, MSG_PEEK, MSG_WAITALL,
};
use crate::drill::backend::{Outcome, SocketFamily};

/// OPEN (RFC 9293 §3.10.1) by `connect`.
pub(super) fn connect(
    socket: &mut Socket,
    door: &mut Door<'_>,
    address: SocketAddr,
    progress: &mut Progress,
) -> Attempt {
    if matches!(socket.role, Role::Fresh) {
        if address.is_ipv4() != (socket.family == SocketFamily::V4) {
            return Errno::EAFNOSUPPORT.into();
        }
        if let Err(errno) = open(socket, door, address) {
            return errno.into();
        }
        if !waits(socket, 0) {
            return Errno::EINPROGRESS.into();
        }
        progress.is_connecting = true;
    }
    let may_wait = waits(socket, 0);
    let give_up_after = socket.chosen.send_timeout;
    let Some(stream) = socket.stream_mut() else {
        return Errno::EISCONN.into();
    };
    if let Some(errno) = stream.error.take() {
        return errno.into();
    }
    match stream.opening {
        _ if stream.is_over => Errno::ECONNABORTED.into(),
        Opening::UnderWay if may_wait => {
            progress.is_connecting = true;
            Attempt::Blocks { give_up_after }
        }
        Opening::UnderWay => Errno::EALREADY.into(),
        Opening::Done => {
            stream.opening = Opening::Told;
            Outcome::done().into()
        }
        Opening::Told => Errno::EISCONN.into(),
    }
}

fn open(socket: &mut Socket, door: &mut Door<'_>, remote: SocketAddr) -> Result<(), Errno> {
    let local = socket.local();
    let reply = door.call(Call::OpenConnection(OpenConnection {
        remote,
        local_address: local.address,
        local_port: local.port,
        options: socket.chosen.connection_options(),
    }))?;
    let Reply::Connection { connection, local } = reply else {
        return Err(Errno::EPROTO);
    };
    let stream = Stream::new(connection, local, Opening::UnderWay);
    socket.role = Role::Stream(stream);
    Ok(())
}

/// RECEIVE (§3.10.3).
pub(super) fn receive(
    socket: &mut Socket,
    door: &mut Door<'_>,
    octets_max: usize,
    flags: i32,
    progress: &mut Progress,
) -> Attempt {
    if flags & MSG_OOB != 0 {
        // Urgent data is in line, always (RFC 9293 §3.8.5): SO_OOBINLINE of Linux.
        return Errno::EINVAL.into();
    }
    let may_wait = waits(socket, flags);
    let give_up_after = socket.chosen.receive_timeout;
    let Some(stream) = socket.stream_mut() else {
        return Errno::ENOTCONN.into();
    };
    let call = Call::Receive {
        connection: stream.connection,
        octets_max: octets_max.saturating_sub(progress.received.len()),
    };
    let reply = match flags & MSG_PEEK {
        0 => door.call(call),
        _ => door.would(call),
    };
    let found = match reply {
        Ok(Reply::Received(received)) => received,
        // The record of the connection is gone.
        Ok(_) | Err(_) => Received {
            slices: Vec::new(),
            end_of_stream: stream.error.is_none(),
        },
    };
    let already = progress.received.len();
    for slice in &found.slices {
        progress.received.extend_from_slice(slice);
    }
    let got = progress.received.len();
    let wants_all = flags & MSG_WAITALL != 0 && got < octets_max;
    if got > 0 && (!wants_all || !may_wait) || octets_max == 0 {
        return Outcome::received(std::mem::take(&mut progress.received)).into();
    }
    let over = found.end_of_stream || stream.reading_is_shut || stream.is_over;
    if got > 0 && (over || stream.error.is_some()) && got == already {
        return Outcome::received(std::mem::take(&mut progress.received)).into();
    }
    match stream.error.take() {
        Some(errno) => errno.into(),
        None if over && got == 0 => Outcome::done().into(),
        None if may_wait => Attempt::Blocks { give_up_after },
        None => Errno::EAGAIN.into(),
    }
}

/// SEND (§3.10.2).
pub(super) fn send(
    socket: &mut Socket,
    door: &mut Door<'_>,
    octets: &Bytes,
    flags: i32,
    progress: &mut Progress,
) -> Attempt {
    if flags & !(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR) != 0 {
        // The stack sends no urgent data, opens by no data, and holds nothing back for more.
        return Errno::EOPNOTSUPP.into();
    }
    let may_wait = waits(socket, flags);
    let give_up_after = socket.chosen.send_timeout;
    let Some(stream) = socket.stream_mut() else {
        return Errno::EPIPE.into();
    };
    let so_far = i64::try_from(progress.sent).unwrap_or(i64::MAX);
    if stream.error.is_some() || stream.is_over || stream.writing_is_shut {
        return match stream.error {
            _ if so_far > 0 => Outcome::of(so_far).into(),
            Some(errno) => {
                stream.error = None;
                errno.into()
            }
            None => Errno::EPIPE.into(),
        };
    }
    let wait = || match may_wait {
        true => Attempt::Blocks { give_up_after },
        false if so_far > 0 => Outcome::of(so_far).into(),
        false => Errno::EAGAIN.into(),
    };
    // The stack would queue it; Linux does not before the handshake is over.
    if stream.opening == Opening::UnderWay {
        return wait();
    }
    let rest = octets.slice(progress.sent.min(octets.len())..);
    let call = Call::Send {
        connection: stream.connection,
        octets: rest,
    };
    match door.call(call) {
        Ok(Reply::Sent(taken)) => progress.sent += taken,
        Ok(_) => return Errno::EPROTO.into(),
        Err(_) => return Errno::EPIPE.into(),
    }
    let sent = i64::try_from(progress.sent).unwrap_or(i64::MAX);
    if progress.sent == octets.len() {
        return Outcome::of(sent).into();
    }
    match may_wait {
        true => Attempt::Blocks { give_up_after },
        false if sent > 0 => Outcome::of(sent).into(),
        false => Errno::EAGAIN.into(),
    }
}

/// CLOSE of one direction (§3.10.4), or of both.
pub(super) fn shutdown(socket: &mut Socket, door: &mut Door<'_>, how: i32) -> Outcome {
    let directions: &[Shutdown] = match how {
        0 => &[Shutdown::Read],
        1 => &[Shutdown::Write],
        2 => &[Shutdown::Write, Shutdown::Read],
        _ => return Errno::EINVAL.into(),
    };
    let Some(stream) = socket.stream_mut() else {
        return Errno::ENOTCONN.into();
    };
    if stream.is_over {
        return Errno::ENOTCONN.into();
    }
    for direction in directions {
        let call = Call::Shutdown {
            connection: stream.connection,
            direction: *direction,
        };
        if let Err(errno) = door.call(call) {
            return errno.into();
        }
        match direction {
            Shutdown::Read => stream.reading_is_shut = true,
            Shutdown::Write => stream.writing_is_shut = true,
        }
    }
    Outcome::done()
}
