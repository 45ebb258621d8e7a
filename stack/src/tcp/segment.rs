//! An arriving segment: header and text, as SEG.* of RFC 9293 §3.3.1.
//!
//! `input.rs` makes it, `arrives/*` trims it to the window and takes the text out. A superpacket that
//! stands for many segments is one segment here.

use bytes::Bytes;

use crate::base::SeqNumber;
use crate::socket::FourTuple;
use crate::wire::protocol::Ecn;
use crate::wire::tcp::{TcpFlags, TcpHeader};
use crate::wire::tcp_options::TcpOptions;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// The two ends, seen from here.
    pub(crate) tuple: FourTuple,
    /// SEG.SEQ.
    pub(crate) seq: SeqNumber,
    /// SEG.ACK; meaningless without ACK.
    pub(crate) ack: SeqNumber,
    /// The control bits.
    pub(crate) flags: TcpFlags,
    /// SEG.WND as in the header.
    pub(crate) wnd: u16,
    /// SEG.UP; meaningless without URG.
    pub(crate) up: u16,
    /// The options.
    pub(crate) options: TcpOptions,
    /// The text.
    pub(crate) text: Bytes,
    /// How large the frame is that the text is a part of, in octets.
    pub(crate) frame_octets: usize,
    /// How many segments of the wire it stands for.
    pub(crate) segments: u32,
    /// The ECN field of the packet.
    pub(crate) ecn: Ecn,
    /// SEG.SEQ as it arrived, whatever was trimmed since.
    pub(crate) seq_on_arrival: SeqNumber,
}

impl Segment {
    /// From a parsed header and the text that follows it.
    pub(crate) fn new(
        tuple: FourTuple,
        header: &TcpHeader,
        text: Bytes,
        frame_octets: usize,
    ) -> Self {
        Self {
            tuple,
            seq: header.seq,
            ack: header.ack,
            flags: header.flags,
            wnd: header.window,
            up: header.urgent_pointer,
            options: header.options,
            text,
            frame_octets,
            segments: 1,
            ecn: Ecn::NotCapable,
            seq_on_arrival: header.seq,
        }
    }

    /// True if the control bit `flag` is set.
    pub(crate) const fn has(&self, flag: TcpFlags) -> bool {
        self.flags.contains(flag)
    }

    /// SEG.LEN: octets of text, and one each for SYN and FIN.
    pub(crate) const fn seg_len(&self) -> u32 {
        self.text.len() as u32 + self.has(TcpFlags::SYN) as u32 + self.has(TcpFlags::FIN) as u32
    }

    /// The number after the last one that it occupies.
    pub(crate) fn end(&self) -> SeqNumber {
        self.seq + self.seg_len()
    }

    /// Cuts everything before `nxt`, SYN and FIN included.
    pub(crate) fn trim_front(&mut self, nxt: SeqNumber) {
        if !self.seq.is_before(nxt) {
            return;
        }
        let mut old = self.seq.distance_to(nxt);
        if self.has(TcpFlags::SYN) {
            self.flags = self.flags.without(TcpFlags::SYN);
            old -= 1;
        }
        let text = (old as usize).min(self.text.len());
        let _ = self.text.split_to(text);
        if old as usize > text {
            self.flags = self.flags.without(TcpFlags::FIN);
        }
        self.seq = nxt;
    }

    /// Cuts everything from `edge` on, FIN included.
    pub(crate) fn trim_back(&mut self, edge: SeqNumber) {
        if !edge.is_before(self.end()) {
            return;
        }
        self.flags = self.flags.without(TcpFlags::FIN);
        let room = if self.seq.is_before(edge) {
            self.seq.distance_to(edge) - u32::from(self.has(TcpFlags::SYN))
        } else {
            0
        };
        self.text.truncate(room as usize);
    }

    /// Cuts text and FIN.
    pub(crate) fn drop_text(&mut self) {
        self.text = Bytes::new();
        self.flags = self.flags.without(TcpFlags::FIN);
    }
}
