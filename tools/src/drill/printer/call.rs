//! System calls as text.
//!
//! Used by the printer of scripts, and by the runner for what a call really returned.

use core::fmt;

use super::Quoted;
use crate::drill::ast::{
    Buffer, Call, CallResult, Control, Family, Fcntl, Fd, How, Ioctl, Message, OptionValue, Piece,
    PollEntry, SocketKind, SocketName, SystemCall,
};

impl fmt::Display for SystemCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} = {}", self.call, self.result)
    }
}

impl fmt::Display for CallResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Some(value) => write!(formatter, "{value}")?,
            None => formatter.write_str("...")?,
        }
        if let Some(errno) = self.errno {
            write!(formatter, " {errno}")?;
        }
        match &self.note {
            Some(note) => write!(formatter, " ({note})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket {
                domain,
                kind,
                flags,
            } => {
                let domain = match domain {
                    None => "...",
                    Some(Family::V4) => "AF_INET",
                    Some(Family::V6) => "AF_INET6",
                };
                let (kind, protocol) = match kind {
                    SocketKind::Stream => ("SOCK_STREAM", "IPPROTO_TCP"),
                    SocketKind::Datagram => ("SOCK_DGRAM", "IPPROTO_UDP"),
                };
                let bar = if flags.is_empty() {
                    String::new()
                } else {
                    format!("|{flags}")
                };
                write!(formatter, "socket({domain}, {kind}{bar}, {protocol})")
            }
            Self::Bind { fd, address } => write!(formatter, "bind({fd}, {}, ...)", Name(address)),
            Self::Listen { fd, backlog } => write!(formatter, "listen({fd}, {backlog})"),
            Self::Accept { fd, address, flags } => match flags {
                None => write!(formatter, "accept({fd}, {}, ...)", Name(address)),
                Some(flags) => {
                    write!(formatter, "accept4({fd}, {}, ..., {flags})", Name(address))
                }
            },
            Self::Connect { fd, address } => {
                write!(formatter, "connect({fd}, {}, ...)", Name(address))
            }
            Self::Close { fd } => write!(formatter, "close({fd})"),
            Self::Shutdown { fd, how } => {
                let how = match how {
                    How::Read => "SHUT_RD",
                    How::Write => "SHUT_WR",
                    How::Both => "SHUT_RDWR",
                };
                write!(formatter, "shutdown({fd}, {how})")
            }
            Self::Poll {
                entries,
                timeout_ms,
            } => write!(
                formatter,
                "poll([{}], {}, {timeout_ms})",
                Joined(entries),
                entries.len()
            ),
            Self::Fcntl { fd, command } => match command {
                Fcntl::GetFlags => write!(formatter, "fcntl({fd}, F_GETFL)"),
                Fcntl::SetFlags(flags) => write!(formatter, "fcntl({fd}, F_SETFL, {flags})"),
                Fcntl::GetDescriptorFlags => write!(formatter, "fcntl({fd}, F_GETFD)"),
                Fcntl::SetDescriptorFlags(flags) => {
                    write!(formatter, "fcntl({fd}, F_SETFD, {flags})")
                }
            },
            Self::Ioctl { fd, request, value } => {
                write!(formatter, "ioctl({fd}, {}, ", request.name())?;
                match value {
                    Some(value) => write!(formatter, "[{value}])"),
                    None => formatter.write_str("...)"),
                }
            }
            Self::GetOption { fd, option, value } => write!(
                formatter,
                "getsockopt({fd}, {}, {}, {value}, [...])",
                option.level_name(),
                option.name()
            ),
            Self::SetOption { fd, option, value } => write!(
                formatter,
                "setsockopt({fd}, {}, {}, {value}, {})",
                option.level_name(),
                option.name(),
                value.octets()
            ),
            Self::Read { .. }
            | Self::Write { .. }
            | Self::ReadVector { .. }
            | Self::WriteVector { .. }
            | Self::Receive { .. }
            | Self::Send { .. }
            | Self::ReceiveFrom { .. }
            | Self::SendTo { .. }
            | Self::ReceiveMessage { .. }
            | Self::SendMessage { .. } => transfer(formatter, self),
        }
    }
}

