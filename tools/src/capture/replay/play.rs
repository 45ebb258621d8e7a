//! One conversation, played to a stack of its own.
//!
//! The capture is cut into rounds: what arrived, what the application did, what was sent. A timer of
//! the stack fires when it is due, or with the next segment of the capture if that is within the
//! tolerance: real machines wake up late. The first difference ends it.

use std::collections::VecDeque;

use bytes::Bytes;
use sidestep_stack::call::{
    Accepted, ConnectionId, ConnectionOptions, KeepAlive, Listen, ListenerId, Local,
    OpenConnection, Release, Shutdown,
};
use sidestep_stack::wire::flow::Flow;
use sidestep_stack::wire::tcp::{TcpFlags, TcpHeader};
use sidestep_stack::{Call, CallRefused, Event, Instant, Packet, Reply, Stack};

use super::application::{Act, Application};
use super::compare::{Origins, Windows, brief};
use super::conversation::{Conversation, Segment};
use super::report::{Difference, LadderLine, Outcome};
use super::rewrite::{Checksums, Numbers};
use super::{Order, ReplayError, Settings};
use crate::capture::narrate::{Observed, cause, drain, words};
use crate::capture::pcapng::Direction;

mod judge;
mod stage;

use stage::{checksums, departures, ends, rounds, shift, stack};

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
