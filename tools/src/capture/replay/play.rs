//! One conversation, played to a stack of its own.
//!
//! The capture is cut into rounds: what arrived, what the application did, what was sent. A timer of
//! the stack fires when it is due, or with the next segment of the capture if that is within the
//! tolerance: real machines wake up late. The first difference ends it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sidestep_stack::call::{
    Accepted, ConnectionId, ConnectionOptions, InterfaceAddress, KeepAlive, Listen, ListenerId,
    Local, OpenConnection, Release, Route, Shutdown,
};
use sidestep_stack::wire::flow::Flow;
use sidestep_stack::wire::packet::Offload;
use sidestep_stack::wire::tcp::{TcpFlags, TcpHeader};
use sidestep_stack::{Call, CallRefused, Event, Instant, Packet, Reply, Stack};

use super::application::{Act, Application};
use super::compare::{Kind, Origins, Windows, brief, differ};
use super::conversation::{Conversation, Segment};
use super::report::{Difference, LadderLine, Outcome, Sent};
use super::rewrite::{Checksums, Numbers, OUR_V4, OUR_V6, THEIR_V4, THEIR_V6, is_right};
use super::{Order, ReplayError, Settings};
use crate::capture::narrate::{Observed, cause, drain, words};
use crate::capture::pcapng::Direction;
use crate::capture::tap::OBSERVATIONS_MAX;

/// So many lines before a difference are shown.
const LADDER_LINES_MAX: usize = 8;
/// So many packets at one moment are too many.
const BURST_PACKETS_MAX: usize = 100_000;
/// The seed of every replay: nobody else sees these sequence numbers.
const SEED: [u8; 32] = [7; 32];

/// Plays `conversation` and says what came of it.
pub(super) fn play(
    conversation: &Conversation,
    settings: &Settings,
) -> Result<Outcome, ReplayError> {
    let refused = |refused| ReplayError::Refused {
        conversation: conversation.to_string(),
        refused,
    };
    let mut player = Player::new(conversation, settings).map_err(refused)?;
    let difference = player.run().map_err(refused)?;
    Ok(Outcome {
        local: conversation.local,
        remote: conversation.remote,
        segments_in: conversation.segments.len() - player.departures,
        segments_out: player.departures,
        compared: player.compared,
        hole_octets: player.application.hole_octets,
        ends_with: conversation.ends_with,
        end_nanos: player.now.as_nanos(),
        difference,
        ladder: player.ladder.into(),
    })
}

/// A segment that the stack sent, and why.
#[derive(Clone, Debug)]
struct Ours {
    segment: Segment,
    why: String,
}

struct Player<'a> {
    conversation: &'a Conversation,
    settings: &'a Settings,
    stack: Stack,
    application: Application,
    checksums: Checksums,
    numbers: Numbers,
    origins: Origins,
    connection: Option<ConnectionId>,
    listener: Option<ListenerId>,
    /// Text that the stack had no room for yet.
    unwritten: VecDeque<Bytes>,
    closes: bool,
    /// Octets that RECEIVE took.
    taken: u64,
    /// Rcv.Wind.Shift of the capture.
    shift: u8,
    now: Instant,
    /// Segments of the capture that were sent and are not matched yet.
    awaited: VecDeque<usize>,
    /// Segments of this run that are not matched yet.
    pulled: VecDeque<Ours>,
    /// What happened since a packet last left.
    happened: Vec<Observed>,
    compared: usize,
    departures: usize,
    ladder: VecDeque<LadderLine>,
}

/// A round: places of segments.
#[derive(Clone, Copy, Debug)]
struct Round {
    at_nanos: u64,
    start: usize,
    departs: usize,
    end: usize,
}

impl<'a> Player<'a> {
    fn new(conversation: &'a Conversation, settings: &'a Settings) -> Result<Self, CallRefused> {
        let application = Application::of(conversation);
        let mut player = Self {
            conversation,
            settings,
            stack: stack(conversation, settings)?,
            checksums: checksums(conversation),
            numbers: Numbers::default(),
            origins: Origins::default(),
            connection: None,
            listener: None,
            unwritten: VecDeque::new(),
            closes: false,
            taken: 0,
            shift: shift(conversation),
            now: Instant::ZERO,
            awaited: VecDeque::new(),
            pulled: VecDeque::new(),
            happened: Vec::new(),
            compared: 0,
            departures: departures(&conversation.segments).count(),
            ladder: VecDeque::new(),
            application,
        };
        player.open()?;
        Ok(player)
    }

