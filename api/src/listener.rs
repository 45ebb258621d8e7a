//! Listeners: [`TCPListener`], the trait [`Listener`] and [`AnyListener`].
//!
//! `listen_config.rs` makes them. Connections that are aborted before they are accepted never show,
//! and what was accepted does not depend on the listener any more.

mod pending;
#[cfg(feature = "async")]
mod poll;

use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::sync::Arc;

pub use pending::PendingConn;
use sidestep_stack::call::{Admission, Families, Listen, Local};
use sidestep_stack::event::SynArrived;

use crate::address;
use crate::address::Network;
use crate::any_conn::AnyConn;
use crate::channel::accept::Acceptor;
use crate::channel::failure::Failure;
use crate::channel::ticket;
use crate::conn::TCPConn;
use crate::conn_io::cause;
use crate::deadline::Deadline;
use crate::driver::request::{Arrival, Request};
use crate::error::{AddrError, AddrErrorKind, Cause, Op, OpError, SysCall};
use crate::host::{self, HostListener};
use crate::listen_config::ListenSettings;
use crate::net::{Backend, Net, Shared};
use crate::unix::UnixListener;
use crate::{NetAddr, TCPAddr};

/// So many of them are taken from the stack before anybody asks, so that a busy `accept` need not
/// wait for the packet thread.
const ACCEPT_AHEAD: usize = 128;

/// So many SYNs may wait for a decision; the others are dropped.
const QUESTIONS_AHEAD: usize = 1_024;

/// What waits for connections, whatever the network: Go's `net.Listener`.
#[doc(alias = "net.Listener")]
pub trait Listener: Debug + Send + Sync {
    /// The next connection, waited for.
    ///
    /// # Errors
    ///
    /// With op `accept`: `Closed`, also if it is closed meanwhile; a deadline.
    #[doc(alias = "Accept")]
    fn accept(&self) -> Result<AnyConn, OpError>;

    /// Ends it: every `accept` fails with `Closed`. Connections that were accepted live on.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    fn close(&self) -> Result<(), OpError>;

    /// Where it listens; known after `close` as well.
    #[doc(alias = "Addr")]
    fn addr(&self) -> NetAddr;
}

/// Waits for TCP connections. Clones are the same listener, closed when the last one is dropped.
#[derive(Clone, Debug)]
#[doc(alias = "net.TCPListener")]
pub struct TCPListener(Arc<Inner>);

#[derive(Debug)]
enum Inner {
    Stack(StackListener),
    Host(Box<HostListener>),
}

#[derive(Debug)]
pub(crate) struct StackListener {
    channel: Arc<Acceptor<Arrival>>,
    /// SYNs that wait for a decision, if the listener asks.
    questions: Option<Arc<Acceptor<SynArrived>>>,
    network: Network,
    local: TCPAddr,
    shared: Arc<Shared>,
}

impl Drop for StackListener {
    fn drop(&mut self) {
        let _ = self.channel.close();
        if let Some(questions) = &self.questions {
            let _ = questions.close();
        }
    }
}

impl StackListener {
    fn failed(&self, op: Op, failure: Failure) -> OpError {
        OpError::new(op, self.network.as_str(), cause(failure, SysCall::Accept))
            .with_addr(NetAddr::TCP(self.local.clone()))
    }

    fn accept(&self) -> Result<TCPConn, Failure> {
        loop {
            let arrival = self.channel.accept()?;
            let (local, remote) = (arrival.local, arrival.remote);
            if let Some(stream) = arrival.into_stream() {
                return Ok(TCPConn::of_stack(
                    stream,
                    self.network,
                    local,
                    TCPAddr::from(remote),
                    Arc::clone(&self.shared),
                ));
            }
        }
    }
}

impl TCPListener {
    /// A listener of the host's kernel.
    pub(crate) fn of_host(listener: HostListener) -> Self {
        Self(Arc::new(Inner::Host(Box::new(listener))))
    }

    /// The next connection, waited for until the deadline.
    ///
    /// # Errors
    ///
    /// With op `accept`: `Closed`, also if it is closed meanwhile; `Timeout`.
    #[doc(alias = "AcceptTCP")]
    pub fn accept_tcp(&self) -> Result<TCPConn, OpError> {
        match &*self.0 {
            Inner::Stack(listener) => listener
                .accept()
                .map_err(|failure| listener.failed(Op::Accept, failure)),
            Inner::Host(listener) => listener.accept().map(TCPConn::of_host),
        }
    }

