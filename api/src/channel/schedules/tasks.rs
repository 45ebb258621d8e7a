//! Tasks that wait where threads wait: no wake-up is lost, whoever else waits, closes or goes away.

use std::ops::ControlFlow;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use shuttle::thread;
use sidestep_stack::call::{CallRefused, Release};
use sidestep_stack::event::ConnectionError;

use super::accept::Acceptor;
use super::accepting::pull;
use super::datagram_poll::Sending;
use super::datagrams::{self, arrived, departing, peer};
use super::failure::{Attention, Failure, Gone};
use super::stream::{Stream, Which};
use super::stream_poll::{Text, Writing};
use super::stream_thread::EndOfStream;
use super::streams::{flush, stream};
use super::sync::{Arc, Mutex};
use super::ticket;
use super::waiters::Seat;
use super::{
    LIMITS, block_on, connection, explore, has_attention, listener, office, serve, socket,
};
use crate::deadline::Deadline;

/// Polls once with a waker that wakes nobody, as a task does that is dropped before its next poll.
fn poll_once<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(Waker::noop()))
}

/// A future's whole write, and what became of it.
fn write(stream: &Stream, octets: &[u8]) -> (usize, Result<(), Failure>) {
    let (mut seat, mut writing) = (Seat::Standing, Writing::default());
    let outcome =
        block_on(|cx| stream.poll_write(cx, &mut seat, &mut writing, Text::Borrowed(octets)));
    stream.end_writing(&mut writing);
    stream.leave(Which::Write, &mut seat);
    (writing.written, outcome)
}

/// A future's read.
fn read(stream: &Stream, octets: &mut [u8]) -> Result<usize, Failure> {
    let mut seat = Seat::Standing;
    let outcome = block_on(|cx| stream.poll_read(cx, &mut seat, octets));
    stream.leave(Which::Read, &mut seat);
    outcome
}

