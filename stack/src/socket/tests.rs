use core::net::{IpAddr, SocketAddr};
use std::collections::HashSet;
use std::vec::Vec;

use super::ports;
use super::{Demux, FourTuple};
use crate::base::{Key, Random, Table};
use crate::call::{Families, Local, ReusePort};

fn keys<const N: usize>() -> [Key; N] {
    let mut table = Table::new();
    core::array::from_fn(|_| table.insert(()))
}

fn wild(families: Families) -> Local {
    Local {
        address: None,
        families,
        port: 80,
    }
}

fn at(address: &str) -> Local {
    Local {
        address: Some(address.parse().unwrap()),
        families: Families::Both,
        port: 80,
    }
}

#[test]
fn second_binds_follow_the_rules_of_linux() {
    let forms = [
        wild(Families::Both),
        wild(Families::V4),
        wild(Families::V6),
        at("127.0.0.1"),
        at("::1"),
    ];
    let in_use = [
        [true, true, true, true, true],
        [true, true, false, true, false],
        [true, false, true, false, true],
        [true, true, false, true, false],
        [true, false, true, false, true],
    ];
    let [first, second] = keys();
    for (row, one) in forms.iter().enumerate() {
        for (column, other) in forms.iter().enumerate() {
            let mut demux = Demux::new(&mut Random::new([1; 32]));
            demux.bind(*one, first).unwrap();
            let refused = demux.bind(*other, second).is_err();
            assert_eq!(refused, in_use[row][column], "{one:?} then {other:?}");
            demux.unbind(one, first);
            assert!(
                !demux.conflicts(other) || !refused,
                "an unbound port is free"
            );
        }
    }
}

#[test]
fn an_address_is_found_before_a_wildcard_and_a_wildcard_covers_its_family_only() {
    let [v4, v6, exact] = keys();
    let mut demux = Demux::new(&mut Random::new([1; 32]));
    demux.bind(wild(Families::V6), v6).unwrap();
    demux.bind(at("192.0.2.2"), exact).unwrap();
    let find = |demux: &Demux, text: &str| demux.bound(text.parse().unwrap());
    assert_eq!(find(&demux, "192.0.2.2:80"), Some(exact));
    assert_eq!(find(&demux, "192.0.2.3:80"), None);
    assert_eq!(find(&demux, "[2001:db8::2]:80"), Some(v6));
    assert_eq!(find(&demux, "[2001:db8::2]:81"), None);
    demux.unbind(&at("192.0.2.2"), exact);
    demux.bind(wild(Families::V4), v4).unwrap();
    assert_eq!(find(&demux, "192.0.2.2:80"), Some(v4));
}

#[test]
fn a_four_tuple_has_one_owner_until_it_is_given_back() {
    let [first, second] = keys();
    let mut demux = Demux::new(&mut Random::new([1; 32]));
    let tuple = FourTuple {
        local: "192.0.2.2:1024".parse().unwrap(),
        remote: "192.0.2.1:80".parse().unwrap(),
    };
    demux.connect(tuple, first).unwrap();
    assert!(demux.connect(tuple, second).is_err());
    demux.disconnect(&tuple, second);
    assert_eq!(
        demux.connected(&tuple),
        Some(first),
        "only the owner gives it back"
    );
    demux.disconnect(&tuple, first);
    demux.connect(tuple, second).unwrap();
    assert_eq!(demux.connected(&tuple), Some(second));
}

#[test]
fn rfc6056_01_ports_come_from_the_whole_range() {
    let mut random = Random::new([7; 32]);
    let chosen: Vec<u16> = (0..10_000)
        .map(|_| ports::choose(&mut random, |_| false).unwrap())
        .collect();
    assert!(chosen.iter().all(|port| *port >= ports::FIRST));
    // Each sixteenth of the range gets its share: 625 expected, 24 the standard deviation.
    let mut shares = [0_u32; 16];
    for port in &chosen {
        shares[(u32::from(*port - ports::FIRST) * 16 / ports::COUNT) as usize] += 1;
    }
    assert!(
        shares.iter().all(|share| (500..750).contains(share)),
        "{shares:?}"
    );
    let in_use: HashSet<u16> = (ports::FIRST..40_000).collect();
    for _ in 0..100 {
        assert!(ports::choose(&mut random, |port| in_use.contains(&port)).unwrap() >= 40_000);
    }
}

