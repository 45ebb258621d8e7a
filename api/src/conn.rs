//! TCP connections: [`TCPConn`].
//!
//! `dial.rs` and `listener.rs` make them. The way out begins here: `write` copies once, into the
//! tail of the connection's channel; the way in ends here: `read` copies out of slices of what the
//! device received. What a call means is the contract of the channel, or of the kernel's sockets.

#[cfg(feature = "async")]
mod poll;

mod copy;
mod watch;

use std::io::IoSlice;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use sidestep_stack::Call;
use sidestep_stack::call::{ConnectionId, ConnectionOptions};

use crate::address::Network;
use crate::any_conn::{Conn, forward_conn};
use crate::buffers::Buffers;
use crate::channel::failure::{Failure, Source, WriteFailure};
use crate::channel::stream::{Linger, Stream, Which};
use crate::channel::ticket;
use crate::conn_io::cause;
use crate::deadline::Deadline;
use crate::driver::request::Request;
use crate::error::{Cause, Op, OpError, SysCall};
use crate::host::HostStream;
use crate::net::Shared;
use crate::socket_options::KeepAliveConfig;
use crate::{NetAddr, TCPAddr};

/// The state of a connection in the terms of RFC 9293: see [`TCPConn::info`].
pub use sidestep_stack::call::Status as TCPInfo;

/// A TCP connection. Clones are the same connection, which is closed when the last one is dropped.
///
/// Every method takes `&self` and may be called from several threads at once; `std::io::Read` and
/// `Write` are there for `TCPConn` and `&TCPConn`.
#[derive(Clone, Debug)]
#[doc(alias = "net.TCPConn")]
pub struct TCPConn(Arc<Inner>);

#[derive(Debug)]
enum Inner {
    Stack(StackConn),
    Host(HostStream),
}

/// A connection of the userspace stack.
#[derive(Debug)]
pub(crate) struct StackConn {
    stream: Arc<Stream>,
    network: Network,
    local: TCPAddr,
    remote: TCPAddr,
    /// How long text may go unacknowledged after `close`; only with `set_linger` of some time.
    linger: Mutex<Option<Duration>>,
    /// Keeps the packet thread.
    shared: Arc<Shared>,
}

impl Drop for StackConn {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

impl StackConn {
    /// Gives the stream up, with the time that was set for lingering.
    fn end(&self) -> Result<(), Failure> {
        if let (Some(time), Ok(())) = (*self.linger.lock(), self.stream.check_held()) {
            let options = ConnectionOptions {
                user_timeout: Some(Some(time)),
                ..ConnectionOptions::default()
            };
            if let Some(call) = self.set_options_call(options) {
                let (_, answer) = ticket::pair();
                // Nobody waits: if the mailbox is full, the default time holds.
                let _ = self
                    .shared
                    .mailbox
                    .post(Request::Call { call, answer }, Deadline::past());
            }
        }
        self.stream.close()
    }

    fn connection(&self) -> Option<ConnectionId> {
        match self.stream.source() {
            Some(Source::Connection(connection)) => Some(connection),
            Some(Source::Listener(_) | Source::Socket(_) | Source::Raw(_)) | None => None,
        }
    }

    fn set_options_call(&self, options: ConnectionOptions) -> Option<Call> {
        self.connection().map(|connection| Call::SetOptions {
            connection,
            options,
        })
    }

    fn set_options(&self, options: ConnectionOptions) -> Result<(), Failure> {
        self.stream.check_held()?;
        self.stream
            .bound(options.receive_buffer_octets, options.send_buffer_octets);
        let call = self
            .set_options_call(options)
            .ok_or(Failure::NotConnected)?;
        self.shared.call(call, Deadline::NONE).map(|_| ())
    }

    fn failed(&self, op: Op, failure: Failure, call: SysCall) -> OpError {
        let error = OpError::new(op, self.network.as_str(), cause(failure, call));
        match op {
            // As in Go: what belongs to the socket and not to the peer names our end only.
            Op::Set => error.with_addr(NetAddr::TCP(self.local.clone())),
            _ => error
                .with_source(NetAddr::TCP(self.local.clone()))
                .with_addr(NetAddr::TCP(self.remote.clone())),
        }
    }

