//! The kit can fail: connections that break one promise each are caught, by that promise's name.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use sidestep::contract::{HalfClose, Kit, Outcome, Pair, Report};
use sidestep::{Conn, Deadline, NetAddr, OpError, TCPConn};

use crate::runs::{Run, Scheduler};
use crate::worlds::{SERVER_V4, perfect, tcp_pair};

/// What is wrong with a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    /// Deadlines are taken and forgotten.
    IgnoresDeadlines,
    /// A write is handed over in two halves, between which others may come.
    SplitsWrites,
    /// `close` closes, but whoever is blocked stays so.
    LosesCloseWakeUps,
    /// One octet in a large transfer is another one.
    ChangesAnOctet,
    /// Octets read before the deadline was looked at.
    ReadsPastDeadlines,
    /// The second `close` succeeds.
    ClosesTwice,
    /// A write that failed says that nothing was taken.
    ForgetsWhatWasWritten,
    /// After `close` the addresses are gone.
    ForgetsItsAddress,
    /// `close_write` ends both directions.
    ClosesBothHalves,
}

/// A connection with a fault.
#[derive(Debug)]
struct Faulty {
    conn: TCPConn,
    fault: Fault,
    closed: AtomicBool,
    read: AtomicU64,
    /// Those who wait for a wake-up that is lost wait here, until the test has ended.
    lost: Arc<Lost>,
}

#[derive(Debug, Default)]
struct Lost {
    over: Mutex<bool>,
    told: Condvar,
}

impl Lost {
    fn wait(&self) {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        while !*over {
            over = self.told.wait(over).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn end(&self) {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }
}

impl Faulty {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn set(
        &self,
        deadline: Deadline,
        set: impl FnOnce(&TCPConn, Deadline) -> Result<(), OpError>,
    ) -> Result<(), OpError> {
        if self.is(Fault::IgnoresDeadlines) {
            return set(&self.conn, Deadline::NONE);
        }
        set(&self.conn, deadline)
    }

    fn may_be_lost<T>(&self, result: Result<T, OpError>) -> Result<T, OpError> {
        if self.is(Fault::LosesCloseWakeUps) && result.as_ref().is_err_and(OpError::is_closed) {
            self.lost.wait();
        }
        result
    }
}

impl Conn for Faulty {
    fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        if self.is(Fault::ReadsPastDeadlines) {
            let error = match self.conn.read(octets) {
                Err(error) if error.errno().is_none() && !error.is_closed() => error,
                other => return other,
            };
            self.conn.set_read_deadline(Duration::from_millis(20))?;
            let again = self.conn.read(octets);
            self.conn.set_read_deadline(Deadline::past())?;
            return again.map_err(|_| error);
        }
        let len = self.may_be_lost(self.conn.read(octets))?;
        let before = self.read.fetch_add(len as u64, Ordering::Relaxed);
        let changed = 50_000_u64.checked_sub(before).map(|at| at as usize);
        if let Some(octet) = changed.and_then(|at| octets[..len].get_mut(at))
            && self.is(Fault::ChangesAnOctet)
        {
            *octet ^= 1;
        }
        Ok(len)
    }

    fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        if self.is(Fault::SplitsWrites) {
            let (first, second) = octets.split_at(octets.len() / 2);
            let len = self.conn.write(first)?;
            std::thread::sleep(Duration::from_millis(2));
            return Ok(len + self.conn.write(second)?);
        }
        let result = self.may_be_lost(self.conn.write(octets));
        if self.is(Fault::ForgetsWhatWasWritten) {
            return result.map_err(|error| error.with_written(0));
        }
        result
    }

    fn close(&self) -> Result<(), OpError> {
        if self.closed.swap(true, Ordering::SeqCst) && self.is(Fault::ClosesTwice) {
            return Ok(());
        }
        self.conn.close()
    }

    fn local_addr(&self) -> NetAddr {
        if self.is(Fault::ForgetsItsAddress) && self.closed.load(Ordering::SeqCst) {
            return NetAddr::TCP(sidestep::TCPAddr::default());
        }
        Conn::local_addr(&self.conn)
    }

    fn remote_addr(&self) -> Option<NetAddr> {
        Conn::remote_addr(&self.conn)
    }

    fn set_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        self.set(deadline, |conn, deadline| conn.set_deadline(deadline))
    }

    fn set_read_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        self.set(deadline, |conn, deadline| conn.set_read_deadline(deadline))
    }

    fn set_write_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        self.set(deadline, |conn, deadline| conn.set_write_deadline(deadline))
    }
}

