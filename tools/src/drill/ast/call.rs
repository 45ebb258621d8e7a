//! System calls as values: which call, with what arguments, and what it has to return.
//!
//! Part of the script's values in [`ast`](super). Arguments are typed: what the parser has let through
//! makes sense for its call, though a back end may not have it.

use core::time::Duration;
use std::net::IpAddr;

use crate::drill::constants::{Errno, Flags, SocketOption};

/// A system call with what it has to return.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SystemCall {
    /// Which call, with its arguments.
    pub call: Call,
    /// `...time`: the call blocks, and returns at this moment. Counted as the event's time is: from
    /// the script's beginning, or from the event before it if the event's time began with `+`.
    /// `None`: it returns at once.
    pub returns_at: Option<Duration>,
    /// What it has to return.
    pub result: CallResult,
}

/// What a call has to return: `= 3`, `= -1 EINPROGRESS (Operation now in progress)`, `= ...`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CallResult {
    /// The value; `None` for `...`.
    pub value: Option<i64>,
    /// `errno` if the value is -1.
    pub errno: Option<Errno>,
    /// The text in parentheses, which means nothing.
    pub note: Option<String>,
}

/// A file descriptor as the script numbers them. The first socket has 3.
pub type Fd = i64;

/// The system calls that scripts may make.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Call {
    /// `socket(..., SOCK_STREAM, IPPROTO_TCP)`.
    Socket {
        /// `AF_INET` or `AF_INET6`; `None` for `...`: what the script's IP version says.
        domain: Option<Family>,
        /// Stream or datagram.
        kind: SocketKind,
        /// `SOCK_NONBLOCK`, `SOCK_CLOEXEC`.
        flags: Flags,
    },
    /// `bind(3, ..., ...)`.
    Bind {
        /// The socket.
        fd: Fd,
        /// `None` for `...`: our address and the bind port of the options.
        address: Option<SocketName>,
    },
    /// `listen(3, 1)`.
    Listen {
        /// The socket.
        fd: Fd,
        /// How many connections may wait.
        backlog: i64,
    },
    /// `accept(3, ..., ...)`, or `accept4` if there are flags.
    Accept {
        /// The listening socket.
        fd: Fd,
        /// The peer's name that has to come back; `None` for `...`.
        address: Option<SocketName>,
        /// The flags of `accept4`; `None` for `accept`.
        flags: Option<Flags>,
    },
    /// `connect(3, ..., ...)`.
    Connect {
        /// The socket.
        fd: Fd,
        /// `None` for `...`: the remote address and the connect port of the options.
        address: Option<SocketName>,
    },
    /// `read(4, ..., 1000)`.
    Read {
        /// The socket.
        fd: Fd,
        /// What has to be in it afterwards.
        buffer: Buffer,
        /// How much room there is.
        octets: u64,
    },
    /// `write(4, ..., 1000)`.
    Write {
        /// The socket.
        fd: Fd,
        /// What is written.
        buffer: Buffer,
        /// How much of it.
        octets: u64,
    },
    /// `readv(4, [{..., 100}, {..., 200}], 2)`.
    ReadVector {
        /// The socket.
        fd: Fd,
        /// The pieces.
        pieces: Vec<Piece>,
    },
    /// `writev(4, [{..., 100}, {..., 200}], 2)`.
    WriteVector {
        /// The socket.
        fd: Fd,
        /// The pieces.
        pieces: Vec<Piece>,
    },
    /// `recv(4, ..., 1000, MSG_PEEK)`.
    Receive {
        /// The socket.
        fd: Fd,
        /// What has to be in it afterwards.
        buffer: Buffer,
        /// How much room there is.
        octets: u64,
        /// `MSG_…`.
        flags: Flags,
    },
    /// `send(4, ..., 1000, MSG_OOB)`.
    Send {
        /// The socket.
        fd: Fd,
        /// What is sent.
        buffer: Buffer,
        /// How much of it.
        octets: u64,
        /// `MSG_…`.
        flags: Flags,
    },
    /// `recvfrom(3, ..., 1000, 0, ..., ...)`.
    ReceiveFrom {
        /// The socket.
        fd: Fd,
        /// What has to be in it afterwards.
        buffer: Buffer,
        /// How much room there is.
        octets: u64,
        /// `MSG_…`.
        flags: Flags,
        /// The sender's name that has to come back; `None` for `...`.
        address: Option<SocketName>,
    },
    /// `sendto(3, ..., 1000, 0, ..., ...)`.
    SendTo {
        /// The socket.
        fd: Fd,
        /// What is sent.
        buffer: Buffer,
        /// How much of it.
        octets: u64,
        /// `MSG_…`.
        flags: Flags,
        /// To whom; `None` for `...`: the remote address and the connect port of the options.
        address: Option<SocketName>,
    },
    /// `recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 1000}], msg_flags=0}, 0)`.
    ReceiveMessage {
        /// The socket.
        fd: Fd,
        /// The message.
        message: Message,
        /// `MSG_…` of the call.
        flags: Flags,
    },
    /// `sendmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 1000}], msg_flags=0}, 0)`.
    SendMessage {
        /// The socket.
        fd: Fd,
        /// The message.
        message: Message,
        /// `MSG_…` of the call.
        flags: Flags,
    },
    /// `close(4)`.
    Close {
        /// The socket.
        fd: Fd,
    },
    /// `shutdown(4, SHUT_WR)`.
    Shutdown {
        /// The socket.
        fd: Fd,
        /// Which direction.
        how: How,
    },
    /// `poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 100)`.
    Poll {
        /// What is asked, and what has to be answered.
        entries: Vec<PollEntry>,
        /// How long it may wait; negative: for ever.
        timeout_ms: i64,
    },
    /// `fcntl(4, F_GETFL)`, `fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK)`.
    Fcntl {
        /// The socket.
        fd: Fd,
        /// What is asked.
        command: Fcntl,
    },
    /// `ioctl(4, SIOCINQ, [1000])`.
    Ioctl {
        /// The socket.
        fd: Fd,
        /// What is asked.
        request: Ioctl,
        /// The value that goes in (`FIONBIO`) or has to come back; `None` for `...`.
        value: Option<i64>,
    },
    /// `getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4])`.
    GetOption {
        /// The socket.
        fd: Fd,
        /// Which option.
        option: SocketOption,
        /// What has to come back.
        value: OptionValue,
    },
    /// `setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4)`.
    SetOption {
        /// The socket.
        fd: Fd,
        /// Which option.
        option: SocketOption,
        /// The value.
        value: OptionValue,
    },
}

