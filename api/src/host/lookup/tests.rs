//! Names over kernel sockets, in a network namespace of the test's own, against scripted servers.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};

use sidestep_stack::wire::dns_message::{Message, Rcode, Record, RecordType};

use super::*;
use crate::cancel::CancelToken;
use crate::device::own_network::in_own_network;
use crate::{Net, Resolver, ResolverFiles};

/// No test waits so long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Queries that a server got.
#[derive(Debug, Default)]
struct Counts {
    udp: AtomicU64,
    tcp: AtomicU64,
}

/// An answer with one address, for any name.
fn answer(query: &Message) -> Message {
    let question = query.question.clone().unwrap();
    let mut reply = Message::reply_to(query, Rcode::NO_ERROR);
    if question.record_type == RecordType::A {
        let address = Ipv4Addr::new(192, 0, 2, 80).into();
        reply
            .answers
            .push(Record::address(question.name, address, 60));
    }
    reply
}

/// A server on loopback that sends what `replies` says to each datagram, and answers over TCP.
fn server(
    replies: impl Fn(&Message) -> Vec<Vec<u8>> + Send + 'static,
) -> (SocketAddr, Arc<Counts>) {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = udp.local_addr().unwrap();
    let tcp = TcpListener::bind(at).unwrap();
    let counts = Arc::<Counts>::default();
    let of_udp = Arc::clone(&counts);
    thread::spawn(move || {
        let mut room = [0; 2_048];
        while let Ok((octets, from)) = udp.recv_from(&mut room) {
            of_udp.udp.fetch_add(1, Ordering::SeqCst);
            let query = Message::parse(&room[..octets], 8).unwrap();
            for reply in replies(&query) {
                udp.send_to(&reply, from).unwrap();
            }
        }
    });
    let of_tcp = Arc::clone(&counts);
    thread::spawn(move || {
        while let Ok((mut stream, _)) = tcp.accept() {
            let mut length = [0; 2];
            while stream.read_exact(&mut length).is_ok() {
                of_tcp.tcp.fetch_add(1, Ordering::SeqCst);
                let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut query).unwrap();
                let query = Message::parse(&query, 8).unwrap();
                let reply = answer(&query).emit_for_stream();
                // In two pieces: a length may come alone.
                stream.write_all(&reply[..1]).unwrap();
                stream.write_all(&reply[1..]).unwrap();
            }
        }
    });
    (at, counts)
}

fn resolver(servers: &[SocketAddr]) -> Resolver {
    Resolver::builder()
        .servers(servers.iter().copied())
        .search(Vec::<String>::new())
        .ndots(1)
        .hosts("")
        .files(ResolverFiles::in_directory("/nowhere"))
        .timeout(Duration::from_secs(2))
        .attempts(2)
        .deadline(PATIENCE)
        .over(&Net::host())
        .build()
}

