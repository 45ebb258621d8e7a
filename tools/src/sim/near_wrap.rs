//! Clocks set so that numbers wrap in the middle of a connection.
//!
//! Initial sequence numbers follow a clock (RFC 6528), and so do timestamps (RFC 7323 §5.4). A host
//! whose stack was started earlier has both clocks further on, and nothing else differs; so a dry run
//! of the same world tells how much earlier. No door of the stack is needed for it.

use sidestep_stack::Duration;

use super::{Way, World};
use crate::packet::craft::flags;
use crate::packet::seen::Seen;

/// Which number is to wrap.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum NearWrap {
    /// None: the stack was started with the world.
    #[default]
    No,
    /// SND.NXT, after so many more octets than its SYN.
    Sequence {
        /// How many.
        octets: u32,
    },
    /// TSval, so many milliseconds after its SYN.
    Timestamps {
        /// How many.
        ms: u32,
    },
}

/// What the first SYN of a host carries.
#[derive(Clone, Copy, Debug)]
struct Syn {
    seq: u32,
    ts_value: Option<u32>,
}

/// So many steps of the dry run; a handshake that takes more gets no earlier start.
const STEPS_MAX: u32 = 100_000;

/// One step of the clock of initial sequence numbers (MUST-8).
const SEQUENCE_TICK_NANOS: u64 = 4_000;

/// How long the stacks of the first two nodes of `world` must have been up when it begins, for their
/// numbers to wrap as `wanted`. The world must be fresh, with both stacks just started.
pub fn up_for(mut world: World, wanted: [NearWrap; 2]) -> [Duration; 2] {
    if wanted == [NearWrap::No; 2] {
        return [Duration::ZERO; 2];
    }
    let mut syns: [Option<Syn>; 2] = [None; 2];
    world.keep_crossings();
    for _ in 0..STEPS_MAX {
        if syns.iter().all(Option::is_some) || !matches!(world.step(), Ok(Some(_))) {
            break;
        }
        for crossing in world.take_crossings() {
            let happening = crossing.happening;
            let Some(place) = syns.get_mut(happening.host) else {
                continue;
            };
            if happening.way == Way::Out && place.is_none() {
                *place = syn_in(&happening.packet);
            }
        }
    }
    [
        syns[0].map_or(Duration::ZERO, |syn| earlier(syn, wanted[0])),
        syns[1].map_or(Duration::ZERO, |syn| earlier(syn, wanted[1])),
    ]
}

fn syn_in(packet: &[u8]) -> Option<Syn> {
    let seen = Seen::try_read(packet).ok()?;
    let segment = seen.tcp()?;
    (segment.flags & flags::SYN != 0).then(|| Syn {
        seq: segment.seq,
        ts_value: segment.stamps().map(|(value, _)| value),
    })
}

/// How much earlier the stack must start.
fn earlier(syn: Syn, wanted: NearWrap) -> Duration {
    match wanted {
        NearWrap::No => Duration::ZERO,
        NearWrap::Sequence { octets } => {
            let ticks = octets.wrapping_neg().wrapping_sub(syn.seq);
            Duration::from_nanos(u64::from(ticks) * SEQUENCE_TICK_NANOS)
        }
        NearWrap::Timestamps { ms } => {
            let value = syn.ts_value.unwrap_or(0);
            Duration::from_millis(u64::from(ms.wrapping_neg().wrapping_sub(value)))
        }
    }
}

#[cfg(test)]
mod tests;
