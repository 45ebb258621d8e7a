//! The contract of go-net §1.4 for TCP: the same tests over a perfect cable, a plain wire and the
//! host's kernel, which is the oracle.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use sidestep::{Cause, Deadline, Errno, NetError, Op};
use support::{PATIENCE, World, eventually};

in_all_worlds! {
    point_1_the_second_close_says_closed
    point_2_close_wakes_everybody
    point_2_what_was_written_before_close_arrives
    point_2_linger_zero_resets
    point_3_closing_with_unread_data_resets_the_peer
    point_4_deadlines_reach_blocked_calls_and_can_be_lifted
    point_5_zero_octets
    point_6_the_deadline_comes_before_the_data
    point_7_a_write_that_times_out_says_how_much_was_taken
    point_8_concurrent_writes_are_whole
    point_9_addresses_outlive_close
    point_10_after_fin_reads_end_and_writes_go_on
    point_11_after_a_reset
    point_12_after_own_close_write_and_close_read
    point_13_accept_and_close
    point_13_accepted_connections_outlive_the_listener
    point_13_a_deadline_on_the_listener_is_for_accept_only
    point_14_connections_begin_with_no_delay_and_keep_alive
    a_refused_port_says_so
    a_dial_that_takes_too_long_times_out
    large_transfers_arrive_whole
    std_traits_work_on_values_references_and_trait_objects
    many_connections_at_once
}

fn is_reset(error: &sidestep::OpError) -> bool {
    error.errno() == Some(Errno::ECONNRESET)
}

fn point_1_the_second_close_says_closed(world: &World) {
    let (here, there) = world.pair();
    here.close().unwrap();
    let error = here.close().unwrap_err();
    assert!(error.is_closed());
    assert_eq!(error.op(), Op::Close);
    assert!(here.read(&mut [0]).unwrap_err().is_closed());
    assert!(here.write(b"x").unwrap_err().is_closed());
    let error = here.set_deadline(Deadline::NONE).unwrap_err();
    assert!(error.is_closed());
    drop(there);
}

fn point_2_close_wakes_everybody(world: &World) {
    let (here, there) = world.pair();
    let listener = world.listen();
    thread::scope(|scope| {
        let read = scope.spawn(|| here.read(&mut [0; 8]));
        let write = scope.spawn(|| {
            let octets = vec![0; 64 << 20];
            here.write(&octets)
        });
        let accept = scope.spawn(|| listener.accept());
        // Enough has gone into the pipe that the writer is at it.
        there.read(&mut [0; 1]).unwrap();
        here.close().unwrap();
        listener.close().unwrap();
        assert!(read.join().unwrap().unwrap_err().is_closed());
        let error = write.join().unwrap().unwrap_err();
        assert!(error.is_closed() && error.written() > 0);
        let error = accept.join().unwrap().unwrap_err();
        assert!(error.is_closed());
        assert_eq!(error.op(), Op::Accept);
    });
}

fn point_2_what_was_written_before_close_arrives(world: &World) {
    let (here, there) = world.pair();
    let octets: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            here.write(&octets).unwrap();
            here.close().unwrap();
        });
        let mut got = Vec::new();
        (&there).read_to_end(&mut got).unwrap();
        assert!(got == octets);
    });
}

fn point_2_linger_zero_resets(world: &World) {
    let (here, there) = world.pair();
    here.set_linger(Some(Duration::ZERO)).unwrap();
    here.close().unwrap();
    assert!(is_reset(&there.read(&mut [0]).unwrap_err()));
}

fn point_3_closing_with_unread_data_resets_the_peer(world: &World) {
    let (here, there) = world.pair();
    there.write(b"will be read").unwrap();
    here.read(&mut [0; 4]).unwrap();
    here.close().unwrap();
    assert!(is_reset(&there.read(&mut [0]).unwrap_err()));
}

