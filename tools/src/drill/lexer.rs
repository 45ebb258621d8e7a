//! Cuts a script into tokens: words, numbers, texts, commands, blocks and signs, each with its place.
//!
//! Called by the parser once for each script, and for the values of `--define`. Comments (`//`, `/* */`,
//! `#`) and blanks end here. It knows no statement: what a word means is the parser's part.

use core::fmt;

use super::ast::Position;
use super::error::Mistake;

#[cfg(test)]
mod tests;

/// The longest script, in octets.
pub(super) const SCRIPT_OCTETS_MAX: usize = 1_048_576;

/// A token with its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) position: Position,
    /// The line on which it ends.
    pub(super) last_line: u32,
    /// Whether a blank or a comment stands before it.
    pub(super) gap: Gap,
}

/// What stands before a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Gap {
    None,
    Blank,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Letters, digits and underlines that are no number.
    Word(String),
    /// Decimal digits, as they stand.
    Integer(String),
    /// What follows `0x`.
    Hex(String),
    /// Digits with a point among them.
    Decimal(String),
    /// In double quotes, escapes resolved.
    Text(Vec<u8>),
    /// In back quotes.
    Command(String),
    /// Between `%{` and `}%`, with the place of its first character.
    Code(String, Position),
    /// `--name=value` with all of its value up to the next blank, quotes taken off.
    Option { name: String, value: String },
    /// `...`.
    Ellipsis,
    /// Any other character.
    Sign(char),
    /// The end of the script.
    End,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(text) | Self::Integer(text) | Self::Decimal(text) => {
                write!(formatter, "`{text}`")
            }
            Self::Hex(text) => write!(formatter, "`0x{text}`"),
            Self::Text(_) => formatter.write_str("a text"),
            Self::Command(_) => formatter.write_str("a command in back quotes"),
            Self::Code(..) => formatter.write_str("a block of assertions"),
            Self::Option { name, .. } => write!(formatter, "--{name}"),
            Self::Ellipsis => formatter.write_str("`...`"),
            Self::Sign(sign) => write!(formatter, "`{sign}`"),
            Self::End => formatter.write_str("the end of the script"),
        }
    }
}

/// All tokens of a script. The last one is [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, (Position, Mistake)> {
    let mut lexer = Lexer {
        rest: text,
        position: Position { line: 1, column: 1 },
    };
    if text.len() > SCRIPT_OCTETS_MAX {
        return Err((lexer.position, Mistake::TooLong(SCRIPT_OCTETS_MAX)));
    }
    let mut tokens = Vec::new();
    loop {
        let gap = lexer.skip_blanks()?;
        let position = lexer.position;
        let kind = lexer.kind().map_err(|mistake| (position, mistake))?;
        let is_end = kind == Kind::End;
        tokens.push(Token {
            kind,
            position,
            last_line: lexer.position.line,
            gap,
        });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    position: Position,
}

