//! The handle of a network: a stack with its packet thread, or the host's kernel.
//!
//! Everything begins at a [`Net`]; the free functions of the crate use the one that the thread has
//! entered, else the one that is installed. What a call does is in `dial.rs`, `listener.rs`,
//! `udp.rs`, `ip.rs` and `lookup.rs`.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use sidestep_stack::Counters;
use sidestep_stack::call::{Policy, ResolverSettings};
use sidestep_stack::{Call, CallRefused, Reply};

use crate::address::Zone;
use crate::channel::datagram::DatagramLimits;
use crate::channel::failure::{Attention, Failure, Source, StreamLimits};
use crate::channel::mailbox::Mailbox;
use crate::channel::ticket;
use crate::deadline::Deadline;
use crate::device::memory::{MemoryOptions, cable};
use crate::driver::request::Request;
use crate::error::{AddrError, AddrErrorKind, Cause, Op, OpError};
use crate::interfaces::{DEVICE_INDEX, LOOPBACK_INDEX, LOOPBACK_NAME};
use crate::options::{NetOptions, StartError};
use crate::resolver::settings::Names;

/// A network to dial and listen on: a userspace stack of its own, or the host's kernel.
///
/// It is a cheap handle: clones are the same network. The packet thread ends once the last handle,
/// connection, listener and socket is dropped; what was written before still goes out, for up to
/// [`NetOptions::farewell`].
///
/// ```
/// use sidestep::Net;
///
/// let (here, there) = Net::memory_pair()?;
/// let listener = there.listen("tcp", "192.0.2.2:7")?;
/// let conn = here.dial("tcp", "192.0.2.2:7")?;
/// let accepted = listener.accept()?;
/// conn.write(b"hello")?;
/// let mut octets = [0; 5];
/// assert_eq!(accepted.read(&mut octets)?, 5);
/// assert_eq!(&octets, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Net(pub(crate) Backend);

/// Who serves a network.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    /// The packet thread and its stack.
    Stack(Arc<Shared>),
    /// The host's kernel.
    Host,
}

/// What all handles of one stack share. When it is dropped, the thread ends.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) mailbox: Arc<Mailbox<Request>>,
    pub(crate) thread: Mutex<Option<JoinHandle<()>>>,
    pub(crate) stream_limits: StreamLimits,
    pub(crate) datagram_limits: DatagramLimits,
    /// How long a SYN-ACK is repeated.
    pub(crate) syn_ack_patience: Duration,
    /// What the device is called among the interfaces.
    pub(crate) device_name: Box<str>,
    pub(crate) lookups_asked: AtomicU64,
    /// `None`: the stack itself was told how names are resolved.
    pub(crate) names: RwLock<Option<Arc<Names>>>,
}

impl Shared {
    /// The index of the interface called `name`, or with that number.
    pub(crate) fn interface_index(&self, name: &str) -> Option<u32> {
        if name == &*self.device_name {
            return Some(DEVICE_INDEX);
        }
        (name == LOOPBACK_NAME).then_some(LOOPBACK_INDEX)
    }

    /// The zone that `ip` is shown with: the device's where the address needs one (RFC 4007 §11).
    pub(crate) fn zone_of(&self, ip: IpAddr) -> Zone {
        if needs_zone(ip) {
            Zone::new(&self.device_name)
        } else {
            Zone::NONE
        }
    }

    /// Fails if `zone` is of no interface of ours.
    pub(crate) fn check_zone(&self, zone: &Zone) -> Result<(), AddrError> {
        match zone.scope_id(|name| self.interface_index(name)) {
            Some(0 | LOOPBACK_INDEX | DEVICE_INDEX) => Ok(()),
            Some(_) | None => Err(AddrError::new(AddrErrorKind::UnknownZone, zone.as_str())),
        }
    }

    /// Where channels call for attention.
    pub(crate) fn attention(&self) -> Arc<dyn Attention> {
        Arc::clone(&self.mailbox) as Arc<dyn Attention>
    }

    /// Has the packet thread make a call, and waits for the reply.
    pub(crate) fn call(&self, call: Call, deadline: Deadline) -> Result<Reply, Failure> {
        let (ticket, answer) = ticket::pair();
        self.mailbox
            .post(Request::Call { call, answer }, deadline)?;
        ticket.wait(deadline)?.map_err(Failure::Refused)
    }

    /// Where look-ups take their settings from, unless the stack itself was told.
    pub(crate) fn names(&self) -> Option<Arc<Names>> {
        self.names.read().clone()
    }

