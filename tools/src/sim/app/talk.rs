//! One end of a TCP connection: it writes a stream, reads the peer's, and verifies every octet.
//!
//! The content of both streams follows from seeds, so an octet that is lost, repeated or altered is
//! seen at its position. How much it writes and reads at a time, how long it rests in between and how
//! it ends are part of the [`Talk`]. It holds no more than the piece that it is about to write.

use std::net::SocketAddr;

use bytes::Bytes;
use sidestep_stack::base::Random;
use sidestep_stack::call::{
    Call, ConnectionId, ConnectionOptions, Listen, ListenerId, Local, OpenConnection, Release,
    Reply,
};
use sidestep_stack::event::{ConnectionError, Event};
use sidestep_stack::{Duration, Instant};

use super::{Application, Calls, Discontent, Occasion, Progress};
use crate::octets::Pattern;
use crate::sim::seed_of;

/// Octets that follow from a seed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stream {
    /// Of their [`Pattern`].
    pub seed: u64,
    /// How many.
    pub octets: u64,
}

/// How an end of a connection comes about.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Ending {
    /// It ends its direction once it has written all, reads on, and gives the connection up at the
    /// peer's end.
    #[default]
    HalfClose,
    /// It ends its direction only after it has read the peer's end.
    AfterPeer,
    /// ABORT once it has written and read so many octets together, or all.
    Abort {
        /// How many.
        after_octets: u64,
    },
    /// CLOSE of both directions once it has written all and read so many octets; the rest of the
    /// peer's stream goes unread.
    Close {
        /// How many.
        after_octets: u64,
    },
}

/// How a connection is opened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Opening {
    /// By a handshake; text comes after it.
    #[default]
    Plain,
    /// By TCP Fast Open (RFC 7413): the first text goes with the SYN if the server gave a cookie
    /// before, and a server gives cookies.
    Fast,
}

/// What may happen to a connection although the stack is right.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Trouble {
    /// Nothing: whatever fails is wrong.
    #[default]
    None,
    /// The peer may reset it: it aborts, or leaves text unread.
    Reset,
}

/// What an end of a connection does.
#[derive(Clone, Debug)]
pub struct Talk {
    /// What it writes.
    pub write: Stream,
    /// What it must read.
    pub read: Stream,
    /// The most octets of one write; at least 1.
    pub write_max: u32,
    /// The most octets of one read; at least 1.
    pub read_max: u32,
    /// The longest rest between two acts; zero: it acts whenever it can.
    pub pause_max: Duration,
    /// How it is opened.
    pub opening: Opening,
    /// How its end comes about.
    pub ending: Ending,
    /// What may happen to it.
    pub trouble: Trouble,
    /// Of its choices.
    pub seed: u64,
}

impl Talk {
    /// Writes and reads as much as it can at a time, without rest, and closes half by half.
    pub const fn plain(write: Stream, read: Stream) -> Self {
        Self {
            write,
            read,
            write_max: 65_536,
            read_max: 65_536,
            pause_max: Duration::ZERO,
            opening: Opening::Plain,
            ending: Ending::HalfClose,
            trouble: Trouble::None,
            seed: 0,
        }
    }
}

/// Who opens.
#[derive(Clone, Copy, Debug)]
enum Role {
    /// It does.
    Dials {
        remote: SocketAddr,
        local_port: u16,
        at: Instant,
    },
    /// The peer does, at this port; the first connection is taken.
    Accepts { port: u16 },
}

/// So many acts at one moment; then a microsecond passes, as it does for any processor.
const ACTS_MAX: u32 = 64;

/// Octets that may go with a SYN: every send buffer has room for them.
const FAST_OCTETS_MAX: usize = 1_000;

/// Connections that a listener takes before their handshake is over.
const FAST_OPENS_MAX: u32 = 16;

/// The largest piece that is made at a time, whatever the talk says.
const PIECE_OCTETS_MAX: u32 = 65_536;

/// See the module.
#[derive(Clone, Debug)]
pub struct Talker {
    role: Role,
    options: ConnectionOptions,
    talk: Talk,
    chance: Random,
    listener: Option<ListenerId>,
    connection: Option<ConnectionId>,
    /// The handshake is over.
    open: bool,
    /// What is to be written, and what was made of it but not taken.
    writes: Pattern,
    piece: Bytes,
    /// What must be read.
    reads: Pattern,
    written: u64,
    read: u64,
    write_blocked: bool,
    read_blocked: bool,
    write_ended: bool,
    read_ended: bool,
    done: bool,
    failed: Option<ConnectionError>,
    wakes_at: Option<Instant>,
    last_read_at: Option<Instant>,
    retransmissions: u64,
}

impl Talker {
    /// It opens the connection at `at`, from `local_port` (0 lets the stack choose).
    pub fn dials(
        remote: SocketAddr,
        local_port: u16,
        at: Instant,
        options: ConnectionOptions,
        talk: Talk,
    ) -> Self {
        let role = Role::Dials {
            remote,
            local_port,
            at,
        };
        Self::new(role, options, talk)
    }

