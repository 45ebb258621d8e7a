//! Reads and writes against the packet thread, each other, close, deadlines and resets.

use std::ops::ControlFlow;

use bytes::Bytes;
use shuttle::thread;
use sidestep_stack::call::Release;
use sidestep_stack::event::ConnectionError;

use super::failure::{Attention, Failure, Gone, WriteFailure};
use super::stream::{Stream, Which};
use super::stream_thread::EndOfStream;
use super::sync::{Arc, Mutex, set_clock};
use super::{LIMITS, connection, explore, has_attention, office, serve};
use crate::deadline::Deadline;

pub(super) fn stream(attention: Arc<dyn Attention>) -> Arc<Stream> {
    let stream = Stream::open(LIMITS, attention);
    stream.attach(connection(), "192.0.2.2:1".parse().unwrap());
    Arc::new(stream)
}

/// Takes what was written, `octets_max` octets at a time, as a stack with little room would.
pub(super) fn flush(stream: &Stream, octets_max: usize, sent: &mut Vec<u8>) {
    let mut text = Vec::new();
    stream.take_text(&mut text);
    let mut room = octets_max;
    let mut rest = Vec::new();
    let mut taken = 0;
    for mut slice in text {
        let piece = slice.split_to(slice.len().min(room));
        room -= piece.len();
        taken += piece.len();
        sent.extend_from_slice(&piece);
        if !slice.is_empty() {
            rest.push(slice);
        }
    }
    stream.text_sent(taken, &mut rest);
}

