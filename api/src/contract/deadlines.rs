//! Promises about deadlines: absolute, sticky, for blocked calls too, and harmless to the stream.
//!
//! Six are those of Go's `nettest`; the others are points 4 to 7 of the contract.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::background::{Background, discard, echo};
use super::exchange::{read_up_to, reads, write_all, writes};
use super::kit::{Ability, Bench, Pair, Promise};
use super::say::{
    Step, breach, closed, equal, holds, pattern, same_octets, timed_out, took, works,
};
use crate::OpError;
use crate::any_conn::Conn;
use crate::deadline::Deadline;

/// See the module.
pub(super) const PROMISES: &[Promise] = &[
    Promise {
        name: "read_timeout",
        source: "nettest ReadTimeout",
        text: "A read deadline in the past fails reads, and not writes.",
        needs: &[],
        check: read_timeout,
    },
    Promise {
        name: "write_timeout",
        source: "nettest WriteTimeout",
        text: "A write deadline in the past fails writes, and not reads.",
        needs: &[],
        check: write_timeout,
    },
    Promise {
        name: "past_timeout",
        source: "nettest PastTimeout, point 4",
        text: "A deadline in the past fails at once, moves nothing, and can be lifted.",
        needs: &[],
        check: past_timeout,
    },
    Promise {
        name: "present_timeout",
        source: "nettest PresentTimeout, point 4",
        text: "A deadline that is set to the past wakes calls that are blocked already.",
        needs: &[],
        check: present_timeout,
    },
    Promise {
        name: "future_timeout",
        source: "nettest FutureTimeout, point 4",
        text: "A deadline in the future wakes blocked calls in time, and leaves the stream whole.",
        needs: &[],
        check: future_timeout,
    },
    Promise {
        name: "close_timeout",
        source: "nettest CloseTimeout, point 2",
        text: "Close wakes blocked calls that have a deadline far away.",
        needs: &[],
        check: close_timeout,
    },
    Promise {
        name: "deadlines_stay_and_move",
        source: "point 4",
        text: "A deadline stays until it is changed; moved, it holds from then on for who is blocked.",
        needs: &[],
        check: deadlines_stay_and_move,
    },
    Promise {
        name: "zero_octets",
        source: "point 5",
        text: "No octets are read at once, even past the deadline; written past it, they time out.",
        needs: &[Ability::ZeroOctets],
        check: zero_octets,
    },
    Promise {
        name: "deadline_before_data",
        source: "point 6",
        text: "A read past its deadline fails even if octets wait, and they go on waiting.",
        needs: &[],
        check: deadline_before_data,
    },
    Promise {
        name: "partial_write",
        source: "point 7",
        text: "A write that times out says how much was taken, and exactly that arrives.",
        needs: &[],
        check: partial_write,
    },
];

/// More than any buffers between the two ends hold together.
pub(super) const TOO_MUCH: usize = 48 << 20;

/// There and back again, with no deadline.
fn round_trip(here: &Arc<dyn Conn>, bench: &Bench) -> Step {
    works("set_deadline", here.set_deadline(Deadline::NONE))?;
    let want = pattern(700, 9);
    let written = writes(here, want.clone())?;
    let got = reads(here, want.len())?.within(bench.patience)??;
    written.within(bench.patience)??;
    same_octets("a round trip", &got, &want)
}

/// A read that blocks.
pub(super) fn blocked_read(
    conn: &Arc<dyn Conn>,
) -> Step<Background<(Result<usize, OpError>, Instant)>> {
    let conn = Arc::clone(conn);
    Background::begin("a blocked read", move || {
        let result = conn.read(&mut [0; 1024]);
        (result, Instant::now())
    })
}

/// A write that blocks once all buffers are full, unless somebody reads.
pub(super) fn blocked_write(
    conn: &Arc<dyn Conn>,
) -> Step<Background<(Result<usize, OpError>, Instant)>> {
    let conn = Arc::clone(conn);
    Background::begin("a blocked write", move || {
        let result = conn.write(&vec![0; TOO_MUCH]);
        (result, Instant::now())
    })
}

