//! The bad link of a plan: its recipes, from the first host and to it.
//!
//! [`Plan::of`](super::Plan::of) calls it. No packet is damaged twice: two damages could hide from the
//! checksum.

use std::fmt::Write as _;

use super::chooser::Chooser;
use crate::link::Recipe;
use crate::sim::sweep::SweepError;

/// The bad link in both directions: alike, but for what only one of them suffers.
pub(super) fn recipes(chooser: &mut Chooser) -> Result<[Recipe; 2], SweepError> {
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
    let write = |suffers: bool| {
        let mut text = format!("delay={delay_us}us");
        if jitter_us > 0 {
            let _ = write!(text, ",jitter={jitter_us}us");
        }
        if !suffers {
            return text;
        }
        let _ = write!(text, ",loss={}.{}%", loss_permille / 10, loss_permille % 10);
        if bursty {
            text.push_str(",gilbert=1%/20%");
        }
        let _ = write!(text, ",duplicate={}.{}%", duplicate / 10, duplicate % 10);
        if reorder > 0 {
            let _ = write!(text, ",reorder={}.{}%", reorder / 10, reorder % 10);
            let _ = write!(text, ",overtakers={overtakers}");
        }
        let _ = write!(text, ",{kind}={}.{}%", corruption / 10, corruption % 10);
        text
    };
    // Most links are bad in both directions, some in one only.
    Ok([write(only != 0).parse()?, write(only != 1).parse()?])
}
