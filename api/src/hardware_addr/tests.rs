#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

#[test]
fn parse_mac_knows_three_forms_of_three_lengths() {
    for (text, printed) in [
        ("00:00:5e:00:53:01", "00:00:5e:00:53:01"),
        ("00-00-5E-00-53-01", "00:00:5e:00:53:01"),
        ("0000.5e00.5301", "00:00:5e:00:53:01"),
        ("02:00:5e:10:00:00:00:01", "02:00:5e:10:00:00:00:01"),
        ("0200.5e10.0000.0001", "02:00:5e:10:00:00:00:01"),
        (
            "0000.0000.fe80.0000.0000.0000.0200.5e10.0000.0001",
            "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01",
        ),
    ] {
        assert_eq!(parse_mac(text).unwrap().to_string(), printed, "{text}");
        assert_eq!(parse_mac(printed), parse_mac(text));
    }
}

#[test]
fn parse_mac_refuses_other_lengths_and_mixed_forms() {
    for text in [
        "",
        "00:00:5e:00:53",
        "00:00:5e:00:53:01:02",
        "00:00:5e:00:53-01",
        "00:00:5e:00:53:0g",
        "00:00:5e:00:53:+1",
        "0:0:5e:0:53:1",
        "00:00:5e:00:53:01:",
        ":00:00:5e:00:53:01",
        "00005e005301",
        "0000.5e00.53",
        "0000:5e00:5301",
        "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01:02",
        "00\u{e9}00:5e:00:53:01",
    ] {
        let error = parse_mac(text).expect_err(text);
        assert_eq!(error.err, AddrErrorKind::InvalidMAC);
    }
    let text = |text| parse_mac(text).unwrap_err().to_string();
    assert_eq!(text("xyz"), "address xyz: invalid MAC address");
    assert_eq!(text(""), "invalid MAC address");
}

#[test]
fn any_octets_up_to_the_longest_are_an_address() {
    assert_eq!(HardwareAddr::new(&[1; 20]).unwrap().as_octets(), &[1; 20]);
    assert_eq!(HardwareAddr::new(&[1; 21]), None);
    assert!(HardwareAddr::new(&[]).unwrap().is_none());
    assert_eq!(HardwareAddr::NONE.to_string(), "");
    assert_eq!(HardwareAddr::from([10; 6]).as_octets(), &[10; 6]);
    assert_eq!(
        format!("{:?}", HardwareAddr::from([10; 6])),
        "HardwareAddr(0a:0a:0a:0a:0a:0a)"
    );
}
