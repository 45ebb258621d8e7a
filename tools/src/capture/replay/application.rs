//! What our application did, as far as a capture tells: what was sent had been written, a FIN had
//! been asked for, a window that opened had been read.
//!
//! A segment without PSH shows that more was written already, so all text up to the next PSH or FIN
//! counts as written when its first octet was sent. Nagle's algorithm is off if a small segment ever
//! left while something was in flight. Nothing here knows the stack that it is for.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sidestep_stack::wire::tcp::TcpFlags;

use super::conversation::{Conversation, Segment};
use crate::capture::pcapng::Direction;

/// What stands for text that was written, and of which the capture does not tell.
static MORE: [u8; 65_536] = [0; 65_536];

/// So many octets that the capture lacks are made up.
const HOLE_OCTETS_MAX: u32 = 1 << 24;

/// Something that the application does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Act {
    /// SEND.
    Write(Bytes),
    /// CLOSE in our direction.
    Close,
    /// ABORT.
    Abort,
}

/// What the application of one conversation does.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Application {
    /// For each segment of the conversation, what it does before it is sent.
    pub(super) acts: Vec<Vec<Act>>,
    /// The silence before the first keep-alive probe, if one was sent.
    pub(super) keep_alive: Option<Duration>,
    /// Nagle's algorithm (RFC 9293 §3.7.4) is off.
    pub(super) no_delay: bool,
    /// Octets that the capture lacks, and that are zeroes here.
    pub(super) hole_octets: u64,
}

impl Application {
    /// What `conversation` tells.
    pub(super) fn of(conversation: &Conversation) -> Self {
        let mut inference = Inference {
            application: Self {
                acts: vec![Vec::new(); conversation.segments.len()],
                ..Self::default()
            },
            start: None,
            sent: 0,
            fin_is_sent: false,
            burst: None,
            heard_at: 0,
            acked: 0,
            full_octets: full_octets(conversation),
        };
        for (place, segment) in conversation.segments.iter().enumerate() {
            inference.sees(place, segment);
        }
        if let Some(burst) = &mut inference.burst {
            burst.text.extend_from_slice(&MORE);
        }
        inference.end_burst();
        inference.application
    }
}

/// Text that was written at once.
struct Burst {
    /// The segment that it began with.
    place: usize,
    text: BytesMut,
}

struct Inference {
    application: Application,
    /// The number of our first octet.
    start: Option<u32>,
    /// Octets of text that were sent.
    sent: u32,
    fin_is_sent: bool,
    burst: Option<Burst>,
    /// When the peer was last heard of.
    heard_at: u64,
    /// Octets of text that the peer acknowledged.
    acked: u32,
    /// The most text of one segment.
    full_octets: usize,
}

/// SND.MSS, as the handshake agreed on it.
fn full_octets(conversation: &Conversation) -> usize {
    let syn = |direction| {
        conversation
            .segments
            .iter()
            .find(|it| it.direction == direction && it.has(TcpFlags::SYN))
            .map(|it| &it.header.options)
    };
    let (ours, theirs) = (syn(Direction::Out), syn(Direction::In));
    let default = if conversation.local.is_ipv4() {
        536
    } else {
        1_220
    };
    let mss = theirs.and_then(|it| it.mss).unwrap_or(default);
    let ours_mss = ours.and_then(|it| it.mss).unwrap_or(u16::MAX);
    let stamps = [ours, theirs].map(|it| it.is_some_and(|it| it.timestamps.is_some()));
    let options = if stamps == [true, true] { 12 } else { 0 };
    usize::from(mss.min(ours_mss).saturating_sub(options))
}

impl Inference {
    fn sees(&mut self, place: usize, segment: &Segment) {
        if segment.direction == Direction::In {
            self.heard_at = segment.at_nanos;
            if let (Some(start), true) = (self.start, segment.has(TcpFlags::ACK)) {
                let acked = segment.header.ack.raw().wrapping_sub(start);
                if acked.wrapping_sub(self.acked) <= self.sent.wrapping_sub(self.acked) {
                    self.acked = acked;
                }
            }
            return;
        }
        let seq = segment.header.seq.raw();
        if segment.has(TcpFlags::SYN) {
            self.start.get_or_insert(seq.wrapping_add(1));
            return;
        }
        if segment.has(TcpFlags::RST) {
            self.end_burst();
            self.act(place, Act::Abort);
            return;
        }
        let Some(start) = self.start else { return };
        let position = seq.wrapping_sub(start);
        self.note_keep_alive(position, segment);
        self.take_text(place, position, segment);
        if segment.has(TcpFlags::FIN) && !self.fin_is_sent {
            self.fin_is_sent = true;
            // With text in front of it, it was asked for before that was sent.
            let at = self.burst.as_ref().map_or(place, |it| it.place);
            self.end_burst();
            self.act(at, Act::Close);
        } else if segment.has(TcpFlags::PSH) {
            self.end_burst();
        }
    }

    fn take_text(&mut self, place: usize, position: u32, segment: &Segment) {
        let end = position.wrapping_add(segment.text.len() as u32);
        let ahead = end.wrapping_sub(self.sent);
        // Sent before, or from another lap.
        if segment.text.is_empty() || ahead == 0 || ahead > u32::MAX / 2 {
            return;
        }
        let is_last = segment.has(TcpFlags::PSH) && !segment.has(TcpFlags::FIN);
        if is_last && segment.text.len() < self.full_octets && self.acked != self.sent {
            self.application.no_delay = true;
        }
        let burst = self.burst.get_or_insert_with(|| Burst {
            place,
            text: BytesMut::new(),
        });
        let new = (ahead as usize).min(segment.text.len());
        let hole = ahead - new as u32;
        if hole > HOLE_OCTETS_MAX {
            return;
        }
        let whole = burst.text.len() + hole as usize;
        burst.text.resize(whole, 0);
        burst
            .text
            .extend_from_slice(&segment.text[segment.text.len() - new..]);
        self.application.hole_octets += u64::from(hole);
        self.sent = end;
    }

    /// RFC 9293 §3.8.4: SEG.SEQ = SND.NXT-1.
    fn note_keep_alive(&mut self, position: u32, segment: &Segment) {
        let nxt = self.sent + u32::from(self.fin_is_sent);
        let is_probe = position.wrapping_add(1) == nxt && segment.seg_len() == 0;
        if is_probe && self.application.keep_alive.is_none() {
            let silence = Duration::from_nanos(segment.at_nanos - self.heard_at);
            // The timer of a real machine fires a little late.
            let tenths = (silence.as_millis() + 20) / 100;
            let whole = Duration::from_millis(u64::try_from(tenths).unwrap_or(1) * 100);
            self.application.keep_alive = Some(whole.max(Duration::from_millis(100)));
        }
    }

    fn end_burst(&mut self) {
        if let Some(Burst { place, text }) = self.burst.take() {
            self.act(place, Act::Write(text.freeze()));
        }
    }

    fn act(&mut self, place: usize, act: Act) {
        if let Some(acts) = self.application.acts.get_mut(place) {
            acts.push(act);
        }
    }
}
