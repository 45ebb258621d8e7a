//! The demo: every promise of the README, checked on this machine, now.
//!
//! [`run`] builds a `World` of two stacks with a device between them, runs the checks in both families
//! and both directions, and returns a [`Report`]. It prints nothing and always ends.

mod check;
mod crowd;
mod datagrams;
mod failures;
mod names;
mod pair;
mod pings;
mod report;
mod transfer;
mod world;

pub use check::Unmet;
pub use report::{Check, Crossing, Report};

use check::Checks;
use pair::{Family, Pair};
use world::World;

use crate::bring_up::Written;

/// Which device to use.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Device {
    /// A TUN device in a namespace of our own; the cable in memory where that is not allowed.
    #[default]
    TunIfAllowed,
    /// The cable in memory.
    Memory,
}

/// What the demo may be told.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which device to use.
    pub device: Device,
    /// The seed of our stack's chance; `None` asks the operating system.
    pub seed: Option<u64>,
    /// What is written of our stack's packets.
    pub written: Written,
}

/// What a check looks like: it says what it saw, or why it does not hold.
type Body = fn(&Pair) -> Result<String, Unmet>;

/// The checks of each pair: what they say of the client, then how they find out.
const CHECKS: [(&str, Body); 9] = [
    (
        "fetches 64 MiB over TCP and sends 64 MiB back",
        transfer::there_and_back,
    ),
    ("sends UDP datagrams, which come back", datagrams::echo),
    ("pings", pings::there_and_back),
    ("has 500 TCP connections open at once", crowd::at_once),
    ("is refused at a closed TCP port", failures::refused),
    ("is refused at a closed UDP port", datagrams::refused),
    ("finds no way to an unreachable host", failures::unreachable),
    ("gives up reading at its deadline", failures::deadline),
    ("sees a reset", failures::reset),
];

/// Runs all checks. The process should end soon after: its network namespace is another one now.
pub fn run(options: &Options) -> Report {
    let mut checks = Checks::begin();
    let (crossing, why) = match World::build(options) {
        Ok(world) => {
            check_world(&mut checks, &world);
            (world.crossing, world.why)
        }
        Err(failed) => {
            let failed = failed.to_string();
            checks.run("two stacks with a device between them", move || {
                Err(Unmet::found("two stacks", failed))
            });
            (Crossing::Memory, None)
        }
    };
    Report {
        crossing,
        why,
        checks: checks.into_vec(),
    }
}

fn check_world(checks: &mut Checks, world: &World) {
    for family in Family::ALL {
        for pair in world.pairs(family) {
            for (what, body) in CHECKS {
                let name = format!("{family}: {} {what}", pair.client.name);
                let pair = pair.clone();
                checks.run(name, move || body(&pair));
            }
        }
    }
    names::check_all(checks, world);
}