    /// OPEN, active if our SYN came first.
    fn open(&mut self) -> Result<(), CallRefused> {
        let Some(first) = self.conversation.segments.first() else {
            return Ok(());
        };
        self.now = Instant::from_nanos(first.at_nanos);
        let keep_alive = self.application.keep_alive.map(|idle| KeepAlive {
            idle,
            interval: idle,
            probes_max: 9,
        });
        let options = ConnectionOptions {
            no_delay: Some(self.application.no_delay),
            keep_alive: Some(keep_alive),
            ..ConnectionOptions::default()
        };
        let (ours, theirs) = ends(self.conversation);
        if first.direction == Direction::In {
            let answers = departures(&self.conversation.segments).any(|it| it.has(TcpFlags::SYN));
            if !answers {
                // Nobody listened.
                return Ok(());
            }
            let local = Local {
                port: ours.port(),
                ..Local::default()
            };
            let listen = Listen {
                local,
                options,
                ..Listen::default()
            };
            if let Reply::Listener { listener, .. } =
                self.stack.user_calls(self.now, Call::Listen(listen))?
            {
                self.listener = Some(listener);
            }
            return Ok(());
        }
        let open = OpenConnection {
            remote: theirs,
            local_address: Some(ours.ip()),
            local_port: ours.port(),
            options,
        };
        if let Reply::Connection { connection, .. } = self
            .stack
            .user_calls(self.now, Call::OpenConnection(open))?
        {
            self.connection = Some(connection);
        }
        Ok(())
    }

    fn run(&mut self) -> Result<Option<Difference>, CallRefused> {
        for round in rounds(&self.conversation.segments, self.settings.order) {
            let at = Instant::from_nanos(round.at_nanos);
            if let Some(difference) = self.time_passes(at, round.departs) {
                return Ok(Some(difference));
            }
            self.now = self.now.max(at);
            for place in round.start..round.departs {
                self.arrive(place);
            }
            for place in round.departs..round.end {
                self.awaited.push_back(place);
                self.act(place)?;
            }
            self.read_and_write();
            self.stack.time_passes(self.now);
            self.pull(Wanted::AsCaptured);
            if let Some(difference) = self.compare() {
                return Ok(Some(difference));
            }
        }
        Ok(self.at_the_end())
    }

    /// Lets timers fire that are due before `at`, but not those that the next departure of the
    /// capture may be about.
    fn time_passes(&mut self, at: Instant, next: usize) -> Option<Difference> {
        let tolerance = self.settings.tolerance;
        let next_departure = self.next_departure(next);
        while let Some(due) = self.stack.next_deadline()
            && due < at
        {
            let due = due.max(self.now);
            if next_departure.is_some_and(|departs| departs <= due + tolerance) || due >= at {
                return None;
            }
            self.now = due;
            let before = self.stack.next_deadline();
            self.stack.time_passes(due);
            self.pull(Wanted::AsCaptured);
            let difference = self.compare();
            if difference.is_some() {
                return difference;
            }
            if self.stack.next_deadline() == before {
                // Something waits to be pulled that the capture sends later.
                return None;
            }
        }
        None
    }

    /// When the capture sends next, from the segment at `place` on.
    fn next_departure(&self, place: usize) -> Option<Instant> {
        let rest = self.conversation.segments.get(place..)?;
        let next = departures(rest).next()?;
        Some(Instant::from_nanos(next.at_nanos))
    }

    fn arrive(&mut self, place: usize) {
        let Some(segment) = self.conversation.segments.get(place) else {
            return;
        };
        if segment.has(TcpFlags::SYN) {
            self.origins.irs = segment.header.seq.raw();
        }
        let packet = self.numbers.rewrite(segment, self.checksums);
        self.note(LadderLine::arrived(
            segment.at_nanos,
            brief(segment, self.origins.irs, self.origins.captured_iss),
        ));
        let packet = Packet::new(Bytes::from(packet));
        self.stack.packet_arrives(self.now, packet);
        self.hear();
    }

    /// Takes the connection that a listener made.
    fn hear(&mut self) {
        while let Some(event) = self.stack.next_event() {
            if let (Event::Acceptable(_), Some(listener)) = (event, self.listener)
                && let Ok(Reply::Accepted(Some(Accepted { connection, .. }))) =
                    self.stack.user_calls(self.now, Call::Accept(listener))
            {
                self.connection = Some(connection);
            }
        }
        if self.settings.windows == Windows::Ignored {
            self.read(usize::MAX);
        }
    }

