//! Names become addresses: from two servers over both families, a hosts file, and no one at all.
//!
//! The servers run on the other side of the device; the first one speaks IPv4, the second IPv6.
//! Each check asks through the same `lookup_host` that `dial` uses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sidestep::{DNSError, Net};

use super::check::{Checks, Unmet};
use super::world::World;
use crate::name_server::{Entry, NameServer, Zone};

/// The hosts file of our stack.
pub(super) const HOSTS: &str = "198.51.100.7 printer printer.demo.test # by the window\n\
                         2001:db8::7 printer\n";
/// The domain that short names are tried in.
pub(super) const SEARCH: &str = "demo.test";
/// The port of the servers.
pub(super) const PORT: u16 = 53;
/// So many addresses do not fit into a datagram.
const MANY: u8 = 200;

fn zone() -> Zone {
    let many = (1..=MANY).map(|last| IpAddr::V4(Ipv4Addr::new(198, 51, 100, last)));
    Zone::default()
        .with(
            "both.demo.test",
            addresses(&["198.51.100.1", "2001:db8::51"]),
        )
        .with("four.demo.test", addresses(&["198.51.100.4"]))
        .with("six.demo.test", addresses(&["2001:db8::6"]))
        .with("www.demo.test", Entry::Alias("web.demo.test".to_owned()))
        .with("web.demo.test", Entry::Alias("both.demo.test".to_owned()))
        .with("many.demo.test", Entry::Addresses(many.collect()))
        .with("second.demo.test", Entry::Fails)
}

fn addresses(texts: &[&str]) -> Entry {
    Entry::Addresses(texts.iter().filter_map(|text| text.parse().ok()).collect())
}

/// The two servers of the demo.
#[derive(Debug)]
pub(super) struct Servers {
    first: NameServer,
    second: NameServer,
}

/// Runs all checks of this page.
pub(super) fn check_all(checks: &mut Checks, world: &World) {
    let (net, v4, v6) = (
        world.theirs.clone(),
        SocketAddr::new(world.their_v4, PORT),
        SocketAddr::new(world.their_v6, PORT),
    );
    let (say, hear) = std::sync::mpsc::channel();
    checks.run(
        format!(
            "DNS: two servers at the {}, over IPv4 and IPv6",
            world.their_name
        ),
        move || {
            let first = NameServer::start(&net, v4, zone())?;
            let only_second = zone().with("second.demo.test", addresses(&["198.51.100.2"]));
            let second = NameServer::start(&net, v6, only_second)?;
            let _ = say.send(Servers { first, second });
            Ok(format!("{v4} and {v6}"))
        },
    );
    let Ok(servers) = hear.try_recv() else {
        // That check said why.
        return;
    };
    for (name, host, expected) in [
        (
            "lookup_host: a name with both families",
            "both.demo.test",
            &["198.51.100.1", "2001:db8::51"][..],
        ),
        (
            "lookup_host: IPv4 only",
            "four.demo.test",
            &["198.51.100.4"],
        ),
        ("lookup_host: IPv6 only", "six.demo.test.", &["2001:db8::6"]),
        (
            "lookup_host: an alias of an alias",
            "www.demo.test",
            &["198.51.100.1", "2001:db8::51"],
        ),
        (
            "lookup_host: a short name, through the search list",
            "four",
            &["198.51.100.4"],
        ),
        (
            "lookup_host: the first server fails, the second answers over IPv6",
            "second.demo.test",
            &["198.51.100.2"],
        ),
        (
            "lookup_host: the hosts file",
            "printer",
            &["198.51.100.7", "2001:db8::7"],
        ),
        (
            "lookup_host: an IPv4 literal",
            "192.0.2.77",
            &["192.0.2.77"],
        ),
        (
            "lookup_host: an IPv6 literal",
            "2001:db8::77",
            &["2001:db8::77"],
        ),
    ] {
        let net = world.ours.clone();
        checks.run(name, move || exactly(&net, host, expected));
    }
    let net = world.ours.clone();
    checks.run("lookup_host: no such name", move || {
        no_such_name(&net, "none.demo.test.")
    });
    let (net, before) = (world.ours.clone(), servers.first.tcp_queries());
    let found = checks
        .run("lookup_host: an answer too long for UDP", move || {
            many(&net)
        })
        .ok;
    if found {
        let (tcp, udp) = (servers.first.tcp_queries(), servers.second.udp_queries());
        checks.run(
            "lookup_host: truncation moved the question to TCP",
            move || {
                if tcp > before && udp > 0 {
                    Ok(format!("{} question over TCP", tcp - before))
                } else {
                    Err(Unmet::found("a question over TCP", "none"))
                }
            },
        );
    }
}

fn exactly(net: &Net, host: &str, expected: &[&str]) -> Result<String, Unmet> {
    let mut found = net.lookup_host(host)?;
    let shown = found.join(", ");
    found.sort();
    let mut expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
    expected.sort();
    if found == expected {
        Ok(shown)
    } else {
        Err(Unmet::found("the zone's addresses", shown))
    }
}

fn many(net: &Net) -> Result<String, Unmet> {
    let found = net.lookup_host("many.demo.test")?;
    if found.len() == usize::from(MANY) {
        Ok(format!("{} addresses", found.len()))
    } else {
        Err(Unmet::found("200 addresses", found.len()))
    }
}

fn no_such_name(net: &Net, host: &str) -> Result<String, Unmet> {
    match net.lookup_host(host) {
        Err(error) if is_not_found(&error) => Ok(error.to_string()),
        Err(error) => Err(Unmet::found("no such host", error)),
        Ok(found) => Err(Unmet::found("no such host", found.join(", "))),
    }
}

fn is_not_found(error: &DNSError) -> bool {
    error.is_not_found
}