fn point_4_deadlines_reach_blocked_calls_and_can_be_lifted(world: &World) {
    let (here, there) = world.pair();
    thread::scope(|scope| {
        let (started, told) = std::sync::mpsc::channel();
        let here = &here;
        let read = scope.spawn(move || {
            started.send(()).unwrap();
            here.read(&mut [0; 8])
        });
        told.recv().unwrap();
        here.set_read_deadline(Deadline::past()).unwrap();
        let error = read.join().unwrap().unwrap_err();
        assert!(error.timeout() && *error.err() == Cause::Timeout);
        assert_eq!(error.op(), Op::Read);
    });
    // It stays until it is changed.
    assert!(here.read(&mut [0]).unwrap_err().timeout());
    here.set_read_deadline(Deadline::NONE).unwrap();
    there.write(b"alive").unwrap();
    assert_eq!(here.read(&mut [0; 8]).unwrap(), 5);
    here.set_read_deadline(Duration::from_millis(10)).unwrap();
    assert!(here.read(&mut [0]).unwrap_err().timeout());
    // The other direction has its own.
    assert_eq!(here.write(b"fine").unwrap(), 4);
}

fn point_5_zero_octets(world: &World) {
    let (here, _there) = world.pair();
    assert_eq!(here.read(&mut []).unwrap(), 0);
    assert_eq!(here.write(&[]).unwrap(), 0);
    here.set_deadline(Deadline::past()).unwrap();
    assert_eq!(here.read(&mut []).unwrap(), 0);
    assert!(here.write(&[]).unwrap_err().timeout());
}

fn point_6_the_deadline_comes_before_the_data(world: &World) {
    let (here, there) = world.pair();
    there.write(b"data").unwrap();
    here.read(&mut [0; 1]).unwrap();
    here.set_read_deadline(Deadline::past()).unwrap();
    assert!(here.read(&mut [0; 8]).unwrap_err().timeout());
    here.set_read_deadline(PATIENCE).unwrap();
    let mut octets = [0; 8];
    assert_eq!(here.read(&mut octets).unwrap(), 3);
    assert_eq!(&octets[..3], b"ata");
}

fn point_7_a_write_that_times_out_says_how_much_was_taken(world: &World) {
    let (here, there) = world.pair();
    let octets: Vec<u8> = (0..32u32 << 20).map(|n| (n % 251) as u8).collect();
    here.set_write_deadline(Duration::from_millis(200)).unwrap();
    let error = here.write(&octets).unwrap_err();
    assert!(error.timeout());
    assert_eq!(error.op(), Op::Write);
    let written = error.written();
    assert!(written > 0 && written < octets.len());
    // The stream is not damaged: what was taken arrives, and more can follow.
    here.set_write_deadline(PATIENCE).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            here.write(b"!").unwrap();
            here.close_write().unwrap();
        });
        let mut got = Vec::new();
        (&there).read_to_end(&mut got).unwrap();
        assert_eq!(got.pop(), Some(b'!'));
        assert_eq!(got.len(), written);
        assert!(got == octets[..written]);
    });
}

