//! What came of a replay: for people as a ladder of two columns, for machines as JSON.
//!
//! `sidestep replay` prints it, tests look into it.

use std::fmt;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::compare::Kind;
use super::conversation::EndsWith;

/// The first way in which a run was not as the capture.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// In which way.
    pub kind: Kind,
    /// When, in nanoseconds since the capture began.
    pub at_nanos: u64,
    /// At which of our segments, counted from 1.
    pub place: usize,
}

/// A segment in words.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sent {
    /// When, in nanoseconds since the capture began.
    pub at_nanos: u64,
    /// What.
    pub text: String,
}

/// One line of a ladder.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LadderLine {
    /// What arrived, the same in both.
    pub arrived: Option<Sent>,
    /// What was sent then.
    pub captured: Option<Sent>,
    /// What is sent now.
    pub ours: Option<Sent>,
    /// Why it is sent now.
    pub why: Option<String>,
    /// In which way the two differ.
    pub difference: Option<Kind>,
}

impl LadderLine {
    pub(super) fn arrived(at_nanos: u64, text: String) -> Self {
        Self {
            arrived: Some(Sent { at_nanos, text }),
            ..Self::default()
        }
    }

    pub(super) fn at_nanos(&self) -> u64 {
        let sent = [&self.arrived, &self.captured, &self.ours];
        let sent = sent.into_iter().flatten().map(|it| it.at_nanos);
        sent.min().unwrap_or(0)
    }
}

/// What came of one conversation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// Our end in the capture.
    pub local: SocketAddr,
    /// The other one.
    pub remote: SocketAddr,
    /// Segments that arrived in the capture.
    pub segments_in: usize,
    /// Segments that were sent in the capture.
    pub segments_out: usize,
    /// Segments that were compared and are the same.
    pub compared: usize,
    /// Octets that the capture lacks, and that zeroes stood for.
    pub hole_octets: u64,
    /// Why there was no more to compare.
    pub ends_with: EndsWith,
    /// When the replay ended, in nanoseconds since the capture began.
    pub end_nanos: u64,
    /// The first difference; `None` if there is none.
    pub difference: Option<Difference>,
    /// What led to the difference, or the end.
    pub ladder: Vec<LadderLine>,
}

/// What came of a capture.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Of each conversation, in the order in which they began.
    pub outcomes: Vec<Outcome>,
    /// Packets that are no TCP, or that nobody wants to be played.
    pub other_packets: u64,
    /// Packets of which the capture has only a part.
    pub cut_packets: u64,
    /// Packets of conversations whose beginning, or a part before, the capture has not.
    pub headless_packets: u64,
    /// Packets that the capture says it lacks.
    pub lost_packets: u64,
}

impl Report {
    /// True if nothing differs.
    pub fn is_same(&self) -> bool {
        self.outcomes.iter().all(|it| it.difference.is_none())
    }

    /// The same for machines.
    pub fn to_json(&self) -> Value {
        let outcomes: Vec<Value> = self.outcomes.iter().map(Outcome::to_json).collect();
        json!({
            "same": self.is_same(),
            "conversations": outcomes,
            "other_packets": self.other_packets,
            "cut_packets": self.cut_packets,
            "headless_packets": self.headless_packets,
            "lost_packets": self.lost_packets,
        })
    }
}

impl Outcome {
    fn to_json(&self) -> Value {
        let difference = self.difference.as_ref().map(|it| {
            json!({
                "kind": it.kind.name(),
                "at_nanos": it.at_nanos,
                "segment": it.place,
            })
        });
        let lines: Vec<Value> = match self.difference {
            Some(_) => self.ladder.iter().map(LadderLine::to_json).collect(),
            None => Vec::new(),
        };
        json!({
            "local": self.local.to_string(),
            "remote": self.remote.to_string(),
            "segments_in": self.segments_in,
            "segments_out": self.segments_out,
            "same_segments": self.compared,
            "hole_octets": self.hole_octets,
            "cut_by_losses": self.ends_with == EndsWith::Losses,
            "difference": difference,
            "ladder": lines,
        })
    }
}

impl LadderLine {
    fn to_json(&self) -> Value {
        let sent = |it: &Option<Sent>| {
            it.as_ref()
                .map(|it| json!({"at_nanos": it.at_nanos, "segment": it.text}))
        };
        json!({
            "arrived": sent(&self.arrived),
            "captured": sent(&self.captured),
            "now": sent(&self.ours),
            "why": self.why,
            "difference": self.difference.map(Kind::name),
        })
    }
}

/// Seconds with microseconds.
fn seconds(nanos: u64) -> String {
    format!("{}.{:06}", nanos / 1_000_000_000, nanos / 1_000 % 1_000_000)
}

/// How wide a column of the ladder is, in characters.
const COLUMN: usize = 64;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in &self.outcomes {
            writeln!(f, "{outcome}")?;
        }
        let differ = self.outcomes.iter().filter(|it| it.difference.is_some());
        let differ = differ.count();
        let all = self.outcomes.len();
        write!(f, "{} of {all} conversations are as captured", all - differ)?;
        for (count, what) in [
            (self.other_packets, "packets are none of their segments"),
            (self.headless_packets, "packets lack what came before them"),
            (self.lost_packets, "packets are missing in the capture"),
            (self.cut_packets, "packets are cut short"),
        ] {
            if count > 0 {
                write!(f, "; {count} {what}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ⇄ {}: {} segments in, {} out, ",
            self.local, self.remote, self.segments_in, self.segments_out
        )?;
        let Some(difference) = &self.difference else {
            let until = match self.ends_with {
                EndsWith::TheCapture => "",
                EndsWith::Losses => " until packets are missing in the capture",
            };
            return write!(f, "no difference{until}");
        };
        writeln!(
            f,
            "first difference at our segment {} after {} s: {}",
            difference.place,
            seconds(difference.at_nanos),
            difference.kind
        )?;
        writeln!(f, "  {:<COLUMN$}   now", "the capture")?;
        for line in &self.ladder {
            line.draw(f)?;
        }
        Ok(())
    }
}

impl LadderLine {
    fn draw(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |it: &Option<Sent>, none: &str| {
            it.as_ref().map_or_else(
                || none.to_owned(),
                |it| format!("{} {}", seconds(it.at_nanos), it.text),
            )
        };
        if self.arrived.is_some() {
            return writeln!(f, "  ← {}", text(&self.arrived, ""));
        }
        let is_below = self.ours.is_none() && self.difference.is_none();
        let ours = text(&self.ours, if is_below { "" } else { "nothing" });
        let captured = text(&self.captured, "nothing");
        let mark = match self.difference {
            Some(_) => '≠',
            None if is_below => ' ',
            None => '=',
        };
        writeln!(
            f,
            "  → {captured:<width$} {mark} {ours}",
            width = COLUMN - 2
        )?;
        match (&self.why, self.difference) {
            (Some(why), Some(_)) if !why.is_empty() => {
                writeln!(f, "    {:<width$}   because: {why}", "", width = COLUMN - 2)
            }
            _ => Ok(()),
        }
    }
}
