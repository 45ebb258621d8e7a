//! A capture of a world: every packet at every host's door, with the reason for it.
//!
//! Each host is an interface of one pcapng file, in which a packet that crosses a link stands twice,
//! where it left and where it arrived. Times are those of the world: nanoseconds since it began. It
//! changes nothing in the world.

use std::collections::BTreeMap;
use std::io::{self, Write};

use thiserror::Error;

use super::{Failure, Way, World};
use crate::capture::{Direction, Interface, InterfaceId, Narrator, Writer, Written};

/// Why a run was not recorded to its end.
#[derive(Debug, Error)]
pub enum RecordError {
    /// A rule of the world does not hold.
    #[error(transparent)]
    Failure(#[from] Box<Failure>),
    /// The capture cannot be written.
    #[error("the capture cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Writes the crossings of a world.
#[derive(Debug)]
pub struct Recorder<W: Write> {
    writer: Writer<W>,
    hosts: BTreeMap<usize, (InterfaceId, Narrator)>,
}

impl<W: Write> Recorder<W> {
    /// Begins a capture of `world`, which keeps its crossings from here on. Hosts that are added later
    /// are not in it.
    ///
    /// # Errors
    ///
    /// The output's.
    pub fn new(out: W, world: &mut World) -> io::Result<Self> {
        world.keep_crossings();
        let mut writer = Writer::new(out)?;
        let mut hosts = BTreeMap::new();
        for (host, _) in world.hosts() {
            let number = host.number();
            let interface = Interface::raw(format!("host{number}"));
            let id = writer.add_interface(&interface)?;
            hosts.insert(number, (id, Narrator::new()));
        }
        Ok(Self { writer, hosts })
    }

    /// Writes what has crossed since the last time: after each step of the world.
    ///
    /// # Errors
    ///
    /// The output's.
    pub fn take(&mut self, world: &mut World) -> io::Result<()> {
        for crossing in world.take_crossings() {
            let happening = &crossing.happening;
            let Some((interface, narrator)) = self.hosts.get_mut(&happening.host) else {
                continue;
            };
            let direction = match happening.way {
                Way::In => Direction::In,
                Way::Out => Direction::Out,
            };
            narrator.happens(crossing.before);
            let comments = narrator.packet(
                direction,
                crossing.connection,
                &crossing.observations,
                crossing.status.as_deref(),
            );
            self.writer.packet(&Written {
                interface: *interface,
                at_nanos: happening.at.as_nanos(),
                direction,
                octets: &happening.packet,
                comments: &comments,
                lost_before: 0,
            })?;
        }
        Ok(())
    }

    /// Ends the capture, and gives the output back.
    ///
    /// # Errors
    ///
    /// The output's.
    pub fn finish(self) -> io::Result<W> {
        self.writer.finish()
    }
}
