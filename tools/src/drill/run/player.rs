//! Goes through a script: events in order, each when it is due, and what was due of the host.
//!
//! Packets that leave are kept until the script asks for one, so one that nobody expected is found
//! where the script next looks, or after its last event. A call that blocks goes on while packets are
//! exchanged, and is looked at when it ends.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use sidestep_stack::Instant;

use super::calling::Pending;
use super::calls::Descriptor;
use super::clock::{Clock, Due};
use super::flow::Flows;
use super::{Matching, Punctuality, Settings, first_number, text};
use crate::drill::ast::{Action, Direction, Event, Position, Script};
use crate::drill::backend::{Emitted, Fd, Host, HostError};
use crate::drill::expression::Variables;
use crate::drill::report::{Backend, Failure, OnWire, Outcome, Report, Row, Said, Verdict};

/// Why a script does not go on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stop {
    /// Something is not as the script says.
    Failed(Failure),
    /// The back end cannot do what a line asks for.
    Unsupported {
        /// Which line.
        position: Position,
        /// What.
        what: String,
    },
    /// The back end itself failed.
    Host(HostError),
}

impl From<HostError> for Stop {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

/// How long a packet is waited for beyond its time, to be able to say that it was late.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// How long an event that may happen at any time is waited for.
const ANY_TIME: Duration = Duration::from_secs(200);

/// Packets that a report holds.
pub(super) const PACKETS_MAX: usize = 65_536;

/// Events and packets that are shown beyond the first difference.
pub(super) const AFTER_MAX: usize = 5;

/// See the module.
pub(super) struct Player<'a> {
    pub(super) script: &'a Script,
    pub(super) host: &'a mut dyn Host,
    pub(super) settings: &'a Settings,
    pub(super) clock: Clock,
    pub(super) flows: Flows,
    pub(super) descriptors: BTreeMap<i64, Descriptor>,
    /// The socket that assertions are about.
    pub(super) last_fd: Option<Fd>,
    /// What has left and nobody has asked for.
    pub(super) queue: VecDeque<Emitted>,
    /// The last packet of the host that the script knows.
    pub(super) last_packet: Option<Vec<u8>>,
    pub(super) pending: Option<Pending<'a>>,
    pub(super) rows: Vec<Row>,
    pub(super) variables: Variables,
    /// Something did not happen when it had to.
    pub(super) is_late: bool,
    /// Everything that crossed the wire.
    pub(super) packets: Vec<OnWire>,
}

/// Plays a script on a host in virtual time.
pub(super) fn play(
    script: &Script,
    backend: Backend,
    host: &mut dyn Host,
    settings: &Settings,
) -> Report {
    let mut player = Player::new(script, host, settings, Duration::ZERO);
    let stop = player.play();
    player.report(backend, stop)
}

/// The time since the script's beginning.
pub(super) const fn since_start(moment: Instant) -> Duration {
    moment.since(Instant::ZERO)
}

impl<'a> Player<'a> {
    pub(super) fn new(
        script: &'a Script,
        host: &'a mut dyn Host,
        settings: &'a Settings,
        tolerance_min: Duration,
    ) -> Self {
        let options = &script.options;
        let local = SocketAddr::new(options.local_address(), options.bind_port());
        let isn = first_number(settings.seed);
        Self {
            script,
            host,
            settings,
            clock: Clock::new(tolerance_min),
            flows: Flows::new(local, options.remote_address(), isn),
            descriptors: BTreeMap::new(),
            last_fd: None,
            queue: VecDeque::new(),
            last_packet: None,
            pending: None,
            rows: Vec::new(),
            variables: Variables::default(),
            is_late: false,
            packets: Vec::new(),
        }
    }

    /// Whether everything was done when it was due.
    pub(super) const fn punctuality(&self) -> Punctuality {
        if self.is_late {
            Punctuality::Late
        } else {
            Punctuality::InTime
        }
    }

    /// Plays all events.
    pub(super) fn play(&mut self) -> Result<(), Stop> {
        let script = self.script;
        for command in &script.init {
            self.command(command)?;
        }
        for (index, event) in script.events.iter().enumerate() {
            let played = self.event(event);
            if played.is_err() {
                self.show_what_follows(index + 1);
                return played;
            }
        }
        self.finish()
    }

    pub(super) fn fail(event: &Event, message: impl Into<String>) -> Stop {
        Stop::Failed(Failure {
            position: Some(event.position),
            message: message.into(),
        })
    }

    pub(super) fn unsupported(event: &Event, what: impl Into<String>) -> Stop {
        Stop::Unsupported {
            position: event.position,
            what: what.into(),
        }
    }

    fn event(&mut self, event: &'a Event) -> Result<(), Stop> {
        let due = self.clock.due(event.time, &self.script.options);
        match &event.action {
            Action::Packet(packet) if packet.direction == Direction::Outbound => {
                self.expect(event, packet, due)
            }
            Action::Packet(packet) => {
                self.wait(event, due)?;
                self.inbound(event, packet, due)
            }
            Action::Call(call) => {
                self.await_pending()?;
                self.wait(event, due)?;
                self.call(event, call, due)
            }
            Action::Command(command) => {
                self.wait(event, due)?;
                self.mark(event, due);
                self.push_row(row_of(event, due, format!("`{}`", command.text)));
                self.command(command)
            }
            Action::Code(program) => {
                self.wait(event, due)?;
                self.mark(event, due);
                self.assert(event, program, due)
            }
        }
    }

