//! The flight recorder: the last packets and happenings of each connection, for the moment in which
//! one of them fails.
//!
//! Simulated worlds feed a [`FlightRecorder`] themselves, a network feeds it through a
//! [`FlightWatcher`]. What it keeps is bounded by entries, connections and octets, whatever happens;
//! nothing is put into words before it is written out.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sidestep::watch::{Crossing, PacketWatcher, WatchEnd, Watched, Watching};
use sidestep_stack::call::ConnectionId;
use sidestep_stack::event::ConnectionError;
use sidestep_stack::observe::{Observation, SendReason};
use sidestep_stack::{Instant, Status};

use super::narrate::{Narrator, Observed};
use super::pcapng::Direction;
use super::tap::{Stamp, write_pieces};
use super::watcher::nanos_since_1970;
use super::whole;
use super::writer::{Interface, InterfaceId, Writer};

/// What keeping an entry costs beyond its packet's octets, in octets.
const ENTRY_OCTETS: usize = 1_024;

/// How much a recorder keeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Entries of one connection.
    pub entries_max: usize,
    /// Connections; the one that was quiet for longest makes room.
    pub connections_max: usize,
    /// Octets of everything.
    pub octets_max: usize,
}

impl Default for Limits {
    /// 256 entries of each of 1,024 connections, in 32 MiB.
    fn default() -> Self {
        Self {
            entries_max: 256,
            connections_max: 1_024,
            octets_max: 32 << 20,
        }
    }
}

/// Why a recorder should be read out now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trigger {
    /// The peer ended the connection, or refused it.
    Reset,
    /// Nobody answered for too long.
    Timeout,
    /// We ended it before its time.
    Abort,
    /// The packet thread panicked.
    Panic,
    /// Somebody asked for it.
    Request,
}

impl Trigger {
    /// A word for the names of files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Abort => "abort",
            Self::Panic => "panic",
            Self::Request => "request",
        }
    }

    /// What an observation asks for, if anything.
    pub const fn of(observed: &Observation) -> Option<(ConnectionId, Self)> {
        match observed {
            Observation::Failed {
                connection,
                error: ConnectionError::TimedOut,
                ..
            } => Some((*connection, Self::Timeout)),
            Observation::Failed { connection, .. } => Some((*connection, Self::Reset)),
            Observation::SegmentSent {
                connection: Some(connection),
                reason: SendReason::Abort,
                ..
            } => Some((*connection, Self::Abort)),
            _ => None,
        }
    }
}

/// One entry: what crossed the device, or only happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When, on the stack's time line.
    pub at: Instant,
    /// What crossed the device.
    pub crossing: Crossing,
    /// What the stack observed with it.
    pub observed: Vec<Observed>,
    /// The connection afterwards.
    pub status: Option<Box<Status>>,
}

impl Entry {
    fn octets(&self) -> usize {
        let packet = match &self.crossing {
            Crossing::Arrived(packet) => packet.octets.len(),
            Crossing::Left(packet) => packet.octets(),
            Crossing::Nothing => 0,
        };
        ENTRY_OCTETS + packet + self.observed.len() * size_of::<Observed>()
    }
}

#[derive(Clone, Debug, Default)]
struct Track {
    entries: VecDeque<Entry>,
    octets: usize,
    /// When it was last written to, as a count of entries of all.
    touched: u64,
    /// Entries that made room.
    forgotten: u64,
}

impl Track {
    fn forget_oldest(&mut self) -> usize {
        let octets = self.entries.pop_front().map_or(0, |it| it.octets());
        self.octets -= octets;
        self.forgotten += 1;
        octets
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct FlightRecorder {
    limits: Limits,
    /// `None` is what belongs to no connection.
    tracks: BTreeMap<Option<ConnectionId>, Track>,
    octets: usize,
    recorded: u64,
}

impl FlightRecorder {
    /// An empty recorder.
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            tracks: BTreeMap::new(),
            octets: 0,
            recorded: 0,
        }
    }

    /// Octets that it keeps, by its own count.
    pub const fn octets(&self) -> usize {
        self.octets
    }

