//! The descriptors of the application, and each call as Linux would answer it.
//!
//! A call is attempted as often as need be: [`Attempt::Blocks`] says that it has to wait, and the back
//! end tries again after the next turn. Nothing here lets time pass or sees a packet.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use sidestep::error::Errno;
use sidestep_stack::call::{ConnectionId, Listen, Release, Status};
use sidestep_stack::observe::State;
use sidestep_stack::{Call, Event, Instant, Reply, Stack};

use super::socket::{Chosen, Opening, Role, Socket, Stream, errno_of};
use super::{datagrams, options, poll, stream};
use crate::drill::backend::numbers::{
    F_GETFD, F_GETFL, F_SETFD, F_SETFL, FIONREAD, MSG_DONTWAIT, O_NONBLOCK, O_RDWR, SIOCATMARK,
    SIOCOUTQ, SIOCOUTQNSD, SO_ERROR, SOL_SOCKET,
};
use crate::drill::backend::{
    Blocking, Fd, Outcome, SocketFamily, SocketKind, Syscall, TcpInfo, info,
};
use crate::packet::seen::Seen;

/// The first descriptor that a program gets for itself.
const FIRST_FD: Fd = 3;

/// Sockets of one script.
const SOCKETS_MAX: usize = 4_096;

/// Whether a call is over.
#[derive(Clone, Debug)]
pub(super) enum Attempt {
    /// It is.
    Ended(Outcome),
    /// It waits; `None`: for ever.
    Blocks {
        /// How long at most, counted from the first attempt.
        give_up_after: Option<Duration>,
    },
}

impl From<Outcome> for Attempt {
    fn from(outcome: Outcome) -> Self {
        Self::Ended(outcome)
    }
}

impl From<Errno> for Attempt {
    fn from(errno: Errno) -> Self {
        Self::Ended(Outcome::failed(errno))
    }
}

/// What a call that blocks has done so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// Octets that were taken from a writer.
    pub(super) sent: usize,
    /// Octets that a reader with `MSG_WAITALL` has got.
    pub(super) received: Vec<u8>,
    /// A `connect` has begun.
    pub(super) is_connecting: bool,
}

