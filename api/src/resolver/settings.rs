//! What a resolver goes by at the moment: what was given to it, and for the rest what the files say.
//!
//! Every look-up asks [`Names::now`] on the thread of whoever calls. As long as nothing has changed,
//! it gives the same [`Profile`], so that look-ups merge and a cache lasts.

use std::fs;
use std::net::IpAddr;
use std::net::{SocketAddr, SocketAddrV6};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use sidestep_stack::CallRefused;
use sidestep_stack::call::{CacheSettings, ResolverId, ResolverSettings};

use super::files::Files;
use super::files::hosts_file::HostsFile;
use super::files::name_sources::Order;
use super::files::resolv_conf::ResolvConf;
use crate::address::Zone;
use crate::host;

/// The port of name servers.
pub(crate) const DNS_PORT: u16 = 53;

/// Settings as the stack takes them. Its address is its name: whoever runs look-ups keeps one
/// resolver for each profile that is still in use.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) settings: ResolverSettings,
}

/// What was given to a resolver. `None` is what the files say.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    pub(super) servers: Option<Vec<SocketAddr>>,
    pub(super) search: Option<Vec<String>>,
    pub(super) ndots: Option<u8>,
    pub(super) timeout: Option<Duration>,
    pub(super) attempts: Option<u32>,
    pub(super) rotate: Option<()>,
    pub(super) single_request: Option<()>,
    pub(super) use_vc: Option<()>,
    pub(super) strict_errors: bool,
    pub(super) randomise_case: bool,
    pub(super) cache: Option<CacheSettings>,
    pub(super) hosts: Option<Arc<HostsFile>>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Names {
    files: Arc<Files>,
    given: Given,
    /// The profile that was made last, and from which file.
    last: Mutex<Option<(Arc<ResolvConf>, Arc<Profile>)>>,
}

/// What holds for one look-up.
#[derive(Clone, Debug)]
pub(crate) struct Now {
    /// How servers are asked; `None`: as the stack itself was told, hosts file included.
    pub(crate) profile: Option<Arc<Profile>>,
    pub(crate) hosts: Arc<HostsFile>,
    pub(crate) order: Order,
}

impl Now {
    /// The stack itself knows everything.
    pub(crate) fn of_stack() -> Self {
        Self {
            profile: None,
            hosts: Arc::default(),
            order: Order::Dns,
        }
    }
}

impl Names {
    pub(super) fn new(files: Arc<Files>, given: Given) -> Self {
        Self {
            files,
            given,
            last: Mutex::default(),
        }
    }

    /// What `files` say, and nothing else.
    pub(crate) fn of_files(files: Arc<Files>) -> Self {
        Self::new(files, Given::default())
    }

    /// What the host's files say.
    pub(crate) fn of_host() -> Arc<Self> {
        static HOST: LazyLock<Arc<Names>> =
            LazyLock::new(|| Arc::new(Names::of_files(Files::of_host())));
        Arc::clone(&HOST)
    }

    /// What holds now.
    pub(crate) fn now(&self) -> Now {
        let files = self.files.snapshot();
        let profile = {
            let mut last = self.last.lock();
            match &*last {
                Some((conf, profile)) if Arc::ptr_eq(conf, &files.conf) => Arc::clone(profile),
                Some(_) | None => {
                    let profile = Arc::new(self.profile(&files.conf));
                    *last = Some((files.conf, Arc::clone(&profile)));
                    profile
                }
            }
        };
        Now {
            profile: Some(profile),
            hosts: self.given.hosts.clone().unwrap_or(files.hosts),
            order: if self.given.hosts.is_some() {
                Order::FilesDns
            } else {
                files.order
            },
        }
    }

    fn profile(&self, conf: &ResolvConf) -> Profile {
        let given = &self.given;
        let conf = conf.clone().with_defaults_of(&host_name());
        let servers = given.servers.clone();
        let settings = ResolverSettings {
            servers: servers.unwrap_or_else(|| conf.servers.iter().map(server).collect()),
            search: given.search.clone().unwrap_or(conf.search),
            ndots: given.ndots.unwrap_or(conf.ndots),
            timeout: Some(given.timeout.unwrap_or(conf.timeout)),
            attempts: Some(given.attempts.unwrap_or(conf.attempts)),
            // Hosts are looked for on the calling thread, which may read files.
            hosts: String::new(),
            rotate: given.rotate.is_some() || conf.rotate,
            single_request: given.single_request.is_some() || conf.single_request,
            use_vc: given.use_vc.is_some() || conf.use_vc,
            strict_errors: given.strict_errors,
            randomise_case: given.randomise_case,
            cache: given.cache,
            ..ResolverSettings::default()
        };
        Profile { settings }
    }
}

/// The stack's resolver for each profile that somebody still holds.
#[derive(Debug, Default)]
pub(crate) struct Profiles(Vec<(Weak<Profile>, ResolverId)>);

impl Profiles {
    /// The resolver of `profile`. `add` makes one, and `remove` ends one that nobody can ask any
    /// more.
    pub(crate) fn resolver(
        &mut self,
        profile: &Arc<Profile>,
        add: impl FnOnce(&Profile) -> Result<ResolverId, CallRefused>,
        mut remove: impl FnMut(ResolverId),
    ) -> Result<ResolverId, CallRefused> {
        // A profile that is held is alive, so its address is nobody else's.
        let of = Arc::downgrade(profile);
        if let Some((_, found)) = self.0.iter().find(|(known, _)| known.ptr_eq(&of)) {
            return Ok(*found);
        }
        self.0.retain(|(known, id)| {
            let is_held = known.strong_count() > 0;
            if !is_held {
                remove(*id);
            }
            is_held
        });
        let added = add(profile)?;
        self.0.push((of, added));
        Ok(added)
    }
}

/// The host's own name; empty if it cannot be had.
fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim_end().to_owned()
}

/// A server as resolv.conf names it.
fn server((ip, zone): &(IpAddr, Zone)) -> SocketAddr {
    match ip {
        IpAddr::V4(_) => SocketAddr::new(*ip, DNS_PORT),
        IpAddr::V6(v6) => {
            // An interface that is not there cannot be sent through, and the query will say so.
            let scope_id = zone.scope_id(host::interface_index).unwrap_or_default();
            SocketAddrV6::new(*v6, DNS_PORT, 0, scope_id).into()
        }
    }
}
