//! QUIC over a [`Net`]: quinn's `AsyncUdpSocket` on a UDP socket of ours.
//!
//! quinn does the protocol, its runtime the timers; datagrams go through the stack one by one.
//! Congestion marks (ECN) are neither set nor reported, so quinn finds the path without them.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Endpoint, EndpointConfig, ServerConfig, TokioRuntime, UdpPoller};

use crate::future::UDPConn;
use crate::{Net, UDPAddr};

/// An endpoint at `local` on `net`, which accepts connections if `server` is given. It is to be
/// called within a tokio runtime.
///
/// # Errors
///
/// The socket cannot be opened.
pub fn endpoint(net: &Net, local: &UDPAddr, server: Option<ServerConfig>) -> io::Result<Endpoint> {
    let socket = Socket::new(net.listen_udp("udp", Some(local))?.into());
    Endpoint::new_with_abstract_socket(
        EndpointConfig::default(),
        server,
        Arc::new(socket),
        Arc::new(TokioRuntime),
    )
}

/// A UDP socket without a peer, as quinn wants it.
#[derive(Debug)]
pub struct Socket {
    conn: UDPConn,
    /// Only quinn's one driver receives.
    receiving: Mutex<UDPConn>,
}

impl Socket {
    /// Takes a socket that is bound.
    pub fn new(conn: UDPConn) -> Self {
        Self {
            receiving: Mutex::new(conn.clone()),
            conn,
        }
    }

    /// The peer in the family of the socket: quinn compares it with the address that it dialled.
    fn peer(&self, from: &UDPAddr) -> io::Result<SocketAddr> {
        let mut peer = SocketAddr::try_from(from).map_err(io::Error::other)?;
        let is_v6 = self.conn.local_addr().ip.is_none_or(|ip| ip.is_ipv6());
        if let (true, IpAddr::V4(ip)) = (is_v6, peer.ip()) {
            peer.set_ip(ip.to_ipv6_mapped().into());
        }
        Ok(peer)
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        // A clone waits for itself: any number of tasks may wait for room.
        Box::pin(Room(self.conn.clone()))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let to = UDPAddr::from(transmit.destination);
        match self.conn.try_write_to(transmit.contents, &to)? {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut receiving = self.receiving.lock();
        let mut count = 0;
        for (buffer, meta) in buffers.iter_mut().zip(metas) {
            match receiving.poll_read_from(cx, buffer) {
                Poll::Ready(Ok((len, from))) => {
                    *meta = RecvMeta {
                        addr: self.peer(&from)?,
                        len,
                        stride: len,
                        ecn: None,
                        dst_ip: None,
                    };
                    count += 1;
                }
                Poll::Ready(Err(error)) if count == 0 => return Poll::Ready(Err(error.into())),
                // It comes again at the next call.
                Poll::Ready(Err(_)) => break,
                Poll::Pending if count == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(count))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        SocketAddr::try_from(self.conn.local_addr()).map_err(io::Error::other)
    }
}

/// Waits until there is room to send.
#[derive(Debug)]
struct Room(UDPConn);

impl UdpPoller for Room {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_write_ready(cx).map(Ok)
    }
}
