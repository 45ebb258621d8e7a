//! What a world costs: a fork of 100 open connections, and steps with and without the rules.
//!
//! `cargo bench -p sidestep-tools --bench world`. All numbers are of one run on one machine, each the
//! least and the median of many; the target for the fork is a millisecond. It ends with exit code 1
//! if that is missed.

use std::error::Error;
use std::hint::black_box;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant as Clock};

use sidestep_stack::call::ConnectionOptions;
use sidestep_stack::{Config, Instant};
use sidestep_tools::link::Recipe;
use sidestep_tools::sim::app::{Stream, Talk, Talker};
use sidestep_tools::sim::transfer::{Family, Transfer};
use sidestep_tools::sim::{Checks, Limits, NewHost, World, seed_of};

/// So many connections are open, each in the middle of its streams.
const CONNECTIONS: u16 = 100;
const FORKS: usize = 1_000;
const FORK_TARGET: Duration = Duration::from_millis(1);

/// A world in which many connections have text in flight in both directions.
fn crowd() -> Result<World, Box<dyn Error>> {
    let mut world = World::new(7);
    let mut hosts = Vec::new();
    for number in [1, 2] {
        hosts.push(world.add_host(&NewHost {
            config: Config::default(),
            seed: seed_of(u64::from(number)),
            addresses: vec![Family::V4.interface(0, number)],
            up_for: Duration::ZERO,
        })?);
    }
    let recipe: Recipe = "delay=20ms,loss=1%".parse()?;
    world.connect(hosts[0], hosts[1], &recipe, &recipe)?;
    for port in 1..=CONNECTIONS {
        let stream = |seed| Stream {
            seed,
            octets: 1 << 20,
        };
        let (there, back) = (stream(u64::from(port)), stream(1_000 + u64::from(port)));
        let options = ConnectionOptions::default;
        let accepts = Talker::accepts(port, options(), Talk::plain(back, there));
        let remote = SocketAddr::new(Family::V4.address(0, 2), port);
        let at = Instant::from_millis(1);
        let dials = Talker::dials(remote, port, at, options(), Talk::plain(there, back));
        world.add_application(hosts[1], accepts)?;
        world.add_application(hosts[0], dials)?;
    }
    world.run_until(Instant::from_millis(300))?;
    Ok(world)
}

/// The least and the median of `times`.
fn least_and_median(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    (times.first().copied().unwrap_or_default(), median)
}

fn forks() -> Result<Duration, Box<dyn Error>> {
    let world = crowd()?;
    let mut times = Vec::with_capacity(FORKS);
    for _ in 0..FORKS {
        let began = Clock::now();
        let fork = black_box(world.fork());
        times.push(began.elapsed());
        drop(fork);
    }
    let (least, median) = least_and_median(times);
    println!(
        "fork of a world with {} connections and {} things happened: least {least:?}, median {median:?}",
        world.connections(),
        world.happenings()
    );
    Ok(median)
}

fn transfer(checks: Checks) -> Result<(Duration, u64, String), Box<dyn Error>> {
    let transfer = Transfer {
        seed: 7,
        recipe: "delay=20ms,loss=2%".parse()?,
        octets: 4 << 20,
        family: Family::V4,
        checks,
    };
    let mut times = Vec::new();
    let mut happenings = 0;
    let mut digest = String::new();
    for _ in 0..20 {
        let mut running = transfer.begin()?;
        let began = Clock::now();
        running.world.run(Limits::default())?;
        times.push(began.elapsed());
        happenings = running.world.happenings();
        digest = running.world.digest();
    }
    let (least, median) = least_and_median(times);
    let per_step = median.as_nanos() / u128::from(happenings.max(1));
    println!(
        "4 MiB over delay=20ms,loss=2%, rules {checks:?}: least {least:?}, median {median:?}, \
         {per_step} ns for each of {happenings} steps"
    );
    Ok((median, happenings, digest))
}

fn run() -> Result<bool, Box<dyn Error>> {
    let fork = forks()?;
    let (_, _, with) = transfer(Checks::On)?;
    let (_, _, without) = transfer(Checks::Off)?;
    println!("one digest with the rules and without: {}", with == without);
    Ok(fork < FORK_TARGET && with == without)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    Ok(if run()? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
