//! What a run crosses: two namespaces, joined by a link in real time, with Sidestep beside the kernel
//! where it takes part.
//!
//! Sidestep has a plain TUN device of its own (no offloads) in the namespace, and the kernel forwards
//! between that and the device of the link, so its packets cross the same queue as the kernel's own.
//! Everything is made anew for each run, so that no run learns from another; nothing outside changes.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::thread::{self, JoinHandle};

use sidestep::device::tun::{TunDevice, TunError, TunOptions};
use sidestep::{Net, ResolverSettings, StartError};
use sidestep_stack::Config;
use sidestep_stack::base::Duration;
use sidestep_stack::call::{CongestionAlgorithm, InterfaceAddress};
use thiserror::Error;

use super::flow::{End, FlowFailed};
use crate::capture::watcher::CaptureWatcher;
use crate::link::real_time::{
    JoinFailed, Report, Settings, Side, SideFailed, SideOptions, Stop, join,
};
use crate::link::{Recipe, RecipeError};
use crate::sim::seed_of;

/// Packets that may wait for Sidestep in the kernel: those of a window are never lost there.
const TX_QUEUE_PACKETS: u32 = 10_000;

/// The nice value of Sidestep's packet thread. The kernel's TCP works in interrupts, before any program;
/// ours is a program, and has at least the place of the link.
const BEFORE_OTHERS: i32 = -20;

/// Where settings are.
const SYSCTLS: &str = "/proc/sys/net";