    /// What the application did before the segment at `place` was sent.
    fn act(&mut self, place: usize) -> Result<(), CallRefused> {
        let acts = self.application.acts.get_mut(place);
        for act in acts.map(std::mem::take).unwrap_or_default() {
            match act {
                Act::Write(text) => self.unwritten.push_back(text),
                Act::Close => self.closes = true,
                Act::Abort => self.abort(),
            }
        }
        if self.settings.windows == Windows::Compared
            && let Some(octets) = self.read_by(place)
        {
            self.read(octets);
        }
        Ok(())
    }

    /// A RST of ours: the stack's own answer, or the application's wish.
    fn abort(&mut self) {
        let is_own = self.stack.clone().next_packet(self.now).is_some_and(|it| {
            let ours = self.segment(&it.to_vec());
            ours.is_some_and(|it| it.has(TcpFlags::RST))
        });
        if let (false, Some(connection)) = (is_own, self.connection) {
            let how = Release::Abort;
            let release = Call::Release { connection, how };
            // It may be gone already: then nothing is sent, and that is a difference.
            let _ = self.stack.user_calls(self.now, release);
        }
    }

    /// How much the application had read when the segment at `place` told of the window, beyond what
    /// was taken here.
    fn read_by(&self, place: usize) -> Option<usize> {
        let segment = self.conversation.segments.get(place)?;
        let tells = segment.has(TcpFlags::ACK)
            && !segment.has(TcpFlags::SYN)
            && !segment.has(TcpFlags::RST);
        if !tells {
            return None;
        }
        let buffer = self.settings.config.receive_buffer_octets;
        let ahead = u64::from(segment.header.window) << self.shift;
        let received = self.received_by(segment.header.ack.raw())?;
        let read = (received + ahead).checked_sub(buffer)?;
        usize::try_from(read.checked_sub(self.taken)?).ok()
    }

    /// The position of `ack` in the peer's stream, near what has arrived.
    fn received_by(&self, ack: u32) -> Option<u64> {
        let status = self.stack.status(self.connection?)?;
        let behind = status.rcv_nxt.wrapping_sub(ack) as i32;
        status
            .received_octets
            .checked_add_signed(-i64::from(behind))
    }

    fn read(&mut self, octets_max: usize) {
        let Some(connection) = self.connection else {
            return;
        };
        let receive = Call::Receive {
            connection,
            octets_max,
        };
        if let Ok(Reply::Received(received)) = self.stack.user_calls(self.now, receive) {
            let octets: usize = received.slices.iter().map(Bytes::len).sum();
            self.taken += octets as u64;
        }
    }

    /// Writes what there is room for, and closes after it.
    fn read_and_write(&mut self) {
        let Some(connection) = self.connection else {
            return;
        };
        while let Some(text) = self.unwritten.pop_front() {
            let send = Call::Send {
                connection,
                octets: text.clone(),
            };
            let taken = match self.stack.user_calls(self.now, send) {
                Ok(Reply::Sent(taken)) => taken,
                _ => 0,
            };
            if taken < text.len() {
                self.unwritten.push_front(text.slice(taken..));
                return;
            }
        }
        if std::mem::take(&mut self.closes) {
            let direction = Shutdown::Write;
            let shutdown = Call::Shutdown {
                connection,
                direction,
            };
            let _ = self.stack.user_calls(self.now, shutdown);
        }
    }

    /// Pulls what the stack sends.
    fn pull(&mut self, wanted: Wanted) {
        self.hear();
        for _ in 0..BURST_PACKETS_MAX {
            let enough = self.pulled.len() >= self.awaited.len();
            let exact = self.settings.order == Order::Exact;
            if wanted == Wanted::AsCaptured && exact && enough {
                return;
            }
            match self.pull_one() {
                Some(ours) => self.pulled.push_back(ours),
                None => return,
            }
            self.read_and_write();
        }
    }

