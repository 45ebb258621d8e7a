//! Runs a script against one of the three back ends and says what became of it.
//!
//! The player goes through the events in order: it makes the calls, sends the packets, expects the
//! others, and lets time pass between them. `run` builds the host for it. Nothing here prints, and on
//! the stack the same script gives the same report on any machine.

mod assertions;
mod build;
mod calling;
mod calls;
mod clock;
mod expect;
pub mod flow;
mod follow;
mod inbound;
pub mod matching;
mod player;
mod read;
mod results;
pub mod text;

use std::net::IpAddr;
use std::time::Duration;

use sidestep_stack::Config;
use sidestep_stack::call::InterfaceAddress;

use super::ast::{Effect, Position, Script};
use super::backend::kernel::{self, KernelHost};
use super::backend::stack::{self, StackBackend};
use super::backend::{Host, HostError, api};
use super::report::{Backend, Outcome, Report};
use super::sysctl::{self, Meaning};

pub use matching::Matching;
pub use player::Stop;

/// How scripts are run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// How strictly packets are compared.
    pub matching: Matching,
    /// What a stack begins with; the script's own settings come on top.
    pub config: Config,
    /// The seed of a stack's chance, and of the runner's own first number.
    pub seed: u64,
    /// The least tolerance in real time, where a machine may be busy with something else.
    pub real_time_tolerance: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            matching: Matching::default(),
            config: Config::default(),
            seed: 1,
            real_time_tolerance: Duration::from_millis(25),
        }
    }
}

/// How often a script is tried again because the machine was busy elsewhere when it mattered.
const TRIES: usize = 3;

/// Runs `script` on `backend`.
pub fn run(script: &Script, backend: Backend, settings: &Settings) -> Report {
    match backend {
        Backend::Stack => on_stack(script, settings),
        Backend::Kernel => in_real_time(script, settings, on_kernel),
        Backend::Api => in_real_time(script, settings, on_api),
    }
}

/// The first number of the runner in its first flow.
fn first_number(seed: u64) -> u32 {
    // Far from zero, so that a stack which forgets to count from it shows.
    (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

fn empty(script: &Script, backend: Backend, outcome: Outcome) -> Report {
    Report {
        file: script.file.clone(),
        backend,
        outcome,
        rows: Vec::new(),
        packets: Vec::new(),
        lasted: Duration::ZERO,
    }
}

fn unavailable(script: &Script, backend: Backend, error: &HostError) -> Report {
    let what = error.to_string();
    empty(script, backend, Outcome::Unavailable { what })
}

/// The address of the host under test, with a network that holds both ends.
pub(super) fn interface_address(address: IpAddr) -> InterfaceAddress {
    InterfaceAddress {
        address,
        prefix_bits: match address {
            IpAddr::V4(_) => 24,
            IpAddr::V6(_) => 64,
        },
    }
}

/// What the script's settings make of `config`.
fn configure(script: &Script, settings: &Settings) -> Result<Config, (Position, String)> {
    let mut config = settings.config.clone();
    config.mtu_octets = script.options.mtu_octets().into();
    for command in &script.init {
        for effect in &command.effects {
            let Effect::Sysctl { name, value } = effect else {
                continue;
            };
            match sysctl::apply(name, value, &mut config) {
                Meaning::Applied | Meaning::AsIs | Meaning::None => {}
                Meaning::Cannot(what) => {
                    return Err((command.position, format!("{name}={value}: {what}")));
                }
                Meaning::BadValue => {
                    let what = format!("{name} cannot be {value:?}");
                    return Err((command.position, what));
                }
            }
        }
    }
    Ok(config)
}

/// A stack as the script wants it.
pub(super) fn stack_for(script: &Script, settings: &Settings) -> Result<StackBackend, Stop> {
    let config = configure(script, settings)
        .map_err(|(position, what)| Stop::Unsupported { position, what })?;
    let plan = stack::Plan {
        config,
        seed: settings.seed,
        addresses: vec![interface_address(script.options.local_address())],
    };
    Ok(StackBackend::new(&plan)?)
}

fn on_stack(script: &Script, settings: &Settings) -> Report {
    match stack_for(script, settings) {
        Ok(mut host) => player::play(script, Backend::Stack, &mut host, settings),
        Err(Stop::Unsupported { position, what }) => empty(
            script,
            Backend::Stack,
            Outcome::Unsupported { position, what },
        ),
        Err(Stop::Failed(failure)) => empty(script, Backend::Stack, Outcome::Failed(failure)),
        Err(Stop::Host(error)) => unavailable(script, Backend::Stack, &error),
    }
}

/// Runs a script again if it failed while the machine was late.
fn in_real_time(
    script: &Script,
    settings: &Settings,
    once: fn(&Script, &Settings) -> (Report, Punctuality),
) -> Report {
    let mut tries = 1;
    loop {
        let (report, punctuality) = once(script, settings);
        let is_final = report.passed() || punctuality == Punctuality::InTime || tries == TRIES;
        if is_final {
            return report;
        }
        tries += 1;
    }
}

/// Whether the machine did everything when it had to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Punctuality {
    /// It did.
    InTime,
    /// It was busy elsewhere.
    Late,
}

fn on_kernel(script: &Script, settings: &Settings) -> (Report, Punctuality) {
    let plan = kernel::Plan::of(script);
    let ran = kernel::in_own_network(|| {
        let mut host = KernelHost::new(&plan)?;
        Ok(punctually(script, Backend::Kernel, &mut host, settings))
    });
    match ran {
        Ok(ran) => ran,
        Err(error) => (
            unavailable(script, Backend::Kernel, &error),
            Punctuality::InTime,
        ),
    }
}

fn on_api(script: &Script, settings: &Settings) -> (Report, Punctuality) {
    let config = match configure(script, settings) {
        Ok(config) => config,
        Err((position, what)) => {
            let outcome = Outcome::Unsupported { position, what };
            return (empty(script, Backend::Api, outcome), Punctuality::InTime);
        }
    };
    let plan = api::Plan {
        config,
        seed: settings.seed,
        address: interface_address(script.options.local_address()),
    };
    match api::ApiHost::new(&plan) {
        Ok(mut host) => punctually(script, Backend::Api, &mut host, settings),
        Err(error) => (
            unavailable(script, Backend::Api, &error),
            Punctuality::InTime,
        ),
    }
}

fn punctually(
    script: &Script,
    backend: Backend,
    host: &mut dyn Host,
    settings: &Settings,
) -> (Report, Punctuality) {
    let mut player = player::Player::new(script, host, settings, settings.real_time_tolerance);
    let stop = player.play();
    let punctuality = player.punctuality();
    (player.report(backend, stop), punctuality)
}

#[cfg(test)]
mod tests;
