//! TCP for tasks: the promises of `sidestep::future` on one thread, over a cable, a plain wire and
//! the host's kernel.

#![cfg(feature = "tokio")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::future::{Future, poll_fn};
use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use sidestep::future::{TCPConn, TCPListener};
use sidestep::{Cause, Deadline, Net, NetError};
use support::{PATIENCE, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

in_all_worlds! {
    any_number_of_tasks_may_read_and_write_one_connection
    a_thread_and_a_task_share_a_connection
    a_cancelled_read_loses_no_octet
    a_dropped_write_says_what_it_has_taken
    writes_of_tasks_are_whole
    a_thousand_tasks_on_one_thread
    close_wakes_every_task_at_once
    deadlines_reach_tasks_that_wait_and_can_be_lifted
    a_deadline_fires_neither_early_nor_late
    accept_is_cancelled_by_dropping_it_and_by_close
    halves_are_independent_and_find_each_other
    the_traits_of_tokio_carry_streams
    what_is_peeked_at_stays
    idle_tasks_are_not_polled
}

/// Runs `future` on this thread, with the patience of a test.
fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime
        .block_on(async { tokio::time::timeout(PATIENCE, future).await })
        .expect("it ends in time")
}

fn pair(world: &World) -> (TCPConn, TCPConn) {
    let (dialled, accepted) = world.pair();
    dialled.set_deadline(Deadline::NONE).unwrap();
    accepted.set_deadline(Deadline::NONE).unwrap();
    (dialled.into(), accepted.into())
}

/// The octet at `position` of a stream in which a lost or repeated octet shows.
fn octet(position: usize) -> u8 {
    (position % 251) as u8
}

fn text(from: usize, octets: usize) -> Vec<u8> {
    (from..from + octets).map(octet).collect()
}

async fn read_exactly(conn: &TCPConn, octets: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut room = vec![0; 64 * 1024];
    while all.len() < octets {
        let left = (octets - all.len()).min(room.len());
        let len = conn.read(&mut room[..left]).await.unwrap();
        assert_ne!(len, 0, "the stream ended after {} octets", all.len());
        all.extend_from_slice(&room[..len]);
    }
    all
}

fn any_number_of_tasks_may_read_and_write_one_connection(world: &World) {
    let (ours, theirs) = pair(world);
    run(async {
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let readers: Vec<_> = (0..5)
                    .map(|_| {
                        let theirs = theirs.clone();
                        tokio::task::spawn_local(async move {
                            let mut octets = [0; 1];
                            assert_eq!(theirs.read(&mut octets).await.unwrap(), 1);
                            octets[0]
                        })
                    })
                    .collect();
                tokio::task::yield_now().await;
                for letter in b"abcde" {
                    ours.write(&[*letter]).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                let mut got = Vec::new();
                for reader in readers {
                    got.push(reader.await.unwrap());
                }
                got.sort_unstable();
                assert_eq!(got, b"abcde");
            })
            .await;
    });
}

fn a_thread_and_a_task_share_a_connection(world: &World) {
    const OCTETS: usize = 3_000_000;
    let (ours, theirs) = pair(world);
    let blocking: sidestep::TCPConn = ours.clone().into();
    let writer = thread::spawn(move || (&blocking).write_all(&text(0, OCTETS)).unwrap());
    let got = run(read_exactly(&theirs, OCTETS));
    writer.join().unwrap();
    assert!(got == text(0, OCTETS));
    // And the other way round: a task writes, a thread reads.
    let blocking: sidestep::TCPConn = theirs.into();
    let reader = thread::spawn(move || {
        let mut octets = [0; 4];
        let len = blocking.read(&mut octets).unwrap();
        octets[..len].to_vec()
    });
    run(async { ours.write(b"back").await }).unwrap();
    assert_eq!(reader.join().unwrap(), b"back");
}

