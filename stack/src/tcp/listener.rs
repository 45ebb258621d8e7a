//! LISTEN: what begins connections, and where they wait to be accepted (RFC 9293 §3.9.1.1, §3.10.1).
//!
//! `calls.rs` makes one, `opening.rs` fills its queues, `call/accept.rs` empties them. All queues are
//! bounded: when the SYN queue is full a cookie answers, or somebody by chance makes room (RFC 4987
//! §3.4, §3.6); when the accept queue is full the newcomer waits outside (BAD-80). It sends nothing.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use super::lazy_queue::LazyQueue;
use super::settings::Settings;
use super::syn_queue::SynQueue;
use crate::base::keyed::Keyed;
use crate::base::{Duration, Instant, Random};
use crate::call::{Admission, Listen, ListenerId, Local};
use crate::config::Config;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    /// Its name.
    pub(crate) id: ListenerId,
    /// Where it listens.
    pub(crate) local: Local,
    /// What its connections begin with.
    pub(crate) settings: Arc<Settings>,
    /// Connections that wait to be accepted.
    pub(crate) accept_queue: LazyQueue,
    /// Connections that wait for text before they are offered.
    pub(crate) deferred: LazyQueue,
    /// How long they do; `None`: none does.
    pub(crate) defer_accept: Option<Duration>,
    /// The most connections in either queue.
    pub(crate) backlog: usize,
    /// Half-open connections.
    pub(crate) syn_queue: SynQueue,
    /// Whether the user decides about SYNs.
    pub(crate) admission: Admission,
    /// Half-open connections that the user is to be told of.
    pub(crate) asking: LazyQueue,
    /// Half-open connections that the user has not decided about.
    pub(crate) undecided: usize,
    /// Until when a SYN cookie may come back.
    pub(crate) cookies_until: Instant,
    /// Fast Opens whose handshake is not over.
    pub(crate) fast_open: PendingFastOpens,
    /// Whether `Acceptable` waits to be told.
    pub(crate) is_acceptable: bool,
    /// Whether it stands in the queue of events.
    pub(crate) is_announced: bool,
}

impl Listener {
    /// With empty queues.
    pub(crate) fn new(
        id: ListenerId,
        local: Local,
        call: &Listen,
        config: &Config,
        random: &mut Random,
    ) -> Self {
        let most = usize::try_from(config.backlog_segments_max).unwrap_or(usize::MAX);
        let fast_open_max = u32::try_from(config.fast_open_pending_max).unwrap_or(u32::MAX);
        Self {
            id,
            local,
            settings: Arc::new(Settings::new(&call.options, config)),
            accept_queue: LazyQueue::default(),
            deferred: LazyQueue::default(),
            defer_accept: call.defer_accept,
            backlog: call.backlog.unwrap_or(most).clamp(1, most),
            syn_queue: SynQueue::new(Keyed::new(random.key())),
            admission: call.admission,
            asking: LazyQueue::default(),
            undecided: 0,
            cookies_until: Instant::ZERO,
            fast_open: PendingFastOpens::new(call.fast_open.min(fast_open_max)),
            is_acceptable: false,
            is_announced: false,
        }
    }

    /// True if the accept queue is full.
    pub(crate) const fn is_full(&self) -> bool {
        self.accept_queue.len() >= self.backlog
    }
}

/// PendingFastOpenRequests of RFC 7413 §4.2: so many connections were handed over before the peer
/// proved to be where its SYN came from.
#[derive(Clone, Debug)]
pub(crate) struct PendingFastOpens {
    most: u32,
    pending: u32,
    /// Until when those count whose peer sent a RST: else a victim's RSTs would make room for more
    /// SYNs that are forged in its name (RFC 7413 §5.1).
    resets: VecDeque<Instant>,
}

impl PendingFastOpens {
    const fn new(most: u32) -> Self {
        Self {
            most,
            pending: 0,
            resets: VecDeque::new(),
        }
    }

    /// Whether the option is spoken at all.
    pub(crate) const fn is_on(&self) -> bool {
        self.most > 0
    }

    /// Whether another one may begin.
    pub(crate) fn has_room(&mut self, now: Instant) -> bool {
        while self.resets.front().is_some_and(|until| *until <= now) {
            self.resets.pop_front();
        }
        self.pending as usize + self.resets.len() < self.most as usize
    }

    /// One began.
    pub(crate) const fn on_begun(&mut self) {
        self.pending += 1;
    }

    /// The handshake of one is over.
    pub(crate) const fn on_over(&mut self) {
        self.pending = self.pending.saturating_sub(1);
    }

    /// One was reset before; it counts until `until`.
    pub(crate) fn on_reset(&mut self, until: Instant) {
        self.on_over();
        self.resets.push_back(until);
    }
}
