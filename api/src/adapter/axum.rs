//! axum over a [`Net`](crate::Net): `axum::serve` takes a [`TCPListener`].
//!
//! A failed `accept` that concerns one connection is tried again at once; one that will not go away
//! by itself (no descriptor, no memory) after a second, as axum does for the kernel's listeners.

use std::future::pending;
use std::io;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};

use crate::TCPAddr;
use crate::future::{TCPConn, TCPListener};

/// How long to wait after an error that may last.
const REST: Duration = Duration::from_secs(1);

impl Listener for TCPListener {
    type Io = TCPConn;
    type Addr = TCPAddr;

    async fn accept(&mut self) -> (TCPConn, TCPAddr) {
        loop {
            match Self::accept(self).await {
                Ok(conn) => {
                    let remote = conn.remote_addr().clone();
                    return (conn, remote);
                }
                // Nothing will ever come; axum ends the loop with its graceful shutdown.
                Err(error) if error.is_closed() => pending().await,
                Err(_) => tokio::time::sleep(REST).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<TCPAddr> {
        Ok(self.addr().clone())
    }
}

/// The peer's end, as `ConnectInfo<TCPAddr>` in handlers.
impl Connected<IncomingStream<'_, TCPListener>> for TCPAddr {
    fn connect_info(stream: IncomingStream<'_, TCPListener>) -> Self {
        stream.remote_addr().clone()
    }
}
