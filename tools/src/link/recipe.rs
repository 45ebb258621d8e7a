//! What a link does, as a value and as text: `delay=20ms,jitter=2ms,loss=1%`.
//!
//! The text is a list of `key=value` with commas between, in any order, each key once; spaces around
//! them do not matter, and the empty text is a link that does nothing. [`KEYS`] has every key with its unit, range and
//! default. Reading a recipe never guesses: what it does not know is an error with its column.

use std::fmt;
use std::str::FromStr;

use sidestep_stack::base::Duration;
use thiserror::Error;

use super::value::{PacketRanges, Share, ValueError};

mod keys;
#[cfg(test)]
mod tests;

pub use keys::{KEYS, Key};

/// A recipe: what one direction of a link does to its packets. The default does nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recipe {
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
            drop: PacketRanges::default(),
            every: None,
            gilbert: None,
            loss: Share::NONE,
            duplicate: Share::NONE,
            corrupt: Share::NONE,
            corrupt_burst: Share::NONE,
            truncate: Share::NONE,
            garbage: Share::NONE,
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
        for (key, column) in &given {
            check_needs(key, *column, &given)?;
        }
        Ok(recipe)
    }
}

/// A key that says more about others is given with one of them.
fn check_needs(
    key: &Key,
    column: usize,
    given: &[(&'static Key, usize)],
) -> Result<(), RecipeError> {
    let is_given = |name: &str| given.iter().any(|(other, _)| other.name == name);
    if key.needs.is_empty() || key.needs.split(" or ").any(is_given) {
        return Ok(());
    }
    let (key, needs) = (key.name, key.needs);
    let problem = RecipeProblem::Needs { key, needs };
    Err(RecipeError { column, problem })
}

impl Recipe {
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

/// The keys that differ from the default, in the order of [`KEYS`]: reading it gives the same recipe.
impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for key in KEYS {
            if let Some(value) = (key.show)(self) {
                write!(f, "{separator}{}={value}", key.name)?;
                separator = ",";
            }
        }
        Ok(())
    }
}
