//! How connections begin, as an application chooses it: Fast Open, deferral, and a decision before the
//! SYN-ACK.

#![allow(clippy::unwrap_used)]

use std::thread;
use std::time::{Duration, Instant};

use sidestep::device::memory::{MemoryOptions, cable};
use sidestep::{
    Cause, CongestionAlgorithm, Dialer, EcnUse, Errno, ListenConfig, Net, NetError, NetOptions,
    TCPAddr, TCPConn,
};
use sidestep_stack::call::ResolverSettings;

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn the_second_fast_open_goes_with_its_syn() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server.listen_config().fast_open(16);
    let listener = listener.listen_tcp("tcp4", None).unwrap();
    let at = format!("192.0.2.2:{}", listener.addr().port);
    for (round, fast) in [(0, 0), (1, 1), (2, 2)] {
        let dialer = client.dialer().timeout(PATIENCE).fast_open("GET /");
        let conn = dialer.dial("tcp4", &at).unwrap();
        let accepted = listener.accept_tcp().unwrap();
        let mut text = [0; 5];
        accepted.read(&mut text).unwrap();
        assert_eq!(&text, b"GET /", "{round}");
        accepted.write(b"200 OK").unwrap();
        let mut answer = [0; 6];
        conn.read(&mut answer).unwrap();
        assert_eq!(&answer, b"200 OK");
        conn.write(b"more").unwrap();
        let mut more = [0; 4];
        accepted.read(&mut more).unwrap();
        assert_eq!(&more, b"more");
        let counters = server.counters().unwrap();
        assert_eq!(counters.stack.openings.fast_opens_accepted, fast);
    }
}

#[test]
fn a_first_text_that_is_too_long_is_refused() {
    let (client, _server) = Net::memory_pair().unwrap();
    let dialer = client.dialer().fast_open(vec![0; 2_049]);
    let error = dialer.dial("tcp4", "192.0.2.2:80").unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EMSGSIZE));
}

#[test]
fn the_kernel_is_told_the_first_text_after_the_handshake() {
    let host = Net::host();
    let listener = host.listen("tcp4", "127.0.0.1:0").unwrap();
    let at = listener.addr().to_string();
    let _conn = host.dialer().fast_open("hello").dial("tcp4", &at).unwrap();
    let accepted = listener.accept().unwrap();
    let mut text = [0; 5];
    accepted.read(&mut text).unwrap();
    assert_eq!(&text, b"hello");
}

#[test]
fn a_deferred_connection_is_accepted_with_its_first_text() {
    let (client, server) = Net::memory_pair().unwrap();
    let config = server.listen_config().defer_accept(PATIENCE);
    let listener = config.listen_tcp("tcp4", None).unwrap();
    let at = format!("192.0.2.2:{}", listener.addr().port);
    let conn = client.dial("tcp4", &at).unwrap();
    listener
        .set_deadline(Instant::now() + Duration::from_millis(50))
        .unwrap();
    assert!(listener.accept_tcp().unwrap_err().timeout());
    listener.set_deadline(Instant::now() + PATIENCE).unwrap();
    conn.write(b"hello").unwrap();
    let accepted = listener.accept_tcp().unwrap();
    let mut text = [0; 5];
    accepted.read(&mut text).unwrap();
    assert_eq!(&text, b"hello");
}

#[test]
fn a_listener_that_asks_accepts_refuses_or_says_nothing() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server.listen_config().ask_first();
    let listener = listener.listen_tcp("tcp4", None).unwrap();
    let at = format!("192.0.2.2:{}", listener.addr().port);
    let dial = |timeout| {
        let (client, at) = (client.clone(), at.clone());
        thread::spawn(move || client.dial_timeout("tcp4", &at, timeout))
    };

    let dialled = dial(PATIENCE);
    let pending = listener.accept_syn().unwrap();
    assert_eq!(pending.local_addr().to_string(), at);
    assert!(pending.syn().sack_permitted);
    let remote = pending.remote_addr().clone();
    let conn = pending.accept().unwrap();
    assert_eq!(conn.remote_addr().to_string(), remote.to_string());
    let dialled_conn = dialled.join().unwrap().unwrap();
    dialled_conn.write(b"hi").unwrap();
    conn.read(&mut [0; 2]).unwrap();

    // Nobody waits for it: it comes by accept.
    let dialled = dial(PATIENCE);
    let pending = listener.accept_syn().unwrap();
    let remote = pending.remote_addr().clone();
    pending.admit().unwrap();
    let conn = listener.accept_tcp().unwrap();
    assert_eq!(conn.remote_addr().to_string(), remote.to_string());
    dialled.join().unwrap().unwrap();

    let dialled = dial(PATIENCE);
    listener.accept_syn().unwrap().reset().unwrap();
    let error = dialled.join().unwrap().unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ECONNREFUSED));

    let dialled = dial(Duration::from_millis(300));
    drop(listener.accept_syn().unwrap());
    assert!(dialled.join().unwrap().unwrap_err().timeout());

    listener.close().unwrap();
    assert!(matches!(
        listener.accept_syn().unwrap_err().err(),
        Cause::Closed
    ));
}

