//! Names, as the host's own resolver knows them.
//!
//! The C library decides about files, servers and order. It takes texts for addresses that Go
//! refuses (`127.1`), so those are refused here before it is asked.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;

use crate::address::{Zone, parse_ip_zone};
use crate::deadline::Deadline;
use crate::error::{DNSError, DNSErrorKind};

/// RFC 1035 §2.3.4: the octets of a name, and of one label.
const NAME_OCTETS_MAX: usize = 254;
const LABEL_OCTETS_MAX: usize = 63;

/// The addresses of `name` in the resolver's order. A literal is its own address, and nobody is
/// asked.
///
/// # Errors
///
/// There is no such host, or the deadline passed; the resolver is then left to finish alone.
pub fn lookup_ip(name: &str, deadline: Deadline) -> Result<Vec<(IpAddr, Zone)>, DNSError> {
    if let Some(literal) = parse_ip_zone(name) {
        return Ok(vec![literal]);
    }
    let failed = |kind| DNSError::new(kind, name);
    if !is_host_name(name) {
        return Err(failed(DNSErrorKind::NoSuchHost));
    }
    if deadline.has_passed() {
        return Err(failed(DNSErrorKind::Timeout));
    }
    let result = match deadline.remaining() {
        None => ask(name),
        Some(patience) => {
            // The C library cannot be interrupted, so a thread of its own asks it.
            let (tell, told) = mpsc::sync_channel(1);
            let asked = name.to_owned();
            thread::Builder::new()
                .name("sidestep-lookup".into())
                .spawn(move || {
                    // Nobody listens any more if the deadline has passed.
                    let _ = tell.send(ask(&asked));
                })
                .map_err(|_| DNSError {
                    is_temporary: true,
                    ..failed(DNSErrorKind::NoServer)
                })?;
            told.recv_timeout(patience)
                .map_err(|_| failed(DNSErrorKind::Timeout))?
        }
    };
    match result {
        Ok(found) if found.is_empty() => Err(failed(DNSErrorKind::NoSuchHost)),
        Ok(found) => Ok(found.into_iter().map(|ip| (ip, Zone::NONE)).collect()),
        Err(error) if is_temporary(&error) => Err(DNSError {
            is_temporary: true,
            ..failed(DNSErrorKind::ServerMisbehaving)
        }),
        Err(_) => Err(failed(DNSErrorKind::NoSuchHost)),
    }
}

fn ask(name: &str) -> io::Result<Vec<IpAddr>> {
    let mut found = Vec::new();
    for address in (name, 0).to_socket_addrs()? {
        let ip = address.ip().to_canonical();
        if !found.contains(&ip) {
            found.push(ip);
        }
    }
    Ok(found)
}

/// std keeps only the C library's text of its `EAI_AGAIN`.
fn is_temporary(error: &io::Error) -> bool {
    error.to_string().contains("emporary failure")
}

/// True if `name` can be asked about: labels of letters, digits, `-` and `_`, not all of them
/// numbers.
pub(super) fn is_host_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > NAME_OCTETS_MAX {
        return false;
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_OCTETS_MAX
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_')
    };
    // A name that ends in a number is taken for an IPv4 address by some and not by others.
    let ends_in_number = name.rsplit('.').next().is_some_and(|last| {
        let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
        last.bytes().all(|octet| octet.is_ascii_digit())
            || hex.is_some_and(|hex| hex.bytes().all(|octet| octet.is_ascii_hexdigit()))
    });
    name.split('.').all(is_label) && !ends_in_number
}
