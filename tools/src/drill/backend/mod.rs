//! What a script runs against: sockets on one side, a wire on the other, and a time line.
//!
//! The runner knows nothing else of a host than [`Host`], so the same script runs on a bare stack
//! in virtual time, on the kernel, and through the `api` crate. Calls and their outcomes are those of
//! Linux, with its numbers; a back end never looks at the script.

pub mod api;
pub mod call;
pub mod info;
pub mod kernel;
pub mod numbers;
pub mod stack;
mod worker;

use sidestep_stack::Instant;
use thiserror::Error;

pub use call::{
    Blocking, Ended, Fd, OptionValue, Outcome, PollEntry, SocketFamily, SocketKind, Syscall,
};
pub use info::TcpInfo;

use std::net::SocketAddr;
use std::time::Duration;

use sidestep::error::Errno;

/// A packet that left the host under test.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Emitted {
    /// When, on the script's time line.
    pub at: Instant,
    /// From the IP header on.
    pub octets: Vec<u8>,
    /// Why it was sent, as far as the host says so: one line for each observation.
    pub reasons: Vec<String>,
}

/// Why a script cannot go on, whatever it says.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum HostError {
    /// Caller: this back end has no such call.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Limit: the stack worked without end, and nothing came of it.
    #[error("the stack works without end at {0}")]
    Stuck(Instant),
    /// Machine: a system call of the runner's own failed.
    #[error("{what}: {errno}")]
    Failed {
        /// What it was for.
        what: &'static str,
        /// Why not.
        errno: Errno,
    },
    /// Machine: the namespace or the device could not be made.
    #[error("{0}")]
    NotUp(String),
}

/// A host under test. Moments are since the script began.
pub trait Host {
    /// The moment now.
    fn now(&self) -> Instant;

    /// Lets time pass until `moment`, or until a packet left or a call ended, whichever is first.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    fn pass(&mut self, moment: Instant) -> Result<(), HostError>;

    /// A packet comes from the wire.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    fn arrives(&mut self, packet: &[u8]) -> Result<(), HostError>;

    /// The oldest packet on the wire that nobody has looked at.
    fn next_emitted(&mut self) -> Option<Emitted>;

    /// The application makes a call. At most one is under way at a time; whether it has ended,
    /// [`next_ended`](Self::next_ended) tells.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    fn begin(&mut self, call: Syscall) -> Result<(), HostError>;

    /// The call that has ended, told once.
    fn next_ended(&mut self) -> Option<Ended>;

    /// How long a call that does not block may take: zero in virtual time.
    fn patience(&self) -> Duration;

    /// What `TCP_INFO` says of a socket.
    ///
    /// # Errors
    ///
    /// The error number of the call.
    fn tcp_info(&mut self, fd: Fd) -> Result<TcpInfo, Errno>;

    /// The socket's own end, if it has one.
    fn local_address(&mut self, fd: Fd) -> Option<SocketAddr>;

    /// Changes a setting of the host, by the kernel's name for it.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    fn set(&mut self, name: &str, value: &str) -> Result<(), HostError>;

    /// What happened on the host since this was asked last, one line for each observation that
    /// belongs to no packet.
    fn remarks(&mut self) -> Vec<(Instant, String)>;
}
