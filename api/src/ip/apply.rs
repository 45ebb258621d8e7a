//! What a dialer's or a listen config's options mean to a raw socket.
//!
//! They are set right after it is opened, before anybody else has it. What belongs to TCP is left
//! alone.

use super::{IPConn, Inner};
use crate::error::Cause;
use crate::socket_options::SocketOptions;

impl IPConn {
    /// Sets what `options` name.
    pub(crate) fn apply(&self, options: &SocketOptions) -> Result<(), Cause> {
        match &*self.0 {
            Inner::Stack(conn) => conn.socket.apply(options),
            Inner::Host(conn) => conn.apply(options),
        }
    }
}
