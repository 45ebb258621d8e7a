//! Questions other than addresses: what is asked, what is told, in which order, and what is left out.

use super::*;
use crate::dns::reverse_name;
use crate::event::{MX, NS, SRV};
use crate::wire::dns_message::{Class, Data};

/// A reply in which the asked name has these records.
fn with_data(query: &Message, data: Vec<Data>) -> Message {
    let (name, record_type) = asks_for(query);
    with_data_of(query, &name, record_type, data)
}

fn with_data_of(query: &Message, name: &Name, kind: RecordType, data: Vec<Data>) -> Message {
    let mut reply = with_addresses(query, &[]);
    reply.answers.extend(data.into_iter().map(|data| Record {
        name: name.clone(),
        record_type: kind,
        class: Class::IN,
        ttl_s: 60,
        data,
    }));
    reply
}

fn mx(preference: u16, host: &str) -> Data {
    Data::MailExchange {
        preference,
        host: name(host),
    }
}

fn srv(priority: u16, weight: u16, target: &str) -> Data {
    Data::Service {
        priority,
        weight,
        port: 5_060,
        target: name(target),
    }
}

/// What a look-up finds if the server has these records.
fn ask_once(seed: u8, text: &str, question: Question, data: &[Data]) -> Ran {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.around = Surroundings::new(Config::default(), seed);
    world.ask(text, question);
    world.run(|_, query| Act::Reply(with_data(query, data.to_vec())))
}

