//! Sidestep under the libraries of others: HTTP, gRPC and QUIC over a [`Net`](crate::Net).
//!
//! Each module is behind a feature of its library's name and implements that library's own traits,
//! so that nothing else of a program changes. TLS needs no adapter: rustls and its kin take any
//! `Read + Write`, which a [`TCPConn`](crate::TCPConn) is, and tokio-rustls any `AsyncRead +
//! AsyncWrite`, which a `future::TCPConn` is.

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "quinn")]
pub mod quinn;
#[cfg(feature = "tonic")]
pub mod tonic;
#[cfg(feature = "ureq")]
pub mod ureq;
