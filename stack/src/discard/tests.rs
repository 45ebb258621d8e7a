use super::*;
use crate::wire::ipv6_chain::{ParameterProblem, ParameterProblemCode, ToGroup};
use crate::wire::tcp_options::TcpOptionRejected;

#[test]
fn every_reason_has_a_counter_a_name_and_a_clause_of_its_own() {
    let mut counters = DiscardCounters::default();
    for (times, reason) in Discard::ALL.iter().enumerate() {
        for _ in 0..times {
            counters.count(*reason);
        }
        assert!(!reason.clause().is_empty());
    }
    for (times, (reason, count)) in counters.iter().enumerate() {
        assert_eq!(count, times as u64, "{}", reason.name());
    }
    let all = Discard::ALL.len() as u64;
    assert_eq!(counters.total(), all * (all - 1) / 2);
    let names: std::collections::HashSet<_> =
        Discard::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(names.len(), Discard::ALL.len());
}

#[test]
fn what_is_wrong_with_an_ipv4_header_becomes_its_reason() {
    for (error, reason) in [
        (Ipv4Rejected::Version { version: 5 }, Discard::IpVersion),
        (
            Ipv4Rejected::Truncated {
                have_octets: 1,
                need_octets: 20,
            },
            Discard::IpTruncated,
        ),
        (Ipv4Rejected::HeaderLength { words: 4 }, Discard::IpLength),
        (
            Ipv4Rejected::TotalLength {
                total_octets: 0,
                header_octets: 20,
                have_octets: 20,
            },
            Discard::IpLength,
        ),
        (Ipv4Rejected::Checksum, Discard::Ipv4Checksum),
        (Ipv4Rejected::Option { pointer: 20 }, Discard::Ipv4Option),
        (
            Ipv4Rejected::SourceRoute { pointer: 20 },
            Discard::SourceRoute,
        ),
    ] {
        assert_eq!(Discard::from(error), reason);
    }
}

#[test]
fn what_is_wrong_with_an_ipv6_header_becomes_its_reason() {
    for (error, reason) in [
        (Ipv6Rejected::Version { version: 5 }, Discard::IpVersion),
        (
            Ipv6Rejected::Truncated {
                have_octets: 1,
                need_octets: 40,
            },
            Discard::IpTruncated,
        ),
        (
            Ipv6Rejected::PayloadLength {
                have_octets: 40,
                need_octets: 41,
            },
            Discard::IpLength,
        ),
        (Ipv6Rejected::NoPayload, Discard::Jumbogram),
    ] {
        assert_eq!(Discard::from(error), reason);
    }
}

#[test]
fn what_is_wrong_with_a_chain_becomes_its_reason_with_and_without_a_reply() {
    let reply = ParameterProblem {
        code: ParameterProblemCode::ErroneousField,
        pointer: 40,
        to_group: ToGroup::Silent,
    };
    for (fault, reason) in [
        (ChainFault::Extension, Discard::Ipv6Extension),
        (ChainFault::UnknownOption, Discard::Ipv6OptionUnknown),
        (ChainFault::Jumbo, Discard::Jumbogram),
        (ChainFault::RoutingHeader, Discard::RoutingHeader),
        (ChainFault::FragmentLength, Discard::FragmentMalformed),
        (ChainFault::FragmentTooLong, Discard::FragmentTooLong),
        (ChainFault::IncompleteFirstFragment, Discard::FragmentTiny),
    ] {
        for reply in [None, Some(reply)] {
            assert_eq!(Discard::from(ChainRejected { fault, reply }), reason);
        }
    }
}

#[test]
fn what_is_wrong_with_a_transport_header_becomes_its_reason() {
    for (error, reason) in [
        (
            TcpRejected::Truncated {
                have_octets: 1,
                need_octets: 20,
            },
            Discard::TcpHeader,
        ),
        (TcpRejected::DataOffset { words: 4 }, Discard::TcpHeader),
        (
            TcpOptionRejected::NoLength { kind: 2 }.into(),
            Discard::TcpOption,
        ),
    ] {
        assert_eq!(Discard::from(error), reason);
    }
    for (error, reason) in [
        (
            UdpRejected::Truncated { have_octets: 1 },
            Discard::UdpLength,
        ),
        (
            UdpRejected::Length {
                length_octets: 7,
                have_octets: 8,
            },
            Discard::UdpLength,
        ),
        (UdpRejected::Checksum, Discard::UdpChecksum),
        (UdpRejected::ChecksumMissing, Discard::UdpChecksum),
    ] {
        assert_eq!(Discard::from(error), reason);
    }
    for (error, reason) in [
        (
            IcmpRejected::Truncated { have_octets: 7 },
            Discard::IcmpTruncated,
        ),
        (IcmpRejected::Checksum, Discard::IcmpChecksum),
    ] {
        assert_eq!(Discard::from(error), reason);
    }
}
