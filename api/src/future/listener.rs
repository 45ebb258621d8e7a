//! Listeners for tasks: [`TCPListener`], [`Incoming`], the connections as they come, and
//! [`PendingConn`], a SYN to decide about.
//!
//! `listen` makes them; it waits for the packet thread at most, so it is no future.

use std::future::poll_fn;
use std::task::{Context, Poll};

use sidestep_stack::event::SynArrived;

use super::conn::TCPConn;
use super::waiting::{Alarm, Leave, Seated, Waiting};
use crate::TCPAddr;
use crate::channel::failure::Failure;
use crate::channel::stream::Which;
use crate::channel::waiters::Seat;
use crate::deadline::Deadline;
use crate::error::OpError;

/// Waits for TCP connections. Clones are the same listener, closed when the last one, blocking ones
/// included, is dropped.
#[derive(Debug)]
#[doc(alias = "net.TCPListener")]
pub struct TCPListener {
    listener: crate::TCPListener,
    waiting: Waiting,
}

impl From<crate::TCPListener> for TCPListener {
    fn from(listener: crate::TCPListener) -> Self {
        Self {
            listener,
            waiting: Waiting::in_slot(),
        }
    }
}

impl From<TCPListener> for crate::TCPListener {
    fn from(listener: TCPListener) -> Self {
        listener.listener
    }
}

impl Clone for TCPListener {
    fn clone(&self) -> Self {
        self.listener.clone().into()
    }
}

impl AsRef<crate::TCPListener> for TCPListener {
    fn as_ref(&self) -> &crate::TCPListener {
        &self.listener
    }
}

impl TCPListener {
    /// The next connection, waited for until the deadline. Dropped before its end, it has taken
    /// none.
    ///
    /// # Errors
    ///
    /// With op `accept`: `Closed`, also if it is closed meanwhile; `Timeout`.
    #[doc(alias = "Accept")]
    #[doc(alias = "AcceptTCP")]
    pub async fn accept(&self) -> Result<TCPConn, OpError> {
        let mut seated = Seated::new(&self.listener, Which::Read);
        poll_fn(|cx| self.listener.poll_accept(cx, &mut seated.waiting))
            .await
            .map(TCPConn::from)
    }

    /// As [`accept`](Self::accept), polled. Only the task that polled last is woken.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<TCPConn, OpError>> {
        self.listener
            .poll_accept(cx, &mut self.waiting)
            .map_ok(TCPConn::from)
    }

    /// Connections as they come; ends once the listener is closed.
    pub fn incoming(self) -> Incoming {
        Incoming(self)
    }

    /// The next SYN, waited for until the deadline. Only a listener that was made with
    /// [`ListenConfig::ask_first`](crate::ListenConfig::ask_first) has any. Dropped before its end, it
    /// has taken none.
    ///
    /// # Errors
    ///
    /// With op `accept`: `Closed`, also if it is closed meanwhile; `Timeout`;
    /// [`Cause::NotSupported`](crate::Cause::NotSupported) if the listener does not ask.
    pub async fn accept_syn(&self) -> Result<PendingConn, OpError> {
        let questions = Questions(&self.listener);
        let mut seated = Seated::new(&questions, Which::Read);
        poll_fn(|cx| self.listener.poll_accept_syn(cx, &mut seated.waiting))
            .await
            .map(PendingConn)
    }

    /// Sets the deadline of `accept` and `accept_syn`, of those that wait now as well.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.listener.set_deadline(deadline)
    }

    /// Ends it: every `accept` fails with `Closed`; connections that were accepted live on, those
    /// that were not are reset. Closed it is at the first poll; ready once the port is free.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    pub async fn close(&self) -> Result<(), OpError> {
        self.listener.close_and_settle().await
    }

    /// Where it listens; known after `close` as well.
    #[doc(alias = "Addr")]
    pub fn addr(&self) -> &TCPAddr {
        self.listener.addr()
    }
}

/// The other queue of a listener, which is waited for by itself.
struct Questions<'a>(&'a crate::TCPListener);

impl Leave for Questions<'_> {
    fn leave(&self, _which: Which, seat: &mut Seat) {
        if let Ok((_, questions)) = self.0.questions() {
            questions.leave(seat);
        }
    }
}

/// Connections as they come, until the listener is closed. With the feature `futures-io` it is a
/// `Stream`.
#[derive(Debug)]
#[must_use = "nothing is accepted until it is polled"]
pub struct Incoming(TCPListener);

impl Incoming {
    /// The next connection; `None` once the listener is closed.
    pub async fn next(&mut self) -> Option<Result<TCPConn, OpError>> {
        match self.0.accept().await {
            Err(error) if error.is_closed() => None,
            outcome => Some(outcome),
        }
    }

    /// As [`next`](Self::next), polled.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<TCPConn, OpError>>> {
        self.0.poll_accept(cx).map(|outcome| match outcome {
            Err(error) if error.is_closed() => None,
            outcome => Some(outcome),
        })
    }

    /// The listener again.
    pub fn into_inner(self) -> TCPListener {
        self.0
    }
}

/// A SYN that nobody has answered yet: as [`PendingConn`](crate::PendingConn), for tasks. Dropped, it is
/// as if the SYN had been lost.
#[derive(Debug)]
#[must_use = "a SYN that nobody decides about is dropped"]
pub struct PendingConn(crate::PendingConn);

impl PendingConn {
    /// To which of our addresses and ports the SYN was sent.
    pub const fn local_addr(&self) -> &TCPAddr {
        self.0.local_addr()
    }

    /// Who sent it.
    pub const fn remote_addr(&self) -> &TCPAddr {
        self.0.remote_addr()
    }

    /// What the SYN said: MSS and options.
    pub const fn syn(&self) -> &SynArrived {
        self.0.syn()
    }

    /// The SYN is answered, and the connection waited for until the peer has answered in turn. Dropped
    /// before its end, the connection is aborted.
    ///
    /// # Errors
    ///
    /// As for [`PendingConn::accept`](crate::PendingConn::accept).
    pub async fn accept(self) -> Result<TCPConn, OpError> {
        let (mut admission, request) = self.0.begin_accept()?;
        let posted = admission.shared.posted(request).await;
        posted.map_err(|failure| admission.failed(failure))?;
        let mut alarm = Alarm::default();
        poll_fn(|cx| {
            if let Poll::Ready(outcome) = admission.poll(cx) {
                return Poll::Ready(outcome);
            }
            match alarm.poll(cx, admission.deadline) {
                Poll::Ready(()) => Poll::Ready(Err(admission.failed(Failure::Timeout))),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
        .map(TCPConn::from)
    }

    /// The SYN is answered, and nobody waits: the connection comes by [`TCPListener::accept`].
    ///
    /// # Errors
    ///
    /// As for [`PendingConn::admit`](crate::PendingConn::admit).
    pub fn admit(self) -> Result<(), OpError> {
        self.0.admit()
    }

    /// The peer is told that nobody listens.
    ///
    /// # Errors
    ///
    /// As for [`PendingConn::admit`](crate::PendingConn::admit).
    pub fn reset(self) -> Result<(), OpError> {
        self.0.reset()
    }
}

impl From<PendingConn> for crate::PendingConn {
    fn from(pending: PendingConn) -> Self {
        pending.0
    }
}
