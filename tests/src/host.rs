//! One stack in virtual time, with the calls of an application as short words.
//!
//! This is the only file that knows the six doors of [`Stack`]. Whatever the stack emits is read
//! back with etherparse at once and written down, so that a failed claim can print the packets that
//! led to it. No clock is read and nothing ever sleeps.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;

use bytes::Bytes;
use sidestep_stack::base::{Duration, Instant};
use sidestep_stack::call::{
    Accepted, Call, CallRefused, ConnectionId, ConnectionOptions, InterfaceAddress, Listen,
    ListenerId, Local, OpenConnection, OpenSocket, ReceivedDatagram, Release, Reply, Route,
    SendDatagram, Shutdown, SocketId, Status,
};
use sidestep_stack::discard::Discard;
use sidestep_stack::event::ConnectionError;
use sidestep_stack::observe::State;
use sidestep_stack::wire::packet::{Offload, Packet};
use sidestep_stack::{Config, Event, Stack};

use crate::expect::line_of;
use crate::seen::Seen;

/// So many lines of trace are kept for the message of a failed claim.
const TRACE_LINES_MAX: usize = 60;

/// A stack that works without advancing its deadline so often is stuck.
const SPINS_MAX: u32 = 100_000;

/// A stack, its moment, and what it has said so far.
#[derive(Clone, Debug)]
pub struct Host {
    /// The stack itself.
    pub stack: Stack,
    /// The present moment.
    pub now: Instant,
    /// Packets that it emitted and nobody has looked at.
    outbox: VecDeque<(Instant, Seen)>,
    /// Events that it told and nobody has looked at.
    events: VecDeque<Event>,
    trace: VecDeque<String>,
    /// How many packets left in all.
    pub packets_sent: u64,
}

/// Whether every line of every trace is printed: `SIDESTEP_TRACE=1`.
fn tracing() -> bool {
    static TRACING: OnceLock<bool> = OnceLock::new();
    *TRACING.get_or_init(|| std::env::var_os("SIDESTEP_TRACE").is_some())
}

