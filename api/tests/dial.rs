//! Dialling: Happy Eyeballs, shared deadlines, cancellation, hooks, and Go's families of tests about
//! them, on the stack and on the host's kernel.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use sidestep::device::memory::MemoryOptions;
use sidestep::{
    CancelToken, Cause, Deadline, Dialer, Errno, KeepAliveConfig, Net, NetError, NetOptions,
    ResolverSettings, TCPAddr, UDPAddr,
};
use support::{PATIENCE, World, eventually};

/// Nobody answers at `hole`; the server does at the others.
const HOSTS: &str = "\
2001:db8::2 both.example
192.0.2.2 both.example
2001:db8::7 hole6.example
192.0.2.2 hole6.example
192.0.2.7 hole.example
192.0.2.2 hole.example
2001:db8::7 holes.example
192.0.2.7 holes.example
";

/// A client that knows the hosts above, and a server.
fn pair() -> (Net, Net) {
    let client = || {
        NetOptions::new().resolver(ResolverSettings {
            hosts: HOSTS.into(),
            ..ResolverSettings::default()
        })
    };
    Net::memory_pair_with(MemoryOptions::default(), client, NetOptions::new).unwrap()
}

/// Waits until the stack of `net` holds `count` connections in any state but TIME-WAIT.
fn connections(net: &Net, count: usize) {
    eventually("connections are gone", || {
        let counters = net.counters().unwrap();
        let tcp = &counters.stack.tcp;
        counters.connections_open == count && tcp.connections - tcp.time_wait == count
    });
}

#[test]
fn dial_parallel_the_first_family_wins_if_it_answers() {
    let (client, server) = pair();
    let _listener = server.listen("tcp", ":80").unwrap();
    let conn = client.dial("tcp", "both.example:80").unwrap();
    assert_eq!(conn.remote_addr().unwrap().to_string(), "[2001:db8::2]:80");
    connections(&client, 1);
}

#[test]
fn dialer_fallback_delay() {
    let (client, server) = pair();
    let listener = server.listen("tcp", ":80").unwrap();
    let table = [(None, 300), (Some(0), 0), (Some(100), 100)];
    for (set, expected_ms) in table {
        let mut dialer = client.dialer();
        if let Some(ms) = set {
            dialer = dialer.fallback_delay(Duration::from_millis(ms));
        }
        let began = Instant::now();
        let conn = dialer.dial("tcp", "hole6.example:80").unwrap();
        let took = began.elapsed();
        assert_eq!(conn.remote_addr().unwrap().to_string(), "192.0.2.2:80");
        let expected = Duration::from_millis(expected_ms);
        assert!(took >= expected, "{set:?}: {took:?}");
        assert!(
            took < expected + Duration::from_millis(250),
            "{set:?}: {took:?}"
        );
        // The loser, whose SYN nobody answers, is gone.
        connections(&client, 1);
        drop((listener.accept().unwrap(), conn));
    }
}

#[test]
fn dial_parallel_falls_back_at_once_if_the_first_family_is_refused() {
    let (client, server) = pair();
    let _listener = server.listen("tcp4", ":80").unwrap();
    let began = Instant::now();
    let conn = client.dial("tcp", "both.example:80").unwrap();
    assert_eq!(conn.remote_addr().unwrap().to_string(), "192.0.2.2:80");
    assert!(
        began.elapsed() < Duration::from_millis(250),
        "300 ms were not waited"
    );
    connections(&client, 1);
}

#[test]
fn dial_parallel_tells_the_error_of_the_first_address() {
    let (client, _server) = pair();
    let error = client.dial("tcp", "both.example:80").unwrap_err();
    assert_eq!(
        error.to_string(),
        "dial tcp [2001:db8::2]:80: connect: connection refused"
    );
    let error = client
        .dialer()
        .timeout(Duration::from_millis(500))
        .dial("tcp", "holes.example:80")
        .unwrap_err();
    assert_eq!(error.to_string(), "dial tcp [2001:db8::7]:80: i/o timeout");
    connections(&client, 0);
}

