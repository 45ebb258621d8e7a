//! A second opinion on messages: what we write, hickory reads alike; what hickory writes, we read
//! alike; and of octets that both can read, neither reads anything else (RFC 1035 §4, RFC 2782,
//! RFC 3597 §4, RFC 6891 §6).

use bytes::Bytes;
use hickory_proto::op::{Edns, Message as Theirs, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, NULL, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{DNSClass, Name as TheirName, RData, Record as TheirRecord};
use rand::rngs::ChaCha12Rng;
use rand::{Rng, RngExt, SeedableRng};
use sidestep_stack::wire::dns_message::{
    Class, Data, Message, Opt, Question, Rcode, Record, RecordType, StartOfAuthority,
};
use sidestep_stack::wire::dns_name::Name;

/// A type that nobody knows (RFC 6895 §3.1: private use).
const UNKNOWN: u16 = 65_280;

fn text_name(random: &mut ChaCha12Rng) -> String {
    let labels = random.random_range(1..5);
    let mut text = String::new();
    for _ in 0..labels {
        for _ in 0..random.random_range(1..12) {
            let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
            text.push(char::from(letters[random.random_range(0..letters.len())]));
        }
        text.push('.');
    }
    text
}

fn our_name(random: &mut ChaCha12Rng) -> Name {
    Name::from_text(&text_name(random)).expect("a name")
}

/// The same labels.
fn theirs(name: &Name) -> TheirName {
    let labels: Vec<&[u8]> = name.labels().collect();
    let mut their = TheirName::from_labels(labels).expect("a name");
    their.set_fqdn(true);
    their
}

fn our_data(random: &mut ChaCha12Rng) -> (RecordType, Data) {
    match random.random_range(0..10) {
        0 => (RecordType::A, Data::V4(random.random::<u32>().into())),
        1 => (RecordType::AAAA, Data::V6(random.random::<u128>().into())),
        2 => (RecordType::CNAME, Data::Alias(our_name(random))),
        3 => (RecordType::NS, Data::NameServer(our_name(random))),
        4 => (RecordType::PTR, Data::Pointer(our_name(random))),
        5 => (
            RecordType::MX,
            Data::MailExchange {
                preference: random.random(),
                host: our_name(random),
            },
        ),
        6 => (
            RecordType::SRV,
            Data::Service {
                priority: random.random(),
                weight: random.random(),
                port: random.random(),
                target: our_name(random),
            },
        ),
        7 => {
            let mut text = vec![0; random.random_range(0..600)];
            random.fill_bytes(&mut text);
            (RecordType::TXT, Data::text(&text))
        }
        8 => (
            RecordType::SOA,
            Data::StartOfAuthority(StartOfAuthority {
                primary: our_name(random),
                mailbox: our_name(random),
                numbers: [(); 5].map(|()| random.random()),
            }),
        ),
        _ => {
            let mut raw = vec![0; random.random_range(1..40)];
            random.fill_bytes(&mut raw);
            (RecordType(UNKNOWN), Data::Other(raw.into()))
        }
    }
}

fn our_record(random: &mut ChaCha12Rng) -> Record {
    let (record_type, data) = our_data(random);
    Record {
        name: our_name(random),
        record_type,
        class: Class::IN,
        ttl_s: random.random_range(0..=i32::MAX as u32),
        data,
    }
}

/// What hickory would make of our record.
fn translated(record: &Record) -> TheirRecord {
    let data = match &record.data {
        Data::V4(address) => RData::A(A(*address)),
        Data::V6(address) => RData::AAAA(AAAA(*address)),
        Data::Alias(name) => RData::CNAME(CNAME(theirs(name))),
        Data::NameServer(name) => RData::NS(NS(theirs(name))),
        Data::Pointer(name) => RData::PTR(PTR(theirs(name))),
        Data::MailExchange { preference, host } => RData::MX(MX::new(*preference, theirs(host))),
        Data::Service {
            priority,
            weight,
            port,
            target,
        } => RData::SRV(SRV::new(*priority, *weight, *port, theirs(target))),
        Data::Text(raw) => {
            let mut strings = Vec::new();
            let mut rest = &raw[..];
            while let Some((length, after)) = rest.split_first() {
                let (string, after) = after.split_at(usize::from(*length));
                strings.push(string);
                rest = after;
            }
            RData::TXT(TXT::from_bytes(strings))
        }
        Data::StartOfAuthority(soa) => {
            let [serial, refresh, retry, expire, minimum] = soa.numbers;
            RData::SOA(SOA::new(
                theirs(&soa.primary),
                theirs(&soa.mailbox),
                serial,
                refresh as i32,
                retry as i32,
                expire as i32,
                minimum,
            ))
        }
        Data::Other(raw) => RData::Unknown {
            code: record.record_type.0.into(),
            rdata: NULL::with(raw.to_vec()),
        },
    };
    let mut their = TheirRecord::from_rdata(theirs(&record.name), record.ttl_s, data);
    their.dns_class = DNSClass::from(record.class.0);
    their
}

/// The records mean the same, down to the case of letters.
#[track_caller]
fn assert_alike(ours: &[Record], their: &[TheirRecord]) {
    assert_eq!(ours.len(), their.len());
    for (ours, their) in ours.iter().zip(their) {
        let translated = translated(ours);
        assert!(translated.name.eq_case(&their.name), "{ours:?} {their:?}");
        assert_eq!(translated.dns_class, their.dns_class);
        assert_eq!(translated.ttl, their.ttl);
        assert_eq!(translated.data, their.data);
    }
}

fn our_message(random: &mut ChaCha12Rng) -> Message {
    let opt = random.random::<bool>().then(|| Opt {
        udp_octets: random.random_range(512..=u16::MAX),
        version: 0,
        dnssec_ok: random.random(),
    });
    let kinds = [RecordType::A, RecordType::SRV, RecordType::PTR];
    let kind = kinds[random.random_range(0..kinds.len())];
    let mut message = Message::query(random.random(), our_name(random), kind, opt);
    message.header.response = random.random();
    message.header.authoritative = random.random();
    message.header.truncated = random.random();
    message.header.recursion_available = random.random();
    message.header.authentic_data = random.random();
    // Without EDNS there are four bits.
    message.rcode = Rcode(random.random_range(0..if opt.is_some() { 24 } else { 11 }));
    for _ in 0..random.random_range(0..6) {
        message.answers.push(our_record(random));
    }
    if let Some(Question { name, .. }) = &message.question {
        // Its name is written as a pointer.
        let record = Record::alias(name.clone(), our_name(random), 60);
        message.answers.push(record);
    }
    for _ in 0..random.random_range(0..3) {
        message.authorities.push(our_record(random));
    }
    message
}

#[test]
fn what_we_write_hickory_reads_alike() {
    let mut random = ChaCha12Rng::seed_from_u64(1);
    for _ in 0..3_000 {
        let ours = our_message(&mut random);
        let their = Theirs::from_vec(&ours.emit()).expect("our own message");
        let metadata = &their.metadata;
        assert_eq!(metadata.id, ours.header.id);
        assert_eq!(
            metadata.message_type == MessageType::Response,
            ours.header.response
        );
        assert_eq!(metadata.authoritative, ours.header.authoritative);
        assert_eq!(metadata.truncation, ours.header.truncated);
        assert_eq!(
            metadata.recursion_available,
            ours.header.recursion_available
        );
        assert_eq!(metadata.authentic_data, ours.header.authentic_data);
        assert_eq!(u16::from(metadata.response_code), ours.rcode.0);
        let question = ours.question.as_ref().expect("a question");
        assert!(their.queries[0].name().eq_case(&theirs(&question.name)));
        assert_eq!(
            u16::from(their.queries[0].query_type()),
            question.record_type.0
        );
        assert_alike(&ours.answers, &their.answers);
        assert_alike(&ours.authorities, &their.authorities);
        assert_eq!(their.edns.is_some(), ours.opt.is_some());
        if let (Some(edns), Some(opt)) = (&their.edns, &ours.opt) {
            assert_eq!(edns.max_payload(), opt.udp_octets);
            assert_eq!(edns.flags().dnssec_ok, opt.dnssec_ok);
        }
    }
}

/// A message as hickory writes it: names share their ends by pointers.
fn their_message(random: &mut ChaCha12Rng) -> Theirs {
    let kind = match random.random::<bool>() {
        true => MessageType::Response,
        false => MessageType::Query,
    };
    let mut message = Theirs::new(random.random(), kind, OpCode::Query);
    let zone = theirs(&our_name(random));
    message.metadata.authoritative = random.random();
    message.metadata.response_code = ResponseCode::from_low(random.random_range(0..11));
    message.queries = vec![Query::query(zone.clone(), hickory_proto::rr::RecordType::A)];
    let section = |random: &mut ChaCha12Rng| {
        let mut records = Vec::new();
        for _ in 0..random.random_range(0..5) {
            let mut record = translated(&our_record(random));
            let name = record.name.clone().append_domain(&zone);
            record.name = name.unwrap_or(zone.clone());
            records.push(record);
        }
        records
    };
    message.answers = section(random);
    message.authorities = section(random);
    message.additionals = section(random);
    if random.random() {
        let mut edns = Edns::new();
        edns.set_max_payload(random.random_range(0..=u16::MAX));
        edns.set_dnssec_ok(random.random());
        message.edns = Some(edns);
    }
    message
}

#[test]
fn what_hickory_writes_we_read_alike() {
    let mut random = ChaCha12Rng::seed_from_u64(2);
    for _ in 0..3_000 {
        let their = their_message(&mut random);
        let octets = their.to_vec().expect("a message");
        let ours = Message::parse(&octets, 1_024).expect("hickory's message");
        assert_eq!(ours.header.id, their.metadata.id);
        assert_eq!(ours.header.authoritative, their.metadata.authoritative);
        assert_eq!(ours.rcode.0, u16::from(their.metadata.response_code));
        assert_alike(&ours.answers, &their.answers);
        assert_alike(&ours.authorities, &their.authorities);
        if let Some(edns) = &their.edns {
            let opt = ours.opt.expect("EDNS");
            assert_eq!(opt.udp_octets, edns.max_payload().max(512));
            assert_eq!(opt.dnssec_ok, edns.flags().dnssec_ok);
        }
    }
}

/// Octets that matter in a message: small numbers, lengths, pointers.
const TELLING: [u8; 12] = [0, 1, 2, 4, 12, 16, 63, 64, 0x80, 0xc0, 0xc1, 0xff];

fn mutate(octets: &mut Vec<u8>, random: &mut ChaCha12Rng) {
    for _ in 0..random.random_range(1..4) {
        let place = random.random_range(0..octets.len());
        match random.random_range(0..5) {
            0 => octets[place] ^= 1 << random.random_range(0..8),
            1 => octets[place] = TELLING[random.random_range(0..TELLING.len())],
            2 => octets.truncate(place.max(12)),
            3 => octets.insert(place, random.random()),
            _ => {
                let end = (place + random.random_range(0..64)).min(octets.len());
                octets.extend_from_within(place..end);
            }
        }
    }
}

/// True if the two are bound to differ about a record, by what we do on purpose: other classes are
/// carried as they stand, a TTL above the limit is 0, and data without octets is nothing to hickory.
fn is_read_differently(ours: &Record, their: &TheirRecord) -> bool {
    ours.class != Class::IN
        || their.ttl > i32::MAX as u32
        || matches!(their.data, RData::Update0(_))
        || matches!(ours.data, Data::Other(_))
}

#[test]
fn rfc9267_01_mutated_messages_are_read_alike_or_not_at_all() {
    let mut random = ChaCha12Rng::seed_from_u64(3);
    let mut read_by_both = 0;
    for _ in 0..60_000 {
        let mut octets = match random.random::<bool>() {
            true => our_message(&mut random).emit(),
            false => their_message(&mut random).to_vec().expect("a message"),
        };
        mutate(&mut octets, &mut random);
        let (Ok(ours), Ok(their)) = (Message::parse(&octets, 1_024), Theirs::from_vec(&octets))
        else {
            continue;
        };
        read_by_both += 1;
        assert_eq!(ours.header.id, their.metadata.id);
        for (ours, their) in ours.answers.iter().zip(&their.answers) {
            if !is_read_differently(ours, their) {
                assert_alike(std::slice::from_ref(ours), std::slice::from_ref(their));
            }
        }
        // What was read can be written, and read again by both.
        let again = ours.emit();
        assert!(Message::parse(&again, 2_048).is_ok());
    }
    assert!(read_by_both > 10_000, "{read_by_both}");
}

#[test]
fn random_octets_never_make_the_reader_panic() {
    let mut random = ChaCha12Rng::seed_from_u64(4);
    for _ in 0..50_000 {
        let mut octets = vec![0; random.random_range(0..300)];
        random.fill_bytes(&mut octets);
        if octets.len() > 12 {
            // Plausible counts let the walk begin.
            octets[4..12].copy_from_slice(&[0, 1, 0, 2, 0, 1, 0, 1]);
        }
        let octets = Bytes::from(octets);
        let _ = Message::parse(&octets, 1_024);
    }
}
