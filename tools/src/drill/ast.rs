//! What a drill script says, as values: settings, system calls, packets and assertions with the place
//! of each in its file (the language is packetdrill's; `docs/src/drill.md` is its reference).
//!
//! The parser and the fuzzer build these values, the runner executes them, the printer writes them
//! back. Nothing here reads text, and no value depends on a back end.

use core::fmt;
use core::time::Duration;

use super::expression::Program;
use super::options::Options;

mod call;
mod packet;

pub use call::{
    Buffer, Call, CallResult, Control, Family, Fcntl, Fd, How, Ioctl, Message, OptionValue, Piece,
    PollEntry, SocketKind, SocketName, SystemCall,
};
pub use packet::{
    Checksum, Contents, Datagram, Direction, DontFragment, Echo, Ecn, IcmpKind, IcmpMessage,
    IpFields, Packet, Payload, Ports, Quoted, SackBlock, Segment, TcpFlags, TcpOption, TcpOptions,
};

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
