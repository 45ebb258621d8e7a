//! Sidestep on a TUN whose other side is the kernel, in a network namespace that the test made.
//!
//! `kernel_interop` and `interop` run each test through [`run`]. Namespaces belong to threads: the
//! sockets, children and packet threads that the test's thread makes are in its namespace, and
//! nothing outside is touched. A test that hangs is failed; nothing here waits without an end.

use std::env;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use sidestep::device::tun::{TunDevice, TunError, TunOptions};
use sidestep::{Net, NetCounters, NetOptions, ResolverSettings};
use sidestep_stack::call::InterfaceAddress;
use sidestep_tools::namespace::{NamespaceError, enter_own_network};

/// No call in a test waits so long unless it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A whole test may take so long.
const TEST_LIMIT: Duration = Duration::from_secs(120);

/// Set in a process that runs in a namespace of its own as that namespace's root.
pub const ENTERED: &str = "SIDESTEP_IN_OWN_NETWORK";

/// Set where a test that cannot run must fail.
pub const REQUIRE: &str = "SIDESTEP_REQUIRE";

/// Packets that may wait for Sidestep in the kernel: what some hundred connections send at once.
const TX_QUEUE_PACKETS: u32 = 4_096;

/// Which IP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The kernel's address on the TUN.
    pub fn kernel(self) -> IpAddr {
        self.host(1)
    }

    /// Sidestep's address.
    pub fn sidestep(self) -> IpAddr {
        self.host(2)
    }

    fn host(self, host: u8) -> IpAddr {
        match self {
            Self::V4 => [192, 0, 2, host].into(),
            Self::V6 => [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)].into(),
        }
    }

    const fn prefix_bits(self) -> u8 {
        match self {
            Self::V4 => 24,
            Self::V6 => 64,
        }
    }
}

/// The kernel and a Sidestep that reach each other over a TUN.
#[derive(Clone, Debug)]
pub struct World {
    /// Sidestep's side.
    pub net: Net,
    /// Which addresses the test uses.
    pub family: Family,
}

impl World {
    fn new(family: Family, options: NetOptions) -> Result<Self, TunError> {
        let both = [Family::V4, Family::V6];
        let device = TunDevice::open(&TunOptions {
            peer_addresses: both
                .iter()
                .map(|family| InterfaceAddress {
                    address: family.kernel(),
                    prefix_bits: family.prefix_bits(),
                })
                .collect(),
            tx_queue_packets: Some(TX_QUEUE_PACKETS),
            ..TunOptions::new("interop0")
        })?;
        let mut options = options.device(device);
        for family in both {
            options = options.address(family.sidestep(), family.prefix_bits());
        }
        let net = options.start().expect("the settings are in their range");
        Ok(Self { net, family })
    }

    /// A port of the kernel's, for std.
    pub fn kernel(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.family.kernel(), port)
    }

    /// A port of Sidestep's, for std.
    pub fn sidestep(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.family.sidestep(), port)
    }

    /// What Sidestep counts now.
    pub fn counters(&self) -> NetCounters {
        self.net.counters().expect("the packet thread runs")
    }
}

/// How a test's Sidestep is made, but for its device and addresses.
fn plain_options() -> NetOptions {
    Net::builder().resolver(ResolverSettings::default())
}

