//! The arguments of system calls as a tree, before a call gives them their meaning.
//!
//! Called by the call parser. It knows the shapes of the language (`...`, `[1]`, `{fd=3}`, `A|B`,
//! `htons(80)`), no names; depth is bounded.

use super::Parsed;
use super::tokens::Tokens;
use crate::drill::ast::Position;
use crate::drill::error::Mistake;
use crate::drill::lexer::Kind;

/// How deep brackets may nest.
const DEPTH_MAX: u32 = 16;

/// An argument with its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Argument {
    pub(super) position: Position,
    pub(super) shape: Shape,
}

/// What an argument looks like.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// `...`.
    Any,
    /// A number.
    Number(i64),
    /// A name.
    Name(String),
    /// `A|B`.
    Or(Vec<Argument>),
    /// A text; `"abc"...` is the same to us.
    Text(Vec<u8>),
    /// `[a, b]`.
    Array(Vec<Argument>),
    /// `{name=value, name(…)=value, value}`.
    Struct(Vec<Member>),
    /// `htons(80)`.
    Function(String, Vec<Argument>),
}

/// One member of a structure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Member {
    /// `None` in `{..., 1000}`.
    pub(super) name: Option<String>,
    pub(super) value: Argument,
}

/// What stands in the parentheses of a call, from `(` to `)`.
pub(super) fn arguments(tokens: &mut Tokens) -> Parsed<Vec<Argument>> {
    tokens.expect_sign('(', "`(`")?;
    list(tokens, ')', 0)
}

/// One argument.
pub(super) fn argument(tokens: &mut Tokens, depth: u32) -> Parsed<Argument> {
    let position = tokens.position();
    let first = operand(tokens, depth)?;
    if *tokens.kind() != Kind::Sign('|') {
        return Ok(first);
    }
    let mut parts = vec![first];
    while tokens.take_sign('|') {
        parts.push(operand(tokens, depth)?);
    }
    Ok(Argument {
        position,
        shape: Shape::Or(parts),
    })
}

fn operand(tokens: &mut Tokens, depth: u32) -> Parsed<Argument> {
    let position = tokens.position();
    if depth > DEPTH_MAX {
        return Err((position, Mistake::TooDeep));
    }
    let shape = match tokens.kind().clone() {
        Kind::Ellipsis => {
            tokens.skip();
            Shape::Any
        }
        Kind::Integer(_) | Kind::Hex(_) | Kind::Sign('-') => {
            Shape::Number(tokens.number("a number", i64::MIN, i64::MAX)?)
        }
        Kind::Text(text) => {
            tokens.skip();
            tokens.take(&Kind::Ellipsis);
            Shape::Text(text)
        }
        Kind::Word(name) => {
            tokens.skip();
            if tokens.take_sign('(') {
                Shape::Function(name, list(tokens, ')', depth + 1)?)
            } else {
                Shape::Name(name)
            }
        }
        // An address of C, as in `inet_pton(AF_INET6, "::1", &sin6_addr)`.
        Kind::Sign('&') => {
            tokens.skip();
            return operand(tokens, depth + 1);
        }
        Kind::Sign('[') => {
            tokens.skip();
            Shape::Array(list(tokens, ']', depth + 1)?)
        }
        Kind::Sign('{') => {
            tokens.skip();
            Shape::Struct(members(tokens, depth + 1)?)
        }
        Kind::Decimal(_)
        | Kind::Command(_)
        | Kind::Code(..)
        | Kind::Option { .. }
        | Kind::Sign(_)
        | Kind::End => return Err(tokens.unexpected("an argument")),
    };
    Ok(Argument { position, shape })
}

/// Arguments with commas between them up to `close`.
fn list(tokens: &mut Tokens, close: char, depth: u32) -> Parsed<Vec<Argument>> {
    let mut list = Vec::new();
    if tokens.take_sign(close) {
        return Ok(list);
    }
    loop {
        list.push(argument(tokens, depth)?);
        if tokens.take_sign(close) {
            return Ok(list);
        }
        tokens.expect_sign(',', "`,` or the closing bracket")?;
    }
}

fn members(tokens: &mut Tokens, depth: u32) -> Parsed<Vec<Member>> {
    let mut members = Vec::new();
    if tokens.take_sign('}') {
        return Ok(members);
    }
    loop {
        members.push(member(tokens, depth)?);
        if tokens.take_sign('}') {
            return Ok(members);
        }
        tokens.expect_sign(',', "`,` or `}`")?;
    }
}

fn member(tokens: &mut Tokens, depth: u32) -> Parsed<Member> {
    let value = argument(tokens, depth)?;
    if !tokens.take_sign('=') {
        return Ok(Member { name: None, value });
    }
    let name = match value.shape {
        // `msg_iov(1)=`: the number says nothing that the value does not.
        Shape::Name(name) | Shape::Function(name, _) => name,
        _ => return Err((value.position, expected("the name of a member"))),
    };
    Ok(Member {
        name: Some(name),
        value: argument(tokens, depth)?,
    })
}

pub(super) fn expected(expected: &'static str) -> Mistake {
    Mistake::Expected {
        expected,
        found: "something else".to_owned(),
    }
}

impl Argument {
    fn wrong<T>(&self, what: &'static str) -> Parsed<T> {
        Err((self.position, expected(what)))
    }

    pub(super) fn is_any(&self) -> bool {
        self.shape == Shape::Any
    }

    /// A plain number within these bounds.
    pub(super) fn number(&self, what: &'static str, least: i64, most: i64) -> Parsed<i64> {
        match self.shape {
            Shape::Number(number) if (least..=most).contains(&number) => Ok(number),
            Shape::Number(_) => Err((self.position, Mistake::Range { what, least, most })),
            _ => self.wrong(what),
        }
    }

    /// A name.
    pub(super) fn name(&self, what: &'static str) -> Parsed<&str> {
        match &self.shape {
            Shape::Name(name) => Ok(name),
            _ => self.wrong(what),
        }
    }

    /// The elements of `[…]`.
    pub(super) fn array(&self, what: &'static str) -> Parsed<&[Self]> {
        match &self.shape {
            Shape::Array(elements) => Ok(elements),
            _ => self.wrong(what),
        }
    }

    /// The members of `{…}`.
    pub(super) fn members(&self, what: &'static str) -> Parsed<&[Member]> {
        match &self.shape {
            Shape::Struct(members) => Ok(members),
            _ => self.wrong(what),
        }
    }

    /// The operands of `A|B`, or the argument alone.
    pub(super) fn alternatives(&self) -> &[Self] {
        match &self.shape {
            Shape::Or(parts) => parts,
            _ => core::slice::from_ref(self),
        }
    }
}
