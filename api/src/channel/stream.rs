//! The octets of one TCP connection on their way between application threads and the packet thread.
//!
//! The state, opening, deadlines and closing are here; `stream_read.rs` and `stream_write.rs` are
//! what `conn.rs` reads and writes with, `stream_thread.rs` is the packet thread's half. Received text is a queue of slices;
//! written text gathers in a tail that is copied into once. Both are bounded in octets, appear with
//! data and go when empty. Nothing here knows a segment or a sequence number.

use std::collections::VecDeque;
use std::mem;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use sidestep_stack::call::{CallRefused, Release};
use sidestep_stack::event::ConnectionError;

use super::failure::{Attention, Failure, Gone, Source, StreamLimits};
#[cfg(test)]
use super::sync::has_passed;
use super::sync::{Arc, Condvar, Mutex, MutexGuard};
use super::waiters::{Seat, Waiters, Woken};
use crate::deadline::Deadline;

/// Where the connection stands, seen from the application.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// The SYN is on its way.
    Opening,
    /// Octets can be exchanged.
    Open,
    /// It was never opened: the stack refused the call.
    Refused(CallRefused),
    /// It ended before its time, and nobody was told yet.
    Failed(ConnectionError),
    /// It ended before its time, and one operation was told.
    Told,
    /// There is no packet thread any more.
    Gone(Gone),
}

/// Whether a direction of the connection goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Direction {
    /// It does.
    Open,
    /// The application ended it; the packet thread has not heard yet.
    Ending,
    /// The application ended it, and the stack knows.
    Ended,
}

/// The application's hold on the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Handle {
    /// Somebody has it.
    Held,
    /// It was given up; the packet thread has not told the stack yet.
    GivenUp(Release),
    /// It was given up, and the stack knows.
    Released,
}

#[derive(Debug, Default)]
pub(super) struct ReceiveSide {
    pub(super) slices: VecDeque<Bytes>,
    /// What `slices` are charged with.
    pub(super) charged_octets: usize,
    /// The peer's FIN: there is no more to come.
    pub(super) end_of_stream: bool,
    /// The packet thread found no room; whoever makes some must tell it.
    pub(super) starved: bool,
    pub(super) waiters: Waiters,
    pub(super) deadline: Deadline,
}

#[derive(Debug, Default)]
pub(super) struct SendSide {
    /// Whole slices, oldest first.
    pub(super) slices: VecDeque<Bytes>,
    /// What was written after them, open for more.
    pub(super) tail: BytesMut,
    /// Octets of `slices`, of `tail`, and of what the packet thread holds but the stack has not
    /// taken.
    pub(super) octets: usize,
    /// A writer that waits for room: others wait for it, so that writes are not mixed.
    pub(super) turn_taken: bool,
    pub(super) waiters: Waiters,
    pub(super) deadline: Deadline,
}

#[derive(Debug)]
pub(super) struct State {
    /// The name that attention is called by; `None` until the packet thread has opened it.
    pub(super) source: Option<Source>,
    /// Our end, from then on.
    pub(super) local: Option<SocketAddr>,
    pub(super) phase: Phase,
    pub(super) handle: Handle,
    pub(super) read_direction: Direction,
    pub(super) write_direction: Direction,
    pub(super) receive: ReceiveSide,
    pub(super) send: SendSide,
    /// How much either side holds.
    pub(super) limits: StreamLimits,
    /// On the list of channels that have something for the packet thread.
    pub(super) attended: bool,
    linger: Option<Linger>,
}

impl State {
    /// Octets that may be written now.
    pub(super) const fn send_room(&self) -> usize {
        self.limits.send_octets.saturating_sub(self.send.octets)
    }
}

/// What close does with text that was not acknowledged yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Linger {
    /// It is dropped, and the peer is sent a RST.
    Abort,
    /// It is delivered in the background.
    Background,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(super) state: Mutex<State>,
    pub(super) reader: Condvar,
    pub(super) writer: Condvar,
    /// The most that either bound may be.
    limits: StreamLimits,
    attention: Arc<dyn Attention>,
}