/// The families.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Family {
    /// IPv4.
    #[default]
    V4,
    /// IPv6.
    V6,
}

/// The kinds of socket.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SocketKind {
    /// `SOCK_STREAM`, TCP.
    Stream,
    /// `SOCK_DGRAM`, UDP.
    Datagram,
}

/// `{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.1")}`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SocketName {
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
}

/// What is in a buffer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Buffer {
    /// `...`: the [pattern](crate::drill::pattern) of the stream's direction at the place where it is.
    #[default]
    Pattern,
    /// A text in quotes, as octets.
    Octets(Vec<u8>),
}

/// `{..., 1000}`: one piece of a vector.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Piece {
    /// What is in it.
    pub buffer: Buffer,
    /// How long it is.
    pub octets: u64,
}

/// A `msghdr`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Message {
    /// `msg_name`; `None` for `...`.
    pub name: Option<SocketName>,
    /// `msg_iov`.
    pub pieces: Vec<Piece>,
    /// `msg_flags`: what has to come back.
    pub flags: Flags,
    /// `msg_control`.
    pub control: Vec<Control>,
}

/// `{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=10}`: one ancillary message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Control {
    /// Level and type: each ancillary message has the numbers of the option that asks for it.
    pub option: SocketOption,
    /// The value.
    pub value: i64,
}

/// The directions of `shutdown`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum How {
    /// `SHUT_RD`.
    Read,
    /// `SHUT_WR`.
    Write,
    /// `SHUT_RDWR`.
    Both,
}

/// One entry of `poll`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PollEntry {
    /// The socket.
    pub fd: Fd,
    /// What is asked for.
    pub events: Flags,
    /// What has to be answered; `None` if the script does not say.
    pub returned: Option<Flags>,
}

/// The commands of `fcntl`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fcntl {
    /// `F_GETFL`.
    GetFlags,
    /// `F_SETFL`.
    SetFlags(Flags),
    /// `F_GETFD`.
    GetDescriptorFlags,
    /// `F_SETFD`.
    SetDescriptorFlags(Flags),
}

/// The requests of `ioctl`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Ioctl {
    /// `SIOCINQ`, `FIONREAD`: octets that wait to be read.
    InQueue,
    /// `SIOCOUTQ`, `TIOCOUTQ`: octets that are not acknowledged.
    OutQueue,
    /// `SIOCOUTQNSD`: octets that were never sent.
    OutQueueNotSent,
    /// `SIOCATMARK`: whether the next octet is the urgent one.
    AtMark,
    /// `FIONBIO`: whether calls return at once.
    NonBlocking,
}

/// The value of a socket option.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum OptionValue {
    /// `...`: anything.
    #[default]
    Any,
    /// `[1]`.
    Number(i64),
    /// `"reno"`.
    Text(String),
    /// `{onoff=1, linger=0}`.
    Linger {
        /// Whether it lingers.
        on: i64,
        /// For so many seconds.
        seconds: i64,
    },
    /// `{tv_sec=1, tv_usec=500000}`, for `SO_RCVTIMEO` and `SO_SNDTIMEO`.
    Timeval {
        /// Whole seconds.
        seconds: i64,
        /// And so many microseconds.
        micros: i64,
    },
}
