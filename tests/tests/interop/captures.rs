//! Our captures, read by Wireshark's command: whole, with right checksums, and with the reasons.

use std::path::Path;
use std::process::Command;
use std::thread;

use sidestep::Net;
use sidestep::device::memory::{MemoryOptions, cable};
use sidestep_tools::capture::replay::{Kind, Settings, replay};
use sidestep_tools::capture::{CaptureWatcher, Captured, Reader};

use super::programs::{Directory, find, run};

const OCTETS: usize = 300_000;

/// A TCP transfer each way and a datagram over both families, written as a capture: over a cable that
/// takes superpackets and unfinished checksums, so nothing in it is as the stack handed it over.
fn write_capture(file: &Path) {
    let (here, there) = cable(MemoryOptions::default()).expect("descriptors are left");
    let with_addresses = |last: &str| {
        Net::builder()
            .cidr(&format!("192.0.2.{last}/24"))
            .and_then(|it| it.cidr(&format!("2001:db8::{last}/64")))
            .expect("addresses")
    };
    let ours = with_addresses("2")
        .device(here)
        .watch(CaptureWatcher::create(file).expect("the directory can be written"))
        .start()
        .expect("it starts");
    let theirs = with_addresses("1")
        .device(there)
        .start()
        .expect("it starts");
    for host in ["192.0.2.1", "[2001:db8::1]"] {
        let listener = theirs
            .listen("tcp", &format!("{host}:7"))
            .expect("it is free");
        let server = thread::spawn(move || {
            let conn = listener.accept().expect("it comes");
            let mut text = vec![0; OCTETS];
            let mut read = 0;
            while read < OCTETS {
                read += conn.read(&mut text[read..]).expect("it comes");
            }
            conn.write(&text).expect("it is taken");
        });
        let conn = ours.dial("tcp", &format!("{host}:7")).expect("it opens");
        conn.write(&vec![5; OCTETS]).expect("it is taken");
        let mut text = vec![0; OCTETS];
        let mut read = 0;
        while read < OCTETS {
            read += conn.read(&mut text[read..]).expect("it comes");
        }
        conn.close().expect("it is open");
        server.join().expect("it did not fail");
        // Nobody has that port: a datagram, and the error that answers it.
        let socket = ours.dial("udp", &format!("{host}:9")).expect("it opens");
        socket.write(b"anybody?").expect("it is sent");
        // Without it the network might be gone before the error comes.
        let refused = socket.read(&mut [0; 8]).expect_err("nobody is there");
        assert!(
            refused.to_string().ends_with("connection refused"),
            "{refused}"
        );
    }
}

#[test]
#[ignore = "needs tshark: .ci/run installs it"]
fn tshark_finds_nothing_wrong_with_a_capture_and_shows_the_comments() {
    let Some(tshark) = find("tshark") else { return };
    let directory = Directory::new("captures");
    let file = directory.path().join("both.pcapng");
    write_capture(&file);

    let shown = |filter: &str, field: &str| -> Vec<String> {
        let mut command = Command::new(&tshark);
        // Nobody's settings.
        command
            .env("HOME", directory.path())
            .env("XDG_CONFIG_HOME", directory.path());
        for check in ["ip", "tcp", "udp"] {
            command.args(["-o", &format!("{check}.check_checksum:TRUE")]);
        }
        command.arg("-r").arg(&file);
        command.args(["-Y", filter, "-T", "fields", "-e", field]);
        let text = run(&mut command, b"").expect_text();
        text.lines().map(str::to_owned).collect()
    };
    let wrong = "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 \
                 || udp.checksum.status == 0 || icmp.checksum.status == 0 \
                 || icmpv6.checksum.status == 0 || _ws.expert.group == \"Checksum\"";
    assert_eq!(shown(wrong, "frame.number"), Vec::<String>::new());
    let good = shown("tcp.checksum.status == 1", "frame.number");
    assert!(good.len() > 400, "all of them were checked: {}", good.len());
    let texts = shown("tcp && frame.comment", "frame.comment");
    let has = |part: &str| texts.iter().any(|it| it.contains(part));
    for part in [
        "sent: open (RFC 9293 §3.10.1)",
        "sent: new text (RFC 9293 §3.10.2)",
        "ESTABLISHED SND.UNA=",
        " cwnd=",
        "SYN-SENT → ESTABLISHED",
    ] {
        assert!(has(part), "no comment has {part}");
    }
    let icmp = shown("icmp || icmpv6", "frame.comment");
    assert!(icmp.len() >= 2, "the errors came");
    let lengths = shown("tcp", "frame.len");
    let longest = lengths.iter().filter_map(|it| it.parse::<u32>().ok()).max();
    assert!(longest <= Some(1_500), "superpackets are cut: {longest:?}");
}

#[test]
fn a_capture_of_a_network_plays_without_a_difference_and_with_another_window_not() {
    let directory = Directory::new("replay");
    let file = directory.path().join("both.pcapng");
    write_capture(&file);
    let octets = std::fs::read(&file).expect("it was written");
    let mut reader = Reader::new(octets.as_slice()).expect("a capture");
    let packets: Vec<Captured> = reader.by_ref().collect::<Result<_, _>>().expect("whole");
    let mut settings = Settings::suiting(reader.application());
    let report = replay(&packets, &settings).expect("it can be played");
    assert_eq!(report.outcomes.len(), 2);
    assert!(report.is_same(), "{report}");

    settings
        .config
        .set("initial_window_segments", 4)
        .expect("in range");
    let report = replay(&packets, &settings).expect("it can be played");
    for outcome in &report.outcomes {
        let difference = outcome.difference.as_ref().expect("it differs");
        assert_eq!(difference.kind, Kind::Missing, "{report}");
        // SYN, ACK and four segments are the same; where the peer was quick, an ACK is between them.
        assert!((7..=8).contains(&difference.place), "{}", difference.place);
    }
}
