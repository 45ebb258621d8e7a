use bytes::Bytes;

use super::*;
use crate::context::Surroundings;
use crate::wire::checksum::Sum;
use crate::wire::packet::ReceivedChecksum;
use crate::wire::protocol::{Protocol, TrafficClass};

const GROUP: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(239, 1, 2, 3));
const OTHER: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(239, 1, 2, 4));

fn world() -> (Surroundings, Groups) {
    let around = Surroundings::new(Config::default(), 7);
    let groups = Groups::new(&around.config);
    (around, groups)
}

fn drain(groups: &mut Groups) -> Vec<(IpAddr, Record, Version)> {
    core::iter::from_fn(|| groups.next_report())
        .map(|report| (report.group, report.record, report.version))
        .collect()
}

/// Lets time pass from deadline to deadline until `end`, and gives all that was told.
fn run(
    around: &mut Surroundings,
    groups: &mut Groups,
    end: Instant,
) -> Vec<(IpAddr, Record, Version)> {
    let mut told = drain(groups);
    while let Some(at) = groups.next_deadline().filter(|at| *at <= end) {
        groups.time_passes(&mut around.at(at));
        told.extend(drain(groups));
    }
    told
}

/// An IGMP message to `destination`, in a packet with a router alert.
fn igmp(destination: IpAddr, mut message: Vec<u8>) -> Datagram {
    let checksum = Sum::of(&message).checksum();
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    let mut packet = std::vec![0; 24];
    packet[0] = 0x46;
    packet[20..24].copy_from_slice(&[0x94, 4, 0, 0]);
    packet.extend_from_slice(&message);
    Datagram {
        source: [192, 0, 2, 1].into(),
        destination,
        cast: Cast::Multicast,
        protocol: Protocol::IGMP,
        hop_limit: 1,
        traffic_class: TrafficClass::default(),
        payload: Bytes::from(message),
        packet: Bytes::from(packet),
        checksum: ReceivedChecksum::Unverified,
        segment_octets: None,
        protocol_pointer: 9,
    }
}

fn all_hosts() -> IpAddr {
    group::ALL_HOSTS.into()
}

#[test]
fn rfc3376_5_1_a_change_is_told_at_once_and_once_more() {
    let (mut around, mut groups) = world();
    groups.joined(&mut around.at(Instant::ZERO), GROUP);
    assert_eq!(drain(&mut groups), [(GROUP, Record::Joins, Version::Third)]);
    let repeat = groups.next_deadline().unwrap();
    assert!(repeat <= Instant::ZERO + REPEAT_WITHIN);
    let told = run(&mut around, &mut groups, Instant::from_secs(10));
    assert_eq!(told, [(GROUP, Record::Joins, Version::Third)]);
    assert_eq!(groups.next_deadline(), None);

    groups.left(&mut around.at(Instant::from_secs(10)), GROUP);
    let told = run(&mut around, &mut groups, Instant::from_secs(20));
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|(_, record, _)| *record == Record::Leaves));
    assert!(groups.entries.is_empty(), "nothing is left of it");
}

#[test]
fn a_group_that_everybody_belongs_to_is_never_told() {
    let (mut around, mut groups) = world();
    groups.joined(&mut around.at(Instant::ZERO), all_hosts());
    assert_eq!(
        (drain(&mut groups), groups.next_deadline()),
        (Vec::new(), None)
    );
}

#[test]
fn rfc3376_5_2_a_general_query_is_answered_for_each_group_within_its_time() {
    let (mut around, mut groups) = world();
    for group in [GROUP, OTHER] {
        groups.joined(&mut around.at(Instant::ZERO), group);
    }
    run(&mut around, &mut groups, Instant::from_secs(10));
    let asked = Instant::from_secs(20);
    let query = igmp(
        all_hosts(),
        std::vec![0x11, 50, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0],
    );
    groups.message_arrives(&mut around.at(asked), &query);
    assert_eq!(drain(&mut groups), [], "never at once");
    let mut told = run(&mut around, &mut groups, asked + Duration::from_secs(5));
    told.sort_by_key(|(group, ..)| *group);
    let one = |group| (group, Record::IsMember, Version::Third);
    assert_eq!(told, [one(GROUP), one(OTHER)]);
}