fn a_cancelled_read_loses_no_octet(world: &World) {
    const OCTETS: usize = 400_000;
    let (ours, theirs) = pair(world);
    let blocking: sidestep::TCPConn = ours.into();
    let writer = thread::spawn(move || {
        for from in (0..OCTETS).step_by(1_000) {
            blocking.write(&text(from, 1_000)).unwrap();
        }
    });
    let (mut got, mut cancelled) = (Vec::new(), 0_u32);
    run(async {
        while got.len() < OCTETS {
            let mut room = [0; 777];
            tokio::select! {
                biased;
                len = theirs.read(&mut room) => got.extend_from_slice(&room[..len.unwrap()]),
                () = tokio::task::yield_now() => cancelled += 1,
            }
        }
    });
    writer.join().unwrap();
    assert!(got == text(0, OCTETS), "after {cancelled} cancelled reads");
}

fn a_dropped_write_says_what_it_has_taken(world: &World) {
    // More than all buffers between the two hold.
    const OCTETS: usize = 64 * 1024 * 1024;
    let (ours, theirs) = pair(world);
    let octets = text(0, OCTETS);
    run(async {
        let mut writing = ours.write(&octets);
        let cut = tokio::time::timeout(Duration::from_millis(300), &mut writing).await;
        assert!(cut.is_err(), "nobody reads, so it cannot end");
        let written = writing.written();
        assert!(0 < written && written < OCTETS);
        drop(writing);
        // The next one follows directly on what was taken.
        let (sent, got) = tokio::join!(
            async { ours.write(b"next").await },
            read_exactly(&theirs, written + 4)
        );
        assert_eq!(sent.unwrap(), 4);
        assert!(got[..written] == octets[..written]);
        assert_eq!(got[written..], *b"next");
    });
}

fn writes_of_tasks_are_whole(world: &World) {
    const CALL: usize = 300_000;
    let (ours, theirs) = pair(world);
    let calls: Vec<Vec<u8>> = (0..8).map(|letter| vec![letter; CALL]).collect();
    run(async {
        let (a, b) = (&calls[..4], &calls[4..]);
        let write = |calls| {
            let ours = ours.clone();
            async move {
                for call in calls {
                    let call: &Vec<u8> = call;
                    assert_eq!(ours.write(call).await.unwrap(), CALL);
                }
            }
        };
        let read = read_exactly(&theirs, 8 * CALL);
        let ((), (), got) = tokio::join!(write(a), write(b), read);
        for call in got.chunks(CALL) {
            assert!(call.iter().all(|octet| *octet == call[0]));
        }
    });
}

fn a_thousand_tasks_on_one_thread(world: &World) {
    const CONNECTIONS: usize = 500;
    let listener = TCPListener::from(world.listen());
    let local = tokio::task::LocalSet::new();
    let blocking = sidestep::TCPListener::from(listener.clone());
    let world = world.clone();
    // Dialling is not the point here, and a thread must not wait for itself.
    let dialler = thread::spawn({
        let addr = listener.addr().clone();
        move || {
            (0..CONNECTIONS)
                .map(|_| world.client.dial_tcp("tcp", None, &addr).unwrap())
                .collect::<Vec<_>>()
        }
    });
    run(local.run_until(async {
        let mut servers = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut conn = listener.accept().await.unwrap();
            servers.push(tokio::task::spawn_local(async move {
                let (mut reads, mut writes) = conn.split();
                tokio::io::copy(&mut reads, &mut writes).await.unwrap()
            }));
        }
        let dialled = dialler.join().unwrap();
        let mut clients = Vec::new();
        for (number, conn) in dialled.into_iter().enumerate() {
            let conn = TCPConn::from(conn);
            clients.push(tokio::task::spawn_local(async move {
                let words = text(number, 2_000);
                for half in words.chunks(1_000) {
                    conn.write(half).await.unwrap();
                    assert!(read_exactly(&conn, 1_000).await == half);
                }
                conn.close().unwrap();
            }));
        }
        for task in clients {
            task.await.unwrap();
        }
        for task in servers {
            assert_eq!(task.await.unwrap(), 2_000);
        }
    }));
    blocking.close().unwrap();
}

