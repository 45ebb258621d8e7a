//! The kit itself: which promises there are, what a transport lacks, and how each is tried.
//!
//! Every promise is tried in a thread of its own, on a pair of its own, and given up after the
//! kit's limit. The promises themselves are in the files beside this one.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::disturb::Disturbed;
use super::report::{Breach, Outcome, Report};
use super::{MakeError, Nets, closing, deadlines, dialing, exchange, halves, listening, tcp, udp};
use crate::OpError;
use crate::any_conn::Conn;

/// Something that not every transport can do, and that some promises need.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Ability {
    /// One direction can be closed by itself: `close_write`, `close_read`.
    HalfClose,
    /// Octets that nobody reads yet are kept, so that a small `write` does not wait for a `read`.
    Buffer,
    /// `read` and `write` of no octets return at once.
    ZeroOctets,
    /// Repeating `close` fails with `Closed`.
    SecondCloseFails,
    /// Closing with octets unread resets the peer instead of letting it read an end.
    UnreadResets,
    /// Both families of addresses are there.
    BothFamilies,
    /// There is an address that is ours to reach and that never answers.
    SilentAddress,
    /// The networks are userspace stacks, whose tables can be looked into.
    Counters,
}

/// A connection whose two directions can be closed one by one.
pub trait HalfClose: Conn {
    /// Ends our direction after what was written.
    ///
    /// # Errors
    ///
    /// With op `close`: it is closed, or has failed.
    fn close_write(&self) -> Result<(), OpError>;

    /// Takes no more from the peer.
    ///
    /// # Errors
    ///
    /// With op `close`: it is closed, or has failed.
    fn close_read(&self) -> Result<(), OpError>;
}

macro_rules! half_close {
    ($($type:ty),*) => {$(
        impl HalfClose for $type {
            fn close_write(&self) -> Result<(), OpError> {
                Self::close_write(self)
            }

            fn close_read(&self) -> Result<(), OpError> {
                Self::close_read(self)
            }
        }
    )*};
}

half_close!(crate::TCPConn, crate::UnixConn);

/// Two ends of one connection, and what to do when they are no longer needed.
pub struct Pair {
    pub(super) here: Arc<dyn Conn>,
    pub(super) there: Arc<dyn Conn>,
    pub(super) halves: Option<[Arc<dyn HalfClose>; 2]>,
    stop: Option<Box<dyn FnOnce() + Send>>,
}

impl Pair {
    /// Two ends that are closed as a whole.
    pub fn new(here: impl Conn + 'static, there: impl Conn + 'static) -> Self {
        Self {
            here: Arc::new(here),
            there: Arc::new(there),
            halves: None,
            stop: None,
        }
    }

    /// Two ends whose directions can be closed one by one.
    pub fn with_half_close(
        here: impl HalfClose + 'static,
        there: impl HalfClose + 'static,
    ) -> Self {
        let halves: [Arc<dyn HalfClose>; 2] = [Arc::new(here), Arc::new(there)];
        Self {
            here: Arc::clone(&halves[0]) as Arc<dyn Conn>,
            there: Arc::clone(&halves[1]) as Arc<dyn Conn>,
            halves: Some(halves),
            stop: None,
        }
    }

    /// Calls `stop` once the promise has been tried.
    #[must_use]
    pub fn stop_with(mut self, stop: impl FnOnce() + Send + 'static) -> Self {
        self.stop = Some(Box::new(stop));
        self
    }

    /// The same pair, with every call on it preceded and followed by whatever the
    /// [`Disturbance`](super::Disturbance) that goes on has for it.
    #[must_use]
    pub fn disturbed(mut self) -> Self {
        self.here = Arc::new(Disturbed(Arc::clone(&self.here)));
        self.there = Arc::new(Disturbed(Arc::clone(&self.there)));
        self.halves = self
            .halves
            .take()
            .map(|halves| halves.map(|half| Arc::new(Disturbed(half)) as Arc<dyn HalfClose>));
        self
    }

    pub(super) fn ends(&self) -> (Arc<dyn Conn>, Arc<dyn Conn>) {
        (Arc::clone(&self.here), Arc::clone(&self.there))
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("here", &self.here)
            .field("there", &self.there)
            .finish_non_exhaustive()
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // Whatever a promise has left blocked is woken, if the connection keeps that promise.
        let _ = self.here.close();
        let _ = self.there.close();
        if let Some(stop) = self.stop.take() {
            stop();
        }
    }
}

