//! One direction of a pipe in memory: a write is handed to the reads that wait for it, octet for
//! octet, with no buffer between them (Go's `net.Pipe`).
//!
//! `pipe.rs` of the crate joins two of them. A write ends when reads have taken all of it, an end is
//! closed, or the deadline has come, and then it knows what was taken; one read takes from one write
//! only. An empty write waits for a read, too, which then goes on to wait. No packet thread has a part
//! in it.

use std::task::{Context, Poll};

use bytes::{Buf, Bytes};

use super::sync::{Condvar, Mutex, MutexGuard, has_passed};
use super::waiters::{Seat, Waiters, Woken};
use crate::deadline::Deadline;

/// Why an operation on a pipe ended early.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PipeFailure {
    /// An end was closed.
    Closed,
    /// The deadline has come.
    Timeout,
}

/// What a read found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Took {
    /// So many octets of a write; 0 only into an empty buffer.
    Octets(usize),
    /// The other end is closed.
    End,
}

/// A write that ended early, with the octets that were taken before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct PipeWriteFailure {
    pub(crate) written: usize,
    pub(crate) failure: PipeFailure,
}

/// How long the write of a task lasts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(not(feature = "async"), allow(dead_code))]
pub(crate) enum Until {
    /// As a thread's: to the last octet.
    AllIsTaken,
    /// To the first read: the shape of `AsyncWrite`.
    SomeIsTaken,
}

/// What the writer whose turn it is holds out.
#[derive(Debug)]
struct Offer {
    octets: Bytes,
    /// How many it began with.
    of: usize,
    /// A read has met it: also an empty one has then been delivered.
    met: bool,
}

impl Offer {
    fn is_done(&self) -> bool {
        self.met && self.octets.is_empty()
    }

    fn taken(&self) -> usize {
        self.of - self.octets.len()
    }
}

#[derive(Debug, Default)]
struct State {
    offer: Option<Offer>,
    reader_closed: bool,
    writer_closed: bool,
    read_deadline: Deadline,
    write_deadline: Deadline,
    readers: Waiters,
    writers: Waiters,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    state: Mutex<State>,
    reader: Condvar,
    writer: Condvar,
}

