//! Two segments that should be the same, and in which way they are not.
//!
//! Numbers are compared relative to the ones that each run began with; TSval is a clock and is not
//! compared, TSecr is an answer and is.

use std::fmt;

use sidestep_stack::wire::tcp::{TcpFlags, TcpHeader};

use super::conversation::Segment;

/// In which way two runs differ. The first difference ends a comparison: what follows follows from
/// it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// The capture has a segment that is not sent now.
    Missing,
    /// A segment is sent now that the capture does not have.
    Extra,
    /// The same segment, sooner or later than the tolerance allows.
    Time,
    /// Other control bits.
    Flags,
    /// Another sequence number.
    Sequence,
    /// Another acknowledgment number.
    Acknowledgment,
    /// Other text, or another length of it.
    Text,
    /// Another window.
    Window,
    /// Other options.
    Options,
}

impl Kind {
    /// Its name, for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Time => "time",
            Self::Flags => "flags",
            Self::Sequence => "sequence",
            Self::Acknowledgment => "acknowledgment",
            Self::Text => "text",
            Self::Window => "window",
            Self::Options => "options",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the capture has a segment that is not sent now",
            Self::Extra => "a segment is sent now that the capture does not have",
            Self::Time => "the segment is sent at another time",
            Self::Flags => "the control bits differ",
            Self::Sequence => "the sequence numbers differ",
            Self::Acknowledgment => "the acknowledgment numbers differ",
            Self::Text => "the text differs",
            Self::Window => "the windows differ",
            Self::Options => "the options differ",
        })
    }
}

/// Whether windows are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Windows {
    /// They are.
    Compared,
    /// They are not: they depend on a buffer and a reader that nobody knows.
    Ignored,
}

/// Where the sequence numbers of both runs begin.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Origins {
    pub(super) captured_iss: u32,
    pub(super) our_iss: u32,
    /// The peer's, the same in both.
    pub(super) irs: u32,
    /// What our windows are shifted by.
    pub(super) window_shift: u8,
    /// What a receive buffer begins with.
    pub(super) buffer_octets: u64,
}

impl Origins {
    /// What a window promises, up to what a buffer begins with. How far buffers grow follows from when
    /// the application read, which no capture tells.
    fn window(&self, window: u16) -> u64 {
        let octets = u64::from(window) << self.window_shift;
        match self.buffer_octets {
            0 => octets,
            most => octets.min(most),
        }
    }
}

/// The first thing in which `ours` is not `captured`; `None` if they are the same.
pub(super) fn differ(
    captured: &Segment,
    ours: &Segment,
    origins: &Origins,
    windows: Windows,
) -> Option<Kind> {
    let (then, now) = (&captured.header, &ours.header);
    let relative = |header: &TcpHeader, iss: u32| header.seq.raw().wrapping_sub(iss);
    if then.flags != now.flags {
        return Some(Kind::Flags);
    }
    if relative(then, origins.captured_iss) != relative(now, origins.our_iss) {
        return Some(Kind::Sequence);
    }
    if captured.has(TcpFlags::ACK) && then.ack != now.ack {
        return Some(Kind::Acknowledgment);
    }
    if captured.text != ours.text {
        return Some(Kind::Text);
    }
    // The window of a RST says nothing.
    if windows == Windows::Compared
        && !captured.has(TcpFlags::RST)
        && origins.window(then.window) != origins.window(now.window)
    {
        return Some(Kind::Window);
    }
    if options_differ(then, now, windows) {
        return Some(Kind::Options);
    }
    None
}

fn options_differ(then: &TcpHeader, now: &TcpHeader, windows: Windows) -> bool {
    let (then, now) = (&then.options, &now.options);
    let echo = |options: &sidestep_stack::wire::tcp_options::TcpOptions| {
        options.timestamps.map(|it| it.echo_reply)
    };
    then.mss != now.mss
        || (windows == Windows::Compared && then.window_scale != now.window_scale)
        || then.window_scale.is_some() != now.window_scale.is_some()
        || then.sack_permitted != now.sack_permitted
        || then.sack.as_slice() != now.sack.as_slice()
        || echo(then) != echo(now)
}

/// A segment in one line, its numbers relative to `iss` and `irs`.
pub(super) fn brief(segment: &Segment, iss: u32, irs: u32) -> String {
    const LETTERS: [(TcpFlags, char); 8] = [
        (TcpFlags::SYN, 'S'),
        (TcpFlags::FIN, 'F'),
        (TcpFlags::RST, 'R'),
        (TcpFlags::PSH, 'P'),
        (TcpFlags::URG, 'U'),
        (TcpFlags::ECE, 'E'),
        (TcpFlags::CWR, 'W'),
        (TcpFlags::ACK, '.'),
    ];
    let header = &segment.header;
    let letters = LETTERS.iter().filter(|(flag, _)| segment.has(*flag));
    let mut text: String = letters.map(|(_, letter)| *letter).collect();
    let start = header.seq.raw().wrapping_sub(iss);
    text.push_str(&format!(
        " {start}:{}({})",
        start.wrapping_add(segment.text.len() as u32),
        segment.text.len()
    ));
    if segment.has(TcpFlags::ACK) {
        let ack = header.ack.raw().wrapping_sub(irs);
        text.push_str(&format!(" ack {ack}"));
    }
    text.push_str(&format!(" win {}", header.window));
    let options = &header.options;
    let mut all = Vec::new();
    all.extend(options.mss.map(|it| format!("mss {it}")));
    all.extend(options.window_scale.map(|it| format!("wscale {it}")));
    if options.sack_permitted {
        all.push("sackOK".to_owned());
    }
    for block in options.sack.as_slice() {
        let [left, right] = [block.left, block.right].map(|it| it.raw().wrapping_sub(irs));
        all.push(format!("sack {left}:{right}"));
    }
    if options.timestamps.is_some() {
        all.push("TS".to_owned());
    }
    if !all.is_empty() {
        text.push_str(&format!(" <{}>", all.join(",")));
    }
    text
}
