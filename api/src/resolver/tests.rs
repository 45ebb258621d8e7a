//! What look-ups give, from literals, files and settings. Those that ask servers are in
//! `api/tests/names.rs`, in `host/lookup/tests.rs`, and against real ones in the interop suite.

use std::time::Duration;

use sidestep_stack::wire::dns_message::{Message, Rcode, Record, RecordType};

use super::*;
use crate::{AnyPacketConn, ResolverSettings};

/// A network where no query is ever answered.
fn silent() -> (Net, Net) {
    Net::memory_pair().unwrap()
}

fn with_hosts(net: &Net, hosts: &str) -> Resolver {
    Resolver::builder()
        .servers(["192.0.2.2:53".parse().unwrap()])
        .hosts(hosts)
        .files(ResolverFiles::in_directory("/nowhere"))
        .deadline(Duration::from_millis(50))
        .over(net)
        .build()
}

fn eventually(holds: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never does");
        std::thread::yield_now();
    }
}

const HOSTS: &str = "\
192.0.2.1 Server.example server
2001:db8::1 server.example
fe80::1%lo0 zoned
192.0.2.9 nine.example nine
";

#[test]
fn a_literal_is_itself_and_nobody_is_asked() {
    let (net, _other) = silent();
    let resolver = with_hosts(&net, "");
    for literal in [
        "192.0.2.7",
        "2001:DB8::7",
        "fe80::1%eth0",
        "::ffff:192.0.2.7",
    ] {
        assert_eq!(resolver.lookup_host(literal).unwrap(), [literal]);
    }
    let found = resolver.lookup_ip_addr("fe80::1%eth0").unwrap();
    assert_eq!(found[0].to_string(), "fe80::1%eth0");
    let both = resolver.lookup_ip("ip", "::").unwrap();
    assert_eq!(both.len(), 2, "as in Go, :: stands for 0.0.0.0 too");
}

#[test]
fn what_is_no_name_is_no_such_host() {
    let (net, _other) = silent();
    let resolver = with_hosts(&net, HOSTS);
    for text in [
        "",
        " ",
        "a b",
        "127.1",
        "0127.0.0.1",
        "a..b",
        ".a",
        "-a",
        "1",
        "ä.example",
    ] {
        for error in [
            resolver.lookup_host(text).unwrap_err(),
            resolver.lookup_ip_addr(text).unwrap_err(),
            resolver.lookup_cname(text).unwrap_err(),
            resolver.lookup_mx(text).unwrap_err(),
            resolver.lookup_ns(text).unwrap_err(),
            resolver.lookup_txt(text).unwrap_err(),
            resolver.lookup_srv("", "", text).unwrap_err(),
        ] {
            assert!(
                error.is_not_found && error.server.is_none(),
                "{text}: {error:?}"
            );
            assert_eq!(error.to_string(), format!("lookup {text}: no such host"));
        }
    }
}

#[test]
fn the_hosts_file_answers_for_names_and_addresses() {
    let (net, _other) = silent();
    let resolver = with_hosts(&net, HOSTS);
    assert_eq!(
        resolver.lookup_host("SERVER.example").unwrap(),
        ["192.0.2.1", "2001:db8::1"]
    );
    assert_eq!(resolver.lookup_host("zoned").unwrap(), ["fe80::1%lo0"]);
    assert_eq!(
        resolver.lookup_addr("192.0.2.9").unwrap(),
        ["nine.example.", "nine"]
    );
    assert_eq!(resolver.lookup_addr("fe80::1%lo0").unwrap(), ["zoned"]);
    assert_eq!(resolver.lookup_cname("nine").unwrap(), "nine.example.");
    assert_eq!(
        resolver.lookup_ip("ip4", "server.example").unwrap().len(),
        1
    );
    let error = resolver.lookup_ip("ip6", "nine").unwrap_err();
    assert_eq!(error.to_string(), "address nine: no suitable address found");
}

#[test]
fn an_address_must_be_one() {
    let (net, _other) = silent();
    let resolver = with_hosts(&net, HOSTS);
    for text in ["", "nobody", "192.0.2", "fe80::1%eth9"] {
        let error = resolver.lookup_addr(text).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("lookup {text}: unrecognized address")
        );
        assert!(!error.is_not_found);
    }
}

#[test]
fn a_network_of_addresses_must_be_named() {
    let (net, _other) = silent();
    let resolver = with_hosts(&net, HOSTS);
    for network in ["tcp", "ip5", "", "udp4"] {
        let error = resolver.lookup_ip(network, "server").unwrap_err();
        assert!(
            matches!(error, Cause::UnknownNetwork(_)),
            "{network}: {error}"
        );
        assert_eq!(error.to_string(), format!("unknown network {network}"));
    }
    assert!(resolver.lookup_net_ip("ip4:icmp", "server").is_ok());
}

