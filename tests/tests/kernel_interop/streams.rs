//! Text over TCP: much of it, in small pieces, to a reader that is late, with a deadline.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use sidestep::NetError as _;
use sidestep_tests::namespace_net::{PATIENCE, World};
use sidestep_tests::on_both_families;
use sidestep_tools::octets::Pattern;

use super::kernel::{BOTH, Dialler, Pair, connect, is_timeout};

on_both_families! {
    sixteen_mebibytes_cross_each_way_at_once_when_the_kernel_dials
    sixteen_mebibytes_cross_each_way_at_once_when_sidestep_dials
    many_small_writes_arrive_as_one_stream
    a_late_reader_of_sidesteps_loses_nothing
    a_late_reader_of_the_kernels_loses_nothing
    a_deadline_ends_a_read_and_leaves_the_stream_whole
}

const MIB: u64 = 1024 * 1024;

/// Sends `Pattern`s of `octets` both ways at once, and compares.
fn exchange(pair: &Pair, octets: u64) {
    let (kernel_says, sidestep_says) = (
        Pattern::new(1, octets).to_vec(),
        Pattern::new(2, octets).to_vec(),
    );
    let Pair { kernel, sidestep } = pair;
    thread::scope(|scope| {
        scope.spawn(|| {
            (&mut &*kernel)
                .write_all(&kernel_says)
                .expect("Sidestep reads");
            kernel.shutdown(Shutdown::Write).expect("it is open");
        });
        scope.spawn(|| {
            let sent = sidestep.write(&sidestep_says).expect("the kernel reads");
            assert_eq!(sent, sidestep_says.len());
            sidestep.close_write().expect("it is open");
        });
        let at_kernel = scope.spawn(|| {
            let mut text = Vec::new();
            (&mut &*kernel).read_to_end(&mut text).expect("it ends");
            text
        });
        let mut at_sidestep = Vec::new();
        (&mut &*sidestep)
            .read_to_end(&mut at_sidestep)
            .expect("it ends");
        assert!(at_sidestep == kernel_says, "what the kernel sent arrived");
        let at_kernel = at_kernel.join().expect("the kernel reads");
        assert!(at_kernel == sidestep_says, "what Sidestep sent arrived");
    });
}

fn sixteen_mebibytes_cross_each_way_at_once_when_the_kernel_dials(world: &World) {
    exchange(&connect(world, Dialler::Kernel), 16 * MIB);
}

fn sixteen_mebibytes_cross_each_way_at_once_when_sidestep_dials(world: &World) {
    exchange(&connect(world, Dialler::Sidestep), 16 * MIB);
}

fn many_small_writes_arrive_as_one_stream(world: &World) {
    for dialler in BOTH {
        let Pair { kernel, sidestep } = connect(world, dialler);
        let text = Pattern::new(3, 20_000).to_vec();
        thread::scope(|scope| {
            scope.spawn(|| {
                for piece in pieces(&text) {
                    (&mut &kernel).write_all(piece).expect("Sidestep reads");
                }
                kernel.shutdown(Shutdown::Write).expect("it is open");
            });
            scope.spawn(|| {
                for piece in pieces(&text) {
                    sidestep.write(piece).expect("the kernel reads");
                }
                sidestep.close_write().expect("it is open");
            });
            let at_kernel = scope.spawn(|| {
                let mut text = Vec::new();
                (&mut &kernel).read_to_end(&mut text).expect("it ends");
                text
            });
            let mut at_sidestep = Vec::new();
            (&mut &sidestep)
                .read_to_end(&mut at_sidestep)
                .expect("it ends");
            assert!(at_sidestep == text);
            assert!(at_kernel.join().expect("the kernel reads") == text);
        });
    }
}

/// `text` in pieces of 1 to 7 octets.
fn pieces(mut text: &[u8]) -> impl Iterator<Item = &[u8]> {
    (1..=7).cycle().map_while(move |octets| {
        let (piece, rest) = text.split_at(text.len().min(octets));
        text = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

fn a_late_reader_of_sidesteps_loses_nothing(world: &World) {
    let Pair { kernel, sidestep } = connect(world, Dialler::Kernel);
    // The window closes, and the kernel's buffer fills up behind it.
    kernel
        .set_write_timeout(Some(Duration::from_millis(300)))
        .expect("not zero");
    let mut sent = Pattern::new(4, u64::MAX);
    let mut text = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let mut whole = sent.clone();
        whole.fill(&mut piece);
        match (&mut &kernel).write(&piece) {
            Ok(octets) => {
                text.extend_from_slice(&piece[..octets]);
                sent.fill(&mut piece[..octets]);
            }
            Err(error) if is_timeout(&error) => break,
            Err(error) => panic!("{error}"),
        }
        assert!(text.len() < 256 << 20, "the window is bounded");
    }
    kernel.shutdown(Shutdown::Write).expect("it is open");
    let mut arrived = Vec::new();
    (&mut &sidestep).read_to_end(&mut arrived).expect("it ends");
    assert_eq!(arrived.len(), text.len());
    assert!(arrived == text);
}

fn a_late_reader_of_the_kernels_loses_nothing(world: &World) {
    let Pair { kernel, sidestep } = connect(world, Dialler::Sidestep);
    sidestep
        .set_write_deadline(Duration::from_secs(1))
        .expect("it is open");
    let text = Pattern::new(5, 64 * MIB).to_vec();
    let error = sidestep.write(&text).expect_err("nobody reads");
    assert!(error.timeout(), "{error}");
    let taken = error.written();
    assert!(taken > 0 && taken < text.len(), "{taken}");
    sidestep.set_write_deadline(PATIENCE).expect("it is open");
    sidestep.close_write().expect("it is open");
    let mut arrived = Vec::new();
    (&mut &kernel).read_to_end(&mut arrived).expect("it ends");
    assert_eq!(arrived.len(), taken);
    assert!(arrived == text[..taken]);
}

fn a_deadline_ends_a_read_and_leaves_the_stream_whole(world: &World) {
    for dialler in BOTH {
        let Pair { kernel, sidestep } = connect(world, dialler);
        let mut room = [0; 16];
        for _ in 0..3 {
            sidestep
                .set_read_deadline(Duration::from_millis(20))
                .expect("it is open");
            let error = sidestep.read(&mut room).expect_err("nothing was sent");
            assert!(error.timeout(), "{error}");
            assert!(error.to_string().ends_with(": i/o timeout"), "{error}");
        }
        (&mut &kernel)
            .write_all(b"late")
            .expect("Sidestep is there");
        sidestep.set_read_deadline(PATIENCE).expect("it is open");
        assert_eq!(sidestep.read(&mut room).expect("it came"), 4);
        assert_eq!(&room[..4], b"late");
        // The other way on, to see that both ends think the same of it.
        sidestep.write(b"thanks").expect("it is open");
        let mut thanks = [0; 6];
        (&mut &kernel).read_exact(&mut thanks).expect("it came");
        assert_eq!(&thanks, b"thanks");
    }
}
