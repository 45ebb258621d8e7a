//! Initial sequence numbers (RFC 9293 §3.4.1, RFC 6528): ISN = M + F(addresses, ports, secret).
//!
//! `call/open.rs` and `arrives/listen.rs` ask for one. The secret comes from the stack's seed and
//! never leaves this file.

use core::hash::{Hash, Hasher};

use siphasher::sip::SipHasher24;

use crate::base::{Instant, Random, SeqNumber};
use crate::socket::FourTuple;

/// The generator.
#[derive(Clone, Debug)]
pub(crate) struct InitialSequence {
    secret: [u8; 16],
}

impl InitialSequence {
    /// With a secret of its own (6528-02).
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            secret: random.key(),
        }
    }

    /// ISS for a connection that is opened now. M steps every 4 microseconds (MUST-8).
    pub(crate) fn iss(&self, tuple: &FourTuple, now: Instant) -> SeqNumber {
        let mut f = SipHasher24::new_with_key(&self.secret);
        tuple.hash(&mut f);
        // Truncation is meant: both are numbers on a circle of 32 bits.
        let m = (now.as_micros() / 4) as u32;
        SeqNumber::new(m.wrapping_add(f.finish() as u32))
    }
}
