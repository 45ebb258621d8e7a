//! A [`Stream`] for tasks: the forms that say "pending" where the others wait.
//!
//! `conn.rs` polls with these. The rules are those of `stream_read.rs` and `stream_write.rs`; a task
//! is woken by whatever would wake a thread. Deadlines are looked at, but nobody is woken by one
//! that comes: whoever polls brings a timer.

use std::io::IoSlice;
use std::mem;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::failure::Failure;
use super::stream::{State, Stream, Which};
use super::stream_read::{Taken, check_read, copy, take_slice};
use super::stream_write::{
    OWN_SLICE_OCTETS_MIN, SLICE_OCTETS_MAX, append_small, check_write, push_slice,
};
use super::sync::MutexGuard;
use super::waiters::{Seat, Woken};
use crate::deadline::Deadline;

/// How far a write of a whole call has come. Until its end it may have the writer's turn, which
/// [`Stream::end_writing`] gives up.
#[derive(Debug, Default)]
pub(crate) struct Writing {
    /// Octets that were taken.
    pub(crate) written: usize,
    /// It has the writer's turn.
    pub(crate) has_turn: bool,
}

/// What is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text<'a> {
    /// Copied once.
    Borrowed(&'a [u8]),
    /// Not copied.
    Shared(&'a Bytes),
}

impl Text<'_> {
    /// All of it.
    #[cfg_attr(not(feature = "async"), allow(dead_code))]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(octets) => octets,
            Self::Shared(octets) => octets,
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Borrowed(octets) => octets.len(),
            Self::Shared(octets) => octets.len(),
        }
    }

    fn own(self, from: usize, to: usize) -> Bytes {
        match self {
            Self::Borrowed(octets) => {
                Bytes::copy_from_slice(octets.get(from..to).unwrap_or_default())
            }
            Self::Shared(octets) => octets.slice(from..to),
        }
    }

    /// The octets if they are so few that gathering them in the tail is cheaper than a slice.
    fn small(&self, from: usize, to: usize) -> Option<&[u8]> {
        match self {
            Self::Borrowed(octets) if to - from < OWN_SLICE_OCTETS_MIN => octets.get(from..to),
            Self::Borrowed(_) | Self::Shared(_) => None,
        }
    }
}

impl Stream {
    /// As [`read`](Self::read), without waiting.
    pub(crate) fn poll_read(
        &self,
        cx: &Context<'_>,
        seat: &mut Seat,
        octets: &mut [u8],
    ) -> Poll<Result<usize, Failure>> {
        let taken = ready!(self.poll_take(cx, seat, octets.len()))?;
        Poll::Ready(Ok(taken.copy_to(octets)))
    }

    /// As [`poll_read`](Self::poll_read), as slices that are not copied; none at the end.
    pub(crate) fn poll_take(
        &self,
        cx: &Context<'_>,
        seat: &mut Seat,
        octets_max: usize,
    ) -> Poll<Result<Taken, Failure>> {
        match ready!(self.poll_readable(cx, seat, octets_max))? {
            Some(state) => Poll::Ready(Ok(self.take(state, octets_max))),
            None => Poll::Ready(Ok(Taken::default())),
        }
    }

    /// As [`read_bytes`](Self::read_bytes), without waiting.
    pub(crate) fn poll_read_bytes(
        &self,
        cx: &Context<'_>,
        seat: &mut Seat,
        octets_max: usize,
    ) -> Poll<Result<Bytes, Failure>> {
        let Some(mut state) = ready!(self.poll_readable(cx, seat, octets_max))? else {
            return Poll::Ready(Ok(Bytes::new()));
        };
        let slice = take_slice(&mut state.receive, octets_max);
        self.room_made(state);
        Poll::Ready(Ok(slice))
    }

    /// Copies what the next read would give, and leaves it there.
    pub(crate) fn poll_peek(
        &self,
        cx: &Context<'_>,
        seat: &mut Seat,
        octets: &mut [u8],
    ) -> Poll<Result<usize, Failure>> {
        let Some(state) = ready!(self.poll_readable(cx, seat, octets.len()))? else {
            return Poll::Ready(Ok(0));
        };
        let mut filled = 0;
        for slice in &state.receive.slices {
            let room = octets.get_mut(filled..).unwrap_or_default();
            if room.is_empty() {
                break;
            }
            copy(room, slice);
            filled += room.len().min(slice.len());
        }
        Poll::Ready(Ok(filled))
    }

