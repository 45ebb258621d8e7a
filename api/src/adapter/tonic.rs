//! tonic over a [`Net`](crate::Net): servers take connections of ours, clients our connector.
//!
//! `Server::serve_with_incoming` wants connections that know their ends; [`incoming`] gives them.
//! Clients use [`hyper::Connector`](super::hyper::Connector) with
//! `Endpoint::connect_with_connector`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tonic::transport::server::Connected;

use super::hyper::ConnectInfo;
use crate::future::{self, TCPConn, TCPListener};

impl Connected for TCPConn {
    type ConnectInfo = ConnectInfo;

    fn connect_info(&self) -> ConnectInfo {
        ConnectInfo {
            local: self.local_addr().clone(),
            remote: self.remote_addr().clone(),
        }
    }
}

/// The connections of `listener`, for `Server::serve_with_incoming`. It ends when the listener is
/// closed.
pub fn incoming(listener: TCPListener) -> Incoming {
    Incoming(listener.incoming())
}

/// See [`incoming`].
#[derive(Debug)]
pub struct Incoming(future::Incoming);

impl Stream for Incoming {
    type Item = io::Result<TCPConn>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0
            .poll_next(cx)
            .map(|next| next.map(|accepted| accepted.map_err(io::Error::from)))
    }
}
