use alloc::vec::Vec;

use super::*;

fn summed(message: &Icmpv4Message) -> Bytes {
    let mut out = HeaderOctets::new();
    message.emit(&mut out);
    let mut octets = out.as_slice().to_vec();
    octets.extend_from_slice(message.carried());
    sum_again(&mut octets);
    octets.into()
}

fn sum_again(octets: &mut [u8]) {
    octets[2..4].fill(0);
    let checksum = Sum::of(octets).checksum();
    octets[2..4].copy_from_slice(&checksum.to_be_bytes());
}

fn parse(octets: &[u8]) -> Result<Icmpv4Message, IcmpRejected> {
    Icmpv4Message::parse(
        &Bytes::copy_from_slice(octets),
        ReceivedChecksum::Unverified,
    )
}

fn messages() -> Vec<Icmpv4Message> {
    let quote = Bytes::from_static(b"the beginning of a packet, odd");
    let echo = Echo {
        identifier: 0x1234,
        sequence_number: 0x5678,
        data: quote.clone(),
    };
    std::vec![
        Icmpv4Message::EchoRequest(echo.clone()),
        Icmpv4Message::EchoReply(echo),
        Icmpv4Message::DestinationUnreachable {
            code: unreachable::FRAGMENTATION_NEEDED,
            next_hop_mtu_octets: 1_280,
            quote: quote.clone(),
        },
        Icmpv4Message::SourceQuench {
            quote: quote.clone()
        },
        Icmpv4Message::Redirect {
            code: 1,
            gateway: Ipv4Addr::new(192, 0, 2, 9),
            quote: quote.clone(),
        },
        Icmpv4Message::TimeExceeded {
            code: TIME_EXCEEDED_REASSEMBLY,
            quote: quote.clone(),
        },
        Icmpv4Message::ParameterProblem {
            code: 0,
            pointer: 20,
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
fn etherparse_reads_what_we_emit() {
    use etherparse::{Icmpv4Slice, Icmpv4Type};

    for message in messages() {
        let octets = summed(&message);
        let theirs = Icmpv4Slice::from_slice(&octets).unwrap();
        assert_eq!(theirs.payload(), message.carried());
        match (&message, theirs.icmp_type()) {
            (Icmpv4Message::EchoRequest(ours), Icmpv4Type::EchoRequest(theirs))
            | (Icmpv4Message::EchoReply(ours), Icmpv4Type::EchoReply(theirs)) => {
                assert_eq!(
                    (ours.identifier, ours.sequence_number),
                    (theirs.id, theirs.seq)
                );
            }
            (
                Icmpv4Message::DestinationUnreachable { .. },
                Icmpv4Type::DestinationUnreachable(
                    etherparse::icmpv4::DestUnreachableHeader::FragmentationNeeded { next_hop_mtu },
                ),
            ) => assert_eq!(next_hop_mtu, 1_280),
            (Icmpv4Message::SourceQuench { .. }, Icmpv4Type::Unknown { type_u8: 4, .. })
            | (Icmpv4Message::Redirect { .. }, Icmpv4Type::Redirect(_))
            | (Icmpv4Message::TimeExceeded { .. }, Icmpv4Type::TimeExceeded(_)) => {}
            (
                Icmpv4Message::ParameterProblem { .. },
                Icmpv4Type::ParameterProblem(
                    etherparse::icmpv4::ParameterProblemHeader::PointerIndicatesError(pointer),
                ),
            ) => assert_eq!(pointer, 20),
            (ours, theirs) => panic!("{ours:?} is {theirs:?}"),
        }
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
        let mut bare = octets[..8].to_vec();
        sum_again(&mut bare);
        assert!(parse(&bare).unwrap().carried().is_empty());
    }
}

#[test]
fn bad_23_echo_data_of_any_size_comes_back_as_it_was() {
    for data_octets in [0, 1, 2, 3, 1_472, 65_507] {
        let message = Icmpv4Message::EchoReply(Echo {
            identifier: 1,
            sequence_number: 2,
            data: std::vec![0x5a; data_octets].into(),
        });
        assert_eq!(parse(&summed(&message)), Ok(message));
    }
}

#[test]
fn a_bad_checksum_is_rejected_unless_the_device_vouches() {
    for message in messages() {
        let mut octets = summed(&message).to_vec();
        octets[9] ^= 1;
        assert_eq!(parse(&octets), Err(IcmpRejected::Checksum));
        assert!(Icmpv4Message::parse(&octets.into(), ReceivedChecksum::Vouched).is_ok());
    }
}

#[test]
fn rfc1122_09_a_type_that_nobody_knows_is_said_to_be_unknown() {
    let mut octets = [44, 5, 0, 0, 1, 2, 3, 4];
    sum_again(&mut octets);
    assert_eq!(
        parse(&octets),
        Ok(Icmpv4Message::Unknown { kind: 44, code: 5 })
    );
    for kind in 0..=255_u8 {
        octets[0] = kind;
        sum_again(&mut octets);
        assert!(parse(&octets).is_ok());
    }
}

#[test]
fn rfc1122_10_errors_are_told_from_queries() {
    for query in [0, 8, 9, 10, 13, 14, 15, 16, 17, 18] {
        assert!(!is_error(query));
    }
    for error in [3, 4, 5, 11, 12, 44] {
        assert!(is_error(error));
    }
}

#[test]
fn what_a_message_carries_is_shared_and_not_copied() {
    let octets = summed(&messages()[0]);
    let message = Icmpv4Message::parse(&octets, ReceivedChecksum::Unverified).unwrap();
    assert_eq!(message.carried().as_ptr(), octets[8..].as_ptr());
}
