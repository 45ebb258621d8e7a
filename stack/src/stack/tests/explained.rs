//! Every packet that leaves names its cause, and every connection can be looked at.

use super::*;
use crate::call::{ConnectionId, ConnectionOptions, Listen, ListenerId, OpenConnection, Release};
use crate::observe::{Cause, Observation, SendReason, State};
use crate::status::{FinProgress, Owner};

/// Pulls what `from` has, asserts that each packet is explained, and delivers it.
fn carry(from: &mut Stack, to: &mut Stack, now: Instant, causes: &mut Vec<Cause>) -> bool {
    let mut any = false;
    while from.next_observation().is_some() {}
    while let Some(packet) = from.next_packet(now) {
        any = true;
        let mut told = Vec::new();
        while let Some((_, observation)) = from.next_observation() {
            told.push(observation);
        }
        let sent = told
            .iter()
            .filter(|it| matches!(it, Observation::PacketSent { .. }))
            .count();
        assert_eq!(sent, 1, "{told:?}");
        let Some(Observation::PacketSent { cause, octets }) = told.last() else {
            panic!("the packet comes last: {told:?}");
        };
        assert_eq!(*octets as usize, packet.octets());
        assert_eq!(Some(*cause), packet.cause);
        assert!(cause.clause().starts_with("RFC ") && !cause.words().is_empty());
        causes.push(*cause);
        to.packet_arrives(now, Packet::new(Bytes::from(packet.to_vec())));
    }
    any
}

fn run(one: &mut Stack, other: &mut Stack, until: Instant) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut now = NOW;
    for _ in 0..10_000 {
        while carry(one, other, now, &mut causes) | carry(other, one, now, &mut causes) {}
        let next = [one.next_deadline(), other.next_deadline()];
        match next.into_iter().flatten().min() {
            Some(next) if next <= until => now = now.max(next),
            _ => return causes,
        }
        one.time_passes(now);
        other.time_passes(now);
    }
    panic!("it never ends");
}

fn observed() -> (Stack, Stack) {
    let (mut ours, mut theirs) = pair();
    ours.observe(100_000);
    theirs.observe(100_000);
    (ours, theirs)
}

fn listen(stack: &mut Stack, port: u16) -> ListenerId {
    let listen = Listen {
        local: Local {
            port,
            ..Local::default()
        },
        ..Listen::default()
    };
    match stack.user_calls(NOW, Call::Listen(listen)) {
        Ok(Reply::Listener { listener, .. }) => listener,
        other => panic!("{other:?}"),
    }
}

fn open(stack: &mut Stack, remote: &str) -> ConnectionId {
    let open = OpenConnection {
        remote: remote.parse().unwrap(),
        local_address: None,
        local_port: 0,
        options: ConnectionOptions::default(),
    };
    match stack.user_calls(NOW, Call::OpenConnection(open)) {
        Ok(Reply::Connection { connection, .. }) => connection,
        other => panic!("{other:?}"),
    }
}

fn reasons(causes: &[Cause]) -> Vec<SendReason> {
    let reason = |cause: &Cause| match cause {
        Cause::Segment { reason, .. } => Some(*reason),
        _ => None,
    };
    causes.iter().filter_map(reason).collect()
}

#[test]
fn every_segment_of_a_life_is_explained() {
    let (mut ours, mut theirs) = observed();
    let listener = listen(&mut theirs, 80);
    let client = open(&mut ours, "192.0.2.1:80");
    run(&mut ours, &mut theirs, NOW);
    let Ok(Reply::Accepted(Some(server))) = theirs.user_calls(NOW, Call::Accept(listener)) else {
        panic!("it waits");
    };
    let octets = Bytes::from(std::vec![7; 30_000]);
    let send = Call::Send {
        connection: client,
        octets,
    };
    ours.user_calls(NOW, send).unwrap();
    let mut all = run(&mut ours, &mut theirs, Instant::from_secs(1));
    for (stack, connection) in [(&mut ours, client), (&mut theirs, server.connection)] {
        let receive = Call::Receive {
            connection,
            octets_max: usize::MAX,
        };
        stack.user_calls(NOW, receive).unwrap();
        let how = Release::Close;
        stack
            .user_calls(NOW, Call::Release { connection, how })
            .unwrap();
    }
    all.extend(run(&mut ours, &mut theirs, Instant::from_secs(120)));
    let reasons = reasons(&all);
    for wanted in [
        SendReason::NewText,
        SendReason::AcknowledgeSecond,
        SendReason::Fin,
        SendReason::AcknowledgeFin,
    ] {
        assert!(reasons.contains(&wanted), "{wanted:?} of {reasons:?}");
    }
    assert_eq!(ours.connections().count(), 0);
}

