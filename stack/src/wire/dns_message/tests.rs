//! Messages: what is written is read again, and no count or length is believed.

use alloc::vec;
use core::net::Ipv4Addr;

use super::*;

fn name(text: &str) -> Name {
    Name::from_text(text).expect("a name")
}

fn reply() -> Message {
    let opt = Opt {
        udp_octets: 1_232,
        version: 0,
        dnssec_ok: false,
    };
    let query = Message::query(0x1234, name("www.example"), RecordType::A, Some(opt));
    let mut reply = Message::reply_to(&query, Rcode::NO_ERROR);
    let alias = Record::alias(name("www.example"), name("cdn.example"), 300);
    let address = Record::address(name("cdn.example"), Ipv4Addr::new(192, 0, 2, 1).into(), 60);
    reply.answers = vec![alias, address];
    reply.authorities = vec![Record {
        name: name("example"),
        record_type: RecordType::SOA,
        class: Class::IN,
        ttl_s: 60,
        data: Data::StartOfAuthority(StartOfAuthority {
            primary: name("ns.example"),
            mailbox: name("post.example"),
            numbers: [1, 2, 3, 4, 5],
        }),
    }];
    reply
}

/// A message of one record behind a header, with these octets as its fixed part and data.
fn one_record(section: usize, record_type: u16, rdlength: u16, rdata: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; 12];
    octets[7 + 2 * section] = 1;
    octets.push(0);
    octets.extend_from_slice(&record_type.to_be_bytes());
    octets.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
    octets.extend_from_slice(&rdlength.to_be_bytes());
    octets.extend_from_slice(rdata);
    octets
}

fn rejected(octets: &[u8]) -> Option<MessageRejected> {
    Message::parse(octets, 1_024).err()
}

#[test]
fn what_is_written_is_read_again() {
    let reply = reply();
    let read = Message::parse(&reply.emit(), 10).expect("a message");
    assert_eq!(read.question, reply.question);
    assert_eq!(read.answers, reply.answers);
    assert_eq!(read.authorities, reply.authorities);
    assert_eq!(read.opt, reply.opt);
    assert_eq!(read.rcode, reply.rcode);
    assert_eq!(read.emit(), reply.emit());
    assert!(read.header.response && read.header.recursion_desired);
}

#[test]
fn a_query_is_as_the_rfc_draws_it() {
    let query = Message::query(0xabcd, name("a.bc"), RecordType::AAAA, None);
    assert_eq!(
        query.emit(),
        b"\xab\xcd\x01\0\0\x01\0\0\0\0\0\0\x01a\x02bc\0\0\x1c\0\x01"
    );
    let stream = query.emit_for_stream();
    assert_eq!(stream[..2], [0, 22]);
    assert_eq!(stream[2..], query.emit());
}

#[test]
fn a_message_cut_anywhere_is_rejected() {
    let octets = reply().emit();
    for length in 0..octets.len() {
        assert!(rejected(&octets[..length]).is_some(), "{length}");
    }
    // Octets after the end are nobody's.
    let longer = [&octets[..], b"rest"].concat();
    assert_eq!(rejected(&longer), None);
}

#[test]
fn a_reply_that_does_not_fit_is_truncated() {
    let reply = reply();
    let whole = reply.emit().len();
    assert_eq!(reply.emit_within(whole), reply.emit());
    let cut = Message::parse(&reply.emit_within(whole - 1), 10).expect("a message");
    assert!(cut.header.truncated);
    assert_eq!(cut.question, reply.question);
    assert!(cut.answers.is_empty() && cut.opt.is_some());
}

#[test]
fn bad_34_counts_that_lie_are_rejected_before_any_work() {
    for count_at in [6, 8, 10] {
        let mut octets = vec![0; 30];
        octets[count_at..][..2].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(rejected(&octets), Some(MessageRejected::Truncated));
    }
    let mut octets = vec![0; 30];
    octets[4..6].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(rejected(&octets), Some(MessageRejected::Questions));
}

#[test]
fn bad_34_records_are_limited() {
    let mut message = reply();
    let record = message.answers[1].clone();
    message.answers = vec![record; 9];
    message.authorities.clear();
    // Nine answers and one OPT.
    assert!(Message::parse(&message.emit(), 10).is_ok());
    let error = Message::parse(&message.emit(), 9).err();
    assert_eq!(error, Some(MessageRejected::RecordsTooMany));
}

#[test]
fn rfc1035_06_record_data_has_the_length_of_its_type() {
    for (record_type, right) in [(1, 4), (28, 16)] {
        for length in 0..20_u16 {
            let octets = one_record(0, record_type, length, &vec![0; usize::from(length)]);
            let expected = (length != right).then_some(MessageRejected::DataLength);
            assert_eq!(rejected(&octets), expected, "type {record_type}, {length}");
        }
        let beyond = one_record(0, record_type, right, &vec![0; usize::from(right) - 1]);
        assert_eq!(rejected(&beyond), Some(MessageRejected::Truncated));
    }
}

