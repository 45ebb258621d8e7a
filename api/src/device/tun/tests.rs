use std::net::{IpAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use sidestep_stack::wire::packet::{HeaderOctets, Text};

use super::*;
use crate::device::is_gone;
use crate::device::link::{Setting, bring_up};
use crate::device::own_network::in_own_network;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("a literal")
}

fn on(address: &str, prefix_bits: u8) -> InterfaceAddress {
    InterfaceAddress {
        address: ip(address),
        prefix_bits,
    }
}

fn options() -> TunOptions {
    TunOptions {
        mtu_octets: Some(1_400),
        peer_addresses: vec![on("192.0.2.1", 24), on("2001:db8::1", 64)],
        routes: vec![
            Route {
                destination: ip("198.51.100.0"),
                prefix_bits: 24,
                source: Some(ip("192.0.2.1")),
            },
            Route {
                destination: ip("2001:db8:1::"),
                prefix_bits: 48,
                source: None,
            },
        ],
        tx_queue_packets: Some(700),
        ..TunOptions::new("edge0")
    }
}

/// Runs `test` with a TUN of its own, or says why that is impossible here.
fn with_tun(test: impl FnOnce(TunDevice) + Send + 'static) {
    in_own_network(move || match TunDevice::open(&options()) {
        Ok(device) => test(device),
        Err(error) if error.lacks_right() || matches!(error, TunError::NodeMissing(_)) => {
            eprintln!("SKIPPED: {error}; {}", error.hint().unwrap_or_default());
        }
        Err(error) => panic!("{error}"),
    });
}

/// An IPv4 datagram that holds a UDP datagram without a checksum.
fn datagram(source: [u8; 4], destination: [u8; 4], ports: [u16; 2], text: &[u8]) -> OutPacket {
    let total = u16::try_from(28 + text.len()).expect("it is short");
    let mut header = [0_u8; 28];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&total.to_be_bytes());
    header[8] = 64;
    header[9] = 17;
    header[12..16].copy_from_slice(&source);
    header[16..20].copy_from_slice(&destination);
    let sum: u32 = header[..20]
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !u16::try_from((folded & 0xffff) + (folded >> 16)).expect("it is folded");
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    header[20..22].copy_from_slice(&ports[0].to_be_bytes());
    header[22..24].copy_from_slice(&ports[1].to_be_bytes());
    header[24..26].copy_from_slice(&(total - 20).to_be_bytes());
    let mut octets = HeaderOctets::new();
    octets.push(&header);
    let mut slices = Text::new();
    for slice in text.chunks(7) {
        slices.push(Bytes::copy_from_slice(slice));
    }
    OutPacket {
        header: octets,
        text: slices,
        ..OutPacket::default()
    }
}

fn is_readable(device: &TunDevice, patience: Duration) -> bool {
    let descriptor = device.descriptor();
    let mut fds = [PollFd::new(&descriptor, PollFlags::IN)];
    let timeout = Timespec {
        tv_sec: patience.as_secs() as i64,
        tv_nsec: i64::from(patience.subsec_nanos()),
    };
    poll(&mut fds, Some(&timeout)).expect("poll works") > 0
}

/// The first packet that `wanted` holds for; the kernel speaks of its own accord on IPv6.
fn receive(device: &mut TunDevice, wanted: impl Fn(&[u8]) -> bool) -> Packet {
    let patience = Instant::now() + Duration::from_secs(10);
    while Instant::now() < patience {
        is_readable(device, Duration::from_millis(100));
        let mut batch = Vec::new();
        device.receive(&mut batch, 8).expect("the device is up");
        if let Some(packet) = batch.into_iter().find(|packet| wanted(&packet.octets)) {
            return packet;
        }
    }
    panic!("no such packet came");
}