fn close_wakes_every_task_at_once(world: &World) {
    // The machine may be busy; most of the time it is not.
    let took = (0..5).map(|_| close_under_tasks(world)).min().unwrap();
    assert!(took < Duration::from_millis(10), "took {took:?}");
}

/// How long it takes from a close until all who waited know.
fn close_under_tasks(world: &World) -> Duration {
    let (ours, _theirs) = pair(world);
    let listener = TCPListener::from(world.listen());
    let octets = bytes::Bytes::from(vec![0; 64 * 1024 * 1024]);
    let local = tokio::task::LocalSet::new();
    run(local.run_until(async {
        let mut tasks = Vec::new();
        for _ in 0..3 {
            let conn = ours.clone();
            let read = async move { conn.read(&mut [0; 8]).await };
            tasks.push(tokio::task::spawn_local(read));
            let listener = listener.clone();
            let accept = async move { listener.accept().await.map(|_| 0) };
            tasks.push(tokio::task::spawn_local(accept));
            let (conn, octets) = (ours.clone(), octets.clone());
            let write = async move { conn.write_bytes(octets).await };
            tasks.push(tokio::task::spawn_local(write));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let began = Instant::now();
        let (closer, other) = (ours.clone(), listener.clone());
        thread::spawn(move || {
            closer.close().unwrap();
            sidestep::TCPListener::from(other).close().unwrap();
        });
        for task in tasks {
            let error = task.await.unwrap().unwrap_err();
            assert!(error.is_closed(), "{error}");
        }
        began.elapsed()
    }))
}

fn deadlines_reach_tasks_that_wait_and_can_be_lifted(world: &World) {
    let (ours, theirs) = pair(world);
    run(async {
        let soon = Duration::from_millis(30);
        // Set before, set while it waits, and moved nearer while it waits.
        ours.set_read_deadline(soon).unwrap();
        let error = ours.read(&mut [0; 4]).await.unwrap_err();
        assert!(error.timeout());
        assert_eq!(*error.err(), Cause::Timeout);
        for first in [Deadline::NONE, Deadline::from(PATIENCE)] {
            ours.set_read_deadline(first).unwrap();
            let setter = ours.clone();
            let mut octets = [0; 4];
            let (read, ()) = tokio::join!(ours.read(&mut octets), async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                setter.set_read_deadline(Duration::from_millis(10)).unwrap();
            });
            assert!(read.unwrap_err().timeout());
        }
        // A past one moves nothing, and the stream is not damaged.
        theirs.write(b"late").await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(ours.read(&mut [0; 4]).await.unwrap_err().timeout());
        ours.set_read_deadline(Deadline::NONE).unwrap();
        assert_eq!(read_exactly(&ours, 4).await, b"late");
        // A write says how much was taken.
        let octets = text(0, 64 * 1024 * 1024);
        ours.set_write_deadline(Duration::from_millis(200)).unwrap();
        let error = ours.write(&octets).await.unwrap_err();
        assert!(error.timeout());
        let written = error.written();
        assert!(0 < written && written < octets.len());
        assert!(read_exactly(&theirs, written).await == octets[..written]);
    });
}

fn a_deadline_fires_neither_early_nor_late(world: &World) {
    let (ours, _theirs) = pair(world);
    run(async {
        let mut late = Vec::new();
        for _ in 0..20 {
            let at = Instant::now() + Duration::from_millis(5);
            ours.set_read_deadline(at).unwrap();
            assert!(ours.read(&mut [0; 4]).await.unwrap_err().timeout());
            let now = Instant::now();
            assert!(at <= now, "early by {:?}", at - now);
            late.push(now - at);
        }
        late.sort_unstable();
        // The machine may be busy; most of the time it is not.
        assert!(late[0] < Duration::from_millis(2), "late by {late:?}");
    });
}

