//! A network in a process, forked in the middle. `cargo run --example a_world`

use std::error::Error;
use std::net::SocketAddr;

// ANCHOR: world
use sidestep_stack::call::ConnectionOptions;
use sidestep_stack::{Config, Duration, Instant};
use sidestep_tools::link::Recipe;
use sidestep_tools::sim::app::{Stream, Talk, Talker};
use sidestep_tools::sim::transfer::Family;
use sidestep_tools::sim::{Limits, NewHost, World, seed_of};

/// Two hosts at a bad link; the first sends a mebibyte to the second.
fn build(seed: u64) -> Result<World, Box<dyn Error>> {
    let mut world = World::new(seed);
    let mut hosts = Vec::new();
    for number in [1, 2] {
        hosts.push(world.add_host(&NewHost {
            config: Config::default(),
            seed: seed_of(seed + u64::from(number)),
            addresses: vec![Family::V4.interface(0, number)],
            up_for: Duration::ZERO,
        })?);
    }
    let recipe: Recipe = "delay=20ms,jitter=1ms,loss=2%".parse()?;
    world.connect(hosts[0], hosts[1], &recipe, &recipe)?;

    // What is sent follows from a number, so the other end can tell whether it is what arrived.
    let text = Stream {
        seed: 1,
        octets: 1 << 20,
    };
    let sends = Talk::plain(text, Stream::default());
    let receives = Talk::plain(Stream::default(), text);
    let options = ConnectionOptions::default;
    world.add_application(hosts[1], Talker::accepts(80, options(), receives))?;
    let remote = SocketAddr::new(Family::V4.address(0, 2), 80);
    let at = Instant::from_millis(1);
    world.add_application(hosts[0], Talker::dials(remote, 0, at, options(), sends))?;
    Ok(world)
}
// ANCHOR_END: world

// ANCHOR: fork
/// Two branches of one world, and the world itself once more: which packets did they send?
fn branches() -> Result<[String; 3], Box<dyn Error>> {
    let mut world = build(7)?;
    world.run_until(Instant::from_millis(900))?;
    let mut branch = world.fork();
    world.run(Limits::default())?;
    branch.run(Limits::default())?;
    let mut again = build(7)?;
    again.run(Limits::default())?;
    Ok([world.digest(), branch.digest(), again.digest()])
}
// ANCHOR_END: fork

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let [world, branch, again] = branches()?;
    assert_eq!(world, branch);
    assert_eq!(world, again);
    println!("three times {world}");
    Ok(())
}
