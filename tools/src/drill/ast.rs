//! What a drill script says, as values: settings, system calls, packets and assertions with the place
//! of each in its file (the language is packetdrill's; `docs/src/drill.md` is its reference).
//!
//! The parser and the fuzzer build these values, the runner executes them, the printer writes them
//! back. Nothing here reads text, and no value depends on a back end.

use core::fmt;
use core::time::Duration;
use std::net::IpAddr;

use super::constants::{Errno, Flags, SocketOption};
use super::expression::Program;
use super::options::Options;

/// A place in a script. Both numbers begin with 1; the column counts characters.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column in the line.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// A whole script.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Script {
    /// The file's name, for messages.
    pub file: String,
    /// What the lines `--name=value` at the top ask for.
    pub options: Options,
    /// Commands in back quotes before the first event. They take no time.
    pub init: Vec<Command>,
    /// What happens, in the order of the file.
    pub events: Vec<Event>,
}

/// One statement: when, and what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// Where it stands.
    pub position: Position,
    /// The number of the line on which it ends; `%{ }%` may span several.
    pub last_line: u32,
    /// When it happens, or has to happen.
    pub time: Time,
    /// What happens.
    pub action: Action,
}

/// When an event happens (what we do) or is expected (what is done to us).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Time {
    /// `0.5`: so long after the script began.
    Absolute(Duration),
    /// `+0.5`: so long after the event before it.
    Relative(Duration),
    /// `0.5~0.7`: no sooner and no later, counted from the script's beginning.
    AbsoluteRange {
        /// The earliest moment.
        from: Duration,
        /// The latest moment.
        to: Duration,
    },
    /// `+0.5~+0.7`: no sooner and no later, counted from the event before it.
    RelativeRange {
        /// The earliest moment.
        from: Duration,
        /// The latest moment.
        to: Duration,
    },
    /// `*`: at any moment.
    Any,
}

/// What happens in an event.
// Scripts are short, and a box would be in the way of every match.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// The application makes a system call.
    Call(SystemCall),
    /// A packet arrives at the stack or is sent by it.
    Packet(Packet),
    /// A command in back quotes.
    Command(Command),
    /// `%{ … }%`: what has to hold now. It is about the socket of the last system call that had one.
    Code(Program),
}

/// A command in back quotes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Command {
    /// Where it stands.
    pub position: Position,
    /// The text between the quotes.
    pub text: String,
    /// What of it we do. Empty if it has no meaning here.
    pub effects: Vec<Effect>,
}

/// What a command in back quotes does to the stack under test.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// A setting of the kernel: `sysctl -q net.ipv4.tcp_sack=0`, or a file below `/proc/sys` that is
    /// written. [`sysctl::apply`](super::sysctl::apply) says what it means to our stack.
    Sysctl {
        /// The name with dots.
        name: String,
        /// The value, blanks inside as in the text.
        value: String,
    },
    /// `sleep 0.5`: time passes.
    Sleep(Duration),
}

// System calls.

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
    /// `...`: the [pattern](super::pattern) of the stream's direction at the place where it is.
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

// Packets.

/// A packet that arrives at the stack under test, or that it sends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Packet {
    /// Which way.
    pub direction: Direction,
    /// What the script says about the IP header.
    pub ip: IpFields,
    /// What is in it.
    pub contents: Contents,
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// `<`: into the stack under test; the runner sends it.
    Inbound,
    /// `>`: out of the stack under test; the runner expects it.
    Outbound,
}

/// `[ect0, ttl 64]`: what the script says about the IP header. What it does not say is what the
/// runner chooses, or is not looked at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct IpFields {
    /// The ECN field.
    pub ecn: Option<Ecn>,
    /// `tos 0x28`: the whole octet, ECN included (IPv6: traffic class).
    pub tos: Option<u8>,
    /// `ttl 64`, `hlim 64`.
    pub ttl: Option<u8>,
    /// `flowlabel 0x12345` (IPv6 only).
    pub flow_label: Option<u32>,
    /// `df` or `nodf` (IPv4 only).
    pub dont_fragment: Option<DontFragment>,
}

