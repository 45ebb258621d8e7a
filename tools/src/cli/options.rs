//! The options of every command that owns a stack, and the stack that follows from them.
//!
//! `nc`, `ping`, `resolve`, `serve` and `up` flatten [`StackOptions`]; [`StackOptions::bring_up`] makes
//! the TUN device and the [`Net`] on it. When the command ends the device goes, with its routes.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use sidestep::Net;
use sidestep_stack::call::InterfaceAddress;
use sidestep_tools::bring_up::{Plan, Written, resolver};
use sidestep_tools::peer::{PEER_DNS_PORT, Peer};

use super::Failure;

/// An address and the length of its prefix, as in 192.0.2.2/24.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Cidr(InterfaceAddress);

impl FromStr for Cidr {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be an address and a prefix length, as in 192.0.2.2/24";
        let (address, bits) = text.split_once('/').ok_or(FORM)?;
        let address: IpAddr = address.parse().map_err(|_| FORM)?;
        let prefix_bits: u8 = bits.parse().map_err(|_| FORM)?;
        let bits_max = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        if prefix_bits > bits_max {
            return Err("the prefix is longer than the address");
        }
        Ok(Self(InterfaceAddress {
            address,
            prefix_bits,
        }))
    }
}

/// A DNS server: an address, with a port if it is not 53.
fn server(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, 53));
    }
    text.parse()
        .map_err(|_| "must be an address, or ADDRESS:PORT".to_owned())
}

/// Seconds, with a fraction.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "must be a number of seconds, as in 1.5".to_owned())
}

/// The options of a command that owns a stack.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "The stack")]
pub(super) struct StackOptions {
    /// The TUN device: created, or attached to if it exists
    #[arg(long, value_name = "NAME", default_value = "sidestep0")]
    tun: String,
    /// An address of the stack; repeatable [default: 192.0.2.2/24 and 2001:db8::2/64]
    #[arg(long, value_name = "CIDR")]
    addr: Vec<Cidr>,
    /// The kernel's side of the device; repeatable [default: 192.0.2.1/24 and 2001:db8::1/64]
    #[arg(long, value_name = "CIDR")]
    peer: Vec<Cidr>,
    /// A DNS server, with :PORT if it is not 53; repeatable [default: those of /etc/resolv.conf]
    #[arg(long, value_name = "ADDR", value_parser = server)]
    dns: Vec<SocketAddr>,
    /// Octets of the largest packet [default: the device's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(68..))]
    mtu: Option<u16>,
    /// The seed of chance, to repeat a run; others can then guess sequence numbers [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Uses a cable in memory instead of a TUN device; a second stack at its other end has the
    /// addresses of --peer, echoes at port 7 and answers names in peer.test
    #[arg(long)]
    memory: bool,
    #[command(flatten)]
    capture: CaptureOptions,
}

/// What is written of the packets of a command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Captures")]
pub(super) struct CaptureOptions {
    /// Writes all packets of the stack into a pcapng file, with the reason for each as a comment
    #[arg(long, value_name = "FILE")]
    pub(super) pcap: Option<PathBuf>,
    /// Writes the last packets of each connection that fails into a file in this folder
    #[arg(long, value_name = "FOLDER")]
    flight_recorder: Option<PathBuf>,
}

impl CaptureOptions {
    pub(super) fn written(&self) -> Written {
        Written {
            pcap: self.pcap.clone(),
            flight_recorder: self.flight_recorder.clone(),
        }
    }
}

/// A stack that is up, and what must live as long as it does.
#[derive(Debug)]
pub(super) struct Up {
    net: Net,
    /// The services at the cable's other end.
    _peer: Option<Peer>,
    plan: Plan,
}

impl Up {
    pub(super) const fn net(&self) -> &Net {
        &self.net
    }

    /// The stack's own addresses, as text.
    pub(super) fn addresses(&self) -> Vec<String> {
        let ours = self.plan.ours.iter();
        ours.map(|ours| format!("{}/{}", ours.address, ours.prefix_bits))
            .collect()
    }
}

impl StackOptions {
    fn plan(&self) -> Plan {
        let mut plan = Plan {
            tun: self.tun.clone(),
            mtu_octets: self.mtu,
            seed: self.seed,
            written: self.capture.written(),
            ..Plan::default()
        };
        if !self.addr.is_empty() {
            plan.ours = self.addr.iter().map(|cidr| cidr.0).collect();
        }
        if !self.peer.is_empty() {
            plan.peers = self.peer.iter().map(|cidr| cidr.0).collect();
        }
        if !self.dns.is_empty() {
            plan.resolver = Some(resolver(self.dns.clone()));
        } else if self.memory {
            let peers = plan.peers.iter();
            let servers = peers.map(|peer| SocketAddr::new(peer.address, PEER_DNS_PORT));
            plan.resolver = Some(resolver(servers.collect()));
        }
        plan
    }

    /// Makes the device and starts the stack.
    pub(super) fn bring_up(&self) -> Result<Up, Failure> {
        let plan = self.plan();
        if !self.memory {
            let net = plan.on_tun()?;
            return Ok(Up {
                net,
                _peer: None,
                plan,
            });
        }
        let (net, theirs) = plan.on_cable()?;
        let addresses = plan.peers.iter().map(|peer| peer.address).collect();
        let peer = Peer::start(theirs, addresses)?;
        Ok(Up {
            net,
            _peer: Some(peer),
            plan,
        })
    }
}

/// Which family a name or a wildcard stands for.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct FamilyOptions {
    /// IPv4 only
    #[arg(short = '4', long)]
    ipv4: bool,
    /// IPv6 only
    #[arg(short = '6', long, conflicts_with = "ipv4")]
    ipv6: bool,
}

impl FamilyOptions {
    /// What `dial` and `listen` call TCP.
    pub(super) const fn tcp(self) -> &'static str {
        match (self.ipv4, self.ipv6) {
            (true, _) => "tcp4",
            (false, true) => "tcp6",
            (false, false) => "tcp",
        }
    }

    /// What `dial` and `listen_packet` call UDP.
    pub(super) const fn udp(self) -> &'static str {
        match (self.ipv4, self.ipv6) {
            (true, _) => "udp4",
            (false, true) => "udp6",
            (false, false) => "udp",
        }
    }

    const fn wants(self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(_) => !self.ipv6,
            IpAddr::V6(_) => !self.ipv4,
        }
    }

    /// The first address of `host` in a family that is wanted.
    pub(super) fn address_of(self, net: &Net, host: &str) -> Result<IpAddr, Failure> {
        let addresses = net.lookup_host(host)?;
        addresses
            .iter()
            .filter_map(|address| address.parse().ok())
            .find(|address| self.wants(*address))
            .ok_or(Failure::Usage("the host has no address of that family"))
    }
}
