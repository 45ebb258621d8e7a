//! What the calls of a script change in what the player knows: descriptors, flows, and how much was
//! written.
//!
//! The player asks once a call has ended, whatever the script says of it. Nothing here judges.

use std::net::SocketAddr;

use super::calling::Pending;
use super::calls::{self, Descriptor};
use super::flow::Transport;
use super::player::Player;
use crate::drill::ast::{Call, SocketKind};
use crate::drill::backend::{Fd, Outcome, Syscall};

impl Player<'_> {
    /// What a call changes in what we know.
    pub(super) fn follow(&mut self, pending: &Pending<'_>, outcome: &Outcome) {
        let call = &pending.call.call;
        if let Some(fd) = calls::fd_of(call)
            && let Some(known) = self.descriptors.get(&fd)
            && !matches!(call, Call::Close { .. })
        {
            self.last_fd = Some(known.fd);
        }
        match (&pending.syscall, outcome.result) {
            (Syscall::Send { to, .. }, result) => {
                self.follow_dial(call, *to, pending);
                let taken = result.ok().and_then(|taken| u64::try_from(taken).ok());
                let flow = pending.subject.flow.and_then(|it| self.flows.get_mut(it));
                if let Some(flow) = flow {
                    match flow.transport {
                        Transport::Tcp => {
                            flow.written_octets = pending.subject.written_from + taken.unwrap_or(0);
                        }
                        Transport::Udp if taken.is_none() => {
                            flow.unseen.pop_back();
                        }
                        Transport::Udp => {}
                    }
                }
            }
            (_, Err(_)) => self.follow_failure(call, pending),
            (_, Ok(result)) => self.follow_success(call, pending, result, outcome),
        }
    }

    /// A stream that was sent to somebody was dialled by that (RFC 7413).
    fn follow_dial(&mut self, call: &Call, to: Option<SocketAddr>, pending: &Pending<'_>) {
        let (Some(fd), Some(_), Some(flow)) = (calls::fd_of(call), to, pending.subject.flow) else {
            return;
        };
        if let Some(known) = self.descriptors.get_mut(&fd)
            && known.kind == SocketKind::Stream
        {
            known.flow = Some(flow);
            let live = known.fd;
            self.learn_own_port(live, flow);
        }
    }

    fn follow_failure(&mut self, call: &Call, pending: &Pending<'_>) {
        // A `connect` that goes on in the background has a flow all the same.
        if let (Call::Connect { fd, .. }, Some(flow)) = (call, pending.subject.flow)
            && let Some(known) = self.descriptors.get_mut(fd)
        {
            known.flow = Some(flow);
            let live = known.fd;
            self.learn_own_port(live, flow);
        }
    }

    /// The host has chosen a port for the flow that it dials.
    fn learn_own_port(&mut self, fd: Fd, flow: usize) {
        let Some(local) = self.host.local_address(fd) else {
            return;
        };
        if let Some(flow) = self.flows.get_mut(flow)
            && flow.local.port() == 0
        {
            flow.local.set_port(local.port());
        }
    }

    fn follow_success(
        &mut self,
        call: &Call,
        pending: &Pending<'_>,
        result: i64,
        outcome: &Outcome,
    ) {
        let options = &self.script.options;
        let anywhere = SocketAddr::new(options.local_address(), 0);
        let live = i32::try_from(result).unwrap_or(-1);
        let named = pending.call.result.value.unwrap_or(result);
        match (call, &pending.syscall) {
            (Call::Socket { kind, .. }, _) => {
                let descriptor = Descriptor {
                    fd: live,
                    kind: *kind,
                    local: anywhere,
                    flow: None,
                };
                self.descriptors.insert(named, descriptor);
                self.last_fd = Some(live);
            }
            (Call::Bind { fd, .. }, Syscall::Bind { address, .. }) => {
                if let Some(known) = self.descriptors.get_mut(fd) {
                    known.local = *address;
                    if known.kind == SocketKind::Datagram {
                        let local = SocketAddr::new(options.local_address(), address.port());
                        self.flows.binds(local);
                    }
                }
            }
            (Call::Listen { fd, .. }, _) => {
                if let Some(known) = self.descriptors.get(fd) {
                    let local = SocketAddr::new(options.local_address(), known.local.port());
                    self.flows.listens(local);
                }
            }
            (Call::Accept { fd, .. }, _) => {
                let local = self
                    .descriptors
                    .get(fd)
                    .map_or(anywhere, |known| known.local);
                let remote = outcome.address.map(unmapped);
                let flow = remote.and_then(|it| self.flows.from_remote(Transport::Tcp, it));
                let descriptor = Descriptor {
                    fd: live,
                    kind: SocketKind::Stream,
                    local,
                    flow,
                };
                self.descriptors.insert(named, descriptor);
                self.last_fd = Some(live);
            }
            (Call::Connect { fd, .. }, _) => {
                if let Some(known) = self.descriptors.get_mut(fd) {
                    known.flow = pending.subject.flow;
                    let live = known.fd;
                    if let Some(flow) = pending.subject.flow {
                        self.learn_own_port(live, flow);
                    }
                }
            }
            (Call::Close { fd }, _) => {
                self.descriptors.remove(fd);
            }
            _ => {}
        }
    }
}

/// IPv4 inside an IPv6 socket is IPv4 on the wire (RFC 3493 §3.7).
fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