/// The values of the ECN field (RFC 3168 §5).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Ecn {
    /// `noecn`: 0.
    NotCapable,
    /// `ect0`: 2.
    Ect0,
    /// `ect1`: 1.
    Ect1,
    /// `ect01`: either of both, for packets that are expected.
    Ect01,
    /// `ce`: 3.
    Ce,
}

/// The flag DF of IPv4 (RFC 791 §3.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DontFragment {
    /// `df`.
    Set,
    /// `nodf`.
    Clear,
}

/// What a packet carries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Contents {
    /// A TCP segment.
    Tcp(Segment),
    /// A UDP datagram.
    Udp(Datagram),
    /// An ICMP message, of ICMPv4 or ICMPv6 by the script's IP version.
    Icmp(IcmpMessage),
}

/// `8080 > 40000`: the ports, if they are not those of the script's connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ports {
    /// The sender's.
    pub source: u16,
    /// The receiver's.
    pub destination: u16,
}

/// Whether the checksum of what the runner sends is right.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Checksum {
    /// It is.
    #[default]
    Right,
    /// `badsum`: it is not. Inbound only; ours.
    Wrong,
}

/// A TCP segment. Numbers of sequence are relative to the first one of the sender (its SYN has 0).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Segment {
    /// The ports, if the script says them.
    pub ports: Option<Ports>,
    /// The flags.
    pub flags: TcpFlags,
    /// SEG.SEQ.
    pub seq: u32,
    /// The octets of text.
    pub octets: u32,
    /// SEG.ACK; `None` if there is no `ack`. (`.` without `ack` is ACK with the number 0.)
    pub ack: Option<u32>,
    /// SEG.WND as it stands in the header, not scaled. `None`: 0 inbound, anything outbound.
    pub window: Option<u16>,
    /// The urgent pointer. `None`: 0 inbound; outbound 0 without `U`, else anything.
    pub urgent: Option<u16>,
    /// The options.
    pub options: TcpOptions,
    /// What the text is.
    pub payload: Payload,
    /// Whether its checksum is right.
    pub checksum: Checksum,
}

/// The flags of a TCP segment, as they stand in the header: FIN is 1, CWR is 0x80, AE 0x100.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct TcpFlags(pub u16);

impl TcpFlags {
    /// `F`.
    pub const FIN: u16 = 0x01;
    /// `S`.
    pub const SYN: u16 = 0x02;
    /// `R`.
    pub const RST: u16 = 0x04;
    /// `P`.
    pub const PSH: u16 = 0x08;
    /// `.`.
    pub const ACK: u16 = 0x10;
    /// `U`.
    pub const URG: u16 = 0x20;
    /// `E`.
    pub const ECE: u16 = 0x40;
    /// `W` or `C`.
    pub const CWR: u16 = 0x80;
    /// `A`.
    pub const AE: u16 = 0x100;

    /// Each flag with its letter, in the order in which they are printed.
    pub const LETTERS: [(char, u16); 9] = [
        ('F', Self::FIN),
        ('S', Self::SYN),
        ('R', Self::RST),
        ('P', Self::PSH),
        ('U', Self::URG),
        ('E', Self::ECE),
        ('W', Self::CWR),
        ('A', Self::AE),
        ('.', Self::ACK),
    ];

    /// True if all of `flags` are set.
    pub const fn has(self, flags: u16) -> bool {
        self.0 & flags == flags
    }
}

impl fmt::Display for TcpFlags {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return formatter.write_str("-");
        }
        for (letter, flag) in Self::LETTERS {
            if self.has(flag) {
                write!(formatter, "{letter}")?;
            }
        }
        Ok(())
    }
}

