//! User calls: RFC 9293 §3.10.1 to §3.10.6, one file for each.
//!
//! `mod.rs` of `tcp` finds what a call is about and settles what follows from it; these files change
//! the connection or say why not.

pub(crate) mod abort;
pub(crate) mod accept;
pub(crate) mod close;
pub(crate) mod open;
pub(crate) mod receive;
pub(crate) mod send;
pub(crate) mod status;