impl HalfClose for Faulty {
    fn close_write(&self) -> Result<(), OpError> {
        self.conn.close_write()?;
        if self.is(Fault::ClosesBothHalves) {
            self.conn.close_read()?;
        }
        Ok(())
    }

    fn close_read(&self) -> Result<(), OpError> {
        self.conn.close_read()
    }
}

/// Asks for one promise of pairs with this fault.
fn ask(fault: Fault, promise: &str) -> Report {
    let nets = perfect(SERVER_V4);
    let kit = Kit::new()
        .only(promise)
        .late(Duration::from_millis(300))
        .patience(Duration::from_secs(2));
    kit.conn(|| {
        let listener = nets.server.listen_tcp("tcp", None)?;
        let to = format!("{SERVER_V4}:{}", listener.addr().port).parse()?;
        let dialled = nets.client.dial_tcp("tcp", None, &to)?;
        let lost = Arc::new(Lost::default());
        let faulty = |conn| Faulty {
            conn,
            fault,
            closed: AtomicBool::new(false),
            read: AtomicU64::new(0),
            lost: Arc::clone(&lost),
        };
        let pair = Pair::with_half_close(faulty(dialled), faulty(listener.accept_tcp()?));
        let over = Arc::clone(&lost);
        Ok(pair.stop_with(move || over.end()))
    })
}

/// The promise is broken, and the breach says this.
#[track_caller]
fn caught(fault: Fault, promise: &str, words: &str) {
    let report = ask(fault, promise);
    match report.outcome(promise) {
        Some(Outcome::Broken(breach)) => {
            let text = breach.to_string();
            assert!(text.contains(words), "{fault:?}, {promise}: {text}");
        }
        other => panic!("{fault:?}, {promise}: {other:?}"),
    }
}

#[test]
fn a_connection_that_ignores_deadlines_is_caught() {
    for promise in ["read_timeout", "future_timeout", "present_timeout"] {
        caught(Fault::IgnoresDeadlines, promise, "still blocked");
    }
}

#[test]
fn a_connection_that_splits_writes_is_caught() {
    caught(
        Fault::SplitsWrites,
        "writes_are_whole",
        "mixed with another",
    );
}

#[test]
fn a_connection_that_loses_the_wake_up_of_close_is_caught() {
    caught(Fault::LosesCloseWakeUps, "close_wakes", "still blocked");
    caught(Fault::LosesCloseWakeUps, "close_timeout", "still blocked");
}

#[test]
fn a_connection_that_changes_an_octet_is_caught() {
    caught(Fault::ChangesAnOctet, "basic_io", "octet 50000 differs");
}

#[test]
fn a_connection_that_reads_past_its_deadline_is_caught() {
    caught(Fault::ReadsPastDeadlines, "deadline_before_data", "timeout");
}

#[test]
fn a_connection_that_closes_twice_is_caught() {
    caught(Fault::ClosesTwice, "second_close_fails", "closing again");
}

#[test]
fn a_connection_that_forgets_what_was_written_is_caught() {
    caught(Fault::ForgetsWhatWasWritten, "partial_write", "written()");
}

#[test]
fn a_connection_that_forgets_its_address_is_caught() {
    let fault = Fault::ForgetsItsAddress;
    caught(fault, "addresses_outlive_close", "addresses after close");
}

#[test]
fn a_connection_that_closes_both_halves_is_caught() {
    caught(Fault::ClosesBothHalves, "close_write_ends", "");
}

#[test]
fn a_pair_that_cannot_be_made_is_a_broken_promise_and_no_panic() {
    let report = Kit::new().conn(|| Err("no network today".into()));
    assert!(!report.is_kept());
    assert_eq!(report.broken().count(), report.entries().count());
    assert!(report.to_string().contains("no network today"));
}

#[test]
fn what_is_lacking_is_skipped_and_said() {
    let nets = perfect(SERVER_V4);
    let run = Run {
        seed: 1,
        scheduler: Scheduler::Plain,
    };
    let ability = sidestep::contract::Ability::ZeroOctets;
    let report = Kit::new()
        .lacks(ability, "it says so")
        .only("zero_octets")
        .conn(|| tcp_pair(&nets, SERVER_V4, run));
    let skipped: Vec<_> = report.skipped().collect();
    assert_eq!(skipped, [("zero_octets", "it says so")]);
    let halves = Kit::new().only("halves_of_closed").conn(|| {
        let listener = nets.server.listen_tcp("tcp", None)?;
        let to = format!("{SERVER_V4}:{}", listener.addr().port).parse()?;
        let dialled = nets.client.dial_tcp("tcp", None, &to)?;
        Ok(Pair::new(dialled, listener.accept_tcp()?))
    });
    assert_eq!(halves.skipped().count(), 1);
}
