//! A direction of a pipe: writers and readers against each other, closes and deadlines.

use shuttle::thread;

use super::explore;
use super::pipe::{Lane, PipeFailure, PipeWriteFailure, Took};
use super::sync::{Arc, Mutex, set_clock};
use crate::deadline::Deadline;

fn lane() -> Arc<Lane> {
    Arc::new(Lane::default())
}

#[test]
fn every_octet_of_a_pipe_is_read_once_and_writes_stay_whole() {
    explore(|| {
        let lane = lane();
        let writers: Vec<_> = [b'a', b'b']
            .into_iter()
            .map(|letter| {
                let lane = Arc::clone(&lane);
                thread::spawn(move || lane.write(&[letter; 5]))
            })
            .collect();
        let read = Arc::new(Mutex::new(Vec::new()));
        let reader = {
            let (lane, read) = (Arc::clone(&lane), Arc::clone(&read));
            thread::spawn(move || {
                let mut octets = [0; 3];
                while let Took::Octets(count) = lane.read(&mut octets).unwrap() {
                    read.lock().extend_from_slice(&octets[..count]);
                }
            })
        };
        for writer in writers {
            assert_eq!(writer.join().unwrap(), Ok(5));
        }
        lane.close_writer();
        reader.join().unwrap();
        let read = read.lock().clone();
        assert_eq!(read.len(), 10);
        for call in read.chunks(5) {
            assert!(call.iter().all(|octet| octet == &call[0]), "{read:?}");
        }
    });
}

#[test]
fn empty_writes_meet_a_read_that_goes_on() {
    explore(|| {
        let lane = lane();
        let writer = Arc::clone(&lane);
        let writer = thread::spawn(move || {
            let empty = (writer.write(b""), writer.write(b""));
            (empty, writer.write(b"x"))
        });
        assert_eq!(lane.read(&mut [0; 4]), Ok(Took::Octets(1)));
        assert_eq!(writer.join().unwrap(), ((Ok(0), Ok(0)), Ok(1)));
    });
}

#[test]
fn closing_either_end_wakes_all_who_wait() {
    for reader_closes in [true, false] {
        explore(move || {
            let lane = lane();
            let writers: Vec<_> = (0..2)
                .map(|_| {
                    let lane = Arc::clone(&lane);
                    thread::spawn(move || lane.write(b"abc"))
                })
                .collect();
            let close = Arc::clone(&lane);
            let close = thread::spawn(move || {
                if reader_closes {
                    close.close_reader();
                } else {
                    close.close_writer();
                }
            });
            let taken = match lane.read(&mut [0; 2]) {
                Ok(Took::Octets(count)) => count,
                Ok(Took::End) => {
                    assert!(!reader_closes);
                    0
                }
                Err(failure) => {
                    assert!(reader_closes);
                    assert_eq!(failure, PipeFailure::Closed);
                    0
                }
            };
            close.join().unwrap();
            let mut written = 0;
            for writer in writers {
                let error = writer.join().unwrap().unwrap_err();
                assert_eq!(error.failure, PipeFailure::Closed);
                written += error.written;
            }
            assert_eq!(written, taken, "the writer knows what was read");
        });
    }
}

#[test]
fn a_deadline_of_a_write_races_with_the_read() {
    explore(|| {
        let lane = lane();
        lane.set_write_deadline(Deadline::from_nanos(50)).unwrap();
        let writer = Arc::clone(&lane);
        let writer = thread::spawn(move || writer.write(b"abcd"));
        let reader = Arc::clone(&lane);
        let reader = thread::spawn(move || {
            let mut taken = 0;
            while let Ok(Took::Octets(count)) = reader.read(&mut [0; 2]) {
                taken += count;
            }
            taken
        });
        set_clock(60);
        let written = match writer.join().unwrap() {
            Ok(written) => written,
            Err(PipeWriteFailure { written, failure }) => {
                assert_eq!(failure, PipeFailure::Timeout);
                written
            }
        };
        lane.close_writer();
        assert_eq!(reader.join().unwrap(), written);
    });
}

#[test]
fn a_deadline_set_later_reaches_those_who_wait_for_ever() {
    explore(|| {
        let lane = lane();
        let reader = Arc::clone(&lane);
        let reader = thread::spawn(move || reader.read(&mut [0; 2]));
        lane.set_read_deadline(Deadline::past()).unwrap();
        assert_eq!(reader.join().unwrap(), Err(PipeFailure::Timeout));
        let writer = Arc::clone(&lane);
        let writer = thread::spawn(move || writer.write(b"abcd"));
        lane.set_write_deadline(Deadline::past()).unwrap();
        let error = writer.join().unwrap().unwrap_err();
        assert_eq!(error.failure, PipeFailure::Timeout);
    });
}
