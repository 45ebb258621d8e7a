//! Names: dig asks a server that runs on Sidestep, and Sidestep's resolver agrees with dig and getent.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sidestep::error::DNSErrorKind;
use sidestep::{Net, ResolverSettings};
use sidestep_tests::namespace_net::World;
use sidestep_tests::on_both_families;
use sidestep_tools::name_server::{Entry, NameServer, Zone};

use super::programs::{Directory, find, run};

on_both_families! {
    #[ignore = "needs curl, nginx, dig and socat: .ci/run installs them"]
    dig_asks_a_server_on_sidestep
    #[ignore = "needs curl, nginx, dig and socat: .ci/run installs them"]
    sidestep_looks_up_what_dig_looks_up
}

const NAMES: [&str; 4] = [
    "both.example",
    "only-four.example",
    "alias.example",
    "many.example",
];

/// Too many for a datagram of 1,232 octets: the answer is truncated, and asked for over TCP.
const MANY: u8 = 120;

fn zone() -> Zone {
    let ip = |text: &str| -> IpAddr { text.parse().expect("a literal") };
    let many = (0..MANY).map(|host| Ipv4Addr::new(203, 0, 113, host).into());
    Zone::default()
        .with(
            "both.example",
            Entry::Addresses(vec![ip("192.0.2.80"), ip("192.0.2.81"), ip("2001:db8::80")]),
        )
        .with(
            "only-four.example",
            Entry::Addresses(vec![ip("192.0.2.82")]),
        )
        .with("alias.example", Entry::Alias("both.example".into()))
        .with("many.example", Entry::Addresses(many.collect()))
        .with("broken.example", Entry::Fails)
}

/// What the zone has for `name`.
fn addresses(name: &str) -> BTreeSet<IpAddr> {
    let many = (0..MANY).map(|host| IpAddr::from([203, 0, 113, host]));
    let literals = |texts: &[&str]| -> BTreeSet<IpAddr> {
        texts
            .iter()
            .map(|text| text.parse().expect("a literal"))
            .collect()
    };
    match name {
        "only-four.example" => literals(&["192.0.2.82"]),
        "many.example" => many.collect(),
        _ => literals(&["192.0.2.80", "192.0.2.81", "2001:db8::80"]),
    }
}

fn dig_says(dig: &Path, server: SocketAddr, arguments: &[&str]) -> String {
    run(
        Command::new(dig)
            // Not what the user has in ~/.digrc.
            .args([
                "-r",
                &format!("@{}", server.ip()),
                "-p",
                &server.port().to_string(),
            ])
            .args(["+tries=2", "+time=5", "+nocookie"])
            .args(arguments),
        b"",
    )
    .expect_text()
}

/// All addresses of `name` that dig finds.
fn dig_finds(dig: &Path, server: SocketAddr, name: &str) -> BTreeSet<IpAddr> {
    ["A", "AAAA"]
        .iter()
        .flat_map(|kind| {
            dig_says(dig, server, &["+short", name, kind])
                .lines()
                // The names on the way, if it is an alias.
                .filter_map(|line| line.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// All addresses of `name` that the C library finds. In a mount namespace of its own, where
/// /etc/resolv.conf names `server` and nobody else.
fn getent_finds(unshare: &Path, server: SocketAddr, name: &str) -> BTreeSet<IpAddr> {
    // Both families are tested at the same time.
    let family = if server.is_ipv4() { "4" } else { "6" };
    let directory = Directory::new(&format!("getent-{family}"));
    let settings = directory.path().join("resolv.conf");
    let text = format!("nameserver {}\noptions ndots:1 timeout:5\n", server.ip());
    std::fs::write(&settings, text).expect("cargo's directory can be written");
    let script = r#"mount --bind "$1" /etc/resolv.conf && exec getent ahosts "$2""#;
    run(
        Command::new(unshare)
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(&settings)
            .arg(name),
        b"",
    )
    .expect_text()
    .lines()
    .filter_map(|line| line.split_whitespace().next()?.parse().ok())
    .collect()
}

fn dig_asks_a_server_on_sidestep(world: &World) {
    let Some(dig) = find("dig") else { return };
    let at = world.sidestep(53);
    let server = NameServer::start(&world.net, at, zone()).expect("the port is free");
    for name in NAMES {
        assert_eq!(dig_finds(&dig, at, name), addresses(name), "{name}");
    }
    let alias = dig_says(&dig, at, &["+short", "alias.example", "A"]);
    assert_eq!(alias.lines().next(), Some("both.example."));
    for (name, status) in [
        ("nobody.example", "NXDOMAIN"),
        ("broken.example", "SERVFAIL"),
    ] {
        let said = dig_says(&dig, at, &[name, "A"]);
        assert!(said.contains(&format!("status: {status}")), "{said}");
    }

    let over_tcp = server.tcp_queries();
    assert!(over_tcp > 0, "many.example does not fit in a datagram");
    let said = dig_says(&dig, at, &["+bufsize=512", "many.example", "A"]);
    assert!(said.contains("Truncated, retrying in TCP mode"), "{said}");
    assert!(said.contains(&format!("ANSWER: {MANY}")), "{said}");
    let said = dig_says(&dig, at, &["+tcp", "+short", "only-four.example", "A"]);
    assert_eq!(said.trim(), "192.0.2.82");
    assert_eq!(server.tcp_queries(), over_tcp + 2);
}

fn sidestep_looks_up_what_dig_looks_up(world: &World) {
    let Some(dig) = find("dig") else { return };
    let Some(unshare) = find("unshare") else {
        return;
    };
    let at = world.kernel(53);
    let server = NameServer::start(&Net::host(), at, zone()).expect("the port is free");
    world
        .net
        .set_resolver(ResolverSettings {
            servers: vec![at],
            ndots: 1,
            timeout: Some(Duration::from_secs(5)),
            attempts: Some(2),
            ..ResolverSettings::default()
        })
        .expect("it runs");
    for name in NAMES {
        let found = world.net.lookup_host(name).expect(name);
        let found: BTreeSet<IpAddr> = found.iter().filter_map(|text| text.parse().ok()).collect();
        assert_eq!(found, addresses(name), "{name}");
        assert_eq!(found, dig_finds(&dig, at, name), "{name}");
        assert_eq!(found, getent_finds(&unshare, at, name), "{name}");
    }
    assert!(server.tcp_queries() >= 2, "both asked again over TCP");
    let error = world.net.lookup_host("nobody.example").expect_err("nobody");
    assert_eq!(error.err, DNSErrorKind::NoSuchHost, "{error}");
    let said = dig_says(&dig, at, &["nobody.example", "A"]);
    assert!(said.contains("status: NXDOMAIN"), "{said}");
    let error = world.net.lookup_host("broken.example").expect_err("broken");
    assert_ne!(error.err, DNSErrorKind::NoSuchHost, "{error}");
    // Nothing of the look-ups is left behind.
    assert_eq!(world.counters().lookups_open, 0);
    assert_eq!(world.counters().stack.lookups, 0);
}
