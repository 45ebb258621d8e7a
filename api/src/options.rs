//! How a [`Net`] is made: which device, which addresses and routes, whose chance, which limits.
//!
//! [`Net::builder`] begins here. Nothing is started before [`NetOptions::start`], and nothing is
//! started at all if a setting is out of its range or the system has no randomness to give.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, RwLock};
use rand::TryRng;
use rand::rngs::SysRng;
use sidestep_stack::base::random::Seed;
use sidestep_stack::call::{InterfaceAddress, Reach, ResolverSettings, Route};
use sidestep_stack::config::ConfigRefused;
use sidestep_stack::wire::packet::Offload;
use sidestep_stack::{Call, CallRefused, Config, Instant, Stack};
use thiserror::Error;

use crate::channel::datagram::DatagramLimits;
use crate::channel::failure::StreamLimits;
use crate::device::Device;
use crate::driver::clock::Clock;
use crate::driver::thread::{Farewell, Parts, start};
use crate::error::ParseError;
use crate::interfaces;
use crate::net::{Backend, Net, Shared};
use crate::resolver::ResolverFiles;
use crate::resolver::files::Files;
use crate::resolver::settings::Names;
use crate::watch::{PacketWatcher, Watch, Watching};

/// So many requests may wait for the packet thread; more of them make their callers wait.
const REQUESTS_MAX: usize = 1_024;

/// How long the packet thread looks again before it sleeps, where that pays.
const LOOK_AGAIN: Duration = Duration::from_micros(20);

/// How long the last connections may take to say goodbye once nobody holds a handle.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a [`Net`] was not started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Caller: an entry of the configuration is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigRefused),
    /// Caller: the stack does not take an address.
    #[error("address {address}/{prefix_bits}: {refused}")]
    Address {
        /// The address.
        address: IpAddr,
        /// The length of its prefix.
        prefix_bits: u8,
        /// Why not.
        refused: CallRefused,
    },
    /// Caller: the stack does not take a route.
    #[error("route {destination}/{prefix_bits}: {refused}")]
    Route {
        /// The prefix's address.
        destination: IpAddr,
        /// The prefix's length.
        prefix_bits: u8,
        /// Why not.
        refused: CallRefused,
    },
    /// Caller: the stack does not take the resolver's settings.
    #[error("resolver: {0}")]
    Resolver(CallRefused),
    /// Caller: no device was given.
    #[error("no device: call NetOptions::device")]
    NoDevice,
    /// System: it has no randomness to give, and without it every sequence number could be guessed.
    #[error("the system gives no randomness: {0}")]
    NoRandomness(String),
    /// System: no descriptor, thread or device is left.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl From<StartError> for io::Error {
    fn from(error: StartError) -> Self {
        match error {
            StartError::System(error) => error,
            other => Self::new(io::ErrorKind::InvalidInput, other),
        }
    }
}

/// What a [`Net`] is made of. Methods take and give the value, so that they can be chained.
#[derive(Debug)]
pub struct NetOptions {
    config: Config,
    device: Option<Box<dyn Device>>,
    addresses: Vec<InterfaceAddress>,
    routes: Vec<Route>,
    reach: Reach,
    seed: Option<Seed>,
    mtu_octets: Option<u16>,
    resolver: Option<ResolverSettings>,
    resolver_files: Option<ResolverFiles>,
    farewell: Duration,
    watchers: Vec<Box<dyn PacketWatcher>>,
}

impl Default for NetOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl NetOptions {
    /// No device, no address, the defaults of [`Config`], and the resolver of the host's files.
    pub fn new() -> Self {
        Self {
            config: Config::default(),
            device: None,
            addresses: Vec::new(),
            routes: Vec::new(),
            reach: Reach::default(),
            seed: None,
            mtu_octets: None,
            resolver: None,
            resolver_files: None,
            farewell: FAREWELL,
            watchers: Vec::new(),
        }
    }