    /// It listens at `port` and takes the first connection.
    pub fn accepts(port: u16, options: ConnectionOptions, talk: Talk) -> Self {
        Self::new(Role::Accepts { port }, options, talk)
    }

    fn new(role: Role, options: ConnectionOptions, talk: Talk) -> Self {
        Self {
            role,
            options,
            chance: Random::new(seed_of(talk.seed)),
            writes: Pattern::new(talk.write.seed, talk.write.octets),
            reads: Pattern::new(talk.read.seed, talk.read.octets),
            talk,
            listener: None,
            connection: None,
            open: false,
            piece: Bytes::new(),
            written: 0,
            read: 0,
            write_blocked: false,
            read_blocked: false,
            write_ended: false,
            read_ended: false,
            done: false,
            failed: None,
            wakes_at: None,
            last_read_at: None,
            retransmissions: 0,
        }
    }

    fn begin(&mut self, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        match self.role {
            Role::Dials {
                remote,
                local_port,
                at,
            } => {
                if at > calls.now() {
                    self.wakes_at = Some(at);
                    return Ok(());
                }
                self.connection = Some(self.dial(remote, local_port, calls)?);
            }
            Role::Accepts { port } => {
                let fast_open = match self.talk.opening {
                    Opening::Plain => 0,
                    Opening::Fast => FAST_OPENS_MAX,
                };
                let listen = Listen {
                    local: Local {
                        port,
                        ..Local::default()
                    },
                    options: self.options.clone(),
                    fast_open,
                    ..Listen::default()
                };
                self.listener = Some(calls.listen_as(listen)?);
            }
        }
        Ok(())
    }

    fn dial(
        &mut self,
        remote: SocketAddr,
        local_port: u16,
        calls: &mut Calls<'_>,
    ) -> Result<ConnectionId, Discontent> {
        let open = OpenConnection {
            remote,
            local_address: None,
            local_port,
            options: self.options.clone(),
        };
        let mut text = vec![0; FAST_OCTETS_MAX];
        let filled = match self.talk.opening {
            Opening::Plain => 0,
            Opening::Fast => self.writes.fill(&mut text),
        };
        if filled == 0 {
            return calls.open(Call::OpenConnection(open));
        }
        text.truncate(filled);
        self.written = filled as u64;
        let text = text.into();
        calls.open(Call::OpenFast { open, text })
    }

    fn event(&mut self, event: &Event, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        match event {
            Event::Acceptable(listener) if self.connection.is_none() => {
                self.connection = calls.accept(*listener)?.map(|it| it.connection);
                self.open = self.connection.is_some();
                if self.open {
                    // One is all. What a late segment with an old cookie asks for is refused.
                    calls.call(Call::CloseListener(*listener))?;
                }
            }
            Event::Established(_) => self.open = true,
            Event::Readable(_) => self.read_blocked = false,
            Event::Writable(_) => self.write_blocked = false,
            Event::Failed { error, .. } => return self.fails(*error, calls),
            _ => return Ok(()),
        }
        if self.wakes_at.is_none() {
            self.act(calls)?;
        }
        Ok(())
    }

    fn fails(&mut self, error: ConnectionError, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        if self.done {
            return Ok(());
        }
        self.failed = Some(error);
        let may_be = match error {
            ConnectionError::Reset => true,
            // The peer had the text of the SYN, and aborted before the handshake was over.
            ConnectionError::Refused => self.talk.opening == Opening::Fast,
            _ => false,
        };
        if self.talk.trouble == Trouble::Reset && may_be {
            return self.finish(Release::Close, calls);
        }
        Err(Discontent::Failed(error))
    }

    /// Reads and writes until it has to wait, or wants to rest.
    fn act(&mut self, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        self.wakes_at = None;
        let Some(connection) = self.connection.filter(|_| self.open && !self.done) else {
            return Ok(());
        };
        for _ in 0..ACTS_MAX {
            match self.act_once(connection, calls) {
                // The notice that the connection failed is on its way: it says why.
                Err(Discontent::Refused(_)) if self.talk.trouble == Trouble::Reset => return Ok(()),
                outcome => outcome?,
            }
            if self.done || !self.can_act() {
                return Ok(());
            }
            if !self.talk.pause_max.is_zero() {
                break;
            }
        }
        let most = u32::try_from(self.talk.pause_max.as_micros()).unwrap_or(u32::MAX);
        let pause = Duration::from_micros(1 + u64::from(self.chance.below(most)));
        self.wakes_at = Some(calls.now() + pause);
        Ok(())
    }

    fn act_once(
        &mut self,
        connection: ConnectionId,
        calls: &mut Calls<'_>,
    ) -> Result<(), Discontent> {
        self.write(connection, calls)?;
        self.read(connection, calls)?;
        self.end(connection, calls)
    }

