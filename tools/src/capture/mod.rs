//! Captures: written with a reason for each packet, read, kept for the moment of a failure, and
//! played again to a stack.
//!
//! [`Writer`] and [`Reader`] know the files, [`Narrator`] the words, [`Tap`] both for whoever drives
//! a stack itself. Nothing here touches a device or a clock.

pub mod narrate;
pub mod pcapng;
pub mod reader;
pub mod recorder;
pub mod replay;
pub mod tap;
pub mod watcher;
pub mod whole;
pub mod writer;

pub use narrate::{Narrator, Observed, drain};
pub use pcapng::{Direction, LinkType};
pub use reader::{Captured, ReadError, Reader};
pub use recorder::{FlightRecorder, FlightWatcher};
pub use tap::{Tap, connection_of};
pub use watcher::CaptureWatcher;
pub use writer::{Counts, Interface, InterfaceId, Writer, Written};

#[cfg(test)]
mod tests;
