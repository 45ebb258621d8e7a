//! The same networks for tasks: connections, listeners, sockets, dial and look-ups as futures.
//!
//! The types are those of the crate with the same names, and convert both ways with `From`: a
//! connection may be read by a thread and written by a task at the same time. There is no runtime
//! here. Any executor will do; the features `tokio` and `futures-io` add their traits for reading
//! and writing. Deadlines hold as for threads, and wake a task that waits.
//!
//! Cancelling is dropping. A dropped `read`, `accept` or `read_from` has taken nothing; a dropped
//! [`Write`] says with [`Write::written`] what it has taken; a dropped dial leaves no connection
//! behind, a dropped look-up no question.
//!
//! The `async` methods take `&self`, and any number of tasks may wait in them. The `poll_*` forms
//! (and the traits that stand on them) have one place for each direction: as in tokio's types, only
//! the task that polled last is woken, of all tasks that poll any clone. Reading and writing have a
//! place each.
//!
//! Deadlines, and the sockets of [`Net::host`](crate::Net::host), are watched by one thread of the
//! process, that of the crate `async-io`, which begins when it is first needed. Everything else
//! wakes tasks from the packet thread.
//!
//! ```
//! # fn block_on<F: Future>(future: F) -> F::Output { async_io::block_on(future) }
//! use sidestep::{Net, future};
//!
//! let (here, there) = Net::memory_pair()?;
//! block_on(async {
//!     let listener = future::listen(&there, "tcp", ":7000").await?;
//!     let conn = future::dial(&here, "tcp", "192.0.2.2:7000").await?;
//!     let accepted = listener.accept().await?;
//!     conn.write(b"hello").await?;
//!     let mut octets = [0; 5];
//!     assert_eq!(accepted.read(&mut octets).await?, 5);
//!     assert_eq!(&octets, b"hello");
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod any;
mod ask;
mod conn;
mod dial;
mod halves;
#[cfg(feature = "futures-io")]
mod io_futures;
#[cfg(feature = "tokio")]
mod io_tokio;
mod ip;
mod listener;
mod lookup;
mod pipe;
pub(crate) mod race;
mod stack_socket;
mod udp;
mod unix;
pub(crate) mod waiting;
mod within;
mod write;

pub use any::{AnyConn, AnyListener};
pub use conn::TCPConn;
pub(crate) use dial::found;
pub use dial::{dial, dial_tcp, dial_tcp_with, dial_until, dial_with, listen};
pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use ip::IPConn;
pub use listener::{Incoming, PendingConn, TCPListener};
pub use lookup::{
    Resolver, lookup_addr, lookup_cname, lookup_host, lookup_ip_addr, lookup_mx, lookup_ns,
    lookup_srv, lookup_txt,
};
pub use pipe::PipeConn;
pub use udp::UDPConn;
pub use unix::{UnixConn, UnixListener};
pub use write::Write;
