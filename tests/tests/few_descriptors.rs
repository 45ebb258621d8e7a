//! Sockets of ours cost no descriptor: ten thousand of them under a limit of sixteen.
//!
//! The only test of its program, because the limit holds for the whole process.

// A failed claim is a panic with a message.
#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sidestep::Net;

/// What BAD-84 allows one stack, whatever it is used for.
const DESCRIPTORS_OF_A_NET_MAX: usize = 8;
const DESCRIPTORS_OF_THE_PROCESS_MAX: u64 = 16;

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd")
        .expect("there is /proc")
        .count()
}

fn limit(descriptors: u64) {
    let hard = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: Some(descriptors),
        maximum: hard,
    };
    setrlimit(Resource::Nofile, limit).expect("it is lowered");
}

#[test]
fn bad_84_ten_thousand_sockets_need_no_descriptor_of_their_own() {
    let before = descriptors();
    let (one, other) = Net::memory_pair().expect("memory is enough");
    let used = descriptors() - before;
    assert!(
        used <= 2 * DESCRIPTORS_OF_A_NET_MAX,
        "{used} descriptors for two stacks"
    );

    limit(DESCRIPTORS_OF_THE_PROCESS_MAX);
    let sockets: Vec<_> = (0..10_000)
        .map(|_| {
            one.listen_udp("udp", None)
                .expect("a socket is only memory")
        })
        .collect();
    let listener = other.listen_tcp("tcp", None).expect("so is a listener");
    let port = listener.addr().port;
    let to = format!("192.0.2.2:{port}").parse().expect("a literal");
    let conns: Vec<_> = (0..100)
        .map(|_| one.dial_tcp("tcp", None, &to).expect("and a connection"))
        .collect();
    assert_eq!(descriptors() - before, used);

    // A stack of its own does need some: without them it is refused, and nothing else suffers.
    limit(descriptors() as u64 - 1);
    Net::memory_pair().expect_err("there is no descriptor left");
    let accepted = listener.accept_tcp().expect("the others go on");
    conns[0].write(b"still here").expect("it is open");
    let mut room = [0; 16];
    let octets = accepted.read(&mut room).expect("it came");
    assert_eq!(&room[..octets], b"still here");
    drop((sockets, conns));
}
