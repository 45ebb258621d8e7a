//! UDP beyond the contract: messages, batches, buffers, zero-octet datagrams, groups.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use sidestep::{
    Cause, Deadline, Ecn, Errno, Msg, MsgOptions, MsgSlot, Net, NetError as _, UDPAddr, UDPConn,
};
use support::{PATIENCE, World};

in_all_worlds! {
    udp_zero_byte_payload
    an_empty_buffer_takes_no_datagram
    a_message_says_what_did_not_fit
    write_msg_knows_its_misuse
    a_batch_moves_many_datagrams_with_one_call
    octets_are_handed_over_whole
    the_addr_port_forms_speak_in_stds_addresses
    options_can_be_set_until_the_socket_is_closed
}

fn udp_zero_byte_payload(world: &World) {
    let (client, server) = world.udp_pair();
    assert_eq!(client.write(b"").unwrap(), 0);
    let mut octets = [9; 4];
    let (n, from) = server.read_from(&mut octets).unwrap();
    assert_eq!((n, &from), (0, client.local_addr()));
    assert_eq!(server.write_to(b"", &from).unwrap(), 0);
    assert_eq!(client.read(&mut octets).unwrap(), 0);
    assert_eq!(octets, [9; 4], "nothing was written");
}

fn an_empty_buffer_takes_no_datagram(world: &World) {
    let (client, server) = world.udp_pair();
    client.write(b"kept").unwrap();
    assert_eq!(server.read(&mut []).unwrap(), 0);
    server.set_read_deadline(Deadline::past()).unwrap();
    assert_eq!(server.read(&mut []).unwrap(), 0, "even past the deadline");
    server.set_read_deadline(PATIENCE).unwrap();
    let mut octets = [0; 8];
    assert_eq!(server.read(&mut octets).unwrap(), 4);
    server.close().unwrap();
    assert!(server.read(&mut []).unwrap_err().is_closed());
}

fn a_message_says_what_did_not_fit(world: &World) {
    let (client, server) = world.udp_pair();
    client.write(b"abcdef").unwrap();
    client.write(b"abc").unwrap();
    let mut octets = [0; 3];
    let cut = server.read_msg(&mut octets).unwrap();
    assert_eq!((cut.n, cut.truncated), (3, true));
    assert_eq!(&cut.from, client.local_addr());
    let whole = server.read_msg(&mut octets).unwrap();
    assert_eq!((whole.n, whole.truncated), (3, false));
    if !world.is_kernel {
        assert_eq!(whole.to, server.local_addr().ip);
        assert_eq!(whole.hop_limit, Some(64));
        assert_eq!((whole.ecn, whole.dscp), (Some(Ecn::NotCapable), Some(0)));
    }
}

fn write_msg_knows_its_misuse(world: &World) {
    let (client, server) = world.udp_pair();
    let to = MsgOptions::to(server.local_addr().clone());
    let error = client.write_msg(b"x", &to).unwrap_err();
    assert_eq!(*error.err(), Cause::WriteToConnected, "{error}");
    let error = server.write_msg(b"x", &MsgOptions::default()).unwrap_err();
    assert_eq!(*error.err(), Cause::MissingAddress);
    assert_eq!(
        error.to_string(),
        format!("write {} {}: missing address", "udp", server.local_addr())
    );
    assert_eq!(
        client.write_msg(b"fine", &MsgOptions::default()).unwrap(),
        4
    );
    let back = MsgOptions::to(client.local_addr().clone());
    assert_eq!(server.write_msg(b"back", &back).unwrap(), 4);
    let mut octets = [0; 8];
    assert_eq!(client.read(&mut octets).unwrap(), 4);
}

