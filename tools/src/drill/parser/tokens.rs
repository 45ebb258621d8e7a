//! The tokens of a script, read one after the other, with the replacements of `--define`.
//!
//! Every part of the parser reads through it. It never runs past the end: the last token stays.

use crate::drill::ast::Position;
use crate::drill::error::Mistake;
use crate::drill::lexer::{self, Kind, Token};
use crate::drill::options::Define;

use super::Parsed;

/// The most tokens that definitions may add to a script.
const DEFINED_TOKENS_MAX: usize = 1_000_000;

pub(super) struct Tokens {
    /// Never empty: the last one is the end.
    tokens: Vec<Token>,
    next: usize,
}

impl Tokens {
    pub(super) const fn new(tokens: Vec<Token>) -> Self {
        Self { tokens, next: 0 }
    }

    /// Puts the values of definitions in the place of their names, in all that was not read yet. A
    /// value is not looked at again, so nothing defines itself.
    pub(super) fn define(&mut self, defines: &[Define]) -> Parsed<()> {
        if defines.is_empty() {
            return Ok(());
        }
        let mut values = Vec::new();
        for define in defines {
            let tokens =
                lexer::tokens(&define.value).map_err(|(_, mistake)| (self.position(), mistake))?;
            values.push((define.name.as_str(), tokens));
        }
        let rest = self.tokens.split_off(self.next);
        for token in rest {
            // The last definition of a name counts.
            let value = match &token.kind {
                Kind::Word(word) => values.iter().rev().find(|it| it.0 == word),
                _ => None,
            };
            let Some((_, value)) = value else {
                self.tokens.push(token);
                continue;
            };
            if self.tokens.len() + value.len() > DEFINED_TOKENS_MAX {
                return Err((token.position, Mistake::TooLong(DEFINED_TOKENS_MAX)));
            }
            for part in value.iter().filter(|it| it.kind != Kind::End) {
                self.tokens.push(Token {
                    kind: part.kind.clone(),
                    position: token.position,
                    last_line: token.last_line,
                    gap: part.gap,
                });
            }
        }
        Ok(())
    }

    pub(super) fn token(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.token().kind
    }

    /// The token after so many others.
    pub(super) fn ahead(&self, tokens: usize) -> &Token {
        &self.tokens[(self.next + tokens).min(self.tokens.len() - 1)]
    }

    pub(super) fn position(&self) -> Position {
        self.token().position
    }

    /// The line on which the last token that was read ends.
    pub(super) fn last_line(&self) -> u32 {
        let last = self.next.saturating_sub(1);
        self.tokens.get(last).map_or(1, |it| it.last_line)
    }

    pub(super) fn skip(&mut self) {
        if self.next + 1 < self.tokens.len() {
            self.next += 1;
        }
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.token().clone();
        self.skip();
        token
    }

    pub(super) fn take(&mut self, kind: &Kind) -> bool {
        let is_it = self.kind() == kind;
        if is_it {
            self.skip();
        }
        is_it
    }

    pub(super) fn take_sign(&mut self, sign: char) -> bool {
        self.take(&Kind::Sign(sign))
    }

    /// Takes this word.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let is_it = self.is_word(word);
        if is_it {
            self.skip();
        }
        is_it
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.kind(), Kind::Word(it) if it == word)
    }

    pub(super) fn expect_sign(&mut self, sign: char, expected: &'static str) -> Parsed<()> {
        if self.take_sign(sign) {
            Ok(())
        } else {
            Err(self.unexpected(expected))
        }
    }

    pub(super) fn unexpected(&self, expected: &'static str) -> (Position, Mistake) {
        (
            self.position(),
            Mistake::Expected {
                expected,
                found: self.kind().to_string(),
            },
        )
    }

    /// A decimal or hexadecimal number within these bounds.
    pub(super) fn number(&mut self, what: &'static str, least: i64, most: i64) -> Parsed<i64> {
        let position = self.position();
        let is_negative = *self.kind() == Kind::Sign('-')
            && matches!(self.ahead(1).kind, Kind::Integer(_) | Kind::Hex(_));
        if is_negative {
            self.skip();
        }
        let number = match self.kind() {
            Kind::Integer(text) => text.parse().ok(),
            Kind::Hex(text) => i64::from_str_radix(text, 16).ok(),
            _ => return Err(self.unexpected(what)),
        };
        let number = number
            .and_then(|it: i64| {
                if is_negative {
                    it.checked_neg()
                } else {
                    Some(it)
                }
            })
            .filter(|it| (least..=most).contains(it));
        let number = number.ok_or((position, Mistake::Range { what, least, most }))?;
        self.skip();
        Ok(number)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Parsed<u32> {
        let number = self.number(what, 0, i64::from(u32::MAX))?;
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    }

    pub(super) fn u16(&mut self, what: &'static str) -> Parsed<u16> {
        let number = self.number(what, 0, i64::from(u16::MAX))?;
        Ok(u16::try_from(number).unwrap_or(u16::MAX))
    }

    pub(super) fn u8(&mut self, what: &'static str) -> Parsed<u8> {
        let number = self.number(what, 0, i64::from(u8::MAX))?;
        Ok(u8::try_from(number).unwrap_or(u8::MAX))
    }

    /// Octets in hexadecimal digits, as in `FO 0123abcd`: the lexer may see them as a word or a
    /// number. `None` if there are none.
    pub(super) fn octets(&mut self) -> Parsed<Option<Vec<u8>>> {
        let position = self.position();
        let digits = match self.kind() {
            Kind::Word(text) | Kind::Integer(text) | Kind::Hex(text) => text.clone(),
            _ => return Ok(None),
        };
        let mistake = || {
            let found = format!("`{digits}`");
            let expected = "an even number of hexadecimal digits";
            (position, Mistake::Expected { expected, found })
        };
        if digits.len() % 2 != 0 || !digits.is_ascii() {
            return Err(mistake());
        }
        let mut octets = Vec::new();
        for index in (0..digits.len()).step_by(2) {
            let pair = digits.get(index..index + 2).unwrap_or_default();
            octets.push(u8::from_str_radix(pair, 16).map_err(|_| mistake())?);
        }
        self.skip();
        Ok(Some(octets))
    }

    /// What stands between the parenthesis that is next and its partner, words joined by blanks.
    pub(super) fn note(&mut self) -> Parsed<String> {
        self.expect_sign('(', "`(`")?;
        let mut note = String::new();
        let mut depth = 0_u32;
        loop {
            let token = self.next();
            match &token.kind {
                Kind::End => return Err((token.position, Mistake::NoEnd("the note"))),
                Kind::Sign('(') => depth += 1,
                Kind::Sign(')') if depth == 0 => return Ok(note),
                Kind::Sign(')') => depth -= 1,
                _ => {}
            }
            if token.gap == lexer::Gap::Blank && !note.is_empty() {
                note.push(' ');
            }
            match token.kind {
                Kind::Word(text) | Kind::Integer(text) | Kind::Decimal(text) => {
                    note.push_str(&text)
                }
                Kind::Hex(text) => note.push_str(&format!("0x{text}")),
                Kind::Sign(sign) => note.push(sign),
                Kind::Ellipsis => note.push_str("..."),
                other @ (Kind::Text(_)
                | Kind::Command(_)
                | Kind::Code(..)
                | Kind::Option { .. }
                | Kind::End) => note.push_str(&other.to_string()),
            }
        }
    }
}
