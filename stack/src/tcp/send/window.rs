//! SND.UNA, SND.NXT, SND.WND (RFC 9293 §3.4, §3.8.6): what may be in flight, as the peer sees it.
//!
//! `arrives/check_ack.rs` updates it, `output.rs` asks how much fits. All arithmetic survives a
//! window whose right edge was pulled back (MUST-34). It knows nothing of congestion.

use crate::base::SeqNumber;

/// How SEG.ACK stands to what was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AckStanding {
    /// SND.UNA < SEG.ACK =< SND.NXT: something new is acknowledged.
    New,
    /// SEG.ACK = SND.UNA.
    Repeated,
    /// SND.UNA - MAX.SND.WND =< SEG.ACK < SND.UNA (RFC 5961 §5.2).
    Old,
    /// Older than the peer can truthfully say.
    TooOld,
    /// SEG.ACK > SND.NXT: of something that was never sent.
    Future,
}

/// The send window.
#[derive(Clone, Debug)]
pub(crate) struct SendWindow {
    /// SND.UNA: the oldest number that is not acknowledged.
    pub(crate) una: SeqNumber,
    /// SND.NXT: the next number to be used for the first time.
    pub(crate) nxt: SeqNumber,
    /// SND.WND in octets, scaled (MUST-1: unsigned; REC-1: 32 bits).
    wnd: u32,
    /// SND.WL1: SEG.SEQ of the last window update.
    wl1: SeqNumber,
    /// SND.WL2: SEG.ACK of the last window update.
    wl2: SeqNumber,
    /// MAX.SND.WND: the largest window that the peer ever offered.
    max_wnd: u32,
    /// Snd.Wind.Shift (RFC 7323 §2.2).
    shift: u8,
}

impl SendWindow {
    /// Before the peer said anything.
    pub(crate) const fn new(iss: SeqNumber) -> Self {
        Self {
            una: iss,
            nxt: iss,
            wnd: 0,
            wl1: iss,
            wl2: iss,
            max_wnd: 0,
            shift: 0,
        }
    }

    /// SND.WND.
    pub(crate) const fn wnd(&self) -> u32 {
        self.wnd
    }

    /// MAX.SND.WND.
    pub(crate) const fn max_wnd(&self) -> u32 {
        self.max_wnd
    }

    /// Snd.Wind.Shift, agreed in the handshake.
    pub(crate) const fn shift(&self) -> u8 {
        self.shift
    }

    /// The handshake agreed on `shift` for the windows that the peer sends.
    pub(crate) const fn set_shift(&mut self, shift: u8) {
        self.shift = shift;
    }

    /// Octets between SND.UNA and SND.NXT.
    pub(crate) const fn in_flight(&self) -> u32 {
        self.una.distance_to(self.nxt)
    }

    /// SND.UNA + SND.WND.
    pub(crate) fn right_edge(&self) -> SeqNumber {
        self.una + self.wnd
    }

    /// How much may be sent beyond SND.NXT; zero while a shrunk window lies behind it.
    pub(crate) const fn usable(&self) -> u32 {
        self.wnd.saturating_sub(self.in_flight())
    }

    /// How SEG.ACK stands.
    pub(crate) fn standing_of(&self, ack: SeqNumber) -> AckStanding {
        if ack == self.una {
            AckStanding::Repeated
        } else if self.una.is_before(ack) {
            if ack.is_at_or_before(self.nxt) {
                AckStanding::New
            } else {
                AckStanding::Future
            }
        } else if ack.distance_to(self.una) <= self.max_wnd {
            AckStanding::Old
        } else {
            AckStanding::TooOld
        }
    }

    /// SND.UNA moves on to `ack`. The right edge stays: only a window update moves it.
    pub(crate) fn acknowledge(&mut self, ack: SeqNumber) {
        self.wnd = self.wnd.saturating_sub(self.una.distance_to(ack));
        self.una = ack;
    }

    /// RFC 9293 §3.10.7.4, fifth: SND.WND is taken from a segment that is not older than the last one
    /// that set it. `seg_wnd` as in the header.
    pub(crate) fn update(&mut self, seq: SeqNumber, ack: SeqNumber, seg_wnd: u16) {
        let newer = self.wl1.is_before(seq) || (self.wl1 == seq && self.wl2.is_at_or_before(ack));
        if newer {
            self.replace(seq, ack, u32::from(seg_wnd) << self.shift);
        }
    }

    /// The first window, from a segment with SYN: never scaled (RFC 7323 §2.2).
    pub(crate) fn begin(&mut self, seq: SeqNumber, ack: SeqNumber, seg_wnd: u16) {
        self.replace(seq, ack, u32::from(seg_wnd));
    }

    /// Everything up to `una` was sent and acknowledged; `wl1` is the next number of the peer.
    pub(crate) const fn restore(&mut self, una: SeqNumber, wl1: SeqNumber, wnd: u32, max_wnd: u32) {
        self.una = una;
        self.nxt = una;
        self.wnd = wnd;
        self.max_wnd = max_wnd;
        self.wl1 = wl1;
        self.wl2 = una;
    }

    fn replace(&mut self, seq: SeqNumber, ack: SeqNumber, wnd: u32) {
        self.wnd = wnd;
        self.max_wnd = self.max_wnd.max(wnd);
        self.wl1 = seq;
        self.wl2 = ack;
    }
}
