//! Writing to a [`Stream`]: whole calls one after the other, copied once, bounded in octets.
//!
//! A writer has the turn until its last octet is taken, so calls are never mixed (go-net §1.4, point
//! 8). Small pieces gather in the tail; large ones become slices of their own, copied outside the
//! lock. `conn.rs` calls it; it never waits for the peer, only for room.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem;

use bytes::{Buf, Bytes};

use sidestep_stack::event::ConnectionError;

use super::failure::{Failure, WriteFailure};
use super::stream::{Direction, Handle, Phase, SendSide, State, Stream};
use super::sync::{MutexGuard, has_passed};
use super::waiters::Woken;

/// Pieces of a write from this size on become a slice of their own, copied outside the lock.
pub(super) const OWN_SLICE_OCTETS_MIN: usize = 8 * 1024;

/// The most octets of one slice of written text: what one superpacket can take.
pub(super) const SLICE_OCTETS_MAX: usize = 64 * 1024;

impl Stream {
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
        if state.send_room() == 0 {
            state = match self.wait_room(state) {
                Ok(state) => state,
                Err((_, failure)) => return Err(failure),
            };
        }
        let room = state.send_room();
        let piece = octets.get(..room).unwrap_or(octets);
        append_small(&mut state.send, piece);
        self.end_write(state);
        Ok(piece.len())
    }

    /// Writes all `slices` under one turn without copying them, and takes out what was taken: the
    /// packet thread is told once.
    pub(crate) fn write_slices(&self, slices: &mut VecDeque<Bytes>) -> Result<usize, WriteFailure> {
        let mut written = 0;
        let octets = slices.iter().map(Bytes::len).sum();
        let mut state = match self.begin_write(octets) {
            Ok(Some(state)) => state,
            Ok(None) => {
                slices.clear();
                return Ok(0);
            }
            Err(failure) => return Err(WriteFailure { written, failure }),
        };
        while let Some(slice) = slices.front_mut() {
            match self.put_slice(state, slice.clone()) {
                Ok(guard) => state = guard,
                Err((taken, failure)) => {
                    written += taken;
                    slice.advance(taken);
                    return Err(WriteFailure { written, failure });
                }
            }
            written += slice.len();
            slices.pop_front();
        }
        self.end_write(state);
        Ok(written)
    }

    /// Takes what there is room for now of `slices`, at least one octet.
    pub(crate) fn write_some_slices(&self, slices: &[IoSlice<'_>]) -> Result<usize, Failure> {
        let octets = slices.iter().map(|slice| slice.len()).sum();
        let Some(mut state) = self.begin_write(octets)? else {
            return Ok(0);
        };
        if state.send_room() == 0 {
            state = match self.wait_room(state) {
                Ok(state) => state,
                Err((_, failure)) => return Err(failure),
            };
        }
        let mut written = 0;
        for slice in slices {
            let room = state.send_room();
            let piece = slice.get(..room).unwrap_or(slice);
            append_small(&mut state.send, piece);
            written += piece.len();
        }
        self.end_write(state);
        Ok(written)
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
            state.send.waiters.threads += 1;
            self.writer.wait(&mut state, deadline);
            state.send.waiters.threads -= 1;
        }
    }

    /// Gives the writer's turn up, and tells the packet thread.
    pub(super) fn end_write(&self, mut state: MutexGuard<'_, State>) {
        let mut woken = Woken::default();
        state.send.turn_taken = false;
        state.send.waiters.wake(&self.writer, &mut woken);
        self.unlock_and_call(state);
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
            let room = state.send_room();
            if room > 0 {
                let piece = slice.split_to(slice.len().min(room).min(SLICE_OCTETS_MAX));
                taken += piece.len();
                push_slice(&mut state.send, piece);
            }
            if slice.is_empty() {
                return Ok(state);
            }
            if state.send_room() == 0 {
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
            let room = state.send_room();
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
            if state.send_room() > 0 {
                return Ok(state);
            }
            let deadline = state.send.deadline;
            state.send.waiters.threads += 1;
            self.writer.wait(&mut state, deadline);
            state.send.waiters.threads -= 1;
        }
    }
}

/// The rules that every write begins with, and looks at again after each wait.
pub(super) fn check_write(state: &mut State) -> Result<(), Failure> {
    if state.handle != Handle::Held {
        return Err(Failure::Closed);
    }
    if has_passed(state.send.deadline) {
        return Err(Failure::Timeout);
    }
    match state.phase {
        // As on Linux: a peer that has ended its stream and then resets wants nothing more.
        Phase::Failed(ConnectionError::Reset) if state.receive.end_of_stream => {
            state.phase = Phase::Told;
            return Err(Failure::BrokenPipe);
        }
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

/// Queues a slice behind the tail.
pub(super) fn push_slice(send: &mut SendSide, slice: Bytes) {
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
pub(super) fn append_small(send: &mut SendSide, octets: &[u8]) {
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
