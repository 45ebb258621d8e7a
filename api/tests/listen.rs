//! Listeners and their config: backlog, shared ports, hooks, and Go's families of tests about
//! closing and accepting.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sidestep::{Cause, Errno, Net, NetAddr, NetError, Op, UDPAddr};
use support::{PATIENCE, World, eventually};

in_all_worlds! {
    closing_listener
    tcp_concurrent_accept
    a_hook_of_a_listener_sees_its_address_and_may_refuse
    several_listeners_share_a_port_if_all_say_so
    incoming_ends_when_the_listener_is_closed
    who_dials_and_resets_at_once_is_accepted
}

/// Go's TestClosingListener: a port is free as soon as its listener is closed, even with
/// connections about.
fn closing_listener(world: &World) {
    let listener = world.listen();
    let port = listener.addr().port;
    let closing = listener.clone();
    let server = thread::spawn(move || {
        while let Ok(conn) = listener.accept_tcp() {
            drop(conn);
        }
    });
    let at = world.at(port);
    let _conn = world.client.dial_timeout(world.tcp, &at, PATIENCE).unwrap();
    closing.close().unwrap();
    server.join().unwrap();
    let again = world.server.listen(world.tcp, &at).unwrap();
    assert_eq!(again.addr().port(), Some(port));
}

/// Go's TestTCPConcurrentAccept: many accept from one listener, and all end when it is closed.
fn tcp_concurrent_accept(world: &World) {
    const ACCEPTORS: usize = 10;
    const DIALS: usize = 100;
    let listener = world.listen();
    let accepted = Arc::new(AtomicUsize::new(0));
    let acceptors: Vec<_> = (0..ACCEPTORS)
        .map(|_| {
            let listener = listener.clone();
            let accepted = Arc::clone(&accepted);
            thread::spawn(move || {
                for conn in listener.incoming() {
                    drop(conn.unwrap());
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let at = world.at(listener.addr().port);
    let dials: Vec<_> = (0..DIALS)
        .map(|_| world.client.dial_timeout(world.tcp, &at, PATIENCE).unwrap())
        .collect();
    eventually("all are taken", || {
        accepted.load(Ordering::Relaxed) == DIALS
    });
    listener.close().unwrap();
    for acceptor in acceptors {
        acceptor.join().unwrap();
    }
    drop(dials);
}

fn a_hook_of_a_listener_sees_its_address_and_may_refuse(world: &World) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let config = world
        .server
        .listen_config()
        .control(move |network, address, _| {
            notes.lock().unwrap().push(format!("{network} {address}"));
            Ok(())
        });
    let at = world.at(0);
    config.listen("tcp", &at).unwrap();
    config.listen_packet("udp", &at).unwrap();
    config.listen("tcp", ":0").unwrap();
    config.listen(world.tcp, ":0").unwrap();
    let expected = [
        format!("{} {at}", world.tcp),
        format!("{} {at}", world.udp),
        "tcp6 :0".to_owned(),
        format!("{} :0", world.tcp),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);

    let refusing = world
        .server
        .listen_config()
        .control(|_, _, _| Err(Cause::NotSupported));
    let error = refusing.listen("tcp", &at).unwrap_err();
    assert_eq!(error.op(), Op::Listen);
    assert_eq!(
        error.to_string(),
        format!("listen tcp {at}: network not supported")
    );
}

fn several_listeners_share_a_port_if_all_say_so(world: &World) {
    const FLOWS: usize = 64;
    let sharing = world.server.listen_config().reuse_port(true);
    let first = sharing.listen("tcp", &world.at(0)).unwrap();
    let at = first.addr().to_string();
    let second = sharing.listen("tcp", &at).unwrap();
    let error = world.server.listen("tcp", &at).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EADDRINUSE));
    let conns: Vec<_> = (0..FLOWS)
        .map(|_| world.client.dial_timeout("tcp", &at, PATIENCE).unwrap())
        .collect();
    let mut taken = [0; 2];
    for (count, listener) in taken.iter_mut().zip([&first, &second]) {
        listener.set_deadline(Duration::from_millis(300)).unwrap();
        while let Ok(conn) = listener.accept() {
            assert!(
                conns
                    .iter()
                    .any(|it| Some(it.local_addr()) == conn.remote_addr())
            );
            *count += 1;
        }
    }
    assert_eq!(taken[0] + taken[1], FLOWS);
    // A fair hash leaves one of them with none once in 2^63 runs.
    assert!(taken[0] > 0 && taken[1] > 0, "{taken:?}");
    drop((first, second));
    eventually("the port is free", || {
        world.server.listen("tcp", &at).is_ok()
    });
}

#[allow(dead_code)]
fn several_sockets_share_a_port_if_all_say_so(world: &World) {
    const FLOWS: usize = 64;
    let sharing = world.server.listen_config().reuse_port(true);
    let first = sharing.listen_packet("udp", &world.at(0)).unwrap();
    let at = first.local_addr();
    let second = sharing.listen_packet("udp", &at.to_string()).unwrap();
    let alone = world.server.listen_packet("udp", &at.to_string());
    assert_eq!(alone.unwrap_err().errno(), Some(Errno::EADDRINUSE));
    let mut senders: HashMap<NetAddr, usize> = HashMap::new();
    let mut clients = Vec::new();
    for _ in 0..FLOWS {
        let client = world.client.dial("udp", &at.to_string()).unwrap();
        client.write(b"one").unwrap();
        client.write(b"two").unwrap();
        clients.push(client);
    }
    for (owner, socket) in [&first, &second].into_iter().enumerate() {
        socket.set_deadline(Duration::from_millis(300)).unwrap();
        while let Ok((_, from)) = socket.read_from(&mut [0; 8]) {
            let before = senders.insert(from, owner);
            assert!(
                before.is_none_or(|before| before == owner),
                "a flow has one owner"
            );
        }
    }
    assert_eq!(senders.len(), FLOWS);
    let of_first = senders.values().filter(|owner| **owner == 0).count();
    assert!(of_first > 0 && of_first < FLOWS, "{of_first}");
}

/// However close together the last of the handshake and the reset come: the kernel keeps it in the
/// queue, too.
fn who_dials_and_resets_at_once_is_accepted(world: &World) {
    let listener = world.listen();
    for _ in 0..100 {
        let conn = world.dial(&listener);
        let dialled_from = conn.local_addr().to_string();
        conn.set_linger(Some(Duration::ZERO)).unwrap();
        conn.close().unwrap();
        listener.set_deadline(PATIENCE).unwrap();
        let accepted = listener.accept_tcp().unwrap();
        assert_eq!(accepted.remote_addr().to_string(), dialled_from);
        accepted.set_deadline(PATIENCE).unwrap();
        let error = accepted.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::ECONNRESET), "{error}");
    }
}

