//! Raw IP sockets: headers as Go shows them, messages, options, and the names of protocols.

#![allow(clippy::unwrap_used)]

mod support;

use std::net::IpAddr;

use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use sidestep::{Cause, Errno, IPAddr, MsgOptions, Net, NetAddr};
use support::{PATIENCE, World, on_kernel};

/// An experimental protocol (RFC 3692): nobody but the test speaks it.
const PROTOCOL: &str = "253";

fn pair(family: &str, host: &str) -> (sidestep::IPConn, sidestep::IPConn) {
    let (here, there) = Net::memory_pair().unwrap();
    let network = format!("{family}:{PROTOCOL}");
    let server = there.listen_ip(&network, None).unwrap();
    let remote = IPAddr::from(host.parse::<IpAddr>().unwrap());
    let client = here.dial_ip(&network, None, &remote).unwrap();
    for conn in [&server, &client] {
        conn.set_deadline(PATIENCE).unwrap();
    }
    (client, server)
}

#[test]
fn read_keeps_the_header_of_ipv4_and_read_from_strips_it() {
    let (client, server) = pair("ip4", "192.0.2.2");
    let mut octets = [0; 64];
    client.write(b"first").unwrap();
    assert_eq!(server.read(&mut octets).unwrap(), 25);
    assert_eq!((octets[0], octets[9]), (0x45, 253), "an IPv4 header");
    assert_eq!(octets[12..16], [192, 0, 2, 1]);
    assert_eq!(&octets[20..25], b"first");
    client.write(b"second").unwrap();
    let (n, from) = server.read_from(&mut octets).unwrap();
    assert_eq!(
        (&octets[..n], from.to_string()),
        (&b"second"[..], "192.0.2.1".to_owned())
    );
    client.write(b"third").unwrap();
    let msg = server.read_msg(&mut octets).unwrap();
    assert_eq!((msg.n, msg.truncated, msg.hop_limit), (25, false, Some(64)));
    assert_eq!(msg.to, Some([192, 0, 2, 2].into()));
}

#[test]
fn over_ipv6_there_is_never_a_header() {
    let (client, server) = pair("ip6", "2001:db8::2");
    let mut octets = [0; 64];
    client.write(b"first").unwrap();
    assert_eq!(server.read(&mut octets).unwrap(), 5);
    assert_eq!(&octets[..5], b"first");
    client.write(b"second").unwrap();
    let msg = server.read_msg(&mut octets[..3]).unwrap();
    assert_eq!((msg.n, msg.truncated), (3, true));
    assert_eq!(msg.from.to_string(), "2001:db8::1");
}

#[test]
fn a_payload_that_came_in_fragments_has_the_header_of_the_whole() {
    let (client, server) = pair("ip4", "192.0.2.2");
    let text: Vec<u8> = (0..5_000_u32).map(|n| n as u8).collect();
    client.write(&text).unwrap();
    let mut octets = vec![0; 6_000];
    assert_eq!(server.read(&mut octets).unwrap(), 5_020);
    assert_eq!(octets[2..4], 5_020_u16.to_be_bytes());
    assert_eq!(octets[6..8], [0, 0], "neither flags nor offset");
    assert!(octets[20..5_020] == text);
}

#[test]
fn options_and_messages_say_how_a_payload_travels() {
    let (client, server) = pair("ip4", "192.0.2.2");
    let mut octets = [0; 64];
    client.set_hop_limit(7).unwrap();
    client.set_tos(0x2c).unwrap();
    client.write(b"x").unwrap();
    let msg = server.read_msg(&mut octets).unwrap();
    assert_eq!((msg.hop_limit, msg.dscp), (Some(7), Some(0x0b)));
    let options = MsgOptions {
        hop_limit: Some(200),
        tos: Some(0),
        ..MsgOptions::default()
    };
    client.write_msg(b"x", &options).unwrap();
    let msg = server.read_msg(&mut octets).unwrap();
    assert_eq!((msg.hop_limit, msg.dscp), (Some(200), Some(0)));
    assert_eq!(
        client.set_hop_limit(0).unwrap_err().errno(),
        Some(Errno::EINVAL)
    );
    let error = server.write_msg(b"x", &MsgOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "write ip4 0.0.0.0: missing address");
    let to = MsgOptions::to(IPAddr::from(IpAddr::from([192, 0, 2, 2])));
    let error = client.write_msg(b"x", &to).unwrap_err();
    assert_eq!(*error.err(), Cause::WriteToConnected);
    assert_eq!(
        server
            .write_to(&[0; 65_536], &msg.from)
            .unwrap_err()
            .errno(),
        Some(Errno::EMSGSIZE)
    );
}

