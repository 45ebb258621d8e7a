//! The channels under shuttle: many random interleavings of accept, close, deadlines and wake-ups.
//!
//! The very files of `channel/` are compiled here a second time, against `schedules/sync.rs`. A
//! lost wake-up shows as a deadlock that shuttle reports with the schedule that leads to it; run
//! that schedule again with `shuttle::replay`.
// Compiling them twice is the point, and not every test uses all of them.
#![allow(clippy::duplicate_mod, dead_code)]

#[path = "../accept.rs"]
mod accept;
#[path = "../datagram.rs"]
mod datagram;
#[path = "../datagram_poll.rs"]
mod datagram_poll;
#[path = "../failure.rs"]
mod failure;
#[path = "../mailbox.rs"]
mod mailbox;
#[path = "../pipe.rs"]
mod pipe;
#[path = "../stream.rs"]
mod stream;
#[path = "../stream_poll.rs"]
mod stream_poll;
#[path = "../stream_read.rs"]
mod stream_read;
#[path = "../stream_thread.rs"]
mod stream_thread;
#[path = "../stream_write.rs"]
mod stream_write;
mod sync;
#[path = "../ticket.rs"]
mod ticket;
#[path = "../waiters.rs"]
mod waiters;

mod accepting;
mod contract;
mod datagrams;
mod pipes;
mod streams;
mod tasks;
mod waking;

use std::task::{Context, Poll, Waker};

use sidestep_stack::base::Table;
use sidestep_stack::call::{ConnectionId, ListenerId, SocketId};

use failure::{Source, StreamLimits};
use mailbox::{Letter, Mail, Mailbox, MaySleep};
use sync::{Arc, Condvar, Mutex};

/// So many interleavings of each test.
const SCHEDULES: usize = 400;

/// Runs `test` under many schedules. A step limit turns a livelock into a failure.
fn explore(test: impl Fn() + Send + Sync + 'static) {
    let mut config = shuttle::Config::new();
    config.max_steps = shuttle::MaxSteps::FailAfter(200_000);
    config.failure_persistence = shuttle::FailurePersistence::Print;
    let scheduler = shuttle::scheduler::RandomScheduler::new_from_seed(13, SCHEDULES);
    shuttle::Runner::new(scheduler, config).run(test);
}

fn connection() -> Source {
    Source::Connection(ConnectionId(Table::new().insert(())))
}

fn listener() -> Source {
    Source::Listener(ListenerId(Table::new().insert(())))
}

fn socket() -> Source {
    Source::Socket(SocketId(Table::new().insert(())))
}

/// What an eventfd is to the real packet thread.
#[derive(Debug, Default)]
struct Doorbell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Doorbell {
    fn ring(&self) {
        *self.rung.lock() = true;
        self.rings.notify_all();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock();
        while !*rung {
            self.rings.wait(&mut rung, crate::deadline::Deadline::NONE);
        }
        *rung = false;
    }
}

impl std::task::Wake for Doorbell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

/// Polls on this thread until it is ready, and sleeps for good between the polls: a wake-up that is
/// lost is a deadlock that shuttle reports.
fn block_on<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let bell = Arc::new(Doorbell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = poll(&mut cx) {
            return value;
        }
        bell.wait();
    }
}

/// A mailbox and its bell.
fn office() -> (Arc<Mailbox<u32>>, Arc<Doorbell>) {
    let bell = Arc::new(Doorbell::default());
    let ring = Arc::clone(&bell);
    (
        Arc::new(Mailbox::new(2, Box::new(move || ring.ring()))),
        bell,
    )
}

/// True if a channel called for attention.
fn has_attention(mail: &Mail<u32>) -> bool {
    mail.letters
        .iter()
        .any(|letter| matches!(letter, Letter::Attention(_)))
}

/// The packet thread's loop as `driver/thread.rs` has it: take mail, work, sleep only if there is
/// none. `work` says when to stop.
fn serve(
    mailbox: &Mailbox<u32>,
    bell: &Doorbell,
    mut work: impl FnMut(&mut Mail<u32>) -> std::ops::ControlFlow<()>,
) {
    let mut mail = Mail::default();
    loop {
        mailbox.take(&mut mail);
        let verdict = work(&mut mail);
        mail.letters.clear();
        if verdict.is_break() {
            return;
        }
        if mailbox.try_sleep() == MaySleep::Yes {
            bell.wait();
            mailbox.awake();
        }
    }
}

const LIMITS: StreamLimits = StreamLimits {
    receive_octets: 300,
    send_octets: 8,
};
