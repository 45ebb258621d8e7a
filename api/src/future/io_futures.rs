//! The `futures-io` crate's [`AsyncRead`] and [`AsyncWrite`] for connections and their halves, and
//! its `Stream` for incoming connections.
//!
//! Closing in their sense is `close_write`; flushing does nothing, for nothing is held back.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};

use super::{
    Incoming, OwnedReadHalf, OwnedWriteHalf, PipeConn, ReadHalf, TCPConn, UnixConn, WriteHalf,
};
use crate::error::OpError;

macro_rules! read_for {
    ($($type:ty, $waiting:ident);*) => {$(
        impl AsyncRead for $type {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                octets: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let Self { conn, $waiting: waiting, .. } = &mut *self;
                conn.poll_read(cx, waiting, octets).map_err(io::Error::from)
            }
        }
    )*};
}

macro_rules! write_for {
    ($($type:ty, $waiting:ident);*) => {$(
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                octets: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.poll_write_vectored(cx, &[IoSlice::new(octets)])
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                pieces: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let Self { conn, $waiting: waiting, .. } = &mut *self;
                conn.poll_write_some(cx, waiting, pieces).map_err(io::Error::from)
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.close_write().map_err(io::Error::from))
            }
        }
    )*};
}

read_for!(TCPConn, reading; UnixConn, reading; PipeConn, reading; ReadHalf<'_>, waiting; OwnedReadHalf, waiting);
write_for!(TCPConn, writing; UnixConn, writing; WriteHalf<'_>, waiting; OwnedWriteHalf, waiting);

/// Ready with what the first read of the other end took.
impl AsyncWrite for PipeConn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Self::poll_write(&mut self, cx, octets).map_err(io::Error::from)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close_write();
        Poll::Ready(Ok(()))
    }
}

impl Stream for Incoming {
    type Item = Result<TCPConn, OpError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Self::poll_next(&mut self, cx)
    }
}
