#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sidestep_stack::observe::State;

use super::record::{Input, RECORD_OCTETS, Record};
use super::snapshot::{Profile, Snapshot};
use super::*;
use crate::packet::craft::{Ip, Segment, flags, option};

#[test]
fn every_target_is_found_by_its_name_and_by_its_number() {
    for target in Target::ALL {
        assert_eq!(target.name().parse(), Ok(*target));
        assert_eq!(format!("F{}", target.number()).parse(), Ok(*target));
        assert!(!target.meaning().is_empty());
    }
    assert_eq!(Target::ALL.len(), 15);
    assert!("F16".parse::<Target>().is_err());
}

#[test]
fn every_snapshot_is_in_the_state_that_its_name_says() {
    for (start, name) in Start::ALL.into_iter().zip(0_u8..) {
        for options in 0..2 {
            for peer in 0..3 {
                for ours in 0..2 {
                    let head = Record::new(&[name, peer & 1, options, peer, ours]);
                    let snapshot = Snapshot::of(Profile::of(&head)).expect("a snapshot");
                    let wanted = match start {
                        Start::Listen => State::Closed,
                        Start::SynSent => State::SynSent,
                        Start::SynReceived | Start::Crossing => State::SynReceived,
                        Start::FinWait1 => State::FinWait1,
                        Start::FinWait2 => State::FinWait2,
                        Start::CloseWait => State::CloseWait,
                        Start::Closing => State::Closing,
                        Start::LastAck => State::LastAck,
                        Start::TimeWait => State::TimeWait,
                        Start::Established
                        | Start::Dialled
                        | Start::InFlight
                        | Start::Recovering
                        | Start::ZeroWindow
                        | Start::OutOfOrder => State::Established,
                    };
                    let stack = &snapshot.rig.stack;
                    let flow = &snapshot.flow;
                    let status = stack
                        .connection_between(flow.local, flow.remote)
                        .and_then(|id| stack.status(id));
                    let state = status.as_ref().map_or(State::Closed, |status| status.state);
                    assert_eq!(state, wanted, "{start:?} {head:?}");
                    if let Some(status) = status
                        && start != Start::Listen
                    {
                        if ours == 1 {
                            assert!(status.iss > u32::MAX - 3_000, "{start:?}: {}", status.iss);
                        }
                        if peer == 1 && start != Start::SynSent {
                            assert!(status.irs > u32::MAX - 3_000, "{start:?}: {}", status.irs);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn any_octets_are_an_input() {
    for target in Target::ALL {
        for octets in [0, 1, RECORD_OCTETS - 1, RECORD_OCTETS, RECORD_OCTETS + 3] {
            let outcome = run_twice(*target, &vec![0xa5; octets]);
            assert_eq!(outcome.violation, None, "{target} with {octets} octets");
        }
    }
    assert_eq!(
        Input::new(&[0; 5_000]).records().count(),
        record::RECORDS_MAX
    );
}

/// Every literal that begins like a clause in a file of the stack, tests and comments left out.
fn literals(folder: &Path, found: &mut BTreeSet<String>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if path.file_name().unwrap() != "tests" {
                literals(&path, found);
            }
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "tests.rs" || name == "config.rs" || name == "discard.rs" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for line in text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            for part in line.split('"').skip(1).step_by(2) {
                if (part.starts_with("RFC ") || part.starts_with("draft-")) && part.contains('§') {
                    found.insert(part.to_owned());
                }
            }
        }
    }
}

#[test]
fn the_known_clauses_are_those_that_the_stack_names() {
    let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stack/src");
    let mut found = BTreeSet::new();
    literals(&stack, &mut found);
    let known: BTreeSet<String> = CLAUSES.iter().map(|it| (*it).to_owned()).collect();
    let unknown: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(unknown.is_empty(), "to be added to CLAUSES: {unknown:#?}");
    assert!(gone.is_empty(), "to be removed from CLAUSES: {gone:#?}");
}

#[test]
fn a_script_about_blocks_spells_them_in_its_own_numbers() {
    let mut teller = script::Teller::new("", script::Ip::V4);
    let now = sidestep_stack::Instant::ZERO;
    let segment = |flags: u8, seq: u32, ack: u32, options: &[u8]| Segment {
        ip: Ip::new([192, 0, 2, 1].into(), [192, 0, 2, 2].into()),
        source_port: 1,
        destination_port: 2,
        seq,
        ack,
        flags,
        window: 0,
        urgent: 0,
        options: options.to_vec(),
        text: Vec::new(),
    };
    let stamps = option::timestamps(70_000, 5_001);
    teller.arrives(now, &segment(flags::SYN, 9_000, 0, &[]));
    teller.leaves(now, &segment(flags::SYN | flags::ACK, 500, 9_001, &stamps));
    let ours = segment(flags::ACK, 501, 9_001, &option::timestamps(70_003, 5_004));
    let kernels = segment(flags::ACK, 501, 9_001, &option::sack(&[(9_101, 9_201)]));
    teller.leaves_reporting(now, &kernels, &ours);
    let script = teller.finish();
    let last = script.lines().last().unwrap();
    assert_eq!(
        last,
        "+0 > . 1:1(0) ack 1 <nop,nop,TS val 1003 ecr 5004,nop,nop,sack 101:201>"
    );
}