fn read_timeout(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    discard(&there)?;
    let past = Deadline::past();
    works("set_read_deadline", here.set_read_deadline(past))?;
    let (read, _) = blocked_read(&here)?.within(bench.late)?;
    timed_out("a read past its deadline", read)?;
    writes(&here, vec![1; 1024])?.within(bench.patience)?
}

fn write_timeout(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    let sent = writes(&there, vec![1; 1024])?;
    let past = Deadline::past();
    works("set_write_deadline", here.set_write_deadline(past))?;
    let (written, _) = blocked_write(&here)?.within(bench.late)?;
    let error = timed_out("a write past its deadline", written)?;
    equal("what it has taken", &error.written(), &0)?;
    let got = reads(&here, 1024)?.within(bench.patience)??;
    equal("octets read", &got.len(), &1024)?;
    sent.within(bench.patience)?
}

fn past_timeout(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    echo(&there)?;
    round_trip(&here, bench)?;
    works("set_deadline", here.set_deadline(Deadline::past()))?;
    let (written, _) = blocked_write(&here)?.within(bench.late)?;
    let error = timed_out("a write past its deadline", written)?;
    equal("what it has taken", &error.written(), &0)?;
    let (read, _) = blocked_read(&here)?.within(bench.late)?;
    timed_out("a read past its deadline", read)?;
    round_trip(&here, bench)
}

fn present_timeout(pair: &Pair, bench: &Bench) -> Step {
    let (here, _there) = pair.ends();
    let (read, write) = (blocked_read(&here)?, blocked_write(&here)?);
    thread::sleep(bench.moment);
    holds(
        "calls without a deadline to go on waiting",
        read.now().is_none() && write.now().is_none(),
    )?;
    works(
        "set_read_deadline",
        here.set_read_deadline(Deadline::past()),
    )?;
    let (result, _) = read.within(bench.late)?;
    timed_out("a read that was blocked", result)?;
    holds(
        "a read deadline to leave a blocked write alone",
        write.now().is_none(),
    )?;
    works(
        "set_write_deadline",
        here.set_write_deadline(Deadline::past()),
    )?;
    let (result, _) = write.within(bench.late)?;
    timed_out("a write that was blocked", result)?;
    Ok(())
}

fn future_timeout(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    let ahead = bench.moment * 4;
    let began = Instant::now();
    works("set_deadline", here.set_deadline((began + ahead).into()))?;
    let (read, write) = (blocked_read(&here)?, blocked_write(&here)?);
    let limit = ahead + bench.late;
    let (result, _) = read.within(limit)?;
    took("a read to time out", began, ahead, bench.late)?;
    timed_out("a read with a deadline", result)?;
    let (result, _) = write.within(limit)?;
    let taken = timed_out("a write with a deadline", result)?.written();
    // What was taken arrives; after it, the connection is as good as new.
    let skip = Arc::clone(&there);
    let skipped = Background::begin("the reads of what was taken", move || {
        read_up_to(&skip, taken)
    })?;
    let got = skipped.within(bench.patience)??;
    equal("octets that arrive", &got.len(), &taken)?;
    echo(&there)?;
    round_trip(&here, bench)
}

fn close_timeout(pair: &Pair, bench: &Bench) -> Step {
    let (here, _there) = pair.ends();
    let far = Deadline::from(bench.patience * 10);
    works("set_deadline", here.set_deadline(far))?;
    let (read, write) = (blocked_read(&here)?, blocked_write(&here)?);
    thread::sleep(bench.moment);
    works("close", here.close())?;
    let (result, _) = read.within(bench.late)?;
    closed("a read that was blocked", result)?;
    let (result, _) = write.within(bench.late)?;
    closed("a write that was blocked", result)?;
    Ok(())
}

