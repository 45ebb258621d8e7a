//! Goes through a script: events in order, each when it is due, and what was due of the host.
//!
//! Packets that leave are kept until the script asks for one, so one that nobody expected is found
//! where the script next looks, or after its last event. A call that blocks goes on while packets are
//! exchanged, and is looked at when it ends.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use sidestep_stack::Instant;

use super::build::{self, CannotBuild, IcmpEnds};
use super::calls::{self, Descriptor, Subject, Translator};
use super::clock::{Clock, Due};
use super::flow::{Begins, Flows, Transport};
use super::{Matching, Punctuality, Settings, first_number, results, text};
use crate::drill::ast::{
    Action, Command, Contents, Direction, Effect, Event, Packet, Position, Script, SystemCall,
    TcpFlags, Time,
};
use crate::drill::backend::{Emitted, Ended, Fd, Host, HostError, Syscall, TcpInfo};
use crate::drill::expression::{self, Fields, Program, Variables};
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
const GRACE: Duration = Duration::from_secs(1);

/// How long an event that may happen at any time is waited for.
const ANY_TIME: Duration = Duration::from_secs(200);

/// Packets that a report holds.
const PACKETS_MAX: usize = 65_536;

/// Events and packets that are shown beyond the first difference.
const AFTER_MAX: usize = 5;

