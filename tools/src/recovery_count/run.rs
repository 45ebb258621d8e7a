//! One transfer of a MiB, of which a burst is lost, and what its sender says of it.
//!
//! Our sender has a stack on a cable in memory, the kernel's a namespace with a TUN device; the kernel
//! receives in a namespace of its own. The link between them carries 100 Mbit/s with a round trip of 20
//! ms and a queue that is never full. The sender keeps its end open until all has arrived, so that no
//! FIN tells of a lost tail.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::thread::{self, JoinHandle};
use std::time::Instant as Clock;

use rustix::net::sockopt;
use sidestep::device::Device;
use sidestep::device::memory::{MemoryDevice, MemoryOptions, Offload, cable};
use sidestep::device::tun::TunDevice;
use sidestep::{Net, NetOptions};

use sidestep_stack::base::Duration;
use sidestep_stack::call::{InterfaceAddress, ResolverSettings};

use super::{BurstLoss, Pattern, RecoveryFailed, TRANSFER_OCTETS};
use crate::drill::backend::kernel::tcp_info_of;
use crate::link::real_time::{Report, Settings, Side, SideOptions, Stop, join};
use crate::octets::Hash;

/// What the link does in each direction.
const RECIPE: &str = "rate=100mbit,queue=2000,delay=10ms";

/// Both senders' algorithm.
const CONGESTION: &str = "cubic";

const NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const PORT: u16 = 7;

/// Of the octets that are sent.
const SEED: u64 = 8;

/// No call waits longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Whose sender.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Whose {
    /// Ours.
    Sidestep,
    /// The host's.
    Kernel,
}

impl Whose {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sidestep, Self::Kernel];

    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sidestep => "sidestep",
            Self::Kernel => "kernel",
        }
    }
}

/// How a transfer went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// Packets that were lost: the burst.
    pub lost: u32,
    /// Expiries of the sender's retransmission timer.
    pub timeouts: u64,
    /// Segments that the sender sent again.
    pub retransmissions: u64,
    /// From the SYN until the sender knew that all had been read.
    pub time: Duration,
}

/// What a sender says.
#[derive(Clone, Copy, Debug)]
struct Told {
    timeouts: u64,
    retransmissions: u64,
    time: Duration,
}

/// Runs `pattern` with this sender.
///
/// # Errors
///
/// See [`RecoveryFailed`].
pub fn run(whose: Whose, pattern: Pattern) -> Result<Outcome, RecoveryFailed> {
    let (far, far_device) = Side::make(&side("b0", FAR))?;
    let receiving = far.start(receive)?;
    match whose {
        Whose::Sidestep => {
            let (net, device) = ours()?;
            let link = Joined::start(device, far_device, pattern)?;
            let sent = send_ours(&net);
            let outcome = conclude(link, sent, receiving);
            net.close();
            outcome
        }
        Whose::Kernel => {
            let (near, device) = Side::make(&side("a0", NEAR))?;
            let link = Joined::start(device, far_device, pattern)?;
            let sent = joined(near.start(send_kernel)?);
            conclude(link, sent, receiving)
        }
    }
}

fn side(tun: &str, address: Ipv4Addr) -> SideOptions {
    SideOptions {
        tun: tun.to_owned(),
        namespace: None,
        addresses: vec![InterfaceAddress {
            address: address.into(),
            prefix_bits: 24,
        }],
        mtu_octets: None,
    }
}

/// Our stack, and the end of its cable.
fn ours() -> Result<(Net, MemoryDevice), RecoveryFailed> {
    let (near, far) = cable(MemoryOptions {
        offload: Offload::Stack,
        ..MemoryOptions::default()
    })?;
    let net = NetOptions::new()
        .device(near)
        .address(NEAR.into(), 24)
        .resolver(ResolverSettings::default())
        .start()?;
    Ok((net, far))
}

/// The link, which moves packets in a thread of its own.
struct Joined {
    stop: Stop,
    thread: JoinHandle<Result<(Report, u32), RecoveryFailed>>,
}

impl Joined {
    fn start(
        near: impl Device + 'static,
        mut far: TunDevice,
        pattern: Pattern,
    ) -> Result<Self, RecoveryFailed> {
        let settings = Settings {
            recipes: [RECIPE.parse()?, RECIPE.parse()?],
            seed: 1,
            time: None,
            spin: Duration::ZERO,
        };
        let stop = Stop::new()?;
        let at = stop.clone();
        let thread = thread::Builder::new().spawn(move || {
            let mut near = BurstLoss::new(near, pattern.octets());
            let report = join(&mut near, &mut far, &settings, &at)?;
            Ok((report, near.lost_packets()))
        })?;
        Ok(Self { stop, thread })
    }

    /// Ends it; how many packets of the burst were lost.
    fn end(self) -> Result<u32, RecoveryFailed> {
        self.stop.set();
        let ended = self.thread.join();
        let (_, lost) = ended.unwrap_or_else(|_| Err(io::Error::other("panicked").into()))?;
        Ok(lost)
    }
}

