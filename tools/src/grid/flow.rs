//! One flow: a sender that never stops, a receiver that looks at every octet, and an end in time.
//!
//! A run has one, a test of fairness two. What is measured is what the receiver's application has read
//! when the time is over, from the first SYN on; nobody waits for what is still on its way. The
//! connection is reset at the end, so that nothing remains in a namespace that is to go.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant as Clock;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use sidestep::error::Errno;
use sidestep::{Net, OpError, TCPConn, TCPListener};
use sidestep_stack::base::Duration;
use sidestep_stack::call::CongestionAlgorithm;
use thiserror::Error;

use crate::drill::backend::kernel::tcp_info_of;
use crate::link::real_time::Side;
use crate::octets::Pattern;

/// Octets that an application hands over or asks for at once.
const PIECE_OCTETS: usize = 64 << 10;

/// The kernel's calls look at the clock so often.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Octets that are compared at once.
const COMPARED_OCTETS: usize = 4_096;

/// Why a flow was not measured.
#[derive(Debug, Error)]
pub enum FlowFailed {
    /// Machine: no thread, or the namespace is gone.
    #[error("a thread: {0}")]
    Thread(io::Error),
    /// Path: the kernel's socket failed before the time was over.
    #[error("the kernel, {doing}: {source}")]
    Kernel {
        /// What was to be done.
        doing: &'static str,
        /// Why it was not.
        source: io::Error,
    },
    /// Path: Sidestep's connection failed before the time was over.
    #[error("Sidestep, {doing}: {source}")]
    Sidestep {
        /// What was to be done.
        doing: &'static str,
        /// Why it was not.
        source: OpError,
    },
    /// Machine: the kernel does not tell of a connection.
    #[error("TCP_INFO: {0}")]
    Info(Errno),
    /// What arrived is not what was sent.
    #[error("octet {0} is not the one that was sent")]
    Content(u64),
    /// Nobody connected before the time was over.
    #[error("no connection came about")]
    NoConnection,
}

fn kernel(doing: &'static str) -> impl Fn(io::Error) -> FlowFailed {
    move |source| FlowFailed::Kernel { doing, source }
}

fn sidestep(doing: &'static str) -> impl Fn(OpError) -> FlowFailed {
    move |source| FlowFailed::Sidestep { doing, source }
}

/// Where one end of a flow is.
#[derive(Clone, Copy, Debug)]
pub(super) enum End<'a> {
    /// The kernel's TCP in this namespace.
    Kernel(&'a Side),
    /// Ours.
    Sidestep(&'a Net),
}

/// What the sender knows at the end.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sent {
    /// Segments that were sent again.
    pub retransmissions: u64,
    /// Retransmission timeouts; `None` if this kernel does not count them (before Linux 6.7).
    pub timeouts: Option<u64>,
    /// SRTT.
    pub srtt: Duration,
    /// cwnd in octets.
    pub cwnd_octets: u64,
    /// For how long the peer's window was what held the sender back.
    pub rwnd_limited: Duration,
    /// For how long its own buffer was.
    pub sndbuf_limited: Duration,
}

