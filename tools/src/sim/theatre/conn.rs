//! A connection on a stage: `sidestep::Conn` in virtual time.
//!
//! Programs get one from [`Stage::dial`](super::Stage::dial) or a listener. The order of the checks is
//! that of the `sidestep` crate: closed, nothing to do, deadline, octets, failure, end of the stream
//! (go-net §1.4). It calls the stack of its host directly, and holds no octets itself.

use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard};

use bytes::Bytes;
use sidestep::error::SysCall;
use sidestep::{Cause, Conn, Deadline, Errno, NetAddr, Op, OpError, TCPAddr};
use sidestep_stack::call::{Call, CallRefused, ConnectionId, Release, Reply, Shutdown};

use super::baton::{ConnState, Key, Scene, Shared};
use crate::sim::NodeId;

/// A TCP connection of a program. Clones are the same connection, closed when the last one is dropped.
#[derive(Clone, Debug)]
pub struct SceneConn(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    host: NodeId,
    connection: ConnectionId,
    local: SocketAddr,
    remote: SocketAddr,
}

/// What an attempt came to.
enum Step<T> {
    Done(T),
    /// It has to wait, at most until this deadline.
    Wait(Deadline),
}

/// So many octets are handed to the stack at a time.
const PIECE_OCTETS_MAX: usize = 65_536;

impl Inner {
    fn key(&self) -> Key {
        Key::Connection(self.host, self.connection)
    }

    fn name(&self) -> (NodeId, ConnectionId) {
        (self.host, self.connection)
    }

    fn failed(&self, op: Op, cause: Cause) -> OpError {
        OpError::new(op, "tcp", cause)
            .with_source(NetAddr::TCP(TCPAddr::from(self.local)))
            .with_addr(NetAddr::TCP(TCPAddr::from(self.remote)))
    }