/// One clause of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Promise<S: 'static = Pair> {
    /// Its name, for [`Kit::only`] and in the report.
    pub name: &'static str,
    /// Where it comes from: a test of Go's `nettest`, or a point of the contract.
    pub source: &'static str,
    /// What is promised.
    pub text: &'static str,
    /// Without which ability it means nothing.
    pub needs: &'static [Ability],
    pub(super) check: fn(&S, &Bench) -> Result<(), Breach>,
}

/// What a promise is tried with: bounds, and where the trial stands.
#[derive(Clone, Debug)]
pub(super) struct Bench {
    /// How late whatever must happen "at once" may be seen.
    pub(super) late: Duration,
    /// How long an exchange with the peer may take.
    pub(super) patience: Duration,
    /// Octets of a large transfer.
    pub(super) octets: usize,
    /// A moment that lets a thread reach the call in which it shall be blocked.
    pub(super) moment: Duration,
    stage: Arc<Mutex<&'static str>>,
}

impl Bench {
    /// Says what is awaited now, for the report of a trial that does not end.
    pub(super) fn awaits(&self, what: &'static str) {
        *self.stage.lock() = what;
    }
}

/// The promises, and what is to be known about the transport that shall keep them.
#[derive(Clone, Debug)]
pub struct Kit {
    lacks: Vec<(Ability, &'static str)>,
    only: Vec<String>,
    late: Duration,
    patience: Duration,
    octets: usize,
}

impl Default for Kit {
    fn default() -> Self {
        Self::new()
    }
}

impl Kit {
    /// All promises, for a transport that has every [`Ability`].
    pub fn new() -> Self {
        Self {
            lacks: Vec::new(),
            only: Vec::new(),
            late: Duration::from_secs(2),
            patience: Duration::from_secs(20),
            octets: 1 << 20,
        }
    }

    /// The transport cannot do this, for this reason: the promises that need it are skipped.
    #[must_use]
    pub fn lacks(mut self, ability: Ability, reason: &'static str) -> Self {
        self.lacks.push((ability, reason));
        self
    }

    /// Asks for the promise of this name only; repeated, for each of them.
    #[must_use]
    pub fn only(mut self, promise: &str) -> Self {
        self.only.push(promise.to_owned());
        self
    }

    /// How late a deadline or a wake-up may be seen: two seconds unless set, because a busy machine
    /// is no broken promise. Whoever measures an idle one sets less.
    #[must_use]
    pub const fn late(mut self, late: Duration) -> Self {
        self.late = late;
        self
    }

    /// How long a promise may take before it counts as broken: 20 s unless set. Set more where the
    /// way between the ends is slow.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Octets of the large transfers, from 64 Ki on: 1 Mi unless set. Set less where the way between
    /// the ends is slow.
    #[must_use]
    pub const fn octets(mut self, octets: usize) -> Self {
        self.octets = if octets < MIN_OCTETS {
            MIN_OCTETS
        } else {
            octets
        };
        self
    }

    /// The promises of a connection.
    pub fn conn_promises() -> impl Iterator<Item = &'static Promise<Pair>> {
        [
            exchange::PROMISES,
            deadlines::PROMISES,
            closing::PROMISES,
            halves::PROMISES,
        ]
        .into_iter()
        .flatten()
    }

