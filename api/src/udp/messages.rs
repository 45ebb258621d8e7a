//! A [`UDPConn`]'s datagrams with all that is known of them, one by one and in batches, and its
//! settings.
//!
//! Go's typed forms (`ReadFromUDP`, `ReadMsgUDP`, …) are here beside ours: batches, which take a lock
//! once and wake once, and octets that are handed over instead of copied. What a call means and when
//! it fails is as for [`UDPConn::read`] and [`UDPConn::write`].

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use sidestep_stack::Call;
use sidestep_stack::call::{ReceivedDatagram, SendDatagram, SocketOptions};
use sidestep_stack::wire::protocol::TrafficClass;

use super::{Inner, StackUdp, UDPConn, check_size};
use crate::channel::failure::Source;
use crate::conn_io::cause;
use crate::error::{Cause, Errno, Op, OpError, SysCall};
use crate::message::{Msg, MsgOptions, MsgSlot};
use crate::packet_conn::{BUFFER_OCTETS_MIN, copy_datagram, destination};
use crate::{NetAddr, UDPAddr};

/// So many datagrams of a batch are taken at once; a longer batch ends early, which its count tells.
const BATCH_MAX: usize = 1_024;

impl UDPConn {
    /// The same as [`read_from`](Self::read_from), by its full name in Go.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "ReadFromUDP")]
    pub fn read_from_udp(&self, octets: &mut [u8]) -> Result<(usize, UDPAddr), OpError> {
        self.read_from(octets)
    }

    /// The same as [`write_to`](Self::write_to), by its full name in Go.
    ///
    /// # Errors
    ///
    /// As for [`write_to`](Self::write_to).
    #[doc(alias = "WriteToUDP")]
    pub fn write_to_udp(&self, octets: &[u8], to: &UDPAddr) -> Result<usize, OpError> {
        self.write_to(octets, to)
    }

    /// As [`read_from`](Self::read_from), with std's address. An IPv4 sender is IPv4 here as well,
    /// where Go gives it mapped into IPv6; a zone is the index of its interface.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "ReadFromUDPAddrPort")]
    pub fn read_from_addr_port(&self, octets: &mut [u8]) -> Result<(usize, SocketAddr), OpError> {
        let (len, from) = self.read_from(octets)?;
        Ok((len, self.socket_addr(&from)))
    }

    /// As [`write_to`](Self::write_to), with std's address.
    ///
    /// # Errors
    ///
    /// As for [`write_to`](Self::write_to).
    #[doc(alias = "WriteToUDPAddrPort")]
    pub fn write_to_addr_port(&self, octets: &[u8], to: SocketAddr) -> Result<usize, OpError> {
        self.write_to(octets, &UDPAddr::from(to))
    }

