use std::vec;

use super::*;

fn summed(mut message: Vec<u8>) -> Vec<u8> {
    let checksum = Sum::of(&message).checksum();
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    message
}

fn query(message: Option<Message>) -> Query {
    match message {
        Some(Message::Query(query)) => query,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rfc3376_7_1_the_length_and_the_code_tell_the_version() {
    let first = query(parse_igmp(&summed(vec![0x11, 0, 0, 0, 0, 0, 0, 0])));
    assert_eq!(first.version, Version::First);
    assert_eq!(first.respond_within, Duration::from_secs(10));
    let second = query(parse_igmp(&summed(vec![0x11, 20, 0, 0, 239, 1, 2, 3])));
    assert_eq!(second.version, Version::Second);
    assert_eq!(second.respond_within, Duration::from_secs(2));
    assert_eq!(second.group, Some([239, 1, 2, 3].into()));
    let mut third = vec![0x11, 0x8f, 0, 0, 239, 1, 2, 3, 0x0a, 125, 0, 1];
    third.extend_from_slice(&[192, 0, 2, 9]);
    let third = query(parse_igmp(&summed(third)));
    assert_eq!(third.version, Version::Third);
    // Mantissa 15 with its hidden bit, exponent 0: 31 << 3 tenths.
    assert_eq!(third.respond_within, Duration::from_millis(24_800));
    assert_eq!(third.robustness, Some(2));
    assert_eq!(third.interval, Some(Duration::from_secs(125)));
    assert_eq!(third.sources, [IpAddr::from([192, 0, 2, 9])]);
}

#[test]
fn what_is_cut_off_or_damaged_is_no_message() {
    assert_eq!(parse_igmp(&summed(vec![0x11, 0, 0, 0, 0, 0, 0])), None);
    assert_eq!(parse_igmp(&[0x11, 0, 0, 0, 0, 0, 0, 0]), None, "checksum");
    let promised = summed(vec![
        0x11, 1, 0, 0, 239, 1, 2, 3, 2, 125, 0, 2, 192, 0, 2, 9,
    ]);
    assert_eq!(parse_igmp(&promised), None, "one source of two");
    let cut = summed(vec![0x11, 1, 0, 0, 239, 1, 2, 3, 2, 125]);
    assert_eq!(parse_igmp(&cut), None);
    assert_eq!(parse_mld(&[130, 0, 0, 0, 0, 0]), None);
    assert_eq!(parse_mld(&[130; 23]), None);
}

#[test]
fn rfc3810_5_1_3_long_delays_are_floats() {
    let mut message = vec![0; 28];
    message[0] = 130;
    message[4..6].copy_from_slice(&0x7fff_u16.to_be_bytes());
    let linear = query(parse_mld(&message));
    assert_eq!(linear.respond_within, Duration::from_millis(0x7fff));
    message[4..6].copy_from_slice(&0x8000_u16.to_be_bytes());
    let float = query(parse_mld(&message));
    assert_eq!(float.respond_within, Duration::from_millis(0x1000 << 3));
    assert_eq!((float.robustness, float.interval), (None, None));
}

#[test]
fn reports_are_what_the_rfcs_draw() {
    let source = IpAddr::from([192, 0, 2, 1]);
    let group = IpAddr::from([239, 1, 2, 3]);
    let told = emit(Version::Third, group, &Record::Joins, source).unwrap();
    assert_eq!(told.destination, IpAddr::from([224, 0, 0, 22]));
    assert_eq!(told.text[4..], [0, 0, 0, 1, 4, 0, 0, 0, 239, 1, 2, 3]);
    assert!(Sum::of(&told.text).is_valid());
    let told = emit(Version::Second, group, &Record::Leaves, source).unwrap();
    assert_eq!(told.destination, IpAddr::from([224, 0, 0, 2]));
    assert_eq!((told.text[0], told.text.len()), (0x17, 8));
    assert!(emit(Version::First, group, &Record::Leaves, source).is_none());

    let source: IpAddr = "fe80::1".parse().unwrap();
    let group: IpAddr = "ff05::99".parse().unwrap();
    let told = emit(Version::Third, group, &Record::Leaves, source).unwrap();
    assert_eq!(told.destination, "ff02::16".parse::<IpAddr>().unwrap());
    assert_eq!(told.header.as_slice(), [58, 0, 5, 2, 0, 0, 1, 0]);
    assert_eq!((told.text[0], told.text[8], told.text.len()), (143, 3, 28));
    let mut sum = Sum::pseudo_header(source, told.destination, Protocol::ICMP_V6, 28);
    sum.add(&told.text);
    assert!(sum.is_valid());
    let told = emit(Version::Second, group, &Record::Joins, source).unwrap();
    assert_eq!((told.destination, told.text[0]), (group, 131));
}

#[test]
fn a_router_alert_is_found_among_options() {
    let mut v4 = vec![0x47; 28];
    v4[20..28].copy_from_slice(&[1, 1, 0x94, 4, 0, 0, 0, 0]);
    assert!(has_router_alert(&v4));
    v4[20..28].copy_from_slice(&[0, 0, 0x94, 4, 0, 0, 0, 0]);
    assert!(!has_router_alert(&v4), "behind the end");
    let mut v6 = vec![0; 48];
    v6[0] = 0x60;
    v6[40..48].copy_from_slice(&[58, 0, 1, 0, 5, 2, 0, 0]);
    assert!(has_router_alert(&v6));
    v6[44] = 1;
    assert!(!has_router_alert(&v6));
    for cut in 0..48 {
        has_router_alert(&v6[..cut]);
    }
}
