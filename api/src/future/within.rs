//! What takes a future back: a deadline, or a token.
//!
//! Dials and look-ups of tasks run in [`within`]. Whatever is taken back is dropped, and releases
//! what it held.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::waiting::Alarm;
use crate::cancel::{CancelToken, Registration};
use crate::deadline::Deadline;
use crate::dial::race::GaveUp;

/// Wakes the task that polled last once the token is cancelled.
#[derive(Debug)]
pub(super) struct Canceled<'a> {
    token: Option<&'a CancelToken>,
    task: Arc<Mutex<Option<Waker>>>,
    _registration: Option<Registration>,
}

impl<'a> Canceled<'a> {
    pub(super) fn new(token: Option<&'a CancelToken>) -> Self {
        let task: Arc<Mutex<Option<Waker>>> = Arc::default();
        let registration = token.map(|token| {
            let task = Arc::clone(&task);
            token.on_cancel(Box::new(move || {
                let waker = task.lock().take();
                if let Some(waker) = waker {
                    waker.wake();
                }
            }))
        });
        Self {
            token,
            task,
            _registration: registration,
        }
    }

    /// Ready once the token is cancelled.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let Some(token) = self.token else {
            return Poll::Pending;
        };
        // Before the look at the token: whoever cancels it looks here afterwards.
        let displaced = self.task.lock().replace(cx.waker().clone());
        drop(displaced);
        if token.is_canceled() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// Runs `future` until `deadline`, or until `token` is cancelled. What is ready is given even past
/// the deadline.
pub(super) async fn within<T>(
    deadline: Deadline,
    token: Option<&CancelToken>,
    future: impl Future<Output = T>,
) -> Result<T, GaveUp> {
    let mut future = pin!(future);
    let canceled = Canceled::new(token);
    let mut alarm = Alarm::default();
    poll_fn(|cx| {
        if canceled.poll(cx).is_ready() {
            return Poll::Ready(Err(GaveUp::Canceled));
        }
        if let Poll::Ready(outcome) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(outcome));
        }
        alarm.poll(cx, deadline).map(|()| Err(GaveUp::Timeout))
    })
    .await
}