    fn socket_addr(&self, addr: &UDPAddr) -> SocketAddr {
        let index_of = |name: &str| match &*self.0 {
            Inner::Stack(conn) => conn.socket.shared.interface_index(name),
            Inner::Host(_) => crate::host::interface_index(name),
        };
        addr.to_socket_addr(index_of).unwrap_or_else(|_| {
            let ip = addr
                .ip
                .unwrap_or(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED));
            SocketAddr::new(ip, addr.port)
        })
    }

    /// Receives one datagram, waited for, with what is known of its journey. This is how to see that
    /// one did not fit.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "ReadMsgUDP")]
    #[doc(alias = "ReadMsgUDPAddrPort")]
    pub fn read_msg(&self, octets: &mut [u8]) -> Result<Msg, OpError> {
        match &*self.0 {
            Inner::Stack(conn) => {
                let datagram = conn.socket.receive(SysCall::RecvMsg)?;
                Ok(conn.fill(octets, &datagram))
            }
            Inner::Host(conn) => conn.read_msg(octets),
        }
    }

    /// Sends one datagram as `options` say.
    ///
    /// # Errors
    ///
    /// With op `write`: [`Cause::MissingAddress`] without a peer and without `to`;
    /// [`Cause::WriteToConnected`] with both; `EADDRNOTAVAIL` if `source` is none of ours;
    /// [`Cause::NotSupported`] on the host's kernel for more than `to`; else as for
    /// [`write_to`](Self::write_to).
    #[doc(alias = "WriteMsgUDP")]
    #[doc(alias = "WriteMsgUDPAddrPort")]
    pub fn write_msg(&self, octets: &[u8], options: &MsgOptions) -> Result<usize, OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn
                .departing(Bytes::copy_from_slice(octets), options, SysCall::SendMsg)
                .and_then(|datagram| conn.socket.send_datagram(datagram, SysCall::SendMsg))
                .map_err(|cause| conn.not_sent(options.to.as_ref(), cause)),
            Inner::Host(conn) => conn.write_msg(octets, options),
        }
    }

    /// Receives one datagram, waited for, without copying it.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn read_bytes(&self) -> Result<(Bytes, Msg), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => {
                let datagram = conn.socket.receive(SysCall::RecvMsg)?;
                let msg = conn.describe(&datagram, datagram.octets.len());
                Ok((datagram.octets, msg))
            }
            Inner::Host(conn) => {
                let mut room = vec![0; 65_536];
                let msg = conn.read_msg(&mut room)?;
                room.truncate(msg.n);
                Ok((Bytes::from(room), msg))
            }
        }
    }

    /// As [`write_msg`](Self::write_msg), without copying the octets where the backend can.
    ///
    /// # Errors
    ///
    /// As for [`write_msg`](Self::write_msg).
    pub fn write_bytes(&self, octets: Bytes, options: &MsgOptions) -> Result<usize, OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn
                .departing(octets, options, SysCall::SendMsg)
                .and_then(|datagram| conn.socket.send_datagram(datagram, SysCall::SendMsg))
                .map_err(|cause| conn.not_sent(options.to.as_ref(), cause)),
            Inner::Host(conn) => conn.write_msg(&octets, options),
        }
    }

    /// Receives as many datagrams as there are, up to one for each slot, and waits for the first one
    /// only: how many slots were filled. One lock and one wake serve all of them.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read); nothing was received then.
    #[doc(alias = "recvmmsg")]
    pub fn recv_many(&self, slots: &mut [MsgSlot<'_>]) -> Result<usize, OpError> {
        let conn = match &*self.0 {
            Inner::Stack(conn) => conn,
            Inner::Host(conn) => {
                // Its sockets never block: after the first one, what is there is taken.
                let mut filled = 0;
                for slot in slots.iter_mut() {
                    let read = match filled {
                        0 => conn.read_msg(slot.octets).map(Some)?,
                        _ => conn.try_read_msg(slot.octets),
                    };
                    let Some(msg) = read else { break };
                    slot.msg = msg;
                    filled += 1;
                }
                return Ok(filled);
            }
        };
        let most = slots.len().min(BATCH_MAX);
        let mut datagrams = Vec::new();
        conn.socket
            .channel
            .receive_many(most, &mut datagrams)
            .map_err(|failure| {
                let cause = cause(failure, SysCall::RecvMsg);
                conn.socket.failed(Op::Read, cause)
            })?;
        for (slot, datagram) in slots.iter_mut().zip(&datagrams) {
            slot.msg = conn.fill(slot.octets, datagram);
        }
        Ok(datagrams.len())
    }

    /// Sends the datagrams of a batch in order, waiting for room: how many were sent. One lock and
    /// one wake serve all that there is room for. It ends early, without an error, where one of them
    /// cannot be sent; and what a route or a peer has against one is told by the next call, as
    /// nobody waits for it.
    ///
    /// # Errors
    ///
    /// As for [`write_msg`](Self::write_msg), about the first datagram; nothing was sent then.
    #[doc(alias = "sendmmsg")]
    pub fn send_many(&self, batch: &[(&[u8], MsgOptions)]) -> Result<usize, OpError> {
        let conn = match &*self.0 {
            Inner::Stack(conn) => conn,
            Inner::Host(conn) => {
                for (sent, (octets, options)) in batch.iter().enumerate() {
                    match conn.write_msg(octets, options) {
                        Ok(_) => {}
                        Err(error) if sent == 0 => return Err(error),
                        Err(_) => return Ok(sent),
                    }
                }
                return Ok(batch.len());
            }
        };
        let Some((octets, options)) = batch.first() else {
            return Ok(0);
        };
        let made = |octets: &[u8], options: &MsgOptions| {
            conn.departing(Bytes::copy_from_slice(octets), options, SysCall::SendMsg)
        };
        let failed = |cause| conn.not_sent(options.to.as_ref(), cause);
        let first = made(octets, options).map_err(failed)?;
        let rest = batch
            .iter()
            .skip(1)
            .take(BATCH_MAX - 1)
            .map_while(|(octets, options)| made(octets, options).ok());
        conn.socket
            .channel
            .send_many(std::iter::once(first).chain(rest))
            .map_err(|failure| failed(cause(failure, SysCall::SendMsg)))
    }

    /// Bounds the octets of received datagrams that wait for `read`: half of them here, half of them
    /// in the stack, each at least 2,048. One datagram always fits; what waits stays. At most the
    /// stack's `socket_octets_max`.
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
                channel.set_receive_octets(half).map_err(|failure| {
                    conn.socket
                        .failed(Op::Set, cause(failure, SysCall::SetSockOpt))
                })?;
                conn.set(SocketOptions {
                    receive_buffer_octets: Some(half),
                    ..SocketOptions::default()
                })
            }
            Inner::Host(conn) => conn.set_read_buffer(octets),
        }
    }

    /// Bounds the octets of written datagrams that wait to leave, before `write` waits. One datagram
    /// always fits.
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
                channel.set_send_octets(octets).map_err(|failure| {
                    conn.socket
                        .failed(Op::Set, cause(failure, SysCall::SetSockOpt))
                })
            }
            Inner::Host(conn) => conn.set_write_buffer(octets),
        }
    }

    /// Sets the hop limit (time to live) of what is sent to one host from now on, 1 to 255. For
    /// groups see [`set_multicast_hop_limit`](Self::set_multicast_hop_limit).
    ///
    /// # Errors
    ///
    /// With op `set`: `EINVAL` for 0; it is closed.
    #[doc(alias = "SetTTL")]
    pub fn set_hop_limit(&self, hop_limit: u8) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) if hop_limit == 0 => {
                let cause = Cause::sys(SysCall::SetSockOpt, Errno::EINVAL);
                Err(conn.socket.failed(Op::Set, cause))
            }
            Inner::Stack(conn) => conn.set(SocketOptions {
                hop_limit: Some(hop_limit),
                ..SocketOptions::default()
            }),
            Inner::Host(conn) => conn.set_hop_limit(hop_limit),
        }
    }

    /// Sets DSCP and ECN of what is sent from now on, as they stand in the header: the octet that was
    /// called type of service in IPv4 and is called traffic class in IPv6.
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

