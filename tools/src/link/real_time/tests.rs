use std::thread;

use sidestep::device::memory::{MemoryOptions, cable};

use super::*;

fn settings(recipe: &str, time: Option<Duration>) -> Settings {
    let recipe: Recipe = recipe.parse().expect("it is a recipe");
    Settings {
        recipes: [recipe, Recipe::default()],
        seed: 7,
        time,
        spin: Duration::ZERO,
    }
}

fn send(device: &mut dyn Device, octets: &[u8]) {
    let mut batch = VecDeque::from([OutPacket {
        text: Bytes::copy_from_slice(octets).into(),
        ..OutPacket::default()
    }]);
    device.transmit(&mut batch).expect("the cable has an end");
    assert!(batch.is_empty());
}

/// What comes within two seconds.
fn receive(device: &mut dyn Device) -> Option<Bytes> {
    let began = Clock::now();
    let mut batch = Vec::new();
    while began.elapsed() < Duration::from_secs(2) {
        device.receive(&mut batch, 1).ok()?;
        if let Some(packet) = batch.pop() {
            return Some(packet.octets);
        }
        thread::yield_now();
    }
    None
}

#[test]
fn packets_cross_in_both_directions_each_by_its_own_recipe() {
    let (mut left, mut a) = cable(MemoryOptions::default()).expect("a cable");
    let (mut right, mut b) = cable(MemoryOptions::default()).expect("a cable");
    let stop = Stop::new().expect("a descriptor");
    let at = stop.clone();
    let joined = thread::spawn(move || {
        let settings = settings("delay=30ms,drop=2", None);
        join(&mut a, &mut b, &settings, &at)
    });
    let began = Clock::now();
    for text in [&b"one"[..], b"two", b"three"] {
        send(&mut left, text);
    }
    assert_eq!(receive(&mut right).as_deref(), Some(&b"one"[..]));
    assert!(began.elapsed() >= Duration::from_millis(30));
    assert_eq!(receive(&mut right).as_deref(), Some(&b"three"[..]));
    send(&mut right, b"back");
    assert_eq!(receive(&mut left).as_deref(), Some(&b"back"[..]));
    stop.set();
    let report = joined.join().expect("no panic").expect("no failure");
    let [forward, back] = report.counters;
    assert_eq!((forward.arrived, forward.lost_scripted), (3, 1));
    assert_eq!((back.arrived, back.forwarded), (1, 1));
    assert_eq!(report.lateness.count(), 3);
}

#[test]
fn a_join_ends_when_its_time_is_over() {
    let (_left, mut a) = cable(MemoryOptions::default()).expect("a cable");
    let (_right, mut b) = cable(MemoryOptions::default()).expect("a cable");
    let settings = settings("", Some(Duration::from_millis(50)));
    let stop = Stop::new().expect("a descriptor");
    let report = join(&mut a, &mut b, &settings, &stop).expect("no failure");
    assert!(report.time >= Duration::from_millis(50));
}

#[test]
fn a_device_that_is_gone_ends_the_join_with_its_name() {
    let (left, mut a) = cable(MemoryOptions::default()).expect("a cable");
    let (_right, mut b) = cable(MemoryOptions::default()).expect("a cable");
    drop(left);
    let stop = Stop::new().expect("a descriptor");
    let failed = join(&mut a, &mut b, &settings("", None), &stop);
    assert!(
        matches!(
            failed,
            Err(JoinFailed::Device {
                which: "the first device",
                ..
            })
        ),
        "{failed:?}"
    );
}
