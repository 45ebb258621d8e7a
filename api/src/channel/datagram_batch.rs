//! A [`DatagramChannel`] for many datagrams at once, and its bounds.
//!
//! `packet_conn.rs` calls these for `recv_many`, `send_many` and the sizes of buffers. The rules are
//! those of `datagram.rs`; a batch takes the lock once and wakes once, and waits for its first
//! datagram only.

use sidestep_stack::call::{ReceivedDatagram, SendDatagram};

use super::datagram::{DatagramChannel, Departing, State, check_receive};
use super::failure::Failure;
use super::sync::MutexGuard;
use super::waiters::Woken;

impl DatagramChannel {
    /// The oldest datagrams, up to `most` of them, appended to `into`: waits for the first one only.
    pub(crate) fn receive_many(
        &self,
        most: usize,
        into: &mut Vec<ReceivedDatagram>,
    ) -> Result<(), Failure> {
        if most == 0 {
            return self.check_open();
        }
        let mut state = self.state.lock();
        loop {
            if let std::task::Poll::Ready(outcome) = check_receive(&mut state) {
                if let Ok(datagram) = outcome {
                    into.push(datagram);
                    for _ in 1..most {
                        match state.received.pop(|datagram| datagram.octets.len()) {
                            Some(datagram) => into.push(datagram),
                            None => break,
                        }
                    }
                    self.room_made(state);
                    return Ok(());
                }
                self.room_made(state);
                return outcome.map(|_| ());
            }
            let deadline = state.read_deadline;
            state.readers.threads += 1;
            self.reader.wait(&mut state, deadline);
            state.readers.threads -= 1;
        }
    }

    /// Sends all of `datagrams`, waiting for room until the write deadline: how many were taken. Not
    /// all of them is no error; the reason is told by the next call, if it still holds. Nobody waits
    /// for a verdict: what the stack has against one of them is told by the next call as well.
    pub(crate) fn send_many(
        &self,
        datagrams: impl Iterator<Item = SendDatagram>,
    ) -> Result<usize, Failure> {
        let mut sent = 0;
        let mut state = self.state.lock();
        for datagram in datagrams {
            if !state.departing.has_room(state.send_limits) && sent > 0 {
                // What is here must leave before there can be room.
                self.unlock_and_call(state);
                state = self.state.lock();
            }
            let (again, room) = self.wait_room(state);
            state = again;
            match room {
                Ok(()) => {}
                Err(failure) if sent == 0 => return Err(failure),
                Err(failure) => {
                    if let Failure::Socket(_) | Failure::Refused(_) = failure {
                        // It was taken out to be told: the next call will tell it.
                        state.error.get_or_insert(failure);
                    }
                    break;
                }
            }
            let octets = datagram.octets.len();
            let answer = None;
            state.departing.push(Departing { datagram, answer }, octets);
            sent += 1;
        }
        if sent > 0 {
            self.unlock_and_call(state);
        }
        Ok(sent)
    }

    fn wait_room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
    ) -> (MutexGuard<'a, State>, Result<(), Failure>) {
        loop {
            match self.may_send(&mut state) {
                Ok(true) => return (state, Ok(())),
                Ok(false) => {}
                Err(failure) => return (state, Err(failure)),
            }
            let deadline = state.write_deadline;
            state.writers.threads += 1;
            self.writer.wait(&mut state, deadline);
            state.writers.threads -= 1;
        }
    }

    /// Bounds the octets that wait for `receive`. One datagram always fits; what waits stays.
    pub(crate) fn set_receive_octets(&self, octets: usize) -> Result<(), Failure> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Failure::Closed);
        }
        state.receive_limits.octets = octets.max(1);
        self.room_made(state);
        Ok(())
    }

    /// Bounds the octets that wait to leave. One datagram always fits.
    pub(crate) fn set_send_octets(&self, octets: usize) -> Result<(), Failure> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        if state.closed {
            return Err(Failure::Closed);
        }
        state.send_limits.octets = octets.max(1);
        state.writers.wake(&self.writer, &mut woken);
        Ok(())
    }

    /// Fails if the socket is closed.
    pub(crate) fn check_open(&self) -> Result<(), Failure> {
        if self.state.lock().closed {
            return Err(Failure::Closed);
        }
        Ok(())
    }
}
