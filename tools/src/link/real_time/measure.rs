//! The kernel's own sockets, measured across a joined link.
//!
//! `sidestep link --transfer` sends octets with the kernel's TCP from one side to the other and checks
//! them, `--probe` measures round trips of UDP datagrams. Both wait no longer than they were told, and
//! neither knows what the link does.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread::JoinHandle;
use std::time::Instant as Clock;

use sidestep_stack::base::Duration;
use thiserror::Error;

use super::{Lateness, Side};
use crate::octets::{Hash, Pattern};

/// Octets that are handed to the kernel at once.
const PIECE_OCTETS: usize = 64 << 10;

/// The pattern that is sent.
const SEED: u64 = 4;

/// Octets of a probe: its number.
const PROBE_OCTETS: usize = 8;

/// Why nothing was measured.
#[derive(Debug, Error)]
pub enum MeasureFailed {
    /// Machine: no thread, or the namespace is gone.
    #[error("a thread in the namespace: {0}")]
    Thread(io::Error),
    /// Path: the kernel's socket failed, or it took too long.
    #[error("{doing}: {source}")]
    Socket {
        /// What was to be done.
        doing: &'static str,
        /// Why it was not.
        source: io::Error,
    },
    /// What arrived is not what was sent.
    #[error("{received} of {sent} octets arrived, or they were others")]
    Content {
        /// Octets that were sent.
        sent: u64,
        /// Octets that arrived.
        received: u64,
    },
}

/// A transfer whose content was right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Transferred {
    /// Octets that arrived.
    pub octets: u64,
    /// From the connect to the end of the stream at the receiver.
    pub time: Duration,
}

impl Transferred {
    /// Bits a second.
    pub fn rate(&self) -> u64 {
        let nanos = self.time.as_nanos().max(1);
        u64::try_from(u128::from(self.octets) * 8_000_000_000 / nanos).unwrap_or(u64::MAX)
    }
}

/// Round trips.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Probed {
    /// Datagrams that were sent.
    pub sent: u64,
    /// How long those took that came back.
    pub round_trips: Lateness,
}

/// Sends `octets` with the kernel's TCP from one side to the address `at` of the other, and checks
/// what arrives.
///
/// # Errors
///
/// See [`MeasureFailed`]; among them that one call took longer than `patience`.
pub fn transfer(
    from: &Side,
    to: &Side,
    at: Ipv4Addr,
    octets: u64,
    patience: Duration,
) -> Result<Transferred, MeasureFailed> {
    let bound = to
        .start(move || TcpListener::bind((at, 0)))
        .map_err(MeasureFailed::Thread)?;
    let listener = finish(bound)?.map_err(socket("listen"))?;
    let address = listener.local_addr().map_err(socket("listen"))?;
    let began = Clock::now();
    let receiver = to
        .start(move || receive(&listener, patience))
        .map_err(MeasureFailed::Thread)?;
    let sender = from
        .start(move || send(address, octets, patience))
        .map_err(MeasureFailed::Thread)?;
    let sent = finish(sender)?;
    if sent.is_err() {
        // The receiver waits in accept; a connection of its own side lets it go.
        let waker = to.start(move || TcpStream::connect(address));
        drop(waker.map(JoinHandle::join));
    }
    let received = finish(receiver)?;
    sent?;
    let (hash, ended) = received?;
    let time = ended.saturating_duration_since(began);
    if hash.to_hex() != hash_of(octets).to_hex() {
        return Err(MeasureFailed::Content {
            sent: octets,
            received: hash.octets(),
        });
    }
    Ok(Transferred { octets, time })
}

/// The hash of what is sent.
fn hash_of(octets: u64) -> Hash {
    let mut pattern = Pattern::new(SEED, octets);
    let mut hash = Hash::default();
    let mut piece = vec![0; PIECE_OCTETS];
    while pattern.left() > 0 {
        let filled = pattern.fill(&mut piece);
        hash.update(piece.get(..filled).unwrap_or_default());
    }
    hash
}

fn send(to: SocketAddr, octets: u64, patience: Duration) -> Result<(), MeasureFailed> {
    let mut stream = TcpStream::connect_timeout(&to, patience).map_err(socket("connect"))?;
    stream
        .set_write_timeout(Some(patience))
        .map_err(socket("write"))?;
    let mut pattern = Pattern::new(SEED, octets);
    let mut piece = vec![0; PIECE_OCTETS];
    while pattern.left() > 0 {
        let filled = pattern.fill(&mut piece);
        let part = piece.get(..filled).unwrap_or_default();
        stream.write_all(part).map_err(socket("write"))?;
    }
    stream
        .shutdown(Shutdown::Write)
        .map_err(socket("shut down"))?;
    // The other side's end says that it has read all.
    stream
        .set_read_timeout(Some(patience))
        .map_err(socket("read"))?;
    stream.read(&mut [0; 1]).map_err(socket("read the end"))?;
    Ok(())
}

