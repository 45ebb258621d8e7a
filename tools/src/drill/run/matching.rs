//! Whether a packet is what the script says, field by field.
//!
//! Both sides come in the script's numbers. The first difference is told in one sentence, with both
//! values; [`Matching::Relaxed`] forgives what another stack may rightly do otherwise.

use crate::drill::ast::{
    Contents, Datagram, Ecn, IcmpMessage, IpFields, Packet, Payload, Segment, TcpFlags, TcpOption,
    TcpOptions,
};

/// How much of a packet has to be as the script says.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Matching {
    /// All that the script says.
    #[default]
    Strict,
    /// Options as a set and with any shift of windows, without PSH on text and ACK on resets, bursts
    /// joined or split as the stack likes, and silence after the last event not demanded.
    Relaxed,
}

/// What comparing needs to know besides both packets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rules {
    /// How strictly.
    pub matching: Matching,
    /// How far a TSval may be from what the script says; `None`: it is not compared.
    pub stamp_tolerance: Option<u32>,
}

/// The first difference, in a sentence; `None` if there is none.
pub fn difference(said: &Packet, actual: &Packet, rules: Rules) -> Option<String> {
    match (&said.contents, &actual.contents) {
        (Contents::Tcp(said), Contents::Tcp(actual)) => of_segments(said, actual, rules),
        (Contents::Udp(said), Contents::Udp(actual)) => of_datagrams(said, actual),
        (Contents::Icmp(said), Contents::Icmp(actual)) => of_icmp(said, actual),
        (said, actual) => Some(format!(
            "it is {}, the script says {}",
            kind_of(actual),
            kind_of(said)
        )),
    }
    .or_else(|| of_ip(said.ip, actual.ip))
}

const fn kind_of(contents: &Contents) -> &'static str {
    match contents {
        Contents::Tcp(_) => "a TCP segment",
        Contents::Udp(_) => "a UDP datagram",
        Contents::Icmp(_) => "an ICMP message",
    }
}

/// `what` is `actual`, and should not be.
fn unless_equal<T: PartialEq + std::fmt::Display>(
    what: &str,
    said: T,
    actual: T,
) -> Option<String> {
    (said != actual).then(|| format!("the {what} is {actual}, the script says {said}"))
}

fn of_segments(said: &Segment, actual: &Segment, rules: Rules) -> Option<String> {
    of_flags(said, actual, rules)
        .or_else(|| unless_equal("sequence number", said.seq, actual.seq))
        .or_else(|| unless_equal("text's length", said.octets, actual.octets))
        .or_else(|| of_acks(said, actual, rules))
        .or_else(|| unless_equal("window", said.window?, actual.window?))
        .or_else(|| of_urgent(said, actual))
        .or_else(|| of_options(&said.options, &actual.options, rules))
        .or_else(|| of_payloads(&said.payload, &actual.payload, actual.octets))
        .or_else(|| match (said.ports, actual.ports) {
            (Some(said), Some(actual)) => unless_equal("source port", said.source, actual.source)
                .or_else(|| unless_equal("destination port", said.destination, actual.destination)),
            // Whoever says nothing means the flow that the script is about.
            (None, Some(actual)) => Some(format!(
                "it goes from port {} to port {}, which is another connection",
                actual.source, actual.destination
            )),
            (_, None) => None,
        })
}

fn of_flags(said: &Segment, actual: &Segment, rules: Rules) -> Option<String> {
    let has_text = said.octets > 0 && actual.octets > 0;
    let resets = said.flags.has(TcpFlags::RST) && actual.flags.has(TcpFlags::RST);
    let ignored = match rules.matching {
        Matching::Relaxed if has_text => TcpFlags::PSH,
        // A reset is judged by its number alone in a synchronized state (RFC 9293 §3.5.3).
        Matching::Relaxed if resets => TcpFlags::ACK,
        Matching::Relaxed | Matching::Strict => 0,
    };
    let differ = (said.flags.0 ^ actual.flags.0) & !ignored;
    (differ != 0).then(|| {
        format!(
            "the flags are {}, the script says {}",
            actual.flags, said.flags
        )
    })
}

fn of_acks(said: &Segment, actual: &Segment, rules: Rules) -> Option<String> {
    match (said.ack, actual.ack) {
        (Some(_), None) if rules.matching == Matching::Relaxed && said.flags.has(TcpFlags::RST) => {
            None
        }
        (Some(said), Some(actual)) => unless_equal("acknowledgment number", said, actual),
        (Some(said), None) => Some(format!(
            "it acknowledges nothing, the script says ack {said}"
        )),
        // `.` alone says that there is an acknowledgment, not of what.
        (None, _) => None,
    }
}

fn of_urgent(said: &Segment, actual: &Segment) -> Option<String> {
    let actual_pointer = actual.urgent?;
    match said.urgent {
        Some(said) => unless_equal("urgent pointer", said, actual_pointer),
        None if said.flags.has(TcpFlags::URG) => None,
        None => unless_equal("urgent pointer", 0, actual_pointer),
    }
}