/// What a call that waited too long returns.
pub(super) fn gave_up(call: &Syscall, progress: &Progress) -> Outcome {
    match call {
        Syscall::Poll { entries, .. } => Outcome {
            ready: vec![0; entries.len()],
            ..Outcome::done()
        },
        Syscall::Connect { .. } => Outcome::failed(Errno::EINPROGRESS),
        _ if progress.sent > 0 => Outcome::of(i64::try_from(progress.sent).unwrap_or(i64::MAX)),
        _ if !progress.received.is_empty() => Outcome::received(progress.received.clone()),
        _ => Outcome::failed(Errno::EAGAIN),
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    sockets: BTreeMap<Fd, Socket>,
}

impl Table {
    /// The stack has told something.
    pub(super) fn told(&mut self, event: &Event) {
        match event {
            Event::Established(connection) => {
                if let Some(stream) = self.by_connection(*connection) {
                    stream.opening = Opening::Done;
                }
            }
            Event::Failed { connection, error } => {
                if let Some(stream) = self.by_connection(*connection) {
                    stream.failed(*error);
                }
            }
            Event::Soft { connection, error } => {
                if let Some(stream) = self.by_connection(*connection) {
                    stream.troubled(*error);
                }
            }
            Event::Urgent(connection) => {
                if let Some(stream) = self.by_connection(*connection) {
                    stream.urgent = true;
                }
            }
            Event::DatagramArrived(id) => {
                for socket in self.sockets.values_mut() {
                    if let Role::Datagrams(datagrams) = &mut socket.role
                        && datagrams.socket == *id
                    {
                        datagrams.waiting += 1;
                    }
                }
            }
            // What there is to read or take is asked for when a call wants it.
            Event::Acceptable(_)
            | Event::SynArrived(_)
            | Event::Readable(_)
            | Event::Writable(_)
            | Event::Released(_)
            | Event::RawArrived(_)
            | Event::LookedUp(_) => {}
        }
    }

    /// A connection left `from`.
    pub(super) fn left_state(&mut self, connection: ConnectionId, from: State) {
        if let Some(stream) = self.by_connection(connection) {
            stream.left = from;
        }
    }

    fn by_connection(&mut self, connection: ConnectionId) -> Option<&mut Stream> {
        self.sockets
            .values_mut()
            .filter_map(Socket::stream_mut)
            .find(|stream| stream.connection == connection)
    }

    /// One attempt of `call`.
    pub(super) fn attempt(
        &mut self,
        stack: &mut Stack,
        now: Instant,
        call: &Syscall,
        progress: &mut Progress,
    ) -> Attempt {
        let mut door = Door { stack, now };
        match call {
            Syscall::Socket {
                family,
                kind,
                blocking,
            } => self.socket(&door, *family, *kind, *blocking).into(),
            Syscall::Bind { fd, address } => self.bind(&mut door, *fd, *address).into(),
            Syscall::Listen { fd, backlog } => self.listen(&mut door, *fd, *backlog).into(),
            Syscall::Accept { fd, blocking } => self.accept(&mut door, *fd, *blocking),
            Syscall::Close { fd } => self.close(&mut door, *fd).into(),
            Syscall::Poll {
                entries,
                timeout_ms,
            } => poll::poll(&self.sockets, &door, entries, *timeout_ms),
            Syscall::Connect { fd, .. }
            | Syscall::Receive { fd, .. }
            | Syscall::Send { fd, .. }
            | Syscall::Shutdown { fd, .. }
            | Syscall::SetOption { fd, .. }
            | Syscall::GetOption { fd, .. }
            | Syscall::Fcntl { fd, .. }
            | Syscall::Ioctl { fd, .. } => match self.sockets.get_mut(fd) {
                None => Errno::EBADF.into(),
                Some(socket) => on_socket(socket, &mut door, call, progress),
            },
        }
    }

    fn socket(
        &mut self,
        door: &Door<'_>,
        family: SocketFamily,
        kind: SocketKind,
        blocking: Blocking,
    ) -> Outcome {
        self.add(Socket {
            family,
            kind,
            blocking,
            bound: None,
            chosen: Chosen::new(door.stack.config()),
            role: Role::Fresh,
            named: None,
        })
    }

    /// The lowest descriptor that is free, as POSIX has it.
    fn add(&mut self, socket: Socket) -> Outcome {
        if self.sockets.len() >= SOCKETS_MAX {
            return Outcome::failed(Errno::EMFILE);
        }
        let fd = (FIRST_FD..).find(|fd| !self.sockets.contains_key(fd));
        let fd = fd.unwrap_or(FIRST_FD);
        self.sockets.insert(fd, socket);
        Outcome::of(fd.into())
    }

    fn bind(&mut self, door: &mut Door<'_>, fd: Fd, address: SocketAddr) -> Outcome {
        let taken = self.sockets.iter().any(|(other, socket)| {
            *other != fd && address.port() != 0 && self.collides(fd, socket, address)
        });
        let Some(socket) = self.sockets.get_mut(&fd) else {
            return Errno::EBADF.into();
        };
        let is_v4 = address.is_ipv4();
        if is_v4 != (socket.family == SocketFamily::V4) {
            return Errno::EAFNOSUPPORT.into();
        }
        if socket.bound.is_some() || !matches!(socket.role, Role::Fresh) {
            return Errno::EINVAL.into();
        }
        if !address.ip().is_unspecified() && !door.is_ours(address) {
            return Errno::EADDRNOTAVAIL.into();
        }
        if taken {
            return Errno::EADDRINUSE.into();
        }
        socket.bound = Some(address);
        if socket.kind == SocketKind::Datagram {
            return datagrams::open(socket, door, None);
        }
        Outcome::done()
    }

    /// True if `socket` keeps descriptor `fd` from being bound to `address`.
    fn collides(&self, fd: Fd, socket: &Socket, address: SocketAddr) -> bool {
        let Some(bound) = socket.bound else {
            return false;
        };
        let Some(asks) = self.sockets.get(&fd) else {
            return false;
        };
        let same_place = bound.port() == address.port()
            && (bound.ip() == address.ip()
                || bound.ip().is_unspecified()
                || address.ip().is_unspecified());
        let both_reuse = asks.chosen.reuse_address
            && socket.chosen.reuse_address
            && !matches!(socket.role, Role::Listener(_));
        same_place && asks.kind == socket.kind && !both_reuse
    }

    fn listen(&mut self, door: &mut Door<'_>, fd: Fd, backlog: i32) -> Outcome {
        let Some(socket) = self.sockets.get_mut(&fd) else {
            return Errno::EBADF.into();
        };
        match (&socket.role, socket.kind) {
            (_, SocketKind::Datagram) => return Errno::EOPNOTSUPP.into(),
            (Role::Fresh, SocketKind::Stream) => {}
            // A second one only changes the backlog, which the stack does not know.
            (Role::Listener(_), _) => return Outcome::done(),
            (Role::Stream(_) | Role::Datagrams(_), _) => return Errno::EINVAL.into(),
        }
        let call = Call::Listen(Listen {
            local: socket.local(),
            // Linux lets one more wait than was asked for, and reads a negative number as a large one.
            backlog: usize::try_from(backlog).ok().map(|backlog| backlog + 1),
            options: socket.chosen.connection_options(),
            reuse_port: socket.chosen.reuse_port,
            defer_accept: socket.chosen.defer_accept,
            fast_open: socket.chosen.fast_open,
            ..Listen::default()
        });
        match door.call(call) {
            Ok(Reply::Listener { listener, port }) => {
                let ip = socket.bound.map_or(socket.anywhere(), |bound| bound.ip());
                socket.bound = Some(SocketAddr::new(ip, port));
                socket.role = Role::Listener(listener);
                Outcome::done()
            }
            Ok(_) => Errno::EPROTO.into(),
            Err(errno) => errno.into(),
        }
    }

    fn accept(&mut self, door: &mut Door<'_>, fd: Fd, blocking: Blocking) -> Attempt {
        let Some(socket) = self.sockets.get(&fd) else {
            return Errno::EBADF.into();
        };
        if socket.kind == SocketKind::Datagram {
            return Errno::EOPNOTSUPP.into();
        }
        let Role::Listener(listener) = &socket.role else {
            return Errno::EINVAL.into();
        };
        let accepted = match door.call(Call::Accept(*listener)) {
            Ok(Reply::Accepted(accepted)) => accepted,
            Ok(_) => return Errno::EPROTO.into(),
            Err(errno) => return errno.into(),
        };
        let Some(accepted) = accepted else {
            return match socket.blocking {
                Blocking::No => Errno::EAGAIN.into(),
                Blocking::Yes => Attempt::Blocks {
                    give_up_after: socket.chosen.receive_timeout,
                },
            };
        };
        let child = Socket {
            family: socket.family,
            kind: socket.kind,
            blocking,
            bound: Some(accepted.local),
            chosen: socket.chosen.clone(),
            role: Role::Stream(Stream::new(
                accepted.connection,
                accepted.local,
                Opening::Told,
            )),
            named: None,
        };
        let mut outcome = self.add(child);
        outcome.address = Some(accepted.remote);
        outcome.into()
    }

    fn close(&mut self, door: &mut Door<'_>, fd: Fd) -> Outcome {
        let Some(socket) = self.sockets.remove(&fd) else {
            return Errno::EBADF.into();
        };
        let call = match &socket.role {
            Role::Fresh => return Outcome::done(),
            Role::Listener(listener) => Call::CloseListener(*listener),
            Role::Datagrams(datagrams) => Call::CloseSocket(datagrams.socket),
            Role::Stream(stream) => Call::Release {
                connection: stream.connection,
                how: match socket.chosen.linger {
                    Some(0) => Release::Abort,
                    Some(_) | None => Release::Close,
                },
            },
        };
        // What is gone already is closed as well.
        let _ = door.call(call);
        Outcome::done()
    }

    /// `getsockname`
    pub(super) fn local_address(&self, fd: Fd) -> Option<SocketAddr> {
        let socket = self.sockets.get(&fd)?;
        match &socket.role {
            Role::Fresh | Role::Listener(_) => socket.bound,
            Role::Stream(stream) => Some(stream.local),
            Role::Datagrams(datagrams) => Some(datagrams.local),
        }
    }

    /// `TCP_INFO` of a socket.
    pub(super) fn tcp_info(&self, stack: &Stack, now: Instant, fd: Fd) -> Result<TcpInfo, Errno> {
        let socket = self.sockets.get(&fd).ok_or(Errno::EBADF)?;
        match &socket.role {
            Role::Stream(stream) => match stack.status(stream.connection) {
                Some(status) => Ok(info::of_status(&status, Some(now))),
                None => Ok(info::of_state(State::Closed)),
            },
            Role::Listener(_) => Ok(info::of_state(State::Listen)),
            Role::Fresh => Ok(info::of_state(State::Closed)),
            Role::Datagrams(_) => Err(Errno::ENOPROTOOPT),
        }
    }
}

/// The stack's door for calls, at one moment.
pub(super) struct Door<'a> {
    pub(super) stack: &'a mut Stack,
    pub(super) now: Instant,
}

