//! A future on the thread that calls, until a deadline or a cancel token ends it.
//!
//! Look-ups are written once, as futures; the blocking methods run them here. It polls on this
//! thread only and parks in between.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::cancel::CancelToken;
use crate::deadline::Deadline;

/// Why a future did not end by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Interrupted {
    Timeout,
    Canceled,
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls `future` to its end. What is ready is given even past the deadline; whoever interrupts it
/// drops it, which takes back what it asked for.
pub(crate) fn block_on<T>(
    future: impl Future<Output = T>,
    deadline: Deadline,
    cancel: Option<&CancelToken>,
) -> Result<T, Interrupted> {
    let mut future = pin!(future);
    let here = thread::current();
    let waker = Waker::from(Arc::new(Unpark(here.clone())));
    let mut cx = Context::from_waker(&waker);
    let _wake_me = cancel.map(|token| token.on_cancel(Box::new(move || here.unpark())));
    loop {
        if cancel.is_some_and(CancelToken::is_canceled) {
            return Err(Interrupted::Canceled);
        }
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return Ok(value);
        }
        match deadline.remaining() {
            None => thread::park(),
            Some(left) if left.is_zero() => return Err(Interrupted::Timeout),
            Some(left) => thread::park_timeout(left),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn, ready};
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_ready_is_given_even_late_but_not_after_a_cancel() {
        assert_eq!(block_on(ready(7), Deadline::past(), None), Ok(7));
        let token = CancelToken::new();
        token.cancel();
        let canceled = block_on(ready(7), Deadline::NONE, Some(&token));
        assert_eq!(canceled, Err(Interrupted::Canceled));
    }

    #[test]
    fn the_deadline_and_the_token_end_what_never_ends() {
        let soon = Deadline::from(Duration::from_millis(5));
        let late = block_on(pending::<()>(), soon, None);
        assert_eq!(late, Err(Interrupted::Timeout));
        let token = CancelToken::new();
        let canceled = thread::scope(|scope| {
            let waits = scope.spawn(|| block_on(pending::<()>(), Deadline::NONE, Some(&token)));
            token.cancel();
            waits.join().unwrap()
        });
        assert_eq!(canceled, Err(Interrupted::Canceled));
    }

    #[test]
    fn a_waker_used_on_another_thread_wakes() {
        let mut polls = 0;
        let wakes = poll_fn(|cx| {
            polls += 1;
            if polls == 3 {
                return Poll::Ready(polls);
            }
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake());
            Poll::Pending
        });
        assert_eq!(block_on(wakes, Deadline::NONE, None), Ok(3));
    }
}