fn of_options(said: &TcpOptions, actual: &TcpOptions, rules: Rules) -> Option<String> {
    let (TcpOptions::List(said), TcpOptions::List(actual)) = (said, actual) else {
        return None;
    };
    match rules.matching {
        Matching::Strict => of_lists(&plain(said), &plain(actual), rules),
        Matching::Relaxed => of_sets(said, actual, rules),
    }
}

/// Padding at the end is no option.
fn plain(list: &[TcpOption]) -> Vec<&TcpOption> {
    let mut list: Vec<&TcpOption> = list.iter().collect();
    while list.last().is_some_and(|last| **last == TcpOption::End) {
        list.pop();
    }
    list
}

fn of_lists(said: &[&TcpOption], actual: &[&TcpOption], rules: Rules) -> Option<String> {
    let pairs = said.iter().zip(actual);
    let differ = pairs
        .filter_map(|(said, actual)| of_option(said, actual, rules))
        .next();
    differ.or_else(|| match said.len().cmp(&actual.len()) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Less => {
            let extra = actual.get(said.len())?;
            Some(format!(
                "there is the option {}, which the script does not say",
                name_of(extra)
            ))
        }
        std::cmp::Ordering::Greater => {
            let missing = said.get(actual.len())?;
            Some(format!("the option {} is missing", name_of(missing)))
        }
    })
}

fn of_sets(said: &[TcpOption], actual: &[TcpOption], rules: Rules) -> Option<String> {
    let counts = |list: &[TcpOption]| -> Vec<TcpOption> {
        list.iter()
            .filter(|one| !matches!(one, TcpOption::Nop | TcpOption::End))
            .cloned()
            .collect()
    };
    let said = counts(said);
    let mut left = counts(actual);
    for wanted in &said {
        let same = left
            .iter()
            .position(|one| kind_number(one) == kind_number(wanted));
        let Some(at) = same else {
            return Some(format!("the option {} is missing", name_of(wanted)));
        };
        let found = left.remove(at);
        if let Some(difference) = of_option(wanted, &found, rules) {
            return Some(difference);
        }
    }
    let extra = left.first()?;
    Some(format!(
        "there is the option {}, which the script does not say",
        name_of(extra)
    ))
}

fn of_option(said: &TcpOption, actual: &TcpOption, rules: Rules) -> Option<String> {
    if kind_number(said) != kind_number(actual) {
        return Some(format!(
            "there is the option {} where the script says {}",
            name_of(actual),
            name_of(said)
        ));
    }
    match (said, actual) {
        (
            TcpOption::Timestamps { value, echo },
            TcpOption::Timestamps {
                value: actual_value,
                echo: actual_echo,
            },
        ) => {
            let far = rules.stamp_tolerance.is_some_and(|tolerance| {
                let ahead = actual_value.wrapping_sub(*value);
                ahead.min(ahead.wrapping_neg()) > tolerance
            });
            let value_differs = far.then(|| {
                format!(
                    "TSval is {actual_value}, the script says {value} (both count from the first)"
                )
            });
            value_differs.or_else(|| {
                (rules.stamp_tolerance.is_some() && echo != actual_echo)
                    .then(|| format!("TSecr is {actual_echo}, the script says {echo}"))
            })
        }
        (TcpOption::Sack(said), TcpOption::Sack(actual)) => (said != actual).then(|| {
            let show = |blocks: &[crate::drill::ast::SackBlock]| {
                let blocks: Vec<String> = blocks
                    .iter()
                    .map(|block| format!("{}:{}", block.left, block.right))
                    .collect();
                blocks.join(" ")
            };
            format!(
                "the SACK blocks are {}, the script says {}",
                show(actual),
                show(said)
            )
        }),
        (TcpOption::Mss(said), TcpOption::Mss(actual)) => unless_equal("MSS option", said, actual),
        // Everybody chooses the shift that suits its own buffers (RFC 7323 §2.2).
        (TcpOption::WindowScale(_), TcpOption::WindowScale(_))
            if rules.matching == Matching::Relaxed =>
        {
            None
        }
        (TcpOption::WindowScale(said), TcpOption::WindowScale(actual)) => {
            unless_equal("window scale", said, actual)
        }
        (said, actual) => (said != actual).then(|| {
            format!(
                "the option {} has another value than the script says",
                name_of(actual)
            )
        }),
    }
}

/// The kind octet.
const fn kind_number(option: &TcpOption) -> u8 {
    match option {
        TcpOption::End | TcpOption::Raw(_) => 0,
        TcpOption::Nop => 1,
        TcpOption::Mss(_) => 2,
        TcpOption::WindowScale(_) => 3,
        TcpOption::SackPermitted => 4,
        TcpOption::Sack(_) => 5,
        TcpOption::Timestamps { .. } => 8,
        TcpOption::Md5(_) => 19,
        TcpOption::UserTimeout(_) => 28,
        TcpOption::FastOpen(_) => 34,
        TcpOption::Experimental { .. } => 253,
        TcpOption::FastOpenExperimental(_) => 254,
        TcpOption::Unknown { kind, .. } => *kind,
    }
}

