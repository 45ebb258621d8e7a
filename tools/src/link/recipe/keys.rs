//! Every key of a recipe: its name, what it means, its unit and range, how it is read and written.
//!
//! [`Recipe`] reads and writes its text with this table, and the command and the book show it. A key
//! exists if it is here, and nowhere else.

use super::{Distribution, Gilbert, Order, Recipe};
use crate::link::value::{PacketRanges, Share, ValueError, read_number, read_time, show_time};

/// A key of a recipe.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// The form, unit and range of its value.
    pub value: &'static str,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// What holds without it.
    pub default: &'static str,
    /// Which key must be given with it (one of them, if there are several with " or " between).
    pub needs: &'static str,
    pub(super) read: fn(&mut Recipe, &str) -> Result<(), ValueError>,
    pub(super) show: fn(&Recipe) -> Option<String>,
}

/// All names, for a message.
pub(super) fn names() -> String {
    let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    names.join(", ")
}

const PERCENT: &str = "0% to 100%, up to 7 places";
const NEVER: &str = "never";

/// `value`, unless it is what holds anyway.
fn unless_default<T: PartialEq>(
    recipe: &Recipe,
    get: fn(&Recipe) -> &T,
    show: impl FnOnce(&T) -> String,
) -> Option<String> {
    let value = get(recipe);
    (*value != *get(&Recipe::default())).then(|| show(value))
}

macro_rules! share {
    ($name:literal, $field:ident, $meaning:literal) => {
        Key {
            name: $name,
            value: PERCENT,
            meaning: $meaning,
            default: NEVER,
            needs: "",
            read: |recipe, text| {
                recipe.$field = Share::read(text)?;
                Ok(())
            },
            show: |recipe| unless_default(recipe, |recipe| &recipe.$field, Share::to_string),
        }
    };
}

macro_rules! time {
    ($name:literal, $field:ident, $default:literal, $needs:literal, $meaning:literal) => {
        Key {
            name: $name,
            value: "0s to 1000s, in ns, us, ms or s",
            meaning: $meaning,
            default: $default,
            needs: $needs,
            read: |recipe, text| {
                recipe.$field = read_time(text)?;
                Ok(())
            },
            show: |recipe| unless_default(recipe, |recipe| &recipe.$field, |time| show_time(*time)),
        }
    };
}

