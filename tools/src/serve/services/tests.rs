//! What each service answers, octet by octet.

use super::*;

#[test]
fn rfc864_a_line_has_72_letters_and_shifts_by_one() {
    let first = chargen_line(0);
    assert!(first.starts_with(b" !\"#$%&'()*+"));
    assert!(first.ends_with(b"fg\r\n"));
    assert_eq!(first[1..72], chargen_line(1)[..71]);
    assert_eq!(chargen_line(95), first);
    assert!(chargen_line(94).starts_with(b"~ !"));
}

#[test]
fn each_service_answers_a_datagram_in_its_way() {
    assert_eq!(
        Service::Echo.answer_packet(b"abc", 0).as_deref(),
        Some(&b"abc"[..])
    );
    assert_eq!(Service::Discard.answer_packet(b"abc", 0), None);
    assert_eq!(
        Service::Chargen.answer_packet(b"", 3),
        Some(chargen_line(3).to_vec())
    );
}
