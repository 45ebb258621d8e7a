use bytes::Bytes;
use sidestep_stack::call::{Release, Shutdown};
use sidestep_stack::wire::packet::Offload;
use sidestep_stack::{Call, Instant, Packet, Reply, Stack};

use super::*;
use crate::capture::tests::{Pair, pair};
use crate::capture::{Direction, LinkType, Reader, whole};

/// What the client of `world` sends and receives over a path of 10 ms each way, with the losses that
/// `lost` names by the number of a packet of the client.
struct World {
    pair: Pair,
    captured: Vec<Captured>,
    to_server: Vec<(Instant, Vec<u8>)>,
    to_client: Vec<(Instant, Vec<u8>)>,
    lost: Vec<usize>,
    sent: usize,
}

const DELAY: Duration = Duration::from_millis(10);

impl World {
    fn new(config: &Config, lost: &[usize]) -> Self {
        let mut pair = pair(Offload::default());
        let mut client = Stack::new(config.clone(), [1; 32], Offload::default()).expect("settings");
        let address = sidestep_stack::call::InterfaceAddress {
            address: "192.0.2.2".parse().expect("an address"),
            prefix_bits: 24,
        };
        client
            .user_calls(Instant::ZERO, Call::AddAddress(address))
            .expect("taken");
        pair.client = client;
        Self {
            pair,
            captured: Vec::new(),
            to_server: Vec::new(),
            to_client: Vec::new(),
            lost: lost.to_vec(),
            sent: 0,
        }
    }

    fn capture(&mut self, direction: Direction, frame: Vec<u8>) {
        self.captured.push(Captured {
            interface: 0,
            link: LinkType::RAW,
            at_nanos: 1_000 + self.pair.now.as_nanos(),
            direction: Some(direction),
            original_octets: frame.len() as u32,
            frame,
            comments: Vec::new(),
            lost_before: 0,
        });
    }

    /// One moment: what is due arrives, timers fire, packets leave.
    fn step(&mut self) {
        let now = self.pair.now;
        let due = |queue: &mut Vec<(Instant, Vec<u8>)>| {
            let (due, later) = queue.drain(..).partition(|(at, _)| *at <= now);
            *queue = later;
            Vec::<(Instant, Vec<u8>)>::into_iter(due).map(|(_, packet)| packet)
        };
        for packet in due(&mut self.to_server) {
            self.pair
                .server
                .packet_arrives(now, Packet::new(Bytes::from(packet)));
        }
        for packet in due(&mut self.to_client).collect::<Vec<_>>() {
            self.capture(Direction::In, packet.clone());
            self.pair
                .client
                .packet_arrives(now, Packet::new(Bytes::from(packet)));
        }
        self.pair.client.time_passes(now);
        self.pair.server.time_passes(now);
        while let Some(packet) = self.pair.client.next_packet(now) {
            for packet in whole::sent(&packet) {
                self.capture(Direction::Out, packet.clone());
                if !self.lost.contains(&self.sent) {
                    self.to_server.push((now + DELAY, packet));
                }
                self.sent += 1;
            }
        }
        while let Some(packet) = self.pair.server.next_packet(now) {
            self.to_client.push((now + DELAY, packet.to_vec()));
        }
    }

    fn run_for(&mut self, time: Duration) {
        let until = self.pair.now + time;
        loop {
            self.step();
            let arrivals = self.to_server.iter().chain(&self.to_client);
            let next = arrivals
                .map(|(at, _)| *at)
                .chain(self.pair.client.next_deadline())
                .chain(self.pair.server.next_deadline())
                .min();
            match next {
                Some(next) if next <= until => self.pair.now = next.max(self.pair.now),
                _ => break,
            }
        }
        self.pair.now = until;
    }

    /// A transfer, a request a while later, and an orderly end.
    fn whole_life(mut self, octets: usize) -> Vec<Captured> {
        let open = Call::OpenConnection(sidestep_stack::call::OpenConnection {
            remote: "192.0.2.1:7".parse().expect("an address"),
            local_address: None,
            local_port: 40_000,
            options: Default::default(),
        });
        let Ok(Reply::Connection { connection, .. }) =
            self.pair.client.user_calls(self.pair.now, open)
        else {
            panic!("it opens");
        };
        self.run_for(Duration::from_millis(200));
        for octets in [octets, 10] {
            let text = Bytes::from((0..octets).map(|it| it as u8).collect::<Vec<_>>());
            let send = Call::Send {
                connection,
                octets: text,
            };
            self.pair
                .client
                .user_calls(self.pair.now, send)
                .expect("taken");
            self.run_for(Duration::from_secs(3));
        }
        let direction = Shutdown::Write;
        let shutdown = Call::Shutdown {
            connection,
            direction,
        };
        self.pair
            .client
            .user_calls(self.pair.now, shutdown)
            .expect("taken");
        self.run_for(Duration::from_secs(2));
        let how = Release::Abort;
        self.pair
            .client
            .user_calls(self.pair.now, Call::Release { connection, how })
            .expect("taken");
        self.run_for(Duration::from_secs(1));
        self.captured
    }
}

