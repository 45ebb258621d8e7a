//! One number for everything that crossed the doors of the hosts, and when.
//!
//! [`World`](super::World) adds each packet that leaves or reaches a host, in the order of happenings.
//! It is SHA-256 (FIPS 180-4), so two runs with one digest had the same packets at the same
//! nanoseconds. It never looks inside a packet.

use sha2::{Digest as _, Sha256};
use sidestep_stack::Instant;

/// Which way a packet crossed a host's door.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Way {
    /// It reached the host.
    In,
    /// It left the host.
    Out,
}

impl Way {
    /// One letter for it, for lines of text.
    pub const fn arrow(self) -> char {
        match self {
            Self::In => '<',
            Self::Out => '>',
        }
    }
}

/// The digest of all that has crossed so far. A clone goes on by itself.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    sha: Sha256,
    packets: u64,
}

impl Digest {
    /// `packet` crossed the door of node `host` at `at`.
    ///
    /// What is hashed: nanoseconds, number of the host, way and length as numbers of eight octets,
    /// the most significant first; then the packet.
    pub fn crossed(&mut self, at: Instant, host: usize, way: Way, packet: &[u8]) {
        let mut head = [0; 32];
        let numbers = [at.as_nanos(), host as u64, way as u64, packet.len() as u64];
        for (place, number) in head.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        self.sha.update(head);
        self.sha.update(packet);
        self.packets += 1;
    }

    /// How many packets were added.
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// The digest of all so far, as 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(64);
        for octet in self.sha.clone().finalize() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{octet:02x}");
        }
        text
    }
}
