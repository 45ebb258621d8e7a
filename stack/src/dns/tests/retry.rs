//! Which server is asked when, over what, and which failure is told in the end.

use super::*;

const ALL: &[&str] = &[SERVER_1, SERVER_2, SERVER_3];

fn servers_of(ran: &Ran) -> Vec<&str> {
    let first = ran.asked.iter().filter_map(|line| line.split(' ').next());
    first.collect()
}

#[test]
fn rfc1035_04_every_server_is_asked_before_one_is_asked_again() {
    let mut world = World::new(&settings(ALL));
    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, _| Act::Silence);
    assert_eq!(
        servers_of(&ran),
        [SERVER_1, SERVER_2, SERVER_3, SERVER_1, SERVER_2, SERVER_3]
    );
    assert_eq!(ran.error(), LookupError::TimedOut);
    assert_eq!(world.now, Instant::ZERO + TRY * 6);
}

#[test]
fn rfc1035_04_the_second_server_is_asked_just_at_the_timeout() {
    let mut world = World::new(&settings(ALL));
    world.look_up("www.example", Families::V4);
    world.only_transmit();
    let deadline = world.dns.next_deadline().expect("a deadline");
    assert_eq!(deadline, Instant::ZERO + TRY);
    world.advance(TRY - Duration::from_nanos(1));
    assert!(world.next_transmit().is_none());
    world.advance(Duration::from_nanos(1));
    let second = world.only_transmit();
    assert_eq!(second.server, at(SERVER_2));
    let reply = with_addresses(&query_in(&second), &["192.0.2.1"]);
    world.reply(&second, &reply);
    let answer = world.answer().expect("an answer");
    assert_eq!(answer.server.as_deref(), Some(SERVER_2));
}

#[test]
fn no_more_than_three_servers_are_asked() {
    let mut world = World::new(&settings(&[SERVER_1, SERVER_2, SERVER_3, "192.0.2.54:53"]));
    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, _| Act::Break);
    assert_eq!(ran.asked.len(), 6);
    assert!(!servers_of(&ran).contains(&"192.0.2.54:53"));
}

#[test]
fn timeout_and_attempts_can_be_set() {
    let mut settings = settings(&[SERVER_1]);
    settings.timeout = Some(Duration::from_millis(300));
    settings.attempts = Some(4);
    let mut world = World::new(&settings);
    world.look_up("www.example", Families::Both);
    let ran = world.run(|_, _| Act::Silence);
    assert_eq!(ran.asked.len(), 8);
    assert_eq!(world.now, Instant::from_millis(1_200));
    // No attempts at all would be no resolver.
    settings.attempts = Some(0);
    settings.timeout = Some(Duration::ZERO);
    let mut world = World::new(&settings);
    world.look_up("www.example", Families::V4);
    assert_eq!(world.run(|_, _| Act::Silence).asked.len(), 1);
}

#[test]
fn a_server_that_fails_makes_room_for_the_next_at_once() {
    for rcode in [
        Rcode::SERVER_FAILURE,
        Rcode::REFUSED,
        Rcode::NOT_IMPLEMENTED,
        Rcode::FORMAT_ERROR,
        Rcode(23),
    ] {
        let mut world = World::new(&settings(&[SERVER_1, SERVER_2]));
        world.look_up("www.example", Families::V4);
        let ran = world.run(|transmit, query| {
            Act::Reply(if transmit.server == at(SERVER_1) {
                with_rcode(query, rcode)
            } else {
                with_addresses(query, &["192.0.2.1"])
            })
        });
        assert_eq!(ran.addresses(), ["192.0.2.1"]);
        assert_eq!(ran.answer.server.as_deref(), Some(SERVER_2));
        assert_eq!(world.now, Instant::ZERO);
    }
}

#[test]
fn servfail_everywhere_is_a_failure_of_the_server_after_all_rounds() {
    let mut world = World::new(&settings(&[SERVER_1, SERVER_2]));
    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, query| Act::Reply(with_rcode(query, Rcode::SERVER_FAILURE)));
    assert_eq!(ran.error(), LookupError::ServerFailed);
    assert_eq!(servers_of(&ran), [SERVER_1, SERVER_2, SERVER_1, SERVER_2]);
}

#[test]
fn nxdomain_is_final_for_the_name() {
    let mut world = World::new(&settings(ALL));
    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, query| Act::Reply(with_rcode(query, Rcode::NAME_ERROR)));
    assert_eq!(ran.error(), LookupError::NotFound);
    assert_eq!(servers_of(&ran), [SERVER_1]);
    assert_eq!(ran.answer.server.as_deref(), Some(SERVER_1));
}

