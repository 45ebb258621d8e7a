//! Our stack through the `api` crate, on a cable in memory whose other end the runner holds.
//!
//! `listen`, `accept`, `dial`, `read` and `write` are those that a program calls, with the packet thread
//! and its channels in between. Time is real: the packet thread has a clock of its own that nobody can
//! turn. What a socket can do and the api cannot is told, and not imitated.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use sidestep::device::memory::{MemoryDevice, MemoryOptions, Offload, cable};
use sidestep::device::{Device, OutPacket};
use sidestep::error::{Cause, Errno};
use sidestep::{
    Deadline, KeepAliveConfig, Net, OpError, ResolverSettings, TCPAddr, TCPConn, TCPListener,
    UDPAddr, UDPConn,
};
use sidestep_stack::call::InterfaceAddress;
use sidestep_stack::wire::packet::Text;
use sidestep_stack::{Config, Instant};

use super::numbers::{
    F_GETFL, F_SETFL, IPPROTO_TCP, MSG_DONTWAIT, MSG_NOSIGNAL, O_NONBLOCK, O_RDWR, SO_ERROR,
    SO_KEEPALIVE, SO_LINGER, SO_RCVBUF, SO_REUSEADDR, SO_SNDBUF, SOL_SOCKET, TCP_NODELAY,
};
use super::worker::{RealTime, Worker};
use super::{
    Blocking, Emitted, Ended, Fd, Host, HostError, OptionValue, Outcome, SocketFamily, SocketKind,
    Syscall, TcpInfo, info,
};

/// Packets that are read at one time.
const BATCH_MAX: usize = 64;

/// How long a call that does not block may take on a machine that is busy elsewhere.
const PATIENCE: Duration = Duration::from_millis(500);

/// A call that must not wait may wait so long for the packet thread.
const AT_ONCE: Duration = Duration::from_millis(5);

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

/// A descriptor's socket.
#[derive(Clone, Debug)]
struct Socket {
    family: SocketFamily,
    kind: SocketKind,
    blocking: Blocking,
    bound: Option<SocketAddr>,
    /// `setsockopt` before there is a connection.
    chosen: Vec<(i32, i32, OptionValue)>,
    role: Role,
}

#[derive(Clone, Debug)]
enum Role {
    Fresh,
    Listener(TCPListener),
    Stream(TCPConn),
    Datagrams(UDPConn),
}

