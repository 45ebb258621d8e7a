//! Each rule catches what it is for.

use super::*;
use crate::packet::craft::{Ip, Segment};
use crate::sim::transfer::{Family, Transfer};
use crate::sim::{Checks, World};
use sidestep_stack::Instant;

/// A world in the middle of a transfer, and the status of its sender's connection.
fn in_the_middle() -> (World, Status) {
    let transfer = Transfer {
        seed: 7,
        recipe: "delay=20ms".parse().unwrap(),
        octets: 4 << 20,
        family: Family::V4,
        checks: Checks::On,
    };
    let mut running = transfer.begin().unwrap();
    running.world.run_until(Instant::from_millis(250)).unwrap();
    let stack = running.world.host(running.hosts[0]).unwrap().stack();
    let connection = stack.connections().next().unwrap();
    let status = stack.status(connection).unwrap();
    assert!(status.in_flight_octets > 0 && status.unsent_octets > 0);
    (running.world, status)
}

fn violation(status: &Status, before: Option<&Numbers>) -> Violation {
    check_connection(status, before).unwrap_err()
}

#[test]
fn the_numbers_of_a_connection_are_held_against_each_other() {
    let (_world, good) = in_the_middle();
    let before = check_connection(&good, None).unwrap();

    let mut status = good.clone();
    status.snd_una = status.snd_nxt.wrapping_add(1);
    assert!(matches!(
        violation(&status, None),
        Violation::SendOrder { .. }
    ));

    for what in ["SND.UNA", "SND.NXT", "RCV.NXT"] {
        let mut status = good.clone();
        let place = match what {
            "SND.UNA" => &mut status.snd_una,
            "SND.NXT" => &mut status.snd_nxt,
            _ => &mut status.rcv_nxt,
        };
        *place = place.wrapping_sub(1);
        let found = violation(&status, Some(&before));
        assert!(
            matches!(found, Violation::Retreat { what: it, .. } if it == what),
            "{found}"
        );
    }

    let mut status = good.clone();
    status.timers.retransmission = None;
    assert!(matches!(
        violation(&status, None),
        Violation::NoTimer { .. }
    ));
    // Paced text waits for its moment, but not for an acknowledgment.
    status.timers.pacing = Some(Instant::from_secs(1));
    assert!(matches!(
        violation(&status, None),
        Violation::NoTimer { .. }
    ));
    status.in_flight_octets = 0;
    status.snd_una = status.snd_nxt;
    check_connection(&status, None).unwrap();
    let mut status = good.clone();
    status.acknowledgment = AcknowledgmentDue::Delayed;
    status.timers.delayed_ack = None;
    assert_eq!(
        violation(&status, None),
        Violation::NoTimer { outstanding: 0 }
    );
}

#[test]
fn flight_ends_at_the_furthest_edge_and_pipe_at_cwnd_with_the_stated_allowances() {
    let (_world, good) = in_the_middle();
    let mut status = good.clone();
    // To the edge and two octets further: a probe and a FIN.
    status.snd_wnd = status.in_flight_octets - 2;
    let before = check_connection(&status, None).unwrap();
    status.snd_wnd -= 1;
    assert!(matches!(
        violation(&status, None),
        Violation::BeyondWindow { .. }
    ));
    // The peer had offered more before.
    check_connection(&status, Some(&before)).unwrap();

    let mut status = good.clone();
    let mut before = check_connection(&status, None).unwrap();
    let allowance = 2 + 2 * u32::from(status.snd_mss);
    status.cwnd_octets = status.pipe_octets - allowance;
    before.nxt = status.snd_nxt.wrapping_sub(3);
    check_connection(&status, Some(&before)).unwrap();
    status.cwnd_octets -= 1;
    let found = violation(&status, Some(&before));
    assert!(matches!(found, Violation::BeyondCwnd { .. }), "{found}");
    // A tail loss probe is one segment at the most.
    let mut probe = status.clone();
    probe.timers.tail_loss_probe = None;
    before.probes_tail = true;
    check_connection(&probe, Some(&before)).unwrap();
    before.nxt = before.nxt.wrapping_sub(u32::from(status.snd_mss));
    check_connection(&probe, Some(&before)).unwrap_err();
    before.probes_tail = false;
    // A probe and a FIN count for nothing.
    before.nxt = status.snd_nxt.wrapping_sub(2);
    check_connection(&status, Some(&before)).unwrap();
    // Nothing new was sent: cwnd shrank, and what is in flight stays there.
    before.nxt = status.snd_nxt;
    check_connection(&status, Some(&before)).unwrap();
}

fn segment(seq: u32, ack: u32, bits: u8, window: u16, text: usize) -> Segment {
    let ip = Ip {
        source: Family::V4.address(0, 1),
        destination: Family::V4.address(0, 2),
        hop_limit: 64,
        traffic_class: 0,
        identification: 0,
        dont_fragment: true,
        options: Vec::new(),
    };
    Segment {
        ip,
        source_port: 1,
        destination_port: 2,
        seq,
        ack,
        flags: bits,
        window,
        urgent: 0,
        options: Vec::new(),
        text: vec![0; text],
    }
}

