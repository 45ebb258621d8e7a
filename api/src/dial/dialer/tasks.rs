//! Dialling in tasks: what `future/dial.rs` awaits.
//!
//! The steps are those of `dialer.rs`; the look-up and the race are awaited, and dropping either
//! takes it back.

use super::{Begun, Dialer, no_address};
use crate::TCPAddr;
use crate::address::{Network, Purpose, Target};
use crate::any_conn::AnyConn;
use crate::conn::TCPConn;
use crate::error::{Cause, Op, OpError};
use crate::future::{found, race};

impl Dialer {
    /// As [`dial`](Self::dial), awaited.
    pub(crate) async fn dial_awaited(
        &self,
        network: &str,
        address: &str,
    ) -> Result<AnyConn, OpError> {
        let deadline = self.deadline_of_a_dial();
        let failed = |cause: Cause| OpError::new(Op::Dial, network.to_owned(), cause);
        let parsed = Network::parse(network).map_err(failed)?;
        if let Network::Unix(kind) = parsed {
            // The peer's backlog is on this machine: it is connected at once, or it is full.
            return self.dial_unix_network(kind, address, deadline);
        }
        let net = self.net(network)?;
        let target = Target::parse(parsed, address, Purpose::Dial).map_err(failed)?;
        let resolver = self.resolver.clone().unwrap_or_default();
        let resolver = resolver.for_dial(&net, deadline, self.cancel.as_ref());
        let found = found(&resolver, &target).await.map_err(failed)?;
        match self.begin(net, network, &target, &found, deadline)? {
            Begun::Open(conn) => Ok(conn),
            Begun::Race(race) => race::run(*race, self.cancel.as_ref())
                .await
                .map(AnyConn::TCP)
                .map_err(|error| no_address(network, error)),
        }
    }

    /// As [`dial_tcp`](Self::dial_tcp), awaited.
    pub(crate) async fn dial_tcp_awaited(
        &self,
        network: &str,
        local: Option<&TCPAddr>,
        remote: &TCPAddr,
    ) -> Result<TCPConn, OpError> {
        let race = self.tcp_race(network, local, remote)?;
        race::run(race, self.cancel.as_ref())
            .await
            .map_err(|error| no_address(network, error))
    }
}
