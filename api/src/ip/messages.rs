//! An [`IPConn`]'s payloads with all that is known of them, and its settings.
//!
//! Go's typed forms are here. What a call means and when it fails is as for [`IPConn::read`] and
//! [`IPConn::write`]; over IPv4 `read_msg` keeps the header in front, as `read` does and as in Go.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use sidestep_stack::Call;
use sidestep_stack::call::{SendDatagram, SocketOptions};
use sidestep_stack::wire::protocol::TrafficClass;

use super::{IPConn, Inner, PAYLOAD_OCTETS_MAX, StackIp, copy_with_header};
use crate::channel::failure::Source;
use crate::conn_io::cause;
use crate::error::{Cause, Errno, Op, OpError, SysCall};
use crate::message::{Msg, MsgOptions};
use crate::packet_conn::{BUFFER_OCTETS_MIN, destination};
use crate::{IPAddr, NetAddr};

impl IPConn {
    /// The same as [`read_from`](Self::read_from), by its full name in Go.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "ReadFromIP")]
    pub fn read_from_ip(&self, octets: &mut [u8]) -> Result<(usize, IPAddr), OpError> {
        self.read_from(octets)
    }

    /// The same as [`write_to`](Self::write_to), by its full name in Go.
    ///
    /// # Errors
    ///
    /// As for [`write_to`](Self::write_to).
    #[doc(alias = "WriteToIP")]
    pub fn write_to_ip(&self, octets: &[u8], to: &IPAddr) -> Result<usize, OpError> {
        self.write_to(octets, to)
    }

    /// Receives one payload, waited for, with what is known of its journey. Over IPv4 its header comes
    /// first.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "ReadMsgIP")]
    pub fn read_msg(&self, octets: &mut [u8]) -> Result<Msg<IPAddr>, OpError> {
        let conn = match &*self.0 {
            Inner::Stack(conn) => conn,
            Inner::Host(conn) => return conn.read_msg(octets),
        };
        let datagram = conn.receive(SysCall::RecvMsg)?;
        let n = copy_with_header(octets, &datagram);
        let whole = datagram.ip_header.len() + datagram.octets.len();
        let from = conn.shown(datagram.remote.ip());
        Ok(Msg::of(&datagram, from, n, whole))
    }

    /// Sends one payload as `options` say.
    ///
    /// # Errors
    ///
    /// With op `write`: [`Cause::MissingAddress`] without a peer and without `to`;
    /// [`Cause::WriteToConnected`] with both; `EADDRNOTAVAIL` if `source` is none of ours;
    /// [`Cause::NotSupported`] on the host's kernel for more than `to`; else as for
    /// [`write_to`](Self::write_to).
    #[doc(alias = "WriteMsgIP")]
    pub fn write_msg(&self, octets: &[u8], options: &MsgOptions<IPAddr>) -> Result<usize, OpError> {
        let conn = match &*self.0 {
            Inner::Stack(conn) => conn,
            Inner::Host(conn) => return conn.write_msg(octets, options),
        };
        let write = || {
            let datagram = conn.departing(octets, options)?;
            conn.socket.send_datagram(datagram, SysCall::SendMsg)
        };
        write().map_err(|cause| {
            let error = conn.socket.failed(Op::Write, cause);
            match &options.to {
                Some(to) => error.with_addr(NetAddr::IP(to.clone())),
                None => error,
            }
        })
    }

    /// Bounds the octets of received payloads that wait for `read`: half of them here, half of them in
    /// the stack, each at least 2,048. One payload always fits; what waits stays.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    #[doc(alias = "SetReadBuffer")]
    pub fn set_read_buffer(&self, octets: usize) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => {
                let half = (octets / 2).max(BUFFER_OCTETS_MIN);
                let channel = &conn.socket.channel;
                channel
                    .set_receive_octets(half)
                    .map_err(|failure| conn.not_set(cause(failure, SysCall::SetSockOpt)))?;
                conn.set(SocketOptions {
                    receive_buffer_octets: Some(half),
                    ..SocketOptions::default()
                })
            }
            Inner::Host(conn) => conn.set_read_buffer(octets),
        }
    }

    /// Bounds the octets of written payloads that wait to leave, before `write` waits.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    #[doc(alias = "SetWriteBuffer")]
    pub fn set_write_buffer(&self, octets: usize) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => {
                let octets = octets.max(BUFFER_OCTETS_MIN);
                let channel = &conn.socket.channel;
                channel
                    .set_send_octets(octets)
                    .map_err(|failure| conn.not_set(cause(failure, SysCall::SetSockOpt)))
            }
            Inner::Host(conn) => conn.set_write_buffer(octets),
        }
    }

    /// Sets the hop limit (time to live) of what is sent from now on, 1 to 255; to groups as well.
    ///
    /// # Errors
    ///
    /// With op `set`: `EINVAL` for 0; it is closed.
    #[doc(alias = "SetTTL")]
    pub fn set_hop_limit(&self, hop_limit: u8) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) if hop_limit == 0 => {
                Err(conn.not_set(Cause::sys(SysCall::SetSockOpt, Errno::EINVAL)))
            }
            Inner::Stack(conn) => conn.set(SocketOptions {
                hop_limit: Some(hop_limit),
                group_hop_limit: Some(hop_limit),
                ..SocketOptions::default()
            }),
            Inner::Host(conn) => conn.set_hop_limit(hop_limit),
        }
    }

    /// Sets DSCP and ECN of what is sent from now on, as they stand in the header.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    #[doc(alias = "SetTOS")]
    #[doc(alias = "SetTrafficClass")]
    pub fn set_tos(&self, tos: u8) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn.set(SocketOptions {
                traffic_class: Some(TrafficClass(tos)),
                ..SocketOptions::default()
            }),
            Inner::Host(conn) => conn.set_tos(tos),
        }
    }
}

impl StackIp {
    fn departing(
        &self,
        octets: &[u8],
        options: &MsgOptions<IPAddr>,
    ) -> Result<SendDatagram, Cause> {
        let peer = self.remote.as_ref().and_then(|remote| remote.ip);
        let to = match (peer, &options.to) {
            (Some(_), Some(_)) => return Err(Cause::WriteToConnected),
            (None, None) => return Err(Cause::MissingAddress),
            (Some(peer), None) => peer,
            (None, Some(to)) => self.remote_of(to)?,
        };
        if octets.len() > PAYLOAD_OCTETS_MAX {
            return Err(Cause::sys(SysCall::SendMsg, Errno::EMSGSIZE));
        }
        Ok(SendDatagram {
            remote: Some(SocketAddr::new(to, 0)),
            source: options.source.map(|source| source.to_canonical()),
            octets: Bytes::copy_from_slice(octets),
            hop_limit: options.hop_limit,
            traffic_class: options.traffic_class(),
        })
    }

    /// Where `to` is. A zone must be one of ours: there is one device, so it says nothing more.
    pub(super) fn remote_of(&self, to: &IPAddr) -> Result<IpAddr, Cause> {
        let ip = destination(self.socket.network, to.ip)?;
        self.socket.shared.check_zone(&to.zone)?;
        Ok(ip)
    }

    fn set(&self, options: SocketOptions) -> Result<(), OpError> {
        match self.socket.channel.source() {
            Some(Source::Raw(socket)) => self.socket.set(Call::SetRawOptions { socket, options }),
            _ => Err(self.not_set(Cause::Closed)),
        }
    }

    fn not_set(&self, cause: Cause) -> OpError {
        self.socket.failed(Op::Set, cause)
    }
}