/// Why a run came to nothing.
#[derive(Debug, Error)]
pub enum GridFailed {
    /// Caller: a recipe has no such value.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// Right: no namespace or device.
    #[error(transparent)]
    Side(#[from] SideFailed),
    /// Right: no device for Sidestep.
    #[error(transparent)]
    Tun(#[from] TunError),
    /// Caller: Sidestep was not started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Right: a setting of the namespace cannot be made or read.
    #[error("{SYSCTLS}/{name}: {source}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Machine: no thread, no descriptor, or no file for a capture.
    #[error("{0}")]
    Machine(io::Error),
    /// Machine: the link ended.
    #[error(transparent)]
    Join(#[from] JoinFailed),
    /// Path: the flow failed.
    #[error(transparent)]
    Flow(#[from] FlowFailed),
    /// A rule does not hold in the simulated world.
    #[error("{0}")]
    World(String),
}

/// What is set in every namespace, by its file: what the kernel would remember of one run for the
/// next one is switched off, and its buffers may grow as far as ours.
fn sysctls() -> Vec<(&'static str, String)> {
    let config = Config::default();
    // The kernel counts memory, of which about a half holds text: twice our window.
    let receive = 2 * config.receive_buffer_octets_max;
    let send = config.send_buffer_octets_max;
    vec![
        ("ipv4/tcp_no_metrics_save", "1".to_owned()),
        ("ipv4/tcp_rmem", format!("4096 131072 {receive}")),
        ("ipv4/tcp_wmem", format!("4096 16384 {send}")),
        ("ipv4/ip_forward", "1".to_owned()),
    ]
}

fn set() -> Result<(), GridFailed> {
    for (name, value) in sysctls() {
        let file = Path::new(SYSCTLS).join(name);
        fs::write(file, value).map_err(|source| GridFailed::Setting { name, source })?;
    }
    Ok(())
}

/// What a reader of the figures has to know of the machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// The kernel's version.
    pub kernel: String,
    /// Settings of the kernel, by name, as they are in a namespace of a run.
    pub settings: Vec<(String, String)>,
    /// Settings of Sidestep, by name.
    pub ours: Vec<(String, String)>,
}

/// The kernel's settings that decide about its TCP.
const SHOWN: [&str; 13] = [
    "ipv4/tcp_rmem",
    "ipv4/tcp_wmem",
    "ipv4/tcp_no_metrics_save",
    "ipv4/tcp_sack",
    "ipv4/tcp_dsack",
    "ipv4/tcp_timestamps",
    "ipv4/tcp_window_scaling",
    "ipv4/tcp_recovery",
    "ipv4/tcp_early_retrans",
    "ipv4/tcp_frto",
    "ipv4/tcp_ecn",
    "ipv4/tcp_slow_start_after_idle",
    "core/default_qdisc",
];

/// What is measured here, read in a namespace that is like those of the runs.
///
/// # Errors
///
/// There is no such namespace.
pub fn facts(congestion: CongestionAlgorithm) -> Result<Facts, GridFailed> {
    let (side, _device) = Side::make(&side_options("left0", NEAR, 24))?;
    let read = side.start(move || {
        set()?;
        // What a sender's socket is given before it connects.
        let chosen = congestion.name().to_owned();
        let mut settings = vec![("TCP_CONGESTION".to_owned(), chosen)];
        for name in SHOWN {
            // A kernel that has no such setting, or keeps it for itself, shows none.
            if let Ok(value) = fs::read_to_string(Path::new(SYSCTLS).join(name)) {
                let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
                settings.push((format!("net.{}", name.replace('/', ".")), value));
            }
        }
        Ok(settings)
    });
    let settings = finish(read.map_err(GridFailed::Machine)?)?;
    let config = config(congestion);
    let ours = [
        ("congestion_algorithm", congestion.name().to_owned()),
        ("pacing", config.pacing.to_string()),
        (
            "receive_buffer_octets",
            config.receive_buffer_octets.to_string(),
        ),
        (
            "receive_buffer_octets_max",
            config.receive_buffer_octets_max.to_string(),
        ),
        ("send_buffer_octets", config.send_buffer_octets.to_string()),
        (
            "send_buffer_octets_max",
            config.send_buffer_octets_max.to_string(),
        ),
        (
            "initial_window_segments",
            config.initial_window_segments.to_string(),
        ),
    ];
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").map_err(GridFailed::Machine)?;
    Ok(Facts {
        kernel: kernel.trim().to_owned(),
        settings,
        ours: ours.map(|(name, value)| (name.to_owned(), value)).to_vec(),
    })
}

/// Sidestep's settings: the defaults, with this algorithm.
pub(super) fn config(congestion: CongestionAlgorithm) -> Config {
    Config {
        congestion_algorithm: match congestion {
            CongestionAlgorithm::Reno => 0,
            CongestionAlgorithm::Cubic => 1,
            CongestionAlgorithm::Bbr => 2,
        },
        ..Config::default()
    }
}

/// Who is at an end of the link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Guests {
    /// The kernel alone.
    Kernel,
    /// Sidestep as well.
    WithSidestep,
}

/// What is to be made.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// There and back.
    pub(super) recipes: [Recipe; 2],
    /// Of the link, and of Sidestep.
    pub(super) seed: u64,
    /// At the near and at the far end; Sidestep is at one of them at the most.
    pub(super) guests: [Guests; 2],
    /// Of connections that choose none.
    pub(super) congestion: CongestionAlgorithm,
    /// A file for what Sidestep sends and receives, with reasons.
    pub(super) capture: Option<&'a Path>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Rig {
    places: [Place; 2],
    stop: Stop,
    joined: JoinHandle<Result<Report, JoinFailed>>,
}

/// An end of the link.
#[derive(Debug)]
struct Place {
    side: Side,
    sidestep: Option<Net>,
}

const NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// Sidestep's address, and the kernel's beside it. The other end of the link takes both to be on the link.
const GUEST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 129);
const HOST_OF_GUEST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 130);

fn side_options(tun: &str, address: Ipv4Addr, prefix_bits: u8) -> SideOptions {
    SideOptions {
        tun: tun.to_owned(),
        namespace: None,
        addresses: vec![InterfaceAddress {
            address: address.into(),
            prefix_bits,
        }],
        mtu_octets: None,
    }
}

/// What a thread of a side came to.
fn finish<T>(thread: JoinHandle<io::Result<Result<T, GridFailed>>>) -> Result<T, GridFailed> {
    let ended = thread.join();
    let ended = ended.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
    ended.map_err(GridFailed::Machine)?
}

