//! What is wrong with a script, and where: the message shows the line and points into it.
//!
//! Built by the lexer and the parser, printed by the command. Nothing here knows the language.

use core::fmt;

use thiserror::Error;

use super::ast::Position;
use super::expression::ExpressionError;
use super::options::OptionRefused;

/// The most of a line that a message shows.
const SHOWN_CHARACTERS_MAX: usize = 160;

/// What is wrong with a script.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Mistake {
    /// Something else stands where this has to be.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What has to be there.
        expected: &'static str,
        /// What there is.
        found: String,
    },
    /// A comment, text, command or block that never ends.
    #[error("{0} has no end")]
    NoEnd(&'static str),
    /// A statement that the language does not have.
    #[error("there is no statement `{0}`")]
    Statement(String),
    /// A system call that the language does not have.
    #[error("there is no system call `{0}`")]
    UnknownCall(String),
    /// A name that means nothing where it stands.
    #[error("`{name}` is no {what}")]
    UnknownName {
        /// The name.
        name: String,
        /// What it should be.
        what: &'static str,
    },
    /// A number that does not fit.
    #[error("{what} has to be from {least} to {most}")]
    Range {
        /// What it is.
        what: &'static str,
        /// The least value.
        least: i64,
        /// The largest value.
        most: i64,
    },
    /// A call with the wrong number of arguments.
    #[error("{call} has {expected} arguments, not {found}")]
    Arguments {
        /// Which call.
        call: String,
        /// How many it has.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// `seq:end(octets)` where the three do not fit.
    #[error("from {from} to {to} are not {octets} octets")]
    SequenceRange {
        /// The first number.
        from: u32,
        /// One past the last.
        to: u32,
        /// What was said.
        octets: u32,
    },
    /// A payload that is not as long as the packet says.
    #[error("the payload has {found} octets, the packet {expected}")]
    PayloadLength {
        /// What the packet says.
        expected: u32,
        /// What there is.
        found: usize,
    },
    /// More options than a header holds.
    #[error("the options take {0} octets; a header has room for 40")]
    OptionsTooLong(usize),
    /// Said twice.
    #[error("{0} is said twice")]
    Twice(&'static str),
    /// A range of time whose end is before its beginning.
    #[error("the time ends before it begins")]
    TimeRange,
    /// An option at the top.
    #[error(transparent)]
    Option(#[from] OptionRefused),
    /// An assertion.
    #[error("{0}")]
    Expression(#[from] ExpressionError),
    /// Packetdrill's language, or a dialect of it, but nothing that we can do.
    #[error("{what} cannot be done here: {why}")]
    Cannot {
        /// What.
        what: String,
        /// Why not.
        why: &'static str,
    },
    /// The script is too long.
    #[error("a script has at most {0} octets")]
    TooLong(usize),
    /// Brackets in brackets in brackets.
    #[error("nested too deep")]
    TooDeep,
    /// The file is not text.
    #[error("the script is not UTF-8")]
    NotText,
}

/// A mistake with its place.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub struct ParseError {
    /// The script's file.
    pub file: String,
    /// Where.
    pub position: Position,
    /// The line itself.
    pub line: String,
    /// What.
    pub mistake: Mistake,
}

impl ParseError {
    /// Adds the file and the line to a mistake.
    pub(super) fn new(file: &str, text: &str, position: Position, mistake: Mistake) -> Self {
        let index = usize::try_from(position.line.saturating_sub(1)).unwrap_or(usize::MAX);
        Self {
            file: file.to_owned(),
            position,
            line: text.lines().nth(index).unwrap_or_default().to_owned(),
            mistake,
        }
    }

    /// True if the script is right in the language, but asks for what cannot be done here.
    pub const fn is_unsupported(&self) -> bool {
        matches!(
            self.mistake,
            Mistake::Cannot { .. }
                | Mistake::Option(OptionRefused::Unsupported { .. })
                | Mistake::Expression(ExpressionError::NotOurs(_))
        )
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        writeln!(formatter, "{}:{line}:{column}: {}", self.file, self.mistake)?;
        let column = usize::try_from(column).unwrap_or(usize::MAX).max(1);
        // Of a very long line, the part around the place.
        let skipped = column.saturating_sub(SHOWN_CHARACTERS_MAX / 2);
        let shown: String = self
            .line
            .chars()
            .skip(skipped)
            .take(SHOWN_CHARACTERS_MAX)
            .map(|it| if it.is_control() { ' ' } else { it })
            .collect();
        let number = line.to_string();
        writeln!(formatter, " {number} | {shown}")?;
        let margin = " ".repeat(number.len());
        write!(
            formatter,
            " {margin} | {}^",
            " ".repeat(column - 1 - skipped)
        )
    }
}
