//! The program of a script that is written against the api: a table of descriptors over listeners,
//! connections and sockets.
//!
//! The application's thread of the back end calls [`Application::carry_out`]. Errors of the api are told
//! by the numbers that Linux has for them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use sidestep::error::{Cause, Errno};
use sidestep::{
    Deadline, KeepAliveConfig, Net, OpError, TCPAddr, TCPConn, TCPListener, UDPAddr, UDPConn,
};

use crate::drill::backend::numbers::{
    F_GETFL, F_SETFL, IPPROTO_TCP, MSG_DONTWAIT, O_NONBLOCK, O_RDWR, SO_KEEPALIVE, SO_LINGER,
    SO_OOBINLINE, SO_RCVBUF, SO_REUSEADDR, SO_SNDBUF, SOL_SOCKET, TCP_CORK, TCP_DEFER_ACCEPT,
    TCP_FASTOPEN, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_NODELAY, TCP_QUICKACK,
    TCP_USER_TIMEOUT,
};
use crate::drill::backend::{
    Blocking, Fd, OptionValue, Outcome, SocketFamily, SocketKind, Syscall,
};

/// A call that must not wait may wait so long for the packet thread.
const AT_ONCE: Duration = Duration::from_millis(5);

/// A descriptor's socket.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) family: SocketFamily,
    pub(super) kind: SocketKind,
    pub(super) blocking: Blocking,
    pub(super) bound: Option<SocketAddr>,
    /// `setsockopt` before there is a connection.
    pub(super) chosen: Vec<(i32, i32, OptionValue)>,
    /// `SO_KEEPALIVE` and the options of it, which sockets have one by one.
    pub(super) keep: KeepAliveConfig,
    pub(super) role: Role,
}

impl Socket {
    /// A number that was chosen before there was a connection.
    fn chosen_number(&self, level: i32, name: i32) -> Option<u64> {
        let chosen = self.chosen.iter().rev();
        let mut numbers = chosen.filter_map(|(at, what, value)| match value {
            OptionValue::Number(number) if (*at, *what) == (level, name) => Some(*number),
            _ => None,
        });
        numbers.next().and_then(|number| u64::try_from(number).ok())
    }
}

#[derive(Clone, Debug)]
pub(super) enum Role {
    Fresh,
    Listener(TCPListener),
    Stream(TCPConn),
    Datagrams(UDPConn),
}

pub(super) type Sockets = Arc<Mutex<BTreeMap<Fd, Socket>>>;

/// The error number that Linux has for what the api says.
pub(super) fn errno_of(error: &OpError) -> Errno {
    match error.err() {
        Cause::Timeout => Errno::EAGAIN,
        Cause::Closed => Errno::EBADF,
        cause => cause.errno().unwrap_or(Errno::EIO),
    }
}

/// The program of the script.
pub(super) struct Application {
    pub(super) net: Net,
    pub(super) sockets: Sockets,
}

/// The first descriptor that a program gets for itself.
const FIRST_FD: Fd = 3;

