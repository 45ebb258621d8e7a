//! The packet thread's half of a [`Stream`]: text goes in and out in slices, never copied.
//!
//! `driver/deliver.rs` calls it once for each event or call for attention. It never waits.

use std::mem;
use std::net::SocketAddr;

use bytes::Bytes;
use sidestep_stack::call::{CallRefused, Release};
use sidestep_stack::event::ConnectionError;

use super::failure::{Gone, SLICE_OVERHEAD_OCTETS, Source};
use super::stream::{Direction, Handle, Phase, Stream};
use super::stream_write::freeze_tail;
use super::waiters::Woken;

/// What the application wants of the connection, besides sending text.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Wants {
    /// Its direction should end once all text is sent.
    pub(crate) end_write: bool,
    /// It takes no more text.
    pub(crate) end_read: bool,
    /// It gave the handle up.
    pub(crate) release: Option<Release>,
}

impl Stream {
    /// The stack has a name for the connection. The application may want something already: look.
    pub(crate) fn attach(&self, source: Source, local: SocketAddr) {
        let mut state = self.state.lock();
        state.source = Some(source);
        state.local = Some(local);
    }

    /// True if nobody holds the handle any more.
    pub(crate) fn is_given_up(&self) -> bool {
        self.state.lock().handle != Handle::Held
    }

    /// The connection is open.
    pub(crate) fn established(&self) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if state.phase == Phase::Opening {
            state.phase = Phase::Open;
            state.send.waiters.wake(&self.writer, &mut woken);
        }
    }

    /// The stack did not take the OPEN.
    pub(crate) fn refuse(&self, refused: CallRefused) {
        self.stop(Phase::Refused(refused));
    }

    /// The connection ended before its time.
    pub(crate) fn fail(&self, error: ConnectionError) {
        self.stop(Phase::Failed(error));
    }

    /// There is no packet thread any more.
    pub(crate) fn die(&self, gone: Gone) {
        self.stop(Phase::Gone(gone));
    }

    /// Ends the connection for the application: what was not sent is dropped, what was received
    /// can still be read.
    fn stop(&self, phase: Phase) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Opening | Phase::Open) || matches!(phase, Phase::Gone(_)) {
            state.phase = phase;
        }
        let unsent = mem::take(&mut state.send.slices);
        let tail = mem::take(&mut state.send.tail);
        state.send.octets = 0;
        self.wake_everybody(&mut state, &mut woken);
        drop(state);
        drop((unsent, tail));
    }

    /// Octets that may be delivered now. After zero the stream calls for attention once there is
    /// room again.
    pub(crate) fn receive_room(&self) -> usize {
        let mut state = self.state.lock();
        if state.handle != Handle::Held {
            return 0;
        }
        let room = state
            .limits
            .receive_octets
            .saturating_sub(state.receive.charged_octets);
        state.receive.starved = room == 0;
        room
    }

    /// Hands received text over.
    pub(crate) fn deliver(&self, slices: Vec<Bytes>, end_of_stream: EndOfStream) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if state.handle != Handle::Held {
            // It was not read and never will be; the release says so to the peer.
            if !slices.is_empty() && state.handle == Handle::GivenUp(Release::Close) {
                state.handle = Handle::GivenUp(Release::CloseUnread);
            }
            return;
        }
        for slice in slices {
            if !slice.is_empty() {
                state.receive.charged_octets += slice.len() + SLICE_OVERHEAD_OCTETS;
                state.receive.slices.push_back(slice);
            }
        }
        if end_of_stream == EndOfStream::Reached {
            state.receive.end_of_stream = true;
        }
        state.receive.waiters.wake(&self.reader, &mut woken);
    }

    /// The packet thread begins to look at this stream: it may call for attention again.
    pub(crate) fn attended(&self) {
        self.state.lock().attended = false;
    }

    /// Takes all written text out, oldest first, into `text`.
    pub(crate) fn take_text(&self, text: &mut Vec<Bytes>) {
        let mut state = self.state.lock();
        freeze_tail(&mut state.send);
        text.extend(mem::take(&mut state.send.slices));
    }

    /// The stack took `taken_octets`; `rest` was not taken and comes first next time.
    pub(crate) fn text_sent(&self, taken_octets: usize, rest: &mut Vec<Bytes>) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        for slice in rest.drain(..).rev() {
            state.send.slices.push_front(slice);
        }
        let was = state.send.octets;
        state.send.octets = was.saturating_sub(taken_octets);
        // Wake writers when there is room worth waking for.
        let quarter = state.limits.send_octets / 4;
        let room = state.limits.send_octets.saturating_sub(state.send.octets);
        if room >= quarter || state.send.octets == 0 {
            state.send.waiters.wake(&self.writer, &mut woken);
        }
    }

    /// What else the application wants; asked after all text was taken by the stack.
    pub(crate) fn wants(&self) -> Wants {
        let state = self.state.lock();
        Wants {
            end_write: state.write_direction == Direction::Ending,
            end_read: state.read_direction == Direction::Ending,
            release: match state.handle {
                Handle::GivenUp(release) => Some(release),
                Handle::Held | Handle::Released => None,
            },
        }
    }

    /// True if no written text waits here.
    pub(crate) fn text_is_empty(&self) -> bool {
        self.state.lock().send.octets == 0
    }

    /// The stack was told that our direction ended.
    pub(crate) fn write_ended(&self) {
        self.state.lock().write_direction = Direction::Ended;
    }

    /// The stack was told that no more text is taken.
    pub(crate) fn read_ended(&self) {
        self.state.lock().read_direction = Direction::Ended;
    }

    /// The stack was told that the handle was given up.
    pub(crate) fn released(&self) {
        self.state.lock().handle = Handle::Released;
    }
}

/// Whether the peer's FIN has been reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EndOfStream {
    /// Everything up to it is delivered.
    Reached,
    /// There is more to come.
    NotYet,
}