#[test]
fn a_read_buffer_bounds_raw_payloads_too() {
    let (client, server) = pair("ip4", "192.0.2.2");
    server.set_read_buffer(8_192).unwrap();
    client.set_write_buffer(8_192).unwrap();
    for _ in 0..100 {
        client.write(&[1; 1_000]).unwrap();
    }
    server
        .set_read_deadline(std::time::Duration::from_millis(200))
        .unwrap();
    let mut came = 0;
    let mut room = [0; 2_000];
    while server.read(&mut room).is_ok() {
        came += 1;
    }
    assert!((1..=20).contains(&came), "{came} waited");
    server.close().unwrap();
    assert!(server.set_read_buffer(1).unwrap_err().is_closed());
    assert!(server.read(&mut []).unwrap_err().is_closed());
}

#[test]
fn protocols_have_names_and_numbers() {
    let (net, _other) = Net::memory_pair().unwrap();
    for network in [
        "ip4:icmp",
        "ip4:1",
        "ip4:ICMP",
        "ip6:58",
        "ip6:ipv6-icmp",
        "ip4:igmp",
    ] {
        net.listen_ip(network, None).unwrap();
    }
    let text = |network: &str| net.listen_packet(network, "").unwrap_err().to_string();
    assert_eq!(text("ip4"), "listen ip4: unknown network ip4");
    assert_eq!(
        text("ip4:256"),
        "listen ip4:256: address 256: unknown IP protocol specified"
    );
}

#[test]
fn a_local_address_is_honoured_and_must_be_ours() {
    let (here, there) = Net::memory_pair().unwrap();
    let network = format!("ip4:{PROTOCOL}");
    let server = there.listen_ip(&network, None).unwrap();
    server.set_deadline(PATIENCE).unwrap();
    let at = |ip: [u8; 4]| IPAddr::from(IpAddr::from(ip));
    let remote = at([192, 0, 2, 2]);
    let own = at([192, 0, 2, 1]);
    let client = here.dial_ip(&network, Some(&own), &remote).unwrap();
    assert_eq!(*client.local_addr(), own);
    client.write(b"x").unwrap();
    assert_eq!(server.read_from(&mut [0; 8]).unwrap(), (1, own));
    let foreign = at([192, 0, 2, 77]);
    let error = here.dial_ip(&network, Some(&foreign), &remote).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EADDRNOTAVAIL));
    let v6 = IPAddr::from("2001:db8::1".parse::<IpAddr>().unwrap());
    let error = here.dial_ip(&network, Some(&v6), &remote).unwrap_err();
    assert!(matches!(error.err(), Cause::Addr(_)), "{error}");
}

/// An echo request (RFC 792) with `text`, and its checksum.
fn echo_request(text: &[u8]) -> Vec<u8> {
    let mut octets = vec![8, 0, 0, 0, 0x12, 0x34, 0, 1];
    octets.extend_from_slice(text);
    let words = octets.chunks(2).map(|word| {
        let low = word.get(1).copied().unwrap_or(0);
        u32::from(u16::from_be_bytes([word[0], low]))
    });
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    octets[2..4].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    octets
}

/// False, said aloud, if the kernel gives no raw sockets to whoever runs the tests.
fn may_open_raw(world: &World) -> bool {
    match world.server.listen_packet("ip4:icmp", world.host) {
        Err(error) if error.errno() == Some(Errno::EPERM) => {
            eprintln!("SKIPPED: {error}; run the tests as root");
            false
        }
        opened => opened.is_ok_and(|conn| conn.close().is_ok()),
    }
}