#[test]
fn without_a_fallback_delay_addresses_are_tried_one_at_a_time() {
    let (client, server) = pair();
    let _listener = server.listen("tcp4", ":80").unwrap();
    let one_at_a_time = client.dialer().fallback_delay(None);
    let conn = one_at_a_time.dial("tcp", "both.example:80").unwrap();
    assert_eq!(conn.remote_addr().unwrap().to_string(), "192.0.2.2:80");
    let error = one_at_a_time
        .timeout(Duration::from_millis(600))
        .dial("tcp", "hole6.example:80")
        .unwrap_err();
    // Two seconds are the least share of an address, so the first one had all of the time.
    assert_eq!(error.to_string(), "dial tcp [2001:db8::7]:80: i/o timeout");
}

#[test]
fn dialer_partial_deadline() {
    let (client, server) = pair();
    let _listener = server.listen("tcp", ":80").unwrap();
    let began = Instant::now();
    let conn = client
        .dial_timeout("tcp", "hole.example:80", Duration::from_millis(4_400))
        .unwrap();
    assert_eq!(conn.remote_addr().unwrap().to_string(), "192.0.2.2:80");
    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(2_200),
        "half of the time: {took:?}"
    );
    assert!(took < Duration::from_millis(3_400), "{took:?}");
}

#[test]
fn the_time_of_a_dial_includes_the_look_up() {
    let (client, _server) = Net::memory_pair_with(
        MemoryOptions::default(),
        || {
            NetOptions::new().resolver(ResolverSettings {
                servers: vec!["192.0.2.7:53".parse().unwrap()],
                ..ResolverSettings::default()
            })
        },
        NetOptions::new,
    )
    .unwrap();
    let error = client
        .dialer()
        .deadline(Deadline::from(Duration::from_millis(50)))
        .dial("tcp", "nobody.example:80")
        .unwrap_err();
    assert!(error.timeout());
    assert_eq!(
        error.to_string(),
        "dial tcp: lookup nobody.example: i/o timeout"
    );
}

#[test]
fn a_dial_that_waits_is_cancelled_at_once() {
    let (client, _server) = pair();
    let token = CancelToken::new();
    let dialer = client.dialer().cancel(&token);
    let waiting = ["192.0.2.7:80", "holes.example:80"].map(|to| {
        let dialer = dialer.clone();
        thread::spawn(move || {
            let error = dialer.dial("tcp", to).unwrap_err();
            (error, Instant::now())
        })
    });
    eventually("they wait", || {
        client.counters().unwrap().stack.tcp.connections >= 3
    });
    let began = Instant::now();
    token.cancel();
    for (thread, addr) in waiting
        .into_iter()
        .zip(["192.0.2.7:80", "[2001:db8::7]:80"])
    {
        let (error, at) = thread.join().unwrap();
        assert_eq!(
            error.to_string(),
            format!("dial tcp {addr}: operation was canceled")
        );
        assert_eq!(*error.err(), Cause::Canceled);
        assert!(!error.timeout());
        let took = at.saturating_duration_since(began);
        assert!(took < Duration::from_millis(100), "{took:?}");
    }
    connections(&client, 0);
    // Later dials with the same token fail as well.
    let error = dialer.dial("tcp", "192.0.2.2:80").unwrap_err();
    assert_eq!(*error.err(), Cause::Canceled);
    let peer: UDPAddr = "192.0.2.2:53".parse().unwrap();
    let error = dialer.dial_udp("udp", None, &peer).unwrap_err();
    assert_eq!(
        error.to_string(),
        "dial udp 192.0.2.2:53: operation was canceled"
    );
}

#[test]
fn a_token_that_is_used_after_the_dial_leaves_the_connection_alone() {
    let (client, server) = pair();
    let listener = server.listen("tcp", ":80").unwrap();
    let token = CancelToken::new();
    let conn = client
        .dialer()
        .cancel(&token)
        .dial("tcp", "192.0.2.2:80")
        .unwrap();
    token.cancel();
    let accepted = listener.accept().unwrap();
    conn.write(b"still here").unwrap();
    assert_eq!(accepted.read(&mut [0; 16]).unwrap(), 10);
}

in_all_worlds! {
    past_the_deadline_nothing_is_sent
    the_earlier_of_timeout_and_deadline_holds
    a_full_backlog_is_waited_for_until_the_time_has_passed_or_it_is_cancelled
    our_own_end_can_be_chosen
    our_own_end_must_suit
    the_hook_sees_each_socket_and_may_refuse
    the_options_of_the_hook_are_taken
    keep_alive_can_be_set_or_left
    a_port_that_was_closed_is_refused_however_often_it_is_dialled
    many_threads_dial_with_one_dialer
    typed_dials_name_both_ends_in_their_errors
}