#[test]
fn a_lame_referral_makes_room_for_the_next_server() {
    let mut world = World::new(&settings(&[SERVER_1, SERVER_2]));
    world.look_up("www.example", Families::V4);
    let lame = |query: &Message| {
        let mut reply = with_addresses(query, &[]);
        reply.header.recursion_available = false;
        reply
    };
    let ran = world.run(|transmit, query| {
        Act::Reply(if transmit.server == at(SERVER_1) {
            lame(query)
        } else {
            with_addresses(query, &["192.0.2.1"])
        })
    });
    assert_eq!(ran.addresses(), ["192.0.2.1"]);

    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, query| Act::Reply(lame(query)));
    assert_eq!(ran.error(), LookupError::LameReferral);

    // An authority that has no such data is not lame.
    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, query| {
        let mut reply = lame(query);
        reply.header.authoritative = true;
        Act::Reply(reply)
    });
    assert_eq!(ran.error(), LookupError::NotFound);
}

#[test]
fn a_server_that_cannot_be_reached_makes_room_for_the_next() {
    let mut world = World::new(&settings(&[SERVER_1, SERVER_2]));
    world.look_up("www.example", Families::V4);
    let ran = world.run(|transmit, query| {
        if transmit.server == at(SERVER_1) {
            Act::Break
        } else {
            Act::Reply(with_addresses(query, &["192.0.2.1"]))
        }
    });
    assert_eq!(ran.addresses(), ["192.0.2.1"]);
    world.look_up("www.example", Families::V4);
    assert_eq!(world.run(|_, _| Act::Break).error(), LookupError::NoServer);
}

#[test]
fn the_last_failure_is_told_as_in_go() {
    let mut world = World::new(&settings(ALL));
    world.look_up("www.example", Families::V4);
    let ran = world.run(
        |transmit, query| match transmit.server.to_string().as_str() {
            SERVER_1 => Act::Silence,
            SERVER_2 => Act::Break,
            _ => Act::Reply(with_rcode(query, Rcode::SERVER_FAILURE)),
        },
    );
    assert_eq!(ran.error(), LookupError::ServerFailed);
    assert_eq!(ran.answer.server.as_deref(), Some(SERVER_3));
    world.look_up("www.example", Families::V4);
    let ran = world.run(
        |transmit, query| match transmit.server.to_string().as_str() {
            SERVER_1 => Act::Reply(with_rcode(query, Rcode::SERVER_FAILURE)),
            SERVER_2 => Act::Break,
            _ => Act::Silence,
        },
    );
    assert_eq!(ran.error(), LookupError::TimedOut);
    assert_eq!(ran.answer.server.as_deref(), Some(SERVER_3));
}

#[test]
fn a_family_that_fails_does_not_hide_the_other() {
    for failing in [RecordType::A, RecordType::AAAA] {
        let mut world = World::new(&settings(&[SERVER_1]));
        world.look_up("www.example", Families::Both);
        let ran = world.run(|_, query| {
            if asks_for(query).1 == failing {
                Act::Silence
            } else {
                Act::Reply(with_addresses(query, &["192.0.2.1", "2001:db8::1"]))
            }
        });
        assert_eq!(ran.addresses().len(), 1);
    }
}

#[test]
fn of_two_families_that_failed_the_later_one_is_told_as_in_go() {
    for rcode in [Rcode::NAME_ERROR, Rcode::NO_ERROR] {
        let mut world = World::new(&settings(&[SERVER_1]));
        world.look_up("www.example", Families::Both);
        let ran = world.run(|_, query| match asks_for(query).1 {
            RecordType::A => Act::Silence,
            _ => Act::Reply(with_rcode(query, rcode)),
        });
        assert_eq!(ran.error(), LookupError::TimedOut);
    }
    // Some servers deny the name when asked for AAAA only: the A records still count.
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::Both);
    let ran = world.run(|_, query| {
        Act::Reply(match asks_for(query).1 {
            RecordType::A => with_addresses(query, &["192.0.2.1"]),
            _ => with_rcode(query, Rcode::NAME_ERROR),
        })
    });
    assert_eq!(ran.addresses(), ["192.0.2.1"]);
}

/// All names but `failing` do not exist; that one's server fails.
fn fails_for(failing: &'static str) -> impl FnMut(&Transmit, &Message) -> Act {
    move |_, query| {
        let fails = asks_for(query).0 == name(failing);
        let rcode = if fails {
            Rcode::SERVER_FAILURE
        } else {
            Rcode::NAME_ERROR
        };
        Act::Reply(with_rcode(query, rcode))
    }
}

#[test]
fn the_failure_of_the_name_as_written_is_told_for_addresses_as_in_go() {
    let mut settings = settings(&[SERVER_1]);
    settings.search = vec!["a.example".into()];
    for (asked, failing, error) in [
        ("host", "host.a.example", LookupError::NotFound),
        ("host", "host", LookupError::ServerFailed),
        // With enough dots the name as written comes first.
        ("host.b", "host.b", LookupError::ServerFailed),
        ("host.b", "host.b.a.example", LookupError::NotFound),
    ] {
        let mut world = World::new(&settings);
        world.look_up(asked, Families::V4);
        assert_eq!(world.run(fails_for(failing)).error(), error, "{failing}");
    }
}

