//! System calls of the script, made.
//!
//! The application's thread calls [`carry_out`]; what it returns is what the kernel returned, number by
//! number.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::FdFlags;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType};
use sidestep::error::Errno;

use super::raw::{self, NumberRequest};
use crate::drill::backend::numbers::{
    F_GETFD, F_GETFL, F_SETFD, F_SETFL, FIONREAD, IPPROTO_TCP, SIOCATMARK, SIOCOUTQ, SIOCOUTQNSD,
    SO_LINGER, SO_RCVTIMEO, SO_SNDTIMEO, SOL_SOCKET, TCP_CONGESTION, TCP_INFO,
};
use crate::drill::backend::{
    Blocking, Fd, OptionValue, Outcome, PollEntry, SocketFamily, SocketKind, Syscall, TcpInfo,
};

/// The sockets of a script. Both threads hold them, so that the runner's can end a call that blocks.
pub(super) type Sockets = Arc<Mutex<BTreeMap<Fd, Arc<OwnedFd>>>>;

/// The most octets that one `recv` of a script asks for.
const RECEIVE_OCTETS_MAX: usize = 64 << 20;

fn find(sockets: &Sockets, fd: Fd) -> Result<Arc<OwnedFd>, Errno> {
    sockets.lock().get(&fd).cloned().ok_or(Errno::EBADF)
}

fn keep(sockets: &Sockets, socket: OwnedFd) -> Outcome {
    let fd = socket.as_raw_fd();
    sockets.lock().insert(fd, Arc::new(socket));
    Outcome::of(fd.into())
}

/// Makes the call, and waits as long as it does. A stream socket begins with `congestion`, if there is
/// one.
pub(super) fn carry_out(sockets: &Sockets, congestion: Option<&str>, call: Syscall) -> Outcome {
    try_carry_out(sockets, congestion, call).unwrap_or_else(Outcome::failed)
}

fn flags_of(blocking: Blocking) -> SocketFlags {
    match blocking {
        Blocking::Yes => SocketFlags::CLOEXEC,
        Blocking::No => SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
    }
}

fn try_carry_out(
    sockets: &Sockets,
    congestion: Option<&str>,
    call: Syscall,
) -> Result<Outcome, Errno> {
    match call {
        Syscall::Socket {
            family,
            kind,
            blocking,
        } => {
            let family = match family {
                SocketFamily::V4 => AddressFamily::INET,
                SocketFamily::V6 => AddressFamily::INET6,
            };
            let kind = match kind {
                SocketKind::Stream => SocketType::STREAM,
                SocketKind::Datagram => SocketType::DGRAM,
            };
            let socket = rustix::net::socket_with(family, kind, flags_of(blocking), None)?;
            if let (SocketType::STREAM, Some(congestion)) = (kind, congestion) {
                rustix::net::sockopt::set_tcp_congestion(&socket, congestion)?;
            }
            Ok(keep(sockets, socket))
        }
        Syscall::Bind { fd, address } => {
            rustix::net::bind(&*find(sockets, fd)?, &address)?;
            Ok(Outcome::done())
        }
        Syscall::Listen { fd, backlog } => {
            rustix::net::listen(&*find(sockets, fd)?, backlog)?;
            Ok(Outcome::done())
        }
        Syscall::Accept { fd, blocking } => {
            let listener = find(sockets, fd)?;
            let (socket, name) = rustix::net::acceptfrom_with(&*listener, flags_of(blocking))?;
            Ok(Outcome {
                address: name.and_then(|name| SocketAddr::try_from(name).ok()),
                ..keep(sockets, socket)
            })
        }
        Syscall::Connect { fd, address } => {
            rustix::net::connect(&*find(sockets, fd)?, &address)?;
            Ok(Outcome::done())
        }
        Syscall::Receive {
            fd,
            octets_max,
            flags,
        } => receive(&*find(sockets, fd)?, octets_max, flags),
        Syscall::Send {
            fd,
            octets,
            flags,
            to,
        } => {
            let socket = find(sockets, fd)?;
            let flags = SendFlags::from_bits_retain(flags.cast_unsigned()) | SendFlags::NOSIGNAL;
            let sent = match to {
                Some(to) => rustix::net::sendto(&*socket, &octets, flags, &to)?,
                None => rustix::net::send(&*socket, &octets, flags)?,
            };
            Ok(Outcome::of(i64::try_from(sent).unwrap_or(i64::MAX)))
        }
        Syscall::Close { fd } => match sockets.lock().remove(&fd) {
            Some(_) => Ok(Outcome::done()),
            None => Err(Errno::EBADF),
        },
        Syscall::Shutdown { fd, how } => {
            let how = match how {
                0 => Shutdown::Read,
                1 => Shutdown::Write,
                2 => Shutdown::Both,
                _ => return Err(Errno::EINVAL),
            };
            rustix::net::shutdown(&*find(sockets, fd)?, how)?;
            Ok(Outcome::done())
        }
        Syscall::Poll {
            entries,
            timeout_ms,
        } => poll(sockets, &entries, timeout_ms),
        Syscall::SetOption {
            fd,
            level,
            name,
            value,
        } => {
            let socket = find(sockets, fd)?;
            raw::set_option(socket.as_fd(), level, name, &octets_of(&value))?;
            Ok(Outcome::done())
        }
        Syscall::GetOption { fd, level, name } => get_option(&*find(sockets, fd)?, level, name),
        Syscall::Fcntl {
            fd,
            command,
            argument,
        } => fcntl(&*find(sockets, fd)?, command, argument),
        Syscall::Ioctl { fd, request } => ioctl(&*find(sockets, fd)?, request),
    }
}

