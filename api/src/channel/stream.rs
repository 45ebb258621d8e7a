//! The octets of one TCP connection on their way between application threads and the packet thread.
//!
//! `conn.rs` calls what is in this file (`open`, `read`, `write`, `close`, deadlines); the packet
//! thread's half of the same value is in `stream_thread.rs`. Received text is a queue of slices;
//! written text gathers in a tail that is copied into once. Both are bounded in octets, appear with
//! data and go when empty. Nothing here knows a segment or a sequence number.

use std::collections::VecDeque;
use std::mem;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use sidestep_stack::call::{CallRefused, Release};
use sidestep_stack::event::ConnectionError;

use super::failure::{
    Attention, Failure, Gone, SLICE_OVERHEAD_OCTETS, Source, StreamLimits, WriteFailure,
};
use super::sync::{Arc, Condvar, Mutex, MutexGuard, has_passed};
use crate::deadline::Deadline;

/// Pieces of a write from this size on become a slice of their own, copied outside the lock.
const OWN_SLICE_OCTETS_MIN: usize = 8 * 1024;

/// The most octets of one slice of written text: what one superpacket can take.
pub(super) const SLICE_OCTETS_MAX: usize = 64 * 1024;

/// So many received slices are taken under one lock; the copy follows outside it.
const READ_SLICES_MAX: usize = 8;

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
    pub(super) readers_waiting: usize,
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
    turn_taken: bool,
    pub(super) writers_waiting: usize,
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
    /// On the list of channels that have something for the packet thread.
    pub(super) attended: bool,
    linger: Option<Linger>,
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
    pub(super) limits: StreamLimits,
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

