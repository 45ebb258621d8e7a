//! F5: messages about groups, IGMP and MLD of all versions (RFC 3376, RFC 2236, RFC 3810, RFC 2710).
//!
//! It stands where ND, ARP and Ethernet frames will be once the stack has them. Queries and reports of
//! routers and neighbours arrive while sockets join and leave; reports stay few.

use std::net::IpAddr;

use sidestep_stack::Duration;
use sidestep_stack::call::Call;

use crate::fuzz::outcome::{Outcome, Promise};
use crate::fuzz::packets::{IGMP, damage, group_of, header, mend};
use crate::fuzz::record::{Input, Record, noise};
use crate::fuzz::rig::Family;
use crate::fuzz::scene::Scene;
use crate::packet::craft::{Ip, icmp, protocol};

/// Reports that one step may draw: every group, both kinds of change, the robustness variable.
const REPORTS_MAX: usize = 64;

/// See the module.
pub(crate) fn run(input: Input<'_>, outcome: &mut Outcome) {
    let family = input.head().pick(0, [Family::V4, Family::V6]);
    let Some(mut scene) = Scene::of(family) else {
        return;
    };
    for record in input.records() {
        match record.byte(0) & 15 {
            0..=8 => {
                let mut packet = match family {
                    Family::V4 => igmp(&record),
                    Family::V6 => mld(&record),
                };
                damage(&record, &mut packet);
                scene.rig.arrives(outcome, &packet);
            }
            9..=11 => {
                let group = group_of(family, record.byte(6));
                let socket = scene.socket;
                let _ = scene.rig.call(outcome, Call::JoinGroup { socket, group });
            }
            12 => {
                let group = group_of(family, record.byte(6));
                let socket = scene.socket;
                let _ = scene.rig.call(outcome, Call::LeaveGroup { socket, group });
            }
            _ => {
                let pause = Duration::from_millis(u64::from(record.half(1)) / 2);
                scene.rig.pass(outcome, pause);
            }
        }
        let reports = scene.rig.sent.len();
        outcome.require(reports <= REPORTS_MAX, Promise::OutputBounded, || {
            format!("{reports} reports in one step")
        });
        scene.rig.forget();
        if outcome.is_broken() {
            return;
        }
    }
}

/// The header of a message about `group`: hop limit 1, from a neighbour, unless the record says not.
fn head(record: &Record, family: Family, group: IpAddr) -> Ip {
    let mut ip = header(record, family);
    if record.bit(4, 6) {
        return ip;
    }
    ip.hop_limit = 1;
    if family == Family::V6 {
        ip.source = IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 9]);
    }
    ip.destination = if record.bit(4, 5) {
        group
    } else {
        group_of(family, 1)
    };
    ip
}

fn sources(record: &Record, family: Family) -> Vec<u8> {
    let octets = if family == Family::V4 { 4 } else { 16 };
    let count = usize::from(record.byte(9)) % 5;
    let mut list = vec![record.byte(11), record.byte(12)];
    // Mostly the right count.
    list.extend(if record.bit(10, 0) {
        record.half(13).to_be_bytes()
    } else {
        (count as u16).to_be_bytes()
    });
    list.extend(noise(record.word(11), count * octets));
    list
}

fn igmp(record: &Record) -> Vec<u8> {
    let number = record.pick(6, [0, 77, 77, 78, 1]);
    let group = group_of(Family::V4, number);
    let mut ip = head(record, Family::V4, group);
    if record.bit(4, 4) {
        ip = ip.options(&[0x94, 4, 0, 0]);
    }
    let kind = record.pick(7, [0x11, 0x11, 0x12, 0x16, 0x17, 0x22, 0x13]);
    let mut message = vec![kind, record.byte(8), 0, 0];
    match (number, group) {
        (0, _) => message.extend([0; 4]),
        (_, IpAddr::V4(group)) => message.extend(group.octets()),
        (_, IpAddr::V6(_)) => {}
    }
    if record.bit(10, 1) {
        message.extend(sources(record, Family::V4));
    }
    let mut packet = ip.packet(IGMP, &message);
    mend(&mut packet);
    packet
}

fn mld(record: &Record) -> Vec<u8> {
    let number = record.pick(6, [0, 77, 77, 78, 1]);
    let group = group_of(Family::V6, number);
    let ip = head(record, Family::V6, group);
    let kind = record.pick(7, [130, 130, 131, 132, 143]);
    let mut rest = match (number, group) {
        (0, _) => vec![0; 16],
        (_, IpAddr::V6(group)) => group.octets().to_vec(),
        (_, IpAddr::V4(_)) => Vec::new(),
    };
    if record.bit(10, 1) {
        rest.extend(sources(record, Family::V6));
    }
    let delay = u16::from(record.byte(8)) << (record.byte(10) >> 4);
    let [a, b] = delay.to_be_bytes();
    let message = icmp(&ip, kind, 0, [a, b, 0, 0], &rest);
    if record.bit(10, 2) {
        return ip.packet(protocol::ICMP_V6, &message);
    }
    // Behind the router alert, as RFC 3810 §5 wants it.
    let mut octets = vec![protocol::ICMP_V6, 0, 5, 2, 0, 0, 1, 0];
    octets.extend(message);
    ip.packet(protocol::HOP_BY_HOP, &octets)
}
