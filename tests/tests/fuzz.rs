//! The fixed-seed share of the fuzzing: every target of `sidestep fuzz`, and a planted bug that it must
//! be able to see.
//!
//! Each run follows from its seed, so a failure repeats, and its message has the shrunk input.
//! `SIDESTEP_FUZZ_ROUNDS` makes them longer. Inputs that once broke a promise are kept here.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

use sidestep_tools::fuzz::campaign::Campaign;
use sidestep_tools::fuzz::coverage::Coverage;
use sidestep_tools::fuzz::{Target, report, run_twice};

/// Inputs for each target.
fn rounds() -> u64 {
    std::env::var("SIDESTEP_FUZZ_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000)
}

/// Runs a target by a seed; a broken promise fails the test with all that repeats it.
#[track_caller]
fn campaign(target: Target, seed: u64, inputs: u64) -> Campaign {
    let mut campaign = Campaign::new(target, seed);
    while campaign.executions() < inputs {
        campaign.step();
        if let Some(crash) = campaign.crashes().first() {
            panic!(
                "{target}, input {} of seed {seed}: {}\n{}\n{}",
                crash.number,
                crash.shrunk.violation,
                report::hex(&crash.shrunk.input),
                report::script(crash).unwrap_or_else(|| report::test_stub(crash)),
            );
        }
    }
    campaign
}

macro_rules! targets {
    ($($name:ident = $target:ident;)*) => {$(
        #[test]
        fn $name() {
            campaign(Target::$target, 1, rounds());
        }
    )*};
}

targets! {
    f1_ipv4_packets_do_no_harm = Ipv4;
    f2_ipv6_chains_do_no_harm = Ipv6;
    f3_reassembly_does_what_a_map_of_octets_does = Reassembly;
    f4_quoted_packets_do_no_harm = Icmp;
    f5_messages_about_groups_do_no_harm = Groups;
    f6_datagrams_and_sockets_do_no_harm = Udp;
    f7_tcp_headers_are_read_as_etherparse_reads_them = TcpHeader;
    f9_two_stacks_over_a_bad_line_exchange_every_octet = TcpPair;
    f10_no_packet_and_no_call_harms_the_stack_or_its_fork = Stack;
    f11_ranges_are_a_naive_set = Ranges;
    f12_messages_are_read_as_hickory_reads_them = Dns;
    f13_a_hostile_server_harms_no_look_up = Resolver;
    f14_rto_and_cwnd_follow_their_formulas = Arithmetic;
    f15_checksums_are_those_of_the_plain_loop = Checksum;
}

#[test]
fn f8_a_tcp_socket_in_any_state_keeps_its_promises() {
    let campaign = campaign(Target::TcpSocket, 1, 4 * rounds());
    // Whether deep states are reached at all: what is fuzzed must be more than parsers.
    let transitions = campaign.coverage().transitions();
    assert!(transitions.reached >= 18, "{transitions:?}");
}

#[test]
fn the_same_seed_gives_the_same_inputs_and_the_same_packets() {
    let digest = |seed: u64| campaign(Target::Stack, seed, 200).digest();
    assert_eq!(digest(5), digest(5));
    assert_ne!(digest(5), digest(6));
}

#[test]
fn no_connection_goes_from_one_state_to_another_that_nobody_knows_of() {
    let mut all = Coverage::default();
    for target in [Target::TcpSocket, Target::TcpPair, Target::Stack] {
        all.merge(campaign(target, 2, rounds()).coverage());
    }
    assert_eq!(all.unknown_transitions(), []);
}

/// Inputs that once broke a promise, or what judges of it.
#[test]
fn what_was_found_once_is_not_found_again() {
    let found = [
        (
            Target::Reassembly,
            "00000000000000000000000000000000 000000f2000000000000000000000000 \
             ff000000000000000000000000000000 00000014000000000000000000000000 \
             2fb70000000000000000000000000000 55000100000000000000000000000000 \
             00000000000000000000000000000000",
        ),
        (
            Target::TcpSocket,
            "00000000000000000000000000000000 00590000000000000000000000000000 \
             00950000000076000000000000000000 0000000000006000000068d7d1690000",
        ),
        (
            Target::Stack,
            "00000000000000000000000000000000 cb8300e4350000000000000000000000 \
             0beb00be00d100008b0000de00000000",
        ),
        // A raw socket of protocol 0 spoke IPv6, where that number begins the options of every hop.
        (
            Target::Stack,
            "00000000000000000000000000000000 de23007c430000000000000000000000 \
             79b30056001d0000ae000000000000c9",
        ),
        // The model of RTO had an older rule for a least one below a second.
        (
            Target::Arithmetic,
            "00130000000000000000000000000000 00000000000071000000000000000000",
        ),
        // The judge did not look at repeated segments, one of which opened the window.
        (
            Target::TcpSocket,
            "00000000000000000000000000000000 d9910000000000000089000000000000 \
             0000000f000000000000000000000000 5f0d0000000000000000000000000000 \
             3d470000000000000000000000000000",
        ),
    ];
    for (target, text) in found {
        let input = report::from_hex(text).expect("hexadecimal");
        assert_eq!(run_twice(target, &input).violation, None, "{target}");
    }
}
