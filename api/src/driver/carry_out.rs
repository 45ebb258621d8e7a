//! Carries requests out: opens what is asked for, gives the answers, and ends everything.
//!
//! Called by `turn.rs` for each request in the mailbox. Nothing here waits.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use sidestep_stack::call::{
    ConnectionId, Decision, ListenerId, LookUp, LookupId, OpenConnection, Release,
};
use sidestep_stack::{Call, CallRefused, Instant, Reply};

use super::desk::{Asked, Desk};
use super::request::{Opening, Request};
use crate::channel::failure::{Gone, Source};
use crate::channel::ticket::Answer;
use crate::net::NetCounters;
use crate::resolver::settings::Profile;
use crate::watch::Watch;

/// Whether the packet thread goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum GoOn {
    /// It does.
    Yes,
    /// The owner closed the `Net`.
    No,
}

impl Desk {
    /// Carries a request out.
    pub(crate) fn carry_out(&mut self, now: Instant, request: Request) -> GoOn {
        match request {
            Request::Dial {
                open,
                text,
                opening,
            } => self.dial(now, open, text, opening),
            Request::Listen {
                listen,
                channel,
                questions,
                answer,
            } => {
                let reply = self.stack.user_calls(now, Call::Listen(listen));
                let port = reply.and_then(|reply| match reply {
                    Reply::Listener { listener, port } => {
                        channel.attach(Source::Listener(listener));
                        self.channels.listeners.insert(listener.0, channel);
                        if let Some(questions) = questions {
                            self.channels.questions.insert(listener.0, questions);
                        }
                        Ok((listener, port))
                    }
                    _ => Err(CallRefused::Invalid),
                });
                let listener = port.ok().map(|(listener, _)| listener);
                if answer.give(port.map(|(_, port)| port)).is_err()
                    && let Some(listener) = listener
                {
                    self.close_listener(now, listener);
                }
            }
            Request::Admit {
                listener,
                connection,
                opening,
            } => self.admit(now, listener, connection, opening),
            Request::OpenSocket {
                open,
                channel,
                answer,
            } => {
                let reply = self.stack.user_calls(now, Call::OpenSocket(open));
                let opened = reply.and_then(|reply| match reply {
                    Reply::Socket { socket, local } => {
                        channel.attach(Source::Socket(socket));
                        self.channels.sockets.insert(socket.0, channel);
                        Ok((socket, local))
                    }
                    _ => Err(CallRefused::Invalid),
                });
                let socket = opened.ok().map(|(socket, _)| socket);
                if answer.give(opened.map(|(_, local)| local)).is_err()
                    && let Some(socket) = socket
                {
                    self.channels.sockets.remove(socket.0);
                    let _ = self.stack.user_calls(now, Call::CloseSocket(socket));
                }
            }
            Request::OpenRaw {
                local,
                protocol,
                channel,
                answer,
            } => {
                let reply = self
                    .stack
                    .user_calls(now, Call::OpenRaw { local, protocol });
                let opened = reply.and_then(|reply| match reply {
                    Reply::Raw(raw) => {
                        channel.attach(Source::Raw(raw));
                        self.channels.raws.insert(raw.0, channel);
                        Ok(raw)
                    }
                    _ => Err(CallRefused::Invalid),
                });
                if answer.give(opened.map(|_| ())).is_err()
                    && let Ok(raw) = opened
                {
                    self.channels.raws.remove(raw.0);
                    let _ = self.stack.user_calls(now, Call::CloseRaw(raw));
                }
            }
            Request::LookUp {
                look_up,
                profile,
                asked,
                answer,
            } => match self.look_up(now, look_up, profile.as_ref()) {
                Ok(lookup) => {
                    self.channels.asked.insert(asked, lookup);
                    let entry = Asked { asked, answer };
                    self.channels.lookups.insert(lookup, entry);
                }
                Err(refused) => drop(answer.give(Err(refused))),
            },
            Request::CancelLookUp { asked } => {
                if let Some(lookup) = self.channels.asked.remove(&asked) {
                    self.channels.lookups.remove(&lookup);
                    let _ = self.stack.user_calls(now, Call::CancelLookUp(lookup));
                }
            }
            Request::Settle { source, answer } => {
                self.attend(now, source);
                let _ = answer.give(());
            }
            Request::Call { call, answer } => {
                drop(answer.give(self.stack.user_calls(now, call)));
            }
            Request::Subscribe {
                connection,
                queue,
                answer,
            } => {
                let status = self.stack.user_calls(now, Call::Status(connection));
                let added =
                    status.is_ok() && self.onlookers.add(&mut self.stack, connection, queue);
                let _ = answer.give(added);
            }
            Request::Counters { answer } => self.count(answer),
            Request::Close => {
                self.close_everything(now);
                return GoOn::No;
            }
        }
        GoOn::Yes
    }

