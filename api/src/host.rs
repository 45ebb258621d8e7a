//! The same networks over the host kernel's sockets: what `Net::host()` stands on.
//!
//! It is the oracle of the contract tests, and a switch for users. Deadlines, close, wake-ups and
//! errors keep the contract of go-net §1.4; the sockets never block, and a call waits in `poll`.

mod apply;
mod connecting;
mod datagram;
pub(crate) mod end;
mod from_fd;
mod listener;
mod lookup;
mod messages;
mod options;
mod raw;
mod socket;
mod stream;
#[cfg(test)]
mod tests;
mod unix;

pub use connecting::HostConnecting;
pub use datagram::dial_udp;
pub use datagram::{HostSocket, listen_udp};
pub use end::End;
pub(crate) use from_fd::{Opened, OpenedListener, open_descriptor, open_listener_descriptor};
pub use listener::{HostListener, Listening, listen_tcp, listen_tcp_with};
pub(crate) use lookup::{ask, sort_destinations};
pub use messages::listen_multicast_udp;
pub(crate) use options::interface_index;
pub use raw::{HostRaw, dial_ip, listen_ip};
pub use stream::HostStream;
pub use stream::dial_tcp;
pub use unix::{HostUnix, HostUnixListener, UnixMsg, dial_unix, listen_unix, listen_unixgram};
