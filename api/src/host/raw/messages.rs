//! What a raw socket of the host kernel does beyond moving single payloads: messages and options.
//!
//! `ip/messages.rs` and `ip/apply.rs` call it. Control messages are not spoken, as for UDP.

use std::os::fd::BorrowedFd;

use rustix::net::sockopt;

use super::HostRaw;
use crate::address::{IPAddr, NetAddr};
use crate::error::{Cause, Errno, Op, OpError, SysCall};
use crate::host::messages::receive;
use crate::host::options::{self, Family};
use crate::host::socket::Way;
use crate::message::{Msg, MsgOptions};
use crate::socket_options::{ReusePort, SocketOptions};

impl HostRaw {
    /// Receives a packet, over IPv4 with its header, and says from whom and whether all of it fitted.
    ///
    /// # Errors
    ///
    /// With op `read`.
    pub fn read_msg(&self, buffer: &mut [u8]) -> Result<Msg<IPAddr>, OpError> {
        let received = self
            .socket
            .perform(Way::In, SysCall::RecvMsg, |fd| receive(fd, &mut *buffer));
        let msg = received.map_err(|cause| self.failed(Op::Read, cause))?;
        let from = match msg.from.ip {
            Some(ip) => IPAddr {
                ip: Some(ip),
                zone: msg.from.zone,
            },
            // The kernel may leave the sender out where there is only one.
            None => self.remote.clone().unwrap_or_default(),
        };
        Ok(Msg {
            n: msg.n,
            truncated: msg.truncated,
            from,
            to: msg.to,
            ecn: msg.ecn,
            dscp: msg.dscp,
            hop_limit: msg.hop_limit,
        })
    }

    /// Sends a payload as `options` say.
    ///
    /// # Errors
    ///
    /// With op `write`; [`Cause::NotSupported`] for what only control messages can say.
    pub fn write_msg(&self, octets: &[u8], options: &MsgOptions<IPAddr>) -> Result<usize, OpError> {
        let not_sent = |cause| {
            let error = self.failed(Op::Write, cause);
            match &options.to {
                Some(to) => error.with_addr(NetAddr::IP(to.clone())),
                None => error,
            }
        };
        if options.is_more_than_an_address() {
            return Err(not_sent(Cause::NotSupported));
        }
        match (&options.to, &self.remote) {
            (Some(_), Some(_)) => Err(not_sent(Cause::WriteToConnected)),
            (None, None) => Err(not_sent(Cause::MissingAddress)),
            (Some(to), None) => self.write_to(octets, to),
            (None, Some(_)) => self.write(octets),
        }
    }

    /// Sets what `options` name. What belongs to TCP and to ports is left alone.
    pub(crate) fn apply(&self, options: &SocketOptions) -> Result<(), Cause> {
        let options = SocketOptions {
            reuse_port: ReusePort::No,
            ..*options
        };
        self.socket.at_once(SysCall::SetSockOpt, |fd| {
            Ok(options::set_before_use(fd, self.family(), &options))
        })?
    }

    /// Hop limit of what is sent, to groups as well.
    ///
    /// # Errors
    ///
    /// `EINVAL` for 0; it was closed before.
    pub fn set_hop_limit(&self, hop_limit: u8) -> Result<(), OpError> {
        if hop_limit == 0 {
            return Err(self.not_set(Cause::sys(SysCall::SetSockOpt, Errno::EINVAL)));
        }
        self.set_by_family(
            |fd| {
                sockopt::set_ip_ttl(fd, hop_limit.into())?;
                sockopt::set_ip_multicast_ttl(fd, hop_limit.into())
            },
            |fd| {
                sockopt::set_ipv6_unicast_hops(fd, Some(hop_limit))?;
                sockopt::set_ipv6_multicast_hops(fd, hop_limit.into())
            },
        )
    }

    /// DSCP and ECN of what is sent.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn set_tos(&self, tos: u8) -> Result<(), OpError> {
        self.set_by_family(
            |fd| sockopt::set_ip_tos(fd, tos),
            |fd| sockopt::set_ipv6_tclass(fd, tos.into()),
        )
    }

    fn set_by_family(
        &self,
        v4: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<()>,
        v6: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<()>,
    ) -> Result<(), OpError> {
        match self.family() {
            Family::V4 => self.set_option(v4),
            Family::V6Only | Family::V6AndV4 => self.set_option(v6),
        }
    }
}
