//! Host and port in one text, and apart (Go's `SplitHostPort` and `JoinHostPort`).
//!
//! Used wherever a user gives an address. A host with colons stands in brackets (RFC 3986 §3.2.2);
//! neither part is looked at any further here.

use crate::error::{AddrError, AddrErrorKind};

/// Takes `host:port`, `host%zone:port`, `[host]:port` or `[host%zone]:port` apart. Nothing is
/// copied; both parts may be empty.
///
/// ```
/// assert_eq!(sidestep::split_host_port("[::1]:80")?, ("::1", "80"));
/// # Ok::<(), sidestep::AddrError>(())
/// ```
///
/// # Errors
///
/// There is no port, or colons or brackets stand where they must not.
#[doc(alias = "SplitHostPort")]
pub fn split_host_port(hostport: &str) -> Result<(&str, &str), AddrError> {
    split(hostport).map_err(|kind| AddrError::new(kind, hostport))
}

fn split(hostport: &str) -> Result<(&str, &str), AddrErrorKind> {
    let (before, port) = hostport
        .rsplit_once(':')
        .ok_or(AddrErrorKind::MissingPort)?;

    let host = if let Some(opened) = hostport.strip_prefix('[') {
        let (host, after) = opened
            .split_once(']')
            .ok_or(AddrErrorKind::MissingCloseBracket)?;
        if after.is_empty() {
            return Err(AddrErrorKind::MissingPort);
        }
        // The bracket must end right before the last colon.
        if after.len() != port.len() + 1 {
            return Err(if after.starts_with(':') {
                AddrErrorKind::TooManyColons
            } else {
                AddrErrorKind::MissingPort
            });
        }
        if host.contains('[') || after.contains('[') {
            return Err(AddrErrorKind::UnexpectedOpenBracket);
        }
        if after.contains(']') {
            return Err(AddrErrorKind::UnexpectedCloseBracket);
        }
        host
    } else {
        if before.contains(':') {
            return Err(AddrErrorKind::TooManyColons);
        }
        if hostport.contains('[') {
            return Err(AddrErrorKind::UnexpectedOpenBracket);
        }
        if hostport.contains(']') {
            return Err(AddrErrorKind::UnexpectedCloseBracket);
        }
        before
    };
    Ok((host, port))
}

/// Puts `host` and `port` into one text, with brackets around a host that has colons.
#[doc(alias = "JoinHostPort")]
pub fn join_host_port(host: &str, port: &str) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
