//! Lines of the report, in the script's own language.
//!
//! The printer of the language writes them; what stands here is what only a run knows: what was
//! returned, and which fields of an actual packet are worth a word.

use std::time::Duration;

use crate::drill::ast::{Action, Call, CallResult, Contents, IpFields, Packet, SystemCall};
use crate::drill::backend::Outcome;
use crate::drill::constants::Errno;

/// A packet of the script.
pub fn of_packet(packet: &Packet) -> String {
    packet.to_string()
}

/// A packet that left and that nobody expected: its IP header is not worth a word.
pub fn of_unexpected(actual: &Packet) -> String {
    let nothing = Packet {
        ip: IpFields::default(),
        ..actual.clone()
    };
    of_actual(&nothing, actual)
}

/// A packet that left, with as much as the script says of its counterpart.
pub fn of_actual(wanted: &Packet, actual: &Packet) -> String {
    let mut shown = actual.clone();
    let ip = wanted.ip;
    shown.ip = IpFields {
        ecn: actual.ip.ecn.filter(|_| ip.ecn.is_some()),
        tos: actual.ip.tos.filter(|_| ip.tos.is_some()),
        ttl: actual.ip.ttl.filter(|_| ip.ttl.is_some()),
        flow_label: actual.ip.flow_label.filter(|_| ip.flow_label.is_some()),
        dont_fragment: actual
            .ip
            .dont_fragment
            .filter(|_| ip.dont_fragment.is_some()),
    };
    if let Contents::Tcp(segment) = &mut shown.contents
        && segment.urgent == Some(0)
    {
        segment.urgent = None;
    }
    of_packet(&shown)
}

/// A system call of the script.
pub fn of_call(call: &SystemCall) -> String {
    call.to_string()
}

/// The call with what it returned.
pub fn of_ended(call: &SystemCall, outcome: &Outcome) -> String {
    let names_a_descriptor = matches!(call.call, Call::Socket { .. } | Call::Accept { .. });
    let result = match outcome.result {
        // Descriptors are shown as the script numbers them.
        Ok(_) if names_a_descriptor && call.result.value.is_some_and(|value| value >= 0) => {
            CallResult {
                value: call.result.value,
                ..CallResult::default()
            }
        }
        Ok(value) => CallResult {
            value: Some(value),
            ..CallResult::default()
        },
        Err(errno) => CallResult {
            value: Some(-1),
            errno: Some(Errno(errno.raw())),
            note: None,
        },
    };
    let ended = SystemCall {
        call: call.call.clone(),
        returns_at: None,
        result,
    };
    of_call(&ended)
}

/// What happens in an event.
pub fn of_action(action: &Action) -> String {
    match action {
        Action::Call(call) => of_call(call),
        Action::Packet(packet) => of_packet(packet),
        Action::Command(command) => format!("`{}`", command.text),
        Action::Code(_) => "%{ … }%".to_owned(),
    }
}

/// A moment of the script, in seconds.
pub fn of_moment(moment: Duration) -> String {
    format!("{}.{:06} s", moment.as_secs(), moment.subsec_micros())
}