impl Door<'_> {
    /// Calls, and says by Linux's number why not.
    pub(super) fn call(&mut self, call: Call) -> Result<Reply, Errno> {
        self.stack.user_calls(self.now, call).map_err(errno_of)
    }

    /// What the call would answer, without making it.
    pub(super) fn would(&self, call: Call) -> Result<Reply, Errno> {
        self.stack
            .clone()
            .user_calls(self.now, call)
            .map_err(errno_of)
    }

    /// How much of its text the SYN of this OPEN would carry.
    pub(super) fn text_of_syn(&self, open: Call) -> Result<usize, Errno> {
        let mut branch = self.stack.clone();
        branch.user_calls(self.now, open).map_err(errno_of)?;
        let mut octets = 0;
        // What waited before it is bounded by the stack's own queues.
        while let Some(packet) = branch.next_packet(self.now) {
            let seen = Seen::try_read(&packet.to_vec()).ok();
            let segment = seen.as_ref().and_then(Seen::tcp);
            octets = segment.map_or(0, |it| it.text.len());
        }
        Ok(octets)
    }

    pub(super) fn status(&self, stream: &Stream) -> Result<Status, Errno> {
        self.stack.status(stream.connection).ok_or(Errno::ENOTCONN)
    }

    fn is_ours(&self, address: SocketAddr) -> bool {
        match self.would(Call::Interface) {
            Ok(Reply::Interface(interface)) => interface
                .addresses
                .iter()
                .any(|ours| ours.address == address.ip()),
            Ok(_) | Err(_) => false,
        }
    }
}

