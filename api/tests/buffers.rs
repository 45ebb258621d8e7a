//! Many slices written as one: all of them or what was taken, on every kind of connection.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::VecDeque;
use std::io::{IoSlice, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use sidestep::{AnyConn, Buffers, Conn, Net, NetError, Op, conn_from_fd, pipe};

const PATIENCE: Duration = Duration::from_secs(20);

/// Connected pairs: our stack, the host's TCP-less stream, and the pipe.
fn pairs() -> Vec<(&'static str, AnyConn, AnyConn)> {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server.listen("tcp", ":7000").unwrap();
    let dialled = client.dial("tcp", "192.0.2.2:7000").unwrap();
    let accepted = listener.accept().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let unix = (
        conn_from_fd(ours.into()).unwrap(),
        conn_from_fd(theirs.into()).unwrap(),
    );
    let (a, b) = pipe();
    let pairs = vec![
        ("stack", dialled, accepted),
        ("unix", unix.0, unix.1),
        ("pipe", a.into(), b.into()),
    ];
    for (_, one, other) in &pairs {
        one.set_deadline(PATIENCE).unwrap();
        other.set_deadline(PATIENCE).unwrap();
    }
    pairs
}

fn read_all(conn: AnyConn) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut octets = Vec::new();
        (&conn).read_to_end(&mut octets).unwrap();
        octets
    })
}

#[test]
fn all_slices_arrive_in_order_and_are_taken_out() {
    for (kind, one, other) in pairs() {
        let slices: Vec<Bytes> = (0..2_500_usize)
            .map(|i| vec![(i % 251) as u8; (i * 7) % 300].into())
            .collect();
        let sent = slices.concat();
        let mut buffers = Buffers::from(slices);
        assert_eq!(buffers.octets(), sent.len());
        let reader = read_all(other);
        assert_eq!(buffers.write_to(&one).unwrap(), sent.len(), "{kind}");
        assert!(buffers.is_empty() && buffers.octets() == 0);
        one.close().unwrap();
        assert!(reader.join().unwrap() == sent, "{kind}");
    }
}

#[test]
fn what_a_deadline_left_can_be_written_later() {
    for (kind, one, other) in pairs() {
        let sent: Vec<u8> = (0..16_000_000_u32).map(|i| (i % 251) as u8).collect();
        let mut buffers: Buffers = sent.chunks(100_000).map(Bytes::copy_from_slice).collect();
        one.set_write_deadline(Duration::from_millis(30)).unwrap();
        let mut begun = [0; 1_000];
        let reader = other.clone();
        // So that the pipe, too, takes some.
        let first = thread::spawn(move || {
            (&reader).read_exact(&mut begun).unwrap();
            begun
        });
        let error = buffers.write_to(&one).unwrap_err();
        assert!(error.timeout(), "{kind}: {error}");
        let written = error.written();
        assert!((1_000..sent.len()).contains(&written), "{kind}: {written}");
        assert_eq!(buffers.octets(), sent.len() - written, "{kind}");
        assert_eq!(first.join().unwrap(), sent[..1_000]);

        let reader = read_all(other);
        one.set_write_deadline(PATIENCE).unwrap();
        assert_eq!(buffers.write_to(&one).unwrap(), sent.len() - written);
        one.close().unwrap();
        assert!(reader.join().unwrap() == sent[1_000..], "{kind}");
    }
}

#[test]
fn the_slices_of_one_call_are_never_mixed_with_another_write() {
    for (kind, one, other) in pairs() {
        if kind == "pipe" {
            // As in Go, the pipe takes one slice after the other.
            continue;
        }
        const EACH: usize = 400_000;
        let reader = read_all(other);
        let writers: Vec<_> = (1..=4_u8)
            .map(|letter| {
                let one = one.clone();
                thread::spawn(move || {
                    if letter % 2 == 0 {
                        return one.write(&vec![letter; EACH]).unwrap();
                    }
                    let slice = Bytes::from(vec![letter; EACH / 100]);
                    let mut buffers: Buffers = (0..100).map(|_| slice.clone()).collect();
                    buffers.write_to(&one).unwrap()
                })
            })
            .collect();
        for writer in writers {
            assert_eq!(writer.join().unwrap(), EACH);
        }
        one.close().unwrap();
        let got = reader.join().unwrap();
        assert_eq!(got.len(), 4 * EACH);
        for call in got.chunks(EACH) {
            assert!(call.iter().all(|octet| *octet == call[0]), "{kind}");
        }
    }
}

#[test]
fn failures_carry_gos_operation() {
    for (kind, one, _other) in pairs() {
        one.close().unwrap();
        let mut buffers = Buffers::from_iter(["a", "b"]);
        let error = buffers.write_to(&one).unwrap_err();
        assert!(error.is_closed());
        assert_eq!(buffers.len(), 2);
        match kind {
            "stack" => {
                assert_eq!(error.op(), Op::WriteV);
                let text = error.to_string();
                assert!(text.starts_with("writev tcp 192.0.2.1:"), "{text}");
            }
            "unix" => assert_eq!(
                error.to_string(),
                "writev unix @->@: use of closed network connection"
            ),
            _ => assert_eq!(error.to_string(), "io: read/write on closed pipe"),
        }
    }
}

#[test]
fn datagrams_are_made_of_all_slices() {
    let (client, server) = Net::memory_pair().unwrap();
    let socket = server.listen_packet("udp", ":7000").unwrap();
    socket.set_deadline(PATIENCE).unwrap();
    let conn = client.dial("udp", "192.0.2.2:7000").unwrap();
    let mut buffers = Buffers::from_iter(["one ", "datagram"]);
    assert_eq!(buffers.write_to(&conn).unwrap(), 12);
    let mut octets = [0; 32];
    let (len, _) = socket.read_from(&mut octets).unwrap();
    assert_eq!(&octets[..len], b"one datagram");
}

#[test]
fn reading_takes_out_too() {
    let mut buffers = Buffers::new();
    assert_eq!(buffers.read(&mut [0; 4]), 0);
    buffers.push("abc");
    buffers.push("");
    buffers.push(vec![b'd', b'e']);
    buffers.extend(["fgh"]);
    let mut octets = [0; 4];
    assert_eq!(buffers.read(&mut octets), 4);
    assert_eq!(&octets, b"abcd");
    assert_eq!(buffers.octets(), 4);
    assert_eq!(buffers.read(&mut []), 0);
    let mut rest = String::new();
    Read::read_to_string(&mut buffers, &mut rest).unwrap();
    assert_eq!(rest, "efgh");
    assert!(buffers.is_empty());

    let mut buffers = Buffers::from_iter(["abc", "", "de"]);
    buffers.consume(3);
    assert_eq!(buffers.iter().collect::<VecDeque<_>>(), ["de"]);
    buffers.consume(9);
    assert!(buffers.is_empty());
}

#[test]
fn stds_vectored_writes_take_many_slices_at_once() {
    for (kind, one, other) in pairs() {
        let pieces = [&b"a"[..], b"", b"bcd", b"ef"];
        let slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let reader = read_all(other);
        let taken = (&one).write_vectored(&slices).unwrap();
        assert_eq!(taken, if kind == "pipe" { 1 } else { 6 }, "{kind}");
        assert_eq!((&one).write_vectored(&[]).unwrap(), 0);
        Conn::close(&one).unwrap();
        assert_eq!(reader.join().unwrap(), b"abcdef"[..taken]);
    }
}
