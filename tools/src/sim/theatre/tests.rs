//! Real code in virtual time: it repeats, and the contract holds to the nanosecond.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sidestep::{Conn, Deadline, Errno, Listener, NetError, Op};
use sidestep_stack::{Config, Duration, Instant};

use super::*;
use crate::octets::Pattern;
use crate::sim::transfer::Family;
use crate::sim::{NewHost, seed_of};

const PORT: u16 = 80;

/// Two hosts with a link between them, of which the second one is to listen.
fn theatre(seed: u64, recipe: &str) -> (Theatre, [NodeId; 2]) {
    let mut world = World::new(seed);
    let hosts = [1, 2].map(|number| {
        world
            .add_host(&NewHost {
                config: Config::default(),
                seed: seed_of(seed * 4 + u64::from(number)),
                addresses: vec![Family::V4.interface(0, number)],
                up_for: Duration::ZERO,
            })
            .unwrap()
    });
    let recipe = recipe.parse().unwrap();
    world.connect(hosts[0], hosts[1], &recipe, &recipe).unwrap();
    (Theatre::new(world), hosts)
}

fn there() -> SocketAddr {
    SocketAddr::new(Family::V4.address(0, 2), PORT)
}

fn dial(stage: &Stage) -> Result<SceneConn, OpError> {
    // The other program may not have begun to listen.
    stage.sleep(Duration::from_millis(1));
    stage.dial(there(), Duration::from_secs(60))
}

/// Code that knows nothing of a simulator.
fn echo(conn: &dyn Conn) -> Result<u64, OpError> {
    let mut room = [0; 2_000];
    let mut all = 0;
    loop {
        let octets = conn.read(&mut room)?;
        if octets == 0 {
            conn.close()?;
            return Ok(all);
        }
        conn.write(&room[..octets])?;
        all += octets as u64;
    }
}

fn serve_one(listener: &dyn Listener) -> Result<u64, OpError> {
    let conn = listener.accept()?;
    echo(&conn)
}

/// A stream there and back, by a thread that writes and one that reads.
fn there_and_back(stage: &Stage, octets: u64) -> Result<bool, OpError> {
    let conn = dial(stage)?;
    let writer = conn.clone();
    let writes = stage.spawn("writer", move |_| {
        let mut pattern = Pattern::new(3, octets);
        let mut room = [0; 7_000];
        loop {
            let filled = pattern.fill(&mut room);
            if filled == 0 {
                return writer.close_write();
            }
            writer.write(&room[..filled])?;
        }
    });
    let mut read = Vec::new();
    let mut room = [0; 3_000];
    loop {
        let octets = conn.read(&mut room)?;
        if octets == 0 {
            break;
        }
        read.extend_from_slice(&room[..octets]);
    }
    writes.expect("a thread").join()?;
    Ok(read == Pattern::new(3, octets).to_vec())
}

fn echo_digest(seed: u64) -> String {
    let (mut theatre, [a, b]) = theatre(seed, "delay=10ms,loss=3%");
    let served = theatre
        .add_program(b, "server", |stage| serve_one(&stage.listen(PORT)?))
        .unwrap();
    let same = theatre
        .add_program(a, "client", |stage| there_and_back(stage, 60_000))
        .unwrap();
    let world = theatre.run(Limits::default()).unwrap();
    assert_eq!(served.take(), Some(Ok(60_000)));
    assert_eq!(same.take(), Some(Ok(true)));
    world.digest()
}

#[test]
fn code_written_against_the_traits_runs_and_repeats_by_seed() {
    let first = echo_digest(7);
    for _ in 0..3 {
        assert_eq!(first, echo_digest(7));
    }
    assert_ne!(first, echo_digest(8));
}

/// Runs a client against a server that accepts one connection and holds it for a while.
fn against_a_silent_server<T: Send + 'static>(
    body: impl FnOnce(&Stage, SceneConn) -> Result<T, OpError> + Send + 'static,
) -> T {
    let (mut theatre, [a, b]) = theatre(1, "delay=10ms");
    theatre
        .add_program(b, "server", |stage| {
            let conn = stage.listen(PORT)?.accept()?;
            stage.sleep(Duration::from_secs(3_600));
            drop(conn);
            Ok(())
        })
        .unwrap();
    let client = theatre
        .add_program(a, "client", |stage| {
            let conn = dial(stage)?;
            body(stage, conn)
        })
        .unwrap();
    theatre.run(Limits::default()).unwrap();
    client.take().unwrap().unwrap()
}

