//! The contract of [`Conn`](crate::Conn) as tests that anybody can run: feature `contract`.
//!
//! A [`Kit`] holds the promises: what Go's `nettest` asks of a connection, and the twenty points of
//! the contract that every transport of this crate keeps. It makes no network of its own, needs no
//! test framework, and panics only in [`Report::assert`].
//!
//! Whoever has a [`Conn`](crate::Conn) of their own says how a connected pair of it is made:
//!
//! ```
//! use sidestep::contract::{Kit, Pair};
//! use sidestep::Net;
//!
//! let (client, server) = Net::memory_pair()?;
//! let report = Kit::new().only("ping_pong").conn(|| {
//!     let listener = server.listen_tcp("tcp", None)?;
//!     let port = listener.addr().port;
//!     let dialled = client.dial_tcp("tcp", None, &format!("192.0.2.2:{port}").parse()?)?;
//!     Ok(Pair::with_half_close(dialled, listener.accept_tcp()?))
//! });
//! report.assert();
//! assert_eq!(report.kept(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A transport that cannot do something says so with [`Kit::lacks`]; the promises that need it are
//! listed in the report as skipped, with the reason. A promise that does not end in time counts as
//! broken, and its threads are left behind: a connection that cannot be woken cannot be joined.
//!
//! Connections for tasks are asked the same: `Tasked` (feature `async`) makes every call a task of a
//! runtime of your choice, and `Kit::streams` (feature `tokio`) takes anything that is tokio's
//! `AsyncRead` and `AsyncWrite`.
//!
//! What a whole network promises (resets, listeners, datagrams, dialling) is asked with a pair of
//! networks that reach each other, [`Nets`].

mod background;
mod closing;
mod deadlines;
mod dialing;
pub(crate) mod disturb;
mod exchange;
mod halves;
mod kit;
mod listening;
mod nets;
mod report;
mod say;
#[cfg(feature = "tokio")]
mod streams;
#[cfg(feature = "async")]
mod tasks;
mod tcp;
mod udp;

pub use disturb::Disturbance;
pub use kit::{Ability, HalfClose, Kit, Pair, Promise};
pub use nets::Nets;
pub use report::{Breach, Outcome, Report};
#[cfg(feature = "tokio")]
pub use streams::Streams;
#[cfg(feature = "async")]
pub use tasks::{Call, Spawner, Task, TaskConn, Tasked};

/// Whatever making a pair may fail with.
pub type MakeError = Box<dyn std::error::Error + Send + Sync>;