    // Time.

    pub(super) fn now(&self) -> Duration {
        since_start(self.host.now())
    }

    /// The event happens now.
    pub(super) fn mark(&mut self, event: &Event, due: Due) {
        let now = self.now();
        self.clock.happened(event.time, due, now);
    }

    /// Takes what has left, and looks at a call that has ended.
    pub(super) fn drain(&mut self) -> Result<(), Stop> {
        while let Some(emitted) = self.host.next_emitted() {
            self.crossed(OnWire {
                at: since_start(emitted.at),
                direction: Direction::Outbound,
                octets: emitted.octets.clone(),
                reasons: emitted.reasons.clone(),
            });
            self.queue.push_back(emitted);
        }
        if let Some(ended) = self.host.next_ended() {
            self.ended(ended)?;
        }
        Ok(())
    }

    /// Lets time pass until `moment`, whatever happens meanwhile.
    pub(super) fn pass_to(&mut self, moment: Duration) -> Result<(), Stop> {
        self.drain()?;
        while self.now() < moment {
            self.host.pass(Instant::ZERO + moment)?;
            self.drain()?;
        }
        Ok(())
    }

    /// Lets time pass until the event is due.
    fn wait(&mut self, event: &Event, due: Due) -> Result<(), Stop> {
        self.pass_to(due.from)?;
        let latest = due.to.map(|to| to + due.tolerance);
        if latest.is_some_and(|latest| self.now() > latest) {
            // In virtual time that is the script's own fault: its times go backwards.
            self.is_late = true;
            let late = self.now().saturating_sub(due.to.unwrap_or_default());
            return Err(Self::fail(
                event,
                format!("this was due {} us ago", late.as_micros()),
            ));
        }
        Ok(())
    }

    // The end.

    fn finish(&mut self) -> Result<(), Stop> {
        self.await_pending()?;
        let silence = self.clock.tolerance(Duration::ZERO, &self.script.options);
        let until = self.now() + silence;
        self.pass_to(until)?;
        if self.settings.matching == Matching::Relaxed {
            return Ok(());
        }
        let Some(emitted) = self.queue.pop_front() else {
            return Ok(());
        };
        let (text, _) = self.show(&emitted);
        let at = since_start(emitted.at);
        self.push_row(Row {
            position: None,
            expected: None,
            actual: Some(Said {
                at,
                until: None,
                text: text.clone(),
            }),
            verdict: Verdict::Differs,
            reasons: emitted.reasons,
        });
        Err(Stop::Failed(Failure {
            position: None,
            message: format!(
                "after the last event, at {}, there left: {text}",
                text::of_moment(at)
            ),
        }))
    }

    /// Rows that help to see what the first difference means.
    fn show_what_follows(&mut self, from: usize) {
        let mut waiting: VecDeque<Emitted> = std::mem::take(&mut self.queue);
        waiting.truncate(AFTER_MAX);
        for emitted in waiting {
            let (text, _) = self.show(&emitted);
            self.push_row(Row {
                actual: Some(Said {
                    at: since_start(emitted.at),
                    until: None,
                    text,
                }),
                verdict: Verdict::After,
                reasons: emitted.reasons,
                ..Row::default()
            });
        }
        for event in self.script.events.iter().skip(from).take(AFTER_MAX) {
            let due = self.clock.due(event.time, &self.script.options);
            let mut row = row_of(event, due, text::of_action(&event.action));
            row.verdict = Verdict::After;
            self.clock.happened(event.time, due, due.from);
            self.push_row(row);
        }
    }

    /// Adds a row, and says which one it is. There are no more of them than events and pieces.
    pub(super) fn push_row(&mut self, row: Row) -> usize {
        self.rows.push(row);
        self.rows.len() - 1
    }

    /// What became of the script.
    pub(super) fn report(self, backend: Backend, stop: Result<(), Stop>) -> Report {
        let outcome = match stop {
            Ok(()) => Outcome::Passed,
            Err(Stop::Failed(failure)) => Outcome::Failed(failure),
            Err(Stop::Unsupported { position, what }) => Outcome::Unsupported { position, what },
            Err(Stop::Host(error)) => Outcome::Failed(Failure {
                position: None,
                message: error.to_string(),
            }),
        };
        Report {
            file: self.script.file.clone(),
            backend,
            outcome,
            lasted: since_start(self.host.now()),
            rows: self.rows,
            packets: self.packets,
        }
    }

    /// How long an expected packet is waited for.
    pub(super) fn latest(&self, due: Due) -> Duration {
        match due.to {
            Some(to) => to + due.tolerance + GRACE,
            None => self.now() + ANY_TIME,
        }
    }
}

/// A line of the script, on its side of the ladder.
pub(super) fn said(due: Due, text: String) -> Said {
    Said {
        at: due.from,
        until: due.to.filter(|to| *to != due.from),
        text,
    }
}

pub(super) fn row_of(event: &Event, due: Due, text: String) -> Row {
    Row {
        position: Some(event.position),
        expected: Some(said(due, text)),
        ..Row::default()
    }
}