impl Lexer<'_> {
    fn skip_blanks(&mut self) -> Result<Gap, (Position, Mistake)> {
        let mut gap = Gap::None;
        loop {
            let start = self.position;
            if self.rest.starts_with(char::is_whitespace) {
                self.step();
            } else if self.rest.starts_with('#') || self.rest.starts_with("//") {
                self.take_while(|it| it != '\n');
            } else if self.rest.starts_with("/*") {
                let end = self.up_to("*/", 2);
                end.ok_or((start, Mistake::NoEnd("the comment")))?;
            } else {
                return Ok(gap);
            }
            gap = Gap::Blank;
        }
    }

    fn kind(&mut self) -> Result<Kind, Mistake> {
        let mut characters = self.rest.chars();
        let Some(first) = characters.next() else {
            return Ok(Kind::End);
        };
        let second = characters.next().unwrap_or('\0');
        if self.rest.starts_with("...") {
            self.skip(3);
            return Ok(Kind::Ellipsis);
        }
        match (first, second) {
            ('%', '{') => self.code(),
            ('-', '-') => self.option(),
            ('"', _) => self.text(),
            ('`', _) => self.command(),
            ('.', digit) if digit.is_ascii_digit() => Ok(self.number_or_word()),
            (it, _) if it.is_ascii_alphanumeric() || it == '_' => Ok(self.number_or_word()),
            (sign, _) => {
                self.step();
                Ok(Kind::Sign(sign))
            }
        }
    }

    fn number_or_word(&mut self) -> Kind {
        let word = self.take_while(|it| it.is_ascii_alphanumeric() || it == '_');
        let is_number = word.chars().all(|it| it.is_ascii_digit());
        // A point belongs to the number only if a digit follows it: `0...1` is no decimal.
        let mut after = self.rest.chars();
        let has_point =
            after.next() == Some('.') && after.next().is_some_and(|it| it.is_ascii_digit());
        if is_number && has_point {
            self.step();
            let part = self.take_while(|it| it.is_ascii_digit());
            return Kind::Decimal(format!("{word}.{part}"));
        }
        if is_number {
            return Kind::Integer(word);
        }
        match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
            Some(digits)
                if !digits.is_empty() && digits.chars().all(|it| it.is_ascii_hexdigit()) =>
            {
                Kind::Hex(digits.to_owned())
            }
            _ => Kind::Word(word),
        }
    }

    fn code(&mut self) -> Result<Kind, Mistake> {
        self.skip(2);
        let start = self.position;
        let text = self
            .up_to("}%", 0)
            .ok_or(Mistake::NoEnd("the block of assertions"))?;
        Ok(Kind::Code(text, start))
    }

    fn option(&mut self) -> Result<Kind, Mistake> {
        self.skip(2);
        let name = self.take_while(|it| it.is_ascii_alphanumeric() || it == '_');
        let mut value = String::new();
        if self.rest.starts_with('=') {
            self.step();
            value = self.option_value()?;
        } else if name == "define" || name == "D" {
            self.take_while(|it| it == ' ' || it == '\t');
            value = self.option_value()?;
        }
        Ok(Kind::Option { name, value })
    }

    fn option_value(&mut self) -> Result<String, Mistake> {
        let mut value = String::new();
        loop {
            match self.rest.chars().next() {
                None => return Ok(value),
                Some(it) if it.is_whitespace() => return Ok(value),
                Some('"') => {
                    self.step();
                    let text = self.up_to("\"", 0);
                    value.push_str(&text.ok_or(Mistake::NoEnd("the text"))?);
                }
                Some(other) => {
                    value.push(other);
                    self.step();
                }
            }
        }
    }

    fn text(&mut self) -> Result<Kind, Mistake> {
        self.step();
        let mut octets = Vec::new();
        loop {
            let character = self.step().ok_or(Mistake::NoEnd("the text"))?;
            match character {
                '"' => return Ok(Kind::Text(octets)),
                '\\' => octets.push(self.escape()?),
                other => octets.extend(other.to_string().into_bytes()),
            }
        }
    }

    /// What follows a backslash in a text, as in C.
    fn escape(&mut self) -> Result<u8, Mistake> {
        let character = self.step().ok_or(Mistake::NoEnd("the text"))?;
        match character {
            'n' => Ok(b'\n'),
            'r' => Ok(b'\r'),
            't' => Ok(b'\t'),
            '0' => Ok(0),
            'x' => {
                let digits: String = self.rest.chars().take(2).collect();
                let octet = u8::from_str_radix(&digits, 16).map_err(|_| Mistake::Expected {
                    expected: "two hexadecimal digits",
                    found: format!("`{digits}`"),
                })?;
                self.skip(2);
                Ok(octet)
            }
            other => u8::try_from(other).map_err(|_| Mistake::UnknownName {
                name: other.to_string(),
                what: "escape",
            }),
        }
    }

    fn command(&mut self) -> Result<Kind, Mistake> {
        self.step();
        let mut text = String::new();
        loop {
            match self.step().ok_or(Mistake::NoEnd("the command"))? {
                '`' => return Ok(Kind::Command(text)),
                '\\' if self.rest.starts_with('`') => {
                    self.step();
                    text.push('`');
                }
                other => text.push(other),
            }
        }
    }

    /// The text up to `end`, which is taken too; looks for it `after` octets from here on.
    fn up_to(&mut self, end: &str, after: usize) -> Option<String> {
        let found = self.rest.get(after..)?.find(end)? + after;
        let text = self.rest.get(..found)?.to_owned();
        let stop = self.rest.len() - found - end.len();
        while self.rest.len() > stop {
            self.step();
        }
        Some(text)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(character) = self.rest.chars().next().filter(|it| wanted(*it)) {
            text.push(character);
            self.step();
        }
        text
    }

    fn skip(&mut self, characters: usize) {
        for _ in 0..characters {
            self.step();
        }
    }

    /// Takes one character and keeps the position right.
    fn step(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = self.rest.get(character.len_utf8()..).unwrap_or_default();
        if character == '\n' {
            self.position.line += 1;
            self.position.column = 1;
        } else {
            self.position.column += 1;
        }
        Some(character)
    }
}
