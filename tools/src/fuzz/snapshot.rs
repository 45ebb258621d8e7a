//! The library of snapshots: a stack in each state of TCP, made by driving two stacks.
//!
//! Each is made when it is first asked for and cloned for every input, so fuzzing begins in the middle
//! of a handshake, of recovery or of a close as cheaply as with nothing. The peer's numbers can be
//! shifted to lie near the wrap of the sequence space, and ours wait for the clock to get there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sidestep_stack::Duration;
use sidestep_stack::call::{
    Call, ConnectionId, ConnectionOptions, Listen, ListenerId, Local, OpenConnection, Reply,
    Shutdown,
};

use super::flow::{Flow, stream};
use super::outcome::Outcome;
use super::packets::LISTEN_PORT;
use super::record::Record;
use super::rig::{Family, Rig, THEM, them, us};
use super::trace::Trace;
use crate::packet::craft::{Segment, flags, option};
use crate::packet::seen::Seen;

/// The peer's port.
const PEER_PORT: u16 = 40_000;
/// Our port where we open.
const OUR_PORT: u16 = 41_000;
/// How far before the wrap numbers begin that are to wrap soon.
const BEFORE_WRAP: u32 = 2_000;
/// Text in flight, or out of order.
const SOME_OCTETS: usize = 8_000;

/// Where an input begins.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Start {
    /// ESTABLISHED, opened by the peer and accepted.
    Established,
    /// A listener and no connection.
    Listen,
    /// SYN-SENT.
    SynSent,
    /// SYN-RECEIVED behind a listener.
    SynReceived,
    /// SYN-RECEIVED because both sides opened.
    Crossing,
    /// ESTABLISHED, opened by us.
    Dialled,
    /// ESTABLISHED with unacknowledged text.
    InFlight,
    /// ESTABLISHED in fast recovery.
    Recovering,
    /// ESTABLISHED with text and no window to send it in.
    ZeroWindow,
    /// ESTABLISHED with a hole in what arrived.
    OutOfOrder,
    /// FIN-WAIT-1.
    FinWait1,
    /// FIN-WAIT-2.
    FinWait2,
    /// CLOSE-WAIT.
    CloseWait,
    /// CLOSING.
    Closing,
    /// LAST-ACK.
    LastAck,
    /// TIME-WAIT.
    TimeWait,
}

impl Start {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Established,
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Crossing,
        Self::Dialled,
        Self::InFlight,
        Self::Recovering,
        Self::ZeroWindow,
        Self::OutOfOrder,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];
}

/// What else a snapshot may have.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Profile {
    pub(crate) start: Start,
    pub(crate) family: Family,
    /// Window scaling, timestamps and SACK, or none of them.
    pub(crate) options: Agreement,
    /// Where the peer's numbers begin.
    pub(crate) peer: Place,
    /// Where ours begin.
    pub(crate) ours: Place,
}

/// What the two ends agree on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Agreement {
    Modern,
    Plain,
}

/// Where sequence numbers begin.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Place {
    Anywhere,
    BeforeWrap,
    BeforeHalf,
}

impl Profile {
    /// What the head of an input says.
    pub(crate) fn of(head: &Record) -> Self {
        Self {
            start: head.pick(0, Start::ALL),
            family: head.pick(1, [Family::V4, Family::V6]),
            options: head.pick(2, [Agreement::Modern, Agreement::Plain]),
            peer: head.pick(3, [Place::Anywhere, Place::BeforeWrap, Place::BeforeHalf]),
            ours: head.pick(4, [Place::Anywhere, Place::BeforeWrap]),
        }
    }
}

/// A stack in some state, and what is known of its connection.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) rig: Rig,
    pub(crate) flow: Flow,
    pub(crate) listener: Option<ListenerId>,
    /// The application's name for the connection.
    pub(crate) connection: Option<ConnectionId>,
    /// What the application has written and the peer has written so far.
    pub(crate) written: usize,
    /// How it came about.
    pub(crate) trace: Trace,
}

