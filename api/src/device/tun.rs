//! A plain TUN device of the Linux kernel, through the `tun-tap` crate: one packet a system call.
//!
//! It is created, attached to by name, or handed in as a descriptor. What it changes on the kernel's
//! side is what the user asked for, in the network namespace of the caller, and is undone on drop.

mod error;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};

use rustix::io::Errno as Raw;
use sidestep_stack::call::{InterfaceAddress, Route};
use tun_tap::{Iface, Mode};

use super::buffers::Buffers;
use super::link::{Link, LinkError, LinkState};
use super::{Capabilities, Device, OutPacket, Packet};
use crate::error::Errno;

pub use error::TunError;

/// Where TUN devices come from.
const NODE: &str = "/dev/net/tun";

/// The kernel's `IFNAMSIZ`, less the NUL.
const NAME_OCTETS_MAX: usize = 15;

/// Slices of one packet that are handed to the kernel as they are; more are gathered first.
const SLICES_MAX: usize = 16;

/// Which TUN device, and what the kernel's side of it is to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TunOptions {
    /// The interface's name, up to 15 octets. If it exists it is attached to, else created.
    pub name: String,
    /// Octets of the largest packet; `None` leaves what the kernel has: 1,500 for a new one.
    pub mtu_octets: Option<u16>,
    /// Addresses of the kernel on this interface, with their networks.
    pub peer_addresses: Vec<InterfaceAddress>,
    /// Further prefixes that the kernel sends through this interface.
    pub routes: Vec<Route>,
    /// Up, or as it is.
    pub state: Option<LinkState>,
    /// How many packets may wait for us in the kernel; `None` leaves it as it is.
    pub tx_queue_packets: Option<u32>,
}

impl TunOptions {
    /// An interface called `name` that is up, and that has no address yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            mtu_octets: None,
            peer_addresses: Vec::new(),
            routes: Vec::new(),
            state: Some(LinkState::Up),
            tx_queue_packets: None,
        }
    }
}

impl Default for TunOptions {
    fn default() -> Self {
        Self::new("sidestep0")
    }
}

/// A TUN device.
#[derive(Debug)]
pub struct TunDevice {
    // Dropped in this order: an attached interface is put back while it is still ours.
    #[expect(dead_code, reason = "kept for what its drop does")]
    changes: Option<Changes>,
    descriptor: OwnedFd,
    name: Option<Box<str>>,
    origin: Origin,
    mtu_octets: u16,
    buffers: Buffers,
}

/// How we came by the device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// It was made here, and goes with its descriptor.
    Created,
    /// It existed under its name, and stays.
    Attached,
    /// Its descriptor was handed in.
    HandedIn,
}

impl TunDevice {
    /// Creates the interface of `options`, or attaches to it, and sets up the kernel's side.
    ///
    /// # Errors
    ///
    /// See [`TunError`]; all that was done until then is undone.
    pub fn open(options: &TunOptions) -> Result<Self, TunError> {
        let name = options.name.as_str();
        let is_name = !name.is_empty()
            && name.len() <= NAME_OCTETS_MAX
            && name != "."
            && name != ".."
            && name
                .bytes()
                .all(|octet| octet.is_ascii_graphic() && !matches!(octet, b'/' | b':' | b'%'));
        if !is_name {
            return Err(TunError::NameInvalid(name.into()));
        }
        let origin = match Link::find(name) {
            Ok(_) => Origin::Attached,
            Err(_) => Origin::Created,
        };
        let descriptor = open_interface(name)?;
        let link = Link::find(name)?;
        let mut changes = Changes::new(link, origin);
        changes.make(options)?;
        let mtu_octets = changes.link.info()?.mtu_octets;
        Ok(Self {
            // A device that was created here takes its addresses and routes along.
            changes: (origin == Origin::Attached).then_some(changes),
            descriptor,
            name: Some(name.into()),
            origin,
            mtu_octets: u16::try_from(mtu_octets).unwrap_or(u16::MAX),
            buffers: Buffers::new(),
        })
    }

    /// Takes over a descriptor that carries one whole packet from its IP header on in each read and
    /// write: a TUN without packet information, or a socket that keeps boundaries.
    ///
    /// # Errors
    ///
    /// It cannot be made non-blocking, or the MTU is below 68 octets.
    pub fn from_fd(descriptor: OwnedFd, mtu_octets: u16) -> io::Result<Self> {
        if mtu_octets < 68 {
            return Err(Raw::INVAL.into());
        }
        rustix::io::ioctl_fionbio(&descriptor, true)?;
        Ok(Self {
            changes: None,
            descriptor,
            name: None,
            origin: Origin::HandedIn,
            mtu_octets,
            buffers: Buffers::new(),
        })
    }

