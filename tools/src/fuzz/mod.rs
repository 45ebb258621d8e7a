//! Fuzzing from any state: fifteen targets whose inputs are octet strings, a generator that follows from
//! a seed, and a shrinker.
//!
//! [`run`] feeds one input to a target and says what it reached and which promise it broke, if any; it
//! never panics. libFuzzer (`tests/fuzz`), the generator on stable ([`campaign`]) and the tests call the
//! same bodies. The stack is reached through its six doors and its public parts only.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

pub mod campaign;
mod catch;
pub mod coverage;
pub mod diff;
mod flow;
pub mod generator;
mod known;
pub mod outcome;
mod packets;
pub mod record;
pub mod report;
mod rig;
mod scene;
mod script;
pub mod shrink;
mod snapshot;
mod target;
pub mod trace;
mod watch;

#[cfg(test)]
mod tests;

pub use known::{CLAUSES, TRANSITIONS};
pub use outcome::{Outcome, Promise, Violation};
pub use snapshot::Start;

use outcome::Promise as P;
use record::Input;
use target as body;

macro_rules! targets {
    ($($(#[doc = $doc:literal])* $variant:ident = $number:literal, $name:literal, $body:path;)*) => {
        /// What is fuzzed: F1 to F15.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Target {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Target {
            /// All of them, F1 first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The number after the F.
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it feeds to what.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*).trim_ascii_start(),)* }
            }

            fn body(self, input: Input<'_>, outcome: &mut Outcome) {
                match self { $(Self::$variant => $body(input, outcome),)* }
            }
        }
    };
}

targets! {
    /// IPv4 packets
    Ipv4 = 1, "ipv4", body::ip::run_v4;
    /// IPv6 packets with chains of extension headers
    Ipv6 = 2, "ipv6", body::ip::run_v6;
    /// Fragments, against a map of octets
    Reassembly = 3, "reassembly", body::reassembly::run;
    /// ICMP and ICMPv6 with quoted packets
    Icmp = 4, "icmp", body::icmp::run;
    /// IGMP and MLD messages
    Groups = 5, "groups", body::groups::run;
    /// UDP datagrams and the calls of sockets
    Udp = 6, "udp", body::udp::run;
    /// TCP headers and options, against etherparse
    TcpHeader = 7, "tcp-header", body::header::run;
    /// One TCP socket in any state: segments, calls and pauses
    TcpSocket = 8, "tcp-socket", body::socket::run;
    /// Two stacks and a line with chosen faults
    TcpPair = 9, "tcp-pair", body::pair::run;
    /// The whole stack: every packet and every call, and its fork
    Stack = 10, "stack", body::whole::run;
    /// Sets of ranges, against a naive set
    Ranges = 11, "ranges", body::ranges::run;
    /// DNS messages, against hickory-proto
    Dns = 12, "dns", body::dns::run;
    /// The resolver against a hostile server
    Resolver = 13, "resolver", body::resolver::run;
    /// RTO and congestion window, against the formulas
    Arithmetic = 14, "arithmetic", body::arithmetic::run;
    /// Checksums, against the plain loop
    Checksum = 15, "checksum", body::checksum::run;
}

impl Target {
    /// True if what it finds is about one TCP connection and can be told as a drill script.
    pub const fn is_scriptable(self) -> bool {
        matches!(self, Self::TcpSocket)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No target has this name.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("no target is called {0:?}: a name such as \"tcp-socket\", or F1 to F15")]
pub struct NoSuchTarget(String);

impl FromStr for Target {
    type Err = NoSuchTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let matches = |target: &&Self| {
            target.name() == text || format!("f{}", target.number()).eq_ignore_ascii_case(text)
        };
        let found = Self::ALL.iter().find(matches).copied();
        found.ok_or_else(|| NoSuchTarget(text.to_owned()))
    }
}

/// Feeds one input to a target.
///
/// It never panics: a panic of the stack is a broken promise in the outcome. The same input gives the
/// same outcome, on any machine.
pub fn run(target: Target, octets: &[u8]) -> Outcome {
    let caught = catch::catch(|| {
        let mut outcome = Outcome::default();
        target.body(Input::new(octets), &mut outcome);
        outcome
    });
    caught.unwrap_or_else(|violation| Outcome {
        violation: Some(violation),
        ..Outcome::default()
    })
}

/// As [`run`], twice: the same input must give the same packets, octet for octet.
pub fn run_twice(target: Target, octets: &[u8]) -> Outcome {
    let mut first = run(target, octets);
    let again = run(target, octets);
    let same = first.digest == again.digest && first.violation == again.violation;
    first.require(same, P::SameAgain, || {
        "a second run of the same input said something else".to_owned()
    });
    first
}
