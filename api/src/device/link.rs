//! The kernel's side of an interface: its state, MTU, addresses and routes.
//!
//! `tun.rs` sets up with it what the user asked for, and namespaces bring `lo` up. It touches the
//! network namespace of the calling thread, and only the interface that it was given.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use rustix::io::Errno as Raw;
use sidestep_stack::call::{InterfaceAddress, Route};
use thiserror::Error;

use super::netlink::{CREATE, Netlink, Request, find_attribute};
use crate::error::Errno;

// linux/rtnetlink.h
const NEW_LINK: u16 = 16;
#[cfg(test)]
const DELETE_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const DELETE_ADDRESS: u16 = 21;
const NEW_ROUTE: u16 = 24;
const DELETE_ROUTE: u16 = 25;
const GET_ROUTE: u16 = 26;
const ROUTE_DESTINATION: u16 = 1;
const ROUTE_INTERFACE: u16 = 4;
const ROUTE_SOURCE: u16 = 7;
const TABLE_MAIN: u8 = 254;
const PROTOCOL_STATIC: u8 = 4;
const SCOPE_LINK: u8 = 253;
const TYPE_UNICAST: u8 = 1;
const TYPE_LOCAL: u8 = 2;
/// Where the type is in `struct rtmsg`.
const ROUTE_TYPE_AT: usize = 7;
/// How often, and in what steps, we look whether the kernel delivers to a new address.
const DELIVERS_LOOKS_MAX: u32 = 1_000;
const DELIVERS_LOOK_EVERY: Duration = Duration::from_millis(1);

// linux/if_link.h
const LINK_NAME: u16 = 3;
const LINK_MTU: u16 = 4;
const LINK_TX_QUEUE: u16 = 13;
const INFO_OCTETS: usize = 16;
const FLAG_UP: u32 = 1;

// linux/if_addr.h
const ADDRESS_ADDRESS: u16 = 1;
const ADDRESS_LOCAL: u16 = 2;
/// Usable at once: there is nobody on a TUN with whom to agree on an address.
const FLAG_NO_DAD: u8 = 2;

const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 10;

/// What was to be done to an interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Setting {
    /// To ask the kernel about it.
    Query,
    /// To bring it up or down.
    State,
    /// To set its MTU.
    Mtu,
    /// To set how many packets may wait for us.
    TxQueue,
    /// To give the kernel this address on it.
    Address(InterfaceAddress),
    /// To route this prefix through it.
    Route(Route),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query => f.write_str("ask about it"),
            Self::State => f.write_str("bring it up"),
            Self::Mtu => f.write_str("set its MTU"),
            Self::TxQueue => f.write_str("set the length of its queue"),
            Self::Address(InterfaceAddress {
                address,
                prefix_bits,
            }) => write!(f, "add the address {address}/{prefix_bits}"),
            Self::Route(route) => write!(
                f,
                "add the route {}/{}",
                route.destination, route.prefix_bits
            ),
        }
    }
}

/// The kernel did not do what was asked of an interface.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("interface {interface}: cannot {setting}: {errno}")]
pub struct LinkError {
    /// Which interface.
    pub interface: Box<str>,
    /// What was to be done.
    pub setting: Setting,
    /// Why it was not.
    pub errno: Errno,
}

impl LinkError {
    /// True if the caller lacks `CAP_NET_ADMIN` in the network namespace.
    pub fn lacks_right(&self) -> bool {
        matches!(self.errno, Errno::EPERM | Errno::EACCES)
    }
}

/// Whether an interface carries packets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LinkState {
    /// It does.
    #[default]
    Up,
    /// It does not.
    Down,
}

/// Brings the interface `name` up, in the network namespace of the calling thread. `lo` in a new
/// namespace is down, and nobody can speak to 127.0.0.1.
///
/// # Errors
///
/// There is no such interface, or the right is missing.
pub fn bring_up(name: &str) -> Result<(), LinkError> {
    Link::find(name)?.set_state(LinkState::Up)
}

/// An interface of the kernel.
#[derive(Debug)]
pub(super) struct Link {
    netlink: Netlink,
    name: Box<str>,
    index: u32,
}

