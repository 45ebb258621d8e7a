//! Datagrams of one UDP or raw socket on their way between application threads and the packet
//! thread.
//!
//! Both queues are bounded by datagrams and octets; a full one makes `write_to` wait, and leaves
//! what arrives in the stack's own bounded queue, which drops. A datagram to a destination that was
//! never tried waits for the stack's verdict; later ones do not, and their errors, as ICMP's, are
//! told by the next call (RFC 1122 §4.1.3.3). Nothing here knows a header.

use std::collections::VecDeque;
use std::mem;
use std::net::SocketAddr;
use std::task::Poll;

use sidestep_stack::call::{CallRefused, ReceivedDatagram, SendDatagram};

use super::failure::{Attention, Failure, Gone, Source};
use super::stream::Which;
use super::sync::{Arc, Condvar, Mutex, MutexGuard, has_passed};
use super::ticket::{Answer, Ticket, pair};
use super::waiters::{Waiters, Woken};
use crate::deadline::Deadline;

/// What a queued datagram costs beyond its octets.
const DATAGRAM_OVERHEAD_OCTETS: usize = 128;

/// So many destinations are remembered as ones that the stack has a route to.
const PROVEN_MAX: usize = 8;

/// How much one socket may hold in each direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct DatagramLimits {
    /// Datagrams.
    pub(crate) datagrams: usize,
    /// Octets, each datagram charged with its overhead. One datagram always fits.
    pub(crate) octets: usize,
}

/// A datagram for the stack, and who waits for its verdict.
#[derive(Debug)]
pub(crate) struct Departing {
    /// The datagram.
    pub(crate) datagram: SendDatagram,
    /// `None`: its sender has gone on.
    pub(crate) answer: Option<Answer<Result<(), CallRefused>>>,
}

/// A verdict that is waited for.
#[derive(Debug)]
pub(super) struct Judging {
    pub(super) ticket: Ticket<Result<(), CallRefused>>,
    pub(super) remote: SocketAddr,
}

#[derive(Debug)]
pub(super) struct Queue<T> {
    entries: VecDeque<T>,
    octets: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            octets: 0,
        }
    }
}

impl<T> Queue<T> {
    pub(super) fn has_room(&self, limits: DatagramLimits) -> bool {
        self.entries.len() < limits.datagrams && self.octets < limits.octets
    }

    pub(super) fn push(&mut self, entry: T, octets: usize) {
        self.octets += octets + DATAGRAM_OVERHEAD_OCTETS;
        self.entries.push_back(entry);
    }

    pub(super) fn pop(&mut self, octets: impl Fn(&T) -> usize) -> Option<T> {
        let entry = self.entries.pop_front()?;
        self.octets = self
            .octets
            .saturating_sub(octets(&entry) + DATAGRAM_OVERHEAD_OCTETS);
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
            self.octets = 0;
        }
        Some(entry)
    }
}

#[derive(Debug)]
pub(super) struct State {
    source: Option<Source>,
    pub(super) received: Queue<ReceivedDatagram>,
    pub(super) departing: Queue<Departing>,
    /// What an earlier datagram met; the next call is told.
    pub(super) error: Option<Failure>,
    starved: bool,
    pub(super) readers: Waiters,
    pub(super) writers: Waiters,
    pub(super) receive_limits: DatagramLimits,
    pub(super) send_limits: DatagramLimits,
    pub(super) read_deadline: Deadline,
    pub(super) write_deadline: Deadline,
    proven: Vec<SocketAddr>,
    pub(super) closed: bool,
    released: bool,
    pub(super) gone: Option<Gone>,
    attended: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct DatagramChannel {
    pub(super) state: Mutex<State>,
    pub(super) reader: Condvar,
    pub(super) writer: Condvar,
    attention: Arc<dyn Attention>,
}

impl DatagramChannel {
    /// A channel with nothing in it.
    pub(crate) fn new(limits: DatagramLimits, attention: Arc<dyn Attention>) -> Self {
        Self {
            state: Mutex::new(State {
                source: None,
                received: Queue::default(),
                departing: Queue::default(),
                error: None,
                starved: false,
                readers: Waiters::default(),
                writers: Waiters::default(),
                receive_limits: limits,
                send_limits: limits,
                read_deadline: Deadline::NONE,
                write_deadline: Deadline::NONE,
                proven: Vec::new(),
                closed: false,
                released: false,
                gone: None,
                attended: false,
            }),
            reader: Condvar::default(),
            writer: Condvar::default(),
            attention,
        }
    }