fn incoming_ends_when_the_listener_is_closed(world: &World) {
    let listener = world.listen();
    let conn = world.dial(&listener);
    let mut incoming = listener.incoming();
    let accepted = incoming.next().unwrap().unwrap();
    assert_eq!(accepted.remote_addr(), conn.local_addr());
    listener.set_deadline(Duration::ZERO).unwrap();
    let timeout = incoming.next().unwrap().unwrap_err();
    assert!(timeout.timeout(), "a deadline does not end it: {timeout}");
    listener.close().unwrap();
    assert!(incoming.next().is_none());
}

#[test]
fn a_full_backlog_keeps_newcomers_out_until_somebody_is_accepted() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server
        .listen_config()
        .backlog(2)
        .listen("tcp", "192.0.2.2:80")
        .unwrap();
    let dial = |timeout| client.dial_timeout("tcp", "192.0.2.2:80", timeout);
    let _first = dial(PATIENCE).unwrap();
    let _second = dial(PATIENCE).unwrap();
    eventually("both wait to be accepted", || {
        server.counters().unwrap().stack.tcp.connections == 2
    });
    let third = dial(Duration::from_millis(100)).unwrap_err();
    assert!(third.timeout(), "{third}");
    let late = thread::spawn({
        let client = client.clone();
        move || client.dial_timeout("tcp", "192.0.2.2:80", PATIENCE)
    });
    listener.accept().unwrap();
    late.join().unwrap().unwrap();
}

#[test]
fn a_backlog_of_zero_is_one() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server
        .listen_config()
        .backlog(0)
        .listen("tcp", ":80")
        .unwrap();
    let _conn = client
        .dial_timeout("tcp", "192.0.2.2:80", PATIENCE)
        .unwrap();
    listener.set_deadline(PATIENCE).unwrap();
    listener.accept().unwrap();
}

#[test]
fn a_datagram_to_a_socket_that_was_just_closed_is_refused() {
    let (client, server) = Net::memory_pair().unwrap();
    // Few enough for the limit on ICMP errors.
    for _ in 0..5 {
        let local: UDPAddr = "192.0.2.2:53".parse().unwrap();
        let socket = server.listen_udp("udp", Some(&local)).unwrap();
        let peer = client.dial_udp("udp", None, &local).unwrap();
        peer.set_deadline(PATIENCE).unwrap();
        peer.write(b"heard").unwrap();
        socket.set_deadline(PATIENCE).unwrap();
        socket.read(&mut [0; 8]).unwrap();
        socket.close().unwrap();
        // No sleep in between: once `close` has returned nobody is there.
        peer.write(b"unheard").unwrap();
        let error = peer.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::ECONNREFUSED), "{error}");
    }
}

#[test]
fn the_listen_config_of_the_crate_uses_the_entered_network() {
    let (net, _other) = Net::memory_pair().unwrap();
    let config = sidestep::ListenConfig::new();
    assert_eq!(
        *config.listen("tcp", ":1").unwrap_err().err(),
        Cause::NoStack
    );
    let _entered = net.enter();
    let listener = config.listen("tcp", ":1").unwrap();
    sidestep::dial_tcp("tcp", None, listener.as_tcp().unwrap().addr()).unwrap();
}
