use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use sidestep_stack::wire::protocol::Protocol;

use crate::address::{IPAddr, Network, Purpose, TCPAddr, Target, UDPAddr};
use crate::deadline::Deadline;
use crate::device::own_network::in_own_network;
use crate::error::{Cause, Errno, NetError, Op, OpError};

const SOON: Duration = Duration::from_millis(50);
/// No test waits so long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

fn network(text: &str) -> Network {
    Network::parse(text).expect("a network")
}

fn tcp_addr(text: &str) -> TCPAddr {
    text.parse().expect("a literal")
}

fn udp_addr(text: &str) -> UDPAddr {
    text.parse().expect("a literal")
}

fn listen(net: &str, address: &str) -> Result<HostListener, OpError> {
    listen_tcp(network(net), &tcp_addr(address), None)
}

/// Dials as the user of a program would, but only the first address.
fn dial(net: &str, address: &str) -> Result<HostStream, OpError> {
    let target = Target::parse(network(net), address, Purpose::Dial).expect("a literal");
    let (ip, zone) = target.dial_addresses(&[]).expect("a literal").remove(0);
    let remote = TCPAddr {
        ip: Some(ip),
        port: target.port,
        zone,
    };
    dial_tcp(network(net), None, &remote, PATIENCE.into())
}

/// Two ends of one connection.
fn pair(address: &str) -> (HostStream, HostStream) {
    let listener = listen("tcp", address).expect("the address is ours");
    let dialled = dial("tcp", &listener.addr().to_string()).expect("somebody listens");
    let accepted = listener.accept().expect("somebody dialled");
    (dialled, accepted)
}

fn read_all(stream: &HostStream) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).expect("the stream is whole") {
            0 => return octets,
            n => octets.extend_from_slice(&buffer[..n]),
        }
    }
}

fn errno<T: std::fmt::Debug>(result: Result<T, OpError>) -> Option<Errno> {
    result.expect_err("it fails").errno()
}

fn cause<T: std::fmt::Debug>(result: Result<T, OpError>) -> Cause {
    result.expect_err("it fails").err().clone()
}

macro_rules! on_the_host {
    ($($name:ident $body:block)*) => {$(
        #[test]
        fn $name() {
            in_own_network(|| $body);
        }
    )*};
}

