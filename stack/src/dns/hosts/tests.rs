//! The hosts file: what counts, and what is passed over.

use alloc::vec;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn known(hosts: &Hosts, name: &str) -> Vec<IpAddr> {
    hosts.get(name).expect("a name").addresses.clone()
}

#[test]
fn names_aliases_and_both_families_are_found_in_any_case() {
    let hosts = Hosts::parse(
        "# a comment\n\
         192.0.2.7\tServer.Example server  alias # the rest is a comment\n\
         \n\
         2001:db8::7 server.example\r\n\
         192.0.2.8 server.example # another one\n\
         192.0.2.7 server.example",
    );
    let all = vec![ip("192.0.2.7"), ip("2001:db8::7"), ip("192.0.2.8")];
    assert_eq!(known(&hosts, "server.example"), all);
    assert_eq!(known(&hosts, "SERVER.example."), all);
    assert_eq!(known(&hosts, "Alias"), [ip("192.0.2.7")]);
    assert!(hosts.get("rest").is_none());
}

#[test]
fn the_first_name_of_the_first_line_is_canonical() {
    let hosts = Hosts::parse("192.0.2.1 Web.Example www\n192.0.2.2 www other");
    let canonical = |name| hosts.get(name).map(|known| known.canonical.as_str());
    assert_eq!(canonical("web.example"), Some("web.example."));
    assert_eq!(canonical("www"), Some("web.example."));
    assert_eq!(canonical("other"), Some("www"));
}

#[test]
fn an_address_has_the_names_of_all_its_lines_in_their_order() {
    let hosts = Hosts::parse(
        "192.0.2.1 Server.Example server\n192.0.2.2 b\n192.0.2.1 alias server\n::ffff:192.0.2.3 m",
    );
    assert_eq!(
        hosts.names_of(ip("192.0.2.1")),
        ["Server.Example.", "server", "alias", "server"]
    );
    assert_eq!(hosts.names_of(ip("::ffff:192.0.2.1")).len(), 4);
    assert_eq!(hosts.names_of(ip("192.0.2.3")), ["m"]);
    assert!(hosts.names_of(ip("192.0.2.9")).is_empty());
}

#[test]
fn bad_lines_say_nothing() {
    let hosts = Hosts::parse(
        "not-an-address a\n0127.0.0.1 b\n127.1 c\n192.0.2.1\n# 192.0.2.1 d\n192.0.2.1%eth0 e\n\
         300.0.0.1 f\n::1% g\n#\n   \n192.0.2.9 good",
    );
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        assert!(hosts.get(name).is_none(), "{name}");
    }
    assert_eq!(known(&hosts, "good"), [ip("192.0.2.9")]);
}

#[test]
fn zones_are_left_out_and_mapped_addresses_are_ipv4() {
    assert_eq!(literal("fe80::1%eth0"), Some(ip("fe80::1")));
    assert_eq!(literal("::ffff:192.0.2.1"), Some(ip("192.0.2.1")));
    assert_eq!(literal("192.0.2.1%1"), None);
    assert_eq!(literal("1.2.3"), None);
}
