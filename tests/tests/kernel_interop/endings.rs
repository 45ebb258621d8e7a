//! How connections end, or never begin: half closes, closes, resets, refusals.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use sidestep::Errno;
use sidestep_tests::namespace_net::{PATIENCE, World, eventually};
use sidestep_tests::on_both_families;
use sidestep_tools::octets::Pattern;

use super::kernel::{BOTH, Pair, connect};

on_both_families! {
    the_kernel_closes_its_half_and_still_reads
    sidestep_closes_its_half_and_still_reads
    a_close_on_either_side_leaves_nothing_behind
    both_close_at_once
    sidestep_refuses_a_port_that_nobody_listens_on
    the_kernel_refuses_a_port_that_nobody_listens_on
    the_kernel_resets
    sidestep_resets
    a_close_with_unread_text_resets
    a_dial_to_nobody_ends_at_its_deadline
}

const SOME: u64 = 1_000_000;

fn the_kernel_closes_its_half_and_still_reads(world: &World) {
    for dialler in BOTH {
        let Pair { kernel, sidestep } = connect(world, dialler);
        (&mut &kernel).write_all(b"ask").expect("Sidestep is there");
        kernel.shutdown(Shutdown::Write).expect("it is open");
        let mut asked = Vec::new();
        (&mut &sidestep).read_to_end(&mut asked).expect("it ends");
        assert_eq!(asked, b"ask");
        // The end is for ever.
        assert_eq!(sidestep.read(&mut [0; 1]).expect("the end"), 0);

        let text = Pattern::new(1, SOME).to_vec();
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            (&mut &kernel).read_to_end(&mut text).map(|_| text)
        });
        sidestep.write(&text).expect("the kernel reads");
        sidestep.close().expect("it is open");
        let arrived = reader.join().expect("it reads").expect("it ends");
        assert!(arrived == text, "{dialler:?}: {}", arrived.len());
    }
}

fn sidestep_closes_its_half_and_still_reads(world: &World) {
    for dialler in BOTH {
        let Pair { kernel, sidestep } = connect(world, dialler);
        sidestep.write(b"ask").expect("the kernel is there");
        sidestep.close_write().expect("it is open");
        let mut asked = Vec::new();
        (&mut &kernel).read_to_end(&mut asked).expect("it ends");
        assert_eq!(asked, b"ask");
        let error = sidestep.write(b"more").expect_err("our half is closed");
        assert_eq!(error.errno(), Some(Errno::EPIPE));

        let text = Pattern::new(2, SOME).to_vec();
        let to_send = text.clone();
        let writer = std::thread::spawn(move || {
            (&mut &kernel).write_all(&to_send).expect("Sidestep reads");
        });
        let mut arrived = Vec::new();
        (&mut &sidestep).read_to_end(&mut arrived).expect("it ends");
        assert!(arrived == text, "{dialler:?}: {}", arrived.len());
        writer.join().expect("it writes");
    }
}

fn a_close_on_either_side_leaves_nothing_behind(world: &World) {
    let before = world.counters();
    for dialler in BOTH {
        // The kernel first: it has the TIME-WAIT.
        let Pair { kernel, sidestep } = connect(world, dialler);
        drop(kernel);
        assert_eq!(sidestep.read(&mut [0; 1]).expect("the end"), 0);
        sidestep.close().expect("it is open");
        eventually("the connection is gone", || {
            world.counters().stack.tcp == before.stack.tcp
        });
    }
    for dialler in BOTH {
        // Sidestep first: TIME-WAIT is all that is left.
        let was = world.counters().stack.tcp.time_wait;
        let Pair { kernel, sidestep } = connect(world, dialler);
        sidestep.close().expect("it is open");
        assert_eq!((&mut &kernel).read(&mut [0; 1]).expect("the end"), 0);
        drop(kernel);
        eventually("the connection is in TIME-WAIT", || {
            let tcp = world.counters().stack.tcp;
            tcp.time_wait == was + 1 && tcp.connections == was + 1 && tcp.queued_octets == 0
        });
    }
    assert_eq!(world.counters().connections_open, before.connections_open);
}

