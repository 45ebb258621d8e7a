//! Interfaces and their addresses: Go's `Interface`, `Flags` and `InterfaceAddrs`.
//!
//! A stack has two: its loopback `lo`, and its device. The host has those of the network namespace
//! that the caller is in, as rtnetlink (RFC 3549) and `/proc/net/igmp` tell. What is read here is how
//! it was at that moment; nothing is changed.

mod flags;
mod host;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use sidestep_stack::call::InterfaceStatus;
use sidestep_stack::{Call, Reply};

use crate::channel::failure::Failure;
use crate::conn_io::cause;
use crate::deadline::Deadline;
use crate::error::{Cause, InterfaceError, Op, OpError, SysCall};
use crate::net::{Backend, Net, Shared};
use crate::{HardwareAddr, IPAddr, IPNet};

pub use flags::Flags;

/// The index of a stack's loopback.
pub(crate) const LOOPBACK_INDEX: u32 = 1;
/// The index of a stack's device.
pub(crate) const DEVICE_INDEX: u32 = 2;
/// The name of a stack's loopback.
pub(crate) const LOOPBACK_NAME: &str = "lo";
/// The name of a device that has none of its own.
pub(crate) const DEVICE_NAME: &str = "sidestep0";
/// What a loopback says that it carries: as Linux's.
const LOOPBACK_MTU_OCTETS: u32 = 65_536;

/// An interface, as it was when it was asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
#[doc(alias = "net.Interface")]
pub struct Interface {
    /// Its number, from 1 on.
    #[doc(alias = "Index")]
    pub index: u32,
    /// Octets of the largest packet that it takes.
    #[doc(alias = "MTU")]
    pub mtu: u32,
    /// Its name: `lo`, `eth0`, or the device's own.
    #[doc(alias = "Name")]
    pub name: String,
    /// Its address on the link, if it has one.
    #[doc(alias = "HardwareAddr")]
    pub hardware_addr: HardwareAddr,
    /// What it is and can do.
    #[doc(alias = "Flags")]
    pub flags: Flags,
    addrs: Vec<IPNet>,
    groups: Vec<IPAddr>,
}

impl Interface {
    /// Its addresses, each with the network around it.
    #[doc(alias = "Addrs")]
    pub fn addrs(&self) -> &[IPNet] {
        &self.addrs
    }

    /// The groups that the host belongs to on it.
    #[doc(alias = "MulticastAddrs")]
    pub fn multicast_addrs(&self) -> &[IPAddr] {
        &self.groups
    }
}

impl Net {
    /// All interfaces, by their index: the stack's own, or the host's.
    ///
    /// # Errors
    ///
    /// With op `route` and net `ip+net`: [`Cause::StackGone`], or what the host's kernel says.
    #[doc(alias = "Interfaces")]
    pub fn interfaces(&self) -> Result<Vec<Interface>, OpError> {
        match &self.0 {
            Backend::Stack(shared) => of_stack(shared).map_err(failed),
            Backend::Host => host::interfaces().map_err(failed),
        }
    }

    /// The interface with this index.
    ///
    /// # Errors
    ///
    /// With op `route`: `invalid network interface index` for 0, `no such network interface`, else as
    /// for [`interfaces`](Self::interfaces).
    #[doc(alias = "InterfaceByIndex")]
    pub fn interface_by_index(&self, index: u32) -> Result<Interface, OpError> {
        if index == 0 {
            return Err(failed(InterfaceError::InvalidIndex.into()));
        }
        self.find_interface(|interface| interface.index == index)
    }

    /// The interface with this name.
    ///
    /// # Errors
    ///
    /// With op `route`: `invalid network interface name` for the empty one, `no such network
    /// interface`, else as for [`interfaces`](Self::interfaces).
    #[doc(alias = "InterfaceByName")]
    pub fn interface_by_name(&self, name: &str) -> Result<Interface, OpError> {
        if name.is_empty() {
            return Err(failed(InterfaceError::InvalidName.into()));
        }
        self.find_interface(|interface| interface.name == name)
    }

