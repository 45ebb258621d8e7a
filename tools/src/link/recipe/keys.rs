//! Every key of a recipe: its name, what it means, its unit and range, how it is read and written.
//!
//! [`Recipe`] reads and writes its text with this table, and the command and the book show it. A key
//! exists if it is here, and nowhere else.

use super::{Distribution, Ecn, Gilbert, Icmp, Management, Order, Recipe};
use crate::link::trace::Trace;
use crate::link::value::{
    Limit, PacketRanges, Rate, Share, ValueError, read_number, read_time, show_time,
};

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
    /// What must be given with it, or it means nothing; empty if it needs nothing.
    pub needs: &'static str,
    pub(super) is_met: fn(&Recipe) -> bool,
    pub(super) read: fn(&mut Recipe, &str) -> Result<(), ValueError>,
    pub(super) show: fn(&Recipe) -> Option<String>,
}

/// All names, for a message.
pub(super) fn names() -> String {
    let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    names.join(", ")
}

/// For keys that stand alone.
const ALWAYS: fn(&Recipe) -> bool = |_| true;
const WITH_JITTER: fn(&Recipe) -> bool = |recipe| !recipe.jitter.is_zero();
const WITH_REORDER: fn(&Recipe) -> bool = |recipe| !recipe.reorder.is_none();
const WITH_QUEUE: fn(&Recipe) -> bool = |recipe| recipe.rate.is_some() || recipe.trace.is_some();
const WITH_TAIL_DROP: fn(&Recipe) -> bool =
    |recipe| WITH_QUEUE(recipe) && recipe.aqm == Management::TailDrop;
const WITH_CODEL: fn(&Recipe) -> bool =
    |recipe| WITH_QUEUE(recipe) && recipe.aqm != Management::TailDrop;
const WITH_FQ_CODEL: fn(&Recipe) -> bool =
    |recipe| WITH_QUEUE(recipe) && recipe.aqm == Management::FqCodel;

const QUEUE_NEEDS: &str = "rate or trace";
const TAIL_DROP_NEEDS: &str = "rate or trace, and aqm=tail-drop";
const CODEL_NEEDS: &str = "rate or trace, and aqm=codel or aqm=fq-codel";
const FQ_CODEL_NEEDS: &str = "rate or trace, and aqm=fq-codel";

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
            is_met: ALWAYS,
            read: |recipe, text| {
                recipe.$field = Share::read(text)?;
                Ok(())
            },
            show: |recipe| unless_default(recipe, |recipe| &recipe.$field, Share::to_string),
        }
    };
}

macro_rules! time {
    ($name:literal, $field:ident, $default:literal, $needs:expr, $is_met:expr, $meaning:literal) => {
        Key {
            name: $name,
            value: "0s to 1000s, in ns, us, ms or s",
            meaning: $meaning,
            default: $default,
            needs: $needs,
            is_met: $is_met,
            read: |recipe, text| {
                recipe.$field = read_time(text)?;
                Ok(())
            },
            show: |recipe| unless_default(recipe, |recipe| &recipe.$field, |time| show_time(*time)),
        }
    };
}

macro_rules! number {
    ($name:literal, $field:ident, $range:literal, $least:literal, $most:literal, $default:literal,
     $needs:expr, $is_met:expr, $meaning:literal) => {
        Key {
            name: $name,
            value: $range,
            meaning: $meaning,
            default: $default,
            needs: $needs,
            is_met: $is_met,
            read: |recipe, text| {
                recipe.$field = read_number(text, $least, $most, $range)? as u32;
                Ok(())
            },
            show: |recipe| unless_default(recipe, |recipe| &recipe.$field, u32::to_string),
        }
    };
}

