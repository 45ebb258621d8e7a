//! What goes wrong goes wrong in the right way: each failure has its typed error.
//!
//! Refused (RFC 9293 §3.5.2), reset (§3.6.1, SHLD-3), no way there (RFC 1122 §3.3.1), a deadline.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sidestep::{AnyConn, Deadline, Errno, NetError as _, OpError};

use super::check::Unmet;
use super::pair::{CLOSED_PORT, Pair};

/// How long anything may take that should take no time.
const TIME_MAX: Duration = Duration::from_secs(5);
/// How long the read with a deadline waits.
const WAIT: Duration = Duration::from_millis(100);

/// Nobody listens there.
pub(super) fn refused(pair: &Pair) -> Result<String, Unmet> {
    let address = pair.server_at(CLOSED_PORT);
    let dialed = pair
        .client
        .net
        .dial_timeout(pair.family.tcp(), &address, TIME_MAX);
    fails_with(&[Errno::ECONNREFUSED], "connection refused", dialed)
}

/// No route leads there.
pub(super) fn unreachable(pair: &Pair) -> Result<String, Unmet> {
    let address = SocketAddr::new(pair.nowhere, 7).to_string();
    let dialed = pair
        .client
        .net
        .dial_timeout(pair.family.tcp(), &address, TIME_MAX);
    fails_with(
        &[Errno::ENETUNREACH, Errno::EHOSTUNREACH],
        "network or host unreachable",
        dialed,
    )
}

/// A read gives up when it was told to, and the stream lives on.
pub(super) fn deadline(pair: &Pair) -> Result<String, Unmet> {
    let (client, server) = connect(pair)?;
    client.set_read_deadline(Deadline::from(WAIT))?;
    let began_at = Instant::now();
    let error = match client.read(&mut [0]) {
        Err(error) => error,
        Ok(octets) => return Err(Unmet::found("i/o timeout", format_args!("{octets} octets"))),
    };
    let waited = began_at.elapsed();
    if !error.timeout() {
        return Err(Unmet::found("i/o timeout", error));
    }
    if waited < WAIT || waited > WAIT + Duration::from_secs(1) {
        return Err(Unmet::found(
            "100 ms",
            format_args!("{} ms", waited.as_millis()),
        ));
    }
    client.set_read_deadline(Deadline::from(TIME_MAX))?;
    server.write(b"!")?;
    let octets = client.read(&mut [0])?;
    if octets != 1 {
        return Err(Unmet::found("1 octet", octets));
    }
    Ok(format!("{error}, after {} ms", waited.as_millis()))
}

/// The server closes with an octet unread: the client sees a reset, and no end of stream.
pub(super) fn reset(pair: &Pair) -> Result<String, Unmet> {
    let (client, server) = connect(pair)?;
    client.write(b"ab")?;
    let mut room = [0];
    server.set_read_deadline(Deadline::from(TIME_MAX))?;
    server.read(&mut room)?;
    server.close()?;
    client.set_read_deadline(Deadline::from(TIME_MAX))?;
    match client.read(&mut room) {
        Err(error) if error.errno() == Some(Errno::ECONNRESET) => Ok(error.to_string()),
        Err(error) => Err(Unmet::found("connection reset by peer", error)),
        Ok(octets) => Err(Unmet::found(
            "connection reset by peer",
            format_args!("{octets} octets"),
        )),
    }
}

fn connect(pair: &Pair) -> Result<(AnyConn, AnyConn), OpError> {
    let listener = pair
        .server
        .net
        .listen(pair.family.tcp(), &pair.server_at(0))?;
    let address = listener.addr().to_string();
    // The stack completes the handshake before anybody accepts.
    let client = pair
        .client
        .net
        .dial_timeout(pair.family.tcp(), &address, TIME_MAX)?;
    let server = listener.accept()?;
    listener.close()?;
    Ok((client, server))
}

fn fails_with(
    wanted: &[Errno],
    expected: &'static str,
    dialed: Result<AnyConn, OpError>,
) -> Result<String, Unmet> {
    match dialed {
        Ok(_) => Err(Unmet::found(expected, "a connection")),
        Err(error) if error.errno().is_some_and(|errno| wanted.contains(&errno)) => {
            Ok(error.to_string())
        }
        Err(error) => Err(Unmet::found(expected, error)),
    }
}
