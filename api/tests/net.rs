//! The handle: entering, installing, wildcards, names, errors' texts, ping, and every kind of end.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};
use sidestep::device::{Capabilities, Device, OutPacket, Packet};
use sidestep::{
    Cause, Deadline, Errno, Net, NetAddr, NetError, ResolverSettings, StartError, TCPAddr,
};
use support::{PATIENCE, World, eventually};

#[test]
fn free_functions_need_a_network_and_say_how_to_get_one() {
    let error = sidestep::dial("tcp", "192.0.2.2:1").unwrap_err();
    assert_eq!(*error.err(), Cause::NoStack);
    let (here, there) = Net::memory_pair().unwrap();
    let listener = there.listen("tcp", ":9").unwrap();
    {
        let _outer = there.enter();
        {
            let _inner = here.enter();
            sidestep::dial("tcp", "192.0.2.2:9").unwrap();
        }
        // On its own stack it is reached as well.
        sidestep::dial("tcp", ":9").unwrap();
        assert_eq!(sidestep::lookup_host("192.0.2.9").unwrap(), ["192.0.2.9"]);
    }
    assert_eq!(
        *sidestep::listen("tcp", ":1").unwrap_err().err(),
        Cause::NoStack
    );
    assert!(here.install().is_none());
    thread::spawn(|| sidestep::dial_timeout("tcp", "192.0.2.2:9", PATIENCE).unwrap())
        .join()
        .unwrap();
    assert!(Net::uninstall().is_some());
    drop(listener);
}

#[test]
fn errors_have_the_texts_of_go() {
    let (net, _other) = Net::memory_pair().unwrap();
    let dial = |network: &str, address: &str| net.dial(network, address).unwrap_err().to_string();
    let listen =
        |network: &str, address: &str| net.listen(network, address).unwrap_err().to_string();
    assert_eq!(dial("foo", "x:1"), "dial foo: unknown network foo");
    assert_eq!(dial("tcp", ""), "dial tcp: missing address");
    assert_eq!(
        dial("tcp", "192.0.2.2"),
        "dial tcp: address 192.0.2.2: missing port in address"
    );
    assert_eq!(
        dial("tcp4", "[::1]:80"),
        "dial tcp4: address ::1: no suitable address found"
    );
    assert_eq!(
        dial("tcp", "198.51.100.1:80"),
        "dial tcp 198.51.100.1:80: connect: network is unreachable"
    );
    assert_eq!(
        dial("tcp", "192.0.2.2:81"),
        "dial tcp 192.0.2.2:81: connect: connection refused"
    );
    assert_eq!(listen("foo", ":0"), "listen foo: unknown network foo");
    assert_eq!(
        listen("tcp", ":99999"),
        "listen tcp: address 99999: invalid port"
    );
    assert_eq!(
        listen("tcp", "192.0.2.99:80"),
        "listen tcp 192.0.2.99:80: bind: cannot assign requested address"
    );
    assert_eq!(
        listen("udp", ":0"),
        "listen udp :0: address :0: unexpected address type"
    );
    assert_eq!(
        net.dial_udp("tcp", None, &"192.0.2.2:1".parse().unwrap())
            .unwrap_err()
            .to_string(),
        "dial tcp 192.0.2.2:1: unknown network tcp"
    );
}

#[test]
fn names_are_looked_up_in_the_hosts_file_and_dialled() {
    let settings = ResolverSettings {
        hosts: "192.0.2.2 server.example server\n2001:db8::2 server.example\n".into(),
        ..ResolverSettings::default()
    };
    let (client, server) = Net::memory_pair_with(
        sidestep::device::memory::MemoryOptions::default(),
        || Net::builder().resolver(settings),
        Net::builder,
    )
    .unwrap();
    let mut found = client.lookup_host("server.example").unwrap();
    found.sort();
    assert_eq!(found, ["192.0.2.2", "2001:db8::2"]);
    assert_eq!(client.lookup_host("server").unwrap(), ["192.0.2.2"]);
    assert_eq!(client.lookup_host("fe80::1%lo").unwrap(), ["fe80::1%lo"]);
    for nonsense in ["", "127.1", "0127.0.0.1", "a b"] {
        let error = client.lookup_host(nonsense).unwrap_err();
        assert!(error.is_not_found, "{nonsense}: {error}");
        assert_eq!(error.server, None);
    }
    let _listener = server.listen("tcp4", ":80").unwrap();
    // IPv6 is refused, then IPv4 is tried.
    let conn = client.dial("tcp", "server.example:80").unwrap();
    assert_eq!(conn.remote_addr().unwrap().to_string(), "192.0.2.2:80");
    let listener = client.listen("tcp", "server.example:0").unwrap_err();
    assert_eq!(listener.errno(), Some(Errno::EADDRNOTAVAIL));
}

