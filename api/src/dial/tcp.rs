//! Opening TCP connections for a race: one attempt on the stack or on the host's kernel.
//!
//! `dialer.rs` makes the racer. An attempt that is dropped closes what it may have opened. That two
//! of our own SYNs meet (simultaneous open, RFC 9293 §3.5) is no connection with anybody, and is
//! tried again.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use sidestep_stack::call::{CallRefused, OpenConnection};

use super::race::{GaveUp, Racer};
use crate::address::Network;
use crate::channel::failure::Failure;
use crate::channel::stream::Stream;
use crate::channel::waiters::Seat;
use crate::conn::TCPConn;
use crate::conn_io::cause;
use crate::driver::request::{Opening, Request};
use crate::error::{AddrError, AddrErrorKind, Cause, Errno, Op, OpError, SysCall};
use crate::host::HostConnecting;
use crate::net::{Backend, Net, Shared};
use crate::packet_conn::destination;
use crate::socket_options::{Control, SocketOptions};
use crate::{NetAddr, TCPAddr};

/// The most text that a dial takes along: more than any SYN carries, and no more than every send
/// buffer has room for.
const FIRST_TEXT_OCTETS_MAX: usize = 2_048;

/// A dial to ourselves that met itself is tried so often again.
const SELF_CONNECTS_MAX: usize = 2;

/// Opens TCP connections on one network.
#[derive(Clone, Debug)]
pub(crate) struct TcpRacer {
    pub(crate) net: Net,
    pub(crate) network: Network,
    /// The user's own end.
    pub(crate) local: Option<TCPAddr>,
    pub(crate) options: SocketOptions,
    pub(crate) control: Option<Control>,
    /// What goes with the SYN if it may (RFC 7413).
    pub(crate) text: Option<Bytes>,
}

/// One attempt.
#[derive(Debug)]
pub(crate) struct TcpAttempt {
    address: TCPAddr,
    how: How,
}

#[derive(Debug)]
enum How {
    /// It failed before it began; taken once.
    Failed(Option<Cause>),
    Stack(Box<StackOpening>),
    Host(Box<HostConnecting>),
}

impl Racer for TcpRacer {
    type Address = TCPAddr;
    type Attempt = TcpAttempt;
    type Conn = TCPConn;
    type Error = OpError;

    fn begin(&mut self, address: &TCPAddr) -> TcpAttempt {
        TcpAttempt {
            address: address.clone(),
            how: self
                .try_begin(address)
                .unwrap_or_else(|cause| How::Failed(Some(cause))),
        }
    }

    fn poll(
        &mut self,
        attempt: &mut TcpAttempt,
        cx: &mut Context<'_>,
    ) -> Poll<Result<TCPConn, OpError>> {
        let outcome = match &mut attempt.how {
            How::Failed(cause) => {
                let cause = cause.take().unwrap_or(Cause::Closed);
                Poll::Ready(Err(cause))
            }
            How::Stack(opening) => opening.poll(cx, self.network),
            How::Host(connecting) => connecting.poll().map_ok(|end| {
                let conn = TCPConn::of_host(end);
                if let Some(text) = &self.text {
                    // There is room for it; what else may fail is told by the next call.
                    let _ = conn.write(text);
                }
                conn
            }),
        };
        outcome.map_err(|cause| self.failed(&attempt.address, cause))
    }

    fn descriptor(attempt: &TcpAttempt) -> Option<BorrowedFd<'_>> {
        match &attempt.how {
            How::Host(connecting) => connecting.descriptor(),
            How::Failed(_) | How::Stack(_) => None,
        }
    }

    fn gave_up(&self, address: &TCPAddr, why: GaveUp) -> OpError {
        self.failed(
            address,
            match why {
                GaveUp::Timeout => Cause::Timeout,
                GaveUp::Canceled => Cause::Canceled,
            },
        )
    }
}

impl TcpRacer {
    fn failed(&self, address: &TCPAddr, cause: Cause) -> OpError {
        OpError::new(Op::Dial, self.network.as_str(), cause)
            .with_source(self.local.clone().map(NetAddr::TCP))
            .with_addr(NetAddr::TCP(address.clone()))
    }

