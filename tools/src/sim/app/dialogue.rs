//! Requests and replies over one TCP connection, as most protocols have them.
//!
//! [`Asker`] dials, sends a request, waits for the whole reply, thinks, and asks again; [`Answerer`]
//! accepts and replies to each request once it is whole. Sizes, content and pauses follow from the
//! seed that both know. Neither ever sends out of turn.

use std::net::SocketAddr;

use bytes::Bytes;
use sidestep_stack::base::Random;
use sidestep_stack::call::{Call, ConnectionId, ConnectionOptions, Release};
use sidestep_stack::event::Event;
use sidestep_stack::{Duration, Instant};

use super::{Application, Calls, Discontent, Occasion, Progress};
use crate::octets::Pattern;
use crate::sim::seed_of;

/// What both ends know.
#[derive(Clone, Copy, Debug)]
pub struct Dialogue {
    /// Sizes and content follow from it.
    pub seed: u64,
    /// How many requests.
    pub rounds: u32,
    /// The most octets of a request; each has at least one.
    pub request_octets_max: u32,
    /// The most octets of a reply; each has at least one.
    pub reply_octets_max: u32,
    /// The longest that the asker thinks before it asks again.
    pub pause_max: Duration,
}

/// The texts of a dialogue, in their order: request, reply, request, …
#[derive(Clone, Debug)]
struct Texts {
    dialogue: Dialogue,
    chance: Random,
    next: u32,
}

impl Texts {
    fn new(dialogue: Dialogue) -> Self {
        Self {
            chance: Random::new(seed_of(dialogue.seed)),
            dialogue,
            next: 0,
        }
    }

    /// The next one; `None` after the last.
    fn next(&mut self) -> Option<Pattern> {
        if self.next >= self.dialogue.rounds.saturating_mul(2) {
            return None;
        }
        let most = if self.next.is_multiple_of(2) {
            self.dialogue.request_octets_max
        } else {
            self.dialogue.reply_octets_max
        };
        let octets = 1 + u64::from(self.chance.below(most));
        let seed = self.dialogue.seed.wrapping_add(u64::from(self.next) + 1);
        self.next += 1;
        Some(Pattern::new(seed, octets))
    }
}

/// What an end of a dialogue does now.
#[derive(Clone, Debug)]
enum Doing {
    /// Sends the rest of a text.
    Says(Bytes),
    /// Waits for the rest of a text.
    Hears(Pattern),
    /// Thinks until then.
    Rests(Instant),
    /// Has ended its direction, and waits for the peer's end.
    Ends,
}

/// What both ends have in common.
#[derive(Clone, Debug)]
struct Voice {
    texts: Texts,
    doing: Doing,
    connection: Option<ConnectionId>,
    read: u64,
    done: bool,
}

/// So many octets are received at a time.
const RECEIVE_OCTETS: usize = 16_384;

/// So many texts at one occasion; a dialogue has to wait for the other end after each.
const TEXTS_MAX: u32 = 1_000;

impl Voice {
    fn new(dialogue: Dialogue) -> Self {
        Self {
            texts: Texts::new(dialogue),
            doing: Doing::Ends,
            connection: None,
            read: 0,
            done: false,
        }
    }

    fn says(&mut self) -> bool {
        match self.texts.next() {
            Some(text) => {
                self.doing = Doing::Says(text.to_vec().into());
                true
            }
            None => false,
        }
    }

    fn hears(&mut self) -> bool {
        match self.texts.next() {
            Some(text) => {
                self.doing = Doing::Hears(text);
                true
            }
            None => false,
        }
    }

    /// Sends; true if all was taken.
    fn send(&mut self, calls: &mut Calls<'_>) -> Result<bool, Discontent> {
        let (Some(connection), Doing::Says(rest)) = (self.connection, &mut self.doing) else {
            return Ok(false);
        };
        let taken = calls.send(connection, rest.clone())?;
        *rest = rest.slice(taken..);
        Ok(rest.is_empty())
    }

    /// Receives; true once the text is whole.
    fn receive(&mut self, calls: &mut Calls<'_>) -> Result<bool, Discontent> {
        let (Some(connection), Doing::Hears(text)) = (self.connection, &mut self.doing) else {
            return Ok(false);
        };
        loop {
            let most = usize::try_from(text.left()).unwrap_or(usize::MAX);
            let received = calls.receive(connection, most.min(RECEIVE_OCTETS))?;
            for slice in &received.slices {
                let mut expected = vec![0; slice.len()];
                text.fill(&mut expected);
                if expected != *slice {
                    return Err(Discontent::Altered { at: self.read });
                }
                self.read += slice.len() as u64;
            }
            if text.left() == 0 {
                return Ok(true);
            }
            if received.end_of_stream {
                return Err(Discontent::TooShort {
                    read: self.read,
                    written: self.read + text.left(),
                });
            }
            if received.slices.is_empty() {
                return Ok(false);
            }
        }
    }

    /// Both directions end: ours now, the connection once the peer's end was read.
    fn end(&mut self, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        if let Some(connection) = self.connection {
            calls.shut_down(connection)?;
        }
        self.doing = Doing::Ends;
        self.wait_for_end(calls)
    }

    fn wait_for_end(&mut self, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        let Some(connection) = self.connection.filter(|_| !self.done) else {
            return Ok(());
        };
        let received = calls.receive(connection, 1)?;
        if !received.slices.is_empty() {
            return Err(Discontent::TooLong { written: self.read });
        }
        if received.end_of_stream {
            self.done = true;
            calls.release(connection, Release::Close)?;
        }
        Ok(())
    }
}