/// What the kernel says about an interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct LinkInfo {
    pub(super) state: LinkState,
    pub(super) mtu_octets: u32,
    pub(super) tx_queue_packets: u32,
}

impl Link {
    pub(super) fn find(name: &str) -> Result<Self, LinkError> {
        let failed = |errno: Raw| LinkError {
            interface: name.into(),
            setting: Setting::Query,
            errno: errno.into(),
        };
        let netlink = Netlink::open().map_err(failed)?;
        let request = Request::new(GET_LINK, 0, &[0; INFO_OCTETS])
            .attribute(LINK_NAME, &[name.as_bytes(), &[0]].concat());
        let answer = netlink.ask(request).map_err(failed)?;
        let index = answer
            .as_deref()
            .and_then(|answer| Some(u32::from_ne_bytes(*answer.get(4..)?.first_chunk()?)))
            .ok_or_else(|| failed(Raw::PROTO))?;
        Ok(Self {
            netlink,
            name: name.into(),
            index,
        })
    }

    pub(super) fn info(&self) -> Result<LinkInfo, LinkError> {
        let request = Request::new(GET_LINK, 0, &link_info(self.index, 0, 0));
        let answer = self.ask(Setting::Query, request)?.unwrap_or_default();
        let read = || {
            let flags = u32::from_ne_bytes(*answer.get(8..)?.first_chunk()?);
            let attributes = answer.get(INFO_OCTETS..)?;
            let number = |kind| {
                let value = find_attribute(attributes, kind)?.first_chunk()?;
                Some(u32::from_ne_bytes(*value))
            };
            Some(LinkInfo {
                state: match flags & FLAG_UP {
                    0 => LinkState::Down,
                    _ => LinkState::Up,
                },
                mtu_octets: number(LINK_MTU)?,
                tx_queue_packets: number(LINK_TX_QUEUE)?,
            })
        };
        read().ok_or_else(|| self.failed(Setting::Query, Raw::PROTO))
    }

    pub(super) fn set_state(&self, state: LinkState) -> Result<(), LinkError> {
        let flags = match state {
            LinkState::Up => FLAG_UP,
            LinkState::Down => 0,
        };
        let info = link_info(self.index, flags, FLAG_UP);
        self.ask(Setting::State, Request::new(NEW_LINK, 0, &info))
            .map(drop)
    }

    /// Deletes it, as somebody else might under our feet.
    #[cfg(test)]
    pub(super) fn delete(&self) -> Result<(), LinkError> {
        let info = link_info(self.index, 0, 0);
        self.ask(Setting::State, Request::new(DELETE_LINK, 0, &info))
            .map(drop)
    }

    pub(super) fn set_mtu(&self, octets: u32) -> Result<(), LinkError> {
        let request = Request::new(NEW_LINK, 0, &link_info(self.index, 0, 0))
            .attribute(LINK_MTU, &octets.to_ne_bytes());
        self.ask(Setting::Mtu, request).map(drop)
    }

    pub(super) fn set_tx_queue(&self, packets: u32) -> Result<(), LinkError> {
        let request = Request::new(NEW_LINK, 0, &link_info(self.index, 0, 0))
            .attribute(LINK_TX_QUEUE, &packets.to_ne_bytes());
        self.ask(Setting::TxQueue, request).map(drop)
    }

    pub(super) fn add_address(&self, address: InterfaceAddress) -> Result<(), LinkError> {
        let request = self.address_request(NEW_ADDRESS, CREATE, address);
        self.ask(Setting::Address(address), request).map(drop)
    }

    /// Waits until the kernel delivers to a new address of its own on an interface that is up.
    ///
    /// An IPv6 address is accepted at once, but its host route is made by a worker of the kernel's a
    /// moment later, even without duplicate address detection; until then what is sent to it is
    /// lost. After a second we go on: the address will come to life on its own.
    pub(super) fn await_address(&self, address: IpAddr) -> Result<(), LinkError> {
        for _ in 0..DELIVERS_LOOKS_MAX {
            if address.is_ipv4() || self.delivers(address)? {
                break;
            }
            std::thread::sleep(DELIVERS_LOOK_EVERY);
        }
        Ok(())
    }