#[test]
fn rfc6056_02_one_port_says_nothing_about_the_next() {
    let mut random = Random::new([9; 32]);
    let chosen: Vec<f64> = (0..10_000)
        .map(|_| f64::from(ports::choose(&mut random, |_| false).unwrap()))
        .collect();
    let mean = chosen.iter().sum::<f64>() / chosen.len() as f64;
    let variance: f64 = chosen.iter().map(|port| (port - mean).powi(2)).sum();
    let serial: f64 = chosen
        .windows(2)
        .map(|pair| (pair[0] - mean) * (pair[1] - mean))
        .sum();
    assert!(
        (serial / variance).abs() < 0.04,
        "serial correlation {}",
        serial / variance
    );
}

#[test]
fn rfc6056_03_the_last_free_port_is_found_and_then_there_is_none() {
    let mut random = Random::new([8; 32]);
    assert_eq!(
        ports::choose(&mut random, |port| port != 4_711),
        Some(4_711)
    );
    assert_eq!(ports::choose(&mut random, |_| true), None);
}

#[test]
fn bad_58_tuples_chosen_without_the_key_do_not_collide() {
    // All tuples differ in one port only; a keyed hash spreads them, and all are found again.
    let mut table = Table::new();
    let mut demux = Demux::new(&mut Random::new([3; 32]));
    let remote: SocketAddr = "192.0.2.1:80".parse().unwrap();
    let tuple = |n: u32| FourTuple {
        local: SocketAddr::new(IpAddr::from(n.to_be_bytes()), (n % 60_000) as u16),
        remote,
    };
    let keys: Vec<Key> = (0..100_000).map(|_| table.insert(())).collect();
    for (n, key) in keys.iter().enumerate() {
        demux.connect(tuple(n as u32), *key).unwrap();
    }
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(demux.connected(&tuple(n as u32)), Some(*key));
    }
}

#[test]
fn the_scope_and_flow_label_of_an_end_do_not_count() {
    use core::net::{Ipv6Addr, SocketAddrV6};

    let [key] = keys();
    let mut demux = Demux::new(&mut Random::new([1; 32]));
    let address = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    let remote = |flow_label, scope| SocketAddrV6::new(address, 80, flow_label, scope).into();
    let local = "[fe80::2]:1024".parse().unwrap();
    let dialled = FourTuple {
        local,
        remote: remote(7, 3),
    };
    demux.connect(dialled, key).unwrap();
    let arriving = FourTuple {
        local,
        remote: remote(0, 0),
    };
    assert_eq!(demux.connected(&arriving), Some(key));
    demux.disconnect(&arriving, key);
    assert_eq!(demux.connected_len(), 0);
}

#[test]
fn every_word_of_a_four_tuple_counts() {
    let [key] = keys();
    let ends = [
        "192.0.2.1:1",
        "192.0.2.2:1",
        "192.0.2.1:2",
        "[::ffff:192.0.2.1]:1",
        "[c000:201::]:1",
        "[2001:db8::1]:1",
    ]
    .map(|end| end.parse().unwrap());
    for local in ends {
        for remote in ends {
            let mut demux = Demux::new(&mut Random::new([1; 32]));
            demux.connect(FourTuple { local, remote }, key).unwrap();
            for other_local in ends {
                for other_remote in ends {
                    let other = FourTuple {
                        local: other_local,
                        remote: other_remote,
                    };
                    let same = (local, remote) == (other_local, other_remote);
                    assert_eq!(demux.connected(&other), same.then_some(key));
                }
            }
        }
    }
}

#[test]
fn only_the_owner_gives_a_binding_back_and_nothing_is_left_behind() {
    let [first, second] = keys();
    for local in [
        wild(Families::Both),
        wild(Families::V4),
        wild(Families::V6),
        at("192.0.2.2"),
        at("2001:db8::2"),
    ] {
        let mut demux = Demux::new(&mut Random::new([1; 32]));
        demux.bind(local, first).unwrap();
        assert!(demux.is_bound(80) && !demux.is_bound(81));
        demux.unbind(&local, second);
        assert!(demux.conflicts(&local));
        demux.unbind(&local, first);
        assert!(!demux.is_bound(80));
        demux.bind(wild(Families::Both), second).unwrap();
    }
}