/// A host that sent SYN at 99, and an ACK of 1,000 with a window of 500.
fn said() -> Said {
    let mut said = Said::default();
    check_segment(&mut said, &segment(99, 0, flags::SYN, 500, 0)).unwrap();
    check_segment(&mut said, &segment(100, 1_000, flags::ACK, 500, 10)).unwrap();
    said
}

#[test]
fn what_a_host_says_on_the_wire_is_never_taken_back() {
    let check = |seq, ack, window| {
        check_segment(&mut said(), &segment(seq, ack, flags::ACK, window, 0)).map_err(|it| match it
        {
            Violation::Retreat { what, .. } => what,
            Violation::Hole { .. } => "hole",
            other => panic!("{other}"),
        })
    };
    assert_eq!(check(110, 1_000, 500), Ok(()));
    assert_eq!(check(110, 1_100, 400), Ok(()));
    assert_eq!(check(110, 1_100, 399), Err("the window's right edge"));
    assert_eq!(check(110, 999, 501), Err("the acknowledgment"));
    assert_eq!(check(100, 1_000, 500), Ok(()), "a retransmission");
    assert_eq!(check(111, 1_000, 500), Err("hole"));
}

#[test]
fn a_new_incarnation_begins_anew_and_a_repeated_syn_does_not() {
    let mut said = said();
    check_segment(&mut said, &segment(99, 0, flags::SYN, 500, 0)).unwrap();
    assert_eq!(said.nxt, 110);
    check_segment(&mut said, &segment(5_000, 0, flags::SYN, 500, 0)).unwrap();
    assert_eq!((said.nxt, said.ack), (5_001, None));
    // Its numbers may be below those of the one before.
    check_segment(&mut said, &segment(5_001, 7, flags::ACK, 5, 0)).unwrap();
}

#[test]
fn rfc7413_3_text_on_a_syn_may_count_for_nothing_and_a_late_syn_ack_says_less() {
    let mut said = Said::default();
    check_segment(&mut said, &segment(99, 0, flags::SYN, 500, 40)).unwrap();
    assert_eq!((said.nxt, said.nxt_without_syn), (140, 100));
    // It was taken.
    let mut other = said;
    check_segment(&mut other, &segment(140, 7, flags::ACK, 5, 1)).unwrap();
    // It was not.
    check_segment(&mut said, &segment(100, 7, flags::ACK, 5, 20)).unwrap();
    assert_eq!((said.nxt, said.nxt_without_syn), (140, 120));

    let mut said = Said {
        scaling: true,
        ..Said::default()
    };
    let mut syn_ack = segment(99, 1_000, flags::SYN | flags::ACK, 65_535, 0);
    syn_ack.options = vec![3, 3, 3, 1];
    check_segment(&mut said, &syn_ack).unwrap();
    check_segment(&mut said, &segment(100, 1_000, flags::ACK, 20_000, 10)).unwrap();
    check_segment(&mut said, &syn_ack).unwrap();
    assert_eq!(said.edge, Some(1_000 + (20_000 << 3)));
}

#[test]
fn windows_are_scaled_once_both_ends_offered_it() {
    for (scaling, edge) in [(true, 1_000 + (4 << 3)), (false, 1_004)] {
        let mut said = Said {
            scaling,
            ..Said::default()
        };
        let mut syn = segment(99, 0, flags::SYN, 500, 0);
        syn.options = vec![3, 3, 3, 1];
        check_segment(&mut said, &syn).unwrap();
        check_segment(&mut said, &segment(100, 1_000, flags::ACK, 4, 0)).unwrap();
        assert_eq!(said.edge, Some(edge));
    }
}

#[test]
fn the_wire_and_the_stack_agree_on_what_was_sent() {
    let (_world, status) = in_the_middle();
    let mut watch = Watch::default();
    let ends = (status.local, status.remote);
    let said = Said {
        iss: status.iss,
        nxt: status.snd_nxt,
        nxt_without_syn: status.snd_nxt,
        ..Said::default()
    };
    watch.flows.insert(ends, said);
    watch.check_covered(&status).unwrap();
    // Text that was on a SYN alone need not be covered.
    watch.said(ends).nxt = status.snd_nxt.wrapping_add(1);
    watch.check_covered(&status).unwrap();
    watch.said(ends).nxt_without_syn = status.snd_nxt.wrapping_add(1);
    let found = watch.check_covered(&status).unwrap_err();
    assert!(matches!(found, Violation::NotCovered { .. }));
}

#[test]
fn only_a_syn_is_looked_at_on_its_way_in() {
    assert!(!may_be_syn(&[]));
    assert!(!may_be_syn(&[0x45; 19]));
    let mut packet = [0; 60];
    packet[0] = 0x60;
    packet[6] = 6;
    assert!(!may_be_syn(&packet));
    packet[53] = flags::SYN;
    assert!(may_be_syn(&packet));
    packet[6] = 17;
    assert!(!may_be_syn(&packet));
}