on_the_host! {
    octets_cross_both_ways_and_the_end_follows_them {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (a, b) = pair(address);
            assert_eq!(a.local_addr(), b.remote_addr());
            assert_eq!(a.remote_addr(), b.local_addr());
            assert_eq!(a.write(b"there").ok(), Some(5));
            a.close_write().expect("it is open");
            assert_eq!(read_all(&b), b"there");
            assert_eq!(b.read(&mut [0; 8]).ok(), Some(0), "the end stays");
            // Half closed: the other way is open.
            b.write(b"back").expect("the other way is open");
            b.close().expect("it was open");
            assert_eq!(read_all(&a), b"back");
        }
    }

    addresses_are_known_after_close_and_the_second_close_says_so {
        let (a, _b) = pair("127.0.0.1:0");
        let (local, remote) = (a.local_addr().clone(), a.remote_addr().clone());
        a.close().expect("it was open");
        assert_eq!((a.local_addr(), a.remote_addr()), (&local, &remote));
        let error = a.close().expect_err("it was closed");
        assert!(error.is_closed() && error.op() == Op::Close);
        assert_eq!(
            error.to_string(),
            format!("close tcp {local}->{remote}: use of closed network connection")
        );
        assert!(a.read(&mut [0; 1]).expect_err("closed").is_closed());
        assert!(a.read(&mut []).expect_err("closed").is_closed());
        assert!(a.write(b"x").expect_err("closed").is_closed());
        assert!(a.close_write().expect_err("closed").is_closed());
        let error = a.set_deadline(Deadline::NONE).expect_err("closed");
        assert_eq!(
            error.to_string(),
            format!("set tcp {local}: use of closed network connection")
        );
        assert!(a.set_nodelay(true).expect_err("closed").is_closed());
    }

    close_wakes_those_who_read_write_and_wait_for_their_turn_to_write {
        let (a, _b) = pair("127.0.0.1:0");
        let a = Arc::new(a);
        let call = |call: fn(&HostStream) -> Result<usize, OpError>| {
            let a = Arc::clone(&a);
            thread::spawn(move || call(&a))
        };
        let waiting = [
            call(|a| a.read(&mut [0; 1])),
            call(|a| a.read(&mut [0; 1])),
            call(|a| a.write(&vec![0; 64 << 20])),
            call(|a| a.write(&vec![0; 64 << 20])),
        ];
        thread::sleep(SOON);
        let before = Instant::now();
        a.close().expect("it was open");
        for call in waiting {
            let result = call.join().expect("no panic");
            assert!(result.expect_err("closed").is_closed());
        }
        assert!(before.elapsed() < PATIENCE);
    }

    a_past_deadline_fails_at_once_even_if_octets_wait {
        let (a, b) = pair("127.0.0.1:0");
        b.write(b"octets").expect("it is open");
        thread::sleep(SOON);
        a.set_deadline(Deadline::past()).expect("it is open");
        let error = a.read(&mut [0; 8]).expect_err("it is late");
        assert!(error.timeout() && error.op() == Op::Read);
        assert_eq!(a.read(&mut []).ok(), Some(0), "nothing is no read at all");
        let error = a.write(b"").expect_err("it is late");
        assert!(error.timeout());
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
        a.set_deadline(Deadline::NONE).expect("it is open");
        assert_eq!(a.read(&mut [0; 8]).ok(), Some(6), "the stream is whole");
        assert_eq!(a.write(b"x").ok(), Some(1));
    }

    a_deadline_ends_a_call_that_waits_already {
        let (a, _b) = pair("127.0.0.1:0");
        let a = Arc::new(a);
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let a = Arc::clone(&a);
                thread::spawn(move || a.read(&mut [0; 1]))
            })
            .collect();
        thread::sleep(SOON);
        a.set_read_deadline(Deadline::past()).expect("it is open");
        for reader in readers {
            let result = reader.join().expect("no panic");
            assert!(result.expect_err("late").timeout());
        }
        // A deadline further away does not end it, one that comes does.
        a.set_read_deadline(PATIENCE).expect("it is open");
        let reader = {
            let a = Arc::clone(&a);
            thread::spawn(move || a.read(&mut [0; 1]))
        };
        thread::sleep(SOON);
        assert!(!reader.is_finished());
        a.set_read_deadline(SOON).expect("it is open");
        assert!(reader.join().expect("no panic").expect_err("late").timeout());
    }

    a_write_that_times_out_says_how_much_was_taken_and_the_stream_is_whole {
        let (a, b) = pair("127.0.0.1:0");
        let octets: Vec<u8> = (0..64_u32 << 20).map(|n| n.to_le_bytes()[1]).collect();
        a.set_write_deadline(SOON).expect("it is open");
        let error = a.write(&octets).expect_err("nobody reads");
        let written = error.written();
        assert!(error.timeout() && written > 0 && written < octets.len());
        let reader = thread::spawn(move || read_all(&b));
        a.set_write_deadline(Deadline::NONE).expect("it is open");
        a.write(&octets[written..]).expect("somebody reads");
        a.close().expect("it was open");
        assert!(reader.join().expect("no panic") == octets);
    }

    the_octets_of_one_write_stay_together {
        const OCTETS: usize = 200_000;
        let (a, b) = pair("127.0.0.1:0");
        let a = Arc::new(a);
        let writers: Vec<_> = (1..=8_u8)
            .map(|number| {
                let a = Arc::clone(&a);
                thread::spawn(move || a.write(&vec![number; OCTETS]).map(drop))
            })
            .collect();
        let reader = thread::spawn(move || read_all(&b));
        for writer in writers {
            writer.join().expect("no panic").expect("somebody reads");
        }
        a.close_write().expect("it is open");
        let octets = reader.join().expect("no panic");
        assert_eq!(octets.len(), 8 * OCTETS);
        for run in octets.chunks(OCTETS) {
            assert!(run.iter().all(|octet| *octet == run[0]));
        }
    }

    a_reset_is_told_once_and_then_as_in_go {
        let (a, b) = pair("127.0.0.1:0");
        b.set_linger(Some(Duration::ZERO)).expect("it is open");
        b.close().expect("it was open");
        thread::sleep(SOON);
        let error = a.read(&mut [0; 1]).expect_err("reset");
        assert_eq!(
            error.to_string(),
            format!(
                "read tcp {}->{}: read: connection reset by peer",
                a.local_addr(),
                a.remote_addr()
            )
        );
        assert_eq!(a.read(&mut [0; 1]).ok(), Some(0));
        assert_eq!(errno(a.write(b"x")), Some(Errno::EPIPE));
        assert_eq!(errno(a.close_write()), Some(Errno::ENOTCONN));
        assert!(a.close().is_ok());
    }

    closing_with_unread_octets_resets_the_peer {
        let (a, b) = pair("127.0.0.1:0");
        b.write(b"unread").expect("it is open");
        thread::sleep(SOON);
        a.close().expect("it was open");
        thread::sleep(SOON);
        assert_eq!(errno(b.read(&mut [0; 1])), Some(Errno::ECONNRESET));
    }

    after_closing_one_way_that_way_is_ended_here {
        let (a, _b) = pair("127.0.0.1:0");
        a.close_write().expect("it is open");
        a.close_write().expect("twice is fine");
        assert_eq!(errno(a.write(b"x")), Some(Errno::EPIPE));
        a.close_read().expect("it is open");
        assert_eq!(a.read(&mut [0; 1]).ok(), Some(0));
    }

    nobody_listens_and_nobody_can_be_reached {
        let error = dial("tcp", "127.0.0.1:1").expect_err("nobody listens");
        assert_eq!(
            error.to_string(),
            "dial tcp 127.0.0.1:1: connect: connection refused"
        );
        assert_eq!(
            io::Error::from(error).kind(),
            io::ErrorKind::ConnectionRefused
        );
        let error = dial("tcp6", "[::1]:1").expect_err("nobody listens");
        assert_eq!(
            error.to_string(),
            "dial tcp6 [::1]:1: connect: connection refused"
        );
        let error = dial("tcp", "192.0.2.1:1").expect_err("there is no route");
        assert_eq!(error.errno(), Some(Errno::ENETUNREACH));
        let late = dial_tcp(
            network("tcp"),
            None,
            &tcp_addr("127.0.0.1:1"),
            Deadline::past(),
        );
        assert_eq!(
            late.expect_err("late").to_string(),
            "dial tcp 127.0.0.1:1: i/o timeout"
        );
    }

    a_dial_can_begin_at_an_address_and_port_of_ours {
        let listener = listen("tcp", "127.0.0.1:0").expect("a port is free");
        let local = tcp_addr("127.0.0.2:7001");
        let stream = dial_tcp(
            network("tcp"),
            Some(&local),
            listener.addr(),
            Deadline::NONE,
        );
        assert_eq!(stream.expect("somebody listens").local_addr(), &local);
        let not_ours = tcp_addr("203.0.113.9:0");
        let error = dial_tcp(
            network("tcp"),
            Some(&not_ours),
            listener.addr(),
            Deadline::NONE,
        );
        assert_eq!(errno(error), Some(Errno::EADDRNOTAVAIL));
    }

    close_and_deadlines_of_a_listener_end_accept_only {
        let listener = Arc::new(listen("tcp", "127.0.0.1:0").expect("a port is free"));
        let address = listener.addr().to_string();
        let dialled = dial("tcp", &address).expect("somebody listens");
        let accepted = listener.accept().expect("somebody dialled");
        listener.set_deadline(Deadline::past()).expect("it is open");
        assert_eq!(
            listener.accept().expect_err("late").to_string(),
            format!("accept tcp {address}: i/o timeout")
        );
        listener.set_deadline(Deadline::NONE).expect("it is open");
        let waiting = {
            let listener = Arc::clone(&listener);
            thread::spawn(move || listener.accept())
        };
        thread::sleep(SOON);
        listener.close().expect("it was open");
        let error = waiting.join().expect("no panic").expect_err("closed");
        assert_eq!(
            error.to_string(),
            format!("accept tcp {address}: use of closed network connection")
        );
        assert!(listener.accept().expect_err("closed").is_closed());
        assert!(listener.close().expect_err("closed").is_closed());
        assert_eq!(listener.addr().to_string(), address);
        accepted.write(b"lives").expect("it lives on");
        accepted.close().expect("it lives on");
        assert_eq!(read_all(&dialled), b"lives");
        // The port is free again although connections of the old listener are closing.
        drop(listen("tcp", &address).expect("the port is free at once"));
        assert_eq!(errno(dial("tcp", &address)), Some(Errno::ECONNREFUSED));
    }

    wildcards_listen_on_the_families_of_their_network {
        for (net, address, prints, v4, v6) in [
            ("tcp", ":0", "[::]", true, true),
            ("tcp", "0.0.0.0:0", "[::]", true, true),
            ("tcp", "[::]:0", "[::]", true, true),
            ("tcp4", ":0", "0.0.0.0", true, false),
            ("tcp6", ":0", "[::]", false, true),
        ] {
            let listener = listen(net, address).expect("a port is free");
            let port = listener.addr().port;
            assert_eq!(listener.addr().to_string(), format!("{prints}:{port}"));
            let reached = |host: &str| {
                let reached = dial("tcp", &format!("{host}:{port}")).is_ok();
                if reached {
                    let peer = listener.accept().expect("somebody dialled");
                    let host = host.trim_matches(['[', ']']);
                    assert_eq!(peer.local_addr().ip, host.parse().ok(), "never mapped");
                }
                reached
            };
            assert_eq!((reached("127.0.0.1"), reached("[::1]")), (v4, v6), "{net} {address}");
        }
    }

    second_listeners_are_refused_as_in_go {
        let forms = [
            ("tcp", ""),
            ("tcp4", ""),
            ("tcp6", ""),
            ("tcp", "127.0.0.1"),
            ("tcp", "[::1]"),
        ];
        // go-net §1.5: rows are the first listener, columns the second; x is "in use".
        let table = ["xxxxx", "xx.x.", "x.x.x", "xx.x.", "x.x.x"];
        for ((first_net, first), row) in forms.into_iter().zip(table) {
            for ((second_net, second), expected) in forms.into_iter().zip(row.chars()) {
                let one = listen(first_net, &format!("{first}:0")).expect("a port is free");
                let two = listen(second_net, &format!("{second}:{}", one.addr().port));
                let got = match &two {
                    Ok(_) => '.',
                    Err(error) => {
                        assert_eq!(error.errno(), Some(Errno::EADDRINUSE), "{error}");
                        'x'
                    }
                };
                assert_eq!(got, expected, "{first_net} {first} then {second_net} {second}");
            }
        }
    }

    datagrams_cross_both_ways_whole_or_cut {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let server = listen_udp(network("udp"), &udp_addr(address)).expect("a port is free");
            let client = dial_udp(network("udp"), None, server.local_addr()).expect("a route");
            assert_eq!(client.remote_addr(), Some(server.local_addr()));
            for octets in [0, 1, 1_400, 65_507] {
                let sent = vec![0xa5; octets];
                assert_eq!(client.write(&sent).ok(), Some(octets));
                let mut buffer = vec![0; 70_000];
                let (got, from) = server.read_from(&mut buffer).expect("it arrives");
                assert_eq!(&from, client.local_addr());
                assert_eq!(buffer[..got], sent);
                assert_eq!(server.write_to(&sent, &from).ok(), Some(octets));
                assert_eq!(client.read(&mut buffer).ok(), Some(octets));
            }
            client.write(b"longer than").expect("it is open");
            let mut short = [0; 6];
            assert_eq!(server.read_from(&mut short).map(|(n, _)| n).ok(), Some(6));
            assert_eq!(&short, b"longer");
        }
    }

    what_datagram_sockets_refuse {
        let server = listen_udp(network("udp"), &udp_addr("127.0.0.1:0")).expect("a port is free");
        let to = server.local_addr().clone();
        let client = dial_udp(network("udp"), None, &to).expect("a route");
        assert_eq!(cause(client.write_to(b"x", &to)), Cause::WriteToConnected);
        assert_eq!(errno(client.write(&[0; 70_000])), Some(Errno::EMSGSIZE));
        assert_eq!(
            server.write(b"x").expect_err("no peer").to_string(),
            format!("write udp {to}: write: destination address required")
        );
        // Linux refuses IPv6 on this socket; Go says so before it asks.
        let error = server.write_to(b"x", &udp_addr("[::1]:1")).expect_err("IPv6");
        assert_eq!(
            error.to_string(),
            format!("write udp {to}->[::1]:1: address ::1: non-IPv4 address")
        );
        server.close().expect("it was open");
        client.write(b"x").expect("the first one is only sent");
        thread::sleep(SOON);
        assert_eq!(errno(client.read(&mut [0; 8])), Some(Errno::ECONNREFUSED));
        client.set_read_deadline(SOON).expect("it is open");
        assert!(client.read(&mut [0; 8]).expect_err("nobody sends").timeout());
    }

    a_wildcard_socket_speaks_both_families_and_prints_plain_addresses {
        let server = listen_udp(network("udp"), &udp_addr(":0")).expect("a port is free");
        let port = server.local_addr().port;
        for host in ["127.0.0.1", "[::1]"] {
            let client = dial_udp(network("udp"), None, &udp_addr(&format!("{host}:{port}")))
                .expect("a route");
            client.write(b"hello").expect("it is open");
            let (_, from) = server.read_from(&mut [0; 8]).expect("it arrives");
            assert_eq!(&from, client.local_addr());
            server.write_to(b"back", &from).expect("a route");
            assert_eq!(client.read(&mut [0; 8]).ok(), Some(4));
        }
    }

    close_wakes_those_who_wait_for_a_datagram {
        let socket = listen_udp(network("udp"), &udp_addr("127.0.0.1:0")).expect("a port is free");
        let socket = Arc::new(socket);
        let waiting = {
            let socket = Arc::clone(&socket);
            thread::spawn(move || socket.read_from(&mut [0; 8]))
        };
        thread::sleep(SOON);
        socket.close().expect("it was open");
        let error = waiting.join().expect("no panic").expect_err("closed");
        assert!(error.is_closed() && error.op() == Op::Read);
        assert!(socket.close().expect_err("closed").is_closed());
    }

    options_are_set_on_the_kernels_socket {
        let (a, _b) = pair("127.0.0.1:0");
        a.set_nodelay(false).expect("it is open");
        a.set_keep_alive(false).expect("it is open");
        let seconds = Duration::from_millis(1_500);
        a.set_keep_alive_times(Some(seconds), Some(seconds), Some(3)).expect("in range");
        a.set_linger(None).expect("it is open");
        a.set_read_buffer(65_536).expect("it is open");
        a.set_write_buffer(65_536).expect("it is open");
        let error = a.set_keep_alive_times(Some(Duration::ZERO), None, None);
        assert_eq!(errno(error), Some(Errno::EINVAL));
    }

    deadlines_may_be_moved_while_many_wait {
        let (a, b) = pair("127.0.0.1:0");
        let a = Arc::new(a);
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let a = Arc::clone(&a);
                thread::spawn(move || {
                    let mut octets = 0;
                    loop {
                        match a.read(&mut [0; 7]) {
                            Ok(0) => return octets,
                            Ok(n) => octets += n,
                            Err(error) => assert!(error.timeout(), "{error}"),
                        }
                    }
                })
            })
            .collect();
        for round in 0..2_000_u32 {
            let deadline = match round % 3 {
                0 => Deadline::NONE,
                1 => Deadline::from(PATIENCE),
                _ => Deadline::from(Duration::from_micros(20)),
            };
            a.set_read_deadline(deadline).expect("it is open");
            b.write(&[0; 3]).expect("somebody reads");
        }
        b.close().expect("it was open");
        let octets: usize = readers.into_iter().map(|r| r.join().expect("no panic")).sum();
        assert_eq!(octets, 6_000);
    }
}

