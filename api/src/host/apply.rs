//! What a dialer's or a listen config's options mean to a UDP socket of the kernel.
//!
//! They are set right after it is opened, before anybody else has it. What belongs to TCP is left
//! alone, and so is what must be set before a socket is bound.

use super::datagram::HostSocket;
use super::options::{self, Family};
use crate::error::{Cause, SysCall};
use crate::socket_options::{ReusePort, SocketOptions};

impl HostSocket {
    /// Sets what `options` name.
    pub(crate) fn apply(&self, options: &SocketOptions) -> Result<(), Cause> {
        let family = Family::to_bind(self.network(), self.local_addr().ip);
        let options = SocketOptions {
            reuse_port: ReusePort::No,
            ..*options
        };
        self.socket.at_once(SysCall::SetSockOpt, |fd| {
            Ok(options::set_before_use(fd, family, &options))
        })?
    }
}