fn past_the_deadline_nothing_is_sent(world: &World) {
    let listener = world.listen();
    let at = world.at(listener.addr().port);
    let dialer = world.client.dialer();
    for late in [
        dialer.clone().timeout(Duration::ZERO),
        dialer.deadline(Deadline::past()),
    ] {
        let error = late.dial("tcp", &at).unwrap_err();
        assert!(error.timeout());
        assert_eq!(error.to_string(), format!("dial tcp {at}: i/o timeout"));
        let error = late.dial("udp", &at).unwrap_err();
        assert_eq!(error.to_string(), format!("dial udp {at}: i/o timeout"));
    }
    listener.set_deadline(Duration::from_millis(20)).unwrap();
    assert!(listener.accept().unwrap_err().timeout(), "nobody came");
}

fn the_earlier_of_timeout_and_deadline_holds(world: &World) {
    let listener = world.listen();
    let at = world.at(listener.addr().port);
    let dialer = world
        .client
        .dialer()
        .timeout(PATIENCE)
        .deadline(Deadline::past());
    assert!(dialer.dial("tcp", &at).unwrap_err().timeout());
    let dialer = dialer.timeout(Duration::ZERO).deadline(Deadline::NONE);
    assert!(dialer.dial("tcp", &at).unwrap_err().timeout());
    dialer.timeout(None).dial("tcp", &at).unwrap();
}

/// A listener whose backlog is full lets nobody in: a dial waits on both backends.
fn a_full_backlog_is_waited_for_until_the_time_has_passed_or_it_is_cancelled(world: &World) {
    let config = world.server.listen_config().backlog(1);
    let listener = config.listen("tcp", &world.at(0)).unwrap();
    let at = listener.addr().to_string();
    let short = Duration::from_millis(200);
    let mut let_in = Vec::new();
    let error = loop {
        match world.client.dial_timeout("tcp", &at, short) {
            Ok(conn) => let_in.push(conn),
            Err(error) => break error,
        }
        assert!(let_in.len() < 10, "the backlog is never full");
    };
    assert_eq!(error.to_string(), format!("dial tcp {at}: i/o timeout"));
    let token = CancelToken::new();
    let dialer = world.client.dialer().cancel(&token);
    let waiting = thread::spawn({
        let at = at.clone();
        move || dialer.dial("tcp", &at).unwrap_err()
    });
    thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished());
    let began = Instant::now();
    token.cancel();
    let error = waiting.join().unwrap();
    assert!(
        began.elapsed() < Duration::from_millis(100),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(
        error.to_string(),
        format!("dial tcp {at}: operation was canceled")
    );
}

fn our_own_end_can_be_chosen(world: &World) {
    let listener = world.listen();
    let at = listener.addr().to_string();
    let own = world.client.dial("tcp", &at).unwrap().local_addr();
    let TCPAddr { ip, .. } = own.to_string().parse().unwrap();
    let local = TCPAddr::new(ip, 7_777);
    let conn = world
        .client
        .dialer()
        .local_addr(local.clone())
        .dial("tcp", &at)
        .unwrap();
    assert_eq!(conn.local_addr().to_string(), local.to_string());
    let wildcard = world.client.dialer().local_addr(TCPAddr::new(None, 7_778));
    let conn = wildcard.dial("tcp", &at).unwrap();
    assert_eq!(conn.local_addr().port(), Some(7_778));
    let peer: UDPAddr = at.parse().unwrap();
    let local = UDPAddr::new(ip, 7_779);
    let conn = world
        .client
        .dialer()
        .dial_udp("udp", Some(&local), &peer)
        .unwrap();
    assert_eq!(conn.local_addr(), &local);
}

fn our_own_end_must_suit(world: &World) {
    let at = world.at(9);
    let dialer = world.client.dialer();
    let error = dialer
        .clone()
        .local_addr(UDPAddr::default())
        .dial("tcp", &at)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "dial tcp: address :0: mismatched local address type"
    );
    let other = if world.tcp == "tcp4" {
        "[::1]:0"
    } else {
        "127.0.0.1:0"
    };
    let own: TCPAddr = other.parse().unwrap();
    let error = dialer.local_addr(own).dial("tcp", &at).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("dial tcp: address {other}: no suitable address found")
    );
}