/// Slices taken out under the lock, to be copied outside it.
#[derive(Debug, Default)]
struct Taken {
    slices: [Bytes; READ_SLICES_MAX],
    count: usize,
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
    fn unlock_and_call(&self, mut state: MutexGuard<'_, State>) {
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

    /// Waits until the connection is open, has failed, or `deadline` has come. Gives our end.
    pub(crate) fn wait_open(&self, deadline: Deadline) -> Result<SocketAddr, Failure> {
        let mut state = self.state.lock();
        loop {
            if state.handle != Handle::Held {
                return Err(Failure::Canceled);
            }
            match state.phase {
                Phase::Opening => {}
                Phase::Open => return state.local.ok_or(Failure::NotConnected),
                Phase::Refused(refused) => return Err(Failure::Refused(refused)),
                Phase::Failed(error) => {
                    state.phase = Phase::Told;
                    return Err(Failure::Ended(error));
                }
                Phase::Told => return Err(Failure::NotConnected),
                Phase::Gone(gone) => return Err(Failure::Gone(gone)),
            }
            if has_passed(deadline) {
                return Err(Failure::Timeout);
            }
            state.send.writers_waiting += 1;
            self.writer.wait(&mut state, deadline);
            state.send.writers_waiting -= 1;
        }
    }

    /// Reads up to `octets.len()` octets: at least one, or 0 at the end of the stream.
    pub(crate) fn read(&self, octets: &mut [u8]) -> Result<usize, Failure> {
        let taken = self.take(octets.len())?;
        let mut filled = 0;
        for slice in taken.slices.iter().take(taken.count) {
            let end = filled + slice.len();
            if let Some(room) = octets.get_mut(filled..end) {
                copy(room, slice);
                filled = end;
            }
        }
        Ok(filled)
    }

    /// Reads one slice of up to `octets_max` octets without copying; empty at the end of the stream.
    pub(crate) fn read_bytes(&self, octets_max: usize) -> Result<Bytes, Failure> {
        let mut state = self.state.lock();
        if !self.wait_readable(&mut state, octets_max)? {
            return Ok(Bytes::new());
        }
        let slice = take_slice(&mut state.receive, octets_max);
        self.room_made(state);
        Ok(slice)
    }

    /// Takes slices out of the receive queue, waiting for the first.
    fn take(&self, octets_max: usize) -> Result<Taken, Failure> {
        let mut want = octets_max;
        let mut taken = Taken::default();
        let mut state = self.state.lock();
        if !self.wait_readable(&mut state, want)? {
            return Ok(taken);
        }
        for place in &mut taken.slices {
            if want == 0 || state.receive.slices.is_empty() {
                break;
            }
            let slice = take_slice(&mut state.receive, want);
            want -= slice.len();
            *place = slice;
            taken.count += 1;
        }
        self.room_made(state);
        Ok(taken)
    }

    /// Waits for text. False: there is none to take, which the caller reports as 0 octets.
    fn wait_readable(
        &self,
        state: &mut MutexGuard<'_, State>,
        octets_max: usize,
    ) -> Result<bool, Failure> {
        loop {
            if state.handle != Handle::Held {
                return Err(Failure::Closed);
            }
            // Go and POSIX: reading nothing succeeds, even past the deadline.
            if octets_max == 0 {
                return Ok(false);
            }
            // The deadline comes before the data: a late reader must not depend on luck.
            if has_passed(state.receive.deadline) {
                return Err(Failure::Timeout);
            }
            if !state.receive.slices.is_empty() {
                return Ok(true);
            }
            match state.phase {
                Phase::Failed(error) => {
                    state.phase = Phase::Told;
                    return Err(Failure::Ended(error));
                }
                Phase::Told => return Ok(false),
                Phase::Gone(gone) => return Err(Failure::Gone(gone)),
                Phase::Refused(_) => return Err(Failure::NotConnected),
                Phase::Opening | Phase::Open => {}
            }
            if state.receive.end_of_stream || state.read_direction != Direction::Open {
                return Ok(false);
            }
            let deadline = state.receive.deadline;
            state.receive.readers_waiting += 1;
            self.reader.wait(state, deadline);
            state.receive.readers_waiting -= 1;
        }
    }

    /// After text was taken: other readers, memory, and the peer's window.
    fn room_made(&self, mut state: MutexGuard<'_, State>) {
        if state.receive.slices.is_empty() {
            state.receive.slices = VecDeque::new();
        } else if state.receive.readers_waiting > 0 {
            self.reader.notify_all();
        }
        // Half the room at once, not octet by octet (as RFC 9293 §3.8.6.2.2 has it for windows).
        if state.receive.starved && state.receive.charged_octets <= self.limits.receive_octets / 2 {
            state.receive.starved = false;
            self.unlock_and_call(state);
        }
    }

    /// Writes all of `octets`; blocks until the last one has been taken.
    pub(crate) fn write(&self, octets: &[u8]) -> Result<usize, WriteFailure> {
        let mut left = octets;
        let mut state = match self.begin_write(octets.len()) {
            Ok(Some(state)) => state,
            Ok(None) => return Ok(0),
            Err(failure) => {
                return Err(WriteFailure {
                    written: 0,
                    failure,
                });
            }
        };
        loop {
            let piece_octets = left.len().min(SLICE_OCTETS_MAX);
            let (piece, rest) = left.split_at(piece_octets);
            let outcome = if piece_octets >= OWN_SLICE_OCTETS_MIN {
                // Nobody else may write meanwhile, but the packet thread can take what is there.
                if state.send.octets > 0 {
                    self.unlock_and_call(state);
                } else {
                    drop(state);
                }
                let slice = Bytes::copy_from_slice(piece);
                self.put_slice(self.state.lock(), slice)
            } else {
                self.put_small(state, piece)
            };
            match outcome {
                Ok(guard) => state = guard,
                Err((taken, failure)) => {
                    return Err(WriteFailure {
                        written: octets.len() - left.len() + taken,
                        failure,
                    });
                }
            }
            left = rest;
            if left.is_empty() {
                break;
            }
        }
        self.end_write(state);
        Ok(octets.len())
    }

    /// Writes all of `octets` without copying them.
    pub(crate) fn write_bytes(&self, octets: Bytes) -> Result<usize, WriteFailure> {
        let len = octets.len();
        match self.begin_write(len) {
            Ok(Some(state)) => match self.put_slice(state, octets) {
                Ok(state) => {
                    self.end_write(state);
                    Ok(len)
                }
                Err((written, failure)) => Err(WriteFailure { written, failure }),
            },
            Ok(None) => Ok(0),
            Err(failure) => Err(WriteFailure {
                written: 0,
                failure,
            }),
        }
    }

    /// Takes what there is room for now, at least one octet: `io::Write::write`'s shape.
    pub(crate) fn write_some(&self, octets: &[u8]) -> Result<usize, Failure> {
        let Some(mut state) = self.begin_write(octets.len())? else {
            return Ok(0);
        };
        if self.room(&state) == 0 {
            state = match self.wait_room(state) {
                Ok(state) => state,
                Err((_, failure)) => return Err(failure),
            };
        }
        let room = self.room(&state);
        let piece = octets.get(..room).unwrap_or(octets);
        append_small(&mut state.send, piece);
        self.end_write(state);
        Ok(piece.len())
    }

    /// Waits for the writer's turn and takes it. `None`: nothing to write, and that is fine.
    fn begin_write(&self, octets: usize) -> Result<Option<MutexGuard<'_, State>>, Failure> {
        let mut state = self.state.lock();
        loop {
            check_write(&mut state)?;
            if octets == 0 {
                return Ok(None);
            }
            if !state.send.turn_taken {
                state.send.turn_taken = true;
                return Ok(Some(state));
            }
            let deadline = state.send.deadline;
            state.send.writers_waiting += 1;
            self.writer.wait(&mut state, deadline);
            state.send.writers_waiting -= 1;
        }
    }

