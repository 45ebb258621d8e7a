//! DNS messages: header, question, records and EDNS (RFC 1035 §4, RFC 6891 §6, RFC 2181).
//!
//! `dns/*` asks and reads replies with it; demos and tests answer with it. No count or length in a
//! message is believed: octets are only read where they are, and nothing is allocated by a count
//! (RFC 9267 §5, §6). It never decides whether a reply is the right one.

use alloc::vec::Vec;

use thiserror::Error;

use super::dns_name::{Name, NameRejected, ParsedName};

mod data;
mod emit;
mod numbers;
#[cfg(test)]
mod tests;

pub use data::{Data, StartOfAuthority};
pub use numbers::{Class, Opcode, Rcode, RecordType};

/// Octets of the header (RFC 1035 §4.1.1).
pub const HEADER_OCTETS: usize = 12;
/// Octets that every receiver of UDP messages takes (RFC 1035 §4.2.1).
pub const UDP_OCTETS: u16 = 512;

/// Why octets are no DNS message.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
pub enum MessageRejected {
    /// The message ends before its header, a question or a record does.
    #[error("message is shorter than it says")]
    Truncated,
    /// More than one question (RFC 9619 §4).
    #[error("message has more than one question")]
    Questions,
    /// See [`NameRejected`].
    #[error("{0}")]
    Name(#[from] NameRejected),
    /// RDLENGTH does not fit the type, or the data inside does not fit RDLENGTH (RFC 9267 §5).
    #[error("record data does not have the length of its type")]
    DataLength,
    /// A second OPT record, or one that is not the root's or not among the additional records
    /// (RFC 6891 §6.1.1).
    #[error("misplaced OPT record")]
    Opt,
    /// Limit: more records than the caller wants to read.
    #[error("more records than the limit")]
    RecordsTooMany,
}

/// The fixed part of every message (RFC 1035 §4.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// ID: a reply repeats the query's.
    pub id: u16,
    /// QR: true in a reply.
    pub response: bool,
    /// OPCODE.
    pub opcode: Opcode,
    /// AA: the server is an authority for the name.
    pub authoritative: bool,
    /// TC: the rest did not fit.
    pub truncated: bool,
    /// RD: the server is asked to ask others.
    pub recursion_desired: bool,
    /// RA: the server would ask others.
    pub recursion_available: bool,
    /// AD: in a query, that the sender cares about it; in a reply, that the server has authenticated
    /// all data (RFC 6840 §5.7, §5.8).
    pub authentic_data: bool,
    /// The low four bits of the response code; [`Message::rcode`] has all twelve.
    pub rcode_low: u8,
    /// QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT: what the message claims to hold.
    counts: [u16; 4],
}

/// What is asked (RFC 1035 §4.1.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// QNAME.
    pub name: Name,
    /// QTYPE.
    pub record_type: RecordType,
    /// QCLASS.
    pub class: Class,
}

/// A resource record (RFC 1035 §4.1.3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// NAME: the owner.
    pub name: Name,
    /// TYPE.
    pub record_type: RecordType,
    /// CLASS.
    pub class: Class,
    /// TTL in seconds, at most 2³¹ - 1; a greater one on the wire is 0 (RFC 2181 §8).
    pub ttl_s: u32,
    /// RDATA.
    pub data: Data,
}

/// EDNS: the OPT pseudo-record (RFC 6891 §6.1.2, §6.1.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Opt {
    /// Octets of a UDP message that the sender takes; never below 512 (RFC 6891 §6.2.3).
    pub udp_octets: u16,
    /// VERSION: 0 is the only one there is.
    pub version: u8,
    /// DO: DNSSEC records are wanted (RFC 3225 §3).
    pub dnssec_ok: bool,
}

/// A query or a reply. Additional records other than OPT are checked, but not kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// ID, flags and OPCODE. Its counts are ignored by `emit`.
    pub header: Header,
    /// RCODE with the upper bits from EDNS (RFC 6891 §6.1.3).
    pub rcode: Rcode,
    /// The question.
    pub question: Option<Question>,
    /// Records that answer it.
    pub answers: Vec<Record>,
    /// Records that point to an authority.
    pub authorities: Vec<Record>,
    /// EDNS, if the sender speaks it.
    pub opt: Option<Opt>,
}

/// Reads a message from front to back; never past its end.
struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, octets: usize) -> Result<&'a [u8], MessageRejected> {
        let end = self.at.saturating_add(octets);
        let taken = self.octets.get(self.at..end);
        self.at = end;
        taken.ok_or(MessageRejected::Truncated)
    }

    /// All octets that are left.
    fn rest(&mut self) -> &'a [u8] {
        let rest = self.octets.get(self.at..).unwrap_or_default();
        self.at = self.octets.len();
        rest
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], MessageRejected> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| MessageRejected::Truncated)
    }

    fn u16(&mut self) -> Result<u16, MessageRejected> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, MessageRejected> {
        self.array().map(u32::from_be_bytes)
    }

    fn name(&mut self) -> Result<Name, MessageRejected> {
        let ParsedName { name, next } = Name::parse(self.octets, self.at)?;
        self.at = next;
        Ok(name)
    }
}

impl Header {
    /// Reads the first twelve octets.
    pub fn parse(octets: &[u8]) -> Result<Self, MessageRejected> {
        let mut reader = Reader { octets, at: 0 };
        let id = reader.u16()?;
        let [high, low] = reader.array()?;
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        Ok(Self {
            id,
            response: high & 0x80 != 0,
            opcode: Opcode(high >> 3 & 0x0f),
            authoritative: high & 0x04 != 0,
            truncated: high & 0x02 != 0,
            recursion_desired: high & 0x01 != 0,
            recursion_available: low & 0x80 != 0,
            authentic_data: low & 0x20 != 0,
            rcode_low: low & 0x0f,
            counts,
        })
    }
}

