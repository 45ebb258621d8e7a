//! A cell that is too fast for real time: Sidestep to Sidestep in a world of virtual time.
//!
//! There is no kernel in it, so its goodput is compared with the rate of the path. The same seed gives
//! the same figure on any machine.

use std::net::{Ipv4Addr, SocketAddr};

use sidestep_stack::call::{CongestionAlgorithm, ConnectionOptions, InterfaceAddress};
use sidestep_stack::{Duration, Instant};

use super::flow::Sent;
use super::plan::Job;
use super::rig::{GridFailed, config};
use super::run::Outcome;
use crate::sim::app::{Stream, Talk, Talker};
use crate::sim::{Checks, NewHost, World, seed_of};

const PORT: u16 = 7_000;

/// The sender waits so long for the receiver to listen.
const BEGINS_AT: Instant = Instant::from_micros(1);

fn failed(error: impl ToString) -> GridFailed {
    GridFailed::World(error.to_string())
}

/// Runs `job` in a world of its own.
///
/// # Errors
///
/// A rule does not hold in it.
pub fn simulate(job: &Job, congestion: CongestionAlgorithm) -> Result<Outcome, GridFailed> {
    let mut world = World::with_checks(job.seed, Checks::Off);
    let mut host = |number: u8| {
        world.add_host(&NewHost {
            config: config(congestion),
            seed: seed_of(job.seed.wrapping_mul(4).wrapping_add(u64::from(number))),
            addresses: vec![InterfaceAddress {
                address: Ipv4Addr::new(192, 0, 2, number).into(),
                prefix_bits: 24,
            }],
            up_for: Duration::ZERO,
        })
    };
    let hosts = [host(1).map_err(failed)?, host(2).map_err(failed)?];
    let [there, back] = job.cell.recipes()?;
    let cable = world
        .connect(hosts[0], hosts[1], &there, &back)
        .map_err(failed)?;
    let stream = Stream {
        seed: job.seed,
        octets: u64::MAX,
    };
    let options = ConnectionOptions::default();
    let remote = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 2).into(), PORT);
    let sends = Talk::plain(stream, Stream::default());
    let receives = Talk::plain(Stream::default(), stream);
    let accepts = Talker::accepts(PORT, options.clone(), receives);
    let dials = Talker::dials(remote, 0, BEGINS_AT, options, sends);
    world.add_application(hosts[1], accepts).map_err(failed)?;
    world.add_application(hosts[0], dials).map_err(failed)?;
    world.run_until(BEGINS_AT + job.time).map_err(failed)?;
    let receiver = world
        .host(hosts[1])
        .and_then(|host| host.applications().next());
    let octets = receiver.map_or(0, |it| it.progress().octets_read);
    let stack = world.host(hosts[0]).map(crate::sim::Host::stack);
    let status = stack.and_then(|stack| stack.status(stack.connections().next()?));
    let sent = status.map_or_else(Sent::default, |status| Sent {
        retransmissions: status.retransmissions,
        timeouts: Some(status.timeouts_total),
        srtt: status.srtt.unwrap_or_default(),
        cwnd_octets: status.cwnd_octets.into(),
        rwnd_limited: status.rwnd_limited_time,
        sndbuf_limited: status.sndbuf_limited_time,
    });
    let [link, _] = world.link_counters(cable).unwrap_or_default();
    Ok(Outcome {
        octets,
        time: job.time,
        sent,
        link,
        late_p99: Duration::ZERO,
        refused: 0,
    })
}