    /// Waits until the packet thread has looked at a channel: what was closed there is closed.
    pub(crate) fn settle(&self, source: Option<Source>) {
        let Some(source) = source else { return };
        let (ticket, answer) = ticket::pair();
        // A thread that is gone has closed everything.
        let _ = self
            .mailbox
            .post(Request::Settle { source, answer }, Deadline::NONE)
            .and_then(|()| ticket.wait(Deadline::NONE));
    }

    /// Waits until the packet thread has ended.
    fn join(&self) {
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // A thread that panicked has said so, and everybody was told through the channels.
            let _ = thread.join();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.mailbox.say_farewell();
        self.join();
    }
}

/// Whether `ip` means something else on each interface: hosts and groups of the link, groups of this
/// host (RFC 4007 §4).
fn needs_zone(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => {
            let is_narrow_group = ip.is_multicast() && matches!(ip.octets()[1] & 0x0f, 1 | 2);
            ip.is_unicast_link_local() || is_narrow_group
        }
    }
}

/// How much of everything there is, and how often things happened. There will be more of them.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NetCounters {
    /// What the stack counts: packets, discards by reason, connections in any state.
    pub stack: Counters,
    /// Packets that the device delivered.
    pub packets_received: u64,
    /// Packets that the device took.
    pub packets_sent: u64,
    /// Errors of the device.
    pub device_errors: u64,
    /// Turns of the packet thread.
    pub turns: u64,
    /// Packets and happenings that watchers were too slow for: see
    /// [`NetOptions::watch`](crate::NetOptions::watch).
    pub packets_unwatched: u64,
    /// Connections that somebody holds, or whose text is still on its way to the stack.
    pub connections_open: usize,
    /// Listeners that somebody holds.
    pub listeners_open: usize,
    /// UDP and raw sockets that somebody holds.
    pub sockets_open: usize,
    /// Look-ups that somebody waits for.
    pub lookups_open: usize,
}

impl Net {
    /// Begins a network with a stack of its own.
    pub fn builder() -> NetOptions {
        NetOptions::new()
    }

    /// The host's kernel behind the same calls: the oracle of the contract's tests, and a switch for
    /// users. It has no packet thread and nothing to close.
    pub fn host() -> Self {
        Self(Backend::Host)
    }

    /// Two stacks joined by a cable in memory: 192.0.2.1 and 2001:db8::1, 192.0.2.2 and
    /// 2001:db8::2. They need no rights and touch nothing of the host.
    ///
    /// # Errors
    ///
    /// As for [`NetOptions::start`].
    pub fn memory_pair() -> Result<(Self, Self), StartError> {
        Self::memory_pair_with(MemoryOptions::default(), NetOptions::new, NetOptions::new)
    }