fn the_hook_sees_each_socket_and_may_refuse(world: &World) {
    let listener = world.listen();
    let at = listener.addr().to_string();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let dialer = world
        .client
        .dialer()
        .control(move |network, address, options| {
            notes.lock().unwrap().push(format!("{network} {address}"));
            assert!(options.keep_alive.is_some_and(|it| it.enable));
            Ok(())
        });
    dialer.dial("tcp", &at).unwrap();
    dialer.dial(world.tcp, &at).unwrap();
    let expected = format!("{} {at}", world.tcp);
    assert_eq!(*seen.lock().unwrap(), [expected.clone(), expected]);

    let refusing = world
        .client
        .dialer()
        .control(|_, _, _| Err(Cause::NotSupported));
    let error = refusing.dial("tcp", &at).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("dial tcp {at}: network not supported")
    );
}

fn the_options_of_the_hook_are_taken(world: &World) {
    let listener = world.listen();
    let at = listener.addr().to_string();
    let dialer = world.client.dialer().control(|_, _, options| {
        options.nodelay = Some(false);
        options.keep_alive = Some(KeepAliveConfig::off());
        options.read_buffer_octets = Some(65_536);
        options.write_buffer_octets = Some(65_536);
        options.hop_limit = Some(9);
        options.dscp = Some(46);
        options.user_timeout = Some(Duration::from_secs(3));
        Ok(())
    });
    let conn = dialer.dial("tcp", &at).unwrap();
    let accepted = listener.accept_tcp().unwrap();
    conn.set_deadline(PATIENCE).unwrap();
    accepted.set_deadline(PATIENCE).unwrap();
    conn.write(b"hello").unwrap();
    assert_eq!(accepted.read(&mut [0; 8]).unwrap(), 5);
    if let Some(conn) = conn.as_tcp().filter(|_| !world.is_kernel) {
        let info = conn.info().unwrap();
        assert!(info.rcv_wnd <= 65_536, "{}", info.rcv_wnd);
    }
}

fn keep_alive_can_be_set_or_left(world: &World) {
    let listener = world.listen();
    let at = listener.addr().to_string();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let dial = |dialer: Dialer| {
        let notes = Arc::clone(&seen);
        let dialer = dialer.control(move |_, _, options| {
            notes.lock().unwrap().push(options.keep_alive.unwrap());
            Ok(())
        });
        dialer.dial("tcp", &at).unwrap();
        seen.lock().unwrap().pop().unwrap()
    };
    let dialer = || world.client.dialer();
    assert_eq!(dial(dialer()), KeepAliveConfig::default());
    assert!(!dial(dialer().keep_alive(None)).enable);
    let minute = Duration::from_secs(60);
    assert_eq!(
        dial(dialer().keep_alive(minute)),
        KeepAliveConfig::after(minute)
    );
    let own = KeepAliveConfig {
        interval: minute,
        count: 3,
        ..KeepAliveConfig::default()
    };
    assert_eq!(dial(dialer().keep_alive(own)), own);
}

/// Go's TestSelfConnect: a dial to a port of the ephemeral range that nobody listens on must not
/// meet itself.
fn a_port_that_was_closed_is_refused_however_often_it_is_dialled(world: &World) {
    let listener = world.server.listen("tcp", &world.at(0)).unwrap();
    let at = listener.addr().to_string();
    listener.close().unwrap();
    let net = &world.server;
    for _ in 0..3_000 {
        let error = net
            .dial("tcp", &at)
            .map(|conn| conn.local_addr())
            .unwrap_err();
        assert_eq!(error.errno(), Some(Errno::ECONNREFUSED), "{error}");
    }
}

fn many_threads_dial_with_one_dialer(world: &World) {
    let listener = world.listen();
    let at = listener.addr().to_string();
    let dialer = world.client.dialer().timeout(PATIENCE);
    let conns: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..20).map(|_| dialer.dial("tcp", &at).unwrap()).collect()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| {
                let conns: Vec<_> = thread.join().unwrap();
                conns
            })
            .collect()
    });
    assert_eq!(conns.len(), 160);
}