    /// Packets for any host are taken, as if all addresses were ours: for what stands in for a whole
    /// network, such as the end of a VPN. Listeners on all addresses hear of all of them; those that
    /// [`ask_first`](crate::ListenConfig::ask_first) can decide about each SYN.
    #[must_use]
    pub const fn any_address(mut self) -> Self {
        self.reach = Reach::AnyAddress;
        self
    }

    /// What carries the packets: a TUN, an end of a cable, or anything else.
    #[must_use]
    pub fn device(mut self, device: impl Device + 'static) -> Self {
        self.device = Some(Box::new(device));
        self
    }

    /// Adds an address of the stack's own, and a route to the network of `prefix_bits` around it.
    #[must_use]
    pub fn address(mut self, address: IpAddr, prefix_bits: u8) -> Self {
        self.addresses.push(InterfaceAddress {
            address,
            prefix_bits,
        });
        self
    }

    /// As [`address`](Self::address), from a text such as `192.0.2.2/24` or `2001:db8::2/64`.
    ///
    /// # Errors
    ///
    /// The text is no address with a prefix's length.
    pub fn cidr(self, text: &str) -> Result<Self, ParseError> {
        let (address, prefix_bits) = parse_cidr(text)?;
        Ok(self.address(address, prefix_bits))
    }

    /// Adds a route: packets to the network of `prefix_bits` around `destination` go to the device.
    #[must_use]
    pub fn route(mut self, destination: IpAddr, prefix_bits: u8) -> Self {
        self.routes.push(Route {
            destination,
            prefix_bits,
            source: None,
        });
        self
    }

    /// Adds the default routes of both families: everything goes to the device.
    #[must_use]
    pub fn default_routes(self) -> Self {
        self.route(Ipv4Addr::UNSPECIFIED.into(), 0)
            .route(Ipv6Addr::UNSPECIFIED.into(), 0)
    }

    /// The MTU in octets, where it should be smaller than the device's.
    #[must_use]
    pub fn mtu(mut self, octets: u16) -> Self {
        self.mtu_octets = Some(octets);
        self
    }

    /// A known seed: the same seed and inputs give the same packets. Whoever knows it can guess
    /// every sequence number, so this is for tests and never for a network with others in it.
    /// Without it the system's randomness is used.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The limits and defaults of the stack.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// How names are resolved, instead of what `/etc/resolv.conf` and `/etc/hosts` say: then no file
    /// is read.
    #[must_use]
    pub fn resolver(mut self, settings: ResolverSettings) -> Self {
        self.resolver = Some(settings);
        self
    }

    /// Files that say how names are resolved, instead of those of the host. They are read when a
    /// name is looked up.
    #[must_use]
    pub fn resolver_files(mut self, files: ResolverFiles) -> Self {
        self.resolver_files = Some(files);
        self
    }

    /// `settings` unless others were given.
    pub(crate) fn resolver_if_none(mut self, settings: ResolverSettings) -> Self {
        self.resolver.get_or_insert(settings);
        self
    }

    /// How long connections that were closed may go on to deliver what was written, once the last
    /// handle is dropped. One second unless set.
    #[must_use]
    pub fn farewell(mut self, farewell: Duration) -> Self {
        self.farewell = farewell;
        self
    }

    /// Has `watcher` look at every packet that crosses the device, with its reasons. It may be called
    /// again: all watchers share one thread, and none of them can hold up the network.
    #[must_use]
    pub fn watch(mut self, watcher: impl PacketWatcher + 'static) -> Self {
        self.watchers.push(Box::new(watcher));
        self
    }

