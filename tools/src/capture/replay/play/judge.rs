//! Holds what the stack sent against what the capture sent, and tells the first difference.
//!
//! The player calls [`Player::compare`] when it has pulled, and [`Player::at_the_end`] when the capture is
//! over. It may wake the stack a little early or late, as far as the tolerance goes; it never changes what
//! was sent.

use std::time::Duration;

use sidestep_stack::Instant;
use sidestep_stack::wire::tcp::TcpFlags;

use super::stage::departures;
use super::{LADDER_LINES_MAX, Ours, Player, Wanted, why};
use crate::capture::narrate::drain;
use crate::capture::replay::Order;
use crate::capture::replay::compare::{Kind, brief, differ};
use crate::capture::replay::conversation::Segment;
use crate::capture::replay::report::{Difference, LadderLine, Sent};

impl<'a> Player<'a> {
    /// Matches what the capture sent with what this run sends.
    pub(super) fn compare(&mut self) -> Option<Difference> {
        loop {
            while let (Some(place), Some(ours)) = (self.awaited.front(), self.pulled.front()) {
                let captured = self.conversation.segments.get(*place)?;
                self.begin(captured, &ours.segment.clone());
                let ours = self.pulled.front()?;
                let kind = differ(
                    captured,
                    &ours.segment,
                    &self.origins,
                    self.settings.windows,
                );
                if let Some(kind) = kind {
                    let kind = self.refine(kind, captured);
                    return Some(self.differs(kind));
                }
                let apart = captured.at_nanos.abs_diff(ours.segment.at_nanos);
                if Duration::from_nanos(apart) > self.settings.tolerance {
                    return Some(self.differs(Kind::Time));
                }
                self.numbers.pair(captured, &ours.segment);
                self.same();
            }
            if self.awaited.is_empty() || !self.wakes_early() {
                break;
            }
        }
        self.overdue()
    }

    /// The capture sent something that a timer of this run is about to send, within the tolerance.
    fn wakes_early(&mut self) -> bool {
        let Some(due) = self.stack.next_deadline() else {
            return false;
        };
        if due <= self.now || due > self.now + self.settings.tolerance {
            return false;
        }
        self.now = due;
        self.stack.time_passes(due);
        let before = self.pulled.len();
        self.pull(Wanted::AsCaptured);
        // Timers that send nothing are tried until the next one is too far away.
        self.pulled.len() > before || self.stack.next_deadline().is_some_and(|next| next > due)
    }

    /// What should have been matched by now.
    fn overdue(&mut self) -> Option<Difference> {
        match self.settings.order {
            Order::Exact => {
                if !self.awaited.is_empty() {
                    return Some(self.differs(Kind::Missing));
                }
                self.unexpected()
            }
            Order::WithinTolerance => {
                let tolerance = self.settings.tolerance;
                let late = |at_nanos: u64| Instant::from_nanos(at_nanos) + tolerance < self.now;
                let captured = self
                    .awaited
                    .front()
                    .and_then(|it| self.conversation.segments.get(*it));
                if captured.is_some_and(|it| late(it.at_nanos)) {
                    return Some(self.differs(Kind::Missing));
                }
                let ours = self.pulled.front();
                if ours.is_some_and(|it| late(it.segment.at_nanos)) {
                    return Some(self.differs(Kind::Extra));
                }
                None
            }
        }
    }

    /// What the stack would send now although the capture does not. What the capture sends as its
    /// next segment is only late.
    fn unexpected(&mut self) -> Option<Difference> {
        let mut fork = self.stack.clone();
        while fork.next_observation().is_some() {}
        let Some(packet) = fork.next_packet(self.now) else {
            // Whoever drove the stack asked until there was nothing more; that has its effects.
            self.stack = fork;
            return None;
        };
        let ours = Ours {
            segment: self.segment(&packet.to_vec())?,
            why: why(&drain(&mut fork)),
        };
        let next = self.next_unmatched();
        if let Some(next) = next {
            let kind = differ(next, &ours.segment, &self.origins, self.settings.windows);
            let apart = Duration::from_nanos(next.at_nanos.abs_diff(self.now.as_nanos()));
            if kind.is_none() && apart <= self.settings.tolerance {
                return None;
            }
        }
        // The capture may have ended before this was sent.
        next?;
        self.pulled.push_back(ours);
        Some(self.differs(Kind::Extra))
    }

