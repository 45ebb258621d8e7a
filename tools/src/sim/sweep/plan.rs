//! What a seed of the sweep means: a point of the grid, chosen by chance.
//!
//! The grid: both families; hosts side by side, behind routers, at a switch; loss to 30 %, bursts of
//! it, duplication, reordering, corruption, jitter; small and large MTUs; buffers from 1 octet to 16
//! MiB; fast, slow and pausing applications; half closes, aborts and early closes; sequence numbers
//! and timestamps that wrap on the way; links with a rate, queues that drop or mark, and an MTU of
//! their own; every controller, ECN, pacing, searches for path MTUs, SYN cookies, Fast Open. Octets are
//! kept to a budget, so that a seed takes milliseconds. Everything follows from the seed.

mod chooser;
mod conversation;
mod host;
mod link;
mod world;

use std::net::IpAddr;

use sidestep_stack::call::ConnectionOptions;
use sidestep_stack::{Duration, Instant};

pub use self::host::HostSettings;

use self::chooser::Chooser;
use self::conversation::{datagrams, dialogue, make_haste, open_fast, speak_first, talk, vary};
use self::link::{Extras, recipes};
use super::SweepError;
use crate::link::{Recipe, Share};
use crate::sim::app::{Dialogue, Talk};
use crate::sim::near_wrap::NearWrap;
use crate::sim::transfer::Family;

/// What stands between the two hosts. The bad link is always the first host's; the others only
/// delay, so that no packet is damaged twice: two damages could hide from the checksum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Topology {
    /// Nothing but the bad link.
    Direct,
    /// So many routers, one or two.
    Routed(u8),
    /// A switch, with a third host that hears what is not for it.
    Switched,
}

/// What two applications do with each other.
#[derive(Clone, Debug)]
pub enum Conversation {
    /// Streams, in both directions at once.
    Talk {
        /// The end that opens, and the end that accepts.
        ends: Box<[Talk; 2]>,
        /// Their settings.
        options: Box<[ConnectionOptions; 2]>,
        /// When the first one opens: after the other one has begun to listen.
        begins_at: Instant,
    },
    /// Requests and replies.
    Dialogue {
        /// What both know.
        dialogue: Dialogue,
        /// When it begins.
        begins_at: Instant,
    },
    /// Datagrams that come back.
    Datagrams {
        /// Of their content.
        seed: u64,
        /// How many.
        count: u32,
        /// The most octets of one.
        octets: u32,
        /// From one to the next.
        interval: Duration,
    },
}

/// On what terms seeds are run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Terms {
    /// The whole grid. Hosts never give up within a day, so that every failure is a real one.
    #[default]
    Grid,
    /// Both directions lose exactly so many packets by chance, nothing is damaged, queued or too big,
    /// and hosts give up as their defaults say: so it shows how many connections live to their end.
    /// Nobody makes the other one wait for minutes, for whoever has closed is given up then, too.
    Loss(Share),
}

/// What a seed means.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// On which terms.
    pub terms: Terms,
    /// Which family.
    pub family: Family,
    /// What stands between the hosts.
    pub topology: Topology,
    /// The bad link, from the first host and to it.
    pub recipes: [Recipe; 2],
    /// The largest packet of each host's device.
    pub mtu_octets: [u64; 2],
    /// What each stack may hold.
    pub memory_octets: [u64; 2],
    /// How each stack is set beyond that.
    pub settings: [HostSettings; 2],
    /// What wraps on the way.
    pub near_wrap: [NearWrap; 2],
    /// Who talks to whom, each at a port of its own.
    pub conversations: Vec<Conversation>,
}

impl Plan {
    /// What `seed` means.
    ///
    /// # Errors
    ///
    /// A recipe that it wrote makes no sense: a bug, for every seed has a meaning.
    pub fn of(seed: u64) -> Result<Self, SweepError> {
        Self::on(Terms::Grid, seed)
    }

    /// What `seed` means on these terms.
    ///
    /// # Errors
    ///
    /// As for [`of`](Self::of).
    pub fn on(terms: Terms, seed: u64) -> Result<Self, SweepError> {
        let mut chooser = Chooser::new(seed ^ 0x7377_6565_7000_0000);
        // What came later is chosen apart: a seed keeps what it meant before.
        let mut later = Chooser::new(seed ^ 0x6c61_7465_7200_0000);
        let family = chooser.one_of(Family::V4, &[Family::V6]);
        let topology = match chooser.up_to(7) {
            0 => Topology::Routed(1),
            1 => Topology::Routed(2),
            2 => Topology::Switched,
            _ => Topology::Direct,
        };
        let extras = Extras::of(&mut later, family);
        let recipes = recipes(&mut chooser, terms, &extras)?;
        let mtus: &[u64] = match family {
            Family::V4 => &[576, 1_006, 1_280, 9_000],
            Family::V6 => &[1_280, 1_400, 9_000],
        };
        let mtu_octets = [chooser.one_of(1_500, mtus), chooser.one_of(1_500, mtus)];
        let memory = [1 << 20, 4 << 20];
        let memory_octets = [
            chooser.one_of(256 << 20, &memory),
            chooser.one_of(256 << 20, &memory),
        ];
        let mut conversations = vec![talk(&mut chooser, seed)];
        for number in 1..=chooser.up_to(2) {
            let seed = seed ^ (u64::from(number) << 56);
            conversations.push(match chooser.up_to(3) {
                0 => dialogue(&mut chooser, seed),
                1 => datagrams(&mut chooser, seed),
                _ => talk(&mut chooser, seed),
            });
        }
        let near_wrap = [wrap(&mut chooser), wrap(&mut chooser)];
        let mut settings = [HostSettings::of(&mut later), HostSettings::of(&mut later)];
        vary(&mut later, &mut conversations);
        if later.once_in(4) {
            open_fast(&mut conversations);
        }
        if let Terms::Loss(_) = terms {
            settings[1].keep_half_open_connections();
            make_haste(&mut conversations);
        }
        if settings[1].answers_with_cookies() || terms != Terms::Grid {
            speak_first(&mut conversations);
        }
        Ok(Self {
            seed,
            terms,
            family,
            topology,
            recipes,
            mtu_octets,
            memory_octets,
            settings,
            near_wrap,
            conversations,
        })
    }

    /// Octets that all streams hold together.
    pub fn octets(&self) -> u64 {
        self.conversations
            .iter()
            .map(|conversation| match conversation {
                Conversation::Talk { ends, .. } => ends.iter().map(|end| end.write.octets).sum(),
                Conversation::Dialogue { .. } | Conversation::Datagrams { .. } => 0,
            })
            .sum()
    }
}

fn wrap(chooser: &mut Chooser) -> NearWrap {
    match chooser.up_to(7) {
        0 | 1 => NearWrap::Sequence {
            octets: chooser.magnitude(18),
        },
        2 => NearWrap::Timestamps {
            ms: chooser.up_to(3_000),
        },
        _ => NearWrap::No,
    }
}

/// Its address as text would be enough, but a seed's plan is shown whole.
impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [there, back] = &self.recipes;
        let remote: IpAddr = self.family.address(0, 2);
        write!(
            f,
            "seed {}: {:?}, mtu {:?}, to {remote}\n  there: {there}\n  back: {back}\n  hosts: {:?}\n  \
             wraps: {:?}",
            self.seed, self.topology, self.mtu_octets, self.settings, self.near_wrap
        )?;
        for conversation in &self.conversations {
            write!(f, "\n  {conversation:?}")?;
        }
        Ok(())
    }
}
