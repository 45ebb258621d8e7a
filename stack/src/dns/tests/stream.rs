//! Replies over TCP: truncation, any split, early ends, and streams that try to cost much.

use super::*;

/// A look-up whose datagram was truncated: its query goes over TCP.
fn over_tcp(world: &mut World) -> Transmit {
    over_tcp_for(world, "www.example")
}

fn over_tcp_for(world: &mut World, name: &str) -> Transmit {
    world.look_up(name, Families::V4);
    let transmit = world.only_transmit();
    assert_eq!(transmit.transport, Transport::Udp);
    let mut reply = with_addresses(&query_in(&transmit), &["192.0.2.66"]);
    reply.header.truncated = true;
    world.reply(&transmit, &reply);
    let transmit = world.only_transmit();
    assert_eq!(transmit.transport, Transport::Tcp);
    transmit
}

fn use_vc(servers: &[&str]) -> ResolverSettings {
    ResolverSettings {
        use_vc: true,
        ..settings(servers)
    }
}

fn found(world: &mut World) -> Result<Vec<IpAddr>, LookupError> {
    addresses_in(&world.answer().expect("an answer"))
}

#[test]
fn rfc2181_01_a_truncated_answer_is_not_used_but_asked_for_over_tcp() {
    let mut world = World::new(&settings(&[SERVER_1, SERVER_2]));
    let transmit = over_tcp(&mut world);
    assert_eq!(transmit.server, at(SERVER_1));
    let reply = with_addresses(&query_in(&transmit), &["192.0.2.1", "192.0.2.2"]);
    world.reply(&transmit, &reply);
    assert_eq!(
        found(&mut world),
        Ok(vec![ip("192.0.2.1"), ip("192.0.2.2")])
    );
}

#[test]
fn rfc2181_01_a_truncated_answer_may_be_cut_anywhere() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::V4);
    let transmit = world.only_transmit();
    let mut reply = with_addresses(&query_in(&transmit), &["192.0.2.66"]);
    reply.header.truncated = true;
    let octets = reply.emit();
    world.datagram(&transmit, transmit.server, &octets[..octets.len() - 13]);
    assert_eq!(world.only_transmit().transport, Transport::Tcp);
}

#[test]
fn rfc1035_05_a_reply_may_be_split_anywhere() {
    let mut world = World::new(&settings(&[SERVER_1]));
    let transmit = over_tcp(&mut world);
    let reply = with_addresses(&query_in(&transmit), &["192.0.2.1"]);
    let octets = reply.emit_for_stream();
    for octet in &octets[..octets.len() - 1] {
        world.stream(&transmit, core::slice::from_ref(octet));
        assert_eq!(world.answer(), None);
    }
    world.stream(&transmit, &octets[octets.len() - 1..]);
    assert_eq!(found(&mut world), Ok(vec![ip("192.0.2.1")]));
}

#[test]
fn rfc1035_05_two_replies_in_one_segment_are_two_replies() {
    let mut world = World::new(&settings(&[SERVER_1]));
    let transmit = over_tcp(&mut world);
    // Somebody else's, then nothing at all, then ours, then more.
    let mut other = with_addresses(&query_in(&transmit), &["192.0.2.66"]);
    other.header.id ^= 1;
    let mut octets = other.emit_for_stream();
    octets.extend_from_slice(&[0, 0]);
    octets.extend(with_addresses(&query_in(&transmit), &["192.0.2.1"]).emit_for_stream());
    octets.extend_from_slice(b"rest");
    world.stream(&transmit, &octets);
    assert_eq!(found(&mut world), Ok(vec![ip("192.0.2.1")]));
    assert_eq!(world.ignored(), 2);
}

#[test]
fn rfc7766_01_a_server_with_closed_udp_and_open_tcp_answers_after_tc() {
    let mut world = World::new(&settings(&[SERVER_1]));
    let transmit = over_tcp(&mut world);
    let reply = with_addresses(&query_in(&transmit), &["192.0.2.1"]);
    world.reply(&transmit, &reply);
    assert!(found(&mut world).is_ok());
    world.close_finished();
    world.assert_nothing_is_left();
}

