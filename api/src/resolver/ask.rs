//! One question on its way to the servers and back: through the packet thread, or through the
//! thread that asks for the host.
//!
//! `lookup.rs` awaits it. A question that is dropped before its answer came is taken back.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;

use sidestep_stack::call::LookUp;
use sidestep_stack::event::LookedUp;

use super::settings::Profile;
use crate::channel::mailbox::Mailbox;
use crate::channel::ticket;
use crate::channel::waiters::Seat;
use crate::deadline::Deadline;
use crate::driver::request::Request;
use crate::host;
use crate::net::{Backend, Net, Shared};

/// Why there is no answer, not even a bad one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unanswered {
    /// The thread that asks has ended.
    Gone,
    /// It takes no more, or not with these settings.
    Refused,
}

/// Asks by `profile`, or by what the stack itself was told.
pub(super) async fn ask(
    net: &Net,
    look_up: LookUp,
    profile: Option<Arc<Profile>>,
) -> Result<LookedUp, Unanswered> {
    match &net.0 {
        Backend::Stack(shared) => ask_stack(shared, look_up, profile).await,
        Backend::Host => {
            let profile = profile.ok_or(Unanswered::Refused)?;
            let asking = host::ask(look_up, profile).map_err(|_| Unanswered::Gone)?;
            match asking.await {
                Ok(Ok(looked_up)) => Ok(looked_up),
                Ok(Err(_)) => Err(Unanswered::Refused),
                Err(_) => Err(Unanswered::Gone),
            }
        }
    }
}

async fn ask_stack(
    shared: &Shared,
    look_up: LookUp,
    profile: Option<Arc<Profile>>,
) -> Result<LookedUp, Unanswered> {
    let asked = shared.lookups_asked.fetch_add(1, Ordering::Relaxed);
    let (ticket, answer) = ticket::pair();
    let mut posting = Posting {
        mailbox: &shared.mailbox,
        seat: Seat::Standing,
        request: Some(Request::LookUp {
            look_up,
            profile,
            asked,
            answer,
        }),
    };
    poll_fn(|cx| posting.poll(cx))
        .await
        .map_err(|_| Unanswered::Gone)?;
    drop(posting);
    let mut taken_back = TakenBack(Some((shared, asked)));
    let outcome = ticket.await;
    taken_back.0 = None;
    match outcome {
        Ok(Ok(looked_up)) => Ok(looked_up),
        Ok(Err(_)) => Err(Unanswered::Refused),
        Err(_) => Err(Unanswered::Gone),
    }
}

/// A request that waits for room in the mailbox.
struct Posting<'a> {
    mailbox: &'a Mailbox<Request>,
    seat: Seat,
    request: Option<Request>,
}

impl Posting<'_> {
    fn poll(
        &mut self,
        cx: &Context<'_>,
    ) -> std::task::Poll<Result<(), crate::channel::failure::Failure>> {
        self.mailbox
            .poll_post(cx, &mut self.seat, &mut self.request)
    }
}

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        self.mailbox.leave(&mut self.seat);
    }
}

/// Takes a question back when it is dropped.
struct TakenBack<'a>(Option<(&'a Shared, u64)>);

impl Drop for TakenBack<'_> {
    fn drop(&mut self) {
        if let Some((shared, asked)) = self.0.take() {
            // If the mailbox is full, the look-up ends by itself.
            let _ = shared
                .mailbox
                .post(Request::CancelLookUp { asked }, Deadline::past());
        }
    }
}
