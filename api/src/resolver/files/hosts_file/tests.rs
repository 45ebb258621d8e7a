//! What a hosts file says, both ways round.

use super::*;

const TEXT: &str = "\
127.0.0.1 localhost localhost.localdomain # 192.0.2.9 not.this
192.0.2.1\tServer.example server   # a comment
2001:db8::1 server.example server
192.0.2.2 server
fe80::1%lo0 zoned
300.0.0.1 bad
192.0.2.3
::ffff:192.0.2.7 mapped";

fn addresses(name: &str) -> Vec<String> {
    let file = HostsFile::parse(TEXT);
    let text = |(ip, zone): &HostAddress| match zone.is_none() {
        true => ip.to_string(),
        false => format!("{ip}%{zone}"),
    };
    file.addresses(name).iter().map(text).collect()
}

fn names(address: &str) -> Vec<String> {
    let file = HostsFile::parse(TEXT);
    file.names(&parse_ip_zone(address).unwrap()).to_vec()
}

#[test]
fn a_name_has_all_addresses_of_its_lines_in_order() {
    assert_eq!(
        addresses("server"),
        ["192.0.2.1", "2001:db8::1", "192.0.2.2"]
    );
    assert_eq!(addresses("SERVER.Example."), ["192.0.2.1", "2001:db8::1"]);
    assert_eq!(addresses("zoned"), ["fe80::1%lo0"]);
    assert_eq!(addresses("mapped"), ["192.0.2.7"]);
}

#[test]
fn comments_and_lines_that_cannot_be_read_say_nothing() {
    for name in ["not.this", "bad", "192.0.2.3", "", "comment"] {
        assert!(addresses(name).is_empty(), "{name}");
    }
}

#[test]
fn a_name_without_dots_is_not_the_same_with_one() {
    // As in Go: `server.` is absolute, `server` is local.
    assert!(addresses("server.").is_empty());
}

#[test]
fn an_address_has_its_names_as_answers_are_written() {
    assert_eq!(names("127.0.0.1"), ["localhost", "localhost.localdomain."]);
    assert_eq!(names("192.0.2.1"), ["Server.example.", "server"]);
    assert_eq!(names("fe80::1%lo0"), ["zoned"]);
    assert!(names("fe80::1").is_empty());
    assert!(names("192.0.2.9").is_empty());
}

#[test]
fn the_first_name_of_a_line_is_the_one_that_the_others_stand_for() {
    let file = HostsFile::parse(TEXT);
    for (name, canonical) in [
        ("server", "server.example."),
        ("SERVER.example.", "server.example."),
        ("localhost.localdomain", "localhost"),
        ("zoned", "zoned"),
    ] {
        assert_eq!(file.canonical(name), Some(canonical), "{name}");
    }
    assert_eq!(file.canonical("nobody"), None);
}
