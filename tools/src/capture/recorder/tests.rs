use bytes::Bytes;
use sidestep_stack::observe::State;
use sidestep_stack::wire::packet::Offload;
use sidestep_stack::{Call, Packet};

use super::*;
use crate::capture::tests::{Pair, pair};
use crate::capture::{Captured, Reader};

/// A connection's name; no two are the same for different numbers.
fn name(number: u32) -> ConnectionId {
    let mut table = sidestep_stack::base::Table::new();
    let mut key = table.insert(());
    for _ in 0..number {
        key = table.insert(());
    }
    ConnectionId(key)
}

fn arrived(at: u64, octets: usize) -> Entry {
    Entry {
        at: Instant::from_secs(at),
        crossing: Crossing::Arrived(Packet::new(Bytes::from(vec![0x45; octets]))),
        observed: Vec::new(),
        status: None,
    }
}

fn read(file: &[u8]) -> Vec<Captured> {
    Reader::new(file)
        .expect("a capture")
        .collect::<Result<_, _>>()
        .expect("it can be read")
}

#[test]
fn the_newest_of_each_connection_are_kept_and_the_bounds_hold() {
    let limits = Limits {
        entries_max: 10,
        connections_max: 3,
        octets_max: 60_000,
    };
    let mut recorder = FlightRecorder::new(limits);
    for at in 0..100 {
        for number in 0..3 {
            recorder.record(Some(name(number)), arrived(at, 100));
        }
        assert!(recorder.octets() <= limits.octets_max);
    }
    assert_eq!(recorder.connections().count(), 3);
    let one = recorder.write(Vec::new(), Some(name(1)), "x", 0);
    let packets = read(&one.expect("memory takes it"));
    let seconds: Vec<u64> = packets
        .iter()
        .map(|it| it.at_nanos / 1_000_000_000)
        .collect();
    assert_eq!(seconds, Vec::from_iter(90..100));

    // A fourth one: the quietest makes room.
    recorder.record(Some(name(1)), arrived(200, 100));
    recorder.record(Some(name(2)), arrived(200, 100));
    recorder.record(Some(name(3)), arrived(200, 100));
    assert_eq!(
        Vec::from_iter(recorder.connections()),
        [name(1), name(2), name(3)]
    );
    // One entry that is larger than everything together leaves nothing behind, and no wrong count.
    recorder.record(Some(name(4)), arrived(201, 60_000));
    assert_eq!(recorder.octets(), 0);
}

/// Lets the recorder hear what a stack does with one packet or call.
fn hear(recorder: &mut FlightRecorder, pair: &mut Pair, crossing: Crossing) -> Vec<Trigger> {
    let entry = Entry {
        at: pair.now,
        crossing,
        observed: crate::capture::drain(&mut pair.client),
        status: None,
    };
    let triggers = recorder.record(pair.connection, entry);
    triggers.into_iter().map(|(_, why)| why).collect()
}

#[test]
fn a_timeout_asks_to_be_written_with_what_led_to_it() {
    let mut pair = pair(Offload::default());
    pair.client.observe(10_000);
    pair.connect("192.0.2.1:7".parse().expect("an address"));
    let connection = pair.connection.expect("it is open");
    let mut recorder = FlightRecorder::new(Limits::default());
    hear(&mut recorder, &mut pair, Crossing::Nothing);
    let send = Call::Send {
        connection,
        octets: Bytes::from_static(b"is anybody there?"),
    };
    pair.client.user_calls(pair.now, send).expect("taken");
    let mut triggers = Vec::new();
    for _ in 0..100 {
        while let Some(packet) = pair.client.next_packet(pair.now) {
            triggers.extend(hear(&mut recorder, &mut pair, Crossing::Left(packet)));
        }
        let Some(next) = pair.client.next_deadline() else {
            break;
        };
        pair.now = next;
        pair.client.time_passes(next);
        triggers.extend(hear(&mut recorder, &mut pair, Crossing::Nothing));
    }
    assert_eq!(triggers, [Trigger::Timeout]);
    let file = recorder.write(Vec::new(), Some(connection), "x", 0);
    let packets = read(&file.expect("memory takes it"));
    assert_eq!(
        packets.len(),
        17,
        "text, a tail loss probe, and 15 times again"
    );
    let last = packets[16].comments.join(" | ");
    assert!(last.contains("retransmission after a timeout"), "{last}");
    let words = recorder.last_words(connection).join(" | ");
    assert!(words.contains("the connection fails"), "{words}");
}

#[test]
fn a_reset_of_the_peer_and_an_abort_of_ours_are_told_apart() {
    let connection = name(0);
    let failed = Observation::Failed {
        connection,
        error: ConnectionError::Reset,
        clause: "RFC 9293 §3.10.7.4, second",
    };
    assert_eq!(Trigger::of(&failed), Some((connection, Trigger::Reset)));
    let change = Observation::StateChanged {
        connection,
        from: State::Established,
        to: State::Closed,
        clause: "RFC 9293 §3.10.7.4, fifth",
    };
    assert_eq!(Trigger::of(&change), None);
}

#[test]
fn a_network_writes_a_file_when_a_connection_is_refused_and_one_on_request() {
    let folder = std::env::temp_dir().join(format!("sidestep-flight-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (here, there) = sidestep::device::memory::cable(Default::default()).expect("a cable");
    let watcher = FlightWatcher::new(folder.clone(), Limits::default(), 2);
    let ours = sidestep::Net::builder()
        .device(here)
        .cidr("192.0.2.2/24")
        .expect("a CIDR")
        .watch(watcher.clone())
        .start()
        .expect("it starts");
    let theirs = sidestep::Net::builder()
        .device(there)
        .cidr("192.0.2.1/24")
        .expect("a CIDR")
        .start()
        .expect("it starts");
    assert!(ours.dial("tcp", "192.0.2.1:9").is_err(), "nobody listens");
    drop((ours, theirs));
    let refused = std::fs::read(folder.join("flight-0001-reset.pcapng")).expect("it is there");
    let packets = read(&refused);
    assert_eq!(packets.len(), 2, "a SYN and a RST");
    let path = watcher
        .write_now()
        .expect("it can be written")
        .expect("the second");
    assert!(path.ends_with("flight-0002-request.pcapng"));
    assert_eq!(watcher.write_now().expect("no error"), None, "no third");
    std::fs::remove_dir_all(&folder).expect("it was ours");
}