#[test]
fn gonet_1_4_4_a_deadline_comes_at_its_virtual_moment_and_can_be_moved() {
    let took = against_a_silent_server(|stage, conn| {
        let began = stage.now();
        conn.set_read_deadline(Deadline::from(Duration::from_secs(5)))?;
        let error = conn.read(&mut [0; 8]).unwrap_err();
        assert!(error.timeout(), "{error}");
        let first = stage.now().since(began);
        // Sticky: the next call fails at once.
        assert!(conn.read(&mut [0; 8]).unwrap_err().timeout());
        assert_eq!(stage.now().since(began), first);
        // A later one revives it, and another program may move it while the first one waits.
        conn.set_read_deadline(Deadline::NONE)?;
        let other = conn.clone();
        let mover = stage.spawn("mover", move |stage| {
            stage.sleep(Duration::from_secs(1));
            other.set_read_deadline(Deadline::past())
        });
        assert!(conn.read(&mut [0; 8]).unwrap_err().timeout());
        mover.expect("a thread").join()?;
        Ok([first, stage.now().since(began)])
    });
    assert_eq!(took, [Duration::from_secs(5), Duration::from_secs(6)]);
}

#[test]
fn gonet_1_4_2_close_wakes_a_reader_of_another_program_at_once() {
    let took = against_a_silent_server(|stage, conn| {
        let began = stage.now();
        let other = conn.clone();
        let closer = stage.spawn("closer", move |stage| {
            stage.sleep(Duration::from_millis(70));
            other.close()
        });
        let error = conn.read(&mut [0; 8]).unwrap_err();
        assert!(error.is_closed(), "{error}");
        closer.expect("a thread").join()?;
        let error = conn.close().unwrap_err();
        assert_eq!(error.op(), Op::Close);
        assert!(conn.write(b"x").unwrap_err().is_closed());
        Ok(stage.now().since(began))
    });
    assert_eq!(took, Duration::from_millis(70));
}

#[test]
fn gonet_1_4_5_and_7_empty_calls_and_writes_that_were_taken_in_part() {
    let written = against_a_silent_server(|_, conn| {
        conn.set_deadline(Deadline::past())?;
        assert_eq!(conn.read(&mut [])?, 0);
        assert!(conn.write(&[]).unwrap_err().timeout());
        // The peer reads nothing: its buffer and ours fill, then it takes too long.
        conn.set_deadline(Deadline::from(Duration::from_secs(30)))?;
        let error = conn.write(&vec![1; 16 << 20]).unwrap_err();
        assert!(error.timeout(), "{error}");
        Ok(error.written())
    });
    assert!(written > 1 << 20 && written < 16 << 20, "{written}");
}

#[test]
fn gonet_1_4_8_the_octets_of_concurrent_writes_are_not_mixed() {
    let (mut theatre, [a, b]) = theatre(1, "delay=10ms");
    let read = theatre
        .add_program(b, "server", |stage| {
            let conn = stage.listen(PORT)?.accept()?;
            let (mut all, mut room) = (Vec::new(), vec![0; 100_000]);
            loop {
                let octets = conn.read(&mut room)?;
                if octets == 0 {
                    return Ok(all);
                }
                all.extend_from_slice(&room[..octets]);
                stage.sleep(Duration::from_millis(5));
            }
        })
        .unwrap();
    theatre
        .add_program(a, "client", |stage| {
            let conn = dial(stage)?;
            let writers: Vec<_> = (0..3_u8)
                .map(|letter| {
                    let conn = conn.clone();
                    stage.spawn("writer", move |_| conn.write(&vec![letter; 6 << 20]))
                })
                .collect();
            for writer in writers {
                assert_eq!(writer.expect("a thread").join()?, 6 << 20);
            }
            Ok(())
        })
        .unwrap();
    theatre.run(Limits::default()).unwrap();
    let mut all = read.take().unwrap().unwrap();
    assert_eq!(all.len(), 18 << 20);
    all.dedup();
    assert_eq!(all.len(), 3, "each call's octets are in one piece");
}

#[test]
fn gonet_1_4_11_after_a_reset_the_first_call_hears_of_it() {
    let (mut theatre, [a, b]) = theatre(1, "delay=10ms");
    theatre
        .add_program(b, "server", |stage| {
            let conn = stage.listen(PORT)?.accept()?;
            // Unread octets: closing resets.
            stage.sleep(Duration::from_secs(1));
            conn.close()
        })
        .unwrap();
    theatre
        .add_program(a, "client", |stage| {
            let conn = dial(stage)?;
            conn.write(b"nobody reads this")?;
            let error = conn.read(&mut [0; 8]).unwrap_err();
            assert_eq!(error.errno(), Some(Errno::ECONNRESET), "{error}");
            assert_eq!(conn.read(&mut [0; 8])?, 0);
            let error = conn.write(b"x").unwrap_err();
            assert_eq!(error.errno(), Some(Errno::EPIPE), "{error}");
            let error = conn.close_write().unwrap_err();
            assert_eq!(error.errno(), Some(Errno::ENOTCONN), "{error}");
            conn.close()
        })
        .unwrap();
    theatre.run(Limits::default()).unwrap();
}

