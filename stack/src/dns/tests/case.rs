//! 0x20: the case of a query's letters as a secret that the reply must repeat.

use super::*;

fn random_case() -> ResolverSettings {
    ResolverSettings {
        randomise_case: true,
        ..settings(&[SERVER_1, SERVER_2])
    }
}

fn asked_name(transmit: &Transmit) -> Name {
    asks_for(&query_in(transmit)).0
}

#[test]
fn letters_have_random_case_only_if_told_so() {
    let mut spellings = BTreeSet::new();
    let mut world = World::new(&random_case());
    for _ in 0..100 {
        let lookup = world.look_up("www.example", Families::V4);
        let transmit = world.only_transmit();
        assert_eq!(asked_name(&transmit), name("www.example"));
        spellings.insert(asked_name(&transmit).to_string());
        world.cancel(lookup);
    }
    // Ten letters have a thousand spellings.
    assert!(spellings.len() > 80, "{}", spellings.len());
    let mut world = World::new(&settings(&[SERVER_1]));
    world.look_up("wWw.Example", Families::V4);
    assert_eq!(
        asked_name(&world.only_transmit()).to_string(),
        "wWw.Example."
    );
}

#[test]
fn a_reply_that_repeats_the_case_is_the_reply() {
    let mut world = World::new(&random_case());
    world.ask("www.example", Question::CanonicalName);
    let ran = world.run(|_, query| Act::Reply(with_addresses(query, &["192.0.2.1"])));
    assert_eq!(ran.asked.len(), 2);
    // The secret does not show in the answer.
    let canonical = Answer::CanonicalName("www.example.".into());
    assert_eq!(ran.answer.result, Ok(canonical));
}

#[test]
fn a_reply_in_another_case_is_asked_for_over_tcp() {
    let mut world = World::new(&random_case());
    world.look_up("www.example", Families::V4);
    let transmit = world.only_transmit();
    let mut forged = with_addresses(&query_in(&transmit), &["192.0.2.66"]);
    let question = forged.question.as_mut().expect("a question");
    question.name = asked_name(&transmit).with_case({
        let mut letters = 0;
        let first_is_upper = asked_name(&transmit).to_string().starts_with('W');
        move || {
            letters += 1;
            if letters == 1 { !first_is_upper } else { false }
        }
    });
    world.reply(&transmit, &forged);
    assert_eq!((world.answer(), world.ignored()), (None, 1));
    let over_tcp = world.only_transmit();
    assert_eq!(over_tcp.transport, Transport::Tcp);
    assert_eq!(over_tcp.server, at(SERVER_1));
    let reply = with_addresses(&query_in(&over_tcp), &["192.0.2.1"]);
    world.reply(&over_tcp, &reply);
    let answer = world.answer().expect("an answer");
    assert_eq!(addresses_in(&answer), Ok(vec![ip("192.0.2.1")]));
}

#[test]
fn servers_that_change_the_case_and_have_no_tcp_are_asked_plainly_in_the_end() {
    let mut world = World::new(&random_case());
    world.look_up("www.example", Families::V4);
    let ran = world.run(|transmit, query| match transmit.transport {
        Transport::Tcp => Act::Break,
        Transport::Udp => {
            let mut reply = with_addresses(query, &["192.0.2.1"]);
            let question = reply.question.as_mut().expect("a question");
            question.name = question.name.with_case(|| false);
            Act::Reply(reply)
        }
    });
    assert_eq!(ran.addresses(), ["192.0.2.1"]);
    assert_eq!(ran.asked.len(), 5);
}