    /// Starts the stack and its packet thread.
    ///
    /// # Errors
    ///
    /// See [`StartError`]. Nothing was started.
    pub fn start(self) -> Result<Net, StartError> {
        let device = self.device.ok_or(StartError::NoDevice)?;
        let capabilities = device.capabilities();
        let device_name: String = device.name().unwrap_or(interfaces::DEVICE_NAME).into();
        let mut config = self.config;
        let mtu = self
            .mtu_octets
            .unwrap_or(capabilities.mtu_octets)
            .min(capabilities.mtu_octets);
        config.mtu_octets = u64::from(mtu);
        let seed = match self.seed {
            Some(seed) => seed,
            None => seed_from(&mut SysRng)?,
        };
        let stream_limits = StreamLimits {
            receive_octets: octets(config.receive_buffer_octets),
            // The stack's own queue holds the rest: this one only covers the hand-over.
            send_octets: octets(config.send_buffer_octets_max / 8).clamp(64 * 1024, 512 * 1024),
        };
        let datagram_limits = DatagramLimits {
            datagrams: octets(config.socket_datagrams_max),
            octets: octets(config.socket_octets_max),
        };
        let offload = Offload {
            partial_checksum: capabilities.partial_checksum,
            segmentation: capabilities.segmentation,
        };
        let syn_ack_patience = Duration::from_millis(config.syn_ack_give_up_ms);
        let mut stack = Stack::new(config, seed, offload)?;
        let now = Instant::ZERO;
        for InterfaceAddress {
            address,
            prefix_bits,
        } in self.addresses
        {
            stack
                .user_calls(
                    now,
                    Call::AddAddress(InterfaceAddress {
                        address,
                        prefix_bits,
                    }),
                )
                .map_err(|refused| StartError::Address {
                    address,
                    prefix_bits,
                    refused,
                })?;
        }
        // Nothing is refused here.
        let _ = stack.user_calls(now, Call::SetReach(self.reach));
        for route in self.routes {
            stack
                .user_calls(now, Call::AddRoute(route))
                .map_err(|refused| StartError::Route {
                    destination: route.destination,
                    prefix_bits: route.prefix_bits,
                    refused,
                })?;
        }
        let names = match self.resolver {
            Some(settings) => {
                stack
                    .user_calls(now, Call::SetResolver(settings))
                    .map_err(StartError::Resolver)?;
                None
            }
            None => Some(match self.resolver_files {
                Some(files) => Arc::new(Names::of_files(Arc::new(Files::new(files)))),
                None => Names::of_host(),
            }),
        };
        let clock = Clock::start();
        let watch = if self.watchers.is_empty() {
            None
        } else {
            let about = Watching {
                device_name: String::clone(&device_name),
                began: SystemTime::now(),
                mtu_octets: mtu,
            };
            Some(Watch::start(self.watchers, about)?)
        };
        let running = start(Parts {
            stack,
            device,
            clock,
            watch,
            stream_limits,
            requests_max: REQUESTS_MAX,
            look_again: LOOK_AGAIN,
            farewell: Farewell(self.farewell),
        })?;
        Ok(Net(Backend::Stack(Arc::new(Shared {
            mailbox: running.mailbox,
            thread: Mutex::new(Some(running.thread)),
            stream_limits,
            datagram_limits,
            syn_ack_patience,
            device_name: device_name.into(),
            lookups_asked: std::sync::atomic::AtomicU64::new(0),
            names: RwLock::new(names),
        }))))
    }
}

/// Real randomness, or none at all (BAD-86).
fn seed_from(source: &mut impl TryRng) -> Result<Seed, StartError> {
    let mut seed = Seed::default();
    source
        .try_fill_bytes(&mut seed)
        .map_err(|error| StartError::NoRandomness(error.to_string()))?;
    Ok(seed)
}

fn octets(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Reads `address/bits`.
fn parse_cidr(text: &str) -> Result<(IpAddr, u8), ParseError> {
    let error = || ParseError {
        kind: "CIDR address",
        text: text.into(),
    };
    let (address, bits) = text.split_once('/').ok_or_else(error)?;
    let address = crate::parse_ip(address).ok_or_else(error)?;
    let is_number = !bits.is_empty() && bits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number || (bits.len() > 1 && bits.starts_with('0')) {
        return Err(error());
    }
    let most = if address.is_ipv4() { 32 } else { 128 };
    match bits.parse::<u8>() {
        Ok(bits) if bits <= most => Ok((address, bits)),
        Ok(_) | Err(_) => Err(error()),
    }
}

#[cfg(test)]
mod tests;
