//! A system call of the script for the host.
//!
//! Descriptors of the script are its own: `= 3` of `socket` names one. Buffers hold the pattern of
//! their stream at the place where it is, so that what is read can be checked octet by octet.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::flow::{Flows, Transport};
use crate::drill::ast::{
    Buffer, Call, Direction, Family, Fcntl, How, Ioctl, Message, OptionValue, Piece, SocketKind,
    SocketName,
};
use crate::drill::backend::numbers::{
    F_GETFD, F_GETFL, F_SETFD, F_SETFL, FIONREAD, MSG_FASTOPEN, O_NONBLOCK, SIOCATMARK, SIOCOUTQ,
    SIOCOUTQNSD,
};
use crate::drill::backend::{self, Blocking, Fd, PollEntry, SocketFamily, Syscall};
use crate::drill::constants::SocketOption;
use crate::drill::options::Options;
use crate::drill::pattern;

/// A descriptor of the script.
#[derive(Clone, Debug)]
pub(super) struct Descriptor {
    /// The host's number for it.
    pub(super) fd: Fd,
    pub(super) kind: SocketKind,
    /// Where it is bound.
    pub(super) local: SocketAddr,
    /// What it talks in.
    pub(super) flow: Option<usize>,
}

/// What a call is about, kept until it has ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Subject {
    /// The flow that it reads or writes.
    pub(super) flow: Option<usize>,
    /// Where in the stream what it writes begins.
    pub(super) written_from: u64,
}

/// How large a buffer may be.
const BUFFER_OCTETS_MAX: u64 = 64 << 20;

/// Calls as the host knows them.
pub(super) struct Translator<'a> {
    pub(super) options: &'a Options,
    pub(super) descriptors: &'a std::collections::BTreeMap<i64, Descriptor>,
    pub(super) flows: &'a mut Flows,
}

/// Why a call cannot be made.
type Cannot = String;