    /// Gives the writer's turn up, and tells the packet thread.
    fn end_write(&self, mut state: MutexGuard<'_, State>) {
        state.send.turn_taken = false;
        if state.send.writers_waiting > 0 {
            self.writer.notify_all();
        }
        self.unlock_and_call(state);
    }

    fn room(&self, state: &State) -> usize {
        self.limits.send_octets.saturating_sub(state.send.octets)
    }

    /// Queues a slice, waiting for room; without the writer's turn from an error on.
    fn put_slice<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        mut slice: Bytes,
    ) -> Result<MutexGuard<'a, State>, (usize, Failure)> {
        let mut taken = 0;
        // The state may have changed while the octets were copied.
        if let Err(failure) = check_write(&mut state) {
            self.end_write(state);
            return Err((taken, failure));
        }
        loop {
            let room = self.room(&state);
            if room > 0 {
                let piece = slice.split_to(slice.len().min(room).min(SLICE_OCTETS_MAX));
                taken += piece.len();
                push_slice(&mut state.send, piece);
            }
            if slice.is_empty() {
                return Ok(state);
            }
            if self.room(&state) == 0 {
                state = match self.wait_room(state) {
                    Ok(state) => state,
                    Err((_, failure)) => return Err((taken, failure)),
                };
            }
        }
    }

    /// Copies a small piece into the tail, waiting for room; without the turn from an error on.
    fn put_small<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        piece: &[u8],
    ) -> Result<MutexGuard<'a, State>, (usize, Failure)> {
        let mut left = piece;
        loop {
            let room = self.room(&state);
            let (fits, rest) = left.split_at(left.len().min(room));
            append_small(&mut state.send, fits);
            left = rest;
            if left.is_empty() {
                return Ok(state);
            }
            state = match self.wait_room(state) {
                Ok(state) => state,
                Err((_, failure)) => return Err((piece.len() - left.len(), failure)),
            };
        }
    }

    /// Lets the packet thread run until there is room. On failure the turn has been given up.
    fn wait_room<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
    ) -> Result<MutexGuard<'a, State>, (usize, Failure)> {
        self.unlock_and_call(state);
        let mut state = self.state.lock();
        loop {
            if let Err(failure) = check_write(&mut state) {
                self.end_write(state);
                return Err((0, failure));
            }
            if self.room(&state) > 0 {
                return Ok(state);
            }
            let deadline = state.send.deadline;
            state.send.writers_waiting += 1;
            self.writer.wait(&mut state, deadline);
            state.send.writers_waiting -= 1;
        }
    }

    /// Sets a deadline; operations that wait see it at once.
    pub(crate) fn set_deadline(&self, which: Which, deadline: Deadline) -> Result<(), Failure> {
        let mut state = self.state.lock();
        if state.handle != Handle::Held {
            return Err(Failure::Closed);
        }
        if which != Which::Write {
            state.receive.deadline = deadline;
            self.reader.notify_all();
        }
        if which != Which::Read {
            state.send.deadline = deadline;
            self.writer.notify_all();
        }
        Ok(())
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
        let mut state = self.state.lock();
        check_shutdown(&state)?;
        if state.write_direction == Direction::Open {
            state.write_direction = Direction::Ending;
            self.writer.notify_all();
            self.unlock_and_call(state);
        }
        Ok(())
    }

    /// Takes no more from the peer: reads give the end of the stream once the queue is empty.
    pub(crate) fn close_read(&self) -> Result<(), Failure> {
        let mut state = self.state.lock();
        check_shutdown(&state)?;
        if state.read_direction == Direction::Open {
            state.read_direction = Direction::Ending;
            self.reader.notify_all();
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
        self.reader.notify_all();
        self.writer.notify_all();
        self.unlock_and_call(state);
        drop(unread);
        Ok(())
    }
}

