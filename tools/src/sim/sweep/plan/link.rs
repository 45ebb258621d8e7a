//! The bad link of a plan: its recipes, from the first host and to it.
//!
//! [`Plan::of`](super::Plan::of) calls it. No packet is damaged twice: two damages could hide from the
//! checksum.

use std::fmt::Write as _;

use super::Terms;
use super::chooser::Chooser;
use crate::link::Recipe;
use crate::sim::sweep::SweepError;
use crate::sim::transfer::Family;

/// What both directions have besides, as text of a recipe; empty where they have none of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Extras {
    /// A rate, and the queue in front of it.
    bottleneck: String,
    /// What is too big, and who is told.
    mtu: String,
    /// Bursts of loss, where there are no others.
    bursts: &'static str,
    /// How jitter is spread, where there is some.
    jitter: &'static str,
}

impl Extras {
    /// Half of all links have something of it.
    pub(super) fn of(later: &mut Chooser, family: Family) -> Self {
        if later.once_in(2) {
            return Self::default();
        }
        let mut extras = Self::default();
        if later.once_in(2) {
            extras.bottleneck = bottleneck(later);
        }
        if later.once_in(3) {
            let mtu = match family {
                Family::V4 => later.one_of(576, &[1_000, 1_280, 1_400]),
                Family::V6 => later.one_of(1_280, &[1_360, 1_420]),
            };
            let icmp = later.one_of("on", &["off", "1/s"]);
            extras.mtu = format!(",mtu={mtu},icmp={icmp}");
        }
        if later.once_in(4) {
            let long = ["0.2%/4%", "1%/10%/80%/0.5%"];
            extras.bursts = later.one_of("3%/40%", &long);
        }
        if later.once_in(2) {
            let rest = ["distribution=exponential", "distribution=pareto,order=free"];
            extras.jitter = later.one_of("distribution=normal", &rest);
        }
        extras
    }
}

fn bottleneck(later: &mut Chooser) -> String {
    let rate = later.one_of("10mbit", &["256kbit", "1mbit", "100mbit", "1gbit"]);
    let queue = later.one_of("100", &["2", "10", "1000", "16kB"]);
    let management = later.one_of(
        "",
        &[
            ",mark=5",
            ",aqm=codel",
            ",aqm=codel,ecn=on",
            ",aqm=fq-codel",
            ",aqm=fq-codel,ecn=on",
        ],
    );
    format!(",rate={rate},queue={queue}{management}")
}

/// The bad link in both directions: alike, but for what only one of them suffers.
pub(super) fn recipes(
    chooser: &mut Chooser,
    terms: Terms,
    extras: &Extras,
) -> Result<[Recipe; 2], SweepError> {
    let delay_us = chooser.one_of(20_000, &[0, 100, 1_000, 50_000, 150_000]);
    let jitter_us = chooser.one_of(0, &[10, 1_000, 20_000]);
    let loss_permille = match chooser.up_to(3) {
        0 => 0,
        1 => chooser.up_to(20),
        2 => 20 + chooser.up_to(80),
        _ => 100 + chooser.up_to(200),
    };
    let bursty = chooser.once_in(8);
    let duplicate = chooser.up_to(50) * chooser.up_to(1);
    let reorder = chooser.up_to(100) * chooser.up_to(1);
    let overtakers = 1 + chooser.up_to(63);
    let corruption = chooser.up_to(20) * chooser.up_to(1);
    // One kind at a time: two damages of one packet could hide from the checksum.
    let kind = chooser.one_of("corrupt", &["corrupt-burst", "truncate"]);
    let only = chooser.up_to(5);
    let reordered = |text: &mut String| {
        let _ = write!(text, ",duplicate={}.{}%", duplicate / 10, duplicate % 10);
        if reorder > 0 {
            let _ = write!(text, ",reorder={}.{}%", reorder / 10, reorder % 10);
            let _ = write!(text, ",overtakers={overtakers}");
        }
    };
    let write = |suffers: bool| {
        let mut text = format!("delay={delay_us}us");
        if jitter_us > 0 {
            let _ = write!(text, ",jitter={jitter_us}us");
            if !extras.jitter.is_empty() {
                let _ = write!(text, ",{}", extras.jitter);
            }
        }
        if let Terms::Loss(share) = terms {
            let _ = write!(text, ",loss={share}");
        } else {
            let _ = write!(text, "{}{}", extras.bottleneck, extras.mtu);
        }
        if !suffers {
            return text;
        }
        if matches!(terms, Terms::Loss(_)) {
            reordered(&mut text);
            return text;
        }
        let _ = write!(text, ",loss={}.{}%", loss_permille / 10, loss_permille % 10);
        if bursty {
            text.push_str(",gilbert=1%/20%");
        } else if !extras.bursts.is_empty() {
            let _ = write!(text, ",gilbert={}", extras.bursts);
        }
        reordered(&mut text);
        let _ = write!(text, ",{kind}={}.{}%", corruption / 10, corruption % 10);
        text
    };
    // Most links are bad in both directions, some in one only.
    Ok([write(only != 0).parse()?, write(only != 1).parse()?])
}
