//! Dials and look-ups of tasks: what they open, and what is left of those that are taken back.

#![cfg(feature = "tokio")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::collections::VecDeque;
use std::future::Future;
use std::thread;
use std::time::{Duration, Instant};

use sidestep::device::Device;
use sidestep::device::memory::{MemoryDevice, MemoryOptions, Offload, cable};
use sidestep::future::{self, AnyConn, TCPListener};
use sidestep::{CancelToken, Cause, Config, Errno, Net, NetError, Resolver, ResolverSettings};
use support::{PATIENCE, World, eventually};

in_all_worlds! {
    a_dial_opens_a_connection_that_works
    a_refused_dial_says_so
    several_dials_wait_on_one_thread
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

fn a_dial_opens_a_connection_that_works(world: &World) {
    run(async {
        let listener = future::listen(&world.server, world.tcp, &world.at(0))
            .await
            .unwrap();
        let address = listener.addr().to_string();
        let (dialled, accepted) = tokio::join!(
            future::dial(&world.client, "tcp", &address),
            listener.accept()
        );
        let (dialled, accepted) = (dialled.unwrap(), accepted.unwrap());
        assert_eq!(dialled.remote_addr().unwrap().to_string(), address);
        assert_eq!(Some(dialled.local_addr()), accepted.remote_addr());
        dialled.write(b"hello").await.unwrap();
        let mut octets = [0; 9];
        assert_eq!(accepted.read(&mut octets).await.unwrap(), 5);
        // And as the type of its network.
        let AnyConn::TCP(conn) = dialled else {
            panic!("{dialled:?}")
        };
        conn.close().unwrap();
        assert_eq!(accepted.read(&mut octets).await.unwrap(), 0);
        let udp = future::dial(&world.client, world.udp, &world.at(9))
            .await
            .unwrap();
        assert!(udp.into_udp().is_ok());
        listener.close().await.unwrap();
    });
}

fn a_refused_dial_says_so(world: &World) {
    run(async {
        let listener = TCPListener::from(world.listen());
        let addr = listener.addr().clone();
        listener.close().await.unwrap();
        let error = future::dial_tcp(&world.client, "tcp", None, &addr)
            .await
            .unwrap_err();
        assert_eq!(error.err().errno(), Some(Errno::ECONNREFUSED));
        assert_eq!(
            error.to_string(),
            format!("dial tcp {addr}: connect: connection refused")
        );
    });
}

fn several_dials_wait_on_one_thread(world: &World) {
    let listener = world.listen();
    let addr = listener.addr().clone();
    let local = tokio::task::LocalSet::new();
    run(local.run_until(async {
        let dials: Vec<_> = (0..20)
            .map(|_| {
                let (client, addr) = (world.client.clone(), addr.clone());
                tokio::task::spawn_local(async move {
                    future::dial_tcp(&client, "tcp", None, &addr).await
                })
            })
            .collect();
        for dial in dials {
            dial.await.unwrap().unwrap();
        }
    }));
}

/// A network whose packets nobody answers, and the end of the cable where they can be seen.
fn into_nowhere(resolver: ResolverSettings) -> (Net, MemoryDevice) {
    let options = MemoryOptions {
        offload: Offload::Stack,
        ..MemoryOptions::default()
    };
    let (ours, theirs) = cable(options).unwrap();
    let config = Config {
        rto_initial_ms: 100,
        ..Config::default()
    };
    let net = Net::builder()
        .device(ours)
        .address([192, 0, 2, 1].into(), 24)
        .config(config)
        .resolver(resolver)
        .start()
        .unwrap();
    (net, theirs)
}

/// How many packets have come since it was last asked.
fn arrived(device: &mut MemoryDevice) -> usize {
    let mut batch = Vec::new();
    device.receive(&mut batch, 1_000).unwrap();
    // Nothing is to be sent back.
    device.transmit(&mut VecDeque::new()).unwrap();
    batch.len()
}

#[test]
fn a_dropped_dial_leaves_no_connection_and_sends_no_syn_again() {
    let (net, mut wire) = into_nowhere(ResolverSettings::default());
    run(async {
        let dial = future::dial(&net, "tcp", "192.0.2.9:80");
        let cut = tokio::time::timeout(Duration::from_millis(450), dial).await;
        assert!(cut.is_err(), "nobody answers");
    });
    // It was sent again while somebody waited: the measure works.
    assert!(arrived(&mut wire) >= 2);
    eventually("the record is gone", || {
        let counters = net.counters().unwrap();
        let tcp = counters.stack.tcp;
        (counters.connections_open, tcp.connections, tcp.half_open) == (0, 0, 0)
    });
    let _ = arrived(&mut wire);
    // The next one would have been due within 800 ms.
    thread::sleep(Duration::from_millis(1_000));
    assert_eq!(arrived(&mut wire), 0);
}

#[test]
fn a_dial_that_is_dropped_at_once_leaves_nothing() {
    let (net, mut wire) = into_nowhere(ResolverSettings::default());
    run(async {
        for _ in 0..50 {
            let mut dial = std::pin::pin!(future::dial(&net, "tcp", "192.0.2.9:80"));
            std::future::poll_fn(|cx| {
                assert!(dial.as_mut().poll(cx).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
        }
    });
    eventually("the records are gone", || {
        let counters = net.counters().unwrap();
        (counters.connections_open, counters.stack.tcp.connections) == (0, 0)
    });
    let _ = arrived(&mut wire);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(arrived(&mut wire), 0);
}

#[test]
fn a_deadline_and_a_token_end_a_dial() {
    let (net, _wire) = into_nowhere(ResolverSettings::default());
    run(async {
        let began = Instant::now();
        let soon = Duration::from_millis(30);
        let error = future::dial_until(&net, "tcp", "192.0.2.9:80", soon)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "dial tcp 192.0.2.9:80: i/o timeout");
        assert!(error.timeout() && began.elapsed() >= soon);
        let token = CancelToken::new();
        let dialer = net.dialer().cancel(&token);
        let (dialled, ()) =
            tokio::join!(future::dial_with(&dialer, "tcp", "192.0.2.9:80"), async {
                tokio::time::sleep(soon).await;
                token.cancel();
            });
        let error = dialled.unwrap_err();
        assert_eq!(*error.err(), Cause::Canceled);
        assert_eq!(
            error.to_string(),
            "dial tcp 192.0.2.9:80: operation was canceled"
        );
    });
}

#[test]
fn a_dropped_look_up_asks_no_more() {
    let settings = ResolverSettings {
        servers: vec!["192.0.2.53:53".parse().unwrap()],
        timeout: Some(Duration::from_millis(200)),
        attempts: Some(5),
        ..ResolverSettings::default()
    };
    let (net, mut wire) = into_nowhere(settings);
    run(async {
        let dial = future::dial(&net, "tcp", "silent.example:80");
        let cut = tokio::time::timeout(Duration::from_millis(500), dial).await;
        assert!(cut.is_err(), "nobody answers");
    });
    // Two families, at least twice.
    assert!(arrived(&mut wire) >= 4);
    eventually("the look-up is gone", || {
        let counters = net.counters().unwrap();
        (counters.lookups_open, counters.stack.lookups) == (0, 0)
    });
    let _ = arrived(&mut wire);
    thread::sleep(Duration::from_millis(600));
    assert_eq!(arrived(&mut wire), 0);
    // The deadline of a dial holds for its look-up.
    run(async {
        let soon = Duration::from_millis(30);
        let dial = future::dial_until(&net, "tcp", "silent.example:80", soon);
        let error = dial.await.unwrap_err();
        assert!(error.timeout(), "{error}");
    });
}

#[test]
fn a_race_between_families_is_won_by_the_one_that_answers() {
    let world = World::memory_v4();
    let listener = world.server.listen("tcp", ":80").unwrap();
    // Nobody has 192.0.2.99; whichever family is first, the other one answers.
    for hosts in [
        "192.0.2.99 two.example\n2001:db8::2 two.example",
        "2001:db8::99 two.example\n192.0.2.2 two.example",
    ] {
        let resolver = Resolver::builder().hosts(hosts).over(&world.client).build();
        let dialer = world
            .client
            .dialer()
            .resolver(&resolver)
            .fallback_delay(Duration::from_millis(20))
            .timeout(Duration::from_secs(10));
        let began = Instant::now();
        let conn = run(future::dial_with(&dialer, "tcp", "two.example:80")).unwrap();
        assert!(began.elapsed() < Duration::from_secs(2));
        assert!(
            conn.remote_addr().unwrap().to_string().ends_with("2]:80")
                || conn.remote_addr().unwrap().to_string() == "192.0.2.2:80"
        );
    }
    // The losers are gone.
    eventually("one connection for each dial at most", || {
        world.client.counters().unwrap().connections_open == 0
    });
    drop(listener);
}