    /// The promises of TCP, between two networks.
    pub fn tcp_promises() -> impl Iterator<Item = &'static Promise<Nets>> {
        [tcp::PROMISES, listening::PROMISES].into_iter().flatten()
    }

    /// The promises of UDP, between two networks.
    pub fn udp_promises() -> impl Iterator<Item = &'static Promise<Nets>> {
        udp::PROMISES.iter()
    }

    /// The promises of `dial`, between two networks.
    pub fn dialing_promises() -> impl Iterator<Item = &'static Promise<Nets>> {
        dialing::PROMISES.iter()
    }

    /// Tries the promises of a connection. `make` is called for each of them, on this thread, and
    /// gives two ends that are connected and have no deadline.
    pub fn conn(&self, mut make: impl FnMut() -> Result<Pair, MakeError>) -> Report {
        self.run(Self::conn_promises(), |kit, promise| {
            let pair = make()?;
            let lacks = pair.halves.is_none() && promise.needs.contains(&Ability::HalfClose);
            if lacks && kit.reason(promise.needs).is_none() {
                return Ok(Subject::Lacks("its directions cannot be closed one by one"));
            }
            Ok(Subject::Is(pair))
        })
    }

    /// Tries the promises of TCP between two networks: resets, options, listeners.
    pub fn tcp(&self, nets: &Nets) -> Report {
        self.run(Self::tcp_promises(), |_, _| Ok(Subject::Is(nets.clone())))
    }

    /// Tries the promises of UDP between two networks.
    pub fn udp(&self, nets: &Nets) -> Report {
        self.run(Self::udp_promises(), |_, _| Ok(Subject::Is(nets.clone())))
    }

    /// Tries the promises of `dial` between two networks.
    pub fn dialing(&self, nets: &Nets) -> Report {
        self.run(Self::dialing_promises(), |_, _| {
            Ok(Subject::Is(nets.clone()))
        })
    }

    /// The promises of tokio's `AsyncRead` and `AsyncWrite`.
    #[cfg(feature = "tokio")]
    pub fn stream_promises() -> impl Iterator<Item = &'static Promise<super::Streams>> {
        super::streams::PROMISES.iter()
    }

    /// Tries the promises of tokio's `AsyncRead` and `AsyncWrite`. `make` is called for each of
    /// them, on this thread, and gives two ends that are connected.
    #[cfg(feature = "tokio")]
    pub fn streams(&self, mut make: impl FnMut() -> Result<super::Streams, MakeError>) -> Report {
        self.run(Self::stream_promises(), |_, _| Ok(Subject::Is(make()?)))
    }

    fn run<S: Send + 'static>(
        &self,
        promises: impl Iterator<Item = &'static Promise<S>>,
        mut make: impl FnMut(&Self, &Promise<S>) -> Result<Subject<S>, MakeError>,
    ) -> Report {
        let mut report = Report::default();
        for promise in promises {
            if !self.only.is_empty() && !self.only.iter().any(|name| name == promise.name) {
                continue;
            }
            let outcome = if let Some(reason) = self.reason(promise.needs) {
                Outcome::Skipped(reason)
            } else {
                match make(self, promise) {
                    Ok(Subject::Is(subject)) => self.attempt(promise, subject),
                    Ok(Subject::Lacks(reason)) => Outcome::Skipped(reason),
                    Err(error) => Outcome::Broken(Breach {
                        expected: "a connected pair".into(),
                        seen: error.to_string(),
                    }),
                }
            };
            report.add(promise.name, outcome);
        }
        report
    }

    /// Why a promise with these needs is not asked for.
    fn reason(&self, needs: &[Ability]) -> Option<&'static str> {
        self.lacks
            .iter()
            .find(|(ability, _)| needs.contains(ability))
            .map(|(_, reason)| *reason)
    }

    fn attempt<S: Send + 'static>(&self, promise: &Promise<S>, subject: S) -> Outcome {
        let bench = Bench {
            late: self.late,
            patience: self.patience,
            octets: self.octets,
            moment: Duration::from_millis(5),
            stage: Arc::new(Mutex::new("it to end")),
        };
        let stage = Arc::clone(&bench.stage);
        let check = promise.check;
        let began = Instant::now();
        let (tell, told) = channel();
        let trial = thread::Builder::new()
            .name(promise.name.into())
            .spawn(move || {
                let result = check(&subject, &bench);
                let _ = tell.send(result);
                // Only now: dropping it may itself take for ever.
                drop(subject);
            });
        if let Err(error) = trial {
            return Outcome::Broken(Breach {
                expected: "a thread to try it in".into(),
                seen: error.to_string(),
            });
        }
        match told.recv_timeout(self.patience.saturating_mul(2)) {
            Ok(Ok(())) => Outcome::Kept(began.elapsed()),
            Ok(Err(breach)) => Outcome::Broken(breach),
            Err(RecvTimeoutError::Timeout) => Outcome::Broken(Breach {
                expected: format!("{}, within {:?}", *stage.lock(), self.patience),
                seen: "it goes on for ever".into(),
            }),
            Err(RecvTimeoutError::Disconnected) => Outcome::Broken(Breach {
                expected: (*stage.lock()).into(),
                seen: "a panic".into(),
            }),
        }
    }
}

/// The least that a large transfer can be: less would fit into any buffer.
const MIN_OCTETS: usize = 64 * 1024;

/// What a promise is asked of, or why it cannot be.
enum Subject<S> {
    Is(S),
    Lacks(&'static str),
}
