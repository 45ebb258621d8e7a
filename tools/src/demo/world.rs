//! The two stacks of the demo and what lies between them.
//!
//! `demo/mod.rs` builds one: in a namespace of its own with the kernel on the other side of a TUN device,
//! or with a second Sidestep at the other end of a cable, and then it says why. The checks see only
//! [`Pair`]s.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sidestep::Net;
use sidestep_stack::call::ResolverSettings;

use super::names;
use super::pair::{End, Family, Pair, Whose};
use super::report::Crossing;
use super::{Device, Options};
use crate::bring_up::{Beyond, NotUp, Plan};
use crate::namespace::enter_own_network;

/// Two stacks with a device between them.
#[derive(Debug)]
pub(super) struct World {
    /// The stack that the demo is about.
    pub(super) ours: Net,
    /// The other side.
    pub(super) theirs: Net,
    /// What the report calls the other side.
    pub(super) their_name: &'static str,
    /// The other side's addresses.
    pub(super) their_v4: IpAddr,
    /// See `their_v4`.
    pub(super) their_v6: IpAddr,
    /// What the packets cross.
    pub(super) crossing: Crossing,
    /// Why it is no TUN device.
    pub(super) why: Option<String>,
}

const OUR_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const OUR_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));
const THEIR_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const THEIR_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
/// Addresses in no network of either side.
const NOWHERE_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
const NOWHERE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1));

impl World {
    /// Builds one. Must be called before the process has a second thread.
    pub(super) fn build(options: &Options) -> Result<Self, NotUp> {
        let plan = plan(options);
        let why = match options.device {
            Device::TunIfAllowed => match on_tun(&plan) {
                Ok(world) => return Ok(world),
                Err(why) => why,
            },
            Device::Memory => "The cable in memory was asked for.".to_owned(),
        };
        let (ours, theirs) = plan.on_cable()?;
        Ok(Self::new(ours, theirs, Crossing::Memory, Some(why)))
    }

    fn new(ours: Net, theirs: Net, crossing: Crossing, why: Option<String>) -> Self {
        Self {
            ours,
            theirs,
            their_name: match crossing {
                Crossing::Tun => "kernel",
                Crossing::Memory => "second Sidestep",
            },
            their_v4: THEIR_V4,
            their_v6: THEIR_V6,
            crossing,
            why,
        }
    }

    /// Both directions of one family: each side dials the other.
    pub(super) fn pairs(&self, family: Family) -> [Pair; 2] {
        let (our_address, their_address, nowhere) = match family {
            Family::V4 => (OUR_V4, self.their_v4, NOWHERE_V4),
            Family::V6 => (OUR_V6, self.their_v6, NOWHERE_V6),
        };
        let ours = End {
            net: self.ours.clone(),
            whose: Whose::Sidestep,
            name: "Sidestep",
            address: our_address,
        };
        let theirs = End {
            net: self.theirs.clone(),
            whose: match self.crossing {
                Crossing::Tun => Whose::Kernel,
                Crossing::Memory => Whose::Sidestep,
            },
            name: self.their_name,
            address: their_address,
        };
        let pair = |client: &End, server: &End| Pair {
            family,
            client: client.clone(),
            server: server.clone(),
            nowhere,
        };
        [pair(&theirs, &ours), pair(&ours, &theirs)]
    }
}

fn plan(options: &Options) -> Plan {
    Plan {
        seed: options.seed,
        written: options.written.clone(),
        beyond: Beyond::Nowhere,
        resolver: Some(ResolverSettings {
            servers: vec![
                SocketAddr::new(THEIR_V4, names::PORT),
                SocketAddr::new(THEIR_V6, names::PORT),
            ],
            search: vec![names::SEARCH.to_owned()],
            ndots: 1,
            hosts: names::HOSTS.to_owned(),
            ..ResolverSettings::default()
        }),
        ..Plan::default()
    }
}

/// What helps where nobody knows better.
const BY_ROOT: &str = "run as root";

/// The kernel on the other side; or a sentence why not, and what to do.
fn on_tun(plan: &Plan) -> Result<World, String> {
    enter_own_network().map_err(|error| {
        let hint = error.hint().unwrap_or(BY_ROOT);
        format!(
            "This demo runs on a cable in memory, because it may not make a network of its own \
             ({error}). To see it talk with the kernel: {hint}."
        )
    })?;
    let ours = plan.on_tun().map_err(|error| {
        let (error, hint) = match error {
            NotUp::Tun(error) => (error.to_string(), error.hint()),
            NotUp::Cable(_) | NotUp::Capture { .. } | NotUp::Start(_) => (error.to_string(), None),
        };
        let hint = hint.unwrap_or_else(|| BY_ROOT.to_owned());
        format!(
            "This demo runs on a cable in memory, because it may not make a TUN device ({error}). \
             To see it talk with the kernel: {hint}."
        )
    })?;
    Ok(World::new(ours, Net::host(), Crossing::Tun, None))
}
