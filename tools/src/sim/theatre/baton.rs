//! Who may run: one program at a time, and the world when none can.
//!
//! All state of a theatre is behind one lock, and only the holder of the baton changes it, so that
//! what happens does not depend on the machine's scheduler. A program that has to wait calls
//! [`Shared::wait`]; whoever passes the baton looks for the next one, and steps the world until there
//! is one. Nothing here knows what a program waits for beyond its [`Key`].

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use sidestep::Deadline;
use sidestep::deadline::VirtualClock;
use sidestep_stack::call::{ConnectionId, ListenerId};
use sidestep_stack::event::{ConnectionError, Event};
use sidestep_stack::{Duration, Instant};

use super::super::{Failure, Limits, NodeId, Violation, World};
use super::failure_of;

/// The clock of deadlines begins a second before the world, so that no moment of it is
/// [`Deadline::past`].
const CLOCK_BEGINS: Duration = Duration::from_secs(1);

/// What a program waits for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Key {
    /// Something about a connection.
    Connection(NodeId, ConnectionId),
    /// A connection at a listener.
    Listener(NodeId, ListenerId),
    /// The end of a program.
    Program(usize),
    /// Time.
    Sleep(usize),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    /// In the queue, or running.
    Ready,
    Waiting {
        key: Key,
        until: Option<Instant>,
    },
    Done,
}

#[derive(Debug)]
struct Player {
    name: String,
    standing: Standing,
    cue: Arc<Condvar>,
}

/// What the stack told of a connection, and what its program did to it.
#[derive(Debug, Default)]
pub(super) struct ConnState {
    pub(super) established: bool,
    pub(super) failed: Option<ConnectionError>,
    /// The failure was told to an operation.
    pub(super) told: bool,
    pub(super) closed: bool,
    pub(super) write_shut: bool,
    pub(super) read_shut: bool,
    pub(super) read_deadline: Deadline,
    pub(super) write_deadline: Deadline,
    /// A writer has its turn: the octets of one call are not mixed with those of another.
    pub(super) writer: bool,
}

/// What became of a listener.
#[derive(Debug, Default)]
pub(super) struct ListenerState {
    pub(super) closed: bool,
    pub(super) deadline: Deadline,
}

/// Everything in a theatre.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) world: World,
    clock: VirtualClock,
    players: Vec<Player>,
    ready: VecDeque<usize>,
    running: Option<usize>,
    limits: Limits,
    failure: Option<Box<Failure>>,
    /// Nothing works any more; programs return.
    over: bool,
    pub(super) conns: BTreeMap<(NodeId, ConnectionId), ConnState>,
    pub(super) listeners: BTreeMap<(NodeId, ListenerId), ListenerState>,
    children: Vec<JoinHandle<()>>,
}

impl Scene {
    /// True once nothing works any more.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// The present moment on the clock of deadlines.
    fn deadline_now(&self) -> Deadline {
        Deadline::from_nanos(self.clock.nanos())
    }

    /// True if `deadline` has passed.
    pub(super) fn has_passed(&self, deadline: Deadline) -> bool {
        deadline <= self.deadline_now()
    }

    /// When `deadline` is on the world's clock; `None`: never.
    pub(super) fn moment_of(deadline: Deadline) -> Option<Instant> {
        let nanos = deadline.as_nanos();
        let begins = CLOCK_BEGINS.as_nanos() as u64;
        (!deadline.is_none()).then(|| Instant::from_nanos(nanos.saturating_sub(begins)))
    }

    fn set_clock(&self) {
        let now = self.world.now() + CLOCK_BEGINS;
        self.clock.set(now.as_nanos());
    }

    /// Everybody who waits for `key` looks again.
    pub(super) fn wake(&mut self, key: Key) {
        for (number, player) in self.players.iter_mut().enumerate() {
            if matches!(player.standing, Standing::Waiting { key: it, .. } if it == key) {
                player.standing = Standing::Ready;
                self.ready.push_back(number);
            }
        }
    }

    fn wake_all(&mut self) {
        for (number, player) in self.players.iter_mut().enumerate() {
            if matches!(player.standing, Standing::Waiting { .. }) {
                player.standing = Standing::Ready;
                self.ready.push_back(number);
            }
        }
    }

    /// Those whose moment has come.
    fn wake_due(&mut self) {
        let now = self.world.now();
        for (number, player) in self.players.iter_mut().enumerate() {
            let due = match player.standing {
                Standing::Waiting { until, .. } => until.is_some_and(|at| at <= now),
                Standing::Ready | Standing::Done => false,
            };
            if due {
                player.standing = Standing::Ready;
                self.ready.push_back(number);
            }
        }
    }

