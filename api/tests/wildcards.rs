//! Wildcards, dual stack and second binds: the tables of go-net §1.5, on the stack and on the host's
//! kernel, which is the oracle.

#![allow(clippy::unwrap_used)]

mod support;

use std::net::SocketAddr;

use sidestep::{Errno, Net, OpError};
use support::{PATIENCE, World, on_kernel};

/// The forms of the table: a network's suffix and a host.
const FORMS: [(&str, &str); 5] = [
    ("", ""),
    ("4", ""),
    ("6", ""),
    ("", "127.0.0.1"),
    ("", "[::1]"),
];

/// Whether the second listen finds the port in use: first listen by second listen.
const IN_USE: [[bool; 5]; 5] = [
    [true, true, true, true, true],
    [true, true, false, true, false],
    [true, false, true, false, true],
    [true, true, false, true, false],
    [true, false, true, false, true],
];

fn on_the_stack(test: fn(&World)) {
    test(&World::memory_v4());
}

fn on_the_kernel(test: fn(&World)) {
    on_kernel("127.0.0.1", "tcp4", "udp4", test);
}

/// Checks the table for one kind of network; `bind` gives what keeps the port, and the port.
fn second_binds<T>(kind: &str, bind: impl Fn(&str, &str) -> Result<(T, u16), OpError>) {
    for (first, row) in FORMS.iter().zip(IN_USE) {
        for (second, expected) in FORMS.iter().zip(row) {
            // "any form" of the table is three texts.
            let texts = match first {
                ("", "") => &["", "0.0.0.0", "[::]"][..],
                _ => &[first.1][..],
            };
            for text in texts {
                let network = format!("{kind}{}", first.0);
                let (one, port) = bind(&network, &format!("{text}:0")).unwrap();
                let network = format!("{kind}{}", second.0);
                match bind(&network, &format!("{}:{port}", second.1)) {
                    Ok(_) => assert!(!expected, "{kind}: {first:?} {text}, {second:?}"),
                    Err(error) => {
                        assert!(expected, "{kind}: {first:?} {text}, {second:?}: {error}");
                        assert_eq!(error.errno(), Some(Errno::EADDRINUSE));
                        assert!(error.to_string().ends_with("bind: address already in use"));
                    }
                }
                drop(one);
            }
        }
    }
}

fn second_listens(world: &World) {
    let net = &world.server;
    second_binds("tcp", |network, address| {
        let listener = net.listen(network, address)?;
        let port = listener.addr().port().unwrap();
        Ok((listener, port))
    });
}

fn second_sockets(world: &World) {
    let net = &world.server;
    second_binds("udp", |network, address| {
        let socket = net.listen_packet(network, address)?;
        let port = socket.local_addr().port().unwrap();
        Ok((socket, port))
    });
}

#[test]
fn second_listens_collide_as_measured_on_the_stack() {
    on_the_stack(second_listens);
}

#[test]
fn second_listens_collide_as_measured_on_the_kernel() {
    on_the_kernel(second_listens);
}

#[test]
fn second_sockets_collide_as_measured_on_the_stack() {
    on_the_stack(second_sockets);
}

#[test]
fn second_sockets_collide_as_measured_on_the_kernel() {
    on_the_kernel(second_sockets);
}

/// How a listener prints, and who reaches it: network, host, what it prints as, and the texts that
/// reach it or do not, each dialled on `tcp`.
fn wildcards_print_and_reach(world: &World) {
    const ALL: [&str; 6] = [
        "",
        "0.0.0.0",
        "[::]",
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ];
    let net = &world.server;
    let table: [(&str, &str, &str, [bool; 6]); 9] = [
        ("tcp", "", "[::]", [true; 6]),
        ("tcp", ":0", "[::]", [true; 6]),
        ("tcp", "0.0.0.0:0", "[::]", [true; 6]),
        ("tcp", "[::]:0", "[::]", [true; 6]),
        // `[::]` tries ::1, which refuses, and falls back.
        (
            "tcp4",
            ":0",
            "0.0.0.0",
            [true, true, true, true, false, true],
        ),
        (
            "tcp4",
            "[::]:0",
            "0.0.0.0",
            [true, true, true, true, false, true],
        ),
        // 0.0.0.0 and no host never try IPv6.
        (
            "tcp6",
            ":0",
            "[::]",
            [false, false, true, false, true, false],
        ),
        (
            "tcp",
            "127.0.0.1:0",
            "127.0.0.1",
            [true, true, true, true, false, true],
        ),
        (
            "tcp",
            "[::1]:0",
            "[::1]",
            [false, false, true, false, true, false],
        ),
    ];
    for (network, address, shown, reached) in table {
        let listener = net.listen(network, address).unwrap();
        listener.set_deadline(PATIENCE).unwrap();
        let port = listener.addr().port().unwrap();
        assert_eq!(listener.addr().to_string(), format!("{shown}:{port}"));
        for (to, expected) in ALL.iter().zip(reached) {
            let dialled = net.dial_timeout("tcp", &format!("{to}:{port}"), PATIENCE);
            let what = format!("{network} {address} from {to}");
            match dialled {
                Ok(conn) => {
                    assert!(expected, "{what}");
                    let accepted = listener.accept().unwrap();
                    assert_eq!(accepted.remote_addr(), Some(conn.local_addr()), "{what}");
                    assert_eq!(Some(accepted.local_addr()), conn.remote_addr(), "{what}");
                    // Never ::ffff:127.0.0.1, on neither end.
                    let end: SocketAddr = accepted.local_addr().to_string().parse().unwrap();
                    assert_eq!(end.ip(), end.ip().to_canonical(), "{what}");
                }
                Err(error) => {
                    assert!(!expected, "{what}: {error}");
                    assert_eq!(error.errno(), Some(Errno::ECONNREFUSED), "{what}");
                    let text = match to {
                        &"[::ffff:127.0.0.1]" => "127.0.0.1",
                        other => other,
                    };
                    let expected = format!("dial tcp {text}:{port}: connect: connection refused");
                    assert_eq!(error.to_string(), expected, "{what}");
                }
            }
        }
    }
}

