//! Promises of TCP between two networks: resets, options, addresses and texts of errors.

use std::sync::Arc;
use std::time::Duration;

use super::background::Background;
use super::closing::await_reset;
use super::exchange::{read_up_to, write_all};
use super::kit::{Bench, Promise};
use super::nets::Nets;
use super::say::{Step, closed, equal, errno, holds, pattern, same_octets, works};
use crate::any_conn::Conn;
use crate::error::Errno;

/// See the module.
pub(super) const PROMISES: &[Promise<Nets>] = &[
    Promise {
        name: "linger_zero_resets",
        source: "point 2",
        text: "With linger 0, `close` drops what was not sent and resets the peer.",
        needs: &[],
        check: linger_zero_resets,
    },
    Promise {
        name: "after_a_reset",
        source: "point 11",
        text: "After a reset: ECONNRESET once, then reads end, writes give EPIPE, close succeeds.",
        needs: &[],
        check: after_a_reset,
    },
    Promise {
        name: "addresses_match",
        source: "point 9, §1.3",
        text: "Each end's local address is the other's remote one; errors name both, in Go's form.",
        needs: &[],
        check: addresses_match,
    },
    Promise {
        name: "options_can_be_set",
        source: "point 14",
        text: "Every option can be set while the connection is open, and none after `close`.",
        needs: &[],
        check: options_can_be_set,
    },
    Promise {
        name: "dropping_closes",
        source: "Rust: the last handle is the connection",
        text: "Dropping the last handle closes: what was written arrives, then the end.",
        needs: &[],
        check: dropping_closes,
    },
];

fn linger_zero_resets(nets: &Nets, bench: &Bench) -> Step {
    let (here, there) = nets.pair(bench)?;
    works("set_linger", here.set_linger(Some(Duration::ZERO)))?;
    works("close", here.close())?;
    let there: Arc<dyn Conn> = Arc::new(there);
    await_reset(&there, bench)
}

fn after_a_reset(nets: &Nets, bench: &Bench) -> Step {
    let (here, there) = nets.pair(bench)?;
    works("set_linger", there.set_linger(Some(Duration::ZERO)))?;
    works("close", there.close())?;
    let conn: Arc<dyn Conn> = Arc::new(here.clone());
    await_reset(&conn, bench)?;
    for _ in 0..2 {
        equal("a read after it", &works("it", here.read(&mut [0]))?, &0)?;
        errno("a write after it", Errno::EPIPE, here.write(b"x"))?;
        errno("close_write after it", Errno::ENOTCONN, here.close_write())?;
    }
    works("close", here.close())
}

fn addresses_match(nets: &Nets, bench: &Bench) -> Step {
    let (here, there) = nets.pair(bench)?;
    let (local, remote) = (here.local_addr().clone(), here.remote_addr().clone());
    equal("the peer's local address", there.local_addr(), &remote)?;
    equal("the peer's remote address", there.remote_addr(), &local)?;
    works("close", here.close())?;
    let error = closed("a read", here.read(&mut [0]))?;
    let network = error.net().to_owned();
    equal(
        "the text of its error",
        &error.to_string(),
        &format!("read {network} {local}->{remote}: use of closed network connection"),
    )
}

fn options_can_be_set(nets: &Nets, bench: &Bench) -> Step {
    let (here, there) = nets.pair(bench)?;
    for conn in [&here, &there] {
        for on in [false, true] {
            works("set_nodelay", conn.set_nodelay(on))?;
            works("set_keep_alive", conn.set_keep_alive(on))?;
        }
        works("set_linger", conn.set_linger(Some(Duration::from_secs(1))))?;
        works("set_linger", conn.set_linger(None))?;
        works("set_read_buffer", conn.set_read_buffer(128 * 1024))?;
        works("set_write_buffer", conn.set_write_buffer(128 * 1024))?;
    }
    let to: Arc<dyn Conn> = Arc::new(here.clone());
    write_all(&to, b"as good as ever")?;
    let from: Arc<dyn Conn> = Arc::new(there.clone());
    same_octets(
        "what is written then",
        &read_up_to(&from, 15)?,
        b"as good as ever",
    )?;
    works("close", here.close())?;
    closed("set_nodelay after close", here.set_nodelay(true))?;
    closed("set_keep_alive after close", here.set_keep_alive(true))?;
    closed("set_linger after close", here.set_linger(None))?;
    closed(
        "set_read_buffer after close",
        here.set_read_buffer(128 * 1024),
    )?;
    Ok(())
}

fn dropping_closes(nets: &Nets, bench: &Bench) -> Step {
    let (here, there) = nets.pair(bench)?;
    let want = pattern(bench.octets / 8, 7);
    let octets = want.clone();
    let writer = Background::begin("a write and a drop", move || {
        let clone = here.clone();
        drop(here);
        works("a write to a clone", clone.write(&octets))
    })?;
    let from: Arc<dyn Conn> = Arc::new(there);
    let got = read_up_to(&from, want.len() + 1)?;
    holds(
        "a write to succeed while a clone lives",
        writer.within(bench.patience)?? == want.len(),
    )?;
    same_octets("what was written before the drop", &got, &want)
}
