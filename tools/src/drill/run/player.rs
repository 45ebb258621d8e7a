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
use super::{Matching, Punctuality, Settings, first_number, text};
use crate::drill::ast::{
    Action, Call, Command, Contents, Direction, Effect, Event, Packet, Position, Script,
    SocketKind, SystemCall, TcpFlags, Time,
};
use crate::drill::backend::{Emitted, Ended, Fd, Host, HostError, Syscall, TcpInfo};
use crate::drill::compare::Answer;
use crate::drill::expression::{self, Fields, Program, Variables};
use crate::drill::report::{Backend, Failure, Outcome, Report, Row, Said, Verdict};

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

/// Rows of a report; the ladder needs only the last ones.
const ROWS_MAX: usize = 4_096;

/// Events and packets that are shown beyond the first difference.
const AFTER_MAX: usize = 5;

/// A call that has begun and not ended.
#[derive(Debug)]
struct Pending<'a> {
    event: &'a Event,
    call: &'a SystemCall,
    syscall: Syscall,
    subject: Subject,
    /// When it has to return; `None`: at once.
    returns: Option<(Duration, Duration)>,
    row: usize,
}

/// See the module.
pub(super) struct Player<'a> {
    pub(super) script: &'a Script,
    pub(super) host: &'a mut dyn Host,
    pub(super) settings: &'a Settings,
    pub(super) clock: Clock,
    pub(super) flows: Flows,
    descriptors: BTreeMap<i64, Descriptor>,
    /// The socket that assertions are about.
    last_fd: Option<Fd>,
    /// What has left and nobody has asked for.
    pub(super) queue: VecDeque<Emitted>,
    /// The last packet of the host that the script knows.
    pub(super) last_packet: Option<Vec<u8>>,
    pending: Option<Pending<'a>>,
    pub(super) rows: Vec<Row>,
    variables: Variables,
    is_late: bool,
    /// What the host did, if the script is played freely.
    answers: Option<Vec<Answer>>,
}

