//! One end of a joined link: a TUN device in a network namespace.
//!
//! `sidestep link` makes two, or uses namespaces and devices that exist. What runs at a side (a
//! command, a thread of the measurements) has the kernel's own TCP there. Nothing outside of the
//! namespace is ever changed, and a namespace that was made here ends with its last user.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use sidestep::device::tun::{TunDevice, TunError, TunOptions};
use sidestep_stack::call::InterfaceAddress;
use thiserror::Error;

use crate::namespace::{NamespaceError, enter_own_network};

/// Packets that may wait for us in the kernel; it is not our queue that is to drop.
const TX_QUEUE_PACKETS: u32 = 10_000;

/// The network namespace of the thread that opens it.
const OWN_NAMESPACE: &str = "/proc/thread-self/ns/net";

/// Which device, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SideOptions {
    /// The TUN device: created, or attached to if it exists.
    pub tun: String,
    /// The namespace's file, as `/run/netns/NAME`; `None` makes a new one.
    pub namespace: Option<PathBuf>,
    /// The kernel's addresses on it.
    pub addresses: Vec<InterfaceAddress>,
    /// Octets of the largest packet; `None` leaves it to the device.
    pub mtu_octets: Option<u16>,
}

/// Whose terminal a command has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Terminal {
    /// Ours: it may be a shell to type in.
    Shared,
    /// None: it leads a process group of its own, by which it can be ended with all that it started.
    Apart,
}

/// Why there is no side.
#[derive(Debug, Error)]
pub enum SideFailed {
    /// Right or limit: no namespace.
    #[error("{0}{hint}", hint = .0.hint().map(|hint| format!("\n  {hint}")).unwrap_or_default())]
    Namespace(#[from] NamespaceError),
    /// Caller or right: the namespace's file cannot be opened or entered.
    #[error("namespace {}: {source}", path.display())]
    Enter {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Right: no device.
    #[error(transparent)]
    Tun(#[from] TunError),
    /// Machine: no thread, or no process.
    #[error("{0}")]
    Machine(io::Error),
}

/// See the module.
#[derive(Debug)]
pub struct Side {
    namespace: File,
}

impl Side {
    /// A side, and its device.
    ///
    /// # Errors
    ///
    /// See [`SideFailed`]; nothing remains.
    pub fn make(options: &SideOptions) -> Result<(Self, TunDevice), SideFailed> {
        let options = options.clone();
        // A thread changes its namespace for good, so it is one that ends.
        let made = thread::Builder::new()
            .spawn(move || Self::make_here(&options))
            .map_err(SideFailed::Machine)?
            .join();
        made.unwrap_or_else(|_| Err(SideFailed::Machine(io::ErrorKind::Other.into())))
    }

    fn make_here(options: &SideOptions) -> Result<(Self, TunDevice), SideFailed> {
        let namespace = match &options.namespace {
            None => {
                enter_own_network()?;
                File::open(OWN_NAMESPACE).map_err(SideFailed::Machine)?
            }
            Some(path) => {
                let failed = |source: io::Error| SideFailed::Enter {
                    path: path.clone(),
                    source,
                };
                let file = File::open(path).map_err(failed)?;
                enter(&file).map_err(failed)?;
                file
            }
        };
        let device = TunDevice::open(&TunOptions {
            mtu_octets: options.mtu_octets,
            peer_addresses: options.addresses.clone(),
            tx_queue_packets: Some(TX_QUEUE_PACKETS),
            ..TunOptions::new(&options.tun)
        })?;
        Ok((Self { namespace }, device))
    }

    /// Starts `work` in a thread that is in the namespace.
    ///
    /// # Errors
    ///
    /// There is no thread for it, or it may not enter.
    pub fn start<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<thread::JoinHandle<io::Result<T>>> {
        let namespace = self.namespace.try_clone()?;
        thread::Builder::new().spawn(move || {
            enter(&namespace)?;
            Ok(work())
        })
    }

    /// Starts a command of the shell in the namespace.
    ///
    /// # Errors
    ///
    /// There is no shell, or no process for it.
    pub fn spawn(&self, command: &str, terminal: Terminal) -> io::Result<Child> {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command);
        if terminal == Terminal::Apart {
            shell.process_group(0);
        }
        let spawned = self.start(move || shell.spawn())?.join();
        spawned.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?
    }

    /// The file by which other processes enter the namespace, for as long as this side lives.
    pub fn path(&self) -> PathBuf {
        let process = std::process::id();
        format!("/proc/{process}/fd/{}", self.namespace.as_raw_fd()).into()
    }
}

fn enter(namespace: &File) -> io::Result<()> {
    let kind = Some(LinkNameSpaceType::Network);
    Ok(move_into_link_name_space(namespace.as_fd(), kind)?)
}
