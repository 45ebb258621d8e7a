//! What a record says, by its type: read from a message and written into one (RFC 1035 §3.3, §3.4,
//! RFC 2782, RFC 3596, RFC 3597).
//!
//! `dns_message.rs` reads records with it and `emit.rs` writes them. Names inside the data may be
//! compressed on arrival, for every type known here (RFC 3597 §4), and never are when written. Data
//! of a type that is unknown here is carried as it stands.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;

use super::{Class, MessageRejected, Name, Reader, RecordType};

/// The start of a zone of authority (RFC 1035 §3.3.13).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StartOfAuthority {
    /// MNAME: the server the zone's data comes from.
    pub primary: Name,
    /// RNAME: the mailbox of who is responsible.
    pub mailbox: Name,
    /// SERIAL, REFRESH, RETRY, EXPIRE, MINIMUM; the last is the TTL of a denial in seconds
    /// (RFC 2308 §4).
    pub numbers: [u32; 5],
}

/// What a record says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Data {
    /// A (RFC 1035 §3.4.1).
    V4(Ipv4Addr),
    /// AAAA (RFC 3596 §2.2).
    V6(Ipv6Addr),
    /// CNAME (RFC 1035 §3.3.1): the name behind this alias.
    Alias(Name),
    /// NS (RFC 1035 §3.3.11): a server of the zone.
    NameServer(Name),
    /// PTR (RFC 1035 §3.3.12): a name of the address.
    Pointer(Name),
    /// MX (RFC 1035 §3.3.9).
    MailExchange {
        /// Lower ones are to be tried first.
        preference: u16,
        /// Who takes the mail.
        host: Name,
    },
    /// SRV (RFC 2782).
    Service {
        /// Lower ones are to be tried first.
        priority: u16,
        /// The share among equal priorities.
        weight: u16,
        /// The port of the service.
        port: u16,
        /// The host of the service.
        target: Name,
    },
    /// TXT (RFC 1035 §3.3.14): RDATA, whose strings follow each other behind a length octet each.
    Text(Bytes),
    /// SOA.
    StartOfAuthority(StartOfAuthority),
    /// RDATA of another type or class, as it stands in the message.
    Other(Bytes),
}

impl Data {
    /// `inside` stands at the first octet of RDATA, and its octets end with the last one.
    pub(super) fn read(
        record_type: RecordType,
        class: Class,
        inside: &mut Reader<'_>,
    ) -> Result<Self, MessageRejected> {
        let length = inside.octets.len().saturating_sub(inside.at);
        let wrong_length = |_| MessageRejected::DataLength;
        let data = match (record_type, class) {
            (RecordType::A, Class::IN) => Self::V4(inside.array().map_err(wrong_length)?.into()),
            (RecordType::AAAA, Class::IN) => {
                let octets: [u8; 16] = inside.array().map_err(wrong_length)?;
                Self::V6(octets.into())
            }
            (RecordType::CNAME, _) => Self::Alias(inside.name()?),
            (RecordType::NS, _) => Self::NameServer(inside.name()?),
            (RecordType::PTR, _) => Self::Pointer(inside.name()?),
            (RecordType::MX, _) => Self::MailExchange {
                preference: inside.u16().map_err(wrong_length)?,
                host: inside.name()?,
            },
            (RecordType::SRV, Class::IN) => Self::Service {
                priority: inside.u16().map_err(wrong_length)?,
                weight: inside.u16().map_err(wrong_length)?,
                port: inside.u16().map_err(wrong_length)?,
                target: inside.name()?,
            },
            (RecordType::TXT, _) => {
                let raw = inside.rest();
                let mut strings = Reader { octets: raw, at: 0 };
                while strings.at < raw.len() {
                    let [length] = strings.array()?;
                    strings.take(usize::from(length))?;
                }
                Self::Text(Bytes::copy_from_slice(raw))
            }
            (RecordType::SOA, _) => Self::StartOfAuthority(StartOfAuthority {
                primary: inside.name()?,
                mailbox: inside.name()?,
                numbers: [
                    inside.u32()?,
                    inside.u32()?,
                    inside.u32()?,
                    inside.u32()?,
                    inside.u32()?,
                ],
            }),
            _ => Self::Other(Bytes::copy_from_slice(inside.take(length)?)),
        };
        if inside.at == inside.octets.len() {
            Ok(data)
        } else {
            Err(MessageRejected::DataLength)
        }
    }

    /// Appends RDATA without compression (RFC 3597 §4).
    pub(super) fn emit(&self, rdata: &mut Vec<u8>) {
        match self {
            Self::V4(address) => rdata.extend_from_slice(&address.octets()),
            Self::V6(address) => rdata.extend_from_slice(&address.octets()),
            Self::Alias(name) | Self::NameServer(name) | Self::Pointer(name) => {
                rdata.extend_from_slice(name.as_wire());
            }
            Self::MailExchange { preference, host } => {
                rdata.extend_from_slice(&preference.to_be_bytes());
                rdata.extend_from_slice(host.as_wire());
            }
            Self::Service {
                priority,
                weight,
                port,
                target,
            } => {
                for number in [priority, weight, port] {
                    rdata.extend_from_slice(&number.to_be_bytes());
                }
                rdata.extend_from_slice(target.as_wire());
            }
            Self::StartOfAuthority(soa) => {
                rdata.extend_from_slice(soa.primary.as_wire());
                rdata.extend_from_slice(soa.mailbox.as_wire());
                for number in soa.numbers {
                    rdata.extend_from_slice(&number.to_be_bytes());
                }
            }
            Self::Text(raw) | Self::Other(raw) => rdata.extend_from_slice(raw),
        }
    }

    /// A text of one record: it is cut into strings of at most 255 octets (RFC 1035 §3.3).
    pub fn text(text: &[u8]) -> Self {
        let mut raw = Vec::with_capacity(text.len() + 1 + text.len() / 255);
        // An empty text is one empty string: RDATA has at least one (RFC 1035 §3.3.14).
        let mut rest = text;
        loop {
            let (string, after) = rest.split_at(rest.len().min(255));
            raw.push(string.len() as u8);
            raw.extend_from_slice(string);
            rest = after;
            if rest.is_empty() {
                return Self::Text(raw.into());
            }
        }
    }

    /// The strings of a TXT record, joined; empty for every other type.
    pub fn joined_text(&self) -> Bytes {
        let Self::Text(raw) = self else {
            return Bytes::new();
        };
        let mut joined = Vec::with_capacity(raw.len());
        let mut rest = &raw[..];
        while let Some((&length, after)) = rest.split_first() {
            let (string, after) = after.split_at(usize::from(length).min(after.len()));
            joined.extend_from_slice(string);
            rest = after;
        }
        joined.into()
    }

    /// The address, if it is one.
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
            Self::Alias(_)
            | Self::NameServer(_)
            | Self::Pointer(_)
            | Self::MailExchange { .. }
            | Self::Service { .. }
            | Self::Text(_)
            | Self::StartOfAuthority(_)
            | Self::Other(_) => None,
        }
    }
}