static LIBRARY: Mutex<BTreeMap<Profile, Option<Arc<Snapshot>>>> = Mutex::new(BTreeMap::new());

impl Snapshot {
    /// A fork of the snapshot of `profile`.
    pub(crate) fn of(profile: Profile) -> Option<Self> {
        let known = {
            let mut library = LIBRARY.lock().unwrap_or_else(PoisonError::into_inner);
            library
                .entry(profile)
                .or_insert_with(|| make(profile).map(Arc::new))
                .clone()
        };
        known.map(|snapshot| (*snapshot).clone())
    }
}

/// With the clock moved so that our numbers begin where they should.
fn make(profile: Profile) -> Option<Snapshot> {
    let first = build(profile, Duration::ZERO)?;
    if profile.ours == Place::Anywhere {
        return Some(first);
    }
    let stack = &first.rig.stack;
    let Some(connection) = stack.connection_between(first.flow.local, first.flow.remote) else {
        // A listener has no numbers yet.
        return Some(first);
    };
    let iss = first.rig.stack.status(connection)?.iss;
    // The clock of RFC 6528 §3 ticks every 4 microseconds.
    let ticks = 0_u32.wrapping_sub(BEFORE_WRAP).wrapping_sub(iss);
    build(profile, Duration::from_micros(4 * u64::from(ticks)))
}

/// Two stacks, and what lies between them.
struct Pair {
    ours: Rig,
    peer: Rig,
    profile: Profile,
    /// What is added to the peer's numbers on the way to us.
    shift: Option<u32>,
    flow: Flow,
    listener: Option<ListenerId>,
    connection: Option<ConnectionId>,
    peer_connection: Option<ConnectionId>,
    peer_listener: Option<ListenerId>,
    written: usize,
    outcome: Outcome,
}

fn build(profile: Profile, wait: Duration) -> Option<Snapshot> {
    let mut pair = Pair::new(profile, wait)?;
    pair.drive()?;
    if pair.outcome.is_broken() {
        return None;
    }
    let newest = pair
        .ours
        .sent
        .iter()
        .rev()
        .find_map(|seen| seen.tcp()?.stamps());
    if let Some((value, _)) = newest {
        pair.flow.echo = value;
    }
    let trace = pair.ours.trace.take().unwrap_or_default();
    pair.ours.forget();
    Some(Snapshot {
        rig: pair.ours,
        flow: pair.flow,
        listener: pair.listener,
        connection: pair.connection,
        written: pair.written,
        trace,
    })
}

impl Pair {
    fn new(profile: Profile, wait: Duration) -> Option<Self> {
        let mut ours = Rig::new(7, |_| {})?;
        let mut peer = Rig::numbered(THEM, 8, |config| {
            // So that its window closes.
            config.fix_receive_buffer(16_384);
        })?;
        let mut outcome = Outcome::default();
        ours.now += wait;
        peer.now += wait;
        ours.pass(&mut outcome, Duration::ZERO);
        peer.pass(&mut outcome, Duration::ZERO);
        ours.trace = Some(Trace::default());
        let (us, them) = (us(profile.family), them(profile.family));
        let is_active = matches!(
            profile.start,
            Start::SynSent | Start::Crossing | Start::Dialled
        );
        let flow = Flow {
            local: (us, if is_active { OUR_PORT } else { LISTEN_PORT }).into(),
            remote: (them, PEER_PORT).into(),
            irs: 0,
            stamp: None,
            stamped_at: ours.now,
            echo: 0,
        };
        Some(Self {
            ours,
            peer,
            profile,
            shift: None,
            flow,
            listener: None,
            connection: None,
            peer_connection: None,
            peer_listener: None,
            written: 0,
            outcome,
        })
    }