impl Application {
    /// Makes the call, and waits as long as it does.
    pub(super) fn carry_out(&self, call: Syscall) -> Outcome {
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
                keep: KeepAliveConfig::off(),
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
                let mut socket = self.find(fd)?;
                match &socket.role {
                    Role::Stream(conn) => {
                        let conn = conn.clone();
                        set_option(&conn, &mut socket.keep, level, name, &value)?;
                        self.change(fd, |kept| kept.keep = socket.keep);
                    }
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
        if let Some(seconds @ 1..) = socket.chosen_number(IPPROTO_TCP, TCP_DEFER_ACCEPT) {
            config = config.defer_accept(Duration::from_secs(seconds));
        }
        if let Some(pending) = socket.chosen_number(IPPROTO_TCP, TCP_FASTOPEN) {
            config = config.fast_open(u32::try_from(pending).unwrap_or(u32::MAX));
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
        let keep = begin_stream(&conn, &socket)?;
        let outcome = self.add(Socket {
            blocking,
            keep,
            role: Role::Stream(conn),
            ..socket
        });
        Ok(Outcome {
            address: remote,
            ..outcome
        })
    }

    /// Dials, with the first text of RFC 7413 or without.
    fn dial(
        &self,
        fd: Fd,
        socket: &Socket,
        address: SocketAddr,
        text: Option<&Bytes>,
    ) -> Result<(), Errno> {
        let local = socket.bound.map(TCPAddr::from);
        let remote = TCPAddr::from(address);
        let mut dialer = self.net.dialer().keep_alive(KeepAliveConfig::off());
        if let Some(text) = text {
            dialer = dialer.fast_open(text.clone());
        }
        let conn = dialer
            .dial_tcp(tcp_of(socket.family), local.as_ref(), &remote)
            .map_err(|error| errno_of(&error))?;
        let keep = begin_stream(&conn, socket)?;
        self.change(fd, |socket| {
            socket.keep = keep;
            socket.role = Role::Stream(conn);
        });
        Ok(())
    }

    fn connect(&self, fd: Fd, address: SocketAddr) -> Result<Outcome, Errno> {
        let socket = self.find(fd)?;
        let failed = |error: OpError| errno_of(&error);
        match (&socket.role, socket.kind) {
            (Role::Fresh, SocketKind::Stream) => {
                self.dial(fd, &socket, address, None)?;
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
            (Role::Fresh, Some(to)) if socket.kind == SocketKind::Stream => {
                self.dial(fd, &socket, to, Some(octets))?;
                Ok(octets.len())
            }
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

/// Go sends small segments at once; sockets do not, unless they are told to.
fn begin_stream(conn: &TCPConn, socket: &Socket) -> Result<KeepAliveConfig, Errno> {
    conn.set_nodelay(false).map_err(|error| errno_of(&error))?;
    let mut keep = KeepAliveConfig::off();
    for (level, name, value) in &socket.chosen {
        set_option(conn, &mut keep, *level, *name, value)?;
    }
    Ok(keep)
}

fn set_option(
    conn: &TCPConn,
    keep: &mut KeepAliveConfig,
    level: i32,
    name: i32,
    value: &OptionValue,
) -> Result<(), Errno> {
    let done = match (level, name, value) {
        (SOL_SOCKET, SO_LINGER, OptionValue::Linger { on, seconds }) => {
            let seconds = u64::try_from(*seconds).unwrap_or(0);
            conn.set_linger((*on != 0).then(|| Duration::from_secs(seconds)))
        }
        (SOL_SOCKET, SO_KEEPALIVE, OptionValue::Number(number)) => {
            keep.enable = *number != 0;
            conn.set_keep_alive_config(*keep)
        }
        (
            IPPROTO_TCP,
            TCP_KEEPIDLE | TCP_KEEPINTVL | TCP_KEEPCNT,
            OptionValue::Number(number @ 1..),
        ) => {
            let count = number.unsigned_abs();
            match name {
                TCP_KEEPIDLE => keep.idle = Duration::from_secs(count.into()),
                TCP_KEEPINTVL => keep.interval = Duration::from_secs(count.into()),
                _ => keep.count = count,
            }
            match keep.enable {
                true => conn.set_keep_alive_config(*keep),
                false => Ok(()),
            }
        }
        (SOL_SOCKET, SO_SNDBUF, OptionValue::Number(number)) => {
            conn.set_write_buffer(usize::try_from(*number).unwrap_or(0))
        }
        (SOL_SOCKET, SO_RCVBUF, OptionValue::Number(number)) => {
            conn.set_read_buffer(usize::try_from(*number).unwrap_or(0))
        }
        // Urgent octets are in line always; the options of a listener are none of its connections.
        (SOL_SOCKET, SO_REUSEADDR | SO_OOBINLINE, _)
        | (IPPROTO_TCP, TCP_DEFER_ACCEPT | TCP_FASTOPEN, _) => Ok(()),
        (IPPROTO_TCP, TCP_USER_TIMEOUT, OptionValue::Number(number)) => {
            let milliseconds = u64::try_from(*number).unwrap_or(0);
            conn.set_user_timeout(Duration::from_millis(milliseconds))
        }
        (IPPROTO_TCP, TCP_NODELAY, OptionValue::Number(number)) => conn.set_nodelay(*number != 0),
        (IPPROTO_TCP, TCP_CORK, OptionValue::Number(number)) => conn.set_cork(*number != 0),
        (IPPROTO_TCP, TCP_QUICKACK, OptionValue::Number(number)) => {
            conn.set_quick_ack(*number != 0)
        }
        _ => return Err(Errno::ENOPROTOOPT),
    };
    done.map_err(|error| errno_of(&error))
}