/// A call that has begun and not ended.
#[derive(Debug)]
pub(super) struct Pending<'a> {
    pub(super) event: &'a Event,
    pub(super) call: &'a SystemCall,
    pub(super) syscall: Syscall,
    pub(super) subject: Subject,
    /// When it has to return; `None`: at once.
    pub(super) returns: Option<(Duration, Duration)>,
    pub(super) row: usize,
}

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
    packets: Vec<OnWire>,
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

    fn unsupported(event: &Event, what: impl Into<String>) -> Stop {
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

    // Packets that arrive.

    pub(super) fn inbound(&mut self, event: &Event, packet: &Packet, due: Due) -> Result<(), Stop> {
        let octets = self
            .build(packet)
            .map_err(|error| Self::unsupported(event, error.to_string()))?;
        self.mark(event, due);
        self.push_row(Row {
            position: Some(event.position),
            expected: Some(said(due, text::of_packet(packet))),
            ..Row::default()
        });
        self.crossed(OnWire {
            at: self.now(),
            direction: Direction::Inbound,
            octets: octets.clone(),
            reasons: Vec::new(),
        });
        self.host.arrives(&octets)?;
        self.drain()
    }

    fn crossed(&mut self, packet: OnWire) {
        if self.packets.len() < PACKETS_MAX {
            self.packets.push(packet);
        }
    }

    /// The octets of a packet of the script.
    pub(super) fn build(&mut self, packet: &Packet) -> Result<Vec<u8>, CannotBuild> {
        let flows = &mut self.flows;
        let mut flow_for = |transport, begins, ports: Option<crate::drill::ast::Ports>| {
            let index = match ports {
                Some(ports) => flows.between(transport, ports.destination, ports.source),
                None => flows.for_inbound(transport, begins),
            };
            index.ok_or(CannotBuild::TooManyFlows)
        };
        match &packet.contents {
            Contents::Tcp(said) => {
                let is_syn = said.flags.has(TcpFlags::SYN) && !said.flags.has(TcpFlags::ACK);
                let begins = if is_syn {
                    Begins::Connection
                } else {
                    Begins::Nothing
                };
                let index = flow_for(Transport::Tcp, begins, said.ports)?;
                let flow = self.flows.get_mut(index).ok_or(CannotBuild::TooManyFlows)?;
                build::segment(flow, said, packet.ip)
            }
            Contents::Udp(said) => {
                let index = flow_for(Transport::Udp, Begins::Nothing, said.ports)?;
                let flow = self.flows.get_mut(index).ok_or(CannotBuild::TooManyFlows)?;
                build::datagram(flow, said, packet.ip)
            }
            Contents::Icmp(said) => {
                let about = match said.quoted {
                    Some(crate::drill::ast::Quoted::Udp { .. }) => Transport::Udp,
                    Some(crate::drill::ast::Quoted::Tcp { .. }) => Transport::Tcp,
                    None if self.flows.current(Transport::Tcp).is_some() => Transport::Tcp,
                    None => Transport::Udp,
                };
                let options = &self.script.options;
                let flow = self.flows.current(about);
                let ends = IcmpEnds {
                    local: options.local_address(),
                    remote: options.remote_address(),
                    flow: flow.and_then(|index| self.flows.get(index)),
                    last: self.last_packet.as_deref(),
                };
                build::icmp(ends, said, packet.ip)
            }
        }
    }

    // Calls.

    pub(super) fn call(
        &mut self,
        event: &'a Event,
        call: &'a SystemCall,
        due: Due,
    ) -> Result<(), Stop> {
        let returns = call.returns_at.map(|at| {
            let at = self.clock.returns(event.time, at);
            let tolerance = self
                .clock
                .tolerance(at.saturating_sub(due.from), &self.script.options);
            (at, tolerance)
        });
        let mut translator = Translator {
            options: &self.script.options,
            descriptors: &self.descriptors,
            flows: &mut self.flows,
        };
        let (syscall, subject) = translator
            .translate(&call.call)
            .map_err(|what| Self::unsupported(event, what))?;
        self.mark(event, due);
        let row = self.push_row(row_of(event, due, text::of_call(call)));
        self.pending = Some(Pending {
            event,
            call,
            syscall: syscall.clone(),
            subject,
            returns,
            row,
        });
        self.host.begin(syscall).map_err(|error| match error {
            HostError::Unsupported(what) => Self::unsupported(event, what),
            error => Stop::Host(error),
        })?;
        self.drain()?;
        if returns.is_some() {
            return Ok(());
        }
        let patience = self.now() + self.host.patience();
        while self.pending.is_some() && self.now() < patience {
            self.host.pass(Instant::ZERO + patience)?;
            self.drain()?;
        }
        match &self.pending {
            None => Ok(()),
            Some(_) => Err(Self::fail(
                event,
                format!(
                    "{} blocks, and the script does not say that it does (`...`)",
                    calls::call_name(&call.call)
                ),
            )),
        }
    }

    /// Waits for the call that blocks.
    fn await_pending(&mut self) -> Result<(), Stop> {
        self.drain()?;
        let Some(pending) = &self.pending else {
            return Ok(());
        };
        let (event, call) = (pending.event, pending.call);
        let (at, tolerance) = pending.returns.unwrap_or_default();
        let latest = at + tolerance + GRACE;
        while self.pending.is_some() && self.now() < latest {
            self.host.pass(Instant::ZERO + latest)?;
            self.drain()?;
        }
        if self.pending.is_none() {
            return Ok(());
        }
        Err(Self::fail(
            event,
            format!(
                "{} has not returned by {}",
                calls::call_name(&call.call),
                text::of_moment(self.now())
            ),
        ))
    }

    fn ended(&mut self, ended: Ended) -> Result<(), Stop> {
        let Some(pending) = self.pending.take() else {
            return Ok(());
        };
        let Ended { at, outcome } = ended;
        let at = since_start(at);
        let call = &pending.call.call;
        let flags = match &pending.syscall {
            Syscall::Receive { flags, .. } => *flags,
            _ => 0,
        };
        let said = &pending.call.result;
        let difference = results::difference(call, said, &outcome)
            .or_else(|| {
                let flow = pending.subject.flow;
                results::check_received(call, flags, &outcome, flow, &mut self.flows)
            })
            .or_else(|| {
                let (due, tolerance) = pending.returns?;
                let is_early = at + tolerance < due;
                self.is_late |= is_early || at > due + tolerance;
                (is_early || at > due + tolerance).then(|| {
                    format!(
                        "{} returned at {}, the script says at {}",
                        calls::call_name(call),
                        text::of_moment(at),
                        text::of_moment(due)
                    )
                })
            });
        if let Some(row) = self.rows.get_mut(pending.row) {
            row.actual = Some(Said {
                at,
                until: None,
                text: text::of_ended(pending.call, &outcome),
            });
            if difference.is_some() {
                row.verdict = Verdict::Differs;
                row.reasons = self
                    .host
                    .remarks()
                    .into_iter()
                    .rev()
                    .take(AFTER_MAX)
                    .map(|(_, line)| line)
                    .collect();
                row.reasons.reverse();
            }
        }
        self.follow(&pending, &outcome);
        match difference {
            None => Ok(()),
            Some(message) => Err(Self::fail(pending.event, message)),
        }
    }

    // Commands and assertions.

    pub(super) fn command(&mut self, command: &Command) -> Result<(), Stop> {
        for effect in &command.effects {
            match effect {
                Effect::Sleep(time) => {
                    let until = self.now() + *time;
                    self.pass_to(until)?;
                    self.clock.happened(
                        Time::Any,
                        self.clock.due(Time::Any, &self.script.options),
                        until,
                    );
                }
                Effect::Sysctl { name, value } => {
                    let is_init = self
                        .script
                        .init
                        .iter()
                        .any(|init| std::ptr::eq(init, command));
                    // The host was built with those.
                    if !is_init {
                        self.host.set(name, value).map_err(|error| match error {
                            HostError::Unsupported(what) => Stop::Unsupported {
                                position: command.position,
                                what: what.to_owned(),
                            },
                            error => Stop::Host(error),
                        })?;
                    }
                }
            }
        }
        Ok(())
    }

    fn assert(&mut self, event: &Event, program: &Program, due: Due) -> Result<(), Stop> {
        let Some(fd) = self.last_fd else {
            return Err(Self::fail(event, "no system call was made before"));
        };
        let info = self
            .host
            .tcp_info(fd)
            .map_err(|errno| Self::fail(event, format!("TCP_INFO of the socket: {errno:?}")))?;
        let row = self.push_row(row_of(event, due, "%{ … }%".to_owned()));
        let evaluated = expression::evaluate(program, &mut self.variables, &Known(&info));
        let (message, printed) = match evaluated {
            Err((position, error)) => {
                let what = format!("{position}: {error}");
                return Err(Self::unsupported(event, what));
            }
            Ok(outcome) => (outcome.failed.map(|failed| failed.text), outcome.printed),
        };
        if let Some(row) = self.rows.get_mut(row) {
            if !printed.is_empty() {
                row.actual = Some(Said {
                    at: since_start(self.host.now()),
                    until: None,
                    text: printed.join("\n"),
                });
            }
            if message.is_some() {
                row.verdict = Verdict::Differs;
            }
        }
        match message {
            None => Ok(()),
            Some(message) => Err(Self::fail(event, message)),
        }
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

fn row_of(event: &Event, due: Due, text: String) -> Row {
    Row {
        position: Some(event.position),
        expected: Some(said(due, text)),
        ..Row::default()
    }
}

struct Known<'a>(&'a TcpInfo);

impl Fields for Known<'_> {
    fn field(&self, name: &str) -> Option<i64> {
        // Scripts of packetdrill know some fields by the name of what they count.
        self.0.get(name).or_else(|| match name {
            "tcpi_cwnd" => self.0.get("tcpi_snd_cwnd"),
            "tcpi_ssthresh" => self.0.get("tcpi_snd_ssthresh"),
            _ => None,
        })
    }
}