/// The receiver's connection: it is held until the sender is at its end too, whose clock may be a
/// moment behind.
#[derive(Debug)]
enum Held {
    /// Nothing is done with it but to let it go.
    Kernel(#[expect(dead_code, reason = "kept for what its drop does")] TcpStream),
    /// It is aborted.
    Sidestep(TCPConn),
}

/// A flow on its way.
#[derive(Debug)]
pub(super) struct Flow {
    read: Arc<AtomicU64>,
    sender: JoinHandle<io::Result<Result<Sent, FlowFailed>>>,
    receiver: JoinHandle<io::Result<Result<Held, FlowFailed>>>,
}

/// Starts `work` where `end` is.
fn start<T: Send + 'static>(
    end: End<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<io::Result<T>>, FlowFailed> {
    let started = match end {
        End::Kernel(side) => side.start(work),
        End::Sidestep(_) => thread::Builder::new().spawn(|| Ok(work())),
    };
    started.map_err(FlowFailed::Thread)
}

fn finish<T>(thread: JoinHandle<io::Result<T>>) -> Result<T, FlowFailed> {
    let ended = thread.join();
    let ended = ended.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
    ended.map_err(FlowFailed::Thread)
}

impl Flow {
    /// A flow begins from one end to the other, which listens at `at`, and ends at `end`. `seed` is that
    /// of its octets, `congestion` its sender's algorithm.
    pub(super) fn start(
        [from, to]: [End<'_>; 2],
        at: SocketAddr,
        congestion: CongestionAlgorithm,
        seed: u64,
        end: Clock,
    ) -> Result<Self, FlowFailed> {
        let read = Arc::new(AtomicU64::new(0));
        let meter = Meter {
            pattern: Pattern::new(seed, u64::MAX),
            read: Arc::clone(&read),
        };
        // The receiver listens before the sender begins.
        let receiver = match to {
            End::Kernel(side) => {
                let bound = side.start(move || TcpListener::bind(at));
                let listener = finish(bound.map_err(FlowFailed::Thread)?)?;
                let listener = listener.map_err(kernel("listen"))?;
                start(to, move || kernel_receives(&listener, meter, end))?
            }
            End::Sidestep(net) => {
                let listener = net.listen_tcp("tcp", Some(&at.into()));
                let listener = listener.map_err(sidestep("listen"))?;
                start(to, move || sidestep_receives(&listener, meter, end))?
            }
        };
        let flow = Sending {
            to: at,
            congestion,
            pattern: Pattern::new(seed, u64::MAX),
            end,
        };
        let sender = match from {
            End::Kernel(_) => start(from, move || flow.by_kernel())?,
            End::Sidestep(net) => {
                let net = net.clone();
                start(from, move || flow.by_sidestep(&net))?
            }
        };
        Ok(Self {
            read,
            sender,
            receiver,
        })
    }

    /// Octets that the receiver has read so far.
    pub(super) fn octets(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Waits for its end: how much was read, and what the sender knows.
    pub(super) fn finish(self) -> Result<(u64, Sent), FlowFailed> {
        let (sent, received) = (finish(self.sender), finish(self.receiver));
        let sent = sent??;
        if let Held::Sidestep(conn) = received?? {
            abort(&conn);
        }
        Ok((self.read.load(Ordering::Relaxed), sent))
    }
}

/// Counts what is read, and compares it with what was sent.
#[derive(Debug)]
struct Meter {
    pattern: Pattern,
    read: Arc<AtomicU64>,
}

impl Meter {
    fn add(&mut self, octets: &[u8]) -> Result<(), FlowFailed> {
        let mut room = [0; COMPARED_OCTETS];
        for part in octets.chunks(COMPARED_OCTETS) {
            let filled = self
                .pattern
                .fill(room.get_mut(..part.len()).unwrap_or_default());
            if room.get(..filled) != Some(part) {
                return Err(FlowFailed::Content(self.read.load(Ordering::Relaxed)));
            }
            self.read.fetch_add(part.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn left(end: Clock) -> Option<Duration> {
    let left = end.saturating_duration_since(Clock::now());
    (!left.is_zero()).then_some(left)
}

const fn is_timeout(error: io::ErrorKind) -> bool {
    matches!(error, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// What a sender does.
#[derive(Debug)]
struct Sending {
    to: SocketAddr,
    congestion: CongestionAlgorithm,
    pattern: Pattern,
    end: Clock,
}

impl Sending {
    /// A connection of the kernel's. Its algorithm is chosen before it opens: one that was used for the
    /// handshake alone could leave something behind, as BBR leaves its pacing.
    fn connect(&self) -> Result<TcpStream, FlowFailed> {
        let fails = |doing| move |error: rustix::io::Errno| kernel(doing)(error.into());
        let patience = left(self.end).ok_or(FlowFailed::NoConnection)?;
        let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
        let socket = net::socket_with(family, kind, SocketFlags::CLOEXEC, None);
        let socket = socket.map_err(fails("socket"))?;
        sockopt::set_tcp_congestion(&socket, self.congestion.name())
            .map_err(fails("set congestion"))?;
        // It bounds the connect as well (socket(7)).
        sockopt::set_socket_timeout(&socket, Timeout::Send, Some(patience))
            .map_err(fails("connect"))?;
        net::connect(&socket, &self.to).map_err(fails("connect"))?;
        Ok(socket.into())
    }

    fn by_kernel(mut self) -> Result<Sent, FlowFailed> {
        let mut stream = self.connect()?;
        stream
            .set_write_timeout(Some(LOOK_EVERY))
            .map_err(kernel("write"))?;
        let mut piece = vec![0; PIECE_OCTETS];
        let mut written = PIECE_OCTETS;
        while Clock::now() < self.end {
            if written == PIECE_OCTETS {
                self.pattern.fill(&mut piece);
                written = 0;
            }
            match stream.write(piece.get(written..).unwrap_or_default()) {
                Ok(octets) => written += octets,
                Err(error) if is_timeout(error.kind()) => {}
                Err(source) => return Err(kernel("write")(source)),
            }
        }
        let info = tcp_info_of(stream.as_fd()).map_err(FlowFailed::Info)?;
        // An abort: nothing lingers in the namespace.
        let _ = sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
        let get = |name| u64::try_from(info.get(name).unwrap_or(0)).unwrap_or(0);
        Ok(Sent {
            retransmissions: get("tcpi_total_retrans"),
            timeouts: info
                .get("tcpi_total_rto")
                .and_then(|count| u64::try_from(count).ok()),
            srtt: Duration::from_micros(get("tcpi_rtt")),
            cwnd_octets: get("tcpi_snd_cwnd") * get("tcpi_snd_mss"),
            rwnd_limited: Duration::from_micros(get("tcpi_rwnd_limited")),
            sndbuf_limited: Duration::from_micros(get("tcpi_sndbuf_limited")),
        })
    }

    fn by_sidestep(mut self, net: &Net) -> Result<Sent, FlowFailed> {
        let conn = net
            .dial_tcp_until("tcp", None, &self.to.into(), self.end)
            .map_err(sidestep("dial"))?;
        conn.set_congestion(self.congestion.name())
            .map_err(sidestep("set congestion"))?;
        conn.set_deadline(self.end).map_err(sidestep("write"))?;
        let mut piece = vec![0; PIECE_OCTETS];
        while Clock::now() < self.end {
            self.pattern.fill(&mut piece);
            match conn.write(&piece) {
                Ok(_) => {}
                Err(_) if Clock::now() >= self.end => break,
                Err(source) => return Err(sidestep("write")(source)),
            }
        }
        let info = conn.info().map_err(sidestep("info"))?;
        abort(&conn);
        Ok(Sent {
            retransmissions: info.retransmissions,
            timeouts: Some(info.timeouts_total),
            srtt: info.srtt.unwrap_or_default(),
            cwnd_octets: info.cwnd_octets.into(),
            rwnd_limited: info.rwnd_limited_time,
            sndbuf_limited: info.sndbuf_limited_time,
        })
    }
}

fn kernel_receives(
    listener: &TcpListener,
    mut meter: Meter,
    end: Clock,
) -> Result<Held, FlowFailed> {
    let patience = left(end).ok_or(FlowFailed::NoConnection)?;
    let timeout = Timespec {
        tv_sec: patience.as_secs() as i64,
        tv_nsec: i64::from(patience.subsec_nanos()),
    };
    let mut waiting = [PollFd::new(listener, PollFlags::IN)];
    if !matches!(poll(&mut waiting, Some(&timeout)), Ok(1..)) {
        return Err(FlowFailed::NoConnection);
    }
    let (mut stream, _) = listener.accept().map_err(kernel("accept"))?;
    let mut piece = vec![0; PIECE_OCTETS];
    while let Some(left) = left(end) {
        stream
            .set_read_timeout(Some(left.min(LOOK_EVERY)))
            .map_err(kernel("read"))?;
        match stream.read(&mut piece) {
            // The sender is at its end already.
            Ok(0) => break,
            Ok(octets) => meter.add(piece.get(..octets).unwrap_or_default())?,
            Err(error) if is_timeout(error.kind()) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
            Err(source) => return Err(kernel("read")(source)),
        }
    }
    // An abort once it is let go, unless the sender's came before.
    let _ = sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
    Ok(Held::Kernel(stream))
}

fn sidestep_receives(
    listener: &TCPListener,
    mut meter: Meter,
    end: Clock,
) -> Result<Held, FlowFailed> {
    listener.set_deadline(end).map_err(sidestep("accept"))?;
    let conn = listener
        .accept_tcp()
        .map_err(|_| FlowFailed::NoConnection)?;
    conn.set_deadline(end).map_err(sidestep("read"))?;
    while Clock::now() < end {
        match conn.read_bytes(PIECE_OCTETS) {
            Ok(octets) if octets.is_empty() => break,
            Ok(octets) => meter.add(&octets)?,
            // The sender may be at its end a moment before us.
            Err(_) if left(end).is_none_or(|left| left < LOOK_EVERY) => break,
            Err(source) => return Err(sidestep("read")(source)),
        }
    }
    Ok(Held::Sidestep(conn))
}

fn abort(conn: &TCPConn) {
    // Whoever is gone already needs no abort.
    let _ = conn.set_linger(Some(Duration::ZERO));
    let _ = conn.close();
}
