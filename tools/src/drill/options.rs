//! The lines `--name=value` at the top of a script: addresses, ports, MTU and tolerances.
//!
//! The parser fills them, the runner reads them through the methods that know the defaults. Options
//! of packetdrill that have no meaning here are kept as text, so that the printer loses nothing; none
//! of them changes what a script means.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use super::ast::Family;

/// Packetdrill's own default for `--tolerance_usecs`.
const TOLERANCE: Duration = Duration::from_micros(4_000);

/// What the top of a script asks for. `None` means the default, which the methods know.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Options {
    /// `--ip_version`.
    pub ip_version: Option<Family>,
    /// `--local_ip`: the address of the stack under test.
    pub local_ip: Option<IpAddr>,
    /// `--remote_ip`: the address of the runner's end.
    pub remote_ip: Option<IpAddr>,
    /// `--bind_port`: the port of `bind(3, ..., ...)`.
    pub bind_port: Option<u16>,
    /// `--connect_port`: the port of `connect(3, ..., ...)`.
    pub connect_port: Option<u16>,
    /// `--mtu`: octets of the largest packet of the device.
    pub mtu: Option<u16>,
    /// `--tolerance_usecs`: how far from its time an event may be.
    pub tolerance_usecs: Option<u64>,
    /// `--tolerance_percent`: the same, in hundredths of the time since the event before it.
    pub tolerance_percent: Option<u32>,
    /// `--tcp_ts_tick_usecs`: how long one tick of the timestamp clock lasts. 0: TSval is not compared.
    pub tcp_ts_tick_usecs: Option<u64>,
    /// `--define NAME=value`: `NAME` in the script is `value`. In the order of the script.
    pub defines: Vec<Define>,
    /// What packetdrill knows and we have no use for, as `(name, value)`.
    pub ignored: Vec<Ignored>,
}

/// `--define NAME=value`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Define {
    /// The name.
    pub name: String,
    /// What stands for it.
    pub value: String,
}

/// An option that changes nothing here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ignored {
    /// The name, without `--`.
    pub name: String,
    /// The value; empty if there is none.
    pub value: String,
}

/// Why an option is refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum OptionRefused {
    /// There is no such option.
    #[error("there is no option --{name}")]
    Unknown {
        /// The name.
        name: String,
    },
    /// It changes what the script means in a way that we cannot do.
    #[error("--{name} is not supported: {why}")]
    Unsupported {
        /// The name.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// The value makes no sense.
    #[error("--{name} has to be {expected}, not {value:?}")]
    Value {
        /// The name.
        name: String,
        /// What was said.
        value: String,
        /// What can be said.
        expected: &'static str,
    },
}

/// Options of packetdrill that concern how it runs, not what the script means.
const WITHOUT_MEANING: &[&str] = &[
    "code_command",
    "code_format",
    "code_sockopt",
    "dry_run",
    "debug",
    "gateway_ip",
    "init_scripts",
    "is_anyip",
    "mss",
    "netmask_ip",
    "non_fatal",
    "persistent_tun_dev",
    "send_omit_free",
    "speed",
    "strict_segments",
    "tcp_ts_ecr_scaled",
    "use_expect_payload",
    "verbose",
];

/// Options of packetdrill that would need what we do not have.
const CANNOT: &[(&str, &str)] = &[
    (
        "so_filename",
        "there is no loading of other stacks; --backend chooses one",
    ),
    (
        "so_flags",
        "there is no loading of other stacks; --backend chooses one",
    ),
    ("wire_client", "the runner is one process"),
    ("wire_client_dev", "the runner is one process"),
    ("wire_server", "the runner is one process"),
    ("wire_server_dev", "the runner is one process"),
    ("wire_server_at", "the runner is one process"),
    ("wire_server_ip", "the runner is one process"),
    ("wire_server_port", "the runner is one process"),
    ("fuzz_seed", "`sidestep fuzz` does that"),
    ("fuzz_options", "`sidestep fuzz` does that"),
];