impl Translator<'_> {
    /// The host's number for a descriptor. One that the script never got is handed on as it is, for
    /// the host to refuse.
    fn fd(&self, fd: i64) -> Fd {
        match self.descriptors.get(&fd) {
            Some(known) => known.fd,
            None => i32::try_from(fd)
                .ok()
                .filter(|fd| *fd < 0)
                .unwrap_or(i32::MAX),
        }
    }

    fn name(name: SocketName) -> SocketAddr {
        SocketAddr::new(name.address, name.port)
    }

    fn local(&self, name: Option<SocketName>) -> SocketAddr {
        name.map_or_else(
            || SocketAddr::new(self.options.local_address(), self.options.bind_port()),
            Self::name,
        )
    }

    fn remote(&self, name: Option<SocketName>) -> SocketAddr {
        name.map_or_else(
            || SocketAddr::new(self.options.remote_address(), self.options.connect_port()),
            Self::name,
        )
    }

    /// The call, and what it is about.
    pub(super) fn translate(&mut self, call: &Call) -> Result<(Syscall, Subject), Cannot> {
        let plain = |call: Syscall| Ok((call, Subject::default()));
        match call {
            Call::Socket {
                domain,
                kind,
                flags,
            } => plain(Syscall::Socket {
                family: match domain.unwrap_or(self.options.family()) {
                    Family::V4 => SocketFamily::V4,
                    Family::V6 => SocketFamily::V6,
                },
                kind: match kind {
                    SocketKind::Stream => backend::SocketKind::Stream,
                    SocketKind::Datagram => backend::SocketKind::Datagram,
                },
                blocking: blocking(flags.bits()),
            }),
            Call::Bind { fd, address } => plain(Syscall::Bind {
                fd: self.fd(*fd),
                address: self.local(*address),
            }),
            Call::Listen { fd, backlog } => plain(Syscall::Listen {
                fd: self.fd(*fd),
                backlog: i32::try_from(*backlog).unwrap_or(i32::MAX),
            }),
            Call::Accept { fd, flags, .. } => plain(Syscall::Accept {
                fd: self.fd(*fd),
                blocking: flags
                    .as_ref()
                    .map_or(Blocking::Yes, |it| blocking(it.bits())),
            }),
            Call::Connect { fd, address } => {
                let remote = self.remote(*address);
                let flow = self.dial(*fd, remote);
                let syscall = Syscall::Connect {
                    fd: self.fd(*fd),
                    address: remote,
                };
                let subject = Subject {
                    flow,
                    written_from: 0,
                };
                Ok((syscall, subject))
            }
            Call::Close { fd } => plain(Syscall::Close { fd: self.fd(*fd) }),
            Call::Shutdown { fd, how } => plain(Syscall::Shutdown {
                fd: self.fd(*fd),
                how: match how {
                    How::Read => 0,
                    How::Write => 1,
                    How::Both => 2,
                },
            }),
            Call::Poll {
                entries,
                timeout_ms,
            } => plain(Syscall::Poll {
                entries: entries
                    .iter()
                    .map(|entry| PollEntry {
                        fd: self.fd(entry.fd),
                        events: entry.events.bits() as i16,
                    })
                    .collect(),
                timeout_ms: i32::try_from(*timeout_ms).unwrap_or(i32::MAX),
            }),
            Call::Fcntl { fd, command } => plain(self.fcntl(*fd, command)),
            Call::Ioctl { fd, request, value } => plain(self.ioctl(*fd, *request, *value)),
            Call::GetOption { fd, option, .. } => plain(Syscall::GetOption {
                fd: self.fd(*fd),
                level: option.level(),
                name: option.number(),
            }),
            Call::SetOption { fd, option, value } => plain(Syscall::SetOption {
                fd: self.fd(*fd),
                level: option.level(),
                name: option.number(),
                value: option_value(*option, value)?,
            }),
            Call::Read { .. }
            | Call::ReadVector { .. }
            | Call::Receive { .. }
            | Call::ReceiveFrom { .. }
            | Call::ReceiveMessage { .. } => self.receive(call),
            Call::Write { .. }
            | Call::WriteVector { .. }
            | Call::Send { .. }
            | Call::SendTo { .. }
            | Call::SendMessage { .. } => self.send(call),
        }
    }

    /// `connect`: the flow whose first packet comes next.
    fn dial(&mut self, fd: i64, remote: SocketAddr) -> Option<usize> {
        let known = self.descriptors.get(&fd)?;
        let transport = transport_of(known.kind);
        let is_new = known.flow.and_then(|index| self.flows.get(index)).is_none();
        let local = SocketAddr::new(self.options.local_address(), known.local.port());
        match known.flow {
            Some(flow) if !is_new => Some(flow),
            _ => self.flows.open(transport, local, remote),
        }
    }

    fn fcntl(&self, fd: i64, command: &Fcntl) -> Syscall {
        let (command, argument) = match command {
            Fcntl::GetFlags => (F_GETFL, 0),
            Fcntl::SetFlags(flags) => (F_SETFL, flags.bits()),
            Fcntl::GetDescriptorFlags => (F_GETFD, 0),
            Fcntl::SetDescriptorFlags(flags) => (F_SETFD, flags.bits()),
        };
        Syscall::Fcntl {
            fd: self.fd(fd),
            command,
            argument: i32::try_from(argument).unwrap_or(0),
        }
    }

    fn ioctl(&self, fd: i64, request: Ioctl, value: Option<i64>) -> Syscall {
        let fd = self.fd(fd);
        let request = match request {
            Ioctl::InQueue => FIONREAD,
            Ioctl::OutQueue => SIOCOUTQ,
            Ioctl::OutQueueNotSent => SIOCOUTQNSD,
            Ioctl::AtMark => SIOCATMARK,
            // The same as setting the flag.
            Ioctl::NonBlocking => {
                return Syscall::Fcntl {
                    fd,
                    command: F_SETFL,
                    argument: if value.unwrap_or(0) == 0 {
                        0
                    } else {
                        O_NONBLOCK
                    },
                };
            }
        };
        Syscall::Ioctl { fd, request }
    }

    fn flow_of(&self, fd: i64) -> Option<usize> {
        self.descriptors.get(&fd)?.flow
    }

    fn receive(&self, call: &Call) -> Result<(Syscall, Subject), Cannot> {
        let (fd, octets, flags) = match call {
            Call::Read { fd, octets, .. } => (*fd, *octets, 0),
            Call::ReadVector { fd, pieces } => (*fd, total(pieces), 0),
            Call::Receive {
                fd, octets, flags, ..
            }
            | Call::ReceiveFrom {
                fd, octets, flags, ..
            } => (*fd, *octets, flags.bits()),
            Call::ReceiveMessage { fd, message, flags } => {
                without_control(message)?;
                (*fd, total(&message.pieces), flags.bits())
            }
            _ => return Err("this call receives nothing".to_owned()),
        };
        let subject = Subject {
            flow: self.flow_of(fd),
            written_from: 0,
        };
        let syscall = Syscall::Receive {
            fd: self.fd(fd),
            octets_max: buffer_octets(octets)?,
            flags: i32::try_from(flags).unwrap_or(0),
        };
        Ok((syscall, subject))
    }

    fn send(&mut self, call: &Call) -> Result<(Syscall, Subject), Cannot> {
        let (fd, pieces, flags, to) = match call {
            Call::Write { fd, buffer, octets } => (*fd, vec![piece(buffer, *octets)], 0, None),
            Call::WriteVector { fd, pieces } => (*fd, pieces.clone(), 0, None),
            Call::Send {
                fd,
                buffer,
                octets,
                flags,
            } => (*fd, vec![piece(buffer, *octets)], flags.bits(), None),
            Call::SendTo {
                fd,
                buffer,
                octets,
                flags,
                address,
            } => {
                let to = self.remote(*address);
                (*fd, vec![piece(buffer, *octets)], flags.bits(), Some(to))
            }
            Call::SendMessage { fd, message, flags } => {
                without_control(message)?;
                let is_connected = self.flow_of(*fd).is_some();
                let to = match message.name {
                    None if is_connected => None,
                    name => Some(self.remote(name)),
                };
                (*fd, message.pieces.clone(), flags.bits(), to)
            }
            _ => return Err("this call sends nothing".to_owned()),
        };
        let is_stream = self
            .descriptors
            .get(&fd)
            .is_none_or(|known| known.kind == SocketKind::Stream);
        let flags = i32::try_from(flags).unwrap_or(0);
        // RFC 7413: the call that sends is the one that dials.
        let dials = to.filter(|_| is_stream && flags & MSG_FASTOPEN != 0);
        let (octets, subject) = match (is_stream, dials) {
            (true, Some(to)) => {
                let flow = match self.flow_of(fd) {
                    Some(flow) => Some(flow),
                    None => self.dial(fd, to),
                };
                self.write_stream(flow, &pieces)?
            }
            (true, None) => self.write_stream(self.flow_of(fd), &pieces)?,
            (false, _) => self.write_datagram(fd, &pieces, to)?,
        };
        let syscall = Syscall::Send {
            fd: self.fd(fd),
            octets,
            flags,
            to: if is_stream { dials } else { to },
        };
        Ok((syscall, subject))
    }

    fn write_stream(
        &mut self,
        flow: Option<usize>,
        pieces: &[Piece],
    ) -> Result<(Bytes, Subject), Cannot> {
        let Some(stream) = flow.and_then(|index| self.flows.get_mut(index)) else {
            let octets = buffer_octets(total(pieces))?;
            let text = pattern::octets(Direction::Outbound, 0, octets);
            return Ok((text, Subject::default()));
        };
        let from = stream.written_octets;
        let mut offset = from;
        let mut text = Vec::new();
        for piece in pieces {
            let octets = buffer_octets(piece.octets)?;
            if let Buffer::Octets(said) = &piece.buffer {
                let mut said = said.clone();
                said.resize(octets, 0);
                stream.written.spell(offset, said);
            }
            text.extend(stream.written.at(offset, octets));
            offset += octets as u64;
        }
        // What leaves before the call ends is known to be the application's.
        stream.written_octets = offset;
        let subject = Subject {
            flow,
            written_from: from,
        };
        Ok((text.into(), subject))
    }

    fn write_datagram(
        &mut self,
        fd: i64,
        pieces: &[Piece],
        to: Option<SocketAddr>,
    ) -> Result<(Bytes, Subject), Cannot> {
        let mut text = Vec::new();
        for piece in pieces {
            let octets = buffer_octets(piece.octets)?;
            match &piece.buffer {
                Buffer::Octets(said) => {
                    let mut said = said.clone();
                    said.resize(octets, 0);
                    text.extend(said);
                }
                Buffer::Pattern => {
                    let from = text.len() as u64;
                    text.extend(pattern::octets(Direction::Outbound, from, octets));
                }
            }
        }
        let known = self.descriptors.get(&fd);
        let local = known.map_or_else(|| self.local(None), |known| known.local);
        let local = SocketAddr::new(self.options.local_address(), local.port());
        let flow = match (known.and_then(|known| known.flow), to) {
            (Some(flow), None) => Some(flow),
            (_, Some(to)) => self
                .flows
                .find(Transport::Udp, local, to)
                .or_else(|| self.flows.find_unfinished(Transport::Udp, to))
                .or_else(|| self.flows.open(Transport::Udp, local, to)),
            (None, None) => None,
        };
        let subject = Subject {
            flow,
            written_from: 0,
        };
        if let Some(flow) = flow {
            self.flows.choose(flow);
            if let Some(flow) = self.flows.get_mut(flow) {
                flow.unseen.push_back(text.clone());
            }
        }
        Ok((text.into(), subject))
    }
}

