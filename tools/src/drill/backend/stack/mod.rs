//! A bare stack in memory and virtual time: a script takes milliseconds, and gives the same packets on
//! any machine.
//!
//! It drives the six doors as the packet thread does, and tries a call that blocks again after each
//! turn. It sleeps never and reads no clock.

mod datagrams;
mod explain;
mod options;
mod poll;
mod socket;
mod stream;
mod table;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use sidestep::error::Errno;
use sidestep_stack::call::{InterfaceAddress, Route};
use sidestep_stack::observe::Observation;
use sidestep_stack::wire::packet::Offload;
use sidestep_stack::{Call, Config, Instant, Packet, Stack};

use super::{Emitted, Ended, Fd, Host, HostError, Syscall, TcpInfo};
use crate::drill::sysctl::{self, Meaning};
use table::{Attempt, Table};

pub use explain::explain;

/// A clock that began just now hides mistakes.
const ORIGIN: Instant = Instant::from_secs(10);

/// Turns without a move of the clock, after which the stack is stuck.
const SPINS_MAX: u32 = 100_000;

/// Observations between two packets; older ones are lost.
const OBSERVATIONS_MAX: usize = 4_096;

/// Remarks that wait for a reader; older ones are lost.
const REMARKS_MAX: usize = 4_096;

/// The host that a script runs against.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// Its limits.
    pub config: Config,
    /// The seed of its chance.
    pub seed: u64,
    /// Its addresses.
    pub addresses: Vec<InterfaceAddress>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct StackBackend {
    stack: Stack,
    /// On the stack's time line.
    now: Instant,
    table: Table,
    pending: Option<Pending>,
    ended: Option<Ended>,
    emitted: VecDeque<Emitted>,
    remarks: VecDeque<(Instant, String)>,
}

/// A call that blocks.
#[derive(Clone, Debug)]
struct Pending {
    call: Syscall,
    /// When it gives up.
    deadline: Option<Instant>,
    /// What it has done so far.
    progress: table::Progress,
}

impl StackBackend {
    /// A stack with the addresses of `plan`, and routes to everybody.
    ///
    /// # Errors
    ///
    /// The stack refuses its settings.
    pub fn new(plan: &Plan) -> Result<Self, HostError> {
        let mut seed = [0x5a; 32];
        for (place, octet) in seed.iter_mut().zip(plan.seed.to_le_bytes()) {
            *place = octet;
        }
        let stack = Stack::new(plan.config.clone(), seed, Offload::default())
            .map_err(|refused| HostError::NotUp(refused.to_string()))?;
        let mut backend = Self {
            stack,
            now: ORIGIN,
            table: Table::default(),
            pending: None,
            ended: None,
            emitted: VecDeque::new(),
            remarks: VecDeque::new(),
        };
        for address in &plan.addresses {
            backend.set_up(Call::AddAddress(*address))?;
            let everybody = match address.address {
                IpAddr::V4(_) => IpAddr::from([0_u8; 4]),
                IpAddr::V6(_) => IpAddr::from([0_u16; 8]),
            };
            backend.set_up(Call::AddRoute(Route {
                destination: everybody,
                prefix_bits: 0,
                source: None,
            }))?;
        }
        backend.stack.time_passes(ORIGIN);
        // What the stack says about its addresses is no part of the script.
        while backend.stack.next_packet(ORIGIN).is_some() {}
        while backend.stack.next_event().is_some() {}
        backend.stack.observe(OBSERVATIONS_MAX);
        Ok(backend)
    }

    /// The stack, to look at.
    pub const fn stack(&self) -> &Stack {
        &self.stack
    }

    fn set_up(&mut self, call: Call) -> Result<(), HostError> {
        match self.stack.user_calls(self.now, call) {
            Ok(_) => Ok(()),
            Err(refused) => Err(HostError::NotUp(refused.to_string())),
        }
    }

    /// A moment of the stack on the script's time line.
    fn on_script(&self, moment: Instant) -> Instant {
        Instant::ZERO + moment.since(ORIGIN)
    }

    /// Tries the call that is under way; what it says of itself is kept for the next try.
    fn try_pending(&mut self) {
        let Some(mut pending) = self.pending.take() else {
            return;
        };
        let attempt = self.table.attempt(
            &mut self.stack,
            self.now,
            &pending.call,
            &mut pending.progress,
        );
        let outcome = match attempt {
            Attempt::Ended(outcome) => outcome,
            Attempt::Blocks { give_up_after } => {
                let deadline = pending.deadline.or_else(|| Some(self.now + give_up_after?));
                if deadline.is_none_or(|at| self.now < at) {
                    pending.deadline = deadline;
                    self.pending = Some(pending);
                    return;
                }
                table::gave_up(&pending.call, &pending.progress)
            }
        };
        self.ended = Some(Ended {
            at: self.on_script(self.now),
            outcome,
        });
    }

