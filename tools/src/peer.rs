//! Somebody to talk to at the other end of a cable: echo, discard, chargen, and names.
//!
//! Commands with `--memory` start a [`Peer`] on the second stack, so that they can be tried without any
//! right. It serves for as long as it lives.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread;

use sidestep::{AnyListener, AnyPacketConn, Net, OpError};

use crate::name_server::{Entry, NameServer, Zone};
use crate::serve::{Server, Service, packets};

/// Where a [`Peer`] answers for names in [`PEER_NAME`]'s domain.
pub const PEER_DNS_PORT: u16 = 53;
/// The peer's own name.
pub const PEER_NAME: &str = "host.peer.test";
/// Connections of one service at a time.
const CONNECTIONS_MAX: usize = 100;

/// See the module.
#[derive(Debug)]
pub struct Peer {
    listeners: Vec<AnyListener>,
    sockets: Vec<AnyPacketConn>,
    /// They serve until they are dropped.
    names: Vec<NameServer>,
    _net: Net,
}

impl Peer {
    /// Serves on all addresses of `net`, and answers for its names with `addresses`.
    ///
    /// # Errors
    ///
    /// A port is taken already.
    pub fn start(net: Net, addresses: Vec<IpAddr>) -> Result<Self, OpError> {
        let zone = Zone::default()
            .with(PEER_NAME, Entry::Addresses(addresses.clone()))
            .with("www.peer.test", Entry::Alias(PEER_NAME.to_owned()));
        let mut peer = Self {
            listeners: Vec::new(),
            sockets: Vec::new(),
            names: Vec::new(),
            _net: net.clone(),
        };
        for (service, port) in [
            (Service::Echo, 7),
            (Service::Discard, 9),
            (Service::Chargen, 19),
        ] {
            peer.serve(&net, &service, port)?;
        }
        for address in addresses {
            let at = SocketAddr::new(address, PEER_DNS_PORT);
            peer.names.push(NameServer::start(&net, at, zone.clone())?);
        }
        Ok(peer)
    }

    fn serve(&mut self, net: &Net, service: &Service, port: u16) -> Result<(), OpError> {
        let address = format!(":{port}");
        let listener = net.listen("tcp", &address)?;
        let socket = net.listen_packet("udp", &address)?;
        let server = Arc::new(Server::new(service.clone(), CONNECTIONS_MAX));
        let accepting = listener.clone();
        // These end when the peer is dropped; that they failed before shows at the other end.
        thread::spawn(move || drop(server.run(&accepting)));
        let (receiving, service) = (socket.clone(), service.clone());
        thread::spawn(move || drop(packets(&receiving, &service)));
        self.listeners.push(listener);
        self.sockets.push(socket);
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        for listener in &self.listeners {
            let _ = listener.close();
        }
        for socket in &self.sockets {
            let _ = socket.close();
        }
    }
}
