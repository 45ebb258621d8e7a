//! TCP options: our own walk, because etherparse's iterator stops at the first unknown kind.
//!
//! Called by `wire/tcp.rs` only. RFC 9293 §3.1 and §3.2 (EOL, NOP, MSS, unknown kinds), RFC 7323
//! (window scale, timestamps), RFC 2018 (SACK), RFC 5482 (user timeout), RFC 7413 (Fast Open). It never
//! decides whether an option is acceptable on this segment: that is `tcp/negotiate.rs`.

use thiserror::Error;

use crate::base::SeqNumber;

/// The most octets that options can take: a data offset of 15 words leaves ten after the header.
pub const OPTIONS_OCTETS_MAX: usize = 40;

/// An option that cannot be: the whole segment is discarded (RFC 9293 §3.1, MUST-7).
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum TcpOptionRejected {
    /// The header ends after the kind, where the length should be.
    #[error("option {kind} has no length")]
    NoLength {
        /// The option's kind.
        kind: u8,
    },
    /// A length counts its own two octets, so it cannot be 0 or 1.
    #[error("option {kind} has the impossible length {length_octets}")]
    TooShort {
        /// The option's kind.
        kind: u8,
        /// Its length field.
        length_octets: u8,
    },
    /// The option ends beyond the header.
    #[error("option {kind} has {length_octets} octets, the header has {have_octets} left")]
    Overrun {
        /// The option's kind.
        kind: u8,
        /// Its length field.
        length_octets: u8,
        /// What is left of the header, from the kind on.
        have_octets: usize,
    },
}

/// Kinds and lengths (IANA "TCP Option Kind Numbers"). Lengths count kind and length.
mod kind {
    pub(super) const EOL: u8 = 0;
    pub(super) const NOP: u8 = 1;
    pub(super) const MSS: u8 = 2;
    pub(super) const WINDOW_SCALE: u8 = 3;
    pub(super) const SACK_PERMITTED: u8 = 4;
    pub(super) const SACK: u8 = 5;
    pub(super) const TIMESTAMPS: u8 = 8;
    pub(super) const USER_TIMEOUT: u8 = 28;
    pub(super) const FAST_OPEN: u8 = 34;
}

/// Octets of one SACK block.
const SACK_BLOCK_OCTETS: usize = 8;
/// Octets of each option as we emit it, with the NOPs that align it to a word.
const MSS_OCTETS: usize = 4;
const TIMESTAMPS_OCTETS: usize = 12;
const SACK_PERMITTED_OCTETS: usize = 4;
const WINDOW_SCALE_OCTETS: usize = 4;
const USER_TIMEOUT_OCTETS: usize = 4;
const SACK_HEADER_OCTETS: usize = 4;
/// The bits of a user timeout that are its value; the one above is its granularity (RFC 5482 §3).
const USER_TIMEOUT_VALUE: u16 = 0x7fff;

/// The longest and the shortest cookie of Fast Open (RFC 7413 §2).
pub const FAST_OPEN_COOKIE_OCTETS_MAX: usize = 16;
const FAST_OPEN_COOKIE_OCTETS_MIN: usize = 4;

/// The Fast Open option (RFC 7413 §4.1.1): a cookie, or without one the request for one.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct FastOpen {
    cookie: [u8; FAST_OPEN_COOKIE_OCTETS_MAX],
    octets: u8,
}

impl FastOpen {
    /// The request for a cookie.
    pub const REQUEST: Self = Self {
        cookie: [0; FAST_OPEN_COOKIE_OCTETS_MAX],
        octets: 0,
    };

