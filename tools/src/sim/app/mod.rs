//! Applications as values: state machines that a [`World`](super::World) can clone and drive.
//!
//! A host asks its applications in the order in which they were added, for each event that is theirs
//! and whenever the moment that they named has come. They talk to the stack through [`Calls`], and
//! never see a packet, a clock or another host.

mod datagrams;
mod dialogue;
mod talk;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::SocketAddr;

use bytes::Bytes;
use sidestep_stack::call::{
    Accepted, Call, CallRefused, ConnectionId, ConnectionOptions, Listen, ListenerId, Local,
    OpenConnection, OpenSocket, RawId, Received, ReceivedDatagram, Release, Reply, SendDatagram,
    Shutdown, SocketId,
};
use sidestep_stack::event::{ConnectionError, Event};
use sidestep_stack::{Duration, Instant, Stack};

pub use super::failure::Discontent;
pub use datagrams::{DatagramEcho, DatagramSource};
pub use dialogue::{Answerer, Asker, Dialogue};
pub use talk::{Ending, Opening, Stream, Talk, Talker, Trouble};

/// Why an application is asked.
#[derive(Clone, Copy, Debug)]
pub enum Occasion<'a> {
    /// The world begins, or the application was just added.
    Begin,
    /// The stack tells something about a connection, listener or socket of the application.
    Event(&'a Event),
    /// The moment that it named has come.
    Time,
}

/// A program on a host, as a state machine that never blocks.
pub trait Application: Debug + Send {
    /// Does what is to be done on this occasion.
    ///
    /// # Errors
    ///
    /// What must not be: the run ends with it.
    fn turn(&mut self, occasion: Occasion<'_>, calls: &mut Calls<'_>) -> Result<(), Discontent>;

    /// When it wants to be asked although nothing happens to it; `None`: not at all.
    fn next_moment(&self) -> Option<Instant>;

    /// True once it wants nothing more: a run ends when all are.
    fn is_done(&self) -> bool;

    /// A fork of it.
    fn clone_box(&self) -> Box<dyn Application>;

    /// How far it has come.
    fn progress(&self) -> Progress {
        Progress::default()
    }
}

/// How far an application has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// Octets that it read and found right.
    pub octets_read: u64,
    /// When it read the last of them.
    pub last_read_at: Option<Instant>,
    /// Segments of its connection that were sent again, until it gave the connection up.
    pub retransmissions: u64,
    /// Why its connection failed, if that was to be expected.
    pub failed: Option<ConnectionError>,
}

impl Clone for Box<dyn Application> {
    fn clone(&self) -> Self {
        self.clone_box()
    }
}

/// Names that belong to an application.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Name {
    Connection(ConnectionId),
    Listener(ListenerId),
    Socket(SocketId),
    Raw(RawId),
    Lookup(sidestep_stack::call::LookupId),
}

/// Which application of a host has what. Bounded by what the stack lets it have.
#[derive(Clone, Debug, Default)]
pub(super) struct Owners(BTreeMap<Name, usize>);

impl Owners {
    /// Writes down what `reply` gave to `owner`.
    fn note(&mut self, owner: usize, reply: &Reply) {
        let name = match reply {
            Reply::Connection { connection, .. } => Name::Connection(*connection),
            Reply::Listener { listener, .. } => Name::Listener(*listener),
            Reply::Accepted(Some(accepted)) => Name::Connection(accepted.connection),
            Reply::Socket { socket, .. } => Name::Socket(*socket),
            Reply::Raw(socket) => Name::Raw(*socket),
            Reply::Lookup(lookup) => Name::Lookup(*lookup),
            Reply::Accepted(None)
            | Reply::Done
            | Reply::Sent(_)
            | Reply::Received(_)
            | Reply::Status(_)
            | Reply::Interface(_)
            | Reply::Datagram(_)
            | Reply::Resolver(_) => return,
        };
        self.0.insert(name, owner);
    }

    /// Whom `event` is for; the name of a connection that is gone is forgotten.
    pub(super) fn of(&mut self, event: &Event) -> Option<usize> {
        let name = match event {
            Event::Released(connection) => {
                return self.0.remove(&Name::Connection(*connection));
            }
            Event::LookedUp(found) => return self.0.remove(&Name::Lookup(found.lookup)),
            Event::Established(connection)
            | Event::Readable(connection)
            | Event::Writable(connection)
            | Event::Urgent(connection)
            | Event::Failed { connection, .. }
            | Event::Soft { connection, .. } => Name::Connection(*connection),
            Event::Acceptable(listener) => Name::Listener(*listener),
            Event::SynArrived(syn) => Name::Listener(syn.listener),
            Event::DatagramArrived(socket) => Name::Socket(*socket),
            Event::RawArrived(socket) => Name::Raw(*socket),
        };
        self.0.get(&name).copied()
    }
}

/// What an application may ask of its host: the door for user calls, with short words for it.
#[derive(Debug)]
pub struct Calls<'a> {
    pub(super) now: Instant,
    pub(super) epoch: Duration,
    pub(super) stack: &'a mut Stack,
    pub(super) owners: &'a mut Owners,
    /// Whose calls these are.
    pub(super) owner: usize,
}