    fn try_begin(&self, address: &TCPAddr) -> Result<How, Cause> {
        let ip = destination(self.network, address.ip)?;
        if self
            .text
            .as_ref()
            .is_some_and(|it| it.len() > FIRST_TEXT_OCTETS_MAX)
        {
            return Err(Cause::sys(SysCall::Connect, Errno::EMSGSIZE));
        }
        let mut options = self.options;
        if let Some(control) = &self.control {
            let network = if ip.is_ipv4() { "tcp4" } else { "tcp6" };
            control.call(network, &address.to_string(), &mut options)?;
        }
        let remote = TCPAddr {
            ip: Some(ip),
            ..address.clone()
        };
        let shared = match &self.net.0 {
            Backend::Stack(shared) => shared,
            Backend::Host => {
                let local = self.local.clone();
                let begun = HostConnecting::begin(self.network, local, remote, options)?;
                return Ok(How::Host(Box::new(begun)));
            }
        };
        shared.check_zone(&address.zone)?;
        let local = self.local.as_ref();
        if remote.port == 0 {
            // No listener can have it; the kernel asks the peer, which says the same.
            return Err(Cause::sys(SysCall::Connect, Errno::ECONNREFUSED));
        }
        let from = local
            .and_then(|local| local.ip)
            .filter(|ip| !ip.is_unspecified());
        if from.is_some_and(|from| from.is_ipv4() != ip.is_ipv4()) {
            let text = ip.to_string();
            return Err(AddrError::new(AddrErrorKind::NoSuitableAddress, &text).into());
        }
        let open = OpenConnection {
            remote: SocketAddr::new(ip, remote.port),
            local_address: from,
            local_port: local.map_or(0, |local| local.port),
            options: options.for_connection(),
        };
        let opening = StackOpening::new(Arc::clone(shared), open, self.text.clone(), remote);
        Ok(How::Stack(Box::new(opening)))
    }
}

/// A connection of the stack that is being opened.
#[derive(Debug)]
struct StackOpening {
    shared: Arc<Shared>,
    open: OpenConnection,
    text: Option<Bytes>,
    remote: TCPAddr,
    /// Until it is the connection's.
    stream: Option<Arc<Stream>>,
    /// What the packet thread is asked, until there is room for it in the mailbox.
    request: Option<Request>,
    seat: Seat,
    self_connects: usize,
}

impl StackOpening {
    fn new(
        shared: Arc<Shared>,
        open: OpenConnection,
        text: Option<Bytes>,
        remote: TCPAddr,
    ) -> Self {
        Self {
            shared,
            open,
            text,
            remote,
            stream: None,
            request: None,
            seat: Seat::Standing,
            self_connects: 0,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, network: Network) -> Poll<Result<TCPConn, Cause>> {
        loop {
            let stream = match &self.stream {
                Some(stream) => Arc::clone(stream),
                None => self.ask(),
            };
            if self.request.is_some() {
                let mailbox = &self.shared.mailbox;
                match mailbox.poll_post(cx, &mut self.seat, &mut self.request) {
                    Poll::Ready(Ok(())) => mailbox.leave(&mut self.seat),
                    Poll::Ready(Err(failure)) => return self.over(failure),
                    Poll::Pending => return Poll::Pending,
                }
            }
            let ours = match stream.poll_open(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(failure)) => return self.over(failure),
                Poll::Ready(Ok(ours)) => ours,
            };
            // The port that was chosen is the one that was dialled: nobody is there but ourselves.
            let is_accident = ours == self.open.remote && self.open.local_port == 0;
            if is_accident && self.self_connects < SELF_CONNECTS_MAX {
                self.self_connects += 1;
                let _ = stream.abort();
                self.stream = None;
                continue;
            }
            self.stream = None;
            let shared = Arc::clone(&self.shared);
            let remote = self.remote.clone();
            let conn = TCPConn::of_stack(stream, network, ours, remote, shared);
            return Poll::Ready(Ok(conn));
        }
    }

    /// Prepares a stream, and what the packet thread is asked.
    fn ask(&mut self) -> Arc<Stream> {
        let shared = &self.shared;
        let stream = Arc::new(Stream::opening(shared.stream_limits, shared.attention()));
        let options = &self.open.options;
        stream.bound(options.receive_buffer_octets, options.send_buffer_octets);
        self.request = Some(Request::Dial {
            open: self.open.clone(),
            text: self.text.clone(),
            opening: Opening::new(Arc::clone(&stream)),
        });
        self.stream = Some(Arc::clone(&stream));
        stream
    }

    /// Nobody will ever use it: not the record, nor a SYN that is still on its way.
    fn over(&mut self, failure: Failure) -> Poll<Result<TCPConn, Cause>> {
        if let Some(stream) = self.stream.take() {
            let _ = stream.abort();
        }
        // With a kernel our own end is taken by another call.
        let call = match failure {
            Failure::Refused(CallRefused::AddressNotOurs | CallRefused::AddressInUse) => {
                SysCall::Bind
            }
            _ => SysCall::Connect,
        };
        Poll::Ready(Err(cause(failure, call)))
    }
}

/// A loser: it is aborted while it is being opened, and closed if it was open already.
impl Drop for StackOpening {
    fn drop(&mut self) {
        self.shared.mailbox.leave(&mut self.seat);
        if let Some(stream) = self.stream.take() {
            let _ = stream.close();
        }
    }
}