    fn find_interface(&self, is_it: impl Fn(&Interface) -> bool) -> Result<Interface, OpError> {
        self.interfaces()?
            .into_iter()
            .find(is_it)
            .ok_or_else(|| failed(InterfaceError::NoSuchInterface.into()))
    }

    /// The addresses of all interfaces, each with the network around it.
    ///
    /// # Errors
    ///
    /// As for [`interfaces`](Self::interfaces).
    #[doc(alias = "InterfaceAddrs")]
    pub fn interface_addrs(&self) -> Result<Vec<IPNet>, OpError> {
        let interfaces = self.interfaces()?;
        Ok(interfaces.into_iter().flat_map(|one| one.addrs).collect())
    }
}

fn failed(cause: Cause) -> OpError {
    OpError::new(Op::Route, "ip+net", cause)
}

fn of_stack(shared: &Shared) -> Result<Vec<Interface>, Cause> {
    let reply = shared
        .call(Call::Interface, Deadline::NONE)
        .map_err(|failure: Failure| cause(failure, SysCall::GetSockOpt))?;
    let Reply::Interface(status) = reply else {
        return Err(Cause::StackGone);
    };
    Ok(vec![
        loopback(&status),
        device(&status, &shared.device_name),
    ])
}

fn loopback(status: &InterfaceStatus) -> Interface {
    Interface {
        index: LOOPBACK_INDEX,
        mtu: LOOPBACK_MTU_OCTETS,
        name: LOOPBACK_NAME.to_owned(),
        hardware_addr: HardwareAddr::NONE,
        flags: Flags::UP | Flags::LOOPBACK | Flags::RUNNING,
        addrs: networks(status, IpAddr::is_loopback),
        groups: Vec::new(),
    }
}

fn device(status: &InterfaceStatus, name: &str) -> Interface {
    Interface {
        index: DEVICE_INDEX,
        mtu: u32::from(status.mtu_octets),
        name: name.to_owned(),
        hardware_addr: HardwareAddr::NONE,
        flags: Flags::UP | Flags::POINT_TO_POINT | Flags::MULTICAST | Flags::RUNNING,
        addrs: networks(status, |ip| !ip.is_loopback()),
        groups: status.groups.iter().copied().map(IPAddr::from).collect(),
    }
}

fn networks(status: &InterfaceStatus, wanted: impl Fn(&IpAddr) -> bool) -> Vec<IPNet> {
    status
        .addresses
        .iter()
        .filter(|ours| wanted(&ours.address))
        .filter_map(|ours| IPNet::new(ours.address, ours.prefix_bits))
        .collect()
}

/// [`Net::interfaces`] on the current network.
///
/// # Errors
///
/// As for [`Net::interfaces`], and [`Cause::NoStack`].
#[doc(alias = "Interfaces")]
pub fn interfaces() -> Result<Vec<Interface>, OpError> {
    current()?.interfaces()
}

/// [`Net::interface_by_index`] on the current network.
///
/// # Errors
///
/// As for [`Net::interface_by_index`], and [`Cause::NoStack`].
#[doc(alias = "InterfaceByIndex")]
pub fn interface_by_index(index: u32) -> Result<Interface, OpError> {
    current()?.interface_by_index(index)
}

/// [`Net::interface_by_name`] on the current network.
///
/// # Errors
///
/// As for [`Net::interface_by_name`], and [`Cause::NoStack`].
#[doc(alias = "InterfaceByName")]
pub fn interface_by_name(name: &str) -> Result<Interface, OpError> {
    current()?.interface_by_name(name)
}

/// [`Net::interface_addrs`] on the current network.
///
/// # Errors
///
/// As for [`Net::interface_addrs`], and [`Cause::NoStack`].
#[doc(alias = "InterfaceAddrs")]
pub fn interface_addrs() -> Result<Vec<IPNet>, OpError> {
    current()?.interface_addrs()
}

fn current() -> Result<Net, OpError> {
    Net::current_for(Op::Route, "ip+net")
}
