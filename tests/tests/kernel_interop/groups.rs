//! Groups over a TUN: the kernel sends to members on our side, we send to members on its side, and its
//! raw socket hears what we tell routers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, ipproto, recv, socket_with,
    sockopt,
};
use sidestep::{Errno, Interface, NetError as _, UDPAddr, UDPConn};
use sidestep_tests::namespace_net::{Family, PATIENCE, World};
use sidestep_tests::on_both_families;

use super::kernel::{is_readable, udp};

on_both_families! {
    what_the_kernel_sends_to_a_group_reaches_each_member
    what_we_send_to_a_group_reaches_the_kernels_member
    who_has_left_hears_nothing_more
    routers_are_told_of_groups
}

const SOON: Duration = Duration::from_millis(200);

fn group(world: &World) -> IpAddr {
    match world.family {
        Family::V4 => [239, 1, 2, 3].into(),
        Family::V6 => "ff05::1234".parse().expect("a literal"),
    }
}

/// The TUN as the kernel numbers it, and as we do.
fn device(world: &World) -> (u32, Interface) {
    let theirs = sidestep::Net::host()
        .interface_by_name("interop0")
        .expect("the test made it");
    let ours = world
        .net
        .interface_by_name("interop0")
        .expect("it is our device");
    (theirs.index, ours)
}

/// A socket of ours that listens to the group on a port of its own.
fn listen(world: &World, port: u16) -> UDPConn {
    let (_, interface) = device(world);
    let group = UDPAddr::new(group(world), port);
    let conn = world
        .net
        .listen_multicast_udp("udp", Some(&interface), &group)
        .expect("the port can be shared");
    conn.set_deadline(PATIENCE).expect("it is open");
    conn
}

/// A socket of the kernel's that sends to groups through the TUN.
fn sender(world: &World) -> UdpSocket {
    let socket = udp(world);
    match world.family {
        Family::V4 => {
            let IpAddr::V4(from) = world.family.kernel() else {
                panic!("IPv4");
            };
            sockopt::set_ip_multicast_if(&socket, &from).expect("it is its own");
        }
        Family::V6 => {
            sockopt::set_ipv6_multicast_if(&socket, device(world).0).expect("it is there");
        }
    }
    socket
}

fn what_the_kernel_sends_to_a_group_reaches_each_member(world: &World) {
    let one = listen(world, 5_353);
    let two = listen(world, 5_353);
    let bystander = world
        .net
        .listen_udp("udp", Some(&UDPAddr::new(None, 5_354)))
        .expect("the port is free");
    let kernel = sender(world);
    let to = SocketAddr::new(group(world), 5_353);
    kernel.send_to(b"to all of you", to).expect("it goes");
    for member in [&one, &two] {
        let mut room = [0; 64];
        let msg = member.read_msg(&mut room).expect("it comes");
        assert_eq!(&room[..msg.n], b"to all of you");
        assert_eq!(msg.to, Some(group(world)));
        assert_eq!(msg.hop_limit, Some(1));
    }
    bystander.set_read_deadline(SOON).expect("it is open");
    let error = bystander.read(&mut [0; 8]).expect_err("not for it");
    assert!(error.timeout(), "{error}");
}

fn what_we_send_to_a_group_reaches_the_kernels_member(world: &World) {
    let any: IpAddr = match world.family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let kernel = UdpSocket::bind((any, 0)).expect("a port is free");
    kernel.set_read_timeout(Some(PATIENCE)).expect("not zero");
    match (group(world), world.family.kernel()) {
        (IpAddr::V4(group), IpAddr::V4(ours)) => {
            kernel.join_multicast_v4(&group, &ours).expect("it may");
        }
        (IpAddr::V6(group), _) => {
            kernel
                .join_multicast_v6(&group, device(world).0)
                .expect("it may");
        }
        (IpAddr::V4(_), IpAddr::V6(_)) => panic!("one family"),
    }
    let port = kernel.local_addr().expect("it is bound").port();
    let socket = world
        .net
        .listen_udp("udp", Some(&world.sidestep(0).into()))
        .expect("a port is free");
    let to = UDPAddr::new(group(world), port);
    socket.write_to(b"from us", &to).expect("it goes");
    let mut room = [0; 16];
    let (octets, from) = kernel.recv_from(&mut room).expect("it comes");
    assert_eq!(&room[..octets], b"from us");
    assert_eq!(from.ip(), world.family.sidestep());
}

fn who_has_left_hears_nothing_more(world: &World) {
    let member = listen(world, 5_353);
    let kernel = sender(world);
    let to = SocketAddr::new(group(world), 5_353);
    kernel.send_to(b"one", to).expect("it goes");
    assert_eq!(member.read(&mut [0; 8]).expect("it comes"), 3);
    member
        .leave_group(Some(&device(world).1), group(world))
        .expect("it is a member");
    kernel.send_to(b"two", to).expect("it goes");
    member.set_read_deadline(SOON).expect("it is open");
    assert!(member.read(&mut [0; 8]).expect_err("it has left").timeout());
    let error = member
        .leave_group(None, group(world))
        .expect_err("it has left");
    assert_eq!(error.errno(), Some(Errno::EADDRNOTAVAIL), "{error}");
}

/// The next message at a raw socket, or nothing.
fn next(socket: &rustix::fd::OwnedFd) -> Option<Vec<u8>> {
    if !is_readable(socket, PATIENCE) {
        return None;
    }
    let mut room = [0; 2_048];
    let (octets, _) = recv(socket, &mut room, RecvFlags::empty()).ok()?;
    Some(room[..octets].to_vec())
}

fn routers_are_told_of_groups(world: &World) {
    let (family, protocol): (AddressFamily, Protocol) = match world.family {
        Family::V4 => (AddressFamily::INET, ipproto::IGMP),
        Family::V6 => (AddressFamily::INET6, ipproto::ICMPV6),
    };
    let router = socket_with(
        family,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(protocol),
    )
    .expect("we are root here");
    let joined: io::Result<()> = match world.family {
        Family::V4 => sockopt::set_ip_add_membership_with_ifindex(
            &router,
            &Ipv4Addr::new(224, 0, 0, 22),
            &Ipv4Addr::UNSPECIFIED,
            device(world).0,
        )
        .map_err(io::Error::from),
        Family::V6 => {
            let routers = "ff02::16".parse().expect("a literal");
            sockopt::set_ipv6_add_membership(&router, &routers, device(world).0)
                .map_err(io::Error::from)
        }
    };
    joined.expect("it may");
    let group_octets = match group(world) {
        IpAddr::V4(group) => group.octets().to_vec(),
        IpAddr::V6(group) => group.octets().to_vec(),
    };
    let told = |change: u8| {
        // The kernel tells of its own groups too; ours names our group.
        for _ in 0..64 {
            let Some(packet) = next(&router) else { break };
            let message = match world.family {
                Family::V4 => packet.get(24..).unwrap_or_default(),
                Family::V6 => &packet[..],
            };
            let record = message.get(8..).unwrap_or_default();
            let kind = match world.family {
                Family::V4 => 0x22,
                Family::V6 => 143,
            };
            if message.first() == Some(&kind)
                && record.first() == Some(&change)
                && record.get(4..4 + group_octets.len()) == Some(&group_octets[..])
            {
                return;
            }
        }
        panic!("nobody told of change {change}");
    };
    let member = listen(world, 5_353);
    told(4);
    member.close().expect("it is open");
    told(3);
}
