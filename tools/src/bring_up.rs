//! A stack on a TUN device, or on a cable in memory with a second stack as its peer.
//!
//! The commands and the demo say in a [`Plan`] what they want and get a [`Net`]. The device goes when
//! the last handle of the network is dropped, and with it the kernel's addresses and routes on it.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use sidestep::device::memory::{MemoryOptions, cable};
use sidestep::device::tun::{TunDevice, TunError, TunOptions};
use sidestep::{Net, NetOptions, StartError};
use sidestep_stack::base::random::Seed;
use sidestep_stack::call::{InterfaceAddress, ResolverSettings};
use thiserror::Error;

use crate::capture::recorder::{FlightWatcher, Limits};
use crate::capture::watcher::CaptureWatcher;

#[cfg(test)]
mod tests;

/// Where the host keeps names that need no server.
const HOSTS_FILE: &str = "/etc/hosts";

/// What a stack is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The TUN device: created, or attached to if it exists.
    pub tun: String,
    /// The stack's own addresses.
    pub ours: Vec<InterfaceAddress>,
    /// The addresses of the other side: the kernel's, or those of the stack at the cable's other end.
    pub peers: Vec<InterfaceAddress>,
    /// Octets of the largest packet; `None` leaves it to the device.
    pub mtu_octets: Option<u16>,
    /// The seed of chance; `None` asks the operating system.
    pub seed: Option<u64>,
    /// How names are resolved; `None` as the host does.
    pub resolver: Option<ResolverSettings>,
    /// Where packets to everybody else go.
    pub beyond: Beyond,
    /// What is written of the stack's packets.
    pub written: Written,
}

/// What is written of a stack's packets.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Written {
    /// A capture of all of them, with reasons.
    pub pcap: Option<PathBuf>,
    /// A folder for what the flight recorder keeps of connections that fail.
    pub flight_recorder: Option<PathBuf>,
}

impl Written {
    /// Has what is wanted written by a network with these options.
    ///
    /// # Errors
    ///
    /// A file cannot be made.
    pub fn by(&self, mut options: NetOptions) -> Result<NetOptions, NotUp> {
        let failed = |path: &PathBuf, error| NotUp::Capture {
            path: path.clone(),
            error,
        };
        if let Some(path) = &self.pcap {
            let capture = CaptureWatcher::create(path).map_err(|error| failed(path, error))?;
            options = options.watch(capture);
        }
        if let Some(folder) = &self.flight_recorder {
            fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
            let limits = Limits::default();
            options = options.watch(FlightWatcher::new(folder.clone(), limits, FLIGHTS_MAX));
        }
        Ok(options)
    }
}

/// So many files does a flight recorder write.
const FLIGHTS_MAX: u64 = 1_000;

/// Where packets go that are for none of the networks of the stack's own addresses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Beyond {
    /// To the other side, which may forward them.
    #[default]
    Peer,
    /// Nowhere: such addresses are unreachable.
    Nowhere,
}

impl Default for Plan {
    fn default() -> Self {
        let [our_v4, their_v4] = [2, 1].map(|host| Ipv4Addr::new(192, 0, 2, host));
        let [our_v6, their_v6] =
            [2, 1].map(|host| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host));
        Self {
            tun: "sidestep0".to_owned(),
            ours: both(our_v4, our_v6),
            peers: both(their_v4, their_v6),
            mtu_octets: None,
            seed: None,
            resolver: None,
            beyond: Beyond::default(),
            written: Written::default(),
        }
    }
}

fn both(v4: Ipv4Addr, v6: Ipv6Addr) -> Vec<InterfaceAddress> {
    vec![
        InterfaceAddress {
            address: v4.into(),
            prefix_bits: 24,
        },
        InterfaceAddress {
            address: v6.into(),
            prefix_bits: 64,
        },
    ]
}

/// Packets that may wait in the kernel for us: what some hundred connections send at once.
const TX_QUEUE_PACKETS: u32 = 4_096;

