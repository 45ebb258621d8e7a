use super::*;
use core::net::{Ipv4Addr, Ipv6Addr};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));
const START: Instant = Instant::from_secs(1);

fn lower(mtus: &mut PathMtus, to: IpAddr, mtu: u32, packet: u32) -> Option<u16> {
    let told = Told {
        mtu_octets: mtu,
        packet_octets: packet,
    };
    mtus.lower(&Config::default(), START, to, told, 1_500)
}

fn new() -> PathMtus {
    PathMtus::new(&mut Random::new([1; 32]))
}

#[test]
fn rfc1191_01_and_03_a_message_lowers_the_estimate_and_never_raises_it() {
    let mut mtus = new();
    assert_eq!(mtus.get(V4, 1_500), 1_500);
    assert_eq!(lower(&mut mtus, V4, 1_400, 1_500), Some(1_400));
    assert_eq!(lower(&mut mtus, V4, 1_400, 1_500), None);
    assert_eq!(lower(&mut mtus, V4, 9_000, 1_500), None);
    assert_eq!(lower(&mut mtus, V4, 70_000, 1_500), None);
    assert_eq!(mtus.get(V4, 1_500), 1_400);
    assert_eq!(mtus.get(V4, 1_300), 1_300);
}

#[test]
fn rfc1191_02_the_estimate_never_goes_below_the_floor() {
    for told in [1, 67, 68, 551, 552] {
        assert_eq!(lower(&mut new(), V4, told, 1_500), Some(552));
    }
    assert_eq!(lower(&mut new(), V4, 553, 1_500), Some(553));
}

#[test]
fn rfc1191_04_an_mtu_of_zero_means_the_next_plateau() {
    let mut mtus = new();
    assert_eq!(lower(&mut mtus, V4, 0, 1_500), Some(1_492));
    assert_eq!(lower(&mut mtus, V4, 0, 1_492), Some(1_280));
    assert_eq!(lower(&mut mtus, V4, 0, 1_280), Some(1_006));
    assert_eq!(lower(&mut mtus, V4, 0, 1_006), Some(552));
    assert_eq!(lower(&mut mtus, V4, 0, 552), None);
    assert_eq!(lower(&mut mtus, V4, 0, 0), None);
}

#[test]
fn rfc8201_01_a_message_below_1280_changes_nothing() {
    let mut mtus = new();
    for told in [0, 1, 500, 1_279] {
        assert_eq!(lower(&mut mtus, V6, told, 1_500), None);
    }
    assert_eq!(mtus.get(V6, 1_500), 1_500);
    assert_eq!(lower(&mut mtus, V6, 1_280, 1_500), Some(1_280));
}

#[test]
fn rfc1191_05_the_estimate_is_forgotten_when_its_time_has_come() {
    let mut mtus = new();
    lower(&mut mtus, V4, 1_400, 1_500);
    let deadline = mtus.next_deadline().unwrap();
    assert_eq!(deadline, START + millis(600_000));
    mtus.time_passes(Instant::from_nanos(deadline.as_nanos() - 1));
    assert_eq!(mtus.get(V4, 1_500), 1_400);
    mtus.time_passes(deadline);
    assert_eq!(mtus.get(V4, 1_500), 1_500);
    assert_eq!(mtus.next_deadline(), None);
}

#[test]
fn a_full_table_forgets_its_oldest_estimate() {
    let config = Config {
        path_mtu_entries_max: 2,
        ..Config::default()
    };
    let mut mtus = new();
    let peers = [2, 3, 4].map(|last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)));
    for peer in peers {
        let told = Told {
            mtu_octets: 1_000,
            packet_octets: 1_500,
        };
        mtus.lower(&config, START, peer, told, 1_500);
    }
    assert_eq!(
        peers.map(|peer| mtus.get(peer, 1_500)),
        [1_500, 1_000, 1_000]
    );
}
