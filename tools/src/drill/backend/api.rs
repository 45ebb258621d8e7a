//! Our stack through the `api` crate, on a cable in memory whose other end the runner holds.
//!
//! `listen`, `accept`, `dial`, `read` and `write` are those that a program calls, with the packet thread
//! and its channels in between. Time is real: the packet thread has a clock of its own that nobody can
//! turn. What a socket can do and the api cannot is told, and not imitated.

mod application;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use sidestep::device::memory::{MemoryDevice, MemoryOptions, Offload, cable};
use sidestep::device::{Device, OutPacket};
use sidestep::error::Errno;
use sidestep::{Net, ResolverSettings};
use sidestep_stack::call::InterfaceAddress;
use sidestep_stack::wire::packet::Text;
use sidestep_stack::{Config, Instant};

use super::numbers::{
    IPPROTO_TCP, MSG_DONTWAIT, MSG_FASTOPEN, MSG_NOSIGNAL, SO_ERROR, SO_KEEPALIVE, SO_LINGER,
    SO_OOBINLINE, SO_RCVBUF, SO_REUSEADDR, SO_SNDBUF, SOL_SOCKET, TCP_CORK, TCP_DEFER_ACCEPT,
    TCP_FASTOPEN, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_NODELAY, TCP_QUICKACK,
    TCP_USER_TIMEOUT,
};
use super::worker::{RealTime, Worker};
use super::{Blocking, Emitted, Ended, Fd, Host, HostError, OptionValue, Syscall, TcpInfo, info};
use crate::drill::sysctl::{self, Meaning};
use application::{Application, Role, Sockets, errno_of};

/// Packets that are read at one time.
const BATCH_MAX: usize = 64;

/// How long a call that does not block may take on a machine that is busy elsewhere.
const PATIENCE: Duration = Duration::from_millis(500);

/// The network that a script runs against.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// Its limits.
    pub config: Config,
    /// The seed of its chance.
    pub seed: u64,
    /// Its address.
    pub address: InterfaceAddress,
}

/// See the module.
#[derive(Debug)]
pub struct ApiHost {
    net: Net,
    wire: MemoryDevice,
    clock: RealTime,
    worker: Worker,
    sockets: Sockets,
    ended: Option<Ended>,
    emitted: VecDeque<Emitted>,
}

impl ApiHost {
    /// A network with the address of `plan`, and routes to everybody.
    ///
    /// # Errors
    ///
    /// The stack refuses its settings, or the machine has no descriptor or thread left.
    pub fn new(plan: &Plan) -> Result<Self, HostError> {
        let not_up = |error: &dyn std::fmt::Display| HostError::NotUp(error.to_string());
        let mtu_octets = u16::try_from(plan.config.mtu_octets).unwrap_or(u16::MAX);
        let (here, wire) = cable(MemoryOptions {
            mtu_octets,
            // What crosses is what would be on a wire.
            offload: Offload::Stack,
            ..MemoryOptions::default()
        })
        .map_err(|error| not_up(&error))?;
        let mut seed = [0x5a; 32];
        for (place, octet) in seed.iter_mut().zip(plan.seed.to_le_bytes()) {
            *place = octet;
        }
        let net = Net::builder()
            .device(here)
            .config(plan.config.clone())
            .address(plan.address.address, plan.address.prefix_bits)
            .default_routes()
            .mtu(mtu_octets)
            .seed(seed)
            .resolver(ResolverSettings::default())
            .farewell(Duration::ZERO)
            .start()
            .map_err(|error| not_up(&error))?;
        let sockets: Sockets = Arc::new(Mutex::new(BTreeMap::new()));
        let clock = RealTime::start();
        let application = Application {
            net: net.clone(),
            sockets: Arc::clone(&sockets),
        };
        let worker = Worker::start(clock, move |call| application.carry_out(call))?;
        let mut host = Self {
            net,
            wire,
            clock,
            worker,
            sockets,
            ended: None,
            emitted: VecDeque::new(),
        };
        // What the stack says about its addresses is no part of the script.
        host.collect()?;
        host.emitted.clear();
        Ok(host)
    }

    fn collect(&mut self) -> Result<(), HostError> {
        let mut batch = Vec::new();
        loop {
            self.wire
                .receive(&mut batch, BATCH_MAX)
                .map_err(|error| HostError::Failed {
                    what: "reading the cable",
                    errno: Errno::of(&error),
                })?;
            let at = self.clock.now();
            let is_all = batch.len() < BATCH_MAX;
            for packet in batch.drain(..) {
                self.emitted.push_back(Emitted {
                    at,
                    octets: packet.octets.to_vec(),
                    reasons: Vec::new(),
                });
            }
            if is_all {
                return Ok(());
            }
        }
    }

