//! The name under which the names of an address are found (RFC 1035 §3.5, RFC 3596 §2.5).
//!
//! `search.rs` asks for it, and programs that report errors as Go does. It never asks anyone.

use alloc::string::String;
use core::fmt::Write as _;
use core::net::IpAddr;

/// `1.2.0.192.in-addr.arpa.` for 192.0.2.1, and the like under `ip6.arpa.`; an IPv4-mapped address
/// is IPv4. Go: `reverseaddr`.
pub fn reverse_name(address: IpAddr) -> String {
    let mut name = String::new();
    // Writing into a `String` cannot fail.
    match address.to_canonical() {
        IpAddr::V4(address) => {
            for octet in address.octets().iter().rev() {
                let _ = write!(name, "{octet}.");
            }
            name.push_str("in-addr.arpa.");
        }
        IpAddr::V6(address) => {
            for octet in address.octets().iter().rev() {
                let _ = write!(name, "{:x}.{:x}.", octet & 0x0f, octet >> 4);
            }
            name.push_str("ip6.arpa.");
        }
    }
    name
}
