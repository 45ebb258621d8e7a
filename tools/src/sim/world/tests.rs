//! Worlds with more than one link, and the order of what happens in them.

use std::net::SocketAddr;

use super::*;
use crate::sim::app::{Answerer, Asker, DatagramEcho, DatagramSource, Dialogue};
use crate::sim::seed_of;
use crate::sim::transfer::Family;
use sidestep_stack::Config;
use sidestep_stack::call::{ConnectionOptions, Local, OpenConnection, OpenSocket, SendDatagram};

fn host(world: &mut World, family: Family, network: u8, number: u8) -> NodeId {
    world
        .add_host(&NewHost {
            config: Config::default(),
            seed: seed_of(u64::from(number)),
            addresses: vec![family.interface(network, number)],
            up_for: Duration::ZERO,
        })
        .unwrap()
}

fn recipe(text: &str) -> Recipe {
    text.parse().unwrap()
}

/// Two hosts with a router between them.
fn routed(family: Family) -> (World, [NodeId; 2], NodeId) {
    let mut world = World::new(1);
    let a = host(&mut world, family, 0, 1);
    let b = host(&mut world, family, 1, 2);
    let router = world.add_router(
        Ipv4Addr::new(203, 0, 113, 1),
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0xff, 0, 0, 0, 1),
    );
    let plain = recipe("delay=5ms");
    for (number, node) in [(0, a), (1, b)] {
        let cable = world.connect(node, router, &plain, &plain).unwrap();
        let bits = family.prefix_bits();
        world
            .add_route(router, family.address(number, 0), bits, cable)
            .unwrap();
    }
    (world, [a, b], router)
}

fn dialogue() -> Dialogue {
    Dialogue {
        seed: 5,
        rounds: 10,
        request_octets_max: 3_000,
        reply_octets_max: 30_000,
        pause_max: Duration::from_millis(3),
    }
}

#[test]
fn requests_and_datagrams_cross_a_router_in_both_families() {
    for family in [Family::V4, Family::V6] {
        let (mut world, [a, b], router) = routed(family);
        let remote = SocketAddr::new(family.address(1, 2), 80);
        let options = ConnectionOptions::default;
        world
            .add_application(b, Answerer::new(80, options(), dialogue()))
            .unwrap();
        let at = Instant::from_millis(1);
        world
            .add_application(a, Asker::new(remote, at, options(), dialogue()))
            .unwrap();
        world.add_application(b, DatagramEcho::new(81)).unwrap();
        let echo = SocketAddr::new(remote.ip(), 81);
        let every = Duration::from_millis(1);
        world
            .add_application(a, DatagramSource::new(echo, 9, 20, 3_000, every))
            .unwrap();
        world.run(Limits::default()).unwrap();
        let read: Vec<u64> = [a, b]
            .iter()
            .flat_map(|it| world.host(*it).unwrap().applications())
            .map(|application| application.progress().octets_read)
            .collect();
        assert!(
            read[0] > 50_000 && read[1] == 0 && read[2] > 5_000,
            "{read:?}"
        );
        assert!(world.router(router).unwrap().counters().forwarded > 50);
    }
}

#[test]
fn a_hop_limit_that_runs_out_at_a_router_is_told_to_the_host() {
    let (mut world, [a, _], router) = routed(Family::V4);
    let remote = SocketAddr::new(Family::V4.address(1, 2), 9);
    let open = Call::OpenSocket(OpenSocket {
        local: Local::default(),
        remote: Some(remote),
        ..OpenSocket::default()
    });
    let Ok(Reply::Socket { socket, .. }) = world.call(a, open) else {
        panic!("no socket");
    };
    let datagram = SendDatagram {
        octets: Bytes::from_static(b"far"),
        hop_limit: Some(1),
        ..SendDatagram::default()
    };
    world
        .call(a, Call::SendDatagram { socket, datagram })
        .unwrap();
    world.run_for(Duration::from_secs(1)).unwrap();
    assert_eq!(
        world.router(router).unwrap().counters().hop_limit_exceeded,
        1
    );
    // One packet left the host, and one came back.
    assert_eq!(world.crossings(), 2);
}

