//! A [`DatagramChannel`] for tasks: the forms that say "pending" where the others wait.
//!
//! `udp.rs` and `ip.rs` poll with these. The rules are those of `datagram.rs`; a task is woken by
//! whatever would wake a thread. Deadlines are looked at, but nobody is woken by one that comes:
//! whoever polls brings a timer.

use std::future::Future;
use std::task::{Context, Poll};

use sidestep_stack::call::{ReceivedDatagram, SendDatagram};

use super::datagram::{DatagramChannel, Departing, Judging, check_alive, check_receive};
use super::failure::Failure;
use super::stream::Which;
use super::waiters::{Seat, Woken};
use crate::deadline::Deadline;

/// How far a send that is polled has come.
#[derive(Debug, Default)]
pub(crate) struct Sending(Option<Judging>);

impl DatagramChannel {
    /// As [`receive`](Self::receive), without waiting.
    pub(crate) fn poll_receive(
        &self,
        cx: &Context<'_>,
        seat: &mut Seat,
    ) -> Poll<Result<ReceivedDatagram, Failure>> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        let outcome = check_receive(&mut state);
        if outcome.is_pending() {
            state.readers.sit(seat, cx, &mut woken);
        }
        self.room_made(state);
        outcome
    }

    /// As [`send`](Self::send), without waiting. `sending` keeps what was begun from one poll to
    /// the next; dropped before the end, the datagram may leave all the same.
    pub(crate) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        seat: &mut Seat,
        sending: &mut Sending,
        datagram: impl FnOnce() -> SendDatagram,
    ) -> Poll<Result<(), Failure>> {
        if sending.0.is_none() {
            let mut woken = Woken::default();
            let mut state = self.state.lock();
            if !self.may_send(&mut state)? {
                state.writers.sit(seat, cx, &mut woken);
                return Poll::Pending;
            }
            match self.enqueue(state, datagram()) {
                None => return Poll::Ready(Ok(())),
                Some(judging) => sending.0 = Some(judging),
            }
        }
        let Some(judging) = &mut sending.0 else {
            return Poll::Pending;
        };
        let remote = judging.remote;
        if let Poll::Ready(verdict) = std::pin::Pin::new(&mut judging.ticket).poll(cx) {
            sending.0 = None;
            return Poll::Ready(self.judge(verdict, remote));
        }
        // A close or a deadline ends the waiting as well; an earlier error is the next call's.
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        check_alive(&state, Which::Write)?;
        state.writers.sit(seat, cx, &mut woken);
        Poll::Pending
    }

    /// Sends a datagram if there is room now. `None`: there is none, and with `waiting` the task is
    /// woken when there is some. The verdict about its destination is told by the next call.
    pub(crate) fn try_send(&self, datagram: SendDatagram) -> Result<Option<()>, Failure> {
        let mut state = self.state.lock();
        if !self.may_send(&mut state)? {
            return Ok(None);
        }
        // Its answer goes nowhere, so a refusal is kept for the next call.
        let octets = datagram.octets.len();
        let answer = None;
        state.departing.push(Departing { datagram, answer }, octets);
        self.unlock_and_call(state);
        Ok(Some(()))
    }

    /// Ready once a datagram may be sent, or something else is to be told.
    pub(crate) fn poll_send_ready(&self, cx: &Context<'_>, seat: &mut Seat) -> Poll<()> {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        let idle = check_alive(&state, Which::Write).is_ok()
            && state.error.is_none()
            && state.gone.is_none()
            && !state.departing.has_room(state.send_limits);
        if idle {
            state.writers.sit(seat, cx, &mut woken);
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Whoever polled with `seat` waits no more.
    pub(crate) fn leave(&self, which: Which, seat: &mut Seat) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        match which {
            Which::Read | Which::Both => state.readers.leave(seat, &mut woken),
            Which::Write => state.writers.leave(seat, &mut woken),
        }
    }

    /// The deadline of one direction.
    pub(crate) fn deadline(&self, which: Which) -> Deadline {
        let state = self.state.lock();
        match which {
            Which::Read | Which::Both => state.read_deadline,
            Which::Write => state.write_deadline,
        }
    }
}
