//! A listener on a stage: `sidestep::Listener` in virtual time.
//!
//! Programs get one from [`Stage::listen`](super::Stage::listen). Connections that are aborted before
//! they are accepted never show; those that were accepted outlive it (go-net §1.4, 13).

use std::sync::Arc;

use sidestep::error::SysCall;
use sidestep::{AnyConn, Cause, Deadline, Listener, NetAddr, Op, OpError, TCPAddr};
use sidestep_stack::call::{Call, ListenerId, Reply};

use super::baton::{Key, Scene, Shared};
use super::conn::{SceneConn, accepted};
use crate::sim::NodeId;

/// A listener of a program. Clones are the same listener, closed when the last one is dropped.
#[derive(Clone, Debug)]
pub struct SceneListener(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    host: NodeId,
    listener: ListenerId,
    addr: TCPAddr,
}

impl Inner {
    fn key(&self) -> Key {
        Key::Listener(self.host, self.listener)
    }

    fn failed(&self, op: Op, cause: Cause) -> OpError {
        OpError::new(op, "tcp", cause).with_addr(NetAddr::TCP(self.addr.clone()))
    }

    /// The deadline of `accept`, if it was not closed here.
    fn check(&self, scene: &Scene) -> Result<Deadline, Cause> {
        if scene.is_over() {
            return Err(Cause::StackGone);
        }
        match scene.listeners.get(&(self.host, self.listener)) {
            Some(state) if !state.closed => Ok(state.deadline),
            Some(_) | None => Err(Cause::Closed),
        }
    }

    fn accept(&self) -> Result<SceneConn, Cause> {
        let me = self.shared.role().map_err(|_| Cause::NotSupported)?;
        let mut scene = self.shared.lock();
        loop {
            let deadline = self.check(&scene)?;
            if scene.has_passed(deadline) {
                return Err(Cause::Timeout);
            }
            match scene.world.call(self.host, Call::Accept(self.listener)) {
                Ok(Reply::Accepted(Some(found))) => {
                    return Ok(accepted(&self.shared, self.host, scene, &found));
                }
                Ok(Reply::Accepted(None)) => {}
                Ok(_) => return Err(Cause::NotSupported),
                Err(refused) => return Err(Cause::refused(SysCall::Accept, refused)),
            }
            let until = Scene::moment_of(deadline);
            scene = self.shared.wait(scene, me, self.key(), until);
        }
    }

    fn close(&self) -> Result<(), Cause> {
        self.shared.role().map_err(|_| Cause::NotSupported)?;
        let mut scene = self.shared.lock();
        self.check(&scene)?;
        if let Some(state) = scene.listeners.get_mut(&(self.host, self.listener)) {
            state.closed = true;
        }
        let call = Call::CloseListener(self.listener);
        let outcome = scene.world.call(self.host, call);
        scene.wake(self.key());
        match outcome {
            Ok(_) => Ok(()),
            Err(refused) => Err(Cause::refused(SysCall::Accept, refused)),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

impl SceneListener {
    pub(super) fn new(
        shared: &Arc<Shared>,
        host: NodeId,
        listener: ListenerId,
        addr: TCPAddr,
    ) -> Self {
        Self(Arc::new(Inner {
            shared: Arc::clone(shared),
            host,
            listener,
            addr,
        }))
    }

    /// As `accept` of the trait, in its own type.
    ///
    /// # Errors
    ///
    /// With op `accept`: `Closed`, also if it is closed meanwhile; `Timeout`.
    pub fn accept_conn(&self) -> Result<SceneConn, OpError> {
        self.0
            .accept()
            .map_err(|cause| self.0.failed(Op::Accept, cause))
    }

    /// Sets the deadline of `accept`, of one that waits now as well.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        let mut scene = self.0.shared.lock();
        self.0
            .check(&scene)
            .map_err(|cause| self.0.failed(Op::Set, cause))?;
        if let Some(state) = scene.listeners.get_mut(&(self.0.host, self.0.listener)) {
            state.deadline = deadline.into();
        }
        scene.wake(self.0.key());
        Ok(())
    }
}

impl Listener for SceneListener {
    fn accept(&self) -> Result<AnyConn, OpError> {
        self.accept_conn().map(AnyConn::other)
    }

    fn close(&self) -> Result<(), OpError> {
        self.0
            .close()
            .map_err(|cause| self.0.failed(Op::Close, cause))
    }

    fn addr(&self) -> NetAddr {
        NetAddr::TCP(self.0.addr.clone())
    }
}