#[test]
fn a_name_is_found_over_udp_and_a_truncated_answer_over_tcp() {
    in_own_network(|| {
        let (at, counts) = server(|query| vec![answer(query).emit()]);
        assert_eq!(
            resolver(&[at]).lookup_host("host.example").unwrap(),
            ["192.0.2.80"]
        );
        assert_eq!(counts.tcp.load(Ordering::SeqCst), 0);
        let (at, counts) = server(|query| {
            let mut reply = Message::reply_to(query, Rcode::NO_ERROR);
            reply.header.truncated = true;
            vec![reply.emit()]
        });
        assert_eq!(
            resolver(&[at]).lookup_host("host.example").unwrap(),
            ["192.0.2.80"]
        );
        assert!(counts.tcp.load(Ordering::SeqCst) >= 1);
        let (at, counts) = server(|_| panic!("nobody asks over UDP"));
        let over_tcp = Resolver::builder()
            .servers([at])
            .use_vc()
            .hosts("")
            .files(ResolverFiles::in_directory("/nowhere"))
            .deadline(PATIENCE)
            .over(&Net::host())
            .build();
        assert_eq!(
            over_tcp.lookup_host("host.example").unwrap(),
            ["192.0.2.80"]
        );
        assert_eq!(counts.udp.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_closed_port_leads_to_the_next_server_at_once() {
    in_own_network(|| {
        let (at, _) = server(|query| vec![answer(query).emit()]);
        let closed = SocketAddr::new(at.ip(), 1);
        let began = Instant::now();
        let found = resolver(&[closed, at]).lookup_host("host.example").unwrap();
        assert_eq!(found, ["192.0.2.80"]);
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "{:?}",
            began.elapsed()
        );
        let error = resolver(&[closed]).lookup_host("host.example").unwrap_err();
        assert!(error.is_temporary, "{error}");
        assert_eq!(error.server.as_deref(), Some("127.0.0.1:1"));
    });
}

#[test]
fn garbage_before_the_answer_is_not_believed() {
    in_own_network(|| {
        let (at, _) = server(|query| {
            let mut other = answer(query);
            other.header.id ^= 1;
            vec![
                vec![0; 3],
                vec![0xff; 600],
                other.emit(),
                answer(query).emit(),
            ]
        });
        let found = resolver(&[at]).lookup_host("host.example").unwrap();
        assert_eq!(found, ["192.0.2.80"]);
    });
}

#[test]
fn a_silent_server_is_left_at_the_deadline_and_at_a_cancel() {
    in_own_network(|| {
        let (at, _) = server(|_| Vec::new());
        let resolver = resolver(&[at]);
        let began = Instant::now();
        let hurried = resolver.with_deadline(Duration::from_millis(50));
        let error = hurried.lookup_mx("host.example").unwrap_err();
        assert!(error.is_timeout, "{error}");
        assert_eq!(error.to_string(), "lookup host.example: i/o timeout");
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "{:?}",
            began.elapsed()
        );

        let token = CancelToken::new();
        let error = thread::scope(|scope| {
            let cancelled = resolver.with_cancel(&token);
            let waits = scope.spawn(move || cancelled.lookup_txt("host.example").unwrap_err());
            thread::sleep(Duration::from_millis(20));
            token.cancel();
            waits.join().unwrap()
        });
        assert_eq!(
            error.to_string(),
            "lookup host.example: operation was canceled"
        );
        // The question is taken back: its sockets are closed, and the thread comes to rest.
        let desk = desk_of_this_namespace().unwrap();
        let began = Instant::now();
        while desk.state.lock().running {
            assert!(began.elapsed() < PATIENCE, "the thread never ends");
            thread::yield_now();
        }
        assert!(desk.state.lock().engine.as_ref().unwrap().is_at_rest());
    });
}

#[test]
fn many_threads_ask_and_each_gets_its_answer() {
    in_own_network(|| {
        let (at, _) = server(|query| vec![answer(query).emit()]);
        let resolver = resolver(&[at]);
        thread::scope(|scope| {
            for asker in 0..16 {
                let resolver = resolver.clone();
                scope.spawn(move || {
                    for name in 0..50 {
                        let name = format!("n{}.example", (asker + name) % 20);
                        assert_eq!(resolver.lookup_host(&name).unwrap(), ["192.0.2.80"]);
                    }
                });
            }
        });
    });
}

#[test]
fn each_namespace_has_a_thread_of_its_own() {
    in_own_network(|| {
        let (at, counts) = server(|query| vec![answer(query).emit()]);
        assert!(resolver(&[at]).lookup_host("host.example").is_ok());
        in_own_network(move || {
            // Nobody listens there.
            let error = resolver(&[at]).lookup_host("host.example").unwrap_err();
            assert!(error.is_temporary, "{error}");
        });
        assert_eq!(counts.udp.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn destinations_without_a_route_come_last() {
    in_own_network(|| {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut addresses = ["192.0.2.1", "2001:db8::1", "127.0.0.1", "::1"].map(ip);
        sort_destinations(&mut addresses);
        assert_eq!(addresses[..2], ["::1", "127.0.0.1"].map(ip));
    });
}
