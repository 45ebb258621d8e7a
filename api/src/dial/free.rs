//! The crate's free functions: those of [`Net`](crate::Net) on the network that this thread has entered, else
//! on the one that is installed.
//!
//! Programs that know one network use them as they would use Go's. Nothing is decided here.

use std::time::Duration;

use super::Dialer;
use crate::any_conn::AnyConn;
use crate::conn::TCPConn;
use crate::error::OpError;
use crate::ip::IPConn;
use crate::listen_config::ListenConfig;
use crate::listener::{AnyListener, TCPListener};
use crate::packet_conn::AnyPacketConn;
use crate::udp::UDPConn;
use crate::{IPAddr, TCPAddr, UDPAddr};

/// [`Net::dial`](crate::Net::dial) on the network that this thread has entered, else on the installed one.
///
/// # Errors
///
/// As for [`Net::dial`](crate::Net::dial), and [`Cause::NoStack`](crate::Cause::NoStack) if there is neither.
#[doc(alias = "Dial")]
pub fn dial(network: &str, address: &str) -> Result<AnyConn, OpError> {
    Dialer::new().dial(network, address)
}

/// [`Net::dial_timeout`](crate::Net::dial_timeout) on the current network.
///
/// # Errors
///
/// As for [`Net::dial_timeout`](crate::Net::dial_timeout), and [`Cause::NoStack`](crate::Cause::NoStack).
#[doc(alias = "DialTimeout")]
pub fn dial_timeout(network: &str, address: &str, timeout: Duration) -> Result<AnyConn, OpError> {
    Dialer::new().timeout(timeout).dial(network, address)
}

/// [`Net::dial_tcp`](crate::Net::dial_tcp) on the current network.
///
/// # Errors
///
/// As for [`Net::dial_tcp`](crate::Net::dial_tcp), and [`Cause::NoStack`](crate::Cause::NoStack).
#[doc(alias = "DialTCP")]
pub fn dial_tcp(
    network: &str,
    local: Option<&TCPAddr>,
    remote: &TCPAddr,
) -> Result<TCPConn, OpError> {
    Dialer::new().dial_tcp(network, local, remote)
}

/// [`Net::dial_udp`](crate::Net::dial_udp) on the current network.
///
/// # Errors
///
/// As for [`Net::dial_udp`](crate::Net::dial_udp), and [`Cause::NoStack`](crate::Cause::NoStack).
#[doc(alias = "DialUDP")]
pub fn dial_udp(
    network: &str,
    local: Option<&UDPAddr>,
    remote: &UDPAddr,
) -> Result<UDPConn, OpError> {
    Dialer::new().dial_udp(network, local, remote)
}

/// [`Net::dial_ip`](crate::Net::dial_ip) on the current network.
///
/// # Errors
///
/// As for [`Net::dial_ip`](crate::Net::dial_ip), and [`Cause::NoStack`](crate::Cause::NoStack).
#[doc(alias = "DialIP")]
pub fn dial_ip(network: &str, local: Option<&IPAddr>, remote: &IPAddr) -> Result<IPConn, OpError> {
    Dialer::new().dial_ip(network, local, remote)
}

/// [`Net::listen`](crate::Net::listen) on the current network.
///
/// # Errors
///
/// As for [`Net::listen`](crate::Net::listen), and [`Cause::NoStack`](crate::Cause::NoStack).
#[doc(alias = "Listen")]
pub fn listen(network: &str, address: &str) -> Result<AnyListener, OpError> {
    ListenConfig::new().listen(network, address)
}

/// [`Net::listen_tcp`](crate::Net::listen_tcp) on the current network.
///
/// # Errors
///
/// As for [`Net::listen_tcp`](crate::Net::listen_tcp), and [`Cause::NoStack`](crate::Cause::NoStack).
#[doc(alias = "ListenTCP")]
pub fn listen_tcp(network: &str, local: Option<&TCPAddr>) -> Result<TCPListener, OpError> {
    ListenConfig::new().listen_tcp(network, local)
}

/// [`Net::listen_packet`](crate::Net::listen_packet) on the current network.
///
/// # Errors
///
/// As for [`Net::listen_packet`](crate::Net::listen_packet), and [`Cause::NoStack`](crate::Cause::NoStack).
#[doc(alias = "ListenPacket")]
pub fn listen_packet(network: &str, address: &str) -> Result<AnyPacketConn, OpError> {
    ListenConfig::new().listen_packet(network, address)
}

/// [`Net::listen_udp`](crate::Net::listen_udp) on the current network.
///
/// # Errors
///
/// As for [`Net::listen_udp`](crate::Net::listen_udp), and [`Cause::NoStack`](crate::Cause::NoStack).
#[doc(alias = "ListenUDP")]
pub fn listen_udp(network: &str, local: Option<&UDPAddr>) -> Result<UDPConn, OpError> {
    ListenConfig::new().listen_udp(network, local)
}

/// [`Net::listen_ip`](crate::Net::listen_ip) on the current network.
///
/// # Errors
///
/// As for [`Net::listen_ip`](crate::Net::listen_ip), and [`Cause::NoStack`](crate::Cause::NoStack).
#[doc(alias = "ListenIP")]
pub fn listen_ip(network: &str, local: Option<&IPAddr>) -> Result<IPConn, OpError> {
    ListenConfig::new().listen_ip(network, local)
}