/// The end that asks.
#[derive(Clone, Debug)]
pub struct Asker {
    remote: SocketAddr,
    options: ConnectionOptions,
    begins_at: Instant,
    voice: Voice,
    chance: Random,
    open: bool,
}

impl Asker {
    /// It dials `remote` at `begins_at`.
    pub fn new(
        remote: SocketAddr,
        begins_at: Instant,
        options: ConnectionOptions,
        dialogue: Dialogue,
    ) -> Self {
        Self {
            remote,
            options,
            begins_at,
            voice: Voice::new(dialogue),
            chance: Random::new(seed_of(!dialogue.seed)),
            open: false,
        }
    }

    fn go_on(&mut self, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        for _ in 0..TEXTS_MAX {
            match &self.voice.doing {
                Doing::Says(_) => {
                    if !self.voice.send(calls)? {
                        return Ok(());
                    }
                    self.voice.hears();
                }
                Doing::Hears(_) => {
                    if !self.voice.receive(calls)? {
                        return Ok(());
                    }
                    let pause = self.voice.texts.dialogue.pause_max.as_micros();
                    let most = u32::try_from(pause).unwrap_or(u32::MAX);
                    let pause = Duration::from_micros(1 + u64::from(self.chance.below(most)));
                    self.voice.doing = Doing::Rests(calls.now() + pause);
                    return Ok(());
                }
                Doing::Rests(until) => {
                    if calls.now() < *until {
                        return Ok(());
                    }
                    if !self.voice.says() {
                        return self.voice.end(calls);
                    }
                }
                Doing::Ends => return self.voice.wait_for_end(calls),
            }
        }
        Ok(())
    }
}

impl Application for Asker {
    fn turn(&mut self, occasion: Occasion<'_>, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        match occasion {
            Occasion::Begin | Occasion::Time if self.voice.connection.is_none() => {
                if self.begins_at <= calls.now() {
                    let (connection, _) = calls.dial(self.remote, 0, self.options.clone())?;
                    self.voice.connection = Some(connection);
                }
                Ok(())
            }
            Occasion::Event(Event::Established(_)) => {
                self.open = true;
                if !self.voice.says() {
                    return self.voice.end(calls);
                }
                self.go_on(calls)
            }
            Occasion::Event(Event::Failed { error, .. }) if !self.voice.done => {
                Err(Discontent::Failed(*error))
            }
            Occasion::Begin | Occasion::Event(_) | Occasion::Time if self.open => self.go_on(calls),
            Occasion::Begin | Occasion::Event(_) | Occasion::Time => Ok(()),
        }
    }

    fn next_moment(&self) -> Option<Instant> {
        if self.voice.connection.is_none() {
            return Some(self.begins_at);
        }
        match self.voice.doing {
            Doing::Rests(until) if self.open => Some(until),
            Doing::Rests(_) | Doing::Says(_) | Doing::Hears(_) | Doing::Ends => None,
        }
    }

    fn is_done(&self) -> bool {
        self.voice.done
    }

    fn clone_box(&self) -> Box<dyn Application> {
        Box::new(self.clone())
    }

    fn progress(&self) -> Progress {
        Progress {
            octets_read: self.voice.read,
            ..Progress::default()
        }
    }
}

/// The end that answers.
#[derive(Clone, Debug)]
pub struct Answerer {
    port: u16,
    options: ConnectionOptions,
    voice: Voice,
}

impl Answerer {
    /// It listens at `port` and serves the first connection.
    pub fn new(port: u16, options: ConnectionOptions, dialogue: Dialogue) -> Self {
        Self {
            port,
            options,
            voice: Voice::new(dialogue),
        }
    }

    fn go_on(&mut self, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        for _ in 0..TEXTS_MAX {
            match &self.voice.doing {
                Doing::Says(_) => {
                    if !self.voice.send(calls)? {
                        return Ok(());
                    }
                    if !self.voice.hears() {
                        return self.voice.end(calls);
                    }
                }
                Doing::Hears(_) => {
                    if !self.voice.receive(calls)? {
                        return Ok(());
                    }
                    self.voice.says();
                }
                Doing::Rests(_) => return Ok(()),
                Doing::Ends => return self.voice.wait_for_end(calls),
            }
        }
        Ok(())
    }
}

impl Application for Answerer {
    fn turn(&mut self, occasion: Occasion<'_>, calls: &mut Calls<'_>) -> Result<(), Discontent> {
        match occasion {
            Occasion::Begin => {
                calls.listen(self.port, self.options.clone())?;
                Ok(())
            }
            Occasion::Event(Event::Acceptable(listener)) if self.voice.connection.is_none() => {
                let accepted = calls.accept(*listener)?;
                self.voice.connection = accepted.map(|it| it.connection);
                if self.voice.connection.is_none() {
                    return Ok(());
                }
                // One is all. What a late segment with an old cookie asks for is refused.
                calls.call(Call::CloseListener(*listener))?;
                if !self.voice.hears() {
                    return self.voice.end(calls);
                }
                self.go_on(calls)
            }
            Occasion::Event(Event::Failed { error, .. }) if !self.voice.done => {
                Err(Discontent::Failed(*error))
            }
            Occasion::Event(_) | Occasion::Time if self.voice.connection.is_some() => {
                self.go_on(calls)
            }
            Occasion::Event(_) | Occasion::Time => Ok(()),
        }
    }

    fn next_moment(&self) -> Option<Instant> {
        None
    }

    fn is_done(&self) -> bool {
        self.voice.done
    }

    fn clone_box(&self) -> Box<dyn Application> {
        Box::new(self.clone())
    }

    fn progress(&self) -> Progress {
        Progress {
            octets_read: self.voice.read,
            ..Progress::default()
        }
    }
}