/// The options of a segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TcpOptions {
    /// `<...>`: anything. Outbound only.
    Any,
    /// Exactly these, in this order. Empty if the script says none.
    List(Vec<TcpOption>),
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// One option of a segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TcpOption {
    /// `eol`.
    End,
    /// `nop`.
    Nop,
    /// `mss 1460`.
    Mss(u16),
    /// `wscale 7`.
    WindowScale(u8),
    /// `sackOK`.
    SackPermitted,
    /// `sack 1:100 200:300`: at most four blocks. Numbers are those of the receiver's octets.
    Sack(Vec<SackBlock>),
    /// `TS val 100 ecr 0`.
    Timestamps {
        /// TSval. Outbound: relative to the first one that was sent, which is what the script says.
        value: u32,
        /// TSecr.
        echo: u32,
    },
    /// `FO` or `FO 0123abcd`: kind 34 (RFC 7413).
    FastOpen(Vec<u8>),
    /// `FOEXP` or `FOEXP 0123abcd`: kind 254 with the identifier 0xf989.
    FastOpenExperimental(Vec<u8>),
    /// `md5 0123…`: kind 19 (RFC 2385).
    Md5(Vec<u8>),
    /// `uto 30s` or `uto 5m`: kind 28 (RFC 5482) as it stands in the header.
    UserTimeout(u16),
    /// `exp 0xf989 0123`: kind 253 (RFC 6994) with its identifier and what follows.
    Experimental {
        /// The identifier.
        id: u16,
        /// What follows.
        octets: Vec<u8>,
    },
    /// `opt 77 0123`: any other kind with the octets after its length. Ours.
    Unknown {
        /// The kind.
        kind: u8,
        /// What follows the length.
        octets: Vec<u8>,
    },
    /// `raw 0204`: octets as they are, even where they are no option. Inbound only; ours.
    Raw(Vec<u8>),
}

/// A block of octets that the receiver has (RFC 2018 §3).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SackBlock {
    /// The first number.
    pub left: u32,
    /// One past the last.
    pub right: u32,
}

/// What the text of a packet is. Ours: packetdrill sends zeroes and looks at nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Payload {
    /// Nothing said: the [pattern](super::pattern) of the direction at this place of the stream. In
    /// relation to a `write("text")` the runner expects that text.
    #[default]
    Pattern,
    /// `"text"`: these octets.
    Octets(Vec<u8>),
    /// `zeroes`.
    Zeroes,
    /// `anything`: not looked at. Outbound only.
    Any,
}

/// `udp (1000)`: a UDP datagram.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Datagram {
    /// The ports, if the script says them.
    pub ports: Option<Ports>,
    /// The octets of its payload.
    pub octets: u32,
    /// What they are.
    pub payload: Payload,
    /// Whether its checksum is right.
    pub checksum: Checksum,
}

/// `icmp unreachable frag_needed mtu 1200 [1:1461(1460)]`: an ICMP message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IcmpMessage {
    /// Its type and code by the names of the language.
    pub kind: IcmpKind,
    /// `mtu 1200`.
    pub mtu: Option<u32>,
    /// `id 7 seq 1`, of an echo.
    pub echo: Option<Echo>,
    /// The packet that it is about, in brackets.
    pub quoted: Option<Quoted>,
    /// The octets of an echo's payload.
    pub octets: u32,
    /// Whether its checksum is right.
    pub checksum: Checksum,
}

/// Type and code of an ICMP message. [`constants::icmp_name`](super::constants::icmp_name) has the
/// names.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct IcmpKind {
    /// Which ICMP.
    pub family: Family,
    /// Type.
    pub icmp_type: u8,
    /// Code.
    pub code: u8,
}

/// Identifier and number of an ICMP echo.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Echo {
    /// The identifier.
    pub id: u16,
    /// The number.
    pub sequence: u16,
}

/// The packet that an ICMP message quotes: one that the stack under test sent (inbound messages), or
/// one that arrived there (outbound ones).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Quoted {
    /// `[1:1001(1000)]`: a segment of the script's connection.
    Tcp {
        /// SEG.SEQ, relative to the sender's first one.
        seq: u32,
        /// The octets of its text.
        octets: u32,
    },
    /// `[udp (1000)]`: a datagram between the script's ports.
    Udp {
        /// The octets of its payload.
        octets: u32,
    },
}
