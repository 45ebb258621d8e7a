//! `sidestep link`: two TUN devices joined through a bad link, in real time.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::process::Child;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Map, Value, json};
use sidestep_stack::call::InterfaceAddress;
use sidestep_tools::link::real_time::{
    JoinFailed, Lateness, Probed, Report, Settings, Side, SideOptions, Stop, Terminal, Transferred,
    join, probe, transfer,
};
use sidestep_tools::link::{Counters, KEYS, Recipe, read_octets};
use sidestep_tools::namespace::enter_own_network;

use super::interrupt::Interrupt;
use super::options::seconds;
use super::{Failure, output};

const HELP: &str = "\
A and B are TUN devices, each in a network namespace of its own that the run makes, with
192.0.2.1 and 2001:db8::1 at A, 192.0.2.2 and 2001:db8::2 at B. NAME@FILE is a device in a
namespace that exists (FILE is /run/netns/... or /proc/PID/ns/net); its addresses are yours to give.

`sidestep link --keys` lists the keys of a recipe with units and ranges.

Examples:
  sidestep link a0 b0 --recipe delay=20ms,loss=1% --transfer 4MiB
  sidestep link a0 b0 --recipe rate=10mbit,queue=100,aqm=fq-codel --recipe-back delay=5ms --probe 200
  sidestep link a0 b0 --recipe gilbert=1%/25%,delay=30ms --seed 7 --seconds 60 --json
  sidestep link a0@/run/netns/left b0@/run/netns/right --recipe rate=1mbit
  sidestep link a0 b0 --at-b nginx --at-a ab    # programs at both ends; ends with the one at A
  sidestep link --keys";

/// No call of a measurement waits longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// A probe is sent each so often.
const PROBE_EVERY: Duration = Duration::from_millis(2);
/// How long the last probes may take.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);
const NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// A device, and perhaps the namespace that it is in.
#[derive(Clone, Debug)]
struct End {
    tun: String,
    namespace: Option<PathBuf>,
}

impl FromStr for End {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tun, namespace) = match text.split_once('@') {
            Some((_, "")) => return Err("must be NAME, or NAME@FILE of a namespace"),
            Some((tun, file)) => (tun, Some(file.into())),
            None => (text, None),
        };
        if tun.is_empty() {
            return Err("must be NAME, or NAME@FILE of a namespace");
        }
        Ok(Self {
            tun: tun.to_owned(),
            namespace,
        })
    }
}

/// Joins two TUN devices through a link that delays, loses, reorders, queues and more
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The first TUN device
    #[arg(required_unless_present = "keys")]
    a: Option<End>,
    /// The second TUN device
    #[arg(required_unless_present = "keys")]
    b: Option<End>,
    /// What the link does from A to B
    #[arg(long, value_name = "RECIPE", default_value = "")]
    recipe: Recipe,
    /// What it does from B to A [default: the same]
    #[arg(long, value_name = "RECIPE")]
    recipe_back: Option<Recipe>,
    /// The seed of chance
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Ends after so long [default: with what is run, or with Ctrl-C]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,
    /// Octets of the largest packet of both devices
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(68..))]
    mtu: Option<u16>,
    /// Sends so many octets from A to B with the kernel's TCP, and checks them
    #[arg(long, value_name = "OCTETS", value_parser = |text: &str| read_octets(text))]
    transfer: Option<u64>,
    /// Measures so many round trips of a UDP datagram from A, one each 2 ms
    #[arg(long, value_name = "N")]
    probe: Option<u64>,
    /// Runs this command at A, and ends with it
    #[arg(long, value_name = "COMMAND")]
    at_a: Option<String>,
    /// Runs this command at B, and ends it at the end
    #[arg(long, value_name = "COMMAND")]
    at_b: Option<String>,
    /// Looks at the clock for so many microseconds instead of sleeping before a packet is due
    #[arg(long, value_name = "US", default_value = "0", value_parser = clap::value_parser!(u64).range(..=1_000))]
    spin: u64,
    /// Prints the outcome as a JSON object
    #[arg(long)]
    json: bool,
    /// Lists the keys of a recipe
    #[arg(long, exclusive = true)]
    keys: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (Some(a), Some(b)) = (&arguments.a, &arguments.b) else {
        return list_keys();
    };
    let measures = arguments.transfer.is_some() || arguments.probe.is_some();
    if measures && (a.namespace.is_some() || b.namespace.is_some()) {
        return Err(Failure::Usage(
            "--transfer and --probe need namespaces that the run makes",
        ));
    }
    // First of all: without the right of root it works only while there is one thread.
    if a.namespace.is_none() || b.namespace.is_none() {
        enter_own_network().map_err(|error| Failure::Side(error.into()))?;
    }
    let stop = Stop::new().map_err(Failure::Machine)?;
    let stopped = stop.clone();
    let interrupt = Interrupt::new(move || stopped.set())?;
    let (near, mut device_a) = Side::make(&side(a, 1, arguments.mtu))?;
    let (far, mut device_b) = Side::make(&side(b, 2, arguments.mtu))?;
    for (name, end, side) in [("A", a, &near), ("B", b, &far)] {
        let path = side.path();
        let tun = &end.tun;
        output::remark(format_args!("{name} is {tun} in {}", path.display()));
    }
    let back = arguments.recipe_back.clone();
    let settings = Settings {
        recipes: [
            arguments.recipe.clone(),
            back.unwrap_or_else(|| arguments.recipe.clone()),
        ],
        seed: arguments.seed,
        time: arguments.seconds,
        spin: Duration::from_micros(arguments.spin),
    };
    let at = stop.clone();
    let joined = thread::Builder::new()
        .name("sidestep-link".to_owned())
        .spawn(move || join(&mut device_a, &mut device_b, &settings, &at))
        .map_err(Failure::Machine)?;
    let measured = measure(arguments, &near, &far, &interrupt, &joined);
    let is_bounded = measures || arguments.at_a.is_some();
    if is_bounded || measured.is_err() {
        stop.set();
    }
    let report: Result<Report, JoinFailed> = joined
        .join()
        .map_err(|_| Failure::Machine(std::io::ErrorKind::Other.into()))?;
    let (report, measured) = (report?, measured?);
    match arguments.json {
        true => output::line(to_json(&report, &measured)),
        false => output::line(to_text(&report, &measured)),
    }
}