    /// As [`memory_pair`](Self::memory_pair), with a cable and options of your own; device,
    /// addresses and an empty resolver are added to them.
    ///
    /// # Errors
    ///
    /// As for [`NetOptions::start`].
    pub fn memory_pair_with(
        options: MemoryOptions,
        first: impl FnOnce() -> NetOptions,
        second: impl FnOnce() -> NetOptions,
    ) -> Result<(Self, Self), StartError> {
        let (one, other) = cable(options)?;
        let start = |options: NetOptions, device, host: u8| {
            options
                .device(device)
                .address([192, 0, 2, host].into(), 24)
                .address([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)].into(), 64)
                .resolver_if_none(ResolverSettings::default())
                .start()
        };
        Ok((start(first(), one, 1)?, start(second(), other, 2)?))
    }

    /// Makes this the network of the crate's free functions, for this thread, until the guard is
    /// dropped. Guards nest.
    pub fn enter(&self) -> Entered {
        ENTERED.with_borrow_mut(|entered| entered.push(self.clone()));
        Entered {
            stays_on_its_thread: PhantomData,
        }
    }

    /// Makes this the network of the crate's free functions, for all threads that have entered
    /// none. Gives the one that was installed before.
    pub fn install(&self) -> Option<Self> {
        INSTALLED.write().replace(self.clone())
    }

    /// Takes the installed network away again.
    pub fn uninstall() -> Option<Self> {
        INSTALLED.write().take()
    }

    /// The installed network.
    pub fn installed() -> Option<Self> {
        INSTALLED.read().clone()
    }

    /// The network of the free functions: entered by this thread, else installed.
    pub fn current() -> Option<Self> {
        ENTERED
            .with_borrow(|entered| entered.last().cloned())
            .or_else(Self::installed)
    }

    /// The network of the free functions, or an error that says how to get one.
    pub(crate) fn current_for(op: Op, network: &str) -> Result<Self, OpError> {
        Self::current().ok_or_else(|| OpError::new(op, network.to_owned(), Cause::NoStack))
    }

    /// What was counted so far; all zero for the host.
    ///
    /// # Errors
    ///
    /// [`Cause::StackGone`] if the packet thread has ended, [`Cause::NotSupported`] on the host.
    pub fn counters(&self) -> Result<NetCounters, Cause> {
        let Backend::Stack(shared) = &self.0 else {
            return Err(Cause::NotSupported);
        };
        let (ticket, answer) = ticket::pair();
        shared
            .mailbox
            .post(Request::Counters { answer }, Deadline::NONE)
            .and_then(|()| ticket.wait(Deadline::NONE))
            .map_err(|_| Cause::StackGone)
    }

    /// Ends the network for everybody: connections are reset, every call fails with
    /// [`Cause::StackGone`], the packet thread and its descriptors are gone when this returns.
    /// Repeating it does nothing; on the host it does nothing at all.
    pub fn close(&self) {
        if let Backend::Stack(shared) = &self.0 {
            let _ = shared.mailbox.post(Request::Close, Deadline::NONE);
            shared.join();
        }
    }

    /// Adds an address of the stack's own while it runs, and a route to its network.
    ///
    /// # Errors
    ///
    /// What the stack says, [`Cause::StackGone`], or [`Cause::NotSupported`] on the host.
    pub fn add_address(&self, address: std::net::IpAddr, prefix_bits: u8) -> Result<(), Cause> {
        self.configure(Call::AddAddress(sidestep_stack::call::InterfaceAddress {
            address,
            prefix_bits,
        }))
    }

    /// Takes an address away. Connections that use it live on until they fail.
    ///
    /// # Errors
    ///
    /// As for [`add_address`](Self::add_address).
    pub fn remove_address(&self, address: std::net::IpAddr) -> Result<(), Cause> {
        self.configure(Call::RemoveAddress(address))
    }

    /// Adds a route while the stack runs, or replaces the one with the same prefix: packets to the
    /// network of `prefix_bits` around `destination` go to the device.
    ///
    /// # Errors
    ///
    /// As for [`add_address`](Self::add_address).
    pub fn add_route(&self, destination: std::net::IpAddr, prefix_bits: u8) -> Result<(), Cause> {
        self.configure(Call::AddRoute(sidestep_stack::call::Route {
            destination,
            prefix_bits,
            source: None,
        }))
    }

    /// Takes a route away that was added here or by [`NetOptions::route`]. The networks of the
    /// stack's own addresses stay reachable.
    ///
    /// # Errors
    ///
    /// As for [`add_address`](Self::add_address); `EADDRNOTAVAIL` if there is no such route.
    pub fn remove_route(
        &self,
        destination: std::net::IpAddr,
        prefix_bits: u8,
    ) -> Result<(), Cause> {
        self.configure(Call::RemoveRoute {
            destination,
            prefix_bits,
        })
    }

    /// Replaces the table that source addresses and the order of destinations follow (RFC 6724
    /// §2.1). Of two rows with the same prefix the first one counts; at most 256 rows.
    ///
    /// # Errors
    ///
    /// `ENOBUFS` for too many rows, `EINVAL` for a prefix that is too long; otherwise as for
    /// [`add_address`](Self::add_address).
    pub fn set_policies(&self, policies: &[Policy]) -> Result<(), Cause> {
        self.configure(Call::SetPolicies(policies.to_vec()))
    }

    /// Changes how names are resolved. From now on no file of the host is read.
    ///
    /// # Errors
    ///
    /// As for [`add_address`](Self::add_address).
    pub fn set_resolver(&self, settings: ResolverSettings) -> Result<(), Cause> {
        self.configure(Call::SetResolver(settings))?;
        if let Backend::Stack(shared) = &self.0 {
            *shared.names.write() = None;
        }
        Ok(())
    }

    fn configure(&self, call: Call) -> Result<(), Cause> {
        let Backend::Stack(shared) = &self.0 else {
            return Err(Cause::NotSupported);
        };
        match shared.call(call, Deadline::NONE) {
            Ok(_) => Ok(()),
            Err(Failure::Refused(CallRefused::NoSuchEntry)) => Err(Cause::sys(
                crate::error::SysCall::SetSockOpt,
                crate::Errno::EADDRNOTAVAIL,
            )),
            Err(failure) => Err(crate::conn_io::cause(
                failure,
                crate::error::SysCall::SetSockOpt,
            )),
        }
    }
}

thread_local! {
    static ENTERED: RefCell<Vec<Net>> = const { RefCell::new(Vec::new()) };
}

static INSTALLED: RwLock<Option<Net>> = RwLock::new(None);

/// While this lives, the crate's free functions use the network that was entered.
#[derive(Debug)]
#[must_use = "the network is left when the guard is dropped"]
pub struct Entered {
    stays_on_its_thread: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Dropped outside the borrow: it may be the last handle.
        let left = ENTERED.with_borrow_mut(Vec::pop);
        drop(left);
    }
}