    fn pull_one(&mut self) -> Option<Ours> {
        let mut happened = std::mem::take(&mut self.happened);
        happened.extend(drain(&mut self.stack));
        let packet = self.stack.next_packet(self.now);
        happened.extend(drain(&mut self.stack));
        let Some(packet) = packet else {
            self.happened = happened;
            let surplus = self.happened.len().saturating_sub(LADDER_LINES_MAX);
            self.happened.drain(..surplus);
            return None;
        };
        let segment = self.segment(&packet.to_vec())?;
        Some(Ours {
            segment,
            why: why(&happened),
        })
    }

    /// A packet of this run, read.
    fn segment(&self, packet: &[u8]) -> Option<Segment> {
        let flow = Flow::of(packet)?;
        let parsed = TcpHeader::parse(packet.get(flow.transport_at..)?).ok()?;
        let text = packet.get(flow.transport_at + parsed.header_octets..)?;
        Some(Segment {
            at_nanos: self.now.as_nanos(),
            direction: Direction::Out,
            header: parsed.header,
            text: text.to_vec(),
            packet: Vec::new(),
        })
    }

    /// Matches what the capture sent with what this run sends.
    fn compare(&mut self) -> Option<Difference> {
        loop {
            while let (Some(place), Some(ours)) = (self.awaited.front(), self.pulled.front()) {
                let captured = self.conversation.segments.get(*place)?;
                self.begin(captured, &ours.segment.clone());
                let ours = self.pulled.front()?;
                let kind = differ(
                    captured,
                    &ours.segment,
                    &self.origins,
                    self.settings.windows,
                );
                if let Some(kind) = kind {
                    let kind = self.refine(kind, captured);
                    return Some(self.differs(kind));
                }
                let apart = captured.at_nanos.abs_diff(ours.segment.at_nanos);
                if Duration::from_nanos(apart) > self.settings.tolerance {
                    return Some(self.differs(Kind::Time));
                }
                self.numbers.pair(captured, &ours.segment);
                self.same();
            }
            if self.awaited.is_empty() || !self.wakes_early() {
                break;
            }
        }
        self.overdue()
    }

    /// The capture sent something that a timer of this run is about to send, within the tolerance.
    fn wakes_early(&mut self) -> bool {
        let Some(due) = self.stack.next_deadline() else {
            return false;
        };
        if due <= self.now || due > self.now + self.settings.tolerance {
            return false;
        }
        self.now = due;
        self.stack.time_passes(due);
        let before = self.pulled.len();
        self.pull(Wanted::AsCaptured);
        // Timers that send nothing are tried until the next one is too far away.
        self.pulled.len() > before || self.stack.next_deadline().is_some_and(|next| next > due)
    }

    /// What should have been matched by now.
    fn overdue(&mut self) -> Option<Difference> {
        match self.settings.order {
            Order::Exact => {
                if !self.awaited.is_empty() {
                    return Some(self.differs(Kind::Missing));
                }
                self.unexpected()
            }
            Order::WithinTolerance => {
                let tolerance = self.settings.tolerance;
                let late = |at_nanos: u64| Instant::from_nanos(at_nanos) + tolerance < self.now;
                let captured = self
                    .awaited
                    .front()
                    .and_then(|it| self.conversation.segments.get(*it));
                if captured.is_some_and(|it| late(it.at_nanos)) {
                    return Some(self.differs(Kind::Missing));
                }
                let ours = self.pulled.front();
                if ours.is_some_and(|it| late(it.segment.at_nanos)) {
                    return Some(self.differs(Kind::Extra));
                }
                None
            }
        }
    }

    /// What the stack would send now although the capture does not. What the capture sends as its
    /// next segment is only late.
    fn unexpected(&mut self) -> Option<Difference> {
        let mut fork = self.stack.clone();
        while fork.next_observation().is_some() {}
        let Some(packet) = fork.next_packet(self.now) else {
            // Whoever drove the stack asked until there was nothing more; that has its effects.
            self.stack = fork;
            return None;
        };
        let ours = Ours {
            segment: self.segment(&packet.to_vec())?,
            why: why(&drain(&mut fork)),
        };
        let next = self.next_unmatched();
        if let Some(next) = next {
            let kind = differ(next, &ours.segment, &self.origins, self.settings.windows);
            let apart = Duration::from_nanos(next.at_nanos.abs_diff(self.now.as_nanos()));
            if kind.is_none() && apart <= self.settings.tolerance {
                return None;
            }
        }
        // The capture may have ended before this was sent.
        next?;
        self.pulled.push_back(ours);
        Some(self.differs(Kind::Extra))
    }

