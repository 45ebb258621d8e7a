//! `getsockopt`, `setsockopt` and `ioctl` by number, which no safe interface has: scripts may ask for
//! any option, and `TCP_INFO` and `SIOCOUTQ` have no safe form in rustix.
//!
//! The only unsafe code of the tools. Each call hands the kernel a buffer and its true length, and the
//! kernel writes no more than that (getsockopt(2), setsockopt(2), tcp(7)).

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use sidestep::error::Errno;

fn last_error() -> Errno {
    Errno::of(&io::Error::last_os_error())
}

/// The value of an option, as far as it fits `room`; returns how many octets there are.
pub(super) fn get_option(
    socket: BorrowedFd<'_>,
    level: i32,
    name: i32,
    room: &mut [u8],
) -> Result<usize, Errno> {
    let mut octets = libc::socklen_t::try_from(room.len()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: `room` is valid for writes of `octets` octets, and both live through the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            room.as_mut_ptr().cast(),
            &raw mut octets,
        )
    };
    if result == 0 {
        Ok((octets as usize).min(room.len()))
    } else {
        Err(last_error())
    }
}

/// Sets an option to `value`.
pub(super) fn set_option(
    socket: BorrowedFd<'_>,
    level: i32,
    name: i32,
    value: &[u8],
) -> Result<(), Errno> {
    let octets = libc::socklen_t::try_from(value.len()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: `value` is valid for reads of `octets` octets through the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            value.as_ptr().cast(),
            octets,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(last_error())
    }
}

/// What an `ioctl` that asks for an `int` finds. The caller hands in only such requests.
pub(super) fn ioctl_number(socket: BorrowedFd<'_>, request: NumberRequest) -> Result<i32, Errno> {
    let mut number: libc::c_int = 0;
    let request = request as libc::c_ulong;
    // SAFETY: every `NumberRequest` writes one `int`, and `number` is one.
    let result =
        unsafe { libc::ioctl(socket.as_raw_fd(), request as libc::Ioctl, &raw mut number) };
    if result == 0 {
        Ok(number)
    } else {
        Err(last_error())
    }
}

/// Requests that write one `int` (tcp(7), udp(7), ioctl_tty(2)).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u64)]
pub(super) enum NumberRequest {
    /// `FIONREAD`, `SIOCINQ`.
    InQueue = 0x541b,
    /// `SIOCOUTQ`.
    OutQueue = 0x5411,
    /// `SIOCATMARK`.
    AtMark = 0x8905,
    /// `SIOCOUTQNSD`.
    OutQueueNotSent = 0x894b,
}
