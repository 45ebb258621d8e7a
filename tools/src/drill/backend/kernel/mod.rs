//! The host kernel behind a TUN, in a network namespace that the run itself makes: the control.
//!
//! The script's application uses the kernel's sockets, and the runner holds the other end of the TUN.
//! Time is real. Nothing outside of the namespace is touched, and no packet leaves it.

mod calls;
mod raw;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rustix::net::Shutdown;
use sidestep::device::tun::{TunDevice, TunOptions};
use sidestep::device::{Device, OutPacket};
use sidestep::error::Errno;
use sidestep_stack::Instant;
use sidestep_stack::call::{InterfaceAddress, Route};
use sidestep_stack::wire::packet::Text;

use super::worker::{RealTime, Worker};
use super::{Emitted, Ended, Fd, Host, HostError, Syscall, TcpInfo};
use crate::drill::ast::{Effect, Script};
use crate::drill::run::interface_address;
use crate::namespace::enter_own_network;
use calls::Sockets;

pub use calls::tcp_info_of;

/// What the TUN is called in its namespace.
const INTERFACE: &str = "drill0";

/// Packets that may wait for the runner in the kernel.
const TX_QUEUE_PACKETS: u32 = 4_096;

/// Packets that are read at one time.
const BATCH_MAX: usize = 64;

/// A namespace may not choose an algorithm that the host does not allow everybody; who administers the
/// namespace may choose it for each socket.
const CONGESTION_CONTROL: &str = "net.ipv4.tcp_congestion_control";

/// How long a call that does not block may take on a machine that is busy elsewhere.
const PATIENCE: Duration = Duration::from_millis(500);

/// The kernel that a script runs against.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// Its address.
    pub address: InterfaceAddress,
    /// Octets of the largest packet of the TUN.
    pub mtu_octets: u16,
    /// Settings by their names with dots; they hold in the namespace only.
    pub sysctls: Vec<(String, String)>,
}

impl Plan {
    /// The kernel that a script wants.
    pub fn of(script: &Script) -> Self {
        let effects = script.init.iter().flat_map(|command| &command.effects);
        Self {
            address: interface_address(script.options.local_address()),
            mtu_octets: script.options.mtu_octets(),
            sysctls: effects
                .filter_map(|effect| match effect {
                    Effect::Sysctl { name, value } => Some((name.clone(), value.clone())),
                    Effect::Sleep(_) => None,
                })
                .collect(),
        }
    }
}

