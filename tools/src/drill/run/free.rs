//! Plays a script freely: what it does is done, what it expects is left out, and everything that leaves
//! is written down.
//!
//! `compare` plays the same script so on two hosts. Nothing here judges.

use std::time::Duration;

use super::Settings;
use super::player::{Player, Stop};
use crate::drill::ast::{Action, Direction, Event, Script};
use crate::drill::backend::Host;
use crate::drill::compare::Answer;

/// Plays a script without its expectations: an answer for each event.
pub(in crate::drill) fn play_freely(
    script: &Script,
    host: &mut dyn Host,
    settings: &Settings,
) -> Result<Vec<Answer>, Stop> {
    let mut player = Player::new(script, host, settings, Duration::ZERO);
    player.answers = Some(Vec::new());
    for event in &script.events {
        player.event_freely(event)?;
    }
    player.note_sent()?;
    Ok(player.answers.unwrap_or_default())
}

impl<'a> Player<'a> {
    /// Does what the event does; what it expects is left out.
    fn event_freely(&mut self, event: &'a Event) -> Result<(), Stop> {
        let due = self.clock.due(event.time, &self.script.options);
        let is_expectation = match &event.action {
            Action::Packet(packet) => packet.direction == Direction::Outbound,
            Action::Code(_) => true,
            Action::Call(_) | Action::Command(_) => false,
        };
        if !is_expectation {
            self.pass_to(due.from)?;
            // What has left until now answers the events before.
            self.note_sent()?;
        }
        self.answers.get_or_insert_default().push(Answer::default());
        match &event.action {
            Action::Packet(packet) if !is_expectation => self.inbound(event, packet, due),
            Action::Call(call) => self.call(event, call, due),
            Action::Command(command) => {
                self.mark(event, due);
                self.command(command)
            }
            Action::Packet(_) | Action::Code(_) => Ok(()),
        }
    }

    /// Writes down what has left since the last event.
    fn note_sent(&mut self) -> Result<(), Stop> {
        self.drain()?;
        while let Some(emitted) = self.queue.pop_front() {
            let sent = self.read_freely(emitted);
            if let Some(answer) = self.answers.as_mut().and_then(|all| all.last_mut()) {
                answer.sent.push(sent);
            }
        }
        Ok(())
    }
}
