//! Runs a race between addresses in a task, as `dial/drive.rs` does on a thread.
//!
//! The stack's attempts wake the task themselves, the kernel's through the reactor. Dropping the
//! race, which is what cancelling is, closes every attempt.

use std::future::poll_fn;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_io::Async;

use super::waiting::Alarm;
use super::within::Canceled;
use crate::cancel::CancelToken;
use crate::deadline::Deadline;
use crate::dial::race::{GaveUp, Race, Racer};

/// How soon to look again where the process has no descriptor left to wait with.
const WITHOUT_REACTOR: Duration = Duration::from_millis(5);

/// Runs `race` to its end, or until `token` is cancelled.
///
/// # Errors
///
/// As for [`Race::poll`] and [`Race::give_up`].
pub(crate) async fn run<R: Racer>(
    mut race: Race<R>,
    token: Option<&CancelToken>,
) -> Result<R::Conn, Option<R::Error>> {
    let canceled = Canceled::new(token);
    let mut alarm = Alarm::default();
    // Kept from one poll to the next: dropping them ends the watch.
    let mut watched = Vec::new();
    let outcome = poll_fn(|cx| {
        loop {
            if canceled.poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            watched.clear();
            if let Poll::Ready(outcome) = race.poll(cx, Deadline::now()) {
                return Poll::Ready(Some(outcome));
            }
            let mut until = race.next_deadline();
            for descriptor in race.attempts().filter_map(R::descriptor) {
                match watch(descriptor, cx) {
                    Some(watch) => watched.push(watch),
                    None => until = until.min(Deadline::from(WITHOUT_REACTOR)),
                }
            }
            ready!(alarm.poll(cx, until));
        }
    })
    .await;
    match outcome {
        Some(outcome) => outcome,
        None => Err(race.give_up(GaveUp::Canceled)),
    }
}

/// Wakes the task when the descriptor can be written to. The reactor is given one of its own, which
/// it may keep while the attempt closes the other.
fn watch(descriptor: BorrowedFd<'_>, cx: &mut Context<'_>) -> Option<Async<OwnedFd>> {
    let own = descriptor.try_clone_to_owned().ok()?;
    let watched = Async::new_nonblocking(own).ok()?;
    match watched.poll_writable(cx) {
        Poll::Pending => Some(watched),
        // It cannot be so soon; look again rather than sleep.
        Poll::Ready(_) => None,
    }
}
