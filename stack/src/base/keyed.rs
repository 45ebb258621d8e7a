//! A hash map whose hash nobody outside can steer.
//!
//! Look-ups by what the network chose (addresses, identifications) go through SipHash with a secret
//! key from [`Random`](super::Random). Its order is never used for anything that leaves the stack.

use core::hash::BuildHasher;

use siphasher::sip::SipHasher13;

/// Makes the hasher of one map; the key is a secret of the stack.
#[derive(Clone, Copy)]
pub struct Keyed([u8; 16]);

impl Keyed {
    /// A hasher under `key`.
    pub const fn new(key: [u8; 16]) -> Self {
        Self(key)
    }
}

/// The key stays out of reports.
impl core::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Keyed")
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0)
    }
}

/// A map under a secret hash.
pub type KeyedMap<K, V> = hashbrown::HashMap<K, V, Keyed>;