#[test]
fn errors_speak_of_the_name_that_was_asked_for() {
    let (net, other) = silent();
    let _deaf = other.listen_packet("udp", ":53").unwrap();
    let resolver = with_hosts(&net, "").with_deadline(Duration::from_millis(1));
    for (error, name) in [
        (resolver.lookup_host("a.example").unwrap_err(), "a.example"),
        (resolver.lookup_addr("192.0.2.7").unwrap_err(), "192.0.2.7"),
        (
            resolver.lookup_srv("sip", "tcp", "a.example").unwrap_err(),
            "_sip._tcp.a.example",
        ),
    ] {
        assert_eq!(error.to_string(), format!("lookup {name}: i/o timeout"));
        assert!(error.is_timeout && !error.is_not_found);
    }
}

#[test]
fn a_cancelled_look_up_says_so() {
    let (net, other) = silent();
    let _deaf = other.listen_packet("udp", ":53").unwrap();
    let token = CancelToken::new();
    let resolver = with_hosts(&net, "")
        .with_deadline(Deadline::NONE)
        .with_cancel(&token);
    let error = std::thread::scope(|scope| {
        let waits = scope.spawn(|| resolver.lookup_ns("a.example").unwrap_err());
        eventually(|| net.counters().unwrap().lookups_open == 1);
        token.cancel();
        waits.join().unwrap()
    });
    assert_eq!(
        error.to_string(),
        "lookup a.example: operation was canceled"
    );
    // It was taken back.
    eventually(|| net.counters().unwrap().stack.lookups == 0);
    let error = resolver.lookup_ns("a.example").unwrap_err();
    assert_eq!(error.err, DNSErrorKind::Canceled);
}

#[test]
fn without_a_network_it_says_how_to_get_one() {
    let error = Resolver::default().lookup_host("a.example").unwrap_err();
    assert_eq!(error.err, DNSErrorKind::NoStack);
    let (net, _other) = silent();
    let _entered = net.enter();
    let error = Resolver::default().lookup_host("a.example").unwrap_err();
    assert_eq!(
        error.err,
        DNSErrorKind::NoServer,
        "its resolver has no server"
    );
}

/// Answers every question for an address with 192.0.2.80, on port 53 of `net`, until the socket is closed.
fn serve(net: &Net) -> AnyPacketConn {
    let socket = net.listen_packet("udp", ":53").unwrap();
    let server = socket.clone();
    std::thread::spawn(move || {
        let mut room = [0; 2_048];
        while let Ok((octets, from)) = socket.read_from(&mut room) {
            let query = Message::parse(&room[..octets], 8).unwrap();
            let mut reply = Message::reply_to(&query, Rcode::NO_ERROR);
            let question = query.question.unwrap();
            if question.record_type == RecordType::A {
                let address = [192, 0, 2, 80].into();
                let record = Record::address(question.name, address, 60);
                reply.answers.push(record);
            }
            socket.write_to(&reply.emit(), &from).unwrap();
        }
    });
    server
}

#[test]
fn many_threads_ask_over_one_stack_and_each_gets_its_answer() {
    let (net, other) = silent();
    serve(&other);
    let resolver = with_hosts(&net, "").with_deadline(Duration::from_secs(20));
    std::thread::scope(|scope| {
        for asker in 0..16 {
            let resolver = &resolver;
            scope.spawn(move || {
                for name in 0..100 {
                    // Some are asked for by several at once.
                    let name = format!("n{}.example", (asker + name) % 40);
                    assert_eq!(resolver.lookup_host(&name).unwrap(), ["192.0.2.80"]);
                }
            });
        }
    });
    let counters = net.counters().unwrap();
    assert_eq!((counters.lookups_open, counters.stack.lookups), (0, 0));
}

#[test]
fn a_cache_is_kept_by_the_resolver_and_not_by_others() {
    let (net, other) = silent();
    let server = serve(&other);
    let plain = with_hosts(&net, "").with_deadline(Duration::from_secs(20));
    let keeping = Resolver::builder()
        .servers(["192.0.2.2:53".parse().unwrap()])
        .hosts("")
        .files(ResolverFiles::in_directory("/nowhere"))
        .cache(CacheSettings::default())
        .deadline(Duration::from_secs(20))
        .over(&net)
        .build();
    assert!(plain.lookup_host("kept.example").is_ok());
    assert!(keeping.lookup_host("kept.example").is_ok());
    server.close().unwrap();
    assert_eq!(keeping.lookup_host("kept.example").unwrap(), ["192.0.2.80"]);
    let hurried = plain.with_deadline(Duration::from_millis(50));
    assert!(hurried.lookup_host("kept.example").is_err());
}

#[test]
fn many_resolvers_may_come_and_go_on_one_network() {
    let (net, _other) = silent();
    for round in 0..200 {
        let resolver = Resolver::builder().servers([]).hosts("").over(&net).build();
        let error = resolver.lookup_host("a.example").unwrap_err();
        assert_eq!(error.err, DNSErrorKind::NoServer, "{round}");
        assert!(error.is_temporary);
    }
    // As many as the stack takes at once are not too many either.
    net.set_resolver(ResolverSettings::default()).unwrap();
    assert_eq!(
        net.lookup_host("a.example").unwrap_err().err,
        DNSErrorKind::NoServer
    );
}
