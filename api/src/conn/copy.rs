//! Whole streams in and out of a connection: Go's `ReadFrom` and `WriteTo`.
//!
//! What `std::io::copy` does too, with one copy of the octets less on the userspace stack. Errors of
//! the other side are given as they are; the connection's own are `OpError`s inside.

use std::io::{self, Read, Write};

use bytes::BytesMut;

use super::TCPConn;
use crate::error::{Op, OpError};

/// Octets that are read from the other side at once.
const CHUNK_OCTETS: usize = 64 * 1024;

/// Octets that are written to the other side at once.
const SLICE_OCTETS_MAX: usize = 256 * 1024;

impl TCPConn {
    /// Sends what `reader` gives until it ends; how many octets that were.
    ///
    /// # Errors
    ///
    /// Those of `reader` as they are; the connection's with op `readfrom`, as for
    /// [`write`](Self::write).
    #[doc(alias = "ReadFrom")]
    pub fn read_from_reader(&self, mut reader: impl Read) -> io::Result<u64> {
        let mut total = 0;
        let mut buffer = BytesMut::new();
        loop {
            buffer.resize(CHUNK_OCTETS, 0);
            let len = match reader.read(&mut buffer) {
                Ok(0) => return Ok(total),
                Ok(len) => len.min(CHUNK_OCTETS),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.write_bytes(buffer.split_to(len).freeze())
                .map_err(|error| self.as_op(Op::ReadFrom, &error))?;
            total += len as u64;
        }
    }

    /// Gives `writer` what is received until the end of the stream; how many octets that were.
    ///
    /// # Errors
    ///
    /// Those of `writer` as they are; the connection's with op `writeto`, as for
    /// [`read`](Self::read).
    #[doc(alias = "WriteTo")]
    pub fn write_to_writer(&self, mut writer: impl Write) -> io::Result<u64> {
        let mut total = 0;
        loop {
            let octets = self
                .read_bytes(SLICE_OCTETS_MAX)
                .map_err(|error| self.as_op(Op::WriteTo, &error))?;
            if octets.is_empty() {
                return Ok(total);
            }
            writer.write_all(&octets)?;
            total += octets.len() as u64;
        }
    }

    /// The same error of the operation that the user called.
    fn as_op(&self, op: Op, error: &OpError) -> OpError {
        OpError::new(op, error.net().to_owned(), error.err().clone())
            .with_source(error.source_addr().cloned())
            .with_addr(error.addr().cloned())
            .with_written(error.written())
    }
}