#[test]
fn connections_of_several_questions_come_to_those_who_answered_them() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server.listen_config().ask_first().backlog(16);
    let listener = listener.listen_tcp("tcp4", None).unwrap();
    let at = format!("192.0.2.2:{}", listener.addr().port);
    thread::scope(|scope| {
        for _ in 0..8 {
            let (client, at) = (&client, &at);
            scope.spawn(move || {
                let conn = client.dial_timeout("tcp4", at, PATIENCE).unwrap();
                let mut said = String::new();
                std::io::Read::read_to_string(&mut &conn, &mut said).unwrap();
                assert_eq!(said, conn.local_addr().to_string());
            });
        }
        // All are asked about before any is answered.
        let pending: Vec<_> = (0..8).map(|_| listener.accept_syn().unwrap()).collect();
        for pending in pending {
            scope.spawn(move || {
                let remote = pending.remote_addr().to_string();
                let conn = pending.accept().unwrap();
                assert_eq!(conn.remote_addr().to_string(), remote);
                conn.write(remote.as_bytes()).unwrap();
            });
        }
    });
}

#[test]
fn an_answer_that_nobody_takes_up_is_waited_for_no_longer_than_the_listener_says() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server.listen_config().ask_first();
    let listener = listener.listen_tcp("tcp4", None).unwrap();
    let at = format!("192.0.2.2:{}", listener.addr().port);
    let dialled = thread::spawn({
        let (client, at) = (client.clone(), at.clone());
        move || client.dial_timeout("tcp4", &at, Duration::from_millis(100))
    });
    let pending = listener.accept_syn().unwrap();
    // The peer has given up when the SYN-ACK comes.
    assert!(dialled.join().unwrap().unwrap_err().timeout());
    listener
        .set_deadline(Instant::now() + Duration::from_millis(200))
        .unwrap();
    assert!(pending.accept().unwrap_err().timeout());
}

#[test]
fn a_listener_that_does_not_ask_has_no_syns() {
    let (_client, server) = Net::memory_pair().unwrap();
    let listener = server.listen_tcp("tcp4", None).unwrap();
    let error = listener.accept_syn().unwrap_err();
    assert!(matches!(error.err(), Cause::NotSupported));
}

#[test]
fn a_forwarder_stands_in_for_every_address() {
    let (ours, theirs) = cable(MemoryOptions::default()).unwrap();
    let server = NetOptions::new()
        .device(theirs)
        .address([192, 0, 2, 2].into(), 24)
        .any_address()
        .resolver(ResolverSettings::default())
        .start()
        .unwrap();
    let client = NetOptions::new()
        .device(ours)
        .address([192, 0, 2, 1].into(), 24)
        .route([203, 0, 113, 0].into(), 24)
        .resolver(ResolverSettings::default())
        .start()
        .unwrap();
    let listener = server.listen_config().ask_first();
    let listener = listener.listen("tcp4", ":443").unwrap();
    let listener = listener.as_tcp().unwrap().clone();
    let forwarder = thread::spawn(move || {
        for _ in 0..2 {
            let pending = listener.accept_syn().unwrap();
            if pending.local_addr().to_string() == "203.0.113.7:443" {
                pending.admit().unwrap();
            } else {
                pending.reset().unwrap();
            }
        }
        let conn = listener.accept_tcp().unwrap();
        let local = conn.local_addr().to_string();
        conn.write(local.as_bytes()).unwrap();
    });
    let refused = client.dial_timeout("tcp4", "203.0.113.8:443", PATIENCE);
    assert_eq!(refused.unwrap_err().errno(), Some(Errno::ECONNREFUSED));
    let conn = client
        .dial_timeout("tcp4", "203.0.113.7:443", PATIENCE)
        .unwrap();
    let mut local = [0; 15];
    conn.read(&mut local).unwrap();
    assert_eq!(&local, b"203.0.113.7:443");
    forwarder.join().unwrap();
}

/// Two connected ends, each made with options of its own.
fn pair_with(
    dialer: impl FnOnce(Dialer) -> Dialer,
    config: impl FnOnce(ListenConfig) -> ListenConfig,
) -> (TCPConn, TCPConn) {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = config(server.listen_config())
        .listen_tcp("tcp4", None)
        .unwrap();
    let to = TCPAddr {
        ip: Some([192, 0, 2, 2].into()),
        ..listener.addr().clone()
    };
    let dialled = dialer(client.dialer()).dial_tcp("tcp4", None, &to).unwrap();
    let accepted = listener.accept_tcp().unwrap();
    for conn in [&dialled, &accepted] {
        conn.set_deadline(Instant::now() + PATIENCE).unwrap();
    }
    (dialled, accepted)
}

