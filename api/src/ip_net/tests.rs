#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().expect(text)
}

#[test]
fn parse_cidr_gives_the_address_and_the_masked_network() {
    for (text, address, net) in [
        ("192.0.2.77/24", "192.0.2.77", "192.0.2.0/24"),
        ("192.0.2.77/32", "192.0.2.77", "192.0.2.77/32"),
        ("192.0.2.77/0", "192.0.2.77", "0.0.0.0/0"),
        ("192.0.2.77/024", "192.0.2.77", "192.0.2.0/24"),
        ("2001:db8::77/32", "2001:db8::77", "2001:db8::/32"),
        ("::1/128", "::1", "::1/128"),
        ("::ffff:192.0.2.77/120", "192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77/90", "192.0.2.77", "::ffc0:0:0/90"),
    ] {
        let (got, network) = parse_cidr(text).expect(text);
        assert_eq!((got, network.to_string().as_str()), (ip(address), net));
    }
}

#[test]
fn parse_cidr_refuses_what_is_no_network() {
    for text in [
        "",
        "/",
        "192.0.2.77",
        "192.0.2.77/",
        "192.0.2.77/33",
        "192.0.2.77/-1",
        "192.0.2.77/+1",
        "192.0.2.77/24/8",
        "192.0.2/24",
        "192.0.02.1/24",
        "::1/129",
        "fe80::1%lo/64",
        "192.0.2.77/256",
    ] {
        let error = parse_cidr(text).expect_err(text);
        assert_eq!(error.to_string(), format!("invalid CIDR address: {text}"));
    }
}

#[test]
fn masks_know_their_size_if_the_ones_lead() {
    for (mask, ones, bits) in [
        (ipv4_mask(255, 255, 255, 0), 24, 32),
        (ipv4_mask(0, 0, 0, 0), 0, 32),
        (ipv4_mask(255, 255, 255, 255), 32, 32),
        (ipv4_mask(255, 0, 255, 0), 0, 0),
        (ipv4_mask(0, 0, 0, 1), 0, 0),
        (IPMask::V6([0xff; 16]), 128, 128),
        (IPMask::V6([0; 16]), 0, 128),
    ] {
        assert_eq!(mask.size(), MaskSize { ones, bits }, "{mask}");
    }
    assert_eq!(ipv4_mask(255, 255, 255, 0).to_string(), "ffffff00");
    assert_eq!(ipv4_mask(255, 0, 255, 0).prefix_bits(), None);
}

#[test]
fn cidr_masks_of_all_lengths_are_right_on_both_sides_of_the_edge() {
    for ones in 0..=32 {
        let mask = cidr_mask(ones, 32).expect("in range");
        assert_eq!(mask.size(), MaskSize { ones, bits: 32 });
    }
    for ones in 0..=128 {
        let mask = cidr_mask(ones, 128).expect("in range");
        assert_eq!(mask.size(), MaskSize { ones, bits: 128 });
    }
    assert_eq!(cidr_mask(33, 32), None);
    assert_eq!(cidr_mask(129, 128), None);
    assert_eq!(cidr_mask(8, 64), None);
}

#[test]
fn a_network_contains_its_own_family_only() {
    let contains = |net: &str, text: &str| parse_cidr(net).unwrap().1.contains(ip(text));
    assert!(contains("192.0.2.0/24", "192.0.2.255"));
    assert!(!contains("192.0.2.0/24", "192.0.3.0"));
    assert!(contains("192.0.2.0/24", "::ffff:192.0.2.1"));
    assert!(contains("::ffff:192.0.2.0/120", "192.0.2.1"));
    assert!(!contains("::/0", "192.0.2.1"));
    assert!(!contains("0.0.0.0/0", "2001:db8::1"));
    assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
    assert!(!contains("2001:db8::/32", "2001:db9::1"));

    let odd = IPNet {
        ip: ip("192.0.2.0"),
        mask: ipv4_mask(255, 0, 255, 0),
    };
    assert!(odd.contains(ip("192.77.2.1")));
    assert!(!odd.contains(ip("192.77.3.1")));
    assert_eq!(odd.to_string(), "192.0.2.0/ff00ff00");

    let unfit = IPNet {
        ip: ip("2001:db8::1"),
        mask: ipv4_mask(255, 255, 255, 0),
    };
    assert!(!unfit.contains(ip("2001:db8::1")));
    assert_eq!(unfit.to_string(), "<nil>");
    assert_eq!(unfit.network(), "ip+net");
}
