use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A candidate; `2001:db8:1::2!` is deprecated, `2001:db8:1::2?` is temporary.
fn candidate(text: &str) -> Candidate {
    let address = ip(text.trim_end_matches(['!', '?']));
    let prefix_bits = match address {
        IpAddr::V4(_) => 24,
        IpAddr::V6(_) => 64,
    };
    let mut candidate = Candidate::new(address, prefix_bits).unwrap();
    if text.ends_with('!') {
        candidate.standing = Standing::Deprecated;
    }
    if text.ends_with('?') {
        candidate.publicity = Publicity::Temporary;
    }
    candidate
}

fn source(candidates: &[&str], destination: &str) -> Option<IpAddr> {
    source_by(&PolicyTable::default(), candidates, ip(destination)).map(|found| found.address)
}

fn source_by(policies: &PolicyTable, candidates: &[&str], to: IpAddr) -> Option<Candidate> {
    select_source(policies, to, candidates.iter().map(|text| candidate(text)))
}

#[track_caller]
fn assert_source(destination: &str, candidates: &[&str], expected: &str) {
    let reversed: Vec<&str> = candidates.iter().rev().copied().collect();
    assert_eq!(source(candidates, destination), Some(ip(expected)));
    assert_eq!(source(&reversed, destination), Some(ip(expected)));
}

#[track_caller]
fn assert_order_by(policies: &PolicyTable, candidates: &[&str], expected: &[&str]) {
    let expected: Vec<IpAddr> = expected.iter().map(|text| ip(text)).collect();
    let mut forward = expected.clone();
    let mut backward: Vec<IpAddr> = expected.iter().rev().copied().collect();
    let source_of = |to| source_by(policies, candidates, to);
    sort_destinations(policies, &mut forward, source_of);
    sort_destinations(policies, &mut backward, source_of);
    assert_eq!(forward, expected);
    assert_eq!(backward, expected);
}

#[track_caller]
fn assert_order(candidates: &[&str], expected: &[&str]) {
    assert_order_by(&PolicyTable::default(), candidates, expected);
}

#[test]
fn rfc6724_01_the_worked_examples_of_section_10_1() {
    // Prefer appropriate scope.
    assert_source(
        "2001:db8:1::1",
        &["2001:db8:3::1", "fe80::1"],
        "2001:db8:3::1",
    );
    assert_source("ff05::1", &["2001:db8:3::1", "fe80::1"], "2001:db8:3::1");
    // Prefer same address.
    assert_source(
        "2001:db8:1::1",
        &["2001:db8:1::1!", "2001:db8:2::1"],
        "2001:db8:1::1",
    );
    // Prefer appropriate scope, even deprecated.
    assert_source("fe80::1", &["fe80::2!", "2001:db8:1::1"], "fe80::2");
    // Longest matching prefix.
    assert_source(
        "2001:db8:1::1",
        &["2001:db8:1::2", "2001:db8:3::2"],
        "2001:db8:1::2",
    );
    // Prefer matching label.
    assert_source(
        "2002:c633:6401::1",
        &["2002:c633:6401::d5e3:7953:13eb:22e8?", "2001:db8:1::2"],
        "2002:c633:6401::d5e3:7953:13eb:22e8",
    );
    // Prefer temporary address.
    assert_source(
        "2001:db8:1::d5e3:0:0:1",
        &["2001:db8:1::2", "2001:db8:1:0:d5e3:7953:13eb:22e8?"],
        "2001:db8:1:0:d5e3:7953:13eb:22e8",
    );
}

#[test]
fn rfc6724_01_the_rest_of_the_rules() {
    // Rule 3: two addresses that differ only in their standing.
    assert_source(
        "2001:db8:9::1",
        &["2001:db8:1::2!", "2001:db8:1::3"],
        "2001:db8:1::3",
    );
    // Rule 2: of two scopes that are too small, the larger one.
    assert_source("2001:db8::1", &["fec0::1", "fe80::1"], "fec0::1");
    // IPv4 takes part as mapped addresses.
    assert_source("192.0.2.9", &["198.51.100.1", "192.0.2.1"], "192.0.2.1");
    assert_source("169.254.1.1", &["192.0.2.1", "169.254.9.9"], "169.254.9.9");
    // The common prefix ends where the source's own prefix does (§2.2): the earlier one stays.
    let tied = ["2001:db8:1::2", "2001:db8:1::1:0:3"];
    assert_eq!(source(&tied, "2001:db8:1::1:0:4"), Some(ip(tied[0])));
}

