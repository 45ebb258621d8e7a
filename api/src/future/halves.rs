//! The two directions of a connection apart: borrowed by [`TCPConn::split`], owned by
//! [`TCPConn::into_split`].
//!
//! Each has its own place among those who wait, so a task that reads and one that writes do not
//! disturb each other.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io::IoSlice;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::conn::TCPConn;
use super::waiting::{Seated, Waiting};
use super::write::{Source, Write};
use crate::TCPAddr;
use crate::channel::stream::Which;
use crate::error::OpError;

/// The direction that reads, borrowed from a [`TCPConn`].
#[derive(Debug)]
pub struct ReadHalf<'a> {
    pub(super) conn: &'a crate::TCPConn,
    pub(super) waiting: &'a mut Waiting,
}

/// The direction that writes, borrowed from a [`TCPConn`].
#[derive(Debug)]
pub struct WriteHalf<'a> {
    pub(super) conn: &'a crate::TCPConn,
    pub(super) waiting: &'a mut Waiting,
}

/// The direction that reads, owned. Dropping it alone changes nothing for the peer.
#[derive(Debug)]
pub struct OwnedReadHalf {
    pub(super) conn: crate::TCPConn,
    pub(super) waiting: Waiting,
}

/// What becomes of our direction with its owner.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum OnDrop {
    CloseWrite,
    Nothing,
}

/// The direction that writes, owned. Dropping it ends our direction after what was written, unless
/// it is [forgotten](Self::forget).
#[derive(Debug)]
pub struct OwnedWriteHalf {
    pub(super) conn: crate::TCPConn,
    pub(super) waiting: Waiting,
    pub(super) on_drop: OnDrop,
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.on_drop == OnDrop::CloseWrite {
            // It is closed already, or has failed: then there is nothing to end.
            let _ = self.conn.close_write();
        }
    }
}

macro_rules! reads {
    ($($type:ty),*) => {$(
        impl $type {
            /// See [`TCPConn::read`].
            ///
            /// # Errors
            ///
            /// As for [`TCPConn::read`].
            #[doc(alias = "Read")]
            pub async fn read(&mut self, octets: &mut [u8]) -> Result<usize, OpError> {
                let mut seated = Seated::new(self.conn(), Which::Read);
                poll_fn(|cx| self.conn().poll_read(cx, &mut seated.waiting, octets)).await
            }

            /// See [`TCPConn::read_bytes`].
            ///
            /// # Errors
            ///
            /// As for [`TCPConn::read`].
            pub async fn read_bytes(&mut self, octets_max: usize) -> Result<Bytes, OpError> {
                let mut seated = Seated::new(self.conn(), Which::Read);
                poll_fn(|cx| self.conn().poll_read_bytes(cx, &mut seated.waiting, octets_max))
                    .await
            }

            /// See [`TCPConn::peek`].
            ///
            /// # Errors
            ///
            /// As for [`TCPConn::read`].
            pub async fn peek(&mut self, octets: &mut [u8]) -> Result<usize, OpError> {
                let mut seated = Seated::new(self.conn(), Which::Read);
                poll_fn(|cx| self.conn().poll_peek(cx, &mut seated.waiting, octets)).await
            }

            /// See [`TCPConn::poll_read`].
            ///
            /// # Errors
            ///
            /// As for [`TCPConn::read`].
            pub fn poll_read(
                &mut self,
                cx: &mut Context<'_>,
                octets: &mut [u8],
            ) -> Poll<Result<usize, OpError>> {
                let Self { conn, waiting, .. } = self;
                conn.poll_read(cx, waiting, octets)
            }
        }
    )*};
}

macro_rules! writes {
    ($($type:ty),*) => {$(
        impl $type {
            /// See [`TCPConn::write`].
            ///
            /// # Errors
            ///
            /// As for [`TCPConn::write`].
            #[doc(alias = "Write")]
            pub fn write<'w>(&'w mut self, octets: &'w [u8]) -> Write<'w> {
                Write::new(self.conn(), Source::Borrowed(octets))
            }

            /// See [`TCPConn::write_bytes`].
            ///
            /// # Errors
            ///
            /// As for [`TCPConn::write`].
            pub fn write_bytes(&mut self, octets: Bytes) -> Write<'_> {
                Write::new(self.conn(), Source::Shared(octets))
            }

            /// See [`TCPConn::write_vectored`].
            ///
            /// # Errors
            ///
            /// As for [`TCPConn::write`].
            pub async fn write_vectored(
                &mut self,
                pieces: &[IoSlice<'_>],
            ) -> Result<usize, OpError> {
                let mut seated = Seated::new(self.conn(), Which::Write);
                poll_fn(|cx| self.conn().poll_write_some(cx, &mut seated.waiting, pieces)).await
            }

            /// See [`TCPConn::poll_write`].
            ///
            /// # Errors
            ///
            /// As for [`TCPConn::write`].
            pub fn poll_write(
                &mut self,
                cx: &mut Context<'_>,
                pieces: &[IoSlice<'_>],
            ) -> Poll<Result<usize, OpError>> {
                let Self { conn, waiting, .. } = self;
                conn.poll_write_some(cx, waiting, pieces)
            }

            /// See [`TCPConn::close_write`].
            ///
            /// # Errors
            ///
            /// As for [`TCPConn::close_write`].
            #[doc(alias = "CloseWrite")]
            pub fn close_write(&self) -> Result<(), OpError> {
                self.conn().close_write()
            }
        }
    )*};
}

macro_rules! ends {
    ($($type:ty),*) => {$(
        impl $type {
            fn conn(&self) -> &crate::TCPConn {
                &self.conn
            }

            /// Our end.
            #[doc(alias = "LocalAddr")]
            pub fn local_addr(&self) -> &TCPAddr {
                self.conn().local_addr()
            }

            /// The peer's end.
            #[doc(alias = "RemoteAddr")]
            pub fn remote_addr(&self) -> &TCPAddr {
                self.conn().remote_addr()
            }

            /// The connection, for everything else: deadlines, settings, `close`.
            pub fn as_blocking(&self) -> &crate::TCPConn {
                self.conn()
            }
        }
    )*};
}

reads!(ReadHalf<'_>, OwnedReadHalf);
writes!(WriteHalf<'_>, OwnedWriteHalf);
ends!(ReadHalf<'_>, WriteHalf<'_>, OwnedReadHalf, OwnedWriteHalf);

impl OwnedReadHalf {
    /// The connection again, from both of its halves.
    ///
    /// # Errors
    ///
    /// The halves are of two connections; they are given back.
    pub fn reunite(self, other: OwnedWriteHalf) -> Result<TCPConn, ReuniteError> {
        if !self.conn.is_same(&other.conn) {
            return Err(ReuniteError(Box::new((self, other))));
        }
        other.forget();
        Ok(self.conn.into())
    }
}

impl OwnedWriteHalf {
    /// As [`OwnedReadHalf::reunite`].
    ///
    /// # Errors
    ///
    /// As for [`OwnedReadHalf::reunite`].
    pub fn reunite(self, other: OwnedReadHalf) -> Result<TCPConn, ReuniteError> {
        other.reunite(self)
    }

    /// Drops this half without ending our direction.
    pub fn forget(mut self) {
        self.on_drop = OnDrop::Nothing;
    }
}

/// Two halves that are not of one connection.
#[derive(Debug)]
pub struct ReuniteError(Box<(OwnedReadHalf, OwnedWriteHalf)>);

impl ReuniteError {
    /// The halves, as they were.
    pub fn into_halves(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        *self.0
    }
}

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of two connections")
    }
}

impl Error for ReuniteError {}
