//! F3: reassembly against a map of octets (RFC 791 §3.2, RFC 8200 §4.5, RFC 5722).
//!
//! Fragments of three datagrams arrive in any order, cut anywhere. Each octet of a datagram is known by
//! its place, so whatever is delivered is checked; and where the map says that a datagram is whole and
//! nothing about it was irregular, it must be delivered at once.

use sidestep_stack::{Duration, Instant};

use crate::fuzz::outcome::{Outcome, Promise};
use crate::fuzz::record::{Input, Record};
use crate::fuzz::rig::{Family, them, us};
use crate::fuzz::scene::{RAW_PROTOCOL, Scene};
use crate::packet::craft::{Ip, More, pattern};

/// Identifications in use.
const DATAGRAMS: usize = 3;
/// The reassembly timer, in both families (`reassembly_timeout_ms`).
const TIMEOUT: Duration = Duration::from_secs(60);
/// The place of a datagram's octets in the pattern.
const STRIDE: usize = 100_000;

/// What the map knows of one datagram.
#[derive(Clone, Debug, Default)]
struct Model {
    /// First octet and the one past the last of each fragment.
    pieces: Vec<(usize, usize)>,
    /// Where the last fragment ends.
    end: Option<usize>,
    /// When the first one came.
    since: Option<Instant>,
    /// Something about it was irregular: whether it is delivered is not predicted until it is forgotten.
    doubtful: bool,
}

impl Model {
    /// True if it must be delivered now.
    fn takes(&mut self, start: usize, end: usize, more: More, now: Instant) -> bool {
        // Thrown away before anybody looks whose it is.
        let uneven = more == More::Fragments && !(end - start).is_multiple_of(8);
        if uneven || start == end {
            return false;
        }
        self.since.get_or_insert(now);
        let exact = self.pieces.contains(&(start, end))
            && (more == More::Nothing) == (self.end == Some(end));
        let overlaps = self.pieces.iter().any(|(a, b)| start < *b && *a < end);
        let beyond = self.end.is_some_and(|known| match more {
            More::Fragments => end >= known,
            More::Nothing => end != known,
        });
        let before = more == More::Nothing && self.pieces.iter().any(|(_, b)| *b > end);
        if exact {
            return false;
        }
        if overlaps || beyond || before {
            self.doubtful = true;
        }
        self.pieces.push((start, end));
        if more == More::Nothing {
            self.end = Some(end);
        }
        !self.doubtful && self.is_whole()
    }

    fn is_whole(&self) -> bool {
        let held: usize = self.pieces.iter().map(|(a, b)| b - a).sum();
        self.end == Some(held)
    }
}

/// See the module.
pub(crate) fn run(input: Input<'_>, outcome: &mut Outcome) {
    let family = input.head().pick(0, [Family::V4, Family::V6]);
    let Some(mut scene) = Scene::of(family) else {
        return;
    };
    let mut models: [Model; DATAGRAMS] = Default::default();
    for record in input.records() {
        if record.byte(0) & 15 == 15 {
            pause(&record, &mut scene, &mut models, outcome);
        } else {
            fragment(&record, &mut scene, &mut models, outcome);
        }
        scene.rig.forget();
        if outcome.is_broken() {
            return;
        }
    }
}

fn pause(
    record: &Record,
    scene: &mut Scene,
    models: &mut [Model; DATAGRAMS],
    outcome: &mut Outcome,
) {
    let pause = record.pick(1, [1, 30_000, 61_000, 59_999]);
    scene.rig.pass(outcome, Duration::from_millis(pause));
    let now = scene.rig.now;
    for model in models {
        if model.since.is_some_and(|since| now >= since + TIMEOUT) {
            *model = Model::default();
        }
    }
}

fn fragment(
    record: &Record,
    scene: &mut Scene,
    models: &mut [Model; DATAGRAMS],
    outcome: &mut Outcome,
) {
    let which = record.below(1, DATAGRAMS);
    let units = usize::from(record.byte(2)) % 24;
    let octets = match record.byte(3) {
        octet @ 0..=191 => 8 * (1 + usize::from(octet) % 8),
        octet => usize::from(octet - 192),
    };
    let more = if record.bit(0, 0) {
        More::Nothing
    } else {
        More::Fragments
    };
    // A datagram that is not cut at all passes by the map.
    if units == 0 && more == More::Nothing {
        return;
    }
    let start = 8 * units;
    let text = pattern(which * STRIDE + start, octets);
    let ip = Ip::new(them(scene.family), us(scene.family)).id(100 + which as u32);
    let packet = ip.fragment(RAW_PROTOCOL, units as u16, more, &text);
    scene.rig.arrives(outcome, &packet);
    let now = scene.rig.now;
    let expected = models[which].takes(start, start + octets, more, now);
    let delivered = scene.payload(outcome);
    outcome.reached.guide(
        22,
        u32::from(expected)
            | u32::from(models[which].doubtful) << 1
            | (models[which].pieces.len() as u32) << 2,
    );
    outcome.require(!expected || delivered.is_some(), Promise::AsModel, || {
        format!(
            "datagram {which} is whole and was not delivered: {:?}",
            models[which]
        )
    });
    if let Some(octets) = delivered {
        let right = octets[..] == pattern(which * STRIDE, octets.len())[..];
        outcome.require(right, Promise::Delivered, || {
            format!("datagram {which} has wrong octets")
        });
        // With an exact length: neither more nor less than its fragments said.
        let doubtful = models[which].doubtful;
        outcome.require(
            doubtful || models[which].end == Some(octets.len()),
            Promise::AsModel,
            || {
                format!(
                    "datagram {which} has {} octets: {:?}",
                    octets.len(),
                    models[which]
                )
            },
        );
        models[which] = Model::default();
    }
}
