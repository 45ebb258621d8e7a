//! What a world finds wrong: which rule, when, where, and the last things that happened before.
//!
//! Every run of a [`World`](super::World) ends with one of these or well. The seed in it is the whole
//! input of the run, so a failure is a command that repeats it. Nothing here decides what is wrong.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use sidestep_stack::Instant;
use sidestep_stack::call::CallRefused;
use sidestep_stack::event::ConnectionError;
use thiserror::Error;

use super::digest::Way;
use crate::packet::seen::{Payload, Seen, Wrong};

/// So many happenings are kept for the report of a failure.
pub const HAPPENINGS_MAX: usize = 32;

/// Why an application is not content. Blame: the stack, unless the application was told nonsense.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Discontent {
    /// An octet is not the one that was written, or was delivered twice.
    #[error("octet {at} of the stream is not the one that was written")]
    Altered {
        /// Its position in the stream.
        at: u64,
    },
    /// More was read than was written.
    #[error("the stream goes on after the {written} octets that were written")]
    TooLong {
        /// How many were written.
        written: u64,
    },
    /// The stream ended before all was read.
    #[error("the stream ended after {read} of {written} octets")]
    TooShort {
        /// How many were read.
        read: u64,
        /// How many were written.
        written: u64,
    },
    /// A datagram is not the one that was sent.
    #[error("datagram {number} came back altered")]
    Datagram {
        /// Which one.
        number: u32,
    },
    /// The connection failed, and nothing that the application knows of explains that.
    #[error("the connection failed: {0}")]
    Failed(ConnectionError),
    /// The stack refused a call that makes sense.
    #[error("a call was refused: {0}")]
    Refused(#[from] CallRefused),
    /// The stack answered a call with the answer to another one.
    #[error("the call {0} was answered as another one")]
    Answer(&'static str),
}

/// Which rule does not hold.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Violation {
    /// A packet that no conforming host may send left one (second opinion: etherparse).
    #[error("a packet left that must not: {0}")]
    Packet(#[from] Wrong),
    /// SND.UNA is beyond SND.NXT.
    #[error("SND.UNA {una} is beyond SND.NXT {nxt}")]
    SendOrder {
        /// SND.UNA.
        una: u32,
        /// SND.NXT.
        nxt: u32,
    },
    /// A number that only grows has become less.
    #[error("{what} went back from {before} to {after}")]
    Retreat {
        /// Which one.
        what: &'static str,
        /// As it was.
        before: u32,
        /// As it is.
        after: u32,
    },
    /// A segment begins beyond what was ever sent before it.
    #[error("a segment begins at {seq}, but {nxt} was never sent")]
    Hole {
        /// SEG.SEQ.
        seq: u32,
        /// The first number that was never sent.
        nxt: u32,
    },
    /// Something was sent that SND.NXT does not cover: its acknowledgment would be refused.
    #[error("the wire has seen everything below {sent}, but SND.NXT is {nxt}")]
    NotCovered {
        /// The first number that was never sent.
        sent: u32,
        /// SND.NXT.
        nxt: u32,
    },
    /// More is in flight than the peer's window and its allowance permit.
    #[error("{flight} octets in flight, but the window is {window}")]
    BeyondWindow {
        /// SND.NXT - SND.UNA.
        flight: u32,
        /// SND.WND.
        window: u32,
    },
    /// New text was sent although the congestion window and its allowance are full.
    #[error("{pipe} octets in the network, but cwnd is {cwnd}")]
    BeyondCwnd {
        /// "pipe" of RFC 6675 §4.
        pipe: u32,
        /// cwnd.
        cwnd: u32,
    },
    /// Something is outstanding, and no timer would ever act.
    #[error("{outstanding} octets are outstanding, but neither timer is armed")]
    NoTimer {
        /// Octets in flight or unsent behind a closed window.
        outstanding: u32,
    },
    /// The stack holds more than its cap.
    #[error("the queues hold {held} octets, the cap is {cap}")]
    Memory {
        /// Octets in all queues.
        held: u64,
        /// `Config::memory_octets_max` and its allowance.
        cap: u64,
    },
    /// An application is not content.
    #[error("application {application}: {discontent}")]
    Application {
        /// Its number on the host.
        application: usize,
        /// Why not.
        discontent: Discontent,
    },
    /// Not all is done, and nothing more would ever happen.
    #[error("stuck: {waiting} applications wait, {connections} connections are left")]
    Stuck {
        /// Applications that are not done.
        waiting: usize,
        /// Connections that are not gone.
        connections: usize,
    },
    /// Not all is done at the limit of virtual time.
    #[error("not done at the limit: {waiting} applications, {connections} connections")]
    TooLong {
        /// Applications that are not done.
        waiting: usize,
        /// Connections that are not gone.
        connections: usize,
    },
    /// A moment does not end: things happen, and time stands still.
    #[error("time stands still: {0} things happened in one moment")]
    Spinning(u32),
    /// The budget of happenings is used up.
    #[error("{0} things happened, and not all is done")]
    Exhausted(u64),
    /// A program of a theatre waits for what will never happen.
    #[error("program {0} waits for what never happens")]
    Waiting(String),
    /// A program of a theatre panicked.
    #[error("program {0} panicked")]
    Panicked(String),
}

/// Something that happened: a packet at a host's door.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Happening {
    /// When.
    pub at: Instant,
    /// At which host.
    pub host: usize,
    /// Which way.
    pub way: Way,
    /// What.
    pub packet: Bytes,
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = self.way.arrow();
        write!(f, "{} node {} {arrow} ", self.at, self.host)?;
        describe(&self.packet, f)
    }
}