    fn next_until(&self) -> Option<Instant> {
        self.players
            .iter()
            .filter_map(|player| match player.standing {
                Standing::Waiting { until, .. } => until,
                Standing::Ready | Standing::Done => None,
            })
            .min()
    }

    fn ends(&mut self, failure: Box<Failure>) {
        self.failure.get_or_insert(failure);
        self.over = true;
        self.wake_all();
    }

    /// Nobody can go on: the world takes a step, or time passes for somebody who waits.
    fn advance(&mut self) {
        let until = self.next_until();
        let world = self.world.next_moment();
        let next = [until, world].into_iter().flatten().min();
        let Some(next) = next else {
            let waiting = self
                .players
                .iter()
                .find_map(|player| match player.standing {
                    Standing::Waiting { .. } => Some(player.name.clone()),
                    Standing::Ready | Standing::Done => None,
                });
            let violation = Violation::Waiting(waiting.unwrap_or_default());
            return self.ends(failure_of(&self.world, violation));
        };
        if next > self.limits.until {
            let violation = Violation::TooLong {
                waiting: self.world.waiting(),
                connections: self.world.connections(),
            };
            return self.ends(failure_of(&self.world, violation));
        }
        if self.world.happenings() >= self.limits.happenings {
            let violation = Violation::Exhausted(self.limits.happenings);
            return self.ends(failure_of(&self.world, violation));
        }
        // At one moment the world comes first: what has arrived is seen by whoever gives up then.
        let outcome = if world == Some(next) {
            self.world.step().map(|_| ())
        } else {
            self.world.run_until(next)
        };
        self.set_clock();
        match outcome {
            Ok(()) => self.hand_out(),
            Err(failure) => return self.ends(failure),
        }
        if self.world.next_moment() != Some(self.world.now()) {
            self.wake_due();
        }
    }

    /// What the stacks tell goes to connections and listeners, and to those who wait there.
    fn hand_out(&mut self) {
        let hosts: Vec<NodeId> = self.world.hosts().map(|(host, _)| host).collect();
        for host in hosts {
            while let Some(event) = self.world.next_event(host) {
                self.told(host, &event);
            }
        }
    }

    fn told(&mut self, host: NodeId, event: &Event) {
        let connection = match event {
            Event::Acceptable(listener) => {
                return self.wake(Key::Listener(host, *listener));
            }
            Event::Established(connection)
            | Event::Readable(connection)
            | Event::Writable(connection)
            | Event::Failed { connection, .. }
            | Event::Released(connection) => *connection,
            Event::SynArrived(_)
            | Event::Urgent(_)
            | Event::Soft { .. }
            | Event::DatagramArrived(_)
            | Event::RawArrived(_)
            | Event::LookedUp(_) => return,
        };
        if matches!(event, Event::Released(_)) {
            // A name that is gone is remembered only by those who hold it, as closed.
            self.conns.remove(&(host, connection));
        } else if let Some(state) = self.conns.get_mut(&(host, connection)) {
            match event {
                Event::Established(_) => state.established = true,
                Event::Failed { error, .. } => state.failed = Some(*error),
                _ => {}
            }
        }
        self.wake(Key::Connection(host, connection));
    }
}

/// What the threads of a theatre share.
#[derive(Debug)]
pub(super) struct Shared {
    scene: Mutex<Scene>,
    /// All programs have ended.
    curtain: Condvar,
    clock: VirtualClock,
}

thread_local! {
    /// Which program this thread is, and of which theatre.
    static ROLE: RefCell<Option<(Arc<Shared>, usize)>> = const { RefCell::new(None) };
}

/// This thread is no program of this theatre.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotAProgram;

impl Shared {
    pub(super) fn new(world: World) -> Self {
        let clock = VirtualClock::default();
        let scene = Scene {
            world,
            clock: clock.clone(),
            players: Vec::new(),
            ready: VecDeque::new(),
            running: None,
            limits: Limits::default(),
            failure: None,
            over: false,
            conns: BTreeMap::new(),
            listeners: BTreeMap::new(),
            children: Vec::new(),
        };
        scene.set_clock();
        Self {
            scene: Mutex::new(scene),
            curtain: Condvar::new(),
            clock,
        }
    }

    pub(super) const fn clock(&self) -> &VirtualClock {
        &self.clock
    }

    /// The scene. A panic of a program never happens while it is locked.
    pub(super) fn lock(&self) -> MutexGuard<'_, Scene> {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new program, at the end of the queue.
    pub(super) fn add_player(&self, name: &str) -> usize {
        let mut scene = self.lock();
        scene.players.push(Player {
            name: name.to_owned(),
            standing: Standing::Ready,
            cue: Arc::new(Condvar::new()),
        });
        let number = scene.players.len() - 1;
        scene.ready.push_back(number);
        number
    }

