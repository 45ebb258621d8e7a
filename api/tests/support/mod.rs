//! The worlds that the contract is tested in: two stacks on a cable in memory, and the host's
//! kernel in a network namespace of its own, each over IPv4 and IPv6.
#![allow(clippy::expect_used, dead_code, unreachable_pub)]

use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::UnshareFlags;
use sidestep::device::memory::{MemoryOptions, Offload};
use sidestep::{Net, TCPConn, TCPListener, UDPConn};

/// No test waits so long unless it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Two networks that reach each other, and how.
#[derive(Clone, Debug)]
pub struct World {
    /// Who dials.
    pub client: Net,
    /// Who listens.
    pub server: Net,
    /// The server's address as the client's user writes it, with brackets if it needs them.
    pub host: &'static str,
    /// The network for TCP with the family of `host`: `tcp4` or `tcp6`.
    pub tcp: &'static str,
    /// The same for UDP.
    pub udp: &'static str,
    /// True on the host's kernel.
    pub is_kernel: bool,
}

impl World {
    pub fn memory_v4() -> Self {
        let (client, server) = Net::memory_pair().expect("memory is enough");
        Self {
            client,
            server,
            host: "192.0.2.2",
            tcp: "tcp4",
            udp: "udp4",
            is_kernel: false,
        }
    }

    pub fn memory_v6() -> Self {
        Self {
            host: "[2001:db8::2]",
            tcp: "tcp6",
            udp: "udp6",
            ..Self::memory_v4()
        }
    }

    /// A plain wire: whole checksums, no superpackets.
    pub fn wire_v4() -> Self {
        let options = MemoryOptions {
            offload: Offload::Stack,
            ..MemoryOptions::default()
        };
        let (client, server) =
            Net::memory_pair_with(options, Net::builder, Net::builder).expect("memory is enough");
        Self {
            client,
            server,
            ..Self::memory_v4()
        }
    }

    fn kernel(host: &'static str, tcp: &'static str, udp: &'static str) -> Self {
        Self {
            client: Net::host(),
            server: Net::host(),
            host,
            tcp,
            udp,
            is_kernel: true,
        }
    }

    /// The address of `port` at the server.
    pub fn at(&self, port: u16) -> String {
        format!("{}:{port}", self.host)
    }

    pub fn listen(&self) -> TCPListener {
        let local = self.at(0).parse().expect("a literal");
        self.server
            .listen_tcp("tcp", Some(&local))
            .expect("a port is free")
    }

    pub fn dial(&self, listener: &TCPListener) -> TCPConn {
        let conn = self
            .client
            .dial_tcp("tcp", None, listener.addr())
            .expect("somebody listens");
        conn.set_deadline(PATIENCE).expect("it is open");
        conn
    }

    /// Two ends of one connection: who dialled, and who accepted.
    pub fn pair(&self) -> (TCPConn, TCPConn) {
        let listener = self.listen();
        let dialled = self.dial(&listener);
        listener.set_deadline(PATIENCE).expect("it is open");
        let accepted = listener.accept_tcp().expect("somebody dialled");
        accepted.set_deadline(PATIENCE).expect("it is open");
        (dialled, accepted)
    }

    /// A UDP socket at the server, and one that has it as its peer.
    pub fn udp_pair(&self) -> (UDPConn, UDPConn) {
        let local = self.at(0).parse().expect("a literal");
        let server = self
            .server
            .listen_udp("udp", Some(&local))
            .expect("a port is free");
        let client = self
            .client
            .dial_udp("udp", None, server.local_addr())
            .expect("there is a route");
        for socket in [&server, &client] {
            socket.set_deadline(PATIENCE).expect("it is open");
        }
        (client, server)
    }
}

/// Runs `test` on the host's kernel, in a network namespace of its own so that it disturbs nobody.
/// Without the right to make one it says so.
pub fn on_kernel(host: &'static str, tcp: &'static str, udp: &'static str, test: fn(&World)) {
    let run = thread::spawn(move || {
        // Its successor is unsafe for shared tables of descriptors only, which we leave alone.
        #[allow(deprecated)]
        if let Err(error) = rustix::thread::unshare(UnshareFlags::NEWNET) {
            eprintln!("SKIPPED: no network namespace can be made: {error}; run the tests as root");
            return;
        }
        sidestep::device::link::bring_up("lo").expect("lo is ours");
        test(&World::kernel(host, tcp, udp));
    });
    if let Err(panic) = run.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Waits until `holds`, and fails if it never does.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Makes a test of each function for each world.
#[macro_export]
macro_rules! in_all_worlds {
    ($($(#[$attribute:meta])* $name:ident)*) => {
        mod memory_v4 {
            $($(#[$attribute])* #[test] fn $name() { super::$name(&super::support::World::memory_v4()); })*
        }
        mod memory_v6 {
            $($(#[$attribute])* #[test] fn $name() { super::$name(&super::support::World::memory_v6()); })*
        }
        mod wire_v4 {
            $($(#[$attribute])* #[test] fn $name() { super::$name(&super::support::World::wire_v4()); })*
        }
        mod kernel_v4 {
            $($(#[$attribute])* #[test] fn $name() { super::support::on_kernel("127.0.0.1", "tcp4", "udp4", super::$name); })*
        }
        mod kernel_v6 {
            $($(#[$attribute])* #[test] fn $name() { super::support::on_kernel("[::1]", "tcp6", "udp6", super::$name); })*
        }
    };
}
