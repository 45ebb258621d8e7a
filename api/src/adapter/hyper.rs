//! hyper's clients over a [`Net`]: a connector for `hyper_util::client::legacy::Client`.
//!
//! It is a tower `Service` of `Uri`s, so tonic's `connect_with_connector` and hyper-rustls's
//! `wrap_connector` take it as well. It opens the connection and nothing more: no TLS, no proxy.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tower_service::Service;

use crate::future::{self, TCPConn};
use crate::{Dialer, Net, TCPAddr, join_host_port};

/// Opens the connections of a client: what hyper-util, hyper-rustls and tonic take.
///
/// ```no_run
/// use hyper_util::client::legacy::Client;
/// use hyper_util::rt::TokioExecutor;
/// use sidestep::{Net, adapter::hyper::Connector};
///
/// # fn client(net: &Net) -> Client<Connector, String> {
/// Client::builder(TokioExecutor::new()).build(Connector::new(net))
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Connector(Dialer);

impl Connector {
    /// A connector on `net` that dials as `Net::dial` does.
    pub fn new(net: &Net) -> Self {
        Self(Dialer::new().on(net))
    }

    /// A connector that dials with `dialer`: its network, timeouts, local address and hooks.
    pub const fn with_dialer(dialer: Dialer) -> Self {
        Self(dialer)
    }
}

/// A dial that goes on. Dropped, it leaves nothing behind.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<TokioIo<TCPConn>>> + Send>>;

impl Service<Uri> for Connector {
    type Response = TokioIo<TCPConn>;
    type Error = io::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Dials the host and the port of `uri`; without a port 443 for `https`, 80 for `http`.
    fn call(&mut self, uri: Uri) -> Connecting {
        let Self(dialer) = self.clone();
        Box::pin(async move {
            let address = address(&uri)?;
            let conn = future::dial_with(&dialer, "tcp", &address).await?;
            // The network is TCP, and so is the connection.
            let conn = conn.into_tcp().map_err(|_| io::ErrorKind::Unsupported)?;
            Ok(TokioIo::new(conn))
        })
    }
}

/// The host and the port of `uri`.
fn address(uri: &Uri) -> io::Result<String> {
    let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{uri}: {why}"));
    let host = uri.host().ok_or_else(|| invalid("no host"))?;
    // An IPv6 address comes in brackets, which the address puts around it again.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = uri
        .port_u16()
        .or_else(|| match uri.scheme_str() {
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => None,
        })
        .ok_or_else(|| invalid("no port"))?;
    Ok(join_host_port(host, &port.to_string()))
}

impl Connection for TCPConn {
    /// The ends of the connection are in hyper's `HttpInfo`'s place: an extra of type
    /// [`ConnectInfo`].
    fn connected(&self) -> Connected {
        Connected::new().extra(ConnectInfo {
            local: self.local_addr().clone(),
            remote: self.remote_addr().clone(),
        })
    }
}

/// The ends of the connection that a response came over: an extension of the response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectInfo {
    /// Our end.
    pub local: TCPAddr,
    /// The peer's end.
    pub remote: TCPAddr,
}
