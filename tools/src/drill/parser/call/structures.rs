//! The structures of system calls: addresses, buffers, messages, entries of `poll`, values of options.
//!
//! Called by the call parser. Members may come in any order; one that means nothing is an error.

use std::net::IpAddr;

use super::super::Parsed;
use super::super::arguments::{Argument, Member, Shape, expected};
use super::{constant, flags};
use crate::drill::ast::{
    Buffer, Control, Message, OptionValue, Piece, PollEntry, Position, SocketName,
};
use crate::drill::constants::{
    ERRORS, Flags, LEVELS, MESSAGE_FLAGS, OPTION_VALUES, POLL_FLAGS, SocketOption, by_name,
};
use crate::drill::error::Mistake;

/// The most octets one call may name.
const OCTETS_MAX: i64 = 1 << 30;

fn unknown_member<T>(member: &Member, what: &'static str) -> Parsed<T> {
    let name = member.name.clone().unwrap_or_default();
    Err((member.value.position, Mistake::UnknownName { name, what }))
}

/// `...` or a `sockaddr`.
pub(super) fn address(argument: &Argument) -> Parsed<Option<SocketName>> {
    if argument.is_any() {
        return Ok(None);
    }
    let mut address = None;
    let mut port = None;
    for member in argument.members("... or {sa_family=…, sin_port=…, sin_addr=…}")? {
        match (member.name.as_deref(), &member.value.shape) {
            (Some("sa_family" | "sin6_flowinfo" | "sin6_scope_id"), _) => {}
            (Some("sin_port" | "sin6_port"), shape) => port = Some(port_of(&member.value, shape)?),
            (Some("sin_addr" | "sin6_addr"), _) => address = Some(ip_of(&member.value)?),
            // strace writes the address of IPv6 like this.
            (None, Shape::Function(name, _)) if name == "inet_pton" => {
                address = Some(ip_of(&member.value)?);
            }
            _ => return unknown_member(member, "member of sockaddr"),
        }
    }
    match (address, port) {
        (Some(address), Some(port)) => Ok(Some(SocketName { address, port })),
        _ => Err((argument.position, expected("an address with a port"))),
    }
}

fn port_of(argument: &Argument, shape: &Shape) -> Parsed<u16> {
    let number = match shape {
        Shape::Function(name, values) if name == "htons" && values.len() == 1 => &values[0],
        _ => argument,
    };
    let port = number.number("a port", 0, i64::from(u16::MAX))?;
    Ok(u16::try_from(port).unwrap_or_default())
}

fn ip_of(argument: &Argument) -> Parsed<IpAddr> {
    let texts = match &argument.shape {
        Shape::Function(name, values) if name == "inet_addr" || name == "inet_pton" => values,
        Shape::Name(name) if name == "INADDR_ANY" => return Ok(IpAddr::from([0, 0, 0, 0])),
        _ => core::slice::from_ref(argument),
    };
    texts
        .iter()
        .find_map(|it| match &it.shape {
            Shape::Text(text) => core::str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        })
        .ok_or((argument.position, expected("an address in quotes")))
}

/// `...` or a text.
pub(super) fn buffer(argument: &Argument) -> Parsed<Buffer> {
    match &argument.shape {
        Shape::Any => Ok(Buffer::Pattern),
        Shape::Text(text) => Ok(Buffer::Octets(text.clone())),
        _ => Err((argument.position, expected("... or a text"))),
    }
}

pub(super) fn octets(argument: &Argument) -> Parsed<u64> {
    let octets = argument.number("a number of octets", 0, OCTETS_MAX)?;
    Ok(u64::try_from(octets).unwrap_or_default())
}

/// `[{..., 100}, {"abc", 3}]`.
pub(super) fn pieces(argument: &Argument) -> Parsed<Vec<Piece>> {
    let mut pieces = Vec::new();
    for piece in argument.array("an array of {buffer, octets}")? {
        let [first, second] = piece.members("{buffer, octets}")? else {
            return Err((piece.position, expected("{buffer, octets}")));
        };
        pieces.push(Piece {
            buffer: buffer(&first.value)?,
            octets: octets(&second.value)?,
        });
    }
    Ok(pieces)
}

/// A `msghdr`.
pub(super) fn message(argument: &Argument) -> Parsed<Message> {
    let mut message = Message::default();
    for member in argument.members("{msg_name(…)=…, msg_iov(1)=[…], msg_flags=0}")? {
        let value = &member.value;
        match member.name.as_deref() {
            Some("msg_name") => message.name = address(value)?,
            Some("msg_iov") => message.pieces = pieces(value)?,
            Some("msg_flags") => message.flags = flags(value, MESSAGE_FLAGS, "MSG_ flag")?,
            Some("msg_control") => message.control = controls(value)?,
            _ => return unknown_member(member, "member of msghdr"),
        }
    }
    Ok(message)
}

