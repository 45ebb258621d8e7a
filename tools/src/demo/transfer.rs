//! 64 MiB over one TCP connection and 64 MiB back; the hashes say whether they arrived.
//!
//! The server sends first, the client answers with as much of another pattern. Both ends hash what
//! they receive and compare with what must have been sent; neither tells the other.

use std::thread;
use std::time::{Duration, Instant};

use sidestep::{AnyConn, Deadline, OpError};

use super::check::Unmet;
use super::pair::Pair;
use crate::octets::{Hash, Pattern};

/// What crosses each way.
const OCTETS: u64 = 64 * 1024 * 1024;
/// Octets that are read and written at a time.
const CHUNK_OCTETS: usize = 256 * 1024;
/// How long the whole exchange may take.
const TIME_MAX: Duration = Duration::from_secs(18);
/// The seeds of the two patterns.
const DOWN_SEED: u64 = 1;
const UP_SEED: u64 = 2;

/// The client fetches, then sends back.
pub(super) fn there_and_back(pair: &Pair) -> Result<String, Unmet> {
    let listener = pair
        .server
        .net
        .listen(pair.family.tcp(), &pair.server_at(0))?;
    let address = listener.addr().to_string();
    let deadline = Deadline::from(TIME_MAX);
    let began_at = Instant::now();

    thread::scope(|scope| {
        let server = scope.spawn(|| {
            let conn = listener.accept()?;
            conn.set_deadline(deadline)?;
            send(&conn, DOWN_SEED)?;
            let up = receive(&conn)?;
            // The client closes after its last octet: that is all there is.
            let more = conn.read(&mut [0])?;
            conn.close()?;
            Ok::<_, OpError>((up, more))
        });
        let client = || {
            let conn = pair
                .client
                .net
                .dial_timeout(pair.family.tcp(), &address, TIME_MAX)?;
            conn.set_deadline(deadline)?;
            let down = receive(&conn)?;
            send(&conn, UP_SEED)?;
            conn.close()?;
            Ok::<_, OpError>(down)
        };
        let down = client();
        if down.is_err() {
            // Nobody comes any more; do not let the server wait for its deadline.
            let _ = listener.close();
        }
        let outcome = server.join();
        let down = down?;
        let (up, more) = outcome.map_err(|_| Unmet::found("a server", "a panic"))??;
        if more != 0 {
            return Err(Unmet::found("end of stream", "more octets"));
        }
        compare("down", &down, DOWN_SEED)?;
        compare("up", &up, UP_SEED)?;
        Ok(detail(&down, began_at.elapsed()))
    })
}

fn detail(down: &Hash, time: Duration) -> String {
    let bits = OCTETS * 2 * 8;
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
    let hash = down.to_hex();
    format!(
        "{} MiB each way, {} Mbit/s, SHA-256 equal ({}…)",
        OCTETS >> 20,
        bits / micros,
        hash.get(..12).unwrap_or(&hash)
    )
}

fn send(conn: &AnyConn, seed: u64) -> Result<(), OpError> {
    let mut pattern = Pattern::new(seed, OCTETS);
    let mut room = vec![0; CHUNK_OCTETS];
    loop {
        let octets = pattern.fill(&mut room);
        if octets == 0 {
            return Ok(());
        }
        conn.write(room.get(..octets).unwrap_or_default())?;
    }
}

/// Reads as much as the other end sends; less if the stream ends before.
fn receive(conn: &AnyConn) -> Result<Hash, OpError> {
    let mut hash = Hash::default();
    let mut room = vec![0; CHUNK_OCTETS];
    while hash.octets() < OCTETS {
        let want = usize::try_from(OCTETS - hash.octets())
            .unwrap_or(usize::MAX)
            .min(room.len());
        let octets = conn.read(room.get_mut(..want).unwrap_or_default())?;
        if octets == 0 {
            break;
        }
        hash.update(room.get(..octets).unwrap_or_default());
    }
    Ok(hash)
}

fn compare(way: &str, received: &Hash, seed: u64) -> Result<(), Unmet> {
    if received.octets() != OCTETS {
        return Err(Unmet::found(
            "64 MiB",
            format_args!("{} octets {way}", received.octets()),
        ));
    }
    let mut sent = Hash::default();
    let mut pattern = Pattern::new(seed, OCTETS);
    let mut room = vec![0; CHUNK_OCTETS];
    loop {
        let octets = pattern.fill(&mut room);
        if octets == 0 {
            break;
        }
        sent.update(room.get(..octets).unwrap_or_default());
    }
    if received.to_hex() == sent.to_hex() {
        Ok(())
    } else {
        Err(Unmet::found(
            "equal hashes",
            format_args!("{} {way}, sent {}", received.to_hex(), sent.to_hex()),
        ))
    }
}
