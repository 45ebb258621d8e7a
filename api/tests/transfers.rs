//! What streams and datagrams do beyond the contract, over a cable, a plain wire and the host's
//! kernel: transfers that fill every buffer, std's traits, many connections and bursts.
//!
//! The contract itself is `sidestep::contract`, which `tests/tests/contract` runs everywhere.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::thread;

use support::World;

in_all_worlds! {
    large_transfers_arrive_whole
    std_traits_work_on_values_references_and_trait_objects
    many_connections_at_once
    a_burst_of_datagrams_arrives_in_order
}

fn large_transfers_arrive_whole(world: &World) {
    let (here, there) = world.pair();
    let octets: Vec<u8> = (0..8u32 << 20)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    thread::scope(|scope| {
        for (from, to) in [(&here, &there), (&there, &here)] {
            let octets = &octets;
            scope.spawn(move || {
                from.write(octets).unwrap();
                from.close_write().unwrap();
            });
            scope.spawn(move || {
                let mut got = Vec::new();
                (&*to).read_to_end(&mut got).unwrap();
                assert!(got == *octets);
            });
        }
    });
}

fn std_traits_work_on_values_references_and_trait_objects(world: &World) {
    let (here, there) = world.pair();
    let mut by_value = here.clone();
    write!(by_value, "one ").unwrap();
    write!(&here, "two ").unwrap();
    let object: &dyn sidestep::Conn = &here;
    let mut reference = object;
    reference.write_all(b"three ").unwrap();
    let mut boxed: Box<dyn sidestep::Conn> = Box::new(sidestep::AnyConn::from(here.clone()));
    boxed.write_all(b"four").unwrap();
    here.close_write().unwrap();
    let mut text = String::new();
    std::io::BufReader::new(&there)
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "one two three four");
    there.write_bytes(vec![7; 10].into()).unwrap();
    assert_eq!(here.read_bytes(4).unwrap(), vec![7; 4]);
}

fn many_connections_at_once(world: &World) {
    const COUNT: usize = 100;
    let listener = world.listen();
    thread::scope(|scope| {
        let server = &listener;
        scope.spawn(move || {
            for conn in server.incoming().take(COUNT) {
                let conn = conn.unwrap();
                scope.spawn(move || {
                    let mut octet = [0];
                    while conn.read(&mut octet).unwrap() == 1 {
                        conn.write(&octet).unwrap();
                    }
                });
            }
        });
        let dialled: Vec<_> = (0..COUNT).map(|_| world.dial(&listener)).collect();
        for (number, conn) in dialled.iter().enumerate() {
            conn.write(&[number as u8]).unwrap();
        }
        for (number, conn) in dialled.iter().enumerate() {
            let mut octet = [0];
            assert_eq!(conn.read(&mut octet).unwrap(), 1);
            assert_eq!(octet[0], number as u8);
        }
        drop(dialled);
    });
}

fn a_burst_of_datagrams_arrives_in_order(world: &World) {
    let (client, server) = world.udp_pair();
    for number in 0..100u8 {
        client.write(&[number]).unwrap();
    }
    for number in 0..100u8 {
        let mut octets = [0; 2];
        assert_eq!(server.read(&mut octets).unwrap(), 1);
        assert_eq!(octets[0], number);
    }
}