    pub(super) fn unlock_and_call(&self, mut state: MutexGuard<'_, State>) {
        if state.attended {
            return;
        }
        let Some(source) = state.source else {
            return;
        };
        state.attended = true;
        drop(state);
        self.attention.attend(source);
    }

    /// The oldest datagram, waited for until the read deadline.
    pub(crate) fn receive(&self) -> Result<ReceivedDatagram, Failure> {
        let mut state = self.state.lock();
        loop {
            if let Poll::Ready(outcome) = check_receive(&mut state) {
                self.room_made(state);
                return outcome;
            }
            let deadline = state.read_deadline;
            state.readers.threads += 1;
            self.reader.wait(&mut state, deadline);
            state.readers.threads -= 1;
        }
    }

    /// After a datagram was taken: the stack may hold more. Before that nothing is starved.
    pub(super) fn room_made(&self, mut state: MutexGuard<'_, State>) {
        if state.starved && state.received.has_room(state.receive_limits) {
            state.starved = false;
            self.unlock_and_call(state);
        }
    }

    /// Sends a datagram, waiting for room until the write deadline.
    pub(crate) fn send(&self, datagram: SendDatagram) -> Result<(), Failure> {
        let mut state = self.state.lock();
        loop {
            if self.may_send(&mut state)? {
                break;
            }
            let deadline = state.write_deadline;
            state.writers.threads += 1;
            self.writer.wait(&mut state, deadline);
            state.writers.threads -= 1;
        }
        let deadline = state.write_deadline;
        match self.enqueue(state, datagram) {
            None => Ok(()),
            Some(judging) => {
                let verdict = judging.ticket.wait(deadline);
                self.judge(verdict, judging.remote)
            }
        }
    }

    /// True if there is room for one more datagram.
    pub(super) fn may_send(&self, state: &mut State) -> Result<bool, Failure> {
        check(state, Which::Write)?;
        match state.gone {
            Some(gone) => Err(Failure::Gone(gone)),
            None => Ok(state.departing.has_room(state.send_limits)),
        }
    }

    /// Puts a datagram on its way. If its destination was never tried, the verdict must be waited
    /// for.
    pub(super) fn enqueue(
        &self,
        mut state: MutexGuard<'_, State>,
        datagram: SendDatagram,
    ) -> Option<Judging> {
        let octets = datagram.octets.len();
        let unproven = datagram
            .remote
            .filter(|remote| !state.proven.contains(remote));
        let (answer, judging) = match unproven {
            None => (None, None),
            Some(remote) => {
                let (ticket, answer) = pair();
                (Some(answer), Some(Judging { ticket, remote }))
            }
        };
        state.departing.push(Departing { datagram, answer }, octets);
        self.unlock_and_call(state);
        judging
    }

    /// What the stack's verdict means to the sender; a good one is remembered.
    pub(super) fn judge(
        &self,
        verdict: Result<Result<(), CallRefused>, Failure>,
        remote: SocketAddr,
    ) -> Result<(), Failure> {
        verdict
            .map_err(|failure| self.refine(failure))?
            .map_err(|refused| match refused {
                CallRefused::Pending(error) => Failure::Socket(error),
                other => Failure::Refused(other),
            })?;
        let mut state = self.state.lock();
        if state.proven.len() >= PROVEN_MAX {
            state.proven.remove(0);
        }
        state.proven.push(remote);
        Ok(())
    }

    /// A ticket only knows that nobody will answer; the channel knows why.
    fn refine(&self, failure: Failure) -> Failure {
        match (failure, self.state.lock().gone) {
            (Failure::Gone(_), Some(gone)) => Failure::Gone(gone),
            (failure, _) => failure,
        }
    }

    /// Sets deadlines; operations that wait see them at once.
    pub(crate) fn set_deadline(&self, which: Which, deadline: Deadline) -> Result<(), Failure> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if state.closed {
            return Err(Failure::Closed);
        }
        if which != Which::Write {
            state.read_deadline = deadline;
            state.readers.wake(&self.reader, &mut woken);
        }
        if which != Which::Read {
            state.write_deadline = deadline;
            state.writers.wake(&self.writer, &mut woken);
        }
        Ok(())
    }

