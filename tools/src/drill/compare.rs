//! Plays the same packets and calls on two hosts and tells what each of them did.
//!
//! A script is played *freely*: what it does is done, what it expects is left out, and everything that
//! leaves is written down in the script's own numbers, so that two hosts with other first numbers,
//! ports and clocks can be compared. The fuzzer makes the scripts and judges the differences.

use std::time::Duration;

use super::ast::{Packet, Script};
use super::backend::kernel::KernelHost;
use super::backend::stack::StackBackend;
use super::backend::{Host, Outcome};
use super::run::{Settings, Stop, play_freely, stack_for};

/// Something that left a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sent {
    /// When, since the script began.
    pub at: Duration,
    /// What, in the script's numbers. The first TSval of a flow counts as
    /// [`FIRST_STAMP`]; every field of the IP header is filled in.
    pub packet: Option<Packet>,
    /// What is wrong with it whatever anybody expects: a checksum, a length, an octet that the
    /// application never wrote. A packet that cannot be read at all has nothing else.
    pub wrong: Option<String>,
    /// Why it was sent, where the host says so.
    pub reasons: Vec<String>,
}

/// What the first TSval of a flow counts as.
pub const FIRST_STAMP: u32 = 1_000;

/// What a host did in answer to one event of the script, until the next one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    /// What left, in order.
    pub sent: Vec<Sent>,
    /// What came of the call, if the event is one and it has ended.
    pub outcome: Option<Outcome>,
    /// What is wrong with the octets that the call received.
    pub wrong: Option<String>,
}

/// What a host did in a script: an answer for each event. Those of events that expect a packet are
/// empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Played {
    /// In the order of the script.
    pub answers: Vec<Answer>,
}

/// What both hosts did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Compared {
    /// Our stack.
    pub ours: Played,
    /// The kernel.
    pub theirs: Played,
}

/// Plays `script` freely on `host`: inbound packets, calls and waits, in order. Sockets should not
/// block (`SOCK_NONBLOCK`); a call that does ends the run.
///
/// # Errors
///
/// The script asks for what the host cannot do, or the host itself failed.
pub fn play(script: &Script, host: &mut dyn Host, settings: &Settings) -> Result<Played, Stop> {
    play_freely(script, host, settings).map(|answers| Played { answers })
}

/// Plays `script` on a new stack and on `kernel`.
///
/// `kernel` is as good as new afterwards, except that connections of earlier scripts may linger: give
/// each script ports of its own (`Options::bind_port`), or packets may find the wrong connection. The
/// calling thread must be in the kernel's namespace: see
/// [`in_own_network`](super::backend::kernel::in_own_network).
///
/// # Errors
///
/// The script asks for what one of them cannot do, or one of them failed.
pub fn compare(
    script: &Script,
    kernel: &mut KernelHost,
    settings: &Settings,
) -> Result<Compared, Stop> {
    let mut stack = new_stack(script, settings)?;
    let ours = play(script, &mut stack, settings)?;
    kernel.restart()?;
    let theirs = play(script, kernel, settings)?;
    kernel.restart()?;
    Ok(Compared { ours, theirs })
}

/// A stack as a script wants it.
///
/// # Errors
///
/// The script's settings are none that a stack can have.
pub fn new_stack(script: &Script, settings: &Settings) -> Result<StackBackend, Stop> {
    stack_for(script, settings)
}

#[cfg(test)]
mod tests;
