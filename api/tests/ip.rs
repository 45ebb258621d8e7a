//! Raw IP sockets: headers as Go shows them, messages, options, and the names of protocols.

#![allow(clippy::unwrap_used)]

mod support;

use std::net::IpAddr;

use sidestep::{Cause, Errno, IPAddr, MsgOptions, Net};
use support::PATIENCE;

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
