//! One transfer between two hosts over one bad link: what `sidestep sim` runs.
//!
//! The seed, the recipe and the number of octets are the whole input, so the report, its digest
//! included, is the same on any machine. The command and the book build it here. Nothing is printed.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::{Value, json};
use sidestep_stack::call::{ConnectionOptions, InterfaceAddress};
use sidestep_stack::{Config, Duration, Instant};

use super::app::{Ending, Stream, Talk, Talker};
use super::record::{RecordError, Recorder};
use super::{BuildError, CableId, Checks, Failure, Limits, NewHost, NodeId, Ran, World, seed_of};
use crate::link::Recipe;

/// Which family the hosts speak.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Family {
    /// IPv4: 192.0.2.0/24.
    #[default]
    V4,
    /// IPv6: 2001:db8::/64.
    V6,
}

impl Family {
    /// The address of host `number` on network `network` (RFC 5737, RFC 3849).
    pub fn address(self, network: u8, number: u8) -> IpAddr {
        match self {
            Self::V4 => {
                let prefix = match network {
                    0 => [192, 0, 2],
                    1 => [198, 51, 100],
                    _ => [203, 0, 113],
                };
                Ipv4Addr::new(prefix[0], prefix[1], prefix[2], number).into()
            }
            Self::V6 => {
                let (network, number) = (u16::from(network), u16::from(number));
                Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, number).into()
            }
        }
    }

    /// Bits of the prefix of its networks.
    pub const fn prefix_bits(self) -> u8 {
        match self {
            Self::V4 => 24,
            Self::V6 => 64,
        }
    }

    /// As [`address`](Self::address), with the network around it.
    pub fn interface(self, network: u8, number: u8) -> InterfaceAddress {
        InterfaceAddress {
            address: self.address(network, number),
            prefix_bits: self.prefix_bits(),
        }
    }
}

/// The port of the host that listens.
pub const PORT: u16 = 7;

/// The sender waits so long for the receiver to listen: a link without delay would be faster.
const BEGINS_AT: Instant = Instant::from_micros(1);

/// A transfer to be.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// Everything follows from it.
    pub seed: u64,
    /// What both directions of the link do.
    pub recipe: Recipe,
    /// How many octets the first host sends.
    pub octets: u64,
    /// Which family.
    pub family: Family,
    /// Whether the rules are checked after every step.
    pub checks: Checks,
}

/// A transfer under way: the world, and who is who in it.
#[derive(Clone, Debug)]
pub struct Running {
    /// The world.
    pub world: World,
    /// Who sends, and who receives.
    pub hosts: [NodeId; 2],
    /// What is between them.
    pub cable: CableId,
    transfer: Transfer,
}

impl Transfer {
    /// A world in which nothing has happened yet.
    ///
    /// # Errors
    ///
    /// None is known of: the configuration is the default one.
    pub fn begin(&self) -> Result<Running, BuildError> {
        let mut world = World::with_checks(self.seed, self.checks);
        let mut host = |number: u8| {
            world.add_host(&NewHost {
                config: Config::default(),
                seed: seed_of(self.seed.wrapping_mul(4).wrapping_add(u64::from(number))),
                addresses: vec![self.family.interface(0, number)],
                up_for: Duration::ZERO,
            })
        };
        let hosts = [host(1)?, host(2)?];
        let cable = world.connect(hosts[0], hosts[1], &self.recipe, &self.recipe)?;
        let stream = Stream {
            seed: self.seed,
            octets: self.octets,
        };
        let options = ConnectionOptions::default();
        let sends = Talk::plain(stream, Stream::default());
        let mut receives = Talk::plain(Stream::default(), stream);
        receives.ending = Ending::AfterPeer;
        let remote = SocketAddr::new(self.family.address(0, 2), PORT);
        let dials = Talker::dials(remote, 0, BEGINS_AT, options.clone(), sends);
        world.add_application(hosts[1], Talker::accepts(PORT, options, receives))?;
        world.add_application(hosts[0], dials)?;
        Ok(Running {
            world,
            hosts,
            cable,
            transfer: self.clone(),
        })
    }
}