    /// A program whose thread could not be started.
    pub(super) fn forget_player(&self, number: usize) {
        let mut scene = self.lock();
        scene.ready.retain(|it| *it != number);
        if let Some(player) = scene.players.get_mut(number) {
            player.standing = Standing::Done;
        }
    }

    pub(super) fn add_child(&self, thread: JoinHandle<()>) {
        self.lock().children.push(thread);
    }

    /// This thread is program `number` from here on; it goes on once it has the baton.
    pub(super) fn enters(self: &Arc<Self>, number: usize) {
        ROLE.with(|role| role.replace(Some((Arc::clone(self), number))));
        let scene = self.lock();
        drop(self.await_cue(scene, number));
    }

    /// The number of this thread's program.
    pub(super) fn role(self: &Arc<Self>) -> Result<usize, NotAProgram> {
        ROLE.with(|role| match &*role.borrow() {
            Some((theatre, number)) if Arc::ptr_eq(theatre, self) => Ok(*number),
            Some(_) | None => Err(NotAProgram),
        })
    }

    /// The program is over: whoever waits for it goes on, and the baton is passed.
    pub(super) fn exits(&self, number: usize, panicked: bool) {
        let mut scene = self.lock();
        let mut name = String::new();
        if let Some(player) = scene.players.get_mut(number) {
            player.standing = Standing::Done;
            name.clone_from(&player.name);
        }
        if panicked {
            let failure = failure_of(&scene.world, Violation::Panicked(name));
            scene.ends(failure);
        }
        scene.wake(Key::Program(number));
        self.pass(&mut scene);
    }

    pub(super) fn is_done(scene: &Scene, number: usize) -> bool {
        let player = scene.players.get(number);
        player.is_none_or(|player| player.standing == Standing::Done)
    }

    /// The program waits for `key`, at most until `until`, and goes on when it has the baton again.
    /// It must look again whether what it waited for is there.
    pub(super) fn wait<'a>(
        &'a self,
        mut scene: MutexGuard<'a, Scene>,
        number: usize,
        key: Key,
        until: Option<Instant>,
    ) -> MutexGuard<'a, Scene> {
        if let Some(player) = scene.players.get_mut(number) {
            player.standing = Standing::Waiting { key, until };
        }
        self.pass(&mut scene);
        self.await_cue(scene, number)
    }

    fn await_cue<'a>(
        &'a self,
        mut scene: MutexGuard<'a, Scene>,
        number: usize,
    ) -> MutexGuard<'a, Scene> {
        let cue = scene.players.get(number).map(|it| Arc::clone(&it.cue));
        let Some(cue) = cue else {
            return scene;
        };
        while scene.running != Some(number) {
            scene = cue.wait(scene).unwrap_or_else(PoisonError::into_inner);
        }
        scene
    }

    /// Gives the baton to the next program that can go on; the world takes steps until there is one.
    fn pass(&self, scene: &mut Scene) {
        scene.running = None;
        loop {
            if let Some(next) = scene.ready.pop_front() {
                scene.running = Some(next);
                if let Some(player) = scene.players.get(next) {
                    player.cue.notify_one();
                }
                return;
            }
            if scene.players.iter().all(|it| it.standing == Standing::Done) {
                self.curtain.notify_all();
                return;
            }
            scene.advance();
        }
    }

    /// Lets the first program begin, and waits for the last one to end.
    pub(super) fn raise_curtain(&self, limits: Limits) {
        let mut scene = self.lock();
        scene.limits = limits;
        self.pass(&mut scene);
        while !scene.players.iter().all(|it| it.standing == Standing::Done) {
            scene = self
                .curtain
                .wait(scene)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nothing works any more: programs that have not begun find that out as soon as they do.
    pub(super) fn strike(&self) {
        let mut scene = self.lock();
        scene.over = true;
        scene.wake_all();
        if scene.running.is_none() {
            self.pass(&mut scene);
        }
    }

    pub(super) fn join_children(&self) {
        let children = mem::take(&mut self.lock().children);
        for child in children {
            let _ = child.join();
        }
    }

    /// The world, once all programs have ended, and what went wrong.
    pub(super) fn finish(&self) -> (World, Option<Box<Failure>>) {
        let mut scene = self.lock();
        let seed = scene.world.seed();
        let world = mem::replace(&mut scene.world, World::new(seed));
        (world, scene.failure.take())
    }
}
