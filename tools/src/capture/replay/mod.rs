//! Replay: one side of a capture is played to a stack in virtual time, and the other side is what
//! that stack should send.
//!
//! [`replay`] splits a capture into its TCP conversations and plays each to a stack of its own: what
//! arrived then arrives now, with the numbers of this run, and what our application did is read off
//! the capture. The first thing that is not as it was is told, with what led to it; nothing after it
//! is compared. No clock is read.

mod application;
mod compare;
mod conversation;
mod play;
mod report;
mod rewrite;

use std::time::Duration;

use sidestep_stack::config::ConfigRefused;
use sidestep_stack::{CallRefused, Config};
use thiserror::Error;

use super::reader::{Captured, ReadError};

pub use compare::{Kind, Windows};
pub use conversation::{Conversation, EndsWith, Segment, Side, Split, split};
pub use report::{Difference, LadderLine, Outcome, Report};

/// How exactly a run has to follow the capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// What was sent between two arrivals is sent between them now: for captures of our own.
    Exact,
    /// Only the order of what was sent counts, and the time within the tolerance: for those of
    /// others, whose times are those of their capture and not of their stack.
    WithinTolerance,
}

/// Settings of a replay.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The limits and defaults of the stack.
    pub config: Config,
    /// How far the times of the same segment may lie apart.
    pub tolerance: Duration,
    /// See [`Order`].
    pub order: Order,
    /// Whether windows are compared. If not, the application reads at once.
    pub windows: Windows,
    /// The ends that are ours; none leaves it to the capture.
    pub sides: Vec<Side>,
}

impl Settings {
    /// What suits a capture that was written by `application`.
    pub fn suiting(application: Option<&str>) -> Self {
        let is_ours = application.is_some_and(|it| it.starts_with("sidestep "));
        let (order, windows) = if is_ours {
            (Order::Exact, Windows::Compared)
        } else {
            (Order::WithinTolerance, Windows::Ignored)
        };
        Self {
            config: Config::default(),
            tolerance: Duration::from_millis(20),
            order,
            windows,
            sides: Vec::new(),
        }
    }
}

/// Why a capture cannot be played.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// Caller: the capture cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Caller: a setting is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigRefused),
    /// Limit: the stack does not take the conversation.
    #[error("{conversation}: {refused}")]
    Refused {
        /// Which one.
        conversation: String,
        /// Why not.
        refused: CallRefused,
    },
}

/// Plays all conversations of a capture.
///
/// # Errors
///
/// See [`ReplayError`]. A difference is no error.
pub fn replay(packets: &[Captured], settings: &Settings) -> Result<Report, ReplayError> {
    settings.config.check()?;
    let split = split(packets, &settings.sides);
    let mut outcomes = Vec::new();
    for conversation in &split.conversations {
        outcomes.push(play::play(conversation, settings)?);
    }
    Ok(Report {
        outcomes,
        other_packets: split.other_packets,
        cut_packets: split.cut_packets,
        headless_packets: split.headless_packets,
        lost_packets: split.lost_packets,
    })
}

#[cfg(test)]
mod tests;
