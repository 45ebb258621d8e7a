//! What happens to one connection, on its way from the packet thread to whoever looks on.
//!
//! The packet thread puts observations in, never waits, and drops the oldest when nobody keeps up;
//! the reader is told how many it has lost. Nothing here knows what an observation means.

use std::collections::VecDeque;

use super::sync::{Condvar, Mutex, has_passed};
use crate::deadline::Deadline;

#[derive(Debug)]
struct State<T> {
    entries: VecDeque<T>,
    lost: u64,
    /// There will be no more.
    ended: bool,
    /// Nobody reads any more.
    abandoned: bool,
    readers_waiting: usize,
}

/// See the module. `T` is one observation.
#[derive(Debug)]
pub(crate) struct EventQueue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    entries_max: usize,
}

/// What a reader found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next<T> {
    /// The oldest one.
    Event(T),
    /// None until the deadline.
    Timeout,
    /// There will be no more.
    End,
}

impl<T> EventQueue<T> {
    /// An empty queue that keeps the newest `entries_max`.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            state: Mutex::new(State {
                entries: VecDeque::new(),
                lost: 0,
                ended: false,
                abandoned: false,
                readers_waiting: 0,
            }),
            arrived: Condvar::default(),
            entries_max: entries_max.max(1),
        }
    }

    /// Takes the oldest one, waiting for it until `deadline`.
    pub(crate) fn next(&self, deadline: Deadline) -> Next<T> {
        let mut state = self.state.lock();
        loop {
            if let Some(event) = state.entries.pop_front() {
                return Next::Event(event);
            }
            if state.ended {
                return Next::End;
            }
            if has_passed(deadline) {
                return Next::Timeout;
            }
            state.readers_waiting += 1;
            self.arrived.wait(&mut state, deadline);
            state.readers_waiting -= 1;
        }
    }

    /// How many had to make room before they were read.
    pub(crate) fn lost(&self) -> u64 {
        self.state.lock().lost
    }

    /// Nobody reads any more.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock();
        state.abandoned = true;
        state.entries = VecDeque::new();
    }

    /// Packet thread: puts one in. False if nobody reads any more.
    pub(crate) fn put(&self, event: T) -> bool {
        let mut state = self.state.lock();
        if state.abandoned {
            return false;
        }
        if state.entries.len() >= self.entries_max {
            state.entries.pop_front();
            state.lost += 1;
        }
        state.entries.push_back(event);
        if state.readers_waiting > 0 {
            self.arrived.notify_all();
        }
        true
    }

    /// Packet thread: there will be no more.
    pub(crate) fn end(&self) {
        self.state.lock().ended = true;
        self.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{EventQueue, Next};
    use crate::deadline::Deadline;

    #[test]
    fn the_newest_are_kept_and_the_lost_are_counted() {
        let queue = EventQueue::new(3);
        assert_eq!(queue.next(Deadline::past()), Next::Timeout);
        for number in 0..5 {
            assert!(queue.put(number));
        }
        queue.end();
        let read: Vec<_> = std::iter::from_fn(|| match queue.next(Deadline::NONE) {
            Next::Event(number) => Some(number),
            Next::Timeout | Next::End => None,
        })
        .collect();
        assert_eq!(read, [2, 3, 4]);
        assert_eq!(queue.lost(), 2);
        assert_eq!(queue.next(Deadline::NONE), Next::End);
    }

    #[test]
    fn a_reader_that_waits_is_woken_by_an_event_and_by_the_end() {
        let queue = EventQueue::new(3);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let deadline = Deadline::from(Duration::from_secs(20));
                (queue.next(deadline), queue.next(deadline))
            });
            queue.put(7);
            queue.end();
            assert_eq!(reader.join().unwrap(), (Next::Event(7), Next::End));
        });
    }

    #[test]
    fn who_reads_no_more_costs_no_memory() {
        let queue = EventQueue::new(3);
        assert!(queue.put(1));
        queue.abandon();
        assert!(!queue.put(2));
        assert_eq!(queue.state.lock().entries.capacity(), 0);
    }
}
