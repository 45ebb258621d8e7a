//! A bad link in virtual time: which packets of a hundred arrive, and when.

use std::error::Error;

use bytes::Bytes;
use sidestep_stack::base::{Duration, Instant};
use sidestep_tools::link::{Link, Recipe, Transit};

// ANCHOR: example
fn main() -> Result<(), Box<dyn Error>> {
    let recipe: Recipe = "rate=12mbit,queue=20,delay=20ms,loss=1%".parse()?;
    let seed = 7;
    let mut link = Link::new(&recipe, seed);
    for number in 0..100_u32 {
        // A packet of 1,500 octets each half millisecond: twice as fast as the link.
        let now = Instant::ZERO + Duration::from_micros(500) * number;
        link.packet_arrives(now, Bytes::from_static(&[0; 1_500]));
    }
    let mut last = Instant::ZERO;
    while let Some(moment) = link.next_deadline() {
        while let Some(Transit::Forward(packet)) = link.next_packet(moment) {
            assert_eq!(packet.len(), 1_500);
            last = moment;
        }
    }
    let counters = link.counters();
    println!("{} arrived, the last one at {last}", counters.forwarded);
    println!("{} met a full queue", counters.lost_queue_full);
    println!("{} were lost on the way", counters.lost_random);
    assert_eq!(counters.forwarded + counters.lost(), 100);
    Ok(())
}
// ANCHOR_END: example
