//! The pipe in memory: what Go's `net.Pipe` promises, deadlines and closes included.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use sidestep::{Addr, AnyConn, Cause, Conn, Deadline, NetError, PipeConn, pipe};

const CLOSED: &str = "io: read/write on closed pipe";

fn write_in_background(
    conn: &PipeConn,
    octets: Vec<u8>,
) -> thread::JoinHandle<Result<usize, sidestep::OpError>> {
    let conn = conn.clone();
    thread::spawn(move || conn.write(&octets))
}

#[test]
fn a_write_is_matched_with_as_many_reads_as_it_takes() {
    let (a, b) = pipe();
    let writer = write_in_background(&a, b"hello, world".to_vec());
    let mut octets = [0; 5];
    for expected in [&b"hello"[..], b", wor", b"ld"] {
        let len = b.read(&mut octets).unwrap();
        assert_eq!(&octets[..len], expected);
    }
    assert_eq!(writer.join().unwrap().unwrap(), 12);
}

#[test]
fn a_read_takes_octets_of_one_write_only() {
    let (a, b) = pipe();
    let writer = thread::spawn(move || {
        a.write(b"one").unwrap();
        a.write(b"two").unwrap();
    });
    let mut octets = [0; 16];
    assert_eq!(b.read(&mut octets).unwrap(), 3);
    assert_eq!(b.read(&mut octets).unwrap(), 3);
    assert_eq!(&octets[..3], b"two");
    writer.join().unwrap();
    assert_eq!(b.read(&mut octets).unwrap(), 0, "the writer is gone");
}

#[test]
fn an_empty_write_waits_for_a_read_which_goes_on() {
    let (a, b) = pipe();
    a.set_write_deadline(Duration::from_millis(5)).unwrap();
    assert!(a.write(&[]).unwrap_err().timeout(), "nobody reads");
    a.set_write_deadline(Deadline::NONE).unwrap();
    let writer = thread::spawn({
        let a = a.clone();
        move || {
            assert_eq!(a.write(&[]).unwrap(), 0);
            a.write(b"x").unwrap()
        }
    });
    assert_eq!(b.read(&mut [0; 4]).unwrap(), 1);
    assert_eq!(writer.join().unwrap(), 1);

    // An empty read meets a write, too, and takes nothing of it.
    let writer = write_in_background(&a, b"x".to_vec());
    assert_eq!(b.read(&mut []).unwrap(), 0);
    assert_eq!(b.read(&mut [0; 4]).unwrap(), 1);
    assert_eq!(writer.join().unwrap().unwrap(), 1);
}

#[test]
fn closed_ends_fail_bare_and_the_other_end_reads_the_end() {
    let (a, b) = pipe();
    a.close().unwrap();
    a.close().unwrap();
    let text = |error: sidestep::OpError| {
        assert_eq!(error.err(), &Cause::ClosedPipe);
        assert!(error.is_closed() && !error.timeout());
        error.to_string()
    };
    assert_eq!(text(a.read(&mut [0]).unwrap_err()), CLOSED);
    assert_eq!(text(a.write(b"x").unwrap_err()), CLOSED);
    assert_eq!(text(a.set_deadline(Deadline::NONE).unwrap_err()), CLOSED);
    assert_eq!(b.read(&mut [0]).unwrap(), 0);
    assert_eq!(b.read(&mut [0]).unwrap(), 0);
    assert_eq!(text(b.write(b"x").unwrap_err()), CLOSED);
    assert_eq!(
        text(b.set_read_deadline(Deadline::NONE).unwrap_err()),
        CLOSED
    );
    b.close().unwrap();
    assert_eq!(text(b.read(&mut [0]).unwrap_err()), CLOSED);
}

#[test]
fn deadlines_come_first_are_timeouts_and_can_be_moved() {
    let (a, b) = pipe();
    a.set_deadline(Deadline::past()).unwrap();
    for error in [a.read(&mut [0]).unwrap_err(), a.read(&mut []).unwrap_err()] {
        assert_eq!(error.to_string(), "read pipe: i/o timeout");
        assert!(error.timeout());
    }
    for error in [a.write(b"x").unwrap_err(), a.write(b"").unwrap_err()] {
        assert_eq!(error.to_string(), "write pipe: i/o timeout");
    }
    a.set_deadline(Deadline::NONE).unwrap();
    let writer = write_in_background(&b, b"now".to_vec());
    assert_eq!(a.read(&mut [0; 4]).unwrap(), 3);
    writer.join().unwrap().unwrap();
    // One that waits sees the deadline that is set now.
    let reader = thread::spawn({
        let a = a.clone();
        move || a.read(&mut [0; 4])
    });
    a.set_read_deadline(Deadline::past()).unwrap();
    assert!(reader.join().unwrap().unwrap_err().timeout());
}

#[test]
fn a_write_that_times_out_says_how_much_was_read_and_keeps_the_rest() {
    let (a, b) = pipe();
    let writer = write_in_background(&a, vec![7; 100]);
    assert_eq!(b.read(&mut [0; 60]).unwrap(), 60);
    a.set_write_deadline(Deadline::past()).unwrap();
    let error = writer.join().unwrap().unwrap_err();
    assert!(error.timeout());
    assert_eq!(error.written(), 60);
    // What was not read is gone, not left for the next read.
    b.set_read_deadline(Duration::from_millis(5)).unwrap();
    assert!(b.read(&mut [0; 60]).unwrap_err().timeout());
}

#[test]
fn close_wakes_both_ends() {
    for close_own_end in [true, false] {
        let (a, b) = pipe();
        let (reader, writer) = (a.clone(), a.clone());
        let read = thread::spawn(move || reader.read(&mut [0; 4]));
        let written = thread::spawn(move || writer.write(&[0; 4]));
        if close_own_end { &a } else { &b }.close().unwrap();
        match (close_own_end, read.join().unwrap()) {
            (true, Err(error)) => assert_eq!(error.to_string(), CLOSED),
            (false, Ok(0)) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(written.join().unwrap().unwrap_err().to_string(), CLOSED);
    }
}

#[test]
fn concurrent_writes_are_not_mixed() {
    let (a, mut b) = pipe();
    let writers: Vec<_> = (1..=3_u8)
        .map(|letter| write_in_background(&a, vec![letter; 1_000]))
        .collect();
    let mut got = vec![0; 3_000];
    for piece in got.chunks_mut(77) {
        b.read_exact(piece).unwrap();
    }
    for call in got.chunks(1_000) {
        assert!(call.iter().all(|octet| *octet == call[0]));
    }
    for writer in writers {
        assert_eq!(writer.join().unwrap().unwrap(), 1_000);
    }
}

#[test]
fn an_end_is_a_connection_like_others() {
    let (a, b) = pipe();
    assert_eq!(Conn::local_addr(&a).to_string(), "pipe");
    assert_eq!(Conn::remote_addr(&a).unwrap().network(), "pipe");
    let any = AnyConn::from(a);
    assert!(any.as_tcp().is_none());
    let echo = thread::spawn(move || std::io::copy(&mut &b, &mut &b).unwrap());
    (&any).write_all(b"through std's traits").unwrap();
    let mut octets = [0; 20];
    (&any).read_exact(&mut octets).unwrap();
    assert_eq!(&octets, b"through std's traits");
    drop(any);
    assert_eq!(echo.join().unwrap(), 20);
}