    /// Fails if the socket was closed here.
    pub(crate) fn check_held(&self) -> Result<(), Failure> {
        if self.state.lock().closed {
            return Err(Failure::Closed);
        }
        Ok(())
    }

    /// Closes the socket; wakes everybody. What was sent before still leaves.
    pub(crate) fn close(&self) -> Result<(), Failure> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if state.closed {
            return Err(Failure::Closed);
        }
        state.closed = true;
        let received = mem::take(&mut state.received);
        state.readers.wake(&self.reader, &mut woken);
        state.writers.wake(&self.writer, &mut woken);
        self.unlock_and_call(state);
        drop(received);
        Ok(())
    }

    /// The name of the socket, once the stack has one.
    pub(crate) fn source(&self) -> Option<Source> {
        self.state.lock().source
    }

    /// Packet thread: the stack has a name for the socket.
    pub(crate) fn attach(&self, source: Source) {
        self.state.lock().source = Some(source);
    }

    /// Packet thread: true if a received datagram may be delivered. After false the channel calls
    /// for attention once there is room again.
    pub(crate) fn has_room(&self) -> bool {
        let mut state = self.state.lock();
        let room = !state.closed && state.received.has_room(state.receive_limits);
        state.starved = !room && !state.closed;
        room
    }

    /// Packet thread: hands a datagram over.
    pub(crate) fn deliver(&self, datagram: ReceivedDatagram) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        let octets = datagram.octets.len();
        state.received.push(datagram, octets);
        state.readers.wake(&self.reader, &mut woken);
    }

    /// Packet thread: an earlier datagram met this. The first one is kept until it is told.
    pub(crate) fn fail(&self, failure: Failure) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        state.proven.clear();
        if state.error.is_none() {
            state.error = Some(failure);
            state.readers.wake(&self.reader, &mut woken);
        }
    }

    /// Packet thread: begins to look here.
    pub(crate) fn attended(&self) {
        self.state.lock().attended = false;
    }

    /// Packet thread: takes the datagrams that should leave.
    pub(crate) fn take_departing(&self) -> VecDeque<Departing> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        let departing = mem::take(&mut state.departing);
        state.writers.wake(&self.writer, &mut woken);
        departing.entries
    }

    /// Packet thread: the stack has no room for these; they come first next time.
    pub(crate) fn put_back(&self, departing: VecDeque<Departing>) {
        let mut state = self.state.lock();
        for entry in departing.into_iter().rev() {
            state.departing.octets += entry.datagram.octets.len() + DATAGRAM_OVERHEAD_OCTETS;
            state.departing.entries.push_front(entry);
        }
    }

    /// Packet thread: true once, when the stack should be told that the socket is closed. What was
    /// sent before comes first: if there is some, the close has called for attention again.
    pub(crate) fn take_close(&self) -> bool {
        let mut state = self.state.lock();
        state.closed
            && state.departing.entries.is_empty()
            && !mem::replace(&mut state.released, true)
    }

    /// Packet thread: it ends.
    pub(crate) fn die(&self, gone: Gone) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        state.gone = Some(gone);
        let departing = mem::take(&mut state.departing);
        state.readers.wake(&self.reader, &mut woken);
        state.writers.wake(&self.writer, &mut woken);
        drop(state);
        drop(departing);
    }
}

/// The oldest datagram, or why there will be none.
pub(super) fn check_receive(state: &mut State) -> Poll<Result<ReceivedDatagram, Failure>> {
    check(state, Which::Read)?;
    if let Some(datagram) = state.received.pop(|datagram| datagram.octets.len()) {
        return Poll::Ready(Ok(datagram));
    }
    match state.gone {
        Some(gone) => Poll::Ready(Err(Failure::Gone(gone))),
        None => Poll::Pending,
    }
}

/// The rules that every call begins with, and looks at again after each wait.
fn check(state: &mut State, which: Which) -> Result<(), Failure> {
    check_alive(state, which)?;
    match state.error.take() {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// Not closed, and the deadline has not come.
pub(super) fn check_alive(state: &State, which: Which) -> Result<(), Failure> {
    if state.closed {
        return Err(Failure::Closed);
    }
    let deadline = match which {
        Which::Read | Which::Both => state.read_deadline,
        Which::Write => state.write_deadline,
    };
    if has_passed(deadline) {
        return Err(Failure::Timeout);
    }
    Ok(())
}
