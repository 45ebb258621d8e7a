//! Promises about octets that go to and fro, also from several threads at once.
//!
//! The first four and the last are those of Go's `nettest`; the others are points 8 and 10 of the
//! contract.

use std::sync::Arc;
use std::time::Duration;

use super::background::{Background, all_at_once, discard, echo, supply};
use super::kit::{Bench, Pair, Promise};
use super::say::{Step, breach, equal, pattern, same_octets, timed_out, works};
use crate::any_conn::Conn;
use crate::deadline::Deadline;
use crate::error::NetError;

/// See the module.
pub(super) const PROMISES: &[Promise] = &[
    Promise {
        name: "basic_io",
        source: "nettest BasicIO",
        text: "What one end writes, in one call, the other reads, octet for octet, and back again.",
        needs: &[],
        check: basic_io,
    },
    Promise {
        name: "ping_pong",
        source: "nettest PingPong",
        text: "Two ends that answer each other never miss a turn.",
        needs: &[],
        check: ping_pong,
    },
    Promise {
        name: "racy_read",
        source: "nettest RacyRead",
        text: "Reads and read deadlines may race: every call reads something or times out.",
        needs: &[],
        check: racy_read,
    },
    Promise {
        name: "racy_write",
        source: "nettest RacyWrite",
        text: "Writes and write deadlines may race: every call writes all or times out.",
        needs: &[],
        check: racy_write,
    },
    Promise {
        name: "full_duplex",
        source: "nettest BasicIO, both ways at once",
        text: "Both directions carry large transfers at the same time.",
        needs: &[],
        check: full_duplex,
    },
    Promise {
        name: "writes_are_whole",
        source: "point 8",
        text: "The octets of one write stay together, whoever else writes or moves deadlines.",
        needs: &[],
        check: writes_are_whole,
    },
    Promise {
        name: "reads_share",
        source: "point 8",
        text: "Several reads at once: each octet is read once.",
        needs: &[],
        check: reads_share,
    },
    Promise {
        name: "concurrent_methods",
        source: "nettest ConcurrentMethods",
        text: "All methods may be called at the same time.",
        needs: &[],
        check: concurrent_methods,
    },
];

/// Reads exactly `octets` octets, or up to the end of the stream.
pub(super) fn read_up_to(conn: &Arc<dyn Conn>, octets: usize) -> Step<Vec<u8>> {
    let mut got = vec![0; octets];
    let mut filled = 0;
    while filled < octets {
        let len = works("a read", conn.read(&mut got[filled..]))?;
        if len == 0 {
            break;
        }
        filled += len;
    }
    got.truncate(filled);
    Ok(got)
}

/// Writes all of `octets`, and has the call say so.
pub(super) fn write_all(conn: &Arc<dyn Conn>, octets: &[u8]) -> Step {
    let len = works("a write", conn.write(octets))?;
    equal("what a write returns", &len, &octets.len())
}

/// Reads `octets` octets in the background.
pub(super) fn reads(conn: &Arc<dyn Conn>, octets: usize) -> Step<Background<Step<Vec<u8>>>> {
    let conn = Arc::clone(conn);
    Background::begin("the reads of a transfer", move || read_up_to(&conn, octets))
}

/// Writes `octets` in the background.
pub(super) fn writes(conn: &Arc<dyn Conn>, octets: Vec<u8>) -> Step<Background<Step>> {
    let conn = Arc::clone(conn);
    Background::begin("the write of a transfer", move || write_all(&conn, &octets))
}

fn basic_io(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    let want = pattern(bench.octets, 1);
    let written = writes(&here, want.clone())?;
    let got = reads(&there, want.len())?.within(bench.patience)??;
    written.within(bench.patience)??;
    same_octets("the way there", &got, &want)?;
    let written = writes(&there, got)?;
    let got = reads(&here, want.len())?.within(bench.patience)??;
    written.within(bench.patience)??;
    same_octets("the way back", &got, &want)?;
    works("close", here.close())?;
    let end = reads(&there, 1)?.within(bench.patience)??;
    equal("what is read after the peer's close", &end, &Vec::new())
}

fn ping_pong(pair: &Pair, bench: &Bench) -> Step {
    const TURNS: u64 = 100;
    let (here, there) = pair.ends();
    let answer = |conn: Arc<dyn Conn>, first: u64| {
        Background::begin("one end of a ping-pong", move || {
            if first == 0 {
                write_all(&conn, &first.to_be_bytes())?;
            }
            loop {
                let got = read_up_to(&conn, 8)?;
                let Ok(number) = <[u8; 8]>::try_from(got.as_slice()).map(u64::from_be_bytes) else {
                    return breach("eight octets of a ball", format!("{} octets", got.len()));
                };
                if number >= TURNS {
                    return Ok(number);
                }
                write_all(&conn, &(number + 1).to_be_bytes())?;
                if number + 1 >= TURNS {
                    return Ok(number + 1);
                }
            }
        })
    };
    let (serves, returns) = (answer(here, 0)?, answer(there, 1)?);
    equal(
        "the last ball of who serves",
        &serves.within(bench.patience)??,
        &TURNS,
    )?;
    equal(
        "the last ball of who returns",
        &returns.within(bench.patience)??,
        &TURNS,
    )
}

