//! Packets as text.
//!
//! Used by the printer of scripts, and by the runner for what really arrived.

use core::fmt;

use super::{Digits, Quoted as QuotedText};
use crate::drill::ast::{
    Checksum, Contents, Datagram, Direction, DontFragment, Ecn, IcmpMessage, IpFields, Packet,
    Payload, Ports, Quoted, Segment, TcpOption, TcpOptions,
};
use crate::drill::constants::icmp_name;

impl fmt::Display for Packet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.direction {
            Direction::Inbound => "< ",
            Direction::Outbound => "> ",
        })?;
        write!(formatter, "{}", self.ip)?;
        match &self.contents {
            Contents::Tcp(segment) => write!(formatter, "{segment}"),
            Contents::Udp(datagram) => write!(formatter, "{datagram}"),
            Contents::Icmp(message) => write!(formatter, "{message}"),
        }
    }
}

impl fmt::Display for IpFields {
    /// In brackets with a blank after them; nothing if nothing is said.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = Vec::new();
        if let Some(ecn) = self.ecn {
            fields.push(ecn.name().to_owned());
        }
        if let Some(tos) = self.tos {
            fields.push(format!("tos {tos:#x}"));
        }
        if let Some(ttl) = self.ttl {
            fields.push(format!("ttl {ttl}"));
        }
        if let Some(label) = self.flow_label {
            fields.push(format!("flowlabel {label:#x}"));
        }
        match self.dont_fragment {
            Some(DontFragment::Set) => fields.push("df".to_owned()),
            Some(DontFragment::Clear) => fields.push("nodf".to_owned()),
            None => {}
        }
        if fields.is_empty() {
            return Ok(());
        }
        write!(formatter, "[{}] ", fields.join(", "))
    }
}

impl Ecn {
    /// The name in scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotCapable => "noecn",
            Self::Ect0 => "ect0",
            Self::Ect1 => "ect1",
            Self::Ect01 => "ect01",
            Self::Ce => "ce",
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        ports(formatter, self.ports)?;
        let end = self.seq.wrapping_add(self.octets);
        write!(
            formatter,
            "{} {}:{end}({})",
            self.flags, self.seq, self.octets
        )?;
        if let Some(ack) = self.ack {
            write!(formatter, " ack {ack}")?;
        }
        if let Some(window) = self.window {
            write!(formatter, " win {window}")?;
        }
        if let Some(urgent) = self.urgent {
            write!(formatter, " urg {urgent}")?;
        }
        match &self.options {
            TcpOptions::Any => formatter.write_str(" <...>")?,
            TcpOptions::List(options) if options.is_empty() => {}
            TcpOptions::List(options) => {
                formatter.write_str(" <")?;
                for (index, option) in options.iter().enumerate() {
                    if index > 0 {
                        formatter.write_str(",")?;
                    }
                    write!(formatter, "{option}")?;
                }
                formatter.write_str(">")?;
            }
        }
        after(formatter, &self.payload, self.checksum)
    }
}

fn ports(formatter: &mut fmt::Formatter<'_>, ports: Option<Ports>) -> fmt::Result {
    match ports {
        Some(ports) => write!(formatter, "{} > {} ", ports.source, ports.destination),
        None => Ok(()),
    }
}

fn after(formatter: &mut fmt::Formatter<'_>, payload: &Payload, checksum: Checksum) -> fmt::Result {
    match payload {
        Payload::Pattern => {}
        Payload::Octets(octets) => write!(formatter, " {}", QuotedText(octets))?,
        Payload::Zeroes => formatter.write_str(" zeroes")?,
        Payload::Any => formatter.write_str(" anything")?,
    }
    match checksum {
        Checksum::Right => Ok(()),
        Checksum::Wrong => formatter.write_str(" badsum"),
    }
}

impl fmt::Display for TcpOption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_octets = |formatter: &mut fmt::Formatter<'_>, name: &str, octets: &[u8]| {
            if octets.is_empty() {
                formatter.write_str(name)
            } else {
                write!(formatter, "{name} {}", Digits(octets))
            }
        };
        match self {
            Self::End => formatter.write_str("eol"),
            Self::Nop => formatter.write_str("nop"),
            Self::Mss(octets) => write!(formatter, "mss {octets}"),
            Self::WindowScale(shift) => write!(formatter, "wscale {shift}"),
            Self::SackPermitted => formatter.write_str("sackOK"),
            Self::Sack(blocks) => {
                formatter.write_str("sack")?;
                blocks
                    .iter()
                    .try_for_each(|it| write!(formatter, " {}:{}", it.left, it.right))
            }
            Self::Timestamps { value, echo } => write!(formatter, "TS val {value} ecr {echo}"),
            Self::FastOpen(octets) => with_octets(formatter, "FO", octets),
            Self::FastOpenExperimental(octets) => with_octets(formatter, "FOEXP", octets),
            Self::Md5(octets) => with_octets(formatter, "md5", octets),
            Self::UserTimeout(field) => {
                let unit = if field & 0x8000 == 0 { 's' } else { 'm' };
                write!(formatter, "uto {}{unit}", field & 0x7fff)
            }
            Self::Experimental { id, octets } => {
                with_octets(formatter, &format!("exp {id:#06x}"), octets)
            }
            Self::Unknown { kind, octets } => {
                with_octets(formatter, &format!("opt {kind}"), octets)
            }
            Self::Raw(octets) => with_octets(formatter, "raw", octets),
        }
    }
}

impl fmt::Display for Datagram {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        ports(formatter, self.ports)?;
        write!(formatter, "udp ({})", self.octets)?;
        after(formatter, &self.payload, self.checksum)
    }
}

impl fmt::Display for IcmpMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "icmp {}", icmp_name(self.kind))?;
        if let Some(mtu) = self.mtu {
            write!(formatter, " mtu {mtu}")?;
        }
        if let Some(echo) = self.echo {
            write!(formatter, " id {} seq {}", echo.id, echo.sequence)?;
        }
        match self.quoted {
            Some(Quoted::Tcp { seq, octets }) => {
                write!(formatter, " [{seq}:{}({octets})]", seq.wrapping_add(octets))?;
            }
            Some(Quoted::Udp { octets }) => write!(formatter, " [udp ({octets})]")?,
            None => {}
        }
        if self.octets > 0 {
            write!(formatter, " ({})", self.octets)?;
        }
        after(formatter, &Payload::Pattern, self.checksum)
    }
}
