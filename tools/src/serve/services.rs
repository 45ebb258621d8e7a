//! What a server does with one connection: RFC 862, RFC 863, RFC 864, or HTTP.
//!
//! `server.rs` calls [`Service::run`] on the connection's own thread; UDP has one loop for all
//! peers. No service keeps anything of a connection when it ends.

use std::sync::Arc;
use std::time::Duration;

use sidestep::{Conn, Deadline, OpError, PacketConn};

use super::http;

#[cfg(test)]
mod tests;

/// Octets that are read and written at a time.
const CHUNK_OCTETS: usize = 64 * 1024;
/// A peer that is silent, or takes nothing, for so long is left.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);
/// The most octets of a datagram.
const DATAGRAM_OCTETS_MAX: usize = 65_535;

/// What to do with a connection.
#[derive(Clone, Debug)]
pub enum Service {
    /// RFC 862: sends back what comes.
    Echo,
    /// RFC 863: takes what comes.
    Discard,
    /// RFC 864: sends lines of letters until the peer has had enough.
    Chargen,
    /// Files below a directory.
    Http {
        /// The directory.
        root: Arc<http::Root>,
        /// How long a peer may take.
        limits: http::Limits,
    },
}

impl Service {
    /// Serves one connection to its end.
    ///
    /// # Errors
    ///
    /// The connection failed.
    pub fn run(&self, conn: &dyn Conn) -> Result<(), OpError> {
        match self {
            Self::Echo => echo(conn),
            Self::Discard => discard(conn),
            Self::Chargen => chargen(conn),
            Self::Http { root, limits } => http::connection(conn, root, *limits).map(|_| ()),
        }
    }

    /// Answers one datagram: `None` for none.
    pub fn answer_packet(&self, octets: &[u8], sequence: u64) -> Option<Vec<u8>> {
        match self {
            Self::Echo => Some(octets.to_vec()),
            // RFC 864: one datagram of 0 to 512 octets.
            Self::Chargen => Some(chargen_line(sequence).to_vec()),
            Self::Discard | Self::Http { .. } => None,
        }
    }
}

fn echo(conn: &dyn Conn) -> Result<(), OpError> {
    let mut room = vec![0; CHUNK_OCTETS];
    loop {
        conn.set_deadline(Deadline::from(IDLE_TIMEOUT))?;
        let octets = conn.read(&mut room)?;
        if octets == 0 {
            return Ok(());
        }
        conn.write(room.get(..octets).unwrap_or_default())?;
    }
}

fn discard(conn: &dyn Conn) -> Result<(), OpError> {
    let mut room = vec![0; CHUNK_OCTETS];
    loop {
        conn.set_read_deadline(Deadline::from(IDLE_TIMEOUT))?;
        if conn.read(&mut room)? == 0 {
            return Ok(());
        }
    }
}

fn chargen(conn: &dyn Conn) -> Result<(), OpError> {
    let mut lines = Vec::with_capacity(CHUNK_OCTETS);
    for sequence in 0..LINES_PER_ROUND * 8 {
        lines.extend_from_slice(&chargen_line(sequence));
    }
    loop {
        conn.set_write_deadline(Deadline::from(IDLE_TIMEOUT))?;
        conn.write(&lines)?;
    }
}

/// Lines until the letters stand where they began.
const LINES_PER_ROUND: u64 = 95;
const LINE_LETTERS: usize = 72;

/// One line of the pattern of RFC 864: 72 of the 95 printing letters, beginning one letter later
/// in each line.
pub fn chargen_line(sequence: u64) -> [u8; LINE_LETTERS + 2] {
    let mut line = [b'\n'; LINE_LETTERS + 2];
    let mut letter = b' ' + u8::try_from(sequence % LINES_PER_ROUND).unwrap_or(0);
    for place in line.iter_mut().take(LINE_LETTERS) {
        *place = letter;
        letter = if letter == b'~' { b' ' } else { letter + 1 };
    }
    if let Some(place) = line.get_mut(LINE_LETTERS) {
        *place = b'\r';
    }
    line
}

/// Serves datagrams until the socket is closed; says how many came.
///
/// # Errors
///
/// The socket failed, other than by being closed.
pub fn packets(socket: &dyn PacketConn, service: &Service) -> Result<u64, OpError> {
    let mut room = vec![0; DATAGRAM_OCTETS_MAX];
    let mut count = 0;
    loop {
        let (octets, peer) = match socket.read_from(&mut room) {
            Ok(arrived) => arrived,
            Err(error) if error.is_closed() => return Ok(count),
            Err(error) => return Err(error),
        };
        count += 1;
        let datagram = room.get(..octets).unwrap_or_default();
        if let Some(answer) = service.answer_packet(datagram, count) {
            // A peer that cannot be reached is that peer's trouble; UDP promises nothing.
            match socket.write_to(&answer, &peer) {
                Err(error) if error.is_closed() => return Ok(count),
                Ok(_) | Err(_) => {}
            }
        }
    }
}