type Sockets = Arc<Mutex<BTreeMap<Fd, Socket>>>;

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
        (SOL_SOCKET, SO_REUSEADDR | SO_KEEPALIVE | SO_SNDBUF | SO_RCVBUF)
        | (IPPROTO_TCP, TCP_NODELAY) => matches!(value, OptionValue::Number(_)),
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

    fn set(&mut self, _name: &str, _value: &str) -> Result<(), HostError> {
        Err(HostError::Unsupported(
            "the settings of a stack stand from its beginning on",
        ))
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

/// The error number that Linux has for what the api says.
fn errno_of(error: &OpError) -> Errno {
    match error.err() {
        Cause::Timeout => Errno::EAGAIN,
        Cause::Closed => Errno::EBADF,
        cause => cause.errno().unwrap_or(Errno::EIO),
    }
}

/// The program of the script.
struct Application {
    net: Net,
    sockets: Sockets,
}

/// The first descriptor that a program gets for itself.
const FIRST_FD: Fd = 3;

impl Application {
    fn carry_out(&self, call: Syscall) -> Outcome {
        self.try_carry_out(call).unwrap_or_else(Outcome::failed)
    }

    fn find(&self, fd: Fd) -> Result<Socket, Errno> {
        self.sockets.lock().get(&fd).cloned().ok_or(Errno::EBADF)
    }

    fn change(&self, fd: Fd, change: impl FnOnce(&mut Socket)) {
        if let Some(socket) = self.sockets.lock().get_mut(&fd) {
            change(socket);
        }
    }

    fn add(&self, socket: Socket) -> Outcome {
        let mut sockets = self.sockets.lock();
        let fd = (FIRST_FD..).find(|fd| !sockets.contains_key(fd));
        let fd = fd.unwrap_or(FIRST_FD);
        sockets.insert(fd, socket);
        Outcome::of(fd.into())
    }

    fn try_carry_out(&self, call: Syscall) -> Result<Outcome, Errno> {
        match call {
            Syscall::Socket {
                family,
                kind,
                blocking,
            } => Ok(self.add(Socket {
                family,
                kind,
                blocking,
                bound: None,
                chosen: Vec::new(),
                role: Role::Fresh,
            })),
            Syscall::Bind { fd, address } => self.bind(fd, address),
            Syscall::Listen { fd, backlog } => self.listen(fd, backlog),
            Syscall::Accept { fd, blocking } => self.accept(fd, blocking),
            Syscall::Connect { fd, address } => self.connect(fd, address),
            Syscall::Receive {
                fd,
                octets_max,
                flags,
            } => self.receive(fd, octets_max, flags),
            Syscall::Send { fd, octets, to, .. } => self.send(fd, &octets, to),
            Syscall::Close { fd } => self.close(fd),
            Syscall::Shutdown { fd, how } => self.shutdown(fd, how),
            Syscall::SetOption {
                fd,
                level,
                name,
                value,
            } => {
                let socket = self.find(fd)?;
                match &socket.role {
                    Role::Stream(conn) => set_option(conn, level, name, &value)?,
                    Role::Fresh | Role::Listener(_) | Role::Datagrams(_) => {
                        self.change(fd, |socket| socket.chosen.push((level, name, value)));
                    }
                }
                Ok(Outcome::done())
            }
            Syscall::GetOption { fd, .. } => {
                self.find(fd)?;
                Ok(Outcome {
                    value: Some(OptionValue::Number(0)),
                    ..Outcome::done()
                })
            }
            Syscall::Fcntl {
                fd,
                command,
                argument,
            } => self.fcntl(fd, command, argument),
            Syscall::Poll { .. } | Syscall::Ioctl { .. } => Err(Errno::ENOSYS),
        }
    }

    fn bind(&self, fd: Fd, address: SocketAddr) -> Result<Outcome, Errno> {
        let socket = self.find(fd)?;
        if socket.kind == SocketKind::Datagram {
            let local = UDPAddr::from(address);
            let opened = self.net.listen_udp(udp_of(socket.family), Some(&local));
            let opened = opened.map_err(|error| errno_of(&error))?;
            self.change(fd, |socket| socket.role = Role::Datagrams(opened));
        }
        self.change(fd, |socket| socket.bound = Some(address));
        Ok(Outcome::done())
    }

    fn listen(&self, fd: Fd, backlog: i32) -> Result<Outcome, Errno> {
        let socket = self.find(fd)?;
        let local = socket.bound.map(TCPAddr::from);
        let mut config = self.net.listen_config().keep_alive(KeepAliveConfig::off());
        if let Ok(backlog) = usize::try_from(backlog) {
            config = config.backlog(backlog + 1);
        }
        let listener = config
            .listen_tcp(tcp_of(socket.family), local.as_ref())
            .map_err(|error| errno_of(&error))?;
        self.change(fd, |socket| socket.role = Role::Listener(listener));
        Ok(Outcome::done())
    }

    fn accept(&self, fd: Fd, blocking: Blocking) -> Result<Outcome, Errno> {
        let socket = self.find(fd)?;
        let Role::Listener(listener) = &socket.role else {
            return Err(Errno::EINVAL);
        };
        let limit = deadline(socket.blocking, 0);
        listener
            .set_deadline(limit)
            .map_err(|error| errno_of(&error))?;
        let conn = listener.accept_tcp().map_err(|error| errno_of(&error))?;
        let remote = conn.remote_addr();
        let remote = remote.ip.map(|ip| SocketAddr::new(ip, remote.port));
        self.begin_stream(&conn, &socket)?;
        let outcome = self.add(Socket {
            blocking,
            role: Role::Stream(conn),
            ..socket
        });
        Ok(Outcome {
            address: remote,
            ..outcome
        })
    }

    /// Go sends small segments at once; sockets do not, unless they are told to.
    fn begin_stream(&self, conn: &TCPConn, socket: &Socket) -> Result<(), Errno> {
        conn.set_nodelay(false).map_err(|error| errno_of(&error))?;
        for (level, name, value) in &socket.chosen {
            set_option(conn, *level, *name, value)?;
        }
        Ok(())
    }

    fn connect(&self, fd: Fd, address: SocketAddr) -> Result<Outcome, Errno> {
        let socket = self.find(fd)?;
        let failed = |error: OpError| errno_of(&error);
        match (&socket.role, socket.kind) {
            (Role::Fresh, SocketKind::Stream) => {
                let local = socket.bound.map(TCPAddr::from);
                let remote = TCPAddr::from(address);
                let dialer = self.net.dialer().keep_alive(KeepAliveConfig::off());
                let conn = dialer
                    .dial_tcp(tcp_of(socket.family), local.as_ref(), &remote)
                    .map_err(failed)?;
                self.begin_stream(&conn, &socket)?;
                self.change(fd, |socket| socket.role = Role::Stream(conn));
                Ok(Outcome::done())
            }
            (Role::Stream(_) | Role::Listener(_), _) => Err(Errno::EISCONN),
            (_, SocketKind::Datagram) => {
                if let Role::Datagrams(old) = &socket.role {
                    old.close().map_err(failed)?;
                }
                let local = socket.bound.map(UDPAddr::from);
                let remote = UDPAddr::from(address);
                let dialed = self
                    .net
                    .dial_udp(udp_of(socket.family), local.as_ref(), &remote)
                    .map_err(failed)?;
                self.change(fd, |socket| socket.role = Role::Datagrams(dialed));
                Ok(Outcome::done())
            }
            (Role::Datagrams(_), SocketKind::Stream) => Err(Errno::EINVAL),
        }
    }

    fn receive(&self, fd: Fd, octets_max: usize, flags: i32) -> Result<Outcome, Errno> {
        let socket = self.find(fd)?;
        let limit = deadline(socket.blocking, flags);
        let mut room = vec![0; octets_max];
        match &socket.role {
            Role::Stream(conn) => {
                conn.set_read_deadline(limit)
                    .map_err(|error| errno_of(&error))?;
                let octets = conn.read(&mut room).map_err(|error| errno_of(&error))?;
                room.truncate(octets);
                Ok(Outcome::received(room))
            }
            Role::Datagrams(conn) => {
                conn.set_read_deadline(limit)
                    .map_err(|error| errno_of(&error))?;
                let (octets, from) = conn
                    .read_from(&mut room)
                    .map_err(|error| errno_of(&error))?;
                room.truncate(octets);
                Ok(Outcome {
                    address: from.ip.map(|ip| SocketAddr::new(ip, from.port)),
                    ..Outcome::received(room)
                })
            }
            Role::Fresh | Role::Listener(_) => Err(Errno::ENOTCONN),
        }
    }

    fn send(&self, fd: Fd, octets: &Bytes, to: Option<SocketAddr>) -> Result<Outcome, Errno> {
        let socket = self.find(fd)?;
        let sent = match (&socket.role, to) {
            (Role::Stream(conn), _) => match socket.blocking {
                Blocking::Yes => conn.write(octets),
                Blocking::No => conn.write_some(octets),
            },
            (Role::Datagrams(conn), Some(to)) => conn.write_to(octets, &UDPAddr::from(to)),
            (Role::Datagrams(conn), None) => conn.write(octets),
            (Role::Fresh, Some(to)) if socket.kind == SocketKind::Datagram => {
                let opened = self.net.listen_udp(udp_of(socket.family), None);
                let opened = opened.map_err(|error| errno_of(&error))?;
                let sent = opened.write_to(octets, &UDPAddr::from(to));
                self.change(fd, |socket| socket.role = Role::Datagrams(opened));
                sent
            }
            (Role::Fresh | Role::Listener(_), _) => return Err(Errno::EPIPE),
        };
        match sent {
            Ok(sent) => Ok(Outcome::of(i64::try_from(sent).unwrap_or(i64::MAX))),
            Err(error) => Err(errno_of(&error)),
        }
    }

    fn close(&self, fd: Fd) -> Result<Outcome, Errno> {
        let socket = self.sockets.lock().remove(&fd).ok_or(Errno::EBADF)?;
        let closed = match &socket.role {
            Role::Fresh => Ok(()),
            Role::Listener(listener) => listener.close(),
            Role::Stream(conn) => conn.close(),
            Role::Datagrams(conn) => conn.close(),
        };
        match closed {
            Ok(()) => Ok(Outcome::done()),
            Err(error) => Err(errno_of(&error)),
        }
    }

    fn shutdown(&self, fd: Fd, how: i32) -> Result<Outcome, Errno> {
        let socket = self.find(fd)?;
        let Role::Stream(conn) = &socket.role else {
            return Err(Errno::ENOTCONN);
        };
        let how = match how {
            0 => std::net::Shutdown::Read,
            1 => std::net::Shutdown::Write,
            2 => std::net::Shutdown::Both,
            _ => return Err(Errno::EINVAL),
        };
        conn.shutdown(how).map_err(|error| errno_of(&error))?;
        Ok(Outcome::done())
    }

    fn fcntl(&self, fd: Fd, command: i32, argument: i32) -> Result<Outcome, Errno> {
        let socket = self.find(fd)?;
        match command {
            F_GETFL => Ok(Outcome::of(match socket.blocking {
                Blocking::Yes => O_RDWR.into(),
                Blocking::No => (O_RDWR | O_NONBLOCK).into(),
            })),
            F_SETFL => {
                let blocking = match argument & O_NONBLOCK {
                    0 => Blocking::Yes,
                    _ => Blocking::No,
                };
                self.change(fd, |socket| socket.blocking = blocking);
                Ok(Outcome::done())
            }
            _ => Ok(Outcome::done()),
        }
    }
}

/// Until when a call of this socket waits.
fn deadline(blocking: Blocking, flags: i32) -> Deadline {
    match blocking {
        Blocking::Yes if flags & MSG_DONTWAIT == 0 => Deadline::NONE,
        Blocking::Yes | Blocking::No => AT_ONCE.into(),
    }
}

const fn tcp_of(family: SocketFamily) -> &'static str {
    match family {
        SocketFamily::V4 => "tcp4",
        SocketFamily::V6 => "tcp6",
    }
}

