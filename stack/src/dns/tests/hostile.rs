//! Datagrams that are not the reply: none of them is accepted, and none ends the wait.

use super::*;
use crate::wire::dns_message::{Class, Opcode};

/// A look-up of `www.example` whose query is on its way.
fn waiting() -> (World, Transmit) {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::V4);
    let transmit = world.only_transmit();
    (world, transmit)
}

/// The right reply is still accepted.
fn still_answers(mut world: World, transmit: &Transmit) {
    assert!(world.next_transmit().is_none(), "no new query");
    assert_eq!(world.answer(), None);
    let reply = with_addresses(&query_in(transmit), &["192.0.2.1"]);
    world.reply(transmit, &reply);
    let answer = world.answer().expect("an answer");
    assert_eq!(addresses_in(&answer), Ok(vec![ip("192.0.2.1")]));
}

/// The right reply in octets, after `change`.
fn almost(transmit: &Transmit, change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut reply = with_addresses(&query_in(transmit), &["192.0.2.66"]);
    change(&mut reply);
    reply.emit()
}

#[test]
fn rfc5452_01_a_reply_with_one_field_wrong_is_ignored() {
    let (mut world, transmit) = waiting();
    let right = almost(&transmit, |_| {});
    let question = |change: fn(&mut crate::wire::dns_message::Question)| {
        almost(&transmit, |reply| {
            change(reply.question.as_mut().expect("a question"));
        })
    };
    let near_misses = [
        ("192.0.2.54:53", right.clone()),
        ("192.0.2.53:54", right.clone()),
        ("[2001:db8::53]:53", right),
        (
            SERVER_1,
            almost(&transmit, |reply| reply.header.id ^= 0x100),
        ),
        (
            SERVER_1,
            almost(&transmit, |reply| reply.header.response = false),
        ),
        (
            SERVER_1,
            almost(&transmit, |reply| reply.header.opcode = Opcode(4)),
        ),
        (
            SERVER_1,
            question(|question| question.name = name("www.exampl")),
        ),
        (
            SERVER_1,
            question(|question| question.record_type = RecordType::AAAA),
        ),
        (SERVER_1, question(|question| question.class = Class(3))),
        (SERVER_1, almost(&transmit, |reply| reply.question = None)),
    ];
    let count = near_misses.len() as u64;
    for (from, octets) in near_misses {
        world.datagram(&transmit, at(from), &octets);
        assert_eq!(world.answer(), None);
    }
    assert_eq!(world.ignored(), count);
    still_answers(world, &transmit);
}

#[test]
fn bad_36_garbage_before_the_answer_does_not_end_the_wait() {
    let (mut world, transmit) = waiting();
    let right = almost(&transmit, |_| {});
    let mut garbage = vec![
        vec![],
        vec![0xff; 3],
        vec![0xff; 1_232],
        transmit.octets.to_vec(),
        // FORMERR without a question, as a server that knows no EDNS may say.
        almost(&transmit, |reply| {
            reply.rcode = Rcode::FORMAT_ERROR;
            reply.question = None;
            reply.answers.clear();
            reply.opt = None;
        }),
    ];
    // Cut anywhere.
    garbage.extend((0..right.len()).map(|length| right[..length].to_vec()));
    let count = garbage.len() as u64;
    for octets in garbage {
        world.datagram(&transmit, transmit.server, &octets);
    }
    assert_eq!(world.ignored(), count);
    still_answers(world, &transmit);
}

#[test]
fn rfc5452_05_garbage_does_not_move_the_deadline() {
    let (mut world, transmit) = waiting();
    let deadline = world.dns.next_deadline();
    for _ in 0..1_000 {
        world.advance(Duration::from_millis(4));
        world.datagram(&transmit, transmit.server, b"garbage");
    }
    assert_eq!(world.dns.next_deadline(), deadline);
    still_answers(world, &transmit);
}

#[test]
fn bad_33_a_record_of_the_wrong_length_spoils_the_reply() {
    let (mut world, transmit) = waiting();
    let right = almost(&transmit, |reply| reply.opt = None);
    // The last record is the A record: its length is six octets before the end.
    let rdlength_at = right.len() - 6;
    assert_eq!(right[rdlength_at..][..2], [0, 4]);
    for length in [0_u16, 3, 5, 15, 16, 17, 0xffff] {
        let mut octets = right.clone();
        octets[rdlength_at..][..2].copy_from_slice(&length.to_be_bytes());
        octets.resize(right.len() + 13, 0);
        world.datagram(&transmit, transmit.server, &octets);
        assert_eq!(world.answer(), None, "{length}");
    }
    assert_eq!(world.ignored(), 7);
    still_answers(world, &transmit);
}

#[test]
fn rfc6891_03_a_reply_with_two_opt_records_is_ignored() {
    let (mut world, transmit) = waiting();
    let mut octets = almost(&transmit, |_| {});
    let opt: Vec<u8> = octets[octets.len() - 11..].to_vec();
    octets.extend_from_slice(&opt);
    octets[11] = 2;
    world.datagram(&transmit, transmit.server, &octets);
    assert_eq!(world.ignored(), 1);
    // Nor may it be another name's.
    let mut octets = almost(&transmit, |_| {});
    let root = octets.len() - 11;
    octets.splice(root..=root, [1, b'a', 0]);
    world.datagram(&transmit, transmit.server, &octets);
    assert_eq!(world.ignored(), 2);
    still_answers(world, &transmit);
}

#[test]
fn rfc1035_03_counts_are_not_trusted() {
    let (mut world, transmit) = waiting();
    let right = almost(&transmit, |_| {});
    for count_at in [4, 6, 8, 10] {
        let mut octets = right.clone();
        octets[count_at..][..2].copy_from_slice(&[0xff, 0xff]);
        world.datagram(&transmit, transmit.server, &octets);
    }
    assert_eq!(world.ignored(), 4);
    still_answers(world, &transmit);
}

#[test]
fn bad_35_a_flood_of_forgeries_is_never_accepted() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::V4);
    let transmit = world.only_transmit();
    let right_id = query_in(&transmit).header.id;
    let mut octets = almost(&transmit, |_| {});
    // Every ID but the right one, many times over.
    for guess in 0..200_000_u32 {
        let id = guess as u16;
        if id != right_id {
            octets[..2].copy_from_slice(&id.to_be_bytes());
            world.datagram(&transmit, transmit.server, &octets);
        }
    }
    assert_eq!(world.answer(), None);
    let over_tcp = world.only_transmit();
    assert_eq!(over_tcp.transport, Transport::Tcp);
}
