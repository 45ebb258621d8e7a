//! `sidestep serve`: echo, discard, chargen or files over HTTP, until Ctrl-C.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use clap::{Args, Subcommand};
use serde_json::json;
use sidestep::{AnyListener, AnyPacketConn, Net, OpError};
use sidestep_tools::serve::{Server, Service, http, packets};

use super::interrupt::Interrupt;
use super::options::StackOptions;
use super::{Failure, output};

const HELP: &str = "\
Examples:
  sidestep serve http --tun t0 --port 80 docs   # then: curl http://192.0.2.2/
  sidestep serve echo                           # then: nc 192.0.2.2 7
  sidestep serve chargen --addr 192.0.2.9/24";

/// Serves until Ctrl-C; the TUN device goes with it
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Sends back what comes, over TCP and UDP (RFC 862)
    #[command(after_help = HELP)]
    Echo(Common),
    /// Takes what comes, over TCP and UDP (RFC 863)
    #[command(after_help = HELP)]
    Discard(Common),
    /// Sends lines of letters, over TCP and UDP (RFC 864)
    #[command(after_help = HELP)]
    Chargen(Common),
    /// Serves the files below a directory: GET and HEAD
    #[command(after_help = HELP)]
    Http {
        /// The directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Args)]
struct Common {
    /// The port; without it that of the RFC: echo 7, discard 9, chargen 19, http 80
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Connections at a time; more wait in the backlog
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    connections: usize,
    /// Prints one JSON object when it listens, and one with the counts at the end
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (name, service, common, default_port) = match &arguments.what {
        What::Echo(common) => ("echo", Service::Echo, common, 7),
        What::Discard(common) => ("discard", Service::Discard, common, 9),
        What::Chargen(common) => ("chargen", Service::Chargen, common, 19),
        What::Http { directory, common } => ("http", http_service(directory)?, common, 80),
    };
    let up = common.stack.bring_up()?;
    let port = common.port.unwrap_or(default_port);
    let sockets = Sockets::open(up.net(), &service, port)?;
    let closing = sockets.clone();
    // When the listener is closed, everything below comes to its end.
    let _interrupt = Interrupt::new(move || closing.close())?;
    sockets.announce(name, common.json)?;

    let server = Server::new(service.clone(), common.connections);
    let datagrams = thread::scope(|scope| {
        let udp = sockets.udp.as_ref();
        let udp = udp.map(|udp| scope.spawn(|| packets(udp, &service)));
        let outcome = server.run(&sockets.tcp);
        sockets.close();
        let datagrams = udp.and_then(|thread| thread.join().ok()).unwrap_or(Ok(0));
        outcome.and(datagrams)
    })?;

    let counts = server.counts();
    if common.json {
        output::line(json!({
            "accepted": counts.accepted, "failed": counts.failed, "datagrams": datagrams,
        }))
    } else {
        output::line(format_args!(
            "{} connections ({} failed), {datagrams} datagrams",
            counts.accepted, counts.failed
        ))
    }
}

fn http_service(directory: &Path) -> Result<Service, Failure> {
    let root = http::Root::open(directory).map_err(|source| Failure::Directory {
        directory: directory.to_owned(),
        source,
    })?;
    Ok(Service::Http {
        root: Arc::new(root),
        limits: http::Limits::default(),
    })
}

/// Where a service listens.
#[derive(Clone, Debug)]
struct Sockets {
    tcp: AnyListener,
    udp: Option<AnyPacketConn>,
}

impl Sockets {
    fn open(net: &Net, service: &Service, port: u16) -> Result<Self, OpError> {
        let address = format!(":{port}");
        let tcp = net.listen("tcp", &address)?;
        let udp = match service {
            Service::Echo | Service::Discard | Service::Chargen => {
                Some(net.listen_packet("udp", &address)?)
            }
            Service::Http { .. } => None,
        };
        Ok(Self { tcp, udp })
    }

    fn close(&self) {
        // The other thread may have been first; then it is closed already.
        let _ = self.tcp.close();
        if let Some(udp) = &self.udp {
            let _ = udp.close();
        }
    }

    fn announce(&self, name: &str, json: bool) -> Result<(), Failure> {
        let tcp = self.tcp.addr().to_string();
        let udp = self.udp.as_ref().map(|udp| udp.local_addr().to_string());
        if json {
            return output::line(json!({"service": name, "tcp": tcp, "udp": udp}));
        }
        let udp = udp.map_or_else(String::new, |udp| format!(" and udp {udp}"));
        output::line(format_args!("{name} at tcp {tcp}{udp}; Ctrl-C ends it"))
    }
}