/// The language's word for an option.
fn name_of(option: &TcpOption) -> String {
    match option {
        TcpOption::End => "eol".to_owned(),
        TcpOption::Nop => "nop".to_owned(),
        TcpOption::Mss(_) => "mss".to_owned(),
        TcpOption::WindowScale(_) => "wscale".to_owned(),
        TcpOption::SackPermitted => "sackOK".to_owned(),
        TcpOption::Sack(_) => "sack".to_owned(),
        TcpOption::Timestamps { .. } => "TS".to_owned(),
        TcpOption::Md5(_) => "md5".to_owned(),
        TcpOption::UserTimeout(_) => "uto".to_owned(),
        TcpOption::FastOpen(_) => "FO".to_owned(),
        TcpOption::FastOpenExperimental(_) => "FOEXP".to_owned(),
        TcpOption::Experimental { id, .. } => format!("exp {id:#x}"),
        TcpOption::Unknown { kind, .. } => format!("of kind {kind}"),
        TcpOption::Raw(_) => "that is malformed".to_owned(),
    }
}

/// The first octet of a text that is another one, and what both are.
fn of_octets(said: &[u8], actual: &[u8]) -> Option<String> {
    let at = said
        .iter()
        .zip(actual)
        .position(|(said, actual)| said != actual)?;
    Some(format!("the payload is wrong from its octet {at} on"))
}

fn of_payloads(said: &Payload, actual: &Payload, octets: u32) -> Option<String> {
    if octets == 0 {
        return None;
    }
    match (said, actual) {
        (Payload::Any, _) | (_, Payload::Any) | (Payload::Pattern, Payload::Pattern) => None,
        (Payload::Zeroes, Payload::Zeroes) => None,
        (Payload::Octets(said), Payload::Octets(actual)) => of_octets(said, actual),
        (Payload::Octets(said), Payload::Zeroes) => of_octets(said, &vec![0; said.len()]),
        (Payload::Pattern, Payload::Zeroes) => {
            Some("the payload is zeroes, not what the application wrote".to_owned())
        }
        (Payload::Pattern, Payload::Octets(_)) => {
            Some("the payload is not what the application wrote at this place".to_owned())
        }
        (Payload::Zeroes, _) => Some("the payload is not zeroes".to_owned()),
        // The application wrote it, but not what the script says.
        (Payload::Octets(_), Payload::Pattern) => {
            Some("the payload is another one than the script spells out".to_owned())
        }
    }
}

fn of_datagrams(said: &Datagram, actual: &Datagram) -> Option<String> {
    unless_equal("payload's length", said.octets, actual.octets)
        .or_else(|| of_payloads(&said.payload, &actual.payload, actual.octets))
        .or_else(|| {
            let (said, actual) = (said.ports?, actual.ports?);
            unless_equal("source port", said.source, actual.source)
                .or_else(|| unless_equal("destination port", said.destination, actual.destination))
        })
}

fn of_icmp(said: &IcmpMessage, actual: &IcmpMessage) -> Option<String> {
    unless_equal("ICMP type", said.kind.icmp_type, actual.kind.icmp_type)
        .or_else(|| unless_equal("ICMP code", said.kind.code, actual.kind.code))
        .or_else(|| unless_equal("MTU", said.mtu?, actual.mtu.unwrap_or(0)))
        .or_else(|| {
            let (said, actual) = (said.echo?, actual.echo?);
            unless_equal("identifier", said.id, actual.id)
                .or_else(|| unless_equal("echo's number", said.sequence, actual.sequence))
        })
        .or_else(|| unless_equal("echo's length", said.octets, actual.octets))
        .or_else(|| {
            let wanted = said.quoted?;
            (actual.quoted != Some(wanted))
                .then(|| "it quotes another packet than the script says".to_owned())
        })
}

fn of_ip(said: IpFields, actual: IpFields) -> Option<String> {
    let ecn = match (said.ecn, actual.ecn) {
        (None, _) | (_, None) => None,
        (Some(Ecn::Ect01), Some(Ecn::Ect0 | Ecn::Ect1)) => None,
        (Some(said), Some(actual)) => {
            (said != actual).then(|| format!("ECN is {actual:?}, the script says {said:?}"))
        }
    };
    ecn.or_else(|| unless_equal("TOS", said.tos?, actual.tos?))
        .or_else(|| unless_equal("TTL", said.ttl?, actual.ttl?))
        .or_else(|| unless_equal("flow label", said.flow_label?, actual.flow_label?))
        .or_else(|| {
            let (said, actual) = (said.dont_fragment?, actual.dont_fragment?);
            (said != actual).then(|| format!("DF is {actual:?}, the script says {said:?}"))
        })
}