    /// The interface's name; `None` if the descriptor was handed in.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// How we came by it.
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    fn send(&self, packet: &OutPacket) -> rustix::io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut filled = 0;
        let octets = std::iter::once(packet.header.as_slice())
            .chain(packet.text.slices().map(|slice| &slice[..]));
        for octets in octets {
            let Some(slice) = slices.get_mut(filled) else {
                return rustix::io::write(&self.descriptor, &packet.to_vec());
            };
            *slice = IoSlice::new(octets);
            filled += 1;
        }
        rustix::io::writev(&self.descriptor, slices.get(..filled).unwrap_or_default())
    }
}

impl Device for TunDevice {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            mtu_octets: self.mtu_octets,
            partial_checksum: false,
            segmentation: false,
        }
    }

    fn receive(&mut self, batch: &mut Vec<Packet>, packets_max: usize) -> io::Result<()> {
        let mut received = 0;
        while received < packets_max {
            // Somebody may have raised the MTU meanwhile: such a packet arrives cut, and `ip` sees
            // that it is shorter than its header says.
            let room = self.buffers.room(usize::from(self.mtu_octets));
            match rustix::io::read(&self.descriptor, room) {
                // A descriptor that was handed in has ended. A TUN has no empty packets.
                Ok(0) => return Err(io::ErrorKind::BrokenPipe.into()),
                Ok(octets) => {
                    batch.push(Packet::new(self.buffers.take(octets)));
                    received += 1;
                }
                Err(Raw::AGAIN) => break,
                Err(Raw::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn transmit(&mut self, batch: &mut VecDeque<OutPacket>) -> io::Result<()> {
        while let Some(packet) = batch.front() {
            let octets = packet.octets();
            match self.send(packet) {
                Ok(sent) => {
                    batch.pop_front();
                    if sent != octets {
                        return Err(io::ErrorKind::WriteZero.into());
                    }
                }
                // No room: the packet waits.
                Err(Raw::AGAIN | Raw::NOBUFS) => break,
                Err(Raw::INTR) => {}
                // EIO: the interface is down. The packet is lost like any on a dead wire, and the
                // flows live on until it is up again or their patience ends (BAD-83).
                Err(error) => {
                    batch.pop_front();
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Opens the TUN called `name`, without packet information and without blocking.
fn open_interface(name: &str) -> Result<OwnedFd, TunError> {
    // The crate opens the node and claims the interface in one call. To tell who refused, we open
    // the node once ourselves.
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(NODE)
        .map_err(|error| TunError::of_node(Errno::of(&error)))?;
    let interface = Iface::without_packet_info(name, Mode::Tun)
        .map_err(|error| TunError::of_interface(name, Errno::of(&error)))?;
    let raw = interface.into_raw_fd();
    // SAFETY: `into_raw_fd` gives the open descriptor away, so that nobody else owns or closes it.
    #[allow(unsafe_code)]
    let descriptor = unsafe { OwnedFd::from_raw_fd(raw) };
    rustix::io::ioctl_fionbio(&descriptor, true)
        .map_err(|error| TunError::of_interface(name, error.into()))?;
    Ok(descriptor)
}

/// What was changed on the kernel's side, in order; undone on drop, in reverse.
#[derive(Debug)]
struct Changes {
    link: Link,
    origin: Origin,
    made: Vec<Change>,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    State(LinkState),
    Mtu(u32),
    TxQueue(u32),
    Address(InterfaceAddress),
    Route(Route),
}

impl Changes {
    const fn new(link: Link, origin: Origin) -> Self {
        Self {
            link,
            origin,
            made: Vec::new(),
        }
    }

    fn make(&mut self, options: &TunOptions) -> Result<(), LinkError> {
        let before = self.link.info()?;
        if let Some(octets) = options.mtu_octets {
            let octets = u32::from(octets);
            if octets != before.mtu_octets {
                self.link.set_mtu(octets)?;
                self.made.push(Change::Mtu(before.mtu_octets));
            }
        }
        if let Some(packets) = options.tx_queue_packets
            && packets != before.tx_queue_packets
        {
            self.link.set_tx_queue(packets)?;
            self.made.push(Change::TxQueue(before.tx_queue_packets));
        }
        for address in &options.peer_addresses {
            self.link.add_address(*address)?;
            self.made.push(Change::Address(*address));
        }
        if let Some(state) = options.state
            && state != before.state
        {
            self.link.set_state(state)?;
            self.made.push(Change::State(before.state));
        }
        if options.state.unwrap_or(before.state) == LinkState::Up {
            for address in &options.peer_addresses {
                self.link.await_address(address.address)?;
            }
        }
        // Routes last: an interface that is down has none.
        for route in &options.routes {
            self.link.add_route(*route)?;
            self.made.push(Change::Route(*route));
        }
        Ok(())
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        if self.origin != Origin::Attached {
            return;
        }
        for change in self.made.drain(..).rev() {
            // If the interface is gone meanwhile, so is what was changed.
            let _ = match change {
                Change::State(state) => self.link.set_state(state),
                Change::Mtu(octets) => self.link.set_mtu(octets),
                Change::TxQueue(packets) => self.link.set_tx_queue(packets),
                Change::Address(address) => self.link.remove_address(address),
                Change::Route(route) => self.link.remove_route(route),
            };
        }
    }
}