impl StackUdp {
    /// The sender as users see it: with the zone of an address that needs one.
    pub(super) fn shown(&self, remote: SocketAddr) -> UDPAddr {
        let mut addr = UDPAddr::from(remote);
        addr.zone = self.socket.shared.zone_of(remote.ip());
        addr
    }

    fn describe(&self, datagram: &ReceivedDatagram, n: usize) -> Msg {
        Msg::of(
            datagram,
            self.shown(datagram.remote),
            n,
            datagram.octets.len(),
        )
    }

    fn fill(&self, octets: &mut [u8], datagram: &ReceivedDatagram) -> Msg {
        let n = copy_datagram(octets, &datagram.octets);
        self.describe(datagram, n)
    }

    fn departing(
        &self,
        octets: Bytes,
        options: &MsgOptions,
        call: SysCall,
    ) -> Result<SendDatagram, Cause> {
        let remote = match (&self.remote, &options.to) {
            (Some(_), Some(_)) => return Err(Cause::WriteToConnected),
            (None, None) => return Err(Cause::MissingAddress),
            (Some(peer), None) => {
                check_size(&octets, peer, call)?;
                None
            }
            (None, Some(to)) => {
                check_size(&octets, to, call)?;
                Some(self.remote_of(to)?)
            }
        };
        Ok(SendDatagram {
            remote,
            source: options.source.map(|source| source.to_canonical()),
            octets,
            hop_limit: options.hop_limit,
            traffic_class: options.traffic_class(),
        })
    }

    /// Where `to` is. A zone must be one of ours: there is one device, so it says nothing more.
    pub(super) fn remote_of(&self, to: &UDPAddr) -> Result<SocketAddr, Cause> {
        let ip = destination(self.socket.network, to.ip)?;
        self.socket.shared.check_zone(&to.zone)?;
        Ok(SocketAddr::new(ip, to.port))
    }

    fn not_sent(&self, to: Option<&UDPAddr>, cause: Cause) -> OpError {
        let error = self.socket.failed(Op::Write, cause);
        match to {
            Some(to) => error.with_addr(NetAddr::UDP(to.clone())),
            None => error,
        }
    }

    /// Changes settings of the stack's socket.
    pub(super) fn set(&self, options: SocketOptions) -> Result<(), OpError> {
        let Some(Source::Socket(socket)) = self.socket.channel.source() else {
            return Err(self.socket.failed(Op::Set, Cause::Closed));
        };
        self.socket.set(Call::SetSocketOptions { socket, options })
    }
}
