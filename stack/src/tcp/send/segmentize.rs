//! How much text goes into the next (super)segment, or why none goes: Nagle (RFC 9293 §3.7.4) and
//! the sender's side of silly-window avoidance (§3.8.6.2.1, MUST-38).
//!
//! `output.rs` asks with plain numbers. It is a pure function: no state, no packet.

/// Whether small segments wait while something is unacknowledged (RFC 9293 §3.7.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Nagle {
    /// They wait.
    On,
    /// They go at once (MUST-17).
    Off,
}

/// Whether the user holds segments back that are not full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cork {
    /// They wait for more text, or for the override timer.
    In,
    /// They go as Nagle's algorithm says.
    Out,
}

/// Whether more text may follow what is queued.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stream {
    /// The user may send more.
    Open,
    /// The user closed: nothing is worth waiting for.
    Ending,
}

/// Whether the override timer of RFC 9293 §3.8.6.2.1 (4) has expired.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Override {
    /// Not yet.
    Waiting,
    /// Whatever fits is sent.
    Expired,
}

/// What there is to send and what limits it. All in octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    /// D: text that was never sent.
    pub(crate) unsent: u32,
    /// U: what the peer's window still takes.
    pub(crate) usable: u32,
    /// What the congestion window still takes.
    pub(crate) cwnd_room: u32,
    /// Eff.snd.MSS: the most text in one segment.
    pub(crate) mss: u32,
    /// Max(SND.WND).
    pub(crate) max_wnd: u32,
    /// SND.NXT - SND.UNA.
    pub(crate) in_flight: u32,
    /// Nagle's algorithm.
    pub(crate) nagle: Nagle,
    /// Whether the user wants full segments only.
    pub(crate) cork: Cork,
    /// Whether the user closed.
    pub(crate) stream: Stream,
    /// The override timer.
    pub(crate) sws_override: Override,
    /// The most text in one superpacket; one segment if it is less than that.
    pub(crate) super_octets: u32,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cut {
    /// Send so many octets.
    Send {
        /// At least one.
        octets: u32,
    },
    /// There is no text.
    Nothing,
    /// The peer's window is full or too small to be worth it: an ACK, the override timer or a probe
    /// goes on.
    WindowIsSmall,
    /// The congestion window is full: an ACK goes on.
    CwndIsFull,
    /// Nagle: an ACK goes on.
    Nagle,
}

/// The decision.
pub(crate) fn cut(offer: &Offer) -> Cut {
    if offer.unsent == 0 {
        return Cut::Nothing;
    }
    if offer.usable == 0 {
        return Cut::WindowIsSmall;
    }
    let mss = offer.mss.max(1);
    let fits = offer.unsent.min(offer.usable).min(offer.cwnd_room);
    // Rule (1): a full segment can be sent.
    if fits >= mss {
        let most = offer.super_octets.max(mss);
        if fits == offer.unsent && fits <= most && tail_may_go(offer, mss) {
            return Cut::Send { octets: fits };
        }
        return Cut::Send {
            octets: fits.min(most) / mss * mss,
        };
    }
    if offer.cwnd_room < offer.unsent.min(offer.usable) && (offer.in_flight > 0 || fits == 0) {
        return Cut::CwndIsFull;
    }
    if fits == offer.unsent {
        // Rule (2): all that is queued fits; every SEND counts as pushed (MUST-60).
        return if tail_may_go(offer, mss) {
            Cut::Send { octets: fits }
        } else {
            Cut::Nagle
        };
    }
    // Rule (3): half of the largest window ever seen; rule (4): the override timer.
    let worth_it = offer.in_flight == 0 && fits >= offer.max_wnd.div_ceil(2);
    if worth_it || offer.sws_override == Override::Expired {
        Cut::Send { octets: fits }
    } else {
        Cut::WindowIsSmall
    }
}

/// Whether the last, small segment of what is queued may go.
fn tail_may_go(offer: &Offer, mss: u32) -> bool {
    offer.stream == Stream::Ending
        || offer.unsent.is_multiple_of(mss)
        || offer.sws_override == Override::Expired
        || (offer.cork == Cork::Out
            && (offer.nagle == Nagle::Off || (offer.in_flight == 0 && offer.unsent < mss)))
}