fn side(end: &End, host: u8, mtu_octets: Option<u16>) -> SideOptions {
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into());
    let ours = vec![
        InterfaceAddress {
            address: Ipv4Addr::new(192, 0, 2, host).into(),
            prefix_bits: 24,
        },
        InterfaceAddress {
            address: v6.into(),
            prefix_bits: 64,
        },
    ];
    SideOptions {
        tun: end.tun.clone(),
        namespace: end.namespace.clone(),
        addresses: match end.namespace {
            None => ours,
            Some(_) => Vec::new(),
        },
        mtu_octets,
    }
}

/// What was found out while the devices were joined.
#[derive(Debug, Default)]
struct Measured {
    transferred: Option<Transferred>,
    probed: Option<Probed>,
}

impl Measured {
    const fn is_empty(&self) -> bool {
        self.transferred.is_none() && self.probed.is_none()
    }
}

fn measure(
    arguments: &Arguments,
    near: &Side,
    far: &Side,
    interrupt: &Interrupt,
    joined: &thread::JoinHandle<Result<Report, JoinFailed>>,
) -> Result<Measured, Failure> {
    let mut at_b = Ending::start(far, arguments.at_b.as_ref(), Terminal::Apart)?;
    let mut at_a = Ending::start(near, arguments.at_a.as_ref(), Terminal::Shared)?;
    let mut measured = Measured::default();
    if let Some(count) = arguments.probe {
        let addresses = [NEAR, FAR];
        let probed = probe(near, far, addresses, count, PROBE_EVERY, PROBE_PATIENCE)?;
        measured.probed = Some(probed);
    }
    if let Some(octets) = arguments.transfer {
        measured.transferred = Some(transfer(near, far, FAR, octets, PATIENCE)?);
    }
    // Nothing that would end it: until its time is over, or Ctrl-C.
    let is_open_ended = measured.is_empty() && at_a.child.is_none();
    while !joined.is_finished() && (is_open_ended || at_a.is_running()?) {
        if interrupt.wait(Duration::from_millis(20)) {
            break;
        }
    }
    at_a.end();
    at_b.end();
    Ok(measured)
}

/// A command that ends when the run does.
struct Ending {
    child: Option<Child>,
    terminal: Terminal,
}

impl Ending {
    fn start(side: &Side, command: Option<&String>, terminal: Terminal) -> Result<Self, Failure> {
        let child = command.map(|command| side.spawn(command, terminal));
        let child = child.transpose().map_err(Failure::Machine)?;
        Ok(Self { child, terminal })
    }