#[test]
fn wildcards_print_and_reach_as_measured_on_the_stack() {
    on_the_stack(wildcards_print_and_reach);
}

#[test]
fn wildcards_print_and_reach_as_measured_on_the_kernel() {
    on_the_kernel(wildcards_print_and_reach);
}

/// The networks of one family refuse the other one's addresses before anything is asked.
fn families_are_kept_apart(world: &World) {
    let net = &world.server;
    let dial = |network, address| net.dial(network, address).unwrap_err().to_string();
    let listen = |network, address| net.listen(network, address).unwrap_err().to_string();
    assert_eq!(
        dial("tcp4", "[::1]:80"),
        "dial tcp4: address ::1: no suitable address found"
    );
    assert_eq!(
        dial("tcp6", "127.0.0.1:80"),
        "dial tcp6: address 127.0.0.1: no suitable address found"
    );
    assert_eq!(
        dial("udp6", "0.0.0.0:80"),
        "dial udp6: address 0.0.0.0: no suitable address found"
    );
    assert_eq!(
        listen("tcp6", "127.0.0.1:0"),
        "listen tcp6: address 127.0.0.1: no suitable address found"
    );
    // tcp4 makes 0.0.0.0 of `::`.
    assert!(net.listen("tcp4", "[::]:0").is_ok());
}

#[test]
fn families_are_kept_apart_on_the_stack() {
    on_the_stack(families_are_kept_apart);
}

#[test]
fn families_are_kept_apart_on_the_kernel() {
    on_the_kernel(families_are_kept_apart);
}

/// UDP: a dual-stack socket shows IPv4 peers as IPv4, and answers reach them.
fn a_dual_stack_socket_unmaps_its_peers(world: &World) {
    let net = &world.server;
    let socket = net.listen_packet("udp", ":0").unwrap();
    socket.set_deadline(PATIENCE).unwrap();
    let port = socket.local_addr().port().unwrap();
    assert_eq!(socket.local_addr().to_string(), format!("[::]:{port}"));
    for host in ["127.0.0.1", "[::1]", "", "0.0.0.0", "[::]"] {
        let client = net.dial("udp", &format!("{host}:{port}")).unwrap();
        client.set_deadline(PATIENCE).unwrap();
        client.write(b"ping").unwrap();
        let mut octets = [0; 8];
        let (len, from) = socket.read_from(&mut octets).unwrap();
        assert_eq!((len, from.clone()), (4, client.local_addr()), "{host}");
        socket.write_to(b"pong!", &from).unwrap();
        assert_eq!(client.read(&mut octets).unwrap(), 5, "{host}");
    }
}

#[test]
fn a_dual_stack_socket_unmaps_its_peers_on_the_stack() {
    on_the_stack(a_dual_stack_socket_unmaps_its_peers);
}

#[test]
fn a_dual_stack_socket_unmaps_its_peers_on_the_kernel() {
    on_the_kernel(a_dual_stack_socket_unmaps_its_peers);
}

/// Go's TestWildWildcardListener: nothing said is a wildcard, in every call.
fn wild_wildcard_listener(world: &World) {
    let net = &world.server;
    let port = |listener: sidestep::AnyListener| listener.addr().port().unwrap();
    assert_ne!(port(net.listen("tcp", "").unwrap()), 0);
    assert_ne!(net.listen_tcp("tcp", None).unwrap().addr().port, 0);
    let socket = net.listen_packet("udp", "").unwrap();
    assert_ne!(socket.local_addr().port().unwrap(), 0);
    assert_ne!(net.listen_udp("udp", None).unwrap().local_addr().port, 0);
}

#[test]
fn wild_wildcard_listener_on_the_stack() {
    on_the_stack(wild_wildcard_listener);
    let (net, _other) = Net::memory_pair().unwrap();
    net.listen_packet("ip:1", "").unwrap();
    net.listen_ip("ip4:icmp", None).unwrap();
}

#[test]
fn wild_wildcard_listener_on_the_kernel() {
    on_the_kernel(wild_wildcard_listener);
}