/// Why there is no stack.
#[derive(Debug, Error)]
pub enum NotUp {
    /// A right is missing, the machine has no such devices, or this one is another's.
    #[error("{0}{hint}", hint = advice(.0))]
    Tun(#[from] TunError),
    /// There is no cable: the process has no descriptors left.
    #[error("cable in memory: {0}")]
    Cable(io::Error),
    /// The file of a capture cannot be made.
    #[error("{}: {error}", path.display())]
    Capture {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The stack refuses its settings.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// What to do about it, for the person in front of it.
fn advice(error: &TunError) -> String {
    let mut advice = String::new();
    if let Some(hint) = error.hint() {
        advice.push_str(&format!("\n  {hint}"));
    }
    if matches!(error, TunError::NotPermitted { .. } | TunError::Link(_)) && error.lacks_right() {
        advice.push_str(
            "\n  or, in a network of your own: unshare --user --map-root-user --net sidestep …",
        );
    }
    if error.lacks_right() || matches!(error, TunError::NodeMissing(_)) {
        advice.push_str("\n  or without the kernel, to try it: sidestep … --memory");
    }
    advice
}

impl Plan {
    /// A stack on a TUN device, whose other side is the kernel.
    ///
    /// # Errors
    ///
    /// See [`NotUp`]. Nothing remains.
    pub fn on_tun(&self) -> Result<Net, NotUp> {
        let device = self.open_tun()?;
        let options = self.options(&self.ours, self.seed).device(device);
        Ok(self.written.by(options)?.start()?)
    }

    fn open_tun(&self) -> Result<TunDevice, TunError> {
        let options = TunOptions {
            mtu_octets: self.mtu_octets,
            peer_addresses: self.peers.clone(),
            tx_queue_packets: Some(TX_QUEUE_PACKETS),
            ..TunOptions::new(&self.tun)
        };
        let refused = match TunDevice::open(&options) {
            Err(TunError::Link(error)) if error.lacks_right() => TunError::Link(error),
            outcome => return outcome,
        };
        // The device may have been made for us, and is as it should be; then it needs no right.
        let as_it_is = TunOptions {
            state: None,
            ..TunOptions::new(&self.tun)
        };
        TunDevice::open(&as_it_is).map_err(|_| refused)
    }

    /// A stack on a cable, and the stack at its other end.
    ///
    /// # Errors
    ///
    /// See [`NotUp`]. Nothing remains.
    pub fn on_cable(&self) -> Result<(Net, Net), NotUp> {
        let mut options = MemoryOptions::default();
        if let Some(mtu_octets) = self.mtu_octets {
            options.mtu_octets = mtu_octets;
        }
        let (here, there) = cable(options).map_err(NotUp::Cable)?;
        let options = self.options(&self.ours, self.seed).device(here);
        let ours = self.written.by(options)?.start()?;
        // Another seed: equal chance on both sides would be no chance at all.
        let seed = self.seed.map(|seed| seed.wrapping_add(1));
        let theirs = self.options(&self.peers, seed).device(there).start()?;
        Ok((ours, theirs))
    }

    fn options(&self, addresses: &[InterfaceAddress], seed: Option<u64>) -> NetOptions {
        let mut options = Net::builder();
        for address in addresses {
            options = options.address(address.address, address.prefix_bits);
        }
        if self.beyond == Beyond::Peer {
            options = options.default_routes();
        }
        if let Some(mtu_octets) = self.mtu_octets {
            options = options.mtu(mtu_octets);
        }
        if let Some(seed) = seed {
            options = options.seed(long_seed(seed));
        }
        if let Some(resolver) = &self.resolver {
            options = options.resolver(resolver.clone());
        }
        options
    }
}

/// The seed that a stack takes, from one that a person can type.
fn long_seed(seed: u64) -> Seed {
    let mut long = Seed::default();
    for (place, octet) in long.iter_mut().zip(seed.to_le_bytes().iter().cycle()) {
        *place = *octet;
    }
    long
}

/// Asks `servers`, after the host's own file of names.
pub fn resolver(servers: Vec<SocketAddr>) -> ResolverSettings {
    ResolverSettings {
        servers,
        ndots: 1,
        // A host without the file has no such names.
        hosts: fs::read_to_string(HOSTS_FILE).unwrap_or_default(),
        ..ResolverSettings::default()
    }
}