fn accept_is_cancelled_by_dropping_it_and_by_close(world: &World) {
    let listener = TCPListener::from(world.listen());
    run(async {
        let cut = tokio::time::timeout(Duration::from_millis(10), listener.accept()).await;
        assert!(cut.is_err());
        let (dialled, accepted) = tokio::join!(
            async {
                let (world, blocking) = (world.clone(), listener.clone().into());
                let dial = move || world.dial(&blocking);
                let thread = thread::spawn(dial);
                while !thread.is_finished() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                TCPConn::from(thread.join().unwrap())
            },
            listener.accept()
        );
        let accepted = accepted.unwrap();
        assert_eq!(accepted.remote_addr(), dialled.local_addr());
        listener.set_deadline(Duration::from_millis(5)).unwrap();
        assert!(listener.accept().await.unwrap_err().timeout());
        listener.set_deadline(Deadline::NONE).unwrap();
        let mut incoming = listener.clone().incoming();
        let (none, closed) = tokio::join!(incoming.next(), async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            listener.close().await
        });
        assert!(none.is_none());
        closed.unwrap();
        assert!(listener.close().await.unwrap_err().is_closed());
        // What was accepted lives on.
        dialled.write(b"on").await.unwrap();
        assert_eq!(read_exactly(&accepted, 2).await, b"on");
    });
}

fn halves_are_independent_and_find_each_other(world: &World) {
    let (ours, theirs) = pair(world);
    let (third, _fourth) = pair(world);
    run(async {
        let (mut reads, mut writes) = ours.into_split();
        // A read that waits does not keep the other half from writing.
        let (got, sent) = tokio::join!(
            async {
                let mut octets = [0; 4];
                let len = reads.read(&mut octets).await.unwrap();
                octets[..len].to_vec()
            },
            async {
                writes.write(b"ping").await.unwrap();
                assert_eq!(read_exactly(&theirs, 4).await, b"ping");
                theirs.write(b"pong").await
            }
        );
        assert_eq!((got.as_slice(), sent.unwrap()), (&b"pong"[..], 4));
        let (other_reads, other_writes) = third.into_split();
        let error = other_reads.reunite(writes).unwrap_err();
        let (other_reads, writes) = error.into_halves();
        other_writes.reunite(other_reads).unwrap();
        let ours = reads.reunite(writes).unwrap();
        // It is whole: nothing was closed on the way.
        ours.write(b"whole").await.unwrap();
        assert_eq!(read_exactly(&theirs, 5).await, b"whole");
        let (mut reads, writes) = ours.into_split();
        drop(writes);
        assert_eq!(
            theirs.read(&mut [0; 4]).await.unwrap(),
            0,
            "our direction ended"
        );
        theirs.write(b"still").await.unwrap();
        assert_eq!(reads.read(&mut [0; 9]).await.unwrap(), 5);
    });
}

fn the_traits_of_tokio_carry_streams(world: &World) {
    const OCTETS: usize = 2_000_000;
    let (mut ours, mut theirs) = pair(world);
    run(async {
        let sent = text(0, OCTETS);
        let (head, tail) = sent.split_at(OCTETS / 3);
        let write = async {
            let mut pieces = [std::io::IoSlice::new(head), std::io::IoSlice::new(tail)];
            let mut pieces = &mut pieces[..];
            while !pieces.is_empty() {
                let len = AsyncWriteExt::write_vectored(&mut ours, pieces)
                    .await
                    .unwrap();
                std::io::IoSlice::advance_slices(&mut pieces, len);
            }
            ours.flush().await.unwrap();
            ours.shutdown().await.unwrap();
        };
        let mut got = Vec::new();
        let ((), read) = tokio::join!(write, theirs.read_to_end(&mut got));
        assert_eq!(read.unwrap(), OCTETS);
        assert!(got == sent);
        // Shutting down was a half-close: the other direction goes on.
        AsyncWriteExt::write_all(&mut theirs, b"answer")
            .await
            .unwrap();
        drop(theirs);
        let mut answer = String::new();
        ours.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
    });
}