macro_rules! word {
    ($name:literal, $field:ident, $words:literal, [$($word:literal => $value:expr),+],
     $default:literal, $needs:expr, $is_met:expr, $meaning:literal) => {
        Key {
            name: $name,
            value: $words,
            meaning: $meaning,
            default: $default,
            needs: $needs,
            is_met: $is_met,
            read: |recipe, text| {
                recipe.$field = match text {
                    $($word => $value,)+
                    _ => return Err(ValueError::Form { wanted: $words }),
                };
                Ok(())
            },
            show: |recipe| {
                let word = [$(($word, $value)),+]
                    .into_iter()
                    .find(|(_, value)| *value == recipe.$field)
                    .map_or("", |(word, _)| word);
                unless_default(recipe, |recipe| &recipe.$field, |_| word.to_owned())
            },
        }
    };
}

/// All keys, in the order in which a packet meets them.
pub const KEYS: &[Key] = &[
    Key {
        name: "mtu",
        value: "68 to 65535 octets of IP",
        meaning: "what is larger does not enter: IPv4 that allows it is fragmented, the rest is lost \
                  and answered as icmp says",
        default: "any size",
        needs: "",
        is_met: ALWAYS,
        read: |recipe, text| {
            let mtu = read_number(text, 68, 65_535, "68 to 65535 octets")?;
            recipe.mtu = Some(mtu as u16);
            Ok(())
        },
        show: |recipe| recipe.mtu.map(|mtu| mtu.to_string()),
    },
    Key {
        name: "icmp",
        value: "on, off, or 1/s to 1000000/s",
        meaning: "whether the source of a packet that is too big is told (fragmentation needed, packet \
                  too big), and how often: so many in a second, and as many at once",
        default: "on",
        needs: "mtu",
        is_met: |recipe| recipe.mtu.is_some(),
        read: |recipe, text| {
            recipe.icmp = read_icmp(text)?;
            Ok(())
        },
        show: |recipe| unless_default(recipe, |recipe| &recipe.icmp, show_icmp),
    },
    Key {
        name: "drop",
        value: "numbers and ranges, ascending, with + between: 2+5-7+20-",
        meaning: "loses these packets; the first that enters is 1",
        default: "none",
        needs: "",
        is_met: ALWAYS,
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
        is_met: ALWAYS,
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
        is_met: ALWAYS,
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
    Key {
        name: "rate",
        value: "1bit to 100gbit a second, in bit, kbit, mbit or gbit (decimal)",
        meaning: "how fast packets leave, counted in octets of IP; what comes faster waits in the queue",
        default: "as fast as they come",
        needs: "",
        is_met: ALWAYS,
        read: |recipe, text| {
            recipe.rate = Some(Rate::read(text)?);
            Ok(())
        },
        show: |recipe| recipe.rate.map(|rate| rate.to_string()),
    },
    Key {
        name: "trace",
        value: "@FILE with a moment in ms on each line, or moments with + between: 0+5+10",
        meaning: "when 1500 octets may leave, as in mahimahi's traces: ascending, with repeats, from \
                  the start again after the last; instead of rate",
        default: "none",
        needs: "",
        is_met: ALWAYS,
        read: |recipe, text| {
            recipe.trace = Some(Trace::read(text)?);
            Ok(())
        },
        show: |recipe| recipe.trace.as_ref().map(Trace::to_string),
    },
    Key {
        name: "queue",
        value: "1 to 100000 packets, or 1B to 100MiB in B, kB, KiB, MB or MiB",
        meaning: "how much waits at the most, without what is being sent; what comes then is lost, \
                  with fq-codel the head of the longest flow",
        default: "100",
        needs: QUEUE_NEEDS,
        is_met: WITH_QUEUE,
        read: |recipe, text| {
            recipe.queue = Limit::read(text)?;
            Ok(())
        },
        show: |recipe| unless_default(recipe, |recipe| &recipe.queue, Limit::to_string),
    },
    Key {
        name: "mark",
        value: "as queue",
        meaning: "marks packets of ECN-capable transports that find the queue longer than this, \
                  counting themselves",
        default: NEVER,
        needs: TAIL_DROP_NEEDS,
        is_met: WITH_TAIL_DROP,
        read: |recipe, text| {
            recipe.mark = Some(Limit::read(text)?);
            Ok(())
        },
        show: |recipe| recipe.mark.map(|mark| mark.to_string()),
    },
    word!(
        "aqm",
        aqm,
        "tail-drop, codel or fq-codel",
        [
            "tail-drop" => Management::TailDrop,
            "codel" => Management::Codel,
            "fq-codel" => Management::FqCodel
        ],
        "tail-drop",
        QUEUE_NEEDS,
        WITH_QUEUE,
        "what keeps the queue short: only its limit, CoDel (RFC 8289), or CoDel for each flow \
         (RFC 8290)"
    ),
    word!(
        "ecn",
        ecn,
        "on or off",
        ["on" => Ecn::On, "off" => Ecn::Off],
        "off",
        CODEL_NEEDS,
        WITH_CODEL,
        "whether CoDel marks packets of ECN-capable transports instead of dropping them (RFC 3168)"
    ),
    time!(
        "target",
        target,
        "5ms",
        CODEL_NEEDS,
        WITH_CODEL,
        "CoDel: the wait that is short enough"
    ),
    time!(
        "interval",
        interval,
        "100ms",
        CODEL_NEEDS,
        WITH_CODEL,
        "CoDel: how long the wait may be above its target; a usual worst round-trip time"
    ),
    number!(
        "quantum",
        quantum,
        "1 to 65535 octets",
        1,
        65_535,
        "1514",
        FQ_CODEL_NEEDS,
        WITH_FQ_CODEL,
        "FQ-CoDel: octets that a flow may send in its turn"
    ),
    number!(
        "flows",
        flows,
        "1 to 65536 flows",
        1,
        65_536,
        "1024",
        FQ_CODEL_NEEDS,
        WITH_FQ_CODEL,
        "FQ-CoDel: how many queues flows are spread over by their hash"
    ),
    share!(
        "reorder",
        reorder,
        "holds so many packets back until others have overtaken them"
    ),
    number!(
        "overtakers",
        overtakers,
        "1 to 1000 packets",
        1,
        1_000,
        "3",
        "reorder",
        WITH_REORDER,
        "how many later packets overtake one that is held back: from 1 to this many, evenly"
    ),
    time!(
        "hold",
        hold,
        "250ms",
        "reorder",
        WITH_REORDER,
        "how long a packet waits for others to overtake it, at the most"
    ),
    time!(
        "delay",
        delay,
        "0ms",
        "",
        ALWAYS,
        "how long every packet takes"
    ),
    time!(
        "jitter",
        jitter,
        "0ms",
        "",
        ALWAYS,
        "how much longer or shorter packets take, as distribution has it; never less than nothing"
    ),
    word!(
        "distribution",
        distribution,
        "uniform, normal, exponential or pareto",
        [
            "uniform" => Distribution::Uniform,
            "normal" => Distribution::Normal,
            "exponential" => Distribution::Exponential,
            "pareto" => Distribution::Pareto
        ],
        "uniform",
        "jitter",
        WITH_JITTER,
        "of the jitter: even from -jitter to +jitter; normal with jitter as its standard deviation; \
         only later, exponential or Pareto (II, shape 3) with jitter as its mean. Never later than a \
         hundred jitters"
    ),
    word!(
        "order",
        order,
        "keep or free",
        ["keep" => Order::Keep, "free" => Order::Free],
        "keep",
        "jitter",
        WITH_JITTER,
        "whether a packet with less jitter may overtake one that entered before it"
    ),
];

fn read_icmp(text: &str) -> Result<Icmp, ValueError> {
    match text {
        "on" => Ok(Icmp::On),
        "off" => Ok(Icmp::Off),
        _ => {
            let wanted = "on, off, or a number a second such as 10/s";
            let number = text.strip_suffix("/s").ok_or(ValueError::Form { wanted })?;
            let messages = read_number(number, 1, 1_000_000, "1/s to 1000000/s")?;
            Ok(Icmp::EachSecond(messages as u32))
        }
    }
}

fn show_icmp(icmp: &Icmp) -> String {
    match icmp {
        Icmp::On => "on".to_owned(),
        Icmp::Off => "off".to_owned(),
        Icmp::EachSecond(messages) => format!("{messages}/s"),
    }
}

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