#[test]
fn the_kernel_answers_a_ping_with_its_header_for_read_and_without_for_read_from() {
    on_kernel("127.0.0.1", "tcp4", "udp4", |world| {
        if !may_open_raw(world) {
            return;
        }
        let conn = world.client.dial("ip4:icmp", world.host).unwrap();
        conn.set_deadline(PATIENCE).unwrap();
        let conn = conn.as_ip().unwrap();
        assert_eq!(conn.local_addr().to_string(), "127.0.0.1");
        assert_eq!(conn.remote_addr().unwrap().to_string(), "127.0.0.1");
        let request = echo_request(b"hello");
        let mut octets = [0; 128];
        // The kernel shows the request on its way in as well.
        conn.write(&request).unwrap();
        let n = loop {
            let n = conn.read(&mut octets).unwrap();
            if octets[20] == 0 {
                break n;
            }
        };
        assert_eq!((n, octets[0], octets[9]), (33, 0x45, 1), "an IPv4 header");
        assert_eq!(&octets[28..n], b"hello");

        conn.write_msg(&request, &MsgOptions::default()).unwrap();
        let msg = loop {
            let msg = conn.read_msg(&mut octets[..25]).unwrap();
            if octets[20] == 0 {
                break msg;
            }
        };
        assert_eq!((msg.n, msg.truncated), (25, true));
        assert_eq!(msg.from.to_string(), "127.0.0.1");

        let loopback = IPAddr::from(IpAddr::from([127, 0, 0, 1]));
        let error = conn.write_to(&request, &loopback).unwrap_err();
        assert_eq!(*error.err(), Cause::WriteToConnected);

        let server = world.server.listen_packet("ip4:icmp", world.host).unwrap();
        server.set_deadline(PATIENCE).unwrap();
        let error = server.as_ip().unwrap().write(&request).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EDESTADDRREQ));
        server.write_to(&request, &NetAddr::IP(loopback)).unwrap();
        let (n, from) = loop {
            let (n, from) = server.read_from(&mut octets).unwrap();
            if octets[0] == 0 {
                break (n, from);
            }
        };
        assert_eq!(
            (&octets[8..n], from.to_string()),
            (&b"hello"[..], "127.0.0.1".to_owned())
        );
    });
}

#[test]
fn raw_sockets_of_the_kernel_keep_deadlines_and_end_with_close() {
    on_kernel("127.0.0.1", "tcp4", "udp4", |world| {
        if !may_open_raw(world) {
            return;
        }
        let local = IPAddr::from(IpAddr::from([127, 0, 0, 1]));
        let network = format!("ip4:{PROTOCOL}");
        let conn = world.server.listen_ip(&network, Some(&local)).unwrap();
        conn.set_hop_limit(9).unwrap();
        conn.set_tos(0x2c).unwrap();
        conn.set_read_deadline(std::time::Duration::from_millis(20))
            .unwrap();
        let error = conn.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.to_string(), "read ip4 127.0.0.1: i/o timeout");
        conn.set_deadline(PATIENCE).unwrap();

        let client = world
            .client
            .dial_ip(&network, Some(&local), &local)
            .unwrap();
        client.set_hop_limit(9).unwrap();
        client.write(b"x").unwrap();
        let mut octets = [0; 32];
        assert_eq!(conn.read(&mut octets).unwrap(), 21);
        assert_eq!((octets[8], octets[20]), (9, b'x'), "hop limit and text");

        let twin = sidestep::packet_conn_from_fd(conn.file().unwrap()).unwrap();
        assert_eq!(twin.local_addr().to_string(), "127.0.0.1");
        client.write(b"again").unwrap();
        twin.set_deadline(PATIENCE).unwrap();
        let (n, _) = twin.as_ip().unwrap().read_from(&mut octets).unwrap();
        assert_eq!(&octets[..n], b"again");

        let waiting = conn.clone();
        let reader = std::thread::spawn(move || waiting.read_from(&mut [0; 32]).unwrap_err());
        conn.close().unwrap();
        assert!(reader.join().unwrap().is_closed());
        assert!(conn.close().unwrap_err().is_closed());
        assert!(conn.set_tos(0).unwrap_err().is_closed());
    });
}

#[test]
fn without_the_right_the_kernel_gives_no_raw_socket_and_the_error_is_as_in_go() {
    on_kernel("127.0.0.1", "tcp4", "udp4", |world| {
        let mut own = capabilities(None).unwrap();
        own.effective.remove(CapabilitySet::NET_RAW);
        set_capabilities(None, own).unwrap();
        let error = world
            .server
            .listen_packet("ip4:icmp", world.host)
            .unwrap_err();
        let text = "listen ip4:icmp 127.0.0.1: socket: operation not permitted";
        assert_eq!(error.to_string(), text);
        assert_eq!(error.errno(), Some(Errno::EPERM));
        let error = world.client.dial("ip4:icmp", world.host).unwrap_err();
        let text = "dial ip4:icmp 127.0.0.1: socket: operation not permitted";
        assert_eq!(error.to_string(), text);
    });
}