fn piece(buffer: &Buffer, octets: u64) -> Piece {
    Piece {
        buffer: buffer.clone(),
        octets,
    }
}

/// `SOCK_NONBLOCK` is `O_NONBLOCK`.
fn blocking(bits: i64) -> Blocking {
    match bits & i64::from(O_NONBLOCK) {
        0 => Blocking::Yes,
        _ => Blocking::No,
    }
}

fn total(pieces: &[Piece]) -> u64 {
    pieces
        .iter()
        .fold(0, |total, piece| total.saturating_add(piece.octets))
}

fn buffer_octets(octets: u64) -> Result<usize, Cannot> {
    match usize::try_from(octets) {
        Ok(octets) if octets as u64 <= BUFFER_OCTETS_MAX => Ok(octets),
        Ok(_) | Err(_) => Err(format!("a buffer may have {BUFFER_OCTETS_MAX} octets")),
    }
}

fn without_control(message: &Message) -> Result<(), Cannot> {
    if message.control.is_empty() {
        Ok(())
    } else {
        Err("there are no ancillary messages".to_owned())
    }
}

/// TCP or UDP.
pub(super) const fn transport_of(kind: SocketKind) -> Transport {
    match kind {
        SocketKind::Stream => Transport::Tcp,
        SocketKind::Datagram => Transport::Udp,
    }
}

