//! Why a subcommand ended without success, with its exit code.
//!
//! Every subcommand returns it, `mod.rs` prints it to standard error. A message about a missing right
//! names the command that mends it.

use std::io::{self, Write as _};
use std::path::PathBuf;

use sidestep::{Cause, DNSError, OpError};
use sidestep_tools::bring_up::NotUp;
use sidestep_tools::capture::replay::ReplayError;
use sidestep_tools::drill::suite::ScriptUnread;
use sidestep_tools::fuzz::diff::DiffError;
use sidestep_tools::grid::GridFailed;
use sidestep_tools::link::real_time::{JoinFailed, MeasureFailed, SideFailed};
use sidestep_tools::namespace::NamespaceError;
use sidestep_tools::ping::PingFailed;
use sidestep_tools::sim::BuildError;
use thiserror::Error;

/// Why there was no success.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// The stack could not be brought up.
    #[error(transparent)]
    NotUp(#[from] NotUp),
    /// The packet thread has ended.
    #[error("the stack: {0}")]
    Gone(Cause),
    /// A call on the network failed.
    #[error(transparent)]
    Network(#[from] OpError),
    /// A name has no address.
    #[error(transparent)]
    Names(#[from] DNSError),
    /// No echo reply.
    #[error(transparent)]
    Ping(#[from] PingFailed),
    /// Standard input or output failed.
    #[error("standard input or output: {0}")]
    Terminal(io::Error),
    /// The machine has no thread or no signal for us.
    #[error(transparent)]
    Machine(io::Error),
    /// The directory to serve cannot be read.
    #[error("{}: {source}", directory.display())]
    Directory {
        /// Which one.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A side of a joined link could not be made.
    #[error(transparent)]
    Side(#[from] SideFailed),
    /// Two devices are joined no longer.
    #[error(transparent)]
    Join(#[from] JoinFailed),
    /// Nothing was measured across a joined link.
    #[error(transparent)]
    Measure(#[from] MeasureFailed),
    /// A run of the grid came to nothing.
    #[error(transparent)]
    Grid(#[from] GridFailed),
    /// A file cannot be written.
    #[error("{}: {source}", file.display())]
    Output {
        /// Which one.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A world cannot be built.
    #[error(transparent)]
    World(#[from] BuildError),
    /// A script or its directory cannot be read.
    #[error(transparent)]
    Script(ScriptUnread),
    /// A capture cannot be read or played.
    #[error("{}: {source}", path.display())]
    Replay {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: ReplayError,
    },
    /// There is no network namespace to work in.
    #[error("{0}{hint}", hint = .0.hint().map(|hint| format!("\n  {hint}")).unwrap_or_default())]
    Namespace(NamespaceError),
    /// The kernel cannot be compared with.
    #[error(transparent)]
    Comparison(DiffError),
    /// A finding cannot be written, or an input not be read.
    #[error("{}: {source}", place.display())]
    Findings {
        /// Which file or directory.
        place: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The arguments are each right, but not together.
    #[error("{0}")]
    Usage(&'static str),
    /// The output has said it already.
    #[error("")]
    Said,
}

impl Failure {
    /// See the help of `sidestep`.
    pub(super) const fn exit_code(&self) -> u8 {
        match self {
            Self::Grid(GridFailed::Side(_) | GridFailed::Tun(_) | GridFailed::Setting { .. })
            | Self::NotUp(_)
            | Self::Side(_)
            | Self::Namespace(_)
            | Self::Comparison(_) => 3,
            Self::Usage(_) => 2,
            Self::Gone(_)
            | Self::Network(_)
            | Self::Names(_)
            | Self::Ping(_)
            | Self::Terminal(_)
            | Self::Machine(_)
            | Self::Replay { .. }
            | Self::Directory { .. }
            | Self::Join(_)
            | Self::Grid(_)
            | Self::Measure(_)
            | Self::Output { .. }
            | Self::World(_)
            | Self::Script(_)
            | Self::Findings { .. }
            | Self::Said => 1,
        }
    }

    /// To standard error; a reader that went away is no failure of ours.
    pub(super) fn print(&self) {
        let gone =
            matches!(self, Self::Terminal(error) if error.kind() == io::ErrorKind::BrokenPipe);
        if gone || matches!(self, Self::Said) {
            return;
        }
        let _ = writeln!(io::stderr(), "sidestep: {self}");
    }
}