#[test]
fn the_kernels_side_is_set_up_as_asked() {
    with_tun(|device| {
        assert_eq!(device.name(), Some("edge0"));
        assert_eq!(device.origin(), Origin::Created);
        assert_eq!(device.capabilities().mtu_octets, 1_400);
        let info = Link::find("edge0").and_then(|link| link.info());
        let info = info.expect("it exists");
        assert_eq!(info.mtu_octets, 1_400);
        assert_eq!(info.tx_queue_packets, 700);
        assert_eq!(info.state, LinkState::Up);
        // The kernel has the addresses, and chooses them for what it sends there.
        for (target, source) in [
            ("192.0.2.2:9", "192.0.2.1"),
            ("198.51.100.9:9", "192.0.2.1"),
            ("[2001:db8::2]:9", "2001:db8::1"),
            ("[2001:db8:1::2]:9", "2001:db8::1"),
        ] {
            let any = if target.starts_with('[') {
                "[::]:0"
            } else {
                "0.0.0.0:0"
            };
            let socket = UdpSocket::bind(any).expect("a port is free");
            socket.connect(target).expect("there is a route");
            assert_eq!(socket.local_addr().map(|a| a.ip()).ok(), Some(ip(source)));
        }
        drop(device);
        assert!(Link::find("edge0").is_err(), "it goes with its descriptor");
    });
}

#[test]
fn packets_cross_in_both_directions() {
    with_tun(|mut device| {
        let socket = UdpSocket::bind("192.0.2.1:7000").expect("the address is the kernel's");
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a timeout can be set");
        // From one slice to more than are handed over as they are.
        for octets in [0, 1, 50, 1_372] {
            let text = vec![0x5a; octets];
            let packet = datagram([192, 0, 2, 2], [192, 0, 2, 1], [9, 7000], &text);
            let mut batch = VecDeque::from([packet]);
            device.transmit(&mut batch).expect("the device is up");
            assert!(batch.is_empty());
            let mut buffer = [0; 2_000];
            let (got, from) = socket.recv_from(&mut buffer).expect("it arrives");
            assert_eq!(buffer[..got], text);
            assert_eq!(from.to_string(), "192.0.2.2:9");
        }
        let mut batch = Vec::new();
        device.receive(&mut batch, 64).expect("none is no error");

        socket
            .send_to(b"to the stack", "192.0.2.2:9")
            .expect("there is a route");
        let packet = receive(&mut device, |octets| octets.ends_with(b"to the stack"));
        assert_eq!(packet.octets.len(), 28 + 12);
        assert_eq!(packet.octets[0], 0x45);
        assert_eq!(packet.segment_octets, None);
    });
}

#[test]
fn a_batch_is_no_larger_than_asked_and_the_rest_waits() {
    with_tun(|mut device| {
        let socket = UdpSocket::bind("192.0.2.1:0").expect("a port is free");
        receive_all(&mut device);
        for number in 0..5_u8 {
            socket.send_to(&[number; 3], "192.0.2.2:9").expect("sent");
        }
        let mut batch = Vec::new();
        device.receive(&mut batch, 2).expect("the device is up");
        assert_eq!(batch.len(), 2);
        assert!(is_readable(&device, Duration::ZERO));
        device.receive(&mut batch, 64).expect("the device is up");
        let numbers: Vec<u8> = batch
            .iter()
            .filter(|packet| packet.octets.len() == 31)
            .filter_map(|packet| packet.octets.last().copied())
            .collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
    });
}

fn receive_all(device: &mut TunDevice) {
    while is_readable(device, Duration::from_millis(50)) {
        device
            .receive(&mut Vec::new(), 64)
            .expect("the device is up");
    }
}

#[test]
fn bad_83_a_device_that_is_down_loses_packets_and_works_again_when_it_is_up() {
    with_tun(|mut device| {
        let socket = UdpSocket::bind("192.0.2.1:7000").expect("the address is the kernel's");
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a timeout can be set");
        let link = Link::find("edge0").expect("it exists");
        let packet = |text: &[u8]| datagram([192, 0, 2, 2], [192, 0, 2, 1], [9, 7000], text);
        for round in 0..100_u8 {
            link.set_state(LinkState::Down).expect("it goes down");
            let mut batch = VecDeque::from([packet(b"lost"), packet(b"lost")]);
            for left in [1, 0] {
                let error = device.transmit(&mut batch).expect_err("it is down");
                assert_eq!(Errno::of(&error), Errno::EIO);
                assert!(!is_gone(&error), "a device that is down is not gone");
                assert_eq!(batch.len(), left, "the packet that met the error is gone");
            }
            assert!(device.receive(&mut Vec::new(), 8).is_ok());

            link.set_state(LinkState::Up).expect("it comes up");
            let mut batch = VecDeque::from([packet(&[round])]);
            device.transmit(&mut batch).expect("it is up");
            let mut buffer = [0; 16];
            assert_eq!(socket.recv(&mut buffer).ok(), Some(1));
            assert_eq!(buffer[0], round);
        }
    });
}