    /// One turn after the other, until the stack has nothing more to say.
    fn settle(&mut self) -> Result<(), HostError> {
        let mut spins = 0;
        loop {
            let mut quiet = true;
            while let Some(packet) = self.stack.next_packet(self.now) {
                quiet = false;
                let reasons = self.observations();
                self.emitted.push_back(Emitted {
                    at: self.on_script(self.now),
                    octets: packet.to_vec(),
                    reasons,
                });
                spins += 1;
                self.check_spins(spins)?;
            }
            while let Some(event) = self.stack.next_event() {
                quiet = false;
                self.table.told(&event);
                spins += 1;
                self.check_spins(spins)?;
            }
            let was_pending = self.pending.is_some();
            self.try_pending();
            if quiet && was_pending == self.pending.is_some() {
                break;
            }
        }
        let leftover = self.observations();
        let at = self.on_script(self.now);
        for line in leftover {
            if self.remarks.len() == REMARKS_MAX {
                self.remarks.pop_front();
            }
            self.remarks.push_back((at, line));
        }
        Ok(())
    }

    fn check_spins(&self, spins: u32) -> Result<(), HostError> {
        if spins < SPINS_MAX {
            Ok(())
        } else {
            Err(HostError::Stuck(self.on_script(self.now)))
        }
    }

    fn observations(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some((_, observation)) = self.stack.next_observation() {
            if let Observation::StateChanged {
                connection, from, ..
            } = &observation
            {
                self.table.left_state(*connection, *from);
            }
            lines.extend(explain(&observation));
        }
        lines
    }
}

impl Host for StackBackend {
    fn now(&self) -> Instant {
        self.on_script(self.now)
    }

    fn pass(&mut self, moment: Instant) -> Result<(), HostError> {
        let moment = ORIGIN + Duration::from_nanos(moment.as_nanos());
        let mut spins = 0;
        while self.emitted.is_empty() && self.ended.is_none() {
            let wake = [
                self.stack.next_deadline(),
                self.pending.as_ref().and_then(|pending| pending.deadline),
            ];
            let next = wake.into_iter().flatten().min();
            let at = next.map_or(moment, |at| at.min(moment));
            if at > self.now {
                self.now = at;
                spins = 0;
            }
            self.stack.time_passes(self.now);
            self.settle()?;
            spins += 1;
            self.check_spins(spins)?;
            if self.now >= moment && next.is_none_or(|at| at > moment || at < self.now) {
                break;
            }
        }
        Ok(())
    }

    fn arrives(&mut self, packet: &[u8]) -> Result<(), HostError> {
        let packet = Packet::new(Bytes::copy_from_slice(packet));
        self.stack.packet_arrives(self.now, packet);
        self.settle()
    }

    fn next_emitted(&mut self) -> Option<Emitted> {
        self.emitted.pop_front()
    }

    fn begin(&mut self, call: Syscall) -> Result<(), HostError> {
        let is_option = matches!(call, Syscall::SetOption { .. } | Syscall::GetOption { .. });
        self.pending = Some(Pending {
            call,
            deadline: None,
            progress: table::Progress::default(),
        });
        self.try_pending();
        // A script that needs an option which the stack has nothing for cannot be run here.
        let has_none = |ended: &Ended| ended.outcome.result == Err(Errno::ENOPROTOOPT);
        if is_option && self.ended.as_ref().is_some_and(has_none) {
            return Err(HostError::Unsupported(
                "the stack has nothing for this socket option",
            ));
        }
        self.settle()
    }

    fn next_ended(&mut self) -> Option<Ended> {
        self.ended.take()
    }

    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    fn tcp_info(&mut self, fd: Fd) -> Result<TcpInfo, Errno> {
        self.table.tcp_info(&self.stack, self.now, fd)
    }

    fn local_address(&mut self, fd: Fd) -> Option<SocketAddr> {
        self.table.local_address(fd)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), HostError> {
        match sysctl::later(name, value) {
            Meaning::AsIs | Meaning::None | Meaning::Applied => Ok(()),
            Meaning::Cannot(what) => Err(HostError::Unsupported(what)),
            Meaning::BadValue => Err(HostError::Unsupported("the setting has no such value")),
        }
    }

    fn remarks(&mut self) -> Vec<(Instant, String)> {
        self.remarks.drain(..).collect()
    }
}