fn receive(socket: &OwnedFd, octets_max: usize, flags: i32) -> Result<Outcome, Errno> {
    let mut room = vec![0; octets_max.min(RECEIVE_OCTETS_MAX)];
    let flags = RecvFlags::from_bits_retain(flags.cast_unsigned());
    let (octets, _, name) = rustix::net::recvfrom(socket, &mut room[..], flags)?;
    room.truncate(octets);
    Ok(Outcome {
        address: name.and_then(|name| SocketAddr::try_from(name).ok()),
        ..Outcome::received(room)
    })
}

fn poll(sockets: &Sockets, entries: &[PollEntry], timeout_ms: i32) -> Result<Outcome, Errno> {
    let asked: Result<Vec<Arc<OwnedFd>>, Errno> = entries
        .iter()
        .map(|entry| find(sockets, entry.fd))
        .collect();
    let asked = asked?;
    let mut wanted: Vec<PollFd<'_>> = asked
        .iter()
        .zip(entries)
        .map(|(socket, entry)| {
            let events = PollFlags::from_bits_retain(entry.events.cast_unsigned());
            PollFd::new(&**socket, events)
        })
        .collect();
    let timeout = u64::try_from(timeout_ms)
        .ok()
        .map(Duration::from_millis)
        .map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(time.subsec_nanos()),
        });
    let count = rustix::event::poll(&mut wanted, timeout.as_ref())?;
    Ok(Outcome {
        ready: wanted
            .iter()
            .map(|one| one.revents().bits().cast_signed())
            .collect(),
        ..Outcome::of(i64::try_from(count).unwrap_or(i64::MAX))
    })
}

fn octets_of(value: &OptionValue) -> Vec<u8> {
    match value {
        OptionValue::Number(number) => number.to_ne_bytes().to_vec(),
        OptionValue::Linger { on, seconds } => [on.to_ne_bytes(), seconds.to_ne_bytes()].concat(),
        OptionValue::Time(time) => {
            let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
            let micros = i64::from(time.subsec_micros());
            [seconds.to_ne_bytes(), micros.to_ne_bytes()].concat()
        }
        OptionValue::Octets(octets) => octets.clone(),
    }
}

