//! Names over the host kernel's UDP and TCP: the stack's own resolver, run by a thread that is there
//! while somebody asks.
//!
//! [`ask`] gives a question to the thread of the caller's network namespace, since kernel sockets
//! belong to one; it ends when nobody has asked for a second. One thread serves all, so that
//! simultaneous questions for one thing are one query, and a cache is one cache. A panic in it fails
//! those who wait, never the process.

mod engine;
mod socket;

use std::fs;
use std::future::Future;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sidestep_stack::CallRefused;
use sidestep_stack::call::LookUp;
use sidestep_stack::event::LookedUp;

use crate::bell::Bell;
use crate::channel::failure::Failure;
use crate::channel::ticket::{self, Answer, Ticket};
use crate::resolver::settings::Profile;

use engine::{Engine, Rest};
pub(crate) use socket::sort_destinations;

/// The thread waits so long for the next question before it ends.
const LINGER: Duration = Duration::from_secs(1);

/// Namespaces that are remembered at one time; those where nobody asks are forgotten first.
const DESKS_MAX: usize = 64;

/// What an answer is like.
type Outcome = Result<LookedUp, CallRefused>;

/// Something for the thread.
#[derive(Debug)]
enum Order {
    /// A question; `asked` names it for `Cancel`.
    LookUp {
        look_up: LookUp,
        profile: Arc<Profile>,
        asked: u64,
        answer: Answer<Outcome>,
    },
    /// Nobody waits for the answer any more.
    Cancel { asked: u64 },
}

/// One network namespace's in-tray.
#[derive(Debug)]
struct Desk {
    state: Mutex<State>,
    bell: Bell,
}

#[derive(Debug, Default)]
struct State {
    orders: Vec<Order>,
    asked: u64,
    running: bool,
    /// Where the thread left off; it has it while it runs.
    engine: Option<Box<Engine>>,
}

/// Desks by the inode of their namespace, the one that was used last at the end.
static DESKS: Mutex<Vec<(u64, Arc<Desk>)>> = Mutex::new(Vec::new());

/// A question on its way. Dropped before its answer came, it is taken back.
#[derive(Debug)]
pub(crate) struct Asking {
    ticket: Ticket<Outcome>,
    desk: Arc<Desk>,
    /// `None` once there is an answer.
    asked: Option<u64>,
}

/// Asks by `profile`, in the network namespace of the calling thread.
///
/// # Errors
///
/// The system has no randomness, descriptor or thread left.
pub(crate) fn ask(look_up: LookUp, profile: Arc<Profile>) -> io::Result<Asking> {
    let desk = desk_of_this_namespace()?;
    let (ticket, answer) = ticket::pair();
    let mut state = desk.state.lock();
    let asked = state.asked;
    state.asked += 1;
    if !state.running {
        let engine = match state.engine.take() {
            Some(engine) => engine,
            None => Box::new(Engine::new()?),
        };
        let of_thread = Arc::clone(&desk);
        thread::Builder::new()
            .name("sidestep-names".into())
            .spawn(move || run(&of_thread, engine))?;
        state.running = true;
    }
    state.orders.push(Order::LookUp {
        look_up,
        profile,
        asked,
        answer,
    });
    drop(state);
    desk.bell.ring();
    Ok(Asking {
        ticket,
        desk,
        asked: Some(asked),
    })
}

impl Future for Asking {
    type Output = Result<Outcome, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = Pin::new(&mut self.ticket).poll(cx);
        if outcome.is_ready() {
            self.asked = None;
        }
        outcome
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(asked) = self.asked {
            let mut state = self.desk.state.lock();
            if state.running {
                state.orders.push(Order::Cancel { asked });
                drop(state);
                self.desk.bell.ring();
            }
        }
    }
}

fn desk_of_this_namespace() -> io::Result<Arc<Desk>> {
    // Without /proc there is no way to tell namespaces apart, and hardly more than one.
    let namespace = fs::metadata("/proc/thread-self/ns/net").map_or(0, |metadata| metadata.ino());
    let mut desks = DESKS.lock();
    if let Some(at) = desks.iter().position(|(of, _)| *of == namespace) {
        let found = desks.remove(at);
        let desk = Arc::clone(&found.1);
        desks.push(found);
        return Ok(desk);
    }
    let desk = Arc::new(Desk {
        state: Mutex::default(),
        bell: Bell::new()?,
    });
    if desks.len() >= DESKS_MAX
        && let Some(at) = desks
            .iter()
            .position(|(_, desk)| !desk.state.lock().running)
    {
        desks.remove(at);
    }
    desks.push((namespace, Arc::clone(&desk)));
    Ok(desk)
}

/// After a panic: those who wait are told, by their answers being dropped, and the next question
/// begins anew.
struct Leaving<'a>(&'a Desk);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        // After an orderly end the desk may have its next thread already.
        if thread::panicking() {
            let mut state = self.0.state.lock();
            state.running = false;
            let orders = std::mem::take(&mut state.orders);
            drop(state);
            drop(orders);
        }
    }
}

/// What the thread does.
fn run(desk: &Desk, mut engine: Box<Engine>) {
    let _leaving = Leaving(desk);
    let mut rested_since = None;
    loop {
        desk.bell.silence();
        let orders = std::mem::take(&mut desk.state.lock().orders);
        for order in orders {
            engine.carry_out(order);
        }
        let wait = match engine.turn() {
            Rest::Until(wait) => {
                rested_since = None;
                wait
            }
            Rest::Idle => {
                let since: &Instant = rested_since.get_or_insert_with(Instant::now);
                let left = LINGER.saturating_sub(since.elapsed());
                if left.is_zero() {
                    let mut state = desk.state.lock();
                    if state.orders.is_empty() {
                        state.engine = Some(engine);
                        state.running = false;
                        return;
                    }
                    rested_since = None;
                }
                Some(left)
            }
        };
        engine.wait(desk.bell.descriptor(), wait);
    }
}

#[cfg(test)]
mod tests;
