//! Two networks that reach each other, for the promises that a single connection cannot show.
//!
//! `tcp.rs`, `listening.rs`, `udp.rs` and `dialing.rs` make their listeners and sockets here.

use std::time::Duration;

use super::kit::Bench;
use super::say::{Step, breach, works};
use crate::net::Net;
use crate::{Deadline, TCPConn, TCPListener, UDPConn};

/// Two networks, and how the second is reached from the first. They may be the same one.
#[derive(Clone, Debug)]
pub struct Nets {
    /// Who dials.
    pub client: Net,
    /// Who listens.
    pub server: Net,
    host: String,
    silent: Option<String>,
}

impl Nets {
    /// `host` is the server's IP address, as the client's user writes it: IPv6 without brackets.
    pub fn new(client: &Net, server: &Net, host: &str) -> Self {
        Self {
            client: client.clone(),
            server: server.clone(),
            host: host.to_owned(),
            silent: None,
        }
    }

    /// An IP address of the same family to which packets go, and from which nothing ever comes.
    /// Without one, declare that [`SilentAddress`](super::Ability::SilentAddress) is lacking.
    #[must_use]
    pub fn silent(mut self, host: &str) -> Self {
        self.silent = Some(host.to_owned());
        self
    }

    /// The server's address with a port.
    pub(super) fn at(&self, port: u16) -> String {
        crate::join_host_port(&self.host, &port.to_string())
    }

    /// An address that never answers.
    pub(super) fn silent_at(&self, port: u16) -> Step<String> {
        match &self.silent {
            Some(host) => Ok(crate::join_host_port(host, &port.to_string())),
            None => breach("Nets::silent to have been called", "that it was not"),
        }
    }

    /// `tcp4` or `udp6`: the network with the family of the host.
    pub(super) fn network(&self, plain: &str) -> String {
        format!("{plain}{}", if self.host.contains(':') { 6 } else { 4 })
    }

    pub(super) fn listen(&self) -> Step<TCPListener> {
        let listener = works("listen", self.server.listen("tcp", &self.at(0)))?;
        match listener.as_tcp() {
            Some(listener) => Ok(listener.clone()),
            None => breach("a TCP listener", format!("{listener:?}")),
        }
    }

    pub(super) fn dial(&self, listener: &TCPListener, bench: &Bench) -> Step<TCPConn> {
        let until = Deadline::from(bench.patience);
        works(
            "dial",
            self.client
                .dial_tcp_until("tcp", None, listener.addr(), until),
        )
    }

    /// Two ends of a connection: who dialled, and who accepted. Their deadlines are the kit's.
    pub(super) fn pair(&self, bench: &Bench) -> Step<(TCPConn, TCPConn)> {
        let listener = self.listen()?;
        let dialled = self.dial(&listener, bench)?;
        works("set_deadline", listener.set_deadline(bench.patience))?;
        let accepted = works("accept", listener.accept_tcp())?;
        for end in [&dialled, &accepted] {
            works("set_deadline", end.set_deadline(bench.patience))?;
        }
        Ok((dialled, accepted))
    }

    /// A UDP socket with the server's as its peer, and the server's.
    pub(super) fn udp_pair(&self, patience: Duration) -> Step<(UDPConn, UDPConn)> {
        let local = works("an address", self.at(0).parse())?;
        let server = works("listen_udp", self.server.listen_udp("udp", Some(&local)))?;
        let client = works(
            "dial_udp",
            self.client.dial_udp("udp", None, server.local_addr()),
        )?;
        for socket in [&client, &server] {
            works("set_deadline", socket.set_deadline(patience))?;
        }
        Ok((client, server))
    }
}