    /// The connections that something is kept of, in a fixed order.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.tracks.keys().filter_map(|it| *it)
    }

    /// Keeps an entry. The answer names the connections that ask to be written out because of it.
    pub fn record(
        &mut self,
        connection: Option<ConnectionId>,
        entry: Entry,
    ) -> Vec<(ConnectionId, Trigger)> {
        let observed = entry.observed.iter();
        let mut triggers: Vec<_> = observed.filter_map(|(_, it)| Trigger::of(it)).collect();
        triggers.dedup();
        // What only happened belongs to the connections that it happened to.
        if matches!(entry.crossing, Crossing::Nothing) {
            for (at, what) in entry.observed {
                let happening = Entry {
                    at,
                    crossing: Crossing::Nothing,
                    status: None,
                    observed: vec![(at, what.clone())],
                };
                self.keep(what.connection(), happening);
            }
        } else {
            self.keep(connection, entry);
        }
        triggers
    }

    fn keep(&mut self, connection: Option<ConnectionId>, entry: Entry) {
        self.recorded += 1;
        let octets = entry.octets();
        let track = self.tracks.entry(connection).or_default();
        track.touched = self.recorded;
        track.octets += octets;
        track.entries.push_back(entry);
        self.octets += octets;
        if track.entries.len() > self.limits.entries_max {
            self.octets -= track.forget_oldest();
        }
        while self.tracks.len() > self.limits.connections_max.max(1)
            || self.octets > self.limits.octets_max
        {
            if !self.forget_quietest() {
                return;
            }
        }
    }

    /// Forgets the connection that was quiet for longest; of the last one, its oldest entry.
    fn forget_quietest(&mut self) -> bool {
        let quietest = self.tracks.iter().min_by_key(|(_, track)| track.touched);
        let Some((connection, _)) = quietest else {
            return false;
        };
        let connection = *connection;
        if self.tracks.len() > 1 {
            let track = self.tracks.remove(&connection);
            self.octets -= track.map_or(0, |it| it.octets);
            return true;
        }
        match self.tracks.get_mut(&connection) {
            Some(track) if !track.entries.is_empty() => {
                self.octets -= track.forget_oldest();
                true
            }
            Some(_) | None => false,
        }
    }

    /// Forgets what is kept of a connection.
    pub fn forget(&mut self, connection: ConnectionId) {
        let track = self.tracks.remove(&Some(connection));
        self.octets -= track.map_or(0, |it| it.octets);
    }

    /// Writes what is kept of `connection`, or of all with `None`, as a capture: in order of time.
    /// `zero_nanos` is when the stack's time began, in nanoseconds since 1970.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write<W: Write>(
        &self,
        out: W,
        connection: Option<ConnectionId>,
        name: &str,
        zero_nanos: u64,
    ) -> io::Result<W> {
        let mut writer = Writer::new(out)?;
        let interface = Interface::raw(name).described("flight recorder");
        let interface = writer.add_interface(&interface)?;
        let chosen = |it: &&Option<ConnectionId>| connection.is_none() || **it == connection;
        let mut all: Vec<(Option<ConnectionId>, &Entry)> = Vec::new();
        for key in self.tracks.keys().filter(chosen) {
            if let Some(track) = self.tracks.get(key) {
                all.extend(track.entries.iter().map(|entry| (*key, entry)));
            }
        }
        all.sort_by_key(|(_, entry)| entry.at);
        let mut narrator = Narrator::new();
        for (key, entry) in all {
            write_entry(
                &mut writer,
                interface,
                &mut narrator,
                key,
                entry,
                zero_nanos,
            )?;
        }
        writer.finish()
    }

    /// What happened to `connection` after its last packet, in words: no packet carries it.
    pub fn last_words(&self, connection: ConnectionId) -> Vec<String> {
        let Some(track) = self.tracks.get(&Some(connection)) else {
            return Vec::new();
        };
        let last_packet = track
            .entries
            .iter()
            .rposition(|it| !matches!(it.crossing, Crossing::Nothing));
        let after = last_packet.map_or(0, |it| it + 1);
        let observed = track.entries.iter().skip(after).flat_map(|it| &it.observed);
        let words = observed.filter_map(|(at, what)| {
            let words = super::narrate::words(what)?;
            Some(format!("{}s {words}", super::narrate::seconds(*at)))
        });
        words.collect()
    }
}