#[test]
fn a_look_up_without_an_answer_ends_with_the_dials_time() {
    let settings = ResolverSettings {
        servers: vec!["192.0.2.77:53".parse().unwrap()],
        ..ResolverSettings::default()
    };
    let (client, _server) = Net::memory_pair_with(
        sidestep::device::memory::MemoryOptions::default(),
        || Net::builder().resolver(settings),
        Net::builder,
    )
    .unwrap();
    let error = client
        .dial_timeout("tcp", "nobody.example:80", Duration::from_millis(30))
        .unwrap_err();
    assert!(error.timeout());
    assert_eq!(
        error.to_string(),
        "dial tcp: lookup nobody.example: i/o timeout"
    );
    eventually("nobody waits for it any more", || {
        let counters = client.counters().unwrap();
        counters.lookups_open == 0 && counters.stack.lookups == 0
    });
}

/// An echo request with `payload`; the checksum of ICMPv4 is ours to make.
fn echo_request(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0, 0x12, 0x34, 0, 1];
    message.extend_from_slice(payload);
    if kind == 8 {
        let mut sum: u32 = message
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
            .sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        message[2..4].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    }
    message
}

#[test]
fn ping_works_over_raw_sockets() {
    let (client, _server) = Net::memory_pair().unwrap();
    for (network, host, request, reply) in [
        ("ip4:icmp", "192.0.2.2", 8, 0),
        ("ip6:ipv6-icmp", "2001:db8::2", 128, 129),
    ] {
        let conn = client.dial(network, host).unwrap();
        conn.set_deadline(PATIENCE).unwrap();
        conn.write(&echo_request(request, b"ping")).unwrap();
        let mut octets = [0; 64];
        let count = conn.read(&mut octets).unwrap();
        // As in Go, `read` keeps the header of IPv4.
        let header = if network == "ip4:icmp" { 20 } else { 0 };
        let message = &octets[header..count];
        assert_eq!((message.len(), message[0]), (12, reply));
        assert_eq!(&message[8..], b"ping");

        let socket = client.listen_packet(network, "").unwrap();
        socket.set_deadline(PATIENCE).unwrap();
        let to = NetAddr::IP(host.parse().unwrap());
        socket
            .write_to(&echo_request(request, b"pong"), &to)
            .unwrap();
        let (_, from) = socket.read_from(&mut octets).unwrap();
        assert_eq!(from.to_string(), host);
    }
}

/// A device of which a test can pull the plug.
#[derive(Debug)]
struct Fragile {
    bell: OwnedFd,
    gone: Arc<AtomicBool>,
    panics: Arc<AtomicBool>,
    room: usize,
}

#[derive(Clone, Debug)]
struct Plug {
    gone: Arc<AtomicBool>,
    panics: Arc<AtomicBool>,
    bell: Arc<OwnedFd>,
}

impl Plug {
    fn ring(&self) {
        rustix::io::write(&*self.bell, &1u64.to_ne_bytes()).unwrap();
    }
}

impl Fragile {
    fn new(room: usize) -> (Self, Plug) {
        let bell = eventfd(0, EventfdFlags::NONBLOCK).unwrap();
        let plug = Plug {
            gone: Arc::default(),
            panics: Arc::default(),
            bell: Arc::new(bell.try_clone().unwrap()),
        };
        let device = Self {
            bell,
            gone: Arc::clone(&plug.gone),
            panics: Arc::clone(&plug.panics),
            room,
        };
        (device, plug)
    }
}