impl Calls<'_> {
    /// The present moment of the world.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Any call.
    ///
    /// # Errors
    ///
    /// The stack's.
    pub fn call(&mut self, call: Call) -> Result<Reply, CallRefused> {
        let reply = self.stack.user_calls(self.now + self.epoch, call)?;
        self.owners.note(self.owner, &reply);
        Ok(reply)
    }

    /// OPEN, active.
    ///
    /// # Errors
    ///
    /// The stack refuses.
    pub fn dial(
        &mut self,
        remote: SocketAddr,
        local_port: u16,
        options: ConnectionOptions,
    ) -> Result<(ConnectionId, SocketAddr), Discontent> {
        let open = OpenConnection {
            remote,
            local_address: None,
            local_port,
            options,
        };
        match self.call(Call::OpenConnection(open))? {
            Reply::Connection { connection, local } => Ok((connection, local)),
            _ => Err(Discontent::Answer("OPEN")),
        }
    }

    /// OPEN, active, as `open` says.
    ///
    /// # Errors
    ///
    /// The stack refuses, or it was another call.
    pub fn open(&mut self, open: Call) -> Result<ConnectionId, Discontent> {
        match self.call(open)? {
            Reply::Connection { connection, .. } => Ok(connection),
            _ => Err(Discontent::Answer("OPEN")),
        }
    }

    /// OPEN, passive, on a port of all addresses.
    ///
    /// # Errors
    ///
    /// The stack refuses.
    pub fn listen(
        &mut self,
        port: u16,
        options: ConnectionOptions,
    ) -> Result<ListenerId, Discontent> {
        let listen = Listen {
            local: Local {
                port,
                ..Local::default()
            },
            options,
            ..Listen::default()
        };
        self.listen_as(listen)
    }

    /// OPEN, passive, as `listen` says.
    ///
    /// # Errors
    ///
    /// The stack refuses.
    pub fn listen_as(&mut self, listen: Listen) -> Result<ListenerId, Discontent> {
        match self.call(Call::Listen(listen))? {
            Reply::Listener { listener, .. } => Ok(listener),
            _ => Err(Discontent::Answer("LISTEN")),
        }
    }

    /// The oldest connection that waits, if one does.
    ///
    /// # Errors
    ///
    /// The stack refuses.
    pub fn accept(&mut self, listener: ListenerId) -> Result<Option<Accepted>, Discontent> {
        match self.call(Call::Accept(listener))? {
            Reply::Accepted(accepted) => Ok(accepted),
            _ => Err(Discontent::Answer("ACCEPT")),
        }
    }

    /// SEND; how many octets were taken.
    ///
    /// # Errors
    ///
    /// The stack refuses.
    pub fn send(&mut self, connection: ConnectionId, octets: Bytes) -> Result<usize, Discontent> {
        match self.call(Call::Send { connection, octets })? {
            Reply::Sent(octets) => Ok(octets),
            _ => Err(Discontent::Answer("SEND")),
        }
    }

    /// RECEIVE of at most so many octets.
    ///
    /// # Errors
    ///
    /// The stack refuses.
    pub fn receive(
        &mut self,
        connection: ConnectionId,
        octets_max: usize,
    ) -> Result<Received, Discontent> {
        match self.call(Call::Receive {
            connection,
            octets_max,
        })? {
            Reply::Received(received) => Ok(received),
            _ => Err(Discontent::Answer("RECEIVE")),
        }
    }

    /// CLOSE of our direction.
    ///
    /// # Errors
    ///
    /// The stack refuses.
    pub fn shut_down(&mut self, connection: ConnectionId) -> Result<(), Discontent> {
        self.call(Call::Shutdown {
            connection,
            direction: Shutdown::Write,
        })?;
        Ok(())
    }

    /// Gives the connection up.
    ///
    /// # Errors
    ///
    /// The stack refuses.
    pub fn release(&mut self, connection: ConnectionId, how: Release) -> Result<(), Discontent> {
        self.call(Call::Release { connection, how })?;
        Ok(())
    }

    /// A UDP socket on a port of all addresses; 0 lets the stack choose.
    ///
    /// # Errors
    ///
    /// The stack refuses.
    pub fn open_udp(&mut self, port: u16) -> Result<SocketId, Discontent> {
        let open = OpenSocket {
            local: Local {
                port,
                ..Local::default()
            },
            ..OpenSocket::default()
        };
        match self.call(Call::OpenSocket(open))? {
            Reply::Socket { socket, .. } => Ok(socket),
            _ => Err(Discontent::Answer("OPEN")),
        }
    }

    /// Sends a datagram.
    ///
    /// # Errors
    ///
    /// The stack refuses.
    pub fn send_datagram(
        &mut self,
        socket: SocketId,
        datagram: SendDatagram,
    ) -> Result<(), Discontent> {
        self.call(Call::SendDatagram { socket, datagram })?;
        Ok(())
    }

    /// The oldest datagram that waits, if one does.
    ///
    /// # Errors
    ///
    /// The stack refuses.
    pub fn receive_datagram(
        &mut self,
        socket: SocketId,
    ) -> Result<Option<ReceivedDatagram>, Discontent> {
        match self.call(Call::ReceiveDatagram(socket))? {
            Reply::Datagram(datagram) => Ok(datagram),
            _ => Err(Discontent::Answer("RECEIVE")),
        }
    }
}
