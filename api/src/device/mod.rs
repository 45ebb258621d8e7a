//! Where packets come from and go to: batches of (super)packets of up to 64 KiB.
//!
//! The packet thread owns one [`Device`] and calls it from `driver/turn.rs`. A device never looks
//! into a packet further than its offload metadata.

mod buffers;
pub mod link;
pub mod memory;
pub(crate) mod netlink;
#[cfg(test)]
pub(crate) mod own_network;
pub mod tun;

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::os::fd::BorrowedFd;

pub use sidestep_stack::wire::packet::{OutPacket, Packet};

/// What a device can do for the stack.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Capabilities {
    /// Octets of the largest packet on the wire.
    pub mtu_octets: u16,
    /// It fills in [`OutPacket::partial_checksum`].
    pub partial_checksum: bool,
    /// It cuts superpackets by [`OutPacket::segment_octets`].
    pub segmentation: bool,
}

/// How a device that had no room for a packet tells that it has room again.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RoomSignal {
    /// Its descriptor becomes writable. While packets wait, poll for that as well.
    #[default]
    Writable,
    /// Its descriptor becomes *readable*, as it does for a packet. Polling for writability would
    /// return at once, for ever: do not. Once awake, call [`Device::transmit`] with the packets
    /// that wait, which takes the signal back.
    Readable,
}

/// Something that carries IP packets, without ever blocking.
pub trait Device: Send + Debug {
    /// What it can do; asked once, before the first packet.
    fn capabilities(&self) -> Capabilities;

    /// Appends up to `packets_max` packets that have arrived to `batch`. None is no error.
    ///
    /// # Errors
    ///
    /// The device failed. An error for which [`is_gone`] holds ends the packet thread's use of the
    /// device; any other one is counted, and the device is asked again later.
    fn receive(&mut self, batch: &mut Vec<Packet>, packets_max: usize) -> io::Result<()>;

    /// Sends from the front of `batch`, and leaves there what it has no room for now.
    ///
    /// # Errors
    ///
    /// As for [`receive`](Self::receive). The packet that met the error is no longer in `batch`.
    fn transmit(&mut self, batch: &mut VecDeque<OutPacket>) -> io::Result<()>;

    /// A descriptor that is readable when `receive` would find a packet or an error. The packet
    /// thread polls it; how it tells of room for packets is [`room_signal`](Self::room_signal).
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// The interface's name, where it has one; asked once.
    fn name(&self) -> Option<&str> {
        None
    }

    /// What to poll for after `transmit` left packets behind; asked once.
    fn room_signal(&self) -> RoomSignal {
        RoomSignal::Writable
    }
}

/// True if the device will never carry a packet again (it was deleted: `EBADFD`, `ENODEV`, or the
/// other end of a cable is gone).
pub fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected
    ) || matches!(
        error.raw_os_error(),
        Some(code) if code == rustix::io::Errno::BADFD.raw_os_error()
            || code == rustix::io::Errno::BADF.raw_os_error()
            || code == rustix::io::Errno::NODEV.raw_os_error()
            || code == rustix::io::Errno::NXIO.raw_os_error()
    )
}
