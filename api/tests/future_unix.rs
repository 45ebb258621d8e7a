//! Unix sockets and pipes for tasks: the same contract without threads.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used)]

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use async_io::block_on;
use sidestep::{Deadline, NetError, UnixAddr, future, pipe};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn name(test: &str) -> String {
    format!("@sidestep-future-{test}-{}", std::process::id())
}

fn pair(test: &str) -> (future::UnixListener, future::UnixConn, future::UnixConn) {
    let addr = UnixAddr::stream(name(test));
    let listener: future::UnixListener = sidestep::listen_unix("unix", &addr).unwrap().into();
    let dialled = sidestep::dial_unix("unix", None, &addr).unwrap();
    let accepted = block_on(listener.accept()).unwrap();
    (listener, dialled.into(), accepted)
}

/// Polls once, as a task does that is dropped before its next poll.
fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    let mut future = std::pin::pin!(future);
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn many_octets_cross_a_unix_stream_between_tasks_and_threads() {
    let (_listener, dialled, accepted) = pair("octets");
    let sent: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    let echo = thread::spawn(move || {
        let conn = sidestep::UnixConn::from(accepted);
        let mut octets = vec![0; 3_000_000];
        std::io::Read::read_exact(&mut &conn, &mut octets).unwrap();
        conn.write(&octets).unwrap();
    });
    block_on(async {
        assert_eq!(dialled.write(&sent).await.unwrap(), sent.len());
        let mut got = vec![0; sent.len()];
        let mut reader = dialled.clone();
        reader.read_exact(&mut got).await.unwrap();
        assert!(got == sent);
    });
    echo.join().unwrap();
}

#[test]
fn a_write_that_is_dropped_gives_the_turn_up() {
    let (_listener, dialled, accepted) = pair("turn");
    let octets = vec![1; 8 << 20];
    assert!(poll_once(dialled.write(&octets)).is_pending());
    let drain = thread::spawn(move || {
        let conn = sidestep::UnixConn::from(accepted);
        std::io::copy(&mut &conn, &mut std::io::sink()).unwrap()
    });
    assert_eq!(block_on(dialled.write(b"next")).unwrap(), 4);
    dialled.close().unwrap();
    assert!(drain.join().unwrap() > 4);
}

#[test]
fn close_and_deadlines_wake_tasks() {
    let (listener, dialled, _accepted) = pair("wake");
    let closer = (listener.clone(), dialled.clone());
    let reader = thread::spawn(move || block_on(dialled.read(&mut [0; 4])));
    let acceptor = thread::spawn(move || block_on(listener.accept()).map(|_| ()));
    closer.1.set_deadline(Deadline::past()).unwrap();
    assert!(reader.join().unwrap().unwrap_err().timeout());
    closer.0.close().unwrap();
    assert!(acceptor.join().unwrap().unwrap_err().is_closed());
    closer.1.set_deadline(Duration::from_millis(5)).unwrap();
    assert!(block_on(closer.1.read(&mut [0; 4])).unwrap_err().timeout());
}

#[test]
fn datagrams_name_their_sender_to_tasks() {
    let socket = |test: &str| -> future::UnixConn {
        let addr = UnixAddr::datagram(name(test));
        sidestep::listen_unixgram("unixgram", &addr).unwrap().into()
    };
    let (here, there) = (socket("here"), socket("there"));
    block_on(async {
        let sent = here.write_to_unix(b"hello", there.local_addr()).await;
        assert_eq!(sent.unwrap(), 5);
        let mut octets = [0; 8];
        let (len, from) = there.read_from_unix(&mut octets).await.unwrap();
        assert_eq!((len, from.as_ref()), (5, Some(here.local_addr())));
    });
}

#[test]
fn a_task_and_a_thread_meet_in_a_pipe() {
    let (a, b) = pipe();
    let mut a = future::PipeConn::from(a);
    let thread = thread::spawn(move || {
        let mut octets = [0; 5];
        for expected in [&b"hello"[..], b", wor", b"ld"] {
            let len = b.read(&mut octets).unwrap();
            assert_eq!(&octets[..len], expected);
        }
        b.write(b"back").unwrap();
        b
    });
    block_on(async {
        assert_eq!(a.write(b"hello, world").await.unwrap(), 12);
        let mut octets = [0; 4];
        assert_eq!(a.read(&mut octets).await.unwrap(), 4);
        let b = thread.join().unwrap();
        // The traits: short writes that add up, and an end.
        let copy = thread::spawn(move || {
            let mut got = String::new();
            std::io::Read::read_to_string(&mut &b, &mut got).unwrap();
            got
        });
        a.write_all(b"through tokio's traits").await.unwrap();
        a.shutdown().await.unwrap();
        assert_eq!(copy.join().unwrap(), "through tokio's traits");
    });
}

#[test]
fn a_write_to_a_pipe_that_is_dropped_takes_its_octets_back() {
    let (a, b) = pipe();
    let a = future::PipeConn::from(a);
    assert!(poll_once(a.write(b"gone")).is_pending());
    b.set_read_deadline(Duration::from_millis(5)).unwrap();
    assert!(b.read(&mut [0; 4]).unwrap_err().timeout());

    let mut polled = a.clone();
    let once = poll_fn(|cx| Poll::Ready(polled.poll_write(cx, b"gone, too").is_pending()));
    assert!(block_on(once));
    drop(polled);
    b.set_read_deadline(Deadline::NONE).unwrap();
    let writer = thread::spawn(move || block_on(a.write(b"here")));
    let mut octets = [0; 8];
    assert_eq!(b.read(&mut octets).unwrap(), 4);
    assert_eq!(&octets[..4], b"here");
    assert_eq!(writer.join().unwrap().unwrap(), 4);
}

#[test]
fn any_connection_may_be_unix_or_a_pipe() {
    let (_listener, dialled, accepted) = pair("any");
    let dialled = future::AnyConn::from(sidestep::AnyConn::from(sidestep::UnixConn::from(dialled)));
    let (a, b) = pipe();
    let a = future::AnyConn::from(sidestep::AnyConn::from(a));
    let reader = thread::spawn(move || b.read(&mut [0; 8]).unwrap());
    block_on(async {
        dialled.write(b"hello").await.unwrap();
        assert_eq!(accepted.read(&mut [0; 8]).await.unwrap(), 5);
        a.write(b"hello").await.unwrap();
        assert_eq!(a.local_addr().to_string(), "pipe");
    });
    assert_eq!(reader.join().unwrap(), 5);
}
