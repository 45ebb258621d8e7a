//! UDP there and back, from no octet to as many as a datagram holds; and a port where nobody is.
//!
//! The server echoes. A large datagram crosses in fragments, so this shows reassembly too.

use std::thread;
use std::time::Duration;

use sidestep::{Deadline, NetError as _};

use super::check::Unmet;
use super::pair::{CLOSED_PORT, Pair};
use crate::octets::Pattern;
use crate::serve::{Service, packets};

/// Nothing, one octet, nearly a packet, and the most that IPv4 takes (65,535 less two headers).
const SIZES: [usize; 4] = [0, 1, 1_400, 65_507];
/// How long one echo may take. The path loses nothing, so nothing is sent twice.
const TIME_MAX: Duration = Duration::from_secs(5);

/// Every size comes back as it went.
pub(super) fn echo(pair: &Pair) -> Result<String, Unmet> {
    let socket = pair
        .server
        .net
        .listen_packet(pair.family.udp(), &pair.server_at(0))?;
    let address = socket.local_addr().to_string();
    thread::scope(|scope| {
        let server = scope.spawn(|| packets(&socket, &Service::Echo));
        let outcome = ask_all(pair, &address);
        socket.close()?;
        let served = server
            .join()
            .map_err(|_| Unmet::found("a server", "a panic"))??;
        outcome?;
        if served != SIZES.len() as u64 {
            return Err(Unmet::found("4 datagrams", served));
        }
        Ok(format!("{SIZES:?} octets"))
    })
}

fn ask_all(pair: &Pair, address: &str) -> Result<(), Unmet> {
    let conn = pair.client.net.dial(pair.family.udp(), address)?;
    let mut room = vec![0; 65_536];
    for (seed, size) in (0..).zip(SIZES) {
        let question = Pattern::new(seed, size as u64).to_vec();
        conn.set_deadline(Deadline::from(TIME_MAX))?;
        conn.write(&question)?;
        let octets = conn.read(&mut room)?;
        if room.get(..octets) != Some(question.as_slice()) {
            return Err(Unmet::found(
                "what was sent",
                format_args!("{octets} octets for {size}"),
            ));
        }
    }
    conn.close()?;
    Ok(())
}

/// An ICMP error comes back and reaches the socket that it quotes.
pub(super) fn refused(pair: &Pair) -> Result<String, Unmet> {
    let address = pair.server_at(CLOSED_PORT);
    let conn = pair.client.net.dial(pair.family.udp(), &address)?;
    conn.set_deadline(Deadline::from(TIME_MAX))?;
    conn.write(b"anybody?")?;
    match conn.read(&mut [0; 16]) {
        Err(error) if error.errno() == Some(sidestep::Errno::ECONNREFUSED) => Ok(error.to_string()),
        Err(error) if error.timeout() => Err(Unmet::found("connection refused", "silence")),
        Err(error) => Err(Unmet::found("connection refused", error)),
        Ok(octets) => Err(Unmet::found(
            "connection refused",
            format_args!("{octets} octets"),
        )),
    }
}
