//! What a link does, as a value and as text: `delay=20ms,jitter=2ms,loss=1%`.
//!
//! The text is a list of `key=value` with commas between, in any order, each key once; spaces around
//! them do not matter, and the empty text is a link that does nothing. [`KEYS`] has every key with its unit, range and
//! default. Reading a recipe never guesses: what it does not know is an error with its column.

use std::fmt;
use std::str::FromStr;

use sidestep_stack::base::Duration;
use thiserror::Error;

use super::trace::Trace;
use super::value::{Limit, PacketRanges, Rate, Share, ValueError};

mod keys;
#[cfg(test)]
mod tests;

pub use keys::{KEYS, Key};

/// A recipe: what one direction of a link does to its packets. The default does nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recipe {
    /// `mtu`: what is larger, in octets of IP, does not enter as it is.
    pub mtu: Option<u16>,
    /// `icmp`: whether its source is told.
    pub icmp: Icmp,
    /// `drop`: these packets are lost.
    pub drop: PacketRanges,
    /// `every`: every so-manieth packet is lost.
    pub every: Option<u64>,
    /// `gilbert`: packets are lost in bursts.
    pub gilbert: Option<Gilbert>,
    /// `loss`: so many packets are lost, each independently of the others.
    pub loss: Share,
    /// `duplicate`: so many packets come twice.
    pub duplicate: Share,
    /// `corrupt`: in so many packets one bit is flipped.
    pub corrupt: Share,
    /// `corrupt-burst`: in so many packets bits are flipped within a window of 2 to 15.
    pub corrupt_burst: Share,
    /// `truncate`: so many packets are cut short.
    pub truncate: Share,
    /// `garbage`: so many packets are noise from some octet on.
    pub garbage: Share,
    /// `rate`: how fast packets leave.
    pub rate: Option<Rate>,
    /// `trace`: when they may; a rate is not looked at then.
    pub trace: Option<Trace>,
    /// `queue`: how much waits at the most.
    pub queue: Limit,
    /// `aqm`: what keeps the queue short.
    pub aqm: Management,
    /// `ecn`: whether CoDel marks instead of dropping.
    pub ecn: Ecn,
    /// `mark`: from where on a queue with tail drop marks.
    pub mark: Option<Limit>,
    /// `target`: CoDel's TARGET.
    pub target: Duration,
    /// `interval`: CoDel's INTERVAL.
    pub interval: Duration,
    /// `quantum`: octets that FQ-CoDel grants a flow in its turn; at least one.
    pub quantum: u32,
    /// `flows`: how many flows FQ-CoDel tells apart; at least one.
    pub flows: u32,
    /// `reorder`: so many packets are held back until others have overtaken them.
    pub reorder: Share,
    /// `overtakers`: by how many at the most; at least one.
    pub overtakers: u32,
    /// `hold`: how long a packet waits for others to overtake it.
    pub hold: Duration,
    /// `delay`: how long every packet takes.
    pub delay: Duration,
    /// `jitter`: how much longer or shorter some take, as `distribution` has it.
    pub jitter: Duration,
    /// `distribution`: of the jitter.
    pub distribution: Distribution,
    /// `order`: whether jitter may let packets overtake each other.
    pub order: Order,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            mtu: None,
            icmp: Icmp::On,
            drop: PacketRanges::default(),
            every: None,
            gilbert: None,
            loss: Share::NONE,
            duplicate: Share::NONE,
            corrupt: Share::NONE,
            corrupt_burst: Share::NONE,
            truncate: Share::NONE,
            garbage: Share::NONE,
            rate: None,
            trace: None,
            queue: Limit::Packets(100),
            aqm: Management::TailDrop,
            ecn: Ecn::Off,
            mark: None,
            target: Duration::from_millis(5),
            interval: Duration::from_millis(100),
            quantum: 1_514,
            flows: 1_024,
            reorder: Share::NONE,
            overtakers: 3,
            hold: Duration::from_millis(250),
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            distribution: Distribution::Uniform,
            order: Order::Keep,
        }
    }
}

/// A channel with two states, each with its own loss (Gilbert 1960, Elliott 1963).
///
/// It begins in the good state. After each packet it may change its state, so that a stay in the bad
/// one lasts 1/`recovers` packets on average.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gilbert {
    /// The chance for each packet that a good channel turns bad after it.
    pub worsens: Share,
    /// The chance for each packet that a bad channel turns good after it.
    pub recovers: Share,
    /// The loss in the bad state.
    pub bad_loss: Share,
    /// The loss in the good state.
    pub good_loss: Share,
}

/// Whether the source of a packet that is too big hears of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Icmp {
    /// `on`: each time.
    #[default]
    On,
    /// `off`: never; the link is a black hole for such packets.
    Off,
    /// `N/s`: so many times a second, and as many at once; at least one.
    EachSecond(u32),
}

/// What keeps a queue short (active queue management).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Management {
    /// `tail-drop`: only its limit.
    #[default]
    TailDrop,
    /// `codel`: RFC 8289.
    Codel,
    /// `fq-codel`: RFC 8290.
    FqCodel,
}

