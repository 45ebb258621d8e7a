//! Echo requests both ways: answered by the kernel, and by Sidestep without anybody's help.

use std::net::IpAddr;

use sidestep_tests::namespace_net::{PATIENCE, World};
use sidestep_tests::on_both_families;
use sidestep_tools::octets::Pattern;
use sidestep_tools::ping::Pinger;

on_both_families! {
    sidestep_pings_the_kernel
    the_kernel_pings_sidestep
}

/// From an empty one to one that travels in 45 fragments.
const SIZES: [u64; 4] = [0, 56, 1_472, 65_000];

fn ping_all_sizes(pinger: &mut Pinger, address: IpAddr, hop_limit: Option<u8>) {
    for (sequence, octets) in (1..).zip(SIZES) {
        let payload = Pattern::new(octets, octets).to_vec();
        let outcome = pinger.ping(sequence, &payload, PATIENCE);
        let trip = outcome.unwrap_or_else(|error| panic!("{address}, {octets} octets: {error}"));
        assert_eq!(trip.payload_octets as u64, octets);
        assert!(trip.hop_limit == Some(64) || trip.hop_limit == hop_limit);
    }
}

fn sidestep_pings_the_kernel(world: &World) {
    let address = world.family.kernel();
    let mut pinger = Pinger::new(&world.net, address, 0x5151).expect("there is a route");
    // Our raw sockets tell it for both families.
    ping_all_sizes(&mut pinger, address, Some(64));
}

fn the_kernel_pings_sidestep(world: &World) {
    let address = world.family.sidestep();
    let mut pinger = Pinger::from_kernel(address, 0x5151).expect("we are root here");
    // The kernel's tells it with the header of IPv4 only.
    ping_all_sizes(&mut pinger, address, None);
}