/// Which deadline to set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Which {
    /// That of reads (and of `accept`).
    Read,
    /// That of writes.
    Write,
    /// Both.
    Both,
}

impl Stream {
    /// A stream whose connection is being opened.
    pub(crate) fn opening(limits: StreamLimits, attention: Arc<dyn Attention>) -> Self {
        Self::new(limits, attention, Phase::Opening)
    }

    /// A stream of a connection that is open already: one that was accepted.
    pub(crate) fn open(limits: StreamLimits, attention: Arc<dyn Attention>) -> Self {
        Self::new(limits, attention, Phase::Open)
    }

    fn new(limits: StreamLimits, attention: Arc<dyn Attention>, phase: Phase) -> Self {
        Self {
            state: Mutex::new(State {
                source: None,
                local: None,
                phase,
                handle: Handle::Held,
                read_direction: Direction::Open,
                write_direction: Direction::Open,
                receive: ReceiveSide::default(),
                send: SendSide::default(),
                limits,
                attended: false,
                linger: None,
            }),
            reader: Condvar::default(),
            writer: Condvar::default(),
            limits,
            attention,
        }
    }

    /// Ends the critical section, and tells the packet thread that it should look here.
    pub(super) fn unlock_and_call(&self, mut state: MutexGuard<'_, State>) {
        if state.attended {
            return;
        }
        let Some(source) = state.source else {
            // Not opened yet: the packet thread looks once when it opens it.
            return;
        };
        state.attended = true;
        drop(state);
        self.attention.attend(source);
    }

    /// Wakes all who wait, for either direction.
    pub(super) fn wake_everybody(&self, state: &mut State, woken: &mut Woken) {
        state.receive.waiters.wake(&self.reader, woken);
        state.send.waiters.wake(&self.writer, woken);
    }

    /// Waits until the connection is open, has failed, or `deadline` has come. Gives our end.
    #[cfg(test)]
    pub(crate) fn wait_open(&self, deadline: Deadline) -> Result<SocketAddr, Failure> {
        let mut state = self.state.lock();
        loop {
            if let Poll::Ready(outcome) = check_open(&mut state) {
                return outcome;
            }
            if has_passed(deadline) {
                return Err(Failure::Timeout);
            }
            state.send.waiters.threads += 1;
            self.writer.wait(&mut state, deadline);
            state.send.waiters.threads -= 1;
        }
    }

    /// As [`wait_open`](Self::wait_open), without waiting. The task waits in the slot of writers.
    pub(crate) fn poll_open(&self, cx: &Context<'_>) -> Poll<Result<SocketAddr, Failure>> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        let outcome = check_open(&mut state);
        if outcome.is_pending() {
            state.send.waiters.sit(&mut Seat::Slot, cx, &mut woken);
        }
        outcome
    }

