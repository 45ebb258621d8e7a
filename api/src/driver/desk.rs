//! Everything that the packet thread has before it: the stack, the channels, the batches.
//!
//! The thread owns one [`Desk`] and lends it to each turn. When the desk is dropped, by an orderly
//! end or by a panic, every channel and every request fails with one typed error, so that nothing
//! ever waits for a thread that is not there.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use sidestep_stack::call::{ConnectionId, ListenerId, LookupId};
use sidestep_stack::event::{LookedUp, SynArrived};
use sidestep_stack::{CallRefused, Instant, OutPacket, Packet, Stack};

use super::onlookers::Onlookers;
use super::request::{Arrival, Request};
use super::slots::Slots;
use crate::channel::accept::Acceptor;
use crate::channel::datagram::DatagramChannel;
use crate::channel::failure::{Attention, Gone, Source, StreamLimits};
use crate::channel::mailbox::{Mail, Mailbox};
use crate::channel::stream::Stream;
use crate::channel::ticket::Answer;
use crate::resolver::settings::Profiles;
use crate::watch::Watch;

/// A look-up that goes on.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) asked: u64,
    pub(crate) answer: Answer<Result<LookedUp, CallRefused>>,
}

/// The channels, by the names that the stack knows them by.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    pub(crate) connections: Slots<Arc<Stream>>,
    /// Released connections that the stack has not forgotten yet: who still has to say goodbye.
    pub(crate) leaving: Slots<()>,
    pub(crate) listeners: Slots<Arc<Acceptor<Arrival>>>,
    /// SYNs of listeners that ask.
    pub(crate) questions: Slots<Arc<Acceptor<SynArrived>>>,
    /// Streams for connections whose SYN was answered.
    pub(crate) admitted: Admitted,
    pub(crate) sockets: Slots<Arc<DatagramChannel>>,
    pub(crate) raws: Slots<Arc<DatagramChannel>>,
    /// Never iterated. Not in slots: a look-up's slot may have its next tenant before the answer of
    /// the last one is fetched.
    pub(crate) lookups: HashMap<LookupId, Asked>,
    /// The stack's resolvers for those that have settings of their own.
    pub(crate) profiles: Profiles,
    /// Look-ups by the number that their askers know. Never iterated.
    pub(crate) asked: HashMap<u64, LookupId>,
}

/// Streams that wait for their connection: a SYN was answered, and the handshake goes on. Those that
/// nobody waits for any more are swept out when there are twice as many as were left the last time.
/// Never iterated in an order that matters.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    streams: HashMap<ConnectionId, (ListenerId, Arc<Stream>)>,
    sweep_at: usize,
}

/// With fewer streams nothing is swept.
const SWEEP_MIN: usize = 64;

impl Admitted {
    pub(crate) fn insert(
        &mut self,
        listener: ListenerId,
        connection: ConnectionId,
        stream: Arc<Stream>,
    ) {
        if self.streams.len() >= self.sweep_at.max(SWEEP_MIN) {
            self.streams.retain(|_, (_, it)| !it.is_given_up());
            self.sweep_at = 2 * self.streams.len();
        }
        self.streams.insert(connection, (listener, stream));
    }

    pub(crate) fn take(&mut self, connection: ConnectionId) -> Option<Arc<Stream>> {
        self.streams.remove(&connection).map(|(_, stream)| stream)
    }

    /// The listener is closed, and with it the handshakes that went on there.
    pub(crate) fn close(&mut self, listener: ListenerId) {
        self.streams.retain(|_, (of, stream)| {
            let stays = *of != listener;
            if !stays {
                stream.die(Gone::Closed);
            }
            stays
        });
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Stream>> {
        self.streams.values().map(|(_, stream)| stream)
    }
}

/// What the packet thread counts itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) packets_received: u64,
    pub(crate) packets_sent: u64,
    pub(crate) device_errors: u64,
    pub(crate) turns: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) stack: Stack,
    pub(crate) channels: Channels,
    pub(crate) mailbox: Arc<Mailbox<Request>>,
    pub(crate) stream_limits: StreamLimits,
    /// Who looks on at which connection.
    pub(crate) onlookers: Onlookers,
    /// Who watches packets.
    pub(crate) watch: Option<Watch>,
    /// Why the thread is gone, should the desk be dropped now.
    pub(crate) gone: Gone,
    pub(crate) tally: Tally,
    /// Since when the last handle is gone.
    pub(crate) farewell_since: Option<Instant>,

    // Buffers that are used again in each turn.
    pub(crate) mail: Mail<Request>,
    pub(crate) arrived: Vec<Packet>,
    /// Sockets whose datagrams the stack has no room for until packets have left.
    pub(crate) blocked: Vec<Source>,
    /// Packets that the device has not taken yet.
    pub(crate) departing: VecDeque<OutPacket>,
    pub(crate) text: Vec<Bytes>,
    pub(crate) rest: Vec<Bytes>,
}

impl Desk {
    pub(crate) fn new(
        stack: Stack,
        mailbox: Arc<Mailbox<Request>>,
        stream_limits: StreamLimits,
    ) -> Self {
        Self {
            stack,
            channels: Channels::default(),
            mailbox,
            stream_limits,
            onlookers: Onlookers::default(),
            watch: None,
            gone: Gone::Died,
            tally: Tally::default(),
            farewell_since: None,
            mail: Mail::default(),
            arrived: Vec::new(),
            blocked: Vec::new(),
            departing: VecDeque::new(),
            text: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// Where channels call for attention.
    pub(crate) fn attention(&self) -> Arc<dyn Attention> {
        Arc::clone(&self.mailbox) as Arc<dyn Attention>
    }

    /// Counts a device's error.
    pub(crate) fn device_failed(&mut self) {
        self.tally.device_errors += 1;
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // First nobody can come any more, then those who are there are told.
        self.mailbox.end(self.gone);
        for (_, stream) in self.channels.connections.iter() {
            stream.die(self.gone);
        }
        self.onlookers.die();
        for (_, acceptor) in self.channels.listeners.iter() {
            acceptor.die(self.gone);
        }
        for stream in self.channels.admitted.iter() {
            stream.die(self.gone);
        }
        for (_, questions) in self.channels.questions.iter() {
            questions.die(self.gone);
        }
        for (_, socket) in self.channels.sockets.iter() {
            socket.die(self.gone);
        }
        for (_, raw) in self.channels.raws.iter() {
            raw.die(self.gone);
        }
        // Requests and look-ups fail by being dropped with their answers.
    }
}