fn deadlines_stay_and_move(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    // It stays.
    works(
        "set_read_deadline",
        here.set_read_deadline(Deadline::past()),
    )?;
    for _ in 0..3 {
        let (result, _) = blocked_read(&here)?.within(bench.late)?;
        timed_out("every read past the deadline", result)?;
    }
    // Moved away, it does not fire at its old time.
    let ahead = bench.moment * 2;
    let began = Instant::now();
    works(
        "set_read_deadline",
        here.set_read_deadline((began + ahead).into()),
    )?;
    let read = blocked_read(&here)?;
    works(
        "set_read_deadline",
        here.set_read_deadline((began + ahead * 3).into()),
    )?;
    let (result, _) = read.within(ahead * 3 + bench.late)?;
    // A thread that was held up for so long may have met the first one.
    timed_out("a read whose deadline was moved", result)?;
    took(
        "a deadline that was moved",
        began,
        ahead,
        bench.late + ahead * 2,
    )?;
    // Lifted, the read gets what comes.
    works("set_read_deadline", here.set_read_deadline(Deadline::NONE))?;
    let read = blocked_read(&here)?;
    writes(&there, vec![1; 3])?.within(bench.patience)??;
    let (result, _) = read.within(bench.patience)?;
    let len = works("a read whose deadline was lifted", result)?;
    holds("a read to get octets", len > 0)
}

fn zero_octets(pair: &Pair, bench: &Bench) -> Step {
    let (here, _there) = pair.ends();
    bench.awaits("calls with no octets to return at once");
    equal("a read of nothing", &works("it", here.read(&mut []))?, &0)?;
    equal("a write of nothing", &works("it", here.write(&[]))?, &0)?;
    works("set_deadline", here.set_deadline(Deadline::past()))?;
    let len = works("a read of nothing past its deadline", here.read(&mut []))?;
    equal("a read of nothing", &len, &0)?;
    timed_out("a write of nothing past its deadline", here.write(&[]))?;
    Ok(())
}

fn deadline_before_data(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    let written = writes(&there, b"data".to_vec())?;
    // One octet of it has come, so the others are here as well.
    let first = reads(&here, 1)?.within(bench.patience)??;
    works(
        "set_read_deadline",
        here.set_read_deadline(Deadline::past()),
    )?;
    for _ in 0..2 {
        let (result, _) = blocked_read(&here)?.within(bench.late)?;
        timed_out("a read past its deadline, though octets wait", result)?;
    }
    works("set_read_deadline", here.set_read_deadline(Deadline::NONE))?;
    let rest = reads(&here, 3)?.within(bench.patience)??;
    written.within(bench.patience)??;
    same_octets("what has waited", &[first, rest].concat(), b"data")
}

fn partial_write(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    let want = Arc::new(pattern(TOO_MUCH / 4, 4));
    let ahead = bench.moment * 10;
    let writer = Arc::clone(&here);
    let octets = Arc::clone(&want);
    let write = Background::begin("a write with a deadline", move || {
        // More than fits, though less than in other promises: it is compared.
        writer.write(&octets[..])
    })?;
    // Some of it is read, so that some was taken even where nothing is kept.
    let some = reads(&there, 5)?.within(bench.patience)??;
    works("set_write_deadline", here.set_write_deadline(ahead.into()))?;
    let result = write.within(ahead + bench.late)?;
    let taken = timed_out("a write that cannot end", result)?.written();
    if taken < some.len() || taken >= want.len() {
        return breach(
            format!("written() to say between {} and {}", some.len(), want.len()),
            taken.to_string(),
        );
    }
    works(
        "set_write_deadline",
        here.set_write_deadline(Deadline::NONE),
    )?;
    let after = Arc::clone(&here);
    let last = Background::begin("a write after the timeout", move || write_all(&after, b"!"))?;
    let rest = reads(&there, taken - some.len() + 1)?.within(bench.patience)??;
    last.within(bench.patience)??;
    let got = [some, rest].concat();
    let want = [&want[..taken], b"!"].concat();
    same_octets("what was taken, and what was written next", &got, &want)?;
    // Nothing else follows.
    let soon = Duration::from_millis(2);
    works("set_read_deadline", there.set_read_deadline(soon.into()))?;
    timed_out("a read after all was read", there.read(&mut [0]))?;
    Ok(())
}