#[test]
fn ecn_is_agreed_on_if_the_dialler_asks_and_the_listener_answers() {
    for (dials, listens, agreed) in [
        (EcnUse::Ask, EcnUse::Answer, true),
        (EcnUse::Ask, EcnUse::Never, false),
        (EcnUse::Answer, EcnUse::Answer, false),
        (EcnUse::Never, EcnUse::Ask, false),
    ] {
        let (dialled, accepted) = pair_with(|it| it.ecn(dials), |it| it.ecn(listens));
        assert_eq!(
            dialled.info().unwrap().ecn,
            agreed,
            "{dials:?}, {listens:?}"
        );
        assert_eq!(accepted.info().unwrap().ecn, agreed);
    }
}

#[test]
fn options_of_a_dialler_and_of_a_listener_hold_from_the_first_segment_on() {
    let (dialled, accepted) = pair_with(
        |dialer| {
            dialer
                .congestion(CongestionAlgorithm::Reno)
                .maximum_segment(600)
                .user_timeout(Duration::from_secs(7))
                .quick_ack(true)
        },
        |config| {
            config
                .congestion(CongestionAlgorithm::Bbr)
                .user_timeout(Duration::from_secs(9))
                .cork(true)
        },
    );
    let (ours, theirs) = (dialled.info().unwrap(), accepted.info().unwrap());
    assert_eq!(ours.congestion_algorithm, CongestionAlgorithm::Reno);
    assert_eq!(theirs.congestion_algorithm, CongestionAlgorithm::Bbr);
    assert_eq!((ours.advertised_mss, theirs.peer_mss), (600, 600));
    assert_eq!(ours.user_timeout, Some(Duration::from_secs(7)));
    assert_eq!(theirs.user_timeout, Some(Duration::from_secs(9)));
    // Zero gives the choice back.
    dialled.set_user_timeout(Duration::ZERO).unwrap();
    assert_eq!(dialled.info().unwrap().user_timeout, None);
    // What is written into a cork waits for it to be drawn.
    accepted.write(b"held").unwrap();
    dialled
        .set_read_deadline(Instant::now() + Duration::from_millis(50))
        .unwrap();
    assert!(dialled.read(&mut [0; 4]).unwrap_err().timeout());
    accepted.set_cork(false).unwrap();
    dialled
        .set_read_deadline(Instant::now() + PATIENCE)
        .unwrap();
    assert_eq!(dialled.read(&mut [0; 4]).unwrap(), 4);
}

#[test]
fn the_hook_of_a_dial_sets_every_option_that_the_builder_does() {
    let (dialled, _accepted) = pair_with(
        |dialer| {
            dialer.control(|_, _, options| {
                options.congestion = Some(CongestionAlgorithm::Bbr);
                options.mss_octets_max = Some(500);
                options.user_timeout = Some(Duration::from_secs(3));
                Ok(())
            })
        },
        |config| config,
    );
    let info = dialled.info().unwrap();
    assert_eq!(info.congestion_algorithm, CongestionAlgorithm::Bbr);
    assert_eq!(info.advertised_mss, 500);
    assert_eq!(info.user_timeout, Some(Duration::from_secs(3)));
}

#[test]
fn what_was_measured_of_a_transfer_can_be_read() {
    let (dialled, accepted) = pair_with(|it| it, |it| it);
    let octets = 4 << 20;
    let reader = thread::spawn(move || {
        let mut left = octets;
        while left > 0 {
            left -= accepted.read_bytes(left).unwrap().len();
        }
        accepted
    });
    dialled.write(&vec![7; octets]).unwrap();
    let accepted = reader.join().unwrap();
    let (sender, receiver) = (dialled.info().unwrap(), accepted.info().unwrap());
    assert_eq!(receiver.received_octets, octets as u64);
    assert!(sender.sent_octets >= octets as u64 && sender.acked_octets <= octets as u64);
    assert!(sender.delivery_rate.is_some_and(|rate| rate > 0));
    assert!(sender.min_rtt <= sender.srtt && sender.srtt.is_some());
    assert!(sender.text_segments_out > 0 && receiver.text_segments_in > 0);
    assert!(sender.busy_time > Duration::ZERO);
    assert!(sender.rwnd_limited_time + sender.sndbuf_limited_time <= sender.busy_time);
    // A cable in memory loses nothing and marks nothing.
    assert_eq!((sender.lost_octets, sender.resent_in_flight_octets), (0, 0));
    assert_eq!((sender.timeouts_total, sender.dsacks), (0, 0));
    assert_eq!((receiver.marked_segments_in, sender.ecn_echoes_in), (0, 0));
}
