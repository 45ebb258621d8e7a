//! What all connections share: how a channel's failure becomes Go's error, and std's `Read` and
//! `Write` on values and references.
//!
//! The inherent methods give rich errors; the impls here are for code that is generic over std's
//! traits. Nothing here waits or knows a backend.

use std::io;

use crate::any_conn::{AnyConn, Conn};
use crate::channel::failure::Failure;
use crate::conn::TCPConn;
use crate::error::{Cause, Errno, SysCall};
use crate::pipe::PipeConn;
use crate::unix::UnixConn;

/// What a failure of a channel means to the user whose call would be `call` on a kernel.
pub(crate) fn cause(failure: Failure, call: SysCall) -> Cause {
    match failure {
        Failure::Ended(error) => Cause::sys(call, error.into()),
        Failure::Socket(error) => Cause::sys(call, error.into()),
        Failure::BrokenPipe => Cause::sys(call, Errno::EPIPE),
        Failure::NotConnected => Cause::sys(call, Errno::ENOTCONN),
        Failure::Timeout => Cause::Timeout,
        Failure::Closed => Cause::Closed,
        Failure::Canceled => Cause::Canceled,
        Failure::Refused(refused) => Cause::refused(call, refused),
        Failure::Gone(_) => Cause::StackGone,
    }
}

macro_rules! io_for {
    ($($type:ty),*) => {$(
        impl io::Read for $type {
            fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
                Ok((**self).read(octets)?)
            }
        }

        impl io::Write for $type {
            fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
                Ok((**self).write_some(octets)?)
            }

            fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
                Ok(Conn::write_some_slices(&**self, slices)?)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    )*};
}

io_for!(
    &TCPConn,
    &UnixConn,
    &PipeConn,
    &AnyConn,
    &dyn Conn,
    Box<dyn Conn>
);

macro_rules! io_for_values {
    ($($type:ty),*) => {$(
        impl io::Read for $type {
            fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
                Ok(<$type>::read(self, octets)?)
            }
        }

        impl io::Write for $type {
            fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
                Ok(self.write_some(octets)?)
            }

            fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
                Ok(Conn::write_some_slices(self, slices)?)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    )*};
}

io_for_values!(TCPConn, UnixConn, PipeConn, AnyConn);
