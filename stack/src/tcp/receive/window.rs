//! RCV.WND (RFC 9293 §3.8.6): how much the peer may send, and the receiver's side of silly-window
//! avoidance (§3.8.6.2.2, MUST-39).
//!
//! `output.rs` advertises it, `arrives/check_sequence.rs` tests against it, `call/receive.rs` asks
//! whether the peer should hear of new room. What was advertised is never taken back (SHLD-14).

use crate::base::SeqNumber;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct ReceiveWindow {
    /// RCV.NXT + RCV.WND, as advertised: it never moves back.
    edge: SeqNumber,
    buffer_octets: u32,
    /// Rcv.Wind.Shift (RFC 7323 §2.2).
    shift: u8,
}

/// The largest window that can be told (RFC 7323 §2.3).
const WINDOW_OCTETS_MAX: u32 = 65_535 << 14;

impl ReceiveWindow {
    /// Nothing is advertised yet.
    pub(crate) fn new(nxt: SeqNumber, buffer_octets: usize, shift: u8) -> Self {
        Self {
            edge: nxt,
            buffer_octets: clamp(buffer_octets),
            shift,
        }
    }

    /// RCV.WND.
    pub(crate) const fn wnd(&self, nxt: SeqNumber) -> u32 {
        let ahead = nxt.distance_to(self.edge);
        // A FIN may lie one beyond the edge of a window that was full to the last octet.
        if ahead > i32::MAX as u32 { 0 } else { ahead }
    }

    /// RCV.NXT + RCV.WND.
    pub(crate) const fn edge(&self) -> SeqNumber {
        self.edge
    }

    /// What was advertised before this half was made anew.
    pub(crate) const fn restore_edge(&mut self, edge: SeqNumber) {
        self.edge = edge;
    }

    /// Rcv.Wind.Shift.
    pub(crate) const fn shift(&self) -> u8 {
        self.shift
    }

    /// The most octets that wait for RECEIVE.
    pub(crate) const fn buffer_octets(&self) -> u32 {
        self.buffer_octets
    }

    /// The user wants a larger or smaller buffer; the edge stays.
    pub(crate) fn set_buffer_octets(&mut self, buffer_octets: usize) {
        self.buffer_octets = clamp(buffer_octets);
    }

    /// The largest window that can be told, given the buffer and the shift.
    fn largest(&self) -> u32 {
        self.buffer_octets.min(u32::from(u16::MAX) << self.shift)
    }

    /// Where the edge could be, with `unread_octets` waiting for RECEIVE and segments of `mss`.
    fn best_edge(&self, nxt: SeqNumber, unread_octets: usize, mss: u32) -> SeqNumber {
        let room = self.buffer_octets.saturating_sub(clamp(unread_octets));
        let best = nxt + room.min(self.largest());
        let grows = self.edge.is_before(best);
        if grows && self.edge.distance_to(best) >= self.worthwhile(mss) {
            best
        } else {
            self.edge
        }
    }

    /// min (Fr * RCV.BUFF, Eff.snd.MSS), Fr = 1/2.
    fn worthwhile(&self, mss: u32) -> u32 {
        (self.largest() / 2).min(mss).max(1)
    }

    /// The window field of a segment without SYN. From now on the peer may use what it says.
    pub(crate) fn advertise(&mut self, nxt: SeqNumber, unread_octets: usize, mss: u32) -> u16 {
        self.edge = self.best_edge(nxt, unread_octets, mss);
        // Rounded up, so that the edge never seems to move back (RFC 7323 §2.4). It fits: the edge
        // was never further from any earlier RCV.NXT than the field can say.
        let field = self
            .wnd(nxt)
            .div_ceil(1 << self.shift)
            .min(u32::from(u16::MAX));
        self.edge = self.edge.later_of(nxt + (field << self.shift));
        field as u16
    }

    /// The window field of a SYN or SYN-ACK, which is never scaled (RFC 7323 §2.2).
    pub(crate) fn advertise_unscaled(&mut self, nxt: SeqNumber) -> u16 {
        let field = self.buffer_octets.min(u32::from(u16::MAX));
        self.edge = nxt + field;
        field as u16
    }

    /// True if the peer should hear now that the edge moved: its window is half used up and there
    /// is a worthwhile gain, or a quarter of the buffer became free.
    pub(crate) fn deserves_update(&self, nxt: SeqNumber, unread_octets: usize, mss: u32) -> bool {
        let best = self.best_edge(nxt, unread_octets, mss);
        let gain = self.edge.distance_to(best);
        if gain == 0 {
            return false;
        }
        self.wnd(nxt) < self.largest() / 2 || gain >= self.largest() / 4
    }
}

fn clamp(octets: usize) -> u32 {
    u32::try_from(octets).map_or(WINDOW_OCTETS_MAX, |it| it.min(WINDOW_OCTETS_MAX))
}