#[test]
fn addresses_of_one_family_do_not_fit_the_other() {
    use super::options::Family;
    use crate::address::Zone;
    let address = |family: Family, ip: &str| {
        let ip = ip.parse().ok();
        let address = family.address(ip, &Zone::NONE, 7);
        address.map_err(|error| error.to_string())
    };
    let socket = |text: &str| Ok::<SocketAddr, String>(text.parse().expect("a literal"));
    assert_eq!(address(Family::V4, "192.0.2.1"), socket("192.0.2.1:7"));
    assert_eq!(address(Family::V4, "nil"), socket("0.0.0.0:7"));
    assert_eq!(address(Family::V6AndV4, "nil"), socket("[::]:7"));
    assert_eq!(
        address(Family::V6AndV4, "192.0.2.1"),
        socket("[::ffff:192.0.2.1]:7")
    );
    // The kernel is asked, as Go asks it: it says that the network cannot be reached.
    assert_eq!(
        address(Family::V6Only, "192.0.2.1"),
        socket("[::ffff:192.0.2.1]:7")
    );
    assert_eq!(
        address(Family::V4, "2001:db8::1"),
        Err("address 2001:db8::1: non-IPv4 address".into())
    );
}

/// Experimentation and testing (RFC 3692): the kernel has no ideas of its own about it.
const EXPERIMENT: Protocol = Protocol(253);

