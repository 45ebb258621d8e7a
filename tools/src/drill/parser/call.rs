//! System calls: what each has as arguments, and what it has to return.
//!
//! Called by the statement parser at a name with a parenthesis. A call that is not here is an error at
//! its place; one that Linux has and a script may hold, but that we cannot do, says why.

use core::time::Duration;

use super::Parsed;
use super::arguments::{Argument, Shape, argument, arguments};
use super::tokens::Tokens;
use crate::drill::ast::{
    Buffer, Call, CallResult, Family, Fcntl, How, Ioctl, Position, SocketKind, SystemCall,
};
use crate::drill::constants::{
    Constant, Errno, FAMILIES, FCNTL_COMMANDS, FILE_FLAGS, Flags, IOCTL_REQUESTS, MESSAGE_FLAGS,
    PROTOCOLS, SHUTDOWN_DIRECTIONS, SOCKET_FLAGS, SOCKET_KINDS, by_name, by_value,
};
use crate::drill::error::Mistake;
use crate::drill::lexer::Kind;

mod structures;

/// Calls of Linux that scripts may hold and we cannot do.
const CANNOT: &[(&str, &str)] = &[
    ("epoll_create", "`poll` says the same"),
    ("epoll_create1", "`poll` says the same"),
    ("epoll_ctl", "`poll` says the same"),
    ("epoll_wait", "`poll` says the same"),
    ("select", "`poll` says the same"),
    ("open", "there are no files"),
    ("pipe", "there are no pipes"),
    ("sendfile", "there are no files"),
    ("splice", "there are no pipes"),
    ("vmsplice", "there are no pipes"),
    ("tee", "there are no pipes"),
    ("mmap", "there is no memory to map"),
    ("sctp_sendmsg", "there is no SCTP"),
    ("sctp_recvmsg", "there is no SCTP"),
    ("sctp_bindx", "there is no SCTP"),
    ("sctp_connectx", "there is no SCTP"),
];

/// The call that is next.
pub(super) fn system_call(tokens: &mut Tokens, returns_at: Option<Duration>) -> Parsed<SystemCall> {
    let position = tokens.position();
    let Kind::Word(name) = tokens.next().kind else {
        return Err((
            position,
            super::arguments::expected("the name of a system call"),
        ));
    };
    if *tokens.kind() != Kind::Sign('(') {
        return Err((position, Mistake::Statement(name)));
    }
    if let Some((_, why)) = CANNOT.iter().find(|it| it.0 == name) {
        let mistake = Mistake::Cannot { what: name, why };
        return Err((position, mistake));
    }
    let arguments = arguments(tokens)?;
    let list = List {
        call: &name,
        position,
        arguments: &arguments,
    };
    let call = list.call()?;
    Ok(SystemCall {
        call,
        returns_at,
        result: result(tokens)?,
    })
}

/// `= 3`, `= -1 EAGAIN (Resource temporarily unavailable)`, `= ...`.
fn result(tokens: &mut Tokens) -> Parsed<CallResult> {
    tokens.expect_sign('=', "`=` and the result")?;
    let returned = argument(tokens, 0)?;
    let value = match &returned.shape {
        Shape::Any => None,
        Shape::Number(number) => Some(*number),
        _ => Some(flags(&returned, FILE_FLAGS, "a result")?.bits()),
    };
    let mut errno = None;
    if let Kind::Word(name) = tokens.kind().clone() {
        let unknown = Mistake::UnknownName {
            name: name.clone(),
            what: "error",
        };
        errno = Some(Errno::by_name(&name).ok_or((tokens.position(), unknown))?);
        tokens.skip();
    }
    let mut note = None;
    if *tokens.kind() == Kind::Sign('(') {
        note = Some(tokens.note()?);
    }
    Ok(CallResult { value, errno, note })
}

/// The arguments of one call.
struct List<'a> {
    call: &'a str,
    position: Position,
    arguments: &'a [Argument],
}