#[test]
fn rfc7766_02_queries_share_a_connection_and_their_replies_come_in_any_order() {
    let mut world = World::new(&settings(&[SERVER_1]));
    let names = ["a.example", "b.example", "c.example"];
    let transmits = names.map(|name| over_tcp_for(&mut world, name));
    let carriers: BTreeSet<_> = transmits.iter().map(|transmit| transmit.carrier).collect();
    assert_eq!(carriers.len(), 1);
    let ids: BTreeSet<_> = transmits
        .iter()
        .map(|transmit| query_in(transmit).header.id)
        .collect();
    assert_eq!(ids.len(), 3);
    for (number, transmit) in transmits.iter().enumerate().rev() {
        let address = alloc::format!("192.0.2.{number}");
        let reply = with_addresses(&query_in(transmit), &[&address]);
        world.reply(transmit, &reply);
        assert_eq!(found(&mut world), Ok(vec![ip(&address)]));
    }
    world.assert_nothing_is_left();
}

#[test]
fn rfc7766_02_ids_on_a_connection_are_unique() {
    let mut world = World::new(&use_vc(&[SERVER_1]));
    world.around.config.dns_stream_queries_max = 4_096;
    world.around.config.lookups_max = 4_096;
    let mut ids = BTreeSet::new();
    for number in 0..4_000 {
        world.look_up(&alloc::format!("host{number}.example"), Families::V4);
        // By chance alone, a hundred of them would have been given twice.
        assert!(ids.insert(query_in(&world.only_transmit()).header.id));
    }
    assert_eq!(world.open.len(), 1);
}

#[test]
fn rfc7766_03_ten_queries_use_one_connection_that_is_closed_when_it_was_idle() {
    let mut world = World::new(&use_vc(&[SERVER_1]));
    let mut carriers = BTreeSet::new();
    for number in 0..10 {
        world.look_up(&alloc::format!("host{number}.example"), Families::V4);
        let transmit = world.only_transmit();
        carriers.insert(transmit.carrier);
        let reply = with_addresses(&query_in(&transmit), &["192.0.2.1"]);
        world.reply(&transmit, &reply);
        assert!(world.answer().is_some());
        world.advance(Duration::from_millis(1_999));
        world.close_finished();
        assert_eq!(world.open.len(), 1, "not yet idle for two seconds");
    }
    assert_eq!(carriers.len(), 1);
    world.advance(Duration::from_millis(1));
    world.close_finished();
    assert!(world.open.is_empty());
    assert_eq!(world.dns.next_deadline(), None);
    assert_eq!(world.dns.entries(), 0);
    // The next one opens another.
    world.look_up("host.example", Families::V4);
    assert!(!carriers.contains(&world.only_transmit().carrier));
}

#[test]
fn a_full_connection_takes_no_more_queries() {
    let mut world = World::new(&use_vc(&[SERVER_1]));
    world.around.config.dns_stream_queries_max = 2;
    for number in 0..5 {
        world.look_up(&alloc::format!("host{number}.example"), Families::V4);
    }
    let mut transmits = Vec::new();
    while let Some(transmit) = world.next_transmit() {
        transmits.push(transmit);
    }
    let carriers: Vec<_> = transmits.iter().map(|transmit| transmit.carrier).collect();
    assert_eq!(carriers[0], carriers[1]);
    assert_ne!(carriers[1], carriers[2]);
    assert_eq!(carriers[2], carriers[3]);
    assert_ne!(carriers[3], carriers[4]);
    for transmit in &transmits {
        let reply = with_addresses(&query_in(transmit), &["192.0.2.1"]);
        world.reply(transmit, &reply);
    }
    world.close_finished();
    // The full ones ended with their last queries, the last one is idle.
    assert_eq!(world.open.len(), 1);
    world.assert_answers(5);
    world.assert_nothing_is_left();
}

#[test]
fn rfc7766_04_a_server_that_closes_after_each_reply_is_asked_on() {
    let mut world = World::new(&use_vc(&[SERVER_1, SERVER_2]));
    for number in 0..4 {
        world.look_up(&alloc::format!("host{number}.example"), Families::V4);
    }
    let mut connections = 0;
    loop {
        let mut transmits = Vec::new();
        while let Some(transmit) = world.next_transmit() {
            assert_eq!(transmit.server, at(SERVER_1));
            transmits.push(transmit);
        }
        let Some(first) = transmits.first() else {
            break;
        };
        connections += 1;
        let reply = with_addresses(&query_in(first), &["192.0.2.1"]);
        world.reply(first, &reply);
        world.fail(first);
    }
    assert_eq!(connections, 4);
    world.assert_answers(4);
    world.assert_nothing_is_left();
}