fn ours() -> Settings {
    Settings::suiting(Some("sidestep 0.1.0"))
}

fn outcome(packets: &[Captured], settings: &Settings) -> Outcome {
    let report = replay(packets, settings).expect("it can be played");
    let [outcome] = report.outcomes.as_slice() else {
        panic!("one conversation: {report}");
    };
    outcome.clone()
}

#[test]
fn a_capture_of_the_same_version_plays_without_a_difference() {
    for lost in [&[][..], &[8], &[5, 6, 7], &[0, 1], &[20, 21, 40]] {
        let packets = World::new(&Config::default(), lost).whole_life(120_000);
        let outcome = outcome(&packets, &ours());
        let report = replay(&packets, &ours()).expect("it can be played");
        assert_eq!(outcome.difference, None, "{lost:?}: {report}");
        assert_eq!(outcome.compared, outcome.segments_out);
        assert!(outcome.compared > 40, "{}", outcome.compared);
    }
}

#[test]
fn another_initial_window_is_the_first_difference_in_both_directions() {
    let ten = Config::default();
    let mut four = Config::default();
    four.set("initial_window_segments", 4).expect("in range");
    for (then, now, kind) in [(&ten, &four, Kind::Missing), (&four, &ten, Kind::Extra)] {
        let packets = World::new(then, &[]).whole_life(120_000);
        let settings = Settings {
            config: now.clone(),
            ..ours()
        };
        let report = replay(&packets, &settings).expect("it can be played");
        let difference = report.outcomes[0].difference.clone();
        let difference = difference.expect("it differs");
        assert_eq!(difference.kind, kind, "{report}");
        // SYN, ACK and four segments are the same.
        assert_eq!(difference.place, 7, "{report}");
        assert_eq!(difference.at_nanos, 200_000_000);
        let text = report.to_string();
        assert!(text.contains("≠"), "{text}");
        assert_eq!(
            report.to_json()["conversations"][0]["difference"]["segment"],
            7
        );
    }
}

#[test]
fn a_timer_that_waits_longer_leaves_a_segment_missing() {
    // The only segment is lost, and only a timer finds out.
    let packets = World::new(&Config::default(), &[2]).whole_life(1_000);
    assert_eq!(outcome(&packets, &ours()).difference, None);
    let mut config = Config::default();
    config.set("rto_min_ms", 1_000).expect("in range");
    config
        .set("tail_probe_ack_delay_ms", 500)
        .expect("in range");
    let settings = Settings { config, ..ours() };
    let difference = outcome(&packets, &settings).difference;
    let difference = difference.expect("the capture sends again, we wait");
    assert_eq!((difference.kind, difference.place), (Kind::Missing, 4));
}

#[test]
fn a_timer_that_fired_late_is_as_captured_within_the_tolerance_only() {
    let mut packets = World::new(&Config::default(), &[5]).whole_life(5_000);
    let again = packets
        .iter_mut()
        .filter(|it| it.direction == Some(Direction::Out))
        .nth(6);
    again.expect("it was sent again").at_nanos += 5_000_000;
    assert_eq!(outcome(&packets, &ours()).difference, None);
    let strict = Settings {
        tolerance: Duration::from_millis(1),
        ..ours()
    };
    let difference = outcome(&packets, &strict)
        .difference
        .expect("5 ms are too late");
    assert_eq!((difference.kind, difference.place), (Kind::Extra, 7));
}

