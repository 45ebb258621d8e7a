//! Promises about closing one direction: points 10 and 12.

use std::sync::Arc;

use super::background::Background;
use super::deadlines::{blocked_read, blocked_write};
use super::exchange::{read_up_to, reads, write_all, writes};
use super::kit::{Ability, Bench, HalfClose, Pair, Promise};
use super::say::{Step, breach, closed, equal, errno, pattern, same_octets, works};
use crate::error::Errno;

/// See the module.
pub(super) const PROMISES: &[Promise] = &[
    Promise {
        name: "close_write_ends",
        source: "points 10 and 12",
        text: "After `close_write` the peer drains and reads the end; the other direction goes on.",
        needs: &[Ability::HalfClose],
        check: close_write_ends,
    },
    Promise {
        name: "close_write_fails_writes",
        source: "point 12",
        text: "After our own `close_write`, writes give EPIPE; repeating it succeeds.",
        needs: &[Ability::HalfClose],
        check: close_write_fails_writes,
    },
    Promise {
        name: "close_write_wakes_writers",
        source: "point 12",
        text: "`close_write` wakes a write that is blocked.",
        needs: &[Ability::HalfClose],
        check: close_write_wakes_writers,
    },
    Promise {
        name: "close_read_ends_reads",
        source: "point 12",
        text: "After our own `close_read`, reads give the end, blocked ones too; writes go on.",
        needs: &[Ability::HalfClose],
        check: close_read_ends_reads,
    },
    Promise {
        name: "halves_of_closed",
        source: "points 1 and 12",
        text: "After `close`, closing a direction fails with `Closed`.",
        needs: &[Ability::HalfClose],
        check: halves_of_closed,
    },
];

fn ends(pair: &Pair) -> Step<[Arc<dyn HalfClose>; 2]> {
    match &pair.halves {
        Some(halves) => Ok(halves.clone()),
        None => breach("a pair made with Pair::with_half_close", "Pair::new"),
    }
}

fn close_write_ends(pair: &Pair, bench: &Bench) -> Step {
    let [here, there] = ends(pair)?;
    let (a, b) = pair.ends();
    let want = pattern(bench.octets / 8, 6);
    let octets = want.clone();
    let writer = Background::begin("a write and a close_write", move || {
        works("a write", there.write(&octets))?;
        works("close_write", there.close_write())
    })?;
    let got = reads(&a, want.len() + 1)?.within(bench.patience)??;
    writer.within(bench.patience)??;
    same_octets("what was written before close_write", &got, &want)?;
    for _ in 0..2 {
        let more = reads(&a, 1)?.within(bench.patience)??;
        equal("what is read after the end", &more, &Vec::new())?;
    }
    // The other direction goes on.
    let sent = writes(&a, want.clone())?;
    let got = reads(&b, want.len())?.within(bench.patience)??;
    sent.within(bench.patience)??;
    same_octets("the other direction", &got, &want)?;
    works("close_write", here.close_write())?;
    let more = reads(&b, 1)?.within(bench.patience)??;
    equal("what is read after the end", &more, &Vec::new())
}

fn close_write_fails_writes(pair: &Pair, bench: &Bench) -> Step {
    let [here, _there] = ends(pair)?;
    let (a, _) = pair.ends();
    for _ in 0..2 {
        works("close_write", here.close_write())?;
        let (result, _) = blocked_write(&a)?.within(bench.late)?;
        errno("a write after close_write", Errno::EPIPE, result)?;
    }
    Ok(())
}

fn close_write_wakes_writers(pair: &Pair, bench: &Bench) -> Step {
    let [here, _there] = ends(pair)?;
    let (a, _) = pair.ends();
    let write = blocked_write(&a)?;
    std::thread::sleep(bench.moment);
    works("close_write", here.close_write())?;
    let (result, _) = write.within(bench.late)?;
    errno("a write that was blocked", Errno::EPIPE, result)?;
    Ok(())
}

fn close_read_ends_reads(pair: &Pair, bench: &Bench) -> Step {
    let [here, _there] = ends(pair)?;
    let (a, b) = pair.ends();
    let read = blocked_read(&a)?;
    std::thread::sleep(bench.moment);
    works("close_read", here.close_read())?;
    let (result, _) = read.within(bench.late)?;
    equal("a read that was blocked", &works("it", result)?, &0)?;
    let (result, _) = blocked_read(&a)?.within(bench.late)?;
    equal("a read after close_read", &works("it", result)?, &0)?;
    works("close_read again", here.close_read())?;
    let sent = Background::begin("a write after close_read", move || write_all(&a, b"on"))?;
    let conn = Arc::clone(&b);
    let got = Background::begin("the peer's read", move || read_up_to(&conn, 2))?;
    sent.within(bench.patience)??;
    same_octets(
        "what was written after close_read",
        &got.within(bench.patience)??,
        b"on",
    )
}

fn halves_of_closed(pair: &Pair, _bench: &Bench) -> Step {
    let [here, _there] = ends(pair)?;
    works("close", here.close())?;
    closed("close_write after close", here.close_write())?;
    closed("close_read after close", here.close_read())?;
    Ok(())
}