/// Makes two tests of each function, `v4::NAME` and `v6::NAME`, that [`run`](run()) it.
#[macro_export]
macro_rules! on_both_families {
    ($($(#[$attribute:meta])* $name:ident)*) => {
        mod v4 {
            $($(#[$attribute])* #[test] fn $name() {
                $crate::namespace_net::run(
                    concat!(module_path!(), "::", stringify!($name)),
                    env!("CARGO_BIN_EXE_in-own-network"),
                    $crate::namespace_net::Family::V4,
                    super::$name,
                );
            })*
        }
        mod v6 {
            $($(#[$attribute])* #[test] fn $name() {
                $crate::namespace_net::run(
                    concat!(module_path!(), "::", stringify!($name)),
                    env!("CARGO_BIN_EXE_in-own-network"),
                    $crate::namespace_net::Family::V6,
                    super::$name,
                );
            })*
        }
    };
}

/// Runs `test`, whose path from its crate on is `name`, in a new namespace, with a TUN between the
/// kernel and Sidestep. Where that is not allowed it says `SKIPPED:` and why.
///
/// # Panics
///
/// If the test does, or if it does not end in time.
pub fn run(
    name: &'static str,
    launcher: &'static str,
    family: Family,
    test: impl FnOnce(&World) + Send + 'static,
) {
    run_with(name, launcher, family, plain_options, test);
}

/// As [`run`], with settings of one's own.
///
/// # Panics
///
/// As [`run`].
pub fn run_with(
    name: &'static str,
    launcher: &'static str,
    family: Family,
    options: impl FnOnce() -> NetOptions + Send + 'static,
    test: impl FnOnce(&World) + Send + 'static,
) {
    in_own_network(name, launcher, move || {
        match World::new(family, options()) {
            Ok(world) => test(&world),
            Err(error) if error.lacks_right() || matches!(error, TunError::NodeMissing(_)) => {
                skip(&format!("{error}; {}", error.hint().unwrap_or_default()));
            }
            Err(error) => panic!("{error}"),
        }
    });
}

/// Runs `test` in a new network namespace with nothing but `lo`. Where that is not allowed it says
/// `SKIPPED:` and why. `name` and `launcher` are as for [`run`].
///
/// # Panics
///
/// If the test does, or if it does not end in time.
pub fn in_own_network(
    name: &'static str,
    launcher: &'static str,
    test: impl FnOnce() + Send + 'static,
) {
    in_own_network_within(TEST_LIMIT, name, launcher, test);
}

/// As [`in_own_network`], for a test that may take `limit`.
///
/// # Panics
///
/// As there.
pub fn in_own_network_within(
    limit: Duration,
    name: &'static str,
    launcher: &'static str,
    test: impl FnOnce() + Send + 'static,
) {
    let outcome = within(limit, move || {
        enter_own_network()?;
        test();
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        // Without the right of root: once more, in a process that has one thread when it begins.
        Err(NamespaceError::SeveralThreads(_)) if env::var_os(ENTERED).is_none() => {
            run_again(name, launcher);
        }
        Err(error) => skip(&format!("{error}; {}", error.hint().unwrap_or_default())),
    }
}

/// Says loudly that a test did not run.
///
/// # Panics
///
/// If `SIDESTEP_REQUIRE` is 1: then every test must run.
pub fn skip(why: &str) {
    assert!(
        env::var(REQUIRE).as_deref() != Ok("1"),
        "{REQUIRE}=1, but: {why}"
    );
    // Past the harness, which swallows what a test that passes prints.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

fn run_again(name: &str, launcher: &str) {
    let harness = env::current_exe().expect("it runs");
    // The harness knows the test without the name of its crate.
    let name = name.split_once("::").map_or(name, |(_, rest)| rest);
    let status = Command::new(launcher)
        .arg(harness)
        .args(["--exact", name, "--include-ignored", "--nocapture", "-q"])
        .status()
        .expect("the launcher was built with the tests");
    assert!(status.success(), "{name} in a user namespace: {status}");
}

/// Runs `work` in a thread of its own, and fails if it takes longer than `limit`.
///
/// # Panics
///
/// If it does, or if `work` panics.
pub fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, ended) = channel();
    let thread = thread::spawn(move || {
        let value = work();
        let _ = done.send(());
        value
    });
    if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(limit) {
        panic!("did not end within {limit:?}");
    }
    match thread.join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Looks again and again until `holds`, and fails if it never does.
///
/// # Panics
///
/// If `holds` is false for [`PATIENCE`].
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        thread::yield_now();
    }
}
