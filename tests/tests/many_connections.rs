//! Ten thousand connections come and go, and nothing stays: no count, no thread, no descriptor.
//!
//! The only test of its program, so that nobody else's threads and descriptors are counted.

// A failed claim is a panic with a message.
#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::thread;

use sidestep::device::memory::MemoryOptions;
use sidestep::{Config, Net, NetCounters, TCPConn, TCPListener};
use sidestep_tests::namespace_net::{PATIENCE, eventually, within};

/// So many in all.
const CONNECTIONS: usize = 10_000;
/// So many are open at one time.
const BATCH: usize = 500;

/// What must be as it was: everything but what only ever grows.
fn held(counters: &NetCounters) -> impl PartialEq + std::fmt::Debug + use<> {
    let stack = &counters.stack;
    (
        (
            stack.tcp,
            stack.udp_sockets,
            stack.raw_sockets,
            stack.datagram_octets,
            stack.lookups,
        ),
        counters.connections_open,
        counters.listeners_open,
        counters.sockets_open,
        counters.lookups_open,
    )
}

fn counters(net: &Net) -> NetCounters {
    net.counters().expect("its thread runs")
}

/// The threads and descriptors of this process.
fn possessions() -> (usize, Vec<String>) {
    let threads = fs::read_dir("/proc/self/task")
        .expect("there is /proc")
        .count();
    let mut descriptors: Vec<_> = fs::read_dir("/proc/self/fd")
        .expect("there is /proc")
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        // The one that lists them.
        .filter(|target| !target.starts_with("/proc"))
        .map(|target| target.to_string_lossy().into_owned())
        .collect();
    descriptors.sort();
    (threads, descriptors)
}

fn options() -> sidestep::NetOptions {
    Net::builder().config(Config {
        // The RFC's minute would have the ports of the earlier batches held to the end.
        time_wait_ms: 100,
        ..Config::default()
    })
}

fn patient(conn: TCPConn) -> TCPConn {
    conn.set_deadline(PATIENCE).expect("it is open");
    conn
}

/// Opens, uses and closes one batch; who closes first alternates.
fn come_and_go(client: &Net, listener: &TCPListener, batch: usize) {
    let accepting = listener.clone();
    let acceptor = thread::spawn(move || -> Vec<TCPConn> {
        let accept = || accepting.accept_tcp().expect("somebody dials");
        (0..BATCH).map(|_| patient(accept())).collect()
    });
    let dialled: Vec<_> = (0..BATCH)
        .map(|_| {
            patient(
                client
                    .dial_tcp("tcp", None, listener.addr())
                    .expect("it listens"),
            )
        })
        .collect();
    let accepted = acceptor.join().expect("all are accepted");

    for (number, conn) in dialled.iter().enumerate() {
        let text = format!("{batch} {number}");
        assert_eq!(conn.write(text.as_bytes()).expect("it is open"), text.len());
    }
    // Accepted in the order in which they were opened, one after the other.
    for (number, conn) in accepted.iter().enumerate() {
        let text = format!("{batch} {number}");
        let mut room = [0; 32];
        let octets = conn.read(&mut room).expect("it came");
        assert_eq!(&room[..octets], text.as_bytes());
        assert_eq!(conn.write(&room[..octets]).expect("it is open"), octets);
    }
    for (number, conn) in dialled.iter().enumerate() {
        let text = format!("{batch} {number}");
        let mut room = [0; 32];
        let octets = conn.read(&mut room).expect("it came back");
        assert_eq!(&room[..octets], text.as_bytes());
    }
    let (first, second) = if batch.is_multiple_of(2) {
        (dialled, accepted)
    } else {
        (accepted, dialled)
    };
    for conn in &first {
        conn.close().expect("it is open");
    }
    for conn in &second {
        assert_eq!(conn.read(&mut [0; 1]).expect("the end"), 0);
        conn.close().expect("it is open");
    }
}

#[test]
fn ten_thousand_connections_come_and_go_and_nothing_stays() {
    // The lazy parts of std and of the harness are there after a first time.
    within(PATIENCE * 3, || {
        let (client, server) = Net::memory_pair().expect("memory is enough");
        let listener = server.listen_tcp("tcp", None).expect("a port is free");
        drop((client, server, listener));
    });
    let before = possessions();
    within(PATIENCE * 6, || {
        let (client, server) = Net::memory_pair_with(MemoryOptions::default(), options, options)
            .expect("memory is enough");
        let began = (held(&counters(&client)), held(&counters(&server)));
        let local = "192.0.2.2:7000".parse().expect("a literal");
        let listener = server
            .listen_tcp("tcp", Some(&local))
            .expect("the port is free");
        listener.set_deadline(PATIENCE * 6).expect("it is open");
        for batch in 0..CONNECTIONS / BATCH {
            come_and_go(&client, &listener, batch);
        }
        listener.close().expect("it is open");
        drop(listener);
        eventually("all counts are back at their start", || {
            (held(&counters(&client)), held(&counters(&server))) == began
        });
        let done = counters(&server);
        // SYN, ACK, text and FIN of each came.
        assert!(done.packets_received >= 4 * CONNECTIONS as u64, "{done:?}");
        assert_eq!(done.device_errors, 0);
    });
    // Nobody waits for the last moment of a thread that has been joined: the kernel takes it from
    // the list a moment later.
    eventually("all threads and descriptors are gone", || {
        possessions() == before
    });
}
