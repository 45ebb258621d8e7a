//! Port numbers and protocol numbers by name.
//!
//! `/etc/services` and `/etc/protocols` are read once, at the first name, and never beyond a bound; a
//! small table of our own comes after the one and before the other, as in Go, so that the common names
//! work on a machine without any files. Everything that parses an address with a port ends here.

use std::fs::File;
use std::io::Read;
use std::sync::OnceLock;

use sidestep_stack::wire::protocol::Protocol;

use crate::error::{AddrError, AddrErrorKind, Cause, DNSError, DNSErrorKind};

/// The most octets that are read of either file. Debian's `/etc/services` has 13 thousand.
const FILE_OCTETS_MAX: u64 = 4 * 1024 * 1024;

/// The longest service name that is looked up (as in Go).
const NAME_OCTETS_MAX: usize = 25;

static SERVICES_FILE: OnceLock<String> = OnceLock::new();
static PROTOCOLS_FILE: OnceLock<String> = OnceLock::new();

/// Names that work without a file, and the transports that have them.
const SERVICES: &[(&str, &str, u16)] = &[
    ("tcp", "ftp", 21),
    ("tcp", "ftps", 990),
    ("tcp", "gopher", 70),
    ("tcp", "http", 80),
    ("tcp", "https", 443),
    ("tcp", "imap2", 143),
    ("tcp", "imap3", 220),
    ("tcp", "imaps", 993),
    ("tcp", "pop3", 110),
    ("tcp", "pop3s", 995),
    ("tcp", "smtp", 25),
    ("tcp", "submission", 587),
    ("tcp", "submissions", 465),
    ("tcp", "ssh", 22),
    ("tcp", "telnet", 23),
    ("tcp", "echo", 7),
    ("tcp", "discard", 9),
    ("tcp", "chargen", 19),
    ("tcp", "domain", 53),
    ("udp", "domain", 53),
    ("udp", "echo", 7),
    ("udp", "discard", 9),
    ("udp", "chargen", 19),
    ("udp", "ntp", 123),
];

/// Protocols that work without a file.
const PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("ipv6-icmp", 58),
];

/// The port that `service` names on `network` (`tcp`, `udp6`, …): a number, or a name in any case.
/// The empty text is port 0.
///
/// # Errors
///
/// The number is out of range, nobody knows the name, or a name was given for a network without
/// ports. The empty network is any.
#[doc(alias = "LookupPort")]
pub fn lookup_port(network: &str, service: &str) -> Result<u16, Cause> {
    let invalid = || AddrError::new(AddrErrorKind::InvalidPort, service);
    match parse_port(service) {
        Port::Number(port) => Ok(port),
        Port::OutOfRange => Err(invalid().into()),
        Port::Name if !is_transport(network) => {
            Err(AddrError::new(AddrErrorKind::UnknownNetwork, network).into())
        }
        Port::Name => service_by_name(network, service).ok_or_else(|| {
            DNSError::new(DNSErrorKind::UnknownPort, &format!("{network}/{service}")).into()
        }),
    }
}

fn is_transport(network: &str) -> bool {
    matches!(
        network,
        "tcp" | "tcp4" | "tcp6" | "udp" | "udp4" | "udp6" | ""
    )
}

/// What a text in the place of a port is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Port {
    /// A number that is a port.
    Number(u16),
    /// A number that is none.
    OutOfRange,
    /// No number: the name of a service.
    Name,
}

/// Reads digits after at most one sign. No digits at all, as in the empty text, are port 0.
pub(super) fn parse_port(service: &str) -> Port {
    let (negative, digits) = match service.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, service.strip_prefix('+').unwrap_or(service)),
    };
    if !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return Port::Name;
    }
    if digits.is_empty() {
        return Port::Number(0);
    }
    match digits.trim_start_matches('0') {
        "" => Port::Number(0),
        _ if negative => Port::OutOfRange,
        digits => digits.parse().map_or(Port::OutOfRange, Port::Number),
    }
}

fn service_by_name(network: &str, service: &str) -> Option<u16> {
    let transport = network.trim_end_matches(['4', '6']);
    if service.len() > NAME_OCTETS_MAX {
        return None;
    }
    let wanted = |of: &str| of == transport || transport.is_empty();
    let file = SERVICES_FILE.get_or_init(|| read_file("/etc/services"));
    service_in_file(file, service, wanted).or_else(|| {
        SERVICES
            .iter()
            .find(|(of, name, _)| wanted(of) && name.eq_ignore_ascii_case(service))
            .map(|(_, _, port)| *port)
    })
}

/// Lines of `name port/transport alias…`, with comments after `#`.
pub(super) fn service_in_file(
    text: &str,
    service: &str,
    wanted: impl Fn(&str) -> bool,
) -> Option<u16> {
    lines(text).find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let name = words.next()?;
        let (port, transport) = words.next()?.split_once('/')?;
        let named = std::iter::once(name)
            .chain(words)
            .any(|name| name.eq_ignore_ascii_case(service));
        (named && wanted(transport)).then(|| port.parse().ok())?
    })
}

/// The protocol with this number, or this name in any case.
pub(super) fn protocol_by_name(name: &str) -> Option<Protocol> {
    if !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_digit()) {
        return name.parse().ok().map(Protocol);
    }
    if name.len() > NAME_OCTETS_MAX {
        return None;
    }
    let ours = PROTOCOLS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, number)| *number);
    let in_file = || {
        let file = PROTOCOLS_FILE.get_or_init(|| read_file("/etc/protocols"));
        protocol_in_file(file, name)
    };
    ours.or_else(in_file).map(Protocol)
}

/// Lines of `name number alias…`.
pub(super) fn protocol_in_file(text: &str, name: &str) -> Option<u8> {
    lines(text).find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let known = words.next()?;
        let number = words.next()?.parse().ok()?;
        std::iter::once(known)
            .chain(words)
            .any(|known| known.eq_ignore_ascii_case(name))
            .then_some(number)
    })
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.split('#').next())
}

/// The beginning of a file; empty if it cannot be read, since then no name is known.
fn read_file(path: &str) -> String {
    let mut text = Vec::new();
    if let Ok(file) = File::open(path) {
        // What was read before an error still names services.
        let _ = file.take(FILE_OCTETS_MAX).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}