    /// With `cookie`; `None` unless it has an even number of octets from 4 to 16, or none.
    pub fn new(cookie: &[u8]) -> Option<Self> {
        let octets = cookie.len();
        let fits = (FAST_OPEN_COOKIE_OCTETS_MIN..=FAST_OPEN_COOKIE_OCTETS_MAX).contains(&octets);
        if octets != 0 && (!fits || !octets.is_multiple_of(2)) {
            return None;
        }
        let mut option = Self::REQUEST;
        for (room, octet) in option.cookie.iter_mut().zip(cookie) {
            *room = *octet;
        }
        option.octets = octets as u8;
        Some(option)
    }

    /// The cookie; empty for a request.
    pub fn cookie(&self) -> &[u8] {
        &self.cookie[..usize::from(self.octets)]
    }

    /// True if it asks for a cookie.
    pub const fn is_request(&self) -> bool {
        self.octets == 0
    }

    /// Octets of the option in a header, padded to a word.
    pub const fn option_octets(&self) -> usize {
        (2 + self.octets as usize).next_multiple_of(4)
    }
}

/// RFC 7323 §3.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Timestamps {
    /// TSval.
    pub value: u32,
    /// TSecr.
    pub echo_reply: u32,
}

/// One block of octets that arrived (RFC 2018 §3): `left` is the first, `right` one past the last.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct SackBlock {
    /// First sequence number of the block.
    pub left: SeqNumber,
    /// The sequence number just after the block.
    pub right: SeqNumber,
}

/// The most SACK blocks that fit into one header.
pub const SACK_BLOCKS_MAX: usize = 4;

/// Up to four SACK blocks, in the order of the header.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct SackBlocks {
    blocks: [SackBlock; SACK_BLOCKS_MAX],
    len: u8,
}

impl SackBlocks {
    /// No blocks.
    pub const fn new() -> Self {
        Self {
            blocks: [SackBlock {
                left: SeqNumber::new(0),
                right: SeqNumber::new(0),
            }; SACK_BLOCKS_MAX],
            len: 0,
        }
    }

    /// Appends a block; a fifth is ignored.
    pub fn push(&mut self, block: SackBlock) {
        if let Some(room) = self.blocks.get_mut(self.len as usize) {
            *room = block;
            self.len += 1;
        }
    }

    /// The blocks.
    pub fn as_slice(&self) -> &[SackBlock] {
        &self.blocks[..self.len as usize]
    }

    /// True if there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The options of one segment that we understand. Unknown kinds are skipped by their length.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct TcpOptions {
    /// Maximum segment size (kind 2).
    pub mss: Option<u16>,
    /// Window scale shift as it stands in the header (kind 3).
    pub window_scale: Option<u8>,
    /// SACK permitted (kind 4).
    pub sack_permitted: bool,
    /// SACK blocks (kind 5).
    pub sack: SackBlocks,
    /// Timestamps (kind 8).
    pub timestamps: Option<Timestamps>,
    /// User timeout as it stands in the header: granularity bit and 15 bits of value (kind 28).
    pub user_timeout: Option<u16>,
    /// Fast Open (kind 34).
    pub fast_open: Option<FastOpen>,
}

impl TcpOptions {
    /// No options.
    pub const fn new() -> Self {
        Self {
            mss: None,
            window_scale: None,
            sack_permitted: false,
            sack: SackBlocks::new(),
            timestamps: None,
            user_timeout: None,
            fast_open: None,
        }
    }

    /// Walks the options of a header: `area` is what lies between octet 20 and the data offset.
    ///
    /// Alignment does not matter (MUST-64). Unknown kinds are skipped by their length (MUST-6,
    /// MUST-68); what follows the end of the list is ignored (MUST-69). An option whose length fits
    /// the header but not its kind is ignored, and so is a repeat: the first one counts.
    ///
    /// # Errors
    ///
    /// [`TcpOptionRejected`] if a length is impossible. The walk advances at least one octet with each
    /// step, so it ends after 40 of them at the latest.
    pub fn parse(area: &[u8]) -> Result<Self, TcpOptionRejected> {
        let mut options = Self::new();
        let mut rest = area;
        while let [kind, after @ ..] = rest {
            match *kind {
                kind::EOL => break,
                kind::NOP => rest = after,
                kind => {
                    let Some(length_octets) = after.first().copied() else {
                        return Err(TcpOptionRejected::NoLength { kind });
                    };
                    let length = usize::from(length_octets);
                    if length < 2 {
                        return Err(TcpOptionRejected::TooShort {
                            kind,
                            length_octets,
                        });
                    }
                    let Some((option, next)) = rest.split_at_checked(length) else {
                        return Err(TcpOptionRejected::Overrun {
                            kind,
                            length_octets,
                            have_octets: rest.len(),
                        });
                    };
                    options.take(kind, &option[2..]);
                    rest = next;
                }
            }
        }
        Ok(options)
    }

