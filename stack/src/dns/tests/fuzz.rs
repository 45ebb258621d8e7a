//! Mutated replies by a fixed seed: no panic, no unbounded work, and the look-up always ends.

use super::*;
use crate::base::Random;
use crate::wire::dns_message::{Class, Data, StartOfAuthority};

/// A reply that uses everything the parser knows.
fn rich_reply(query: &Message) -> Message {
    let (asked, _) = asks_for(query);
    let mut reply = with_addresses(query, &["192.0.2.1", "2001:db8::1"]);
    reply
        .answers
        .insert(0, Record::alias(asked, name("cdn.example"), 60));
    for address in ["192.0.2.7", "2001:db8::7"] {
        let record = Record::address(name("cdn.example"), ip(address), 60);
        reply.answers.push(record);
    }
    reply.answers.push(Record {
        name: name("cdn.example"),
        record_type: RecordType::TXT,
        class: Class::IN,
        ttl_s: 60,
        data: Data::Text(bytes::Bytes::from_static(b"\x04text\x00\x02ab")),
    });
    reply.authorities.push(Record {
        name: name("example"),
        record_type: RecordType::SOA,
        class: Class::IN,
        ttl_s: 60,
        data: Data::StartOfAuthority(StartOfAuthority {
            primary: name("ns.example"),
            mailbox: name("post.example"),
            numbers: [1, 2, 3, 4, 5],
        }),
    });
    reply
}

/// Octets that matter in a message: small numbers, lengths, pointers.
const TELLING: [u8; 12] = [0, 1, 2, 4, 12, 16, 63, 64, 0x80, 0xc0, 0xc1, 0xff];

fn mutate(octets: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let length = octets.len() as u32;
        let place = random.below(length) as usize;
        match random.below(6) {
            0 => octets[place] ^= 1 << random.below(8),
            1 => octets[place] = TELLING[random.below(TELLING.len() as u32) as usize],
            2 => octets.truncate(place.max(1)),
            3 => octets.insert(place, random.bits_16() as u8),
            4 => {
                octets.remove(place);
                if octets.is_empty() {
                    octets.push(0);
                }
            }
            _ => {
                let end = (place + random.below(64) as usize).min(octets.len());
                octets.extend_from_within(place..end);
            }
        }
    }
}

#[test]
fn rfc9267_01_mutated_replies_do_no_harm() {
    let mut random = Random::new([7; 32]);
    for round in 0..6_000 {
        let mut world = World::new(&settings(&[SERVER_1, SERVER_2]));
        world.look_up("www.example", Families::Both);
        let ran = world.run(|transmit, query| {
            let mut octets = rich_reply(query).emit();
            mutate(&mut octets, &mut random);
            // Past the checks of ID and flags, mostly.
            if random.below(4) != 0 && octets.len() > 3 {
                octets[..2].copy_from_slice(&query.header.id.to_be_bytes());
                octets[2] = 0x81;
            }
            match transmit.transport {
                Transport::Udp => Act::Raw(octets),
                Transport::Tcp => Act::Break,
            }
        });
        // At most all rounds of all servers for both families, each with TC, EDNS and aliases.
        assert!(ran.asked.len() <= 2 * (4 * 3 + 10), "round {round}");
    }
}

#[test]
fn rfc9267_01_random_octets_are_no_message() {
    let mut random = Random::new([8; 32]);
    for _ in 0..20_000 {
        let length = random.below(200);
        let mut octets: Vec<u8> = (0..length).map(|_| random.bits_16() as u8).collect();
        if random.below(2) == 0 && octets.len() > 11 {
            // Plausible counts let the walk begin.
            octets[4..12].copy_from_slice(&[0, 1, 0, 2, 0, 1, 0, 1]);
        }
        if let Ok(message) = Message::parse(&octets, 1_024) {
            // What was read can be written and read again.
            let again = Message::parse(&message.emit(), 1_024).expect("our own message");
            assert_eq!(again.answers.len(), message.answers.len());
        }
    }
}
