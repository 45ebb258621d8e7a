//! Go's `net` package for Rust, on a TCP/IP stack of its own.
//!
//! A [`Net`] is a network: a userspace stack over a [`device`] such as a TUN, or the host's kernel.
//! Its [`dial`](Net::dial), [`listen`](Net::listen), [`listen_packet`](Net::listen_packet) and
//! [`lookup_host`](Net::lookup_host) are those of Go, with Go's names for the types, Go's rules for
//! deadlines and closes, and Go's texts for errors. Every item can be found by its Go name.
//!
//! Two stacks joined by a cable in memory, which needs no rights:
//!
//! ```
//! use sidestep::Net;
//! use std::io::{Read, Write};
//! use std::time::Duration;
//!
//! let (client, server) = Net::memory_pair()?;
//!
//! let listener = server.listen("tcp", ":7000")?;
//! let echo = std::thread::spawn(move || -> std::io::Result<()> {
//!     let conn = listener.accept()?;
//!     std::io::copy(&mut &conn, &mut &conn)?;
//!     Ok(())
//! });
//!
//! let conn = client.dial_tcp("tcp", None, &"192.0.2.2:7000".parse()?)?;
//! conn.set_deadline(Duration::from_secs(10))?;
//! conn.write(b"hello, world")?;
//! conn.close_write()?;
//! let mut text = String::new();
//! (&conn).read_to_string(&mut text)?;
//! assert_eq!(text, "hello, world");
//! echo.join().unwrap()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The free functions [`dial`](fn@dial), [`listen`](fn@listen) and their kin use the network that
//! the thread has entered with [`Net::enter`], else the one that [`Net::install`] has installed.

#[cfg(any(
    feature = "axum",
    feature = "hyper",
    feature = "quinn",
    feature = "tonic",
    feature = "ureq"
))]
pub mod adapter;
pub mod address;
pub mod any_conn;
mod bell;
pub mod buffers;
pub mod cancel;
mod channel;
pub mod conn;
pub mod conn_events;
mod conn_io;
#[cfg(feature = "contract")]
pub mod contract;
pub mod deadline;
pub mod device;
mod dial;
mod driver;
pub mod error;
pub mod from_fd;
#[cfg(feature = "async")]
pub mod future;
pub mod hardware_addr;
pub mod host;
pub mod interfaces;
pub mod ip;
pub mod ip_ext;
pub mod ip_net;
pub mod listen_config;
pub mod listener;
pub mod lookup;
pub mod message;
pub mod net;
pub mod options;
pub mod packet_conn;
pub mod pipe;
pub mod resolve_addr;
pub mod resolver;
pub mod socket_options;
mod trace;
pub mod udp;
pub mod unix;
pub mod watch;

pub use address::{
    Addr, IPAddr, NetAddr, TCPAddr, UDPAddr, UnixAddr, Zone, join_host_port, lookup_port, parse_ip,
    resolve_unix_addr, split_host_port,
};
pub use any_conn::{AnyConn, Conn};
pub use buffers::Buffers;
pub use cancel::CancelToken;
pub use conn::{TCPConn, TCPInfo};
pub use conn_events::{ConnEvent, ConnEventKind, ConnEvents};
pub use deadline::Deadline;
pub use dial::{
    Dialer, dial, dial_ip, dial_tcp, dial_timeout, dial_udp, listen, listen_ip, listen_packet,
    listen_tcp, listen_udp,
};
pub use error::{AddrError, Cause, DNSError, Errno, NetError, Op, OpError};
pub use from_fd::{conn_from_fd, listener_from_fd, packet_conn_from_fd};
pub use hardware_addr::{HardwareAddr, parse_mac};
pub use interfaces::{
    Flags, Interface, interface_addrs, interface_by_index, interface_by_name, interfaces,
};
pub use ip::IPConn;
pub use ip_ext::{
    IPExt, IPV4_ALLROUTER, IPV4_ALLSYS, IPV4_BCAST, IPV4_LEN, IPV4_ZERO,
    IPV6_INTERFACE_LOCAL_ALL_NODES, IPV6_LEN, IPV6_LINK_LOCAL_ALL_NODES,
    IPV6_LINK_LOCAL_ALL_ROUTERS, IPV6_LOOPBACK, IPV6_UNSPECIFIED, IPV6_ZERO, ipv4,
};
pub use ip_net::{IPMask, IPNet, MaskSize, cidr_mask, ipv4_mask, parse_cidr};
pub use listen_config::ListenConfig;
pub use listener::{AnyListener, Listener, PendingConn, TCPListener};
pub use lookup::{
    lookup_addr, lookup_cname, lookup_host, lookup_ip, lookup_mx, lookup_ns, lookup_srv, lookup_txt,
};
pub use message::{Ecn, Msg, MsgOptions, MsgSlot};
pub use net::{Entered, Net, NetCounters};
pub use options::{NetOptions, StartError};
pub use packet_conn::{AnyPacketConn, PacketConn};
pub use pipe::{PipeConn, pipe};
pub use resolve_addr::{resolve_ip_addr, resolve_tcp_addr, resolve_udp_addr};
pub use resolver::{CacheSettings, MX, NS, Resolver, ResolverBuilder, ResolverFiles, SRV};
pub use socket_options::{CongestionAlgorithm, EcnUse, KeepAliveConfig, ReusePort, SocketOptions};
pub use udp::{UDPConn, listen_multicast_udp};
pub use unix::{UnixConn, UnixListener, dial_unix, listen_unix, listen_unixgram};
pub use watch::{Crossing, PacketWatcher, WatchEnd, Watched, Watching};

/// The limits and defaults of the stack.
pub use sidestep_stack::Config;
/// When a silent peer is asked whether it is still there.
pub use sidestep_stack::call::KeepAlive;
/// A row of the table that chooses addresses (RFC 6724 §2.1).
pub use sidestep_stack::call::Policy;
/// How names are resolved.
pub use sidestep_stack::call::ResolverSettings;
