//! Connections whose calls are futures, under the same promises: every call is a task of a runtime.
//!
//! [`Tasked`] makes a [`Conn`] of a [`TaskConn`], so that the whole kit can be asked of it: a call
//! spawns a task, and the thread of the promise waits for its result. Which runtime, is the
//! [`Spawner`]'s business. Where it ends with calls that wait, they fail as cancelled.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::channel;

use super::kit::HalfClose;
use crate::NetAddr;
use crate::any_conn::Conn;
use crate::deadline::Deadline;
use crate::error::{Cause, Op, OpError};

/// What a runtime runs.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A call that is a future.
pub type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, OpError>> + Send + 'a>>;

/// The way into a runtime.
///
/// ```
/// use sidestep::contract::Spawner;
///
/// // With tokio: `Spawner::new(move |task| drop(handle.spawn(task)))`.
/// let threads = Spawner::new(|task| {
///     std::thread::spawn(|| async_io::block_on(task));
/// });
/// # drop(threads);
/// ```
#[derive(Clone)]
pub struct Spawner(Arc<dyn Fn(Task) + Send + Sync>);

impl Spawner {
    /// `spawn` begins a task and does not wait for it.
    pub fn new(spawn: impl Fn(Task) + Send + Sync + 'static) -> Self {
        Self(Arc::new(spawn))
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        (self.0)(Box::pin(task));
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spawner")
    }
}

/// A connection for tasks, as [`future::TCPConn`](crate::future::TCPConn) is. Calls take `&self`,
/// and several of them may go on at once; a call that is dropped before its end is taken back.
pub trait TaskConn: fmt::Debug + Send + Sync + 'static {
    /// See [`Conn::read`].
    fn read<'a>(&'a self, octets: &'a mut [u8]) -> Call<'a, usize>;

    /// See [`Conn::write`].
    fn write<'a>(&'a self, octets: &'a [u8]) -> Call<'a, usize>;

    /// See [`Conn::close`].
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    fn close(&self) -> Result<(), OpError>;

    /// See [`Conn::local_addr`].
    fn local_addr(&self) -> NetAddr;

    /// See [`Conn::remote_addr`].
    fn remote_addr(&self) -> Option<NetAddr>;

    /// See [`Conn::set_deadline`].
    ///
    /// # Errors
    ///
    /// With op `set`: the connection is closed.
    fn set_deadline(&self, deadline: Deadline) -> Result<(), OpError>;

    /// See [`Conn::set_read_deadline`].
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    fn set_read_deadline(&self, deadline: Deadline) -> Result<(), OpError>;

    /// See [`Conn::set_write_deadline`].
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    fn set_write_deadline(&self, deadline: Deadline) -> Result<(), OpError>;

    /// See [`HalfClose::close_write`]; not supported unless said otherwise.
    ///
    /// # Errors
    ///
    /// With op `close`: it is closed, or has failed.
    fn close_write(&self) -> Result<(), OpError> {
        Err(OpError::new(Op::Close, "", Cause::NotSupported))
    }

    /// See [`HalfClose::close_read`]; not supported unless said otherwise.
    ///
    /// # Errors
    ///
    /// With op `close`: it is closed, or has failed.
    fn close_read(&self) -> Result<(), OpError> {
        Err(OpError::new(Op::Close, "", Cause::NotSupported))
    }
}

/// What does not wait for the network is asked of the blocking connection within.
macro_rules! task_conn {
    ($($type:ty, $blocking:ty { $($halves:item)* })*) => {$(
        impl TaskConn for $type {
            fn read<'a>(&'a self, octets: &'a mut [u8]) -> Call<'a, usize> {
                Box::pin(Self::read(self, octets))
            }

            fn write<'a>(&'a self, octets: &'a [u8]) -> Call<'a, usize> {
                Box::pin(Self::write(self, octets))
            }

            fn close(&self) -> Result<(), OpError> {
                Self::close(self)
            }

            fn local_addr(&self) -> NetAddr {
                Conn::local_addr(AsRef::<$blocking>::as_ref(self))
            }

            fn remote_addr(&self) -> Option<NetAddr> {
                Conn::remote_addr(AsRef::<$blocking>::as_ref(self))
            }

            fn set_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
                AsRef::<$blocking>::as_ref(self).set_deadline(deadline)
            }

            fn set_read_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
                AsRef::<$blocking>::as_ref(self).set_read_deadline(deadline)
            }

            fn set_write_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
                AsRef::<$blocking>::as_ref(self).set_write_deadline(deadline)
            }

            $($halves)*
        }
    )*};
}

task_conn! {
    crate::future::TCPConn, crate::TCPConn {
        fn close_write(&self) -> Result<(), OpError> {
            Self::close_write(self)
        }

        fn close_read(&self) -> Result<(), OpError> {
            Self::close_read(self)
        }
    }
    crate::future::UnixConn, crate::UnixConn {
        fn close_write(&self) -> Result<(), OpError> {
            Self::close_write(self)
        }

        fn close_read(&self) -> Result<(), OpError> {
            AsRef::<crate::UnixConn>::as_ref(self).close_read()
        }
    }
    crate::future::PipeConn, crate::PipeConn {}
}

/// A connection for tasks as a [`Conn`]: each call that may wait is a task.
#[derive(Debug)]
pub struct Tasked<C> {
    conn: Arc<C>,
    spawner: Spawner,
}

impl<C: TaskConn> Tasked<C> {
    /// Calls on `conn` become tasks of `spawner`.
    pub fn new(conn: C, spawner: &Spawner) -> Self {
        Self {
            conn: Arc::new(conn),
            spawner: spawner.clone(),
        }
    }

    fn wait<T: Send + 'static>(
        &self,
        op: Op,
        work: impl Future<Output = Result<T, OpError>> + Send + 'static,
    ) -> Result<T, OpError> {
        let (tell, told) = channel();
        self.spawner.spawn(async move {
            let _ = tell.send(work.await);
        });
        told.recv()
            .unwrap_or_else(|_| Err(OpError::new(op, "", Cause::Canceled)))
    }
}

impl<C: TaskConn> Conn for Tasked<C> {
    fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        // A task owns what it reads into; more at once would only be zeroed in vain.
        let (conn, len) = (Arc::clone(&self.conn), octets.len().min(64 * 1024));
        let got = self.wait(Op::Read, async move {
            let mut octets = vec![0; len];
            let len = conn.read(&mut octets).await?;
            octets.truncate(len);
            Ok(octets)
        })?;
        let (filled, _) = octets.split_at_mut(got.len());
        filled.copy_from_slice(&got);
        Ok(got.len())
    }

    fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        let (conn, octets) = (Arc::clone(&self.conn), octets.to_vec());
        self.wait(Op::Write, async move { conn.write(&octets).await })
    }

    fn close(&self) -> Result<(), OpError> {
        self.conn.close()
    }

    fn local_addr(&self) -> NetAddr {
        self.conn.local_addr()
    }

    fn remote_addr(&self) -> Option<NetAddr> {
        self.conn.remote_addr()
    }

    fn set_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        self.conn.set_deadline(deadline)
    }

    fn set_read_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        self.conn.set_read_deadline(deadline)
    }

    fn set_write_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        self.conn.set_write_deadline(deadline)
    }
}

impl<C: TaskConn> HalfClose for Tasked<C> {
    fn close_write(&self) -> Result<(), OpError> {
        self.conn.close_write()
    }

    fn close_read(&self) -> Result<(), OpError> {
        self.conn.close_read()
    }
}
