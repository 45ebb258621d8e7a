//! What the server answers to which question.

use super::*;

fn zone() -> Zone {
    Zone::default()
        .with(
            "Host.test",
            Entry::Addresses(vec![
                "192.0.2.1".parse().unwrap(),
                "2001:db8::1".parse().unwrap(),
            ]),
        )
        .with("www.test", Entry::Alias("host.test".to_owned()))
        .with("loop.test", Entry::Alias("loop.test".to_owned()))
        .with("bad.test", Entry::Fails)
}

fn ask(name: &str, record_type: RecordType) -> Message {
    let name = Name::from_text(name).unwrap();
    let query = Message::query(7, name, record_type, None);
    let (_, reply) = zone().answer_octets(&query.emit()).unwrap();
    Message::parse(&reply.emit(), 100).unwrap()
}

#[test]
fn each_family_has_its_answer() {
    let reply = ask("HOST.test.", RecordType::A);
    assert_eq!(reply.header.id, 7);
    assert!(reply.header.response);
    let addresses: Vec<_> = reply.answers.iter().map(|r| r.data.address()).collect();
    assert_eq!(addresses, [Some("192.0.2.1".parse().unwrap())]);
    let reply = ask("host.test", RecordType::AAAA);
    assert_eq!(
        reply.answers[0].data.address(),
        Some("2001:db8::1".parse().unwrap())
    );
}

#[test]
fn an_alias_comes_with_what_it_stands_for() {
    let reply = ask("www.test", RecordType::A);
    assert_eq!(reply.answers.len(), 2);
    assert_eq!(reply.answers[0].record_type, RecordType::CNAME);
}

#[test]
fn what_has_no_answer_says_why() {
    assert_eq!(ask("none.test", RecordType::A).rcode, Rcode::NAME_ERROR);
    assert_eq!(ask("bad.test", RecordType::A).rcode, Rcode::SERVER_FAILURE);
    assert_eq!(ask("loop.test", RecordType::A).rcode, Rcode::SERVER_FAILURE);
    let other = ask("host.test", RecordType::TXT);
    assert_eq!((other.rcode, other.answers.len()), (Rcode::NO_ERROR, 0));
}

#[test]
fn what_is_no_query_gets_no_answer() {
    assert!(zone().answer_octets(b"").is_none());
    let reply = ask("host.test", RecordType::A).emit();
    assert!(zone().answer_octets(&reply).is_none());
}