/// Runs `work` in a thread that has entered a network namespace of its own.
///
/// # Errors
///
/// The namespace cannot be made: [`HostError::NotUp`] says why and what would help. Else what `work`
/// says.
pub fn in_own_network<T: Send>(
    work: impl FnOnce() -> Result<T, HostError> + Send,
) -> Result<T, HostError> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            enter_own_network().map_err(|error| {
                let hint = error.hint().unwrap_or_default();
                HostError::NotUp(format!("{error}; {hint}"))
            })?;
            work()
        });
        match thread.join() {
            Ok(done) => done,
            // The panic is the work's own.
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// See the module.
#[derive(Debug)]
pub struct KernelHost {
    tun: TunDevice,
    clock: RealTime,
    worker: Worker,
    sockets: Sockets,
    ended: Option<Ended>,
    emitted: VecDeque<Emitted>,
}

impl KernelHost {
    /// A kernel with the addresses of `plan`. The calling thread is in the namespace that it is to
    /// be in.
    ///
    /// # Errors
    ///
    /// The TUN cannot be made, or a setting does not exist.
    pub fn new(plan: &Plan) -> Result<Self, HostError> {
        let mut congestion = None;
        for (name, value) in &plan.sysctls {
            match set(name, value) {
                Err(HostError::Failed {
                    errno: Errno::EPERM,
                    ..
                }) if name == CONGESTION_CONTROL => congestion = Some(value.clone()),
                outcome => outcome?,
            }
        }
        let everybody = match plan.address.address {
            IpAddr::V4(_) => IpAddr::from([0_u8; 4]),
            IpAddr::V6(_) => IpAddr::from([0_u16; 8]),
        };
        let tun = TunDevice::open(&TunOptions {
            mtu_octets: Some(plan.mtu_octets),
            peer_addresses: vec![plan.address],
            routes: vec![Route {
                destination: everybody,
                prefix_bits: 0,
                source: None,
            }],
            tx_queue_packets: Some(TX_QUEUE_PACKETS),
            ..TunOptions::new(INTERFACE)
        })
        .map_err(|error| {
            let hint = error.hint().unwrap_or_default();
            HostError::NotUp(format!("{error}; {hint}"))
        })?;
        let sockets: Sockets = Arc::new(Mutex::new(BTreeMap::new()));
        let clock = RealTime::start();
        let theirs = Arc::clone(&sockets);
        let worker = Worker::start(clock, move |call| {
            calls::carry_out(&theirs, congestion.as_deref(), call)
        })?;
        Ok(Self {
            tun,
            clock,
            worker,
            sockets,
            ended: None,
            emitted: VecDeque::new(),
        })
    }

    /// A call that waits is woken; a socket that was never connected says so, which is nobody's loss.
    fn end_sockets(&self) {
        let sockets: Vec<Arc<OwnedFd>> = self.sockets.lock().values().cloned().collect();
        for socket in sockets {
            let _ = rustix::net::shutdown(&*socket, Shutdown::Both);
        }
        self.sockets.lock().clear();
    }

    /// Takes what the kernel has sent.
    fn collect(&mut self) -> Result<(), HostError> {
        let mut batch = Vec::new();
        loop {
            self.tun
                .receive(&mut batch, BATCH_MAX)
                .map_err(|error| HostError::Failed {
                    what: "reading the TUN",
                    errno: Errno::of(&error),
                })?;
            let at = self.clock.now();
            let is_all = batch.len() < BATCH_MAX;
            for packet in batch.drain(..) {
                if !is_housekeeping(&packet.octets) {
                    self.emitted.push_back(Emitted {
                        at,
                        octets: packet.octets.to_vec(),
                        reasons: Vec::new(),
                    });
                }
            }
            if is_all {
                return Ok(());
            }
        }
    }

    fn take_ended(&mut self) {
        if self.ended.is_none() {
            self.ended = self.worker.next_ended();
        }
    }
}

/// A setting of the calling thread's network namespace.
fn set(name: &str, value: &str) -> Result<(), HostError> {
    // Only the network's settings belong to the namespace.
    let Some(rest) = name.strip_prefix("net.") else {
        return Err(HostError::Unsupported(
            "only settings of the network belong to the namespace",
        ));
    };
    if rest.contains("..") || rest.contains('/') {
        return Err(HostError::Unsupported("there is no such setting"));
    }
    let file = format!("/proc/sys/net/{}", rest.replace('.', "/"));
    fs::write(&file, value).map_err(|error| HostError::Failed {
        what: "sysctl",
        errno: Errno::of(&error),
    })
}

/// What a kernel says to its link whether somebody asks or not: groups and neighbours.
fn is_housekeeping(packet: &Bytes) -> bool {
    match packet.first().map(|first| first >> 4) {
        // IGMP (RFC 3376).
        Some(4) => packet.get(9) == Some(&2),
        Some(6) => match packet.get(6) {
            // MLD behind its router alert (RFC 3810).
            Some(0) => true,
            // MLD, router and neighbour discovery (RFC 4861).
            Some(58) => matches!(packet.get(40), Some(130..=137 | 143)),
            Some(_) | None => false,
        },
        Some(_) | None => false,
    }
}

impl Host for KernelHost {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn pass(&mut self, moment: Instant) -> Result<(), HostError> {
        loop {
            self.collect()?;
            self.take_ended();
            let left = self.clock.now().until(moment);
            if !self.emitted.is_empty() || self.ended.is_some() || left.is_zero() {
                return Ok(());
            }
            self.worker.sleep(self.tun.descriptor(), left)?;
        }
    }

    fn arrives(&mut self, packet: &[u8]) -> Result<(), HostError> {
        let mut batch = VecDeque::from([OutPacket {
            text: Text::from(Bytes::copy_from_slice(packet)),
            ..OutPacket::default()
        }]);
        match self.tun.transmit(&mut batch) {
            Ok(()) => {}
            // The kernel refuses what is no packet at all; on a wire, nobody would tell the sender.
            Err(error) if Errno::of(&error) == Errno::EINVAL => {}
            Err(error) => {
                return Err(HostError::Failed {
                    what: "writing to the TUN",
                    errno: Errno::of(&error),
                });
            }
        }
        self.collect()
    }

    fn next_emitted(&mut self) -> Option<Emitted> {
        self.emitted.pop_front()
    }

    fn begin(&mut self, call: Syscall) -> Result<(), HostError> {
        self.worker.begin(call)
    }

    fn next_ended(&mut self) -> Option<Ended> {
        self.take_ended();
        self.ended.take()
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn tcp_info(&mut self, fd: Fd) -> Result<TcpInfo, Errno> {
        calls::tcp_info(&self.sockets, fd)
    }

    fn local_address(&mut self, fd: Fd) -> Option<SocketAddr> {
        let socket = self.sockets.lock().get(&fd).cloned()?;
        let name = rustix::net::getsockname(&*socket).ok()?;
        SocketAddr::try_from(name).ok()
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), HostError> {
        set(name, value)
    }

    fn remarks(&mut self) -> Vec<(Instant, String)> {
        Vec::new()
    }
}

impl Drop for KernelHost {
    /// Ends a call that still blocks: its thread goes when nobody hands it calls any more.
    fn drop(&mut self) {
        self.end_sockets();
    }
}