fn hosts_of(ran: &Ran) -> Vec<String> {
    match ran.answer.result.as_ref().expect("an answer") {
        Answer::MailExchanges(list) => list.iter().map(|mx| mx.host.clone()).collect(),
        Answer::NameServers(list) => list.iter().map(|ns| ns.host.clone()).collect(),
        Answer::Services { services, .. } => {
            services.iter().map(|srv| srv.target.clone()).collect()
        }
        Answer::Names(names) => names.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_question_asks_for_its_own_type() {
    for (question, text, asked) in [
        (Question::MailExchanges, "a.example", "MX a.example."),
        (Question::NameServers, "a.example", "NS a.example."),
        (Question::NameServers, ".", "NS ."),
        (Question::Texts, "a.example", "TXT a.example."),
        (
            Question::Services,
            "_sip._tcp.a.example",
            "SRV _sip._tcp.a.example.",
        ),
        (
            Question::Pointer(ip("192.0.2.1")),
            "",
            "PTR 1.2.0.192.in-addr.arpa.",
        ),
        (
            Question::Pointer(ip("::ffff:192.0.2.1")),
            "",
            "PTR 1.2.0.192.in-addr.arpa.",
        ),
        (
            Question::Pointer(ip("2001:db8::567:89ab")),
            "",
            "PTR b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
        ),
    ] {
        let mut world = World::new(&settings(&[SERVER_1]));
        world.ask(text, question);
        let ran = world.run(|_, query| Act::Reply(with_rcode(query, Rcode::NAME_ERROR)));
        assert_eq!(ran.asked, [alloc::format!("{SERVER_1} udp {asked}")]);
        assert_eq!(ran.error(), LookupError::NotFound);
    }
}

#[test]
fn reverse_names_are_those_of_rfc_1035_and_rfc_3596() {
    assert_eq!(reverse_name(ip("1.2.3.4")), "4.3.2.1.in-addr.arpa.");
    assert_eq!(
        reverse_name(ip("::1")),
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa."
    );
}

#[test]
fn mail_exchanges_are_sorted_by_preference_and_equal_ones_by_chance() {
    let data = [
        mx(20, "c.example"),
        mx(10, "a.example"),
        mx(30, "d.example"),
        mx(10, "b.example"),
    ];
    let mut orders = BTreeSet::new();
    for seed in 0..32 {
        let ran = ask_once(seed, "example", Question::MailExchanges, &data);
        let hosts = hosts_of(&ran);
        assert_eq!(hosts[2..], ["c.example.", "d.example."]);
        orders.insert(hosts[0].clone());
    }
    assert_eq!(orders.len(), 2, "both of the equal ones were first once");
    // The same seed gives the same order.
    let again = [(); 2].map(|()| ask_once(9, "example", Question::MailExchanges, &data).answer);
    assert_eq!(again[0], again[1]);
    let ran = ask_once(1, "example", Question::MailExchanges, &data[..1]);
    let only = MX {
        host: "c.example.".into(),
        pref: 20,
    };
    assert_eq!(ran.answer.result, Ok(Answer::MailExchanges(vec![only])));
}

#[test]
fn services_are_sorted_by_priority_and_drawn_by_weight() {
    let data = [
        srv(20, 0, "z.example"),
        srv(10, 30, "heavy.example"),
        srv(10, 10, "light.example"),
        srv(10, 0, "none.example"),
    ];
    let mut heavy_first = 0;
    for seed in 0..=255 {
        let ran = ask_once(seed, "_sip._tcp.example", Question::Services, &data);
        let hosts = hosts_of(&ran);
        assert_eq!(hosts[3], "z.example.");
        assert_eq!(hosts[2], "none.example.", "as in Go: no weight, no chance");
        heavy_first += usize::from(hosts[0] == "heavy.example.");
    }
    // Three of four: 192 expected, 7 the standard deviation.
    assert!((165..=219).contains(&heavy_first), "{heavy_first}");
}

#[test]
fn services_tell_under_which_name_they_were_found() {
    let mut world = World::new(&settings(&[SERVER_1]));
    world.ask("_sip._tcp.example", Question::Services);
    let ran = world.run(|_, query| {
        let (asked, kind) = asks_for(query);
        let target = name("_sip._tcp.hoster.example");
        let mut reply = with_data_of(query, &target, kind, vec![srv(1, 2, "host.example")]);
        reply.answers.insert(0, Record::alias(asked, target, 60));
        Act::Reply(reply)
    });
    let service = SRV {
        target: "host.example.".into(),
        port: 5_060,
        priority: 1,
        weight: 2,
    };
    assert_eq!(
        ran.answer.result,
        Ok(Answer::Services {
            name: "_sip._tcp.hoster.example.".into(),
            services: vec![service],
        })
    );
}

#[test]
fn the_strings_of_a_text_are_joined_and_texts_keep_their_order() {
    let split = Data::Text(b"\x03abc\x00\x02de".as_slice().into());
    let long = alloc::vec![b'x'; 600];
    let data = [
        split,
        Data::text(b""),
        Data::text(&long),
        Data::text(b"\xff\n"),
    ];
    let ran = ask_once(1, "example", Question::Texts, &data);
    let texts: Vec<bytes::Bytes> = vec![
        b"abcde".as_slice().into(),
        b"".as_slice().into(),
        long.into(),
        b"\xff\n".as_slice().into(),
    ];
    assert_eq!(ran.answer.result, Ok(Answer::Texts(texts)));
}

#[test]
fn name_servers_and_names_of_addresses_keep_their_order() {
    let data = ["b.example", "a.example"].map(|host| Data::NameServer(name(host)));
    let ran = ask_once(1, "example", Question::NameServers, &data);
    let servers = ["b.example.", "a.example."].map(|host| NS { host: host.into() });
    assert_eq!(ran.answer.result, Ok(Answer::NameServers(servers.to_vec())));
    let data = ["b.example", "a.example"].map(|host| Data::Pointer(name(host)));
    let ran = ask_once(1, "", Question::Pointer(ip("192.0.2.1")), &data);
    assert_eq!(hosts_of(&ran), ["b.example.", "a.example."]);
}

#[test]
fn records_with_names_that_are_none_are_left_out_and_counted() {
    let bad = ["a b.example", "-a.example", "<script>", "1.2"];
    for bad in bad {
        let mail = [mx(1, bad), mx(2, "good.example"), mx(3, ".")];
        let ran = ask_once(1, "example", Question::MailExchanges, &mail);
        assert_eq!(hosts_of(&ran), ["good.example.", "."], "{bad}");
        assert_eq!(ran.answer.left_out, 1);
        let servers = [Data::NameServer(name(bad))];
        let ran = ask_once(1, "example", Question::NameServers, &servers);
        assert_eq!((hosts_of(&ran).len(), ran.answer.left_out), (0, 1));
        let services = [srv(1, 1, bad), srv(1, 1, "good.example")];
        let ran = ask_once(1, "example", Question::Services, &services);
        assert_eq!((hosts_of(&ran).len(), ran.answer.left_out), (1, 1));
        let pointers = [Data::Pointer(name(bad)), Data::Pointer(name("good"))];
        let ran = ask_once(1, "", Question::Pointer(ip("::1")), &pointers);
        assert_eq!((hosts_of(&ran).len(), ran.answer.left_out), (1, 1));
    }
}

#[test]
fn an_owner_that_is_no_name_is_an_error_for_canonical_names_and_services() {
    for (question, error) in [
        (Question::CanonicalName, LookupError::InvalidNames),
        (Question::Services, LookupError::ServiceNameInvalid),
    ] {
        let mut world = World::new(&settings(&[SERVER_1]));
        world.ask("www.example", question);
        let ran = world.run(|_, query| {
            let (asked, kind) = asks_for(query);
            let bad = name("<bad>.example");
            let data = match kind {
                RecordType::SRV => srv(1, 1, "good.example"),
                RecordType::A => Data::V4([192, 0, 2, 1].into()),
                _ => Data::V6(core::net::Ipv6Addr::LOCALHOST),
            };
            let mut reply = with_data_of(query, &bad, kind, vec![data]);
            reply.answers.insert(0, Record::alias(asked, bad, 60));
            Act::Reply(reply)
        });
        assert_eq!(ran.error(), error);
    }
}

#[test]
fn the_canonical_name_is_the_end_of_the_aliases_and_needs_an_address() {
    let script = |addresses: &'static [&'static str]| {
        move |_: &Transmit, query: &Message| {
            let target = name("CDN.example");
            let mut reply = with_addresses(query, addresses);
            for record in &mut reply.answers {
                record.name = target.clone();
            }
            let alias = Record::alias(asks_for(query).0, target, 60);
            reply.answers.insert(0, alias);
            reply
                .authorities
                .push(Record::address(name("ns.example"), ip("192.0.2.9"), 1));
            Act::Reply(reply)
        }
    };
    for addresses in [
        &["192.0.2.1"] as &[_],
        &["2001:db8::1"],
        &["192.0.2.1", "::2"],
    ] {
        let mut world = World::new(&settings(&[SERVER_1]));
        world.ask("www.example", Question::CanonicalName);
        let ran = world.run(script(addresses));
        let canonical = Answer::CanonicalName("CDN.example.".into());
        assert_eq!(ran.answer.result, Ok(canonical));
    }
    let mut world = World::new(&settings(&[SERVER_1]));
    world.ask("www.example", Question::CanonicalName);
    let ran = world.run(|transmit, query| {
        if asks_for(query).0 == name("cdn.example") {
            return Act::Reply(with_addresses(query, &[]));
        }
        script(&[])(transmit, query)
    });
    assert_eq!(ran.error(), LookupError::NotFound);
    // Without an alias it is the name itself, with the domain that found it.
    let mut settings = settings(&[SERVER_1]);
    settings.search = vec!["example.org".into()];
    let mut world = World::new(&settings);
    world.ask("www", Question::CanonicalName);
    let ran = world.run(|_, query| Act::Reply(with_addresses(query, &["192.0.2.1"])));
    let canonical = Answer::CanonicalName("www.example.org.".into());
    assert_eq!(ran.answer.result, Ok(canonical));
}

/// What a look-up finds that must not cause any query.
fn without_a_packet(hosts: &str, text: &str, question: Question) -> Result<Answer, LookupError> {
    let mut world = World::new(&ResolverSettings {
        hosts: hosts.into(),
        ..settings(&[SERVER_1])
    });
    world.ask(text, question);
    assert!(world.next_transmit().is_none(), "{text}");
    world.answer().expect("an answer at once").result
}

#[test]
fn the_hosts_file_answers_canonical_names_and_names_of_addresses() {
    let hosts = "192.0.2.1 Web.Example www\n192.0.2.1 alias\n2001:db8::1 six";
    let names = |address| without_a_packet(hosts, "", Question::Pointer(ip(address)));
    let all = ["Web.Example.", "www", "alias"].map(String::from).to_vec();
    assert_eq!(names("192.0.2.1"), Ok(Answer::Names(all)));
    assert_eq!(names("2001:db8::1"), Ok(Answer::Names(vec!["six".into()])));
    assert_eq!(
        without_a_packet(hosts, "WWW", Question::CanonicalName),
        Ok(Answer::CanonicalName("web.example.".into()))
    );
}

#[test]
fn special_names_and_nonsense_are_never_asked_about() {
    for question in [
        Question::MailExchanges,
        Question::NameServers,
        Question::Services,
        Question::Texts,
    ] {
        for text in [
            "localhost",
            "a.localhost.",
            "x.invalid",
            "x.onion",
            "p.local",
        ] {
            let found = without_a_packet("192.0.2.1 localhost", text, question);
            assert_eq!(found, Err(LookupError::NotFound), "{text}");
        }
        for text in ["", "192.0.2.1", "::1", "a b", "a..b"] {
            let found = without_a_packet("", text, question);
            assert_eq!(found, Err(LookupError::NameInvalid), "{text}");
        }
    }
    let canonical = |text| without_a_packet("", text, Question::CanonicalName);
    assert_eq!(canonical("192.0.2.1"), Err(LookupError::NameInvalid));
    assert_eq!(canonical("x.onion"), Err(LookupError::NotFound));
    assert_eq!(
        canonical("localhost"),
        Ok(Answer::CanonicalName("localhost.".into()))
    );
}

#[test]
fn the_search_list_holds_for_every_question() {
    let mut settings = settings(&[SERVER_1]);
    settings.search = vec!["a.example".into()];
    let mut world = World::new(&settings);
    world.ask("host", Question::Texts);
    let ran = world.run(|_, query| {
        Act::Reply(if asks_for(query).0 == name("host") {
            with_data(query, vec![Data::text(b"here")])
        } else {
            with_rcode(query, Rcode::NAME_ERROR)
        })
    });
    let text: bytes::Bytes = b"here".as_slice().into();
    assert_eq!(ran.answer.result, Ok(Answer::Texts(vec![text])));
    assert_eq!(ran.asked.len(), 2);
}
