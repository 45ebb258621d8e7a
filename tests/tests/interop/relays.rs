//! socat on one side, Sidestep on the other: echoes over TCP and UDP, whoever serves.

use std::io::Read as _;
use std::process::Command;
use std::thread;
use std::time::Duration;

use sidestep::{NetError as _, UDPConn};
use sidestep_tests::namespace_net::{Family, PATIENCE, World, eventually};
use sidestep_tests::on_both_families;
use sidestep_tools::octets::Pattern;
use sidestep_tools::serve::{Server, Service, packets};

use super::programs::{Running, find, run};

on_both_families! {
    #[ignore = "needs curl, nginx, dig and socat: .ci/run installs them"]
    socat_sends_to_sidesteps_echo_over_tcp
    #[ignore = "needs curl, nginx, dig and socat: .ci/run installs them"]
    sidestep_sends_to_socats_echo_over_tcp
    #[ignore = "needs curl, nginx, dig and socat: .ci/run installs them"]
    socat_sends_to_sidesteps_echo_over_udp
    #[ignore = "needs curl, nginx, dig and socat: .ci/run installs them"]
    sidestep_sends_to_socats_echo_over_udp
}

const OCTETS: u64 = 4 * 1024 * 1024;

/// socat's word for the family.
const fn digit(world: &World) -> u8 {
    match world.family {
        Family::V4 => 4,
        Family::V6 => 6,
    }
}

/// The kernel's address as socat wants it.
fn kernel_host(world: &World) -> String {
    match world.family.kernel() {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn socat_sends_to_sidesteps_echo_over_tcp(world: &World) {
    let Some(socat) = find("socat") else { return };
    let listener = world.net.listen("tcp", ":7").expect("the port is free");
    let serving = listener.clone();
    let server = thread::spawn(move || Server::new(Service::Echo, 8).run(&serving));
    let text = Pattern::new(1, OCTETS).to_vec();
    let ended = run(
        Command::new(socat)
            // After the end of the input it waits so many seconds for the rest of the output.
            .args(["-t", "20", "-"])
            .arg(format!("TCP{}:{}", digit(world), world.sidestep(7))),
        &text,
    );
    let echoed = ended.expect_success();
    assert!(echoed == text, "{} octets came back", echoed.len());
    listener.close().expect("it is open");
    server.join().expect("it ends").expect("it was closed");
}

fn sidestep_sends_to_socats_echo_over_tcp(world: &World) {
    let Some(socat) = find("socat") else { return };
    let (digit, host) = (digit(world), kernel_host(world));
    let mut running = Running::start(
        Command::new(socat)
            .args(["-t", "20"])
            .arg(format!("TCP{digit}-LISTEN:7000,bind={host},reuseaddr"))
            // With PIPE it would fill a pipe that only itself empties, and hang on loopback, too.
            .arg("EXEC:cat"),
    );
    let mut dialled = None;
    // It takes one connection, and that is ours.
    eventually("socat listens", || {
        running.expect_running();
        let at = world.kernel(7000).to_string();
        dialled = world.net.dial_until("tcp", &at, PATIENCE).ok();
        dialled.is_some()
    });
    let conn = dialled.expect("it listens");
    conn.set_deadline(PATIENCE).expect("it is open");
    let text = Pattern::new(2, OCTETS).to_vec();
    thread::scope(|scope| {
        scope.spawn(|| {
            conn.write(&text).expect("socat reads");
            let tcp = conn.as_tcp().expect("it is TCP");
            tcp.close_write().expect("it is open");
        });
        let mut echoed = Vec::new();
        (&mut &conn).read_to_end(&mut echoed).expect("it ends");
        assert!(echoed == text, "{} octets came back", echoed.len());
    });
}

fn socat_sends_to_sidesteps_echo_over_udp(world: &World) {
    let Some(socat) = find("socat") else { return };
    let socket = world
        .net
        .listen_packet("udp", ":7")
        .expect("the port is free");
    let serving = socket.clone();
    let server = thread::spawn(move || packets(&serving, &Service::Echo));
    let text = Pattern::new(3, 1_400).to_vec();
    let ended = run(
        Command::new(socat)
            // A datagram has no end: what did not come back after a second does not come.
            .args(["-t", "1", "-"])
            .arg(format!("UDP{}:{}", digit(world), world.sidestep(7))),
        &text,
    );
    let echoed = ended.expect_success();
    assert!(echoed == text, "{} octets came back", echoed.len());
    socket.close().expect("it is open");
    let echoed = server.join().expect("it ends").expect("it was closed");
    assert_eq!(echoed, 1);
}

fn sidestep_sends_to_socats_echo_over_udp(world: &World) {
    let Some(socat) = find("socat") else { return };
    let (digit, host) = (digit(world), kernel_host(world));
    let mut running = Running::start(
        Command::new(socat)
            .arg(format!("UDP{digit}-LISTEN:7001,bind={host}"))
            .arg("PIPE"),
    );
    let conn = world
        .net
        .dial_udp("udp", None, &world.kernel(7001).into())
        .expect("there is a route");
    // Before socat listens the port is nobody's, and says so.
    eventually("socat echoes", || {
        running.expect_running();
        exchange(&conn, b"anybody?").is_some_and(|echoed| echoed == b"anybody?")
    });
    for octets in [1, 512, 1_400, 8_000] {
        let text = Pattern::new(octets, octets).to_vec();
        let echoed = exchange(&conn, &text).expect("socat echoes");
        assert!(echoed == text, "{octets} octets");
    }
}

/// Sends `text`, and gives what came back in a second.
fn exchange(conn: &UDPConn, text: &[u8]) -> Option<Vec<u8>> {
    conn.set_deadline(Duration::from_secs(1))
        .expect("it is open");
    let mut room = vec![0; 65_536];
    match conn.write(text).and_then(|_| conn.read(&mut room)) {
        Ok(octets) => {
            room.truncate(octets);
            Some(room)
        }
        Err(error) => {
            let refused = error.errno() == Some(sidestep::Errno::ECONNREFUSED);
            assert!(error.timeout() || refused, "{error}");
            None
        }
    }
}
