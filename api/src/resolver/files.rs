//! The resolver's files, read again when they have changed: at most every five seconds, as in Go.
//!
//! Look-ups ask for a [`Snapshot`] on the thread of whoever calls; the packet thread never comes
//! here. A file that cannot be read says nothing, and no file is read beyond a bound.

pub(crate) mod hosts_file;
pub(crate) mod name_sources;
pub(crate) mod resolv_conf;

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use hosts_file::HostsFile;
use name_sources::Order;
use resolv_conf::ResolvConf;

/// A file is not looked at again for so long (Go's `cacheMaxAge`).
const FRESH: Duration = Duration::from_secs(5);

/// The most octets that are read of a hosts file, and of each of the others.
const HOSTS_OCTETS_MAX: u64 = 4 * 1024 * 1024;
const CONF_OCTETS_MAX: u64 = 64 * 1024;

/// Where the files are that say how names are resolved: those of the host unless set.
///
/// They are read when a name is looked up, and again when they have changed, but looked at no more
/// often than every five seconds. One that cannot be read says nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResolverFiles {
    /// Servers, domains and options (resolv.conf(5)).
    pub resolv_conf: PathBuf,
    /// Names that need no server (hosts(5)).
    pub hosts: PathBuf,
    /// Whether files or servers are asked first (nsswitch.conf(5)).
    pub nsswitch: PathBuf,
}

impl Default for ResolverFiles {
    fn default() -> Self {
        Self::in_directory("/etc")
    }
}

impl ResolverFiles {
    /// `resolv.conf`, `hosts` and `nsswitch.conf` in `directory`.
    pub fn in_directory(directory: impl AsRef<Path>) -> Self {
        let directory = directory.as_ref();
        Self {
            resolv_conf: directory.join("resolv.conf"),
            hosts: directory.join("hosts"),
            nsswitch: directory.join("nsswitch.conf"),
        }
    }
}

/// What the files say at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The same value, by `Arc::ptr_eq`, as long as the file has not changed.
    pub(crate) conf: Arc<ResolvConf>,
    pub(crate) hosts: Arc<HostsFile>,
    pub(crate) order: Order,
}

/// The files, and what they said when they were last read.
#[derive(Debug)]
pub(crate) struct Files {
    paths: ResolverFiles,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    conf: Watched<Arc<ResolvConf>>,
    hosts: Watched<Arc<HostsFile>>,
    order: Watched<Order>,
}

impl Files {
    pub(crate) fn new(paths: ResolverFiles) -> Self {
        Self {
            paths,
            state: Mutex::default(),
        }
    }

    /// The host's own, shared by everybody who asks for them.
    pub(crate) fn of_host() -> Arc<Self> {
        static HOST: LazyLock<Arc<Files>> =
            LazyLock::new(|| Arc::new(Files::new(ResolverFiles::default())));
        Arc::clone(&HOST)
    }

    /// What the files say now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.snapshot_at(Instant::now())
    }

    fn snapshot_at(&self, now: Instant) -> Snapshot {
        let mut state = self.state.lock();
        let State { conf, hosts, order } = &mut *state;
        conf.look(now, &self.paths.resolv_conf, CONF_OCTETS_MAX, |text| {
            Arc::new(ResolvConf::parse(text.unwrap_or_default()))
        });
        order.look(now, &self.paths.nsswitch, CONF_OCTETS_MAX, |text| {
            Order::parse(text.unwrap_or_default())
        });
        hosts.look(now, &self.paths.hosts, HOSTS_OCTETS_MAX, |text| {
            Arc::new(HostsFile::parse(text.unwrap_or_default()))
        });
        Snapshot {
            conf: Arc::clone(&conf.value),
            hosts: Arc::clone(&hosts.value),
            order: order.value,
        }
    }
}

/// How a file can be seen to have changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamp {
    modified_s: i64,
    modified_ns: i64,
    octets: u64,
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            modified_s: metadata.mtime(),
            modified_ns: metadata.mtime_nsec(),
            octets: metadata.size(),
            inode: metadata.ino(),
        })
    }
}

/// What one file said.
#[derive(Debug, Default)]
struct Watched<T> {
    /// When it was last looked at; `None` never.
    looked_at: Option<Instant>,
    /// `None`: it was not there.
    stamp: Option<Stamp>,
    value: T,
}

impl<T> Watched<T> {
    /// Reads the file if it is time to look and it has changed. `read` gets no text if there is no
    /// file.
    fn look(
        &mut self,
        now: Instant,
        path: &Path,
        octets_max: u64,
        read: impl FnOnce(Option<&str>) -> T,
    ) {
        let first = self.looked_at.is_none();
        if let Some(looked_at) = self.looked_at
            && now.saturating_duration_since(looked_at) < FRESH
        {
            return;
        }
        self.looked_at = Some(now);
        // Taken before the text: a change in between is seen the next time.
        let stamp = Stamp::of(path);
        if stamp == self.stamp && !first {
            return;
        }
        self.stamp = stamp;
        self.value = read(read_text(path, octets_max).as_deref());
    }
}

/// The beginning of a file; `None` if it cannot be opened.
fn read_text(path: &Path, octets_max: u64) -> Option<String> {
    let file = File::open(path).ok()?;
    let mut text = Vec::new();
    // What was read before an error still counts.
    let _ = file.take(octets_max).read_to_end(&mut text);
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests;
