//! The stack's resolver as one value, with kernel sockets for its queries and tickets for its
//! answers.
//!
//! The thread of `lookup.rs` owns it and lends it each turn. It does what the page `names.rs` of the
//! stack does, over the kernel; which server is asked what, and what a reply means, is decided in
//! `stack::dns`.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use rand::TryRng as _;
use rand::rngs::SysRng;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sidestep_stack::base::Random;
use sidestep_stack::base::random::Seed;
use sidestep_stack::call::{LookUp, LookupId};
use sidestep_stack::context::Context;
use sidestep_stack::discard::DiscardCounters;
use sidestep_stack::dns::{Carrier, Dns, Transmit, Transport};
use sidestep_stack::event::Answer as Found;
use sidestep_stack::observe::Log;
use sidestep_stack::{CallRefused, Config};

use super::socket::{Got, Socket, sort_destinations};
use super::{Order, Outcome};
use crate::channel::ticket::Answer;
use crate::driver::clock::Clock;
use crate::resolver::settings::{Profile, Profiles};

/// The longest datagram there is.
const DATAGRAM_OCTETS_MAX: usize = 65_535;

/// A datagram socket that never runs dry must not keep the others waiting.
const READS_MAX: usize = 16;

/// What the thread does after a turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Rest {
    /// Waits for sockets, and for no longer than this.
    Until(Option<Duration>),
    /// Nobody waits for anything.
    Idle,
}

/// A query's socket, and who it speaks with.
#[derive(Debug)]
struct Open {
    socket: Socket,
    server: SocketAddr,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Engine {
    dns: Dns,
    config: Config,
    random: Random,
    discards: DiscardCounters,
    log: Log,
    clock: Clock,
    sockets: BTreeMap<Carrier, Open>,
    /// Those who wait, by their look-up; and look-ups by the number that their askers know.
    answers: BTreeMap<LookupId, (u64, Answer<Outcome>)>,
    asked: HashMap<u64, LookupId>,
    profiles: Profiles,
    room: Vec<u8>,
}

impl Engine {
    pub(super) fn new() -> io::Result<Self> {
        let mut seed = Seed::default();
        SysRng.try_fill_bytes(&mut seed).map_err(io::Error::other)?;
        let config = Config::default();
        Ok(Self {
            dns: Dns::new(&config),
            config,
            random: Random::new(seed),
            discards: DiscardCounters::default(),
            log: Log::default(),
            clock: Clock::start(),
            sockets: BTreeMap::new(),
            answers: BTreeMap::new(),
            asked: HashMap::new(),
            profiles: Profiles::default(),
            room: vec![0; DATAGRAM_OCTETS_MAX],
        })
    }

    /// True if nobody waits, and no socket is open.
    #[cfg(test)]
    pub(super) fn is_at_rest(&self) -> bool {
        self.answers.is_empty() && self.asked.is_empty() && self.sockets.is_empty()
    }

