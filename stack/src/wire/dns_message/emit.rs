//! Writing messages: queries for the resolver, replies for demos and tests (RFC 1035 §4).
//!
//! A name that equals the question's is written as a pointer to it, every other one in full. It
//! never writes a count that the message does not hold.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::{
    Class, Data, HEADER_OCTETS, Header, Message, Name, Opcode, Opt, Question, Rcode, Record,
    RecordType,
};

/// A pointer to the octet after the header, where the question's name is (RFC 1035 §4.1.4).
const POINTER_TO_QUESTION: [u8; 2] = [0xc0, HEADER_OCTETS as u8];
/// The most octets in a message: its length over TCP has 16 bits (RFC 1035 §4.2.2).
const MESSAGE_OCTETS_MAX: usize = u16::MAX as usize;

impl Record {
    /// An A or AAAA record.
    pub const fn address(name: Name, address: IpAddr, ttl_s: u32) -> Self {
        let (record_type, data) = match address {
            IpAddr::V4(address) => (RecordType::A, Data::V4(address)),
            IpAddr::V6(address) => (RecordType::AAAA, Data::V6(address)),
        };
        Self {
            name,
            record_type,
            class: Class::IN,
            ttl_s,
            data,
        }
    }

    /// A CNAME record: `name` is an alias of `target`.
    pub const fn alias(name: Name, target: Name, ttl_s: u32) -> Self {
        Self {
            name,
            record_type: RecordType::CNAME,
            class: Class::IN,
            ttl_s,
            data: Data::Alias(target),
        }
    }
}

impl Message {
    /// A query for the records of one type, for a server that asks others (RD).
    pub const fn query(id: u16, name: Name, record_type: RecordType, opt: Option<Opt>) -> Self {
        Self {
            header: Header {
                id,
                response: false,
                opcode: Opcode::QUERY,
                authoritative: false,
                truncated: false,
                recursion_desired: true,
                recursion_available: false,
                authentic_data: false,
                rcode_low: 0,
                counts: [0; 4],
            },
            rcode: Rcode::NO_ERROR,
            question: Some(Question {
                name,
                record_type,
                class: Class::IN,
            }),
            answers: Vec::new(),
            authorities: Vec::new(),
            opt,
        }
    }

    /// An empty reply to `query`, as a server that asks others gives it. EDNS is answered with
    /// EDNS (RFC 6891 §6.1.1).
    pub fn reply_to(query: &Self, rcode: Rcode) -> Self {
        Self {
            header: Header {
                response: true,
                recursion_available: true,
                authentic_data: false,
                truncated: false,
                authoritative: false,
                ..query.header
            },
            rcode,
            question: query.question.clone(),
            answers: Vec::new(),
            authorities: Vec::new(),
            opt: query.opt.map(|_| Opt {
                udp_octets: 1_232,
                version: 0,
                dnssec_ok: false,
            }),
        }
    }

    /// The message in octets.
    pub fn emit(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(64);
        self.emit_header(&mut octets);
        if let Some(question) = &self.question {
            octets.extend_from_slice(question.name.as_wire());
            octets.extend_from_slice(&question.record_type.0.to_be_bytes());
            octets.extend_from_slice(&question.class.0.to_be_bytes());
        }
        for record in self.answers.iter().chain(&self.authorities) {
            self.emit_record(record, &mut octets);
        }
        if let Some(opt) = &self.opt {
            // The root, the type, then what CLASS and TTL mean here (RFC 6891 §6.1.2).
            octets.push(0);
            octets.extend_from_slice(&RecordType::OPT.0.to_be_bytes());
            octets.extend_from_slice(&opt.udp_octets.to_be_bytes());
            octets.extend_from_slice(&[(self.rcode.0 >> 4) as u8, opt.version]);
            octets.extend_from_slice(&(u16::from(opt.dnssec_ok) << 15).to_be_bytes());
            octets.extend_from_slice(&0_u16.to_be_bytes());
        }
        octets
    }

    /// The message in at most `octets_max` octets: if it is longer, all records go and TC is set
    /// (RFC 2181 §9).
    pub fn emit_within(&self, octets_max: usize) -> Vec<u8> {
        let octets = self.emit();
        if octets.len() <= octets_max {
            return octets;
        }
        let mut cut = self.clone();
        cut.answers.clear();
        cut.authorities.clear();
        cut.header.truncated = true;
        cut.emit()
    }

    /// The message behind its length, as it goes over TCP (RFC 1035 §4.2.2).
    pub fn emit_for_stream(&self) -> Vec<u8> {
        let message = self.emit_within(MESSAGE_OCTETS_MAX);
        let mut octets = Vec::with_capacity(2 + message.len());
        octets.extend_from_slice(&(message.len() as u16).to_be_bytes());
        octets.extend_from_slice(&message);
        octets
    }

    fn emit_header(&self, octets: &mut Vec<u8>) {
        let header = &self.header;
        let bit = |set: bool, position: u32| u8::from(set) << position;
        let high = bit(header.response, 7)
            | (header.opcode.0 & 0x0f) << 3
            | bit(header.authoritative, 2)
            | bit(header.truncated, 1)
            | bit(header.recursion_desired, 0);
        let low = bit(header.recursion_available, 7)
            | bit(header.authentic_data, 5)
            | (self.rcode.0 & 0x0f) as u8;
        let counts = [
            usize::from(self.question.is_some()),
            self.answers.len(),
            self.authorities.len(),
            usize::from(self.opt.is_some()),
        ];
        octets.extend_from_slice(&header.id.to_be_bytes());
        octets.extend_from_slice(&[high, low]);
        for count in counts {
            octets.extend_from_slice(&(count as u16).to_be_bytes());
        }
    }

    fn emit_name(&self, name: &Name, octets: &mut Vec<u8>) {
        match &self.question {
            Some(question) if question.name == *name && *name != Name::root() => {
                octets.extend_from_slice(&POINTER_TO_QUESTION);
            }
            _ => octets.extend_from_slice(name.as_wire()),
        }
    }

    fn emit_record(&self, record: &Record, octets: &mut Vec<u8>) {
        self.emit_name(&record.name, octets);
        octets.extend_from_slice(&record.record_type.0.to_be_bytes());
        octets.extend_from_slice(&record.class.0.to_be_bytes());
        octets.extend_from_slice(&record.ttl_s.to_be_bytes());
        let mut rdata = Vec::new();
        record.data.emit(&mut rdata);
        octets.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
        octets.extend_from_slice(&rdata);
    }
}