/// Plays a script without its expectations: an answer for each event.
pub(in crate::drill) fn play_freely(
    script: &Script,
    host: &mut dyn Host,
    settings: &Settings,
) -> Result<Vec<Answer>, Stop> {
    let mut player = Player::new(script, host, settings, Duration::ZERO);
    player.answers = Some(Vec::new());
    for event in &script.events {
        player.event_freely(event)?;
    }
    player.note_sent()?;
    Ok(player.answers.unwrap_or_default())
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
            answers: None,
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

    /// Does what the event does; what it expects is left out.
    fn event_freely(&mut self, event: &'a Event) -> Result<(), Stop> {
        let due = self.clock.due(event.time, &self.script.options);
        let is_expectation = match &event.action {
            Action::Packet(packet) => packet.direction == Direction::Outbound,
            Action::Code(_) => true,
            Action::Call(_) | Action::Command(_) => false,
        };
        if !is_expectation {
            self.pass_to(due.from)?;
            // What has left until now answers the events before.
            self.note_sent()?;
        }
        self.answers.get_or_insert_default().push(Answer::default());
        match &event.action {
            Action::Packet(packet) if !is_expectation => self.inbound(event, packet, due),
            Action::Call(call) => self.call(event, call, due),
            Action::Command(command) => {
                self.mark(event, due);
                self.command(command)
            }
            Action::Packet(_) | Action::Code(_) => Ok(()),
        }
    }

    /// Writes down what has left since the last event.
    fn note_sent(&mut self) -> Result<(), Stop> {
        self.drain()?;
        while let Some(emitted) = self.queue.pop_front() {
            let sent = self.read_freely(emitted);
            if let Some(answer) = self.answers.as_mut().and_then(|all| all.last_mut()) {
                answer.sent.push(sent);
            }
        }
        Ok(())
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

    fn inbound(&mut self, event: &Event, packet: &Packet, due: Due) -> Result<(), Stop> {
        let octets = self
            .build(packet)
            .map_err(|error| Self::unsupported(event, error.to_string()))?;
        self.mark(event, due);
        self.push_row(Row {
            position: Some(event.position),
            expected: Some(said(due, text::of_packet(packet))),
            ..Row::default()
        });
        self.host.arrives(&octets)?;
        self.drain()
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

    fn call(&mut self, event: &'a Event, call: &'a SystemCall, due: Due) -> Result<(), Stop> {
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
        if let Some(answers) = &mut self.answers {
            let flow = pending.subject.flow;
            let wrong = calls::check_received(call, flags, &outcome, flow, &mut self.flows);
            if let Some(answer) = answers.last_mut() {
                answer.wrong = wrong;
                answer.outcome = Some(outcome.clone());
            }
            self.follow(&pending, &outcome);
            return Ok(());
        }
        let said = &pending.call.result;
        let difference = calls::difference(call, said, &outcome)
            .or_else(|| {
                let flow = pending.subject.flow;
                calls::check_received(call, flags, &outcome, flow, &mut self.flows)
            })
            .or_else(|| {
                let (due, tolerance) = pending.returns?;
                let is_early = at + tolerance < due;
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

    /// What a call changes in what we know.
    fn follow(&mut self, pending: &Pending<'_>, outcome: &crate::drill::backend::Outcome) {
        let call = &pending.call.call;
        if let Some(fd) = calls::fd_of(call)
            && let Some(known) = self.descriptors.get(&fd)
            && !matches!(call, Call::Close { .. })
        {
            self.last_fd = Some(known.fd);
        }
        match (&pending.syscall, outcome.result) {
            (Syscall::Send { .. }, result) => {
                let taken = result.ok().and_then(|taken| u64::try_from(taken).ok());
                let flow = pending.subject.flow.and_then(|it| self.flows.get_mut(it));
                if let Some(flow) = flow {
                    match flow.transport {
                        Transport::Tcp => {
                            flow.written_octets = pending.subject.written_from + taken.unwrap_or(0);
                        }
                        Transport::Udp if taken.is_none() => {
                            flow.unseen.pop_back();
                        }
                        Transport::Udp => {}
                    }
                }
            }
            (_, Err(_)) => self.follow_failure(call, pending),
            (_, Ok(result)) => self.follow_success(call, pending, result, outcome),
        }
    }

    fn follow_failure(&mut self, call: &Call, pending: &Pending<'_>) {
        // A `connect` that goes on in the background has a flow all the same.
        if let (Call::Connect { fd, .. }, Some(flow)) = (call, pending.subject.flow)
            && let Some(known) = self.descriptors.get_mut(fd)
        {
            known.flow = Some(flow);
            let live = known.fd;
            self.learn_own_port(live, flow);
        }
    }

    /// The host has chosen a port for the flow that it dials.
    fn learn_own_port(&mut self, fd: Fd, flow: usize) {
        let Some(local) = self.host.local_address(fd) else {
            return;
        };
        if let Some(flow) = self.flows.get_mut(flow)
            && flow.local.port() == 0
        {
            flow.local.set_port(local.port());
        }
    }

    fn follow_success(
        &mut self,
        call: &Call,
        pending: &Pending<'_>,
        result: i64,
        outcome: &crate::drill::backend::Outcome,
    ) {
        let options = &self.script.options;
        let anywhere = SocketAddr::new(options.local_address(), 0);
        let live = i32::try_from(result).unwrap_or(-1);
        let named = pending.call.result.value.unwrap_or(result);
        match (call, &pending.syscall) {
            (Call::Socket { kind, .. }, _) => {
                let descriptor = Descriptor {
                    fd: live,
                    kind: *kind,
                    local: anywhere,
                    flow: None,
                };
                self.descriptors.insert(named, descriptor);
                self.last_fd = Some(live);
            }
            (Call::Bind { fd, .. }, Syscall::Bind { address, .. }) => {
                if let Some(known) = self.descriptors.get_mut(fd) {
                    known.local = *address;
                    if known.kind == SocketKind::Datagram {
                        let local = SocketAddr::new(options.local_address(), address.port());
                        self.flows.binds(local);
                    }
                }
            }
            (Call::Listen { fd, .. }, _) => {
                if let Some(known) = self.descriptors.get(fd) {
                    let local = SocketAddr::new(options.local_address(), known.local.port());
                    self.flows.listens(local);
                }
            }
            (Call::Accept { fd, .. }, _) => {
                let local = self
                    .descriptors
                    .get(fd)
                    .map_or(anywhere, |known| known.local);
                let remote = outcome.address.map(unmapped);
                let flow = remote.and_then(|it| self.flows.from_remote(Transport::Tcp, it));
                let descriptor = Descriptor {
                    fd: live,
                    kind: SocketKind::Stream,
                    local,
                    flow,
                };
                self.descriptors.insert(named, descriptor);
                self.last_fd = Some(live);
            }
            (Call::Connect { fd, .. }, _) => {
                if let Some(known) = self.descriptors.get_mut(fd) {
                    known.flow = pending.subject.flow;
                    let live = known.fd;
                    if let Some(flow) = pending.subject.flow {
                        self.learn_own_port(live, flow);
                    }
                }
            }
            (Call::Close { fd }, _) => {
                self.descriptors.remove(fd);
            }
            _ => {}
        }
    }

    // Commands and assertions.

    fn command(&mut self, command: &Command) -> Result<(), Stop> {
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

    /// Adds a row, and says which one it is.
    pub(super) fn push_row(&mut self, row: Row) -> usize {
        if self.rows.len() < ROWS_MAX {
            self.rows.push(row);
        }
        self.rows.len().saturating_sub(1)
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

/// IPv4 inside an IPv6 socket is IPv4 on the wire (RFC 3493 §3.7).
fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
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
