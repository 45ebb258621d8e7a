//! Packets made by hand, right or wrong on purpose (RFC 791, 8200, 9293, 768, 792, 4443).
//!
//! Tests build every packet that reaches a stack with these few functions and then break what they
//! want broken. Nothing here is shared with the stack: the checksum is the plain loop of RFC 1071.

// Whoever builds an impossible packet has made a mistake of its own: that is a panic, as in a test.
#![allow(clippy::panic)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Protocol numbers.
pub mod protocol {
    /// IPv6 hop-by-hop options.
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP for IPv4.
    pub const ICMP_V4: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// IPv6 routing header.
    pub const ROUTING: u8 = 43;
    /// IPv6 fragment header.
    pub const FRAGMENT: u8 = 44;
    /// ICMP for IPv6.
    pub const ICMP_V6: u8 = 58;
    /// IPv6: nothing follows.
    pub const NO_NEXT_HEADER: u8 = 59;
    /// IPv6 destination options.
    pub const DESTINATION_OPTIONS: u8 = 60;
}

/// The sum of RFC 1071, not yet complemented, folded to 16 bits.
fn sum(parts: &[&[u8]]) -> u16 {
    let octets: Vec<u8> = parts.concat();
    let mut sum: u64 = 0;
    for pair in octets.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u64::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// The internet checksum over `parts`, put one after the other (RFC 1071).
pub fn checksum(parts: &[&[u8]]) -> u16 {
    !sum(parts)
}

/// The pseudo-header of RFC 9293 §3.1 (IPv4) or RFC 8200 §8.1 (IPv6).
pub fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, octets: usize) -> Vec<u8> {
    let mut header = Vec::new();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            header.extend(source.octets());
            header.extend(destination.octets());
            header.extend([0, protocol]);
            header.extend((octets as u16).to_be_bytes());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            header.extend(source.octets());
            header.extend(destination.octets());
            header.extend((octets as u32).to_be_bytes());
            header.extend([0, 0, 0, protocol]);
        }
        _ => panic!("{source} and {destination} are of different families"),
    }
    header
}

/// Puts the right transport checksum at `at` of `payload`.
pub fn fill_checksum(ip: &Ip, protocol: u8, payload: &mut [u8], at: usize) {
    payload[at..at + 2].copy_from_slice(&[0, 0]);
    let pseudo = pseudo_header(ip.source, ip.destination, protocol, payload.len());
    let sum = checksum(&[&pseudo, payload]);
    payload[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// The IP header of a packet, in both families.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ip {
    /// From whom.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// Time to live or hop limit.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// IPv4's identification; used by fragments in both families.
    pub identification: u32,
    /// IPv4's DF.
    pub dont_fragment: bool,
    /// IPv4's options, already padded to four octets.
    pub options: Vec<u8>,
}

impl Ip {
    /// A header with nothing special about it.
    pub fn new(source: IpAddr, destination: IpAddr) -> Self {
        Self {
            source,
            destination,
            hop_limit: 64,
            traffic_class: 0,
            identification: 0,
            dont_fragment: false,
            options: Vec::new(),
        }
    }

    /// Another hop limit.
    pub fn hop_limit(mut self, hop_limit: u8) -> Self {
        self.hop_limit = hop_limit;
        self
    }

    /// Another identification.
    pub fn id(mut self, identification: u32) -> Self {
        self.identification = identification;
        self
    }

    /// IPv4 options; padded with end-of-list to four octets.
    pub fn options(mut self, options: &[u8]) -> Self {
        self.options = options.to_vec();
        while !self.options.len().is_multiple_of(4) {
            self.options.push(0);
        }
        self
    }

    /// The whole packet.
    pub fn packet(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let df = if self.dont_fragment { 0x4000 } else { 0 };
                self.packet_v4(source, destination, protocol, df, payload)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                self.packet_v6(source, destination, protocol, payload)
            }
            _ => panic!("the families differ"),
        }
    }

    /// A fragment that begins `offset_units` times eight octets into the datagram.
    pub fn fragment(&self, protocol: u8, offset_units: u16, more: More, payload: &[u8]) -> Vec<u8> {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let more = if more == More::Fragments { 0x2000 } else { 0 };
                let bits = more | (offset_units & 0x1fff);
                self.packet_v4(source, destination, protocol, bits, payload)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let more = u16::from(more == More::Fragments);
                let mut octets = vec![protocol, 0];
                octets.extend(((offset_units << 3) | more).to_be_bytes());
                octets.extend(self.identification.to_be_bytes());
                octets.extend(payload);
                self.packet_v6(source, destination, protocol::FRAGMENT, &octets)
            }
            _ => panic!("the families differ"),
        }
    }

    /// `payload` cut into fragments of at most `octets` (a multiple of eight) each, in order.
    pub fn fragments(&self, protocol: u8, payload: &[u8], octets: usize) -> Vec<Vec<u8>> {
        assert!(octets.is_multiple_of(8));
        let count = payload.len().div_ceil(octets);
        payload
            .chunks(octets)
            .enumerate()
            .map(|(index, part)| {
                let more = if index + 1 == count {
                    More::Nothing
                } else {
                    More::Fragments
                };
                self.fragment(protocol, (index * octets / 8) as u16, more, part)
            })
            .collect()
    }

    fn packet_v4(
        &self,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: u8,
        fragment_bits: u16,
        payload: &[u8],
    ) -> Vec<u8> {
        let header_octets = 20 + self.options.len();
        let total = (header_octets + payload.len()) as u16;
        let mut packet = vec![0x40 | (header_octets / 4) as u8, self.traffic_class];
        packet.extend(total.to_be_bytes());
        packet.extend((self.identification as u16).to_be_bytes());
        packet.extend(fragment_bits.to_be_bytes());
        packet.extend([self.hop_limit, protocol, 0, 0]);
        packet.extend(source.octets());
        packet.extend(destination.octets());
        packet.extend(&self.options);
        mend_ipv4_checksum(&mut packet);
        packet.extend(payload);
        packet
    }

    fn packet_v6(
        &self,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        next_header: u8,
        payload: &[u8],
    ) -> Vec<u8> {
        let mut packet = vec![
            0x60 | (self.traffic_class >> 4),
            self.traffic_class << 4,
            0,
            0,
        ];
        packet.extend((payload.len() as u16).to_be_bytes());
        packet.extend([next_header, self.hop_limit]);
        packet.extend(source.octets());
        packet.extend(destination.octets());
        packet.extend(payload);
        packet
    }
}