impl Device for Fragile {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            mtu_octets: 1_500,
            partial_checksum: false,
            segmentation: false,
        }
    }

    fn receive(&mut self, _: &mut Vec<Packet>, _: usize) -> io::Result<()> {
        assert!(!self.panics.load(Ordering::SeqCst), "as the test wants");
        if self.gone.load(Ordering::SeqCst) {
            return Err(rustix::io::Errno::NODEV.into());
        }
        Ok(())
    }

    fn transmit(&mut self, batch: &mut VecDeque<OutPacket>) -> io::Result<()> {
        while self.room > 0 && batch.pop_front().is_some() {
            self.room -= 1;
        }
        Ok(())
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

fn on(device: Fragile) -> Net {
    Net::builder()
        .device(device)
        .address(IpAddr::from([192, 0, 2, 1]), 24)
        .resolver(ResolverSettings {
            servers: vec!["192.0.2.77:53".parse().unwrap()],
            ..ResolverSettings::default()
        })
        .start()
        .unwrap()
}

/// Everything that can block does, then `end` is called: all of it must fail with `StackGone`
/// within a second.
fn everything_fails_after(net: &Net, end: impl FnOnce()) {
    let listener = net.listen("tcp", ":9").unwrap();
    let looped = net.dial("tcp", "127.0.0.1:9").unwrap();
    let accepted = listener.accept().unwrap();
    let udp = net.listen_packet("udp", ":0").unwrap();
    thread::scope(|scope| {
        let waiting = [
            scope.spawn(|| net.dial("tcp", "192.0.2.7:80").unwrap_err().err().clone()),
            scope.spawn(|| listener.accept().unwrap_err().err().clone()),
            scope.spawn(|| accepted.read(&mut [0]).unwrap_err().err().clone()),
            scope.spawn(|| {
                let octets = vec![0; 64 << 20];
                accepted.write(&octets).unwrap_err().err().clone()
            }),
            scope.spawn(|| udp.read_from(&mut [0]).unwrap_err().err().clone()),
        ];
        let lookup = scope.spawn(|| net.lookup_host("nobody.example").unwrap_err().to_string());
        eventually("they wait", || {
            let counters = net.counters().unwrap();
            counters.lookups_open == 1 && counters.connections_open == 3
        });
        end();
        let began = Instant::now();
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), Cause::StackGone);
        }
        assert!(lookup.join().unwrap().contains("gone"));
        assert!(began.elapsed() < Duration::from_secs(1));
    });
    assert_eq!(
        *net.dial("tcp", "192.0.2.7:80").unwrap_err().err(),
        Cause::StackGone
    );
    assert_eq!(
        *net.listen("tcp", ":0").unwrap_err().err(),
        Cause::StackGone
    );
    assert_eq!(
        *net.listen_packet("udp", ":0").unwrap_err().err(),
        Cause::StackGone
    );
    assert_eq!(net.counters().unwrap_err(), Cause::StackGone);
    assert_eq!(
        *listener.accept().unwrap_err().err(),
        Cause::StackGone,
        "and again"
    );
    looped.close().unwrap();
    listener.close().unwrap();
    drop(accepted);
}

#[test]
fn a_device_that_goes_away_fails_every_call() {
    let (device, plug) = Fragile::new(usize::MAX);
    let net = on(device);
    everything_fails_after(&net, || {
        plug.gone.store(true, Ordering::SeqCst);
        plug.ring();
    });
}

#[test]
fn a_thread_that_dies_fails_every_call() {
    let (device, plug) = Fragile::new(usize::MAX);
    let net = on(device);
    everything_fails_after(&net, || {
        plug.panics.store(true, Ordering::SeqCst);
        plug.ring();
    });
}

#[test]
fn a_net_that_is_closed_fails_every_call() {
    let (device, _plug) = Fragile::new(usize::MAX);
    let net = on(device);
    everything_fails_after(&net, || net.close());
    net.close();
}

#[test]
fn a_device_without_room_costs_no_turns() {
    let (device, _plug) = Fragile::new(0);
    let net = on(device);
    let conn = net.dial("udp", "192.0.2.7:9").unwrap();
    conn.write(b"stuck").unwrap();
    let before = net.counters().unwrap().turns;
    thread::sleep(Duration::from_millis(200));
    let after = net.counters().unwrap().turns;
    assert!(after - before < 100, "{} turns", after - before);
}

#[test]
fn the_last_handle_takes_the_thread_and_its_descriptors_along() {
    let (device, plug) = Fragile::new(usize::MAX);
    let net = on(device);
    let listener = net.listen("tcp", ":9").unwrap();
    let conn = net.dial("tcp", "127.0.0.1:9").unwrap();
    drop(net);
    // A connection keeps the network.
    let accepted = listener.accept().unwrap();
    conn.write(b"x").unwrap();
    assert_eq!(accepted.read(&mut [0]).unwrap(), 1);
    drop((listener, accepted));
    assert_eq!(Arc::strong_count(&plug.gone), 2);
    drop(conn);
    assert_eq!(Arc::strong_count(&plug.gone), 1, "the device is dropped");
}

