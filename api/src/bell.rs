//! A descriptor that is readable while something waits.
//!
//! An eventfd: a poll sees it, and both ringing and silencing are one system call. Its owner knows
//! whether it rings, so that neither call is made in vain.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

#[derive(Debug)]
pub(crate) struct Bell(OwnedFd);

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
        )?))
    }

    /// Makes the descriptor readable.
    pub(crate) fn ring(&self) {
        // It can only fail if the counter is full, and then it rings.
        let _ = rustix::io::retry_on_intr(|| rustix::io::write(&self.0, &1_u64.to_ne_bytes()));
    }

    /// Makes the descriptor unreadable.
    pub(crate) fn silence(&self) {
        let mut count = [0_u8; 8];
        // It can only fail if it does not ring.
        let _ = rustix::io::retry_on_intr(|| rustix::io::read(&self.0, &mut count));
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
