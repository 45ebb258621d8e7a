//! F1 and F2: IPv4 input, and IPv6 with chains of extension headers (RFC 791, RFC 1122, RFC 8200).
//!
//! Each record is a packet or a pause. For IPv6 half of the packets get a chain of extension headers in
//! any order and number, right or wrong.

use sidestep_stack::Duration;

use crate::fuzz::outcome::Outcome;
use crate::fuzz::packets::{OPEN_PORT, damage, header, mend, template};
use crate::fuzz::record::{Input, Record, noise};
use crate::fuzz::rig::Family;
use crate::fuzz::scene::Scene;
use crate::packet::craft::{Ip, pattern, protocol, udp};

/// F1.
pub(crate) fn run_v4(input: Input<'_>, outcome: &mut Outcome) {
    run(input, outcome, Family::V4, |record| {
        template(record, Family::V4)
    });
}

/// F2.
pub(crate) fn run_v6(input: Input<'_>, outcome: &mut Outcome) {
    run(input, outcome, Family::V6, |record| {
        if record.bit(2, 7) {
            template(record, Family::V6)
        } else {
            chain(record)
        }
    });
}

fn run(
    input: Input<'_>,
    outcome: &mut Outcome,
    family: Family,
    packet: impl Fn(&Record) -> Vec<u8>,
) {
    let Some(mut scene) = Scene::of(family) else {
        return;
    };
    for record in input.records() {
        if record.byte(0) & 15 == 15 {
            let pause = Duration::from_millis(u64::from(record.half(1)) * 4);
            scene.rig.pass(outcome, pause);
        } else {
            let mut packet = packet(&record);
            damage(&record, &mut packet);
            scene.rig.arrives(outcome, &packet);
        }
        scene.rig.forget();
        if record.bit(0, 3) {
            scene.datagram(outcome);
            scene.payload(outcome);
        }
        if outcome.is_broken() {
            return;
        }
    }
}

/// A packet behind a chain of up to ten extension headers, which the octets at 6 and from 8 on choose.
fn chain(record: &Record) -> Vec<u8> {
    let ip = header(record, Family::V6);
    let length = usize::from(record.byte(6)) % 11;
    let kinds: Vec<u8> = (0..length).map(|at| kind_of(record.byte(8 + at))).collect();
    let last = match record.byte(1) % 8 {
        0 | 1 => protocol::UDP,
        2 => protocol::TCP,
        3 => protocol::ICMP_V6,
        4 => protocol::NO_NEXT_HEADER,
        5 => 253,
        _ => protocol::UDP,
    };
    let mut octets = Vec::new();
    for (at, kind) in kinds.iter().enumerate() {
        let next = kinds.get(at + 1).copied().unwrap_or(last);
        octets.extend(extension(*kind, next, record, at));
    }
    octets.extend(upper(&ip, last, record));
    let first = kinds.first().copied().unwrap_or(last);
    let mut packet = ip.packet(first, &octets);
    mend(&mut packet);
    packet
}

fn kind_of(octet: u8) -> u8 {
    match octet % 8 {
        0 => protocol::HOP_BY_HOP,
        1 | 2 => protocol::DESTINATION_OPTIONS,
        3 => protocol::ROUTING,
        4 => protocol::FRAGMENT,
        5 => 51,
        6 => protocol::DESTINATION_OPTIONS,
        _ => 135,
    }
}

fn extension(kind: u8, next: u8, record: &Record, at: usize) -> Vec<u8> {
    let salt = record.byte(8 + at) >> 3;
    if kind == protocol::FRAGMENT {
        let units = u16::from(salt) << 3;
        let bits = if salt & 1 == 0 { units } else { units | 1 };
        let mut header = vec![next, 0];
        header.extend(bits.to_be_bytes());
        header.extend(u32::from(salt).to_be_bytes());
        return header;
    }
    let units = usize::from(salt) % 3;
    let mut header = vec![next, units as u8];
    match (kind, salt % 4) {
        (protocol::ROUTING, which) => header.extend([which, salt % 2, 0, 0, 0, 0]),
        (_, 0) => header.extend([1, 4, 0, 0, 0, 0]),
        // Options that nobody knows, with each of the four actions (RFC 8200 §4.2).
        (_, 1) => header.extend([record.byte(7), 4, 0, 0, 0, 0]),
        (_, 2) => header.extend([5, 2, 0, 0, 1, 0]),
        (_, _) => header.extend([0xc2, 4, 0, 1, 0, 0]),
    }
    header.extend(noise(record.word(10), 8 * units));
    header
}

fn upper(ip: &Ip, last: u8, record: &Record) -> Vec<u8> {
    let octets = usize::from(record.byte(14));
    match last {
        protocol::UDP => udp(ip, 6_000, OPEN_PORT, &pattern(0, octets)),
        protocol::ICMP_V6 => {
            let mut message = vec![128, 0, 0, 0, 0, 1, 0, 2];
            message.extend(pattern(0, octets));
            message
        }
        protocol::TCP => noise(record.word(9), 20 + octets % 40),
        _ => pattern(0, octets),
    }
}
