//! Whose settings a look-up goes by: the stack's own, or those of another resolver; and what each of
//! them has learned (resolv.conf(5), RFC 2308 §5).
//!
//! `resolver.rs` asks it at the begin of each look-up, `asking.rs` for what is kept of answers.
//! Nothing that one resolver learned is told to another: they may ask different servers. It asks
//! nobody itself.

use alloc::sync::Arc;
use core::net::SocketAddr;

use super::answer::Found;
use super::cache::{Cache, Denied, Kept};
use super::server::{Order, Settings};
use crate::base::{Instant, Table};
use crate::call::{CallRefused, ResolverId, ResolverSettings};
use crate::config::Config;
use crate::wire::dns_message::RecordType;
use crate::wire::dns_name::Name;

/// One resolver.
#[derive(Clone, Debug)]
struct Owner {
    settings: Arc<Settings>,
    /// Names these settings: no others ever had it.
    version: u64,
    /// Names what is kept: answers of these servers.
    cache_version: u64,
    cache: Cache,
    /// With `rotate`: how many queries began.
    rotation: u32,
}

/// Whose look-up it is, and of which time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct OwnerId {
    resolver: Option<ResolverId>,
    cache_version: u64,
}

/// By what a look-up goes.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) owner: OwnerId,
    /// Names the settings.
    pub(super) version: u64,
    pub(super) settings: Arc<Settings>,
}

/// All resolvers of a stack.
#[derive(Clone, Debug)]
pub(super) struct Owners {
    own: Owner,
    /// At most `dns_resolvers_max`.
    others: Table<Owner>,
    versions: u64,
    /// What all caches hold together.
    kept_answers: usize,
    kept_octets: u64,
}

impl Owner {
    fn new(settings: Settings, version: u64) -> Self {
        let mut cache = Cache::default();
        cache.restart(settings.cache);
        Self {
            settings: Arc::new(settings),
            version,
            cache_version: version,
            cache,
            rotation: 0,
        }
    }
}

impl Owners {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            own: Owner::new(Settings::new(config), 0),
            others: Table::new(),
            versions: 0,
            kept_answers: 0,
            kept_octets: 0,
        }
    }

    /// New settings for the stack's own resolver. What it learned stays if it asks the same servers.
    pub(super) fn set(
        &mut self,
        settings: &ResolverSettings,
        config: &Config,
    ) -> Result<(), CallRefused> {
        let settings = Settings::read(settings, config)?;
        let mut new = Owner::new(settings, self.next_version());
        if new.settings.asks_the_same(&self.own.settings) {
            new.cache_version = self.own.cache_version;
            new.cache = core::mem::take(&mut self.own.cache);
        } else {
            self.kept_answers -= self.own.cache.len();
            self.kept_octets -= self.own.cache.octets();
        }
        self.own = new;
        Ok(())
    }

    pub(super) fn add(
        &mut self,
        settings: &ResolverSettings,
        config: &Config,
    ) -> Result<ResolverId, CallRefused> {
        if self.others.len() as u64 >= config.dns_resolvers_max {
            return Err(CallRefused::LimitReached);
        }
        let settings = Settings::read(settings, config)?;
        let owner = Owner::new(settings, self.next_version());
        Ok(ResolverId(self.others.insert(owner)))
    }

    pub(super) fn remove(&mut self, resolver: ResolverId) {
        if let Some(owner) = self.others.remove(resolver.0) {
            self.kept_answers -= owner.cache.len();
            self.kept_octets -= owner.cache.octets();
        }
    }

    fn next_version(&mut self) -> u64 {
        self.versions += 1;
        self.versions
    }

    /// What a new look-up goes by; `None` if there is no such resolver.
    pub(super) fn terms(&self, resolver: Option<ResolverId>) -> Option<Terms> {
        let owner = match resolver {
            None => &self.own,
            Some(resolver) => self.others.get(resolver.0)?,
        };
        Some(Terms {
            owner: OwnerId {
                resolver,
                cache_version: owner.cache_version,
            },
            version: owner.version,
            settings: Arc::clone(&owner.settings),
        })
    }

    /// The resolver, unless it is gone or asks other servers by now.
    fn owner_mut(&mut self, id: OwnerId) -> Option<&mut Owner> {
        let owner = match id.resolver {
            None => &mut self.own,
            Some(resolver) => self.others.get_mut(resolver.0)?,
        };
        (owner.cache_version == id.cache_version).then_some(owner)
    }

    /// With which server a new query begins.
    pub(super) fn first_server(&mut self, id: OwnerId) -> u32 {
        match self.owner_mut(id) {
            Some(owner) if owner.settings.order == Order::Rotating => {
                let first = owner.rotation;
                owner.rotation = first.wrapping_add(1);
                first
            }
            Some(_) | None => 0,
        }
    }

    /// What is kept about records of this type under `name`, and who said so.
    pub(super) fn kept(
        &mut self,
        now: Instant,
        id: OwnerId,
        name: &Name,
        record_type: RecordType,
    ) -> Option<(Kept, SocketAddr)> {
        self.with_cache(id, |cache| cache.get(now, name, record_type))?
    }

    /// Keeps records for as long as they are true.
    pub(super) fn keep_found(
        &mut self,
        now: Instant,
        id: OwnerId,
        name: &Name,
        found: &Found,
        server: SocketAddr,
    ) {
        self.with_cache(id, |cache| cache.found(now, name, found, server));
    }

    /// Keeps a denial for as long as it is true.
    pub(super) fn keep_denied(
        &mut self,
        now: Instant,
        id: OwnerId,
        name: &Name,
        denied: Denied,
        server: SocketAddr,
    ) {
        self.with_cache(id, |cache| cache.denied(now, name, denied, server));
    }

    /// Lends a cache, which is told what the others hold, and counts what changed.
    fn with_cache<T>(&mut self, id: OwnerId, act: impl FnOnce(&mut Cache) -> T) -> Option<T> {
        let (all_answers, all_octets) = (self.kept_answers, self.kept_octets);
        let cache = &mut self.owner_mut(id)?.cache;
        let others_answers = all_answers - cache.len();
        let others_octets = all_octets - cache.octets();
        cache.others_octets = others_octets;
        let result = act(cache);
        let (answers, octets) = (cache.len(), cache.octets());
        self.kept_answers = others_answers + answers;
        self.kept_octets = others_octets + octets;
        Some(result)
    }

    /// How many answers are kept by all.
    pub(super) const fn kept_answers(&self) -> usize {
        self.kept_answers
    }

    /// How many octets they cost.
    pub(super) const fn kept_octets(&self) -> u64 {
        self.kept_octets
    }
}
