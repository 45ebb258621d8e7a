//! The kit under tokio: every call of a connection is a task, and connections are streams.

use std::sync::LazyLock;
use std::time::Duration;

use sidestep::contract::{Kit, MakeError, Nets, Pair, Report, Spawner, Streams, Tasked};
use sidestep::{TCPConn, future};
use sidestep_tests::namespace_net::in_own_network_within;

use crate::runs::{Run, limit, repeat};
use crate::worlds::{
    SERVER_V4, SERVER_V6, disturbed, kernel, kit_in_memory, kit_on_kernel, kit_on_lossy_link,
    kit_on_pipe, lossy, perfect, unix_ends,
};

/// One runtime for all tests. Its threads have no namespace of their own and need none: sockets are
/// made by the tests' threads.
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("threads are left")
});

fn spawner() -> Spawner {
    Spawner::new(|task| drop(RUNTIME.spawn(task)))
}

/// Two ends of a TCP connection, blocking still.
fn connect(nets: &Nets, host: &str) -> Result<(TCPConn, TCPConn), MakeError> {
    let any_port = sidestep::join_host_port(host, "0");
    let listener = nets.server.listen_tcp("tcp", Some(&any_port.parse()?))?;
    let dialled = nets.client.dial_tcp("tcp", None, listener.addr())?;
    listener.set_deadline(Duration::from_secs(20))?;
    Ok((dialled, listener.accept_tcp()?))
}

/// Everything that is promised of connections, asked by tasks.
fn all_of(kit: &Kit, nets: &Nets, host: &str, run: Run) -> Report {
    let spawner = spawner();
    let tasked = kit.conn(|| {
        let (here, there) = connect(nets, host)?;
        let tasked = |conn| Tasked::new(future::TCPConn::from(conn), &spawner);
        Ok(disturbed(
            Pair::with_half_close(tasked(here), tasked(there)),
            run,
        ))
    });
    tasked.and(kit.streams(|| {
        let (here, there) = connect(nets, host)?;
        let (here, there) = (future::TCPConn::from(here), future::TCPConn::from(there));
        Ok(Streams::new(here, there, &spawner))
    }))
}

#[test]
fn tokio_on_a_pipe() {
    let spawner = spawner();
    repeat("tokio on a pipe", |run| {
        let tasked = kit_on_pipe().conn(|| {
            let (here, there) = sidestep::pipe();
            let tasked = |conn| Tasked::new(future::PipeConn::from(conn), &spawner);
            Ok(disturbed(Pair::new(tasked(here), tasked(there)), run))
        });
        tasked.and(kit_on_pipe().streams(|| {
            let (here, there) = sidestep::pipe();
            let (here, there) = (future::PipeConn::from(here), future::PipeConn::from(there));
            Ok(Streams::new(here, there, &spawner))
        }))
    });
}

#[test]
fn tokio_on_unix_sockets() {
    let spawner = spawner();
    repeat("tokio on Unix sockets", |run| {
        let tasked = Kit::new().conn(|| {
            let (here, there) = unix_ends()?;
            let tasked = |conn| Tasked::new(future::UnixConn::from(conn), &spawner);
            Ok(disturbed(
                Pair::with_half_close(tasked(here), tasked(there)),
                run,
            ))
        });
        tasked.and(Kit::new().streams(|| {
            let (here, there) = unix_ends()?;
            let (here, there) = (future::UnixConn::from(here), future::UnixConn::from(there));
            Ok(Streams::new(here, there, &spawner))
        }))
    });
}

#[test]
fn tokio_over_a_perfect_link() {
    repeat("tokio over a perfect link", |run| {
        all_of(&kit_in_memory(), &perfect(SERVER_V4), SERVER_V4, run)
    });
}

#[test]
fn tokio_over_a_lossy_link() {
    repeat("tokio over a lossy link", |run| {
        let nets = lossy(SERVER_V6, run.seed);
        all_of(&kit_on_lossy_link(), &nets, SERVER_V6, run)
    });
}

#[test]
fn tokio_on_the_kernel() {
    in_own_network_within(
        limit(),
        "contract::tasks::tokio_on_the_kernel",
        env!("CARGO_BIN_EXE_in-own-network"),
        || {
            repeat("tokio on the kernel", |run| {
                all_of(&kit_on_kernel(), &kernel("127.0.0.1"), "127.0.0.1", run)
            });
        },
    );
}