    /// True if something is to be done that nothing else will remind of.
    fn can_act(&self) -> bool {
        let writes = !self.wrote_all() && !self.write_blocked;
        let reads = !self.read_ended && !self.read_blocked;
        writes || reads
    }

    const fn wrote_all(&self) -> bool {
        self.written == self.talk.write.octets
    }

    fn write(&mut self, connection: ConnectionId, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        if self.write_blocked || self.wrote_all() {
            return Ok(());
        }
        if self.piece.is_empty() {
            let most = self.talk.write_max.clamp(1, PIECE_OCTETS_MAX);
            let mut piece = vec![0; 1 + self.chance.below(most) as usize];
            let filled = self.writes.fill(&mut piece);
            piece.truncate(filled);
            self.piece = piece.into();
        }
        let taken = calls.send(connection, self.piece.clone())?;
        self.write_blocked = taken < self.piece.len();
        self.piece = self.piece.slice(taken..);
        self.written += taken as u64;
        Ok(())
    }

    fn read(&mut self, connection: ConnectionId, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        if self.read_blocked || self.read_ended {
            return Ok(());
        }
        let most = 1 + self.chance.below(self.talk.read_max.max(1)) as usize;
        let received = calls.receive(connection, most)?;
        if received.slices.is_empty() {
            self.read_blocked = !received.end_of_stream;
        }
        for slice in &received.slices {
            self.verify(slice)?;
            self.last_read_at = Some(calls.now());
        }
        if received.end_of_stream {
            self.read_ended = true;
            if self.read < self.talk.read.octets {
                return Err(Discontent::TooShort {
                    read: self.read,
                    written: self.talk.read.octets,
                });
            }
        }
        Ok(())
    }

    fn verify(&mut self, octets: &[u8]) -> Result<(), Discontent> {
        let mut room = [0; 4_096];
        for part in octets.chunks(room.len()) {
            let expected = self.reads.fill(&mut room[..part.len()]);
            let same = part
                .iter()
                .zip(&room[..expected])
                .take_while(|(got, want)| got == want)
                .count();
            self.read += same as u64;
            if same < expected {
                return Err(Discontent::Altered { at: self.read });
            }
            if expected < part.len() {
                return Err(Discontent::TooLong {
                    written: self.talk.read.octets,
                });
            }
        }
        Ok(())
    }

    fn end(&mut self, connection: ConnectionId, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        match self.talk.ending {
            Ending::Abort { after_octets } => {
                let all = self.wrote_all() && self.read_ended;
                if all || self.written + self.read >= after_octets {
                    return self.finish(Release::Abort, calls);
                }
            }
            Ending::Close { after_octets } => {
                if self.wrote_all() && (self.read_ended || self.read >= after_octets) {
                    return self.finish(Release::Close, calls);
                }
            }
            Ending::HalfClose | Ending::AfterPeer => {}
        }
        let may_end = match self.talk.ending {
            Ending::HalfClose | Ending::Abort { .. } | Ending::Close { .. } => true,
            Ending::AfterPeer => self.read_ended,
        };
        if self.wrote_all() && may_end && !self.write_ended {
            // An abort comes instead of an end, and a close ends both directions at once.
            if matches!(self.talk.ending, Ending::HalfClose | Ending::AfterPeer) {
                calls.shut_down(connection)?;
            }
            self.write_ended = true;
        }
        if self.write_ended && self.read_ended {
            return self.finish(Release::Close, calls);
        }
        Ok(())
    }

    fn finish(&mut self, how: Release, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        self.done = true;
        self.wakes_at = None;
        if let Some(connection) = self.connection {
            if let Reply::Status(status) = calls.call(Call::Status(connection))? {
                self.retransmissions = status.retransmissions;
            }
            calls.release(connection, how)?;
        }
        Ok(())
    }
}

impl Application for Talker {
    fn turn(&mut self, occasion: Occasion<'_>, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        match occasion {
            Occasion::Begin => self.begin(calls),
            Occasion::Event(event) => self.event(event, calls),
            Occasion::Time if self.connection.is_none() && self.listener.is_none() => {
                self.wakes_at = None;
                self.begin(calls)
            }
            Occasion::Time => self.act(calls),
        }
    }

    fn next_moment(&self) -> Option<Instant> {
        self.wakes_at
    }

    fn is_done(&self) -> bool {
        // Whoever may reset the connection may do so before it is accepted, and it never shows.
        let may_never_begin = self.talk.trouble == Trouble::Reset && self.connection.is_none();
        self.done || (may_never_begin && self.listener.is_some())
    }

    fn clone_box(&self) -> Box<dyn Application> {
        Box::new(self.clone())
    }

    fn progress(&self) -> Progress {
        Progress {
            octets_read: self.read,
            last_read_at: self.last_read_at,
            retransmissions: self.retransmissions,
            failed: self.failed,
        }
    }
}
