//! Servers that fail, on the kernel's side of the TUN: whatever they do, a look-up ends by its
//! deadline, and it finds what a server that works can tell.
//!
//! Each fault is met twice: over Sidestep's own UDP and TCP, and over the kernel's.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use sidestep::{DNSError, Net, Resolver, ResolverFiles};
use sidestep_stack::wire::dns_message::{Message, Rcode};
use sidestep_tests::namespace_net::World;
use sidestep_tests::on_both_families;
use sidestep_tools::name_server::{Entry, Zone};

on_both_families! {
    #[ignore = "part of the interop suite: .ci/run runs it"]
    a_dead_first_server_costs_one_try
    #[ignore = "part of the interop suite: .ci/run runs it"]
    a_closed_port_costs_nothing
    #[ignore = "part of the interop suite: .ci/run runs it"]
    a_truncated_answer_is_asked_for_over_tcp
    #[ignore = "part of the interop suite: .ci/run runs it"]
    garbage_before_the_answer_is_not_believed
    #[ignore = "part of the interop suite: .ci/run runs it"]
    a_slow_server_is_waited_for_until_the_deadline
    #[ignore = "part of the interop suite: .ci/run runs it"]
    a_tcp_that_accepts_and_says_nothing_keeps_the_deadline
}

/// How long one try waits.
const TRY: Duration = Duration::from_secs(1);

/// How late a deadline may be on a machine that does much else.
const LATE: Duration = Duration::from_millis(500);

/// What a server sends for a query, and after which pause.
type Script = fn(&Message) -> Vec<(Duration, Vec<u8>)>;

fn answer(query: &Message) -> Message {
    let ip = |text: &str| text.parse().expect("a literal");
    let addresses = vec![ip("198.51.100.7"), ip("2001:db8:1::7")];
    Zone::default()
        .with("host.example", Entry::Addresses(addresses))
        .answer(query)
}

fn answers(query: &Message) -> Vec<(Duration, Vec<u8>)> {
    vec![(Duration::ZERO, answer(query).emit())]
}

fn truncates(query: &Message) -> Vec<(Duration, Vec<u8>)> {
    let mut reply = Message::reply_to(query, Rcode::NO_ERROR);
    reply.header.truncated = true;
    vec![(Duration::ZERO, reply.emit())]
}

fn says_nothing(_: &Message) -> Vec<(Duration, Vec<u8>)> {
    Vec::new()
}

/// What a forger, a broken server and a middlebox might send.
fn garbage_first(query: &Message) -> Vec<(Duration, Vec<u8>)> {
    let right = answer(query);
    let mut wrong_id = right.clone();
    wrong_id.header.id ^= 1;
    let mut no_reply = right.clone();
    no_reply.header.response = false;
    let cut = right.emit();
    let at = cut.len().saturating_sub(5);
    [
        vec![0; 3],
        vec![0xff; 600],
        wrong_id.emit(),
        no_reply.emit(),
        cut.get(..at).unwrap_or_default().to_vec(),
        right.emit(),
    ]
    .map(|octets| (Duration::ZERO, octets))
    .to_vec()
}

fn answers_late(query: &Message) -> Vec<(Duration, Vec<u8>)> {
    vec![(Duration::from_millis(300), answer(query).emit())]
}

/// Serves `script` over UDP on a port of the kernel's. The thread ends with the process.
fn serve_udp(world: &World, port: u16, script: Script) -> SocketAddr {
    let at = world.kernel(port);
    let socket = UdpSocket::bind(at).expect("the port is free");
    thread::spawn(move || {
        let mut room = [0; 2_048];
        while let Ok((octets, from)) = socket.recv_from(&mut room) {
            let Ok(query) = Message::parse(&room[..octets], 8) else {
                continue;
            };
            let socket = socket.try_clone().expect("descriptors");
            // One that is answered late must not hold up the next.
            thread::spawn(move || {
                for (pause, octets) in script(&query) {
                    thread::sleep(pause);
                    let _ = socket.send_to(&octets, from);
                }
            });
        }
    });
    at
}

/// What a server does with a connection.
#[derive(Clone, Copy, Debug)]
enum Tcp {
    Answers,
    SaysNothing,
}