fn a_batch_moves_many_datagrams_with_one_call(world: &World) {
    let (client, server) = world.udp_pair();
    let texts: Vec<Vec<u8>> = (0..40_u8).map(|n| vec![n; usize::from(n)]).collect();
    let batch: Vec<(&[u8], MsgOptions)> = texts
        .iter()
        .map(|text| (&text[..], MsgOptions::default()))
        .collect();
    assert_eq!(client.send_many(&batch).unwrap(), 40);
    assert_eq!(client.send_many(&[]).unwrap(), 0);
    let mut rooms = vec![[0; 64]; 16];
    let mut came = Vec::new();
    while came.len() < 40 {
        let mut slots: Vec<MsgSlot<'_>> = rooms.iter_mut().map(|room| MsgSlot::new(room)).collect();
        let filled = server.recv_many(&mut slots).unwrap();
        assert!((1..=16).contains(&filled));
        for slot in &slots[..filled] {
            assert_eq!(&slot.msg.from, client.local_addr());
            came.push(slot.octets[..slot.msg.n].to_vec());
        }
    }
    assert_eq!(came, texts);
    server.set_read_deadline(Duration::from_millis(5)).unwrap();
    let mut room = [0; 8];
    let error = server
        .recv_many(&mut [MsgSlot::new(&mut room)])
        .unwrap_err();
    assert!(error.timeout(), "{error}");
}

fn octets_are_handed_over_whole(world: &World) {
    let (client, server) = world.udp_pair();
    let text = Bytes::from(vec![7; 20_000]);
    let written = client.write_bytes(text.clone(), &MsgOptions::default());
    assert_eq!(written.unwrap(), 20_000);
    let (octets, msg): (Bytes, Msg) = server.read_bytes().unwrap();
    assert!(octets == text);
    assert_eq!((msg.n, msg.truncated), (20_000, false));
}

fn the_addr_port_forms_speak_in_stds_addresses(world: &World) {
    let (client, server) = world.udp_pair();
    client.write(b"hello").unwrap();
    let mut octets = [0; 8];
    let (n, from) = server.read_from_addr_port(&mut octets).unwrap();
    assert_eq!(n, 5);
    assert_eq!(from, SocketAddr::try_from(client.local_addr()).unwrap());
    server.write_to_addr_port(b"back", from).unwrap();
    assert_eq!(client.read(&mut octets).unwrap(), 4);
    let (client, server) = world.udp_pair();
    client.write(b"udp").unwrap();
    let (_, from) = server.read_from_udp(&mut octets).unwrap();
    assert_eq!(server.write_to_udp(b"udp", &from).unwrap(), 3);
}

fn options_can_be_set_until_the_socket_is_closed(world: &World) {
    let (client, server) = world.udp_pair();
    client.set_hop_limit(5).unwrap();
    client.set_tos(0xb8).unwrap();
    client.set_multicast_hop_limit(3).unwrap();
    client.set_multicast_loopback(false).unwrap();
    client.set_read_buffer(100_000).unwrap();
    client.set_write_buffer(100_000).unwrap();
    let error = client.set_hop_limit(0).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EINVAL), "{error}");
    client.write(b"x").unwrap();
    let msg = server.read_msg(&mut [0; 8]).unwrap();
    if !world.is_kernel {
        assert_eq!((msg.hop_limit, msg.dscp), (Some(5), Some(0x2e)));
    }
    client.close().unwrap();
    for error in [
        client.set_hop_limit(5).unwrap_err(),
        client.set_tos(0).unwrap_err(),
        client.set_read_buffer(1).unwrap_err(),
        client.set_write_buffer(1).unwrap_err(),
    ] {
        assert!(error.is_closed(), "{error}");
    }
}

#[test]
fn point_18_a_dual_stack_socket_shows_ipv4_peers_as_ipv4() {
    let (here, there) = Net::memory_pair().unwrap();
    let server = there.listen_udp("udp", None).unwrap();
    server.set_deadline(PATIENCE).unwrap();
    assert!(server.local_addr().to_string().starts_with("[::]:"));
    let to = UDPAddr::new(IpAddr::from([192, 0, 2, 2]), server.local_addr().port);
    let client = here.dial_udp("udp", None, &to).unwrap();
    client.write(b"x").unwrap();
    let mut octets = [0; 8];
    let (_, from) = server.read_from_addr_port(&mut octets).unwrap();
    assert!(from.is_ipv4(), "{from}");
    server.write_to_addr_port(b"y", from).unwrap();
    client.set_deadline(PATIENCE).unwrap();
    assert_eq!(client.read(&mut octets).unwrap(), 1);
}