fn write_entry<W: Write>(
    writer: &mut Writer<W>,
    interface: InterfaceId,
    narrator: &mut Narrator,
    connection: Option<ConnectionId>,
    entry: &Entry,
    zero_nanos: u64,
) -> io::Result<()> {
    let (direction, packets) = match &entry.crossing {
        Crossing::Nothing => {
            narrator.happens(entry.observed.iter().cloned());
            return Ok(());
        }
        Crossing::Arrived(packet) => (Direction::In, whole::received(packet)),
        Crossing::Left(packet) => (Direction::Out, whole::sent(packet)),
    };
    let status = entry.status.as_deref();
    let comments = narrator.packet(direction, connection, &entry.observed, status);
    let stamp = Stamp {
        interface,
        at_nanos: zero_nanos.saturating_add(entry.at.as_nanos()),
        direction,
        lost_before: 0,
    };
    write_pieces(writer, &stamp, &packets, comments)
}

/// A flight recorder on a network: it writes a file when a connection fails, and when asked.
#[derive(Clone, Debug)]
pub struct FlightWatcher {
    shared: Arc<Mutex<Flight>>,
}

#[derive(Debug)]
struct Flight {
    recorder: FlightRecorder,
    folder: PathBuf,
    files_max: u64,
    files: u64,
    name: String,
    zero_nanos: u64,
}

impl FlightWatcher {
    /// Writes at most `files_max` files into `folder`. A clone is the same recorder, for
    /// [`write_now`](Self::write_now).
    pub fn new(folder: PathBuf, limits: Limits, files_max: u64) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Flight {
                recorder: FlightRecorder::new(limits),
                folder,
                files_max,
                files: 0,
                name: "sidestep".to_owned(),
                zero_nanos: 0,
            })),
        }
    }

    /// Writes everything that is kept, on request, and says into which file; `None` if no more files
    /// may be written.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write_now(&self) -> io::Result<Option<PathBuf>> {
        self.with(|flight| flight.write(None, Trigger::Request))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Flight) -> T) -> T {
        // A panic elsewhere leaves entries that are whole: each is kept at once.
        act(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Flight {
    fn write(
        &mut self,
        connection: Option<ConnectionId>,
        why: Trigger,
    ) -> io::Result<Option<PathBuf>> {
        if self.files >= self.files_max {
            return Ok(None);
        }
        self.files += 1;
        let name = format!("flight-{:04}-{}.pcapng", self.files, why.word());
        let path = self.folder.join(name);
        let out = BufWriter::new(File::create(&path)?);
        self.recorder
            .write(out, connection, &self.name, self.zero_nanos)?;
        Ok(Some(path))
    }
}

impl PacketWatcher for FlightWatcher {
    fn begins(&mut self, about: &Watching) -> io::Result<()> {
        self.with(|flight| {
            flight.name.clone_from(&about.device_name);
            flight.zero_nanos = nanos_since_1970(about.began);
        });
        Ok(())
    }

    fn sees(&mut self, watched: &Watched) -> io::Result<()> {
        let entry = Entry {
            at: watched.at,
            crossing: watched.crossing.clone(),
            observed: watched.observed.clone(),
            status: watched.status.clone(),
        };
        self.with(|flight| {
            for (connection, why) in flight.recorder.record(watched.connection, entry) {
                flight.write(Some(connection), why)?;
                flight.recorder.forget(connection);
            }
            Ok(())
        })
    }

    fn ends(&mut self, how: WatchEnd) -> io::Result<()> {
        match how {
            WatchEnd::InOrder => Ok(()),
            WatchEnd::Panic => self
                .with(|flight| flight.write(None, Trigger::Panic))
                .map(drop),
        }
    }
}

#[cfg(test)]
mod tests;