    fn is_running(&mut self) -> Result<bool, Failure> {
        match &mut self.child {
            None => Ok(false),
            Some(child) => Ok(child.try_wait().map_err(Failure::Machine)?.is_none()),
        }
    }

    fn end(&mut self) {
        // Once only: its number may be another's afterwards.
        let Some(mut child) = self.child.take() else {
            return;
        };
        let leader = Pid::from_child(&child);
        let is_running = matches!(child.try_wait(), Ok(None));
        // It may end by itself in this moment.
        let _ = match self.terminal {
            Terminal::Apart if is_running => {
                kill_process_group(leader, Signal::KILL).map_err(Into::into)
            }
            Terminal::Apart | Terminal::Shared => child.kill(),
        };
        let _ = child.wait();
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.end();
    }
}

fn list_keys() -> Result<(), Failure> {
    for key in KEYS {
        let needs = match key.needs {
            "" => String::new(),
            needs => format!("; needs {needs}"),
        };
        output::line(format_args!(
            "{}={}\n    {} [default: {}{needs}]",
            key.name, key.value, key.meaning, key.default
        ))?;
    }
    Ok(())
}

fn to_text(report: &Report, measured: &Measured) -> String {
    let mut text = String::new();
    if let Some(transferred) = &measured.transferred {
        text.push_str(&format!(
            "transfer: {} octets in {:.3} s, {:.3} Mbit/s, content right\n",
            transferred.octets,
            transferred.time.as_secs_f64(),
            transferred.rate() as f64 / 1e6,
        ));
    }
    if let Some(probed) = &measured.probed {
        let (came, sent) = (probed.round_trips.count(), probed.sent);
        let times = spread(&probed.round_trips);
        text.push_str(&format!("round trips: {came} of {sent}, {times}\n"));
    }
    for (name, counters) in ["A to B", "B to A"].into_iter().zip(&report.counters) {
        text.push_str(&format!("{name}: {}\n", counted(counters)));
    }
    if report.refused > 0 {
        text.push_str(&format!(
            "{} packets refused by the kernel\n",
            report.refused
        ));
    }
    let (packets, times) = (report.lateness.count(), spread(&report.lateness));
    text.push_str(&format!("{packets} packets handed over late by: {times}"));
    text
}

fn counted(counters: &Counters) -> String {
    let named = counters.named();
    let shown = named.iter().filter(|(_, count)| *count > 0);
    let parts: Vec<String> = shown
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    parts.join(", ")
}

/// The points of a distribution that are shown.
const QUANTILES: [(&str, u64); 4] = [("p50", 500), ("p90", 900), ("p99", 990), ("p999", 999)];

fn spread(lateness: &Lateness) -> String {
    let mut parts = vec![format!("least {:.1?}", lateness.least())];
    for (name, thousandths) in QUANTILES {
        parts.push(format!("{name} {:.1?}", lateness.quantile(thousandths)));
    }
    parts.push(format!("most {:.1?}", lateness.most()));
    parts.join(", ")
}

fn to_json(report: &Report, measured: &Measured) -> Value {
    let counters = |counters: &Counters| -> Value {
        let named = counters.named().into_iter();
        let pairs = named.map(|(name, count)| (name.to_owned(), json!(count)));
        Value::Object(pairs.collect::<Map<String, Value>>())
    };
    let spread = |lateness: &Lateness| -> Value {
        let nanos = |time: Duration| json!(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        let mut object = Map::new();
        object.insert("count".to_owned(), json!(lateness.count()));
        object.insert("least_ns".to_owned(), nanos(lateness.least()));
        for (name, thousandths) in QUANTILES {
            object.insert(format!("{name}_ns"), nanos(lateness.quantile(thousandths)));
        }
        object.insert("most_ns".to_owned(), nanos(lateness.most()));
        Value::Object(object)
    };
    let [forward, back] = &report.counters;
    json!({
        "seconds": report.time.as_secs_f64(),
        "a_to_b": counters(forward),
        "b_to_a": counters(back),
        "refused": report.refused,
        "lateness": spread(&report.lateness),
        "transfer": measured.transferred.map(|transferred| json!({
            "octets": transferred.octets,
            "seconds": transferred.time.as_secs_f64(),
            "bits_per_second": transferred.rate(),
        })),
        "round_trips": measured.probed.as_ref().map(|probed| json!({
            "sent": probed.sent,
            "times": spread(&probed.round_trips),
        })),
    })
}
