//! `connect`, `recv`, `send` and `shutdown` on a TCP socket, as Linux answers them.
//!
//! The table calls these with the socket that a descriptor means. They make calls of the stack, and
//! let no time pass.

use std::net::SocketAddr;

use bytes::Bytes;
use sidestep::error::Errno;
use sidestep_stack::call::{ConnectionOptions, OpenConnection, Received, Shutdown};
use sidestep_stack::{Call, Reply};

use super::socket::{Opening, Role, Socket, Stream};
use super::table::{Attempt, Door, Progress, waits};
use crate::drill::backend::numbers::{
    MSG_DONTWAIT, MSG_EOR, MSG_FASTOPEN, MSG_MORE, MSG_NOSIGNAL, MSG_OOB, MSG_PEEK, MSG_WAITALL,
};
use crate::drill::backend::{Outcome, SocketFamily};

/// So much text any send buffer takes.
const FIRST_TEXT_OCTETS_MAX: usize = 4_096;

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
        if socket.chosen.connect_fast {
            // One octet shows whether there is a cookie.
            match door.text_of_syn(open_fast(socket, address, Bytes::from_static(&[0]))) {
                Ok(0) => {}
                Ok(_) => {
                    socket.named = Some(address);
                    return Outcome::done().into();
                }
                Err(errno) => return errno.into(),
            }
        }
        let call = if socket.chosen.connect_fast {
            open_fast(socket, address, Bytes::new())
        } else {
            Call::OpenConnection(opening(socket, address))
        };
        if let Err(errno) = open(socket, door, call) {
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

fn opening(socket: &Socket, remote: SocketAddr) -> OpenConnection {
    let local = socket.local();
    OpenConnection {
        remote,
        local_address: local.address,
        local_port: local.port,
        options: socket.chosen.connection_options(),
    }
}

fn open_fast(socket: &Socket, remote: SocketAddr, text: Bytes) -> Call {
    Call::OpenFast {
        open: opening(socket, remote),
        text,
    }
}

fn open(socket: &mut Socket, door: &mut Door<'_>, call: Call) -> Result<(), Errno> {
    let reply = door.call(call)?;
    let Reply::Connection { connection, local } = reply else {
        return Err(Errno::EPROTO);
    };
    let stream = Stream::new(connection, local, Opening::UnderWay);
    socket.role = Role::Stream(stream);
    Ok(())
}

/// OPEN with text (RFC 7413): as much of it as the SYN takes, which is nothing without a cookie; then
/// `without_cookie` follows the handshake.
fn send_first(
    socket: &mut Socket,
    door: &mut Door<'_>,
    remote: SocketAddr,
    octets: &Bytes,
    without_cookie: Bytes,
) -> Result<usize, Errno> {
    let taken = door.text_of_syn(open_fast(socket, remote, octets.clone()))?;
    let text = match taken {
        0 => without_cookie,
        taken => octets.slice(..taken.min(octets.len())),
    };
    let call = open_fast(socket, remote, text);
    open(socket, door, call)?;
    Ok(taken)
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
    to: Option<SocketAddr>,
    progress: &mut Progress,
) -> Attempt {
    if flags & !(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR | MSG_MORE | MSG_FASTOPEN) != 0 {
        // The stack sends no urgent data.
        return Errno::EOPNOTSUPP.into();
    }
    let may_wait = waits(socket, flags);
    let give_up_after = socket.chosen.send_timeout;
    let dials = to.filter(|_| flags & MSG_FASTOPEN != 0).or(socket.named);
    if let (Role::Fresh, Some(remote)) = (&socket.role, dials) {
        let fits = octets.len() <= FIRST_TEXT_OCTETS_MAX;
        let without_cookie = match may_wait && fits {
            true => octets.clone(),
            false => Bytes::new(),
        };
        match send_first(socket, door, remote, octets, without_cookie) {
            Ok(0) if !may_wait => return Errno::EINPROGRESS.into(),
            // The stack has it all, and the caller waits for the handshake.
            Ok(0) if fits => {
                progress.sent = octets.len();
                progress.is_connecting = true;
            }
            Ok(taken) if taken == octets.len() || !may_wait => {
                return Outcome::of(i64::try_from(taken).unwrap_or(i64::MAX)).into();
            }
            Ok(taken) => {
                progress.sent = taken;
                progress.is_connecting = true;
            }
            Err(errno) => return errno.into(),
        }
    }
    let is_corked = socket.chosen.options.cork.unwrap_or(false);
    let Some(stream) = socket.stream_mut() else {
        return Errno::EPIPE.into();
    };
    let so_far = i64::try_from(progress.sent).unwrap_or(i64::MAX);
    if stream.error.is_some() || stream.is_over || stream.writing_is_shut {
        return match stream.error {
            _ if so_far > 0 && !progress.is_connecting => Outcome::of(so_far).into(),
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
    progress.is_connecting = false;
    let connection = stream.connection;
    let cork = |cork| Call::SetOptions {
        connection,
        options: ConnectionOptions {
            cork: Some(cork),
            ..ConnectionOptions::default()
        },
    };
    let more_follows = flags & MSG_MORE != 0;
    // What a call leaves for the next one waits, and goes with what that one sends.
    let was_held = std::mem::replace(&mut stream.more_follows, more_follows);
    if more_follows && !was_held && door.call(cork(true)).is_err() {
        return Errno::EPIPE.into();
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
    if was_held && !more_follows && door.call(cork(is_corked)).is_err() {
        return Errno::EPIPE.into();
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
