//! A network of the process's own, so that a demo or a test can use any address and device and
//! disturb nobody (user_namespaces(7), network_namespaces(7)).
//!
//! The demo enters one before it does anything else, and tests enter one in a thread. What happens
//! there ends with the process; nothing outside is ever changed.

#[cfg(test)]
mod tests;

use std::fs;
use std::io;

use rustix::thread::UnshareFlags;
use sidestep::device::link::{self, LinkError};
use sidestep::error::Errno;
use thiserror::Error;

/// What was entered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Namespace {
    /// A network namespace, by the right of root. It is the calling thread's, and that of the
    /// threads which it starts.
    Network,
    /// A user namespace in which the caller is root, and a network namespace that belongs to it. It
    /// is the whole process's.
    UserAndNetwork,
}

/// Why no network of one's own could be had.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum NamespaceError {
    /// Right: the machine's policy forbids user namespaces to this user.
    #[error("no user namespace can be made: {0}")]
    NotPermitted(Errno),
    /// Limit: the machine allows no more user or network namespaces.
    #[error("no more namespaces are allowed: {0}")]
    LimitReached(Errno),
    /// Caller: only a process with one thread may enter a user namespace.
    #[error("the process has {0} threads, but may have only one when it enters a user namespace")]
    SeveralThreads(usize),
    /// Machine: its kernel has no such namespaces.
    #[error("the kernel has no such namespaces: {0}")]
    NotSupported(Errno),
    /// Right: the namespace was made, but the user cannot become its root.
    #[error("{file}: {errno}")]
    NotMapped {
        /// The file that could not be written.
        file: &'static str,
        /// Why not.
        errno: Errno,
    },
    /// The namespace was entered, but has no loopback.
    #[error(transparent)]
    Loopback(#[from] LinkError),
}

impl NamespaceError {
    /// The command that would help, in a sentence.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotPermitted(_) | Self::NotMapped { .. } | Self::Loopback(_) => {
                Some(policy_hint())
            }
            Self::LimitReached(_) => Some(
                "allow more with `sudo sysctl user.max_user_namespaces=10000 \
                 user.max_net_namespaces=10000`, or run as root",
            ),
            Self::SeveralThreads(_) => Some("run as root, or enter before any thread is started"),
            Self::NotSupported(_) => {
                Some("run on a kernel with CONFIG_USER_NS and CONFIG_NET_NS, or as root")
            }
        }
    }
}

/// The three switches by which distributions forbid user namespaces, each with its own command.
fn policy_hint() -> &'static str {
    let is = |file: &str, value: &str| fs::read_to_string(file).is_ok_and(|t| t.trim() == value);
    if is(
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
    ) {
        "run as root, or allow user namespaces with \
         `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
    } else if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        "run as root, or allow user namespaces with `sudo sysctl kernel.unprivileged_userns_clone=1`"
    } else {
        "run as root; in a container, start it with `--cap-add SYS_ADMIN --cap-add NET_ADMIN`"
    }
}

/// Enters a network namespace in which there is nothing but `lo`, which is up.
///
/// With the right of root only the calling thread enters, so any process may do it. Without, a user
/// namespace is needed too, and the process must still have one thread: call this first thing in
/// `main`.
///
/// # Errors
///
/// See [`NamespaceError`]. The process is then where it was, except for [`NamespaceError::NotMapped`]
/// and [`NamespaceError::Loopback`], after which it is in a namespace with less than it needs: a
/// network without any way out, so that nothing can be disturbed.
pub fn enter_own_network() -> Result<Namespace, NamespaceError> {
    let entered = match unshare(UnshareFlags::NEWNET) {
        Ok(()) => Namespace::Network,
        Err(Errno::EPERM) => {
            enter_user_and_network()?;
            Namespace::UserAndNetwork
        }
        Err(errno) => return Err(sort(errno)),
    };
    link::bring_up("lo")?;
    Ok(entered)
}

fn enter_user_and_network() -> Result<(), NamespaceError> {
    let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads > 1 {
        return Err(NamespaceError::SeveralThreads(threads));
    }
    // Outside, before the numbers change their meaning.
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET).map_err(sort)?;
    // Groups could be dropped that forbid something, so the kernel wants this promise first.
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("0 {user} 1"))?;
    write("/proc/self/gid_map", &format!("0 {group} 1"))
}

fn write(file: &'static str, text: &str) -> Result<(), NamespaceError> {
    fs::write(file, text).map_err(|error: io::Error| NamespaceError::NotMapped {
        file,
        errno: Errno::of(&error),
    })
}

/// Its successor in `rustix` is unsafe for tables of descriptors that threads share, which are left
/// alone here.
#[allow(deprecated)]
fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    rustix::thread::unshare(flags).map_err(Errno::from)
}

fn sort(errno: Errno) -> NamespaceError {
    match errno {
        Errno::EPERM | Errno::EACCES => NamespaceError::NotPermitted(errno),
        Errno::ENOSPC | Errno::EUSERS | Errno::ENOMEM => NamespaceError::LimitReached(errno),
        _ => NamespaceError::NotSupported(errno),
    }
}