    /// The next segment of the capture that was sent and that nothing was compared with.
    fn next_unmatched(&self) -> Option<&'a Segment> {
        departures(&self.conversation.segments).nth(self.compared)
    }

    /// A difference in a field may only mean that one side has one segment more.
    fn refine(&mut self, kind: Kind, captured: &Segment) -> Kind {
        let windows = self.settings.windows;
        let same =
            |then: &Segment, now: &Segment| differ(then, now, &self.origins, windows).is_none();
        let next = departures(&self.conversation.segments).nth(self.compared + 1);
        if let (Some(next), Some(ours)) = (next, self.pulled.front())
            && same(next, &ours.segment)
        {
            return Kind::Missing;
        }
        let mut fork = self.stack.clone();
        let packet = fork.next_packet(self.now);
        let following = match self.pulled.get(1) {
            Some(ours) => Some(ours.segment.clone()),
            None => packet.and_then(|it| self.segment(&it.to_vec())),
        };
        if following.is_some_and(|it| same(captured, &it)) {
            return Kind::Extra;
        }
        kind
    }

    /// The numbers that both runs begin with.
    fn begin(&mut self, captured: &Segment, ours: &Segment) {
        if captured.has(TcpFlags::SYN) && ours.has(TcpFlags::SYN) {
            self.origins.captured_iss = captured.header.seq.raw();
            self.origins.our_iss = ours.header.seq.raw();
            self.origins.window_shift = ours.header.options.window_scale.unwrap_or(0);
            self.origins.buffer_octets = self.settings.config.receive_buffer_octets;
        }
    }

    /// The first of both are the same: they are done.
    fn same(&mut self) {
        if let Some(line) = self.sent_line() {
            self.note(line);
        }
        self.awaited.pop_front();
        self.pulled.pop_front();
        self.compared += 1;
    }

    /// The first of both are not the same, or one of them is not there.
    fn differs(&mut self, kind: Kind) -> Difference {
        let mut line = self.sent_line().unwrap_or_default();
        match kind {
            Kind::Missing => line.ours = None,
            Kind::Extra => line.captured = None,
            _ => {}
        }
        let at_nanos = line.at_nanos();
        line.difference = Some(kind);
        self.note(line);
        self.note_rest();
        Difference {
            kind,
            at_nanos,
            place: self.compared + 1,
        }
    }

    /// What comes next in the capture, below the difference.
    fn note_rest(&mut self) {
        let rest = departures(&self.conversation.segments).skip(self.compared + 1);
        for segment in rest.take(2) {
            let text = brief(segment, self.origins.captured_iss, self.origins.irs);
            self.ladder.push_back(LadderLine {
                captured: Some(Sent {
                    at_nanos: segment.at_nanos,
                    text,
                }),
                ..LadderLine::default()
            });
        }
    }

    fn sent_line(&self) -> Option<LadderLine> {
        let captured = match self.awaited.front() {
            Some(place) => self.conversation.segments.get(*place),
            None => None,
        };
        let ours = self.pulled.front();
        let line = LadderLine {
            captured: captured.map(|it| Sent {
                at_nanos: it.at_nanos,
                text: brief(it, self.origins.captured_iss, self.origins.irs),
            }),
            ours: ours.map(|it| Sent {
                at_nanos: it.segment.at_nanos,
                text: brief(&it.segment, self.origins.our_iss, self.origins.irs),
            }),
            why: ours.map(|it| it.why.clone()),
            ..LadderLine::default()
        };
        (line.captured.is_some() || line.ours.is_some()).then_some(line)
    }

    pub(super) fn note(&mut self, line: LadderLine) {
        if self.ladder.len() == LADDER_LINES_MAX {
            self.ladder.pop_front();
        }
        self.ladder.push_back(line);
    }

    /// The capture is over: what it sent and nobody else did has to come now.
    pub(super) fn at_the_end(&mut self) -> Option<Difference> {
        if self.awaited.is_empty() {
            return None;
        }
        let until = self.now + self.settings.tolerance;
        while let Some(due) = self.stack.next_deadline()
            && due <= until
            && due > self.now
        {
            self.now = due;
            self.stack.time_passes(due);
            self.pull(Wanted::All);
            if let Some(difference) = self.compare() {
                return Some(difference);
            }
        }
        if self.awaited.is_empty() {
            return None;
        }
        Some(self.differs(Kind::Missing))
    }
}
