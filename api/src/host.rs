//! The same networks over the host kernel's sockets: what `Net::host()` stands on.
//!
//! It is the oracle of the contract tests, and a switch for users. Deadlines, close, wake-ups and
//! errors keep the contract of go-net §1.4; the sockets never block, and a call waits in `poll`.

mod connecting;
mod datagram;
mod listener;
mod lookup;
mod options;
mod socket;
mod stream;
#[cfg(test)]
mod tests;

pub use connecting::HostConnecting;
pub use datagram::dial_udp;
pub use datagram::{HostSocket, listen_udp};
pub use listener::{HostListener, listen_tcp, listen_tcp_with};
pub(crate) use lookup::{ask, sort_destinations};
pub(crate) use options::interface_index;
pub use stream::HostStream;
pub use stream::dial_tcp;