    /// The state, if the connection was not closed here.
    fn held<'a>(&self, scene: &'a mut Scene) -> Result<&'a mut ConnState, Cause> {
        if scene.is_over() {
            return Err(Cause::StackGone);
        }
        let state = scene.conns.get_mut(&self.name());
        state.filter(|it| !it.closed).ok_or(Cause::Closed)
    }

    /// Tries until it is done.
    fn until_done<T>(
        &self,
        mut attempt: impl FnMut(&Self, &mut Scene) -> Result<Step<T>, Cause>,
    ) -> Result<T, Cause> {
        let me = self.shared.role().map_err(|_| Cause::NotSupported)?;
        let mut scene = self.shared.lock();
        loop {
            match attempt(self, &mut scene)? {
                Step::Done(value) => return Ok(value),
                Step::Wait(deadline) => {
                    let until = Scene::moment_of(deadline);
                    scene = self.shared.wait(scene, me, self.key(), until);
                }
            }
        }
    }

    fn read(&self, scene: &mut Scene, octets: &mut [u8]) -> Result<Step<usize>, Cause> {
        let state = self.held(scene)?;
        let deadline = state.read_deadline;
        // Go and POSIX: reading nothing succeeds, even past the deadline.
        if octets.is_empty() {
            return Ok(Step::Done(0));
        }
        if scene.has_passed(deadline) {
            return Err(Cause::Timeout);
        }
        if self.held(scene)?.read_shut {
            return Ok(Step::Done(0));
        }
        let call = Call::Receive {
            connection: self.connection,
            octets_max: octets.len(),
        };
        let received = match scene.world.call(self.host, call) {
            Ok(Reply::Received(received)) => received,
            Ok(_) => return Err(Cause::NotSupported),
            Err(refused) => return Err(Cause::refused(SysCall::Read, refused)),
        };
        let mut filled = 0;
        for slice in &received.slices {
            if let Some(room) = octets.get_mut(filled..filled + slice.len()) {
                room.copy_from_slice(slice);
                filled += slice.len();
            }
        }
        if filled > 0 || received.end_of_stream {
            // Others who read may find more.
            scene.wake(self.key());
            return Ok(Step::Done(filled));
        }
        let state = self.held(scene)?;
        match state.failed {
            Some(_) if std::mem::replace(&mut state.told, true) => Ok(Step::Done(0)),
            Some(error) => Err(Cause::sys(SysCall::Read, error.into())),
            None => Ok(Step::Wait(deadline)),
        }
    }

    /// The rules that every write begins with, and looks at again after each wait.
    fn check_write(&self, scene: &mut Scene) -> Result<Deadline, Cause> {
        let deadline = self.held(scene)?.write_deadline;
        if scene.has_passed(deadline) {
            return Err(Cause::Timeout);
        }
        let state = self.held(scene)?;
        if let Some(error) = state.failed {
            if std::mem::replace(&mut state.told, true) {
                return Err(Cause::sys(SysCall::Write, Errno::EPIPE));
            }
            return Err(Cause::sys(SysCall::Write, error.into()));
        }
        if state.write_shut {
            return Err(Cause::sys(SysCall::Write, Errno::EPIPE));
        }
        Ok(deadline)
    }

    /// Writes all, in one turn among the writers.
    fn write(&self, octets: &[u8]) -> Result<usize, (usize, Cause)> {
        let begun = self.until_done(|this, scene| {
            let deadline = this.check_write(scene)?;
            if octets.is_empty() {
                return Ok(Step::Done(()));
            }
            let state = this.held(scene)?;
            if std::mem::replace(&mut state.writer, true) {
                return Ok(Step::Wait(deadline));
            }
            Ok(Step::Done(()))
        });
        begun.map_err(|cause| (0, cause))?;
        if octets.is_empty() {
            return Ok(0);
        }
        let mut written = 0;
        let outcome = self.until_done(|this, scene| {
            let deadline = this.check_write(scene)?;
            while let Some(rest) = octets.get(written..).filter(|rest| !rest.is_empty()) {
                let piece = rest.get(..PIECE_OCTETS_MAX).unwrap_or(rest);
                let taken = this.send(scene, piece)?;
                written += taken;
                if taken < piece.len() {
                    return Ok(Step::Wait(deadline));
                }
            }
            Ok(Step::Done(()))
        });
        let mut scene = self.shared.lock();
        if let Some(state) = scene.conns.get_mut(&self.name()) {
            state.writer = false;
        }
        scene.wake(self.key());
        drop(scene);
        match outcome {
            Ok(()) => Ok(written),
            Err(cause) => Err((written, cause)),
        }
    }

    fn send(&self, scene: &mut Scene, piece: &[u8]) -> Result<usize, Cause> {
        let call = Call::Send {
            connection: self.connection,
            octets: Bytes::copy_from_slice(piece),
        };
        match scene.world.call(self.host, call) {
            Ok(Reply::Sent(octets)) => Ok(octets),
            Ok(_) => Err(Cause::NotSupported),
            // It has failed, and the notice of that is on its way: wait for it.
            Err(CallRefused::NotConnected) => Ok(0),
            Err(refused) => Err(Cause::refused(SysCall::Write, refused)),
        }
    }

    fn close(&self) -> Result<(), Cause> {
        self.shared.role().map_err(|_| Cause::NotSupported)?;
        let mut scene = self.shared.lock();
        let state = self.held(&mut scene)?;
        state.closed = true;
        let call = Call::Release {
            connection: self.connection,
            how: Release::Close,
        };
        // A connection that is gone needs no release.
        let _ = scene.world.call(self.host, call);
        scene.wake(self.key());
        Ok(())
    }

    fn shut(&self, direction: Shutdown) -> Result<(), Cause> {
        self.shared.role().map_err(|_| Cause::NotSupported)?;
        let mut scene = self.shared.lock();
        let state = self.held(&mut scene)?;
        if state.failed.is_some() {
            return Err(Cause::sys(SysCall::Shutdown, Errno::ENOTCONN));
        }
        let place = match direction {
            Shutdown::Write => &mut state.write_shut,
            Shutdown::Read => &mut state.read_shut,
        };
        // Repeating it succeeds.
        if std::mem::replace(place, true) {
            return Ok(());
        }
        let call = Call::Shutdown {
            connection: self.connection,
            direction,
        };
        let outcome = scene.world.call(self.host, call);
        scene.wake(self.key());
        match outcome {
            Ok(_) => Ok(()),
            Err(refused) => Err(Cause::refused(SysCall::Shutdown, refused)),
        }
    }

    fn set_deadlines(&self, set: impl FnOnce(&mut ConnState)) -> Result<(), OpError> {
        if self.shared.role().is_err() {
            return Err(self.failed(Op::Set, Cause::NotSupported));
        }
        let mut scene = self.shared.lock();
        match self.held(&mut scene) {
            Ok(state) => set(state),
            Err(cause) => return Err(self.failed(Op::Set, cause)),
        }
        // Those who wait look at the new one.
        scene.wake(self.key());
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

impl SceneConn {
    pub(super) fn new(
        shared: &Arc<Shared>,
        host: NodeId,
        connection: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Self {
        Self(Arc::new(Inner {
            shared: Arc::clone(shared),
            host,
            connection,
            local,
            remote,
        }))
    }

    /// Ends our direction after what was written: the peer reads it, then the end of the stream.
    ///
    /// # Errors
    ///
    /// With op `close`: `Closed`, or `ENOTCONN` if the connection has failed.
    pub fn close_write(&self) -> Result<(), OpError> {
        let outcome = self.0.shut(Shutdown::Write);
        outcome.map_err(|cause| self.0.failed(Op::Close, cause))
    }

    /// Takes no more from the peer: reads give the end of the stream.
    ///
    /// # Errors
    ///
    /// As for [`close_write`](Self::close_write).
    pub fn close_read(&self) -> Result<(), OpError> {
        let outcome = self.0.shut(Shutdown::Read);
        outcome.map_err(|cause| self.0.failed(Op::Close, cause))
    }
}

impl Conn for SceneConn {
    fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        self.0
            .until_done(|this, scene| this.read(scene, octets))
            .map_err(|cause| self.0.failed(Op::Read, cause))
    }

    fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        self.0
            .write(octets)
            .map_err(|(written, cause)| self.0.failed(Op::Write, cause).with_written(written))
    }

    fn close(&self) -> Result<(), OpError> {
        self.0
            .close()
            .map_err(|cause| self.0.failed(Op::Close, cause))
    }

    fn local_addr(&self) -> NetAddr {
        NetAddr::TCP(TCPAddr::from(self.0.local))
    }

    fn remote_addr(&self) -> Option<NetAddr> {
        Some(NetAddr::TCP(TCPAddr::from(self.0.remote)))
    }

    fn set_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        self.0.set_deadlines(|state| {
            state.read_deadline = deadline;
            state.write_deadline = deadline;
        })
    }

    fn set_read_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        self.0.set_deadlines(|state| state.read_deadline = deadline)
    }

    fn set_write_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        self.0
            .set_deadlines(|state| state.write_deadline = deadline)
    }
}

/// What a listener found.
pub(super) fn accepted(
    shared: &Arc<Shared>,
    host: NodeId,
    mut scene: MutexGuard<'_, Scene>,
    accepted: &sidestep_stack::call::Accepted,
) -> SceneConn {
    let state = ConnState {
        established: true,
        ..ConnState::default()
    };
    scene.conns.insert((host, accepted.connection), state);
    drop(scene);
    SceneConn::new(
        shared,
        host,
        accepted.connection,
        accepted.local,
        accepted.remote,
    )
}
