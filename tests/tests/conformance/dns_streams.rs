//! Names over TCP: truncation, one connection for many queries, and servers that break it off
//! (RFC 1035 §4.2.2, RFC 2181 §9, RFC 7766).

use hickory_proto::op::Message;
use sidestep_stack::Duration;
use sidestep_stack::call::{Families, Question, ResolverSettings};
use sidestep_stack::event::LookupError;
use sidestep_tests::scene::Flow;

use super::dns_scene::{Names, for_stream, name, one_server, record, reply_to, with_addresses};

const V4: Question = Question::Addresses(Families::V4);

fn use_vc() -> ResolverSettings {
    ResolverSettings {
        use_vc: true,
        ..one_server()
    }
}

/// Look-ups of `a.example`, `b.example`, …, all on one connection.
fn asked_on_a_stream(count: u8) -> (Names, Flow, Vec<Message>) {
    let mut names = Names::new(use_vc());
    for letter in (b'a'..).take(usize::from(count)) {
        names.ask(&format!("{}.example", char::from(letter)), V4);
    }
    let (flow, queries) = names.accept_stream();
    assert_eq!(queries.len(), usize::from(count));
    (names, flow, queries)
}

fn answer(query: &Message) -> Vec<u8> {
    for_stream(&with_addresses(query, &["192.0.2.80"]))
}

#[test]
fn rfc2181_01_on_the_wire_a_truncated_reply_leads_to_tcp() {
    let mut names = Names::new(one_server());
    names.ask("www.example", V4);
    let asked = names.only_asked();
    let mut reply = with_addresses(&asked.query, &["192.0.2.66"]);
    reply.metadata.truncation = true;
    names.reply(&asked, &reply);
    let (mut flow, queries) = names.accept_stream();
    assert_eq!(queries[0].queries, asked.query.queries);
    let octets = answer(&queries[0]);
    names.stream(&mut flow, &octets);
    assert_eq!(names.addresses(), Ok(vec!["192.0.2.80".into()]));
}

#[test]
fn rfc1035_05_on_the_wire_a_reply_may_come_octet_by_octet() {
    let (mut names, mut flow, queries) = asked_on_a_stream(1);
    let octets = answer(&queries[0]);
    for octet in octets.chunks(1) {
        assert_eq!(names.told(), None);
        names.stream(&mut flow, octet);
    }
    assert_eq!(names.addresses(), Ok(vec!["192.0.2.80".into()]));
}

#[test]
fn rfc7766_02_on_the_wire_three_queries_are_answered_in_reverse() {
    let (mut names, mut flow, queries) = asked_on_a_stream(3);
    let ids: std::collections::BTreeSet<u16> =
        queries.iter().map(|query| query.metadata.id).collect();
    assert_eq!(ids.len(), 3);
    for (number, query) in queries.iter().enumerate().rev() {
        let address = format!("192.0.2.{number}");
        let octets = for_stream(&with_addresses(query, &[&address]));
        names.stream(&mut flow, &octets);
        assert_eq!(names.addresses(), Ok(vec![address]));
    }
}

#[test]
fn rfc1035_05_on_the_wire_two_replies_in_one_segment_answer_two_queries() {
    let (mut names, mut flow, queries) = asked_on_a_stream(2);
    let both: Vec<u8> = queries.iter().flat_map(answer).collect();
    names.stream(&mut flow, &both);
    for _ in 0..2 {
        assert_eq!(names.addresses(), Ok(vec!["192.0.2.80".into()]));
    }
}

#[test]
fn rfc7766_03_on_the_wire_ten_queries_use_one_connection_and_the_client_closes_it() {
    let (mut names, mut flow, queries) = asked_on_a_stream(1);
    let octets = answer(&queries[0]);
    names.stream(&mut flow, &octets);
    assert!(names.addresses().is_ok());
    for number in 0..9 {
        names.ask(&format!("host{number}.example"), V4);
        let queries = names.queries_in(&mut flow);
        assert_eq!(queries.len(), 1, "on the same connection");
        let octets = answer(&queries[0]);
        names.stream(&mut flow, &octets);
        assert!(names.addresses().is_ok());
    }
    names.scene.segments();
    let idle = Duration::from_millis(names.scene.host.stack.config().dns_stream_idle_ms);
    names.scene.host.advance(idle - Duration::from_millis(1));
    assert!(
        !names
            .scene
            .segments()
            .iter()
            .any(|segment| segment.has("F"))
    );
    names.scene.host.advance(Duration::from_millis(1));
    let sent = names.scene.segments();
    assert!(sent.iter().any(|segment| segment.has("F")), "{sent:?}");
}

#[test]
fn rfc7766_04_on_the_wire_a_reset_after_the_first_reply_leads_to_a_second_connection() {
    let (mut names, mut flow, queries) = asked_on_a_stream(2);
    let octets = answer(&queries[0]);
    names.stream(&mut flow, &octets);
    assert!(names.addresses().is_ok());
    names.scene.segments();
    let reset = flow.seg().flags("RA");
    names.scene.send(&reset);
    let (mut flow, again) = names.accept_stream();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].queries, queries[1].queries);
    let octets = answer(&again[0]);
    names.stream(&mut flow, &octets);
    assert!(names.addresses().is_ok());
}

#[test]
fn rfc7766_04_on_the_wire_a_server_that_closes_at_once_is_the_end_of_the_try() {
    let mut names = Names::new(use_vc());
    names.ask("www.example", V4);
    for _ in 0..2 {
        let (flow, queries) = names.accept_stream();
        assert_eq!(queries.len(), 1);
        let reset = flow.seg().flags("RA");
        names.scene.send(&reset);
    }
    assert_eq!(names.addresses(), Err(LookupError::NoServer));
}

#[test]
fn bad_37_on_the_wire_a_dripping_reply_keeps_the_deadline() {
    let (mut names, mut flow, queries) = asked_on_a_stream(1);
    let octets = answer(&queries[0]);
    for octet in octets.chunks(1).take(4) {
        names.stream(&mut flow, octet);
        names.advance(1);
        assert_eq!(names.told(), None);
    }
    names.scene.segments();
    names.advance(1);
    // Five seconds after the query: a new try, on a new connection.
    let sent = names.scene.segments();
    assert!(sent.iter().any(|segment| segment.has("S")), "{sent:?}");
}

#[test]
fn bad_37_on_the_wire_a_long_chain_of_aliases_costs_little_and_is_refused() {
    use hickory_proto::rr::rdata::CNAME;
    use hickory_proto::rr::{RData, Record};

    let (mut names, mut flow, queries) = asked_on_a_stream(1);
    let mut reply = reply_to(&queries[0]);
    let host = |number: usize| match number {
        0 => name("a.example."),
        number => name(&format!("h{number}.example.")),
    };
    for number in 0..1_000 {
        let alias = RData::CNAME(CNAME(host(number + 1)));
        reply
            .answers
            .push(Record::from_rdata(host(number), 60, alias));
    }
    reply.answers.push(record(&host(1_000), "192.0.2.66", 60));
    let octets = for_stream(&reply);
    for part in octets.chunks(1_400) {
        names.stream(&mut flow, part);
    }
    assert_eq!(names.addresses(), Err(LookupError::ServerMisbehaving));
}