#[test]
fn readers_of_every_kind_get_every_octet_once_and_reopen_a_full_queue() {
    explore(|| {
        let (mailbox, bell) = office();
        let stream = stream(Arc::clone(&mailbox) as _);
        let total = Arc::new(Mutex::new(0));
        let readers: Vec<_> = (0..4)
            .map(|kind| {
                let (stream, total) = (Arc::clone(&stream), Arc::clone(&total));
                let mailbox = Arc::clone(&mailbox);
                thread::spawn(move || {
                    let mut octets = [0; 40];
                    loop {
                        let count = match kind {
                            0 => stream.read(&mut octets),
                            1 => block_on(|cx| stream.poll_read(cx, &mut Seat::Slot, &mut octets)),
                            _ => read(&stream, &mut octets),
                        };
                        let count = count.unwrap();
                        if count == 0 {
                            return mailbox.attend(connection());
                        }
                        *total.lock() += count;
                    }
                })
            })
            .collect();
        let mut left = 400;
        let mut first = true;
        serve(&mailbox, &bell, |mail| {
            stream.attended();
            if first || has_attention(mail) {
                first = false;
                while left > 0 && stream.receive_room() > 0 {
                    left -= 50;
                    let end = if left == 0 {
                        EndOfStream::Reached
                    } else {
                        EndOfStream::NotYet
                    };
                    stream.deliver(vec![Bytes::from_static(&[7; 50])], end);
                }
            }
            if left == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        for reader in readers {
            reader.join().unwrap();
        }
        assert_eq!(*total.lock(), 400);
    });
}

#[test]
fn writes_of_every_kind_stay_whole_through_a_queue_smaller_than_each() {
    explore(|| {
        let (mailbox, bell) = office();
        let stream = stream(Arc::clone(&mailbox) as _);
        let writers: Vec<_> = [b'a', b'b', b'c']
            .into_iter()
            .map(|letter| {
                let stream = Arc::clone(&stream);
                thread::spawn(move || match letter {
                    b'a' => assert_eq!(stream.write(&[letter; 12]), Ok(12)),
                    _ => assert_eq!(write(&stream, &[letter; 12]), (12, Ok(()))),
                })
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
            writer.join().unwrap();
        }
        for call in sent.chunks(12) {
            assert!(call.iter().all(|octet| octet == &call[0]), "{sent:?}");
        }
    });
}

#[test]
fn short_writes_of_a_task_get_past_a_thread_that_has_the_turn() {
    explore(|| {
        let (mailbox, bell) = office();
        let stream = stream(Arc::clone(&mailbox) as _);
        let other = Arc::clone(&stream);
        let writer = thread::spawn(move || other.write(&[b'a'; 12]).unwrap());
        let other = Arc::clone(&stream);
        let task = thread::spawn(move || {
            let mut left: &[u8] = &[b'b'; 12];
            while !left.is_empty() {
                let pieces = [std::io::IoSlice::new(left)];
                let taken = block_on(|cx| other.poll_write_some(cx, &mut Seat::Slot, &pieces));
                left = &left[taken.unwrap()..];
            }
        });
        let mut sent = Vec::new();
        serve(&mailbox, &bell, |_| {
            stream.attended();
            while !stream.text_is_empty() {
                flush(&stream, 3, &mut sent);
            }
            if sent.len() == 24 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        writer.join().unwrap();
        task.join().unwrap();
        let of_thread = sent.iter().position(|octet| *octet == b'a').unwrap();
        assert_eq!(sent[of_thread..of_thread + 12], [b'a'; 12]);
    });
}

#[test]
fn a_write_that_is_dropped_half_done_lets_the_next_one_go_on_behind_it() {
    explore(|| {
        let (mailbox, bell) = office();
        let stream = stream(Arc::clone(&mailbox) as _);
        let (mut seat, mut writing) = (Seat::Standing, Writing::default());
        let text = Text::Borrowed(&[b'a'; 20]);
        let first = poll_once(|cx| stream.poll_write(cx, &mut seat, &mut writing, text));
        assert!(first.is_pending());
        assert_eq!(writing.written, LIMITS.send_octets);
        let other = Arc::clone(&stream);
        let next = thread::spawn(move || write(&other, &[b'b'; 10]));
        stream.end_writing(&mut writing);
        stream.leave(Which::Write, &mut seat);
        let mut sent = Vec::new();
        serve(&mailbox, &bell, |_| {
            stream.attended();
            while !stream.text_is_empty() {
                flush(&stream, 5, &mut sent);
            }
            if sent.len() == LIMITS.send_octets + 10 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert_eq!(next.join().unwrap(), (10, Ok(())));
        assert!(
            sent[..LIMITS.send_octets]
                .iter()
                .all(|octet| *octet == b'a')
        );
    });
}

/// The queue was drained while the first one had the turn, so nothing but the end of the turn can
/// wake the next one.
#[test]
fn the_end_of_a_turn_wakes_whoever_waits_for_it() {
    explore(|| {
        let (mailbox, _bell) = office();
        let stream = stream(mailbox);
        let (mut seat, mut writing) = (Seat::Standing, Writing::default());
        let text = Text::Borrowed(&[b'a'; 20]);
        let first = poll_once(|cx| stream.poll_write(cx, &mut seat, &mut writing, text));
        assert!(first.is_pending());
        flush(&stream, 100, &mut Vec::new());
        let writers: Vec<_> = (0..2)
            .map(|kind| {
                let stream = Arc::clone(&stream);
                thread::spawn(move || match kind {
                    0 => assert_eq!(stream.write(b"bb"), Ok(2)),
                    _ => assert_eq!(write(&stream, b"bb"), (2, Ok(()))),
                })
            })
            .collect();
        stream.end_writing(&mut writing);
        stream.leave(Which::Write, &mut seat);
        for writer in writers {
            writer.join().unwrap();
        }
    });
}

#[test]
fn a_reader_that_is_dropped_takes_nobodys_wake_up_along() {
    explore(|| {
        let (mailbox, _bell) = office();
        let stream = stream(mailbox);
        let other = Arc::clone(&stream);
        let stays = thread::spawn(move || read(&other, &mut [0; 4]));
        let other = Arc::clone(&stream);
        let leaves = thread::spawn(move || {
            let mut seat = Seat::Standing;
            let polled = poll_once(|cx| other.poll_peek(cx, &mut seat, &mut [0; 4]));
            other.leave(Which::Read, &mut seat);
            polled
        });
        stream.deliver(vec![Bytes::from_static(b"text")], EndOfStream::NotYet);
        assert!(matches!(
            leaves.join().unwrap(),
            Poll::Pending | Poll::Ready(Ok(4))
        ));
        assert_eq!(stays.join().unwrap(), Ok(4));
    });
}

#[test]
fn close_deadline_reset_and_death_wake_the_tasks_of_both_directions() {
    explore(|| {
        for how in 0..4 {
            let (mailbox, _bell) = office();
            let stream = stream(mailbox);
            let tasks: Vec<_> = (0..4)
                .map(|kind| {
                    let stream = Arc::clone(&stream);
                    thread::spawn(move || match kind {
                        0 => block_on(|cx| stream.poll_read(cx, &mut Seat::Slot, &mut [0; 4])),
                        1 => read(&stream, &mut [0; 4]),
                        2 => write(&stream, &[1; 20]).1.map(|()| 0),
                        _ => write(&stream, &[1; 20]).1.map(|()| 0),
                    })
                })
                .collect();
            let expected = match how {
                0 => {
                    stream.close().unwrap();
                    Failure::Closed
                }
                1 => {
                    stream.set_deadline(Which::Both, Deadline::past()).unwrap();
                    Failure::Timeout
                }
                2 => {
                    stream.fail(ConnectionError::Reset);
                    Failure::Ended(ConnectionError::Reset)
                }
                _ => {
                    stream.die(Gone::Device);
                    Failure::Gone(Gone::Device)
                }
            };
            let outcomes: Vec<_> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
            let told = outcomes
                .iter()
                .filter(|outcome| **outcome == Err(expected))
                .count();
            // A reset is told to one, whoever it is.
            assert_eq!(told, if how == 2 { 1 } else { 4 }, "{outcomes:?}");
        }
    });
}

#[test]
fn opening_wakes_the_task_however_it_ends() {
    explore(|| {
        for how in 0..4 {
            let (mailbox, _bell) = office();
            let stream = Arc::new(Stream::opening(LIMITS, mailbox));
            stream.attach(connection(), "192.0.2.2:1".parse().unwrap());
            let dialler = Arc::clone(&stream);
            let dialler = thread::spawn(move || block_on(|cx| dialler.poll_open(cx)));
            match how {
                0 => stream.established(),
                1 => stream.refuse(CallRefused::NoRoute),
                2 => stream.abort().unwrap(),
                _ => stream.die(Gone::Device),
            }
            let outcome = dialler.join().unwrap();
            match how {
                0 => assert!(outcome.is_ok()),
                1 => assert_eq!(outcome, Err(Failure::Refused(CallRefused::NoRoute))),
                2 => {
                    assert_eq!(outcome, Err(Failure::Canceled));
                    assert_eq!(stream.wants().release, Some(Release::Abort));
                }
                _ => assert_eq!(outcome, Err(Failure::Gone(Gone::Device))),
            }
        }
    });
}

/// Tasks and a thread accept six connections, of which the stack holds all; `ahead_max` as given.
fn all_are_accepted(ahead_max: usize) {
    explore(move || {
        let (mailbox, bell) = office();
        let attention: Arc<dyn Attention> = Arc::clone(&mailbox) as _;
        let acceptor = Arc::new(Acceptor::new(ahead_max, attention));
        acceptor.attach(listener());
        let stack = Arc::new(Mutex::new(vec![1, 2, 3, 4, 5, 6]));
        let served = Arc::new(Mutex::new(0));
        let threads: Vec<_> = (0..3)
            .map(|kind| {
                let (acceptor, served) = (Arc::clone(&acceptor), Arc::clone(&served));
                let mailbox = Arc::clone(&mailbox);
                thread::spawn(move || {
                    let accept = || match kind {
                        0 => acceptor.accept().unwrap(),
                        1 => block_on(|cx| acceptor.poll_accept(cx, &mut Seat::Slot)).unwrap(),
                        _ => {
                            let mut seat = Seat::Standing;
                            let got = block_on(|cx| acceptor.poll_accept(cx, &mut seat));
                            acceptor.leave(&mut seat);
                            got.unwrap()
                        }
                    };
                    let got = [accept(), accept()];
                    *served.lock() += 1;
                    mailbox.attend(listener());
                    got
                })
            })
            .collect();
        let mut arrived = false;
        serve(&mailbox, &bell, |mail| {
            // `Acceptable` comes once; from then on only attention makes us look.
            if !arrived || has_attention(mail) {
                arrived = true;
                pull(&acceptor, &stack);
            }
            if *served.lock() == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let mut all: Vec<u32> = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3, 4, 5, 6]);
    });
}

#[test]
fn connections_taken_ahead_reach_tasks_and_threads() {
    all_are_accepted(1);
}

#[test]
fn connections_taken_on_demand_reach_tasks_and_threads() {
    all_are_accepted(0);
}

#[test]
fn close_and_death_wake_every_task_that_accepts() {
    explore(|| {
        for how in 0..3 {
            let (mailbox, _bell) = office();
            let acceptor = Arc::new(Acceptor::<u32>::new(1, mailbox));
            let tasks: Vec<_> = [Seat::Slot, Seat::Standing, Seat::Standing]
                .into_iter()
                .map(|mut seat| {
                    let acceptor = Arc::clone(&acceptor);
                    thread::spawn(move || block_on(|cx| acceptor.poll_accept(cx, &mut seat)))
                })
                .collect();
            let expected = match how {
                0 => {
                    acceptor.close().unwrap();
                    Failure::Closed
                }
                1 => {
                    acceptor.set_deadline(Deadline::past()).unwrap();
                    Failure::Timeout
                }
                _ => {
                    acceptor.die(Gone::Device);
                    Failure::Gone(Gone::Device)
                }
            };
            for task in tasks {
                assert_eq!(task.join().unwrap(), Err(expected));
            }
        }
    });
}

#[test]
fn datagrams_reach_tasks_and_a_full_queue_is_filled_again() {
    explore(|| {
        let (mailbox, bell) = office();
        let channel = datagrams::channel(Arc::clone(&mailbox) as _);
        let done = Arc::new(Mutex::new(0));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (channel, done) = (Arc::clone(&channel), Arc::clone(&done));
                let mailbox = Arc::clone(&mailbox);
                thread::spawn(move || {
                    for _ in 0..2 {
                        let mut seat = Seat::Standing;
                        block_on(|cx| channel.poll_receive(cx, &mut seat)).unwrap();
                        channel.leave(Which::Read, &mut seat);
                    }
                    *done.lock() += 1;
                    mailbox.attend(socket());
                })
            })
            .collect();
        let mut left = 4;
        serve(&mailbox, &bell, |_| {
            channel.attended();
            while left > 0 && channel.has_room() {
                left -= 1;
                channel.deliver(arrived(7));
            }
            if *done.lock() == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

/// A future's send.
fn send(channel: &super::datagram::DatagramChannel, known: bool) -> Result<(), Failure> {
    let (mut seat, mut sending) = (Seat::Standing, Sending::default());
    let remote = (!known).then(peer);
    let outcome =
        block_on(|cx| channel.poll_send(cx, &mut seat, &mut sending, || departing(remote)));
    channel.leave(Which::Write, &mut seat);
    outcome
}

#[test]
fn tasks_share_a_full_queue_and_hear_the_first_verdict() {
    explore(|| {
        let (mailbox, bell) = office();
        let channel = datagrams::channel(Arc::clone(&mailbox) as _);
        let senders: Vec<_> = (0..3)
            .map(|kind| {
                let channel = Arc::clone(&channel);
                thread::spawn(move || match kind {
                    0 => channel.send(departing(Some(peer()))),
                    _ => send(&channel, false),
                })
            })
            .collect();
        let mut sent = 0;
        serve(&mailbox, &bell, |_| {
            channel.attended();
            for datagram in channel.take_departing() {
                sent += 1;
                if let Some(answer) = datagram.answer {
                    let _ = answer.give(Ok(()));
                }
            }
            if sent == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        for sender in senders {
            assert_eq!(sender.join().unwrap(), Ok(()));
        }
    });
}

#[test]
fn close_deadline_and_death_wake_tasks_that_wait_for_room_or_a_verdict() {
    explore(|| {
        for how in 0..3 {
            for known in [true, false] {
                let (mailbox, _bell) = office();
                let channel = datagrams::channel(mailbox);
                if known {
                    // One datagram fills the queue, so that the sender waits for room.
                    channel.send(departing(None)).unwrap();
                }
                let other = Arc::clone(&channel);
                let sender = thread::spawn(move || send(&other, known));
                let other = Arc::clone(&channel);
                let reader = thread::spawn(move || {
                    block_on(|cx| other.poll_receive(cx, &mut Seat::Slot)).map(|_| ())
                });
                let expected = match how {
                    0 => {
                        channel.close().unwrap();
                        Failure::Closed
                    }
                    1 => {
                        channel.set_deadline(Which::Both, Deadline::past()).unwrap();
                        Failure::Timeout
                    }
                    _ => {
                        channel.die(Gone::Device);
                        Failure::Gone(Gone::Device)
                    }
                };
                assert_eq!(reader.join().unwrap(), Err(expected));
                assert_eq!(sender.join().unwrap(), Err(expected));
            }
        }
    });
}

#[test]
fn a_ticket_wakes_its_task_with_an_answer_or_without() {
    explore(|| {
        let (mut answered, answer) = ticket::pair::<u32>();
        let (mut dropped, unanswered) = ticket::pair::<u32>();
        let thread = thread::spawn(move || {
            assert_eq!(answer.give(7), Ok(()));
            drop(unanswered);
        });
        let poll = |ticket: &mut ticket::Ticket<u32>| {
            block_on(|cx| std::future::Future::poll(std::pin::Pin::new(&mut *ticket), cx))
        };
        assert_eq!(poll(&mut answered), Ok(7));
        assert_eq!(poll(&mut dropped), Err(Failure::Gone(Gone::Died)));
        thread.join().unwrap();
    });
}

#[test]
fn tasks_post_through_a_full_mailbox_and_hear_of_its_end() {
    explore(|| {
        let (mailbox, bell) = office();
        let post = |request: u32| {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || {
                let (mut seat, mut request) = (Seat::Standing, Some(request));
                let outcome = block_on(|cx| mailbox.poll_post(cx, &mut seat, &mut request));
                mailbox.leave(&mut seat);
                outcome
            })
        };
        let senders: Vec<_> = (0..4).map(post).collect();
        let mut seen = 0;
        serve(&mailbox, &bell, |mail| {
            seen += mail.letters.len();
            if seen == 4 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        for sender in senders {
            assert_eq!(sender.join().unwrap(), Ok(()));
        }
        let late: Vec<_> = (0..3).map(post).collect();
        mailbox.end(Gone::Died);
        for sender in late {
            let outcome = sender.join().unwrap();
            assert!(matches!(outcome, Ok(()) | Err(Failure::Gone(Gone::Died))));
        }
    });
}