    /// The locked state once there is text; `None` if there will be none.
    fn poll_readable(
        &self,
        cx: &Context<'_>,
        seat: &mut Seat,
        octets_max: usize,
    ) -> Poll<Result<Option<MutexGuard<'_, State>>, Failure>> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        match check_read(&mut state, octets_max) {
            Poll::Ready(Ok(true)) => Poll::Ready(Ok(Some(state))),
            Poll::Ready(Ok(false)) => Poll::Ready(Ok(None)),
            Poll::Ready(Err(failure)) => Poll::Ready(Err(failure)),
            Poll::Pending => {
                state.receive.waiters.sit(seat, cx, &mut woken);
                Poll::Pending
            }
        }
    }

    /// As [`write`](Self::write), without waiting: ready once all of `text` was taken. The octets of
    /// one call stay together, because `writing` keeps the turn from one poll to the next.
    pub(crate) fn poll_write(
        &self,
        cx: &Context<'_>,
        seat: &mut Seat,
        writing: &mut Writing,
        text: Text<'_>,
    ) -> Poll<Result<(), Failure>> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        loop {
            if let Err(failure) = check_write(&mut state) {
                if mem::take(&mut writing.has_turn) {
                    self.end_write(state);
                }
                return Poll::Ready(Err(failure));
            }
            if !writing.has_turn {
                if text.len() == 0 {
                    return Poll::Ready(Ok(()));
                }
                if state.send.turn_taken {
                    state.send.waiters.sit(seat, cx, &mut woken);
                    return Poll::Pending;
                }
                state.send.turn_taken = true;
                writing.has_turn = true;
            }
            let from = writing.written;
            if from == text.len() {
                writing.has_turn = false;
                self.end_write(state);
                return Poll::Ready(Ok(()));
            }
            let room = state.send_room();
            if room == 0 {
                state.send.waiters.sit(seat, cx, &mut woken);
                self.unlock_and_call(state);
                return Poll::Pending;
            }
            let to = text.len().min(from + room.min(SLICE_OCTETS_MAX));
            if let Some(octets) = text.small(from, to) {
                append_small(&mut state.send, octets);
            } else {
                // Nobody else may write meanwhile, but the packet thread can take what is there.
                if state.send.octets > 0 {
                    self.unlock_and_call(state);
                } else {
                    drop(state);
                }
                let slice = text.own(from, to);
                state = self.state.lock();
                if let Err(failure) = check_write(&mut state) {
                    writing.has_turn = false;
                    self.end_write(state);
                    return Poll::Ready(Err(failure));
                }
                push_slice(&mut state.send, slice);
            }
            writing.written = to;
        }
    }

    /// As [`write_some`](Self::write_some), without waiting, of several pieces: takes what there is
    /// room for, at most a superpacket's octets.
    pub(crate) fn poll_write_some(
        &self,
        cx: &Context<'_>,
        seat: &mut Seat,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Failure>> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        check_write(&mut state)?;
        if pieces.iter().all(|piece| piece.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        if state.send.turn_taken {
            state.send.waiters.sit(seat, cx, &mut woken);
            return Poll::Pending;
        }
        let room = state.send_room().min(SLICE_OCTETS_MAX);
        if room == 0 {
            state.send.waiters.sit(seat, cx, &mut woken);
            self.unlock_and_call(state);
            return Poll::Pending;
        }
        let mut left = room;
        for piece in pieces {
            let octets = piece.get(..left).unwrap_or(piece);
            append_small(&mut state.send, octets);
            left -= octets.len();
            if left == 0 {
                break;
            }
        }
        self.unlock_and_call(state);
        Poll::Ready(Ok(room - left))
    }

    /// The writer goes away before its end: others may write, after what was taken.
    pub(crate) fn end_writing(&self, writing: &mut Writing) {
        if mem::take(&mut writing.has_turn) {
            self.end_write(self.state.lock());
        }
    }

    /// Whoever polled with `seat` waits no more.
    pub(crate) fn leave(&self, which: Which, seat: &mut Seat) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        match which {
            Which::Read | Which::Both => state.receive.waiters.leave(seat, &mut woken),
            Which::Write => state.send.waiters.leave(seat, &mut woken),
        }
    }

    /// The deadline of one direction.
    pub(crate) fn deadline(&self, which: Which) -> Deadline {
        let state = self.state.lock();
        match which {
            Which::Read | Which::Both => state.receive.deadline,
            Which::Write => state.send.deadline,
        }
    }
}
