//! Promises about `close`, and about what the peer sees of it: points 1 to 3, 9 and 10.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::background::Background;
use super::deadlines::{TOO_MUCH, blocked_read, blocked_write};
use super::exchange::{read_up_to, reads, writes};
use super::kit::{Ability, Bench, Pair, Promise};
use super::say::{Step, breach, closed, equal, pattern, same_octets, took, works};
use crate::any_conn::Conn;
use crate::deadline::Deadline;
use crate::error::{Errno, NetError, Op};

/// See the module.
pub(super) const PROMISES: &[Promise] = &[
    Promise {
        name: "second_close_fails",
        source: "point 1",
        text: "Closing twice fails the second time, with `Closed` and op `close`.",
        needs: &[Ability::SecondCloseFails],
        check: second_close_fails,
    },
    Promise {
        name: "closed_is_closed",
        source: "point 1",
        text: "After `close`, reads, writes and deadlines fail with `Closed`.",
        needs: &[],
        check: closed_is_closed,
    },
    Promise {
        name: "close_wakes",
        source: "point 2",
        text: "Close wakes every blocked call with `Closed`, and does not wait for the peer.",
        needs: &[],
        check: close_wakes,
    },
    Promise {
        name: "closed_write_says_how_much",
        source: "points 2 and 7",
        text: "A write that is cut short by `close` says how much was taken.",
        needs: &[Ability::Buffer],
        check: closed_write_says_how_much,
    },
    Promise {
        name: "close_delivers",
        source: "point 2",
        text: "What was written before `close` arrives, then the end of the stream.",
        needs: &[],
        check: close_delivers,
    },
    Promise {
        name: "unread_resets",
        source: "point 3",
        text: "Closing with octets unread resets the peer.",
        needs: &[Ability::UnreadResets, Ability::Buffer],
        check: unread_resets,
    },
    Promise {
        name: "addresses_outlive_close",
        source: "point 9",
        text: "Both addresses are the same after `close` as before.",
        needs: &[],
        check: addresses_outlive_close,
    },
    Promise {
        name: "end_of_stream_stays",
        source: "point 10",
        text: "After the peer's end, reads drain and then give 0 for ever.",
        needs: &[],
        check: end_of_stream_stays,
    },
    Promise {
        name: "peer_gone_fails_writes",
        source: "point 11",
        text: "Writing to a peer that has closed fails soon, and never blocks for ever.",
        needs: &[],
        check: peer_gone_fails_writes,
    },
];

fn second_close_fails(pair: &Pair, _bench: &Bench) -> Step {
    let (here, _there) = pair.ends();
    works("close", here.close())?;
    for _ in 0..2 {
        let error = closed("closing again", here.close())?;
        equal("the op of its error", &error.op(), &Op::Close)?;
    }
    Ok(())
}

fn closed_is_closed(pair: &Pair, bench: &Bench) -> Step {
    let (here, _there) = pair.ends();
    works("close", here.close())?;
    let (result, _) = blocked_read(&here)?.within(bench.late)?;
    let error = closed("a read after close", result)?;
    equal("the op of its error", &error.op(), &Op::Read)?;
    let (result, _) = blocked_write(&here)?.within(bench.late)?;
    let error = closed("a write after close", result)?;
    equal("the op of its error", &error.op(), &Op::Write)?;
    closed(
        "set_deadline after close",
        here.set_deadline(Deadline::NONE),
    )?;
    closed(
        "set_read_deadline after close",
        here.set_read_deadline(Deadline::past()),
    )?;
    closed(
        "set_write_deadline after close",
        here.set_write_deadline(Deadline::past()),
    )?;
    Ok(())
}

fn close_wakes(pair: &Pair, bench: &Bench) -> Step {
    let (here, _there) = pair.ends();
    let readers = [blocked_read(&here)?, blocked_read(&here)?];
    let writers = [blocked_write(&here)?, blocked_write(&here)?];
    thread::sleep(bench.moment);
    let began = Instant::now();
    works("close", here.close())?;
    took("close to return", began, Duration::ZERO, bench.late)?;
    for reader in readers {
        let (result, _) = reader.within(bench.late)?;
        closed("a read that was blocked", result)?;
    }
    for writer in writers {
        let (result, _) = writer.within(bench.late)?;
        closed("a write that was blocked", result)?;
    }
    Ok(())
}

