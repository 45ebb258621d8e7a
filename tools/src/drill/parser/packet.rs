//! Packets: `> [ect0] P. 1:1001(1000) ack 1 win 500 <nop,nop,TS val 1 ecr 2>` and UDP; ICMP is next door.
//!
//! Called by the statement parser at `<` or `>`. Parts after the sequence numbers may stand in any
//! order, each once.

use super::tokens::Tokens;
use super::{Parsed, icmp, tcp_options};
use crate::drill::ast::{
    Checksum, Contents, Datagram, Direction, DontFragment, Ecn, IpFields, Packet, Payload, Ports,
    Position, Segment, TcpFlags, TcpOptions,
};
use crate::drill::error::Mistake;
use crate::drill::lexer::{Gap, Kind};
use crate::drill::options::Options;

/// Protocols and headers of dialects that we do not have.
const CANNOT: &[(&str, &str)] = &[
    ("sctp", "there is no SCTP"),
    ("udplite", "there is no UDP-Lite"),
    ("ipv4", "packets are not encapsulated"),
    ("ipv6", "packets are not encapsulated"),
    ("gre", "packets are not encapsulated"),
    ("mpls", "packets are not encapsulated"),
    ("esp", "packets are not encapsulated"),
    ("psp", "packets are not encapsulated"),
];

pub(super) fn packet(tokens: &mut Tokens, options: &Options) -> Parsed<Packet> {
    let direction = match tokens.next().kind {
        Kind::Sign('<') => Direction::Inbound,
        _ => Direction::Outbound,
    };
    let mut ip = IpFields::default();
    let mut quoted = None;
    if *tokens.kind() == Kind::Sign('[') {
        // The older grammar has what an ICMP message quotes in front of it.
        if icmp::is_quoted(tokens) {
            quoted = Some(icmp::quoted(tokens)?);
        } else {
            ip = ip_fields(tokens, direction)?;
        }
    }
    let ports = ports(tokens)?;
    let contents = match tokens.kind().clone() {
        Kind::Word(word) if word == "icmp" || word == "icmpv6" || word == "icmpv4" => {
            Contents::Icmp(icmp::message(tokens, options, direction, quoted)?)
        }
        _ if quoted.is_some() => return Err(tokens.unexpected("icmp")),
        Kind::Word(word) if word == "udp" => {
            tokens.skip();
            Contents::Udp(datagram(tokens, direction, ports)?)
        }
        Kind::Word(word) if CANNOT.iter().any(|it| it.0 == word) => {
            let why = CANNOT.iter().find(|it| it.0 == word);
            let mistake = Mistake::Cannot {
                why: why.map_or("", |it| it.1),
                what: word,
            };
            return Err((tokens.position(), mistake));
        }
        _ => Contents::Tcp(segment(tokens, direction, ports)?),
    };
    Ok(Packet {
        direction,
        ip,
        contents,
    })
}

fn ip_fields(tokens: &mut Tokens, direction: Direction) -> Parsed<IpFields> {
    tokens.skip();
    let mut ip = IpFields::default();
    loop {
        let position = tokens.position();
        let Kind::Word(word) = tokens.next().kind else {
            return Err((position, expected_ip_field()));
        };
        match word.as_str() {
            "noecn" => once(&mut ip.ecn, Ecn::NotCapable, "the ECN field", position)?,
            "ect0" => once(&mut ip.ecn, Ecn::Ect0, "the ECN field", position)?,
            "ect1" => once(&mut ip.ecn, Ecn::Ect1, "the ECN field", position)?,
            "ce" => once(&mut ip.ecn, Ecn::Ce, "the ECN field", position)?,
            "ect01" if direction == Direction::Outbound => {
                once(&mut ip.ecn, Ecn::Ect01, "the ECN field", position)?;
            }
            "tos" | "tclass" => {
                let tos = tokens.u8("an octet")?;
                once(&mut ip.tos, tos, "the ToS octet", position)?;
            }
            "ttl" | "hlim" => {
                let ttl = tokens.u8("a hop limit")?;
                once(&mut ip.ttl, ttl, "the hop limit", position)?;
            }
            "flowlabel" => {
                let label = tokens.number("a flow label", 0, 0xf_ffff)?;
                let label = u32::try_from(label).unwrap_or_default();
                once(&mut ip.flow_label, label, "the flow label", position)?;
            }
            "df" => once(&mut ip.dont_fragment, DontFragment::Set, "DF", position)?,
            "nodf" => once(&mut ip.dont_fragment, DontFragment::Clear, "DF", position)?,
            _ => return Err((position, expected_ip_field())),
        }
        if tokens.take_sign(']') {
            return Ok(ip);
        }
        tokens.expect_sign(',', "`,` or `]`")?;
    }
}

fn expected_ip_field() -> Mistake {
    Mistake::Expected {
        expected: "noecn, ect0, ect1, ect01 (outbound), ce, tos, ttl, flowlabel, df or nodf",
        found: "something else".to_owned(),
    }
}

fn once<T>(place: &mut Option<T>, value: T, what: &'static str, position: Position) -> Parsed<()> {
    if place.is_some() {
        return Err((position, Mistake::Twice(what)));
    }
    *place = Some(value);
    Ok(())
}

/// `8080 > 40000`.
fn ports(tokens: &mut Tokens) -> Parsed<Option<Ports>> {
    if !matches!(tokens.kind(), Kind::Integer(_)) || tokens.ahead(1).kind != Kind::Sign('>') {
        return Ok(None);
    }
    let source = tokens.u16("a port")?;
    tokens.skip();
    let destination = tokens.u16("a port")?;
    Ok(Some(Ports {
        source,
        destination,
    }))
}

