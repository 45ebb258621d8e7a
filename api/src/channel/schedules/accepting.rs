//! `accept` against arrival, close, deadline and the end of the packet thread.

use std::ops::ControlFlow;

use shuttle::thread;

use super::accept::Acceptor;
use super::failure::{Attention, Failure, Gone};
use super::sync::{Arc, Mutex, set_clock};
use super::{explore, has_attention, listener, office, serve};
use crate::deadline::Deadline;

/// Moves connections from a stack's queue into the channel, as `deliver.rs` does.
pub(super) fn pull(acceptor: &Acceptor<u32>, stack: &Mutex<Vec<u32>>) {
    acceptor.attended();
    while acceptor.room() > 0 {
        let Some(connection) = stack.lock().pop() else {
            return;
        };
        if acceptor.deliver(connection).is_err() {
            return;
        }
    }
}

/// Two threads accept two connections each, of which the stack holds four; `ahead_max` as given.
fn all_are_accepted(ahead_max: usize) {
    explore(move || {
        let (mailbox, bell) = office();
        let attention: Arc<dyn Attention> = Arc::clone(&mailbox) as _;
        let acceptor = Arc::new(Acceptor::new(ahead_max, attention));
        acceptor.attach(listener());
        let stack = Arc::new(Mutex::new(vec![1, 2, 3, 4]));
        let served = Arc::new(Mutex::new(0));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let acceptor = Arc::clone(&acceptor);
                let served = Arc::clone(&served);
                let mailbox = Arc::clone(&mailbox);
                thread::spawn(move || {
                    let got = [acceptor.accept().unwrap(), acceptor.accept().unwrap()];
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
            if *served.lock() == 2 {
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
        assert_eq!(all, [1, 2, 3, 4]);
    });
}

#[test]
fn connections_taken_ahead_reach_every_accept() {
    all_are_accepted(1);
}

#[test]
fn connections_taken_on_demand_reach_every_accept() {
    all_are_accepted(0);
}

#[test]
fn close_wakes_every_accept_whatever_arrives_meanwhile() {
    explore(|| {
        let (mailbox, _bell) = office();
        let attention: Arc<dyn Attention> = Arc::clone(&mailbox) as _;
        let acceptor = Arc::new(Acceptor::new(1, attention));
        acceptor.attach(listener());
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let acceptor = Arc::clone(&acceptor);
                thread::spawn(move || acceptor.accept())
            })
            .collect();
        let other = Arc::clone(&acceptor);
        let closer = thread::spawn(move || other.close());
        let lost = acceptor.deliver(1).is_err();
        assert_eq!(closer.join().unwrap(), Ok(()));
        let mut accepted = 0;
        for thread in threads {
            match thread.join().unwrap() {
                Ok(1) => accepted += 1,
                Err(Failure::Closed) => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(accepted <= 1 && !(lost && accepted == 1));
        assert_eq!(acceptor.accept(), Err(Failure::Closed));
        assert_eq!(acceptor.close(), Err(Failure::Closed));
    });
}

#[test]
fn a_deadline_set_later_ends_an_accept_that_waits_for_ever() {
    explore(|| {
        let (mailbox, _bell) = office();
        let acceptor = Arc::new(Acceptor::<u32>::new(1, mailbox));
        let other = Arc::clone(&acceptor);
        let thread = thread::spawn(move || other.accept());
        acceptor.set_deadline(Deadline::past()).unwrap();
        assert_eq!(thread.join().unwrap(), Err(Failure::Timeout));
    });
}

#[test]
fn a_deadline_that_comes_ends_an_accept_or_a_connection_does() {
    explore(|| {
        let (mailbox, _bell) = office();
        let acceptor = Arc::new(Acceptor::<u32>::new(1, mailbox));
        acceptor.set_deadline(Deadline::from_nanos(50)).unwrap();
        let other = Arc::clone(&acceptor);
        let thread = thread::spawn(move || other.accept());
        let clock = thread::spawn(|| set_clock(50));
        acceptor.deliver(5).unwrap();
        clock.join().unwrap();
        match thread.join().unwrap() {
            Ok(5) => {}
            Err(Failure::Timeout) => {
                // The deadline does not lose the connection.
                acceptor.set_deadline(Deadline::NONE).unwrap();
                assert_eq!(acceptor.accept(), Ok(5));
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn the_end_of_the_thread_ends_every_accept() {
    explore(|| {
        let (mailbox, _bell) = office();
        let acceptor = Arc::new(Acceptor::<u32>::new(0, mailbox));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let acceptor = Arc::clone(&acceptor);
                thread::spawn(move || acceptor.accept())
            })
            .collect();
        acceptor.die(Gone::Device);
        for thread in threads {
            assert_eq!(thread.join().unwrap(), Err(Failure::Gone(Gone::Device)));
        }
    });
}