fn racy_read(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    supply(&there)?;
    all_at_once("racing reads", 6, bench.patience, move |number| {
        let soon = Duration::from_micros(200 * (number as u64 + 1));
        works("set_read_deadline", here.set_read_deadline(soon.into()))?;
        for _ in 0..8 {
            match here.read(&mut [0; 1024]) {
                Ok(1..) => {}
                Ok(0) => return breach("octets or a timeout", "the end of the stream"),
                Err(error) => {
                    timed_out("a racing read", Err::<usize, _>(error))?;
                    works("set_read_deadline", here.set_read_deadline(soon.into()))?;
                }
            }
        }
        Ok(())
    })
}

fn racy_write(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    discard(&there)?;
    all_at_once("racing writes", 6, bench.patience, move |number| {
        let soon = Duration::from_micros(200 * (number as u64 + 1));
        works("set_write_deadline", here.set_write_deadline(soon.into()))?;
        for _ in 0..8 {
            match here.write(&[1; 1024]) {
                Ok(len) => equal("what a write returns", &len, &1024)?,
                Err(error) => {
                    timed_out("a racing write", Err::<usize, _>(error))?;
                    works("set_write_deadline", here.set_write_deadline(soon.into()))?;
                }
            }
        }
        Ok(())
    })
}

fn full_duplex(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    let (up, down) = (pattern(bench.octets, 2), pattern(bench.octets, 3));
    let calls = [writes(&here, up.clone())?, writes(&there, down.clone())?];
    let (got_up, got_down) = (reads(&there, up.len())?, reads(&here, down.len())?);
    same_octets("the way there", &got_up.within(bench.patience)??, &up)?;
    same_octets("the way back", &got_down.within(bench.patience)??, &down)?;
    calls
        .into_iter()
        .try_for_each(|call| call.within(bench.patience)?)
}

fn writes_are_whole(pair: &Pair, bench: &Bench) -> Step {
    const WRITERS: usize = 4;
    const CALLS: usize = 3;
    let (here, there) = pair.ends();
    let octets = bench.octets / (WRITERS * CALLS);
    let got = reads(&there, octets * WRITERS * CALLS)?;
    let far = Deadline::from(bench.patience);
    all_at_once("writes", WRITERS, bench.patience, move |number| {
        for _ in 0..CALLS {
            // Moving a deadline under the feet of the others changes nothing.
            works("set_write_deadline", here.set_write_deadline(far))?;
            write_all(&here, &vec![number as u8; octets])?;
        }
        Ok(())
    })?;
    let got = got.within(bench.patience)??;
    equal("octets read", &got.len(), &(octets * WRITERS * CALLS))?;
    let mixed = got
        .chunks(octets)
        .position(|call| call.iter().any(|octet| *octet != call[0]));
    match mixed {
        None => Ok(()),
        Some(at) => breach(
            "the octets of each write to stay together",
            format!("write {at} in the order of arrival is mixed with another"),
        ),
    }
}

fn reads_share(pair: &Pair, bench: &Bench) -> Step {
    let (here, there) = pair.ends();
    let octets: Vec<u8> = (0..bench.octets / 4).map(|n| (n % 256) as u8).collect();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let here = Arc::clone(&here);
            Background::begin("one of several readers", move || {
                let mut counts = [0_usize; 256];
                let mut buffer = [0; 700];
                loop {
                    let len = works("a read", here.read(&mut buffer))?;
                    if len == 0 {
                        return Ok(counts);
                    }
                    for octet in &buffer[..len] {
                        counts[usize::from(*octet)] += 1;
                    }
                }
            })
        })
        .collect::<Step<_>>()?;
    writes(&there, octets.clone())?.within(bench.patience)??;
    works("close", there.close())?;
    let mut sum = [0; 256];
    for reader in readers {
        let counts = reader.within(bench.patience)??;
        for (sum, count) in sum.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    let mut want = [0; 256];
    for octet in octets {
        want[usize::from(octet)] += 1;
    }
    if sum == want {
        return Ok(());
    }
    breach(
        "each octet to be read by one of the readers, once",
        format!(
            "{} of {} octets read",
            sum.iter().sum::<usize>(),
            want.iter().sum::<usize>()
        ),
    )
}

fn concurrent_methods(pair: &Pair, bench: &Bench) -> Step {
    const ROUNDS: usize = 15;
    let (here, there) = pair.ends();
    echo(&there)?;
    all_at_once("all methods at once", 7, bench.patience, move |number| {
        let soon = || Deadline::from(Duration::from_millis(5));
        for _ in 0..ROUNDS {
            match number {
                0 => may_time_out("read", here.read(&mut [0; 1024]).map(|_| ()))?,
                1 => may_time_out("write", here.write(&[7; 1024]).map(|_| ()))?,
                2 => works("set_deadline", here.set_deadline(soon()))?,
                3 => works("set_read_deadline", here.set_read_deadline(soon()))?,
                4 => works("set_write_deadline", here.set_write_deadline(soon()))?,
                5 => drop(here.local_addr()),
                _ => drop(here.remote_addr()),
            }
        }
        // A read must not outlast the last who sets its deadline.
        match number {
            2..=4 => works("set_deadline", here.set_deadline(soon())),
            _ => Ok(()),
        }
    })
}

fn may_time_out(what: &str, result: Result<(), crate::OpError>) -> Step {
    match result {
        Err(error) if error.timeout() => Ok(()),
        other => works(what, other),
    }
}
