//! Packets as values: what arrives at the stack under test, and what it has to send.
//!
//! Part of the script's values in [`ast`](super). Numbers of sequence are relative, as in the script;
//! the runner adds what the connection really began with.

use core::fmt;

use super::Family;

/// A packet that arrives at the stack under test, or that it sends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Packet {
    /// Which way.
    pub direction: Direction,
    /// What the script says about the IP header.
    pub ip: IpFields,
    /// What is in it.
    pub contents: Contents,
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// `<`: into the stack under test; the runner sends it.
    Inbound,
    /// `>`: out of the stack under test; the runner expects it.
    Outbound,
}

/// `[ect0, ttl 64]`: what the script says about the IP header. What it does not say is what the
/// runner chooses, or is not looked at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct IpFields {
    /// The ECN field.
    pub ecn: Option<Ecn>,
    /// `tos 0x28`: the whole octet, ECN included (IPv6: traffic class).
    pub tos: Option<u8>,
    /// `ttl 64`, `hlim 64`.
    pub ttl: Option<u8>,
    /// `flowlabel 0x12345` (IPv6 only).
    pub flow_label: Option<u32>,
    /// `df` or `nodf` (IPv4 only).
    pub dont_fragment: Option<DontFragment>,
}

/// The values of the ECN field (RFC 3168 §5).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Ecn {
    /// `noecn`: 0.
    NotCapable,
    /// `ect0`: 2.
    Ect0,
    /// `ect1`: 1.
    Ect1,
    /// `ect01`: either of both, for packets that are expected.
    Ect01,
    /// `ce`: 3.
    Ce,
}

/// The flag DF of IPv4 (RFC 791 §3.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DontFragment {
    /// `df`.
    Set,
    /// `nodf`.
    Clear,
}

/// What a packet carries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Contents {
    /// A TCP segment.
    Tcp(Segment),
    /// A UDP datagram.
    Udp(Datagram),
    /// An ICMP message, of ICMPv4 or ICMPv6 by the script's IP version.
    Icmp(IcmpMessage),
}

/// `8080 > 40000`: the ports, if they are not those of the script's connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ports {
    /// The sender's.
    pub source: u16,
    /// The receiver's.
    pub destination: u16,
}

/// Whether the checksum of what the runner sends is right.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Checksum {
    /// It is.
    #[default]
    Right,
    /// `badsum`: it is not. Inbound only; ours.
    Wrong,
}

/// A TCP segment. Numbers of sequence are relative to the first one of the sender (its SYN has 0).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Segment {
    /// The ports, if the script says them.
    pub ports: Option<Ports>,
    /// The flags.
    pub flags: TcpFlags,
    /// SEG.SEQ.
    pub seq: u32,
    /// The octets of text.
    pub octets: u32,
    /// SEG.ACK; `None` if there is no `ack`. (`.` without `ack` is ACK with the number 0.)
    pub ack: Option<u32>,
    /// SEG.WND as it stands in the header, not scaled. `None`: 0 inbound, anything outbound.
    pub window: Option<u16>,
    /// The urgent pointer. `None`: 0 inbound; outbound 0 without `U`, else anything.
    pub urgent: Option<u16>,
    /// The options.
    pub options: TcpOptions,
    /// What the text is.
    pub payload: Payload,
    /// Whether its checksum is right.
    pub checksum: Checksum,
}

/// The flags of a TCP segment, as they stand in the header: FIN is 1, CWR is 0x80, AE 0x100.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct TcpFlags(pub u16);

impl TcpFlags {
    /// `F`.
    pub const FIN: u16 = 0x01;
    /// `S`.
    pub const SYN: u16 = 0x02;
    /// `R`.
    pub const RST: u16 = 0x04;
    /// `P`.
    pub const PSH: u16 = 0x08;
    /// `.`.
    pub const ACK: u16 = 0x10;
    /// `U`.
    pub const URG: u16 = 0x20;
    /// `E`.
    pub const ECE: u16 = 0x40;
    /// `W` or `C`.
    pub const CWR: u16 = 0x80;
    /// `A`.
    pub const AE: u16 = 0x100;

    /// Each flag with its letter, in the order in which they are printed.
    pub const LETTERS: [(char, u16); 9] = [
        ('F', Self::FIN),
        ('S', Self::SYN),
        ('R', Self::RST),
        ('P', Self::PSH),
        ('U', Self::URG),
        ('E', Self::ECE),
        ('W', Self::CWR),
        ('A', Self::AE),
        ('.', Self::ACK),
    ];

    /// True if all of `flags` are set.
    pub const fn has(self, flags: u16) -> bool {
        self.0 & flags == flags
    }
}

