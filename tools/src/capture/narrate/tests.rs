use sidestep_stack::discard::Discard;
use sidestep_stack::observe::{SendReason, State, Timer};
use sidestep_stack::wire::packet::Offload;

use super::*;
use crate::capture::tests::pair;

fn sent(reason: SendReason, connection: ConnectionId) -> Observed {
    let cause = Cause::Segment {
        connection: Some(connection.0),
        reason,
    };
    (Instant::ZERO, Observation::PacketSent { cause, octets: 40 })
}

#[test]
fn a_comment_says_why_with_the_clause_and_the_numbers() {
    let mut pair = pair(Offload::default());
    pair.connect("192.0.2.1:7".parse().expect("an address"));
    let connection = pair.connection.expect("it is open");
    let status = pair.client.status(connection).expect("it is known");
    let mut narrator = Narrator::new();
    narrator.happens([(
        Instant::ZERO,
        Observation::TimerFired {
            connection,
            timer: Timer::Retransmission,
        },
    )]);
    let observed = [sent(SendReason::RetransmissionTimeout, connection)];
    let comments = narrator.packet(Direction::Out, Some(connection), &observed, Some(&status));
    let [headline, happened, numbers] = comments.as_slice() else {
        panic!("{comments:?}");
    };
    assert_eq!(
        headline,
        "sent: retransmission after a timeout (RFC 6298 §5.4)"
    );
    assert_eq!(happened, "retransmission timer fired (RFC 6298 §5)");
    for part in [
        "ESTABLISHED SND.UNA=",
        "(+1) SND.NXT=",
        " SND.WND=",
        " RCV.NXT=",
        " RCV.WND=",
        " cwnd=",
        " ssthresh=unlimited",
        " srtt=0.000ms",
        " rto=200.000ms",
    ] {
        assert!(numbers.contains(part), "{part} of {numbers}");
    }
}

#[test]
fn what_happened_waits_for_a_packet_of_its_own_connection_and_is_told_once() {
    let mut pair = pair(Offload::default());
    pair.connect("192.0.2.1:7".parse().expect("an address"));
    let connection = pair.connection.expect("it is open");
    let change = Observation::StateChanged {
        connection,
        from: State::Established,
        to: State::FinWait1,
        clause: "RFC 9293 §3.10.4",
    };
    let mut narrator = Narrator::new();
    narrator.happens([(Instant::ZERO, change)]);
    let none = narrator.packet(Direction::In, None, &[], None);
    assert_eq!(none, ["taken"]);
    let told = narrator.packet(Direction::In, Some(connection), &[], None);
    let change = "ESTABLISHED → FIN-WAIT-1 (RFC 9293 §3.10.4)";
    assert_eq!(told, ["taken", change]);
    assert_eq!(
        narrator.packet(Direction::In, Some(connection), &[], None),
        ["taken"]
    );
}

#[test]
fn a_packet_that_was_dropped_names_the_reason() {
    let reason = Discard::TcpChecksum;
    let observed = [(Instant::ZERO, Observation::Discarded { reason })];
    let comments = Narrator::new().packet(Direction::In, None, &observed, None);
    assert_eq!(
        comments,
        [format!("dropped: tcp_checksum ({})", reason.clause())]
    );
}

#[test]
fn what_nobody_asks_for_is_forgotten() {
    let mut narrator = Narrator::new();
    let soft = Observation::PathMtuChanged {
        destination: "192.0.2.1".parse().expect("an address"),
        mtu_octets: 1_280,
    };
    narrator.happens((0..10_000).map(|_| (Instant::ZERO, soft.clone())));
    assert_eq!(narrator.waiting.len(), WAITING_MAX);
    let comments = narrator.packet(Direction::In, None, &[], None);
    assert!(comments[1].ends_with(&format!("and {} more", WAITING_MAX - TOLD_MAX)));
}