#[test]
fn a_source_is_ours_or_refused() {
    let (here, there) = Net::memory_pair().unwrap();
    here.add_address([192, 0, 2, 77].into(), 24).unwrap();
    let server = there.listen_udp("udp4", None).unwrap();
    server.set_deadline(PATIENCE).unwrap();
    let socket = here.listen_udp("udp4", None).unwrap();
    let to = UDPAddr::new(IpAddr::from([192, 0, 2, 2]), server.local_addr().port);
    let mut options = MsgOptions {
        source: Some([192, 0, 2, 77].into()),
        hop_limit: Some(9),
        tos: Some(2),
        ..MsgOptions::to(to)
    };
    socket.write_msg(b"x", &options).unwrap();
    let msg = server.read_msg(&mut [0; 8]).unwrap();
    assert_eq!(msg.from.ip, options.source);
    assert_eq!((msg.hop_limit, msg.ecn), (Some(9), Some(Ecn::Capable0)));
    options.source = Some([192, 0, 2, 78].into());
    // A new destination, whose verdict is waited for.
    options.to = Some(UDPAddr::new(IpAddr::from([192, 0, 2, 2]), 9));
    let error = socket.write_msg(b"x", &options).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EADDRNOTAVAIL), "{error}");
}

#[test]
fn a_read_buffer_bounds_what_waits_and_the_rest_is_counted() {
    let (here, there) = Net::memory_pair().unwrap();
    let server = there.listen_udp("udp4", None).unwrap();
    server.set_read_buffer(20_000).unwrap();
    let to = UDPAddr::new(IpAddr::from([192, 0, 2, 2]), server.local_addr().port);
    let client = here.dial_udp("udp4", None, &to).unwrap();
    for _ in 0..200 {
        client.write(&[1; 1_000]).unwrap();
    }
    let dropped = || {
        let counters = there.counters().unwrap();
        counters
            .stack
            .discards
            .get(sidestep_stack::discard::Discard::UdpQueueFull)
    };
    support::eventually("the flood is over", || dropped() >= 150);
    server
        .set_read_deadline(Duration::from_millis(100))
        .unwrap();
    let mut room = [0; 2_000];
    let mut came = 0;
    while server.read(&mut room).is_ok() {
        came += 1;
    }
    assert!((1..=30).contains(&came), "{came} waited");
    assert_eq!(came + dropped(), 200, "each is received or counted");
}

#[test]
fn zones_are_names_of_interfaces() {
    let (here, there) = Net::memory_pair().unwrap();
    here.add_address("fe80::1".parse().unwrap(), 64).unwrap();
    there.add_address("fe80::2".parse().unwrap(), 64).unwrap();
    let server = there.listen_udp("udp6", None).unwrap();
    server.set_deadline(PATIENCE).unwrap();
    let mut to = UDPAddr::new(
        "fe80::2".parse::<IpAddr>().unwrap(),
        server.local_addr().port,
    );
    to.zone = "sidestep0".into();
    let client = here.listen_udp("udp6", None).unwrap();
    client.write_to(b"x", &to).unwrap();
    let (_, from) = server.read_from(&mut [0; 8]).unwrap();
    assert!(
        from.to_string().starts_with("[fe80::1%sidestep0]:"),
        "{from}"
    );
    client.write_to(b"x", &to).unwrap();
    let (_, from) = server.read_from_addr_port(&mut [0; 8]).unwrap();
    let SocketAddr::V6(from) = from else {
        panic!("{from}");
    };
    assert_eq!(from.scope_id(), 2);
    to.zone = "eth9".into();
    let error = client.write_to(b"x", &to).unwrap_err();
    assert!(error.to_string().ends_with("unknown zone"), "{error}");
}

fn member(net: &Net, group: &UDPAddr) -> UDPConn {
    let conn = net.listen_multicast_udp("udp", None, group).unwrap();
    conn.set_deadline(PATIENCE).unwrap();
    conn
}