#[test]
fn every_field_that_differs_has_a_kind_of_its_own() {
    let good = World::new(&Config::default(), &[]).whole_life(30_000);
    let out = |packets: &[Captured], nth: usize| {
        let mut all = packets.iter().enumerate();
        let nth = all
            .by_ref()
            .filter(|(_, it)| it.direction == Some(Direction::Out))
            .nth(nth);
        nth.expect("there are as many").0
    };
    // The ACK of the handshake, 20 octets of IP before it.
    for (at, bit, kind) in [
        (20 + 7, 0x20, Kind::Sequence),
        (20 + 11, 0x20, Kind::Acknowledgment),
        (20 + 13, 0x20, Kind::Flags),
        // Below what the buffer begins with; above it, windows follow the reader.
        (20 + 14, 0x04, Kind::Window),
        (20 + 20 + 11, 0x20, Kind::Options),
    ] {
        let mut packets = good.clone();
        let place = out(&packets, 1);
        packets[place].frame[at] ^= bit;
        let difference = outcome(&packets, &ours()).difference;
        let difference = difference.expect("it differs");
        assert_eq!((difference.kind, difference.place), (kind, 2), "octet {at}");
    }
    let mut missing = good.clone();
    missing.remove(out(&good, 1));
    let difference = outcome(&missing, &ours()).difference.expect("it differs");
    assert_eq!((difference.kind, difference.place), (Kind::Extra, 2));
}

#[test]
fn the_side_is_who_the_caller_says_and_else_who_began() {
    let mut packets = World::new(&Config::default(), &[]).whole_life(2_000);
    for packet in &mut packets {
        packet.direction = None;
    }
    let of_client = replay(&packets, &ours()).expect("it can be played");
    assert_eq!(of_client.outcomes[0].local.port(), 40_000);
    let sides = vec!["192.0.2.1:7".parse().expect("an end")];
    let server = Settings { sides, ..ours() };
    // The server's side, 10 ms further away: its order is not that of this capture.
    let settings = Settings {
        order: Order::WithinTolerance,
        windows: Windows::Ignored,
        tolerance: Duration::from_millis(60),
        ..server
    };
    let report = replay(&packets, &settings).expect("it can be played");
    assert_eq!(report.outcomes[0].local.port(), 7);
    let nobody = Settings {
        sides: vec!["192.0.2.9".parse().expect("an end")],
        ..ours()
    };
    let report = replay(&packets, &nobody).expect("it can be played");
    assert_eq!(report.outcomes.len(), 0);
    assert_eq!(report.other_packets, packets.len() as u64);
}

#[test]
fn a_conversation_is_followed_until_the_capture_lacks_packets() {
    let mut packets = World::new(&Config::default(), &[]).whole_life(60_000);
    packets.drain(30..33);
    packets[30].lost_before = 3;
    let report = replay(&packets, &ours()).expect("it can be played");
    let [outcome] = report.outcomes.as_slice() else {
        panic!("one conversation: {report}");
    };
    assert_eq!(outcome.difference, None, "{report}");
    assert_eq!(outcome.ends_with, EndsWith::Losses);
    assert_eq!(report.lost_packets, 3);
    assert_eq!(report.headless_packets, packets.len() as u64 - 30);
}

#[test]
fn a_port_that_nobody_has_answers_as_it_did() {
    let mut pair = pair(Offload::default());
    pair.connect("192.0.2.1:9".parse().expect("an address"));
    let syn = pair.sent[0].to_vec();
    let mut server = pair.server;
    server.packet_arrives(pair.now, Packet::new(Bytes::from(syn.clone())));
    let rst = server.next_packet(pair.now).expect("a RST").to_vec();
    let packet = |direction, frame: Vec<u8>| Captured {
        interface: 0,
        link: LinkType::RAW,
        at_nanos: 0,
        direction: Some(direction),
        original_octets: frame.len() as u32,
        frame,
        comments: Vec::new(),
        lost_before: 0,
    };
    let packets = [packet(Direction::In, syn), packet(Direction::Out, rst)];
    let outcome = outcome(&packets, &ours());
    assert_eq!((outcome.difference, outcome.compared), (None, 1));
}

#[test]
fn a_capture_of_nonsense_is_played_without_harm() {
    let good = World::new(&Config::default(), &[3]).whole_life(20_000);
    let mut twisted = good.clone();
    for (place, packet) in twisted.iter_mut().enumerate() {
        let at = (place * 7) % packet.frame.len();
        packet.frame[at] = packet.frame[at].wrapping_add(place as u8);
    }
    let _ = replay(&twisted, &ours()).expect("it ends");
    let headless: Vec<_> = good.iter().skip(3).cloned().collect();
    let report = replay(&headless, &ours()).expect("it ends");
    assert_eq!(report.headless_packets, headless.len() as u64);
    assert!(Reader::new(&b""[..]).is_err());
}