fn option_value(option: SocketOption, value: &OptionValue) -> Result<backend::OptionValue, Cannot> {
    match value {
        OptionValue::Any => Err(format!("{} must be set to something", option.name())),
        OptionValue::Number(number) => Ok(backend::OptionValue::Number(
            // Numbers that only fit an unsigned int are meant as one.
            *number as i32,
        )),
        OptionValue::Text(text) => Ok(backend::OptionValue::Octets(text.as_bytes().to_vec())),
        OptionValue::Linger { on, seconds } => Ok(backend::OptionValue::Linger {
            on: i32::try_from(*on).unwrap_or(1),
            seconds: i32::try_from(*seconds).unwrap_or(i32::MAX),
        }),
        OptionValue::Timeval { seconds, micros } => {
            let seconds = u64::try_from(*seconds).unwrap_or(0);
            let micros = u64::try_from(*micros).unwrap_or(0);
            let time = Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros));
            Ok(backend::OptionValue::Time(time))
        }
    }
}

/// The name of a call of the script.
pub(super) const fn call_name(call: &Call) -> &'static str {
    match call {
        Call::Socket { .. } => "socket",
        Call::Bind { .. } => "bind",
        Call::Listen { .. } => "listen",
        Call::Accept { flags: None, .. } => "accept",
        Call::Accept { flags: Some(_), .. } => "accept4",
        Call::Connect { .. } => "connect",
        Call::Read { .. } => "read",
        Call::Write { .. } => "write",
        Call::ReadVector { .. } => "readv",
        Call::WriteVector { .. } => "writev",
        Call::Receive { .. } => "recv",
        Call::Send { .. } => "send",
        Call::ReceiveFrom { .. } => "recvfrom",
        Call::SendTo { .. } => "sendto",
        Call::ReceiveMessage { .. } => "recvmsg",
        Call::SendMessage { .. } => "sendmsg",
        Call::Close { .. } => "close",
        Call::Shutdown { .. } => "shutdown",
        Call::Poll { .. } => "poll",
        Call::Fcntl { .. } => "fcntl",
        Call::Ioctl { .. } => "ioctl",
        Call::GetOption { .. } => "getsockopt",
        Call::SetOption { .. } => "setsockopt",
    }
}

/// The descriptor of the script that a call is about.
pub(super) const fn fd_of(call: &Call) -> Option<i64> {
    match call {
        Call::Socket { .. } | Call::Poll { .. } => None,
        Call::Bind { fd, .. }
        | Call::Listen { fd, .. }
        | Call::Accept { fd, .. }
        | Call::Connect { fd, .. }
        | Call::Read { fd, .. }
        | Call::Write { fd, .. }
        | Call::ReadVector { fd, .. }
        | Call::WriteVector { fd, .. }
        | Call::Receive { fd, .. }
        | Call::Send { fd, .. }
        | Call::ReceiveFrom { fd, .. }
        | Call::SendTo { fd, .. }
        | Call::ReceiveMessage { fd, .. }
        | Call::SendMessage { fd, .. }
        | Call::Close { fd }
        | Call::Shutdown { fd, .. }
        | Call::Fcntl { fd, .. }
        | Call::Ioctl { fd, .. }
        | Call::GetOption { fd, .. }
        | Call::SetOption { fd, .. } => Some(*fd),
    }
}
