//! Reads captures: pcapng and classic pcap, in either byte order, with times in any resolution.
//!
//! Replay reads with it, and tests do. Whatever the octets say, it takes bounded memory and time:
//! a block or packet that is larger than any that makes sense is an error, not an allocation.

use std::io::{self, Read};

use thiserror::Error;

use super::pcapng::{
    BYTE_ORDER, CLASSIC_MICROS, CLASSIC_NANOS, Direction, LinkType, block, option,
};

/// No block is larger: the largest packets with long comments.
const BLOCK_OCTETS_MAX: u32 = 16 << 20;
/// No packet of classic pcap is larger.
const RECORD_OCTETS_MAX: u32 = 1 << 20;
/// More interfaces than that, and the file is nonsense.
const INTERFACES_MAX: usize = 4_096;
/// Comments of one packet that are kept.
const COMMENTS_MAX: usize = 64;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Why a capture cannot be read on.
#[derive(Debug, Error)]
pub enum ReadError {
    /// System: the input failed.
    #[error(transparent)]
    Input(#[from] io::Error),
    /// Caller: the file is neither pcapng nor pcap.
    #[error("no capture: it begins with {magic:#010x}")]
    NoCapture {
        /// Its first four octets, as a number in little endian.
        magic: u32,
    },
    /// Caller: the file ends within a block or record.
    #[error("the capture ends in the middle, at octet {at}")]
    Truncated {
        /// Where the block begins.
        at: u64,
    },
    /// Caller: a length in the file makes no sense.
    #[error("a block at octet {at} claims {octets} octets")]
    BadLength {
        /// Where the block begins.
        at: u64,
        /// What it claims.
        octets: u32,
    },
    /// Caller: a packet of an interface that was never described.
    #[error("a packet at octet {at} is of interface {interface}, which nobody described")]
    NoInterface {
        /// Where the block begins.
        at: u64,
        /// The interface's number.
        interface: u32,
    },
    /// Limit: more interfaces than make sense.
    #[error("more than {INTERFACES_MAX} interfaces")]
    TooManyInterfaces,
}

/// A packet of a capture.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Captured {
    /// The place of its interface in [`Reader::interfaces`].
    pub interface: usize,
    /// What it begins with.
    pub link: LinkType,
    /// Nanoseconds since 1970, or since whatever the writer counts from.
    pub at_nanos: u64,
    /// Which way it went, if the capture says so.
    pub direction: Option<Direction>,
    /// The frame, as far as it was captured.
    pub frame: Vec<u8>,
    /// How long it really was.
    pub original_octets: u32,
    /// What is said about it.
    pub comments: Vec<String>,
    /// Packets that the capture says it lacks, between the one before and this one.
    pub lost_before: u64,
}

impl Captured {
    /// The IP packet in it; `None` if there is none.
    pub fn ip_packet(&self) -> Option<&[u8]> {
        self.link.ip_packet(&self.frame)
    }

    /// True if only its beginning was captured.
    pub fn is_cut(&self) -> bool {
        (self.frame.len() as u64) < u64::from(self.original_octets)
    }
}

/// What a capture says of an interface.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InterfaceSeen {
    /// What its packets begin with.
    pub link: LinkType,
    /// Its name, if it has one.
    pub name: Option<String>,
    resolution: Resolution,
    /// Seconds that are added to each time.
    offset_seconds: i64,
}

/// How long a tick of an interface's clock is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Resolution {
    ticks_per_second: u128,
}

impl Resolution {
    const MICROS: Self = Self {
        ticks_per_second: 1_000_000,
    };
    const NANOS: Self = Self {
        ticks_per_second: NANOS_PER_SECOND,
    };

    /// if_tsresol (§4.2): a negative power of 10, or of 2 if the top bit is set.
    fn of(value: u8) -> Self {
        let power = u32::from(value & 0x7f);
        let base: u128 = if value & 0x80 == 0 { 10 } else { 2 };
        Self {
            ticks_per_second: base.checked_pow(power).unwrap_or(u128::MAX),
        }
    }

