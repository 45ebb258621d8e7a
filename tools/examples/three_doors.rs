//! One stack, driven by hand: no thread, no clock, no device. `cargo run --example three_doors`

use std::net::IpAddr;

// ANCHOR: example
use sidestep_stack::call::{InterfaceAddress, OpenConnection};
use sidestep_stack::wire::packet::Offload;
use sidestep_stack::{Call, Config, Instant, Stack};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut stack = Stack::new(Config::default(), [7; 32], Offload::default())?;
    let mut now = Instant::ZERO;

    // USER CALLS: an address of our own, and OPEN.
    stack.user_calls(now, Call::AddAddress(ours()))?;
    stack.user_calls(now, Call::OpenConnection(open()))?;

    // A packet to send: a SYN from 192.0.2.2 to 192.0.2.1.
    let first = stack.next_packet(now).ok_or("no SYN")?;
    assert_eq!(
        first.header.as_slice().get(12..20),
        Some(&[192, 0, 2, 2, 192, 0, 2, 1][..])
    );
    assert!(stack.next_packet(now).is_none());

    // TIMEOUTS: nobody answers, so when the deadline comes there is another one.
    let mut fork = stack.clone();
    now = stack.next_deadline().ok_or("no timer")?;
    stack.time_passes(now);
    let second = stack.next_packet(now).ok_or("no retransmission")?;

    // The fork has lived through none of this; the same inputs give it the same octets.
    fork.time_passes(now);
    let again = fork.next_packet(now).ok_or("no retransmission")?;
    assert_eq!(second.to_vec(), again.to_vec());
    Ok(())
}
// ANCHOR_END: example

fn ours() -> InterfaceAddress {
    InterfaceAddress {
        address: IpAddr::from([192, 0, 2, 2]),
        prefix_bits: 24,
    }
}

fn open() -> OpenConnection {
    OpenConnection {
        remote: ([192, 0, 2, 1], 7).into(),
        local_address: None,
        local_port: 0,
        options: sidestep_stack::call::ConnectionOptions::default(),
    }
}
