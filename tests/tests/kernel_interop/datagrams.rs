//! UDP: from empty to the largest there is, with and without a peer, and what nobody takes.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use sidestep::{Errno, NetError as _, UDPConn};
use sidestep_tests::namespace_net::{PATIENCE, World};
use sidestep_tests::on_both_families;
use sidestep_tools::octets::Pattern;

use super::kernel::udp;

on_both_families! {
    sidestep_echoes_datagrams_of_every_size
    the_kernel_echoes_datagrams_of_every_size
    the_kernel_learns_that_nobody_has_our_port
    sidestep_learns_that_nobody_has_the_kernels_port
    a_datagram_that_is_cut_is_gone
    one_that_is_too_large_is_refused
}

/// Empty, one octet, one packet, and 45 fragments.
const SIZES: [u64; 4] = [0, 1, 1_400, 65_507];

fn listen(world: &World) -> UDPConn {
    let socket = world
        .net
        .listen_udp("udp", Some(&world.sidestep(0).into()))
        .expect("a port is free");
    socket.set_deadline(PATIENCE).expect("it is open");
    socket
}

fn dial(world: &World, to: SocketAddr) -> UDPConn {
    let socket = world
        .net
        .dial_udp("udp", None, &to.into())
        .expect("there is a route");
    socket.set_deadline(PATIENCE).expect("it is open");
    socket
}

fn sidestep_echoes_datagrams_of_every_size(world: &World) {
    let server = listen(world);
    let kernel = udp(world);
    kernel
        .connect(world.sidestep(server.local_addr().port))
        .expect("there is a route");
    let echo = thread::spawn(move || {
        let mut room = vec![0; 65_536];
        for _ in SIZES {
            let (octets, from) = server.read_from(&mut room).expect("it comes");
            server.write_to(&room[..octets], &from).expect("it goes");
        }
    });
    for octets in SIZES {
        let text = Pattern::new(octets, octets).to_vec();
        assert_eq!(kernel.send(&text).expect("it goes"), text.len());
        let mut room = vec![0; 65_536];
        let came = kernel.recv(&mut room).expect("it comes back");
        assert!(room[..came] == text, "{octets} octets: {came} came");
    }
    echo.join().expect("it echoes");
}

fn the_kernel_echoes_datagrams_of_every_size(world: &World) {
    let server = udp(world);
    let conn = dial(world, server.local_addr().expect("it is bound"));
    let echo = thread::spawn(move || {
        let mut room = vec![0; 65_536];
        for _ in SIZES {
            let (octets, from) = server.recv_from(&mut room).expect("it comes");
            server.send_to(&room[..octets], from).expect("it goes");
        }
    });
    for octets in SIZES {
        let text = Pattern::new(octets, octets).to_vec();
        assert_eq!(conn.write(&text).expect("it goes"), text.len());
        let mut room = vec![0; 65_536];
        let came = conn.read(&mut room).expect("it comes back");
        assert!(room[..came] == text, "{octets} octets: {came} came");
    }
    echo.join().expect("it echoes");
}

fn the_kernel_learns_that_nobody_has_our_port(world: &World) {
    let kernel = udp(world);
    kernel.connect(world.sidestep(9)).expect("there is a route");
    kernel.send(b"anybody?").expect("it goes");
    let error = kernel.recv(&mut [0; 16]).expect_err("nobody");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
}

fn sidestep_learns_that_nobody_has_the_kernels_port(world: &World) {
    let conn = dial(world, world.kernel(9));
    conn.write(b"anybody?").expect("it goes");
    let error = conn.read(&mut [0; 16]).expect_err("nobody");
    assert_eq!(error.errno(), Some(Errno::ECONNREFUSED), "{error}");
    assert!(!error.timeout());
    // An error is told once.
    conn.set_read_deadline(Duration::from_millis(50))
        .expect("it is open");
    let error = conn.read(&mut [0; 16]).expect_err("nothing more comes");
    assert!(error.timeout(), "{error}");
}

fn a_datagram_that_is_cut_is_gone(world: &World) {
    let server = listen(world);
    let kernel = udp(world);
    let to = world.sidestep(server.local_addr().port);
    kernel
        .send_to(b"longer than the room", to)
        .expect("it goes");
    kernel.send_to(b"next", to).expect("it goes");
    let mut room = [0; 6];
    let (octets, from) = server.read_from(&mut room).expect("it comes");
    assert_eq!(&room[..octets], b"longer");
    assert_eq!(
        from.port,
        kernel.local_addr().expect("it is bound").port(),
        "{from}"
    );
    let (octets, _) = server.read_from(&mut room).expect("it comes");
    assert_eq!(&room[..octets], b"next");
}

fn one_that_is_too_large_is_refused(world: &World) {
    let server = udp(world);
    let conn = dial(world, server.local_addr().expect("it is bound"));
    let error = conn.write(&vec![0; 65_536]).expect_err("too large");
    assert_eq!(error.errno(), Some(Errno::EMSGSIZE), "{error}");
    conn.write(b"small").expect("it goes");
    let mut room = [0; 16];
    assert_eq!(server.recv(&mut room).expect("it comes"), 5);
}