#[test]
fn bad_83_a_device_that_was_deleted_is_gone() {
    with_tun(|mut device| {
        Link::find("edge0")
            .and_then(|link| link.delete())
            .expect("it can be deleted");
        assert!(
            is_readable(&device, Duration::from_secs(1)),
            "poll must tell"
        );
        let error = device.receive(&mut Vec::new(), 8).expect_err("gone");
        assert!(is_gone(&error), "{error}");
        let packet = datagram([192, 0, 2, 2], [192, 0, 2, 1], [9, 9], b"x");
        let error = device
            .transmit(&mut VecDeque::from([packet]))
            .expect_err("gone");
        assert!(is_gone(&error), "{error}");
    });
}

#[test]
fn a_packet_that_the_kernel_refuses_is_gone_and_the_next_one_goes() {
    with_tun(|mut device| {
        let mut nonsense = HeaderOctets::new();
        nonsense.push(&[0; 20]);
        let nonsense = OutPacket {
            header: nonsense,
            ..OutPacket::default()
        };
        let good = datagram([192, 0, 2, 2], [192, 0, 2, 1], [9, 9], b"x");
        let mut batch = VecDeque::from([nonsense, good]);
        assert!(!is_gone(
            &device.transmit(&mut batch).expect_err("version 0")
        ));
        assert_eq!(batch.len(), 1);
        assert!(device.transmit(&mut batch).is_ok());
    });
}

#[test]
fn an_interface_that_existed_is_attached_to_and_put_back_as_it_was() {
    with_tun(|device| {
        // A second open finds it in use.
        let error = TunDevice::open(&options()).expect_err("one queue, one owner");
        assert!(matches!(error, TunError::Busy(_)), "{error:?}");

        let link = Link::find("edge0").expect("it exists");
        let before = link.info().expect("it exists");
        let mut changes = Changes::new(link, Origin::Attached);
        let other = TunOptions {
            mtu_octets: Some(1_300),
            peer_addresses: vec![on("203.0.113.1", 24)],
            routes: vec![],
            state: Some(LinkState::Down),
            tx_queue_packets: Some(50),
            ..options()
        };
        changes.make(&other).expect("it is ours");
        assert!(UdpSocket::bind("203.0.113.1:0").is_ok());
        drop(changes);
        let link = Link::find("edge0").expect("it exists still");
        assert_eq!(link.info(), Ok(before));
        assert!(UdpSocket::bind("203.0.113.1:0").is_err());
        drop(device);
    });
}

#[test]
fn what_cannot_be_set_up_is_named_and_undone() {
    with_tun(|device| {
        drop(device);
        let twice = TunOptions {
            peer_addresses: vec![on("192.0.2.1", 24), on("192.0.2.1", 24)],
            routes: vec![],
            ..options()
        };
        let error = TunDevice::open(&twice).expect_err("an address twice");
        let TunError::Link(error) = error else {
            panic!("{error:?}");
        };
        assert_eq!(error.setting, Setting::Address(on("192.0.2.1", 24)));
        assert_eq!(error.errno, Errno::EEXIST);
        assert_eq!(
            error.to_string(),
            "interface edge0: cannot add the address 192.0.2.1/24: file exists"
        );
        assert!(Link::find("edge0").is_err(), "nothing is left behind");
        let missing = bring_up("edge1").expect_err("no such interface");
        assert_eq!(missing.errno, Errno::ENODEV);
    });
}

#[test]
fn names_that_no_interface_can_have_are_refused() {
    for name in [
        "",
        ".",
        "..",
        "a/b",
        "a b",
        "a:b",
        "tun%d",
        "sixteen-letters0",
        "ä",
    ] {
        let error = TunDevice::open(&TunOptions::new(name)).expect_err(name);
        assert_eq!(error, TunError::NameInvalid(name.into()));
    }
}