fn get_option(socket: &OwnedFd, level: i32, name: i32) -> Result<Outcome, Errno> {
    let mut room = [0; 64];
    let octets = raw::get_option(socket.as_fd(), level, name, &mut room)?;
    let found = room.get(..octets).unwrap_or_default();
    let number = |at: usize| {
        let octets = found.get(at..).and_then(|rest| rest.first_chunk::<4>());
        octets.map_or(0, |octets| i32::from_ne_bytes(*octets))
    };
    let long = |at: usize| {
        let octets = found.get(at..).and_then(|rest| rest.first_chunk::<8>());
        octets.map_or(0, |octets| i64::from_ne_bytes(*octets))
    };
    let value = match (level, name) {
        (SOL_SOCKET, SO_LINGER) => OptionValue::Linger {
            on: number(0),
            seconds: number(4),
        },
        (SOL_SOCKET, SO_RCVTIMEO | SO_SNDTIMEO) => {
            let seconds = Duration::from_secs(u64::try_from(long(0)).unwrap_or(0));
            let micros = Duration::from_micros(u64::try_from(long(8)).unwrap_or(0));
            OptionValue::Time(seconds + micros)
        }
        (IPPROTO_TCP, TCP_CONGESTION) => OptionValue::Octets(found.to_vec()),
        _ if octets == 1 => OptionValue::Number(found.first().copied().unwrap_or(0).into()),
        _ => OptionValue::Number(number(0)),
    };
    Ok(Outcome {
        value: Some(value),
        ..Outcome::done()
    })
}

fn fcntl(socket: &OwnedFd, command: i32, argument: i32) -> Result<Outcome, Errno> {
    let bits = argument.cast_unsigned();
    match command {
        F_GETFL => {
            let flags = rustix::fs::fcntl_getfl(socket)?;
            Ok(Outcome::of(flags.bits().into()))
        }
        F_SETFL => {
            rustix::fs::fcntl_setfl(socket, OFlags::from_bits_retain(bits))?;
            Ok(Outcome::done())
        }
        F_GETFD => {
            // Every socket of ours is closed on exec(), which the script did not ask for.
            rustix::io::fcntl_getfd(socket)?;
            Ok(Outcome::done())
        }
        F_SETFD => {
            rustix::io::fcntl_setfd(socket, FdFlags::from_bits_retain(bits))?;
            Ok(Outcome::done())
        }
        _ => Err(Errno::EINVAL),
    }
}

fn ioctl(socket: &OwnedFd, request: i64) -> Result<Outcome, Errno> {
    let request = match request {
        FIONREAD => NumberRequest::InQueue,
        SIOCOUTQ => NumberRequest::OutQueue,
        SIOCATMARK => NumberRequest::AtMark,
        SIOCOUTQNSD => NumberRequest::OutQueueNotSent,
        _ => return Err(Errno::EINVAL),
    };
    let number = raw::ioctl_number(socket.as_fd(), request)?;
    Ok(Outcome {
        number: Some(number.into()),
        ..Outcome::done()
    })
}