    /// Takes one option with its `value`, if we know the kind, its length is right and it is the
    /// first of its kind.
    fn take(&mut self, kind: u8, value: &[u8]) {
        match (kind, value) {
            (kind::MSS, &[a, b]) => {
                self.mss.get_or_insert(u16::from_be_bytes([a, b]));
            }
            (kind::WINDOW_SCALE, &[shift]) => {
                self.window_scale.get_or_insert(shift);
            }
            (kind::SACK_PERMITTED, &[]) => self.sack_permitted = true,
            (kind::SACK, blocks) => self.take_sack(blocks),
            (kind::TIMESTAMPS, &[a, b, c, d, e, f, g, h]) => {
                self.timestamps.get_or_insert(Timestamps {
                    value: u32::from_be_bytes([a, b, c, d]),
                    echo_reply: u32::from_be_bytes([e, f, g, h]),
                });
            }
            // RFC 5482 §3.4: a value of zero is ignored.
            (kind::USER_TIMEOUT, &[a, b]) => {
                let timeout = u16::from_be_bytes([a, b]);
                if timeout & USER_TIMEOUT_VALUE != 0 {
                    self.user_timeout.get_or_insert(timeout);
                }
            }
            // RFC 7413 §4.1.1: a cookie of another length is ignored.
            (kind::FAST_OPEN, cookie) if self.fast_open.is_none() => {
                self.fast_open = FastOpen::new(cookie);
            }
            // An unknown kind (MUST-6), or a known one with a length that is not its own.
            _ => {}
        }
    }

    fn take_sack(&mut self, value: &[u8]) {
        let (blocks, rest) = value.as_chunks::<SACK_BLOCK_OCTETS>();
        if !self.sack.is_empty() || !rest.is_empty() {
            return;
        }
        for &[a, b, c, d, e, f, g, h] in blocks {
            self.sack.push(SackBlock {
                left: SeqNumber::new(u32::from_be_bytes([a, b, c, d])),
                right: SeqNumber::new(u32::from_be_bytes([e, f, g, h])),
            });
        }
    }

    /// Octets that the options take in a header, padding included: always a multiple of four.
    ///
    /// `tcp/output.rs` takes them off the room for text (RFC 6691 §2).
    pub const fn octets(&self) -> usize {
        let others = self.octets_without_sack();
        match self.sack_blocks_that_fit(others) {
            0 => others,
            blocks => others + SACK_HEADER_OCTETS + blocks * SACK_BLOCK_OCTETS,
        }
    }

    const fn octets_without_sack(&self) -> usize {
        let mut octets = 0;
        if self.mss.is_some() {
            octets += MSS_OCTETS;
        }
        if self.timestamps.is_some() {
            // SACK-permitted takes the place of the two NOPs.
            octets += TIMESTAMPS_OCTETS;
        } else if self.sack_permitted {
            octets += SACK_PERMITTED_OCTETS;
        }
        if self.window_scale.is_some() {
            octets += WINDOW_SCALE_OCTETS;
        }
        if self.emits_user_timeout() {
            octets += USER_TIMEOUT_OCTETS;
        }
        if let Some(fast_open) = &self.fast_open
            && octets + fast_open.option_octets() <= OPTIONS_OCTETS_MAX
        {
            octets += fast_open.option_octets();
        }
        octets
    }