    /// Sets a deadline; operations that wait see it at once.
    pub(crate) fn set_deadline(&self, which: Which, deadline: Deadline) -> Result<(), Failure> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if state.handle != Handle::Held {
            return Err(Failure::Closed);
        }
        if which != Which::Write {
            state.receive.deadline = deadline;
            state.receive.waiters.wake(&self.reader, &mut woken);
        }
        if which != Which::Read {
            state.send.deadline = deadline;
            state.send.waiters.wake(&self.writer, &mut woken);
        }
        Ok(())
    }

    /// The user chose buffers for the connection: this hand-over holds no more than they do, so that
    /// small ones are small from end to end.
    pub(crate) fn bound(&self, receive_octets: Option<usize>, send_octets: Option<usize>) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if let Some(octets) = send_octets {
            state.limits.send_octets = octets.clamp(1, self.limits.send_octets);
            state.send.waiters.wake(&self.writer, &mut woken);
        }
        if let Some(octets) = receive_octets {
            state.limits.receive_octets = octets.clamp(1, self.limits.receive_octets);
            let room = state.limits.receive_octets / 2;
            if state.receive.starved && state.receive.charged_octets <= room {
                state.receive.starved = false;
                self.unlock_and_call(state);
            }
        }
    }

    /// What `close` does with unsent text.
    pub(crate) fn set_linger(&self, linger: Linger) -> Result<(), Failure> {
        let mut state = self.state.lock();
        if state.handle != Handle::Held {
            return Err(Failure::Closed);
        }
        state.linger = Some(linger);
        Ok(())
    }

    /// Fails if the handle was closed or there is no packet thread: the check that setters begin
    /// with.
    pub(crate) fn check_held(&self) -> Result<(), Failure> {
        let state = self.state.lock();
        match (state.handle, state.phase) {
            (Handle::GivenUp(_) | Handle::Released, _) => Err(Failure::Closed),
            (Handle::Held, Phase::Gone(gone)) => Err(Failure::Gone(gone)),
            (Handle::Held, _) => Ok(()),
        }
    }

    /// The name of the connection, if it is open.
    pub(crate) fn source(&self) -> Option<Source> {
        self.state.lock().source
    }

    /// Ends our direction after what was written. Repeating it succeeds.
    pub(crate) fn close_write(&self) -> Result<(), Failure> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        check_shutdown(&state)?;
        if state.write_direction == Direction::Open {
            state.write_direction = Direction::Ending;
            state.send.waiters.wake(&self.writer, &mut woken);
            self.unlock_and_call(state);
        }
        Ok(())
    }

    /// Takes no more from the peer: reads give the end of the stream once the queue is empty.
    pub(crate) fn close_read(&self) -> Result<(), Failure> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        check_shutdown(&state)?;
        if state.read_direction == Direction::Open {
            state.read_direction = Direction::Ending;
            state.receive.waiters.wake(&self.reader, &mut woken);
            self.unlock_and_call(state);
        }
        Ok(())
    }

    /// Gives the handle up. Wakes everybody; does not wait for the peer.
    pub(crate) fn close(&self) -> Result<(), Failure> {
        self.give_up(None)
    }

    /// Gives the handle up and resets the connection: a dial that was abandoned.
    pub(crate) fn abort(&self) -> Result<(), Failure> {
        self.give_up(Some(Release::Abort))
    }

    fn give_up(&self, how: Option<Release>) -> Result<(), Failure> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if state.handle != Handle::Held {
            return Err(Failure::Closed);
        }
        let release = match how {
            Some(release) => release,
            None if state.linger == Some(Linger::Abort) => Release::Abort,
            None if state.phase == Phase::Opening => Release::Abort,
            None if !state.receive.slices.is_empty() => Release::CloseUnread,
            None => Release::Close,
        };
        state.handle = Handle::GivenUp(release);
        let unread = mem::take(&mut state.receive.slices);
        state.receive.charged_octets = 0;
        state.receive.starved = false;
        self.wake_everybody(&mut state, &mut woken);
        self.unlock_and_call(state);
        drop(unread);
        Ok(())
    }
}

/// How opening has ended, if it has.
fn check_open(state: &mut State) -> Poll<Result<SocketAddr, Failure>> {
    if state.handle != Handle::Held {
        return Poll::Ready(Err(Failure::Canceled));
    }
    Poll::Ready(match state.phase {
        Phase::Opening => return Poll::Pending,
        Phase::Open => state.local.ok_or(Failure::NotConnected),
        Phase::Refused(refused) => Err(Failure::Refused(refused)),
        Phase::Failed(error) => {
            state.phase = Phase::Told;
            Err(Failure::Ended(error))
        }
        Phase::Told => Err(Failure::NotConnected),
        Phase::Gone(gone) => Err(Failure::Gone(gone)),
    })
}

/// The rules that closing a direction begins with. An error that nobody was told stays untold.
fn check_shutdown(state: &State) -> Result<(), Failure> {
    if state.handle != Handle::Held {
        return Err(Failure::Closed);
    }
    match state.phase {
        Phase::Opening | Phase::Refused(_) | Phase::Failed(_) | Phase::Told => {
            Err(Failure::NotConnected)
        }
        Phase::Gone(gone) => Err(Failure::Gone(gone)),
        Phase::Open => Ok(()),
    }
}
