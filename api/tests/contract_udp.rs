//! The contract of go-net §1.4 for UDP, points 17 and 18, over a cable and over the host's kernel.

#![allow(clippy::unwrap_used)]

mod support;

use std::thread;
use std::time::Duration;

use sidestep::{Cause, Deadline, Errno, NetError, Op};
use support::World;

in_all_worlds! {
    datagrams_keep_their_boundaries
    point_17_a_refused_port_is_told_once
    point_17_misuse_has_its_own_errors
    point_17_too_long_is_refused_at_once
    deadlines_and_close_reach_blocked_reads
    a_burst_arrives_in_order
}

fn datagrams_keep_their_boundaries(world: &World) {
    let (client, server) = world.udp_pair();
    let most = 65_507;
    for len in [0, 1, 1_400, most] {
        let sent: Vec<u8> = (0..len).map(|n| n as u8).collect();
        assert_eq!(client.write(&sent).unwrap(), len);
        let mut got = vec![0; 70_000];
        let (count, from) = server.read_from(&mut got).unwrap();
        assert!(got[..count] == sent);
        assert_eq!(&from, client.local_addr());
        assert_eq!(server.write_to(&sent, &from).unwrap(), len);
        assert_eq!(client.read(&mut got).unwrap(), len);
        // What does not fit is thrown away, and only that.
        client.write(b"abcdef").unwrap();
        assert_eq!(server.read(&mut got[..3]).unwrap(), 3);
    }
}

fn point_17_a_refused_port_is_told_once(world: &World) {
    let (client, server) = world.udp_pair();
    server.close().unwrap();
    client.write(b"anybody?").unwrap();
    let error = client.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ECONNREFUSED), "{error}");
    client.set_read_deadline(Deadline::past()).unwrap();
    assert!(client.read(&mut [0; 8]).unwrap_err().timeout());
}

fn point_17_misuse_has_its_own_errors(world: &World) {
    let (client, server) = world.udp_pair();
    let error = client.write_to(b"x", server.local_addr()).unwrap_err();
    assert_eq!(*error.err(), Cause::WriteToConnected);
    assert_eq!(error.op(), Op::Write);
    let error = server.write(b"x").unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EDESTADDRREQ), "{error}");
}

fn point_17_too_long_is_refused_at_once(world: &World) {
    let (client, server) = world.udp_pair();
    let octets = vec![0; 70_000];
    let error = client.write(&octets).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EMSGSIZE), "{error}");
    let error = server.write_to(&octets, client.local_addr()).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EMSGSIZE), "{error}");
}

fn deadlines_and_close_reach_blocked_reads(world: &World) {
    let (client, server) = world.udp_pair();
    thread::scope(|scope| {
        let read = scope.spawn(|| server.read_from(&mut [0; 8]));
        server.set_read_deadline(Deadline::past()).unwrap();
        assert!(read.join().unwrap().unwrap_err().timeout());
        server.set_read_deadline(Deadline::NONE).unwrap();
        let read = scope.spawn(|| server.read_from(&mut [0; 8]));
        server.close().unwrap();
        assert!(read.join().unwrap().unwrap_err().is_closed());
    });
    assert!(server.close().unwrap_err().is_closed());
    client.set_read_deadline(Duration::from_millis(5)).unwrap();
    assert!(client.read(&mut [0; 8]).unwrap_err().timeout());
}

fn a_burst_arrives_in_order(world: &World) {
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