/// The rules that every write begins with, and looks at again after each wait.
fn check_write(state: &mut State) -> Result<(), Failure> {
    if state.handle != Handle::Held {
        return Err(Failure::Closed);
    }
    if has_passed(state.send.deadline) {
        return Err(Failure::Timeout);
    }
    match state.phase {
        Phase::Failed(error) => {
            state.phase = Phase::Told;
            return Err(Failure::Ended(error));
        }
        Phase::Told => return Err(Failure::BrokenPipe),
        Phase::Gone(gone) => return Err(Failure::Gone(gone)),
        Phase::Refused(_) => return Err(Failure::NotConnected),
        Phase::Opening | Phase::Open => {}
    }
    if state.write_direction != Direction::Open {
        return Err(Failure::BrokenPipe);
    }
    Ok(())
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

/// Takes up to `octets_max` octets of the oldest slice.
fn take_slice(receive: &mut ReceiveSide, octets_max: usize) -> Bytes {
    let Some(front) = receive.slices.front_mut() else {
        return Bytes::new();
    };
    if front.len() > octets_max {
        let piece = front.split_to(octets_max);
        receive.charged_octets = receive.charged_octets.saturating_sub(piece.len());
        return piece;
    }
    let whole = receive.slices.pop_front().unwrap_or_default();
    receive.charged_octets = receive
        .charged_octets
        .saturating_sub(whole.len() + SLICE_OVERHEAD_OCTETS);
    whole
}

/// Queues a slice behind the tail.
fn push_slice(send: &mut SendSide, slice: Bytes) {
    send.octets += slice.len();
    freeze_tail(send);
    send.slices.push_back(slice);
}

/// Closes the tail: it becomes a slice like the others.
pub(super) fn freeze_tail(send: &mut SendSide) {
    if !send.tail.is_empty() {
        let tail = mem::take(&mut send.tail);
        send.slices.push_back(tail.freeze());
    }
}

/// Copies into the tail, which doubles from exactly what is needed up to a superpacket.
fn append_small(send: &mut SendSide, octets: &[u8]) {
    send.octets += octets.len();
    let mut left = octets;
    while !left.is_empty() {
        let free = send.tail.capacity() - send.tail.len();
        if free < left.len() {
            let len = send.tail.len();
            if len + left.len() <= SLICE_OCTETS_MAX {
                send.tail
                    .reserve(left.len().max(len).min(SLICE_OCTETS_MAX - len));
            } else if len < SLICE_OCTETS_MAX {
                send.tail.reserve(SLICE_OCTETS_MAX - len);
            }
        }
        let take = left.len().min(SLICE_OCTETS_MAX - send.tail.len());
        let (fits, rest) = left.split_at(take);
        send.tail.extend_from_slice(fits);
        left = rest;
        if send.tail.len() >= SLICE_OCTETS_MAX {
            freeze_tail(send);
        }
    }
}

/// Copies in steps small enough that an unlucky alignment cannot slow the processor's string move
/// down (performance.md, "a trap of this CPU").
fn copy(room: &mut [u8], octets: &[u8]) {
    const STEP_OCTETS: usize = 2_048;
    for (to, from) in room.chunks_mut(STEP_OCTETS).zip(octets.chunks(STEP_OCTETS)) {
        let octets = to.len().min(from.len());
        to[..octets].copy_from_slice(&from[..octets]);
    }
}