impl fmt::Display for TcpFlags {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return formatter.write_str("-");
        }
        for (letter, flag) in Self::LETTERS {
            if self.has(flag) {
                write!(formatter, "{letter}")?;
            }
        }
        Ok(())
    }
}

/// The options of a segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TcpOptions {
    /// `<...>`: anything. Outbound only.
    Any,
    /// Exactly these, in this order. Empty if the script says none.
    List(Vec<TcpOption>),
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// One option of a segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TcpOption {
    /// `eol`.
    End,
    /// `nop`.
    Nop,
    /// `mss 1460`.
    Mss(u16),
    /// `wscale 7`.
    WindowScale(u8),
    /// `sackOK`.
    SackPermitted,
    /// `sack 1:100 200:300`: at most four blocks. Numbers are those of the receiver's octets.
    Sack(Vec<SackBlock>),
    /// `TS val 100 ecr 0`.
    Timestamps {
        /// TSval. Outbound: relative to the first one that was sent, which is what the script says.
        value: u32,
        /// TSecr.
        echo: u32,
    },
    /// `FO` or `FO 0123abcd`: kind 34 (RFC 7413).
    FastOpen(Vec<u8>),
    /// `FOEXP` or `FOEXP 0123abcd`: kind 254 with the identifier 0xf989.
    FastOpenExperimental(Vec<u8>),
    /// `md5 0123…`: kind 19 (RFC 2385).
    Md5(Vec<u8>),
    /// `uto 30s` or `uto 5m`: kind 28 (RFC 5482) as it stands in the header.
    UserTimeout(u16),
    /// `exp 0xf989 0123`: kind 253 (RFC 6994) with its identifier and what follows.
    Experimental {
        /// The identifier.
        id: u16,
        /// What follows.
        octets: Vec<u8>,
    },
    /// `opt 77 0123`: any other kind with the octets after its length. Ours.
    Unknown {
        /// The kind.
        kind: u8,
        /// What follows the length.
        octets: Vec<u8>,
    },
    /// `raw 0204`: octets as they are, even where they are no option. Inbound only; ours.
    Raw(Vec<u8>),
}

/// A block of octets that the receiver has (RFC 2018 §3).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SackBlock {
    /// The first number.
    pub left: u32,
    /// One past the last.
    pub right: u32,
}

/// What the text of a packet is. Ours: packetdrill sends zeroes and looks at nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Payload {
    /// Nothing said: the [pattern](crate::drill::pattern) of the direction at this place of the stream. In
    /// relation to a `write("text")` the runner expects that text.
    #[default]
    Pattern,
    /// `"text"`: these octets.
    Octets(Vec<u8>),
    /// `zeroes`.
    Zeroes,
    /// `anything`: not looked at. Outbound only.
    Any,
}

/// `udp (1000)`: a UDP datagram.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Datagram {
    /// The ports, if the script says them.
    pub ports: Option<Ports>,
    /// The octets of its payload.
    pub octets: u32,
    /// What they are.
    pub payload: Payload,
    /// Whether its checksum is right.
    pub checksum: Checksum,
}

/// `icmp unreachable frag_needed mtu 1200 [1:1461(1460)]`: an ICMP message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IcmpMessage {
    /// Its type and code by the names of the language.
    pub kind: IcmpKind,
    /// `mtu 1200`.
    pub mtu: Option<u32>,
    /// `id 7 seq 1`, of an echo.
    pub echo: Option<Echo>,
    /// The packet that it is about, in brackets.
    pub quoted: Option<Quoted>,
    /// The octets of an echo's payload.
    pub octets: u32,
    /// Whether its checksum is right.
    pub checksum: Checksum,
}

/// Type and code of an ICMP message. [`constants::icmp_name`](crate::drill::constants::icmp_name) has the
/// names.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct IcmpKind {
    /// Which ICMP.
    pub family: Family,
    /// Type.
    pub icmp_type: u8,
    /// Code.
    pub code: u8,
}

/// Identifier and number of an ICMP echo.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Echo {
    /// The identifier.
    pub id: u16,
    /// The number.
    pub sequence: u16,
}

/// The packet that an ICMP message quotes: one that the stack under test sent (inbound messages), or
/// one that arrived there (outbound ones).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Quoted {
    /// `[1:1001(1000)]`: a segment of the script's connection.
    Tcp {
        /// SEG.SEQ, relative to the sender's first one.
        seq: u32,
        /// The octets of its text.
        octets: u32,
    },
    /// `[udp (1000)]`: a datagram between the script's ports.
    Udp {
        /// The octets of its payload.
        octets: u32,
    },
}