impl Lane {
    /// Takes octets of one write, waited for. An empty buffer waits for a write as well, and takes
    /// nothing of it.
    pub(crate) fn read(&self, octets: &mut [u8]) -> Result<Took, PipeFailure> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        loop {
            if let Some(outcome) = self.try_read(&mut state, octets, &mut woken) {
                return outcome;
            }
            let deadline = state.read_deadline;
            state.readers.threads += 1;
            self.reader.wait(&mut state, deadline);
            state.readers.threads -= 1;
        }
    }

    /// As [`read`](Self::read) for a task.
    #[cfg_attr(not(feature = "async"), allow(dead_code))]
    pub(crate) fn poll_read(
        &self,
        cx: &Context<'_>,
        seat: &mut Seat,
        octets: &mut [u8],
    ) -> Poll<Result<Took, PipeFailure>> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if let Some(outcome) = self.try_read(&mut state, octets, &mut woken) {
            return Poll::Ready(outcome);
        }
        state.readers.sit(seat, cx, &mut woken);
        Poll::Pending
    }

    fn try_read(
        &self,
        state: &mut State,
        octets: &mut [u8],
        woken: &mut Woken,
    ) -> Option<Result<Took, PipeFailure>> {
        if state.reader_closed {
            return Some(Err(PipeFailure::Closed));
        }
        if state.writer_closed {
            return Some(Ok(Took::End));
        }
        if has_passed(state.read_deadline) {
            return Some(Err(PipeFailure::Timeout));
        }
        let offer = state.offer.as_mut().filter(|offer| !offer.is_done())?;
        let count = octets.len().min(offer.octets.len());
        let (fits, _) = octets.split_at_mut(count);
        offer.octets.copy_to_slice(fits);
        offer.met = true;
        let was_empty = offer.of == 0;
        state.writers.wake(&self.writer, woken);
        // The write has been met, but 0 octets would be taken for the end of the stream.
        let goes_on = was_empty && !octets.is_empty();
        (!goes_on).then_some(Ok(Took::Octets(count)))
    }

    /// Holds `octets` out until reads have taken all of them. Other writers wait.
    pub(crate) fn write(&self, octets: &[u8]) -> Result<usize, PipeWriteFailure> {
        let mut woken = Woken::default();
        // Copied before the lock is taken; the reader copies once more.
        let octets = Bytes::copy_from_slice(octets);
        let of = octets.len();
        let mut state = self.state.lock();
        loop {
            check_write(&state).map_err(|failure| PipeWriteFailure {
                written: 0,
                failure,
            })?;
            if state.offer.is_none() {
                break;
            }
            state = self.wait_to_write(state);
        }
        self.hold_out(&mut state, octets, &mut woken);
        loop {
            if state.offer.as_ref().is_none_or(Offer::is_done) {
                self.withdraw(&mut state, &mut woken);
                return Ok(of);
            }
            if let Err(failure) = check_write(&state) {
                let written = self.withdraw(&mut state, &mut woken);
                return Err(PipeWriteFailure { written, failure });
            }
            state = self.wait_to_write(state);
        }
    }

    /// As [`write`](Self::write) for a task, which says in `holding` that it has begun. It is ready
    /// with how many octets were taken: all, or what the first read took if `until` says so.
    ///
    /// A task that gives up while `holding` is true calls [`take_back`](Self::take_back).
    #[cfg_attr(not(feature = "async"), allow(dead_code))]
    pub(crate) fn poll_write(
        &self,
        cx: &Context<'_>,
        seat: &mut Seat,
        holding: &mut bool,
        octets: &[u8],
        until: Until,
    ) -> Poll<Result<usize, PipeWriteFailure>> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        let is_over = |offer: &Offer| match until {
            Until::AllIsTaken => offer.is_done(),
            Until::SomeIsTaken => offer.met,
        };
        if *holding && state.offer.as_ref().is_some_and(is_over) {
            *holding = false;
            return Poll::Ready(Ok(self.withdraw(&mut state, &mut woken)));
        }
        if let Err(failure) = check_write(&state) {
            let mut written = 0;
            if *holding {
                *holding = false;
                written = self.withdraw(&mut state, &mut woken);
            }
            return Poll::Ready(Err(PipeWriteFailure { written, failure }));
        }
        if !*holding && state.offer.is_none() {
            *holding = true;
            self.hold_out(&mut state, Bytes::copy_from_slice(octets), &mut woken);
        }
        state.writers.sit(seat, cx, &mut woken);
        Poll::Pending
    }

    /// Ends a write of a task before its time: how many octets were taken.
    #[cfg_attr(not(feature = "async"), allow(dead_code))]
    pub(crate) fn take_back(&self, holding: &mut bool) -> usize {
        if !*holding {
            return 0;
        }
        *holding = false;
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        self.withdraw(&mut state, &mut woken)
    }

    /// The task in `seat` does not wait to read any more.
    #[cfg_attr(not(feature = "async"), allow(dead_code))]
    pub(crate) fn leave_readers(&self, seat: &mut Seat) {
        let mut woken = Woken::default();
        self.state.lock().readers.leave(seat, &mut woken);
    }

    /// The task in `seat` does not wait to write any more.
    #[cfg_attr(not(feature = "async"), allow(dead_code))]
    pub(crate) fn leave_writers(&self, seat: &mut Seat) {
        let mut woken = Woken::default();
        self.state.lock().writers.leave(seat, &mut woken);
    }

    fn hold_out(&self, state: &mut State, octets: Bytes, woken: &mut Woken) {
        let of = octets.len();
        let met = false;
        state.offer = Some(Offer { octets, of, met });
        state.readers.wake(&self.reader, woken);
    }

    /// Ends the turn of the writer: how many octets of its offer were taken.
    fn withdraw(&self, state: &mut State, woken: &mut Woken) -> usize {
        let taken = state.offer.take().map_or(0, |offer| offer.taken());
        state.writers.wake(&self.writer, woken);
        taken
    }

    fn wait_to_write<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let deadline = state.write_deadline;
        state.writers.threads += 1;
        self.writer.wait(&mut state, deadline);
        state.writers.threads -= 1;
        state
    }

    /// The deadline of reads.
    #[cfg_attr(not(feature = "async"), allow(dead_code))]
    pub(crate) fn read_deadline(&self) -> Deadline {
        self.state.lock().read_deadline
    }

    /// The deadline of writes.
    #[cfg_attr(not(feature = "async"), allow(dead_code))]
    pub(crate) fn write_deadline(&self) -> Deadline {
        self.state.lock().write_deadline
    }

    /// Sets the deadline of reads; those that wait see it at once.
    pub(crate) fn set_read_deadline(&self, deadline: Deadline) -> Result<(), PipeFailure> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        check_open(&state)?;
        state.read_deadline = deadline;
        state.readers.wake(&self.reader, &mut woken);
        Ok(())
    }

    /// Sets the deadline of writes; those that wait see it at once.
    pub(crate) fn set_write_deadline(&self, deadline: Deadline) -> Result<(), PipeFailure> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        check_open(&state)?;
        state.write_deadline = deadline;
        state.writers.wake(&self.writer, &mut woken);
        Ok(())
    }

    /// Nobody reads any more: writes fail.
    pub(crate) fn close_reader(&self) {
        self.close(|state| state.reader_closed = true);
    }

    /// Nobody writes any more: reads are at the end.
    pub(crate) fn close_writer(&self) {
        self.close(|state| state.writer_closed = true);
    }

    fn close(&self, what: impl FnOnce(&mut State)) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        what(&mut state);
        state.readers.wake(&self.reader, &mut woken);
        state.writers.wake(&self.writer, &mut woken);
    }
}

fn check_open(state: &State) -> Result<(), PipeFailure> {
    if state.reader_closed || state.writer_closed {
        return Err(PipeFailure::Closed);
    }
    Ok(())
}

/// The rules that a write begins with, and looks at again after each wait.
fn check_write(state: &State) -> Result<(), PipeFailure> {
    check_open(state)?;
    if has_passed(state.write_deadline) {
        return Err(PipeFailure::Timeout);
    }
    Ok(())
}
