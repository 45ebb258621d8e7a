//! 500 connections at once: all are open before any of them is used.
//!
//! The server echoes, each client says something of its own, and nobody gets what is another's.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use sidestep::{AnyConn, Deadline, OpError};

use super::check::Unmet;
use super::pair::Pair;
use crate::octets::Pattern;
use crate::serve::{Server, Service};

/// How many at once.
const CONNECTIONS: usize = 500;
/// What each of them says.
const OCTETS: u64 = 1_000;
/// How long each step may take.
const TIME_MAX: Duration = Duration::from_secs(10);
/// A client's thread keeps nothing on its stack.
const THREAD_STACK_OCTETS: usize = 256 * 1024;

/// Opens all, uses all, closes all.
pub(super) fn at_once(pair: &Pair) -> Result<String, Unmet> {
    let listener = pair
        .server
        .net
        .listen(pair.family.tcp(), &pair.server_at(0))?;
    let address = listener.addr().to_string();
    let server = Server::new(Service::Echo, CONNECTIONS + 1);
    thread::scope(|scope| {
        let serving = scope.spawn(|| server.run(&listener));
        let outcome = clients(pair, &address);
        listener.close()?;
        serving
            .join()
            .map_err(|_| Unmet::found("a server", "a panic"))??;
        outcome
    })
}

fn clients(pair: &Pair, address: &str) -> Result<String, Unmet> {
    let began_at = Instant::now();
    let all_open = Arc::new(Barrier::new(CONNECTIONS));
    let outcomes = thread::scope(|scope| {
        let mut threads = Vec::with_capacity(CONNECTIONS);
        for seed in 0..CONNECTIONS {
            let all_open = Arc::clone(&all_open);
            threads.push(
                thread::Builder::new()
                    .stack_size(THREAD_STACK_OCTETS)
                    .spawn_scoped(scope, move || one_client(pair, address, seed, &all_open)),
            );
        }
        threads
            .into_iter()
            .map(|thread| match thread?.join() {
                Ok(outcome) => outcome,
                Err(_) => Err(Unmet::found("a client", "a panic")),
            })
            .collect::<Vec<Result<(), Unmet>>>()
    });
    let failed: Vec<Unmet> = outcomes.into_iter().filter_map(Result::err).collect();
    match failed.first() {
        None => Ok(format!(
            "{CONNECTIONS} open at one time, all used and closed in {} ms",
            began_at.elapsed().as_millis()
        )),
        Some(first) => Err(Unmet::found(
            "500 connections",
            format_args!("{} failed, the first: {first}", failed.len()),
        )),
    }
}

fn one_client(pair: &Pair, address: &str, seed: usize, all_open: &Barrier) -> Result<(), Unmet> {
    let dialed = pair
        .client
        .net
        .dial_timeout(pair.family.tcp(), address, TIME_MAX);
    // Also who failed must come here, or the others would wait for ever.
    all_open.wait();
    let conn = dialed?;
    let said = Pattern::new(seed as u64, OCTETS).to_vec();
    let heard = exchange(&conn, &said)?;
    conn.close()?;
    if heard == said {
        Ok(())
    } else {
        Err(Unmet::found("what was said", "something else"))
    }
}

fn exchange(conn: &AnyConn, said: &[u8]) -> Result<Vec<u8>, OpError> {
    conn.set_deadline(Deadline::from(TIME_MAX))?;
    conn.write(said)?;
    let mut heard = vec![0; said.len()];
    let mut at = 0;
    while at < heard.len() {
        let octets = conn.read(heard.get_mut(at..).unwrap_or_default())?;
        if octets == 0 {
            break;
        }
        at += octets;
    }
    heard.truncate(at);
    Ok(heard)
}
