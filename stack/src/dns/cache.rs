//! What servers said, kept for as long as they said (RFC 1035 §7.4, RFC 2181 §5.2, §8, RFC 2308).
//!
//! `asking.rs` looks here before it asks and leaves here what it learns; off unless the settings
//! say otherwise. Nothing is ever used beyond its time (RFC 8767 is not done), and only what
//! answered a question of ours is kept, under the name that was asked.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::answer::Found;
use crate::base::{Duration, Instant};
use crate::call::CacheSettings;
use crate::wire::dns_message::{Data, RecordType};
use crate::wire::dns_name::Name;

/// What an entry costs besides its names and records: keys, tree nodes, lengths.
const ENTRY_OCTETS: u64 = 256;
/// What a record costs besides its octets.
const RECORD_OCTETS: u64 = 64;

/// What a server said about a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Kept {
    /// There are records.
    Found(Found),
    /// There are none: not under this name, or not of this type.
    Nothing,
}

/// What a denial is about (RFC 2308 §5).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum About {
    /// The name: NXDOMAIN.
    AllTypes,
    /// The name and this type.
    Type(u16),
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct CacheKey {
    /// In lower case (RFC 4343 §3).
    name: Vec<u8>,
    about: About,
}

#[derive(Clone, Debug)]
struct Entry {
    kept: Kept,
    server: SocketAddr,
    until: Instant,
    octets: u64,
    used: u64,
}

impl Entry {
    const fn has_records(&self) -> bool {
        matches!(self.kept, Kept::Found(_))
    }
}

/// A denial that may be kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Denied {
    pub(super) about: About,
    /// What was asked for.
    pub(super) record_type: RecordType,
    pub(super) ttl_s: u32,
}

/// What a cache may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct CacheLimits {
    pub(super) settings: CacheSettings,
    /// What all caches together may hold.
    pub(super) shared_octets_max: u64,
}

/// Answers by name and type, bounded in number, size and time.
#[derive(Clone, Debug, Default)]
pub(super) struct Cache {
    limits: Option<CacheLimits>,
    /// What other caches hold of the room that all of them share.
    pub(super) others_octets: u64,
    entries: BTreeMap<CacheKey, Entry>,
    /// By time of last use: the first one goes first.
    by_use: BTreeMap<u64, CacheKey>,
    octets: u64,
    next_use: u64,
}

fn key(name: &Name, about: About) -> CacheKey {
    // A length is at most 63, which is below every letter.
    CacheKey {
        name: name.as_wire().to_ascii_lowercase(),
        about,
    }
}

impl Cache {
    /// Forgets everything; from now on these limits hold. `None` keeps nothing.
    pub(super) fn restart(&mut self, limits: Option<CacheLimits>) {
        *self = Self {
            limits,
            ..Self::default()
        };
    }

    /// What was said about records of this type under `name`, and who said so.
    pub(super) fn get(
        &mut self,
        now: Instant,
        name: &Name,
        record_type: RecordType,
    ) -> Option<(Kept, SocketAddr)> {
        self.limits?;
        let about = [About::Type(record_type.0), About::AllTypes];
        about
            .into_iter()
            .find_map(|about| self.get_one(now, key(name, about)))
    }

    fn get_one(&mut self, now: Instant, key: CacheKey) -> Option<(Kept, SocketAddr)> {
        if self.entries.get(&key)?.until <= now {
            self.remove(&key);
            return None;
        }
        let used = self.next_use;
        self.next_use += 1;
        let entry = self.entries.get_mut(&key)?;
        self.by_use.remove(&entry.used);
        entry.used = used;
        let found = (entry.kept.clone(), entry.server);
        self.by_use.insert(used, key);
        Some(found)
    }

    /// Keeps that `name` has these records.
    pub(super) fn found(&mut self, now: Instant, name: &Name, found: &Found, server: SocketAddr) {
        let Some(limits) = self.limits else { return };
        let lifetime = Duration::from_secs(u64::from(found.ttl_s)).min(limits.settings.ttl_max);
        let size: u64 = found.records.iter().map(octets_of).sum();
        let owner = found.owner.as_wire().len() as u64;
        let new = Entry {
            kept: Kept::Found(found.clone()),
            server,
            until: now + lifetime,
            octets: ENTRY_OCTETS + owner + size,
            used: 0,
        };
        // Some servers deny a name when asked for AAAA only: whoever knows records is right.
        self.remove(&key(name, About::AllTypes));
        let about = About::Type(found.record_type.0);
        self.put(now, key(name, about), new);
    }

    /// Keeps what a server denied, for as long as it said (RFC 2308 §5).
    pub(super) fn denied(&mut self, now: Instant, name: &Name, denied: Denied, server: SocketAddr) {
        let Some(limits) = self.limits else { return };
        let Denied {
            about,
            record_type,
            ttl_s,
        } = denied;
        let lifetime = Duration::from_secs(u64::from(ttl_s)).min(limits.settings.negative_ttl_max);
        let has_records = [RecordType::A, RecordType::AAAA]
            .map(|known| key(name, About::Type(known.0)))
            .iter()
            .any(|key| self.entries.get(key).is_some_and(Entry::has_records));
        let about = match about {
            About::AllTypes if !has_records => About::AllTypes,
            About::AllTypes | About::Type(_) => About::Type(record_type.0),
        };
        let new = Entry {
            kept: Kept::Nothing,
            server,
            until: now + lifetime,
            octets: ENTRY_OCTETS,
            used: 0,
        };
        self.put(now, key(name, about), new);
    }

    fn put(&mut self, now: Instant, key: CacheKey, mut new: Entry) {
        let Some(limits) = self.limits else { return };
        let shared = limits.shared_octets_max.saturating_sub(self.others_octets);
        let octets_max = limits.settings.octets_max.min(shared);
        let entries_max = u64::from(limits.settings.entries_max);
        // The name is held twice.
        new.octets += 2 * key.name.len() as u64;
        self.remove(&key);
        if new.until <= now || new.octets > octets_max {
            return;
        }
        while self.entries.len() as u64 >= entries_max || self.octets + new.octets > octets_max {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                // No entry at all is allowed.
                return;
            };
            self.remove(&oldest);
        }
        new.used = self.next_use;
        self.next_use += 1;
        self.octets += new.octets;
        self.by_use.insert(new.used, key.clone());
        self.entries.insert(key, new);
    }

    fn remove(&mut self, key: &CacheKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.octets -= entry.octets;
            self.by_use.remove(&entry.used);
        }
    }

    /// How many answers are kept.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many octets they cost.
    pub(super) const fn octets(&self) -> u64 {
        self.octets
    }
}

fn octets_of(record: &Data) -> u64 {
    let octets = match record {
        Data::V4(_) | Data::V6(_) => 0,
        Data::Alias(name) | Data::NameServer(name) | Data::Pointer(name) => name.as_wire().len(),
        Data::MailExchange { host, .. } => host.as_wire().len(),
        Data::Service { target, .. } => target.as_wire().len(),
        Data::StartOfAuthority(soa) => soa.primary.as_wire().len() + soa.mailbox.as_wire().len(),
        Data::Text(octets) | Data::Other(octets) => octets.len(),
    };
    RECORD_OCTETS + octets as u64
}

#[cfg(test)]
mod tests;