    /// The next segment of the capture that was sent and that nothing was compared with.
    fn next_unmatched(&self) -> Option<&'a Segment> {
        departures(&self.conversation.segments).nth(self.compared)
    }

    /// A difference in a field may only mean that one side has one segment more.
    fn refine(&mut self, kind: Kind, captured: &Segment) -> Kind {
        let windows = self.settings.windows;
        let same =
            |then: &Segment, now: &Segment| differ(then, now, &self.origins, windows).is_none();
        let next = departures(&self.conversation.segments).nth(self.compared + 1);
        if let (Some(next), Some(ours)) = (next, self.pulled.front())
            && same(next, &ours.segment)
        {
            return Kind::Missing;
        }
        let mut fork = self.stack.clone();
        let packet = fork.next_packet(self.now);
        let following = match self.pulled.get(1) {
            Some(ours) => Some(ours.segment.clone()),
            None => packet.and_then(|it| self.segment(&it.to_vec())),
        };
        if following.is_some_and(|it| same(captured, &it)) {
            return Kind::Extra;
        }
        kind
    }

    /// The numbers that both runs begin with.
    fn begin(&mut self, captured: &Segment, ours: &Segment) {
        if captured.has(TcpFlags::SYN) && ours.has(TcpFlags::SYN) {
            self.origins.captured_iss = captured.header.seq.raw();
            self.origins.our_iss = ours.header.seq.raw();
            self.origins.window_shift = ours.header.options.window_scale.unwrap_or(0);
            self.origins.buffer_octets = self.settings.config.receive_buffer_octets;
        }
    }

    /// The first of both are the same: they are done.
    fn same(&mut self) {
        if let Some(line) = self.sent_line() {
            self.note(line);
        }
        self.awaited.pop_front();
        self.pulled.pop_front();
        self.compared += 1;
    }

    /// The first of both are not the same, or one of them is not there.
    fn differs(&mut self, kind: Kind) -> Difference {
        let mut line = self.sent_line().unwrap_or_default();
        match kind {
            Kind::Missing => line.ours = None,
            Kind::Extra => line.captured = None,
            _ => {}
        }
        let at_nanos = line.at_nanos();
        line.difference = Some(kind);
        self.note(line);
        self.note_rest();
        Difference {
            kind,
            at_nanos,
            place: self.compared + 1,
        }
    }

    /// What comes next in the capture, below the difference.
    fn note_rest(&mut self) {
        let rest = departures(&self.conversation.segments).skip(self.compared + 1);
        for segment in rest.take(2) {
            let text = brief(segment, self.origins.captured_iss, self.origins.irs);
            self.ladder.push_back(LadderLine {
                captured: Some(Sent {
                    at_nanos: segment.at_nanos,
                    text,
                }),
                ..LadderLine::default()
            });
        }
    }

    fn sent_line(&self) -> Option<LadderLine> {
        let captured = match self.awaited.front() {
            Some(place) => self.conversation.segments.get(*place),
            None => None,
        };
        let ours = self.pulled.front();
        let line = LadderLine {
            captured: captured.map(|it| Sent {
                at_nanos: it.at_nanos,
                text: brief(it, self.origins.captured_iss, self.origins.irs),
            }),
            ours: ours.map(|it| Sent {
                at_nanos: it.segment.at_nanos,
                text: brief(&it.segment, self.origins.our_iss, self.origins.irs),
            }),
            why: ours.map(|it| it.why.clone()),
            ..LadderLine::default()
        };
        (line.captured.is_some() || line.ours.is_some()).then_some(line)
    }

    fn note(&mut self, line: LadderLine) {
        if self.ladder.len() == LADDER_LINES_MAX {
            self.ladder.pop_front();
        }
        self.ladder.push_back(line);
    }

    /// The capture is over: what it sent and nobody else did has to come now.
    fn at_the_end(&mut self) -> Option<Difference> {
        if self.awaited.is_empty() {
            return None;
        }
        let until = self.now + self.settings.tolerance;
        while let Some(due) = self.stack.next_deadline()
            && due <= until
            && due > self.now
        {
            self.now = due;
            self.stack.time_passes(due);
            self.pull(Wanted::All);
            if let Some(difference) = self.compare() {
                return Some(difference);
            }
        }
        if self.awaited.is_empty() {
            return None;
        }
        Some(self.differs(Kind::Missing))
    }
}

/// How much is pulled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wanted {
    /// What the capture sent by now, if it is to be followed exactly.
    AsCaptured,
    /// All.
    All,
}

