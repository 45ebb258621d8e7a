use std::sync::{Arc, Mutex};

use sidestep::Net;
use sidestep::device::memory::{MemoryOptions, cable};

use super::*;
use crate::capture::{Captured, Reader};
use crate::packet::seen::Seen;

/// Memory that two hold: the watcher writes, the test reads.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .expect("nobody panicked")
            .extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_network_writes_all_it_sends_and_receives_with_right_checksums() {
    let file = Shared::default();
    let (here, there) = cable(MemoryOptions::default()).expect("descriptors are left");
    let ours = Net::builder()
        .device(here)
        .cidr("192.0.2.2/24")
        .expect("a CIDR")
        .watch(CaptureWatcher::new(file.clone()).expect("memory takes it"))
        .start()
        .expect("it starts");
    let theirs = Net::builder()
        .device(there)
        .cidr("192.0.2.1/24")
        .expect("a CIDR")
        .start()
        .expect("it starts");
    let listener = theirs.listen("tcp", "192.0.2.1:7").expect("it listens");
    let conn = ours.dial("tcp", "192.0.2.1:7").expect("it opens");
    let accepted = listener.accept().expect("it came");
    conn.write(&[3; 40_000]).expect("it is taken");
    let mut room = vec![0; 40_000];
    let mut read = 0;
    while read < room.len() {
        read += accepted.read(&mut room[read..]).expect("it comes");
    }
    drop((conn, accepted, listener));
    drop(ours);

    let octets = file.0.lock().expect("nobody panicked").clone();
    let mut reader = Reader::new(octets.as_slice()).expect("a capture");
    let packets: Vec<Captured> = reader
        .by_ref()
        .collect::<Result<_, _>>()
        .expect("it can be read to the end");
    let mut text = 0;
    for packet in &packets {
        let seen = Seen::try_read(packet.ip_packet().expect("an IP packet"));
        let seen = seen.expect("right checksums and lengths");
        if packet.direction == Some(Direction::Out) {
            text += seen.tcp().map_or(0, |it| it.text.len());
        }
        assert!(seen.octets.len() <= 1_500 || seen.tcp().is_none(), "cut");
        assert!(!packet.comments.is_empty());
    }
    assert_eq!(text, 40_000);
    assert!(packets[0].comments[0].starts_with("sent: open"));
}
