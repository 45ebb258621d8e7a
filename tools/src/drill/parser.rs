//! Reads a script: the grammar of packetdrill, statement by statement.
//!
//! [`parse`] is called by the command, the fuzzer and the tests. It checks everything that a script
//! alone can tell (names, ranges, lengths), so that the runner meets only sensible values; what a back
//! end cannot do is that back end's matter.

mod arguments;
mod call;
mod command;
mod icmp;
mod packet;
mod tcp_options;
mod tokens;

#[cfg(test)]
mod tests;

use core::time::Duration;

use super::ast::{Action, Command, Event, Position, Script, Time};
use super::error::{Mistake, ParseError};
use super::expression;
use super::lexer::{Kind, Token};
use super::options::Options;
use tokens::Tokens;

/// What a part of the grammar returns.
type Parsed<T> = Result<T, (Position, Mistake)>;

/// Reads the text of a script. `file` is for messages only.
///
/// # Errors
///
/// The first mistake, with its place and its line.
pub fn parse(file: &str, text: &str) -> Result<Script, ParseError> {
    script(file, text).map_err(|(position, mistake)| ParseError::new(file, text, position, mistake))
}

/// Reads the octets of a file.
///
/// # Errors
///
/// As [`parse`], and if the octets are no text.
pub fn parse_octets(file: &str, octets: &[u8]) -> Result<Script, ParseError> {
    match core::str::from_utf8(octets) {
        Ok(text) => parse(file, text),
        Err(error) => {
            let good = octets.get(..error.valid_up_to()).unwrap_or_default();
            let good = core::str::from_utf8(good).unwrap_or_default();
            let last = good.rsplit('\n').next().unwrap_or_default();
            let position = Position {
                line: count(good.matches('\n').count()),
                column: count(last.chars().count()),
            };
            Err(ParseError::new(file, good, position, Mistake::NotText))
        }
    }
}

/// A number of lines or columns before a place, as the number of that place.
fn count(before: usize) -> u32 {
    u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
}

fn script(file: &str, text: &str) -> Parsed<Script> {
    let mut tokens = Tokens::new(super::lexer::tokens(text)?);
    let mut script = Script {
        file: file.to_owned(),
        ..Script::default()
    };
    read_options(&mut tokens, &mut script.options)?;
    tokens.define(&script.options.defines)?;
    while let Kind::Command(_) = tokens.kind() {
        script.init.push(command_in_quotes(&mut tokens)?);
    }
    let mut statements = Statements {
        tokens,
        options: &script.options,
        variables: Vec::new(),
    };
    let mut events = Vec::new();
    while !matches!(statements.tokens.kind(), Kind::End | Kind::Command(_)) {
        events.push(statements.event()?);
    }
    // Commands that clean up may stand at the end, without a time. There is nothing to clean up.
    while let Kind::Command(_) = statements.tokens.kind() {
        command_in_quotes(&mut statements.tokens)?;
    }
    if *statements.tokens.kind() != Kind::End {
        return Err(statements.tokens.unexpected("a time"));
    }
    script.events = events;
    Ok(script)
}

fn read_options(tokens: &mut Tokens, options: &mut Options) -> Parsed<()> {
    while let Kind::Option { name, value } = tokens.kind().clone() {
        let position = tokens.position();
        options
            .set(&name, &value)
            .map_err(|refused| (position, Mistake::Option(refused)))?;
        tokens.skip();
    }
    Ok(())
}

fn command_in_quotes(tokens: &mut Tokens) -> Parsed<Command> {
    let Token { kind, position, .. } = tokens.next();
    match kind {
        Kind::Command(text) => Ok(Command {
            position,
            effects: command::effects(&text),
            text,
        }),
        other => Err((
            position,
            Mistake::Expected {
                expected: "a command in back quotes",
                found: other.to_string(),
            },
        )),
    }
}

/// The statements of a script, and what they share.
struct Statements<'a> {
    tokens: Tokens,
    options: &'a Options,
    /// The variables that assertions have set so far.
    variables: Vec<String>,
}