/// Why a packet is sent, and what led to it.
fn why(happened: &[Observed]) -> String {
    let mut parts = Vec::new();
    if let Some(cause) = cause(happened) {
        parts.push(format!("{} ({})", cause.words(), cause.clause()));
    }
    let told: Vec<String> = happened.iter().filter_map(|(_, it)| words(it)).collect();
    parts.extend(told.into_iter().rev().take(2).rev());
    parts.join("; ")
}

fn departures(segments: &[Segment]) -> impl Iterator<Item = &Segment> {
    segments.iter().filter(|it| it.direction == Direction::Out)
}

/// Our end and the peer's in every run: the ports are those of the capture.
fn ends(conversation: &Conversation) -> (SocketAddr, SocketAddr) {
    let (ours, theirs) = match conversation.local {
        SocketAddr::V4(_) => (OUR_V4.into(), THEIR_V4.into()),
        SocketAddr::V6(_) => (OUR_V6.into(), THEIR_V6.into()),
    };
    (
        SocketAddr::new(ours, conversation.local.port()),
        SocketAddr::new(theirs, conversation.remote.port()),
    )
}

/// A stack with our address, and the MTU that our SYN spoke of.
fn stack(conversation: &Conversation, settings: &Settings) -> Result<Stack, CallRefused> {
    let mut config = settings.config.clone();
    let headers = if conversation.local.is_ipv4() { 40 } else { 60 };
    let mss = departures(&conversation.segments).find_map(|it| it.header.options.mss);
    if let Some(mss) = mss {
        let least = if conversation.local.is_ipv4() {
            68
        } else {
            1_280
        };
        config.mtu_octets = (u64::from(mss) + headers).clamp(least, 65_535);
    }
    let mut stack =
        Stack::new(config, SEED, Offload::default()).map_err(|_| CallRefused::Invalid)?;
    let (ours, theirs) = ends(conversation);
    let bits = |address: SocketAddr| if address.is_ipv4() { 24 } else { 64 };
    let address = InterfaceAddress {
        address: ours.ip(),
        prefix_bits: bits(ours),
    };
    stack.user_calls(Instant::ZERO, Call::AddAddress(address))?;
    let route = Route {
        destination: theirs.ip(),
        prefix_bits: bits(theirs),
        source: None,
    };
    stack.user_calls(Instant::ZERO, Call::AddRoute(route))?;
    stack.observe(OBSERVATIONS_MAX);
    Ok(stack)
}

/// If no segment that arrived has a right checksum, none of them was finished yet.
fn checksums(conversation: &Conversation) -> Checksums {
    let arrived = conversation
        .segments
        .iter()
        .filter(|it| it.direction == Direction::In);
    let mut right =
        arrived.map(|it| Flow::of(&it.packet).is_some_and(|flow| is_right(&it.packet, &flow)));
    if right.any(|it| it) {
        Checksums::Real
    } else {
        Checksums::Offloaded
    }
}

/// Rcv.Wind.Shift, if both ends offered scaling.
fn shift(conversation: &Conversation) -> u8 {
    let offered = |direction| {
        conversation
            .segments
            .iter()
            .find(|it| it.has(TcpFlags::SYN) && it.direction == direction)
            .and_then(|it| it.header.options.window_scale)
    };
    match (offered(Direction::Out), offered(Direction::In)) {
        (Some(ours), Some(_)) => ours.min(14),
        _ => 0,
    }
}

/// What arrived, then what was sent. A capture of our own has all of a turn at one moment; in those
/// of others each arrival stands for itself.
fn rounds(segments: &[Segment], order: Order) -> Vec<Round> {
    let mut rounds: Vec<Round> = Vec::new();
    for (place, segment) in segments.iter().enumerate() {
        let arrives = segment.direction == Direction::In;
        let goes_on = rounds.last().is_some_and(|round| {
            let is_empty_yet = round.departs == round.end;
            let joins = !arrives || (is_empty_yet && order == Order::Exact);
            round.at_nanos == segment.at_nanos && joins
        });
        if !goes_on {
            rounds.push(Round {
                at_nanos: segment.at_nanos,
                start: place,
                departs: place,
                end: place,
            });
        }
        if let Some(round) = rounds.last_mut() {
            round.end = place + 1;
            if arrives {
                round.departs = place + 1;
            }
        }
    }
    rounds
}
