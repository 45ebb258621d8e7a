//! ureq 3 over a [`Net`]: a connector, a resolver, and an agent made of both.
//!
//! ureq's transports are "unversioned": their traits may change with a minor version of ureq, and
//! this module with them. Blocking throughout; a timeout of ureq is a deadline here.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector as _, Either, LazyBuffers, NextTimeout, RustlsConnector,
    ShutdownHandle,
};

use crate::address::split_host_port;
use crate::{Deadline, Net, NetError, TCPAddr, TCPConn};

/// Addresses of one name that are tried: what ureq has room for.
const ADDRESSES_MAX: usize = 16;

/// An agent whose names and connections are those of `net`; `https` uses rustls.
///
/// ```no_run
/// use sidestep::{Net, adapter};
/// # fn page(net: &Net) -> Result<String, ureq::Error> {
/// let agent = adapter::ureq::agent(net, ureq::config::Config::default());
/// agent.get("http://192.0.2.1/").call()?.body_mut().read_to_string()
/// # }
/// ```
pub fn agent(net: &Net, config: Config) -> ureq::Agent {
    let connector = Connector::new(net).chain(RustlsConnector::default());
    ureq::Agent::with_parts(config, connector, Resolver::new(net))
}

/// Opens connections on a [`Net`]: ureq's `Connector`.
#[derive(Clone, Debug)]
pub struct Connector(Net);

impl Connector {
    /// A connector on `net`.
    pub fn new(net: &Net) -> Self {
        Self(net.clone())
    }
}

impl<In: ureq::unversioned::transport::Transport> ureq::unversioned::transport::Connector<In>
    for Connector
{
    type Out = Either<In, Transport>;

    /// The addresses are tried in their order; each has an equal share of the time that is left.
    /// The error is that of the first.
    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if let Some(chained) = chained {
            // A proxy's connection, which stands in for ours.
            return Ok(Some(Either::A(chained)));
        }
        let deadline = deadline(details.timeout);
        let count = details.addrs.len();
        let mut first_error = None;
        for (tried, address) in details.addrs.iter().enumerate() {
            let left = u32::try_from(count - tried).unwrap_or(u32::MAX);
            let share = deadline
                .remaining()
                .map_or(Deadline::NONE, |time| Deadline::from(time / left));
            match self
                .0
                .dial_tcp_until("tcp", None, &TCPAddr::from(*address), share)
            {
                Ok(conn) => {
                    let transport = Transport::new(conn, details.config)?;
                    (details.register_shutdown)(transport.shutdown_handle())?;
                    return Ok(Some(Either::B(transport)));
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        match first_error {
            _ if deadline.has_passed() => Err(Error::Timeout(details.timeout.reason)),
            Some(error) => Err(Error::Io(error.into())),
            None => Err(Error::HostNotFound),
        }
    }
}

/// Looks names up on a [`Net`]: ureq's `Resolver`.
#[derive(Clone, Debug)]
pub struct Resolver(Net);

impl Resolver {
    /// A resolver that asks as `net` does.
    pub fn new(net: &Net) -> Self {
        Self(net.clone())
    }
}

impl ureq::unversioned::resolver::Resolver for Resolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let (scheme, authority) = uri
            .scheme()
            .zip(uri.authority())
            .ok_or_else(|| Error::BadUri(uri.to_string()))?;
        let text = DefaultResolver::host_and_port(scheme, authority).ok_or(Error::HostNotFound)?;
        let (host, port) = split_host_port(&text).map_err(|_| Error::BadUri(uri.to_string()))?;
        let port = port.parse().map_err(|_| Error::BadUri(uri.to_string()))?;
        let found = self
            .0
            .resolver()
            .with_deadline(deadline(timeout))
            .lookup_ip_addr(host)
            .map_err(|error| {
                if error.is_timeout {
                    Error::Timeout(timeout.reason)
                } else if error.is_not_found {
                    Error::HostNotFound
                } else {
                    Error::Io(io::Error::other(error))
                }
            })?;
        let found = found
            .into_iter()
            .filter_map(|addr| addr.ip)
            .map(|ip| SocketAddr::new(ip, port));
        let family = config.ip_family();
        let mut addresses = self.empty();
        for address in family.keep_wanted(found).take(ADDRESSES_MAX) {
            addresses.push(address);
        }
        if addresses.is_empty() {
            return Err(Error::HostNotFound);
        }
        Ok(addresses)
    }
}

/// A connection with ureq's buffers: ureq's `Transport`.
pub struct Transport {
    conn: Arc<Shared>,
    buffers: LazyBuffers,
}

/// The connection, so that an agent that is shut down reaches it while it is in use.
struct Shared(TCPConn);

impl ShutdownHandle for Shared {
    fn shutdown(&self) {
        // Whoever waits fails at once. It may be closed already.
        let _ = self.0.close();
    }
}

impl Transport {
    fn new(conn: TCPConn, config: &Config) -> Result<Self, Error> {
        conn.set_nodelay(config.no_delay()).map_err(io_error)?;
        Ok(Self {
            conn: Arc::new(Shared(conn)),
            buffers: LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size()),
        })
    }

    fn shutdown_handle(&self) -> Weak<dyn ShutdownHandle> {
        let weak: Weak<Shared> = Arc::downgrade(&self.conn);
        weak
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transport").field(&self.conn.0).finish()
    }
}

impl ureq::unversioned::transport::Transport for Transport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        let conn = &self.conn.0;
        conn.set_write_deadline(deadline(timeout))
            .map_err(io_error)?;
        let output = self.buffers.output();
        let octets = output.get(..amount).unwrap_or(output);
        conn.write(octets)
            .map(|_| ())
            .map_err(|error| timed_out_or(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        let conn = &self.conn.0;
        conn.set_read_deadline(deadline(timeout))
            .map_err(io_error)?;
        let count = conn
            .read(self.buffers.input_append_buf())
            .map_err(|error| timed_out_or(error, timeout))?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        // Between two requests an open connection has nothing to say: text, the end of the stream
        // and an error all mean that it is of no more use.
        let conn = &self.conn.0;
        let glance = Duration::from_micros(100);
        conn.set_read_deadline(glance).is_ok()
            && conn.read(&mut [0]).is_err_and(|error| error.timeout())
    }
}

fn deadline(timeout: NextTimeout) -> Deadline {
    if timeout.after.is_not_happening() {
        Deadline::NONE
    } else {
        Deadline::from(*timeout.after)
    }
}

fn io_error(error: crate::OpError) -> Error {
    Error::Io(error.into())
}

fn timed_out_or(error: crate::OpError, timeout: NextTimeout) -> Error {
    if error.timeout() {
        Error::Timeout(timeout.reason)
    } else {
        io_error(error)
    }
}
