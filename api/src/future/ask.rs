//! Requests to the packet thread from tasks: posted without waiting, answered through a ticket that
//! is awaited.
//!
//! The async forms of `close`, dial and look-ups use them. A future that is dropped before its
//! answer leaves a ticket that nobody waits for, which the packet thread sees.

use std::future::poll_fn;

use crate::channel::failure::{Failure, Source};
use crate::channel::mailbox::Mailbox;
use crate::channel::ticket;
use crate::channel::waiters::Seat;
use crate::driver::request::Request;
use crate::net::Shared;

/// A request that waits for room in the mailbox.
struct Posting<'a> {
    mailbox: &'a Mailbox<Request>,
    seat: Seat,
    request: Option<Request>,
}

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        self.mailbox.leave(&mut self.seat);
    }
}

impl Shared {
    /// Puts `request` into the mailbox, once there is room.
    pub(crate) async fn posted(&self, request: Request) -> Result<(), Failure> {
        let mut posting = Posting {
            mailbox: &self.mailbox,
            seat: Seat::Standing,
            request: Some(request),
        };
        poll_fn(|cx| {
            let Posting {
                mailbox,
                seat,
                request,
            } = &mut posting;
            mailbox.poll_post(cx, seat, request)
        })
        .await
    }

    /// Ready once the packet thread has looked at a channel: what was closed there is closed.
    pub(crate) async fn settled(&self, source: Option<Source>) {
        let Some(source) = source else { return };
        let (ticket, answer) = ticket::pair();
        // A thread that is gone has closed everything.
        if self
            .posted(Request::Settle { source, answer })
            .await
            .is_ok()
        {
            let _ = ticket.await;
        }
    }
}