/// Whether CoDel marks packets of transports that understand it (RFC 3168 §5).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Ecn {
    /// `off`: it drops.
    #[default]
    Off,
    /// `on`: it marks what it can, and drops the rest.
    On,
}

/// How jitter is spread. In every one of them the delay is never below zero, and never later than a
/// hundred jitters.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Distribution {
    /// `uniform`: evenly from one jitter earlier to one jitter later.
    #[default]
    Uniform,
    /// `normal`: the jitter is the standard deviation (a sum of twelve even chances).
    Normal,
    /// `exponential`: only later, by one jitter on average.
    Exponential,
    /// `pareto`: only later, by one jitter on average, with a heavy tail (Pareto II of shape 3: one
    /// in a thousand is later by 18 jitters).
    Pareto,
}

/// Whether jitter may change the order.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Order {
    /// `keep`: no packet arrives before one that entered before it, as in a router's queue.
    #[default]
    Keep,
    /// `free`: each packet takes the time that was drawn for it.
    Free,
}

/// Why a text is no recipe.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("recipe, column {column}: {problem}")]
pub struct RecipeError {
    /// Where in the text, in characters; the first is 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: RecipeProblem,
}

/// What is wrong with a recipe.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum RecipeProblem {
    /// There is no `=` between two commas.
    #[error("wanted key=value, found \"{found}\"")]
    NoValue {
        /// What there is.
        found: String,
    },
    /// No such key.
    #[error("no key \"{found}\"; there are {}", keys::names())]
    UnknownKey {
        /// What there is.
        found: String,
    },
    /// The key was there before.
    #[error("{key} is given twice")]
    Twice {
        /// Which one.
        key: &'static str,
    },
    /// The value makes no sense.
    #[error("{key}={found}: {error}")]
    Value {
        /// Whose.
        key: &'static str,
        /// What there is.
        found: String,
        /// What is wrong with it.
        error: ValueError,
    },
    /// Two keys that exclude each other.
    #[error("{key} and {other} exclude each other")]
    Conflict {
        /// The second one.
        key: &'static str,
        /// The first one.
        other: &'static str,
    },
    /// The key says more about another one that is missing.
    #[error("{key} means nothing without {needs}")]
    Needs {
        /// Which one.
        key: &'static str,
        /// Which one is missing.
        needs: &'static str,
    },
}

impl FromStr for Recipe {
    type Err = RecipeError;

    fn from_str(text: &str) -> Result<Self, RecipeError> {
        let mut recipe = Self::default();
        if text.trim().is_empty() {
            return Ok(recipe);
        }
        let mut given: Vec<(&'static Key, usize)> = Vec::new();
        let mut column = 1;
        for part in text.split(',') {
            let spaces = part.chars().take_while(|c| c.is_whitespace()).count();
            let at = column + spaces;
            column += part.chars().count() + 1;
            let key = recipe.take(part.trim(), at)?;
            if given.iter().any(|(other, _)| other.name == key.name) {
                let problem = RecipeProblem::Twice { key: key.name };
                return Err(RecipeError {
                    column: at,
                    problem,
                });
            }
            given.push((key, at));
        }
        recipe.check(&given)?;
        Ok(recipe)
    }
}

impl Recipe {
    /// Whether the keys that were given, each with its column, make sense together.
    fn check(&self, given: &[(&'static Key, usize)]) -> Result<(), RecipeError> {
        for (key, column) in given {
            if (key.show)(self).is_some() && !(key.is_met)(self) {
                let (key, needs) = (key.name, key.needs);
                return Err(RecipeError {
                    column: *column,
                    problem: RecipeProblem::Needs { key, needs },
                });
            }
        }
        let paces: Vec<_> = given
            .iter()
            .filter(|(key, _)| matches!(key.name, "rate" | "trace"))
            .collect();
        if let [(other, _), (key, column)] = paces[..] {
            let (key, other) = (key.name, other.name);
            return Err(RecipeError {
                column: *column,
                problem: RecipeProblem::Conflict { key, other },
            });
        }
        Ok(())
    }

    /// Takes one `key=value`, which begins at `column`.
    fn take(&mut self, part: &str, column: usize) -> Result<&'static Key, RecipeError> {
        let fail = |column, problem| Err(RecipeError { column, problem });
        let Some((name, value)) = part.split_once('=') else {
            let found = part.to_owned();
            return fail(column, RecipeProblem::NoValue { found });
        };
        let (name, found) = (name.trim_end(), value.trim_start());
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            let found = name.to_owned();
            return fail(column, RecipeProblem::UnknownKey { found });
        };
        let before = part.chars().count() - found.chars().count();
        match (key.read)(self, found) {
            Ok(()) => Ok(key),
            Err(error) => {
                let found = found.to_owned();
                let key = key.name;
                let problem = RecipeProblem::Value { key, found, error };
                fail(column + before, problem)
            }
        }
    }
}

/// The keys that differ from the default and mean something, in the order of [`KEYS`]: reading it gives
/// a recipe that does the same, and the very same one if this one was read.
impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for key in KEYS {
            if let Some(value) = (key.show)(self).filter(|_| (key.is_met)(self)) {
                write!(f, "{separator}{}={value}", key.name)?;
                separator = ",";
            }
        }
        Ok(())
    }
}