#[test]
fn datagrams_errors_echoes_and_reports_are_explained() {
    let (mut ours, mut theirs) = observed();
    let client = socket(&mut ours, 0, Some("192.0.2.1:9".parse().unwrap()));
    let group = socket(&mut ours, 0, None);
    let pinger = raw(&mut ours, Protocol::ICMP_V6);
    let echo = [128, 0, 0, 0, 0, 7, 0, 1];
    let calls = [
        Call::SendDatagram {
            socket: client,
            datagram: to(None, &[1; 3_000]),
        },
        Call::SendRaw {
            socket: pinger,
            datagram: to(Some("[2001:db8::1]:0".parse().unwrap()), &echo),
        },
        Call::JoinGroup {
            socket: group,
            group: "224.0.0.251".parse().unwrap(),
        },
    ];
    for call in calls {
        ours.user_calls(NOW, call).unwrap();
    }
    let causes = run(&mut ours, &mut theirs, Instant::from_secs(5));
    let count = |wanted: Cause| causes.iter().filter(|it| **it == wanted).count();
    let fragments = count(Cause::Datagram { socket: client.0 });
    assert_eq!(fragments, 3, "each fragment has the cause of the whole");
    assert_eq!(count(Cause::Payload { socket: pinger.0 }), 1);
    assert_eq!(count(Cause::EchoReply), 1);
    assert_eq!(count(Cause::PortUnreachable), 1);
    assert!(count(Cause::MembershipReport) >= 1);
}

#[test]
fn a_segment_for_nobody_and_an_abort_have_resets_of_different_reasons() {
    let (mut ours, mut theirs) = observed();
    open(&mut ours, "192.0.2.1:81");
    let causes = run(&mut ours, &mut theirs, NOW);
    assert_eq!(reasons(&causes), [SendReason::Open, SendReason::Reset]);

    let (mut ours, mut theirs) = observed();
    listen(&mut theirs, 80);
    let connection = open(&mut ours, "192.0.2.1:80");
    run(&mut ours, &mut theirs, NOW);
    let how = Release::Abort;
    ours.user_calls(NOW, Call::Release { connection, how })
        .unwrap();
    let causes = run(&mut ours, &mut theirs, NOW);
    let why = Cause::Segment {
        connection: Some(connection.0),
        reason: SendReason::Abort,
    };
    assert_eq!(causes, [why]);
}

#[test]
fn the_status_of_a_handshake_and_of_what_nobody_accepted_is_told() {
    let (mut ours, mut theirs) = observed();
    listen(&mut theirs, 80);
    let client = open(&mut ours, "192.0.2.1:80");
    let syn = ours.next_packet(NOW).unwrap();
    theirs.packet_arrives(NOW, Packet::new(Bytes::from(syn.to_vec())));
    let synack = theirs.next_packet(NOW).unwrap();

    let known: Vec<_> = theirs.connections().collect();
    let status = theirs.status(known[0]).unwrap();
    assert_eq!(status.state, State::SynReceived);
    assert_eq!(status.owner, Owner::Listener);
    let at_client = ours.status(client).unwrap();
    assert_eq!(status.irs, at_client.iss);
    assert_eq!(status.rcv_nxt, at_client.snd_nxt);
    assert_eq!(status.timers.retransmission, Some(Instant::from_secs(1)));
    let between = theirs.connection_between(status.local, status.remote);
    assert_eq!(between, Some(known[0]));

    ours.packet_arrives(NOW, Packet::new(Bytes::from(synack.to_vec())));
    run(&mut ours, &mut theirs, NOW);
    let status = theirs.status(known[0]).unwrap();
    assert_eq!(status.state, State::Established);
    assert_eq!(status.owner, Owner::Listener);
    assert_eq!(status.our_fin, FinProgress::NotSent);
    assert_eq!(ours.status(client).unwrap().owner, Owner::User);
    assert_eq!((status.acked_octets, status.received_octets), (0, 0));
    assert_eq!(status.timers.armed().count(), 0, "nothing is in flight");
}