impl Rig {
    /// Makes it all.
    pub(super) fn make(wanted: &Wanted<'_>) -> Result<Self, GridFailed> {
        let [near, far] = wanted.guests;
        let (near, mut a) = Place::make("left0", NEAR, near, wanted)?;
        let (far, mut b) = Place::make("right0", FAR, far, wanted)?;
        let settings = Settings {
            recipes: wanted.recipes.clone(),
            seed: wanted.seed,
            time: None,
            spin: Duration::ZERO,
        };
        let stop = Stop::new().map_err(GridFailed::Machine)?;
        let at = stop.clone();
        let joined = thread::Builder::new()
            .name("sidestep-link".to_owned())
            .spawn(move || join(&mut a, &mut b, &settings, &at))
            .map_err(GridFailed::Machine)?;
        Ok(Self {
            places: [near, far],
            stop,
            joined,
        })
    }

    /// The kernel's end of a flow, near (0) or far (1).
    pub(super) const fn kernel(&self, place: usize) -> End<'_> {
        End::Kernel(&self.places[place].side)
    }

    /// Sidestep's, if it is there.
    pub(super) fn sidestep(&self, place: usize) -> Option<End<'_>> {
        self.places[place].sidestep.as_ref().map(End::Sidestep)
    }

    /// The link ends, and all that was made goes.
    pub(super) fn finish(self) -> Result<Report, GridFailed> {
        for place in &self.places {
            if let Some(net) = &place.sidestep {
                net.close();
            }
        }
        self.stop.set();
        let report = self.joined.join();
        let report = report.map_err(|_| GridFailed::Machine(io::ErrorKind::Other.into()))?;
        Ok(report?)
    }
}

/// Where the far end listens at `port`.
pub(super) fn far(end: End<'_>, port: u16) -> SocketAddr {
    let address = match end {
        End::Kernel(_) => FAR,
        End::Sidestep(_) => GUEST,
    };
    SocketAddr::new(IpAddr::V4(address), port)
}

impl Place {
    fn make(
        tun: &str,
        address: Ipv4Addr,
        guests: Guests,
        wanted: &Wanted<'_>,
    ) -> Result<(Self, TunDevice), GridFailed> {
        let prefix_bits = match guests {
            Guests::Kernel => 24,
            Guests::WithSidestep => 25,
        };
        let (side, device) = Side::make(&side_options(tun, address, prefix_bits))?;
        let settings = side.start(set);
        finish(settings.map_err(GridFailed::Machine)?)?;
        let sidestep = match guests {
            Guests::Kernel => None,
            Guests::WithSidestep => Some(Self::invite(&side, wanted)?),
        };
        Ok((Self { side, sidestep }, device))
    }

    fn invite(side: &Side, wanted: &Wanted<'_>) -> Result<Net, GridFailed> {
        let opened = side.start(|| {
            let peer = InterfaceAddress {
                address: HOST_OF_GUEST.into(),
                prefix_bits: 25,
            };
            Ok(TunDevice::open(&TunOptions {
                peer_addresses: vec![peer],
                tx_queue_packets: Some(TX_QUEUE_PACKETS),
                ..TunOptions::new("guest0")
            })?)
        });
        let device = finish(opened.map_err(GridFailed::Machine)?)?;
        let mut options = Net::builder()
            .device(device)
            .address(GUEST.into(), 25)
            .default_routes()
            .resolver(ResolverSettings::default())
            .config(config(wanted.congestion))
            .seed(seed_of(wanted.seed));
        if let Some(path) = wanted.capture {
            options = options.watch(CaptureWatcher::create(path).map_err(GridFailed::Machine)?);
        }
        // The packet thread inherits the priority of the thread that starts it.
        let started = thread::Builder::new().spawn(move || {
            // A kernel that refuses makes it wait for other programs; the runs tell by their lateness.
            let _ = rustix::process::setpriority_process(None, BEFORE_OTHERS);
            Ok(options.start().map_err(GridFailed::from))
        });
        finish(started.map_err(GridFailed::Machine)?)
    }
}