    /// An option that was not set. As in Go: what the connection does names both ends, and what its
    /// socket has (deadlines and buffers) only ours.
    fn option_failed(&self, failure: Failure) -> OpError {
        OpError::new(
            Op::Set,
            self.network.as_str(),
            cause(failure, SysCall::SetSockOpt),
        )
        .with_source(NetAddr::TCP(self.local.clone()))
        .with_addr(NetAddr::TCP(self.remote.clone()))
    }

    fn set_deadline(&self, which: Which, deadline: Deadline) -> Result<(), OpError> {
        self.stream
            .set_deadline(which, deadline)
            .map_err(|failure| self.failed(Op::Set, failure, SysCall::SetSockOpt))
    }
}

impl TCPConn {
    /// A connection that is open, of the userspace stack.
    pub(crate) fn of_stack(
        stream: Arc<Stream>,
        network: Network,
        local: SocketAddr,
        mut remote: TCPAddr,
        shared: Arc<Shared>,
    ) -> Self {
        // Addresses that mean something else on each interface are shown with ours.
        if let (true, Some(ip)) = (remote.zone.is_none(), remote.ip) {
            remote.zone = shared.zone_of(ip);
        }
        let mut own = TCPAddr::from(local);
        own.zone = shared.zone_of(local.ip());
        Self(Arc::new(Inner::Stack(StackConn {
            stream,
            network,
            local: own,
            remote,
            linger: Mutex::new(None),
            shared,
        })))
    }

    /// A connection of the host's kernel.
    pub(crate) fn of_host(stream: HostStream) -> Self {
        Self(Arc::new(Inner::Host(stream)))
    }

