//! ICMP messages: `icmp unreachable frag_needed mtu 1200 [1:1461(1460)]`, `icmp echo_request id 1 seq 2 (56)`.
//!
//! Called by the packet parser. The script's IP version says which ICMP it is; the packet that a
//! message is about may stand before or after it.

use super::Parsed;
use super::packet::{octets_in_parentheses, sequence_range};
use super::tokens::Tokens;
use crate::drill::ast::{Checksum, Direction, Echo, Family, IcmpKind, IcmpMessage, Quoted};
use crate::drill::constants::{icmp_by_name, is_icmp_code};
use crate::drill::error::Mistake;
use crate::drill::lexer::Kind;
use crate::drill::options::Options;

/// Words that may follow type and code.
const FOLLOWING: [&str; 3] = ["mtu", "id", "badsum"];

/// True if the bracket that is next holds a quoted packet, not fields of IP.
pub(super) fn is_quoted(tokens: &Tokens) -> bool {
    match &tokens.ahead(1).kind {
        Kind::Integer(_) => true,
        Kind::Word(word) => word == "udp",
        _ => false,
    }
}

/// `[1:1461(1460)]` or `[udp (1000)]`.
pub(super) fn quoted(tokens: &mut Tokens) -> Parsed<Quoted> {
    tokens.expect_sign('[', "`[`")?;
    let quoted = if tokens.take_word("udp") {
        Quoted::Udp {
            octets: octets_in_parentheses(tokens)?,
        }
    } else {
        let (seq, octets) = sequence_range(tokens)?;
        Quoted::Tcp { seq, octets }
    };
    tokens.expect_sign(']', "`]`")?;
    Ok(quoted)
}

/// The message from `icmp` on.
pub(super) fn message(
    tokens: &mut Tokens,
    options: &Options,
    direction: Direction,
    quoted_in_front: Option<Quoted>,
) -> Parsed<IcmpMessage> {
    let family = options.family();
    let wrong = match family {
        Family::V4 => "icmpv6",
        Family::V6 => "icmpv4",
    };
    if tokens.is_word(wrong) {
        return Err(tokens.unexpected("the ICMP of the script's --ip_version"));
    }
    tokens.skip();
    let mut message = IcmpMessage {
        kind: kind(tokens, family)?,
        mtu: None,
        echo: None,
        quoted: quoted_in_front,
        octets: 0,
        checksum: Checksum::Right,
    };
    loop {
        let position = tokens.position();
        if tokens.take_word("mtu") {
            if message.mtu.is_some() {
                return Err((position, Mistake::Twice("mtu")));
            }
            message.mtu = Some(tokens.u32("an MTU")?);
        } else if tokens.take_word("id") {
            message.echo = Some(echo(tokens)?);
        } else if *tokens.kind() == Kind::Sign('[') {
            if message.quoted.is_some() {
                return Err((position, Mistake::Twice("the quoted packet")));
            }
            message.quoted = Some(quoted(tokens)?);
        } else if *tokens.kind() == Kind::Sign('(') {
            message.octets = octets_in_parentheses(tokens)?;
        } else if direction == Direction::Inbound && tokens.take_word("badsum") {
            message.checksum = Checksum::Wrong;
        } else {
            return Ok(message);
        }
    }
}

fn echo(tokens: &mut Tokens) -> Parsed<Echo> {
    let id = tokens.u16("an identifier")?;
    if !tokens.take_word("seq") {
        return Err(tokens.unexpected("seq"));
    }
    let sequence = tokens.u16("a number")?;
    Ok(Echo { id, sequence })
}

fn kind(tokens: &mut Tokens, family: Family) -> Parsed<IcmpKind> {
    let position = tokens.position();
    let Kind::Word(type_name) = tokens.next().kind else {
        return Err((position, no_icmp("something else".to_owned())));
    };
    if type_name == "type" {
        let icmp_type = tokens.u8("an ICMP type")?;
        if !tokens.take_word("code") {
            return Err(tokens.unexpected("code"));
        }
        let code = tokens.u8("an ICMP code")?;
        return Ok(IcmpKind {
            family,
            icmp_type,
            code,
        });
    }
    let code_name = match tokens.kind() {
        Kind::Word(word) if is_icmp_code(family, &type_name, word) => Some(word.clone()),
        _ => None,
    };
    match (&code_name, tokens.kind()) {
        (Some(_), _) => tokens.skip(),
        (None, Kind::Word(word)) if !FOLLOWING.contains(&word.as_str()) => {
            return Err((tokens.position(), no_icmp(format!("{type_name} {word}"))));
        }
        _ => {}
    }
    icmp_by_name(family, &type_name, code_name.as_deref())
        .ok_or_else(|| (position, no_icmp(type_name)))
}

const fn no_icmp(name: String) -> Mistake {
    Mistake::UnknownName {
        name,
        what: "ICMP message of this IP version",
    }
}