#[test]
fn rfc7766_04_what_is_asked_again_keeps_its_deadline() {
    let mut world = World::new(&use_vc(&[SERVER_1]));
    world.look_up("a.example", Families::V4);
    world.look_up("b.example", Families::V4);
    let first = world.next_transmit().expect("a query");
    let second = world.next_transmit().expect("a query");
    world.advance(Duration::from_secs(3));
    let reply = with_addresses(&query_in(&first), &["192.0.2.1"]);
    world.reply(&first, &reply);
    world.fail(&second);
    let again = world.only_transmit();
    assert_ne!(again.carrier, second.carrier);
    assert_eq!(world.dns.next_deadline(), Some(Instant::from_secs(5)));
}

#[test]
fn a_connection_on_which_nothing_comes_is_not_used_again() {
    let mut world = World::new(&use_vc(&[SERVER_1]));
    world.look_up("www.example", Families::V4);
    let first = world.only_transmit();
    world.advance(TRY);
    let second = world.only_transmit();
    assert_eq!(second.server, first.server);
    assert_ne!(second.carrier, first.carrier);
    assert_eq!(world.open.len(), 1);
}

#[test]
fn a_late_reply_to_a_cancelled_query_does_not_disturb_the_others() {
    let mut world = World::new(&use_vc(&[SERVER_1]));
    let gone = world.look_up("a.example", Families::V4);
    let first = world.only_transmit();
    world.look_up("b.example", Families::V4);
    let second = world.only_transmit();
    world.cancel(gone);
    let late = with_addresses(&query_in(&first), &["192.0.2.66"]);
    world.reply(&first, &late);
    assert_eq!((world.answer(), world.ignored()), (None, 1));
    let reply = with_addresses(&query_in(&second), &["192.0.2.1"]);
    world.reply(&second, &reply);
    assert_eq!(found(&mut world), Ok(vec![ip("192.0.2.1")]));
}

#[test]
fn rfc7766_04_a_connection_that_ends_early_leads_to_another_try() {
    let mut world = World::new(&settings(&[SERVER_1]));
    let transmit = over_tcp(&mut world);
    let octets = with_addresses(&query_in(&transmit), &["192.0.2.66"]).emit_for_stream();
    world.stream(&transmit, &octets[..octets.len() - 1]);
    world.fail(&transmit);
    let again = world.only_transmit();
    let reply = with_addresses(&query_in(&again), &["192.0.2.1"]);
    world.reply(&again, &reply);
    assert_eq!(found(&mut world), Ok(vec![ip("192.0.2.1")]));
}

#[test]
fn a_truncated_or_broken_reply_over_tcp_is_the_servers_failure() {
    for cut in [1, 0] {
        let mut world = World::new(&settings(&[SERVER_1, SERVER_2]));
        let transmit = over_tcp(&mut world);
        let mut reply = with_addresses(&query_in(&transmit), &["192.0.2.66"]);
        reply.header.truncated = cut == 0;
        let message = reply.emit();
        let message = &message[..message.len() - cut];
        let length = (message.len() as u16).to_be_bytes();
        world.stream(&transmit, &[&length, message].concat());
        assert_eq!(world.only_transmit().server, at(SERVER_2));
    }
}

#[test]
fn bad_37_a_stream_that_drips_does_not_move_the_deadline() {
    let mut world = World::new(&settings(&[SERVER_1, SERVER_2]));
    let transmit = over_tcp(&mut world);
    let deadline = world.dns.next_deadline().expect("a deadline");
    while world.now < deadline {
        world.stream(&transmit, &[0xff]);
        world.advance(Duration::from_secs(1));
    }
    assert_eq!(world.only_transmit().server, at(SERVER_2));
}

#[test]
fn bad_37_a_stream_never_holds_more_than_one_message() {
    let mut world = World::new(&settings(&[SERVER_1]));
    let transmit = over_tcp(&mut world);
    // Messages of the greatest length, none of them ours, for ever.
    let mut octets = vec![0; 65_537];
    octets[..2].copy_from_slice(&[0xff, 0xff]);
    for _ in 0..100 {
        world.stream(&transmit, &octets);
    }
    assert_eq!(world.ignored(), 100);
    let reply = with_addresses(&query_in(&transmit), &["192.0.2.1"]);
    world.reply(&transmit, &reply);
    assert_eq!(found(&mut world), Ok(vec![ip("192.0.2.1")]));
}
