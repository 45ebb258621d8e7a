//! Dialling and listening for tasks, as functions of a network.
//!
//! They do what the methods of [`Net`](crate::Net) with the same names do. Dropping a dial closes
//! what it was opening, its look-up included: no connection is left behind, and no SYN is sent
//! again.

use std::net::IpAddr;

use super::within::within;
use super::{AnyConn, AnyListener, TCPConn};
use crate::address::{Host, Network, Purpose, Target};
use crate::deadline::Deadline;
use crate::dial::race::GaveUp;
use crate::error::{Cause, DNSError, DNSErrorKind, Op, OpError};
use crate::resolver::Resolver;
use crate::{Dialer, Net, TCPAddr, Zone};

/// Opens a connection: see [`Net::dial`].
///
/// # Errors
///
/// As for [`Net::dial`].
#[doc(alias = "Dial")]
#[doc(alias = "DialContext")]
pub async fn dial(net: &Net, network: &str, address: &str) -> Result<AnyConn, OpError> {
    dial_with(&net.dialer(), network, address).await
}

/// As [`dial`], until `deadline`.
///
/// # Errors
///
/// As for [`Net::dial_until`].
#[doc(alias = "DialTimeout")]
pub async fn dial_until(
    net: &Net,
    network: &str,
    address: &str,
    deadline: impl Into<Deadline>,
) -> Result<AnyConn, OpError> {
    dial_with(&net.dialer().deadline(deadline), network, address).await
}

/// As [`dial`], with all that a [`Dialer`] can be told.
///
/// # Errors
///
/// As for [`Dialer::dial`].
#[doc(alias = "Dialer.Dial")]
#[doc(alias = "Dialer.DialContext")]
pub async fn dial_with(dialer: &Dialer, network: &str, address: &str) -> Result<AnyConn, OpError> {
    let conn = dialer.dial_awaited(network, address).await?;
    Ok(conn.into())
}

/// Opens a TCP connection to `remote`, from `local` if that is given: see [`Net::dial_tcp`].
///
/// # Errors
///
/// As for [`Net::dial_tcp`].
#[doc(alias = "DialTCP")]
pub async fn dial_tcp(
    net: &Net,
    network: &str,
    local: Option<&TCPAddr>,
    remote: &TCPAddr,
) -> Result<TCPConn, OpError> {
    dial_tcp_with(&net.dialer(), network, local, remote).await
}

/// As [`dial_tcp`], with all that a [`Dialer`] can be told.
///
/// # Errors
///
/// As for [`Dialer::dial_tcp`].
#[doc(alias = "Dialer.DialTCP")]
pub async fn dial_tcp_with(
    dialer: &Dialer,
    network: &str,
    local: Option<&TCPAddr>,
    remote: &TCPAddr,
) -> Result<TCPConn, OpError> {
    let conn = dialer.dial_tcp_awaited(network, local, remote).await?;
    Ok(conn.into())
}

/// Listens on `network` at `address`: see [`Net::listen`]. If the host of `address` is a name it is
/// looked up first.
///
/// # Errors
///
/// As for [`Net::listen`].
#[doc(alias = "Listen")]
pub async fn listen(net: &Net, network: &str, address: &str) -> Result<AnyListener, OpError> {
    let failed = |cause: Cause| OpError::new(Op::Listen, network.to_owned(), cause);
    let target = Network::parse(network)
        .and_then(|network| Target::parse(network, address, Purpose::Listen));
    let Ok(target) = target else {
        // What is wrong with it is said there; a Unix path needs no look-up.
        return net.listen(network, address).map(AnyListener::from);
    };
    if !matches!(target.host, Host::Name(_)) {
        return net.listen(network, address).map(AnyListener::from);
    }
    let found = found(&net.resolver(), &target).await.map_err(failed)?;
    let one = target
        .one_address(&found)
        .map_err(|error| failed(error.into()))?;
    let (ip, zone) = one.map_or((None, Zone::NONE), |(ip, zone)| (Some(ip), zone));
    let literal = TCPAddr {
        ip,
        port: target.port,
        zone,
    };
    net.listen(network, &literal.to_string())
        .map(AnyListener::from)
}

/// The addresses of the target's host, if it is a name; until the resolver's deadline, or its token
/// is cancelled.
pub(crate) async fn found(resolver: &Resolver, target: &Target) -> Result<Vec<IpAddr>, Cause> {
    let Host::Name(name) = &target.host else {
        return Ok(Vec::new());
    };
    let look_up = resolver.find_target_async(target);
    let kind = match within(resolver.until(), resolver.cancel_token(), look_up).await {
        Ok(found) => return found,
        Err(GaveUp::Timeout) => DNSErrorKind::Timeout,
        Err(GaveUp::Canceled) => DNSErrorKind::Canceled,
    };
    Err(DNSError::new(kind, name).into())
}