/// `struct tcp_info` of linux/tcp.h: field, place, width in octets.
const INFO: &[(&str, usize, usize)] = &[
    ("tcpi_state", 0, 1),
    ("tcpi_ca_state", 1, 1),
    ("tcpi_retransmits", 2, 1),
    ("tcpi_probes", 3, 1),
    ("tcpi_backoff", 4, 1),
    ("tcpi_options", 5, 1),
    ("tcpi_rto", 8, 4),
    ("tcpi_ato", 12, 4),
    ("tcpi_snd_mss", 16, 4),
    ("tcpi_rcv_mss", 20, 4),
    ("tcpi_unacked", 24, 4),
    ("tcpi_sacked", 28, 4),
    ("tcpi_lost", 32, 4),
    ("tcpi_retrans", 36, 4),
    ("tcpi_fackets", 40, 4),
    ("tcpi_last_data_sent", 44, 4),
    ("tcpi_last_ack_sent", 48, 4),
    ("tcpi_last_data_recv", 52, 4),
    ("tcpi_last_ack_recv", 56, 4),
    ("tcpi_pmtu", 60, 4),
    ("tcpi_rcv_ssthresh", 64, 4),
    ("tcpi_rtt", 68, 4),
    ("tcpi_rttvar", 72, 4),
    ("tcpi_snd_ssthresh", 76, 4),
    ("tcpi_snd_cwnd", 80, 4),
    ("tcpi_advmss", 84, 4),
    ("tcpi_reordering", 88, 4),
    ("tcpi_rcv_rtt", 92, 4),
    ("tcpi_rcv_space", 96, 4),
    ("tcpi_total_retrans", 100, 4),
    ("tcpi_pacing_rate", 104, 8),
    ("tcpi_max_pacing_rate", 112, 8),
    ("tcpi_bytes_acked", 120, 8),
    ("tcpi_bytes_received", 128, 8),
    ("tcpi_segs_out", 136, 4),
    ("tcpi_segs_in", 140, 4),
    ("tcpi_notsent_bytes", 144, 4),
    ("tcpi_min_rtt", 148, 4),
    ("tcpi_data_segs_in", 152, 4),
    ("tcpi_data_segs_out", 156, 4),
    ("tcpi_delivery_rate", 160, 8),
    ("tcpi_busy_time", 168, 8),
    ("tcpi_rwnd_limited", 176, 8),
    ("tcpi_sndbuf_limited", 184, 8),
    ("tcpi_delivered", 192, 4),
    ("tcpi_delivered_ce", 196, 4),
    ("tcpi_bytes_sent", 200, 8),
    ("tcpi_bytes_retrans", 208, 8),
    ("tcpi_dsack_dups", 216, 4),
    ("tcpi_reord_seen", 220, 4),
    ("tcpi_rcv_ooopack", 224, 4),
    ("tcpi_snd_wnd", 228, 4),
    ("tcpi_rcv_wnd", 232, 4),
    ("tcpi_rehash", 236, 4),
    ("tcpi_total_rto", 240, 2),
];

/// `TCP_INFO`.
pub(super) fn tcp_info(sockets: &Sockets, fd: Fd) -> Result<TcpInfo, Errno> {
    tcp_info_of(find(sockets, fd)?.as_fd())
}

/// `TCP_INFO` of a socket of the kernel's, as far as this kernel knows its fields.
///
/// # Errors
///
/// It is no TCP socket.
pub fn tcp_info_of(socket: BorrowedFd<'_>) -> Result<TcpInfo, Errno> {
    let mut room = [0; 512];
    let octets = raw::get_option(socket, IPPROTO_TCP, TCP_INFO, &mut room)?;
    let found = room.get(..octets).unwrap_or_default();
    let mut info = TcpInfo::new();
    for (name, at, width) in INFO {
        let Some(field) = found.get(*at..at + width) else {
            continue;
        };
        let mut wide = [0; 8];
        // The places of this table are those of little-endian Linux machines too: fields are their
        // own words.
        let value = match field.len() {
            2 => {
                let mut half = [0; 2];
                half.copy_from_slice(field);
                u64::from(u16::from_ne_bytes(half))
            }
            4 => {
                let mut word = [0; 4];
                word.copy_from_slice(field);
                u64::from(u32::from_ne_bytes(word))
            }
            8 => {
                wide.copy_from_slice(field);
                u64::from_ne_bytes(wide)
            }
            _ => field.first().copied().unwrap_or(0).into(),
        };
        info.set(name, value);
    }
    // Two bit fields; the first one is in the low half where numbers are little-endian.
    if let Some(scales) = found.get(6) {
        let (low, high) = (scales & 15, scales >> 4);
        let (snd, rcv) = if cfg!(target_endian = "little") {
            (low, high)
        } else {
            (high, low)
        };
        info.set("tcpi_snd_wscale", snd);
        info.set("tcpi_rcv_wscale", rcv);
    }
    Ok(info)
}