/// Whether this call waits.
pub(super) const fn waits(socket: &Socket, flags: i32) -> bool {
    matches!(socket.blocking, Blocking::Yes) && flags & MSG_DONTWAIT == 0
}

fn on_socket(
    socket: &mut Socket,
    door: &mut Door<'_>,
    call: &Syscall,
    progress: &mut Progress,
) -> Attempt {
    match (call, socket.kind) {
        (Syscall::Connect { address, .. }, SocketKind::Stream) => {
            stream::connect(socket, door, *address, progress)
        }
        (Syscall::Connect { address, .. }, SocketKind::Datagram) => {
            datagrams::open(socket, door, Some(*address)).into()
        }
        (
            Syscall::Receive {
                octets_max, flags, ..
            },
            SocketKind::Stream,
        ) => stream::receive(socket, door, *octets_max, *flags, progress),
        (
            Syscall::Receive {
                octets_max, flags, ..
            },
            SocketKind::Datagram,
        ) => datagrams::receive(socket, door, *octets_max, *flags),
        (
            Syscall::Send {
                octets, flags, to, ..
            },
            SocketKind::Stream,
        ) => stream::send(socket, door, octets, *flags, *to, progress),
        (Syscall::Send { octets, to, .. }, SocketKind::Datagram) => {
            if matches!(socket.role, Role::Fresh) {
                if to.is_none() {
                    return Errno::EDESTADDRREQ.into();
                }
                let opened = datagrams::open(socket, door, None);
                if opened.result.is_err() {
                    return opened.into();
                }
            }
            datagrams::send(socket, door, octets.clone(), *to).into()
        }
        (Syscall::Shutdown { how, .. }, _) => stream::shutdown(socket, door, *how).into(),
        (
            Syscall::SetOption {
                level, name, value, ..
            },
            _,
        ) => options::set(socket, door, *level, *name, value).into(),
        (Syscall::GetOption { level, name, .. }, _)
            if (*level, *name) == (SOL_SOCKET, SO_ERROR) =>
        {
            options::take_error(socket).into()
        }
        (Syscall::GetOption { level, name, .. }, _) => {
            options::get(socket, door, *level, *name).into()
        }
        (
            Syscall::Fcntl {
                command, argument, ..
            },
            _,
        ) => fcntl(socket, *command, *argument).into(),
        (Syscall::Ioctl { request, .. }, _) => ioctl(socket, door, *request).into(),
        // The table answers these itself.
        (
            Syscall::Socket { .. }
            | Syscall::Bind { .. }
            | Syscall::Listen { .. }
            | Syscall::Accept { .. }
            | Syscall::Close { .. }
            | Syscall::Poll { .. },
            _,
        ) => Errno::ENOSYS.into(),
    }
}

