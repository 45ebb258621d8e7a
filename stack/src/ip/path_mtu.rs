//! The largest packet that a path takes, as far as we were told (RFC 1191 §6, RFC 8201 §5.2).
//!
//! `ip/mod.rs` lends it what a validated ICMP error said, and asks it for each path. A message can only
//! lower an estimate, never below the family's floor; after `path_mtu_lifetime_ms` the estimate is
//! forgotten, and the next large packet finds out anew (RFC 1191 §6.3).

use core::net::IpAddr;

use crate::base::aged::AgedMap;
use crate::base::{Instant, Random};
use crate::config::{Config, millis};

use super::interface::V6_MTU_OCTETS_MIN;

/// Representative MTUs (RFC 1191 §7.1, table 7-1), with the 1,280 that IPv6 has added.
const PLATEAUS: [u16; 13] = [
    65_535, 32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_280, 1_006, 508, 296, 68, 0,
];

#[derive(Clone, Copy, Debug)]
struct Estimate {
    mtu_octets: u16,
    forget_at: Instant,
}

/// What an ICMP error said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Told {
    /// MTU of the next hop; 0 from old routers.
    pub(crate) mtu_octets: u32,
    /// How large the packet was.
    pub(crate) packet_octets: u32,
}

/// Estimates that are lower than the link's MTU.
#[derive(Clone, Debug)]
pub(crate) struct PathMtus {
    /// An estimate that is lowered again becomes young, so the oldest is forgotten first.
    estimates: AgedMap<IpAddr, Estimate>,
}

impl PathMtus {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            estimates: AgedMap::new(random.key()),
        }
    }

    /// The estimate for the path to `destination` over a link of `link_mtu_octets`.
    pub(crate) fn get(&self, destination: IpAddr, link_mtu_octets: u16) -> u16 {
        match self.estimates.get(&destination) {
            Some(estimate) => estimate.mtu_octets.min(link_mtu_octets),
            None => link_mtu_octets,
        }
    }

    /// A router says that a packet was too big. The new estimate, if that lowered it.
    pub(crate) fn lower(
        &mut self,
        config: &Config,
        now: Instant,
        destination: IpAddr,
        told: Told,
        link_mtu_octets: u16,
    ) -> Option<u16> {
        let told = match destination {
            IpAddr::V4(_) => told_v4(config, told),
            IpAddr::V6(_) => told_v6(told)?,
        };
        if told >= self.get(destination, link_mtu_octets) {
            return None;
        }
        if self.estimates.get(&destination).is_none()
            && self.estimates.len() >= config.path_mtu_entries_max as usize
        {
            self.estimates.remove_oldest();
        }
        let estimate = Estimate {
            mtu_octets: told,
            forget_at: now + millis(config.path_mtu_lifetime_ms),
        };
        self.estimates.insert(destination, estimate);
        Some(told)
    }

    /// Forgets estimates whose time has come.
    pub(crate) fn time_passes(&mut self, now: Instant) {
        while self.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.estimates.remove_oldest();
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.estimates
            .oldest()
            .map(|(_, estimate)| estimate.forget_at)
    }
}

/// RFC 1191 §3, §5: never below the floor; a router that says nothing (MTU 0) means the next plateau
/// below the packet that it could not carry.
fn told_v4(config: &Config, told: Told) -> u16 {
    let told = match u16::try_from(told.mtu_octets).unwrap_or(u16::MAX) {
        0 => PLATEAUS
            .into_iter()
            .find(|plateau| u32::from(*plateau) < told.packet_octets)
            .unwrap_or(0),
        told => told,
    };
    told.max(config.path_mtu_v4_octets_min as u16)
}

/// RFC 8201 §4: a message with an MTU below 1,280 is dropped; it makes no fragment header either
/// (RFC 8021).
fn told_v6(told: Told) -> Option<u16> {
    let told = u16::try_from(told.mtu_octets).unwrap_or(u16::MAX);
    (told >= V6_MTU_OCTETS_MIN).then_some(told)
}

#[cfg(test)]
mod tests;
