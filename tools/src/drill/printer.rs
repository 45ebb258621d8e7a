//! Writes a script as text that parses to the same script.
//!
//! Used by the fuzzer, which writes its finds down, and by reports, which say what an event expects.
//! Places are those of the new text, so only they differ after a round trip.

use core::fmt;
use core::time::Duration;

use super::ast::{Action, Event, Family, Script, Time};

mod call;
mod packet;

#[cfg(test)]
mod tests;

impl fmt::Display for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.options)?;
        for command in &self.init {
            writeln!(formatter, "{command}")?;
        }
        for event in &self.events {
            writeln!(formatter, "{event}")?;
        }
        Ok(())
    }
}

impl fmt::Display for super::options::Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(version) = self.ip_version {
            let version = match version {
                Family::V4 => "ipv4",
                Family::V6 => "ipv6",
            };
            writeln!(formatter, "--ip_version={version}")?;
        }
        let mut line = |name: &str, value: Option<String>| match value {
            Some(value) => writeln!(formatter, "--{name}={value}"),
            None => Ok(()),
        };
        line("local_ip", self.local_ip.map(|it| it.to_string()))?;
        line("remote_ip", self.remote_ip.map(|it| it.to_string()))?;
        line("bind_port", self.bind_port.map(|it| it.to_string()))?;
        line("connect_port", self.connect_port.map(|it| it.to_string()))?;
        line("mtu", self.mtu.map(|it| it.to_string()))?;
        line(
            "tolerance_usecs",
            self.tolerance_usecs.map(|it| it.to_string()),
        )?;
        line(
            "tolerance_percent",
            self.tolerance_percent.map(|it| it.to_string()),
        )?;
        line(
            "tcp_ts_tick_usecs",
            self.tcp_ts_tick_usecs.map(|it| it.to_string()),
        )?;
        for define in &self.defines {
            line(
                "define",
                Some(format!("{}=\"{}\"", define.name, define.value)),
            )?;
        }
        for ignored in &self.ignored {
            line(&ignored.name, Some(format!("\"{}\"", ignored.value)))?;
        }
        Ok(())
    }
}

impl fmt::Display for Event {
    /// The event on one line, as the runner's reports have it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ", self.time)?;
        match &self.action {
            Action::Call(call) => {
                if let Some(returns_at) = call.returns_at {
                    write!(formatter, "...{} ", Seconds(returns_at))?;
                }
                write!(formatter, "{call}")
            }
            Action::Packet(packet) => write!(formatter, "{packet}"),
            Action::Command(command) => write!(formatter, "{command}"),
            Action::Code(program) => write!(formatter, "%{{ {program} }}%"),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Absolute(at) => write!(formatter, "{}", Seconds(at)),
            Self::Relative(after) => write!(formatter, "+{}", Seconds(after)),
            Self::AbsoluteRange { from, to } => {
                write!(formatter, "{}~{}", Seconds(from), Seconds(to))
            }
            Self::RelativeRange { from, to } => {
                write!(formatter, "+{}~+{}", Seconds(from), Seconds(to))
            }
            Self::Any => formatter.write_str("*"),
        }
    }
}

impl fmt::Display for super::ast::Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.text.replace('`', "\\`"))
    }
}

/// A time in seconds, exactly, with no more digits than it needs.
pub(super) struct Seconds(pub(super) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = format!("{:09}", self.0.subsec_nanos());
        let part = nanos.trim_end_matches('0');
        if part.is_empty() {
            write!(formatter, "{}", self.0.as_secs())
        } else {
            write!(formatter, "{}.{part}", self.0.as_secs())
        }
    }
}

/// Octets as a text of the language.
struct Quoted<'a>(&'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"")?;
        for octet in self.0 {
            match octet {
                b'"' => formatter.write_str("\\\"")?,
                b'\\' => formatter.write_str("\\\\")?,
                b'\n' => formatter.write_str("\\n")?,
                b'\t' => formatter.write_str("\\t")?,
                b'\r' => formatter.write_str("\\r")?,
                b' '..=b'~' => write!(formatter, "{}", char::from(*octet))?,
                other => write!(formatter, "\\x{other:02x}")?,
            }
        }
        formatter.write_str("\"")
    }
}

/// Octets as hexadecimal digits.
struct Digits<'a>(&'a [u8]);

impl fmt::Display for Digits<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|octet| write!(formatter, "{octet:02x}"))
    }
}