#[test]
fn the_failure_of_the_last_name_is_told_for_all_else_as_in_go() {
    let mut settings = settings(&[SERVER_1]);
    settings.search = vec!["a.example".into()];
    for (asked, failing, error) in [
        ("host", "host.a.example", LookupError::NotFound),
        ("host", "host", LookupError::ServerFailed),
        ("host.b", "host.b", LookupError::NotFound),
        ("host.b", "host.b.a.example", LookupError::ServerFailed),
    ] {
        let mut world = World::new(&settings);
        world.ask(asked, Question::MailExchanges);
        assert_eq!(world.run(fails_for(failing)).error(), error, "{failing}");
    }
}

#[test]
fn rfc6891_02_a_server_that_rejects_edns_is_asked_without() {
    for rcode in [Rcode::FORMAT_ERROR, Rcode::NOT_IMPLEMENTED] {
        let mut world = World::new(&settings(&[SERVER_1, SERVER_2]));
        world.look_up("www.example", Families::V4);
        let mut offered = Vec::new();
        let ran = world.run(|_, query| {
            offered.push(query.opt.is_some());
            Act::Reply(if query.opt.is_some() {
                let mut reply = with_rcode(query, rcode);
                reply.opt = None;
                reply
            } else {
                with_addresses(query, &["192.0.2.1"])
            })
        });
        assert_eq!(offered, [true, false]);
        assert_eq!(servers_of(&ran), [SERVER_1, SERVER_1]);
        assert_eq!(ran.addresses(), ["192.0.2.1"]);
    }
}

#[test]
fn rfc6891_02_silence_to_edns_leads_to_a_query_without() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, query| {
        if query.opt.is_some() {
            Act::Silence
        } else {
            Act::Reply(with_addresses(query, &["192.0.2.1"]))
        }
    });
    assert_eq!(ran.addresses(), ["192.0.2.1"]);
}

#[test]
fn rfc6891_04_the_extended_response_code_is_understood() {
    // BADVERS is 16: without EDNS its low bits would read as success.
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, query| {
        Act::Reply(if query.opt.is_some() {
            let mut reply = with_addresses(query, &["192.0.2.66"]);
            reply.rcode = Rcode::BAD_VERSION;
            reply
        } else {
            with_addresses(query, &["192.0.2.1"])
        })
    });
    assert_eq!(ran.addresses(), ["192.0.2.1"]);
    // A server that says so although nobody spoke EDNS has failed.
    world.look_up("www.example", Families::V4);
    let ran = world.run(|_, query| {
        let mut reply = with_rcode(query, Rcode::BAD_VERSION);
        reply.opt.get_or_insert(crate::wire::dns_message::Opt {
            udp_octets: 512,
            version: 0,
            dnssec_ok: false,
        });
        Act::Reply(reply)
    });
    assert_eq!(ran.error(), LookupError::ServerFailed);
}

#[test]
fn bad_35_many_wrong_ids_move_the_query_to_tcp() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::V4);
    let transmit = world.only_transmit();
    let mut forged = with_addresses(&query_in(&transmit), &["192.0.2.66"]);
    let limit = world.around.config.dns_forged_replies_max;
    for wrong in 0..limit {
        forged.header.id = query_in(&transmit).header.id ^ (wrong + 1) as u16;
        world.reply(&transmit, &forged);
        assert!(world.next_transmit().is_none(), "{wrong}");
    }
    world.reply(&transmit, &forged);
    let over_tcp = world.only_transmit();
    assert_eq!(over_tcp.transport, Transport::Tcp);
    assert_ne!(over_tcp.carrier, transmit.carrier);
    assert_eq!(world.ignored(), limit + 1);
    // The datagram socket is closed: even the right reply comes too late there.
    let late = with_addresses(&query_in(&transmit), &["192.0.2.66"]);
    world.datagram(&transmit, transmit.server, &late.emit());
    assert_eq!(world.answer(), None);
    let reply = with_addresses(&query_in(&over_tcp), &["192.0.2.1"]);
    world.reply(&over_tcp, &reply);
    let answer = world.answer().expect("an answer");
    assert_eq!(addresses_in(&answer), Ok(vec![ip("192.0.2.1")]));
}

#[test]
fn rfc5452_04_after_forgeries_no_server_is_asked_by_datagram() {
    let mut world = World::new(&settings(&[SERVER_1, SERVER_2]));
    world.look_up("www.example", Families::V4);
    let transmit = world.only_transmit();
    let mut forged = with_addresses(&query_in(&transmit), &["192.0.2.66"]);
    forged.header.id ^= 1;
    for _ in 0..20 {
        world.reply(&transmit, &forged);
    }
    let ran = world.run(|transmit, query| {
        assert_eq!(transmit.transport, Transport::Tcp);
        if transmit.server == at(SERVER_1) {
            Act::Break
        } else {
            Act::Reply(with_addresses(query, &["192.0.2.1"]))
        }
    });
    assert_eq!(ran.addresses(), ["192.0.2.1"]);
}