#[test]
fn gonet_1_4_12_own_half_closes() {
    against_a_silent_server(|_, conn| {
        conn.close_write()?;
        conn.close_write()?;
        let error = conn.write(b"x").unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EPIPE), "{error}");
        conn.close_read()?;
        assert_eq!(conn.read(&mut [0; 8])?, 0);
        assert_eq!(conn.remote_addr().unwrap().to_string(), "192.0.2.2:80");
        Ok(())
    });
}

#[test]
fn gonet_1_4_13_accept_has_deadlines_and_ends_with_its_listener() {
    let (mut theatre, [a, _]) = theatre(1, "delay=10ms");
    let moments = theatre
        .add_program(a, "server", |stage| {
            let listener = stage.listen(PORT)?;
            assert_eq!(listener.addr().to_string(), "[::]:80");
            let error = stage.listen(PORT).unwrap_err();
            assert_eq!(error.errno(), Some(Errno::EADDRINUSE), "{error}");
            listener.set_deadline(Duration::from_secs(2))?;
            assert!(listener.accept().unwrap_err().timeout());
            let first = stage.now();
            listener.set_deadline(Deadline::NONE)?;
            let other = listener.clone();
            let closer = stage.spawn("closer", move |stage| {
                stage.sleep(Duration::from_secs(1));
                other.close()
            });
            assert!(listener.accept().unwrap_err().is_closed());
            closer.expect("a thread").join()?;
            assert!(listener.accept().unwrap_err().is_closed());
            assert!(listener.close().unwrap_err().is_closed());
            Ok([first, stage.now()])
        })
        .unwrap();
    theatre.run(Limits::default()).unwrap();
    let wanted = [Instant::from_secs(2), Instant::from_secs(3)];
    assert_eq!(moments.take(), Some(Ok(wanted)));
}

#[test]
fn gonet_1_4_15_a_dial_is_refused_or_gives_up_at_its_deadline() {
    let (mut theatre, [a, _]) = theatre(1, "delay=10ms");
    theatre
        .add_program(a, "client", |stage| {
            let error = stage.dial(there(), Deadline::NONE).unwrap_err();
            assert_eq!(
                error.to_string(),
                "dial tcp 192.0.2.2:80: connect: connection refused"
            );
            assert_eq!(stage.now(), Instant::from_millis(20));
            // Nobody has this address: no answer at all.
            let nobody = SocketAddr::new(Family::V4.address(0, 9), PORT);
            let error = stage.dial(nobody, Duration::from_secs(7)).unwrap_err();
            assert!(error.timeout(), "{error}");
            assert_eq!(stage.now(), Instant::from_millis(7_020));
            assert!(stage.dial(there(), Deadline::past()).unwrap_err().timeout());
            Ok(())
        })
        .unwrap();
    theatre.run(Limits::default()).unwrap();
}

#[test]
fn a_program_that_waits_for_ever_is_named_and_its_call_fails() {
    let (mut theatre, [_, b]) = theatre(1, "delay=10ms");
    let outcome = theatre
        .add_program(b, "the lonely one", |stage| {
            stage.listen(PORT)?.accept().map(|_| ())
        })
        .unwrap();
    let failure = theatre.run(Limits::default()).unwrap_err();
    assert_eq!(
        failure.violation,
        Violation::Waiting("the lonely one".to_owned())
    );
    let error = outcome.take().unwrap().unwrap_err();
    assert_eq!(*error.err(), sidestep::Cause::StackGone);
}

#[test]
fn a_panic_is_a_failure_of_the_run_and_everybody_ends() {
    let (mut theatre, [a, b]) = theatre(1, "delay=10ms");
    theatre
        .add_program(b, "server", |stage| {
            stage.listen(PORT)?.accept().map(|_| ())
        })
        .unwrap();
    theatre
        .add_program(a, "clumsy", |stage| -> Result<(), OpError> {
            stage.sleep(Duration::from_secs(1));
            std::panic::resume_unwind(Box::new("so it goes"));
        })
        .unwrap();
    let failure = theatre.run(Limits::default()).unwrap_err();
    assert_eq!(failure.violation, Violation::Panicked("clumsy".to_owned()));
}

#[test]
fn other_threads_are_refused_and_a_theatre_that_is_not_run_ends_its_programs() {
    let (mut theatre, [a, _]) = theatre(1, "delay=10ms");
    let begun = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&begun);
    theatre
        .add_program(a, "client", move |stage| {
            seen.fetch_add(1, Ordering::Relaxed);
            let outsider = stage.clone();
            let refused = std::thread::spawn(move || outsider.listen(PORT).map(|_| ()));
            let error = refused.join().expect("no panic").unwrap_err();
            assert_eq!(*error.err(), sidestep::Cause::NotSupported);
            stage.listen(PORT).map(|_| ())
        })
        .unwrap();
    drop(theatre);
    assert_eq!(begun.load(Ordering::Relaxed), 1);
}
