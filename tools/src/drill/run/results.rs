//! Whether what came of a call is what the script says: its result, what it filled in, and the octets
//! that it received.
//!
//! The player asks once a call has ended. The first difference is told in one sentence.

use std::net::SocketAddr;

use super::calls::call_name;
use super::flow::{Flows, Transport};
use crate::drill::ast::{Buffer, Call, CallResult, OptionValue, SocketName};
use crate::drill::backend::numbers::MSG_PEEK;
use crate::drill::backend::{self, Outcome};
use crate::drill::constants::SocketOption;

/// The difference between what a call returned and what the script says, in a sentence.
pub(super) fn difference(call: &Call, said: &CallResult, outcome: &Outcome) -> Option<String> {
    let names_a_descriptor = matches!(call, Call::Socket { .. } | Call::Accept { .. });
    match (said.value, outcome.result) {
        (None, _) => None,
        (Some(-1), Err(errno)) => match said.errno {
            Some(said) if said.0 != errno.raw() => Some(format!(
                "{} failed with {errno:?}, the script says {said}",
                call_name(call)
            )),
            Some(_) | None => None,
        },
        (Some(said), Err(errno)) => Some(format!(
            "{} failed with {errno:?}, the script says that it returns {said}",
            call_name(call)
        )),
        (Some(said), Ok(_)) if names_a_descriptor && said >= 0 => None,
        (Some(wanted), Ok(value)) if wanted != value => Some(format!(
            "{} returned {value}, the script says {}",
            call_name(call),
            match said.errno {
                Some(errno) => format!("-1 {errno}"),
                None => wanted.to_string(),
            }
        )),
        (Some(_), Ok(_)) => of_values(call, outcome),
    }
}

/// What a call gave besides its result.
fn of_values(call: &Call, outcome: &Outcome) -> Option<String> {
    match call {
        Call::Accept { address, .. } | Call::ReceiveFrom { address, .. } => {
            of_names(*address, outcome)
        }
        Call::ReceiveMessage { message, .. } => of_names(message.name, outcome),
        Call::Poll { entries, .. } => {
            entries
                .iter()
                .zip(&outcome.ready)
                .find_map(|(said, ready)| {
                    let wanted = said.returned.as_ref()?;
                    (wanted.bits() != i64::from(*ready)).then(|| {
                        format!(
                            "poll says {ready:#x} of {}, the script says {wanted}",
                            said.fd
                        )
                    })
                })
        }
        Call::Ioctl {
            value: Some(value), ..
        } => {
            let found = outcome.number?;
            (found != *value).then(|| format!("ioctl says {found}, the script says {value}"))
        }
        Call::GetOption { option, value, .. } => of_options(*option, value, outcome),
        _ => None,
    }
}

fn of_names(said: Option<SocketName>, outcome: &Outcome) -> Option<String> {
    let said = said?;
    let said = SocketAddr::new(said.address, said.port);
    let found = outcome.address?;
    (found != said).then(|| format!("the other end is {found}, the script says {said}"))
}

fn of_options(option: SocketOption, said: &OptionValue, outcome: &Outcome) -> Option<String> {
    let found = outcome.value.as_ref()?;
    let differs = |found: String, said: String| {
        (found != said).then(|| format!("{} is {found}, the script says {said}", option.name()))
    };
    match (said, found) {
        (OptionValue::Any, _) => None,
        (OptionValue::Number(said), backend::OptionValue::Number(found)) => {
            differs(found.to_string(), said.to_string())
        }
        (OptionValue::Text(said), backend::OptionValue::Octets(found)) => {
            let found = String::from_utf8_lossy(found);
            differs(found.trim_end_matches('\0').to_owned(), said.clone())
        }
        (
            OptionValue::Linger { on, seconds },
            backend::OptionValue::Linger {
                on: found_on,
                seconds: found_seconds,
            },
        ) => differs(
            format!("{found_on} {found_seconds}"),
            format!("{on} {seconds}"),
        ),
        (OptionValue::Timeval { seconds, micros }, backend::OptionValue::Time(found)) => differs(
            format!("{} s {} us", found.as_secs(), found.subsec_micros()),
            format!("{seconds} s {micros} us"),
        ),
        (_, found) => Some(format!(
            "{} is {found:?}, the script says {said:?}",
            option.name()
        )),
    }
}

/// Compares what was received with what the runner sent, and moves on in the stream.
pub(super) fn check_received(
    call: &Call,
    flags: i32,
    outcome: &Outcome,
    flow: Option<usize>,
    flows: &mut Flows,
) -> Option<String> {
    if outcome.result.is_err() || outcome.octets.is_empty() {
        return None;
    }
    let flow = match flow {
        Some(flow) => Some(flow),
        // An unconnected UDP socket: who sent it tells which flow it is.
        None => outcome
            .address
            .and_then(|remote| flows.from_remote(Transport::Udp, remote)),
    };
    let flow = flow.and_then(|index| flows.get_mut(index))?;
    let found = &outcome.octets;
    let wanted = match flow.transport {
        Transport::Tcp => {
            let wanted = flow.arrived.at(flow.read_octets, found.len());
            if flags & MSG_PEEK == 0 {
                flow.read_octets += found.len() as u64;
            }
            wanted
        }
        Transport::Udp => {
            // Some may have been lost on the way in; order is kept.
            let at = flow
                .unread
                .iter()
                .position(|datagram| datagram.starts_with(found));
            let Some(at) = at else {
                return Some("what was received is no datagram that was sent".to_owned());
            };
            flow.unread.drain(..=at);
            found.clone()
        }
    };
    if wanted != *found {
        let at = wanted.iter().zip(found).position(|(a, b)| a != b);
        return Some(format!(
            "what {} gave is wrong from its octet {} on",
            call_name(call),
            at.unwrap_or(0)
        ));
    }
    spelled_out(call, found)
}

/// A text that the script spells out in the buffer.
fn spelled_out(call: &Call, found: &[u8]) -> Option<String> {
    let buffer = match call {
        Call::Read { buffer, .. }
        | Call::Receive { buffer, .. }
        | Call::ReceiveFrom { buffer, .. } => buffer,
        _ => return None,
    };
    let Buffer::Octets(said) = buffer else {
        return None;
    };
    let said = said.get(..found.len().min(said.len()))?;
    (!found.starts_with(said))
        .then(|| "what was received is another text than the script spells out".to_owned())
}
