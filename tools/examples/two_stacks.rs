//! Two stacks on one cable: one listens, the other dials. `cargo run --example two_stacks`

// ANCHOR: example
use std::io::{Read, Write};

use sidestep::Net;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (here, there) = Net::memory_pair()?;
    let listener = there.listen("tcp", ":7")?;
    let mut conn = here.dial("tcp", "192.0.2.2:7")?;
    conn.write_all(b"hello")?;
    let mut octets = [0; 5];
    listener.accept()?.read_exact(&mut octets)?;
    assert_eq!(&octets, b"hello");
    Ok(())
}
// ANCHOR_END: example