    const fn emits_user_timeout(&self) -> bool {
        // RFC 5482 §3.4: a value of zero is never sent.
        matches!(self.user_timeout, Some(timeout) if timeout & USER_TIMEOUT_VALUE != 0)
    }

    const fn sack_blocks_that_fit(&self, others: usize) -> usize {
        let room = OPTIONS_OCTETS_MAX.saturating_sub(others + SACK_HEADER_OCTETS);
        let fit = room / SACK_BLOCK_OCTETS;
        let have = self.sack.len as usize;
        if have < fit { have } else { fit }
    }

    /// Writes the options in the customary order and alignment: every option begins so that its
    /// 32-bit fields lie on words, NOPs fill up in front, and whatever might be left over is zero
    /// (MUST-69). SACK blocks come last, as many as fit, the first ones first.
    pub(super) fn emit(&self) -> EmittedOptions {
        let mut out = EmittedOptions::new();
        if let Some(mss) = self.mss {
            out.push(&[kind::MSS, 4]);
            out.push(&mss.to_be_bytes());
        }
        match (self.sack_permitted, self.timestamps) {
            (true, Some(_)) => out.push(&[kind::SACK_PERMITTED, 2]),
            (true, None) => out.push(&[kind::NOP, kind::NOP, kind::SACK_PERMITTED, 2]),
            (false, Some(_)) => out.push(&[kind::NOP, kind::NOP]),
            (false, None) => {}
        }
        if let Some(timestamps) = self.timestamps {
            out.push(&[kind::TIMESTAMPS, 10]);
            out.push(&timestamps.value.to_be_bytes());
            out.push(&timestamps.echo_reply.to_be_bytes());
        }
        if let Some(shift) = self.window_scale {
            out.push(&[kind::NOP, kind::WINDOW_SCALE, 3, shift]);
        }
        if let Some(timeout) = self.user_timeout.filter(|_| self.emits_user_timeout()) {
            out.push(&[kind::USER_TIMEOUT, 4]);
            out.push(&timeout.to_be_bytes());
        }
        if let Some(fast_open) = &self.fast_open
            && out.len + fast_open.option_octets() <= OPTIONS_OCTETS_MAX
        {
            let length = 2 + fast_open.cookie().len();
            // The NOPs in front align the end.
            for _ in length..fast_open.option_octets() {
                out.push(&[kind::NOP]);
            }
            out.push(&[kind::FAST_OPEN, length as u8]);
            out.push(fast_open.cookie());
        }
        let blocks = self.sack_blocks_that_fit(self.octets_without_sack());
        if blocks > 0 {
            let length = 2 + blocks * SACK_BLOCK_OCTETS;
            out.push(&[kind::NOP, kind::NOP, kind::SACK, length as u8]);
            for block in self.sack.as_slice().iter().take(blocks) {
                out.push(&block.left.raw().to_be_bytes());
                out.push(&block.right.raw().to_be_bytes());
            }
        }
        debug_assert_eq!(out.len, self.octets());
        out
    }
}

/// Options as octets, held in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct EmittedOptions {
    octets: [u8; OPTIONS_OCTETS_MAX],
    len: usize,
}

impl EmittedOptions {
    const fn new() -> Self {
        Self {
            octets: [0; OPTIONS_OCTETS_MAX],
            len: 0,
        }
    }

    fn push(&mut self, octets: &[u8]) {
        let end = self.len + octets.len();
        debug_assert!(end <= OPTIONS_OCTETS_MAX);
        if let Some(room) = self.octets.get_mut(self.len..end) {
            room.copy_from_slice(octets);
            self.len = end;
        }
    }

    /// The octets, up to the next word.
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.octets[..self.len.next_multiple_of(4)]
    }
}

#[cfg(test)]
mod tests;