/// What follows a fragment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum More {
    /// More fragments follow.
    Fragments,
    /// This is the last one.
    Nothing,
}

/// Recomputes the header checksum of an IPv4 packet whose header was changed.
pub fn mend_ipv4_checksum(packet: &mut [u8]) {
    let header_octets = (usize::from(packet[0] & 15) * 4).clamp(20, packet.len());
    packet[10..12].copy_from_slice(&[0, 0]);
    let sum = checksum(&[&packet[..header_octets]]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// A UDP datagram's header and payload, checksum included.
pub fn udp(ip: &Ip, source_port: u16, destination_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend(source_port.to_be_bytes());
    datagram.extend(destination_port.to_be_bytes());
    datagram.extend((8 + payload.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    fill_checksum(ip, protocol::UDP, &mut datagram, 6);
    if datagram[6..8] == [0, 0] {
        datagram[6..8].copy_from_slice(&[0xff, 0xff]);
    }
    datagram
}

/// An ICMP message of the family of `ip`: type, code, the four octets after the checksum, the rest.
pub fn icmp(ip: &Ip, kind: u8, code: u8, word: [u8; 4], rest: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, code, 0, 0];
    message.extend(word);
    message.extend(rest);
    match ip.source {
        IpAddr::V4(_) => {
            let sum = checksum(&[&message]);
            message[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        IpAddr::V6(_) => fill_checksum(ip, protocol::ICMP_V6, &mut message, 2),
    }
    message
}

/// The number of ICMP in the family of `address`.
pub fn icmp_protocol(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => protocol::ICMP_V4,
        IpAddr::V6(_) => protocol::ICMP_V6,
    }
}

/// A whole echo request packet.
pub fn echo_request(ip: &Ip, identifier: u16, sequence: u16, data: &[u8]) -> Vec<u8> {
    let [a, b] = identifier.to_be_bytes();
    let [c, d] = sequence.to_be_bytes();
    let kind = if ip.source.is_ipv4() { 8 } else { 128 };
    let message = icmp(ip, kind, 0, [a, b, c, d], data);
    ip.packet(icmp_protocol(ip.source), &message)
}

/// TCP control bits.
pub mod flags {
    /// No more data from sender.
    pub const FIN: u8 = 0x01;
    /// Synchronize sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgment field is significant.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer is significant.
    pub const URG: u8 = 0x20;
    /// ECN echo.
    pub const ECE: u8 = 0x40;
    /// Congestion window reduced.
    pub const CWR: u8 = 0x80;
}

/// Control bits from their letters, as in `"SA"` or `"FA"`.
pub fn flags_of(letters: &str) -> u8 {
    letters
        .chars()
        .map(|letter| match letter {
            'F' => flags::FIN,
            'S' => flags::SYN,
            'R' => flags::RST,
            'P' => flags::PSH,
            'A' => flags::ACK,
            'U' => flags::URG,
            'E' => flags::ECE,
            'C' => flags::CWR,
            '.' => 0,
            other => panic!("{other} is no control bit"),
        })
        .fold(0, |bits, bit| bits | bit)
}

/// The letters of control bits.
pub fn letters_of(bits: u8) -> String {
    let letters: String = "FSRPAUEC"
        .chars()
        .enumerate()
        .filter(|(bit, _)| bits & (1 << bit) != 0)
        .map(|(_, letter)| letter)
        .collect();
    if letters.is_empty() {
        ".".to_owned()
    } else {
        letters
    }
}

/// A TCP segment and the IP header around it, to be sent by a scripted peer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Segment {
    /// The IP header.
    pub ip: Ip,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// SEG.SEQ.
    pub seq: u32,
    /// SEG.ACK.
    pub ack: u32,
    /// Control bits.
    pub flags: u8,
    /// SEG.WND as it stands in the header.
    pub window: u16,
    /// SEG.UP.
    pub urgent: u16,
    /// The options as they stand in the header, not yet padded.
    pub options: Vec<u8>,
    /// The text.
    pub text: Vec<u8>,
}

impl Segment {
    /// Other control bits.
    pub fn flags(mut self, letters: &str) -> Self {
        self.flags = flags_of(letters);
        self
    }

    /// Another SEG.SEQ.
    pub fn seq(mut self, seq: u32) -> Self {
        self.seq = seq;
        self
    }

    /// Another SEG.ACK.
    pub fn ack(mut self, ack: u32) -> Self {
        self.ack = ack;
        self
    }

    /// Another SEG.WND.
    pub fn window(mut self, window: u16) -> Self {
        self.window = window;
        self
    }

    /// An urgent pointer, and URG.
    pub fn urgent(mut self, pointer: u16) -> Self {
        self.urgent = pointer;
        self.flags |= flags::URG;
        self
    }

    /// Text.
    pub fn text(mut self, text: impl AsRef<[u8]>) -> Self {
        self.text = text.as_ref().to_vec();
        self
    }

    /// Exactly these options.
    pub fn options(mut self, options: &[u8]) -> Self {
        self.options = options.to_vec();
        self
    }

    /// One more option, at the end.
    pub fn option(mut self, option: &[u8]) -> Self {
        self.options.extend(option);
        self
    }

    /// SEG.LEN.
    pub fn len(&self) -> u32 {
        let syn = u32::from(self.flags & flags::SYN != 0);
        let fin = u32::from(self.flags & flags::FIN != 0);
        self.text.len() as u32 + syn + fin
    }

    /// True if it takes no room in the sequence space.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// TCP header and text, checksum included. Options are padded with zeros to four octets.
    pub fn tcp(&self) -> Vec<u8> {
        let mut options = self.options.clone();
        while !options.len().is_multiple_of(4) {
            options.push(0);
        }
        assert!(
            options.len() <= 40,
            "a TCP header holds 40 octets of options"
        );
        let offset = 5 + options.len() / 4;
        let mut tcp = Vec::with_capacity(offset * 4 + self.text.len());
        tcp.extend(self.source_port.to_be_bytes());
        tcp.extend(self.destination_port.to_be_bytes());
        tcp.extend(self.seq.to_be_bytes());
        tcp.extend(self.ack.to_be_bytes());
        tcp.extend([(offset << 4) as u8, self.flags]);
        tcp.extend(self.window.to_be_bytes());
        tcp.extend([0, 0]);
        tcp.extend(self.urgent.to_be_bytes());
        tcp.extend(options);
        tcp.extend(&self.text);
        fill_checksum(&self.ip, protocol::TCP, &mut tcp, 16);
        tcp
    }

    /// The whole packet.
    pub fn packet(&self) -> Vec<u8> {
        self.ip.packet(protocol::TCP, &self.tcp())
    }
}

/// TCP options as they stand in a header.
pub mod option {
    /// End of list.
    pub const END: [u8; 1] = [0];
    /// No operation.
    pub const NOP: [u8; 1] = [1];
    /// SACK permitted (RFC 2018 §2).
    pub const SACK_PERMITTED: [u8; 2] = [4, 2];

    /// Maximum segment size (RFC 9293 §3.7.1).
    pub fn mss(octets: u16) -> [u8; 4] {
        let [a, b] = octets.to_be_bytes();
        [2, 4, a, b]
    }

    /// Window scale (RFC 7323 §2.2).
    pub fn window_scale(shift: u8) -> [u8; 3] {
        [3, 3, shift]
    }

    /// Timestamps (RFC 7323 §3.2).
    pub fn timestamps(value: u32, echo: u32) -> [u8; 10] {
        let [a, b, c, d] = value.to_be_bytes();
        let [e, f, g, h] = echo.to_be_bytes();
        [8, 10, a, b, c, d, e, f, g, h]
    }

    /// SACK blocks (RFC 2018 §3).
    pub fn sack(blocks: &[(u32, u32)]) -> Vec<u8> {
        let mut option = vec![5, (2 + 8 * blocks.len()) as u8];
        for (left, right) in blocks {
            option.extend(left.to_be_bytes());
            option.extend(right.to_be_bytes());
        }
        option
    }
}

/// `octets` octets of which each one can be told from its neighbours: those of a stream from
/// position `from` on.
pub fn pattern(from: usize, octets: usize) -> Vec<u8> {
    (from..from + octets)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}
