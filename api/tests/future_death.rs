//! Tasks that wait are told when the packet thread ends.

#![cfg(feature = "tokio")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::thread;
use std::time::Duration;

use sidestep::Cause;
use sidestep::future::{TCPConn, TCPListener, UDPConn};
use support::World;

#[test]
fn the_end_of_a_network_wakes_every_task() {
    let world = World::memory_v4();
    let (conn, _peer) = world.pair();
    let conn = TCPConn::from(conn);
    let local = "192.0.2.1:0".parse().unwrap();
    let listener = world.client.listen_tcp("tcp", Some(&local)).unwrap();
    let listener = TCPListener::from(listener);
    let socket = UDPConn::from(world.client.listen_udp("udp", None).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let net = world.client.clone();
    let closer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        net.close();
    });
    let octets = vec![0; 64 * 1024 * 1024];
    let mut room = [0; 4];
    let (read, written, accepted, received) = runtime.block_on(async {
        tokio::join!(
            conn.read(&mut room),
            conn.write(&octets),
            listener.accept(),
            async { socket.read(&mut [0; 4]).await }
        )
    });
    closer.join().unwrap();
    assert_eq!(*read.unwrap_err().err(), Cause::StackGone);
    assert_eq!(*written.unwrap_err().err(), Cause::StackGone);
    assert_eq!(*accepted.unwrap_err().err(), Cause::StackGone);
    assert_eq!(*received.unwrap_err().err(), Cause::StackGone);
}