    fn nanos(self, ticks: u64) -> u64 {
        let nanos = u128::from(ticks) * NANOS_PER_SECOND / self.ticks_per_second;
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    fn get16(self, octets: &[u8], at: usize) -> Option<u16> {
        let raw: [u8; 2] = octets.get(at..at + 2)?.try_into().ok()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(raw),
            Self::Big => u16::from_be_bytes(raw),
        })
    }

    fn get32(self, octets: &[u8], at: usize) -> Option<u32> {
        let raw: [u8; 4] = octets.get(at..at + 4)?.try_into().ok()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(raw),
            Self::Big => u32::from_be_bytes(raw),
        })
    }

    fn get64(self, octets: &[u8], at: usize) -> Option<u64> {
        let raw: [u8; 8] = octets.get(at..at + 8)?.try_into().ok()?;
        Some(match self {
            Self::Little => u64::from_le_bytes(raw),
            Self::Big => u64::from_be_bytes(raw),
        })
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Format {
    Pcapng,
    Classic,
}

/// See the module. An iterator over the packets; it ends with the file, or with the first error.
#[derive(Debug)]
pub struct Reader<R: Read> {
    input: R,
    format: Format,
    order: ByteOrder,
    interfaces: Vec<InterfaceSeen>,
    /// The first interface of the running section: numbers count from it.
    section_start: usize,
    application: Option<String>,
    /// Octets read so far.
    at: u64,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Begins to read.
    ///
    /// # Errors
    ///
    /// The input is no capture, or cannot be read.
    pub fn new(input: R) -> Result<Self, ReadError> {
        let mut reader = Self {
            input,
            format: Format::Pcapng,
            order: ByteOrder::Little,
            interfaces: Vec::new(),
            section_start: 0,
            application: None,
            at: 0,
            ended: false,
        };
        let mut first = [0; 4];
        reader.fill(&mut first, 0)?;
        let magic = u32::from_le_bytes(first);
        if magic == block::SECTION_HEADER {
            reader.section(0)?;
            return Ok(reader);
        }
        reader.format = Format::Classic;
        reader.classic_header(magic)?;
        Ok(reader)
    }

    /// The interfaces that were described so far.
    pub fn interfaces(&self) -> &[InterfaceSeen] {
        &self.interfaces
    }

    /// The program that wrote the capture, if it says so.
    pub fn application(&self) -> Option<&str> {
        self.application.as_deref()
    }

    /// The next packet; `None` at the end.
    ///
    /// # Errors
    ///
    /// See [`ReadError`]. Nothing comes after one.
    pub fn next_packet(&mut self) -> Result<Option<Captured>, ReadError> {
        if self.ended {
            return Ok(None);
        }
        let next = match self.format {
            Format::Pcapng => self.next_of_pcapng(),
            Format::Classic => self.next_of_classic(),
        };
        self.ended = !matches!(next, Ok(Some(_)));
        next
    }

    fn next_of_pcapng(&mut self) -> Result<Option<Captured>, ReadError> {
        loop {
            let at = self.at;
            let mut kind = [0; 4];
            if !self.fill_or_end(&mut kind, at)? {
                return Ok(None);
            }
            let kind = self.order.get32(&kind, 0).unwrap_or(0);
            if kind == block::SECTION_HEADER {
                self.section(at)?;
                continue;
            }
            let body = self.body(at)?;
            match kind {
                block::INTERFACE_DESCRIPTION => self.describe(at, &body)?,
                block::ENHANCED_PACKET => return self.enhanced(at, &body).map(Some),
                block::SIMPLE_PACKET => return self.simple(at, &body).map(Some),
                block::PACKET => return self.obsolete(at, &body).map(Some),
                // Names, statistics, secrets, whatever comes.
                _ => {}
            }
        }
    }

    /// The body of a block whose type was read: the lengths before and behind it agree.
    fn body(&mut self, at: u64) -> Result<Vec<u8>, ReadError> {
        let mut length = [0; 4];
        self.fill(&mut length, at)?;
        let octets = self.order.get32(&length, 0).unwrap_or(0);
        if octets < 12 || !octets.is_multiple_of(4) || octets > BLOCK_OCTETS_MAX {
            return Err(ReadError::BadLength { at, octets });
        }
        let mut body = self.take(octets as usize - 8, at)?;
        let behind = self.order.get32(&body, body.len() - 4);
        if behind != Some(octets) {
            return Err(ReadError::BadLength { at, octets });
        }
        body.truncate(body.len() - 4);
        Ok(body)
    }

    /// The rest of a section header: the byte order may change with it, and interfaces count anew.
    fn section(&mut self, at: u64) -> Result<(), ReadError> {
        let mut start = [0; 8];
        self.fill(&mut start, at)?;
        self.order = match ByteOrder::Little.get32(&start, 4) {
            Some(BYTE_ORDER) => ByteOrder::Little,
            _ => ByteOrder::Big,
        };
        let (octets, magic) = (self.order.get32(&start, 0), self.order.get32(&start, 4));
        let octets = octets.unwrap_or(0);
        let makes_sense = (28..=BLOCK_OCTETS_MAX).contains(&octets) && octets.is_multiple_of(4);
        if magic != Some(BYTE_ORDER) || !makes_sense {
            return Err(ReadError::BadLength { at, octets });
        }
        let rest = self.take(octets as usize - 12, at)?;
        self.section_start = self.interfaces.len();
        if let Some(options) = rest.get(12..rest.len() - 4) {
            self.application = Options::new(self.order, options)
                .value_of(option::SHB_USER_APPLICATION)
                .map(text);
        }
        Ok(())
    }

    fn describe(&mut self, at: u64, body: &[u8]) -> Result<(), ReadError> {
        if self.interfaces.len() >= INTERFACES_MAX {
            return Err(ReadError::TooManyInterfaces);
        }
        let link = self.order.get16(body, 0);
        let link = link.ok_or(ReadError::Truncated { at })?;
        let options = body.get(8..).unwrap_or_default();
        let find = |code| Options::new(self.order, options).value_of(code);
        let resolution = find(option::IF_TS_RESOLUTION)
            .and_then(|it| it.first().copied())
            .map_or(Resolution::MICROS, Resolution::of);
        let offset = find(option::IF_TS_OFFSET).and_then(|it| self.order.get64(it, 0));
        self.interfaces.push(InterfaceSeen {
            link: LinkType(link),
            name: find(option::IF_NAME).map(text),
            resolution,
            offset_seconds: offset.unwrap_or(0) as i64,
        });
        Ok(())
    }

    fn enhanced(&self, at: u64, body: &[u8]) -> Result<Captured, ReadError> {
        let get = |place| {
            self.order
                .get32(body, place)
                .ok_or(ReadError::Truncated { at })
        };
        let (interface, ticks) = (get(0)?, (u64::from(get(4)?) << 32) | u64::from(get(8)?));
        self.packet(at, body, interface, ticks, [get(12)?, get(16)?])
    }

    /// The Packet Block that came before the enhanced one (§11.1).
    fn obsolete(&self, at: u64, body: &[u8]) -> Result<Captured, ReadError> {
        let get = |place| {
            self.order
                .get32(body, place)
                .ok_or(ReadError::Truncated { at })
        };
        let interface = self
            .order
            .get16(body, 0)
            .ok_or(ReadError::Truncated { at })?;
        let ticks = (u64::from(get(4)?) << 32) | u64::from(get(8)?);
        self.packet(at, body, interface.into(), ticks, [get(12)?, get(16)?])
    }

    /// `lengths`: as captured, as it was.
    fn packet(
        &self,
        at: u64,
        body: &[u8],
        interface: u32,
        ticks: u64,
        lengths: [u32; 2],
    ) -> Result<Captured, ReadError> {
        const DATA_AT: usize = 20;
        let [octets, original_octets] = lengths;
        let place = self.section_start.saturating_add(interface as usize);
        let seen = self
            .interfaces
            .get(place)
            .ok_or(ReadError::NoInterface { at, interface })?;
        let end = DATA_AT.saturating_add(octets as usize);
        let frame = body
            .get(DATA_AT..end)
            .ok_or(ReadError::BadLength { at, octets })?;
        let options = body.get(end.next_multiple_of(4)..).unwrap_or_default();
        let flags = Options::new(self.order, options)
            .value_of(option::EPB_FLAGS)
            .and_then(|it| self.order.get32(it, 0));
        let lost = Options::new(self.order, options)
            .value_of(option::EPB_DROP_COUNT)
            .and_then(|it| self.order.get64(it, 0));
        Ok(Captured {
            interface: place,
            link: seen.link,
            at_nanos: seen.nanos(ticks),
            direction: match flags.unwrap_or(0) & 3 {
                1 => Some(Direction::In),
                2 => Some(Direction::Out),
                _ => None,
            },
            frame: frame.to_vec(),
            original_octets,
            comments: Options::new(self.order, options)
                .filter(|(code, _)| *code == option::COMMENT)
                .map(|(_, value)| text(value))
                .take(COMMENTS_MAX)
                .collect(),
            lost_before: lost.unwrap_or(0),
        })
    }

    fn simple(&self, at: u64, body: &[u8]) -> Result<Captured, ReadError> {
        let original_octets = self.order.get32(body, 0);
        let original_octets = original_octets.ok_or(ReadError::Truncated { at })?;
        let interface = 0;
        let seen = self
            .interfaces
            .get(self.section_start)
            .ok_or(ReadError::NoInterface { at, interface })?;
        let data = body.get(4..).unwrap_or_default();
        let frame = data.get(..original_octets as usize).unwrap_or(data);
        Ok(Captured {
            interface: self.section_start,
            link: seen.link,
            at_nanos: 0,
            direction: None,
            frame: frame.to_vec(),
            original_octets,
            comments: Vec::new(),
            lost_before: 0,
        })
    }

    fn classic_header(&mut self, magic: u32) -> Result<(), ReadError> {
        let (order, resolution) = match (magic, magic.swap_bytes()) {
            (CLASSIC_MICROS, _) => (ByteOrder::Little, Resolution::MICROS),
            (CLASSIC_NANOS, _) => (ByteOrder::Little, Resolution::NANOS),
            (_, CLASSIC_MICROS) => (ByteOrder::Big, Resolution::MICROS),
            (_, CLASSIC_NANOS) => (ByteOrder::Big, Resolution::NANOS),
            _ => return Err(ReadError::NoCapture { magic }),
        };
        self.order = order;
        let mut rest = [0; 20];
        self.fill(&mut rest, 0)?;
        // The upper bits tell of frame check sequences.
        let link = order.get32(&rest, 16).unwrap_or(0) as u16;
        self.interfaces.push(InterfaceSeen {
            link: LinkType(link),
            name: None,
            resolution,
            offset_seconds: 0,
        });
        Ok(())
    }

    fn next_of_classic(&mut self) -> Result<Option<Captured>, ReadError> {
        let at = self.at;
        let mut header = [0; 16];
        if !self.fill_or_end(&mut header, at)? {
            return Ok(None);
        }
        let order = self.order;
        let get = |place| order.get32(&header, place).unwrap_or(0);
        let [seconds, fraction, octets, original_octets] = [0, 4, 8, 12].map(get);
        if octets > RECORD_OCTETS_MAX {
            return Err(ReadError::BadLength { at, octets });
        }
        let frame = self.take(octets as usize, at)?;
        let Some(seen) = self.interfaces.first() else {
            return Ok(None);
        };
        let whole = u64::from(seconds) * NANOS_PER_SECOND as u64;
        Ok(Some(Captured {
            interface: 0,
            link: seen.link,
            at_nanos: whole.saturating_add(seen.resolution.nanos(fraction.into())),
            direction: None,
            frame,
            original_octets,
            comments: Vec::new(),
            lost_before: 0,
        }))
    }

    fn take(&mut self, octets: usize, at: u64) -> Result<Vec<u8>, ReadError> {
        let mut taken = Vec::new();
        let read = (&mut self.input)
            .take(octets as u64)
            .read_to_end(&mut taken)?;
        self.at += read as u64;
        if read < octets {
            return Err(ReadError::Truncated { at });
        }
        Ok(taken)
    }

    fn fill(&mut self, octets: &mut [u8], at: u64) -> Result<(), ReadError> {
        match self.input.read_exact(octets) {
            Ok(()) => {
                self.at += octets.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(ReadError::Truncated { at })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// False if the input ends right here.
    fn fill_or_end(&mut self, octets: &mut [u8], at: u64) -> Result<bool, ReadError> {
        let start = self.take_up_to(octets)?;
        if start == 0 {
            return Ok(false);
        }
        if start < octets.len() {
            return Err(ReadError::Truncated { at });
        }
        Ok(true)
    }

    fn take_up_to(&mut self, octets: &mut [u8]) -> Result<usize, ReadError> {
        let mut filled = 0;
        while let Some(room) = octets.get_mut(filled..)
            && !room.is_empty()
        {
            match self.input.read(room) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.at += filled as u64;
        Ok(filled)
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Captured, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_packet().transpose()
    }
}

impl InterfaceSeen {
    fn nanos(&self, ticks: u64) -> u64 {
        let offset = self.offset_seconds.saturating_mul(NANOS_PER_SECOND as i64);
        self.resolution.nanos(ticks).saturating_add_signed(offset)
    }
}

/// The options of a block: codes and values.
#[derive(Clone, Copy, Debug)]
struct Options<'a> {
    order: ByteOrder,
    rest: &'a [u8],
}

impl<'a> Options<'a> {
    const fn new(order: ByteOrder, rest: &'a [u8]) -> Self {
        Self { order, rest }
    }

    fn value_of(mut self, wanted: u16) -> Option<&'a [u8]> {
        self.find(|(code, _)| *code == wanted)
            .map(|(_, value)| value)
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (code, octets) = (
            self.order.get16(self.rest, 0)?,
            self.order.get16(self.rest, 2)?,
        );
        if code == option::END {
            return None;
        }
        let end = 4 + usize::from(octets);
        let value = self.rest.get(4..end)?;
        self.rest = self.rest.get(end.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}

/// Text as people wrote it: what is no UTF-8 is shown as such.
fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[cfg(test)]
mod tests;
