//! The host's interfaces, as the kernel lists them (RFC 3549 §2.3.3.1, §2.3.3.2).
//!
//! `interfaces.rs` asks for them. Links and addresses come over rtnetlink, groups from `/proc/net`,
//! which is where Go reads them; a kernel without these files has no groups to tell of.

use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Flags, Interface};
use crate::device::netlink::{Message, Netlink, find_attribute};
use crate::error::{Cause, SysCall};
use crate::{HardwareAddr, IPAddr, IPNet};

/// `RTM_GETLINK`, and what it is answered with.
const GET_LINK: u16 = 18;
const NEW_LINK: u16 = 16;
/// `RTM_GETADDR`, and what it is answered with.
const GET_ADDRESS: u16 = 22;
const NEW_ADDRESS: u16 = 20;

/// The fixed part of a message about a link, and of one about an address.
const LINK_INFO_OCTETS: usize = 16;
const ADDRESS_INFO_OCTETS: usize = 8;

/// Attributes of a link.
const LINK_ADDRESS: u16 = 1;
const LINK_NAME: u16 = 3;
const LINK_MTU: u16 = 4;
/// Attributes of an address: the other end's of a link between two, else our own; and our own.
const ADDRESS_ADDRESS: u16 = 1;
const ADDRESS_LOCAL: u16 = 2;

/// The kernel's flags (netdevice(7)), and ours.
const FLAGS: [(u32, Flags); 6] = [
    (0x1, Flags::UP),
    (0x2, Flags::BROADCAST),
    (0x8, Flags::LOOPBACK),
    (0x10, Flags::POINT_TO_POINT),
    (0x1000, Flags::MULTICAST),
    (0x40, Flags::RUNNING),
];

/// The most octets that are read of a list of groups.
const GROUPS_OCTETS_MAX: u64 = 1024 * 1024;

pub(super) fn interfaces() -> Result<Vec<Interface>, Cause> {
    let failed = |errno: rustix::io::Errno| Cause::sys(SysCall::Netlink, errno.into());
    let netlink = Netlink::open().map_err(failed)?;
    let links = netlink
        .dump(GET_LINK, &[0; LINK_INFO_OCTETS])
        .map_err(failed)?;
    let addresses = netlink
        .dump(GET_ADDRESS, &[0; ADDRESS_INFO_OCTETS])
        .map_err(failed)?;
    let mut interfaces: Vec<Interface> = links.iter().filter_map(link).collect();
    for (index, address) in addresses.iter().filter_map(address) {
        if let Some(one) = interfaces.iter_mut().find(|one| one.index == index) {
            one.addrs.push(address);
        }
    }
    let (v4, v6) = (read("/proc/net/igmp"), read("/proc/net/igmp6"));
    for (index, group) in groups_v4(&v4).chain(groups_v6(&v6)) {
        if let Some(one) = interfaces.iter_mut().find(|one| one.index == index) {
            one.groups.push(IPAddr::from(group));
        }
    }
    interfaces.sort_by_key(|one| one.index);
    Ok(interfaces)
}

fn number(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*octets.get(at..)?.first_chunk()?))
}

fn link(message: &Message) -> Option<Interface> {
    if message.kind != NEW_LINK {
        return None;
    }
    let kernel_flags = number(&message.body, 8)?;
    let attributes = message.body.get(LINK_INFO_OCTETS..)?;
    let name = find_attribute(attributes, LINK_NAME)?;
    let name = name.split(|octet| *octet == 0).next()?;
    let hardware = find_attribute(attributes, LINK_ADDRESS).unwrap_or_default();
    // A loopback says that it is zero, a tunnel that it is an IP address: neither is one (as in Go).
    let is_none = hardware.iter().all(|octet| *octet == 0) || hardware.len() == 4;
    Some(Interface {
        index: number(&message.body, 4)?,
        mtu: number(find_attribute(attributes, LINK_MTU)?, 0)?,
        name: String::from_utf8_lossy(name).into_owned(),
        hardware_addr: match is_none {
            true => HardwareAddr::NONE,
            false => HardwareAddr::new(hardware).unwrap_or_default(),
        },
        flags: FLAGS
            .iter()
            .filter(|(bit, _)| kernel_flags & bit != 0)
            .fold(Flags::default(), |all, (_, flag)| all | *flag),
        addrs: Vec::new(),
        groups: Vec::new(),
    })
}

fn address(message: &Message) -> Option<(u32, IPNet)> {
    if message.kind != NEW_ADDRESS {
        return None;
    }
    let prefix_bits = *message.body.get(1)?;
    let index = number(&message.body, 4)?;
    let attributes = message.body.get(ADDRESS_INFO_OCTETS..)?;
    let value = find_attribute(attributes, ADDRESS_LOCAL)
        .or_else(|| find_attribute(attributes, ADDRESS_ADDRESS))?;
    let ip = match (<[u8; 4]>::try_from(value), <[u8; 16]>::try_from(value)) {
        (Ok(octets), _) => IpAddr::from(octets),
        (_, Ok(octets)) => IpAddr::from(octets),
        (Err(_), Err(_)) => return None,
    };
    Some((index, IPNet::new(ip, prefix_bits)?))
}

/// Lines of `index name : …`, each followed by lines that begin with white space and a group in the
/// octet order of the host.
fn groups_v4(text: &str) -> impl Iterator<Item = (u32, IpAddr)> {
    let mut index = None;
    text.lines().skip(1).filter_map(move |line| {
        let first = line.split_ascii_whitespace().next()?;
        if !line.starts_with(char::is_whitespace) {
            index = first.parse().ok();
            return None;
        }
        let group = u32::from_str_radix(first, 16).ok()?;
        Some((index?, Ipv4Addr::from(group.to_ne_bytes()).into()))
    })
}

/// Lines of `index name group …`.
fn groups_v6(text: &str) -> impl Iterator<Item = (u32, IpAddr)> {
    text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let index = words.next()?.parse().ok()?;
        let group = u128::from_str_radix(words.nth(1)?, 16).ok()?;
        Some((index, Ipv6Addr::from_bits(group).into()))
    })
}

fn read(path: &str) -> String {
    let mut text = Vec::new();
    if let Ok(file) = File::open(path) {
        // What was read before an error still tells of groups.
        let _ = file.take(GROUPS_OCTETS_MAX).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_groups_are_read_by_interface() {
        let v4 = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n\
                  1\tlo        :     1      V3\n\
                  \t\t\t\t010000E0     1 0:00000000\t\t0\n\
                  4\teth0      :     2      V3\n\
                  \t\t\t\tFB0000E0     1 0:00000000\t\t0\n\
                  \t\t\t\t010000E0     1 0:00000000\t\t0\n";
        let groups: Vec<_> = groups_v4(v4).collect();
        let one = |index, group: [u8; 4]| (index, IpAddr::from(group));
        assert_eq!(
            groups,
            [
                one(1, [224, 0, 0, 1]),
                one(4, [224, 0, 0, 251]),
                one(4, [224, 0, 0, 1]),
            ]
        );
        let v6 = "1    lo              ff020000000000000000000000000001     1 0000000C 0\n";
        let groups: Vec<_> = groups_v6(v6).collect();
        assert_eq!(groups, [(1, "ff02::1".parse().unwrap())]);
        assert_eq!(
            groups_v4("nonsense").count() + groups_v6("x y\n").count(),
            0
        );
    }
}
