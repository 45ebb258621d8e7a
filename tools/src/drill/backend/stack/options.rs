//! `setsockopt` and `getsockopt`: Linux's options in the stack's terms.
//!
//! An option that the stack has nothing for fails with `ENOPROTOOPT`, so that a script that depends on
//! it says so. Values are kept as they were set, and rounded where Linux rounds.

use std::time::Duration;

use sidestep::error::Errno;
use sidestep_stack::Call;
use sidestep_stack::call::{CongestionAlgorithm, ConnectionOptions, Families, ReusePort};

use super::socket::{KeepAliveChoice, Role, Socket};
use super::table::Door;
use crate::drill::backend::numbers::{
    AF_INET, AF_INET6, IP_MTU_DISCOVER, IP_TOS, IP_TTL, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP,
    IPPROTO_UDP, IPV6_TCLASS, IPV6_UNICAST_HOPS, IPV6_V6ONLY, SO_ACCEPTCONN, SO_DOMAIN,
    SO_KEEPALIVE, SO_LINGER, SO_OOBINLINE, SO_PRIORITY, SO_PROTOCOL, SO_RCVBUF, SO_RCVBUFFORCE,
    SO_RCVTIMEO, SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, SO_SNDBUFFORCE, SO_SNDTIMEO, SO_TYPE,
    SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, TCP_CONGESTION, TCP_CORK, TCP_DEFER_ACCEPT, TCP_FASTOPEN,
    TCP_FASTOPEN_CONNECT, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_MAXSEG, TCP_NODELAY,
    TCP_QUICKACK, TCP_USER_TIMEOUT,
};
use crate::drill::backend::{OptionValue, Outcome, SocketFamily, SocketKind};

/// `SO_ERROR` takes the error with it.
pub(super) fn take_error(socket: &mut Socket) -> Outcome {
    let errno = socket.stream_mut().and_then(|stream| stream.error.take());
    found(errno.map_or(0, Errno::raw))
}

fn found(number: i32) -> Outcome {
    Outcome {
        value: Some(OptionValue::Number(number)),
        ..Outcome::done()
    }
}

/// `setsockopt`.
pub(super) fn set(
    socket: &mut Socket,
    door: &mut Door<'_>,
    level: i32,
    name: i32,
    value: &OptionValue,
) -> Outcome {
    let change = match value {
        OptionValue::Number(number) => set_number(socket, level, name, *number),
        OptionValue::Linger { on, seconds } if (level, name) == (SOL_SOCKET, SO_LINGER) => {
            socket.chosen.linger = (*on != 0).then_some(*seconds);
            Ok(None)
        }
        OptionValue::Time(time) if level == SOL_SOCKET => set_timeout(socket, name, *time),
        OptionValue::Octets(octets) if (level, name) == (IPPROTO_TCP, TCP_CONGESTION) => {
            set_congestion(socket, octets)
        }
        OptionValue::Linger { .. } | OptionValue::Time(_) | OptionValue::Octets(_) => {
            Err(Errno::ENOPROTOOPT)
        }
    };
    match change {
        Ok(None) => Outcome::done(),
        Ok(Some(options)) => apply(socket, door, options),
        Err(errno) => errno.into(),
    }
}

/// What a live connection is told, if anything.
type Change = Result<Option<ConnectionOptions>, Errno>;

fn apply(socket: &Socket, door: &mut Door<'_>, options: ConnectionOptions) -> Outcome {
    let Role::Stream(stream) = &socket.role else {
        return Outcome::done();
    };
    if stream.is_over {
        return Outcome::done();
    }
    match door.call(Call::SetOptions {
        connection: stream.connection,
        options,
    }) {
        Ok(_) => Outcome::done(),
        Err(errno) => errno.into(),
    }
}

