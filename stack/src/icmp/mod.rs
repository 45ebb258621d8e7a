//! ICMP of a host, both families (RFC 792, RFC 1122 §3.2.2, RFC 4443).
//!
//! The page `ingress.rs` brings datagrams and problems, and carries away what is to be sent or told to
//! a transport. [`Icmp`] believes no error whose quote we could not have sent, and it never acts on a
//! redirect or a source quench.

use core::net::IpAddr;

use crate::base::Random;
use crate::config::Config;
use crate::context::Context;
use crate::wire::packet::{Datagram, Outgoing};
use crate::wire::path_error::PathError;
use crate::wire::report::Report;

mod input;
mod limiter;
mod output;
mod quote;

use limiter::Limiter;

/// What is to be done about an ICMP message that arrived.
#[derive(Clone, Debug)]
pub enum Input {
    /// The answer to an echo request.
    Reply(Outgoing),
    /// An error that a packet of ours met, for the transport that sent it.
    PathError(PathError),
    /// An MLD message whose checksum is right, for those who know of groups.
    Membership,
    /// Only a raw socket may want it: an echo reply. Nothing was counted.
    ForRawSockets,
    /// It was thrown away and counted.
    Nothing,
}

/// ICMP: no state but how many errors were sent to whom.
#[derive(Clone, Debug)]
pub struct Icmp {
    limiter: Limiter,
}

impl Icmp {
    /// An ICMP that has sent nothing yet.
    pub fn new(config: &Config, random: &mut Random) -> Self {
        Self {
            limiter: Limiter::new(config, random),
        }
    }

    /// An ICMP message arrived. `is_ours` says whether an address means us.
    pub fn datagram_arrives(
        &mut self,
        cx: &mut Context<'_>,
        datagram: &Datagram,
        is_ours: impl Fn(IpAddr) -> bool,
    ) -> Input {
        input::datagram_arrives(cx, datagram, is_ours)
    }

    /// The error message about a packet that we could not use, sent from our address `source`; `None`
    /// where none may be sent (RFC 1122 §3.2.2, RFC 4443 §2.4(e)) or the limiter says no.
    pub fn report(
        &mut self,
        cx: &mut Context<'_>,
        report: &Report,
        source: IpAddr,
    ) -> Option<Outgoing> {
        output::report(&mut self.limiter, cx, report, source)
    }
}

#[cfg(test)]
mod tests;