#[test]
fn what_was_written_last_arrives_though_every_handle_is_dropped() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server.listen("tcp", ":9").unwrap();
    let conn = client
        .dial_tcp("tcp", None, &"192.0.2.2:9".parse().unwrap())
        .unwrap();
    let accepted = listener.accept().unwrap();
    let octets = vec![7; 300_000];
    let reader = thread::spawn(move || {
        let mut got = Vec::new();
        io::Read::read_to_end(&mut &accepted, &mut got).unwrap();
        got.len()
    });
    conn.write(&octets).unwrap();
    drop(client);
    drop(conn);
    assert_eq!(reader.join().unwrap(), octets.len());
}

#[test]
fn connections_leave_nothing_behind() {
    let world = World::memory_v4();
    let listener = world.listen();
    for _ in 0..50 {
        let conn = world.dial(&listener);
        let accepted = listener.accept_tcp().unwrap();
        conn.write(b"hello").unwrap();
        assert_eq!(accepted.read(&mut [0; 9]).unwrap(), 5);
        drop(accepted);
        assert_eq!(conn.read(&mut [0; 9]).unwrap(), 0);
    }
    eventually("nothing is held", || {
        [&world.client, &world.server]
            .iter()
            .all(|net| net.counters().unwrap().connections_open == 0)
    });
    listener.close().unwrap();
    eventually("no listener is left", || {
        world.server.counters().unwrap().listeners_open == 0
    });
}

#[test]
fn what_cannot_be_started_says_why() {
    assert!(matches!(
        Net::builder().start().unwrap_err(),
        StartError::NoDevice
    ));
    let (device, _plug) = Fragile::new(0);
    let error = Net::builder()
        .device(device)
        .address([224, 0, 0, 1].into(), 24)
        .start()
        .unwrap_err();
    assert!(matches!(error, StartError::Address { .. }), "{error}");
    let (device, _plug) = Fragile::new(0);
    let config = sidestep::Config {
        rto_min_ms: 0,
        ..sidestep::Config::default()
    };
    let error = Net::builder()
        .device(device)
        .config(config)
        .start()
        .unwrap_err();
    assert!(matches!(error, StartError::Config(_)), "{error}");
    for text in [
        "",
        "192.0.2.1",
        "192.0.2.1/33",
        "192.0.2.1/024",
        "::1/129",
        "x/1",
    ] {
        assert!(Net::builder().cidr(text).is_err(), "{text}");
    }
}

#[test]
fn a_dial_can_choose_its_own_end() {
    let world = World::memory_v4();
    let listener = world.listen();
    let local: TCPAddr = "192.0.2.1:7777".parse().unwrap();
    let conn = world
        .client
        .dial_tcp("tcp", Some(&local), listener.addr())
        .unwrap();
    assert_eq!(conn.local_addr(), &local);
    let not_ours: TCPAddr = "192.0.2.99:0".parse().unwrap();
    let error = world
        .client
        .dial_tcp("tcp", Some(&not_ours), listener.addr())
        .unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EADDRNOTAVAIL), "{error}");
    let status = conn.info().unwrap();
    assert_eq!(status.local.to_string(), "192.0.2.1:7777");
    conn.set_deadline(Deadline::past()).unwrap();
    conn.info().unwrap();
}

#[test]
fn bad_82_a_thread_that_panics_takes_nothing_of_others_with_it() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server.listen("tcp", "192.0.2.2:9").unwrap();
    let dial = || client.dial("tcp", "192.0.2.2:9").unwrap();
    let (doomed, spared) = (dial(), dial());
    let (first, second) = (listener.accept().unwrap(), listener.accept().unwrap());
    let shared = spared.clone();
    let panicked = thread::spawn(move || {
        doomed.write(b"last words").unwrap();
        shared.write(b"before").unwrap();
        // Unwinds with both handles on its stack, without a message.
        std::panic::resume_unwind(Box::new("boom"));
    })
    .join();
    assert!(panicked.is_err());

    let mut room = [0; 16];
    let octets = first.read(&mut room).unwrap();
    assert_eq!(&room[..octets], b"last words");
    assert_eq!(
        first.read(&mut room).unwrap(),
        0,
        "its own connection was closed"
    );
    spared.write(b" after").unwrap();
    let mut got = Vec::new();
    while got.len() < 12 {
        let octets = second.read(&mut room).unwrap();
        got.extend_from_slice(&room[..octets]);
    }
    assert_eq!(got, b"before after", "no lock is poisoned");
}
