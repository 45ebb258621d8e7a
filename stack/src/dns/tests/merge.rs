//! Look-ups of the same thing at the same time are one look-up, and everybody is told.

use super::*;

#[test]
fn simultaneous_equal_lookups_share_their_queries() {
    let mut world = World::new(&settings(&[SERVER_1]));
    let waiters = [(); 5].map(|()| world.look_up("www.example", Families::V4));
    let transmit = world.only_transmit();
    assert_eq!(world.dns.len(), 5);
    let reply = with_addresses(&query_in(&transmit), &["192.0.2.1"]);
    world.reply(&transmit, &reply);
    let mut told = Vec::new();
    while let Some(answer) = world.answer() {
        assert_eq!(addresses_in(&answer), Ok(vec![ip("192.0.2.1")]));
        told.push(answer.lookup);
    }
    assert_eq!(told, waiters);
    world.close_finished();
    world.assert_nothing_is_left();
    // Later is not at the same time.
    world.look_up("www.example", Families::V4);
    assert!(world.next_transmit().is_some());
}

#[test]
fn who_goes_does_not_take_the_answer_from_those_who_stay() {
    let mut world = World::new(&settings(&[SERVER_1]));
    let [first, second, third] = [(); 3].map(|()| world.look_up("www.example", Families::V4));
    let transmit = world.only_transmit();
    world.cancel(first);
    world.cancel(third);
    assert_eq!(world.dns.len(), 1);
    let reply = with_addresses(&query_in(&transmit), &["192.0.2.1"]);
    world.reply(&transmit, &reply);
    assert_eq!(world.answer().expect("an answer").lookup, second);
    assert_eq!(world.answer(), None);
    // The last one who goes ends the queries.
    let [first, second] = [(); 2].map(|()| world.look_up("www.example", Families::V4));
    world.only_transmit();
    world.cancel(second);
    assert!(world.dns.next_finished().is_none());
    world.cancel(first);
    world.close_finished();
    world.assert_nothing_is_left();
}

#[test]
fn failures_are_shared_too() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("www.example", Families::V4);
    world.look_up("www.example", Families::V4);
    let ran = world.dns.clone();
    assert_eq!(ran.len(), 2);
    while let Some(transmit) = world.next_transmit() {
        let reply = with_rcode(&query_in(&transmit), Rcode::NAME_ERROR);
        world.reply(&transmit, &reply);
    }
    for _ in 0..2 {
        let answer = world.answer().expect("an answer");
        assert_eq!(answer.result, Err(LookupError::NotFound));
        assert_eq!(answer.server.as_deref(), Some(SERVER_1));
    }
}

#[test]
fn what_differs_is_not_shared() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.ask("www.example", Question::Addresses(Families::V4));
    world.ask("www.example.", Question::Addresses(Families::V4));
    world.ask("www.example", Question::Texts);
    // Nor with one that began under other settings.
    world
        .dns
        .set(&settings(&[SERVER_2]), &Config::default())
        .expect("settings");
    world.ask("www.example", Question::Texts);
    let mut queries = 0;
    while world.next_transmit().is_some() {
        queries += 1;
    }
    assert_eq!(queries, 4);
}

#[test]
fn those_who_join_count_against_the_limit() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.around.config.lookups_max = 2;
    world.look_up("www.example", Families::V4);
    world.look_up("www.example", Families::V4);
    let call = LookUp::addresses("www.example", Families::V4);
    let refused = world.dns.look_up(&mut world.around.at(world.now), &call);
    assert_eq!(refused, Err(CallRefused::LimitReached));
}
