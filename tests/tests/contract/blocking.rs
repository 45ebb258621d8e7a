//! The blocking kit on every transport.

use sidestep::contract::{Ability, Kit, Nets, Pair, Report};
use sidestep_tests::namespace_net::in_own_network_within;

use crate::runs::{Run, limit, repeat};
use crate::worlds::{
    SERVER_V4, SERVER_V6, disturbed, kernel, kit_in_memory, kit_on_kernel, kit_on_lossy_link,
    kit_on_pipe, lossy, perfect, tcp_pair, unix_ends, wire,
};

/// Everything that is promised of two networks.
fn all_of(kit: &Kit, nets: &Nets, host: &str, run: Run) -> Report {
    kit.conn(|| tcp_pair(nets, host, run))
        .and(kit.tcp(nets))
        .and(kit.udp(nets))
        .and(kit.dialing(nets))
}

#[test]
fn pipe() {
    repeat("a pipe", |run| {
        kit_on_pipe().conn(|| {
            let (here, there) = sidestep::pipe();
            Ok(disturbed(Pair::new(here, there), run))
        })
    });
}

#[test]
fn unix_sockets() {
    repeat("Unix sockets", |run| {
        Kit::new().conn(|| {
            let (here, there) = unix_ends()?;
            Ok(disturbed(Pair::with_half_close(here, there), run))
        })
    });
}

#[test]
fn tcp_over_a_perfect_link_v4() {
    repeat("a perfect link, IPv4", |run| {
        all_of(&kit_in_memory(), &perfect(SERVER_V4), SERVER_V4, run)
    });
}

#[test]
fn tcp_over_a_perfect_link_v6() {
    repeat("a perfect link, IPv6", |run| {
        all_of(&kit_in_memory(), &perfect(SERVER_V6), SERVER_V6, run)
    });
}

#[test]
fn tcp_over_a_plain_wire() {
    repeat("a plain wire", |run| {
        all_of(&kit_in_memory(), &wire(SERVER_V4), SERVER_V4, run)
    });
}

#[test]
fn tcp_over_a_lossy_link_v4() {
    repeat("a lossy link, IPv4", |run| {
        let nets = lossy(SERVER_V4, run.seed);
        on_lossy_link(&nets, SERVER_V4, run)
    });
}

#[test]
fn tcp_over_a_lossy_link_v6() {
    repeat("a lossy link, IPv6", |run| {
        let nets = lossy(SERVER_V6, run.seed);
        on_lossy_link(&nets, SERVER_V6, run)
    });
}

/// UDP promises nothing on a link that loses.
fn on_lossy_link(nets: &Nets, host: &str, run: Run) -> Report {
    let kit = kit_on_lossy_link();
    kit.conn(|| tcp_pair(nets, host, run))
        .and(kit.tcp(nets))
        .and(kit.dialing(nets))
}

#[test]
fn kernel_v4() {
    in_own_network_within(
        limit(),
        "contract::blocking::kernel_v4",
        env!("CARGO_BIN_EXE_in-own-network"),
        || {
            repeat("the kernel, IPv4", |run| {
                all_of(&kit_on_kernel(), &kernel("127.0.0.1"), "127.0.0.1", run)
            });
        },
    );
}

#[test]
fn kernel_v6() {
    in_own_network_within(
        limit(),
        "contract::blocking::kernel_v6",
        env!("CARGO_BIN_EXE_in-own-network"),
        || {
            repeat("the kernel, IPv6", |run| {
                // Wildcards are the same ones as under IPv4.
                let kit = kit_on_kernel().lacks(Ability::BothFamilies, "asked under IPv4");
                all_of(&kit, &kernel("::1"), "::1", run)
            });
        },
    );
}
