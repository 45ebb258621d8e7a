//! Reading from a [`Stream`]: slices are taken out under the lock and copied outside it.
//!
//! The order of the checks is the contract's (go-net §1.4, points 4 to 6, 10 and 11): closed, empty
//! buffer, deadline, data, failure, end of the stream. `conn.rs` calls it; it never sees a segment.

use std::collections::VecDeque;
use std::task::Poll;

use bytes::Bytes;

use super::failure::{Failure, SLICE_OVERHEAD_OCTETS};
use super::stream::{Direction, Handle, Phase, ReceiveSide, State, Stream};
use super::sync::{MutexGuard, has_passed};
use super::waiters::Woken;

/// So many received slices are taken under one lock; the copy follows outside it.
const READ_SLICES_MAX: usize = 8;

/// Slices taken out under the lock, to be copied outside it.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    slices: [Bytes; READ_SLICES_MAX],
    count: usize,
}

impl Taken {
    /// The slices, oldest first.
    pub(crate) fn slices(&self) -> impl Iterator<Item = &Bytes> {
        self.slices.iter().take(self.count)
    }

    /// Copies all of it to the beginning of `octets`; gives how many octets that are.
    pub(super) fn copy_to(&self, octets: &mut [u8]) -> usize {
        let mut filled = 0;
        for slice in self.slices() {
            let end = filled + slice.len();
            if let Some(room) = octets.get_mut(filled..end) {
                copy(room, slice);
                filled = end;
            }
        }
        filled
    }
}

impl Stream {
    /// Reads up to `octets.len()` octets: at least one, or 0 at the end of the stream.
    pub(crate) fn read(&self, octets: &mut [u8]) -> Result<usize, Failure> {
        let mut state = self.state.lock();
        if !self.wait_readable(&mut state, octets.len())? {
            return Ok(0);
        }
        Ok(self.take(state, octets.len()).copy_to(octets))
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

    /// Takes slices out of the receive queue.
    pub(super) fn take(&self, mut state: MutexGuard<'_, State>, octets_max: usize) -> Taken {
        let mut want = octets_max;
        let mut taken = Taken::default();
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
        taken
    }

    /// Waits for text. False: there is none to take, which the caller reports as 0 octets.
    fn wait_readable(
        &self,
        state: &mut MutexGuard<'_, State>,
        octets_max: usize,
    ) -> Result<bool, Failure> {
        loop {
            if let Poll::Ready(outcome) = check_read(state, octets_max) {
                return outcome;
            }
            let deadline = state.receive.deadline;
            state.receive.waiters.threads += 1;
            self.reader.wait(state, deadline);
            state.receive.waiters.threads -= 1;
        }
    }

    /// After text was taken: other readers, memory, and the peer's window.
    pub(super) fn room_made(&self, mut state: MutexGuard<'_, State>) {
        let mut woken = Woken::default();
        if state.receive.slices.is_empty() {
            state.receive.slices = VecDeque::new();
        } else {
            state.receive.waiters.wake(&self.reader, &mut woken);
        }
        // Half the room at once, not octet by octet (as RFC 9293 §3.8.6.2.2 has it for windows).
        if state.receive.starved && state.receive.charged_octets <= state.limits.receive_octets / 2
        {
            state.receive.starved = false;
            self.unlock_and_call(state);
        } else {
            drop(state);
        }
    }
}

/// The rules that every read begins with, and looks at again after each wait. Ready with false:
/// there is no text to take, which the caller reports as 0 octets.
pub(super) fn check_read(state: &mut State, octets_max: usize) -> Poll<Result<bool, Failure>> {
    if state.handle != Handle::Held {
        return Poll::Ready(Err(Failure::Closed));
    }
    // Go and POSIX: reading nothing succeeds, even past the deadline.
    if octets_max == 0 {
        return Poll::Ready(Ok(false));
    }
    // The deadline comes before the data: a late reader must not depend on luck.
    if has_passed(state.receive.deadline) {
        return Poll::Ready(Err(Failure::Timeout));
    }
    if !state.receive.slices.is_empty() {
        return Poll::Ready(Ok(true));
    }
    match state.phase {
        // The peer had ended its stream before, which is all that a reader wants to know. As on
        // Linux, a writer is told.
        Phase::Failed(_) if state.receive.end_of_stream => return Poll::Ready(Ok(false)),
        Phase::Failed(error) => {
            state.phase = Phase::Told;
            return Poll::Ready(Err(Failure::Ended(error)));
        }
        Phase::Told => return Poll::Ready(Ok(false)),
        // The peer had ended its stream before: that has come, whatever came after it.
        Phase::Gone(_) if state.receive.end_of_stream => return Poll::Ready(Ok(false)),
        Phase::Gone(gone) => return Poll::Ready(Err(Failure::Gone(gone))),
        Phase::Refused(_) => return Poll::Ready(Err(Failure::NotConnected)),
        Phase::Opening | Phase::Open => {}
    }
    if state.receive.end_of_stream || state.read_direction != Direction::Open {
        return Poll::Ready(Ok(false));
    }
    Poll::Pending
}

/// Takes up to `octets_max` octets of the oldest slice.
pub(super) fn take_slice(receive: &mut ReceiveSide, octets_max: usize) -> Bytes {
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

/// Copies in steps small enough that an unlucky alignment cannot slow the processor's string move
/// down (performance.md, "a trap of this CPU").
pub(super) fn copy(room: &mut [u8], octets: &[u8]) {
    const STEP_OCTETS: usize = 2_048;
    for (to, from) in room.chunks_mut(STEP_OCTETS).zip(octets.chunks(STEP_OCTETS)) {
        let octets = to.len().min(from.len());
        to[..octets].copy_from_slice(&from[..octets]);
    }
}