fn controls(argument: &Argument) -> Parsed<Vec<Control>> {
    let mut controls = Vec::new();
    for entry in argument.array("an array of {cmsg_level=…, cmsg_type=…, cmsg_data=…}")? {
        let (mut level, mut kind, mut data) = (None, None, None);
        for member in entry.members("{cmsg_level=…, cmsg_type=…, cmsg_data=…}")? {
            match member.name.as_deref() {
                Some("cmsg_level") => level = Some(&member.value),
                Some("cmsg_type") => kind = Some(&member.value),
                Some("cmsg_data") => data = Some(control_value(&member.value)?),
                _ => return unknown_member(member, "member of cmsghdr"),
            }
        }
        let (Some(level), Some(kind), Some(value)) = (level, kind, data) else {
            return Err((
                entry.position,
                expected("cmsg_level, cmsg_type and cmsg_data"),
            ));
        };
        let option = socket_option(level, kind)?;
        controls.push(Control { option, value });
    }
    Ok(controls)
}

fn control_value(argument: &Argument) -> Parsed<i64> {
    match &argument.shape {
        Shape::Number(number) => Ok(*number),
        Shape::Struct(_) => Err((
            argument.position,
            Mistake::Cannot {
                what: "a structure as ancillary data".to_owned(),
                why: "only numbers are compared",
            },
        )),
        _ => Err((argument.position, expected("a number"))),
    }
}

/// `[{fd=4, events=POLLIN, revents=POLLIN}]`.
pub(super) fn poll_entries(argument: &Argument) -> Parsed<Vec<PollEntry>> {
    let mut entries = Vec::new();
    for entry in argument.array("an array of {fd=…, events=…, revents=…}")? {
        let mut fd = None;
        let mut events = Flags::default();
        let mut returned = None;
        for member in entry.members("{fd=…, events=…, revents=…}")? {
            let value = &member.value;
            match member.name.as_deref() {
                Some("fd") => {
                    fd = Some(value.number("a file descriptor", -1, i64::from(u16::MAX))?);
                }
                Some("events") => events = flags(value, POLL_FLAGS, "POLL flag")?,
                Some("revents") if value.is_any() => returned = None,
                Some("revents") => returned = Some(flags(value, POLL_FLAGS, "POLL flag")?),
                _ => return unknown_member(member, "member of pollfd"),
            }
        }
        let fd = fd.ok_or((entry.position, expected("fd=…")))?;
        entries.push(PollEntry {
            fd,
            events,
            returned,
        });
    }
    Ok(entries)
}

/// Level and option, by names or numbers.
pub(super) fn socket_option(level: &Argument, option: &Argument) -> Parsed<SocketOption> {
    let level = match &level.shape {
        Shape::Number(number) => *number,
        _ => constant(level, LEVELS, "level of socket options")?.value,
    };
    let (found, name) = match &option.shape {
        Shape::Name(name) => (SocketOption::by_name(level, name), name.clone()),
        Shape::Number(number) => (SocketOption::by_number(level, *number), number.to_string()),
        _ => return Err((option.position, expected("a socket option"))),
    };
    let what = "socket option of this level";
    found.ok_or((option.position, Mistake::UnknownName { name, what }))
}

/// `...`, `[1]`, `1`, `"reno"`, `{onoff=1, linger=0}`, `{tv_sec=1, tv_usec=0}`.
pub(super) fn option_value(argument: &Argument) -> Parsed<OptionValue> {
    Ok(match &argument.shape {
        Shape::Any => OptionValue::Any,
        Shape::Number(number) => OptionValue::Number(*number),
        Shape::Name(name) => OptionValue::Number(named_value(name, argument.position)?),
        Shape::Text(text) => match String::from_utf8(text.clone()) {
            Ok(text) => OptionValue::Text(text),
            Err(_) => return Err((argument.position, expected("a text of UTF-8"))),
        },
        Shape::Array(elements) => match elements.as_slice() {
            [only] => option_value(only)?,
            _ => return Err((argument.position, expected("[value]"))),
        },
        Shape::Struct(members) => structure(argument.position, members)?,
        Shape::Or(_) | Shape::Function(..) => {
            return Err((argument.position, expected("the value of an option")));
        }
    })
}

fn named_value(name: &str, position: Position) -> Parsed<i64> {
    let unknown = Mistake::UnknownName {
        name: name.to_owned(),
        what: "value of a socket option",
    };
    // `SO_ERROR` is an error by its name.
    by_name(OPTION_VALUES, name)
        .or_else(|| by_name(ERRORS, name))
        .map(|it| it.value)
        .ok_or((position, unknown))
}

fn structure(position: Position, members: &[Member]) -> Parsed<OptionValue> {
    let number = |names: [&str; 2]| {
        let member = members
            .iter()
            .find(|it| it.name.as_deref().is_some_and(|name| names.contains(&name)));
        match member {
            Some(member) => member
                .value
                .number("a number", 0, i64::from(u32::MAX))
                .map(Some),
            None => Ok(None),
        }
    };
    if let (Some(on), Some(seconds)) = (
        number(["onoff", "l_onoff"])?,
        number(["linger", "l_linger"])?,
    ) {
        return Ok(OptionValue::Linger { on, seconds });
    }
    if let (Some(seconds), Some(micros)) =
        (number(["tv_sec", "sec"])?, number(["tv_usec", "usec"])?)
    {
        return Ok(OptionValue::Timeval { seconds, micros });
    }
    Err((
        position,
        expected("{onoff=…, linger=…} or {tv_sec=…, tv_usec=…}"),
    ))
}
