//! The `sidestep` crate.
pub mod address;
mod channel;
pub mod deadline;
pub mod device;
pub mod error;
pub mod host;

mod bell;

pub use address::{
    Addr, IPAddr, NetAddr, TCPAddr, UDPAddr, Zone, join_host_port, lookup_port, parse_ip,
    split_host_port,
};
pub use deadline::Deadline;
pub use error::{AddrError, Cause, DNSError, Errno, NetError, Op, OpError};
