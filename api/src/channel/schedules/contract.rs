//! The promises of the contract's kit, under random schedules: two streams with a packet thread
//! between them.
//!
//! `contract/` of the crate asks the same of real connections on real threads. Here the thread that
//! ferries text stands for both stacks and the link, the clock is a number that a thread moves, and
//! whatever would block for ever is reported with the schedule that leads to it.

use std::ops::ControlFlow;

use shuttle::thread::{self, JoinHandle};

use super::failure::{Failure, WriteFailure};
use super::stream::{Stream, Which};
use super::stream_thread::EndOfStream;
use super::streams::stream;
use super::sync::{Arc, set_clock};
use super::{explore, office, serve};
use crate::deadline::Deadline;

/// More than both queues between the ends hold.
const TOO_MUCH: usize = 700;

/// Two ends of one connection, and the thread between them, which ends when both are closed.
fn joined() -> (Arc<Stream>, Arc<Stream>, JoinHandle<()>) {
    let (mailbox, bell) = office();
    let ends = [
        stream(Arc::clone(&mailbox) as _),
        stream(Arc::clone(&mailbox) as _),
    ];
    let (here, there) = (Arc::clone(&ends[0]), Arc::clone(&ends[1]));
    let ferry = thread::spawn(move || {
        let mut done = [false; 2];
        serve(&mailbox, &bell, |_| {
            for end in &ends {
                end.attended();
            }
            while carry(&ends[0], &ends[1], &mut done[0]) | carry(&ends[1], &ends[0], &mut done[1])
            {
            }
            if done == [true; 2] {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
    });
    (here, there, ferry)
}

/// Carries what `to` has room for. True if there may be more to do; `done` once `from` is closed.
fn carry(from: &Stream, to: &Stream, done: &mut bool) -> bool {
    if *done {
        return false;
    }
    let gone = to.is_given_up();
    let mut room = if gone { usize::MAX } else { to.receive_room() };
    let mut taken = 0;
    if room > 0 && !from.text_is_empty() {
        let (mut text, mut moved, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        from.take_text(&mut text);
        for mut slice in text {
            let piece = slice.split_to(slice.len().min(room));
            room -= piece.len();
            taken += piece.len();
            moved.push(piece);
            if !slice.is_empty() {
                rest.push(slice);
            }
        }
        to.deliver(moved, EndOfStream::NotYet);
        from.text_sent(taken, &mut rest);
    }
    // Asked first, as the packet thread does: what was written before the end is then here.
    let wants = from.wants();
    if from.text_is_empty() {
        if wants.end_write || wants.release.is_some() {
            to.deliver(Vec::new(), EndOfStream::Reached);
            from.write_ended();
        }
        if wants.release.is_some() {
            from.released();
            *done = true;
        }
    }
    taken > 0
}

/// Closes both ends and waits for the thread between them.
fn end(here: &Stream, there: &Stream, ferry: JoinHandle<()>) {
    let _ = here.close();
    let _ = there.close();
    ferry.join().unwrap();
}

fn read_exactly(end: &Stream, octets: usize) -> Vec<u8> {
    let mut got = vec![0; octets];
    let mut filled = 0;
    while filled < octets {
        match end.read(&mut got[filled..]).unwrap() {
            0 => break,
            len => filled += len,
        }
    }
    got.truncate(filled);
    got
}

#[test]
fn ping_pong() {
    explore(|| {
        let (here, there, ferry) = joined();
        let answering = Arc::clone(&there);
        let answers = thread::spawn(move || {
            for turn in 0..3 {
                assert_eq!(read_exactly(&answering, 2), [turn, 1]);
                answering.write(&[turn, 2]).unwrap();
            }
        });
        for turn in 0..3 {
            here.write(&[turn, 1]).unwrap();
            assert_eq!(read_exactly(&here, 2), [turn, 2]);
        }
        answers.join().unwrap();
        end(&here, &there, ferry);
    });
}

#[test]
fn basic_io_through_queues_that_hold_less_and_an_end() {
    explore(|| {
        let (here, there, ferry) = joined();
        let writing = Arc::clone(&here);
        let writer = thread::spawn(move || {
            let octets: Vec<u8> = (0..TOO_MUCH).map(|n| n as u8).collect();
            writing.write(&octets).unwrap();
            writing.close().unwrap();
        });
        let got = read_exactly(&there, TOO_MUCH + 1);
        let want: Vec<u8> = (0..TOO_MUCH).map(|n| n as u8).collect();
        assert_eq!(got, want);
        assert_eq!(there.read(&mut [0]), Ok(0));
        writer.join().unwrap();
        end(&here, &there, ferry);
    });
}

#[test]
fn racy_read() {
    explore(|| {
        let (here, there, ferry) = joined();
        let supplying = Arc::clone(&there);
        let supply = thread::spawn(move || {
            while supplying.write(&[1; 5]).is_ok() {
                thread::yield_now();
            }
        });
        let readers: Vec<_> = (1..=2)
            .map(|number| {
                let here = Arc::clone(&here);
                thread::spawn(move || {
                    for round in 0..2 {
                        let soon = Deadline::from_nanos(10 * number + 20 * round);
                        here.set_deadline(Which::Read, soon).unwrap();
                        match here.read(&mut [0; 8]) {
                            Ok(1..) | Err(Failure::Timeout) => {}
                            other => panic!("{other:?}"),
                        }
                    }
                })
            })
            .collect();
        for nanos in [15, 25, 100] {
            set_clock(nanos);
            thread::yield_now();
        }
        for reader in readers {
            reader.join().unwrap();
        }
        end(&here, &there, ferry);
        supply.join().unwrap();
    });
}

#[test]
fn racy_write_and_what_was_taken_arrives() {
    explore(|| {
        let (here, there, ferry) = joined();
        let writers: Vec<_> = (1..=2)
            .map(|number| {
                let here = Arc::clone(&here);
                thread::spawn(move || {
                    let soon = Deadline::from_nanos(10 * number);
                    here.set_deadline(Which::Write, soon).unwrap();
                    match here.write(&[number as u8; 20]) {
                        Ok(taken) => taken,
                        Err(WriteFailure {
                            written,
                            failure: Failure::Timeout,
                        }) => written,
                        Err(other) => panic!("{other:?}"),
                    }
                })
            })
            .collect();
        for nanos in [12, 30] {
            set_clock(nanos);
            thread::yield_now();
        }
        let taken: usize = writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .sum();
        here.close().unwrap();
        let got = read_exactly(&there, 41);
        assert_eq!(got.len(), taken);
        // Not mixed: once the octets change, they stay.
        let changes = got.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(changes <= 1, "{got:?}");
        end(&here, &there, ferry);
    });
}

#[test]
fn a_write_that_times_out_says_how_much_and_the_stream_goes_on() {
    explore(|| {
        let (here, there, ferry) = joined();
        let clock = thread::spawn(|| set_clock(100));
        here.set_deadline(Which::Write, Deadline::from_nanos(50))
            .unwrap();
        let octets: Vec<u8> = (0..TOO_MUCH).map(|n| n as u8).collect();
        let error = here.write(&octets).unwrap_err();
        assert_eq!(error.failure, Failure::Timeout);
        clock.join().unwrap();
        here.set_deadline(Which::Write, Deadline::NONE).unwrap();
        let writing = Arc::clone(&here);
        let last = thread::spawn(move || {
            writing.write(b"!").unwrap();
            writing.close().unwrap();
        });
        let got = read_exactly(&there, TOO_MUCH);
        assert_eq!(got.split_last(), Some((&b'!', &octets[..error.written])));
        last.join().unwrap();
        end(&here, &there, ferry);
    });
}

#[test]
fn present_and_future_deadlines_wake_both_directions_and_can_be_lifted() {
    explore(|| {
        let (here, there, ferry) = joined();
        let (reading, writing) = (Arc::clone(&here), Arc::clone(&here));
        let read = thread::spawn(move || reading.read(&mut [0; 4]));
        let write = thread::spawn(move || writing.write(&[7; TOO_MUCH]));
        // One in the past, one that comes while they wait.
        here.set_deadline(Which::Read, Deadline::past()).unwrap();
        here.set_deadline(Which::Write, Deadline::from_nanos(50))
            .unwrap();
        set_clock(60);
        assert_eq!(read.join().unwrap(), Err(Failure::Timeout));
        let error = write.join().unwrap().unwrap_err();
        assert_eq!(error.failure, Failure::Timeout);
        // It stays until it is changed, and then the stream is as good as new.
        assert_eq!(here.read(&mut [0; 4]), Err(Failure::Timeout));
        here.set_deadline(Which::Both, Deadline::NONE).unwrap();
        there.write(b"ok").unwrap();
        assert_eq!(read_exactly(&here, 2), b"ok");
        assert_eq!(read_exactly(&there, error.written).len(), error.written);
        end(&here, &there, ferry);
    });
}

#[test]
fn close_wakes_calls_with_a_deadline_far_away_and_the_peer_reads_the_end() {
    explore(|| {
        let (here, there, ferry) = joined();
        let (reading, writing) = (Arc::clone(&here), Arc::clone(&here));
        let read = thread::spawn(move || reading.read(&mut [0; 4]));
        let write = thread::spawn(move || writing.write(&[7; TOO_MUCH]));
        here.close().unwrap();
        assert_eq!(read.join().unwrap(), Err(Failure::Closed));
        let error = write.join().unwrap().unwrap_err();
        assert_eq!(error.failure, Failure::Closed);
        assert_eq!(read_exactly(&there, TOO_MUCH).len(), error.written);
        assert_eq!(here.close(), Err(Failure::Closed));
        end(&here, &there, ferry);
    });
}

#[test]
fn concurrent_methods() {
    explore(|| {
        let (here, there, ferry) = joined();
        let echoing = Arc::clone(&there);
        let echo = thread::spawn(move || {
            let mut octets = [0; 16];
            while let Ok(len @ 1..) = echoing.read(&mut octets) {
                if echoing.write(&octets[..len]).is_err() {
                    break;
                }
            }
        });
        let soon = |nanos| Deadline::from_nanos(nanos);
        let calls: Vec<_> = (0..4)
            .map(|number| {
                let here = Arc::clone(&here);
                thread::spawn(move || match number {
                    0 => match here.read(&mut [0; 8]) {
                        Ok(1..) | Err(Failure::Timeout) => {}
                        other => panic!("{other:?}"),
                    },
                    1 => match here.write(&[9; 12]) {
                        Ok(12) => {}
                        Err(error) if error.failure == Failure::Timeout => {}
                        other => panic!("{other:?}"),
                    },
                    2 => here.set_deadline(Which::Read, soon(20)).unwrap(),
                    _ => here.set_deadline(Which::Both, soon(40)).unwrap(),
                })
            })
            .collect();
        set_clock(30);
        thread::yield_now();
        set_clock(50);
        for call in calls {
            call.join().unwrap();
        }
        end(&here, &there, ferry);
        echo.join().unwrap();
    });
}