fn ip_addr(text: &str) -> IPAddr {
    text.parse().expect("a literal")
}

#[test]
fn raw_sockets_keep_the_header_in_read_and_strip_it_in_read_from() {
    in_own_network(|| {
        let server =
            listen_ip(network("ip4:253"), EXPERIMENT, &ip_addr("127.0.0.1")).expect("we may");
        let local = ip_addr("127.0.0.2");
        let remote = server.local_addr().clone();
        let client =
            dial_ip(network("ip4:253"), EXPERIMENT, Some(&local), &remote).expect("we may");
        assert_eq!(
            (client.local_addr(), client.remote_addr()),
            (&local, Some(&remote))
        );
        server.set_deadline(PATIENCE).expect("it is open");
        client.set_deadline(PATIENCE).expect("it is open");
        let mut octets = [0; 64];

        client.write(b"hello").expect("there is a route");
        let (len, from) = server.read_from(&mut octets).expect("it arrives");
        assert_eq!((&octets[..len], &from), (&b"hello"[..], &local));

        client.write(b"hello").expect("there is a route");
        let len = server.read(&mut octets).expect("it arrives");
        assert_eq!((len, octets[0], &octets[20..25]), (25, 0x45, &b"hello"[..]));

        server.write_to(b"back", &from).expect("there is a route");
        let len = client.read(&mut octets).expect("it arrives");
        assert_eq!(&octets[20..len], b"back");
        assert_eq!(
            cause(client.write_to(b"x", &remote)),
            Cause::WriteToConnected
        );
        assert_eq!(
            server.write(b"x").expect_err("no peer").to_string(),
            "write ip4 127.0.0.1: write: destination address required"
        );
    });
}

