use super::*;
use crate::capture::{Captured, ReadError, Reader};

fn written(comments: &[String], octets: &[u8], at_nanos: u64) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).expect("memory takes it");
    let interface = Interface::raw("sidestep0").described("a test");
    let interface = writer.add_interface(&interface).expect("memory takes it");
    writer
        .packet(&Written {
            interface,
            at_nanos,
            direction: Direction::Out,
            octets,
            comments,
            lost_before: 3,
        })
        .expect("memory takes it");
    let counts = Counts { seen: 4, lost: 3 };
    writer
        .statistics(interface, at_nanos, counts)
        .expect("memory takes it");
    writer.finish().expect("memory takes it")
}

fn read(octets: &[u8]) -> (Vec<Captured>, Option<String>) {
    let mut reader = Reader::new(octets).expect("a capture");
    let packets: Result<Vec<_>, ReadError> = reader.by_ref().collect();
    let name = reader.interfaces()[0].name.clone();
    assert_eq!(
        reader.application(),
        Some(concat!("sidestep ", env!("CARGO_PKG_VERSION")))
    );
    (packets.expect("it can be read"), name)
}

#[test]
fn what_is_written_is_read_to_the_nanosecond_with_all_comments() {
    let at_nanos = 1_800_000_000_123_456_789;
    for length in 0..9 {
        let octets = vec![0x45; length];
        let comments = ["one".to_owned(), "zwei → drei".to_owned()];
        let (packets, name) = read(&written(&comments, &octets, at_nanos));
        assert_eq!(name.as_deref(), Some("sidestep0"));
        let [packet] = packets.as_slice() else {
            panic!("one packet: {packets:?}");
        };
        assert_eq!(packet.at_nanos, at_nanos);
        assert_eq!(packet.frame, octets);
        assert_eq!(packet.comments, comments);
        assert_eq!(packet.direction, Some(Direction::Out));
        assert_eq!(packet.link, LinkType::RAW);
        assert_eq!(packet.lost_before, 3);
    }
}

#[test]
fn the_same_calls_give_the_same_octets_and_blocks_of_four() {
    let comments = ["why".to_owned()];
    let octets = written(&comments, &[1, 2, 3], 7);
    assert_eq!(octets, written(&comments, &[1, 2, 3], 7));
    assert!(octets.len().is_multiple_of(4));
}

#[test]
fn a_comment_of_any_length_is_cut_between_two_characters() {
    let long = "ä".repeat(COMMENT_OCTETS_MAX);
    let (packets, _) = read(&written(&[long], &[], 0));
    let comment = &packets[0].comments[0];
    assert_eq!(comment.len(), COMMENT_OCTETS_MAX);
    assert!(comment.chars().all(|it| it == 'ä'));
}
