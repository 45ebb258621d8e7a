//! Everything that a network sends and receives, in a file with the reasons; and what it would do now.

// ANCHOR: example
use std::io::BufReader;

use sidestep::Net;
use sidestep::device::memory::{MemoryOptions, cable};
use sidestep_tools::capture::recorder::Limits;
use sidestep_tools::capture::replay::{Settings, replay};
use sidestep_tools::capture::{CaptureWatcher, Captured, FlightWatcher, Reader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("sidestep-example-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("net.pcapng");

    let (here, there) = cable(MemoryOptions::default())?;
    let flight = FlightWatcher::new(folder.clone(), Limits::default(), 10);
    let ours = Net::builder()
        .device(here)
        .cidr("192.0.2.2/24")?
        .watch(CaptureWatcher::create(&file)?) // all packets, as they leave and come
        .watch(flight.clone()) // the last ones of each connection, for when it fails
        .start()?;
    let theirs = Net::builder().device(there).cidr("192.0.2.1/24")?.start()?;

    let listener = theirs.listen("tcp", "192.0.2.1:7")?;
    let conn = ours.dial("tcp", "192.0.2.1:7")?;
    conn.write(b"why?")?;
    let mut octets = [0; 4];
    assert_eq!(listener.accept()?.read(&mut octets)?, 4);
    assert!(ours.dial("tcp", "192.0.2.1:8").is_err()); // a flight is written: nobody listens
    drop((conn, ours)); // the capture is whole

    let mut reader = Reader::new(BufReader::new(std::fs::File::open(&file)?))?;
    let packets: Vec<Captured> = reader.by_ref().collect::<Result<_, _>>()?;
    assert_eq!(packets[0].comments[0], "sent: open (RFC 9293 §3.10.1)");
    let report = replay(&packets, &Settings::suiting(reader.application()))?;
    assert!(report.is_same(), "{report}");
    assert!(folder.join("flight-0001-reset.pcapng").is_file());
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
// ANCHOR_END: example