    fn dial(&mut self, now: Instant, open: OpenConnection, text: Option<Bytes>, opening: Opening) {
        let Some(stream) = opening.into_stream() else {
            return;
        };
        if stream.is_given_up() {
            return;
        }
        let call = match text {
            Some(text) => Call::OpenFast { open, text },
            None => Call::OpenConnection(open),
        };
        match self.stack.user_calls(now, call) {
            Ok(Reply::Connection { connection, local }) => {
                stream.attach(Source::Connection(connection), local);
                self.channels.connections.insert(connection.0, stream);
                // It may have been given up before it had a name to call attention by.
                self.attend_connection(now, connection);
            }
            Ok(_) => stream.refuse(CallRefused::Invalid),
            Err(refused) => stream.refuse(refused),
        }
    }

    /// Answers a SYN; its connection is for whoever waits for the stream.
    fn admit(
        &mut self,
        now: Instant,
        listener: ListenerId,
        connection: ConnectionId,
        opening: Opening,
    ) {
        let Some(stream) = opening.into_stream() else {
            return;
        };
        let decision = if stream.is_given_up() {
            Decision::Drop
        } else {
            Decision::Accept
        };
        let call = Call::Decide {
            connection,
            decision,
        };
        match self.stack.user_calls(now, call) {
            Ok(_) => self.channels.admitted.insert(listener, connection, stream),
            Err(refused) => stream.refuse(refused),
        }
    }

    /// Begins a look-up by the settings of `profile`, for which the stack has a resolver as long as
    /// somebody holds it.
    fn look_up(
        &mut self,
        now: Instant,
        look_up: LookUp,
        profile: Option<&Arc<Profile>>,
    ) -> Result<LookupId, CallRefused> {
        let look_up = match profile {
            None => look_up,
            Some(profile) => {
                let stack = RefCell::new(&mut self.stack);
                let resolver = self.channels.profiles.resolver(
                    profile,
                    |profile| {
                        let call = Call::AddResolver(profile.settings.clone());
                        match stack.borrow_mut().user_calls(now, call)? {
                            Reply::Resolver(resolver) => Ok(resolver),
                            _ => Err(CallRefused::Invalid),
                        }
                    },
                    |resolver| {
                        let call = Call::RemoveResolver(resolver);
                        // It was there, or is gone as it should be.
                        let _ = stack.borrow_mut().user_calls(now, call);
                    },
                )?;
                look_up.asking(resolver)
            }
        };
        match self.stack.user_calls(now, Call::LookUp(look_up))? {
            Reply::Lookup(lookup) => Ok(lookup),
            _ => Err(CallRefused::Invalid),
        }
    }

    fn count(&self, answer: Answer<NetCounters>) {
        drop(answer.give(NetCounters {
            stack: self.stack.counters(),
            packets_received: self.tally.packets_received,
            packets_sent: self.tally.packets_sent,
            device_errors: self.tally.device_errors,
            turns: self.tally.turns,
            packets_unwatched: self.watch.as_ref().map_or(0, Watch::losses),
            connections_open: self.channels.connections.len(),
            listeners_open: self.channels.listeners.len(),
            sockets_open: self.channels.sockets.len() + self.channels.raws.len(),
            lookups_open: self.channels.lookups.len(),
        }));
    }

    /// The owner closed the `Net`: every connection is aborted.
    fn close_everything(&mut self, now: Instant) {
        self.gone = Gone::Closed;
        for (key, _) in self.channels.connections.iter() {
            let _ = self.stack.user_calls(
                now,
                Call::Release {
                    connection: ConnectionId(key),
                    how: Release::Abort,
                },
            );
        }
    }
}