#[test]
fn random_binds_agree_with_a_plain_list() {
    let mut random = Random::new([5; 32]);
    let mut demux = Demux::new(&mut random);
    let mut table = Table::new();
    let mut plain: Vec<(Local, Key)> = Vec::new();
    let addresses = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"];
    let families = [Families::Both, Families::V4, Families::V6];
    let covers = |local: &Local, address: IpAddr| match local.address {
        Some(own) => own == address,
        None => super::demux::covers(local.families, address),
    };
    for _ in 0..20_000 {
        let port = 80 + random.below(3) as u16;
        let local = match random.below(7) as usize {
            choice @ 0..4 => at(addresses[choice]),
            choice => wild(families[choice - 4]),
        };
        let local = Local { port, ..local };
        if random.below(2) == 0 && !plain.is_empty() {
            let (local, key) = plain.remove(random.below(plain.len() as u32) as usize);
            demux.unbind(&local, key);
        } else {
            // Two bindings overlap if one address, of ours or any other one, reaches both.
            let witnesses = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"]
                .map(|address| address.parse::<IpAddr>().unwrap());
            let overlaps = plain.iter().any(|(other, _)| {
                other.port == port
                    && witnesses
                        .iter()
                        .any(|address| covers(other, *address) && covers(&local, *address))
            });
            let key = table.insert(());
            assert_eq!(demux.bind(local, key).is_err(), overlaps, "{local:?}");
            if !overlaps {
                plain.push((local, key));
            }
        }
        for address in addresses {
            let address: IpAddr = address.parse().unwrap();
            for port in 80..83 {
                let owner = plain
                    .iter()
                    .find(|(local, _)| local.port == port && covers(local, address))
                    .map(|(_, key)| *key);
                assert_eq!(demux.bound(SocketAddr::new(address, port)), owner);
            }
        }
    }
}

#[test]
fn a_port_is_shared_only_if_all_say_so() {
    let forms = [
        wild(Families::Both),
        wild(Families::V4),
        wild(Families::V6),
        at("127.0.0.1"),
        at("::1"),
    ];
    let [first, second] = keys();
    for one in forms {
        for other in forms {
            let outcome = |first_says, second_says| {
                let mut demux = Demux::new(&mut Random::new([1; 32]));
                demux.bind_as(one, first, first_says).unwrap();
                demux.bind_as(other, second, second_says).is_ok()
            };
            let alone = outcome(ReusePort::No, ReusePort::No);
            assert!(
                outcome(ReusePort::Yes, ReusePort::Yes),
                "{one:?}, {other:?}"
            );
            assert_eq!(outcome(ReusePort::Yes, ReusePort::No), alone);
            assert_eq!(outcome(ReusePort::No, ReusePort::Yes), alone);
        }
    }
}

#[test]
fn flows_spread_over_those_who_share_and_each_keeps_its_owner() {
    let owners: [Key; 4] = keys();
    let mut demux = Demux::new(&mut Random::new([2; 32]));
    for key in owners {
        demux.bind_as(at("192.0.2.2"), key, ReusePort::Yes).unwrap();
    }
    let flow = |port: u16| FourTuple {
        local: "192.0.2.2:80".parse().unwrap(),
        remote: SocketAddr::new([192, 0, 2, 1].into(), port),
    };
    let before: Vec<Key> = (0..4_000)
        .map(|port| demux.bound_for(&flow(port)).unwrap())
        .collect();
    for owner in owners {
        let share = before.iter().filter(|key| **key == owner).count();
        // A thousand expected, 27 the standard deviation.
        assert!((870..1_130).contains(&share), "{share}");
    }
    assert_eq!(
        demux.bound_for(&flow(7)),
        Some(before[7]),
        "it is always the same"
    );
    demux.unbind(&at("192.0.2.2"), owners[1]);
    for (port, was) in before.iter().enumerate() {
        let now = demux.bound_for(&flow(port as u16)).unwrap();
        assert_ne!(now, owners[1], "{port} was of {was:?}");
    }
    for key in [owners[0], owners[2], owners[3]] {
        demux.unbind(&at("192.0.2.2"), key);
    }
    assert_eq!(demux.bound_for(&flow(7)), None);
    demux.bind(at("192.0.2.2"), owners[0]).unwrap();
}

#[test]
fn sharing_an_address_does_not_disturb_the_wildcard_that_shares_too() {
    let [wildcard, exact] = keys();
    let mut demux = Demux::new(&mut Random::new([2; 32]));
    demux
        .bind_as(wild(Families::Both), wildcard, ReusePort::Yes)
        .unwrap();
    demux
        .bind_as(at("192.0.2.2"), exact, ReusePort::Yes)
        .unwrap();
    let flow = |local: &str| FourTuple {
        local: local.parse().unwrap(),
        remote: "192.0.2.1:1024".parse().unwrap(),
    };
    assert_eq!(demux.bound_for(&flow("192.0.2.2:80")), Some(exact));
    assert_eq!(demux.bound_for(&flow("192.0.2.3:80")), Some(wildcard));
    demux.unbind(&wild(Families::Both), wildcard);
    assert!(demux.conflicts(&wild(Families::V4)));
    assert!(!demux.conflicts(&wild(Families::V6)));
    demux.unbind(&at("192.0.2.2"), exact);
    assert!(!demux.is_bound(80));
}
