//! The packet thread: the only place where the stack, the device and the channels meet.
//!
//! [`turn`] is one turn as a function of its arguments, [`carry_out`] does what is asked,
//! [`deliver`] moves octets between the stack and the channels, [`thread`] is the only endless loop of the crate. Application threads reach
//! all of it through [`request`]s in the mailbox, and never call into it.

pub(crate) mod carry_out;
pub(crate) mod clock;
pub(crate) mod deliver;
pub(crate) mod desk;
pub(crate) mod onlookers;
pub(crate) mod request;
pub(crate) mod slots;
pub(crate) mod thread;
pub(crate) mod turn;
pub(crate) mod watched;

#[cfg(test)]
mod tests;
