//! Watchers of a network's packets: one that writes a capture.
//!
//! [`NetOptions::watch`](sidestep::NetOptions::watch) takes them; every command with `--pcap` does
//! so. They run on the watchers' thread: a disk that is slow or full never holds up the network.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use sidestep::watch::{Crossing, PacketWatcher, WatchEnd, Watched, Watching};

use super::narrate::Narrator;
use super::pcapng::Direction;
use super::tap::{Stamp, write_pieces};
use super::whole;
use super::writer::{Counts, Interface, InterfaceId, Writer};

/// Nanoseconds from 1970 to `time`; 0 for what was before.
pub fn nanos_since_1970(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Writes all packets of a network into a capture.
pub struct CaptureWatcher<W: Write> {
    writer: Writer<W>,
    interface: Option<InterfaceId>,
    narrator: Narrator,
    zero_nanos: u64,
    last_nanos: u64,
    counts: Counts,
    /// Missing since the last packet that was written.
    lost: u64,
}

impl<W: Write> fmt::Debug for CaptureWatcher<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureWatcher")
            .field("interface", &self.interface)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl CaptureWatcher<BufWriter<File>> {
    /// Begins a capture in a new file; one that is there already is replaced.
    ///
    /// # Errors
    ///
    /// The file cannot be made or written.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::new(BufWriter::with_capacity(1 << 18, File::create(path)?))
    }
}

impl<W: Write> CaptureWatcher<W> {
    /// Begins a capture in `out`.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn new(out: W) -> io::Result<Self> {
        Ok(Self {
            writer: Writer::new(out)?,
            interface: None,
            narrator: Narrator::new(),
            zero_nanos: 0,
            last_nanos: 0,
            counts: Counts::default(),
            lost: 0,
        })
    }
}

impl<W: Write + Send> PacketWatcher for CaptureWatcher<W> {
    fn begins(&mut self, about: &Watching) -> io::Result<()> {
        let interface = Interface::raw(&about.device_name).described(format!(
            "a stack in userspace, MTU {} octets",
            about.mtu_octets
        ));
        self.interface = Some(self.writer.add_interface(&interface)?);
        self.zero_nanos = nanos_since_1970(about.began);
        Ok(())
    }

    fn sees(&mut self, watched: &Watched) -> io::Result<()> {
        let Some(interface) = self.interface else {
            return Ok(());
        };
        self.counts.seen += watched.lost_before;
        self.counts.lost += watched.lost_before;
        self.lost += watched.lost_before;
        let (direction, packets) = match &watched.crossing {
            Crossing::Nothing => {
                self.narrator.happens(watched.observed.iter().cloned());
                return Ok(());
            }
            Crossing::Arrived(packet) => (Direction::In, whole::received(packet)),
            Crossing::Left(packet) => (Direction::Out, whole::sent(packet)),
        };
        let status = watched.status.as_deref();
        let mut comments =
            self.narrator
                .packet(direction, watched.connection, &watched.observed, status);
        if self.lost > 0 {
            comments.push(format!("{} before it are missing here", self.lost));
        }
        self.counts.seen += packets.len() as u64;
        self.last_nanos = self.zero_nanos.saturating_add(watched.at.as_nanos());
        let stamp = Stamp {
            interface,
            at_nanos: self.last_nanos,
            direction,
            lost_before: std::mem::take(&mut self.lost),
        };
        write_pieces(&mut self.writer, &stamp, &packets, comments)
    }

    fn rests(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    fn ends(&mut self, _how: WatchEnd) -> io::Result<()> {
        if let Some(interface) = self.interface {
            self.writer
                .statistics(interface, self.last_nanos, self.counts)?;
        }
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests;
