//! What a run reached: state transitions, clauses of RFCs, reasons to discard and to send.
//!
//! [`Tally`] gathers it from the [`Observation`]s of the stacks under test; a generator keeps the inputs
//! that reach something new, and the report counts what was reached of all that exists. Besides these
//! there are nameless features, pairs of a state and what happened in it, that only guide.

use std::collections::BTreeSet;

use sidestep_stack::discard::Discard;
use sidestep_stack::observe::{Observation, State};

use super::known::{CLAUSES, TRANSITIONS};

/// Nameless features are folded into so many.
const GUIDES: u32 = 1 << 16;

/// Something that a run can reach.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Feature {
    /// A connection went from one state to another; both by their place in [`STATES`].
    Transition(u8, u8),
    /// A clause explained something that happened.
    Clause(&'static str),
    /// A packet was thrown away for this reason.
    Discarded(Discard),
    /// A nameless combination, which guides the search.
    Guide(u16),
}

/// The states of Figure 5, in the order of [`Feature::Transition`].
pub const STATES: [State; 11] = [
    State::Closed,
    State::Listen,
    State::SynSent,
    State::SynReceived,
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
];

/// The place of `state` in [`STATES`].
pub(crate) fn place_of(state: State) -> u8 {
    STATES
        .iter()
        .position(|it| *it == state)
        .map_or(0, |place| place as u8)
}

/// What one run reached.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    features: BTreeSet<Feature>,
    state: u8,
}

impl Tally {
    /// All of it, in a fixed order.
    pub fn features(&self) -> impl Iterator<Item = Feature> + '_ {
        self.features.iter().copied()
    }

    /// In which state what follows happens, for the nameless features.
    pub(crate) fn in_state(&mut self, state: State) {
        self.state = place_of(state);
    }

    /// A transition that no observation tells of.
    pub(crate) fn transition(&mut self, from: State, to: State) {
        let feature = Feature::Transition(place_of(from), place_of(to));
        self.features.insert(feature);
    }

    /// A nameless feature: any two numbers.
    pub(crate) fn guide(&mut self, kind: u32, value: u32) {
        let mixed = (kind.wrapping_mul(0x9e37_79b1) ^ value).wrapping_mul(0x85eb_ca6b);
        let folded = (mixed ^ (mixed >> 15)) % GUIDES;
        self.features.insert(Feature::Guide(folded as u16));
    }

    /// What a stack observed.
    pub(crate) fn observe(&mut self, observation: &Observation) {
        self.features.insert(Feature::Clause(observation.clause()));
        match observation {
            Observation::Discarded { reason } => {
                self.features.insert(Feature::Discarded(*reason));
                self.guide(1, u32::from(self.state) << 8 | *reason as u32);
            }
            Observation::StateChanged { from, to, .. } => {
                self.transition(*from, *to);
                self.state = place_of(*to);
            }
            Observation::SegmentSent { reason, .. } => {
                self.guide(2, u32::from(self.state) << 8 | *reason as u32);
            }
            Observation::TimerFired { timer, .. } => {
                self.guide(3, u32::from(self.state) << 8 | *timer as u32);
            }
            Observation::CongestionWindowChanged { cwnd_octets, .. } => {
                self.guide(4, u32::from(self.state) << 8 | cwnd_octets.ilog2());
            }
            // Their clause says it all.
            _ => {}
        }
    }
}

/// What many runs reached together.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    features: BTreeSet<Feature>,
}

/// How much was reached of how much there is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Share {
    /// Reached.
    pub reached: usize,
    /// All that exist.
    pub all: usize,
}

impl Coverage {
    /// Adds what a run reached; says how much of it is new.
    pub fn add(&mut self, tally: &Tally) -> usize {
        let before = self.features.len();
        self.features.extend(tally.features());
        self.features.len() - before
    }

    /// Adds what other runs reached.
    pub fn merge(&mut self, other: &Self) {
        self.features.extend(other.features.iter().copied());
    }

    /// Nameless features included.
    pub fn len(&self) -> usize {
        self.features.len()
    }

    /// True before anything was reached.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// State transitions, of those that the stack has.
    pub fn transitions(&self) -> Share {
        Share {
            reached: TRANSITIONS.len() - self.missing_transitions().len(),
            all: TRANSITIONS.len(),
        }
    }

    /// Clauses, of those that the stack gives as reasons.
    pub fn clauses(&self) -> Share {
        let all = all_clauses();
        Share {
            reached: all.len() - self.missing_clauses().len(),
            all: all.len(),
        }
    }

    /// Reasons to discard, of those that exist.
    pub fn discards(&self) -> Share {
        Share {
            reached: Discard::ALL.len() - self.missing_discards().len(),
            all: Discard::ALL.len(),
        }
    }

    /// Transitions that the stack has and no run took.
    pub fn missing_transitions(&self) -> Vec<(State, State)> {
        let is_missing = |(from, to): &(State, State)| {
            let feature = Feature::Transition(place_of(*from), place_of(*to));
            !self.features.contains(&feature)
        };
        TRANSITIONS.into_iter().filter(is_missing).collect()
    }

    /// Transitions that a run took and nobody knew of: a finding.
    pub fn unknown_transitions(&self) -> Vec<(State, State)> {
        let taken = self.features.iter().filter_map(|feature| match feature {
            Feature::Transition(from, to) => {
                Some((STATES[usize::from(*from)], STATES[usize::from(*to)]))
            }
            _ => None,
        });
        taken.filter(|edge| !TRANSITIONS.contains(edge)).collect()
    }

    /// Clauses that no run reached.
    pub fn missing_clauses(&self) -> Vec<&'static str> {
        let reached = |clause: &&&'static str| !self.features.contains(&Feature::Clause(clause));
        all_clauses().iter().filter(reached).copied().collect()
    }

    /// Reasons to discard that no run met.
    pub fn missing_discards(&self) -> Vec<Discard> {
        let reached = |reason: &&Discard| !self.features.contains(&Feature::Discarded(**reason));
        Discard::ALL.iter().filter(reached).copied().collect()
    }
}

/// Every clause that an observation of the stack can name.
pub fn all_clauses() -> BTreeSet<&'static str> {
    let discards = Discard::ALL.iter().map(|reason| reason.clause());
    CLAUSES.iter().copied().chain(discards).collect()
}
