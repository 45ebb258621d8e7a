use alloc::vec::Vec;

use super::*;

const SOURCE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const DESTINATION: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

fn summed(message: &Icmpv6Message) -> Bytes {
    let mut out = HeaderOctets::new();
    message.emit(&mut out);
    let mut octets = out.as_slice().to_vec();
    octets.extend_from_slice(message.carried());
    sum_again(&mut octets);
    octets.into()
}

fn sum_again(octets: &mut [u8]) {
    octets[2..4].fill(0);
    let mut sum = Sum::pseudo_header_v6(SOURCE, DESTINATION, Protocol::ICMP_V6, octets.len());
    sum.add(octets);
    octets[2..4].copy_from_slice(&sum.checksum().to_be_bytes());
}

fn parse(octets: &[u8]) -> Result<Icmpv6Message, IcmpRejected> {
    Icmpv6Message::parse(
        SOURCE,
        DESTINATION,
        &Bytes::copy_from_slice(octets),
        ReceivedChecksum::Unverified,
    )
}

fn messages() -> Vec<Icmpv6Message> {
    let quote = Bytes::from_static(b"the beginning of a packet, odd");
    let echo = Echo {
        identifier: 0x1234,
        sequence_number: 0x5678,
        data: quote.clone(),
    };
    std::vec![
        Icmpv6Message::EchoRequest(echo.clone()),
        Icmpv6Message::EchoReply(echo),
        Icmpv6Message::DestinationUnreachable {
            code: UNREACHABLE_PORT,
            quote: quote.clone(),
        },
        Icmpv6Message::PacketTooBig {
            mtu_octets: 0x0001_0500,
            quote: quote.clone(),
        },
        Icmpv6Message::TimeExceeded {
            code: TIME_EXCEEDED_REASSEMBLY,
            quote: quote.clone(),
        },
        Icmpv6Message::ParameterProblem {
            code: 1,
            pointer: 0x0001_0006,
            quote,
        },
    ]
}

#[test]
fn what_is_emitted_parses_to_the_same_message() {
    for message in messages() {
        assert_eq!(parse(&summed(&message)), Ok(message));
    }
}

#[test]
fn etherparse_reads_what_we_emit_and_finds_the_checksum_right() {
    use etherparse::{Icmpv6Slice, Icmpv6Type};

    for message in messages() {
        let octets = summed(&message);
        let theirs = Icmpv6Slice::from_slice(&octets).unwrap();
        assert_eq!(theirs.payload(), message.carried());
        assert!(theirs.is_checksum_valid(SOURCE.octets(), DESTINATION.octets()));
        match (&message, theirs.icmp_type()) {
            (Icmpv6Message::EchoRequest(ours), Icmpv6Type::EchoRequest(theirs))
            | (Icmpv6Message::EchoReply(ours), Icmpv6Type::EchoReply(theirs)) => {
                assert_eq!(
                    (ours.identifier, ours.sequence_number),
                    (theirs.id, theirs.seq)
                );
            }
            (
                Icmpv6Message::DestinationUnreachable { .. },
                Icmpv6Type::DestinationUnreachable(code),
            ) => assert_eq!(code.code_u8(), 4),
            (Icmpv6Message::PacketTooBig { mtu_octets, .. }, Icmpv6Type::PacketTooBig { mtu }) => {
                assert_eq!(*mtu_octets, mtu);
            }
            (Icmpv6Message::TimeExceeded { .. }, Icmpv6Type::TimeExceeded(code)) => {
                assert_eq!(code.code_u8(), 1);
            }
            (
                Icmpv6Message::ParameterProblem { pointer, .. },
                Icmpv6Type::ParameterProblem(theirs),
            ) => {
                assert_eq!(*pointer, theirs.pointer);
                assert_eq!(theirs.code.code_u8(), 1);
            }
            (ours, theirs) => panic!("{ours:?} is {theirs:?}"),
        }
    }
}

#[test]
fn rfc4443_02_the_checksum_covers_the_pseudo_header_and_is_verified() {
    for message in messages() {
        let octets = summed(&message);
        let elsewhere = Icmpv6Message::parse(
            SOURCE,
            Ipv6Addr::LOCALHOST,
            &octets,
            ReceivedChecksum::Unverified,
        );
        assert_eq!(elsewhere, Err(IcmpRejected::Checksum));
        let mut octets = octets.to_vec();
        octets[9] ^= 1;
        assert_eq!(parse(&octets), Err(IcmpRejected::Checksum));
        let vouched = ReceivedChecksum::Vouched;
        assert!(Icmpv6Message::parse(SOURCE, DESTINATION, &octets.into(), vouched).is_ok());
    }
}

#[test]
fn rfc4443_03_unknown_errors_are_told_from_unknown_information() {
    for kind in 0..=255_u8 {
        let mut octets = [kind, 3, 0, 0, 0, 0, 0, 0, 7];
        sum_again(&mut octets);
        let message = parse(&octets).unwrap();
        match kind {
            1..=4 | 128 | 129 => {}
            0 | 5..=127 => assert_eq!(
                message,
                Icmpv6Message::UnknownError {
                    kind,
                    code: 3,
                    quote: Bytes::from_static(&[7])
                }
            ),
            130.. => assert_eq!(
                message,
                Icmpv6Message::UnknownInformation {
                    kind,
                    code: 3,
                    rest: Bytes::from_static(&[7])
                }
            ),
        }
    }
}

#[test]
fn rfc4443_05_errors_and_redirects_are_not_answered_by_errors() {
    for kind in 0..=255_u8 {
        assert_eq!(is_error(kind), kind <= 127 || kind == 137);
    }
}

#[test]
fn bad_23_a_message_shorter_than_its_header_is_rejected() {
    for message in messages() {
        let octets = summed(&message);
        for have_octets in 0..8 {
            assert_eq!(
                parse(&octets[..have_octets]),
                Err(IcmpRejected::Truncated { have_octets })
            );
        }
    }
}
