//! [`PendingConn`]: a SYN that waits for the application's decision before anything is answered.
//!
//! [`TCPListener::accept_syn`] gives one for each SYN at a listener that was made with
//! [`ListenConfig::ask_first`](crate::ListenConfig::ask_first). What is accepted comes by `accept` once
//! the handshake is over; whoever decides nothing has decided to drop it.

use std::net::SocketAddr;
use std::sync::Arc;

use sidestep_stack::Call;
use sidestep_stack::call::{CallRefused, Decision};
use sidestep_stack::event::SynArrived;

use super::{Inner, TCPListener};
use crate::TCPAddr;
use crate::channel::failure::Failure;
use crate::conn_io::cause;
use crate::deadline::Deadline;
use crate::error::{Cause, Op, OpError, SysCall};
use crate::net::Shared;

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
    shared: Arc<Shared>,
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

    /// The SYN is answered. The connection comes by [`TCPListener::accept_tcp`] when the peer has
    /// answered in turn, with these two ends.
    ///
    /// # Errors
    ///
    /// With op `accept`: `Timeout` if it was too late; `Closed` if the listener or the net was closed.
    pub fn accept(self) -> Result<(), OpError> {
        self.decide(Decision::Accept)
    }

    /// The peer is told that nobody listens: its dial fails with `ECONNREFUSED`.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn reset(self) -> Result<(), OpError> {
        self.decide(Decision::Reset)
    }

    fn decide(mut self, decision: Decision) -> Result<(), OpError> {
        self.is_decided = true;
        let call = Call::Decide {
            connection: self.syn.connection,
            decision,
        };
        match self.shared.call(call, Deadline::NONE) {
            Ok(_) => Ok(()),
            Err(Failure::Refused(CallRefused::NoSuchEntry)) => Err(self.failed(Cause::Timeout)),
            Err(failure) => Err(self.failed(cause(failure, SysCall::Accept))),
        }
    }

    fn failed(&self, cause: Cause) -> OpError {
        OpError::new(Op::Accept, "tcp", cause).with_addr(crate::NetAddr::TCP(self.local.clone()))
    }
}

impl Drop for PendingConn {
    fn drop(&mut self) {
        if !self.is_decided {
            let call = Call::Decide {
                connection: self.syn.connection,
                decision: Decision::Drop,
            };
            // Too late, or the net is gone: it is dropped already.
            let _ = self.shared.call(call, Deadline::NONE);
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
    /// listener.accept_syn()?.accept()?;
    /// let conn = listener.accept_tcp()?;
    /// assert!(dial.join().unwrap().is_ok());
    /// # drop(conn);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// With op `accept`: `Closed`, also if it is closed meanwhile; `Timeout`;
    /// [`Cause::NotSupported`] if the listener does not ask.
    pub fn accept_syn(&self) -> Result<PendingConn, OpError> {
        let listener = match &*self.0 {
            Inner::Stack(listener) => listener,
            Inner::Host(_) => return Err(OpError::new(Op::Accept, "tcp", Cause::NotSupported)),
        };
        let questions = listener.questions.as_ref().ok_or_else(|| {
            OpError::new(Op::Accept, listener.network.as_str(), Cause::NotSupported)
        })?;
        let syn = questions
            .accept()
            .map_err(|failure| listener.failed(Op::Accept, failure))?;
        let addr = |end: SocketAddr| TCPAddr::from(end);
        Ok(PendingConn {
            local: addr(syn.local),
            remote: addr(syn.remote),
            syn,
            shared: Arc::clone(&listener.shared),
            is_decided: false,
        })
    }
}
