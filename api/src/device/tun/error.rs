//! Why a TUN device could not be had, and what would help.
//!
//! Sorted by blame, as every error of the crate: the machine has none, a right is missing, the name
//! is taken, or a limit was reached. Programs show the hint as it is.

use std::io;

use thiserror::Error;

use crate::device::link::LinkError;
use crate::error::Errno;

/// Why a TUN device could not be had.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum TunError {
    /// Machine: there is no `/dev/net/tun`, or no driver behind it.
    #[error("/dev/net/tun: {0}")]
    NodeMissing(Errno),
    /// Right: the file cannot be opened, whatever may be done in a namespace.
    #[error("/dev/net/tun: {0}")]
    NodeNotPermitted(Errno),
    /// Right: the interface cannot be created or attached to.
    #[error("interface {name}: {errno}")]
    NotPermitted {
        /// Which.
        name: Box<str>,
        /// What the kernel said.
        errno: Errno,
    },
    /// Caller: another program has it open.
    #[error("interface {0} is in use by another program")]
    Busy(Box<str>),
    /// Caller: an interface of that name exists and is no TUN of one queue.
    #[error("interface {0} exists, but is not a TUN device with one queue")]
    NotTun(Box<str>),
    /// Caller: no interface can have such a name.
    #[error("{0:?} is not the name of an interface: 1 to 15 letters, digits and signs, no / : %")]
    NameInvalid(Box<str>),
    /// The kernel's side could not be set up.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Limit, or an error that the kernel's documentation does not know.
    #[error("interface {name}: {errno}")]
    Failed {
        /// Which.
        name: Box<str>,
        /// What the kernel said.
        errno: Errno,
    },
}

impl TunError {
    pub(super) fn of_node(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT | Errno::ENODEV | Errno::ENXIO => Self::NodeMissing(errno),
            Errno::EACCES | Errno::EPERM => Self::NodeNotPermitted(errno),
            _ => Self::Failed {
                name: "/dev/net/tun".into(),
                errno,
            },
        }
    }

    pub(super) fn of_interface(name: &str, errno: Errno) -> Self {
        let name = name.into();
        match errno {
            Errno::EPERM | Errno::EACCES => Self::NotPermitted { name, errno },
            Errno::EBUSY => Self::Busy(name),
            Errno::EINVAL => Self::NotTun(name),
            _ => Self::Failed { name, errno },
        }
    }

    /// True if a right is missing, so that a cable in memory may do instead.
    pub fn lacks_right(&self) -> bool {
        match self {
            Self::NodeNotPermitted(_) | Self::NotPermitted { .. } => true,
            Self::Link(error) => error.lacks_right(),
            Self::NodeMissing(_)
            | Self::Busy(_)
            | Self::NotTun(_)
            | Self::NameInvalid(_)
            | Self::Failed { .. } => false,
        }
    }

    /// The command that would help, in a sentence.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NodeMissing(_) => "load the driver with `sudo modprobe tun`; in a container, \
                 start it with `--device /dev/net/tun`"
                .into(),
            Self::NodeNotPermitted(_) => {
                "run as root, or allow everybody to open it with `sudo chmod 0666 /dev/net/tun`"
                    .into()
            }
            Self::NotPermitted { name, .. } => format!(
                "CAP_NET_ADMIN is missing: run as root, or let root make the device for you with \
                 `sudo ip tuntap add dev {name} mode tun user $USER`"
            ),
            Self::Busy(name) => {
                format!("another name will do; `ip -details link show {name}` shows the device")
            }
            Self::Link(error) if error.lacks_right() => {
                "CAP_NET_ADMIN is missing: run as root, or let root set up the device and give no \
                 addresses here"
                    .into()
            }
            Self::NotTun(_) | Self::NameInvalid(_) | Self::Link(_) | Self::Failed { .. } => {
                return None;
            }
        };
        Some(hint)
    }
}

impl From<TunError> for io::Error {
    fn from(error: TunError) -> Self {
        let kind = if error.lacks_right() {
            io::ErrorKind::PermissionDenied
        } else {
            io::ErrorKind::Other
        };
        Self::new(kind, error)
    }
}