fn datagram(
    tokens: &mut Tokens,
    direction: Direction,
    mut ports_in_front: Option<Ports>,
) -> Parsed<Datagram> {
    let position = tokens.position();
    if let Some(ports) = ports(tokens)? {
        once(&mut ports_in_front, ports, "the ports", position)?;
    }
    let octets = octets_in_parentheses(tokens)?;
    let mut after = After::default();
    while after.take(tokens, direction, octets)? {}
    Ok(Datagram {
        ports: ports_in_front,
        octets,
        payload: after.payload.unwrap_or_default(),
        checksum: after.checksum.unwrap_or_default(),
    })
}

pub(super) fn octets_in_parentheses(tokens: &mut Tokens) -> Parsed<u32> {
    tokens.expect_sign('(', "the length in parentheses")?;
    let octets = tokens.number("a number of octets", 0, 65_535)?;
    tokens.expect_sign(')', "`)`")?;
    Ok(u32::try_from(octets).unwrap_or_default())
}

/// What may follow any packet: the payload and the checksum.
#[derive(Default)]
struct After {
    payload: Option<Payload>,
    checksum: Option<Checksum>,
}

impl After {
    /// Takes one part; false if something else follows.
    fn take(&mut self, tokens: &mut Tokens, direction: Direction, octets: u32) -> Parsed<bool> {
        let position = tokens.position();
        match tokens.kind().clone() {
            Kind::Text(text) => {
                if u32::try_from(text.len()) != Ok(octets) {
                    let mistake = Mistake::PayloadLength {
                        expected: octets,
                        found: text.len(),
                    };
                    return Err((position, mistake));
                }
                once(
                    &mut self.payload,
                    Payload::Octets(text),
                    "the payload",
                    position,
                )?;
            }
            Kind::Word(word) if word == "zeroes" => {
                once(&mut self.payload, Payload::Zeroes, "the payload", position)?;
            }
            Kind::Word(word) if word == "anything" && direction == Direction::Outbound => {
                once(&mut self.payload, Payload::Any, "the payload", position)?;
            }
            Kind::Word(word) if word == "badsum" && direction == Direction::Inbound => {
                once(
                    &mut self.checksum,
                    Checksum::Wrong,
                    "the checksum",
                    position,
                )?;
            }
            _ => return Ok(false),
        }
        tokens.skip();
        Ok(true)
    }
}

fn segment(tokens: &mut Tokens, direction: Direction, ports: Option<Ports>) -> Parsed<Segment> {
    let flags = flags(tokens)?;
    let (seq, octets) = sequence_range(tokens)?;
    let mut ack = None;
    let mut window = None;
    let mut urgent = None;
    let mut options = None;
    let mut after = After::default();
    loop {
        let position = tokens.position();
        if tokens.take_word("ack") {
            once(
                &mut ack,
                tokens.u32("a number of sequence")?,
                "ack",
                position,
            )?;
        } else if tokens.take_word("win") {
            once(
                &mut window,
                tokens.u16("a window of 16 bits")?,
                "win",
                position,
            )?;
        } else if tokens.take_word("urg") {
            once(
                &mut urgent,
                tokens.u16("an urgent pointer")?,
                "urg",
                position,
            )?;
        } else if tokens.take_sign('<') {
            let list = tcp_options::list(tokens, direction)?;
            once(&mut options, list, "the list of options", position)?;
        } else if !after.take(tokens, direction, octets)? {
            break;
        }
    }
    let default_options = TcpOptions::default();
    Ok(Segment {
        ports,
        flags,
        seq,
        octets,
        ack,
        window,
        urgent,
        options: options.unwrap_or(default_options),
        payload: after.payload.unwrap_or_default(),
        checksum: after.checksum.unwrap_or_default(),
    })
}

/// `S.`, `FP.`, `.`, `-`: signs that stand together.
fn flags(tokens: &mut Tokens) -> Parsed<TcpFlags> {
    const EXPECTED: &str = "flags (F S R P . U E W C A, or - for none), udp or icmp";
    if tokens.take_sign('-') {
        return Ok(TcpFlags::default());
    }
    let mut flags = 0;
    let mut is_first = true;
    while is_first || tokens.token().gap == Gap::None {
        let letters = match tokens.kind() {
            Kind::Word(word) => word.clone(),
            Kind::Sign('.') => ".".to_owned(),
            _ => break,
        };
        for letter in letters.chars() {
            let flag = match letter {
                // Scripts have both.
                'C' => Some(TcpFlags::CWR),
                letter => TcpFlags::LETTERS
                    .iter()
                    .find(|it| it.0 == letter)
                    .map(|it| it.1),
            };
            flags |= flag.ok_or_else(|| tokens.unexpected(EXPECTED))?;
        }
        tokens.skip();
        is_first = false;
    }
    if is_first {
        return Err(tokens.unexpected(EXPECTED));
    }
    Ok(TcpFlags(flags))
}

/// `1:1001(1000)`, as the first number and the octets.
pub(super) fn sequence_range(tokens: &mut Tokens) -> Parsed<(u32, u32)> {
    let position = tokens.position();
    let from = tokens.u32("a number of sequence")?;
    tokens.expect_sign(':', "`:`")?;
    let to = tokens.u32("a number of sequence")?;
    let octets = octets_in_parentheses(tokens)?;
    if from.wrapping_add(octets) != to {
        return Err((position, Mistake::SequenceRange { from, to, octets }));
    }
    Ok((from, octets))
}