#[test]
fn rfc3376_5_2_a_query_about_senders_is_answered_about_them() {
    let (mut around, mut groups) = world();
    groups.joined(&mut around.at(Instant::ZERO), GROUP);
    run(&mut around, &mut groups, Instant::from_secs(10));
    let sender = IpAddr::from([198, 51, 100, 7]);
    let mut message = std::vec![0x11, 10, 0, 0, 239, 1, 2, 3, 2, 125, 0, 1];
    message.extend_from_slice(&[198, 51, 100, 7]);
    let now = Instant::from_secs(20);
    groups.message_arrives(&mut around.at(now), &igmp(GROUP, message));
    let told = run(&mut around, &mut groups, now + Duration::from_secs(1));
    let record = Record::IsMemberFor(std::vec![sender]);
    assert_eq!(told, [(GROUP, record, Version::Third)]);
}

#[test]
fn rfc3376_7_2_1_we_speak_as_the_oldest_router_that_may_be_there() {
    let (mut around, mut groups) = world();
    groups.joined(&mut around.at(Instant::ZERO), GROUP);
    run(&mut around, &mut groups, Instant::from_secs(10));
    let query = igmp(all_hosts(), std::vec![0x11, 100, 0, 0, 0, 0, 0, 0]);
    groups.message_arrives(&mut around.at(Instant::from_secs(20)), &query);
    let told = run(&mut around, &mut groups, Instant::from_secs(30));
    assert_eq!(told, [(GROUP, Record::IsMember, Version::Second)]);
    // Two intervals of 125 s and the 10 s to answer: then it is forgotten.
    groups.joined(&mut around.at(Instant::from_secs(279)), OTHER);
    assert_eq!(
        drain(&mut groups),
        [(OTHER, Record::Joins, Version::Second)]
    );
    groups.left(&mut around.at(Instant::from_secs(280)), OTHER);
    assert_eq!(
        drain(&mut groups),
        [(OTHER, Record::Leaves, Version::Third)]
    );
}

#[test]
fn rfc2236_3_anothers_report_is_enough_for_an_older_router() {
    let (mut around, mut groups) = world();
    groups.joined(&mut around.at(Instant::ZERO), GROUP);
    run(&mut around, &mut groups, Instant::from_secs(10));
    let now = Instant::from_secs(20);
    let query = igmp(all_hosts(), std::vec![0x11, 100, 0, 0, 0, 0, 0, 0]);
    groups.message_arrives(&mut around.at(now), &query);
    let report = igmp(GROUP, std::vec![0x16, 0, 0, 0, 239, 1, 2, 3]);
    groups.message_arrives(&mut around.at(now), &report);
    assert_eq!(run(&mut around, &mut groups, Instant::from_secs(60)), []);
}

#[test]
fn rfc3376_9_1_what_no_router_of_the_link_can_have_asked_is_ignored() {
    let (mut around, mut groups) = world();
    groups.joined(&mut around.at(Instant::ZERO), GROUP);
    run(&mut around, &mut groups, Instant::from_secs(10));
    let now = Instant::from_secs(20);
    let general = std::vec![0x11, 50, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0];
    let mut without_alert = igmp(all_hosts(), general.clone());
    without_alert.packet = Bytes::from(std::vec![0x45; 32]);
    groups.message_arrives(&mut around.at(now), &without_alert);
    groups.message_arrives(&mut around.at(now), &igmp(GROUP, general));
    groups.message_arrives(
        &mut around.at(now),
        &igmp(all_hosts(), std::vec![0x11, 1, 0, 0]),
    );
    assert_eq!(groups.next_deadline(), None);
    assert_eq!(around.discards.get(Discard::MembershipIgnored), 3);
}

#[test]
fn joining_and_leaving_for_ever_holds_a_bounded_number_of_groups() {
    let (mut around, mut groups) = world();
    for low in 0..2_000_u32 {
        let group = IpAddr::from((0xef00_0000 + low).to_be_bytes());
        groups.joined(&mut around.at(Instant::ZERO), group);
        groups.left(&mut around.at(Instant::ZERO), group);
        drain(&mut groups);
    }
    assert!(groups.entries.len() <= 512, "{}", groups.entries.len());
}
