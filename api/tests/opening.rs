//! How connections begin, as an application chooses it: Fast Open, deferral, and a decision before the
//! SYN-ACK.

#![allow(clippy::unwrap_used)]

use std::thread;
use std::time::{Duration, Instant};

use sidestep::device::memory::{MemoryOptions, cable};
use sidestep::{Cause, Errno, Net, NetError, NetOptions};
use sidestep_stack::call::ResolverSettings;

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn the_second_fast_open_goes_with_its_syn() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server.listen_config().fast_open(16);
    let listener = listener.listen_tcp("tcp4", None).unwrap();
    let at = format!("192.0.2.2:{}", listener.addr().port);
    for (round, fast) in [(0, 0), (1, 1), (2, 2)] {
        let dialer = client.dialer().timeout(PATIENCE).fast_open("GET /");
        let conn = dialer.dial("tcp4", &at).unwrap();
        let accepted = listener.accept_tcp().unwrap();
        let mut text = [0; 5];
        accepted.read(&mut text).unwrap();
        assert_eq!(&text, b"GET /", "{round}");
        accepted.write(b"200 OK").unwrap();
        let mut answer = [0; 6];
        conn.read(&mut answer).unwrap();
        assert_eq!(&answer, b"200 OK");
        conn.write(b"more").unwrap();
        let mut more = [0; 4];
        accepted.read(&mut more).unwrap();
        assert_eq!(&more, b"more");
        let counters = server.counters().unwrap();
        assert_eq!(counters.stack.openings.fast_opens_accepted, fast);
    }
}

#[test]
fn a_first_text_that_is_too_long_is_refused() {
    let (client, _server) = Net::memory_pair().unwrap();
    let dialer = client.dialer().fast_open(vec![0; 2_049]);
    let error = dialer.dial("tcp4", "192.0.2.2:80").unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EMSGSIZE));
}

#[test]
fn the_kernel_is_told_the_first_text_after_the_handshake() {
    let host = Net::host();
    let listener = host.listen("tcp4", "127.0.0.1:0").unwrap();
    let at = listener.addr().to_string();
    let _conn = host.dialer().fast_open("hello").dial("tcp4", &at).unwrap();
    let accepted = listener.accept().unwrap();
    let mut text = [0; 5];
    accepted.read(&mut text).unwrap();
    assert_eq!(&text, b"hello");
}

#[test]
fn a_deferred_connection_is_accepted_with_its_first_text() {
    let (client, server) = Net::memory_pair().unwrap();
    let config = server.listen_config().defer_accept(PATIENCE);
    let listener = config.listen_tcp("tcp4", None).unwrap();
    let at = format!("192.0.2.2:{}", listener.addr().port);
    let conn = client.dial("tcp4", &at).unwrap();
    listener
        .set_deadline(Instant::now() + Duration::from_millis(50))
        .unwrap();
    assert!(listener.accept_tcp().unwrap_err().timeout());
    listener.set_deadline(Instant::now() + PATIENCE).unwrap();
    conn.write(b"hello").unwrap();
    let accepted = listener.accept_tcp().unwrap();
    let mut text = [0; 5];
    accepted.read(&mut text).unwrap();
    assert_eq!(&text, b"hello");
}

#[test]
fn a_listener_that_asks_accepts_refuses_or_says_nothing() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server.listen_config().ask_first();
    let listener = listener.listen_tcp("tcp4", None).unwrap();
    let at = format!("192.0.2.2:{}", listener.addr().port);
    let dial = |timeout| {
        let (client, at) = (client.clone(), at.clone());
        thread::spawn(move || client.dial_timeout("tcp4", &at, timeout))
    };

    let dialled = dial(PATIENCE);
    let pending = listener.accept_syn().unwrap();
    assert_eq!(pending.local_addr().to_string(), at);
    assert!(pending.syn().sack_permitted);
    let remote = pending.remote_addr().clone();
    pending.accept().unwrap();
    let conn = listener.accept_tcp().unwrap();
    assert_eq!(conn.remote_addr().to_string(), remote.to_string());
    dialled.join().unwrap().unwrap();

    let dialled = dial(PATIENCE);
    listener.accept_syn().unwrap().reset().unwrap();
    let error = dialled.join().unwrap().unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ECONNREFUSED));

    let dialled = dial(Duration::from_millis(300));
    drop(listener.accept_syn().unwrap());
    assert!(dialled.join().unwrap().unwrap_err().timeout());

    listener.close().unwrap();
    assert!(matches!(
        listener.accept_syn().unwrap_err().err(),
        Cause::Closed
    ));
}

#[test]
fn a_listener_that_does_not_ask_has_no_syns() {
    let (_client, server) = Net::memory_pair().unwrap();
    let listener = server.listen_tcp("tcp4", None).unwrap();
    let error = listener.accept_syn().unwrap_err();
    assert!(matches!(error.err(), Cause::NotSupported));
}

#[test]
fn a_forwarder_stands_in_for_every_address() {
    let (ours, theirs) = cable(MemoryOptions::default()).unwrap();
    let server = NetOptions::new()
        .device(theirs)
        .address([192, 0, 2, 2].into(), 24)
        .any_address()
        .resolver(ResolverSettings::default())
        .start()
        .unwrap();
    let client = NetOptions::new()
        .device(ours)
        .address([192, 0, 2, 1].into(), 24)
        .route([203, 0, 113, 0].into(), 24)
        .resolver(ResolverSettings::default())
        .start()
        .unwrap();
    let listener = server.listen_config().ask_first();
    let listener = listener.listen("tcp4", ":443").unwrap();
    let listener = listener.as_tcp().unwrap().clone();
    let forwarder = thread::spawn(move || {
        for _ in 0..2 {
            let pending = listener.accept_syn().unwrap();
            if pending.local_addr().to_string() == "203.0.113.7:443" {
                pending.accept().unwrap();
            } else {
                pending.reset().unwrap();
            }
        }
        let conn = listener.accept_tcp().unwrap();
        let local = conn.local_addr().to_string();
        conn.write(local.as_bytes()).unwrap();
    });
    let refused = client.dial_timeout("tcp4", "203.0.113.8:443", PATIENCE);
    assert_eq!(refused.unwrap_err().errno(), Some(Errno::ECONNREFUSED));
    let conn = client
        .dial_timeout("tcp4", "203.0.113.7:443", PATIENCE)
        .unwrap();
    let mut local = [0; 15];
    conn.read(&mut local).unwrap();
    assert_eq!(&local, b"203.0.113.7:443");
    forwarder.join().unwrap();
}