    /// As [`accept_tcp`](Self::accept_tcp), in the type that all networks share.
    ///
    /// # Errors
    ///
    /// As for [`accept_tcp`](Self::accept_tcp).
    #[doc(alias = "Accept")]
    pub fn accept(&self) -> Result<AnyConn, OpError> {
        self.accept_tcp().map(AnyConn::TCP)
    }

    /// Connections as they come; ends once the listener is closed.
    pub fn incoming(&self) -> impl Iterator<Item = Result<TCPConn, OpError>> + '_ {
        std::iter::from_fn(|| match self.accept_tcp() {
            Err(error) if error.is_closed() => None,
            outcome => Some(outcome),
        })
    }

    /// Sets the deadline of `accept`, of one that waits now as well.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(listener) => {
                let deadline = deadline.into();
                if let Some(questions) = &listener.questions {
                    let _ = questions.set_deadline(deadline);
                }
                listener
                    .channel
                    .set_deadline(deadline)
                    .map_err(|failure| listener.failed(Op::Set, failure))
            }
            Inner::Host(listener) => listener.set_deadline(deadline),
        }
    }

    /// Ends it: every `accept` fails with `Closed`; connections that were accepted live on, those
    /// that were not are reset. Once this returns the port is free.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    pub fn close(&self) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(listener) => {
                listener
                    .channel
                    .close()
                    .map_err(|failure| listener.failed(Op::Close, failure))?;
                if let Some(questions) = &listener.questions {
                    let _ = questions.close();
                }
                listener.shared.settle(listener.channel.source());
                Ok(())
            }
            Inner::Host(listener) => listener.close(),
        }
    }

    /// A descriptor of the same listener for other programs: it lives on after `close`. It does not
    /// block, and deadlines do not hold for it.
    ///
    /// # Errors
    ///
    /// With op `file`: it is closed; [`Cause::NotSupported`] for one of the userspace stack, which
    /// has no descriptor.
    #[doc(alias = "File")]
    pub fn file(&self) -> Result<OwnedFd, OpError> {
        match &*self.0 {
            Inner::Stack(listener) => {
                Err(
                    OpError::new(Op::File, listener.network.as_str(), Cause::NotSupported)
                        .with_addr(NetAddr::TCP(listener.local.clone())),
                )
            }
            Inner::Host(listener) => listener.file(),
        }
    }

    /// Where it listens; known after `close` as well.
    #[doc(alias = "Addr")]
    pub fn addr(&self) -> &TCPAddr {
        match &*self.0 {
            Inner::Stack(listener) => &listener.local,
            Inner::Host(listener) => listener.addr(),
        }
    }
}

impl Listener for TCPListener {
    fn accept(&self) -> Result<AnyConn, OpError> {
        Self::accept(self)
    }

    fn close(&self) -> Result<(), OpError> {
        Self::close(self)
    }

    fn addr(&self) -> NetAddr {
        NetAddr::TCP(Self::addr(self).clone())
    }
}

/// A listener of any network: what `listen` gives. Clones are the same listener.
#[derive(Clone, Debug)]
#[doc(alias = "net.Listener")]
#[non_exhaustive]
pub enum AnyListener {
    /// For TCP connections.
    TCP(TCPListener),
    /// For connections of Unix sockets.
    Unix(UnixListener),
}

impl AnyListener {
    /// See [`TCPListener::accept_tcp`].
    ///
    /// # Errors
    ///
    /// With op `accept`.
    #[doc(alias = "Accept")]
    pub fn accept(&self) -> Result<AnyConn, OpError> {
        match self {
            Self::TCP(listener) => listener.accept(),
            Self::Unix(listener) => listener.accept(),
        }
    }