impl List<'_> {
    fn call(&self) -> Parsed<Call> {
        Ok(match self.call {
            "socket" => self.socket()?,
            "bind" => Call::Bind {
                fd: self.fd(3)?,
                address: structures::address(&self.arguments[1])?,
            },
            "listen" => Call::Listen {
                fd: self.fd(2)?,
                backlog: self.arguments[1].number("a backlog", i64::MIN, i64::MAX)?,
            },
            "accept" => Call::Accept {
                fd: self.fd(3)?,
                address: structures::address(&self.arguments[1])?,
                flags: None,
            },
            "accept4" => Call::Accept {
                fd: self.fd(4)?,
                address: structures::address(&self.arguments[1])?,
                flags: Some(flags(&self.arguments[3], SOCKET_FLAGS, "flag of accept4")?),
            },
            "connect" => Call::Connect {
                fd: self.fd(3)?,
                address: structures::address(&self.arguments[1])?,
            },
            "close" => Call::Close { fd: self.fd(1)? },
            "shutdown" => Call::Shutdown {
                fd: self.fd(2)?,
                how: how(&self.arguments[1])?,
            },
            "poll" => self.poll()?,
            "fcntl" => self.fcntl()?,
            "ioctl" => self.ioctl()?,
            "getsockopt" => self.get_option()?,
            "setsockopt" => self.set_option()?,
            _ => return self.transfer(),
        })
    }

    /// Calls that move octets.
    fn transfer(&self) -> Parsed<Call> {
        Ok(match self.call {
            "read" => Call::Read {
                fd: self.fd(3)?,
                buffer: self.buffer()?,
                octets: self.octets()?,
            },
            "write" => Call::Write {
                fd: self.fd(3)?,
                buffer: self.buffer()?,
                octets: self.octets()?,
            },
            "readv" => Call::ReadVector {
                fd: self.fd(3)?,
                pieces: structures::pieces(&self.arguments[1])?,
            },
            "writev" => Call::WriteVector {
                fd: self.fd(3)?,
                pieces: structures::pieces(&self.arguments[1])?,
            },
            "recv" => Call::Receive {
                fd: self.fd(4)?,
                buffer: self.buffer()?,
                octets: self.octets()?,
                flags: self.message_flags(3)?,
            },
            "send" => Call::Send {
                fd: self.fd(4)?,
                buffer: self.buffer()?,
                octets: self.octets()?,
                flags: self.message_flags(3)?,
            },
            "recvfrom" => Call::ReceiveFrom {
                fd: self.fd(6)?,
                buffer: self.buffer()?,
                octets: self.octets()?,
                flags: self.message_flags(3)?,
                address: structures::address(&self.arguments[4])?,
            },
            "sendto" => Call::SendTo {
                fd: self.fd(6)?,
                buffer: self.buffer()?,
                octets: self.octets()?,
                flags: self.message_flags(3)?,
                address: structures::address(&self.arguments[4])?,
            },
            "recvmsg" => Call::ReceiveMessage {
                fd: self.fd(3)?,
                message: structures::message(&self.arguments[1])?,
                flags: self.message_flags(2)?,
            },
            "sendmsg" => Call::SendMessage {
                fd: self.fd(3)?,
                message: structures::message(&self.arguments[1])?,
                flags: self.message_flags(2)?,
            },
            unknown => {
                let mistake = Mistake::UnknownCall(unknown.to_owned());
                return Err((self.position, mistake));
            }
        })
    }

    /// Checks the number of arguments.
    fn has(&self, expected: usize) -> Parsed<()> {
        if self.arguments.len() == expected {
            return Ok(());
        }
        Err((
            self.position,
            Mistake::Arguments {
                call: self.call.to_owned(),
                expected,
                found: self.arguments.len(),
            },
        ))
    }

    /// Checks the number of arguments, and reads the first one as a descriptor.
    fn fd(&self, expected: usize) -> Parsed<i64> {
        self.has(expected)?;
        self.arguments[0].number("a file descriptor", -1, i64::from(u16::MAX))
    }

    fn buffer(&self) -> Parsed<Buffer> {
        structures::buffer(&self.arguments[1])
    }

    fn octets(&self) -> Parsed<u64> {
        structures::octets(&self.arguments[2])
    }

    fn message_flags(&self, index: usize) -> Parsed<Flags> {
        flags(&self.arguments[index], MESSAGE_FLAGS, "MSG_ flag")
    }

    fn socket(&self) -> Parsed<Call> {
        self.has(3)?;
        let domain = match &self.arguments[0].shape {
            Shape::Any => None,
            _ => Some(family(&self.arguments[0])?),
        };
        let mut kind = None;
        let mut socket_flags = Vec::new();
        for part in self.arguments[1].alternatives() {
            let name = part.name("SOCK_STREAM or SOCK_DGRAM")?;
            if let Some(constant) = by_name(SOCKET_KINDS, name) {
                kind = Some(constant.name);
            } else {
                socket_flags.push(constant(part, SOCKET_FLAGS, "kind of socket")?);
            }
        }
        let kind = match kind {
            Some("SOCK_STREAM") => SocketKind::Stream,
            Some(_) => SocketKind::Datagram,
            None => {
                let mistake = super::arguments::expected("SOCK_STREAM or SOCK_DGRAM");
                return Err((self.arguments[1].position, mistake));
            }
        };
        self.protocol(kind)?;
        Ok(Call::Socket {
            domain,
            kind,
            flags: Flags::new(socket_flags),
        })
    }

    /// The protocol says nothing that the kind does not, but it has to fit.
    fn protocol(&self, kind: SocketKind) -> Parsed<()> {
        let argument = &self.arguments[2];
        let number = match &argument.shape {
            Shape::Name(name) if name == "IPPROTO_SCTP" || name == "IPPROTO_MPTCP" => {
                return Err((
                    argument.position,
                    Mistake::Cannot {
                        what: name.clone(),
                        why: "there are TCP and UDP",
                    },
                ));
            }
            Shape::Any => 0,
            Shape::Number(number) => *number,
            _ => constant(argument, PROTOCOLS, "protocol")?.value,
        };
        let fits = match kind {
            SocketKind::Stream => [0, 6],
            SocketKind::Datagram => [0, 17],
        };
        if fits.contains(&number) {
            return Ok(());
        }
        let mistake = super::arguments::expected("the protocol of this kind of socket");
        Err((argument.position, mistake))
    }

    fn poll(&self) -> Parsed<Call> {
        self.has(3)?;
        let entries = structures::poll_entries(&self.arguments[0])?;
        self.arguments[1].number("a number of entries", 0, i64::from(u16::MAX))?;
        let timeout_ms = self.arguments[2].number("milliseconds", -1, i64::from(i32::MAX))?;
        Ok(Call::Poll {
            entries,
            timeout_ms,
        })
    }

    fn fcntl(&self) -> Parsed<Call> {
        let takes_flags = self.arguments.len() == 3;
        let fd = self.fd(if takes_flags { 3 } else { 2 })?;
        let command = constant(&self.arguments[1], FCNTL_COMMANDS, "command of fcntl")?;
        let command = match command.name {
            "F_GETFL" => Fcntl::GetFlags,
            "F_GETFD" => Fcntl::GetDescriptorFlags,
            name => {
                self.has(3)?;
                let flags = flags(&self.arguments[2], FILE_FLAGS, "O_ flag")?;
                if name == "F_SETFL" {
                    Fcntl::SetFlags(flags)
                } else {
                    Fcntl::SetDescriptorFlags(flags)
                }
            }
        };
        Ok(Call::Fcntl { fd, command })
    }

    fn ioctl(&self) -> Parsed<Call> {
        let fd = self.fd(3)?;
        let request = match constant(&self.arguments[1], IOCTL_REQUESTS, "request of ioctl")?.name {
            "SIOCINQ" | "FIONREAD" => Ioctl::InQueue,
            "SIOCOUTQ" | "TIOCOUTQ" => Ioctl::OutQueue,
            "SIOCOUTQNSD" => Ioctl::OutQueueNotSent,
            "SIOCATMARK" => Ioctl::AtMark,
            _ => Ioctl::NonBlocking,
        };
        let value = match &self.arguments[2].shape {
            Shape::Any => None,
            Shape::Array(elements) => match elements.as_slice() {
                [only] if only.is_any() => None,
                [only] => Some(only.number("a number", i64::MIN, i64::MAX)?),
                _ => return Err((self.position, super::arguments::expected("[number]"))),
            },
            _ => Some(self.arguments[2].number("[number]", i64::MIN, i64::MAX)?),
        };
        Ok(Call::Ioctl { fd, request, value })
    }

    fn get_option(&self) -> Parsed<Call> {
        Ok(Call::GetOption {
            fd: self.fd(5)?,
            option: structures::socket_option(&self.arguments[1], &self.arguments[2])?,
            value: structures::option_value(&self.arguments[3])?,
        })
    }

    fn set_option(&self) -> Parsed<Call> {
        let fd = self.fd(5)?;
        let option = structures::socket_option(&self.arguments[1], &self.arguments[2])?;
        if self.arguments[3].is_any() {
            let mistake = super::arguments::expected("the value of the option");
            return Err((self.arguments[3].position, mistake));
        }
        Ok(Call::SetOption {
            fd,
            option,
            value: structures::option_value(&self.arguments[3])?,
        })
    }
}