#[test]
fn raw_sockets_of_ipv6_never_show_a_header() {
    in_own_network(|| {
        let server = listen_ip(network("ip6:253"), EXPERIMENT, &ip_addr("::1")).expect("we may");
        let client =
            dial_ip(network("ip6:253"), EXPERIMENT, None, server.local_addr()).expect("we may");
        server.set_deadline(PATIENCE).expect("it is open");
        let mut octets = [0; 64];
        for _ in 0..2 {
            client.write(b"hello").expect("there is a route");
        }
        assert_eq!(server.read(&mut octets).ok(), Some(5));
        let (len, from) = server.read_from(&mut octets).expect("it arrives");
        assert_eq!((&octets[..len], from), (&b"hello"[..], ip_addr("::1")));
    });
}

#[test]
fn raw_sockets_need_a_right() {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
    thread::spawn(|| {
        let mut rights = capabilities(None).expect("every thread may ask");
        rights.effective.remove(CapabilitySet::NET_RAW);
        set_capabilities(None, rights).expect("one may always do without");
        let error = listen_ip(network("ip4:icmp"), Protocol(1), &ip_addr("127.0.0.1"))
            .expect_err("it is not ours to open");
        assert_eq!(error.to_string(), "socket: operation not permitted");
        assert_eq!(error.errno(), Some(Errno::EPERM));
    })
    .join()
    .expect("no panic");
}

#[test]
fn only_whole_headers_are_stripped() {
    use super::raw::strip_header;
    let strip = |packet: &[u8]| {
        let mut octets = packet.to_vec();
        let len = strip_header(&mut octets, packet.len());
        octets[..len].to_vec()
    };
    let packet = |first: u8, len: usize| {
        let mut packet = vec![0xaa; len];
        packet[0] = first;
        packet
    };
    assert_eq!(strip(&packet(0x45, 20)), []);
    assert_eq!(strip(&packet(0x45, 22)), [0xaa; 2]);
    assert_eq!(strip(&packet(0x46, 25)), [0xaa; 1]);
    // Too short a header, a header cut short, another version, nothing.
    for whole in [
        packet(0x44, 22),
        packet(0x46, 23),
        packet(0x65, 22),
        Vec::new(),
    ] {
        assert_eq!(strip(&whole), whole);
    }
}
