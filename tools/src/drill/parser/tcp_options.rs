//! The options of a segment: `<mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>`.
//!
//! Called by the packet parser after `<`. Options may come in any order and number, as long as they fit
//! a header.

use super::Parsed;
use super::tokens::Tokens;
use crate::drill::ast::{Direction, SackBlock, TcpOption, TcpOptions};
use crate::drill::error::Mistake;
use crate::drill::lexer::Kind;

/// What a header has room for (RFC 9293 §3.1).
const OPTIONS_OCTETS_MAX: usize = 40;

/// Options of dialects that we do not have.
const CANNOT: &[&str] = &[
    "mp_capable",
    "mp_join",
    "mp_fail",
    "mp_prio",
    "mp_fastclose",
    "mp_reset",
    "mp_join_syn",
    "mp_join_syn_ack",
    "mp_join_ack",
    "dss",
    "add_address",
    "remove_address",
    "mpcapable",
];

/// The list, from after `<` to its `>`.
pub(super) fn list(tokens: &mut Tokens, direction: Direction) -> Parsed<TcpOptions> {
    let position = tokens.position();
    if *tokens.kind() == Kind::Ellipsis && direction == Direction::Outbound {
        tokens.skip();
        tokens.expect_sign('>', "`>`")?;
        return Ok(TcpOptions::Any);
    }
    let mut options = Vec::new();
    if tokens.take_sign('>') {
        return Ok(TcpOptions::List(options));
    }
    loop {
        options.push(option(tokens, direction)?);
        if tokens.take_sign('>') {
            break;
        }
        tokens.expect_sign(',', "`,` or `>`")?;
    }
    let octets: usize = options.iter().map(octets_of).sum();
    if octets > OPTIONS_OCTETS_MAX {
        return Err((position, Mistake::OptionsTooLong(octets)));
    }
    Ok(TcpOptions::List(options))
}

fn option(tokens: &mut Tokens, direction: Direction) -> Parsed<TcpOption> {
    let position = tokens.position();
    let Kind::Word(word) = tokens.kind().clone() else {
        return Err(tokens.unexpected("a TCP option"));
    };
    tokens.skip();
    Ok(match word.as_str() {
        "eol" => TcpOption::End,
        "nop" => TcpOption::Nop,
        "mss" => TcpOption::Mss(tokens.u16("a segment size")?),
        "wscale" => TcpOption::WindowScale(tokens.u8("a shift")?),
        "sackOK" => TcpOption::SackPermitted,
        "sack" => TcpOption::Sack(sack_blocks(tokens)?),
        "TS" => timestamps(tokens)?,
        "FO" => TcpOption::FastOpen(tokens.octets()?.unwrap_or_default()),
        "FOEXP" => TcpOption::FastOpenExperimental(tokens.octets()?.unwrap_or_default()),
        "md5" => TcpOption::Md5(tokens.octets()?.unwrap_or_default()),
        "uto" => TcpOption::UserTimeout(user_timeout(tokens)?),
        "exp" => TcpOption::Experimental {
            id: tokens.u16("an identifier of 16 bits")?,
            octets: tokens.octets()?.unwrap_or_default(),
        },
        "opt" => TcpOption::Unknown {
            kind: tokens.u8("an option kind")?,
            octets: tokens.octets()?.unwrap_or_default(),
        },
        "raw" if direction == Direction::Inbound => {
            let octets = tokens.octets()?;
            TcpOption::Raw(octets.ok_or_else(|| tokens.unexpected("hexadecimal digits"))?)
        }
        word if CANNOT.contains(&word) => {
            return Err((
                position,
                Mistake::Cannot {
                    what: format!("option {word}"),
                    why: "there is no Multipath TCP",
                },
            ));
        }
        _ => {
            return Err((
                position,
                Mistake::UnknownName {
                    name: word,
                    what: "TCP option",
                },
            ));
        }
    })
}

fn sack_blocks(tokens: &mut Tokens) -> Parsed<Vec<SackBlock>> {
    let mut blocks = Vec::new();
    while matches!(tokens.kind(), Kind::Integer(_) | Kind::Hex(_)) {
        let left = tokens.u32("a number of sequence")?;
        tokens.expect_sign(':', "`:`")?;
        let right = tokens.u32("a number of sequence")?;
        blocks.push(SackBlock { left, right });
    }
    if blocks.is_empty() {
        return Err(tokens.unexpected("a block such as 1:1001"));
    }
    Ok(blocks)
}

fn timestamps(tokens: &mut Tokens) -> Parsed<TcpOption> {
    if !tokens.take_word("val") {
        return Err(tokens.unexpected("val"));
    }
    let value = tokens.u32("a timestamp")?;
    if !tokens.take_word("ecr") {
        return Err(tokens.unexpected("ecr"));
    }
    let echo = tokens.u32("a timestamp")?;
    Ok(TcpOption::Timestamps { value, echo })
}

/// `30s`, `5m`, or the 16 bits as they stand in the header (RFC 5482 §3).
fn user_timeout(tokens: &mut Tokens) -> Parsed<u16> {
    const MINUTES: u16 = 0x8000;
    if let Kind::Word(word) = tokens.kind() {
        let (digits, unit) = word.split_at(word.len() - 1);
        let granularity = match unit {
            "s" => Some(0),
            "m" => Some(MINUTES),
            _ => None,
        };
        let value = digits.parse::<u16>().ok().filter(|it| *it < MINUTES);
        if let (Some(granularity), Some(value)) = (granularity, value) {
            tokens.skip();
            return Ok(granularity | value);
        }
    }
    tokens.u16("a user timeout such as 30s or 5m")
}

/// How much of a header an option takes.
fn octets_of(option: &TcpOption) -> usize {
    match option {
        TcpOption::End | TcpOption::Nop => 1,
        TcpOption::SackPermitted => 2,
        TcpOption::WindowScale(_) => 3,
        TcpOption::Mss(_) | TcpOption::UserTimeout(_) => 4,
        TcpOption::Timestamps { .. } => 10,
        TcpOption::Sack(blocks) => 2 + 8 * blocks.len(),
        TcpOption::FastOpen(octets) | TcpOption::Md5(octets) => 2 + octets.len(),
        TcpOption::Unknown { octets, .. } => 2 + octets.len(),
        TcpOption::FastOpenExperimental(octets) | TcpOption::Experimental { octets, .. } => {
            4 + octets.len()
        }
        TcpOption::Raw(octets) => octets.len(),
    }
}