    /// Lends the resolver its surroundings.
    fn with<T>(&mut self, act: impl FnOnce(&mut Dns, &mut Context<'_>) -> T) -> T {
        let mut cx = Context {
            now: self.clock.now(),
            config: &self.config,
            random: &mut self.random,
            discards: &mut self.discards,
            log: &mut self.log,
        };
        act(&mut self.dns, &mut cx)
    }

    pub(super) fn carry_out(&mut self, order: Order) {
        match order {
            Order::LookUp {
                look_up,
                profile,
                asked,
                answer,
            } => match self.begin(look_up, &profile) {
                Ok(lookup) => {
                    self.asked.insert(asked, lookup);
                    self.answers.insert(lookup, (asked, answer));
                }
                Err(refused) => drop(answer.give(Err(refused))),
            },
            Order::Cancel { asked } => {
                if let Some(lookup) = self.asked.remove(&asked) {
                    self.answers.remove(&lookup);
                    self.with(|dns, cx| dns.cancel(cx, lookup));
                }
            }
        }
    }

    fn begin(&mut self, look_up: LookUp, profile: &Arc<Profile>) -> Result<LookupId, CallRefused> {
        let (dns, config) = (std::cell::RefCell::new(&mut self.dns), &self.config);
        let resolver = self.profiles.resolver(
            profile,
            |profile| dns.borrow_mut().add(&profile.settings, config),
            |id| dns.borrow_mut().remove(id),
        )?;
        let look_up = look_up.asking(resolver);
        self.with(|dns, cx| dns.look_up(cx, &look_up))
    }

    /// Does what can be done without waiting.
    pub(super) fn turn(&mut self) -> Rest {
        self.with(Dns::time_passes);
        // Each query that fails at once leads to the next; there are as many as servers and tries.
        while let Some(transmit) = self.with(Dns::next_transmit) {
            self.transmit(transmit);
        }
        self.close_finished();
        self.deliver();
        // A connection that may be used again is closed by its deadline.
        if self.answers.is_empty() && self.dns.is_empty() && self.sockets.is_empty() {
            return Rest::Idle;
        }
        let now = self.clock.now();
        let deadline = self.dns.next_deadline();
        Rest::Until(deadline.map(|deadline| {
            Duration::from_nanos(deadline.as_nanos().saturating_sub(now.as_nanos()))
        }))
    }

    fn transmit(&mut self, transmit: Transmit) {
        let Transmit {
            carrier,
            server,
            transport,
            octets,
        } = transmit;
        if let Some(open) = self.sockets.get_mut(&carrier) {
            if open.socket.send_more(&octets).is_err() {
                self.with(|dns, cx| dns.carrier_failed(cx, carrier));
            }
            return;
        }
        let socket = match transport {
            Transport::Udp => Socket::datagram(server, &octets),
            Transport::Tcp => Socket::stream(server, octets),
        };
        match socket {
            Ok(socket) => {
                self.sockets.insert(carrier, Open { socket, server });
            }
            Err(_) => self.with(|dns, cx| dns.carrier_failed(cx, carrier)),
        }
    }

    fn close_finished(&mut self) {
        while let Some(carrier) = self.dns.next_finished() {
            self.sockets.remove(&carrier);
        }
    }

    fn deliver(&mut self) {
        while let Some(mut looked_up) = self.dns.next_answer() {
            let Some((asked, answer)) = self.answers.remove(&looked_up.lookup) else {
                continue;
            };
            self.asked.remove(&asked);
            if let Ok(Found::Addresses(addresses)) = &mut looked_up.result {
                sort_destinations(addresses);
            }
            // Nobody may wait any more; the cancellation is on its way then.
            drop(answer.give(Ok(looked_up)));
        }
    }

    /// Waits for sockets or the bell, for no longer than `patience`, and takes in what came.
    pub(super) fn wait(&mut self, bell: BorrowedFd<'_>, patience: Option<Duration>) {
        let limit = patience.and_then(|patience| Timespec::try_from(patience).ok());
        let mut ready = Vec::new();
        {
            let mut fds = vec![PollFd::from_borrowed_fd(bell, PollFlags::IN)];
            fds.extend(self.sockets.values().map(|open| {
                PollFd::from_borrowed_fd(open.socket.descriptor(), open.socket.interest())
            }));
            // Interrupted or refused: the next turn finds what there is.
            if poll(&mut fds, limit.as_ref()).is_err() {
                return;
            }
            let sockets = fds.get(1..).unwrap_or_default();
            for (fd, carrier) in sockets.iter().zip(self.sockets.keys()) {
                if !fd.revents().is_empty() {
                    ready.push(*carrier);
                }
            }
        }
        for carrier in ready {
            self.take_in(carrier);
        }
    }

    fn take_in(&mut self, carrier: Carrier) {
        let Some(mut open) = self.sockets.remove(&carrier) else {
            return;
        };
        let mut room = std::mem::take(&mut self.room);
        let mut fails = open.socket.flush().is_err();
        for _ in 0..READS_MAX {
            if fails {
                break;
            }
            match open.socket.read(&mut room) {
                Got::Octets(octets) => {
                    let octets = room.get(..octets).unwrap_or_default();
                    let from = open.server;
                    let is_stream = matches!(open.socket, Socket::Stream { .. });
                    self.with(|dns, cx| {
                        if is_stream {
                            dns.stream_arrives(cx, carrier, octets);
                        } else {
                            dns.datagram_arrives(cx, carrier, from, octets);
                        }
                    });
                }
                Got::Nothing => break,
                Got::End => fails = true,
            }
        }
        self.room = room;
        self.sockets.insert(carrier, open);
        if fails {
            self.with(|dns, cx| dns.carrier_failed(cx, carrier));
        }
    }
}