/// A packet on one line.
fn describe(packet: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Ok(seen) = Seen::try_read(packet) else {
        return write!(f, "{} octets that make no sense", packet.len());
    };
    let (source, destination) = (seen.ip.source, seen.ip.destination);
    match &seen.payload {
        Payload::Tcp(segment) => {
            write!(
                f,
                "{source}:{} > {destination}:{} ",
                segment.source_port, segment.destination_port
            )?;
            for (letter, bit) in [('F', 1), ('S', 2), ('R', 4), ('P', 8), ('.', 16), ('U', 32)] {
                if segment.flags & bit != 0 {
                    write!(f, "{letter}")?;
                }
            }
            write!(
                f,
                " seq {} len {} ack {} win {}",
                segment.seq,
                segment.text.len(),
                segment.ack,
                segment.window
            )
        }
        Payload::Udp {
            source_port,
            destination_port,
            octets,
            ..
        } => write!(
            f,
            "{source}:{source_port} > {destination}:{destination_port} UDP len {}",
            octets.len()
        ),
        Payload::Icmp { kind, code, .. } => {
            write!(f, "{source} > {destination} ICMP type {kind} code {code}")
        }
        Payload::Fragment { offset, octets, .. } => write!(
            f,
            "{source} > {destination} fragment at {offset} len {}",
            octets.len()
        ),
        Payload::Other { protocol, .. } => {
            write!(f, "{source} > {destination} protocol {protocol}")
        }
    }
}

/// A rule that does not hold, with all that is needed to see it again.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("seed {seed}, {at}, node {node:?}: {violation}")]
pub struct Failure {
    /// The seed of the world.
    pub seed: u64,
    /// When.
    pub at: Instant,
    /// At which node, if it is about one.
    pub node: Option<usize>,
    /// Which rule.
    pub violation: Violation,
    /// The packet that broke it, if it was one.
    pub packet: Option<Bytes>,
    /// The last happenings, oldest first.
    pub happenings: VecDeque<Happening>,
}

impl Failure {
    /// All of it on several lines: the rule, then the happenings.
    pub fn report(&self) -> String {
        use fmt::Write as _;
        let mut text = format!("{self}\n");
        for happening in &self.happenings {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {happening}");
        }
        text
    }
}