#[test]
fn bad_33_data_inside_a_record_ends_where_the_record_ends() {
    let truncated = Some(MessageRejected::Truncated);
    let length = Some(MessageRejected::DataLength);
    let name_truncated = Some(MessageRejected::Name(NameRejected::Truncated));
    for (record_type, rdata, expected) in [
        // CNAME: whole, too short, too long.
        (5, &b"\x01a\0"[..], None),
        (5, b"\x01a", name_truncated),
        (5, b"\x01a\0\0", length),
        (5, b"", name_truncated),
        // TXT: strings fill it.
        (16, b"\x01a\x02bc", None),
        (16, b"\x01a\x03bc", truncated),
        // SOA: two names, five numbers.
        (6, &[0; 22], None),
        (6, &[0; 21], truncated),
        (6, &[0; 23], length),
        // Types that we do not know hold anything.
        (99, b"\xff\xff", None),
    ] {
        let octets = one_record(0, record_type, rdata.len() as u16, rdata);
        assert_eq!(rejected(&octets), expected, "type {record_type} {rdata:?}");
        // The same with octets behind it that a careless reader would take.
        let longer = [&octets[..], &[0; 64]].concat();
        assert_eq!(rejected(&longer), expected, "type {record_type} {rdata:?}");
    }
}

#[test]
fn bad_33_options_beyond_their_record_are_rejected() {
    for (rdata, expected) in [
        (&b""[..], None),
        (b"\0\x0a\0\x02ab", None),
        (b"\0\x0a\0\0\0\x0b\0\x01c", None),
        (b"\0\x0a\0\x03ab", Some(MessageRejected::DataLength)),
        (b"\0\x0a\0", Some(MessageRejected::DataLength)),
        (b"\0", Some(MessageRejected::DataLength)),
    ] {
        let octets = one_record(2, 41, rdata.len() as u16, rdata);
        assert_eq!(rejected(&octets), expected, "{rdata:?}");
    }
}

#[test]
fn rfc6891_03_there_is_one_opt_record_in_its_place() {
    assert_eq!(rejected(&one_record(2, 41, 0, b"")), None);
    for section in [0, 1] {
        let octets = one_record(section, 41, 0, b"");
        assert_eq!(rejected(&octets), Some(MessageRejected::Opt));
    }
    let mut two = one_record(2, 41, 0, b"");
    two.extend_from_within(12..);
    two[11] = 2;
    assert_eq!(rejected(&two), Some(MessageRejected::Opt));
    let mut named = one_record(2, 41, 0, b"");
    named.splice(12..13, [1, b'a', 0]);
    assert_eq!(rejected(&named), Some(MessageRejected::Opt));
}

#[test]
fn rfc6891_01_sizes_below_512_count_as_512() {
    for (on_the_wire, counts_as) in [(0, 512), (100, 512), (512, 512), (513, 513)] {
        let mut octets = one_record(2, 41, 0, b"");
        octets[15..17].copy_from_slice(&u16::to_be_bytes(on_the_wire));
        let opt = Message::parse(&octets, 1).expect("a message").opt;
        assert_eq!(opt.expect("EDNS").udp_octets, counts_as);
    }
}

#[test]
fn rfc6891_04_the_response_code_has_twelve_bits() {
    for code in [0, 3, 15, 16, 23, 0xfff] {
        let mut message = reply();
        message.rcode = Rcode(code);
        let read = Message::parse(&message.emit(), 10).expect("a message");
        assert_eq!(read.rcode, Rcode(code));
    }
}

#[test]
fn rfc1035_07_a_ttl_with_its_top_bit_set_is_zero() {
    for (on_the_wire, counts_as) in [
        (60, 60),
        (0x7fff_ffff, 0x7fff_ffff),
        (0x8000_0000, 0),
        (u32::MAX, 0),
    ] {
        let mut octets = one_record(0, 1, 4, &[192, 0, 2, 1]);
        octets[17..21].copy_from_slice(&u32::to_be_bytes(on_the_wire));
        let message = Message::parse(&octets, 1).expect("a message");
        assert_eq!(message.answers[0].ttl_s, counts_as);
    }
}

#[test]
fn the_data_of_other_classes_is_not_ours_to_read() {
    // An A record of CHAOS is a name and a number (RFC 1035 §3.4 speaks of IN only).
    let mut octets = one_record(0, 1, 3, &[0, 1, 2]);
    octets[16] = 3;
    let message = Message::parse(&octets, 1).expect("a message");
    assert_eq!(message.answers[0].data.address(), None);
}

#[test]
fn bad_37_the_most_compressed_message_is_read_with_bounded_work() {
    // Inside a record that nobody reads: names that build on each other, four labels and a
    // pointer each, as deep as pointers may go.
    let mut names = vec![0];
    let mut target = FIRST_RDATA_AT;
    for _ in 0..30 {
        let here = FIRST_RDATA_AT + names.len() as u16;
        names.extend_from_slice(b"\x01a\x01a\x01a\x01a");
        names.extend_from_slice(&(0xc000 | target).to_be_bytes());
        target = here;
    }
    let mut octets = one_record(0, 99, names.len() as u16, &names);
    // Then records that are nothing but such a name, as many as a message can hold.
    let mut records = 1_u16;
    while octets.len() + 12 <= usize::from(u16::MAX) {
        octets.extend_from_slice(&(0xc000 | target).to_be_bytes());
        octets.extend_from_slice(&[0, 99, 0, 1, 0, 0, 0, 0, 0, 0]);
        records += 1;
    }
    octets[6..8].copy_from_slice(&records.to_be_bytes());
    let message = Message::parse(&octets, usize::MAX).expect("a message");
    assert_eq!(message.answers.len(), usize::from(records));
    assert_eq!(message.answers[1].name.labels().count(), 120);
    // Nobody has to do all this work.
    let error = Message::parse(&octets, 1_024).err();
    assert_eq!(error, Some(MessageRejected::RecordsTooMany));
}

/// Behind the header, the root, and the fixed part of a record.
const FIRST_RDATA_AT: u16 = 12 + 1 + 10;
