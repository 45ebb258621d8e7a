//! F15: the Internet checksum (RFC 1071) and its incremental update (RFC 1624) against the plain loop.
//!
//! Slices of every length and parity, pseudo-headers of both families, and words that change.

use std::net::IpAddr;

use sidestep_stack::wire::checksum::{Sum, update, update_octets};
use sidestep_stack::wire::protocol::Protocol;

use crate::fuzz::outcome::{Outcome, Promise};
use crate::fuzz::record::{Input, noise};
use crate::packet::craft::{checksum, pseudo_header};

/// See the module.
pub(crate) fn run(input: Input<'_>, outcome: &mut Outcome) {
    let head = input.head();
    let mut message: Vec<u8> = Vec::new();
    let mut sum = Sum::new();
    for record in input.records() {
        let octets = match record.byte(0) % 4 {
            0 => noise(record.word(4), usize::from(record.byte(1))),
            1 => vec![record.pick(4, [0, 0xff]); usize::from(record.half(1)) % 700],
            2 => (4..4 + usize::from(record.byte(1)) % 12)
                .map(|at| record.byte(at))
                .collect(),
            _ => noise(record.word(4), usize::from(record.half(1)) % 3_000),
        };
        sum.add(&octets);
        message.extend(&octets);
        outcome.reached.guide(21, u32::from(sum.partial()) >> 8);
    }
    let plain = checksum(&[&message]);
    equal(outcome, "in slices", sum.checksum(), plain);
    equal(outcome, "at once", Sum::of(&message).checksum(), plain);
    outcome.digest(&plain.to_le_bytes());
    pseudo_headers(&message, &head, outcome);
    updates(&mut message, &head, outcome);
}

fn pseudo_headers(message: &[u8], head: &crate::fuzz::record::Record, outcome: &mut Outcome) {
    let length = message.len().min(65_515);
    let message = &message[..length];
    let number = head.byte(1);
    let wide = noise(head.word(2), 32);
    let half = |from: usize| {
        let mut address = [0; 16];
        address.copy_from_slice(&wide[from..from + 16]);
        address
    };
    let pairs: [(IpAddr, IpAddr); 2] = [
        (
            head.word(2).to_be_bytes().into(),
            head.word(6).to_be_bytes().into(),
        ),
        (half(0).into(), half(16).into()),
    ];
    for (source, destination) in pairs {
        let mut sum = Sum::pseudo_header(source, destination, Protocol(number), length);
        sum.add(message);
        let pseudo = pseudo_header(source, destination, number, length);
        let plain = checksum(&[&pseudo, message]);
        equal(outcome, "behind a pseudo-header", sum.checksum(), plain);
        let mut whole = sum;
        if length.is_multiple_of(2) {
            whole.add(&plain.to_be_bytes());
            outcome.require(whole.is_valid(), Promise::AsModel, || {
                "a message with its checksum is not valid".to_owned()
            });
        }
    }
}

fn updates(message: &mut Vec<u8>, head: &crate::fuzz::record::Record, outcome: &mut Outcome) {
    if message.len() < 8 {
        return;
    }
    if !message.len().is_multiple_of(2) {
        message.push(0);
    }
    let at = usize::from(head.half(10)) % (message.len() / 2 - 1) * 2;
    let before = checksum(&[message]);
    let old = u16::from_be_bytes([message[at], message[at + 1]]);
    let new = head.half(12);
    let updated = update(before, old, new);
    let by_octets = update_octets(before, &old.to_be_bytes(), &new.to_be_bytes());
    message[at..at + 2].copy_from_slice(&new.to_be_bytes());
    let after = checksum(&[message]);
    // The two zeros of ones' complement are one number (RFC 1624 §3).
    let same =
        |sum: u16| sum == after || (sum.is_multiple_of(0xffff) && after.is_multiple_of(0xffff));
    outcome.require(same(updated) && same(by_octets), Promise::AsModel, || {
        format!("{old:04x} became {new:04x}: {updated:04x}, {by_octets:04x}, but {after:04x}")
    });
}

fn equal(outcome: &mut Outcome, what: &str, ours: u16, plain: u16) {
    outcome.require(ours == plain, Promise::AsModel, || {
        format!("{what}: {ours:04x}, the plain loop says {plain:04x}")
    });
}
