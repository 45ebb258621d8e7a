//! What a script says beside packets and calls: settings that change on the way, pauses, and assertions
//! about a socket.
//!
//! The player calls it when the line is due. No command is run.

use super::clock::Due;
use super::player::{Player, Stop, row_of, since_start};
use crate::drill::ast::{Command, Effect, Event, Time};
use crate::drill::backend::{HostError, TcpInfo};
use crate::drill::expression::{self, Fields, Program};
use crate::drill::report::{Said, Verdict};

impl Player<'_> {
    pub(super) fn command(&mut self, command: &Command) -> Result<(), Stop> {
        for effect in &command.effects {
            match effect {
                Effect::Sleep(time) => {
                    let until = self.now() + *time;
                    self.pass_to(until)?;
                    self.clock.happened(
                        Time::Any,
                        self.clock.due(Time::Any, &self.script.options),
                        until,
                    );
                }
                Effect::Sysctl { name, value } => {
                    let is_init = self
                        .script
                        .init
                        .iter()
                        .any(|init| std::ptr::eq(init, command));
                    // The host was built with those.
                    if !is_init {
                        self.host.set(name, value).map_err(|error| match error {
                            HostError::Unsupported(what) => Stop::Unsupported {
                                position: command.position,
                                what: what.to_owned(),
                            },
                            error => Stop::Host(error),
                        })?;
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn assert(
        &mut self,
        event: &Event,
        program: &Program,
        due: Due,
    ) -> Result<(), Stop> {
        let Some(fd) = self.last_fd else {
            return Err(Self::fail(event, "no system call was made before"));
        };
        let info = self
            .host
            .tcp_info(fd)
            .map_err(|errno| Self::fail(event, format!("TCP_INFO of the socket: {errno:?}")))?;
        let row = self.push_row(row_of(event, due, "%{ … }%".to_owned()));
        let evaluated = expression::evaluate(program, &mut self.variables, &Known(&info));
        let (message, printed) = match evaluated {
            Err((position, error)) => {
                let what = format!("{position}: {error}");
                return Err(Self::unsupported(event, what));
            }
            Ok(outcome) => (outcome.failed.map(|failed| failed.text), outcome.printed),
        };
        if let Some(row) = self.rows.get_mut(row) {
            if !printed.is_empty() {
                row.actual = Some(Said {
                    at: since_start(self.host.now()),
                    until: None,
                    text: printed.join("\n"),
                });
            }
            if message.is_some() {
                row.verdict = Verdict::Differs;
            }
        }
        match message {
            None => Ok(()),
            Some(message) => Err(Self::fail(event, message)),
        }
    }
}

struct Known<'a>(&'a TcpInfo);

impl Fields for Known<'_> {
    fn field(&self, name: &str) -> Option<i64> {
        // Scripts of packetdrill know some fields by the name of what they count.
        self.0.get(name).or_else(|| match name {
            "tcpi_cwnd" => self.0.get("tcpi_snd_cwnd"),
            "tcpi_ssthresh" => self.0.get("tcpi_snd_ssthresh"),
            _ => None,
        })
    }
}
