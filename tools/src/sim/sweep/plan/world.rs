//! The world of a plan: hosts, what is between them, and their applications.
//!
//! [`run`](super::super::run) calls it. A plan in which numbers wrap has a dry run first.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use sidestep_stack::call::ConnectionOptions;
use sidestep_stack::{Config, Duration};

use super::{Conversation, Plan, Terms, Topology};
use crate::link::Recipe;
use crate::sim::app::{Answerer, Asker, DatagramEcho, DatagramSource, Talker};
use crate::sim::near_wrap::{self, NearWrap};
use crate::sim::sweep::SweepError;
use crate::sim::{Checks, NewHost, NodeId, World, seed_of};

/// The first port; each conversation has its own.
const FIRST_PORT: u16 = 1_000;

/// A day. Hosts that never give up within it make every failure a real one.
const DAY_MS: u64 = 86_400_000;

impl Plan {
    /// The world of this plan.
    ///
    /// # Errors
    ///
    /// It cannot be built: a bug, as in [`of`](Self::of).
    pub fn world(&self, checks: Checks) -> Result<World, SweepError> {
        let fresh = self.build([Duration::ZERO; 2], checks)?;
        if self.near_wrap == [NearWrap::No; 2] {
            return Ok(fresh);
        }
        let up_for = near_wrap::up_for(fresh, self.near_wrap);
        self.build(up_for, checks)
    }

    fn build(&self, up_for: [Duration; 2], checks: Checks) -> Result<World, SweepError> {
        let mut world = World::with_checks(self.seed, checks);
        let far = match self.topology {
            Topology::Direct | Topology::Switched => 0,
            Topology::Routed(_) => 1,
        };
        let places = [(0, 1), (far, 2)];
        let mut hosts = Vec::new();
        for (number, (network, address)) in places.into_iter().enumerate() {
            hosts.push(world.add_host(&NewHost {
                config: self.config(number),
                seed: seed_of(self.seed.wrapping_mul(4).wrapping_add(number as u64)),
                addresses: vec![self.family.interface(network, address)],
                up_for: up_for[number],
            })?);
        }
        let [a, b] = [hosts[0], hosts[1]];
        self.connect(&mut world, a, b)?;
        let remote = self.family.address(far, 2);
        for (port, conversation) in (FIRST_PORT..).zip(&self.conversations) {
            add(
                &mut world,
                [a, b],
                SocketAddr::new(remote, port),
                conversation,
            )?;
        }
        Ok(world)
    }

    fn config(&self, number: usize) -> Config {
        let mut config = Config {
            mtu_octets: self.mtu_octets[number],
            memory_octets_max: self.memory_octets[number],
            ..Config::default()
        };
        self.settings[number].set(&mut config);
        match self.terms {
            Terms::Grid => {
                config.r2_retransmissions = 255;
                config.syn_give_up_ms = DAY_MS;
                config.syn_ack_give_up_ms = DAY_MS;
            }
            Terms::Loss(_) => {}
        }
        config
    }

    fn connect(&self, world: &mut World, a: NodeId, b: NodeId) -> Result<(), SweepError> {
        let [there, back] = &self.recipes;
        let plain: Recipe = "delay=1ms".parse()?;
        match self.topology {
            Topology::Direct => {
                world.connect(a, b, there, back)?;
            }
            Topology::Routed(routers) => {
                let bits = self.family.prefix_bits();
                let (near, far) = (self.family.address(0, 0), self.family.address(1, 0));
                let mut last = a;
                for number in 1..=routers {
                    let router = add_router(world, number);
                    let (there, back) = if number == 1 {
                        (there, back)
                    } else {
                        (&plain, &plain)
                    };
                    let cable = world.connect(last, router, there, back)?;
                    if number > 1 {
                        world.add_route(last, far, bits, cable)?;
                    }
                    world.add_route(router, near, bits, cable)?;
                    last = router;
                }
                let cable = world.connect(last, b, &plain, &plain)?;
                world.add_route(last, far, bits, cable)?;
            }
            Topology::Switched => {
                let switch = world.add_switch();
                world.connect(a, switch, there, back)?;
                world.connect(switch, b, &plain, &plain)?;
                let bystander = world.add_host(&NewHost {
                    config: Config::default(),
                    seed: seed_of(self.seed.wrapping_mul(4).wrapping_add(2)),
                    addresses: vec![self.family.interface(0, 3)],
                    up_for: Duration::ZERO,
                })?;
                world.connect(switch, bystander, &plain, &plain)?;
            }
        }
        Ok(())
    }
}

fn add_router(world: &mut World, number: u8) -> NodeId {
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0xff, 0, 0, 0, u16::from(number));
    world.add_router(Ipv4Addr::new(203, 0, 113, number), v6)
}

/// Both ends of a conversation.
fn add(
    world: &mut World,
    [a, b]: [NodeId; 2],
    remote: SocketAddr,
    conversation: &Conversation,
) -> Result<(), SweepError> {
    let port = remote.port();
    match conversation {
        Conversation::Talk {
            ends,
            options,
            begins_at,
        } => {
            let [dials, accepts] = (**ends).clone();
            let [ours, theirs] = (**options).clone();
            world.add_application(b, Talker::accepts(port, theirs, accepts))?;
            world.add_application(a, Talker::dials(remote, port, *begins_at, ours, dials))?;
        }
        Conversation::Dialogue {
            dialogue,
            begins_at,
        } => {
            let options = ConnectionOptions::default();
            world.add_application(b, Answerer::new(port, options.clone(), *dialogue))?;
            world.add_application(a, Asker::new(remote, *begins_at, options, *dialogue))?;
        }
        Conversation::Datagrams {
            seed,
            count,
            octets,
            interval,
        } => {
            world.add_application(b, DatagramEcho::new(port))?;
            let source = DatagramSource::new(remote, *seed, *count, *octets, *interval);
            world.add_application(a, source)?;
        }
    }
    Ok(())
}