    /// From nothing to the start.
    fn drive(&mut self) -> Option<()> {
        use Start::{
            CloseWait, Closing, Crossing, Dialled, Established, FinWait1, FinWait2, InFlight,
            LastAck, Listen, OutOfOrder, Recovering, SynReceived, SynSent, TimeWait, ZeroWindow,
        };
        match self.profile.start {
            Listen => {
                self.listen()?;
                // As if the peer were about to open.
                self.flow.irs = self.wanted(77_000);
                self.flow.stamp = Some(5_000);
            }
            SynReceived => {
                self.listen()?;
                self.peer_opens()?;
                self.carry_to_us(|_| true);
            }
            SynSent => {
                self.opens()?;
                self.flow.irs = self.wanted(77_000);
                self.flow.stamp = Some(5_000);
            }
            Crossing => {
                self.opens()?;
                self.ours.forget();
                self.peer_opens()?;
                self.carry_to_us(|_| true);
            }
            Dialled => {
                self.peer_listens()?;
                self.opens()?;
                self.exchange();
            }
            Established => self.established()?,
            InFlight => {
                self.established()?;
                self.writes(SOME_OCTETS)?;
            }
            Recovering => {
                self.established()?;
                self.writes(SOME_OCTETS)?;
                self.carry_to_peer(|at| at != 0);
                self.carry_to_us(|_| true);
            }
            ZeroWindow => {
                self.established()?;
                self.writes(40_000)?;
                self.exchange();
            }
            OutOfOrder => {
                self.established()?;
                self.peer_writes()?;
                self.carry_to_us(|at| at != 0);
            }
            FinWait1 => {
                self.established()?;
                self.shuts_down()?;
            }
            FinWait2 => {
                self.established()?;
                self.shuts_down()?;
                self.exchange();
            }
            CloseWait => {
                self.established()?;
                self.peer_shuts_down()?;
                self.carry_to_us(|_| true);
            }
            Closing => {
                self.established()?;
                self.shuts_down()?;
                self.ours.forget();
                self.peer_shuts_down()?;
                self.carry_to_us(|_| true);
            }
            LastAck => {
                self.established()?;
                self.peer_shuts_down()?;
                self.carry_to_us(|_| true);
                self.shuts_down()?;
            }
            TimeWait => {
                self.established()?;
                self.shuts_down()?;
                self.exchange();
                self.peer_shuts_down()?;
                self.exchange();
            }
        }
        Some(())
    }

    /// Where the peer's numbers begin.
    fn wanted(&self, otherwise: u32) -> u32 {
        match self.profile.peer {
            Place::Anywhere => otherwise,
            Place::BeforeWrap => 0_u32.wrapping_sub(BEFORE_WRAP),
            Place::BeforeHalf => (1 << 31) - BEFORE_WRAP,
        }
    }

    fn listen(&mut self) -> Option<()> {
        self.listener = listen(&mut self.ours, &mut self.outcome, LISTEN_PORT);
        self.listener.map(|_| ())
    }

    fn peer_listens(&mut self) -> Option<()> {
        self.peer_listener = listen(&mut self.peer, &mut self.outcome, PEER_PORT);
        self.peer_listener.map(|_| ())
    }

    fn opens(&mut self) -> Option<()> {
        let open = OpenConnection {
            remote: self.flow.remote,
            local_address: None,
            local_port: OUR_PORT,
            options: ConnectionOptions::default(),
        };
        match self
            .ours
            .call(&mut self.outcome, Call::OpenConnection(open))
        {
            Ok(Reply::Connection { connection, .. }) => self.connection = Some(connection),
            _ => return None,
        }
        Some(())
    }

    fn peer_opens(&mut self) -> Option<()> {
        let open = OpenConnection {
            remote: self.flow.local,
            local_address: None,
            local_port: PEER_PORT,
            options: ConnectionOptions::default(),
        };
        match self
            .peer
            .call(&mut self.outcome, Call::OpenConnection(open))
        {
            Ok(Reply::Connection { connection, .. }) => self.peer_connection = Some(connection),
            _ => return None,
        }
        Some(())
    }

