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

fn ping_all_sizes(pinger: &mut Pinger, address: IpAddr) {
    for (sequence, octets) in (1..).zip(SIZES) {
        let payload = Pattern::new(octets, octets).to_vec();
        let outcome = pinger.ping(sequence, &payload, PATIENCE);
        let trip = outcome.unwrap_or_else(|error| panic!("{address}, {octets} octets: {error}"));
        assert_eq!(trip.payload_octets as u64, octets);
        if let Some(hop_limit) = trip.hop_limit {
            assert_eq!(hop_limit, 64);
        }
    }
}

fn sidestep_pings_the_kernel(world: &World) {
    let address = world.family.kernel();
    let mut pinger = Pinger::new(&world.net, address, 0x5151).expect("there is a route");
    ping_all_sizes(&mut pinger, address);
}

fn the_kernel_pings_sidestep(world: &World) {
    let address = world.family.sidestep();
    let mut pinger = Pinger::from_kernel(address, 0x5151).expect("we are root here");
    ping_all_sizes(&mut pinger, address);
}