#[test]
fn every_member_of_a_group_gets_what_is_sent_there() {
    for group in ["239.1.2.3:7000", "[ff05::99]:7000"] {
        let group: UDPAddr = group.parse().unwrap();
        let (here, there) = Net::memory_pair().unwrap();
        let members = [member(&there, &group), member(&there, &group)];
        assert!(members[0].local_addr().is_wildcard());
        assert_eq!(members[0].local_addr().port, 7000);
        let alone = there.listen_udp("udp", None).unwrap();
        let error = there
            .listen_udp("udp", Some(&UDPAddr::new(None, 7000)))
            .unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EADDRINUSE), "{error}");
        let sender = here.listen_udp("udp", None).unwrap();
        sender.write_to(b"all", &group).unwrap();
        for member in &members {
            let mut octets = [0; 8];
            let msg = member.read_msg(&mut octets).unwrap();
            assert_eq!(&octets[..msg.n], b"all");
            assert_eq!((msg.to, msg.hop_limit), (group.ip, Some(1)));
        }
        alone.set_read_deadline(Duration::from_millis(20)).unwrap();
        assert!(alone.read(&mut [0; 8]).unwrap_err().timeout());
        let device = there.interface_by_name("sidestep0").unwrap();
        let joined = |device: &sidestep::Interface| {
            device
                .multicast_addrs()
                .iter()
                .any(|addr| addr.ip == group.ip)
        };
        assert!(joined(&device));
        drop(members);
        let device = there.interface_by_name("sidestep0").unwrap();
        support::eventually("its sockets are closed", || {
            !joined(&there.interface_by_name(&device.name).unwrap())
        });
    }
}

#[test]
fn a_sender_is_heard_by_members_on_its_own_host_unless_it_says_not() {
    let group: UDPAddr = "239.1.2.3:7000".parse().unwrap();
    let (here, _there) = Net::memory_pair().unwrap();
    let listener = member(&here, &group);
    let sender = here.listen_udp("udp4", None).unwrap();
    sender.set_multicast_hop_limit(0).unwrap();
    sender.write_to(b"heard", &group).unwrap();
    let mut octets = [0; 8];
    assert_eq!(listener.read(&mut octets).unwrap(), 5);
    sender.set_multicast_loopback(false).unwrap();
    sender.write_to(b"unheard", &group).unwrap();
    listener.write_to(b"neither", &group).unwrap();
    listener
        .set_read_deadline(Duration::from_millis(20))
        .unwrap();
    assert!(listener.read(&mut octets).unwrap_err().timeout());
}

#[test]
fn joining_and_leaving_have_their_own_errors() {
    let (here, _there) = Net::memory_pair().unwrap();
    let socket = here.listen_udp("udp4", None).unwrap();
    let errno = |result: Result<(), sidestep::OpError>| result.unwrap_err().errno();
    let group: IpAddr = [239, 1, 2, 3].into();
    let lo = here.interface_by_name("lo").unwrap();
    assert_eq!(
        errno(socket.join_group(None, [192, 0, 2, 1].into())),
        Some(Errno::EINVAL)
    );
    assert_eq!(
        errno(socket.join_group(None, "ff02::9".parse().unwrap())),
        Some(Errno::EAFNOSUPPORT)
    );
    assert_eq!(
        errno(socket.join_group(Some(&lo), group)),
        Some(Errno::ENODEV)
    );
    socket.join_group(None, group).unwrap();
    assert_eq!(
        errno(socket.join_group(None, group)),
        Some(Errno::EADDRINUSE)
    );
    socket.leave_group(None, group).unwrap();
    assert_eq!(
        errno(socket.leave_group(None, group)),
        Some(Errno::EADDRNOTAVAIL)
    );
    for low in 0..20 {
        socket.join_group(None, [239, 9, 9, low].into()).unwrap();
    }
    let one_more = socket.join_group(None, [239, 9, 9, 20].into());
    assert_eq!(errno(one_more), Some(Errno::ENOBUFS), "20 are the most");
    let error = here
        .listen_multicast_udp("udp", None, &"192.0.2.9:7".parse().unwrap())
        .unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EINVAL), "{error}");
    let error = here
        .listen_multicast_udp("tcp", None, &"239.0.0.9:7".parse().unwrap())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "listen tcp 239.0.0.9:7: unknown network tcp"
    );
}