fn receive(listener: &TcpListener, patience: Duration) -> Result<(Hash, Clock), MeasureFailed> {
    let (mut stream, _) = listener.accept().map_err(socket("accept"))?;
    stream
        .set_read_timeout(Some(patience))
        .map_err(socket("read"))?;
    let mut hash = Hash::default();
    let mut piece = vec![0; PIECE_OCTETS];
    loop {
        match stream.read(&mut piece).map_err(socket("read"))? {
            0 => return Ok((hash, Clock::now())),
            octets => hash.update(piece.get(..octets).unwrap_or_default()),
        }
    }
}

/// Sends `count` datagrams from one side to an echo at the address `at` of the other, one each
/// `gap`, and measures how long they take.
///
/// # Errors
///
/// See [`MeasureFailed`]. A datagram that does not come back within `patience` is no error.
pub fn probe(
    from: &Side,
    to: &Side,
    [near, far]: [Ipv4Addr; 2],
    count: u64,
    gap: Duration,
    patience: Duration,
) -> Result<Probed, MeasureFailed> {
    let open = |side: &Side, at: Ipv4Addr| -> Result<UdpSocket, MeasureFailed> {
        let bound = side
            .start(move || UdpSocket::bind((at, 0)))
            .map_err(MeasureFailed::Thread)?;
        finish(bound)?.map_err(socket("bind"))
    };
    let (near, far) = (open(from, near)?, open(to, far)?);
    let address = far.local_addr().map_err(socket("bind"))?;
    near.connect(address).map_err(socket("connect"))?;
    let limit = gap.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)) + patience;
    let echo = to
        .start(move || answer(&far, limit, count))
        .map_err(MeasureFailed::Thread)?;
    let receiving = near.try_clone().map_err(socket("clone"))?;
    let began = Clock::now();
    let receiver = from
        .start(move || round_trips(&receiving, began, limit, count))
        .map_err(MeasureFailed::Thread)?;
    for number in 0..count {
        let due = began + gap.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX));
        std::thread::sleep(due.saturating_duration_since(Clock::now()));
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // A datagram that cannot be sent does not come back.
        let _ = near.send(&nanos.to_be_bytes());
    }
    let round_trips = finish(receiver)??;
    finish(echo)??;
    Ok(Probed {
        sent: count,
        round_trips,
    })
}

fn answer(socket_far: &UdpSocket, limit: Duration, count: u64) -> Result<(), MeasureFailed> {
    let began = Clock::now();
    let mut octets = [0; PROBE_OCTETS];
    for _ in 0..count {
        let Some(left) = limit
            .checked_sub(began.elapsed())
            .filter(|left| !left.is_zero())
        else {
            break;
        };
        socket_far
            .set_read_timeout(Some(left))
            .map_err(socket("read"))?;
        match socket_far.recv_from(&mut octets) {
            Ok((_, peer)) => drop(socket_far.send_to(&octets, peer)),
            Err(error) if is_timeout(&error) => break,
            Err(error) => return Err(socket("read")(error)),
        }
    }
    Ok(())
}

fn round_trips(
    near: &UdpSocket,
    began: Clock,
    limit: Duration,
    count: u64,
) -> Result<Lateness, MeasureFailed> {
    let mut all = Lateness::default();
    let mut octets = [0; PROBE_OCTETS];
    while all.count() < count {
        let Some(left) = limit
            .checked_sub(began.elapsed())
            .filter(|left| !left.is_zero())
        else {
            break;
        };
        near.set_read_timeout(Some(left)).map_err(socket("read"))?;
        match near.recv(&mut octets) {
            Ok(PROBE_OCTETS) => {
                let sent = Duration::from_nanos(u64::from_be_bytes(octets));
                all.add(began.elapsed().saturating_sub(sent));
            }
            Ok(_) => {}
            Err(error) if is_timeout(&error) => break,
            Err(error) => return Err(socket("read")(error)),
        }
    }
    Ok(all)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn socket(doing: &'static str) -> impl Fn(io::Error) -> MeasureFailed {
    move |source| MeasureFailed::Socket { doing, source }
}

/// What a thread came to.
fn finish<T>(thread: JoinHandle<io::Result<T>>) -> Result<T, MeasureFailed> {
    let ended = thread.join();
    let ended = ended.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
    ended.map_err(MeasureFailed::Thread)
}