#[test]
fn rfc6724_04_groups_and_unspecified_are_no_sources() {
    for text in ["ff02::1", "::", "224.0.0.1", "0.0.0.0"] {
        assert_eq!(Candidate::new(ip(text), 0), None);
    }
    assert_eq!(source(&[], "2001:db8::1"), None);
    assert_eq!(source(&["192.0.2.1"], "2001:db8::1"), None);
}

#[test]
fn rfc6724_02_the_worked_examples_of_section_10_2() {
    // Prefer matching scope.
    assert_order(
        &["2001:db8:1::2", "fe80::1", "169.254.13.78"],
        &["2001:db8:1::1", "198.51.100.121"],
    );
    assert_order(
        &["fe80::1", "198.51.100.117"],
        &["198.51.100.121", "2001:db8:1::1"],
    );
    // Prefer higher precedence.
    assert_order(
        &["2001:db8:1::2", "fe80::1", "10.1.2.4"],
        &["2001:db8:1::1", "10.1.2.3"],
    );
    // Prefer smaller scope.
    assert_order(&["2001:db8:1::2", "fe80::2"], &["fe80::1", "2001:db8:1::1"]);
    // Avoid deprecated addresses.
    assert_order(
        &["2001:db8:1::2", "fe80::2!"],
        &["2001:db8:1::1", "fe80::1"],
    );
    // Longest matching prefix.
    assert_order(
        &["2001:db8:1::2", "2001:db8:3f44::2", "fe80::2"],
        &["2001:db8:1::1", "2001:db8:3ffe::1"],
    );
    // Prefer matching label.
    assert_order(
        &["2002:c633:6401::2", "fe80::2"],
        &["2002:c633:6401::1", "2001:db8:1::1"],
    );
    // Prefer higher precedence.
    assert_order(
        &["2002:c633:6401::2", "2001:db8:1::2", "fe80::2"],
        &["2001:db8:1::1", "2002:c633:6401::1"],
    );
    // Rule 1: avoid unusable destinations.
    assert_order(&["192.0.2.1"], &["198.51.100.1", "2001:db8::1"]);
}

#[test]
fn rfc6724_02_what_ties_keeps_its_order() {
    let mut list = ["192.0.2.7", "192.0.2.5", "192.0.2.6"].map(ip);
    let before = list;
    sort_destinations(&PolicyTable::default(), &mut list, |to| {
        source_by(&PolicyTable::default(), &["198.51.100.1"], to)
    });
    assert_eq!(list, before);
}

#[test]
fn rfc6724_03_the_default_table_has_the_nine_rows_of_the_rfc() {
    let table = PolicyTable::default();
    for (address, precedence, label) in [
        ("::1", 50, 0),
        ("2001:db8::1", 40, 1),
        ("192.0.2.1", 35, 4),
        ("2002::1", 30, 2),
        ("2001::1", 5, 5),
        ("fd00::1", 3, 13),
        ("::192.0.2.1", 1, 3),
        ("fec0::1", 1, 11),
        ("3ffe::1", 1, 12),
    ] {
        let address = ip(address);
        assert_eq!(table.precedence(address), precedence, "{address}");
        assert_eq!(table.label(address), Some(label), "{address}");
    }
    // A unique local destination ranks below IPv4.
    assert_order(&["fd00::2", "192.0.2.1"], &["198.51.100.1", "fd00::1"]);
}

#[test]
fn rfc6724_03_the_table_can_be_replaced() {
    // RFC 6724 §10.3: prefer IPv4.
    let mut rows = DEFAULT_POLICIES;
    rows[2].precedence = 100;
    assert_order_by(
        &PolicyTable::new(&rows),
        &["2001:db8::2", "fe80::1", "10.1.2.4"],
        &["10.1.2.3", "2001:db8::1"],
    );
}

#[test]
fn a_table_in_which_families_tie_still_gives_one_order() {
    let mut rows = DEFAULT_POLICIES;
    for row in &mut rows {
        row.precedence = 1;
    }
    let policies = PolicyTable::new(&rows);
    let mut list: Vec<IpAddr> = (0..200_u16)
        .map(|step| match step % 3 {
            0 => ip(&std::format!("192.0.2.{step}")),
            1 => ip(&std::format!("2001:db8:{step:x}::1")),
            _ => ip(&std::format!("198.51.100.{step}")),
        })
        .collect();
    sort_destinations(&policies, &mut list, |to| {
        source_by(&policies, &["192.0.2.1", "2001:db8:1::2"], to)
    });
    assert!(list[..100].iter().all(IpAddr::is_ipv4));
}