/// The seed of a test: 32 octets that follow from a small number.
pub fn seed_of(number: u64) -> [u8; 32] {
    let mut seed = [0x5a; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    seed
}

impl Host {
    /// A stack without addresses.
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        let stack = Stack::new(config, seed, Offload::default());
        Self {
            stack: stack.expect("the configuration is in range"),
            now: Instant::ZERO,
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            trace: VecDeque::new(),
            packets_sent: 0,
        }
    }

    // The six doors.

    /// A packet comes in, and the stack is asked what it has to say.
    #[track_caller]
    pub fn arrives(&mut self, packet: &[u8]) {
        self.arrives_in_one_batch(&[packet.to_vec()]);
    }

    /// Several packets come in before the stack is asked: one turn of the packet thread.
    #[track_caller]
    pub fn arrives_in_one_batch(&mut self, packets: &[Vec<u8>]) {
        for packet in packets {
            self.note(|now| format!("{now}  > {}", line_of(packet)));
            let octets = Bytes::copy_from_slice(packet);
            self.stack.packet_arrives(self.now, Packet::new(octets));
        }
        self.settle();
    }

    /// A call; the stack is asked what it has to say.
    #[track_caller]
    pub fn try_call(&mut self, call: Call) -> Result<Reply, CallRefused> {
        let reply = self.stack.user_calls(self.now, call);
        self.settle();
        reply
    }

    /// A call that must be taken.
    #[track_caller]
    pub fn call(&mut self, call: Call) -> Reply {
        let shown = format!("{call:.80?}");
        match self.try_call(call) {
            Ok(reply) => reply,
            Err(refused) => self.fail(&format!("the call {shown} was refused: {refused}")),
        }
    }

    /// Pulls packets and events until there are none.
    #[track_caller]
    pub fn settle(&mut self) {
        let mut spins = 0;
        while let Some(packet) = self.stack.next_packet(self.now) {
            assert!(
                packet.partial_checksum.is_none(),
                "the device offered no checksum"
            );
            assert!(
                packet.segment_octets.is_none(),
                "the device offered no segmentation"
            );
            let octets = packet.to_vec();
            self.note(|now| format!("{now} <  {}", line_of(&octets)));
            self.outbox.push_back((self.now, Seen::read(&octets)));
            self.packets_sent += 1;
            spins += 1;
            if spins == SPINS_MAX {
                self.fail("packets without end");
            }
        }
        while let Some(event) = self.stack.next_event() {
            self.note(|now| format!("{now}    {event:?}"));
            self.events.push_back(event);
        }
    }

    /// When the stack wants to be woken.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.stack.next_deadline()
    }

    /// Lets time pass until `moment`, waking the stack at each of its deadlines on the way.
    #[track_caller]
    pub fn advance_to(&mut self, moment: Instant) {
        let mut spins = 0;
        while let Some(deadline) = self.next_deadline().filter(|at| *at <= moment) {
            if deadline > self.now {
                self.now = deadline;
                spins = 0;
            }
            self.stack.time_passes(self.now);
            self.settle();
            spins += 1;
            if spins == SPINS_MAX {
                self.fail("a deadline that does not move");
            }
        }
        self.now = self.now.max(moment);
        self.stack.time_passes(self.now);
        self.settle();
    }

    /// Lets time pass.
    #[track_caller]
    pub fn advance(&mut self, duration: Duration) {
        self.advance_to(self.now + duration);
    }

    /// Lets time pass until a packet leaves, at most until `moment`; true if one did.
    #[track_caller]
    pub fn advance_to_packet(&mut self, moment: Instant) -> bool {
        let mut spins = 0;
        while self.outbox.is_empty() {
            let Some(deadline) = self.next_deadline().filter(|at| *at <= moment) else {
                self.now = self.now.max(moment);
                self.stack.time_passes(self.now);
                self.settle();
                break;
            };
            if deadline > self.now {
                spins = 0;
            }
            self.now = self.now.max(deadline);
            self.stack.time_passes(self.now);
            self.settle();
            spins += 1;
            if spins == SPINS_MAX {
                self.fail("a deadline that does not move");
            }
        }
        !self.outbox.is_empty()
    }

    // What came out.

    /// The oldest packet that nobody has looked at, and when it left.
    pub fn next_sent(&mut self) -> Option<(Instant, Seen)> {
        self.outbox.pop_front()
    }

    /// All packets that nobody has looked at.
    pub fn all_sent(&mut self) -> Vec<Seen> {
        self.outbox.drain(..).map(|(_, seen)| seen).collect()
    }

    /// All packets that nobody has looked at, and when they left.
    pub fn all_sent_timed(&mut self) -> Vec<(Instant, Seen)> {
        self.outbox.drain(..).collect()
    }

    /// The oldest event that nobody has looked at.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// All events that nobody has looked at.
    pub fn all_events(&mut self) -> Vec<Event> {
        self.events.drain(..).collect()
    }

    /// True if `event` was told; it and all before it count as looked at.
    pub fn told(&mut self, event: &Event) -> bool {
        while let Some(next) = self.events.pop_front() {
            if next == *event {
                return true;
            }
        }
        false
    }

    /// How the connection failed, if the application was told that it did.
    pub fn failure_of(&mut self, wanted: ConnectionId) -> Option<ConnectionError> {
        let at = self.events.iter().position(
            |event| matches!(event, Event::Failed { connection, .. } if *connection == wanted),
        )?;
        match self.events.remove(at) {
            Some(Event::Failed { error, .. }) => Some(error),
            _ => None,
        }
    }

    /// How often packets were thrown away for this reason.
    pub fn count(&self, reason: Discard) -> u64 {
        self.stack.counters().discards.get(reason)
    }

    /// How many packets were thrown away.
    pub fn discards(&self) -> u64 {
        self.stack.counters().discards.total()
    }

    // The calls.

    /// Adds an address and the network around it.
    #[track_caller]
    pub fn add_address(&mut self, address: IpAddr, prefix_bits: u8) {
        self.call(Call::AddAddress(InterfaceAddress {
            address,
            prefix_bits,
        }));
    }

    /// Adds a route.
    #[track_caller]
    pub fn add_route(&mut self, destination: IpAddr, prefix_bits: u8) {
        self.call(Call::AddRoute(Route {
            destination,
            prefix_bits,
            source: None,
        }));
    }

    /// OPEN, passive, on a port of all addresses.
    #[track_caller]
    pub fn listen(&mut self, port: u16) -> ListenerId {
        self.listen_with(port, None, ConnectionOptions::default())
    }

    /// OPEN, passive, with a backlog and options.
    #[track_caller]
    pub fn listen_with(
        &mut self,
        port: u16,
        backlog: Option<usize>,
        options: ConnectionOptions,
    ) -> ListenerId {
        let local = Local {
            port,
            ..Local::default()
        };
        match self.call(Call::Listen(Listen {
            local,
            backlog,
            options,
            ..Listen::default()
        })) {
            Reply::Listener { listener, .. } => listener,
            other => self.fail(&format!("LISTEN answered {other:?}")),
        }
    }

    /// Takes the oldest connection that waits.
    #[track_caller]
    pub fn accept(&mut self, listener: ListenerId) -> Option<Accepted> {
        match self.call(Call::Accept(listener)) {
            Reply::Accepted(accepted) => accepted,
            other => self.fail(&format!("ACCEPT answered {other:?}")),
        }
    }

    /// OPEN, active.
    #[track_caller]
    pub fn open(&mut self, remote: SocketAddr) -> (ConnectionId, SocketAddr) {
        self.open_with(OpenConnection {
            remote,
            local_address: None,
            local_port: 0,
            options: ConnectionOptions::default(),
        })
    }

    /// OPEN, active, with everything said.
    #[track_caller]
    pub fn open_with(&mut self, open: OpenConnection) -> (ConnectionId, SocketAddr) {
        match self.call(Call::OpenConnection(open)) {
            Reply::Connection { connection, local } => (connection, local),
            other => self.fail(&format!("OPEN answered {other:?}")),
        }
    }

    /// SEND; how many octets were taken.
    #[track_caller]
    pub fn send(&mut self, connection: ConnectionId, octets: &[u8]) -> usize {
        match self.call(Call::Send {
            connection,
            octets: Bytes::copy_from_slice(octets),
        }) {
            Reply::Sent(octets) => octets,
            other => self.fail(&format!("SEND answered {other:?}")),
        }
    }

    /// RECEIVE of at most so many octets; the second is true at the end of the stream.
    #[track_caller]
    pub fn receive(&mut self, connection: ConnectionId, octets_max: usize) -> (Vec<u8>, bool) {
        match self.call(Call::Receive {
            connection,
            octets_max,
        }) {
            Reply::Received(received) => {
                let octets = received.slices.concat();
                if octets.len() > octets_max {
                    self.fail("RECEIVE gave more than was asked for");
                }
                (octets, received.end_of_stream)
            }
            other => self.fail(&format!("RECEIVE answered {other:?}")),
        }
    }

    /// RECEIVE of all that waits.
    #[track_caller]
    pub fn receive_all(&mut self, connection: ConnectionId) -> Vec<u8> {
        self.receive(connection, usize::MAX).0
    }

    /// CLOSE of our direction.
    #[track_caller]
    pub fn shut_down(&mut self, connection: ConnectionId) {
        self.call(Call::Shutdown {
            connection,
            direction: Shutdown::Write,
        });
    }

    /// The application gives the connection up.
    #[track_caller]
    pub fn release(&mut self, connection: ConnectionId, how: Release) {
        self.call(Call::Release { connection, how });
    }

    /// CLOSE of both directions.
    #[track_caller]
    pub fn close(&mut self, connection: ConnectionId) {
        self.release(connection, Release::Close);
    }

    /// ABORT.
    #[track_caller]
    pub fn abort(&mut self, connection: ConnectionId) {
        self.release(connection, Release::Abort);
    }

    /// STATUS, if the connection still has a record.
    pub fn try_status(&mut self, connection: ConnectionId) -> Option<Status> {
        match self.stack.user_calls(self.now, Call::Status(connection)) {
            Ok(Reply::Status(status)) => Some(*status),
            _ => None,
        }
    }

    /// STATUS.
    #[track_caller]
    pub fn status(&mut self, connection: ConnectionId) -> Status {
        match self.try_status(connection) {
            Some(status) => status,
            None => self.fail("the connection has no record"),
        }
    }

    /// The state; CLOSED if there is no record.
    pub fn state(&mut self, connection: ConnectionId) -> State {
        self.try_status(connection)
            .map_or(State::Closed, |status| status.state)
    }

    /// Changes settings of a connection.
    #[track_caller]
    pub fn set_options(&mut self, connection: ConnectionId, options: ConnectionOptions) {
        self.call(Call::SetOptions {
            connection,
            options,
        });
    }

    /// A UDP socket on a port of all addresses.
    #[track_caller]
    pub fn open_udp(&mut self, port: u16) -> SocketId {
        self.open_udp_with(OpenSocket {
            local: Local {
                port,
                ..Local::default()
            },
            remote: None,
            ..Default::default()
        })
        .0
    }

    /// A UDP socket with everything said.
    #[track_caller]
    pub fn open_udp_with(&mut self, open: OpenSocket) -> (SocketId, SocketAddr) {
        match self.call(Call::OpenSocket(open)) {
            Reply::Socket { socket, local } => (socket, local),
            other => self.fail(&format!("OPEN answered {other:?}")),
        }
    }

    /// Sends a datagram.
    #[track_caller]
    pub fn send_udp(&mut self, socket: SocketId, remote: Option<SocketAddr>, octets: &[u8]) {
        if let Err(refused) = self.try_send_udp(socket, remote, octets) {
            self.fail(&format!("the datagram was refused: {refused}"));
        }
    }

    /// Sends a datagram, or says why not.
    #[track_caller]
    pub fn try_send_udp(
        &mut self,
        socket: SocketId,
        remote: Option<SocketAddr>,
        octets: &[u8],
    ) -> Result<Reply, CallRefused> {
        self.try_call(Call::SendDatagram {
            socket,
            datagram: SendDatagram {
                remote,
                source: None,
                octets: Bytes::copy_from_slice(octets),
                hop_limit: None,
                traffic_class: None,
            },
        })
    }

    /// Takes the oldest datagram.
    #[track_caller]
    pub fn receive_udp(&mut self, socket: SocketId) -> Option<ReceivedDatagram> {
        match self.call(Call::ReceiveDatagram(socket)) {
            Reply::Datagram(datagram) => datagram,
            other => self.fail(&format!("RECEIVE answered {other:?}")),
        }
    }

    // When a claim fails.

    /// Writes a line into the trace.
    pub fn note(&mut self, line: impl FnOnce(Instant) -> String) {
        if self.trace.len() == TRACE_LINES_MAX {
            self.trace.pop_front();
        }
        let line = line(self.now);
        if tracing() {
            eprintln!("{line}");
        }
        self.trace.push_back(line);
    }

    /// Fails the test and prints the last packets.
    #[track_caller]
    pub fn fail(&self, message: &str) -> ! {
        let trace: Vec<&str> = self.trace.iter().map(String::as_str).collect();
        panic!(
            "{message}\nat {} after ('>' to the stack, '<' from it):\n{}",
            self.now,
            trace.join("\n")
        );
    }
}
