//! Programs in a world: threads of real code, written against the traits of the `sidestep` crate.
//!
//! A [`World`] is a value and can be cloned; a thread cannot. So programs stand beside the world that
//! they live in: a [`Theatre`] owns both, and cannot be forked. Each program is a thread, and one of
//! them runs at a time: it holds the baton until it has to wait. Then the next one that can go on gets
//! it, in the order in which they became ready; and only when none can, the world takes a step. So
//! which thread runs when follows from the world alone, and the same seed gives the same digest.
//!
//! Connections and listeners ([`SceneConn`], [`SceneListener`]) keep the contract of go-net §1.4 in
//! virtual time: blocking calls, deadlines that are changed while somebody waits, `close` from another
//! thread. `Deadline::now` and deadlines made of a `Duration` follow the world's clock in these
//! threads; a deadline made of std's `Instant` does not, for that clock cannot be virtual.
//!
//! What a program must leave to its [`Stage`]: sleeping, starting threads and waiting for them. A lock
//! that is held across a blocking call while another program waits for it stops the theatre: it has
//! one baton. Once the theatre is over every call fails and sleeping takes no time; a program that
//! goes on regardless keeps it from ending. A connection belongs to programs: one that is returned
//! from its program, or given to another thread, is not closed by being dropped.

mod baton;
mod conn;
mod listener;
mod stage;

use std::sync::Arc;
use std::thread;

use sidestep::OpError;

use super::{Failure, Limits, NodeId, Violation, World};
use baton::Shared;

pub use conn::SceneConn;
pub use listener::SceneListener;
pub use stage::{Backstage, Stage};

/// A world, and the programs in it. See the module.
#[derive(Debug)]
pub struct Theatre {
    shared: Arc<Shared>,
    programs: Vec<thread::JoinHandle<()>>,
}

impl Theatre {
    /// `world`, before any program.
    pub fn new(world: World) -> Self {
        Self {
            shared: Arc::new(Shared::new(world)),
            programs: Vec::new(),
        }
    }

    /// Adds a program that runs on `host`. Programs begin in the order in which they were added.
    ///
    /// # Errors
    ///
    /// The machine has no thread left.
    pub fn add_program<T>(
        &mut self,
        host: NodeId,
        name: &str,
        body: impl FnOnce(&Stage) -> Result<T, OpError> + Send + 'static,
    ) -> std::io::Result<Backstage<T>>
    where
        T: Send + 'static,
    {
        let (backstage, thread) = Stage::start(&self.shared, host, name, body)?;
        self.programs.push(thread);
        Ok(backstage)
    }

    /// Runs until every program has returned, every application of the world is done and no
    /// connection is left; gives the world back.
    ///
    /// # Errors
    ///
    /// A rule of the world does not hold; a program waits for what never happens, or panicked. Every
    /// call of a program fails with `StackGone` from then on, so that all of them end.
    pub fn run(mut self, limits: Limits) -> Result<World, Box<Failure>> {
        self.shared.raise_curtain(limits);
        self.join();
        let (mut world, failure) = self.shared.finish();
        if let Some(failure) = failure {
            return Err(failure);
        }
        world.run(limits)?;
        Ok(world)
    }
}

impl Theatre {
    fn join(&mut self) {
        for program in self.programs.drain(..) {
            // A panic was caught and written down in the program's own thread.
            let _ = program.join();
        }
        self.shared.join_children();
    }
}

/// A theatre that is not run ends its programs: their first call fails.
impl Drop for Theatre {
    fn drop(&mut self) {
        if !self.programs.is_empty() {
            self.shared.strike();
            self.join();
        }
    }
}

/// What a program that waits for ever, or panicked, is as a failure of its world.
fn failure_of(world: &World, violation: Violation) -> Box<Failure> {
    world.failure(None, violation.into())
}

#[cfg(test)]
mod tests;
