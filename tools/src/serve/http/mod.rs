//! A small static HTTP/1.1 server over any connection (RFC 9110, RFC 9112).
//!
//! `sidestep serve http` runs [`connection`] once for each accepted connection. It answers GET and
//! HEAD for the files below one directory; it runs nothing, writes nothing and takes no body.

mod connection;
mod files;
mod request;

pub use connection::{Limits, connection};
pub use files::{Found, LISTING_ENTRIES_MAX, NotFound, Root};
pub use request::{
    FIELDS_MAX, HEAD_OCTETS_MAX, Method, Parsed, Persistence, Request, RequestRefused,
};