#[test]
fn a_missing_right_is_told_with_what_would_help() {
    let node = TunError::of_node(Errno::EACCES);
    assert!(node.lacks_right());
    assert_eq!(node.to_string(), "/dev/net/tun: permission denied");
    assert!(node.hint().is_some_and(|hint| hint.contains("chmod")));
    let interface = TunError::of_interface("t0", Errno::EPERM);
    assert!(interface.lacks_right());
    assert_eq!(
        interface.to_string(),
        "interface t0: operation not permitted"
    );
    assert!(
        interface
            .hint()
            .is_some_and(|hint| hint.contains("ip tuntap add dev t0"))
    );
    assert!(!TunError::of_node(Errno::ENOENT).lacks_right());
    assert!(TunError::of_node(Errno::ENOENT).hint().is_some());
    assert_eq!(
        io::Error::from(interface).kind(),
        io::ErrorKind::PermissionDenied
    );
}

#[test]
fn a_descriptor_that_was_handed_in_carries_packets_until_it_ends() {
    let (ours, theirs): (OwnedFd, OwnedFd) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .expect("descriptors are left");
    let mut device = TunDevice::from_fd(ours, 1_500).expect("it is a descriptor");
    assert_eq!(device.origin(), Origin::HandedIn);
    assert_eq!(device.name(), None);

    let packet = datagram([192, 0, 2, 2], [192, 0, 2, 1], [9, 9], &[7; 500]);
    let mut batch = VecDeque::from([packet.clone()]);
    device.transmit(&mut batch).expect("the other end is open");
    let mut buffer = [0; 2_000];
    assert_eq!(rustix::io::read(&theirs, &mut buffer), Ok(528));
    assert_eq!(buffer[..528], packet.to_vec());

    rustix::io::write(&theirs, b"a packet").expect("there is room");
    let mut batch = Vec::new();
    device
        .receive(&mut batch, 8)
        .expect("the other end is open");
    assert_eq!(batch.len(), 1);
    assert_eq!(batch[0].octets[..], *b"a packet");

    // What the other end does not take waits in the batch.
    let mut batch: VecDeque<_> = (0..10_000).map(|_| packet.clone()).collect();
    device.transmit(&mut batch).expect("full is no error");
    assert!(!batch.is_empty());

    drop(theirs);
    // The kernel tells first that the other end left packets unread, and then the end itself.
    let _ = device.receive(&mut Vec::new(), 8);
    let error = device.receive(&mut Vec::new(), 8).expect_err("it ended");
    assert!(is_gone(&error));
}

#[test]
fn a_descriptor_with_an_impossible_mtu_is_refused() {
    let pair = || {
        let flags = SocketFlags::CLOEXEC;
        let (one, _) = socketpair(AddressFamily::UNIX, SocketType::DGRAM, flags, None)
            .expect("descriptors are left");
        one
    };
    assert!(TunDevice::from_fd(pair(), 67).is_err());
    assert!(TunDevice::from_fd(pair(), 68).is_ok());
}

#[test]
fn what_arrives_first_for_an_address_of_the_kernels_is_delivered() {
    // An IPv6 address comes to life a moment after the kernel has accepted it. The moment is short,
    // and longer while others set up interfaces as well.
    let busy: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(|| {
                for _ in 0..8 {
                    with_tun(first_datagram_is_delivered);
                }
            })
        })
        .collect();
    for thread in busy {
        thread.join().expect("each one is delivered");
    }
}

fn first_datagram_is_delivered(device: TunDevice) {
    let socket = UdpSocket::bind("[2001:db8::1]:7000").expect("the address is the kernel's");
    socket
        .set_read_timeout(Some(Duration::from_millis(500)))
        .expect("a timeout can be set");
    // The kernel to itself: the way in is the same as from the device.
    let sender = UdpSocket::bind("[::]:0").expect("a port is free");
    sender
        .send_to(b"first", "[2001:db8::1]:7000")
        .expect("there is a route");
    let mut buffer = [0; 16];
    let got = socket.recv(&mut buffer).expect("it arrives");
    assert_eq!(&buffer[..got], b"first");
    drop(device);
}