impl Running {
    /// Runs until both connections are gone.
    ///
    /// # Errors
    ///
    /// A rule does not hold, or it takes more than ten days of virtual time.
    pub fn finish(mut self) -> Result<Report, Box<Failure>> {
        self.world.run(Limits::default())?;
        Ok(self.report())
    }

    /// As [`finish`](Self::finish), with a capture of both hosts' packets, each with its reason.
    ///
    /// # Errors
    ///
    /// As for [`finish`](Self::finish), or the capture cannot be written. What was captured until
    /// then is in it.
    pub fn record(mut self, out: impl Write) -> Result<Report, RecordError> {
        let mut recorder = Recorder::new(out, &mut self.world)?;
        loop {
            let ran = self.world.run_on(Limits::default());
            recorder.take(&mut self.world)?;
            match ran {
                Ok(Ran::On) => {}
                Ok(Ran::ToTheEnd) => break,
                Err(failure) => {
                    recorder.finish()?;
                    return Err(failure.into());
                }
            }
        }
        recorder.finish()?;
        Ok(self.report())
    }

    /// What can be told so far.
    pub fn report(&self) -> Report {
        let progress = |node: NodeId| {
            let host = self.world.host(node);
            let application = host.and_then(|host| host.applications().next());
            application.map(super::app::Application::progress)
        };
        let received = progress(self.hosts[1]).unwrap_or_default();
        let sent = progress(self.hosts[0]).unwrap_or_default();
        let [there, back] = self.world.link_counters(self.cable).unwrap_or_default();
        Report {
            seed: self.transfer.seed,
            recipe: self.transfer.recipe.to_string(),
            octets: received.octets_read,
            transfer_time: received.last_read_at.unwrap_or_default().since(BEGINS_AT),
            virtual_time: self.world.now().since(Instant::ZERO),
            packets: [there.arrived, back.arrived],
            lost: [there.lost(), back.lost()],
            retransmissions: sent.retransmissions,
            happenings: self.world.happenings(),
            digest: self.world.digest(),
        }
    }
}

/// How a transfer went. Two runs of the same transfer have equal reports.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// Of the transfer.
    pub seed: u64,
    /// In its canonical form.
    pub recipe: String,
    /// Octets that arrived, each verified.
    pub octets: u64,
    /// From the first SYN until the last octet was read.
    pub transfer_time: Duration,
    /// Until both connections were gone, TIME-WAIT included.
    pub virtual_time: Duration,
    /// Packets that the sender and the receiver sent.
    pub packets: [u64; 2],
    /// How many of those the link lost.
    pub lost: [u64; 2],
    /// Segments that the sender sent again.
    pub retransmissions: u64,
    /// Steps of the world.
    pub happenings: u64,
    /// SHA-256 of all packets and moments.
    pub digest: String,
}

impl Report {
    /// Octets that arrived, in bits for each second of the transfer.
    pub fn goodput_bits_per_second(&self) -> u64 {
        let nanos = self.transfer_time.as_nanos().max(1);
        let bits = u128::from(self.octets) * 8 * 1_000_000_000;
        u64::try_from(bits / nanos).unwrap_or(u64::MAX)
    }

    /// One JSON object.
    pub fn to_json(&self) -> Value {
        json!({
            "seed": self.seed,
            "recipe": self.recipe,
            "bytes": self.octets,
            "seconds": seconds(self.transfer_time),
            "goodput_bits_per_second": self.goodput_bits_per_second(),
            "retransmissions": self.retransmissions,
            "packets": { "sent": self.packets, "lost": self.lost },
            "virtual_seconds": seconds(self.virtual_time),
            "happenings": self.happenings,
            "digest": self.digest,
        })
    }
}

/// Seconds for people and JSON: to the microsecond.
fn seconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e6
}

#[cfg(test)]
mod tests;
