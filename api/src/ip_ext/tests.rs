#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().expect(text)
}

/// The questions of `text` that are answered with yes, by a letter each.
fn yes(text: &str) -> String {
    let ip = ip(text);
    [
        ('u', IPExt::is_unspecified(&ip)),
        ('l', IPExt::is_loopback(&ip)),
        ('p', IPExt::is_private(&ip)),
        ('m', IPExt::is_multicast(&ip)),
        ('i', ip.is_interface_local_multicast()),
        ('k', ip.is_link_local_multicast()),
        ('s', ip.is_link_local_unicast()),
        ('g', ip.is_global_unicast()),
    ]
    .iter()
    .filter_map(|(letter, yes)| yes.then_some(*letter))
    .collect()
}

#[test]
fn each_kind_of_address_is_known_on_both_sides_of_its_edges() {
    for (text, kinds) in [
        ("0.0.0.0", "u"),
        ("::", "u"),
        ("0.0.0.1", "g"),
        ("127.0.0.1", "l"),
        ("127.255.255.255", "l"),
        ("128.0.0.0", "g"),
        ("::1", "l"),
        ("::2", "g"),
        ("::ffff:127.0.0.1", "l"),
        ("10.255.255.255", "pg"),
        ("11.0.0.0", "g"),
        ("172.15.255.255", "g"),
        ("172.16.0.0", "pg"),
        ("172.31.255.255", "pg"),
        ("172.32.0.0", "g"),
        ("192.168.0.1", "pg"),
        ("192.169.0.1", "g"),
        ("::ffff:192.168.0.1", "pg"),
        ("fbff::", "g"),
        ("fc00::", "pg"),
        ("fdff::", "pg"),
        ("fe00::", "g"),
        ("fe7f::", "g"),
        ("fe80::1", "s"),
        ("febf::1", "s"),
        ("fec0::1", "g"),
        ("169.254.0.0", "s"),
        ("169.253.255.255", "g"),
        ("223.255.255.255", "g"),
        ("224.0.0.0", "mk"),
        ("224.0.0.255", "mk"),
        ("224.0.1.0", "m"),
        ("239.255.255.255", "m"),
        ("240.0.0.0", "g"),
        ("255.255.255.255", ""),
        ("255.255.255.254", "g"),
        ("ff00::1", "m"),
        ("ff01::1", "mi"),
        ("ff11::1", "mi"),
        ("ff02::1", "mk"),
        ("ff32::1", "mk"),
        ("ff05::1", "m"),
        ("2001:db8::1", "g"),
    ] {
        assert_eq!(yes(text), kinds, "{text}");
    }
}

#[test]
fn classes_masks_and_forms() {
    let default_mask = |text: &str| ip(text).default_mask().map(|mask| mask.to_string());
    assert_eq!(default_mask("127.255.255.255").unwrap(), "ff000000");
    assert_eq!(default_mask("128.0.0.0").unwrap(), "ffff0000");
    assert_eq!(default_mask("191.255.0.0").unwrap(), "ffff0000");
    assert_eq!(default_mask("192.0.0.0").unwrap(), "ffffff00");
    assert_eq!(default_mask("::ffff:10.0.0.1").unwrap(), "ff000000");
    assert_eq!(default_mask("::1"), None);

    let v4 = ipv4_mask(255, 255, 0, 0);
    assert_eq!(ip("192.0.2.1").mask(&v4), Some(ip("192.0.0.0")));
    assert_eq!(ip("::ffff:192.0.2.1").mask(&v4), Some(ip("192.0.0.0")));
    assert_eq!(ip("2001:db8::1").mask(&v4), None);
    let v6 = IPMask::V6(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:0").to16().octets());
    assert_eq!(ip("192.0.2.1").mask(&v6), Some(ip("192.0.0.0")));
    let v6 = IPMask::V6(ip("ffff::").to16().octets());
    assert_eq!(ip("192.0.2.1").mask(&v6), None);
    assert_eq!(ip("2001:db8::1").mask(&v6), Some(ip("2001::")));

    assert!(ip("::ffff:192.0.2.1").equal(&ip("192.0.2.1")));
    assert!(!ip("::192.0.2.1").equal(&ip("192.0.2.1")));
    assert_eq!(ip("::ffff:192.0.2.1").to4(), Some([192, 0, 2, 1].into()));
    assert_eq!(ip("::1").to4(), None);
    assert_eq!(IpAddr::V6(ip("192.0.2.1").to16()), ip("::ffff:192.0.2.1"));
}

#[test]
fn an_address_that_is_not_there_is_the_empty_text() {
    assert_eq!(IpAddr::marshal_text(None), "");
    assert_eq!(
        IpAddr::marshal_text(Some(ip("::ffff:192.0.2.1"))),
        "192.0.2.1"
    );
    assert_eq!(IpAddr::unmarshal_text(""), Ok(None));
    assert_eq!(IpAddr::unmarshal_text("::1"), Ok(Some(IPV6_LOOPBACK)));
    let error = IpAddr::unmarshal_text("127.1").unwrap_err();
    assert_eq!(error.to_string(), "invalid IP address: 127.1");
}

#[test]
fn well_known_addresses_are_what_their_names_say() {
    assert_eq!(IPV4_BCAST.to_string(), "255.255.255.255");
    assert_eq!(IPV4_ALLSYS.to_string(), "224.0.0.1");
    assert_eq!(IPV4_ALLROUTER.to_string(), "224.0.0.2");
    assert_eq!(IPV6_INTERFACE_LOCAL_ALL_NODES.to_string(), "ff01::1");
    assert_eq!(IPV6_LINK_LOCAL_ALL_NODES.to_string(), "ff02::1");
    assert_eq!(IPV6_LINK_LOCAL_ALL_ROUTERS.to_string(), "ff02::2");
    assert_eq!(IPV4_LEN + IPV6_LEN, 20);
}
