//! [`PendingConn`]: a SYN that waits for the application's decision before anything is answered.
//!
//! [`TCPListener::accept_syn`] gives one for each SYN at a listener that was made with
//! [`ListenConfig::ask_first`](crate::ListenConfig::ask_first). Whoever accepts one waits for its
//! connection, or leaves it to the listener; whoever decides nothing has decided to drop it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use sidestep_stack::Call;
use sidestep_stack::call::{CallRefused, Decision};
use sidestep_stack::event::SynArrived;

use super::{Inner, StackListener, TCPListener};
use crate::TCPAddr;
use crate::channel::accept::Acceptor;
use crate::channel::failure::Failure;
use crate::channel::stream::Stream;
use crate::channel::ticket;
use crate::conn::TCPConn;
use crate::conn_io::cause;
use crate::deadline::Deadline;
use crate::driver::request::{Opening, Request};
use crate::error::{Cause, Op, OpError, SysCall};
use crate::net::Shared;
use crate::resolver::block_on::block_on;

/// A SYN that nobody has answered yet.
///
/// The peer repeats it after a second, so a decision has some time; after three seconds
/// (`Config::syn_decision_ms`) it is too late. Dropped, it is as if the SYN had been lost.
#[derive(Debug)]
#[must_use = "a SYN that nobody decides about is dropped"]
pub struct PendingConn {
    syn: SynArrived,
    local: TCPAddr,
    remote: TCPAddr,
    listener: TCPListener,
    is_decided: bool,
}

impl PendingConn {
    /// To which of our addresses and ports the SYN was sent.
    pub const fn local_addr(&self) -> &TCPAddr {
        &self.local
    }

    /// Who sent it.
    pub const fn remote_addr(&self) -> &TCPAddr {
        &self.remote
    }

    /// What the SYN said: MSS and options.
    pub const fn syn(&self) -> &SynArrived {
        &self.syn
    }

    /// The SYN is answered, and the connection waited for until the peer has answered in turn: at most
    /// until the listener's deadline, or as long as a SYN-ACK is repeated
    /// ([`syn_ack_give_up_ms`](crate::Config::syn_ack_give_up_ms)).
    ///
    /// # Errors
    ///
    /// With op `accept`: `Timeout` if it was too late, or the peer never answered; `Closed` if the
    /// listener or the net was closed.
    pub fn accept(self) -> Result<TCPConn, OpError> {
        let (mut admission, request) = self.begin_accept()?;
        let deadline = admission.deadline;
        if let Err(failure) = admission.shared.mailbox.post(request, deadline) {
            return Err(admission.failed(failure));
        }
        let opened = std::future::poll_fn(|cx| admission.poll(cx));
        match block_on(opened, deadline, None) {
            Ok(outcome) => outcome,
            Err(_) => Err(admission.failed(Failure::Timeout)),
        }
    }

    /// The SYN is answered, and nobody waits: the connection comes by [`TCPListener::accept_tcp`] when
    /// the peer has answered in turn, with these two ends.
    ///
    /// # Errors
    ///
    /// With op `accept`: `Timeout` if it was too late; `Closed` if the listener or the net was closed.
    pub fn admit(self) -> Result<(), OpError> {
        self.decide(Decision::Accept)
    }

    /// The peer is told that nobody listens: its dial fails with `ECONNREFUSED`.
    ///
    /// # Errors
    ///
    /// As for [`admit`](Self::admit).
    pub fn reset(self) -> Result<(), OpError> {
        self.decide(Decision::Reset)
    }

    /// What has the SYN answered once it is posted; the admission tells what comes of it.
    pub(crate) fn begin_accept(mut self) -> Result<(Admission, Request), OpError> {
        self.is_decided = true;
        let listener = self.stack().map_err(|cause| self.failed(cause))?;
        let shared = &listener.shared;
        let stream = Arc::new(Stream::opening(shared.stream_limits, shared.attention()));
        let patience = Deadline::from(shared.syn_ack_patience);
        let request = Request::Admit {
            listener: self.syn.listener,
            connection: self.syn.connection,
            opening: Opening::new(Arc::clone(&stream)),
        };
        let admission = Admission {
            deadline: listener.channel.deadline().min(patience),
            listener: self.listener.clone(),
            shared: Arc::clone(shared),
            stream: Some(stream),
            remote: self.remote.clone(),
        };
        Ok((admission, request))
    }

    fn decide(mut self, decision: Decision) -> Result<(), OpError> {
        self.is_decided = true;
        let call = Call::Decide {
            connection: self.syn.connection,
            decision,
        };
        let listener = self.stack().map_err(|cause| self.failed(cause))?;
        match listener.shared.call(call, Deadline::NONE) {
            Ok(_) => Ok(()),
            Err(Failure::Refused(CallRefused::NoSuchEntry)) => Err(self.failed(Cause::Timeout)),
            Err(failure) => Err(self.failed(cause(failure, SysCall::Accept))),
        }
    }

    /// Only listeners of the stack ask.
    fn stack(&self) -> Result<&StackListener, Cause> {
        match &*self.listener.0 {
            Inner::Stack(listener) => Ok(listener),
            Inner::Host(_) => Err(Cause::NotSupported),
        }
    }

