//! Why an operation on a channel did not do what it was asked to.
//!
//! The channels speak in these words; `conn_io.rs` turns them into Go's `OpError` with its network
//! and addresses. Nothing here carries text of its own.

use sidestep_stack::call::{CallRefused, ConnectionId, ListenerId, RawId, SocketId};
use sidestep_stack::event::{ConnectionError, SocketError};

/// What became of the packet thread.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Gone {
    /// The device will never carry a packet again.
    Device,
    /// The `Net` was closed by its owner.
    Closed,
    /// The thread stopped for a reason that is a bug of ours.
    Died,
}

/// Why an operation failed. Sorted by blame: peer, path, caller, us.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Failure {
    /// Peer or path: the connection ended before its time. Told to one operation only.
    Ended(ConnectionError),
    /// Peer or path: what an earlier datagram met. Told to one operation only.
    Socket(SocketError),
    /// Caller: our direction is closed, or the connection has failed before.
    BrokenPipe,
    /// Caller: there is no connection (any more) whose direction could be closed.
    NotConnected,
    /// Caller: the deadline has passed.
    Timeout,
    /// Caller: the handle was closed.
    Closed,
    /// Caller: the dial was cancelled.
    Canceled,
    /// Caller or limit: the stack did not take the call.
    Refused(CallRefused),
    /// Us: there is no packet thread any more.
    Gone(Gone),
}

/// A write that ended early.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct WriteFailure {
    /// Octets that were taken before.
    pub(crate) written: usize,
    /// Why it ended.
    pub(crate) failure: Failure,
}

/// A channel, by the name that its other end has in the stack.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Source {
    /// A TCP connection.
    Connection(ConnectionId),
    /// A TCP listener.
    Listener(ListenerId),
    /// A UDP socket.
    Socket(SocketId),
    /// A raw socket.
    Raw(RawId),
}

/// Where a channel says that it has something for the packet thread.
pub(crate) trait Attention: Send + Sync + std::fmt::Debug {
    /// Puts `source` on the list. The channel calls this at most once until the packet thread has
    /// looked at it, and never while it holds its own lock.
    fn attend(&self, source: Source);
}

/// How much one stream may hold. Octets are charged with [`SLICE_OVERHEAD_OCTETS`] for each slice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct StreamLimits {
    /// Received octets that wait for `read`.
    pub(crate) receive_octets: usize,
    /// Written octets that the stack has not taken.
    pub(crate) send_octets: usize,
}

/// What a queued slice costs beyond its octets, so that many small ones are bounded too.
pub(crate) const SLICE_OVERHEAD_OCTETS: usize = 128;
