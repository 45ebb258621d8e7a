//! A call of the application: it is begun, waited for, and compared with what the script says of it.
//!
//! The player calls it when the call is due. A call that blocks goes on while packets are exchanged,
//! and is looked at when it ends.

use std::time::Duration;

use sidestep_stack::Instant;

use super::calls::{self, Subject, Translator};
use super::clock::Due;
use super::player::{AFTER_MAX, GRACE, Player, Stop, row_of, since_start};
use super::{results, text};
use crate::drill::ast::{Event, SystemCall};
use crate::drill::backend::{Ended, HostError, Syscall};
use crate::drill::report::{Said, Verdict};

/// A call that has begun and not ended.
#[derive(Debug)]
pub(super) struct Pending<'a> {
    pub(super) event: &'a Event,
    pub(super) call: &'a SystemCall,
    pub(super) syscall: Syscall,
    pub(super) subject: Subject,
    /// When it has to return; `None`: at once.
    pub(super) returns: Option<(Duration, Duration)>,
    pub(super) row: usize,
}

impl<'a> Player<'a> {
    pub(super) fn call(
        &mut self,
        event: &'a Event,
        call: &'a SystemCall,
        due: Due,
    ) -> Result<(), Stop> {
        let returns = call.returns_at.map(|at| {
            let at = self.clock.returns(event.time, at);
            let tolerance = self
                .clock
                .tolerance(at.saturating_sub(due.from), &self.script.options);
            (at, tolerance)
        });
        let mut translator = Translator {
            options: &self.script.options,
            descriptors: &self.descriptors,
            flows: &mut self.flows,
        };
        let (syscall, subject) = translator
            .translate(&call.call)
            .map_err(|what| Self::unsupported(event, what))?;
        self.mark(event, due);
        let row = self.push_row(row_of(event, due, text::of_call(call)));
        self.pending = Some(Pending {
            event,
            call,
            syscall: syscall.clone(),
            subject,
            returns,
            row,
        });
        self.host.begin(syscall).map_err(|error| match error {
            HostError::Unsupported(what) => Self::unsupported(event, what),
            error => Stop::Host(error),
        })?;
        self.drain()?;
        if returns.is_some() {
            return Ok(());
        }
        let patience = self.now() + self.host.patience();
        while self.pending.is_some() && self.now() < patience {
            self.host.pass(Instant::ZERO + patience)?;
            self.drain()?;
        }
        match &self.pending {
            None => Ok(()),
            Some(_) => Err(Self::fail(
                event,
                format!(
                    "{} blocks, and the script does not say that it does (`...`)",
                    calls::call_name(&call.call)
                ),
            )),
        }
    }

    /// Waits for the call that blocks.
    pub(super) fn await_pending(&mut self) -> Result<(), Stop> {
        self.drain()?;
        let Some(pending) = &self.pending else {
            return Ok(());
        };
        let (event, call) = (pending.event, pending.call);
        let (at, tolerance) = pending.returns.unwrap_or_default();
        let latest = at + tolerance + GRACE;
        while self.pending.is_some() && self.now() < latest {
            self.host.pass(Instant::ZERO + latest)?;
            self.drain()?;
        }
        if self.pending.is_none() {
            return Ok(());
        }
        Err(Self::fail(
            event,
            format!(
                "{} has not returned by {}",
                calls::call_name(&call.call),
                text::of_moment(self.now())
            ),
        ))
    }

    pub(super) fn ended(&mut self, ended: Ended) -> Result<(), Stop> {
        let Some(pending) = self.pending.take() else {
            return Ok(());
        };
        let Ended { at, outcome } = ended;
        let at = since_start(at);
        let call = &pending.call.call;
        let flags = match &pending.syscall {
            Syscall::Receive { flags, .. } => *flags,
            _ => 0,
        };
        let said = &pending.call.result;
        let difference = results::difference(call, said, &outcome)
            .or_else(|| {
                let flow = pending.subject.flow;
                results::check_received(call, flags, &outcome, flow, &mut self.flows)
            })
            .or_else(|| {
                let (due, tolerance) = pending.returns?;
                let is_early = at + tolerance < due;
                self.is_late |= is_early || at > due + tolerance;
                (is_early || at > due + tolerance).then(|| {
                    format!(
                        "{} returned at {}, the script says at {}",
                        calls::call_name(call),
                        text::of_moment(at),
                        text::of_moment(due)
                    )
                })
            });
        if let Some(row) = self.rows.get_mut(pending.row) {
            row.actual = Some(Said {
                at,
                until: None,
                text: text::of_ended(pending.call, &outcome),
            });
            if difference.is_some() {
                row.verdict = Verdict::Differs;
                row.reasons = self
                    .host
                    .remarks()
                    .into_iter()
                    .rev()
                    .take(AFTER_MAX)
                    .map(|(_, line)| line)
                    .collect();
                row.reasons.reverse();
            }
        }
        self.follow(&pending, &outcome);
        match difference {
            None => Ok(()),
            Some(message) => Err(Self::fail(pending.event, message)),
        }
    }
}
