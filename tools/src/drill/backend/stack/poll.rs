//! `poll`: what each socket is ready for, as tcp_poll() and udp_poll() of Linux have it.
//!
//! A fork of the stack answers what a call would do, so that asking changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use sidestep_stack::{Call, Reply};

use super::socket::{Opening, Role, Socket, Stream};
use super::table::{Attempt, Door};
use crate::drill::backend::numbers::{
    POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLRDHUP, POLLRDNORM, POLLWRNORM,
};
use crate::drill::backend::{Fd, Outcome, PollEntry};

pub(super) fn poll(
    sockets: &BTreeMap<Fd, Socket>,
    door: &Door<'_>,
    entries: &[PollEntry],
    timeout_ms: i32,
) -> Attempt {
    let ready: Vec<i16> = entries
        .iter()
        .map(|entry| match sockets.get(&entry.fd) {
            None => POLLNVAL,
            // Trouble is always told.
            Some(socket) => readiness(socket, door) & (entry.events | POLLERR | POLLHUP),
        })
        .collect();
    let count = ready.iter().filter(|events| **events != 0).count();
    if count > 0 || timeout_ms == 0 {
        return Outcome {
            ready,
            ..Outcome::of(i64::try_from(count).unwrap_or(i64::MAX))
        }
        .into();
    }
    Attempt::Blocks {
        give_up_after: u64::try_from(timeout_ms).ok().map(Duration::from_millis),
    }
}

fn readiness(socket: &Socket, door: &Door<'_>) -> i16 {
    match &socket.role {
        Role::Fresh => POLLOUT | POLLWRNORM | POLLHUP,
        Role::Listener(listener) => match door.would(Call::Accept(*listener)) {
            Ok(Reply::Accepted(Some(_))) => POLLIN | POLLRDNORM,
            Ok(_) | Err(_) => 0,
        },
        Role::Stream(stream) => of_stream(stream, door),
        Role::Datagrams(datagrams) => {
            let mut events = POLLOUT | POLLWRNORM;
            match door.would(Call::ReceiveDatagram(datagrams.socket)) {
                Ok(Reply::Datagram(Some(_))) => events |= POLLIN | POLLRDNORM,
                Ok(_) => {}
                Err(_) => events |= POLLERR,
            }
            events
        }
    }
}

fn of_stream(stream: &Stream, door: &Door<'_>) -> i16 {
    let mut events = 0;
    if stream.error.is_some() {
        events |= POLLERR;
    }
    if stream.opening == Opening::UnderWay && !stream.is_over {
        return events;
    }
    let received = door.would(Call::Receive {
        connection: stream.connection,
        octets_max: 1,
    });
    let (has_text, is_at_end) = match &received {
        Ok(Reply::Received(received)) => (!received.slices.is_empty(), peer_is_done(stream, door)),
        Ok(_) | Err(_) => (false, true),
    };
    let reading_ends = is_at_end || stream.reading_is_shut || stream.is_over;
    let writing_ends = stream.writing_is_shut || stream.is_over;
    if has_text || reading_ends {
        events |= POLLIN | POLLRDNORM;
    }
    if reading_ends {
        events |= POLLRDHUP;
    }
    if reading_ends && writing_ends {
        events |= POLLHUP;
    }
    let has_room = matches!(
        door.would(Call::Send {
            connection: stream.connection,
            octets: Bytes::from_static(&[0]),
        }),
        Ok(Reply::Sent(1))
    );
    if has_room || writing_ends {
        events |= POLLOUT | POLLWRNORM;
    }
    events
}

/// True once the peer's FIN has arrived in order.
fn peer_is_done(stream: &Stream, door: &Door<'_>) -> bool {
    matches!(
        door.would(Call::Receive {
            connection: stream.connection,
            octets_max: usize::MAX,
        }),
        Ok(Reply::Received(received)) if received.end_of_stream
    )
}
