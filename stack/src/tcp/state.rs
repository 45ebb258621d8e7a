//! The arrows of Figure 5 of RFC 9293 as pure functions of [`State`].
//!
//! `arrives/*` and `call/*` ask them; what else a step brings about is theirs. A state that an event
//! cannot change answers `None` or stays.

use crate::observe::State;

/// How far our own FIN has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OurFin {
    /// The user has not closed, or the FIN waits behind text.
    NotSent,
    /// Sent, and not acknowledged.
    InFlight,
    /// Acknowledged.
    Acked,
}

/// The state after an acceptable FIN: step eight of RFC 9293 §3.10.7.4.
///
/// `None` means that the RFC has us drop the FIN unprocessed.
pub(crate) const fn after_fin(state: State, our_fin: OurFin) -> Option<State> {
    match state {
        // SEG.SEQ cannot be validated before the connection is synchronized.
        State::Closed | State::Listen | State::SynSent => None,
        State::SynReceived | State::Established => Some(State::CloseWait),
        State::FinWait1 => Some(match our_fin {
            OurFin::Acked => State::TimeWait,
            OurFin::NotSent | OurFin::InFlight => State::Closing,
        }),
        State::FinWait2 => Some(State::TimeWait),
        // The peer repeats a FIN whose ACK it has not seen; we stay where we are.
        State::CloseWait | State::Closing | State::LastAck | State::TimeWait => Some(state),
    }
}

/// The state after our FIN was acknowledged: step five of RFC 9293 §3.10.7.4.
pub(crate) const fn after_our_fin_is_acked(state: State) -> State {
    match state {
        State::FinWait1 => State::FinWait2,
        State::Closing => State::TimeWait,
        State::LastAck => State::Closed,
        State::Closed
        | State::Listen
        | State::SynSent
        | State::SynReceived
        | State::Established
        | State::FinWait2
        | State::CloseWait
        | State::TimeWait => state,
    }
}

/// The state after CLOSE (RFC 9293 §3.10.4): our FIN is queued behind all text.
pub(crate) const fn after_close(state: State) -> State {
    match state {
        State::SynReceived | State::Established => State::FinWait1,
        State::CloseWait => State::LastAck,
        State::Closed
        | State::Listen
        | State::SynSent
        | State::FinWait1
        | State::FinWait2
        | State::Closing
        | State::LastAck
        | State::TimeWait => state,
    }
}

/// Whether text of the peer can still arrive (RFC 9293 §3.10.7.4, seventh).
pub(crate) const fn takes_text(state: State) -> bool {
    match state {
        State::SynReceived | State::Established | State::FinWait1 | State::FinWait2 => true,
        State::Closed
        | State::Listen
        | State::SynSent
        | State::CloseWait
        | State::Closing
        | State::LastAck
        | State::TimeWait => false,
    }
}

/// Whether text of ours, or a FIN, may be sent (RFC 9293 §3.10.2).
pub(crate) const fn sends_text(state: State) -> bool {
    match state {
        State::Established
        | State::CloseWait
        | State::FinWait1
        | State::Closing
        | State::LastAck => true,
        State::Closed
        | State::Listen
        | State::SynSent
        | State::SynReceived
        | State::FinWait2
        | State::TimeWait => false,
    }
}

/// Whether ABORT tells the peer by a RST (RFC 9293 §3.10.5).
pub(crate) const fn abort_sends_reset(state: State) -> bool {
    match state {
        State::SynReceived
        | State::Established
        | State::FinWait1
        | State::FinWait2
        | State::CloseWait => true,
        State::Closed
        | State::Listen
        | State::SynSent
        | State::Closing
        | State::LastAck
        | State::TimeWait => false,
    }
}