#[test]
fn concurrent_writes_stay_whole_through_a_queue_smaller_than_each() {
    explore(|| {
        let (mailbox, bell) = office();
        let stream = stream(Arc::clone(&mailbox) as _);
        let writers: Vec<_> = [b'a', b'b', b'c']
            .into_iter()
            .map(|letter| {
                let stream = Arc::clone(&stream);
                thread::spawn(move || stream.write(&[letter; 12]).unwrap())
            })
            .collect();
        let mut sent = Vec::new();
        serve(&mailbox, &bell, |_| {
            stream.attended();
            while !stream.text_is_empty() {
                flush(&stream, 5, &mut sent);
            }
            if sent.len() == 36 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        for writer in writers {
            assert_eq!(writer.join().unwrap(), 12);
        }
        for call in sent.chunks(12) {
            assert!(call.iter().all(|octet| octet == &call[0]), "{sent:?}");
        }
    });
}

#[test]
fn readers_get_every_octet_once_and_reopen_a_full_queue() {
    explore(|| {
        let (mailbox, bell) = office();
        let stream = stream(Arc::clone(&mailbox) as _);
        let read = Arc::new(Mutex::new(Vec::new()));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let stream = Arc::clone(&stream);
                let read = Arc::clone(&read);
                let mailbox = Arc::clone(&mailbox);
                thread::spawn(move || {
                    let mut octets = [0; 40];
                    loop {
                        let count = stream.read(&mut octets).unwrap();
                        if count == 0 {
                            mailbox.attend(connection());
                            return;
                        }
                        read.lock().extend_from_slice(&octets[..count]);
                    }
                })
            })
            .collect();
        // The stack's receive queue: 240 octets and a FIN; the event comes only once.
        let mut stack: Vec<u8> = (0..240).collect();
        let mut first = true;
        let mut ended = false;
        serve(&mailbox, &bell, |mail| {
            stream.attended();
            if first || has_attention(mail) {
                first = false;
                while !ended {
                    let room = stream.receive_room();
                    if room == 0 {
                        break;
                    }
                    let slice = stack.drain(..stack.len().min(room).min(100)).collect();
                    ended = stack.is_empty();
                    let end = if ended {
                        EndOfStream::Reached
                    } else {
                        EndOfStream::NotYet
                    };
                    stream.deliver(vec![Bytes::from_owner::<Vec<u8>>(slice)], end);
                }
            }
            if ended {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        for reader in readers {
            reader.join().unwrap();
        }
        let mut read = read.lock().clone();
        read.sort_unstable();
        assert_eq!(read, (0..240).collect::<Vec<u8>>());
    });
}

#[test]
fn close_wakes_readers_and_writers_at_once() {
    explore(|| {
        let (mailbox, _bell) = office();
        let stream = stream(mailbox);
        let reader = Arc::clone(&stream);
        let reader = thread::spawn(move || reader.read(&mut [0; 4]));
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let writer = Arc::clone(&stream);
                thread::spawn(move || writer.write(&[1; 20]))
            })
            .collect();
        stream.close().unwrap();
        assert_eq!(reader.join().unwrap(), Err(Failure::Closed));
        let mut written = 0;
        for writer in writers {
            let error = writer.join().unwrap().unwrap_err();
            assert_eq!(error.failure, Failure::Closed);
            written += error.written;
        }
        assert!(written <= LIMITS.send_octets);
        assert_eq!(stream.close(), Err(Failure::Closed));
        assert_eq!(stream.wants().release, Some(Release::Close));
    });
}

#[test]
fn what_arrives_while_closing_makes_the_release_say_so() {
    explore(|| {
        let (mailbox, _bell) = office();
        let stream = stream(mailbox);
        let closer = Arc::clone(&stream);
        let closer = thread::spawn(move || closer.close());
        stream.deliver(vec![Bytes::from_static(b"late")], EndOfStream::NotYet);
        closer.join().unwrap().unwrap();
        assert_eq!(stream.wants().release, Some(Release::CloseUnread));
    });
}

#[test]
fn a_deadline_set_later_reaches_calls_that_wait_for_ever() {
    explore(|| {
        let (mailbox, _bell) = office();
        let stream = stream(mailbox);
        let reader = Arc::clone(&stream);
        let reader = thread::spawn(move || reader.read(&mut [0; 4]));
        let writer = Arc::clone(&stream);
        let writer = thread::spawn(move || writer.write(&[1; 20]));
        stream.set_deadline(Which::Both, Deadline::past()).unwrap();
        assert_eq!(reader.join().unwrap(), Err(Failure::Timeout));
        let error = writer.join().unwrap().unwrap_err();
        assert_eq!(error.failure, Failure::Timeout);
        // What was taken is what the packet thread finds; the stream is not damaged.
        let mut sent = Vec::new();
        flush(&stream, 100, &mut sent);
        assert_eq!(sent.len(), error.written);
        stream.set_deadline(Which::Both, Deadline::NONE).unwrap();
        assert_eq!(stream.write(b"again"), Ok(5));
    });
}

#[test]
fn a_deadline_that_comes_races_with_data() {
    explore(|| {
        let (mailbox, _bell) = office();
        let stream = stream(mailbox);
        stream
            .set_deadline(Which::Read, Deadline::from_nanos(50))
            .unwrap();
        let reader = Arc::clone(&stream);
        let reader = thread::spawn(move || reader.read(&mut [0; 4]));
        let clock = thread::spawn(|| set_clock(60));
        stream.deliver(vec![Bytes::from_static(b"data")], EndOfStream::NotYet);
        clock.join().unwrap();
        match reader.join().unwrap() {
            Ok(4) => {}
            Err(Failure::Timeout) => {
                stream.set_deadline(Which::Read, Deadline::NONE).unwrap();
                assert_eq!(stream.read(&mut [0; 4]), Ok(4));
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_reset_is_told_to_exactly_one_of_the_calls_that_wait() {
    explore(|| {
        let (mailbox, _bell) = office();
        let stream = stream(mailbox);
        let reader = Arc::clone(&stream);
        let reader = thread::spawn(move || reader.read(&mut [0; 4]));
        let writer = Arc::clone(&stream);
        let writer = thread::spawn(move || writer.write(&[1; 20]));
        stream.fail(ConnectionError::Reset);
        let reset = Failure::Ended(ConnectionError::Reset);
        let read = reader.join().unwrap();
        let WriteFailure { failure, .. } = writer.join().unwrap().unwrap_err();
        match (read, failure) {
            (Err(told), Failure::BrokenPipe) => assert_eq!(told, reset),
            (Ok(0), told) => assert_eq!(told, reset),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn bad_26_an_error_that_meets_opening_and_closing_is_told_once_or_to_nobody() {
    // ICMP says that nobody listens while somebody waits for the handshake, somebody reads ahead, and
    // the handle is closed: whatever comes first, no more than one of them is told.
    explore(|| {
        let (mailbox, _bell) = office();
        let stream = Arc::new(Stream::opening(LIMITS, mailbox));
        stream.attach(connection(), "192.0.2.2:1".parse().unwrap());
        let dialler = Arc::clone(&stream);
        let dialler = thread::spawn(move || dialler.wait_open(Deadline::NONE));
        let closer = Arc::clone(&stream);
        let closer = thread::spawn(move || closer.close());
        stream.fail(ConnectionError::Refused);
        let refused = Failure::Ended(ConnectionError::Refused);
        let first = dialler.join().unwrap().map(|_| ());
        let second = stream.wait_open(Deadline::NONE).map(|_| ());
        let closed = closer.join().unwrap();
        let told = [first, second]
            .iter()
            .filter(|it| **it == Err(refused))
            .count();
        assert!(told <= 1, "told twice");
        assert!(first.is_err() && second.is_err(), "it never opened");
        assert!(closed.is_ok(), "closing works whatever has happened");
    });
}

#[test]
fn bad_26_an_error_that_meets_established_leaves_no_half_open_state() {
    explore(|| {
        let (mailbox, _bell) = office();
        let stream = Arc::new(Stream::opening(LIMITS, mailbox));
        stream.attach(connection(), "192.0.2.2:1".parse().unwrap());
        let dialler = Arc::clone(&stream);
        let dialler = thread::spawn(move || dialler.wait_open(Deadline::NONE).map(|_| ()));
        let reader = Arc::clone(&stream);
        // The packet thread tells one thing after the other, as the stack says them.
        stream.established();
        let reader = thread::spawn(move || reader.read(&mut [0; 4]));
        stream.fail(ConnectionError::Reset);
        let reset = Failure::Ended(ConnectionError::Reset);
        match (dialler.join().unwrap(), reader.join().unwrap()) {
            // The dial was seen to succeed, and the reader is told.
            (Ok(()), Err(told)) => assert_eq!(told, reset),
            // The dial is told; the reader finds the end.
            (Err(told), Ok(0)) => assert_eq!(told, reset),
            (Err(Failure::NotConnected), Err(told)) => assert_eq!(told, reset),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn opening_ends_for_the_one_who_waits_however_it_ends() {
    explore(|| {
        let (mailbox, _bell) = office();
        let stream = Arc::new(Stream::opening(LIMITS, mailbox));
        stream.attach(connection(), "192.0.2.2:1".parse().unwrap());
        let dialler = Arc::clone(&stream);
        let dialler = thread::spawn(move || dialler.wait_open(Deadline::NONE));
        let other = Arc::clone(&stream);
        let death = thread::spawn(move || other.die(Gone::Device));
        stream.established();
        death.join().unwrap();
        match dialler.join().unwrap() {
            Ok(_) | Err(Failure::Gone(Gone::Device)) => {}
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_dial_given_up_while_the_name_is_made_is_seen_by_the_thread() {
    explore(|| {
        let (mailbox, bell) = office();
        let attention: Arc<dyn Attention> = Arc::clone(&mailbox) as _;
        let stream = Arc::new(Stream::opening(LIMITS, attention));
        let dialler = Arc::clone(&stream);
        let dialler = thread::spawn(move || dialler.abort());
        // As `deliver.rs`: attach, then look once without being asked.
        stream.attach(connection(), "192.0.2.2:1".parse().unwrap());
        serve(&mailbox, &bell, |_| {
            stream.attended();
            match stream.wants().release {
                Some(Release::Abort) => ControlFlow::Break(()),
                Some(other) => panic!("{other:?}"),
                None => ControlFlow::Continue(()),
            }
        });
        dialler.join().unwrap().unwrap();
    });
}