fn set_number(socket: &mut Socket, level: i32, name: i32, number: i32) -> Change {
    let chosen = &mut socket.chosen;
    let options = &mut chosen.options;
    let mut change = ConnectionOptions::default();
    let seconds = || match u64::try_from(number) {
        Ok(seconds @ 1..=32_767) => Ok(Duration::from_secs(seconds)),
        Ok(_) | Err(_) => Err(Errno::EINVAL),
    };
    match (level, name) {
        (SOL_SOCKET, SO_REUSEADDR) => chosen.reuse_address = number != 0,
        (SOL_SOCKET, SO_REUSEPORT) => {
            chosen.reuse_port = if number == 0 {
                ReusePort::No
            } else {
                ReusePort::Yes
            };
        }
        // Urgent data is in line always, and one flow has no priority over itself.
        (SOL_SOCKET, SO_OOBINLINE | SO_PRIORITY) => {}
        (SOL_SOCKET, SO_SNDBUF | SO_SNDBUFFORCE) => {
            let octets = usize::try_from(number).unwrap_or(0);
            options.send_buffer_octets = Some(octets);
            change.send_buffer_octets = Some(octets);
        }
        (SOL_SOCKET, SO_RCVBUF | SO_RCVBUFFORCE) => {
            let octets = usize::try_from(number).unwrap_or(0);
            options.receive_buffer_octets = Some(octets);
            change.receive_buffer_octets = Some(octets);
        }
        (SOL_SOCKET, SO_KEEPALIVE) => {
            chosen.keep_alive = if number == 0 {
                KeepAliveChoice::Off
            } else {
                KeepAliveChoice::On
            };
            change.keep_alive = chosen.connection_options().keep_alive;
        }
        (IPPROTO_TCP, TCP_KEEPIDLE | TCP_KEEPINTVL | TCP_KEEPCNT) => {
            match name {
                TCP_KEEPIDLE => chosen.keep.idle = seconds()?,
                TCP_KEEPINTVL => chosen.keep.interval = seconds()?,
                _ => {
                    chosen.keep.probes_max = match u32::try_from(number) {
                        Ok(probes @ 1..=127) => probes,
                        Ok(_) | Err(_) => return Err(Errno::EINVAL),
                    };
                }
            }
            if chosen.keep_alive == KeepAliveChoice::On {
                change.keep_alive = chosen.connection_options().keep_alive;
            }
        }
        (IPPROTO_TCP, TCP_NODELAY) => {
            options.no_delay = Some(number != 0);
            change.no_delay = Some(number != 0);
        }
        (IPPROTO_TCP, TCP_USER_TIMEOUT) => {
            let time = u64::try_from(number).map_err(|_| Errno::EINVAL)?;
            // Zero is the default of the system.
            let time = (time > 0).then(|| Some(Duration::from_millis(time)));
            options.user_timeout = time;
            change.user_timeout = time;
        }
        (IPPROTO_TCP, TCP_CORK) => {
            options.cork = Some(number != 0);
            change.cork = Some(number != 0);
        }
        (IPPROTO_TCP, TCP_QUICKACK) => {
            options.quick_ack = Some(number != 0);
            change.quick_ack = Some(number != 0);
        }
        (IPPROTO_TCP, TCP_MAXSEG) => {
            let most = u16::try_from(number).map_err(|_| Errno::EINVAL)?;
            options.mss_octets_max = Some(most);
            change.mss_octets_max = Some(most);
        }
        (IPPROTO_IP, IP_TTL) | (IPPROTO_IPV6, IPV6_UNICAST_HOPS) => {
            let limit = u8::try_from(number).ok().filter(|limit| *limit > 0);
            let limit = limit.ok_or(Errno::EINVAL)?;
            options.hop_limit = Some(limit);
            change.hop_limit = Some(limit);
        }
        (IPPROTO_IP, IP_TOS) | (IPPROTO_IPV6, IPV6_TCLASS) => {
            let octet = u8::try_from(number).map_err(|_| Errno::EINVAL)?;
            options.dscp = Some(octet >> 2);
            change.dscp = Some(octet >> 2);
        }
        (IPPROTO_IPV6, IPV6_V6ONLY) => {
            chosen.families = if number == 0 {
                Families::Both
            } else {
                Families::V6
            };
        }
        (IPPROTO_TCP, TCP_DEFER_ACCEPT) => {
            let seconds = u64::try_from(number).map_err(|_| Errno::EINVAL)?;
            chosen.defer_accept = (seconds > 0).then(|| Duration::from_secs(seconds));
        }
        (IPPROTO_TCP, TCP_FASTOPEN) => {
            chosen.fast_open = u32::try_from(number).map_err(|_| Errno::EINVAL)?;
        }
        (IPPROTO_TCP, TCP_FASTOPEN_CONNECT) => chosen.connect_fast = number != 0,
        // The path MTU is always discovered (RFC 1191): WANT and DO.
        (IPPROTO_IP, IP_MTU_DISCOVER) if matches!(number, 1 | 2) => {}
        _ => return Err(Errno::ENOPROTOOPT),
    }
    Ok((change != ConnectionOptions::default()).then_some(change))
}

fn set_timeout(socket: &mut Socket, name: i32, time: Duration) -> Change {
    // Zero waits for ever.
    let time = (time > Duration::ZERO).then_some(time);
    match name {
        SO_RCVTIMEO => socket.chosen.receive_timeout = time,
        SO_SNDTIMEO => socket.chosen.send_timeout = time,
        _ => return Err(Errno::ENOPROTOOPT),
    }
    Ok(None)
}