/// Calls that move octets.
fn transfer(formatter: &mut fmt::Formatter<'_>, call: &Call) -> fmt::Result {
    let plain = |formatter: &mut fmt::Formatter<'_>, name, fd: &Fd, buffer, octets: &u64| {
        write!(formatter, "{name}({fd}, {buffer}, {octets}")
    };
    match call {
        Call::Read { fd, buffer, octets } => plain(formatter, "read", fd, buffer, octets)?,
        Call::Write { fd, buffer, octets } => plain(formatter, "write", fd, buffer, octets)?,
        Call::ReadVector { fd, pieces } => {
            write!(
                formatter,
                "readv({fd}, [{}], {}",
                Joined(pieces),
                pieces.len()
            )?;
        }
        Call::WriteVector { fd, pieces } => {
            write!(
                formatter,
                "writev({fd}, [{}], {}",
                Joined(pieces),
                pieces.len()
            )?;
        }
        Call::Receive {
            fd,
            buffer,
            octets,
            flags,
        } => {
            plain(formatter, "recv", fd, buffer, octets)?;
            write!(formatter, ", {flags}")?;
        }
        Call::Send {
            fd,
            buffer,
            octets,
            flags,
        } => {
            plain(formatter, "send", fd, buffer, octets)?;
            write!(formatter, ", {flags}")?;
        }
        Call::ReceiveFrom {
            fd,
            buffer,
            octets,
            flags,
            address,
        } => {
            plain(formatter, "recvfrom", fd, buffer, octets)?;
            write!(formatter, ", {flags}, {}, ...", Name(address))?;
        }
        Call::SendTo {
            fd,
            buffer,
            octets,
            flags,
            address,
        } => {
            plain(formatter, "sendto", fd, buffer, octets)?;
            write!(formatter, ", {flags}, {}, ...", Name(address))?;
        }
        Call::ReceiveMessage { fd, message, flags } => {
            write!(formatter, "recvmsg({fd}, {message}, {flags}")?;
        }
        Call::SendMessage { fd, message, flags } => {
            write!(formatter, "sendmsg({fd}, {message}, {flags}")?;
        }
        // The caller has printed all others.
        _ => return Ok(()),
    }
    formatter.write_str(")")
}

/// A `sockaddr`, or `...`.
struct Name<'a>(&'a Option<SocketName>);

impl fmt::Display for Name<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => formatter.write_str("..."),
            Some(name) => write!(formatter, "{name}"),
        }
    }
}

impl fmt::Display for SocketName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (family, prefix) = if self.address.is_ipv4() {
            ("AF_INET", "sin")
        } else {
            ("AF_INET6", "sin6")
        };
        let (address, port) = (self.address, self.port);
        write!(
            formatter,
            "{{sa_family={family}, {prefix}_port=htons({port}), {prefix}_addr=inet_addr(\"{address}\")}}"
        )
    }
}

impl fmt::Display for Buffer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern => formatter.write_str("..."),
            Self::Octets(octets) => write!(formatter, "{}", Quoted(octets)),
        }
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{{}, {}}}", self.buffer, self.octets)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{{msg_name(...)={}, msg_iov({})=[{}], msg_flags={}",
            Name(&self.name),
            self.pieces.len(),
            Joined(&self.pieces),
            self.flags
        )?;
        if !self.control.is_empty() {
            write!(formatter, ", msg_control=[{}]", Joined(&self.control))?;
        }
        formatter.write_str("}")
    }
}

impl fmt::Display for Control {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{{cmsg_level={}, cmsg_type={}, cmsg_data={}}}",
            self.option.level_name(),
            self.option.name(),
            self.value
        )
    }
}

impl fmt::Display for PollEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{fd={}, events={}", self.fd, self.events)?;
        match &self.returned {
            Some(returned) => write!(formatter, ", revents={returned}}}"),
            None => formatter.write_str("}"),
        }
    }
}

impl Ioctl {
    /// The name in scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InQueue => "SIOCINQ",
            Self::OutQueue => "SIOCOUTQ",
            Self::OutQueueNotSent => "SIOCOUTQNSD",
            Self::AtMark => "SIOCATMARK",
            Self::NonBlocking => "FIONBIO",
        }
    }
}

impl OptionValue {
    /// The length that `setsockopt` is told.
    fn octets(&self) -> usize {
        match self {
            Self::Any | Self::Number(_) => 4,
            Self::Text(text) => text.len(),
            Self::Linger { .. } => 8,
            Self::Timeval { .. } => 16,
        }
    }
}

impl fmt::Display for OptionValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("..."),
            Self::Number(number) => write!(formatter, "[{number}]"),
            Self::Text(text) => write!(formatter, "{}", Quoted(text.as_bytes())),
            Self::Linger { on, seconds } => {
                write!(formatter, "{{onoff={on}, linger={seconds}}}")
            }
            Self::Timeval { seconds, micros } => {
                write!(formatter, "{{tv_sec={seconds}, tv_usec={micros}}}")
            }
        }
    }
}

/// Values with `, ` between them.
struct Joined<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Joined<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, value) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(", ")?;
            }
            write!(formatter, "{value}")?;
        }
        Ok(())
    }
}
