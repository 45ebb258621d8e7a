//! Claims about a segment that read like a line of a packet trace.
//!
//! `see("SA").ack(101).mss(1460)` says what must be so and leaves the rest open; a
//! [`Scene`](crate::scene::Scene) checks it against the next segment that the stack emits. PSH is
//! looked at only where the letters name it, because most claims do not care.

use std::fmt::Write as _;

use crate::craft::{Segment, flags, flags_of, letters_of};

/// What the next segment must look like.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    flags: u8,
    push: bool,
    any_ack: bool,
    seq: Option<u32>,
    ack: Option<u32>,
    window: Option<u16>,
    octets: Option<usize>,
    text: Option<Vec<u8>>,
    mss: Option<Option<u16>>,
    scale: Option<Option<u8>>,
    sack_permitted: Option<bool>,
    stamps_echo: Option<u32>,
    sack: Option<Vec<(u32, u32)>>,
}

/// A segment with exactly these control bits: `"S"`, `"SA"`, `"A"`, `"FA"`, `"R"`, `"RA"`.
pub fn see(letters: &str) -> Expect {
    let bits = flags_of(letters);
    Expect {
        flags: bits & !flags::PSH,
        push: bits & flags::PSH != 0,
        ..Expect::default()
    }
}

/// A RST, whether or not it has an ACK: an abort may do either (RFC 9293 §3.10.5).
pub fn see_any_reset() -> Expect {
    Expect {
        any_ack: true,
        ..see("R")
    }
}

impl Expect {
    /// SEG.SEQ.
    pub fn seq(mut self, seq: u32) -> Self {
        self.seq = Some(seq);
        self
    }

    /// SEG.ACK.
    pub fn ack(mut self, ack: u32) -> Self {
        self.ack = Some(ack);
        self
    }

    /// SEG.WND as it stands in the header.
    pub fn window(mut self, window: u16) -> Self {
        self.window = Some(window);
        self
    }

    /// So many octets of text.
    pub fn octets(mut self, octets: usize) -> Self {
        self.octets = Some(octets);
        self
    }

    /// No text.
    pub fn bare(self) -> Self {
        self.octets(0)
    }

    /// This text.
    pub fn text(mut self, text: impl AsRef<[u8]>) -> Self {
        self.text = Some(text.as_ref().to_vec());
        self
    }

    /// This maximum segment size, or none.
    pub fn mss(mut self, mss: impl Into<Option<u16>>) -> Self {
        self.mss = Some(mss.into());
        self
    }

    /// This window scale, or none.
    pub fn scale(mut self, scale: impl Into<Option<u8>>) -> Self {
        self.scale = Some(scale.into());
        self
    }

    /// Whether SACK is permitted.
    pub fn sack_permitted(mut self, permitted: bool) -> Self {
        self.sack_permitted = Some(permitted);
        self
    }

    /// This TSecr.
    pub fn echo(mut self, echo: u32) -> Self {
        self.stamps_echo = Some(echo);
        self
    }

    /// These SACK blocks, in this order.
    pub fn sack(mut self, blocks: &[(u32, u32)]) -> Self {
        self.sack = Some(blocks.to_vec());
        self
    }

    /// What is not as it must be; empty if all is.
    pub fn differences(&self, seen: &Segment) -> String {
        let mut list = String::new();
        let left_open = if self.any_ack { flags::ACK } else { 0 } | flags::PSH;
        if seen.flags & !left_open != self.flags || (self.push && !seen.has("P")) {
            let push = if self.push { flags::PSH } else { 0 };
            let want = letters_of(self.flags | push);
            let _ = write!(list, " flags {} (want {want})", letters_of(seen.flags));
        }
        differs(&mut list, "seq", self.seq, seen.seq);
        differs(&mut list, "ack", self.ack, seen.ack);
        differs(&mut list, "window", self.window, seen.window);
        differs(&mut list, "octets", self.octets, seen.text.len());
        differs(&mut list, "mss", self.mss, seen.mss());
        differs(&mut list, "scale", self.scale, seen.scale());
        differs(
            &mut list,
            "sack permitted",
            self.sack_permitted,
            seen.sack_permitted(),
        );
        let echo = seen.stamps().map(|(_, echo)| echo);
        differs(&mut list, "echo", self.stamps_echo.map(Some), echo);
        differs(&mut list, "sack", self.sack.clone(), seen.sack_blocks());
        if self.text.as_ref().is_some_and(|text| *text != seen.text) {
            let want = self.text.as_deref().unwrap_or_default();
            let _ = write!(list, " text {:02x?} (want {want:02x?})", seen.text);
        }
        list
    }
}

fn differs<T: PartialEq + std::fmt::Debug>(
    list: &mut String,
    name: &str,
    want: Option<T>,
    seen: T,
) {
    if let Some(want) = want.filter(|want| *want != seen) {
        let _ = write!(list, " {name} {seen:?} (want {want:?})");
    }
}

/// A packet as one line of a trace; garbage is shown as its first octets.
pub fn line_of(packet: &[u8]) -> String {
    line_of_tcp(packet).unwrap_or_else(|| {
        let head = &packet[..packet.len().min(48)];
        format!("{} octets {head:02x?}", packet.len())
    })
}

fn line_of_tcp(packet: &[u8]) -> Option<String> {
    let sliced = etherparse::SlicedPacket::from_ip(packet).ok()?;
    let Some(etherparse::TransportSlice::Tcp(tcp)) = &sliced.transport else {
        return None;
    };
    let bits = *tcp.slice().get(13)?;
    let mut line = format!(
        "{}→{} {} seq {} ack {} win {} len {}",
        tcp.source_port(),
        tcp.destination_port(),
        letters_of(bits),
        tcp.sequence_number(),
        tcp.acknowledgment_number(),
        tcp.window_size(),
        tcp.payload().len()
    );
    if !tcp.options().is_empty() {
        let _ = write!(line, " options {:02x?}", tcp.options());
    }
    if tcp.urg() {
        let _ = write!(line, " urgent {}", tcp.urgent_pointer());
    }
    Some(line)
}