    /// What the api has no word for.
    fn check(&self, call: &Syscall) -> Result<(), HostError> {
        let cannot = |what| Err(HostError::Unsupported(what));
        match call {
            Syscall::Poll { .. } => {
                cannot("the api has no poll: its calls wait, or have a deadline")
            }
            Syscall::Ioctl { .. } => cannot("the api has no ioctl"),
            Syscall::Connect { fd, .. } => {
                let sockets = self.sockets.lock();
                match sockets.get(fd).map(|socket| socket.blocking) {
                    Some(Blocking::No) => cannot("dial waits for the handshake"),
                    Some(Blocking::Yes) | None => Ok(()),
                }
            }
            Syscall::Send { fd, flags, .. } if flags & MSG_FASTOPEN != 0 => {
                let sockets = self.sockets.lock();
                match sockets.get(fd).map(|socket| socket.blocking) {
                    Some(Blocking::No) => cannot("dial waits for the handshake"),
                    Some(Blocking::Yes) | None => Ok(()),
                }
            }
            Syscall::Receive { flags, .. } | Syscall::Send { flags, .. }
                if flags & !(MSG_DONTWAIT | MSG_NOSIGNAL) != 0 =>
            {
                cannot("the calls of the api have no flags")
            }
            Syscall::SetOption {
                level, name, value, ..
            } if !is_known(*level, *name, value) => cannot("the api has no such option"),
            Syscall::GetOption { level, name, .. } if (*level, *name) != (SOL_SOCKET, SO_ERROR) => {
                cannot("the api does not tell this option")
            }
            _ => Ok(()),
        }
    }
}

/// Options that connections of the api have.
const fn is_known(level: i32, name: i32, value: &OptionValue) -> bool {
    match (level, name) {
        (SOL_SOCKET, SO_LINGER) => matches!(value, OptionValue::Linger { .. }),
        (SOL_SOCKET, SO_REUSEADDR | SO_KEEPALIVE | SO_SNDBUF | SO_RCVBUF | SO_OOBINLINE)
        | (
            IPPROTO_TCP,
            TCP_NODELAY | TCP_CORK | TCP_QUICKACK | TCP_USER_TIMEOUT | TCP_DEFER_ACCEPT
            | TCP_FASTOPEN | TCP_KEEPIDLE | TCP_KEEPINTVL | TCP_KEEPCNT,
        ) => matches!(value, OptionValue::Number(_)),
        _ => false,
    }
}

impl Host for ApiHost {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn pass(&mut self, moment: Instant) -> Result<(), HostError> {
        loop {
            self.collect()?;
            if self.ended.is_none() {
                self.ended = self.worker.next_ended();
            }
            let left = self.clock.now().until(moment);
            if !self.emitted.is_empty() || self.ended.is_some() || left.is_zero() {
                return Ok(());
            }
            self.worker.sleep(self.wire.descriptor(), left)?;
        }
    }

    fn arrives(&mut self, packet: &[u8]) -> Result<(), HostError> {
        let mut batch = VecDeque::from([OutPacket {
            text: Text::from(Bytes::copy_from_slice(packet)),
            ..OutPacket::default()
        }]);
        self.wire
            .transmit(&mut batch)
            .map_err(|error| HostError::Failed {
                what: "writing to the cable",
                errno: Errno::of(&error),
            })?;
        self.collect()
    }

    fn next_emitted(&mut self) -> Option<Emitted> {
        self.emitted.pop_front()
    }

    fn begin(&mut self, call: Syscall) -> Result<(), HostError> {
        self.check(&call)?;
        self.worker.begin(call)
    }

    fn next_ended(&mut self) -> Option<Ended> {
        self.ended.take().or_else(|| self.worker.next_ended())
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn tcp_info(&mut self, fd: Fd) -> Result<TcpInfo, Errno> {
        let conn = match self
            .sockets
            .lock()
            .get(&fd)
            .map(|socket| socket.role.clone())
        {
            Some(Role::Stream(conn)) => conn,
            Some(_) => return Err(Errno::ENOTCONN),
            None => return Err(Errno::EBADF),
        };
        let status = conn.info().map_err(|error| errno_of(&error))?;
        Ok(info::of_status(&status, None))
    }

    fn local_address(&mut self, fd: Fd) -> Option<SocketAddr> {
        let socket = self.sockets.lock().get(&fd).cloned()?;
        let (ip, port) = match &socket.role {
            Role::Fresh | Role::Listener(_) => return socket.bound,
            Role::Stream(conn) => (conn.local_addr().ip, conn.local_addr().port),
            Role::Datagrams(conn) => (conn.local_addr().ip, conn.local_addr().port),
        };
        ip.map(|ip| SocketAddr::new(ip, port))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), HostError> {
        match sysctl::later(name, value) {
            Meaning::AsIs | Meaning::None | Meaning::Applied => Ok(()),
            Meaning::Cannot(what) => Err(HostError::Unsupported(what)),
            Meaning::BadValue => Err(HostError::Unsupported("the setting has no such value")),
        }
    }

    fn remarks(&mut self) -> Vec<(Instant, String)> {
        Vec::new()
    }
}

impl Drop for ApiHost {
    /// Ends a call that still blocks.
    fn drop(&mut self) {
        self.net.close();
    }
}