fn typed_dials_name_both_ends_in_their_errors(world: &World) {
    let remote: TCPAddr = world.at(9).parse().unwrap();
    let local = TCPAddr::new(None, 0);
    let error = world
        .client
        .dial_tcp("udp", Some(&local), &remote)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("dial udp :0->{remote}: unknown network udp")
    );
    let error = world
        .client
        .dial_tcp("tcp", Some(&local), &remote)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("dial tcp :0->{remote}: connect: connection refused")
    );
}

#[test]
fn routes_and_policies_change_while_the_stack_runs() {
    let (client, server) = pair();
    let far = "198.51.100.1".parse().unwrap();
    server.add_address(far, 32).unwrap();
    let listener = server.listen("tcp", "198.51.100.1:80").unwrap();
    let dial = || client.dial_timeout("tcp", "198.51.100.1:80", PATIENCE);
    let unreachable = |error: sidestep::OpError| error.errno() == Some(Errno::ENETUNREACH);
    assert!(unreachable(dial().unwrap_err()));
    client
        .add_route("198.51.100.0".parse().unwrap(), 24)
        .unwrap();
    dial().unwrap();
    client
        .remove_route("198.51.100.0".parse().unwrap(), 24)
        .unwrap();
    assert!(unreachable(dial().unwrap_err()));
    let gone = client.remove_route(far, 24).unwrap_err();
    assert_eq!(gone.errno(), Some(Errno::EADDRNOTAVAIL));
    drop(listener);

    // RFC 6724 §10.3: IPv4 first.
    let first = || client.lookup_host("both.example").unwrap()[0].clone();
    assert_eq!(first(), "2001:db8::2");
    let row = |prefix: &str, prefix_bits, precedence, label| sidestep::Policy {
        prefix: prefix.parse().unwrap(),
        prefix_bits,
        precedence,
        label,
    };
    client
        .set_policies(&[row("::", 0, 40, 1), row("::ffff:0:0", 96, 100, 4)])
        .unwrap();
    assert_eq!(first(), "192.0.2.2");
}

#[test]
fn the_hook_of_a_socket_without_a_handshake_sets_what_its_packets_say() {
    let (client, server) = pair();
    let icmp = server.listen_packet("ip4:253", "192.0.2.2").unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let dialer = client.dialer().control(move |network, address, options| {
        notes.lock().unwrap().push(format!("{network} {address}"));
        options.hop_limit = Some(9);
        options.dscp = Some(46);
        Ok(())
    });
    let raw = dialer.dial("ip:253", "192.0.2.2").unwrap();
    dialer.dial("udp", "[2001:db8::2]:53").unwrap();
    assert_eq!(
        *seen.lock().unwrap(),
        ["ip4 192.0.2.2", "udp6 [2001:db8::2]:53"]
    );
    raw.write(b"payload").unwrap();
    icmp.set_deadline(PATIENCE).unwrap();
    let (_, from) = icmp.read_from(&mut [0; 64]).unwrap();
    assert_eq!(from.to_string(), "192.0.2.1");

    let refusing = client.dialer().control(|_, _, _| Err(Cause::NotSupported));
    let error = refusing.dial("udp", "192.0.2.2:53").unwrap_err();
    assert_eq!(
        error.to_string(),
        "dial udp 192.0.2.2:53: network not supported"
    );
}

#[test]
fn a_raw_dial_can_choose_its_own_address_and_names_its_protocol_in_errors() {
    let (client, server) = pair();
    let second = "192.0.2.9".parse().unwrap();
    client.add_address(second, 24).unwrap();
    let listener = server.listen_packet("ip4:253", "").unwrap();
    let local = sidestep::IPAddr::from(second);
    let conn = client
        .dialer()
        .local_addr(local)
        .dial("ip4:253", "192.0.2.2")
        .unwrap();
    conn.write(b"payload").unwrap();
    listener.set_deadline(PATIENCE).unwrap();
    let (_, from) = listener.read_from(&mut [0; 64]).unwrap();
    assert_eq!(from.to_string(), "192.0.2.9");
    let not_ours = sidestep::IPAddr::from("192.0.2.77".parse::<std::net::IpAddr>().unwrap());
    let error = client
        .dialer()
        .local_addr(not_ours)
        .dial("ip4:253", "192.0.2.2")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "dial ip4:253 192.0.2.77->192.0.2.2: bind: cannot assign requested address"
    );
}
