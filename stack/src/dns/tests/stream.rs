//! Replies over TCP: truncation, any split, early ends, and streams that try to cost much.

use super::*;

/// A look-up whose datagram was truncated: its query goes over TCP.
fn over_tcp(world: &mut World) -> Transmit {
    world.look_up("www.example", Families::V4);
    let transmit = world.only_transmit();
    assert_eq!(transmit.transport, Transport::Udp);
    let mut reply = with_addresses(&query_in(&transmit), &["192.0.2.66"]);
    reply.header.truncated = true;
    world.reply(&transmit, &reply);
    let transmit = world.only_transmit();
    assert_eq!(transmit.transport, Transport::Tcp);
    transmit
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
    assert!(world.open.is_empty());
}

#[test]
fn rfc7766_02_each_connection_carries_one_query() {
    // IDs in flight on one connection are unique because there is one: replies of other look-ups
    // come over other connections, in any order.
    let mut world = World::new(&settings(&[SERVER_1]));
    let transmits = [(); 3].map(|()| over_tcp(&mut world));
    for transmit in transmits.iter().rev() {
        let reply = with_addresses(&query_in(transmit), &["192.0.2.1"]);
        world.reply(transmit, &reply);
        assert_eq!(found(&mut world), Ok(vec![ip("192.0.2.1")]));
    }
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