fn family(argument: &Argument) -> Parsed<Family> {
    let constant = constant(argument, FAMILIES, "address family")?;
    Ok(match constant.name {
        "AF_INET6" | "PF_INET6" => Family::V6,
        _ => Family::V4,
    })
}

fn how(argument: &Argument) -> Parsed<How> {
    Ok(
        match constant(argument, SHUTDOWN_DIRECTIONS, "direction of shutdown")?.value {
            0 => How::Read,
            1 => How::Write,
            _ => How::Both,
        },
    )
}

/// A constant of a table, by its name or number.
fn constant(
    argument: &Argument,
    table: &'static [Constant],
    what: &'static str,
) -> Parsed<Constant> {
    let found = match &argument.shape {
        Shape::Name(name) => by_name(table, name),
        Shape::Number(number) => by_value(table, *number),
        _ => return Err((argument.position, super::arguments::expected(what))),
    };
    found.ok_or_else(|| {
        let name = match &argument.shape {
            Shape::Name(name) => name.clone(),
            Shape::Number(number) => number.to_string(),
            _ => String::new(),
        };
        (argument.position, Mistake::UnknownName { name, what })
    })
}

/// Constants of a table joined by `|`; numbers are taken as they are.
fn flags(argument: &Argument, table: &'static [Constant], what: &'static str) -> Parsed<Flags> {
    let mut flags = Vec::new();
    for part in argument.alternatives() {
        match part.shape {
            Shape::Number(0) => {}
            Shape::Number(value) => flags.push(Constant { name: "", value }),
            _ => flags.push(constant(part, table, what)?),
        }
    }
    Ok(Flags::new(flags))
}