fn serve_tcp(at: SocketAddr, how: Tcp) {
    let listener = TcpListener::bind(at).expect("the port is free");
    thread::spawn(move || {
        let mut silent = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            match how {
                // A resolver may keep its connection for a while.
                Tcp::Answers => drop(thread::spawn(move || answer_stream(stream))),
                Tcp::SaysNothing => silent.push(stream),
            }
        }
    });
}

/// Answers what comes until the other end closes.
fn answer_stream(mut stream: TcpStream) {
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query).expect("a whole query");
        let query = Message::parse(&query, 8).expect("a query");
        // The other end may have what it wanted.
        let _ = stream.write_all(&answer(&query).emit_for_stream());
    }
}

/// Looks `host.example` up over both networks, with so much time.
fn look_up(
    world: &World,
    servers: &[SocketAddr],
    time: Duration,
    check: impl Fn(Result<Vec<String>, DNSError>, Duration),
) {
    for net in [&world.net, &Net::host()] {
        let resolver = Resolver::builder()
            .servers(servers.iter().copied())
            .search(Vec::<String>::new())
            .ndots(1)
            .hosts("")
            .files(ResolverFiles::in_directory("/nowhere"))
            .timeout(TRY)
            .attempts(2)
            .deadline(time)
            .over(net)
            .build();
        let began = Instant::now();
        let found = resolver.lookup_host("host.example");
        let took = began.elapsed();
        assert!(took < time + LATE, "{took:?} for {time:?}: {found:?}");
        check(found, took);
    }
}

fn expect_found(found: Result<Vec<String>, DNSError>) {
    let mut found = found.expect("a server that works");
    found.sort();
    assert_eq!(found, ["198.51.100.7", "2001:db8:1::7"]);
}

fn expect_timeout(found: Result<Vec<String>, DNSError>) {
    let error = found.expect_err("no server that works");
    assert!(error.is_timeout, "{error}");
    assert_eq!(error.to_string(), "lookup host.example: i/o timeout");
}

fn a_dead_first_server_costs_one_try(world: &World) {
    let dead = serve_udp(world, 5301, says_nothing);
    let good = serve_udp(world, 5302, answers);
    look_up(world, &[dead, good], 4 * TRY, |found, took| {
        expect_found(found);
        assert!((TRY..2 * TRY).contains(&took), "{took:?}");
    });
    look_up(world, &[dead, good], TRY / 2, |found, took| {
        expect_timeout(found);
        assert!(took >= TRY / 2);
    });
}

fn a_closed_port_costs_nothing(world: &World) {
    let closed = world.kernel(5303);
    let good = serve_udp(world, 5304, answers);
    look_up(world, &[closed, good], 4 * TRY, |found, took| {
        expect_found(found);
        assert!(took < TRY, "{took:?}");
    });
}

fn a_truncated_answer_is_asked_for_over_tcp(world: &World) {
    let at = serve_udp(world, 5305, truncates);
    serve_tcp(at, Tcp::Answers);
    look_up(world, &[at], 4 * TRY, |found, took| {
        expect_found(found);
        assert!(took < TRY, "{took:?}");
    });
}

fn garbage_before_the_answer_is_not_believed(world: &World) {
    let at = serve_udp(world, 5306, garbage_first);
    look_up(world, &[at], 4 * TRY, |found, took| {
        expect_found(found);
        assert!(took < TRY, "{took:?}");
    });
}

fn a_slow_server_is_waited_for_until_the_deadline(world: &World) {
    let at = serve_udp(world, 5307, answers_late);
    look_up(world, &[at], 4 * TRY, |found, took| {
        expect_found(found);
        assert!(took >= Duration::from_millis(300), "{took:?}");
    });
    look_up(world, &[at], Duration::from_millis(100), |found, _| {
        expect_timeout(found);
    });
}

fn a_tcp_that_accepts_and_says_nothing_keeps_the_deadline(world: &World) {
    let at = serve_udp(world, 5308, truncates);
    serve_tcp(at, Tcp::SaysNothing);
    look_up(world, &[at], TRY / 2, |found, took| {
        expect_timeout(found);
        assert!(took >= TRY / 2, "{took:?}");
    });
    // Behind it, a server that works is found after the try.
    let good = serve_udp(world, 5309, answers);
    look_up(world, &[at, good], 5 * TRY, |found, took| {
        expect_found(found);
        assert!(took >= TRY, "{took:?}");
    });
}