    /// True if the kernel takes packets to `address` for itself.
    fn delivers(&self, address: IpAddr) -> Result<bool, LinkError> {
        let (family, octets) = family_and_octets(address);
        let prefix_bits = if address.is_ipv4() { 32 } else { 128 };
        let fixed = [family, prefix_bits, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let request = Request::new(GET_ROUTE, 0, &fixed).attribute(ROUTE_DESTINATION, &octets);
        match self.netlink.ask(request) {
            Ok(Some(route)) => Ok(route.get(ROUTE_TYPE_AT) == Some(&TYPE_LOCAL)),
            // No route at all, yet.
            Ok(None) | Err(Raw::NETUNREACH | Raw::HOSTUNREACH) => Ok(false),
            Err(errno) => Err(self.failed(Setting::State, errno)),
        }
    }

    pub(super) fn remove_address(&self, address: InterfaceAddress) -> Result<(), LinkError> {
        let request = self.address_request(DELETE_ADDRESS, 0, address);
        self.ask(Setting::Address(address), request).map(drop)
    }

    pub(super) fn add_route(&self, route: Route) -> Result<(), LinkError> {
        let request = self.route_request(NEW_ROUTE, CREATE, route);
        self.ask(Setting::Route(route), request).map(drop)
    }

    pub(super) fn remove_route(&self, route: Route) -> Result<(), LinkError> {
        let request = self.route_request(DELETE_ROUTE, 0, route);
        self.ask(Setting::Route(route), request).map(drop)
    }

    fn address_request(&self, kind: u16, flags: u16, address: InterfaceAddress) -> Request {
        let InterfaceAddress {
            address,
            prefix_bits,
        } = address;
        let (family, octets) = family_and_octets(address);
        let no_dad = match address {
            IpAddr::V4(_) => 0,
            IpAddr::V6(_) => FLAG_NO_DAD,
        };
        let mut fixed = vec![family, prefix_bits, no_dad, 0];
        fixed.extend_from_slice(&self.index.to_ne_bytes());
        Request::new(kind, flags, &fixed)
            .attribute(ADDRESS_LOCAL, &octets)
            .attribute(ADDRESS_ADDRESS, &octets)
    }

    fn route_request(&self, kind: u16, flags: u16, route: Route) -> Request {
        let (family, destination) = family_and_octets(route.destination);
        let fixed = [
            family,
            route.prefix_bits,
            0,
            0,
            TABLE_MAIN,
            PROTOCOL_STATIC,
            SCOPE_LINK,
            TYPE_UNICAST,
            0,
            0,
            0,
            0,
        ];
        let request = Request::new(kind, flags, &fixed)
            .attribute(ROUTE_DESTINATION, &destination)
            .attribute(ROUTE_INTERFACE, &self.index.to_ne_bytes());
        match route.source {
            None => request,
            Some(source) => request.attribute(ROUTE_SOURCE, &family_and_octets(source).1),
        }
    }

    fn ask(&self, setting: Setting, request: Request) -> Result<Option<Vec<u8>>, LinkError> {
        self.netlink
            .ask(request)
            .map_err(|errno| self.failed(setting, errno))
    }

    fn failed(&self, setting: Setting, errno: Raw) -> LinkError {
        LinkError {
            interface: self.name.clone(),
            setting,
            errno: errno.into(),
        }
    }
}

/// `struct ifinfomsg`.
fn link_info(index: u32, flags: u32, change: u32) -> [u8; INFO_OCTETS] {
    let mut octets = [0; INFO_OCTETS];
    octets[4..8].copy_from_slice(&index.to_ne_bytes());
    octets[8..12].copy_from_slice(&flags.to_ne_bytes());
    octets[12..].copy_from_slice(&change.to_ne_bytes());
    octets
}

fn family_and_octets(ip: IpAddr) -> (u8, Vec<u8>) {
    match ip {
        IpAddr::V4(ip) => (FAMILY_V4, ip.octets().to_vec()),
        IpAddr::V6(ip) => (FAMILY_V6, ip.octets().to_vec()),
    }
}
