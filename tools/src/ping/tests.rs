//! Echo messages there and back, and what is none.

use super::*;

fn echo() -> Echo {
    Echo {
        identifier: 0x1234,
        sequence: 7,
        payload: b"abc".to_vec(),
    }
}

fn reply(family: Family) -> Vec<u8> {
    let mut octets = echo().to_request(family);
    octets[0] = family.reply_type();
    if family == Family::V4 {
        octets[2..4].fill(0);
        let sum = internet_checksum(&octets);
        octets[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    octets
}

#[test]
fn rfc792_a_request_has_a_checksum_that_sums_to_zero() {
    let octets = echo().to_request(Family::V4);
    assert_eq!(octets[..2], [8, 0]);
    assert_eq!(internet_checksum(&octets), 0);
    assert_eq!(&octets[4..], b"\x12\x34\x00\x07abc");
}

#[test]
fn rfc3542_3_1_the_checksum_of_icmpv6_is_left_to_the_stack() {
    assert_eq!(
        echo().to_request(Family::V6),
        b"\x80\x00\x00\x00\x12\x34\x00\x07abc"
    );
}

#[test]
fn a_reply_is_found_with_and_without_its_ip_header() {
    for family in [Family::V4, Family::V6] {
        let found = Echo::from_reply(family, &reply(family));
        assert_eq!(found, Some((echo(), None)));
    }
    let mut packet = vec![0; 24];
    packet[0] = 0x46;
    packet[8] = 61;
    packet.extend(reply(Family::V4));
    assert_eq!(
        Echo::from_reply(Family::V4, &packet),
        Some((echo(), Some(61)))
    );
}

#[test]
fn what_is_no_reply_is_passed_by() {
    for family in [Family::V4, Family::V6] {
        let whole = reply(family);
        for end in 0..HEADER_OCTETS {
            assert_eq!(Echo::from_reply(family, &whole[..end]), None);
        }
        assert_eq!(Echo::from_reply(family, &echo().to_request(family)), None);
    }
    let mut damaged = reply(Family::V4);
    damaged[9] ^= 1;
    assert_eq!(Echo::from_reply(Family::V4, &damaged), None);
    assert_eq!(Echo::from_reply(Family::V4, &[0x4f; 30]), None);
}

#[test]
fn statistics_are_those_of_the_replies() {
    let mut statistics = Statistics::default();
    assert_eq!((statistics.loss_percent(), statistics.times()), (0, None));
    let ms = Duration::from_millis;
    for time in [Some(ms(1)), None, Some(ms(3))] {
        statistics.count(time);
    }
    assert_eq!((statistics.sent, statistics.received()), (3, 2));
    assert_eq!(statistics.loss_percent(), 33);
    assert_eq!(
        statistics.times(),
        Some(Times {
            min: ms(1),
            avg: ms(2),
            max: ms(3),
            mdev: ms(1)
        })
    );
}