fn fcntl(socket: &mut Socket, command: i32, argument: i32) -> Outcome {
    match command {
        F_GETFL => Outcome::of(match socket.blocking {
            Blocking::Yes => O_RDWR.into(),
            Blocking::No => (O_RDWR | O_NONBLOCK).into(),
        }),
        F_SETFL => {
            socket.blocking = match argument & O_NONBLOCK {
                0 => Blocking::Yes,
                _ => Blocking::No,
            };
            Outcome::done()
        }
        // There is no exec() here that could make a difference.
        F_GETFD | F_SETFD => Outcome::done(),
        _ => Errno::EINVAL.into(),
    }
}

fn ioctl(socket: &Socket, door: &Door<'_>, request: i64) -> Outcome {
    let found = match &socket.role {
        Role::Stream(stream) => door.status(stream).and_then(|status| match request {
            FIONREAD => Ok(status.unread_octets as u64),
            SIOCOUTQ => Ok(u64::from(status.in_flight_octets) + status.unsent_octets as u64),
            SIOCOUTQNSD => Ok(status.unsent_octets as u64),
            SIOCATMARK => Ok(u64::from(stream.urgent && !status.urgent_pending)),
            _ => Err(Errno::EINVAL),
        }),
        Role::Datagrams(datagrams) => {
            match (request, door.would(Call::ReceiveDatagram(datagrams.socket))) {
                (FIONREAD, Ok(Reply::Datagram(Some(datagram)))) => Ok(datagram.octets.len() as u64),
                (FIONREAD | SIOCOUTQ, _) => Ok(0),
                _ => Err(Errno::EINVAL),
            }
        }
        Role::Fresh | Role::Listener(_) => Err(Errno::EINVAL),
    };
    match found {
        Ok(number) => Outcome {
            number: Some(i64::try_from(number).unwrap_or(i64::MAX)),
            ..Outcome::done()
        },
        Err(errno) => errno.into(),
    }
}
