//! Looking into a connection: its state in the RFC's terms, what happens to it, and the algorithm
//! that it fills the path with.
//!
//! For labs and for those who want to know why. Nothing here changes what is sent, but for
//! [`TCPConn::set_congestion`].

use std::sync::Arc;

use sidestep_stack::call::{CongestionAlgorithm, ConnectionOptions};
use sidestep_stack::{Call, Reply};

use super::{Inner, TCPConn, TCPInfo};
use crate::channel::events::EventQueue;
use crate::channel::failure::Failure;
use crate::channel::ticket;
use crate::conn_events::ConnEvents;
use crate::deadline::Deadline;
use crate::driver::request::Request;
use crate::error::{Cause, Errno, Op, OpError, SysCall};
use crate::host::HostStream;

/// So many events wait for their reader unless it says otherwise.
const EVENTS_MAX: usize = 4_096;

impl TCPConn {
    /// STATUS (RFC 9293 §3.10.6): state, windows, congestion control, measured times.
    ///
    /// # Errors
    ///
    /// With op `set`: the connection is closed or gone; `NotSupported` on the host.
    pub fn info(&self) -> Result<TCPInfo, OpError> {
        match &*self.0 {
            Inner::Stack(conn) => {
                let status = || {
                    conn.stream.check_held()?;
                    let connection = conn.connection().ok_or(Failure::NotConnected)?;
                    match conn.shared.call(Call::Status(connection), Deadline::NONE)? {
                        Reply::Status(status) => Ok(*status),
                        _ => Err(Failure::NotConnected),
                    }
                };
                status().map_err(|failure| conn.failed(Op::Set, failure, SysCall::GetSockOpt))
            }
            Inner::Host(conn) => Err(not_supported(conn)),
        }
    }

    /// What happens to the connection from now on: changes of state, segments sent and why, timers,
    /// the retransmission timeout, the congestion window. The newest 4,096 events wait to be read;
    /// [`ConnEvents::lost`] counts those that had to go. Up to 16 may look on at one connection.
    ///
    /// ```
    /// use sidestep::{ConnEventKind, Net};
    /// use sidestep::conn_events::State;
    ///
    /// let (client, server) = Net::memory_pair()?;
    /// let listener = server.listen("tcp", ":80")?;
    /// let conn = client.dial_tcp("tcp", None, &"192.0.2.2:80".parse()?)?;
    /// let events = conn.subscribe()?;
    /// conn.close()?;
    /// let left = events.filter_map(|event| match event.kind {
    ///     ConnEventKind::StateChanged { from, to, .. } => Some((from, to)),
    ///     _ => None,
    /// });
    /// assert_eq!(left.take(1).last(), Some((State::Established, State::FinWait1)));
    /// # drop(listener);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// With op `set`: the connection is closed or gone, or `ENOBUFS` for too many onlookers;
    /// `NotSupported` on the host.
    pub fn subscribe(&self) -> Result<ConnEvents, OpError> {
        self.subscribe_to_newest(EVENTS_MAX)
    }

    /// As [`subscribe`](Self::subscribe), where the newest `events_max` wait to be read.
    ///
    /// # Errors
    ///
    /// As for [`subscribe`](Self::subscribe).
    pub fn subscribe_to_newest(&self, events_max: usize) -> Result<ConnEvents, OpError> {
        let conn = match &*self.0 {
            Inner::Stack(conn) => conn,
            Inner::Host(conn) => return Err(not_supported(conn)),
        };
        let queue = Arc::new(EventQueue::new(events_max));
        let subscribe = || {
            conn.stream.check_held()?;
            let connection = conn.connection().ok_or(Failure::NotConnected)?;
            let (ticket, answer) = ticket::pair();
            let request = Request::Subscribe {
                connection,
                queue: Arc::clone(&queue),
                answer,
            };
            conn.shared.mailbox.post(request, Deadline::NONE)?;
            ticket.wait(Deadline::NONE)
        };
        match subscribe() {
            Ok(true) => Ok(ConnEvents::new(queue)),
            Ok(false) => {
                let refused = sidestep_stack::CallRefused::LimitReached;
                let failure = Failure::Refused(refused);
                Err(conn.failed(Op::Set, failure, SysCall::SetSockOpt))
            }
            Err(failure) => Err(conn.failed(Op::Set, failure, SysCall::SetSockOpt)),
        }
    }

    /// Chooses the algorithm of congestion control by the name that Linux has for it: the stack
    /// knows `cubic` (the default), `reno` and `bbr`, the host what its kernel knows.
    ///
    /// # Errors
    ///
    /// With op `set`: the connection is closed or has failed, or `ENOENT` for an unknown name.
    pub fn set_congestion(&self, algorithm: &str) -> Result<(), OpError> {
        let Inner::Stack(conn) = &*self.0 else {
            return self.set_options(ConnectionOptions::default(), |host| {
                host.set_congestion(algorithm)
            });
        };
        let congestion = CongestionAlgorithm::by_name(algorithm);
        if congestion.is_none() {
            let cause = Cause::sys(SysCall::SetSockOpt, Errno::ENOENT);
            return Err(OpError::new(Op::Set, conn.network.as_str(), cause)
                .with_addr(crate::NetAddr::TCP(conn.local.clone())));
        }
        let options = ConnectionOptions {
            congestion,
            ..ConnectionOptions::default()
        };
        conn.set_options(options)
            .map_err(|failure| conn.failed(Op::Set, failure, SysCall::SetSockOpt))
    }
}

fn not_supported(conn: &HostStream) -> OpError {
    OpError::new(Op::Set, conn.network().as_str(), Cause::NotSupported)
}
