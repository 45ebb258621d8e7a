//! Ten thousand connections are opened, used and closed over a cable in memory: every count comes
//! back to where it began, and no thread and no descriptor is left.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use sidestep::device::memory::MemoryOptions;
use sidestep::{Config, Net, NetCounters, TCPConn};

/// How many are open at one time.
const CONNECTIONS: usize = 10_000;

/// No step takes longer than this, even on a busy machine without optimisation.
const PATIENCE: Duration = Duration::from_secs(120);

/// What there is of things that could be left behind.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Held {
    tcp: sidestep_stack::tcp::TcpCounts,
    sockets: [usize; 3],
    open: [usize; 4],
}

fn held(net: &Net) -> Held {
    let NetCounters {
        stack,
        connections_open,
        listeners_open,
        sockets_open,
        lookups_open,
        ..
    } = net.counters().unwrap();
    Held {
        tcp: stack.tcp,
        sockets: [stack.udp_sockets, stack.raw_sockets, stack.datagram_octets],
        open: [connections_open, listeners_open, sockets_open, lookups_open],
    }
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).unwrap().count()
}

/// Waits until `net` holds as much as `expected`, and says what it holds if that never comes.
fn wait_for(net: &Net, expected: &Held) {
    let began = Instant::now();
    while held(net) != *expected {
        assert!(
            began.elapsed() < PATIENCE,
            "{:?} is held, {expected:?} at the start",
            held(net)
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// The octets that connection `number` says.
fn words(number: usize) -> [u8; 16] {
    let mut words = *b"connection ....!";
    words[11..15].copy_from_slice(&(number as u32).to_be_bytes());
    words
}

fn read_all(conn: &TCPConn) -> [u8; 16] {
    let mut octets = [0; 16];
    let mut filled = 0;
    while filled < octets.len() {
        let count = conn.read(&mut octets[filled..]).unwrap();
        assert!(count > 0, "the stream ended after {filled} octets");
        filled += count;
    }
    octets
}

fn with_short_time_wait() -> sidestep::NetOptions {
    // TIME-WAIT of a minute would only make the test wait; its length is tested elsewhere.
    Net::builder().config(Config {
        time_wait_ms: 200,
        ..Config::default()
    })
}

#[test]
fn ten_thousand_connections_leave_nothing_behind() {
    let threads = entries("/proc/self/task");
    let descriptors = entries("/proc/self/fd");
    {
        let (client, server) = Net::memory_pair_with(
            MemoryOptions::default(),
            with_short_time_wait,
            with_short_time_wait,
        )
        .unwrap();
        let (client_before, server_before) = (held(&client), held(&server));

        open_use_and_close(&client, &server);

        wait_for(&client, &client_before);
        wait_for(&server, &server_before);
        client.close();
        server.close();
    }
    assert_eq!(entries("/proc/self/task"), threads, "threads are left");
    assert_eq!(
        entries("/proc/self/fd"),
        descriptors,
        "descriptors are left"
    );
}

fn open_use_and_close(client: &Net, server: &Net) {
    let listener = server
        .listen_tcp("tcp", Some(&":7000".parse().unwrap()))
        .unwrap();
    listener.set_deadline(PATIENCE * 4).unwrap();
    let accepting = thread::spawn(move || {
        let mut conns = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let conn = listener.accept_tcp().unwrap();
            conn.set_deadline(PATIENCE * 4).unwrap();
            conns.push(conn);
        }
        conns
    });
    let addresses = ["192.0.2.2:7000", "[2001:db8::2]:7000"];
    let conns: Vec<TCPConn> = (0..CONNECTIONS)
        .map(|number| {
            let remote = addresses[number % 2].parse().unwrap();
            let conn = client.dial_tcp("tcp", None, &remote).unwrap();
            conn.set_deadline(PATIENCE * 4).unwrap();
            conn
        })
        .collect();
    let accepted = accepting.join().unwrap();
    assert_eq!(held(client).open[0], CONNECTIONS);
    assert_eq!(held(server).open[0], CONNECTIONS);

    for (number, conn) in conns.iter().enumerate() {
        assert_eq!(conn.write(&words(number)).unwrap(), 16);
    }
    // All are in use at one time; the server answers each with what it said.
    for conn in &accepted {
        let said = read_all(conn);
        assert_eq!(conn.write(&said).unwrap(), 16);
    }
    for (number, conn) in conns.iter().enumerate() {
        assert_eq!(read_all(conn), words(number));
    }

    // Half are closed by the client first and half by the server; a quarter is only dropped.
    let mut first = conns;
    let last = first.split_off(CONNECTIONS / 2);
    for (number, conn) in first.into_iter().chain(accepted).chain(last).enumerate() {
        if number % 4 == 0 {
            drop(conn);
        } else {
            conn.close().unwrap();
        }
    }
}