    /// Receives up to `octets.len()` octets, waiting for the first; 0 is the end of the stream, for
    /// ever, or an empty buffer.
    ///
    /// # Errors
    ///
    /// With op `read`: `Timeout` once the deadline has passed, even if octets wait; `Closed`; after
    /// a reset `ECONNRESET`, once.
    #[doc(alias = "Read")]
    pub fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn
                .stream
                .read(octets)
                .map_err(|failure| conn.failed(Op::Read, failure, SysCall::Read)),
            Inner::Host(conn) => conn.read(octets),
        }
    }

    /// Receives up to `octets_max` octets without copying them; empty at the end of the stream.
    /// (On the host they are copied once more.)
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn read_bytes(&self, octets_max: usize) -> Result<Bytes, OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn
                .stream
                .read_bytes(octets_max)
                .map_err(|failure| conn.failed(Op::Read, failure, SysCall::Read)),
            Inner::Host(conn) => {
                let mut octets = vec![0; octets_max.min(64 * 1024)];
                let len = conn.read(&mut octets)?;
                octets.truncate(len);
                Ok(octets.into())
            }
        }
    }

    /// Sends all of `octets`: returns once the last one was taken, which is not to say that it has
    /// arrived. The octets of one call are never mixed with those of another.
    ///
    /// # Errors
    ///
    /// With op `write`: `Timeout`, `Closed`, `ECONNRESET` once after a reset, else `EPIPE`.
    /// [`OpError::written`] says how many octets were taken.
    #[doc(alias = "Write")]
    pub fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn.stream.write(octets).map_err(|error| {
                conn.failed(Op::Write, error.failure, SysCall::Write)
                    .with_written(error.written)
            }),
            Inner::Host(conn) => conn.write(octets),
        }
    }

    /// As [`write`](Self::write), without copying.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn write_bytes(&self, octets: Bytes) -> Result<usize, OpError> {
        match &*self.0 {
            Inner::Stack(conn) => {
                conn.stream
                    .write_bytes(octets)
                    .map_err(|WriteFailure { written, failure }| {
                        conn.failed(Op::Write, failure, SysCall::Write)
                            .with_written(written)
                    })
            }
            Inner::Host(conn) => conn.write(&octets),
        }
    }

    /// Sends what there is room for, at least one octet: the shape of `std::io::Write`.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn write_some(&self, octets: &[u8]) -> Result<usize, OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn
                .stream
                .write_some(octets)
                .map_err(|failure| conn.failed(Op::Write, failure, SysCall::Write)),
            Inner::Host(conn) => conn.write(octets),
        }
    }

    /// Sends all of `buffers` in one go, without copying, and takes out what was sent.
    ///
    /// # Errors
    ///
    /// With op `writev`, else as for [`write`](Self::write).
    pub(crate) fn write_buffers(&self, buffers: &mut Buffers) -> Result<usize, OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn.stream.write_slices(buffers.slices_mut()).map_err(
                |WriteFailure { written, failure }| {
                    conn.failed(Op::WriteV, failure, SysCall::WriteV)
                        .with_written(written)
                },
            ),
            Inner::Host(conn) => conn.write_slices(buffers.slices_mut()),
        }
    }

    /// Sends what there is room for of `slices`, at least one octet.
    ///
    /// # Errors
    ///
    /// As for [`write_buffers`](Self::write_buffers).
    pub(crate) fn write_some_slices(&self, slices: &[IoSlice<'_>]) -> Result<usize, OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn
                .stream
                .write_some_slices(slices)
                .map_err(|failure| conn.failed(Op::WriteV, failure, SysCall::WriteV)),
            Inner::Host(conn) => conn.write_some_slices(slices),
        }
    }

    /// Closes the connection. Every call that waits fails with `Closed` at once; what was written
    /// goes out in the background, unless [`set_linger`](Self::set_linger) says otherwise. If
    /// received octets are unread, the peer is reset.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    pub fn close(&self) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn
                .end()
                .map_err(|failure| conn.failed(Op::Close, failure, SysCall::Shutdown)),
            Inner::Host(conn) => conn.close(),
        }
    }

    /// Ends our direction after what was written: the peer reads it, then the end of the stream.
    /// Repeating it succeeds.
    ///
    /// # Errors
    ///
    /// With op `close`: `Closed`, or `ENOTCONN` if the connection has failed.
    #[doc(alias = "CloseWrite")]
    pub fn close_write(&self) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn
                .stream
                .close_write()
                .map_err(|failure| conn.failed(Op::Close, failure, SysCall::Shutdown)),
            Inner::Host(conn) => conn.close_write(),
        }
    }

    /// Takes no more from the peer: reads give the end of the stream.
    ///
    /// # Errors
    ///
    /// As for [`close_write`](Self::close_write).
    #[doc(alias = "CloseRead")]
    pub fn close_read(&self) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn
                .stream
                .close_read()
                .map_err(|failure| conn.failed(Op::Close, failure, SysCall::Shutdown)),
            Inner::Host(conn) => conn.close_read(),
        }
    }

    /// Ends directions under std's name for it: [`close_read`](Self::close_read),
    /// [`close_write`](Self::close_write), or both.
    ///
    /// # Errors
    ///
    /// As for [`close_write`](Self::close_write).
    pub fn shutdown(&self, how: std::net::Shutdown) -> Result<(), OpError> {
        match how {
            std::net::Shutdown::Read => self.close_read(),
            std::net::Shutdown::Write => self.close_write(),
            std::net::Shutdown::Both => self.close_read().and_then(|()| self.close_write()),
        }
    }

    /// Our end; known after `close` as well.
    #[doc(alias = "LocalAddr")]
    pub fn local_addr(&self) -> &TCPAddr {
        match &*self.0 {
            Inner::Stack(conn) => &conn.local,
            Inner::Host(conn) => conn.local_addr(),
        }
    }

    /// The peer's end; known after `close` as well.
    #[doc(alias = "RemoteAddr")]
    pub fn remote_addr(&self) -> &TCPAddr {
        match &*self.0 {
            Inner::Stack(conn) => &conn.remote,
            Inner::Host(conn) => conn.remote_addr(),
        }
    }

    /// A descriptor of the same connection for other programs: it lives on after `close`. It does not
    /// block, and deadlines do not hold for it.
    ///
    /// # Errors
    ///
    /// With op `file`: it is closed; [`Cause::NotSupported`] for one of the userspace stack, which
    /// has no descriptor.
    #[doc(alias = "File")]
    pub fn file(&self) -> Result<OwnedFd, OpError> {
        match &*self.0 {
            Inner::Stack(conn) => {
                Err(
                    OpError::new(Op::File, conn.network.as_str(), Cause::NotSupported)
                        .with_source(NetAddr::TCP(conn.local.clone()))
                        .with_addr(NetAddr::TCP(conn.remote.clone())),
                )
            }
            Inner::Host(conn) => conn.file(),
        }
    }

    /// Sets the deadline of reads and writes: absolute, kept until it is changed, and seen at once
    /// by calls that wait.
    ///
    /// # Errors
    ///
    /// With op `set`: the connection is closed.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn.set_deadline(Which::Both, deadline.into()),
            Inner::Host(conn) => conn.set_deadline(deadline),
        }
    }

    /// Sets the deadline of reads.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn.set_deadline(Which::Read, deadline.into()),
            Inner::Host(conn) => conn.set_read_deadline(deadline),
        }
    }

    /// Sets the deadline of writes.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn.set_deadline(Which::Write, deadline.into()),
            Inner::Host(conn) => conn.set_write_deadline(deadline),
        }
    }

    fn set_options(
        &self,
        options: ConnectionOptions,
        on_host: impl FnOnce(&HostStream) -> Result<(), OpError>,
    ) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => {
                let is_buffer =
                    options.receive_buffer_octets.is_some() || options.send_buffer_octets.is_some();
                conn.set_options(options).map_err(|failure| {
                    if is_buffer {
                        conn.failed(Op::Set, failure, SysCall::SetSockOpt)
                    } else {
                        conn.option_failed(failure)
                    }
                })
            }
            Inner::Host(conn) => on_host(conn),
        }
    }

    /// Whether small writes leave at once (`true`, which connections begin with) or wait to be sent
    /// together (Nagle's algorithm, RFC 9293 §3.7.4).
    ///
    /// # Errors
    ///
    /// With op `set`: the connection is closed or has failed.
    #[doc(alias = "SetNoDelay")]
    pub fn set_nodelay(&self, nodelay: bool) -> Result<(), OpError> {
        let options = ConnectionOptions {
            no_delay: Some(nodelay),
            ..ConnectionOptions::default()
        };
        self.set_options(options, |host| host.set_nodelay(nodelay))
    }

    /// Whether a silent peer is asked if it is still there: after 15 s, nine times 15 s apart, which
    /// connections begin with (RFC 9293 §3.8.4).
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    #[doc(alias = "SetKeepAlive")]
    pub fn set_keep_alive(&self, keep_alive: bool) -> Result<(), OpError> {
        let options = ConnectionOptions {
            keep_alive: Some(
                keep_alive
                    .then(KeepAliveConfig::default)
                    .and_then(KeepAliveConfig::times),
            ),
            ..ConnectionOptions::default()
        };
        self.set_options(options, |host| host.set_keep_alive(keep_alive))
    }

    /// As [`set_keep_alive`](Self::set_keep_alive), with times of your own; a time or a count of zero
    /// is the default.
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    #[doc(alias = "SetKeepAliveConfig")]
    pub fn set_keep_alive_config(&self, config: impl Into<KeepAliveConfig>) -> Result<(), OpError> {
        let config = config.into();
        let options = ConnectionOptions {
            keep_alive: Some(config.times()),
            ..ConnectionOptions::default()
        };
        self.set_options(options, |host| host.set_keep_alive_config(config))
    }

    /// Asks a peer that was silent for `idle`, and then nine times 15 s apart.
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    #[doc(alias = "SetKeepAlivePeriod")]
    pub fn set_keep_alive_period(&self, idle: Duration) -> Result<(), OpError> {
        self.set_keep_alive_config(KeepAliveConfig::after(idle))
    }

    /// What `close` does with octets that were not delivered: `None`, which connections begin with,
    /// delivers them in the background; zero drops them and resets the peer; a time drops them if
    /// nothing was acknowledged for so long. `close` never waits.
    ///
    /// # Errors
    ///
    /// With op `set`: the connection is closed.
    #[doc(alias = "SetLinger")]
    pub fn set_linger(&self, linger: Option<Duration>) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => {
                let how = match linger {
                    Some(Duration::ZERO) => Linger::Abort,
                    Some(_) | None => Linger::Background,
                };
                conn.stream
                    .set_linger(how)
                    .map_err(|failure| conn.option_failed(failure))?;
                *conn.linger.lock() = linger.filter(|time| !time.is_zero());
                Ok(())
            }
            Inner::Host(conn) => conn.set_linger(linger),
        }
    }

    /// Whether segments that are not full wait for more octets: `true` gathers what is written until
    /// `false` lets it go, or 200 ms have passed with nothing in flight. What is written last before
    /// `close` waits for nothing.
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    pub fn set_cork(&self, cork: bool) -> Result<(), OpError> {
        let options = ConnectionOptions {
            cork: Some(cork),
            ..ConnectionOptions::default()
        };
        self.set_options(options, |host| host.set_cork(cork))
    }

    /// Whether what arrives is acknowledged at once (`true`) or acknowledgments may wait for more
    /// (RFC 9293 §3.8.6.3). The host forgets it by and by.
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    pub fn set_quick_ack(&self, quick_ack: bool) -> Result<(), OpError> {
        let options = ConnectionOptions {
            quick_ack: Some(quick_ack),
            ..ConnectionOptions::default()
        };
        self.set_options(options, |host| host.set_quick_ack(quick_ack))
    }

    /// The connection fails when octets were unacknowledged for so long (RFC 9293 §3.8.3).
    ///
    /// Zero gives the choice back, as Linux's `TCP_USER_TIMEOUT` does: to the stack's
    /// [`r2_retransmissions`](crate::Config::r2_retransmissions), which are 15 unless set (with a timeout
    /// that doubles up to a minute, some 15 minutes), and to `net.ipv4.tcp_retries2` on the host. There is
    /// no "never" here: a [`Duration::MAX`] is as good.
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    pub fn set_user_timeout(&self, timeout: Duration) -> Result<(), OpError> {
        let options = ConnectionOptions {
            user_timeout: Some(Some(timeout)),
            ..ConnectionOptions::default()
        };
        self.set_options(options, |host| host.set_user_timeout(timeout))
    }

    /// The most received octets that wait in the stack for the application: a fixed size, which does
    /// not follow any more what the application takes.
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    #[doc(alias = "SetReadBuffer")]
    pub fn set_read_buffer(&self, octets: usize) -> Result<(), OpError> {
        let options = ConnectionOptions {
            receive_buffer_octets: Some(octets),
            ..ConnectionOptions::default()
        };
        self.set_options(options, |host| host.set_read_buffer(octets))
    }

    /// The most octets that wait in the stack to be sent or acknowledged: a fixed size, which does not
    /// follow the congestion window any more.
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    #[doc(alias = "SetWriteBuffer")]
    pub fn set_write_buffer(&self, octets: usize) -> Result<(), OpError> {
        let options = ConnectionOptions {
            send_buffer_octets: Some(octets),
            ..ConnectionOptions::default()
        };
        self.set_options(options, |host| host.set_write_buffer(octets))
    }
}

impl Conn for TCPConn {
    forward_conn!(TCPConn);

    fn write_buffers(&self, buffers: &mut Buffers) -> Result<usize, OpError> {
        Self::write_buffers(self, buffers)
    }

    fn write_some_slices(&self, slices: &[IoSlice<'_>]) -> Result<usize, OpError> {
        Self::write_some_slices(self, slices)
    }

    fn write_some(&self, octets: &[u8]) -> Result<usize, OpError> {
        Self::write_some(self, octets)
    }

    fn local_addr(&self) -> NetAddr {
        NetAddr::TCP(Self::local_addr(self).clone())
    }

    fn remote_addr(&self) -> Option<NetAddr> {
        Some(NetAddr::TCP(Self::remote_addr(self).clone()))
    }
}