    fn established(&mut self) -> Option<()> {
        self.listen()?;
        self.peer_opens()?;
        self.exchange();
        let accept = Call::Accept(self.listener?);
        match self.ours.call(&mut self.outcome, accept) {
            Ok(Reply::Accepted(Some(accepted))) => self.connection = Some(accepted.connection),
            _ => return None,
        }
        Some(())
    }

    fn writes(&mut self, octets: usize) -> Option<()> {
        let call = Call::Send {
            connection: self.connection?,
            octets: Bytes::from(stream(0, octets)),
        };
        self.written = octets;
        self.ours.call(&mut self.outcome, call).ok().map(|_| ())
    }

    fn peer_writes(&mut self) -> Option<()> {
        let call = Call::Send {
            connection: self.peer_connection?,
            octets: Bytes::from(stream(0, SOME_OCTETS)),
        };
        self.peer.call(&mut self.outcome, call).ok().map(|_| ())
    }

    fn shuts_down(&mut self) -> Option<()> {
        let call = Call::Shutdown {
            connection: self.connection?,
            direction: Shutdown::Write,
        };
        self.ours.call(&mut self.outcome, call).ok().map(|_| ())
    }

    fn peer_shuts_down(&mut self) -> Option<()> {
        let call = Call::Shutdown {
            connection: self.peer_connection?,
            direction: Shutdown::Write,
        };
        self.peer.call(&mut self.outcome, call).ok().map(|_| ())
    }

    /// Packets go to and fro until there are none.
    fn exchange(&mut self) {
        for _ in 0..100 {
            if self.ours.sent.is_empty() && self.peer.sent.is_empty() {
                return;
            }
            self.carry_to_peer(|_| true);
            self.carry_to_us(|_| true);
        }
    }

    /// Delivers those packets of the peer whose place `wanted` likes; the others are lost.
    fn carry_to_us(&mut self, wanted: impl Fn(usize) -> bool) {
        for (at, seen) in std::mem::take(&mut self.peer.sent).into_iter().enumerate() {
            if let Some(segment) = self.shifted_to_us(seen)
                && wanted(at)
            {
                self.ours.arrives(&mut self.outcome, &segment.packet());
            }
        }
    }

    fn carry_to_peer(&mut self, wanted: impl Fn(usize) -> bool) {
        for (at, seen) in std::mem::take(&mut self.ours.sent).into_iter().enumerate() {
            let Some(segment) = seen.tcp() else {
                continue;
            };
            if let Some((value, _)) = segment.stamps() {
                self.flow.echo = value;
            }
            if wanted(at) {
                let mut segment = segment.clone();
                if segment.flags & flags::ACK != 0 {
                    segment.ack = segment.ack.wrapping_sub(self.shift.unwrap_or(0));
                }
                // Its numbers are the peer's, and no start needs it.
                if segment.find_option(5).is_some() {
                    segment.options.clear();
                }
                self.peer.arrives(&mut self.outcome, &segment.packet());
            }
        }
    }

    fn shifted_to_us(&mut self, seen: Seen) -> Option<Segment> {
        let mut segment = seen.tcp()?.clone();
        let wanted = self.wanted(segment.seq);
        let shift = *self
            .shift
            .get_or_insert_with(|| wanted.wrapping_sub(segment.seq));
        segment.seq = segment.seq.wrapping_add(shift);
        if segment.flags & flags::SYN != 0 {
            self.flow.irs = segment.seq;
            if self.profile.options == Agreement::Plain {
                segment.options = option::mss(1_460).to_vec();
            }
        }
        if let Some((value, _)) = segment.stamps() {
            self.flow.stamp = Some(value);
            self.flow.stamped_at = self.ours.now;
        }
        Some(segment)
    }
}

fn listen(rig: &mut Rig, outcome: &mut Outcome, port: u16) -> Option<ListenerId> {
    let listen = Listen {
        local: Local {
            port,
            ..Local::default()
        },
        ..Listen::default()
    };
    match rig.call(outcome, Call::Listen(listen)) {
        Ok(Reply::Listener { listener, .. }) => Some(listener),
        _ => None,
    }
}
