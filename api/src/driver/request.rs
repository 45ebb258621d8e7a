//! What an application thread can ask of the packet thread, as plain data with a way to answer.
//!
//! `net.rs` and its neighbours post these into the mailbox; `deliver.rs` carries them out. What
//! belongs to an open connection (text, close, room) is not here: its channel calls for attention.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use sidestep_stack::call::{
    ConnectionId, Listen, ListenerId, Local, LookUp, OpenConnection, OpenSocket,
};
use sidestep_stack::event::{LookedUp, SynArrived};
use sidestep_stack::wire::protocol::Protocol;
use sidestep_stack::{Call, CallRefused, Reply};

use crate::channel::accept::Acceptor;
use crate::channel::datagram::DatagramChannel;
use crate::channel::events::EventQueue;
use crate::channel::failure::{Gone, Source};
use crate::channel::stream::Stream;
use crate::channel::ticket::Answer;
use crate::conn_events::ConnEvent;
use crate::net::NetCounters;
use crate::resolver::settings::Profile;

/// A connection that the stack has accepted and the application has not, yet.
#[derive(Debug)]
pub(crate) struct Arrival {
    stream: Option<Arc<Stream>>,
    /// Our end.
    pub(crate) local: SocketAddr,
    /// The peer's end.
    pub(crate) remote: SocketAddr,
}

impl Arrival {
    pub(crate) fn new(stream: Arc<Stream>, local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            stream: Some(stream),
            local,
            remote,
        }
    }

    /// Accepts it: from now on the caller must close it.
    pub(crate) fn into_stream(mut self) -> Option<Arc<Stream>> {
        self.stream.take()
    }
}

/// Nobody accepted it: the peer is told by a reset, as if the listener had been closed earlier.
impl Drop for Arrival {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            let _ = stream.abort();
        }
    }
}

/// A stream whose connection is to be opened. Dropped before that, it tells whoever waits.
#[derive(Debug)]
pub(crate) struct Opening(Option<Arc<Stream>>);

impl Opening {
    pub(crate) fn new(stream: Arc<Stream>) -> Self {
        Self(Some(stream))
    }

    /// From now on the caller must tell how it goes.
    pub(crate) fn into_stream(mut self) -> Option<Arc<Stream>> {
        self.0.take()
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(stream) = self.0.take() {
            stream.die(Gone::Died);
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) enum Request {
    /// OPEN, active. The stream tells how it goes.
    Dial {
        open: OpenConnection,
        /// What may go with the SYN (RFC 7413).
        text: Option<Bytes>,
        opening: Opening,
    },
    /// OPEN, passive; the answer is the port.
    Listen {
        listen: Listen,
        channel: Arc<Acceptor<Arrival>>,
        /// Where SYNs wait for a decision, if the listener asks.
        questions: Option<Arc<Acceptor<SynArrived>>>,
        answer: Answer<Result<u16, CallRefused>>,
    },
    /// A SYN that waits for a decision is answered. The stream tells how it goes.
    Admit {
        listener: ListenerId,
        connection: ConnectionId,
        opening: Opening,
    },
    /// A UDP socket; the answer is its own end.
    OpenSocket {
        open: OpenSocket,
        channel: Arc<DatagramChannel>,
        answer: Answer<Result<SocketAddr, CallRefused>>,
    },
    /// A raw socket.
    OpenRaw {
        local: Local,
        protocol: Protocol,
        channel: Arc<DatagramChannel>,
        answer: Answer<Result<(), CallRefused>>,
    },
    /// A name; the answer comes when the look-up has ended. `asked` names it for `CancelLookUp`.
    /// Without a profile it goes by the stack's own settings.
    LookUp {
        look_up: LookUp,
        profile: Option<Arc<Profile>>,
        asked: u64,
        answer: Answer<Result<LookedUp, CallRefused>>,
    },
    /// Nobody waits for this look-up any more.
    CancelLookUp { asked: u64 },
    /// Looks at a channel now: the answer comes once that is done, so that a port that was closed
    /// is closed.
    Settle { source: Source, answer: Answer<()> },
    /// A call whose reply is the answer: settings, STATUS.
    Call {
        call: Call,
        answer: Answer<Result<Reply, CallRefused>>,
    },
    /// Somebody wants to look on at a connection; the answer is whether there is room.
    Subscribe {
        connection: ConnectionId,
        queue: Arc<EventQueue<ConnEvent>>,
        answer: Answer<bool>,
    },
    /// What was counted so far.
    Counters { answer: Answer<NetCounters> },
    /// The end of everything, at once.
    Close,
}
