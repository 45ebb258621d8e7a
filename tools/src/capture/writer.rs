//! Writes pcapng (draft-ietf-opsawg-pcapng): nanoseconds, interfaces with names, comments.
//!
//! Commands, simulated worlds, watchers and the flight recorder write through it. The same calls
//! give the same octets on any machine; nothing is read from the host but what is passed in.

use std::io::{self, Write};

use super::pcapng::{BYTE_ORDER, Direction, LinkType, block, option};

/// The most octets of one comment: beyond that it is cut.
pub const COMMENT_OCTETS_MAX: usize = 4_096;

/// The most octets of a packet that are written.
const PACKET_OCTETS_MAX: usize = 262_144;

/// Names an interface of one capture.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct InterfaceId(u32);

/// What is said of an interface.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Interface {
    /// What it is called.
    pub name: String,
    /// What it is, for people; empty says nothing.
    pub description: String,
    /// What its packets begin with.
    pub link: LinkType,
}

impl Interface {
    /// An interface whose packets begin with an IP header.
    pub fn raw(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            link: LinkType::RAW,
        }
    }

    /// The same with a description.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }
}

/// A packet to be written.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// On which interface.
    pub interface: InterfaceId,
    /// When: nanoseconds since 1970, or since a world began.
    pub at_nanos: u64,
    /// Which way.
    pub direction: Direction,
    /// All of it.
    pub octets: &'a [u8],
    /// What is to be said about it; each becomes a comment of its own.
    pub comments: &'a [String],
    /// Packets of this interface that were lost since the one before.
    pub lost_before: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    interfaces: u32,
    block: Vec<u8>,
    packets: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a capture: a section header with our version.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn new(out: W) -> io::Result<Self> {
        let application = concat!("sidestep ", env!("CARGO_PKG_VERSION"));
        Self::with_application(out, application)
    }

    /// As [`new`](Self::new), in the name of another program.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn with_application(out: W, application: &str) -> io::Result<Self> {
        let mut writer = Self {
            out,
            interfaces: 0,
            block: Vec::new(),
            packets: 0,
        };
        writer.begin();
        writer.put32(BYTE_ORDER);
        writer.put16(1);
        writer.put16(0);
        // The length of the section is not known before its end.
        writer.put64(u64::MAX);
        writer.option(
            option::SHB_HARDWARE,
            b"none: packets of a stack in userspace",
        );
        writer.option(option::SHB_OS, std::env::consts::OS.as_bytes());
        writer.option(option::SHB_USER_APPLICATION, application.as_bytes());
        writer.end(block::SECTION_HEADER)?;
        Ok(writer)
    }

    /// Adds an interface.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn add_interface(&mut self, interface: &Interface) -> io::Result<InterfaceId> {
        const NANOSECONDS: u8 = 9;
        self.begin();
        self.put16(interface.link.0);
        self.put16(0);
        self.put32(PACKET_OCTETS_MAX as u32);
        self.option(option::IF_NAME, interface.name.as_bytes());
        if !interface.description.is_empty() {
            self.option(option::IF_DESCRIPTION, interface.description.as_bytes());
        }
        self.option(option::IF_TS_RESOLUTION, &[NANOSECONDS]);
        self.end(block::INTERFACE_DESCRIPTION)?;
        let id = InterfaceId(self.interfaces);
        self.interfaces += 1;
        Ok(id)
    }

    /// Writes a packet.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn packet(&mut self, packet: &Written<'_>) -> io::Result<()> {
        let octets = packet.octets;
        let kept = octets.get(..PACKET_OCTETS_MAX).unwrap_or(octets);
        self.begin();
        self.put32(packet.interface.0);
        self.put_time(packet.at_nanos);
        self.put32(kept.len() as u32);
        self.put32(octets.len() as u32);
        self.put_padded(kept);
        for comment in packet.comments {
            self.option(option::COMMENT, clip(comment).as_bytes());
        }
        let flags: u32 = match packet.direction {
            Direction::In => 1,
            Direction::Out => 2,
        };
        self.option(option::EPB_FLAGS, &flags.to_le_bytes());
        if packet.lost_before > 0 {
            self.option(option::EPB_DROP_COUNT, &packet.lost_before.to_le_bytes());
        }
        self.packets += 1;
        self.end(block::ENHANCED_PACKET)
    }

    /// Writes how many packets an interface saw and how many of them are not in the capture.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn statistics(
        &mut self,
        interface: InterfaceId,
        at_nanos: u64,
        counts: Counts,
    ) -> io::Result<()> {
        self.begin();
        self.put32(interface.0);
        self.put_time(at_nanos);
        self.option(option::ISB_RECEIVED, &counts.seen.to_le_bytes());
        self.option(option::ISB_DROPPED, &counts.lost.to_le_bytes());
        self.end(block::INTERFACE_STATISTICS)
    }

    /// How many packets were written.
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Has the output write what it holds back.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends the capture and gives the output back.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn begin(&mut self) {
        self.block.clear();
    }

    fn put16(&mut self, value: u16) {
        self.block.extend_from_slice(&value.to_le_bytes());
    }

    fn put32(&mut self, value: u32) {
        self.block.extend_from_slice(&value.to_le_bytes());
    }

    fn put64(&mut self, value: u64) {
        self.block.extend_from_slice(&value.to_le_bytes());
    }

    /// The upper half goes first, in either byte order (§4.3).
    fn put_time(&mut self, nanos: u64) {
        self.put32((nanos >> 32) as u32);
        self.put32(nanos as u32);
    }

    fn put_padded(&mut self, octets: &[u8]) {
        self.block.extend_from_slice(octets);
        let padded = self.block.len().next_multiple_of(4);
        self.block.resize(padded, 0);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
        self.put16(code);
        self.put16(value.len() as u16);
        self.put_padded(value);
    }

    /// Writes the block out, with its type and its length on both sides.
    fn end(&mut self, kind: u32) -> io::Result<()> {
        self.option(option::END, &[]);
        let length = (self.block.len() + 12) as u32;
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&self.block)?;
        self.out.write_all(&length.to_le_bytes())
    }
}

/// How many packets an interface saw.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// All of them.
    pub seen: u64,
    /// Those that are not in the capture.
    pub lost: u64,
}

/// At most [`COMMENT_OCTETS_MAX`] of `text`, cut between two characters.
fn clip(text: &str) -> &str {
    let mut end = text.len().min(COMMENT_OCTETS_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests;
