//! RFC 5737: the addresses that tests, examples and documents use are nobody's.
//!
//! Every text of the repository is read for IPv4 addresses. Only the documentation networks and other
//! addresses without an owner on the public net may stand there; what a text about syntax or prefixes
//! needs besides is listed by name.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// Texts in which an address is an example of how one is written or grouped, and is never spoken to.
const ABOUT_SYNTAX: &[&str] = &[
    "tests/tests/conformance/addresses.rs",
    // What a parser takes, as in Go's tests.
    "api/src/address/tests.rs",
    "api/src/ip_net/tests.rs",
    "stack/src/dns/tests/questions.rs",
    "docs/src/contract.md",
    // The edges of classes and prefixes.
    "api/src/ip_ext/tests.rs",
    "stack/src/ip/tests/arrives_v4.rs",
    "stack/src/ip/tests/routes.rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Whether nobody on the public net has `address`: RFC 5737, and the special purposes of RFC 6890.
fn is_nobodys(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_documentation = matches!((a, b, c), (192, 0, 2) | (198, 51, 100) | (203, 0, 113));
    let is_benchmarking = a == 198 && b & 0xfe == 18;
    let is_shared = a == 100 && b & 0xc0 == 64;
    is_documentation
        || is_benchmarking
        || is_shared
        || a == 0
        || a >= 240
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
}

/// The IPv4 addresses in a text, dotted (`192.0.2.1`) or as four octets of an array or a constructor
/// (`[192, 0, 2, 1]`, `new(192, 0, 2, 1)`).
fn addresses_in(text: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut before = ' ';
    for word in text.split_inclusive(|letter: char| !letter.is_ascii_digit() && letter != '.') {
        let end = word.chars().next_back().filter(|it| !it.is_ascii_digit());
        let number = word.trim_end_matches(|letter: char| !letter.is_ascii_digit());
        let is_name = word[number.len()..].starts_with('.') && end.is_some_and(char::is_alphabetic);
        let word = number;
        // Not a name (`1.2.0.192.in-addr.arpa`), a section of an RFC (`§3.8.6.1`) or a part of a
        // longer number.
        if !is_name
            && before != '§'
            && before != '_'
            && !before.is_alphabetic()
            && let Ok(address) = word.parse()
        {
            found.push(address);
        }
        before = end.unwrap_or(' ');
    }
    for opening in ["Ipv4Addr::new(", "from(["] {
        for rest in text.split(opening).skip(1) {
            let list = rest.split([')', ']']).next().unwrap_or_default();
            let octets: Vec<u8> = list
                .split(',')
                .map_while(|octet| octet.trim().parse().ok())
                .collect();
            if let (Ok(octets), 4) = (<[u8; 4]>::try_from(octets), list.split(',').count()) {
                found.push(octets.into());
            }
        }
    }
    found
}

fn scan(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            scan(&path, look);
        } else if let Ok(text) = fs::read_to_string(&path) {
            look(&path, &text);
        }
    }
}

#[test]
fn rfc5737_01_no_text_names_an_address_that_is_somebodys() {
    let root = root();
    let mut foreign = Vec::new();
    let mut documentation = 0;
    for part in ["stack", "api", "tools", "tests", "docs"] {
        scan(&root.join(part), &mut |path, text| {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy();
            // Sections of RFCs look like addresses, and nothing else is in these.
            let is_of_sections = name.ends_with("conformance.md") || name.ends_with(".tsv");
            if is_of_sections || ABOUT_SYNTAX.contains(&name.as_ref()) {
                return;
            }
            for address in addresses_in(text) {
                if is_nobodys(address) {
                    documentation += 1;
                } else {
                    foreign.push(format!("{name}: {address}"));
                }
            }
        });
    }
    assert!(foreign.is_empty(), "{foreign:#?}");
    assert!(documentation > 500, "only {documentation} were found");
}

#[test]
fn addresses_are_found_in_every_form_that_sources_have() {
    let text = "dial(\"8.8.8.8:53\"), 9.9.9.9, §3.8.6.1, 1.2.3, 1.2.3.4.5, v1.2.3.4 \
                7.2.0.192.in-addr.arpa \
                Ipv4Addr::new(1, 1, 1, 1) IpAddr::from([4, 4, 4, 4]) from([1, 2, 3])";
    let found = addresses_in(text);
    let named: Vec<String> = found.iter().map(Ipv4Addr::to_string).collect();
    assert_eq!(named, ["8.8.8.8", "9.9.9.9", "1.1.1.1", "4.4.4.4"]);
    for (text, is) in [
        ("192.0.2.255", true),
        ("192.0.3.0", false),
        ("198.51.100.0", true),
        ("198.51.101.0", false),
        ("203.0.113.7", true),
        ("203.0.114.7", false),
        ("8.8.8.8", false),
    ] {
        assert_eq!(is_nobodys(text.parse().unwrap()), is, "{text}");
    }
}
