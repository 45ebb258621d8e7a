//! Two hundred connections at once, each with text of its own.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use sidestep::TCPConn;
use sidestep_tests::namespace_net::{World, eventually};
use sidestep_tests::on_both_families;
use sidestep_tools::octets::Pattern;

use super::kernel::{
    accept, accept_from_kernel, dial, dial_kernel, kernel_listener, sidestep_listener,
};

on_both_families! {
    the_kernel_dials_two_hundred_at_once
    sidestep_dials_two_hundred_at_once
}

const CONNECTIONS: u64 = 200;
const OCTETS: u64 = 20_000;

/// What connection `number` says.
fn text(number: u64) -> Vec<u8> {
    Pattern::new(number, OCTETS).to_vec()
}

/// All of them are open; each kernel end says its text, each Sidestep end echoes it.
fn echo_all(kernel: Vec<TcpStream>, sidestep: Vec<TCPConn>) {
    assert_eq!(kernel.len() as u64, CONNECTIONS);
    thread::scope(|scope| {
        for conn in sidestep {
            scope.spawn(move || {
                let mut text = Vec::new();
                (&mut &conn).read_to_end(&mut text).expect("it ends");
                conn.write(&text).expect("the kernel reads");
                conn.close().expect("it is open");
            });
        }
        // All have spoken before the first one is listened to.
        for (number, mut stream) in (0..).zip(&kernel) {
            stream.write_all(&text(number)).expect("Sidestep reads");
            stream.shutdown(Shutdown::Write).expect("it is open");
        }
        for (number, mut stream) in (0..).zip(&kernel) {
            let mut echoed = Vec::new();
            stream.read_to_end(&mut echoed).expect("it ends");
            assert!(echoed == text(number), "connection {number}");
        }
    });
}

fn the_kernel_dials_two_hundred_at_once(world: &World) {
    let listener = sidestep_listener(world);
    let kernel: Vec<_> = (0..CONNECTIONS).map(|_| dial(world, &listener)).collect();
    let sidestep = (0..CONNECTIONS)
        .map(|_| accept_from_kernel(&listener))
        .collect();
    echo_all(kernel, sidestep);
    nothing_is_held(world);
}

fn sidestep_dials_two_hundred_at_once(world: &World) {
    let listener = kernel_listener(world);
    let (sidestep, kernel) = (0..CONNECTIONS)
        .map(|_| {
            let conn = dial_kernel(world, &listener);
            (conn, accept(&listener))
        })
        .unzip();
    echo_all(kernel, sidestep);
    nothing_is_held(world);
}

fn nothing_is_held(world: &World) {
    eventually("all connections are closed", || {
        let counters = world.counters();
        let tcp = &counters.stack.tcp;
        counters.connections_open == 0
            && tcp.connections == tcp.time_wait
            && tcp.half_open == 0
            && tcp.queued_octets == 0
    });
}