impl Options {
    /// The family of the sockets and packets.
    pub fn family(&self) -> Family {
        self.ip_version.unwrap_or_default()
    }

    /// The address of the stack under test.
    pub fn local_address(&self) -> IpAddr {
        self.local_ip.unwrap_or(match self.family() {
            Family::V4 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            Family::V6 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        })
    }

    /// The address of the runner's end.
    pub fn remote_address(&self) -> IpAddr {
        self.remote_ip.unwrap_or(match self.family() {
            Family::V4 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)),
            Family::V6 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9)),
        })
    }

    /// The port of `bind(3, ..., ...)`.
    pub fn bind_port(&self) -> u16 {
        self.bind_port.unwrap_or(8_080)
    }

    /// The port of `connect(3, ..., ...)`.
    pub fn connect_port(&self) -> u16 {
        self.connect_port.unwrap_or(8_080)
    }

    /// Octets of the largest packet of the device.
    pub fn mtu_octets(&self) -> u16 {
        self.mtu.unwrap_or(1_500)
    }

    /// How far an event may be from its time, which is `since_last` after the event before it.
    pub fn tolerance(&self, since_last: Duration) -> Duration {
        let fixed = self
            .tolerance_usecs
            .map_or(TOLERANCE, Duration::from_micros);
        let share = self
            .tolerance_percent
            .map_or(Duration::ZERO, |percent| since_last * percent / 100);
        fixed.max(share)
    }

    /// Takes one `--name=value`, or `--name` with an empty value.
    ///
    /// # Errors
    ///
    /// [`OptionRefused`] if there is no such option, or its value makes no sense.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), OptionRefused> {
        let bad = |expected| OptionRefused::Value {
            name: name.to_owned(),
            value: value.to_owned(),
            expected,
        };
        let number = |expected| value.parse().map_err(|_| bad(expected));
        match name {
            "ip_version" => {
                self.ip_version = Some(match value {
                    // Of a socket of both families the packets are the same.
                    "ipv4" | "ipv4_mapped_ipv6" => Family::V4,
                    "ipv6" => Family::V6,
                    _ => return Err(bad("ipv4, ipv4_mapped_ipv6 or ipv6")),
                });
            }
            "local_ip" => self.local_ip = Some(value.parse().map_err(|_| bad("an address"))?),
            "remote_ip" => self.remote_ip = Some(value.parse().map_err(|_| bad("an address"))?),
            "bind_port" => self.bind_port = Some(value.parse().map_err(|_| bad("a port"))?),
            "connect_port" => self.connect_port = Some(value.parse().map_err(|_| bad("a port"))?),
            "mtu" => {
                let mtu = value.parse().ok().filter(|it| *it >= 68);
                self.mtu = Some(mtu.ok_or_else(|| bad("from 68 to 65535 octets"))?);
            }
            "tolerance_usecs" => self.tolerance_usecs = Some(number("a number of microseconds")?),
            "tolerance_percent" => {
                let percent = value.parse().ok().filter(|it| *it <= 1_000);
                self.tolerance_percent = Some(percent.ok_or_else(|| bad("from 0 to 1000"))?);
            }
            "tcp_ts_tick_usecs" => {
                self.tcp_ts_tick_usecs = Some(number("a number of microseconds")?);
            }
            "define" | "D" => {
                let (name, value) = value.split_once('=').ok_or_else(|| bad("NAME=value"))?;
                self.defines.push(Define {
                    name: name.to_owned(),
                    value: value.to_owned(),
                });
            }
            name if WITHOUT_MEANING.contains(&name) => self.ignored.push(Ignored {
                name: name.to_owned(),
                value: value.to_owned(),
            }),
            name => return Err(unknown(name)),
        }
        Ok(())
    }
}

fn unknown(name: &str) -> OptionRefused {
    match CANNOT.iter().find(|it| it.0 == name) {
        Some((_, why)) => OptionRefused::Unsupported {
            name: name.to_owned(),
            why,
        },
        None => OptionRefused::Unknown {
            name: name.to_owned(),
        },
    }
}
