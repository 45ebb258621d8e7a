//! A connection within the process: [`pipe`], Go's `net.Pipe`.
//!
//! Two ends in memory, synchronous and without a buffer, with deadlines: for tests of programs that
//! take any [`Conn`]. `channel/pipe.rs` is each of its directions; nothing here needs a [`Net`].
//!
//! [`Net`]: crate::Net

#[cfg(feature = "async")]
mod poll;

use std::sync::Arc;

use crate::NetAddr;
use crate::any_conn::{Conn, forward_conn};
use crate::channel::pipe::{Lane, PipeFailure, PipeWriteFailure, Took};
use crate::deadline::Deadline;
use crate::error::{Cause, Op, OpError};

/// Two ends of a connection: what is written to one is read from the other.
///
/// A write waits until reads of the other end have taken all of its octets: nothing is kept in
/// between. One read takes octets of one write only. An empty write waits for a read as well; that
/// read goes on to wait, where Go's returns 0, because here 0 is the end of the stream.
///
/// ```
/// let (here, there) = sidestep::pipe();
/// let writer = std::thread::spawn(move || here.write(b"hello"));
/// let mut octets = [0; 8];
/// assert_eq!(there.read(&mut octets)?, 5);
/// assert_eq!(writer.join().unwrap()?, 5);
/// # Ok::<(), sidestep::OpError>(())
/// ```
#[doc(alias = "net.Pipe")]
pub fn pipe() -> (PipeConn, PipeConn) {
    let there = Arc::new(Lane::default());
    let back = Arc::new(Lane::default());
    let end = |incoming: &Arc<Lane>, outgoing: &Arc<Lane>| {
        PipeConn(Arc::new(PipeEnd {
            incoming: Arc::clone(incoming),
            outgoing: Arc::clone(outgoing),
        }))
    };
    (end(&back, &there), end(&there, &back))
}

/// An end of a [`pipe`]. Clones are the same end, which is closed when the last one is dropped.
///
/// Closing an end twice succeeds, and errors after that are Go's `io.ErrClosedPipe`: their text is
/// `io: read/write on closed pipe`, whatever the operation.
#[derive(Clone, Debug)]
#[doc(alias = "net.Pipe")]
pub struct PipeConn(Arc<PipeEnd>);

#[derive(Debug)]
struct PipeEnd {
    incoming: Arc<Lane>,
    outgoing: Arc<Lane>,
}

impl PipeEnd {
    fn close(&self) {
        self.incoming.close_reader();
        self.outgoing.close_writer();
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.close();
    }
}

impl PipeConn {
    /// Takes octets of one write of the other end, waited for: how many. 0 is the end of the stream.
    /// An empty buffer waits for a write, too, as in Go, and takes nothing of it.
    ///
    /// # Errors
    ///
    /// With op `read`: `Timeout`; [`Cause::ClosedPipe`] if this end is closed.
    #[doc(alias = "Read")]
    pub fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        match self.0.incoming.read(octets) {
            Ok(Took::Octets(count)) => Ok(count),
            Ok(Took::End) => Ok(0),
            Err(failure) => Err(failed(Op::Read, failure)),
        }
    }

    /// Writes all of `octets`: returns once reads of the other end have taken the last one. The
    /// octets of one call are never mixed with those of another.
    ///
    /// # Errors
    ///
    /// With op `write`: `Timeout`; [`Cause::ClosedPipe`] if either end is closed.
    /// [`OpError::written`] says how many octets were taken.
    #[doc(alias = "Write")]
    pub fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        self.0
            .outgoing
            .write(octets)
            .map_err(|PipeWriteFailure { written, failure }| {
                failed(Op::Write, failure).with_written(written)
            })
    }

    /// Closes this end: calls that wait at either end return, the other end reads the end of the
    /// stream. Repeating it succeeds.
    ///
    /// # Errors
    ///
    /// None; the result is that of every connection's `close`.
    #[doc(alias = "Close")]
    pub fn close(&self) -> Result<(), OpError> {
        self.0.close();
        Ok(())
    }

    /// Sets the deadline of reads and writes: absolute, kept until it is changed, and seen at once
    /// by calls that wait.
    ///
    /// # Errors
    ///
    /// [`Cause::ClosedPipe`] if either end is closed.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        let deadline = deadline.into();
        self.set_read_deadline(deadline)?;
        self.set_write_deadline(deadline)
    }

    /// Sets the deadline of reads.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.0
            .incoming
            .set_read_deadline(deadline.into())
            .map_err(|failure| failed(Op::Set, failure))
    }

    /// Sets the deadline of writes.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.0
            .outgoing
            .set_write_deadline(deadline.into())
            .map_err(|failure| failed(Op::Set, failure))
    }
}

fn failed(op: Op, failure: PipeFailure) -> OpError {
    let cause = match failure {
        PipeFailure::Closed => Cause::ClosedPipe,
        PipeFailure::Timeout => Cause::Timeout,
    };
    OpError::new(op, "pipe", cause)
}

impl Conn for PipeConn {
    forward_conn!(PipeConn);

    fn local_addr(&self) -> NetAddr {
        NetAddr::Pipe
    }

    fn remote_addr(&self) -> Option<NetAddr> {
        Some(NetAddr::Pipe)
    }
}
