//! UDP for tasks, over a cable and the host's kernel.

#![cfg(feature = "tokio")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::future::Future;
use std::thread;
use std::time::Duration;

use sidestep::future::UDPConn;
use sidestep::{Cause, Deadline, Errno, NetError, UDPAddr};
use support::{PATIENCE, World};

in_all_worlds! {
    datagrams_go_to_and_fro
    a_cancelled_read_loses_no_datagram
    close_and_deadlines_wake_tasks
    the_poll_forms_send_and_receive
    what_an_earlier_datagram_met_is_told
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime
        .block_on(async { tokio::time::timeout(PATIENCE, future).await })
        .expect("it ends in time")
}

fn pair(world: &World) -> (UDPConn, UDPConn) {
    let (client, server) = world.udp_pair();
    client.set_deadline(Deadline::NONE).unwrap();
    server.set_deadline(Deadline::NONE).unwrap();
    (client.into(), server.into())
}

fn datagrams_go_to_and_fro(world: &World) {
    let (client, server) = pair(world);
    run(async {
        let mut octets = [0; 9];
        for _ in 0..100 {
            assert_eq!(client.write(b"ping").await.unwrap(), 4);
            let (len, from) = server.read_from(&mut octets).await.unwrap();
            assert_eq!(&octets[..len], b"ping");
            assert_eq!(from, *client.local_addr());
            assert_eq!(server.write_to(b"", &from).await.unwrap(), 0);
            assert_eq!(client.read(&mut octets).await.unwrap(), 0);
        }
        let error = client
            .write_to(b"x", server.local_addr())
            .await
            .unwrap_err();
        assert_eq!(*error.err(), Cause::WriteToConnected);
        let error = server.write(b"x").await.unwrap_err();
        assert_eq!(error.err().errno(), Some(Errno::EDESTADDRREQ));
        let error = client.write(&vec![0; 70_000]).await.unwrap_err();
        assert_eq!(error.err().errno(), Some(Errno::EMSGSIZE));
    });
}

fn a_cancelled_read_loses_no_datagram(world: &World) {
    let (client, server) = pair(world);
    let blocking: sidestep::UDPConn = client.into();
    let sender = thread::spawn(move || {
        for number in 0..200_u8 {
            blocking.write(&[number]).unwrap();
            thread::sleep(Duration::from_micros(100));
        }
    });
    let mut got = Vec::new();
    run(async {
        while got.len() < 200 {
            let mut octet = [0];
            tokio::select! {
                biased;
                len = server.read(&mut octet) => got.extend_from_slice(&octet[..len.unwrap()]),
                () = tokio::task::yield_now() => {}
            }
        }
    });
    sender.join().unwrap();
    assert!(got.into_iter().eq(0..200));
}

fn close_and_deadlines_wake_tasks(world: &World) {
    let (_client, server) = pair(world);
    run(async {
        server.set_read_deadline(Duration::from_millis(10)).unwrap();
        assert!(server.read(&mut [0]).await.unwrap_err().timeout());
        server.set_read_deadline(Deadline::NONE).unwrap();
        let (mut one, mut other) = ([0], [0]);
        let (a, b, closed) =
            tokio::join!(server.read(&mut one), server.read_from(&mut other), async {
                tokio::time::sleep(Duration::from_millis(10)).await;
                server.close().await
            });
        closed.unwrap();
        assert!(a.unwrap_err().is_closed());
        assert!(b.unwrap_err().is_closed());
        assert!(server.close().await.unwrap_err().is_closed());
    });
}

fn the_poll_forms_send_and_receive(world: &World) {
    let (client, mut server) = pair(world);
    let mut unconnected = UDPConn::from(world.client.listen_udp(world.udp, None).unwrap());
    let to: UDPAddr = server.local_addr().clone();
    run(async {
        use std::future::poll_fn;
        assert_eq!(client.try_write(b"try").unwrap(), Some(3));
        let mut octets = [0; 8];
        let (len, from) = poll_fn(|cx| server.poll_read_from(cx, &mut octets))
            .await
            .unwrap();
        assert_eq!((&octets[..len], &from), (&b"try"[..], client.local_addr()));
        poll_fn(|cx| unconnected.poll_write_ready(cx)).await;
        let sent = poll_fn(|cx| unconnected.poll_write_to(cx, b"poll", &to)).await;
        assert_eq!(sent.unwrap(), 4);
        let (len, _) = poll_fn(|cx| server.poll_read_from(cx, &mut octets))
            .await
            .unwrap();
        assert_eq!(&octets[..len], b"poll");
    });
}

fn what_an_earlier_datagram_met_is_told(world: &World) {
    let (client, server) = pair(world);
    run(async {
        server.close().await.unwrap();
        client.write(b"anybody?").await.unwrap();
        // The port is closed: ICMP says so.
        let error = client.read(&mut [0; 4]).await.unwrap_err();
        assert_eq!(error.err().errno(), Some(Errno::ECONNREFUSED));
    });
}
