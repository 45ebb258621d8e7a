//! The seam between application threads and the packet thread: who owns which octets when.
//!
//! A [`stream`] belongs to a TCP connection, [`datagram`] to a UDP or raw socket, [`accept`] to a
//! listener; the [`mailbox`] carries requests and says which channel has something for the packet
//! thread, a [`ticket`] carries one answer back. Bounds, deadlines, close, errors and wake-ups of
//! the whole API live here and nowhere else; nothing here knows the stack's insides or a device.

pub(crate) mod accept;
pub(crate) mod datagram;
pub(crate) mod datagram_batch;
#[cfg_attr(not(feature = "async"), allow(dead_code))]
pub(crate) mod datagram_poll;
pub(crate) mod events;
pub(crate) mod failure;
pub(crate) mod mailbox;
pub(crate) mod pipe;
pub(crate) mod stream;
#[cfg_attr(not(feature = "async"), allow(dead_code))]
pub(crate) mod stream_poll;
mod stream_read;
pub(crate) mod stream_thread;
mod stream_write;
pub(crate) mod sync;
pub(crate) mod ticket;
pub(crate) mod waiters;

#[cfg(test)]
mod schedules;
#[cfg(test)]
mod tests;