    fn failed(&self, cause: Cause) -> OpError {
        OpError::new(Op::Accept, "tcp", cause).with_addr(crate::NetAddr::TCP(self.local.clone()))
    }
}

impl Drop for PendingConn {
    fn drop(&mut self) {
        if let (false, Ok(listener)) = (self.is_decided, self.stack()) {
            let call = Call::Decide {
                connection: self.syn.connection,
                decision: Decision::Drop,
            };
            let (_, answer) = ticket::pair();
            // If there is no room for it, the stack drops the SYN when its time is over.
            let request = Request::Call { call, answer };
            let _ = listener.shared.mailbox.post(request, Deadline::past());
        }
    }
}

/// A SYN that was answered, whose connection somebody waits for. Dropped before that, the connection
/// is aborted.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Until then it is worth waiting.
    pub(crate) deadline: Deadline,
    listener: TCPListener,
    pub(crate) shared: Arc<Shared>,
    /// Until it is the connection's.
    stream: Option<Arc<Stream>>,
    remote: TCPAddr,
}

impl Admission {
    /// The connection, once it is open.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<TCPConn, OpError>> {
        let (Some(stream), Inner::Stack(listener)) = (&self.stream, &*self.listener.0) else {
            return Poll::Ready(Err(self.failed(Failure::Closed)));
        };
        let local = match std::task::ready!(stream.poll_open(cx)) {
            Ok(local) => local,
            // It was decided too late.
            Err(Failure::Refused(CallRefused::NoSuchEntry)) => {
                return Poll::Ready(Err(self.failed(Failure::Timeout)));
            }
            Err(failure) => return Poll::Ready(Err(self.failed(failure))),
        };
        let (network, shared) = (listener.network, Arc::clone(&self.shared));
        let remote = self.remote.clone();
        Poll::Ready(match self.stream.take() {
            Some(stream) => Ok(TCPConn::of_stack(stream, network, local, remote, shared)),
            None => Err(self.failed(Failure::Closed)),
        })
    }

    pub(crate) fn failed(&self, failure: Failure) -> OpError {
        match &*self.listener.0 {
            Inner::Stack(listener) => listener.failed(Op::Accept, failure),
            Inner::Host(_) => OpError::new(Op::Accept, "tcp", Cause::NotSupported),
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            let _ = stream.abort();
        }
    }
}

impl TCPListener {
    /// The next SYN, waited for until the deadline. Only a listener that was made with
    /// [`ListenConfig::ask_first`](crate::ListenConfig::ask_first) has any.
    ///
    /// ```
    /// use sidestep::Net;
    ///
    /// let (client, server) = Net::memory_pair()?;
    /// let listener = server.listen_config().ask_first().listen("tcp", ":80")?;
    /// let listener = listener.as_tcp().unwrap();
    /// let dial = std::thread::spawn(move || client.dial("tcp", "192.0.2.2:80"));
    /// let conn = listener.accept_syn()?.accept()?;
    /// let dialled = dial.join().unwrap()?;
    /// assert_eq!(conn.remote_addr().to_string(), dialled.local_addr().to_string());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// With op `accept`: `Closed`, also if it is closed meanwhile; `Timeout`;
    /// [`Cause::NotSupported`] if the listener does not ask.
    pub fn accept_syn(&self) -> Result<PendingConn, OpError> {
        let (listener, questions) = self.questions()?;
        let syn = questions
            .accept()
            .map_err(|failure| listener.failed(Op::Accept, failure))?;
        Ok(self.pending(syn))
    }

    /// As [`accept_syn`](Self::accept_syn), polled.
    #[cfg(feature = "async")]
    pub(crate) fn poll_accept_syn(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut crate::future::waiting::Waiting,
    ) -> Poll<Result<PendingConn, OpError>> {
        let (listener, questions) = match self.questions() {
            Ok(found) => found,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let outcome = std::task::ready!(waiting.until(
            cx,
            || questions.deadline(),
            |cx, seat| questions.poll_accept(cx, seat),
        ));
        Poll::Ready(match outcome {
            Ok(syn) => Ok(self.pending(syn)),
            Err(failure) => Err(listener.failed(Op::Accept, failure)),
        })
    }

    /// Where SYNs wait for a decision.
    pub(crate) fn questions(&self) -> Result<(&StackListener, &Acceptor<SynArrived>), OpError> {
        let listener = match &*self.0 {
            Inner::Stack(listener) => listener,
            Inner::Host(_) => return Err(OpError::new(Op::Accept, "tcp", Cause::NotSupported)),
        };
        let questions = listener.questions.as_ref().ok_or_else(|| {
            OpError::new(Op::Accept, listener.network.as_str(), Cause::NotSupported)
        })?;
        Ok((listener, questions))
    }

    fn pending(&self, syn: SynArrived) -> PendingConn {
        let addr = |end: SocketAddr| TCPAddr::from(end);
        PendingConn {
            local: addr(syn.local),
            remote: addr(syn.remote),
            syn,
            listener: self.clone(),
            is_decided: false,
        }
    }
}