#[test]
fn a_world_cannot_be_built_wrong() {
    let mut world = World::new(1);
    let a = host(&mut world, Family::V4, 0, 1);
    let switches = [0; 3].map(|_| world.add_switch());
    let plain = Recipe::default();
    world.connect(a, switches[0], &plain, &plain).unwrap();
    assert_eq!(
        world.connect(a, switches[1], &plain, &plain),
        Err(BuildError::HostIsConnected)
    );
    world
        .connect(switches[0], switches[1], &plain, &plain)
        .unwrap();
    let cable = world
        .connect(switches[1], switches[2], &plain, &plain)
        .unwrap();
    assert_eq!(
        world.connect(switches[2], switches[0], &plain, &plain),
        Err(BuildError::CircleOfSwitches)
    );
    let anywhere = Family::V4.address(0, 0);
    assert_eq!(
        world.add_route(a, anywhere, 0, cable),
        Err(BuildError::WrongKind(a.number()))
    );
    assert_eq!(
        world.add_application(switches[0], DatagramEcho::new(7)),
        Err(BuildError::WrongKind(switches[0].number()))
    );
}

#[test]
fn at_one_moment_links_come_before_hosts_and_each_by_number() {
    // Three hosts at a switch; two of them send to the third over links of equal delay.
    let mut world = World::new(1);
    let hosts = [1, 2, 3].map(|number| host(&mut world, Family::V4, 0, number));
    let switch = world.add_switch();
    let plain = recipe("delay=1ms");
    for host in hosts {
        world.connect(host, switch, &plain, &plain).unwrap();
    }
    world.keep_crossings();
    for host in [hosts[2], hosts[1]] {
        let open = Call::OpenConnection(OpenConnection {
            remote: SocketAddr::new(Family::V4.address(0, 1), 9),
            local_address: None,
            local_port: 0,
            options: ConnectionOptions::default(),
        });
        world.call(host, open).unwrap();
    }
    world.run_until(Instant::from_millis(2)).unwrap();
    let crossings = world.take_crossings();
    let order: Vec<(usize, Way)> = crossings
        .iter()
        .map(|crossing| (crossing.happening.host, crossing.happening.way))
        .filter(|(_, way)| *way == Way::Out)
        .collect();
    // The SYNs left in the order of the hosts, not of the calls; then both resets in one turn.
    let wanted = [(1, Way::Out), (2, Way::Out), (0, Way::Out), (0, Way::Out)];
    assert_eq!(order, wanted);
    let first_reset = crossings
        .iter()
        .position(|it| it.happening.host == 0 && it.happening.way == Way::Out);
    let last_arrival = crossings
        .iter()
        .rposition(|it| it.happening.host == 0 && it.happening.way == Way::In);
    assert!(
        last_arrival < first_reset,
        "a turn sees all packets of its moment"
    );
}

#[test]
fn nothing_happens_in_an_empty_world() {
    let mut world = World::new(1);
    assert_eq!(world.step(), Ok(None));
    world.run(Limits::default()).unwrap();
    world.run_for(Duration::from_secs(5)).unwrap();
    assert_eq!(
        (world.now(), world.happenings()),
        (Instant::from_secs(5), 0)
    );
}

#[test]
fn whoever_waits_for_ever_is_reported_as_stuck_and_limits_are_kept() {
    let (mut world, [_, b], _) = routed(Family::V4);
    let options = ConnectionOptions::default();
    world
        .add_application(b, Answerer::new(80, options, dialogue()))
        .unwrap();
    let mut hurried = world.fork();
    let failure = world.run(Limits::default()).unwrap_err();
    assert_eq!(
        failure.violation,
        Violation::Stuck {
            waiting: 1,
            connections: 0
        }
    );
    let none = Limits {
        happenings: 0,
        ..Limits::default()
    };
    let failure = hurried.run(none).unwrap_err();
    assert_eq!(failure.violation, Violation::Exhausted(0));
}
