//! Groups that have a meaning of their own (RFC 1112 §4, RFC 4291 §2.7.1, RFC 3376 §4.2.14).
//!
//! `ip` asks which of them every host belongs to, `udp` whom they are for, `group` where reports go.
//! They are plain values; nothing here joins anything.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All hosts of the network (RFC 1112 §4).
pub const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// All routers of the network: where IGMPv2 says goodbye (RFC 2236 §3).
pub const ALL_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
/// Routers that understand IGMPv3: where its reports go (RFC 3376 §4.2.14).
pub const IGMP_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);

/// All nodes of this host (RFC 4291 §2.7.1).
pub const INTERFACE_ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 1);
/// All nodes of the link (RFC 4291 §2.7.1).
pub const LINK_ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers of the link: where MLDv1 says goodbye (RFC 2710 §5).
pub const LINK_ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// Routers that understand MLDv2: where its reports go (RFC 3810 §5.2.14).
pub const MLD_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);

/// The prefix of solicited-node groups, and the part that an address fills in (RFC 4291 §2.7.1).
const SOLICITED_NODE: u128 = 0xff02_0000_0000_0000_0000_0001_ff00_0000;
const SOLICITED_NODE_LOW: u128 = 0x00ff_ffff;

/// The group of all nodes that have an address like `address` (RFC 4291 §2.7.1).
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(SOLICITED_NODE | (address.to_bits() & SOLICITED_NODE_LOW))
}

/// Whether hosts belong to `group` without having joined it: to that of all hosts, and to those of
/// their addresses. What is sent there concerns every socket on the port.
pub fn is_permanent(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => group == ALL_HOSTS,
        IpAddr::V6(group) => {
            group == INTERFACE_ALL_NODES
                || group == LINK_ALL_NODES
                || group.to_bits() & !SOLICITED_NODE_LOW == SOLICITED_NODE
        }
    }
}

/// Whether membership in `group` is told to routers: not where everybody belongs, nor where nothing
/// leaves the host (RFC 3376 §5, RFC 3810 §6).
pub fn is_reported(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => group != ALL_HOSTS,
        // The scope is the low half of the second octet; 0 is reserved, 1 this host.
        IpAddr::V6(group) => group != LINK_ALL_NODES && group.octets()[1] & 0x0f > 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4291_2_7_1_solicited_node_groups_take_24_bits_of_the_address() {
        let address = "4037::1:800:200e:8c6c".parse().unwrap();
        let group: Ipv6Addr = "ff02::1:ff0e:8c6c".parse().unwrap();
        assert_eq!(solicited_node(address), group);
        assert!(is_permanent(solicited_node(address).into()));
        assert!(!is_permanent("ff02::1:fe0e:8c6c".parse().unwrap()));
    }

    #[test]
    fn what_everybody_belongs_to_is_not_reported() {
        for silent in ["224.0.0.1", "ff02::1", "ff01::1", "ff01::5", "ff00::5"] {
            assert!(!is_reported(silent.parse().unwrap()), "{silent}");
        }
        for told in [
            "224.0.0.2",
            "224.0.0.251",
            "239.1.2.3",
            "ff02::fb",
            "ff05::2",
            "ff02::1:ff00:1",
        ] {
            assert!(is_reported(told.parse().unwrap()), "{told}");
        }
    }
}
