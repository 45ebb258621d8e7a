//! What a program is given: its host, its clock, and the calls that make connections.
//!
//! Everything else it does through the traits of the `sidestep` crate. A [`Stage`] may be cloned and
//! given to threads that it starts; other threads are refused.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use sidestep::error::SysCall;
use sidestep::{Cause, Deadline, NetAddr, Op, OpError, TCPAddr};
use sidestep_stack::call::{Call, ConnectionOptions, Listen, Local, OpenConnection, Reply};
use sidestep_stack::{Duration, Instant};

use super::baton::{ConnState, Key, ListenerState, Shared};
use super::{SceneConn, SceneListener};
use crate::sim::NodeId;

/// A program's place in a theatre.
#[derive(Clone, Debug)]
pub struct Stage {
    shared: Arc<Shared>,
    host: NodeId,
}

/// What a program returns, once it has.
#[derive(Debug)]
pub struct Backstage<T> {
    shared: Arc<Shared>,
    number: usize,
    returned: Arc<Mutex<Option<Result<T, OpError>>>>,
}

impl<T> Backstage<T> {
    /// Waits for the program to return: from another program of the theatre, in virtual time.
    ///
    /// # Errors
    ///
    /// The program's own; `StackGone` if it panicked, `NotSupported` for other threads.
    pub fn join(self) -> Result<T, OpError> {
        let failed = |cause| OpError::new(Op::Read, "program", cause);
        let Ok(me) = self.shared.role() else {
            return Err(failed(Cause::NotSupported));
        };
        let mut scene = self.shared.lock();
        while !Shared::is_done(&scene, self.number) {
            scene = self.shared.wait(scene, me, Key::Program(self.number), None);
        }
        drop(scene);
        self.take().unwrap_or(Err(failed(Cause::StackGone)))
    }