fn point_8_concurrent_writes_are_whole(world: &World) {
    const OCTETS: usize = 200_000;
    let (here, there) = world.pair();
    let got = thread::scope(|scope| {
        let writers: Vec<_> = (0..4u8)
            .map(|letter| {
                let here = &here;
                scope.spawn(move || {
                    for _ in 0..3 {
                        here.write(&vec![letter; OCTETS]).unwrap();
                    }
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            let mut got = Vec::new();
            (&there).read_to_end(&mut got).unwrap();
            got
        });
        for writer in writers {
            writer.join().unwrap();
        }
        here.close_write().unwrap();
        reader.join().unwrap()
    });
    assert_eq!(got.len(), 12 * OCTETS);
    for call in got.chunks(OCTETS) {
        assert!(call.iter().all(|octet| *octet == call[0]));
    }
}

fn point_9_addresses_outlive_close(world: &World) {
    let (here, there) = world.pair();
    let (local, remote) = (here.local_addr().clone(), here.remote_addr().clone());
    assert_eq!(there.local_addr(), &remote);
    assert_eq!(there.remote_addr(), &local);
    here.close().unwrap();
    assert_eq!((here.local_addr(), here.remote_addr()), (&local, &remote));
    let error = here.read(&mut [0]).unwrap_err();
    let network = error.net().to_owned();
    assert_eq!(
        error.to_string(),
        format!("read {network} {local}->{remote}: use of closed network connection")
    );
}

fn point_10_after_fin_reads_end_and_writes_go_on(world: &World) {
    let (here, there) = world.pair();
    there.write(b"last words").unwrap();
    there.close_write().unwrap();
    let mut octets = [0; 6];
    assert_eq!(here.read(&mut octets).unwrap(), 6);
    assert_eq!(here.read(&mut octets).unwrap(), 4);
    assert_eq!(here.read(&mut octets).unwrap(), 0);
    assert_eq!(here.read(&mut octets).unwrap(), 0);
    assert_eq!(here.write(b"yes").unwrap(), 3);
    assert_eq!(there.read(&mut octets).unwrap(), 3);
}

fn point_11_after_a_reset(world: &World) {
    let (here, there) = world.pair();
    there.set_linger(Some(Duration::ZERO)).unwrap();
    there.close().unwrap();
    let error = here.read(&mut [0]).unwrap_err();
    assert!(is_reset(&error), "{error}");
    assert!(
        error
            .to_string()
            .ends_with(": read: connection reset by peer")
    );
    assert_eq!(here.read(&mut [0]).unwrap(), 0);
    let error = here.write(b"x").unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EPIPE), "{error}");
    let error = here.close_write().unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ENOTCONN), "{error}");
    here.close().unwrap();
}

fn point_12_after_own_close_write_and_close_read(world: &World) {
    let (here, there) = world.pair();
    here.close_write().unwrap();
    here.close_write().unwrap();
    let error = here.write(b"x").unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EPIPE), "{error}");
    assert_eq!(there.read(&mut [0]).unwrap(), 0);
    there.write(b"y").unwrap();
    assert_eq!(here.read(&mut [0; 2]).unwrap(), 1);
    here.close_read().unwrap();
    assert_eq!(here.read(&mut [0]).unwrap(), 0);
}

fn point_13_accept_and_close(world: &World) {
    let listener = world.listen();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| listener.accept());
        listener.set_deadline(Deadline::NONE).unwrap();
        listener.close().unwrap();
        assert!(waiting.join().unwrap().unwrap_err().is_closed());
    });
    let error = listener.accept().unwrap_err();
    assert!(error.is_closed());
    assert_eq!(
        error.addr().map(ToString::to_string),
        Some(listener.addr().to_string())
    );
    assert!(listener.close().unwrap_err().is_closed());
    assert_eq!(listener.incoming().count(), 0);
}

fn point_13_accepted_connections_outlive_the_listener(world: &World) {
    let listener = world.listen();
    let dialled = world.dial(&listener);
    let accepted = listener.accept_tcp().unwrap();
    accepted.set_deadline(PATIENCE).unwrap();
    listener.close().unwrap();
    dialled.write(b"still here").unwrap();
    assert_eq!(accepted.read(&mut [0; 32]).unwrap(), 10);
    let error = world
        .client
        .dial_tcp("tcp", None, listener.addr())
        .unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ECONNREFUSED), "{error}");
}

fn point_13_a_deadline_on_the_listener_is_for_accept_only(world: &World) {
    let listener = world.listen();
    listener.set_deadline(Deadline::past()).unwrap();
    let dialled = world.dial(&listener);
    let error = listener.accept().unwrap_err();
    assert!(error.timeout());
    assert_eq!(error.op(), Op::Accept);
    listener.set_deadline(PATIENCE).unwrap();
    let accepted = listener.accept_tcp().unwrap();
    listener.set_deadline(Deadline::past()).unwrap();
    dialled.write(b"x").unwrap();
    accepted.set_deadline(PATIENCE).unwrap();
    assert_eq!(accepted.read(&mut [0; 2]).unwrap(), 1);
}