/// All keys, in the order in which a packet meets them.
pub const KEYS: &[Key] = &[
    Key {
        name: "drop",
        value: "numbers and ranges, ascending, with + between: 2+5-7+20-",
        meaning: "loses these packets; the first that enters is 1",
        default: "none",
        needs: "",
        read: |recipe, text| {
            recipe.drop = PacketRanges::read(text)?;
            Ok(())
        },
        show: |recipe| unless_default(recipe, |recipe| &recipe.drop, PacketRanges::to_string),
    },
    Key {
        name: "every",
        value: "1 to 1000000000 packets",
        meaning: "loses every n-th packet: n, 2n, 3n, …",
        default: NEVER,
        needs: "",
        read: |recipe, text| {
            recipe.every = Some(read_number(
                text,
                1,
                1_000_000_000,
                "1 to 1000000000 packets",
            )?);
            Ok(())
        },
        show: |recipe| recipe.every.map(|every| every.to_string()),
    },
    Key {
        name: "gilbert",
        value: "WORSENS/RECOVERS[/BAD[/GOOD]], each 0% to 100%",
        meaning: "loses packets in bursts: after each packet a good link turns bad with the chance \
                  WORSENS and a bad one good with RECOVERS; a bad link loses BAD (100%) of its \
                  packets, a good one GOOD (0%)",
        default: NEVER,
        needs: "",
        read: |recipe, text| {
            recipe.gilbert = Some(read_gilbert(text)?);
            Ok(())
        },
        show: |recipe| recipe.gilbert.map(show_gilbert),
    },
    share!(
        "loss",
        loss,
        "loses so many packets, each independently of the others"
    ),
    share!(
        "duplicate",
        duplicate,
        "delivers so many packets twice; the copy meets chances of its own from here on"
    ),
    share!("corrupt", corrupt, "flips one bit in so many packets"),
    share!(
        "corrupt-burst",
        corrupt_burst,
        "flips bits within a window of 2 to 15 in so many packets, the first and the last for certain"
    ),
    share!(
        "truncate",
        truncate,
        "cuts so many packets short, to one octet at least"
    ),
    share!(
        "garbage",
        garbage,
        "replaces so many packets by noise from some octet on (which passes a checksum one time in \
         65,536)"
    ),
    share!(
        "reorder",
        reorder,
        "holds so many packets back until others have overtaken them"
    ),
    Key {
        name: "overtakers",
        value: "1 to 1000 packets",
        meaning: "how many later packets overtake one that is held back: from 1 to this many, evenly",
        default: "3",
        needs: "reorder",
        read: |recipe, text| {
            recipe.overtakers = read_number(text, 1, 1_000, "1 to 1000 packets")? as u32;
            Ok(())
        },
        show: |recipe| unless_default(recipe, |recipe| &recipe.overtakers, u32::to_string),
    },
    time!(
        "hold",
        hold,
        "250ms",
        "reorder",
        "how long a packet waits for others to overtake it, at the most"
    ),
    time!("delay", delay, "0ms", "", "how long every packet takes"),
    time!(
        "jitter",
        jitter,
        "0ms",
        "",
        "how much longer or shorter packets take, as distribution has it; never less than nothing"
    ),
    Key {
        name: "distribution",
        value: "uniform, normal, exponential or pareto",
        meaning: "of the jitter: even from -jitter to +jitter; normal with jitter as its standard \
                  deviation; only later, exponential or Pareto (II, shape 3) with jitter as its mean. \
                  Never later than a hundred jitters",
        default: "uniform",
        needs: "jitter",
        read: |recipe, text| {
            recipe.distribution = match text {
                "uniform" => Distribution::Uniform,
                "normal" => Distribution::Normal,
                "exponential" => Distribution::Exponential,
                "pareto" => Distribution::Pareto,
                _ => {
                    let wanted = "uniform, normal, exponential or pareto";
                    return Err(ValueError::Form { wanted });
                }
            };
            Ok(())
        },
        show: |recipe| {
            let show = |distribution: &Distribution| match distribution {
                Distribution::Uniform => "uniform".to_owned(),
                Distribution::Normal => "normal".to_owned(),
                Distribution::Exponential => "exponential".to_owned(),
                Distribution::Pareto => "pareto".to_owned(),
            };
            unless_default(recipe, |recipe| &recipe.distribution, show)
        },
    },
    Key {
        name: "order",
        value: "keep or free",
        meaning: "whether a packet with less jitter may overtake one that entered before it",
        default: "keep",
        needs: "jitter",
        read: |recipe, text| {
            recipe.order = match text {
                "keep" => Order::Keep,
                "free" => Order::Free,
                _ => {
                    let wanted = "keep or free";
                    return Err(ValueError::Form { wanted });
                }
            };
            Ok(())
        },
        show: |recipe| {
            let show = |order: &Order| match order {
                Order::Keep => "keep".to_owned(),
                Order::Free => "free".to_owned(),
            };
            unless_default(recipe, |recipe| &recipe.order, show)
        },
    },
];

fn read_gilbert(text: &str) -> Result<Gilbert, ValueError> {
    let shares: Result<Vec<Share>, ValueError> = text.split('/').map(Share::read).collect();
    let (worsens, recovers, bad_loss, good_loss) = match shares?[..] {
        [worsens, recovers] => (worsens, recovers, Share::ALL, Share::NONE),
        [worsens, recovers, bad] => (worsens, recovers, bad, Share::NONE),
        [worsens, recovers, bad, good] => (worsens, recovers, bad, good),
        _ => {
            let wanted = "two to four shares such as 1%/25%/90%/0.1%";
            return Err(ValueError::Form { wanted });
        }
    };
    Ok(Gilbert {
        worsens,
        recovers,
        bad_loss,
        good_loss,
    })
}

fn show_gilbert(gilbert: Gilbert) -> String {
    let Gilbert {
        worsens,
        recovers,
        bad_loss,
        good_loss,
    } = gilbert;
    let mut text = format!("{worsens}/{recovers}");
    if bad_loss != Share::ALL || good_loss != Share::NONE {
        text.push_str(&format!("/{bad_loss}"));
    }
    if good_loss != Share::NONE {
        text.push_str(&format!("/{good_loss}"));
    }
    text
}