    /// Connections as they come; ends once the listener is closed.
    pub fn incoming(&self) -> impl Iterator<Item = Result<AnyConn, OpError>> + '_ {
        std::iter::from_fn(|| match self.accept() {
            Err(error) if error.is_closed() => None,
            outcome => Some(outcome),
        })
    }

    /// See [`TCPListener::set_deadline`].
    ///
    /// # Errors
    ///
    /// With op `set`.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        match self {
            Self::TCP(listener) => listener.set_deadline(deadline),
            Self::Unix(listener) => listener.set_deadline(deadline),
        }
    }

    /// See [`TCPListener::close`].
    ///
    /// # Errors
    ///
    /// With op `close`.
    #[doc(alias = "Close")]
    pub fn close(&self) -> Result<(), OpError> {
        match self {
            Self::TCP(listener) => listener.close(),
            Self::Unix(listener) => listener.close(),
        }
    }

    /// Where it listens; known after `close` as well.
    #[doc(alias = "Addr")]
    pub fn addr(&self) -> NetAddr {
        match self {
            Self::TCP(listener) => NetAddr::TCP(listener.addr().clone()),
            Self::Unix(listener) => NetAddr::Unix(listener.addr().clone()),
        }
    }

    /// The TCP listener, if it is one.
    pub const fn as_tcp(&self) -> Option<&TCPListener> {
        match self {
            Self::TCP(listener) => Some(listener),
            Self::Unix(_) => None,
        }
    }

    /// The listener of Unix sockets, if it is one.
    pub const fn as_unix(&self) -> Option<&UnixListener> {
        match self {
            Self::Unix(listener) => Some(listener),
            Self::TCP(_) => None,
        }
    }
}

impl Listener for AnyListener {
    fn accept(&self) -> Result<AnyConn, OpError> {
        Self::accept(self)
    }

    fn close(&self) -> Result<(), OpError> {
        Self::close(self)
    }

    fn addr(&self) -> NetAddr {
        Self::addr(self)
    }
}

impl From<UnixListener> for AnyListener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

impl From<TCPListener> for AnyListener {
    fn from(listener: TCPListener) -> Self {
        Self::TCP(listener)
    }
}

impl Net {
    /// Listens at `local`, as its options and settings say.
    pub(crate) fn listen_on(
        &self,
        network: Network,
        local: &TCPAddr,
        settings: ListenSettings,
    ) -> Result<TCPListener, OpError> {
        let ListenSettings {
            options,
            backlog,
            opening,
        } = settings;
        let shared = match &self.0 {
            Backend::Stack(shared) => shared,
            Backend::Host => {
                return host::listen_tcp_with(network, local, Some(backlog), options)
                    .map(TCPListener::of_host);
            }
        };
        let failed = |cause: Cause| {
            OpError::new(Op::Listen, network.as_str(), cause).with_addr(NetAddr::TCP(local.clone()))
        };
        if let Some(ip) = local.ip
            && !ip.is_unspecified()
            && !network.carries(ip)
        {
            return Err(failed(
                AddrError::new(AddrErrorKind::NoSuitableAddress, &ip.to_string()).into(),
            ));
        }
        shared
            .check_zone(&local.zone)
            .map_err(|error| failed(error.into()))?;
        let bound = address::local(network, local.ip, local.port);
        // What is taken ahead counts as waiting, too, so of a small backlog nothing is.
        let ahead = if backlog > 2 * ACCEPT_AHEAD {
            ACCEPT_AHEAD
        } else {
            0
        };
        let channel = Arc::new(Acceptor::new(ahead, shared.attention()));
        let questions = (opening.admission == Admission::Ask)
            .then(|| Arc::new(Acceptor::new(QUESTIONS_AHEAD, shared.attention())));
        let (ticket, answer) = ticket::pair();
        let listen = Listen {
            local: bound,
            backlog: Some(backlog - ahead),
            options: options.for_connection(),
            reuse_port: options.reuse_port,
            defer_accept: opening.defer_accept,
            fast_open: opening.fast_open,
            admission: opening.admission,
        };
        let port = shared
            .mailbox
            .post(
                Request::Listen {
                    listen,
                    channel: Arc::clone(&channel),
                    questions: questions.clone(),
                    answer,
                },
                Deadline::NONE,
            )
            .and_then(|()| ticket.wait(Deadline::NONE))
            .and_then(|answer| answer.map_err(Failure::Refused))
            .map_err(|failure| failed(cause(failure, SysCall::Bind)))?;
        Ok(TCPListener(Arc::new(Inner::Stack(StackListener {
            channel,
            questions,
            network,
            local: TCPAddr {
                ip: Some(shown_ip(&bound)),
                port,
                zone: local.zone.clone(),
            },
            shared: Arc::clone(shared),
        }))))
    }
}

/// The IP that a bound end is shown with: `::` stands for both families.
pub(crate) fn shown_ip(local: &Local) -> IpAddr {
    match (local.address, local.families) {
        (Some(ip), _) => ip,
        (None, Families::V4) => Ipv4Addr::UNSPECIFIED.into(),
        (None, Families::Both | Families::V6) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