fn point_14_connections_begin_with_no_delay_and_keep_alive(world: &World) {
    let (here, there) = world.pair();
    for conn in [&here, &there] {
        conn.set_nodelay(false).unwrap();
        conn.set_nodelay(true).unwrap();
        conn.set_keep_alive(false).unwrap();
        conn.set_keep_alive(true).unwrap();
        conn.set_linger(None).unwrap();
    }
    here.close().unwrap();
    assert!(here.set_nodelay(true).unwrap_err().is_closed());
}

fn a_refused_port_says_so(world: &World) {
    let listener = world.listen();
    let address = listener.addr().to_string();
    listener.close().unwrap();
    let error = world.client.dial("tcp", &address).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("dial tcp {address}: connect: connection refused")
    );
    assert_eq!(
        std::io::Error::from(error).kind(),
        std::io::ErrorKind::ConnectionRefused
    );
}

fn a_dial_that_takes_too_long_times_out(world: &World) {
    if world.is_kernel {
        return; // Every address of its namespace answers at once.
    }
    let silent = if world.tcp == "tcp4" {
        "192.0.2.77:9"
    } else {
        "[2001:db8::77]:9"
    };
    let error = world
        .client
        .dial_timeout("tcp", silent, Duration::from_millis(30))
        .unwrap_err();
    assert_eq!(error.to_string(), format!("dial tcp {silent}: i/o timeout"));
    assert!(error.timeout());
    let error = world
        .client
        .dial_timeout("tcp", silent, Duration::ZERO)
        .unwrap_err();
    assert!(error.timeout());
    eventually("the record of the dial is gone", || {
        world.client.counters().unwrap().connections_open == 0
    });
}

fn large_transfers_arrive_whole(world: &World) {
    let (here, there) = world.pair();
    let octets: Vec<u8> = (0..8u32 << 20)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    thread::scope(|scope| {
        for (from, to) in [(&here, &there), (&there, &here)] {
            let octets = &octets;
            scope.spawn(move || {
                from.write(octets).unwrap();
                from.close_write().unwrap();
            });
            scope.spawn(move || {
                let mut got = Vec::new();
                (&*to).read_to_end(&mut got).unwrap();
                assert!(got == *octets);
            });
        }
    });
}

fn std_traits_work_on_values_references_and_trait_objects(world: &World) {
    let (here, there) = world.pair();
    let mut by_value = here.clone();
    write!(by_value, "one ").unwrap();
    write!(&here, "two ").unwrap();
    let object: &dyn sidestep::Conn = &here;
    let mut reference = object;
    reference.write_all(b"three ").unwrap();
    let mut boxed: Box<dyn sidestep::Conn> = Box::new(sidestep::AnyConn::from(here.clone()));
    boxed.write_all(b"four").unwrap();
    here.close_write().unwrap();
    let mut text = String::new();
    std::io::BufReader::new(&there)
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "one two three four");
    there.write_bytes(vec![7; 10].into()).unwrap();
    assert_eq!(here.read_bytes(4).unwrap(), vec![7; 4]);
}

fn many_connections_at_once(world: &World) {
    const COUNT: usize = 100;
    let listener = world.listen();
    thread::scope(|scope| {
        let server = &listener;
        scope.spawn(move || {
            for conn in server.incoming().take(COUNT) {
                let conn = conn.unwrap();
                scope.spawn(move || {
                    let mut octet = [0];
                    while conn.read(&mut octet).unwrap() == 1 {
                        conn.write(&octet).unwrap();
                    }
                });
            }
        });
        let dialled: Vec<_> = (0..COUNT).map(|_| world.dial(&listener)).collect();
        for (number, conn) in dialled.iter().enumerate() {
            conn.write(&[number as u8]).unwrap();
        }
        for (number, conn) in dialled.iter().enumerate() {
            let mut octet = [0];
            assert_eq!(conn.read(&mut octet).unwrap(), 1);
            assert_eq!(octet[0], number as u8);
        }
        drop(dialled);
    });
}
