//! Who looks on at which connection, and how observations reach them.
//!
//! `turn.rs` passes on what the stack has observed once in each turn, while anybody looks on; else
//! the stack observes nothing. Nothing here waits.

use std::sync::Arc;
use std::time::Duration;

use sidestep_stack::call::ConnectionId;
use sidestep_stack::observe::Observation;
use sidestep_stack::{Instant, Stack};

use super::slots::Slots;
use crate::channel::events::EventQueue;
use crate::conn_events::ConnEvent;

/// So many observations may gather in one turn.
const OBSERVATIONS_MAX: usize = 16_384;

/// So many may look on at one connection.
const ONLOOKERS_MAX: usize = 16;

type Queue = Arc<EventQueue<ConnEvent>>;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Onlookers {
    queues: Slots<Vec<Queue>>,
    /// What was observed, for those who watch packets; `None` if nobody does.
    for_watch: Option<Vec<(Instant, Observation)>>,
}

impl Onlookers {
    /// `queue` is told of what happens to `connection` from now on. False if too many are.
    pub(crate) fn add(
        &mut self,
        stack: &mut Stack,
        connection: ConnectionId,
        queue: Queue,
    ) -> bool {
        if self.queues.len() == 0 {
            stack.observe(OBSERVATIONS_MAX);
        }
        let mut queues = self.queues.remove(connection.0).unwrap_or_default();
        let has_room = queues.len() < ONLOOKERS_MAX;
        if has_room {
            queues.push(queue);
        }
        self.queues.insert(connection.0, queues);
        has_room
    }

    /// Passes on what was observed.
    pub(crate) fn tell(&mut self, stack: &mut Stack) {
        if self.queues.len() == 0 && self.for_watch.is_none() {
            return;
        }
        while let Some((at, kind)) = stack.next_observation() {
            if let Some(for_watch) = &mut self.for_watch
                && for_watch.len() < OBSERVATIONS_MAX
            {
                for_watch.push((at, kind.clone()));
            }
            let Some(connection) = kind.connection() else {
                continue;
            };
            let Some(mut queues) = self.queues.remove(connection.0) else {
                continue;
            };
            let event = ConnEvent {
                at: Duration::from_nanos(at.as_nanos()),
                kind,
            };
            queues.retain(|queue| queue.put(event.clone()));
            if !queues.is_empty() {
                self.queues.insert(connection.0, queues);
            }
        }
        self.rest(stack);
    }

    /// The stack has forgotten `connection`.
    pub(crate) fn released(&mut self, stack: &mut Stack, connection: ConnectionId) {
        if self.queues.get(connection.0).is_none() {
            return;
        }
        self.tell(stack);
        if let Some(queues) = self.queues.remove(connection.0) {
            end(&queues);
        }
        self.rest(stack);
    }

    /// There is no packet thread any more.
    pub(crate) fn die(&self) {
        for (_, queues) in self.queues.iter() {
            end(queues);
        }
    }

    /// Packets are watched: what is observed is kept for those who do.
    pub(crate) fn keep_for_watch(&mut self, stack: &mut Stack) {
        self.for_watch = Some(Vec::new());
        stack.observe(OBSERVATIONS_MAX);
    }

    /// Nobody watches packets any more.
    pub(crate) fn forget_watch(&mut self, stack: &mut Stack) {
        self.for_watch = None;
        self.rest(stack);
    }

    /// Whether anything was kept for those who watch packets.
    pub(crate) fn has_for_watch(&self) -> bool {
        self.for_watch.as_ref().is_some_and(|it| !it.is_empty())
    }

    /// What was kept for those who watch packets.
    pub(crate) fn take_for_watch(&mut self) -> Vec<(Instant, Observation)> {
        self.for_watch
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Nobody looks on: the stack need not observe more than its config says.
    fn rest(&self, stack: &mut Stack) {
        if self.queues.len() == 0 && self.for_watch.is_none() {
            let wanted = stack.config().observations_max;
            stack.observe(usize::try_from(wanted).unwrap_or(OBSERVATIONS_MAX));
        }
    }
}

fn end(queues: &[Queue]) {
    for queue in queues {
        queue.end();
    }
}
