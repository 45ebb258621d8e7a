//! Requests and attention always reach a thread that sleeps, and a thread that ends leaves nobody.

use std::ops::ControlFlow;

use shuttle::thread;

use super::failure::{Attention, Failure, Gone};
use super::sync::{Arc, set_clock};
use super::ticket;
use super::{Letter, connection, explore, has_attention, office, serve};
use crate::deadline::Deadline;

#[test]
fn every_request_is_seen_by_a_thread_that_sleeps_between_them() {
    explore(|| {
        let (mailbox, bell) = office();
        let senders: Vec<_> = (0..3)
            .map(|sender| {
                let mailbox = Arc::clone(&mailbox);
                thread::spawn(move || {
                    for request in 0..3 {
                        mailbox.post(sender * 10 + request, Deadline::NONE).unwrap();
                    }
                })
            })
            .collect();
        let mut seen = Vec::new();
        serve(&mailbox, &bell, |mail| {
            assert!(mail.letters.len() <= 2, "the mailbox is bounded");
            seen.extend(mail.letters.drain(..).map(|letter| match letter {
                Letter::Request(request) => request,
                Letter::Attention(_) => unreachable!(),
            }));
            if seen.len() == 9 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        for sender in senders {
            sender.join().unwrap();
        }
        for sender in 0..3 {
            let of_one: Vec<_> = seen.iter().filter(|r| **r / 10 == sender).collect();
            assert!(
                of_one.is_sorted(),
                "requests of one thread keep their order"
            );
        }
    });
}

#[test]
fn attention_wakes_a_sleeping_thread() {
    explore(|| {
        let (mailbox, bell) = office();
        let caller = Arc::clone(&mailbox);
        let application = thread::spawn(move || caller.attend(connection()));
        serve(&mailbox, &bell, |mail| {
            if !has_attention(mail) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        application.join().unwrap();
    });
}

#[test]
fn a_thread_that_ends_fails_senders_that_wait_for_room() {
    explore(|| {
        let (mailbox, _bell) = office();
        let senders: Vec<_> = (0..3)
            .map(|request| {
                let mailbox = Arc::clone(&mailbox);
                thread::spawn(move || mailbox.post(request, Deadline::NONE))
            })
            .collect();
        mailbox.end(Gone::Died);
        for sender in senders {
            let outcome = sender.join().unwrap();
            assert!(matches!(outcome, Ok(()) | Err(Failure::Gone(Gone::Died))));
        }
        assert_eq!(
            mailbox.post(9, Deadline::NONE),
            Err(Failure::Gone(Gone::Died))
        );
    });
}

#[test]
fn a_ticket_is_answered_once_or_fails_when_nobody_will() {
    explore(|| {
        let (answered, answer) = ticket::pair::<u32>();
        let (dropped, unanswered) = ticket::pair::<u32>();
        let thread = thread::spawn(move || {
            drop(unanswered);
            assert_eq!(answer.give(7), Ok(()));
        });
        assert_eq!(answered.wait(Deadline::NONE), Ok(7));
        assert_eq!(dropped.wait(Deadline::NONE), Err(Failure::Gone(Gone::Died)));
        thread.join().unwrap();
    });
}

#[test]
fn a_ticket_past_its_deadline_tells_the_other_side() {
    explore(|| {
        let (ticket, answer) = ticket::pair::<u32>();
        let clock = thread::spawn(|| set_clock(100));
        let thread = thread::spawn(move || answer.give(7));
        let waited = ticket.wait(Deadline::from_nanos(100));
        let given = thread.join().unwrap();
        clock.join().unwrap();
        match waited {
            Ok(7) => assert_eq!(given, Ok(())),
            Err(Failure::Timeout) => {}
            other => panic!("{other:?}"),
        }
    });
}