    /// What the program returned, once; `None` before, and if it panicked.
    pub fn take(&self) -> Option<Result<T, OpError>> {
        self.returned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Stage {
    /// Starts a thread for a program; it waits for the baton.
    pub(super) fn start<T: Send + 'static>(
        shared: &Arc<Shared>,
        host: NodeId,
        name: &str,
        body: impl FnOnce(&Self) -> Result<T, OpError> + Send + 'static,
    ) -> std::io::Result<(Backstage<T>, thread::JoinHandle<()>)> {
        let returned = Arc::new(Mutex::new(None));
        let number = shared.add_player(name);
        let (place, theatre) = (Arc::clone(&returned), Arc::clone(shared));
        let stage = Self {
            shared: Arc::clone(shared),
            host,
        };
        let started = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let clock = theatre.clock().enter();
            theatre.enters(number);
            let outcome = catch_unwind(AssertUnwindSafe(|| body(&stage)));
            let panicked = outcome.is_err();
            if let Ok(outcome) = outcome {
                *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            }
            drop(clock);
            theatre.exits(number, panicked);
        });
        match started {
            Ok(thread) => {
                let backstage = Backstage {
                    shared: Arc::clone(shared),
                    number,
                    returned,
                };
                Ok((backstage, thread))
            }
            Err(error) => {
                shared.forget_player(number);
                Err(error)
            }
        }
    }

    /// Starts another program on the same host. It begins when this one has to wait.
    ///
    /// # Errors
    ///
    /// The machine has no thread left.
    pub fn spawn<T: Send + 'static>(
        &self,
        name: &str,
        body: impl FnOnce(&Self) -> Result<T, OpError> + Send + 'static,
    ) -> std::io::Result<Backstage<T>> {
        let (backstage, thread) = Self::start(&self.shared, self.host, name, body)?;
        self.shared.add_child(thread);
        Ok(backstage)
    }

    /// The world's present moment.
    pub fn now(&self) -> Instant {
        self.shared.lock().world.now()
    }

    /// Lets virtual time pass. Returns at once if the theatre is over.
    pub fn sleep(&self, time: Duration) {
        let Ok(me) = self.shared.role() else {
            return;
        };
        let mut scene = self.shared.lock();
        let until = scene.world.now() + time;
        while scene.world.now() < until && !scene.is_over() {
            scene = self.shared.wait(scene, me, Key::Sleep(me), Some(until));
        }
    }

    /// Dials `remote` over TCP, and waits for the handshake until `deadline`.
    ///
    /// # Errors
    ///
    /// With op `dial`: refused, timed out, unreachable; `StackGone` if the theatre is over.
    pub fn dial(
        &self,
        remote: SocketAddr,
        deadline: impl Into<Deadline>,
    ) -> Result<SceneConn, OpError> {
        let deadline = deadline.into();
        let failed = |cause| {
            let addr = NetAddr::TCP(TCPAddr::from(remote));
            OpError::new(Op::Dial, "tcp", cause).with_addr(addr)
        };
        let me = self
            .shared
            .role()
            .map_err(|_| failed(Cause::NotSupported))?;
        let mut scene = self.shared.lock();
        if scene.is_over() {
            return Err(failed(Cause::StackGone));
        }
        if scene.has_passed(deadline) {
            return Err(failed(Cause::Timeout));
        }
        let open = OpenConnection {
            remote,
            local_address: None,
            local_port: 0,
            options: options(),
        };
        let reply = scene
            .world
            .call(self.host, Call::OpenConnection(open))
            .map_err(|refused| failed(Cause::refused(SysCall::Connect, refused)))?;
        let Reply::Connection { connection, local } = reply else {
            return Err(failed(Cause::NotSupported));
        };
        let name = (self.host, connection);
        scene.conns.insert(name, ConnState::default());
        // From here on it is given up when it is dropped.
        let conn = SceneConn::new(&self.shared, self.host, connection, local, remote);
        loop {
            let cause = match scene.conns.get(&name) {
                Some(state) if state.established => return Ok(conn),
                Some(state) => state
                    .failed
                    .map(|error| Cause::sys(SysCall::Connect, error.into())),
                None => Some(Cause::Closed),
            };
            let late = scene.has_passed(deadline).then_some(Cause::Timeout);
            let gone = scene.is_over().then_some(Cause::StackGone);
            if let Some(cause) = gone.or(cause).or(late) {
                drop(scene);
                return Err(failed(cause));
            }
            let until = super::baton::Scene::moment_of(deadline);
            let key = Key::Connection(self.host, connection);
            scene = self.shared.wait(scene, me, key, until);
        }
    }

    /// Listens for TCP connections on a port of all addresses; 0 lets the stack choose.
    ///
    /// # Errors
    ///
    /// With op `listen`: the port is in use; `StackGone` if the theatre is over.
    pub fn listen(&self, port: u16) -> Result<SceneListener, OpError> {
        let addr = |port| {
            TCPAddr::from(SocketAddr::new(
                std::net::Ipv6Addr::UNSPECIFIED.into(),
                port,
            ))
        };
        let failed =
            |cause| OpError::new(Op::Listen, "tcp", cause).with_addr(NetAddr::TCP(addr(port)));
        self.shared
            .role()
            .map_err(|_| failed(Cause::NotSupported))?;
        let mut scene = self.shared.lock();
        if scene.is_over() {
            return Err(failed(Cause::StackGone));
        }
        let listen = Listen {
            local: Local {
                port,
                ..Local::default()
            },
            options: options(),
            ..Listen::default()
        };
        let reply = scene
            .world
            .call(self.host, Call::Listen(listen))
            .map_err(|refused| failed(Cause::refused(SysCall::Bind, refused)))?;
        let Reply::Listener { listener, port } = reply else {
            return Err(failed(Cause::NotSupported));
        };
        scene
            .listeners
            .insert((self.host, listener), ListenerState::default());
        drop(scene);
        Ok(SceneListener::new(
            &self.shared,
            self.host,
            listener,
            addr(port),
        ))
    }
}

/// As `sidestep::dial` has it: small writes do not wait (go-net §1.4, 14).
fn options() -> ConnectionOptions {
    ConnectionOptions {
        no_delay: Some(true),
        ..ConnectionOptions::default()
    }
}