type Receiving = JoinHandle<io::Result<Result<(), RecoveryFailed>>>;

fn conclude(
    link: Joined,
    sent: Result<Told, RecoveryFailed>,
    receiving: Receiving,
) -> Result<Outcome, RecoveryFailed> {
    // What the sender says of a failure is told first; the receiver ends by itself.
    let sent = sent.inspect_err(|_| link.stop.set());
    let received = match &sent {
        Ok(_) => joined(receiving),
        Err(_) => Ok(()),
    };
    let lost = link.end();
    let (sent, lost) = (sent?, lost?);
    received?;
    Ok(Outcome {
        lost,
        timeouts: sent.timeouts,
        retransmissions: sent.retransmissions,
        time: sent.time,
    })
}

fn joined<T>(
    thread: JoinHandle<io::Result<Result<T, RecoveryFailed>>>,
) -> Result<T, RecoveryFailed> {
    let ended = thread.join();
    ended.unwrap_or_else(|_| Err(io::Error::other("panicked")))?
}

fn content() -> Vec<u8> {
    crate::octets::Pattern::new(SEED, TRANSFER_OCTETS).to_vec()
}

/// Reads all, looks at it, and says so with one octet.
fn receive() -> Result<(), RecoveryFailed> {
    let listener = TcpListener::bind((FAR, PORT)).map_err(kernel("listen"))?;
    // A sender that fails never connects: the wait has an end.
    let waits = Some(PATIENCE);
    sockopt::set_socket_timeout(&listener, sockopt::Timeout::Recv, waits)
        .map_err(|error| kernel("listen")(error.into()))?;
    let (mut stream, _) = listener.accept().map_err(kernel("accept"))?;
    stream.set_read_timeout(waits).map_err(kernel("read"))?;
    let mut text = vec![0; TRANSFER_OCTETS as usize];
    stream.read_exact(&mut text).map_err(kernel("read"))?;
    let mut hashes = [Hash::default(), Hash::default()];
    hashes[0].update(&text);
    hashes[1].update(&content());
    if hashes[0].to_hex() != hashes[1].to_hex() {
        return Err(RecoveryFailed::Content(TRANSFER_OCTETS));
    }
    stream.write_all(&[1]).map_err(kernel("answer"))
}

fn kernel(doing: &'static str) -> impl Fn(io::Error) -> RecoveryFailed {
    move |source| RecoveryFailed::Kernel { doing, source }
}

fn ours_failed(doing: &'static str) -> impl Fn(sidestep::OpError) -> RecoveryFailed {
    move |source| RecoveryFailed::Sidestep { doing, source }
}

fn send_ours(net: &Net) -> Result<Told, RecoveryFailed> {
    let text = content();
    let began = Clock::now();
    let remote = SocketAddr::from((FAR, PORT)).into();
    let conn = net
        .dial_tcp_until("tcp", None, &remote, PATIENCE)
        .map_err(ours_failed("dial"))?;
    conn.set_deadline(PATIENCE)
        .map_err(ours_failed("set a deadline"))?;
    conn.set_congestion(CONGESTION)
        .map_err(ours_failed("choose an algorithm"))?;
    let mut left = text.as_slice();
    while !left.is_empty() {
        let written = conn.write(left).map_err(ours_failed("write"))?;
        left = left.get(written..).unwrap_or_default();
    }
    conn.read(&mut [0]).map_err(ours_failed("read"))?;
    let time = began.elapsed();
    let info = conn.info().map_err(ours_failed("ask"))?;
    conn.close().map_err(ours_failed("close"))?;
    Ok(Told {
        timeouts: info.timeouts_total,
        retransmissions: info.retransmissions,
        time,
    })
}

fn send_kernel() -> Result<Told, RecoveryFailed> {
    let text = content();
    let began = Clock::now();
    let mut stream = TcpStream::connect((FAR, PORT)).map_err(kernel("connect"))?;
    for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
        set(&stream, Some(PATIENCE)).map_err(kernel("set a deadline"))?;
    }
    sockopt::set_tcp_congestion(stream.as_fd(), CONGESTION)
        .map_err(|error| kernel("choose an algorithm")(error.into()))?;
    stream.write_all(&text).map_err(kernel("write"))?;
    stream.read_exact(&mut [0]).map_err(kernel("read"))?;
    let time = began.elapsed();
    let (timeouts, retransmissions) = kernel_counts(&stream)?;
    Ok(Told {
        timeouts,
        retransmissions,
        time,
    })
}

/// What TCP_INFO says of both.
fn kernel_counts(stream: &TcpStream) -> Result<(u64, u64), RecoveryFailed> {
    let info = tcp_info_of(stream.as_fd()).map_err(RecoveryFailed::Info)?;
    let count = |name| info.get(name).and_then(|it| u64::try_from(it).ok());
    count("tcpi_total_rto")
        .zip(count("tcpi_total_retrans"))
        .ok_or(RecoveryFailed::NoCount)
}