fn set_congestion(socket: &mut Socket, name: &[u8]) -> Change {
    let name = String::from_utf8_lossy(name);
    let algorithm = CongestionAlgorithm::by_name(name.trim_end_matches('\0'));
    let algorithm = algorithm.ok_or(Errno::ENOENT)?;
    socket.chosen.options.congestion = Some(algorithm);
    Ok(Some(ConnectionOptions {
        congestion: Some(algorithm),
        ..ConnectionOptions::default()
    }))
}

/// `getsockopt`, but for `SO_ERROR`.
pub(super) fn get(socket: &Socket, door: &Door<'_>, level: i32, name: i32) -> Outcome {
    let chosen = &socket.chosen;
    let options = &chosen.options;
    let config = door.stack.config();
    let value = match (level, name) {
        (SOL_SOCKET, SO_LINGER) => OptionValue::Linger {
            on: i32::from(chosen.linger.is_some()),
            seconds: chosen.linger.unwrap_or(0),
        },
        (SOL_SOCKET, SO_RCVTIMEO) => OptionValue::Time(chosen.receive_timeout.unwrap_or_default()),
        (SOL_SOCKET, SO_SNDTIMEO) => OptionValue::Time(chosen.send_timeout.unwrap_or_default()),
        (IPPROTO_TCP, TCP_CONGESTION) => {
            let algorithm = options.congestion.unwrap_or_default();
            OptionValue::Octets(algorithm.name().as_bytes().to_vec())
        }
        _ => {
            let number = match (level, name) {
                (SOL_SOCKET, SO_REUSEADDR) => Ok(i64::from(chosen.reuse_address)),
                (SOL_SOCKET, SO_REUSEPORT) => Ok((chosen.reuse_port == ReusePort::Yes).into()),
                (SOL_SOCKET, SO_KEEPALIVE) => Ok((chosen.keep_alive == KeepAliveChoice::On).into()),
                // Linux keeps twice of what was asked for, for its bookkeeping.
                (SOL_SOCKET, SO_SNDBUF) => Ok(options
                    .send_buffer_octets
                    .map_or(config.send_buffer_octets as i64, |octets| 2 * octets as i64)),
                (SOL_SOCKET, SO_RCVBUF) => Ok(options
                    .receive_buffer_octets
                    .map_or(config.receive_buffer_octets as i64, |octets| {
                        2 * octets as i64
                    })),
                (SOL_SOCKET, _) => of_kind(socket, name),
                (IPPROTO_TCP, TCP_NODELAY) => Ok(options.no_delay.unwrap_or(false).into()),
                (IPPROTO_TCP, TCP_KEEPIDLE) => Ok(chosen.keep.idle.as_secs() as i64),
                (IPPROTO_TCP, TCP_KEEPINTVL) => Ok(chosen.keep.interval.as_secs() as i64),
                (IPPROTO_TCP, TCP_KEEPCNT) => Ok(chosen.keep.probes_max.into()),
                (IPPROTO_TCP, TCP_USER_TIMEOUT) => {
                    let time = options.user_timeout.flatten().unwrap_or_default();
                    Ok(time.as_millis() as i64)
                }
                (IPPROTO_TCP, TCP_MAXSEG) => match socket.stream() {
                    Some(stream) => door.status(stream).map(|status| status.snd_mss.into()),
                    None => Ok(536),
                },
                (IPPROTO_IP, IP_TTL) | (IPPROTO_IPV6, IPV6_UNICAST_HOPS) => {
                    Ok(options.hop_limit.map_or(config.hop_limit as i64, i64::from))
                }
                (IPPROTO_IP, IP_TOS) | (IPPROTO_IPV6, IPV6_TCLASS) => {
                    Ok(i64::from(options.dscp.unwrap_or(0)) << 2)
                }
                _ => Err(Errno::ENOPROTOOPT),
            };
            match number {
                Ok(number) => OptionValue::Number(i32::try_from(number).unwrap_or(i32::MAX)),
                Err(errno) => return errno.into(),
            }
        }
    };
    Outcome {
        value: Some(value),
        ..Outcome::done()
    }
}

/// What a socket is, rather than what it was told.
fn of_kind(socket: &Socket, name: i32) -> Result<i64, Errno> {
    let number = match (name, socket.kind, socket.family) {
        (SO_TYPE, SocketKind::Stream, _) => SOCK_STREAM,
        (SO_TYPE, SocketKind::Datagram, _) => SOCK_DGRAM,
        (SO_PROTOCOL, SocketKind::Stream, _) => IPPROTO_TCP,
        (SO_PROTOCOL, SocketKind::Datagram, _) => IPPROTO_UDP,
        (SO_DOMAIN, _, SocketFamily::V4) => AF_INET,
        (SO_DOMAIN, _, SocketFamily::V6) => AF_INET6,
        (SO_ACCEPTCONN, _, _) => i32::from(matches!(socket.role, Role::Listener(_))),
        _ => return Err(Errno::ENOPROTOOPT),
    };
    Ok(number.into())
}
