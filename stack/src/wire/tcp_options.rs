//! TCP options: our own walk, because etherparse's iterator stops at the first unknown kind.
//!
//! Called by `wire/tcp.rs` only. RFC 9293 §3.1 and §3.2 (EOL, NOP, MSS, unknown kinds), RFC 7323
//! (window scale, timestamps), RFC 2018 (SACK), RFC 5482 (user timeout). It never decides whether
//! an option is acceptable on this segment: that is `tcp/negotiate.rs`.

use crate::base::SeqNumber;

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
            }; 4],
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
}
