//! Names: every limit from both sides, and the hostile pointers of RFC 9267.

use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;

use super::*;

/// A message of `header` zero octets, then `rest`.
fn after_header(rest: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 12];
    message.extend_from_slice(rest);
    message
}

fn rejected(message: &[u8], offset: usize) -> NameRejected {
    Name::parse(message, offset).expect_err("rejected")
}

#[test]
fn rfc1035_01_a_label_has_at_most_63_octets() {
    let most = "a".repeat(63);
    assert_eq!(
        Name::from_text(&most).expect("a name").to_string(),
        most + "."
    );
    assert_eq!(
        Name::from_text(&"a".repeat(64)),
        Err(NameRejected::LabelTooLong)
    );
}

#[test]
fn rfc1035_01_a_name_has_at_most_255_octets() {
    let label = "a".repeat(63);
    let text = [&label[..], &label, &label, &label[..61]].join(".");
    let most = Name::from_text(&text).expect("255 octets");
    assert_eq!(most.as_wire().len(), NAME_OCTETS_MAX);
    assert_eq!(
        Name::from_text(&(text + "a")),
        Err(NameRejected::NameTooLong)
    );
}

#[test]
fn bad_31_a_name_built_by_pointers_has_at_most_255_octets() {
    // 128 labels of one octet would be 257 octets; 127 are 255.
    for (labels, fits) in [(127, true), (128, false)] {
        let mut rest = Vec::new();
        for _ in 0..labels - 1 {
            rest.extend_from_slice(&[1, b'a']);
        }
        rest.push(0);
        let pointing_at = rest.len() + 12;
        rest.extend_from_slice(&[1, b'a', 0xc0, 12]);
        let parsed = Name::parse(&after_header(&rest), pointing_at);
        assert_eq!(parsed.is_ok(), fits, "{labels} labels");
        if !fits {
            assert_eq!(parsed.map(|_| ()), Err(NameRejected::NameTooLong));
        }
    }
}

#[test]
fn bad_31_the_last_octet_of_a_name_is_the_roots() {
    for (last_label, fits) in [(61, true), (62, false), (63, false)] {
        let mut rest = Vec::new();
        for length in [63, 63, 63, last_label] {
            rest.push(length);
            rest.resize(rest.len() + usize::from(length), b'a');
        }
        rest.push(0);
        let parsed = Name::parse(&after_header(&rest), 12);
        let octets = parsed.map(|parsed| parsed.name.as_wire().len());
        let expected = if fits {
            Ok(NAME_OCTETS_MAX)
        } else {
            Err(NameRejected::NameTooLong)
        };
        assert_eq!(octets, expected);
    }
}

#[test]
fn bad_31_reserved_label_types_are_rejected() {
    for length in 64..=191 {
        let mut message = after_header(&[length]);
        message.resize(300, b'a');
        assert_eq!(rejected(&message, 12), NameRejected::LabelReserved);
    }
}

#[test]
fn bad_32_a_name_without_an_end_is_rejected() {
    for rest in [
        &[][..],
        &[3, b'a', b'b'],
        &[1, b'a'],
        &[0xc0],
        &[1, b'a', 0xc0],
    ] {
        assert_eq!(rejected(&after_header(rest), 12), NameRejected::Truncated);
    }
}

#[test]
fn bad_30_pointers_lead_strictly_backwards() {
    // To itself, forward, to a pair loop, past the end, into the header.
    for rest in [
        &[0xc0, 12][..],
        &[0xc0, 20, 0, 0, 0, 0, 0, 0, 0],
        &[0xc0, 14, 0xc0, 12],
        &[0xff, 0xff],
        &[0xc0, 0],
        &[0xc0, 11],
        // Back into its own run of labels: the label would repeat for ever.
        &[1, b'a', 0xc0, 12],
        &[1, b'a', 0xc0, 14],
    ] {
        assert_eq!(
            rejected(&after_header(rest), 12),
            NameRejected::PointerNotBackwards
        );
    }
    let pair = after_header(&[0xc0, 14, 0xc0, 12]);
    assert_eq!(rejected(&pair, 14), NameRejected::PointerNotBackwards);
}

#[test]
fn rfc1035_02_a_chain_of_pointers_is_bounded() {
    let chain = |pointers: usize| {
        let mut rest = vec![0];
        let mut target = 12_usize;
        for _ in 0..pointers {
            let here = 12 + rest.len();
            rest.extend_from_slice(&[0xc0 | (target >> 8) as u8, target as u8]);
            target = here;
        }
        (after_header(&rest), target)
    };
    let (message, last) = chain(NAME_POINTERS_MAX);
    assert_eq!(
        Name::parse(&message, last).expect("the root").name,
        Name::root()
    );
    for pointers in [NAME_POINTERS_MAX + 1, 126, 200] {
        let (message, last) = chain(pointers);
        assert_eq!(rejected(&message, last), NameRejected::PointersTooMany);
    }
}

#[test]
fn a_pointer_shares_the_end_of_an_earlier_name() {
    let message = after_header(b"\x03www\x02go\0\x04mail\xc0\x10rest");
    let parsed = Name::parse(&message, 20).expect("a name");
    assert_eq!(parsed.name.to_string(), "mail.go.");
    assert_eq!(&message[parsed.next..], b"rest");
}

#[test]
fn names_are_compared_without_case() {
    let name = Name::from_text("WwW.Example").expect("a name");
    assert_eq!(name, Name::from_text("www.eXAMPLE.").expect("a name"));
    assert_ne!(name, Name::from_text("www.example.x").expect("a name"));
    // Only letters have a case: '@' and '`' differ by the same bit.
    let (at, tick) = (Name::from_text("@"), Name::from_text("`"));
    assert_ne!(at, tick);
}

#[test]
fn host_names_are_as_go_reads_them() {
    for good in [
        "a",
        "a.b",
        "a.b.",
        ".",
        "_sip._tcp.x",
        "1a",
        "1.2.3.x",
        "a-b",
        "xn--bcher-kva",
        "3com.com",
        "A_B",
    ] {
        assert!(Name::from_host_text(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "..",
        ".a",
        "a..b",
        "a b",
        " a",
        "127.1",
        "0127.0.0.1",
        "1",
        "1.",
        "-a",
        "a-",
        "a.-b",
        "a-.b",
        "bücher",
        "a\0",
        "a/b",
        "[::1]",
        "a:1",
        "*",
    ] {
        assert!(Name::from_host_text(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_name_within_a_domain_keeps_to_the_limit() {
    let host = Name::from_text("host").expect("a name");
    let domain = Name::from_text("example.org").expect("a name");
    let whole = host.within(&domain).expect("fits");
    assert_eq!(whole.to_string(), "host.example.org.");
    assert_eq!(host.within(&Name::root()), Some(host.clone()));

    let long = [
        &"a".repeat(63)[..],
        &"a".repeat(63),
        &"a".repeat(63),
        &"a".repeat(56),
    ]
    .join(".");
    let domain = Name::from_text(&long).expect("250 octets");
    assert_eq!(domain.as_wire().len(), 250);
    assert_eq!(host.within(&domain).expect("fits").as_wire().len(), 255);
    let longer = Name::from_text("hosts").expect("a name");
    assert_eq!(longer.within(&domain), None);
}

#[test]
fn odd_octets_are_shown_escaped() {
    let message = after_header(b"\x04a.\\\x07\0");
    let parsed = Name::parse(&message, 12).expect("a name");
    assert_eq!(parsed.name.to_string(), "a\\.\\\\\\007.");
}