const fn udp_of(family: SocketFamily) -> &'static str {
    match family {
        SocketFamily::V4 => "udp4",
        SocketFamily::V6 => "udp6",
    }
}

fn set_option(conn: &TCPConn, level: i32, name: i32, value: &OptionValue) -> Result<(), Errno> {
    let done = match (level, name, value) {
        (SOL_SOCKET, SO_LINGER, OptionValue::Linger { on, seconds }) => {
            let seconds = u64::try_from(*seconds).unwrap_or(0);
            conn.set_linger((*on != 0).then(|| Duration::from_secs(seconds)))
        }
        (SOL_SOCKET, SO_KEEPALIVE, OptionValue::Number(number)) => {
            conn.set_keep_alive(*number != 0)
        }
        (SOL_SOCKET, SO_SNDBUF, OptionValue::Number(number)) => {
            conn.set_write_buffer(usize::try_from(*number).unwrap_or(0))
        }
        (SOL_SOCKET, SO_RCVBUF, OptionValue::Number(number)) => {
            conn.set_read_buffer(usize::try_from(*number).unwrap_or(0))
        }
        (SOL_SOCKET, SO_REUSEADDR, _) => Ok(()),
        (IPPROTO_TCP, TCP_NODELAY, OptionValue::Number(number)) => conn.set_nodelay(*number != 0),
        _ => return Err(Errno::ENOPROTOOPT),
    };
    done.map_err(|error| errno_of(&error))
}