fn both_close_at_once(world: &World) {
    for dialler in BOTH {
        let Pair { kernel, sidestep } = connect(world, dialler);
        let closer = std::thread::spawn(move || {
            kernel.shutdown(Shutdown::Write).expect("it is open");
            let mut rest = Vec::new();
            (&mut &kernel).read_to_end(&mut rest).expect("it ends");
            rest
        });
        sidestep.close_write().expect("it is open");
        let mut rest = Vec::new();
        (&mut &sidestep).read_to_end(&mut rest).expect("it ends");
        assert_eq!(rest, b"");
        assert_eq!(closer.join().expect("it ends"), b"");
    }
    eventually("nothing waits", || {
        let counters = world.counters();
        counters.connections_open == 0 && counters.stack.tcp.queued_octets == 0
    });
}

fn sidestep_refuses_a_port_that_nobody_listens_on(world: &World) {
    let error =
        TcpStream::connect_timeout(&world.sidestep(9), PATIENCE).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
}

fn the_kernel_refuses_a_port_that_nobody_listens_on(world: &World) {
    let error = world
        .net
        .dial_until("tcp", &world.kernel(9).to_string(), PATIENCE)
        .expect_err("nobody listens");
    assert_eq!(error.errno(), Some(Errno::ECONNREFUSED));
    assert_eq!(
        error.to_string(),
        format!("dial tcp {}: connect: connection refused", world.kernel(9))
    );
    eventually("nothing is left", || {
        let counters = world.counters();
        counters.connections_open == 0 && counters.stack.tcp.connections == 0
    });
}

fn the_kernel_resets(world: &World) {
    for dialler in BOTH {
        let Pair { kernel, sidestep } = connect(world, dialler);
        set_socket_linger(&kernel, Some(Duration::ZERO)).expect("it is open");
        drop(kernel);
        let error = sidestep.read(&mut [0; 1]).expect_err("it was reset");
        assert_eq!(error.errno(), Some(Errno::ECONNRESET), "{error}");
        let error = sidestep.write(b"x").expect_err("it was reset");
        assert_eq!(error.errno(), Some(Errno::EPIPE), "{error}");
    }
    eventually("nothing is left", || {
        world.counters().stack.tcp.connections == 0
    });
}

fn sidestep_resets(world: &World) {
    for dialler in BOTH {
        let Pair { kernel, sidestep } = connect(world, dialler);
        sidestep
            .set_linger(Some(Duration::ZERO))
            .expect("it is open");
        sidestep.close().expect("it is open");
        let error = (&mut &kernel).read(&mut [0; 1]).expect_err("it was reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    eventually("nothing is left", || {
        world.counters().stack.tcp.connections == 0
    });
}

fn a_close_with_unread_text_resets(world: &World) {
    for dialler in BOTH {
        let Pair { kernel, sidestep } = connect(world, dialler);
        (&mut &kernel)
            .write_all(b"ignored")
            .expect("Sidestep is there");
        // Once the first octet is read the others are known to have come.
        assert_eq!(sidestep.read(&mut [0; 1]).expect("it came"), 1);
        sidestep.close().expect("it is open");
        let error = (&mut &kernel).read(&mut [0; 1]).expect_err("it was reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");

        let Pair { kernel, sidestep } = connect(world, dialler);
        sidestep.write(b"ignored").expect("the kernel is there");
        (&mut &kernel).read_exact(&mut [0; 1]).expect("it came");
        drop(kernel);
        let error = sidestep.read(&mut [0; 1]).expect_err("it was reset");
        assert_eq!(error.errno(), Some(Errno::ECONNRESET), "{error}");
    }
}

fn a_dial_to_nobody_ends_at_its_deadline(world: &World) {
    // The kernel has this address nowhere, and throws away what is for others.
    let nobody = match world.sidestep(0).ip() {
        std::net::IpAddr::V4(_) => "192.0.2.99:80",
        std::net::IpAddr::V6(_) => "[2001:db8::99]:80",
    };
    let error = world
        .net
        .dial_timeout("tcp", nobody, Duration::from_millis(200))
        .expect_err("nobody is there");
    assert_eq!(error.to_string(), format!("dial tcp {nobody}: i/o timeout"));
    eventually("nothing is left", || {
        let counters = world.counters();
        counters.connections_open == 0 && counters.stack.tcp.connections == 0
    });
}