fn closed_write_says_how_much(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    let write = blocked_write(&here)?;
    // Something of it has arrived, so something was taken.
    reads(&there, 1)?.within(bench.patience)??;
    works("close", here.close())?;
    let (result, _) = write.within(bench.late)?;
    let taken = closed("a write that was blocked", result)?.written();
    if taken > 0 && taken < TOO_MUCH {
        return Ok(());
    }
    breach(
        format!("written() to say between 1 and {}", TOO_MUCH - 1),
        taken.to_string(),
    )
}

fn close_delivers(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    let want = pattern(bench.octets / 4, 5);
    let octets = want.clone();
    let writer = Background::begin("a write and a close", move || {
        works("a write", here.write(&octets))?;
        works("close", here.close())
    })?;
    let got = reads(&there, want.len() + 1)?.within(bench.patience)??;
    writer.within(bench.patience)??;
    same_octets("what was written before close", &got, &want)
}

/// Waits until the connection is reset. A RST may be lost, so the peer is asked again and again.
pub(super) fn await_reset(conn: &Arc<dyn Conn>, bench: &Bench) -> Step {
    let conn = Arc::clone(conn);
    let patience = bench.patience;
    let waiting = Background::begin("a wait for the reset", move || {
        let began = Instant::now();
        while began.elapsed() < patience {
            let soon = Deadline::from(Duration::from_millis(100));
            works("set_read_deadline", conn.set_read_deadline(soon))?;
            let result = match conn.read(&mut [0; 64]) {
                Err(error) if error.timeout() && error.errno().is_none() => conn.write(b"?"),
                other => other,
            };
            match result {
                Err(error) if error.errno() == Some(Errno::ECONNRESET) => {
                    return works("lifting it", conn.set_read_deadline(Deadline::NONE));
                }
                Err(error) => return breach("ECONNRESET", error.to_string()),
                Ok(0) => return breach("ECONNRESET", "the end of the stream"),
                Ok(_) => {}
            }
        }
        breach("ECONNRESET", "nothing")
    })?;
    waiting.within(bench.patience + bench.late)?
}

fn unread_resets(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    writes(&there, b"will be read".to_vec())?.within(bench.patience)??;
    let some = reads(&here, 4)?.within(bench.patience)??;
    same_octets("what was read", &some, b"will")?;
    works("close", here.close())?;
    await_reset(&there, bench)
}

fn addresses_outlive_close(pair: &Pair, _bench: &Bench) -> Step {
    let (here, _there) = pair.ends();
    let before = (here.local_addr(), here.remote_addr());
    works("close", here.close())?;
    equal(
        "the addresses after close",
        &(here.local_addr(), here.remote_addr()),
        &before,
    )
}

fn end_of_stream_stays(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    let last = Background::begin("the last words", move || {
        works("a write", there.write(b"last words"))?;
        works("close", there.close())
    })?;
    let got = reads(&here, 10)?.within(bench.patience)??;
    same_octets("the last words", &got, b"last words")?;
    last.within(bench.patience)??;
    let conn = Arc::clone(&here);
    let ends = Background::begin("reads after the end", move || {
        (0..3).try_for_each(|_| {
            let more = read_up_to(&conn, 1)?;
            equal("what is read after the end", &more, &Vec::new())
        })
    })?;
    ends.within(bench.patience)?
}

fn peer_gone_fails_writes(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    works("close", there.close())?;
    let conn = Arc::clone(&here);
    let patience = bench.patience;
    let writer = Background::begin("writes to a peer that is gone", move || {
        let began = Instant::now();
        while began.elapsed() < patience {
            match conn.write(&[1; 64]) {
                Ok(_) => thread::sleep(Duration::from_millis(1)),
                Err(error) if error.timeout() => {
                    return breach("a failed write", error.to_string());
                }
                Err(_) => return Ok(()),
            }
        }
        breach("a failed write", "only successes")
    })?;
    writer.within(bench.patience + bench.late)?
}