impl Question {
    /// Reads the question of `message`, which follows the header; `None` if it says it has none.
    ///
    /// A truncated reply is matched with this alone: what follows may be cut anywhere.
    pub fn parse(message: &[u8]) -> Result<Option<Self>, MessageRejected> {
        let header = Header::parse(message)?;
        let mut reader = Reader {
            octets: message,
            at: HEADER_OCTETS,
        };
        Self::read(&header, &mut reader)
    }

    fn read(header: &Header, reader: &mut Reader<'_>) -> Result<Option<Self>, MessageRejected> {
        let [questions, ..] = header.counts;
        match questions {
            0 => Ok(None),
            1 => Ok(Some(Self {
                name: reader.name()?,
                record_type: RecordType(reader.u16()?),
                class: Class(reader.u16()?),
            })),
            _ => Err(MessageRejected::Questions),
        }
    }
}

impl Record {
    fn read(reader: &mut Reader<'_>) -> Result<Self, MessageRejected> {
        let name = reader.name()?;
        let record_type = RecordType(reader.u16()?);
        let class = Class(reader.u16()?);
        let ttl = reader.u32()?;
        let rdlength = usize::from(reader.u16()?);
        let begins = reader.at;
        reader.take(rdlength)?;
        // Names inside the data may point back into the message, but must end where the data ends.
        let mut inside = Reader {
            octets: reader.octets.get(..reader.at).unwrap_or_default(),
            at: begins,
        };
        let data = Data::read(record_type, class, &mut inside)?;
        Ok(Self {
            name,
            record_type,
            class,
            ttl_s: if ttl > i32::MAX as u32 { 0 } else { ttl },
            data,
        })
    }
}

/// EDNS as it stands in a message: with the upper bits of the response code.
struct ReadOpt {
    opt: Opt,
    rcode_high: u8,
}

impl ReadOpt {
    /// Reads an OPT record from its NAME on; its options are walked, none is understood.
    fn read(reader: &mut Reader<'_>) -> Result<Self, MessageRejected> {
        let name = reader.name()?;
        let _type = reader.u16()?;
        let udp_octets = reader.u16()?;
        let [rcode_high, version] = reader.array()?;
        let flags = reader.u16()?;
        let rdlength = usize::from(reader.u16()?);
        let rdata = reader.take(rdlength)?;
        if name != Name::root() {
            return Err(MessageRejected::Opt);
        }
        let mut options = Reader {
            octets: rdata,
            at: 0,
        };
        while options.at < rdata.len() {
            let beyond = |_| MessageRejected::DataLength;
            let _code = options.u16().map_err(beyond)?;
            let length = options.u16().map_err(beyond)?;
            options.take(usize::from(length)).map_err(beyond)?;
        }
        Ok(Self {
            opt: Opt {
                udp_octets: udp_octets.max(UDP_OCTETS),
                version,
                dnssec_ok: flags & 0x8000 != 0,
            },
            rcode_high,
        })
    }
}

impl Message {
    /// Reads a whole message of at most `records_max` records. Octets after the last record are
    /// ignored.
    pub fn parse(octets: &[u8], records_max: usize) -> Result<Self, MessageRejected> {
        let header = Header::parse(octets)?;
        let [_, answers, authorities, additionals] = header.counts;
        let claimed = usize::from(answers) + usize::from(authorities) + usize::from(additionals);
        let mut reader = Reader {
            octets,
            at: HEADER_OCTETS,
        };
        let question = Question::read(&header, &mut reader)?;
        // The least record has eleven octets, so most lies about counts show before any work.
        if octets.len().saturating_sub(reader.at) < claimed.saturating_mul(11) {
            return Err(MessageRejected::Truncated);
        }
        if claimed > records_max {
            return Err(MessageRejected::RecordsTooMany);
        }
        let answers = Self::section(&mut reader, answers)?;
        let authorities = Self::section(&mut reader, authorities)?;
        let read_opt = Self::additional(&mut reader, additionals)?;
        let rcode_high = read_opt.as_ref().map_or(0, |read| read.rcode_high);
        Ok(Self {
            header,
            rcode: Rcode(u16::from(rcode_high) << 4 | u16::from(header.rcode_low)),
            question,
            answers,
            authorities,
            opt: read_opt.map(|read| read.opt),
        })
    }

    fn section(reader: &mut Reader<'_>, count: u16) -> Result<Vec<Record>, MessageRejected> {
        let mut records = Vec::new();
        for _ in 0..count {
            let record = Record::read(reader)?;
            if record.record_type == RecordType::OPT {
                return Err(MessageRejected::Opt);
            }
            records.push(record);
        }
        Ok(records)
    }

    fn additional(reader: &mut Reader<'_>, count: u16) -> Result<Option<ReadOpt>, MessageRejected> {
        let mut found = None;
        for _ in 0..count {
            let begins = reader.at;
            let _name = reader.name()?;
            let record_type = RecordType(reader.u16()?);
            reader.at = begins;
            if record_type != RecordType::OPT {
                Record::read(reader)?;
            } else if found.replace(ReadOpt::read(reader)?).is_some() {
                return Err(MessageRejected::Opt);
            }
        }
        Ok(found)
    }
}