impl Statements<'_> {
    fn event(&mut self) -> Parsed<Event> {
        let position = self.tokens.position();
        let time = self.time()?;
        let action = self.action(time)?;
        Ok(Event {
            position,
            last_line: self.tokens.last_line(),
            time,
            action,
        })
    }

    fn time(&mut self) -> Parsed<Time> {
        let position = self.tokens.position();
        if self.tokens.take_sign('*') {
            return Ok(Time::Any);
        }
        if let Kind::Word(word) = self.tokens.kind() {
            return Err((position, Mistake::Statement(word.clone())));
        }
        let is_relative = self.tokens.take_sign('+');
        let from = self.duration("a time")?;
        if !self.tokens.take_sign('~') {
            return Ok(if is_relative {
                Time::Relative(from)
            } else {
                Time::Absolute(from)
            });
        }
        if is_relative {
            self.tokens.take_sign('+');
        }
        let to = self.duration("a time")?;
        if to < from {
            return Err((position, Mistake::TimeRange));
        }
        Ok(if is_relative {
            Time::RelativeRange { from, to }
        } else {
            Time::AbsoluteRange { from, to }
        })
    }

    fn duration(&mut self, expected: &'static str) -> Parsed<Duration> {
        let position = self.tokens.position();
        let text = match self.tokens.kind() {
            Kind::Integer(text) | Kind::Decimal(text) => text.clone(),
            _ => return Err(self.tokens.unexpected(expected)),
        };
        self.tokens.skip();
        seconds(&text).ok_or((
            position,
            Mistake::Range {
                what: "a time in seconds",
                least: 0,
                most: SECONDS_MAX,
            },
        ))
    }

    fn action(&mut self, time: Time) -> Parsed<Action> {
        match self.tokens.kind().clone() {
            Kind::Sign('<' | '>') => Ok(Action::Packet(packet::packet(
                &mut self.tokens,
                self.options,
            )?)),
            Kind::Command(_) => Ok(Action::Command(command_in_quotes(&mut self.tokens)?)),
            Kind::Code(text, start) => {
                self.tokens.skip();
                let program = expression::parse(&text, start, &mut self.variables);
                Ok(Action::Code(program.map_err(|(position, error)| {
                    (position, Mistake::Expression(error))
                })?))
            }
            Kind::Ellipsis | Kind::Word(_) => self.call(time),
            _ => Err(self
                .tokens
                .unexpected("a packet (`<` or `>`), a system call, a command or assertions")),
        }
    }

    fn call(&mut self, time: Time) -> Parsed<Action> {
        let position = self.tokens.position();
        let mut returns_at = None;
        if self.tokens.take(&Kind::Ellipsis) {
            let is_relative = matches!(time, Time::Relative(_));
            if is_relative {
                self.tokens.take_sign('+');
            }
            let end = self.duration("the time at which the call returns")?;
            let begin = match time {
                Time::Absolute(begin) | Time::Relative(begin) => begin,
                Time::AbsoluteRange { .. } | Time::RelativeRange { .. } | Time::Any => {
                    return Err((
                        position,
                        Mistake::Cannot {
                            what: "a call that blocks from an unknown moment on".to_owned(),
                            why: "its return has no time to count from",
                        },
                    ));
                }
            };
            if end < begin {
                return Err((position, Mistake::TimeRange));
            }
            returns_at = Some(end);
        }
        call::system_call(&mut self.tokens, returns_at).map(Action::Call)
    }
}

/// The longest time that a script can name: ten years.
const SECONDS_MAX: i64 = 315_360_000;

/// Reads `12.5` as a time, exactly; digits below nanoseconds are cut off.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    if i64::try_from(whole).ok()? > SECONDS_MAX {
        return None;
    }
    let mut nanos = 0_u32;
    for index in 0..9 {
        let digit = part.as_bytes().get(index).map_or(0, |it| it - b'0');
        nanos = nanos * 10 + u32::from(digit);
    }
    Some(Duration::new(whole, nanos))
}
