//! Cuts the text of a program into words, numbers, texts and operators, each with its place.
//!
//! Called by the expression parser only. A line end inside brackets is no separator, as in Python; the
//! last token is always [`Kind::End`].

use core::fmt;

use super::{ExpressionError, Number, TOKENS_MAX};
use crate::drill::ast::Position;

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) position: Position,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Word(String),
    Number(Number),
    Text(String),
    Operator(&'static str),
    /// A line end outside of brackets, or `;`.
    Separator,
    End,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(formatter, "`{word}`"),
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Text(text) => write!(formatter, "{text:?}"),
            Self::Operator(operator) => write!(formatter, "`{operator}`"),
            Self::Separator => formatter.write_str("the end of the statement"),
            Self::End => formatter.write_str("the end of the block"),
        }
    }
}

/// Longer ones first.
const OPERATORS: [&str; 25] = [
    "==", "!=", "<=", ">=", "<<", ">>", "//", "(", ")", "[", "]", ",", "=", "<", ">", "+", "-",
    "*", "/", "%", "|", "^", "&", "~", ".",
];

pub(super) fn tokens(
    text: &str,
    start: Position,
) -> Result<Vec<Token>, (Position, ExpressionError)> {
    let mut cutter = Cutter {
        rest: text,
        position: start,
        open_brackets: 0,
    };
    let mut tokens = Vec::new();
    loop {
        let token = cutter.next_token()?;
        if tokens.len() == TOKENS_MAX {
            return Err((token.position, ExpressionError::TooLong));
        }
        let is_end = token.kind == Kind::End;
        tokens.push(token);
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Cutter<'a> {
    rest: &'a str,
    position: Position,
    open_brackets: u32,
}

impl Cutter<'_> {
    fn next_token(&mut self) -> Result<Token, (Position, ExpressionError)> {
        self.skip_blanks();
        let position = self.position;
        let kind = self.kind().map_err(|error| (position, error))?;
        Ok(Token { kind, position })
    }

    fn skip_blanks(&mut self) {
        while let Some(character) = self.rest.chars().next() {
            match character {
                '\n' if self.open_brackets == 0 => return,
                '#' => {
                    while self.rest.chars().next().is_some_and(|it| it != '\n') {
                        self.step();
                    }
                }
                // A line that goes on in the next one.
                '\\' if self.rest[1..].starts_with('\n') => {
                    self.step();
                    self.step();
                }
                it if it.is_whitespace() => {
                    self.step();
                }
                _ => return,
            }
        }
    }

    fn kind(&mut self) -> Result<Kind, ExpressionError> {
        let Some(first) = self.rest.chars().next() else {
            return Ok(Kind::End);
        };
        match first {
            '\n' | ';' => {
                self.step();
                Ok(Kind::Separator)
            }
            '"' | '\'' => self.text(first),
            '.' if self.rest[1..].starts_with(|it: char| it.is_ascii_digit()) => self.number(),
            it if it.is_ascii_digit() => self.number(),
            it if it.is_alphabetic() || it == '_' => Ok(Kind::Word(
                self.take_while(|it| it.is_alphanumeric() || it == '_'),
            )),
            other => self.operator(other),
        }
    }

    fn operator(&mut self, first: char) -> Result<Kind, ExpressionError> {
        let operator = OPERATORS.into_iter().find(|it| self.rest.starts_with(it));
        let operator = operator.ok_or(ExpressionError::Character(first))?;
        for _ in 0..operator.len() {
            self.step();
        }
        match operator {
            "(" | "[" => self.open_brackets = self.open_brackets.saturating_add(1),
            ")" | "]" => self.open_brackets = self.open_brackets.saturating_sub(1),
            "." => return Err(ExpressionError::NotOurs(".".to_owned())),
            _ => {}
        }
        Ok(Kind::Operator(operator))
    }

    fn number(&mut self) -> Result<Kind, ExpressionError> {
        let text = self.take_while(|it| it.is_ascii_alphanumeric() || it == '.' || it == '_');
        let plain = text.replace('_', "");
        let number = Number::parse(&plain).ok_or(ExpressionError::BadNumber(text))?;
        Ok(Kind::Number(number))
    }

    fn text(&mut self, quote: char) -> Result<Kind, ExpressionError> {
        self.step();
        let mut text = String::new();
        loop {
            match self.step() {
                None | Some('\n') => return Err(ExpressionError::OpenText),
                Some('\\') => match self.step() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('x') => text.push(self.hex_character()?),
                    Some(other) => text.push(other),
                    None => return Err(ExpressionError::OpenText),
                },
                Some(it) if it == quote => return Ok(Kind::Text(text)),
                Some(other) => text.push(other),
            }
        }
    }

    fn hex_character(&mut self) -> Result<char, ExpressionError> {
        let mut value = 0;
        for _ in 0..2 {
            let digit = self.step().ok_or(ExpressionError::OpenText)?;
            let number = digit
                .to_digit(16)
                .ok_or(ExpressionError::Character(digit))?;
            value = value * 16 + number;
        }
        char::from_u32(value).ok_or(ExpressionError::Character('x'))
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(character) = self.rest.chars().next().filter(|it| wanted(*it)) {
            text.push(character);
            self.step();
        }
        text
    }

    /// Takes one character and keeps the position right.
    fn step(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = &self.rest[character.len_utf8()..];
        if character == '\n' {
            self.position.line += 1;
            self.position.column = 1;
        } else {
            self.position.column += 1;
        }
        Some(character)
    }
}