fn what_is_peeked_at_stays(world: &World) {
    let (ours, theirs) = pair(world);
    run(async {
        ours.write(b"look").await.unwrap();
        let mut octets = [0; 2];
        assert_eq!(theirs.peek(&mut octets).await.unwrap(), 2);
        assert_eq!(&octets, b"lo");
        assert_eq!(theirs.read_bytes(100).await.unwrap(), "look");
        ours.close_write().unwrap();
        assert_eq!(theirs.peek(&mut octets).await.unwrap(), 0);
        assert!(theirs.read_bytes(100).await.unwrap().is_empty());
    });
}

/// A task that waits for both directions is woken by what it waits for, and by nothing else.
fn idle_tasks_are_not_polled(world: &World) {
    let (mut ours, theirs) = pair(world);
    run(async {
        let octets = vec![0; 1024 * 1024];
        let pieces = [std::io::IoSlice::new(&octets)];
        let mut room = [0; 8];
        let polls = std::cell::Cell::new(0_u32);
        let mut waits = poll_fn(|cx| {
            polls.set(polls.get() + 1);
            // Until all buffers between the two are full.
            while ours.poll_write(cx, &pieces).is_ready() {}
            ours.poll_read(cx, &mut room)
        });
        let filling = tokio::time::timeout(Duration::from_millis(500), &mut waits).await;
        assert!(filling.is_err(), "nobody writes to us");
        polls.set(0);
        let idle = tokio::time::timeout(Duration::from_millis(100), &mut waits).await;
        assert!(idle.is_err(), "nobody writes to us");
        assert!(polls.get() < 10, "polled {} times", polls.get());
        theirs.write(b"news").await.unwrap();
        assert_eq!(waits.await.unwrap(), 4);
    });
}

#[test]
fn tasks_decide_about_syns_and_wait_for_their_connections() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server.listen_config().ask_first();
    let listener: TCPListener = listener.listen_tcp("tcp4", None).unwrap().into();
    let at = format!("192.0.2.2:{}", listener.addr().port);
    run(async {
        let dial = |client: &Net| {
            let (client, at) = (client.clone(), at.clone());
            thread::spawn(move || client.dial_timeout("tcp4", &at, PATIENCE))
        };
        let dialled = dial(&client);
        let pending = listener.accept_syn().await.unwrap();
        let remote = pending.remote_addr().to_string();
        assert!(pending.syn().timestamps);
        let conn = pending.accept().await.unwrap();
        assert_eq!(conn.remote_addr().to_string(), remote);
        let dialled = dialled.join().unwrap().unwrap();
        conn.write(b"hello").await.unwrap();
        let mut text = [0; 5];
        dialled.read(&mut text).unwrap();
        assert_eq!(&text, b"hello");

        // Refused, and left to accept.
        let dialled = dial(&client);
        listener.accept_syn().await.unwrap().reset().unwrap();
        assert!(dialled.join().unwrap().is_err());
        let dialled = dial(&client);
        listener.accept_syn().await.unwrap().admit().unwrap();
        listener.accept().await.unwrap();
        dialled.join().unwrap().unwrap();

        // The deadline holds for both queues, and close ends the wait.
        listener.set_deadline(Deadline::past()).unwrap();
        assert!(listener.accept_syn().await.unwrap_err().timeout());
        listener.set_deadline(Deadline::NONE).unwrap();
        let (asked, closed) = tokio::join!(listener.accept_syn(), async {
            tokio::task::yield_now().await;
            listener.close().await
        });
        closed.unwrap();
        assert!(matches!(asked.unwrap_err().err(), Cause::Closed));
    });
    let other = server.listen_tcp("tcp4", None).unwrap();
    let other: TCPListener = other.into();
    let error = run(other.accept_syn()).unwrap_err();
    assert!(matches!(error.err(), Cause::NotSupported));
}
